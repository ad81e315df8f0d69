"""Figures of electrochemical windows: the bar, uptake, phases of three elements, mutual reactions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty, styled

_REDUCED, _STABLE, _OXIDISED = "#F3D9C2", "#BFE3D0", "#D4DEF0"
_INTERVAL = "#222222"
_LINE_HEIGHT_INCH = 0.22
_LABEL_PLACES = 0.05
_LETTER_WIDTH = 0.009
_NEAR = 0.09
_RIGHT_END = 0.75


def chemical(text: str) -> str:
    r"""Formulas with lowered numbers.

    Parameters
    ----------
    text : str
        A reaction or a list of phases.

    Returns
    -------
    str
        As matplotlib takes it.

    Examples
    --------
    >>> chemical("Li3PS4 + 5 Li -> 4 Li2S")
    'Li$_{3}$PS$_{4}$ + 5 Li $\\rightarrow$ 4 Li$_{2}$S'
    """
    return re.sub(r"(?<=[A-Za-z)])(\d+\.?\d*)", r"$_{\1}$", text).replace("->", r"$\rightarrow$")


@styled
def window_bar(
    composition: str,
    open_element: str,
    lower_v: float,
    upper_v: float | None,
    plateaus: Sequence[tuple[float, str]],
    intervals_v: tuple[tuple[float, float], tuple[float, float] | None] | None,
    last_v: float,
) -> Figure:
    """A bar of the window on a voltage axis, and the reaction at each plateau.

    Parameters
    ----------
    composition : str
        Formula.
    open_element : str
        The one that is exchanged.
    lower_v, upper_v : float and float or None, V
        Ends of the window.
    plateaus : sequence of (float, str)
        Voltages and reactions, from low to high.
    intervals_v : tuple of intervals, or None, V
        Of both ends, where energies have uncertainties.
    last_v : float, V
        End of the axis.

    Returns
    -------
    Figure
        Not saved.
    """
    height = 1.3 + _LINE_HEIGHT_INCH * max(len(plateaus), 1)
    figure, axes = new_figure(1, 1, width=7.0, height=height)
    ax = axes[0, 0]
    end = last_v if upper_v is None else upper_v
    for begin, stop, color, name in (
        (0.0, lower_v, _REDUCED, "takes up"),
        (lower_v, end, _STABLE, "window"),
        (end, last_v, _OXIDISED, "gives"),
    ):
        if stop > begin:
            ax.barh(0.0, stop - begin, left=begin, height=0.7, color=color, edgecolor="white")
            words = name if name == "window" else f"{name} {open_element}"
            if stop - begin > 0.12 * last_v:
                ax.text(0.5 * (begin + stop), 0.0, words, ha="center", va="center", fontsize=8)
    for place, (voltage, reaction) in enumerate(plateaus, start=1):
        # To the left, where the lines of lower voltages end below.
        right = voltage > _LETTER_WIDTH * len(reaction) * last_v
        ax.plot([voltage, voltage], [0.35, place], color=PALETTE[0], linewidth=0.9)
        ax.plot([voltage], [place], color=PALETTE[0], marker="o", markersize=3)
        ax.annotate(
            f"{voltage:.2f} V  {chemical(reaction)}",
            (voltage, place),
            (-5 if right else 5, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    if intervals_v is not None:
        for interval in intervals_v:
            if interval is not None:
                center = 0.5 * (interval[0] + interval[1])
                ax.errorbar(
                    center, -0.22, xerr=0.5 * (interval[1] - interval[0]), color=_INTERVAL, capsize=3, linewidth=1.0
                )
    ax.set_xlim(0.0, last_v)
    ax.set_ylim(-0.5, max(len(plateaus), 1) + 0.6)
    ax.set_yticks([0.0], [chemical(composition)])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"voltage against {open_element} metal (V)")
    return figure


@styled
def uptake_curve(
    composition: str,
    open_element: str,
    stages: Sequence[tuple[float, float | None, float, str]],
    voltages_v: NDArray[np.float64],
    gain_ev_per_atom: NDArray[np.float64],
) -> Figure:
    """Uptake against voltage with the phases of each step, and the energy of decomposition below it.

    Parameters
    ----------
    composition : str
        Formula.
    open_element : str
        The one that is exchanged.
    stages : sequence of (float, float or None, float, str)
        From and to voltage, uptake per formula unit, phases.
    voltages_v : (n,) float array, V
        Of the energy, and the axis.
    gain_ev_per_atom : (n,) float array, eV
        Of decomposition.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(2, 1, width=6.4, height=5.4, sharex=True, height_ratios=[2.0, 1.0])
    ax, below = axes[:, 0]
    last = float(voltages_v[-1])
    x, y = [], []
    for begin, stop, uptake, _ in stages:
        x += [begin, last if stop is None else stop]
        y += [uptake, uptake]
    ax.plot(x, y, color=PALETTE[0])
    span = (max(y) - min(y)) or 1.0
    before = -np.inf
    for _, stop, uptake, phases in sorted(stages, key=lambda stage: stage[2]):
        # Right of where a step ends is free; names of steps that lie close stand above each other.
        end = last if stop is None else stop
        right = end > _RIGHT_END * last
        height = max(uptake, before + _LABEL_PLACES * span)
        before = height
        ax.annotate(
            chemical(phases),
            (end, height),
            (-3 if right else 4, 3 if right else 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="bottom" if right else "center",
            fontsize=7,
        )
    ax.axhline(0.0, color="#888888", linewidth=0.7, linestyle=":")
    ax.set_ylim(min(y) - 0.05 * span, max(y) + 0.15 * span)
    ax.set_ylabel(f"{open_element} uptake per {chemical(composition)}")
    below.plot(voltages_v, gain_ev_per_atom, color=PALETTE[1])
    below.set_ylabel("decomposition\n(eV/atom)")
    below.set_xlabel(f"voltage against {open_element} metal (V)")
    below.set_xlim(0.0, last)
    return figure


@styled
def phase_triangle(
    corners: tuple[str, str, str],
    points: Sequence[tuple[str, tuple[float, ...], bool]],
    lines: Sequence[tuple[int, int]],
) -> Figure:
    """Phases of three elements, stable ones joined by tie lines.

    Parameters
    ----------
    corners : tuple of str
        Elements: lower left, lower right, above.
    points : sequence of (str, tuple of float, bool)
        Formula, fractions of the elements, and whether it is stable.
    lines : sequence of (int, int)
        Pairs of points in equilibrium.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=5.6, height=5.0)
    ax = axes[0, 0]
    if not points:
        note_empty(ax, f"no phases of {', '.join(corners)}")
        return figure
    fractions = np.array([fraction for _, fraction, _ in points])
    x, y = fractions[:, 1] + 0.5 * fractions[:, 2], np.sqrt(0.75) * fractions[:, 2]
    for one, other in lines:
        ax.plot(x[[one, other]], y[[one, other]], color="#999999", linewidth=0.8, zorder=1)
    for place, (formula, _, is_stable) in enumerate(points):
        color = PALETTE[0] if is_stable else PALETTE[1]
        ax.plot(
            [x[place]], [y[place]], color=color, marker="o" if is_stable else "s", markersize=5,
            markerfacecolor=color if is_stable else "white", zorder=2,
        )  # fmt: skip
        below = y[place] < 1e-9
        gaps = np.hypot(x - x[place], y - y[place])
        left = bool(((gaps < _NEAR) & (x > x[place])).any())
        ax.annotate(
            chemical(formula),
            (x[place], y[place]),
            (0, -9) if below else (-6, 0) if left else (5, 4),
            textcoords="offset points",
            ha="center" if below else "right" if left else "left",
            va="center",
            fontsize=8 if is_stable else 7,
            color="black" if is_stable else PALETTE[1],
            zorder=3,
        )
    ax.set_aspect("equal")
    ax.margins(0.1)
    ax.set_axis_off()
    ax.set_title("filled: stable; open: above the hull")
    return figure


@styled
def mutual_reactions(reactions: Mapping[str, Sequence[tuple[float, float, str]]]) -> Figure:
    """Energy of two phases' reaction against their ratio; each kink has a number, and its reaction below.

    Parameters
    ----------
    reactions : mapping of str to sequence of (float, float, str)
        By title: fraction of the first phase, energy in eV per atom, reaction.

    Returns
    -------
    Figure
        Not saved.
    """
    n_lines = max(len(kinks) for kinks in reactions.values())
    figure, axes = new_figure(len(reactions), 1, width=6.4, height=(2.4 + _LINE_HEIGHT_INCH * n_lines) * len(reactions))
    for ax, (title, kinks) in zip(axes[:, 0], reactions.items(), strict=True):
        x, y = [kink[0] for kink in kinks], [kink[1] for kink in kinks]
        ax.plot(x, y, color=PALETTE[0], marker="o", markersize=3.5)
        for number, (fraction, energy, _) in enumerate(kinks, start=1):
            ax.annotate(str(number), (fraction, energy), (0, 4), textcoords="offset points", ha="center", fontsize=7)
        ax.set_title(title)
        ax.set_ylabel("reaction energy (eV/atom)")
        ax.margins(y=0.15)
        listing = "\n".join(f"{number}  {chemical(kink[2])}" for number, kink in enumerate(kinks, start=1))
        ax.set_xlabel(f"fraction of the first phase, by atoms\n\n{listing}", fontsize=7, loc="left")
    return figure
