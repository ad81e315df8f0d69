"""From a YAML file to a `Study`, with errors that name file, key, value and remedy."""

from __future__ import annotations

import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mlip_interfaces.config.study import Study
from mlip_interfaces.errors import StudyError
from mlip_interfaces.section_errors import models_at, sentence, shown
from mlip_interfaces.yaml_text import parse_yaml, read_text

_TAGS = ("crystal", "amorphous", "local", "slurm")
"""Values of ``kind``; pydantic puts them into the place of an error as if they were keys."""

MOST_PROBLEMS = 20
"""Lines of one message."""

_FORM = re.compile(
    r"(function-\w+|tuple|list|dict|constrained-\w+|lax-or-strict|nullable)\[.*|constrained-\w+|float|int|str|bool"
)
"""What pydantic calls the forms that a value may have; it puts them into places, too."""


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
    return parse_study(read_text(path, of="a study", refused=StudyError), path)


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
    raw = parse_yaml(text, path, of="a study", refused=StudyError)
    if not isinstance(raw, dict):
        raise StudyError(f"{path} must hold a mapping of sections (name, elements, interface, ...).")
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        problems = _told(error.errors())
        lines = [f"{path}: {_sentence(problem)}" for problem in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"{path}: {len(problems) - MOST_PROBLEMS} more keys are wrong; put these right first.")
        raise StudyError("\n".join(lines)) from error


def study_schema() -> dict[str, object]:
    """JSON schema of the study file."""
    return Study.model_json_schema()


def _sentence(problem: Any) -> str:
    location: Sequence[str | int] = problem["loc"]
    parts = _place(location)
    if parts[:2] == ["analysis", "requests"]:
        # The mapping that every form of the section becomes.
        del parts[1]
    key = ".".join(map(str, parts))
    value = problem.get("input")
    match problem["type"]:
        case "union_tag_invalid" | "union_tag_not_found":
            kinds = "'local' or 'slurm'" if key == "execution" else "'crystal' or 'amorphous'"
            return f"{key}.kind must be {kinds}."
        case "string_pattern_mismatch":
            return f"{key} is {shown(value)}, but it should be letters, digits, '-' and '_', and begin with a letter or digit."
        case "string_type" if location[-1] == "[key]":
            return f"{'.'.join(map(str, parts[:-1]))} is no text; put it in quotes to make it a name."
        case _:
            return sentence(problem, key, lambda: _known_keys(location[:-1]))


def _told(problems: Sequence[Any]) -> list[Any]:
    """Those that say what is wrong with the form that a value has: "no number" of a list, or a list left empty, follow from others."""
    places = [tuple(_place(problem["loc"])) for problem in problems]
    above = {place[:depth] for place in places for depth in range(len(place))}
    formed = {
        place for place, problem in zip(places, problems, strict=True) if not problem["type"].endswith("_type")
    } | above
    return [
        problem
        for place, problem in zip(places, problems, strict=True)
        if not (problem["type"].endswith("_type") and place in formed)
        and not (problem["type"] == "too_short" and place in above)
    ]


def _place(location: Sequence[str | int]) -> list[str | int]:
    """Where a value stands in the file."""
    return [
        part
        for position, part in enumerate(location)
        if not _is_tag(location, position) and not (isinstance(part, str) and position and _FORM.fullmatch(part))
    ]


def _is_tag(location: Sequence[str | int], position: int) -> bool:
    """Whether this part of a place is a value of ``kind``: it follows the section or the entry that it tags."""
    before = location[position - 1] if position else None
    return location[position] in _TAGS and (isinstance(before, int) or before == "execution") and position <= 3


def _known_keys(location: Sequence[str | int]) -> set[str]:
    models: list[type[BaseModel]] = [Study]
    for part in location:
        if part in _TAGS and all("kind" in model.model_fields for model in models):
            models = [m for m in models if typing.get_args(m.model_fields["kind"].annotation) == (part,)]
        else:
            models = models_at(models, [part])
    return {name for model in models for name in model.model_fields}
