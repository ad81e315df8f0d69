"""Figures of windows show what they are given."""

from __future__ import annotations

import numpy as np

from mlip_interfaces.figures.window_plots import chemical, mutual_reactions, phase_triangle, uptake_curve, window_bar


def texts(ax) -> list[str]:
    return [one.get_text() for one in ax.texts]


def test_formulas_have_lowered_numbers_and_coefficients_do_not() -> None:
    assert chemical("2 Li3PS4 -> 1.5 S") == r"2 Li$_{3}$PS$_{4}$ $\rightarrow$ 1.5 S"


def test_bar_has_its_parts_plateaus_and_intervals() -> None:
    plateaus = [(0.9, "A + Li -> B"), (1.7, "A + Li -> C"), (2.3, "A -> D + Li")]
    (ax,) = window_bar("A", "Li", 1.7, 2.3, plateaus, ((1.6, 1.8), (2.2, 2.5)), 3.0).axes
    bars = [(one.get_x(), one.get_x() + one.get_width()) for one in ax.patches]
    np.testing.assert_allclose(bars, [(0.0, 1.7), (1.7, 2.3), (2.3, 3.0)])
    assert [text for text in texts(ax) if " V  " in text] == [
        f"{voltage:.2f} V  {chemical(reaction)}" for voltage, reaction in plateaus
    ]
    assert len(ax.containers) == 3 + 2


def test_bar_without_an_upper_end_reaches_the_axis_end() -> None:
    (ax,) = window_bar("A", "Li", 1.0, None, [(1.0, "A + Li -> B")], None, 3.0).axes
    assert [(one.get_x(), one.get_x() + one.get_width()) for one in ax.patches][-1] == (1.0, 3.0)


def test_uptake_is_a_staircase() -> None:
    stages = [(0.0, 1.0, 2.0, "B"), (1.0, 2.0, 0.0, "A"), (2.0, None, -1.0, "C")]
    voltages = np.linspace(0.0, 3.0, 4)
    ax, below = uptake_curve("A", "Li", stages, voltages, -voltages).axes
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0, 1, 1, 2, 2, 3])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2, 2, 0, 0, -1, -1])
    np.testing.assert_allclose(below.lines[0].get_ydata(), [0, -1, -2, -3])
    assert sorted(texts(ax)) == ["A", "B", "C"]


def test_triangle_puts_elements_in_corners() -> None:
    points = [
        ("Li", (1.0, 0.0, 0.0), True), ("P", (0.0, 1.0, 0.0), True), ("S", (0.0, 0.0, 1.0), True), ("Li2S", (2 / 3, 0.0, 1 / 3), False),
    ]  # fmt: skip
    (ax,) = phase_triangle(("Li", "P", "S"), points, [(0, 1)]).axes
    markers = [(float(one.get_xdata()[0]), float(one.get_ydata()[0])) for one in ax.lines if len(one.get_xdata()) == 1]
    np.testing.assert_allclose(markers, [(0.0, 0.0), (1.0, 0.0), (0.5, 0.75**0.5), (1 / 6, 0.75**0.5 / 3)], atol=1e-12)
    assert len([one for one in ax.lines if len(one.get_xdata()) == 2]) == 1


def test_every_kink_has_a_number_and_its_reaction() -> None:
    kinks = [(0.0, 0.0, "B -> B"), (0.4, -0.2, "A + B -> C"), (1.0, 0.0, "A -> A")]
    (ax,) = mutual_reactions({"A | B": kinks}).axes
    assert texts(ax) == ["1", "2", "3"]
    for number, kink in enumerate(kinks, start=1):
        assert f"{number}  {chemical(kink[2])}" in ax.get_xlabel()
