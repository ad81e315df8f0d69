"""Lateral cells that several lattices share: the search of Zur and McGill without gaps, strain shared as asked."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.matching.lateral_cells import (
    angle_degrees,
    between,
    deformation,
    fitting_supercell,
    has_mirror,
    mirrored_cell,
    principal_strain,
    same_cell,
    supercells,
    upright_cell,
)

Array = NDArray[np.float64]
Strained = Literal["film", "substrate", "both"]


@dataclass(frozen=True, slots=True)
class Strain:
    """Strain of one crystal in the common cell.

    Attributes
    ----------
    tensor : (2, 2) float array
        In-plane engineering strain F - 1 in the frame of the cell (a along x before and after): strained = unstrained
        (1 + tensor)^T for cells whose rows are a and b.
    max_strain : float
        Largest absolute principal strain, so that shear counts too.
    angle_degrees : float, degrees
        Change of the angle between the lattice vectors.
    """

    tensor: Array
    max_strain: float
    angle_degrees: float


@dataclass(frozen=True, slots=True)
class CommonCell:
    """A lateral cell that all crystals share.

    Attributes
    ----------
    cell : (2, 2) float array, angstrom
        The common cell, a along x.
    originals : tuple of (2, 2) float arrays, angstrom
        Unstrained cell of each crystal.
    transforms : tuple of (2, 2) int arrays
        Rows of whole numbers, original = transform @ lattice (of the lattice seen from below where turned).
    turned : tuple of bool
        Of each crystal.
    strains : tuple of Strain
        Of each crystal.
    """

    cell: Array
    originals: tuple[Array, ...]
    transforms: tuple[NDArray[np.int64], ...]
    turned: tuple[bool, ...]
    strains: tuple[Strain, ...]

    @property
    def area_angstrom2(self) -> float:
        """Area of the cell."""
        return float(np.linalg.det(self.cell))

    @property
    def max_strain(self) -> float:
        """Of the crystal that is strained most."""
        return max(strain.max_strain for strain in self.strains)


def common_cells(
    lattices: Sequence[Array],
    max_area_angstrom2: float,
    max_strain: float,
    *,
    turnable: Sequence[Callable[[], bool]],
    strained: Strained,
) -> Iterator[CommonCell]:
    """Cells that two or more lattices share: those with the smallest cell of the second first, then the least strained.

    Every supercell of the first is tried, and every supercell of the others that has its shape within the limit.

    Parameters
    ----------
    lattices : sequence of (2, 2) float arrays, angstrom
        Right-handed cells.
    max_area_angstrom2 : float, angstrom^2
        Of the unstrained cell of the second.
    max_strain : float
        Largest strain of any of them.
    turnable : sequence of callables
        Functions that say whether a crystal may be turned over, asked only when it would help.
    strained : {'film', 'substrate', 'both'}
        As in `match_slabs`.

    Yields
    ------
    CommonCell
        Under both limits.
    """
    # The mismatch of two lattices may be larger than the strain of each when they share it.
    mismatch = {
        "film": max_strain,
        "substrate": max_strain / (1 - max_strain),
        "both": 2 * max_strain / (1 - 2 * max_strain),
    }
    limit = min(mismatch[strained], 0.3) if strained != "film" else max_strain
    turns = [functools.cache(may_turn) for may_turn in turnable]
    area, film_area = (float(np.linalg.det(lattice)) for lattice in lattices[:2])
    shapes = functools.cache(lambda multiple: supercells(lattices[0], multiple))
    for film in range(1, int(max_area_angstrom2 / film_area + 1e-9) + 1):
        low, high = film * film_area * (1 - limit) ** 2, film * film_area * (1 + limit) ** 2
        found = []
        for multiple in range(max(1, math.ceil(low / area - 1e-9)), math.floor(high / area + 1e-9) + 1):
            for target in shapes(multiple):
                common = _common_cell(lattices, target, limit, film, turns, strained)
                if common is not None and common.max_strain <= max_strain + 1e-9:
                    found.append(common)
        yield from sorted(found, key=lambda common: (round(common.max_strain, 9), round(common.area_angstrom2, 6)))


def _common_cell(
    lattices: Sequence[Array],
    target: Array,
    limit: float,
    multiple: int,
    turns: Sequence[Callable[[], bool]],
    strained: Strained,
) -> CommonCell | None:
    """The least strained way to put all lattices on one supercell of the first, that one turned over only if it must.

    `multiple` is the number of cells of the second lattice.
    """
    for turned in (False, True):
        if turned and (has_mirror(lattices[0]) or not turns[0]()):
            continue
        seen = mirrored_cell(target) if turned else target
        fits: list[_Fit | None] = []
        for number, (lattice, may_turn) in enumerate(zip(lattices[1:], turns[1:], strict=True)):
            sides = (False,) if has_mirror(lattice) else (False, True)
            fits.append(_fit(lattice, seen, limit, sides, may_turn, None if number else multiple))
            if fits[-1] is None:
                break
        else:
            fits.insert(0, _fit(lattices[0], seen, 1e-6, (turned,)))
            return _shared([fit for fit in fits if fit is not None], strained)
    return None


def single_cell(lattice: Array, max_area_angstrom2: float, min_length_angstrom: float) -> CommonCell:
    """The smallest supercell of a lattice with both vectors above a length; of those the one with the longest short one.

    Parameters
    ----------
    lattice : (2, 2) float array, angstrom
        Right-handed cell.
    max_area_angstrom2 : float, angstrom^2
        Largest area allowed.
    min_length_angstrom : float, angstrom
        Shortest vector wanted.

    Returns
    -------
    CommonCell
        Of one crystal, not strained.

    Raises
    ------
    StructureError
        If it is larger than the limit.
    """
    area = float(np.linalg.det(lattice))
    for multiple in range(1, int(max_area_angstrom2 / area + 1e-9) + 1):
        cells = supercells(lattice, multiple)
        shortest = [round(float(np.linalg.norm(cell, axis=1).min()), 6) for cell in cells]
        if max(shortest) >= min_length_angstrom - 1e-6:
            cell = cells[int(np.argmax(shortest))]
            fit = _fit(lattice, cell, 1e-6, (False,))
            assert fit is not None
            return _shared([fit], "film")
    raise StructureError(
        f"No lateral cell of at most {max_area_angstrom2:g} angstrom^2 has both sides above {min_length_angstrom:g} angstrom; "
        f"allow about {max(area, min_length_angstrom**2):.0f} angstrom^2 or ask for shorter sides."
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    original: Array
    transform: NDArray[np.int64]
    turned: bool


def always() -> bool:
    """Allow a crystal to be turned over without a look at it."""
    return True


def _fit(
    lattice: Array,
    target: Array,
    limit: float,
    sides: Sequence[bool],
    may_turn: Callable[[], bool] = always,
    multiple: int | None = None,
) -> _Fit | None:
    """The least strained supercell; turned over where that is among the sides, allowed and better."""
    best: tuple[float, _Fit] | None = None
    for side in sides:
        seen = mirrored_cell(lattice) if side else lattice
        found = fitting_supercell(seen, target, limit, multiple)
        if found is None or (best is not None and found[1] > best[0] - 1e-6) or (side and not may_turn()):
            continue
        best = found[1], _Fit(upright_cell(found[0] @ seen), found[0], side)
    return best[1] if best else None


def _shared(fits: Sequence[_Fit], strained: Strained) -> CommonCell:
    n_films = len(fits) - 1
    of_substrate = {"film": 1.0, "substrate": 0.0, "both": 0.5}[strained] if n_films else 1.0
    originals = tuple(fit.original for fit in fits)
    weights = [of_substrate] + [(1.0 - of_substrate) / max(n_films, 1)] * n_films
    # The cell of the one crystal that keeps its own is taken as it is, not computed.
    cell = originals[weights.index(1.0)] if 1.0 in weights else between(originals, weights)
    strains = tuple(_strain(own, cell) for own in originals)
    return CommonCell(cell, originals, tuple(f.transform for f in fits), tuple(f.turned for f in fits), strains)


def _strain(own: Array, cell: Array) -> Strain:
    """Strain of a crystal; exactly zero where the common cell is its own."""
    if same_cell(own, cell):
        return Strain(np.zeros((2, 2)), 0.0, 0.0)
    return Strain(deformation(own, cell), principal_strain(own, cell), angle_degrees(cell) - angle_degrees(own))
