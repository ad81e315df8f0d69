"""Gaps between layers: contact distances, their relaxation, lateral registry, vacuum."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from ase.neighborlist import neighbor_list

from mlip_interfaces.chemistry import attract, layer_contact
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.assembly import Layer, stack
from mlip_interfaces.structures.assembly.gaps import lowest_registry, relax_gaps
from mlip_interfaces.structures.matching import SlabRequest, match_slabs


def layer(symbols: str, positions: list[list[float]], lateral: float = 12.0, height: float = 1.0) -> Atoms:
    return Atoms(symbols, positions=positions, cell=[lateral, lateral, height], pbc=True)


def rock_salt(n_layers: int, *, a: float = 4.03, swapped: bool = False) -> Atoms:
    """(100) planes of LiF; `swapped` begins with F above Li of the other kind of plane."""
    symbols, positions = [], []
    for plane in range(n_layers):
        for number, (x, y) in enumerate(((0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5))):
            is_lithium = (number < 2) == ((plane % 2 == 0) != swapped)
            symbols.append("Li" if is_lithium else "F")
            positions.append([x * a, y * a, plane * a / 2])
    return Atoms(symbols, positions=positions, cell=[a, a, n_layers * a / 2], pbc=True)


def test_opposite_ions_relax_to_their_layer_contact() -> None:
    atoms = layer("LiF", [[0, 0, 0], [0, 0, 3.0]], height=20)
    relaxed = relax_gaps(atoms, np.array([0, 1]), periodic=False)
    np.testing.assert_allclose(relaxed.get_distance(0, 1), layer_contact("Li", "F"), rtol=1e-4, atol=0)


def test_ions_of_one_sign_neither_attract_nor_overlap() -> None:
    far = layer("SS", [[0, 0, 0], [0, 0, 4.0]], height=20)
    np.testing.assert_allclose(
        relax_gaps(far, np.array([0, 1]), periodic=False).positions, far.positions, rtol=0, atol=1e-12
    )
    near = layer("SS", [[0, 0, 0], [0, 0, 2.8]], height=20)
    relaxed = relax_gaps(near, np.array([0, 1]), periodic=False)
    assert relaxed.get_distance(0, 1) > layer_contact("S", "S") - 1e-2


def test_crystal_cut_in_two_closes_to_its_own_spacing_within_the_radii() -> None:
    # Rock salt on rock salt: the contact of Li and F (2.09) stands for the crystal's 2.015 angstrom.
    atoms = stack([Layer("a", rock_salt(2)), Layer("b", rock_salt(2))])
    z = np.sort(np.unique(np.round(atoms.positions[:, 2], 2)))
    spacings = np.append(np.diff(z), atoms.cell[2, 2] - z[-1])
    np.testing.assert_allclose(spacings, 2.015, rtol=0.05, atol=0)


def test_height_of_the_cell_follows_the_last_gap() -> None:
    atoms = stack([Layer("a", rock_salt(2)), Layer("b", rock_salt(3, swapped=False))])
    first, second, distance = neighbor_list("ijd", atoms, 3.0)
    across = atoms.arrays["layer"][first] != atoms.arrays["layer"][second]
    symbols = np.array(atoms.get_chemical_symbols())
    unlike = across & (symbols[first] != symbols[second])
    assert 0.9 * layer_contact("Li", "F") < distance[unlike].min()
    # Both gaps have contacts: the one inside and the one through the boundary.
    assert len(set(np.flatnonzero(np.bincount(first[unlike], minlength=len(atoms))))) > 4


def test_relaxation_lowers_the_height_and_keeps_bonds_within_layers() -> None:
    rough = rock_salt(3)
    rough.positions[0, 2] -= 0.8  # one ion sticks out at the bottom and holds the layers apart
    layers = [Layer("a", rock_salt(3)), Layer("b", rough)]
    fixed, relaxed = stack(layers, relax=False), stack(layers)
    assert relaxed.cell[2, 2] < fixed.cell[2, 2] - 0.2
    first, second, distance = neighbor_list("ijd", relaxed, 2.4)
    same = relaxed.arrays["layer_id"][first] == relaxed.arrays["layer_id"][second]
    before = neighbor_list("d", fixed, 2.4)
    assert abs(distance[same].min() - before.min()) < 0.15


def test_lowest_registry_puts_anions_above_cations() -> None:
    lower, upper = rock_salt(2), rock_salt(2, swapped=True)
    lateral = np.asarray(lower.cell)[:2, :2]
    # The upper slab begins with the plane that repeats the one below: ions of one sign face each other.
    shift = lowest_registry(lower, rock_salt(2, swapped=True), lateral)
    assert attract("Li", "F")
    moved = np.mod(shift / 4.03 + 0.25, 0.5) - 0.25
    np.testing.assert_allclose(moved, 0.0, rtol=0, atol=0.03)
    steps = np.round(shift / 4.03 * 2).astype(int)
    assert steps.sum() % 2 == 1
    as_cut = stack([Layer("a", lower), Layer("b", upper)])
    lowest = stack([Layer("a", lower), Layer("b", upper)], registry="lowest")
    assert lowest.cell[2, 2] < as_cut.cell[2, 2]


def test_lowest_registry_is_on_the_layer_below_where_it_now_lies() -> None:
    """The second layer moves by half an edge, so the third, which fits on the second as it was cut, must follow it."""
    layers = [Layer("a", rock_salt(2)), Layer("b", rock_salt(2, swapped=True)), Layer("c", rock_salt(2, swapped=True))]
    atoms = stack(layers, registry="lowest", relax=False)
    symbols = np.array(atoms.get_chemical_symbols())
    for number in (1, 2):
        below, above = (np.flatnonzero(atoms.arrays["layer_id"] == one) for one in (number - 1, number))
        heights = atoms.positions[:, 2]
        below = below[heights[below] > heights[below].max() - 0.1]
        above = above[heights[above] < heights[above].min() + 0.1]
        for ion in above:
            sideways = atoms.positions[below] - atoms.positions[ion]
            sideways[:, 2] = 0.0
            sideways -= 4.03 * np.round(sideways / 4.03)
            nearest = np.linalg.norm(sideways, axis=1).argmin()
            assert np.linalg.norm(sideways[nearest]) < 0.15
            assert {symbols[ion], symbols[below[nearest]]} == {"Li", "F"}


def test_vacuum_slab_has_the_asked_vacuum_and_one_gap() -> None:
    layers = [Layer("a", rock_salt(2)), Layer("b", rock_salt(3))]
    atoms = stack(layers, vacuum_angstrom=15.0)
    np.testing.assert_allclose(atoms.cell[2, 2] - np.ptp(atoms.positions[:, 2]), 15.0, rtol=1e-9, atol=0)
    assert (
        np.ptp(atoms.positions[:, 2]) < np.ptp(stack(layers, vacuum_angstrom=15.0, relax=False).positions[:, 2]) + 0.1
    )


def test_any_number_of_layers_is_labelled_in_order() -> None:
    names = ["a", "b", "c", "d"]
    atoms = stack([Layer(name, rock_salt(2)) for name in names])
    order = [atoms.positions[atoms.arrays["layer"] == name, 2].mean() for name in names]
    assert order == sorted(order)
    assert atoms.arrays["layer_id"].tolist() == [number for number in range(4) for _ in range(8)]


def test_metal_on_metal_uses_covalent_radii() -> None:
    slab = fcc111("Cu", size=(1, 1, 3), orthogonal=False)
    slab.set_cell([*slab.cell[:2], [0, 0, 6.0]])
    slab.positions[:, 2] -= slab.positions[:, 2].min()
    atoms = stack([Layer("a", slab), Layer("b", slab)])
    assert neighbor_list("d", atoms, 3.5).min() > 2.2


def test_layer_with_a_broken_contact_is_refused() -> None:
    broken = rock_salt(2)
    broken.positions[1] = broken.positions[0] + [0.4, 0, 0]
    with pytest.raises(StructureError, match="are 0.4. angstrom apart"):
        stack([Layer("a", rock_salt(2)), Layer("b", broken)])


def test_coated_cathode_floats_nowhere_and_labels_every_atom() -> None:
    requests = [SlabRequest("LiCoO2", (1, 1, 0), 5.6), SlabRequest("Li6PS5Cl", (1, 1, 0), 7.0)]
    slabs = match_slabs(requests, max_area_angstrom2=150, max_strain=0.02).slabs
    layers = [Layer("cathode", slabs[0]), Layer("electrolyte", slabs[1])]
    for relax in (False, True):
        atoms = stack(layers, relax=relax)
        symbols, owner = atoms.get_chemical_symbols(), atoms.arrays["layer"]
        first, second, distance = neighbor_list("ijd", atoms, 4.0)
        across = owner[first] != owner[second]
        contact = np.array([layer_contact(symbols[i], symbols[j]) for i, j in zip(first, second, strict=True)])
        nearest = (distance / contact)[across].min()
        assert nearest > (0.85 if relax else 1 - 1e-9)
        # The first contact is a contact: nothing floats.
        assert nearest < 1 + 1e-6
        assert (owner == "cathode").sum() == 96
        assert (owner == "electrolyte").sum() == 52
        if relax:
            # Polyanions are as they were.
            bonds = [
                d
                for i, j, d in zip(first, second, distance, strict=True)
                if symbols[i] == "P" and symbols[j] == "S" and d < 2.5
            ]
            np.testing.assert_allclose(bonds, 2.02, rtol=0, atol=0.1)
            assert atoms.cell[2, 2] < stack(layers, relax=False).cell[2, 2] - 0.5
