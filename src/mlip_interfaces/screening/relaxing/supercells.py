"""How often a cell is repeated until its images are far enough apart."""

from __future__ import annotations

import math
from collections.abc import Iterable

_WHOLE = 1e-6
"""Repeats that are short of the width by no more than this share of a cell suffice: lengths of files are rounded."""


def repeats_for(widths_angstrom: Iterable[float], least_angstrom: float) -> list[int]:
    """Repeats that make a cell wide enough.

    Parameters
    ----------
    widths_angstrom : iterable of float, angstrom
        As `analysis.depths.face_widths` gives them.
    least_angstrom : float, angstrom
        Wanted.

    Returns
    -------
    list of int
        Along each vector, one at least.

    Examples
    --------
    >>> repeats_for((5.0, 24.6), 7.0), repeats_for((3.5, 3.5, 12.0), 10.5)
    ([2, 1], [3, 3, 1])
    """
    return [max(1, math.ceil(least_angstrom / float(width) - _WHOLE)) for width in widths_angstrom]
