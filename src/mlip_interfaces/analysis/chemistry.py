"""Bond chemistry of polyanions: units, shells of their centres, S2 dimers, new bonds, exchanges of sulfur for oxygen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.components import component_roots
from mlip_interfaces.analysis.neighbors import grouped
from mlip_interfaces.analysis.pair_kernel import collect_pairs
from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM
from mlip_interfaces.errors import AnalysisError

BOND = re.compile(r"^([A-Z][a-z]?)-([A-Z][a-z]?)$")


@dataclass(frozen=True, slots=True)
class FrameChemistry:
    """Chemistry of one frame.

    Attributes
    ----------
    units : Counter of str
        Number of each unit (``PS4``, ``P2S7``, ``P2S6``, ``PS3O`` ...).
    bonds : dict of str to (n_bonds, 2) int array
        Of each kind of bond looked for, the two atoms of every one, the first as the name says.
    dimers : (n_dimers, 2) int array
        Pairs of sulfur atoms bonded to each other and to no third one.
    n_polysulfides : int
        Chains and rings of three and more sulfur atoms.
    shells : (n_centers, n_parts) int array
        Of each centre of a unit, in ascending order of the centres of each element, its bonded centres and ligands: how many of each element.
    """

    units: Counter[str]
    bonds: dict[str, NDArray[np.int64]]
    dimers: NDArray[np.int64]
    n_polysulfides: int
    shells: NDArray[np.int64]


class BondFinder:
    """Bonds of one frame after another.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    cutoffs_angstrom : mapping of str to float, angstrom
        Largest length of each kind of bond, named as in ``P-S``; each pair of elements once.
    centers : sequence of str
        Elements at the centres of the units, in the order of formulas.
    ligands : sequence of str
        Elements that belong to a unit when they are bonded to its centres, in the order of formulas.
    counted : (n_atoms,) bool array, optional
        Atoms that may be a centre, and whose bonds count: a bond of two elements by its first atom, one of the same by either. All when
        left out.

    Raises
    ------
    AnalysisError
        If the name of a bond is none, a pair of elements comes twice, a length is not above zero, or a centre is among
        the ligands.

    Notes
    -----
    A unit is a set of centres connected through bonds between them or shared ligands, with all ligands bonded to them:
    two PS4 that share one S are P2S7, Li7P3S11 has as many PS4 as P2S7.

    Examples
    --------
    >>> positions = np.array([[0.0, 0.0, 0.0], [1.2, 1.2, 1.2], [-1.2, -1.2, 1.2], [5.0, 5.0, 5.0]])
    >>> found = BondFinder(np.array(["P", "S", "S", "S"])).find(positions, np.eye(3) * 12.0)
    >>> dict(found.units), found.bonds["P-S"].tolist()
    ({'PS2': 1}, [[0, 1], [0, 2]])
    """

    def __init__(
        self,
        symbols: NDArray[np.str_],
        cutoffs_angstrom: Mapping[str, float] = BOND_CUTOFFS_ANGSTROM,
        *,
        centers: Sequence[str] = ("P",),
        ligands: Sequence[str] = ("S", "O"),
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        sides = _sides(cutoffs_angstrom)
        for center in centers:
            if center in ligands:
                raise AnalysisError(
                    f"{center} is the centre of the units and one of their `ligands`; leave it out of these."
                )
        self._n_atoms = symbols.size
        self._bonds = tuple(cutoffs_angstrom)
        elements = sorted({element for pair in sides for element in pair})
        masks = [symbols == element for element in elements]
        self._members, self._class_start = grouped(masks)
        self._element = np.argmax(masks, axis=0)
        self._cutoffs = np.zeros((len(elements), len(elements)))
        self._number = np.full((len(elements), len(elements)), -1)
        for number, (a, b) in enumerate(sides):
            self._cutoffs[elements.index(a), elements.index(b)] = cutoffs_angstrom[self._bonds[number]]
            self._number[elements.index(a), elements.index(b)] = number
        self._parts, self._n_center_parts = (*centers, *ligands), len(centers)
        self._unit_bonds = [
            bond
            for bond, (a, b) in zip(self._bonds, sides, strict=True)
            if {a, b} & set(centers) and {a, b} <= set(self._parts)
        ]
        self._counted = np.ones(symbols.size, dtype=bool) if counted is None else counted
        self._alike = {bond for bond, (a, b) in zip(self._bonds, sides, strict=True) if a == b}
        of_part = [
            np.flatnonzero((symbols == element) & (self._counted if element in centers else True))
            for element in self._parts
        ]
        self._unit_atoms = np.concatenate(of_part)
        self._part = np.repeat(np.arange(len(of_part)), [atoms.size for atoms in of_part])
        self._part_of_atom = np.full(symbols.size, -1)
        self._part_of_atom[self._unit_atoms] = self._part
        self._n_centers = sum(atoms.size for atoms in of_part[: len(centers)])
        self._row = np.full(symbols.size, -1)
        self._row[self._unit_atoms[: self._n_centers]] = np.arange(self._n_centers)

    def find(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> FrameChemistry:
        """Units, bonds and S2 dimers of a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        FrameChemistry
            Bonds in ascending order of their atoms.
        """
        first, second, _ = collect_pairs(positions, cell, self._members, self._class_start, self._cutoffs)
        codes = np.sort(_bond_codes(first, second, self._element, self._number, self._n_atoms))
        atoms, ends = _decode(codes, len(self._bonds), self._n_atoms)
        bonds = {bond: atoms[ends[k] : ends[k + 1]] for k, bond in enumerate(self._bonds)}
        edges = np.concatenate([_NO_BONDS, *(bonds[bond] for bond in self._unit_bonds)])
        edges = edges[(self._part_of_atom[edges] >= 0).all(axis=1)]
        bonds = {bond: pairs[self._of_counted(bond, pairs)] for bond, pairs in bonds.items()}
        sulfur = bonds.get("S-S", _NO_BONDS)
        alone, n_polysulfides = _sulfur_groups(sulfur, self._n_atoms)
        return FrameChemistry(self._units(edges), bonds, sulfur[alone], n_polysulfides, self._shells(edges))

    def _of_counted(self, bond: str, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which bonds are of atoms that count."""
        first, second = self._counted[pairs].T
        return np.asarray(first | second if bond in self._alike else first)

    def _shells(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Neighbours of each centre along the bonds of units, by element."""
        n_parts = len(self._parts)
        both_ways = np.concatenate([edges, edges[:, ::-1]])
        row, part = self._row[both_ways[:, 0]], self._part_of_atom[both_ways[:, 1]]
        places = (row * n_parts + part)[row >= 0]
        return np.bincount(places, minlength=self._n_centers * n_parts).reshape(self._n_centers, n_parts)

    def _units(self, edges: NDArray[np.int64]) -> Counter[str]:
        codes, base = _unit_codes(
            self._n_atoms, edges, self._unit_atoms, self._part, self._n_center_parts, len(self._parts)
        )
        kinds, counts = np.unique(codes, return_counts=True)
        return Counter(
            {
                _formula(self._parts, code, base): count
                for code, count in zip(kinds.tolist(), counts.tolist(), strict=True)
            }
        )


def intact_centers(at_start: NDArray[np.int64], now: NDArray[np.int64]) -> int:
    """Count the centres of units that have what they had.

    Parameters
    ----------
    at_start, now : (n_centers, n_parts) int array
        Shells of `FrameChemistry`.

    Returns
    -------
    int
        Centres with neighbours at the start that have as many of each element now.

    Examples
    --------
    >>> intact_centers(np.array([[4, 0], [4, 0], [0, 0]]), np.array([[4, 0], [3, 1], [0, 0]]))
    1
    """
    return int(np.count_nonzero(at_start.any(axis=1) & (at_start == now).all(axis=1)))


@dataclass(frozen=True, slots=True)
class Changes:
    """Bonds made and broken.

    Attributes
    ----------
    formed : (n_formed, 3) int array
        Frame it is there since, and both atoms; frame 0 holds those of the start.
    broken : (n_broken, 4) int array
        Frame it is gone since, both atoms, and the frame it was there since.
    """

    formed: NDArray[np.int64]
    broken: NDArray[np.int64]


class BondHistory:
    """Formation and breaking of bonds over a run, flickers left out.

    Parameters
    ----------
    n_atoms : int
        Number of atoms in a frame.
    min_frames : int
        A bond is there, or gone, once it is so for as many frames in a row.

    Examples
    --------
    >>> history = BondHistory(10, min_frames=1)
    >>> for bonds in ([[1, 2]], [[1, 2], [3, 4]], [[1, 2]]):
    ...     _ = history.add(np.array(bonds))
    >>> history.formed, history.broken, history.lifetimes, history.counts().tolist()
    ([(0, 1, 2), (1, 3, 4)], [(2, 3, 4)], [1], [1, 2, 1])
    """

    def __init__(self, n_atoms: int, min_frames: int) -> None:
        self._n_atoms = n_atoms
        self._min_frames = max(1, min_frames)
        self._frame = 0
        self._tracked: NDArray[np.int64] = np.empty((4, 0), dtype=np.int64)
        self._formed: list[NDArray[np.int64]] = []
        self._broken: list[NDArray[np.int64]] = []

    def add(self, bonds: NDArray[np.int64], stretched: NDArray[np.int64] | None = None) -> Changes:
        """Add a frame.

        Parameters
        ----------
        bonds : (n_bonds, 2) int array
            Both atoms of each bond, in the order that this kind of bond always has.
        stretched : (n_stretched, 2) int array, optional
            Pairs too far apart to form a bond and near enough to keep one: they count where it is there.

        Returns
        -------
        Changes
            What this frame confirms, each dated back to the frame in which it began.
        """
        formed, broken = np.empty((0, 2), dtype=np.int64), np.empty((0, 3), dtype=np.int64)
        if len(bonds) or self._tracked.size:
            codes = _ascending(bonds[:, 0] * self._n_atoms + bonds[:, 1])
            if stretched is not None and len(stretched) and self._tracked.size:
                kept = stretched[:, 0] * self._n_atoms + stretched[:, 1]
                kept = kept[_are_among(kept, self._tracked[0])]
                codes = np.unique(np.concatenate([codes, kept]))
            self._tracked, formed, broken = _follow(self._tracked, codes, self._frame, self._min_frames)
            if len(formed):
                self._formed.append(formed)
            if len(broken):
                self._broken.append(broken)
        self._frame += 1
        return self._changes(formed, broken)

    @property
    def formed(self) -> list[tuple[int, int, int]]:
        """(frame, first atom, second atom) of each new bond in order of confirmation; frame 0 holds those of the start."""
        return [(frame, *divmod(code, self._n_atoms)) for frame, code in _rows(self._formed, 2).tolist()]

    @property
    def broken(self) -> list[tuple[int, int, int]]:
        """(frame, first atom, second atom) of each broken bond in order of confirmation."""
        return [(frame, *divmod(code, self._n_atoms)) for frame, code, _ in _rows(self._broken, 3).tolist()]

    def changes(self) -> Changes:
        """Give all bonds made and broken as arrays.

        Returns
        -------
        Changes
            In order of confirmation.
        """
        return self._changes(_rows(self._formed, 2), _rows(self._broken, 3))

    def _changes(self, formed: NDArray[np.int64], broken: NDArray[np.int64]) -> Changes:
        if not (len(formed) or len(broken)):
            # As in most frames.
            return Changes(np.empty((0, 3), dtype=np.int64), np.empty((0, 4), dtype=np.int64))
        made, gone = (np.stack(np.divmod(rows[:, 1], self._n_atoms), axis=1) for rows in (formed, broken))
        return Changes(np.column_stack([formed[:, :1], made]), np.column_stack([broken[:, :1], gone, broken[:, 2:]]))

    @property
    def lifetimes(self) -> list[int]:
        """Frames that each broken bond lasted, without those of the start."""
        broken = _rows(self._broken, 3)
        made = broken[:, 2] > 0
        return [int(frames) for frames in broken[made, 0] - broken[made, 2]]

    def counts(self) -> NDArray[np.int64]:
        """Count the bonds that stand in each frame.

        Returns
        -------
        (n_frames,) int array
            Flickers left out.
        """
        formed, broken = (np.bincount(_rows(part, n)[:, 0], minlength=self._frame) for part, n in
                          ((self._formed, 2), (self._broken, 3)))  # fmt: skip
        return np.cumsum(formed - broken)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A phosphorus atom that lost a sulfur and gained an oxygen.

    Attributes
    ----------
    frame : int
        Of the later of the two changes.
    phosphorus, oxygen, sulfur : int
        Atom indices.
    """

    frame: int
    phosphorus: int
    oxygen: int
    sulfur: int


def exchanges(p_o: BondHistory, p_s: BondHistory, window_frames: int) -> list[Exchange]:
    """Pairs of a new P-O and a broken P-S bond of one P within a time of each other, each change used once.

    Parameters
    ----------
    p_o, p_s : BondHistory
        Histories of P-O and P-S bonds, phosphorus first; of other elements, the bonds made and those broken.
    window_frames : int, frames
        Longest time between the two changes.

    Returns
    -------
    list of Exchange
        In order of time.

    Notes
    -----
    Bonds that are there in the first frame were not made. Of several broken bonds, the one nearest in time is the
    partner.

    Examples
    --------
    >>> p_o, p_s = BondHistory(9, 1), BondHistory(9, 1)
    >>> for oxygen, sulfur in (([], [[0, 5]]), ([], []), ([[0, 7]], [])):
    ...     _ = p_o.add(np.array(oxygen, dtype=np.int64).reshape(-1, 2))
    ...     _ = p_s.add(np.array(sulfur, dtype=np.int64).reshape(-1, 2))
    >>> exchanges(p_o, p_s, window_frames=1)
    [Exchange(frame=2, phosphorus=0, oxygen=7, sulfur=5)]
    """
    lost: dict[int, list[tuple[int, int]]] = {}
    for frame, phosphorus, sulfur in p_s.broken:
        lost.setdefault(phosphorus, []).append((frame, sulfur))
    found = []
    for frame, phosphorus, oxygen in sorted(p_o.formed):
        near = [entry for entry in lost.get(phosphorus, []) if abs(entry[0] - frame) <= window_frames]
        if frame == 0 or not near:
            continue
        partner = min(near, key=lambda entry: (abs(entry[0] - frame), entry))
        lost[phosphorus].remove(partner)
        found.append(Exchange(max(frame, partner[0]), phosphorus, oxygen, partner[1]))
    return sorted(found, key=lambda event: (event.frame, event.phosphorus))


def origins(events: Sequence[Exchange], layers: NDArray[np.str_]) -> Counter[tuple[str, str]]:
    """Exchanges by the layers that the oxygen and the sulfur started in.

    Parameters
    ----------
    events : sequence of Exchange
        As from `exchanges`.
    layers : (n_atoms,) str array
        Name of the layer each atom started in.

    Returns
    -------
    Counter of tuple of str
        Number of exchanges by (layer of the oxygen, layer of the sulfur).

    Examples
    --------
    >>> origins([Exchange(2, 0, 1, 2)], np.array(["b", "a", "b"]))
    Counter({('a', 'b'): 1})
    """
    return Counter((str(layers[event.oxygen]), str(layers[event.sulfur])) for event in events)


_NO_BONDS = np.empty((0, 2), dtype=np.int64)


def _sides(cutoffs_angstrom: Mapping[str, float]) -> list[tuple[str, str]]:
    """Both elements of each kind of bond, after a check of names and lengths."""
    sides: list[tuple[str, str]] = []
    for bond, cutoff in cutoffs_angstrom.items():
        match = BOND.match(bond)
        if match is None:
            raise AnalysisError(f"'{bond}' is no bond; write P-S.")
        if not 0.0 < cutoff < np.inf:
            raise AnalysisError(f"The cutoff of {bond} must be above zero, not {cutoff:g} angstrom.")
        a, b = match[1], match[2]
        if (a, b) in sides or (b, a) in sides:
            raise AnalysisError(f"Bonds of {a} and {b} have two cutoffs; give one.")
        sides.append((a, b))
    return sides


@cache
def _formula(parts: tuple[str, ...], code: int, base: int) -> str:
    numbers = [code // base**power % base for power in reversed(range(len(parts)))]
    return "".join(
        f"{symbol}{number if number > 1 else ''}" for symbol, number in zip(parts, numbers, strict=True) if number
    )


def _rows(parts: list[NDArray[np.int64]], n_columns: int) -> NDArray[np.int64]:
    return np.concatenate([np.empty((0, n_columns), dtype=np.int64), *parts])


@njit(cache=True, nogil=True)
def _bond_codes(first, second, element, number, n_atoms):  # type: ignore[no-untyped-def]
    """(kind of bond, atom, atom) of each pair as one number, the lower atom first where both are of one element."""
    codes = np.empty(first.shape[0], dtype=np.int64)
    n_codes = 0
    for k in range(first.shape[0]):
        a, b = first[k], second[k]
        if a > b and element[a] == element[b]:
            a, b = b, a
        # An atom is not bonded to its own image.
        if a != b:
            codes[n_codes] = (number[element[a], element[b]] * n_atoms + a) * n_atoms + b
            n_codes += 1
    return codes[:n_codes]


@njit(cache=True, nogil=True)
def _decode(codes, n_kinds, n_atoms):  # type: ignore[no-untyped-def]
    """Atoms of bonds (n_bonds, 2) from codes in ascending order, each taken once, and where each kind starts and ends."""
    atoms = np.empty((codes.shape[0], 2), dtype=np.int64)
    ends = np.zeros(n_kinds + 1, dtype=np.int64)
    n_bonds = 0
    for k in range(codes.shape[0]):
        # In a small cell two images of an atom may be bonded to the same one.
        if k > 0 and codes[k] == codes[k - 1]:
            continue
        pair = codes[k] // n_atoms
        kind = pair // n_atoms
        atoms[n_bonds, 0], atoms[n_bonds, 1] = pair - kind * n_atoms, codes[k] - pair * n_atoms
        n_bonds += 1
        ends[kind + 1] = n_bonds
    for kind in range(n_kinds):
        ends[kind + 1] = max(ends[kind + 1], ends[kind])
    return atoms, ends


def _are_among(codes: NDArray[np.int64], ascending: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the codes are among those in ascending order."""
    places = np.minimum(np.searchsorted(ascending, codes), ascending.size - 1)
    return np.asarray(ascending[places] == codes)


@njit(cache=True, nogil=True)
def _ascending(codes):  # type: ignore[no-untyped-def]
    """Codes in ascending order, each once; most come so."""
    for k in range(1, codes.shape[0]):
        if codes[k] <= codes[k - 1]:
            return np.unique(codes)
    return codes


@njit(cache=True, nogil=True)
def _follow(tracked, codes, frame, min_frames):  # type: ignore[no-untyped-def]
    """Bring the bonds of a history up to date with a frame.

    Parameters
    ----------
    tracked : (4, n_tracked) int array
        Code in ascending order, frame it is there since, whether that is confirmed, and frame it is gone since or -1.
    codes : int array
        Bonds of the frame in ascending order.
    frame, min_frames : int
        Number of the frame, frames that confirm a change.

    Returns
    -------
    tracked : (4, n_tracked) int array
        As above.
    formed : (n_formed, 2) int array
        Frame and code of each bond confirmed.
    broken : (n_broken, 3) int array
        Frame, code and frame of its start of each bond whose end is confirmed.
    """
    n_tracked, n_codes = tracked.shape[1], codes.shape[0]
    updated = np.empty((4, n_tracked + n_codes), dtype=np.int64)
    formed = np.empty((n_tracked + n_codes, 2), dtype=np.int64)
    broken = np.empty((n_tracked, 3), dtype=np.int64)
    n_updated, n_formed, n_broken = 0, 0, 0
    t, c = 0, 0
    while t < n_tracked or c < n_codes:
        known = t < n_tracked and (c == n_codes or tracked[0, t] <= codes[c])
        present = c < n_codes and (not known or tracked[0, t] == codes[c])
        code = tracked[0, t] if known else codes[c]
        since, confirmed, gone = (tracked[1, t], tracked[2, t], tracked[3, t]) if known else (frame, 0, -1)
        t, c = t + known, c + present
        if present:
            gone = -1
        elif confirmed == 0:
            continue
        elif gone < 0:
            gone = frame
        if confirmed == 0 and frame + 1 - since >= min_frames:
            confirmed = 1
            formed[n_formed, 0], formed[n_formed, 1] = since, code
            n_formed += 1
        if gone >= 0 and frame + 1 - gone >= min_frames:
            broken[n_broken, 0], broken[n_broken, 1], broken[n_broken, 2] = gone, code, since
            n_broken += 1
            continue
        updated[0, n_updated], updated[1, n_updated] = code, since
        updated[2, n_updated], updated[3, n_updated] = confirmed, gone
        n_updated += 1
    return updated[:, :n_updated].copy(), formed[:n_formed].copy(), broken[:n_broken].copy()


@njit(cache=True, nogil=True)
def _sulfur_groups(bonds, n_atoms):  # type: ignore[no-untyped-def]
    """Which S-S bonds are those of dimers, shape (n_bonds,), and the number of larger groups."""
    degree = np.zeros(n_atoms, dtype=np.int64)
    for b in range(bonds.shape[0]):
        degree[bonds[b, 0]] += 1
        degree[bonds[b, 1]] += 1
    alone = np.empty(bonds.shape[0], dtype=np.bool_)
    for b in range(bonds.shape[0]):
        alone[b] = degree[bonds[b, 0]] == 1 and degree[bonds[b, 1]] == 1
    larger = bonds[~alone]
    roots = component_roots(n_atoms, larger)
    counted = np.zeros(n_atoms, dtype=np.bool_)
    n_groups = 0
    for b in range(larger.shape[0]):
        root = roots[larger[b, 0]]
        n_groups += not counted[root]
        counted[root] = True
    return alone, n_groups


@njit(cache=True, nogil=True)
def _unit_codes(n_atoms, edges, atoms, part, n_center_parts, n_parts):  # type: ignore[no-untyped-def]
    """Atoms of each part (centres first) in each component that has a centre, as digits of a number, and their base."""
    parent = component_roots(n_atoms, edges)
    row = np.full(n_atoms, -1)
    numbers = np.zeros((atoms.shape[0], n_parts), dtype=np.int64)
    n_units, base = 0, 2
    for k in range(atoms.shape[0]):
        root = parent[atoms[k]]
        # Centres come first.
        if part[k] < n_center_parts and row[root] < 0:
            row[root] = n_units
            n_units += 1
        if row[root] >= 0:
            numbers[row[root], part[k]] += 1
            base = max(base, numbers[row[root], part[k]] + 1)
    codes = np.zeros(n_units, dtype=np.int64)
    for unit in range(n_units):
        for column in range(n_parts):
            codes[unit] = codes[unit] * base + numbers[unit, column]
    return codes, base
