"""A crystal as a stack of atomic planes along the normal of a Miller plane, and where it may be cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import formula
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals.polyanions import Unit, units_together, whole_units

Miller = tuple[int, int, int]

PLANE_TOLERANCE_ANGSTROM = 0.1
"""Units closer than this along the normal are one plane, but for dense planes of high indices: see `_planes`."""

NARROWEST_GAP_ANGSTROM = 0.02
"""No cut runs through a gap narrower than this."""

SYMMETRY_TOLERANCE_ANGSTROM = 0.01
"""Atoms this near to a symmetric position are on it."""

_FIRST_CUBIC = 195

_LONGEST_UNIT_ANGSTROM = 8.0
"""Polyanions reach less far from their plane than this."""


@dataclass(frozen=True, slots=True)
class PlaneStack:
    """Planes of whole units along a normal, one period of d_hkl.

    Cuts are numbered upwards: plane k lies between cut k and cut k + 1; cut k + n_planes is cut k one spacing higher.

    Attributes
    ----------
    atoms : ase.Atoms
        The crystal.
    miller : (3,) tuple of int
        Without common factor.
    basis : (3, 3) int array
        Rows u1, u2 (in the plane, reduced) and u3 (one spacing up) in units of the crystal's cell, right-handed.
    spacing_angstrom : float, angstrom
        d_hkl.
    fractional : (n_atoms, 3) float array
        Positions in units of `basis`, polyanions whole, heights of their units from 0 to 1.
    plane_of_atom : (n_atoms,) int array
        Number of the plane that each atom's unit belongs to.
    cuts : (n_planes,) float array
        Heights of the cuts in units of d_hkl, ascending.
    """

    atoms: Atoms
    miller: Miller
    basis: NDArray[np.int64]
    spacing_angstrom: float
    fractional: NDArray[np.float64]
    plane_of_atom: NDArray[np.int64]
    cuts: NDArray[np.float64]

    @property
    def n_planes(self) -> int:
        """Planes per spacing d_hkl."""
        return len(self.cuts)

    @property
    def cell(self) -> NDArray[np.float64]:
        """Lattice vectors of `basis`, angstrom, shape (3, 3)."""
        return np.asarray(self.basis @ np.asarray(self.atoms.cell))

    @property
    def area_angstrom2(self) -> float:
        """Area of the lateral cell."""
        return float(np.linalg.norm(np.cross(*self.cell[:2])))

    def height(self, cut: int) -> float:
        """Height of any cut.

        Parameters
        ----------
        cut : int
            Also below 0 or above the first spacing.

        Returns
        -------
        float, d_hkl
            In units of the spacing.
        """
        return float(self.cuts[cut % self.n_planes]) + cut // self.n_planes

    def gap_angstrom(self, cut: int) -> float:
        """From the highest atom below a cut to the lowest above it.

        Parameters
        ----------
        cut : int
            Number of the cut.

        Returns
        -------
        float, angstrom
            Negative where the two sides reach into each other.
        """
        heights = self.fractional[:, 2]
        reach = self.n_planes * (1 + math.ceil(_LONGEST_UNIT_ANGSTROM / self.spacing_angstrom))
        edges = []
        for planes, extreme in ((range(cut - reach, cut), np.max), (range(cut, cut + reach), np.min)):
            sides = [extreme(heights[self.plane_of_atom == p % self.n_planes]) + p // self.n_planes for p in planes]
            edges.append(float(extreme(sides)))
        return (edges[1] - edges[0]) * self.spacing_angstrom

    def slab(self, bottom: int, top: int) -> Atoms:
        """The planes from one cut up to another; a along x, b in the xy-plane, atoms from z = 0 up.

        Parameters
        ----------
        bottom, top : int
            Numbers of the cuts, the second above the first.

        Returns
        -------
        ase.Atoms
            Its c is the distance of the cuts.
        """
        parts = []
        for plane in range(bottom, top):
            shift, number = divmod(plane, self.n_planes)
            members = np.flatnonzero(self.plane_of_atom == number)
            parts.append((members, self.fractional[members] + [0.0, 0.0, shift]))
        order = np.concatenate([members for members, _ in parts])
        symbols = np.array(self.atoms.get_chemical_symbols())[order]
        positions = np.concatenate([fractional for _, fractional in parts]) @ self.cell
        height = (self.height(top) - self.height(bottom)) * self.spacing_angstrom
        return upright(Atoms(symbols.tolist(), positions=positions, cell=self.cell, pbc=True), height)


def plane_stack(atoms: Atoms, miller: Sequence[int]) -> PlaneStack:
    """Planes of a crystal along a Miller plane; polyanions stay whole and belong to the plane of their centre.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal; the indices refer to its cell.
    miller : sequence of int
        Indices; a common factor is taken out.

    Returns
    -------
    PlaneStack
        One spacing of it.

    Raises
    ------
    StructureError
        If the indices are all zero, every cut breaks a chain of polyanions, or the planes cannot be told apart.
    """
    reduced = reduced_miller(miller)
    basis = plane_basis(atoms, reduced)
    units = whole_units(atoms)
    _refuse_crossing_chains(atoms, reduced, units)
    spacing = abs(atoms.get_volume()) / float(np.linalg.norm(np.cross(*(basis[:2] @ np.asarray(atoms.cell)))))
    fractional, references, unit_of_atom = units_together(atoms, units, basis)
    plane_of_unit, heights, cuts = _planes(references, spacing)
    if not len(cuts):
        raise StructureError(
            f"The planes of {_named(atoms, reduced)} lie closer than {NARROWEST_GAP_ANGSTROM:g} angstrom to each other; "
            "choose lower indices."
        )
    # Units just above height 0 that belong to the plane below height 1 move up to it.
    fractional[:, 2] += np.round(heights - references)[unit_of_atom]
    return PlaneStack(atoms, reduced, basis, spacing, fractional, plane_of_unit[unit_of_atom], cuts)


def _planes(
    references: NDArray[np.float64], spacing_angstrom: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Plane of each unit, its height not cut by height 1 and the cut below each plane.

    Where all gaps are narrow, those above half the widest are cuts.
    """
    order = np.argsort(references, kind="stable")
    ascending = references[order]
    gaps = np.diff(ascending, prepend=ascending[-1] - 1.0)
    if gaps.max() * spacing_angstrom < NARROWEST_GAP_ANGSTROM:
        return np.zeros(0, dtype=np.int64), references, np.zeros(0)
    starts = np.flatnonzero(gaps > min(PLANE_TOLERANCE_ANGSTROM / spacing_angstrom, 0.5 * gaps.max()))
    rank = np.searchsorted(starts, np.arange(len(order)), side="right") - 1
    plane = np.empty(len(order), dtype=np.int64)
    heights = np.empty(len(order))
    plane[order] = rank % len(starts)
    # Those below the first start belong to the last plane, one period down.
    heights[order] = ascending + (rank < 0)
    cuts = ascending[starts] - gaps[starts] / 2.0
    return plane, heights, cuts


def plane_basis(atoms: Atoms, miller: Miller) -> NDArray[np.int64]:
    """Rows u1, u2, u3: a reduced basis of the lattice plane and a vector one spacing above it, determinant one.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    miller : (3,) tuple of int
        The plane, without common factor.

    Returns
    -------
    (3, 3) int array
        In units of the crystal's cell.

    Notes
    -----
    Every lattice vector of the plane is a whole combination of u1 and u2, which is not so in the oriented cells of
    pymatgen's SlabGenerator for (2 1 1).
    """
    rows, values = np.eye(3, dtype=np.int64), np.array(miller, dtype=np.int64)
    while np.count_nonzero(values) > 1:
        nonzero = np.flatnonzero(values)
        pivot = nonzero[np.argmin(np.abs(values[nonzero]))]
        for other in nonzero[nonzero != pivot]:
            factor = values[other] // values[pivot]
            values[other] -= factor * values[pivot]
            rows[other] -= factor * rows[pivot]
    last = int(np.flatnonzero(values)[0])
    up = rows[last] * values[last]
    first, second = (rows[i] for i in range(3) if i != last)
    cell = np.asarray(atoms.cell)
    first, second = _reduced(first, second, cell)
    if np.linalg.det(np.array([first, second, up]) @ cell) < 0:
        second = -second
    # As upright as whole steps in the plane allow.
    lateral = np.array([first, second]) @ cell
    steps = np.rint(np.linalg.lstsq(lateral.T, up @ cell, rcond=None)[0]).astype(np.int64)
    return np.array([first, second, up - steps @ np.array([first, second])])


def _reduced(
    first: NDArray[np.int64], second: NDArray[np.int64], cell: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gauss's reduction of two lattice vectors: the shortest two that span the same lattice."""
    while True:
        if np.linalg.norm(first @ cell) > np.linalg.norm(second @ cell):
            first, second = second, first
        short = first @ cell
        steps = round(float((second @ cell) @ short / (short @ short) - 1e-9))
        if steps == 0:
            return first, second
        second = second - steps * first


def reduced_miller(miller: Sequence[int]) -> Miller:
    """Indices without their common factor.

    Parameters
    ----------
    miller : sequence of int
        Three indices.

    Returns
    -------
    (3,) tuple of int
        The same plane.

    Raises
    ------
    StructureError
        If they are not three whole numbers of which one is not zero.
    """
    indices = [int(index) for index in miller]
    if len(indices) != 3 or not any(indices):
        raise StructureError(
            f"({' '.join(map(str, indices))}) is not a plane; give three indices, not all zero, such as 1 0 0."
        )
    divisor = int(np.gcd.reduce(indices))
    h, k, l = (index // divisor for index in indices)  # noqa: E741 (the names of crystallography)
    return (h, k, l)


def upright(slab: Atoms, height: float) -> Atoms:
    """The slab with a along x, b in the xy-plane, c of the given height along z, atoms from z = 0 up.

    Parameters
    ----------
    slab : ase.Atoms
        Its a and b span the plane; they may point anywhere.
    height : float, angstrom
        Of the new cell.

    Returns
    -------
    ase.Atoms
        Wrapped in the plane, not along z.
    """
    cell = np.asarray(slab.cell)
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    x = cell[0] / np.linalg.norm(cell[0])
    frame = np.array([x, np.cross(normal, x), normal])
    positions = slab.positions @ frame.T
    new = cell @ frame.T
    new[:2][np.abs(new[:2]) < 1e-10] = 0.0
    new[2] = (0.0, 0.0, height)
    positions[:, 2] -= positions[:, 2].min()
    atoms = Atoms(slab.get_chemical_symbols(), positions=positions, cell=new, pbc=True)
    atoms.wrap(pbc=(True, True, False), eps=1e-6)
    return atoms


def primitive_cell(atoms: Atoms, miller: Sequence[int]) -> tuple[Atoms, Miller]:
    """The smallest cell of the same crystal, not rotated, and the indices of the plane in it.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    miller : sequence of int
        A plane, indices of the crystal's cell.

    Returns
    -------
    cell : ase.Atoms
        The crystal itself if it is primitive.
    miller : (3,) tuple of int
        The plane in that cell, without common factor.
    """
    cell = np.asarray(atoms.cell)
    shifts = [translation for rotation, translation in symmetry(atoms) if (rotation == np.eye(3, dtype=int)).all()]
    if len(shifts) == 1:
        return atoms, reduced_miller(miller)
    steps = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    points = np.concatenate([steps + shift for shift in shifts])
    points = points[np.argsort(np.round(np.linalg.norm(points @ cell, axis=1), 6), kind="stable")]
    points = points[np.linalg.norm(points @ cell, axis=1) > 0.1]
    lattice = _first_basis(points, 1.0 / len(shifts))
    scaled = atoms.get_scaled_positions() @ np.linalg.inv(lattice)
    kept: list[int] = []
    for number in range(len(atoms)):
        same = [other for other in kept if atoms.numbers[other] == atoms.numbers[number]]
        difference = scaled[same] - scaled[number]
        difference -= np.round(difference)
        if not (np.linalg.norm(difference @ lattice @ cell, axis=1) < 0.1).any():
            kept.append(number)
    small = Atoms(
        [atoms.get_chemical_symbols()[i] for i in kept], scaled_positions=scaled[kept], cell=lattice @ cell, pbc=True
    )
    # Heights of the new lattice vectors in units of the old spacing are fractions with the number of centrings below.
    indices = np.rint(lattice @ np.array(miller) * len(shifts)).astype(int)
    return small, reduced_miller(indices.tolist())


def note_on_indices(atoms: Atoms, miller: Sequence[int]) -> str:
    """What the indices of a plane are in the conventional cell, where the crystal's cell is another.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    miller : sequence of int
        A plane, indices of the crystal's cell.

    Returns
    -------
    str
        A sentence without its subject; empty for a conventional cell, and where both cells call the plane alike.
    """
    import spglib

    dataset = spglib.get_symmetry_dataset(
        (np.asarray(atoms.cell).tolist(), atoms.get_scaled_positions().tolist(), atoms.numbers.tolist()),
        symprec=SYMMETRY_TOLERANCE_ANGSTROM,
    )
    if dataset is None or abs(abs(np.linalg.det(dataset.transformation_matrix)) - 1.0) < 0.1:
        return ""
    to_given = np.asarray(dataset.transformation_matrix)
    size = abs(np.linalg.det(to_given))
    asked = reduced_miller(miller)
    conventional = _whole_indices(np.array(asked) @ np.linalg.inv(to_given))
    same = conventional in (asked, tuple(-index for index in asked))
    if same or (dataset.number >= _FIRST_CUBIC and sorted(map(abs, conventional)) == sorted(map(abs, asked))):
        return ""
    given = _whole_indices(np.array(asked) @ to_given)
    kind = "primitive cell" if size < 1.0 else "supercell"
    return (
        f"its cell is a {kind}, whose plane {_in_brackets(asked)} is {_in_brackets(conventional)} of the conventional cell; for "
        f"{_in_brackets(asked)} of the conventional cell ask for {_in_brackets(given)}"
    )


def _whole_indices(indices: NDArray[np.float64]) -> Miller:
    """The smallest whole numbers in proportion to the given ones."""
    for factor in range(1, 49):
        scaled = indices * factor
        if np.abs(scaled - np.round(scaled)).max() < 0.01 * factor**0.5:
            return reduced_miller(np.rint(scaled).astype(int).tolist())
    raise AssertionError("a plane of one lattice is one of its sublattices")


def _in_brackets(miller: Miller) -> str:
    return f"({' '.join(map(str, miller))})"


def _first_basis(points: NDArray[np.float64], volume: float) -> NDArray[np.float64]:
    """The first three vectors that span the given share of the cell."""
    for i in range(len(points)):
        for j in range(i):
            for k in range(j):
                basis = points[[k, j, i]]
                determinant = np.linalg.det(basis)
                if abs(abs(determinant) - volume) < 1e-3 * volume:
                    return np.asarray(basis * np.sign(determinant))
    raise AssertionError("a lattice has a basis among its shortest vectors")


def symmetry(atoms: Atoms) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Operations of the space group in fractional coordinates.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.

    Returns
    -------
    list of ((3, 3) int array, (3,) float array)
        Rotation and translation of each.
    """
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    analyzer = SpacegroupAnalyzer(AseAtomsAdaptor.get_structure(atoms), symprec=SYMMETRY_TOLERANCE_ANGSTROM)
    return [
        (np.rint(operation.rotation_matrix).astype(np.int64), np.asarray(operation.translation_vector))
        for operation in analyzer.get_symmetry_operations()
    ]


def height_symmetry(stack: PlaneStack) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the space group does to heights h, in units of d_hkl.

    Parameters
    ----------
    stack : PlaneStack
        The planes.

    Returns
    -------
    shifts : (n,) float array
        Each s of h -> h + s, of the operations that keep the normal.
    mirrors : (m,) float array
        Each s of h -> s - h, of those that turn it over.
    """
    normal = np.array(stack.miller)
    shifts, mirrors = [], []
    for rotation, translation in symmetry(stack.atoms):
        turned = normal @ rotation
        if (turned == normal).all():
            shifts.append(normal @ translation)
        elif (turned == -normal).all():
            mirrors.append(normal @ translation)
    return np.unique(np.round(np.mod(shifts, 1.0), 6)), np.unique(np.round(np.mod(mirrors, 1.0), 6))


def _refuse_crossing_chains(atoms: Atoms, miller: Miller, units: Sequence[Unit]) -> None:
    periods = np.concatenate([unit.periods for unit in units])
    if not (periods @ np.array(miller)).any():
        return
    low = [(h, k, l) for h in (0, 1) for k in (0, 1, -1) for l in (0, 1, -1) if (h, k, l) > (0, 0, 0)]  # noqa: E741
    possible = [plane for plane in low if not (periods @ np.array(plane)).any()]
    listed = ", ".join(f"({' '.join(map(str, plane))})" for plane in possible)
    hint = (
        f"Planes along the chains are possible: {listed}." if possible else "No plane of low indices leaves it whole."
    )
    raise StructureError(f"Every cut of {_named(atoms, miller)} breaks an endless polyanion. {hint}")


def _named(atoms: Atoms, miller: Miller) -> str:
    return f"{formula(atoms.get_chemical_symbols(), reduce=True)} ({' '.join(map(str, miller))})"
