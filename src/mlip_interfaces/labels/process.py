"""A teacher in a process of its own: it may raise, hang or die, and costs one label."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from ase import Atoms

from mlip_interfaces.engines import missing_engine
from mlip_interfaces.labels.evaluation import Evaluation, LabelFailure, judge_answer, judge_structure
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teachers import build_teacher

_START_SECONDS = 180.0
_PR_SET_PDEATHSIG = 1


class TeacherProcess:
    """A teacher that answers one structure at a time and is started again when it is lost.

    Parameters
    ----------
    settings : LabelSettings
        What labels are made with.
    """

    def __init__(self, settings: LabelSettings) -> None:
        self._settings = settings
        self._process: Any = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def evaluate(self, atoms: Atoms, folder: Path | None = None) -> Evaluation:
        """Energy, forces and virial; an ASE calculator needs no folder.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        folder : Path, optional
            Not used.

        Returns
        -------
        Evaluation
            Of the structure.

        Raises
        ------
        LabelFailure
            If the teacher cannot be loaded, raises, hangs past the limit, dies, or gives numbers that are not finite
            or beyond the limits of the settings.
        """
        judge_structure(atoms, self._settings)
        pipe = self._started()
        began = time.monotonic()
        structure = (atoms.get_chemical_symbols(), atoms.positions, np.asarray(atoms.cell))
        energy, forces, virial = self._answer(pipe, self._settings.timeout_seconds, structure)
        judge_answer(energy, forces, virial, len(atoms), self._settings)
        return Evaluation(energy, forces, virial, time.monotonic() - began)

    def _started(self) -> Connection:
        if self._pipe is not None and not wait([self._process.sentinel], 0.0):
            return self._pipe
        # Lost between two structures (say, killed for memory): the next one is not to blame.
        self._stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._settings, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        self._answer(ours, _START_SECONDS)
        return ours

    def _answer(self, pipe: Connection, limit_seconds: float, question: Any = None) -> Any:
        try:
            if question is not None:
                pipe.send(question)
            if not pipe.poll(limit_seconds):
                self._stop()
                raise LabelFailure(f"timed out after {limit_seconds:g} s", "timeout")
            status, content = pipe.recv()
        except (EOFError, OSError) as error:
            wait([self._process.sentinel], 5.0)
            code = self._stop()
            raise LabelFailure(f"the teacher's process died with exit status {code}") from error
        if status == "raised":
            raise LabelFailure(content)
        if status == "not loaded":
            self._stop()
            raise LabelFailure(f"the teacher could not be loaded: {content}", "configuration")
        return content

    def _stop(self) -> int | None:
        """End the process with all that it started; its exit status."""
        code: int | None = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
            code = self._process.exitcode
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None
        return code


def _serve(pipe: Connection, settings: LabelSettings, parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return
    # A group of its own: an engine that the calculator starts ends together with it.
    os.setpgid(0, 0)
    try:
        calculator = build_teacher(settings.calculator, settings.parameters)
    except Exception as error:  # noqa: BLE001 (whatever a foreign calculator raises is the reason of the failure)
        engine = missing_engine(error) if isinstance(error, ModuleNotFoundError) else None
        pipe.send(("not loaded", str(engine) if engine else f"{type(error).__name__}: {error}"))
        return
    pipe.send(("ready", None))
    while True:
        try:
            symbols, positions, cell = pipe.recv()
        except EOFError:
            return
        atoms = Atoms(symbols, positions=positions, cell=cell, pbc=True)
        atoms.calc = calculator
        try:
            energy = float(_energy(atoms))
            forces = np.array(atoms.get_forces(), dtype=np.float64)
            stress = np.array(atoms.get_stress(voigt=False), dtype=np.float64)
        except Exception as error:  # noqa: BLE001 (as above)
            pipe.send(("raised", f"{type(error).__name__}: {error}"))
            continue
        pipe.send(("ok", (energy, forces, -atoms.get_volume() * stress)))


def _energy(atoms: Atoms) -> float:
    if "free_energy" in getattr(atoms.calc, "implemented_properties", ()):
        return float(atoms.get_potential_energy(force_consistent=True))
    return float(atoms.get_potential_energy())
