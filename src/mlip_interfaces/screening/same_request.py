"""What results that are kept were made with: others in the same place are refused, since the two do not compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlip_interfaces.errors import OtherInputsError


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
        if now.get(key) != before.get(key):
            raise OtherInputsError(
                f"{place} was made with {key} {before.get(key)}, not {now.get(key)}; {results} of both do not compare. Give another --out."
            )
