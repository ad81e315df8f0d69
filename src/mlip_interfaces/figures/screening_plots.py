"""Figures of screening: bands below the vacuum, potential maps, defects against voltage, space-charge layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty, styled

LEVEL_COLORS = {"mu": "#0072B2", "vbm": "#D55E00", "cbm": "#009E73", "phi": "#8E44AD"}
"""Blue, orange, green, purple, as the paper has them, in shades that colour-blind readers tell apart."""
_LEVEL_NAMES = {"mu": r"$\mu_{\mathrm{Li}}$", "vbm": "VBM", "cbm": "CBM", "phi": r"$e\phi$"}
_SHADE, _METAL, _FERMI_COLOR = "#D9D9D9", "#F3EDE0", "#8C510A"
_ELECTRODE_WIDTH_V = 0.45
_NARROW_V = 0.6
_DEEPEST_EV = 2.0
_LOWEST_CONCENTRATION_PER_CM3 = 1.0


@dataclass(frozen=True, slots=True)
class BandBar:
    """Bands of one material below the vacuum.

    Attributes
    ----------
    label : str
        Below the bar.
    color : str
        Of its family.
    occupied_ev : float, eV
        Top of the occupied bands, against the vacuum: negative.
    empty_ev : float or None, eV
        Bottom of the empty bands; None where no gap is known, the same as `occupied_ev` for a metal.
    """

    label: str
    color: str
    occupied_ev: float
    empty_ev: float | None


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One layer of a map.

    Attributes
    ----------
    name : str
        Of its material.
    mu, vbm, cbm, phi : (n,) float array, eV
        Levels from its anode side to its cathode side.
    """

    name: str
    mu: NDArray[np.float64]
    vbm: NDArray[np.float64]
    cbm: NDArray[np.float64]
    phi: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MapPanel:
    """One battery.

    Attributes
    ----------
    title : str
        Names of its parts and the state of charge.
    anode, cathode : str
        Names.
    anode_mu_ev, cathode_mu_ev, cathode_phi_ev : float, eV
        Levels in the electrodes; the potential of the anode is zero.
    layers : tuple of MapLayer
        From anode to cathode.
    step_names : tuple of str
        What stands at each interface, one more than layers.
    """

    title: str
    anode: str
    cathode: str
    anode_mu_ev: float
    cathode_mu_ev: float
    cathode_phi_ev: float
    layers: tuple[MapLayer, ...]
    step_names: tuple[str, ...]

    @property
    def width_v(self) -> float:
        """Between the electrodes: changes of the lithium potential inside layers and at interfaces, volts."""
        ends = [
            self.anode_mu_ev,
            *(float(mu) for layer in self.layers for mu in (layer.mu[0], layer.mu[-1])),
            self.cathode_mu_ev,
        ]
        return float(np.abs(np.diff(ends)).sum())


@dataclass(frozen=True, slots=True)
class DefectPanel:
    """Defects and Fermi level of one material.

    Attributes
    ----------
    title : str
        Name of the material.
    voltage_v : (n,) float array, V
        Against lithium metal.
    fermi_level_ev : (n,) float array, eV
        Above the valence band edge.
    concentrations_per_cm3 : mapping of str to (n,) float array, 1/cm3
        By defect; empty where only the Fermi level is known.
    window_v : tuple of (float, float) or None, V
        Electrochemical window.
    """

    title: str
    voltage_v: NDArray[np.float64]
    fermi_level_ev: NDArray[np.float64]
    concentrations_per_cm3: Mapping[str, NDArray[np.float64]]
    window_v: tuple[float, float] | None


@styled
def band_alignment(bars: Sequence[BandBar]) -> Figure:
    """Occupied bands dark, empty bands light, all below the same vacuum.

    Parameters
    ----------
    bars : sequence of BandBar
        From left to right.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=max(5.0, 0.62 * len(bars) + 1.2), height=4.0)
    ax = axes[0, 0]
    bottom = min(bar.occupied_ev for bar in bars) - _DEEPEST_EV
    known = [bar.empty_ev for bar in bars if bar.empty_ev is not None]
    top = max(0.0, *known) + 0.8 if known else 0.8
    for place, bar in enumerate(bars):
        ax.bar(place, bar.occupied_ev - bottom, bottom=bottom, width=0.8, color=bar.color)
        ax.annotate(
            f"{bar.occupied_ev:.1f}",
            (place, bar.occupied_ev),
            (0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=7,
            color="white",
        )
        if bar.empty_ev is not None:
            ax.bar(place, top - bar.empty_ev, bottom=bar.empty_ev, width=0.8, color=bar.color, alpha=0.3)
            if bar.empty_ev > bar.occupied_ev:
                ax.annotate(
                    f"{bar.empty_ev:.1f}",
                    (place, bar.empty_ev),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    va="bottom",
                    fontsize=7,
                )
    ax.axhline(0.0, color="black", linestyle="--", linewidth=0.8)
    ax.annotate("vacuum", (len(bars) - 0.55, 0.0), (0, 2), textcoords="offset points", ha="right", fontsize=7)
    ax.set_xticks(range(len(bars)), [bar.label for bar in bars])
    ax.set_xlim(-0.7, len(bars) - 0.3)
    ax.set_ylabel("energy against the vacuum (eV)")
    ax.set_ylim(bottom, top)
    handles = [Patch(color="#555555"), Patch(color="#555555", alpha=0.3)]
    words = ["occupied", "empty"] if len(known) == len(bars) else ["occupied", "empty (where the gap is given)"]
    figure.legend(handles, words, loc="outside upper center", ncols=2)
    return figure


@styled
def potential_maps(rows: Sequence[Sequence[MapPanel | None]]) -> Figure:
    """Potential maps beside each other, all with the same slope of the lithium potential and as wide as their voltage.

    Parameters
    ----------
    rows : sequence of sequences of MapPanel or None
        As they stand; None leaves a place empty.

    Returns
    -------
    Figure
        Not saved.
    """
    n_columns = max(len(row) for row in rows)
    panels = [panel for row in rows for panel in row if panel is not None]
    widest = max(panel.width_v for panel in panels)
    figure, axes = new_figure(
        len(rows), n_columns, width=max(4.4, 2.35 * n_columns + 0.8), height=3.3 * len(rows) + 0.4, sharey=True
    )
    for ax, panel in zip(
        axes.flat, (row[n] if n < len(row) else None for row in rows for n in range(n_columns)), strict=True
    ):
        if panel is None:
            ax.set_axis_off()
        else:
            _draw_map(ax, panel)
            ax.set_xlim(-_ELECTRODE_WIDTH_V, widest + _ELECTRODE_WIDTH_V)
    lowest = min(float(np.min([layer.vbm.min(), panel.cathode_mu_ev])) for panel in panels for layer in panel.layers)
    highest = max(
        float(np.max([layer.cbm.max(), layer.phi.max(), panel.cathode_phi_ev]))
        for panel in panels
        for layer in panel.layers
    )
    axes[0, 0].set_ylim(lowest - 0.5, highest + 1.1)
    for ax in axes[:, 0]:
        ax.set_ylabel("energy against the Fermi level of Li (eV)")
    for ax in axes[-1]:
        ax.set_xlabel(r"$-\mu_{\mathrm{Li}}$ from the anode (eV)")
    handles = [Line2D([], [], color=color) for color in LEVEL_COLORS.values()]
    figure.legend(
        [*handles, Patch(color=_SHADE)],
        [*_LEVEL_NAMES.values(), "outside the window"],
        loc="outside upper center",
        ncols=5,
        columnspacing=1.0,
        handlelength=1.4,
    )
    return figure


def _draw_map(ax: Axes, panel: MapPanel) -> None:
    """Levels of one battery: solid inside, dotted through what an interface has to bridge."""
    anode = {"mu": panel.anode_mu_ev, "phi": 0.0}
    place, last, edge = 0.0, dict(anode), panel.anode_mu_ev
    ends = [*panel.layers, None]
    for number, layer in enumerate(ends):
        begin = float(layer.mu[0]) if layer is not None else panel.cathode_mu_ev
        width = abs(begin - edge)
        if width > 0.0:
            ax.axvspan(place, place + width, color=_SHADE, linewidth=0)
        now = _levels_at(layer, 0) if layer is not None else {"mu": panel.cathode_mu_ev, "phi": panel.cathode_phi_ev}
        for level in now.keys() & last.keys():
            ax.plot(
                [place, place + width],
                [last[level], now[level]],
                color=LEVEL_COLORS[level],
                linestyle=":",
                linewidth=1.1,
            )
        place += width
        # Above the step, over the layer beside an electrode whose window leaves nothing to the interface.
        shift, align = (0, "center") if width > _NARROW_V else (2, "left") if layer is not None else (-2, "right")
        ax.annotate(
            panel.step_names[number],
            (place - 0.5 * width, max(last["phi"], now["phi"])),
            (shift, 3),
            textcoords="offset points",
            ha=align,
            va="bottom",
            fontsize=7,
            color=LEVEL_COLORS["phi"],
        )
        if layer is not None:
            x = place + np.abs(layer.mu - layer.mu[0])
            for level, values in (("mu", layer.mu), ("vbm", layer.vbm), ("cbm", layer.cbm), ("phi", layer.phi)):
                ax.plot(x, values, color=LEVEL_COLORS[level])
            ax.annotate(
                layer.name,
                (0.5 * (x[0] + x[-1]), 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, -9),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
            place, last, edge = float(x[-1]), _levels_at(layer, -1), float(layer.mu[-1])
    for begin, levels, name in (
        (-_ELECTRODE_WIDTH_V, anode, panel.anode),
        (place, {"mu": panel.cathode_mu_ev, "phi": panel.cathode_phi_ev}, panel.cathode),
    ):
        ax.axvspan(begin, begin + _ELECTRODE_WIDTH_V, color=_METAL, linewidth=0)
        for level, value in levels.items():
            ax.plot([begin, begin + _ELECTRODE_WIDTH_V], [value, value], color=LEVEL_COLORS[level])
        ax.annotate(
            name,
            (begin + 0.5 * _ELECTRODE_WIDTH_V, 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    ax.set_title(panel.title, fontsize=8)


def _levels_at(layer: MapLayer, side: int) -> dict[str, float]:
    return {level: float(getattr(layer, level)[side]) for level in LEVEL_COLORS}


@styled
def defects_against_voltage(panels: Sequence[DefectPanel]) -> Figure:
    """Concentrations on a logarithmic axis, the Fermi level on the other one, the window as an arrow between dotted lines.

    Parameters
    ----------
    panels : sequence of DefectPanel
        A panel each.

    Returns
    -------
    Figure
        Not saved.
    """
    n_columns = min(2, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, width=4.6 * n_columns, height=3.1 * n_rows)
    for ax, panel in zip(axes.flat, panels, strict=False):
        levels = ax
        if panel.concentrations_per_cm3:
            for number, (name, values) in enumerate(panel.concentrations_per_cm3.items()):
                ax.plot(
                    panel.voltage_v,
                    np.where(values >= _LOWEST_CONCENTRATION_PER_CM3, values, np.nan),
                    label=name,
                    color=PALETTE[number % len(PALETTE)],
                    linestyle="--" if name in ("electrons", "holes") else "-",
                    # Thinner ones above, as two that balance each other are the same line.
                    linewidth=max(1.0, 3.0 - 0.9 * number),
                )
            ax.set_yscale("log")
            ax.set_ylabel("concentration (1/cm$^3$)")
            if not any(
                (values >= _LOWEST_CONCENTRATION_PER_CM3).any() for values in panel.concentrations_per_cm3.values()
            ):
                note_empty(ax, "no concentration reaches 1/cm$^3$")
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=5, handlelength=1.2, columnspacing=1.0)
            levels = ax.twinx()
            levels.spines["right"].set_visible(True)
        levels.plot(panel.voltage_v, panel.fermi_level_ev, color=_FERMI_COLOR, linewidth=2.0)
        levels.set_ylabel("$E_F$ above the VBM (eV)", color=_FERMI_COLOR)
        levels.tick_params(axis="y", colors=_FERMI_COLOR)
        if panel.window_v is not None:
            for limit in panel.window_v:
                ax.axvline(limit, color="black", linestyle=":", linewidth=0.9)
            ax.annotate(
                "",
                (panel.window_v[1], 0.95),
                (panel.window_v[0], 0.95),
                xycoords=("data", "axes fraction"),
                textcoords=("data", "axes fraction"),
                arrowprops={"arrowstyle": "<->", "color": "black"},
            )
        ax.set_title(panel.title)
        ax.set_xlabel(r"$-\mu_{\mathrm{Li}}/e$ (V)")
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    return figure


@styled
def space_charge_profile(
    x_angstrom: NDArray[np.float64],
    numerical_v: NDArray[np.float64],
    bulk_v: float,
    saturated: tuple[NDArray[np.float64], float] | None,
) -> Figure:
    """Potential against the distance from the electrode.

    Parameters
    ----------
    x_angstrom : (n,) float array, angstrom
        From the electrode.
    numerical_v : (n,) float array, V
        The solution.
    bulk_v : float, V
        Far from the electrode.
    saturated : tuple of ((n,) float array, float), V and angstrom, or None
        The published pieces and the width, where the layer is saturated.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=4.8, height=3.2)
    ax = axes[0, 0]
    ax.plot(x_angstrom, numerical_v, color=PALETTE[0], label="whole equation")
    if saturated is not None:
        analytic_v, width_angstrom = saturated
        ax.plot(x_angstrom, analytic_v, color=PALETTE[1], linestyle="--", label="parabola and tail")
        ax.axvline(width_angstrom, color="black", linestyle=":", linewidth=0.9, label="width")
    ax.axhline(bulk_v, color="#888888", linewidth=0.8, label="bulk")
    ax.set_xlabel("distance from the electrode (angstrom)")
    ax.set_ylabel(r"$\phi$ against the electrode (V)")
    ax.legend(loc="best")
    return figure
