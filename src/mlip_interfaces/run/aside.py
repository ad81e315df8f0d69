"""What an edited study asks for no more: set aside in the run folder, and brought back when it is asked for again.

Nothing is deleted. Each folder of ``aside/`` holds what lay at one place, and a note of the place and of what it was made of.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_json
from mlip_interfaces.records import Record, read_as

ASIDE = "aside"
NOTE = "aside.json"
_CONTENT = "content"


@dataclass(frozen=True, slots=True)
class _Note(Record):
    place: str
    made_of: str
    since: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A folder that was set aside.

    Attributes
    ----------
    place : str
        Where it lay, from the run folder.
    made_of : str
        Hash of what it was made of; empty where that is not known.
    since : str
        ISO time.
    folder : Path
        Where it is.
    """

    place: str
    made_of: str
    since: str
    folder: Path


def set_aside(root: Path, place: Path, made_of: str) -> Aside | None:
    """Move a folder out of the way.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.
    place : Path
        The folder, below `root`.
    made_of : str
        Hash of what it was made of.

    Returns
    -------
    Aside or None
        Where it is now; None if there was nothing.
    """
    if not place.is_dir():
        return None
    note = _Note(place.relative_to(root).as_posix(), made_of, _now())
    home = _new_folder(root / ASIDE)
    # The note first: killed between the two, the folder is still in its place.
    write_json(home / NOTE, note.to_json())
    return Aside(note.place, note.made_of, note.since, place.rename(home / _CONTENT))


def bring_back(root: Path, aside: Aside) -> Path:
    """Move a folder that was set aside to its place, which is free.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.
    aside : Aside
        Of `all_aside`.

    Returns
    -------
    Path
        The place.
    """
    place = root / aside.place
    place.parent.mkdir(parents=True, exist_ok=True)
    aside.folder.rename(place)
    (aside.folder.parent / NOTE).unlink()
    # What else lies there is the user's.
    with contextlib.suppress(OSError):
        aside.folder.parent.rmdir()
    return place


def all_aside(root: Path) -> list[Aside]:
    """All that was set aside in a run folder.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    list of Aside
        In the order of their folders' names; what has no note that can be read is left out.
    """
    found = []
    for file in sorted((root / ASIDE).glob(f"*/{NOTE}")):
        folder = file.parent / _CONTENT
        with contextlib.suppress(InputFileError):
            note = read_as(_Note, file)
            if folder.is_dir():
                found.append(Aside(note.place, note.made_of, note.since, folder))
    return found


def aside_of(root: Path, place: Path, made_of: str | None = None) -> list[Aside]:
    """What lay at a place.

    Parameters
    ----------
    root : Path
        The run folder.
    place : Path
        The place, below `root`.
    made_of : str or None
        Hash of what it was made of; any where left out.

    Returns
    -------
    list of Aside
        As in `all_aside`.
    """
    wanted = place.relative_to(root).as_posix()
    return [aside for aside in all_aside(root) if aside.place == wanted and made_of in (None, aside.made_of)]


def _new_folder(directory: Path) -> Path:
    """One with a number that nothing there has; several may ask at a time."""
    for number in itertools.count(1):
        folder = directory / f"{number:04d}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("numbers do not end")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
