"""The figure of an amorphous layer: what it went through, and its g(r) beside the crystal's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, new_figure, styled

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class GlassPair:
    """g(r) of one pair of elements: r, g of the layer and g of the crystal or None, shape (n_bins,) each."""

    r: Array
    layer: Array
    crystal: Array | None


@styled
def amorphous_layer(
    time_ps: Array, temperature_kelvin: Array, height_angstrom: Array, pairs: Mapping[str, GlassPair], *, title: str
) -> Figure:
    """Temperature (and height, where it moved) against time; g(r) of every pair, the crystal's drawn below zero.

    Parameters
    ----------
    time_ps : (n,) float array, ps
        Of the schedule.
    temperature_kelvin : (n,) float array, K
        At these times.
    height_angstrom : (n,) float array, angstrom
        At these times.
    pairs : mapping of str to GlassPair
        By pair.
    title : str
        Shown above.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1 + len(pairs), width=3.0 * (1 + len(pairs)), height=3.0)
    schedule = axes[0, 0]
    schedule.plot(time_ps, temperature_kelvin, color=PALETTE[1], lw=0.9)
    schedule.set_xlabel("time (ps)")
    schedule.set_ylabel("temperature (K)")
    schedule.set_ylim(0.0, None)
    schedule.set_title("schedule", loc="left")
    if np.ptp(height_angstrom) > 1e-6:
        right = schedule.twinx()
        right.plot(time_ps, height_angstrom, color=PALETTE[0], lw=0.9)
        right.set_ylabel("height (Å)", color=PALETTE[0])
        right.spines["right"].set_visible(True)
    for number, (name, pair) in enumerate(pairs.items()):
        ax = axes[0, 1 + number]
        ax.fill_between(pair.r, pair.layer, color=PALETTE[1], alpha=0.25, lw=0)
        ax.plot(pair.r, pair.layer, color=PALETTE[1], label="layer")
        if pair.crystal is not None:
            # Needles would dwarf the layer: the crystal is scaled to its height.
            scale = float(pair.layer.max()) / max(float(pair.crystal.max()), 1e-9)
            ax.fill_between(pair.r, -scale * pair.crystal, color=PALETTE[0], alpha=0.35, lw=0, label="crystal (scaled)")
        ax.axhline(0.0, color="#666666", lw=0.6)
        ax.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(name, loc="left")
        ax.set_xlabel("r (Å)")
        ax.set_xlim(pair.r[0], pair.r[-1])
    if pairs:
        axes[0, 1].set_ylabel("g(r)")
        axes[0, 1].legend(loc="lower right")
    figure.suptitle(title, fontsize=9)
    return figure
