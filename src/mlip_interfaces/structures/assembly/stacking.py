"""Layers on top of one another, with gaps set by the contacts of their atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from mlip_interfaces.chemistry import worst_contact
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.assembly.gaps import first_contact, lowest_registry, relax_gaps


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer to stack.

    Attributes
    ----------
    name : str
        Kept on each atom.
    atoms : ase.Atoms
        The slab; rows of its cell a = (ax, 0, 0), b = (bx, by, 0), c = (0, 0, thickness).
    """

    name: str
    atoms: Atoms


def stack(
    layers: Sequence[Layer],
    *,
    relax: bool = True,
    registry: Literal["as-cut", "lowest"] = "as-cut",
    vacuum_angstrom: float = 0.0,
) -> Atoms:
    """Layers bottom to top: a periodic superlattice, or a slab with vacuum above it.

    Each layer is lowered onto what lies below until the first pair of atoms is at its contact distance, laterally
    periodic; the height of the cell is set in the same way by the first layer's image above the last. A short
    minimisation then closes the gaps (see the module `gaps`).

    Parameters
    ----------
    layers : sequence of Layer
        Slabs on one lateral cell.
    relax : bool
        Whether gaps are relaxed.
    registry : {'as-cut', 'lowest'}
        ``lowest`` also moves each layer sideways, to the lowest contact energy on the one below.
    vacuum_angstrom : float, angstrom
        Above the last layer; 0 closes the superlattice.

    Returns
    -------
    atoms : ase.Atoms
        With per-atom arrays ``layer`` (name) and ``layer_id`` (position in the stack).

    Raises
    ------
    StructureError
        If two atoms are closer than 0.7 of the sum of their covalent radii, which a layer brings with it.
    """
    lateral = np.asarray(layers[0].atoms.cell)[:2, :2]
    placed = layers[0].atoms.copy()
    below = layers[0].atoms
    for layer in layers[1:]:
        upper = layer.atoms.copy()
        if registry == "lowest":
            upper.positions[:, :2] += lowest_registry(below, upper, lateral)
        upper.positions[:, 2] += first_contact(placed, upper, lateral)
        placed += upper
        below = upper
    sizes = [len(layer.atoms) for layer in layers]
    layer_id = np.repeat(np.arange(len(layers)), sizes)
    cell = np.zeros((3, 3))
    cell[:2, :2] = lateral
    cell[2, 2] = first_contact(placed, placed, lateral)
    placed.set_cell(cell)
    placed.pbc = True
    if relax:
        placed = relax_gaps(placed, layer_id, periodic=vacuum_angstrom == 0.0)
    if vacuum_angstrom > 0.0:
        cell[2, 2] = float(np.ptp(placed.positions[:, 2])) + vacuum_angstrom
        placed.set_cell(cell)
    placed.arrays["layer"] = np.repeat([layer.name for layer in layers], sizes)
    placed.arrays["layer_id"] = layer_id
    # Atoms that gave way downwards at the bottom stay with their layer.
    placed.positions[:, 2] -= placed.positions[:, 2].min()
    placed.wrap(eps=1e-9)
    _refuse_close_contacts(placed)
    return placed


def _refuse_close_contacts(atoms: Atoms) -> None:
    worst = worst_contact(atoms)
    if worst:
        raise StructureError(
            f"{worst.first} and {worst.second} are {worst.distance_angstrom:.2f} angstrom apart in the stacked model; a layer was cut or quenched badly, choose another plane or seed."
        )
