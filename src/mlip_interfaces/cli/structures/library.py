"""``structures list|show``: the crystals of the library, and one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.structures.words import MATERIAL, print_table
from mlip_interfaces.files import json_text


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the actions.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``structures``.
    """
    table = actions.add_parser("list", help="table of the library's crystals")
    table.add_argument("--json", action="store_true", help="as JSON")
    table.set_defaults(run=run_list)

    show = actions.add_parser("show", help="one crystal: cell, density, shortest distances; --out writes it")
    show.add_argument(
        "name", metavar="NAME", help=f"{MATERIAL}; Li6PS5Cl:inversion=0.5,seed=1 exchanges half of S and Cl on 4a/4d"
    )
    show.add_argument(
        "--out", type=Path, metavar="F", help="file to write: .cif, .vasp or POSCAR, .xyz, .data (LAMMPS)"
    )
    show.set_defaults(run=run_show)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the library.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from dataclasses import asdict

    from mlip_interfaces.structures.crystals import crystal_table

    rows = crystal_table()
    if arguments.json:
        print(json_text([asdict(row) for row in rows], indent=2))
        return 0
    print_table(
        ("name", "formula", "space group", "atoms", "g/cm3", "source"),
        [
            (row.name, row.formula, row.space_group, str(row.n_atoms), f"{row.density_g_per_cm3:.3f}", row.source)
            for row in rows
        ],
    )
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print one crystal and write it if asked.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.structures.crystals import (
        crystal_elements,
        load_crystal,
        minimum_distances,
        summarise_crystal,
        write_crystal,
    )

    atoms, summary = load_crystal(arguments.name), summarise_crystal(arguments.name)
    elements = crystal_elements(arguments.name)
    distances = minimum_distances(atoms, elements, 4.0)
    print(f"{summary.name}: {summary.formula}, {summary.space_group}, {summary.n_atoms} atoms per cell")
    print("cell       {:.4f} {:.4f} {:.4f} angstrom, {:.3f} {:.3f} {:.3f} degrees".format(*atoms.cell.cellpar()))
    print(f"density    {summary.density_g_per_cm3:.3f} g/cm3")
    print("distances  " + ", ".join(f"{pair} {value:.3f}" for pair, value in distances.items()) + " angstrom, shortest")
    print(f"source     {summary.source}")
    if arguments.out is not None:
        write_crystal(atoms, arguments.out, elements)
        print(f"written    {arguments.out}")
    return 0
