"""Finished tasks that are to run again: dpdispatcher remembers them in tag files, whatever became of their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlip_interfaces.jobs.local import JobTask

_TASK_TAG = "*_task_tag_finished"
_JOB_FILES = ("*_job_tag_finished", "*_flag_if_job_task_fail", "*_job_id", f"{'[0-9a-f]' * 40}.json")


def reopen_tasks(tasks: Sequence[JobTask], directory: Path) -> int:
    """Let finished tasks run again whose outputs were removed since; the others stay finished.

    Parameters
    ----------
    tasks : the batch, as given to `run_tasks`.
    directory : folder that holds the tasks' folders.

    Returns
    -------
    int
        How many tasks will run again.
    """
    n_reopened = 0
    for task in tasks:
        folder = directory / task.name
        tags = list(folder.glob(_TASK_TAG))
        if tags and not all((folder / output).exists() for output in task.outputs):
            for tag in tags:
                tag.unlink()
            n_reopened += 1
    if n_reopened:
        for pattern in _JOB_FILES:
            for file in directory.glob(pattern):
                file.unlink()
    return n_reopened
