"""The unit of work of stage ``analyze``: all that a study asks of one run, in one pass; what is there already is not made again.

The stage calls it in its own process, or has jobs call it (``mlip-interfaces analyze-run FOLDER``), which know the run and the
section `analysis` from a file in the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from mlip_interfaces.books.run import (
    RUN_INDEX,
    HeadlineNumber,
    MadeAnalyses,
    MadeAnalysis,
    ScanEntry,
    read_book,
    read_optional_book,
)
from mlip_interfaces.config.analysis import Analysis
from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.files import content_hash, file_hash, write_json
from mlip_interfaces.observables import Request, Results, analyze
from mlip_interfaces.observables.results import number
from mlip_interfaces.records import Record
from mlip_interfaces.trajectory import TrajectoryReader, open_trajectory

RESULT_FORMAT = 3
"""Raised when results of an older version are not to stand beside new ones."""
TASK = "run.task.json"
"""What a job does, in the folder of the run in analysis; no analysis has a name with a dot."""


@dataclass(frozen=True, slots=True)
class RunTask(Record):
    """``analysis/RUN/run.task.json``.

    Attributes
    ----------
    run : ScanEntry
        As the scan's index has it.
    files : str
        Folder of its trajectory and its layers, from the folder of this file.
    analysis : mapping
        The section of the study.
    """

    run: ScanEntry
    files: str
    analysis: Mapping[str, JsonValue]


def analyze_task(folder: Path, n_threads: int) -> None:
    """What a job does.

    Parameters
    ----------
    folder : Path
        With ``run.task.json``; the results go there.
    n_threads : int
        For pair searches.

    Raises
    ------
    InputFileError
        If the trajectory is damaged, or not the one that the scan's index has.
    AnalysisError
        If it cannot be analysed.
    """
    task = read_book(RunTask, folder / TASK)
    files = (folder / task.files).resolve()
    analyses_of_run(task.run, files, Analysis.model_validate(task.analysis), folder, n_threads)


def analyses_of_run(
    run: ScanEntry, files: Path, asked: Analysis, folder: Path, n_threads: int
) -> dict[str, MadeAnalysis]:
    """All that is asked of a run: what is there as it is, the rest made in one pass.

    Parameters
    ----------
    run : ScanEntry
        As the scan's index has it.
    files : Path
        Folder of its trajectory and its layers.
    asked : Analysis
        Section of the study.
    folder : Path
        Where results are and go.
    n_threads : int
        For pair searches.

    Returns
    -------
    dict of str to MadeAnalysis
        By the name of the request, in their order.

    Raises
    ------
    InputFileError
        If the trajectory is damaged, or not the one that the scan's index has.
    AnalysisError
        If it cannot be analysed.
    """
    trajectory = open_trajectory(
        files / run.trajectory,
        layers=files / run.layers,
        frame_interval_ps=run.frame_interval_ps,
        start_ps=asked.start_ps,
        stop_ps=asked.stop_ps,
        unwrap=asked.unwrap,
    )
    _require_frames(trajectory, run)
    requests = requests_of(asked, run.temperature_kelvin)
    made_of = _made_of(asked, run, trajectory, requests)
    before = made_before(folder)
    made = _kept(before, folder, lambda name, analysis: analysis.made_of == made_of.get(name))
    # What the study does not ask for any more stays, and is there when it does again.
    others = {name: analysis for name, analysis in before.items() if name not in requests}
    missing = {name: request for name, request in requests.items() if name not in made}
    if missing:
        # Files of these analyses are about to change: until all are written, nothing vouches for them.
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RUN_INDEX, MadeAnalyses(others | made).to_json())
        results = analyze(trajectory, missing, drift=asked.drift, strict=False, n_threads=n_threads)
        results.write(folder)
        made |= {
            name: _made(name, made_of[name], asked_of(asked, request), results) for name, request in missing.items()
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
    asked: Analysis, run: ScanEntry, trajectory: TrajectoryReader, requests: Mapping[str, Request]
) -> dict[str, str]:
    """Hash of all that each result depends on, by the name of its request; files count by what they hold."""
    shared = {
        "files": [file_hash(path) for path in trajectory.inputs],
        "n_frames": run.n_frames,
        "frame_interval_ps": run.frame_interval_ps,
    }
    return {name: content_hash(shared | {"asked": asked_of(asked, request)}) for name, request in requests.items()}


def requests_of(asked: Analysis, temperature_kelvin: float) -> dict[str, Request]:
    """Requests at the temperature of a run.

    Parameters
    ----------
    asked : Analysis
        Section of the study.
    temperature_kelvin : float, K
        Of the run.

    Returns
    -------
    dict of str to Request
        By name.
    """
    return {name: request.at(temperature_kelvin) for name, request in asked.requests.items()}


def asked_of(asked: Analysis, request: Request) -> str:
    """Hash of all that decides a result, but the trajectory.

    Parameters
    ----------
    asked : Analysis
        Section of the study.
    request : Request
        One of it, at the temperature of a run.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    shared = {"format": RESULT_FORMAT, **asked.model_dump(mode="json", exclude={"requests"})}
    settings = request.settings() | request.file_hashes()
    return content_hash(shared | {"kind": request.kind, "settings": settings})


def made_as_asked(asked: Analysis, temperature_kelvin: float, folder: Path) -> dict[str, MadeAnalysis]:
    """Analyses of a run that were made with the settings asked for; trajectories are not looked at.

    Parameters
    ----------
    asked : Analysis
        Section of the study.
    temperature_kelvin : float, K
        Of the run.
    folder : Path
        Of the run, in analysis.

    Returns
    -------
    dict of str to MadeAnalysis
        By the name of the request, in the order of requests.
    """
    wanted = {name: asked_of(asked, request) for name, request in requests_of(asked, temperature_kelvin).items()}
    there = _kept(made_before(folder), folder, lambda name, analysis: analysis.asked == wanted.get(name))
    return {name: there[name] for name in wanted if name in there}


def made_before(folder: Path) -> Mapping[str, MadeAnalysis]:
    """What an earlier start made.

    Parameters
    ----------
    folder : Path
        Of the run, in analysis.

    Returns
    -------
    mapping of str to MadeAnalysis
        By the name of the request.
    """
    try:
        return (read_optional_book(MadeAnalyses, folder / RUN_INDEX) or MadeAnalyses()).analyses
    except InputFileError:
        # A damaged record vouches for nothing.
        return {}


def _kept(
    before: Mapping[str, MadeAnalysis], folder: Path, same: Callable[[str, MadeAnalysis], bool]
) -> dict[str, MadeAnalysis]:
    """What of it is of the same, and has its file."""
    return {
        name: analysis
        for name, analysis in before.items()
        if same(name, analysis) and (not analysis.kind or (folder / f"{name}.json").is_file())
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
