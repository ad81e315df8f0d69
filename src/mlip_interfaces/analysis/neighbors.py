"""Pairs of atoms within a cutoff, every periodic image counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import face_widths
from mlip_interfaces.analysis.pair_kernel import collect_pairs


@dataclass(frozen=True, slots=True)
class Pairs:
    """Neighbour pairs of one frame, each counted from both sides.

    Attributes
    ----------
    first, second : (n_pairs,) int array
        Atom indices.
    distances : (n_pairs,) float array, angstrom
        Lengths of the vectors.
    vectors : (n_pairs, 3) float array, angstrom
        From first to second.
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
    positions : (n_atoms, 3) float array, angstrom
        Wrapped or not.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    cutoff : float, angstrom
        Largest distance.
    first_mask, second_mask : (n_atoms,) bool array, optional
        Atoms on either side; all if left out.

    Returns
    -------
    Pairs
        Sorted by the first atom, then by the second.

    Examples
    --------
    >>> pairs = find_pairs(np.array([[0.5, 0, 0], [9.5, 0, 0]]), 10.0 * np.eye(3), 2.0)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.vectors[:, 0].tolist()
    ([0, 1], [1, 0], [-1.0, 1.0])
    """
    first, second, vectors = pairs_in_no_order(positions, cell, cutoff, first_mask=first_mask, second_mask=second_mask)
    order = np.lexsort((second, first))
    vectors = vectors[order]
    return Pairs(first[order], second[order], np.sqrt((vectors**2).sum(axis=1)), vectors)


def pairs_in_no_order(
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    cutoff: float,
    *,
    first_mask: NDArray[np.bool_] | None = None,
    second_mask: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """As `find_pairs`, without their order and their lengths, which cost more than the search.

    Parameters
    ----------
    positions : (n_atoms, 3) float array, angstrom
        Wrapped or not.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    cutoff : float, angstrom
        Largest distance.
    first_mask, second_mask : (n_atoms,) bool array, optional
        Atoms on either side; all if left out.

    Returns
    -------
    first, second : (n_pairs,) int array
        Atom indices.
    vectors : (n_pairs, 3) float array, angstrom
        From first to second.

    Examples
    --------
    >>> positions, lithium = np.array([[0.5, 0, 0], [9.5, 0, 0]]), np.array([True, False])
    >>> first, second, vectors = pairs_in_no_order(positions, 10.0 * np.eye(3), 2.0, first_mask=lithium, second_mask=~lithium)
    >>> first.tolist(), second.tolist(), vectors[:, 0].tolist()
    ([0], [1], [-1.0])
    """
    everyone = np.ones(len(positions), dtype=bool)
    in_first = everyone if first_mask is None else first_mask
    in_second = everyone if second_mask is None else second_mask
    members, class_start = grouped([in_first & ~in_second, in_second & ~in_first, in_first & in_second])
    # Atoms on both sides are a class of their own, whose pairs come once.
    cutoffs = np.array([[0.0, cutoff, cutoff], [0.0, 0.0, 0.0], [0.0, cutoff, cutoff]])
    first, second, vectors = collect_pairs(
        np.ascontiguousarray(positions, dtype=np.float64),
        np.ascontiguousarray(cell, dtype=np.float64),
        members,
        class_start,
        cutoffs,
    )
    once = in_second[first] & in_first[second]
    if not once.any():
        return first, second, vectors
    return (
        np.concatenate([first, second[once]]),
        np.concatenate([second, first[once]]),
        np.concatenate([vectors, -vectors[once]]),
    )


def grouped(masks: Sequence[NDArray[np.bool_]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Atoms of classes given by masks, one class behind the other.

    Parameters
    ----------
    masks : sequence of (n_atoms,) bool array
        Atoms of each class.

    Returns
    -------
    members : (n_members,) int array
        Atom indices.
    class_start : (n_classes + 1,) int array
        First member of each class, and the end.

    Examples
    --------
    >>> members, class_start = grouped([np.array([False, True, True]), np.array([True, False, False])])
    >>> members.tolist(), class_start.tolist()
    ([1, 2, 0], [0, 2, 3])
    """
    parts = [np.flatnonzero(mask) for mask in masks]
    return np.concatenate(parts), np.cumsum([0, *(part.size for part in parts)])


def shortest_height(cells: NDArray[np.float64]) -> float:
    """Smallest distance between opposite faces of any of the cells.

    Parameters
    ----------
    cells : (..., 3, 3) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    float, angstrom
        Half of it is the largest distance at which an atom sees no other one twice.

    Examples
    --------
    >>> shortest_height(np.diag([4.0, 5.0, 6.0]))
    4.0
    """
    return float(face_widths(cells).min())
