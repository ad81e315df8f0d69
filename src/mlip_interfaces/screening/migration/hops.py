"""Hops between the sites of an ion, and which of them symmetry makes one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError, StructureError

if TYPE_CHECKING:
    from ase import Atoms

Edge = tuple[int, int, tuple[int, int, int]]
"""From a site of the cell to a site of the cell that lies so many lattice vectors away."""

SYMMETRY_ANGSTROM = 0.01
_SAME_PLACE_ANGSTROM = 0.1
_NAME = re.compile(r"((?:[A-Z][a-z]?|i)\d+)-((?:[A-Z][a-z]?|i)\d+)(?:_(-?\d+),(-?\d+),(-?\d+))?")


@dataclass(frozen=True, slots=True)
class Sites:
    """Places of one ion in a crystal's cell, and what symmetry does with them.

    Attributes
    ----------
    ion : str
        Symbol.
    are_occupied : bool
        Whether its atoms are on them, so that a hop needs a vacancy; else they lie between the atoms.
    labels : tuple of str
        As in ``Li1``: the first Li of the cell.
    fractional : (n, 3) float array
        Of each, in lattice vectors.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    rotations : (m, 3, 3) int array
        Of the space group, for fractional coordinates.
    image_site : (m, n) int array
        The site that each operation puts each site on.
    image_shift : (m, n, 3) int array
        And its lattice vector.
    orbits : (n,) int array
        Sites of one number are equivalent.
    """

    ion: str
    are_occupied: bool
    labels: tuple[str, ...]
    fractional: NDArray[np.float64]
    cell: NDArray[np.float64]
    rotations: NDArray[np.int64]
    image_site: NDArray[np.int64]
    image_shift: NDArray[np.int64]
    orbits: NDArray[np.int64]

    @property
    def mechanism(self) -> Literal["vacancy", "interstitial"]:
        """What the ion moves as."""
        return "vacancy" if self.are_occupied else "interstitial"

    def vector(self, edge: Edge) -> NDArray[np.float64]:
        """From one end of an edge to the other.

        Parameters
        ----------
        edge : Edge
            Between two sites.

        Returns
        -------
        (3,) float array, angstrom
            Straight.
        """
        first, second, shift = edge
        fractional = self.fractional[second] + np.array(shift) - self.fractional[first]
        return np.asarray(fractional @ self.cell, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop, and all those that symmetry makes of it.

    Attributes
    ----------
    name : str
        As in ``Li1-Li2``, or ``Li1-Li2_0,-1,0`` for the Li2 of a neighbouring cell.
    edge : Edge
        The one that stands for all.
    distance_angstrom : float, angstrom
        Straight.
    edges : tuple of Edge
        All equivalent ones of a cell, each in one direction.
    has_mirror : bool
        Whether symmetry turns it into its reverse: forward and backward are then one.
    joins_equals : bool
        Whether its ends are equivalent sites: their energies are then one.
    """

    name: str
    edge: Edge
    distance_angstrom: float
    edges: tuple[Edge, ...]
    has_mirror: bool
    joins_equals: bool


def sites_of(crystal: Atoms, ion: str) -> Sites:
    """Sites of an element of a crystal.

    Parameters
    ----------
    crystal : ase.Atoms
        Periodic.
    ion : str
        Symbol.

    Returns
    -------
    Sites
        Those that its atoms are on.

    Raises
    ------
    StructureError
        If there is no such atom.
    """
    places = crystal.get_scaled_positions(wrap=False)[[symbol == ion for symbol in crystal.get_chemical_symbols()]]
    if not len(places):
        raise StructureError(
            f"The crystal has no {ion}, only {', '.join(dict.fromkeys(crystal.get_chemical_symbols()))}; name its mobile ion by --ion."
        )
    return _with_symmetry(crystal, places, ion, are_occupied=True)


def interstitial_sites(crystal: Atoms, ion: str, places: Sequence[Sequence[float]]) -> Sites:
    """Places between the atoms of a crystal, with all that are equivalent to them.

    Parameters
    ----------
    crystal : ase.Atoms
        Periodic.
    ion : str
        Symbol of what is put there.
    places : sequence of (3,) sequences of float
        In lattice vectors.

    Returns
    -------
    Sites
        The places given come first, as they are given; then the equivalent ones of the cell.
    """
    rotations, translations = _operations(crystal)
    found = [np.asarray(place, dtype=np.float64) for place in places]
    for place in list(found):
        for rotation, translation in zip(rotations, translations, strict=True):
            image = (rotation @ place + translation) % 1.0
            if not any(_apart(image - other, crystal.cell.array) < _SAME_PLACE_ANGSTROM for other in found):
                found.append(image)
    return _with_symmetry(crystal, np.array(found), ion, are_occupied=False)


def distinct_hops(sites: Sites, max_distance_angstrom: float) -> tuple[Hop, ...]:
    """All hops up to a distance, one for each set of equivalent ones.

    Parameters
    ----------
    sites : Sites
        Of an ion.
    max_distance_angstrom : float, angstrom
        Between the sites, along a straight line.

    Returns
    -------
    tuple of Hop
        From the shortest to the longest.

    Raises
    ------
    StructureError
        If there is none.

    Notes
    -----
    Two hops are equivalent if an operation of the space group turns one into the other or its reverse.
    """
    edges = edges_within(sites, max_distance_angstrom)
    if not edges:
        raise StructureError(
            f"No two sites lie within {max_distance_angstrom:g} angstrom of each other; raise --max-distance-angstrom."
        )
    left = dict.fromkeys(edges)
    found = []
    for edge in edges:
        if edge not in left:
            continue
        hop = hop_of(sites, edge)
        for one in hop.edges:
            left.pop(one, None)
            left.pop(reverse(one), None)
        found.append(hop)
    return tuple(found)


def edges_within(sites: Sites, max_distance_angstrom: float) -> list[Edge]:
    """Pairs of sites up to a distance, in both directions.

    Parameters
    ----------
    sites : Sites
        Of an ion.
    max_distance_angstrom : float, angstrom
        Between them.

    Returns
    -------
    list of Edge
        By distance, then by site.
    """
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    dots = Atoms(["X"] * len(sites.fractional), scaled_positions=sites.fractional, cell=sites.cell, pbc=True)
    # ASE wraps positions of its own; shifts must be between the places as they are.
    first, second, vectors = neighbor_list("ijD", dots, max_distance_angstrom)
    fractional = np.linalg.solve(sites.cell.T, vectors.T).T
    shifts = np.rint(fractional - sites.fractional[second] + sites.fractional[first]).astype(int)
    distances = np.linalg.norm(vectors, axis=1)
    edges: list[Edge] = [
        (int(i), int(j), (int(s[0]), int(s[1]), int(s[2]))) for i, j, s in zip(first, second, shifts, strict=True)
    ]
    order = sorted(range(len(edges)), key=lambda k: (round(float(distances[k]), 3), *_short_first(edges[k])))
    return [edges[k] for k in order]


def hop_of(sites: Sites, edge: Edge) -> Hop:
    """A hop with all that are equivalent to it.

    Parameters
    ----------
    sites : Sites
        Of an ion.
    edge : Edge
        Between two of them.

    Returns
    -------
    Hop
        Named after the edge.
    """
    first, second, shift = edge
    ends = sites.image_site[:, [first, second]]
    turned = np.einsum("mij,j->mi", sites.rotations, np.array(shift))
    shifts = sites.image_shift[:, second] + turned - sites.image_shift[:, first]
    images: dict[Edge, None] = {}
    has_mirror = False
    for (i, j), s in zip(ends.tolist(), shifts.tolist(), strict=True):
        image = (i, j, (s[0], s[1], s[2]))
        has_mirror |= image == reverse(edge)
        if reverse(image) not in images:
            images.setdefault(image)
    return Hop(
        name=hop_name(sites, edge),
        edge=edge,
        distance_angstrom=float(np.linalg.norm(sites.vector(edge))),
        edges=tuple(images),
        has_mirror=has_mirror,
        joins_equals=bool(sites.orbits[first] == sites.orbits[second]),
    )


def hop_name(sites: Sites, edge: Edge) -> str:
    """What an edge is called.

    Parameters
    ----------
    sites : Sites
        Of an ion.
    edge : Edge
        Between two of them.

    Returns
    -------
    str
        As `named_hop` reads it.
    """
    first, second, shift = edge
    name = f"{sites.labels[first]}-{sites.labels[second]}"
    return f"{name}_{','.join(map(str, shift))}" if any(shift) else name


def named_hop(sites: Sites, name: str) -> Hop:
    """The hop that a name means.

    Parameters
    ----------
    sites : Sites
        Of an ion.
    name : str
        ``Li1-Li2``: to the nearest Li2, wherever it is; ``Li1-Li2_0,-1,0``: to that of this cell.

    Returns
    -------
    Hop
        With all that are equivalent to it.

    Raises
    ------
    InputFileError
        If the name is none, there is no such site, or both ends are one.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputFileError(f"--hop {name} is not like Li1-Li2, or Li1-Li2_0,-1,0; --list shows all hops.")
    for label in match.groups()[:2]:
        if label not in sites.labels:
            raise InputFileError(f"--hop {name}: there is no site {label}; the cell has {', '.join(sites.labels)}.")
    first, second = (sites.labels.index(label) for label in match.groups()[:2])
    if match[3] is not None:
        edge: Edge = (first, second, (int(match[3]), int(match[4]), int(match[5])))
        if first == second and not any(edge[2]):
            raise InputFileError(f"--hop {name} ends where it begins; give the cell of its end, as in {name}_1,0,0.")
        return hop_of(sites, edge)
    return hop_of(sites, _nearest(sites, first, second))


def reverse(edge: Edge) -> Edge:
    """The same edge from its other end.

    Parameters
    ----------
    edge : Edge
        Between two sites.

    Returns
    -------
    Edge
        Back.

    Examples
    --------
    >>> reverse((0, 1, (0, -1, 0)))
    (1, 0, (0, 1, 0))
    """
    first, second, (a, b, c) = edge
    return second, first, (-a, -b, -c)


def _nearest(sites: Sites, first: int, second: int) -> Edge:
    straight = -np.rint(sites.fractional[second] - sites.fractional[first]).astype(int)
    around = np.array(np.meshgrid(*[range(-2, 3)] * 3, indexing="ij")).reshape(3, -1).T + straight
    edges: list[Edge] = [(first, second, (a, b, c)) for a, b, c in around.tolist() if first != second or a or b or c]
    return min(edges, key=lambda edge: (round(float(np.linalg.norm(sites.vector(edge))), 3), *_short_first(edge)))


def _short_first(edge: Edge) -> tuple[object, ...]:
    """Edges within the cell before those out of it, and out of it forwards."""
    first, second, shift = edge
    return first, second, sum(map(abs, shift)), tuple(-one for one in shift)


def _operations(crystal: Atoms) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    import spglib

    found = spglib.get_symmetry(
        (crystal.cell.array, crystal.get_scaled_positions(), crystal.numbers), symprec=SYMMETRY_ANGSTROM
    )
    if found is None:
        return np.eye(3, dtype=np.int64)[None], np.zeros((1, 3))
    return np.asarray(found["rotations"], dtype=np.int64), np.asarray(found["translations"], dtype=np.float64)


def _with_symmetry(crystal: Atoms, places: NDArray[np.float64], ion: str, *, are_occupied: bool) -> Sites:
    rotations, translations = _operations(crystal)
    cell = np.array(crystal.cell.array)
    moved = np.einsum("mij,nj->mni", rotations, places) + translations[:, None, :]
    gaps = moved[:, :, None, :] - places[None, None, :, :]
    shifts = np.rint(gaps)
    far = np.linalg.norm((gaps - shifts) @ cell, axis=-1)
    image_site = far.argmin(axis=2)
    image_shift = np.take_along_axis(shifts, image_site[:, :, None, None], axis=2)[:, :, 0].astype(np.int64)
    return Sites(
        ion=ion,
        are_occupied=are_occupied,
        labels=tuple(f"{ion if are_occupied else 'i'}{number}" for number in range(1, len(places) + 1)),
        fractional=places,
        cell=cell,
        rotations=rotations,
        image_site=image_site,
        image_shift=image_shift,
        orbits=image_site.min(axis=0),
    )


def _apart(fractional: NDArray[np.float64], cell: NDArray[np.float64]) -> float:
    return float(np.linalg.norm((fractional - np.rint(fractional)) @ cell))
