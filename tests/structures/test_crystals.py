"""The crystal library against densities and nearest-neighbour distances of the literature, files and the command line."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read, write
from ase.neighborlist import neighbor_list
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from mlip_interfaces.cli import structures as verb
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import DEFAULT_POLYMORPHS, LIBRARY, minimum_distances, write_crystal
from mlip_interfaces.structures.crystals.loading import (
    argyrodite,
    bulk_cell,
    crystal_elements,
    crystal_table,
    load_crystal,
    summarise_crystal,
)

# name: (formula of the cell, density g/cm3, {pair: nearest distance, angstrom}).
# Densities: CRC Handbook (LiF, LiCl, Li2S, Li, Li3P, gamma-Li3PO4), mineral data (Co9S8 cobaltpentlandite, CoS2
# cattierite, Co3S4 linnaeite), else the X-ray density of the structure's paper; that of Li2PO2N is its lattice's.
# Distances: the papers named in the library and ../shared/methods.md B. Where coordinates were relaxed, and for Zr-O, sums
# of Shannon's radii (Acta Cryst. A 32, 751 (1976): Li+ 0.59, Mn4+ 0.53, Ni2+ 0.69, Zr4+ 0.72, O2- 1.38, S2- 1.84, N3- 1.46),
# a/sqrt(8) between the cations of a spinel, and bonds of the same unit in other compounds: P-S 2.05 of PS4, P-P 2.22 of
# black phosphorus, P-N 1.64 and P-O 1.55 of phosphate chains.
KNOWN = {
    "LiCoO2": ("Li3Co3O6", 5.05, {"Co-O": 1.921, "Li-O": 2.093}),
    "LiNiO2": ("Li3Ni3O6", 4.78, {"Ni-O": 1.976}),
    "LiMn2O4": ("Li8Mn16O32", 4.28, {"Mn-O": 1.958, "Li-O": 1.974}),
    "LiNi0.5Mn1.5O4": ("Li8Ni4Mn12O32", 4.45, {"Mn-O": 1.91, "Ni-O": 2.07, "Ni-Mn": 2.888}),
    "Li6PS5Cl": ("Li24P4S20Cl4", 1.86, {"P-S": 2.025, "Li-S": 2.276}),
    "Li7P3S11": ("Li14P6S22", 1.95, {"P-S": 2.03}),
    "beta-Li3PS4": ("Li12P4S16", 1.85, {"P-S": 2.05, "Li-S": 2.43}),
    "gamma-Li3PS4": ("Li6P2S8", 1.93, {"P-S": 2.05}),
    "gamma-Li3PO4": ("Li12P4O16", 2.46, {"P-O": 1.534}),
    "beta-Li3PO4": ("Li6P2O8", 2.47, {"P-O": 1.54}),
    "Li2PO2N": ("Li8P4O8N4", 2.63, {"P-O": 1.55, "P-N": 1.64, "Li-N": 2.05}),
    "Li7La3Zr2O12": ("Li56La24Zr16O96", 5.10, {"Zr-O": 2.10}),
    "Li3OCl": ("Li3OCl", 2.01, {"Li-O": 1.955, "Li-Cl": 2.765}),
    "Li3OBr": ("Li3OBr", 2.90, {"Li-O": 2.028, "Li-Br": 2.868}),
    "LiF": ("Li4F4", 2.64, {"Li-F": 2.013}),
    "LiCl": ("Li4Cl4", 2.07, {"Li-Cl": 2.570}),
    "Li": ("Li2", 0.534, {"Li-Li": 3.040}),
    "Li2S": ("Li8S4", 1.64, {"Li-S": 2.475}),
    "Li3P": ("Li6P2", 1.43, {"Li-P": 2.467}),
    "LiP": ("Li8P8", 2.03, {"P-P": 2.22}),
    "Co9S8": ("Co36S32", 5.34, {"Co-S": 2.127, "Co-Co": 2.505}),
    "CoS2": ("Co4S8", 4.82, {"Co-S": 2.324, "S-S": 2.118}),
    "Co3S4": ("Co24S32", 4.85, {"Co-S": 2.183}),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_crystal_has_its_composition_density_distances_and_symmetry(name: str) -> None:
    formula, density, distances = KNOWN[name]
    atoms = load_crystal(name)
    assert Atoms(formula).get_chemical_formula() == atoms.get_chemical_formula()
    summary = summarise_crystal(name)
    assert summary.n_atoms == len(Atoms(formula))
    np.testing.assert_allclose(summary.density_g_per_cm3, density, rtol=0.03, atol=0)
    shortest = minimum_distances(atoms, crystal_elements(name))
    for pair, distance in distances.items():
        a, b = pair.split("-")
        value = shortest.get(pair, shortest.get(f"{b}-{a}"))
        np.testing.assert_allclose(value, distance, rtol=0, atol=0.03, err_msg=pair)
    first, second, distance = neighbor_list("ijd", atoms, 4.0)
    radii = covalent_radii[atoms.numbers]
    assert (distance >= 0.7 * (radii[first] + radii[second])).all()
    found = SpacegroupAnalyzer(AseAtomsAdaptor.get_structure(atoms), symprec=1e-3)
    assert found.get_space_group_number() == LIBRARY[name].space_group
    assert found.get_space_group_symbol() == LIBRARY[name].space_group_symbol


def _neighbours(name: str, centre: str, other: str, cutoff_angstrom: float) -> set[int]:
    atoms = load_crystal(name)
    symbols = np.array(atoms.get_chemical_symbols())
    first, second = neighbor_list("ij", atoms, cutoff_angstrom)
    counts = np.bincount(first[(symbols[first] == centre) & (symbols[second] == other)], minlength=len(atoms))
    return set(counts[symbols == centre].tolist())


@pytest.mark.parametrize(
    ("name", "centre", "other", "cutoff_angstrom", "expected"),
    [
        ("LiCoO2", "Co", "O", 2.3, {6}),
        ("LiNi0.5Mn1.5O4", "Ni", "O", 2.3, {6}),
        ("LiNi0.5Mn1.5O4", "Mn", "O", 2.3, {6}),
        ("LiNi0.5Mn1.5O4", "Ni", "Ni", 3.2, {0}),
        ("LiNi0.5Mn1.5O4", "Li", "O", 2.3, {4}),
        ("beta-Li3PS4", "P", "S", 2.4, {4}),
        ("gamma-Li3PS4", "P", "S", 2.4, {4}),
        ("Li7P3S11", "P", "S", 2.4, {4}),
        ("gamma-Li3PO4", "P", "O", 1.8, {4}),
        ("beta-Li3PO4", "P", "O", 1.8, {4}),
        ("Li2PO2N", "P", "N", 1.9, {2}),
        ("Li2PO2N", "P", "O", 1.9, {2}),
        ("Li2PO2N", "N", "P", 1.9, {2}),
        ("Li7La3Zr2O12", "Zr", "O", 2.4, {6}),
        ("Li7La3Zr2O12", "La", "O", 2.8, {8}),
        ("LiP", "P", "P", 2.5, {2}),
        ("Co9S8", "Co", "S", 2.6, {4, 6}),
        ("CoS2", "S", "S", 2.4, {1}),
        ("Co3S4", "Co", "S", 2.5, {4, 6}),
    ],
)
def test_atoms_have_the_coordination_of_the_structure_type(
    name: str, centre: str, other: str, cutoff_angstrom: float, expected: set[int]
) -> None:
    assert _neighbours(name, centre, other, cutoff_angstrom) == expected


def test_bare_formula_means_its_default_polymorph() -> None:
    for formula, name in DEFAULT_POLYMORPHS.items():
        assert LIBRARY[name].formula == formula
        assert load_crystal(formula) == load_crystal(name)
        assert crystal_elements(formula) == crystal_elements(name)
        assert summarise_crystal(formula).name == name
    assert crystal_elements("LiNi0.5Mn1.5O4") == ("Li", "Ni", "Mn", "O")


def test_table_has_every_crystal_once() -> None:
    assert [row.name for row in crystal_table()] == list(LIBRARY)
    assert set(KNOWN) == set(LIBRARY)


def test_bulk_cell_is_long_enough_in_every_direction() -> None:
    for name in LIBRARY:
        assert min(bulk_cell(name, 5.5).cell.lengths()) >= 5.5 - 1e-9


@pytest.mark.parametrize(
    ("fraction", "repeats"), [(0.25, (1, 1, 1)), (0.5, (1, 1, 1)), (1.0, (1, 1, 1)), (0.4, (2, 2, 1))]
)
def test_inversion_exchanges_exactly_the_rounded_share(fraction: float, repeats: tuple[int, int, int]) -> None:
    ordered = load_crystal("Li6PS5Cl").repeat(repeats)
    atoms = argyrodite(fraction, seed=5, repeats=repeats)
    assert atoms.get_chemical_formula() == ordered.get_chemical_formula()
    np.testing.assert_array_equal(atoms.positions, ordered.positions)
    before, after = (np.array(a.get_chemical_symbols()) for a in (ordered, atoms))
    n_sites = 4 * int(np.prod(repeats))
    assert np.count_nonzero((before == "Cl") & (after == "S")) == round(fraction * n_sites)
    # Sulfur that became chlorine was free sulfide, not bound to phosphorus.
    changed = np.flatnonzero((before == "S") & (after == "Cl"))
    assert changed.size == round(fraction * n_sites)
    first, second = neighbor_list("ij", ordered, 2.4)
    assert not np.isin(first[before[second] == "P"], changed).any()


def test_inversion_is_reproducible_from_its_seed_and_has_a_name() -> None:
    assert load_crystal("Li6PS5Cl:inversion=0.5,seed=7") == argyrodite(0.5, seed=7)
    assert load_crystal("Li6PS5Cl:inversion=0") == load_crystal("Li6PS5Cl")
    assert crystal_elements("Li6PS5Cl:inversion=0.5") == crystal_elements("Li6PS5Cl")
    drawn = {tuple(argyrodite(0.5, seed=seed, repeats=(2, 1, 1)).numbers) for seed in range(5)}
    assert len(drawn) > 1


@pytest.mark.parametrize(
    ("fraction", "message"), [(1.2, "not a fraction"), (0.1, r"rounds to none; the smallest is 0\.25")]
)
def test_impossible_inversion_is_refused(fraction: float, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        argyrodite(fraction, seed=1)


def test_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(StructureError, match="Did you mean 'Li6PS5Cl'"):
        load_crystal("Li6PS5Br")


@pytest.mark.parametrize("file", ["mine.vasp", "POSCAR", "mine.cif", "mine.xyz"])
@pytest.mark.parametrize("name", ["LiCoO2", "Li7P3S11", "LiP"])
def test_written_crystal_is_read_back(tmp_path: Path, name: str, file: str) -> None:
    atoms, elements = load_crystal(name), crystal_elements(name)
    write_crystal(atoms, tmp_path / "new" / file, elements)
    back = load_crystal(str(tmp_path / "new" / file))
    assert crystal_elements(str(tmp_path / "new" / file)) == elements
    order = np.argsort([elements.index(symbol) for symbol in atoms.get_chemical_symbols()], kind="stable")
    np.testing.assert_allclose(back.cell.cellpar(), atoms.cell.cellpar(), rtol=1e-7, atol=0)
    difference = back.get_scaled_positions() - atoms.get_scaled_positions()[order]
    np.testing.assert_allclose(difference - np.round(difference), 0.0, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ["LiCoO2", "Li7P3S11", "LiP"])
def test_lammps_data_keeps_types_and_distances(tmp_path: Path, name: str) -> None:
    elements = crystal_elements(name)
    write_crystal(load_crystal(name), tmp_path / "a.data", elements)
    back = read(tmp_path / "a.data", format="lammps-data", atom_style="atomic")
    back.set_chemical_symbols([elements[kind - 1] for kind in back.arrays["type"]])
    expected = minimum_distances(load_crystal(name), elements)
    assert minimum_distances(back, elements) == pytest.approx(expected, rel=0, abs=2e-4)


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"end it in \.cif"):
        write_crystal(load_crystal("LiF"), tmp_path / "mine.txt", ("Li", "F"))


def test_structure_objects_are_taken_as_they_are() -> None:
    atoms = load_crystal("LiCoO2")
    structure = AseAtomsAdaptor.get_structure(atoms)
    structure.add_oxidation_state_by_element({"Li": 1, "Co": 3, "O": -2})
    for given in (atoms, structure):
        taken = load_crystal(given)
        assert taken.get_chemical_symbols() == atoms.get_chemical_symbols()
        np.testing.assert_allclose(taken.positions, atoms.positions, rtol=0, atol=1e-9)
    with pytest.raises(StructureError, match="no three-dimensional cell"):
        load_crystal(Atoms("Li2", positions=[[0, 0, 0], [0, 0, 3]]))


def test_partly_occupied_sites_are_refused_with_a_way_out(tmp_path: Path) -> None:
    structure = Structure.from_spacegroup(
        "Fm-3m", np.eye(3) * 4.03, [{"Li": 0.9}, "F"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )  # fmt: skip
    structure.to(str(tmp_path / "holes.cif"))
    for given in (structure, tmp_path / "holes.cif"):
        with pytest.raises(StructureError, match=r"Li0\.9.*Order them first.*'LiF'"):
            load_crystal(given)


def test_published_disordered_argyrodite_is_refused(repository: Path) -> None:
    file = repository.parent / "shared" / "data" / "argyrodite" / "Li6PS5Cl_Neutron.cif"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    with pytest.raises(StructureError, match="partly occupied"):
        load_crystal(str(file))


def _run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    verb.register(parser.add_subparsers())
    arguments = parser.parse_args(["structures", *words])
    assert arguments.run(arguments) == 0


def test_list_shows_every_crystal(capsys: pytest.CaptureFixture[str]) -> None:
    _run("list", "--json")
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(LIBRARY)
    _run("list")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(LIBRARY) + 1
    assert re.search(r"LiCoO2 +LiCoO2 +R-3m \(166\) +12 +5\.053", "\n".join(lines))


def test_show_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "mine.vasp", load_crystal("LiF"), format="vasp")
    _run("show", str(tmp_path / "mine.vasp"), "--out", str(tmp_path / "out.cif"))
    shown = capsys.readouterr().out
    assert "LiF, Fm-3m (225), 8 atoms" in shown
    assert "Li-F 2.013" in shown
    assert len(read(tmp_path / "out.cif")) == 8
