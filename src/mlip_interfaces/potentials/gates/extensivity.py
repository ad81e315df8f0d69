"""Gate ``extensivity``: four cells have four times the energy, and an atom far away is felt by none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import Evaluate, Floats, Found, Gate, Host, Measurement, Quantity
from mlip_interfaces.units import EV_TO_MEV

ENERGY, FORCE = "extensivity_mev_per_atom", "extensivity_mev_per_angstrom"
_FAR_ANGSTROM = 15.0
_RATTLE_ANGSTROM, _SEED = 0.05, 1


def shaken(host: Host) -> Floats:
    """Positions a little off their places, so that symmetry hides no force.

    Parameters
    ----------
    host : Host
        The structure.

    Returns
    -------
    (n_atoms, 3) float array, angstrom
        The same at every call.
    """
    rng = np.random.default_rng(_SEED)
    moved: Floats = host.positions + rng.normal(0.0, _RATTLE_ANGSTROM, host.positions.shape)
    return moved


def two_by_two(symbols: Sequence[str], positions: Floats, cell: Floats) -> tuple[list[str], Floats, Floats]:
    """Four copies beside each other, along the first two lattice vectors.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.
    positions : (n_atoms, 3) float array, angstrom
        Of the atoms.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    symbols : list of str
        One copy after another.
    positions : (4 n_atoms, 3) float array, angstrom
        Of the atoms.
    cell : (3, 3) float array, angstrom
        Of the supercell.
    """
    shifts = [i * cell[0] + j * cell[1] for i in range(2) for j in range(2)]
    return list(symbols) * 4, np.concatenate([positions + shift for shift in shifts]), cell * [[2.0], [2.0], [1.0]]


def measure(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates) -> Found:
    """Compare each structure with its 2x2x1 supercell, and in a vacuum with and without an atom far away.

    Parameters
    ----------
    evaluate : callable
        The potential.
    hosts : sequence of Host
        Bulk cells and interfaces.
    settings : Gates
        Of the study.

    Returns
    -------
    Found
        Three numbers for each structure.
    """
    measurements = []
    for host in hosts:
        n_atoms, positions = len(host.symbols), shaken(host)
        (energy,), (force,) = evaluate(host.symbols, positions[None], host.cell[None])
        symbols, places, cell = two_by_two(host.symbols, positions, host.cell)
        (of_four,), (on_four,) = evaluate(symbols, places[None], cell[None])
        measurements += [
            Measurement(host.name, ENERGY, abs(float(of_four) / 4 - float(energy)) / n_atoms * EV_TO_MEV),
            Measurement(host.name, FORCE, float(np.abs(on_four.reshape(4, n_atoms, 3) - force).max()) * EV_TO_MEV),
            Measurement(f"{host.name}, with an atom far away", FORCE, _felt(evaluate, host, positions) * EV_TO_MEV),
        ]
    return Found(tuple(measurements))


def _felt(evaluate: Evaluate, host: Host, positions: Floats) -> float:
    """Largest change of a force, eV/angstrom, where an atom comes into the vacuum above a slab."""
    normal = np.cross(host.cell[0], host.cell[1])
    normal /= np.linalg.norm(normal)
    cell = host.cell.copy()
    heights = positions @ normal
    # Room above and below, whatever the atoms do at the edge of the cell.
    cell[2] = (np.ptp(heights) + 2 * _FAR_ANGSTROM) * normal
    far = positions[heights.argmax()] + _FAR_ANGSTROM * normal
    (alone,) = evaluate(host.symbols, positions[None], cell[None])[1]
    (beside,) = evaluate([*host.symbols, host.symbols[0]], np.vstack([positions, far])[None], cell[None])[1]
    return float(np.abs(beside[:-1] - alone).max())


EXTENSIVITY = Gate(
    "extensivity",
    "a 2x2x1 supercell, an atom far away",
    (
        Quantity(
            ENERGY, "difference of the energy in a supercell", "meV/atom", "at most", "max_extensivity_mev_per_atom"
        ),
        Quantity(FORCE, "difference of a force", "meV/angstrom", "at most", "max_extensivity_mev_per_angstrom"),
    ),
    measure,
)
