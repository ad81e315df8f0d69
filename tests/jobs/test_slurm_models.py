"""Models travel to where jobs run, over SSH and into a scratch folder: a teacher's with the label settings, PyTorch's with MD and on-the-fly committees."""

from __future__ import annotations

import json
import os
import shutil
import sys
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
from mlip_interfaces.pipeline import scan
from mlip_interfaces.pipeline.committee import Committee
from mlip_interfaces.pipeline.initial_data import label_batch, label_settings, write_label_settings
from mlip_interfaces.run.context import RunContext

TRAVELLING = "teacher-model-large.pt"
TOY = Path(__file__).parents[1] / "pipeline" / "toy_lmp.py"


def study_with_model(miniature: Path, model: Path, execution: dict[str, Any]) -> Study:
    content = load_study(miniature).model_dump(mode="json")
    content["labels"] |= {"calculator": "mini_teacher:softer", "parameters": {"model": str(model)}}
    return Study.model_validate(content | {"execution": execution})


def write_structure(task: Path) -> None:
    task.mkdir(parents=True)
    write(task / INPUT_FILE, Atoms("LiF", positions=[[0, 0, 0], [2.0, 0, 0]], cell=[8, 8, 8], pbc=True), format="vasp")


def staged(scratch: Path, context: str = "local", **keys: Any) -> dict[str, Any]:
    # Ours last: a test may put programs of its own before them.
    path = f"{os.environ['PATH']}:{Path(sys.executable).parent}"
    setup = [f"export PYTHONPATH={os.environ['PYTHONPATH']}", f"export PATH={path}"]
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


@pytest.mark.parametrize("context", ["local", "ssh"])
def test_scan_elsewhere_has_pytorchs_potential_and_committee(
    slurm: Any,
    miniature: Path,
    tmp_path: Path,
    context: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An lmp that writes down what models it finds under the names it is given.
    program = tmp_path / "programs" / "lmp"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nfor word in "$@"; do case $word in *.pth*) for file in $word; do cat $file || exit 1; done >> log.lammps;; esac; done\n'
        f'exec {sys.executable} -I -S {TOY} "$@"\n'
    )
    program.chmod(0o755)
    profile = {"remote_profile": request.getfixturevalue("ssh_profile")} if context == "ssh" else {}
    execution = staged(tmp_path / "scratch", context, **profile)
    execution["defaults"]["setup"].append(f"export PATH={program.parent}:$PATH")
    (tmp_path / "scratch").mkdir()
    content = load_study(miniature).model_dump(mode="json") | {"execution": execution}
    content["training"] |= {"backend": "pytorch", "model": "se_atten_v2"}
    content["interface"]["layers"][1]["thickness_angstrom"] = [0]
    content["protocols"]["diffusion"]["committee_deviation_interval_ps"] = 0.05
    run = RunContext(Study.model_validate(content), tmp_path / "run")
    structure, members = run.structures / "coating-00A", [tmp_path / f"member-{number}.pth" for number in range(2)]
    structure.mkdir(parents=True)
    (structure / "model.data").write_text("# a model\n\n8 atoms\n")
    (structure / "layers.json").write_text(json.dumps({"symbols": ["Li"] * 8, "layer": ["base"] * 8}))
    run.model.mkdir()
    (run.model / "model.pth").write_text("the potential\n")
    for number, member in enumerate(members):
        member.write_text(f"member {number}\n")
    monkeypatch.setattr("mlip_interfaces.pipeline.committee.trusted_committee", lambda run: Committee(tuple(members)))
    monkeypatch.setattr("mlip_interfaces.pipeline.domain.look_at_domain", lambda context, begun: "looked at")
    assert scan.run_scan(run).endswith("looked at")
    (entry,) = scan.read_scan_index(run)
    assert entry.n_frames == 21
    log = (run.scan / entry.directory / "log.lammps").read_text()
    assert log.splitlines()[:3] == ["the potential", "member 0", "member 1"]
    (there,) = (tmp_path / "scratch").glob("*")
    assert (there / "committee" / "graph.001.pth").read_text() == "member 1\n"
