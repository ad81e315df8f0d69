"""Stage ``analyze``: every analysis of the study, one pass over each trajectory of the scan.

What is made of a run stands in a folder of its own with a record of what it was made of. Only what is not there is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.books.recommendation import RecommendationBook
from mlip_interfaces.books.run import (
    INDEX,
    MEANS_FILE,
    AnalysisEntry,
    AnalysisIndex,
    MadeAnalysis,
    ScanEntry,
    ScanIndex,
    write_book,
)
from mlip_interfaces.config import LocalExecution, Study
from mlip_interfaces.errors import AnalysisError, InputFileError, counted
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import write_csv
from mlip_interfaces.observables import Request
from mlip_interfaces.pipeline.analysis_jobs import RunOutcome, outcomes_of_jobs
from mlip_interfaces.pipeline.combined_runs import write_combined
from mlip_interfaces.pipeline.recommendation import write_recommendation
from mlip_interfaces.pipeline.run_analysis import analyses_of_run, asked_of, made_before, requests_of
from mlip_interfaces.pipeline.scan import read_scan_index
from mlip_interfaces.pipeline.stale_runs import stale_runs
from mlip_interfaces.run.context import RunContext

ThicknessTable = dict[str, list[tuple[float, float, float]]]
"""Quantity -> thickness of the coating, value and standard error of each run."""

Numbers = list[tuple[ScanEntry, str, float, float]]
"""Run, quantity, value and standard error."""


def run_analyze(context: RunContext) -> str:
    """Analyse every healthy run; unhealthy and damaged ones are listed without results.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    str
        How many runs were analysed, and which were not.

    Raises
    ------
    InputFileError
        If the scan has not been collected, or no healthy run can be analysed.
    """
    entries = []
    numbers: Numbers = []
    runs = read_scan_index(context)
    stale = stale_runs(context, runs)
    context.analysis.mkdir(parents=True, exist_ok=True)
    sound = tuple(run for run in runs if run.healthy and not stale.get(run.name))
    # Results that go elsewhere may go where no node sees them.
    is_here = isinstance(context.study.execution, LocalExecution) or context.results is not None
    outcomes = (_outcomes_here if is_here else outcomes_of_jobs)(context, sound)
    for run in runs:
        trouble = stale.get(run.name, "") if run.healthy else ""
        outcome = outcomes.get(run.name, RunOutcome(trouble=trouble))
        made = outcome.made
        kinds = {name: analysis.kind for name, analysis in made.items() if analysis.kind}
        absent = {what: why for analysis in made.values() for what, why in analysis.absent.items()}
        entries.append(AnalysisEntry.of_run(run, kinds=kinds, absent=absent, trouble=outcome.trouble))
        numbers += _headlines(run, made)
    _write_headlines(numbers, runs, context)
    combined = write_combined(context, runs, outcomes)
    write_book(context.analysis / INDEX, AnalysisIndex(tuple(entries), combined))
    recommended = write_recommendation(context, runs, entries)
    troubled = [f"{entry.name}: {entry.trouble}" for entry in entries if entry.trouble]
    troubled += [f"{entry.result} of {entry.name} together: {entry.trouble}" for entry in combined if entry.trouble]
    n_analysed = sum(entry.analysed for entry in entries)
    if troubled and not n_analysed:
        raise InputFileError(f"No run of {context.scan} could be analysed. {' '.join(troubled)}")
    missing = ScanIndex(runs).unfinished
    said = f"preliminary, {counted(len(missing), 'run')} missing: {', '.join(missing)}; " if missing else ""
    said += f"{n_analysed} of {len(entries)} runs analysed{_recommended(recommended)}"
    if sick := [f"{run.name}: {', '.join(run.reasons)}" for run in runs if run.finished and not run.healthy]:
        said += f"; not healthy, and in no average: {'; '.join(sick)}"
    return f"{said}; not analysed: {'; '.join(troubled)}" if troubled else said


def _recommended(book: RecommendationBook | None) -> str:
    """What is recommended, for the line of the stage."""
    answers = book.answers if book is not None else ()
    return "".join(
        f"; {answer.variant}{': ' if answer.variant else ''}{answer.sentence.rstrip('.')}" for answer in answers
    )


def _outcomes_here(context: RunContext, runs: Sequence[ScanEntry]) -> dict[str, RunOutcome]:
    """What becomes of runs in this process, one after the other."""
    outcomes = {}
    asked, n_threads = context.study.analysis, context.study.execution.cores
    for place, run in enumerate(runs):
        context.progress(place / len(runs), run.name)
        files, folder = context.scan / run.directory, context.analysis / run.directory
        try:
            outcomes[run.name] = RunOutcome(analyses_of_run(run, files, asked, folder, n_threads))
        except (InputFileError, AnalysisError) as error:
            # The folder may be moved.
            outcomes[run.name] = RunOutcome(trouble=str(error).replace(f"{context.root}/", ""))
        except MemoryError:
            outcomes[run.name] = RunOutcome(trouble="there is not enough memory for it; analyse it where there is more")
    return outcomes


def missing_analyses(context: RunContext, run: str, temperature_kelvin: float) -> tuple[str, ...]:
    """Requests of a study that have no result of their settings yet; trajectories are not looked at.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    run : str
        Name of a run of the scan.
    temperature_kelvin : float, K
        Of the run.

    Returns
    -------
    tuple of str
        Names of requests, in order.
    """
    asked, there = context.study.analysis, made_before(context.analysis / run)
    return tuple(
        name
        for name, request in study_requests(context.study, temperature_kelvin).items()
        if name not in there or there[name].asked != asked_of(asked, request)
    )


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
    return requests_of(study.analysis, temperature_kelvin)


def _headlines(run: ScanEntry, made: Mapping[str, MadeAnalysis]) -> Numbers:
    """The headlines of all results."""
    return [
        (
            run,
            found.quantity if name == analysis.kind else f"{found.quantity} ({name})",
            math.nan if found.value is None else found.value,
            math.nan if found.error is None else found.error,
        )
        for name, analysis in made.items()
        for found in analysis.headlines
    ]


def _write_headlines(numbers: Numbers, runs: Sequence[ScanEntry], context: RunContext) -> None:
    """``headlines.csv``; where thicknesses are scanned, ``thickness.csv`` and a figure per condition too."""
    rows = [
        (run.condition, quantity, run.name, f"{value:.6g}", f"{error:.6g}") for run, quantity, value, error in numbers
    ]
    write_csv(context.analysis / "headlines.csv", ("condition", "quantity", "run", "value", "error"), rows)
    _write_means(numbers, context)
    if len({run.coating_angstrom or 0.0 for run in runs}) < 2:
        return
    by_condition: dict[str, ThicknessTable] = {}
    for run, quantity, value, error in numbers:
        points = by_condition.setdefault(run.condition, {}).setdefault(quantity, [])
        points.append((run.coating_angstrom or 0.0, value, error))
    _write_thickness(by_condition, context)


def _write_means(numbers: Numbers, context: RunContext) -> None:
    """``means.csv``: seeds of one model and protocol as one, where there are several."""
    of_seeds: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for run, quantity, value, error in numbers:
        if math.isfinite(value):
            of_seeds.setdefault((run.condition, run.model, quantity), []).append((value, error))
    rows = []
    for key, points in of_seeds.items():
        runs = Replicas(tuple(value for value, _ in points), tuple(error for _, error in points))
        if runs.n_runs > 1:
            numbers_of = (runs.mean, runs.error, *runs.interval())
            rows.append((*key, runs.n_runs, *(f"{number:.6g}" for number in numbers_of)))
    file = context.analysis / MEANS_FILE
    if rows:
        write_csv(file, ("condition", "model", "quantity", "n_runs", "value", "error", "low_95", "high_95"), rows)
    else:
        file.unlink(missing_ok=True)


def _write_thickness(by_condition: dict[str, ThicknessTable], context: RunContext) -> None:
    """``thickness.csv`` of all runs, ``thickness_means.csv`` of all thicknesses, and a figure per condition."""
    from mlip_interfaces.figures.thickness import against_thickness, runs_by_thickness

    rows = [
        (condition, quantity, *(f"{number:.6g}" for number in point))
        for condition, table in by_condition.items()
        for quantity, points in table.items()
        for point in sorted(points)
    ]
    columns = ("condition", "quantity", "coating_angstrom", "value", "error")
    write_csv(context.analysis / "thickness.csv", columns, rows)
    means = [
        (
            condition,
            quantity,
            f"{thickness:.6g}",
            runs.n_runs,
            *(f"{number:.6g}" for number in (runs.mean, runs.error, *runs.interval())),
        )
        for condition, table in by_condition.items()
        for quantity, points in table.items()
        for thickness, runs in runs_by_thickness(points).items()
    ]
    write_csv(
        context.analysis / "thickness_means.csv", (*columns[:3], "n_runs", *columns[3:], "low_95", "high_95"), means
    )
    for condition, table in by_condition.items():
        if table:
            save_figure(against_thickness(table), context.analysis, f"thickness-{condition}")
