"""Percolation of networks: built by hand, against an explicit search of many cells, and against pymatgen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mlip_interfaces.screening.migration.hops import Edge, distinct_hops, reverse, sites_of
from mlip_interfaces.screening.migration.percolation import AXES, percolation
from mlip_interfaces.structures.crystals import load_crystal


def levels_of(n_sites: int, edges: list[Edge], levels: list[float]) -> tuple[dict[int, float], dict[str, float]]:
    found = percolation(n_sites, edges, levels)
    return (
        {number: one.level for number, one in found.directions.items()},
        {axis: one.level for axis, one in found.axes.items()},
    )


def test_a_ladder_a_layer_and_a_cage_by_hand() -> None:
    ladder: list[Edge] = [(0, 1, (0, 0, 0)), (0, 0, (0, 1, 0)), (1, 1, (0, 1, 0))]
    assert levels_of(2, ladder, [0.9, 0.3, 0.2]) == ({1: 0.2}, {"b": 0.2})
    # Two sites that alternate along a: both steps are needed.
    zigzag: list[Edge] = [(0, 1, (0, 0, 0)), (1, 0, (1, 0, 0))]
    assert levels_of(2, zigzag, [0.2, 0.4]) == ({1: 0.4}, {"a": 0.4})
    cage: list[Edge] = [(0, 1, (0, 0, 0)), (1, 2, (0, 1, 0)), (2, 0, (0, -1, 0))]
    assert levels_of(3, cage, [0.1, 0.2, 0.3]) == ({}, {})
    # A channel along the diagonal advances along two axes, and is one direction.
    assert levels_of(1, [(0, 0, (1, 1, 0))], [0.5]) == ({1: 0.5}, {"a": 0.5, "b": 0.5})
    layer: list[Edge] = [(0, 0, (1, 1, 0)), (0, 0, (1, -1, 0)), (0, 0, (1, 0, 0))]
    assert levels_of(1, layer, [0.5, 0.6, 0.7])[0] == {1: 0.5, 2: 0.6}


def test_channels_that_cross_far_apart_are_two_directions_only_when_joined() -> None:
    edges: list[Edge] = [(0, 0, (1, 0, 0)), (1, 1, (0, 1, 0)), (0, 1, (0, 0, 0)), (0, 1, (0, 0, 1))]
    found = percolation(2, edges, [0.1, 0.2, 0.6, 0.7])
    assert {number: one.level for number, one in found.directions.items()} == {1: 0.1, 2: 0.6, 3: 0.7}
    assert found.directions[2].limiting == 2
    assert {axis: one.level for axis, one in found.axes.items()} == {"a": 0.1, "b": 0.2, "c": 0.7}


def test_the_path_through_the_limit_is_the_shortest_and_closes() -> None:
    # Along a: 0 -> 1 -> 0', or the detour over 2 that opens earlier and is then not taken.
    edges: list[Edge] = [(0, 1, (0, 0, 0)), (0, 2, (0, 0, 0)), (2, 1, (0, 0, 0)), (1, 0, (1, 0, 0))]
    found = percolation(3, edges, [0.3, 0.1, 0.2, 0.4]).axes["a"]
    assert (found.level, found.limiting) == (0.4, 3)
    assert [(step.number, step.edge, step.is_forward) for step in found.path] == [
        (3, (1, 0, (1, 0, 0)), True),
        (0, (0, 1, (0, 0, 0)), True),
    ]


def explicit(n_sites: int, edges: list[Edge], reach: int = 4) -> tuple[int, set[str]]:
    """Directions and axes by joining the sites of many cells, one by one."""
    cells = list(itertools.product(range(-reach, reach + 1), repeat=3))
    number = {cell: place for place, cell in enumerate(cells)}
    pairs = [
        (number[cell] * n_sites + i, number[there] * n_sites + j)
        for cell in cells
        for i, j, shift in edges
        if (there := tuple(np.add(cell, shift).tolist())) in number
    ]
    total = n_sites * len(cells)
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    _, part = connected_components(
        coo_array((np.ones(len(rows)), (rows, columns)), shape=(total, total)), directed=False
    )
    part = part.reshape(len(cells), n_sites)
    home = number[(0, 0, 0)]
    rank, axes = 0, set()
    for site in range(n_sites):
        images = np.array(cells)[part[:, site] == part[home, site]]
        rank = max(rank, int(np.linalg.matrix_rank(images)))
        axes |= {axis for axis, column in zip(AXES, images.T, strict=True) if column.any()}
    return rank, axes


def test_random_networks_agree_with_a_search_of_many_cells() -> None:
    rng = np.random.default_rng(20)
    seen = set()
    for _ in range(40):
        n_sites, n_edges = int(rng.integers(1, 4)), int(rng.integers(1, 7))
        edges: list[Edge] = []
        for _ in range(n_edges):
            i, j = rng.integers(0, n_sites, 2).tolist()
            a, b, c = rng.choice([-1, 0, 0, 1], 3).tolist()
            if i != j or a or b or c:
                edges.append((i, j, (a, b, c)))
        levels = rng.permutation(len(edges)).astype(float).tolist()
        by_direction, by_axis = levels_of(n_sites, edges, levels)
        for level in levels:
            rank, axes = explicit(n_sites, [edge for edge, one in zip(edges, levels, strict=True) if one <= level])
            assert max((number for number, one in by_direction.items() if one <= level), default=0) == rank
            assert {axis for axis, one in by_axis.items() if one <= level} == axes
            seen.add(rank)
    assert seen == {0, 1, 2, 3}


def test_paths_of_random_networks_are_walks_below_their_level() -> None:
    rng = np.random.default_rng(3)
    n_paths = 0
    for _ in range(60):
        edges: list[Edge] = []
        for _ in range(12):
            i, j = rng.integers(0, 5, 2).tolist()
            a, b, c = rng.choice([-1, 0, 0, 0, 1], 3).tolist()
            if i != j or a or b or c:
                edges.append((i, j, (a, b, c)))
        levels = rng.random(len(edges)).tolist()
        found = percolation(5, edges, levels)
        for axis, one in found.axes.items():
            n_paths += 1
            steps = one.path
            assert steps[0].number == one.limiting
            for step, following in zip(steps, (*steps[1:], steps[0]), strict=True):
                assert step.edge == (edges[step.number] if step.is_forward else reverse(edges[step.number]))
                assert step.edge[1] == following.edge[0]
            assert max(levels[step.number] for step in steps) == one.level == levels[one.limiting]
            assert sum(step.edge[2][AXES.index(axis)] for step in steps) != 0
    assert n_paths > 50


REACHES = {
    "LiCoO2": (2.9, 5.1),
    "Li3P": (2.6, 2.77, 2.8),
    "Li7P3S11": (3.3, 3.6, 3.79, 3.9),
    "gamma-Li3PO4": (2.7, 2.95, 3.2),
}


@pytest.mark.parametrize("name", REACHES)
def test_dimensions_are_those_of_pymatgen(name: str) -> None:
    from pymatgen.analysis.dimensionality import get_dimensionality_larsen
    from pymatgen.analysis.graphs import StructureGraph
    from pymatgen.core import Lattice, Structure

    sites = sites_of(load_crystal(name), "Li")
    bare = Structure(Lattice(sites.cell), ["Li"] * len(sites.labels), sites.fractional, to_unit_cell=False)
    seen = set()
    for reach in REACHES[name]:
        edges = [edge for hop in distinct_hops(sites, reach) for edge in hop.edges]
        graph = StructureGraph.from_edges(bare, {(i, j, (0, 0, 0), s): None for i, j, s in edges})
        rank = max(percolation(len(sites.labels), edges, [0.0] * len(edges)).directions, default=0)
        assert rank == get_dimensionality_larsen(graph)
        seen.add(rank)
    assert 3 in seen
    assert len(seen) > 1
