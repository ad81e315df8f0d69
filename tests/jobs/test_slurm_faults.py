"""Slurm that fails in the middle: whatever its programs and daemons do, each task starts once and ends once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from dpgen.dispatcher import Dispatcher as dpgen_dispatcher

from mlip_interfaces.config import SlurmExecution
from mlip_interfaces.jobs import Batch, JobTask, machine_section, resources_section, run_tasks
from mlip_interfaces.jobs.alone import alone
from mlip_interfaces.jobs.attaching import AttachingSubmission

TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
NO_ANSWER = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
GIVE_UP_SECONDS = 90.0


def execution(**keys: Any) -> SlurmExecution:
    defaults = {"partition": "cpu", "setup": ["umask 022"]} | keys.pop("defaults", {})
    return SlurmExecution.model_validate({"kind": "slurm", "poll_seconds": 0.3, "defaults": defaults} | keys)


def counting(directory: Path, n_tasks: int) -> Batch:
    """Tasks that write a line when they start and one when they end, which they do when there is a file ``go``."""
    tasks = []
    for number in range(n_tasks):
        (directory / f"task.{number}").mkdir(parents=True, exist_ok=True)
        command = (
            f'echo "$SLURM_JOB_ID" >> started; while [ ! -e ../go ]; do sleep 0.1; done; sleep 0.{number}; '
            "echo end >> ended; echo done > result"
        )
        tasks.append(JobTask(f"task.{number}", command, ("result",)))
    return Batch(tuple(tasks), directory, "md")


def lines(directory: Path, name: str) -> list[int]:
    """How many lines each task wrote."""
    files = [folder / name for folder in sorted(directory.glob("task.*"))]
    return [len(file.read_text().splitlines()) if file.is_file() else 0 for file in files]


StandIn = Callable[[str, str], Path]


def calls(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.is_file() else 0


class Driver:
    """A process of its own that runs a batch."""

    def __init__(self, directory: Path, n_tasks: int, where: SlurmExecution) -> None:
        counting(directory, n_tasks)
        code = (
            "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
            "from mlip_interfaces.config import SlurmExecution\nfrom mlip_interfaces.jobs import run_tasks\n"
            "from test_slurm_faults import counting\n"
            "run_tasks(counting(Path(sys.argv[2]), int(sys.argv[3])), SlurmExecution.model_validate_json(sys.argv[4]))"
        )
        here = str(Path(__file__).parent)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, here, str(directory), str(n_tasks), where.model_dump_json()],
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def ended_well(self) -> None:
        try:
            _, said = self.process.communicate(timeout=GIVE_UP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert self.process.returncode == 0, said


def wait_for(condition: Callable[[], Any], seconds: float = GIVE_UP_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def stand_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Puts a program before Slurm's own of the same name; ``real`` in its text is that one, ``$n`` the number of the call."""
    folder = tmp_path_factory.mktemp("programs")
    before = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{before}")

    def put(name: str, text: str) -> Path:
        """Write the program; the file that is returned gets a line for each call."""
        calls = folder / f"{name}.calls"
        (folder / name).write_text(
            f'#!/bin/bash\nreal() {{ {shutil.which(name, path=before)} "$@"; }}\n'
            f'exec 9>> {calls}; flock 9; echo "$*" >> {calls}; n=$(wc -l < {calls}); exec 9>&-\n{text}\n'
        )
        (folder / name).chmod(0o755)
        return calls

    return put


@pytest.fixture
def background(slurm: Any, tmp_path: Path) -> Any:
    """Does something beside the test; at the end every task may end, so that none is left in the queue."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit
        (tmp_path / "go").touch()
    wait_for(lambda: slurm.queue() == [])


def each_started_and_ended_once(directory: Path, n_tasks: int) -> bool:
    return lines(directory, "started") == lines(directory, "ended") == [1] * n_tasks


def test_squeue_that_fails_every_fifth_time(slurm: Any, tmp_path: Path, stand_in: StandIn) -> None:
    """Before and after the driver was killed."""
    looks = stand_in("squeue", f'[ $((n % 5)) -ne 0 ] || {{ echo "{NO_ANSWER}" >&2; exit 1; }}\nreal "$@"')
    submissions = stand_in("sbatch", 'real "$@"')
    first = Driver(tmp_path, 6, execution())
    wait_for(lambda: lines(tmp_path, "started") == [1] * 6 and calls(looks) >= 6)
    first.kill()
    second = Driver(tmp_path, 6, execution())
    n_before = calls(looks)
    wait_for(lambda: calls(looks) >= n_before + 6)
    (tmp_path / "go").touch()
    second.ended_well()
    assert each_started_and_ended_once(tmp_path, 6)
    assert calls(submissions) == 6


SBATCH_FAULTS = {
    "took the job": 'real "$@" > /dev/null; echo "$error" >&2; exit 1',
    "did not take the job": '[ $n -gt 3 ] || { echo "$error" >&2; exit 1; }; real "$@"',
    "takes the job later": '[ $n -gt 2 ] || { (sleep 2; real "$@") > /dev/null 2>&1 & echo "$error" >&2; exit 1; }; real "$@"',
}


@pytest.mark.parametrize(
    ("fault", "deaf"),
    [(fault, False) for fault in SBATCH_FAULTS] + [("took the job", True)],
    ids=[*SBATCH_FAULTS, "took the job, and squeue is silent then"],
)
def test_sbatch_that_times_out(
    slurm: Any, tmp_path: Path, stand_in: StandIn, background: Any, fault: str, deaf: bool
) -> None:
    if deaf:
        # The look before anything is submitted is answered, and none of the next three.
        stand_in("squeue", f'[ $n -eq 1 ] || [ $n -gt 4 ] || {{ echo "{NO_ANSWER}" >&2; exit 1; }}\nreal "$@"')
    submissions = stand_in("sbatch", f'error="{TIMED_OUT}"\n{SBATCH_FAULTS[fault]}')
    batch = background(run_tasks, counting(tmp_path, 3), execution())
    wait_for(lambda: lines(tmp_path, "started") == [1] * 3)
    if fault == "takes the job later":
        time.sleep(2.5)
    (tmp_path / "go").touch()
    batch.result(GIVE_UP_SECONDS)
    assert each_started_and_ended_once(tmp_path, 3)
    if fault == "took the job":
        assert calls(submissions) == 3


def test_controller_that_is_frozen_while_a_job_is_submitted(
    slurm: Any, tmp_path: Path, stand_in: StandIn, background: Any
) -> None:
    """As a busy one: sbatch times out by itself, the controller takes the job all the same, seconds later."""
    number = slurm.daemons["slurmctld"].pid
    submissions = stand_in(
        "sbatch",
        f"[ $n -ne 2 ] || {{ kill -STOP {number}; (sleep 5; kill -CONT {number}) > /dev/null 2>&1 & }}\n"
        'real "$@" 2> >(tee -a ../sbatch.errors >&2)',
    )
    batch = background(run_tasks, counting(tmp_path, 3), execution())
    wait_for(lambda: lines(tmp_path, "started") == [1] * 3)
    (tmp_path / "go").touch()
    batch.result(GIVE_UP_SECONDS)
    assert "Socket timed out" in (tmp_path.parent / "sbatch.errors").read_text()
    assert each_started_and_ended_once(tmp_path, 3)
    assert calls(submissions) == 3


def test_submission_of_dpgen_holds_the_same(
    slurm: Any, tmp_path: Path, stand_in: StandIn, background: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpgen_dispatcher, "Submission", AttachingSubmission)
    monkeypatch.setattr(AttachingSubmission, "poll_seconds", 0.3)
    monkeypatch.chdir(tmp_path)
    stand_in("squeue", f'[ $((n % 3)) -ne 2 ] || {{ echo "{NO_ANSWER}" >&2; exit 1; }}\nreal "$@"')
    submissions = stand_in("sbatch", f'error="{TIMED_OUT}"\n{SBATCH_FAULTS["took the job"]}')
    tasks = counting(tmp_path, 3).tasks
    submission = dpgen_dispatcher.make_submission(
        machine_section(execution(), "./"),
        resources_section(execution(), "label", n_tasks=3),
        commands=[alone(tasks[1].command)],
        work_path=".",
        run_tasks=[task.name for task in tasks],
        group_size=1,
        forward_common_files=[],
        forward_files=[],
        backward_files=["result"],
        outlog="log",
        errlog="log",
    )
    batch = background(submission.run_submission)
    wait_for(lambda: lines(tmp_path, "started") == [1] * 3)
    (tmp_path / "go").touch()
    batch.result(GIVE_UP_SECONDS)
    assert each_started_and_ended_once(tmp_path, 3)
    assert calls(submissions) == 3


def test_slurmd_that_stops_while_jobs_run_and_end(slurm: Any, tmp_path: Path, background: Any) -> None:
    batch = background(run_tasks, counting(tmp_path, 3), execution())
    wait_for(lambda: lines(tmp_path, "started") == [1] * 3)
    with slurm.without("slurmd"):
        (tmp_path / "go").touch()
        wait_for(lambda: {line.split()[1] for line in slurm.queue()} == {"CG"})
        time.sleep(1)
    batch.result(GIVE_UP_SECONDS)
    assert each_started_and_ended_once(tmp_path, 3)


def test_controller_that_is_away_while_the_driver_is_killed_and_started_again(
    slurm: Any, tmp_path: Path, stand_in: StandIn
) -> None:
    looks, submissions = stand_in("squeue", 'real "$@"'), stand_in("sbatch", 'real "$@"')
    first = Driver(tmp_path, 3, execution())
    wait_for(lambda: lines(tmp_path, "started") == [1] * 3)
    with slurm.without("slurmctld"):
        n_before = calls(looks)
        wait_for(lambda: calls(looks) >= n_before + 2)
        first.kill()
        second = Driver(tmp_path, 3, execution())
        n_before = calls(looks)
        wait_for(lambda: calls(looks) > n_before)
        (tmp_path / "go").touch()
        wait_for(lambda: lines(tmp_path, "ended") == [1] * 3)
    second.ended_well()
    assert each_started_and_ended_once(tmp_path, 3)
    assert calls(submissions) == 3
    wait_for(lambda: slurm.queue() == [])
