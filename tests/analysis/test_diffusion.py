"""MSD and diffusivity: analytic motions, brute force, recovery of a known D, coverage of the interval."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.diffusion import (
    BELOW_A_JUMP,
    CHANGES,
    diffusivity,
    independent_share,
    mean_msd,
    msd_by_atom,
)
from mlip_interfaces.analysis.displacement_store import DisplacementStore
from mlip_interfaces.analysis.lag_fit import walk_covariance
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.trajectory import remove_drift, unwrap


def walk(rng: np.random.Generator, n_frames: int, n_atoms: int, d: float, dt: float) -> np.ndarray:
    """Brownian walk with diffusivity d, angstrom^2/ps."""
    steps = rng.normal(0.0, np.sqrt(2 * d * dt), (n_frames - 1, n_atoms, 3))
    return np.concatenate([np.zeros((1, n_atoms, 3)), np.cumsum(steps, axis=0)])


def test_ballistic_motion_gives_quadratic_msd() -> None:
    velocity = np.array([0.3, -0.2, 0.5])
    path = np.arange(20)[:, None, None] * velocity
    np.testing.assert_allclose(mean_msd(path), np.arange(20) ** 2 * (velocity @ velocity), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_msd_equals_brute_force_over_all_origins_far_from_the_origin(precision: type) -> None:
    rng = np.random.default_rng(5)
    path = walk(rng, 30, 4, 0.01, 1.0)
    still = np.full((30, 1, 3), 1000.0)
    moved = remove_drift(np.concatenate([path + 1000.0, still], axis=1), np.array([0, 0, 0, 0, 1.0]))[:, :4]
    lags = np.array([1, 7, 29])
    by_atom = msd_by_atom(moved.astype(precision), lags)
    for row, lag in enumerate(lags):
        brute = ((path[lag:] - path[: 30 - lag]) ** 2).mean(axis=0)
        np.testing.assert_allclose(by_atom[row], brute, rtol=1e-5 if precision is np.float32 else 1e-8, atol=0)
    whole = mean_msd(moved.astype(precision))
    np.testing.assert_allclose(whole[lags], by_atom.sum(axis=2).mean(axis=1), rtol=1e-9, atol=0)
    # Single-precision positions a hundred angstrom from the origin give negative numbers elsewhere.
    assert (whole[1:] > 0).all()


def test_blocks_of_atoms_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    path = walk(np.random.default_rng(1), 50, 7, 0.1, 1.0)
    whole, lags = mean_msd(path), np.arange(50)
    by_atom = msd_by_atom(path, lags)
    monkeypatch.setattr("mlip_interfaces.analysis.diffusion.BLOCK_BYTES", 1)
    np.testing.assert_allclose(mean_msd(path), whole, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(msd_by_atom(path, lags), by_atom, rtol=1e-12, atol=1e-12)


def test_msd_agrees_with_mdanalysis() -> None:
    import MDAnalysis
    from MDAnalysis.analysis.msd import EinsteinMSD

    path = walk(np.random.default_rng(2), 100, 12, 0.05, 1.0)
    universe = MDAnalysis.Universe.empty(12, trajectory=True)
    universe.load_new(path.astype(np.float32))
    reference = EinsteinMSD(universe, select="all", msd_type="xyz", fft=False).run().results.timeseries
    np.testing.assert_allclose(mean_msd(path), reference, rtol=1e-5, atol=1e-6)


def test_msd_agrees_with_freud_near_the_origin() -> None:
    import freud

    path = walk(np.random.default_rng(17), 200, 15, 0.05, 1.0)
    reference = freud.msd.MSD(mode="window").compute(path - path[0]).msd
    # Single precision there.
    np.testing.assert_allclose(mean_msd(path)[1:], reference[1:], rtol=2e-3, atol=0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_diffusivity_and_its_error_agree_with_kinisi(noise: float) -> None:
    import MDAnalysis
    import scipp
    from kinisi.analyze import DiffusionAnalyzer

    rng = np.random.default_rng(3)
    path = walk(rng, 200, 30, 0.05, 1.0) + (rng.normal(0, noise, (200, 30, 3)) if noise else 0.0)
    framework = np.array([[85.0, 85, 85], [95, 95, 95], [105, 85, 95], [85, 105, 105]])
    everyone = np.concatenate([path + 100.0, np.repeat(framework[None], 200, axis=0)], axis=1)
    universe = MDAnalysis.Universe.empty(34, trajectory=True)
    universe.add_TopologyAttr("types", ["LI"] * 30 + ["S"] * 4)
    universe.add_TopologyAttr("names", ["LI"] * 30 + ["S"] * 4)
    universe.load_new(everyone.astype(np.float32), dimensions=np.array([200.0, 200, 200, 90, 90, 90], dtype=np.float32))
    reference = DiffusionAnalyzer.from_universe(
        universe,
        specie="LI",
        time_step=1.0 * scipp.Unit("ps"),
        step_skip=1 * scipp.Unit("dimensionless"),
        progress=False,
    )
    reference.diffusion(1.0 * scipp.Unit("ps"), progress=False, random_state=np.random.RandomState(1))
    samples = reference.D.to(unit="cm^2/s").values
    ours = diffusivity(path - path[0], 1.0)
    # The same data and two estimators: they differ by less than either error.
    assert abs(ours.diffusivity_cm2_per_s - samples.mean()) < 2 * samples.std()
    assert 0.4 < ours.diffusivity_error_cm2_per_s / samples.std() < 1.5


def test_harmonic_motion_has_the_plateau_of_equipartition() -> None:
    # An Ornstein-Uhlenbeck process of variance kT/k per direction: 2 * 3 kT/k.
    rng = np.random.default_rng(3)
    msd = mean_msd(rng.normal(0, 0.2, (2000, 50, 3)))[1:500]
    np.testing.assert_allclose(msd.mean(), 6 * 0.04, rtol=0.01, atol=0)


def test_covariance_of_a_walk_is_that_of_many_walks() -> None:
    rng = np.random.default_rng(4)
    n_frames, lags, n_walks = 60, np.array([1, 3, 6]), 4000
    path = np.cumsum(rng.normal(0, 1.0, (n_walks, n_frames)), axis=1) + rng.normal(0, 0.8, (n_walks, n_frames))
    other = np.cumsum(rng.normal(0, 0.5, (n_walks, n_frames)), axis=1) + 0.7 * path
    products = np.stack(
        [((path[:, k:] - path[:, :-k]) * (other[:, k:] - other[:, :-k])).mean(axis=1) for k in lags], axis=1
    )
    # <dx dx> = 1.28 + k; <dy dy> = 0.25 k + 0.49 (1.28 + k); <dx dy> = 0.7 (1.28 + k).
    expected = walk_covariance(n_frames, lags, (1.28, 1.0), (0.49 * 1.28, 0.74), (0.7 * 1.28, 0.7))
    measured = np.cov(products, rowvar=False)
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    # Four sigma of a covariance from so many samples.
    assert (np.abs(measured - expected) / size < 4 * np.sqrt(2.0 / n_walks)).all()


def test_store_gives_back_what_went_in_from_memory_and_from_disk() -> None:
    rng = np.random.default_rng(6)
    moved = rng.normal(size=(40, 9, 3))
    mask = np.array([True, False, True] * 3)
    part = np.array([True, False, False] * 3)
    for memory in (10**9, 500):
        with DisplacementStore(mask, memory_bytes=memory) as store:
            for start in range(0, 40, 7):
                store.add(moved[start : start + 7])
            np.testing.assert_allclose(store.array(), moved[:, mask], rtol=1e-6, atol=0)
            np.testing.assert_allclose(store.of(part), moved[:, part], rtol=1e-6, atol=0)


def test_known_diffusivity_is_recovered_within_its_error() -> None:
    # 0.1 angstrom^2/ps is 1e-5 cm^2/s.
    result = diffusivity(walk(np.random.default_rng(6), 500, 3000, 0.1, 0.5), 0.5)
    assert abs(result.diffusivity_cm2_per_s - 1e-5) < 4 * result.diffusivity_error_cm2_per_s
    assert result.diffusivity_error_cm2_per_s < 2e-7
    assert result.diffusive
    np.testing.assert_allclose(result.log_log_slope, 1.0, rtol=0, atol=0.1)


MOTIONS = {
    "free walk": (0.05, lambda rng: walk(rng, 200, 25, 0.05, 1.0)),
    "walk of less than a jump": (0.002, lambda rng: walk(rng, 400, 100, 0.002, 1.0)),
    "walk with noise": (0.05, lambda rng: walk(rng, 200, 25, 0.05, 1.0) + rng.normal(0, 0.5, (200, 25, 3))),
    "jumps between cages": (
        0.01 * 1.5**2 / 2,
        lambda rng: (
            caged(rng, 400, 25, 2.0)
            + np.cumsum((rng.random((400, 25, 1)) < 0.01) * rng.normal(0, 1.5, (400, 25, 3)), axis=0)
        ),
    ),
    # Ten times slower than it seems at first: cages that remember a twentieth of the run, and half of it.
    "walk of large cages": (0.05, lambda rng: caged(rng, 400, 100, 20.0, 1.0) + walk(rng, 400, 100, 0.05, 1.0)),
    "walk of cages as long as the run": (
        0.005,
        lambda rng: caged(rng, 300, 100, 150.0, 1.2) + walk(rng, 300, 100, 0.005, 1.0),
    ),
}
RATTLES = {
    "rattling": lambda rng: rng.normal(0, 0.3, (200, 25, 3)),
    "rattling that remembers": lambda rng: caged(rng, 400, 25, 4.0),
}


def caged(rng: np.random.Generator, n_frames: int, n_atoms: int, memory: float, size: float = 0.3) -> np.ndarray:
    """Ornstein-Uhlenbeck process of standard deviation `size`, angstrom."""
    keep = np.exp(-1.0 / memory)
    path = np.empty((n_frames, n_atoms, 3))
    path[0] = rng.normal(0, size, (n_atoms, 3))
    for t in range(1, n_frames):
        path[t] = keep * path[t - 1] + np.sqrt(1 - keep**2) * rng.normal(0, size, (n_atoms, 3))
    return path


@pytest.mark.parametrize("motion", list(MOTIONS))
def test_interval_covers_the_truth_as_often_as_it_says(motion: str) -> None:
    truth, make = MOTIONS[motion]
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(200):
        path = make(rng)
        low, high = diffusivity(path - path[0], 1.0).confidence_95_cm2_per_s
        inside += low <= truth * 1e-4 <= high
    assert 176 <= inside <= 198


@pytest.mark.parametrize("motion", list(RATTLES))
def test_atoms_that_stay_where_they_are_have_a_bound_that_falls_with_the_length_of_the_run(motion: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(50):
        path = RATTLES[motion](rng)
        found = diffusivity(path - path[0], 1.0)
        low, high = found.confidence_95_cm2_per_s
        assert BELOW_A_JUMP in found.not_diffusive_because
        assert low <= 0.0 <= high == found.below_cm2_per_s
        # All of the plateau, 6 x 0.3^2, gained within the last half of the run.
        assert high < 6 * 0.3**2 / 6 / (len(path) / 2) * 1e-4


def test_a_long_walk_keeps_the_interval_of_its_line() -> None:
    rng = np.random.default_rng(21)
    ratios = []
    for _ in range(20):
        path = walk(rng, 2000, 60, 0.05, 1.0)
        found = diffusivity(path - path[0], 1.0)
        low, high = found.confidence_95_cm2_per_s
        ratios.append((high - low) / (2 * 1.96 * found.error_bootstrap_cm2_per_s))
        assert found.diffusive
        np.testing.assert_allclose(found.line_cm2_per_s, found.diffusivity_cm2_per_s, rtol=1e-12, atol=0)
        assert np.isnan(found.below_cm2_per_s)
        assert np.isnan(found.run_at_least_ps)
    assert np.median(ratios) < 1.1


def test_walkers_that_slow_down_in_the_run_are_no_diffusion_and_have_no_bound() -> None:
    steps = np.random.default_rng(24).normal(0, 0.3, (600, 40, 3))
    steps[300:] *= 0.7
    path = np.cumsum(steps, axis=0)
    found = diffusivity(path - path[0], 1.0)
    assert CHANGES in found.not_diffusive_because
    assert np.isnan(found.below_cm2_per_s)
    assert np.isnan(found.run_at_least_ps)
    # What is given is the mean of both halves, as the line has it.
    np.testing.assert_allclose(found.diffusivity_cm2_per_s, 0.3**2 * (1 + 0.7**2) / 4 * 1e-4, rtol=0.1, atol=0)


def test_jumps_that_are_undone_within_the_run_are_no_diffusion() -> None:
    path = caged(np.random.default_rng(22), 300, 100, 100.0, 1.2)
    found = diffusivity(path - path[0], 1.0)
    assert not found.diffusive
    assert found.confidence_95_cm2_per_s[0] == 0.0
    # The line sees most of what is undone; the run should be ten times as long as it takes to undo it.
    assert found.line_cm2_per_s > 5 * found.diffusivity_cm2_per_s
    assert 600.0 <= found.run_at_least_ps < 6000.0


@pytest.mark.parametrize("n_atoms", [1, 2, 40])
@pytest.mark.parametrize("n_frames", [16, 41])
def test_odd_motions_end_in_numbers(n_frames: int, n_atoms: int) -> None:
    rng = np.random.default_rng(23)
    path, frames = walk(rng, n_frames, n_atoms, 0.05, 1.0), np.arange(n_frames)[:, None, None]
    everyone = np.ones((1, n_atoms, 3))
    spike = np.zeros_like(path)
    spike[n_frames // 2, 0, 0] = 3.0
    motions = (
        1e-7 * path, 1e4 * path, path.astype(np.float32), path * np.array([1, 0, 0]), np.repeat(path[:, :1], n_atoms, axis=1),
        (frames % 2) * everyone, (frames % 3) * everyone, frames * everyone, frames**2 * everyone, spike, np.cumsum(spike, axis=0),
    )  # fmt: skip
    for moved in motions:
        found = diffusivity(moved, 1.0)
        low, high = found.confidence_95_cm2_per_s
        assert np.isfinite([low, found.diffusivity_cm2_per_s, high]).all()
        assert low <= high


def test_short_lags_are_left_out_while_atoms_rattle() -> None:
    rng = np.random.default_rng(12)
    path = caged(rng, 1000, 200, 5.0) + walk(rng, 1000, 200, 0.005, 1.0)
    result = diffusivity(path - path[0], 1.0)
    assert result.quality_by_lag[0][1] < 1e-3
    assert result.quality_factor > 0.05
    assert result.fit_lags_ps[0] >= 5.0
    assert abs(result.diffusivity_cm2_per_s - 0.005e-4) < 4 * result.diffusivity_error_cm2_per_s


def test_directions_are_told_apart() -> None:
    path = walk(np.random.default_rng(13), 400, 200, 1.0, 1.0) * np.sqrt([0.2, 0.1, 0.02])
    result = diffusivity(path, 1.0)
    for value, error, truth in zip(
        result.by_direction_cm2_per_s, result.by_direction_error_cm2_per_s, (2e-5, 1e-5, 2e-6), strict=True
    ):
        assert abs(value - truth) < 4 * error
        assert error < 0.1 * truth


def test_atoms_that_move_together_count_less() -> None:
    rng = np.random.default_rng(14)
    common, own = walk(rng, 2000, 1, 0.05, 1.0), walk(rng, 2000, 30, 0.05, 1.0)
    # rho = 1/2 between all: 30 / (1 + 29 / 4) independent atoms.
    np.testing.assert_allclose(30 * independent_share(common + own, 1), 30 / (1 + 29 / 4), rtol=0.15, atol=0)
    np.testing.assert_allclose(independent_share(own, 1), 1.0, rtol=0, atol=0.05)


def test_drift_is_removed_in_the_mass_weighted_frame() -> None:
    rng = np.random.default_rng(9)
    masses = np.array([7.0, 32.0, 59.0])
    positions = rng.normal(size=(10, 3, 3))
    free = remove_drift(positions + np.arange(10)[:, None, None] * np.array([1.0, 2.0, 3.0]), masses)
    np.testing.assert_allclose(np.einsum("tai,a->ti", free, masses), 0.0, rtol=0, atol=1e-10)
    np.testing.assert_allclose(free, remove_drift(positions, masses), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("shape", "message"), [((5, 10, 3), "at least 16 frames"), ((50, 0, 3), "at least one atom")])
def test_too_little_data_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        diffusivity(np.zeros(shape), 1.0)
    with pytest.raises(AnalysisError, match="too short for a fit from 40 ps"):
        diffusivity(walk(np.random.default_rng(1), 50, 3, 0.1, 1.0), 1.0, first_lag_ps=40.0)


def test_fractional_steps_give_the_diffusivity_in_a_cell_that_shrinks() -> None:
    # Walkers that follow a box which shrinks by 3 % and breathes by 0.3 %: 1.13 times the truth from whole-cell images.
    rng = np.random.default_rng(16)
    n_frames, n_atoms, d, length = 2000, 400, 5e-4, 20.0
    lengths = length * np.linspace(1.0, 0.97, n_frames) * rng.normal(1.0, 0.003, n_frames)
    steps = rng.normal(0, np.sqrt(2 * d), (n_frames - 1, n_atoms, 3)) / lengths[1:, None, None]
    start = rng.random((1, n_atoms, 3)) + rng.integers(-2, 3, (1, n_atoms, 3))
    scaled = np.concatenate([start, start + np.cumsum(steps, axis=0)])
    cells = lengths[:, None, None] * np.eye(3)
    by_images = scaled * lengths[:, None, None]
    path = unwrap((scaled % 1.0) @ cells, cells, scheme="frac")
    result = diffusivity(path - path[0], 1.0)
    assert abs(result.diffusivity_cm2_per_s - d * 1e-4) < 4 * result.diffusivity_error_cm2_per_s
    np.testing.assert_allclose(result.line_cm2_per_s, d * 1e-4, rtol=0.02, atol=0)
    wrong = mean_msd(by_images - by_images[0])
    assert wrong[1000] > 1.1 * mean_msd(path - path[0])[1000]
