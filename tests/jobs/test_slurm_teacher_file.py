"""The file of a teacher's model travels with the label settings to where jobs run, over SSH and into a scratch folder, by our jobs and by DP-GEN's."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.campaign.dpgen_files import render_machine
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.jobs import run_tasks
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teachers import teacher_version
from mlip_interfaces.pipeline.initial_data import label_batch, label_settings, write_label_settings

TRAVELLING = "teacher-model-large.pt"


def study_with_model(miniature: Path, model: Path, execution: dict[str, Any]) -> Study:
    content = load_study(miniature).model_dump(mode="json")
    content["labels"] |= {"calculator": "mini_teacher:softer", "parameters": {"model": str(model)}}
    return Study.model_validate(content | {"execution": execution})


def write_structure(task: Path) -> None:
    task.mkdir(parents=True)
    write(task / INPUT_FILE, Atoms("LiF", positions=[[0, 0, 0], [2.0, 0, 0]], cell=[8, 8, 8], pbc=True), format="vasp")


def staged(scratch: Path, context: str = "local", **keys: Any) -> dict[str, Any]:
    setup = [f"export PYTHONPATH={os.environ['PYTHONPATH']}", f"export PATH={os.environ['PATH']}"]
    return {
        "kind": "slurm", "context": context, "remote_root": str(scratch), "poll_seconds": 0.3,
        "defaults": {"partition": "cpu", "setup": setup}, **keys,
    }  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "inputs" / "large.pt"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    return file


@pytest.mark.parametrize("context", ["local", "ssh"])
def test_label_is_made_by_the_copy_that_came_along(
    slurm: Any, model: Path, miniature: Path, tmp_path: Path, context: str, request: pytest.FixtureRequest
) -> None:
    scratch, directory = tmp_path / "scratch", tmp_path / "run" / "tasks"
    scratch.mkdir()
    profile = {"remote_profile": request.getfixturevalue("ssh_profile")} if context == "ssh" else {}
    study = study_with_model(miniature, model, staged(scratch, context, **profile))
    write_structure(directory / "task.000.000000")
    write_label_settings(study, directory / SETTINGS_FILE)
    run_tasks(label_batch(study, ["task.000.000000"], directory), study.execution)
    record = json.loads((directory / "task.000.000000" / OUTPUT_FILE).read_text())
    assert (record["status"], record["reason"]) == ("ok", None)
    # The same labels as those of the file where the study names it.
    assert record["settings_hash"] == label_settings(study).physics_hash
    (there,) = scratch.glob("*")
    assert json.loads((there / SETTINGS_FILE).read_text())["parameters"] == {"model": TRAVELLING}
    assert (there / TRAVELLING).read_bytes() == b"weights"
    assert context == "local" or not (there / TRAVELLING).is_symlink()


def test_dpgen_sends_it_with_each_of_its_tasks(model: Path, miniature: Path, tmp_path: Path) -> None:
    from dpgen.generator.lib.utils import symlink_user_forward_files

    study = study_with_model(miniature, model, staged(tmp_path))
    machine = render_machine(study)
    assert machine["fp"]["user_forward_files"] == [SETTINGS_FILE, TRAVELLING]
    campaign = tmp_path / "campaign"
    write_structure(campaign / "02.fp" / "task.000.000000")
    write_label_settings(study, campaign / SETTINGS_FILE)
    before = Path.cwd()
    os.chdir(campaign)
    try:
        symlink_user_forward_files({"fp_user_forward_files": machine["fp"]["user_forward_files"]}, "fp", "02.fp")
    finally:
        os.chdir(before)
    # As it arrives elsewhere: no links.
    shutil.copytree(campaign / "02.fp", tmp_path / "elsewhere")
    model.unlink()
    label_task(tmp_path / "elsewhere" / "task.000.000000")
    record = json.loads((tmp_path / "elsewhere" / "task.000.000000" / OUTPUT_FILE).read_text())
    assert (record["status"], record["reason"]) == ("ok", None)


def test_settings_with_the_file_beside_them_are_those_without(model: Path, miniature: Path, tmp_path: Path) -> None:
    here = study_with_model(miniature, model, {"kind": "local"})
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    write_label_settings(here, tmp_path / "here" / SETTINGS_FILE)
    write_label_settings(study_with_model(miniature, model, staged(tmp_path)), tmp_path / "there" / SETTINGS_FILE)
    assert render_machine(here)["fp"]["user_forward_files"] == [SETTINGS_FILE]
    assert os.listdir(tmp_path / "here") == [SETTINGS_FILE]
    in_place, travelling = (LabelSettings.read(tmp_path / name / SETTINGS_FILE) for name in ("here", "there"))
    assert in_place.same_labels(travelling)
    assert not in_place.same_labels(travelling.model_copy(update={"timeout_seconds": 1.0}))
    assert teacher_version("deepmd", travelling.parameters) == teacher_version("deepmd", in_place.parameters)
    # Moved with what it names, it still finds the file; another content is another teacher.
    shutil.copytree(tmp_path / "there", tmp_path / "moved" / "there", symlinks=True)
    shutil.copytree(tmp_path / "inputs", tmp_path / "moved" / "inputs")
    moved = LabelSettings.read(tmp_path / "moved" / "there" / SETTINGS_FILE)
    assert moved.same_labels(in_place)
    (tmp_path / "moved" / "inputs" / "large.pt").write_bytes(b"other weights")
    assert not moved.same_labels(in_place)
