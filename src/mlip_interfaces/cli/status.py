"""``status DIR``: how far a run is."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("status", help=VERBS["status"])
    add_run_folder(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the state of each stage.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.run.stages import run_status

    states = run_status(arguments.directory)
    if arguments.json:
        json.dump({"stages": [asdict(state) for state in states]}, sys.stdout, indent=1)
        print()
        return 0
    for state in states:
        print(f"{state.stage:10} {state.status:12} {state.wall_seconds:8.0f} s  {state.finished or ''}")
    return 0
