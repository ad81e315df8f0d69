"""Bond chemistry of thiophosphates at an oxide: P-S units, S2 dimers, new bonds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mlip_interfaces.analysis.neighbors import Pairs

BOND_CUTOFFS_ANGSTROM: dict[str, float] = {"P-S": 2.6, "P-O": 1.9, "P-P": 2.5, "Co-S": 2.6, "Co-O": 2.3, "S-S": 2.5}
"""Between first and second shells of the crystals: P-S 2.0-2.2 then 3.3; P-O 1.5; P-P 2.25; Co-S 2.1-2.4; S-S 2.1."""

NO_DIMERS = frozenset[tuple[int, int]]()


@dataclass(frozen=True, slots=True)
class FrameChemistry:
    """Chemistry of one frame.

    Attributes
    ----------
    units : number of each phosphorus unit (``PS4``, ``P2S7``, ``P2S6``, ``PS3O`` ...).
    bonds : number of bonds of each kind of `BOND_CUTOFFS_ANGSTROM`.
    dimers : pairs of sulfur atoms bonded to each other and to no third one.
    """

    units: Counter[str]
    bonds: dict[str, int]
    dimers: frozenset[tuple[int, int]]


def frame_chemistry(symbols: NDArray[np.str_], pairs: Pairs) -> FrameChemistry:
    """Units, bonds and S2 dimers of one frame.

    Parameters
    ----------
    symbols : element of each atom, shape (n_atoms,).
    pairs : neighbour pairs up to at least the largest cutoff of `BOND_CUTOFFS_ANGSTROM`.

    Notes
    -----
    A unit is a set of P connected through P-P bonds or shared S, with all S and O bonded to them: two PS4 that share
    one S are P2S7, Li7P3S11 has as many PS4 as P2S7.
    """
    masks = {symbol: symbols == symbol for symbol in ("P", "S", "O", "Co")}
    bonded: dict[str, Pairs] = {}
    bonds: dict[str, int] = {}
    for name, cutoff in BOND_CUTOFFS_ANGSTROM.items():
        a, b = name.split("-")
        bonded[name] = pairs.within(cutoff, masks[a], masks[b])
        bonds[name] = bonded[name].first.size // (2 if a == b else 1)
    return FrameChemistry(_units(symbols, masks["P"], bonded), bonds, _dimers(symbols.size, bonded["S-S"]))


def lasting_dimers(frames: list[frozenset[tuple[int, int]]], min_frames: int) -> NDArray[np.int64]:
    """S2 dimers per frame that last at least `min_frames` frames in a row; shorter ones are collisions."""
    counts = np.zeros(len(frames), dtype=np.int64)
    starts: dict[tuple[int, int], int] = {}
    for number, present in enumerate([*frames, NO_DIMERS]):
        for pair in [pair for pair in starts if pair not in present]:
            start = starts.pop(pair)
            if number - start >= min_frames:
                counts[start:number] += 1
        for pair in present:
            starts.setdefault(pair, number)
    return counts


def _units(symbols: NDArray[np.str_], phosphorus: NDArray[np.bool_], bonded: dict[str, Pairs]) -> Counter[str]:
    n_atoms = symbols.size
    first = np.concatenate([bonded[name].first for name in ("P-S", "P-O", "P-P")])
    second = np.concatenate([bonded[name].second for name in ("P-S", "P-O", "P-P")])
    graph = coo_array((np.ones(first.size), (first, second)), shape=(n_atoms, n_atoms))
    _, component = connected_components(graph, directed=False)
    units: Counter[str] = Counter()
    for label in np.unique(component[phosphorus]):
        members = Counter(symbols[component == label].tolist())
        formula = "".join(
            f"{symbol}{members[symbol] if members[symbol] > 1 else ''}" for symbol in ("P", "S", "O") if members[symbol]
        )
        units[formula] += 1
    return units


def _dimers(n_atoms: int, bonded: Pairs) -> frozenset[tuple[int, int]]:
    degree = np.bincount(bonded.first, minlength=n_atoms)
    single = (degree[bonded.first] == 1) & (degree[bonded.second] == 1) & (bonded.first < bonded.second)
    return frozenset(zip(bonded.first[single].tolist(), bonded.second[single].tolist(), strict=True))
