"""MSD and diffusivity: analytic motions, brute force, recovery of a known D, coverage of the interval."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.diffusion import diffusivity, per_atom_msd
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.trajectory import remove_drift


def walk(rng: np.random.Generator, n_frames: int, n_atoms: int, d: float, dt: float) -> np.ndarray:
    """Brownian walk with diffusivity d, angstrom^2/ps."""
    steps = rng.normal(0.0, np.sqrt(2 * d * dt), (n_frames - 1, n_atoms, 3))
    return np.concatenate([np.zeros((1, n_atoms, 3)), np.cumsum(steps, axis=0)])


def test_ballistic_motion_gives_quadratic_msd() -> None:
    velocity = np.array([0.3, -0.2, 0.5])
    path = np.arange(20)[:, None, None] * velocity
    np.testing.assert_allclose(
        per_atom_msd(path)[:, 0], np.arange(20) ** 2 * (velocity @ velocity), rtol=1e-9, atol=1e-9
    )


def test_msd_equals_brute_force_over_all_origins_far_from_the_origin() -> None:
    rng = np.random.default_rng(5)
    path = walk(rng, 30, 4, 0.01, 1.0)
    moved = remove_drift(
        np.concatenate([path + 1000.0, np.full((30, 1, 3), 1000.0)], axis=1), np.array([0, 0, 0, 0, 1.0])
    )
    msd = per_atom_msd(moved[:, :4])
    for lag in (1, 7, 29):
        brute = ((path[lag:] - path[: 30 - lag]) ** 2).sum(axis=2).mean(axis=0)
        np.testing.assert_allclose(msd[lag], brute, rtol=1e-8, atol=0)


def test_known_diffusivity_is_recovered_within_its_error() -> None:
    # 0.1 angstrom^2/ps is 1e-5 cm^2/s.
    result = diffusivity(walk(np.random.default_rng(6), 500, 3000, 0.1, 0.5), 0.5)
    assert abs(result.diffusivity_cm2_per_s - 1e-5) < 4 * result.diffusivity_error_cm2_per_s
    assert result.diffusivity_error_cm2_per_s < 2e-7
    assert result.diffusive
    np.testing.assert_allclose(result.log_log_slope, 1.0, rtol=0, atol=0.1)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(200):
        low, high = diffusivity(walk(rng, 100, 40, 0.1, 1.0), 1.0).confidence_95_cm2_per_s
        inside += low <= 1e-5 <= high
    assert 176 <= inside <= 198


def test_rattling_atoms_have_an_interval_that_contains_zero() -> None:
    rng = np.random.default_rng(8)
    inside = 0
    for _ in range(100):
        low, high = diffusivity(rng.normal(0, 0.1, (100, 30, 3)), 0.1).confidence_95_cm2_per_s
        inside += low <= 0 <= high
    assert inside >= 88


def test_drift_is_removed_in_the_mass_weighted_frame() -> None:
    rng = np.random.default_rng(9)
    masses = np.array([7.0, 32.0, 59.0])
    positions = rng.normal(size=(10, 3, 3))
    free = remove_drift(positions + np.arange(10)[:, None, None] * np.array([1.0, 2.0, 3.0]), masses)
    np.testing.assert_allclose(np.einsum("tai,a->ti", free, masses), 0.0, rtol=0, atol=1e-10)
    np.testing.assert_allclose(free, remove_drift(positions, masses), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("shape", "message"), [((5, 10, 3), "at least 8 frames"), ((50, 1, 3), "at least two atoms")])
def test_too_little_data_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        diffusivity(np.zeros(shape), 1.0)
