"""Frames of reference for displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError


def remove_drift(
    positions: NDArray[np.float64], masses: NDArray[np.float64], *, reference_mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Positions relative to the first frame, in the frame of the centre of mass.

    Parameters
    ----------
    positions : unwrapped, shape (n_frames, n_atoms, 3), angstrom. Wrapped positions would make the centre of mass
        jump whenever an atom crosses a boundary.
    masses : shape (n_atoms,), any unit.
    reference_mask : atoms whose centre of mass is at rest, shape (n_atoms,); all of them if None. The atoms of one
        crystal give the frame of its lattice.

    Returns
    -------
    displacements : r(t) - r(0) less that of the centre of mass, shape (n_frames, n_atoms, 3), angstrom; small numbers,
        however far from the origin the atoms are.

    Raises
    ------
    AnalysisError
        If the reference has no atom.
    """
    displacements = positions - positions[0]
    drift = center_of_mass_path(displacements, masses, reference_mask)
    return np.asarray(displacements - drift[:, None, :])


def center_of_mass_path(
    displacements: NDArray[np.float64], masses: NDArray[np.float64], reference_mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Displacement of the centre of mass of the reference atoms, shape (n_frames, 3), angstrom.

    Parameters
    ----------
    displacements : unwrapped, shape (n_frames, n_atoms, 3), angstrom.
    masses : shape (n_atoms,), any unit.
    reference_mask : shape (n_atoms,); all atoms if None.

    Raises
    ------
    AnalysisError
        If the reference has no atom.
    """
    weights = masses if reference_mask is None else np.where(reference_mask, masses, 0.0)
    if weights.sum() <= 0.0:
        raise AnalysisError("The frame of reference has no atom; name elements that are in this trajectory.")
    return np.asarray(np.einsum("tai,a->ti", displacements, weights) / weights.sum())
