"""``structures match``: the planes of two crystals that fit on each other."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.structures.words import MATERIAL, print_table
from mlip_interfaces.files import json_text


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``structures``.
    """
    match = actions.add_parser("match", help="ranked common lateral cells of the planes of two crystals")
    match.add_argument("substrate", metavar="SUBSTRATE", help=MATERIAL)
    match.add_argument("film", metavar="FILM", help=MATERIAL)
    match.add_argument("--max-area-angstrom2", type=float, default=400.0, metavar="A", help="default: %(default)g")
    match.add_argument("--max-strain", type=float, default=0.02, metavar="S", help="fraction, default: %(default)g")
    match.add_argument("--max-miller", type=int, default=1, metavar="N", help="largest index, default: %(default)d")
    match.add_argument(
        "--substrate-angstrom", type=float, default=15.0, metavar="T", help="for the atom count, default: %(default)g"
    )
    match.add_argument(
        "--film-angstrom", type=float, default=20.0, metavar="T", help="for the atom count, default: %(default)g"
    )
    match.add_argument(
        "--strained", choices=("film", "substrate", "both"), default="film",
        help="which crystal takes the strain; both share it evenly; default: %(default)s",
    )  # fmt: skip
    match.add_argument("--primitive", action="store_true", help="match primitive, not conventional lattices")
    match.add_argument("--json", action="store_true", help="as JSON, strain tensors included")
    match.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for matches.csv and a figure of area against strain"
    )
    match.set_defaults(run=run_match)


def run_match(arguments: argparse.Namespace) -> int:
    """Print the ranked candidates; write table and figure if asked.

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

    from mlip_interfaces.structures.matching import plane_label, rank_matches, write_matches_csv

    candidates = rank_matches(
        arguments.substrate,
        arguments.film,
        max_area_angstrom2=arguments.max_area_angstrom2,
        max_strain=arguments.max_strain,
        max_miller=arguments.max_miller,
        substrate_angstrom=arguments.substrate_angstrom,
        film_angstrom=arguments.film_angstrom,
        strained=arguments.strained,
        primitive=arguments.primitive,
    )
    if arguments.out is not None:
        import numpy as np

        from mlip_interfaces.figures.structure_plots import matches
        from mlip_interfaces.figures.style import save_figure

        arguments.out.mkdir(parents=True, exist_ok=True)
        write_matches_csv(candidates, arguments.out / "matches.csv")
        figure = matches(
            np.array([c.area_angstrom2 for c in candidates]),
            np.array([c.max_strain for c in candidates]),
            np.array([c.n_atoms_estimate for c in candidates]),
            [f"{plane_label(c.substrate_miller)}|{plane_label(c.film_miller)}" for c in candidates],
            substrate=Path(arguments.substrate).name,
            film=Path(arguments.film).name,
        )
        save_figure(figure, arguments.out, "matches")
    if arguments.json:
        print(json_text([asdict(candidate) for candidate in candidates], indent=2))
        return 0
    print_table(
        (arguments.substrate, arguments.film, "area/angstrom2", "max strain/%", "atoms"),
        [
            (
                plane_label(candidate.substrate_miller),
                plane_label(candidate.film_miller),
                f"{candidate.area_angstrom2:.1f}",
                f"{100 * candidate.max_strain:.2f}",
                str(candidate.n_atoms_estimate),
            )
            for candidate in candidates
        ],
    )
    return 0
