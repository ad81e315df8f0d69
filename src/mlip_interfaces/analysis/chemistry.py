"""Bond chemistry of thiophosphates at an oxide: P-S units, S2 dimers, new bonds, exchanges of sulfur for oxygen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.pair_kernel import collect_pairs

BOND_CUTOFFS_ANGSTROM: dict[str, float] = {"P-S": 2.6, "P-O": 1.9, "P-P": 2.5, "Co-S": 2.6, "Co-O": 2.3, "S-S": 2.5}
"""Between first and second shells of the crystals: P-S 2.0-2.2 then 3.3; P-O 1.5; P-P 2.25; Co-S 2.1-2.4; S-S 2.1."""


@dataclass(frozen=True, slots=True)
class FrameChemistry:
    """Chemistry of one frame.

    Attributes
    ----------
    units : number of each phosphorus unit (``PS4``, ``P2S7``, ``P2S6``, ``PS3O`` ...).
    bonds : of each kind of `BOND_CUTOFFS_ANGSTROM`, the two atoms of every bond, the first as the name says, shape
        (n_bonds, 2).
    dimers : pairs of sulfur atoms bonded to each other and to no third one, shape (n_dimers, 2).
    n_polysulfides : chains and rings of three and more sulfur atoms.
    """

    units: Counter[str]
    bonds: dict[str, NDArray[np.int64]]
    dimers: NDArray[np.int64]
    n_polysulfides: int


class BondFinder:
    """Bonds of one frame after another.

    Parameters
    ----------
    symbols : element of each atom, shape (n_atoms,).
    cutoffs_angstrom : bond -> cutoff, as `BOND_CUTOFFS_ANGSTROM`.

    Notes
    -----
    A unit is a set of P connected through P-P bonds or shared S, with all S and O bonded to them: two PS4 that share
    one S are P2S7, Li7P3S11 has as many PS4 as P2S7.
    """

    def __init__(self, symbols: NDArray[np.str_], cutoffs_angstrom: dict[str, float] = BOND_CUTOFFS_ANGSTROM) -> None:
        self._n_atoms = symbols.size
        self._members = {
            element: np.flatnonzero(symbols == element)
            for element in sorted({part for bond in cutoffs_angstrom for part in bond.split("-")} | {"P", "S", "O"})
        }
        elements = sorted(self._members)
        self._numbers = {element: number for number, element in enumerate(elements)}
        self._element = np.full(symbols.size, -1)
        for element, members in self._members.items():
            self._element[members] = self._numbers[element]
        # One search per first element, to all its partners.
        self._searches: dict[str, dict[str, float]] = {}
        for name, cutoff in cutoffs_angstrom.items():
            a, b = name.split("-")
            self._searches.setdefault(a, {})[b] = cutoff
        self._targets = {
            a: np.sort(np.concatenate([self._members[b] for b in partners])) for a, partners in self._searches.items()
        }

    def find(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> FrameChemistry:
        """Units, bonds and S2 dimers of a frame, positions (n_atoms, 3) and cell (3, 3) in angstrom."""
        bonds = {}
        for a, partners in self._searches.items():
            first, second, vectors = collect_pairs(
                positions, cell, self._members[a], self._targets[a], max(partners.values())
            )
            distances2 = (vectors**2).sum(axis=1)
            codes = first * self._n_atoms + second
            for b, cutoff in partners.items():
                near = (distances2 < cutoff**2) & (self._element[second] == self._numbers[b])
                if a == b:
                    near &= first < second
                # In a small cell two images of an atom may be bonded to the same one.
                bonds[f"{a}-{b}"] = np.stack(np.divmod(np.unique(codes[near]), self._n_atoms), axis=1)
        dimers, n_polysulfides = _sulfur_groups(bonds.get("S-S", _NO_BONDS), self._n_atoms)
        return FrameChemistry(self._units(bonds), bonds, dimers, n_polysulfides)

    def _units(self, bonds: dict[str, NDArray[np.int64]]) -> Counter[str]:
        edges = np.concatenate([bonds.get(name, _NO_BONDS) for name in ("P-S", "P-O", "P-P")])
        codes, counts = np.unique(
            _unit_codes(self._n_atoms, edges, self._members["P"], self._members["S"], self._members["O"]),
            return_counts=True,
        )
        return Counter({_formula(int(code)): int(count) for code, count in zip(codes, counts, strict=True)})


class BondHistory:
    """Formation and breaking of bonds over a run, flickers left out.

    Parameters
    ----------
    n_atoms : in a frame.
    min_frames : a bond is there, or gone, once it is so for as many frames in a row.

    Attributes
    ----------
    formed, broken : (frame, first atom, second atom) of each change, in order of confirmation; frame 0 of `formed` holds
        the bonds of the start.
    lifetimes : frames that each broken bond lasted, without those of the start.
    """

    def __init__(self, n_atoms: int, min_frames: int) -> None:
        self._n_atoms = n_atoms
        self._min_frames = max(1, min_frames)
        self._frame = 0
        self._present: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._young: dict[int, int] = {}
        self._standing: dict[int, int] = {}
        self._missing: dict[int, int] = {}
        self.formed: list[tuple[int, int, int]] = []
        self.broken: list[tuple[int, int, int]] = []
        self.lifetimes: list[int] = []

    def add(self, bonds: NDArray[np.int64]) -> None:
        """Add a frame's bonds, shape (n_bonds, 2)."""
        codes = np.unique(bonds[:, 0] * self._n_atoms + bonds[:, 1])
        if not np.array_equal(codes, self._present):
            self._compare(codes)
        self._frame += 1
        self._confirm()

    def _compare(self, codes: NDArray[np.int64]) -> None:
        for code in np.setdiff1d(codes, self._present, assume_unique=True).tolist():
            if code in self._missing:
                del self._missing[code]
            elif code not in self._standing:
                self._young[code] = self._frame
        for code in np.setdiff1d(self._present, codes, assume_unique=True).tolist():
            if code in self._young:
                del self._young[code]
            elif code in self._standing:
                self._missing[code] = self._frame
        self._present = codes

    def _confirm(self) -> None:
        for code, start in list(self._young.items()):
            if self._frame - start >= self._min_frames:
                del self._young[code]
                self._standing[code] = start
                self.formed.append((start, *divmod(code, self._n_atoms)))
        for code, end in list(self._missing.items()):
            if self._frame - end >= self._min_frames:
                del self._missing[code]
                start = self._standing.pop(code)
                self.broken.append((end, *divmod(code, self._n_atoms)))
                if start > 0:
                    self.lifetimes.append(end - start)

    def counts(self) -> NDArray[np.int64]:
        """Bonds that stand in each frame, shape (n_frames,)."""
        change = np.zeros(self._frame + 1, dtype=np.int64)
        for frame, _, _ in self.formed:
            change[frame] += 1
        for frame, _, _ in self.broken:
            change[frame] -= 1
        return np.cumsum(change)[: self._frame]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A phosphorus atom that lost a sulfur and gained an oxygen.

    Attributes
    ----------
    frame : of the later of the two changes.
    phosphorus, oxygen, sulfur : atom indices.
    """

    frame: int
    phosphorus: int
    oxygen: int
    sulfur: int


def exchanges(p_o: BondHistory, p_s: BondHistory, window_frames: int) -> list[Exchange]:
    """Pairs of a new P-O and a broken P-S bond of one P within a time of each other, each change used once.

    Parameters
    ----------
    p_o, p_s : histories of P-O and P-S bonds (phosphorus first).
    window_frames : longest time between the two changes, frames.
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
    """Exchanges by the layers that the oxygen and the sulfur started in; layers of each atom, shape (n_atoms,)."""
    return Counter((str(layers[event.oxygen]), str(layers[event.sulfur])) for event in events)


_NO_BONDS = np.empty((0, 2), dtype=np.int64)


def _formula(code: int) -> str:
    counts = {"P": code // 1_000_000, "S": code // 1000 % 1000, "O": code % 1000}
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts.items() if count)


def _sulfur_groups(bonds: NDArray[np.int64], n_atoms: int) -> tuple[NDArray[np.int64], int]:
    if not len(bonds):
        return _NO_BONDS, 0
    degree = np.bincount(bonds.reshape(-1), minlength=n_atoms)
    alone = (degree[bonds] == 1).all(axis=1)
    roots = _roots(n_atoms, bonds[~alone])
    return bonds[alone], int(np.unique(roots[bonds[~alone, 0]]).size)


@njit(cache=True, nogil=True)
def _roots(n_atoms, edges):  # type: ignore[no-untyped-def]
    """Representative of each atom's connected component, shape (n_atoms,)."""
    parent = np.arange(n_atoms)
    for e in range(edges.shape[0]):
        a, b = edges[e, 0], edges[e, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[a] = b
    for i in range(n_atoms):
        a = i
        while parent[a] != a:
            a = parent[a]
        parent[i] = a
    return parent


@njit(cache=True, nogil=True)
def _unit_codes(n_atoms, edges, phosphorus, sulfur, oxygen):  # type: ignore[no-untyped-def]
    """A million per P, a thousand per S and one per O, of each component that has P."""
    parent = _roots(n_atoms, edges)
    code = np.zeros(n_atoms, dtype=np.int64)
    for i in phosphorus:
        code[parent[i]] += 1_000_000
    for i in sulfur:
        code[parent[i]] += 1_000
    for i in oxygen:
        code[parent[i]] += 1
    return code[code >= 1_000_000]
