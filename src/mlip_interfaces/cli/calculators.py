"""``--calculator`` and ``--parameters``: an ASE calculator by name, and what files say of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mlip_interfaces.cli.arguments import key_values

TOSI_FUMI = "tosi-fumi"
LAMMPS = "mlip_interfaces.labels.lammps_calculator:lammps_calculator"
KNOWN = (
    "chgnet, sevennet, deepmd, tblite, tosi-fumi (LiF), a Deep Potential or a file of LAMMPS lines with '# elements: Li S', or "
    "package.module:callable of an ASE calculator"
)


def add_calculator(parser: argparse.ArgumentParser, *, required: bool, known: str) -> None:
    """Add --calculator and --parameters.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of an action.
    required : bool
        Whether nothing can be done without.
    known : str
        What the calculator may be, for its help.
    """
    parser.add_argument("--calculator", required=required, metavar="NAME", help=known)
    parser.add_argument(
        "--parameters", action="append", default=[], metavar="KEY=VALUE", help="of the calculator (may be repeated)"
    )


def open_calculator(name: str, given: list[str], *, use: str) -> tuple[Any, dict[str, object]]:
    """The calculator that a name means.

    Parameters
    ----------
    name : str
        As given by --calculator.
    given : list of str
        As given by --parameters.
    use : str
        What it is for, in the sentence that refuses a DFT code.

    Returns
    -------
    tuple of (ase.calculators.calculator.Calculator, dict)
        And its name, version, kind and parameters.

    Raises
    ------
    InputFileError
        If the name or the parameters are wrong.
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

    if name in DFT_CODES:
        raise InputFileError(f"--calculator {name}: {use}")
    try:
        check_teacher(name)
    except StudyError as error:
        raise InputFileError(f"--calculator {name}: {error}") from error
    require_calculator(name)
    parameters = _parameters(given)
    try:
        calculator = build_teacher(name, parameters)
    except TypeError as error:
        raise InputFileError(f"--calculator {name} does not take these --parameters ({error}).") from error
    return calculator, {
        "calculator": name,
        "calculator_version": teacher_version(name, parameters),
        "calculator_kind": teacher_kind(name),
        "calculator_parameters": parameters,
    }


def potential_or_calculator(name: str, given: list[str], *, use: str) -> tuple[Any, dict[str, object]]:
    """The same, where the name may also be that of a potential.

    Parameters
    ----------
    name : str
        As given by --calculator: also ``tosi-fumi``, a Deep Potential, or a file of LAMMPS lines.
    given : list of str
        As given by --parameters.
    use : str
        As for `open_calculator`.

    Returns
    -------
    tuple of (ase.calculators.calculator.Calculator, dict)
        And its name, version, kind and parameters, and the hash of the file.

    Raises
    ------
    InputFileError
        If the name or the parameters are wrong.
    """
    from mlip_interfaces.choices import BACKEND_OF_ENDING
    from mlip_interfaces.files import file_hash

    path = Path(name)
    if name != TOSI_FUMI and not path.is_file():
        return open_calculator(name, given, use=use)
    if path.suffix in BACKEND_OF_ENDING:
        calculator, settings = open_calculator("deepmd", [*given, f"model={name}"], use=use)
    else:
        calculator, settings = open_calculator(LAMMPS, [*given, f"potential={name}"], use=use)
    settings["calculator"] = path.name
    if path.is_file():
        settings |= {"calculator_sha256": file_hash(path), "calculator_parameters": _parameters(given)}
    return calculator, settings


def _parameters(given: list[str]) -> dict[str, Any]:
    from mlip_interfaces.yaml_text import parse_yaml

    # An empty value is YAML's null.
    words = key_values(given, "--parameters", "key=value", is_key=str.isidentifier, is_value=lambda _: True)
    return {key: parse_yaml(value, Path("--parameters")) for key, value in words}
