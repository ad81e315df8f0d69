"""Fluxes of transport coefficients: analytic cases, units, covariance, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t

from mlip_interfaces.analysis.onsager import OnsagerSettings, onsager_window
from mlip_interfaces.screening.transport.flux import Coefficients, Drive, driven_fluxes, flux_errors
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

AVOGADRO_PER_MOL = 6.02214076e23


def coefficients(l_matrix: object, error: object = 0.0, quantile: float = 2.0) -> Coefficients:
    matrix = np.array(l_matrix, dtype=float)
    errors = np.broadcast_to(np.array(error, dtype=float), matrix.shape)
    return Coefficients(matrix, errors, np.array([matrix - quantile * errors, matrix + quantile * errors]))


def drive(*delta_mu_ev: float, length: float = 10.0, errors: tuple[float, ...] | None = None) -> Drive:
    return Drive(np.array(delta_mu_ev), np.array(errors or [0.0] * len(delta_mu_ev)), length)


def wishart(truth: NDArray[np.float64], n: int, rng: np.random.Generator) -> Coefficients:
    steps = rng.multivariate_normal(np.zeros(len(truth)), truth, n)
    found = steps.T @ steps / n
    diagonal = np.diag(found)
    return coefficients(found, np.sqrt((np.outer(diagonal, diagonal) + found**2) / n), float(t.ppf(0.975, n)))


def test_one_species_by_hand_in_si_units() -> None:
    # D = 1e-5 cm2/s, 5e22 atoms/cm3, kT of 900 K: L = c D / kT; 0.5 eV over a millimetre.
    thermal_ev = 1.380649e-23 * 900.0 / 1.602176634e-19
    l_angstrom = 0.05 * 0.1 / thermal_ev
    flux_per_cm2_s = 5.0e22 * 1.0e-5 / thermal_ev * 0.5 / 0.1
    found = driven_fluxes([coefficients([[l_angstrom]])], drive(0.5, length=1.0e7))
    expected = -flux_per_cm2_s / AVOGADRO_PER_MOL * 1.0e3
    np.testing.assert_allclose(found.flux_mmol_per_cm2_s, [expected], rtol=1e-12, atol=0)


def test_flux_goes_down_the_chemical_potential_and_as_one_over_the_length() -> None:
    short = driven_fluxes([coefficients([[0.1]], 0.02)], drive(-0.3, length=10.0))
    long = driven_fluxes([coefficients([[0.1]], 0.02)], drive(-0.3, length=40.0))
    assert short.flux_mmol_per_cm2_s[0] > 0.0
    np.testing.assert_allclose(short.flux_mmol_per_cm2_s, 4.0 * long.flux_mmol_per_cm2_s, rtol=1e-12, atol=0)
    np.testing.assert_allclose(short.error_mmol_per_cm2_s / short.flux_mmol_per_cm2_s, 0.2, rtol=1e-12, atol=0)


def test_antisymmetric_drive_of_species_that_are_alike_gives_opposite_fluxes() -> None:
    found = driven_fluxes([coefficients([[2.0, 0.5], [0.5, 2.0]], 0.1)], drive(0.1, -0.1))
    np.testing.assert_allclose(found.flux_mmol_per_cm2_s.sum(), 0.0, atol=1e-9 * found.flux_mmol_per_cm2_s.max())
    np.testing.assert_allclose(found.parts_mmol_per_cm2_s.sum(axis=1), found.flux_mmol_per_cm2_s, rtol=1e-12, atol=0)


def test_negative_cross_terms_stay_and_reverse_a_flux() -> None:
    found = driven_fluxes([coefficients([[1.0, -0.4], [-0.4, 1.0]])], drive(-1.0, 0.0))
    assert found.flux_mmol_per_cm2_s[0] > 0.0
    np.testing.assert_allclose(found.flux_mmol_per_cm2_s[1], -0.4 * found.flux_mmol_per_cm2_s[0], rtol=1e-12, atol=0)


def test_a_drive_in_proportion_to_the_masses_moves_nothing_at_a_centre_of_mass_at_rest() -> None:
    rng = np.random.default_rng(3)
    masses = np.array([6.94, 30.97, 32.06])
    walks = [rng.normal(0.0, 1.0, (400, 5, 3)).cumsum(axis=0) for _ in masses]
    drift = sum(mass * walk.sum(axis=1) for mass, walk in zip(masses, walks, strict=True)) / (5 * masses.sum())
    settings = OnsagerSettings(
        frame_interval_ps=1.0, volume_angstrom3=500.0, temperature_kelvin=900.0, charges=(1, 1, 1)
    )
    window = onsager_window([walk - drift[:, None] for walk in walks], settings)
    run = Coefficients(
        window.l_per_ev_angstrom_ps, window.l_error_per_ev_angstrom_ps, window.l_confidence_95_per_ev_angstrom_ps
    )
    free = driven_fluxes([run], drive(1.0, 0.0, 0.0)).flux_mmol_per_cm2_s
    found = driven_fluxes([run], drive(*(masses / masses.sum()))).flux_mmol_per_cm2_s
    assert np.abs(found).max() < 1e-9 * np.abs(free).max()


def test_errors_of_one_run_are_those_of_wishart() -> None:
    truth = np.array([[2.0, 0.9, -0.5], [0.9, 1.0, 0.1], [-0.5, 0.1, 0.6]])
    gradient = np.array([1.0, -1.4, 0.7])
    rng = np.random.default_rng(5)
    runs = [wishart(truth, 60, rng) for _ in range(3000)]
    scatter = np.std([one.l_per_ev_angstrom_ps @ gradient for one in runs], axis=0)
    errors = np.sqrt((np.outer(np.diag(truth), np.diag(truth)) + truth**2) / 60)
    # A standard deviation of 3000 values is known to 1.3 %.
    np.testing.assert_allclose(flux_errors(truth, errors, gradient), scatter, rtol=0.05, atol=0)


def test_errors_of_the_differences_are_shared_by_all_runs() -> None:
    runs = [coefficients([[1.0]], 1e-9)] * 9
    found = driven_fluxes(runs, drive(1.0, errors=(0.2,)))
    np.testing.assert_allclose(found.error_mmol_per_cm2_s, 0.2 * np.abs(found.flux_mmol_per_cm2_s), rtol=1e-6, atol=0)


def test_motion_that_may_be_undone_takes_the_interval_towards_zero() -> None:
    sure = coefficients([[1.0]], 0.1)
    doubtful = Coefficients(sure.l_per_ev_angstrom_ps, sure.l_error_per_ev_angstrom_ps, np.array([[[0.08]], [[1.2]]]))
    ends = driven_fluxes([doubtful], drive(-1.0)).confidence_95_mmol_per_cm2_s[:, 0]
    value = driven_fluxes([sure], drive(-1.0)).flux_mmol_per_cm2_s[0]
    np.testing.assert_allclose(ends / value, [0.08, 1.2], rtol=1e-9, atol=0)


@pytest.mark.parametrize("n_runs", [1, 4])
def test_intervals_cover(n_runs: int) -> None:
    truth = np.array([[2.0, 0.9, -0.5], [0.9, 1.0, 0.1], [-0.5, 0.1, 0.6]])
    wanted = drive(0.3, -0.6, 0.2)
    expected = driven_fluxes([coefficients(truth)], wanted).flux_mmol_per_cm2_s
    rng = np.random.default_rng(11)
    inside = np.zeros(3)
    for _ in range(200):
        low, high = driven_fluxes([wishart(truth, 60, rng) for _ in range(n_runs)], wanted).confidence_95_mmol_per_cm2_s
        inside += (low < expected) & (expected < high)
    assert ((inside >= 176) & (inside <= 198)).all(), inside


def test_intervals_of_walks_through_the_analysis_cover() -> None:
    """Two species whose atoms share part of each step."""
    rng = np.random.default_rng(17)
    n_atoms, n_frames, volume, temperature = 4, 400, 500.0, 900.0
    settings = OnsagerSettings(
        frame_interval_ps=1.0, volume_angstrom3=volume, temperature_kelvin=temperature, charges=(1.0, -1.0),
        first_lag_ps=1.0,
    )  # fmt: skip
    own = n_atoms * np.eye(2)
    truth = (own + 0.25 * n_atoms**2 * np.array([[1.0, -1.0], [-1.0, 1.0]])) / (
        2.0 * volume * BOLTZMANN_EV_PER_K * temperature
    )
    wanted = drive(0.4, 0.3)
    expected = driven_fluxes([coefficients(truth)], wanted).flux_mmol_per_cm2_s
    inside = np.zeros(2)
    for _ in range(200):
        common = 0.5 * rng.normal(0.0, 1.0, (n_frames, 1, 3))
        walks = [(rng.normal(0.0, 1.0, (n_frames, n_atoms, 3)) + sign * common).cumsum(axis=0) for sign in (1.0, -1.0)]
        window = onsager_window(walks, settings)
        run = Coefficients(
            window.l_per_ev_angstrom_ps, window.l_error_per_ev_angstrom_ps, window.l_confidence_95_per_ev_angstrom_ps
        )
        low, high = driven_fluxes([run], wanted).confidence_95_mmol_per_cm2_s
        inside += (low < expected) & (expected < high)
    assert ((inside >= 176) & (inside <= 198)).all(), inside
