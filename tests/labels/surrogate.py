"""What every surrogate teacher's label is held against: a direct call, and the strain derivative of its energy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk
from ase.io import read, write

from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings

STRAIN = 2e-3


def label_of_a_rattled_crystal(tmp_path: Path, settings: LabelSettings, calculator: Any) -> dict[str, Any]:
    """A label made by the driver, compared with a calculator of single precision."""
    atoms = bulk("LiF", "rocksalt", a=4.2, cubic=True)
    atoms.rattle(0.05, seed=1)
    task = tmp_path / "task.000.000000"
    task.mkdir()
    write(task / INPUT_FILE, atoms, format="vasp", direct=True)
    settings.write(tmp_path / SETTINGS_FILE)
    label_task(task)
    label: dict[str, Any] = json.loads((task / OUTPUT_FILE).read_text())
    assert label["status"] == "ok", label["reason"]
    assert label["kind"] == "surrogate"

    atoms = read(task / INPUT_FILE, format="vasp")
    atoms.calc = calculator
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
    return label
