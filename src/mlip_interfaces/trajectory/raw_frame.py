"""A frame as its file has it, and what a file may need to be told of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as its file has it.

    Attributes
    ----------
    positions : (n_atoms, 3) float array, angstrom
        Unwrapped or not, as `unwrapped` says.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    origin : (3,) float array, angstrom
        Corner of the cell.
    images : (n_atoms, 3) int array or None
        Periodic image of each atom; None where the format has none.
    unwrapped : bool or None
        Whether the file says that positions are unwrapped; None where it says nothing.
    symbols : (n_atoms,) str array or None
        Element of each atom; None where the format has none.
    layers : (n_atoms,) str array or None
        Layer of each atom; None where the format has none.
    time_ps : float or None, ps
        Time of the frame; None where the format has none of certain unit.
    step : int or None
        Number of the MD step; None where the format has none.
    ids : (n_atoms,) int array or None
        Ids of the atoms, ascending; None where the format has none, or its adapter keeps them (text dumps).
    types : (n_atoms,) int array or None
        LAMMPS types of the atoms; None as `ids`.
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
    ids: NDArray[np.int64] | None = None
    types: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class FrameShape:
    """What another file knows of the frames of a trajectory; some formats cannot be read without it.

    Attributes
    ----------
    name : str
        Of that file, for messages.
    n_atoms : int
        Number of atoms.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors; zero where that file has none.
    """

    name: str
    n_atoms: int
    cell: NDArray[np.float64]
