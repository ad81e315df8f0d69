"""``analyze KIND TRAJ`` for every registered analysis, ``analyze arrhenius`` and ``analyze all DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.choices import SCHEMES
from mlip_interfaces.cli.arguments import (
    Subparsers,
    add_output,
    add_run_folder,
    count,
    finite,
    positive,
    require_output,
    say,
)
from mlip_interfaces.cli.options import option_of, spoken, spoken_errors
from mlip_interfaces.cli.request_options import add_request_options, request_of
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text
from mlip_interfaces.observables import ANALYSES, Arrhenius
from mlip_interfaces.observables.provenance import made_of
from mlip_interfaces.observables.request import CombinedRequest

if TYPE_CHECKING:
    from mlip_interfaces.observables import Request, Results


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("analyze", help=VERBS["analyze"])
    actions = parser.add_subparsers(dest="action", metavar="ANALYSIS", required=True)
    everything = actions.add_parser("all", help="all analyses of a study over its scan, one pass over each trajectory")
    add_run_folder(everything)
    everything.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder for the results; the run folder is then read only"
    )
    everything.set_defaults(run=run_all)
    for request in ANALYSES.values():
        _trajectory_parser(actions, request)
    arrhenius = actions.add_parser(Arrhenius.kind, help=Arrhenius.summary, description=Arrhenius.summary)
    arrhenius.add_argument("files", type=Path, nargs="+", metavar="MSD_JSON")
    add_request_options(arrhenius, Arrhenius)
    add_output(arrhenius)
    arrhenius.set_defaults(run=run_arrhenius)


def _trajectory_parser(actions: Subparsers[argparse.ArgumentParser], request: type[Request]) -> None:
    parser = actions.add_parser(request.kind, help=request.summary, description=request.summary)
    parser.add_argument(
        "trajectory", type=Path, metavar="TRAJ", help="LAMMPS dump (.gz), DCD, XTC, NetCDF, mdcrd, XDATCAR, extXYZ"
    )
    if issubclass(request, CombinedRequest):
        parser.add_argument(
            "more", type=Path, nargs="*", metavar="MORE", help="runs of the same interface that differ by chance alone"
        )
    add_request_options(parser, request)
    parser.add_argument("--topology", type=Path, metavar="F", help="LAMMPS data file or structure: elements and masses")
    parser.add_argument("--layers", type=Path, metavar="F", help="layers.json: element and layer of each atom")
    parser.add_argument(
        "--frame-interval-ps", type=positive, metavar="T", help="time between frames where the file has none"
    )
    parser.add_argument("--start-ps", type=finite, metavar="T", help="leave out frames before")
    parser.add_argument("--stop-ps", type=finite, metavar="T", help="leave out frames after")
    if request.uses_displacements:
        parser.add_argument(
            "--drift", default="com", metavar="FRAME", help="at rest: com (default), none, elements (Co,O) or a layer"
        )
        parser.add_argument("--unwrap", choices=SCHEMES, default="auto", help="how paths are made continuous")
    add_output(parser)
    parser.add_argument(
        "--threads",
        "--processes",
        dest="threads",
        type=count,
        default=1,
        metavar="N",
        help="for pair searches (default 1)",
    )
    parser.set_defaults(run=run_one, drift="com", unwrap="auto")


def run_all(arguments: argparse.Namespace) -> int:
    """Run the analysis stage, or the same into another folder.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import analyze_elsewhere, run_single_stage

    if arguments.out is None:
        run_single_stage(arguments.directory, "analyze")
    else:
        analyze_elsewhere(arguments.directory, arguments.out)
    print((arguments.out or arguments.directory / "analysis") / "index.json")
    return 0


def run_one(arguments: argparse.Namespace) -> int:
    """Run one analysis over one trajectory.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.

    Raises
    ------
    AnalysisError
        If neither files nor JSON are asked for, or an option is refused.
    """
    with spoken_errors(vars(arguments)):
        require_output(arguments)
        request = request_of(ANALYSES[arguments.action], arguments)
        if isinstance(request, CombinedRequest) and arguments.more:
            return _run_together(request, arguments)
        results = _analyzed(request, arguments.trajectory, arguments)
        contents = results.contents() if arguments.out is None else results.write(arguments.out)
    _tell(results, arguments)
    if arguments.json:
        print(json_text(contents[request.kind]))
    else:
        print(arguments.out / f"{request.kind}.json")
    return 0


def _run_together(request: CombinedRequest, arguments: argparse.Namespace) -> int:
    """One result of several trajectories."""
    runs = [_analyzed(request, file, arguments) for file in (arguments.trajectory, *arguments.more)]
    result = request.combined([results[request.kind] for results in runs])
    origin: dict[str, object] = {"runs": [results.provenance.to_json() for results in runs]}
    content = result.content(request.kind, origin)
    for results in runs:
        _tell(results, arguments)
    if arguments.out is not None:
        result.write(arguments.out, request.kind, content)
    print(json_text(content) if arguments.json else arguments.out / f"{request.kind}.json")
    return 0


def _analyzed(request: Request, file: Path, arguments: argparse.Namespace) -> Results:
    from mlip_interfaces.observables import analyze
    from mlip_interfaces.trajectory import open_trajectory

    trajectory = open_trajectory(
        file,
        topology=arguments.topology,
        layers=arguments.layers,
        frame_interval_ps=arguments.frame_interval_ps,
        start_ps=arguments.start_ps,
        stop_ps=arguments.stop_ps,
        unwrap=arguments.unwrap,
    )
    return analyze(trajectory, [request], drift=arguments.drift, n_threads=arguments.threads)


def _tell(results: Results, arguments: argparse.Namespace) -> None:
    """Notes, in the words of the command line."""
    options = {name: option_of(name) for name in vars(arguments)}
    say(spoken(note, options) for note in results.notes)


def run_arrhenius(arguments: argparse.Namespace) -> int:
    """Fit the diffusivities of several runs.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.

    Raises
    ------
    AnalysisError
        If neither files nor JSON are asked for, or an option is refused.
    """
    with spoken_errors(vars(arguments)):
        require_output(arguments)
        result = request_of(Arrhenius, arguments).fit(arguments.files)
    content = result.content(Arrhenius.kind, made_of(arguments.files))
    if arguments.out is not None:
        result.write(arguments.out, Arrhenius.kind, content)
    print(json_text(content) if arguments.json else arguments.out / f"{Arrhenius.kind}.json")
    return 0
