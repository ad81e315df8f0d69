"""Figures of the safety gates: pair scans, and the other curves beside each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from mlip_interfaces.figures.style import (
    PALETTE,
    element_color,
    empty_figure,
    new_figure,
    note_empty,
    styled,
)

Curves = Mapping[str, NDArray[np.float64]]
"""Abscissa and ordinate by name, shape (2, n) each."""

_PANELS_A_ROW = 4
_LOWEST_EV, _HIGHEST_EV = -4.0, 12.0


@dataclass(frozen=True, slots=True)
class GateCurves:
    """Curves of all gates; an empty mapping where a gate did not run.

    Attributes
    ----------
    volume : mapping of str to (2, n) float array
        Energy (eV/atom) against volume over that as built, by structure.
    gap : mapping of str to (2, n) float array
        Work (J/m^2) against the gap (angstrom), by place.
    temperature : mapping of str to (2, n) float array
        ``temperature`` and ``thermostat``, K, against time, ps.
    energy : mapping of str to (2, n) float array
        ``energy``: meV/atom from its mean, against time, ps.
    """

    volume: Curves
    gap: Curves
    temperature: Curves
    energy: Curves


@styled
def pair_scans(curves: Curves, failed: Collection[str]) -> Figure:
    """Energy of two atoms driven into each other, a panel for each element with all its partners.

    Parameters
    ----------
    curves : mapping of str to (2, n) float array
        Energy (eV) against distance (angstrom) by pair, as in ``Li-O``.
    failed : collection of str
        Pairs that fail; they are dashed.

    Returns
    -------
    Figure
        Not saved.
    """
    elements = list(dict.fromkeys(symbol for name in curves for symbol in name.split("-")))
    if not elements:
        return empty_figure("no pair was scanned")
    n_rows = -(-len(elements) // _PANELS_A_ROW)
    n_columns = min(len(elements), _PANELS_A_ROW)
    figure, axes = new_figure(n_rows, n_columns, height=2.4 * n_rows, sharex=True, sharey=True)
    for ax, symbol in zip(axes.flat, elements, strict=False):
        for name, (distance, energy) in curves.items():
            pair = name.split("-")
            if symbol in pair:
                other = pair[1] if pair[0] == symbol else pair[0]
                bad = name in failed
                style, width = ("--", 1.6) if bad else ("-", 1.0)
                ax.plot(distance, energy, color=element_color(other), ls=style, lw=width, label=other)
        ax.axhline(0.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_ylim(_LOWEST_EV, _HIGHEST_EV)
        ax.set_title(symbol, loc="left")
    partners = [Line2D([], [], color=element_color(symbol), label=symbol) for symbol in elements]
    figure.legend(handles=partners, loc="outside lower center", ncols=len(partners), title="driven into")
    for ax in axes.flat[len(elements) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("distance (Å)")
    for ax in axes[:, 0]:
        ax.set_ylabel("energy (eV)")
    return figure


@styled
def gate_curves(curves: GateCurves) -> Figure:
    """Energy against volume, work against a gap, temperature of the ramp, energy at constant energy.

    Parameters
    ----------
    curves : GateCurves
        Of all gates.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 4, width=11.0, height=2.8)
    volume, gap, heating, drift = axes[0]
    _draw(volume, curves.volume, "volume over that as built", "energy (eV/atom)", "compression")
    _draw(gap, curves.gap, "gap (Å)", "work (J/m²)", "layers pulled apart")
    _draw(heating, curves.temperature, "time (ps)", "temperature (K)", "heating")
    _draw(drift, curves.energy, "time (ps)", "energy from its mean (meV/atom)", "constant energy", legend=False)
    return figure


def _draw(ax: Axes, curves: Curves, x: str, y: str, title: str, *, legend: bool = True) -> None:
    ax.set_title(title, loc="left")
    if not curves:
        note_empty(ax, "not run")
        return
    for number, (name, (abscissa, ordinate)) in enumerate(curves.items()):
        ax.plot(abscissa, ordinate, color=PALETTE[number % len(PALETTE)], label=name, lw=1.0)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if legend:
        ax.legend(loc="best", fontsize=6)


def grouped(curves: Curves, gates: Sequence[str]) -> dict[str, Curves]:
    """Curves of each gate, from those of all, which are called ``GATE/NAME``.

    Parameters
    ----------
    curves : mapping of str to (2, n) float array
        Of all gates.
    gates : sequence of str
        Names of gates.

    Returns
    -------
    dict of str to mapping
        Curves by name, by gate; empty for a gate that has none.
    """
    return {
        gate: {name.partition("/")[2]: curve for name, curve in curves.items() if name.partition("/")[0] == gate}
        for gate in gates
    }
