"""The label driver: what DP-GEN calls in each of its labelling tasks.

It always writes ``label.json``, good or failed with the reason, and never ends the campaign. One call labels every
waiting sibling of its task, so that a teacher is loaded once; several calls side by side share the siblings.
"""

from __future__ import annotations

import fcntl
import hashlib
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from mlip_interfaces.errors import InputFileError, UnfinishedError
from mlip_interfaces.files import json_text, write_text
from mlip_interfaces.labels.codes.runner import CodeRunner, allocated_cores, describe_os_error
from mlip_interfaces.labels.evaluation import Evaluation, LabelFailure
from mlip_interfaces.labels.process import TeacherProcess
from mlip_interfaces.labels.record import LabelRecord, read_label
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher import open_teacher
from mlip_interfaces.labels.teachers import teacher_kind, teacher_version

INPUT_FILE, OUTPUT_FILE, LOCK_FILE = "POSCAR_in", "label.json", ".label.lock"


def label_task(task: Path) -> None:
    """Label a task, and every waiting sibling ``task.*`` with the same settings.

    Parameters
    ----------
    task : Path
        Folder with ``POSCAR_in``; ``label_settings.json`` lies there or one folder up.

    Raises
    ------
    InputFileError
        If there are no settings: nothing could be labelled at all.
    UnfinishedError
        If a label cannot be written (a full disk, a read-only folder): what is made is kept.
    """
    task = task.resolve()
    settings = LabelSettings.read(settings_file_of(task))
    siblings = sorted(task.parent.glob("task.*")) if task.name.startswith("task.") else [task]
    # Its own first; then round the others from there, so that drivers side by side start apart.
    start = siblings.index(task)
    pool = siblings[start:] + siblings[:start]
    with open_teacher(settings, _known_pseudopotentials(pool)) as teacher:
        for folder in pool:
            # A sibling that has not arrived yet is left to its own call.
            if folder != task and not (
                (folder / INPUT_FILE).is_file() and _settings_hash(folder) == settings.physics_hash
            ):
                continue
            with _claimed(folder, wait=False) as claimed:
                if claimed:
                    _label(folder, settings, teacher, readable_only=folder != task)
        with _claimed(task, wait=True):
            _label(task, settings, teacher)


def make_record(atoms: Atoms, settings: LabelSettings, evaluation: Evaluation) -> LabelRecord:
    """Record of a good label: plain JSON types, units in the keys.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    settings : LabelSettings
        Settings of the labels.
    evaluation : Evaluation
        Answer of the teacher.

    Returns
    -------
    LabelRecord
        Content of ``label.json``.
    """
    record: LabelRecord = {
        **_identity(atoms, settings),
        "status": "ok",
        "reason": None,
        "energy_ev": evaluation.energy_ev,
        "forces_ev_per_angstrom": evaluation.forces_ev_per_angstrom.tolist(),
        "virial_ev": evaluation.virial_ev.tolist(),
        "wall_seconds": round(evaluation.wall_seconds, 4),
        "cores": evaluation.cores,
        "attempt": evaluation.attempt,
        "safer_settings": evaluation.safer_settings,
        "pseudopotentials": evaluation.pseudopotentials,
    }
    if evaluation.code:
        record["calculator"] = evaluation.code
    return record


def failed_record(
    atoms: Atoms | None, settings: LabelSettings, failure: LabelFailure, wall_seconds: float = 0.0
) -> LabelRecord:
    """Record of a failed label; one that failed for the configuration is made again by the next call.

    Parameters
    ----------
    atoms : Atoms or None
        The structure; None where it could not be read.
    settings : LabelSettings
        Settings of the labels.
    failure : LabelFailure
        Reason and cause.
    wall_seconds : float, s, optional
        Time it took, all attempts together.

    Returns
    -------
    LabelRecord
        Content of ``label.json``.
    """
    identity: LabelRecord = (
        _identity(atoms, settings)
        if atoms is not None
        else {"symbols": [], "structure_hash": None, "settings_hash": settings.physics_hash}
    )
    cores = settings.dft.cores if settings.dft is not None and settings.dft.cores else allocated_cores()
    return {
        **identity,
        "status": "failed",
        "reason": str(failure),
        "cause": failure.cause,
        "attempt": failure.attempt,
        "wall_seconds": round(wall_seconds, 4),
        "cores": cores if settings.dft is not None else 1,
    }


def write_record(file: Path, record: Mapping[str, object]) -> None:
    """Write a record whole or not at all.

    Parameters
    ----------
    file : Path
        Replaced if it exists.
    record : dict of str to Any
        Content of ``label.json``.

    Raises
    ------
    UnfinishedError
        If the disk is full or the folder cannot be written.
    """
    try:
        write_text(file, json_text(record, indent=None) + "\n")
    except OSError as error:
        raise UnfinishedError(
            f"{file} cannot be written: {describe_os_error(error)}. Labels that were written are kept."
        ) from error


def structure_hash(atoms: Atoms) -> str:
    """Hash of elements, positions and cell (rounded to 1e-8 angstrom).

    Parameters
    ----------
    atoms : Atoms
        The structure.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256("".join(atoms.get_chemical_symbols()).encode())
    for values in (atoms.positions, np.asarray(atoms.cell)):
        digest.update((np.round(values, 8) + 0.0).tobytes())
    return digest.hexdigest()[:16]


def read_structure(folder: Path) -> Atoms:
    """The structure of a task.

    Parameters
    ----------
    folder : Path
        Of the task.

    Returns
    -------
    Atoms
        Periodic.

    Raises
    ------
    LabelFailure
        If it cannot be read.
    """
    try:
        return read(folder / INPUT_FILE, format="vasp")
    except Exception as error:  # noqa: BLE001 (ASE's readers raise anything; an unreadable structure is one failed label)
        raise LabelFailure(f"{INPUT_FILE} cannot be read: {error}", "structure") from error


def _label(
    folder: Path, settings: LabelSettings, teacher: TeacherProcess | CodeRunner, *, readable_only: bool = False
) -> None:
    output = folder / OUTPUT_FILE
    try:
        atoms = read_structure(folder)
    except LabelFailure as failure:
        if not readable_only:
            write_record(output, failed_record(None, settings, failure))
        return
    if _is_finished(output, settings, structure_hash(atoms)):
        return
    began = time.monotonic()
    try:
        record = make_record(atoms, settings, teacher.evaluate(atoms, folder))
    except LabelFailure as failure:
        record = failed_record(atoms, settings, failure, time.monotonic() - began)
    write_record(output, record)


def _is_finished(output: Path, settings: LabelSettings, structure: str) -> bool:
    record = read_record(output)
    if record is None or record.get("cause") == "configuration":
        return False
    return record.get("settings_hash") == settings.physics_hash and record.get("structure_hash") == structure


def read_record(file: Path) -> LabelRecord | None:
    """A record; None if there is none or it is broken.

    Parameters
    ----------
    file : Path
        A ``label.json``.

    Returns
    -------
    LabelRecord or None
        Content of the file.
    """
    try:
        return read_label(file)
    except (OSError, InputFileError):
        return None


def _known_pseudopotentials(folders: list[Path]) -> dict[str, str]:
    known: dict[str, str] = {}
    for folder in folders:
        record = read_record(folder / OUTPUT_FILE)
        used = record.get("pseudopotentials") or {} if record else {}
        for symbol, potential in used.items():
            if "sha256" in potential:
                known.setdefault(symbol, potential["sha256"])
    return known


def _identity(atoms: Atoms, settings: LabelSettings) -> LabelRecord:
    return {
        "symbols": atoms.get_chemical_symbols(),
        "positions_angstrom": atoms.positions.tolist(),
        "cell_angstrom": np.asarray(atoms.cell).tolist(),
        "settings_hash": settings.physics_hash,
        "structure_hash": structure_hash(atoms),
        "calculator": teacher_version(settings.calculator, settings.parameters),
        "kind": teacher_kind(settings.calculator),
        "hostname": socket.gethostname(),
    }


def settings_file_of(folder: Path) -> Path:
    """The settings of a task: in its folder or one above.

    Parameters
    ----------
    folder : Path
        Of the task.

    Returns
    -------
    Path
        That exists.

    Raises
    ------
    InputFileError
        If there are none.
    """
    for candidate in (folder / SETTINGS_FILE, folder.parent / SETTINGS_FILE):
        if candidate.is_file():
            return candidate
    raise InputFileError(
        f"There is no {SETTINGS_FILE} in {folder} or above it; `mlip-interfaces campaign init` writes it."
    )


def _settings_hash(folder: Path) -> str | None:
    try:
        return LabelSettings.read(settings_file_of(folder)).physics_hash
    except InputFileError:
        return None


@contextmanager
def _claimed(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a task; the claim goes with the process, so that a dead driver's task is free again."""
    try:
        opened = (folder / LOCK_FILE).open("a")
    except OSError as error:
        raise UnfinishedError(
            f"{folder} cannot be used: {describe_os_error(error)}. Labels that were written are kept."
        ) from error
    with opened as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
