"""``screen defect-energies``: formation and binding energies of charge-balanced defects in supercells."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import (
    Subparsers,
    add_chemical_potentials,
    add_output,
    chemical_potentials,
    count,
    positive,
    say,
)
from mlip_interfaces.cli.relaxations import (
    add_relaxations,
    check_calculator,
    chosen_calculator,
    relaxation_settings,
    say_rest,
)
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from ase import Atoms

    from mlip_interfaces.screening.defects.defect_series import DefectSeries, DefectSet


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser(
        "defect-energies", help="formation and binding energies of neutral defects and pairs, with any calculator"
    )
    parser.add_argument("crystal", metavar="CRYSTAL", help="a crystal of the library, or a file")
    parser.add_argument(
        "--defects", action="append", required=True, metavar="SET",
        help="Kroger-Vink notation, as in \"V'Li + Li^.i\" or S_Ox (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--at", action="append", default=[], metavar="PLACES",
        help='where the defects are: "0.5 0.5 0; 0.25 0.25 0.25", fractions of the unit cell; the first --at is of the first --defects, and so on',
    )  # fmt: skip
    parser.add_argument(
        "--shells",
        type=count,
        default=1,
        metavar="N",
        help="shortest distances of a pair, besides the farthest (default 1)",
    )
    parser.add_argument(
        "--reservoir", action="append", default=[], metavar="CRYSTAL",
        help="a phase that gives and takes atoms: of the library, or a file (may be repeated)",
    )  # fmt: skip
    add_chemical_potentials(parser, "of an element instead, on the calculator's scale (may be repeated)")
    parser.add_argument(
        "--repeat", type=count, nargs=3, metavar="N", help="of the unit cell (default: from the length)"
    )
    parser.add_argument(
        "--least-length-angstrom",
        type=positive,
        default=10.0,
        metavar="L",
        help="between images (default: %(default)g)",
    )
    add_relaxations(parser)
    add_output(parser, kept="folder of results and relaxed cells; run again, it goes on")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Relax the supercells and write the energies.

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
    from mlip_interfaces.screening.defects.defect_series import run_defects, series_content, write_defect_series
    from mlip_interfaces.structures.crystals import load_crystal

    check_calculator(arguments)
    sets = _sets(arguments)
    crystal = load_crystal(arguments.crystal)
    reservoirs = _reservoirs(arguments.reservoir)
    potentials = chemical_potentials(arguments)
    elements = {symbol for atoms in (crystal, *reservoirs.values()) for symbol in atoms.symbols.species()}
    elements |= {defect.species for one in sets for defect in one.defects if defect.species is not None}
    calculator, settings = chosen_calculator(arguments, sorted(elements))
    series = run_defects(
        crystal, sets, reservoirs, potentials, calculator, arguments.out, settings,
        repeat=None if arguments.repeat is None else (arguments.repeat[0], arguments.repeat[1], arguments.repeat[2]),
        least_length_angstrom=arguments.least_length_angstrom, n_shells=arguments.shells, **relaxation_settings(arguments),
        report=(lambda name, rest: None) if arguments.json else say_rest,
    )  # fmt: skip
    content = series_content(
        series, {**settings, **relaxation_settings(arguments), "chemical_potentials_ev": potentials}
    )
    files = [Path(one) for one in (arguments.crystal, *arguments.reservoir) if Path(one).is_file()]
    picture = write_defect_series(series, sets, content, arguments.out, made_of(files))
    if arguments.json:
        print(json_text(content))
        return 0
    _say(series)
    say(series.notes)
    print(picture)
    return 0


def _sets(arguments: argparse.Namespace) -> list[DefectSet]:
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.screening.defects.defect_series import DefectSet
    from mlip_interfaces.structures.defects import parse_defects

    if len(arguments.at) > len(arguments.defects):
        raise InputFileError(
            f"--at is given {len(arguments.at)} times for {len(arguments.defects)} --defects; give one for each set at most."
        )
    found = []
    for number, text in enumerate(arguments.defects):
        places = _places(arguments.at[number]) if number < len(arguments.at) else None
        found.append(DefectSet(parse_defects(text), places))
    return found


def _places(text: str) -> tuple[tuple[float, ...], ...]:
    from mlip_interfaces.errors import InputFileError

    try:
        places = tuple(tuple(float(word) for word in place.split()) for place in text.split(";"))
    except ValueError:
        places = ()
    if not places or any(len(place) != 3 for place in places):
        raise InputFileError(
            f"--at '{text}' is not like '0.5 0.5 0; 0.25 0.25 0.25': three fractions for each defect, semicolons between."
        )
    return places


def _reservoirs(given: list[str]) -> dict[str, Atoms]:
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.structures.crystals import load_crystal

    found: dict[str, Atoms] = {}
    for one in given:
        name = Path(one).stem if Path(one).is_file() else one
        if name in found:
            raise InputFileError(
                f"--reservoir {one}: there is one called {name} already; leave one out, or rename the file."
            )
        found[name] = load_crystal(one)
    return found


def _say(series: DefectSeries) -> None:
    for one in series.sets:
        taken = ", ".join(f"{share:+g} {name}" for name, share in one.taken.items())
        print(f"{one.defects}{f' (takes {taken})' if taken else ''}")
        for row in one.rows:
            distance = "" if row.distance_angstrom is None else f" at {row.distance_angstrom:.2f} angstrom"
            end = ("" if row.converged else "; not at rest") + ("; recombined" if row.recombined else "")
            print(f"  {row.arrangement}{distance}: {row.formation_energy_ev:.3f} eV{end}")
        if one.binding_energy_ev is not None:
            state = "bound" if one.binding_energy_ev < 0.0 else "not bound"
            print(f"  binding energy {one.binding_energy_ev:+.3f} eV ({state})")
