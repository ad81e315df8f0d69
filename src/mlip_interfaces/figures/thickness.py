"""Results of a scan against the thickness of the coating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mlip_interfaces.analysis.replicas import mean_of_runs
from mlip_interfaces.figures.style import PALETTE, empty_figure, new_figure, styled

MAX_TICKS = 6
"""Thicknesses that are all named on an axis."""


def means_by_thickness(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, int, float, float]]:
    """Runs of one thickness as one.

    Parameters
    ----------
    points : sequence of tuple of float
        Thickness in angstrom, value and standard error of each run; values that are no numbers are left out.

    Returns
    -------
    list of tuple of (float, int, float, float)
        Thickness, number of runs, mean and standard error, from thin to thick.

    Examples
    --------
    >>> means_by_thickness([(5.0, 1.0, 0.1), (0.0, 4.0, 0.2), (5.0, 1.5, 0.1)])
    [(0.0, 1, 4.0, 0.2), (5.0, 2, 1.25, 0.25)]
    """
    found = []
    for thickness in sorted({point[0] for point in points}):
        own = [point[1:] for point in points if point[0] == thickness and np.isfinite(point[1])]
        if own:
            found.append((thickness, len(own), *mean_of_runs(*zip(*own, strict=True))))
    return found


@styled
def against_thickness(quantities: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """Results against coating thickness, a panel per quantity; where a thickness has several runs, these small beside their mean.

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
        means = np.array(means_by_thickness(points))
        if len(means) < len(table):
            ax.plot(table[:, 0], table[:, 1], "o", color=PALETTE[0], ms=3, alpha=0.35)
        ax.errorbar(means[:, 0], means[:, 2], yerr=means[:, 3], fmt="o", color=PALETTE[0], capsize=4)
        ax.axhline(0.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(name, loc="left")
        ax.set_xlabel("coating (Å)")
        if len(means) <= MAX_TICKS:
            ax.set_xticks(means[:, 0], [f"{thickness:g}" for thickness in means[:, 0]])
        ax.margins(x=0.2, y=0.15)
        if not table[:, 1:].any():
            ax.set_ylim(-0.05, 1.0)
    return figure
