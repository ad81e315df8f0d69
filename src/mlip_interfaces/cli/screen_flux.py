"""``screen flux|compositions``: what flows through products, and the cells and MD that it is computed from."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, add_materials, add_output, require_output, say
from mlip_interfaces.files import json_text


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add both actions.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser("flux", help="fluxes through a series of compositions, from their L_ij")
    parser.add_argument("file", type=Path, metavar="FILE", help="compositions, chemical potentials, length (YAML)")
    add_materials(parser)
    add_output(parser)
    parser.set_defaults(run=run_flux)

    parser = actions.add_parser("compositions", help="amorphous cells by melt-quench and their MD, for `screen flux`")
    parser.add_argument("file", type=Path, metavar="FILE", help="compositions, temperatures, times (YAML)")
    parser.add_argument(
        "--potential",
        required=True,
        metavar="P",
        help="tosi-fumi (LiF), a Deep Potential (.pb, .pth), or LAMMPS lines with '# elements: Li S'",
    )
    add_output(parser, kept="folder for cells, MD and flux.yaml")
    parser.set_defaults(run=run_compositions)


def run_flux(arguments: argparse.Namespace) -> int:
    """Fluxes through each composition of a series.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    require_output(arguments)
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.solids.dictionary import load_dictionary
    from mlip_interfaces.screening.transport.flux_file import load_flux_series
    from mlip_interfaces.screening.transport.flux_series import files_of, flux_content, series_fluxes, write_fluxes

    series = load_flux_series(arguments.file)
    dictionary = load_dictionary(arguments.materials)
    found = series_fluxes(series, arguments.file, dictionary)
    content = flux_content(series, found)
    if arguments.out is not None:
        write_fluxes(
            series, found, content, arguments.out, made_of([*files_of(series, arguments.file), *dictionary.files])
        )
    say(note for one in found for note in one.notes)
    if arguments.json:
        print(json_text(content))
        return 0
    for line in content["summary"]:
        print(line)
    print(arguments.out / "flux.json")
    return 0


def run_compositions(arguments: argparse.Namespace) -> int:
    """Make cells of compositions and their MD; what is finished is kept.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.pipeline.compositions import make_compositions
    from mlip_interfaces.screening.transport.cells_file import load_cell_series

    made = make_compositions(load_cell_series(arguments.file), arguments.potential, arguments.out)
    say(f"{name} is left out: {'; '.join(reasons)}" for name, reasons in made.sick.items())
    if arguments.json:
        content = {
            "cells": [str(path) for path in made.cells],
            "runs": [str(path) for path in made.runs],
            "left_out": {name: list(reasons) for name, reasons in made.sick.items()},
            "flux_file": str(made.flux_file),
        }
        print(json_text(content))
        return 0
    print(made.flux_file)
    return 0
