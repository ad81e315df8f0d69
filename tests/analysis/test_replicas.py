"""Mean, interval and comparison of runs that differ by chance alone, counted on made runs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.replicas import (
    WITHIN_RUN_FREEDOM,
    Comparison,
    Replicas,
    compare,
    holm,
    mean_of_runs,
    replicas_needed,
    time_needed,
)


def _runs(rng: np.random.Generator, n_runs: int, between: float, within: float, truth: float = 0.0) -> Replicas:
    """Runs as they come: each with an error that is itself estimated, from ten parts."""
    values = truth + rng.normal(0.0, between, n_runs) + rng.normal(0.0, within, n_runs)
    errors = within * np.sqrt(rng.chisquare(WITHIN_RUN_FREEDOM, n_runs) / WITHIN_RUN_FREEDOM)
    return Replicas(tuple(values.tolist()), tuple(errors.tolist()))


@pytest.mark.parametrize(
    ("n_runs", "between", "within"), [(1, 0.0, 1.0), (2, 0.0, 1.0), (2, 1.0, 0.1), (3, 1.0, 1.0), (5, 2.0, 0.5)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(n_runs: int, between: float, within: float) -> None:
    rng, n_trials = np.random.default_rng(4), 1500
    held = 0
    for _ in range(n_trials):
        low, high = _runs(rng, n_runs, between, within).interval()
        held += low < 0.0 < high
    # Three standard deviations of such a count below 95 %; above it, the wider of two intervals may be.
    assert held / n_trials > 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / n_trials)
    if n_runs == 1:
        assert held / n_trials < 0.95 + 3.0 * np.sqrt(0.95 * 0.05 / n_trials)


def test_the_interval_of_runs_whose_own_errors_say_nothing_is_that_of_student() -> None:
    from scipy import stats

    values = (1.0, 2.0, 4.0, 4.5)
    found = Replicas(values, (0.0,) * 4).interval(0.9)
    expected = stats.t.interval(0.9, 3, loc=np.mean(values), scale=stats.sem(values))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0)


def test_a_run_with_no_error_of_its_own_has_one_by_the_scatter_alone() -> None:
    assert np.isnan(mean_of_runs([3.0], [np.nan])[1])
    np.testing.assert_allclose(mean_of_runs([1.0, 3.0], [np.nan, 0.1]), [2.0, 1.0], rtol=1e-12, atol=0)


def test_one_run_keeps_its_own_error_and_runs_that_agree_by_chance_do_not_have_none() -> None:
    assert mean_of_runs([3.0], [0.2]) == (3.0, 0.2)
    np.testing.assert_allclose(mean_of_runs([1.0, 1.0], [0.3, 0.3]), [1.0, 0.3 / np.sqrt(2)], rtol=1e-12, atol=0)
    np.testing.assert_allclose(mean_of_runs([1.0, 3.0], [0.1, 0.1]), [2.0, 1.0], rtol=1e-12, atol=0)


def test_errors_of_runs_cover_the_truth_whether_runs_differ_or_only_fluctuate() -> None:
    rng = np.random.default_rng(2)
    for between, within in ((0.0, 1.0), (2.0, 0.5)):
        scores = []
        for _ in range(400):
            values = rng.normal(0.0, between, 4) + rng.normal(0.0, within, 4)
            mean, error = mean_of_runs(values.tolist(), [within] * 4)
            scores.append(mean / error)
        # Never far too small; the larger of two estimates is a little too large.
        assert 0.7 < np.std(scores) < 1.9


def test_the_comparison_is_that_of_welch() -> None:
    from scipy import stats

    first, second = (3.1, 3.9, 4.4), (2.0, 2.2, 2.9, 2.4)
    found = compare(Replicas(first, (0.0,) * 3), Replicas(second, (0.0,) * 4))
    expected = stats.ttest_ind(first, second, equal_var=False, alternative="greater")
    np.testing.assert_allclose([found.p_value, found.freedom], [expected.pvalue, expected.df], rtol=1e-9, atol=0)
    # A multiple of the second mean: as if all its values were multiplied.
    scaled = stats.ttest_ind(first, 0.5 * np.array(second), equal_var=False, alternative="greater").pvalue
    halved = compare(Replicas(first, (0.0,) * 3), Replicas(second, (0.0,) * 4), 0.5)
    np.testing.assert_allclose(halved.p_value, scaled, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("n_runs", "between", "within"), [(1, 0.0, 1.0), (3, 1.0, 0.3)])
def test_runs_of_the_same_truth_differ_as_seldom_as_the_level_says(n_runs: int, between: float, within: float) -> None:
    rng, n_trials = np.random.default_rng(5), 1500
    p = [
        compare(_runs(rng, n_runs, between, within), _runs(rng, n_runs, between, within)).p_value
        for _ in range(n_trials)
    ]
    assert np.mean(np.array(p) < 0.05) < 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / n_trials)


def test_where_nothing_fluctuates_a_difference_is_one() -> None:
    still = Replicas((1.0,), (0.0,))
    assert compare(Replicas((1.1,), (0.0,)), still).p_value == 0.0
    assert compare(still, still).p_value == 1.0


def test_runs_as_much_longer_as_is_said_find_the_effect_as_often_as_is_said() -> None:
    rng, effect, n_trials = np.random.default_rng(6), 1.0, 1500
    now = compare(Replicas((1.0,), (0.9,)), Replicas((0.0,), (0.7,)))
    times = time_needed(now, effect, 0.05, 0.8)
    found = 0
    for _ in range(n_trials):
        longer = (_runs(rng, 1, 0.0, error / np.sqrt(times), truth) for error, truth in ((0.9, effect), (0.7, 0.0)))
        found += compare(*longer).p_value <= 0.05
    assert abs(found / n_trials - 0.8) < 0.04


def test_as_many_runs_as_are_said_find_the_effect_as_often_as_is_said() -> None:
    rng, effect, n_trials = np.random.default_rng(7), 2.0, 1500
    # Two runs of each, which scatter by one: the standard error of the difference is one.
    n_runs = replicas_needed((2, 2), 1.0, effect, 0.05, 0.8)
    assert n_runs is not None
    found = sum(
        compare(_runs(rng, n_runs, 1.0, 0.0, effect), _runs(rng, n_runs, 1.0, 0.0)).p_value <= 0.05
        for _ in range(n_trials)
    )
    assert 0.77 < found / n_trials < 0.95


def test_no_time_and_no_runs_tell_an_effect_that_is_none() -> None:
    assert time_needed(Comparison(-1.0, 1.0, 9.0, 0.8), 0.0, 0.05, 0.8) == float("inf")
    assert replicas_needed((1, 1), 1.0, 0.0, 0.05, 0.8) is None
    assert replicas_needed((2, 2), 1.0, 1e-3, 0.05, 0.8) is None


def test_holm_agrees_with_its_definition() -> None:
    p = [0.012, 0.5, 0.02, 0.011]
    ordered = sorted(p)
    expected = [max(min(1.0, (4 - k) * ordered[k]) for k in range(ordered.index(value) + 1)) for value in p]
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12, atol=0)
