"""The figure of D against temperature and composition, with the boundary between flexible and crowded ions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import new_figure, styled

Floats = NDArray[np.float64]
_LEGEND_COLUMNS = 7


@dataclass(frozen=True, slots=True)
class TurnPoint:
    """A point where D begins to fall.

    Attributes
    ----------
    along_temperature : bool
        Else along the composition.
    composition, temperature_kelvin : float
        Where.
    certain : bool
        False where chance explains it; drawn hollow.
    interval : tuple of float or None
        Ends along the series; None beyond its rows.
    """

    along_temperature: bool
    composition: float
    temperature_kelvin: float
    certain: bool
    interval: tuple[float | None, float | None]


@styled
def crowding_map(
    composition: Floats,
    temperature_kelvin: Floats,
    diffusivity_cm2_per_s: Floats,
    error_cm2_per_s: Floats | None,
    turns: Sequence[TurnPoint],
    boundary: Floats,
) -> Figure:
    """D against temperature for each composition, and the map with turning points and their boundary.

    Parameters
    ----------
    composition, temperature_kelvin, diffusivity_cm2_per_s : (n,) float array
        Rows of a table.
    error_cm2_per_s : (n,) float array or None
        Standard errors.
    turns : sequence of TurnPoint
        Circles of those along the temperature, in both panels; squares of those along the composition, in the map.
    boundary : (n, 2) float array
        Composition and temperature, by composition.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(2, 1, width=6.4, height=8.0)
    upper, lower = axes[:, 0]
    compositions = np.unique(composition)
    colors = mpl.colormaps["viridis"](np.linspace(0.0, 0.9, len(compositions)))
    for color, x in zip(colors, compositions, strict=True):
        rows = np.flatnonzero(composition == x)
        rows = rows[np.argsort(temperature_kelvin[rows])]
        errors = None if error_cm2_per_s is None else error_cm2_per_s[rows]
        upper.errorbar(
            temperature_kelvin[rows], diffusivity_cm2_per_s[rows], yerr=errors, color=color, marker=".", capsize=2, lw=1.2, label=f"{x:g}",
        )  # fmt: skip
        _circle(
            upper,
            [one for one in turns if one.composition == x and one.along_temperature],
            temperature_kelvin[rows],
            diffusivity_cm2_per_s[rows],
            color,
        )
    if (diffusivity_cm2_per_s > 0.0).all():
        upper.set_yscale("log")
    upper.set_xlabel("temperature (K)")
    upper.set_ylabel("D (cm$^2$/s); circles: where it begins to fall\nwith temperature, faint where chance explains it")
    upper.legend(
        title="composition", alignment="left", ncols=_LEGEND_COLUMNS, fontsize=7, loc="lower left", bbox_to_anchor=(0.0, 1.0),
    )  # fmt: skip
    _draw_map(figure, lower, composition, temperature_kelvin, diffusivity_cm2_per_s)
    _draw_turns(lower, turns, boundary)
    return figure


def _circle(ax: Axes, turns: Sequence[TurnPoint], kelvin: Floats, values: Floats, color: object) -> None:
    for one in turns:
        at = values[kelvin == one.temperature_kelvin]
        ax.plot(
            [one.temperature_kelvin], at, "o", ms=11, mfc="none", mec=color, mew=1.3, alpha=1.0 if one.certain else 0.35
        )


def _draw_map(figure: Figure, ax: Axes, composition: Floats, kelvin: Floats, values: Floats) -> None:
    positive = values[values > 0.0]
    norm = (
        LogNorm(positive.min(), positive.max())
        if positive.size == values.size and positive.min() < positive.max()
        else Normalize(values.min(), values.max())
    )
    places, rows = (np.unique(part) for part in (composition, kelvin))
    grid = np.full((rows.size, places.size), np.nan)
    grid[np.searchsorted(rows, kelvin), np.searchsorted(places, composition)] = values
    shown = np.ma.masked_invalid(grid)
    image: Any
    if places.size > 1 and rows.size > 1:
        image = ax.pcolormesh(places, rows, shown, norm=norm, cmap="YlGnBu", shading="nearest")
    else:
        image = ax.scatter(composition, kelvin, c=values, norm=norm, cmap="YlGnBu", marker="s", s=200)
    figure.colorbar(image, ax=ax, label="D (cm$^2$/s)")
    ax.set_xlabel("composition")
    ax.set_ylabel("temperature (K)")


def _draw_turns(ax: Axes, turns: Sequence[TurnPoint], boundary: Floats) -> None:
    limits = ax.get_xlim(), ax.get_ylim()
    if len(boundary) > 1:
        ax.plot(boundary[:, 0], boundary[:, 1], color="#D55E00", lw=1.6, zorder=3)
    for one in turns:
        at = one.temperature_kelvin if one.along_temperature else one.composition
        reach = [[0.0 if end is None else abs(at - end)] for end in one.interval]
        along = one.along_temperature
        ax.errorbar(
            [one.composition], [one.temperature_kelvin], yerr=reach if along else None, xerr=None if along else reach, fmt="o" if along else "s",
            ms=8 if along else 5, color="#D55E00", mfc="#D55E00" if one.certain else "white", capsize=3, lw=1.0, zorder=4,
        )  # fmt: skip
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    if len(boundary):
        ax.text(0.03, 0.03, "flexible", transform=ax.transAxes, color="#222222", backgroundcolor="#FFFFFFB0")
        ax.text(
            0.97, 0.95, "crowded", transform=ax.transAxes, ha="right", va="top", color="#222222", backgroundcolor="#FFFFFFB0",
        )  # fmt: skip
    ax.set_title("circles: along T, squares: along composition", loc="left")
