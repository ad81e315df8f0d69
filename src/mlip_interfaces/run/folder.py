"""A run folder: its study, and the lock of the process that works in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mlip_interfaces.errors import InputFileError, RunLockedError

STUDY_FILE = "study.yaml"
LOCK_FILE = ".lock"
_NOT_IN_LISTS_OF_JOBS = "\\|"
_PATTERNS = "[*?#"
"""A training would lose its checkpoints; quotes, spaces, other brackets and letters of any language do no harm."""
_TRIES, _PAUSE_SECONDS = 5, 0.1
_END_SECONDS = 10.0


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the run folder for this process; the lock goes with the process, however it ends.

    Parameters
    ----------
    root : Path
        The run folder; made where it is missing.

    Yields
    ------
    None
        While the lock is held.

    Raises
    ------
    InputFileError
        As `require_usable_path`.
    RunLockedError
        If another process holds it.
    """
    require_usable_path(root)
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK_FILE).open("a+") as handle:
        if not _acquired(handle):
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise RunLockedError(
                f"Another process ({holder}) is working in {root}. Wait for it, or give another --out folder; "
                f"`mlip-interfaces status {root}` shows how far it is."
            )
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield


def require_usable_path(root: Path, *, makes_potential: bool = False) -> None:
    """Refuse a run folder whose path would break a job when hours are spent.

    Parameters
    ----------
    root : Path
        The run folder, there or not.
    makes_potential : bool
        Whether a Deep Potential is made in it.

    Raises
    ------
    InputFileError
        If the path has a character that job scripts, or the programs that make a potential, cannot carry.
    """
    path = str(root.resolve())
    for character in path:
        if character in _NOT_IN_LISTS_OF_JOBS or not character.isprintable():
            why = "which cannot stand in lists of jobs"
        elif makes_potential and character in _PATTERNS:
            why = "which DeePMD-kit, DP-GEN and dpdata take for a pattern"
        else:
            continue
        raise InputFileError(
            f"The path of the run folder, {path!r}, has the character {character!r}, {why}. Rename the folder, or give another "
            "--out folder."
        )


def _acquired(handle: IO[str]) -> bool:
    """Whether the lock is ours now; whoever only asks (`is_held`) has it for a moment and is waited for."""
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


def is_held(root: Path) -> bool:
    """Whether a process works in the folder now.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    bool
        True if one holds its lock; False for a folder without a lock.
    """
    file = root / LOCK_FILE
    if not file.is_file():
        return False
    # A shared lock is enough to ask, and the folder need not be writable.
    with file.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def end_holder(root: Path) -> int | None:
    """End the process that works in the folder; what it has finished is kept, as after every kill.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    int or None
        Its number; None if nobody works there.

    Raises
    ------
    RunLockedError
        If it is on another machine, or does not end.
    """
    if not is_held(root):
        return None
    match = re.fullmatch(r"process (\d+)", (root / LOCK_FILE).read_text().strip())
    number = int(match[1]) if match else 0
    if not _has_open(number, root / LOCK_FILE):
        raise RunLockedError(
            f"A process on another machine, or of another user, is working in {root}. End it there first."
        )
    os.kill(number, signal.SIGTERM)
    deadline = time.monotonic() + _END_SECONDS
    while is_held(root):
        if time.monotonic() > deadline:
            raise RunLockedError(f"Process {number} works in {root} and does not end; end it with `kill -9 {number}`.")
        time.sleep(_PAUSE_SECONDS)
    return number


def _has_open(number: int, file: Path) -> bool:
    """Whether a process has the file open: a number alone may be that of a stranger, of this machine or another."""
    try:
        return any(entry.samefile(file) for entry in Path(f"/proc/{number}/fd").iterdir() if entry.exists())
    except OSError:
        return False
