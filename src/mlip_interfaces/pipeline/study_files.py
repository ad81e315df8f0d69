"""Files that a study names: beside the study or kept in the run folder, and told apart by their content.

Paths in a study are relative to its folder. A run folder keeps a copy of every file that decides what is made (crystals,
potentials, models of a teacher) in ``inputs/``, so that it can be moved; what belongs to the machine (pseudopotentials, programs,
shell files, keys) stays where it is.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from mlip_interfaces.books.run import INDEX, INPUTS, InputIndex, read_optional_book
from mlip_interfaces.config import AmorphousLayer, SlurmExecution, Step, Study, load_study
from mlip_interfaces.errors import StructureError, StudyError
from mlip_interfaces.files import file_hash, update_json, whole_file, write_text
from mlip_interfaces.run.folder import STUDY_FILE
from mlip_interfaces.run.stages import require_run_folder
from mlip_interfaces.structures.crystals import in_library
from mlip_interfaces.structures.glass.potential import DEEP_POTENTIAL_SUFFIXES, TOSI_FUMI, QuenchPotential

Place = tuple[str | int, ...]
"""Where a value stands in a study, as in ``("interface", "layers", 0, "material")``."""

TEACHER_SUFFIXES = (*DEEP_POTENTIAL_SUFFIXES, ".pt", ".model", ".ckpt", ".tar")
"""A parameter of the teacher that ends in one of these is a file."""

CRYSTAL_SUFFIXES = (".cif", ".vasp", ".poscar", ".xyz", ".extxyz", ".data", ".json", ".res", ".xsf", ".gen", ".cell")


def located(study: Study, file: Path) -> Study:
    """The study with every path in it absolute.

    Parameters
    ----------
    study : Study
        As `load_study` reads it.
    file : Path
        The study file. If it is the copy of a run folder, the files are those that the folder keeps.

    Returns
    -------
    Study
        Itself where it names no file.

    Raises
    ------
    StudyError
        If a file or a folder is missing.
    """
    kept, home = _kept(file), file.parent.resolve()
    base = Path(kept.folder) if kept else home
    changes: dict[Place, Any] = {}
    for place, text in _named(study).items():
        path = home / INPUTS / kept.files[text] if kept and text in kept.files else _below(base, text)
        if os.path.isfile(path):
            changes[place] = str(path.resolve())
        elif not (place[-1] == "material" or "crystals" in place) or _looks_like_file(text):
            raise StudyError(
                f"{file}: {_spelled(place)} is '{_shortened(text)}', but there is no file {_shortened(path)}. Paths in a study are relative to its "
                "folder; put the file there, or give an absolute path."
            )
    changes |= _machine_settings(study, base)
    folder = changes.get(("labels", "dft", "pseudopotential_dir"))
    if kept is None and folder and study.execution.kind == "local" and not Path(folder).is_dir():
        raise StudyError(
            f"{file}: labels.dft.pseudopotential_dir is '{folder}', but there is no such folder. Paths in a study are relative "
            "to its folder; give the folder of the pseudopotentials."
        )
    return _changed(study, changes)


def load_run_study(root: Path) -> Study:
    """The study a run folder was made with.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    Study
        With the files that the folder keeps, whose content was checked when the run began, and as an older version meant it if one
        made the runs.

    Raises
    ------
    InputFileError
        If there is none.
    StudyError
        If it is wrong, or a file is missing.
    """
    from mlip_interfaces.pipeline.older_folders import as_it_was_meant

    require_run_folder(root)
    file = root / STUDY_FILE
    return located(as_it_was_meant(load_study(file), root), file)


def keep_files(study_file: Path, root: Path) -> None:
    """Copy the study and the files that it names into a run folder; what is there already stays.

    Parameters
    ----------
    study_file : Path
        The study file.
    root : Path
        The run folder, whose lock the caller holds.

    Raises
    ------
    StudyError
        As `load_study` and `located`.
    """
    study, kept = load_study(study_file), _kept(study_file)
    absolute = located(study, study_file)
    paths, files = _named(absolute), dict[str, str]()
    for place, text in _named(study).items():
        source = Path(paths[place])
        if source.is_file() and text not in files:
            files[text] = f"{_folder(study, place)}/{source.name}"
            _copy(place, source, root / INPUTS / files[text])
    if absolute is not study:
        folder = kept.folder if kept else str(study_file.parent.resolve())
        beside = os.path.relpath(folder, root.resolve())
        update_json(root / INPUTS / INDEX, InputIndex(folder, files, beside).to_json())
    copy, content = root / STUDY_FILE, study_file.read_text()
    if not copy.is_file() or copy.read_text() != content:
        write_text(copy, content)


def file_hashes(study: Study) -> dict[Place, str]:
    """What the files of a study hold.

    Parameters
    ----------
    study : Study
        With absolute paths.

    Returns
    -------
    dict of tuple to str
        Place in the study -> SHA-256; of a file of LAMMPS lines with the files that it names.
    """
    return {place: _content(place, Path(text)) for place, text in _named(study).items()}


def put(content: Any, place: Place, value: Any) -> None:
    """Set a value of a study as JSON has it.

    Parameters
    ----------
    content : object
        Of the study; it is changed.
    place : tuple of str or int
        Where.
    value : object
        What.
    """
    for part in place[:-1]:
        content = content[part]
    content[place[-1]] = value


def _kept(file: Path) -> InputIndex | None:
    """What a run folder keeps of its study; None where the file is no such copy but the user's own."""
    if file.name != STUDY_FILE:
        return None
    home = file.parent.resolve()
    index = read_optional_book(InputIndex, home / INPUTS / INDEX)
    if index is None or index.beside == "." or Path(index.folder) == home:
        return None
    if index.beside and not Path(index.folder).is_dir() and (home / index.beside).is_dir():
        return replace(index, folder=str((home / index.beside).resolve()))
    return index


def _named(study: Study) -> dict[Place, str]:
    """Names of files that decide what is made, by their place."""
    found: dict[Place, str] = {}
    for number, layer in enumerate(study.interface.layers):
        here: Place = ("interface", "layers", number)
        if isinstance(layer, AmorphousLayer):
            if layer.potential != TOSI_FUMI:
                found[(*here, "potential")] = layer.potential
        elif not in_library(layer.material):
            found[(*here, "material")] = layer.material
    for number, name in enumerate(study.initial_data.crystals):
        if not in_library(name):
            found["initial_data", "crystals", number] = name
    for number, name in enumerate(study.initial_data.structures):
        found["initial_data", "structures", number] = name
    for key, file in (("model_file", study.training.model_file), ("start_from", study.training.start_from)):
        if file is not None:
            found["training", key] = file
    for name, value in study.labels.parameters.items():
        if isinstance(value, str) and value.endswith(TEACHER_SUFFIXES) and "://" not in value:
            found["labels", "parameters", name] = value
    return found


def _shortened(name: object) -> str:
    text = str(name)
    return text if len(text) <= 255 else f"{text[:255]}..."


def _spelled(place: Place) -> str:
    """A place as errors name it."""
    return ".".join(map(str, place))


def _looks_like_file(text: str) -> bool:
    """Whether a material that is no crystal of the library is meant as a file, not as a misspelt name."""
    return "/" in text or Path(text).suffix.lower() in CRYSTAL_SUFFIXES or os.path.exists(text)


def _machine_settings(study: Study, base: Path) -> dict[Place, Any]:
    """Paths of this machine that are relative to the study, made absolute."""
    changes: dict[Place, Any] = {}
    dft, execution = study.labels.dft, study.execution
    if dft is not None and dft.pseudopotential_dir is not None:
        changes["labels", "dft", "pseudopotential_dir"] = str(_below(base, dft.pseudopotential_dir))
    if dft is not None and dft.command is not None:
        changes["labels", "dft", "command"] = _command_beside(dft.command, base)
    if isinstance(execution, SlurmExecution):
        key = execution.remote_profile.get("key_filename")
        if isinstance(key, str):
            changes["execution", "remote_profile", "key_filename"] = _beside(key, base)
        for step in ("defaults", *get_args(Step)):
            files = getattr(execution, step).source_files
            if files:
                changes["execution", step, "source_files"] = [_beside(entry, base) for entry in files]
    return changes


def _below(base: Path, text: str) -> Path:
    """The path that a text means from a folder on; a home that nobody has is a name like others."""
    try:
        return base / Path(text).expanduser()
    except RuntimeError:
        return base / text


def _beside(text: str, base: Path) -> str:
    """The absolute path of a file that lies at this path from the study's folder; other words as they are."""
    path = base / text
    return str(path.resolve()) if "/" in text and os.path.isfile(path) else text


def _command_beside(command: str, base: Path) -> str:
    """A command whose scripts beside the study have absolute paths; the rest is the shell's, variables and all."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    for word in words:
        path = _beside(word, base)
        if path != word:
            written = shlex.quote(word) if shlex.quote(word) in command else word
            command = command.replace(written, shlex.quote(path))
    return command


def _changed(study: Study, changes: dict[Place, Any]) -> Study:
    content = study.model_dump(mode="json")
    before = study.model_dump_json()
    for place, value in changes.items():
        put(content, place, value)
    changed = Study.model_validate(content)
    return study if changed.model_dump_json() == before else changed


def _folder(study: Study, place: Place) -> str:
    """Where a copy lies: in a folder of its layer, its number among the given structures or crystals, the training, or the teacher's parameter."""
    match place:
        case ("interface", "layers", int(number), _):
            return study.interface.layers[number].name
        case ("initial_data", "crystals", int(number)):
            return f"crystals-{number}"
        case ("initial_data", "structures", int(number)):
            # Candidates of several runs have one name.
            return f"structures-{number}"
        case ("training", "model_file" | "start_from"):
            return "training"
        case _:
            return f"teacher-{place[-1]}"


def _copy(place: Place, source: Path, target: Path) -> None:
    if source == target.resolve():
        return
    for file, lands in _files(place, source, target):
        if not lands.is_file() or file_hash(lands) != file_hash(file):
            lands.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(lands) as working:
                shutil.copyfile(file, working)
    if _is_lines(place, source):
        text = QuenchPotential.from_file(source).portable_text()
        if not target.is_file() or target.read_text() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, text)


def _files(place: Place, source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Files to copy, and where to."""
    if not _is_lines(place, source):
        yield source, target
        return
    for file in QuenchPotential.from_file(source).files:
        yield file, target.with_name(file.name)


def _is_lines(place: Place, path: Path) -> bool:
    return place[-1] == "potential" and path.suffix not in DEEP_POTENTIAL_SUFFIXES


def _content(place: Place, path: Path) -> str:
    if _is_lines(place, path):
        try:
            return QuenchPotential.from_file(path).fingerprint()
        except StructureError as error:
            raise StudyError(f"{_spelled(place)}: {error}") from error
    return file_hash(path)
