"""Long-range diffusion from a mean squared displacement that may still bend: how much of it will be undone.

Atoms of a superionic conductor jump out of their cages and back again. Until a run is many times longer than that takes,
its mean squared displacement grows faster than it will in the long run, however straight it looks.

References
----------
K. Funke, Prog. Solid State Chem. 22, 111 (1993): jumps and their relaxation.
J. T. Bullerjahn, S. von Bülow, G. Hummer, J. Chem. Phys. 153, 024116 (2020): covariance of the displacements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.lag_fit import LONGEST_LAG, QUALITY_THRESHOLD, msd_covariance

LINE_PRIOR, CAGE_PRIOR = 0.5, 0.1
"""Probabilities, before the data, that all of the motion is long-range diffusion, or none. The rest: some, all shares alike."""

CAGE_ANGSTROM2 = 9.0
"""Mean of the exponential prior for what is undone: the square of the distance between sites, some 3 angstrom."""

LAG_RATIO, FEWEST_LAGS, DECADE = 1.4, 6, 10.5
"""Ratio of neighbouring lags; lags of a fit at least; ratio of its last to its first lag at most. What comes after the run is
told by the last decade: shorter lags have less noise, and know of faster motions only."""

GRID, FINE_GRID = (48, 49), (64, 80)
"""Relaxation times and shares, over all of both and then where the probability is."""

ITERATIONS = 3
NEGLIGIBLE = 1e-5
"""Probability, relative to the largest, below which a point of the grid is left out."""

WIDEST = 30.0
"""Standard deviations beyond which no quantile lies."""

RELAXED = 10.0
"""Length of a run that shows the line, in relaxation times."""


@dataclass(frozen=True, slots=True)
class LongRangeSlope:
    """Slope of the mean squared displacement at lags beyond all relaxation, from a run that may not reach them.

    Attributes
    ----------
    lags : (n_lags,) int array, frames
        That were looked at.
    weights : (n_lags,) float array
        The slope per frame is ``weights @ msd``.
    slope, error : float, angstrom^2 per frame
        Mean and standard deviation of the posterior.
    interval : tuple of float, angstrom^2 per frame
        95 % of the posterior.
    line_probability : float
        That all of the motion is long-range diffusion: the MSD is a line.
    relaxation_frames : float, frames
        Time within which jumps are undone with a probability of 90 %, where they are.
    """

    lags: NDArray[np.int64]
    weights: NDArray[np.float64]
    slope: float
    error: float
    interval: tuple[float, float]
    line_probability: float
    relaxation_frames: float


def crossover_lags(n_frames: int) -> NDArray[np.int64]:
    """Lags at which a crossover is looked for, evenly spaced in their logarithm.

    Parameters
    ----------
    n_frames : int
        Of the run.

    Returns
    -------
    (n_lags,) int array, frames
        From 1 to half of the run.

    Examples
    --------
    >>> crossover_lags(140).tolist()
    [1, 2, 3, 4, 5, 8, 11, 15, 21, 29, 40, 57, 69]
    """
    last = max(2, int(LONGEST_LAG * (n_frames - 1)))
    lags = sorted({round(LAG_RATIO**power) for power in range(64) if LAG_RATIO**power <= last})
    return np.array([*lags, last] if last > 1.15 * lags[-1] else lags, dtype=np.int64)


def long_range_slope(
    samples: NDArray[np.float64],
    n_frames: int,
    *,
    first_lag: int,
    independent_share: Callable[[int], float],
    excess: float = 1.0,
) -> LongRangeSlope:
    """Slope of the mean squared displacement in the long run, all relaxations that the data allow considered.

    Parameters
    ----------
    samples : (n_lags, n_atoms) float array, angstrom^2
        Mean squared displacement of each atom, all directions together, at the lags of `crossover_lags`.
    n_frames : int
        Of the run.
    first_lag : int, frames
        Lags before it are left out.
    independent_share : callable
        From a lag to the number of independent atoms over that of atoms.
    excess : float
        Variance over that of independent atoms, where blocks in time have shown more.

    Returns
    -------
    LongRangeSlope
        With its interval.

    Notes
    -----
    m(t) = a + S [f t + (1 - f) tau (1 - exp(-t / tau))]: atoms jump at a rate that gives the slope S, and the share 1 - f of
    it is undone within tau. The long-range slope is f S. Its posterior is summed over a grid of tau (uniform in its logarithm
    up to the length of the run) and f (uniform, with weights of their own at 1, the line, and 0, the cage), and known in
    closed form for a and S; what is undone, (1 - f) S tau, has an exponential prior of the size of a cage. The covariance of the MSD is that of a Gaussian process of this m(t),
    enlarged where atoms scatter more. The first lag is the shortest in the last decade from which on the curve fits.
    """
    lags = crossover_lags(n_frames)
    floor = 1.0e-4 * float(samples.mean(axis=1).max()) / float(lags[-1])
    passed_before = False
    for number, start in enumerate(_starts(lags, first_lag)):
        n_independent = samples.shape[1] * independent_share(int(lags[start])) / excess
        data, quality = _whitened(samples[start:], lags[start:], n_frames, n_independent, floor)
        passes = quality >= QUALITY_THRESHOLD
        if passes and (number == 0 or passed_before):
            break
        passed_before = passes
    return _posterior(data, _taus(data.lags, n_frames))


def _starts(lags: NDArray[np.int64], first_lag: int) -> list[int]:
    """Indices of the first lag of each fit to be tried."""
    last = lags.size - FEWEST_LAGS
    in_decade = np.flatnonzero((lags * DECADE >= lags[-1]) & (lags >= first_lag))
    return [int(start) for start in in_decade if start <= last] or [max(last, 0)]


def _share_of_time(tau: NDArray[np.float64], share: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """f t + (1 - f) tau (1 - exp(-t / tau)), shape (n_points, n_lags)."""
    return np.asarray(share[:, None] * t - (1.0 - share[:, None]) * tau[:, None] * np.expm1(-t / tau[:, None]))


class _Lines(NamedTuple):
    """Straight lines a + S g through the data for each of many shapes g; fields of shape (n_points,)."""

    slope: NDArray[np.float64]
    slope_variance: NDArray[np.float64]
    misfit: NDArray[np.float64]
    log_evidence: NDArray[np.float64]
    rows: NDArray[np.float64]
    """(n_points, n_lags): the slope is ``rows @ msd``."""


@dataclass(frozen=True, slots=True)
class _Whitened:
    """MSD at some lags, and what whitens it: the inverse of the Cholesky factor of its covariance."""

    lags: NDArray[np.int64]
    msd: NDArray[np.float64]
    whitening: NDArray[np.float64]
    freedom: float
    """Degrees of freedom of its variance."""
    enlargement: float = 1.0
    """Of its variance, where no curve of the family fits."""

    def lines(self, tau: NDArray[np.float64], share: NDArray[np.float64]) -> _Lines:
        """Least squares at each point of a grid, with an intercept that is not negative."""
        from scipy.special import log_ndtr

        white, enlarged = self.whitening, self.enlargement
        y, one = white @ self.msd, white.sum(axis=1)
        g = _share_of_time(tau, share, self.lags.astype(np.float64)) @ white.T
        oo, oy, yy = one @ one, one @ y, y @ y
        og, gg, gy = g @ one, np.einsum("pk,pk->p", g, g), g @ y
        determinant = oo * gg - og**2
        intercept = (gg * oy - og * gy) / determinant
        free = yy - intercept * oy - (oo * gy - og * oy) / determinant * gy
        log_evidence = (
            -0.5 * self.freedom * np.log1p(np.maximum(free, 0.0) / enlarged / self.freedom)
            - 0.5 * np.log(determinant)
            + log_ndtr(intercept / np.sqrt(gg / determinant * enlarged))
        )
        # An intercept below zero is noise: the line goes through the origin then.
        origin = intercept < 0.0
        rows = np.where(origin[:, None], g / gg[:, None], (oo * g - og[:, None] * one) / determinant[:, None])
        variance = np.where(origin, 1.0 / gg, oo / determinant) * enlarged
        return _Lines(rows @ y, variance, np.where(origin, yy - (rows @ y) * gy, free), log_evidence, rows @ white)


def _taus(lags: NDArray[np.int64], n_frames: int) -> NDArray[np.float64]:
    """Relaxation times of the grid, frames."""
    return np.geomspace(0.7 * float(lags[0]), float(n_frames), GRID[0])


def _whitened(
    samples: NDArray[np.float64], lags: NDArray[np.int64], n_frames: int, n_independent: float, floor: float
) -> tuple[_Whitened, float]:
    """The data with the covariance of their best curve, and the quality of that; `floor` is the least slope of a walk."""
    from scipy.special import chdtrc

    n_atoms = samples.shape[1]
    msd, t = samples.mean(axis=1), lags.astype(np.float64)
    scatter = np.cov(samples) / n_independent if n_atoms > 1 else np.zeros((lags.size, lags.size))
    tau, share = _points(_taus(lags, n_frames), np.linspace(0.0, 1.0, GRID[1]))
    times = np.arange(2.0 * t[-1] + 1.0)
    intercept, slope, at = 0.0, max(float(msd[-1]) / t[-1], floor), tau.size - 1
    for _ in range(ITERATIONS):
        shape = _share_of_time(tau[[at]], share[[at]], times)[0]
        curve = intercept + slope * shape
        curve[0] = 0.0
        # Three directions, each with a third of it.
        covariance = 3.0 * msd_covariance(n_frames, lags, curve / 3.0) / n_independent
        covariance[np.diag_indices_from(covariance)] *= 1.0 + 1e-9
        covariance *= _more_scatter(covariance, scatter, shape[lags])
        data = _Whitened(lags, msd, np.linalg.inv(np.linalg.cholesky(covariance)), float(max(n_atoms - 1, 2)))
        lines = data.lines(tau, share)
        at = int(np.argmin(lines.misfit))
        slope = max(float(lines.slope[at]), floor)
        intercept = max(float(msd[-1] - lines.slope[at] * _share_of_time(tau[[at]], share[[at]], t)[0, -1]), 0.0)
    misfit, freedom = max(float(lines.misfit[at]), 0.0), max(lags.size - 4, 1)
    quality = float(chdtrc(freedom, misfit))
    if quality < QUALITY_THRESHOLD:
        data = replace(data, enlargement=max(1.0, misfit / freedom))
    return data, quality


def _more_scatter(theory: NDArray[np.float64], scatter: NDArray[np.float64], shape: NDArray[np.float64]) -> float:
    """Variance of the slope from the scatter of atoms, over that of Gaussian motion; never below one."""
    design = np.stack([np.ones(shape.size), shape], axis=1)
    inverse = np.linalg.inv(theory)
    row = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse)[1]
    return max(1.0, float((row @ scatter @ row) / (row @ theory @ row)))


def _points(taus: NDArray[np.float64], shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tau, share = np.meshgrid(taus, shares, indexing="ij")
    return tau.ravel(), share.ravel()


def _posterior(data: _Whitened, taus: NDArray[np.float64]) -> LongRangeSlope:
    """Sum over the grid, where the probability is, the cage and the line."""
    tau, share, part = _fine_grid(data, taus)
    # A line has no relaxation time; any will do.
    tau_of_all = np.concatenate([tau, taus, [1.0]])
    share_of_all = np.concatenate([share, np.zeros(taus.size), [1.0]])
    prior = np.concatenate(
        [
            np.full(tau.size, (1.0 - LINE_PRIOR - CAGE_PRIOR) * part / tau.size),
            np.full(taus.size, CAGE_PRIOR / taus.size),
            [LINE_PRIOR],
        ]
    )
    lines = data.lines(tau_of_all, share_of_all)
    log_weight = lines.log_evidence + np.log(prior) - _undone(lines, tau_of_all, share_of_all) / CAGE_ANGSTROM2
    weight = np.exp(log_weight - log_weight.max())
    weight[weight < NEGLIGIBLE] = 0.0
    weight /= weight.sum()
    mean, spread = share_of_all * lines.slope, share_of_all * np.sqrt(lines.slope_variance)
    slope, kept = float(weight @ mean), weight > 0.0
    return LongRangeSlope(
        lags=data.lags,
        weights=(weight * share_of_all) @ lines.rows,
        slope=slope,
        error=float(np.sqrt(weight @ (spread**2 + (mean - slope) ** 2))),
        interval=_interval(weight[kept], mean[kept], spread[kept], data.freedom),
        line_probability=float(weight[-1]),
        relaxation_frames=_longest(tau_of_all[:-1], weight[:-1]),
    )


def _fine_grid(data: _Whitened, taus: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Points of relaxation times and shares where the probability is, and their part of the whole plane before the data."""
    n_taus, n_shares = GRID
    step = float(np.log(taus[-1] / taus[0])) / (n_taus - 1)
    tau, share = _points(taus, _middles(0.0, 1.0, n_shares))
    lines = data.lines(tau, share)
    seen = (lines.log_evidence - _undone(lines, tau, share) / CAGE_ANGSTROM2).reshape(GRID)
    likely = seen > seen.max() + np.log(NEGLIGIBLE)
    rows, columns = np.flatnonzero(likely.any(axis=1)), np.flatnonzero(likely.any(axis=0))
    logs = _middles(np.log(taus[rows[0]]) - step / 2, np.log(taus[rows[-1]]) + step / 2, FINE_GRID[0])
    low, high = columns[0] / n_shares, (columns[-1] + 1) / n_shares
    part = (rows[-1] - rows[0] + 1) / n_taus * (high - low)
    return *_points(np.exp(logs), _middles(low, high, FINE_GRID[1])), float(part)


def _undone(lines: _Lines, tau: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """What of the MSD is undone in the long run, angstrom^2."""
    return np.asarray((1.0 - share) * np.maximum(lines.slope, 0.0) * tau)


def _longest(tau: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Relaxation time that is not exceeded with a probability of 90 %, where there is relaxation."""
    order = np.argsort(tau)
    total = np.cumsum(weight[order])
    at = int(np.searchsorted(total, 0.9 * total[-1]))
    return float(tau[order][min(at, tau.size - 1)])


def _middles(low: float, high: float, n: int) -> NDArray[np.float64]:
    return low + (high - low) * (np.arange(n) + 0.5) / n


def _interval(
    weight: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64], freedom: float
) -> tuple[float, float]:
    """2.5 and 97.5 % quantiles of a mixture of Student distributions, some of no width."""
    from scipy.optimize import brentq
    from scipy.special import stdtr

    size = float(np.abs(mean).max() + spread.max()) or 1.0
    width = np.maximum(spread, 1e-9 * size)
    reach = float(width.max()) * WIDEST
    bounds = float(mean.min()) - reach, float(mean.max()) + reach

    def end(level: float) -> float:
        found = float(
            brentq(lambda at: weight @ stdtr(freedom, (at - mean) / width) - level, *bounds, xtol=1e-7 * size)
        )
        return 0.0 if abs(found) < 1e-6 * size else found

    return end(0.025), end(0.975)
