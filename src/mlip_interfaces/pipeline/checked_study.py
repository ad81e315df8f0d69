"""A study with the checks that need more than its own file: calculators, crystals, slabs, defects and potentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from mlip_interfaces.config import AmorphousLayer, CrystalLayer, Study, load_study
from mlip_interfaces.errors import StructureError, StudyError, UserError
from mlip_interfaces.labels.teachers import check_teacher
from mlip_interfaces.pipeline.given_structures import read_given_structures
from mlip_interfaces.pipeline.older_folders import as_it_was_meant
from mlip_interfaces.pipeline.study_files import located
from mlip_interfaces.structures.crystals import crystal_elements, formula_counts, load_crystal
from mlip_interfaces.structures.defects import added_elements
from mlip_interfaces.structures.glass import named_potential
from mlip_interfaces.structures.slabs import choose_slab

_T = TypeVar("_T")


def load_checked_study(path: Path, root: Path | None = None) -> Study:
    """Read a study and check what it names, before hours are spent on what cannot be made.

    Parameters
    ----------
    path : Path
        The study file.
    root : Path or None, optional
        Its run folder, whose runs may be of an older version: what the study leaves out is then what it was for them.

    Returns
    -------
    Study
        Valid in itself and against what it names: files are there (their paths absolute), the calculator exists, every element
        is in the type map, and slabs, lithium, vacancies, defects, potentials and given structures are possible.

    Raises
    ------
    StudyError
        With file, key, value and remedy.
    """
    study = load_study(path)
    study = located(study if root is None else as_it_was_meant(study, root), path)
    try:
        check_teacher(study.labels.calculator)
    except UserError as error:
        raise StudyError(f"{path}: labels.calculator is '{study.labels.calculator}': {error}") from error
    for number, layer in enumerate(study.interface.layers):
        where = f"{path}: interface.layers.{number}"
        if isinstance(layer, CrystalLayer):
            _check_crystal(study, layer, where)
        else:
            _check_glass(study, layer, where)
    for number, material in enumerate(study.initial_data.crystals):
        where = f"{path}: initial_data.crystals.{number}"
        _require_elements(study, _asked(where, partial(crystal_elements, material)), material, where)
    _check_model(study, path)
    try:
        read_given_structures(study)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error
    return study


def _check_model(study: Study, path: Path) -> None:
    """Whether DeePMD-kit and the study's backend take a model of the user's own; the study itself knows of the others."""
    key = "start_from" if study.training.start_from is not None else "model_file"
    if getattr(study.training, key) is None:
        return
    from mlip_interfaces.campaign.dpgen_files import asked_model, backend_of_study, uncounted_neighbors
    from mlip_interfaces.potentials import why_not_trained

    try:
        model = asked_model(study, uncounted_neighbors(study))
    except UserError as error:
        raise StudyError(f"{path}: training.{key}: {error}") from error
    why = why_not_trained(model, backend_of_study(study))
    if why:
        raise StudyError(f"{path}: training: {why}.")


def _check_crystal(study: Study, layer: CrystalLayer, where: str) -> None:
    found = _asked(f"{where}.material", lambda: crystal_elements(layer.material))
    _require_elements(study, found, layer.material, f"{where}.material")
    for vacancies in layer.vacancies:
        if vacancies.element not in found:
            raise StudyError(
                f"{where}.vacancies: there is no {vacancies.element} in {layer.material}; name one of {', '.join(found)}."
            )
    if layer.termination is not None:
        _asked(
            f"{where}.termination",
            lambda: choose_slab(
                layer.material, layer.miller, layer.thickness_angstrom, termination=layer.termination,
                symmetric=layer.symmetric, stoichiometric=layer.stoichiometric, primitive=study.interface.primitive,
            ),
        )  # fmt: skip
    if layer.lithium_content is not None:
        _check_lithium(layer, layer.lithium_content, found, where)
    if layer.defects is not None:
        kinds = layer.defects.kinds
        symbols = load_crystal(layer.material).get_chemical_symbols()
        added = _asked(f"{where}.defects.kinds", lambda: added_elements(kinds, symbols))
        _require_elements(study, added, ", ".join(kinds), f"{where}.defects.kinds")


def _check_lithium(layer: CrystalLayer, content: float, found: tuple[str, ...], where: str) -> None:
    host = layer.lithium_host
    if "Li" not in found:
        raise StudyError(
            f"{where}.lithium_content is {content:g}, but there is no Li in {layer.material}; leave it out."
        )
    if host not in found or host == "Li":
        others = [symbol for symbol in found if symbol != "Li"]
        remedy = f"name one of {', '.join(others)}" if others else "leave `lithium_content` out"
        raise StudyError(f"{where}.lithium_host is '{host}', which is no host of the Li in {layer.material}; {remedy}.")
    symbols = load_crystal(layer.material).get_chemical_symbols()
    most = symbols.count("Li") / symbols.count(host)
    if content >= most:
        raise StudyError(
            f"{where}.lithium_content is {content:g}, but {layer.material} has {most:g} Li per {host}, and lithium is only "
            "taken out; give less, or leave it out."
        )


def _check_glass(study: Study, layer: AmorphousLayer, where: str) -> None:
    counts = dict(_asked(f"{where}.material", lambda: formula_counts(layer.material)))
    _require_elements(study, tuple(counts), layer.material, f"{where}.material")
    potential = _asked(f"{where}.potential", lambda: named_potential(layer.potential, list(counts)))
    _asked(f"{where}.potential", lambda: potential.refuse_compound(layer.material, counts))


def _asked(where: str, ask: Callable[[], _T]) -> _T:
    """An answer about structures; a refusal names the place in the study."""
    try:
        return ask()
    except StructureError as error:
        raise StudyError(f"{where}: {error}") from error


def _require_elements(study: Study, found: tuple[str, ...], what: str, where: str) -> None:
    missing = [symbol for symbol in found if symbol not in study.elements]
    if missing:
        raise StudyError(
            f"{where} is '{what}', which contains {', '.join(missing)}; add it to `elements` ({', '.join(study.elements)})."
        )
