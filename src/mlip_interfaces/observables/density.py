"""Probability density of one element on a grid."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.request import Option, Request
from mlip_interfaces.observables.results import Result
from mlip_interfaces.settings import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlip_interfaces.analysis.density_grid import DensityGrid
    from mlip_interfaces.analysis.density_percolation import DensityPercolation
    from mlip_interfaces.figures import Figure


_AXES = ("a", "b", "c")
_DIRECTIONS = ("1 direction", "2 directions", "3 directions")
_FEW_VISITS = 10


class Density(Request):
    """Probability density of one element on a grid."""

    kind: ClassVar[str] = "density"
    summary: ClassVar[str] = "probability density on a grid: cube file and figure"
    uses_displacements: ClassVar[bool] = True

    species: Annotated[str, Option("Li")] = Field(description="Element.")
    spacing_angstrom: Annotated[Spacing, Option("W")] = Field(0.25, description="Of the grid in the first frame.")

    def observe(self, start: Start) -> Observer:
        """Count the atoms in every voxel.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _DensityObserver(self, start)


@dataclass(frozen=True, slots=True)
class _Way:
    """The level of the density that leads through the cell along an axis, or in so many directions; None where none does."""

    along: str
    density_per_angstrom3: float | None
    below_largest_kt: float | None
    n_visits: int


class _DensityObserver(Observer):
    def __init__(self, request: Density, start: Start) -> None:
        from mlip_interfaces.analysis.density_grid import DensityGridAccumulator
        from mlip_interfaces.trajectory.selection import element_mask

        super().__init__()
        self._request = request
        mask = element_mask(start.trajectory, request.species)
        self._accumulator = DensityGridAccumulator(mask, spacing_angstrom=request.spacing_angstrom)

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Count where the atoms are, the drift taken out."""
        for place, cell in zip(batch.places, batch.frames.cells, strict=True):
            self._accumulator.add(place, cell)

    def finish(self, record: Record) -> DensityResult:
        """The mean density."""
        from mlip_interfaces.analysis.density_percolation import percolating_densities

        grid = self._accumulator.result()
        return DensityResult(
            self._request,
            grid,
            percolating_densities(grid.density_per_angstrom3),
            record.trajectory.symbols,
            record.first_positions,
        )


@dataclass(frozen=True, slots=True)
class DensityResult(Result):
    """Mean density of an element.

    Attributes
    ----------
    request : Density
        What was asked for.
    grid : mlip_interfaces.analysis.density_grid.DensityGrid
        Density in voxels of the mean cell.
    percolation : mlip_interfaces.analysis.density_percolation.DensityPercolation
        Levels of the density that lead through the cell.
    symbols : (n_atoms,) str array
        Elements of all atoms.
    first_positions : (n_atoms, 3) float array, angstrom
        Of all atoms in the first frame, drawn in the cube file.
    """

    request: Density
    grid: DensityGrid
    percolation: DensityPercolation
    symbols: NDArray[np.str_]
    first_positions: NDArray[np.float64]

    @property
    def n_atoms(self) -> float:
        """Integral of the density."""
        density = self.grid.density_per_angstrom3
        return float(density.sum() * self.grid.voxel_angstrom3)

    def to_dict(self) -> dict[str, object]:
        """Content of ``density.json``."""
        density = self.grid.density_per_angstrom3
        return {
            "shape": list(density.shape),
            "n_atoms": self.n_atoms,
            "largest_per_angstrom3": float(density.max()),
            "percolation": [asdict(way) for way in self._ways()],
            "settings": self.request.settings(),
        }

    def _ways(self) -> list[_Way]:
        """Of each axis and number of directions."""
        largest = float(self.grid.density_per_angstrom3.max())
        levels = [*self.percolation.axes.tolist(), *self.percolation.directions.tolist()]
        return [
            _Way(
                along=name,
                density_per_angstrom3=level or None,
                below_largest_kt=float(np.log(largest / level)) if level else None,
                n_visits=round(level * self.grid.voxel_angstrom3 * self.grid.n_frames),
            )
            for name, level in zip((*_AXES, *_DIRECTIONS), levels, strict=True)
        ]

    def texts(self) -> dict[str, Callable[[], str]]:
        """A Gaussian cube file with the atoms of the first frame in the mean cell."""
        return {".cube": self._cube}

    def _cube(self) -> str:
        from ase import Atoms

        from mlip_interfaces.analysis.density_grid import cube_text

        atoms = Atoms(self.symbols, positions=self.first_positions, cell=self.grid.cell, pbc=True)
        atoms.wrap()
        return "".join(cube_text(self.grid, atoms.positions, atoms.numbers))

    def lines(self) -> list[str]:
        """Shape of the grid, the largest density, and the levels that lead through the cell."""
        density = self.grid.density_per_angstrom3
        shape = " x ".join(map(str, density.shape))
        first = f"{self.request.species}: {self.n_atoms:.6g} atoms on a grid of {shape}, at most {density.max():.3g} /angstrom^3"
        ways = [way for way in self._ways()[: len(_AXES)] if way.density_per_angstrom3]
        if not ways:
            return [
                first,
                "the density does not lead through the cell along any axis in this run: voxels that were never visited close a way, so look at a wider spacing too",
            ]
        words = ", ".join(
            f"along {way.along} {way.below_largest_kt:.2f} kT below the largest density (visits of the narrowest voxel: {way.n_visits})"
            for way in ways
        )
        rare = any(way.n_visits < _FEW_VISITS for way in ways)
        doubt = "; fewer than 10 visits are chance: run longer, or take a wider spacing" if rare else ""
        return [first, f"the density leads through the cell {words}{doubt}"]

    def draw(self) -> Figure:
        """Density summed along each cell vector in turn."""
        from mlip_interfaces.figures.style import new_figure

        figure, axes = new_figure(1, 3, height=3.2)
        lengths = np.linalg.norm(self.grid.cell, axis=1)
        for axis, ax in enumerate(axes[0]):
            first, second = (k for k in range(3) if k != axis)
            table = self.grid.density_per_angstrom3.mean(axis=axis) * lengths[axis]
            extent = (0, lengths[first], 0, lengths[second])
            image = ax.imshow(table.T, origin="lower", extent=extent, cmap="magma", aspect="equal")
            ax.set_xlabel(f"{'abc'[first]} (Å)")
            ax.set_ylabel(f"{'abc'[second]} (Å)")
            ax.set_title(f"along {'abc'[axis]}", loc="left")
            label = f"{self.request.species} (1/Å²)" if axis == 2 else None
            figure.colorbar(image, ax=ax, label=label, shrink=0.8)
        return figure
