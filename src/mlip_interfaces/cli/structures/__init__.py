"""``structures list|show|slabs|match|amorphous``: crystals, their slabs, the planes that fit on each other, glasses."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.structures import amorphous, library, match, slabs
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("structures", help=VERBS["structures"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action in (library, slabs, match, amorphous):
        action.register(actions)
