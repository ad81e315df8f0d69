"""Charge-balanced point defects in a crystal or a layer, placed at random from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import TOO_CLOSE_SHARE, compound_charges, worst_contact
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.defects.composition import layer_mask
from mlip_interfaces.structures.defects.kroger_vink import PointDefect, parse_defect, refuse_unbalanced
from mlip_interfaces.structures.defects.voids import largest_voids


@dataclass(frozen=True, slots=True)
class PlacedDefect:
    """One defect of a structure.

    Attributes
    ----------
    notation : str
        As in ``V_Li'``.
    position : (3,) float array, angstrom
        Of the site or the interstitial.
    clearance : float or None
        Of an interstitial: smallest distance to an atom over the distance at which their ions touch.
    """

    notation: str
    position: NDArray[np.float64]
    clearance: float | None = None


@dataclass(frozen=True, slots=True)
class DefectiveStructure:
    """A structure with defects.

    Attributes
    ----------
    atoms : ase.Atoms
        Per-atom arrays such as ``layer`` kept; interstitials come last, with the labels of their nearest atom.
    placed : tuple of PlacedDefect
        Every defect, in the order of the list given, set by set within a kind.
    n_sets : int
        How often the list was applied.
    """

    atoms: Atoms
    placed: tuple[PlacedDefect, ...]
    n_sets: int


def apply_defects(
    atoms: Atoms,
    defects: Sequence[str],
    *,
    n: int | None = None,
    fraction: float | None = None,
    seed: int,
    layer: str | None = None,
    separation_angstrom: float = 0.0,
) -> DefectiveStructure:
    """Apply a charge-balanced list of defects, n times.

    Parameters
    ----------
    atoms : ase.Atoms
        A periodic structure.
    defects : sequence of str
        Kröger-Vink notation: ``["V_Li'", "V_Br."]``, ``["S_Cl'", "Li_i."]``.
    n : int or None
        How many sets.
    fraction : float or None
        Instead of n: sets are round(fraction x N), N being how many the scarcest site allows (for V_Li' + V_Br. in
        Li3OBr the number of Br).
    seed : int
        Which sites and which of equal voids.
    layer : str or None
        Only in this layer.
    separation_angstrom : float, angstrom
        No two defects closer than this, if it can be met.

    Returns
    -------
    structure : DefectiveStructure
        Vacancies and substitutions on random sites, interstitials one after the other in the largest void left.

    Raises
    ------
    StructureError
        If the list is not balanced, there are too few sites, no void is large enough, or atoms come too close.

    Examples
    --------
    >>> from mlip_interfaces.structures.crystals.loading import load_crystal
    >>> made = apply_defects(load_crystal("Li3OCl").repeat(2), ["S_Cl'", "Li_i."], n=1, seed=1)
    >>> made.atoms.get_chemical_formula()
    'Cl7Li25O8S'
    """
    parsed = [parse_defect(text) for text in defects]
    if not parsed:
        raise StructureError("The list of defects is empty; give for example V_Li' and V_Cl.")
    mask = layer_mask(atoms, layer)
    symbols = np.array(atoms.get_chemical_symbols())
    charges = compound_charges(symbols[mask].tolist())
    refuse_unbalanced(parsed, charges)
    n_sets = _number_of_sets(parsed, symbols[mask], n, fraction)
    rng = np.random.default_rng(seed)
    result = atoms.copy()
    placed = _on_sites(result, [d for d in parsed if d.site], n_sets, mask, rng, separation_angstrom)
    vacant = [index for defect, index in placed if defect.species is None]
    records = [PlacedDefect(str(defect), atoms.positions[index].copy()) for defect, index in placed]
    for defect, index in placed:
        if defect.species is not None:
            result.symbols[index] = defect.species
            charges.setdefault(defect.species, charges.get(defect.site or "", 0.0) + defect.charge)
    # Vacated atoms stay until the end, so that no interstitial falls into a vacancy.
    for defect in [d for d in parsed if d.site is None] * n_sets:
        assert defect.species is not None
        charges.setdefault(defect.species, float(defect.charge))
        result, mask, record = _with_interstitial(result, defect, charges, mask, records, rng, separation_angstrom)
        records.append(record)
    result = result[np.setdiff1d(np.arange(len(result)), vacant)]
    _refuse_contacts(result)
    return DefectiveStructure(result, tuple(records), n_sets)


def added_elements(defects: Sequence[str], symbols: Sequence[str]) -> tuple[str, ...]:
    """Elements that a list of defects puts into a crystal, once the list is found to be possible there.

    Parameters
    ----------
    defects : sequence of str
        Kröger-Vink notation.
    symbols : sequence of str
        Element of each atom of the crystal.

    Returns
    -------
    tuple of str
        Each once.

    Raises
    ------
    StructureError
        If the list is not balanced, or the crystal has no such site.

    Examples
    --------
    >>> added_elements(["Br_Cl", "V_Li'", "Li_i."], ["Li", "Li", "Li", "O", "Cl"])
    ('Br', 'Li')
    """
    parsed = [parse_defect(text) for text in defects]
    refuse_unbalanced(parsed, compound_charges(symbols))
    for defect in parsed:
        if defect.site is not None and defect.site not in symbols:
            known = ", ".join(dict.fromkeys(symbols))
            raise StructureError(f"{defect} has no site: there is no {defect.site} in the crystal, only {known}.")
    return tuple(dict.fromkeys(defect.species for defect in parsed if defect.species is not None))


def _number_of_sets(
    defects: Sequence[PointDefect], symbols: NDArray[np.str_], n: int | None, fraction: float | None
) -> int:
    if (n is None) == (fraction is None):
        raise StructureError("Give either the number of sets of defects or a fraction of the sites.")
    sites = [defect.site for defect in defects if defect.site is not None]
    possible = {site: np.count_nonzero(symbols == site) // sites.count(site) for site in sites}
    scarcest = min(possible, key=lambda site: possible[site], default=None)
    if n is None:
        if scarcest is None:
            raise StructureError("Interstitials alone have no sites to take a fraction of; give the number of sets.")
        assert fraction is not None
        n = round(fraction * possible[scarcest])
        if n < 1:
            raise StructureError(
                f"{100 * fraction:g} % of the {possible[scarcest]} {scarcest} sites rounds to none; raise the fraction or "
                "repeat the cell."
            )
    if n < 1:
        raise StructureError(f"{n} sets of defects are none; give 1 or more.")
    if scarcest is not None and n > possible[scarcest]:
        raise StructureError(
            f"{n} sets of defects do not fit: the {scarcest} sites allow {possible[scarcest]}. Repeat the cell or take fewer."
        )
    return n


def _on_sites(
    atoms: Atoms,
    defects: Sequence[PointDefect],
    n_sets: int,
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    separation: float,
) -> list[tuple[PointDefect, int]]:
    """Random sites, each used once."""
    symbols = np.array(atoms.get_chemical_symbols())
    placed: list[tuple[PointDefect, int]] = []
    for defect in list(defects) * n_sets:
        taken = [index for _, index in placed]
        free = np.setdiff1d(np.flatnonzero((symbols == defect.site) & mask), taken)
        far = free
        if taken and separation > 0.0:
            far = np.array(
                [i for i in free if atoms.get_distances(i, taken, mic=True).min() >= separation], dtype=np.int64
            )
        if not far.size:
            raise StructureError(
                f"There is no {defect.site} site for {defect} at {separation:g} angstrom from the other defects; lower "
                "separation_angstrom or the number of defects."
            )
        placed.append((defect, int(rng.choice(far))))
    return placed


def _with_interstitial(
    atoms: Atoms,
    defect: PointDefect,
    charges: dict[str, float],
    mask: NDArray[np.bool_],
    others: Sequence[PlacedDefect],
    rng: np.random.Generator,
    separation: float,
) -> tuple[Atoms, NDArray[np.bool_], PlacedDefect]:
    assert defect.species is not None
    places, clearance = largest_voids(atoms, defect.species, charges, None if mask.all() else mask)
    if not len(places):
        raise StructureError(
            f"There is no void for {defect} with every atom farther than {TOO_CLOSE_SHARE:g} of the covalent radii; "
            "repeat the cell or take fewer interstitials."
        )
    if separation > 0.0 and others:
        far = [i for i, place in enumerate(places) if _nearest(atoms, place, others) >= separation]
        if not far:
            raise StructureError(
                f"No void for {defect} is {separation:g} angstrom from the other defects; lower separation_angstrom."
            )
        places, clearance = places[far], clearance[far]
    choice = int(rng.integers(len(places)))
    probe = Atoms([defect.species], positions=[places[choice]], cell=atoms.cell, pbc=True)
    joined = atoms + probe
    distances = joined.get_distances(len(atoms), range(len(atoms)), mic=True)
    nearest = int(np.argmin(np.where(mask, distances, np.inf)))
    # A copy of the nearest atom carries its labels.
    added = atoms[[nearest]]
    added.set_chemical_symbols([defect.species])
    added.positions[0] = places[choice]
    grown = atoms.copy()
    grown.extend(added)
    return grown, np.append(mask, True), PlacedDefect(str(defect), places[choice], float(clearance[choice]))


def _nearest(atoms: Atoms, place: NDArray[np.float64], others: Sequence[PlacedDefect]) -> float:
    points = Atoms(
        ["X"] * (len(others) + 1), positions=[place, *(d.position for d in others)], cell=atoms.cell, pbc=True
    )
    return float(points.get_distances(0, range(1, len(points)), mic=True).min())


def _refuse_contacts(atoms: Atoms) -> None:
    worst = worst_contact(atoms)
    if worst:
        raise StructureError(
            f"{worst.first} and {worst.second} are {worst.distance_angstrom:.2f} angstrom apart after placing the defects; a substituted atom is too large "
            "for its site, or the structure had the contact before."
        )
