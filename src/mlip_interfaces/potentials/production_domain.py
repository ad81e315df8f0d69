"""When a run leaves the domain of its model: by the committee's deviation, or by the drift of the energy error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.potentials.deviation import first_lost_frame

LEAST_MAJORITY = 2
"""One frame alone above the trust level, at the very end, is no departure."""


def left_by_deviation(max_force_ev_per_angstrom: NDArray[np.float64], high: float) -> int | None:
    """First frame from which on most frames of a run deviate by more than the upper trust level.

    From there to the end, frames above the level outnumber the others by two at least, so that the median is above it.
    Of several such places it is the one of `first_lost_frame`, by which a campaign leaves out what follows when an
    exploration falls apart: a few frames above the level that the run comes back from change nothing.

    Parameters
    ----------
    max_force_ev_per_angstrom : (n_frames,) float array, eV/angstrom
        Largest force deviation of each frame, in order of time.
    high : float, eV/angstrom
        Upper trust level.

    Returns
    -------
    int or None
        Index of the frame; None for a run that stays.

    Examples
    --------
    >>> left_by_deviation(np.array([0.1, 0.9, 0.2, 0.2, 0.8, 0.4, 0.7, 0.9]), 0.5)
    6
    >>> left_by_deviation(np.array([0.1, 0.9, 0.2, 0.2, 0.3, 0.2, 0.9]), 0.5) is None
    True
    """
    above = ~(np.asarray(max_force_ev_per_angstrom) < high)
    first = first_lost_frame(above)
    majority = 2 * int(above[first:].sum()) - len(above[first:])
    return first if majority >= LEAST_MAJORITY else None


def left_by_drift(energy_error_mev_per_atom: Sequence[float], bound: float) -> int | None:
    """First label whose energy error differs from that of the first label by more than a bound.

    Parameters
    ----------
    energy_error_mev_per_atom : sequence of float, meV/atom
        Energy of the model minus that of the label, in order of time.
    bound : float, meV/atom
        Largest change.

    Returns
    -------
    int or None
        Index of the label; None for a run that stays, or has one label.

    Notes
    -----
    An error that is the same all along does no harm to the dynamics: atoms do not feel a constant.

    Examples
    --------
    >>> left_by_drift([-21.0, -5.0, 57.0], 20.0)
    2
    """
    for index, error in enumerate(energy_error_mev_per_atom):
        if abs(error - energy_error_mev_per_atom[0]) > bound:
            return index
    return None
