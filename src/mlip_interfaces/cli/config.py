"""``config check|schema``: the study file."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("config", help=VERBS["config"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="check study files")
    check.add_argument("files", type=Path, nargs="+", metavar="FILE")
    check.add_argument(
        "--model",
        type=Path,
        metavar="M",
        help="potential of a scan without a campaign: has it all elements? (.pb or .pth)",
    )
    check.set_defaults(run=run_check)
    schema = actions.add_parser("schema", help="print the JSON schema of a study file")
    schema.set_defaults(run=run_schema)


def run_check(arguments: argparse.Namespace) -> int:
    """Check every file and warn where production goes beyond what is explored, unless a potential is given; the first wrong file ends it.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.config.beyond_exploration import beyond_exploration
    from mlip_interfaces.pipeline.checked_study import load_checked_study

    for file in arguments.files:
        study = load_checked_study(file)
        if arguments.model is not None:
            from mlip_interfaces.pipeline.given_potential import examine_potential

            examine_potential(arguments.model, study.elements)
        print(f"{file}: study '{study.name}' is valid")
        # What a given potential was trained on is not known, and nothing is explored.
        for sentence in beyond_exploration(study) if arguments.model is None else ():
            print(f"{file}: warning: {sentence}")
    return 0


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the schema.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.config import study_schema

    print(json_text(study_schema()))
    return 0
