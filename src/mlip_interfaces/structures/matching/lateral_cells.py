"""Two-dimensional lattices: cells in a plane, the strain between two, supercells that fit a given one."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.structures.slabs.planes import plane_basis, primitive_cell, reduced_miller

Array = NDArray[np.float64]

ROUNDING = 1e-12
"""Difference of two equal cells that were computed in different ways, as a share of their longest component."""


def lateral_cell(atoms: Atoms, miller: Sequence[int], *, primitive: bool = False) -> Array:
    """Cell of a crystal's lattice plane, that of the slabs of `slabs.enumerate_slabs`.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    miller : sequence of int
        Plane, indices of the crystal's cell; a common factor is taken out.
    primitive : bool
        Of the primitive instead of the conventional lattice.

    Returns
    -------
    cell : (2, 2) float array, angstrom
        Rows a along x and b above it, both reduced.

    Examples
    --------
    >>> from ase.build import bulk
    >>> lateral_cell(bulk("Cu", cubic=True, a=2.0), (1, 1, 0)).round(3).tolist()
    [[2.0, 0.0], [0.0, 2.828]]
    """
    plane = reduced_miller(miller)
    if primitive:
        atoms, plane = primitive_cell(atoms, plane)
    vectors: Array = np.asarray(plane_basis(atoms, plane) @ np.asarray(atoms.cell))
    return upright_cell(vectors[:2])


def upright_cell(vectors: Array) -> Array:
    """The same two vectors turned so that the first lies along x and the second above it.

    Parameters
    ----------
    vectors : (2, k) float array, angstrom
        Rows are vectors, in a plane (k = 2) or in space (k = 3).

    Returns
    -------
    (2, 2) float array, angstrom
        Right-handed.
    """
    a, b = vectors
    length = float(np.linalg.norm(a))
    along = float(a @ b) / length
    return np.array([[length, 0.0], [along, np.sqrt(max(float(b @ b) - along**2, 0.0))]])


def mirrored_cell(cell: Array) -> Array:
    """The lattice seen from below: turned over about x, its second vector reversed to lie above the first.

    Parameters
    ----------
    cell : (2, 2) float array, angstrom
        Rows a along x and b above it.

    Returns
    -------
    (2, 2) float array, angstrom
        Also with b above a.
    """
    return np.asarray(cell * np.array([[1.0, 1.0], [-1.0, 1.0]]))


def has_mirror(cell: Array) -> bool:
    """Whether a lattice is its own mirror image: rectangular or centred rectangular.

    Parameters
    ----------
    cell : (2, 2) float array, angstrom
        Its reduced cell.

    Returns
    -------
    bool
        True if so, within 1e-5 of the lengths.
    """
    a, b = cell
    along = abs(float(a @ b)) / float(a @ a)
    equal = abs(float(np.linalg.norm(a) / np.linalg.norm(b)) - 1.0)
    return min(along, abs(along - 0.5), equal) < 1e-5


def supercells(cell: Array, multiple: int) -> list[Array]:
    """Reduced cells of the sublattices of an index, right-handed, a along x; those of the same shape once.

    Parameters
    ----------
    cell : (2, 2) float array, angstrom
        The lattice.
    multiple : int
        Area of the sublattices in cells of the lattice, their index.

    Returns
    -------
    list of (2, 2) float arrays, angstrom
        At least one.

    References
    ----------
    A. Zur, T. C. McGill, J. Appl. Phys. 55, 378 (1984): the triangular matrices of a determinant give each sublattice once.
    """
    found: dict[tuple[float, ...], Array] = {}
    for i in range(1, multiple + 1):
        if multiple % i:
            continue
        for j in range(multiple // i):
            reduced = reduced_cell(np.array([[i, j], [0, multiple // i]]) @ cell)
            found.setdefault(tuple(np.round(reduced.ravel(), 5)), reduced)
    return list(found.values())


def reduced_cell(cell: Array) -> Array:
    """The two shortest vectors of a lattice, by Gauss's reduction; right-handed, a along x.

    Parameters
    ----------
    cell : (2, 2) float array, angstrom
        Rows are any two vectors that span the lattice.

    Returns
    -------
    (2, 2) float array, angstrom
        The first vector no longer than the second.
    """
    a, b = cell
    while True:
        if a @ a > b @ b:
            a, b = b, a
        # A tie falls to the positive side, so that equal lattices give equal cells.
        steps = np.ceil(float(a @ b) / float(a @ a) - 0.5 - 1e-9)
        if steps == 0:
            break
        b = b - steps * a
    reduced = upright_cell(np.array([a, b if a[0] * b[1] - a[1] * b[0] > 0 else -b]))
    if reduced[1, 0] < 0 and abs(reduced[0, 0] - float(np.linalg.norm(reduced[1]))) < 1e-6:
        # Of equal length: b and -a are the same lattice, turned.
        reduced[1, 0] *= -1.0
    return reduced


def same_cell(first: Array, second: Array) -> bool:
    """Whether two cells are the same but for rounding.

    Parameters
    ----------
    first, second : (2, 2) float array, angstrom
        Both with a along x.

    Returns
    -------
    bool
        True if no component differs by more than `ROUNDING` of the longest.
    """
    return bool(np.abs(first - second).max() <= ROUNDING * np.abs(first).max())


def deformation(original: Array, target: Array) -> Array:
    """Engineering strain F - 1 that turns the rows of one cell into those of another.

    Parameters
    ----------
    original, target : (2, 2) float array, angstrom
        Rows are vectors.

    Returns
    -------
    (2, 2) float array
        In the form target = original (1 + strain)^T.
    """
    # Rows are vectors: target = original (1 + strain)^T.
    return np.asarray(np.linalg.solve(original, target).T - np.eye(2))


def principal_strain(original: Array, target: Array) -> float:
    """Largest absolute principal strain of one cell that becomes another.

    Parameters
    ----------
    original, target : (2, k) float array, angstrom
        Rows are vectors.

    Returns
    -------
    float
        From the metrics, so that the two cells may lie in any planes.
    """
    return float(_principal_strains(np.asarray(original)[None], np.asarray(target))[0])


def _principal_strains(originals: Array, target: Array) -> Array:
    """The same for many cells, (n, 2, k) and (2, k); the squared stretches are roots of a quadratic equation."""
    before, after = originals @ originals.swapaxes(1, 2), target @ target.T
    ratio = np.linalg.solve(before, np.broadcast_to(after, before.shape))
    half_trace = np.trace(ratio, axis1=1, axis2=2) / 2.0
    half_difference = (ratio[:, 0, 0] - ratio[:, 1, 1]) / 2.0
    # The discriminant as a sum: trace^2 / 4 - det would cancel, and its root be that of a rounding error.
    root = np.sqrt(np.maximum(half_difference**2 + ratio[:, 0, 1] * ratio[:, 1, 0], 0.0))
    stretches = np.sqrt(np.maximum(np.stack([half_trace - root, half_trace + root]), 0.0))
    return np.asarray(np.abs(stretches - 1.0).max(axis=0))


def fitting_supercell(
    cell: Array, target: Array, limit: float, multiple: int | None = None
) -> tuple[NDArray[np.int64], float] | None:
    """The supercell of a lattice that needs the least strain to become a target cell, not mirrored.

    Parameters
    ----------
    cell, target : (2, 2) float arrays, angstrom
        Rows are vectors, both right-handed; how they are turned does not matter.
    limit : float
        Largest absolute principal strain.
    multiple : int or None
        Cells in the supercell, if that matters.

    Returns
    -------
    rows : (2, 2) int array
        Whole numbers with supercell = rows @ cell and a positive determinant.
    strain : float
        Largest absolute principal strain. None if nothing is below the limit.

    Notes
    -----
    Every lattice vector that is as long as one of the target's within the limit is tried.
    """
    wanted = np.sqrt((target * target).sum(axis=1))
    # A strain below the limit makes a vector of the supercell at most this long.
    grid, lengths = _points(tuple(cell.ravel().tolist()), math.ceil(float(wanted.max()) / (1.0 - limit) / 10.0) * 10.0)
    first, second = (
        grid[(lengths * (1.0 - limit) <= length + 1e-9) & (lengths * (1.0 + limit) >= length - 1e-9)]
        for length in wanted.tolist()
    )
    if not len(first) or not len(second):
        return None
    # Turning the lattice by 180 degrees changes nothing: half of the first vectors are enough.
    first = first[(first[:, 0] > 0) | ((first[:, 0] == 0) & (first[:, 1] > 0))]
    rows = np.stack([np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1))], axis=1)
    multiples = rows[:, 0, 0] * rows[:, 1, 1] - rows[:, 0, 1] * rows[:, 1, 0]
    rows = rows[multiples > 0 if multiple is None else multiples == multiple]
    if not len(rows):
        return None
    strains = _principal_strains(rows @ cell, target)
    best = np.lexsort((*rows.reshape(len(rows), 4).T, np.round(strains, 9)))[0]
    return (rows[best], float(strains[best])) if strains[best] <= limit + 1e-9 else None


@functools.lru_cache(maxsize=32)
def _points(cell: tuple[float, ...], radius: float) -> tuple[NDArray[np.int64], Array]:
    """Lattice points of a 2 x 2 cell within a radius and their distances."""
    lattice = np.array(cell).reshape(2, 2)
    bounds = np.ceil(radius * np.linalg.norm(np.linalg.inv(lattice), axis=0) + 1e-9).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in bounds), indexing="ij"), -1).reshape(-1, 2)
    lengths = np.linalg.norm(grid @ lattice, axis=1)
    near = lengths <= radius + 1e-6
    return grid[near], lengths[near]


def between(cells: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted mean of cells that are nearly the same: of their stretches, without rotation, from the first one.

    Parameters
    ----------
    cells : sequence of (2, 2) float arrays, angstrom
        Rows are vectors, a along x.
    weights : sequence of float
        Of each cell; they sum to one.

    Returns
    -------
    (2, 2) float array, angstrom
        With a along x.
    """
    first = cells[0]
    stretch = np.zeros((2, 2))
    for cell, weight in zip(cells, weights, strict=True):
        gradient = np.eye(2) + deformation(first, cell)
        squares, axes = np.linalg.eigh(gradient.T @ gradient)
        stretch += weight * (axes * np.sqrt(squares)) @ axes.T
    return upright_cell(first @ stretch.T)


def angle_degrees(cell: Array) -> float:
    """Angle between the two vectors.

    Parameters
    ----------
    cell : (2, k) float array, angstrom
        Rows are vectors.

    Returns
    -------
    float, degrees
        Between 0 and 180.
    """
    a, b = cell
    return float(np.degrees(np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))))
