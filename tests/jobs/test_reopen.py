"""Finished tasks run again when their outputs were removed, and only those."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.jobs import JobTask, reopen_tasks, run_tasks


def test_only_the_task_whose_output_was_removed_runs_again(tmp_path: Path) -> None:
    tasks = [JobTask(name, "echo run >> count; touch made", ("made",)) for name in ("a", "b", "c")]
    for task in tasks:
        (tmp_path / task.name).mkdir()
    assert reopen_tasks(tasks, tmp_path) == 0
    run_tasks(tasks, directory=tmp_path, n_parallel=2, poll_seconds=0.5)
    assert reopen_tasks(tasks, tmp_path) == 0
    (tmp_path / "b" / "made").unlink()
    assert reopen_tasks(tasks, tmp_path) == 1
    run_tasks(tasks, directory=tmp_path, n_parallel=2, poll_seconds=0.5)
    runs = {task.name: (tmp_path / task.name / "count").read_text().count("run") for task in tasks}
    assert runs == {"a": 1, "b": 2, "c": 1}
