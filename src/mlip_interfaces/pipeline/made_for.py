"""Folders of the validation that are made for one state of the study: another one is set aside, and comes back when it is asked for."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.files import write_text
from mlip_interfaces.run.aside import aside_of, bring_back, set_aside

MADE_OF = "made_of.sha256"
"""In each of the folders: hash of what it depends on."""


def is_made_of(directory: Path, made_of: str) -> bool:
    """Whether a folder is there, and made of this.

    Parameters
    ----------
    directory : Path
        The folder, there or not.
    made_of : str
        Hash.

    Returns
    -------
    bool
        Finished or not.
    """
    file = directory / MADE_OF
    return file.is_file() and file.read_text().strip() == made_of


def make_room_for(root: Path, directory: Path, made_of: str) -> bool:
    """Set aside what a folder was made of before, and bring back what is asked for now.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.
    directory : Path
        The folder, there or not.
    made_of : str
        Hash that it is to have.

    Returns
    -------
    bool
        Whether another one was set aside.
    """
    moved = False
    if directory.is_dir() and not is_made_of(directory, made_of):
        there = (directory / MADE_OF).read_text().strip() if (directory / MADE_OF).is_file() else ""
        set_aside(root, directory, there)
        moved = True
    for earlier in aside_of(root, directory, made_of)[:1] if not directory.is_dir() else ():
        bring_back(root, earlier)
    return moved


def mark_made_of(directory: Path, made_of: str) -> None:
    """Say what a folder is made of.

    Parameters
    ----------
    directory : Path
        The folder.
    made_of : str
        Hash.
    """
    write_text(directory / MADE_OF, f"{made_of}\n")
