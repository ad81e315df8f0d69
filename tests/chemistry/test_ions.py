"""One chemistry of ions: charges that balance, radii of known sources, one rule for what is too close."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers
from ase.data import covalent_radii as ase_radii
from ase.formula import Formula

from mlip_interfaces.chemistry import (
    ANION_CHARGES,
    CATION_CHARGES,
    CENTER_CHARGES,
    SPECIES_CHARGES,
    TOO_CLOSE_SHARE,
    anion_symbols,
    attract,
    compound_charges,
    covalent_radii,
    extreme_charge,
    formula,
    has_short_contact,
    ion_contact,
    layer_contact,
    shortest_allowed,
    site_charges,
    worst_contact,
)
from mlip_interfaces.errors import StructureError

NONE = np.zeros(0, dtype=np.int64)


def _both_ways(*pairs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    bonds = np.array([*pairs, *((j, i) for i, j in pairs)])
    return bonds[:, 0], bonds[:, 1]


@pytest.mark.parametrize("table", [CATION_CHARGES, ANION_CHARGES, CENTER_CHARGES, SPECIES_CHARGES])
def test_charges_are_real_numbers(table: dict[str, float]) -> None:
    assert all(type(charge) is float for charge in table.values())


def test_charges_of_species_are_those_of_the_other_tables() -> None:
    expected = {
        "Li": 1, "Na": 1, "K": 1, "Mg": 2, "Al": 3, "Zr": 4, "La": 3, "Ta": 5, "Ti": 4, "Ge": 4, "Co": 3, "Ni": 3, "Mn": 4,
        "P": 5, "O": -2, "S": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1, "N": -3,
    }  # fmt: skip
    assert expected == SPECIES_CHARGES
    assert not set(CATION_CHARGES) & set(ANION_CHARGES)
    assert set(CENTER_CHARGES) <= set(ANION_CHARGES)


@pytest.mark.parametrize(
    ("symbols", "bonds", "expected"),
    [
        (["Li", "F"], (), [1, -1]),
        # PS4 of Li3PS4; the chain of Li3P; S2 of FeS2 takes one unit less per atom, iron what is left.
        (["Li"] * 3 + ["P"] + ["S"] * 4, ((3, 4), (3, 5), (3, 6), (3, 7)), [1, 1, 1, 5, -2, -2, -2, -2]),
        (["Li"] * 3 + ["P"], (), [1, 1, 1, -3]),
        (["Fe", "S", "S"], ((1, 2),), [2, -1, -1]),
        (["Mn", "Mn", "Li", *"OOOO"], (), [3.5, 3.5, 1, -2, -2, -2, -2]),
        (["Li", "B", *"HHHH", "Cl", "Li"], tuple((1, i) for i in range(2, 6)), [1, 3, -1, -1, -1, -1, -1, 1]),
        (["Li", "Cu"], (), [0, 0]),
    ],
)
def test_every_atom_has_the_charge_a_chemist_gives_it(
    symbols: list[str], bonds: tuple[tuple[int, int], ...], expected: list[float]
) -> None:
    first, second = _both_ways(*bonds) if bonds else (NONE, NONE)
    charges = site_charges(symbols, first, second)
    np.testing.assert_allclose(charges, expected, rtol=1e-12, atol=0)
    assert charges.dtype == np.float64


@pytest.mark.parametrize(
    ("symbols", "bonds", "expected"),
    [
        # LiBH4, LiNH2, the amidoborane LiNH2BH3 and half of Li2B12H12 (one B of each six stands for the cluster).
        (["Li", "B", *"HHHH"], [(1, i) for i in range(2, 6)], [1, 3, -1, -1, -1, -1]),
        (["Li", "N", "H", "H"], [(1, 2), (1, 3)], [1, -3, 1, 1]),
        (["Li", "Li", "N", "H"], [(2, 3)], [1, 1, -3, 1]),
        (["Li", "N", "B", *"HHHHH"], [(1, 3), (1, 4), (2, 5), (2, 6), (2, 7)], [1, -3, 3, 1, 1, -1, -1, -1]),
        (["Li", *"BBBBBB", *"HHHHHH"], [(i, i + 6) for i in range(1, 7)], [1, *[5 / 6] * 6, *[-1] * 6]),
        (["Li", "H"], [], [1, -1]),
        (["Mg", "H", "H"], [], [2, -1, -1]),
        (["Na", "Al", *"HHHH"], [], [1, 3, -1, -1, -1, -1]),
        (["Ti", "H", "H"], [], [2, -1, -1]),
        (["Mg", "Mg", "Ni", *"HHHH"], [], [2, 2, 0, -1, -1, -1, -1]),
        (["Ba", "H", "Cl"], [], [2, -1, -1]),
        (["Li", "O", "H"], [(1, 2)], [1, -2, 1]),
    ],
)
def test_hydrogen_is_an_anion_beside_metals_and_boron_and_a_proton_on_nitrogen_and_oxygen(
    symbols: list[str], bonds: list[tuple[int, int]], expected: list[float]
) -> None:
    first, second = _both_ways(*bonds) if bonds else (NONE, NONE)
    np.testing.assert_allclose(site_charges(symbols, first, second), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("LiBH4", {"Li": 1, "B": 3, "H": -1}), ("NaAlH4", {"Na": 1, "Al": 3, "H": -1}), ("LiNH2", {"Li": 1, "N": -3, "H": 1}),
        ("MgH2", {"Mg": 2, "H": -1}), ("Li2NH", {"Li": 1, "N": -3, "H": 1}), ("LiH", {"Li": 1, "H": -1}),
        ("Li2BH4Cl", {"Li": 1, "B": 3, "H": -1, "Cl": -1}), ("Li2B12H12", {"Li": 1, "B": 10 / 12, "H": -1}),
        # Three NH2 and one BH4: six +1 and four -1.
        ("Li4BN3H10", {"Li": 1, "B": 3, "N": -3, "H": 0.2}), ("H3BO3", {"H": 1, "B": 3, "O": -2}),
        ("LiOH", {"Li": 1, "O": -2, "H": 1}), ("NH4Cl", {"N": -3, "H": 1, "Cl": -1}), ("LiHF2", {"Li": 1, "H": 1, "F": -1}),
        ("Li3PS4", {"Li": 1, "P": 5, "S": -2}), ("LiCoO2", {"Li": 1, "Co": 3, "O": -2}), ("Li2S2", {"Li": 1, "S": -1}),
        ("Li6PS5Cl", {"Li": 1, "P": 5, "S": -2, "Cl": -1}), ("Li7La3Zr2O12", {"Li": 1, "La": 3, "Zr": 4, "O": -2}),
        ("Li2PO2N", {"Li": 1, "P": 5, "O": -2, "N": -3}), ("LiBF4", {"Li": 1, "B": 3, "F": -1}), ("H2", {}),
    ],
)  # fmt: skip
def test_compounds_of_batteries_have_the_charges_of_their_chemistry(formula: str, expected: dict[str, float]) -> None:
    counts = Formula(formula).count()
    charges = compound_charges([symbol for symbol, number in counts.items() for _ in range(number)])
    assert charges.keys() == expected.keys()
    np.testing.assert_allclose([charges[key] for key in expected], list(expected.values()), rtol=1e-9, atol=0)
    assert abs(sum(charges.get(symbol, 0.0) * number for symbol, number in counts.items())) < 1e-9


def test_given_charges_win_and_are_not_cut() -> None:
    symbols = ["Li", "Ti", "Ti", *"OOOO"]
    np.testing.assert_allclose(site_charges(symbols, NONE, NONE, {"Ti": 3.5})[1:3], 3.5, rtol=1e-15, atol=0)
    with pytest.raises(StructureError, match=r"LiTi2O4 do not balance \(Li \+1, Ti \+4, O -2\)"):
        site_charges(symbols, NONE, NONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LiTiTiOOOO", {"Li": 1, "O": -2, "Ti": 3.5}), ("LiF", {"Li": 1, "F": -1}), ("LiCoOO", {"Li": 1, "Co": 3, "O": -2}),
        ("LiLiLiPOOOO", {"Li": 1, "P": 5, "O": -2}), ("Cu", {}),
    ],
)  # fmt: skip
def test_compounds_are_neutral(text: str, expected: dict[str, float]) -> None:
    symbols = Atoms(text).get_chemical_symbols()
    charges = compound_charges(symbols)
    assert charges == expected
    assert abs(sum(charges.get(symbol, 0.0) for symbol in symbols)) < 1e-9
    assert anion_symbols(symbols) == ({s for s, q in expected.items() if q < 0} or set(symbols))


def test_ions_of_full_and_empty_shells() -> None:
    charges = {symbol: extreme_charge(symbol) for symbol in ("Li", "O", "S", "F", "Cl", "P", "Co")}
    assert charges == {"Li": 1, "O": -2, "S": -2, "F": -1, "Cl": -1, "P": 5, "Co": 3}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("Li", "F", 2.09), ("F", "Li", 2.09), ("S", "S", 0.85 * 3.68), ("Li", "Co", 2.6), ("Au", "Cu", 1.36 + 1.32)],
)
def test_contacts_of_layers_follow_the_radii(first: str, second: str, expected: float) -> None:
    np.testing.assert_allclose(layer_contact(first, second), expected, rtol=1e-12, atol=0)


def test_ions_of_unlike_sign_attract() -> None:
    assert attract("Li", "F")
    assert attract("Au", "Au")
    assert not attract("S", "Cl")
    assert not attract("Li", "Co")


def test_contacts_of_ions_follow_shannon() -> None:
    # Crystal radii: Li+ 0.90, F- 1.19, O2- 1.26; two cations never below 2.6; without charges the covalent radii.
    charges = {"Li": 1.0, "F": -1.0, "O": -2.0}
    np.testing.assert_allclose(ion_contact("Li", "F", charges), 2.09, rtol=1e-9, atol=0)
    np.testing.assert_allclose(ion_contact("O", "O", charges), 2.52, rtol=1e-9, atol=0)
    np.testing.assert_allclose(ion_contact("Li", "Li", charges), 2.6, rtol=1e-9, atol=0)
    np.testing.assert_allclose(ion_contact("Au", "Cu", {}), 1.36 + 1.32, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("cation", "anion"), [("Li", "F"), ("Li", "O"), ("Li", "S"), ("Li", "Cl")])
def test_both_scales_of_radii_put_a_cation_and_an_anion_at_the_same_distance(cation: str, anion: str) -> None:
    charges = {cation: 1.0, anion: ANION_CHARGES[anion]}
    np.testing.assert_allclose(ion_contact(cation, anion, charges), layer_contact(cation, anion), rtol=0, atol=0.011)


def test_too_close_is_a_share_of_the_covalent_radii() -> None:
    np.testing.assert_allclose(covalent_radii(["Li", "F", "S"]), [1.28, 0.57, 1.05], rtol=1e-12, atol=0)
    limit = shortest_allowed("Li", "F")
    np.testing.assert_allclose(limit, TOO_CLOSE_SHARE * 1.85, rtol=1e-12, atol=0)
    for share, close in ((0.999, True), (1.001, False)):
        # Across the boundary of the cell.
        pair = Atoms("LiF", positions=[[0.1, 5, 5], [10.1 - share * limit, 5, 5]], cell=[10] * 3, pbc=True)
        assert has_short_contact(pair) == close


@pytest.mark.parametrize("seed", range(6))
def test_worst_contact_is_the_shortest_that_is_too_close(seed: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Li", "S", "Cl", "O", "P"], 25).tolist()
    cell = np.diag([7.0, 8.0, 9.0]) + rng.uniform(-1, 1, (3, 3))
    atoms = Atoms(symbols, positions=rng.random((25, 3)) @ cell, cell=cell, pbc=True)
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ cell
    closest: tuple[float, set[str]] | None = None
    for i, j in itertools.combinations(range(25), 2):
        distance = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + images, axis=1).min()
        radii = [ase_radii[atomic_numbers[symbols[k]]] for k in (i, j)]
        if distance < 0.7 * sum(radii) and (closest is None or distance < closest[0]):
            closest = distance, {symbols[i], symbols[j]}
    found = worst_contact(atoms)
    assert (found is None) == (closest is None)
    if found is not None and closest is not None:
        np.testing.assert_allclose(found.distance_angstrom, closest[0], rtol=1e-9, atol=0)
        assert {found.first, found.second} == closest[1]
    assert worst_contact(atoms, 1e-3) is None


def test_formula_begins_with_the_least_electronegative_element() -> None:
    assert formula(["O", "Li", "O", "Co"], reduce=True) == "LiCoO2"
    assert formula(["F", "Li"] * 3, reduce=True) == "LiF"
    assert formula(["F", "Li"] * 3, reduce=False) == "Li3F3"
