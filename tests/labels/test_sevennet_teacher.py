"""SevenNet, through the driver, where its package is installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from pydantic import ValidationError

from mlip_interfaces.config.study import Labels
from mlip_interfaces.engines import is_installed
from mlip_interfaces.errors import MissingProgramError
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.labels.teachers import build_teacher

STRAIN = 2e-3
INSTALLED = is_installed("sevenn")


@pytest.mark.skipif(not INSTALLED, reason='SevenNet is not installed: pip install "mlip-interfaces[sevennet]"')
# TorchScript, which SevenNet uses, is on its way out of torch.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sevennet_label_is_that_of_a_direct_call_and_its_virial_the_strain_derivative(tmp_path: Path) -> None:
    atoms = bulk("LiF", "rocksalt", a=4.2, cubic=True)
    atoms.rattle(0.05, seed=1)
    task = tmp_path / "task.000.000000"
    task.mkdir()
    write(task / INPUT_FILE, atoms, format="vasp", direct=True)
    LabelSettings(calculator="sevennet", parameters={"model": "7net-0"}).write(tmp_path / SETTINGS_FILE)
    label_task(task)
    label = json.loads((task / OUTPUT_FILE).read_text())
    assert label["status"] == "ok", label["reason"]
    assert label["kind"] == "surrogate"
    assert label["calculator"].startswith("sevennet 0.")
    assert label["calculator"].endswith("(7net-0)")

    atoms = read(task / INPUT_FILE, format="vasp")
    # Left out, the model is the same.
    calculator = build_teacher("sevennet", {})
    atoms.calc = calculator
    # It computes in single precision.
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


def test_absent_sevennet_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlip_interfaces.labels.teachers.is_installed", lambda module: module != "sevenn")
    with pytest.raises(
        MissingProgramError, match=r'not installed. Get it with: pip install "mlip-interfaces\[sevennet\]"'
    ):
        require_teacher(LabelSettings(calculator="sevennet"), ["Li"])


def test_model_that_would_be_downloaded_is_refused() -> None:
    with pytest.raises(
        ValidationError, match="7net-omni', whose weights are not in the package sevenn, and nothing is downloaded"
    ):
        Labels(calculator="sevennet", parameters={"model": "7net-omni"})
    assert Labels(calculator="sevennet", parameters={"model": "mine/checkpoint_best.pth"}).parameters["model"]
