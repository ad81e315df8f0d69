"""Pairs of atoms within a cutoff, every periodic image counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.pair_kernel import collect_pairs


@dataclass(frozen=True, slots=True)
class Pairs:
    """Neighbour pairs of one frame, each counted from both sides.

    Attributes
    ----------
    first, second : atom indices, shape (n_pairs,).
    distances : shape (n_pairs,), angstrom.
    vectors : from first to second, shape (n_pairs, 3), angstrom.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.float64]
    vectors: NDArray[np.float64]


def find_pairs(
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    cutoff: float,
    *,
    first_mask: NDArray[np.bool_] | None = None,
    second_mask: NDArray[np.bool_] | None = None,
) -> Pairs:
    """All pairs of one frame within the cutoff; right for cells smaller than twice the cutoff too.

    Parameters
    ----------
    positions : shape (n_atoms, 3), wrapped or not, angstrom.
    cell : rows are lattice vectors, shape (3, 3), angstrom.
    cutoff : angstrom.
    first_mask, second_mask : atoms on either side, shape (n_atoms,); all if left out.

    Examples
    --------
    >>> pairs = find_pairs(np.array([[0.5, 0, 0], [9.5, 0, 0]]), 10.0 * np.eye(3), 2.0)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.vectors[:, 0].tolist()
    ([0, 1], [1, 0], [-1.0, 1.0])
    """
    everyone = np.arange(len(positions))
    first, second, vectors = collect_pairs(
        np.ascontiguousarray(positions, dtype=np.float64),
        np.ascontiguousarray(cell, dtype=np.float64),
        everyone if first_mask is None else np.flatnonzero(first_mask),
        everyone if second_mask is None else np.flatnonzero(second_mask),
        float(cutoff),
    )
    order = np.lexsort((second, first))
    vectors = vectors[order]
    return Pairs(first[order], second[order], np.sqrt((vectors**2).sum(axis=1)), vectors)


def shortest_height(cells: NDArray[np.float64]) -> float:
    """Smallest distance between opposite faces of any of the cells (angstrom), shape (..., 3, 3)."""
    return float((1.0 / np.linalg.norm(np.linalg.inv(cells), axis=-2)).min())
