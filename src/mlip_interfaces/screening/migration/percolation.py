"""Percolation of hops through a crystal: in how many directions, from which barrier, and along which path."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.screening.migration.hops import Edge, reverse

AXES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path.

    Attributes
    ----------
    edge : Edge
        In the direction of the path.
    number : int
        Of the edge in the list given.
    is_forward : bool
        Whether the list has it in this direction.
    """

    edge: Edge
    number: int
    is_forward: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where on a network percolates.

    Attributes
    ----------
    level : float
        The least level whose edges suffice.
    limiting : int
        Number of the edge that was missing below it.
    path : tuple of Step
        Along an axis: from a site to one of its images, with as few steps as possible, through the limiting edge first. Empty for a
        number of directions.
    """

    level: float
    limiting: int
    path: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Percolation:
    """Thresholds of a network.

    Attributes
    ----------
    directions : dict of int to Threshold
        By the number of independent directions, 1 to 3, that one connected network reaches without end; those that it never does are
        left out.
    axes : dict of str to Threshold
        By the lattice vector, a to c, along which a network advances without end.
    """

    directions: dict[int, Threshold]
    axes: dict[str, Threshold]


def percolation(n_sites: int, edges: Sequence[Edge], levels: Sequence[float]) -> Percolation:
    """Thresholds of a periodic network whose edges open one after the other.

    Parameters
    ----------
    n_sites : int
        Of the cell.
    edges : sequence of Edge
        Of the cell; each is there in all cells, and leads both ways.
    levels : sequence of float
        From which on each is open.

    Returns
    -------
    Percolation
        With the edge that limits each.

    Notes
    -----
    Each site has a lattice vector that leads to it from the first site of its connected part. An edge within a part closes a loop; the loop leads
    from a cell to the cell that lies the sum of its lattice vectors away, its winding. The rank of all windings of a part is the number of directions in
    which it has no end: 0 for a cage, 1 for a channel, 2 for a layer, 3 for a network.

    Examples
    --------
    >>> chain = percolation(1, [(0, 0, (1, 0, 0)), (0, 0, (0, 0, 1))], [0.2, 0.5])
    >>> {number: one.level for number, one in chain.directions.items()}, sorted(chain.axes)
    ({1: 0.2, 2: 0.5}, ['a', 'c'])
    """
    part = list(range(n_sites))
    offset = np.zeros((n_sites, 3), dtype=np.int64)
    windings: list[NDArray[np.int64]] = [np.zeros((0, 3), dtype=np.int64) for _ in range(n_sites)]
    directions: dict[int, Threshold] = {}
    axes: dict[str, Threshold] = {}
    order = sorted(range(len(edges)), key=lambda number: levels[number])
    for n_open, number in enumerate(order, start=1):
        first, second, shift = edges[number]
        one, other = part[first], part[second]
        # Of the second site, seen from the first site of the first one's part.
        across = offset[first] + np.array(shift, dtype=np.int64) - offset[second]
        if one == other:
            if not across.any():
                continue
            windings[one] = _independent(np.vstack([windings[one], across]))
            for axis in np.flatnonzero(across):
                if AXES[axis] not in axes:
                    opened = [(edges[k], k) for k in order[:n_open]]
                    axes[AXES[axis]] = Threshold(levels[number], number, _way_round(opened, number, int(axis)))
        else:
            for site in range(n_sites):
                if part[site] == other:
                    part[site], offset[site] = one, offset[site] + across
            windings[one] = _independent(np.vstack([windings[one], windings[other]]))
        for rank in range(1, len(windings[one]) + 1):
            directions.setdefault(rank, Threshold(levels[number], number))
    return Percolation(directions, {axis: axes[axis] for axis in AXES if axis in axes})


def _independent(vectors: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first vectors of a list that are linearly independent."""
    kept = vectors[:0]
    for vector in vectors:
        grown = np.vstack([kept, vector])
        if np.linalg.matrix_rank(grown) == len(grown):
            kept = grown
    return kept


def _way_round(opened: Sequence[tuple[Edge, int]], limiting: int, axis: int) -> tuple[Step, ...]:
    """The shortest way through an edge that ends on an image of where it began, further along an axis."""
    ways: dict[int, list[Step]] = {}
    for edge, number in opened:
        ways.setdefault(edge[0], []).append(Step(edge, number, True))
        if edge[0] != edge[1] or any(edge[2]):
            ways.setdefault(edge[1], []).append(Step(reverse(edge), number, False))
    begin = next(edge for edge, number in opened if number == limiting)
    start = begin[1], begin[2][axis]
    came: dict[tuple[int, int], tuple[tuple[int, int], Step] | None] = {start: None}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if here[0] == begin[0] and here[1] != 0:
            steps: list[Step] = []
            last = came[here]
            while last is not None:
                steps.append(last[1])
                last = came[last[0]]
            return (Step(begin, limiting, True), *reversed(steps))
        for step in ways[here[0]]:
            there = step.edge[1], here[1] + step.edge[2][axis]
            if there not in came:
                came[there] = here, step
                queue.append(there)
    raise AssertionError("an edge that closes a loop along an axis lies on a way along it")
