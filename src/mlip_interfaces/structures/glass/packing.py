"""Starting positions of a melt: ions on a grid, or packed at random without overlaps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import compound_charges, ion_contact
from mlip_interfaces.chemistry.contacts import PACKING_SHARES
from mlip_interfaces.errors import StructureError

MAX_SWEEPS = 200


def starting_positions(
    lateral: NDArray[np.float64], thickness_angstrom: float, counts: Mapping[str, int], *, seed: int
) -> Atoms:
    """Atoms of a composition in a cell, at random but apart.

    Parameters
    ----------
    lateral : (2, 2) float array, angstrom
        Rows a = (ax, 0), b = (bx, by).
    thickness_angstrom : float, angstrom
        Height of the cell.
    counts : mapping of str to int
        Atoms of each element, in the order of the result.
    seed : int
        Of the places.

    Returns
    -------
    atoms : ase.Atoms
        Two elements in equal numbers alternate on a grid with sites left free; any other composition is packed by
        `packed`.
    """
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = lateral, thickness_angstrom
    if len(counts) == 2 and len(set(counts.values())) == 1:
        return _on_a_grid(cell, counts, seed)
    return packed(cell, counts, seed=seed)


def packed(cell: NDArray[np.float64], counts: Mapping[str, int], *, seed: int) -> Atoms:
    """Random places, then overlapping atoms are pushed apart until no contact is too short.

    Parameters
    ----------
    cell : (3, 3) float array, angstrom
        Rows are the lattice vectors.
    counts : mapping of str to int
        Atoms of each element.
    seed : int
        Of the places.

    Returns
    -------
    atoms : ase.Atoms
        No two closer than the largest of `PACKING_SHARES` that could be met, times their `ion_contact`.

    Raises
    ------
    StructureError
        If even the smallest share cannot be met.

    Notes
    -----
    Each sweep moves both atoms of every overlapping pair half their overlap apart, a little more to get past the
    boundary, as in force-biased packing of hard spheres (Jodrey and Tory 1985).
    """
    symbols = [symbol for symbol, number in counts.items() for _ in range(number)]
    charges = compound_charges(symbols)
    kinds = np.repeat(np.arange(len(counts)), list(counts.values()))
    table = np.array([[ion_contact(a, b, charges) for b in counts] for a in counts])
    for share in PACKING_SHARES:
        rng = np.random.default_rng(seed)
        atoms = Atoms(symbols, scaled_positions=rng.random((len(symbols), 3)), cell=cell, pbc=True)
        if _pushed_apart(atoms, share * table, kinds, rng):
            return atoms
    volume = abs(float(np.linalg.det(cell))) / len(symbols)
    raise StructureError(
        f"{len(symbols)} atoms of {atoms.get_chemical_formula()} do not fit at {volume:.1f} angstrom^3 each without "
        "overlap; lower the density."
    )


def _pushed_apart(
    atoms: Atoms, shortest: NDArray[np.float64], kinds: NDArray[np.int64], rng: np.random.Generator
) -> bool:
    """Whether the overlaps went; moves the atoms."""
    from ase.neighborlist import neighbor_list

    cutoff = float(shortest.max())
    for _ in range(MAX_SWEEPS):
        first, second, vector, distance = neighbor_list("ijDd", atoms, cutoff)
        overlap = shortest[kinds[first], kinds[second]] - distance
        # In a cell narrower than a contact an atom overlaps with its own image: nothing to push.
        close = (overlap > 0) & (first != second)
        if not close.any():
            atoms.wrap()
            return True
        first, second, vector, distance, overlap = (
            values[close] for values in (first, second, vector, distance, overlap)
        )
        direction = vector / np.maximum(distance, 1e-9)[:, None]
        # Each pair is listed from both sides: every entry moves its first atom alone.
        moves = np.zeros((len(atoms), 3))
        np.add.at(moves, first, -(0.55 * overlap)[:, None] * direction)
        # A little noise frees atoms that are pushed evenly from all sides.
        atoms.positions += moves + rng.normal(0.0, 0.01, moves.shape) * (np.abs(moves).sum(axis=1) > 0)[:, None]
    return False


def _on_a_grid(cell: NDArray[np.float64], counts: Mapping[str, int], seed: int) -> Atoms:
    """Ions on the sites of a grid, signs alternating, sites left free at random: a start without close contacts."""
    n_units = next(iter(counts.values()))
    rng = np.random.default_rng(seed)
    lengths = np.linalg.norm(cell, axis=1)
    # The coarsest even grid with enough sites.
    spacing = (abs(np.linalg.det(cell)) / (2 * n_units)) ** (1 / 3)
    shape = np.maximum(2, 2 * np.round(lengths / spacing / 2)).astype(int)
    while shape.prod() < 2 * n_units:
        shape[np.argmax(lengths / shape)] += 2
    sites = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    even = sites.sum(axis=1) % 2 == 0
    chosen = [rng.choice(np.flatnonzero(mask), n_units, replace=False) for mask in (even, ~even)]
    scaled = (sites[np.concatenate(chosen)] + 0.5) / shape
    positions = scaled @ cell + rng.uniform(-0.1, 0.1, (2 * n_units, 3))
    symbols = [symbol for symbol in counts for _ in range(n_units)]
    return Atoms(symbols, positions=positions, cell=cell, pbc=True)
