"""Continuous paths from positions that jump when an atom crosses a periodic boundary."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.choices import Scheme
from mlip_interfaces.errors import InputFileError

MAX_STEP = 0.4
"""Longest step between frames, as a share of the cell, whose image is beyond doubt."""

SAME_CELL = 1.0e-7
"""Relative change of a cell, from rounding in text files, that is no change."""


class Unwrapper:
    """Unwraps a trajectory fed chunk by chunk.

    Parameters
    ----------
    scheme : {'auto', 'tor', 'frac', 'image', 'none'}, optional
        Of these, ``tor`` adds minimum-image steps of the wrapped positions (toroidal view preserving); ``frac`` adds steps of the
        fractional coordinates, each times the cell of its frame; ``image`` trusts the image flags or the unwrapped
        positions of the file; ``auto`` does so while the cell is constant and is ``tor`` where it changes; ``none``
        takes positions as they are.

    Notes
    -----
    In a cell of constant shape all are exact and equal. In an NPT run, whole-cell images (LAMMPS ``xu``) multiply the
    noise of the box by the image number; ``tor`` does not. Where a cell drifts, as a reacting interface does, ``tor``
    leaves the affine motion in the paths and ``frac`` takes it out.

    References
    ----------
    J. T. Bullerjahn et al., J. Chem. Theory Comput. 19, 3406 (2023).
    """

    def __init__(self, scheme: Scheme = "tor") -> None:
        self._scheme = scheme
        self._n_frames = 0
        self._path: NDArray[np.float64] | None = None
        self._before: NDArray[np.float64] | None = None
        self._cell: NDArray[np.float64] | None = None
        self._origin: NDArray[np.float64] = np.zeros(3)

    def feed(
        self,
        positions: NDArray[np.float64],
        cells: NDArray[np.float64],
        *,
        origins: NDArray[np.float64] | None = None,
        stored: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Unwrap the next frames.

        Parameters
        ----------
        positions : (n_frames, n_atoms, 3) float array, angstrom
            Wrapped or not.
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors.
        origins : (n_frames, 3) float array, angstrom, optional
            Corner of each cell; zeros if left out.
        stored : (n_frames, n_atoms, 3) float array, angstrom, optional
            Positions unwrapped with the file's own image flags, where it has them.

        Returns
        -------
        (n_frames, n_atoms, 3) float array, angstrom
            Continuous with the frames fed before; the very first frame is returned as it is.

        Raises
        ------
        InputFileError
            If an atom moves 0.4 cells or more between two frames: which image it went to is then a guess. For ``image``,
            if the file has no image flags or its cell changes.
        """
        if self._scheme == "none":
            return positions
        if origins is None:
            origins = np.zeros((len(cells), 3))
        if self._path is None or self._before is None or self._cell is None:
            first = positions[0] if stored is None or self._scheme in ("tor", "frac") else stored[0]
            self._path, self._before, self._cell = first.copy(), (positions if stored is None else stored)[0], cells[0]
            self._origin = origins[0]
        if self._trusts_images(cells, stored):
            assert stored is not None
            path = self._path + (stored - self._before)
            self._before, self._path = stored[-1].copy(), path[-1].copy()
        else:
            path = self._by_steps(positions if stored is None else stored, cells, origins)
        self._cell, self._origin = cells[-1], origins[-1]
        self._n_frames += len(positions)
        return path

    def _trusts_images(self, cells: NDArray[np.float64], stored: NDArray[np.float64] | None) -> bool:
        if self._scheme not in ("auto", "image"):
            return False
        if self._scheme == "image" and stored is None:
            raise InputFileError(
                "The file has no image flags and no unwrapped coordinates for `unwrap` image; use tor, or write xu yu zu."
            )
        assert self._cell is not None
        constant = bool((np.abs(cells - self._cell) <= SAME_CELL * np.abs(self._cell).max()).all())
        if self._scheme == "image" and not constant:
            raise InputFileError(
                "The cell changes, and image flags multiply its noise by the image number; use `unwrap` tor (a cell that "
                "fluctuates) or frac (a cell that drifts)."
            )
        return constant and stored is not None

    def _by_steps(
        self, positions: NDArray[np.float64], cells: NDArray[np.float64], origins: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        assert self._path is not None and self._before is not None and self._cell is not None
        path = np.empty_like(positions)
        scaled = self._scheme == "frac"
        largest = _unwrap_steps(
            np.ascontiguousarray(positions),
            cells,
            np.linalg.inv(cells),
            origins,
            np.ascontiguousarray(self._before),
            self._cell,
            np.linalg.inv(self._cell),
            self._origin,
            np.ascontiguousarray(self._path),
            scaled,
            path,
        )
        if (largest >= MAX_STEP).any():
            frame = int(np.argmax(largest >= MAX_STEP))
            raise InputFileError(
                f"An atom moves {largest[frame]:.2f} of the cell between frames {self._n_frames + frame - 1} and "
                f"{self._n_frames + frame}, so its periodic image is a guess; write frames more often, or unwrapped "
                "positions (`dump_modify unwrap yes`)."
            )
        self._before, self._path = positions[-1].copy(), path[-1].copy()
        return path


@njit(cache=True, nogil=True)
def _unwrap_steps(  # type: ignore[no-untyped-def]
    positions, cells, inverses, origins, before, cell_before, inverse_before, origin_before, path_before, scaled, path
):
    n_frames, n_atoms, _ = positions.shape
    largest = np.zeros(n_frames)
    step = np.empty(3)
    s = np.empty(3)
    s0 = np.empty(3)
    for t in range(n_frames):
        h, g = cells[t], inverses[t]
        h0 = cell_before if t == 0 else cells[t - 1]
        g0 = inverse_before if t == 0 else inverses[t - 1]
        o = origins[t]
        o0 = origin_before if t == 0 else origins[t - 1]
        top = 0.0
        for a in range(n_atoms):
            old = before[a] if t == 0 else positions[t - 1, a]
            new = positions[t, a]
            base = path_before[a] if t == 0 else path[t - 1, a]
            for k in range(3):
                s[k] = 0.0
                s0[k] = 0.0
                for j in range(3):
                    s[k] += (new[j] - o[j]) * g[j, k]
                    s0[k] += (old[j] - o0[j]) * g0[j, k]
            if scaled:
                for k in range(3):
                    step[k] = s[k] - s0[k]
            else:
                for k in range(3):
                    s[k] -= np.floor(s[k])
                    s0[k] -= np.floor(s0[k])
                # Wrapped positions in angstrom, and their difference in units of this frame's cell.
                d0 = 0.0
                d1 = 0.0
                d2 = 0.0
                for j in range(3):
                    d0 += s[j] * h[j, 0] - s0[j] * h0[j, 0]
                    d1 += s[j] * h[j, 1] - s0[j] * h0[j, 1]
                    d2 += s[j] * h[j, 2] - s0[j] * h0[j, 2]
                d0 += o[0] - o0[0]
                d1 += o[1] - o0[1]
                d2 += o[2] - o0[2]
                for k in range(3):
                    step[k] = d0 * g[0, k] + d1 * g[1, k] + d2 * g[2, k]
            for k in range(3):
                step[k] -= np.round(step[k])
                if not abs(step[k]) <= top:
                    top = abs(step[k])
            for k in range(3):
                path[t, a, k] = base[k] + step[0] * h[0, k] + step[1] * h[1, k] + step[2] * h[2, k]
        largest[t] = top
    return largest


def unwrap(
    positions: NDArray[np.float64], cells: NDArray[np.float64], *, scheme: Scheme = "tor"
) -> NDArray[np.float64]:
    """Continuous paths of a whole trajectory.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) float array, angstrom
        Wrapped or not.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    scheme : {'tor', 'frac', 'none'}, optional
        See `Unwrapper`.

    Returns
    -------
    (n_frames, n_atoms, 3) float array, angstrom
        The first frame is kept as it is.

    Raises
    ------
    InputFileError
        If an atom moves 0.4 cells or more between two frames.

    Examples
    --------
    >>> path = np.array([[[9.0, 5, 5]], [[9.8, 5, 5]], [[0.6, 5, 5]]])
    >>> unwrap(path, np.repeat(10 * np.eye(3)[None], 3, axis=0))[:, 0, 0].round(9).tolist()
    [9.0, 9.8, 10.6]
    """
    return Unwrapper(scheme).feed(positions, cells)
