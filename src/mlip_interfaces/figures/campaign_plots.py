"""Figures of an active-learning campaign: its iterations in, a figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlip_interfaces.books.campaign import IterationSummary
from mlip_interfaces.figures.style import PALETTE, VERDICT_COLORS, empty_figure, new_figure, note_empty, styled
from mlip_interfaces.units import EV_TO_MEV

Iterations = Sequence[IterationSummary]
_MOST_TICKS = 16


@styled
def exploration(iterations: Iterations) -> Figure:
    """Share of frames by verdict, and the force deviation between the trust levels in force.

    Parameters
    ----------
    iterations : sequence of mapping of str to Any
        Iterations of ``summary.json``.

    Returns
    -------
    Figure
        Not saved.
    """
    if not iterations:
        return empty_figure("no iteration")
    figure, axes = new_figure(1, 2, height=3.2)
    _verdicts(axes[0, 0], iterations)
    _deviations(axes[0, 1], iterations)
    return figure


@styled
def learning(iterations: Iterations) -> Figure:
    """Force error on held-out labels by layer, and labels with their cost.

    Parameters
    ----------
    iterations : sequence of mapping of str to Any
        Iterations of ``summary.json``.

    Returns
    -------
    Figure
        Not saved.
    """
    if not iterations:
        return empty_figure("no iteration")
    figure, axes = new_figure(1, 2, height=3.2)
    _errors(axes[0, 0], iterations)
    _costs(axes[0, 1], iterations)
    # The ticks of the right axis change with its height: laid out once, its label stood outside of the frame.
    figure.draw_without_rendering()
    return figure


def _verdicts(axes: Axes, iterations: Iterations) -> None:
    x = np.arange(len(iterations))
    counts = {
        "accurate": np.array([entry.accurate for entry in iterations]),
        "candidate": np.array([entry.candidate for entry in iterations]),
        "failed": np.array([entry.failed for entry in iterations]),
    }
    total = np.maximum(1, sum(counts.values()))
    bottom = np.zeros(len(iterations))
    for verdict, color in VERDICT_COLORS.items():
        share = 100 * counts[verdict] / total
        axes.bar(x, share, bottom=bottom, color=color, label=verdict, width=0.7)
        if len(iterations) <= _MOST_TICKS / 2:
            for place, (value, base, count) in enumerate(zip(share, bottom, counts[verdict], strict=True)):
                if value > 4:
                    axes.text(place, base + value / 2, f"{count}", ha="center", va="center", fontsize=8)
        bottom += share
    axes.set_ylim(0, 100)
    axes.set_ylabel("explored frames (%)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    _iteration_axis(axes, iterations)


def _deviations(axes: Axes, iterations: Iterations) -> None:
    """Bars from the 5th to the 95th percentile, thick from the 25th to the 75th; a dot at the median."""
    for place, entry in enumerate(iterations):
        quantiles = {
            level: value
            for level, value in entry.max_force_deviation_ev_per_angstrom.quantiles.items()
            if value is not None
        }
        if quantiles:
            for low, high, width in (("0.05", "0.95", 1.5), ("0.25", "0.75", 6.0)):
                axes.plot([place, place], [quantiles[low], quantiles[high]], color=PALETTE[0], lw=width)
            axes.plot(place, quantiles["0.5"], "o", color="white", markeredgecolor=PALETTE[0], ms=4.5, zorder=3)
    edges = np.arange(len(iterations) + 1) - 0.5
    upper = [entry.trust_high_ev_per_angstrom for entry in iterations]
    for levels, color, label in (
        ([entry.trust_low_ev_per_angstrom for entry in iterations], VERDICT_COLORS["accurate"], "lower trust level"),
        (upper, VERDICT_COLORS["failed"], "upper trust level"),
    ):
        axes.stairs(levels, edges, color=color, ls="--", lw=1.2, baseline=None, label=label)
    # Runs that blew up reach far beyond the levels that decide.
    axes.set_ylim(0, 1.6 * max(upper))
    axes.set_ylabel("largest force deviation (eV/Å)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    _iteration_axis(axes, iterations)


def _errors(axes: Axes, iterations: Iterations) -> None:
    measured = [(place, entry.held_out) for place, entry in enumerate(iterations) if entry.held_out]
    if not measured:
        note_empty(axes, "no label is held out")
        return
    places = [place for place, _ in measured]
    names = list(dict.fromkeys(name for _, errors in measured for name in errors.layers))
    for number, name in enumerate(names):
        values = [
            errors.layers[name].force_rmse_mev_per_angstrom if name in errors.layers else np.nan
            for _, errors in measured
        ]
        axes.plot(places, values, "o-", ms=4, color=PALETTE[number % len(PALETTE)], label=name)
    axes.plot(places, [errors.force_rmse_mev_per_angstrom for _, errors in measured], "ks-", ms=4, label="all")
    axes.stairs(
        [EV_TO_MEV * entry.trust_low_ev_per_angstrom for entry in iterations], np.arange(len(iterations) + 1) - 0.5,
        color=VERDICT_COLORS["accurate"], ls="--", lw=1.2, baseline=None, label="lower trust level",
    )  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set_ylabel("force RMSE, held-out labels (meV/Å)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.28), ncols=3)
    _iteration_axis(axes, iterations)


def _costs(axes: Axes, iterations: Iterations) -> None:
    x = np.arange(len(iterations))
    made = np.cumsum([entry.labels_made for entry in iterations])
    failed = np.cumsum([len(entry.labels_failed) for entry in iterations])
    axes.bar(x, made, color=PALETTE[5], width=0.7, label="labels")
    axes.bar(x, failed, bottom=made, color=VERDICT_COLORS["failed"], width=0.7, label="failed labels")
    axes.set_ylabel("labels so far")
    _iteration_axis(axes, iterations)
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.plot(x, np.cumsum([entry.label_core_hours for entry in iterations]), "o-", ms=4, color="black", label="cost")
    right.set_ylim(bottom=0)
    right.set_ylabel("cost so far (core hours)")
    handles, names = (
        a + b for a, b in zip(axes.get_legend_handles_labels(), right.get_legend_handles_labels(), strict=True)
    )
    axes.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)


def _iteration_axis(axes: Axes, iterations: Iterations) -> None:
    """Ticks by iteration; below each change of rung, the rung."""
    stride = -(-len(iterations) // _MOST_TICKS)
    rungs = [entry.rung for entry in iterations]
    begins = [place for place, rung in enumerate(rungs) if place == 0 or rung != rungs[place - 1]]
    ticks = sorted({*range(0, len(iterations), stride), *begins})
    axes.set_xticks(ticks, [f"{place}\nrung {rungs[place] + 1}" if place in begins else str(place) for place in ticks])
    axes.set_xlim(-0.6, len(iterations) - 0.4)
    axes.set_xlabel("iteration")
