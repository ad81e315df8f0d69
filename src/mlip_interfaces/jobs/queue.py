"""Which jobs of a folder are alive: asked of Slurm or of the processes, never of a file that may be old.

A job's script is ``.HASH.sub``, and dpdispatcher makes HASH of its tasks and resources: the script's name and the
folder tell whose job it is.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mlip_interfaces.errors import UnfinishedError

_SLURM = 'squeue -u "$(id -un)" -h -o "%i|%t|%Z|%o"'
_SHELL = (
    "for p in $(pgrep -f '[.][0-9a-f]{40}[.]sub'); do "
    'echo "$p|R|$(readlink /proc/$p/cwd)|$(tr "\\\\0" " " < /proc/$p/cmdline)"; done 2>/dev/null'
)
_SCRIPT = re.compile(r"\.([0-9a-f]{40})\.sub\b")
_TASK_FOLDER = re.compile(r"^cd (?!\"\$REMOTE_ROOT\")(.+)$", re.MULTILINE)


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


def live_jobs(machine: Any) -> list[LiveJob]:
    """All jobs of the folder that `machine` (a bound dpdispatcher machine) works in.

    Parameters
    ----------
    machine : dpdispatcher.Machine
        Bound to the folder.

    Returns
    -------
    list of LiveJob
        Waiting and running ones.

    Raises
    ------
    UnfinishedError
        If the queue cannot be read: nobody may submit then.
    """
    context = machine.context
    slurm = type(machine).__name__ == "Slurm"
    command = f"readlink -f {shlex.quote(context.remote_root)}; {_SLURM if slurm else _SHELL}"
    code, _, output, problem = context.block_call(command)
    lines = output.read().decode().splitlines()
    if slurm and code != 0:
        said = problem.read().decode().strip().rpartition("\n")[2] or f"exit status {code}"
        raise UnfinishedError(f"Slurm's queue cannot be read (squeue: {said}); no job was submitted.")
    root = lines[0]
    found: dict[str, LiveJob] = {}
    for line in lines[1:]:
        job_id, state, folder, script = line.split("|", 3)
        match = _SCRIPT.search(script)
        # A script of the local shell has changed into the folder of its task.
        if match is None or not (folder == root or (not slurm and folder.startswith(f"{root}/"))):
            continue
        job_hash = match.group(1)
        if not slurm and job_hash in found and int(found[job_hash].job_id) < int(job_id):
            continue  # a subshell of the script
        found[job_hash] = LiveJob(job_id, job_hash, state in ("PD", "CF"), _tasks_of(context, job_hash))
    return list(found.values())


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
