"""``screen crowding``: where D falls with temperature, and the boundary between flexible and crowded ions."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, add_output, require_output, say
from mlip_interfaces.files import json_text


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser("crowding", help="map of D(T, composition) with the boundary where ions become crowded")
    parser.add_argument(
        "table",
        type=Path,
        metavar="TABLE",
        help="composition, temperature_kelvin, diffusivity_cm2_per_s, and its error (CSV, YAML; conductivity.csv of `screen conductivity`)",
    )
    parser.add_argument("--species", metavar="X", help="element, where the table has several")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Find turning points and draw them.

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
    from mlip_interfaces.screening.transport.crowding import crowding_of
    from mlip_interfaces.screening.transport.crowding_table import crowding_content, load_diffusivities, write_crowding

    table = load_diffusivities(arguments.table, arguments.species)
    found = crowding_of(table)
    content = crowding_content(table, found)
    if arguments.out is not None:
        write_crowding(table, found, content, arguments.out, made_of([arguments.table]))
    say(content["notes"])
    if arguments.json:
        print(json_text(content))
        return 0
    for line in content["summary"]:
        print(line)
    print(arguments.out / "crowding.json")
    return 0
