"""Diffusion along a layer and across it: walkers whose diffusivities are known."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.diffusion import diffusivity
from mlip_interfaces.analysis.layer_transport import filled_span, layer_transport
from mlip_interfaces.analysis.residence import slab_survival

TILTED = np.array([[12.0, 0.0, 0.0], [3.0, 11.0, 0.0], [4.0, -2.0, 60.0]])


def walkers(d_plane: float, d_across: float, n_frames: int, n_atoms: int, dt: float, seed: int) -> np.ndarray:
    sigma = np.sqrt(2.0 * np.array([d_plane, d_plane, d_across]) * dt)
    path = np.cumsum(np.random.default_rng(seed).normal(size=(n_frames, n_atoms, 3)) * sigma, axis=0)
    return path - path[0]


@pytest.mark.parametrize("image", [0.0, 1.0, -2.0])
def test_walkers_give_the_diffusivity_across_back_in_a_tilted_cell_whichever_image_they_start_in(image: float) -> None:
    d, dt, width = 2.0, 0.1, 18.0
    start = np.random.default_rng(2).uniform(0.0, width, 400)
    path = start + walkers(0.0, d, 1500, 400, dt, seed=1)[:, :, 2]
    # Walls three angstrom outside the layer send atoms back, so that they are spread evenly at all times.
    path = np.abs((path + 3.0 + 24.0) % 48.0 - 24.0) - 3.0
    moved = np.zeros((*path.shape, 3))
    moved[:, :, 2] = path - start
    found = layer_transport(moved, 0.8 + start / 60.0 + image, (0.8, 0.3), TILTED, dt, max_lag_ps=40.0)
    assert found.survivors is None
    assert found.survival is not None
    error = found.survival.diffusivity_error_cm2_per_s * 1e4
    assert abs(found.survival.diffusivity_cm2_per_s * 1e4 - d) < 4 * error
    assert error < 0.05 * d


def test_those_that_stay_walk_along_the_plane_as_all_do() -> None:
    moved = walkers(0.02, 0.05, 1500, 600, 0.1, seed=1)
    found = layer_transport(moved, np.random.default_rng(2).uniform(0.8, 1.1, 600), (0.8, 0.3), TILTED, 0.1)
    assert found.survivors is not None
    assert found.survival is not None
    assert 2 < found.survivors.n_atoms < 600
    assert abs(found.in_plane_cm2_per_s * 1e4 - 0.02) < 4 * found.in_plane_error_cm2_per_s * 1e4
    assert found.in_plane_error_cm2_per_s * 1e4 < 0.1 * 0.02


def test_in_plane_is_the_mean_along_x_and_y_and_across_has_no_part_in_it() -> None:
    moved = walkers(0.01, 0.0, 400, 50, 1.0, seed=3) * np.array([1.0, np.sqrt(3.0), 1.0])
    found = layer_transport(moved, np.full(50, 0.5), (0.25, 0.5), TILTED, 1.0)
    alone = diffusivity(moved, 1.0)
    assert found.survivors is not None
    assert found.survivors.n_atoms == 50
    x, y, _ = alone.by_direction_cm2_per_s
    np.testing.assert_allclose(found.in_plane_cm2_per_s, (x + y) / 2, rtol=1e-12, atol=0)
    # Twice 0.01 angstrom^2/ps, as sqrt(3) in y makes D_y three times D_x.
    assert abs(found.in_plane_cm2_per_s * 1e4 - 0.02) < 4 * found.in_plane_error_cm2_per_s * 1e4
    error_x, error_y, _ = alone.by_direction_error_cm2_per_s
    np.testing.assert_allclose(found.in_plane_error_cm2_per_s, np.sqrt(error_x**2 + error_y**2) / 2, rtol=1e-12, atol=0)
    # Nothing leaves: no diffusivity across.
    assert found.survival is None


def test_one_that_steps_out_once_is_no_survivor() -> None:
    moved = walkers(0.01, 0.0, 64, 6, 1.0, seed=4)
    moved[:, :, 2] = 0.0
    moved[30, 4, 2] = 0.3 * 60.0
    found = layer_transport(moved, np.full(6, 0.5), (0.25, 0.5), np.diag([10.0, 10.0, 60.0]), 1.0)
    assert found.survivors is not None
    assert found.survivors.n_atoms == 5


def test_survival_runs_to_half_of_the_run_and_counts_depths_along_the_normal() -> None:
    moved = walkers(0.01, 0.3, 201, 300, 0.5, seed=5)
    start = np.random.default_rng(6).uniform(0.1, 0.4, 300)
    found = layer_transport(moved, start, (0.1, 0.3), TILTED, 0.5).survival
    # The planes of the first two vectors are 60 angstrom apart: the third is tilted by its x and y alone.
    direct = slab_survival(start * 60.0 + moved[:, :, 2], 6.0, 24.0, 0.5, max_lag_ps=50.0)
    assert found is not None
    assert found.lags_ps[-1] == 50.0
    np.testing.assert_allclose(found.survival, direct.survival, rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.diffusivity_cm2_per_s, direct.diffusivity_cm2_per_s, rtol=1e-9, atol=0)


def test_a_single_atom_has_no_error_and_is_left_out() -> None:
    assert layer_transport(np.zeros((20, 1, 3)), np.array([0.5]), (0.4, 0.2), TILTED, 1.0).in_plane_cm2_per_s is None
    assert (
        layer_transport(np.zeros((20, 1, 3)), np.array([0.5]), (0.4, 0.2), TILTED, 1.0).in_plane_error_cm2_per_s is None
    )


def test_filled_span_leaves_the_largest_gap_wherever_the_cell_begins() -> None:
    depths = np.array([0.3, 0.35, 0.5, 0.62])
    for shift in np.linspace(-2.0, 2.0, 41):
        low, width = filled_span(depths + shift)
        np.testing.assert_allclose(width, 0.32, rtol=1e-9, atol=0)
        assert abs((low - 0.3 - shift + 0.5) % 1.0 - 0.5) < 1e-9
    # A layer that is all of a cell leaves the gap of its lattice.
    np.testing.assert_allclose(filled_span(np.arange(8) / 8.0)[1], 7 / 8, rtol=1e-12, atol=0)
