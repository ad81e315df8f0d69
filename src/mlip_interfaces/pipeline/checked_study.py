"""A study with the checks that need more than its own file: calculators, crystals and their elements."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.config import CrystalLayer, Study, load_study
from mlip_interfaces.errors import StructureError, StudyError, UserError
from mlip_interfaces.labels.teachers import check_teacher


def load_checked_study(path: Path) -> Study:
    """Read a study and check what it names: the calculator exists, every element is in the type map.

    Parameters
    ----------
    path : Path
        The study file.

    Returns
    -------
    Study
        Valid in itself and against what it names.

    Raises
    ------
    StudyError
        With file, key, value and remedy.
    """
    from mlip_interfaces.structures.crystals import crystal_elements

    study = load_study(path)
    try:
        check_teacher(study.labels.calculator)
    except UserError as error:
        raise StudyError(f"{path}: labels.calculator is '{study.labels.calculator}': {error}") from error
    for number, layer in enumerate(study.interface.layers):
        key = f"interface.layers.{number}.material"
        try:
            found = crystal_elements(layer.material)
        except StructureError as error:
            raise StudyError(f"{path}: {key}: {error}") from error
        missing = [symbol for symbol in found if symbol not in study.elements]
        if missing:
            raise StudyError(
                f"{path}: {key} is '{layer.material}', which contains {', '.join(missing)}; "
                f"add it to `elements` ({', '.join(study.elements)})."
            )
        if isinstance(layer, CrystalLayer):
            for vacancies in layer.vacancies:
                if vacancies.element not in found:
                    raise StudyError(
                        f"{path}: interface.layers.{number}.vacancies: there is no {vacancies.element} in {layer.material}."
                    )
    return study
