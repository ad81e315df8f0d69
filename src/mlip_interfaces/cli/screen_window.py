"""``screen window`` and ``screen entries``: electrochemical windows, and the energies that they are made of."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers, add_output, count, finite, non_negative
from mlip_interfaces.cli.relaxations import add_relaxations, check_calculator, chosen_calculator, relaxation_settings
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    from mlip_interfaces.screening.relaxing.crystal_energies import RelaxedCrystal
    from mlip_interfaces.screening.windows.windows import Kink, Window, WindowErrors


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the two actions.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``screen``.
    """
    parser = actions.add_parser("window", help="electrochemical window, plateaus and uptake of a composition")
    parser.add_argument(
        "entries", type=Path, metavar="ENTRIES", help="energies of phases: JSON, CSV, YAML or extended XYZ"
    )
    parser.add_argument("--composition", required=True, metavar="FORMULA", help="what the window is of")
    parser.add_argument("--open", default="Li", metavar="ELEMENT", help="the element that is exchanged (default: Li)")
    parser.add_argument(
        "--uncertainty-ev-per-atom",
        type=non_negative,
        metavar="EV",
        help="standard error of energies that have none of their own",
    )
    parser.add_argument("--samples", type=count, default=400, metavar="N", help="draws for the intervals (default 400)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default 0)")
    parser.add_argument("--against", metavar="FORMULA", help="a second phase: reactions of the two")
    parser.add_argument(
        "--at-v", type=finite, action="append", default=[], metavar="V",
        help="voltage at which they react with the open element (may be repeated; default: closed)",
    )  # fmt: skip
    add_output(parser)
    parser.set_defaults(run=run_window)

    parser = actions.add_parser("entries", help="relax crystals with a calculator and write their energies")
    parser.add_argument("--elements", required=True, metavar="A,B,C", help="crystals of these elements, as in Li,P,S")
    parser.add_argument(
        "--structure", type=Path, action="append", default=[], metavar="FILE",
        help="a crystal that the library has not, such as P or S alone (may be repeated)",
    )  # fmt: skip
    add_relaxations(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the entries (JSON)")
    parser.set_defaults(run=run_entries)


def run_window(arguments: argparse.Namespace) -> int:
    """Compute a window.

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
        If options contradict each other.
    """
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.windows.entries import load_entries
    from mlip_interfaces.screening.windows.window_outputs import window_content, window_curves, write_window
    from mlip_interfaces.screening.windows.windows import electrochemical_window, mutual_reaction, window_errors

    if arguments.at_v and arguments.against is None:
        raise InputFileError("--at-v is the voltage of a reaction with a second phase; name it by --against.")
    if arguments.samples < 2 or arguments.seed < 0:
        raise InputFileError("--samples must be two or more, and --seed zero or more.")
    entries = load_entries(arguments.entries)
    window = electrochemical_window(entries.phases, arguments.composition, arguments.open)
    errors = None
    if arguments.uncertainty_ev_per_atom or any(one.uncertainty_ev_per_atom for one in entries.phases):
        errors = window_errors(
            entries.phases, arguments.composition, arguments.open,
            uncertainty_ev_per_atom=arguments.uncertainty_ev_per_atom, n_samples=arguments.samples, seed=arguments.seed,
        )  # fmt: skip
    reactions: dict[str, tuple[Kink, ...]] = {}
    if arguments.against is not None:
        pair = f"{arguments.composition} | {arguments.against}"
        for voltage in arguments.at_v or [None]:
            title = f"{pair}, closed" if voltage is None else f"{pair}, {arguments.open} at {voltage:g} V"
            reactions[title] = mutual_reaction(
                entries.phases, arguments.composition, arguments.against, arguments.open, voltage
            )
    content = window_content(window, errors, reactions, entries.notes)
    pictures = []
    if arguments.out is not None:
        curves = window_curves(window, entries.phases)
        pictures = write_window(window, errors, reactions, curves, content, arguments.out, made_of([arguments.entries]))
    if arguments.json:
        print(json_text(content))
        return 0
    _say_window(window, errors, reactions)
    for note in (*window.notes, *entries.notes):
        print(note)
    for picture in pictures:
        print(picture)
    return 0


def run_entries(arguments: argparse.Namespace) -> int:
    """Relax crystals and write their energies.

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
        If elements, parameters or the calculator are wrong.
    """
    from mlip_interfaces.errors import InputFileError, counted
    from mlip_interfaces.observables.provenance import made_of
    from mlip_interfaces.screening.relaxing.crystal_energies import crystals_of, missing_references, relax_crystals

    check_calculator(arguments)
    elements = tuple(dict.fromkeys(one.strip() for one in arguments.elements.split(",") if one.strip()))
    crystals = crystals_of(elements, arguments.structure)
    if not crystals:
        raise InputFileError(
            f"The library has no crystal of {', '.join(elements) or 'no elements'} alone; give more elements, or files by --structure."
        )
    calculator, settings = chosen_calculator(arguments, elements)
    done = relax_crystals(
        crystals,
        calculator,
        arguments.out,
        settings,
        **relaxation_settings(arguments),
        provenance=made_of(arguments.structure),
        report=_say_crystal,
    )
    for symbol in missing_references(elements, crystals):
        print(
            f"No crystal of {symbol} alone: a window needs one; give its structure by --structure and run this again."
        )
    unfinished = [one.name for one in done if not one.converged]
    if unfinished:
        print(
            f"Not relaxed to their end: {', '.join(unfinished)}; their energies may be too high. Raise --max-steps in another --out."
        )
    print(f"{counted(len(done), 'crystal')} in {arguments.out}")
    return 0


def _say_crystal(crystal: RelaxedCrystal) -> None:
    state = "" if crystal.is_new else ", as it was"
    end = "" if crystal.converged else ", not at its end"
    print(f"{crystal.name:16} {crystal.formula:16} {crystal.energy_ev_per_atom:10.4f} eV/atom{end}{state}", flush=True)


def _say_window(window: Window, errors: WindowErrors | None, reactions: dict[str, tuple[Kink, ...]]) -> None:
    upper = "no upper end" if window.upper_v is None else f"{window.upper_v:.3f} V"
    print(
        f"{window.composition}: {window.lower_v:.3f} V to {upper} against {window.open_element} metal; {window.n_phases} phases weighed."
    )
    if errors is not None:
        ends = [("lower", errors.lower_interval_v), ("upper", errors.upper_interval_v)]
        words = ", ".join(f"{name} end {one[0]:.3f} to {one[1]:.3f} V" for name, one in ends if one is not None)
        print(
            f"With {100 * errors.level:.0f} %: {words}; {window.composition} is on the hull in {100 * errors.stable_fraction:.0f} % of {errors.n_samples} draws."
        )
    for plateau in window.plateaus:
        print(f"  {plateau.voltage_v:6.3f} V  {plateau.kind:9}  {plateau.reaction}")
    for title, kinks in reactions.items():
        print(title)
        for kink in kinks:
            print(f"  {kink.fraction:6.3f}  {kink.energy_ev_per_atom:8.4f} eV/atom  {kink.reaction}")
