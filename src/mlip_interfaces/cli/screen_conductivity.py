"""``screen conductivity``: MD of bulk crystals at several temperatures, and their conductivities."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers, add_output, say
from mlip_interfaces.files import json_text


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser(
        "conductivity", help="MD of crystals at several temperatures: D, activation energy, conductivity, Haven ratio"
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="crystals, potential or calculator, temperatures, times (YAML)"
    )
    add_output(parser, kept="folder for MD and results; what is finished there is kept")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing and analyse all of it.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.pipeline.conductivity import inputs_of, measure_conductivities
    from mlip_interfaces.screening.transport.conductivity_file import load_conductivity_series
    from mlip_interfaces.screening.transport.conductivity_series import conductivity_content, write_conductivities

    series = load_conductivity_series(arguments.file)
    found = measure_conductivities(series, arguments.file, arguments.out)
    content = conductivity_content(series, found)
    write_conductivities(series, found, content, arguments.out, made_of(inputs_of(series, arguments.file)))
    say(note for one in found for note in one.notes)
    if arguments.json:
        print(json_text(content))
        return 0
    for line in content["summary"]:
        print(line)
    print(arguments.out / "conductivity.json")
    return 0
