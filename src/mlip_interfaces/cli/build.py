"""``build STUDY``: the interface models."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import Subparsers, add_study, run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("build", help=VERBS["build"])
    add_study(parser)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="build this model alone; may be given several times"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the first stage, whole or for some models.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import build_some, run_study

    root = run_folder(arguments.study, arguments.out)
    if arguments.only:
        build_some(arguments.study, root, arguments.only)
    else:
        run_study(arguments.study, root, until="build")
    print(root / "structures" / "index.json")
    return 0
