"""Kröger-Vink notation: ``V_Li'``, ``Li_i.``, ``S_Cl'``; parsed, and checked for charge balance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ase.data import chemical_symbols

from mlip_interfaces.errors import StructureError

# The site takes its second letter only if it must: V_Sx is a neutral sulfur vacancy.
_NOTATION = re.compile(r"(?P<species>V|Va|[A-Z][a-z]?)_(?P<site>i|[A-Z][a-z]??)\^?(?P<charge>[.•·˙]+|['′’]+|[x×]|)")
# The charge above the site, as papers print it: V'Li, Li^._i, S×O.
_CHARGE_FIRST = re.compile(
    r"(?P<species>V|Va|[A-Z][a-z]?)(?:\^?(?P<charge>[.•·˙]+|['′’]+|×)|\^(?P<neutral>x))_?(?P<site>i|[A-Z][a-z]?)"
)
_TEX = {
    "$": "",
    "{": "",
    "}": "",
    "\\bullet": ".",
    "\\cdot": ".",
    "\\prime": "'",
    "\\times": "x",
    "\\mathrm": "",
    "\\": "",
}


@dataclass(frozen=True, slots=True)
class PointDefect:
    """One point defect.

    Attributes
    ----------
    species : str or None
        Element that sits there; None for a vacancy.
    site : str or None
        Element whose site it is; None for an interstitial.
    charge : int, e
        Relative to the perfect crystal.
    """

    species: str | None
    site: str | None
    charge: int

    @property
    def kind(self) -> Literal["vacancy", "interstitial", "substitution"]:
        """What is done to the crystal."""
        if self.species is None:
            return "vacancy"
        return "interstitial" if self.site is None else "substitution"

    def __str__(self) -> str:
        """The notation in plain characters.

        Examples
        --------
        >>> str(parse_defect("V_O••")), str(parse_defect("V_Li′"))
        ('V_O..', "V_Li'")
        """
        mark = "." * self.charge if self.charge > 0 else "'" * -self.charge
        return f"{self.species or 'V'}_{self.site or 'i'}{mark or 'x'}"


def parse_defect(text: str) -> PointDefect:
    r"""Read one defect.

    Parameters
    ----------
    text : str
        Species, underscore, site, charge: ``V`` (or ``Va``) is a vacancy, so that vanadium cannot be a species; the
        site ``i`` is an interstitial; each ``'`` is one negative, each ``.`` or ``•`` one positive charge, ``x``, ``×``
        or nothing is neutral. The charge may come first, as papers print it (``V'Li``, ``Li^._i``, ``S×O``), and marks of
        TeX are read over.

    Returns
    -------
    PointDefect
        What the text means.

    Raises
    ------
    StructureError
        If it is something else.

    Examples
    --------
    >>> parse_defect("S_Cl'")
    PointDefect(species='S', site='Cl', charge=-1)
    >>> parse_defect("Li_i•").kind
    'interstitial'
    >>> parse_defect("V'Li") == parse_defect("V_{Li}^{\\\\prime}") == parse_defect("V_Li'")
    True
    """
    found = _matched(text)
    species, site = (found["species"], found["site"]) if found else ("", "")
    vacancy, interstitial = species in ("V", "Va"), site == "i"
    known = (vacancy or species in chemical_symbols[1:]) and (interstitial or site in chemical_symbols[1:])
    if not found or not known or (vacancy and interstitial) or species == site:
        raise StructureError(
            f"'{text}' is no defect in Kröger-Vink notation; examples: V_Li' (vacancy), Li_i. (interstitial), S_Cl' (S on a "
            "Cl site), V_O.. (two positive charges), V_Lix (neutral)."
        )
    mark = found["charge"] or ""
    sign = -1 if mark[:1] in "'′’" else 1
    charge = 0 if mark in ("", "x", "×") else sign * len(mark)
    return PointDefect(None if vacancy else species, None if interstitial else site, charge)


def _matched(text: str) -> re.Match[str] | None:
    plain = "".join(text.split())
    for tex, meaning in _TEX.items():
        plain = plain.replace(tex, meaning)
    return _NOTATION.fullmatch(plain) or _CHARGE_FIRST.fullmatch(plain)


def parse_defects(text: str) -> tuple[PointDefect, ...]:
    """Read a set of defects.

    Parameters
    ----------
    text : str
        Defects with plus signs between them, each as `parse_defect` reads it; a number in front repeats one.

    Returns
    -------
    tuple of PointDefect
        In the order given.

    Raises
    ------
    StructureError
        As `parse_defect`.

    Examples
    --------
    >>> [str(defect) for defect in parse_defects("2 V'Li + V^.._O")]
    ["V_Li'", "V_Li'", 'V_O..']
    """
    found: list[PointDefect] = []
    for term in text.split("+"):
        number = re.match(r"\s*(\d+)\s*(?=[A-Z])", term)
        times, rest = (int(number[1]), term[number.end() :]) if number else (1, term)
        found += [parse_defect(rest)] * times
    return tuple(found)


def exchanged_atoms(defects: Sequence[PointDefect]) -> dict[str, int]:
    """Atoms that a set of defects takes from reservoirs, or gives to them.

    Parameters
    ----------
    defects : sequence of PointDefect
        One set.

    Returns
    -------
    dict of str to int
        Of each element the atoms that the crystal gains, less those that it loses; elements that come out even are left out.

    Examples
    --------
    >>> exchanged_atoms(parse_defects("S'Cl + Li^.i"))
    {'S': 1, 'Cl': -1, 'Li': 1}
    """
    found: dict[str, int] = {}
    for defect in defects:
        for symbol, number in ((defect.species, 1), (defect.site, -1)):
            if symbol is not None:
                found[symbol] = found.get(symbol, 0) + number
    return {symbol: number for symbol, number in found.items() if number}


def mathtext(defect: PointDefect) -> str:
    r"""The notation as matplotlib and TeX print it.

    Parameters
    ----------
    defect : PointDefect
        One.

    Returns
    -------
    str
        With dollar signs.

    Examples
    --------
    >>> mathtext(parse_defect("V'Li"))
    '$\\mathrm{V}_{\\mathrm{Li}}^{\\prime}$'
    """
    mark = r"\bullet" if defect.charge > 0 else r"\prime"
    charge = " ".join([mark] * abs(defect.charge)) or r"\times"
    return rf"$\mathrm{{{defect.species or 'V'}}}_{{\mathrm{{{defect.site or 'i'}}}}}^{{{charge}}}$"


def refuse_unbalanced(defects: Sequence[PointDefect], charges: Mapping[str, float]) -> None:
    """Refuse defects whose charges do not sum to zero, or that contradict the ions of the crystal.

    Parameters
    ----------
    defects : sequence of PointDefect
        One set.
    charges : mapping of str to float, e
        Formal charges of the crystal's elements; empty if they are not known.

    Raises
    ------
    StructureError
        With the net charge and what would balance it.
    """
    for defect in defects:
        expected = _formal(defect, charges)
        if expected is not None and defect.charge != 0 and defect.charge != expected:
            right = PointDefect(defect.species, defect.site, expected)
            raise StructureError(
                f"{defect} carries {defect.charge:+d}, but the charges of the ions make it {expected:+d}: write {right}, or "
                f"{PointDefect(defect.species, defect.site, 0)} for a neutral one."
            )
    net = sum(defect.charge for defect in defects)
    if net:
        listed = " + ".join(map(str, defects))
        balancing = _balancing(-net, charges)
        raise StructureError(
            f"The defects {listed} have a net charge of {net:+d} per set; "
            + (f"add {' or '.join(balancing)} to it." if balancing else f"add defects with {-net:+d} in all.")
        )


def _formal(defect: PointDefect, charges: Mapping[str, float]) -> int | None:
    """Charge that follows from the formal charges; None where one is not known or not whole."""
    if any(symbol is not None and symbol not in charges for symbol in (defect.species, defect.site)):
        return None
    value = (charges[defect.species] if defect.species else 0.0) - (charges[defect.site] if defect.site else 0.0)
    return round(value) if abs(value - round(value)) < 1e-9 else None


def _balancing(wanted: int, charges: Mapping[str, float]) -> list[str]:
    """Vacancies and interstitials of the crystal's own ions that add up to a charge."""
    found = []
    for symbol, charge in sorted(charges.items()):
        if abs(charge - round(charge)) > 1e-9 or charge == 0:
            continue
        # A cation gives its charge as an interstitial and takes it as a vacancy; an anion the other way round.
        sign = 1 if charge * wanted > 0 else -1
        species, site = (symbol, None) if sign > 0 else (None, symbol)
        # Anions are too large for an interstitial, highly charged cations too costly to take out.
        if (charge < 0 and species) or abs(charge) > 2 or wanted % round(charge):
            continue
        count = abs(wanted // round(charge))
        defect = PointDefect(species, site, sign * round(charge))
        found.append(f"{count} {defect}" if count > 1 else str(defect))
    return found
