"""Figures of interface energetics and of defects in supercells."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty, styled

_BAR_INCH = 0.3
_TWO_PANELS_INCH = 7.5


@styled
def interface_bars(bars: Sequence[tuple[str, float | None, float | None]]) -> Figure:
    """Work of adhesion and interface energy of each interface.

    Parameters
    ----------
    bars : sequence of (str, float or None, float or None)
        Name, work of adhesion and interface energy, J/m^2; None where it is not known.

    Returns
    -------
    Figure
        Not saved; one panel where no interface energy is known.
    """
    panels = [
        ("work of adhesion (J/m$^2$)", [bar[1] for bar in bars]),
        ("interface energy (J/m$^2$)", [bar[2] for bar in bars]),
    ]
    panels = [panel for panel in panels if any(value is not None for value in panel[1])]
    figure, axes = new_figure(1, len(panels), width=_TWO_PANELS_INCH, height=1.0 + _BAR_INCH * len(bars))
    for ax, color, (title, values) in zip(axes[0], PALETTE, panels, strict=False):
        for place, value in enumerate(values):
            if value is not None:
                ax.barh(place, value, color=color, height=0.65)
                ax.annotate(
                    f"{value:.3f}",
                    (max(value, 0.0), place),
                    (3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
        ax.axvline(0.0, color="#222222", linewidth=0.8)
        ax.margins(x=0.18)
        ax.set_xlabel(title)
        ax.set_ylim(len(bars) - 0.5, -0.5)
        ax.set_yticks([])
    axes[0, 0].set_yticks(range(len(bars)), [name for name, _, _ in bars])
    return figure


@styled
def defect_ladder(sets: Sequence[tuple[str, Sequence[tuple[float | None, float]]]]) -> Figure:
    """Formation energies of sets of defects against the distance of their members.

    Parameters
    ----------
    sets : sequence of (str, sequence of (float or None, float))
        Label, and distance (angstrom; None of one defect) and formation energy (eV) of each arrangement.

    Returns
    -------
    Figure
        Not saved; single defects are level lines.
    """
    figure, axes = new_figure(1, 1, width=6.5, height=3.6)
    ax = axes[0, 0]
    for number, (label, points) in enumerate(sets):
        color, marker = PALETTE[number % len(PALETTE)], "os^Dv<>P"[number % 8]
        far = [(distance, energy) for distance, energy in points if distance is not None]
        if far:
            ax.plot(*zip(*far, strict=True), color=color, marker=marker, linewidth=1.0, markersize=5, label=label)
        single = [energy for distance, energy in points if distance is None]
        for place, energy in enumerate(single):
            ax.axhline(energy, color=color, linestyle="--", linewidth=1.0, label=None if place else label)
    if any(distance is not None for _, points in sets for distance, _ in points):
        ax.set_xlabel("distance as placed (angstrom)")
    else:
        ax.set_xticks([])
    ax.set_ylabel("formation energy (eV)")
    if ax.has_data():
        figure.legend(loc="outside right upper")
    else:
        note_empty(ax, "every arrangement recombined")
    return figure
