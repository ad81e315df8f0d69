"""The batch scripts as they are submitted, held against files; and DP-GEN's own opinion of its machine file.

After a change on purpose: ``WRITE_GOLDEN=1 python -m pytest tests/jobs/test_batch_scripts.py``, then read the difference.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlip_interfaces.campaign.dpgen_files import check_machine, render_machine
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import LocalExecution, SlurmExecution, parse_study
from mlip_interfaces.jobs import Batch, JobTask, preview_batch, run_tasks
from mlip_interfaces.md import CHECKPOINT
from mlip_interfaces.pipeline.md_runs import DONE, RUN_COMMAND
from mlip_interfaces.run.folder import locked

GOLDEN = Path(__file__).parent / "golden"
LABELS = Batch(
    tuple(JobTask(f"task.000.{number:06d}", "mlip-interfaces label .", ("label.json",)) for number in range(4)),
    Path("/data/run/initial_data/tasks"),
    "label",
)
TRAINING = Batch((JobTask("training", "dp train input.json", ("model.pb",)),), Path("/data/run/model"), "train")
CLUSTER: dict[str, Any] = {
    "kind": "slurm",
    "defaults": {"partition": "cpu", "cores_per_node": 16, "time_limit_minutes": 2880, "account": "battery"},
    "label": {"group_size": 4, "para_deg": 2, "nodes": 2},
    "train": {
        "partition": "gpu",
        "gpus_per_node": 2,
        "group_size": 4,
        "para_deg": 4,
        "modules": ["gcc/12", "cuda/12.4"],
        "source_files": ["/opt/site/env.sh"],
        "environment": {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "SITE": "two words"},
        "custom_flags": ["#SBATCH --constraint=a100", "#SBATCH --exclusive"],
        "setup": ["source ~/conda/bin/activate deepmd"],
        "prepend_script": ["nvidia-smi"],
        "append_script": ["date"],
    },
}


EXPLORATION = Batch(
    tuple(JobTask(f"task.000.{number:06d}", "sh command.sh", ("md.done",)) for number in range(8)),
    Path("/data/run/scan"),
    "md",
)
PACKED: dict[str, Any] = CLUSTER | {
    "md": {"partition": "gpu", "gpus_per_node": 1, "group_size": 8, "runs_per_gpu": 4},
    "explore": {"partition": "gpu", "gpus_per_node": 2, "group_size": 8, "runs_per_gpu": 1},
}


def with_execution(study: Path, text: str) -> str:
    lines = [line for line in study.read_text().splitlines() if not line.startswith("execution:")]
    return "\n".join([*lines, f"execution: {text}", ""])


@pytest.mark.parametrize(
    ("name", "batch", "execution"),
    [
        ("local_shell", LABELS, LocalExecution(cores=2)),
        ("slurm_cpu", LABELS, SlurmExecution.model_validate(CLUSTER)),
        ("slurm_gpu", TRAINING, SlurmExecution.model_validate(CLUSTER)),
        ("slurm_packed", EXPLORATION, SlurmExecution.model_validate(PACKED)),
        ("local_gpus", EXPLORATION, LocalExecution(cores=4, gpus=2)),
    ],
)
def test_batch_script_is_the_one_that_was_agreed_on(
    name: str, batch: Batch, execution: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/opt/mlip/bin/python")
    scripts = preview_batch(batch, execution, name)
    for suffix, text in ((".sub", scripts.script), (".sub.run", scripts.commands)):
        file = GOLDEN / f"{name}{suffix}"
        if "WRITE_GOLDEN" in os.environ:
            file.write_text(text)
        assert text == file.read_text()


@pytest.mark.parametrize("name", ["slurm_cpu", "slurm_gpu", "slurm_packed", "local_gpus"])
def test_agreed_script_is_valid_shell(name: str) -> None:
    for suffix in (".sub", ".sub.run"):
        subprocess.run(["bash", "-n", str(GOLDEN / f"{name}{suffix}")], check=True)


def test_every_step_of_the_machine_file_has_its_own_resources_and_dpgen_takes_it(miniature: Path) -> None:
    study = parse_study(with_execution(miniature, json.dumps(CLUSTER)), miniature)
    machine = render_machine(study)
    check_machine(machine)
    asked = {step: machine[step]["resources"] for step in ("train", "model_devi", "fp")}
    assert {step: part["queue_name"] for step, part in asked.items()} == {
        "train": "gpu", "model_devi": "cpu", "fp": "cpu",
    }  # fmt: skip
    assert [asked[step]["group_size"] for step in asked] == [4, 1, 4]
    # Four tasks on two GPUs: two on each.
    assert "MLIP_RUNS_PER_GPU=2\n" in "\n".join(asked["train"]["prepend_script"])
    assert [asked[step]["para_deg"] for step in asked] == [4, 1, 2]
    assert not any(part["strategy"]["if_cuda_multi_devices"] for part in asked.values())
    assert [machine[step]["command"].split()[-1] for step in ("train", "model_devi")] == ["dp", "lmp"]
    assert [word for step in asked for word in machine[step]["command"].split()].count("sh") == 1
    assert asked["train"]["envs"]["OMP_NUM_THREADS"] == "4"
    assert asked["model_devi"]["envs"]["OMP_NUM_THREADS"] == "16"
    assert asked["fp"]["envs"]["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize("context", ["local", "ssh"])
def test_other_folders_and_machines_pass_dpgens_schema(miniature: Path, context: str) -> None:
    profile = {"hostname": "cluster.example.org", "username": "me"} if context == "ssh" else {"symlink": False}
    cluster = CLUSTER | {"context": context, "remote_root": "/scratch/me/jobs", "remote_profile": profile}
    study = parse_study(with_execution(miniature, json.dumps(cluster)), miniature)
    machine = render_machine(study)
    check_machine(machine)
    assert machine["fp"]["machine"]["remote_root"] == "/scratch/me/jobs"
    assert machine["fp"]["machine"]["remote_profile"] == profile


def test_dry_run_shows_the_scripts_of_an_edited_machine_file_and_writes_nothing(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "run"
    (root / "campaign").mkdir(parents=True)
    (root / "study.yaml").write_text(with_execution(miniature, json.dumps(CLUSTER)))
    study = parse_study((root / "study.yaml").read_text(), miniature)
    machine = render_machine(study)
    machine["model_devi"]["resources"]["queue_name"] = "other"
    (root / "campaign" / "machine.json").write_text(json.dumps(machine))
    # A step that is prepared has its real tasks.
    (root / "campaign" / "iter.000000" / "01.model_devi" / "task.001.000007").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    for verb, words in (
        (["campaign", "run"], ["=== committee (iter.000000/00.train): 2 tasks in 1 jobs", "dp train input.json"]),
        (["campaign", "run"], ["#SBATCH --partition other", "cd task.001.000007", "lmp -i input.lammps"]),
        (["campaign", "run"], ["=== labels of candidates (iter.000000/02.fp): 8 tasks in 2 jobs", "label ."]),
        (["scan", "submit"], ["=== MD of the scan: 2 tasks in 2 jobs", f"readlink -f {root}/scan/.", "sh command.sh"]),
        (
            ["scan", "submit"],
            ["=== committee on frames of the scan: 2 tasks", "dp model-devi -m ../../../graph.000.pb ../../../graph"],
        ),
        (["scan", "submit"], ["=== spot labels of the scan: 4 tasks in 1 jobs", "label ."]),
    ):
        assert main([*verb, "run", "--dry-run"]) == 0
        said = capsys.readouterr().out
        assert [word for word in words if word not in said] == []
    assert sorted(tmp_path.rglob("*")) == before


def test_second_campaign_run_in_the_same_folder_is_refused_with_a_sentence(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(miniature, tmp_path / "study.yaml")
    with locked(tmp_path):
        assert main(["campaign", "run", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"Another process (process {os.getpid()}) is working in {tmp_path}." in error
    assert error.count("\n") == 1


def test_local_jobs_that_run_are_waited_for_when_the_number_of_cores_changes(tmp_path: Path) -> None:
    """The jobs of a killed client are found among the processes, whatever they were dealt to."""
    code = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from test_batch_scripts import counted\nfrom mlip_interfaces.config import LocalExecution\n"
        "from mlip_interfaces.jobs import run_tasks\n"
        "run_tasks(counted(Path(sys.argv[2])), LocalExecution(cores=2, poll_seconds=0.2))"
    )
    first = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)])
    files = [tmp_path / f"task.{number}" / "started" for number in range(4)]
    deadline = time.monotonic() + 30
    while sum(file.is_file() for file in files) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    run_tasks(counted(tmp_path), LocalExecution(cores=4, poll_seconds=0.2))
    assert [file.read_text() for file in files] == ["once\n"] * 4


def counted(directory: Path) -> Batch:
    for number in range(4):
        (directory / f"task.{number}").mkdir(exist_ok=True)
    command = "echo once >> started && sleep 2 && touch result"
    return Batch(tuple(JobTask(f"task.{number}", command, ("result",)) for number in range(4)), directory, "md")


@pytest.mark.parametrize(
    ("ending", "done"),
    [
        ("echo 'Total wall time: 0:00:01' > log.lammps", "0\n"), ("exit 0", None), ("exit 1", None),
        ("echo 'ERROR: Lost atoms: original 9 current 8' > log.lammps; exit 1", "1\n"),
        ("echo 'Total wall time: 0:00:01' > log.lammps; exit 1", None),
        ("kill -TERM $$", None), ("kill -KILL $$", None), ("no-such-program", None),
    ],
)  # fmt: skip
def test_md_run_is_done_where_its_log_shows_the_end_or_lost_atoms_and_nowhere_else(
    tmp_path: Path, ending: str, done: str | None
) -> None:
    (tmp_path / "command.sh").write_text(ending + "\n")
    (tmp_path / CHECKPOINT).write_text("a state\n")
    run = subprocess.run(["bash", "-c", f"( {RUN_COMMAND} )"], cwd=tmp_path, check=False)
    file = tmp_path / DONE
    assert (file.read_text() if file.is_file() else None) == done
    assert (run.returncode == 0) == (done is not None)
    assert (tmp_path / CHECKPOINT).is_file() == (done is None)
