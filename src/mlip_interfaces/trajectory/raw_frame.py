"""A frame as its file has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as its file has it.

    Attributes
    ----------
    positions : shape (n_atoms, 3), angstrom.
    cell : rows are lattice vectors, shape (3, 3), angstrom.
    origin : corner of the cell, shape (3,), angstrom.
    images : periodic image of each atom, shape (n_atoms, 3), or None where the format has none.
    unwrapped : whether the file says that positions are unwrapped; None where it says nothing.
    symbols : element of each atom, shape (n_atoms,), or None where the format has none.
    layers : layer of each atom, shape (n_atoms,), or None.
    time_ps : or None where the format has no time of certain unit.
    step : number of the MD step, or None.
    """

    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    origin: NDArray[np.float64]
    images: NDArray[np.int32] | None = None
    unwrapped: bool | None = None
    symbols: NDArray[np.str_] | None = None
    layers: NDArray[np.str_] | None = None
    time_ps: float | None = None
    step: int | None = None
