"""What results that are kept were made with: others in the same place are refused, since the two do not compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlip_interfaces.errors import OtherInputsError
from mlip_interfaces.files import read_json

_LONGEST_VALUE = 80


def read_kept(file: Path, verb: str, *keys: str) -> dict[str, Any]:
    """Content of a file that a verb keeps its results in, or what they were made with.

    Parameters
    ----------
    file : Path
        JSON.
    verb : str
        That writes it.
    *keys : str
        That it must have.

    Returns
    -------
    dict
        As it was written.

    Raises
    ------
    InputFileError
        If it is missing or damaged.
    OtherInputsError
        If it is something else.
    """
    content = read_json(file, if_damaged="give another --out")
    if not isinstance(content, dict) or not content.keys() >= set(keys):
        raise OtherInputsError(f"{file} was not written by {verb}; give another --out.")
    return content


def require_same(place: Path, before: Mapping[str, object], now: Mapping[str, object], *, results: str) -> None:
    """Refuse results of another request.

    Parameters
    ----------
    place : Path
        File or folder that has them.
    before, now : mapping of str to object
        What they were made with, and what is asked for; as JSON gives it back.
    results : str
        What does not compare.

    Raises
    ------
    OtherInputsError
        At the first key, in the order of the alphabet, that differs.
    """
    for key in sorted({*now, *before}):
        if now.get(key) == before.get(key):
            continue
        values = f"{before.get(key)}", f"{now.get(key)}"
        what = f"{key} {values[0]}, not {values[1]}" if max(map(len, values)) <= _LONGEST_VALUE else f"another {key}"
        raise OtherInputsError(f"{place} was made with {what}; {results} of both do not compare. Give another --out.")
