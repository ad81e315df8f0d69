"""External programs: found, started and failed in one way.

Whatever this package starts itself goes through `start_program`: `run_program` waits for its end and raises what its log
says, `run_to_status` gives the exit status and ends it at a limit, `ask_program` gives what it answered; `program_output` is
read while it runs. Batches of tasks go through `mlip_interfaces.jobs`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlip_interfaces.engines import PROGRAMS, how_to_get
from mlip_interfaces.errors import MissingEngineError, MissingProgramError, ProgramError
from mlip_interfaces.known_failures import known_failure

_PR_SET_PDEATHSIG = 1
_TAIL_BYTES = 2**16
_LINES_OF_A_CAUSE = 400
"""Of the end of a log: TensorFlow lists what is on the GPU after it has said that its memory is used up."""

THREAD_ENVIRONMENT: dict[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DP_INTRA_OP_PARALLELISM_THREADS": "1",
    "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "NVIDIA_TF32_OVERRIDE": "0",
}
"""One thread per process: small models run several times faster, and side by side (measured). And single precision that is single:
on GPUs since Ampere TensorFlow multiplies matrices of float32 with ten bits of mantissa (TF32) unless it is told not to."""

_TROUBLE = re.compile("Error:|RuntimeError")
"""In a line on CUDA: it says more than that there is none; `known_failure` knows further ones."""


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


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What a program said.

    Attributes
    ----------
    status : int
        Exit status, 0 for success.
    output, errors : str
        Its standard output and standard error, without white space around.
    """

    status: int
    output: str
    errors: str


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
        If there is none; of an extra's program, the message names the extra.
    """
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which(name)
    if found is None and name in PROGRAMS:
        raise MissingEngineError(
            f"The program '{name}' is neither in {beside.parent} nor on PATH; {how_to_get(PROGRAMS[name])}."
        )
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
    """Last lines of a log, without the CUDA noise of a machine without GPUs.

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
    kept = [
        line
        for line in _last_lines(log_file)
        if "libcudart" not in line and ("cuda" not in line.lower() or _tells_more(line))
    ]
    return "\n".join(kept[-n_lines:])


def _last_lines(log_file: Path) -> list[str]:
    with log_file.open("rb") as log:
        # Logs of long runs have hundreds of megabytes, and `scan status` looks at all of them.
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - _TAIL_BYTES))
        return log.read().decode(errors="replace").splitlines()


def _tells_more(line: str) -> bool:
    """Whether a line on CUDA says more than that there is none."""
    return bool(_TROUBLE.search(line) or known_failure(line))


def end_of_log(log_file: Path) -> str:
    """The end of the log of a program that failed, for an error's message; first what to do, where the cause is known.

    Parameters
    ----------
    log_file : Path
        Need not exist.

    Returns
    -------
    str
        One sentence or two, and the lines.
    """
    cause = known_failure_in(log_file)
    return f"{cause}{' ' if cause else ''}The end of {log_file}:\n{log_tail(log_file)}"


def known_failure_in(log_file: Path) -> str:
    """What to do about a program that failed, by its log.

    Parameters
    ----------
    log_file : Path
        Need not exist.

    Returns
    -------
    str
        A sentence; empty where the log tells no cause that is known here.
    """
    return known_failure("\n".join(_last_lines(log_file)[-_LINES_OF_A_CAUSE:])) if log_file.is_file() else ""


def die_with_parent() -> None:
    """For ``preexec_fn``: the program ends when the thread that started it does, however it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start_program(
    command: Sequence[str],
    *,
    output: IO[bytes],
    errors: IO[bytes] | None = None,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    own_group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program without input; it dies with this process.

    Parameters
    ----------
    command : sequence of str
        Argument vector, the program as a path or a name on ``PATH``.
    output : binary file
        Receives standard output.
    errors : binary file or None
        Receives standard error; `output` if None.
    directory : Path or None
        Working directory; this one if None.
    environment : mapping of str to str or None
        Its whole environment; `program_environment` if None.
    own_group : bool
        Whether it gets a process group of its own, so that all it starts can be ended with it.
    """
    return subprocess.Popen(
        list(command),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors or subprocess.STDOUT,
        env=dict(environment) if environment is not None else program_environment(),
        start_new_session=own_group,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )


@contextlib.contextmanager
def program_output(command: Sequence[str]) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
    """Read what a program writes while it runs; it is ended with the block.

    It may outlive the thread that started it, and ends when nobody reads what it writes.

    Parameters
    ----------
    command : sequence of str
        Argument vector, the program as a path or a name on ``PATH``.

    Yields
    ------
    tuple of binary file and callable
        Its standard output; a function that waits for its end and gives its exit status.
    """
    child = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    try:
        yield child.stdout, child.wait
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def run_to_status(
    command: Sequence[str],
    *,
    directory: Path,
    log_file: Path,
    environment: Mapping[str, str] | None = None,
    limit_seconds: float | None = None,
) -> int:
    """Run a program to its end, or to a limit.

    Parameters
    ----------
    command : sequence of str
        Argument vector.
    directory : Path
        Working directory.
    log_file : Path
        Receives standard output and standard error.
    environment : mapping of str to str or None
        Its whole environment; `program_environment` if None.
    limit_seconds : float or None, s
        It and all it started are killed after that, and whatever it left behind at its end.

    Returns
    -------
    int
        Exit status; negative for the signal that ended it.

    Raises
    ------
    TimeoutError
        If the limit was reached.
    """
    with log_file.open("wb") as log:
        process = start_program(
            command, output=log, directory=directory, environment=environment, own_group=limit_seconds is not None
        )
        try:
            return process.wait(limit_seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"'{' '.join(command)}' took more than {limit_seconds:g} s") from error
        finally:
            if limit_seconds is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            elif process.poll() is None:
                # This process was interrupted while it waited.
                process.kill()
            process.wait()


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
    status = run_to_status(
        arguments, directory=directory, log_file=log_file, environment=program_environment(environment)
    )
    if status != 0:
        raise ProgramError(
            f"'{' '.join(command)}' failed with exit status {status} in {directory}. {end_of_log(log_file)}"
        )
    return ProgramRun(arguments, time.monotonic() - started, log_file)


def ask_program(command: Sequence[str], *, limit_seconds: float = 60.0) -> ProgramAnswer:
    """What a program answers to a short question (its version, the state of a queue).

    Parameters
    ----------
    command : sequence of str
        Argument vector.
    limit_seconds : float, s
        An answer that takes longer is none.

    Returns
    -------
    ProgramAnswer
        With a status other than 0 also where there is no such program, or no answer in time.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = start_program(command, output=output, errors=errors, own_group=True)
        except OSError as error:
            return ProgramAnswer(127, "", str(error))
        try:
            status = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return ProgramAnswer(124, "", f"no answer within {limit_seconds:g} s")
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said = []
        for stream in (output, errors):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace").strip())
        return ProgramAnswer(status, *said)
