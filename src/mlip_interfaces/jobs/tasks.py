"""Batches of tasks through dpdispatcher, in the local shell or on Slurm.

The jobs outlive this process: killed and started again with the same tasks, `run_tasks` attaches to what still runs or
waits, and skips what is finished, whatever became of the resources in between.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlip_interfaces.config import Execution, SlurmExecution, Step
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import write_bytes
from mlip_interfaces.jobs.alone import alone
from mlip_interfaces.jobs.gpus import TAKE_A_PLACE, gpu_places
from mlip_interfaces.jobs.sections import machine_section, resources_section
from mlip_interfaces.programs import end_of_log, find_program


@dataclass(frozen=True, slots=True)
class JobTask:
    """One task of a batch.

    Attributes
    ----------
    name : str
        Folder of the task, relative to the batch's directory; it must exist.
    command : str
        Shell command, run inside that folder, by one process at a time.
    outputs : tuple of str
        Files that a finished task leaves there.
    inputs : tuple of str
        Files there that it needs; they matter only where jobs do not run in place.
    extras : tuple of str
        Further files and folders it may leave there, brought back from where jobs do not run in place.
    """

    name: str
    command: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks that are submitted together.

    Attributes
    ----------
    tasks : tuple of JobTask
        All of them; always give the same ones, so that a restarted call finds its jobs.
    directory : Path
        Folder that holds the tasks' folders.
    step : Step
        Kind of job.
    jobs_per_core : int
        As in `resources_section`.
    common_files : tuple of str
        Files of `directory` that every task needs, where jobs do not run in place.
    """

    tasks: tuple[JobTask, ...]
    directory: Path
    step: Step
    jobs_per_core: int = 1
    common_files: tuple[str, ...] = ()


ONLY = ": only "
EXTRAS = "extras.tar"


def only_by_itself(mark: str) -> str:
    """Shell that does nothing, at the head of a task's command: the task is not done where another command has done it.

    Without it, what an edited command finds done is done. That is no answer where outputs lie elsewhere, and cannot be looked at.

    Parameters
    ----------
    mark : str
        Hash of what the task does.

    Returns
    -------
    str
        To be followed by a semicolon.
    """
    return f"{ONLY}{mark[:12]}"


def run_tasks(batch: Batch, execution: Execution, *, despite_failures: bool = False) -> None:
    """Run all tasks to their end; finished ones are not run again.

    Parameters
    ----------
    batch : Batch
        All its tasks; a restarted call gives the same ones.
    execution : Execution
        How jobs are run: the study's section.
    despite_failures : bool, optional
        Whether the others run on where a task fails at every try; the error is raised when they have ended. For tasks of hours
        or days that need not each other.

    Raises
    ------
    UnfinishedError
        If a task failed at every try, was refused, or left an output out; the message shows the end of its log.
    MissingProgramError
        If there is no Slurm to submit to.
    """
    directory = batch.directory
    if execution.staged:
        # Killed while files were fetched, an earlier start may have left them packed.
        _unpack_extras(batch)
    if all((directory / task.name / output).exists() for task in batch.tasks for output in task.outputs):
        return
    if isinstance(execution, SlurmExecution) and execution.context != "ssh":
        find_program("sbatch")
    submission = make_submission(batch, execution)
    from mlip_interfaces.jobs.attaching import JobsGivenUpError  # loads dpdispatcher, as the line above did quietly

    failure: RuntimeError | None = None
    try:
        submission.run_submission(
            check_interval=execution.poll_seconds, clean=False, continue_on_failure=despite_failures
        )
    except RuntimeError as error:
        failure = error
    if execution.staged:
        _unpack_extras(batch)
    unfinished = [
        task for task in batch.tasks if not all((directory / task.name / output).exists() for output in task.outputs)
    ]
    if unfinished or failure is not None:
        names = ", ".join(task.name for task in unfinished[:5]) or "none of the tasks"
        said = "" if failure is None else str(failure)
        why = f" {said if isinstance(failure, UnfinishedError) else ' '.join(said.split())[:300]}" if said else ""
        # Of those that were given up, the first that has a log; their siblings may not have begun, or were cancelled.
        given_up = failure.tasks if isinstance(failure, JobsGivenUpError) else ()
        shown = [task for task in unfinished if task.name in given_up] or unfinished or batch.tasks
        logs = [directory / task.name / "task.log" for task in shown]
        first = next((log for log in logs if log.is_file()), None)
        end = f" {end_of_log(first)}" if first else ""
        raise UnfinishedError(
            f"{len(unfinished)} of {len(batch.tasks)} tasks in {directory} did not finish ({names}).{why}{end}"
        ) from failure


def tasks_given_up(error: UnfinishedError) -> tuple[str, ...]:
    """Tasks whose jobs `run_tasks` gave up.

    Parameters
    ----------
    error : UnfinishedError
        What it raised.

    Returns
    -------
    tuple of str
        Their names; empty where it ended for another reason.
    """
    from mlip_interfaces.jobs.attaching import JobsGivenUpError  # loads dpdispatcher

    return error.__cause__.tasks if isinstance(error.__cause__, JobsGivenUpError) else ()


def make_submission(batch: Batch, execution: Execution) -> Any:
    """The batch as a dpdispatcher submission; nothing is written or submitted, but for an SSH connection.

    Parameters
    ----------
    batch : Batch
        All its tasks.
    execution : Execution
        How jobs are run: the study's section.

    Returns
    -------
    dpdispatcher.Submission
        Bound to its machine.

    Raises
    ------
    UnfinishedError
        If the other machine cannot be reached.
    """
    with _silent_import():
        from dpdispatcher import Machine, Resources, Task
        from dpdispatcher.dlog import dlog

        from mlip_interfaces.jobs.attaching import AttachingSubmission
    _log_into(dlog, batch.directory / "dpdispatcher.log")
    resources = resources_section(execution, batch.step, n_tasks=len(batch.tasks), jobs_per_core=batch.jobs_per_core)
    machine = Machine.load_from_dict(machine_section(execution, str(batch.directory.resolve())))
    if gpu_places(execution, batch.step):
        # In the place of dpdispatcher's own words before a command, not in the command: what is done stays done when GPUs come or go.
        machine.gen_command_env_cuda_devices = lambda resources: TAKE_A_PLACE
    return AttachingSubmission(
        work_base=".",
        machine=machine,
        resources=Resources.load_from_dict(resources),
        forward_common_files=list(batch.common_files) if execution.staged else [],
        task_list=[
            Task(
                command=alone(_kept(task) if execution.staged else task.command),
                task_work_path=task.name,
                forward_files=list(task.inputs) if execution.staged else [],
                backward_files=[
                    *task.outputs,
                    *((*([EXTRAS] if task.extras else ()), "task.log") if execution.staged else ()),
                ],
                outlog="task.log",
                errlog="task.log",
            )
            for task in batch.tasks
        ],
    )


@contextlib.contextmanager
def watching(look: Callable[[], None], *, every_seconds: float) -> Iterator[None]:
    """Call `look` regularly while the body runs, and once when it has ended well: progress of work done by other processes.

    Parameters
    ----------
    look : callable
        Counts what is there and reports it. It shares the machine with the work, so it must be cheap.
    every_seconds : float, s
        Time between two looks: `execution.poll_seconds`, as for the jobs themselves.

    Notes
    -----
    What goes wrong in the body comes out as it is. What goes wrong in a look comes out when the work is done.
    """
    stop = threading.Event()
    trouble: list[Exception] = []

    def watch() -> None:
        while not stop.wait(every_seconds):
            try:
                look()
            except Exception as error:  # noqa: BLE001 (kept for the thread that waits, which raises it)
                trouble.append(error)
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if trouble:
        raise trouble[0]
    look()


def _kept(task: JobTask) -> str:
    """The command, then those extras that are there as one file: which of them will be is not known where it is fetched."""
    if not task.extras:
        return task.command
    pack = f"tar cf {EXTRAS} -T /dev/null; for file in {' '.join(task.extras)}; do [ ! -e $file ] || tar rhf {EXTRAS} $file; done"
    return f"{task.command}; status=$?; {pack}; exit $status"


def _unpack_extras(batch: Batch) -> None:
    """Extras that were fetched take their places; what was not made leaves what is there."""
    for task in batch.tasks:
        archive = batch.directory / task.name / EXTRAS
        if archive.is_file() and archive.stat().st_size:
            with tarfile.open(archive) as extras:
                extras.extractall(archive.parent, filter="data")
            # It stays, empty, as a sign that the task is done.
            write_bytes(archive, b"")


@contextlib.contextmanager
def _silent_import() -> Iterator[None]:
    """dpdispatcher prints, and begins a log in the working directory, when it is imported."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _log_into(logger: logging.Logger, file: Path) -> None:
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    # A dry run makes no folder, and has nothing to log.
    handler = logging.FileHandler(file, delay=True) if file.parent.is_dir() else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
