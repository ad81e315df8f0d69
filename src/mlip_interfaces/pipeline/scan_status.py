"""How far each run of the scan is, how fast and how healthy; reads the ends of files, also while they are written."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mlip_interfaces.books.run import INDEX, ScanEntry, ScanIndex, read_optional_book
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.jobs import worker_in
from mlip_interfaces.md import TABLE, Motion, RunProgress, first_sick_line, progress_of_run, started_with
from mlip_interfaces.md.ending import DONE, is_over
from mlip_interfaces.md.health import read_thermo
from mlip_interfaces.md.pieces import DEVIATIONS, pieces_of
from mlip_interfaces.pipeline.md_runs import health_bounds
from mlip_interfaces.pipeline.scan import ScanRun, last_words, other_command, run_script, scan_runs
from mlip_interfaces.records import Record
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import FS_TO_PS, PS_TO_NS, SECONDS_PER_DAY, SECONDS_PER_HOUR

RunStateName = Literal["waiting", "running", "stopped", "failed", "finished", "sick", "of another study"]
_DEVIATION_BYTES, _MAX_FORCE = 2**14, 4
"""Some hundred lines of ``model_devi.out``, and the column of the largest force deviation in it."""
_FRESH_SECONDS, _FRESH_INTERVALS = 120.0, 3
"""A table that was written to this long ago is being written, where a cluster's file system knows no locks; or this many intervals between
its lines at the pace of the run, where that is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus(Record):
    """One run of the scan.

    Attributes
    ----------
    name : str
        Of the run.
    state : str
        ``waiting``: nothing of it is there. ``running``: a process works on it. ``stopped``: begun, and nobody works on it now; it goes
        on from its checkpoint. ``failed``: as stopped, and LAMMPS did not end well. ``finished``: it came to its end. ``sick``: a bound
        of `health` ended it, or its atoms flew apart. ``of another study``: its files were made with another command.
    time_ns, asked_ns : float, ns
        Done, and asked for.
    ns_per_day : float or None, ns/day
        Its pace; None before it is known.
    seconds_left : float or None, s
        To its end at this pace; None where it does not run.
    healthy : bool or None
        The verdict, once there is one: of the scan's index, or that it was stopped.
    reasons : tuple of str
        Why it is not healthy, or has not come to its end.
    last_good_ps : float or None, ps
        Of a sick run, with the number of the frame.
    last_good_frame : int or None
        From 0.
    temperature_kelvin, density_change, min_distance_angstrom : float or None
        At the last line of its table; the density against that of the start.
    deviation_ev_per_angstrom, deviation_share_above : float or None, eV/angstrom
        Of the committee on the fly, where the protocol asks for it: the mean over some hundred of the last frames that were compared of
        the largest force deviation of an atom, and their share at or above the upper trust level.
    """

    name: str
    state: RunStateName
    time_ns: float
    asked_ns: float
    ns_per_day: float | None = None
    seconds_left: float | None = None
    healthy: bool | None = None
    reasons: tuple[str, ...] = ()
    last_good_ps: float | None = None
    last_good_frame: int | None = None
    temperature_kelvin: float | None = None
    density_change: float | None = None
    min_distance_angstrom: float | None = None
    deviation_ev_per_angstrom: float | None = None
    deviation_share_above: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStatus(Record):
    """All runs of a scan.

    Attributes
    ----------
    runs : tuple of RunStatus
        In the order of the scan.
    states : mapping of str to int
        How many runs are in each state.
    time_ns, asked_ns : float, ns
        Done and asked for, in all.
    ns_per_day : float, ns/day
        Of all that run now.
    elsewhere : bool
        Whether runs are made in another folder or machine, so that nothing of them is here before they are over.
    """

    runs: tuple[RunStatus, ...]
    states: Mapping[str, int] = field(default_factory=dict)
    time_ns: float
    asked_ns: float
    ns_per_day: float
    elsewhere: bool = False


def scan_status(context: RunContext) -> ScanStatus:
    """Look at every run of a scan; files are only read.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    ScanStatus
        As far as files here tell.

    Raises
    ------
    InputFileError
        If the scan's index is damaged.
    """
    index = read_optional_book(ScanIndex, context.scan / INDEX) or ScanIndex()
    judged = {entry.name: entry for entry in index.runs}
    runs = tuple(_status(context, run, judged.get(run.name)) for run in scan_runs(context.study))
    if any(run.protocol.deviation_every for run in scan_runs(context.study)):
        from mlip_interfaces.pipeline.committee import trusted_committee

        high = trusted_committee(context).high
        runs = tuple(_with_deviation(run, context.scan / run.name, high) for run in runs)
    return ScanStatus(
        runs=runs,
        states=dict(Counter(run.state for run in runs)),
        time_ns=sum(min(run.time_ns, run.asked_ns) for run in runs),
        asked_ns=sum(run.asked_ns for run in runs),
        ns_per_day=sum(run.ns_per_day or 0.0 for run in runs if run.state == "running"),
        elsewhere=context.study.execution.staged,
    )


def _status(context: RunContext, run: ScanRun, judged: ScanEntry | None) -> RunStatus:
    directory, protocol = context.scan / run.name, run.protocol
    script = run_script(context, run)
    asked_ps = protocol.n_steps * protocol.timestep_fs * FS_TO_PS
    over = is_over(directory)
    if why := other_command(directory, script):
        state = "finished" if over else "begun"
        return RunStatus(
            name=run.name,
            state="of another study",
            time_ns=0.0,
            asked_ns=asked_ps * PS_TO_NS,
            reasons=(f"{state}: {why}",),
        )
    seen = progress_of_run(directory)
    state = _over(seen, directory, asked_ps) if over else _open(context, run, seen)
    healthy, reasons = _verdict(directory, seen, judged) if over else (None, ())
    last_good: tuple[float, int] | None = None
    if state == "sick":
        healthy, last_good = False, _last_good(context, run)
        reasons = reasons or ("it was ended before its time; `scan collect` says why",)
    elif state == "failed":
        reasons = (last_words(directory),)
    left = None
    if state == "running" and seen.ns_per_day:
        left = max(0.0, asked_ps - seen.time_ps) * PS_TO_NS / seen.ns_per_day * SECONDS_PER_DAY
    return RunStatus(
        name=run.name,
        state=state,
        time_ns=seen.time_ps * PS_TO_NS,
        asked_ns=asked_ps * PS_TO_NS,
        ns_per_day=seen.ns_per_day,
        seconds_left=left,
        healthy=healthy,
        reasons=reasons,
        last_good_ps=last_good[0] if last_good else None,
        last_good_frame=last_good[1] if last_good else None,
        temperature_kelvin=seen.temperature_kelvin,
        density_change=seen.density_change,
        min_distance_angstrom=seen.min_distance_angstrom,
    )


def _over(seen: RunProgress, directory: Path, asked_ps: float) -> RunStateName:
    """Of a run that is over: the deck ends it before its time where a bound is left, and not otherwise."""
    whole = seen.time_ps >= asked_ps * (1 - 1e-6) - 1e-9
    return "finished" if whole and (directory / DONE).read_text().strip() == "0" else "sick"


def _open(context: RunContext, run: ScanRun, seen: RunProgress) -> RunStateName:
    """Of a run that is not over."""
    directory = context.scan / run.name
    age = time.time() - seen.changed if seen.changed is not None else float("inf")
    line_seconds = (
        run.protocol.frame_interval_ps * PS_TO_NS / seen.ns_per_day * SECONDS_PER_DAY if seen.ns_per_day else 0.0
    )
    # On another node of a cluster whose file system knows no locks, only its files show that it runs.
    if worker_in(directory) or (
        context.study.execution.kind == "slurm" and age < max(_FRESH_SECONDS, _FRESH_INTERVALS * line_seconds)
    ):
        return "running"
    if last_words(directory, failures_alone=True):
        return "failed"
    return "stopped" if seen.changed is not None else "waiting"


def _verdict(directory: Path, seen: RunProgress, judged: ScanEntry | None) -> tuple[bool | None, tuple[str, ...]]:
    """Of the scan's index, if it is on the files that are there."""
    made = started_with(directory)
    if judged is None or made is None or abs(judged.time_ps - seen.time_ps) > 1e-9 + 1e-6 * seen.time_ps:
        return None, ()
    if judged.motion_sha256 not in ("", Motion.of(made).hash):
        return None, ()
    return judged.healthy, judged.reasons


def _with_deviation(run: RunStatus, directory: Path, high: float | None) -> RunStatus:
    """The status of a run with what the committee says of its last frames."""
    if run.state in ("waiting", "of another study") or not (files := pieces_of(directory, DEVIATIONS)):
        return run
    with files[-1].open("rb") as handle:
        start = handle.seek(max(0, files[-1].stat().st_size - _DEVIATION_BYTES))
        lines = handle.read().split(b"\n")[1 if start else 0 : -1]
    rows = [words for line in lines if len(words := line.split()) > _MAX_FORCE and words[0].isdigit()]
    values = [float(words[_MAX_FORCE]) for words in rows]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return run
    above = None if high is None else sum(not value < high for value in values) / len(values)
    return replace(run, deviation_ev_per_angstrom=sum(finite) / len(finite), deviation_share_above=above)


def _last_good(context: RunContext, run: ScanRun) -> tuple[float, int] | None:
    """Time and number of the last frame before which nothing was wrong."""
    table = context.scan / run.name / TABLE
    bounds = health_bounds(context.study)
    try:
        times = read_thermo(table)["time_ps"]
        first = first_sick_line(table, target_kelvin=run.protocol.temperature_kelvin, bounds=bounds)
    except InputFileError:
        return None
    last = (len(times) if first is None else first) - 1
    return (float(times[last]), last) if last >= 0 else None


def status_lines(status: ScanStatus) -> list[str]:
    """The state of a scan as a table.

    Parameters
    ----------
    status : ScanStatus
        Of `scan_status`.

    Returns
    -------
    list of str
        For a terminal.
    """
    width = max([len(run.name) for run in status.runs] + [3])
    lines = [
        f"{'run':{width}} {'state':>9} {'ns':>9} {'of':>7} {'ns/day':>7} {'left':>8} {'T, K':>6} {'density':>8} {'shortest':>8}  health"
    ]
    lines += [_row(run, width) for run in status.runs]
    counts = ", ".join(f"{number} {state}" for state, number in status.states.items())
    total = f"{status.time_ns:.4g} of {status.asked_ns:.4g} ns"
    lines += ["", f"{len(status.runs)} runs: {counts}; {total}" + _in_all(status)]
    if status.elsewhere:
        lines.append("Runs are made elsewhere: nothing of them is here before they are over.")
    return lines


def _in_all(status: ScanStatus) -> str:
    left_ns = sum(run.asked_ns - run.time_ns for run in status.runs if run.state in ("running", "waiting", "stopped"))
    if not status.ns_per_day:
        return ""
    return f", {status.ns_per_day:.3g} ns/day, about {_duration(left_ns / status.ns_per_day * SECONDS_PER_DAY)} left at this pace"


def _row(run: RunStatus, width: int) -> str:
    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    state = "another" if run.state == "of another study" else run.state
    left = "-" if run.seconds_left is None else _duration(run.seconds_left)
    change = "-" if run.density_change is None else f"{100 * run.density_change:+.1f} %"
    return (
        f"{run.name:{width}} {state:>9} {run.time_ns:>9.4g} {run.asked_ns:>7.4g} {cell(run.ns_per_day, '.3g'):>7} {left:>8} "
        f"{cell(run.temperature_kelvin, '.0f'):>6} {change:>8} {cell(run.min_distance_angstrom, '.2f'):>8}  {_health(run)}"
    ).rstrip()


def _health(run: RunStatus) -> str:
    reasons = "; ".join(run.reasons)
    if run.state == "sick":
        good = (
            f"last good frame {run.last_good_frame}, at {run.last_good_ps:.6g} ps"
            if run.last_good_ps is not None
            else "no good frame"
        )
        return f"{good}: {reasons}"
    deviation = ""
    if run.deviation_ev_per_angstrom is not None:
        above = "" if run.deviation_share_above is None else f", {100 * run.deviation_share_above:.0f} % above trust"
        deviation = f"deviation {run.deviation_ev_per_angstrom:.3g} eV/angstrom{above}"
    verdict = "healthy" if run.healthy else reasons
    return "; ".join(filter(None, (verdict, deviation)))


def _duration(seconds: float) -> str:
    """As a person says it.

    Examples
    --------
    >>> _duration(42.0), _duration(5400.0), _duration(260000.0)
    ('42 s', '1.5 h', '3.0 d')
    """
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    if seconds < SECONDS_PER_HOUR:
        return f"{seconds / 60:.0f} min"
    return (
        f"{seconds / SECONDS_PER_HOUR:.1f} h" if seconds < 2 * SECONDS_PER_DAY else f"{seconds / SECONDS_PER_DAY:.1f} d"
    )
