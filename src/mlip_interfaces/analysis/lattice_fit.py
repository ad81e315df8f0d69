"""Orientation of crystals: the rotation that fits a lattice's shell of neighbours to those of many atoms, and what symmetry leaves of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

_Sums: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]
LatticeName: TypeAlias = Literal["sc", "fcc", "hcp", "bcc"]
PointGroup: TypeAlias = Literal["O", "D6"]

LATTICES: tuple[LatticeName, ...] = ("sc", "fcc", "hcp", "bcc")
POINT_GROUPS: dict[str, PointGroup] = {"sc": "O", "fcc": "O", "hcp": "D6", "bcc": "O"}
"""Proper rotations of each lattice, by their symbol of Schoenflies: 24 of the cube, 12 of the hexagonal prism."""

LOW_INDEX: dict[PointGroup, dict[str, tuple[float, float, float]]] = {
    "O": {"<100>": (0, 0, 1), "<110>": (0, 1 / np.sqrt(2), 1 / np.sqrt(2)), "<111>": (1 / np.sqrt(3),) * 3},
    "D6": {"<0001>": (0, 0, 1), "<11-20>": (1, 0, 0), "<10-10>": (np.sqrt(3) / 2, 0.5, 0)},
}
"""Corners of the standard triangle of directions that symmetry leaves."""

N_SEEDS, N_TRIED, MOST_FITTED, MOST_STEPS = 3, 40, 2000, 30
"""Of a fit: atoms that give starts, atoms that judge them, atoms that are fitted, steps."""

SAME_TRACE = 1e-6
"""Of rotations that are equally far from the axes."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a crystal is turned.

    Attributes
    ----------
    lattice : str
        ``sc``, ``fcc``, ``hcp`` or ``bcc``: what was fitted.
    axes : (3, 3) float array
        Columns are the cubic axes; for hcp a close-packed row, the direction normal to it in the basal plane, and the sixfold axis.
        Of equivalent choices the one that is turned least from the axes of the coordinates.
    misfit : float
        Root mean square distance of neighbours from where the lattice has them, in distances of neighbours: of the atom that fits worst
        of those that decide.
    spacing_angstrom : float, angstrom
        Mean distance of neighbours in the lattice as it fits.
    """

    lattice: LatticeName
    axes: NDArray[np.float64]
    misfit: float
    spacing_angstrom: float


@dataclass(frozen=True, slots=True)
class _Shell:
    """Neighbours of a lattice in its own axes.

    Attributes
    ----------
    sites : (n_settings, n_sites, 3) float array
        Their mean distance is one; hcp has atoms of two settings.
    directions : (n_settings, n_sites, 3) float array
        Of length one.
    frames : (n_pairs, 3, 3) float array
        Of two directions (`_frame`), one of each set of pairs that the rotations of the lattice turn into each other.
    """

    sites: NDArray[np.float64]
    directions: NDArray[np.float64]
    frames: NDArray[np.float64]


def orientation(
    vectors: NDArray[np.float64], kept: NDArray[np.bool_], lattice: LatticeName, *, share: float = 0.5
) -> Orientation:
    """Rotation and scale of a lattice that fit the neighbours of atoms of one crystal best.

    Parameters
    ----------
    vectors : (n_atoms, n_neighbors, 3) float array, angstrom
        From each atom to its neighbours.
    kept : (n_atoms, n_neighbors) bool array
        Neighbours that belong to the crystal.
    lattice : {"sc", "fcc", "hcp", "bcc"}
        Six neighbours, twelve, twelve, or eight and six.
    share : float, optional
        Of the atoms, those that fit best and decide: half leave out surfaces and faults, less find one of several crystals.

    Returns
    -------
    Orientation
        Of up to 2000 of the atoms, evenly chosen; the misfit is infinite where none has two neighbours.

    Notes
    -----
    The rotation R and scale s minimise the sum of |s v - R t|^2 over the kept neighbours v of the atoms that decide, with t the site of the
    lattice in whose direction a neighbour is seen: Kabsch's rotation, the assignment of sites and the choice of atoms take turns until
    nothing changes (least trimmed squares). Each atom of hcp takes the better of its two settings, which are turned by 60 degrees about
    the sixfold axis. Starts are the rotations that turn two sites of the lattice to two neighbours of an atom. The misfit of an atom is
    sqrt(mean |s v - R t|^2) over its neighbours, as in polyhedral template matching, except that all atoms share R and s and that the
    atom in the middle stays where it is: noise, strain and bending are in it, and neighbours of another lattice more than these.

    References
    ----------
    W. Kabsch, Acta Crystallogr. A 32, 922 (1976); P. J. Rousseeuw, J. Am. Stat. Assoc. 79, 871 (1984); P. M. Larsen, S. Schmidt,
    J. Schiotz, Modelling Simul. Mater. Sci. Eng. 24, 055007 (2016).

    Examples
    --------
    >>> rows = np.array([[1.0, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1], [2, 0, 0], [0, 2, 0], [0, 0, 2]]) * 1.75
    >>> neighbors = np.concatenate([rows, -rows])[None]
    >>> found = orientation(neighbors, np.ones((1, 14), dtype=bool), "bcc")
    >>> bool(np.allclose(found.axes, np.eye(3), rtol=0, atol=1e-9)), bool(found.misfit < 1e-6)
    (True, True)
    """
    shell = _shell(lattice)
    whole = np.flatnonzero(np.count_nonzero(kept, axis=1) >= 2)
    if not whole.size:
        return Orientation(lattice, np.eye(3), np.inf, np.nan)
    tried = _evenly(whole, N_TRIED)
    seeds = tried[np.argsort(-np.count_nonzero(kept[tried], axis=1), kind="stable")[:: -(-tried.size // N_SEEDS)]]
    starts = np.array([np.eye(3), *(start for seed in seeds for start in _starts(vectors[seed][kept[seed]], shell))])
    likeness = np.sort(_likeness(vectors[tried], kept[tried], shell.directions, starts), axis=1)
    axes = starts[np.argmax(likeness[:, -math.ceil(tried.size * share) :].sum(axis=1))]
    chosen = _evenly(whole, MOST_FITTED)
    own = vectors[chosen], kept[chosen]
    for _ in range(MOST_STEPS):
        sums = _matched(*own, shell.sites, shell.directions @ axes.T)
        errors, scale = _errors(sums, axes)
        last = math.ceil(errors.size * share) - 1
        most = np.partition(errors, last)[last]
        before, axes = axes, _rotation(sums[0][errors <= most].sum(axis=0))
        if np.abs(axes - before).max() < 1e-9:
            break
    return Orientation(lattice, least_turned(axes, POINT_GROUPS[lattice]), float(np.sqrt(most)), 1.0 / scale)


def atom_misfits(vectors: NDArray[np.float64], kept: NDArray[np.bool_], found: Orientation) -> NDArray[np.float64]:
    """Misfit of each atom with a crystal that is turned in a known way.

    Parameters
    ----------
    vectors : (n_atoms, n_neighbors, 3) float array, angstrom
        From each atom to its neighbours.
    kept : (n_atoms, n_neighbors) bool array
        Neighbours to look at.
    found : Orientation
        Of the crystal.

    Returns
    -------
    (n_atoms,) float array
        In distances of neighbours; infinite without neighbours.

    Examples
    --------
    >>> rows = np.array([[0, 1, 1], [0, 1, -1], [1, 0, 1], [1, 0, -1], [1, 1, 0], [1, -1, 0]]) * 2.86
    >>> neighbors = np.concatenate([rows, -rows])[None]
    >>> kept = np.ones((1, 12), dtype=bool)
    >>> found = orientation(neighbors, kept, "fcc")
    >>> bool(atom_misfits(neighbors, kept, found)[0] < 1e-6), bool(atom_misfits(neighbors * 1.1, kept, found)[0] > 0.09)
    (True, True)
    """
    shell = _shell(found.lattice)
    sums = _matched(vectors, kept, shell.sites, shell.directions @ found.axes.T)
    errors, _ = _errors(sums, found.axes, 1.0 / found.spacing_angstrom)
    return np.where(kept.any(axis=1), np.sqrt(errors), np.inf)


def best_orientation(vectors: NDArray[np.float64], kept: NDArray[np.bool_], *, share: float = 0.5) -> Orientation:
    """The lattice with the least misfit, and how it is turned.

    Parameters
    ----------
    vectors : (n_atoms, n_neighbors, 3) float array, angstrom
        From each atom to its neighbours.
    kept : (n_atoms, n_neighbors) bool array
        Neighbours that belong to the crystal.
    share : float, optional
        Of the atoms, those that fit best and decide.

    Returns
    -------
    Orientation
        Of a simple cubic lattice, fcc, hcp or bcc.

    Examples
    --------
    >>> rows = np.array([[0, 1, 1], [0, 1, -1], [1, 0, 1], [1, 0, -1], [1, 1, 0], [1, -1, 0]]) * 2.86
    >>> neighbors = np.concatenate([rows, -rows])[None]
    >>> best_orientation(neighbors, np.ones((1, 12), dtype=bool)).lattice
    'fcc'
    """
    return min(
        (orientation(vectors, kept, lattice, share=share) for lattice in LATTICES), key=lambda found: found.misfit
    )


def least_turned(axes: NDArray[np.float64], group: PointGroup) -> NDArray[np.float64]:
    """Of equivalent axes those that are turned least: the fundamental zone of rotations.

    Parameters
    ----------
    axes : (3, 3) float array
        Columns are axes of the crystal.
    group : {"O", "D6"}
        Its rotations.

    Returns
    -------
    (3, 3) float array
        The same for all equivalent choices.

    Examples
    --------
    >>> quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> bool(np.allclose(least_turned(quarter, "O"), np.eye(3), rtol=0, atol=1e-12))
    True
    """
    equivalent = axes @ _rotations(group)
    traces = np.trace(equivalent, axis1=1, axis2=2)
    # On the boundary of the zone several are turned as little; the order of their rounded numbers decides.
    least = equivalent[traces >= traces.max() - SAME_TRACE]
    return np.asarray(max(least, key=lambda one: (np.round(one, 5) + 0.0).ravel().tolist()))


def direction_in_crystal(
    axes: NDArray[np.float64], direction: NDArray[np.float64], group: PointGroup
) -> NDArray[np.float64]:
    """A direction as the crystal sees it, in the standard triangle of its symmetry.

    Parameters
    ----------
    axes : (3, 3) float array
        Columns are axes of the crystal.
    direction : (3,) float array
        In the axes of the coordinates; its sign does not matter.
    group : {"O", "D6"}
        Rotations of the crystal.

    Returns
    -------
    (3,) float array
        Of length one. Cubic: 0 <= x <= y <= z, between [001], [011] and [111]. Hexagonal: z >= 0 along the sixfold axis, and 0 to 30
        degrees about it from a close-packed row.

    Examples
    --------
    >>> direction_in_crystal(np.eye(3), np.array([0.0, -3.0, 0.0]), "O").tolist()
    [0.0, 0.0, 1.0]
    """
    x, y, z = np.abs(axes.T @ direction / np.linalg.norm(direction))
    if group == "O":
        return np.sort([x, y, z])
    around = np.arctan2(y, x) % (np.pi / 3)
    around = min(around, np.pi / 3 - around)
    across = np.hypot(x, y)
    return np.array([across * np.cos(around), across * np.sin(around), z])


def nearest_axis(direction: NDArray[np.float64], group: PointGroup) -> tuple[str, float]:
    """The axis of low index that is nearest to a direction of the standard triangle.

    Parameters
    ----------
    direction : (3,) float array
        Of `direction_in_crystal`.
    group : {"O", "D6"}
        Rotations of the crystal.

    Returns
    -------
    tuple of str and float
        ``<100>``, ``<110>`` or ``<111>``; ``<0001>``, ``<11-20>`` (a close-packed row) or ``<10-10>``; the angle to it, degrees.

    Examples
    --------
    >>> name, angle = nearest_axis(np.array([0.0, 0.6, 0.8]), "O")
    >>> name, round(angle, 2)
    ('<110>', 8.13)
    """
    angles = {name: _angle_degrees(direction, np.array(axis)) for name, axis in LOW_INDEX[group].items()}
    name = min(angles, key=lambda one: angles[one])
    return name, angles[name]


def misorientation(
    first: NDArray[np.float64], second: NDArray[np.float64], group: PointGroup
) -> tuple[float, NDArray[np.float64] | None]:
    """The smallest turn that takes one crystal into the orientation of another of the same symmetry.

    Parameters
    ----------
    first, second : (3, 3) float array
        Columns are axes of the crystals.
    group : {"O", "D6"}
        Their rotations.

    Returns
    -------
    tuple of float and (3,) float array or None
        The angle, degrees: 0 to 62.8 for cubic, 0 to 93.8 for hexagonal crystals; its axis in the standard triangle, None without a turn.

    References
    ----------
    J. K. Mackenzie, Biometrika 45, 229 (1958); A. Morawiec, Orientations and Rotations, Springer (2004).

    Examples
    --------
    >>> twin = np.array([[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]) / 3.0
    >>> angle, axis = misorientation(np.eye(3), twin, "O")
    >>> round(angle, 6), axis.round(6).tolist()
    (60.0, [0.57735, 0.57735, 0.57735])
    """
    from scipy.spatial.transform import Rotation

    turns = first.T @ second @ _rotations(group)
    vector = Rotation.from_matrix(turns[np.argmax(np.trace(turns, axis1=1, axis2=2))]).as_rotvec()
    size = float(np.linalg.norm(vector))
    if size < 1e-6:
        return 0.0, None
    return float(np.degrees(size)), direction_in_crystal(np.eye(3), vector, group)


def _angle_degrees(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Between two vectors; exact for small angles too."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(first, second)), first @ second)))


@cache
def _rotations(group: PointGroup) -> NDArray[np.float64]:
    from scipy.spatial.transform import Rotation

    # scipy's types have D6 as "Dn" alone.
    name: Any = group
    matrices = np.asarray(Rotation.create_group(name).as_matrix())
    matrices.setflags(write=False)
    return matrices


@cache
def _shell(lattice: LatticeName) -> _Shell:
    settings = _neighbors(lattice)
    lengths = np.linalg.norm(settings, axis=2, keepdims=True)
    directions = settings / lengths
    pairs: dict[tuple[float, ...], NDArray[np.float64]] = {}
    rotations = _rotations(POINT_GROUPS[lattice])
    for one in directions:
        for first in one:
            for second in one:
                if abs(first @ second) < 0.99:
                    pair = np.stack([first, second])
                    images = np.round(pair @ rotations.transpose(0, 2, 1), 6) + 0.0
                    pairs.setdefault(max(map(tuple, images.reshape(-1, 6).tolist())), pair)
    return _Shell(settings / lengths.mean(), directions, np.array([_frame(*pair) for pair in pairs.values()]))


def _neighbors(lattice: LatticeName) -> NDArray[np.float64]:
    """Sites around an atom, shape (n_settings, n_sites, 3)."""
    if lattice == "hcp":
        row, rise = np.radians(60.0 * np.arange(6)), np.sqrt(2.0 / 3.0)
        basal = np.stack([np.cos(row), np.sin(row), np.zeros(6)], axis=1)
        settings = []
        for begin in (30.0, 90.0):
            hollow = np.radians(begin + 120.0 * np.arange(3))
            cap = np.stack([np.cos(hollow) / np.sqrt(3.0), np.sin(hollow) / np.sqrt(3.0), np.full(3, rise)], axis=1)
            settings.append(np.concatenate([basal, cap, cap * [1.0, 1.0, -1.0]]))
        return np.array(settings)
    half = {
        "sc": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "fcc": [[0, 1, 1], [0, 1, -1], [1, 0, 1], [1, 0, -1], [1, 1, 0], [1, -1, 0]],
        "bcc": [[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1], [2, 0, 0], [0, 2, 0], [0, 0, 2]],
    }[lattice]
    return np.concatenate([half, np.negative(half)])[None].astype(np.float64)


def _evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of them, from all over."""
    return rows[:: -(-rows.size // most)] if rows.size > most else rows


def _starts(neighbors: NDArray[np.float64], shell: _Shell) -> list[NDArray[np.float64]]:
    """Rotations that turn two sites of the lattice to two neighbours as nearly at right angles as there are."""
    seen = neighbors / np.linalg.norm(neighbors, axis=1, keepdims=True)
    other = seen[np.argmin(np.abs(seen @ seen[0]))]
    if abs(seen[0] @ other) > 0.9:
        return []
    frame = _frame(seen[0], other)
    return list(frame @ shell.frames.transpose(0, 2, 1))


def _frame(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns: the one, what of the other is normal to it, and what is normal to both."""
    across = second - (second @ first) * first
    across = across / np.linalg.norm(across)
    return np.stack([first, across, np.cross(first, across)], axis=1)


def _rotation(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation R with the largest sum of v . R t, from the sum of v t^T."""
    u, _, v = np.linalg.svd(moments)
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v)


def _errors(sums: _Sums, axes: NDArray[np.float64], scale: float | None = None) -> tuple[NDArray[np.float64], float]:
    """Mean square distance of the neighbours of each atom from their sites, and the scale, by default that of most atoms."""
    moments, of_vectors, of_sites, n_kept = sums
    along = np.einsum("aij,ij->a", moments, axes)
    if scale is None:
        scale = float(np.median(along / of_vectors))
    errors = scale**2 * of_vectors - 2.0 * scale * along + of_sites
    return np.maximum(errors, 0.0) / np.maximum(n_kept, 1), scale


@njit(cache=True, nogil=True)
def _matched(vectors, kept, sites, turned):  # type: ignore[no-untyped-def]
    """Neighbours beside the sites of the lattice in whose turned directions they are seen, summed for each atom.

    Gives the sum of v t^T with t in axes of the lattice, the sums of v^2 and of t^2, and their number.
    """
    n_atoms, n_neighbors = vectors.shape[0], vectors.shape[1]
    moments = np.zeros((n_atoms, 3, 3))
    of_vectors, of_sites, n_kept = np.zeros(n_atoms), np.zeros(n_atoms), np.zeros(n_atoms, dtype=np.int64)
    nearest = np.zeros((sites.shape[0], n_neighbors), dtype=np.int64)
    for a in range(n_atoms):
        setting, most = 0, -np.inf
        for s in range(sites.shape[0]):
            total = 0.0
            for n in range(n_neighbors):
                if not kept[a, n]:
                    continue
                x, y, z = vectors[a, n, 0], vectors[a, n, 1], vectors[a, n, 2]
                best = -np.inf
                for k in range(sites.shape[1]):
                    along = x * turned[s, k, 0] + y * turned[s, k, 1] + z * turned[s, k, 2]
                    if along > best:
                        best, nearest[s, n] = along, k
                total += best / np.sqrt(x * x + y * y + z * z)
            if total > most:
                setting, most = s, total
        for n in range(n_neighbors):
            if kept[a, n]:
                n_kept[a] += 1
                for i in range(3):
                    of_vectors[a] += vectors[a, n, i] ** 2
                    of_sites[a] += sites[setting, nearest[setting, n], i] ** 2
                    for j in range(3):
                        moments[a, i, j] += vectors[a, n, i] * sites[setting, nearest[setting, n], j]
    return moments, of_vectors, of_sites, n_kept


@njit(cache=True, nogil=True)
def _likeness(vectors, kept, directions, starts):  # type: ignore[no-untyped-def]
    """Mean cosine between the neighbours of each atom and the sites they are nearest to, for each start: (n_starts, n_atoms)."""
    n_settings, n_sites = directions.shape[0], directions.shape[1]
    likeness = np.zeros((starts.shape[0], vectors.shape[0]))
    turned = np.zeros((n_settings, n_sites, 3))
    for i in range(starts.shape[0]):
        turned[:] = 0.0
        for s in range(n_settings):
            for k in range(n_sites):
                for j in range(3):
                    for m in range(3):
                        turned[s, k, j] += starts[i, j, m] * directions[s, k, m]
        for a in range(vectors.shape[0]):
            for s in range(n_settings):
                total, n_kept = 0.0, 0
                for n in range(vectors.shape[1]):
                    if not kept[a, n]:
                        continue
                    x, y, z = vectors[a, n, 0], vectors[a, n, 1], vectors[a, n, 2]
                    best = -np.inf
                    for k in range(n_sites):
                        best = max(best, x * turned[s, k, 0] + y * turned[s, k, 1] + z * turned[s, k, 2])
                    total += best / np.sqrt(x * x + y * y + z * z)
                    n_kept += 1
                if n_kept:
                    likeness[i, a] = max(likeness[i, a], total / n_kept)
    return likeness
