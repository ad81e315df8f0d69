"""Figures of migration: the energy along each hop, and which hops a crystal needs so that they percolate."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, empty_figure, new_figure, styled

_COLUMNS = 3
_ONE_LEVEL_EV = 0.005
_CHARACTERS_PER_INCH = 14
"""Of the words below a figure, that fit into its width."""
_LIMIT_COLORS = tuple(PALETTE[number] for number in (1, 3, 4, 2, 5, 6))


@dataclass(frozen=True, slots=True)
class HopProfile:
    """Energies along one hop.

    Attributes
    ----------
    name : str
        Of the hop.
    path, energies : (n,) float array, angstrom and eV
        Of the images.
    fit_path, fit_energies : (m,) float array, angstrom and eV
        Of the curve through them.
    is_converged : bool
        Whether the band is at rest.
    """

    name: str
    path: NDArray[np.float64]
    energies: NDArray[np.float64]
    fit_path: NDArray[np.float64]
    fit_energies: NDArray[np.float64]
    is_converged: bool


@styled
def hop_profiles(profiles: Sequence[HopProfile], missing: Sequence[str]) -> Figure:
    """A panel for each hop: images, and the curve through their energies and forces.

    Parameters
    ----------
    profiles : sequence of HopProfile
        Of hops with a band.
    missing : sequence of str
        Hops without one.

    Returns
    -------
    Figure
        Not saved.
    """
    if not profiles:
        return empty_figure(f"no hop has a band: {', '.join(missing)}")
    n_columns = min(len(profiles), _COLUMNS)
    n_rows = -(-len(profiles) // n_columns)
    figure, axes = new_figure(
        n_rows, n_columns, width=max(1.0 + 2.8 * n_columns, 4.6), height=0.5 + 2.2 * n_rows, sharey=True
    )
    for ax, one in zip(axes.flat, profiles, strict=False):
        color = PALETTE[0] if one.is_converged else "#888888"
        ax.plot(one.fit_path, one.fit_energies, color=color)
        ax.plot(one.path, one.energies, color=color, marker="o", linestyle="none", markersize=4)
        top = int(np.argmax(one.fit_energies))
        ax.axhline(0.0, color="#BBBBBB", linewidth=0.7, zorder=0)
        ax.annotate(
            f"{one.fit_energies[top]:.2f} eV",
            (one.fit_path[top], one.fit_energies[top]),
            (0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
        )
        ax.set_title(one.name if one.is_converged else f"{one.name} (not converged)")
        ax.margins(y=0.18)
    for ax in axes.flat[len(profiles) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel("energy (eV)")
    below = ["length of the path of all atoms (angstrom)"]
    if missing:
        n_characters = int(_CHARACTERS_PER_INCH * figure.get_figwidth())
        below += textwrap.wrap(f"without a band: {', '.join(missing)}", n_characters, break_on_hyphens=False)
    figure.supxlabel("\n".join(below), fontsize=9)
    return figure


@styled
def percolation_levels(
    levels: Sequence[tuple[str, float, float, float]], limits: Sequence[tuple[str, float, str]]
) -> Figure:
    """Ends and top of each hop on one scale, and from which level on the hops percolate.

    Parameters
    ----------
    levels : sequence of (str, float, float, float), eV
        Name, first end, last end and top of each hop, over the lowest end of all.
    limits : sequence of (str, float, str), eV
        Where to, from which level, and the hop that limits it.

    Returns
    -------
    Figure
        Not saved.
    """
    if not levels:
        return empty_figure("no hop has a converged barrier")
    ordered = sorted(levels, key=lambda one: one[3])
    groups: dict[float, list[str]] = {}
    for what, level, _ in limits:
        key = next((known for known in groups if abs(known - level) < _ONE_LEVEL_EV), level)
        groups.setdefault(key, []).append(what)
    height = 1.3 + 0.28 * len(ordered) + 0.22 * len(groups)
    figure, axes = new_figure(1, 1, width=6.4, height=height)
    ax = axes[0, 0]
    limiting = {name for _, _, name in limits}
    for place, (name, first, last, top) in enumerate(ordered):
        color = PALETTE[1] if name in limiting else PALETTE[0]
        low = min(first, last)
        ax.barh(place, top - low, left=low, height=0.5, color=color, alpha=0.75)
        ax.plot([first, last], [place, place], color="black", marker="|", linestyle="none", markersize=9)
        ax.annotate(
            f"{top:.2f}", (top, place), (3, 0), textcoords="offset points", va="center", fontsize=7,
            bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0.0, "pad": 0.5},
        )  # fmt: skip
    for number, (level, whats) in enumerate(sorted(groups.items())):
        ax.axvline(
            level,
            color=_LIMIT_COLORS[number % len(_LIMIT_COLORS)],
            linestyle="--",
            linewidth=1.0,
            label=f"{level:.2f} eV: {', '.join(whats)}",
        )
    ax.set_yticks(range(len(ordered)), [one[0] for one in ordered], fontsize=8)
    ax.set_ylim(-0.6, len(ordered) - 0.4)
    ax.set_xlim(0.0, 1.12 * max(_ONE_LEVEL_EV, *(one[3] for one in ordered)))
    ax.set_xlabel(
        "energy over the lowest end (eV)\nbar: from the lower end to the top; ticks: both ends; orange: limits percolation"
    )
    if groups:
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=1,
            title="percolates in so many dimensions, and along a, b, c, from",
            title_fontsize=8,
            alignment="left",
        )
    return figure
