"""The calculator of a verb that relaxes structures: its options, and what they name."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlip_interfaces.cli.arguments import count, positive

if TYPE_CHECKING:
    from mlip_interfaces.screening.relaxation import Rest


def add_calculator(parser: argparse.ArgumentParser) -> None:
    """Add --calculator, --parameters and where a relaxation ends.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb or action.
    """
    parser.add_argument(
        "--calculator",
        required=True,
        metavar="NAME",
        help="chgnet, sevennet, deepmd, tblite, tosi-fumi (LiF), lammps, or package.module:callable of an ASE calculator",
    )
    parser.add_argument(
        "--parameters", action="append", default=[], metavar="KEY=VALUE", help="of the calculator (may be repeated)"
    )
    parser.add_argument(
        "--fmax-ev-per-angstrom",
        type=positive,
        default=0.03,
        metavar="F",
        help="where a relaxation ends (default 0.03)",
    )
    parser.add_argument("--max-steps", type=count, default=500, metavar="N", help="of a relaxation (default 500)")


def relaxation_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where a relaxation ends.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_calculator` adds.

    Returns
    -------
    dict
        Arguments of kernels.
    """
    return {"fmax_ev_per_angstrom": arguments.fmax_ev_per_angstrom, "max_steps": arguments.max_steps}


def chosen_calculator(arguments: argparse.Namespace) -> tuple[Any, dict[str, object]]:
    """The calculator asked for, and what a result says of it.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_calculator` adds.

    Returns
    -------
    tuple of (ase.calculators.calculator.Calculator, dict)
        Ready for use, and its settings.

    Raises
    ------
    InputFileError
        If it is unknown, a DFT code, or does not take the parameters.
    MissingProgramError
        If its package is not installed.
    """
    from mlip_interfaces.config.dft import DFT_CODES
    from mlip_interfaces.errors import InputFileError, StudyError
    from mlip_interfaces.labels.teachers import (
        build_teacher,
        check_teacher,
        require_calculator,
        teacher_kind,
        teacher_version,
    )

    name = arguments.calculator
    if name in DFT_CODES:
        raise InputFileError(
            f"--calculator {name}: crystals are relaxed with ASE calculators; give chgnet, tblite or package.module:callable (energies of "
            "crystals that the code has labelled go to 'screen window' as extended XYZ)."
        )
    try:
        check_teacher(name)
    except StudyError as error:
        raise InputFileError(f"--calculator {name}: {error}") from error
    require_calculator(name)
    parameters = _parameters(arguments.parameters)
    try:
        calculator = build_teacher(name, parameters)
    except TypeError as error:
        raise InputFileError(f"--calculator {name} does not take these --parameters ({error}).") from error
    return calculator, {
        "calculator": name, "calculator_version": teacher_version(name, parameters), "calculator_kind": teacher_kind(name),
        "calculator_parameters": parameters,
    }  # fmt: skip


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


def _parameters(given: list[str]) -> dict[str, Any]:
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.yaml_text import parse_yaml

    found = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.strip().isidentifier():
            raise InputFileError(f"--parameters {text} is not like key=value.")
        found[key.strip()] = parse_yaml(value, Path("--parameters"))
    return found
