"""Runs that differ by chance alone: their mean, its interval, and whether two such means differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WITHIN_RUN_FREEDOM = 9
"""Degrees of freedom of the error of one run: it comes from the scatter of ten parts of it."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """One quantity of one system, by run.

    Attributes
    ----------
    values : tuple of float
        Of each run, one at least.
    errors : tuple of float
        Standard error of each, from the run itself; not-a-number where there is none.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def n_runs(self) -> int:
        """How many runs."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Plain mean: runs with small errors are often those that saw little, and weights would favour them."""
        return float(np.mean(self.values))

    @property
    def within(self) -> float:
        """Standard error of the mean that the errors of the runs leave; not-a-number where one has none."""
        return float(np.sqrt(np.sum(np.square(self.errors))) / self.n_runs)

    @property
    def scatter(self) -> float:
        """Standard error of the mean from the scatter between runs; not-a-number of one run."""
        return float(np.std(self.values, ddof=1) / np.sqrt(self.n_runs)) if self.n_runs > 1 else float("nan")

    @property
    def error(self) -> float:
        """Standard error of the mean: the larger of the two, for a few runs may agree by chance."""
        return _largest(self.within, self.scatter)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of the mean, symmetric about it.

        Parameters
        ----------
        confidence : float, optional
            How often such intervals hold the truth, at least.

        Returns
        -------
        low, high : float
            Student's interval from the scatter between runs, or that from their own errors where it is wider.
        """
        tail = 0.5 + 0.5 * confidence
        half = _largest(*(_quantile(freedom, tail) * error for error, freedom in self.errors_and_freedoms()))
        return self.mean - half, self.mean + half

    def errors_and_freedoms(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Standard error of the mean and its degrees of freedom: from within the runs, and from the scatter between them."""
        within = (self.within, float(WITHIN_RUN_FREEDOM * self.n_runs))
        return within, (self.scatter, float(self.n_runs - 1)) if self.n_runs > 1 else within


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether one mean is above a multiple of another.

    Attributes
    ----------
    difference : float
        The first mean less the multiple of the second one.
    error : float
        Its standard error.
    freedom : float
        Degrees of freedom of the error.
    p_value : float
        How often chance alone gives such a difference where the first mean is at most the multiple of the second.
    """

    difference: float
    error: float
    freedom: float
    p_value: float


def compare(first: Replicas, second: Replicas, factor: float = 1.0) -> Comparison:
    r"""One-sided test of Welch, whether the first mean is above a multiple of the second.

    Made with the errors from within the runs and with those from the scatter between them; the larger p-value counts.

    Parameters
    ----------
    first, second : Replicas
        Runs of two systems; their means must not share runs.
    factor : float, optional
        What the second mean is multiplied by.

    Returns
    -------
    Comparison
        Error and degrees of freedom are those with the wider interval. Where nothing fluctuates, p is 0 or 1.

    Notes
    -----
    With standard errors :math:`s_1` and :math:`s_2` of :math:`\nu_1` and :math:`\nu_2` degrees of freedom,
    :math:`t = (m_1 - f m_2) / \sqrt{s_1^2 + f^2 s_2^2}` is held against Student's distribution of
    :math:`\nu = (s_1^2 + f^2 s_2^2)^2 / (s_1^4 / \nu_1 + f^4 s_2^4 / \nu_2)` degrees of freedom.

    References
    ----------
    B. L. Welch, Biometrika 34, 28 (1947), doi:10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> found = compare(Replicas((2.0,), (0.3,)), Replicas((1.0,), (0.4,)))
    >>> found.difference, round(found.error, 6), round(found.p_value, 3)
    (1.0, 0.5, 0.031)
    """
    difference = first.mean - factor * second.mean
    ways = []
    for (error, freedom), (other, other_freedom) in zip(
        first.errors_and_freedoms(), second.errors_and_freedoms(), strict=True
    ):
        squares = error**2, (factor * other) ** 2
        total = sum(squares)
        if np.isnan(total):
            continue
        welch = total**2 / (squares[0] ** 2 / freedom + squares[1] ** 2 / other_freedom) if total else np.inf
        ways.append((float(np.sqrt(total)), float(welch)))
    if not ways:
        return Comparison(difference, float("nan"), float("nan"), 1.0)
    error, freedom = max(ways, key=lambda way: _quantile(way[1], 0.95) * way[0])
    return Comparison(difference, error, freedom, max(_tail(difference, *way) for way in ways))


def mean_of_runs(values: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    """Mean of runs that differ by chance alone, and its standard error.

    Parameters
    ----------
    values : sequence of float
        Of each run, one at least.
    errors : sequence of float
        Standard error of each, from the run itself.

    Returns
    -------
    mean, error : float
        Of one run, its own; of several, the scatter between them, or what their own errors leave of the mean where that is larger:
        two or three runs may agree by chance.

    Examples
    --------
    >>> [round(number, 6) for number in mean_of_runs([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])]
    [2.0, 0.57735]
    >>> [round(number, 6) for number in mean_of_runs([2.0, 2.0], [0.3, 0.4])]
    [2.0, 0.25]
    """
    runs = Replicas(tuple(values), tuple(errors))
    return runs.mean, runs.error


def replicas_needed(runs: tuple[int, int], error: float, effect: float, level: float, power: float) -> int | None:
    """Runs of each of two systems that a one-sided test needs to tell an effect.

    Parameters
    ----------
    runs : tuple of int
        Runs of each that there are.
    error : float
        Standard error of the difference that these give.
    effect : float
        Difference to be told, positive.
    level, power : float
        Of the test: how often it errs without an effect, and how often it finds this one.

    Returns
    -------
    int or None
        Runs of each; None where even a thousand do not.

    Examples
    --------
    >>> replicas_needed((2, 2), 1.0, 2.0, 0.05, 0.8)
    5
    """
    if not effect > 0.0:
        return None
    spread = error * np.sqrt(2.0 / (1.0 / runs[0] + 1.0 / runs[1]))
    for n_runs in range(max(2, min(runs)), 1001):
        freedom = 2.0 * (n_runs - 1)
        if (_quantile(freedom, 1.0 - level) + _quantile(freedom, power)) * spread / np.sqrt(n_runs) <= effect:
            return n_runs
    return None


def time_needed(found: Comparison, effect: float, level: float, power: float) -> float:
    """How many times longer all runs must be for a one-sided test to tell an effect; errors shrink as one over the root of the time.

    Parameters
    ----------
    found : Comparison
        By the runs as they are.
    effect : float
        Difference to be told, positive.
    level, power : float
        Of the test: how often it errs without an effect, and how often it finds this one.

    Returns
    -------
    float
        One at least; infinite where there is nothing to tell.

    Examples
    --------
    >>> round(time_needed(Comparison(1.0, 1.0, float("inf"), 0.16), 1.0, 0.05, 0.8), 2)
    6.18
    """
    if not effect > 0.0 or not np.isfinite(found.error):
        return float("inf")
    sigmas = _quantile(found.freedom, 1.0 - level) + _quantile(found.freedom, power)
    return max(1.0, float((sigmas * found.error / effect) ** 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that the chance of any false finding among them is bounded.

    Parameters
    ----------
    p_values : sequence of float
        Of each test.

    Returns
    -------
    list of float
        In the same order.

    References
    ----------
    S. Holm, Scand. J. Statist. 6, 65 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    n_tests, adjusted, least = len(p_values), [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(n_tests), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (n_tests - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def _largest(*numbers: float) -> float:
    """Of those that are numbers."""
    known = [number for number in numbers if not np.isnan(number)]
    return max(known) if known else float("nan")


def _quantile(freedom: float, share: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(ndtri(share) if np.isinf(freedom) else stdtrit(freedom, share))


def _tail(difference: float, error: float, freedom: float) -> float:
    """Share of Student's distribution above a difference."""
    from scipy.special import ndtr, stdtr

    if error == 0.0:
        return 0.0 if difference > 0.0 else 1.0
    score = -difference / error
    return float(ndtr(score) if np.isinf(freedom) else stdtr(freedom, score))
