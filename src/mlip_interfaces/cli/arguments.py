"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from mlip_interfaces.errors import InputFileError

Subparsers = argparse._SubParsersAction  # the type that `add_subparsers` returns has no public name


def positive(text: str) -> float:
    """Read a finite number above zero, as the type of an option.

    Parameters
    ----------
    text : str
        As written.

    Returns
    -------
    float
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    value = finite(text)
    if value <= 0.0:
        raise argparse.ArgumentTypeError(f"must be positive, not {text}")
    return value


def non_negative(text: str) -> float:
    """Read a finite number, zero or more, as the type of an option.

    Parameters
    ----------
    text : str
        As written.

    Returns
    -------
    float
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    value = finite(text)
    if value < 0.0:
        raise argparse.ArgumentTypeError(f"must not be negative, as {text} is")
    return value


def count(text: str) -> int:
    """Read a whole number, one or more, as the type of an option.

    Parameters
    ----------
    text : str
        As written.

    Returns
    -------
    int
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, one or more, not {text}")
    return int(text)


def finite(text: str) -> float:
    """Read a finite number, as the type of an option.

    Parameters
    ----------
    text : str
        As written.

    Returns
    -------
    float
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text}")
    return value


def _is_finite(text: str) -> bool:
    try:
        finite(text)
    except argparse.ArgumentTypeError:
        return False
    return True


def key_values(
    given: Iterable[str],
    option: str,
    like: str = "NAME=VALUE",
    *,
    is_key: Callable[[str], bool] = bool,
    is_value: Callable[[str], bool] = bool,
) -> list[tuple[str, str]]:
    """Take words such as ``strain=0.02`` apart.

    Parameters
    ----------
    given : iterable of str
        As written.
    option : str
        That they were given to.
    like : str, optional
        What one must be like, for the message.
    is_key, is_value : callable, optional
        Which names and values are allowed; any that is not empty when left out.

    Returns
    -------
    list of (str, str)
        Without spaces around them.

    Raises
    ------
    InputFileError
        If a word has no ``=``, or a part of it is not allowed.
    """
    found = []
    for text in given:
        key, sign, value = (part.strip() for part in text.partition("="))
        if not (sign and is_key(key) and is_value(value)):
            raise InputFileError(f"{option} {text} is not like {like}.")
        found.append((key, value))
    return found


def add_output(parser: argparse.ArgumentParser, *, kept: str = "") -> None:
    """Add --out and --json, one of which a verb with a result needs.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb or action.
    kept : str, optional
        What --out keeps from one start to the next, for its help; nothing is done without the folder then.
    """
    parser.add_argument(
        "--out", type=Path, required=bool(kept), metavar="DIR", help=kept or "folder for JSON, CSV and figures"
    )
    parser.add_argument("--json", action="store_true", help="print the result's JSON, nothing else")


def require_output(arguments: argparse.Namespace) -> None:
    """See that a result goes somewhere, before it is computed.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_output` adds.

    Raises
    ------
    InputFileError
        If neither --out nor --json is there.
    """
    if arguments.out is None and not arguments.json:
        raise InputFileError("Give --out DIR for files, or --json for the result on standard output.")


def add_chemical_potentials(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add --chemical-potential.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of an action of ``screen``.
    help_text : str
        On what scale they are.
    """
    parser.add_argument("--chemical-potential", action="append", default=[], metavar="X=EV", help=help_text)


def chemical_potentials(arguments: argparse.Namespace) -> dict[str, float]:
    """Chemical potentials by element.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_chemical_potentials` adds.

    Returns
    -------
    dict of str to float, eV
        Empty where none is given.

    Raises
    ------
    InputFileError
        If one is not like ``Li=-1.9``.
    """
    from ase.data import chemical_symbols

    given = key_values(
        arguments.chemical_potential,
        "--chemical-potential",
        "Li=-1.9 (an element, eV)",
        is_key=chemical_symbols[1:].__contains__,
        is_value=_is_finite,
    )
    return {symbol: float(value) for symbol, value in given}


def say(notes: Iterable[str]) -> None:
    """Tell the reader on standard error, where it is in no one's way.

    Parameters
    ----------
    notes : iterable of str
        Sentences.
    """
    for note in notes:
        print(f"mlip-interfaces: {note}", file=sys.stderr)


def add_materials(parser: argparse.ArgumentParser) -> None:
    """Add --materials.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of an action of ``screen``.
    """
    parser.add_argument(
        "--materials",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="own material file, or folder of them; they join the shipped ones (may be repeated)",
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """Add STUDY and --out.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb or action.
    """
    parser.add_argument("study", type=Path, metavar="STUDY", help="the study file (YAML)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run folder (default: runs/ and the file's name)")


def add_run_folder(parser: argparse.ArgumentParser) -> None:
    """Add DIR of an existing run.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb or action.
    """
    parser.add_argument("directory", type=Path, metavar="DIR", help="run folder")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add --dry-run.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb or action.
    """
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="show the batch scripts that would be submitted; submit and write nothing",
    )


def print_scripts(root: Path, stage: str) -> None:
    """Print what a stage of a run folder would submit.

    Parameters
    ----------
    root : Path
        The run folder.
    stage : str
        Name of the stage.
    """
    from mlip_interfaces.pipeline.flow import planned_scripts
    from mlip_interfaces.pipeline.study_files import load_run_study

    texts = planned_scripts(load_run_study(root), root, (stage,))
    print("\n".join(texts) if texts else f"Nothing to submit: the stage '{stage}' is done.")


def run_folder(study: Path, out: Path | None) -> Path:
    """The run folder asked for, or the default one for this study file.

    Parameters
    ----------
    study : Path
        The study file.
    out : Path or None
        Folder asked for.

    Returns
    -------
    Path
        That folder, or one in ``runs`` called as the file.

    Raises
    ------
    InputFileError
        If a file is in its place.
    """
    root = out if out is not None else Path("runs") / study.stem
    for folder in (root, *root.parents):
        if folder.is_file():
            raise InputFileError(f"--out: {root} cannot be a run folder: {folder} is a file; give another folder.")
    return root
