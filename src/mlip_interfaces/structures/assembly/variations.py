"""Variations of a structure: displacements, strain, shifted layers, vacancies, scrambled and packed atoms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from mlip_interfaces.chemistry import TOO_CLOSE_SHARE, covalent_radii, has_short_contact
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.defects.composition import layer_mask
from mlip_interfaces.structures.glass.packing import packed


def perturb(
    atoms: Atoms,
    n_copies: int,
    *,
    displacement_angstrom: float,
    cell_strain: float,
    seed: int,
    shortest_factor: float = TOO_CLOSE_SHARE,
) -> list[Atoms]:
    """Rattled and strained copies without too-short contacts.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    n_copies : int
        How many.
    displacement_angstrom : float, angstrom
        Standard deviation of each Cartesian displacement.
    cell_strain : float
        The six components of a symmetric strain are uniform in plus or minus this.
    seed : int
        Of displacements and strains.
    shortest_factor : float
        A copy with a contact below this share of the sum of covalent radii is drawn again.

    Returns
    -------
    list of ase.Atoms
        The copies.

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
            if not has_short_contact(copy, shortest_factor):
                copies.append(copy)
                break
        else:
            raise StructureError(
                f"No copy of {atoms.get_chemical_formula()} displaced by {displacement_angstrom:g} angstrom is free of "
                "short contacts; lower displacement_angstrom or cell_strain."
            )
    return copies


def shift_layers(
    atoms: Atoms,
    n_copies: int,
    *,
    lateral_angstrom: float,
    vertical_angstrom: float,
    seed: int,
    shortest_factor: float = TOO_CLOSE_SHARE,
) -> list[Atoms]:
    """Copies of an interface with each layer moved rigidly against the lowest one.

    Parameters
    ----------
    atoms : ase.Atoms
        With the array ``layer_id``.
    n_copies : int
        How many.
    lateral_angstrom : float, angstrom
        Each layer moves along x and along y by up to this, either way.
    vertical_angstrom : float, angstrom
        Each layer moves along z by up to this; the cell stays, so that one gap opens as another closes.
    seed : int
        Of the shifts.
    shortest_factor : float
        A copy with a contact below this share of the sum of covalent radii is drawn again.

    Returns
    -------
    list of ase.Atoms
        The copies, in the cell of the interface.

    Raises
    ------
    StructureError
        If there are no two layers, or no acceptable copy is found in a hundred draws.
    """
    labels = atoms.arrays.get("layer_id")
    ids = [] if labels is None else sorted(set(labels.tolist()))
    if len(ids) < 2:
        raise StructureError(f"{atoms.get_chemical_formula()} has no two layers to shift against each other.")
    rng = np.random.default_rng(seed)
    limits = np.array([lateral_angstrom, lateral_angstrom, vertical_angstrom])
    copies: list[Atoms] = []
    for _ in range(n_copies):
        for _attempt in range(100):
            copy = atoms.copy()
            for number in ids[1:]:
                copy.positions[labels == number] += rng.uniform(-limits, limits)
            if not has_short_contact(copy, shortest_factor):
                copies.append(copy)
                break
        else:
            raise StructureError(
                f"No copy of {atoms.get_chemical_formula()} with its layers shifted by {lateral_angstrom:g} and "
                f"{vertical_angstrom:g} angstrom is free of short contacts; lower vertical_angstrom or lateral_angstrom."
            )
    return copies


def vacancy_samples(
    atoms: Atoms, n_copies: int, *, element: str, n_removed: int, seed: int, layer: str | None = None
) -> list[Atoms]:
    """Copies that lack a few atoms of an element, other ones in each.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    n_copies : int
        How many; fewer where there are not that many choices.
    element : str
        What is taken out.
    n_removed : int
        How many atoms of it.
    seed : int
        Which atoms.
    layer : str or None
        Only from this layer.

    Returns
    -------
    list of ase.Atoms
        The copies, no two of which lack the same atoms.

    Raises
    ------
    StructureError
        If there are not that many atoms.
    """
    candidates = np.flatnonzero((np.array(atoms.get_chemical_symbols()) == element) & layer_mask(atoms, layer))
    if not 0 < n_removed <= candidates.size:
        raise StructureError(
            f"{n_removed} {element} atoms cannot be taken out of {candidates.size}; give a number from 1 to {candidates.size}."
        )
    rng = np.random.default_rng(seed)
    choices: dict[tuple[int, ...], None] = {}
    for _ in range(20 * n_copies):
        if len(choices) == min(n_copies, math.comb(candidates.size, n_removed)):
            break
        choices[tuple(sorted(rng.choice(candidates, n_removed, replace=False).tolist()))] = None
    return [atoms[np.setdiff1d(np.arange(len(atoms)), removed)] for removed in choices]


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
    elements : sequence of str
        The type map; atoms come in its order.
    n_copies : int
        How many structures.
    atoms_per_element : int
        Of each element.
    volume_per_atom_angstrom3 : float, angstrom^3
        Sets the cubic cell.
    shortest_factor : (2,) tuple of float
        No contact below this share of the sum of covalent radii; from the first to the last structure it goes evenly
        from one bound to the other, so that walls are seen from their foot upwards.
    seed : int
        Of the places.

    Returns
    -------
    list of ase.Atoms
        Periodic structures in a cubic cell.

    Raises
    ------
    StructureError
        If the atoms do not fit.
    """
    rng = np.random.default_rng(seed)
    symbols = [symbol for symbol in elements for _ in range(atoms_per_element)]
    radii = covalent_radii(symbols)
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


def packed_cells(
    counts: Mapping[str, int], n_copies: int, *, volume_per_atom_angstrom3: tuple[float, float], seed: int
) -> list[Atoms]:
    """Cubic cells of one composition packed at random, as amorphous layers begin their melt.

    Parameters
    ----------
    counts : mapping of str to int
        Atoms of each element; they come in its order.
    n_copies : int
        How many cells.
    volume_per_atom_angstrom3 : (2,) tuple of float, angstrom^3
        Of the first and the last cell; those between go evenly from one to the other.
    seed : int
        Of the places.

    Returns
    -------
    list of ase.Atoms
        Periodic; as far as no contact is too short they are as random as the room allows.

    Raises
    ------
    StructureError
        If the atoms do not fit.

    Examples
    --------
    >>> first, last = packed_cells({"Li": 8, "S": 4}, 2, volume_per_atom_angstrom3=(16.0, 20.0), seed=1)
    >>> round(first.get_volume()), round(last.get_volume()), last.get_chemical_formula()
    (192, 240, 'Li8S4')
    """
    n_atoms = sum(counts.values())
    volumes = np.linspace(*volume_per_atom_angstrom3, n_copies).tolist()
    return [
        packed(np.eye(3) * (n_atoms * volume) ** (1 / 3), counts, seed=seed + number)
        for number, volume in enumerate(volumes)
    ]
