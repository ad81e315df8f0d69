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
from dataclasses import dataclass
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
    quality : float
        Probability of a deviation from the best curve as large as that of the data.
    """

    lags: NDArray[np.int64]
    weights: NDArray[np.float64]
    slope: float
    error: float
    interval: tuple[float, float]
    line_probability: float
    relaxation_frames: float
    quality: float


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
    starts = _starts(lags, first_lag)
    passed_before = False
    for number, start in enumerate(starts):
        fit = _Fit.of(samples[start:], lags[start:], n_frames, independent_share(int(lags[start])), excess)
        passes = fit.quality >= QUALITY_THRESHOLD
        if passes and (number == 0 or passed_before):
            break
        passed_before = passes
    return _posterior(fit)


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
class _Fit:
    """Data of one choice of lags, whitened by the covariance of its best curve."""

    lags: NDArray[np.int64]
    msd: NDArray[np.float64]
    whitening: NDArray[np.float64]
    taus: NDArray[np.float64]
    n_atoms: int
    misfit: float
    quality: float

    @classmethod
    def of(
        cls,
        samples: NDArray[np.float64],
        lags: NDArray[np.int64],
        n_frames: int,
        independent_share: float,
        excess: float,
    ) -> _Fit:
        from scipy.special import chdtrc

        n_atoms = samples.shape[1]
        n_independent = n_atoms * independent_share / excess
        msd, t = samples.mean(axis=1), lags.astype(np.float64)
        scatter = np.cov(samples) / n_independent if n_atoms > 1 else np.zeros((lags.size, lags.size))
        taus = np.geomspace(0.7 * t[0], float(n_frames), GRID[0])
        tau, share = _points(taus, np.linspace(0.0, 1.0, GRID[1]))
        times = np.arange(2.0 * t[-1] + 1.0)
        floor = 1.0e-4 * float(msd.max()) / t[-1]
        best = (0.0, max(float(msd[-1]) / t[-1], floor), 1.0, 1.0)
        fit = cls(lags, msd, np.empty(0), taus, n_atoms, 0.0, 0.0)
        for _ in range(ITERATIONS):
            a, slope, best_tau, best_share = best
            shape = _share_of_time(np.array([best_tau]), np.array([best_share]), times)[0]
            curve = a + slope * shape
            curve[0] = 0.0
            # Three directions, each with a third of it.
            covariance = 3.0 * msd_covariance(n_frames, lags, curve / 3.0) / n_independent
            covariance[np.diag_indices_from(covariance)] *= 1.0 + 1e-9
            covariance *= _more_scatter(covariance, scatter, shape[lags])
            fit = cls(lags, msd, np.linalg.inv(np.linalg.cholesky(covariance)), taus, n_atoms, 0.0, 0.0)
            lines = fit.lines(tau, share)
            at = int(np.argmin(lines.misfit))
            a = float(msd[-1] - lines.slope[at] * _share_of_time(tau[[at]], share[[at]], t)[0, -1])
            best = (max(a, 0.0), max(float(lines.slope[at]), floor), float(tau[at]), float(share[at]))
        misfit = float(lines.misfit[at])
        quality = float(chdtrc(max(lags.size - 4, 1), max(misfit, 0.0)))
        return cls(lags, msd, fit.whitening, taus, n_atoms, misfit, quality)

    @property
    def enlargement(self) -> float:
        """Of variances, where no curve of the family fits."""
        if self.quality >= QUALITY_THRESHOLD:
            return 1.0
        return max(1.0, self.misfit / max(self.lags.size - 4, 1))

    def lines(self, tau: NDArray[np.float64], share: NDArray[np.float64]) -> _Lines:
        """Least squares at each point of a grid, with an intercept that is not negative."""
        from scipy.special import log_ndtr

        white = self.whitening
        y, one = white @ self.msd, white.sum(axis=1)
        g = _share_of_time(tau, share, self.lags.astype(np.float64)) @ white.T
        oo, oy, yy = one @ one, one @ y, y @ y
        og, gg, gy = g @ one, np.einsum("pk,pk->p", g, g), g @ y
        determinant = oo * gg - og**2
        intercept = (gg * oy - og * gy) / determinant
        # An intercept below zero is noise: the line goes through the origin then.
        origin = intercept < 0.0
        rows = np.where(origin[:, None], g / gg[:, None], (oo * g - og[:, None] * one) / determinant[:, None])
        slope = rows @ y
        misfit = np.where(origin, yy - slope * gy, yy - intercept * oy - slope * gy)
        free = yy - intercept * oy - ((oo * gy - og * oy) / determinant) * gy
        enlargement, freedom = self.enlargement if self.quality else 1.0, self.freedom
        log_evidence = (
            -0.5 * freedom * np.log1p(np.maximum(free, 0.0) / enlargement / freedom)
            - 0.5 * np.log(determinant)
            + log_ndtr(intercept / np.sqrt(gg / determinant * enlargement))
        )
        variance = np.where(origin, 1.0 / gg, oo / determinant) * enlargement
        return _Lines(slope, variance, misfit, log_evidence, rows @ white)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance."""
        return float(max(self.n_atoms - 1, 2))


def _more_scatter(theory: NDArray[np.float64], scatter: NDArray[np.float64], shape: NDArray[np.float64]) -> float:
    """Variance of the slope from the scatter of atoms, over that of Gaussian motion; never below one."""
    design = np.stack([np.ones(shape.size), shape], axis=1)
    inverse = np.linalg.inv(theory)
    row = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse)[1]
    return max(1.0, float((row @ scatter @ row) / (row @ theory @ row)))


def _points(taus: NDArray[np.float64], shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tau, share = np.meshgrid(taus, shares, indexing="ij")
    return tau.ravel(), share.ravel()


def _posterior(fit: _Fit) -> LongRangeSlope:
    """Sum over the grid, where the probability is."""
    taus, size = fit.taus, (fit.taus.size, GRID[1])
    whole_tau, whole_share = np.log(taus[-1] / taus[0]) * size[0] / (size[0] - 1), 1.0
    shares = (np.arange(size[1]) + 0.5) / size[1]
    seen = _with_cage_prior(fit, *_points(taus, shares))[1].reshape(size)
    likely = seen > seen.max() + np.log(NEGLIGIBLE)
    by_tau, by_share = np.flatnonzero(likely.any(axis=1)), np.flatnonzero(likely.any(axis=0))
    step = whole_tau / size[0]
    log_tau = _middles(np.log(taus[by_tau[0]]) - step / 2, np.log(taus[by_tau[-1]]) + step / 2, FINE_GRID[0])
    share_range = (by_share[0] / size[1], (by_share[-1] + 1) / size[1])
    tau, share = _points(np.exp(log_tau), _middles(*share_range, FINE_GRID[1]))
    part = (by_tau[-1] - by_tau[0] + 1) * step / whole_tau * (share_range[1] - share_range[0]) / whole_share
    lines, log_weight = _with_cage_prior(fit, tau, share)
    caged, cage_weight = _with_cage_prior(fit, taus, np.zeros(taus.size))
    line = fit.lines(np.ones(1), np.ones(1))
    log_weights = np.concatenate(
        [
            log_weight + np.log((1.0 - LINE_PRIOR - CAGE_PRIOR) * part / tau.size),
            cage_weight + np.log(CAGE_PRIOR / taus.size),
            line.log_evidence + np.log(LINE_PRIOR),
        ]
    )
    weight = np.exp(log_weights - log_weights.max())
    weight[weight < NEGLIGIBLE] = 0.0
    weight /= weight.sum()
    all_share = np.concatenate([share, np.zeros(taus.size), np.ones(1)])
    mean = all_share * np.concatenate([lines.slope, caged.slope, line.slope])
    spread = all_share * np.sqrt(np.concatenate([lines.slope_variance, caged.slope_variance, line.slope_variance]))
    rows = np.concatenate([lines.rows, caged.rows, line.rows])
    slope = float(weight @ mean)
    kept = weight > 0.0
    bent = weight[:-1]
    order = np.argsort(np.concatenate([tau, taus]))
    total = np.cumsum(bent[order])
    at = int(np.searchsorted(total, 0.9 * total[-1])) if total[-1] > 0.0 else 0
    return LongRangeSlope(
        lags=fit.lags,
        weights=(weight * all_share) @ rows,
        slope=slope,
        error=float(np.sqrt(weight @ (spread**2 + (mean - slope) ** 2))),
        interval=_interval(weight[kept], mean[kept], spread[kept], fit.freedom),
        line_probability=float(weight[-1]),
        relaxation_frames=float(np.concatenate([tau, taus])[order][min(at, order.size - 1)]),
        quality=fit.quality,
    )


def _with_cage_prior(
    fit: _Fit, tau: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[_Lines, NDArray[np.float64]]:
    """Lines, and the logarithm of evidence times the prior of what is undone."""
    lines = fit.lines(tau, share)
    undone = (1.0 - share) * np.maximum(lines.slope, 0.0) * tau
    return lines, lines.log_evidence - undone / CAGE_ANGSTROM2


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
