"""Tetrahedra and bond chemistry on crystals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from mlip_interfaces.analysis.chemistry import BondFinder, BondHistory, exchanges, origins
from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.analysis.tetrahedra import regular_tetrahedra, tetrahedral_order
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.structures.crystals import load_crystal


def count(atoms: Atoms, **options):
    symbols = np.array(atoms.get_chemical_symbols())
    return regular_tetrahedra(
        atoms.positions[None], np.asarray(atoms.cell)[None], np.zeros(1), symbols == "Li", symbols == "F", **options
    )


@pytest.mark.parametrize(("structure", "a"), [("zincblende", 4.3), ("wurtzite", 3.05)])
def test_every_lithium_of_a_tetrahedral_crystal_counts(structure: str, a: float) -> None:
    atoms = bulk("LiF", structure, a=a, c=a * np.sqrt(8 / 3) if structure == "wurtzite" else None, u=0.375)
    atoms = atoms.repeat(3)
    result = count(atoms)
    assert result.count_mean == result.n_centers


@pytest.mark.parametrize("sigma", [0.0, 0.2])
def test_rock_salt_has_next_to_none(sigma: float) -> None:
    atoms = bulk("LiF", "rocksalt", a=4.0263, cubic=True).repeat(5)
    atoms.positions += np.random.default_rng(1).normal(0, sigma, (len(atoms), 3))
    result = count(atoms)
    assert result.count_mean < 0.015 * result.n_centers


def test_order_parameter_of_random_directions_averages_to_zero() -> None:
    vectors = np.random.default_rng(2).normal(size=(20000, 4, 3))
    q = tetrahedral_order(vectors)
    assert abs(q.mean()) < 4 * q.std() / np.sqrt(q.size)
    # P(q > 0.85) of random directions is 0.24 %.
    np.testing.assert_allclose((q > 0.85).mean(), 0.0024, rtol=0, atol=4 * np.sqrt(0.0024 / q.size))


def test_no_ligand_is_refused() -> None:
    with pytest.raises(AnalysisError, match="no centres or no ligands"):
        count(bulk("Li"))


def chemistry(atoms: Atoms):
    symbols = np.array(atoms.get_chemical_symbols())
    return BondFinder(symbols).find(atoms.positions, np.asarray(atoms.cell))


def test_argyrodite_cell_has_four_ps4() -> None:
    found = chemistry(load_crystal("Li6PS5Cl"))
    assert dict(found.units) == {"PS4": 4}
    assert len(found.bonds["P-S"]) == 16
    assert len(found.dimers) == 0


def test_li7p3s11_cell_has_two_ps4_and_two_p2s7() -> None:
    assert dict(chemistry(load_crystal("Li7P3S11")).units) == {"PS4": 2, "P2S7": 2}


def test_pyrite_has_a_dimer_for_every_two_sulfur() -> None:
    u = 0.3896
    atoms = crystal(["Co", "S"], [(0, 0, 0), (u, u, u)], spacegroup=205, cellpar=[5.538] * 3 + [90] * 3)
    found = chemistry(Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True))
    assert len(found.dimers) == 4
    assert len(found.bonds["S-S"]) == 4
    assert len(found.bonds["Co-S"]) == 24


def test_oxygen_taking_a_sulfur_place_is_seen() -> None:
    atoms = load_crystal("Li6PS5Cl")
    symbols = atoms.get_chemical_symbols()
    pairs = find_pairs(atoms.positions, np.asarray(atoms.cell), 2.4)
    p = symbols.index("P")
    s, vector = next((j, v) for i, j, v in zip(pairs.first, pairs.second, pairs.vectors, strict=True) if i == p)
    atoms.positions[s] = atoms.positions[p] + vector * (1.55 / np.linalg.norm(vector))
    symbols[s] = "O"
    atoms.set_chemical_symbols(symbols)
    found = chemistry(atoms)
    assert dict(found.units) == {"PS4": 3, "PS3O": 1}
    assert len(found.bonds["P-O"]) == 1


def test_units_and_cutoffs_are_those_asked_for() -> None:
    # Cristobalite-like: every O between two Si makes one unit of the crystal; without bridges each Si is its own.
    atoms = crystal(["Si", "O"], [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)], spacegroup=227, cellpar=[7.16] * 3 + [90] * 3)
    symbols, positions, cell = np.array(atoms.get_chemical_symbols()), atoms.positions, np.asarray(atoms.cell)
    found = BondFinder(symbols, {"Si-O": 1.8}, centers=("Si",), ligands=("O",)).find(positions, cell)
    assert dict(found.units) == {"Si8O16": 1}
    assert len(found.bonds["Si-O"]) == 32
    # The name says which atom comes first, not who is the centre.
    turned = BondFinder(symbols, {"O-Si": 1.8}, centers=("O",), ligands=("Si",)).find(positions, cell)
    assert dict(turned.units) == {"O16Si8": 1}
    assert (symbols[turned.bonds["O-Si"][:, 0]] == "O").all()
    assert dict(BondFinder(symbols, {"Si-O": 1.5}, centers=("Si",), ligands=("O",)).find(positions, cell).units) == {
        "Si": 8
    }
    assert not BondFinder(symbols).find(positions, cell).units


def test_only_ligands_asked_for_belong_to_a_unit() -> None:
    atoms = load_crystal("Li7P3S11")
    symbols, cell = np.array(atoms.get_chemical_symbols()), np.asarray(atoms.cell)
    cutoffs = {"P-S": 2.6, "Li-S": 3.0}
    found = BondFinder(symbols, cutoffs, ligands=("S",)).find(atoms.positions, cell)
    assert dict(found.units) == {"PS4": 2, "P2S7": 2}
    # Of the S alone as ligands of P, the order of the formula is that of the ligands.
    assert dict(BondFinder(symbols, cutoffs, ligands=("O", "S")).find(atoms.positions, cell).units) == dict(found.units)


def test_a_unit_may_have_thousands_of_atoms() -> None:
    # A chain P-S-P-S..., 2 angstrom apart.
    n = 2400
    positions = np.zeros((n, 3))
    positions[:, 0] = 2.0 * np.arange(n)
    symbols = np.array(["P", "S"] * (n // 2))
    found = BondFinder(symbols).find(positions, np.diag([2.0 * n + 20.0, 12.0, 12.0]))
    assert dict(found.units) == {"P1200S1200": 1}


@pytest.mark.parametrize(
    ("cutoffs", "ligands", "message"),
    [
        ({"P": 2.6}, ("S",), "'P' is no bond; write P-S"),
        ({"P-S": 0.0}, ("S",), "cutoff of P-S must be above zero, not 0"),
        ({"P-S": float("nan")}, ("S",), "must be above zero, not nan"),
        ({"P-S": 2.6, "S-P": 2.4}, ("S",), "Bonds of S and P have two cutoffs"),
        ({"P-S": 2.6}, ("S", "P"), "P is the centre of the units and one of their `ligands`"),
    ],
)
def test_bonds_that_say_nothing_are_refused(cutoffs, ligands, message) -> None:
    with pytest.raises(AnalysisError, match=message):
        BondFinder(np.array(["P", "S"]), cutoffs, ligands=ligands)


def history(presence: list[list[tuple[int, int]]], min_frames: int) -> BondHistory:
    found = BondHistory(10, min_frames)
    for bonds in presence:
        found.add(np.array(bonds, dtype=np.int64).reshape(-1, 2))
    return found


def test_short_contacts_of_sulfur_are_collisions() -> None:
    pair, other = (1, 2), (3, 4)
    frames = [[pair], [pair, other], [pair], [], [pair]]
    np.testing.assert_array_equal(history(frames, 1).counts(), [1, 2, 1, 0, 1])
    # The gap of one frame is a flicker, and so is the contact of one frame.
    np.testing.assert_array_equal(history(frames, 2).counts(), [1, 1, 1, 1, 1])


def test_lifetimes_are_those_of_bonds_made_and_broken_in_the_run() -> None:
    pair, other = (1, 2), (3, 4)
    found = history([[other], [other, pair], [other, pair], [pair], [], [], []], 2)
    assert found.formed == [(0, 3, 4), (1, 1, 2)]
    assert sorted(found.broken) == [(3, 3, 4), (4, 1, 2)]
    assert found.lifetimes == [3]


@pytest.mark.parametrize("min_frames", [1, 2, 4])
def test_histories_of_flickering_bonds_equal_those_followed_one_by_one(min_frames: int) -> None:
    rng = np.random.default_rng(7)
    bonds = np.array([(i, j) for i in range(10) for j in range(i + 1, 10)])
    # Each bond stays as it is with its own probability.
    flips = rng.random((80, len(bonds))) < rng.uniform(0.02, 0.6, len(bonds))
    there = (np.cumsum(flips, axis=0) + rng.integers(0, 2, len(bonds))) % 2 == 1
    found = BondHistory(10, min_frames)
    for row in there:
        found.add(rng.permutation(bonds[row]))
    formed, broken, lifetimes, standing_bonds = [], [], [], np.zeros(80, dtype=int)
    for (i, j), present in zip(bonds.tolist(), there.T, strict=True):
        standing, since, made = False, 0, 0
        for frame in range(80):
            since = frame if frame == 0 or present[frame] != present[frame - 1] else since
            if present[frame] == standing or frame + 1 - since < min_frames:
                continue
            standing = not standing
            standing_bonds[since:] += 1 if standing else -1
            if standing:
                formed.append((since, i, j))
                made = since
            else:
                broken.append((since, i, j))
                lifetimes += [since - made] if made else []
    assert sorted(found.formed) == sorted(formed)
    assert sorted(found.broken) == sorted(broken)
    assert sorted(found.lifetimes) == sorted(lifetimes)
    assert len(lifetimes) > 20
    np.testing.assert_array_equal(found.counts(), standing_bonds)


def test_a_swapped_pair_is_one_exchange_with_its_origins() -> None:
    start, swapped = [(0, s) for s in (1, 2, 3, 4)], [(0, s) for s in (1, 2, 3)]
    p_s = history([start] * 5 + [swapped] * 5, 2)
    p_o = history([[]] * 6 + [[(0, 7)]] * 4, 2)
    found = exchanges(p_o, p_s, 3)
    assert [(event.frame, event.phosphorus, event.oxygen, event.sulfur) for event in found] == [(6, 0, 7, 4)]
    layers = np.array(["electrolyte"] * 5 + ["cathode"] * 5)
    assert origins(found, layers) == {("cathode", "electrolyte"): 1}
    # Too far apart in time: two separate events.
    assert exchanges(history([[]] * 9 + [[(0, 7)]] * 4, 2), history([start] * 5 + [swapped] * 8, 2), 3) == []


def test_chains_of_sulfur_are_no_dimers() -> None:
    atoms = Atoms(
        "S5", positions=[[0, 0, 0], [2.1, 0, 0], [4.2, 0, 0], [0, 8, 0], [2.1, 8, 0]], cell=[15] * 3, pbc=True
    )
    found = chemistry(atoms)
    assert found.dimers.tolist() == [[3, 4]]
    assert found.n_polysulfides == 1
