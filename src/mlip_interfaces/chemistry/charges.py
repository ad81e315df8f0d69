"""Formal charges, in e: tables by element, and the rules that give them to a compound or to each of its atoms.

They are real numbers: a charge may be a mean, such as 3.5 of Mn in LiMn2O4.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.chemistry.bonds import POLYANION_BONDS_ANGSTROM
from mlip_interfaces.chemistry.formulas import formula
from mlip_interfaces.errors import StructureError

CATION_CHARGES: dict[str, float] = {
    "Li": 1.0, "Na": 1.0, "K": 1.0, "Rb": 1.0, "Cs": 1.0, "Ag": 1.0, "Mg": 2.0, "Ca": 2.0, "Sr": 2.0, "Ba": 2.0, "Zn": 2.0, "Al": 3.0, "Ga": 3.0, "In": 3.0,
    "Sc": 3.0, "Y": 3.0, "La": 3.0, "Ti": 4.0, "Zr": 4.0, "Hf": 4.0, "Si": 4.0, "Ge": 4.0, "Sn": 4.0, "Nb": 5.0, "Ta": 5.0,
    "W": 6.0, "B": 3.0, "H": 1.0,
}  # fmt: skip
"""Cations with one charge in almost every solid: that of the empty valence shell."""

ANION_CHARGES: dict[str, float] = {
    "F": -1.0, "Cl": -1.0, "Br": -1.0, "I": -1.0, "O": -2.0, "S": -2.0, "Se": -2.0, "Te": -2.0, "N": -3.0, "P": -3.0,
    "As": -3.0, "Sb": -3.0, "C": -4.0,
}  # fmt: skip
"""Elements as anions: that of the full valence shell."""

CENTER_CHARGES: dict[str, float] = {"P": 5.0, "S": 6.0, "C": 4.0, "N": 5.0, "As": 5.0, "Sb": 5.0}
"""Elements of `ANION_CHARGES` where they are the centre of a polyanion: P of PS4, S of SO4."""

HALOGENS = frozenset({"F", "Cl", "Br", "I"})

HYDRIDE_CHARGE = -1.0
"""Hydrogen beside elements that give it their electrons: MgH2, AlH4, BH4."""

_OPEN_IN_HYDRIDES = ("Ti", "Zr", "Hf", "Nb", "Ta", "W")
"""Metals that hydrogen leaves some of their electrons: TiH2, Ti(BH4)3."""

_FEWEST_LIGANDS_OF_BORON = 3
"""Boron with fewer H is part of a cluster, B12H12, and has a share of its charge."""

SPECIES_CHARGES: dict[str, float] = {
    **{symbol: CATION_CHARGES[symbol] for symbol in ("Li", "Na", "K", "Mg", "Al", "Zr", "La", "Ta", "Ti", "Ge")},
    **{symbol: ANION_CHARGES[symbol] for symbol in ("O", "S", "F", "Cl", "Br", "I", "N")},
    "P": CENTER_CHARGES["P"], "Co": 3.0, "Ni": 3.0, "Mn": 4.0,
}  # fmt: skip
"""One charge for all atoms of an element, for conductivities, where nothing but the element is known: P as in PS4, Co and Ni
as in LiCoO2 and LiNiO2, Mn as in LiNi0.5Mn1.5O4. In a reacting system they change, so conductivities name the set used."""

ELEMENT_CHARGES: dict[str, float] = ANION_CHARGES | CATION_CHARGES | SPECIES_CHARGES
"""The same of every element that has one: that of `SPECIES_CHARGES` where there is one, else of the cation, else of the anion."""

MAX_FORMULA_ATOMS = 100
"""Charges of a compound are guessed for formulas up to this size."""


def compound_charges(symbols: Iterable[str]) -> dict[str, float]:
    """Formal charge of each element of a compound; empty if there is no neutral choice.

    Parameters
    ----------
    symbols : iterable of str
        Element of each atom; the ratios decide.

    Returns
    -------
    dict of str to float, e
        One per element: their mean where an element has two, such as Mn in LiMn2O4.

    Notes
    -----
    The most likely common oxidation states that sum to zero, of pymatgen. Hydrogen is -1 where no other anion but
    halides is there (`is_hydride`), and between -1 and +1 beside boron (LiNH2BH3); in boranes (Li2B12H12) boron has what
    is left.

    Examples
    --------
    >>> compound_charges(["Li"] * 3 + ["O", "Cl"])
    {'Cl': -1.0, 'Li': 1.0, 'O': -2.0}
    """
    counts: dict[str, int] = {}
    for symbol in symbols:
        counts[symbol] = counts.get(symbol, 0) + 1
    guess = _guess(tuple(sorted(counts.items())), MAX_FORMULA_ATOMS)
    return {symbol: charge for symbol, charge in guess if charge}


def anion_symbols(symbols: Iterable[str]) -> frozenset[str]:
    """Elements of negative formal charge in a compound; all of them in a metal or where no charges are found.

    Parameters
    ----------
    symbols : iterable of str
        Element of each atom; the ratios decide.

    Returns
    -------
    frozenset of str
        At least one.
    """
    present = list(symbols)
    negative = frozenset(symbol for symbol, charge in compound_charges(present).items() if charge < 0)
    return negative or frozenset(present)


def site_charges(
    symbols: Sequence[str],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    given: Mapping[str, float] | None = None,
) -> NDArray[np.float64]:
    """Charge of every atom of a crystal whose polyanions are known; they add up to zero.

    Tables give main-group cations, centres of polyanions and anions; a bond between two atoms of one anion or centre costs
    each of them one unit (S2 in pyrite, the chains of LiP, P2S6). One element outside the tables takes what is left; for
    several, pymatgen guesses. Hydrogen is +1 on N or O, -1 on B, and without a bond -1 in a hydride (`is_hydride`), where
    boron of clusters and metals such as Ti take what is left. A crystal without an anion is a metal: zero.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.
    first, second : (n_bonds,) int array
        Atoms of each bond inside polyanions, each bond in both directions.
    given : mapping of str to float, e, optional
        Charges by element that replace those of the tables.

    Returns
    -------
    (n_atoms,) float array, e
        In the order of the atoms.

    Raises
    ------
    StructureError
        If the charges do not balance.

    Examples
    --------
    >>> none = np.zeros(0, dtype=np.int64)
    >>> site_charges(["Co", "O", "Li", "Li"], none, none, {"O": -4}).tolist()
    [2.0, -4.0, 1.0, 1.0]
    """
    names = np.array(symbols)
    elements = list(dict.fromkeys(symbols))
    chosen = dict(given or {})
    hydride = is_hydride(elements)
    if not (hydride or any(element in ANION_CHARGES for element in elements) or chosen):
        return np.zeros(len(names))
    usual = CATION_CHARGES | ANION_CHARGES
    if hydride:
        usual = usual | {"H": HYDRIDE_CHARGE} | dict.fromkeys(_OPEN_IN_HYDRIDES, np.nan)
    charges = np.array([usual.get(symbol, np.nan) for symbol in symbols], dtype=np.float64)
    _in_polyanions(names, first, second, charges)
    if hydride and _has_boron_of_clusters(names, first, second):
        charges[names == "B"] = np.nan
    for element, charge in chosen.items():
        charges[names == element] = charge
    open_elements = [element for element in elements if np.isnan(charges[names == element]).any()]
    missing = np.isin(names, open_elements)
    if len(open_elements) == 1:
        charges[missing] = -charges[~missing].sum() / missing.sum()
    elif open_elements:
        guess = dict(_guess(tuple((element, symbols.count(element)) for element in sorted(elements)), None))
        for element in open_elements:
            charges[names == element] = guess.get(element, np.nan)
    wrong_sign = bool((charges[missing] < 0).any())
    if np.isnan(charges).any() or wrong_sign or abs(charges.sum()) > 1e-6 * len(names):
        listed = ", ".join(f"{element} {charges[names == element].mean():+.3g}" for element in elements)
        raise StructureError(
            f"The formal charges of {formula(symbols, reduce=True)} do not balance ({listed}): give the charge of each "
            "element that differs, such as Co=3."
        )
    return charges


def is_hydride(elements: Iterable[str]) -> bool:
    """Tell whether hydrogen is the anion of a compound: it has other elements, and none of them but halogens is one.

    Parameters
    ----------
    elements : iterable of str
        Of the compound, in any number.

    Returns
    -------
    bool
        False where N, O, S, C or P may hold a proton, and for hydrogen alone or with halogens.

    Examples
    --------
    >>> is_hydride(["Na", "Al", "H"]), is_hydride(["Li", "N", "H"]), is_hydride(["Li", "B", "H", "Cl"])
    (True, False, True)
    """
    partners = frozenset(elements) - HALOGENS
    return "H" in partners and len(partners) > 1 and not partners & ANION_CHARGES.keys()


def extreme_charge(symbol: str) -> float:
    """Charge of an ion whose valence shell is full, if it is an anion, or empty.

    Parameters
    ----------
    symbol : str
        Chemical symbol.

    Returns
    -------
    float, e
        Negative for an anion.

    Notes
    -----
    Of the common oxidation states of pymatgen the lowest for an anion (O -2, not the +2 of OF2), told by an
    electronegativity above 2.5; the highest for all others (P 5+, Co 3+).

    Examples
    --------
    >>> extreme_charge("O"), extreme_charge("Li")
    (-2.0, 1.0)
    """
    from pymatgen.core import Element

    element = Element(symbol)
    states = element.common_oxidation_states
    return float(min(states) if min(states) < 0 and element.X > 2.5 else max(states))


def _in_polyanions(
    names: NDArray[np.str_], first: NDArray[np.int64], second: NDArray[np.int64], charges: NDArray[np.float64]
) -> None:
    """Raise the centres to their own charge, then share out bonds between equal elements."""
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        center, ligand = str(names[i]), str(names[j])
        bonded = (center, ligand) in POLYANION_BONDS_ANGSTROM and ligand not in {center, "H"}
        if bonded and center in CENTER_CHARGES:
            charges[i] = CENTER_CHARGES[center]
    for i in first[names[first] == names[second]].tolist():
        charges[i] -= np.sign(charges[i])
    hydridic = (names[first] == "H") & (names[second] == "B")
    charges[first[hydridic]] = HYDRIDE_CHARGE


def _has_boron_of_clusters(names: NDArray[np.str_], first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    """Whether some boron has hydrogen, but less of it than BH3."""
    bonds = first[(names[first] == "B") & (names[second] == "H")]
    counts = np.bincount(bonds, minlength=len(names))
    return bool(((counts > 0) & (counts < _FEWEST_LIGANDS_OF_BORON)).any())


@functools.lru_cache(maxsize=256)
def _guess(counts: tuple[tuple[str, int], ...], max_atoms: int | None) -> tuple[tuple[str, float], ...]:
    """Pymatgen's most likely neutral choice; none for a reduced formula of more atoms than asked for."""
    from pymatgen.core import Composition

    reduced = Composition(dict(counts)).reduced_composition
    # A cell that lacks a few atoms has no small formula, and every split of its charges would be tried.
    if max_atoms is not None and reduced.num_atoms > max_atoms:
        return ()
    elements = [symbol for symbol, _ in counts]
    states: dict[str, list[int]] = {}
    if is_hydride(elements):
        states = {"H": [-1]}
    elif {"H", "B"} <= set(elements):
        states = {"H": [-1, 1], "B": [3]}
    guesses = reduced.oxi_state_guesses(oxi_states_override=states)
    if states and not guesses:
        guesses = reduced.oxi_state_guesses()
    found = {str(symbol): float(charge) for symbol, charge in guesses[0].items()} if guesses else _borane(dict(counts))
    return tuple(sorted(found.items()))


def _borane(counts: Mapping[str, int]) -> dict[str, float]:
    """Charges of a compound of B-H clusters, boron having what is left; empty if it is none."""
    known = CATION_CHARGES | ANION_CHARGES | {"H": HYDRIDE_CHARGE}
    others = {symbol: known[symbol] for symbol in counts if symbol in known and symbol != "B"}
    if "B" not in counts or not is_hydride(counts) or len(others) < len(counts) - 1:
        return {}
    boron = -sum(counts[symbol] * charge for symbol, charge in others.items()) / counts["B"]
    return others | {"B": boron} if 0.0 < boron < CATION_CHARGES["B"] else {}
