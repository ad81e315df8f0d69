"""Files of screening: YAML, checked by the section that it describes; what is wrong is a sentence with file, key and remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.solids.materials import KINDS
from mlip_interfaces.section_errors import models_at, sentence
from mlip_interfaces.yaml_text import parse_yaml, read_text

_Read = TypeVar("_Read")
_Section = TypeVar("_Section", bound=BaseModel)


def read_mapping(file: Path, what: str, keys: str) -> dict[str, Any]:
    """Content of a file that must be a mapping.

    Parameters
    ----------
    file : Path
        YAML.
    what : str
        That it describes, with its article.
    keys : str
        Some of those that it has, for messages.

    Returns
    -------
    dict
        Not yet checked.

    Raises
    ------
    InputFileError
        If it is missing, is no YAML, or no mapping.
    """
    if not file.is_file():
        raise InputFileError(f"There is no file {file}; give one that describes {what}.")
    content = parse_yaml(read_text(file, of=what), file, of=what)
    if not isinstance(content, dict):
        raise InputFileError(f"{file} must hold a mapping of keys ({keys}).")
    return content


def read_section(model: type[_Section], file: Path, what: str, keys: str) -> _Section:
    """A file as the section that it describes.

    Parameters
    ----------
    model : type
        The section.
    file : Path
        YAML.
    what, keys : str
        As for `read_mapping`.

    Returns
    -------
    Section
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong; one line for each key.
    """
    return checked(TypeAdapter(model), model, read_mapping(file, what, keys), file)


def checked(adapter: TypeAdapter[_Read], model: type[BaseModel], content: dict[str, Any], file: Path) -> _Read:
    """Content of a file as what it describes.

    Parameters
    ----------
    adapter : TypeAdapter
        Of what it may be.
    model : type
        What it is, for its keys.
    content : dict
        Of the file.
    file : Path
        For messages.

    Returns
    -------
    object
        Checked.

    Raises
    ------
    InputFileError
        If a key is missing or wrong; one line for each.
    """
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        raise InputFileError("\n".join(f"{file}: {said}" for said in sentences(error, model))) from error


def sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """What is wrong with a section.

    Parameters
    ----------
    error : ValidationError
        Of pydantic.
    model : type
        The section.

    Returns
    -------
    list of str
        One for each key.
    """
    return [_sentence(problem, model) for problem in error.errors(include_url=False)]


def _sentence(problem: Any, model: type[BaseModel]) -> str:
    place: Sequence[Any] = [part for part in problem["loc"] if part not in KINDS]
    key = ".".join(map(str, place))
    if problem["type"] in ("string_type", "string_pattern_mismatch") and place[-1] in ("[key]", "soc"):
        return f'{".".join(map(str, place[:-1])) or key} wants a state of charge in quotes: "0", "100" or "+".'
    parents = models_at([model], place[:-1])
    known = {name: field for parent in parents for name, field in parent.model_fields.items()}
    described = known[str(place[-1])].description if problem["type"] == "missing" and str(place[-1]) in known else None
    return sentence(problem, key, lambda: known, (described or "").rstrip("."))
