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
    positions : (n_frames, n_atoms, 3) float array, angstrom
        Unwrapped. Wrapped positions would make the centre of mass jump whenever an atom crosses a boundary.
    masses : (n_atoms,) float array, any unit
        Mass of each atom.
    reference_mask : (n_atoms,) bool array, optional
        Atoms whose centre of mass is at rest; all of them if None. The atoms of one crystal give the frame of its
        lattice.

    Returns
    -------
    (n_frames, n_atoms, 3) float array, angstrom
        Displacement r(t) - r(0) less that of the centre of mass; small numbers, however far from the origin the atoms are.

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
    """Displacement of the centre of mass of the reference atoms, sum m_i (r_i(t) - r_i(0)) / sum m_i.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Unwrapped.
    masses : (n_atoms,) float array, any unit
        Mass of each atom.
    reference_mask : (n_atoms,) bool array, optional
        Reference atoms; all of them if None.

    Returns
    -------
    (n_frames, 3) float array, angstrom
        To be taken off the displacements of all atoms.

    Raises
    ------
    AnalysisError
        If the reference has no atom.

    Examples
    --------
    >>> moved = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    >>> center_of_mass_path(moved, np.array([1.0, 2.0])).round(9).tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    weights = masses if reference_mask is None else np.where(reference_mask, masses, 0.0)
    if weights.sum() <= 0.0:
        raise AnalysisError("The frame of reference has no atom; name elements that are in this trajectory.")
    return np.asarray(np.einsum("tai,a->ti", displacements, weights) / weights.sum())
