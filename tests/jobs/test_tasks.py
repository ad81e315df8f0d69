"""Batches in the local shell: what is finished is not repeated, what lost its output is."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.config import LocalExecution
from mlip_interfaces.jobs import Batch, JobTask, run_tasks


def test_only_the_task_whose_output_was_removed_runs_again(tmp_path: Path) -> None:
    tasks = tuple(JobTask(name, "echo run >> count; touch made", ("made",)) for name in ("a", "b", "c"))
    for task in tasks:
        (tmp_path / task.name).mkdir()
    batch, execution = Batch(tasks, tmp_path, "label"), LocalExecution(cores=2, poll_seconds=0.5)
    run_tasks(batch, execution)
    (tmp_path / "b" / "made").unlink()
    run_tasks(batch, execution)
    runs = {task.name: (tmp_path / task.name / "count").read_text().count("run") for task in tasks}
    assert runs == {"a": 1, "b": 2, "c": 1}
