"""Planted laws of growth come out, with their exponents, change points and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.growth import LAWS, fit_growth
from mlip_interfaces.errors import AnalysisError

TIMES = np.linspace(0.0, 1000.0, 200)
PLANTED = {
    "none": (10.0 + 0.0 * TIMES, None),
    "linear": (2.0 + 0.04 * TIMES, 1.0),
    "parabolic": (np.sqrt(2.0 * 0.8 * TIMES), 0.5),
    "power": (3.0 * TIMES**0.3, 0.3),
    "logarithmic": (1.0 + 8.0 * np.log1p(TIMES / 30.0), None),
    "two-stage": (
        1.0 + 2.0 * np.sqrt(np.minimum(TIMES, 250.0)) + 0.5 * (np.sqrt(np.maximum(TIMES, 250.0)) - 250.0**0.5),
        None,
    ),
    "shrinks": (30.0 - 0.02 * TIMES, None),
    # Neither the exponent nor the change point is one of the values that the fit tries first.
    "arrest": (1.5 * np.minimum(TIMES, 413.0) ** 0.47, 0.47),
}
CHANGES = {"two-stage": 250.0, "arrest": 413.0}


def noisy(law: str, seed: int, correlation: float = 0.0) -> np.ndarray:
    """Two percent of the last thickness, of points that remember the one before."""
    curve = PLANTED[law][0]
    noise = np.random.default_rng(seed).normal(size=curve.size)
    for k in range(1, curve.size):
        noise[k] = correlation * noise[k - 1] + np.sqrt(1.0 - correlation**2) * noise[k]
    return curve + 0.02 * curve.max() * noise


@pytest.mark.parametrize("law", LAWS)
def test_planted_law_is_chosen_with_its_exponent_and_change_point(law: str) -> None:
    found = [fit_growth([TIMES], [noisy(law, seed)], n_bootstrap=40) for seed in range(20)]
    assert sum(one.law == law for one in found) >= 19
    right = [one for one in found if one.law == law]
    if PLANTED[law][1] is not None:
        assert max(abs(one.exponent - PLANTED[law][1]) for one in right) < 0.05
    if law in CHANGES:
        assert max(abs(one.change_ps - CHANGES[law]) for one in right) < 0.05 * 1000.0
    else:
        assert all(np.isnan(one.change_ps) for one in right)


COVERED = (
    ("power", 0.0, 0.0), ("power", 0.0, 0.6), ("power", 1.2, 0.0), ("linear", 0.0, 0.5), ("linear", -2.0, 0.0), ("arrest", 0.0, 0.0),
)  # fmt: skip
"""Law, angstrom that it begins higher, and correlation from one point to the next. 200 replicas: benchmarks/interphase_coverage.py."""


@pytest.mark.parametrize(("law", "higher", "correlation"), COVERED)
def test_intervals_hold_the_planted_exponent(law: str, higher: float, correlation: float) -> None:
    found = [fit_growth([TIMES], [higher + noisy(law, 1000 + k, correlation)], n_bootstrap=60) for k in range(100)]
    inside = np.mean([one.exponent_95[0] <= PLANTED[law][1] <= one.exponent_95[1] for one in found])
    assert 0.88 <= inside <= 0.99
    if law in CHANGES:
        inside = np.mean(
            [one.change_95_ps[0] <= CHANGES[law] <= one.change_95_ps[1] for one in found if one.law == law]
        )
        assert 0.88 <= inside <= 0.99


EARLIER = {
    "parabola that begins at 2 angstrom": (TIMES, np.sqrt(4.0 + 0.4 * TIMES), 0.5),
    "parabola that begins at 5 angstrom": (TIMES, np.sqrt(25.0 + 0.4 * TIMES), 0.5),
    "parabola that is looked at from 100 ps on": (TIMES + 100.0, 0.6 * np.sqrt(TIMES + 100.0), 0.5),
    "power that is looked at from 20 ps on": (TIMES + 20.0, 2.0 * (TIMES + 20.0) ** 0.3, 0.3),
}


@pytest.mark.parametrize("name", EARLIER)
def test_growth_that_began_before_the_first_map_has_the_exponent_of_the_whole(name: str) -> None:
    times, exact, exponent = EARLIER[name]
    rng = np.random.default_rng(5)
    found = [
        fit_growth([times], [exact + 0.02 * exact.max() * rng.normal(size=times.size)], n_bootstrap=60)
        for _ in range(40)
    ]
    np.testing.assert_allclose(np.mean([one.exponent for one in found]), exponent, rtol=0, atol=0.01)
    inside = sum(one.exponent_95[0] <= exponent <= one.exponent_95[1] for one in found)
    # Of 40 that hold it 95 times in 100, fewer than 34 do in one of 150 tests.
    assert inside >= 34
    assert np.mean([np.diff(one.exponent_95)[0] for one in found]) < 0.1


def test_errors_are_the_scatter_of_many_runs_whether_growth_begins_at_zero_or_above() -> None:
    for higher in (0.0, 1.2, 5.0):
        found = [fit_growth([TIMES], [higher + noisy("power", 3000 + k)], n_bootstrap=60) for k in range(100)]
        scatter = np.sqrt(np.mean([(one.exponent - 0.3) ** 2 for one in found]))
        # 196 degrees of freedom: 1.97 standard errors. The scatter of a hundred is known to 7 %.
        errors = np.sqrt(np.mean([(np.diff(one.exponent_95)[0] / 2 / 1.97) ** 2 for one in found]))
        np.testing.assert_allclose(errors, scatter, rtol=0.3, atol=0)


def test_correlated_points_count_less_and_widen_the_interval() -> None:
    alone, together = (
        [fit_growth([TIMES], [noisy("power", seed, phi)], n_bootstrap=60) for seed in range(6)] for phi in (0.0, 0.8)
    )
    assert np.mean([one.n_independent[0] for one in alone]) > 120.0
    # (1 + phi) / (1 - phi) = 9 points count as one.
    assert 8.0 < np.mean([one.n_independent[0] for one in together]) < 60.0
    widths = [np.mean([np.diff(one.exponent_95)[0] for one in found]) for found in (alone, together)]
    assert widths[1] > 1.5 * widths[0]


def test_parameters_have_their_units() -> None:
    exact = {
        law: fit_growth([TIMES], [PLANTED[law][0]], n_bootstrap=5).fits[0]
        for law in ("linear", "parabolic", "power", "arrest")
    }
    assert exact["linear"]["linear"].parameters == pytest.approx(
        {"offset_angstrom": 2.0, "rate_angstrom_per_ps": 0.04}, rel=1e-6, abs=0
    )
    parabolic = exact["parabolic"]["parabolic"].parameters
    assert parabolic == pytest.approx({"offset_angstrom": 0.0, "rate_angstrom2_per_ps": 0.8}, rel=1e-6, abs=1e-6)
    power = exact["power"]["power"].parameters
    assert power == pytest.approx({"offset_angstrom": 0.0, "rate": 3.0, "exponent": 0.3}, rel=1e-2, abs=0.05)
    assert exact["arrest"]["arrest"].parameters["change_ps"] == pytest.approx(413.0, abs=3.0)


def test_runs_that_differ_by_chance_give_their_mean_with_the_scatter_between_them() -> None:
    series = [noisy("power", seed) for seed in range(4)]
    each = [fit_growth([TIMES], [one]).exponent for one in series]
    found = fit_growth([TIMES] * 4, series)
    assert found.law == "power"
    np.testing.assert_allclose(found.exponent, np.mean(each), rtol=1e-9, atol=0)
    assert found.exponent_95[0] < 0.3 < found.exponent_95[1]
    # Student's interval of four runs: 3.18 standard errors of the mean.
    assert np.diff(found.exponent_95)[0] >= 2 * 3.18 * np.std(each, ddof=1) / 2.0 * 0.999


def test_runs_that_are_not_arrested_have_no_part_in_when_growth_is() -> None:
    ends = (300.0, 1000.0, 1000.0, 400.0)
    rng = np.random.default_rng(0)
    series = [0.5 * np.minimum(TIMES, end) ** 0.5 + 0.2 * rng.normal(size=TIMES.size) for end in ends]
    found = fit_growth([TIMES] * 3, series[:3], n_bootstrap=50)
    assert np.isfinite(found.changes_ps).tolist() == [True, False, False]
    np.testing.assert_allclose(found.change_ps, 300.0, rtol=0, atol=20.0)
    # The interval is that of one run: not as wide as the runs are long.
    assert found.change_95_ps[0] < 300.0 < found.change_95_ps[1]
    assert np.diff(found.change_95_ps)[0] < 100.0
    np.testing.assert_allclose(found.exponent, 0.5, rtol=0, atol=0.03)
    two = fit_growth([TIMES] * 4, series, n_bootstrap=50)
    assert np.isfinite(two.changes_ps).tolist() == [True, False, False, True]
    np.testing.assert_allclose(two.change_ps, 350.0, rtol=0, atol=20.0)
    none = fit_growth([TIMES] * 2, series[1:3], n_bootstrap=50)
    assert np.isnan(none.change_ps)
    assert none.law == "parabolic"


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_curve_that_no_law_fits_is_told_and_those_of_laws_are_not(correlation: float) -> None:
    s = TIMES / 1000.0
    strange = {
        "sigmoid": 20.0 / (1.0 + np.exp(-(s - 0.5) / 0.08)),
        "late start": 20.0 * np.maximum(0.0, s - 0.3),
        "up and down": 10.0 + 5.0 * np.sin(6.0 * s),
    }
    for curve in strange.values():
        noise = noisy("none", 4, correlation) - 10.0
        found = fit_growth([TIMES], [curve + 2.0 * noise], n_bootstrap=5)
        assert found.misfits_angstrom[0] > 0.3
    told = [fit_growth([TIMES], [noisy(law, k, correlation)], n_bootstrap=5) for law in LAWS for k in range(10)]
    assert sum(one.misfits_angstrom[0] > 0.0 for one in told) <= 1


def test_times_need_not_begin_at_zero_nor_be_even() -> None:
    times = np.sort(np.random.default_rng(1).uniform(200.0, 1200.0, 150))
    found = fit_growth([times], [1.5 * np.minimum(times - times[0], 400.0) ** 0.5 + 0.01])
    assert found.law == "arrest"
    np.testing.assert_allclose(found.change_ps, times[0] + 400.0, rtol=0, atol=20.0)


def test_too_few_times_are_refused() -> None:
    with pytest.raises(AnalysisError, match="needs 8 times or more, and there are 5"):
        fit_growth([TIMES[:5]], [TIMES[:5]])
    with pytest.raises(AnalysisError, match="not a number at some times"):
        fit_growth([TIMES], [np.full(200, np.nan)])
