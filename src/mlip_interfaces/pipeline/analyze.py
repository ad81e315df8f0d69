"""Stage ``analyze``: every analysis of the study, one pass over each trajectory of the scan.

What is made of a run stands in a folder of its own with a record of what it was made of. Only what is not there is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.books.recommendation import RecommendationBook
from mlip_interfaces.books.run import (
    INDEX,
    RUN_INDEX,
    AnalysisEntry,
    AnalysisIndex,
    HeadlineNumber,
    MadeAnalyses,
    MadeAnalysis,
    ScanEntry,
    read_optional_book,
    write_book,
)
from mlip_interfaces.config import Study
from mlip_interfaces.errors import AnalysisError, InputFileError, counted
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import content_hash, file_hash, write_csv, write_json
from mlip_interfaces.observables import Request, Results, analyze
from mlip_interfaces.observables.results import number
from mlip_interfaces.pipeline.recommendation import write_recommendation
from mlip_interfaces.pipeline.scan import read_scan_index
from mlip_interfaces.pipeline.stale_runs import stale_runs
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.trajectory import TrajectoryReader, open_trajectory

RESULT_FORMAT = 2
"""Raised when results of an older version are not to stand beside new ones."""

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
    for place, run in enumerate(runs):
        context.progress(place / len(runs), run.name)
        made: Mapping[str, MadeAnalysis] = {}
        trouble = stale.get(run.name, "") if run.healthy else ""
        if run.healthy and not trouble:
            try:
                made = _analyses(context, run)
            except (InputFileError, AnalysisError) as error:
                # The folder may be moved.
                trouble = str(error).replace(f"{context.root}/", "")
        kinds = {name: analysis.kind for name, analysis in made.items() if analysis.kind}
        absent = {what: why for analysis in made.values() for what, why in analysis.absent.items()}
        entries.append(AnalysisEntry.of_run(run, kinds=kinds, absent=absent, trouble=trouble))
        numbers += _headlines(run, made)
    _write_headlines(numbers, runs, context)
    write_book(context.analysis / INDEX, AnalysisIndex(tuple(entries)))
    recommended = write_recommendation(context, runs, entries)
    troubled = [f"{entry.name}: {entry.trouble}" for entry in entries if entry.trouble]
    n_analysed = sum(entry.analysed for entry in entries)
    if troubled and not n_analysed:
        raise InputFileError(f"No run of {context.scan} could be analysed. {' '.join(troubled)}")
    said = f"{n_analysed} of {len(entries)} runs analysed{_recommended(recommended)}"
    return f"{said}; not analysed: {'; '.join(troubled)}" if troubled else said


def _recommended(book: RecommendationBook | None) -> str:
    """What is recommended, for the line of the stage."""
    answers = book.answers if book is not None else ()
    return "".join(
        f"; {answer.variant}{': ' if answer.variant else ''}{answer.sentence.rstrip('.')}" for answer in answers
    )


def _analyses(context: RunContext, run: ScanEntry) -> dict[str, MadeAnalysis]:
    """All that the study asks of a run: what is there as it is, the rest made in one pass."""
    directory, folder, asked = context.scan / run.directory, context.analysis / run.directory, context.study.analysis
    trajectory = open_trajectory(
        directory / run.trajectory,
        layers=directory / run.layers,
        frame_interval_ps=run.frame_interval_ps,
        start_ps=asked.start_ps,
        stop_ps=asked.stop_ps,
        unwrap=asked.unwrap,
    )
    _require_frames(trajectory, run)
    requests = study_requests(context.study, run.temperature_kelvin)
    made_of = _made_of(context.study, run, trajectory, requests)
    before = _before(folder)
    made = _kept(before, folder, made_of)
    # What the study does not ask for any more stays, and is there when it does again.
    others = {name: analysis for name, analysis in before.items() if name not in requests}
    missing = {name: request for name, request in requests.items() if name not in made}
    if missing:
        # Files of these analyses are about to change: until all are written, nothing vouches for them.
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RUN_INDEX, MadeAnalyses(others | made).to_json())
        results = analyze(trajectory, missing, drift=asked.drift, strict=False, n_threads=context.study.execution.cores)
        results.write(folder)
        made |= {
            name: _made(name, made_of[name], asked_of(context.study, request), results)
            for name, request in missing.items()
        }
        write_json(folder / RUN_INDEX, MadeAnalyses(others | made).to_json())
    return {name: made[name] for name in requests}


def _require_frames(trajectory: TrajectoryReader, run: ScanEntry) -> None:
    n_frames = trajectory.count_frames()
    if n_frames != run.n_frames:
        what = "it was cut" if n_frames < run.n_frames else "it is not of this run alone"
        raise InputFileError(
            f"{trajectory.origin} has {counted(n_frames, 'whole frame')}, and the scan's index says {run.n_frames}: {what}. Copy it "
            "again from where it is whole, or delete the run's folder and scan/manifest.json, and run the scan again."
        )


def _made_of(
    study: Study, run: ScanEntry, trajectory: TrajectoryReader, requests: Mapping[str, Request]
) -> dict[str, str]:
    """Hash of all that each result depends on, by the name of its request; files count by what they hold."""
    shared = {
        "files": [file_hash(path) for path in trajectory.inputs],
        "n_frames": run.n_frames,
        "frame_interval_ps": run.frame_interval_ps,
    }
    return {name: content_hash(shared | {"asked": asked_of(study, request)}) for name, request in requests.items()}


def asked_of(study: Study, request: Request) -> str:
    """Hash of all that decides a result, but the trajectory.

    Parameters
    ----------
    study : Study
        The study.
    request : Request
        One of it, at the temperature of a run.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    shared = {"format": RESULT_FORMAT, **study.analysis.model_dump(mode="json", exclude={"requests"})}
    return content_hash(shared | {"kind": request.kind, "settings": request.settings()})


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
    there = _before(context.analysis / run)
    return tuple(
        name
        for name, request in study_requests(context.study, temperature_kelvin).items()
        if name not in there or there[name].asked != asked_of(context.study, request)
    )


def _before(folder: Path) -> Mapping[str, MadeAnalysis]:
    """What an earlier start made."""
    try:
        return (read_optional_book(MadeAnalyses, folder / RUN_INDEX) or MadeAnalyses()).analyses
    except InputFileError:
        # A damaged record vouches for nothing.
        return {}


def _kept(before: Mapping[str, MadeAnalysis], folder: Path, made_of: Mapping[str, str]) -> dict[str, MadeAnalysis]:
    """What of it is of the same."""
    return {
        name: analysis
        for name, analysis in before.items()
        if analysis.made_of == made_of.get(name) and (not analysis.kind or (folder / f"{name}.json").is_file())
    }


def _made(name: str, made_of: str, asked: str, results: Results) -> MadeAnalysis:
    """The record of one request; what is absent of it is called by its name, or by its name and the part."""
    result = results.get(name)
    return MadeAnalysis(
        made_of=made_of,
        asked=asked,
        kind="" if result is None else result.request.kind,
        absent={what: why for what, why in results.absent.items() if what.split(" ")[0] == name},
        headlines=()
        if result is None
        else tuple(HeadlineNumber(said, number(value), number(error)) for said, value, error in result.headlines()),
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
    return {name: request.at(temperature_kelvin) for name, request in study.analysis.requests.items()}


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
    file = context.analysis / "means.csv"
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
