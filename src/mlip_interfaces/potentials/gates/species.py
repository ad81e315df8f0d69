"""Gate ``species``: a cation and the anion beside it change places, which must cost energy.

A potential whose elements stand in another order than those of its training takes one for the other: it has its crystals
inside out, and gains by putting them right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlip_interfaces.chemistry.contacts import IONIC_RADII_ANGSTROM, attract
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import Evaluate, Floats, Found, Gate, Host, Measurement, Quantity
from mlip_interfaces.potentials.gates.geometry import all_pairs, minimum_images, pair_name

EXCHANGE = "exchange_ev"
_N_PLACES, _SEED = 3, 1


def exchanged_pairs(host: Host, first: str, second: str) -> Floats:
    """Copies in which one atom has changed places with the nearest one of another element.

    Parameters
    ----------
    host : Host
        The structure.
    first, second : str
        The elements.

    Returns
    -------
    (n, n_atoms, 3) float array, angstrom
        Positions, for a few atoms of the first element.
    """
    kinds = np.array(host.symbols)
    others = np.flatnonzero(kinds == second)
    chosen = np.random.default_rng(_SEED).permutation(np.flatnonzero(kinds == first))[:_N_PLACES]
    copies = np.repeat(host.positions[None], len(chosen), axis=0)
    for copy, atom in zip(copies, chosen.tolist(), strict=True):
        distance = np.linalg.norm(minimum_images(copy[others] - copy[atom], host.cell), axis=1)
        near = others[distance.argmin()]
        copy[[atom, near]] = copy[[near, atom]]
    return copies


def measure(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates) -> Found:
    """Exchange cations with anions in every bulk cell.

    Parameters
    ----------
    evaluate : callable
        The potential.
    hosts : sequence of Host
        Structures, of which the bulk cells are taken.
    settings : Gates
        Of the study.

    Returns
    -------
    Found
        A number for each pair of a cation and an anion in each cell.
    """
    measurements = []
    for host in hosts:
        pairs = [pair for pair in all_pairs(host.symbols) if set(pair) <= set(IONIC_RADII_ANGSTROM) and attract(*pair)]
        if host.role != "bulk" or not pairs:
            continue
        whole = float(evaluate(host.symbols, host.positions[None], host.cell[None])[0][0])
        for first, second in pairs:
            copies = exchanged_pairs(host, first, second)
            energies, _ = evaluate(host.symbols, copies, np.tile(host.cell, (len(copies), 1, 1)))
            name = f"{pair_name(first, second)} in {host.name}"
            note = f"least of {len(copies)} places"
            measurements.append(Measurement(name, EXCHANGE, float(np.min(energies)) - whole, note))
    return Found(tuple(measurements))


SPECIES = Gate(
    "species",
    "cations and anions that change places",
    (Quantity(EXCHANGE, "energy of the exchange", "eV", "at least", "min_exchange_ev"),),
    measure,
)
