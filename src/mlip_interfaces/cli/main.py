"""``mlip-interfaces VERB``: parsing, exit codes, nothing else.

Exit codes: 0 done, 1 bug (traceback shown), 2 user error (message only), 3 unfinished (the same call continues), 141 whoever
read the output has gone (as a shell reports any program that writes into a closed pipe).
"""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TextIO

from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.engines import missing_engine
from mlip_interfaces.errors import StructureWarning, UnfinishedError, UserError
from mlip_interfaces.version import __version__

BROKEN_PIPE = 128 + signal.SIGPIPE
GARBAGE_OBJECTS = 1_000_000
"""New objects before Python looks for unreachable ones: more than the imports of any verb make, and all of those stay."""


def build_parser(loaded: Collection[str] = tuple(VERBS)) -> argparse.ArgumentParser:
    """Parser of the command line.

    Parameters
    ----------
    loaded : collection of str
        Verbs whose own options are there, from the file of each; of the others only the line in the list.

    Returns
    -------
    argparse.ArgumentParser
        Of the whole program.
    """
    parser = argparse.ArgumentParser(
        prog="mlip-interfaces",
        description="From one study file to the figures of a paper: solid-solid battery interfaces with "
        "active-learned Deep Potentials.",
    )
    parser.add_argument("--version", action="version", version=f"mlip-interfaces {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in VERBS.items():
        if name in loaded:
            importlib.import_module(f"mlip_interfaces.cli.{name.replace('-', '_')}").register(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    Parameters
    ----------
    argv : sequence of str or None, optional
        Words after the name of the program; those of the process when left out.

    Returns
    -------
    int
        The exit code.
    """
    in_own_process = argv is None
    if in_own_process:
        gc.set_threshold(GARBAGE_OBJECTS)
        _show_notes_on_structures()
    try:
        try:
            return _run_verb(argv)
        finally:
            if in_own_process:
                # The interpreter's last look for garbage, among all that was imported, takes a fifth of a second.
                gc.freeze()
            # Here, and not at the interpreter's end, where nobody can catch what it raises.
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered goes nowhere, or the flush at the end would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _show_notes_on_structures() -> None:
    """Each note on a structure once, as a sentence; all other warnings as Python shows them."""
    as_python_does = warnings.showwarning
    # Python's own register forgets whenever a library changes the filters.
    shown: set[str] = set()

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: TextIO | None = None, line: str | None = None,
    ) -> None:  # fmt: skip
        if not issubclass(category, StructureWarning):
            as_python_does(message, category, filename, lineno, file, line)
        elif str(message) not in shown:
            shown.add(str(message))
            print(f"mlip-interfaces: note: {message}", file=sys.stderr)

    warnings.simplefilter("always", StructureWarning)
    warnings.showwarning = show


def _run_verb(argv: Sequence[str] | None) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Before a library does it: one of dpdata's turns on the messages of all others, under its own name.
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    words = sys.argv[1:] if argv is None else argv
    # A verb is always the first word: no other one's file is needed.
    arguments = build_parser(words[:1]).parse_args(words)
    try:
        code: int = arguments.run(arguments)
    except UserError as error:
        print(f"mlip-interfaces: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        engine = missing_engine(error)
        if engine is None:
            raise
        print(f"mlip-interfaces: {engine}", file=sys.stderr)
        return 2
    except UnfinishedError as error:
        print(f"mlip-interfaces: unfinished: {error}\nThe same command continues.", file=sys.stderr)
        return 3
    except OSError as error:
        mistake = path_sentence(error)
        if mistake is not None:
            print(f"mlip-interfaces: {mistake}", file=sys.stderr)
            return 2
        sentence = file_system_sentence(error)
        if sentence is None:
            raise
        print(f"mlip-interfaces: unfinished: {sentence}\nThe same command continues.", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("mlip-interfaces: interrupted; the same command continues.", file=sys.stderr)
        print(_what_goes_on(arguments), end="", file=sys.stderr)
        return 3
    return code


def _what_goes_on(arguments: argparse.Namespace) -> str:
    """Jobs that outlive the interrupted program, in lines; empty for a verb without a run folder, and without jobs."""
    from mlip_interfaces.cli.arguments import run_folder
    from mlip_interfaces.cli.stop import what_goes_on
    from mlip_interfaces.run.folder import STUDY_FILE

    root = getattr(arguments, "directory", None)
    if root is None and isinstance(getattr(arguments, "study", None), Path):
        root = run_folder(arguments.study, arguments.out)
    elif root is None:
        root = getattr(arguments, "out", None)
    lines = what_goes_on(root) if root is not None and (root / STUDY_FILE).is_file() else ""
    return f"{lines}\n" if lines else ""


def path_sentence(error: OSError) -> str | None:
    """What to do about a path that can be nowhere.

    Parameters
    ----------
    error : OSError
        What went wrong.

    Returns
    -------
    str or None
        A sentence; None for every other error.
    """
    path = str(error.filename or "")
    match error.errno:
        case errno.ENAMETOOLONG:
            name = max(path.split("/"), key=len, default="")
            return f"The name '{name[:40]}...' has {len(name)} characters, too many for a file or a folder; give a shorter one."
        case errno.ENOTDIR | errno.EEXIST if not os.path.isdir(path):
            return f"{path} cannot be made or opened: a file is where a folder is needed; give another path."
        case errno.ELOOP:
            return f"{path} cannot be opened: its symbolic links go round in a circle; give another path."
        case errno.EISDIR:
            return f"{path} is a folder, where a file is needed; give the file."
    return None


def file_system_sentence(error: OSError) -> str | None:
    """What to do about a full disk or a folder that cannot be written.

    Parameters
    ----------
    error : OSError
        What went wrong.

    Returns
    -------
    str or None
        A sentence; None for every other error.
    """
    where = error.filename or "the run folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where} cannot be written: {error.strerror}. Make room; what is done is kept."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"{where} cannot be written: {error.strerror}. Make it writable, or give another --out folder; a verb without --out "
            "needs a copy of the run folder that can be written."
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
