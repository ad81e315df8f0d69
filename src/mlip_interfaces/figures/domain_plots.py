"""Figure of a committee's deviation along production runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.runs import Which, called, colors_of_runs, legend_title
from mlip_interfaces.figures.style import (
    VERDICT_COLORS,
    empty_figure,
    legend_of_labels,
    new_figure,
    styled,
)


@dataclass(frozen=True, slots=True)
class DeviationTrace:
    """Deviation along one run.

    Attributes
    ----------
    which : Which
        Thickness of the coating, or the name of the run.
    condition : str
        Protocol, with the variant of the model.
    time_ps : (n_frames,) float array, ps
        Of the frames.
    deviation_ev_per_angstrom : (n_frames,) float array, eV/angstrom
        Largest force deviation of each; not-a-number where it is none.
    leaves : bool
        Whether the run leaves the model's domain.
    """

    which: Which
    condition: str
    time_ps: NDArray[np.float64]
    deviation_ev_per_angstrom: NDArray[np.float64]
    leaves: bool


@styled
def deviation_over_time(
    traces: Sequence[DeviationTrace], low: float, high: float, *, of_study: Collection[Which] = ()
) -> Figure:
    """Largest force deviation against time, a column per condition; dashed where a run leaves the model's domain.

    Parameters
    ----------
    traces : sequence of DeviationTrace
        Of all runs.
    low, high : float, eV/angstrom
        Trust levels.
    of_study : collection of Which, optional
        All runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    if not traces:
        return empty_figure("no run was judged by the committee")
    conditions = list(dict.fromkeys(trace.condition for trace in traces))
    whiches = [trace.which for trace in traces]
    colors, title = colors_of_runs([*of_study, *whiches]), legend_title(whiches)
    order = list(colors)
    figure, axes = new_figure(1, len(conditions), height=2.9, sharey=True)
    for ax, condition in zip(axes[0], conditions, strict=True):
        for trace in sorted((t for t in traces if t.condition == condition), key=lambda t: order.index(t.which)):
            ax.plot(
                trace.time_ps,
                trace.deviation_ev_per_angstrom,
                marker=".",
                color=colors[trace.which],
                ls="--" if trace.leaves else "-",
                label=called(trace.which) + (" (leaves)" if trace.leaves else ""),
            )
        ax.axhline(low, color=VERDICT_COLORS["accurate"], lw=0.8, ls=":", zorder=0)
        ax.axhline(high, color=VERDICT_COLORS["failed"], lw=0.8, ls=":", zorder=0)
        ax.set_title(condition, loc="left")
        ax.set_xlabel("time (ps)")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylabel("largest force deviation (eV/Å)")
    # A thickness is in every column, a run in its own.
    for ax in axes[0] if title is None else axes[0, -1:]:
        legend_of_labels(ax, title=title, loc="best")
    return figure
