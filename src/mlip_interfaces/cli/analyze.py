"""``analyze all DIR``: every analysis the study asks for, over the whole scan."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser("analyze", help="analyse the trajectories of a scan")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    everything = actions.add_parser("all", help="all analyses of the study, one pass over each trajectory")
    add_run_folder(everything)
    everything.set_defaults(run=run_all)


def run_all(arguments: argparse.Namespace) -> int:
    """Run the analysis stage."""
    from mlip_interfaces.pipeline.flow import run_single_stage

    run_single_stage(arguments.directory, "analyze")
    print(arguments.directory / "analysis" / "index.json")
    return 0
