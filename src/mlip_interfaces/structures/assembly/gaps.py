r"""Gaps between layers: first contact, the lowest lateral registry, a short constrained minimisation.

The energy is a model of touching ions, in units of one cation-anion contact,

.. math:: E = \sum_{ij} \varphi(d_0/d) + \frac{K}{2} \sum_i u_i^2 + \frac{k}{2} \sum_{ij} (n_{ij} \cdot (u_j - u_i))^2,
   \qquad \varphi(x) = x^{12} - 2 x^6

The first sum is over pairs of different layers with contact distance :math:`d_0`; pairs that do not attract each other feel
:math:`\varphi + 1` closer than :math:`d_0` and nothing beyond. Displacements :math:`u` from the places in the layer are
held back by :math:`K`, changes of the bonds within a layer, of direction :math:`n`, by :math:`k`. It sets where MD begins;
it knows nothing of the chemistry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import CATION_CATION_ANGSTROM, attract, layer_contact

Array = NDArray[np.float64]

REACH_ANGSTROM = 6.0
"""Pairs further apart do not count; no contact distance is longer."""

RESTRAINT_PER_ANGSTROM2 = 10.0
"""A displacement of 0.45 angstrom costs one contact."""

BOND_PER_ANGSTROM2 = 100.0
"""A bond that is 0.14 angstrom off costs one contact."""

BOND_ANGSTROM = 3.0
"""Pairs of one layer up to this distance count as bonds."""

REGISTRY_STEP_ANGSTROM = 1.0
"""Coarsest step of the search for the lowest lateral registry."""


@dataclass(frozen=True, slots=True)
class _PairTable:
    """Contact distance and attraction of each pair of kinds, shape (n_kinds, n_kinds)."""

    kinds: dict[str, int]
    contact: Array
    bound: NDArray[np.bool_]

    @classmethod
    def of(cls, symbols: Sequence[str]) -> _PairTable:
        names = sorted(set(symbols))
        return cls(
            {name: i for i, name in enumerate(names)},
            np.array([[layer_contact(a, b) for b in names] for a in names]),
            np.array([[attract(a, b) for b in names] for a in names]),
        )

    def kind_of(self, atoms: Atoms) -> NDArray[np.int64]:
        return np.array([self.kinds[symbol] for symbol in atoms.get_chemical_symbols()], dtype=np.int64)


def first_contact(lower: Atoms, upper: Atoms, lateral: Array) -> float:
    """Smallest upward shift of `upper` that keeps every pair at its contact distance.

    Parameters
    ----------
    lower, upper : ase.Atoms
        Slabs.
    lateral : (2, 2) float array, angstrom
        Lateral cell.

    Returns
    -------
    float, angstrom
        Negative where the upper slab must come down.
    """
    table = _PairTable.of(lower.get_chemical_symbols() + upper.get_chemical_symbols())
    kinds = table.kind_of(lower), table.kind_of(upper)
    contact = table.contact[kinds[0][:, None], kinds[1][None, :]]
    shift = -np.inf
    for image in _lateral_images(lateral, float(table.contact.max())):
        difference = upper.positions[None, :, :2] + image - lower.positions[:, None, :2]
        vertical2 = contact**2 - (difference**2).sum(axis=2)
        first, second = np.nonzero(vertical2 > 0)
        needed = lower.positions[first, 2] + np.sqrt(vertical2[first, second]) - upper.positions[second, 2]
        shift = max(shift, float(needed.max(initial=-np.inf)))
    if not np.isfinite(shift):
        # No atom lies above another: the slabs interlock freely; put one on top of the other.
        shift = float(lower.positions[:, 2].max() - upper.positions[:, 2].min()) + CATION_CATION_ANGSTROM
    return shift


def relax_gaps(atoms: Atoms, layer_id: NDArray[np.int64], *, periodic: bool, n_steps: int = 200) -> Atoms:
    """Close the gaps of a stack: layers move along z, atoms give way a little.

    Parameters
    ----------
    atoms : ase.Atoms
        The stack at first contact, cell rows a and b in the xy-plane, c = (0, 0, height).
    layer_id : (n_atoms,) int array
        Position of each atom's layer in the stack, from 0.
    periodic : bool
        Whether the last layer meets the first one again; the height of the cell then follows.
    n_steps : int
        Of the L-BFGS minimisation at most.

    Returns
    -------
    relaxed : ase.Atoms
        A copy with the new places and height.
    """
    from scipy.optimize import minimize

    pairs = _cross_pairs(atoms, layer_id, periodic=periodic)
    bond_first, bond_second, direction = _bonds(atoms, layer_id)
    n_atoms, n_layers = len(atoms), int(layer_id.max()) + 1
    n_heights = n_layers if periodic else n_layers - 1

    def energy(variables: Array) -> tuple[float, Array]:
        # Heights of layers 1, 2, ... over the first, the last one being that of the cell.
        heights, u = variables[:n_heights], variables[n_heights:].reshape(n_atoms, 3)
        rise = np.concatenate([[0.0], heights])
        vectors = pairs.vectors + u[pairs.second] - u[pairs.first]
        vectors[:, 2] += rise[layer_id[pairs.second]] - rise[layer_id[pairs.first]]
        if periodic:
            vectors[:, 2] += pairs.n_up * heights[-1]
        value, force = _contact_energy(vectors, pairs)
        gradient_u = RESTRAINT_PER_ANGSTROM2 * u
        np.add.at(gradient_u, pairs.second, force)
        np.add.at(gradient_u, pairs.first, -force)
        gradient_rise = np.bincount(layer_id[pairs.second], force[:, 2], n_layers) - np.bincount(
            layer_id[pairs.first], force[:, 2], n_layers
        )
        gradient = gradient_rise[1:]
        if periodic:
            gradient = np.append(gradient, force[:, 2] @ pairs.n_up)
        stretch = ((u[bond_second] - u[bond_first]) * direction).sum(axis=1)
        tension = BOND_PER_ANGSTROM2 * stretch[:, None] * direction
        np.add.at(gradient_u, bond_second, tension)
        np.add.at(gradient_u, bond_first, -tension)
        value += 0.5 * RESTRAINT_PER_ANGSTROM2 * float((u * u).sum()) + 0.5 * BOND_PER_ANGSTROM2 * float(
            stretch @ stretch
        )
        return value, np.concatenate([gradient, gradient_u.ravel()])

    found = minimize(
        energy,
        np.zeros(n_heights + 3 * n_atoms),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": n_steps, "ftol": 1e-9},
    )
    heights, u = found.x[:n_heights], found.x[n_heights:].reshape(n_atoms, 3)
    relaxed = atoms.copy()
    relaxed.positions += u
    relaxed.positions[:, 2] += np.concatenate([[0.0], heights])[layer_id]
    if periodic:
        cell = np.asarray(atoms.cell).copy()
        cell[2, 2] += heights[-1]
        relaxed.set_cell(cell)
    return relaxed


def lowest_registry(lower: Atoms, upper: Atoms, lateral: Array) -> Array:
    """Lateral shift of a layer with the lowest contact energy at its best height, layers rigid.

    Parameters
    ----------
    lower, upper : ase.Atoms
        Slabs; the upper one moves.
    lateral : (2, 2) float array, angstrom
        Lateral cell.

    Returns
    -------
    (2,) float array, angstrom
        Of the upper layer along x and y.

    Notes
    -----
    Here pairs that do not attract each other repel at every distance, as :math:`(d_0/d)^{12}`: sideways, ions of one sign
    avoid each other. A grid over the lateral cell, refined by the simplex method.
    """
    from scipy.optimize import minimize

    surface_lower = lower[lower.positions[:, 2] > lower.positions[:, 2].max() - REACH_ANGSTROM]
    surface_upper = upper[upper.positions[:, 2] < upper.positions[:, 2].min() + REACH_ANGSTROM]

    def energy(fractions: Array) -> float:
        moved = surface_upper.copy()
        moved.positions[:, :2] += fractions @ lateral
        return _lowest_rigid_energy(surface_lower, moved, lateral)

    lengths = np.linalg.norm(lateral, axis=1)
    counts = np.clip(np.ceil(lengths / REGISTRY_STEP_ANGSTROM).astype(int), 1, 12)
    grid = [np.array([i / counts[0], j / counts[1]]) for i in range(counts[0]) for j in range(counts[1])]
    start = min(grid, key=energy)
    simplex = start + np.array([[0.0, 0.0], [0.5 / counts[0], 0.0], [0.0, 0.5 / counts[1]]])
    options: Any = {"initial_simplex": simplex, "xatol": 2e-3, "fatol": 1e-3, "maxfev": 60}
    found = minimize(energy, start, method="Nelder-Mead", options=options)
    return np.asarray(found.x @ lateral, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of different layers: atoms, vectors from first to second, cells that the second is above, contact, attraction."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    vectors: Array
    n_up: Array
    contact: Array
    bound: NDArray[np.bool_]


def _cross_pairs(atoms: Atoms, layer_id: NDArray[np.int64], *, periodic: bool) -> _Pairs:
    # Layers approach by a contact distance at most: the list holds what can come within reach.
    from ase.neighborlist import primitive_neighbor_list

    first, second, vectors, shifts = primitive_neighbor_list(
        "ijDS", (True, True, periodic), np.asarray(atoms.cell), atoms.positions, REACH_ANGSTROM + 1.0
    )
    n_up = shifts[:, 2].astype(np.float64)
    # Each pair once: its second atom is in a higher layer or a cell above.
    place = n_up * (layer_id.max() + 1) + layer_id[second] - layer_id[first]
    chosen = place > 0
    table = _PairTable.of(atoms.get_chemical_symbols())
    kinds = table.kind_of(atoms)
    first, second = first[chosen], second[chosen]
    return _Pairs(
        first, second, vectors[chosen], n_up[chosen], table.contact[kinds[first], kinds[second]],
        table.bound[kinds[first], kinds[second]],
    )  # fmt: skip


def _bonds(atoms: Atoms, layer_id: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Bonds within layers, each once: first atom, second atom, unit vector."""
    from ase.neighborlist import primitive_neighbor_list

    first, second, vectors, distance = primitive_neighbor_list(
        "ijDd", (True, True, False), np.asarray(atoms.cell), atoms.positions, BOND_ANGSTROM
    )
    chosen = (first < second) & (layer_id[first] == layer_id[second])
    return first[chosen], second[chosen], vectors[chosen] / distance[chosen, None]


def _contact_energy(vectors: Array, pairs: _Pairs) -> tuple[float, Array]:
    """Energy, and its derivative by the vector of each pair, shape (n_pairs, 3)."""
    squared = (vectors * vectors).sum(axis=1)
    sixth = (pairs.contact**2 / squared) ** 3
    sixth[squared > REACH_ANGSTROM**2] = 0.0
    factor = np.where(pairs.bound | (sixth > 1.0), 12.0 * (sixth - sixth * sixth), 0.0) / squared
    attractive = sixth * sixth - 2.0 * sixth
    value = np.where(pairs.bound, attractive, np.where(sixth > 1.0, attractive + 1.0, 0.0)).sum()
    return float(value), factor[:, None] * vectors


def _lowest_rigid_energy(lower: Atoms, upper: Atoms, lateral: Array) -> float:
    """Lowest contact energy over heights around first contact."""
    table = _PairTable.of(lower.get_chemical_symbols() + upper.get_chemical_symbols())
    kinds = table.kind_of(lower), table.kind_of(upper)
    height = first_contact(lower, upper, lateral)
    energies = np.zeros(12)
    for image in _lateral_images(lateral, REACH_ANGSTROM):
        difference = upper.positions[None, :, :2] + image - lower.positions[:, None, :2]
        across = (difference**2).sum(axis=2)
        first, second = np.nonzero(across < REACH_ANGSTROM**2)
        contact, bound = (values[kinds[0][first], kinds[1][second]] for values in (table.contact, table.bound))
        vertical = upper.positions[second, 2] - lower.positions[first, 2] + height
        for number, rise in enumerate(np.linspace(-0.3, 0.8, energies.size)):
            squared = across[first, second] + (vertical + rise) ** 2
            sixth = np.where(squared < REACH_ANGSTROM**2, (contact**2 / squared) ** 3, 0.0)
            energies[number] += float((sixth * sixth - 2.0 * bound * sixth).sum())
    return float(energies.min())


def _lateral_images(lateral: Array, reach_angstrom: float) -> Array:
    """Lattice shifts that bring any image of a wrapped atom within the reach, shape (n, 2)."""
    area = abs(float(np.linalg.det(lateral)))
    counts = [int(np.ceil(reach_angstrom * np.linalg.norm(lateral[1 - k]) / area)) + 1 for k in (0, 1)]
    steps = np.array([(i, j) for i in range(-counts[0], counts[0] + 1) for j in range(-counts[1], counts[1] + 1)])
    return np.asarray(steps @ lateral, dtype=np.float64)
