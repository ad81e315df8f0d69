"""The two surfaces of a slab: which cuts are distinct, what they are called, how polar they are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import formula
from mlip_interfaces.errors import StructureWarning
from mlip_interfaces.structures.crystals.loading import library_entry, load_crystal
from mlip_interfaces.structures.crystals.polyanions import formal_charges
from mlip_interfaces.structures.slabs.planes import (
    PlaneStack,
    height_symmetry,
    note_on_indices,
    plane_stack,
    primitive_cell,
)

NO_DIPOLE = 1e-3
"""A repeat unit, or a slab, with less than this, in e/angstrom, has none: coordinates of relaxed crystals are good to that."""


@dataclass(frozen=True, slots=True)
class Termination:
    """One way to end a slab at both sides.

    Attributes
    ----------
    name : str
        Outermost planes, top and bottom, ``Co-O | Li``; a plane that is not enough to tell two surfaces apart is
        written with those below it, from the inside out.
    composition : str
        Of one lateral cell.
    n_atoms : int
        Of one lateral cell.
    thickness_angstrom : float, angstrom
        From the middle of the gap below the slab to the middle of the gap above it.
    stoichiometric : bool
        Whether the composition is the crystal's.
    symmetric : bool
        Whether a symmetry operation of the crystal turns the slab upside down.
    tasker : int
        Class of the surfaces: 1, planes without charge; 2, charged planes that repeat without a dipole; 3, with one.
    dipole_e_per_angstrom : float, e/angstrom
        Of the slab along its normal, about its middle, per area, from formal charges.
    charge_e : float, e
        Formal charge of one lateral cell, zero for a stoichiometric slab.
    """

    name: str
    composition: str
    n_atoms: int
    thickness_angstrom: float
    stoichiometric: bool
    symmetric: bool
    tasker: int
    dipole_e_per_angstrom: float
    charge_e: float


@dataclass(frozen=True, slots=True)
class Slab:
    """A slab without vacuum.

    Attributes
    ----------
    atoms : ase.Atoms
        Cell rows a = (ax, 0, 0), b = (bx, by, 0), c = (0, 0, thickness); atoms from z = 0 up, whole polyanions of both
        surfaces included, so that the topmost may lie above c.
    termination : Termination
        How it ends.
    """

    atoms: Atoms
    termination: Termination


@dataclass(frozen=True, slots=True)
class Family:
    """Slabs from one cut to another and any number of repeats above it.

    Attributes
    ----------
    bottom, top : int
        Numbers of the cuts; `bottom` < `top` <= `bottom` + n_planes.
    stoichiometric : bool
        Whether their composition is the crystal's.
    symmetric : bool
        Whether a symmetry operation of the crystal turns them upside down.
    """

    bottom: int
    top: int
    stoichiometric: bool
    symmetric: bool


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Sums over planes, classes of cuts and names of surfaces of one plane stack.

    Attributes
    ----------
    stack : PlaneStack
        The planes.
    counts : (n_planes + 1, n_elements) int array
        Atoms of each element below the cuts 0 ... n_planes.
    elements : tuple of str
        Columns of `counts`.
    charge : (n_planes + 1,) float array, e
        Formal charge below the cuts.
    moment : (n_planes + 1,) float array, e d_hkl
        First moment of the charge below the cuts.
    classes : (n_planes,) int array
        Class of each cut: the lowest one that the space group brings it to.
    mirrors : (m,) float array
        As `planes.height_symmetry` gives them.
    neutral_planes : bool
        Whether no plane carries a charge.
    tops, bottoms : tuple of str
        Name of the surface below each cut, and above it.
    """

    stack: PlaneStack
    counts: NDArray[np.int64]
    elements: tuple[str, ...]
    charge: NDArray[np.float64]
    moment: NDArray[np.float64]
    classes: NDArray[np.int64]
    mirrors: NDArray[np.float64]
    neutral_planes: bool
    tops: tuple[str, ...]
    bottoms: tuple[str, ...]

    def families(self) -> list[Family]:
        """Every pair of cuts, the top one the first of its class."""
        n, found = self.stack.n_planes, []
        unit = self.counts[-1]
        for top in (np.unique(self.classes, return_index=True)[1] + n).tolist():
            for bottom in range(top - n, top):
                counts = self._below(self.counts, top) - self._below(self.counts, bottom)
                mirror = self.stack.height(bottom) + self.stack.height(top) - self.mirrors
                found.append(
                    Family(
                        bottom,
                        top,
                        stoichiometric=bool((counts * unit[0] == unit * counts[0]).all()),
                        symmetric=bool((np.abs(mirror - np.round(mirror)) < self._tolerance()).any()),
                    )
                )
        return found

    def name(self, family: Family) -> str:
        """Name of a termination, ``Co-O | Li``.

        Parameters
        ----------
        family : Family
            Of these surfaces.

        Returns
        -------
        str
            Top and bottom.
        """
        n = self.stack.n_planes
        return f"{self.tops[family.top % n]} | {self.bottoms[family.bottom % n]}"

    def thickness(self, family: Family, n_repeats: int) -> float:
        """Thickness of a slab from the middle of its lowest gap to that of its highest.

        Parameters
        ----------
        family : Family
            Of these surfaces.
        n_repeats : int
            Spacings added.

        Returns
        -------
        float, angstrom
            Distance of the two cuts.
        """
        heights = self.stack.height(family.top) - self.stack.height(family.bottom) + n_repeats
        return float(heights * self.stack.spacing_angstrom)

    def n_repeats(self, family: Family, thickness_angstrom: float) -> int:
        """Spacings to add for the thickness nearest to the wanted one.

        Parameters
        ----------
        family : Family
            Of these surfaces.
        thickness_angstrom : float, angstrom
            Thickness wanted.

        Returns
        -------
        int
            Of two as near, that of the thinner slab; not negative.
        """
        missing = (thickness_angstrom - self.thickness(family, 0)) / self.stack.spacing_angstrom
        return max(0, math.ceil(missing - 0.5 - 1e-9))

    def rank(self, family: Family) -> tuple[bool, int, float, bool, float]:
        """Key by which `enumerate_slabs` sorts, the best first.

        Parameters
        ----------
        family : Family
            Of these surfaces.

        Returns
        -------
        tuple of (bool, int, float, bool, float)
            Not stoichiometric, Tasker class, dipole of the repeat unit (e/angstrom), whether the cuts are of different
            classes, minus the narrower gap (angstrom).
        """
        n = self.stack.n_planes
        cuts = (family.bottom % n, family.top % n)
        gap = min(self.stack.gap_angstrom(cut) for cut in cuts)
        dipole = max(abs(self._repeat_dipole(cut)) for cut in cuts)
        tasker = max(self._tasker(cut) for cut in cuts)
        same = self.classes[cuts[0]] == self.classes[cuts[1]]
        return not family.stoichiometric, tasker, round(dipole, 4), not same, -round(gap, 3)

    def slab(self, family: Family, n_repeats: int) -> Slab:
        """Atoms of a slab, and how it ends.

        Parameters
        ----------
        family : Family
            Of these surfaces.
        n_repeats : int
            Spacings added.

        Returns
        -------
        Slab
            Without vacuum.
        """
        bottom, top = family.bottom, family.top + n_repeats * self.stack.n_planes
        atoms = self.stack.slab(bottom, top)
        charge = self._below(self.charge, top) - self._below(self.charge, bottom)
        middle = (self.stack.height(bottom) + self.stack.height(top)) / 2.0
        moment = self._moment_below(top) - self._moment_below(bottom) - middle * charge
        n = self.stack.n_planes
        termination = Termination(
            name=self.name(family),
            composition=formula(atoms.get_chemical_symbols(), reduce=False),
            n_atoms=len(atoms),
            thickness_angstrom=_tidy(self.thickness(family, n_repeats)),
            stoichiometric=family.stoichiometric,
            symmetric=family.symmetric,
            tasker=max(self._tasker(bottom % n), self._tasker(top % n)),
            dipole_e_per_angstrom=_tidy(float(moment) * self.stack.spacing_angstrom / self.stack.area_angstrom2),
            charge_e=_tidy(float(charge)),
        )
        return Slab(atoms, termination)

    def _below(self, sums: NDArray[Any], cut: int) -> NDArray[Any]:
        n = self.stack.n_planes
        return np.asarray(sums[cut % n] + (cut // n) * sums[n])

    def _moment_below(self, cut: int) -> float:
        """First moment of the planes between cut 0 and this one."""
        repeats, rest = divmod(cut, self.stack.n_planes)
        whole, unit = float(self.charge[-1]), float(self.moment[-1])
        # Repeat j is the first one, j spacings higher.
        lower = repeats * unit + whole * repeats * (repeats - 1) / 2.0
        return float(lower + self.moment[rest] + repeats * self.charge[rest])

    def _repeat_dipole(self, cut: int) -> float:
        """Dipole per area of one spacing above a cut, e/angstrom."""
        moment = self._moment_below(cut + self.stack.n_planes) - self._moment_below(cut)
        return moment * self.stack.spacing_angstrom / self.stack.area_angstrom2

    def _tasker(self, cut: int) -> int:
        if abs(self._repeat_dipole(cut)) >= NO_DIPOLE:
            return 3
        return 1 if self.neutral_planes else 2

    def _tolerance(self) -> float:
        return _cut_tolerance(self.stack)


def surfaces_of(material: str, miller: Sequence[int], primitive: bool, given: Mapping[str, float] | None) -> Surfaces:
    """Planes of a crystal, and what a slab cut between any two of them would be.

    Parameters
    ----------
    material : str
        Library name or file.
    miller : sequence of int
        Plane, indices of the crystal's cell.
    primitive : bool
        Take the planes of the primitive cell.
    given : mapping of str to float, e, or None
        Formal charges by element, instead of the usual ones.

    Returns
    -------
    Surfaces
        For every thickness.

    Raises
    ------
    StructureError
        As `load_crystal`, `planes.plane_stack` and `formal_charges`.
    """
    atoms = load_crystal(material)
    if library_entry(material) is None and (note := note_on_indices(atoms, miller)):
        warnings.warn(f"{material}: {note}.", StructureWarning, stacklevel=2)
    if primitive:
        atoms, miller = primitive_cell(atoms, miller)
    stack = plane_stack(atoms, miller)
    n = stack.n_planes
    symbols = np.array(atoms.get_chemical_symbols())
    elements = tuple(dict.fromkeys(symbols.tolist()))
    charges = formal_charges(atoms, given)
    per_plane = np.array([[((symbols == e) & (stack.plane_of_atom == p)).sum() for e in elements] for p in range(n)])
    charge = np.bincount(stack.plane_of_atom, charges, minlength=n)
    moment = np.bincount(stack.plane_of_atom, charges * stack.fractional[:, 2], minlength=n)
    shifts, mirrors = height_symmetry(stack)
    classes = _cut_classes(stack, shifts)
    tops, bottoms = _names(stack, symbols, classes, mirrors)
    return Surfaces(
        stack, _summed(per_plane), elements, _summed(charge), _summed(moment), classes, mirrors,
        bool(np.abs(charge).max() < 1e-6), tops, bottoms,
    )  # fmt: skip


def _summed(per_plane: NDArray[Any]) -> NDArray[Any]:
    zero = np.zeros((1, *per_plane.shape[1:]), dtype=per_plane.dtype)
    return np.concatenate([zero, np.cumsum(per_plane, axis=0)])


def _cut_tolerance(stack: PlaneStack) -> float:
    """Two heights are the same below this, in units of d_hkl: a quarter of the narrowest gap, at most 0.05 angstrom."""
    return min(0.05 / stack.spacing_angstrom, 0.25 * float(np.diff(stack.cuts, append=stack.cuts[0] + 1.0).min()))


def _cut_classes(stack: PlaneStack, shifts: NDArray[np.float64]) -> NDArray[np.int64]:
    """The lowest cut that an operation keeping the normal brings each cut to."""
    classes = np.arange(stack.n_planes)
    for shift in shifts:
        difference = stack.cuts[:, None] + shift - stack.cuts[None, :]
        same = np.abs(difference - np.round(difference)) < _cut_tolerance(stack)
        for cut, other in zip(*np.nonzero(same), strict=True):
            low, high = sorted((classes[cut], classes[other]))
            classes[classes == high] = low
    return classes


def _names(
    stack: PlaneStack, symbols: NDArray[np.str_], classes: NDArray[np.int64], mirrors: NDArray[np.float64]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name of the surface below each cut (top of a slab) and of the one above it (bottom).

    Cuts of one class have the same names; where the crystal has an operation that turns the normal around, a surface has
    the same name on either side.
    """
    n = stack.n_planes
    planes = [formula(symbols[stack.plane_of_atom == plane].tolist(), reduce=True) for plane in range(n)]
    tops = _distinct_names([[planes[(cut - 1 - i) % n] for i in range(3)] for cut in range(n)], classes)
    if not len(mirrors):
        return tops, _distinct_names([[planes[(cut + i) % n] for i in range(3)] for cut in range(n)], classes)
    difference = stack.cuts[:, None] + stack.cuts[None, :] - mirrors[0]
    images = np.abs(difference - np.round(difference)).argmin(axis=1)
    return tops, tuple(tops[image] for image in images)


def _distinct_names(inwards: Sequence[Sequence[str]], classes: NDArray[np.int64]) -> tuple[str, ...]:
    """As few planes as tell a surface from the others, from the inside out; a number where three are not enough."""
    names: dict[int, str] = {}
    kinds = list(dict.fromkeys(classes.tolist()))
    for kind in kinds:
        for depth in (1, 2, 3):
            names[kind] = "-".join(reversed(inwards[kind][:depth]))
            if all(inwards[other][:depth] != inwards[kind][:depth] for other in kinds if other != kind):
                break
    for kind in kinds:
        twins = [other for other in kinds if names[other] == names[kind]]
        if len(twins) > 1:
            names |= {other: f"{names[other]} {number}" for number, other in enumerate(twins, start=1)}
    return tuple(names[kind] for kind in classes.tolist())


def _tidy(value: float) -> float:
    """Rounded where only the last digits of sums remain, and never minus zero."""
    return round(float(value), 9) + 0.0
