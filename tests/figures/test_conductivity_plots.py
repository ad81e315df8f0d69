"""Figures of conductivities and of crowding show what they are given."""

from __future__ import annotations

import numpy as np

from mlip_interfaces.figures.conductivity_plots import CrystalPoints, Curve, Points, conductivity_against_temperature
from mlip_interfaces.figures.crowding_plots import TurnPoint, crowding_map

KELVIN = np.array([400.0, 600.0, 800.0])


def crystal(name: str, known: list[bool]) -> CrystalPoints:
    value = np.array([1.0, 10.0, 50.0])
    points = Points(KELVIN, value, 0.5 * value, 2.0 * value, np.array(known))
    line = Curve(KELVIN[1:], value[1:], 0.8 * value[1:], 1.2 * value[1:])
    return CrystalPoints(name, points, points, line, None)


def test_points_are_conductivity_times_temperature_and_bounds_are_hollow_at_their_upper_end() -> None:
    figure = conductivity_against_temperature([crystal("A", [False, True, True])], 300.0)
    above, below = figure.axes
    data, _, _ = above.containers[0]
    np.testing.assert_allclose(data.get_xdata(), 1000.0 / KELVIN[1:], rtol=1e-12)
    np.testing.assert_allclose(data.get_ydata(), [6000.0, 40000.0], rtol=1e-12)
    (hollow,) = [line for line in above.lines if line.get_marker() == "v"]
    assert hollow.get_markerfacecolor() == "white"
    np.testing.assert_allclose((hollow.get_xdata()[0], hollow.get_ydata()[0]), (2.5, 800.0), rtol=1e-12)
    assert [text.get_text() for text in above.texts] == ["hollow: a bound, not fitted"]
    dotted = [float(line.get_xdata()[0]) for line in above.lines if line.get_linestyle() == ":"]
    np.testing.assert_allclose(dotted, [1000.0 / 300.0], rtol=1e-12)
    assert len(above.collections) > len(below.collections)


def test_bounds_of_several_crystals_are_explained_once_and_the_legend_is_beside_the_data() -> None:
    figure = conductivity_against_temperature([crystal(name, [False, True, True]) for name in "ABC"], 300.0)
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [["hollow: a bound, not fitted"]] * 2
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B", "C"]
    assert legend.get_window_extent().y0 >= max(ax.get_window_extent().y1 for ax in figure.axes)


def test_nothing_above_zero_is_said() -> None:
    empty = Points(np.array([]), np.array([]), np.array([]), np.array([]), np.array([], dtype=bool))
    figure = conductivity_against_temperature([CrystalPoints("A", empty, empty, None, None)], 300.0)
    assert all("no conductivity is above zero" in ax.texts[0].get_text() for ax in figure.axes)


def test_the_map_has_a_point_for_each_turn_hollow_where_chance_explains_it() -> None:
    x, kelvin = (part.ravel() for part in np.meshgrid([0.5, 0.55, 0.6], KELVIN))
    d = 1e-6 * (1.0 + np.arange(9.0))
    turns = [
        TurnPoint(True, 0.5, 600.0, True, (400.0, 800.0)),
        TurnPoint(False, 0.55, 400.0, False, (0.5, None)),
        TurnPoint(True, 0.6, 600.0, False, (400.0, None)),
    ]
    boundary = np.array([[0.5, 800.0], [0.6, 600.0]])
    figure = crowding_map(x, kelvin, d, 0.1 * d, turns, boundary)
    upper, lower = figure.axes[:2]
    circles = [line for line in upper.lines if line.get_markersize() == 11]
    assert [(float(one.get_xdata()[0]), one.get_alpha()) for one in circles] == [(600.0, 1.0), (600.0, 0.35)]
    np.testing.assert_allclose([float(one.get_ydata()[0]) for one in circles], [d[3], d[5]], rtol=1e-12)
    points = [container.lines[0] for container in lower.containers]
    assert [one.get_markerfacecolor() for one in points] == ["#D55E00", "white", "white"]
    line = next(one for one in lower.lines if len(one.get_xdata()) == 2 and one.get_marker() in ("None", ""))
    np.testing.assert_allclose(line.get_xydata(), boundary, rtol=1e-12)
    (mesh,) = [one for one in lower.collections if one.get_array() is not None and one.get_array().size == 9]
    np.testing.assert_allclose(np.sort(np.ravel(mesh.get_array())), d, rtol=1e-12)
