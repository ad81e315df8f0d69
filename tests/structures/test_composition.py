"""Vacancies, LiCoO2 at partial lithiation, and charge-balanced defects in Kröger-Vink notation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.io.ase import AseAtomsAdaptor

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.defects import (
    PointDefect,
    apply_defects,
    delithiate,
    largest_voids,
    parse_defect,
    remove_atoms,
)

LI3OCL = load_crystal("Li3OCl")


def _labelled() -> Atoms:
    """LiCoO2 with Li6PS5Cl above it, layers named."""
    lower, upper = load_crystal("LiCoO2").repeat((2, 2, 1)), load_crystal("Li6PS5Cl")
    upper.positions[:, 2] += lower.cell[2, 2] + 2.0
    atoms = lower + upper
    atoms.set_cell([12.0, 12.0, lower.cell[2, 2] + 14.0])
    atoms.arrays["layer"] = np.array(["cathode"] * len(lower) + ["electrolyte"] * len(upper))
    atoms.arrays["layer_id"] = np.array([0] * len(lower) + [1] * len(upper))
    return atoms


# --- vacancies ---


@settings(max_examples=40, deadline=None)
@given(fraction=st.floats(0, 1), seed=st.integers(0, 10**6), element=st.sampled_from(["Li", "S", "P", "O"]))
def test_vacancies_are_exactly_the_rounded_share_and_only_where_asked(fraction: float, seed: int, element: str) -> None:
    atoms = _labelled()
    layer = "cathode" if element == "O" else "electrolyte"
    chosen = (np.array(atoms.get_chemical_symbols()) == element) & (atoms.arrays["layer"] == layer)
    expected = round(fraction * chosen.sum())
    if expected == 0:
        with pytest.raises(StructureError, match="rounds to none"):
            remove_atoms(atoms, element, fraction, seed=seed, layer=layer)
        return
    kept = remove_atoms(atoms, element, fraction, seed=seed, layer=layer)
    assert len(atoms) - len(kept) == expected
    left = {tuple(row) for row in kept.positions.tolist()}
    gone = np.array([tuple(row) not in left for row in atoms.positions.tolist()])
    assert not (gone & ~chosen).any()
    assert kept.arrays["layer"].size == len(kept)
    assert remove_atoms(atoms, element, fraction, seed=seed, layer=layer) == kept


def test_vacancies_that_cannot_be_are_refused() -> None:
    with pytest.raises(StructureError, match="rounds to none"):
        remove_atoms(load_crystal("Li6PS5Cl"), "P", 0.01, seed=1)
    with pytest.raises(StructureError, match="not between 0 and 1"):
        remove_atoms(load_crystal("Li6PS5Cl"), "Li", 1.2, seed=1)
    with pytest.raises(StructureError, match="no layer 'coating'; the model has cathode, electrolyte"):
        remove_atoms(_labelled(), "Li", 0.1, seed=1, layer="coating")


# --- partial lithiation ---


@pytest.mark.parametrize("arrangement", ["random", "ordered"])
@pytest.mark.parametrize("x", [0.5, 0.75, 0.0])
def test_lithium_per_cobalt_is_as_asked_and_charges_balance(arrangement: str, x: float) -> None:
    atoms = _labelled()
    made = delithiate(atoms, x, seed=3, arrangement=arrangement, layer="cathode", n_samples=50)
    cathode = made.atoms[made.atoms.arrays["layer"] == "cathode"]
    assert cathode.symbols.count("Li") == round(12 * x)
    assert made.x == x
    assert made.n_removed == 12 - round(12 * x)
    np.testing.assert_allclose(made.host_charge, 4 - x, rtol=1e-12, atol=0)
    electrolyte = made.atoms[made.atoms.arrays["layer"] == "electrolyte"]
    assert electrolyte.symbols.count("Li") == 24
    again = delithiate(atoms, x, seed=3, arrangement=arrangement, layer="cathode", n_samples=50)
    assert again.atoms == made.atoms


def test_ordered_lithium_has_the_lowest_ewald_energy_of_all_arrangements() -> None:
    atoms = load_crystal("LiCoO2").repeat((2, 2, 1))
    rng = np.random.default_rng(5)
    # Without symmetry no two arrangements share an energy.
    atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
    lithium = [atom.index for atom in atoms if atom.symbol == "Li"][:6]
    atoms = atoms[[i for i in range(len(atoms)) if atoms[i].symbol != "Li" or i in lithium]]
    sites = np.flatnonzero(atoms.symbols == "Li")
    # Six Li on twelve Co: x = 0.5 to x = 0.25.
    energies = {}
    for kept in itertools.combinations(sites.tolist(), 3):
        part = atoms[[i for i in range(len(atoms)) if atoms[i].symbol != "Li" or i in kept]]
        structure = AseAtomsAdaptor.get_structure(part)
        charge = {"Li": 1.0, "Co": 3.75, "O": -2.0}
        structure.add_oxidation_state_by_site([charge[s] for s in part.get_chemical_symbols()])
        energies[kept] = EwaldSummation(structure).total_energy
    best = min(energies, key=lambda kept: energies[kept])
    for n_samples in (1000, 5):  # all twenty; or samples that go down by exchanges
        made = delithiate(atoms, 0.25, seed=1, arrangement="ordered", n_samples=n_samples)
        assert made.ewald_energy_ev is not None
        np.testing.assert_allclose(made.ewald_energy_ev, energies[best], rtol=1e-9, atol=0)
        np.testing.assert_allclose(
            made.atoms.positions[made.atoms.symbols == "Li"], atoms.positions[list(best)], rtol=1e-12, atol=0
        )
        assert made.n_sampled == min(n_samples, 20)


def test_lithium_that_is_not_there_cannot_be_taken_out() -> None:
    with pytest.raises(StructureError, match="cannot be made by taking Li out"):
        delithiate(load_crystal("LiCoO2"), 1.0, seed=1)
    with pytest.raises(StructureError, match="There is no Co in"):
        delithiate(load_crystal("LiF"), 0.5, seed=1)


# --- notation ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V_Li'", PointDefect(None, "Li", -1)),
        ("V_Li′", PointDefect(None, "Li", -1)),
        ("Li_i.", PointDefect("Li", None, 1)),
        ("Li_i•", PointDefect("Li", None, 1)),
        ("Li_i^•", PointDefect("Li", None, 1)),
        ("V_O••", PointDefect(None, "O", 2)),
        ("V_O..", PointDefect(None, "O", 2)),
        ("Va_Co'''", PointDefect(None, "Co", -3)),
        ("S_Cl'", PointDefect("S", "Cl", -1)),
        ("V_Li×", PointDefect(None, "Li", 0)),
        ("Mn_Nix", PointDefect("Mn", "Ni", 0)),
        ("Li_i", PointDefect("Li", None, 0)),
    ],
)  # fmt: skip
def test_notation_is_read_and_written_back(text: str, expected: PointDefect) -> None:
    assert parse_defect(text) == expected
    assert parse_defect(str(expected)) == expected


@settings(max_examples=60)
@given(
    species=st.sampled_from(["Li", "O", "Co", "La", None]),
    site=st.sampled_from(["Cl", "Br", "S", "P", "I", None]),
    charge=st.integers(-3, 3),
)
def test_every_defect_survives_writing_and_reading(species: str | None, site: str | None, charge: int) -> None:
    if species is None and site is None:
        return
    defect = PointDefect(species, site, charge)
    assert parse_defect(str(defect)) == defect


@pytest.mark.parametrize("text", ["", "Li", "V_i.", "V_Xx'", "Qq_Li.", "Li_Li", "V_Li'.", "V-Li'", "S_Cl-"])
def test_what_is_no_notation_is_refused(text: str) -> None:
    with pytest.raises(StructureError, match="no defect in Kröger-Vink notation"):
        parse_defect(text)


@pytest.mark.parametrize(
    ("defects", "sentence"),
    [
        (["V_Li'"], r"net charge of -1 per set; add V_Cl\. or Li_i\. to it"),
        (["S_Cl'", "V_Li'"], r"net charge of -2 per set; add 2 V_Cl\. or 2 Li_i\. or V_O\.\. to it"),
        (["V_O.."], r"net charge of \+2 per set; add 2 V_Li' to it"),
        (["V_Li."], r"carries \+1, but the charges of the ions make it -1: write V_Li'"),
        (["Li_i.", "V_O'"], r"carries -1, but .* make it \+2: write V_O\.\."),
        ([], "list of defects is empty"),
    ],
)
def test_unbalanced_defects_are_refused_with_what_would_balance_them(defects: list[str], sentence: str) -> None:
    with pytest.raises(StructureError, match=sentence):
        apply_defects(LI3OCL.repeat(2), defects, n=1, seed=1)


# --- defects ---


def test_an_eighth_of_the_lithium_bromide_of_li3obr_goes() -> None:
    atoms = load_crystal("Li3OBr").repeat(2)
    made = apply_defects(atoms, ["V_Li'", "V_Br."], fraction=0.125, seed=1)
    # 1 of 24 Li and 1 of 8 Br, as in the seed.
    assert made.atoms.get_chemical_formula() == "Br7Li23O8"
    assert made.n_sets == 1
    for defect, symbol in zip(made.placed, ("Li", "Br"), strict=True):
        site = np.flatnonzero((np.abs(atoms.positions - defect.position) < 1e-9).all(axis=1))
        assert [atoms.symbols[i] for i in site] == [symbol]
        assert not (np.abs(made.atoms.positions - defect.position) < 1e-9).all(axis=1).any()


def test_interstitial_of_li3ocl_lies_between_two_chlorines() -> None:
    # The largest void of the antiperovskite is the middle of a cube edge: four Li and two Cl at a/2, O at a/sqrt(2).
    a = 3.91
    made = apply_defects(LI3OCL.repeat(2), ["Li_i.", "V_Li'"], n=1, seed=4)
    place = next(defect.position for defect in made.placed if defect.notation == "Li_i.")
    scaled = np.sort(np.mod(place / a, 1.0).round(2) % 1.0)
    np.testing.assert_allclose(scaled, [0.0, 0.0, 0.5], rtol=0, atol=0.03)
    places, clearance = largest_voids(LI3OCL, "Li", {"Li": 1.0, "O": -2.0, "Cl": -1.0})
    assert len(places) == 3
    np.testing.assert_allclose(clearance, a / 2 / 2.6, rtol=1e-3, atol=0)


@settings(max_examples=6, deadline=None)
@given(
    n=st.integers(1, 3), seed=st.integers(0, 10**6), kind=st.sampled_from(["S_Cl' Li_i.", "V_Li' V_Cl.", "O_Cl' Li_i."])
)
def test_defects_keep_counts_charge_and_distances(n: int, seed: int, kind: str) -> None:
    atoms = LI3OCL.repeat(2)
    made = apply_defects(atoms, kind.split(), n=n, seed=seed)
    charge = {"Li": 1, "O": -2, "Cl": -1, "S": -2}
    assert sum(charge[symbol] for symbol in made.atoms.get_chemical_symbols()) == 0
    counts = {
        "S_Cl' Li_i.": (24 + n, 8, 8 - n),
        "V_Li' V_Cl.": (24 - n, 8, 8 - n),
        "O_Cl' Li_i.": (24 + n, 8 + n, 8 - n),
    }
    assert tuple(made.atoms.symbols.count(symbol) for symbol in ("Li", "O", "Cl")) == counts[kind]
    first, second, distance = neighbor_list("ijd", made.atoms, 3.0)
    radii = covalent_radii[made.atoms.numbers]
    assert (distance >= 0.7 * (radii[first] + radii[second])).all()
    again = apply_defects(atoms, kind.split(), n=n, seed=seed)
    np.testing.assert_array_equal(again.atoms.positions, made.atoms.positions)
    assert len(made.placed) == 2 * n


def test_defects_of_a_layer_stay_in_it_and_carry_its_label() -> None:
    lower, upper = load_crystal("LiF").repeat((3, 3, 2)), LI3OCL.repeat((3, 3, 2))
    upper.set_cell([*lower.cell.lengths()[:2], upper.cell[2, 2]], scale_atoms=True)
    height = lower.cell[2, 2] + 1.0
    upper.positions[:, 2] += height
    atoms = lower + upper
    atoms.set_cell([*lower.cell.lengths()[:2], height + upper.cell[2, 2] + 1.0])
    atoms.arrays["layer"] = np.array(["coating"] * len(lower) + ["electrolyte"] * len(upper))
    atoms.arrays["layer_id"] = np.array([0] * len(lower) + [1] * len(upper))
    made = apply_defects(atoms, ["S_Cl'", "Li_i."], n=2, seed=3, layer="electrolyte").atoms
    layers = made.arrays["layer"]
    assert (layers == "coating").sum() == len(lower)
    assert made[layers == "electrolyte"].symbols.count("Li") == upper.symbols.count("Li") + 2
    assert made[layers == "electrolyte"].symbols.count("S") == 2
    assert set(made.arrays["layer_id"][-2:].tolist()) == {1}
    assert (made.positions[-2:, 2] > height - 1.6).all()


def test_separation_is_kept_or_refused() -> None:
    atoms = LI3OCL.repeat(3)
    made = apply_defects(atoms, ["S_Cl'", "Li_i."], n=2, seed=2, separation_angstrom=4.4)
    points = Atoms(["X"] * 4, positions=[d.position for d in made.placed], cell=atoms.cell, pbc=True)
    distances = points.get_all_distances(mic=True)
    assert distances[np.triu_indices(4, 1)].min() >= 4.4 - 1e-9
    with pytest.raises(StructureError, match="lower separation_angstrom"):
        apply_defects(LI3OCL.repeat(2), ["V_Li'", "V_Cl."], n=2, seed=2, separation_angstrom=9.0)


def test_defects_that_do_not_fit_are_refused() -> None:
    with pytest.raises(StructureError, match="the Cl sites allow 8"):
        apply_defects(LI3OCL.repeat(2), ["V_Li'", "V_Cl."], n=9, seed=1)
    with pytest.raises(StructureError, match="rounds to none"):
        apply_defects(LI3OCL.repeat(2), ["V_Li'", "V_Cl."], fraction=0.01, seed=1)
    with pytest.raises(StructureError, match="either the number of sets"):
        apply_defects(LI3OCL.repeat(2), ["V_Li'", "V_Cl."], seed=1)
    dense = load_crystal("LiF")
    with pytest.raises(StructureError, match="no void for Cs_i"):
        apply_defects(dense, ["Cs_i.", "V_Li'"], n=1, seed=1)
