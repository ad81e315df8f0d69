"""External programs: found, started and failed in one way.

Everything that runs `lmp`, `dp` or `dpgen` from this process goes through `run_program`; batches of tasks go
through `mlip_interfaces.jobs`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.errors import MissingProgramError, ProgramError

_PR_SET_PDEATHSIG = 1

THREAD_ENVIRONMENT: dict[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DP_INTRA_OP_PARALLELISM_THREADS": "1",
    "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
"""One thread per process: small models run several times faster, and side by side (measured)."""


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """One finished call of an external program.

    Attributes
    ----------
    command : tuple of str
        The argument vector as started.
    wall_seconds : float, s
        Elapsed time.
    log_file : Path
        Where standard output and error went.
    """

    command: tuple[str, ...]
    wall_seconds: float
    log_file: Path


def find_program(name: str) -> Path:
    """Path of an executable: next to the running interpreter first, then on ``PATH``.

    Parameters
    ----------
    name : str
        As typed in a shell.

    Returns
    -------
    Path
        Absolute, or as ``PATH`` has it.

    Raises
    ------
    MissingProgramError
        If there is none.
    """
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which(name)
    if found is None:
        raise MissingProgramError(
            f"The program '{name}' is neither in {beside.parent} nor on PATH. "
            "Run `mlip-interfaces doctor` to see what is missing and how to get it."
        )
    return Path(found)


def program_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment for engines: this one, the interpreter's folder first on PATH, one thread per process.

    Parameters
    ----------
    extra : mapping of str to str, optional
        Variables that win over all others.

    Returns
    -------
    dict of str to str
        For a child process.
    """
    environment = dict(os.environ)
    beside = str(Path(sys.executable).parent)
    parts = environment.get("PATH", "").split(os.pathsep)
    environment["PATH"] = os.pathsep.join([beside, *(part for part in parts if part != beside)])
    environment.update(THREAD_ENVIRONMENT)
    environment.update(extra or {})
    return environment


def log_tail(log_file: Path, n_lines: int = 15) -> str:
    """Last lines of a log, without the CUDA noise of a CPU-only TensorFlow.

    Parameters
    ----------
    log_file : Path
        Need not exist.
    n_lines : int, optional
        Largest number of lines.

    Returns
    -------
    str
        Text.
    """
    if not log_file.is_file():
        return "(no log was written)"
    lines = log_file.read_text(errors="replace").splitlines()
    kept = [line for line in lines if "libcudart" not in line and "cuda" not in line.lower()]
    return "\n".join(kept[-n_lines:])


def die_with_parent() -> None:
    """For ``preexec_fn``: the program ends when the thread that started it does, however it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_program(
    command: Sequence[str],
    *,
    directory: Path,
    log_file: Path,
    environment: Mapping[str, str] | None = None,
) -> ProgramRun:
    """Run a program to its end; it dies with this process.

    Parameters
    ----------
    command : sequence of str
        Program name and arguments; the name is looked up with `find_program`.
    directory : Path
        Working directory.
    log_file : Path
        Receives standard output and standard error.
    environment : mapping of str to str, optional
        Variables added to `program_environment`.

    Raises
    ------
    ProgramError
        If the exit status is not zero; the message ends with the last lines of the log.
    MissingProgramError
        If the program is not found.
    """
    arguments = (str(find_program(command[0])), *command[1:])
    started = time.monotonic()
    with log_file.open("w") as log:
        completed = subprocess.run(
            arguments,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=program_environment(environment),
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
            check=False,
        )
    if completed.returncode != 0:
        raise ProgramError(
            f"'{' '.join(command)}' failed with exit status {completed.returncode} in {directory}. "
            f"The end of {log_file}:\n{log_tail(log_file)}"
        )
    return ProgramRun(arguments, time.monotonic() - started, log_file)
