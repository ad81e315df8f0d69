"""Batches on a real Slurm: each task runs once, whatever happens to the jobs, to this process or to the settings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlip_interfaces.config import SlurmExecution
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.jobs import Batch, JobTask, run_tasks
from mlip_interfaces.md import (
    HealthBounds,
    MDProtocol,
    flaws_of_trajectory,
    join_pieces,
    start_script,
    time_reached_ps,
    write_start_script,
)
from mlip_interfaces.md.ending import is_over
from mlip_interfaces.pipeline.making_room import make_room
from mlip_interfaces.pipeline.md_runs import DONE, PACK_COMMAND, PIECES, RUN_COMMAND, md_task, unpack
from mlip_interfaces.programs import program_environment

NAMES = ("task.0", "task.1", "task.2", "task.3")


def execution(**keys: Any) -> SlurmExecution:
    defaults = {"partition": "cpu", "setup": ["umask 022"]} | keys.pop("defaults", {})
    return SlurmExecution.model_validate({"kind": "slurm", "poll_seconds": 0.3, "defaults": defaults} | keys)


def counted(directory: Path, names: tuple[str, ...] = NAMES) -> Batch:
    """Tasks that write a line with their partition when they start; all but the first to start wait for a file ``go``."""
    for name in names:
        (directory / name).mkdir(parents=True, exist_ok=True)
    command = (
        'echo "$SLURM_JOB_PARTITION" >> started; '
        "mkdir ../first 2> /dev/null || while [ ! -e ../go ]; do sleep 0.1; done; echo done > result"
    )
    return Batch(tuple(JobTask(name, command, ("result",)) for name in names), directory, "md")


def starts(directory: Path, name: str) -> list[str]:
    file = directory / name / "started"
    return file.read_text().split() if file.is_file() else []


def n_started(directory: Path) -> int:
    return sum(bool(starts(directory, name)) for name in NAMES)


def wait_for(condition: Callable[[], Any], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def client(directory: Path, where: SlurmExecution) -> subprocess.Popen[bytes]:
    """Another process that runs the same batch."""
    code = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from mlip_interfaces.config import SlurmExecution\nfrom mlip_interfaces.jobs import run_tasks\n"
        "from test_slurm import counted\n"
        "run_tasks(counted(Path(sys.argv[2])), SlurmExecution.model_validate_json(sys.argv[3]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(directory), where.model_dump_json()]
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_each_kind_of_job_gets_what_its_step_asks_for(slurm: Any, tmp_path: Path) -> None:
    where = execution(
        defaults={"time_limit_minutes": 90, "custom_flags": ["#SBATCH --job-name=of-the-test"]},
        train={"partition": "gpu", "gpus_per_node": 1, "cores_per_node": 4, "environment": {"MODE": "a b"}},
    )
    command = 'scontrol show job "$SLURM_JOB_ID" > job && echo "$OMP_NUM_THREADS $MODE" > threads'
    found = {}
    for step, names in (("md", NAMES[:3]), ("train", ("only",))):
        directory = tmp_path / step
        for name in names:
            (directory / name).mkdir(parents=True)
        run_tasks(Batch(tuple(JobTask(name, command, ("job",)) for name in names), directory, step), where)
        found[step] = [(directory / name / "job").read_text() for name in names]
        threads = {(directory / name / "threads").read_text() for name in names}
        assert threads == {"4 a b\n" if step == "train" else "1 \n"}
    assert len({text.split()[0] for text in found["md"]}) == 3
    for text in found["md"]:
        assert "Partition=cpu" in text
        assert "gres" not in text
        assert "TimeLimit=01:30:00" in text
        assert "JobName=of-the-test" in text
    assert "Partition=gpu" in found["train"][0]
    assert "TresPerNode=gres:gpu:1" in found["train"][0]
    assert "NumCPUs=4" in found["train"][0]


def test_cancelled_job_is_submitted_again_and_its_siblings_are_not(slurm: Any, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    thread = threading.Thread(target=run_tasks, args=(counted(tmp_path), execution()))
    thread.start()
    wait_for(lambda: n_started(tmp_path) == len(NAMES))
    jobs = [line.split()[0] for line in slurm.queue()]
    job = next(job for job in jobs if folder_of(job, tmp_path) == "task.1")
    subprocess.run(["scancel", job], check=True)
    wait_for(lambda: len(starts(tmp_path, "task.1")) == 2)
    (tmp_path / "go").touch()
    thread.join()
    assert [len(starts(tmp_path, name)) for name in NAMES] == [1, 2, 1, 1]
    assert all((tmp_path / name / "result").is_file() for name in NAMES)


def folder_of(job_id: str, directory: Path) -> str:
    """Task of a single-task job, from the script that Slurm was given."""
    script = subprocess.run(
        ["squeue", "-h", "-j", job_id, "-o", "%o"], capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = (directory / f"{script}.run").read_text().splitlines()
    return next(line.removeprefix("cd ") for line in lines if line.startswith("cd task"))


@pytest.mark.parametrize("forgotten", [False, True], ids=["after the submission", "before anything was noted"])
def test_killed_client_started_again_attaches_and_repeats_nothing(slurm: Any, tmp_path: Path, forgotten: bool) -> None:
    where = execution(defaults={"cores_per_node": 4})
    first = client(tmp_path, where)
    # One is done, two run, one waits.
    wait_for(lambda: n_started(tmp_path) == 3 and len(slurm.queue()) == 3)
    kill(first)
    if forgotten:
        # As if it had been killed between sbatch and its own notes.
        for note in [*tmp_path.glob("*.json"), *tmp_path.glob("*_job_id")]:
            note.unlink()
    second = client(tmp_path, where)
    log = tmp_path / "dpdispatcher.log"
    n_lines = len(log.read_text().splitlines())
    wait_for(lambda: len(log.read_text().splitlines()) > n_lines)
    (tmp_path / "go").touch()
    assert second.wait() == 0
    assert [starts(tmp_path, name) for name in NAMES] == [["cpu"]] * len(NAMES)


def test_other_partition_and_group_size_repeat_nothing_and_reach_what_waits(slurm: Any, tmp_path: Path) -> None:
    first = client(tmp_path, execution(defaults={"cores_per_node": 8}))
    # One is done, one runs, two wait.
    wait_for(lambda: n_started(tmp_path) == 2 and len(slurm.queue()) == 3)
    kill(first)
    second = client(tmp_path, execution(defaults={"cores_per_node": 8, "partition": "gpu", "group_size": 2}))
    # The two that waited became one job in the other partition; the one that runs was left alone.
    wait_for(lambda: sorted(line.split(" ", 1)[1] for line in slurm.queue()) == ["PD gpu", "R cpu"])
    (tmp_path / "go").touch()
    assert second.wait() == 0
    ran = sorted(starts(tmp_path, name) for name in NAMES)
    assert ran == [["cpu"], ["cpu"], ["gpu"], ["gpu"]]
    assert slurm.queue() == []


def test_job_cancelled_every_time_is_named_and_takes_its_siblings_out_of_the_queue(slurm: Any, tmp_path: Path) -> None:
    batch = counted(tmp_path)
    command = 'echo again >> started; echo half way; scancel "$SLURM_JOB_ID"; sleep 60'
    stubborn = JobTask("task.2", command, ("result",))
    tasks = tuple(stubborn if task.name == "task.2" else task for task in batch.tasks)
    with pytest.raises(UnfinishedError, match="did not finish") as error:
        run_tasks(Batch(tasks, tmp_path, "md"), execution(retries=1))
    assert len(starts(tmp_path, "task.2")) == 2
    assert "Ended unfinished 2 times without coming further, cancelled or failed: job" in str(error.value)
    said = str(error.value)
    assert re.search(
        r"job \d+ with task\.2 \(slurmstepd\S*: error: \*\*\* JOB \d+ ON \S+ CANCELLED AT .*\)\. Cancelled with it: job",
        said,
    )
    assert said.endswith(f"The end of {tmp_path}/task.2/task.log:\nhalf way\nhalf way")
    wait_for(lambda: slurm.queue() == [])


def test_run_of_more_jobs_than_retries_comes_to_its_end_and_one_that_stands_still_does_not(
    slurm: Any, tmp_path: Path
) -> None:
    """Each try is ended as by its time limit; the checkpoint that it began from names its piece, as the deck of the scan has it."""
    begin = "n=$(cat step 2>/dev/null || echo 0); echo again >> started; [ $n -eq 0 ] || touch traj.$n.dcd; "
    move_on = f'{begin} echo $((n + 100)) > step; [ $n -lt 500 ] || {{ touch result; exit 0; }}; scancel "$SLURM_JOB_ID"; sleep 60'
    stand_still = f'{begin} [ $n -ge 200 ] || echo $((n + 100)) > step; scancel "$SLURM_JOB_ID"; sleep 60'
    tasks = (JobTask("moves", move_on, ("result",)), JobTask("stands", stand_still, ("result",)))
    for task in tasks:
        (tmp_path / task.name).mkdir()
    run_tasks(Batch(tasks[:1], tmp_path, "md"), execution(retries=1))
    assert len(starts(tmp_path, "moves")) == 6
    with pytest.raises(UnfinishedError, match="Ended unfinished 2 times without coming further"):
        run_tasks(Batch(tasks[1:], tmp_path, "md"), execution(retries=1))
    # From 0, 100 and 200, and once more from 200.
    assert len(starts(tmp_path, "stands")) == 4


def test_refused_partition_is_a_sentence_and_the_queue_stays_empty(slurm: Any, tmp_path: Path) -> None:
    with pytest.raises(UnfinishedError, match="Slurm refused a job: invalid partition specified: cpuu"):
        run_tasks(counted(tmp_path), execution(defaults={"partition": "cpuu"}))
    assert slurm.queue() == []


def test_unreadable_queue_submits_nothing(slurm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = tmp_path / "programs" / "squeue"
    deaf.parent.mkdir()
    deaf.write_text("#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1\n")
    deaf.chmod(0o755)
    monkeypatch.setenv("PATH", f"{deaf.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("mlip_interfaces.jobs.queue.START_PATIENCE_SECONDS", 1.0)
    with pytest.raises(UnfinishedError, match=r"queue cannot be read \(squeue: .*controller\); no job was submitted"):
        run_tasks(counted(tmp_path), execution())
    assert not any(starts(tmp_path, name) for name in NAMES)


def test_result_that_was_deleted_is_made_again_and_no_other(slurm: Any, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    batch = counted(tmp_path)
    run_tasks(batch, execution())
    (tmp_path / "task.3" / "result").unlink()
    run_tasks(batch, execution())
    assert [len(starts(tmp_path, name)) for name in NAMES] == [1, 1, 1, 2]


@pytest.mark.parametrize("context", ["local", "ssh"])
def test_jobs_elsewhere_take_their_files_along_and_bring_them_back(
    slurm: Any, tmp_path: Path, context: str, request: pytest.FixtureRequest
) -> None:
    directory, scratch = tmp_path / "run", tmp_path / "scratch"
    scratch.mkdir()
    for name in NAMES:
        (directory / name).mkdir(parents=True)
        (directory / name / "given").write_text(name)
    (directory / "shared").write_text("all")
    command = "echo once >> started; sleep 1.5; cat given ../shared > result; [ $(cat given) = task.0 ] || touch spare"
    tasks = tuple(JobTask(name, command, ("result",), inputs=("given",), extras=("spare", "started")) for name in NAMES)
    batch = Batch(tasks, directory, "md", common_files=("shared",))
    keys: dict[str, Any] = {"context": context, "remote_root": str(scratch)}
    if context == "ssh":
        keys["remote_profile"] = request.getfixturevalue("ssh_profile")
    interrupted = fork(lambda: run_tasks(batch, execution(defaults={"cores_per_node": 8}, **keys)))
    wait_for(lambda: len(list(scratch.glob("*/*/result"))) == 1)
    os.kill(interrupted, signal.SIGKILL)
    os.waitpid(interrupted, 0)
    assert not (directory / "task.0" / "result").exists()
    run_tasks(batch, execution(defaults={"cores_per_node": 8, "group_size": 3, "partition": "gpu"}, **keys))
    assert [(directory / name / "result").read_text() for name in NAMES] == [f"{name}all" for name in NAMES]
    assert [starts(directory, name) for name in NAMES] == [["once"]] * 4
    # What was made comes back, empty or not, and nothing else.
    assert [(directory / name / "spare").exists() for name in NAMES] == [name != "task.0" for name in NAMES]


def fork(work: Callable[[], None]) -> int:
    """A child that does the work and can be killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


@pytest.mark.parametrize("context", ["lazy-local", "local"])
def test_md_that_is_cancelled_goes_on_from_its_checkpoint(
    slurm: Any, argon: Callable, tmp_path: Path, context: str
) -> None:
    """In the run folder, and in a scratch folder whose pieces have to travel back."""
    where, scratch = tmp_path / "run", tmp_path / "scratch"
    scratch.mkdir()
    protocol = MDProtocol("npt", "free", 30.0, (1.0, 1.0, 1.0), 40.0, 2.0, 0.2, 1)
    command = argon(where / "md", protocol, HealthBounds(9.0, 0.9, 0.9, 0.9, 0.1))
    command = command.replace("checkpoint_every 10000", "checkpoint_every 2000")
    (where / "md" / "command.sh").write_text(f"PATH={program_environment()['PATH']}\n{command}\n")
    staged = context == "local"
    task = JobTask(
        "md", PACK_COMMAND if staged else RUN_COMMAND, (DONE,), inputs=("model.data", "deck.in", "command.sh"),
        extras=("traj.dcd", "thermo.csv", PIECES),
    )  # fmt: skip
    keys = {"context": context, "remote_root": str(scratch)} if staged else {}
    thread = threading.Thread(target=run_tasks, args=(Batch((task,), where, "md"), execution(**keys)))
    thread.start()

    def running() -> Path:
        return next(scratch.glob("*/md"), scratch) if staged else where / "md"

    wait_for(lambda: time_reached_ps(running()) >= 6)
    subprocess.run(["scancel", slurm.queue()[0].split()[0]], check=True)
    thread.join()
    assert (where / "md" / DONE).read_text() == "0\n"
    if staged:
        with tarfile.open(where / "md" / PIECES) as pieces:
            pieces.extractall(where / "md", filter="data")
    starts = [int(file.name.split(".")[1]) for file in (where / "md").glob("thermo.*.csv")]
    assert len(starts) == 1
    assert starts[0] >= 2000
    join_pieces(where / "md")
    times = [float(line.split(",")[0]) for line in (where / "md" / "thermo.csv").read_text().splitlines()[1:]]
    assert times == pytest.approx([0.2 * i for i in range(201)], abs=1e-6)


def test_md_that_was_made_elsewhere_is_extended_there(slurm: Any, argon: Callable, tmp_path: Path) -> None:
    """Its last state travels, and the finished run that lies there does not pass for the longer one."""
    where, scratch = tmp_path / "run", tmp_path / "scratch"
    scratch.mkdir()
    bounds, directory = HealthBounds(9.0, 0.9, 0.9, 0.9, 0.1), where / "md"
    short = MDProtocol("npt", "free", 30.0, (1.0, 1.0, 1.0), 4.0, 2.0, 0.2, 1)
    command = argon(directory, short, bounds).replace("-in deck.in", "-in ../deck.in")
    (directory / "deck.in").rename(where / "deck.in")
    (directory / "layers.json").write_text("{}")

    def run(protocol: MDProtocol) -> list[list[float]]:
        steps = command.replace(f"-var steps {short.n_steps} ", f"-var steps {protocol.n_steps} ")
        script = start_script(f"PATH={program_environment()['PATH']} {steps}", {})
        make_room(where, directory, script, protocol, bounds)
        write_start_script(directory, script)
        task = md_task("md", directory, script, staged=True)
        keys = {"context": "local", "remote_root": str(scratch)}
        run_tasks(Batch((task,), where, "md", common_files=("deck.in",)), execution(**keys))
        assert is_over(directory)
        unpack(directory / PIECES)
        join_pieces(directory)
        rows = (directory / "thermo.csv").read_text().splitlines()[1:]
        return [[float(word) for word in row.split(",")] for row in rows]

    before = run(short)
    assert len(before) == 21
    after = run(replace(short, time_ps=8.0))
    np.testing.assert_allclose([row[0] for row in after], 0.2 * np.arange(41), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(after[:21], before, rtol=1e-6, atol=0)
    assert flaws_of_trajectory(directory, short.dump_every, short.frame_interval_ps) == ()
    assert len(list(scratch.iterdir())) == 1
