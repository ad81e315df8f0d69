"""Results of a scan against the thickness of the coating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mlip_interfaces.figures.style import PALETTE, empty_figure, new_figure, styled


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
    if not quantities:
        return empty_figure("no number to compare")
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
