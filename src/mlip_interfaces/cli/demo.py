"""``demo``: the demo study, end to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("demo", help=VERBS["demo"])
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="DIR", help="run folder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import run_study
    from mlip_interfaces.shipped_files import study_file

    run_study(study_file("demo.yaml"), arguments.out)
    print(arguments.out / "report" / "index.html")
    return 0
