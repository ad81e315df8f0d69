"""Arrhenius fits against SI constants, another least-squares routine and repeated measurements."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from mlip_interfaces.analysis.arrhenius import arrhenius_fit, jump_statistics, nernst_einstein_s_per_cm
from mlip_interfaces.errors import AnalysisError

# X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018).
KELVIN = np.array([600, 650, 700, 720, 800, 900, 1050, 1200, 1500.0])
D = np.array([1.24, 1.56, 2.13, 1.85, 3.51, 4.85, 8.24, 13.8, 18.3]) * 1e-6
ERROR = np.array([0.34, 0.405, 0.557, 0.387, 0.70, 0.699, 1.34, 1.49, 2.58]) * 1e-6


def test_fit_equals_the_weighted_polynomial_of_numpy() -> None:
    fit = arrhenius_fit(KELVIN, D, ERROR)
    sigma = np.log10(np.e) * ERROR / D
    (slope, intercept), covariance = np.polyfit(1000 / KELVIN, np.log10(D), 1, w=1 / sigma, cov="unscaled")
    to_energy = 1000 * np.log(10) * constants.k / constants.e
    np.testing.assert_allclose(fit.activation_energy_ev, -slope * to_energy, rtol=1e-8, atol=0)
    np.testing.assert_allclose(fit.activation_energy_error_ev, np.sqrt(covariance[0, 0]) * to_energy, rtol=1e-8, atol=0)
    np.testing.assert_allclose(fit.prefactor_cm2_per_s, 10**intercept, rtol=1e-8, atol=0)


def test_published_interval_at_300_kelvin_is_that_without_the_covariance_and_is_too_wide() -> None:
    fit = arrhenius_fit(KELVIN, D, ERROR)
    value, low, high = fit.diffusivity(300.0)
    to_sigma = nernst_einstein_s_per_cm(1.0, 300.0, n_ions=56, volume_angstrom3=12.98**3, charge=1.0) * 1000
    alone = np.sqrt(fit.covariance[0, 0] + fit.covariance[1, 1] * (1000 / 300.0) ** 2)
    published = to_sigma * value * 10 ** np.array([-alone, alone])
    np.testing.assert_allclose(published, [0.5451, 2.1413], rtol=1e-4, atol=0)
    assert 0.5451 < to_sigma * low < to_sigma * value < to_sigma * high < 2.1413


def test_nernst_einstein_equals_the_formula_in_si_and_grows_with_the_squared_charge() -> None:
    found = nernst_einstein_s_per_cm(3e-8, 350.0, n_ions=40, volume_angstrom3=2000.0, charge=2.0)
    si = 40 / 2000e-30 * (2 * constants.e) ** 2 * 3e-12 / (constants.k * 350.0)
    np.testing.assert_allclose(found, si / 100, rtol=1e-9, atol=0)


def test_published_factor_from_diffusivity_to_millisiemens_comes_out() -> None:
    found = nernst_einstein_s_per_cm(1.0, 300.0, n_ions=56, volume_angstrom3=12.98**3, charge=1.0) * 1000
    np.testing.assert_allclose(found, 158701249.73192352, rtol=1e-4, atol=0)


def test_published_arrhenius_fit_of_llzo_comes_out() -> None:
    # He et al. (2018), with their k = 8.617e-5 eV/K.
    fit = arrhenius_fit(KELVIN, D, ERROR)
    np.testing.assert_allclose(fit.activation_energy_ev, 0.258128283, rtol=1e-4, atol=0)
    np.testing.assert_allclose(fit.activation_energy_error_ev, 0.016832020, rtol=1e-4, atol=0)
    value, low, high = fit.diffusivity(300.0)
    np.testing.assert_allclose(value, 6.80754e-9, rtol=1e-4, atol=0)
    sigma = 1000 * nernst_einstein_s_per_cm(value, 300.0, n_ions=56, volume_angstrom3=12.98**3, charge=1.0)
    np.testing.assert_allclose(sigma, 1.0803651, rtol=3e-4, atol=0)
    # The interval at 300 K against refits of data scattered by their errors.
    rng = np.random.default_rng(1)
    exact = np.array([fit.diffusivity(t)[0] for t in KELVIN])
    refits = [
        np.log10(
            arrhenius_fit(KELVIN, exact * np.exp(rng.normal(0, ERROR / D)), exact * ERROR / D).diffusivity(300.0)[0]
        )
        for _ in range(400)
    ]
    np.testing.assert_allclose(np.log10(high / low) / 2, np.std(refits), rtol=0.15, atol=0)


def test_exact_rates_give_their_barrier_and_bad_input_is_refused() -> None:
    kelvin = np.array([400.0, 600.0, 900.0])
    values = 1e-3 * np.exp(-0.3 / (8.617333262e-5 * kelvin))
    fit = arrhenius_fit(kelvin, values, 0.1 * values)
    np.testing.assert_allclose([fit.activation_energy_ev, fit.prefactor_cm2_per_s], [0.3, 1e-3], rtol=1e-7, atol=0)
    with pytest.raises(AnalysisError, match="two temperatures"):
        arrhenius_fit([500.0], [1e-6], [1e-7])
    with pytest.raises(AnalysisError, match="Temperatures must be positive"):
        arrhenius_fit([500.0, -600.0], [1e-6, 1e-5], [1e-7, 1e-6])
    with pytest.raises(AnalysisError, match="at 600 K"):
        arrhenius_fit(kelvin, values * [1, -1, 1], values)


def test_jump_statistics_follow_the_published_formula() -> None:
    jumps, error = jump_statistics(56, 90.0, 3.0)
    np.testing.assert_allclose([jumps, error], [560.0, 3.43 / np.sqrt(560) + 0.04], rtol=1e-12, atol=0)
