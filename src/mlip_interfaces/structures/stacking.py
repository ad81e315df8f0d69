"""Layers on top of one another, with gaps set by the first contact of their atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError

# Shannon radii of the ions as they stand in these solids, angstrom; phosphorus is given its size in a PS4 unit.
IONIC_RADII: dict[str, float] = {
    "Li": 0.76,
    "Co": 0.55,
    "P": 1.1,
    "O": 1.40,
    "F": 1.33,
    "S": 1.84,
    "Cl": 1.81,
}
CATIONS = frozenset({"Li", "Co", "P"})
CATION_CATION_ANGSTROM = 2.6
ANION_ANION_FACTOR = 0.85
"""Anions touch closer than the sum of their radii in dense packings such as LiF (2.85 of 2.66) and Li2S."""

SHORTEST_FACTOR = 0.7
"""No contact below this share of the sum of covalent radii."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer to stack.

    Attributes
    ----------
    name : kept on each atom.
    atoms : the slab; rows of its cell a = (ax, 0, 0), b = (bx, by, 0), c = (0, 0, thickness).
    """

    name: str
    atoms: Atoms


def contact_distance(first: str, second: str) -> float:
    """Closest distance at which atoms of two layers are placed, angstrom.

    Cation and anion: the sum of their ionic radii; two anions: 0.85 of it; two cations: 2.6 angstrom; elements
    without a radius here: the sum of the covalent radii.
    """
    if first not in IONIC_RADII or second not in IONIC_RADII:
        return float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])
    total = IONIC_RADII[first] + IONIC_RADII[second]
    n_cations = (first in CATIONS) + (second in CATIONS)
    if n_cations == 2:
        return CATION_CATION_ANGSTROM
    return total if n_cations == 1 else ANION_ANION_FACTOR * total


def stack(layers: Sequence[Layer]) -> Atoms:
    """Periodic superlattice of layers, bottom to top.

    Each layer is lowered onto what lies below until the first pair of atoms is at its contact distance, laterally
    periodic; the height of the cell is set in the same way by the first layer's image above the last.

    Returns
    -------
    atoms : with per-atom arrays ``layer`` (name) and ``layer_id`` (position in the stack).

    Raises
    ------
    StructureError
        If two atoms are closer than 0.7 of the sum of their covalent radii, which a layer brings with it.
    """
    lateral = np.asarray(layers[0].atoms.cell)[:2, :2]
    placed = layers[0].atoms.copy()
    names, ids = [layers[0].name] * len(placed), [0] * len(placed)
    for number, layer in enumerate(layers[1:], start=1):
        upper = layer.atoms.copy()
        upper.positions[:, 2] += _lift(placed, upper, lateral)
        placed += upper
        names += [layer.name] * len(upper)
        ids += [number] * len(upper)
    cell = np.zeros((3, 3))
    cell[:2, :2] = lateral
    cell[2, 2] = _lift(placed, placed, lateral)
    placed.set_cell(cell)
    placed.pbc = True
    placed.arrays["layer"] = np.array(names)
    placed.arrays["layer_id"] = np.array(ids)
    placed.wrap(eps=1e-9)
    _refuse_close_contacts(placed)
    return placed


def _lift(lower: Atoms, upper: Atoms, lateral: NDArray[np.float64]) -> float:
    """Smallest upward shift of `upper` that keeps every pair at its contact distance, angstrom."""
    symbols = sorted(set(lower.get_chemical_symbols()) | set(upper.get_chemical_symbols()))
    table = np.array([[contact_distance(a, b) for b in symbols] for a in symbols])
    index = {symbol: i for i, symbol in enumerate(symbols)}
    kinds = [np.array([index[s] for s in atoms.get_chemical_symbols()]) for atoms in (lower, upper)]
    contact = table[kinds[0][:, None], kinds[1][None, :]]
    shift = -np.inf
    images = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ lateral
    for image in images:
        difference = upper.positions[None, :, :2] + image - lower.positions[:, None, :2]
        vertical2 = contact**2 - (difference**2).sum(axis=2)
        first, second = np.nonzero(vertical2 > 0)
        needed = lower.positions[first, 2] + np.sqrt(vertical2[first, second]) - upper.positions[second, 2]
        shift = max(shift, float(needed.max(initial=-np.inf)))
    if not np.isfinite(shift):
        # No atom lies above another: the slabs interlock freely; put one on top of the other.
        shift = float(lower.positions[:, 2].max() - upper.positions[:, 2].min()) + CATION_CATION_ANGSTROM
    return shift


def _refuse_close_contacts(atoms: Atoms) -> None:
    radii = covalent_radii[atoms.numbers]
    first, second, distance = neighbor_list("ijd", atoms, 2.0 * SHORTEST_FACTOR * float(radii.max()))
    close = distance < SHORTEST_FACTOR * (radii[first] + radii[second])
    if close.any():
        worst = np.flatnonzero(close)[np.argmin(distance[close])]
        symbols = atoms.get_chemical_symbols()
        raise StructureError(
            f"{symbols[first[worst]]} and {symbols[second[worst]]} are {distance[worst]:.2f} angstrom apart in the "
            "stacked model; a layer was cut or quenched badly, choose another plane or seed."
        )
