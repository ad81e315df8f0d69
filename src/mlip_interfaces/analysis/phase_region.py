"""The space that phases take in a stack of layers, and the same space at a later time, when its planes have moved."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.phase_layers import phase_layers
from mlip_interfaces.analysis.slab import Slab

OF_THE_PHASE = 0.5
"""Least share of the atoms of a layer that makes it one of the phases."""


def phase_slab(
    slices: NDArray[np.integer],
    names: Sequence[str],
    wanted: Collection[str],
    height_angstrom: float,
    before: Slab | None = None,
) -> Slab | None:
    """The space that phases take: neighbouring layers with half or more of their atoms in them.

    Parameters
    ----------
    slices : (n_slices, n_phases) int array
        Atoms of each phase in equal slices of the periodic cell.
    names : sequence of str
        Of the phases.
    wanted : collection of str
        Phases that count together.
    height_angstrom : float, angstrom
        Of the cell.
    before : Slab or None
        The same space at an earlier time.

    Returns
    -------
    Slab or None
        Of several such spaces the thickest, or the one whose middle is nearest to that of `before`; None where there is none.

    Examples
    --------
    >>> slices = np.zeros((40, 3), dtype=int)
    >>> slices[:10, 0] = slices[10:20, 1] = slices[20:, 2] = 6
    >>> phase_slab(slices, ["Li", "Li2S", "Li7P3S11"], {"Li2S"}, 20.0)
    Slab(low=0.25, width=0.25)
    """
    layers = phase_layers(slices, names, height_angstrom)
    own = [sum(layer.shares.get(name, 0.0) for name in wanted) >= OF_THE_PHASE for layer in layers]
    if all(own):
        return Slab(0.0, 1.0)
    found: list[Slab] = []
    n_layers = len(layers)
    for first in range(n_layers):
        if not own[first] or own[first - 1]:
            continue
        last = first
        while own[(last + 1) % n_layers]:
            last += 1
        width = sum(layers[k % n_layers].thickness_angstrom for k in range(first, last + 1)) / height_angstrom
        found.append(Slab(layers[first].from_angstrom / height_angstrom % 1.0, width))
    if before is None:
        return max(found, key=lambda slab: slab.width, default=None)
    return min(found, key=lambda slab: _apart(slab, before), default=None)


def _apart(first: Slab, second: Slab) -> float:
    """Distance of the middles of two slabs, through the boundary where that is shorter."""
    return abs((first.low + 0.5 * first.width - second.low - 0.5 * second.width + 0.5) % 1.0 - 0.5)
