"""Spheres of crystalline Li2S in a glass of the same density: random packing, relaxed by a soft repulsion around the crystal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlip_interfaces.analysis.neighbors import pairs_in_no_order

EDGE = 5.72
"""Of the cell of Li2S, angstrom."""

APART = {("S", "S"): 3.8, ("Li", "S"): 2.2, ("Li", "Li"): 2.2}
STEPS = 120


def sphere(radius: float, turn: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Antifluorite around the origin, its axes turned."""
    n = int(np.ceil(radius / EDGE)) + 1
    cubes = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sulfur = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    basis = np.concatenate([sulfur, sulfur + 0.25, sulfur + 0.75])
    positions = (cubes + basis).reshape(-1, 3) * EDGE
    symbols = np.tile(["S"] * 4 + ["Li"] * 8, len(cubes))
    inside = np.linalg.norm(positions, axis=1) < radius
    return positions[inside] @ turn.T, symbols[inside].tolist()


def relaxed(positions: np.ndarray, symbols: np.ndarray, n_frozen: int, length: float) -> np.ndarray:
    """Atoms pushed out of each other's reach; the first ones stay."""
    moved, cell, least = positions.copy(), np.eye(3) * length, max(APART.values())
    for _ in range(STEPS):
        first, second, vectors = pairs_in_no_order(moved, cell, least)
        lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-6)
        reach = np.full(lengths.size, APART["Li", "S"])
        reach[(symbols[first] == "S") & (symbols[second] == "S")] = APART["S", "S"]
        push = np.zeros_like(moved)
        strength = 0.25 * np.maximum(reach - lengths, 0.0) / lengths
        np.add.at(push, first, -vectors * strength[:, None])
        push[:n_frozen] = 0.0
        moved += push
    return moved


def crystals_in_glass(
    length: float, radii: Sequence[float], centers: Sequence[Sequence[float]], turns: Sequence[np.ndarray], seed: int
) -> tuple[np.ndarray, list[str]]:
    """Positions and elements: the crystals, then the glass; without a crystal a melt."""
    rng = np.random.default_rng(seed)
    made = [sphere(radius, turn) for radius, turn in zip(radii, turns, strict=True)]
    parts = [positions + center for (positions, _), center in zip(made, centers, strict=True)]
    symbols = [symbol for _, own in made for symbol in own]
    n_frozen = len(symbols)
    n_sulfur = round(4 / EDGE**3 * (length**3 - sum(4 / 3 * np.pi * radius**3 for radius in radii)))
    for symbol, n, gap in (("S", n_sulfur, 1.0), ("Li", 2 * n_sulfur, 0.5)):
        anywhere = rng.random((3 * n, 3)) * length
        free = np.ones(len(anywhere), dtype=bool)
        for radius, center in zip(radii, centers, strict=True):
            apart = anywhere - center
            free &= np.linalg.norm(apart - length * np.round(apart / length), axis=1) > radius + gap
        parts.append(anywhere[free][:n])
        symbols += [symbol] * n
    return relaxed(np.concatenate(parts), np.array(symbols), n_frozen, length), symbols
