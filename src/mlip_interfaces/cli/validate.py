"""``validate DIR``: the final model against held-out labels and the safety gates."""

from __future__ import annotations

import argparse

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder
from mlip_interfaces.cli.verbs import VERBS


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("validate", help=VERBS["validate"])
    add_run_folder(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the stage and print its errors.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.books.gates import GATES_FILE, GatesVerdict
    from mlip_interfaces.books.run import VALIDATION_FILE, Validation, read_book, read_optional_book
    from mlip_interfaces.pipeline.flow import run_single_stage
    from mlip_interfaces.report.model_section import sentences

    run_single_stage(arguments.directory, "validate")
    result = read_book(Validation, arguments.directory / "validation" / VALIDATION_FILE)
    print(
        f"energy RMSE {result.energy_rmse_mev_per_atom:.1f} meV/atom, force RMSE "
        f"{result.force_rmse_mev_per_angstrom:.0f} meV/angstrom over {result.n_frames} held-out frames"
    )
    for name, table in result.sets.items():
        virial = table.virial_rmse_mev_per_atom
        of_virial = "" if virial is None else f", virial {virial:.1f} meV/atom"
        print(
            f"  {name}: energy {table.energy_rmse_mev_per_atom:.1f} meV/atom, force "
            f"{table.force_rmse_mev_per_angstrom:.0f} meV/angstrom{of_virial} ({table.n_frames} frames)"
        )
    for sentence in sentences(result):
        print(sentence)
    gates = read_optional_book(GatesVerdict, arguments.directory / "validation" / GATES_FILE)
    print(
        gates.sentence
        if gates
        else f"an older version validated it: `mlip-interfaces gates {arguments.directory}` runs the safety gates"
    )
    return 0
