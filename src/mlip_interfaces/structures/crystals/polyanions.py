"""Polyanions: groups of atoms that a cut must not divide, put together across the periodic boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import POLYANION_BONDS_ANGSTROM, site_charges


@dataclass(frozen=True, slots=True)
class Unit:
    """One atom, or one polyanion.

    Attributes
    ----------
    indices : (n,) int array
        Its atoms.
    offsets : (n, 3) int array
        Lattice translations that make it whole, added to their fractional coordinates.
    periods : (k, 3) int array
        Translations along which it goes on for ever; none for a molecule, one for a chain.
    """

    indices: NDArray[np.int64]
    offsets: NDArray[np.int64]
    periods: NDArray[np.int64]


def polyanion_bonds(atoms: Atoms) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Covalent bonds inside polyanions, each in both directions.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal, periodic.

    Returns
    -------
    first, second : (n_bonds,) int arrays
        Atom numbers.
    images : (n_bonds, 3) int array
        The lattice translation of the second atom.
    """
    from ase.neighborlist import neighbor_list

    present = set(atoms.get_chemical_symbols())
    cutoffs = {pair: length for pair, length in POLYANION_BONDS_ANGSTROM.items() if set(pair) <= present}
    if not cutoffs:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.int64)
    first, second, images = neighbor_list("ijS", atoms, cutoffs)
    return np.asarray(first, np.int64), np.asarray(second, np.int64), np.asarray(images, np.int64)


def formal_charges(atoms: Atoms, given: Mapping[str, float] | None = None) -> NDArray[np.float64]:
    """Charge of every atom of a crystal; they add up to zero.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    given : mapping of float, e
        Charges by element that replace the usual ones.

    Returns
    -------
    (n_atoms,) float array, e
        In the order of the atoms.

    Raises
    ------
    StructureError
        If the charges do not balance; see `chemistry.site_charges` for the rules.
    """
    first, second, _ = polyanion_bonds(atoms)
    return site_charges(atoms.get_chemical_symbols(), first, second, given)


def whole_units(atoms: Atoms) -> tuple[Unit, ...]:
    """Every atom and every polyanion of a crystal once, polyanions put together.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal, periodic.

    Returns
    -------
    tuple of Unit
        In the order of their first atoms.

    Examples
    --------
    >>> from ase import Atoms
    >>> pair = Atoms("S2", scaled_positions=[[0, 0, 0.1], [0, 0, 0.9]], cell=[10, 10, 10], pbc=True)
    >>> [unit.offsets.tolist() for unit in whole_units(pair)]
    [[[0, 0, 0], [0, 0, -1]]]
    """
    first, second, images = polyanion_bonds(atoms)
    neighbors: list[list[tuple[int, NDArray[np.int64]]]] = [[] for _ in atoms]
    for i, j, image in zip(first.tolist(), second.tolist(), images, strict=True):
        neighbors[i].append((j, image))
    placed: dict[int, NDArray[np.int64]] = {}
    units = []
    for start in range(len(atoms)):
        if start in placed:
            continue
        placed[start] = np.zeros(3, dtype=np.int64)
        members, periods = [start], []
        for atom in members:  # grows while it is walked through
            for other, image in neighbors[atom]:
                offset = placed[atom] + image
                if other not in placed:
                    placed[other] = offset
                    members.append(other)
                elif (placed[other] != offset).any():
                    periods.append(offset - placed[other])
        offsets = np.array([placed[atom] for atom in members])
        units.append(Unit(np.array(members), offsets, np.array(periods, dtype=np.int64).reshape(-1, 3)))
    return tuple(units)


def units_together(
    atoms: Atoms, units: Sequence[Unit], basis: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Fractional positions in which polyanions are whole, each in the period of its mean height.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal, periodic.
    units : sequence of Unit
        Of `whole_units`.
    basis : (3, 3) int array or None
        Rows are the lattice vectors to use, in units of the cell's; the cell itself when left out.

    Returns
    -------
    fractional : (n_atoms, 3) float array
        In units of the basis.
    heights : (n_units,) float array
        Mean of each unit along the third vector, from 0 to 1.
    unit_of_atom : (n_atoms,) int array
        Number of each atom's unit.
    """
    inverse = np.eye(3) if basis is None else np.linalg.inv(basis)
    fractional = np.empty((len(atoms), 3))
    heights = np.empty(len(units))
    unit_of_atom = np.empty(len(atoms), dtype=np.int64)
    scaled = atoms.get_scaled_positions(wrap=False)
    for number, unit in enumerate(units):
        whole = (scaled[unit.indices] + unit.offsets) @ inverse
        heights[number] = whole[:, 2].mean()
        whole[:, 2] -= np.floor(heights[number])
        fractional[unit.indices] = whole
        unit_of_atom[unit.indices] = number
    return fractional, heights - np.floor(heights), unit_of_atom
