"""A real campaign with a teacher that fails for three structures in ten: straight, and killed at each of DP-GEN's steps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from flaky_teacher import WAYS, fate

from mlip_interfaces.campaign.folder import STEPS, read_position
from mlip_interfaces.config import load_study

pytestmark = pytest.mark.campaign

# The three long steps are also killed in the middle; their jobs live on and are found again.
DEATHS = [
    (step, moment)
    for step in range(len(STEPS))
    for moment in (("middle", "after") if STEPS[step] in ("train", "explore", "label") else ("after",))
]
REASONS = {
    "dies": "died with exit status 9",
    "not a number": "not finite",
    "hangs": "timed out",
    "garbage": "ValueError",
    "empty": "PropertyNotImplementedError",
}


def environment(root: Path, **more: str) -> dict[str, str]:
    return os.environ | {"MINI_TEACHER_LOG": str(root) + ".log"} | more


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def evaluations(root: Path) -> list[str]:
    log = Path(str(root) + ".log")
    return log.read_text().splitlines() if log.is_file() else []


def dataset(root: Path) -> dict[str, bytes]:
    """Every file of the data that the campaign made, by its name."""
    files = [file for file in (root / "campaign").glob("iter.*/02.fp/data.*/**/*") if file.is_file()]
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def labelled(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its initial data."""
    folder = tmp_path_factory.mktemp("flaky")
    study = folder / "flaky.yaml"
    text = miniature.read_text()
    for old, new in (
        ("mini_teacher:slow_lennard_jones", "flaky_teacher:flaky"),
        ("{fails: true}", "{}"),
        ("timeout_seconds: 20", "timeout_seconds: 8"),
        ("max_labels_per_model: 4", "max_labels_per_model: 10"),
        ("steps: 20, sample_every: 5}", "steps: 20, sample_every: 2}"),
    ):
        assert old in text
        text = text.replace(old, new)
    study.write_text(text)
    root = folder / "data"
    done = subprocess.run(
        command("mlip_interfaces.cli.main", "run", str(study), "--out", str(root), "--until", "data"),
        env=environment(root), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root


def copy_of(labelled: Path, name: str) -> Path:
    root = labelled.parent / name
    shutil.copytree(labelled, root)
    return root


@pytest.fixture(scope="module")
def straight(labelled: Path) -> Path:
    root = copy_of(labelled, "straight")
    done = subprocess.run(
        command("mlip_interfaces.cli.main", "campaign", "run", str(root)),
        env=environment(root), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root


def test_every_good_label_is_in_the_data_and_every_failure_is_named(straight: Path) -> None:
    records = [
        (file.parent, json.loads(file.read_text()))
        for file in (straight / "campaign").glob("iter.*/02.fp/task.*/label.json")
    ]
    fates = {
        str(task.relative_to(straight / "campaign")): fate(record["positions_angstrom"]) for task, record in records
    }
    assert len(fates) == 20
    doomed = {task: doom for task, doom in fates.items() if doom != "fine"}
    assert doomed
    summary = json.loads((straight / "campaign" / "summary.json").read_text())
    named = {entry["task"]: entry["reason"] for entry in summary["iterations"][0]["labels_failed"]}
    assert set(named) == set(doomed)
    for task, doom in doomed.items():
        assert REASONS[doom] in named[task], (doom, named[task])
    n_good = sum(len(np.load(f)) for f in straight.glob("campaign/iter.000000/02.fp/data.*/**/set.*/energy.npy"))
    assert n_good == len(fates) - len(doomed) == summary["iterations"][0]["labels_made"]


def test_initial_data_survives_all_five_ways_to_fail(straight: Path) -> None:
    summary = json.loads((straight / "initial_data" / "summary.json").read_text())
    seen = {line.rsplit(" ", 1)[0] for line in evaluations(straight.parent / "data")}
    assert seen
    lived_through = {way for way in WAYS if any(REASONS[way] in entry["reason"] for entry in summary["failed"])}
    assert len(lived_through) >= 2
    assert summary["made"] > 0


def test_killed_at_every_step_of_dpgen_it_ends_with_the_same_data(labelled: Path, straight: Path) -> None:
    root = copy_of(labelled, "killed")
    for step, moment in DEATHS:
        process = subprocess.run(
            command("mortal_cli", "campaign", "run", str(root)), env=environment(root, MORTAL_AT=f"{step} {moment}"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert process.returncode == -signal.SIGKILL, process.stderr
        assert read_position(root / "campaign").step == step
    done = subprocess.run(
        command("mlip_interfaces.cli.main", "campaign", "run", str(root)),
        env=environment(root), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert dataset(root) == dataset(straight)
    assert dataset(root)
    for name in ("param.running.json", "decisions.jsonl", "record.dpgen"):
        assert (root / "campaign" / name).read_text() == (straight / "campaign" / name).read_text()
    for finished in ("00.train/00?/train.log", "01.model_devi/task.*/model_devi.log"):
        for file in (root / "campaign" / "iter.000000").glob(finished):
            text = file.read_text(errors="replace")
            assert text.count("finished training") + text.count("Total wall time") == 1, file
    # A label that was in work when its driver's caller died is finished by that driver: none is made twice.
    counted = Counter(evaluations(root))
    assert counted == Counter(evaluations(straight))
    assert max(counted.values()) == 1


def test_plain_dpgen_works_in_the_folder_that_init_leaves(labelled: Path) -> None:
    """It is stopped once its training runs; every rung is in its file."""
    root = copy_of(labelled, "plain")
    done = subprocess.run(
        command("mlip_interfaces.cli.main", "campaign", "init", str(labelled.parent / "flaky.yaml"), "--out", str(root)),
        env=environment(root), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    param = json.loads((root / "campaign" / "param.json").read_text())
    assert len(param["model_devi_jobs"]) == len(load_study(labelled.parent / "flaky.yaml").exploration.iterations)
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "dpgen"), "run", "param.json", "machine.json"],
        cwd=root / "campaign", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    started = root / "campaign" / "iter.000000" / "00.train" / "000" / "train.log"
    deadline = time.monotonic() + 300
    while not started.is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    assert started.is_file(), output


def test_finished_campaign_again_does_nothing(straight: Path) -> None:
    files = {file: file.stat().st_mtime_ns for file in (straight / "campaign").rglob("*") if file.is_file()}
    done = subprocess.run(
        command("mlip_interfaces.cli.main", "campaign", "run", str(straight)),
        env=environment(straight), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "finished before" in done.stderr
    assert files == {file: file.stat().st_mtime_ns for file in (straight / "campaign").rglob("*") if file.is_file()}


def test_too_many_failures_stop_with_their_reasons_and_a_raised_limit_goes_on(straight: Path) -> None:
    """The campaign before its last step, with a limit that its failures exceed."""
    root = straight.parent / "strict"
    shutil.copytree(straight, root, symlinks=True)
    campaign = root / "campaign"
    record = (campaign / "record.dpgen").read_text().splitlines()
    (campaign / "record.dpgen").write_text("".join(f"{line}\n" for line in record[:-1]))
    (campaign / "manifest.json").unlink()
    study = root / "study.yaml"
    generous = study.read_text()
    study.write_text(generous.replace("max_failed_fraction: 1.0", "max_failed_fraction: 0.01"))
    run = command("mlip_interfaces.cli.main", "campaign", "run", str(root))
    refused = subprocess.run(run, env=environment(root), capture_output=True, text=True, check=False)
    assert refused.returncode == 3, refused.stderr
    assert "labels of iteration 0 failed, more than labels.max_failed_fraction: 0.01" in refused.stderr
    assert "Traceback" not in refused.stderr
    study.write_text(generous)
    done = subprocess.run(run, env=environment(root), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert dataset(root) == dataset(straight)
    assert not evaluations(root)
