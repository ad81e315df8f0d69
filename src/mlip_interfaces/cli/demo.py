"""``demo``: a demo study, end to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.verbs import VERBS

STUDIES = {"lco_lif_lpscl": "demo.yaml", "li_li7p3s11": "demo_li_li7p3s11.yaml"}
"""File of ``configs/`` by the name of the production study that a demo is the small one of."""


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("demo", help=VERBS["demo"])
    parser.add_argument(
        "--study",
        choices=STUDIES,
        default=next(iter(STUDIES)),
        help="a coating between LiCoO2 and Li6PS5Cl, or lithium metal that reacts with Li7P3S11 (default %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run folder (default runs/demo or runs/demo_li_li7p3s11)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo that was asked for.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import run_study
    from mlip_interfaces.shipped_files import study_file

    study = study_file(STUDIES[arguments.study])
    folder = arguments.out or Path("runs", study.stem)
    run_study(study, folder)
    print(folder / "report" / "index.html")
    return 0
