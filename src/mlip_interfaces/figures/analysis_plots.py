"""Figures of single analyses: one result, one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import ELEMENT_COLORS, PALETTE, new_figure, note_empty, styled

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class RdfPanel:
    """g(r) of one pair: r (n_bins,), g and error (n_blocks, n_bins), start and end of each block (n_blocks, 2) in ps."""

    r: Array
    g: Array
    g_error: Array
    times: Array


@styled
def rdf(panels: Mapping[str, RdfPanel]) -> Figure:
    """g(r) of each pair; with several blocks of time, a heat map of g over time below it.

    Parameters
    ----------
    panels : mapping of str to RdfPanel
        By pair.

    Returns
    -------
    Figure
        Not saved.
    """
    n_blocks = max(len(panel.g) for panel in panels.values())
    n_rows = 2 if n_blocks > 1 else 1
    figure, axes = new_figure(n_rows, len(panels), width=max(4.0, 2.7 * len(panels)), height=2.6 * n_rows, sharex="col")
    for column, (pair, panel) in enumerate(panels.items()):
        top = axes[0, column]
        shades = np.linspace(0.3, 1.0, len(panel.g)) if len(panel.g) > 1 else [1.0]
        for g, error, (start, stop), shade in zip(panel.g, panel.g_error, panel.times, shades, strict=True):
            top.plot(panel.r, g, color=PALETTE[0], alpha=shade, lw=1.2, label=f"{start:.3g}-{stop:.3g} ps")
            top.fill_between(panel.r, g - error, g + error, color=PALETTE[0], alpha=0.2 * shade, lw=0)
        top.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
        top.set_title(pair, loc="left")
        if n_rows == 2:
            bottom = axes[1, column]
            width = panel.r[1] - panel.r[0] if len(panel.r) > 1 else 1.0
            edges = np.append(panel.r - width / 2, panel.r[-1] + width / 2)
            times = np.append(panel.times[:, 0], panel.times[-1, 1])
            image = bottom.pcolormesh(edges, times, panel.g, cmap="viridis", vmin=0.0, rasterized=True)
            figure.colorbar(image, ax=bottom, label="g(r)")
        axes[-1, column].set_xlabel("r (Å)")
    axes[0, 0].set_ylabel("g(r)")
    if n_rows == 2:
        axes[1, 0].set_ylabel("time (ps)")
        if n_blocks <= 6:
            axes[0, 0].legend(loc="upper right", handlelength=1.0)
    return figure


@dataclass(frozen=True, slots=True)
class MsdPanel:
    """MSD of one species: lags (n,), msd (n,), error (n,), by direction (n, 3), fitted lags, D and its 95 % interval."""

    lag_ps: Array
    msd: Array
    error: Array
    by_direction: Array
    fit_lags_ps: tuple[float, float]
    diffusivity_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    quality_by_lag: Sequence[tuple[float, float]]


@styled
def msd(panels: Mapping[str, MsdPanel]) -> Figure:
    """MSD against lag with the fit (top) and, in logarithms, by direction (bottom).

    Parameters
    ----------
    panels : mapping of str to MsdPanel
        By species.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(2, len(panels), width=max(4.2, 3.2 * len(panels)), height=5.2)
    for column, (species, panel) in enumerate(panels.items()):
        color = ELEMENT_COLORS.get(species, PALETTE[column % len(PALETTE)])
        top, bottom = axes[:, column]
        top.plot(panel.lag_ps, panel.msd, color=color)
        top.fill_between(panel.lag_ps, panel.msd - panel.error, panel.msd + panel.error, color=color, alpha=0.25, lw=0)
        first, last = panel.fit_lags_ps
        top.axvspan(first, last, color="#999999", alpha=0.15, lw=0)
        low, high = panel.confidence_95_cm2_per_s
        value = panel.diffusivity_cm2_per_s
        top.set_title(f"{species}: D = {value:.2e} cm²/s\n95 %: {low:.1e} to {high:.1e}", loc="left")
        top.set_xlabel("lag (ps)")
        positive = panel.lag_ps > 0
        for axis, style in zip(range(3), ("-", "--", ":"), strict=True):
            values = panel.by_direction[positive, axis]
            if (values > 0).all():
                bottom.loglog(panel.lag_ps[positive], values, style, color=color, label="xyz"[axis])
        bottom.axvspan(first, last, color="#999999", alpha=0.15, lw=0)
        bottom.set_xlabel("lag (ps)")
        bottom.legend(title="direction")
    axes[0, 0].set_ylabel("MSD (Å²); grey: lags of the fit")
    axes[1, 0].set_ylabel("MSD along a direction (Å²)")
    return figure


@styled
def onsager(content: Mapping[str, Any]) -> Figure:
    """L_ij of the whole run with errors, their correlations, L_ij in windows, and fluxes against time.

    Of a region also the atoms in it and the fluxes through its two planes.

    Parameters
    ----------
    content : mapping of str to Any
        Content of ``onsager.json``.

    Returns
    -------
    Figure
        Not saved.
    """
    species = content["species"]
    windows = content["windows"]
    n_rows = 3 if "region" in content else 2
    figure, axes = new_figure(n_rows, 2, height=3.1 * n_rows)
    bars, matrix, in_time, flux = axes.ravel()[:4]
    pairs = [(i, j) for i in range(len(species)) for j in range(i, len(species))]
    names = [f"{species[i]}-{species[j]}" for i, j in pairs]
    whole = content["whole"]
    values = np.array([whole["l_per_ev_angstrom_ps"][i][j] for i, j in pairs])
    errors = np.array([whole["l_error_per_ev_angstrom_ps"][i][j] for i, j in pairs])
    bars.errorbar(range(len(pairs)), values, yerr=1.96 * errors, fmt="o", color=PALETTE[0], capsize=3, ms=4)
    bars.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    bars.set_xticks(range(len(pairs)), names, rotation=60)
    bars.set_ylabel("L (1/(eV Å ps)), 95 %")
    correlation = np.array(whole["correlation"], dtype=float)
    image = matrix.imshow(correlation, vmin=-1, vmax=1, cmap="RdBu_r")
    for i in range(len(species)):
        for j in range(len(species)):
            if np.isfinite(correlation[i, j]):
                color = "white" if abs(correlation[i, j]) > 0.6 else "black"
                matrix.text(j, i, f"{correlation[i, j]:.2f}", ha="center", va="center", fontsize=7.5, color=color)
    matrix.set_xticks(range(len(species)), species)
    matrix.set_yticks(range(len(species)), species)
    figure.colorbar(image, ax=matrix, label="correlation $L_{ij}/\\sqrt{L_{ii}L_{jj}}$")
    middles = [(window["time_start_ps"] + window["time_end_ps"]) / 2 for window in windows]
    for number, ((i, j), name) in enumerate(zip(pairs, names, strict=True)):
        values = np.array([window["l_per_ev_angstrom_ps"][i][j] for window in windows])
        errors = np.array([window["l_error_per_ev_angstrom_ps"][i][j] for window in windows])
        in_time.errorbar(
            middles, values, yerr=errors, label=name, color=PALETTE[number % len(PALETTE)], capsize=2, marker="o", ms=3,
            ls="-" if i == j else "--", lw=1.0,
        )  # fmt: skip
    in_time.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    in_time.set_xlabel("time (ps)")
    in_time.set_ylabel("L in windows (1/(eV Å ps))")
    if len(pairs) <= 10:
        in_time.legend(ncol=2, fontsize=7, handlelength=1.5)
    fluxes = content["fluxes"]
    times = (np.array(fluxes["time_start_ps"]) + np.array(fluxes["time_end_ps"])) / 2
    table, bounds = np.array(fluxes["flux_per_angstrom2_ps"]), np.array(fluxes["error_per_angstrom2_ps"])
    for k, name in enumerate(species):
        color = ELEMENT_COLORS.get(name, PALETTE[k % len(PALETTE)])
        flux.plot(times, table[:, k], color=color, label=name, marker="o", ms=3, lw=1.0)
        flux.fill_between(times, -2 * bounds[:, k], 2 * bounds[:, k], color=color, alpha=0.12, lw=0)
    flux.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    flux.set_xlabel("time (ps)")
    flux.set_ylabel(f"net flux along {fluxes['axis']} (1/(Å² ps))\nbands: zero within 2 σ")
    flux.legend(fontsize=7)
    if "region" in content:
        _draw_region(content, axes[2, 0], axes[2, 1])
    return figure


def _draw_region(content: Mapping[str, Any], inside: Axes, through: Axes) -> None:
    """Atoms in a region, with the least share still inside at the end of a window, and the fluxes through its planes."""
    region = content["region"]
    starts, stops = np.array(region["time_start_ps"]), np.array(region["time_end_ps"])
    for k, name in enumerate(content["species"]):
        color = ELEMENT_COLORS.get(name, PALETTE[k % len(PALETTE)])
        stay = min(window["region"]["survivors"][name] for window in content["windows"])
        counts = [row[k] for row in region["n_start"]]
        inside.plot(
            [*starts, stops[-1]],
            [*counts, region["n_end"][-1][k]],
            color=color,
            label=f"{name}, {100 * stay:.0f} %",
            marker="o",
            ms=3,
            lw=1.0,
        )
        for plane, style in (("lower", "-"), ("upper", "--")):
            values = [row[k] for row in region[plane]["flux_per_angstrom2_ps"]]
            errors = [row[k] for row in region[plane]["error_per_angstrom2_ps"]]
            through.errorbar(
                (starts + stops) / 2, values, yerr=errors, color=color, ls=style, lw=1.0, marker="o", ms=3, capsize=2,
                label=f"{name}, {plane}",
            )  # fmt: skip
    inside.set_ylim(0, 1.25 * max(max(row) for row in region["n_start"]))
    inside.set_xlabel("time (ps)")
    inside.set_ylabel("atoms in the region")
    inside.legend(fontsize=7, ncol=2, title="least share still inside at a window's end", title_fontsize=7)
    through.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    through.set_xlabel("time (ps)")
    through.set_ylabel("flux through its planes (1/(Å² ps))")
    if len(content["species"]) <= 4:
        through.legend(fontsize=7, ncol=2)


@styled
def tetrahedra(
    time_ps: Array, count: Array, depth_angstrom: Array, depth_count: Array, centers: Array, name: str
) -> Figure:
    """Regular tetrahedra against time and against depth.

    Parameters
    ----------
    time_ps : (n_windows,) float array, ps
        Middles of the averaging windows.
    count : (n_windows,) float array
        Regular tetrahedra in each.
    depth_angstrom : (n_slices,) float array, angstrom
        Middles of slices.
    depth_count : (n_slices,) float array
        Centres in regular tetrahedra.
    centers : (n_slices,) float array
        All centres.
    name : str
        As in ``Li-F``.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 2, height=2.8)
    left, right = axes[0]
    left.plot(time_ps, count, color=PALETTE[2], marker="o" if len(time_ps) < 60 else None, ms=3)
    left.set_ylim(0, max(1.0, 1.1 * float(np.max(count))))
    left.set_xlabel("time (ps)")
    left.set_ylabel(f"regular {name} tetrahedra")
    width = depth_angstrom[1] - depth_angstrom[0]
    right.bar(depth_angstrom, centers, width=width, color="#cccccc", label="all centres")
    right.bar(depth_angstrom, depth_count, width=width, color=PALETTE[2], label="in regular tetrahedra")
    right.set_xlabel("depth along c (Å)")
    right.set_ylabel("mean number in slice")
    right.legend()
    return figure


@styled
def chemistry(time_ps: Array, units: Mapping[str, Array], dimers: Array, bonds: Mapping[str, Array]) -> Figure:
    """Phosphorus units, S2 dimers and bonds of the interface against time.

    Parameters
    ----------
    time_ps : (n_frames,) float array, ps
        Of the frames.
    units : mapping of str to (n_frames,) float array
        Number of each kind of unit.
    dimers : (n_frames,) float array
        Number of S2.
    bonds : mapping of str to (n_frames,) float array
        Number of each kind of bond.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 3, height=2.9)
    first, second, third = axes[0]
    for number, (name, counts) in enumerate(list(units.items())[:6]):
        first.plot(time_ps, counts, color=PALETTE[number % len(PALETTE)], label=name)
    if units:
        first.legend()
    else:
        note_empty(first, "no phosphorus")
    first.set_ylabel("P units")
    second.plot(time_ps, dimers, color=PALETTE[1])
    second.set_ylim(-0.05, max(1.0, 1.1 * float(np.max(dimers))))
    second.set_ylabel("S₂ dimers")
    for number, (name, counts) in enumerate(bonds.items()):
        third.plot(time_ps, counts, color=PALETTE[number % len(PALETTE)], label=name)
    third.set_ylabel("bonds")
    third.legend()
    for ax in axes[0]:
        ax.set_xlabel("time (ps)")
    return figure


@styled
def profile(depth_angstrom: Array, densities: Mapping[str, tuple[Array, Array]], interfaces: Sequence[float]) -> Figure:
    """Number density of each element against depth, with standard errors; dashed: fitted interfaces.

    Parameters
    ----------
    depth_angstrom : (n_slices,) float array, angstrom
        Middles of slices.
    densities : mapping of str to tuple of (n_slices,) float array, 1/angstrom^3
        Density of each element and its standard error.
    interfaces : sequence of float, angstrom
        Their depths.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=7.0, height=3.2)
    ax = axes[0, 0]
    for number, (element, (density, error)) in enumerate(densities.items()):
        color = ELEMENT_COLORS.get(element, PALETTE[number % len(PALETTE)])
        ax.plot(depth_angstrom, density, color=color, label=element)
        ax.fill_between(depth_angstrom, density - error, density + error, color=color, alpha=0.25, lw=0)
    for position in interfaces:
        ax.axvline(position, color="#666666", ls="--", lw=0.9)
    ax.set_xlabel("depth (Å)")
    ax.set_ylabel("number density (1/Å³)")
    ax.legend(ncol=2)
    return figure


@styled
def van_hove(r: Array, lags_ps: Array, self_part: Array, distinct_part: Array) -> Figure:
    """4 pi r^2 G_s and G_d / rho at each lag.

    Parameters
    ----------
    r : (n_bins,) float array, angstrom
        Bin centres.
    lags_ps : (n_lags,) float array, ps
        A curve for each.
    self_part : (n_lags, n_bins) float array, 1/angstrom^3
        G_s.
    distinct_part : (n_lags, n_bins) float array
        G_d over the mean density.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 2, height=2.9)
    left, right = axes[0]
    for number, lag in enumerate(lags_ps):
        color = PALETTE[number % len(PALETTE)]
        left.plot(r, 4.0 * np.pi * r**2 * self_part[number], color=color, label=f"{lag:.3g} ps")
        right.plot(r, distinct_part[number], color=color)
    right.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
    left.set_ylabel("4πr² G$_s$ (1/Å)")
    right.set_ylabel("G$_d$ / ρ")
    left.legend(title="lag")
    for ax in axes[0]:
        ax.set_xlabel("r (Å)")
    return figure


@styled
def density(grid: Array, cell: Array, species: str) -> Figure:
    """Density of an element summed along each cell vector in turn.

    Parameters
    ----------
    grid : (n_a, n_b, n_c) float array, 1/angstrom^3
        Number density.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    species : str
        Chemical symbol.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 3, height=3.2)
    lengths = np.linalg.norm(cell, axis=1)
    for axis, ax in enumerate(axes[0]):
        first, second = (k for k in range(3) if k != axis)
        table = grid.mean(axis=axis) * lengths[axis]
        image = ax.imshow(
            table.T, origin="lower", extent=(0, lengths[first], 0, lengths[second]), cmap="magma", aspect="equal"
        )
        ax.set_xlabel(f"{'abc'[first]} (Å)")
        ax.set_ylabel(f"{'abc'[second]} (Å)")
        ax.set_title(f"along {'abc'[axis]}", loc="left")
        figure.colorbar(image, ax=ax, label=f"{species} (1/Å²)" if axis == 2 else None, shrink=0.8)
    return figure


@styled
def arrhenius(kelvin: Array, diffusivity: Array, error: Array, line_kelvin: Array, line: Array, title: str) -> Figure:
    """log D against 1000 / T, the fit, and its band of one standard error (line: value, low, high; shape (3, n)).

    Parameters
    ----------
    kelvin : (n_runs,) float array, K
        Temperature of each run.
    diffusivity : (n_runs,) float array, cm^2/s
        Of each run.
    error : (n_runs,) float array, cm^2/s
        Its standard error.
    line_kelvin : (n,) float array, K
        Temperatures of the line.
    line : (3, n) float array, cm^2/s
        Value, low and high.
    title : str
        Shown above.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=4.6, height=3.4)
    ax = axes[0, 0]
    ax.errorbar(1000 / kelvin, diffusivity, yerr=error, fmt="o", color=PALETTE[0], capsize=3)
    ax.plot(1000 / line_kelvin, line[0], color=PALETTE[1])
    ax.fill_between(1000 / line_kelvin, line[1], line[2], color=PALETTE[1], alpha=0.2, lw=0)
    ax.set_yscale("log")
    ax.set_xlabel("1000 / T (1/K)")
    ax.set_ylabel("D (cm²/s)")
    ax.set_title(title, loc="left")
    return figure


@styled
def against_thickness(quantities: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """Results against coating thickness, a panel per quantity: (thickness, value, standard error) of each run.

    Parameters
    ----------
    quantities : mapping of str to sequence of tuple of float
        By name.

    Returns
    -------
    Figure
        Not saved.
    """
    n_columns = min(4, len(quantities))
    n_rows = -(-len(quantities) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, width=2.6 * n_columns, height=2.4 * n_rows)
    for ax in axes.ravel()[len(quantities) :]:
        ax.set_visible(False)
    for ax, (name, points) in zip(axes.ravel(), quantities.items(), strict=False):
        table = np.array(sorted(points))
        ax.errorbar(table[:, 0], table[:, 1], yerr=table[:, 2], fmt="o", color=PALETTE[0], capsize=4)
        ax.axhline(0.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(name, loc="left")
        ax.set_xlabel("coating (Å)")
        ax.margins(x=0.2, y=0.15)
    return figure
