"""``run STUDY``: the whole flow, resumable."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import Subparsers, add_study, run_folder
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text


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
    parser.add_argument("--json", action="store_true", help="with --dry-run: the plan alone, machine-readable")
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
    from mlip_interfaces.pipeline.flow import STAGE_NAMES, planned_scripts, run_study, stages_until
    from mlip_interfaces.pipeline.plan import plan_lines, plan_run

    root = run_folder(arguments.study, arguments.out)
    until = arguments.until or STAGE_NAMES[-1]
    if until not in STAGE_NAMES:
        raise StudyError(f"--until: there is no stage '{until}'; the stages are {', '.join(STAGE_NAMES)}.")
    if arguments.json and not arguments.dry_run:
        raise StudyError("--json goes with --dry-run.")
    if arguments.dry_run:
        study, names = load_checked_study(arguments.study, root), stages_until(root, until)
        artefacts = plan_run(study, root, names)
        if arguments.json:
            print(json_text({"artefacts": [artefact.to_json() for artefact in artefacts]}))
            return 0
        print("\n".join(plan_lines(artefacts, all_names=True)))
        print("\n" + "\n".join(planned_scripts(study, root, names)))
        return 0
    run_study(arguments.study, root, until=until)
    print(root / "report" / "index.html" if until == STAGE_NAMES[-1] else root)
    return 0
