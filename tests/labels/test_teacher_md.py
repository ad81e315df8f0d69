"""Short MD with the teacher: labelled frames, continued exactly after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from dft_cases import potcars, settings, stand_in, task

from mlip_interfaces.labels.driver import INPUT_FILE
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher_md import (
    PATHS_FILE,
    PLAN_FILE,
    RESULT_FILE,
    TABLE_FILE,
    TeacherMDPlan,
    read_records,
    teacher_md,
)
from mlip_interfaces.md.health import read_thermo


def make_task(folder: Path, calculator: str, steps: int = 20, **plan_changes: Any) -> Path:
    folder.mkdir()
    write(folder / INPUT_FILE, bulk("LiF", "rocksalt", a=4.1, cubic=True), format="vasp", direct=True)
    known = {"temperature_kelvin": 50, "steps": steps, "sample_every": 4, "timestep_fs": 1, "relax_steps": 4, "seed": 7}
    plan = TeacherMDPlan(**known | plan_changes)
    (folder / PLAN_FILE).write_text(plan.model_dump_json())
    LabelSettings(calculator=calculator).write(folder / SETTINGS_FILE)
    return folder


def test_frames_are_labelled_and_a_kill_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINI_TEACHER_SECONDS", "0.1")
    straight = make_task(tmp_path / "straight", "mini_teacher:slow_lennard_jones")
    killed = make_task(tmp_path / "killed", "mini_teacher:slow_lennard_jones")
    teacher_md(straight)
    process = subprocess.Popen([sys.executable, "-m", "mlip_interfaces.cli.main", "teacher-md", str(killed)])
    while len(read_records(killed)) < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / RESULT_FILE).exists()
    teacher_md(killed)
    first, second = read_records(straight), read_records(killed)
    assert len(first) >= 6
    np.testing.assert_array_equal([record["energy_ev"] for record in first], [record["energy_ev"] for record in second])
    assert json.loads((killed / RESULT_FILE).read_text())["status"] == "ok"


def test_paths_go_on_after_a_kill_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINI_TEACHER_SECONDS", "0.05")
    straight, killed = (
        make_task(tmp_path / name, "mini_teacher:slow_lennard_jones", steps=24, keeps="paths", relax_steps=0)
        for name in ("straight", "killed")
    )
    teacher_md(straight)
    process = subprocess.Popen([sys.executable, "-m", "mlip_interfaces.cli.main", "teacher-md", str(killed)])
    while not (killed / PATHS_FILE).is_file() or (killed / PATHS_FILE).read_text().count("Lattice") < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / RESULT_FILE).exists()
    # A frame that was begun and never vouched for.
    with (killed / PATHS_FILE).open("a") as handle:
        handle.write("8\nLattice=")
    teacher_md(killed)
    first, second = (read(folder / PATHS_FILE, index=":", format="extxyz") for folder in (straight, killed))
    assert len(first) == len(second) == 6
    for one, other in zip(first, second, strict=True):
        assert one.info["time_ps"] == other.info["time_ps"]
        np.testing.assert_allclose(one.positions, other.positions, rtol=0, atol=2e-5)
    assert json.loads((killed / RESULT_FILE).read_text()) == {"status": "ok", "reason": None, "n_frames": 6}
    table = read_thermo(straight / TABLE_FILE)
    np.testing.assert_allclose(table["time_ps"], 0.004 * np.arange(1, 7), rtol=1e-9, atol=0)
    last = first[-1]
    np.testing.assert_allclose(
        table["min_distance_angstrom"][-1], np.sort(last.get_all_distances(mic=True)[0])[1], rtol=0.02, atol=0
    )
    np.testing.assert_allclose(
        table["density_g_per_cm3"], last.get_masses().sum() / last.get_volume() * 1.66053906892, rtol=1e-6, atol=0
    )
    # The centre of mass stays.
    drift = last.get_center_of_mass() - first[0].get_center_of_mass()
    np.testing.assert_allclose(drift, 0.0, rtol=0, atol=2e-5)


def test_paths_keep_the_temperature_of_free_motion(tmp_path: Path) -> None:
    task = make_task(
        tmp_path / "task", "mini_teacher:lennard_jones", steps=400, keeps="paths", relax_steps=0, temperature_kelvin=300,
        timestep_fs=2,
    )  # fmt: skip
    teacher_md(task)
    kelvin = read_thermo(task / TABLE_FILE)["temperature_kelvin"][15:]
    # Of 21 free directions, the canonical spread is 300 sqrt(2 / 21) = 93 K; the thermostat forgets in 0.1 ps.
    n_independent = len(kelvin) * 0.008 / 0.2
    assert abs(kelvin.mean() - 300.0) < 3.5 * 93.0 / np.sqrt(n_independent)
    assert 0.3 * 93.0 < kelvin.std() < 1.8 * 93.0


def test_teacher_that_cannot_be_loaded_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    task = make_task(tmp_path / "task", "mini_teacher:unloadable")
    teacher_md(task)
    result = json.loads((task / RESULT_FILE).read_text())
    assert result["status"] == "failed"
    assert "no licence" in result["reason"]


def test_relaxation_alone_keeps_its_frames(tmp_path: Path) -> None:
    task = make_task(tmp_path / "task", "mini_teacher:lennard_jones", steps=0)
    teacher_md(task)
    assert json.loads((task / RESULT_FILE).read_text()) == {
        "status": "ok", "reason": None, "n_frames": len(read_records(task)),
    }  # fmt: skip
    assert read_records(task)


def test_aimd_with_a_dft_code_labels_each_frame_in_the_order_of_its_atoms(tmp_path: Path) -> None:
    label_settings = settings("vasp", command=stand_in("vasp"), pseudopotential_dir=str(potcars(tmp_path / "library")))
    folder = task(tmp_path, bulk("LiF", "rocksalt", a=4.1, cubic=True), label_settings)
    plan = TeacherMDPlan(temperature_kelvin=300, steps=3, sample_every=1, timestep_fs=0.1, relax_steps=0, seed=7)
    (folder / PLAN_FILE).write_text(plan.model_dump_json())
    teacher_md(folder)
    assert json.loads((folder / RESULT_FILE).read_text()) == {"status": "ok", "reason": None, "n_frames": 3}
    for record in read_records(folder):
        assert (record["calculator"], record["kind"], record["cores"]) == ("VASP 6.4.2", "dft", 8)
        # The stand-in's force along x is the atomic number.
        expected = [3.0 if symbol == "Li" else 9.0 for symbol in record["symbols"]]
        np.testing.assert_allclose(np.array(record["forces_ev_per_angstrom"])[:, 0], expected, rtol=1e-6, atol=0)


def test_unreadable_structure_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    task = make_task(tmp_path / "task", "mini_teacher:lennard_jones")
    (task / INPUT_FILE).write_text("nonsense")
    teacher_md(task)
    assert "cannot be read" in json.loads((task / RESULT_FILE).read_text())["reason"]
