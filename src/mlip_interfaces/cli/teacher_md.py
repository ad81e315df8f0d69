"""``teacher-md TASK_DIR``: a short MD with the teacher, for labels or for paths of atoms."""

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
    parser = subparsers.add_parser("teacher-md", help=VERBS["teacher-md"])
    parser.add_argument("task", type=Path, metavar="TASK_DIR", help="folder with POSCAR_in and teacher_md.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run or continue the MD.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.labels.teacher_md import teacher_md

    teacher_md(arguments.task)
    return 0
