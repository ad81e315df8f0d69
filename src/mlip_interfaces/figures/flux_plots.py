"""The figure of fluxes against composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, new_figure, styled

_MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True, slots=True)
class FluxPoints:
    """Fluxes of one species at one temperature.

    Attributes
    ----------
    place : (n,) float array
        Of each composition on the axis.
    flux, low, high : (n,) float array, mmol/(cm^2 s)
        Value and ends of the 95 % interval.
    """

    place: NDArray[np.float64]
    flux: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@styled
def flux_against_composition(
    points: Mapping[str, Mapping[float, FluxPoints]], axis: str, labels: Sequence[str] | None
) -> Figure:
    """A panel for each species, with a line for each temperature.

    Parameters
    ----------
    points : mapping of str to mapping of float to FluxPoints
        By species and temperature in K.
    axis : str
        The element whose share is the axis.
    labels : sequence of str or None
        Names of compositions where the axis is their order.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(len(points), 1, width=6.4, height=0.7 + 1.9 * len(points))
    temperatures = sorted({temperature for one in points.values() for temperature in one})
    for ax, (name, by_temperature) in zip(axes[:, 0], points.items(), strict=True):
        for temperature, one in by_temperature.items():
            number = temperatures.index(temperature)
            # Beside each other where they share a composition.
            aside = 0.08 * (number - (len(temperatures) - 1) / 2) if labels is not None else 0.0
            ax.errorbar(
                one.place + aside, one.flux, yerr=[one.flux - one.low, one.high - one.flux],
                color=PALETTE[number % len(PALETTE)], marker=_MARKERS[number % len(_MARKERS)], ms=4, lw=1.0, capsize=3,
                label=f"{temperature:g} K",
            )  # fmt: skip
        ax.axhline(0.0, color="#999999", lw=0.8, zorder=0)
        ax.set_ylabel(f"flux of {name}\n(mmol/(cm$^2$ s)), 95 %")
        ax.ticklabel_format(axis="y", scilimits=(-3, 4))
    figure.align_ylabels(axes[:, 0])
    handles: dict[str, object] = {}
    for ax in axes[:, 0]:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    ordered = [f"{temperature:g} K" for temperature in temperatures]
    axes[0, 0].legend(
        [handles[label] for label in ordered], ordered, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4
    )
    places = np.concatenate([one.place for by_temperature in points.values() for one in by_temperature.values()])
    margin = 0.05 * max(float(np.ptp(places)), 0.1) if labels is None else 0.4
    for ax in axes[:, 0]:
        ax.set_xlim(places.min() - margin, places.max() + margin)
        lowest = ax is axes[-1, 0]
        if labels is None:
            ax.tick_params(labelbottom=lowest)
        else:
            names = labels if lowest else [""] * len(labels)
            ax.set_xticks(range(len(labels)), names, rotation=40 if len(labels) > 4 else 0)
    axes[-1, 0].set_xlabel(
        f"share of {axis} in the atoms" if labels is None else "composition, from the near end to the far one"
    )
    return figure
