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
    steps : MD steps, shape (n_frames,).
    max_force_ev_per_angstrom : max over atoms of the committee's standard deviation of the force,
        shape (n_frames,), eV/angstrom.
    """

    steps: NDArray[np.int64]
    max_force_ev_per_angstrom: NDArray[np.float64]

    def grade(self, low: float, high: float) -> NDArray[np.str_]:
        """``accurate`` (below `low`), ``candidate`` or ``failed`` (`high` and above, or not a number)."""
        deviation = self.max_force_ev_per_angstrom
        failed = ~(deviation < high)
        return np.where(failed, "failed", np.where(deviation < low, "accurate", "candidate"))


def read_model_deviation(file: Path) -> FrameDeviations:
    """Read ``model_devi.out`` (columns step, max/min/avg of virial, max/min/avg of force).

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
