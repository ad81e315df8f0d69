"""Perturbed sets: strain, displacements, shifted layers, vacancy samples; duplicates and short contacts go."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.assembly import (
    clean_set,
    packed_cells,
    perturb,
    same_structure,
    scrambled,
    shift_layers,
    vacancy_samples,
)
from mlip_interfaces.structures.crystals import load_crystal, minimum_distances

ELEMENTS = ("Li", "Co", "O", "F", "P", "S", "Cl")


def _interface() -> Atoms:
    """Three layers of LiF, 0.6 angstrom wider apart than the crystal."""
    slab = load_crystal("LiF").repeat((2, 2, 1))
    atoms, names, ids = Atoms(cell=slab.cell, pbc=True), [], []
    for number, name in enumerate(("lower", "middle", "upper")):
        part = slab.copy()
        part.positions[:, 2] += number * (slab.cell[2, 2] + 0.6)
        atoms += part
        names += [name] * len(part)
        ids += [number] * len(part)
    atoms.set_cell([*slab.cell.lengths()[:2], 3 * (slab.cell[2, 2] + 0.6)])
    atoms.arrays["layer"], atoms.arrays["layer_id"] = np.array(names), np.array(ids)
    return atoms


def test_perturbed_copies_are_strained_rattled_and_free_of_contacts() -> None:
    atoms = load_crystal("Li6PS5Cl")
    copies = perturb(atoms, 6, displacement_angstrom=0.1, cell_strain=0.03, seed=2)
    shifts = [copy.positions @ np.linalg.inv(copy.cell) @ np.asarray(atoms.cell) - atoms.positions for copy in copies]
    spread = np.std(shifts)
    np.testing.assert_allclose(spread, 0.1, rtol=0.05, atol=0)
    strains = [np.linalg.solve(np.asarray(atoms.cell), np.asarray(copy.cell)) - np.eye(3) for copy in copies]
    assert 0.005 < np.abs(strains).max() <= 0.03
    with pytest.raises(StructureError, match="lower displacement_angstrom"):
        perturb(atoms, 1, displacement_angstrom=1.5, cell_strain=0.0, seed=3)


def test_scrambled_structures_bring_every_pair_of_elements_close_but_not_too_close() -> None:
    copies = scrambled(
        ELEMENTS, 10, atoms_per_element=6, volume_per_atom_angstrom3=15, shortest_factor=(0.7, 0.8), seed=1
    )
    seen: dict[str, float] = {}
    for atoms, factor in zip(copies, np.linspace(0.7, 0.8, 10), strict=True):
        np.testing.assert_allclose(atoms.get_volume() / len(atoms), 15.0, rtol=1e-9, atol=0)
        radii = covalent_radii[atoms.numbers]
        first, second, distance = neighbor_list("ijd", atoms, 4.0)
        assert (distance >= factor * (radii[first] + radii[second]) - 1e-9).all()
        for pair, shortest in minimum_distances(atoms, ELEMENTS, 4.0).items():
            seen[pair] = min(shortest, seen.get(pair, np.inf))
    assert len(seen) == 28
    assert seen["Co-Cl"] < 2.2
    with pytest.raises(StructureError, match="do not fit"):
        scrambled(ELEMENTS, 1, atoms_per_element=6, volume_per_atom_angstrom3=4, shortest_factor=(1.0, 1.0), seed=1)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), lateral=st.floats(0, 3), vertical=st.floats(0, 0.4))
def test_shifted_layers_move_rigidly_within_their_limits(seed: int, lateral: float, vertical: float) -> None:
    atoms = _interface()
    ids = atoms.arrays["layer_id"]
    copies = shift_layers(atoms, 3, lateral_angstrom=lateral, vertical_angstrom=vertical, seed=seed)
    assert len(copies) == 3
    for copy in copies:
        moves = copy.positions - atoms.positions
        assert (moves[ids == 0] == 0).all()
        for number in (1, 2):
            move = moves[ids == number]
            np.testing.assert_allclose(move - move[0], 0, rtol=0, atol=1e-12)
            assert (np.abs(move[0]) <= np.array([lateral, lateral, vertical]) + 1e-12).all()
        np.testing.assert_array_equal(np.asarray(copy.cell), np.asarray(atoms.cell))
        radii = covalent_radii[copy.numbers]
        first, second, distance = neighbor_list("ijd", copy, 2.0)
        assert (distance >= 0.7 * (radii[first] + radii[second])).all()
    again = shift_layers(atoms, 3, lateral_angstrom=lateral, vertical_angstrom=vertical, seed=seed)
    assert all((a.positions == b.positions).all() for a, b in zip(again, copies, strict=True))


def test_shifts_use_the_whole_range_and_what_cannot_be_shifted_is_refused() -> None:
    atoms = _interface()
    copies = shift_layers(atoms, 200, lateral_angstrom=0.5, vertical_angstrom=0.2, seed=1)
    index = int(np.flatnonzero(atoms.arrays["layer_id"] == 1)[0])
    moves = np.array([copy.positions[index] - atoms.positions[index] for copy in copies])
    # Uniform in plus or minus a: variance a^2/3; four standard errors of it.
    error = 4 * np.sqrt(4 / 5 / 200)
    np.testing.assert_allclose(moves.var(axis=0), np.array([0.5, 0.5, 0.2]) ** 2 / 3, rtol=error, atol=0)
    with pytest.raises(StructureError, match="no two layers"):
        shift_layers(load_crystal("LiF"), 1, lateral_angstrom=1, vertical_angstrom=0, seed=1)
    squeezed = atoms.copy()
    squeezed.positions[atoms.arrays["layer_id"] == 1, 2] -= 1.5
    with pytest.raises(StructureError, match="lower vertical_angstrom"):
        shift_layers(squeezed, 1, lateral_angstrom=0.0, vertical_angstrom=0.0, seed=1)


def test_vacancy_samples_differ_and_lack_what_was_asked() -> None:
    atoms = _interface()
    samples = vacancy_samples(atoms, 10, element="Li", n_removed=2, seed=1, layer="middle")
    left = [tuple(map(tuple, sample.positions.tolist())) for sample in samples]
    assert len(set(left)) == 10
    for sample in samples:
        assert sample.symbols.count("Li") == 46
        assert np.count_nonzero(sample.arrays["layer"] == "middle") == 30
    # Sixteen single vacancies are all there are.
    assert len(vacancy_samples(atoms, 50, element="Li", n_removed=1, seed=1, layer="middle")) == 16
    with pytest.raises(StructureError, match="a number from 1 to 48"):
        vacancy_samples(atoms, 1, element="Li", n_removed=49, seed=1)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), noise=st.sampled_from([0.0, 0.001]))
def test_moved_turned_and_reordered_copies_are_duplicates(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    atoms = load_crystal("Li3OCl").repeat((2, 2, 1))
    atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
    copy = atoms[rng.permutation(len(atoms))]
    copy.positions += rng.uniform(-9, 9, 3) + rng.normal(0, noise, copy.positions.shape)
    copy.wrap()
    copy.rotate(35, "z", rotate_cell=True)
    assert same_structure(atoms, copy, tolerance_angstrom=0.02)
    # One atom a tenth of an angstrom away is another structure.
    copy.positions[rng.integers(len(copy))] += [0.1, 0.0, 0.0]
    assert not same_structure(atoms, copy, tolerance_angstrom=0.02)


def test_structures_that_differ_are_kept_apart() -> None:
    atoms = load_crystal("Li3OCl").repeat(3)
    copies = perturb(atoms, 6, displacement_angstrom=0.05, cell_strain=0.0, seed=1)
    assert clean_set(copies).counts == {"kept": 6, "short_contact": 0, "duplicate": 0}
    strained = atoms.copy()
    strained.set_cell(atoms.cell * 1.002, scale_atoms=True)
    assert not same_structure(atoms, strained)
    # Two vacancies, near and far: the same surroundings but for the distance between them.
    chlorine = [atom.index for atom in atoms if atom.symbol == "Cl"]
    distances = atoms.get_distances(chlorine[0], chlorine[1:], mic=True)
    near, far = (chlorine[1 + int(i)] for i in (np.argmin(distances), np.argmax(distances)))
    pairs = [atoms[[i for i in range(len(atoms)) if i not in (chlorine[0], other)]] for other in (near, far)]
    assert not same_structure(*pairs)
    # All single vacancies of one kind are the same by symmetry.
    singles = vacancy_samples(atoms, 8, element="Cl", n_removed=1, seed=2)
    assert clean_set(singles).counts == {"kept": 1, "short_contact": 0, "duplicate": 7}


def test_what_was_dropped_is_reported_with_its_reason() -> None:
    atoms = load_crystal("LiF").repeat(2)
    close = atoms.copy()
    close.positions[0] = close.positions[1] + [0.5, 0.0, 0.0]
    moved = atoms.copy()
    moved.positions += 1.0
    other = perturb(atoms, 1, displacement_angstrom=0.1, cell_strain=0.02, seed=1)[0]
    result = clean_set([atoms, close, other, moved, close])
    assert result.indices == (0, 2)
    assert [(drop.index, drop.reason, drop.duplicate_of) for drop in result.dropped] == [
        (1, "short contact", None),
        (3, "duplicate", 0),
        (4, "short contact", None),
    ]
    assert result.counts == {"kept": 2, "short_contact": 2, "duplicate": 1}


def test_packed_cells_have_their_composition_their_volumes_and_no_short_contact() -> None:
    cells = packed_cells({"Li": 24, "P": 56}, 3, volume_per_atom_angstrom3=(18.0, 23.0), seed=4)
    np.testing.assert_allclose([cell.get_volume() / len(cell) for cell in cells], [18.0, 20.5, 23.0], rtol=1e-9, atol=0)
    for cell in cells:
        assert cell.get_chemical_symbols() == ["Li"] * 24 + ["P"] * 56
        assert cell.pbc.all()
    assert clean_set(cells).indices == (0, 1, 2)
    assert not np.allclose(cells[0].get_scaled_positions(), cells[1].get_scaled_positions(), atol=0.01)
