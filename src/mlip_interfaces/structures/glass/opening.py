"""A periodic glass as a layer: where it is opened along z, polyanions whole."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals.polyanions import units_together, whole_units


def opened_along_z(glass: Atoms) -> Atoms:
    """The glass as a layer that may be parted from its images along z: no polyanion is cut.

    Parameters
    ----------
    glass : ase.Atoms
        Periodic in all three directions, c along z, atoms in the cell.

    Returns
    -------
    ase.Atoms
        The same atoms in the same cell and order. Simple ions alone stay where they are. With polyanions the whole glass
        is moved along z, and each polyanion is whole and has its mean height in the cell.

    Raises
    ------
    StructureError
        If a polyanion goes on for ever along z.

    Notes
    -----
    A glass has no preferred plane: of all heights between its units it is opened at the one where the lowest atom above
    is farthest above the highest atom below, or reaches least below it. The layer is then as smooth as it can be.
    """
    units = whole_units(glass)
    if all(len(unit.indices) == 1 for unit in units):
        return glass
    endless = [unit for unit in units if unit.periods[:, 2].any()]
    if endless:
        atoms = max((unit.indices for unit in endless), key=len)
        raise StructureError(
            f"The glass {glass.get_chemical_formula()} holds a polyanion of {glass[atoms].get_chemical_formula()} that goes on "
            "for ever along z, through the periodic boundary: a layer of any cut breaks it. Make the layer thicker, take "
            "another seed, or a potential that does not link units into chains."
        )
    fractional, heights, unit_of_atom = units_together(glass, units)
    lower = np.full(len(units), np.inf)
    upper = np.full(len(units), -np.inf)
    np.minimum.at(lower, unit_of_atom, fractional[:, 2])
    np.maximum.at(upper, unit_of_atom, fractional[:, 2])
    opening = _smoothest_opening(heights, lower, upper)
    z = fractional[:, 2] - opening + (heights < opening)[unit_of_atom]
    layer = glass.copy()
    layer.positions[:, 2] = z * glass.cell[2, 2]
    return layer


def _smoothest_opening(heights: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]) -> float:
    """Height of the opening, between two units: all units below it are moved up by one period."""
    order = np.argsort(heights, kind="stable")
    ascending = heights[order]
    # Opened below unit k, units 0 to k - 1 lie one period higher.
    highest_moved = np.append(-np.inf, np.maximum.accumulate(upper[order])[:-1]) + 1.0
    lowest_moved = np.append(np.inf, np.minimum.accumulate(lower[order])[:-1]) + 1.0
    highest_kept = np.maximum.accumulate(upper[order][::-1])[::-1]
    lowest_kept = np.minimum.accumulate(lower[order][::-1])[::-1]
    extent = np.maximum(highest_moved, highest_kept) - np.minimum(lowest_moved, lowest_kept)
    below = np.append(ascending[-1] - 1.0, ascending[:-1])
    # Two units of one height are not parted.
    extent[ascending - below <= 0.0] = np.inf
    best = int(np.argmin(extent))
    return float(ascending[best] + below[best]) / 2.0
