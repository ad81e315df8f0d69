"""Gate ``heating``: LAMMPS heats an interface to twice the temperature of production, and it must follow the thermostat."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlip_interfaces.potentials.gates.contract import Found, Gate, LammpsGate, MdPlan, Measurement, Quantity
from mlip_interfaces.potentials.gates.tables import ended_early, read_columns

RATIO, DISTANCE = "temperature_ratio", "min_distance_angstrom"
_NAME, _TABLE, _DECK = "heating", "heating.csv", "gate_heating.in"
_FROM_KELVIN, _ROWS, _TIMES_HOTTEST = 100.0, 100, 2.0


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
    asked = plan.settings.heating_to_kelvin
    to = _TIMES_HOTTEST * plan.hottest_kelvin if asked is None else asked
    return {
        "data": "model.data",
        "from": f"{min(_FROM_KELVIN, to):g}",
        "to": f"{to:g}",
        "steps": str(steps),
        "timestep": f"{plan.timestep_ps:g}",
        "every": str(every),
        "seed": "1",
        "max_ratio": f"{plan.settings.max_temperature_ratio:g}",
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
        Largest temperature over that of the thermostat, and shortest distance; not-a-number where the run ended before its time
        and no bound says why. The two temperatures against time.
    """
    table = read_columns(folder / _NAME / _TABLE)
    times, kelvin, target = (table[name] for name in ("time_ps", "temperature_kelvin", "target_kelvin"))
    shortest = table["min_distance_angstrom"]
    asked_ps = _rhythm(plan)[1] * plan.timestep_ps
    measurements = run_measurements(times, kelvin / target, shortest, asked_ps, plan, _NAME)
    return Found(measurements, {"temperature": np.array([times, kelvin]), "thermostat": np.array([times, target])})


def run_measurements(
    times: np.ndarray, ratios: np.ndarray, shortest: np.ndarray, asked_ps: float, plan: MdPlan, what: str
) -> tuple[Measurement, ...]:
    """Temperature and shortest distance of a run that may have ended before its time.

    Parameters
    ----------
    times : (n_rows,) float array, ps
        Of the table.
    ratios : (n_rows,) float array
        Temperature over that asked for.
    shortest : (n_rows,) float array, angstrom
        Shortest distance of two atoms.
    asked_ps : float, ps
        Length of the run.
    plan : MdPlan
        What was asked for.
    what : str
        Name of the run.

    Returns
    -------
    tuple of Measurement
        Two.
    """
    early = ended_early(times, asked_ps)
    note = f"ended at {times[-1] if times.size else 0:.3g} of {asked_ps:.3g} ps" if early else ""
    settings = plan.settings
    ratio = float(ratios.max()) if ratios.size else float("nan")
    distance = float(shortest.min()) if shortest.size else float("nan")
    stopped = ratio > settings.max_temperature_ratio or distance < settings.min_distance_angstrom
    if early and not stopped:
        # Atoms were lost, or were nowhere.
        ratio = float("nan")
    return Measurement(what, RATIO, ratio, note), Measurement(what, DISTANCE, distance, note)


def _rhythm(plan: MdPlan) -> tuple[int, int]:
    """Steps between two rows, and of the run."""
    every = max(1, round(plan.settings.heating_ps / plan.timestep_ps / _ROWS))
    return every, every * max(1, round(plan.settings.heating_ps / plan.timestep_ps / every))


HEATING = Gate(
    _NAME,
    "an interface heated in LAMMPS",
    (
        Quantity(RATIO, "temperature over that of the thermostat", "", "at most", "max_temperature_ratio"),
        Quantity(DISTANCE, "shortest distance of two atoms", "angstrom", "at least", "min_distance_angstrom"),
    ),
    lammps=LammpsGate(_DECK, variables, lambda _plan: (_TABLE,), read),
)
