"""Percolation of a density on a periodic grid: down to which level its voxels lead through the cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

_BASE = 1 << 20
"""More than any component of a lattice vector that a loop through a grid leads to."""


@dataclass(frozen=True, slots=True)
class DensityPercolation:
    """The largest levels whose voxels lead through the cell, from a voxel to its own image.

    Attributes
    ----------
    directions : (3,) float array
        In one, two and three independent directions; 0 where the voxels that were ever visited do not.
    axes : (3,) float array
        Along a, b and c.
    """

    directions: NDArray[np.float64]
    axes: NDArray[np.float64]


def percolating_densities(density: NDArray[np.float64]) -> DensityPercolation:
    """Levels of a density at which it percolates.

    Parameters
    ----------
    density : (n_a, n_b, n_c) float array
        Not negative, periodic along all three axes.

    Returns
    -------
    DensityPercolation
        In the unit of the density.

    Notes
    -----
    Voxels are added from the densest to the emptiest and joined through their faces. Each has the lattice vector that leads to it from the first one of its
    part; a face within a part closes a loop, whose lattice vectors add up to its winding. The rank of the windings of a part is the number of directions in which it
    has no end.

    Examples
    --------
    >>> density = np.zeros((4, 4, 4))
    >>> density[:, 1, 2] = [3.0, 2.0, 5.0, 2.5]
    >>> found = percolating_densities(density)
    >>> found.directions.tolist(), found.axes.tolist()
    ([2.0, 0.0, 0.0], [2.0, 0.0, 0.0])
    """
    flat = np.ascontiguousarray(density, dtype=np.float64).ravel()
    order = np.argsort(-flat, kind="stable")[: np.count_nonzero(flat)]
    limits = _limiting_voxels(order, np.array(density.shape, dtype=np.int64))
    levels = np.where(limits >= 0, flat[limits], 0.0)
    return DensityPercolation(levels[:3], levels[3:])


@njit(cache=True, nogil=True)
def _limiting_voxels(order, shape):  # type: ignore[no-untyped-def]
    """Voxel whose addition made each number of directions, then each axis, percolate; -1 where none does."""
    n = shape[0] * shape[1] * shape[2]
    limits = np.full(6, -1, dtype=np.int64)
    parent = np.full(n, -1, dtype=np.int64)
    size = np.ones(n, dtype=np.int64)
    # Lattice vectors as one number each, which add up like vectors.
    offset = np.zeros(n, dtype=np.int64)
    units = np.array([_BASE * _BASE, _BASE, 1], dtype=np.int64)
    strides = np.array([shape[1] * shape[2], shape[2], 1], dtype=np.int64)
    # Up to three independent windings of each part, at its root.
    windings = np.zeros((n, 3), dtype=np.int64)
    rank = np.zeros(n, dtype=np.int64)
    for voxel in order:
        parent[voxel] = voxel
        for axis in range(3):
            place = (voxel // strides[axis]) % shape[axis]
            for sign in (-1, 1):
                other, shift = voxel + sign * strides[axis], np.int64(0)
                if place + sign < 0 or place + sign >= shape[axis]:
                    other -= sign * shape[axis] * strides[axis]
                    shift = sign * units[axis]
                if parent[other] < 0:
                    continue
                root, other_root = _root(voxel, parent, offset), _root(other, parent, offset)
                across = offset[voxel] + shift - offset[other]
                if root == other_root:
                    if across == 0:
                        continue
                    _add_winding(root, across, windings, rank)
                    for k in range(3):
                        if limits[3 + k] < 0 and _component(across, k) != 0:
                            limits[3 + k] = voxel
                else:
                    if size[root] < size[other_root]:
                        root, other_root, across = other_root, root, -across
                    parent[other_root] = root
                    offset[other_root] = across
                    size[root] += size[other_root]
                    for k in range(rank[other_root]):
                        _add_winding(root, windings[other_root, k], windings, rank)
                for k in range(rank[root]):
                    if limits[k] < 0:
                        limits[k] = voxel
    return limits


@njit(cache=True, nogil=True)
def _root(voxel, parent, offset):  # type: ignore[no-untyped-def]
    """Root of a voxel's part; on return its parent is the root, and its offset leads from there. A root has no offset."""
    root, whole = voxel, np.int64(0)
    while parent[root] != root:
        whole += offset[root]
        root = parent[root]
    here = voxel
    while here != root:
        following, step = parent[here], offset[here]
        parent[here], offset[here] = root, whole
        whole -= step
        here = following
    return root


@njit(cache=True, nogil=True)
def _component(vector, axis):  # type: ignore[no-untyped-def]
    """One component of a lattice vector that is one number."""
    half = _BASE // 2
    last = (vector + half) % _BASE - half
    vector = (vector - last) // _BASE
    middle = (vector + half) % _BASE - half
    if axis == 2:
        return last
    return middle if axis == 1 else (vector - middle) // _BASE


@njit(cache=True, nogil=True)
def _add_winding(root, winding, windings, rank):  # type: ignore[no-untyped-def]
    """Keep a winding that is independent of those that are there; whole numbers, so that this is exact."""
    if rank[root] == 3 or winding == 0:
        return
    x, y, z = _component(winding, 0), _component(winding, 1), _component(winding, 2)
    first, second = windings[root, 0], windings[root, 1]
    a, b, c = _component(first, 0), _component(first, 1), _component(first, 2)
    d, e, f = _component(second, 0), _component(second, 1), _component(second, 2)
    if rank[root] == 1:
        new = b * z != c * y or c * x != a * z or a * y != b * x
    elif rank[root] == 2:
        new = x * (b * f - c * e) + y * (c * d - a * f) + z * (a * e - b * d) != 0
    else:
        new = True
    if new:
        windings[root, rank[root]] = winding
        rank[root] += 1
