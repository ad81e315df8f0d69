"""Crystallites: bond-orientational order of close-packed sublattices, grains of correlated neighbours, and their orientation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.components import component_roots
from mlip_interfaces.analysis.pair_kernel import collect_pairs

N_NEIGHBORS = 12
"""Of an atom in a close packing."""

FCC_RATIO, HCP_RATIO, LEAST_RATIO, LEAST_Q6 = 0.19094 / 0.57452, 0.09722 / 0.48476, 0.1, 0.3
"""q4 / q6 of the perfect packings of twelve neighbours, and what that of a grain must reach to be called by either."""

STARTS, STEPS, MOST_ALIGNED = 40, 12, 200
"""Of the search for an orientation: random starts, steps of each, atoms of a grain that are looked at."""


@dataclass(frozen=True, slots=True)
class BondOrder:
    """Bond-orientational order of each atom.

    Attributes
    ----------
    neighbors : (n_atoms, 12) int array
        Nearest atoms in no order; -1 throughout where fewer than twelve are in reach.
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
        ``fcc``, ``hcp`` or ``other``.
    """

    atoms: NDArray[np.int64]
    core: NDArray[np.int64]
    diameter_angstrom: float
    spacing_angstrom: float
    q4: float
    q6: float
    packing: str


def bond_order(
    positions: NDArray[np.float64], cell: NDArray[np.float64], reach_angstrom: float, *, least_correlation: float = 0.7
) -> BondOrder:
    """Bond-orientational order from the twelve nearest neighbours.

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
    q_lm over the atom and its neighbours. Two neighbours are bonded where sum_m q_6m(i) q_6m(j)* / (|q_6(i)| |q_6(j)|) is at
    least `least_correlation`.

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
        Of an atom of a core.
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
    The volume of an atom in a close packing of neighbours d apart is d^3 / sqrt(2).

    Examples
    --------
    >>> gas = np.random.default_rng(0).random((300, 3)) * 25.0
    >>> grains(bond_order(gas, np.eye(3) * 25.0, 8.0))
    []
    """
    is_core = order.n_bonds >= least_bonds
    member = _members(order.neighbors, order.bonded, is_core, surface_bonds)
    found = []
    labels, inverse, counts = np.unique(member, return_inverse=True, return_counts=True)
    ordered = np.argsort(inverse, kind="stable")
    for label, atoms in zip(labels, np.split(ordered, np.cumsum(counts)[:-1]), strict=True):
        if label >= 0 and atoms.size >= least_atoms:
            found.append(_grain(order, atoms, atoms[is_core[atoms]]))
    return sorted(found, key=lambda grain: (-grain.atoms.size, int(grain.atoms[0])))


def _grain(order: BondOrder, atoms: NDArray[np.int64], core: NDArray[np.int64]) -> Grain:
    spacing = float(np.linalg.norm(order.vectors[core], axis=2).mean())
    volume = atoms.size * spacing**3 / np.sqrt(2.0)
    n_bonds = order.n_bonds[core]
    inner = core[n_bonds >= n_bonds.max() - 1]
    q4, q6 = order.mean_q(4, inner), order.mean_q(6, inner)
    packing = "other"
    if q6 >= LEAST_Q6 and LEAST_RATIO * q6 <= q4 <= 0.5 * q6:
        packing = "fcc" if q4 > 0.5 * (FCC_RATIO + HCP_RATIO) * q6 else "hcp"
    return Grain(atoms, core, float(np.cbrt(6.0 * volume / np.pi)), spacing, q4, q6, packing)


def orientation(order: BondOrder, grain: Grain, *, seed: int = 0) -> NDArray[np.float64] | None:
    """Rotation of the cubic axes of a grain with fcc packing.

    Parameters
    ----------
    order : BondOrder
        Of the sublattice.
    grain : Grain
        Of it.
    seed : int, optional
        Of the starts of the search.

    Returns
    -------
    (3, 3) float array or None
        Columns are the cubic axes, one of 24 equivalent choices; None where the packing is not fcc.

    Examples
    --------
    >>> fcc = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    >>> cubes = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 1, 3)
    >>> order = bond_order((cubes + fcc).reshape(-1, 3) * 5.7, np.eye(3) * 17.1, 5.0)
    >>> axes = orientation(order, grains(order)[0])
    >>> round(misorientation_degrees(axes, np.eye(3)), 6)
    0.0
    """
    from scipy.spatial.transform import Rotation

    if grain.packing != "fcc":
        return None
    corners = np.array([[0, 1, 1], [0, 1, -1], [1, 0, 1], [1, 0, -1], [1, 1, 0], [1, -1, 0]]) / np.sqrt(2.0)
    model = np.concatenate([corners, -corners])
    vectors = order.vectors[grain.core[:: -(-grain.core.size // MOST_ALIGNED)]].reshape(-1, 3)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    best, likeness = np.eye(3), -np.inf
    for start in Rotation.random(STARTS, rng=np.random.default_rng(seed)).as_matrix():
        turned = start
        for _ in range(STEPS):
            nearest = model[np.argmax(vectors @ (model @ turned.T).T, axis=1)]
            u, _, v = np.linalg.svd(vectors.T @ nearest)
            turned = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
        alike = float(np.einsum("va,va->", vectors, nearest @ turned.T))
        if alike > likeness:
            best, likeness = turned, alike
    return np.asarray(best)


def misorientation_degrees(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Smallest angle that turns one cubic crystal into the orientation of another.

    Parameters
    ----------
    first, second : (3, 3) float array
        Columns are cubic axes.

    Returns
    -------
    float, degrees
        From 0 to 62.8.

    References
    ----------
    J. K. Mackenzie, Biometrika 45, 229 (1958).

    Examples
    --------
    >>> turned = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> misorientation_degrees(np.eye(3), turned)
    0.0
    """
    from scipy.spatial.transform import Rotation

    between = first.T @ second
    traces = np.einsum("sij,ji->s", Rotation.create_group("O").as_matrix(), between)
    cosine = min(1.0, 0.5 * (float(traces.max()) - 1.0))
    return float(np.degrees(np.arccos(cosine))) if cosine < 1.0 - 1e-12 else 0.0


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
    """The twelve nearest of each atom, from pairs that come once, and the vectors to them; -1 and zeros where there are fewer."""
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
        if neighbors[a].min() < 0:
            neighbors[a], kept[a] = -1, 0.0
    return neighbors, kept


@njit(cache=True, nogil=True)
def _harmonics(vectors, neighbors, table):  # type: ignore[no-untyped-def]
    """Mean over the neighbours of real spherical harmonics of one degree, shape (n_atoms, 2 l + 1)."""
    n_atoms, degree = vectors.shape[0], table.shape[0] - 1
    parts = np.zeros((n_atoms, 2 * degree + 1))
    for a in range(n_atoms):
        if neighbors[a, 0] < 0:
            continue
        for n in range(N_NEIGHBORS):
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
            parts[a, k] /= N_NEIGHBORS
    return parts


@njit(cache=True, nogil=True)
def _averaged(parts, neighbors):  # type: ignore[no-untyped-def]
    """Mean over each atom and its neighbours."""
    mean = np.zeros_like(parts)
    for a in range(parts.shape[0]):
        if neighbors[a, 0] < 0:
            continue
        for k in range(parts.shape[1]):
            total = parts[a, k]
            for n in range(N_NEIGHBORS):
                total += parts[neighbors[a, n], k]
            mean[a, k] = total / (N_NEIGHBORS + 1)
    return mean


@njit(cache=True, nogil=True)
def _bonds(parts, neighbors, least):  # type: ignore[no-untyped-def]
    """Which neighbours have components in the same direction, shape (n_atoms, 12)."""
    n_atoms = parts.shape[0]
    size = np.sqrt((parts**2).sum(axis=1))
    bonded = np.zeros((n_atoms, N_NEIGHBORS), dtype=np.bool_)
    for a in range(n_atoms):
        if neighbors[a, 0] < 0:
            continue
        for n in range(N_NEIGHBORS):
            b = neighbors[a, n]
            if size[b] > 0.0 and size[a] > 0.0:
                product = 0.0
                for k in range(parts.shape[1]):
                    product += parts[a, k] * parts[b, k]
                bonded[a, n] = product >= least * size[a] * size[b]
    return bonded


@njit(cache=True, nogil=True)
def _members(neighbors, bonded, is_core, surface_bonds):  # type: ignore[no-untyped-def]
    """Lowest core atom of the grain of each atom; -1 of atoms in none."""
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
    member = np.full(n_atoms, -1, dtype=np.int64)
    for a in range(n_atoms):
        if is_core[a]:
            member[a] = roots[a]
            continue
        most = 0
        for n in range(N_NEIGHBORS):
            b = neighbors[a, n]
            if b < 0 or not (bonded[a, n] and is_core[b]):
                continue
            same = 0
            for o in range(N_NEIGHBORS):
                c = neighbors[a, o]
                if bonded[a, o] and is_core[c] and roots[c] == roots[b]:
                    same += 1
            if same >= surface_bonds and same > most:
                most, member[a] = same, roots[b]
    return member
