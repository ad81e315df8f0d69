"""Figures of a scan at the size of a printed page: what forms against time, and what a coating changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.chemistry import covalent_radii
from mlip_interfaces.figures.plots import RdfCurves, SideView
from mlip_interfaces.figures.style import element_color, empty_figure, new_figure, styled, thickness_color

Array = NDArray[np.float64]

PAGE_WIDTH = 7.0
"""Two columns of a journal, inches."""
MAX_COLUMNS = 3
SERIES_COLORS = ("#333333", "#CC79A7", "#E69F00", "#56B4E9")
"""Not those of the first thicknesses."""
NEAREST_ANGSTROM = 1.0
"""Nothing is nearer to an atom: g(r) is drawn from here."""
MARGIN_ANGSTROM = 0.7
"""Around side views, so that no atom is cut."""
SHRUNK = 0.45
"""Of the covalent radius: what atoms are drawn with."""

Curves = Mapping[float, tuple[Array, Array]]
"""By thickness: abscissa and ordinate."""
Numbers = Mapping[str, Mapping[float, Replicas]]
"""By series, then by thickness."""


@dataclass(frozen=True, slots=True)
class Diffusion:
    """MSD and D of one thickness, of all its seeds.

    Attributes
    ----------
    lag_ps : (n_lags,) float array, ps
        Of the MSD.
    msd_angstrom2, msd_error_angstrom2 : (n_lags,) float array, angstrom^2
        Mean over the seeds and its standard error.
    diffusivity_cm2_per_s : float, cm^2/s
        Mean over the seeds.
    interval_cm2_per_s : tuple of float, cm^2/s
        Of 95 %.
    diffusive : bool
        Whether all seeds are.
    """

    lag_ps: Array
    msd_angstrom2: Array
    msd_error_angstrom2: Array
    diffusivity_cm2_per_s: float
    interval_cm2_per_s: tuple[float, float]
    diffusive: bool


@styled
def rdf_against_time(curves: Mapping[str, Mapping[str, RdfCurves]], quantity: str) -> Figure:
    """Lines of g(r), one for each block of time, coloured by it: a row for each pair, a column for each model.

    Parameters
    ----------
    curves : mapping of str to mapping of str to RdfCurves
        By pair, then by the title of the column.
    quantity : str
        What g(r) is normalised by, as an axis says it.

    Returns
    -------
    Figure
        Not saved.
    """
    columns = list(dict.fromkeys(title for of_pair in curves.values() for title in of_pair))
    if not columns:
        return empty_figure("no g(r)")
    figure, axes = new_figure(
        len(curves), len(columns), width=PAGE_WIDTH, height=0.5 + 1.35 * len(curves), sharex=True, sharey="row"
    )
    everything = [data for of_pair in curves.values() for data in of_pair.values()]
    times = Normalize(0.0, max(float(data.times.max()) for data in everything))
    colors = ScalarMappable(times, "viridis")
    for row, (pair, of_pair) in zip(axes, curves.items(), strict=True):
        for ax, title in zip(row, columns, strict=True):
            data = of_pair.get(title)
            if data is None:
                ax.axis("off")
                continue
            for g, (start, end) in zip(data.g, data.times, strict=True):
                ax.plot(data.r, g, color=colors.to_rgba((start + end) / 2.0), lw=0.8)
            ax.axhline(1.0, color="#bbbbbb", lw=0.6, zorder=0)
        row[0].set_ylabel(pair.replace("-", "\n") if "@" in pair else pair)
        row[0].set_ylim(bottom=0.0)
    for ax, title in zip(axes[0], columns, strict=True):
        ax.set_title(title, loc="left")
    axes[0, 0].set_xlim(left=NEAREST_ANGSTROM)
    figure.align_ylabels(axes[:, 0])
    figure.supxlabel("r (Å)", fontsize=9)
    figure.supylabel(quantity, fontsize=9)
    figure.colorbar(colors, ax=axes, label="time (ps)", shrink=0.6, aspect=40, pad=0.01)
    return figure


@styled
def against_thickness(quantities: Mapping[str, Numbers], *, coated: bool = True) -> Figure:
    """Means with 95 % intervals against the thickness of the coating, a panel for each quantity, a colour for each series.

    Parameters
    ----------
    quantities : mapping of str to Numbers
        By their names.
    coated : bool, optional
        Whether the study has a coating; without one, no axis and no legend speaks of it.

    Returns
    -------
    Figure
        Not saved.
    """
    if not quantities:
        return empty_figure("no number to compare")
    figure, axes = _panels(len(quantities))
    for ax, (name, numbers) in zip(axes, quantities.items(), strict=True):
        _draw_numbers(ax, name, numbers, coated)
    _series_legend(figure, quantities)
    return figure


@styled
def curves_and_numbers(
    curves: Mapping[str, Curves],
    quantities: Mapping[str, Numbers],
    *,
    axis_labels: tuple[str, str],
    of_study: Collection[float] = (),
    start: float | None = None,
    coated: bool = True,
) -> Figure:
    """Curves of each thickness, a panel for each title, and after them numbers against thickness.

    Parameters
    ----------
    curves : mapping of str to Curves
        By the title of the panel.
    quantities : mapping of str to Numbers
        As for `against_thickness`.
    axis_labels : tuple of str
        Of the curves.
    of_study : collection of float, optional
        All thicknesses of the study: each has its colour, whether it is drawn here or not.
    start : float, optional
        Where the abscissa begins.
    coated : bool, optional
        As for `against_thickness`.

    Returns
    -------
    Figure
        Not saved.
    """
    if not curves and not quantities:
        return empty_figure("nothing to show")
    figure, axes = _panels(len(curves) + len(quantities))
    colors = _thickness_colors(of_study, curves)
    for ax, (title, of_thickness) in zip(axes, curves.items(), strict=False):
        for thickness, (x, y) in sorted(of_thickness.items()):
            ax.plot(x, y, color=colors[thickness], lw=1.1, label=f"{thickness:g} Å" if coated else None)
        ax.set_title(title, loc="left")
        ax.set_xlabel(axis_labels[0])
        ax.set_ylabel(axis_labels[1])
        ax.set_ylim(bottom=0.0)
        ax.set_xlim(left=start)
        if coated:
            ax.legend(handlelength=1.0)
    for ax, (name, numbers) in zip(axes[len(curves) :], quantities.items(), strict=True):
        _draw_numbers(ax, name, numbers, coated)
    _series_legend(figure, quantities)
    return figure


@styled
def diffusion(
    series: Mapping[str, Mapping[float, Diffusion]],
    group: str,
    *,
    of_study: Collection[float] = (),
    coated: bool = True,
) -> Figure:
    """MSD of each thickness, a row for each series, and beside it D with 95 % intervals.

    Parameters
    ----------
    series : mapping of str to mapping of float to Diffusion
        By series, then by thickness.
    group : str
        Which atoms move.
    of_study : collection of float, optional
        All thicknesses of the study: each has its colour, whether it is drawn here or not.
    coated : bool, optional
        As for `against_thickness`.

    Returns
    -------
    Figure
        Not saved. Hollow points are no diffusivities yet.
    """
    if not any(series.values()):
        return empty_figure("no diffusivity")
    figure, axes = new_figure(len(series), 2, width=PAGE_WIDTH, height=0.2 + 2.4 * len(series))
    colors = _thickness_colors(of_study, series)
    for (left, right), (name, of_thickness) in zip(axes, series.items(), strict=True):
        for thickness, found in sorted(of_thickness.items()):
            color = colors[thickness]
            msd, error = found.msd_angstrom2, found.msd_error_angstrom2
            left.plot(found.lag_ps, msd, color=color, label=f"{thickness:g} Å" if coated else None)
            left.fill_between(found.lag_ps, msd - error, msd + error, color=color, alpha=0.2, lw=0)
            low, high = found.interval_cm2_per_s
            right.vlines(thickness, max(low, 0.0), high, color=color, lw=1.2)
            right.plot(
                thickness, found.diffusivity_cm2_per_s, "o", color=color, mfc=color if found.diffusive else "white"
            )
        if coated:
            left.legend(title="coating", handlelength=1.0)
        left.set_xlabel("lag (ps)")
        left.set_ylabel(f"MSD of {group} (Å²)")
        right.set_ylabel("D (cm²/s)")
        right.set_ylim(bottom=0.0)
        _thickness_axis(right, of_thickness, coated)
        if len(series) > 1:
            left.set_title(name, loc="left")
    return figure


@styled
def start_and_end(views: Sequence[tuple[SideView, SideView]]) -> Figure:
    """Side views of models in the first (left) and the last frame of their runs, the interface upright in the middle.

    Parameters
    ----------
    views : sequence of tuple of SideView
        Start and end of each model, from top to bottom.

    Returns
    -------
    Figure
        Not saved; one scale for all, atoms with shrunken covalent radii.
    """
    if not views:
        return empty_figure("no frame")
    highest = max(max(view.height for view in pair) for pair in views) + 2.0 * MARGIN_ANGSTROM
    widths = [max(view.width for view in pair) + 2.0 * MARGIN_ANGSTROM for pair in views]
    scale = (PAGE_WIDTH - 1.6) / 2.0 / highest
    figure, axes = new_figure(
        len(views),
        2,
        width=PAGE_WIDTH,
        height=0.7 + sum(width * scale + 0.35 for width in widths),
        sharex=True,
        gridspec_kw={"height_ratios": widths},
    )
    present = list(dict.fromkeys(symbol for pair in views for view in pair for symbol in view.symbols))
    for row, pair, width in zip(axes, views, widths, strict=True):
        for ax, view in zip(row, pair, strict=True):
            _draw_atoms(ax, view)
            ax.set_title(view.title, loc="left")
            ax.set_xlim(-MARGIN_ANGSTROM, highest - MARGIN_ANGSTROM)
            ax.set_ylim(-MARGIN_ANGSTROM, width - MARGIN_ANGSTROM)
            ax.set_aspect("equal")
            ax.set_yticks([])
    for ax in axes[-1]:
        ax.set_xlabel("z across the interface (Å)")
    handles = [axes[0, 0].plot([], [], "o", color=element_color(symbol), mec="black", mew=0.3)[0] for symbol in present]
    figure.legend(handles, present, loc="outside right center", handlelength=1.0)
    return figure


def _panels(n_panels: int) -> tuple[Figure, list[Axes]]:
    """As many panels as are needed, in rows."""
    n_columns = 2 if n_panels in (2, 4) else min(MAX_COLUMNS, n_panels)
    n_rows = -(-n_panels // n_columns)
    figure, axes = new_figure(
        n_rows, n_columns, width=PAGE_WIDTH * max(2, n_columns) / MAX_COLUMNS, height=2.1 * n_rows
    )
    flat = axes.ravel().tolist()
    for ax in flat[n_panels:]:
        ax.axis("off")
    return figure, flat[:n_panels]


def _draw_numbers(ax: Axes, name: str, numbers: Numbers, coated: bool) -> None:
    """Means with intervals, series beside each other; seeds of a thickness are small points."""
    thicknesses = sorted({thickness for found in numbers.values() for thickness in found})
    step = min(np.diff(thicknesses), default=5.0)
    highest = 0.0
    for place, (series, found) in enumerate(numbers.items()):
        x = np.array(list(found)) + (place - 0.5 * (len(numbers) - 1)) * 0.12 * step
        color = SERIES_COLORS[place % len(SERIES_COLORS)]
        ends = np.array([runs.interval() for runs in found.values()]).reshape(-1, 2)
        ax.vlines(x, ends[:, 0], ends[:, 1], color=color, lw=1.2)
        ax.plot(x, [runs.mean for runs in found.values()], "o", ms=4, color=color, label=series)
        for at, runs in zip(x, found.values(), strict=True):
            highest = max(highest, *(abs(value) for value in runs.values), runs.mean + 2.0 * np.nan_to_num(runs.error))
            if runs.n_runs > 1:
                ax.plot([at] * runs.n_runs, runs.values, ".", ms=3, color=color, alpha=0.45)
    ax.set_title(name, loc="left", fontsize=8)
    ax.axhline(0.0, color="#bbbbbb", lw=0.6, zorder=0)
    if highest == 0.0:
        ax.text(0.5, 0.5, "none in any run", ha="center", transform=ax.transAxes, color="#666666", fontsize=8)
        ax.set_yticks([0.0])
    # An interval of two seeds is six times their scatter: it runs out of the panel.
    ax.set_ylim(-0.06 * (highest or 1.0), 1.25 * highest or 1.0)
    _thickness_axis(ax, thicknesses, coated)


def _thickness_axis(ax: Axes, thicknesses: Mapping[float, object] | Sequence[float], coated: bool) -> None:
    """Thicknesses at the abscissa; nothing there where the study has no coating."""
    places = sorted(thicknesses) if coated else []
    ax.set_xticks(places, [f"{place:g}" for place in places])
    ax.margins(x=0.15)
    if coated:
        ax.set_xlabel("coating (Å)")


def _series_legend(figure: Figure, quantities: Mapping[str, Numbers]) -> None:
    """Where there is more than one series."""
    series = list(dict.fromkeys(name for numbers in quantities.values() for name in numbers))
    if len(series) > 1:
        handles: dict[str, Artist] = {}
        for ax in figure.axes:
            handles |= {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend([handles[name] for name in series], series, loc="outside upper right", ncols=len(series))


def _thickness_colors(of_study: Collection[float], drawn: Mapping[str, Mapping[float, object]]) -> dict[float, str]:
    thicknesses = sorted({*of_study, *(thickness for of_thickness in drawn.values() for thickness in of_thickness)})
    return {thickness: thickness_color(number) for number, thickness in enumerate(thicknesses)}


def _draw_atoms(ax: Axes, view: SideView) -> None:
    """Circles of the size of their atoms."""
    size = 2.0 * SHRUNK * covalent_radii(view.symbols)
    circles = EllipseCollection(
        size, size, np.zeros(size.size), units="xy", offsets=np.column_stack([view.z, view.x]), offset_transform=ax.transData,
        facecolors=[element_color(symbol) for symbol in view.symbols], edgecolors="black", linewidths=0.3,
    )  # fmt: skip
    ax.add_collection(circles)
