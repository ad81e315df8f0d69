"""How crystallites are turned: a direction in the standard triangles of their symmetries, and turns against each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mlip_interfaces.analysis.lattice_fit import LOW_INDEX, PointGroup
from mlip_interfaces.figures.style import PALETTE, note_empty

SCALES: dict[PointGroup, float] = {"D6": 1.0, "O": 2.0}
"""Of the triangles, so that both are about as wide."""

APART = 1.5


def draw_normals(ax: Axes, normals: Sequence[tuple[int, PointGroup, NDArray[np.float64], float]]) -> None:
    """Stereographic projection of the normal of the interface as each crystallite sees it.

    Parameters
    ----------
    ax : Axes
        The panel.
    normals : sequence of (int, str, (3,) float array, float)
        Number from 0 (its colour), symmetry, direction in the standard triangle and diameter of each.
    """
    ax.set_title("normal of the interface in axes of the crystals", loc="left")
    if not normals:
        note_empty(ax, "no crystallite of a known lattice")
        return
    largest, shift = max(diameter for *_, diameter in normals), 0.0
    for group in [group for group in SCALES if any(group == own for _, own, _, _ in normals)]:
        corners = {name: np.array(axis, dtype=np.float64) for name, axis in LOW_INDEX[group].items()}
        x, y = _projected(_edges(list(corners.values())), group)
        ax.plot(x + shift, y, color="#888888", lw=0.8)
        for name, corner in corners.items():
            x, y = _projected(corner, group)
            where = (float(x) + shift, float(y))
            offset = (0, -12) if where[1] < 0.1 else (0, 5)
            ax.annotate(name, where, textcoords="offset points", xytext=offset, ha="center", fontsize=8)
        for row, own, normal, diameter in normals:
            if own == group:
                x, y = _projected(normal, group)
                size = 3.0 + 6.0 * diameter / largest
                ax.plot(x + shift, y, "o", ms=size, color=PALETTE[row % len(PALETTE)], mec="#ffffff", mew=0.5)
        shift += APART
    ax.set_aspect("equal")
    ax.margins(0.12)
    ax.set_axis_off()


def draw_turns(ax: Axes, angles_degrees: Sequence[float], n_contacts: Sequence[int]) -> None:
    """Misorientations of crystallites that touch, by how much they touch.

    Parameters
    ----------
    ax : Axes
        The panel.
    angles_degrees : sequence of float, degrees
        Of each boundary.
    n_contacts : sequence of int
        Pairs of neighbours across it.
    """
    if not angles_degrees:
        note_empty(ax, "no two crystallites touch")
        ax.set_title("misorientation", loc="left")
        return
    ax.hist(angles_degrees, bins=list(np.linspace(0.0, 95.0, 20)), weights=n_contacts, color=PALETTE[0])
    ax.set_xlabel("misorientation of crystallites that touch (degrees)")
    ax.set_ylabel("pairs of neighbours across")


def _edges(corners: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Directions along the great circles from corner to corner, back to the first."""
    share = np.linspace(0.0, 1.0, 30)[:, None]
    return np.concatenate([one + share * (other - one) for one, other in pairwise([*corners, corners[0]])])


def _projected(direction: NDArray[np.float64], group: PointGroup) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y, z = np.moveaxis(direction / np.linalg.norm(direction, axis=-1, keepdims=True), -1, 0)
    # The cubic triangle has x <= y: it is drawn with its corner <100> left and <110> right.
    along, up = (y, x) if group == "O" else (x, y)
    return SCALES[group] * along / (1.0 + z), SCALES[group] * up / (1.0 + z)
