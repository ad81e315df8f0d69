"""Gate ``pairs``: two atoms driven into each other inside a host, for every pair of elements that it has.

A potential that has seen no close contact of two elements may find them attractive without end: a hole, into which hot or
compressed atoms fall. So each pair is scanned where it would meet in production, with the host's other atoms around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.chemistry import TOO_CLOSE_SHARE
from mlip_interfaces.chemistry.contacts import shortest_allowed
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import (
    Evaluate,
    Floats,
    Found,
    Frame,
    Gate,
    Host,
    Measurement,
    Quantity,
)
from mlip_interfaces.potentials.gates.geometry import (
    all_pairs,
    minimum_images,
    of_one_kind,
    pair_name,
)
from mlip_interfaces.potentials.gates.relaxing import relax

SHORTEST_BOND_ANGSTROM = 1.1
"""No bond of two atoms other than hydrogen is shorter (N2 1.10, CO 1.13, O2 1.21): within it every pair repels."""

_N_REPAIR_FRAMES = 8
_NEIGHBORHOOD_ANGSTROM, _ABOUT_AS_NEAR = 8.0, 1.3
_COARSER_OUTSIDE = 4
"""Times the step, farther away than where the pair stands: that part is drawn and not judged."""

HOLE, WALL, FALL, PULL = "pair_hole_ev", "pair_wall_ev", "pair_fall_ev", "pair_pull_ev_per_angstrom"


@dataclass(frozen=True, slots=True)
class PairPlace:
    """Two atoms of a host that will be driven into each other.

    Attributes
    ----------
    first, second : str
        Their elements.
    fixed, moved : int
        The atom that stays and the one that is moved.
    site : int
        Atom that the moved one has changed places with, itself where it has not.
    """

    first: str
    second: str
    fixed: int
    moved: int
    site: int


@dataclass(frozen=True, slots=True)
class Wall:
    """What a scan of one pair shows; all energies from the place where the pair began.

    Attributes
    ----------
    hole_ev : float, eV
        Deepest fall of the energy on the way in, from where two atoms are too close; energies above the wall that is asked
        for count as that wall, since nothing gets there.
    wall_ev : float, eV
        Highest energy on the way in.
    fall_ev : float, eV
        Deepest fall anywhere on the way in, with the same cap: into a bond, or into a hole where a bond could be.
    pull_ev_per_angstrom : float, eV/angstrom
        Strongest force that pulls two atoms that are too close together, below the wall that is asked for.
    hole_at_angstrom, fall_at_angstrom : float, angstrom
        Where the two falls end.
    """

    hole_ev: float
    wall_ev: float
    fall_ev: float
    pull_ev_per_angstrom: float
    hole_at_angstrom: float
    fall_at_angstrom: float


def too_close_angstrom(first: str, second: str) -> float:
    """Distance within which two atoms must repel each other, whatever is around them.

    Parameters
    ----------
    first, second : str
        The elements.

    Returns
    -------
    float, angstrom
        `TOO_CLOSE_SHARE` of the sum of their covalent radii, and the shortest bond there is at least.

    Examples
    --------
    >>> round(too_close_angstrom("Li", "Li"), 2), too_close_angstrom("F", "F")
    (1.79, 1.1)
    """
    return max(shortest_allowed(first, second, TOO_CLOSE_SHARE), SHORTEST_BOND_ANGSTROM)


def place_pairs(host: Host) -> list[PairPlace]:
    """Where each pair of elements meets in a host.

    An atom of the one element keeps its site. The nearest atom of the other one on a site of its own kind (cation or anion)
    takes the nearest such site next to it; what was there goes where that atom came from. Elements that are neighbours anyway
    stay where they are.

    Parameters
    ----------
    host : Host
        The structure.

    Returns
    -------
    list of PairPlace
        One for each pair.
    """
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    kinds = np.array(host.symbols)
    atoms = Atoms(list(host.symbols), positions=host.positions, cell=host.cell, pbc=True)
    one_end, other_end, distance = neighbor_list("ijd", atoms, _NEIGHBORHOOD_ANGSTROM)
    others = one_end != other_end
    order = np.argsort(distance[others], kind="stable")
    one_end, other_end, distance = (part[others][order] for part in (one_end, other_end, distance))
    places = []
    for first, second in all_pairs(host.symbols):
        around = kinds[one_end] == first
        on_sites = np.array([of_one_kind(symbol, second) for symbol in host.symbols])[other_end] & around
        natural = np.flatnonzero((kinds[other_end] == second) & around)
        if not on_sites.any():
            continue
        nearest = int(np.argmax(on_sites))
        # Natural neighbours where there are some that are about as near.
        if natural.size and distance[natural[0]] <= _ABOUT_AS_NEAR * distance[nearest]:
            nearest = int(natural[0])
        fixed, site = int(one_end[nearest]), int(other_end[nearest])
        moved = site
        if kinds[site] != second:
            candidates = np.flatnonzero((kinds == second) & (np.arange(len(kinds)) != fixed))
            vectors = minimum_images(host.positions[candidates] - host.positions[site], host.cell)
            moved = int(candidates[np.linalg.norm(vectors, axis=1).argmin()])
        places.append(PairPlace(first, second, fixed, moved, site))
    return places


def judge_wall(
    distances: Floats, energies: Floats, pulls: Floats, *, start: float, too_close: float, wall: float
) -> Wall:
    """What a scan says of the wall between two atoms.

    Parameters
    ----------
    distances : (n,) float array, angstrom
        Ascending.
    energies : (n,) float array, eV
        Above that at `start`.
    pulls : (n,) float array, eV/angstrom
        Force on the moved atom towards the other one.
    start : float, angstrom
        Where the pair stood; only what is nearer counts.
    too_close : float, angstrom
        Within it the two must repel.
    wall : float, eV
        As high as anything gets.

    Returns
    -------
    Wall
        Not-a-number throughout where an energy is none, or where the pair stands too close already.
    """
    way_in = distances <= start
    none = float("nan")
    if start <= too_close or not way_in.any() or not np.isfinite(energies[way_in]).all():
        return Wall(none, none, none, none, none, none)
    r, energy, pull = distances[way_in][::-1], energies[way_in][::-1], pulls[way_in][::-1]
    near = r <= too_close
    falls = _falls(np.minimum(energy, wall))
    holes = _falls(np.minimum(energy[near], wall))
    reachable = pull[near & (energy < wall)]
    return Wall(
        hole_ev=float(holes.max(initial=0.0)),
        wall_ev=float(energy.max()),
        fall_ev=float(falls.max()),
        pull_ev_per_angstrom=float(reachable.max(initial=0.0)),
        hole_at_angstrom=float(r[near][holes.argmax()]) if holes.size else none,
        fall_at_angstrom=float(r[falls.argmax()]),
    )


def _falls(energies: Floats) -> Floats:
    """How far each is below the highest before it."""
    below: Floats = np.maximum.accumulate(energies) - energies
    return below


def measure(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates) -> Found:
    """Scan every pair of every host that is an interface, or of the bulk cells where there is none.

    Parameters
    ----------
    evaluate : callable
        The potential.
    hosts : sequence of Host
        Structures; a pair is scanned in the first that has it.
    settings : Gates
        Of the study.

    Returns
    -------
    Found
        Four numbers for each pair, the scans, and for each pair frames along its scan.
    """
    measurements: list[Measurement] = []
    curves: dict[str, Floats] = {}
    frames: dict[str, tuple[Frame, ...]] = {}
    done: set[frozenset[str]] = set()
    for host in sorted(hosts, key=lambda host: host.role == "bulk"):
        places = [place for place in place_pairs(host) if frozenset((place.first, place.second)) not in done]
        if not places:
            continue
        done |= {frozenset((place.first, place.second)) for place in places}
        relaxed = relax(
            evaluate,
            host.symbols,
            np.array([_exchanged(host.positions, place) for place in places]),
            np.tile(host.cell, (len(places), 1, 1)),
            n_steps=settings.pair_relax_steps,
        )
        for place, positions, energy in zip(places, relaxed.positions, relaxed.energies, strict=True):
            name = pair_name(place.first, place.second)
            wall, curve, path = _scan(evaluate, host, place, positions, float(energy), settings)
            curves[name], frames[name] = curve, path
            begun = float(np.linalg.norm(_vector(positions, place, host.cell)))
            where = f"in {host.name}, where the pair stands at {begun:.2f} angstrom"
            measurements += [
                Measurement(name, HOLE, wall.hole_ev, _at(wall.hole_at_angstrom, where)),
                Measurement(name, WALL, wall.wall_ev, where),
                Measurement(name, FALL, wall.fall_ev, _at(wall.fall_at_angstrom, where)),
                Measurement(name, PULL, wall.pull_ev_per_angstrom, where),
            ]
    return Found(tuple(measurements), curves, frames)


def _at(distance: float, where: str) -> str:
    return f"at {distance:.2f} angstrom {where}" if np.isfinite(distance) else where


def _vector(positions: Floats, place: PairPlace, cell: Floats) -> Floats:
    """From the fixed atom to the moved one."""
    vector: Floats = minimum_images((positions[place.moved] - positions[place.fixed])[None], cell)[0]
    return vector


def _exchanged(positions: Floats, place: PairPlace) -> Floats:
    """Positions with the moved atom on its site, next to the fixed one."""
    places = positions.copy()
    places[[place.moved, place.site]] = places[[place.site, place.moved]]
    return places


def _scan(
    evaluate: Evaluate, host: Host, place: PairPlace, positions: Floats, energy: float, settings: Gates
) -> tuple[Wall, Floats, tuple[Frame, ...]]:
    """The wall of one pair, its curve, and frames from its beginning inwards."""
    vector = _vector(positions, place, host.cell)
    start = float(np.linalg.norm(vector))
    direction = vector / start if start > 0 else np.array([0.0, 0.0, 1.0])
    distances = _distances(settings, start)
    path = _along(positions, place, direction, distances)
    energies, forces = evaluate(host.symbols, path, np.tile(host.cell, (len(distances), 1, 1)))
    above = np.asarray(energies) - energy
    pulls = -forces[:, place.moved] @ direction
    too_close = too_close_angstrom(place.first, place.second)
    wall = judge_wall(distances, above, pulls, start=start, too_close=too_close, wall=settings.min_pair_wall_ev)
    nearest = max(settings.pair_from_angstrom, 0.8 * too_close)
    shown = np.linspace(nearest, max(start, nearest), _N_REPAIR_FRAMES)
    frames = tuple(
        Frame(host.symbols, places, host.cell, f"{place.first}-{place.second} at {r:.3f} angstrom in {host.name}")
        for r, places in zip(shown, _along(positions, place, direction, shown), strict=True)
    )
    return wall, np.array([distances, above]), frames


def _distances(settings: Gates, start: float) -> Floats:
    """Points of a scan, ascending."""
    n_points = round((settings.pair_to_angstrom - settings.pair_from_angstrom) / settings.pair_step_angstrom) + 1
    points = np.linspace(settings.pair_from_angstrom, settings.pair_to_angstrom, n_points)
    inside = points <= start
    return np.concatenate([points[inside], points[~inside][::_COARSER_OUTSIDE]])


def _along(positions: Floats, place: PairPlace, direction: Floats, distances: Floats) -> Floats:
    path: NDArray[np.float64] = np.repeat(positions[None], len(distances), axis=0)
    path[:, place.moved] = positions[place.fixed] + distances[:, None] * direction
    return path


PAIRS = Gate(
    "pairs",
    "two atoms driven into each other, for every pair of elements",
    (
        Quantity(HOLE, "fall of the energy where two atoms are too close", "eV", "at most", "max_pair_hole_ev"),
        Quantity(WALL, "height of the wall", "eV", "at least", "min_pair_wall_ev"),
        Quantity(FALL, "fall of the energy on the way in", "eV", "at most", "max_pair_fall_ev"),
        Quantity(PULL, "pull where two atoms are too close", "eV/angstrom", "at most", "max_pair_pull_ev_per_angstrom"),
    ),
    measure,
)
