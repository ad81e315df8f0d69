"""A dpdispatcher submission that looks at what is there before it submits anything.

dpdispatcher finds its jobs again by a hash of machine, resources and tasks, kept in a file that is written once all
jobs are submitted. So a changed machine file, or a kill while jobs are being submitted, would start a second job for
the same task. This submission asks instead: which tasks are finished (their tags and outputs), which jobs are alive
(`mlip_interfaces.jobs.queue`). What is finished is not repeated; what runs is waited for, whoever started it and with
whatever resources; what only waits with other resources is cancelled and submitted anew.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from dpdispatcher import Submission
from dpdispatcher.dlog import dlog
from dpdispatcher.submission import Job
from dpdispatcher.utils.job_status import JobStatus

from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import write_text
from mlip_interfaces.jobs.queue import (
    JobRefusedError,
    LiveJob,
    NoAnswerError,
    SlurmQueue,
    cancel,
    cancel_waiting,
    live_jobs,
)
from mlip_interfaces.jobs.stopping import ROOT_FILE
from mlip_interfaces.jobs.tasks import ONLY
from mlip_interfaces.records import read_as

_TAG = "_task_tag_finished"
_STEP = re.compile(r"(?:traj|model[.]ckpt)[.-](?P<step>[0-9]+)[.]")
"""In the names of files that tell how far a task is: MD names a piece by the checkpoint that it began from, ``dp`` its checkpoints."""


class JobsGivenUpError(UnfinishedError):
    """Jobs ended unfinished after every try, or were refused; the message says which and why.

    Parameters
    ----------
    message : str
        What to tell.
    tasks : tuple of str
        Folders of the tasks that did not end.
    """

    def __init__(self, message: str, tasks: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.tasks = tasks


class AttachingSubmission(Submission):  # type: ignore[misc]
    """As dpdispatcher's, but every start begins with the truth; see the module."""

    poll_seconds: float = 30.0
    belonging_jobs: list[Any]
    _queue: SlurmQueue | None = None
    _reached: dict[str, _Reached] | None = None

    def run_submission(self, **options: Any) -> Any:
        """Run all jobs to their end.

        Parameters
        ----------
        **options : Any
            Those of dpdispatcher's method.

        Returns
        -------
        dict of str to Any
            As dpdispatcher's method.

        Raises
        ------
        JobsGivenUpError
            If a job ended unfinished after every try or was refused; its siblings in the queue are cancelled, unless they are to
            go on (``continue_on_failure``): then it is raised when they have ended.
        UnfinishedError
            If Slurm did not answer for hours.
        """
        options.setdefault("check_interval", self.poll_seconds)
        self.poll_seconds = options["check_interval"]
        if type(self.machine).__name__ == "Slurm":
            self._queue = SlurmQueue(self.machine)
            self.machine.check_status, self.machine.do_submit = self._queue.state, self._queue.submit
        try:
            return super().run_submission(**options)
        except UnfinishedError:
            raise
        except RuntimeError as error:
            given_up = [job for job in self.belonging_jobs if job.fail_count > self.machine.retry_count]
            if isinstance(error.__cause__, JobRefusedError):
                raise JobsGivenUpError(f"{error.__cause__}. {self._cancel_siblings()}") from error
            if isinstance(error.__cause__, UnfinishedError):
                raise error.__cause__ from None
            if not given_up:
                raise
            failed = tuple(_folder(task) for job in given_up for task in job.job_task_list)
            others = "All others came to their end." if self.continue_on_failure else self._cancel_siblings()
            raise JobsGivenUpError(f"{self._why(given_up)}. {others}", failed) from error

    def update_submission_state(self) -> None:
        """Set every job's state: on Slurm, by one look at the queue. A try that came further than all before it counts for nothing."""
        if self._queue is not None:
            self._queue.look()
        super().update_submission_state()
        ended = [job for job in self.belonging_jobs if job.job_state == JobStatus.terminated]
        if not ended:
            return
        before, self._reached = self._reached or {}, self._how_far()
        for job in ended:
            if any(
                self._reached.get(_folder(task), _Reached()) != before.get(_folder(task), _Reached())
                for task in job.job_task_list
            ):
                job.fail_count = 0

    def _how_far(self) -> dict[str, _Reached]:
        """What each task has left behind, by its folder; once reached, a step stays so."""
        names = f"-name '*{_TAG}' -o -name 'traj.*.dcd' -o -name 'model.ckpt-*'"
        _, _, output, _ = self.machine.context.block_call(f"find . {names}")
        found = dict(self._reached or {})
        for path in map(PurePath, output.read().decode().splitlines()):
            folder = path.parent.as_posix()
            was, step = found.get(folder, _Reached()), _STEP.match(path.name)
            found[folder] = _Reached(
                max(was.step, int(step["step"]) if step else 0), was.tags | {path.name} if step is None else was.tags
            )
        return found

    def try_recover_from_json(self) -> None:
        """Set every job's state from the tags, the outputs and the queue; dpdispatcher's own file is not read."""
        self._keep_root()
        finished = self._finished_tasks()
        self._reached = self._how_far()
        own = {job.job_hash: job for job in self.belonging_jobs}
        mine = {_folder(task) for task in self.belonging_tasks}
        alive = self._alive(mine)
        waiting = [job for job in alive if job.job_hash not in own and job.waiting]
        if waiting:
            dlog.info(f"cancelled, to be submitted with the present settings: {_numbers(waiting)}")
            cancel_waiting(self.machine, waiting)
            alive = self._alive(mine)
        strangers = [job for job in alive if job.job_hash not in own]
        if strangers:
            dlog.info(f"running with other settings, waited for: {_numbers(strangers)}")
            self.belonging_jobs = self._jobs_around(strangers, alive, finished)
        known = {job.job_hash: job for job in alive}
        for job in self.belonging_jobs:
            if job.job_hash in known:
                job.job_id, job.job_state = known[job.job_hash].job_id, JobStatus.waiting
            elif all(_folder(task) in finished for task in job.job_task_list):
                job.job_state = JobStatus.finished
            else:
                # A tag of an earlier end would pass for the end of the new run.
                self.machine.context.block_call(f"rm -f {job.job_hash}_job_tag_finished")
                job.job_state = JobStatus.unsubmitted
            for task in job.job_task_list:
                task.task_state = JobStatus.finished if _folder(task) in finished else job.job_state

    def submission_to_json(self) -> None:
        """Write dpdispatcher's file, for plain ``dpgen run``, while the jobs are the ones it would make itself."""
        if self.get_hash() == self.submission_hash:
            super().submission_to_json()

    def _keep_root(self) -> None:
        """Stay in the folder that these tasks began in, where jobs do not run in place.

        dpdispatcher names that folder by its hash: after a change of resources it would begin in an empty one.
        """
        context = self.machine.context
        if type(context).__name__ == "LazyLocalContext":
            return
        file = Path(context.local_root) / ROOT_FILE
        here = {"context": type(context).__name__, "below": context.temp_remote_root}
        if file.is_file():
            before = read_as(dict[str, str], file)
            if here.items() <= before.items() and _has_folder(context, before.get("folder", "")):
                context.remote_root = before["folder"]
        if type(context).__name__ == "LocalContext":
            Path(context.remote_root).mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(here | {"folder": context.remote_root}))

    def _finished_tasks(self) -> set[str]:
        """Folders of tasks that ended well and whose outputs are there; tags without outputs are removed."""
        context = self.machine.context
        _, _, output, _ = context.block_call(f"find . -name '*{_TAG}'")
        tags: dict[str, list[str]] = {}
        for line in output.read().decode().splitlines():
            path = PurePath(line)
            tags.setdefault(path.parent.as_posix(), []).append(path.name)
        finished, forget, rename = set(), [], []
        for task in self.belonging_tasks:
            folder = _folder(task)
            found = tags.get(folder, [])
            if not found:
                continue
            is_own = f"{task.task_hash}{_TAG}" in found
            is_done = all(self._exists(f"{folder}/{name}") for name in task.backward_files)
            if is_done and (is_own or ONLY not in task.command):
                finished.add(folder)
                if not is_own:
                    # Done by a command that has been edited since: done all the same.
                    rename.append(f"{folder}/{task.task_hash}{_TAG}")
            else:
                forget += [f"{folder}/{name}" for name in found]
        for command, files in (("rm -f", forget), ("touch", rename)):
            for start in range(0, len(files), 100):
                context.block_call(f"{command} {shlex.join(files[start : start + 100])}")
        return finished

    def _exists(self, file: str) -> bool:
        context = self.machine.context
        return bool(context.check_file_exists(file)) or (Path(context.local_root) / file).exists()

    def _jobs_around(self, strangers: Sequence[LiveJob], alive: Sequence[LiveJob], finished: set[str]) -> list[Any]:
        """Jobs that leave the tasks of running strangers to them."""
        tasks = {_folder(task): task for task in self.belonging_tasks}
        jobs = []
        for live in strangers:
            job = self._new_job([tasks[name] for name in live.tasks if name in tasks])
            job.job_hash, job.script_file_name = live.job_hash, f".{live.job_hash}.sub"
            jobs.append(job)
        known = {job.job_hash for job in alive}
        jobs += [job for job in self.belonging_jobs if job.job_hash in known]
        held = {_folder(task) for job in jobs for task in job.job_task_list}
        rest = [task for name, task in tasks.items() if name not in held | finished]
        size = self.resources.group_size or max(1, len(rest))
        return jobs + [self._new_job(rest[start : start + size]) for start in range(0, len(rest), size)]

    def _alive(self, folders: set[str]) -> list[LiveJob]:
        return [job for job in live_jobs(self.machine, pause_seconds=self.poll_seconds) if folders & set(job.tasks)]

    def _new_job(self, tasks: list[Any]) -> Any:
        return Job(job_task_list=tasks, resources=self.resources, machine=self.machine)

    def _cancel_siblings(self) -> str:
        if type(self.machine).__name__ != "Slurm":
            return "Its siblings run on; the same command waits for them."
        mine = {_folder(task) for task in self.belonging_tasks}
        try:
            siblings = self._alive(mine)
        except NoAnswerError as error:
            return f"Its siblings may run on: {error}"
        if said := cancel(self.machine, siblings):
            return f"Its siblings run on, since scancel failed ({said}): {_numbers(siblings)}."
        return f"Cancelled with it: {_numbers(siblings)}." if siblings else "No other job was left in the queue."

    def _why(self, jobs: Sequence[Any]) -> str:
        shown = "; ".join(
            f"job {job.job_id} with {', '.join(_folder(task) for task in job.job_task_list[:4])}"
            + (", ..." if len(job.job_task_list) > 4 else "")
            + self._last_words(job)
            for job in jobs
        )
        return f"Ended unfinished {jobs[0].fail_count} times without coming further, cancelled or failed: {shown}"

    def _last_words(self, job: Any) -> str:
        """What Slurm wrote when it ended the job: cancelled by hand, by its time limit, by a lost node."""
        context, file = self.machine.context, f"slurm-{job.job_id}.out"
        lines = context.read_file(file).strip().splitlines() if context.check_file_exists(file) else []
        return f" ({lines[-1].strip()})" if lines else ""


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far a task is: the last step that a checkpoint is known of, and the marks of its end."""

    step: int = 0
    tags: frozenset[str] = frozenset()


def _folder(task: Any) -> str:
    return PurePath(task.task_work_path).as_posix()


def _numbers(jobs: Sequence[LiveJob]) -> str:
    return "job " + ", ".join(job.job_id for job in jobs)


def _has_folder(context: Any, folder: str) -> bool:
    if type(context).__name__ == "LocalContext":
        return Path(folder).is_dir()
    code, *_ = context.block_call(f"test -d {shlex.quote(folder)}")
    return bool(code == 0)
