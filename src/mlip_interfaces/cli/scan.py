"""``scan init|submit|status|collect|domain``: production MD over thickness, protocol and seed."""

from __future__ import annotations

import argparse
from pathlib import Path

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
    parser = subparsers.add_parser("scan", help=VERBS["scan"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="write all decks and commands for a given model")
    add_study(init)
    init.add_argument("--model", type=Path, required=True, metavar="M", help="frozen Deep Potential (.pb or .pth)")
    init.set_defaults(run=run_init)
    submit = actions.add_parser("submit", help="run the scan of a run folder, or continue it")
    add_run_folder(submit)
    add_dry_run(submit)
    submit.add_argument(
        "--despite-gates", action="store_true", help="run it although the model fails a safety gate; the report says so"
    )
    submit.set_defaults(run=run_submit)
    status = actions.add_parser("status", help="show how far each run of the scan is, how fast, and how healthy")
    add_run_folder(status)
    status.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    status.set_defaults(run=run_status)
    collect = actions.add_parser("collect", help="judge the finished runs again and write index.json")
    add_run_folder(collect)
    collect.set_defaults(run=run_collect)
    domain = actions.add_parser("domain", help="look again whether the runs stayed in the model's domain")
    add_run_folder(domain)
    domain.set_defaults(run=run_domain)


def run_init(arguments: argparse.Namespace) -> int:
    """Build the models and write the decks.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.flow import initialise_scan

    root = run_folder(arguments.study, arguments.out)
    initialise_scan(arguments.study, root, arguments.model)
    print(root / "scan")
    return 0


def run_submit(arguments: argparse.Namespace) -> int:
    """Run the scan stage, or show its scripts.

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
        print_scripts(arguments.directory, "scan")
        return 0
    run_single_stage(arguments.directory, "scan", despite_gates=arguments.despite_gates)
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    """Print the state of each run; reads files, also while they are written.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.scan_status import scan_status, status_lines
    from mlip_interfaces.pipeline.study_files import load_run_study
    from mlip_interfaces.run.context import RunContext

    study = load_run_study(arguments.directory)
    status = scan_status(RunContext(study, arguments.directory))
    print(json_text(status.to_json()) if arguments.json else "\n".join(status_lines(status)))
    return 0


def run_collect(arguments: argparse.Namespace) -> int:
    """Write index.json anew.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.scan import collect_scan
    from mlip_interfaces.pipeline.study_files import load_run_study
    from mlip_interfaces.run.context import RunContext
    from mlip_interfaces.run.folder import locked

    study = load_run_study(arguments.directory)
    # It joins the pieces of finished runs, which two processes must not do at once.
    with locked(arguments.directory):
        print(collect_scan(RunContext(study, arguments.directory)))
    return 0


def run_domain(arguments: argparse.Namespace) -> int:
    """Write domain.json anew and print the verdict on each run.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex
    from mlip_interfaces.books.run import read_book
    from mlip_interfaces.pipeline.flow import look_again

    sentence = look_again(arguments.directory)
    for run in read_book(DomainIndex, arguments.directory / "scan" / DOMAIN_FILE).runs:
        left = f" at {run.left_at_ps:.6g} ps" if run.left_at_ps is not None else ""
        print(f"{run.name:40} {run.verdict}{left}")
    print(sentence)
    return 0
