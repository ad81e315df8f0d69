"""Figures of crystals and slabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, empty_figure, new_figure, styled

Array = NDArray[Any]

_TEXT_POINTS = 7.5
# Places of a label around its point, in points; the first that is free is taken.
_OFFSETS = [
    (7.0, 4.0), (7.0, -11.0), (-7.0, 4.0), (-7.0, -11.0), (0.0, 12.0), (0.0, -19.0), (14.0, 14.0), (14.0, -21.0), (-14.0, 14.0),
    (-14.0, -21.0), (22.0, 25.0), (22.0, -32.0), (-22.0, 25.0), (-22.0, -32.0), (0.0, 36.0), (0.0, -43.0),
]  # fmt: skip


@styled
def matches(
    area_angstrom2: Array, max_strain: Array, n_atoms: Array, labels: Sequence[str], *, substrate: str, film: str
) -> Figure:
    """Strain against area of the lateral cells that planes of two crystals share; larger points have more atoms.

    Parameters
    ----------
    area_angstrom2 : (n,) float array, angstrom^2
        Of each common cell.
    max_strain : (n,) float array
        Largest strain of each.
    n_atoms : (n,) float array
        Atoms of each interface.
    labels : sequence of str
        Shown beside the points.
    substrate : str
        Name of one crystal.
    film : str
        Name of the other.

    Returns
    -------
    Figure
        Not saved.
    """
    if len(labels) == 0:
        return empty_figure(f"{substrate} and {film} have no common cell")
    figure, axes = new_figure(1, 1, width=7.2, height=4.4)
    ax = axes[0, 0]
    percent = 100.0 * np.asarray(max_strain, dtype=float)
    area, atoms = np.asarray(area_angstrom2, dtype=float), np.asarray(n_atoms, dtype=float)
    sizes = 15.0 + 150.0 * atoms / atoms.max()
    ax.scatter(area, percent, s=sizes, color=PALETTE[0], alpha=0.45, lw=0)
    ax.scatter(area, percent, s=5, color=PALETTE[0], lw=0)
    ax.margins(x=0.18, y=0.22)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]) if percent.min() < 0.1 * percent.max() else None)
    ax.set_xlabel("area of the common lateral cell (Å²)")
    ax.set_ylabel("largest strain (%)")
    ax.set_title(f"{substrate} | {film}", loc="left")
    shown = sorted({int(atoms.min()), int(np.median(atoms)), int(atoms.max())})
    for number in shown:
        ax.scatter(
            [], [], s=15.0 + 150.0 * number / atoms.max(), color=PALETTE[0], alpha=0.45, lw=0, label=f"{number} atoms"
        )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), labelspacing=1.2)
    _label(figure, ax, area, percent, labels)
    return figure


def _label(figure: Figure, ax: Any, x: Array, y: Array, labels: Sequence[str]) -> None:
    """Write each label where it covers no other label and no point, as far as there is room."""
    figure.canvas.draw()
    points = ax.transData.transform(np.column_stack([x, y])) * 72.0 / figure.dpi
    edge = ax.get_window_extent().x1 * 72.0 / figure.dpi
    taken = [(px - 3, py - 3, px + 3, py + 3) for px, py in points]
    for (px, py), xy, label in zip(points, zip(x, y, strict=True), labels, strict=True):
        width = 0.56 * _TEXT_POINTS * len(label)
        boxes = []
        for dx, dy in _OFFSETS:
            left = px + dx - (width if dx < 0 else width / 2 if dx == 0 else 0.0)
            boxes.append((left, py + dy, left + width, py + dy + _TEXT_POINTS))
        clashes = [sum(_overlap(box, other) for other in taken) + 10.0 * max(0.0, box[2] - edge) for box in boxes]
        best = int(np.argmin(clashes))
        dx, dy = _OFFSETS[best]
        taken.append(boxes[best])
        side = "right" if dx < 0 else "center" if dx == 0 else "left"
        far = abs(dy) > 12.0
        ax.annotate(
            label, xy, xytext=(dx, dy), textcoords="offset points", fontsize=_TEXT_POINTS, ha=side, va="bottom",
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "#888888"} if far else None,
        )  # fmt: skip


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
