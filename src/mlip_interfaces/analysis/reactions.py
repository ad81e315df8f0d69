"""Reactions: bonds made and broken with hysteresis, the units that they turn into each other, and how long both last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.components import component_roots
from mlip_interfaces.analysis.neighbors import grouped
from mlip_interfaces.analysis.pair_kernel import collect_pairs

Units = tuple[str, ...]
"""Names of units, in order, as often as they are there."""


@dataclass(frozen=True, slots=True)
class FrameBonds:
    """Pairs of one frame that are near enough to form a bond, or to keep one.

    Attributes
    ----------
    bonds, stretched : (n_pairs, 2) int array
        Lower atom first, in ascending order: within the length at which a bond forms, and beyond it up to that at which it breaks.
    """

    bonds: NDArray[np.int64]
    stretched: NDArray[np.int64]


class BondSearch:
    """Bonds of one frame after another, with two lengths: one to form, a longer one to break.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    lengths_angstrom : mapping of str to float, angstrom
        Below which a bond forms, by kind as in ``P-S``; each pair of elements once.
    hysteresis : float
        A bond breaks beyond its length times this.

    Examples
    --------
    >>> search = BondSearch(np.array(["P", "S", "S"]), {"P-S": 2.6}, 1.15)
    >>> found = search.find(np.array([[0.0, 0, 0], [2.1, 0, 0], [0, 2.8, 0]]), np.eye(3) * 12.0)
    >>> found.bonds.tolist(), found.stretched.tolist()
    ([[0, 1]], [[0, 2]])
    """

    def __init__(self, symbols: NDArray[np.str_], lengths_angstrom: Mapping[str, float], hysteresis: float) -> None:
        sides = [bond.split("-") for bond in lengths_angstrom]
        elements = sorted({element for pair in sides for element in pair})
        masks = [symbols == element for element in elements]
        self._members, self._class_start = grouped(masks)
        self._element = np.argmax(masks, axis=0)
        self._lengths = np.zeros((len(elements), len(elements)))
        for (a, b), length in zip(sides, lengths_angstrom.values(), strict=True):
            self._lengths[elements.index(a), elements.index(b)] = length
        self._hysteresis = hysteresis

    def find(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> FrameBonds:
        """Pairs of a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        FrameBonds
            Each pair once, by its nearest image.
        """
        first, second, vectors = collect_pairs(
            positions, cell, self._members, self._class_start, self._lengths * self._hysteresis
        )
        codes = np.sort(_pair_codes(first, second, vectors, self._element, self._lengths**2, len(positions)))
        bonds, stretched = _split(codes, len(positions))
        return FrameBonds(bonds, stretched)


@dataclass(frozen=True, slots=True)
class Flow:
    """Atoms that went from units of one kind to those of another.

    Attributes
    ----------
    source, target : str
        Units.
    n_atoms : tuple of int
        Of each element.
    """

    source: str
    target: str
    n_atoms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UnitHistory:
    """Units of a run, and the reactions that turned them into each other.

    Attributes
    ----------
    elements : tuple of str
        Of which units are made.
    units : tuple of str
        Kinds of units that were ever there, the most frequent first.
    counts : (n_units, n_frames) int array
        Number of each kind in each frame.
    atoms : (n_units, 2, n_elements) int array
        Atoms in units of each kind, in the first and in the last frame.
    atoms_in_frame : (n_frames, n_elements) int array
        Atoms in all units of each frame.
    reactions : Counter of tuple of Units
        How often (reactants, products) happened.
    reaction_frames : dict of tuple of Units to (n,) int array
        In which frames.
    flows : tuple of Flow
        Of atoms between kinds of units.
    lives : dict of str to (n, 3) int array
        Of every single unit of a kind: frame it is there since, frame it is gone in or the last one, and whether it is gone.
    """

    elements: tuple[str, ...]
    units: Units
    counts: NDArray[np.int64]
    atoms: NDArray[np.int64]
    atoms_in_frame: NDArray[np.int64]
    reactions: Counter[tuple[Units, Units]]
    reaction_frames: dict[tuple[Units, Units], NDArray[np.int64]]
    flows: tuple[Flow, ...]
    lives: dict[str, NDArray[np.int64]]

    def change_by_reactions(self) -> dict[str, int]:
        """What all reactions together did to the number of each kind of unit.

        Returns
        -------
        dict of str to int
            Made less used up, by kind.
        """
        change: Counter[str] = Counter(dict.fromkeys(self.units, 0))
        for (reactants, products), count in self.reactions.items():
            for unit in products:
                change[unit] += count
            for unit in reactants:
                change[unit] -= count
        return dict(change)

    def is_balanced(self) -> bool:
        """Whether what is lost is found.

        Returns
        -------
        bool
            That no frame lacks an atom, that reactions make up the change of every count, and flows that of the atoms in every
            kind of unit.
        """
        flowed = np.zeros(self.atoms[:, 0].shape, dtype=np.int64)
        row = {unit: number for number, unit in enumerate(self.units)}
        for flow in self.flows:
            flowed[row[flow.target]] += flow.n_atoms
            flowed[row[flow.source]] -= flow.n_atoms
        made = self.change_by_reactions()
        change = self.counts[:, -1] - self.counts[:, 0]
        return bool(
            (self.atoms_in_frame == self.atoms_in_frame[0]).all()
            and (self.atoms[:, 1] - self.atoms[:, 0] == flowed).all()
            and all(made[unit] == change[number] for number, unit in enumerate(self.units))
        )


def unit_history(
    part: NDArray[np.int64],
    elements: Sequence[str],
    n_frames: int,
    formed: NDArray[np.int64],
    broken: NDArray[np.int64],
    *,
    largest_unit: int = 20,
) -> UnitHistory:
    """Follow the units that bonds hold together.

    Parameters
    ----------
    part : (n_atoms,) int array
        Element of each atom, as a place in `elements`.
    elements : sequence of str
        Of which units are made, in the order of formulas.
    n_frames : int
        Of the run.
    formed, broken : (n_events, 3) int array
        Frame and both atoms of each bond made and broken; those of the start are made in frame 0.
    largest_unit : int, optional
        Units of more atoms are called by their elements alone, as in ``PxSx``.

    Returns
    -------
    UnitHistory
        Counts of every frame, reactions, flows and lives.

    Notes
    -----
    A unit is a set of atoms connected through bonds; an atom without one is a unit too, so that every atom is in one unit. Between
    two frames, the units that are not there any more and those that are new fall into the smallest groups that share atoms:
    each group is a reaction, and conserves its atoms.

    Examples
    --------
    >>> formed = np.array([[0, 0, 1], [0, 0, 2], [2, 1, 2]])
    >>> found = unit_history(np.array([0, 1, 1]), ("P", "S"), 3, formed, np.array([[2, 0, 1], [2, 0, 2]]))
    >>> found.units, found.counts.tolist(), dict(found.reactions)
    (('PS2', 'P', 'S2'), [[1, 1, 0], [0, 0, 1], [0, 0, 1]], {(('PS2',), ('P', 'S2')): 1})
    """
    return _Follower(part, tuple(elements), n_frames, largest_unit).follow(formed, broken)


class _Follower:
    """State while frames go by: bonds, the unit of every atom, and what was counted."""

    def __init__(self, part: NDArray[np.int64], elements: tuple[str, ...], n_frames: int, largest_unit: int) -> None:
        self._part, self._elements, self._n_frames, self._largest = part, elements, n_frames, largest_unit
        self._codes = np.empty(0, dtype=np.int64)
        self._since = np.zeros(part.size, dtype=np.int64)
        self._steps: Counter[tuple[str, int]] = Counter()
        self._lives: dict[str, list[NDArray[np.int64]]] = {}
        self._flows: dict[tuple[str, str], NDArray[np.int64]] = {}
        self._frames: dict[tuple[Units, Units], list[int]] = {}
        self._atoms: list[dict[str, NDArray[np.int64]]] = []
        self._lost = np.zeros((n_frames, len(elements)), dtype=np.int64)

    def follow(self, formed: NDArray[np.int64], broken: NDArray[np.int64]) -> UnitHistory:
        formed, broken = (rows[np.argsort(rows[:, 0], kind="stable")] for rows in (formed, broken))
        roots = np.arange(self._part.size)
        for frame in np.unique(np.concatenate([[0], formed[:, 0], broken[:, 0]])).tolist():
            new, gone = (self._codes_of(rows, frame) for rows in (formed, broken))
            kept = self._codes[~np.isin(self._codes, gone)] if gone.size else self._codes
            self._codes = np.union1d(kept, new)
            now = component_roots(self._part.size, np.stack(np.divmod(self._codes, self._part.size), axis=1))
            if frame == 0:
                self._start(now)
            else:
                self._react(frame, roots, now)
            roots = now
        self._end(roots)
        return self._found()

    def _codes_of(self, rows: NDArray[np.int64], frame: int) -> NDArray[np.int64]:
        low, high = np.searchsorted(rows[:, 0], [frame, frame + 1])
        return np.asarray(rows[low:high, 1] * self._part.size + rows[low:high, 2])

    def _named(
        self, roots: NDArray[np.int64], atoms: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str], NDArray[np.int64], NDArray[np.int64]]:
        """Units of atoms: their roots, the unit of each atom, kinds, the kind of each unit, and its atoms of each element."""
        units, unit_of_atom = np.unique(roots[atoms], return_inverse=True)
        n_parts = len(self._elements)
        places = unit_of_atom * n_parts + self._part[atoms]
        contents = np.bincount(places, minlength=units.size * n_parts).reshape(-1, n_parts)
        kinds, kind_of_unit = np.unique(contents, axis=0, return_inverse=True)
        return units, unit_of_atom, [self._name(kind) for kind in kinds], kind_of_unit.reshape(-1), contents

    def _name(self, content: NDArray[np.int64]) -> str:
        large = content.sum() > self._largest
        pieces = zip(self._elements, content.tolist(), strict=True)
        return "".join(f"{symbol}{'x' if large else n if n > 1 else ''}" for symbol, n in pieces if n)

    def _count(self, roots: NDArray[np.int64]) -> tuple[Counter[str], dict[str, NDArray[np.int64]]]:
        """Units of each kind, and the atoms in them, from all atoms."""
        _, _, names, kind_of_unit, contents = self._named(roots, np.arange(self._part.size))
        counts: Counter[str] = Counter()
        atoms: dict[str, NDArray[np.int64]] = {}
        per_kind = np.zeros((len(names), len(self._elements)), dtype=np.int64)
        np.add.at(per_kind, kind_of_unit, contents)
        for name, n, held in zip(names, np.bincount(kind_of_unit).tolist(), per_kind, strict=True):
            counts[name] += n
            atoms[name] = atoms.get(name, 0) + held
        return counts, atoms

    def _start(self, roots: NDArray[np.int64]) -> None:
        counts, atoms = self._count(roots)
        self._steps.update({(name, 0): n for name, n in counts.items()})
        self._atoms.append(atoms)

    def _react(self, frame: int, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
        """Groups of units that are gone and units that are new, which share atoms."""
        atoms = np.flatnonzero(_changed(before, after))
        if not atoms.size:
            return
        old, old_of_atom, old_names, old_kind, old_contents = self._named(before, atoms)
        new, new_of_atom, new_names, new_kind, new_contents = self._named(after, atoms)
        self._lost[frame] = old_contents.sum(axis=0) - new_contents.sum(axis=0)
        links = np.unique(np.stack([old_of_atom, old.size + new_of_atom], axis=1), axis=0)
        group = component_roots(old.size + new.size, links)
        sides: dict[int, tuple[list[str], list[str]]] = {}
        names = [old_names[kind] for kind in old_kind.tolist()] + [new_names[kind] for kind in new_kind.tolist()]
        for unit, (name, root) in enumerate(zip(names, group.tolist(), strict=True)):
            sides.setdefault(root, ([], []))[unit >= old.size].append(name)
            self._steps[name, frame] += 1 if unit >= old.size else -1
        for reactants, products in sides.values():
            key = (tuple(sorted(reactants)), tuple(sorted(products)))
            self._frames.setdefault(key, []).append(frame)
        self._flow(old_names, old_kind[old_of_atom], new_names, new_kind[new_of_atom], self._part[atoms])
        self._close(old_names, old_kind, self._since[old], frame, ended=1)
        self._since[new] = frame

    def _flow(
        self, old_names: list[str], old: NDArray[np.int64], new_names: list[str], new: NDArray[np.int64], part: NDArray[np.int64]
    ) -> None:  # fmt: skip
        """Count atoms by the kind of the unit that each left and of that it is in."""
        n_parts = len(self._elements)
        places, counts = np.unique((old * len(new_names) + new) * n_parts + part, return_counts=True)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True):
            pair, element = divmod(place, n_parts)
            source, target = divmod(pair, len(new_names))
            key = (old_names[source], new_names[target])
            self._flows.setdefault(key, np.zeros(n_parts, dtype=np.int64))[element] += count

    def _close(
        self, names: list[str], kind: NDArray[np.int64], since: NDArray[np.int64], frame: int, *, ended: int
    ) -> None:
        """Lives of units that are gone, or that the run ends with."""
        for number, name in enumerate(names):
            own = since[kind == number]
            rows = np.column_stack([own, np.full(own.size, frame), np.full(own.size, ended)])
            self._lives.setdefault(name, []).append(rows)

    def _end(self, roots: NDArray[np.int64]) -> None:
        units, _, names, kind_of_unit, _ = self._named(roots, np.arange(self._part.size))
        self._close(names, kind_of_unit, self._since[units], self._n_frames - 1, ended=0)
        self._atoms.append(self._count(roots)[1])

    def _found(self) -> UnitHistory:
        steps: dict[str, NDArray[np.int64]] = {}
        for (name, frame), step in self._steps.items():
            steps.setdefault(name, np.zeros(self._n_frames, dtype=np.int64))[frame] += step
        counts = {name: np.cumsum(values) for name, values in steps.items()}
        units = tuple(sorted(counts, key=lambda name: (-int(counts[name].sum()), name)))
        none = np.zeros(len(self._elements), dtype=np.int64)
        start = np.sum(list(self._atoms[0].values()), axis=0, dtype=np.int64)
        frames = {key: np.array(where, dtype=np.int64) for key, where in self._frames.items()}
        return UnitHistory(
            elements=self._elements,
            units=units,
            counts=np.array([counts[name] for name in units]),
            atoms=np.array([[side.get(name, none) for side in self._atoms] for name in units]),
            atoms_in_frame=start - np.cumsum(self._lost, axis=0),
            reactions=Counter({key: where.size for key, where in frames.items()}),
            reaction_frames=frames,
            flows=tuple(
                Flow(source, target, tuple(n.tolist()))
                for (source, target), n in sorted(self._flows.items(), key=lambda item: (-int(item[1].sum()), item[0]))
            ),
            lives={name: np.concatenate(self._lives[name]) for name in units},
        )


@njit(cache=True, nogil=True)
def _pair_codes(first, second, vectors, element, lengths2, n_atoms):  # type: ignore[no-untyped-def]
    """Both atoms of each pair and whether it is too long to form a bond, as one number that sorts by them."""
    codes = np.empty(first.shape[0], dtype=np.int64)
    n_codes = 0
    for k in range(first.shape[0]):
        a, b = first[k], second[k]
        # An atom is not bonded to its own image.
        if a == b:
            continue
        x, y, z = vectors[k, 0], vectors[k, 1], vectors[k, 2]
        length2 = max(lengths2[element[a], element[b]], lengths2[element[b], element[a]])
        long = 1 if x * x + y * y + z * z >= length2 else 0
        codes[n_codes] = 2 * (min(a, b) * n_atoms + max(a, b)) + long
        n_codes += 1
    return codes[:n_codes]


@njit(cache=True, nogil=True)
def _split(codes, n_atoms):  # type: ignore[no-untyped-def]
    """Pairs that are near and that are long, from codes in ascending order; each pair by its nearest image."""
    near, far = np.empty((codes.shape[0], 2), dtype=np.int64), np.empty((codes.shape[0], 2), dtype=np.int64)
    n_near, n_far = 0, 0
    for k in range(codes.shape[0]):
        pair = codes[k] >> 1
        if k > 0 and codes[k - 1] >> 1 == pair:
            continue
        a = pair // n_atoms
        if codes[k] & 1:
            far[n_far, 0], far[n_far, 1] = a, pair - a * n_atoms
            n_far += 1
        else:
            near[n_near, 0], near[n_near, 1] = a, pair - a * n_atoms
            n_near += 1
    return near[:n_near].copy(), far[:n_far].copy()


@njit(cache=True, nogil=True)
def _changed(before, after):  # type: ignore[no-untyped-def]
    """Atoms whose component has other atoms than it had, from the lowest atom of each."""
    n_atoms = before.shape[0]
    n_before, n_after = np.zeros(n_atoms, dtype=np.int64), np.zeros(n_atoms, dtype=np.int64)
    for a in range(n_atoms):
        n_before[before[a]] += 1
        n_after[after[a]] += 1
    same = np.ones(n_atoms, dtype=np.bool_)
    for a in range(n_atoms):
        if before[a] != after[a] or n_before[before[a]] != n_after[after[a]]:
            same[before[a]] = False
    changed = np.empty(n_atoms, dtype=np.bool_)
    for a in range(n_atoms):
        changed[a] = not same[before[a]]
    return changed
