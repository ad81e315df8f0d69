"""The real surrogate teacher, through the driver."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write

from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teachers import build_teacher

STRAIN = 2e-3


# CHGNet 0.4 turns a tensor that needs a gradient into a number; recent torch warns of it.
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")
def test_chgnet_label_is_that_of_a_direct_call_and_its_virial_the_strain_derivative(tmp_path: Path) -> None:
    atoms = bulk("LiF", "rocksalt", a=4.2, cubic=True)
    atoms.rattle(0.05, seed=1)
    task = tmp_path / "task.000.000000"
    task.mkdir()
    write(task / INPUT_FILE, atoms, format="vasp", direct=True)
    LabelSettings(calculator="chgnet").write(tmp_path / SETTINGS_FILE)
    label_task(task)
    label = json.loads((task / OUTPUT_FILE).read_text())
    assert label["status"] == "ok"
    assert label["kind"] == "surrogate"
    assert label["calculator"].startswith("chgnet 0.")

    atoms = read(task / INPUT_FILE, format="vasp")
    calculator = build_teacher("chgnet", {})
    atoms.calc = calculator
    # CHGNet computes in single precision.
    np.testing.assert_allclose(label["energy_ev"], atoms.get_potential_energy(), rtol=1e-6, atol=0)
    np.testing.assert_allclose(label["forces_ev_per_angstrom"], atoms.get_forces(), rtol=0, atol=1e-4)
    energies = []
    for strain in (-STRAIN, STRAIN):
        strained = atoms.copy()
        strained.set_cell(np.asarray(atoms.cell) @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        strained.calc = calculator
        energies.append(strained.get_potential_energy())
    derivative = (energies[1] - energies[0]) / (2 * STRAIN)
    np.testing.assert_allclose(label["virial_ev"][0][0], -derivative, rtol=0.01, atol=0)
