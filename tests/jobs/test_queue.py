"""A queue that fails to answer now and then: asked again, and never taken for the end of a job."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dpdispatcher.utils.job_status import JobStatus

from mlip_interfaces.config import SlurmExecution
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.jobs import Batch, JobTask, run_tasks
from mlip_interfaces.jobs.queue import TRIES, live_jobs, patient

ZERO_BYTES = "slurm_load_jobs error: Zero Bytes were transmitted or received"
FAILED = RuntimeError(
    f'status command squeue -o "%.18i %.2t" -j 7 fails to execute.job_id:7 \n error message:{ZERO_BYTES}'
)


def answers(*states: JobStatus | Exception) -> Any:
    """A machine's `check_status` that says one after the other."""
    left = list(states)

    def check_status(job: Any) -> JobStatus:
        state = left.pop(0)
        if isinstance(state, Exception):
            raise state
        return state

    return check_status


def test_a_queue_that_fails_leaves_the_state_as_it_was() -> None:
    asked = patient(answers(FAILED, FAILED, JobStatus.finished))
    for state in (JobStatus.waiting, JobStatus.running):
        assert asked(SimpleNamespace(job_state=state)) == state
    assert asked(SimpleNamespace(job_state=JobStatus.running)) == JobStatus.finished


def test_a_state_that_nobody_knows_is_no_end() -> None:
    asked = patient(answers(JobStatus.unknown, JobStatus.terminated))
    job = SimpleNamespace(job_state=JobStatus.running)
    assert asked(job) == JobStatus.running
    assert asked(job) == JobStatus.terminated


def test_other_errors_are_not_held_back() -> None:
    with pytest.raises(RuntimeError, match="disk"):
        patient(answers(RuntimeError("disk full")))(SimpleNamespace(job_state=JobStatus.running))


def test_patience_ends_with_a_sentence_and_begins_anew_with_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 90.0, 1000.0, 1090.0, 1101.0])
    monkeypatch.setattr("mlip_interfaces.jobs.queue.time", SimpleNamespace(monotonic=lambda: next(now)))
    asked = patient(answers(FAILED, FAILED, JobStatus.running, FAILED, FAILED, FAILED), patience_seconds=100.0)
    job = SimpleNamespace(job_state=JobStatus.running)
    assert [asked(job) for _ in range(5)] == [JobStatus.running] * 5
    with pytest.raises(UnfinishedError, match=r"could not be read for 0\.028 hours \(.*Zero Bytes.*jobs may run on"):
        asked(job)


class Slurm:
    """A machine whose squeue fails a number of times."""

    def __init__(self, n_failures: int) -> None:
        self.context, self.n_calls, self.n_failures = self, 0, n_failures
        self.remote_root = "/scratch/run"

    def block_call(self, command: str) -> tuple[int, None, io.BytesIO, io.BytesIO]:
        self.n_calls += 1
        if self.n_calls <= self.n_failures:
            return 1, None, io.BytesIO(b"/scratch/run\n"), io.BytesIO(ZERO_BYTES.encode())
        lines = f"/scratch/run\n7|PD|/scratch/run|.{'a' * 40}.sub\n8|R|/elsewhere|.{'b' * 40}.sub\n"
        return 0, None, io.BytesIO(lines.encode()), io.BytesIO()

    def check_file_exists(self, name: str) -> bool:
        return False


def test_the_queue_is_asked_again_before_anything_is_submitted() -> None:
    machine = Slurm(TRIES - 1)
    (job,) = live_jobs(machine, pause_seconds=0.0)
    assert (job.job_id, job.waiting, machine.n_calls) == ("7", True, TRIES)
    deaf = Slurm(TRIES)
    with pytest.raises(UnfinishedError, match=r"squeue: .*Zero Bytes.*no job was submitted"):
        live_jobs(deaf, pause_seconds=0.0)
    assert deaf.n_calls == TRIES


STANDINS = {
    "sbatch": 'n=$(($(cat $S/n 2>/dev/null || echo 100) + 1)); echo $n > $S/n; script="${@: -1}"\n'
    'echo "$(pwd)|$script" > $S/$n.job; (bash "$script" > $S/$n.log 2>&1; touch $S/$n.end) > /dev/null 2>&1 &\necho $n',
    "scancel": "exit 0",
    "squeue": "c=$(($(cat $S/calls 2>/dev/null || echo 0) + 1)); echo $c > $S/calls\n"
    f'case " $FAILS " in *" $c "*) echo "{ZERO_BYTES}" >&2; exit 1;; esac\n'
    'case "$*" in *-j*) echo "  JOBID ST"; [ -f $S/${@: -1}.end ] || echo "  ${@: -1} R"; exit 0;; esac\n'
    'for j in $S/*.job; do [ -f $j ] || continue; id=$(basename $j .job); [ -f $S/$id.end ] || echo "$id|R|$(cat $j)"; done',
}
"""Slurm's programs, run in the shell; squeue fails at the calls that FAILS names."""


@pytest.mark.parametrize("fails", ["1", "2", "3 4 6"])
def test_a_passing_failure_of_squeue_neither_stops_nor_repeats_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    programs, state, run = (tmp_path / name for name in ("programs", "state", "run"))
    for folder in (programs, state, run / "a", run / "b"):
        folder.mkdir(parents=True)
    for name, text in STANDINS.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("S", str(state))
    monkeypatch.setenv("FAILS", fails)
    where = SlurmExecution.model_validate(
        {"kind": "slurm", "poll_seconds": 0.2, "defaults": {"partition": "cpu", "setup": ["umask 022"]}}
    )
    command = "echo once >> started; sleep 2.5; echo done > result"
    run_tasks(Batch(tuple(JobTask(name, command, ("result",)) for name in "ab"), run, "md"), where)
    for name in "ab":
        assert (run / name / "result").read_text() == "done\n"
        assert (run / name / "started").read_text() == "once\n"
    # The queue was looked at after it had failed.
    assert int((state / "calls").read_text()) > int(fails.split()[-1])
