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


def run_folder(study: Path, out: Path | None) -> Path:
    """The run folder asked for, or the default one for this study file."""
    return out if out is not None else Path("runs") / study.stem
