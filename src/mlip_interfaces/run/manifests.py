"""The manifest of each stage of a run: what it was made of, how far it is, what it cost."""

from __future__ import annotations

import contextlib
import datetime
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.records import Record
from mlip_interfaces.run.versions import engine_versions

MANIFEST = "manifest.json"
SCHEMA_VERSION = 2
_REMEDY = "delete it and run its stage again, which goes on with what is there"


@dataclass(frozen=True, slots=True)
class Manifest(Record):
    """What is known of one stage of a run.

    Attributes
    ----------
    stage : str
        Name of the stage.
    status : {"running", "done"}
        ``running`` until its last output is written, then ``done``.
    input_hash : str
        SHA-256 of all that the stage depends on.
    started, finished : str
        ISO times; `finished` is None while running.
    wall_seconds : float, s
        Time spent in this stage over all its starts.
    command : str
        The command line that started it last.
    versions : mapping of str to str
        Version of each engine.
    n_starts : int
        How often it was started.
    schema_version : int
        Of the manifest; 0 in those of versions that did not write it.
    keys : str
        Mark of the study's keys and defaults that `input_hash` counts; another version may have others. Empty in older manifests.
    """

    stage: str
    status: Literal["running", "done"]
    input_hash: str
    started: str = ""
    finished: str | None = None
    wall_seconds: float = 0.0
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    n_starts: int = 1
    schema_version: int = 0
    keys: str = ""


def read_manifest(directory: Path) -> Manifest | None:
    """Manifest of a stage.

    Parameters
    ----------
    directory : Path
        Folder of the stage.

    Returns
    -------
    Manifest or None
        None if the stage was never started.

    Raises
    ------
    InputFileError
        If it is damaged, or a key that every version has is missing or wrong.
    """
    file = directory / MANIFEST
    if not file.is_file():
        return None
    content = read_json(file, if_damaged=_REMEDY)
    try:
        return Manifest.from_json(content, file)
    except InputFileError as error:
        version = content.get("schema_version", 0) if isinstance(content, dict) else 0
        if version != SCHEMA_VERSION:
            error.args = (f"{error} It is a manifest of another version of this package; that version can read it.",)
        raise


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest of a stage; keys that are there and are not ours, of another version or of the user, are kept.

    Parameters
    ----------
    directory : Path
        Folder of the stage.
    manifest : Manifest
        What is known of it.
    """
    file = directory / MANIFEST
    before = read_json(file, if_damaged=_REMEDY) if file.is_file() else {}
    write_json(file, before | manifest.to_json())


@contextlib.contextmanager
def recorded(directory: Path, stage: str, input_hash: str, keys: str = "") -> Iterator[None]:
    """Record a stage while the body runs it: ``running`` at once, ``done`` only if it ends well.

    Parameters
    ----------
    directory : Path
        Folder of the stage; made where it is missing.
    stage : str
        Its name.
    input_hash : str
        SHA-256 of all that the stage depends on.
    keys : str, optional
        Mark of the keys that it counts.

    Yields
    ------
    None
        While the stage runs.

    Raises
    ------
    InputFileError
        If there is a manifest that is damaged.
    """
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
        schema_version=SCHEMA_VERSION,
        keys=keys,
    )
    write_manifest(directory, manifest)

    def so_far() -> float:
        return round(manifest.wall_seconds + time.monotonic() - began, 2)

    try:
        yield
    except BaseException:
        # What went wrong is told, also where this cannot be written (a full disk).
        with contextlib.suppress(OSError):
            write_manifest(directory, replace(manifest, wall_seconds=so_far()))
        raise
    write_manifest(directory, replace(manifest, status="done", finished=_now(), wall_seconds=so_far()))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
