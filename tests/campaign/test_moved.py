"""A campaign that is moved or copied: what was absolute in it follows, what the user wrote stays."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlip_interfaces.campaign.moved import PLACE, settle

LINKS = {
    "00.train/data.init": "initial_data/dataset",
    "01.model_devi/graph.000.pb": "campaign/iter.000000/00.train/graph.000.pb",
    "01.model_devi/confs/000.0000.poscar": "structures/film/POSCAR",
    "02.fp/task.000.000000/label_settings.json": "campaign/label_settings.json",
    "02.fp/task.000.000000/teacher-model-own.pb": "campaign/teacher-model-own.pb",
}


def machine(settings: str, programs: str) -> dict[str, Any]:
    resources = {"batch_type": "Shell", "prepend_script": ["module load a", f'export PATH="{programs}:$PATH"']}
    return {
        "api_version": "1.0",
        "train": {"command": "dp", "resources": resources},
        "fp": {"command": "label", "resources": resources, "user_forward_files": ["/data/mine.txt", settings]},
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as an older version and DP-GEN left it: absolute links, an absolute path in ``machine.json``."""
    root = tmp_path / "first" / "run"
    for target in LINKS.values():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / target).write_text(target)
    for name, target in LINKS.items():
        link = root / "campaign" / "iter.000000" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(root / target)
    settings = str(root / "campaign" / "label_settings.json")
    (root / "campaign" / "machine.json").write_text(json.dumps(machine(settings, str(tmp_path))))
    return root


def read_through(root: Path) -> dict[str, str]:
    """Where each link leads, relative to the run folder."""
    links = {name: root / "campaign" / "iter.000000" / name for name in LINKS}
    return {name: str(link.resolve().relative_to(root.resolve())) for name, link in links.items()}


def forwarded(root: Path) -> list[str]:
    content: dict[str, Any] = json.loads((root / "campaign" / "machine.json").read_text())
    files: list[str] = content["fp"]["user_forward_files"]
    return files


@pytest.mark.parametrize("original_stays", [False, True])
def test_links_of_a_moved_or_copied_campaign_lead_into_it(run: Path, tmp_path: Path, original_stays: bool) -> None:
    moved = tmp_path / "second" / "it's [run] 1*"
    shutil.copytree(run, moved, symlinks=True)
    if not original_stays:
        shutil.rmtree(run)
    settle(moved / "campaign")
    assert read_through(moved) == LINKS
    assert forwarded(moved) == ["/data/mine.txt", "label_settings.json"]


def test_a_campaign_that_begins_is_settled_and_can_be_archived(run: Path, tmp_path: Path) -> None:
    settle(run / "campaign")
    assert not [link for link in run.rglob("*") if link.is_symlink() and os.path.isabs(os.readlink(link))]
    moved = run.rename(tmp_path / "elsewhere")
    assert read_through(moved) == LINKS


def test_links_that_a_killed_step_left_absolute_follow_a_second_move(run: Path, tmp_path: Path) -> None:
    """The note of the last place tells where they pointed to, though `machine.json` is relative by then."""
    settle(run / "campaign")
    link = run / "campaign" / "iter.000000" / "00.train" / "data.init"
    link.unlink()
    link.symlink_to(run / "initial_data" / "dataset")
    moved = run.rename(tmp_path / "elsewhere")
    settle(moved / "campaign")
    assert read_through(moved) == LINKS


def test_what_the_user_wrote_stays(run: Path, tmp_path: Path) -> None:
    settle(run / "campaign")
    mine = tmp_path / "mine" / "campaign" / "label_settings.json"
    content = machine(str(mine), str(tmp_path))
    content["model_devi"] = {
        "command": "my lmp",
        "_note": [1, 2],
        "resources": {"batch_type": "Slurm", "prepend_script": []},
    }
    file = run / "campaign" / "machine.json"
    file.write_text(json.dumps(content))
    link = run / "campaign" / "iter.000000" / "00.train" / "data.init"
    link.unlink()
    link.symlink_to(tmp_path / "mine" / "dataset")
    moved = run.rename(tmp_path / "elsewhere")
    settle(moved / "campaign")
    assert json.loads((moved / "campaign" / "machine.json").read_text()) == content
    assert os.readlink(moved / "campaign" / "iter.000000" / "00.train" / "data.init") == str(
        tmp_path / "mine" / "dataset"
    )


def test_settling_twice_writes_nothing(run: Path) -> None:
    settle(run / "campaign")
    before = {path: path.lstat().st_mtime_ns for path in run.rglob("*")}
    settle(run / "campaign")
    assert {path: path.lstat().st_mtime_ns for path in run.rglob("*")} == before
    assert json.loads((run / "campaign" / PLACE).read_text()) == {"folder": str((run / "campaign").resolve())}


def test_programs_of_an_environment_that_is_gone_are_those_of_this_one(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/new/bin/python")
    file = run / "campaign" / "machine.json"
    for programs, expected in ((str(run), str(run)), (str(run / "no such folder"), "/new/bin")):
        file.write_text(json.dumps(machine("label_settings.json", programs)))
        settle(run / "campaign")
        lines = json.loads(file.read_text())["fp"]["resources"]["prepend_script"]
        assert lines == ["module load a", f'export PATH="{expected}:$PATH"']
