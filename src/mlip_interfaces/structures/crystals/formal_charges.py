"""Formal charges of the atoms of a crystal, for the polarity of its surfaces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals.formulas import formula
from mlip_interfaces.structures.crystals.polyanions import POLYANION_BONDS, polyanion_bonds

FIXED_CHARGES: dict[str, float] = {
    "Li": 1, "Na": 1, "K": 1, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Zn": 2, "Al": 3, "Ga": 3, "In": 3, "Sc": 3, "Y": 3,
    "La": 3, "Ti": 4, "Zr": 4, "Hf": 4, "Si": 4, "Ge": 4, "Sn": 4, "Nb": 5, "Ta": 5, "W": 6, "B": 3, "H": 1,
}  # fmt: skip
ANION_CHARGES: dict[str, float] = {
    "F": -1, "Cl": -1, "Br": -1, "I": -1, "O": -2, "S": -2, "Se": -2, "Te": -2, "N": -3, "P": -3, "As": -3, "Sb": -3, "C": -4,
}  # fmt: skip
CENTER_CHARGES: dict[str, float] = {"P": 5, "S": 6, "C": 4, "N": 5, "As": 5, "Sb": 5}
"""Elements of the table above where they are the centre of a polyanion: P of PS4, S of SO4."""


def formal_charges(atoms: Atoms, given: Mapping[str, float] | None = None) -> NDArray[np.float64]:
    """Charge of every atom, in e; they add up to zero.

    A table gives main-group cations, centres of polyanions and anions; a bond between two atoms of one anion or centre
    costs each of them one unit (S2 in pyrite, the chains of LiP, P2S6). One element outside the table takes what is left;
    for several, pymatgen guesses. A crystal without an anion is a metal: zero.

    Parameters
    ----------
    atoms : the crystal.
    given : charges by element that replace those of the table.

    Raises
    ------
    StructureError
        If the charges do not balance.

    Examples
    --------
    >>> formal_charges(Atoms("CoOLi2", positions=[[0, 0, 0], [2, 0, 0], [4, 0, 0], [6, 0, 0]]), {"O": -4}).tolist()
    [2.0, -4.0, 1.0, 1.0]
    """
    symbols = np.array(atoms.get_chemical_symbols())
    elements = list(dict.fromkeys(symbols.tolist()))
    chosen = dict(given or {})
    if not any(element in ANION_CHARGES for element in elements) and not chosen:
        return np.zeros(len(atoms))
    usual = FIXED_CHARGES | ANION_CHARGES
    # Real numbers even where the table has whole ones: a given charge may be a mean such as 3.5.
    charges = np.array([usual.get(symbol, np.nan) for symbol in symbols], dtype=np.float64)
    _in_polyanions(atoms, symbols, charges)
    for element, charge in chosen.items():
        charges[symbols == element] = charge
    open_elements = [element for element in elements if np.isnan(charges[symbols == element]).any()]
    missing = np.isin(symbols, open_elements)
    if len(open_elements) == 1:
        charges[missing] = -charges[~missing].sum() / missing.sum()
    elif open_elements:
        guess = _guess(atoms)
        for element in open_elements:
            charges[symbols == element] = guess.get(element, np.nan)
    wrong_sign = bool((charges[missing] < 0).any())
    if np.isnan(charges).any() or wrong_sign or abs(charges.sum()) > 1e-6 * len(atoms):
        listed = ", ".join(f"{element} {charges[symbols == element].mean():+.3g}" for element in elements)
        raise StructureError(
            f"The formal charges of {formula(atoms.get_chemical_symbols(), reduce=True)} do not balance ({listed}): give the "
            "charge of each element that differs, such as Co=3."
        )
    return charges


def _in_polyanions(atoms: Atoms, symbols: NDArray[np.str_], charges: NDArray[np.float64]) -> None:
    """Raise the centres to their own charge, then share out bonds between equal elements."""
    first, second, _ = polyanion_bonds(atoms)
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        center, ligand = str(symbols[i]), str(symbols[j])
        if (center, ligand) in POLYANION_BONDS and center in CENTER_CHARGES and ligand not in {center, "H"}:
            charges[i] = CENTER_CHARGES[center]
    for i in first[symbols[first] == symbols[second]].tolist():
        charges[i] -= np.sign(charges[i])
    hydridic = (symbols[first] == "H") & (symbols[second] == "B")
    charges[first[hydridic]] = -1.0


def _guess(atoms: Atoms) -> dict[str, float]:
    from pymatgen.core import Composition

    guesses = Composition(atoms.get_chemical_formula(empirical=True)).oxi_state_guesses()
    return {str(element): float(charge) for element, charge in guesses[0].items()} if guesses else {}
