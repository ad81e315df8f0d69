"""Arrhenius fits against SI constants, another least-squares routine and repeated measurements."""

from __future__ import annotations

import numpy as np
from scipy import constants

from mlip_interfaces.analysis.arrhenius import arrhenius_fit, nernst_einstein_s_per_cm

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
    to_sigma = nernst_einstein_s_per_cm(1.0, 300.0, n_ions=56, volume_angstrom3=12.98**3) * 1000
    alone = np.sqrt(fit.covariance[0, 0] + fit.covariance[1, 1] * (1000 / 300.0) ** 2)
    published = to_sigma * value * 10 ** np.array([-alone, alone])
    np.testing.assert_allclose(published, [0.5451, 2.1413], rtol=1e-4, atol=0)
    assert 0.5451 < to_sigma * low < to_sigma * value < to_sigma * high < 2.1413


def test_nernst_einstein_equals_the_formula_in_si_and_grows_with_the_squared_charge() -> None:
    found = nernst_einstein_s_per_cm(3e-8, 350.0, n_ions=40, volume_angstrom3=2000.0, charge=2.0)
    si = 40 / 2000e-30 * (2 * constants.e) ** 2 * 3e-12 / (constants.k * 350.0)
    np.testing.assert_allclose(found, si / 100, rtol=1e-9, atol=0)


def test_published_factor_from_diffusivity_to_millisiemens_comes_out() -> None:
    found = nernst_einstein_s_per_cm(1.0, 300.0, n_ions=56, volume_angstrom3=12.98**3) * 1000
    np.testing.assert_allclose(found, 158701249.73192352, rtol=1e-4, atol=0)
