"""Overlap of curves that two kinds of MD give of the same thing, with an error from blocks of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of two curves is common.

    Attributes
    ----------
    value : float
        From 0 (no place has both) to 1 (the same); not-a-number where both are zero everywhere.
    error : float
        Standard error, from leaving out one block after the other; zero where a side has a single block.
    of_itself : float
        The same of every second block of the first curve with the rest of it: what chance alone leaves in half the time. Not-a-number
        with a single block.
    """

    value: float
    error: float
    of_itself: float


def curve_overlap(first: Floats, second: Floats) -> float:
    """Integral of the lower of two curves over that of the higher one.

    Parameters
    ----------
    first, second : (n_bins,) float array
        Not negative, on the same bins.

    Returns
    -------
    float
        1 for the same curve, 0 where none has a place in common with the other, c for a curve and c times it (c below 1);
        not-a-number where both are zero.

    Examples
    --------
    >>> curve_overlap(np.array([0.0, 2.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    0.6
    """
    most = float(np.maximum(first, second).sum())
    return float(np.minimum(first, second).sum()) / most if most > 0 else float("nan")


def overlap_of_blocks(first: Floats, second: Floats) -> Overlap:
    """Overlap of the means of two series of curves.

    Parameters
    ----------
    first, second : (n_blocks, n_bins) float array
        Means over blocks of equal length.

    Returns
    -------
    Overlap
        With its error by the jackknife over the blocks of each side [1]_, added in squares.

    References
    ----------
    .. [1] B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans, SIAM (1982), chapter 3.

    Examples
    --------
    >>> overlap_of_blocks(np.ones((4, 3)), np.ones((4, 3)))
    Overlap(value=1.0, error=0.0, of_itself=1.0)
    """
    mean_first, mean_second = first.mean(axis=0), second.mean(axis=0)
    variance = _jackknife([curve_overlap(part, mean_second) for part in _without_each(first)])
    variance += _jackknife([curve_overlap(mean_first, part) for part in _without_each(second)])
    of_itself = curve_overlap(first[::2].mean(axis=0), first[1::2].mean(axis=0)) if len(first) > 1 else float("nan")
    return Overlap(curve_overlap(mean_first, mean_second), float(np.sqrt(variance)), of_itself)


def block_means(values: Floats, n_blocks: int) -> Floats:
    """Means over consecutive parts of a series.

    Parameters
    ----------
    values : (n_frames, ...) float array
        In order of time.
    n_blocks : int
        How many; fewer where there are fewer frames.

    Returns
    -------
    (n_blocks, ...) float array
        Frames that are left over at the end are in none.
    """
    n_blocks = min(n_blocks, len(values))
    size = len(values) // n_blocks
    return np.asarray(values[: size * n_blocks].reshape(n_blocks, size, *values.shape[1:]).mean(axis=1))


def _without_each(blocks: Floats) -> list[Floats]:
    """Mean of all blocks but one, for each."""
    n = len(blocks)
    return [(blocks.sum(axis=0) - block) / (n - 1) for block in blocks] if n > 1 else []


def _jackknife(values: list[float]) -> float:
    """Variance of an estimate from its values without each part."""
    n = len(values)
    return float((n - 1) / n * ((np.array(values) - np.mean(values)) ** 2).sum()) if n else 0.0
