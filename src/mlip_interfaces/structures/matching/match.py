"""Any number of crystals on one lateral cell: the search of Zur and McGill, strain shared as asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals.loading import load_crystal
from mlip_interfaces.structures.matching.common_cells import CommonCell, Strain, Strained, common_cells, single_cell
from mlip_interfaces.structures.matching.lateral_cells import lateral_cell, mirrored_cell, upright_cell
from mlip_interfaces.structures.slabs.choosing import choose_slab
from mlip_interfaces.structures.slabs.planes import Miller, height_symmetry, plane_stack, primitive_cell, upright
from mlip_interfaces.structures.slabs.terminations import Slab, Termination

Array = NDArray[np.float64]

_HINT_STRAIN = 0.1
"""How far beyond the limits a nearest match is looked for."""


@dataclass(frozen=True, slots=True)
class SlabRequest:
    """One crystal of a stack.

    Attributes
    ----------
    material : str
        Library name or file.
    miller : (3,) tuple of int
        Plane, indices of the crystal's cell.
    thickness_angstrom : float, angstrom
        Thickness wanted; the slab comes as near as its termination allows.
    termination : str or int or None
        Name or number as `slabs.enumerate_slabs` lists them, or None for the first of them.
    symmetric : bool
        Ask for a slab with the same plane on both sides.
    stoichiometric : bool
        Ask for a slab with the composition of the crystal.
    charges : mapping of str to float, e, or None
        Formal charges by element, instead of the usual ones.
    """

    material: str
    miller: Miller
    thickness_angstrom: float
    termination: str | int | None = None
    symmetric: bool = False
    stoichiometric: bool = False
    charges: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class MatchedStack:
    """Slabs with the same lateral cell, in the order of the requests.

    Attributes
    ----------
    slabs : tuple of ase.Atoms
        Cell rows a = (ax, 0, 0), b = (bx, by, 0), c = (0, 0, thickness); atoms from z = 0 up, whole polyanions of both
        surfaces included, so that the topmost may lie above c.
    area_angstrom2 : float, angstrom^2
        Of the lateral cell, repeats included.
    strains : tuple of Strain
        Of each crystal.
    terminations : tuple of Termination
        Of each slab, per unstrained lateral cell of its crystal.
    turned : tuple of bool
        Whether a crystal lies upside down, its (-h -k -l) side up, because only so the lattices match.
    lattices : tuple of (2, 2) float arrays, angstrom
        Cell of each crystal's lattice plane as it is strained here, in the frame of the slabs; for `oriented_bulk`.
    """

    slabs: tuple[Atoms, ...]
    area_angstrom2: float
    strains: tuple[Strain, ...]
    terminations: tuple[Termination, ...]
    turned: tuple[bool, ...]
    lattices: tuple[Array, ...]


def match_slabs(
    requests: Sequence[SlabRequest],
    *,
    max_area_angstrom2: float,
    max_strain: float,
    strained: Strained = "film",
    lateral_repeat: tuple[int, int] = (1, 1),
    primitive: bool = False,
    min_length_angstrom: float = 0.0,
) -> MatchedStack:
    """Cut crystals and put them on the smallest lateral cell that they share within the limits.

    Parameters
    ----------
    requests : sequence of SlabRequest
        One or more crystals; the first is the substrate, the others are films.
    max_area_angstrom2 : float, angstrom^2
        Limit for the unstrained cell of the second crystal, before repeats; for one crystal, of its own.
    max_strain : float
        No crystal is strained by more.
    strained : {'film', 'substrate', 'both'}
        ``film`` leaves the substrate as it is; ``substrate`` takes the mean cell of the films, that of the film if
        there is one; ``both`` takes the middle between the two.
    lateral_repeat : (2,) tuple of int
        Repeats of the matched cell along a and b.
    primitive : bool
        Match the primitive instead of the conventional lattices of centred crystals. A single crystal always has its
        primitive cell.
    min_length_angstrom : float, angstrom
        Shortest a and b, before repeats.

    Returns
    -------
    MatchedStack
        The slabs on the common cell, and the strain of each.

    Raises
    ------
    StructureError
        If nothing matches, with the nearest match beyond the limits; as `slabs.choose_slab`.

    Notes
    -----
    Of several matches with the same area the one with the least strain is taken. No crystal is mirrored. Where two oblique
    lattices only match mirrored, a crystal is turned over (upside down): one with a symmetry operation that does the same
    keeps its terminations; one without is turned only if its request names none.

    References
    ----------
    A. Zur, T. C. McGill, J. Appl. Phys. 55, 378 (1984).
    """
    _check(requests, max_area_angstrom2, max_strain, lateral_repeat)
    alone = len(requests) == 1
    whole = primitive or alone
    lattices = [lateral_cell(load_crystal(request.material), request.miller, primitive=whole) for request in requests]
    if alone:
        common = single_cell(lattices[0], max_area_angstrom2, min_length_angstrom)
    else:
        turnable = [_TurnSymmetry(request).may_turn for request in requests]

        def smallest(area: float, strain: float) -> CommonCell | None:
            cells = common_cells(lattices, area, strain, turnable=turnable, strained=strained)
            long = (cell for cell in cells if np.linalg.norm(cell.cell, axis=1).min() >= min_length_angstrom - 1e-6)
            return next(long, None)

        found = smallest(max_area_angstrom2, max_strain)
        if found is None:
            nearest = smallest(2.0 * max_area_angstrom2, _HINT_STRAIN)
            raise StructureError(_no_match(requests, max_area_angstrom2, max_strain, min_length_angstrom, nearest))
        common = found
    slabs, terminations = [], []
    for request, transform, turned in zip(requests, common.transforms, common.turned, strict=True):
        slab = _slab(request, whole, turned)
        atoms = _supercell(slab.atoms, transform, common.cell)
        slabs.append(atoms.repeat((*lateral_repeat, 1)))
        terminations.append(slab.termination)
    area = common.area_angstrom2 * lateral_repeat[0] * lateral_repeat[1]
    strained_lattices = tuple(np.linalg.inv(transform) @ common.cell for transform in common.transforms)
    return MatchedStack(tuple(slabs), area, common.strains, tuple(terminations), common.turned, strained_lattices)


def oriented_bulk(
    material: str,
    miller: Miller,
    lattice: Array | None = None,
    *,
    turned: bool = False,
    primitive: bool = False,
) -> Atoms:
    """The bulk crystal in the frame of a slab: a and b in the plane, c one spacing up, strained in the plane if asked.

    Parameters
    ----------
    material : str
        Library name or file.
    miller : (3,) tuple of int
        Plane, indices of the crystal's cell.
    lattice : (2, 2) float array, angstrom, or None
        Of `MatchedStack.lattices`; the crystal's own when left out.
    turned : bool
        Whether the crystal lies upside down, as in `MatchedStack.turned`.
    primitive : bool
        As it was matched.

    Returns
    -------
    ase.Atoms
        Periodic; heights are those of the unstrained crystal.

    Raises
    ------
    StructureError
        As `load_crystal` and `planes.plane_stack`.
    """
    atoms, plane = load_crystal(material), miller
    if primitive:
        atoms, plane = primitive_cell(atoms, miller)
    crystal = plane_stack(atoms, plane)
    own = upright_cell(crystal.cell[:2])
    along = np.linalg.lstsq(crystal.cell[:2].T, crystal.cell[2], rcond=None)[0]
    fractional = crystal.fractional.copy()
    if turned:
        # A half turn about a, then b and c reversed, so that both point the usual way.
        own, along = mirrored_cell(own), along * [-1.0, 1.0]
        fractional[:, 1:] *= -1.0
    cell = np.zeros((3, 3))
    cell[:2, :2] = own if lattice is None else lattice
    cell[2] = along @ cell[:2]
    cell[2, 2] = crystal.spacing_angstrom
    return Atoms(atoms.get_chemical_symbols(), scaled_positions=fractional, cell=cell, pbc=True)


@dataclass(frozen=True, slots=True)
class _TurnSymmetry:
    """Whether turning a crystal over leaves a slab with the termination that was asked for."""

    request: SlabRequest

    def may_turn(self) -> bool:
        return self.request.termination is None or has_turning_symmetry(self.request.material, self.request.miller)


def has_turning_symmetry(material: str, miller: Sequence[int]) -> bool:
    """Whether a symmetry operation of the crystal turns a plane's normal around.

    Parameters
    ----------
    material : str
        Library name or file.
    miller : sequence of int
        Plane, indices of the crystal's cell.

    Returns
    -------
    bool
        True if one does.

    Raises
    ------
    StructureError
        As `load_crystal` and `planes.plane_stack`.
    """
    return bool(len(height_symmetry(plane_stack(load_crystal(material), miller))[1]))


def _slab(request: SlabRequest, primitive: bool, turned: bool) -> Slab:
    def choose(termination: str | int | None) -> Slab:
        return choose_slab(
            request.material, request.miller, request.thickness_angstrom, termination=termination,
            symmetric=request.symmetric, stoichiometric=request.stoichiometric, primitive=primitive,
            charges=request.charges,
        )  # fmt: skip

    slab = choose(request.termination)
    if not turned:
        return slab
    if has_turning_symmetry(request.material, request.miller):
        # The slab with the two surfaces exchanged, so that turned over it shows the one that was asked for.
        slab = choose(_exchanged(slab.termination.name))
    return turn_over(slab)


def turn_over(slab: Slab) -> Slab:
    """The slab upside down: a half turn about a, so that nothing is mirrored.

    Parameters
    ----------
    slab : Slab
        Cell rows a = (ax, 0, 0), b = (bx, by, 0), c along z.

    Returns
    -------
    Slab
        With the two surfaces exchanged in its name, and the sign of its dipole.
    """
    half_turn = np.diag([1.0, -1.0, -1.0])
    cell = np.asarray(slab.atoms.cell) @ half_turn
    cell[1] *= -1.0
    height = float(slab.atoms.cell[2, 2])
    cell[2] = (0.0, 0.0, height)
    atoms = Atoms(slab.atoms.get_chemical_symbols(), positions=slab.atoms.positions @ half_turn, cell=cell, pbc=True)
    termination = replace(
        slab.termination,
        name=_exchanged(slab.termination.name),
        dipole_e_per_angstrom=-slab.termination.dipole_e_per_angstrom + 0.0,
    )
    return Slab(upright(atoms, height), termination)


def _exchanged(name: str) -> str:
    top, bottom = name.split(" | ")
    return f"{bottom} | {top}"


def _supercell(slab: Atoms, transform: NDArray[np.int64], lateral: Array) -> Atoms:
    """The lateral supercell, strained to the common cell."""
    from ase.build import make_supercell

    rows = np.eye(3, dtype=int)
    rows[:2, :2] = transform
    height = float(slab.cell[2, 2])
    # Not wrapped: polyanions may stand out of the cell at the top.
    crystal = upright(make_supercell(slab, rows, wrap=False), height)
    cell = np.zeros((3, 3))
    cell[:2, :2] = lateral
    cell[2, 2] = height
    crystal.set_cell(cell, scale_atoms=True)
    return crystal


def _check(
    requests: Sequence[SlabRequest], max_area: float, max_strain: float, lateral_repeat: tuple[int, int]
) -> None:
    if not requests:
        raise StructureError("There is nothing to match: give at least one crystal.")
    if not (math.isfinite(max_area) and max_area > 0 and 0 < max_strain < 0.3):
        raise StructureError(
            f"The area limit {max_area:g} angstrom^2 must be positive and the strain limit {max_strain:g} between 0 and 0.3."
        )
    if min(lateral_repeat) < 1:
        raise StructureError(f"The lateral repeat {lateral_repeat} must be two whole numbers of at least 1.")


def _no_match(
    requests: Sequence[SlabRequest], max_area: float, max_strain: float, min_length: float, nearest: CommonCell | None
) -> str:
    named = [f"{request.material} {request.miller}" for request in requests]
    hint = (
        f"The nearest has {nearest.area_angstrom2:.0f} angstrom^2 and {100 * nearest.max_strain:.1f} % strain; allow that or "
        "choose other planes."
        if nearest
        else f"There is none within twice that area and {100 * _HINT_STRAIN:g} % strain either; choose other planes."
    )
    sides = f" and sides above {min_length:g} angstrom" if min_length > 0 else ""
    return (
        f"{', '.join(named[:-1])} and {named[-1]} share no lateral cell of at most {max_area:g} angstrom^2 with strain below "
        f"{100 * max_strain:g} %{sides}. {hint}"
    )
