"""Results of a scan against the thickness of the coating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.figures.style import PALETTE, empty_figure, new_figure, styled

MAX_TICKS = 6
"""Thicknesses that are all named on an axis."""


def runs_by_thickness(points: Sequence[tuple[float, float, float]]) -> dict[float, Replicas]:
    """Runs of one thickness as one.

    Parameters
    ----------
    points : sequence of tuple of float
        Thickness in angstrom, value and standard error of each run; values that are no numbers are left out.

    Returns
    -------
    dict of float to Replicas
        By thickness, from thin to thick.

    Examples
    --------
    >>> found = runs_by_thickness([(5.0, 1.0, 0.1), (0.0, 4.0, 0.2), (5.0, 1.5, 0.1)])
    >>> {thickness: (runs.n_runs, runs.mean, runs.error) for thickness, runs in found.items()}
    {0.0: (1, 4.0, 0.2), 5.0: (2, 1.25, 0.25)}
    """
    known = sorted(point for point in points if np.isfinite(point[1]))
    return {
        thickness: Replicas(
            tuple(value for at, value, _ in known if at == thickness),
            tuple(error for at, _, error in known if at == thickness),
        )
        for thickness in dict.fromkeys(point[0] for point in known)
    }


@styled
def against_thickness(quantities: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """Results against coating thickness, a panel per quantity; where a thickness has several runs, these small beside their mean.

    Bars with caps are standard errors, the thin lines below them intervals of 95 %.

    Parameters
    ----------
    quantities : mapping of str to sequence of tuple of float
        By name: thickness in angstrom, value and standard error of each run.

    Returns
    -------
    Figure
        Not saved.
    """
    if not quantities:
        return empty_figure("no number to compare")
    n_columns = min(4, len(quantities))
    n_rows = -(-len(quantities) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, width=2.6 * n_columns, height=2.4 * n_rows)
    for ax in axes.ravel()[len(quantities) :]:
        ax.set_visible(False)
    for ax, (name, points) in zip(axes.ravel(), quantities.items(), strict=False):
        table = np.array(sorted(points))
        found = runs_by_thickness(points)
        thicknesses, means = list(found), np.array([runs.mean for runs in found.values()])
        if len(found) < len(table):
            ax.plot(table[:, 0], table[:, 1], "o", color=PALETTE[0], ms=3, alpha=0.35)
        errors = np.array([runs.error for runs in found.values()])
        ends = np.array([runs.interval() for runs in found.values()]).reshape(-1, 2)
        ax.errorbar(thicknesses, means, yerr=errors, fmt="o", color=PALETTE[0], capsize=4)
        low, high = ax.get_ylim()
        ax.vlines(thicknesses, ends[:, 0], ends[:, 1], color=PALETTE[0], lw=0.8, alpha=0.6)
        # Two runs have an interval of six times their scatter: it runs out of the panel, and does not flatten what is in it.
        room = 2.0 * (high - low)
        ax.set_ylim(
            max(float(ends[:, 0].min(initial=low)), low - room), min(float(ends[:, 1].max(initial=high)), high + room)
        )
        ax.axhline(0.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(name, loc="left")
        ax.set_xlabel("coating (Å)")
        if len(found) <= MAX_TICKS:
            ax.set_xticks(thicknesses, [f"{thickness:g}" for thickness in thicknesses])
        ax.margins(x=0.2, y=0.15)
        if not table[:, 1:].any():
            ax.set_ylim(-0.05, 1.0)
    return figure
