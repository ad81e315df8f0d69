"""Pairs of atoms within a cutoff, every periodic image counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray


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

    def within(self, cutoff: float, first_mask: NDArray[np.bool_], second_mask: NDArray[np.bool_]) -> Pairs:
        """Those below a shorter cutoff between two groups of atoms."""
        kept = (self.distances < cutoff) & first_mask[self.first] & second_mask[self.second]
        return Pairs(self.first[kept], self.second[kept], self.distances[kept], self.vectors[kept])


def find_pairs(positions: NDArray[np.float64], cell: NDArray[np.float64], cutoff: float) -> Pairs:
    """All pairs of one frame within the cutoff; right for cells smaller than twice the cutoff too.

    Parameters
    ----------
    positions : shape (n_atoms, 3), wrapped or not, angstrom.
    cell : rows are lattice vectors, shape (3, 3), angstrom.
    cutoff : angstrom.
    """
    first, second, distances, vectors = primitive_neighbor_list("ijdD", (True, True, True), cell, positions, cutoff)
    return Pairs(first, second, distances, vectors)
