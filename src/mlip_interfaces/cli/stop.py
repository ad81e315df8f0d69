"""``stop DIR``: end what still runs of a run folder."""

from __future__ import annotations

import argparse
import shlex
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
    parser = subparsers.add_parser("stop", help=VERBS["stop"])
    add_run_folder(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """End whoever works in the folder, then its jobs, and say so.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code: 0; 3 if something may go on that could not be asked.
    """
    from mlip_interfaces.jobs.stopping import running_jobs, stop_jobs
    from mlip_interfaces.run.folder import end_holder
    from mlip_interfaces.run.stages import require_run_folder

    root: Path = arguments.directory
    require_run_folder(root)
    # First, or it would submit its jobs again.
    number = end_holder(root)
    found = running_jobs(root)
    stop_jobs(found.jobs)
    lines = [f"ended process {number}, which worked in {root}"] if number else []
    lines += [f"ended {job}" for job in found.jobs]
    print("\n".join([*(lines or [f"Nothing runs in {root}."]), *found.unknown]))
    return 3 if found.unknown else 0


def what_goes_on(root: Path) -> str:
    """What runs on after the program was interrupted, and how to end it.

    Parameters
    ----------
    root : Path
        The run folder, there or not.

    Returns
    -------
    str
        Lines; empty if nothing is known to run.
    """
    from mlip_interfaces.errors import counted
    from mlip_interfaces.jobs.stopping import running_jobs

    found = running_jobs(root)
    lines = []
    if found.jobs:
        lines = [f"{counted(len(found.jobs), 'job')} of it still there, and waited for by the same command:"]
        lines += [f"  {job}" for job in found.jobs]
        lines.append(f"`mlip-interfaces stop {shlex.quote(str(root))}` ends them.")
    return "\n".join([*lines, *found.unknown])
