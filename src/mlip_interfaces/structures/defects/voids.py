"""Where an interstitial fits: the places of a structure farthest from its atoms, measured by the sizes of the ions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import ion_contact, shortest_allowed

Array = NDArray[np.float64]

GRID_ANGSTROM = 0.3
REACH_ANGSTROM = 5.0
ALIKE = 0.01
"""Voids whose clearances differ by less than this share are equally good."""


def largest_voids(
    atoms: Atoms, species: str, charges: Mapping[str, float], allowed: NDArray[np.bool_] | None = None
) -> tuple[Array, Array]:
    """The largest voids for an ion.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, periodic.
    species : str
        Of the ion.
    charges : mapping of str to float, e
        Formal charges, which set the distances at which ions touch.
    allowed : (n_atoms,) bool array or None
        Atoms that may be the nearest to a void: those of a layer. All when left out.

    Returns
    -------
    positions : (n_voids, 3) float array, angstrom
        Of all voids about as large as the largest; none where every place is too close to an atom.
    clearance : (n_voids,) float array
        Smallest distance over touching distance of each, largest first.

    Notes
    -----
    A grid of 0.3 angstrom, then a pattern search from its local maxima. Unlike the largest sphere between lithium atoms
    alone, this does not press the ion against the anions.
    """
    measure = _Clearance(atoms, species, charges, allowed)
    points = _grid(atoms)
    clearance, _ = measure(points)
    kept = np.flatnonzero(np.isfinite(clearance))
    kept = kept[np.argsort(-clearance[kept], kind="stable")]
    # Only places that could climb to the best within one grid cell are followed.
    best = clearance[kept[0]] if kept.size else 0.0
    kept = kept[clearance[kept] > 0.9 * best]
    starts = _apart(points[kept], atoms, 0.8)
    if not len(starts):
        return np.empty((0, 3)), np.empty(0)
    found = _climbed(starts, measure)
    values, _ = measure(found)
    order = np.argsort(-values, kind="stable")
    order = order[values[order] >= (1.0 - ALIKE) * values[order[0]]]
    places = _apart(found[order], atoms, 0.3)
    final, _ = measure(places)
    return places, final


class _Clearance:
    """Smallest distance to an atom over the distance at which both touch; -inf where a place is not allowed."""

    def __init__(
        self, atoms: Atoms, species: str, charges: Mapping[str, float], allowed: NDArray[np.bool_] | None
    ) -> None:
        from scipy.spatial import cKDTree

        symbols = np.array(atoms.get_chemical_symbols())
        positions, owner = _with_images(atoms)
        self._cell = np.asarray(atoms.cell)
        self._allowed = None if allowed is None else allowed[owner]
        self._everything = cKDTree(positions)
        self._trees = [
            (
                cKDTree(positions[symbols[owner] == other]),
                ion_contact(species, other, charges),
                shortest_allowed(species, other),
            )
            for other in dict.fromkeys(symbols.tolist())
        ]

    def __call__(self, points: Array) -> tuple[Array, NDArray[np.int64]]:
        wrapped = (points @ np.linalg.inv(self._cell) % 1.0) @ self._cell
        clearance: Array = np.full(len(points), np.inf)
        for tree, contact, shortest in self._trees:
            distance, _ = tree.query(wrapped, distance_upper_bound=REACH_ANGSTROM)
            clearance = np.minimum(clearance, np.where(distance < shortest, -np.inf, distance / contact))
        nearest: NDArray[np.int64] = np.asarray(self._everything.query(wrapped)[1])
        if self._allowed is not None:
            clearance[~self._allowed[nearest]] = -np.inf
        # A place beyond the reach of every atom is vacuum.
        clearance[np.isposinf(clearance)] = -np.inf
        return clearance, nearest


def _grid(atoms: Atoms) -> Array:
    numbers = np.maximum(2, np.ceil(atoms.cell.lengths() / GRID_ANGSTROM)).astype(int)
    scaled = np.stack(np.meshgrid(*(np.arange(n) / n for n in numbers), indexing="ij"), axis=-1).reshape(-1, 3)
    points: Array = scaled @ np.asarray(atoms.cell)
    return points


def _with_images(atoms: Atoms) -> tuple[Array, NDArray[np.int64]]:
    """Positions of the atoms and of their images within reach of the cell, and the atom each belongs to."""
    cell = np.asarray(atoms.cell)
    heights = atoms.get_volume() / np.linalg.norm(
        np.cross(np.roll(cell, -1, axis=0), np.roll(cell, -2, axis=0)), axis=1
    )
    margin = REACH_ANGSTROM / heights
    scaled = atoms.get_scaled_positions(wrap=True)
    ranges = [range(-int(np.ceil(m)), int(np.ceil(m)) + 1) for m in margin]
    parts, owners = [], []
    for shift in itertools.product(*ranges):
        moved = scaled + shift
        near = ((moved > -margin) & (moved < 1.0 + margin)).all(axis=1)
        parts.append(moved[near])
        owners.append(np.flatnonzero(near))
    return np.concatenate(parts) @ cell, np.concatenate(owners)


def _apart(points: Array, atoms: Atoms, distance: float) -> Array:
    """The points in order, without those closer than the distance to an earlier one, periodic."""
    kept: list[Array] = []
    inverse, cell = np.linalg.inv(np.asarray(atoms.cell)), np.asarray(atoms.cell)
    for point in points:
        if kept:
            scaled = (np.array(kept) - point) @ inverse
            if (np.linalg.norm((scaled - np.round(scaled)) @ cell, axis=1) < distance).any():
                continue
        kept.append(point)
    return np.array(kept).reshape(-1, 3)


def _climbed(points: Array, measure: _Clearance) -> Array:
    """Pattern search from all points at once: each to the best of its 26 neighbours, the step halved when none moves."""
    moves = np.array([move for move in itertools.product((-1.0, 0.0, 1.0), repeat=3) if any(move)])
    points = points.copy()
    value, _ = measure(points)
    step = GRID_ANGSTROM / 2.0
    while step > 2e-3:
        trials = points[:, None, :] + step * moves
        values = measure(trials.reshape(-1, 3))[0].reshape(len(points), len(moves))
        best = values.argmax(axis=1)
        highest = values[np.arange(len(points)), best]
        better = highest > value + 1e-9
        points[better] = trials[better, best[better]]
        value = np.maximum(value, highest)
        if not better.any():
            step /= 2.0
    return points
