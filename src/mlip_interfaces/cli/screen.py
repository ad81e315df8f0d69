"""``screen ACTION``: which pairs are worth simulating, and what is known of a crystal, a defect or an interface before."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli import (
    screen_adhesion,
    screen_conductivity,
    screen_crowding,
    screen_defect_energies,
    screen_flux,
    screen_migration,
    screen_rank,
    screen_window,
)
from mlip_interfaces.cli.arguments import (
    Subparsers,
    add_chemical_potentials,
    add_materials,
    add_output,
    chemical_potentials,
    count,
    finite,
    positive,
    require_output,
    say,
)
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from mlip_interfaces.screening.maps.potential_map import PotentialMap
    from mlip_interfaces.screening.solids.dictionary import Dictionary
    from mlip_interfaces.screening.solids.materials import DefectChemistry


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of the program.
    """
    parser = subparsers.add_parser("screen", help=VERBS["screen"])
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _register_map(actions)
    _register_table(actions)
    _register_space_charge(actions)
    _register_defects(actions)
    screen_adhesion.register(actions)
    screen_conductivity.register(actions)
    screen_crowding.register(actions)
    screen_defect_energies.register(actions)
    screen_window.register(actions)
    screen_flux.register(actions)
    screen_migration.register(actions)
    screen_rank.register(actions)


def _register_map(actions: Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("potential-map", help="levels, steps and barriers through batteries, with figures")
    parser.add_argument("--electrolyte", metavar="NAME", help="one electrolyte (default: each)")
    parser.add_argument("--cathode", metavar="NAME", help="one cathode (default: each)")
    parser.add_argument("--soc", metavar="SOC", help="one state of charge: 0, 100 or + (default: each)")
    parser.add_argument("--anode", metavar="NAME", help="the anode (default: Li)")
    parser.add_argument("--stack", type=Path, metavar="FILE", help="a battery with interphases and coatings (YAML)")
    parser.add_argument(
        "--all", action="store_true", help="every battery, the table, and the figures that compare them"
    )
    add_materials(parser)
    add_output(parser)
    parser.set_defaults(run=run_map)


def _register_table(actions: Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("table", help="steps of the potential at both electrodes, for all pairs")
    parser.add_argument("--anode", default="Li", metavar="NAME", help="the anode (default: Li)")
    parser.add_argument(
        "--low-barrier-v", type=positive, metavar="V", help="largest step of a low-barrier pair (default: 0.45)"
    )
    add_materials(parser)
    add_output(parser)
    parser.set_defaults(run=run_table)


def _register_space_charge(actions: Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("space-charge", help="width, charge and capacitance of the layer at an electrode")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--material", metavar="NAME", help="an electrolyte whose file has space_charge")
    source.add_argument("--file", type=Path, metavar="FILE", help="its inputs (YAML)")
    add_materials(parser)
    add_output(parser)
    parser.set_defaults(run=run_space_charge)


def _register_defects(actions: Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("defects", help="Fermi level and concentrations of charged defects against voltage")
    parser.add_argument("file", type=Path, metavar="FILE", help="a material file with defects (YAML)")
    parser.add_argument("--from-v", type=finite, metavar="V", help="first voltage (default: just below the window)")
    parser.add_argument("--to-v", type=finite, metavar="V", help="last voltage (default: just above the window)")
    parser.add_argument("--points", type=count, default=301, metavar="N", help="voltages (default 301)")
    parser.add_argument(
        "--species",
        type=Path,
        metavar="DUMP",
        help="defects of doped or pymatgen-analysis-defects (.json, .json.gz) instead of the file's own",
    )
    parser.add_argument("--limit", metavar="NAME", help="of the chemical potentials in DUMP, or X-rich of an element X")
    add_chemical_potentials(parser, "of an element instead, absolute, Li that of its metal (may be repeated)")
    add_output(parser)
    parser.set_defaults(run=run_defects)


def run_map(arguments: argparse.Namespace) -> int:
    """Draw the maps asked for.

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
        If a material or a state is not there, or options contradict each other.
    """
    require_output(arguments)
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.maps.outputs import map_content, write_maps, write_overview, write_table
    from mlip_interfaces.screening.maps.pair_table import pair_table
    from mlip_interfaces.screening.solids.dictionary import load_dictionary, published_steps

    dictionary = load_dictionary(arguments.materials)
    batteries = _batteries(arguments, dictionary)
    files = [*dictionary.files, *([arguments.stack] if arguments.stack else [])]
    if arguments.out is not None:
        provenance = made_of(files)
        pictures = write_maps(batteries, arguments.out, provenance)
        if arguments.all:
            pictures += write_overview(batteries, dictionary, arguments.out)
            write_table(pair_table(batteries, dictionary, published_steps()), arguments.out, provenance)
    if arguments.json:
        print(json_text({"batteries": [map_content(one) for one in batteries]}))
        return 0
    for one in batteries:
        print(_sentence(one))
    if arguments.all:
        _say_missing(dictionary)
    for picture in pictures:
        print(picture)
    return 0


def _batteries(arguments: argparse.Namespace, dictionary: Dictionary) -> list[PotentialMap]:
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.screening.maps.pair_table import all_batteries
    from mlip_interfaces.screening.maps.potential_map import potential_map
    from mlip_interfaces.screening.solids.dictionary import load_stack

    chosen = [option for option in ("electrolyte", "cathode", "soc") if getattr(arguments, option) is not None]
    if arguments.stack is not None:
        given = [*chosen, *(["anode"] if arguments.anode else []), *(["all"] if arguments.all else [])]
        if given:
            raise InputFileError(f"--stack names all parts of its battery; leave out --{given[0]}.")
        stack = load_stack(arguments.stack)
        layers = [dictionary.electrolyte(name) for name in stack.layers]
        return [potential_map(dictionary.anode(stack.anode), layers, dictionary.cathode(stack.cathode), stack.soc)]
    if arguments.all and chosen:
        raise InputFileError(f"--all draws every battery; leave out --{chosen[0]}, or --all.")
    if not arguments.all and not chosen:
        raise InputFileError(
            "Give --electrolyte, --cathode or --soc for some batteries, --stack FILE for one, or --all."
        )
    if arguments.electrolyte is not None:
        dictionary.electrolyte(arguments.electrolyte)
    if arguments.cathode is not None:
        cathode = dictionary.cathode(arguments.cathode)
        if arguments.soc in cathode.not_given:
            raise InputFileError(
                f"{cathode.name} at '{arguments.soc}' is named by its source without numbers; give a material file with them by --materials."
            )
    found = [
        one
        for one in all_batteries(dictionary, arguments.anode or "Li")
        if arguments.electrolyte in (None, one.layers[0].name)
        and arguments.cathode in (None, one.cathode)
        and arguments.soc in (None, one.soc)
    ]
    if not found:
        socs = dict.fromkeys(
            soc
            for name, cathode in dictionary.cathodes.items()
            if arguments.cathode in (None, name)
            for soc in cathode.states
        )
        raise InputFileError(f"No battery is at --soc {arguments.soc}; states of charge are {', '.join(socs)}.")
    return found


def run_table(arguments: argparse.Namespace) -> int:
    """Print the table of all pairs.

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
    from mlip_interfaces.screening.maps.outputs import write_table
    from mlip_interfaces.screening.maps.pair_table import LOW_BARRIER_V, all_batteries, pair_table
    from mlip_interfaces.screening.solids.dictionary import load_dictionary, published_steps

    dictionary = load_dictionary(arguments.materials)
    batteries = list(all_batteries(dictionary, arguments.anode))
    table = pair_table(batteries, dictionary, published_steps(), arguments.low_barrier_v or LOW_BARRIER_V)
    if arguments.out is not None:
        write_table(table, arguments.out, made_of(dictionary.files))
    if arguments.json:
        print(json_text(table.to_json()))
        return 0
    print(f"{'cathode':10} {'electrolyte':12} {'soc':>4} {'cathode (V)':>12} {'anode (V)':>10}  flags")
    for row in table.rows:
        print(
            f"{row.cathode:10} {row.electrolyte:12} {row.soc:>4} {row.delta_phi_cathode_v:+12.2f} {row.delta_phi_anode_v:+10.2f}  "
            f"{', '.join(row.flags)}"
        )
    print(
        f"Low barriers (to {table.low_barrier_v:g} V, discharged and charged): {', '.join(table.low_barrier_pairs) or 'none'}."
    )
    print(f"The barrier changes sides with the state of charge: {', '.join(table.sign_changes) or 'nowhere'}.")
    compared = table.compared
    if compared.n_published:
        print(f"Published table: {compared.n_within} of {compared.n_published} rows within {compared.within_v:g} V.")
        for kind, names in (("Differs", compared.differing), ("Not printed there", compared.not_published)):
            for name in names:
                print(f"{kind}: {name}.")
    _say_missing(dictionary)
    return 0


def run_space_charge(arguments: argparse.Namespace) -> int:
    """Compute the layer of a material or of a file.

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
        If the material has no such inputs.
    """
    require_output(arguments)
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.solids.dictionary import load_dictionary, load_space_charge
    from mlip_interfaces.screening.solids.solid_outputs import space_charge_content, write_space_charge
    from mlip_interfaces.screening.solids.space_charge import solved_space_charge

    if arguments.file is not None:
        section, files = load_space_charge(arguments.file), [arguments.file]
    else:
        dictionary = load_dictionary(arguments.materials)
        given, files = dictionary.electrolyte(arguments.material).space_charge, list(dictionary.files)
        if given is None:
            known = [name for name, one in dictionary.electrolytes.items() if one.space_charge is not None]
            raise InputFileError(
                f"The file of {arguments.material} has no space_charge; those that have are {', '.join(known)}. Give its inputs by --file."
            )
        section = given
    found = solved_space_charge(section.inputs())
    content = space_charge_content(found)
    if arguments.out is not None:
        write_space_charge(found, content, arguments.out, made_of(files))
    say(found.notes)
    print(json_text(content) if arguments.json else arguments.out / "space_charge.json")
    return 0


def run_defects(arguments: argparse.Namespace) -> int:
    """Compute the Fermi level of a material from its charged defects.

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
        If the material has no defects, or the range of voltages is empty.
    """
    require_output(arguments)
    import numpy as np

    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.solids.dictionary import load_material
    from mlip_interfaces.screening.solids.materials import Electrolyte
    from mlip_interfaces.screening.solids.solid_outputs import defects_content, shown_voltages, write_defects

    material = load_material(arguments.file)
    if not isinstance(material, Electrolyte) or material.defects is None:
        raise InputFileError(f"{arguments.file}: it has no defects; add the section 'defects' of an electrolyte.")
    chemistry, notes = material.defects, list[str]()
    if arguments.species is not None:
        chemistry, notes = _species_of(arguments, chemistry)
    elif arguments.limit is not None or arguments.chemical_potential:
        raise InputFileError("--limit and --chemical-potential are of defects that --species names.")
    ends = shown_voltages(material)[[0, -1]]
    first = float(ends[0]) if arguments.from_v is None else arguments.from_v
    last = float(ends[1]) if arguments.to_v is None else arguments.to_v
    if first >= last or arguments.points < 2:
        raise InputFileError(f"--from-v ({first:g}) must lie below --to-v ({last:g}), and --points be two or more.")
    equilibrium = chemistry.equilibrium(material.band_gap_ev, np.linspace(first, last, arguments.points))
    content = defects_content(material, chemistry, equilibrium, notes)
    if arguments.out is not None:
        files = [arguments.file, *([arguments.species] if arguments.species else [])]
        write_defects(material, equilibrium, content, arguments.out, made_of(files))
    say([*equilibrium.notes(material.band_gap_ev), *notes])
    print(json_text(content) if arguments.json else arguments.out / "defects.json")
    return 0


def _species_of(arguments: argparse.Namespace, chemistry: DefectChemistry) -> tuple[DefectChemistry, list[str]]:
    """The file's temperature and bands with the species of a dump."""
    import dataclasses

    from pydantic import ValidationError

    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.screening.defects.defect_files import read_defects
    from mlip_interfaces.screening.solids.materials import DefectChemistry, DefectSpecies
    from mlip_interfaces.screening.solids.reading import sentences

    found = read_defects(arguments.species, arguments.limit, chemical_potentials(arguments))
    try:
        species = [
            DefectSpecies(charge_e=values.pop("charge"), **values)
            for values in (dataclasses.asdict(defect) for defect in found.defects)
        ]
        made = DefectChemistry.model_validate(chemistry.model_dump() | {"species": species})
    except ValidationError as error:
        raise InputFileError(
            "\n".join(f"{arguments.species}: {said}" for said in sentences(error, DefectSpecies))
        ) from error
    limit = (
        [] if found.limit is None else [f"Chemical potentials of other elements than Li are those of {found.limit}."]
    )
    return made, [*limit, *found.notes]


def _sentence(battery: PotentialMap) -> str:
    steps = []
    for step in battery.steps:
        hinders = "no barrier" if step.barrier_to == "none" else f"barrier to {step.barrier_to}"
        steps.append(f"{' | '.join(step.between)} {step.delta_phi_v:+.2f} V ({hinders})")
    flags = f"; {', '.join(battery.flags)}" if battery.flags else ""
    return f"{battery.name}: {battery.open_circuit_voltage_v:.2f} V; {'; '.join(steps)}{flags}"


def _say_missing(dictionary: Dictionary) -> None:
    for cathode in dictionary.cathodes.values():
        for soc in cathode.not_given:
            print(f"Missing: {cathode.name} at {soc} with every electrolyte; its source names it and gives no number.")
