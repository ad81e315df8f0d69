"""A normal along an axis of low index is drawn where the triangle has that corner; triangles lie side by side."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.lattice_fit import LOW_INDEX
from mlip_interfaces.figures.orientation_plots import draw_normals, draw_turns
from mlip_interfaces.figures.style import new_figure


@pytest.mark.parametrize(
    ("group", "projected"),
    [
        # tan(angle / 2) from the middle of the projection: 45 and 54.74 degrees, and 90; the cubic triangle is drawn twice as large.
        ("O", {"<100>": (0, 0), "<110>": (2 * (np.sqrt(2) - 1), 0), "<111>": (np.sqrt(3) - 1, np.sqrt(3) - 1)}),
        ("D6", {"<0001>": (0, 0), "<11-20>": (1, 0), "<10-10>": (np.sqrt(3) / 2, 0.5)}),
    ],
)
def test_low_indices_are_drawn_at_their_corners(group, projected) -> None:
    _, ((ax,),) = new_figure(1, 1, height=3)
    draw_normals(ax, [(row, group, np.array(axis), 10.0) for row, axis in enumerate(LOW_INDEX[group].values())])
    points = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, [projected[name] for name in LOW_INDEX[group]], rtol=0, atol=1e-9)
    assert [text.get_text() for text in ax.texts] == list(LOW_INDEX[group])
    np.testing.assert_allclose([text.xy for text in ax.texts], points, rtol=0, atol=1e-9)


def test_two_symmetries_have_two_triangles_apart() -> None:
    _, ((ax,),) = new_figure(1, 1, height=3)
    draw_normals(ax, [(0, "O", np.array([0.0, 0.6, 0.8]), 10.0), (1, "D6", np.array([0.8, 0.0, 0.6]), 20.0)])
    hexagonal, _, cubic, _ = ax.lines
    assert np.max(hexagonal.get_xdata()) < np.min(cubic.get_xdata())


def test_turns_are_weighed_by_how_much_grains_touch() -> None:
    _, ((ax,),) = new_figure(1, 1, height=3)
    draw_turns(ax, [12.0, 61.0, 12.5], [40, 7, 10])
    heights = {round(bar.get_x()): bar.get_height() for bar in ax.patches}
    assert (heights[10], heights[60]) == (50, 7)
    assert sum(heights.values()) == 57


def test_nothing_is_said_to_be_nothing() -> None:
    _, ((normals, turns),) = new_figure(1, 2, height=3)
    draw_normals(normals, [])
    draw_turns(turns, [], [])
    assert "no crystallite" in normals.texts[0].get_text()
    assert "no two crystallites touch" in turns.texts[0].get_text()
