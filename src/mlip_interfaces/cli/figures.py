"""``figures DIR``: the figures of a paper on a scan."""

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
    parser = subparsers.add_parser("figures", help=VERBS["figures"])
    add_run_folder(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder for the figures (default: figures/ in the run folder)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write every figure that the results allow, and name them.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import draw_paper_figures

    directory = arguments.out or arguments.directory / "figures"
    for saved in draw_paper_figures(arguments.directory, directory):
        print(f"{directory / saved.name}.png, .svg, .csv")
    print(directory / "captions.md")
    return 0
