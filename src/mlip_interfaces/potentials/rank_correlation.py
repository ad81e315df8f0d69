"""Whether one number warns of another: Spearman's rank correlation with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES, _FEWEST = 2000, 5


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """How far the order of one series is that of another.

    Attributes
    ----------
    value : float
        Spearman's coefficient, from -1 to 1.
    low, high : float
        95 % interval from resampled pairs.
    n : int
        Pairs.
    """

    value: float
    low: float
    high: float
    n: int


def rank_correlation(
    first: NDArray[np.floating], second: NDArray[np.floating], *, seed: int = 1
) -> RankCorrelation | None:
    """Spearman's rank correlation with a bootstrap interval.

    Parameters
    ----------
    first, second : (n,) float array
        Pairs; those with a value that is not finite are left out.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    RankCorrelation or None
        None with fewer than five pairs, and where a series has one value only.

    Examples
    --------
    >>> rank_correlation(np.arange(9.0), np.exp(np.arange(9.0))).value
    1.0
    """
    from scipy.stats import rankdata

    finite = np.isfinite(first) & np.isfinite(second)
    a, b = first[finite], second[finite]
    if a.size < _FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    drawn = np.random.default_rng(seed).integers(a.size, size=(_RESAMPLES, a.size))
    resampled = _pearson(rankdata(a[drawn], axis=1), rankdata(b[drawn], axis=1))
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return RankCorrelation(
        float(_pearson(rankdata(a)[None], rankdata(b)[None])[0]), float(low), float(high), int(a.size)
    )


def _pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the rows; not-a-number where one of them is constant."""
    a = first - first.mean(axis=1, keepdims=True)
    b = second - second.mean(axis=1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products = (a * b).sum(axis=1)
    return np.asarray(np.divide(products, scale, out=np.full_like(products, np.nan), where=scale > 0))
