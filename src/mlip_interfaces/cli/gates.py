"""``gates DIR`` or ``gates STUDY --model M``: a potential through the safety gates."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("gates", help=VERBS["gates"])
    parser.add_argument(
        "target", type=Path, metavar="DIR|STUDY", help="a run folder; with --model, the study file of a new one"
    )
    parser.add_argument("--model", type=Path, metavar="M", help="frozen Deep Potential (.pb or .pth), for a study file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run folder (default: runs/ and the file's name)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the gates and print every check that failed, and the verdict.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code: 0 where all passed, 2 where one failed.
    """
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.pipeline.flow import initialise_scan, pass_gates

    root = arguments.target
    if arguments.model is not None:
        root = run_folder(arguments.target, arguments.out)
        initialise_scan(arguments.target, root, arguments.model)
    elif arguments.out is not None or not root.is_dir():
        raise InputFileError(f"{root}: give a run folder, or a study file with --model.")
    verdict = pass_gates(root)
    for result in verdict.results:
        print(f"{result.gate:12} {'passed' if result.passed else 'FAILED'}: {result.title}")
        for check in result.failed:
            print(f"    {check.sentence}{f', {check.note}' if check.note else ''}")
        for file in dict.fromkeys(check.repair for check in result.failed if check.repair):
            print(f"    structures to label: {root / 'validation' / file}")
    print(verdict.sentence)
    return 0 if verdict.passed else 2
