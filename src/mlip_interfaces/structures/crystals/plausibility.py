"""Whether a structure that was read can be one: distances and density."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from mlip_interfaces.chemistry.contacts import TOO_CLOSE_SHARE, worst_contact
from mlip_interfaces.errors import StructureError
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

IMPOSSIBLE_SHARE = 0.5
"""Two atoms of a crystal closer than this share of the sum of their covalent radii are a mistake of the file."""

_DENSEST_G_PER_CM3 = 30.0
_EMPTY_ANGSTROM3_PER_ATOM = 60.0


def is_impossible(atoms: Atoms) -> bool:
    """Whether two atoms are on each other.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic.

    Returns
    -------
    bool
        True where two are closer than half the sum of their covalent radii.
    """
    return worst_contact(atoms, IMPOSSIBLE_SHARE) is not None


def check_plausible(atoms: Atoms, what: str) -> tuple[str, ...]:
    """Refuse what cannot be a crystal and note what is doubtful.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic.
    what : str
        File or object, for messages.

    Returns
    -------
    tuple of str
        Notes in sentences, without their subject.

    Raises
    ------
    StructureError
        If it has no atoms, a position or cell is no number, two atoms are on each other, or it is denser than osmium.
    """
    if not len(atoms):
        raise StructureError(f"{what} has no atoms.")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(np.asarray(atoms.cell)).all()):
        raise StructureError(f"{what} has a position or a cell that is no number; correct the file.")
    contact = worst_contact(atoms, TOO_CLOSE_SHARE)
    if contact is not None and worst_contact(atoms, IMPOSSIBLE_SHARE) is not None:
        raise StructureError(
            f"{what} has {contact.first} and {contact.second} {contact.distance_angstrom:.3f} angstrom apart: two atoms are on "
            "each other. Check its symmetry (setting, origin), its units, and sites that are listed twice."
        )
    density = float(atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_ANGSTROM3_TO_G_PER_CM3)
    if density > _DENSEST_G_PER_CM3:
        raise StructureError(
            f"{what} would have {density:.1f} g/cm3, more than any solid; check its cell and its units."
        )
    notes = []
    if contact is not None:
        notes.append(
            f"{contact.first} and {contact.second} are {contact.distance_angstrom:.3f} angstrom apart, closer than they come in "
            "crystals"
        )
    if atoms.get_volume() / len(atoms) > _EMPTY_ANGSTROM3_PER_ATOM:
        notes.append(
            f"it has {density:.3f} g/cm3, {atoms.get_volume() / len(atoms):.0f} angstrom3 per atom: atoms are missing, or part of "
            "the cell is vacuum"
        )
    return tuple(notes)
