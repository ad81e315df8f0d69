"""Distances that gates judge by: contacts as shares of covalent radii, pairs and their elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlip_interfaces.chemistry import covalent_radii
from mlip_interfaces.chemistry.contacts import attract
from mlip_interfaces.potentials.gates.contract import Floats


def minimum_images(vectors: Floats, cell: Floats) -> Floats:
    """The shortest periodic images of vectors, exact also in a cell that is far from rectangular.

    Parameters
    ----------
    vectors : (n, 3) float array, angstrom
        Between two atoms.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    (n, 3) float array, angstrom
        Of the shortest length.
    """
    from ase.geometry import find_mic

    found: Floats = find_mic(vectors, cell, pbc=True)[0]
    return found


def contact_share(symbols: Sequence[str], positions: Floats, cell: Floats) -> float:
    """The shortest of all contacts, each over the sum of the covalent radii of its atoms.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.
    positions : (n_atoms, 3) float array, angstrom
        Of the atoms.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    float
        At most 1.5, beyond which nothing is looked for; not-a-number where the positions are none.
    """
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    if not np.isfinite(positions).all():
        return float("nan")
    radii = covalent_radii(symbols)
    atoms = Atoms(symbols, positions=positions, cell=cell, pbc=True)
    first, second, distance = neighbor_list("ijd", atoms, 2.0 * 1.5 * float(radii.max()))
    shares = distance / (radii[first] + radii[second])
    return float(min(shares.min(initial=1.5), 1.5))


def pair_name(first: str, second: str) -> str:
    """A pair of elements as the books call it.

    Parameters
    ----------
    first, second : str
        The elements.

    Returns
    -------
    str
        As in ``Li-O``.
    """
    return f"{first}-{second}"


def all_pairs(symbols: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of elements that a structure has, each once; an element with itself where it has two atoms of it.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.

    Returns
    -------
    list of tuple of (str, str)
        In the order of first appearance.
    """
    species = list(dict.fromkeys(symbols))
    counts = {symbol: list(symbols).count(symbol) for symbol in species}
    return [
        (first, second)
        for number, first in enumerate(species)
        for second in species[number:]
        if first != second or counts[first] > 1
    ]


def of_one_kind(first: str, second: str) -> bool:
    """Whether two elements stand on sites of one kind: both cations or both anions, or one with an unknown charge.

    Parameters
    ----------
    first, second : str
        The elements.

    Returns
    -------
    bool
        False for a cation and an anion.
    """
    return first == second or not attract(first, second)
