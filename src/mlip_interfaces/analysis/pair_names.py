"""Names of pairs of elements, with layers or without: read apart from what counts them, so that a study is read without compiled code."""

from __future__ import annotations

import re

from mlip_interfaces.errors import AnalysisError

PAIR = re.compile(r"^([A-Z][a-z]?)(?:@(.+?))?-([A-Z][a-z]?)(?:@(.+))?$")


def selectors(pair: str) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """Element and layer of both sides of a pair.

    Parameters
    ----------
    pair : str
        As in ``P-S``, or ``Li@coating-S@electrolyte`` with layers.

    Returns
    -------
    first : tuple of (str, str or None)
        Element of the first side, and its layer where one is named.
    second : tuple of (str, str or None)
        Of the second side.

    Raises
    ------
    AnalysisError
        If the text is no pair.

    Examples
    --------
    >>> selectors("Li@coating-S")
    (('Li', 'coating'), ('S', None))
    """
    match = PAIR.match(pair)
    if match is None:
        raise AnalysisError(f"'{pair}' is no pair; write P-S, or with layers Li@coating-S@electrolyte.")
    return (match[1], match[2]), (match[3], match[4])
