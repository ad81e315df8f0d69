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
from mlip_interfaces.jobs.queue import TRIES, JobRefusedError, SlurmQueue, live_jobs

ZERO_BYTES = "slurm_load_jobs error: Zero Bytes were transmitted or received"
TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
HASH = "a" * 40


class Machine:
    """A Slurm that says what it is told to: a list of queues, and of answers of sbatch; an answer that is no number is a failure."""

    def __init__(self, queues: list[list[str] | str], answers: list[str] | None = None) -> None:
        self.context, self.remote_root = self, "/run"
        self.queues, self.answers, self.tags = queues, answers or [], False
        self.cancelled: list[str] = []

    def block_call(self, command: str) -> tuple[int, None, io.BytesIO, io.BytesIO]:
        if "scancel" in command:
            self.cancelled.append(command.split()[-1])
            return 0, None, io.BytesIO(), io.BytesIO()
        if "sbatch" in command:
            said: list[str] | str = self.answers.pop(0)
            if str(said).isdigit():
                return 0, None, io.BytesIO(f"{said}\n".encode()), io.BytesIO()
        else:
            said = self.queues.pop(0)
            if isinstance(said, list):
                return 0, None, io.BytesIO("\n".join(["/run", *said, ""]).encode()), io.BytesIO()
        return 1, None, io.BytesIO(), io.BytesIO(str(said).encode())

    def check_finish_tag(self, job: Any) -> bool:
        return self.tags

    def check_file_exists(self, name: str) -> bool:
        return False

    def write_file(self, name: str, text: str) -> None:
        pass

    def gen_script(self, job: Any) -> str:
        return ""

    gen_script_command = gen_script


Machine.__name__ = "Slurm"  # dpdispatcher's machines are known by their class


def row(number: int, letters: str = "R", name: str = HASH, folder: str = "/run") -> str:
    return f"{number}|{letters}|{folder}|.{name}.sub"


def job(state: JobStatus = JobStatus.unsubmitted, number: str = "") -> Any:
    task = SimpleNamespace(task_state=state, get_task_state=lambda context: None)
    return SimpleNamespace(
        job_hash=HASH, job_id=number, job_state=state, script_file_name=f".{HASH}.sub", job_task_list=[task]
    )


def states(machine: Machine, job: Any, queue: SlurmQueue | None = None) -> list[JobStatus]:
    """The job's state after each of the looks that the machine has left, which it takes over as dpdispatcher does."""
    queue = queue or SlurmQueue(machine)
    found = []
    while machine.queues:
        queue.look()
        job.job_state = queue.state(job)
        found.append(job.job_state)
    return found


def test_a_queue_that_fails_leaves_the_state_as_it_was() -> None:
    machine = Machine([[row(7)], ZERO_BYTES, ZERO_BYTES, [row(7, "CG")]])
    running = JobStatus.running
    assert states(machine, job(JobStatus.waiting, "7")) == [running, running, running, JobStatus.completing]


def test_a_job_has_ended_when_two_looks_in_a_row_do_not_show_it() -> None:
    machine = Machine([[row(7)], [], ZERO_BYTES, [row(7)], [], ZERO_BYTES, []])
    assert states(machine, job(JobStatus.waiting, "7")) == [JobStatus.running] * 6 + [JobStatus.terminated]


def test_a_tag_ends_a_job_at_the_first_look_that_does_not_show_it() -> None:
    machine = Machine([[row(7)], []])
    machine.tags = True
    assert states(machine, job(JobStatus.waiting, "7")) == [JobStatus.running, JobStatus.finished]


def test_letters_that_nobody_knows_are_no_end_and_those_of_an_end_are() -> None:
    machine = Machine([[row(7, letters)] for letters in ("R", "SI", "RH", "ST", "TO", "OOM")])
    found = states(machine, job(JobStatus.waiting, "7"))
    assert found == [JobStatus.running, *[JobStatus.waiting] * 4, JobStatus.terminated]


def test_a_number_that_slurm_gave_to_another_job_says_nothing() -> None:
    others = [row(7, name="b" * 40), row(7, folder="/elsewhere")]
    assert states(Machine([others, others]), job(JobStatus.running, "7"))[-1] == JobStatus.terminated


def test_what_a_site_prints_beside_the_jobs_is_no_job() -> None:
    machine = Machine([["", "CLUSTER: big", "Welcome | to | the | machine", row(7), ""]])
    assert [live.job_id for live in live_jobs(machine)] == ["7"]


def test_a_job_that_is_there_twice_is_kept_once() -> None:
    machine = Machine([[row(9, "PD"), row(8), row(7, "PD")]])
    one = job(JobStatus.waiting, "9")
    assert states(machine, one) == [JobStatus.running]
    assert one.job_id == "8"
    assert machine.cancelled == ["7", "9"]


def test_a_job_in_doubt_is_submitted_again_when_two_looks_have_not_shown_it() -> None:
    machine = Machine([[], ZERO_BYTES, [], ZERO_BYTES, []], [TIMED_OUT, "8"])
    queue, one = SlurmQueue(machine), job()
    assert queue.submit(one) == ""
    submitted = []
    while machine.queues:
        queue.look()
        one.job_state = queue.state(one)
        assert one.job_state == JobStatus.unsubmitted
        submitted.append(queue.submit(one))
        if submitted[-1]:
            break
    assert submitted == ["", "", "8"]


def test_a_job_in_doubt_that_the_queue_shows_is_waited_for() -> None:
    machine = Machine([ZERO_BYTES, [row(8, "PD")]], [TIMED_OUT])
    queue, one = SlurmQueue(machine), job()
    assert queue.submit(one) == ""
    assert states(machine, one, queue) == [JobStatus.unsubmitted, JobStatus.waiting]
    assert one.job_id == "8"


def test_after_one_sbatch_without_an_answer_the_next_look_comes_first() -> None:
    machine = Machine([[]], [TIMED_OUT, "8"])
    queue, first, second = SlurmQueue(machine), job(), job()
    second.job_hash = "b" * 40
    assert [queue.submit(first), queue.submit(second)] == ["", ""]
    queue.look()
    assert queue.submit(second) == "8"


def test_a_full_queue_is_asked_again_and_a_refusal_is_not() -> None:
    machine = Machine([[]], ["sbatch: error: Job violates accounting/QOS policy (job submit limit)", "8"])
    queue = SlurmQueue(machine)
    assert [queue.submit(job()), queue.submit(job())] == ["", "8"]
    refused = SlurmQueue(Machine([], ["sbatch: error: a\nsbatch: error: Invalid qos specification"]))
    with pytest.raises(JobRefusedError, match="refused a job: a; Invalid qos specification; correct"):
        refused.submit(job())


def test_patience_ends_with_a_sentence_and_begins_anew_with_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 90.0, 1000.0, 1090.0, 1101.0])
    monkeypatch.setattr("mlip_interfaces.jobs.queue.time", SimpleNamespace(monotonic=lambda: next(now)))
    machine = Machine([ZERO_BYTES, ZERO_BYTES, [row(7)], ZERO_BYTES, ZERO_BYTES, ZERO_BYTES])
    queue = SlurmQueue(machine, patience_seconds=100.0)
    for _ in range(5):
        queue.look()
    with pytest.raises(
        UnfinishedError, match=r"cannot be read \(.*Zero Bytes.*\) for 0\.028 hours; jobs may run on, and the"
    ):
        queue.look()


def test_the_queue_is_asked_again_before_anything_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    away: list[list[str] | str] = [ZERO_BYTES] * (2 * TRIES)
    (live,) = live_jobs(Machine([*away, [row(7, "PD")]]), pause_seconds=0.0)
    assert (live.job_id, live.waiting) == ("7", True)
    wrong = Machine(["squeue: fatal: no configuration"] * (TRIES + 1))
    with pytest.raises(UnfinishedError, match=r"squeue: .*no configuration\); no job was submitted"):
        live_jobs(wrong, pause_seconds=0.0)
    assert len(wrong.queues) == 1
    monkeypatch.setattr("mlip_interfaces.jobs.queue.START_PATIENCE_SECONDS", 0.0)
    with pytest.raises(UnfinishedError, match="Zero Bytes"):
        live_jobs(Machine([*away]), pause_seconds=0.0)


STANDINS = {
    "sbatch": 'n=$(($(cat $S/n 2>/dev/null || echo 100) + 1)); echo $n > $S/n; script="${@: -1}"\n'
    'echo "$(pwd)|$script" > $S/$n.job; (bash "$script" > $S/$n.log 2>&1; touch $S/$n.end) > /dev/null 2>&1 &\necho $n',
    "scancel": "exit 0",
    "squeue": "c=$(($(cat $S/calls 2>/dev/null || echo 0) + 1)); echo $c > $S/calls\n"
    f'case " $FAILS " in *" $c "*) echo "{ZERO_BYTES}" >&2; exit 1;; esac\n'
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
