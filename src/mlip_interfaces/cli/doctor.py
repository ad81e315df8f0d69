"""``doctor``: what is installed, what works, what is missing and how to get it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
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
    parser = subparsers.add_parser("doctor", help=VERBS["doctor"])
    parser.add_argument(
        "directory",
        type=Path,
        nargs="?",
        metavar="DIR",
        help="run folder whose study's Deep Potentials (teacher, start) are checked, too",
    )
    parser.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; exit code 3 if something required does not work.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0 or 3.
    """
    from mlip_interfaces.doctor import examine, examine_run

    # First what takes no time: a wrong folder ends it.
    of_run = examine_run(arguments.directory) if arguments.directory else []
    findings = [*examine(), *of_run]
    if arguments.json:
        print(json_text({"findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            mark = "ok     " if finding.works else ("MISSING" if finding.required else "absent ")
            print(
                f"{mark} {finding.name}: {finding.detail}"
                + (f"\n        get it: {finding.remedy}" if finding.remedy else "")
            )
    return 0 if all(finding.works for finding in findings if finding.required) else 3
