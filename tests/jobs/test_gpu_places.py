"""Places on GPUs, with programs that stand for those of NVIDIA: nothing here needs a GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlip_interfaces.config import LocalExecution, SlurmExecution, Study, load_study
from mlip_interfaces.jobs import ON_A_PLACE, Batch, JobTask, gpu_places, run_tasks
from mlip_interfaces.jobs.gpus import TAKE_A_PLACE, GpuPlaces

RECORD = (
    'echo "+ $CUDA_VISIBLE_DEVICES" >> {log}; sleep {seconds}; echo "- $CUDA_VISIBLE_DEVICES" >> {log}; touch result'
)
MPS_CONTROL = """#!/bin/sh
exec >> {log}
if [ "$1" = -d ]; then
  [ ! -e {log}.runs ] || exit 1
  touch {log}.runs; echo "start $CUDA_VISIBLE_DEVICES in $CUDA_MPS_PIPE_DIRECTORY"
else
  read word; [ -e {log}.runs ] || exit 1
  [ "$word" != quit ] || {{ rm {log}.runs; echo quit; }}
fi
"""


def loads(log: Path) -> dict[str, int]:
    """How many tasks were on each GPU at the same time, at most."""
    now: Counter[str] = Counter()
    most: dict[str, int] = {}
    for line in log.read_text().splitlines():
        sign, gpu = line.split(maxsplit=1)
        now[gpu] += 1 if sign == "+" else -1
        most[gpu] = max(most.get(gpu, 0), now[gpu])
    assert not any(now.values())
    return most


def recording(directory: Path, log: Path, n_tasks: int, seconds: float = 0.3) -> Batch:
    tasks = [
        JobTask(f"task.{number}", RECORD.format(log=log, seconds=seconds), ("result",)) for number in range(n_tasks)
    ]
    for task in tasks:
        (directory / task.name).mkdir(parents=True)
    return Batch(tuple(tasks), directory, "md")


def job(places: GpuPlaces, *tasks: str, own_gpus: bool = False) -> str:
    """A job's script as dpdispatcher makes it: the head, and its tasks side by side."""
    return "\n".join([*places.script(own_gpus=own_gpus), *(f"{{ {task} }} &" for task in tasks), "wait"])


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two GPUs that no other test has."""
    found = [f"GPU-{tmp_path.name}-{number}-{time.time_ns()}" for number in range(2)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(found))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    yield found
    for file in Path(f"/tmp/mlip-interfaces-gpus-{os.getuid()}/here").glob(f"*{tmp_path.name}-*"):
        file.unlink()


@pytest.fixture
def nvidia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs in the place of NVIDIA's; gives the file that says what was asked of MPS."""
    programs, log = tmp_path / "programs", tmp_path / "mps.log"
    programs.mkdir()
    (programs / "nvidia-smi").write_text('#!/bin/sh\nwhile [ "$1" != -i ]; do shift; done; echo "UUID-$2"\n')
    (programs / "nvidia-cuda-mps-control").write_text(MPS_CONTROL.format(log=log))
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return log


def test_tasks_of_two_run_folders_never_share_a_gpu(tmp_path: Path, names: list[str]) -> None:
    log = tmp_path / "log"
    here = LocalExecution(cores=4, gpus=2, poll_seconds=0.1)
    other = threading.Thread(target=run_tasks, args=(recording(tmp_path / "a", log, 3), here))
    other.start()
    run_tasks(recording(tmp_path / "b", log, 4), here)
    other.join()
    assert loads(log) == dict.fromkeys(names, 1)
    assert log.read_text().count("+") == 7
    said = (tmp_path / "a" / "task.0" / "task.log").read_text()
    assert said in [f"On GPU {name}, place 1 of 1.\n" for name in names]


def test_runs_are_packed_as_asked(tmp_path: Path, names: list[str]) -> None:
    log = tmp_path / "log"
    task = f"{TAKE_A_PLACE} {RECORD.format(log=log, seconds=0.4)};"
    packed = gpu_places(LocalExecution(cores=8, gpus=2, runs_per_gpu=2), "md")
    assert packed is not None
    subprocess.run(["bash", "-c", job(packed, *[task] * 6)], check=True, cwd=tmp_path)
    assert loads(log) == dict.fromkeys(names, 2)


@pytest.mark.parametrize(
    ("calculator", "asked", "most"),
    [
        ("deepmd", {}, 1),
        ("deepmd", {"labels_on_gpus": False}, 3),
        ("chgnet", {}, 3),
        ("chgnet", {"labels_on_gpus": True}, 1),
    ],
)
def test_labels_of_a_deep_potential_take_places_and_others_as_asked(
    miniature: Path, tmp_path: Path, names: list[str], calculator: str, asked: dict[str, Any], most: int
) -> None:
    content = load_study(miniature).model_dump(mode="json")
    content["labels"] = {
        "calculator": calculator,
        "parameters": {"model": "teacher.pb"} if calculator == "deepmd" else {},
    }
    content["execution"] = {"cores": 3, "gpus": 1, "poll_seconds": 0.1, **asked}
    execution, log = Study.model_validate(content).execution, tmp_path / "log"
    run_tasks(replace(recording(tmp_path / "tasks", log, 3, seconds=1.0), step="label"), execution)
    # Without a place all three run on what they find: both GPUs.
    assert loads(log) == {names[0] if most == 1 else ",".join(names): most}


def test_training_has_its_gpu_to_itself(tmp_path: Path, names: list[str]) -> None:
    log = tmp_path / "log"
    here = LocalExecution(cores=8, gpus=1, runs_per_gpu=3)
    packed, training = gpu_places(here, "md"), gpu_places(here, "train")
    assert packed is not None
    assert training is not None
    run = f"{TAKE_A_PLACE} {RECORD.format(log=log, seconds=0.2)};"
    others = subprocess.Popen(["bash", "-c", job(packed, *[run] * 3)], cwd=tmp_path)
    subprocess.run(
        ["bash", "-c", job(training, run.replace("$CUDA_VISIBLE_DEVICES", "training"))], check=True, cwd=tmp_path
    )
    assert others.wait() == 0
    assert loads(log) == {names[0]: 3, "training": 1}
    # Between its beginning and its end nothing else began or ended.
    lines = log.read_text().splitlines()
    assert lines.index("- training") == lines.index("+ training") + 1
    assert lines.index("+ training") % 6 == 0


def test_place_of_a_killed_task_is_free_again(tmp_path: Path, names: list[str]) -> None:
    places = GpuPlaces(1, 1)
    head = "\n".join(places.script(own_gpus=False))
    held = f"{head}\n{ON_A_PLACE}sh -c 'echo held; exec sleep 60'"
    holder = subprocess.Popen(["bash", "-c", held], stdout=subprocess.PIPE, start_new_session=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    # As DP-GEN writes it for a training, in another shell.
    command = f"{head}\n/bin/sh -c '{ON_A_PLACE}printenv CUDA_VISIBLE_DEVICES'"
    waiting = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    assert waiting.poll() is None
    os.killpg(holder.pid, signal.SIGKILL)
    holder.communicate()
    assert waiting.communicate(timeout=20)[0] == f"{names[0]}\n"


def test_mps_is_started_once_and_stopped_by_the_last_job(tmp_path: Path, names: list[str], nvidia: Path) -> None:
    log = tmp_path / "log"
    task = f"{TAKE_A_PLACE} {RECORD.format(log=log, seconds='$SECONDS_LONG')};"
    script = job(GpuPlaces(1, 2), task)
    jobs = [
        subprocess.Popen(
            ["bash", "-c", f"SECONDS_LONG={seconds}\n{script}"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for seconds in (1, 1.5)
    ]
    assert [process.communicate()[0] for process in jobs] == ["NVIDIA MPS runs for this job.\n"] * 2
    started, ended = nvidia.read_text().splitlines()
    # A GPU is given by its UUID, to MPS and to its programs: the numbers that each counts by are not the same.
    assert started.startswith(f"start UUID-{names[0]} in /tmp/mlip-interfaces-gpus-")
    assert ended == "quit"
    assert loads(log) == {f"UUID-{names[0]}": 2}
    assert (tmp_path / "task.log").read_text().count("of 2, with NVIDIA MPS.") == 2


@pytest.mark.parametrize("reason", ["no program", "asked not to", "does not answer"])
def test_without_mps_tasks_run_and_the_log_says_so(
    reason: str, tmp_path: Path, names: list[str], nvidia: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "no program":
        (tmp_path / "programs" / "nvidia-cuda-mps-control").unlink()
    elif reason == "asked not to":
        monkeypatch.setenv("MLIP_NO_MPS", "1")
    else:
        (tmp_path / "programs" / "nvidia-cuda-mps-control").write_text("#!/bin/sh\nexit 1\n")
    log = tmp_path / "log"
    task = f"{TAKE_A_PLACE} {RECORD.format(log=log, seconds=0.3)}; printenv CUDA_MPS_PIPE_DIRECTORY;"
    said = subprocess.run(
        ["bash", "-c", job(GpuPlaces(1, 2), task, task)], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert said.startswith("NVIDIA MPS is not used (")
    assert said.count("\n") == 1
    assert loads(log) == {names[0]: 2}
    assert not nvidia.exists()


@pytest.mark.parametrize(
    ("visible", "said"),
    [("", "CUDA_VISIBLE_DEVICES is empty"), (None, "On GPU 0, place 1 of 1.")],
    ids=["empty", "unset"],
)
def test_gpus_that_are_hidden_end_the_job_and_gpus_without_names_are_counted(
    visible: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", f"of-a-test-{time.time_ns()}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    script = job(GpuPlaces(1, 1), f"{TAKE_A_PLACE} cat task.log >&2; echo $MLIP_GPU_PLACES;", own_gpus=True)
    run = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said in run.stderr
    assert (run.returncode == 0) == (visible is None)
    # A job of Slurm leaves nothing behind on its node.
    assert visible is not None or not Path(run.stdout.strip()).exists()


def test_job_of_slurm_packs_its_tasks_on_the_gpu_that_it_was_given(slurm: Any, tmp_path: Path, nvidia: Path) -> None:
    log = tmp_path / "log"
    where = SlurmExecution.model_validate(
        {
            "kind": "slurm",
            "poll_seconds": 0.3,
            "defaults": {"partition": "gpu", "setup": [f"export PATH={tmp_path}/programs:$PATH"]},
            "md": {"gpus_per_node": 1, "cores_per_node": 2, "group_size": 5, "runs_per_gpu": 2},
        }
    )
    run_tasks(recording(tmp_path / "run", log, 5, seconds=0.5), where)
    # Slurm's own number of the GPU is 0.
    assert loads(log) == {"UUID-0": 2}
    assert nvidia.read_text().splitlines()[-1] == "quit"
    assert "NVIDIA MPS runs for this job." in next((tmp_path / "run").glob("slurm-*.out")).read_text()
