"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
from pathlib import Path

Subparsers = argparse._SubParsersAction  # the type that `add_subparsers` returns has no public name


def add_study(parser: argparse.ArgumentParser) -> None:
    """STUDY and --out."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="the study file (YAML)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run folder (default: runs/ and the file's name)")


def add_run_folder(parser: argparse.ArgumentParser) -> None:
    """DIR of an existing run."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="run folder")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """--dry-run."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="show the batch scripts that would be submitted; submit and write nothing",
    )


def print_scripts(root: Path, stage: str) -> None:
    """Print what a stage of a run folder would submit."""
    from mlip_interfaces.pipeline.flow import load_run_study, planned_scripts

    texts = planned_scripts(load_run_study(root), root, (stage,))
    print("\n".join(texts) if texts else f"Nothing to submit: the stage '{stage}' is done.")


def run_folder(study: Path, out: Path | None) -> Path:
    """The run folder asked for, or the default one for this study file."""
    return out if out is not None else Path("runs") / study.stem
