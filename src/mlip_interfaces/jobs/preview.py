"""The batch scripts that would be submitted, from dpdispatcher's own generator; nothing is submitted or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlip_interfaces.config import Execution, SlurmExecution
from mlip_interfaces.jobs.tasks import Batch, make_submission


@dataclass(frozen=True, slots=True)
class BatchScripts:
    """Jobs of one batch: all alike but for their tasks, so the first stands for them.

    Attributes
    ----------
    title : str
        What is run.
    n_tasks, n_jobs : int
        Tasks, and the jobs they are dealt to.
    name : str
        File of the first job's script.
    script : str
        Its text.
    commands : str
        Text of ``NAME.run``, which it sources: the commands of its tasks.
    """

    title: str
    n_tasks: int
    n_jobs: int
    name: str
    script: str
    commands: str

    def __str__(self) -> str:
        others = f", the first of {self.n_jobs} jobs" if self.n_jobs > 1 else ""
        return (
            f"===== {self.title}: {self.n_tasks} tasks in {self.n_jobs} jobs =====\n"
            f"----- {self.name}{others} -----\n{self.script.strip()}\n"
            f"----- {self.name}.run -----\n{self.commands.strip()}\n"
        )


def preview_batch(batch: Batch, execution: Execution, title: str) -> BatchScripts:
    """Scripts of a batch; its folders need not exist.

    Parameters
    ----------
    batch : Batch
        Tasks and their kind.
    execution : Execution
        How jobs are run: the study's section.
    title : str
        What is run.

    Returns
    -------
    BatchScripts
        Of the first job.
    """
    return preview_submission(make_submission(batch, without_connection(execution)), title)


def preview_submission(submission: Any, title: str) -> BatchScripts:
    """Scripts of a dpdispatcher submission.

    Parameters
    ----------
    submission : dpdispatcher.Submission
        Made, not submitted.
    title : str
        What is run.

    Returns
    -------
    BatchScripts
        Of the first job.
    """
    if not submission.belonging_jobs:
        submission.generate_jobs()
    jobs = submission.belonging_jobs
    machine = submission.machine
    return BatchScripts(
        title=title,
        n_tasks=len(submission.belonging_tasks),
        n_jobs=len(jobs),
        name=jobs[0].script_file_name,
        script=machine.gen_script(jobs[0]),
        commands=machine.gen_script_command(jobs[0]),
    )


def without_connection(execution: Execution) -> Execution:
    """The same with files copied on this machine: the scripts are alike, and nobody is called.

    Parameters
    ----------
    execution : Execution
        How jobs are run: the study's section.

    Returns
    -------
    Execution
        Equal but for the connection.
    """
    if isinstance(execution, SlurmExecution) and execution.context == "ssh":
        return execution.model_copy(update={"context": "local", "remote_profile": {}})
    return execution
