"""Held-out sets by trajectory: frames of one run are near copies of each other, so a run is held out whole or not at all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
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
    # Trajectories left to train on, of each system and of each layer.
    systems = Counter(trajectory.system for trajectory in usable)
    layers = Counter(layer for trajectory in usable for layer in trajectory.layers)

    def is_free(trajectory: Trajectory) -> bool:
        return (
            trajectory not in chosen
            and systems[trajectory.system] > 1
            and all(layers[layer] > 1 for layer in trajectory.layers)
        )

    def choose(trajectory: Trajectory) -> None:
        chosen.append(trajectory)
        systems.subtract([trajectory.system])
        layers.subtract(trajectory.layers)

    for trajectory in order:
        if trajectory.name in first and is_free(trajectory):
            choose(trajectory)
    while True:
        covered = frozenset().union(*(trajectory.layers for trajectory in chosen))
        new = [trajectory for trajectory in order if trajectory.layers - covered and is_free(trajectory)]
        if not new:
            break
        choose(min(new, key=lambda trajectory: (-len(trajectory.layers - covered), trajectory.n_frames)))
    while True:
        left = budget - sum(trajectory.n_frames for trajectory in chosen)
        fitting = next((one for one in order if one.n_frames <= left and is_free(one)), None)
        if fitting is None:
            return frozenset(trajectory.name for trajectory in chosen)
        choose(fitting)
