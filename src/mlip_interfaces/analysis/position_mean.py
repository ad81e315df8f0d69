"""Positions averaged over frames of a periodic cell that may breathe."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Mean: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], float]
"""Fractional coordinates, cell and time."""


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

    def mean(self) -> Mean:
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


class WindowMeans:
    """Means over windows of time, fed frame by frame.

    Parameters
    ----------
    average_ps : float, ps
        Of a window: as many frames as that is by the time between the first two, one at least.
    every_ps : float, ps, optional
        From the start of a window to that of the next; one follows the other where it is left out or shorter.

    Examples
    --------
    >>> windows = WindowMeans(0.2, 0.3)
    >>> found = [windows.add(np.zeros((1, 3)), np.eye(3), 0.1 * frame) for frame in range(6)]
    >>> [len(means) for means in found]
    [0, 1, 0, 0, 1, 0]
    """

    def __init__(self, average_ps: float, every_ps: float | None = None) -> None:
        self._average_ps, self._every_ps = average_ps, every_ps
        self._n_frames, self._first_ps = 0, 0.0
        self._n_window = self._stride = 0
        self._window: PositionMean | None = None

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> list[Mean]:
        """Add a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.
        time_ps : float, ps
            Of the frame.

        Returns
        -------
        list of tuple
            Of windows that are whole now, as `PositionMean.mean` has it. The first frame waits for the second, which tells how long a
            window is.
        """
        found = []
        if self._n_frames == 0:
            self._first_ps = time_ps
        elif self._n_frames == 1:
            interval = time_ps - self._first_ps
            self._n_window = max(1, round(self._average_ps / interval))
            self._stride = max(self._n_window, round((self._every_ps or 0.0) / interval))
            found += self._whole()
        if self._window is not None:
            self._window.add(positions, cell, time_ps)
        elif self._n_frames == 0 or self._n_frames % self._stride == 0:
            self._window = PositionMean(positions, cell, time_ps)
        self._n_frames += 1
        return found + self._whole()

    def rest(self) -> Mean | None:
        """Give the mean of the window that is not whole.

        Returns
        -------
        tuple or None
            As `PositionMean.mean` has it; None where there is none.
        """
        return None if self._window is None else self._window.mean()

    def _whole(self) -> list[Mean]:
        if self._window is None or self._window.n_frames != self._n_window:
            return []
        mean, self._window = self._window.mean(), None
        return [mean]


@njit(cache=True, nogil=True)
def _add_nearest(positions, inverse, first, total):  # type: ignore[no-untyped-def]
    """Add fractional coordinates, in the image nearest to the first ones."""
    for a in range(positions.shape[0]):
        p = positions[a]
        for k in range(3):
            s = p[0] * inverse[0, k] + p[1] * inverse[1, k] + p[2] * inverse[2, k]
            total[a, k] += s - np.round(s - first[a, k])
