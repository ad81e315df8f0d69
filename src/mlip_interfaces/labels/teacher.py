"""From settings to whoever labels: an ASE calculator in its process, or a DFT code."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from mlip_interfaces.deep_potentials import read_deep_potential
from mlip_interfaces.errors import InputFileError, MissingProgramError
from mlip_interfaces.labels.codes.registry import CODES
from mlip_interfaces.labels.codes.runner import CodeRunner, runnable_command
from mlip_interfaces.labels.evaluation import LabelFailure
from mlip_interfaces.labels.process import TeacherProcess
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teachers import require_calculator


def open_teacher(
    settings: LabelSettings, known_pseudopotentials: Mapping[str, str] | None = None
) -> TeacherProcess | CodeRunner:
    """The teacher of the settings, as a context manager with ``evaluate(atoms, folder)``.

    Parameters
    ----------
    settings : LabelSettings
        Settings of the labels.
    known_pseudopotentials : mapping of str to str, optional
        Hashes by element that earlier labels used; others are refused.

    Returns
    -------
    TeacherProcess or CodeRunner
        Of a code, or of an ASE calculator.
    """
    if settings.calculator in CODES:
        return CodeRunner(settings, known_pseudopotentials)
    return TeacherProcess(settings)


def require_model(
    settings: LabelSettings, elements: Sequence[str], where: str = "labels.calculator is 'deepmd'"
) -> None:
    """Check that the Deep Potential that labels can be loaded, has the head that is asked for, and knows the elements.

    Parameters
    ----------
    settings : LabelSettings
        Of the calculator ``deepmd``.
    elements : sequence of str
        That the structures are of.
    where : str, optional
        Begins the message: what gives the calculator.

    Raises
    ------
    InputFileError, MissingEngineError
        As `read_deep_potential`; if the head or an element is not there.
    """
    model, head = settings.parameters["model"], settings.parameters.get("head")
    try:
        read_deep_potential(Path(str(model))).require_elements(elements, str(head) if head is not None else None)
    except InputFileError as error:
        raise InputFileError(f"{where}: {error}") from error


def require_teacher(settings: LabelSettings, elements: Sequence[str]) -> None:
    """Check that the teacher can run here, before a thousand labels fail for the same reason.

    For a DFT code: the program is there, and so are the pseudopotential and basis of every element. For a Deep Potential: it can
    be loaded, and knows every element.

    Parameters
    ----------
    settings : LabelSettings
        Settings of the labels.
    elements : sequence of str
        That the structures are of.

    Raises
    ------
    MissingProgramError
        If it cannot; the message says what is missing and how to get it.
    InputFileError
        If it is a Deep Potential that is not there or no such file, or that lacks the head or an element.
    """
    if settings.calculator not in CODES or settings.dft is None:
        require_calculator(settings.calculator)
        if settings.calculator == "deepmd":
            require_model(settings, elements)
        return
    code = CODES[settings.calculator]
    symbols = list(settings.dft.elements)
    atoms = Atoms(
        symbols, positions=[(3.0 * i, 0, 0) for i in range(len(symbols))], cell=(3.0 * len(symbols), 9, 9), pbc=True
    )
    try:
        runnable_command(code, settings.dft)
        with tempfile.TemporaryDirectory() as folder:
            missing = code.write(atoms, settings.dft, Path(folder), 1).missing
        if missing:
            raise LabelFailure(missing, "configuration")
    except LabelFailure as failure:
        raise MissingProgramError(f"labels.calculator is '{code.name}', but {failure}") from failure
