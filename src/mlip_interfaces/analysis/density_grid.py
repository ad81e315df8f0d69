"""Probability density of atoms on a grid, and its cube file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import ANGSTROM_TO_BOHR


@dataclass(frozen=True, slots=True)
class DensityGrid:
    """Mean density of atoms in voxels of the cell.

    Attributes
    ----------
    density_per_angstrom3 : (n_a, n_b, n_c) float array, 1/angstrom^3
        Its sum times the volume of a voxel is the number of atoms.
    cell : (3, 3) float array, angstrom
        Mean cell.
    n_frames : int
        Averaged.
    """

    density_per_angstrom3: NDArray[np.float64]
    cell: NDArray[np.float64]
    n_frames: int

    @property
    def voxel_angstrom3(self) -> float:
        """Volume of a voxel."""
        return _voxel_angstrom3(self.cell, self.density_per_angstrom3.size)


class DensityGridAccumulator:
    """Counts atoms in voxels, fed frame by frame; voxels are shares of the cell and breathe with it.

    Parameters
    ----------
    mask : (n_atoms,) bool array
        Atoms counted.
    spacing_angstrom : float, angstrom, optional
        Of grid points in the first frame.

    Raises
    ------
    AnalysisError
        If there is no atom.

    Notes
    -----
    rho = <n> / (V / number of voxels) with n the atoms nearest to a grid point and V the volume of the mean cell.

    Examples
    --------
    >>> grid = DensityGridAccumulator(np.array([True]), spacing_angstrom=1.0)
    >>> grid.add(np.array([[0.1, 0.0, 0.9]]), np.eye(3) * 2.0)
    >>> grid.result().density_per_angstrom3.ravel().round(9).tolist()
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
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
        """Add a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            Wrapped or not.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.
        """
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
        """Give the mean density.

        Returns
        -------
        DensityGrid
            Over all frames added.

        Raises
        ------
        AnalysisError
            If no frame was added.
        """
        if self._shape is None:
            raise AnalysisError("There is no frame for a density.")
        cell = self._cell / self._n_frames
        voxel = _voxel_angstrom3(cell, self._counts.size)
        return DensityGrid((self._counts / (self._n_frames * voxel)).reshape(self._shape), cell, self._n_frames)


def _voxel_angstrom3(cell: NDArray[np.float64], n_voxels: int) -> float:
    return abs(float(np.linalg.det(cell))) / n_voxels


def cube_text(grid: DensityGrid, positions: NDArray[np.float64], atomic_numbers: NDArray[np.integer]) -> Iterator[str]:
    """Text of a Gaussian cube file, in pieces to be written one after another.

    Parameters
    ----------
    grid : DensityGrid
        The density, in 1/angstrom^3 as the first comment of the file says.
    positions : (n_atoms, 3) float array, angstrom
        Atoms to be shown in the grid's cell, as they are.
    atomic_numbers : (n_atoms,) int array
        Of these atoms.

    Yields
    ------
    str
        The header, then one layer of the grid along the first cell vector after another.

    Notes
    -----
    Cells and positions are in bohr and the last index runs fastest, as the format has it; each value has its own line.

    Examples
    --------
    >>> grid = DensityGrid(np.array([[[0.5, 0.25]]]), np.eye(3), 1)
    >>> print("".join(cube_text(grid, np.zeros((1, 3)), np.array([3]))))
    number density, 1/angstrom^3
    OUTER LOOP: X, MIDDLE LOOP: Y, INNER LOOP: Z
        1    0.000000    0.000000    0.000000
        1    1.889726    0.000000    0.000000
        1    0.000000    1.889726    0.000000
        2    0.000000    0.000000    0.944863
        3    0.000000    0.000000    0.000000    0.000000
    5.000000e-01
    2.500000e-01
    """
    density = grid.density_per_angstrom3
    lines = ["number density, 1/angstrom^3", "OUTER LOOP: X, MIDDLE LOOP: Y, INNER LOOP: Z"]
    lines.append(f"{len(positions):5}" + "".join(f"{0.0:12.6f}" for _ in range(3)))
    for n_voxels, vector in zip(density.shape, grid.cell, strict=True):
        lines.append(f"{n_voxels:5}" + "".join(f"{x:12.6f}" for x in vector / n_voxels * ANGSTROM_TO_BOHR))
    for number, position in zip(atomic_numbers, positions, strict=True):
        lines.append(f"{number:5}{0.0:12.6f}" + "".join(f"{x:12.6f}" for x in position * ANGSTROM_TO_BOHR))
    yield "\n".join(lines)
    for layer in density:
        yield "".join(f"\n{value:e}" for value in layer.ravel().tolist())
