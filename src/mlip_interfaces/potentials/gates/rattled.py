"""Gate ``rattled``: shaken and compressed structures go downhill, and must arrive where solids are.

It hunts holes that no scan of two atoms shows: many starts, each relaxed for a few dozen steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import (
    Evaluate,
    Floats,
    Found,
    Frame,
    Gate,
    Host,
    Measurement,
    Quantity,
)
from mlip_interfaces.potentials.gates.geometry import contact_share
from mlip_interfaces.potentials.gates.relaxing import relax

CONTACT, COLLAPSE = "contact_share", "collapse_ev_per_atom"
_SEED = 1


def rattled_starts(host: Host, positions: Floats, settings: Gates) -> tuple[Floats, Floats]:
    """Starts of one structure: every atom displaced, every second cell compressed.

    Parameters
    ----------
    host : Host
        The structure.
    positions : (n_atoms, 3) float array, angstrom
        Its atoms, relaxed.
    settings : Gates
        Of the study.

    Returns
    -------
    positions : (n_starts, n_atoms, 3) float array, angstrom
        Of the atoms.
    cells : (n_starts, 3, 3) float array, angstrom
        Of each start.
    """
    rng = np.random.default_rng(_SEED)
    scales = np.where(np.arange(settings.n_rattled) % 2 == 0, 1.0, 1.0 - settings.rattled_strain)[:, None, None]
    shaken = rng.normal(0.0, settings.rattle_angstrom, (settings.n_rattled, *positions.shape))
    return positions * scales + shaken, host.cell * scales


def measure(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates) -> Found:
    """Relax every structure, then its shaken copies.

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
        Two numbers for each structure, and its starts.
    """
    measurements, frames = [], {}
    for host in hosts:
        n_atoms, n_steps = len(host.symbols), settings.rattled_relax_steps
        rest = relax(evaluate, host.symbols, host.positions[None], host.cell[None], n_steps=n_steps)
        starts, cells = rattled_starts(host, rest.positions[0], settings)
        if not len(starts):
            continue
        ends = relax(evaluate, host.symbols, starts, cells, n_steps=n_steps)
        shares = [contact_share(host.symbols, end, cell) for end, cell in zip(ends.positions, cells, strict=True)]
        below = (rest.energies[0] - ends.energies) / n_atoms
        # What is no number counts as the worst.
        worst = np.argmin(np.nan_to_num(shares, nan=-np.inf)), np.argmax(np.nan_to_num(below, nan=np.inf))
        measurements += [
            Measurement(host.name, CONTACT, float(shares[worst[0]]), f"start {worst[0] + 1} of {len(starts)}"),
            Measurement(host.name, COLLAPSE, float(below[worst[1]]), f"start {worst[1] + 1} of {len(starts)}"),
        ]
        frames[host.name] = tuple(
            Frame(host.symbols, start, cell, f"{host.name} shaken, start {number + 1}")
            for number, (start, cell) in enumerate(zip(starts, cells, strict=True))
        )
    return Found(tuple(measurements), frames=frames)


RATTLED = Gate(
    "rattled",
    "shaken and compressed structures, relaxed",
    (
        Quantity(CONTACT, "shortest contact over the sum of covalent radii", "", "at least", "min_contact_share"),
        Quantity(COLLAPSE, "energy below the relaxed structure's", "eV/atom", "at most", "max_collapse_ev_per_atom"),
    ),
    measure,
)
