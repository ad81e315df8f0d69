"""Figure of a committee's deviation along production runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import (
    VERDICT_COLORS,
    empty_figure,
    legend_of_labels,
    new_figure,
    styled,
    thickness_color,
)


@dataclass(frozen=True, slots=True)
class DeviationTrace:
    """Deviation along one run.

    Attributes
    ----------
    coating_angstrom : float, angstrom
        Thickness of the coating.
    condition : str
        Protocol, with the variant of the model.
    time_ps : (n_frames,) float array, ps
        Of the frames.
    deviation_ev_per_angstrom : (n_frames,) float array, eV/angstrom
        Largest force deviation of each; not-a-number where it is none.
    leaves : bool
        Whether the run leaves the model's domain.
    """

    coating_angstrom: float
    condition: str
    time_ps: NDArray[np.float64]
    deviation_ev_per_angstrom: NDArray[np.float64]
    leaves: bool


@styled
def deviation_over_time(
    traces: Sequence[DeviationTrace], low: float, high: float, *, thicknesses: Collection[float] = ()
) -> Figure:
    """Largest force deviation against time, a column per condition; dashed where a run leaves the model's domain.

    Parameters
    ----------
    traces : sequence of DeviationTrace
        Of all runs.
    low, high : float, eV/angstrom
        Trust levels.
    thicknesses : collection of float, angstrom, optional
        Of all runs of the study: each has its colour, whether it is drawn here or not.

    Returns
    -------
    Figure
        Not saved.
    """
    if not traces:
        return empty_figure("no run was judged by the committee")
    conditions = list(dict.fromkeys(trace.condition for trace in traces))
    order = sorted({*thicknesses, *(trace.coating_angstrom for trace in traces)})
    figure, axes = new_figure(1, len(conditions), height=2.9, sharey=True)
    for ax, condition in zip(axes[0], conditions, strict=True):
        for trace in sorted((t for t in traces if t.condition == condition), key=lambda t: t.coating_angstrom):
            ax.plot(
                trace.time_ps,
                trace.deviation_ev_per_angstrom,
                marker=".",
                color=thickness_color(order.index(trace.coating_angstrom)),
                ls="--" if trace.leaves else "-",
                label=f"{trace.coating_angstrom:g} Å" + (" (leaves)" if trace.leaves else ""),
            )
        ax.axhline(low, color=VERDICT_COLORS["accurate"], lw=0.8, ls=":", zorder=0)
        ax.axhline(high, color=VERDICT_COLORS["failed"], lw=0.8, ls=":", zorder=0)
        ax.set_title(condition, loc="left")
        ax.set_xlabel("time (ps)")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylabel("largest force deviation (eV/Å)")
    legend_of_labels(axes[0, -1], title="coating", loc="upper right")
    return figure
