"""The figures of the report; every function takes plain arrays and returns a figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import (
    PALETTE,
    element_color,
    empty_figure,
    legend_of_labels,
    new_figure,
    note_empty,
    styled,
    thickness_color,
)

Array = NDArray[np.float64]


def _colors(thicknesses: Collection[float]) -> dict[float, str]:
    """Colour of each thickness, in their order."""
    return {thickness: thickness_color(number) for number, thickness in enumerate(sorted(thicknesses))}


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


@styled
def parity(
    energy_reference: Array,
    energy_model: Array,
    force_reference: Array,
    force_model: Array,
    force_layer: NDArray[np.str_],
) -> Figure:
    """Model against label: energies per atom, and force components coloured by layer.

    Parameters
    ----------
    energy_reference : (n_frames,) float array, eV/atom
        Energies of the labels.
    energy_model : (n_frames,) float array, eV/atom
        Energies of the model.
    force_reference : (n,) float array, eV/angstrom
        Components of the labels' forces.
    force_model : (n,) float array, eV/angstrom
        Those of the model.
    force_layer : (n,) str array
        Layer of each component's atom.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 2, height=4.0)
    left, right = axes[0]
    left.scatter(energy_reference, energy_model, s=18, color=PALETTE[0], alpha=0.8)
    left.set_xlabel("label, energy (eV/atom)")
    left.set_ylabel("Deep Potential, energy (eV/atom)")
    for number, name in enumerate(np.unique(force_layer)):
        mask = force_layer == name
        color = PALETTE[number % len(PALETTE)]
        right.scatter(force_reference[mask], force_model[mask], s=5, alpha=0.4, color=color, label=str(name))
    right.set_xlabel("label, force component (eV/Å)")
    right.set_ylabel("Deep Potential, force component (eV/Å)")
    right.legend(markerscale=3, loc="upper left")
    for ax in (left, right):
        low, high = (f(*ax.get_xlim(), *ax.get_ylim()) for f in (min, max))
        ax.plot([low, high], [low, high], color="#666666", lw=0.8, zorder=0)
        ax.set_xlim(low, high)
        ax.set_ylim(low, high)
        ax.set_aspect("equal")
    return figure


@dataclass(frozen=True, slots=True)
class ThermoTrace:
    """Temperature, density and cell of one run against time.

    Attributes
    ----------
    coating_angstrom : float, angstrom
        Thickness of the coating.
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

    coating_angstrom: float
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
    colors = _colors({trace.coating_angstrom for trace in traces})
    figure, axes = new_figure(len(rows), len(conditions), height=2.3 * len(rows), sharex="col")
    for row, quantities in zip(axes, rows.values(), strict=True):
        for trace, quantity in sorted(zip(traces, quantities, strict=True), key=lambda pair: pair[0].coating_angstrom):
            if quantity is None:
                continue
            row[conditions.index(trace.condition)].plot(
                trace.time_ps,
                quantity,
                color=colors[trace.coating_angstrom],
                ls="-" if trace.healthy else "--",
                lw=1.1,
                label=f"{trace.coating_angstrom:g} Å" + ("" if trace.healthy else " (unhealthy)"),
            )
    for top, bottom, condition in zip(axes[0], axes[-1], conditions, strict=True):
        kelvin = next(t.target_kelvin for t in traces if t.condition == condition)
        top.set_title(f"{condition}, {kelvin:g} K", loc="left")
        bottom.set_xlabel("time (ps)")
    for first, label in zip(axes[:, 0], rows, strict=True):
        first.set_ylabel(label)
    legend_of_labels(axes[0, -1], title="coating", loc="lower right")
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
def rdf_over_time(curves: Mapping[str, Mapping[float, RdfCurves]], *, thicknesses: Collection[float] = ()) -> Figure:
    """g(r) in blocks of time: a row per pair, a column per thickness; later blocks are darker.

    Parameters
    ----------
    curves : mapping of str to mapping of float to RdfCurves
        By pair, then by coating thickness in angstrom.
    thicknesses : collection of float, angstrom, optional
        Of all runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    pairs = list(curves)
    if not pairs:
        return empty_figure("no pair")
    coatings = sorted({coating for by_coating in curves.values() for coating in by_coating})
    colors = _colors({*coatings, *thicknesses})
    figure, axes = new_figure(len(pairs), len(coatings), height=1.75 * len(pairs) + 0.4, sharex=True, sharey="row")
    for row, pair in enumerate(pairs):
        for column, coating in enumerate(coatings):
            ax = axes[row, column]
            data = curves[pair].get(coating)
            if data is None:
                note_empty(ax, "no healthy run")
                continue
            shades = np.linspace(0.3, 1.0, len(data.g))
            for g, (start, stop), shade in zip(data.g, data.times, shades, strict=True):
                ax.plot(data.r, g, color=colors[coating], alpha=shade, lw=1.2, label=f"{start:.2g}-{stop:.2g} ps")
            ax.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
            if row == 0:
                ax.set_title(f"coating {coating:g} Å", loc="left")
            if column == 0:
                ax.set_ylabel(f"g(r), {pair}")
            if row == len(pairs) - 1:
                ax.set_xlabel("r (Å)")
    for ax in axes[0]:
        if ax.lines:
            ax.legend(loc="upper left", handlelength=1.2)
            break
    return figure


@styled
def mean_force(
    curves: Mapping[str, Mapping[float, tuple[Array, Array]]], kelvin: float, *, thicknesses: Collection[float] = ()
) -> Figure:
    """V(r) = -kT ln g(r) over the whole run, a panel per pair, a curve per thickness.

    Parameters
    ----------
    curves : mapping of str to mapping of float to tuple of (n_bins,) float array
        Bin centres in angstrom and V(r) in eV, by pair, then by coating thickness in angstrom.
    kelvin : float, K
        Temperature of the runs.
    thicknesses : collection of float, angstrom, optional
        Of all runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    pairs = list(curves)
    if not pairs:
        return empty_figure("no pair")
    colors = _colors({*thicknesses, *(coating for by_coating in curves.values() for coating in by_coating)})
    figure, axes = new_figure(1, len(pairs), height=2.7, sharey=True)
    for ax, pair in zip(axes[0], pairs, strict=True):
        for coating, (r, potential) in sorted(curves[pair].items()):
            ax.plot(r, potential, color=colors[coating], label=f"{coating:g} Å")
        ax.axhline(0.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(f"{pair}, {kelvin:g} K", loc="left")
        ax.set_xlabel("r (Å)")
    axes[0, 0].set_ylabel("-kT ln g(r) (eV)")
    axes[0, -1].legend(title="coating", loc="upper right")
    return figure


@dataclass(frozen=True, slots=True)
class MsdCurve:
    """MSD and diffusivity of one run, or a slope that is no diffusivity yet."""

    coating_angstrom: float
    lag_ps: Array
    msd_angstrom2: Array
    msd_error_angstrom2: Array
    fit_start_ps: float
    diffusivity_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    diffusive: bool


@styled
def transport(curves: Sequence[MsdCurve], group: str, *, thicknesses: Collection[float] = ()) -> Figure:
    """MSD against lag per thickness (left; the fit begins at the dot) and diffusivity with 95 % intervals (right).

    Parameters
    ----------
    curves : sequence of MsdCurve
        Of all healthy runs.
    group : str
        Which atoms move, for the titles.
    thicknesses : collection of float, angstrom, optional
        Of all runs of the study: each has its colour, whether it is drawn here or not.

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
    colors = _colors({*thicknesses, *(curve.coating_angstrom for curve in curves)})
    for curve in curves:
        color = colors[curve.coating_angstrom]
        low, high = (curve.msd_angstrom2 + sign * curve.msd_error_angstrom2 for sign in (-1, 1))
        left.plot(curve.lag_ps, curve.msd_angstrom2, color=color, label=f"{curve.coating_angstrom:g} Å")
        left.fill_between(curve.lag_ps, low, high, color=color, alpha=0.2, lw=0)
        start = int(np.argmin(np.abs(curve.lag_ps - curve.fit_start_ps)))
        left.plot(curve.lag_ps[start], curve.msd_angstrom2[start], "o", color=color, ms=4)
        value, (low95, high95) = curve.diffusivity_cm2_per_s, curve.confidence_95_cm2_per_s
        right.errorbar(
            curve.coating_angstrom, value * 1e5, yerr=[[(value - low95) * 1e5], [(high95 - value) * 1e5]], fmt="o",
            color=color, capsize=4, mfc=color if curve.diffusive else "white",
        )  # fmt: skip
    left.set_xlabel("lag (ps)")
    left.set_ylabel(f"MSD of {group} (Å²)")
    legend_of_labels(left, title="coating", loc="upper left")
    right.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    right.set_xlabel("coating thickness (Å)")
    right.set_ylabel("D (10⁻⁵ cm²/s)")
    if not all(curve.diffusive for curve in curves):
        right.set_title("hollow: not diffusive yet", loc="left")
    right.margins(x=0.3)
    return figure


@dataclass(frozen=True, slots=True)
class ChemistryTrace:
    """P-S tetrahedra and S2 dimers of one run against time."""

    coating_angstrom: float
    time_ps: Array
    ps4_fraction: Array
    s2_dimers: Array


@styled
def order_and_chemistry(
    tetrahedra: Sequence[tuple[float, float, float, int]],
    chemistry: Sequence[ChemistryTrace],
    center: str,
    ligand: str,
    *,
    thicknesses: Collection[float] = (),
) -> Figure:
    """Regular tetrahedra against thickness; intact PS4 and S2 dimers against time.

    Parameters
    ----------
    tetrahedra : sequence of tuple of (float, float, float, int)
        Coating thickness in angstrom, share of centres in regular tetrahedra, its standard error, and number of
        centres.
    chemistry : sequence of ChemistryTrace
        Of the same runs.
    center : str
        Chemical symbol of the centres.
    ligand : str
        Chemical symbol of the corners.
    thicknesses : collection of float, angstrom, optional
        Of all runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 3, height=2.9)
    first, second, third = axes[0]
    if tetrahedra:
        for coating, fraction, error, n_centers in tetrahedra:
            first.errorbar(coating, 100 * fraction, yerr=100 * error, fmt="s", color=PALETTE[2], capsize=4)
            first.annotate(
                f"{fraction * n_centers:.1f} of {n_centers}", (coating, 100 * fraction), xytext=(6, 4),
                textcoords="offset points", fontsize=7.5,
            )  # fmt: skip
        first.set_xlabel("coating thickness (Å)")
        first.set_ylabel(f"{center} in regular {center}{ligand}₄ (%)")
        first.margins(x=0.45, y=0.25)
        first.set_ylim(0, max(1.0, first.get_ylim()[1]))
    else:
        note_empty(first, f"no healthy run has {center} and {ligand}")
    colors = _colors({*thicknesses, *(trace.coating_angstrom for trace in chemistry)})
    for trace in sorted(chemistry, key=lambda trace: trace.coating_angstrom):
        style = {
            "color": colors[trace.coating_angstrom],
            "label": f"{trace.coating_angstrom:g} Å",
        }
        second.plot(trace.time_ps, 100 * trace.ps4_fraction, **style)
        third.plot(trace.time_ps, trace.s2_dimers, **style)
    second.set_ylabel("P in intact PS₄ (%)")
    second.set_ylim(-3, 106)
    third.set_ylabel("S₂ dimers")
    third.set_ylim(-0.05, max(1.0, third.get_ylim()[1]))
    for ax in (second, third):
        ax.set_xlabel("time (ps)")
    if chemistry:
        legend_of_labels(second, title="coating", loc="lower left")
    else:
        note_empty(second, "no healthy run")
        note_empty(third, "no healthy run")
    return figure
