"""Slopes of mean squared displacements by generalised least squares.

The mean squared displacement at different lags is made from the same steps, so its points are strongly correlated, and
errors of an ordinary fit are too small by one to two orders of magnitude. Here the covariance of the points is that of a
random walk with noise, f(k) = a + s k, for which it is known exactly.

References
----------
J. T. Bullerjahn, S. von Bülow, G. Hummer, J. Chem. Phys. 153, 024116 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

MOST_LAGS, FEWEST_LAGS = 8, 4
"""Lags of a fit, in multiples of its stride."""

LONGEST_LAG = 0.5
"""Of a fit of the fewest lags, as a share of the run; one of more lags ends at half of that. Beyond it there are too few
independent pieces."""

QUALITY_THRESHOLD = 0.1
ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class LagWeights:
    """A linear estimator of a slope from values at several lags.

    Attributes
    ----------
    lags : (n_lags,) int array, frames
        At which the values are.
    slope : (n_lags,) float array
        The slope per frame is ``slope @ values``.
    intercept : (n_lags,) float array
        The intercept is ``intercept @ values``.
    """

    lags: NDArray[np.int64]
    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]


def walk_covariance(
    n_frames: int,
    lags: NDArray[np.int64],
    first: tuple[float, float],
    second: tuple[float, float] | None = None,
    cross: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Covariance of time-averaged products of displacements of two correlated random walks, one dimension.

    Parameters
    ----------
    n_frames : int
        Of the run; all origins are averaged.
    lags : (n_lags,) int array, frames
        At which the products are averaged.
    first : tuple of float
        Intercept and slope (a, s) of <dx dx> = a + s k at lag k >= 1.
    second, cross : tuple of float, optional
        Those of <dy dy> and <dx dy>. With `first` alone, the covariance is that of the mean squared displacement.

    Returns
    -------
    (n_lags, n_lags) float array
        In the square of the unit of the products.

    Notes
    -----
    With G_ab(l) = <(a(l + i) - a(l)) (b(j) - b(0))>, Wick's theorem gives for origins m, n with l = m - n
    cov = sum_mn [G_xx(l) G_yy(l) + G_xy(l) G_xy(l)] / (K_i K_j), K_i = n_frames - i.

    Examples
    --------
    >>> walk_covariance(101, np.array([1]), (0.0, 1.0)).round(9).tolist()
    [[0.02]]
    """
    tables = [_line_table(lags, line) for line in (first, second or first, cross or first)]
    return np.asarray(_covariance(n_frames, lags, *tables))


def msd_covariance(n_frames: int, lags: NDArray[np.int64], msd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of the time-averaged squared displacements of a Gaussian process with stationary steps, one dimension.

    Parameters
    ----------
    n_frames : int
        Of the run; all origins are averaged.
    lags : (n_lags,) int array, frames
        At which the squares are averaged.
    msd : (2 max(lags) + 1,) float array
        Mean squared displacement at each lag, from 0.

    Returns
    -------
    (n_lags, n_lags) float array
        In the square of the unit of the mean squared displacement.

    Examples
    --------
    >>> msd_covariance(101, np.array([1]), np.arange(3.0)).round(9).tolist()
    [[0.02]]
    """
    return np.asarray(_covariance(n_frames, lags, msd, msd, msd))


def _line_table(lags: NDArray[np.int64], line: tuple[float, float]) -> NDArray[np.float64]:
    table = line[0] + line[1] * np.arange(2.0 * lags.max() + 1.0)
    table[0] = 0.0
    return table


@njit(cache=True, nogil=True)
def _covariance(n_frames, lags, first, second, cross):  # type: ignore[no-untyped-def]
    covariance = np.empty((lags.size, lags.size))
    for p in range(lags.size):
        for q in range(p + 1):
            i, j = lags[p], lags[q]
            n_i, n_j = n_frames - i, n_frames - j
            total = 0.0
            for shift in range(max(-i, 1 - n_j), min(j, n_i - 1) + 1):
                origins = min(n_i - 1, n_j - 1 + shift) - max(0, shift) + 1
                xx = _overlap(shift, i, j, first)
                yy = _overlap(shift, i, j, second)
                xy = _overlap(shift, i, j, cross)
                total += origins * (xx * yy + xy * xy)
            covariance[p, q] = covariance[q, p] = total / (float(n_i) * float(n_j))
    return covariance


@njit(cache=True, nogil=True)
def _overlap(shift, i, j, msd):  # type: ignore[no-untyped-def]
    return 0.5 * (msd[abs(shift + i)] + msd[abs(shift - j)] - msd[abs(shift)] - msd[abs(shift + i - j)])


def gls_weights(n_frames: int, lags: NDArray[np.int64], values: NDArray[np.float64]) -> LagWeights:
    """Weights of the generalised least squares line through a mean squared displacement.

    Parameters
    ----------
    n_frames : int
        Of the run.
    lags : (n_lags,) int array, frames
        At least two.
    values : (n_lags,) float array
        Mean squared displacement at these lags, one dimension.

    Returns
    -------
    LagWeights
        Of slope and intercept.

    Notes
    -----
    Weights are (A^T C^-1 A)^-1 A^T C^-1 with the covariance C of a random walk of the slope and intercept found.

    Examples
    --------
    >>> weights = gls_weights(1000, np.array([1, 2, 3]), np.array([1.5, 2.5, 3.5]))
    >>> round(float(weights.slope @ [1.5, 2.5, 3.5]), 9), round(float(weights.intercept @ [1.5, 2.5, 3.5]), 9)
    (1.0, 0.5)
    """
    design = np.stack([np.ones(lags.size), lags.astype(np.float64)], axis=1)
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    size = float(np.abs(values).max()) or 1.0
    estimator = np.zeros((2, lags.size))
    for _ in range(ITERATIONS):
        # The covariance needs a walk that exists: neither noise nor diffusion below zero.
        a = max(float(solution[0]), 0.0)
        s = max(float(solution[1]), 1.0e-4 * size / float(lags[-1]))
        covariance = walk_covariance(n_frames, lags, (a, s))
        inverse = np.linalg.pinv(covariance, rcond=1e-12, hermitian=True)
        estimator = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse)
        solution = estimator @ values
    return LagWeights(lags, estimator[1], estimator[0])


def candidate_strides(n_frames: int) -> list[int]:
    """Strides of the lags that a run is long enough for, roughly evenly spaced in their logarithm.

    Parameters
    ----------
    n_frames : int
        Of the run.

    Returns
    -------
    list of int, frames
        Ascending, from 1.

    Examples
    --------
    >>> candidate_strides(200)
    [1, 2, 3, 4, 5, 8, 11, 15, 21]
    """
    longest = max(1, int(LONGEST_LAG * (n_frames - 1)) // FEWEST_LAGS)
    return sorted({max(1, round(1.4**power)) for power in range(64) if 1.4**power <= longest})


def lags_of(stride: int, n_frames: int) -> NDArray[np.int64]:
    """Lags of a fit with a stride.

    Parameters
    ----------
    stride : int, frames
        First lag and distance between lags.
    n_frames : int
        Of the run.

    Returns
    -------
    (n_lags,) int array, frames
        Eight multiples of the stride, fewer (at least four) where the run is short for them.

    Examples
    --------
    >>> lags_of(10, 1000).tolist(), lags_of(100, 1000).tolist()
    ([10, 20, 30, 40, 50, 60, 70, 80], [100, 200, 300, 400])
    """
    n_lags = max(FEWEST_LAGS, min(MOST_LAGS, int(0.5 * LONGEST_LAG * (n_frames - 1)) // stride))
    return stride * np.arange(1, n_lags + 1, dtype=np.int64)


def quality_factor(
    samples: NDArray[np.float64], weights: LagWeights, covariance: NDArray[np.float64], independent_share: float = 1.0
) -> float:
    """Probability of a deviation from the line as large as that of the mean of the samples, or larger.

    Uniform between 0 and 1 where the mean squared displacement is that of a random walk with noise; near 0 at lags where
    atoms still rattle, are driven back, or fly freely.

    Parameters
    ----------
    samples : (n_atoms, n_lags) float array
        Mean squared displacements of independent atoms, in the unit of the line.
    weights : LagWeights
        Of the line.
    covariance : (n_lags, n_lags) float array
        Of one sample in theory; used where there are too few atoms to measure it.
    independent_share : float, optional
        Number of independent atoms over that of atoms, where they move together.

    Returns
    -------
    float
        From 0 to 1.

    Notes
    -----
    Hotelling's T^2 of the residuals: their covariance is measured over atoms, so that atoms need not be alike.

    Examples
    --------
    >>> lags = np.array([1, 2, 3, 4])
    >>> weights, theory = gls_weights(1000, lags, 1.0 * lags), walk_covariance(1000, lags, (0.0, 1.0))
    >>> noise = np.random.default_rng(0).multivariate_normal(np.zeros(4), theory, 50)
    >>> quality_factor(lags + noise, weights, theory) > 0.05, quality_factor(lags**0.5 + noise, weights, theory) > 0.05
    (True, False)
    """
    from scipy.special import chdtrc, fdtrc

    n_samples, n_lags = samples.shape
    design = np.stack([np.ones(n_lags), weights.lags.astype(np.float64)], axis=1)
    # Directions in the space of lags that no line reaches.
    basis = np.linalg.svd(design, full_matrices=True)[0][:, 2:]
    n_free = basis.shape[1]
    if n_free == 0:
        return 1.0
    residuals = samples @ basis
    mean = residuals.mean(axis=0)
    if n_samples >= 2 * n_free + 6:
        spread = np.atleast_2d(np.cov(residuals, rowvar=False))
        t2 = float(independent_share * n_samples * mean @ np.linalg.pinv(spread, rcond=1e-12, hermitian=True) @ mean)
        ratio = (n_samples - n_free) / (n_free * (n_samples - 1)) * t2
        return float(fdtrc(n_free, n_samples - n_free, max(ratio, 0.0)))
    spread = basis.T @ covariance @ basis / (n_samples * independent_share)
    excess = mean @ np.linalg.pinv(spread, rcond=1e-12, hermitian=True) @ mean
    return float(chdtrc(n_free, max(excess, 0.0)))
