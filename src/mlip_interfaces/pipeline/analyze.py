"""Stage ``analyze``: every analysis of the study, one pass over each trajectory of the scan."""

from __future__ import annotations

from collections.abc import Sequence

from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex, ScanEntry
from mlip_interfaces.config import Study
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.observables import Request, Results, analyze
from mlip_interfaces.pipeline.scan import read_scan_index
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.trajectory import open_trajectory

ThicknessTable = dict[str, list[tuple[float, float, float]]]
"""Quantity -> thickness of the coating, value and standard error of each run."""

Numbers = list[tuple[ScanEntry, str, float, float]]
"""Run, quantity, value and standard error."""


def run_analyze(context: RunContext) -> str:
    """Analyse every healthy run; unhealthy ones are listed without results.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    str
        How many runs were analysed.

    Raises
    ------
    InputFileError
        If the scan has not been collected, or a trajectory is damaged.
    """
    entries = []
    numbers: Numbers = []
    runs = read_scan_index(context)
    asked = context.study.analysis
    for number, run in enumerate(runs):
        context.progress(number / len(runs), run.name)
        results = None
        if run.healthy:
            directory = context.scan / run.directory
            trajectory = open_trajectory(
                directory / run.trajectory,
                layers=directory / run.layers,
                frame_interval_ps=run.frame_interval_ps,
                start_ps=asked.start_ps,
                stop_ps=asked.stop_ps,
                unwrap=asked.unwrap,
            )
            results = analyze(
                trajectory,
                study_requests(context.study, run.temperature_kelvin),
                drift=asked.drift,
                strict=False,
                n_threads=context.study.execution.cores,
            )
            results.write(context.analysis / run.directory)
            numbers += _headlines(run, results)
        kinds, absent = ({}, {}) if results is None else (results.kinds(), results.absent)
        entries.append(AnalysisEntry.of_run(run, kinds=kinds, absent=absent))
    _write_headlines(numbers, runs, context)
    write_json(context.analysis / INDEX, AnalysisIndex(tuple(entries)).to_json())
    n_analysed = sum(entry.healthy for entry in entries)
    return f"{n_analysed} of {len(entries)} runs analysed"


def study_requests(study: Study, temperature_kelvin: float) -> dict[str, Request]:
    """What a study asks of a trajectory.

    Parameters
    ----------
    study : Study
        Its section `analysis`.
    temperature_kelvin : float, K
        Of the run.

    Returns
    -------
    dict of str to Request
        By name.
    """
    return {name: request.at(temperature_kelvin) for name, request in study.analysis.requests.items()}


def _headlines(run: ScanEntry, results: Results) -> Numbers:
    """The headlines of all results."""
    return [
        (run, quantity if name == result.request.kind else f"{quantity} ({name})", value, error)
        for name, result in results.items()
        for quantity, value, error in result.headlines()
    ]


def _write_headlines(numbers: Numbers, runs: Sequence[ScanEntry], context: RunContext) -> None:
    """``headlines.csv``; where thicknesses are scanned, ``thickness.csv`` and a figure per condition too."""
    rows = [
        (run.condition, quantity, run.name, f"{value:.6g}", f"{error:.6g}") for run, quantity, value, error in numbers
    ]
    write_csv(context.analysis / "headlines.csv", ("condition", "quantity", "run", "value", "error"), rows)
    if len({run.coating_angstrom or 0.0 for run in runs}) < 2:
        return
    by_condition: dict[str, ThicknessTable] = {}
    for run, quantity, value, error in numbers:
        points = by_condition.setdefault(run.condition, {}).setdefault(quantity, [])
        points.append((run.coating_angstrom or 0.0, value, error))
    _write_thickness(by_condition, context)


def _write_thickness(by_condition: dict[str, ThicknessTable], context: RunContext) -> None:
    """``thickness.csv`` and a figure per condition."""
    from mlip_interfaces.figures.thickness import against_thickness

    rows = [
        (condition, quantity, *(f"{number:.6g}" for number in point))
        for condition, table in by_condition.items()
        for quantity, points in table.items()
        for point in sorted(points)
    ]
    columns = ("condition", "quantity", "coating_angstrom", "value", "error")
    write_csv(context.analysis / "thickness.csv", columns, rows)
    for condition, table in by_condition.items():
        if table:
            save_figure(against_thickness(table), context.analysis, f"thickness-{condition}")
