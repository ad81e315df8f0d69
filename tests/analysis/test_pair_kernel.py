"""The search for pairs: brute force over images, in cells of every shape, with atoms where rounding bites."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.neighbors import find_pairs, grouped
from mlip_interfaces.analysis.pair_kernel import collect_pairs, count_distances

CELLS = {
    "orthogonal": np.diag([17.0, 23.0, 19.0]),
    "tilted": np.array([[17.0, 0, 0], [-6.0, 15.0, 0], [5.0, 4.0, 18.0]]),
    "left-handed, turned": np.array([[2.0, 15.0, 3.0], [14.0, -3.0, 1.0], [1.0, 2.0, 16.0]]),
    "smaller than the cutoff": np.diag([4.1, 5.3, 3.7]),
    "small and tilted": np.array([[4.1, 0, 0], [1.9, 5.3, 0], [-1.2, 2.2, 6.7]]),
    "thin slab": np.diag([31.0, 29.0, 3.3]),
    "thin sheet": np.diag([3.3, 31.0, 29.0]),
    "needle": np.array([[3.1, 0, 0], [0.4, 3.6, 0], [0.0, 1.0, 90.0]]),
}
ALL_PAIRS = np.array([[0, 1, 2, 3], [-1, 4, 5, 6], [-1, -1, 7, 8], [-1, -1, -1, 9]])


def images_of(cell, cutoff, spread):
    """Lattice vectors of all images that may be within the cutoff of atoms that are up to `spread` cells apart."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    top = np.ceil(cutoff / heights).astype(int) + spread
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in top), indexing="ij"), axis=-1).reshape(-1, 3)
    return grid @ cell, (grid == 0).all(axis=1)


def brute_force(positions, cell, first, second, cutoff, spread=1):
    """All ordered (i, j, distance) below the cutoff, an atom and itself excepted unless in another image."""
    images, home = images_of(cell, cutoff, spread)
    rows = []
    for i in first:
        difference = positions[second][:, None] + images[None] - positions[i]
        distances = np.linalg.norm(difference, axis=-1)
        distances[np.ix_(second == i, home)] = np.inf
        j, k = np.nonzero(distances < cutoff)
        rows += [(i, second[a], distances[a, b]) for a, b in zip(j, k, strict=True)]
    return rows


def histograms(positions, cell, classes, channels, r_max, n_bins):
    members, start = grouped([classes == c for c in range(len(channels))])
    counts = np.zeros((1, channels.max() + 1, n_bins), dtype=np.int64)
    count_distances(positions[None], cell[None], members, start, channels, r_max, n_bins, counts)
    return counts[0]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_histograms_of_all_classes_equal_brute_force(cell, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_atoms = 60
    # The third class is empty; atoms lie up to one cell outside.
    classes = rng.choice([0, 1, 3], n_atoms, p=[0.6, 0.1, 0.3])
    positions = rng.uniform(-1.0, 2.0, (n_atoms, 3)) @ cell
    wrapped = (np.linalg.solve(cell.T, positions.T).T % 1.0) @ cell
    found = histograms(positions, cell, classes, ALL_PAIRS, 7.0, 137)
    # An odd number of bins: no lattice vector is as long as the edge of one.
    edges = np.linspace(0.0, 7.0, 138)
    for c in range(4):
        for d in range(c, 4):
            rows = brute_force(wrapped, cell, np.flatnonzero(classes == c), np.flatnonzero(classes == d), 7.0)
            expected = np.histogram([row[2] for row in rows], bins=edges)[0] // (2 if c == d else 1)
            np.testing.assert_array_equal(found[ALL_PAIRS[c, d]], expected, err_msg=f"classes {c} and {d}")


def test_pairs_that_look_the_other_way_are_the_same() -> None:
    rng = np.random.default_rng(3)
    cell, classes = CELLS["tilted"], rng.integers(0, 4, 300)
    positions = rng.random((300, 3)) @ cell
    one = histograms(positions, cell, classes, ALL_PAIRS, 6.0, 60)
    np.testing.assert_array_equal(one, histograms(positions, cell, classes, ALL_PAIRS.T.copy(), 6.0, 60))
    assert one.sum() > 8_000


@pytest.mark.parametrize("offset", [0.0, 1.0e-13, -1.0e-13, 1000.0])
def test_atoms_on_every_boundary_of_the_grid_are_counted_once(offset: float) -> None:
    # A simple cubic lattice whose atoms lie on the faces of cell, columns and layers; shells of 6, 12, 8, 6 and 24.
    points = np.stack(np.meshgrid(*(np.arange(8.0),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = 8.0 * np.eye(3)
    counts = histograms(points + offset, cell, np.zeros(512, dtype=np.int64), np.zeros((1, 1), dtype=np.int64), 2.3, 5)
    expected = np.histogram(
        np.sqrt([1.0] * 6 + [2.0] * 12 + [3.0] * 8 + [4.0] * 6 + [5.0] * 24), bins=5, range=(0, 2.3)
    )[0]
    np.testing.assert_array_equal(counts[0], 256 * expected)


def test_a_distance_near_the_edge_of_a_bin_is_binned_in_double_precision() -> None:
    # Pairs whose distance misses an edge by 1e-10 angstrom, far below what single precision can tell.
    rng = np.random.default_rng(4)
    edges = rng.integers(1, 80, 400) * 0.1
    sign = rng.choice([-1.0, 1.0], 400)
    for edge, side in zip(edges, sign, strict=True):
        positions = np.array([[20.0, 20.0, 20.0], [20.0 + edge + side * 1e-10, 20.0, 20.0]])
        counts = histograms(positions, 41.3 * np.eye(3), np.array([0, 1]), np.array([[-1, 0], [-1, -1]]), 8.0, 80)
        assert np.argmax(counts[0]) == round(edge / 0.1) - (side < 0) or (edge > 7.95 and counts.sum() == 0)


def test_a_class_without_atoms_and_no_atoms_at_all_have_no_pairs() -> None:
    cell = 10.0 * np.eye(3)
    channels = np.array([[0, 1], [-1, 2]])
    assert histograms(np.zeros((3, 3)) + [[0], [1], [2]], cell, np.zeros(3, dtype=int), channels, 4.0, 8)[1:].sum() == 0
    assert histograms(np.empty((0, 3)), cell, np.empty(0, dtype=int), channels, 4.0, 8).sum() == 0


@pytest.mark.parametrize("cutoff", [1.9, 5.2])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_pairs_of_overlapping_groups_equal_brute_force(cell, cutoff: float) -> None:
    rng = np.random.default_rng(5)
    positions = rng.random((50, 3)) @ cell
    first, second = rng.random(50) < 0.6, rng.random(50) < 0.6
    found = find_pairs(positions, cell, cutoff, first_mask=first, second_mask=second)
    expected = sorted(brute_force(positions, cell, np.flatnonzero(first), np.flatnonzero(second), cutoff, spread=2))
    got = sorted(zip(found.first.tolist(), found.second.tolist(), found.distances.tolist(), strict=True))
    assert [row[:2] for row in got] == [row[:2] for row in expected]
    np.testing.assert_allclose([row[2] for row in got], [row[2] for row in expected], rtol=1e-9, atol=0)
    scaled = np.linalg.solve(cell.T, (positions[found.first] + found.vectors - positions[found.second]).T)
    np.testing.assert_allclose(scaled, np.round(scaled), rtol=0, atol=1e-9)


def test_each_pair_of_classes_has_its_own_cutoff() -> None:
    rng = np.random.default_rng(6)
    cell, classes = CELLS["orthogonal"], rng.integers(0, 2, 400)
    positions = rng.random((400, 3)) @ cell
    members, start = grouped([classes == 0, classes == 1])
    cutoffs = np.array([[1.5, 3.0], [0.0, 2.2]])
    first, second, vectors = collect_pairs(positions, cell, members, start, cutoffs)
    distances = np.linalg.norm(vectors, axis=1)
    for c, d in ((0, 0), (0, 1), (1, 1)):
        chosen = (classes[first] == c) & (classes[second] == d)
        rows = brute_force(positions, cell, np.flatnonzero(classes == c), np.flatnonzero(classes == d), cutoffs[c, d])
        expected = sorted({(min(i, j), max(i, j)) for i, j, _ in rows})
        assert sorted({(min(i, j), max(i, j)) for i, j in zip(first[chosen], second[chosen], strict=True)}) == expected
        assert np.count_nonzero(chosen) == len(rows) // (2 if c == d else 1)
        assert distances[chosen].max() < cutoffs[c, d]
    assert not ((classes[first] == 1) & (classes[second] == 0)).any()
