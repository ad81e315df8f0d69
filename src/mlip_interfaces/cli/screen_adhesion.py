"""``screen adhesion``: work of adhesion and interface energy of two crystals, or of models that are there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers, add_output, positive, say
from mlip_interfaces.cli.relaxations import (
    add_relaxations,
    check_calculator,
    chosen_calculator,
    relaxation_settings,
    say_rest,
)
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from mlip_interfaces.screening.adhesion.interface_cells import InterfaceSeries


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser(
        "adhesion", help="work of adhesion and interface energy, strain removed, with any calculator"
    )
    parser.add_argument("substrate", nargs="?", metavar="SUBSTRATE", help="a crystal of the library, or a file")
    parser.add_argument("film", nargs="?", metavar="FILM", help="the other one")
    parser.add_argument("--substrate-miller", type=int, nargs=3, metavar=("H", "K", "L"), help="plane of the substrate")
    parser.add_argument("--film-miller", type=int, nargs=3, metavar=("H", "K", "L"), help="plane of the film")
    parser.add_argument(
        "--substrate-termination", metavar="NAME", help="as 'structures slabs' lists them (default: the first)"
    )
    parser.add_argument("--film-termination", metavar="NAME", help="the same of the film")
    parser.add_argument(
        "--thickness-angstrom", type=positive, action="append", metavar="T",
        help="of each slab (may be repeated: the spread is told; default: 10 and 15)",
    )  # fmt: skip
    parser.add_argument(
        "--registries", type=_whole, default=0, metavar="N",
        help="N x N sideways shifts of the film besides the one of the lowest contact energy (default: 0)",
    )  # fmt: skip
    parser.add_argument("--max-area-angstrom2", type=positive, default=200.0, metavar="A", help="default: %(default)g")
    parser.add_argument("--max-strain", type=positive, default=0.05, metavar="S", help="fraction, default: %(default)g")
    parser.add_argument(
        "--strained", choices=("film", "substrate", "both"), default="film", help="default: %(default)s"
    )
    parser.add_argument(
        "--model", type=Path, action="append", default=[], metavar="FILE", help="a model.xyz instead (may be repeated)"
    )
    parser.add_argument("--run-folder", type=Path, metavar="DIR", help="the models of a run folder instead")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this model of it (may be repeated)"
    )
    parser.add_argument("--vacuum-angstrom", type=positive, default=15.0, metavar="V", help="default: %(default)g")
    parser.add_argument(
        "--rigid", action="store_true", help="nothing is relaxed: the energies of the cells as they are made"
    )
    add_relaxations(parser)
    add_output(parser, kept="folder of results and relaxed cells; run again, it goes on")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Relax the cells of the interfaces and write their energetics.

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
        If options contradict each other, or there is no such calculator.
    """
    import dataclasses

    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.adhesion.adhesion_outputs import (
        adhesion_content,
        interface_results,
        sentences,
        write_adhesion,
    )
    from mlip_interfaces.screening.relaxing.relaxation import relax_tasks

    check_calculator(arguments)
    series, files = _series(arguments)
    elements = [symbol for task in series.tasks.values() for symbol in task.atoms.symbols.species()]
    calculator, settings = chosen_calculator(arguments, sorted(set(elements)))
    settings = {**settings, "rigid": arguments.rigid, "vacuum_angstrom": arguments.vacuum_angstrom}
    if arguments.rigid:
        frozen = {name: dataclasses.replace(task, freedom="none") for name, task in series.tasks.items()}
        series = dataclasses.replace(series, tasks=frozen)
    rests = relax_tasks(
        series.tasks, calculator, arguments.out, settings, **relaxation_settings(arguments),
        report=(lambda name, rest: None) if arguments.json else say_rest,
    )  # fmt: skip
    results = interface_results(series, rests)
    is_built = arguments.substrate is not None
    content = adhesion_content(
        series, results, rests, {**settings, **relaxation_settings(arguments)}, is_one_interface=is_built
    )
    pictures = write_adhesion(results, content, arguments.out, made_of(files))
    if arguments.json:
        print(json_text(content))
        return 0
    for sentence in sentences(results, content):
        print(sentence)
    say(map(str, content["notes"] if isinstance(content["notes"], list) else []))
    for picture in pictures:
        print(picture)
    return 0


def _series(arguments: argparse.Namespace) -> tuple[InterfaceSeries, list[Path]]:
    """The interfaces asked for, and the files they are made of."""
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.screening.adhesion.interface_cells import built_interfaces, model_interfaces
    from mlip_interfaces.structures.matching import SlabRequest

    given = [arguments.substrate is not None, bool(arguments.model), arguments.run_folder is not None]
    if sum(given) != 1:
        raise InputFileError("Give one of: SUBSTRATE and FILM, --model FILE, or --run-folder DIR.")
    if arguments.only and arguments.run_folder is None:
        raise InputFileError("--only names models of a run folder; give it by --run-folder.")
    if arguments.substrate is not None:
        if arguments.film is None or arguments.substrate_miller is None or arguments.film_miller is None:
            raise InputFileError(
                "An interface of two crystals needs SUBSTRATE, FILM, --substrate-miller and --film-miller."
            )
        requests = tuple(
            SlabRequest(material, tuple(miller), 10.0, termination=_termination(termination))
            for material, miller, termination in (
                (arguments.substrate, arguments.substrate_miller, arguments.substrate_termination),
                (arguments.film, arguments.film_miller, arguments.film_termination),
            )
        )
        series = built_interfaces(
            (requests[0], requests[1]), arguments.thickness_angstrom or [10.0, 15.0], n_registries=arguments.registries,
            vacuum_angstrom=arguments.vacuum_angstrom, max_area_angstrom2=arguments.max_area_angstrom2,
            max_strain=arguments.max_strain, strained=arguments.strained,
        )  # fmt: skip
        return series, [Path(one) for one in (arguments.substrate, arguments.film) if Path(one).is_file()]
    for option in (
        "substrate_miller",
        "film_miller",
        "thickness_angstrom",
        "substrate_termination",
        "film_termination",
    ):
        if getattr(arguments, option) is not None:
            raise InputFileError(
                f"--{option.replace('_', '-')} is of an interface that is built; a model is there already."
            )
    if arguments.model:
        models = _models(arguments.model)
        return model_interfaces(models, {}, vacuum_angstrom=arguments.vacuum_angstrom), list(arguments.model)
    from mlip_interfaces.pipeline.interface_models import models_of_run

    found = models_of_run(arguments.run_folder, arguments.only)
    return model_interfaces(found.models, found.bulks, vacuum_angstrom=arguments.vacuum_angstrom), list(found.files)


def _models(paths: list[Path]) -> dict[str, object]:
    from ase.io import read

    from mlip_interfaces.errors import InputFileError

    found: dict[str, object] = {}
    for path in paths:
        if not path.is_file():
            raise InputFileError(f"There is no file {path}; give a model.xyz as 'build' writes it.")
        name = path.parent.name if path.stem == "model" else path.stem
        if not name or name in found:
            name = f"model-{len(found) + 1}"
        try:
            found[name] = read(path)
        except (ValueError, KeyError, OSError, IndexError) as error:
            raise InputFileError(
                f"{path} is no structure that can be read ({error}); give a model.xyz as 'build' writes it."
            ) from error
    return found


def _termination(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdigit() else text


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text}")
    return int(text)
