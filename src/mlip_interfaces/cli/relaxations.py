"""Where the relaxations of a verb end, and what it says of each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlip_interfaces.cli.arguments import count, positive
from mlip_interfaces.cli.calculators import KNOWN, add_calculator, potential_or_calculator

if TYPE_CHECKING:
    from mlip_interfaces.screening.relaxation import Rest

_USE = "structures are relaxed with ASE calculators; give chgnet, a Deep Potential of its labels, or package.module:callable."


def add_relaxations(parser: argparse.ArgumentParser) -> None:
    """Add the calculator, and where a relaxation ends.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of an action.
    """
    add_calculator(parser, required=True, known=KNOWN)
    parser.add_argument(
        "--fmax-ev-per-angstrom", type=positive, default=0.03, metavar="F", help="bound on forces (default 0.03)"
    )
    parser.add_argument("--max-steps", type=count, default=500, metavar="N", help="of each relaxation (default 500)")


def chosen_calculator(arguments: argparse.Namespace) -> tuple[Any, dict[str, object]]:
    """The calculator asked for.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_relaxations` adds.

    Returns
    -------
    tuple of (ase.calculators.calculator.Calculator, dict)
        And its name, version, kind and parameters.

    Raises
    ------
    InputFileError
        If the name or the parameters are wrong.
    """
    return potential_or_calculator(arguments.calculator, arguments.parameters, use=_USE)


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
