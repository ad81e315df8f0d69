"""Variations of a structure: vacancies, displacements, strain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from mlip_interfaces.errors import StructureError


def remove_atoms(atoms: Atoms, element: str, fraction: float, *, seed: int) -> Atoms:
    """Remove round(fraction x N) atoms of an element at random.

    Raises
    ------
    StructureError
        If the fraction rounds to no atom.
    """
    candidates = np.flatnonzero(np.array(atoms.get_chemical_symbols()) == element)
    n_removed = round(fraction * candidates.size)
    if n_removed == 0:
        raise StructureError(
            f"{100 * fraction:g} % of {candidates.size} {element} atoms rounds to none; raise the fraction or the thickness."
        )
    removed = np.random.default_rng(seed).choice(candidates, n_removed, replace=False)
    kept: Atoms = atoms[np.setdiff1d(np.arange(len(atoms)), removed)]
    return kept


def perturb(
    atoms: Atoms,
    n_copies: int,
    *,
    displacement_angstrom: float,
    cell_strain: float,
    seed: int,
    shortest_factor: float = 0.7,
) -> list[Atoms]:
    """Rattled and strained copies without too-short contacts.

    Parameters
    ----------
    atoms : the structure.
    n_copies : how many.
    displacement_angstrom : standard deviation of each Cartesian displacement.
    cell_strain : the six components of a symmetric strain are uniform in plus or minus this.
    seed : of both.
    shortest_factor : a copy with a contact below this share of the sum of covalent radii is drawn again.

    Raises
    ------
    StructureError
        If no acceptable copy is found in a hundred draws.
    """
    rng = np.random.default_rng(seed)
    copies: list[Atoms] = []
    for _ in range(n_copies):
        for _attempt in range(100):
            strain = np.zeros((3, 3))
            strain[np.triu_indices(3)] = rng.uniform(-cell_strain, cell_strain, 6)
            strain = (strain + strain.T) / 2.0
            copy = atoms.copy()
            copy.set_cell(np.asarray(atoms.cell) @ (np.eye(3) + strain), scale_atoms=True)
            copy.positions += rng.normal(0.0, displacement_angstrom, (len(copy), 3))
            if not _too_close(copy, shortest_factor):
                copies.append(copy)
                break
        else:
            raise StructureError(
                f"No copy of {atoms.get_chemical_formula()} displaced by {displacement_angstrom:g} angstrom is free of "
                "short contacts; lower displacement_angstrom or cell_strain."
            )
    return copies


def scrambled(
    elements: Sequence[str],
    n_copies: int,
    *,
    atoms_per_element: int,
    volume_per_atom_angstrom3: float,
    shortest_factor: tuple[float, float],
    seed: int,
) -> list[Atoms]:
    """Atoms of all elements at random places: every pair of elements meets, also those a crystal keeps apart.

    A potential that has never seen two elements close to each other may find them attractive without end; these
    structures teach it the wall.

    Parameters
    ----------
    elements : the type map; atoms come in its order.
    n_copies : how many structures.
    atoms_per_element : of each element.
    volume_per_atom_angstrom3 : sets the cubic cell.
    shortest_factor : no contact below this share of the sum of covalent radii; from the first to the last structure it
        goes evenly from one bound to the other, so that walls are seen from their foot upwards.
    seed : of the places.

    Raises
    ------
    StructureError
        If the atoms do not fit.
    """
    rng = np.random.default_rng(seed)
    symbols = [symbol for symbol in elements for _ in range(atoms_per_element)]
    radii = covalent_radii[Atoms(symbols).numbers]
    length = (len(symbols) * volume_per_atom_angstrom3) ** (1 / 3)
    copies = []
    for factor in np.linspace(*shortest_factor, n_copies).tolist():
        positions = np.full((len(symbols), 3), np.nan)
        # Large atoms find a place first.
        for index in np.argsort(-radii, kind="stable"):
            for _attempt in range(5000):
                place = rng.uniform(0, length, 3)
                difference = positions - place
                difference -= length * np.round(difference / length)
                distance = np.linalg.norm(difference, axis=1)
                if not (distance < factor * (radii + radii[index])).any():
                    positions[index] = place
                    break
            else:
                raise StructureError(
                    f"{len(symbols)} atoms do not fit {volume_per_atom_angstrom3:g} angstrom^3 each at {factor:g} of "
                    "their covalent radii; raise the volume or lower shortest_factor."
                )
        copies.append(Atoms(symbols, positions=positions, cell=[length] * 3, pbc=True))
    return copies


def minimum_distances(atoms: Atoms, elements: Sequence[str], cutoff_angstrom: float = 6.0) -> dict[str, float]:
    """Shortest distance of each pair of elements within the cutoff, angstrom; keys as in ``Li-O``, type-map order."""
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


def _too_close(atoms: Atoms, factor: float) -> bool:
    radii = covalent_radii[atoms.numbers]
    first, second, distance = neighbor_list("ijd", atoms, 2.0 * factor * float(radii.max()))
    return bool((distance < factor * (radii[first] + radii[second])).any())
