"""From settings to whoever labels: an ASE calculator in its process, or a DFT code."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ase import Atoms

from mlip_interfaces.errors import MissingProgramError
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


def require_teacher(settings: LabelSettings) -> None:
    """Check that the teacher can run here, before a thousand labels fail for the same reason.

    For a DFT code: the program is there, and so are the pseudopotential and basis of every element.

    Parameters
    ----------
    settings : LabelSettings
        Settings of the labels.

    Raises
    ------
    MissingProgramError
        If it cannot; the message says what is missing and how to get it.
    """
    if settings.calculator not in CODES or settings.dft is None:
        require_calculator(settings.calculator)
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
