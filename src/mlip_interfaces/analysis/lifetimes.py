"""How long things last that are watched for a while: survival with censoring, mean lives, and rates of rare events."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Survival:
    """What is left of things after a time, those that outlived the run counted as far as they were seen.

    Attributes
    ----------
    times_ps : (n_times,) float array, ps
        From zero; then where one ended or was last seen.
    survival, low, high : (n_times,) float array
        Share left, and its 95 % interval; not a number where there is none.
    n, n_ended : int
        Things watched, and those whose end was seen.
    median_ps : float, ps
        When half are left; infinite where more are left at the end.
    mean_ps, mean_error_ps : float, ps
        Time watched over ends seen, the life of what ends at a constant rate; infinite without an end.
    mean_at_least_ps : float, ps
        Lower bound of it at 95 %.
    """

    times_ps: NDArray[np.float64]
    survival: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int
    n_ended: int
    median_ps: float
    mean_ps: float
    mean_error_ps: float
    mean_at_least_ps: float


def survival(durations_ps: NDArray[np.float64], ended: NDArray[np.bool_]) -> Survival:
    """Survival by the product-limit estimator, and the mean life at a constant rate.

    Parameters
    ----------
    durations_ps : (n,) float array, ps
        How long each was watched; at least one.
    ended : (n,) bool array
        Whether its end was seen; else it outlived the run.

    Returns
    -------
    Survival
        Kaplan and Meier's, with the interval of Greenwood's formula for log(-log S).

    Notes
    -----
    S(t) = product over ends at t_i <= t of (1 - d_i / n_i), d_i of the n_i that were still watched. The mean life is the sum
    of all durations over the number n of ends, with the error 1 / sqrt(n) of it.

    References
    ----------
    E. L. Kaplan, P. Meier, J. Am. Stat. Assoc. 53, 457 (1958).

    Examples
    --------
    >>> found = survival(np.array([1.0, 2.0, 3.0, 3.0]), np.array([True, True, False, False]))
    >>> found.times_ps.tolist(), found.survival.tolist(), found.mean_ps
    ([0.0, 1.0, 2.0, 3.0], [1.0, 0.75, 0.5, 0.5], 4.5)
    """
    from scipy.stats import CensoredData, ecdf

    n_ended = int(np.count_nonzero(ended))
    function = ecdf(CensoredData.right_censored(durations_ps, ~ended)).sf
    with warnings.catch_warnings():
        # Before the first end, and after the last of all, there is no interval: not a number says so.
        warnings.filterwarnings("ignore", message=".*confidence interval is undefined", category=RuntimeWarning)
        warnings.filterwarnings("ignore", message="(divide by zero|invalid value)", category=RuntimeWarning)
        interval: Any = function.confidence_interval(CONFIDENCE, method="log-log")
    times, left = np.append(0.0, function.quantiles), np.append(1.0, function.probabilities)
    low, high = (np.append(np.nan, side.probabilities) for side in (interval.low, interval.high))
    halved = np.flatnonzero(left <= 0.5)
    watched = float(durations_ps.sum())
    mean = watched / n_ended if n_ended else float("inf")
    return Survival(
        times_ps=times,
        survival=left,
        low=low,
        high=high,
        n=int(durations_ps.size),
        n_ended=n_ended,
        median_ps=float(times[halved[0]]) if halved.size else float("inf"),
        mean_ps=mean,
        mean_error_ps=mean / float(np.sqrt(n_ended)) if n_ended else float("inf"),
        mean_at_least_ps=watched / poisson_interval(n_ended)[1],
    )


def poisson_interval(n_events: int) -> tuple[float, float]:
    """95 % interval of the expected number of independent events of which so many were seen.

    Parameters
    ----------
    n_events : int
        Seen.

    Returns
    -------
    tuple of float
        Exact, from quantiles of chi-squared.

    References
    ----------
    F. Garwood, Biometrika 28, 437 (1936).

    Examples
    --------
    >>> [round(bound, 3) for bound in poisson_interval(0)], [round(bound, 3) for bound in poisson_interval(10)]
    ([0.0, 3.689], [4.795, 18.39])
    """
    from scipy.special import chdtri

    tail = 0.5 * (1.0 - CONFIDENCE)
    low = 0.5 * float(chdtri(2 * n_events, 1.0 - tail)) if n_events else 0.0
    return low, 0.5 * float(chdtri(2 * n_events + 2, tail))
