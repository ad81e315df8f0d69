"""Shortest distances between the atoms of a structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms


def minimum_distances(atoms: Atoms, elements: Sequence[str], cutoff_angstrom: float = 6.0) -> dict[str, float]:
    """Shortest distance of each pair of elements within a cutoff.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    elements : sequence of str
        The type map; every element of the structure is in it.
    cutoff_angstrom : float, angstrom, optional
        Pairs that are all further apart are left out.

    Returns
    -------
    dict of str to float, angstrom
        Keys as in ``Li-O``, the elements in type-map order.
    """
    from ase.neighborlist import neighbor_list

    order = {symbol: i for i, symbol in enumerate(elements)}
    kinds = np.array([order[symbol] for symbol in atoms.get_chemical_symbols()])
    first, second, distance = neighbor_list("ijd", atoms, cutoff_angstrom)
    shortest = {}
    for i, a in enumerate(elements):
        for j, b in enumerate(elements[i:], start=i):
            mask = (kinds[first] == i) & (kinds[second] == j)
            if mask.any():
                shortest[f"{a}-{b}"] = round(float(distance[mask].min()), 4)
    return shortest
