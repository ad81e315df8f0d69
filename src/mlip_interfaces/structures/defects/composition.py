"""Composition of a layer: random vacancies, and LiCoO2 at partial lithiation."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import extreme_charge
from mlip_interfaces.errors import StructureError

N_DESCENTS = 20
"""Samples of lowest energy that are improved by exchanges."""


@dataclass(frozen=True, slots=True)
class PartialLithiation:
    """A structure at partial lithiation.

    Attributes
    ----------
    atoms : ase.Atoms
        Without the removed lithium.
    x : float
        Lithium per host atom, as made.
    n_removed : int
        Lithium atoms taken out.
    host_charge : float, e
        Formal charge of each host atom that balances the rest.
    ewald_energy_ev : float, eV, or None
        Of the arrangement; None for a random one.
    n_sampled : int
        Arrangements whose energy was looked at.
    """

    atoms: Atoms
    x: float
    n_removed: int
    host_charge: float
    ewald_energy_ev: float | None
    n_sampled: int


def remove_atoms(atoms: Atoms, element: str, fraction: float, *, seed: int, layer: str | None = None) -> Atoms:
    """Remove round(fraction x N) atoms of an element at random.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, or one layer of it.
    element : str
        Whose atoms go.
    fraction : float
        Of N, the atoms of that element (in the layer).
    seed : int
        Which atoms.
    layer : str or None
        Only of this layer (per-atom array ``layer``).

    Returns
    -------
    ase.Atoms
        A copy without them.

    Raises
    ------
    StructureError
        If the fraction rounds to no atom or is no fraction, or there is no such layer.
    """
    candidates = _of_element(atoms, element, layer)
    if not 0.0 <= fraction <= 1.0:
        raise StructureError(f"A fraction of {fraction:g} of the {element} atoms is not between 0 and 1.")
    n_removed = round(fraction * candidates.size)
    if n_removed == 0:
        raise StructureError(
            f"{100 * fraction:g} % of {candidates.size} {element} atoms rounds to none; raise the fraction or the thickness."
        )
    return _without(atoms, np.random.default_rng(seed).choice(candidates, n_removed, replace=False))


def delithiate(
    atoms: Atoms,
    x: float,
    *,
    seed: int,
    arrangement: Literal["random", "ordered"] = "random",
    layer: str | None = None,
    host: str = "Co",
    guest: str = "Li",
    n_samples: int = 2000,
) -> PartialLithiation:
    """Take lithium out of LiCoO2 until x Li per Co are left.

    Parameters
    ----------
    atoms : ase.Atoms
        LiCoO2, or a model with a layer of it.
    x : float
        Li per Co; round(x N_Co) Li stay.
    seed : int
        Of the choice or of the samples.
    arrangement : {'random', 'ordered'}
        ``random``; or ``ordered``: the lowest Ewald energy found.
    layer : str or None
        Only of this layer; its atoms alone enter the Ewald sum, in the cell of the model.
    host, guest : str
        Co and Li, or another pair such as Ni and Li.
    n_samples : int
        Arrangements sampled; all of them where there are no more than this.

    Returns
    -------
    PartialLithiation
        What is left, and how it was chosen.

    Raises
    ------
    StructureError
        If x is not below what is there, or the layer holds no host or guest.

    Notes
    -----
    Formal charges: Li +1 and those of O and other anions fixed; every host atom takes the mean charge that makes the
    layer neutral (Co 4 - x). With charges that do not depend on the arrangement the energy is a quadratic form of the
    occupations, so that one Ewald matrix serves all samples. The best samples then go down by exchanges of a lithium and
    a vacancy until none lowers the energy.
    """
    sites, hosts = _of_element(atoms, guest, layer), _of_element(atoms, host, layer)
    where = f"layer '{layer}'" if layer else atoms.get_chemical_formula()
    if not sites.size or not hosts.size:
        raise StructureError(f"There is no {guest if not sites.size else host} in {where}.")
    n_kept = round(x * hosts.size)
    if not x >= 0.0 or n_kept >= sites.size:
        raise StructureError(
            f"{guest}_x{host} at x = {x:g} cannot be made by taking {guest} out of {where}, which has "
            f"{sites.size / hosts.size:.3g} {guest} per {host}; the nearest lower x is {(sites.size - 1) / hosts.size:.3g}."
        )
    rng = np.random.default_rng(seed)
    n_removed = sites.size - n_kept
    members = np.flatnonzero(layer_mask(atoms, layer))
    charges, host_charge = _balanced_charges(atoms[members], host, guest, n_kept)
    if arrangement == "random":
        removed = rng.choice(sites, n_removed, replace=False)
        return PartialLithiation(_without(atoms, removed), n_kept / hosts.size, n_removed, host_charge, None, 1)
    local = np.searchsorted(members, sites)
    matrix = _ewald_matrix(atoms[members])
    occupied, energy, n_sampled = _lowest(matrix, charges, local, n_kept, n_samples, rng)
    return PartialLithiation(
        _without(atoms, sites[~occupied]), n_kept / hosts.size, n_removed, host_charge, energy, n_sampled
    )


def layer_mask(atoms: Atoms, layer: str | None) -> NDArray[np.bool_]:
    """Which atoms belong to a layer; all of them without a name.

    Parameters
    ----------
    atoms : ase.Atoms
        A model with the per-atom array ``layer``; without a name any structure.
    layer : str or None
        Name of the layer.

    Returns
    -------
    (n_atoms,) bool array
        True for the atoms of the layer.

    Raises
    ------
    StructureError
        If no atom does.
    """
    if layer is None:
        return np.ones(len(atoms), dtype=bool)
    labels = atoms.arrays.get("layer")
    names = [] if labels is None else list(dict.fromkeys(labels.tolist()))
    if layer not in names:
        raise StructureError(f"There is no layer '{layer}'; the model has {', '.join(names) or 'no layers'}.")
    mask: NDArray[np.bool_] = labels == layer
    return mask


def _of_element(atoms: Atoms, element: str, layer: str | None) -> NDArray[np.int64]:
    return np.flatnonzero((np.array(atoms.get_chemical_symbols()) == element) & layer_mask(atoms, layer))


def _without(atoms: Atoms, removed: NDArray[np.int64]) -> Atoms:
    kept: Atoms = atoms[np.setdiff1d(np.arange(len(atoms)), removed)]
    return kept


def _balanced_charges(atoms: Atoms, host: str, guest: str, n_guests: int) -> tuple[NDArray[np.float64], float]:
    """Charge of each atom with the guests all present, and that of the hosts with `n_guests` of them."""
    symbols = np.array(atoms.get_chemical_symbols())
    charges = np.zeros(len(atoms))
    for symbol in set(symbols.tolist()) - {host}:
        charges[symbols == symbol] = extreme_charge(symbol)
    others = charges[(symbols != guest) & (symbols != host)].sum()
    host_charge = -(others + n_guests * charges[symbols == guest][0]) / np.count_nonzero(symbols == host)
    charges[symbols == host] = host_charge
    return charges, float(host_charge)


def _ewald_matrix(atoms: Atoms) -> NDArray[np.float64]:
    """Energy of unit charges, eV: q M q is the energy of the charges q where they sum to zero."""
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.io.ase import AseAtomsAdaptor

    bare = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
    structure = AseAtomsAdaptor.get_structure(bare)
    structure.add_oxidation_state_by_site([1.0] * len(bare))
    matrix: NDArray[np.float64] = EwaldSummation(structure).total_energy_matrix
    return matrix


def _lowest(
    matrix: NDArray[np.float64],
    charges: NDArray[np.float64],
    sites: NDArray[np.int64],
    n_kept: int,
    n_samples: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], float, int]:
    """Occupation of the sites of lowest energy, that energy (eV), and the number of samples."""
    fixed = charges.copy()
    fixed[sites] = 0.0
    guest = charges[sites[0]]
    constant = float(fixed @ matrix @ fixed)
    field = 2.0 * guest * (matrix @ fixed)[sites]
    pairs = guest**2 * matrix[np.ix_(sites, sites)]
    exhaustive = math.comb(sites.size, n_kept) <= n_samples
    if exhaustive:
        chosen = np.array(list(itertools.combinations(range(sites.size), n_kept)))
    else:
        chosen = np.argsort(rng.random((n_samples, sites.size)), axis=1)[:, :n_kept]
    chosen = chosen if n_kept else np.empty((1, 0))
    samples = np.zeros((len(chosen), sites.size))
    np.put_along_axis(samples, chosen.astype(np.int64), 1.0, axis=1)
    energies = samples @ field + np.einsum("si,ij,sj->s", samples, pairs, samples, optimize=True)
    best = np.argsort(energies, kind="stable")[: 1 if exhaustive else N_DESCENTS]
    found = [_descend(samples[index], field, pairs) for index in best]
    occupied, energy = min(found, key=lambda result: result[1])
    return occupied > 0.5, constant + energy, len(samples)


def _descend(
    occupied: NDArray[np.float64], field: NDArray[np.float64], pairs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Exchange an occupied and an empty site, always the pair that gains most, until none gains."""
    occupied = occupied.copy()
    while True:
        energy = float(occupied @ field + occupied @ pairs @ occupied)
        full, empty = np.flatnonzero(occupied > 0.5), np.flatnonzero(occupied < 0.5)
        if not full.size or not empty.size:
            return occupied, energy
        slope = field + 2.0 * pairs @ occupied
        self_energy = np.diag(pairs)
        gain = (self_energy - slope)[full][:, None] + (self_energy + slope)[empty][None, :]
        gain -= 2.0 * pairs[np.ix_(full, empty)]
        out, into = np.unravel_index(np.argmin(gain), gain.shape)
        if gain[out, into] > -1e-8:
            return occupied, energy
        occupied[full[out]], occupied[empty[into]] = 0.0, 1.0
