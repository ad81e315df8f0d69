"""Crystals of one lattice in any orientation, alone in a periodic cell of their own or two that touch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlip_interfaces.analysis.neighbors import pairs_in_no_order

LI2S, LITHIUM, LI3P = 5.72, 3.51, 4.27
"""Edges a of the cells whose S, Li and P are taken, angstrom; hcp has the ideal c / a."""

EDGES = {
    "fcc": np.full(3, LI2S),
    "bcc": np.full(3, LITHIUM),
    "hcp": LI3P * np.array([1.0, np.sqrt(3.0), np.sqrt(8.0 / 3.0)]),
}
SITES = {
    "fcc": np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    "bcc": np.array([[0, 0, 0], [1, 1, 1]]) / 2,
    "hcp": np.array([[0, 0, 0], [3, 3, 0], [3, 1, 3], [0, 4, 3]]) / 6,
}
ELEMENTS = {"fcc": "S", "bcc": "Li", "hcp": "P"}
NEAREST = {"fcc": LI2S / np.sqrt(2), "bcc": LITHIUM * np.sqrt(3) / 2, "hcp": LI3P}


def turned_crystal(
    lattice: str, repeats: Sequence[int], turn: np.ndarray, stretch: Sequence[float] = (1, 1, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and cell, both turned."""
    steps = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    edges = EDGES[lattice] * stretch
    return (steps + SITES[lattice]).reshape(-1, 3) * edges @ turn.T, np.diag(edges * repeats) @ turn.T


def bicrystal(lattice: str, turns: Sequence[np.ndarray], length: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions in a cube, lower half and upper half of two orientations, and the half of each atom; none overlap."""
    reach = int(np.ceil(length / EDGES[lattice].min()))
    parts = []
    for half, turn in enumerate(turns):
        positions, _ = turned_crystal(lattice, [2 * reach] * 3, np.eye(3))
        filled = (positions - positions.mean(axis=0)) @ turn.T + length / 2
        inside = np.all((filled >= 0) & (filled < length), axis=1) & ((filled[:, 2] < length / 2) == (half == 0))
        parts.append(filled[inside])
    positions, half_of = np.concatenate(parts), np.repeat([0, 1], [len(part) for part in parts])
    first, second, _ = pairs_in_no_order(positions, np.eye(3) * length, 0.8 * NEAREST[lattice])
    kept = np.ones(len(positions), dtype=bool)
    kept[np.maximum(first, second)] = False
    return positions[kept], half_of[kept]
