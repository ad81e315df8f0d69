"""What is analysed where a study does not say: only what its elements allow, so that a default never fails."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlip_interfaces.chemistry import ANION_CHARGES, SHELL_CUTOFFS_ANGSTROM

COATED_CATHODE = ("Li", "Co", "O", "F", "P", "S")
"""Elements of the interface that the defaults were made for: an oxide, a fluoride and a thiophosphate."""

ALKALI = ("Li", "Na", "K", "Rb", "Cs")
OTHER_MOBILE = ("Mg", "Ca", "Zn", "Al")
"""What moves where there is no alkali, the most likely first."""

PAIRS = ("P-O", "P-S", "Co-S", "S-S")
"""Bonds of the interface between an oxide and a thiophosphate: made, kept and broken."""

REACTION_BONDS = ("P-O", "Co-S")
"""Bonds that no phase of that interface has."""

REDUCTION_BONDS = ("P-P", "S-S")
"""Bonds that appear in a phosphate, sulfide or thiophosphate that reacts with no oxide."""

TETRAHEDRA = (("Li", "F"), ("Li", "S"), ("Li", "O"))
"""Centre and ligand; the first pair that is there counts."""


def default_requests(elements: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """What is analysed where a study does not say; in its short form, settings that are left out are those of here.

    Parameters
    ----------
    elements : collection of str or None
        Of the study: what it has not is left out; None for a coated cathode.

    Returns
    -------
    dict of str to dict
        Kind -> settings that differ from those of the kind.

    Examples
    --------
    >>> default_requests(["Na", "P", "S"])["msd"]
    {'species': ['Na']}
    """
    own = default_settings(elements)
    requests = {kind: own[kind] for kind in ("rdf", "msd", "tetrahedra", "chemistry") if kind in own}
    if "rdf" in requests:
        requests["rdf"] = requests["rdf"] | {"blocks": 4}
    return requests | {"profile": {}}


def default_settings(elements: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Settings of a request of each kind that depend on the elements, for a request that leaves them out.

    Parameters
    ----------
    elements : collection of str or None
        Of the study; None for a coated cathode.

    Returns
    -------
    dict of str to dict
        Kind -> settings; a kind for which the elements have nothing to offer is left out.
    """
    present = tuple(COATED_CATHODE if elements is None else elements)
    settings: dict[str, dict[str, Any]] = {}
    if present:
        settings["rdf"] = {"pairs": _pairs(present)}
    mobile = mobile_elements(present)
    if mobile:
        settings["msd"] = {"species": mobile}
    shells = [(center, ligand) for center, ligand in TETRAHEDRA if {center, ligand} <= set(present)]
    if shells:
        (center, ligand), *_ = shells
        settings["tetrahedra"] = {
            "center": center,
            "ligand": ligand,
            "cutoff_angstrom": SHELL_CUTOFFS_ANGSTROM[f"{center}-{ligand}"],
        }
    bonds = _there(REACTION_BONDS, present) or _there(REDUCTION_BONDS, present)
    if bonds:
        settings["chemistry"] = {"reaction_bonds": bonds}
    return settings


def mobile_elements(elements: Collection[str]) -> list[str]:
    """The ions that move: alkali metals, or the most likely other one.

    Parameters
    ----------
    elements : collection of str
        Of the study.

    Returns
    -------
    list of str
        Empty where none is known.
    """
    return [symbol for symbol in ALKALI if symbol in elements] or [s for s in OTHER_MOBILE if s in elements][:1]


def _pairs(elements: Collection[str]) -> list[str]:
    """Bonds of a reaction; without any, those of the mobile ions to anions, and of the first element to itself at worst."""
    pairs = _there(PAIRS, elements)
    if "P" in elements and not _there(REACTION_BONDS, elements):
        pairs += _there(("P-P",), elements)
    if not set(pairs) <= {"S-S"}:
        return pairs
    anions = [symbol for symbol in elements if symbol in ANION_CHARGES]
    cations = mobile_elements(elements) or [symbol for symbol in elements if symbol not in anions]
    pairs += [f"{cation}-{anion}" for cation in cations for anion in anions]
    first = next(iter(elements))
    return pairs or [f"{first}-{first}"]


def _there(pairs: Collection[str], elements: Collection[str]) -> list[str]:
    return [pair for pair in pairs if set(pair.split("-")) <= set(elements)]
