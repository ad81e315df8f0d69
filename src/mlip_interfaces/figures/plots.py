"""The figures of the report; every function takes plain arrays and returns a figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.curves import PICTURE
from mlip_interfaces.figures.runs import Which, called, colors_of_runs, in_order, legend_title
from mlip_interfaces.figures.style import (
    PALETTE,
    element_color,
    empty_figure,
    legend_of_labels,
    new_figure,
    note_empty,
    styled,
)

Array = NDArray[np.float64]


MAX_BLOCKS_NAMED = 6
"""Blocks of time that a legend has."""


def _label_runs(ax: Axes, whiches: Collection[Which]) -> dict[Which, float]:
    """Where each run stands on a horizontal axis, which gets its label: at its thickness, or one beside the other."""
    ordered = in_order(whiches)
    names = [which for which in ordered if isinstance(which, str)]
    if not names:
        ax.set_xlabel("coating thickness (Å)")
        return {which: float(which) for which in ordered}
    places = {which: float(place) for place, which in enumerate(ordered)}
    # What all names begin with is said once.
    folders = names[0].split("/")[:-1]
    shared = "/".join(folders) if all(name.split("/")[:-1] == folders for name in names) else ""
    ax.set_xticks(list(places.values()), [name.removeprefix(f"{shared}/") for name in names])
    ax.set_xlabel(f"run of {shared}" if shared else "run")
    return places


@dataclass(frozen=True, slots=True)
class SideView:
    """A model seen along y.

    Attributes
    ----------
    title : str
        Shown above.
    symbols, layers : sequence of str
        Element of each atom, and name of its layer.
    x, z : (n_atoms,) float array, angstrom
        Positions.
    width, height : float, angstrom
        Of the cell along x and z.
    """

    title: str
    symbols: Sequence[str]
    layers: Sequence[str]
    x: Array
    z: Array
    width: float
    height: float

    @classmethod
    def of_atoms(cls, atoms: Atoms, title: str) -> SideView:
        """View of a model with its array ``layer``.

        Parameters
        ----------
        atoms : Atoms
            The model.
        title : str
            Shown above.

        Returns
        -------
        SideView
            Positions as they are.
        """
        lengths = atoms.cell.lengths()
        return cls(
            title, atoms.get_chemical_symbols(), atoms.arrays["layer"].tolist(), atoms.positions[:, 0],
            atoms.positions[:, 2], float(lengths[0]), float(lengths[2]),
        )  # fmt: skip


@styled
def structures(views: Sequence[SideView]) -> Figure:
    """Side views: z across the interface runs to the right; bands show the layers.

    Parameters
    ----------
    views : sequence of SideView
        From top to bottom.

    Returns
    -------
    Figure
        Not saved.
    """
    if not views:
        return empty_figure("no model")
    tallest = max(view.height for view in views)
    figure, axes = new_figure(len(views), 1, height=0.5 + 1.75 * len(views), sharex=True)
    figure.set_label(PICTURE)
    names = list(dict.fromkeys(name for view in views for name in view.layers))
    present = list(dict.fromkeys(symbol for view in views for symbol in view.symbols))
    for ax, view in zip(axes[:, 0], views, strict=True):
        layers = np.asarray(view.layers)
        for name in names:
            z = view.z[layers == name]
            if z.size:
                ax.axvspan(z.min(), z.max(), color=PALETTE[names.index(name) % len(PALETTE)], alpha=0.12, lw=0)
                place = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "bottom", "fontsize": 8}
                ax.text((z.min() + z.max()) / 2, 1.01, name, **place)
        # Crowded models get smaller atoms.
        size = float(np.clip(12.0 * view.width * view.height / len(view.symbols), 6.0, 34.0))
        for symbol in present:
            mask = np.asarray(view.symbols) == symbol
            if mask.any():
                ax.scatter(
                    view.z[mask], view.x[mask], s=size, color=element_color(symbol), edgecolor="black", lw=0.4,
                    label=symbol, zorder=3,
                )  # fmt: skip
        ax.set_title(view.title, loc="left", pad=16)
        ax.set_xlim(-0.5, tallest + 0.5)
        # In a skew cell atoms stand out on the sides.
        ax.set_ylim(min(0.0, view.x.min()) - 0.5, max(view.width, view.x.max()) + 0.5)
        ax.set_ylabel("x (Å)")
    axes[-1, 0].set_xlabel("z across the interface (Å)")
    handles = {
        label: handle for ax in axes[:, 0] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend([handles[s] for s in present], present, loc="outside right center")
    return figure


@dataclass(frozen=True, slots=True)
class ThermoTrace:
    """Temperature, density and cell of one run against time.

    Attributes
    ----------
    which : float or str
        Thickness of the coating, or the name of the run.
    condition : str
        Column of the figure.
    target_kelvin : float, K
        Of the thermostat.
    healthy : bool
        Dashed where it is not.
    time_ps, temperature_kelvin, density_g_per_cm3 : (n_rows,) float array
        As their names say.
    edges_angstrom : (n_rows, 3) float array or None, angstrom
        Edges a, b and c of the cell; None where they were not written.
    """

    which: Which
    condition: str
    target_kelvin: float
    healthy: bool
    time_ps: Array
    temperature_kelvin: Array
    density_g_per_cm3: Array
    edges_angstrom: Array | None = None


@styled
def health(traces: Sequence[ThermoTrace]) -> Figure:
    """Temperature (top) and density (bottom) of every run, a column per condition; dashed where unhealthy.

    Parameters
    ----------
    traces : sequence of ThermoTrace
        Of all runs.

    Returns
    -------
    Figure
        Not saved.
    """
    if not traces:
        return empty_figure("no run")
    rows = {
        "temperature (K)": [t.temperature_kelvin for t in traces],
        "density (g/cm³)": [t.density_g_per_cm3 for t in traces],
    }
    figure, axes, conditions = _against_time(traces, rows)
    for trace in traces:
        axes[0, conditions.index(trace.condition)].axhline(trace.target_kelvin, color="#999999", lw=0.8, zorder=0)
    return figure


@styled
def cell_edges(traces: Sequence[ThermoTrace]) -> Figure:
    """Edges a, b and c of the cell of every run, a column per condition; dashed where unhealthy.

    Parameters
    ----------
    traces : sequence of ThermoTrace
        Of all runs; those without edges have a colour and no line.

    Returns
    -------
    Figure
        Not saved.
    """
    if all(trace.edges_angstrom is None for trace in traces):
        return empty_figure("no run with its cell")
    rows = {
        f"{name} (Å)": [None if t.edges_angstrom is None else t.edges_angstrom[:, i] for t in traces]
        for i, name in enumerate("abc")
    }
    return _against_time(traces, rows)[0]


def _against_time(
    traces: Sequence[ThermoTrace], rows: Mapping[str, Sequence[Array | None]]
) -> tuple[Figure, NDArray[np.object_], list[str]]:
    """A row of panels for each quantity (of each trace), a column for each condition; also the axes and the conditions."""
    conditions = list(dict.fromkeys(trace.condition for trace in traces))
    whiches = [trace.which for trace in traces]
    colors, title = colors_of_runs(whiches), legend_title(whiches)
    order = list(colors)
    figure, axes = new_figure(len(rows), len(conditions), height=2.3 * len(rows), sharex="col")
    for row, quantities in zip(axes, rows.values(), strict=True):
        for trace, quantity in sorted(
            zip(traces, quantities, strict=True), key=lambda pair: order.index(pair[0].which)
        ):
            if quantity is None:
                continue
            row[conditions.index(trace.condition)].plot(
                trace.time_ps,
                quantity,
                color=colors[trace.which],
                ls="-" if trace.healthy else "--",
                lw=1.1,
                label=called(trace.which) + ("" if trace.healthy else " (unhealthy)"),
            )
    for top, bottom, condition in zip(axes[0], axes[-1], conditions, strict=True):
        kelvin = next(t.target_kelvin for t in traces if t.condition == condition)
        top.set_title(f"{condition}, {kelvin:g} K", loc="left")
        bottom.set_xlabel("time (ps)")
    for first, label in zip(axes[:, 0], rows, strict=True):
        first.set_ylabel(label)
    # A thickness is in every column, a run in its own.
    for top in axes[0] if title is None else axes[0, -1:]:
        legend_of_labels(top, title=title, loc="best")
    return figure, axes, conditions


@dataclass(frozen=True, slots=True)
class RdfCurves:
    """g(r) of one pair in one run, a row per block of time.

    Attributes
    ----------
    r : (n_bins,) float array, angstrom
        Bin centres.
    g : (n_blocks, n_bins) float array
        Mean of g(r) over each block.
    times : (n_blocks, 2) float array, ps
        Start and end of each block.
    """

    r: Array
    g: Array
    times: Array


@styled
def rdf_over_time(
    curves: Mapping[str, Mapping[Which, RdfCurves]], *, of_study: Collection[Which] = (), quantity: str = "g(r)"
) -> Figure:
    """g(r) in blocks of time: a row per pair, a column per thickness; later blocks are darker. Of one run, a panel per pair.

    Parameters
    ----------
    curves : mapping of str to mapping of Which to RdfCurves
        By pair, then by run.
    of_study : collection of Which, optional
        All runs of the study: each has its colour, whether it is drawn here or not.
    quantity : str, optional
        What is drawn, with its normalisation.

    Returns
    -------
    Figure
        Not saved.
    """
    pairs = list(curves)
    if not pairs:
        return empty_figure("no pair")
    whiches = in_order([which for by_run in curves.values() for which in by_run])
    colors = colors_of_runs([*of_study, *whiches])
    if len(whiches) == 1 and isinstance(whiches[0], str):
        of_run = {pair: by_run[whiches[0]] for pair, by_run in curves.items()}
        return _rdf_of_one_run(of_run, colors[whiches[0]], quantity)
    figure, axes = new_figure(len(pairs), len(whiches), height=1.75 * len(pairs) + 0.4, sharex=True, sharey="row")
    for row, pair in enumerate(pairs):
        for column, which in enumerate(whiches):
            ax = axes[row, column]
            data = curves[pair].get(which)
            if data is None:
                note_empty(ax, "no healthy run")
                continue
            _draw_blocks(ax, data, colors[which])
            if row == 0:
                ax.set_title(which if isinstance(which, str) else f"coating {which:g} Å", loc="left")
            if column == 0:
                ax.set_ylabel(f"{quantity}, {pair}")
            if row == len(pairs) - 1:
                ax.set_xlabel("r (Å)")
    for ax in axes[0]:
        if ax.lines:
            ax.legend(loc="upper left", handlelength=1.2)
            break
    return figure


def _rdf_of_one_run(curves: Mapping[str, RdfCurves], color: str, quantity: str) -> Figure:
    n_columns = min(3, len(curves))
    n_rows = -(-len(curves) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, height=2.1 * n_rows + 0.4)
    for ax in axes.ravel()[len(curves) :]:
        ax.set_visible(False)
    for ax, (pair, data) in zip(axes.ravel(), curves.items(), strict=False):
        _draw_blocks(ax, data, color)
        ax.set_title(pair, loc="left")
        ax.set_xlabel("r (Å)")
    for ax in axes[:, 0]:
        ax.set_ylabel(quantity)
    axes[0, 0].legend(loc="upper right", handlelength=1.2)
    return figure


def _draw_blocks(ax: Axes, data: RdfCurves, color: str) -> None:
    """g(r) of every block, later ones darker; of many blocks, the first, the middle and the last one are named."""
    n_blocks = len(data.g)
    named = {0, n_blocks // 2, n_blocks - 1} if n_blocks > MAX_BLOCKS_NAMED else set(range(n_blocks))
    shades = np.linspace(0.3, 1.0, n_blocks)
    for number, (g, (start, stop), shade) in enumerate(zip(data.g, data.times, shades, strict=True)):
        label = f"{start:.3g}-{stop:.3g} ps" if number in named else None
        ax.plot(data.r, g, color=color, alpha=shade, lw=1.2, label=label)
    ax.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)


@styled
def mean_force(
    curves: Mapping[str, Mapping[Which, tuple[Array, Array]]],
    kelvin: float,
    *,
    of_study: Collection[Which] = (),
    changed: Collection[str] = (),
    quantity: str = "-kT ln g(r)",
) -> Figure:
    """V(r) = -kT ln g(r) over the whole run, a panel per pair, a curve per thickness or run.

    Parameters
    ----------
    curves : mapping of str to mapping of Which to tuple of (n_bins,) float array
        Bin centres in angstrom and V(r) in eV, by pair, then by run.
    kelvin : float, K
        Temperature of the runs.
    of_study : collection of Which, optional
        All runs of the study: each has its colour, whether it is drawn here or not.
    changed : collection of str, optional
        Pairs whose first peak changed in a run, which the titles say.
    quantity : str, optional
        What is drawn, with its normalisation.

    Returns
    -------
    Figure
        Not saved.
    """
    pairs = list(curves)
    if not pairs:
        return empty_figure("no pair")
    whiches = in_order([which for by_run in curves.values() for which in by_run])
    colors = colors_of_runs([*of_study, *whiches])
    n_columns = min(4, len(pairs))
    n_rows = -(-len(pairs) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, height=2.7 * n_rows, sharey=True)
    panels = axes.ravel()
    for ax in panels[len(pairs) :]:
        ax.set_visible(False)
    for ax, pair in zip(panels, pairs, strict=False):
        for which in (which for which in whiches if which in curves[pair]):
            ax.plot(*curves[pair][which], color=colors[which], label=called(which))
        ax.axhline(0.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(f"{pair}, {kelvin:g} K" + ("\nits peak changed" if pair in changed else ""), loc="left")
        ax.set_xlabel("r (Å)")
    for ax in axes[:, 0]:
        ax.set_ylabel(f"{quantity} (eV)")
    # One run is named by the caption.
    if legend_title(whiches) is not None or len(whiches) > 1:
        panels[len(pairs) - 1].legend(title=legend_title(whiches), loc="upper right")
    return figure


@dataclass(frozen=True, slots=True)
class MsdCurve:
    """MSD and diffusivity of one run, or a slope that is no diffusivity yet."""

    which: Which
    lag_ps: Array
    msd_angstrom2: Array
    msd_error_angstrom2: Array
    fit_start_ps: float
    diffusivity_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    diffusive: bool


@styled
def transport(curves: Sequence[MsdCurve], group: str, *, of_study: Collection[Which] = ()) -> Figure:
    """MSD against lag per thickness (left; the fit begins at the dot) and diffusivity with 95 % intervals (right).

    Parameters
    ----------
    curves : sequence of MsdCurve
        Of all healthy runs.
    group : str
        Which atoms move, for the titles.
    of_study : collection of Which, optional
        All runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 2, height=3.0)
    left, right = axes[0]
    if not curves:
        for ax in (left, right):
            note_empty(ax, f"no healthy run has {group}")
        return figure
    whiches = [curve.which for curve in curves]
    colors = colors_of_runs([*of_study, *whiches])
    places = _label_runs(right, whiches)
    for curve in curves:
        _draw_msd(left, curve, colors[curve.which], called(curve.which))
        _draw_diffusivity(right, curve, places[curve.which], colors[curve.which])
    left.set_ylabel(f"MSD of {group} (Å²)")
    legend_of_labels(left, title=legend_title(whiches), loc="upper left")
    _finish_diffusivities(right, curves)
    return figure


@styled
def transport_of_groups(groups: Mapping[str, Sequence[MsdCurve]]) -> Figure:
    """MSD against lag (left; fits begin at dots) and diffusivity with 95 % intervals (right), a colour per group of atoms.

    Parameters
    ----------
    groups : mapping of str to sequence of MsdCurve
        Which atoms move, and the curves of one or more runs of one model and protocol.

    Returns
    -------
    Figure
        Not saved.
    """
    if not groups:
        return empty_figure("no group of atoms")
    figure, axes = new_figure(1, 2, height=3.0)
    left, right = axes[0]
    for number, (group, curves) in enumerate(groups.items()):
        color = PALETTE[number % len(PALETTE)]
        # Runs of a group stand side by side.
        for place, curve in zip(number + 0.15 * (np.arange(len(curves)) - (len(curves) - 1) / 2), curves, strict=True):
            _draw_msd(left, curve, color, group)
            _draw_diffusivity(right, curve, float(place), color)
    left.set_ylabel("MSD (Å²)")
    left.set_title(f"MSD of {_listed(list(groups))}", loc="left")
    legend_of_labels(left, loc="upper left")
    right.set_xticks(range(len(groups)), list(groups))
    _finish_diffusivities(right, [curve for curves in groups.values() for curve in curves])
    return figure


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _draw_msd(ax: Axes, curve: MsdCurve, color: str, label: str) -> None:
    low, high = (curve.msd_angstrom2 + sign * curve.msd_error_angstrom2 for sign in (-1, 1))
    ax.plot(curve.lag_ps, curve.msd_angstrom2, color=color, label=label)
    ax.fill_between(curve.lag_ps, low, high, color=color, alpha=0.2, lw=0)
    start = int(np.argmin(np.abs(curve.lag_ps - curve.fit_start_ps)))
    ax.plot(curve.lag_ps[start], curve.msd_angstrom2[start], "o", color=color, ms=4)
    ax.set_xlabel("lag (ps)")


def _draw_diffusivity(ax: Axes, curve: MsdCurve, place: float, color: str) -> None:
    value, (low, high) = curve.diffusivity_cm2_per_s, curve.confidence_95_cm2_per_s
    ax.errorbar(
        place, value * 1e5, yerr=[[max(value - low, 0.0) * 1e5], [max(high - value, 0.0) * 1e5]], fmt="o", color=color, capsize=4,
        mfc=color if curve.diffusive else "white",
    )  # fmt: skip


def _finish_diffusivities(ax: Axes, curves: Sequence[MsdCurve]) -> None:
    ax.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    ax.set_ylabel("D (10⁻⁵ cm²/s)")
    if not all(curve.diffusive for curve in curves):
        ax.set_title("hollow: not diffusive yet, a bound", loc="left")
    ax.margins(x=0.3)


@dataclass(frozen=True, slots=True)
class ChemistryTrace:
    """Intact polyanions and S2 dimers of one run against time.

    Attributes
    ----------
    which : Which
        The run.
    time_ps : (n_frames,) float array, ps
        Of the frames.
    intact_fraction : (n_frames,) float array or None
        Share of the centres with the neighbours of the first frame; None where there are no centres.
    s2_dimers : (n_frames,) float array or None
        Their number; None where there is no sulfur.
    """

    which: Which
    time_ps: Array
    intact_fraction: Array | None
    s2_dimers: Array | None


@styled
def order_and_chemistry(
    tetrahedra: Sequence[tuple[Which, float, float, int]],
    chemistry: Sequence[ChemistryTrace],
    center: str,
    ligand: str,
    *,
    polyanions: str = "P",
    of_study: Collection[Which] = (),
) -> Figure:
    """Regular tetrahedra of each run; intact polyanions and S2 dimers against time. What no run has takes no panel.

    Parameters
    ----------
    tetrahedra : sequence of tuple of (Which, float, float, int)
        Run, share of centres in regular tetrahedra, its standard error, and number of centres.
    chemistry : sequence of ChemistryTrace
        Of the same runs.
    center : str
        Chemical symbol of the centres.
    ligand : str
        Chemical symbol of the corners.
    polyanions : str, optional
        Elements at the centre of polyanions.
    of_study : collection of Which, optional
        All runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    intact = [(t.which, t.time_ps, 100 * t.intact_fraction) for t in chemistry if t.intact_fraction is not None]
    dimers = [(t.which, t.time_ps, t.s2_dimers) for t in chemistry if t.s2_dimers is not None]
    n_panels = sum(map(bool, (tetrahedra, intact, dimers)))
    if n_panels == 0:
        return empty_figure("no healthy run has tetrahedra, polyanions or sulfur")
    figure, axes = new_figure(1, n_panels, width=3.0 * n_panels + (1.0 if n_panels < 3 else 0.0), height=2.9)
    panels = list(axes[0])
    if tetrahedra:
        _draw_tetrahedra(panels.pop(0), tetrahedra, f"{center} in regular {center}{ligand}₄ (%)")
    colors = colors_of_runs([*of_study, *(trace.which for trace in chemistry)])
    against_time = panels.copy()
    if intact:
        _draw_against_time(against_time[0], intact, colors, f"{polyanions} with the neighbours\nof the first frame (%)")
        against_time.pop(0).set_ylim(-3, 106)
    if dimers:
        _draw_against_time(against_time[0], dimers, colors, "S₂ dimers")
        against_time[0].set_ylim(-0.05, max(1.0, against_time[0].get_ylim()[1]))
    if panels:
        legend_of_labels(panels[0], title=legend_title(list(colors)), loc="lower left" if intact else "upper left")
    return figure


def _draw_against_time(
    ax: Axes, curves: Sequence[tuple[Which, Array, Array]], colors: Mapping[Which, str], label: str
) -> None:
    order = list(colors)
    for which, time, values in sorted(curves, key=lambda curve: order.index(curve[0])):
        ax.plot(time, values, color=colors[which], label=called(which))
    ax.set_ylabel(label)
    ax.set_xlabel("time (ps)")


def _draw_tetrahedra(ax: Axes, tetrahedra: Sequence[tuple[Which, float, float, int]], label: str) -> None:
    """Share of each run, with its number beside it."""
    places = _label_runs(ax, [which for which, *_ in tetrahedra])
    for which, fraction, error, n_centers in tetrahedra:
        point = (places[which], 100 * fraction)
        ax.errorbar(*point, yerr=100 * error, fmt="s", color=PALETTE[2], capsize=4)
        ax.annotate(
            f"{fraction * n_centers:.1f} of {n_centers}", point, xytext=(6, 4), textcoords="offset points", fontsize=7.5
        )
    ax.set_ylabel(label)
    ax.margins(x=0.45, y=0.25)
    ax.set_ylim(0, max(1.0, ax.get_ylim()[1]))
