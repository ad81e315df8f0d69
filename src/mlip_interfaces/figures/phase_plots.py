"""Phases against depth and time, and the stack of layers at one time, on panels of a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE

PHASE_COLORS = {
    "Li": "#8E7CC3", "Li2S": "#F0C808", "Li3P": "#D55E00", "LiP": "#B2182B", "Li3P7": "#CC79A7", "LiP7": "#E7B5D0", "LixP": "#8C4B2F",
    "Li7P3S11": "#0072B2", "Li3PS4": "#3B9AD9", "Li6PS5Cl": "#56B4E9", "glass": "#9ECAE1", "PS4": "#009E73", "P2S6": "#66C2A5",
    "PSx": "#A6D854", "LiF": "#2CA02C", "LiCl": "#17BECF", "LiCoO2": "#1F4E9E", "CoSx": "#5E3C99", "CoS2": "#B2ABD2", "PO4": "#E69F00",
    "SO4": "#FDB863", "Li2O": "#D62728", "unknown": "#BBBBBB",
}  # fmt: skip
"""Of the phases of the two seeds; of others, colours of the palette in turn."""

LABELLED = 0.06
"""Of the depth, the least that a layer's name has room on."""


def phase_color(name: str, place: int) -> str:
    """Colour of a phase.

    Parameters
    ----------
    name : str
        Of the phase.
    place : int
        Among those that are drawn, for a phase without a colour of its own.

    Returns
    -------
    str
        As matplotlib takes it.
    """
    return PHASE_COLORS.get(name, PALETTE[place % len(PALETTE)])


def draw_phase_map(
    ax: Axes,
    times_ps: NDArray[np.float64],
    shares: NDArray[np.float64],
    height_angstrom: float,
    colors: Sequence[str],
    labels: Mapping[str, str],
) -> None:
    """Composition of each slice at each time, as a mixture of the colours of its phases.

    Parameters
    ----------
    ax : Axes
        The panel.
    times_ps : (n_maps,) float array, ps
        Of the maps.
    shares : (n_maps, n_slices, n_phases) float array
        Of the atoms of each slice; all zero where there is none.
    height_angstrom : float, angstrom
        Of the cell.
    colors : sequence of str
        Of the phases.
    labels : mapping of str to str
        Name of each phase in the legend -> its colour.
    """
    rgb = shares @ np.array([to_rgb(color) for color in colors])
    rgb[shares.sum(axis=2) == 0.0] = 1.0
    half = 0.5 * float(times_ps[-1] - times_ps[0]) / max(1, len(times_ps) - 1) or 0.5
    extent = (float(times_ps[0]) - half, float(times_ps[-1]) + half, 0.0, height_angstrom)
    ax.imshow(
        np.clip(rgb, 0.0, 1.0).transpose(1, 0, 2), origin="lower", aspect="auto", extent=extent, interpolation="nearest"
    )
    ax.set_xlabel("time (ps)")
    handles = [Patch(color=color, label=name) for name, color in labels.items()]
    ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncol=min(5, max(1, len(handles))), handlelength=1.0,
        columnspacing=1.0,
    )  # fmt: skip


def draw_stack(
    ax: Axes,
    shares: NDArray[np.float64],
    height_angstrom: float,
    colors: Sequence[str],
    layers: Sequence[tuple[str, float, float]],
) -> None:
    """Shares of the phases against depth, and the planes and names of the layers.

    Parameters
    ----------
    ax : Axes
        The panel.
    shares : (n_slices, n_phases) float array
        Of the atoms of each slice.
    height_angstrom : float, angstrom
        Of the cell.
    colors : sequence of str
        Of the phases.
    layers : sequence of (str, float, float)
        Name and planes of each layer, angstrom; the first may begin below zero.
    """
    depth = (np.arange(len(shares)) + 0.5) * height_angstrom / len(shares)
    ax.stackplot(depth, *(100.0 * shares.T), colors=list(colors), lw=0)
    for name, low, high in layers:
        if 0.0 < low < height_angstrom:
            ax.axvline(low, color="#000000", lw=0.8)
        if low < 0.0:
            ax.axvline(low + height_angstrom, color="#000000", lw=0.8)
        # The larger part of a layer that reaches through the boundary has the name.
        start, stop = (
            (low, high) if low >= 0.0 else (0.0, high) if high >= -low else (low + height_angstrom, height_angstrom)
        )
        if stop - start >= LABELLED * height_angstrom:
            ax.text(0.5 * (start + stop), 103.0, name.replace(" + ", "\n+ "), ha="center", va="bottom", fontsize=7)
    ax.set_xlim(0.0, height_angstrom)
    ax.set_ylim(0.0, 100.0)
    ax.set_ylabel("atoms (%)")
