"""Where the relaxations of a verb end, and what it says of each."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlip_interfaces.cli.arguments import count, positive
from mlip_interfaces.cli.calculators import add_calculator, check_name_or_file, open_calculator

if TYPE_CHECKING:
    from mlip_interfaces.screening.relaxing.relaxation import Rest

_USE = "structures are relaxed with ASE calculators; give chgnet, a Deep Potential of its labels, or package.module:callable."


def add_relaxations(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the calculator, and where a relaxation ends.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of an action.
    required : bool, optional
        Whether nothing can be done without a calculator.
    """
    add_calculator(parser, required=required)
    parser.add_argument(
        "--fmax-ev-per-angstrom", type=positive, default=0.03, metavar="F", help="bound on forces (default 0.03)"
    )
    parser.add_argument("--max-steps", type=count, default=500, metavar="N", help="of each relaxation (default 500)")


def check_calculator(arguments: argparse.Namespace) -> None:
    """Refuse a calculator that is not known or not installed, before anything long begins.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_relaxations` adds.

    Raises
    ------
    InputFileError
        If there is no such calculator, and no such file.
    MissingProgramError
        If its package is not there.
    """
    check_name_or_file(arguments.calculator, use=_USE)


def chosen_calculator(arguments: argparse.Namespace, elements: Iterable[str]) -> tuple[Any, dict[str, object]]:
    """The calculator asked for.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_relaxations` adds.
    elements : iterable of str
        Of all structures.

    Returns
    -------
    tuple of (ase.calculators.calculator.Calculator, dict)
        And its name, version, kind and parameters.

    Raises
    ------
    InputFileError
        As `check_calculator`; if the parameters are wrong, or a potential does not know an element.
    MissingProgramError
        As `check_calculator`.
    """
    return open_calculator(arguments.calculator, arguments.parameters, use=_USE, elements=elements)


def relaxation_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where a relaxation ends.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_relaxations` adds.

    Returns
    -------
    dict
        Arguments of kernels.
    """
    return {"fmax_ev_per_angstrom": arguments.fmax_ev_per_angstrom, "max_steps": arguments.max_steps}


def say_rest(name: str, rest: Rest) -> None:
    """Tell of a structure that is relaxed.

    Parameters
    ----------
    name : str
        Of it.
    rest : Rest
        How it ended.
    """
    end = "" if rest.converged else ", not at rest"
    print(
        f"{name:40} {rest.energy_ev / rest.n_atoms:10.4f} eV/atom, {rest.n_atoms} atoms, {rest.n_steps} steps{end}",
        flush=True,
    )
