"""Is a run fit to be analysed? The verdict names every bound that was left."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError

COLUMNS = (
    "time_ps",
    "temperature_kelvin",
    "pressure_bar",
    "density_g_per_cm3",
    "potential_energy_ev",
    "min_distance_angstrom",
    "a_angstrom",
    "b_angstrom",
    "c_angstrom",
    "alpha_degrees",
    "beta_degrees",
    "gamma_degrees",
)
COLUMNS_WITHOUT_CELL = COLUMNS[:6]
"""Of runs made before the cell was in the table."""
EDGES = COLUMNS[6:9]


@dataclass(frozen=True, slots=True)
class HealthBounds:
    """Bounds of a healthy run.

    Attributes
    ----------
    max_temperature_ratio : float
        Largest instantaneous temperature over the target.
    mean_temperature_tolerance : float
        Relative deviation allowed to the mean of the second half of the run; three standard errors of the mean are
        always allowed on top.
    density_change : float
        Largest relative change of density from the start.
    lateral_change : float
        Largest relative change of a lateral edge of the cell, a or b, from the start. The height, c, may change as far as
        `density_change` allows: closing gaps shrink it.
    min_distance_angstrom : float, angstrom
        No two atoms come closer.
    """

    max_temperature_ratio: float
    mean_temperature_tolerance: float
    density_change: float
    lateral_change: float
    min_distance_angstrom: float


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """Verdict on one run with the numbers behind it.

    Attributes
    ----------
    healthy : bool
        Whether every bound was kept and the run reached its end.
    reasons : tuple of str
        One sentence for each bound that was left.
    time_ps : float, ps
        How far the run came.
    edges_initial_angstrom, edges_mean_angstrom : tuple of float or None, angstrom
        Edges a, b and c of the cell at the start, and over the second half; None where the table has no cell.
    """

    healthy: bool
    reasons: tuple[str, ...]
    time_ps: float
    temperature_mean_kelvin: float
    temperature_max_kelvin: float
    density_initial_g_per_cm3: float
    density_mean_g_per_cm3: float
    min_distance_angstrom: float
    edges_initial_angstrom: tuple[float, float, float] | None
    edges_mean_angstrom: tuple[float, float, float] | None


def read_thermo(file: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a ``thermo.csv`` written by the MD deck.

    Parameters
    ----------
    file : Path
        CSV.

    Returns
    -------
    dict of str to (n_rows,) float array
        By the name of the column; runs made before the cell was in the table have the first six.

    Raises
    ------
    InputFileError
        If the file is missing, empty or has other columns.
    """
    try:
        with file.open(newline="") as handle:
            rows = list(csv.reader(handle))
    except OSError as error:
        raise InputFileError(f"{file} cannot be read: {error}") from error
    columns = tuple(rows[0]) if rows else ()
    # A run killed while writing leaves half a line at the end.
    lines = [row for row in rows[1:] if len(row) == len(columns)]
    if columns not in (COLUMNS, COLUMNS_WITHOUT_CELL) or not lines:
        raise InputFileError(f"{file} is not a thermo.csv with at least one line of numbers; run the MD again.")
    try:
        return dict(zip(columns, np.array(lines, float).T, strict=True))
    except ValueError as error:
        raise InputFileError(f"{file} holds a line that is no line of numbers ({error}); run the MD again.") from error


def judge_run(
    file: Path, *, target_kelvin: float, requested_ps: float, n_atoms: int, bounds: HealthBounds
) -> RunVerdict:
    """Judge a run by its ``thermo.csv``.

    Parameters
    ----------
    file : Path
        The table.
    target_kelvin : float, K
        Temperature of the thermostat.
    requested_ps : float, ps
        Length asked for.
    n_atoms : int
        Sets the size of natural temperature fluctuations.
    bounds : HealthBounds
        What is healthy.

    Returns
    -------
    RunVerdict
        With a reason for each bound that was left.

    Notes
    -----
    The temperature of N atoms fluctuates by T sqrt(2 / 3N) in the canonical ensemble; the tolerance on the mean
    is widened by three such standard deviations over sqrt(n) with n = 4 independent samples at least.
    """
    thermo = read_thermo(file)
    kelvin, density = thermo["temperature_kelvin"], thermo["density_g_per_cm3"]
    shortest, time = thermo["min_distance_angstrom"], thermo["time_ps"]
    mean = float(kelvin[kelvin.size // 2 :].mean())
    reasons = []
    if not all(np.isfinite(column).all() for column in thermo.values()):
        reasons.append("some values are not finite numbers")
    reasons += _left_bounds(thermo, target_kelvin, bounds)
    allowed = target_kelvin * (bounds.mean_temperature_tolerance + 1.5 * float(np.sqrt(2.0 / (3.0 * n_atoms))))
    if abs(mean - target_kelvin) > allowed:
        reasons.append(f"the mean temperature of the second half is {mean:.0f} K for a target of {target_kelvin:g} K")
    edges = _edges(thermo)
    if time[-1] < requested_ps * (1 - 1e-6) - 1e-9:
        reasons.append(f"it ended at {time[-1]:.6g} ps of {requested_ps:g} ps")
    return RunVerdict(
        healthy=not reasons,
        reasons=tuple(reasons),
        time_ps=float(time[-1]),
        temperature_mean_kelvin=mean,
        temperature_max_kelvin=float(kelvin.max()),
        density_initial_g_per_cm3=float(density[0]),
        density_mean_g_per_cm3=float(density[density.size // 2 :].mean()),
        min_distance_angstrom=float(shortest.min()),
        edges_initial_angstrom=None if edges is None else _three(edges[0]),
        edges_mean_angstrom=None if edges is None else _three(edges[kelvin.size // 2 :].mean(axis=0)),
    )


def keeps_bounds(file: Path, *, target_kelvin: float, bounds: HealthBounds) -> bool:
    """Whether a run left none of the bounds that halt one.

    Parameters
    ----------
    file : Path
        Its ``thermo.csv``.
    target_kelvin : float, K
        Temperature of the thermostat.
    bounds : HealthBounds
        What is healthy.

    Returns
    -------
    bool
        True if each line of the table is within all of them.

    Raises
    ------
    InputFileError
        As `read_thermo`.
    """
    return not _left_bounds(read_thermo(file), target_kelvin, bounds)


def first_sick_line(file: Path, *, target_kelvin: float, bounds: HealthBounds) -> int | None:
    """Where a run left a bound that halts one.

    Parameters
    ----------
    file : Path
        Its ``thermo.csv``.
    target_kelvin : float, K
        Temperature of the thermostat.
    bounds : HealthBounds
        What is healthy.

    Returns
    -------
    int or None
        Number of the first line that is outside or holds no finite number, from 0; None where every line is within all bounds.

    Raises
    ------
    InputFileError
        As `read_thermo`.
    """
    thermo = read_thermo(file)
    density, edges = thermo["density_g_per_cm3"], _edges(thermo)
    outside = ~np.isfinite(np.column_stack(list(thermo.values()))).all(axis=1)
    outside |= thermo["temperature_kelvin"] > bounds.max_temperature_ratio * target_kelvin
    outside |= np.abs(density / density[0] - 1.0) > bounds.density_change
    outside |= thermo["min_distance_angstrom"] < bounds.min_distance_angstrom
    if edges is not None:
        outside |= (np.abs(edges[:, :2] / edges[0, :2] - 1.0) > bounds.lateral_change).any(axis=1)
    return int(outside.argmax()) if outside.any() else None


def _left_bounds(thermo: Mapping[str, NDArray[np.float64]], target_kelvin: float, bounds: HealthBounds) -> list[str]:
    """A sentence for each bound that halts a run and was left."""
    reasons = []
    kelvin, density = thermo["temperature_kelvin"], thermo["density_g_per_cm3"]
    shortest, edges = thermo["min_distance_angstrom"], _edges(thermo)
    if kelvin.max() > bounds.max_temperature_ratio * target_kelvin:
        reasons.append(
            f"the temperature reached {kelvin.max():.0f} K, over {bounds.max_temperature_ratio:g} times the "
            f"target of {target_kelvin:g} K"
        )
    change = float(np.abs(density / density[0] - 1.0).max())
    if change > bounds.density_change:
        reasons.append(f"the density changed by {100 * change:.3g} %, more than {100 * bounds.density_change:g} %")
    if edges is not None:
        reasons += _lateral_changes(edges, bounds.lateral_change)
    if shortest.min() < bounds.min_distance_angstrom:
        reasons.append(f"two atoms came as close as {shortest.min():.2f} angstrom")
    return reasons


def _edges(thermo: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Edges of the cell, (n_rows, 3), angstrom; None where the table has no cell."""
    return np.column_stack([thermo[name] for name in EDGES]) if EDGES[0] in thermo else None


def _lateral_changes(edges: NDArray[np.float64], bound: float) -> list[str]:
    """A sentence for each lateral edge that left its bound; edges are (n_rows, 3), angstrom."""
    changes = np.abs(edges / edges[0] - 1.0)
    furthest = changes.argmax(axis=0)
    return [
        f"the lateral edge {name} of the cell went from {edges[0, i]:.2f} to {edges[furthest[i], i]:.2f} angstrom, by "
        f"{100 * changes[furthest[i], i]:.3g} %, more than {100 * bound:g} %"
        for i, name in enumerate("ab")
        if changes[furthest[i], i] > bound
    ]


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
