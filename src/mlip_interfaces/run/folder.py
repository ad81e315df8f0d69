"""A run folder: its study, and the lock of the process that works in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from mlip_interfaces.errors import RunLockedError

STUDY_FILE = "study.yaml"
LOCK_FILE = ".lock"


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
    RunLockedError
        If another process holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK_FILE).open("a+") as handle:
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
