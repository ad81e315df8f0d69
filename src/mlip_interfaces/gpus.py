"""GPUs of this machine, and whether a program used one."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.errors import ProgramError
from mlip_interfaces.programs import (
    ask_program,
    end_of_log,
    find_program,
    program_environment,
    start_program,
)

_LOOK_SECONDS = 0.2
_CONTEXT_MB = 100.0
"""Memory that a program takes of a GPU as soon as it uses it: several hundred MB; noise of others is less than this."""
_SAID = re.compile(
    r"device:GPU:\d+ with|load model from: .* to gpu|computing device: *(?:gpu|cuda)|\bdevice: *cuda", re.IGNORECASE
)
"""Words of TensorFlow and DeePMD-kit, at their lowest levels of logging."""
VERBOSE = {"TF_CPP_MIN_LOG_LEVEL": "0"}
"""Environment in which TensorFlow says which device it takes."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as ``nvidia-smi`` tells of it.

    Attributes
    ----------
    name, driver : str
        Of the card, and version of the driver.
    memory_mb : float
        All that it has.
    """

    name: str
    memory_mb: float
    driver: str

    def __str__(self) -> str:
        return f"{self.name}, {self.memory_mb / 1024:.0f} GiB, driver {self.driver}"


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A program that came to its end, and the signs of a GPU beside it.

    Attributes
    ----------
    wall_seconds : float, s
        From its start to its end.
    host_memory_mb : float
        The most that it had of the host's memory.
    said : str
        What its log says of a GPU; empty if nothing.
    n_processes : int
        Processes that ``nvidia-smi`` listed beyond those before; in a container it may list none.
    gpu_memory_mb : float
        How much more of the GPUs' memory was in use.
    utilization_percent : float
        The busiest look.
    """

    wall_seconds: float
    host_memory_mb: float
    said: str
    n_processes: int
    gpu_memory_mb: float
    utilization_percent: float

    @property
    def on_gpu(self) -> bool:
        """Whether any of the signs speaks of a GPU."""
        return bool(self.said or self.n_processes or self.gpu_memory_mb > _CONTEXT_MB)


class _Watch:
    """Readings of ``nvidia-smi`` against the first."""

    def __init__(self) -> None:
        self._used = [_number(row[0]) for row in _smi("query-gpu", "memory.used")]
        self._n_before = len(_smi("query-compute-apps", "pid")) if self._used else 0
        self.memory_mb = self.utilization_percent = 0.0
        self.n_processes = 0

    def look(self) -> None:
        """Take one reading; nothing where there is no GPU."""
        if not self._used:
            return
        for before, (used, busy) in zip(self._used, _smi("query-gpu", "memory.used,utilization.gpu"), strict=False):
            self.memory_mb = max(self.memory_mb, _number(used) - before)
            self.utilization_percent = max(self.utilization_percent, _number(busy))
        self.n_processes = max(self.n_processes, len(_smi("query-compute-apps", "pid")) - self._n_before)


def installed_gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine, as ``nvidia-smi`` lists them; none where it is not there.

    Returns
    -------
    tuple of Gpu
        In its order.
    """
    rows = _smi("query-gpu", "name,memory.total,driver_version")
    return tuple(Gpu(name, _number(memory), driver) for name, memory, driver in rows)


def run_watched(
    command: Sequence[str],
    *,
    directory: Path,
    log_file: Path,
    environment: Mapping[str, str] | None = None,
    limit_seconds: float | None = None,
) -> WatchedRun:
    """Run a program to its end and look at the GPUs meanwhile.

    Parameters
    ----------
    command : sequence of str
        Program name and arguments.
    directory : Path
        Working directory.
    log_file : Path
        Receives standard output and standard error.
    environment : mapping of str to str or None, optional
        Variables added to `program_environment`.
    limit_seconds : float or None, optional
        It is ended after that, s.

    Returns
    -------
    WatchedRun
        What it took, and where.

    Raises
    ------
    ProgramError
        If it fails or takes longer than the limit.
    MissingProgramError
        If there is no such program.
    """
    watch, began = _Watch(), time.monotonic()
    with log_file.open("wb") as log:
        process = start_program(
            [str(find_program(command[0])), *command[1:]],
            output=log,
            directory=directory,
            environment=program_environment(environment),
            own_group=True,
        )
        is_late = False
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        while not ended:
            watch.look()
            time.sleep(_LOOK_SECONDS)
            if limit_seconds is not None and time.monotonic() - began > limit_seconds:
                is_late = True
                os.killpg(process.pid, signal.SIGKILL)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if is_late:
        raise ProgramError(f"'{command[0]}' took more than {limit_seconds:g} s. {end_of_log(log_file)}")
    if process.returncode != 0:
        raise ProgramError(f"'{command[0]}' failed with exit status {process.returncode}. {end_of_log(log_file)}")
    named = _SAID.search(log_file.read_text(errors="replace"))
    return WatchedRun(
        wall_seconds=time.monotonic() - began,
        host_memory_mb=usage.ru_maxrss / 1024,
        said=named[0] if named else "",
        n_processes=watch.n_processes,
        gpu_memory_mb=watch.memory_mb,
        utilization_percent=watch.utilization_percent,
    )


def _smi(query: str, fields: str) -> list[list[str]]:
    """Rows of an answer of ``nvidia-smi``; none where there is no GPU."""
    answer = ask_program(["nvidia-smi", f"--{query}={fields}", "--format=csv,noheader,nounits"], limit_seconds=20)
    lines = answer.output.splitlines() if answer.status == 0 else []
    return [[word.strip() for word in line.split(",")] for line in lines if line.strip()]


def _number(text: str) -> float:
    """A number of ``nvidia-smi``, which says ``[N/A]`` where it knows none."""
    try:
        return float(text)
    except ValueError:
        return 0.0
