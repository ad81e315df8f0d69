"""What pydantic refuses in a file, as sentences that name the key, the value and the remedy."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import BaseModel

_MOST_SHOWN = 80
"""Characters of a wrong value, which may be a whole section."""
_LONG_WORD = re.compile(r"\S{201,}")
"""Longer than paths are."""


def sentence(problem: Any, key: str, known_keys: Callable[[], Collection[str]], described: str = "") -> str:
    """One problem of a `pydantic.ValidationError`.

    Parameters
    ----------
    problem : dict
        As ``error.errors()`` gives it.
    key : str
        Where the value stands in the file, as its reader would say it; empty for the whole.
    known_keys : callable
        Gives the keys that may stand there, for one that may not.
    described : str, optional
        What the key is, for one that is missing.

    Returns
    -------
    str
        With a full stop.

    Examples
    --------
    >>> sentence({"type": "extra_forbidden"}, "health.densty_change", lambda: ["density_change", "lateral_change"])
    "unknown key 'health.densty_change'. Did you mean 'density_change'?"
    >>> len(sentence({"type": "value_error", "msg": f"Value error, '{'9' * 5000} cpu' must be one word"}, "partition", list))
    117
    """
    match problem["type"]:
        case "extra_forbidden":
            names = sorted(known_keys())
            close = difflib.get_close_matches(key.rpartition(".")[2], names, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(names)}."
            return f"unknown key '{_cut(key)}'. {hint}"
        case "missing":
            return f"the key '{key}' is missing; add it{f' ({described})' if described else ''}."
        case "value_error":
            # A validator quotes the value.
            message = _LONG_WORD.sub(lambda word: _cut(word[0]), problem["msg"].removeprefix("Value error, "))
            told = f"{key}: {message}" if key else message
            return told if told.endswith((".", "?")) else f"{told}."
        case _:
            message = problem["msg"][0].lower() + problem["msg"][1:]
            return f"{key} is {shown(problem.get('input'))}, but {message.replace('input', 'it', 1).replace('tuple', 'list')}."


def shown(value: Any) -> str:
    """A wrong value as a message has it.

    Parameters
    ----------
    value : object
        Of any length.

    Returns
    -------
    str
        Cut where it is long.
    """
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def models_at(models: Sequence[type[BaseModel]], place: Sequence[str | int]) -> list[type[BaseModel]]:
    """Sections that may stand at a place.

    Parameters
    ----------
    models : sequence of type
        Those that may stand where the place begins.
    place : sequence of str or int
        Keys and numbers of entries.

    Returns
    -------
    list of type
        Numbers of entries, and keys of mappings such as the name of a protocol, leave them as they are.
    """
    found = list(models)
    for part in place:
        below = [
            one
            for model in found
            if part in model.model_fields
            for one in models_in(model.model_fields[str(part)].annotation)
        ]
        found = below or found
    return found


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Sections that a type has in it.

    Parameters
    ----------
    annotation : type
        Of a field.

    Returns
    -------
    list of type
        In order.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in models_in(argument)]
