"""How far a run of LAMMPS is and how fast it goes, from the ends of its files: cheap enough for hundreds of runs at a time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.files import last_line
from mlip_interfaces.md.ending import LOG
from mlip_interfaces.md.health import COLUMNS
from mlip_interfaces.md.origin import STARTED
from mlip_interfaces.md.pieces import TABLE, pieces_of
from mlip_interfaces.units import PS_TO_NS, SECONDS_PER_DAY

_LOG_BYTES = 2**18
"""Of its end: LAMMPS says its speed at each checkpoint, some thousand lines apart."""
_SPEED = re.compile(rb"^Performance: (?P<speed>[\d.e+-]+) ns/day", flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The state of a run by its last whole line of numbers.

    Attributes
    ----------
    time_ps : float, ps
        How far it is; zero before its first line.
    ns_per_day : float or None, ns/day
        Its pace, as LAMMPS measured it between the last two checkpoints, else since it was started; None before its first line.
    changed : float or None, s since the epoch
        When its table was written to last.
    temperature_kelvin, density_change, min_distance_angstrom : float or None
        Of that line; the density against that of the start.
    """

    time_ps: float = 0.0
    ns_per_day: float | None = None
    changed: float | None = None
    temperature_kelvin: float | None = None
    density_change: float | None = None
    min_distance_angstrom: float | None = None


def progress_of_run(directory: Path) -> RunProgress:
    """Look how far a run is; the ends of three files are read.

    Parameters
    ----------
    directory : Path
        Folder of the run, there or not.

    Returns
    -------
    RunProgress
        Zero where nothing has begun.
    """
    tables = pieces_of(directory, TABLE)
    values: list[float] | None = None
    for file in reversed(tables):
        if (values := _numbers(last_line(file))) is not None:
            break
    else:
        return RunProgress()
    first = _first_numbers(tables[0])
    density, start = _named(values, "density_g_per_cm3"), _named(first, "density_g_per_cm3") if first else math.nan
    changed = file.stat().st_mtime
    return RunProgress(
        time_ps=values[0],
        ns_per_day=_told_speed(directory / LOG) or _mean_speed(directory, file, values[0], changed),
        changed=changed,
        temperature_kelvin=_named(values, "temperature_kelvin"),
        density_change=density / start - 1.0 if start else None,
        min_distance_angstrom=_named(values, "min_distance_angstrom"),
    )


def _named(values: list[float], name: str) -> float:
    return values[COLUMNS.index(name)]


def _numbers(line: str) -> list[float] | None:
    try:
        values = [float(word) for word in line.split(",")]
    except ValueError:
        return None
    return values if len(values) >= COLUMNS.index("min_distance_angstrom") + 1 else None


def _first_numbers(table: Path) -> list[float] | None:
    with table.open(errors="replace") as handle:
        handle.readline()
        return _numbers(handle.readline())


def _told_speed(log: Path) -> float | None:
    if not log.is_file():
        return None
    with log.open("rb") as handle:
        handle.seek(max(0, log.stat().st_size - _LOG_BYTES))
        found = _SPEED.findall(handle.read())
    return float(found[-1]) if found else None


def _mean_speed(directory: Path, table: Path, time_ps: float, changed: float) -> float | None:
    """Over the time since the process that writes this table was started, with what that took to begin."""
    first, started = _first_numbers(table), directory / STARTED
    if first is None or not started.is_file():
        return None
    seconds = changed - started.stat().st_mtime
    done_ps = time_ps - first[0]
    return done_ps * PS_TO_NS / seconds * SECONDS_PER_DAY if seconds > 0 and done_ps > 0 else None
