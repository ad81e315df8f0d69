"""Tasks in the local shell, through dpdispatcher.

The jobs outlive this process: killed and started again with the same tasks, `run_tasks` finds its submission by
its hash, attaches to what still runs, and skips what is finished.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.programs import THREAD_ENVIRONMENT, log_tail


@dataclass(frozen=True, slots=True)
class JobTask:
    """One task of a batch.

    Attributes
    ----------
    name : folder of the task, relative to the batch's directory; it must exist.
    command : shell command, run inside that folder.
    outputs : files that a finished task leaves there.
    """

    name: str
    command: str
    outputs: tuple[str, ...]


def local_machine(local_root: str) -> dict[str, Any]:
    """Machine section of dpdispatcher for the local shell, tasks run in place."""
    return {
        "batch_type": "Shell",
        "context_type": "LazyLocalContext",
        "local_root": local_root,
        "remote_root": local_root,
    }


def local_resources(group_size: int) -> dict[str, Any]:
    """Resources section: one core a job, one thread a program, this environment's programs first."""
    return {
        "batch_type": "Shell",
        "number_node": 1,
        "cpu_per_node": 1,
        "gpu_per_node": 0,
        "queue_name": "",
        "group_size": group_size,
        "envs": dict(THREAD_ENVIRONMENT),
        "prepend_script": [f'export PATH="{Path(sys.executable).parent}:$PATH"'],
    }


def run_tasks(tasks: Sequence[JobTask], *, directory: Path, n_parallel: int, poll_seconds: float) -> None:
    """Run all tasks to their end, `n_parallel` at a time; finished ones are not run again.

    Parameters
    ----------
    tasks : the whole batch; always give the same one, so that a restarted call finds its jobs.
    directory : folder that holds the tasks' folders.
    n_parallel : jobs side by side; dpdispatcher deals the tasks to them at random, so tasks of very different length
        want more jobs than cores: the system shares the cores out evenly.
    poll_seconds : time between two looks at the jobs, s.

    Raises
    ------
    UnfinishedError
        If a task failed three times or left an output out; the message shows the end of its log.
    """
    if all((directory / task.name / output).exists() for task in tasks for output in task.outputs):
        return
    with contextlib.redirect_stdout(io.StringIO()):
        from dpdispatcher import Machine, Resources, Submission, Task
        from dpdispatcher.dlog import dlog

    _log_into(dlog, directory / "dpdispatcher.log")
    group_size = -(-len(tasks) // min(n_parallel, len(tasks)))
    submission = Submission(
        work_base=".",
        machine=Machine.load_from_dict(local_machine(str(directory.resolve()))),
        resources=Resources.load_from_dict(local_resources(group_size)),
        task_list=[
            Task(
                command=task.command,
                task_work_path=task.name,
                forward_files=[],
                backward_files=list(task.outputs),
                outlog="task.log",
                errlog="task.log",
            )
            for task in tasks
        ],
    )
    failure: RuntimeError | None = None
    try:
        submission.run_submission(check_interval=poll_seconds, clean=False)
    except RuntimeError as error:
        failure = error
    unfinished = [
        task for task in tasks if not all((directory / task.name / output).exists() for output in task.outputs)
    ]
    if unfinished or failure is not None:
        names = ", ".join(task.name for task in unfinished[:5]) or "none of the tasks"
        first = directory / (unfinished[0].name if unfinished else tasks[0].name) / "task.log"
        raise UnfinishedError(
            f"{len(unfinished)} of {len(tasks)} tasks in {directory} did not finish ({names}). "
            f"The end of {first}:\n{log_tail(first)}"
        ) from failure


@contextlib.contextmanager
def watching(look: Callable[[], None], *, every_seconds: float = 1.0) -> Iterator[None]:
    """Call `look` regularly while the body runs: progress of work done by other processes."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(every_seconds):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        look()


def _log_into(logger: logging.Logger, file: Path) -> None:
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
