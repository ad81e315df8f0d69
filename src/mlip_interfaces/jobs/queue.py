"""Which jobs of a folder are alive: asked of Slurm or of the processes, never of a file that may be old.

A job's script is ``.HASH.sub``, and dpdispatcher makes HASH of its tasks and resources: the script's name and the
folder tell whose job it is.
"""

from __future__ import annotations

import re
import shlex
import time
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
_ROW = re.compile(r"(\d[\d_]*)\|(\w+)\|(.*)\|(.*)")
_TASK_FOLDER = re.compile(r"^cd (?!\"\$REMOTE_ROOT\")(.+)$", re.MULTILINE)
_JOB_NUMBER = re.compile(r"^(\d+)(?:;.*)?$", re.MULTILINE)
_OVER = frozenset(("BF", "CA", "CD", "DL", "F", "NF", "OOM", "PR", "RV", "SE", "TO"))
"""Slurm's letters for jobs that have ended; whatever else is in the queue may still run."""

TRIES = 4
"""How often the queue is asked at the start where it fails for another reason than a controller that is away."""

START_PATIENCE_SECONDS = 600.0
"""How long a controller may be away at the start, when nothing waits for it yet: one that is restarted is back by then."""

PATIENCE_SECONDS = 6 * 3600.0
"""How long Slurm may fail to answer while jobs run: a controller that is updated is back by then."""

LOOKS = 2
"""Looks in a row that must not show a job before it counts as ended, or as never accepted."""

_AWAY = re.compile(
    "timed? ?out|unable to contact|connection (refused|reset|fail)|connect failure|communication|zero bytes|not connected|"
    "unexpected message|temporarily un|(receive|send) fail|munge|credential|insane message|lost connection|standby",
    re.IGNORECASE,
)
"""What Slurm's programs say where the controller did not answer: it may have heard them all the same."""
_FULL = re.compile("Job violates accounting/QOS policy|MaxSubmitJob")
"""What sbatch says where the user has as many jobs as are allowed."""


class JobRefusedError(UnfinishedError):
    """Slurm does not want a job as it is."""


class NoAnswerError(UnfinishedError):
    """Slurm's queue could not be read."""


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


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the queue: number, name, and Slurm's letters for its state."""

    job_id: str
    job_hash: str
    letters: str

    @property
    def waiting(self) -> bool:
        return self.letters in ("PD", "CF")


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
    NoAnswerError
        If the queue cannot be read, time after time: nobody may submit then.
    """
    began, n_tries = time.monotonic(), 1
    while True:
        try:
            rows = _rows(machine)
            break
        except NoAnswerError as error:
            dlog.warning(f"{error}; it is asked again")
            is_away = _AWAY.search(str(error)) and time.monotonic() - began < START_PATIENCE_SECONDS
            if not is_away and n_tries >= TRIES:
                raise NoAnswerError(f"{error}; no job was submitted.") from error
        time.sleep(pause_seconds)
        n_tries += 1
    return [LiveJob(row.job_id, row.job_hash, row.waiting, _tasks_of(machine.context, row.job_hash)) for row in rows]


def _rows(machine: Any) -> list[_Row]:
    """The folder's jobs, one look; of the processes of a job in the local shell the first."""
    context = machine.context
    slurm = type(machine).__name__ == "Slurm"
    command = f"readlink -f {shlex.quote(context.remote_root)}; {_SLURM if slurm else _SHELL}"
    code, _, output, problem = context.block_call(command)
    if slurm and code != 0:
        raise NoAnswerError(f"Slurm's queue cannot be read (squeue: {_said(problem, code)})")
    root, *lines = output.read().decode(errors="replace").splitlines() or [""]
    rows: list[_Row] = []
    processes: dict[str, _Row] = {}
    for line in lines:
        # What else a login shell or a site's own squeue prints is no job.
        fields = _ROW.fullmatch(line.strip())
        script = JOB_SCRIPT.search(fields[4]) if fields else None
        if fields is None or script is None or fields[2] in _OVER:
            continue
        row = _Row(fields[1], script[1], fields[2])
        if slurm and fields[3] == root:
            rows.append(row)
        # A script of the local shell has changed into the folder of its task; its subshells have later numbers.
        elif not slurm and (fields[3] == root or fields[3].startswith(f"{root}/")):
            first = processes.setdefault(row.job_hash, row)
            processes[row.job_hash] = min(first, row, key=lambda row: int(row.job_id))
    return [*rows, *processes.values()]


class SlurmQueue:
    """The queue as the jobs of one submission see it: one look for all of them, and no job twice.

    A job is known by its script and folder, not by a number: one that was accepted though sbatch said otherwise, or that got
    another number, is found; a number that Slurm gave to another job says nothing. What the queue does not show is
    believed when it does not show it `LOOKS` times in a row. While the queue cannot be read nothing changes.

    Parameters
    ----------
    machine : dpdispatcher.Machine
        Bound to the jobs' folder.
    patience_seconds : float, s
        How long Slurm may fail to answer, time after time, before that ends the run.
    """

    def __init__(self, machine: Any, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._machine = machine
        self._patience_seconds = patience_seconds
        self._alive: dict[str, _Row] = {}
        self._n_looks = 0
        self._last_seen: dict[str, int] = {}
        """Look that showed a job last, or after which it was or may have been submitted."""
        self._in_doubt: set[str] = set()
        """Jobs that sbatch may have submitted, though it said that it had not."""
        self._silent_since: dict[str, float] = {}
        self._is_away = False

    def look(self) -> None:
        """Ask squeue, once for all jobs.

        Raises
        ------
        NoAnswerError
            If the patience is at its end.
        """
        try:
            rows = _rows(self._machine)
        except NoAnswerError as error:
            self._wait_on("squeue", str(error), "jobs may run on")
            return
        self._is_away = False
        self._silent_since.pop("squeue", None)
        self._n_looks += 1
        before, self._alive = self._alive, {}
        # Where a job is there twice, the one that runs or was there first stays.
        for row in sorted(rows, key=lambda row: (row.waiting, int(row.job_id.partition("_")[0]))):
            kept = self._alive.setdefault(row.job_hash, row)
            if kept is not row and row.waiting:
                dlog.warning(f"job {row.job_id} is job {kept.job_id} once more, and cancelled")
                self._machine.context.block_call(f"scancel -Q --state=PENDING {row.job_id}")
        self._last_seen |= dict.fromkeys(self._alive, self._n_looks)
        if accepted := self._in_doubt & self._alive.keys():
            self._in_doubt -= accepted
            self._silent_since.pop("sbatch", None)
        for job_hash in before.keys() - self._alive.keys():
            dlog.info(f"job {before[job_hash].job_id} is no longer in the queue")

    def state(self, job: Any) -> JobStatus:
        """State of a job after the last look; in place of dpdispatcher's ``check_status``.

        Parameters
        ----------
        job : dpdispatcher Job
            Of the submission.

        Returns
        -------
        JobStatus
            As it was, where the queue was silent.
        """
        before = cast("JobStatus", job.job_state)
        row = self._alive.get(job.job_hash)
        if row is not None:
            job.job_id = row.job_id
            known = {"R": JobStatus.running, "CG": JobStatus.completing}
            return known.get(row.letters, JobStatus.waiting)
        if not job.job_id and job.job_hash not in self._in_doubt:
            return JobStatus.unsubmitted
        if "squeue" in self._silent_since:
            return before
        if self._is_finished(job):
            return JobStatus.finished
        if self._was_just_there(job):
            return before
        return JobStatus.terminated if job.job_id else JobStatus.unsubmitted

    def submit(self, job: Any) -> str:
        """Submit a job unless it may be there; in place of dpdispatcher's ``do_submit``.

        Parameters
        ----------
        job : dpdispatcher Job
            Of the submission.

        Returns
        -------
        str
            Its number; empty where Slurm did not say that it took the job, which is looked for, and asked again, later.

        Raises
        ------
        JobRefusedError
            If Slurm does not want the job.
        NoAnswerError
            If the patience is at its end.
        """
        if self._is_away or (job.job_hash in self._in_doubt and self._was_just_there(job)):
            return ""
        context, script = self._machine.context, job.script_file_name
        context.write_file(script, self._machine.gen_script(job))
        context.write_file(f"{script}.run", self._machine.gen_script_command(job))
        code, _, output, problem = context.block_call(
            f"cd {shlex.quote(context.remote_root)} && sbatch --parsable {shlex.quote(script)}"
        )
        number = _JOB_NUMBER.search(output.read().decode(errors="replace"))
        self._last_seen[job.job_hash] = self._n_looks
        self._in_doubt.discard(job.job_hash)
        if code == 0 and number:
            self._silent_since.pop("sbatch", None)
            self._alive[job.job_hash] = _Row(number[1], job.job_hash, "PD")
            context.write_file(f"{job.job_hash}_job_id", number[1])
            return number[1]
        said = _said(problem, code)
        # A signal (128 and above), too: nobody knows how far sbatch had come.
        if code == 0 or code >= 128 or code < 0 or _AWAY.search(said):
            self._in_doubt.add(job.job_hash)
            self._wait_on("sbatch", f"Slurm took no job (sbatch: {said})", "what runs goes on")
        elif _FULL.search(said):
            dlog.info(f"sbatch is asked again later: {said}")
        else:
            raise JobRefusedError(
                f"Slurm refused a job: {said}; correct `execution` in the study, or machine.json of a campaign"
            )
        return ""

    def _was_just_there(self, job: Any) -> bool:
        return self._n_looks - self._last_seen.setdefault(job.job_hash, self._n_looks - 1) < LOOKS

    def _is_finished(self, job: Any) -> bool:
        if self._machine.check_finish_tag(job):
            return True
        for task in job.job_task_list:
            task.get_task_state(self._machine.context)
        return all(task.task_state == JobStatus.finished for task in job.job_task_list)

    def _wait_on(self, program: str, trouble: str, meanwhile: str) -> None:
        dlog.warning(f"{trouble}; it is asked again")
        self._is_away = True
        now = time.monotonic()
        if now - self._silent_since.setdefault(program, now) > self._patience_seconds:
            raise NoAnswerError(
                f"{trouble} for {self._patience_seconds / 3600:.2g} hours; {meanwhile}, and the same command waits for it."
            )


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


def cancel(machine: Any, jobs: list[LiveJob]) -> str:
    """Cancel jobs, waiting or running.

    Parameters
    ----------
    machine : dpdispatcher.Machine
        Bound to the jobs' folder.
    jobs : list of LiveJob
        Of Slurm.

    Returns
    -------
    str
        What scancel said where it failed.
    """
    if not jobs:
        return ""
    code, _, _, problem = machine.context.block_call(f"scancel -Q {' '.join(job.job_id for job in jobs)}")
    return _said(problem, code) if code else ""


def _said(problem: Any, code: int) -> str:
    """What a program said of its failure: its errors, or else its last line."""
    lines = problem.read().decode(errors="replace").strip().splitlines() or [f"exit status {code}"]
    errors = [line for line in lines if "error:" in line] or lines[-1:]
    return "; ".join(line.removeprefix("sbatch: error: ").strip() for line in errors)


def _tasks_of(context: Any, job_hash: str) -> tuple[str, ...]:
    """Folders of a job's tasks, from its script: written before the job is submitted, whoever did that."""
    script = f".{job_hash}.sub.run"
    if not context.check_file_exists(script):
        return ()
    folders = _TASK_FOLDER.findall(context.read_file(script))
    return tuple(PurePath(shlex.split(folder)[0]).as_posix() for folder in folders)
