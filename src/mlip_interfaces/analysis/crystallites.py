"""Crystallites: bond-orientational order of a sublattice, grains of correlated neighbours, their lattice and how it is turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.components import component_roots
from mlip_interfaces.analysis.lattice_fit import (
    POINT_GROUPS,
    LatticeName,
    Orientation,
    atom_misfits,
    best_orientation,
    misorientation,
    orientation,
)
from mlip_interfaces.analysis.pair_kernel import collect_pairs

N_NEIGHBORS = 12
"""Nearest ones that are looked at, as far as they are in the first shell: that of close packings, the first and most of the second of
bcc, six in a simple cubic lattice, fewer at a surface."""

SHELL_REACH, OF_SHELL, LEAST_NEIGHBORS = 1.3, 4, 6
"""The first shell reaches so many times farther than the mean of so many nearest, and an atom of a core has so many neighbours at
least: beyond are others, 1.41 times as far in sc, fcc and hcp, which would stand in for those that a surface lacks."""

CLOSE_PACKED = 1.0 / np.sqrt(2.0)
ATOM_VOLUMES = {
    "sc": 1.0,
    "fcc": CLOSE_PACKED,
    "hcp": CLOSE_PACKED,
    "bcc": 0.5 / ((2.0 * np.sqrt(3.0) + 2.0) / 6.0) ** 3,
}
"""In cubes of the mean distance of the neighbours in the first shell."""

MOST_MISFIT = 0.2
"""Of a grain that has the name of its lattice, and of its atoms: fcc and hcp miss each other by 0.27, bcc misses fcc by 0.15."""

LEAST_SHARE, LEAST_TURN_DEGREES = 0.2, 10.0
"""Of connected atoms that may be a grain of their own or name its lattice, and of a grain against another that it is connected to."""

FIRST_SHELL = 1.3
"""Times the distance within which a quarter of the bonded neighbours are: others are of the next shell, 1.41 times as far in sc, fcc and
hcp; of bcc both shells are within."""


@dataclass(frozen=True, slots=True)
class BondOrder:
    """Bond-orientational order of each atom.

    Attributes
    ----------
    neighbors : (n_atoms, 12) int array
        Nearest atoms of the first shell in no order; then -1, where there are fewer than twelve.
    vectors : (n_atoms, 12, 3) float array, angstrom
        To them.
    n_bonds : (n_atoms,) int array
        Neighbours whose surroundings are turned as its own.
    bonded : (n_atoms, 12) bool array
        Which these are.
    """

    neighbors: NDArray[np.int64]
    vectors: NDArray[np.float64]
    n_bonds: NDArray[np.int64]
    bonded: NDArray[np.bool_]

    def q(self, degree: int, *, averaged: bool = False) -> NDArray[np.float64]:
        """Steinhardt's order parameter of each atom.

        Parameters
        ----------
        degree : int
            4 or 6, say.
        averaged : bool, optional
            Over the atom and its neighbours, as Lechner and Dellago do.

        Returns
        -------
        (n_atoms,) float array
            Zero without neighbours.
        """
        parts = _harmonics(self.vectors, self.neighbors, _coefficients(degree))
        return _size(_averaged(parts, self.neighbors) if averaged else parts)

    def mean_q(self, degree: int, atoms: NDArray[np.int64]) -> float:
        """Order of the mean neighbourhood of some atoms.

        Parameters
        ----------
        degree : int
            4 or 6, say.
        atoms : (n,) int array
            Of one grain.

        Returns
        -------
        float
            Noise is averaged out.
        """
        parts = _harmonics(self.vectors[atoms], self.neighbors[atoms], _coefficients(degree))
        return float(_size(parts.mean(axis=0)[None])[0])


@dataclass(frozen=True, slots=True)
class Grain:
    """A crystallite.

    Attributes
    ----------
    atoms : (n,) int array
        Its atoms, surface included.
    core : (m,) int array
        Those with an ordered neighbourhood.
    diameter_angstrom : float, angstrom
        Of the sphere of their volume.
    spacing_angstrom : float, angstrom
        Mean distance of neighbours in the core.
    q4, q6 : float
        Order of the mean neighbourhood of its innermost atoms: noise is averaged out.
    packing : str
        Lattice with the least misfit, ``sc``, ``fcc``, ``hcp`` or ``bcc``; ``other`` where that is above 0.2.
    misfit : float
        Of that lattice, in distances of neighbours.
    axes : (3, 3) float array or None
        How it is turned, as `Orientation` has it; None for ``other``.
    """

    atoms: NDArray[np.int64]
    core: NDArray[np.int64]
    diameter_angstrom: float
    spacing_angstrom: float
    q4: float
    q6: float
    packing: str
    misfit: float
    axes: NDArray[np.float64] | None


def bond_order(
    positions: NDArray[np.float64], cell: NDArray[np.float64], reach_angstrom: float, *, least_correlation: float = 0.7
) -> BondOrder:
    """Bond-orientational order from the first shell, twelve neighbours at most.

    Parameters
    ----------
    positions : (n_atoms, 3) float array, angstrom
        Of one sublattice, in any periodic image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    reach_angstrom : float, angstrom
        How far neighbours are looked for.
    least_correlation : float, optional
        Of a bond between two atoms whose surroundings are alike.

    Returns
    -------
    BondOrder
        Of every atom.

    Notes
    -----
    q_l = sqrt(4 pi / (2 l + 1) sum_m |q_lm|^2), with q_lm the mean of Y_lm over the neighbours; the averaged order takes the mean of
    q_lm over the atom and its neighbours. Neighbours are the twelve nearest, as far as they are within 1.3 times the mean distance of the
    four nearest: at the surface of a crystal there are fewer, and their q_6 points where that of the bulk does. Two neighbours are bonded
    where sum_m q_6m(i) q_6m(j)* / (|q_6(i)| |q_6(j)|) is at least `least_correlation`.

    References
    ----------
    P. J. Steinhardt, D. R. Nelson, M. Ronchetti, Phys. Rev. B 28, 784 (1983); W. Lechner, C. Dellago, J. Chem. Phys. 129,
    114707 (2008); P. R. ten Wolde, M. J. Ruiz-Montero, D. Frenkel, J. Chem. Phys. 104, 9932 (1996).

    Examples
    --------
    >>> fcc = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    >>> cubes = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 1, 3)
    >>> found = bond_order((cubes + fcc).reshape(-1, 3) * 5.7, np.eye(3) * 17.1, 5.0)
    >>> round(float(found.q(4)[0]), 5), round(float(found.q(6, averaged=True)[0]), 5), int(found.n_bonds[0])
    (0.19094, 0.57452, 12)
    """
    everyone, bounds = np.arange(len(positions)), np.array([0, len(positions)])
    positions, cell = (np.ascontiguousarray(array, dtype=np.float64) for array in (positions, cell))
    first, second, vectors = collect_pairs(positions, cell, everyone, bounds, np.array([[reach_angstrom]]))
    neighbors, kept = _nearest(first, second, vectors, len(positions))
    bonded = _bonds(_harmonics(kept, neighbors, _coefficients(6)), neighbors, least_correlation)
    return BondOrder(neighbors, kept, np.count_nonzero(bonded, axis=1), bonded)


def grains(order: BondOrder, *, least_bonds: int = 7, surface_bonds: int = 2, least_atoms: int = 10) -> list[Grain]:
    """Crystallites: connected atoms with ordered surroundings, and the atoms bonded to them.

    Parameters
    ----------
    order : BondOrder
        Of the sublattice.
    least_bonds : int, optional
        Of an atom of a core; all of them where it has no more than that, and six at least.
    surface_bonds : int, optional
        To atoms of one core, of an atom at the surface of its grain.
    least_atoms : int, optional
        Of a grain.

    Returns
    -------
    list of Grain
        The largest first.

    Notes
    -----
    The lattice is fitted to the bonds of the core within 1.3 times the length of the shortest quarter: to the first shell, and in bcc to
    both. It is the one that a fifth of the core fits best; half of the core decides how it is turned. Where atoms of a core do not fit it
    and are the core of a crystal of another symmetry, or turned by more than 10 degrees, there are two grains. The volume of an atom is
    that of the lattice, with d the mean distance of neighbours: d^3 / sqrt(2) in close packings, 0.662 d^3 in bcc, d^3 in a simple cubic
    lattice.

    Examples
    --------
    >>> gas = np.random.default_rng(0).random((300, 3)) * 25.0
    >>> grains(bond_order(gas, np.eye(3) * 25.0, 8.0))
    []
    """
    if len(order.neighbors) == 0:
        return []
    n_neighbors = np.count_nonzero(order.neighbors >= 0, axis=1)
    is_core = order.n_bonds >= np.minimum(least_bonds, np.maximum(n_neighbors, LEAST_NEIGHBORS))
    cores = _cores(order.neighbors, order.bonded, is_core)
    turned_alike, lattices = _turned_alike(order, cores, least_bonds, least_atoms)
    member = _with_surfaces(order.neighbors, order.bonded, turned_alike, surface_bonds)
    found = []
    labels, inverse, counts = np.unique(member, return_inverse=True, return_counts=True)
    ordered = np.argsort(inverse, kind="stable")
    for label, atoms in zip(labels, np.split(ordered, np.cumsum(counts)[:-1]), strict=True):
        if label >= 0 and atoms.size >= least_atoms:
            core = atoms[turned_alike[atoms] >= 0]
            lattice = lattices.get(int(label)) or _lattice(order, core).lattice
            found.append(_grain(order, atoms, core, lattice))
    return sorted(found, key=lambda grain: (-grain.atoms.size, int(grain.atoms[0])))


def contacts(order: BondOrder, found: Sequence[Grain]) -> dict[tuple[int, int], int]:
    """Where grains touch.

    Parameters
    ----------
    order : BondOrder
        Of the sublattice.
    found : sequence of Grain
        Of it.

    Returns
    -------
    dict of (int, int) to int
        Pairs of atoms across the boundary of two grains, one in the first shell of the other, by the numbers of the grains, the lower
        first.

    Examples
    --------
    >>> gas = np.random.default_rng(0).random((300, 3)) * 25.0
    >>> contacts(bond_order(gas, np.eye(3) * 25.0, 8.0), [])
    {}
    """
    grain_of = np.full(len(order.neighbors), -1)
    for row, grain in enumerate(found):
        grain_of[grain.atoms] = row
    inside = np.flatnonzero(grain_of >= 0)
    others = np.where(order.neighbors[inside] >= 0, grain_of[order.neighbors[inside]], -1)
    one, neighbor = np.nonzero((others >= 0) & (others != grain_of[inside, None]))
    pairs = np.sort(np.stack([inside[one], order.neighbors[inside[one], neighbor]], axis=1), axis=1)
    across, numbers = np.unique(
        np.sort(grain_of[np.unique(pairs, axis=0)], axis=1).reshape(-1, 2), axis=0, return_counts=True
    )
    return {(int(i), int(j)): int(n) for (i, j), n in zip(across, numbers, strict=True)}


def _grain(order: BondOrder, atoms: NDArray[np.int64], core: NDArray[np.int64], lattice: LatticeName) -> Grain:
    spacing = float(np.linalg.norm(order.vectors[core][order.neighbors[core] >= 0], axis=1).mean())
    n_bonds = order.n_bonds[core]
    inner = core[n_bonds >= n_bonds.max() - 1]
    q4, q6 = order.mean_q(4, inner), order.mean_q(6, inner)
    fit = orientation(*_first_shell(order, core), lattice)
    is_lattice = fit.misfit <= MOST_MISFIT
    packing, axes = (fit.lattice, fit.axes) if is_lattice else ("other", None)
    volume = atoms.size * spacing**3 * ATOM_VOLUMES.get(packing, CLOSE_PACKED)
    diameter = float(np.cbrt(6.0 * volume / np.pi))
    return Grain(atoms, core, diameter, spacing, q4, q6, packing, fit.misfit, axes)


def _turned_alike(
    order: BondOrder, cores: NDArray[np.int64], least_bonds: int, least_atoms: int
) -> tuple[NDArray[np.int64], dict[int, LatticeName]]:
    """Connected atoms that fit one orientation have one number, those between two such -1; the lattice of each number."""
    labels, row_of = cores.copy(), np.full(len(cores), -1)
    lattices: dict[int, LatticeName] = {}
    pending = _groups(cores, least_atoms)
    while pending:
        atoms = pending.pop()
        found = _lattice(order, atoms)
        lattices[int(labels[atoms[0]])] = found.lattice
        fits = atom_misfits(*_first_shell(order, atoms), found) <= MOST_MISFIT
        rest = atoms[~fits]
        if min(rest.size, atoms.size - rest.size) < least_atoms:
            continue
        row_of[rest] = np.arange(rest.size)
        neighbors = row_of[order.neighbors[rest]]
        row_of[rest] = -1
        bonded = order.bonded[rest] & (neighbors >= 0)
        inner = _cores(neighbors, bonded, np.count_nonzero(bonded, axis=1) >= least_bonds)
        others = [other for group in _groups(inner, least_atoms) if _is_another(order, other := rest[group], found)]
        if others:
            labels[rest] = -1
            labels[atoms[fits]] = atoms[fits][0]
            lattices[int(atoms[fits][0])] = found.lattice
            for other in others:
                labels[other] = other[0]
            pending += others
    return labels, lattices


def _lattice(order: BondOrder, atoms: NDArray[np.int64]) -> Orientation:
    """What those that fit best are."""
    return best_orientation(*_first_shell(order, atoms), share=LEAST_SHARE)


def _first_shell(order: BondOrder, atoms: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Vectors to neighbours, and which are bonded and none of the next shell that stands in for one that is not there."""
    vectors, bonded = order.vectors[atoms], order.bonded[atoms]
    lengths = np.linalg.norm(vectors, axis=2)
    return vectors, bonded & (lengths <= FIRST_SHELL * np.quantile(lengths[bonded], 0.25)) if bonded.any() else bonded


def _is_another(order: BondOrder, atoms: NDArray[np.int64], known: Orientation) -> bool:
    """Whether atoms are a crystal of another symmetry than a known one, or turned against it."""
    found = best_orientation(*_first_shell(order, atoms))
    if found.misfit > MOST_MISFIT:
        return False
    group = POINT_GROUPS[found.lattice]
    return group != POINT_GROUPS[known.lattice] or misorientation(found.axes, known.axes, group)[0] > LEAST_TURN_DEGREES


def _groups(labels: NDArray[np.int64], least_atoms: int) -> list[NDArray[np.int64]]:
    """Atoms of each label but -1, as far as they are enough."""
    rows = np.flatnonzero(labels >= 0)
    rows = rows[np.argsort(labels[rows], kind="stable")]
    _, begins = np.unique(labels[rows], return_index=True)
    return [group for group in np.split(rows, begins[1:]) if group.size >= least_atoms]


@cache
def _coefficients(degree: int) -> NDArray[np.float64]:
    """Of z^k in the factor of (x + i y)^m of Y_lm, as components of a real vector: the square root of two for m > 0."""
    from numpy.polynomial import Legendre, Polynomial

    table = np.zeros((degree + 1, degree + 1))
    legendre = Legendre.basis(degree).convert(kind=Polynomial)
    for m in range(degree + 1):
        norm = np.sqrt((2 * degree + 1) / (4 * np.pi) * factorial(degree - m) / factorial(degree + m))
        powers = legendre.deriv(m).coef if m else legendre.coef
        table[m, : powers.size] = powers * norm * (np.sqrt(2.0) if m else 1.0)
    return table


def _size(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """q_l from its components."""
    return np.asarray(np.sqrt(4.0 * np.pi / parts.shape[1] * (parts**2).sum(axis=1)))


@njit(cache=True, nogil=True)
def _nearest(first, second, vectors, n_atoms):  # type: ignore[no-untyped-def]
    """The twelve nearest of each atom within its first shell, from pairs that come once, and the vectors to them; then -1 and zeros."""
    neighbors = np.full((n_atoms, N_NEIGHBORS), -1, dtype=np.int64)
    kept = np.zeros((n_atoms, N_NEIGHBORS, 3))
    lengths = np.full((n_atoms, N_NEIGHBORS), np.inf)
    farthest = np.zeros(n_atoms, dtype=np.int64)
    for p in range(first.shape[0]):
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        length = x * x + y * y + z * z
        for a, b, sign in ((first[p], second[p], 1.0), (second[p], first[p], -1.0)):
            far = farthest[a]
            if length >= lengths[a, far]:
                continue
            lengths[a, far], neighbors[a, far] = length, b
            kept[a, far, 0], kept[a, far, 1], kept[a, far, 2] = sign * x, sign * y, sign * z
            for n in range(N_NEIGHBORS):
                if lengths[a, n] > lengths[a, far]:
                    far = n
            farthest[a] = far
    for a in range(n_atoms):
        nearest = np.sort(lengths[a])[:OF_SHELL]
        known = nearest[np.isfinite(nearest)]
        if known.shape[0] == 0:
            continue
        farthest2 = (SHELL_REACH * np.sqrt(known).mean()) ** 2
        n_kept = 0
        for n in range(N_NEIGHBORS):
            if lengths[a, n] <= farthest2:
                neighbors[a, n_kept], kept[a, n_kept] = neighbors[a, n], kept[a, n]
                n_kept += 1
        neighbors[a, n_kept:], kept[a, n_kept:] = -1, 0.0
    return neighbors, kept


@njit(cache=True, nogil=True)
def _harmonics(vectors, neighbors, table):  # type: ignore[no-untyped-def]
    """Mean over the neighbours of real spherical harmonics of one degree, shape (n_atoms, 2 l + 1)."""
    n_atoms, degree = vectors.shape[0], table.shape[0] - 1
    parts = np.zeros((n_atoms, 2 * degree + 1))
    for a in range(n_atoms):
        n_found = 0
        for n in range(N_NEIGHBORS):
            if neighbors[a, n] < 0:
                break
            n_found += 1
            x, y, z = vectors[a, n, 0], vectors[a, n, 1], vectors[a, n, 2]
            length = np.sqrt(x * x + y * y + z * z)
            x, y, z = x / length, y / length, z / length
            real, imaginary = 1.0, 0.0
            for m in range(degree + 1):
                value = 0.0
                for k in range(degree, -1, -1):
                    value = value * z + table[m, k]
                if m == 0:
                    parts[a, 0] += value
                else:
                    real, imaginary = real * x - imaginary * y, real * y + imaginary * x
                    parts[a, 2 * m - 1] += value * real
                    parts[a, 2 * m] += value * imaginary
        for k in range(2 * degree + 1):
            parts[a, k] /= max(n_found, 1)
    return parts


@njit(cache=True, nogil=True)
def _averaged(parts, neighbors):  # type: ignore[no-untyped-def]
    """Mean over each atom and its neighbours."""
    mean = np.zeros_like(parts)
    for a in range(parts.shape[0]):
        n_found = np.count_nonzero(neighbors[a] >= 0)
        for k in range(parts.shape[1]):
            total = parts[a, k]
            for n in range(n_found):
                total += parts[neighbors[a, n], k]
            mean[a, k] = total / (n_found + 1)
    return mean


@njit(cache=True, nogil=True)
def _bonds(parts, neighbors, least):  # type: ignore[no-untyped-def]
    """Which neighbours have components in the same direction, shape (n_atoms, 12)."""
    n_atoms = parts.shape[0]
    size = np.sqrt((parts**2).sum(axis=1))
    bonded = np.zeros((n_atoms, N_NEIGHBORS), dtype=np.bool_)
    for a in range(n_atoms):
        for n in range(N_NEIGHBORS):
            b = neighbors[a, n]
            if b < 0:
                break
            if size[b] > 0.0 and size[a] > 0.0:
                product = 0.0
                for k in range(parts.shape[1]):
                    product += parts[a, k] * parts[b, k]
                bonded[a, n] = product >= least * size[a] * size[b]
    return bonded


@njit(cache=True, nogil=True)
def _cores(neighbors, bonded, is_core):  # type: ignore[no-untyped-def]
    """Lowest atom of the connected core atoms of each; -1 of others."""
    n_atoms = neighbors.shape[0]
    edges = np.empty((n_atoms * N_NEIGHBORS, 2), dtype=np.int64)
    n_edges = 0
    for a in range(n_atoms):
        if is_core[a]:
            for n in range(N_NEIGHBORS):
                b = neighbors[a, n]
                if bonded[a, n] and is_core[b]:
                    edges[n_edges, 0], edges[n_edges, 1] = a, b
                    n_edges += 1
    roots = component_roots(n_atoms, edges[:n_edges])
    return np.where(is_core, roots, -1)


@njit(cache=True, nogil=True)
def _with_surfaces(neighbors, bonded, cores, surface_bonds):  # type: ignore[no-untyped-def]
    """Core of each atom: its own, or the one that it has most bonds to; -1 of atoms in none."""
    member = cores.copy()
    for a in range(neighbors.shape[0]):
        if cores[a] >= 0:
            continue
        most = 0
        for n in range(N_NEIGHBORS):
            b = neighbors[a, n]
            if b < 0 or not (bonded[a, n] and cores[b] >= 0):
                continue
            same = 0
            for o in range(N_NEIGHBORS):
                if bonded[a, o] and cores[neighbors[a, o]] == cores[b]:
                    same += 1
            if same >= surface_bonds and same > most:
                most, member[a] = same, cores[b]
    return member
