"""What a compound is made of: formal charges, sizes of its ions."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from ase.data import chemical_symbols, covalent_radii

CATION_CATION_ANGSTROM = 2.6
MAX_FORMULA_ATOMS = 100
"""Formal charges are guessed for formulas up to this size."""


def formal_charges(symbols: Iterable[str]) -> dict[str, float]:
    """Formal charge of each element of a compound, elementary charges; empty if there is no neutral choice.

    Parameters
    ----------
    symbols : one per atom; the ratios decide.

    Notes
    -----
    The most likely common oxidation states that sum to zero, of pymatgen; one charge per element (their mean where an
    element has two, such as Mn in LiMn2O4).

    Examples
    --------
    >>> formal_charges(["Li"] * 3 + ["O", "Cl"])
    {'Cl': -1.0, 'Li': 1.0, 'O': -2.0}
    """
    counts: dict[str, int] = {}
    for symbol in symbols:
        counts[symbol] = counts.get(symbol, 0) + 1
    return dict(_guess(tuple(sorted(counts.items()))))


def anion_symbols(symbols: Iterable[str]) -> frozenset[str]:
    """Elements of negative formal charge; all of them in a metal or where no charges are found."""
    present = list(symbols)
    charges = formal_charges(present)
    negative = frozenset(symbol for symbol, charge in charges.items() if charge < 0)
    return negative or frozenset(present)


def ion_contact(first: str, second: str, charges: dict[str, float]) -> float:
    """Distance at which two ions touch, angstrom.

    Unlike signs and two anions: the sum of Shannon's crystal radii; two cations: at least 2.6 angstrom; elements without
    a charge: the sum of the covalent radii.
    """
    charge, other = charges.get(first, 0.0), charges.get(second, 0.0)
    total = _radius(first, charge) + _radius(second, other)
    return max(total, CATION_CATION_ANGSTROM) if charge > 0 and other > 0 else total


@functools.lru_cache(maxsize=256)
def _guess(counts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, float], ...]:
    from pymatgen.core import Composition

    reduced = Composition(dict(counts)).reduced_composition
    # A cell that lacks a few atoms has no small formula, and every split of its charges would be tried.
    guesses = reduced.oxi_state_guesses() if reduced.num_atoms <= MAX_FORMULA_ATOMS else ()
    best = guesses[0] if guesses else {}
    return tuple(sorted((str(symbol), float(charge)) for symbol, charge in best.items() if charge))


@functools.lru_cache(maxsize=256)
def _radius(symbol: str, charge: float) -> float:
    from pymatgen.core import Element

    radii = {float(state): float(radius) for state, radius in Element(symbol).ionic_radii.items()}
    same_sign = {state: radius for state, radius in radii.items() if state * charge > 0}
    if not same_sign:
        return float(covalent_radii[chemical_symbols.index(symbol)])
    return same_sign[min(same_sign, key=lambda state: abs(state - charge))]
