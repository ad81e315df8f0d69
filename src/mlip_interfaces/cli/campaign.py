"""``campaign init|run|status``: DP-GEN's active learning."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import (
    Subparsers,
    add_dry_run,
    add_run_folder,
    add_study,
    print_scripts,
    run_folder,
)
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("campaign", help=VERBS["campaign"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="write everything `dpgen run param.json machine.json` needs")
    add_study(init)
    init.set_defaults(run=run_init)
    start = actions.add_parser("run", help="run or continue the campaign of a run folder")
    add_run_folder(start)
    add_dry_run(start)
    start.set_defaults(run=run_campaign)
    status = actions.add_parser("status", help="show how far the campaign is")
    add_run_folder(status)
    status.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    status.set_defaults(run=run_status)


def run_init(arguments: argparse.Namespace) -> int:
    """Build, make the initial data, write DP-GEN's files.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import initialise_campaign

    root = run_folder(arguments.study, arguments.out)
    initialise_campaign(arguments.study, root)
    print(root / "campaign")
    return 0


def run_campaign(arguments: argparse.Namespace) -> int:
    """Run the campaign stage, or show its scripts.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import run_single_stage

    if arguments.dry_run:
        print_scripts(arguments.directory, "campaign")
        return 0
    run_single_stage(arguments.directory, "campaign")
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    """Print where the campaign is, what it found and what to do next; reads files, also while it runs.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.campaign.text import status_lines
    from mlip_interfaces.pipeline.campaign import campaign_status
    from mlip_interfaces.pipeline.study_files import load_run_study
    from mlip_interfaces.run.context import RunContext

    study = load_run_study(arguments.directory)
    status = campaign_status(RunContext(study, arguments.directory))
    print(json_text(status.to_json()) if arguments.json else "\n".join(status_lines(status)))
    return 0
