"""Formulas as a chemist writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def formula(symbols: Sequence[str], *, reduce: bool) -> str:
    """Formula with the least electronegative element first.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.
    reduce : bool
        Divide by the greatest common divisor of the numbers.

    Examples
    --------
    >>> formula(["O", "Li", "O", "Co"], reduce=True)
    'LiCoO2'
    """
    from pymatgen.core import Element

    counts = {symbol: symbols.count(symbol) for symbol in dict.fromkeys(symbols)}
    divisor = math.gcd(*counts.values()) if reduce else 1
    ordered = sorted(counts, key=lambda symbol: (Element(symbol).X, symbol))
    return "".join(f"{s}{counts[s] // divisor if counts[s] > divisor else ''}" for s in ordered)
