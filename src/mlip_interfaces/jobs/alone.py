"""One process in a task's folder at a time, whoever starts it: a job submitted twice, or one whose program outlived it."""

from __future__ import annotations

import fcntl
from pathlib import Path

LOCK = "task.lock"


def alone(command: str) -> str:
    """Shell command that runs `command` where no other process does so in the same folder.

    The lock is the system's, on an open file that every child inherits: it ends with the last of them, however that ends, and
    no crash leaves one behind.

    Parameters
    ----------
    command : str
        Shell command, run in the task's folder.

    Returns
    -------
    str
        A subshell. Where the folder is taken it says by whom, touches nothing and ends with status 75. Where ``flock`` is
        missing, or the file system knows no locks, it says so and runs.
    """
    holder = "process $$ on $(uname -n)${SLURM_JOB_ID:+, job $SLURM_JOB_ID}, since $(date)"
    taken = (
        f"Another process works in $PWD: $(cat {LOCK}). Nothing was touched. If that one is gone, a program that it started runs "
        f"on: fuser -v {LOCK} names it; wait for its end, or end it."
    )
    unlocked = "This folder is not locked (no flock, or no locks on this file system): see that no other process works in $PWD."
    return (
        f'( flock -n 9; case $? in 0) ;; 1) echo "{taken}" >&2; exit 75;; *) echo "{unlocked}" >&2;; esac; '
        f'echo "{holder}" > {LOCK}; {command} ) 9>> {LOCK}'
    )


def worker_in(folder: Path) -> str:
    """Who works in a task's folder now.

    Parameters
    ----------
    folder : Path
        Of the task, there or not.

    Returns
    -------
    str
        As its lock says; empty if nobody does, or if no lock can tell.
    """
    try:
        with (folder / LOCK).open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return (folder / LOCK).read_text(errors="replace").strip() or "a process"
    except OSError:
        return ""
    return ""
