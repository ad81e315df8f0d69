"""Frozen dataclasses that are written as JSON and read back, each key checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_json

_T = TypeVar("_T")

_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""Made once for each class of record and each form, when the first one is read."""

_REMEDY = "delete the file and run its stage again"


class Record:
    """Base of the dataclasses that stand in files.

    The names of the fields are the keys of the file, in their order. Fields may be numbers, strings, other records, and
    tuples and mappings of these. A field with a default may be missing in a file (an older version wrote it); a key that is
    no field is ignored (a newer one did).

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True, slots=True)
    ... class Point(Record):
    ...     x_angstrom: float
    ...     tags: tuple[str, ...] = ()
    >>> Point(1.5, ("a",)).to_json()
    {'x_angstrom': 1.5, 'tags': ['a']}
    >>> Point.from_json({"x_angstrom": 2.0, "color": "red"}, Path("p.json"))
    Point(x_angstrom=2.0, tags=())
    """

    __slots__ = ()

    @classmethod
    def from_json(cls, content: object, file: Path) -> Self:
        """The record that a file holds.

        Parameters
        ----------
        content : object
            As `files.read_json` gives it.
        file : Path
            Where it comes from, for the message.

        Raises
        ------
        InputFileError
            If a key is missing or wrong; the message names the file and the key.
        """
        record: Self = checked(cls, content, file)
        return record

    def to_json(self) -> dict[str, object]:
        """Content of the file: plain dictionaries and lists, keys in the order of the fields."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}  # type: ignore[arg-type]


def checked(form: type[_T], content: object, file: Path, *, if_damaged: str = _REMEDY) -> _T:
    """Content of a file in the form that it must have.

    Parameters
    ----------
    form : type
        A record, or a form without one, as in ``dict[str, list[str]]``.
    content : object
        As `files.read_json` gives it.
    file : Path
        Where it comes from, for the message.
    if_damaged : str
        What to do if it has another form, for the message.

    Returns
    -------
    object
        Of that form.

    Raises
    ------
    InputFileError
        If a key is missing or wrong; the message names the file and the key.
    """
    adapter = _ADAPTERS.get(form) or _ADAPTERS.setdefault(form, TypeAdapter(form))
    try:
        found: _T = adapter.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "its content"
        what = "is missing" if first["type"] == "missing" else f"is wrong ({first['msg']})"
        raise InputFileError(f"{file}: {key} {what}; {if_damaged}.") from error
    return found


def read_as(
    form: type[_T], file: Path, *, if_missing: str = "run the stage that writes it first", if_damaged: str = _REMEDY
) -> _T:
    """JSON of a file in the form that it must have.

    Parameters
    ----------
    form : type
        As in `checked`.
    file : Path
        The file.
    if_missing, if_damaged : str
        What to do then, for the message.

    Returns
    -------
    object
        Of that form.

    Raises
    ------
    InputFileError
        If the file is missing, damaged, or of another form.
    """
    content = read_json(file, if_missing=if_missing, if_damaged=if_damaged)
    return checked(form, content, file, if_damaged=if_damaged)


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    return value
