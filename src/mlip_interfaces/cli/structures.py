"""``structures list|show|slabs|match|amorphous``: crystals, their slabs, the planes that fit on each other, glasses."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.verbs import VERBS

if TYPE_CHECKING:
    from ase import Atoms

    from mlip_interfaces.structures.amorphous import AmorphousLayer

_MATERIAL = "name of a library crystal, or a CIF, POSCAR or other structure file"


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser("structures", help=VERBS["structures"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    table = actions.add_parser("list", help="table of the library's crystals")
    table.add_argument("--json", action="store_true", help="as JSON")
    table.set_defaults(run=run_list)

    show = actions.add_parser("show", help="one crystal: cell, density, shortest distances; --out writes it")
    show.add_argument(
        "name", metavar="NAME", help=f"{_MATERIAL}; Li6PS5Cl:inversion=0.5,seed=1 exchanges half of S and Cl on 4a/4d"
    )
    show.add_argument(
        "--out", type=Path, metavar="F", help="file to write: .cif, .vasp or POSCAR, .xyz, .data (LAMMPS)"
    )
    show.set_defaults(run=run_show)

    slabs = actions.add_parser("slabs", help="every termination of a plane; --out writes the slabs")
    slabs.add_argument("name", metavar="NAME", help=_MATERIAL)
    slabs.add_argument("--miller", type=int, nargs=3, required=True, metavar=("H", "K", "L"), help="plane")
    slabs.add_argument(
        "--thickness-angstrom",
        type=float,
        default=15.0,
        metavar="T",
        help="each slab comes as near as it can; default: %(default)g",
    )
    slabs.add_argument("--symmetric", action="store_true", help="only slabs with the same plane on both sides")
    slabs.add_argument("--stoichiometric", action="store_true", help="only slabs with the composition of the crystal")
    slabs.add_argument("--primitive", action="store_true", help="on the lateral cell of the primitive lattice")
    slabs.add_argument(
        "--charge",
        action="append",
        default=[],
        metavar="X=Q",
        help="formal charge of an element, such as Co=3; may be repeated",
    )
    slabs.add_argument(
        "--vacuum-angstrom", type=float, default=15.0, metavar="V", help="vacuum in the files, default: %(default)g"
    )
    slabs.add_argument("--json", action="store_true", help="as JSON")
    slabs.add_argument("--out", type=Path, metavar="DIR", help="folder for slabs.csv and each slab as .xyz and .vasp")
    slabs.set_defaults(run=run_slabs)

    match = actions.add_parser("match", help="ranked common lateral cells of the planes of two crystals")
    match.add_argument("substrate", metavar="SUBSTRATE", help=_MATERIAL)
    match.add_argument("film", metavar="FILM", help=_MATERIAL)
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

    amorphous = actions.add_parser("amorphous", help="melt-quench an amorphous layer in LAMMPS")
    amorphous.add_argument("material", metavar="MATERIAL", help="a formula, or a name of the crystal library")
    amorphous.add_argument(
        "--area", required=True, metavar="A", help="lateral cell: 200 (square) or 9.8x14.1, angstrom"
    )
    amorphous.add_argument("--thickness-angstrom", type=float, required=True, metavar="T")
    amorphous.add_argument(
        "--density-g-cm3", type=float, metavar="D", help="default: 0.93 of the library crystal's (LiF: 2.45)"
    )
    amorphous.add_argument(
        "--potential",
        default="tosi-fumi",
        metavar="P",
        help="tosi-fumi (LiF), a Deep Potential file (.pb, .pth), or a file of LAMMPS lines (pair_style, pair_coeff, set "
        "type 1 charge, kspace_style) with a comment '# elements: Li S'; default: %(default)s",
    )
    amorphous.add_argument("--crystal", metavar="C", help=f"compared with, default MATERIAL: {_MATERIAL}")
    amorphous.add_argument("--seed", type=int, default=1, metavar="N", help="default: %(default)d")
    amorphous.add_argument("--out", type=Path, required=True, metavar="DIR", help="LAMMPS runs, model and summary")
    amorphous.add_argument("--melt-kelvin", type=float, default=3000.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument("--melt-ps", type=float, default=10.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument(
        "--quench-kelvin-per-ps", type=float, default=100.0, metavar="R", help="default: %(default)g"
    )
    amorphous.add_argument("--final-kelvin", type=float, default=300.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument("--hold-ps", type=float, default=5.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument(
        "--relax-ps",
        type=float,
        default=0.0,
        metavar="T",
        help="time in which the height follows the pressure, a and b fixed; default: none, the density stays as asked",
    )
    amorphous.add_argument("--pressure-bar", type=float, default=1.0, metavar="P", help="along z, default: %(default)g")
    amorphous.add_argument("--timestep-fs", type=float, default=1.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument("--json", action="store_true", help="print the summary as JSON, nothing else")
    amorphous.set_defaults(run=run_amorphous)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the library."""
    import json
    from dataclasses import asdict

    from mlip_interfaces.structures.crystals import crystal_table

    rows = crystal_table()
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    _print_table(
        ("name", "formula", "space group", "atoms", "g/cm3", "source"),
        [
            (row.name, row.formula, row.space_group, str(row.n_atoms), f"{row.density_g_per_cm3:.3f}", row.source)
            for row in rows
        ],
    )
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print one crystal and write it if asked."""
    from mlip_interfaces.structures.crystal_files import write_crystal
    from mlip_interfaces.structures.crystals import crystal_elements, load_crystal, summarise_crystal
    from mlip_interfaces.structures.variations import minimum_distances

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


def run_slabs(arguments: argparse.Namespace) -> int:
    """Print the terminations and write the slabs if asked."""
    import json
    from dataclasses import asdict

    from mlip_interfaces.structures.slab_files import write_slabs
    from mlip_interfaces.structures.slabs import enumerate_slabs

    slabs = enumerate_slabs(
        arguments.name, arguments.miller, arguments.thickness_angstrom, symmetric=arguments.symmetric,
        stoichiometric=arguments.stoichiometric, primitive=arguments.primitive, charges=_charges(arguments.charge),
    )  # fmt: skip
    rows = [slab.termination for slab in slabs]
    if arguments.out is not None:
        write_slabs(slabs, arguments.out, vacuum_angstrom=arguments.vacuum_angstrom)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    _print_table(
        ("", "top | bottom", "composition", "atoms", "thickness/angstrom", "stoichiometric", "symmetric", "Tasker",
         "dipole/(e/angstrom)", "charge/e"),
        [
            (
                str(number), row.name, row.composition, str(row.n_atoms), f"{row.thickness_angstrom:.2f}",
                "yes" if row.stoichiometric else "no", "yes" if row.symmetric else "no", str(row.tasker),
                f"{row.dipole_e_per_angstrom:.3f}", f"{row.charge_e:g}",
            )
            for number, row in enumerate(rows)
        ],
    )  # fmt: skip
    if arguments.out is not None:
        print(f"written to {arguments.out}")
    return 0


def _charges(words: Sequence[str]) -> dict[str, float] | None:
    from ase.data import chemical_symbols

    from mlip_interfaces.errors import StructureError

    charges = {}
    for word in words:
        element, _, value = word.partition("=")
        try:
            charges[element] = float(value)
        except ValueError:
            element = ""
        if element not in chemical_symbols:
            raise StructureError(f"--charge {word} is no charge of an element; write for example --charge Co=3.")
    return charges or None


def run_match(arguments: argparse.Namespace) -> int:
    """Print the ranked candidates; write table and figure if asked."""
    import json
    from dataclasses import asdict

    from mlip_interfaces.structures.match_search import plane_label, rank_matches, write_matches_csv

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
        print(json.dumps([asdict(candidate) for candidate in candidates], indent=2))
        return 0
    _print_table(
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


def run_amorphous(arguments: argparse.Namespace) -> int:
    """Make one layer and write it; a finished run in the folder is read and not repeated."""
    import json
    from dataclasses import asdict

    from mlip_interfaces.structures.amorphous import MeltQuench, default_density, lateral_cell, melt_quench
    from mlip_interfaces.structures.crystal_files import write_crystal
    from mlip_interfaces.structures.crystals import library_entry, load_crystal
    from mlip_interfaces.structures.ions import formula_counts
    from mlip_interfaces.structures.quench_potential import named_potential

    material, directory = arguments.material, arguments.out
    units = dict(formula_counts(material))
    elements = list(units)
    named = arguments.crystal or (material if library_entry(material) else None)
    crystal = load_crystal(named) if named else None
    potential = named_potential(arguments.potential, elements)
    potential.refuse_compound(material, units)
    layer = melt_quench(
        lateral_cell(arguments.area),
        material=material,
        potential=potential,
        crystal=crystal,
        thickness_angstrom=arguments.thickness_angstrom,
        density_g_per_cm3=arguments.density_g_cm3 or default_density(material),
        schedule=MeltQuench(
            melt_kelvin=arguments.melt_kelvin,
            melt_ps=arguments.melt_ps,
            quench_kelvin_per_ps=arguments.quench_kelvin_per_ps,
            hold_ps=arguments.hold_ps,
            timestep_fs=arguments.timestep_fs,
            final_kelvin=arguments.final_kelvin,
            relax_ps=arguments.relax_ps,
            pressure_bar=arguments.pressure_bar,
        ),
        seed=arguments.seed,
        directory=directory,
    )
    for name in ("layer.xyz", "layer.data", "POSCAR"):
        write_crystal(layer.atoms, directory / name, elements)
    _draw_glass(layer, crystal, directory)
    summary = {
        "material": material,
        "potential": potential.name,
        "n_atoms": len(layer.atoms),
        "composition": layer.atoms.get_chemical_formula(mode="hill"),
        "thickness_angstrom": float(layer.atoms.cell[2, 2]),
        "density_g_per_cm3": layer.density_g_per_cm3,
        "requested_density_g_per_cm3": layer.requested_density_g_per_cm3,
        "coordination_mean": layer.coordination_mean,
        "n_attempts": layer.n_attempts,
        "quench_kelvin_per_ps": layer.quench_kelvin_per_ps,
        "verdict": str(layer.order),
        "order": asdict(layer.order),
        "files": ["layer.xyz", "layer.data", "POSCAR", "glass.png", "glass.svg"],
    }
    (directory / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    if arguments.json:
        print(json.dumps(summary, indent=1))
        return 0
    print(f"{layer.order}")
    print(
        f"density {layer.density_g_per_cm3:.3f} g/cm3 ({layer.requested_density_g_per_cm3:.3f} asked for), thickness "
        f"{layer.atoms.cell[2, 2]:.2f} angstrom, attempt {layer.n_attempts} at "
        f"{layer.quench_kelvin_per_ps:g} K/ps"
    )
    print(directory / "layer.xyz")
    return 0


def _draw_glass(layer: AmorphousLayer, crystal: Atoms | None, directory: Path) -> None:
    from itertools import combinations_with_replacement

    from mlip_interfaces.figures.glass import GlassPair, amorphous_layer
    from mlip_interfaces.figures.style import save_figure
    from mlip_interfaces.structures.order import partial_g

    symbols = list(dict.fromkeys(layer.atoms.get_chemical_symbols()))
    pairs = {}
    for first, second in combinations_with_replacement(symbols, 2):
        r, g = partial_g(layer.atoms, first, second)
        there = crystal is not None and {first, second} <= set(crystal.get_chemical_symbols())
        pairs[f"{first}-{second}"] = GlassPair(r, g, partial_g(crystal, first, second)[1] if there else None)
    figure = amorphous_layer(
        layer.trace.time_ps,
        layer.trace.temperature_kelvin,
        layer.trace.height_angstrom,
        pairs,
        title=f"{layer.atoms.get_chemical_formula()}, {layer.density_g_per_cm3:.2f} g/cm³: {layer.order}",
    )
    save_figure(figure, directory, "glass")


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
