"""``screen migration``: barriers of an ion's hops, and how they percolate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers, add_output, count, positive, say
from mlip_interfaces.cli.relaxations import add_relaxations, check_calculator, chosen_calculator
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from ase import Atoms

    from mlip_interfaces.screening.migration.hops import Hop, Sites
    from mlip_interfaces.screening.migration.migration import HopRecord
    from mlip_interfaces.screening.migration.percolation import Percolation


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser("migration", help="barriers of an ion's hops (nudged elastic band), and percolation")
    parser.add_argument("crystal", metavar="CRYSTAL", help="a crystal of the library, or a file (CIF, POSCAR ...)")
    parser.add_argument("--ion", default="Li", metavar="ELEMENT", help="the element that hops (default: Li)")
    parser.add_argument(
        "--list", action="store_true", help="show sites, distinct hops and percolating distances; compute nothing"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--hop", action="append", default=[], metavar="A-B",
        help="this hop alone, into a vacancy: Li1-Li2, or Li1-Li2_0,-1,0 to the Li2 of that cell (may be repeated; default: all distinct ones)",
    )  # fmt: skip
    which.add_argument(
        "--max-distance-angstrom", type=positive, metavar="D", help="longest hop that is looked for (default 4)"
    )
    which.add_argument(
        "--interstitial", metavar="X,Y,Z:X,Y,Z",
        help="instead: a hop between two places that no atom is on, in lattice vectors",
    )  # fmt: skip
    parser.add_argument(
        "--min-length-angstrom",
        type=positive,
        default=10.0,
        metavar="L",
        help="least width of the supercell (default 10)",
    )
    parser.add_argument("--images", type=count, default=5, metavar="N", help="between the ends (default 5)")
    add_relaxations(parser, required=False)
    parser.add_argument("--keep-cell", action="store_true", help="keep the lattice; default: relax it first")
    add_output(parser)
    parser.set_defaults(run=run_migration)


def run_migration(arguments: argparse.Namespace) -> int:
    """Compute barriers hop by hop; what is finished is kept.

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
        If options are missing or contradict each other.
    """
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.migration.migration import migration, percolating_distances
    from mlip_interfaces.screening.migration.migration_outputs import (
        hops_content,
        migration_content,
        percolation_sentences,
        write_migration,
    )
    from mlip_interfaces.screening.migration.neb import BandSettings
    from mlip_interfaces.structures.crystals import load_crystal

    if not arguments.list:
        if arguments.calculator is None or arguments.out is None:
            raise InputFileError("Give --calculator NAME and --out DIR, or --list to see the hops alone.")
        check_calculator(arguments)
    crystal = load_crystal(arguments.crystal)
    sites, hops = _hops(arguments, crystal)
    if arguments.list:
        if arguments.json:
            print(json_text(hops_content(sites, hops)))
        else:
            _list(sites, hops, percolating_distances(sites))
        return 0
    elements = {*crystal.symbols.species(), arguments.ion}
    calculator, settings = chosen_calculator(arguments, sorted(elements))
    band = BandSettings(arguments.images, arguments.fmax_ev_per_angstrom, arguments.max_steps)
    found = migration(
        crystal,
        sites,
        hops,
        calculator,
        arguments.out,
        settings,
        band=band,
        min_length_angstrom=arguments.min_length_angstrom,
        keep_cell=arguments.keep_cell,
        report=_silent if arguments.json else _say_hop,
    )
    settings |= {
        "n_images": band.n_images,
        "fmax_ev_per_angstrom": band.fmax_ev_per_angstrom,
        "max_steps": band.max_steps,
        "keep_cell": arguments.keep_cell,
        "min_length_angstrom": arguments.min_length_angstrom,
    }
    content = migration_content(found, settings)
    file = Path(arguments.crystal)
    pictures = write_migration(found, content, arguments.out, made_of([file] if file.is_file() else []))
    say(found.notes)
    if arguments.json:
        print(json_text(content))
        return 0
    for line in percolation_sentences(found):
        print(line)
    for picture in pictures:
        print(picture)
    return 0


def _hops(arguments: argparse.Namespace, crystal: Atoms) -> tuple[Sites, tuple[Hop, ...]]:
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.screening.migration.hops import distinct_hops, interstitial_sites, named_hop, reverse, sites_of

    if arguments.interstitial is not None:
        sites = interstitial_sites(crystal, arguments.ion, _places(arguments.interstitial))
        return sites, (named_hop(sites, "i1-i2_0,0,0"),)
    sites = sites_of(crystal, arguments.ion)
    if not arguments.hop:
        return sites, distinct_hops(sites, arguments.max_distance_angstrom or 4.0)
    hops: list[Hop] = []
    for name in arguments.hop:
        hop = named_hop(sites, name)
        same = [one.name for one in hops if {hop.edge, reverse(hop.edge)} & set(one.edges)]
        if same:
            raise InputFileError(f"--hop {name} is {same[0]} by symmetry; leave out one of the two.")
        hops.append(hop)
    return sites, tuple(hops)


def _places(text: str) -> list[list[float]]:
    from mlip_interfaces.errors import InputFileError

    try:
        places = [[float(number) for number in place.split(",")] for place in text.split(":")]
    except ValueError:
        places = []
    if [len(place) for place in places] != [3, 3] or places[0] == places[1]:
        raise InputFileError(
            f"--interstitial {text} is not like 0.5,0.5,0.5:0.5,0.5,1.5, two places in lattice vectors."
        )
    return places


def _list(sites: Sites, hops: tuple[Hop, ...], needed: Percolation) -> None:
    for label, fractional, orbit in zip(sites.labels, sites.fractional, sites.orbits, strict=True):
        place = " ".join(f"{x:8.4f}" for x in fractional)
        print(f"{label:6} {place}   as {sites.labels[int(orbit)]}")
    for hop in hops:
        ends = "own reverse" if hop.has_mirror else "equal ends" if hop.joins_equals else ""
        print(f"{hop.name:20} {hop.distance_angstrom:7.3f} angstrom  {len(hop.edges):4} in the cell  {ends}".rstrip())
    for number, one in sorted(needed.directions.items()):
        what = "1 direction" if number == 1 else f"{number} directions"
        print(f"All hops up to {one.level:.3f} angstrom percolate in {what}.")
    for axis, one in needed.axes.items():
        print(f"All hops up to {one.level:.3f} angstrom percolate along {axis}.")


def _say_hop(record: HopRecord, is_new: bool) -> None:
    from mlip_interfaces.screening.migration.migration_outputs import hop_sentence

    print(hop_sentence(record) + ("" if is_new else " As it was."), flush=True)
    if record.forward_barrier_ev is not None:
        for note in record.notes:
            print(f"  {note}", flush=True)


def _silent(record: HopRecord, is_new: bool) -> None:
    """Nothing: standard output is JSON alone."""
