"""From a YAML file to a `Study`, with errors that name file, key, value and remedy."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mlip_interfaces.config.study import Study
from mlip_interfaces.errors import StudyError

_TAGS = ("crystal", "amorphous", "local", "slurm")
"""Values of ``kind``; pydantic puts them into the place of an error as if they were keys."""


class _EachKeyOnce(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error; plain YAML drops the first one's value."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping at this place of the file, as PyYAML makes it."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.composer.ComposerError(
                    None, None, f"the key '{key.value}' stands twice; give it once", key.start_mark
                )
            seen.add(str(key.value))
        return node


def load_study(path: Path) -> Study:
    """Read and validate a study file.

    Parameters
    ----------
    path : Path
        YAML.

    Returns
    -------
    Study
        Validated.

    Raises
    ------
    StudyError
        If the file is missing, is not YAML, or breaks the schema; one line for each problem.
    """
    if not path.is_file():
        raise StudyError(f"There is no study file {path}. Start from one of those in configs/.")
    return parse_study(path.read_text(), path)


def parse_study(text: str, path: Path) -> Study:
    """Validate the text of a study file; `path` only names it in messages.

    Parameters
    ----------
    text : str
        YAML.
    path : Path
        Of the file, for messages.

    Returns
    -------
    Study
        Validated.

    Raises
    ------
    StudyError
        As `load_study`.
    """
    try:
        raw = yaml.load(text, _EachKeyOnce)
    except yaml.YAMLError as error:
        raise StudyError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise StudyError(f"{path} must hold a mapping of sections (name, elements, interface, ...).")
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        lines = [f"{path}: {_sentence(problem)}" for problem in error.errors()]
        raise StudyError("\n".join(lines)) from error


def study_schema() -> dict[str, object]:
    """JSON schema of the study file."""
    return Study.model_json_schema()


def _sentence(problem: Any) -> str:
    location: Sequence[str | int] = problem["loc"]
    parts = [part for position, part in enumerate(location) if not _is_tag(location, position)]
    if parts[:2] == ["analysis", "requests"]:
        # The mapping that every form of the section becomes.
        del parts[1]
    key = ".".join(map(str, parts))
    value = problem.get("input")
    match problem["type"]:
        case "extra_forbidden":
            names = _known_keys(location[:-1])
            close = difflib.get_close_matches(str(location[-1]), names, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(sorted(names))}."
            return f"unknown key '{key}'. {hint}"
        case "missing":
            return f"the key '{key}' is missing; add it."
        case "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            sentence = f"{key}: {message}" if key else message
            return sentence if sentence.endswith((".", "?")) else f"{sentence}."
        case "union_tag_invalid" | "union_tag_not_found":
            kinds = "'local' or 'slurm'" if key == "execution" else "'crystal' or 'amorphous'"
            return f"{key}.kind must be {kinds}."
        case _:
            message = problem["msg"][0].lower() + problem["msg"][1:]
            return f"{key} is {value!r}, but {message.replace('input', 'it', 1)}."


def _is_tag(location: Sequence[str | int], position: int) -> bool:
    """Whether this part of a place is a value of ``kind``: it follows the section or the entry that it tags."""
    before = location[position - 1] if position else None
    return location[position] in _TAGS and (isinstance(before, int) or before == "execution") and position <= 3


def _known_keys(location: Sequence[str | int]) -> list[str]:
    models: list[type[BaseModel]] = [Study]
    for part in location:
        if isinstance(part, int):
            continue
        nested = [
            m for model in models if part in model.model_fields for m in _models_in(model.model_fields[part].annotation)
        ]
        if part in _TAGS and all("kind" in model.model_fields for model in models):
            nested = [m for m in models if typing.get_args(m.model_fields["kind"].annotation) == (part,)]
        # A key of a mapping (the name of a protocol) leaves the candidates as they are.
        models = nested or models
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
