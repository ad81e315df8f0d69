"""Which jobs of a folder are alive: asked of Slurm or of the processes, never of a file that may be old.

A job's script is ``.HASH.sub``, and dpdispatcher makes HASH of its tasks and resources: the script's name and the
folder tell whose job it is.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, cast

from dpdispatcher.dlog import dlog
from dpdispatcher.utils.job_status import JobStatus

from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.jobs.stopping import JOB_SCRIPT

_SLURM = 'squeue -u "$(id -un)" -h -o "%i|%t|%Z|%o"'
_SHELL = (
    "for p in $(pgrep -f '[.][0-9a-f]{40}[.]sub'); do "
    'echo "$p|R|$(readlink /proc/$p/cwd)|$(tr "\\\\0" " " < /proc/$p/cmdline)"; done 2>/dev/null'
)
_TASK_FOLDER = re.compile(r"^cd (?!\"\$REMOTE_ROOT\")(.+)$", re.MULTILINE)


TRIES = 4
"""How often the queue is asked before it counts as unreadable at the start, when nothing waits for it yet."""

PATIENCE_SECONDS = 6 * 3600.0
"""How long the queue may fail to answer while jobs run: a controller that is updated is back by then."""

_NO_ANSWER = ("status command", "Failed to run check_status", "Error in getting job status")
"""How dpdispatcher's messages begin where squeue failed or said something else."""


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A job that waits or runs.

    Attributes
    ----------
    job_id : str
        Number of the job in Slurm, or of the process.
    job_hash : str
        Name that dpdispatcher gives it.
    waiting : bool
        Whether it has not started yet.
    tasks : tuple of str
        Folders of its tasks.
    """

    job_id: str
    job_hash: str
    waiting: bool
    tasks: tuple[str, ...]


def live_jobs(machine: Any, *, pause_seconds: float = 5.0) -> list[LiveJob]:
    """All jobs of the folder that `machine` (a bound dpdispatcher machine) works in.

    Parameters
    ----------
    machine : dpdispatcher.Machine
        Bound to the folder.
    pause_seconds : float, s
        Before Slurm is asked again, where squeue fails.

    Returns
    -------
    list of LiveJob
        Waiting and running ones.

    Raises
    ------
    UnfinishedError
        If the queue cannot be read, time after time: nobody may submit then.
    """
    context = machine.context
    slurm = type(machine).__name__ == "Slurm"
    command = f"readlink -f {shlex.quote(context.remote_root)}; {_SLURM if slurm else _SHELL}"
    for left in reversed(range(TRIES)):
        code, _, output, problem = context.block_call(command)
        lines = output.read().decode().splitlines()
        if not slurm or code == 0:
            break
        said = problem.read().decode().strip().rpartition("\n")[2] or f"exit status {code}"
        if not left:
            raise UnfinishedError(f"Slurm's queue cannot be read (squeue: {said}); no job was submitted.")
        time.sleep(pause_seconds)
    root = lines[0]
    found: dict[str, LiveJob] = {}
    for line in lines[1:]:
        job_id, state, folder, script = line.split("|", 3)
        match = JOB_SCRIPT.search(script)
        # A script of the local shell has changed into the folder of its task.
        if match is None or not (folder == root or (not slurm and folder.startswith(f"{root}/"))):
            continue
        job_hash = match.group(1)
        if not slurm and job_hash in found and int(found[job_hash].job_id) < int(job_id):
            continue  # a subshell of the script
        found[job_hash] = LiveJob(job_id, job_hash, state in ("PD", "CF"), _tasks_of(context, job_hash))
    return list(found.values())


def patient(
    check_status: Callable[[Any], JobStatus], *, patience_seconds: float = PATIENCE_SECONDS
) -> Callable[[Any], JobStatus]:
    """A machine's `check_status` that a failing squeue does not stop: the job's state stays as it was, and is asked again later.

    Parameters
    ----------
    check_status : callable
        Of a dpdispatcher machine: a job's state.
    patience_seconds : float, s
        How long the queue may fail to answer, time after time, before that ends the run.

    Returns
    -------
    callable
        The same, which raises UnfinishedError when the patience is at its end.
    """
    silent_since: float | None = None

    def asked(job: Any) -> JobStatus:
        nonlocal silent_since
        try:
            state = check_status(job)
        except RuntimeError as error:
            said = " ".join(str(error.__cause__ or error).split())
            if not str(error).startswith(_NO_ANSWER):
                raise
            dlog.warning(f"squeue failed and is asked again: {said}")
            now = time.monotonic()
            silent_since = now if silent_since is None else silent_since
            if now - silent_since > patience_seconds:
                raise UnfinishedError(
                    f"Slurm's queue could not be read for {patience_seconds / 3600:.2g} hours ({said}); jobs may run on, and "
                    "the same command waits for them."
                ) from error
            return cast("JobStatus", job.job_state)
        silent_since = None
        # A state that dpdispatcher does not know (requeued, signalled) is not an end.
        return cast("JobStatus", job.job_state) if state == JobStatus.unknown else state

    return asked


def cancel_waiting(machine: Any, jobs: list[LiveJob]) -> None:
    """Take jobs out of Slurm's queue unless they started meanwhile.

    Parameters
    ----------
    machine : dpdispatcher.Machine
        Bound to the jobs' folder.
    jobs : list of LiveJob
        Of Slurm.
    """
    if jobs:
        numbers = " ".join(job.job_id for job in jobs)
        machine.context.block_call(f"scancel -Q --state=PENDING {numbers}")


def cancel(machine: Any, jobs: list[LiveJob]) -> None:
    """Cancel jobs, waiting or running.

    Parameters
    ----------
    machine : dpdispatcher.Machine
        Bound to the jobs' folder.
    jobs : list of LiveJob
        Of Slurm.
    """
    if jobs:
        machine.context.block_call(f"scancel -Q {' '.join(job.job_id for job in jobs)}")


def _tasks_of(context: Any, job_hash: str) -> tuple[str, ...]:
    """Folders of a job's tasks, from its script: written before the job is submitted, whoever did that."""
    script = f".{job_hash}.sub.run"
    if not context.check_file_exists(script):
        return ()
    folders = _TASK_FOLDER.findall(context.read_file(script))
    return tuple(PurePath(shlex.split(folder)[0]).as_posix() for folder in folders)
