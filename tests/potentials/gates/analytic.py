"""Potentials that are formulas, and crystals for them: sums over pairs of atoms, fast enough to test every gate in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import Evaluate, Found, Gate, Host
from mlip_interfaces.potentials.gates.judging import findings, judge

Floats = NDArray[np.float64]
Pair = Callable[[Floats], tuple[Floats, Floats]]
"""Distances give energies and their derivatives."""

CUTOFF = 3.6
LATTICE = 4.0
CATIONS = {"Li"}
SETTINGS = Gates(pair_relax_steps=5, n_rattled=2, rattled_relax_steps=25)


def attraction(r: Floats) -> tuple[Floats, Floats]:
    """A cation and an anion: Morse, 1 eV deep at 2 angstrom."""
    decay = np.exp(-2.0 * (r - 2.0))
    return (decay - 1.0) ** 2 - 1.0, -4.0 * (decay - 1.0) * decay


def repulsion(r: Floats) -> tuple[Floats, Floats]:
    """Two ions of one sign: 0.1 eV at 2.83 angstrom, and a wall."""
    energy = 0.1 * np.exp(-(r - 2.83) / 0.4)
    return energy, -energy / 0.4


def with_gaussian(pair: Pair, depth: float, place: float, width: float) -> Pair:
    """A hole in it."""

    def holed(r: Floats) -> tuple[Floats, Floats]:
        energy, slope = pair(r)
        dip = depth * np.exp(-((r - place) ** 2) / (2 * width**2))
        return energy - dip, slope + dip * (r - place) / width**2

    return holed


def pair_potential(special: Mapping[frozenset[str], Pair] | None = None) -> Evaluate:
    """A sum over pairs in rectangular cells, each brought smoothly to nothing at the cutoff."""
    special = special or {}

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        n_atoms = len(symbols)
        edges = np.einsum("fii->fi", cells)
        assert np.allclose(cells, edges[:, :, None] * np.eye(3))
        energies, forces = np.zeros(len(positions)), np.zeros(positions.shape)
        kinds = np.array(symbols)
        first, second = np.triu_indices(n_atoms, 1)
        # Cells here are narrower than twice the cutoff by strain alone: the nearest image is the only one.
        assert edges.min() > 2 * CUTOFF * 0.95
        groups = {frozenset((a, b)): (a, b) for a in kinds for b in kinds}
        for frame, edge in enumerate(edges):
            vectors = positions[frame][second] - positions[frame][first]
            vectors -= edge * np.round(vectors / edge)
            r = np.maximum(np.linalg.norm(vectors, axis=1), 1e-6)
            near = r < CUTOFF
            for key, (a, b) in groups.items():
                chosen = near & (
                    ((kinds[first] == a) & (kinds[second] == b)) | ((kinds[first] == b) & (kinds[second] == a))
                )
                pair = special.get(key, repulsion if (a in CATIONS) == (b in CATIONS) else attraction)
                energy, slope = pair(r[chosen])
                x = np.clip((r[chosen] - 3.0) / (CUTOFF - 3.0), 0.0, 1.0)
                switch, falling = 1 - 3 * x**2 + 2 * x**3, (-6 * x + 6 * x**2) / (CUTOFF - 3.0)
                slope = slope * switch + energy * falling
                energies[frame] += (energy * switch).sum()
                pull = (slope / r[chosen])[:, None] * vectors[chosen]
                np.add.at(forces[frame], first[chosen], pull)
                np.add.at(forces[frame], second[chosen], -pull)
        return energies, forces

    return evaluate


def taken_for(other: Mapping[str, str], evaluate: Evaluate) -> Evaluate:
    """The potential with its elements mixed up."""
    return lambda symbols, positions, cells: evaluate([other.get(s, s) for s in symbols], positions, cells)


def rock_salt(anion: str, n_lateral: int = 2, n_high: int = 2) -> tuple[list[str], Floats, Floats]:
    """Conventional cells of Li and an anion beside and above each other."""
    corners = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) * LATTICE / 2
    shifts = np.array([[i, j, k] for i in range(n_lateral) for j in range(n_lateral) for k in range(n_high)]) * LATTICE
    cations = (corners[None] + shifts[:, None]).reshape(-1, 3)
    anions = cations + [LATTICE / 2, 0, 0]
    symbols = ["Li"] * len(cations) + [anion] * len(anions)
    return symbols, np.vstack([cations, anions]), np.diag([n_lateral, n_lateral, n_high]) * LATTICE


def bulk(anion: str = "F") -> Host:
    symbols, positions, cell = rock_salt(anion)
    return Host(f"bulk-{anion}", "bulk", tuple(symbols), positions, cell, np.zeros(len(symbols), dtype=np.int64))


def interface() -> Host:
    """LiF below LiCl of the same lattice, a layer of cells each."""
    lower, positions, cell = rock_salt("F", n_high=1)
    upper, above, _ = rock_salt("Cl", n_high=1)
    return Host(
        "interface", "interface", (*lower, *upper), np.vstack([positions, above + [0, 0, LATTICE]]),
        cell * [[1.0], [1.0], [2.0]], np.repeat([0, 1], len(lower)),
    )  # fmt: skip


HOSTS = (bulk("F"), bulk("Cl"), interface())


def measured(found: Found, quantity: str) -> dict[str, float]:
    """Values of one quantity by what they belong to."""
    return {one.what: one.value for one in found.measurements if one.quantity == quantity}


def failed_names(gate: Gate, found: Found, settings: Gates) -> tuple[str, ...]:
    """Names of what fails of all that a gate measured, each once."""
    (result,) = judge([findings(gate, found)], settings)
    return tuple(dict.fromkeys(entry.what for entry in result.failed))


def failures(
    gate: Gate, evaluate: Evaluate, hosts: Sequence[Host] = HOSTS, settings: Gates = SETTINGS
) -> tuple[str, ...]:
    """What fails."""
    assert gate.measure is not None
    return failed_names(gate, gate.measure(evaluate, hosts, settings), settings)
