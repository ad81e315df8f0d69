"""Options of a verb from the settings of a request: each default, type and description stands in the request alone."""

from __future__ import annotations

import argparse
import types
import typing
from typing import Any, Literal, TypeVar

from annotated_types import Ge, Gt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from mlip_interfaces.cli.arguments import count, finite, non_negative, positive
from mlip_interfaces.cli.options import option_of
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.request import Option, Settings
from mlip_interfaces.settings import Bounds

Asked = TypeVar("Asked", bound=Settings)


def add_request_options(parser: argparse.ArgumentParser, request: type[Settings]) -> None:
    """An option for each setting.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    request : type of Settings
        Whose settings.
    """
    choices: dict[str, Any] = {}
    for name, setting in request.model_fields.items():
        look = next((item for item in setting.metadata if isinstance(item, Option)), Option())
        if look.choice and look.choice not in choices:
            choices[look.choice] = parser.add_mutually_exclusive_group()
        parent = choices.get(look.choice, parser)
        required = look.required or setting.is_required()
        words: dict[str, Any] = {"help": _help(setting), "required": required}
        kind = _plain_type(setting.annotation)
        if typing.get_origin(kind) is Literal:
            words["choices"] = typing.get_args(kind)
        else:
            words |= {"type": _reader(kind, setting), "metavar": look.metavar or name.upper()}
        # None stands for "not given": the request knows its defaults.
        parent.add_argument(option_of(name), **words)


def request_of(request: type[Asked], arguments: argparse.Namespace) -> Asked:
    """The request that the options of a verb make.

    Parameters
    ----------
    request : type of Settings
        Whose settings.
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    Settings
        Validated.

    Raises
    ------
    AnalysisError
        If a setting is refused; the message names the option.
    """
    given = {name: getattr(arguments, name) for name in request.model_fields}
    try:
        return request(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        sentences = [_sentence(problem) for problem in error.errors()]
        raise AnalysisError(" ".join(sentences)) from error


def _help(setting: FieldInfo) -> str:
    text = (setting.description or "").rstrip(".")
    text = text[:1].lower() + text[1:] if text[1:2].islower() else text
    default = setting.get_default(call_default_factory=True) if not setting.is_required() else None
    if default in (None, "", {}, ()) or isinstance(default, bool):
        return text.replace("%", "%%")
    if isinstance(default, tuple):
        shown = ",".join(map(str, default))
    else:
        shown = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{text} (default {shown})".replace("%", "%%")


def _plain_type(annotation: Any) -> Any:
    """The type without None and without what `Annotated` adds."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _plain_type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (kind,) = (part for part in typing.get_args(annotation) if part is not type(None))
        return _plain_type(kind)
    return annotation


def _reader(kind: Any, setting: FieldInfo) -> Any:
    """What reads the text of an option; lists and mappings are read by the request."""
    if kind is int:
        return count
    if kind is not float:
        return str
    bounds = [*setting.metadata, *_inner_metadata(setting.annotation)]
    lows = [bound.low for bound in bounds if isinstance(bound, Bounds)]
    if any(isinstance(bound, Gt) for bound in bounds) or any(low > 0 for low in lows):
        return positive
    return non_negative if any(isinstance(bound, Ge) for bound in bounds) or 0 in lows else finite


def _inner_metadata(annotation: Any) -> list[Any]:
    """Bounds inside of an optional number."""
    found = []
    for part in typing.get_args(annotation):
        if typing.get_origin(part) is typing.Annotated:
            for item in typing.get_args(part)[1:]:
                found += item.metadata if isinstance(item, FieldInfo) else [item]
    return found


def _sentence(problem: Any) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{message}."
    option = option_of(str(problem["loc"][0]))
    if problem["type"] == "value_error":
        return f"{option} {message}."
    return f"{option} is {problem['input']!r}, but {message[:1].lower()}{message[1:].replace('Input', 'it')}."
