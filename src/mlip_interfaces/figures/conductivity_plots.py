"""The figure of conductivities against temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty, styled

_MARKERS = ("o", "s", "^", "D", "P", "X")
_DECADES_BELOW = 0.3
"""Shown below the smallest value: intervals that reach to zero go on and on."""


@dataclass(frozen=True, slots=True)
class Points:
    """Values at temperatures.

    Attributes
    ----------
    kelvin : (n,) float array, K
        Temperatures.
    value, low, high : (n,) float array, mS/cm
        Value and ends of the 95 % interval.
    known : (n,) bool array
        False where the upper end is a bound and nothing more is known.
    """

    kelvin: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    known: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line and its band.

    Attributes
    ----------
    kelvin : (n,) float array, K
        Temperatures.
    value, low, high : (n,) float array, mS/cm
        Line and ends of its 95 % interval.
    """

    kelvin: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrystalPoints:
    """What is shown of one crystal.

    Attributes
    ----------
    name : str
        In the legend.
    collective, independent : Points
        Conductivity of the collective displacement, and of Nernst and Einstein.
    collective_line, independent_line : Curve or None
        Their lines.
    """

    name: str
    collective: Points
    independent: Points
    collective_line: Curve | None
    independent_line: Curve | None


@styled
def conductivity_against_temperature(crystals: Sequence[CrystalPoints], at_kelvin: float) -> Figure:
    """Conductivity times temperature against 1000 / T: collective above, of independent ions below.

    Parameters
    ----------
    crystals : sequence of CrystalPoints
        One or more.
    at_kelvin : float, K
        Where lines are read; a dotted line.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(2, 1, width=6.4, height=7.0, sharex=True, sharey=True)
    panels = (
        (axes[0, 0], "collective (with the Haven ratio)", "collective", "collective_line"),
        (axes[1, 0], "Nernst-Einstein", "independent", "independent_line"),
    )
    floor = _floor(crystals)
    for ax, title, points, line in panels:
        for number, one in enumerate(crystals):
            color, marker = PALETTE[number % len(PALETTE)], _MARKERS[number % len(_MARKERS)]
            _draw(ax, getattr(one, points), getattr(one, line), color, marker, floor, one.name)
        if not all(getattr(one, points).known.all() for one in crystals):
            ax.text(
                0.9,
                0.98,
                "hollow: a bound, not fitted",
                ha="right",
                va="top",
                transform=ax.transAxes,
                fontsize=8,
                color="#666666",
            )
        if floor == 0.0:
            note_empty(ax, "no conductivity is above zero")
            continue
        ax.axvline(1000.0 / at_kelvin, color="#999999", ls=":", lw=1.0, zorder=0)
        ax.set_yscale("log")
        ax.set_title(title, loc="left")
        ax.set_ylabel("$\\sigma T$ (K mS/cm), 95 %")
    if floor > 0.0:
        axes[0, 0].set_ylim(bottom=floor)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
        axes[1, 0].set_xlabel(f"1000 / T (1/K); dotted: {at_kelvin:g} K")
    return figure


def _floor(crystals: Sequence[CrystalPoints]) -> float:
    """Lowest value shown, K mS/cm; zero where nothing is positive."""
    shown = [
        part.kelvin * (part.value if known else part.high)
        for one in crystals
        for part in (one.collective, one.independent)
        for known in (True, False)
    ]
    shown += [
        part.kelvin * part.low
        for one in crystals
        for part in (one.collective_line, one.independent_line)
        if part is not None
    ]
    values = np.concatenate(shown)
    positive = values[values > 0.0]
    return float(positive.min() * 10.0**-_DECADES_BELOW) if positive.size else 0.0


def _draw(ax: Axes, points: Points, line: Curve | None, color: str, marker: str, floor: float, name: str) -> None:
    known = points.known & (points.value > 0.0)
    kelvin, value = points.kelvin[known], (points.kelvin * points.value)[known]
    low, high = (np.maximum(points.kelvin * end, floor)[known] for end in (points.low, points.high))
    ax.errorbar(
        1000.0 / kelvin, value, yerr=[np.maximum(value - low, 0.0), np.maximum(high - value, 0.0)], fmt=marker, color=color, ms=5, capsize=3, label=name,
    )  # fmt: skip
    bounds = ~points.known
    if bounds.any():
        ax.plot(
            1000.0 / points.kelvin[bounds], (points.kelvin * points.high)[bounds], "v", color=color, mfc="white", ms=7
        )
    if line is not None:
        ax.plot(1000.0 / line.kelvin, line.kelvin * line.value, color=color, lw=1.2)
        ax.fill_between(
            1000.0 / line.kelvin, line.kelvin * line.low, line.kelvin * line.high, color=color, alpha=0.15, lw=0
        )
