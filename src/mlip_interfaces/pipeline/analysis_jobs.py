"""Analyses as jobs, one task for each trajectory, where the MD ran; this process writes what they do and reads what they say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlip_interfaces.books.run import RUN_INDEX, MadeAnalysis, ScanEntry
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import content_hash, relink, write_json
from mlip_interfaces.jobs import Batch, JobTask, only_by_itself, run_tasks, tasks_given_up, watching
from mlip_interfaces.pipeline.run_analysis import TASK, RunTask, made_as_asked, made_before
from mlip_interfaces.programs import log_tail
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.version import __version__

ENDED = "run.ended"
"""Exit status of a job's program, and the mark of what it did."""
INPUTS = "input"
"""Folder of what travels with a task that does not run in place."""
LOG = "task.log"
RESULTS = ("*.json", "*.csv", "*.png", "*.svg")
_MEANT = (0, 1, 2)
"""Done, a fault of ours, and files that cannot be analysed: another try would end alike. Killed, or without room, it would not."""
_TURNS = 3


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of the analysis of a run.

    Attributes
    ----------
    made : mapping of str to MadeAnalysis
        By the name of the request.
    trouble : str
        Why nothing was made.
    """

    made: Mapping[str, MadeAnalysis] = field(default_factory=dict)
    trouble: str = ""


def outcomes_of_jobs(context: RunContext, runs: Sequence[ScanEntry]) -> dict[str, RunOutcome]:
    """Have jobs analyse runs; those whose files are as they were when all was made have none.

    A task whose program ends with an error, or whose job is given up, leaves the others to their end.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    runs : sequence of ScanEntry
        Runs to analyse.

    Returns
    -------
    dict of str to RunOutcome
        By the name of the run.

    Raises
    ------
    UnfinishedError
        If no job can be submitted; the same call continues.
    """
    marks = {run.name: _prepared(context, run) for run in runs}
    given_up: dict[str, str] = {}

    def waiting() -> list[ScanEntry]:
        return [run for run in runs if run.name not in given_up and _status(context, run, marks[run.name]) is None]

    def look() -> None:
        n_done = len(runs) - len(waiting())
        context.progress(n_done / len(runs), f"{n_done} of {len(runs)} trajectories analysed")

    for run in runs:
        if not _is_whole(context, run, marks[run.name]):
            (context.analysis / run.directory / ENDED).unlink(missing_ok=True)
    turns = _TURNS
    while turns and (left := waiting()):
        for run in left:
            (context.analysis / run.directory / ENDED).unlink(missing_ok=True)
        batch = analysis_batch(context, {run.directory: marks[run.name] for run in left})
        try:
            with watching(look, every_seconds=context.study.execution.poll_seconds):
                run_tasks(batch, context.study.execution)
            # What ran for an earlier start may have done what an earlier study asked for.
            turns -= 1
        except UnfinishedError as error:
            # A job that is given up takes its siblings out of the queue: they go on without it.
            lost = set(tasks_given_up(error))
            if not lost:
                raise
            why = str(error.__cause__).partition(". ")[0]
            given_up |= {run.name: f"{why}; {_last_words(context, run)}" for run in waiting() if run.directory in lost}
    return {run.name: _outcome(context, run, marks[run.name], given_up.get(run.name, "")) for run in runs}


def analysis_batch(context: RunContext, marks: Mapping[str, str]) -> Batch:
    """Analyses as tasks; nothing is written.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    marks : mapping of str to str
        Folder of a run -> mark of what its task does.

    Returns
    -------
    Batch
        A task for each.
    """
    tasks = []
    for name, mark in marks.items():
        folder = context.analysis / name
        carried: tuple[str, ...] = ()
        if context.study.execution.staged and folder.is_dir():
            there = [f"{made}.json" for made in made_before(folder)]
            files = (TASK, RUN_INDEX, *there, *(f"{INPUTS}/{file.name}" for file in sorted(folder.glob(f"{INPUTS}/*"))))
            carried = tuple(file for file in files if (folder / file).is_file())
        # Killed by a signal, or without room, a task is not done; else its end is told by a file, and its job ends well.
        command = (
            f"{only_by_itself(mark)}; rm -f {ENDED}; mlip-interfaces analyze-run .; status=$?; [ $status -le {max(_MEANT)} ] || exit $status; "
            f"echo $status {mark} > {ENDED}.new && mv {ENDED}.new {ENDED}"
        )
        tasks.append(JobTask(name, command, (ENDED,), inputs=carried, extras=RESULTS))
    return Batch(tuple(tasks), context.analysis, "analyze")


def _prepared(context: RunContext, run: ScanEntry) -> str:
    """Write what a task does; the mark of it, which changes with the files of the run."""
    files, folder = context.scan / run.directory, context.analysis / run.directory
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in (run.trajectory, run.layers) if name]
    staged = context.study.execution.staged
    if staged:
        (folder / INPUTS).mkdir(exist_ok=True)
        for name in names:
            if (files / name).is_file():
                relink(folder / INPUTS / name, files / name)
            else:
                (folder / INPUTS / name).unlink(missing_ok=True)
    where = INPUTS if staged else os.path.relpath(files, folder)
    task = RunTask(run, where, context.study.analysis.model_dump(mode="json")).to_json()
    write_json(folder / TASK, task)
    # A trajectory is not read here: a file that is written again has another time of its last change, and its job hashes it.
    return content_hash({"version": __version__, "task": task, "files": [_state(files / name) for name in names]})[:16]


def _state(file: Path) -> list[int]:
    if not file.is_file():
        return []
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _status(context: RunContext, run: ScanEntry, mark: str) -> int | None:
    """How the program of a task ended; None before its end, and where it was another task."""
    file = context.analysis / run.directory / ENDED
    words = file.read_text().split() if file.is_file() else []
    return int(words[0]) if words[1:] == [mark] else None


def _is_whole(context: RunContext, run: ScanEntry, mark: str) -> bool:
    return _status(context, run, mark) == 0 and not _missing(context, run)


def _missing(context: RunContext, run: ScanEntry) -> bool:
    asked = context.study.analysis
    return len(made_as_asked(asked, run.temperature_kelvin, context.analysis / run.directory)) < len(asked.requests)


def _outcome(context: RunContext, run: ScanEntry, mark: str, trouble: str) -> RunOutcome:
    if _is_whole(context, run, mark):
        folder = context.analysis / run.directory
        return RunOutcome(made_as_asked(context.study.analysis, run.temperature_kelvin, folder))
    status = _status(context, run, mark)
    if status is not None:
        trouble = _last_words(context, run) if status else "results that its job made are not there; run it again"
    return RunOutcome(trouble=trouble or "its job did another task than was asked for; run it again")


def _last_words(context: RunContext, run: ScanEntry) -> str:
    """The last line of the log of a task: the program's sentence, or what else it is, with the place of the log."""
    log = context.analysis / run.directory / LOG
    if not log.is_file():
        return "its log is where the job ran"
    last = log_tail(log, 1).strip()
    said = last.removeprefix("mlip-interfaces: ")
    if said != last:
        # The folder may be moved.
        return said.replace(f"{context.root.resolve()}/", "").replace(f"{context.root}/", "")
    where = os.path.relpath(log, context.root)
    return f"the analysis ended with: {last} (in {where})"
