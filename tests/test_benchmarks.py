"""The benchmarks run: their options, one small row, and what they make before they measure."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mlip_interfaces.config import load_study
from mlip_interfaces.errors import ProgramError
from mlip_interfaces.run.stages import run_status
from mlip_interfaces.shipped_files import study_file
from mlip_interfaces.trajectory import open_trajectory

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module(request.param)


@pytest.mark.parametrize("name", ["analysis_peers", "cli_speed", "gpu", "label_efficiency"])
def test_script_tells_its_options(name: str) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: {name}.py" in done.stdout


@pytest.mark.parametrize("script", ["analysis_peers"], indirect=True)
def test_peers_are_compared_with_ours(script: ModuleType) -> None:
    own = {"bare reading", "everything", "1,000 frames", "250 frames"}
    for task, entries in script.TASKS.items():
        first, *others = entries
        assert first.startswith("ours") or all(
            any(name.startswith(word) for word in own) for name in [first, *others]
        ), task
    assert set(script.DUMPS) <= set(script.TASKS)


@pytest.mark.parametrize("script", ["analysis_peers"], indirect=True)
def test_only_the_dumps_of_the_chosen_tasks_are_made(script: ModuleType, tmp_path: Path) -> None:
    script.make_dumps(tmp_path, ["tetrahedral order, 40 frames"])
    assert list(tmp_path.iterdir()) == []


def test_one_row_of_the_table_ends_in_json(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    command = [sys.executable, str(FOLDER / "analysis_peers.py")]
    done = subprocess.run(
        [*command, "--only", "tetrahedral", "--who", "ours", "--json", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    assert {"date", "machine", "versions", "rows"} <= set(content)
    (row,) = content["rows"]
    assert (row["task"], row["who"]) == ("tetrahedral order, 40 frames", "ours")
    assert row["cpu_seconds"] > 0
    assert row["cpu_ratio"] == row["wall_ratio"] == 1.0


@pytest.mark.parametrize("script", ["cli_speed"], indirect=True)
def test_command_line_is_measured_on_a_trajectory_and_a_finished_run(script: ModuleType, tmp_path: Path) -> None:
    calls = script.commands(tmp_path, None)
    assert [name for name in calls if "rdf" in name or "status" in name] == ["status DIR", "analyze rdf FILE --json"]
    reader = open_trajectory(tmp_path / "walk.lammpstrj", frame_interval_ps=0.1)
    shapes = [chunk.positions.shape for chunk in reader.chunks()]
    assert (sum(shape[0] for shape in shapes), shapes[0][1]) == (151, 304)
    assert {state.status for state in run_status(tmp_path / "run")} == {"done"}
    (row,) = script.measure({"nothing": [sys.executable, "-c", "pass"]}, 2)
    assert 0 < row["minimum_seconds"] <= row["median_seconds"]
    with pytest.raises(SystemExit, match="exit status 3"):
        script.measure({"fails": [sys.executable, "-c", "raise SystemExit(3)"]}, 1)


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
def test_gpu_benchmark_trains_on_labels_of_its_own_with_the_sizes_of_the_study(
    script: ModuleType, tmp_path: Path
) -> None:
    bench = script.Bench(tmp_path, 20, 1.0, (100,), study_file("demo.yaml"), on_change=lambda content: None)
    study = load_study(bench.study)
    script.make_training(bench, tuple(study.elements))
    content = json.loads((tmp_path / "input.json").read_text())
    assert content["model"]["descriptor"]["neuron"] == list(study.training.embedding_neurons)
    assert content["training"]["numb_steps"] == 20
    force = np.load(tmp_path / "data" / "set.000" / "force.npy")
    assert force.shape == (script.N_FRAMES, 3 * 4 * script.CELLS_OF_A_FRAME**3)
    assert 0.05 < force.std() < 5
    assert (tmp_path / "data" / "type_map.raw").read_text().split() == list(study.elements)


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
@pytest.mark.parametrize(
    ("line", "on_gpu"),
    [
        ("Created device /job:localhost/replica:0/task:0/device:GPU:0 with 78000 MB memory", True),
        ("load model from: model.pth to gpu 0", True),
        ("DEEPMD INFO    Computing Device:       CUDA:0", True),
        ("load model from: model.pth to cpu", False),
        ("DEEPMD INFO    Computing Device:       CPU", False),
    ],
)
def test_log_line_tells_the_device(script: ModuleType, tmp_path: Path, line: str, on_gpu: bool) -> None:
    found = script.watched(["python", "-c", f"print({line!r})"], tmp_path, tmp_path / "log", has_gpu=False)
    assert (found["on_gpu"], found["gpu_log_line"] is not None) == (on_gpu, on_gpu)


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
def test_memory_that_is_taken_on_a_gpu_is_seen(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\ncase "$1" in\n'
        '--query-gpu=name*) echo "GPU of a test, 81559, 550.1";;\n'
        '--query-gpu=memory.used,*) echo "604, 57";;\n'
        '--query-gpu=memory.used) echo "4";;\n'
        "esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert script.gpus() == [{"name": "GPU of a test", "memory_mb": 81559.0, "driver": "550.1"}]
    sleep = ["python", "-c", "import time; time.sleep(0.5)"]
    found = script.watched(sleep, tmp_path, tmp_path / "log", has_gpu=True)
    assert (found["on_gpu"], found["gpu_memory_mb"], found["gpu_utilization_percent"]) == (True, 600, 57.0)
    with pytest.raises(ProgramError, match=r"exit status 4.*\n.*gone"):
        script.watched(
            ["python", "-c", "print('gone'); raise SystemExit(4)"], tmp_path, tmp_path / "log", has_gpu=False
        )
