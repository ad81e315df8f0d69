"""``clean DIR``: remove what a run folder holds and its study does not ask for."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("clean", help=VERBS["clean"])
    add_run_folder(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--dry-run", action="store_true", help="list it, remove nothing (the default)")
    choice.add_argument("--yes", action="store_true", help="remove it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List what is orphaned with its size, or remove it.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.

    Raises
    ------
    RunLockedError
        If it is to be removed, and another process works in the folder.
    """
    from mlip_interfaces.errors import counted
    from mlip_interfaces.pipeline.orphans import find_orphans, remove, size_of
    from mlip_interfaces.pipeline.study_files import load_run_study
    from mlip_interfaces.run.context import RunContext
    from mlip_interfaces.run.folder import locked

    root: Path = arguments.directory
    context = RunContext(load_run_study(root), root)
    orphans = find_orphans(context)
    sizes = [size_of(root / orphan.path) for orphan in orphans]
    for orphan, size in zip(orphans, sizes, strict=True):
        print(f"{size / 1e6:10.2f} MB  {orphan.path}: {orphan.why}")
    if not orphans:
        print(f"{root} holds nothing that its study does not ask for.")
        return 0
    said = f"{counted(len(orphans), 'thing')} of {sum(sizes) / 1e6:.2f} MB"
    if not arguments.yes:
        print(f"{said}; --yes removes them.")
        return 0
    with locked(root):
        for orphan in orphans:
            remove(root, orphan)
    print(f"Removed {said}.")
    return 0
