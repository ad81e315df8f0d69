"""Teachers: ASE calculators by name."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import io
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from mlip_interfaces.config.dft import DFT_CODES
from mlip_interfaces.config.study import SEVENNETS
from mlip_interfaces.engines import is_installed
from mlip_interfaces.errors import InputFileError, MissingProgramError, StudyError
from mlip_interfaces.files import known_hash
from mlip_interfaces.labels.settings import TRAVELS
from mlip_interfaces.programs import THREAD_ENVIRONMENT

TeacherKind = Literal["surrogate", "dft", "semiempirical", "custom"]


@dataclass(frozen=True, slots=True)
class Teacher:
    """A named teacher.

    Attributes
    ----------
    package : str
        Distribution that provides it.
    module : str
        Name by which that is imported.
    kind : TeacherKind
        What its labels may be called.
    install : str
        Command that gets it.
    build : callable
        Makes the calculator from the study's parameters.
    """

    package: str
    module: str
    kind: TeacherKind
    install: str
    build: Callable[[Mapping[str, Any]], Any]


def _chgnet(parameters: Mapping[str, Any]) -> Any:
    import torch

    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        from chgnet.model.dynamics import CHGNetCalculator

        return CHGNetCalculator(**{"use_device": "cpu", "check_cuda_mem": False, **parameters})


def _tblite(parameters: Mapping[str, Any]) -> Any:
    from tblite.ase import TBLite

    return TBLite(**{"method": "GFN1-xTB", "verbosity": 0, **parameters})


def _deepmd(parameters: Mapping[str, Any]) -> Any:
    for name, value in THREAD_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from deepmd.calculator import DP

    class NamesUnknown(DP):  # type: ignore[misc]
        """The model; an element that it does not know is named."""

        @property
        def known_elements(self) -> tuple[str, ...]:
            return tuple(self.type_dict)

        def calculate(self, atoms: Any, *arguments: Any, **options: Any) -> None:
            unknown = sorted(set(atoms.get_chemical_symbols()) - set(self.known_elements))
            if unknown:
                raise ValueError(f"the model {parameters['model']} does not know {', '.join(unknown)}")
            super().calculate(atoms, *arguments, **options)

    return NamesUnknown(**parameters)


def _sevennet(parameters: Mapping[str, Any]) -> Any:
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # Of TorchScript, and of accelerators that a CPU has no use for.
        warnings.simplefilter("ignore")
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator(**{"model": SEVENNETS[0], "device": "cpu", **parameters})


TEACHERS: dict[str, Teacher] = {
    "chgnet": Teacher("chgnet", "chgnet", "surrogate", 'pip install "mlip-interfaces[teacher]"', _chgnet),
    "deepmd": Teacher("deepmd-kit", "deepmd", "surrogate", 'pip install "mlip-interfaces[engines]"', _deepmd),
    "sevennet": Teacher("sevenn", "sevenn", "surrogate", 'pip install "mlip-interfaces[sevennet]"', _sevennet),
    "tblite": Teacher("tblite", "tblite", "semiempirical", 'pip install "mlip-interfaces[xtb]"', _tblite),
}


def check_teacher(name: str) -> None:
    """Check that a teacher is known, without loading it.

    Parameters
    ----------
    name : str
        A name of `TEACHERS` or of `DFT_CODES`, or ``package.module:callable``.

    Raises
    ------
    StudyError
        If the name is unknown.
    """
    if name in TEACHERS or name in DFT_CODES:
        return
    if ":" in name:
        module, _, attribute = name.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), attribute)):
            raise StudyError("this is not like package.module:callable, the names of Python in it")
        try:
            found = importlib.import_module(module)
        except (ImportError, SyntaxError) as error:
            raise StudyError(f"the module '{module}' cannot be imported ({error})") from error
        if not callable(getattr(found, attribute, None)):
            raise StudyError(f"the module '{module}' has no callable '{attribute}'")
        return
    known = (*TEACHERS, *DFT_CODES)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(sorted(known))}, or package.module:callable."
    raise StudyError(f"there is no such calculator. {hint}")


def require_calculator(name: str) -> None:
    """Check that the package of a known teacher is installed.

    Parameters
    ----------
    name : str
        A name of `TEACHERS`, or ``package.module:callable``.

    Raises
    ------
    MissingProgramError
        If it is not; the message has the command that gets it.
    """
    if name in TEACHERS and not is_installed(TEACHERS[name].module):
        teacher = TEACHERS[name]
        raise MissingProgramError(
            f"labels.calculator is '{name}', but the package '{teacher.package}' is not installed. Get it with: {teacher.install}"
        )


def check_ase_calculator(name: str, where: str, use: str) -> None:
    """Check that a name is that of an ASE calculator, without loading it.

    Parameters
    ----------
    name : str
        As given.
    where : str
        Begins the message: what gives the name.
    use : str
        What the calculator is for, in the sentence that refuses a DFT code.

    Raises
    ------
    InputFileError
        If it is unknown, or a DFT code.
    """
    if name in DFT_CODES:
        raise InputFileError(f"{where}: {use}")
    try:
        check_teacher(name)
    except StudyError as error:
        raise InputFileError(f"{where}: {error}") from error


def build_teacher(name: str, parameters: Mapping[str, Any]) -> Any:
    """The ASE calculator of a teacher.

    Parameters
    ----------
    name : str
        A name of `TEACHERS`, or ``package.module:callable``.
    parameters : mapping of str to Any
        As in the study.

    Returns
    -------
    ase.calculators.calculator.Calculator
        Ready for use.
    """
    if name in TEACHERS:
        return TEACHERS[name].build(parameters)
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)(**parameters)


def teacher_kind(name: str) -> TeacherKind:
    """What labels of this teacher may be called.

    Parameters
    ----------
    name : str
        A name of `TEACHERS` or of `DFT_CODES`, or ``package.module:callable``.

    Returns
    -------
    str
        That of the teacher; ``dft`` for a code, ``custom`` for a calculator of the user's own.
    """
    if name in DFT_CODES:
        return "dft"
    return TEACHERS[name].kind if name in TEACHERS else "custom"


def teacher_version(name: str, parameters: Mapping[str, JsonValue]) -> str:
    """Name and version, as in ``chgnet 0.4.2`` or ``deepmd 3.2.0 (model.pth 0123456789ab, head LPSCl)``.

    Parameters
    ----------
    name : str
        A name of `TEACHERS`, or ``package.module:callable``.
    parameters : mapping of str to JSON
        As in the study; a model and its head are named, of a file the beginning of its SHA-256.

    Returns
    -------
    str
        For the record of a label.
    """
    if name not in TEACHERS:
        return name
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        name = f"{name} {importlib.metadata.version(TEACHERS[name].package)}"
    model, head = parameters.get("model"), parameters.get("head")
    if not isinstance(model, str):
        return name
    file = Path(model)
    called = file.name.removeprefix(TRAVELS.format(parameter="model"))
    said = f"{called} {known_hash(file)[:12]}" if file.is_file() else model
    return f"{name} ({said}{f', head {head}' if head else ''})"
