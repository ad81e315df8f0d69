"""How close atoms of two layers may come: contact distances from ionic or covalent radii."""

from __future__ import annotations

from ase.data import atomic_numbers, covalent_radii

# Shannon radii of the ions as they stand in these solids, angstrom; phosphorus is given its size in a PS4 unit.
IONIC_RADII: dict[str, float] = {
    "Li": 0.76, "Co": 0.55, "Ni": 0.56, "Mn": 0.58, "La": 1.16, "Zr": 0.72, "P": 1.1,
    "O": 1.40, "F": 1.33, "N": 1.46, "S": 1.84, "Cl": 1.81, "Br": 1.96,
}  # fmt: skip
CATIONS = frozenset({"Li", "Co", "Ni", "Mn", "La", "Zr", "P"})
CATION_CATION_ANGSTROM = 2.6
ANION_ANION_FACTOR = 0.85
"""Anions touch closer than the sum of their radii in dense packings such as LiF (2.85 of 2.66) and Li2S."""


def contact_distance(first: str, second: str) -> float:
    """Closest distance at which atoms of two layers are placed, angstrom.

    Cation and anion: the sum of their ionic radii; two anions: 0.85 of it; two cations: 2.6 angstrom; elements
    without a radius here: the sum of the covalent radii.
    """
    if first not in IONIC_RADII or second not in IONIC_RADII:
        return float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])
    total = IONIC_RADII[first] + IONIC_RADII[second]
    n_cations = (first in CATIONS) + (second in CATIONS)
    if n_cations == 2:
        return CATION_CATION_ANGSTROM
    return total if n_cations == 1 else ANION_ANION_FACTOR * total


def attract(first: str, second: str) -> bool:
    """Whether two elements pull each other into contact: a cation and an anion, or one without a charge here."""
    if first not in IONIC_RADII or second not in IONIC_RADII:
        return True
    return (first in CATIONS) != (second in CATIONS)
