"""Transport coefficients of walkers whose truth is known, negative ones included."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.lag_fit import gls_weights, lags_of
from mlip_interfaces.analysis.onsager import (
    OnsagerSettings,
    OnsagerWindow,
    flux_history,
    onsager_window,
    onsager_windows,
)
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.trajectory import remove_drift
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM

KELVIN, VOLUME = 500.0, 1000.0
THERMAL = BOLTZMANN_EV_PER_K * KELVIN
COUNTS, OWN, SHARED = (12, 18), (0.05, 0.03), (0.1, -0.05)


def walkers(
    rng: np.random.Generator, n_frames: int, counts=COUNTS, own=OWN, shared=SHARED, noise: float = 0.0
) -> list[np.ndarray]:
    """Atoms a of species i with steps sqrt(2 D_i) xi_a + c_i eta, eta common to all."""
    common = rng.normal(0, 1, (n_frames, 1, 3))
    species = []
    for n, d, c in zip(counts, own, shared, strict=True):
        path = np.cumsum(rng.normal(0, np.sqrt(2 * d), (n_frames, n, 3)) + c * common, axis=0)
        species.append(path + (rng.normal(0, noise, path.shape) if noise else 0.0))
    return species


def truth(counts=COUNTS, own=OWN, shared=SHARED) -> np.ndarray:
    """L_ii = N_i D_i + N_i^2 c_i^2 / 2, L_ij = N_i N_j c_i c_j / 2, over kT V."""
    n, c = np.array(counts), np.array(shared)
    return (np.outer(n * c, n * c) / 2 + np.diag(n * np.array(own))) / (THERMAL * VOLUME)


def settings(charges=(1.0, -1.0), **options) -> OnsagerSettings:
    return OnsagerSettings(1.0, VOLUME, KELVIN, charges, **options)


def window(species: list[np.ndarray], charges=(1.0, -1.0), **options) -> OnsagerWindow:
    return onsager_window(species, settings(charges, **options))


def test_known_coefficients_are_recovered_with_their_signs() -> None:
    found = window(walkers(np.random.default_rng(1), 20000))
    score = (found.l_per_ev_angstrom_ps - truth()) / found.l_error_per_ev_angstrom_ps
    assert (np.abs(score) < 4).all()
    assert (found.l_error_per_ev_angstrom_ps < 0.05 * np.abs(truth())).all()
    assert found.l_per_ev_angstrom_ps[0, 1] < 0
    np.testing.assert_allclose(found.l_per_ev_angstrom_ps, found.l_per_ev_angstrom_ps.T, rtol=1e-12, atol=0)
    assert np.linalg.eigvalsh(found.l_per_ev_angstrom_ps).min() > 0
    self_part = np.array(COUNTS) * (np.array(OWN) + np.array(SHARED) ** 2 / 2) / (THERMAL * VOLUME)
    np.testing.assert_allclose(found.l_self_per_ev_angstrom_ps, self_part, rtol=0.05, atol=0)
    np.testing.assert_allclose(
        found.l_distinct_per_ev_angstrom_ps, np.diag(truth()) - self_part, rtol=0, atol=4 * found.l_error_per_ev_angstrom_ps[0, 0]
    )  # fmt: skip
    z = np.array([1.0, -1.0])
    sigma = z @ truth() @ z * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM
    assert abs(found.conductivity_s_per_cm - sigma) < 4 * found.conductivity_error_s_per_cm
    haven = float(z**2 @ self_part / (z @ truth() @ z))
    np.testing.assert_allclose(found.haven_ratio, haven, rtol=0.1, atol=0)
    np.testing.assert_allclose(found.transference.sum(), 1.0, rtol=1e-9, atol=0)


def test_conversion_of_conductivities() -> None:
    # 1 e^2/(eV angstrom ps) = 1602 S/m.
    np.testing.assert_allclose(E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM, 16.02176634, rtol=1e-9, atol=0)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_intervals_cover_the_truth_as_often_as_they_say(noise: float) -> None:
    rng = np.random.default_rng(2)
    inside = np.zeros((2, 2))
    for _ in range(200):
        low, high = window(walkers(rng, 300, noise=noise), first_lag_ps=1.0).l_confidence_95_per_ev_angstrom_ps
        inside += (low <= truth()) & (truth() <= high)
    assert (inside >= 176).all()
    assert (inside <= 198).all()


def test_without_diffusion_intervals_contain_zero() -> None:
    rng = np.random.default_rng(3)
    inside = np.zeros((2, 2))
    for _ in range(200):
        rattling = [rng.normal(0, 0.3, (300, n, 3)) for n in COUNTS]
        low, high = window(rattling, first_lag_ps=1.0).l_confidence_95_per_ev_angstrom_ps
        inside += (low <= 0) & (high >= 0)
    assert (inside >= 180).all()


def test_mass_weighted_frame_makes_the_sum_rule_exact() -> None:
    rng = np.random.default_rng(4)
    masses = (7.0, 32.0)
    everyone = np.concatenate(walkers(rng, 500, counts=(5, 6)), axis=1)
    moved = remove_drift(everyone, np.repeat(masses, (5, 6)))
    found = window([moved[:, :5], moved[:, 5:]])
    l_matrix = found.l_per_ev_angstrom_ps
    np.testing.assert_allclose(np.array(masses) @ l_matrix, 0.0, rtol=0, atol=1e-9 * np.abs(l_matrix).max() * 32)


def test_rigid_pairs_are_fully_correlated() -> None:
    path = np.cumsum(np.random.default_rng(5).normal(size=(400, 6, 3)), axis=0)
    found = window([path, path + 1.0])
    np.testing.assert_allclose(found.correlation, 1.0, rtol=1e-9, atol=0)


def test_conductivity_of_a_neutral_system_does_not_depend_on_the_frame() -> None:
    rng = np.random.default_rng(6)
    species = walkers(rng, 500, counts=(8, 8))
    drift = np.cumsum(rng.normal(0, 0.3, (500, 1, 3)), axis=0)
    still = window(species, first_lag_ps=1.0)
    moved = window([part + drift for part in species], first_lag_ps=1.0)
    np.testing.assert_allclose(still.conductivity_s_per_cm, moved.conductivity_s_per_cm, rtol=0.02, atol=0)
    assert not np.allclose(still.l_per_ev_angstrom_ps, moved.l_per_ev_angstrom_ps, rtol=0.1, atol=0)


def test_a_steady_flow_is_a_flux_and_no_coefficient() -> None:
    rng = np.random.default_rng(7)
    species = walkers(rng, 600)
    flowing = [species[0] + np.arange(600)[:, None, None] * np.array([0, 0, 0.7]), species[1]]
    still, moving = window(species, first_lag_ps=1.0), window(flowing, first_lag_ps=1.0)
    np.testing.assert_allclose(moving.l_per_ev_angstrom_ps, still.l_per_ev_angstrom_ps, rtol=1e-7, atol=0)
    assert window(flowing).lags_ps == window(species).lags_ps
    difference = moving.net_flux_per_angstrom2_ps - still.net_flux_per_angstrom2_ps
    np.testing.assert_allclose(difference[0], [0, 0, COUNTS[0] * 0.7 / VOLUME], rtol=1e-9, atol=1e-12)


def test_windows_see_a_change_in_mid_run() -> None:
    rng = np.random.default_rng(8)
    fast, slow = walkers(rng, 3000), walkers(rng, 3000, own=(0.005, 0.003), shared=(0.01, -0.005))
    path = [np.concatenate([a, b - b[0] + a[-1]]) for a, b in zip(fast, slow, strict=True)]
    whole, (first, second) = onsager_windows(path, settings(), n_windows=2)
    alone = window([part[3000:] - part[3000] for part in path], first_lag_ps=whole.lags_ps[0])
    np.testing.assert_allclose(second.l_per_ev_angstrom_ps, alone.l_per_ev_angstrom_ps, rtol=1e-9, atol=0)
    np.testing.assert_allclose(second.l_self_per_ev_angstrom_ps, alone.l_self_per_ev_angstrom_ps, rtol=1e-9, atol=0)
    assert (first.time_start_ps, second.time_start_ps) == (0.0, 3000.0)
    late = truth(own=(0.005, 0.003), shared=(0.01, -0.005))
    assert (np.abs(first.l_per_ev_angstrom_ps - truth()) < 4 * first.l_error_per_ev_angstrom_ps).all()
    assert (np.abs(second.l_per_ev_angstrom_ps - late) < 4 * second.l_error_per_ev_angstrom_ps).all()


def test_self_part_is_the_msd_without_the_mean_velocity() -> None:
    rng = np.random.default_rng(15)
    path = np.cumsum(rng.normal(0, 0.3, (200, 7, 3)), axis=0) + np.arange(200)[:, None, None] * np.array([0.5, 0, 0])
    found = window([path], charges=(1.0,), first_lag_ps=1.0)
    free = path - path[0] - np.arange(200)[:, None, None] * (path[-1] - path[0]).mean(axis=0) / 199
    lags = lags_of(1, 200)
    msd = np.array([((free[k:] - free[:-k]) ** 2).sum(axis=(1, 2)).mean() for k in lags])
    collective = free.sum(axis=1)
    own = np.array([((collective[k:] - collective[:-k]) ** 2).sum(axis=1).mean() / (1 - k / 199) for k in lags])
    weights = gls_weights(200, lags, own / own.mean())
    expected = weights.slope @ msd / 3 / (2 * THERMAL * VOLUME)
    np.testing.assert_allclose(found.l_self_per_ev_angstrom_ps[0], expected, rtol=1e-6, atol=0)


def test_one_direction_is_that_direction() -> None:
    species = [part * np.array([1.0, 1.0, 2.0]) for part in walkers(np.random.default_rng(9), 5000)]
    found = window(species, directions="z", first_lag_ps=1.0)
    assert (np.abs(found.l_per_ev_angstrom_ps - 4 * truth()) < 4 * found.l_error_per_ev_angstrom_ps).all()


def test_fluxes_add_up_to_the_displacement_and_say_when_they_end() -> None:
    rng = np.random.default_rng(10)
    n = 2000
    velocity = np.where(np.arange(n) < 1000, 0.5, 0.0)
    atoms = np.cumsum(rng.normal(0, 0.1, (n, 20, 3)), axis=0)
    atoms[:, :, 2] += np.cumsum(velocity)[:, None]
    collective = (atoms - atoms[0]).sum(axis=1, keepdims=True)
    l_diagonal = np.array([20 * 0.005 / (THERMAL * VOLUME)])
    history = flux_history(
        collective,
        np.arange(n) * 1.0,
        l_diagonal,
        np.zeros(1),
        volume_angstrom3=VOLUME,
        temperature_kelvin=KELVIN,
        n_intervals=20,
    )
    duration = history.time_end_ps - history.time_start_ps
    total = (history.flux_per_angstrom2_ps[:, 0] * duration).sum() * VOLUME
    np.testing.assert_allclose(total, collective[-1, 0, 2], rtol=1e-9, atol=0)
    np.testing.assert_allclose(history.flux_per_angstrom2_ps[2, 0], 20 * 0.5 / VOLUME, rtol=0.05, atol=0)
    since = history.zero_since_ps[0]
    assert since is not None
    assert since >= 999.0
    assert flux_history(
        collective[:1000],
        np.arange(1000.0),
        l_diagonal,
        np.zeros(1),
        volume_angstrom3=VOLUME,
        temperature_kelvin=KELVIN,
    ).zero_since_ps == (None,)


def test_rattling_is_no_flux() -> None:
    rng = np.random.default_rng(11)
    rattling = rng.normal(0, 0.3, (2000, 20, 3))
    found = window([rattling], charges=(1.0,))
    np.testing.assert_allclose(found.rattling_angstrom2, 2 * 20 * 0.09, rtol=0.15, atol=0)
    history = flux_history(
        rattling.sum(axis=1, keepdims=True) - rattling[0].sum(axis=0),
        np.arange(2000.0),
        np.diag(found.l_per_ev_angstrom_ps),
        found.rattling_angstrom2,
        volume_angstrom3=VOLUME,
        temperature_kelvin=KELVIN,
        n_intervals=100,
    )
    # Two sigma: 95 % of a hundred intervals, neighbours anticorrelated; five sigma of that.
    assert (np.abs(history.flux_per_angstrom2_ps) < 2 * history.error_per_angstrom2_ps).mean() > 0.85


def test_short_windows_and_absent_species_are_refused() -> None:
    with pytest.raises(AnalysisError, match="fewer windows"):
        window(walkers(np.random.default_rng(1), 30))
    with pytest.raises(AnalysisError, match="no atom"):
        window([np.zeros((50, 0, 3)), np.zeros((50, 2, 3))])
