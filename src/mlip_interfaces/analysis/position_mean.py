"""Positions averaged over frames of a periodic cell that may breathe."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


class PositionMean:
    """Running mean of fractional coordinates, of the cell and of the time: a breathing cell does not blur it.

    Each atom is taken in the image nearest to where it was in the first frame.

    Parameters
    ----------
    positions : (n_atoms, 3) float array, angstrom
        Of the first frame, in any periodic image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    time_ps : float, ps
        Of the first frame.

    Examples
    --------
    >>> mean = PositionMean(np.array([[0.2, 0, 0]]), 4.0 * np.eye(3), 0.0)
    >>> mean.add(np.array([[4.4, 0, 0]]), 4.0 * np.eye(3), 1.0)
    >>> scaled, cell, time = mean.mean()
    >>> (scaled @ cell).round(6).tolist(), time
    ([[0.3, 0.0, 0.0]], 0.5)
    """

    def __init__(self, positions: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> None:
        self._first: NDArray[np.float64] = positions @ np.linalg.inv(cell)
        self._sum = self._first.copy()
        self._cell, self._times = cell.copy(), [time_ps]

    @property
    def n_frames(self) -> int:
        """Frames so far."""
        return len(self._times)

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> None:
        """Add a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.
        time_ps : float, ps
            Of the frame.
        """
        _add_nearest(positions, np.linalg.inv(cell), self._first, self._sum)
        self._cell += cell
        self._times.append(time_ps)

    def mean(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Give the mean of all frames so far.

        Returns
        -------
        scaled : (n_atoms, 3) float array
            Fractional coordinates.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.
        time_ps : float, ps
            Of the middle.
        """
        return self._sum / self.n_frames, self._cell / self.n_frames, float(np.mean(self._times))


@njit(cache=True, nogil=True)
def _add_nearest(positions, inverse, first, total):  # type: ignore[no-untyped-def]
    """Add fractional coordinates, in the image nearest to the first ones."""
    for a in range(positions.shape[0]):
        p = positions[a]
        for k in range(3):
            s = p[0] * inverse[0, k] + p[1] * inverse[1, k] + p[2] * inverse[2, k]
            total[a, k] += s - np.round(s - first[a, k])
