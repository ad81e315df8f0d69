"""Probability density of atoms on a grid, and its cube file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, slots=True)
class DensityGrid:
    """Mean density of atoms in voxels of the cell.

    Attributes
    ----------
    density_per_angstrom3 : shape (n_a, n_b, n_c); its sum times the volume of a voxel is the number of atoms.
    cell : mean cell, shape (3, 3), angstrom.
    """

    density_per_angstrom3: NDArray[np.float64]
    cell: NDArray[np.float64]


class DensityGridAccumulator:
    """Counts atoms in voxels, fed frame by frame; voxels are shares of the cell and breathe with it.

    Parameters
    ----------
    mask : atoms counted, shape (n_atoms,).
    spacing_angstrom : of the grid in the first frame.

    Raises
    ------
    AnalysisError
        If there is no atom.
    """

    def __init__(self, mask: NDArray[np.bool_], *, spacing_angstrom: float = 0.25) -> None:
        if not mask.any():
            raise AnalysisError("There is no atom for a density.")
        self._atoms = np.flatnonzero(mask)
        self._spacing = spacing_angstrom
        self._shape: tuple[int, int, int] | None = None
        self._counts = np.zeros(0, dtype=np.int64)
        self._cell = np.zeros((3, 3))
        self._n_frames = 0

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> None:
        """Add a frame: positions (n_atoms, 3) wrapped or not, cell (3, 3)."""
        if self._shape is None:
            lengths = np.linalg.norm(cell, axis=1)
            n = np.maximum(1, np.round(lengths / self._spacing).astype(int))
            self._shape = (int(n[0]), int(n[1]), int(n[2]))
            self._counts = np.zeros(int(n.prod()), dtype=np.int64)
        scaled = positions[self._atoms] @ np.linalg.inv(cell)
        shape = np.array(self._shape)
        # A voxel is centred on its grid point, as cube files have it.
        place = np.round((scaled - np.floor(scaled)) * shape).astype(np.int64) % shape
        flat = np.ravel_multi_index((place[:, 0], place[:, 1], place[:, 2]), self._shape)
        self._counts += np.bincount(flat, minlength=self._counts.size)
        self._cell += cell
        self._n_frames += 1

    def result(self) -> DensityGrid:
        """The mean density.

        Raises
        ------
        AnalysisError
            If no frame was added.
        """
        if self._shape is None:
            raise AnalysisError("There is no frame for a density.")
        cell = self._cell / self._n_frames
        voxel = abs(float(np.linalg.det(cell))) / self._counts.size
        return DensityGrid((self._counts / (self._n_frames * voxel)).reshape(self._shape), cell)


def write_density_cube(grid: DensityGrid, atoms: Atoms, file: Path) -> None:
    """Write a Gaussian cube file with the atoms of a reference frame, its cell replaced by the mean one."""
    from ase.io.cube import write_cube

    reference = atoms.copy()
    reference.set_cell(grid.cell, scale_atoms=True)
    with file.open("w") as handle:
        write_cube(handle, reference, data=grid.density_per_angstrom3, comment="number density, 1/angstrom^3")
