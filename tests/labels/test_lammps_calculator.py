"""LAMMPS as a calculator: energies of ions, forces as slopes, other atoms after each other. Where LAMMPS is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.lammps_calculator import lammps_calculator
from mlip_interfaces.structures.crystals import load_crystal

pytestmark = pytest.mark.skipif(importlib.util.find_spec("lammps") is None, reason="LAMMPS is not installed")
COULOMB_EV_ANGSTROM = 14.399645
MADELUNG_ROCK_SALT = 1.747564594


def test_tosi_fumi_of_crystals_and_vacancies_one_after_the_other() -> None:
    calculator = lammps_calculator()
    crystal = load_crystal("LiF")
    crystal.calc = calculator
    # Far less than the Madelung energy is repulsion and dispersion.
    coulomb = -4 * MADELUNG_ROCK_SALT * COULOMB_EV_ANGSTROM / (4.0263 / 2)
    assert 0.8 * coulomb > crystal.get_potential_energy() > coulomb
    whole = crystal.get_potential_energy()
    twice = crystal.repeat((2, 2, 2))
    vacancy = twice[1:]
    for atoms in (vacancy, twice):
        atoms.calc = calculator
    lost = vacancy.get_potential_energy() - 8 * whole
    # As many atoms as the cell had charges once: those of the new ones must be there.
    assert twice.get_potential_energy() == pytest.approx(8 * whole, rel=1e-6, abs=0)
    assert 2.0 < lost < 20.0
    assert vacancy.get_potential_energy() - 8 * whole == pytest.approx(lost, rel=1e-9, abs=0)
    vacancy.rattle(0.05, seed=1)
    force = vacancy.get_forces()[7]
    slope = np.zeros(3)
    for axis in range(3):
        for sign in (1, -1):
            vacancy.positions[7, axis] += sign * 1e-3
            slope[axis] -= sign * vacancy.get_potential_energy() / 2e-3
            vacancy.positions[7, axis] -= sign * 1e-3
    np.testing.assert_allclose(force, slope, rtol=0, atol=2e-3)
    assert np.abs(force).max() > 0.1


def test_a_vacancys_hop_in_lif_has_equal_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["screen", "migration", "LiF", "--calculator", "tosi-fumi", "--min-length-angstrom", "8", "--images", "3"]
    assert main([*words, "--fmax-ev-per-angstrom", "0.05", "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (hop,) = found["hops"]
    assert (hop["state"], hop["n_equivalent"], found["supercell"]["n_atoms"]) == ("converged", 24, 63)
    assert hop["reaction_energy_ev"] == pytest.approx(0.0, rel=0, abs=1e-6)
    assert hop["forward_barrier_ev"] == pytest.approx(hop["backward_barrier_ev"], rel=0, abs=1e-6)
    # As five images to 0.03 eV/angstrom give it, and the ion held in the middle by symmetry: 0.379 eV.
    assert hop["forward_barrier_ev"] == pytest.approx(0.379, rel=0, abs=5e-3)
    levels = [one["barrier_ev"] for one in found["percolation"]["directions"].values()]
    assert levels == pytest.approx([hop["forward_barrier_ev"]] * 3, rel=0, abs=1e-6)


def test_lines_of_a_file_and_what_it_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "argon.lammps"
    file.write_text("# elements: Ar\npair_style lj/cut 8.0\npair_coeff * * 0.0104 3.4\n")
    pair = Atoms("Ar2", positions=[(0, 0, 0), (3.9, 0, 0)], cell=(20, 20, 20), pbc=True)
    pair.calc = lammps_calculator(str(file))
    sixth = (3.4 / 3.9) ** 6
    assert pair.get_potential_energy() == pytest.approx(4 * 0.0104 * (sixth**2 - sixth), rel=1e-9, abs=0)
    pair.symbols[0] = "Ne"
    with pytest.raises(ValueError, match="does not know Ne"):
        pair.get_potential_energy()
    model = tmp_path / "model.pb"
    model.write_bytes(b"")
    with pytest.raises(InputFileError, match="is a Deep Potential; give it to the calculator deepmd"):
        lammps_calculator(str(model))
