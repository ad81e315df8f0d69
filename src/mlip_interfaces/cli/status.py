"""``status DIR``: how far a run is, and what lies in its folder that its study does not ask for."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from mlip_interfaces.pipeline.orphans import Orphan


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
    """Print the state of each stage, and what is orphaned.

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
    orphans = _orphans(arguments.directory)
    if arguments.json:
        content = {"stages": [asdict(state) for state in states], "orphans": [asdict(orphan) for orphan in orphans]}
        print(json_text(content))
        return 0
    for state in states:
        print(f"{state.stage:10} {state.status:12} {state.wall_seconds:8.0f} s  {state.finished or ''}")
    for sentence in _answers(arguments.directory):
        print(f"answer     {sentence}")
    for orphan in orphans:
        print(f"orphaned   {orphan.path}: {orphan.why}")
    if orphans:
        print(
            f"`mlip-interfaces clean {shlex.quote(str(arguments.directory))}` removes what is orphaned, once it is told --yes."
        )
    return 0


def _answers(root: Path) -> list[str]:
    """Which thickness to take, of each variant of the models."""
    from mlip_interfaces.books.recommendation import RECOMMENDATION_FILE, RecommendationBook
    from mlip_interfaces.books.run import read_optional_book

    book = read_optional_book(RecommendationBook, root / "analysis" / RECOMMENDATION_FILE)
    return [
        f"{answer.variant}{': ' if answer.variant else ''}{answer.sentence}"
        for answer in (book.answers if book else ())
    ]


def _orphans(root: Path) -> tuple[Orphan, ...]:
    """None where the folder's study cannot be read: other verbs say why."""
    from mlip_interfaces.errors import UserError
    from mlip_interfaces.pipeline.orphans import find_orphans
    from mlip_interfaces.pipeline.study_files import load_run_study
    from mlip_interfaces.run.context import RunContext

    try:
        return find_orphans(RunContext(load_run_study(root), root))
    except UserError:
        return ()
