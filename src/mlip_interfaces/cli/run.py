"""``run STUDY``: the whole flow, resumable."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import Subparsers, add_study, run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("run", help=VERBS["run"])
    add_study(parser)
    parser.add_argument("--until", metavar="STAGE", help="last stage to run (build, data, campaign, ..., report)")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done and show the batch scripts; write nothing"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run or plan the study.

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
    StudyError
        If there is no stage of the name given.
    """
    from mlip_interfaces.errors import StudyError
    from mlip_interfaces.pipeline.checked_study import load_checked_study
    from mlip_interfaces.pipeline.flow import STAGE_NAMES, plan, planned_scripts, run_study

    root = run_folder(arguments.study, arguments.out)
    until = arguments.until or STAGE_NAMES[-1]
    if until not in STAGE_NAMES:
        raise StudyError(f"--until: there is no stage '{until}'; the stages are {', '.join(STAGE_NAMES)}.")
    if arguments.dry_run:
        print("\n".join(plan(arguments.study, root, until=until)))
        names = STAGE_NAMES[: STAGE_NAMES.index(until) + 1]
        print("\n" + "\n".join(planned_scripts(load_checked_study(arguments.study), root, names)))
        return 0
    run_study(arguments.study, root, until=until)
    print(root / "report" / "index.html" if until == STAGE_NAMES[-1] else root)
    return 0
