"""Survival against counting every origin, residence against hops on a lattice."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.residence import absorbing_slab_survival, residence_times, slab_survival
from mlip_interfaces.errors import AnalysisError


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


def test_atoms_that_only_rattle_give_a_lower_bound_and_too_few_frames_are_refused() -> None:
    rng = np.random.default_rng(3)
    still = residence_times(rng.normal(0, 0.1, (500, 10, 3)), 1.0, jump_distance_angstrom=2.0, smooth_frames=5)
    assert still.n_jumps == 0
    assert still.residence_time_ps == np.inf
    # Of runs with three jumps to be expected, 95 % have one: ion-time over three.
    np.testing.assert_allclose(still.lower_bound_ps, 10 * 495 / 3, rtol=1e-12, atol=0)
    with pytest.raises(AnalysisError, match="averaged over 5 frames need more than 4"):
        residence_times(np.zeros((4, 2, 3)), 1.0, jump_distance_angstrom=2.0, smooth_frames=5)
    with pytest.raises(AnalysisError, match="averaged over 1 frame need more than 1"):
        residence_times(np.zeros((1, 2, 3)), 1.0, jump_distance_angstrom=2.0)


def test_survival_between_absorbing_walls_gives_the_diffusivity_back() -> None:
    np.testing.assert_allclose(absorbing_slab_survival(np.array([10.0]), 0.1, 10.0)[0], 8 / np.pi**2 * sum(
        np.exp(-(n * np.pi / 10) ** 2) / n**2 for n in (1, 3, 5, 7)), rtol=1e-3, atol=0)  # fmt: skip
    rng = np.random.default_rng(4)
    dt, d = 0.02, 0.5
    path = rng.uniform(-20, 20, 600) + np.cumsum(rng.normal(0, np.sqrt(2 * d * dt), (2000, 600)), axis=0)
    found = slab_survival(path, -5.0, 5.0, dt, max_lag_ps=20.0)
    assert abs(found.diffusivity_cm2_per_s * 1e4 - d) < 4 * found.diffusivity_error_cm2_per_s * 1e4
    assert found.diffusivity_error_cm2_per_s * 1e4 < 0.15 * d
    assert found.survival[0] == 1.0
    assert (np.diff(found.survival) <= 1e-12).all()
    with pytest.raises(AnalysisError, match="No atom is between"):
        slab_survival(path, 1000.0, 1001.0, dt, max_lag_ps=1.0)
    with pytest.raises(AnalysisError, match="longer run"):
        slab_survival(np.zeros((50, 5)), -5.0, 5.0, dt, max_lag_ps=1.0)
    with pytest.raises(AnalysisError, match="more often"):
        slab_survival(rng.uniform(-50, 50, (200, 80)), -5.0, 5.0, dt, max_lag_ps=1.0)


@pytest.mark.parametrize("dt", [0.05, 0.2])
def test_rarely_written_frames_do_not_slow_atoms_down(dt: float) -> None:
    # Crossings between frames go unseen: without the shifted walls 0.89 and 0.81 of the truth.
    rng = np.random.default_rng(7)
    ratios = []
    for _ in range(6):
        path = rng.uniform(-20, 20, 600) + np.cumsum(rng.normal(0, np.sqrt(dt), (int(40 / dt), 600)), axis=0)
        ratios.append(slab_survival(path, -5.0, 5.0, dt, max_lag_ps=20.0).diffusivity_cm2_per_s * 1e4 / 0.5)
    assert abs(np.mean(ratios) - 1.0) < 4 * np.std(ratios, ddof=1) / np.sqrt(6)
    assert abs(np.mean(ratios) - 1.0) < 0.1
