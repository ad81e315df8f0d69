"""``labels list|check|export DIR...``: the label store."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from mlip_interfaces.labels.store import LabelStore


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("labels", help=VERBS["labels"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="count labels by system, failures by reason, and what they cost")
    _add_folders(listing)
    listing.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    listing.set_defaults(run=run_list)
    check = actions.add_parser("check", help="flag outliers and near duplicates in label_flags.json; deletes nothing")
    _add_folders(check)
    check.add_argument("--threshold", type=float, default=6.0, help="robust standard deviations (default 6)")
    check.add_argument(
        "--near-angstrom", type=float, default=0.02, help="displacement of a near duplicate (default 0.02)"
    )
    check.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    check.set_defaults(run=run_check)
    export = actions.add_parser("export", help="write deepmd/npy data with a type map of your choice")
    _add_folders(export)
    export.add_argument("--out", type=Path, required=True, metavar="NEW_DIR", help="folder to make")
    export.add_argument("--elements", help="the type map, as in Li,Co,O (default: that of the study in DIR)")
    export.add_argument("--format", choices=("npy", "mixed"), default="npy", help="deepmd/npy or deepmd/npy/mixed")
    export.add_argument("--settings", metavar="HASH", help="only labels of these settings")
    export.add_argument(
        "--multi-task",
        action="store_true",
        help="a folder for the labels of each settings, and input.json to train one model with a head for each",
    )
    export.add_argument(
        "--leave-out", action="append", default=[], metavar="KIND", choices=FLAG_KINDS, help=LEAVE_OUT_HELP
    )
    export.add_argument(
        "--held-out", type=float, default=0.0, metavar="SHARE", help="share held out, by whole trajectories (default 0)"
    )
    export.add_argument("--seed", type=int, default=0, help="of the choice of trajectories")
    export.set_defaults(run=run_export)


FLAG_KINDS = ("energy", "force", "virial", "near_duplicate", "disagreement")
LEAVE_OUT_HELP = f"leave out labels that `labels check` flagged as {', '.join(FLAG_KINDS)}; may be repeated"

_NEIGHBOR_MARGIN = 1.2
"""Neighbours that a multi-task model keeps, over the most that a label has: MD with it meets denser states."""


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directories", type=Path, nargs="+", metavar="DIR", help="run folder, campaign, or any folder with labels"
    )


def run_list(arguments: argparse.Namespace) -> int:
    """Print counts and cost.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.labels.store import collect_labels

    store = collect_labels(arguments.directories)
    summary = store.summary()
    if arguments.json:
        print(json_text(summary))
        return 0
    print(
        f"{summary['made']} labels, {summary['failed']} failed, {summary['duplicates']} duplicates, "
        f"{summary['core_hours']:.2f} core hours"
    )
    for settings, entry in summary["settings"].items():
        print(f"  settings {settings} ({entry['calculator']}): {entry['made']} labels")
    for system, found in summary["systems"].items():
        print(f"  {system}: {found['made']} labels of {found['trajectories']} trajectories, {found['failed']} failed")
    for reason, number in summary["reasons"].items():
        print(f"  failed {number} times: {reason}")
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Write flags beside the labels and print them.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.labels.flags import check_labels
    from mlip_interfaces.labels.store import collect_labels

    store = collect_labels(arguments.directories)
    flags = check_labels(
        store, arguments.directories, threshold=arguments.threshold, near_angstrom=arguments.near_angstrom
    )
    if arguments.json:
        print(json_text([{"label": flag.label, "kind": flag.kind, "reason": flag.reason} for flag in flags]))
        return 0
    counts = Counter(flag.kind for flag in flags)
    listed = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "nothing flagged"
    print(f"{len(store.labels)} labels checked: {listed}")
    for flag in flags:
        print(f"  {flag.kind}: {flag.label}: {flag.reason}")
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """Write the data set.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.labels.export import export_labels
    from mlip_interfaces.labels.flags import flagged_names
    from mlip_interfaces.labels.multi_task import CUTOFF_ANGSTROM, INPUT_FILE, export_branches
    from mlip_interfaces.labels.store import collect_labels

    store = collect_labels(arguments.directories)
    if arguments.settings is not None:
        store = store.with_settings(arguments.settings)
    type_map = _type_map(arguments, store)
    how: dict[str, Any] = {
        "data_format": arguments.format,
        "leave_out": flagged_names(arguments.directories, arguments.leave_out),
        "held_out_share": arguments.held_out,
        "seed": arguments.seed,
    }
    if arguments.multi_task:
        from mlip_interfaces.potentials import total_neighbors

        labelled = [label.atoms for label in store.labels if label.name not in how["leave_out"]]
        (neighbors,) = total_neighbors(labelled, (CUTOFF_ANGSTROM,), margin=_NEIGHBOR_MARGIN)
        branches = export_branches(store, arguments.out, type_map, max_neighbors=neighbors, **how)
    else:
        branches = {"": export_labels(store, arguments.out, type_map, **how)}
    for branch, exported in branches.items():
        for part, systems in (("training", exported["training"]), ("held_out", exported.get("held_out", {}))):
            for system, names in systems.items():
                print(f"{arguments.out / branch / part / system}: {len(names)} frames")
    if arguments.multi_task:
        print(
            f"{arguments.out / INPUT_FILE}: dp --pt train {INPUT_FILE}, in {arguments.out}; heads {', '.join(branches)}"
        )
    return 0


def _type_map(arguments: argparse.Namespace, store: LabelStore) -> list[str]:
    """--elements, else the study of the first run folder, else the elements in alphabetical order."""
    if arguments.elements is not None:
        return [element.strip() for element in arguments.elements.split(",")]
    from mlip_interfaces.pipeline.study_files import load_run_study
    from mlip_interfaces.run.folder import STUDY_FILE

    for directory in arguments.directories:
        for folder in (directory, directory.resolve().parent):
            if (folder / STUDY_FILE).is_file():
                return list(load_run_study(folder).elements)
    return store.elements
