"""The crystal library against densities and nearest-neighbour distances of the literature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import LIBRARY, bulk_cell, crystal_elements, load_crystal
from mlip_interfaces.structures.variations import minimum_distances
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

# name: (formula of the cell, density g/cm3, {pair: nearest distance})
KNOWN = {
    "LiCoO2": ("Li3Co3O6", 5.05, {"Co-O": 1.921, "Li-O": 2.093}),
    "Li6PS5Cl": ("Li24P4S20Cl4", 1.86, {"P-S": 2.025, "Li-S": 2.276}),
    "LiF": ("Li4F4", 2.64, {"Li-F": 2.013}),
    "LiCl": ("Li4Cl4", 2.07, {"Li-Cl": 2.570}),
    "Li2S": ("Li8S4", 1.63, {"Li-S": 2.475}),
    "Li": ("Li2", 0.533, {"Li-Li": 3.040}),
    "Li3P": ("Li6P2", 1.43, {"Li-P": 2.467}),
    "Li3OCl": ("Li3OCl", 2.01, {"Li-O": 1.955}),
    "Li7P3S11": ("Li14P6S22", 1.95, {"P-S": 2.03}),
}


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_crystal_has_its_composition_density_and_distances(name: str) -> None:
    formula, density, distances = KNOWN[name]
    atoms = load_crystal(name)
    assert Atoms(formula).get_chemical_formula() == atoms.get_chemical_formula()
    found = atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_ANGSTROM3_TO_G_PER_CM3
    np.testing.assert_allclose(found, density, rtol=0.02, atol=0)
    shortest = minimum_distances(atoms, crystal_elements(name))
    for pair, distance in distances.items():
        a, b = pair.split("-")
        value = shortest.get(pair, shortest.get(f"{b}-{a}"))
        np.testing.assert_allclose(value, distance, rtol=0.01, atol=0)


def test_bulk_cell_is_long_enough_in_every_direction() -> None:
    for name in LIBRARY:
        assert min(bulk_cell(name, 5.5).cell.lengths()) >= 5.5 - 1e-9


def test_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(StructureError, match="Did you mean 'Li6PS5Cl'"):
        load_crystal("Li6PS5Br")


def test_a_file_of_the_user_is_read(tmp_path: Path) -> None:
    write(tmp_path / "mine.vasp", load_crystal("LiF"), format="vasp")
    assert crystal_elements(str(tmp_path / "mine.vasp")) == ("Li", "F")


def test_partly_occupied_sites_are_refused(repository: Path) -> None:
    file = repository.parent / "shared" / "data" / "argyrodite" / "Li6PS5Cl_Neutron.cif"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    with pytest.raises(StructureError, match="partly occupied"):
        load_crystal(str(file))
