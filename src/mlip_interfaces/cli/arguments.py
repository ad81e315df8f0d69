"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

Subparsers = argparse._SubParsersAction  # the type that `add_subparsers` returns has no public name


def positive(text: str) -> float:
    """A finite number above zero, as the type of an option."""
    value = finite(text)
    if value <= 0.0:
        raise argparse.ArgumentTypeError(f"must be positive, not {text}")
    return value


def non_negative(text: str) -> float:
    """A finite number, zero or more, as the type of an option."""
    value = finite(text)
    if value < 0.0:
        raise argparse.ArgumentTypeError(f"must not be negative, as {text} is")
    return value


def count(text: str) -> int:
    """A whole number, one or more, as the type of an option."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, one or more, not {text}")
    return int(text)


def finite(text: str) -> float:
    """A finite number, as the type of an option."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text}")
    return value


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
