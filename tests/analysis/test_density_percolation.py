"""Percolation of densities: a Boltzmann density whose passes are known, random grids against a search of many cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.ndimage import label

from mlip_interfaces.analysis.density_percolation import percolating_densities


def test_passes_of_a_boltzmann_density_are_its_barriers() -> None:
    # V/kT = sum of h/2 (1 - cos 2 pi s): along an axis the pass lies h over the bottom, exactly on a grid point.
    heights = np.array([2.0, 5.0, 3.5])
    s = [np.arange(n) / n for n in (8, 10, 12)]
    wells = [h / 2 * (1 - np.cos(2 * np.pi * x)) for h, x in zip(heights, s, strict=True)]
    density = np.exp(-np.add.outer(np.add.outer(wells[0], wells[1]), wells[2]))
    found = percolating_densities(density)
    np.testing.assert_allclose(np.log(density.max() / found.axes), heights, rtol=1e-12, atol=0)
    np.testing.assert_allclose(np.log(density.max() / found.directions), np.sort(heights), rtol=1e-12, atol=0)


def test_a_channel_along_the_diagonal_is_one_direction_along_two_axes() -> None:
    density = np.zeros((5, 5, 3))
    for k in range(5):
        density[k, k, 1] = density[k, (k + 1) % 5, 1] = 2.0 + k
    found = percolating_densities(density)
    assert found.directions.tolist() == [2.0, 0.0, 0.0]
    assert found.axes.tolist() == [2.0, 2.0, 0.0]


def test_crossing_channels_count_together_only_where_they_are_joined() -> None:
    density = np.zeros((6, 6, 6))
    density[:, 0, 0], density[0, :, 3] = 5.0, 4.0
    found = percolating_densities(density)
    assert found.directions.tolist() == [5.0, 0.0, 0.0]
    assert found.axes.tolist() == [5.0, 4.0, 0.0]
    density[0, 0, 1:3] = 1.0
    assert percolating_densities(density).directions.tolist() == [5.0, 1.0, 0.0]
    # The other way round from 3 to 0 closes a loop along c.
    density[0, 0, 4:] = 0.5
    assert percolating_densities(density).directions.tolist() == [5.0, 1.0, 0.5]


def test_what_is_not_visited_does_not_percolate() -> None:
    density = np.zeros((4, 4, 4))
    assert percolating_densities(density).axes.tolist() == [0.0, 0.0, 0.0]
    density[1:3, 1:3, 1:3] = 7.0
    assert percolating_densities(density).directions.tolist() == [0.0, 0.0, 0.0]
    assert percolating_densities(np.full((3, 2, 1), 0.25)).directions.tolist() == [0.25, 0.25, 0.25]


def explicit(is_open: np.ndarray, reach: int = 4) -> tuple[int, np.ndarray]:
    """Directions and axes by labelling the open voxels of many cells."""
    cells = list(itertools.product(range(-reach, reach + 1), repeat=3))
    many = np.tile(is_open, (2 * reach + 1,) * 3)
    parts, _ = label(many)
    shape = np.array(is_open.shape)
    rank, axes = 0, np.zeros(3, dtype=bool)
    for voxel in np.argwhere(is_open):
        here = parts[tuple(voxel + reach * shape)]
        images = np.array([cell for cell in cells if parts[tuple(voxel + (np.array(cell) + reach) * shape)] == here])
        rank = max(rank, int(np.linalg.matrix_rank(images)))
        axes |= images.any(axis=0)
    return rank, axes


@pytest.mark.parametrize("seed", range(4))
def test_random_grids_agree_with_a_search_of_many_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = ((3, 3, 2), (2, 4, 2), (3, 2, 3), (1, 4, 3))[seed]
    density = rng.permutation(int(np.prod(shape))).reshape(shape) + 1.0
    found = percolating_densities(density)
    for level in np.unique(density):
        rank, axes = explicit(density >= level)
        assert np.count_nonzero(found.directions >= level) == rank
        assert (found.axes >= level).tolist() == axes.tolist()


def test_a_turned_or_moved_grid_has_the_same_levels() -> None:
    rng = np.random.default_rng(7)
    density = rng.exponential(size=(9, 7, 8))
    found = percolating_densities(density)
    moved = percolating_densities(np.roll(density, (4, 3, -2), axis=(0, 1, 2)))
    turned = percolating_densities(density.transpose(2, 0, 1))
    np.testing.assert_array_equal(found.axes, moved.axes)
    np.testing.assert_array_equal(found.directions, moved.directions)
    np.testing.assert_array_equal(found.axes[[2, 0, 1]], turned.axes)
    assert found.directions[0] == found.axes.max()
    assert found.directions[0] >= found.directions[1] >= found.directions[2] > 0.0
