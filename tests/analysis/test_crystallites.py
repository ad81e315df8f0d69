"""Bond-orientational order against freud, packings against their known order, grains against slow clustering."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.crystallites import bond_order, grains


@pytest.fixture(scope="module")
def disordered():
    rng = np.random.default_rng(2)
    cell = np.array([[14.0, 0.0, 0.0], [3.0, 13.0, 0.0], [-2.0, 2.5, 15.0]])
    positions = rng.random((220, 3)) @ cell
    return positions, cell, bond_order(positions, cell, 7.5)


def first_shell(freud, positions: np.ndarray, cell: np.ndarray):
    """Freud's twelve nearest, those beyond 1.3 times the mean distance of the four nearest left out."""
    box = freud.box.Box.from_matrix(cell.T)
    points = box.wrap(positions)
    pairs = freud.locality.AABBQuery(box, points).query(points, {"num_neighbors": 12, "exclude_ii": True})
    listed = pairs.toNeighborList()
    reach = [1.3 * np.sort(listed.distances[listed.query_point_indices == a])[:4].mean() for a in range(len(points))]
    return box, points, listed.filter(listed.distances <= np.array(reach)[listed.query_point_indices])


@pytest.mark.parametrize("degree", [4, 6])
@pytest.mark.parametrize("average", [False, True])
def test_order_of_a_disordered_triclinic_cell_is_that_of_freud(disordered, degree: int, average: bool) -> None:
    freud = pytest.importorskip("freud")
    positions, cell, order = disordered
    box, points, shell = first_shell(freud, positions, cell)
    steinhardt = freud.order.Steinhardt(l=degree, average=average)
    steinhardt.compute((box, points), neighbors=shell)
    np.testing.assert_allclose(order.q(degree, averaged=average), steinhardt.particle_order, rtol=2e-4, atol=0)


def test_bonds_of_solids_are_those_of_freud(disordered) -> None:
    freud = pytest.importorskip("freud")
    positions, cell, _ = disordered
    box, points, shell = first_shell(freud, positions, cell)
    solid = freud.order.SolidLiquid(l=6, q_threshold=0.5, solid_threshold=4)
    solid.compute((box, points), neighbors=shell)
    order = bond_order(positions, cell, 7.5, least_correlation=0.5)
    np.testing.assert_array_equal(order.n_bonds, solid.num_connections.astype(int))
    assert order.n_bonds.max() >= 3


def packed(layers: str, repeats: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Close-packed layers in the order of their names, neighbours 4 angstrom apart."""
    cell = np.array([[4.0, 0, 0], [2.0, 2 * np.sqrt(3), 0], [0, 0, 4 * np.sqrt(2 / 3) * len(layers)]])
    shift = {"A": [0, 0], "B": [1 / 3, 1 / 3], "C": [2 / 3, 2 / 3]}
    basis = np.array([[*shift[layer], k / len(layers)] for k, layer in enumerate(layers)])
    steps = np.stack(np.meshgrid(*[np.arange(n) for n in repeats], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return (steps + basis).reshape(-1, 3) @ cell, cell * np.array(repeats)[:, None]


@pytest.mark.parametrize(
    ("layers", "repeats", "q4", "q6", "packing"),
    [("ABC", (5, 5, 2), 0.19094, 0.57452, "fcc"), ("AB", (5, 5, 3), 0.09722, 0.48476, "hcp")],
)
def test_packings_have_their_known_order(layers: str, repeats, q4: float, q6: float, packing: str) -> None:
    positions, cell = packed(layers, repeats)
    order = bond_order(positions, cell, 5.0)
    np.testing.assert_allclose(order.q(4), q4, rtol=1e-4, atol=0)
    np.testing.assert_allclose(order.q(6), q6, rtol=1e-4, atol=0)
    rng = np.random.default_rng(4)
    shaken = bond_order(positions + rng.normal(0.0, 0.15, positions.shape), cell, 6.0)
    (grain,) = grains(shaken)
    assert grain.packing == packing
    assert grain.atoms.size == len(positions)
    np.testing.assert_allclose(grain.diameter_angstrom**3 * np.pi / 6, np.linalg.det(cell), rtol=0.05, atol=0)
    assert grain.misfit < 0.2


def test_a_simple_cubic_lattice_is_no_close_packing() -> None:
    """Its first shell is six, and bcc has neighbours where these are."""
    positions = np.stack(np.meshgrid(*[np.arange(6)] * 3), axis=-1).reshape(-1, 3) * 3.0
    shaken = positions + np.random.default_rng(5).normal(0.0, 0.05, positions.shape)
    found = grains(bond_order(shaken, np.eye(3) * 18.0, 6.5))
    assert {grain.packing for grain in found} == {"sc"}
    for grain in found:
        np.testing.assert_allclose(grain.axes, np.eye(3), rtol=0, atol=0.02)
        np.testing.assert_allclose(grain.diameter_angstrom**3 * np.pi / 6, 27.0 * grain.atoms.size, rtol=0.03, atol=0)


def test_grains_equal_slow_clustering() -> None:
    positions, cell = packed("ABC", (6, 6, 2))
    rng = np.random.default_rng(6)
    wild = rng.random(len(positions)) < 0.35
    positions = positions + rng.normal(0.0, np.where(wild, 0.9, 0.1)[:, None], positions.shape)
    order = bond_order(positions, cell, 7.0)
    core = {a for a in range(len(positions)) if order.n_bonds[a] >= 7}
    links = {
        a: [int(b) for b, bonded in zip(order.neighbors[a], order.bonded[a], strict=True) if bonded]
        for a in range(len(positions))
    }
    group: dict[int, int] = {}
    for a in sorted(core):
        if a in group:
            continue
        reached = [a]
        while reached:
            b = reached.pop()
            if b in group:
                continue
            group[b] = a
            # Neighbours of either side: the twelve nearest of one need not have it among theirs.
            reached += [c for c in core if c in links[b] or b in links[c]]
    expected: dict[int, set[int]] = {}
    for a, root in group.items():
        expected.setdefault(root, set()).add(a)
    for a in set(range(len(positions))) - core:
        near = [group[b] for b in links[a] if b in core]
        if near and max(near.count(root) for root in near) >= 2:
            expected[max(dict.fromkeys(near), key=near.count)].add(a)
    found = [set(grain.atoms.tolist()) for grain in grains(order, least_atoms=1)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected.values()))
    assert len(core) < sum(len(atoms) for atoms in found) < len(positions)


@pytest.mark.parametrize("layers", ["ABC", "AB"])
def test_atoms_at_a_surface_are_of_the_crystal(layers: str) -> None:
    """A slab between vacuums: its faces lack three neighbours of twelve, and none of the second shell stands in for them."""
    positions, cell = packed(layers, (6, 6, 6 // len(layers)))
    cell = cell + np.diag([0.0, 0.0, 20.0])
    order = bond_order(positions + np.random.default_rng(8).normal(0.0, 0.1, positions.shape), cell, 6.5)
    counts = np.unique((order.neighbors >= 0).sum(axis=1), return_counts=True)
    assert [array.tolist() for array in counts] == [[9, 12], [72, 144]]
    (grain,) = grains(order)
    assert (grain.atoms.size, grain.packing) == (len(positions), {"ABC": "fcc", "AB": "hcp"}[layers])
    np.testing.assert_allclose(grain.spacing_angstrom, 4.0, rtol=0.01, atol=0)


def test_without_neighbours_there_is_no_order() -> None:
    order = bond_order(np.random.default_rng(7).random((8, 3)) * 30.0, np.eye(3) * 30.0, 2.0)
    assert not order.q(6).any()
    assert not order.n_bonds.any()
    assert grains(order) == []
