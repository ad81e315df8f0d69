"""Connected components: which atoms hang together through bonds."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def component_roots(n_atoms, edges):  # type: ignore[no-untyped-def]
    """Lowest atom of the connected component of each atom.

    Parameters
    ----------
    n_atoms : int
        Number of atoms.
    edges : (n_edges, 2) int array
        Atoms that are bonded.

    Returns
    -------
    (n_atoms,) int array
        Atom indices; an atom without a bond has its own.

    Examples
    --------
    >>> component_roots(5, np.array([[4, 2], [1, 2]])).tolist()
    [0, 1, 1, 3, 1]
    """
    parent = np.arange(n_atoms)
    for e in range(edges.shape[0]):
        a, b = edges[e, 0], edges[e, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    for i in range(n_atoms):
        # Parents are lower, and lead to the root already.
        parent[i] = parent[parent[i]]
    return parent
