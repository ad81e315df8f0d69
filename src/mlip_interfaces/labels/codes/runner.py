"""A DFT code as a teacher: one run per structure, in its own process group, judged; perhaps a second attempt."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ase import Atoms

from mlip_interfaces.config.dft import Dft
from mlip_interfaces.engines import require_packages
from mlip_interfaces.errors import MissingEngineError, MissingProgramError
from mlip_interfaces.files import write_text
from mlip_interfaces.labels.codes.contract import Answer, Code, Written
from mlip_interfaces.labels.codes.registry import CODES
from mlip_interfaces.labels.evaluation import Evaluation, LabelFailure, judge_answer, judge_structure
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.programs import THREAD_ENVIRONMENT, find_program, log_tail, run_to_status

_FOLDER_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "the folder cannot be written",
}


class CodeRunner:
    """Runs the code of the settings, one structure at a time.

    Parameters
    ----------
    settings : LabelSettings
        What labels are made with, by one of `CODES`.
    known_pseudopotentials : mapping of str to str, optional
        Hashes by element that earlier labels used; others are refused.
    """

    def __init__(self, settings: LabelSettings, known_pseudopotentials: Mapping[str, str] | None = None) -> None:
        assert settings.dft is not None
        self._settings = settings
        self._dft: Dft = settings.dft
        self._code: Code = CODES[settings.calculator]
        self._hashes = dict(known_pseudopotentials or {})
        for symbol, element in settings.dft.elements.items():
            if element.pseudopotential.sha256:
                self._hashes[symbol] = element.pseudopotential.sha256

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing outlives a structure."""

    def evaluate(self, atoms: Atoms, folder: Path) -> Evaluation:
        """Energy, forces and virial.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        folder : Path
            The code works in a subfolder of it, named after the code.

        Returns
        -------
        Evaluation
            Of the first attempt that succeeds.

        Raises
        ------
        LabelFailure
            If the code cannot be run, fails, hangs, does not converge, or gives numbers beyond the limits.
        """
        judge_structure(atoms, self._settings)
        began = time.monotonic()
        n_attempts = 2 if self._settings.second_attempt else 1
        for attempt in range(1, n_attempts + 1):
            try:
                evaluation = self._attempt(atoms, folder, attempt)
            except LabelFailure as failure:
                failure.attempt = attempt
                if failure.cause != "code" or attempt == n_attempts:
                    raise
            else:
                return replace(evaluation, wall_seconds=time.monotonic() - began)
        raise AssertionError

    def _attempt(self, atoms: Atoms, folder: Path, attempt: int) -> Evaluation:
        working = folder / (self._code.name if attempt == 1 else f"{self._code.name}_attempt_{attempt}")
        try:
            shutil.rmtree(working, ignore_errors=True)
            working.mkdir(parents=True)
            written = self._code.write(atoms, self._dft, working, attempt)
            self._check_pseudopotentials(written)
            command = runnable_command(self._code, self._dft)
            if written.missing:
                raise LabelFailure(written.missing, "configuration")
            log = working / self._code.log
            write_text(working / "run.sh", f'cd "$(dirname "$0")"\nexec {shlex.join(command)} > {log.name} 2>&1\n')
            status = _run(command, working, log, self._settings.timeout_seconds)
            answer = self._parsed(atoms, working, log, status)
        except OSError as error:
            # What is there is of no use, and its room may be all that is left for the label.
            shutil.rmtree(working, ignore_errors=True)
            raise LabelFailure(f"{describe_os_error(error)} ({working})", "configuration") from error
        judge_answer(answer.energy_ev, answer.forces_ev_per_angstrom, answer.virial_ev, len(atoms), self._settings)
        for pattern in self._code.discard:
            for file in working.glob(pattern):
                file.unlink()
        return Evaluation(
            answer.energy_ev,
            answer.forces_ev_per_angstrom,
            answer.virial_ev,
            0.0,
            code=answer.code,
            cores=self._dft.cores or answer.cores or allocated_cores(),
            attempt=attempt,
            safer_settings=written.safer_settings,
            pseudopotentials=written.pseudopotentials,
        )

    def _parsed(self, atoms: Atoms, working: Path, log: Path, status: int) -> Answer:
        words = " / ".join(line.strip() for line in log_tail(log, 4).splitlines() if line.strip())
        if status == 0:
            return self._code.parse(atoms, working)
        if "No space left on device" in words:
            raise LabelFailure(f"the disk is full ({working})", "configuration")
        try:
            self._code.parse(atoms, working)
        except LabelFailure as failure:
            if failure.cause == "configuration":
                raise
        else:
            # A whole answer of a program that failed is not believed.
            words = "though its output is whole"
        raise LabelFailure(f"{self._code.label} ended with exit status {status}: {words or 'no output'}")

    def _check_pseudopotentials(self, written: Written) -> None:
        for symbol, used in written.pseudopotentials.items():
            if "sha256" not in used:
                continue
            known = self._hashes.setdefault(symbol, used["sha256"])
            if used["sha256"] != known:
                raise LabelFailure(
                    f"the pseudopotential {used['name']} of {symbol} is not the one the study or the first label used "
                    f"(SHA-256 {used['sha256'][:12]}, not {known[:12]})",
                    "configuration",
                )


def runnable_command(code: Code, dft: Dft) -> list[str]:
    """Argument vector of a code, its program found, and what reads its output.

    Parameters
    ----------
    code : Code
        The DFT code.
    dft : Dft
        Settings of the study.

    Returns
    -------
    list of str
        The first word is a program that exists.

    Raises
    ------
    LabelFailure
        If the program is not there, or a package that reads what it prints.
    """
    try:
        require_packages(*code.packages)
    except MissingEngineError as error:
        raise LabelFailure(f"the output of {code.label} cannot be read: {error}", "configuration") from error
    command = code.command(shlex.split(dft.command or ""))
    try:
        return [str(find_program(command[0])), *command[1:]]
    except MissingProgramError as error:
        where = f"labels.dft.command '{dft.command}'" if dft.command else "the default command"
        raise LabelFailure(
            f"the program '{command[0]}' of {where} is not on PATH. Get {code.label}: {code.install}", "configuration"
        ) from error


def allocated_cores() -> int:
    """Cores that Slurm gave this job; 1 outside Slurm."""
    return int(os.environ.get("SLURM_NTASKS", "1")) * int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))


def describe_os_error(error: OSError) -> str:
    """Words for the trouble a folder can give.

    Parameters
    ----------
    error : OSError
        As raised.

    Returns
    -------
    str
        A sentence.
    """
    return _FOLDER_ERRORS.get(error.errno or 0, str(error))


def _run(command: list[str], working: Path, log: Path, limit_seconds: float) -> int:
    """Exit status of a code; it and all it started end at the limit, and with this process."""
    try:
        return run_to_status(
            command,
            directory=working,
            log_file=log,
            # Threads as the job's environment says; one where it says nothing.
            environment=THREAD_ENVIRONMENT | os.environ,
            limit_seconds=limit_seconds,
        )
    except TimeoutError as error:
        raise LabelFailure(f"timed out after {limit_seconds:g} s", "timeout") from error
