"""``report DIR``: the HTML report of what a run folder holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("report", help=VERBS["report"])
    add_run_folder(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder for the report; the run folder is then read only"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report from whatever stages are done.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import report_run

    report_run(arguments.directory, arguments.out)
    print((arguments.out or arguments.directory / "report") / "index.html")
    return 0
