"""Gate ``drift``: total energy at constant energy, as a straight line with its error, after a warm-up that does not count.

Forces that are not the slope of the energy, a jump where an atom comes within the cutoff, and a time step that is too long all
show here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlip_interfaces.potentials.gates.contract import (
    Floats,
    Found,
    Gate,
    LammpsGate,
    MdPlan,
    Measurement,
    Quantity,
)
from mlip_interfaces.potentials.gates.tables import ended_early, read_columns
from mlip_interfaces.units import EV_TO_MEV

SLOPE, EXCURSION = "drift_mev_per_atom_ns", "excursion_mev_per_atom"
_NAME, _TABLE, _DECK = "drift", "drift.csv", "gate_drift.in"
_ROWS, _BLOCKS, _PS_PER_NS = 200, 10, 1000.0


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through a series.

    Attributes
    ----------
    slope, slope_error : float
        By least squares, and its standard error from the means of ten blocks, which correlation within a block does not shrink.
    residual, excursion : float
        Root mean square distance from the line, and the largest one.
    """

    slope: float
    slope_error: float
    residual: float
    excursion: float


def straight_line(times: Floats, values: Floats) -> Line:
    """Least squares through a series that is correlated in time.

    Parameters
    ----------
    times : (n,) float array
        At least twenty, evenly spaced.
    values : (n,) float array
        At each.

    Returns
    -------
    Line
        In the units of both.

    Examples
    --------
    >>> times = np.arange(100.0)
    >>> line = straight_line(times, 3.0 * times + np.where(times == 50, 0.5, 0.0))
    >>> round(line.slope, 3), round(line.excursion, 1)
    (3.0, 0.5)
    """
    slope, offset = np.polyfit(times, values, 1)
    distance = values - (slope * times + offset)
    size = len(times) // _BLOCKS
    centers, means = (part[: size * _BLOCKS].reshape(_BLOCKS, size).mean(axis=1) for part in (times, values))
    of_means = np.polyfit(centers, means, 1)
    left = means - np.polyval(of_means, centers)
    error = np.sqrt((left**2).sum() / (_BLOCKS - 2) / ((centers - centers.mean()) ** 2).sum())
    return Line(float(slope), float(error), float(np.sqrt((distance**2).mean())), float(np.abs(distance).max()))


def variables(plan: MdPlan) -> dict[str, str]:
    """Variables of the deck.

    Parameters
    ----------
    plan : MdPlan
        What is asked for.

    Returns
    -------
    dict of str to str
        By name.
    """
    every, steps = _rhythm(plan)
    asked = plan.settings.drift_kelvin
    return {
        "data": "model.data",
        "temperature": f"{plan.hottest_kelvin if asked is None else asked:g}",
        "warm_up_steps": str(max(1, round(plan.settings.drift_warm_up_ps / plan.timestep_ps))),
        "steps": str(steps),
        "timestep": f"{plan.timestep_ps:g}",
        "every": str(every),
        "seed": "1",
        "min_distance": f"{plan.settings.min_distance_angstrom:g}",
    }


def read(folder: Path, plan: MdPlan) -> Found:
    """What the table of the run says.

    Parameters
    ----------
    folder : Path
        Of the gates.
    plan : MdPlan
        What was asked for.

    Returns
    -------
    Found
        Slope beyond twice its error, and largest excursion; not-a-number where the run ended before its time. Energy against time.
    """
    file = folder / _NAME / _TABLE
    # Where the warm-up fell apart there is no table.
    table = read_columns(file) if file.is_file() else {}
    times = table.get("time_ps", np.empty(0))
    energies = table.get("total_energy_ev_per_atom", np.empty(0)) * EV_TO_MEV
    asked_ps = _rhythm(plan)[1] * plan.timestep_ps
    if ended_early(times, asked_ps) or len(times) < 2 * _BLOCKS or not np.isfinite(energies).all():
        note = f"ended at {times[-1] if times.size else 0:.3g} of {asked_ps:.3g} ps"
        return Found((Measurement(_NAME, SLOPE, np.nan, note), Measurement(_NAME, EXCURSION, np.nan, note)))
    line = straight_line(times, energies)
    slope, error = line.slope * _PS_PER_NS, line.slope_error * _PS_PER_NS
    beyond = max(0.0, abs(slope) - 2 * error)
    return Found(
        (
            Measurement(_NAME, SLOPE, beyond, f"slope {slope:.2g} with a standard error of {error:.2g} meV/atom/ns"),
            Measurement(_NAME, EXCURSION, line.excursion, f"root mean square {line.residual:.2g} meV/atom"),
        ),
        {"energy": np.array([times, energies - energies.mean()])},
    )


def _rhythm(plan: MdPlan) -> tuple[int, int]:
    """Steps between two rows, and of the run."""
    every = max(1, round(plan.settings.drift_ps / plan.timestep_ps / _ROWS))
    return every, every * max(2 * _BLOCKS, round(plan.settings.drift_ps / plan.timestep_ps / every))


DRIFT = Gate(
    _NAME,
    "energy that must be constant in LAMMPS",
    (
        Quantity(
            SLOPE, "slope of the energy beyond twice its error", "meV/atom/ns", "at most", "max_drift_mev_per_atom_ns"
        ),
        Quantity(EXCURSION, "distance from the straight line", "meV/atom", "at most", "max_excursion_mev_per_atom"),
    ),
    lammps=LammpsGate(_DECK, variables, lambda _plan: (), read),
)
