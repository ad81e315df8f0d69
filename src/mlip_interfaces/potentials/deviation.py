"""Committee deviation written by LAMMPS (``model_devi.out``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError


@dataclass(frozen=True, slots=True)
class FrameDeviations:
    """Largest force deviation of each frame.

    Attributes
    ----------
    steps : (n_frames,) int array
        MD step of each frame.
    max_force_ev_per_angstrom : (n_frames,) float array, eV/angstrom
        Largest over atoms of the committee's standard deviation of the force.
    """

    steps: NDArray[np.int64]
    max_force_ev_per_angstrom: NDArray[np.float64]

    def grade(self, low: float, high: float) -> NDArray[np.str_]:
        """``accurate`` (below `low`), ``candidate`` or ``failed`` (`high` and above, or not a number).

        Parameters
        ----------
        low : float, eV/angstrom
            Lower trust level.
        high : float, eV/angstrom
            Upper trust level.

        Returns
        -------
        (n_frames,) str array
            Verdict on each frame.
        """
        deviation = self.max_force_ev_per_angstrom
        failed = ~(deviation < high)
        return np.where(failed, "failed", np.where(deviation < low, "accurate", "candidate"))

    def n_before_loss(self, high: float) -> int:
        """Frames before the run falls apart: `first_lost_frame` of those that failed at the upper trust level `high`.

        Parameters
        ----------
        high : float, eV/angstrom
            Upper trust level.

        Returns
        -------
        int
            Number of frames from the start.
        """
        return first_lost_frame(~(self.max_force_ev_per_angstrom < high))


def first_lost_frame(failed: NDArray[np.bool_]) -> int:
    """Frame from which on a run is lost: from there to its end, failed frames outnumber the others most.

    What follows was reached on forces that the committee itself rejects. Some of it may look certain again, because
    all members are wrong alike where none has seen anything similar. It is the change point of a cumulative sum [1]_ with
    equal votes, so that a few failed frames that a run recovers from change nothing.

    Parameters
    ----------
    failed : (n_frames,) bool array
        Verdict on each frame of one run, in order of time.

    Returns
    -------
    int
        Index of the first lost frame, the last such place of several; n_frames where nothing is lost.

    References
    ----------
    .. [1] E. S. Page, Biometrika 41, 100 (1954).

    Examples
    --------
    >>> first_lost_frame(np.array([False, True, False, False, True, True, False, True]))
    4
    """
    votes = np.where(failed, 1, -1)
    from_the_end = np.cumsum(votes[::-1])
    if from_the_end.size == 0 or from_the_end.max() <= 0:
        return len(votes)
    return len(votes) - 1 - int(from_the_end.argmax())


def read_model_deviation(file: Path) -> FrameDeviations:
    """Read ``model_devi.out`` (columns step, max/min/avg of virial, max/min/avg of force).

    Parameters
    ----------
    file : Path
        Written by LAMMPS.

    Returns
    -------
    FrameDeviations
        Of all frames.

    Raises
    ------
    InputFileError
        If the file is missing or has another layout.
    """
    try:
        table = np.loadtxt(file, ndmin=2, usecols=(0, 4))
    except (OSError, ValueError, IndexError) as error:
        raise InputFileError(f"{file} cannot be read as LAMMPS's model_devi.out: {error}") from error
    return FrameDeviations(table[:, 0].astype(np.int64), table[:, 1])
