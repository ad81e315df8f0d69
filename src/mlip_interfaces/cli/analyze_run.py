"""``analyze-run TASK_DIR``: all analyses of one run of a scan."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, count
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("analyze-run", help=VERBS["analyze-run"])
    parser.add_argument(
        "task", type=Path, metavar="TASK_DIR", help="folder with run.task.json; results are written there"
    )
    parser.add_argument(
        "--threads",
        type=count,
        default=os.environ.get("OMP_NUM_THREADS", "1"),
        metavar="N",
        help="for pair searches (default: OMP_NUM_THREADS, or 1)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make what is missing.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.run_analysis import analyze_task

    analyze_task(arguments.task, arguments.threads)
    return 0
