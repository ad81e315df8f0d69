"""What is left of a set of structures without duplicates and too-short contacts, and why the others went."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import TOO_CLOSE_SHARE, has_short_contact

N_NEAREST = 16
"""Distances that stand for the surroundings of an atom in the first comparison."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A structure that was dropped.

    Attributes
    ----------
    index : int
        Its place in the set.
    reason : str
        ``short contact`` or ``duplicate``.
    duplicate_of : int or None
        Place of the structure that it repeats.
    """

    index: int
    reason: str
    duplicate_of: int | None = None


@dataclass(frozen=True, slots=True)
class CleanSet:
    """Structures without duplicates and too-short contacts.

    Attributes
    ----------
    structures : tuple of ase.Atoms
        What was kept.
    indices : tuple of int
        Its places in the set.
    dropped : tuple of Dropped
        What was not.
    """

    structures: tuple[Atoms, ...]
    indices: tuple[int, ...]
    dropped: tuple[Dropped, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number kept, and dropped for each reason."""
        reasons = [drop.reason for drop in self.dropped]
        return {
            "kept": len(self.structures),
            "short_contact": reasons.count("short contact"),
            "duplicate": reasons.count("duplicate"),
        }


def clean_set(
    structures: Sequence[Atoms], *, shortest_factor: float = TOO_CLOSE_SHARE, tolerance_angstrom: float = 0.01
) -> CleanSet:
    """Drop structures with too-short contacts, and those that repeat an earlier one.

    Parameters
    ----------
    structures : sequence of ase.Atoms
        In order of preference.
    shortest_factor : float
        No contact below this share of the sum of covalent radii.
    tolerance_angstrom : float, angstrom
        Two structures whose lengths differ by less than this everywhere are the same.

    Returns
    -------
    CleanSet
        What was kept, and what was dropped for which reason.
    """
    kept: list[int] = []
    dropped: list[Dropped] = []
    cells = [atoms.cell.cellpar() for atoms in structures]
    of_composition: dict[str, list[int]] = {}
    # Distances are worked out only for what might have a twin.
    surroundings = functools.cache(lambda index: _surroundings(structures[index]))
    for index, atoms in enumerate(structures):
        if has_short_contact(atoms, shortest_factor):
            dropped.append(Dropped(index, "short contact"))
            continue
        earlier = of_composition.setdefault(atoms.get_chemical_formula(mode="hill"), [])
        alike = (i for i in earlier if _alike(cells[i], cells[index], tolerance_angstrom))
        twin = next(
            (i for i in alike if _same(structures[i], atoms, surroundings(i), surroundings(index), tolerance_angstrom)),
            None,
        )
        if twin is not None:
            dropped.append(Dropped(index, "duplicate", twin))
            continue
        earlier.append(index)
        kept.append(index)
    return CleanSet(tuple(structures[i] for i in kept), tuple(kept), tuple(dropped))


def same_structure(first: Atoms, second: Atoms, *, tolerance_angstrom: float = 0.01) -> bool:
    """Whether two structures are the same up to translation, rotation, mirror, lattice vectors and order of the atoms.

    Parameters
    ----------
    first, second : ase.Atoms
        Periodic structures.
    tolerance_angstrom : float, angstrom
        On the edges of the cell, and on the distances of each atom to every other.

    Returns
    -------
    bool
        True if all distances agree within the tolerance.

    Notes
    -----
    Same composition, same edges and angles of the cell, and atoms of the same element can be paired so that their sorted
    distances to all other atoms (nearest images) agree; those to the 16 nearest are compared first. Distances know no
    origin; that two different structures share all of them is possible in principle, not by chance.
    """
    return (
        np.array_equal(np.sort(first.numbers), np.sort(second.numbers))
        and _alike(first.cell.cellpar(), second.cell.cellpar(), tolerance_angstrom)
        and _same(first, second, _surroundings(first), _surroundings(second), tolerance_angstrom)
    )


def _alike(cell: NDArray[np.float64], other: NDArray[np.float64], tolerance: float) -> bool:
    """Whether two cells, as edges and angles, agree."""
    edge = np.abs(cell[:3] - other[:3]).max()
    if edge > tolerance:
        return False
    # An angle turns the end of the longest edge by that edge times the angle.
    return bool(np.radians(np.abs(cell[3:] - other[3:]).max()) * cell[:3].max() <= tolerance)


def _surroundings(atoms: Atoms) -> NDArray[np.float64]:
    """Sorted distances of each atom to its nearest neighbours, shape (n_atoms, 16)."""
    from ase.neighborlist import neighbor_list

    cutoff = 2.0 * (atoms.get_volume() / len(atoms)) ** (1 / 3)
    while True:
        first, distance = neighbor_list("id", atoms, cutoff)
        if np.bincount(first, minlength=len(atoms)).min() >= N_NEAREST:
            break
        cutoff *= 1.2
    order = np.lexsort((distance, first))
    start = np.searchsorted(first[order], np.arange(len(atoms)))
    nearest: NDArray[np.float64] = distance[order[start[:, None] + np.arange(N_NEAREST)]]
    return nearest


def _same(
    first: Atoms, second: Atoms, near: NDArray[np.float64], other_near: NDArray[np.float64], tolerance: float
) -> bool:
    """Whether two structures that are `_alike` have the same distances; `near` and `other_near` are `_surroundings`."""
    # Cheap and necessary: the nearest distances of all atoms, sorted, agree.
    if np.abs(np.sort(near[:, 0]) - np.sort(other_near[:, 0])).max() > tolerance:
        return False
    if not _can_be_paired(first.numbers, near, second.numbers, other_near, tolerance):
        return False
    # Two crystals with far vacancies differ only in distances beyond the nearest.
    whole = [_all_distances(atoms) for atoms in (first, second)]
    return _can_be_paired(first.numbers, whole[0], second.numbers, whole[1], tolerance)


def _can_be_paired(
    numbers: NDArray[np.int64],
    rows: NDArray[np.float64],
    other_numbers: NDArray[np.int64],
    other_rows: NDArray[np.float64],
    tolerance: float,
) -> bool:
    """Whether atoms of the same element can be paired so that their rows agree."""
    from scipy.optimize import linear_sum_assignment

    for number in np.unique(numbers):
        ours, theirs = rows[numbers == number], other_rows[other_numbers == number]
        apart = np.array([np.abs(row - theirs).max(axis=1) > tolerance for row in ours])
        pairs = linear_sum_assignment(apart)
        if apart[pairs].any():
            return False
    return True


def _all_distances(atoms: Atoms) -> NDArray[np.float64]:
    """Distance of each atom to the nearest images of all others, sorted, shape (n_atoms, n_atoms)."""
    cell, scaled = np.asarray(atoms.cell), atoms.get_scaled_positions()
    # In a skewed cell the nearest image is not always the one of the rounded difference.
    around = np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ cell
    rows = np.empty((len(atoms), len(atoms)))
    for index, place in enumerate(scaled):
        difference = scaled - place
        difference -= np.round(difference)
        images = (difference @ cell)[:, None, :] + around
        rows[index] = np.sort(np.linalg.norm(images, axis=2).min(axis=1))
    return rows
