"""Gate ``voids``: layers must hold together, and a hole in a solid must cost energy.

A potential that gains by opening a gap delaminates an interface by itself; one that gains by a void foams.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import Evaluate, Floats, Found, Gate, Host, Measurement, Quantity
from mlip_interfaces.potentials.gates.geometry import minimum_images
from mlip_interfaces.potentials.gates.relaxing import relax
from mlip_interfaces.units import EV_PER_ANGSTROM2_TO_J_PER_M2

SEPARATION, VOID = "separation_j_per_m2", "void_ev"
_N_POINTS, _N_CENTERS, _SEED = 11, 4, 1


def pulled_apart(host: Host, positions: Floats, lower: int, gaps: Floats) -> tuple[Floats, Floats]:
    """The structure with a gap above one of its layers; all above it move along the normal, and the cell grows.

    Parameters
    ----------
    host : Host
        An interface.
    positions : (n_atoms, 3) float array, angstrom
        Its atoms.
    lower : int
        Layer below the gap.
    gaps : (n,) float array, angstrom
        Widths added.

    Returns
    -------
    positions : (n, n_atoms, 3) float array, angstrom
        Of the atoms.
    cells : (n, 3, 3) float array, angstrom
        Of each.
    """
    normal = np.cross(host.cell[0], host.cell[1])
    normal /= np.linalg.norm(normal)
    normal *= np.sign(normal @ host.cell[2])
    moved = np.repeat(positions[None], len(gaps), axis=0)
    moved[:, host.layer_id > lower] += gaps[:, None, None] * normal
    cells = np.repeat(host.cell[None], len(gaps), axis=0)
    cells[:, 2] += gaps[:, None] * normal
    return moved, cells


def formula_unit(symbols: Sequence[str]) -> dict[str, int]:
    """Atoms of each element in a formula unit; all of them where their numbers have no common divisor.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.

    Returns
    -------
    dict of str to int
        By element.

    Examples
    --------
    >>> formula_unit(["Li"] * 4 + ["O"] * 2)
    {'Li': 2, 'O': 1}
    """
    counts = {symbol: list(symbols).count(symbol) for symbol in dict.fromkeys(symbols)}
    divisor = gcd(*counts.values())
    return {symbol: n // divisor for symbol, n in counts.items()}


def without_formula_unit(host: Host, center: int) -> NDArray[np.bool_]:
    """Atoms that stay when a formula unit around one of them is taken out.

    Parameters
    ----------
    host : Host
        A bulk cell.
    center : int
        The atom in the middle.

    Returns
    -------
    (n_atoms,) bool array
        False for the nearest atoms of each element, as many as a formula unit has.
    """
    kinds = np.array(host.symbols)
    distance = np.linalg.norm(minimum_images(host.positions - host.positions[center], host.cell), axis=1)
    stays = np.ones(len(kinds), dtype=np.bool_)
    for symbol, n in formula_unit(host.symbols).items():
        own = np.flatnonzero(kinds == symbol)
        stays[own[np.argsort(distance[own], kind="stable")[:n]]] = False
    return stays


def measure(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates) -> Found:
    """Pull the layers of interfaces apart, and take formula units out of bulk cells.

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
        A number for each gap between two layers and for each bulk cell; energies against the gap.
    """
    measurements, curves = [], {}
    gaps = np.linspace(0.0, settings.separation_angstrom, _N_POINTS)
    for host in hosts:
        if host.role == "bulk":
            found = _void(evaluate, host)
            measurements += [] if found is None else [found]
            continue
        n_steps = settings.rattled_relax_steps
        rest = relax(evaluate, host.symbols, host.positions[None], host.cell[None], n_steps=n_steps).positions[0]
        area = float(np.linalg.norm(np.cross(host.cell[0], host.cell[1])))
        for lower in np.unique(host.layer_id).tolist():
            energies, _ = evaluate(host.symbols, *pulled_apart(host, rest, lower, gaps))
            name = f"{host.name}, above layer {lower + 1}"
            work = (np.asarray(energies) - energies[0]) / area * EV_PER_ANGSTROM2_TO_J_PER_M2
            curves[name] = np.array([gaps, work])
            measurements.append(Measurement(name, SEPARATION, float(work[-1])))
    return Found(tuple(measurements), curves)


def _void(evaluate: Evaluate, host: Host) -> Measurement | None:
    """Least energy of a void of one formula unit; None where the cell has no other unit."""
    n_atoms, n_unit = len(host.symbols), sum(formula_unit(host.symbols).values())
    if n_unit == n_atoms:
        return None
    whole = float(evaluate(host.symbols, host.positions[None], host.cell[None])[0][0])
    costs = []
    for center in np.random.default_rng(_SEED).permutation(n_atoms)[:_N_CENTERS]:
        stays = without_formula_unit(host, int(center))
        symbols = [symbol for symbol, kept in zip(host.symbols, stays, strict=True) if kept]
        energy = float(evaluate(symbols, host.positions[stays][None], host.cell[None])[0][0])
        costs.append(energy - (1 - n_unit / n_atoms) * whole)
    return Measurement(host.name, VOID, float(np.min(costs)), f"least of {len(costs)} places")


VOIDS = Gate(
    "voids",
    "layers pulled apart, holes in solids",
    (
        Quantity(SEPARATION, "work to pull two layers apart", "J/m^2", "at least", "min_separation_j_per_m2"),
        Quantity(VOID, "energy of a void of a formula unit", "eV", "at least", "min_void_ev"),
    ),
    measure,
)
