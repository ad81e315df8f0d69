"""Matching, stacking, models of a scan and their files."""

from __future__ import annotations

import json
from pathlib import Path

import dpdata
import numpy as np
import pytest
from ase.data import covalent_radii
from ase.io import read
from ase.neighborlist import neighbor_list
from pymatgen.core import Structure

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.amorphous import MeltQuench, melt_quench
from mlip_interfaces.structures.composition import remove_atoms
from mlip_interfaces.structures.matching import MatchedSlabs, cut_slab, match_slabs
from mlip_interfaces.structures.model_files import in_type_order, read_model, write_model
from mlip_interfaces.structures.stacking import Layer, contact_distance, stack

ELEMENTS = ("Li", "Co", "O", "F", "P", "S", "Cl")


@pytest.fixture(scope="module")
def seed_match() -> MatchedSlabs:
    return match_slabs(
        "LiCoO2", (1, 1, 0), 5.6, "Li6PS5Cl", (1, 1, 0), 7.0, max_area_angstrom2=150, max_strain=0.02
    )  # fmt: skip


def test_published_match_comes_out(seed_match: MatchedSlabs) -> None:
    np.testing.assert_allclose(seed_match.area_angstrom2, 137.0, rtol=0.002, atol=0)
    np.testing.assert_allclose(seed_match.strain.max_strain, 0.0108, rtol=0, atol=0.0005)
    np.testing.assert_allclose(sorted(seed_match.substrate.cell.lengths()[:2]), [9.753, 14.054], rtol=1e-3, atol=0)


def test_strain_is_the_ratio_of_the_cells(seed_match: MatchedSlabs) -> None:
    film, lattice = np.asarray(seed_match.film.cell)[:2, :2], 9.86026
    free = film @ np.linalg.inv(np.eye(2) + seed_match.strain.tensor.T)
    np.testing.assert_allclose(sorted(np.linalg.norm(free, axis=1)), [lattice, lattice * np.sqrt(2)], rtol=1e-6, atol=0)
    np.testing.assert_allclose(film, np.asarray(seed_match.substrate.cell)[:2, :2], rtol=0, atol=1e-9)


def test_slabs_are_stoichiometric_and_cut_no_polyanion(seed_match: MatchedSlabs) -> None:
    assert seed_match.substrate.get_chemical_formula() == "Co24Li24O48"
    assert seed_match.film.get_chemical_formula() == "Cl4Li24P4S20"
    slab = cut_slab("Li6PS5Cl", (1, 0, 0), 10)
    slab.pbc = (True, True, False)
    symbols = np.array(slab.get_chemical_symbols())
    first, second = neighbor_list("ij", slab, 2.4)
    bonds = np.bincount(first[(symbols[first] == "P") & (symbols[second] == "S")], minlength=len(slab))
    assert set(bonds[symbols == "P"]) == {4}


@pytest.mark.parametrize("material", ["LiF", "Li2S", "LiCoO2", "Li3OCl"])
@pytest.mark.parametrize("request_angstrom", [4.0, 11.0, 25.0])
def test_thickness_is_the_nearest_number_of_repeat_units(material: str, request_angstrom: float) -> None:
    one = cut_slab(material, (1, 0, 0), 0.1)
    unit = one.cell[2, 2]
    slab = cut_slab(material, (1, 0, 0), request_angstrom)
    n_units = round(slab.cell[2, 2] / unit)
    np.testing.assert_allclose(slab.cell[2, 2], n_units * unit, rtol=1e-6, atol=0)
    assert len(slab) == n_units * len(one)
    assert abs(slab.cell[2, 2] - request_angstrom) <= unit / 2 + 1e-6 or n_units == 1


@pytest.mark.parametrize("limit", [0.06, 0.08])
def test_shear_counts_against_the_strain_limit(limit: float) -> None:
    matched = match_slabs(
        "LiCoO2", (1, 0, 4), 5, "Li6PS5Cl", (1, 1, 0), 7, max_area_angstrom2=450, max_strain=limit
    )  # fmt: skip
    principal = np.linalg.svd(np.eye(2) + matched.strain.tensor, compute_uv=False) - 1.0
    np.testing.assert_allclose(matched.strain.max_strain, np.abs(principal).max(), rtol=1e-9, atol=0)
    assert matched.strain.max_strain <= limit


def test_impossible_match_names_the_nearest() -> None:
    with pytest.raises(StructureError, match="The nearest has 194 angstrom"):
        match_slabs(
            "LiCoO2", (1, 1, 0), 5.6, "Li6PS5Cl", (1, 0, 0), 7.0, max_area_angstrom2=150, max_strain=0.02
        )  # fmt: skip


def test_stack_keeps_contacts_between_layers_and_labels_every_atom(seed_match: MatchedSlabs) -> None:
    atoms = stack([Layer("cathode", seed_match.substrate), Layer("electrolyte", seed_match.film)])
    symbols, layers = atoms.get_chemical_symbols(), atoms.arrays["layer"]
    first, second, distance = neighbor_list("ijd", atoms, 4.0)
    across = layers[first] != layers[second]
    allowed = [contact_distance(symbols[i], symbols[j]) for i, j in zip(first[across], second[across], strict=True)]
    assert (distance[across] >= np.array(allowed) - 1e-6).all()
    # The first contact is a contact: nothing floats.
    assert (distance[across] - np.array(allowed)).min() < 1e-6
    radii = covalent_radii[atoms.numbers]
    assert (distance >= 0.7 * (radii[first] + radii[second])).all()
    assert (layers == "cathode").sum() == 96
    assert (layers == "electrolyte").sum() == 52


def test_model_files_agree_atom_by_atom(tmp_path: Path, seed_match: MatchedSlabs) -> None:
    atoms = in_type_order(
        stack([Layer("cathode", seed_match.substrate), Layer("electrolyte", seed_match.film)]), ELEMENTS
    )
    write_model(atoms, tmp_path, ELEMENTS)
    symbols = atoms.get_chemical_symbols()
    labels = json.loads((tmp_path / "layers.json").read_text())
    assert labels["symbols"] == symbols
    assert labels["layer"] == atoms.arrays["layer"].tolist()
    assert read_model(tmp_path).arrays["layer"].tolist() == labels["layer"]
    data = read(tmp_path / "model.data", format="lammps-data", atom_style="atomic", sort_by_id=True)
    assert [ELEMENTS[kind - 1] for kind in data.arrays["type"]] == symbols
    np.testing.assert_allclose(data.positions, atoms.positions, rtol=0, atol=1e-6)
    structure = Structure.from_file(tmp_path / "POSCAR")
    assert [site.specie.symbol for site in structure] == symbols
    np.testing.assert_allclose(structure.frac_coords, atoms.get_scaled_positions(), rtol=0, atol=1e-8)
    system = dpdata.System(str(tmp_path / "POSCAR"), fmt="vasp/poscar")
    assert [system.data["atom_names"][t] for t in system.data["atom_types"]] == symbols


def test_models_of_the_scan_have_their_atoms_and_contacts(tmp_path: Path, seed_match: MatchedSlabs) -> None:
    schedule = MeltQuench(melt_ps=1, quench_kelvin_per_ps=4000, hold_ps=0.2)
    expected = {0: 148, 5: 226, 10: 304}
    for thickness, n_atoms in expected.items():
        layers = [Layer("cathode", seed_match.substrate)]
        if thickness:
            quenched = melt_quench(
                np.asarray(seed_match.substrate.cell)[:2, :2], thickness_angstrom=thickness, density_g_per_cm3=2.45,
                schedule=schedule, seed=21, directory=tmp_path / str(thickness),
            )  # fmt: skip
            np.testing.assert_allclose(quenched.density_g_per_cm3, 2.45, rtol=0.01, atol=0)
            layers.append(Layer("coating", quenched.atoms))
        for fraction, n_removed in ((0.0, 0), (0.1, 2), (0.5, 12)):
            film = remove_atoms(seed_match.film, "Li", fraction, seed=3) if fraction else seed_match.film
            atoms = stack([*layers, Layer("electrolyte", film)])
            assert len(atoms) == n_atoms - n_removed
            symbols, owner = np.array(atoms.get_chemical_symbols()), atoms.arrays["layer"]
            assert np.count_nonzero((symbols == "Li") & (owner == "electrolyte")) == 24 - n_removed
            assert np.count_nonzero((symbols == "Li") & (owner == "cathode")) == 24
            first, second, distance = neighbor_list("ijd", atoms, 4.0)
            across = owner[first] != owner[second]
            pairs = zip(symbols[first[across]], symbols[second[across]], strict=True)
            allowed = np.array([contact_distance(a, b) for a, b in pairs])
            assert (distance[across] >= allowed - 1e-6).all()
