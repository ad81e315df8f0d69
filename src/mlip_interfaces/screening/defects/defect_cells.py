"""Supercells with a set of defects: at given places, as near to each other as sites allow, and as far apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.chemistry import compound_charges
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.defects import PointDefect, largest_voids, refuse_unbalanced

Array = NDArray[np.float64]

_SAME_SHELL_ANGSTROM = 0.1
_SAME_PLACE_ANGSTROM = 0.5
"""Two defects nearer than this are one place: an interstitial in the vacancy beside it."""
_SITE_ANGSTROM = 0.8
"""How far a given place may be from the site that it means."""


@dataclass(frozen=True, slots=True)
class DefectCell:
    """A supercell with a set of defects.

    Attributes
    ----------
    name : str
        May be the name of a file.
    atoms : ase.Atoms
        As placed, not relaxed.
    distance_angstrom : float or None, angstrom
        Smallest between two of them; None of one.
    """

    name: str
    atoms: Atoms
    distance_angstrom: float | None


@dataclass(frozen=True, slots=True)
class _Sites:
    """Places for one defect: positions, the atom that is there (-1 at an interstitial), which are equivalent."""

    positions: Array
    atom: NDArray[np.int64]
    orbit: NDArray[np.int64]


def check_set(defects: Sequence[PointDefect], symbols: Sequence[str]) -> None:
    """Refuse a set that has a net charge, or sites that the crystal has not.

    Parameters
    ----------
    defects : sequence of PointDefect
        One set.
    symbols : sequence of str
        Element of each atom of the crystal.

    Raises
    ------
    StructureError
        In a sentence that says what would do.
    """
    for defect in defects:
        if defect.site is not None and defect.site not in symbols:
            raise StructureError(f"{defect} has no site: the crystal has {', '.join(dict.fromkeys(symbols))}.")
    net = sum(defect.charge for defect in defects)
    try:
        refuse_unbalanced(defects, compound_charges(symbols))
    except StructureError as error:
        if not net:
            raise
        raise StructureError(
            f"{error} A charged cell needs a calculator with electrons and a Fermi level; energies of potentials are those of neutral cells. "
            "Charged defects from DFT go to 'screen defects'."
        ) from error


def defect_cells(
    unit: Atoms,
    repeat: tuple[int, int, int],
    defects: Sequence[PointDefect],
    *,
    n_shells: int = 1,
    places: Sequence[Sequence[float]] | None = None,
    name: str = "",
) -> list[DefectCell]:
    """Supercells of a crystal with one set of defects.

    Parameters
    ----------
    unit : ase.Atoms
        The crystal.
    repeat : (3,) tuple of int
        Of the supercell.
    defects : sequence of PointDefect
        The set.
    n_shells : int
        Of a pair: how many of the shortest distances; the farthest is always there.
    places : sequence of (3,) sequences of float, or None
        Instead: where each defect is, in fractions of the unit cell; they may lie in another of its images.
    name : str
        Begins the names.

    Returns
    -------
    list of DefectCell
        Of one defect, a cell for each kind of site; of a pair, the nearest shells and the farthest; of more, the most compact and the
        most open arrangement.

    Raises
    ------
    StructureError
        If there is no such site or place, or two defects fall together.

    Notes
    -----
    Sites are equivalent by the space group of the crystal. Interstitials are at its largest voids for the ion; of several arrangements with
    one distance and one kind of sites the first is taken.
    """
    host = unit.repeat(repeat)
    if places is not None:
        kinds, chosen = _given(unit, host, defects, places)
        return [_made(f"{name}given", host, defects, kinds, chosen)]
    kinds = [_sites(unit, host, defect) for defect in defects]
    if len(defects) == 1:
        first = kinds[0]
        firsts = _one_of_each(first.orbit)
        return [_made(f"{name}site-{number}", host, defects, kinds, [place]) for number, place in enumerate(firsts, 1)]
    if len(defects) == 2:
        return _pairs(host, defects, kinds, n_shells, name)
    return [
        _made(f"{name}compact", host, defects, kinds, _greedy(host, kinds, compact=True)),
        _made(f"{name}open", host, defects, kinds, _greedy(host, kinds, compact=False)),
    ]


def _sites(unit: Atoms, host: Atoms, defect: PointDefect) -> _Sites:
    n_cells = len(host) // len(unit)
    if defect.site is not None:
        orbit = np.tile(_orbits(unit), n_cells)
        found = np.flatnonzero(np.array(host.get_chemical_symbols()) == defect.site)
        return _Sites(host.positions[found], found, orbit[found])
    assert defect.species is not None
    charges = compound_charges(unit.get_chemical_symbols())
    charges.setdefault(defect.species, float(defect.charge))
    voids, _ = largest_voids(unit, defect.species, charges)
    if not len(voids):
        raise StructureError(f"There is no void for {defect} in {unit.get_chemical_formula()}; give its place by --at.")
    probe = Atoms([defect.species] * len(voids), positions=voids, cell=unit.cell, pbc=True)
    spread = probe.repeat(
        [
            round(float(length))
            for length in np.linalg.norm(host.cell.array, axis=1) / np.linalg.norm(unit.cell.array, axis=1)
        ]
    )
    return _Sites(spread.positions, np.full(len(spread), -1), np.zeros(len(spread), dtype=np.int64))


def _orbits(unit: Atoms) -> NDArray[np.int64]:
    import spglib

    found = spglib.get_symmetry_dataset((unit.cell.array, unit.get_scaled_positions(), unit.numbers), symprec=1e-2)
    return np.arange(len(unit)) if found is None else np.asarray(found.equivalent_atoms, dtype=np.int64)


def _one_of_each(orbits: NDArray[np.int64]) -> list[int]:
    return [int(place) for place in np.sort(np.unique(orbits, return_index=True)[1])]


def _distances(host: Atoms, place: Array, others: Array) -> Array:
    """Shortest to any image."""
    from ase.geometry import get_distances

    found: Array = get_distances(place[None, :], others, cell=host.cell, pbc=True)[1][0]
    return found


def _pairs(
    host: Atoms, defects: Sequence[PointDefect], kinds: Sequence[_Sites], n_shells: int, name: str
) -> list[DefectCell]:
    first, second = kinds
    found: list[tuple[float, int, int]] = []
    for place in _one_of_each(first.orbit):
        distances = _distances(host, first.positions[place], second.positions)
        for other in np.argsort(distances, kind="stable").tolist():
            if distances[other] < _SAME_PLACE_ANGSTROM or (
                first.atom[place] >= 0 and first.atom[place] == second.atom[other]
            ):
                continue
            known = [
                distance
                for distance, one, two in found
                if first.orbit[one] == first.orbit[place] and second.orbit[two] == second.orbit[other]
            ]
            # Distances rise: a new shell is farther than the last one of its kind.
            if not known or distances[other] > known[-1] + _SAME_SHELL_ANGSTROM:
                found.append((float(distances[other]), place, other))
    ordered = [[place, other] for _, place, other in sorted(found)]
    if not ordered:
        raise StructureError(f"There are no two places for {defects[0]} and {defects[1]} in this cell; repeat it.")
    taken = ordered[: min(n_shells, len(ordered) - 1)] if len(ordered) > 1 else []
    cells = [_made(f"{name}near-{number}", host, defects, kinds, pair) for number, pair in enumerate(taken, 1)]
    return [*cells, _made(f"{name}farthest", host, defects, kinds, ordered[-1])]


def _greedy(host: Atoms, kinds: Sequence[_Sites], *, compact: bool) -> list[int]:
    """One defect after the other: nearest to those placed, or farthest from the nearest of them."""
    chosen = [_one_of_each(kinds[0].orbit)[0]]
    for number, sites in enumerate(kinds[1:], 1):
        there = [kinds[i].positions[place] for i, place in enumerate(chosen)]
        distances = np.array([_distances(host, position, sites.positions) for position in there])
        nearest = distances.min(axis=0)
        free = nearest > _SAME_PLACE_ANGSTROM
        if not free.any():
            raise StructureError(f"There is no place left for defect {number + 1} of the set; repeat the cell.")
        score = distances.sum(axis=0) if compact else -nearest
        chosen.append(int(np.where(free, score, np.inf).argmin()))
    return chosen


def _given(
    unit: Atoms, host: Atoms, defects: Sequence[PointDefect], places: Sequence[Sequence[float]]
) -> tuple[list[_Sites], list[int]]:
    if len(places) != len(defects):
        raise StructureError(f"{len(places)} places are given for {len(defects)} defects; give one for each.")
    kinds, chosen = [], []
    for defect, place in zip(defects, places, strict=True):
        position = np.asarray(place, dtype=np.float64) @ unit.cell.array
        if defect.site is None:
            kinds.append(_Sites(position[None, :], np.array([-1]), np.array([0])))
            chosen.append(0)
            continue
        kinds.append(_sites(unit, host, defect))
        distances = _distances(host, position, kinds[-1].positions)
        nearest = int(distances.argmin())
        if distances[nearest] > _SITE_ANGSTROM:
            raise StructureError(
                f"{defect}: the nearest {defect.site} is {distances[nearest]:.2f} angstrom from {' '.join(f'{one:g}' for one in place)}; give "
                "fractions of the unit cell at a site."
            )
        chosen.append(nearest)
    return kinds, chosen


def _made(
    name: str, host: Atoms, defects: Sequence[PointDefect], kinds: Sequence[_Sites], chosen: Sequence[int]
) -> DefectCell:
    positions = np.array([sites.positions[place] for sites, place in zip(kinds, chosen, strict=True)])
    atoms, vacant = host.copy(), []
    for defect, sites, place in zip(defects, kinds, chosen, strict=True):
        index = int(sites.atom[place])
        if index < 0:
            atoms += Atoms([defect.species], positions=[sites.positions[place]])
        elif defect.species is None:
            vacant.append(index)
        else:
            atoms.symbols[index] = defect.species
    del atoms[vacant]
    between = [
        float(_distances(host, positions[i], positions[j : j + 1])[0]) for i in range(len(positions)) for j in range(i)
    ]
    if between and min(between) < _SAME_PLACE_ANGSTROM:
        raise StructureError(f"Two of the defects {' + '.join(map(str, defects))} are at one place; give others.")
    return DefectCell(name, atoms, min(between, default=None))
