"""Depth of atoms in a cell: from its own corner, across the planes of two of its vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def face_widths(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances between opposite faces of cells (sides, of lateral ones).

    Parameters
    ----------
    cells : (..., n, n) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    (..., n) float array, angstrom
        What repeats along each vector make wider.

    Examples
    --------
    >>> face_widths(np.array([[3.0, 0.0], [3.0, 4.0]])).tolist()
    [2.4, 4.0]
    """
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cells), axis=-2))


def cell_height(cells: NDArray[np.float64], *, axis: int = 2) -> NDArray[np.float64]:
    """Distance between the two faces of a cell that one of its vectors joins.

    Parameters
    ----------
    cells : (..., 3, 3) float array, angstrom
        Rows are lattice vectors.
    axis : int, optional
        Of the vector, 0, 1 or 2.

    Returns
    -------
    (...,) float array, angstrom
        Shorter than the vector where that leans.

    Examples
    --------
    >>> float(cell_height(np.array([[20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [15.0, 0.0, 20.0]])).round(9))
    20.0
    """
    return np.asarray(face_widths(cells)[..., axis])


def depth_shares(
    positions: NDArray[np.float64], cells: NDArray[np.float64], corners: NDArray[np.float64], *, axis: int = 2
) -> NDArray[np.float64]:
    """Depth of atoms from the corner of their cell, as shares of its height.

    Parameters
    ----------
    positions : (..., n_atoms, 3) float array, angstrom
        In any periodic image.
    cells : (..., 3, 3) float array, angstrom
        Rows are lattice vectors.
    corners : (..., 3) float array, angstrom
        Where each cell begins; LAMMPS puts that anywhere.
    axis : int, optional
        Vector of the cell along which depths grow; they are measured across the planes of the two others.

    Returns
    -------
    (..., n_atoms) float array
        From 0 up to, but not including, 1; times `cell_height` it is the depth in angstrom.

    Examples
    --------
    >>> leaning = np.array([[20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [15.0, 0.0, 20.0]])
    >>> depth_shares(np.array([[10.0, 10.0, -2.0]]), leaning, np.array([0.0, 0.0, -17.0])).round(9).tolist()
    [0.75]
    """
    across = np.linalg.inv(cells)[..., :, axis]
    shares = np.einsum("...ai,...i->...a", positions - corners[..., None, :], across)
    shares -= np.floor(shares)
    # A depth a rounding error below zero is zero, and not the other face.
    return np.asarray(np.where(shares < 1.0, shares, 0.0))
