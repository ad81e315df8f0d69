"""Gate ``compression``: energy against volume of every structure, from compressed to stretched.

A potential whose energy falls as atoms are pressed together lets a cell under a barostat collapse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from mlip_interfaces.units import EV_PER_ANGSTROM3_TO_BAR, EV_TO_MEV

VOLUME_ERROR, FALL, PRESSURE = "volume_error", "compression_fall_mev_per_atom", "compression_pressure_bar"
_STEP = 0.02
_N_REPAIR_FRAMES = 6


@dataclass(frozen=True, slots=True)
class VolumeCurve:
    """What energy against volume shows.

    Attributes
    ----------
    lowest_ratio : float
        Volume of lowest energy over that as built; not-a-number where it is the first or the last, so that there is no minimum.
    fall_ev : float, eV
        Deepest fall of the energy from there on to the smallest volume.
    slope_ev : float, eV
        Rise of the energy from there to the smallest volume, over the share of the volume as built that lies between; not-a-number
        where the smallest volume is the lowest.
    """

    lowest_ratio: float
    fall_ev: float
    slope_ev: float


def read_volume_curve(ratios: Floats, energies: Floats) -> VolumeCurve:
    """The lowest place of a curve, and the way from there to small volumes.

    Parameters
    ----------
    ratios : (n,) float array
        Volumes over that as built, ascending.
    energies : (n,) float array, eV
        At each.

    Returns
    -------
    VolumeCurve
        Not-a-number throughout where an energy is none.

    Examples
    --------
    >>> ratios = np.linspace(0.8, 1.2, 21)
    >>> found = read_volume_curve(ratios, (ratios - 1.05) ** 2)
    >>> round(found.lowest_ratio, 3), round(found.fall_ev, 3), round(found.slope_ev, 2)
    (1.05, 0.0, 0.26)
    """
    if not np.isfinite(energies).all():
        return VolumeCurve(float("nan"), float("nan"), float("nan"))
    lowest = int(energies.argmin())
    inwards = energies[lowest::-1]
    ratio = float("nan")
    if 0 < lowest < len(ratios) - 1:
        left, middle, right = energies[lowest - 1 : lowest + 2]
        shift = 0.5 * float((left - right) / (left - 2 * middle + right)) * float(ratios[1] - ratios[0])
        ratio = float(ratios[lowest]) + shift
    way = float(ratios[lowest] - ratios[0])
    slope = float(inwards[-1] - inwards[0]) / way if way > 0 else float("nan")
    return VolumeCurve(ratio, float((np.maximum.accumulate(inwards) - inwards).max()), slope)


def measure(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates) -> Found:
    """Scale every structure to volumes from small to large; of bulk cells the lowest place is compared with that as built.

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
        Two numbers for each structure and a third for bulk cells, the curves, and compressed cells.
    """
    n_points = round((settings.expanded_volume_ratio - settings.compressed_volume_ratio) / _STEP) + 1
    ratios = np.linspace(settings.compressed_volume_ratio, settings.expanded_volume_ratio, max(n_points, 5))
    measurements, curves, frames = [], {}, {}
    for host in hosts:
        scales = np.cbrt(ratios)[:, None, None]
        energies, _ = evaluate(host.symbols, host.positions * scales, host.cell * scales)
        n_atoms = len(host.symbols)
        found = read_volume_curve(ratios, np.asarray(energies))
        if host.role == "bulk":
            low, high = settings.compressed_volume_ratio, settings.expanded_volume_ratio
            note = (
                f"lowest at {found.lowest_ratio:.3f} of the volume as built"
                if np.isfinite(found.lowest_ratio)
                else f"no minimum between {low:g} and {high:g} of the volume as built"
            )
            measurements.append(Measurement(host.name, VOLUME_ERROR, abs(found.lowest_ratio - 1.0), note))
        measurements += [
            Measurement(host.name, FALL, found.fall_ev / n_atoms * EV_TO_MEV),
            Measurement(host.name, PRESSURE, found.slope_ev / host.volume * EV_PER_ANGSTROM3_TO_BAR),
        ]
        curves[host.name] = np.array([ratios, (energies - np.min(energies)) / n_atoms])
        frames[host.name] = tuple(
            Frame(
                host.symbols, host.positions * scale, host.cell * scale, f"{host.name} at {scale**3:.3f} of its volume"
            )
            for scale in np.cbrt(np.linspace(ratios[0], ratios[-1], _N_REPAIR_FRAMES)).tolist()
        )
    return Found(tuple(measurements), curves, frames)


COMPRESSION = Gate(
    "compression",
    "energy against volume",
    (
        Quantity(
            VOLUME_ERROR,
            "distance of the volume of lowest energy from that as built",
            "",
            "at most",
            "max_volume_error",
        ),
        Quantity(FALL, "fall of the energy on compression", "meV/atom", "at most", "max_compression_fall_mev_per_atom"),
        Quantity(
            PRESSURE, "mean pressure that the compression takes", "bar", "at least", "min_compression_pressure_bar"
        ),
    ),
    measure,
)
