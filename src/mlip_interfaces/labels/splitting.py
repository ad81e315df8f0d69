"""Held-out sets by trajectory: frames of one run are near copies of each other, so a run is held out whole or not at all."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Labels that are not independent of each other: one MD or exploration run, or the copies of one parent.

    Attributes
    ----------
    name : str
        Unlike all others.
    system : str
        The structure it belongs to; a system is never held out whole.
    n_frames : int
        Number of good labels.
    layers : frozenset of str
        Names of the layers its atoms belong to.
    """

    name: str
    system: str
    n_frames: int
    layers: frozenset[str]


def hold_out(
    trajectories: Sequence[Trajectory], share: float, *, seed: int, first: Collection[str] = ()
) -> frozenset[str]:
    """Names of the trajectories to hold out.

    First those named by `first`, as far as the last sentence allows, whatever their share. Then, for each layer not yet
    held out, the trajectory that covers most such layers with the fewest frames, even where that exceeds the share: an
    error that says nothing about a layer is worth little. Then others in random order, while they fit. A system, and a
    layer, always keeps at least one trajectory to train on.

    Parameters
    ----------
    trajectories : sequence of Trajectory
        All of them.
    share : float
        Part of all frames that should be held out, 0 (nothing at all) to below 1.
    seed : int
        Of the random order.
    first : collection of str, optional
        Names of trajectories that are held out before any other.

    Returns
    -------
    frozenset of str
        Of all trajectories, those to hold out.

    Examples
    --------
    >>> runs = [Trajectory(name, "cell", 10, frozenset({"a"})) for name in ("cold", "warm", "hot")]
    >>> sorted(hold_out(runs, 0.4, seed=1)) in (["cold"], ["hot"], ["warm"])
    True
    """
    usable = [trajectory for trajectory in trajectories if trajectory.n_frames > 0]
    if share <= 0:
        return frozenset()
    order = sorted(usable, key=lambda trajectory: trajectory.name)
    random.Random(seed).shuffle(order)
    budget = share * sum(trajectory.n_frames for trajectory in usable)
    chosen: list[Trajectory] = []

    def free() -> Iterator[Trajectory]:
        for trajectory in order:
            kept = [other for other in usable if other is not trajectory and other not in chosen]
            if trajectory in chosen or all(other.system != trajectory.system for other in kept):
                continue
            if trajectory.layers <= frozenset().union(*(other.layers for other in kept)):
                yield trajectory

    for trajectory in order:
        if trajectory.name in first and any(trajectory is other for other in free()):
            chosen.append(trajectory)
    while True:
        covered = frozenset().union(*(trajectory.layers for trajectory in chosen))
        new = [trajectory for trajectory in free() if trajectory.layers - covered]
        if not new:
            break
        chosen.append(min(new, key=lambda trajectory: (-len(trajectory.layers - covered), trajectory.n_frames)))
    while True:
        left = budget - sum(trajectory.n_frames for trajectory in chosen)
        fitting = [trajectory for trajectory in free() if trajectory.n_frames <= left]
        if not fitting:
            return frozenset(trajectory.name for trajectory in chosen)
        chosen.append(fitting[0])
