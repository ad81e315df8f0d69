"""Reactions of defects: whether mass, sites and charge of both sides are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import formula_counts
from mlip_interfaces.structures.defects.kroger_vink import parse_defect

_ARROW = re.compile(r"->|→|⇌|<=>|=")
_TERM = re.compile(r"\s*(?P<number>\d+(?:/\d+)?|\d*\.\d+)?\s*(?P<thing>\S.*?)\s*")
_REGULAR = re.compile(r"(?P<species>[A-Z][a-z]?|V)_(?P<site>[A-Z][a-z]?|i)(?:\^?[x×])?")
_CARRIERS = {"e'": -1, "e′": -1, "h.": 1, "h•": 1}
_NOTHING = ("0", "nil", "null", "∅")


@dataclass(frozen=True, slots=True)
class Side:
    """Sum of one side of a reaction.

    Attributes
    ----------
    atoms : dict of str to Fraction
        Of each element.
    sites : dict of str to Fraction
        Of each element's sublattice; of no interstitial sites, of which there are as many as are used.
    charge : Fraction, e
        Against the perfect crystal.
    """

    atoms: dict[str, Fraction]
    sites: dict[str, Fraction]
    charge: Fraction


def check_reaction(text: str, host: str) -> None:
    """Refuse a reaction of defects that is not balanced.

    Parameters
    ----------
    text : str
        Terms with plus signs, an arrow between the sides: ``LiCl + O_Ox -> ...``. Terms are defects in Kröger-Vink notation, regular
        sites (``Cl_Clx``), ``e'`` and ``h.``, formulas of reservoirs, and ``0`` for nothing.
    host : str
        Formula of the crystal: sites may come and go in its proportions, as when a pair of Schottky defects makes a new unit.

    Raises
    ------
    StructureError
        Naming what is not balanced: an element, a sublattice, the charge; or a term that is none.

    References
    ----------
    F. A. Kröger, H. J. Vink, Solid State Phys. 3, 307 (1956).

    Examples
    --------
    >>> check_reaction("0 -> V_Li' + V_Cl.", "LiCl")
    >>> check_reaction("Li_Li + V_i -> V_Li' + Li_i.", "Li3OCl")
    >>> check_reaction("Li2S + Cl_Cl -> S_Cl' + Li_i. + LiCl", "Li3OCl")
    >>> check_reaction("Cl_Cl -> V_Cl. + 1/2 Cl2", "Li3OCl")
    Traceback (most recent call last):
    ...
    mlip_interfaces.errors.StructureError: 'Cl_Cl -> V_Cl. + 1/2 Cl2' is not balanced: its charge is 0 on the left and 1 on the right.
    """
    halves = _ARROW.split(text)
    if len(halves) != 2:
        raise StructureError(f"'{text}' is no reaction; write its two sides with -> between them.")
    left, right = (_side(half, text) for half in halves)
    for symbol in sorted({*left.atoms, *right.atoms}):
        if left.atoms.get(symbol, 0) != right.atoms.get(symbol, 0):
            raise _unbalanced(
                text,
                f"it has {left.atoms.get(symbol, 0)} {symbol} on the left and {right.atoms.get(symbol, 0)} on the right",
            )
    if left.charge != right.charge:
        raise _unbalanced(text, f"its charge is {left.charge} on the left and {right.charge} on the right")
    units = dict(formula_counts(host))
    unknown = sorted({*left.sites, *right.sites} - units.keys())
    if unknown:
        raise StructureError(f"'{text}': {host} has no {unknown[0]} sites; it has those of {', '.join(units)}.")
    new = {symbol: right.sites.get(symbol, Fraction(0)) - left.sites.get(symbol, Fraction(0)) for symbol in units}
    if len({new[symbol] / number for symbol, number in units.items()}) > 1:
        listed = ", ".join(f"{'+' if number > 0 else ''}{number} {symbol}" for symbol, number in new.items())
        raise _unbalanced(text, f"it makes sites ({listed}) that are not in the proportion of {host}")


def _unbalanced(text: str, why: str) -> StructureError:
    return StructureError(f"'{text.strip()}' is not balanced: {why}.")


def _side(text: str, whole: str) -> Side:
    atoms: dict[str, Fraction] = {}
    sites: dict[str, Fraction] = {}
    charge = Fraction(0)
    for term in re.split(r"\s\+\s", text.strip()):
        if term.strip() in _NOTHING:
            continue
        found = _TERM.fullmatch(term)
        if found is None:
            raise StructureError(f"'{whole}': a term is missing beside a plus sign; write terms as in V_Li' + Li_i.")
        number = Fraction(found["number"] or 1)
        its_atoms, its_site, its_charge = _term(found["thing"], whole)
        for symbol, count in its_atoms.items():
            atoms[symbol] = atoms.get(symbol, Fraction(0)) + number * count
        if its_site is not None:
            sites[its_site] = sites.get(its_site, Fraction(0)) + number
        charge += number * its_charge
    return Side(atoms, sites, charge)


def _term(thing: str, whole: str) -> tuple[Mapping[str, int], str | None, int]:
    """Atoms, the sublattice of the site, and the charge of one term."""
    if thing in _CARRIERS:
        return {}, None, _CARRIERS[thing]
    regular = _REGULAR.fullmatch(thing)
    if regular and (regular["species"] == regular["site"] or (regular["species"], regular["site"]) == ("V", "i")):
        empty = regular["site"] == "i"
        return {} if empty else {regular["site"]: 1}, None if empty else regular["site"], 0
    if "_" not in thing and "^" not in thing and thing.isalnum() and thing.isascii():
        return dict(formula_counts(thing)), None, 0
    try:
        defect = parse_defect(thing)
    except StructureError as error:
        raise StructureError(f"'{whole}': {error}") from error
    return {} if defect.species is None else {defect.species: 1}, defect.site, defect.charge
