"""The label driver: every failure costs one label and is named; nothing is labelled twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import dpdata
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from mini_teacher import lennard_jones

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.evaluation import LabelFailure, judge_answer
from mlip_interfaces.labels.process import TeacherProcess
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings


def write_task(folder: Path, atoms: Atoms) -> Path:
    folder.mkdir(parents=True)
    write(folder / INPUT_FILE, atoms, format="vasp", direct=True)
    return folder


def chain(n_atoms: int) -> Atoms:
    """Atoms in a row, 2 angstrom apart, in a wide cell."""
    positions = [(2.0 * i + 1.0, 6.0, 6.0) for i in range(n_atoms)]
    return Atoms(["Li"] * n_atoms, positions=positions, cell=(2.0 * n_atoms + 10.0, 12.0, 12.0), pbc=True)


def record(task: Path) -> dict:
    return json.loads((task / OUTPUT_FILE).read_text())


def rock_salt() -> Atoms:
    atoms = bulk("LiF", "rocksalt", a=4.1, cubic=True)
    atoms.rattle(0.05, seed=1)
    return atoms


def test_label_equals_the_calculator(tmp_path: Path) -> None:
    atoms = rock_salt()
    task = write_task(tmp_path / "task.000.000000", atoms)
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(task)
    found = record(task)
    atoms.calc = lennard_jones()
    assert found["status"] == "ok"
    np.testing.assert_allclose(found["energy_ev"], atoms.get_potential_energy(), rtol=1e-9, atol=0)
    np.testing.assert_allclose(found["forces_ev_per_angstrom"], atoms.get_forces(), rtol=0, atol=1e-8)


def test_virial_is_minus_the_energy_derivative_by_strain(tmp_path: Path) -> None:
    atoms = rock_salt()
    task = write_task(tmp_path / "task.000.000000", atoms)
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(task)
    energies = []
    for strain in (-1e-4, 1e-4):
        deformed = atoms.copy()
        deformed.set_cell(np.asarray(atoms.cell) @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        deformed.calc = lennard_jones()
        energies.append(deformed.get_potential_energy())
    derivative = (energies[1] - energies[0]) / 2e-4
    np.testing.assert_allclose(record(task)["virial_ev"][0][0], -derivative, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("n_atoms", "reason"),
    [(2, "ValueError: no convergence"), (3, "not finite"), (4, "timed out after 2 s"), (5, "died with exit status 11")],
)
def test_a_failure_costs_one_label_and_its_siblings_are_made(tmp_path: Path, n_atoms: int, reason: str) -> None:
    bad = write_task(tmp_path / "task.000.000000", chain(n_atoms))
    good = write_task(tmp_path / "task.000.000001", chain(6))
    settings = LabelSettings(calculator="mini_teacher:moody", timeout_seconds=2)
    settings.write(tmp_path / SETTINGS_FILE)
    label_task(bad)
    assert record(bad)["status"] == "failed"
    assert reason in record(bad)["reason"]
    assert record(good)["status"] == "ok"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"calculator": "mini_teacher:unloadable"}, "no licence"),
        ({"calculator": "mini_teacher:lennard_jones", "max_force_ev_per_angstrom": 1e-6}, "largest force"),
        ({"calculator": "mini_teacher:lennard_jones", "min_distance_angstrom": 1.99999999}, None),
        ({"calculator": "mini_teacher:lennard_jones", "min_distance_angstrom": 2.5}, "1.90 angstrom apart"),
    ],
)
def test_limits_are_judged(tmp_path: Path, settings: dict, reason: str | None) -> None:
    task = write_task(tmp_path / "task.000.000000", chain(3) if reason != "largest force" else rock_salt())
    if settings.get("min_distance_angstrom") == 2.5:
        atoms = chain(3)
        atoms.positions[1, 0] -= 0.1
        write(task / INPUT_FILE, atoms, format="vasp", direct=True)
    LabelSettings(**settings).write(tmp_path / SETTINGS_FILE)
    label_task(task)
    found = record(task)
    assert (found["reason"] is None) == (reason is None)
    assert reason is None or reason in found["reason"]


@pytest.mark.parametrize(("limit", "refused"), [(4.9, True), (5.1, False)])
def test_force_limit_holds_for_the_force_on_an_atom_in_any_direction(limit: float, refused: bool) -> None:
    forces = np.array([[3.0, 0.0, -4.0], [0.0, 0.0, 0.0]])
    settings = LabelSettings(calculator="mini_teacher:lennard_jones", max_force_ev_per_angstrom=limit)
    with pytest.raises(LabelFailure, match=r"largest force is 5\.0 eV") if refused else nullcontext():
        judge_answer(-1.0, forces, np.zeros((3, 3)), 2, settings)


def test_distance_limit_beyond_two_angstrom_passes_wider_structures(tmp_path: Path) -> None:
    atoms = Atoms("Li2", positions=[(0, 0, 0), (3, 0, 0)], cell=(12, 12, 12), pbc=True)
    task = write_task(tmp_path / "task.000.000000", atoms)
    LabelSettings(calculator="mini_teacher:lennard_jones", min_distance_angstrom=2.5).write(tmp_path / SETTINGS_FILE)
    label_task(task)
    assert record(task)["status"] == "ok"


@pytest.mark.parametrize(("broken", "reason"), [("nan", "not finite numbers"), ("flat", "no volume")])
def test_structure_without_meaning_is_a_failed_label(tmp_path: Path, broken: str, reason: str) -> None:
    bad, good = (write_task(tmp_path / f"task.000.00000{i}", chain(6)) for i in range(2))
    lines = (bad / INPUT_FILE).read_text().splitlines()
    lines[-1 if broken == "nan" else 3] = "nan nan nan" if broken == "nan" else lines[2]
    (bad / INPUT_FILE).write_text("\n".join(lines) + "\n")
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(bad)
    assert reason in record(bad)["reason"]
    assert record(good)["status"] == "ok"


def test_teacher_lost_between_structures_is_started_again() -> None:
    with TeacherProcess(LabelSettings(calculator="mini_teacher:lennard_jones")) as teacher:
        first = teacher.evaluate(chain(6)).energy_ev
        os.kill(teacher._process.pid, signal.SIGKILL)
        time.sleep(0.2)
        assert teacher.evaluate(chain(6)).energy_ev == first


def test_program_of_a_teacher_that_hangs_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "pid"
    monkeypatch.setenv("MINI_TEACHER_LOG", str(log))
    task = write_task(tmp_path / "task.000.000000", chain(7))
    LabelSettings(calculator="mini_teacher:moody", timeout_seconds=2).write(tmp_path / SETTINGS_FILE)
    label_task(task)
    assert record(task)["reason"] == "timed out after 2 s"
    assert 2 <= record(task)["wall_seconds"] < 30
    stat = Path(f"/proc/{log.read_text()}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_sibling_that_has_not_arrived_is_left_to_its_own_call(tmp_path: Path) -> None:
    here = write_task(tmp_path / "task.000.000000", chain(6))
    for number, content in ((1, None), (2, "half a str")):
        (tmp_path / f"task.000.00000{number}").mkdir()
        if content:
            (tmp_path / f"task.000.00000{number}" / INPUT_FILE).write_text(content)
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(here)
    assert [path.parent.name for path in tmp_path.glob(f"task.*/{OUTPUT_FILE}")] == [here.name]


def test_claim_of_a_killed_driver_is_taken_over(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task.000.000000", chain(4))
    LabelSettings(calculator="mini_teacher:moody", timeout_seconds=600).write(tmp_path / SETTINGS_FILE)
    first = subprocess.Popen([sys.executable, "-m", "mlip_interfaces.cli.main", "label", str(task)])
    lock = task / ".label.lock"
    while not lock.exists():
        time.sleep(0.05)
    first.kill()
    first.wait()
    assert not (task / OUTPUT_FILE).exists()
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(task)
    assert record(task)["status"] == "ok"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"status": "failed", "symbols": []}'])
def test_label_file_without_content_is_made_again_and_no_frame(tmp_path: Path, content: str) -> None:
    task = write_task(tmp_path / "task.000.000000", chain(6))
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    (task / OUTPUT_FILE).write_text(content)
    file = str(task / OUTPUT_FILE)
    assert len(dpdata.LabeledSystem(file, fmt="mlip_interfaces/label", type_map=["F", "Li"])) == 0
    label_task(task)
    assert len(dpdata.LabeledSystem(file, fmt="mlip_interfaces/label", type_map=["F", "Li"])) == 1


def test_unreadable_structure_is_a_failed_label(tmp_path: Path) -> None:
    task = tmp_path / "task.000.000000"
    task.mkdir()
    (task / INPUT_FILE).write_text("nonsense")
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(task)
    assert "cannot be read" in record(task)["reason"]


def test_missing_settings_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="campaign init"):
        label_task(write_task(tmp_path / "task.000.000000", chain(3)))


def test_drivers_side_by_side_label_each_structure_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "evaluations"
    monkeypatch.setenv("MINI_TEACHER_LOG", str(log))
    LabelSettings(calculator="mini_teacher:slow_lennard_jones").write(tmp_path / SETTINGS_FILE)
    tasks = []
    for number in range(8):
        atoms = rock_salt()
        atoms.rattle(0.02, seed=number)
        tasks.append(write_task(tmp_path / f"task.000.{number:06d}", atoms))

    def drive(task: Path) -> int:
        return subprocess.run(
            [sys.executable, "-m", "mlip_interfaces.cli.main", "label", str(task)], check=False
        ).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(drive, (tasks[0], tasks[4]))) == [0, 0]
    assert all(record(task)["status"] == "ok" for task in tasks)
    assert len(log.read_text().splitlines()) == 8
    drive(tasks[0])
    assert len(log.read_text().splitlines()) == 8


def test_failed_label_is_a_system_of_no_frames_for_dpdata(tmp_path: Path) -> None:
    bad, good = (write_task(tmp_path / f"task.000.00000{i}", chain(n)) for i, n in enumerate((2, 6)))
    LabelSettings(calculator="mini_teacher:moody").write(tmp_path / SETTINGS_FILE)
    label_task(bad)
    read = [
        dpdata.LabeledSystem(str(task / OUTPUT_FILE), fmt="mlip_interfaces/label", type_map=["F", "Li"])
        for task in (bad, good)
    ]
    assert [len(system) for system in read] == [0, 1]
    np.testing.assert_allclose(read[1].data["forces"][0], record(good)["forces_ev_per_angstrom"], rtol=0, atol=1e-12)
    assert read[1].data["atom_names"] == ["F", "Li"]


def test_data_set_has_the_type_map_and_refuses_mixed_settings(tmp_path: Path) -> None:
    task = write_task(tmp_path / "task.000.000000", rock_salt())
    LabelSettings(calculator="mini_teacher:lennard_jones").write(tmp_path / SETTINGS_FILE)
    label_task(task)
    one = record(task)
    layer = ["a"] * len(one["symbols"])
    write_dataset([one, one], tmp_path / "data", ["S", "F", "Li"], layer=layer)
    system = dpdata.LabeledSystem(str(tmp_path / "data"), fmt="deepmd/npy")
    assert len(system) == 2
    assert [system.data["atom_names"][t] for t in system.data["atom_types"]] == one["symbols"]
    np.testing.assert_allclose(system.data["virials"][1], one["virial_ev"], rtol=0, atol=1e-10)
    with pytest.raises(InputFileError, match="must not be mixed"):
        write_dataset([one, one | {"settings_hash": "other"}], tmp_path / "mixed", ["S", "F", "Li"], layer=layer)
