"""Is a layer amorphous? Peaks of the structure factor, coherence of bonds, coordination and g(r) beside the crystal's."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import anion_symbols, compound_charges, ion_contact

Array = NDArray[np.float64]
Verdict = Literal["amorphous", "confined", "crystalline"]

N_NEIGHBORS = 12
N_COHERENT = 7
COHERENT_BOND = 0.7
"""A bond is coherent when the normalised product of the Steinhardt q6 vectors of its ends is above this."""

MAX_ORDERED_SHARE = 0.5
"""A layer with more atoms than this in crystal-like surroundings (7 of 12 bonds coherent) is ordered."""

MAX_PEAK_RATIO = 0.6
"""A layer whose largest S(k)/N is above this share of the crystal's is ordered; thermal motion leaves 0.7 to 1."""

NOISE_PEAK = 30.0
"""The largest of the S(k) of a glass, by chance, over the few hundred wave vectors looked at: measured 14 to 25."""

MAX_REDUCED_WAVE = 9.0
"""Wave vectors up to this times the cube root of the number density of the sublattice: the first two shells of peaks of
fcc, hcp, bcc and simple cubic lattices (6.3 to 8.9)."""

CONFINED_SPACINGS = 3.0
"""A layer of fewer mean spacings of its sublattice than this meets its own periodic images within the second shell."""

SHELL_FACTOR = 1.3
"""Neighbours are counted up to this times the shortest distance to an anion in the crystal (Li-F: 2.62 angstrom)."""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """Order of a layer, measured on its anion sublattice.

    Attributes
    ----------
    verdict : {'amorphous', 'confined', 'crystalline'}
        ``amorphous``; ``crystalline``; or ``confined``: ordered because the layer is thinner than three spacings and
        its periodic images hold it, but not with the coordination of the crystal.
    n_sublattice : int
        Anions (all atoms of a metal).
    peak : float
        Largest S(k)/N, 1 for a perfect lattice of one atom.
    peak_indices : (3,) tuple of int
        Its h, k, l in the cell.
    crystal_peak : float or None
        The same of the crystal; None without a crystal to compare with.
    peak_threshold : float
        Above it the layer counts as ordered.
    ordered_share : float
        Atoms of the sublattice with at least 7 of 12 coherent bonds.
    coherence_mean : float
        Mean q6 coherence of all bonds of the sublattice.
    spacings : float
        Thickness over the mean spacing of the sublattice.
    coordination : dict of str to float
        Mean number of anions around each kind of cation (of any atoms in a metal).
    crystal_coordination : dict of str to float or None
        The same of the crystal.
    """

    verdict: Verdict
    n_sublattice: int
    peak: float
    peak_indices: tuple[int, int, int]
    crystal_peak: float | None
    peak_threshold: float
    ordered_share: float
    coherence_mean: float
    spacings: float
    coordination: dict[str, float]
    crystal_coordination: dict[str, float] | None

    def __str__(self) -> str:
        """The verdict with its numbers, one sentence."""
        meaning = {
            "amorphous": "amorphous",
            "confined": f"ordered by confinement ({self.spacings:.1f} spacings thick), not as the crystal",
            "crystalline": "crystalline",
        }[self.verdict]
        return (
            f"{meaning}: largest S(k)/N {self.peak:.2f} (bound {self.peak_threshold:.2f}), {100 * self.ordered_share:.0f} % "
            f"of the anions in ordered surroundings (bound {100 * MAX_ORDERED_SHARE:.0f} %)"
        )


def measure_order(atoms: Atoms, crystal: Atoms | None = None) -> OrderReport:
    """Compare a layer, periodic in all directions, with its crystal.

    Parameters
    ----------
    atoms : ase.Atoms
        The layer; c along z is its thickness.
    crystal : ase.Atoms or None
        A cell of the crystal of the same compound.

    Returns
    -------
    OrderReport
        The verdict and the numbers behind it.

    Notes
    -----
    Ordered is a layer with a Bragg peak, or with mostly coherent bonds. Peaks find lattices of any basis, but in few
    atoms noise makes peaks too: the bound is never below 30/N. Coherence (ten Wolde, Ruiz-Montero and Frenkel 1996) needs
    no size, but not every crystal has it: the anions of Li6PS5Cl have different neighbours.

    Examples
    --------
    >>> from ase.build import bulk
    >>> str(measure_order(bulk("Cu", cubic=True).repeat(3)))[:40]
    'crystalline: largest S(k)/N 1.00 (bound '
    """
    lattice = sublattice(atoms)
    share, indices = structure_factor(lattice)
    coherence = bond_coherence(lattice)
    crystal_peak = float(structure_factor(sublattice(crystal))[0].max()) if crystal is not None else None
    threshold = max(MAX_PEAK_RATIO * (crystal_peak or 1.0), NOISE_PEAK / len(lattice))
    largest = int(np.argmax(share))
    ordered_share = float(np.mean((coherence > COHERENT_BOND).sum(axis=1) >= N_COHERENT))
    spacings = float(atoms.cell[2, 2] * (len(lattice) / atoms.get_volume()) ** (1 / 3))
    coordination = coordination_numbers(atoms, crystal)
    crystal_coordination = coordination_numbers(crystal, crystal) if crystal is not None else None
    verdict: Verdict = "amorphous"
    if share[largest] > threshold or ordered_share > MAX_ORDERED_SHARE:
        like_crystal = crystal_coordination is not None and all(
            abs(coordination[symbol] - number) <= 0.5 for symbol, number in crystal_coordination.items()
        )
        verdict = "confined" if spacings < CONFINED_SPACINGS and not like_crystal else "crystalline"
    return OrderReport(
        verdict=verdict,
        n_sublattice=len(lattice),
        peak=float(share[largest]),
        peak_indices=tuple(indices[largest].tolist()),
        crystal_peak=crystal_peak,
        peak_threshold=threshold,
        ordered_share=ordered_share,
        coherence_mean=float(coherence.mean()),
        spacings=spacings,
        coordination=coordination,
        crystal_coordination=crystal_coordination,
    )


def sublattice(atoms: Atoms) -> Atoms:
    """The anions, whose lattice stays a lattice also where cations wander; all atoms of a metal.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.

    Returns
    -------
    ase.Atoms
        The atoms that `measure_order` looks at.
    """
    anions = anion_symbols(atoms.get_chemical_symbols())
    part: Atoms = atoms[[symbol in anions for symbol in atoms.get_chemical_symbols()]]
    return part


def structure_factor(atoms: Atoms) -> tuple[Array, NDArray[np.int64]]:
    """S(k)/N of all atoms alike over the reciprocal vectors of the cell, up to `MAX_REDUCED_WAVE`.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, periodic.

    Returns
    -------
    share : (n_waves,) float array
        Of each wave vector ``|sum_j exp(i k r_j)|^2 / N^2``: 1 for a Bragg peak of a lattice, about 1/N without order.
    indices : (n_waves, 3) int array
        Indices (hkl) of each wave vector, one of each pair k and -k.

    Examples
    --------
    >>> from ase.build import bulk
    >>> share, indices = structure_factor(bulk("Cu", cubic=True))
    >>> sorted(set(np.abs(indices[share > 0.5]).sum(axis=1).tolist()))  # (111) and (200)
    [2, 3]
    """
    reciprocal = 2.0 * np.pi * np.asarray(atoms.cell.reciprocal())
    longest = MAX_REDUCED_WAVE * (len(atoms) / atoms.get_volume()) ** (1 / 3)
    # |h_i| <= |k| |a_i| / 2 pi
    bounds = np.floor(longest * atoms.cell.lengths() / (2.0 * np.pi)).astype(int)
    ranges = [range(-n, n + 1) for n in bounds]
    indices = np.array([hkl for hkl in itertools.product(*ranges) if hkl > (0, 0, 0)]).reshape(-1, 3)
    indices = indices[np.linalg.norm(indices @ reciprocal, axis=1) <= longest]
    if not indices.size:
        # A cell smaller than any wave: its shortest reciprocal vectors stand for it.
        indices = np.eye(3, dtype=np.int64)
    phases = 2.0 * np.pi * indices @ atoms.get_scaled_positions(wrap=False).T
    return np.abs(np.exp(1j * phases).sum(axis=1)) ** 2 / len(atoms) ** 2, indices


def bond_coherence(atoms: Atoms) -> Array:
    """Normalised q6(i) . q6(j)* of each atom and its 12 nearest neighbours.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, periodic.

    Returns
    -------
    (n_atoms, 12) float array
        Between -1 and 1.

    Notes
    -----
    By the addition theorem the product of the q6 vectors of two atoms is the mean of the Legendre polynomial P6 over the
    angles between the bonds of one and those of the other.
    """
    neighbors, bonds = _nearest(atoms)
    norm = np.sqrt(_mean_p6(bonds, bonds))
    coherence = np.empty(neighbors.shape)
    for column in range(N_NEIGHBORS):
        other = neighbors[:, column]
        coherence[:, column] = _mean_p6(bonds, bonds[other]) / (norm * norm[other])
    return coherence


def coordination_numbers(atoms: Atoms, crystal: Atoms | None = None) -> dict[str, float]:
    """Mean number of anions around each kind of cation; of any atoms around each kind in a metal.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure whose atoms are counted.
    crystal : ase.Atoms or None
        Its shortest distance of an anion times `SHELL_FACTOR` bounds the shell of each kind; without it the sum of the
        ionic radii does.

    Returns
    -------
    dict of str to float
        By the kind of the atom in the centre.
    """
    from ase.neighborlist import neighbor_list

    symbols = np.array(atoms.get_chemical_symbols())
    anions = anion_symbols(symbols.tolist())
    centres = [symbol for symbol in dict.fromkeys(symbols.tolist()) if symbol not in anions] or sorted(anions)
    charges = compound_charges(symbols.tolist())
    is_anion = np.isin(symbols, sorted(anions))
    numbers = {}
    for centre in centres:
        nearest = _shortest(crystal, centre) or min(ion_contact(centre, other, charges) for other in anions)
        first, second = neighbor_list("ij", atoms, SHELL_FACTOR * nearest)
        around = np.count_nonzero((symbols[first] == centre) & is_anion[second])
        numbers[centre] = float(around / np.count_nonzero(symbols == centre))
    return numbers


def partial_g(
    atoms: Atoms, first: str, second: str, *, r_max_angstrom: float = 8.0, smear_angstrom: float = 0.1
) -> tuple[Array, Array]:
    """g(r) of one pair of elements in one structure, each distance smeared by a Gaussian.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, periodic.
    first, second : str
        The two elements; they may be the same.
    r_max_angstrom : float, angstrom, optional
        End of the last bin.
    smear_angstrom : float, angstrom, optional
        Standard deviation of the Gaussian.

    Returns
    -------
    r_angstrom : (n_bins,) float array, angstrom
        Middles of bins of 0.05 angstrom.
    g : (n_bins,) float array
        A crystal at rest would show needles without the smearing.
    """
    from ase.neighborlist import neighbor_list
    from scipy.ndimage import gaussian_filter1d

    width = 0.05
    # Counted a little beyond the end, where the smearing still reaches.
    n_bins, longest = round(r_max_angstrom / width), r_max_angstrom + 5.0 * smear_angstrom
    edges = np.arange(round(longest / width) + 1) * width
    symbols = np.array(atoms.get_chemical_symbols())
    i, j, distance = neighbor_list("ijd", atoms, longest)
    counts, _ = np.histogram(distance[(symbols[i] == first) & (symbols[j] == second)], bins=edges)
    n_first, n_second = (int(np.count_nonzero(symbols == symbol)) for symbol in (first, second))
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    ideal = n_first * (n_second - (first == second)) / atoms.get_volume() * shells
    smooth = gaussian_filter1d(counts.astype(float), smear_angstrom / width, mode="constant")
    return ((edges[1:] + edges[:-1]) / 2.0)[:n_bins], (smooth / np.maximum(ideal, 1e-300))[:n_bins]


def _nearest(atoms: Atoms) -> tuple[NDArray[np.int64], Array]:
    """Indices of the nearest neighbours, shape (n, 12), and unit vectors to them, shape (n, 12, 3)."""
    from ase.neighborlist import neighbor_list

    cutoff = 1.6 * (atoms.get_volume() / len(atoms)) ** (1 / 3)
    while True:
        first, second, vector, distance = neighbor_list("ijDd", atoms, cutoff)
        if np.bincount(first, minlength=len(atoms)).min() >= N_NEIGHBORS:
            break
        cutoff *= 1.2
    order = np.lexsort((distance, first))
    start = np.searchsorted(first[order], np.arange(len(atoms)))
    chosen = order[start[:, None] + np.arange(N_NEIGHBORS)]
    return second[chosen], vector[chosen] / distance[chosen][..., None]


def _mean_p6(bonds: Array, others: Array) -> Array:
    """Mean P6 of the cosines between two sets of bonds, shapes (n, 12, 3), for each of n."""
    from scipy.special import eval_legendre

    cosine = np.clip(np.einsum("nak,nbk->nab", bonds, others), -1.0, 1.0)
    mean: Array = eval_legendre(6, cosine).mean(axis=(1, 2))
    return mean


def _shortest(crystal: Atoms | None, centre: str) -> float | None:
    """Distance from atoms of an element to the nearest anion of the crystal, angstrom."""
    from ase.neighborlist import neighbor_list

    if crystal is None:
        return None
    symbols = np.array(crystal.get_chemical_symbols())
    first, second, distance = neighbor_list("ijd", crystal, 6.0)
    bonds = distance[(symbols[first] == centre) & np.isin(symbols[second], sorted(anion_symbols(symbols.tolist())))]
    return float(bonds.min()) if bonds.size else None
