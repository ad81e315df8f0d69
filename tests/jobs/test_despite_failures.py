"""A batch that goes on although a task fails: the others come to their end, and the error names the one."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from mlip_interfaces.config import LocalExecution
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.jobs import Batch, JobTask, run_tasks


def batch(folder: Path) -> Batch:
    """Of four tasks the second fails at every try while the last is not yet begun."""
    slow = JobTask("slow", "sleep 4; touch made", ("made",))
    bad = JobTask("bad", "echo run >> count; echo no such model; exit 1", ("made",))
    others = (JobTask("after", "sleep 2; touch made", ("made",)), JobTask("last", "touch made", ("made",)))
    tasks = (slow, bad, *others)
    for task in tasks:
        (folder / task.name).mkdir(exist_ok=True)
    return Batch(tasks, folder, "md", jobs_per_core=4)


def test_siblings_of_a_failing_task_run_to_their_end_and_only_it_is_repeated(tmp_path: Path) -> None:
    execution = LocalExecution(cores=1, poll_seconds=0.2)
    began = time.monotonic()
    with pytest.raises(UnfinishedError, match="1 of 4 tasks in .* did not finish") as error:
        run_tasks(batch(tmp_path), execution, despite_failures=True)
    assert time.monotonic() - began > 4
    assert {task.parent.name for task in tmp_path.glob("*/made")} == {"slow", "after", "last"}
    said = str(error.value)
    assert re.search(
        r"did not finish \(bad\)\. Ended unfinished \d times without coming further, cancelled or failed: job \d+ with bad",
        said,
    )
    assert "All others came to their end." in said
    assert "no such model" in said
    # Cured, it alone is run.
    cured = batch(tmp_path)
    tasks = tuple(JobTask(t.name, "touch made", t.outputs) if t.name == "bad" else t for t in cured.tasks)
    began = time.monotonic()
    run_tasks(Batch(tasks, tmp_path, "md", jobs_per_core=4), execution, despite_failures=True)
    assert time.monotonic() - began < 4
    assert (tmp_path / "bad" / "made").is_file()
