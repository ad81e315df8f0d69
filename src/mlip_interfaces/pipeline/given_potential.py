"""A scan with a potential that is there: what is asked of the file, and its place in the run folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from mlip_interfaces.books.run import GIVEN_MODEL, GivenModel
from mlip_interfaces.deep_potentials import read_deep_potential
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, update_json, whole_file
from mlip_interfaces.potentials.backend import backend_of
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.manifests import read_manifest
from mlip_interfaces.run.stages import FOLDERS, POTENTIAL_STAGES, given_model


def examine_potential(model: Path, elements: Sequence[str]) -> GivenModel:
    """What is known of a frozen potential, once it has all elements of a study.

    Parameters
    ----------
    model : Path
        The file.
    elements : sequence of str
        Of the study, in any order: LAMMPS maps them by name, and elements that the potential has besides do no harm.

    Returns
    -------
    GivenModel
        Name, hash, size and elements.

    Raises
    ------
    InputFileError
        If there is no such file, it is of no backend, DeePMD-kit cannot read it, or it lacks an element.
    MissingEngineError
        If DeePMD-kit is not installed.
    """
    if not model.is_file():
        raise InputFileError(f"--model: there is no file {model}.")
    try:
        backend_of(model).require()
        type_map = _type_map(model)
    except InputFileError as error:
        raise InputFileError(f"--model: {error}") from error
    missing = [symbol for symbol in elements if symbol not in type_map]
    if missing:
        raise InputFileError(
            f"--model: {model} knows {', '.join(type_map)}, but not {', '.join(missing)} of the study's `elements`; give a "
            "potential that has every element, or take out of `elements` what no layer contains."
        )
    return GivenModel(model.name, file_hash(model), model.stat().st_size, type_map)


def _type_map(model: Path) -> tuple[str, ...]:
    """Elements of a frozen model, which LAMMPS maps by their names."""
    type_map = read_deep_potential(model).head(None).type_map
    if not type_map:
        raise InputFileError(
            f"{model} does not say which elements it knows, so that LAMMPS cannot map them; train it with a `type_map`."
        )
    return type_map


def refuse_other_potential(root: Path, given: GivenModel) -> None:
    """Refuse a run folder that makes a potential of its own, or was given another one.

    Parameters
    ----------
    root : Path
        The run folder, there or not.
    given : GivenModel
        The potential.

    Raises
    ------
    InputFileError
        If it is such a folder.
    """
    own = [stage for stage in POTENTIAL_STAGES if read_manifest(root / FOLDERS[stage])]
    if own:
        raise InputFileError(
            f"{root} makes a potential of its own (it has the stage '{own[0]}'); give another --out folder for {given.file}."
        )
    before, target = given_model(root), root / FOLDERS["train"] / backend_of(Path(given.file)).potential
    known = before.sha256 if before else (file_hash(target) if target.is_file() else given.sha256)
    if known != given.sha256:
        raise InputFileError(f"{target} is another model than {given.file}; give another --out folder.")


def keep_potential(context: RunContext, model: Path, given: GivenModel) -> None:
    """Copy the potential into the run folder, whose stages then are those that need none of its making.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    model : Path
        The file.
    given : GivenModel
        As `examine_potential` found it.
    """
    context.model.mkdir(parents=True, exist_ok=True)
    target = context.model / backend_of(Path(given.file)).potential
    if not target.is_file() or file_hash(target) != given.sha256:
        with whole_file(target) as working:
            shutil.copyfile(model, working)
    update_json(context.model / GIVEN_MODEL, given.to_json())
