"""How close two atoms come: radii, the distance at which two ions touch, and the rule for what is too close.

Three distances with three meanings. *Too close* is a share of the sum of covalent radii: no pair of atoms, whatever its
charges, is nearer in a structure that makes sense. *Ion contact* is where the ions of a compound touch, from Shannon's radii
for their charges: melts, voids and shells of neighbours. *Layer contact* is where atoms of two layers are placed before
they relax, from radii of the ions of these solids alone, whatever the charges in them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

TOO_CLOSE_SHARE = 0.7
"""Two atoms closer than this share of the sum of their covalent radii are too close."""

FUSED_SHARE = 0.5
"""Two atoms of a melt closer than this share of their ion contact have fallen into each other: less than too close, for at
3000 K atoms do come close."""

PACKING_SHARES = (0.9, 0.85, 0.8, 0.75, 0.7)
"""Shortest distances of a random packing that are tried, as shares of the ion contact."""

CATION_CATION_ANGSTROM = 2.6
"""Two cations are not placed closer than this, although their radii would allow it: they repel."""

IONIC_RADII_ANGSTROM: dict[str, float] = {
    "Li": 0.76, "Co": 0.55, "Ni": 0.56, "Mn": 0.58, "La": 1.16, "Zr": 0.72, "P": 1.1,
    "O": 1.40, "F": 1.33, "N": 1.46, "S": 1.84, "Cl": 1.81, "Br": 1.96,
}  # fmt: skip
"""Effective ionic radii of R. D. Shannon, Acta Cryst. A 32, 751 (1976), of the ions as they stand in these solids; phosphorus
is given its size in a PS4 unit."""

LAYER_CATIONS = frozenset({"Li", "Co", "Ni", "Mn", "La", "Zr", "P"})
"""Elements of the table above that are cations."""

ANION_ANION_FACTOR = 0.85
"""Anions touch closer than the sum of their radii in dense packings such as LiF (2.85 of 2.66) and Li2S."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Two atoms near each other.

    Attributes
    ----------
    first, second : str
        Their elements.
    distance_angstrom : float, angstrom
        Between them, images included.
    """

    first: str
    second: str
    distance_angstrom: float


def covalent_radii(symbols: Sequence[str]) -> NDArray[np.float64]:
    """Covalent radius of each element, as ASE has it.

    Parameters
    ----------
    symbols : sequence of str
        Of n elements.

    Returns
    -------
    (n,) float array, angstrom
        In the same order.

    References
    ----------
    B. Cordero et al., Dalton Trans. 2832 (2008).

    Examples
    --------
    >>> covalent_radii(["Li", "F"]).tolist()
    [1.28, 0.57]
    """
    from ase.data import atomic_numbers
    from ase.data import covalent_radii as radii

    return np.array([radii[atomic_numbers[symbol]] for symbol in symbols], dtype=np.float64)


def shortest_allowed(first: str, second: str, share: float = TOO_CLOSE_SHARE) -> float:
    """Distance below which two atoms are too close: a share of the sum of their covalent radii.

    Parameters
    ----------
    first : str
        Element of one atom.
    second : str
        Element of the other.
    share : float, optional
        Of the sum of covalent radii.

    Returns
    -------
    float, angstrom
        The distance.

    Examples
    --------
    >>> round(shortest_allowed("Li", "F"), 3)
    1.295
    """
    radius, other = covalent_radii([first, second])
    return float(share * (radius + other))


def worst_contact(atoms: Atoms, share: float = TOO_CLOSE_SHARE) -> Contact | None:
    """The shortest of all distances that are too close; None where no two atoms are.

    Parameters
    ----------
    atoms : ase.Atoms
        Images count where it is periodic.
    share : float, optional
        Of the sum of covalent radii.

    Returns
    -------
    Contact or None
        With its two elements.
    """
    from ase.neighborlist import neighbor_list

    symbols = atoms.get_chemical_symbols()
    radii = covalent_radii(symbols)
    first, second, distance = neighbor_list("ijd", atoms, 2.0 * share * float(radii.max()))
    close = np.flatnonzero(distance < share * (radii[first] + radii[second]))
    if not close.size:
        return None
    worst = close[np.argmin(distance[close])]
    return Contact(symbols[first[worst]], symbols[second[worst]], float(distance[worst]))


def has_short_contact(atoms: Atoms, share: float = TOO_CLOSE_SHARE) -> bool:
    """Whether two atoms are too close, as `worst_contact`.

    Parameters
    ----------
    atoms : Atoms
        Images count where it is periodic.
    share : float, optional
        Of the sum of covalent radii.

    Returns
    -------
    bool
        True where there is one.
    """
    return worst_contact(atoms, share) is not None


def ion_contact(first: str, second: str, charges: Mapping[str, float]) -> float:
    """Distance at which two ions of a compound touch.

    Unlike signs and two anions: the sum of Shannon's crystal radii for their charges; two cations: at least 2.6 angstrom;
    elements without a charge: the sum of the covalent radii.

    Parameters
    ----------
    first, second : str
        Elements.
    charges : mapping of str to float, e
        By element, as `charges.compound_charges` gives them.

    Returns
    -------
    float, angstrom
        Sum of two radii, or more.

    Examples
    --------
    >>> round(ion_contact("Li", "F", {"Li": 1.0, "F": -1.0}), 2)
    2.09
    """
    charge, other = charges.get(first, 0.0), charges.get(second, 0.0)
    total = _crystal_radius(first, charge) + _crystal_radius(second, other)
    return max(total, CATION_CATION_ANGSTROM) if charge > 0 and other > 0 else total


def layer_contact(first: str, second: str) -> float:
    """Closest distance at which atoms of two layers are placed.

    Cation and anion: the sum of their ionic radii; two anions: 0.85 of it; two cations: 2.6 angstrom; elements
    without a radius in `IONIC_RADII_ANGSTROM`: the sum of the covalent radii.

    Parameters
    ----------
    first : str
        Element of one atom.
    second : str
        Element of the other.

    Returns
    -------
    float, angstrom
        The distance.

    Examples
    --------
    >>> round(layer_contact("Li", "F"), 2), layer_contact("Li", "Co")
    (2.09, 2.6)
    """
    if first not in IONIC_RADII_ANGSTROM or second not in IONIC_RADII_ANGSTROM:
        return shortest_allowed(first, second, share=1.0)
    total = IONIC_RADII_ANGSTROM[first] + IONIC_RADII_ANGSTROM[second]
    n_cations = (first in LAYER_CATIONS) + (second in LAYER_CATIONS)
    if n_cations == 2:
        return CATION_CATION_ANGSTROM
    return total if n_cations == 1 else ANION_ANION_FACTOR * total


def attract(first: str, second: str) -> bool:
    """Whether two elements pull each other into contact: a cation and an anion, or one without an ionic radius here.

    Parameters
    ----------
    first : str
        One element.
    second : str
        The other.

    Returns
    -------
    bool
        False for two cations and for two anions.
    """
    if first not in IONIC_RADII_ANGSTROM or second not in IONIC_RADII_ANGSTROM:
        return True
    return (first in LAYER_CATIONS) != (second in LAYER_CATIONS)


@functools.lru_cache(maxsize=256)
def _crystal_radius(symbol: str, charge: float) -> float:
    """Shannon's crystal radius for the nearest charge of the same sign; the covalent one where there is none."""
    from pymatgen.core import Element

    radii = {float(state): float(radius) for state, radius in Element(symbol).ionic_radii.items()}
    same_sign = {state: radius for state, radius in radii.items() if state * charge > 0}
    if not same_sign:
        return float(covalent_radii([symbol])[0])
    return same_sign[min(same_sign, key=lambda state: abs(state - charge))]
