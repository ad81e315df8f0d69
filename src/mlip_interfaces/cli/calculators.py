"""``--calculator`` and ``--parameters``: an ASE calculator by name or a potential by its file, and what files say of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlip_interfaces.cli.arguments import key_values

LAMMPS = "mlip_interfaces.labels.lammps_calculator:lammps_calculator"
KNOWN = (
    "chgnet, sevennet, deepmd, tblite, tosi-fumi (LiF), a Deep Potential or a file of LAMMPS lines with '# elements: Li S', or "
    "package.module:callable of an ASE calculator"
)


def add_calculator(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add --calculator and --parameters.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of an action.
    required : bool
        Whether nothing can be done without.
    """
    parser.add_argument("--calculator", required=required, metavar="NAME", help=KNOWN)
    parser.add_argument(
        "--parameters", action="append", default=[], metavar="KEY=VALUE", help="of the calculator (may be repeated)"
    )


def check_name(name: str, *, use: str) -> None:
    """Refuse a calculator that is not known, installed here or not.

    Parameters
    ----------
    name : str
        As given by --calculator: of a calculator.
    use : str
        What it is for, in the sentence that refuses a DFT code.

    Raises
    ------
    InputFileError
        If there is none of this name.
    """
    from mlip_interfaces.labels.teachers import check_ase_calculator

    check_ase_calculator(name, f"--calculator {name}", use)


def check_name_or_file(name: str, *, use: str) -> None:
    """Refuse a calculator that is not known or not installed, before anything long begins; it may also be a potential.

    Parameters
    ----------
    name : str
        As given by --calculator: also ``tosi-fumi``, a Deep Potential, or a file of LAMMPS lines.
    use : str
        As for `check_name`.

    Raises
    ------
    InputFileError
        If there is no such calculator, and no such file.
    MissingProgramError
        If its package is not there.
    """
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.labels.teachers import require_calculator

    if _is_potential(name):
        return
    if Path(name).suffix and ":" not in name:
        raise InputFileError(f"--calculator {name}: there is no such file; give {KNOWN}.")
    check_name(name, use=use)
    require_calculator(name)


def open_calculator(name: str, given: list[str], *, use: str, elements: Iterable[str]) -> tuple[Any, dict[str, object]]:
    """The calculator that a name means.

    Parameters
    ----------
    name : str
        As for `check_name_or_file`.
    given : list of str
        As given by --parameters.
    use : str
        The same.
    elements : iterable of str
        That it will be asked for.

    Returns
    -------
    tuple of (ase.calculators.calculator.Calculator, dict)
        And its name, version, kind and parameters, and the hash of the file.

    Raises
    ------
    InputFileError
        If the name or the parameters are wrong, or a potential does not know an element.
    MissingProgramError
        As `check_name_or_file`.
    """
    from mlip_interfaces.choices import BACKEND_OF_ENDING
    from mlip_interfaces.files import file_hash

    check_name_or_file(name, use=use)
    if not _is_potential(name):
        calculator, settings = _opened(name, given)
    else:
        path = Path(name)
        word, key = ("deepmd", "model") if path.suffix in BACKEND_OF_ENDING else (LAMMPS, "potential")
        calculator, settings = _opened(word, [*given, f"{key}={name}"])
        settings["calculator"] = path.name
        if path.is_file():
            settings |= {"calculator_sha256": file_hash(path), "calculator_parameters": _parameters(given)}
    _require_elements(name, calculator, elements)
    return calculator, settings


def _is_potential(name: str) -> bool:
    from mlip_interfaces.structures.glass.potential import TOSI_FUMI

    return name == TOSI_FUMI or Path(name).is_file()


def _opened(name: str, given: list[str]) -> tuple[Any, dict[str, object]]:
    from mlip_interfaces.errors import InputFileError
    from mlip_interfaces.labels.teachers import build_teacher, require_calculator, teacher_kind, teacher_version

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


def _require_elements(name: str, calculator: Any, elements: Iterable[str]) -> None:
    """Potentials say what they know; of other calculators nothing is known before they fail."""
    from mlip_interfaces.errors import InputFileError

    wanted = list(dict.fromkeys(elements))
    known: tuple[str, ...] = getattr(calculator, "known_elements", tuple(wanted))
    missing = [symbol for symbol in wanted if symbol not in known]
    if missing:
        raise InputFileError(
            f"--calculator {name} does not know {', '.join(missing)}: its elements are {', '.join(known)}; give one that knows all of {', '.join(wanted)}."
        )


def _parameters(given: list[str]) -> dict[str, Any]:
    from mlip_interfaces.yaml_text import parse_yaml

    # An empty value is YAML's null.
    words = key_values(given, "--parameters", "key=value", is_key=str.isidentifier, is_value=lambda _: True)
    return {key: parse_yaml(value, Path("--parameters")) for key, value in words}
