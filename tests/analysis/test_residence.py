"""Survival against counting every origin, residence against hops on a lattice."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.residence import absorbing_slab_survival, residence_times, slab_survival


def test_survival_equals_counting_every_origin() -> None:
    rng = np.random.default_rng(0)
    depth = np.cumsum(rng.normal(0, 0.5, (40, 25)), axis=0)
    found = slab_survival(depth, -2.0, 1.5, 0.5, max_lag_ps=5.0)
    inside = (depth >= -2.0) & (depth <= 1.5)
    for lag in range(11):
        origins = [(t, a) for t in range(40 - lag) for a in range(25) if inside[t, a]]
        stayed = [inside[t : t + lag + 1, a].all() for t, a in origins]
        np.testing.assert_allclose(found.survival[lag], np.mean(stayed), rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.lags_ps, np.arange(11) * 0.5, rtol=1e-12, atol=0)


def test_absorbing_walls_agree_with_the_diffusion_equation_solved_on_a_grid() -> None:
    width, d, n = 8.0, 0.3, 400
    h = width / n
    laplacian = (np.diag(np.full(n, -2.0)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)) / h**2
    # Walls lie half a bin outside the first and last middle.
    laplacian[0, 0] = laplacian[-1, -1] = -3.0 / h**2
    values, vectors = np.linalg.eigh(laplacian)
    times = np.array([0.5, 5.0, 30.0])
    expected = [(vectors.sum(axis=0) ** 2 * np.exp(values * d * t)).sum() / n for t in times]
    np.testing.assert_allclose(absorbing_slab_survival(times, d, width), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("smooth_frames", [1, 5])
def test_lattice_hopping_has_its_residence_time_and_rattling_has_none(smooth_frames: int) -> None:
    rng = np.random.default_rng(3)
    hop = rng.random((4000, 100)) < 0.01
    direction = np.eye(3)[rng.integers(0, 3, (4000, 100))] * rng.choice([-1, 1], (4000, 100, 1))
    path = np.cumsum(hop[..., None] * direction * 3.0, axis=0) + rng.normal(0, 0.2, (4000, 100, 3))
    found = residence_times(path, 0.5, jump_distance_angstrom=2.0, smooth_frames=smooth_frames)
    # A hop in a frame with probability 0.01: 0.5 ps / 0.01.
    assert abs(found.residence_time_ps - 50.0) < 4 * found.residence_time_error_ps
    np.testing.assert_allclose(
        found.residence_time_error_ps, found.residence_time_ps / np.sqrt(found.n_jumps), rtol=1e-12, atol=0
    )
    assert found.jumps_by_atom.sum() == found.n_jumps


def test_poisson_error_is_the_scatter_of_repeated_runs() -> None:
    found = []
    for seed in range(60):
        hop = np.random.default_rng(seed).random((500, 40)) < 0.01
        path = np.cumsum(hop[..., None] * np.array([3.0, 0, 0]), axis=0)
        found.append(residence_times(path, 1.0, jump_distance_angstrom=2.0))
    scatter = np.std([result.residence_time_ps for result in found], ddof=1)
    # Sixty runs: the scatter is known to nine per cent.
    np.testing.assert_allclose(scatter, np.mean([result.residence_time_error_ps for result in found]), rtol=0.3, atol=0)
