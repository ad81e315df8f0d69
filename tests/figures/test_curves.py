"""Numbers of a figure from its artists: what was drawn comes back, with its errors, bounds, ticks and words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.figures.curves import MAX_POINTS, PICTURE, Curve, FigureCurves, curves_of
from mlip_interfaces.figures.style import PALETTE, new_figure, save_figure

X = np.linspace(0.0, 1.0, 11)


def found(draw, n_columns: int = 1, **options) -> FigureCurves:
    figure, axes = new_figure(1, n_columns, height=2.0, **options)
    draw(*axes[0])
    figure.draw_without_rendering()
    curves = curves_of(figure)
    assert curves is not None
    return curves


def only(draw) -> Curve:
    (panel,) = found(draw).panels
    (curve,) = panel.curves
    return curve


def test_a_line_comes_back_with_its_look() -> None:
    curve = only(lambda ax: ax.plot(X, X**2, color=PALETTE[1], ls="--", alpha=0.5, label="square"))
    np.testing.assert_allclose(curve.x, X, rtol=1e-5, atol=0)
    np.testing.assert_allclose(curve.y, X**2, rtol=1e-5, atol=0)
    assert (curve.label, curve.kind, curve.color, curve.dashed, curve.opacity) == (
        "square",
        "line",
        "#d55e00",
        True,
        0.5,
    )


def test_gaps_are_kept_and_an_unnamed_line_has_no_label() -> None:
    curve = only(lambda ax: ax.plot([0, 1, 2], [1.0, np.nan, 3.0]))
    assert curve.y == (1.0, None, 3.0)
    assert curve.label == ""


def test_error_bars_are_the_ends_of_their_own_points() -> None:
    curve = only(
        lambda ax: ax.errorbar([1, 2], [5.0, 6.0], yerr=[[1.0, 0.5], [2.0, 0.25]], fmt="o", label="D", mfc="white")
    )
    assert (curve.kind, curve.label, curve.marked, curve.hollow) == ("points", "D", True, True)
    assert (curve.low, curve.high) == ((4.0, 5.5), (7.0, 6.25))


def test_a_band_belongs_to_the_line_over_the_same_abscissas() -> None:
    def draw(ax) -> None:
        ax.plot(X, X, label="a")
        ax.fill_between(X, X - 0.1, X + 0.3, alpha=0.2)
        ax.plot(X[:5], X[:5], label="b")

    (panel,) = found(draw).panels
    first, second = panel.curves
    np.testing.assert_allclose(first.high, X + 0.3, rtol=1e-5, atol=0)
    np.testing.assert_allclose(first.low, X - 0.1, rtol=1e-5, atol=1e-9)
    assert (second.label, second.low) == ("b", ())


def test_lines_across_the_panel_are_levels_and_rules_and_spans() -> None:
    def draw(ax) -> None:
        ax.plot(X, X)
        ax.axhline(0.5)
        ax.axvline(0.25)
        ax.axvspan(0.1, 0.2, alpha=0.3)

    curves = {curve.kind: curve for curve in found(draw).panels[0].curves}
    assert curves["level"].x == (0.5,)
    assert curves["rule"].x == (0.25,)
    assert (curves["span"].x, curves["span"].opacity) == ((0.1, 0.2), 0.3)


def test_stacked_bars_have_their_own_height_and_foot() -> None:
    def draw(ax) -> None:
        ax.bar([0, 1], [2, 3], width=0.5, label="made")
        ax.bar([0, 1], [1, 1], bottom=[2, 3], width=0.5, label="failed")

    first, second = found(draw).panels[0].curves
    assert (first.x, first.y, first.width, first.label) == ((0.0, 1.0), (2.0, 3.0), 0.5, "made")
    assert (second.y, second.low, second.high) == ((1.0, 1.0), (2.0, 3.0), (3.0, 4.0))


def test_stairs_and_points_come_back() -> None:
    steps = only(lambda ax: ax.stairs([1, 2], [0, 1, 3], baseline=None, label="level"))
    assert (steps.x, steps.y) == ((0.0, 1.0, 1.0, 3.0), (1.0, 1.0, 2.0, 2.0))
    points = only(lambda ax: ax.scatter([1, 2], [3, 4], color="#0072B2", label="layer"))
    assert (points.kind, points.x, points.y, points.color) == ("points", (1.0, 2.0), (3.0, 4.0), "#0072b2")


def test_a_long_curve_is_thinned_and_says_so() -> None:
    x = np.arange(3.5 * MAX_POINTS)
    curve = only(lambda ax: ax.plot(x, x))
    assert curve.every == 4
    assert len(curve.x) <= MAX_POINTS
    assert curve.x[:2] == (0.0, 4.0)


def test_axes_have_their_words_scales_limits_and_chosen_ticks() -> None:
    def draw(ax) -> None:
        ax.plot([1.0, 2.0], [1.0, 100.0], label="a")
        ax.set(xlabel="coating (Å)", ylabel="D (cm²/s)", yscale="log", xlim=(0, 3), ylim=(0.5, 200))
        ax.set_xticks([1.0, 2.0], ["thin", "thick"])
        ax.set_title("G$_d$ of Li", loc="left")
        ax.legend(title="runs")
        ax.annotate("4 of 9", (1.0, 1.0), xytext=(5, 5), textcoords="offset points")

    curves = found(draw)
    (panel,) = curves.panels
    assert (panel.x_label, panel.y_label, panel.x_log, panel.y_log) == ("coating (Å)", "D (cm²/s)", False, True)
    assert (panel.x_limits, panel.y_limits) == ((0.0, 3.0), (0.5, 200.0))
    assert panel.x_ticks == ((1.0, "thin"), (2.0, "thick"))
    assert (panel.title, panel.notes, curves.legend) == ("G_d of Li", ((1.0, 1.0, "4 of 9"),), "runs")


def test_panels_of_a_grid_have_the_title_of_their_column_and_the_label_of_their_row() -> None:
    figure, axes = new_figure(2, 2, height=3.0, sharex=True, sharey="row")
    for row, name in enumerate("gh"):
        axes[row, 0].set_ylabel(name)
        for column, title in enumerate(("thin", "thick")):
            axes[row, column].plot(X, X)
            axes[0, column].set_title(title, loc="left")
            axes[1, column].set_xlabel("r (Å)")
    figure.draw_without_rendering()
    curves = curves_of(figure)
    assert curves is not None
    assert curves.columns == 2
    assert [(panel.title, panel.y_label, panel.x_label) for panel in curves.panels] == [
        ("thin", "g", "r (Å)"), ("thick", "g", "r (Å)"), ("thin", "h", "r (Å)"), ("thick", "h", "r (Å)"),
    ]  # fmt: skip


def test_a_figure_with_a_map_is_not_whole_and_a_picture_has_no_curves() -> None:
    def draw(left, right) -> None:
        left.plot(X, X)
        right.imshow(np.eye(3))

    curves = found(draw, 2)
    assert not curves.whole
    assert len(curves.panels) == 1
    figure, axes = new_figure(1, 1, height=2.0)
    axes[0, 0].plot(X, X)
    figure.set_label(PICTURE)
    assert curves_of(figure) is None


def test_what_is_saved_is_read_again_and_the_figure_keeps_its_layout(tmp_path: Path) -> None:
    figure, axes = new_figure(1, 1, height=2.0)
    axes[0, 0].plot(X, X, label="a")
    engine = figure.get_layout_engine()
    save_figure(figure, tmp_path, "curve")
    assert figure.get_layout_engine() is engine
    file = tmp_path / "curve.curves.json"
    read = FigureCurves.from_json(json.loads(file.read_text()), file)
    assert read == curves_of(figure)
    save_figure(new_figure(1, 1, height=2.0)[0], tmp_path, "empty")
    assert not (tmp_path / "empty.curves.json").exists()


@pytest.mark.parametrize("draw", [lambda ax: ax.text(0.5, 0.5, "no run"), lambda ax: ax.axhline(0.0)])
def test_a_panel_without_data_has_no_curves(draw) -> None:
    figure, axes = new_figure(1, 1, height=2.0)
    draw(axes[0, 0])
    assert curves_of(figure) is None
