"""How far an analysis looks in a periodic cell: as far as was asked for, or to half of the smallest cell of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError

BREATHING = 1.02
"""A cell that fluctuates may dip below twice the reach by this factor, where an analysis bears it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Distance up to which an analysis looks.

    Attributes
    ----------
    of : str
        What it is the reach of, as in ``g(r)``.
    used_angstrom : float, angstrom
        How far it goes.
    asked_angstrom : float or None, angstrom
        How far it was to go; None where the request leaves it to the cell.
    half_cell_angstrom : float, angstrom
        Half of the smallest cell looked at when it was chosen: beyond, an atom sees another one twice.
    breathing : float
        Factor by which a later cell may be smaller.
    """

    of: str
    used_angstrom: float
    asked_angstrom: float | None
    half_cell_angstrom: float
    breathing: float = BREATHING

    @classmethod
    def within(
        cls,
        half_cell_angstrom: float,
        of: str,
        asked_angstrom: float | None,
        *,
        at_most_angstrom: float = math.inf,
        step_angstrom: float | None = None,
        breathing: float = BREATHING,
    ) -> Reach:
        """The longest reach that the cell allows.

        Parameters
        ----------
        half_cell_angstrom : float, angstrom
            Half of the smallest cell that is known.
        of : str
            What it is the reach of.
        asked_angstrom : float or None, angstrom
            How far it is to go; None leaves it to the cell.
        at_most_angstrom : float, angstrom, optional
            Without a wish.
        step_angstrom : float, angstrom, optional
            A shorter reach is a whole number of these; any number without it.
        breathing : float, optional
            Factor by which a later cell may be smaller.

        Returns
        -------
        Reach
            As asked where that fits.

        Raises
        ------
        AnalysisError
            If not even one step fits.
        """
        if asked_angstrom is not None and asked_angstrom <= half_cell_angstrom:
            return cls(of, asked_angstrom, asked_angstrom, half_cell_angstrom, breathing)
        longest = half_cell_angstrom
        if step_angstrom is not None:
            longest = math.floor(half_cell_angstrom / step_angstrom) * step_angstrom
        if longest <= 0.0:
            raise AnalysisError(
                f"The smallest cell is {2 * half_cell_angstrom:.2f} angstrom across, and {of} has no room in half of it."
            )
        used = longest if asked_angstrom is not None else min(at_most_angstrom, longest)
        return cls(of, used, asked_angstrom, half_cell_angstrom, breathing)

    def fits(self, cells: NDArray[np.float64]) -> bool:
        """Whether it is within half of every cell, but for their breathing.

        Parameters
        ----------
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        bool
            False where a shorter reach is needed.
        """
        from mlip_interfaces.analysis.rdf import largest_r_max

        return self.used_angstrom <= self.breathing * largest_r_max(cells)

    @property
    def note(self) -> str | None:
        """A sentence where it is shorter than was asked for."""
        if self.asked_angstrom is None or self.used_angstrom >= self.asked_angstrom:
            return None
        return (
            f"{self.of} ends at {self.used_angstrom:.4g} and not at {self.asked_angstrom:g} angstrom: half of the smallest cell "
            f"({2 * self.half_cell_angstrom:.2f} angstrom across), beyond which an atom sees another one twice."
        )

    def shortened(self) -> dict[str, float] | None:
        """What result files have under ``shortened``; None where it is as asked for."""
        if self.asked_angstrom is None or self.note is None:
            return None
        return {
            "asked_angstrom": self.asked_angstrom,
            "used_angstrom": self.used_angstrom,
            "half_cell_angstrom": self.half_cell_angstrom,
        }
