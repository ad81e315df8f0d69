"""Frames of reference for displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def remove_drift(positions: NDArray[np.float64], masses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions relative to the first frame, in the frame of the centre of mass.

    Parameters
    ----------
    positions : unwrapped, shape (n_frames, n_atoms, 3), angstrom. Wrapped positions would make the centre of mass
        jump whenever an atom crosses a boundary.
    masses : shape (n_atoms,), any unit.

    Returns
    -------
    displacements : r(t) - r(0) less that of the centre of mass, shape (n_frames, n_atoms, 3), angstrom; small numbers,
        however far from the origin the atoms are.
    """
    displacements = positions - positions[0]
    drift = np.einsum("tai,a->ti", displacements, masses) / masses.sum()
    return np.asarray(displacements - drift[:, None, :])
