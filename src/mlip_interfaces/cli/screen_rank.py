"""``screen rank``: all pairs with what is known of them, which to simulate first, and the study of the chosen one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import (
    Subparsers,
    add_materials,
    add_output,
    key_values,
    non_negative,
    positive,
    require_output,
    say,
)
from mlip_interfaces.cli.calculators import check_name
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from mlip_interfaces.screening.ranking.pair_ranking import RankedPair, Ranking

_SHOWN = 12


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser("rank", help="which pairs to simulate first, why, and the study of the chosen one")
    for role in ("cathode", "anode", "electrolyte", "coating"):
        parser.add_argument(
            f"--{role}", action="append", metavar="NAME",
            help=f"{role} of the dictionary or the crystal library, or its structure file (may be repeated; default: all)",
        )  # fmt: skip
    parser.add_argument("--no-coatings", action="store_true", help="bare pairs alone")
    add_materials(parser)
    parser.add_argument(
        "--crystal", action="append", default=[], metavar="NAME=CRYSTAL",
        help="library crystal or structure file of a solid of the dictionary (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--entries", type=Path, metavar="FILE", help="energies of phases, for windows and reaction energies"
    )
    parser.add_argument(
        "--uncertainty-ev-per-atom",
        type=non_negative,
        metavar="EV",
        help="standard error of energies that have none of their own",
    )
    parser.add_argument(
        "--conductivities", type=Path, metavar="FILE", help="measured values (CSV) that join the shipped ones"
    )
    parser.add_argument(
        "--max-area-angstrom2", type=positive, default=250.0, metavar="A", help="of lattice matches (default 250)"
    )
    parser.add_argument(
        "--max-strain", type=positive, default=0.04, metavar="S", help="of lattice matches, a fraction (default 0.04)"
    )
    parser.add_argument(
        "--bound", action="append", default=[], metavar="CRITERION=VALUE",
        help="bound of a criterion: barrier, window, reaction, strain, size, conductivity (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="CRITERION", help="a criterion that does not count"
    )
    parser.add_argument(
        "--study", action="append", default=[], metavar="PAIR",
        help="write the study of this pair, as in LCO/LPS, or of the first (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--size", choices=("demo", "production"), default="demo", help="of the study (default: %(default)s)"
    )
    parser.add_argument("--calculator", default="chgnet", metavar="NAME", help="teacher of a demo (default: chgnet)")
    add_output(parser)
    parser.set_defaults(run=run_rank)


def run_rank(arguments: argparse.Namespace) -> int:
    """Rank the pairs, and write the studies asked for.

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
    InputFileError
        If options contradict each other, or name what is not there.
    """
    from mlip_interfaces.errors import InputFileError

    require_output(arguments)
    if arguments.study and arguments.out is None:
        raise InputFileError("--study writes a file; give --out DIR for it.")
    if arguments.no_coatings and arguments.coating:
        raise InputFileError("--no-coatings ranks bare pairs alone; leave out --coating, or --no-coatings.")
    if arguments.study and arguments.size == "demo":
        check_name(
            arguments.calculator,
            use=f"a demo is labelled by an ASE calculator that needs no settings, such as chgnet; give --size production for {arguments.calculator}.",
        )
    from mlip_interfaces.screening.ranking.lattice_match import Limits
    from mlip_interfaces.screening.ranking.pair_ranking import rank_materials
    from mlip_interfaces.screening.ranking.priority import criteria
    from mlip_interfaces.screening.solids.solids import ROLES

    names = {role: getattr(arguments, role) for role in ROLES if getattr(arguments, role)}
    if arguments.no_coatings:
        names["coating"] = []
    shows = sys.stderr.isatty()
    ranking = rank_materials(
        names, materials=arguments.materials, crystals=dict(key_values(arguments.crystal, "--crystal")), entries=arguments.entries,
        uncertainty_ev_per_atom=arguments.uncertainty_ev_per_atom, conductivities=arguments.conductivities,
        limits=Limits(arguments.max_area_angstrom2, arguments.max_strain),
        criteria=criteria(_bounds(arguments.bound), arguments.leave_out),
        report=_show if shows else _hide,
    )  # fmt: skip
    if shows:
        _show("")
    chosen = list({one.name: one for one in map(ranking.pair, arguments.study)}.values())
    written = [] if arguments.out is None else _write(arguments, ranking, chosen)
    if arguments.json:
        say(ranking.notes)
        print(json_text(ranking.to_json()))
        return 0
    _print_table(ranking)
    for path in written:
        print(path)
    return 0


def _write(arguments: argparse.Namespace, ranking: Ranking, chosen: list[RankedPair]) -> list[Path]:
    from mlip_interfaces.config.load import parse_study
    from mlip_interfaces.files import write_text
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.report.ranking_page import write_ranking_page
    from mlip_interfaces.screening.ranking.pair_study import pair_study, study_file_name
    from mlip_interfaces.screening.ranking.rank_outputs import write_ranking
    from mlip_interfaces.screening.solids.dictionary import material_files
    from mlip_interfaces.screening.transport.conductivities import SHIPPED_TABLE
    from mlip_interfaces.shipped_files import shipped_materials

    out: Path = arguments.out
    texts = {}
    for pair in chosen:
        path = out / study_file_name(pair)
        texts[path] = pair_study(pair, arguments.size, out, arguments.calculator)
        parse_study(texts[path], path)
    given = [one for one in (arguments.entries, arguments.conductivities) if one is not None]
    own = [
        Path(one) for one in dict.fromkeys(c for pair in ranking.pairs for c in pair.crystals) if Path(one).is_file()
    ]
    files = [*material_files(arguments.materials), shipped_materials() / SHIPPED_TABLE, *given, *own]
    provenance = made_of(files)
    write_ranking(ranking, out, provenance)
    page = write_ranking_page(ranking, out, command=str(provenance["command"]))
    for path, text in texts.items():
        write_text(path, text)
    return [page, *texts]


def _bounds(given: list[str]) -> dict[str, float]:
    from mlip_interfaces.cli.arguments import finite
    from mlip_interfaces.errors import InputFileError

    bounds = {}
    for name, value in key_values(given, "--bound"):
        try:
            bounds[name] = finite(value)
        except argparse.ArgumentTypeError as error:
            raise InputFileError(f"--bound {name}={value}: it {error}.") from error
    return bounds


def _show(name: str) -> None:
    print(f"\r\033[K{name}", end="", file=sys.stderr, flush=True)


def _hide(_: str) -> None:
    """Nobody watches."""


def _print_table(ranking: Ranking) -> None:
    print(ranking.order)
    print(f"{'':>4} {'pair':18} {'passed':>6} {'failed':>6} {'unknown':>7}  why")
    for one in ranking.pairs[:_SHOWN]:
        counts = f"{len(one.passed):6} {len(one.failed):6} {len(one.unknown):7}"
        print(f"{one.rank:4} {one.name:18} {counts}  {one.cannot or one.why}")
    if len(ranking.pairs) > _SHOWN:
        print(f"... and {len(ranking.pairs) - _SHOWN} more (--out DIR for all of them, --json).")
    for note in ranking.notes:
        print(note)
