"""Figures of active learning: shares of frames, deviations against trust levels, errors by layer, labels and their cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba

from mlip_interfaces.books.campaign import DeviationDistribution, IterationSummary
from mlip_interfaces.books.run import ErrorTable, FailedLabel, LayerForceError
from mlip_interfaces.figures import campaign_plots
from mlip_interfaces.figures.style import VERDICT_COLORS

LEVELS = ("0.05", "0.25", "0.5", "0.75", "0.95")


def errors(all_atoms: float, **layers: float) -> ErrorTable:
    return ErrorTable(
        n_frames=5, energy_rmse_mev_per_atom=2.0, force_rmse_mev_per_angstrom=all_atoms,
        layers={name: LayerForceError(value, 100) for name, value in layers.items()},
    )  # fmt: skip


def iteration(number: int, rung: int = 0, counts: tuple[int, int, int] = (60, 30, 10), **more: Any) -> IterationSummary:
    quantiles = {level: 0.1 * (k + 1) for k, level in enumerate(LEVELS)}
    made = IterationSummary(
        iteration=number, rung=rung, temperatures_kelvin=(300.0,), pressures_bar=(1.0,), finished=True, n_training_frames=50,
        trust_low_ev_per_angstrom=0.15, trust_high_ev_per_angstrom=0.3 + 0.1 * number, systems=(), accurate=counts[0],
        candidate=counts[1], failed=counts[2], stopped_runs=(),
        max_force_deviation_ev_per_angstrom=DeviationDistribution(quantiles, (0.0, 1.0), (100,), 0),
        held_out=errors(90.0 - number, coating=120.0, cathode=60.0), labels_made=8,
        labels_failed=(FailedLabel("t", "SCF"),) * 2, label_core_hours=1.5,
    )  # fmt: skip
    return replace(made, **more)


def bars(ax: Axes) -> list[np.ndarray]:
    return [np.array([bar.get_height() for bar in container]) for container in ax.containers]


def legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_shares_of_an_iteration_are_stacked_to_a_hundred_per_cent() -> None:
    ax = campaign_plots.exploration([iteration(0), iteration(1, counts=(3, 0, 1))]).axes[0]
    assert (ax.get_ylabel(), ax.get_xlabel(), ax.get_ylim()) == ("explored frames (%)", "iteration", (0, 100))
    assert legend(ax) == list(VERDICT_COLORS)
    np.testing.assert_allclose(bars(ax), [[60, 75], [30, 0], [10, 25]], rtol=1e-7, atol=0)
    np.testing.assert_allclose([bar.get_y() for bar in ax.containers[2]], [90, 75], rtol=1e-7, atol=0)
    # Counts stand in bars that are large enough for them.
    assert [text.get_text() for text in ax.texts] == ["60", "3", "30", "10", "1"]


def test_an_iteration_without_frames_has_no_bar() -> None:
    ax = campaign_plots.exploration([iteration(0, counts=(0, 0, 0))]).axes[0]
    np.testing.assert_array_equal(bars(ax), [[0], [0], [0]])


def test_deviations_show_quantiles_and_the_levels_in_force() -> None:
    ax = campaign_plots.exploration([iteration(0), iteration(1)]).axes[1]
    assert ax.get_ylabel() == "largest force deviation (eV/Å)"
    wide, narrow, median = ax.lines[:3]
    np.testing.assert_allclose(wide.get_ydata(), [0.1, 0.5], rtol=1e-7, atol=0)
    np.testing.assert_allclose(narrow.get_ydata(), [0.2, 0.4], rtol=1e-7, atol=0)
    np.testing.assert_allclose(median.get_ydata(), [0.3], rtol=1e-7, atol=0)
    assert narrow.get_linewidth() > wide.get_linewidth()
    lower, upper = (patch.get_data() for patch in ax.patches)
    np.testing.assert_allclose(lower.values, [0.15, 0.15], rtol=1e-7, atol=0)
    np.testing.assert_allclose(upper.values, [0.3, 0.4], rtol=1e-7, atol=0)
    np.testing.assert_allclose(upper.edges, [-0.5, 0.5, 1.5], rtol=1e-7, atol=0)
    assert legend(ax) == ["lower trust level", "upper trust level"]
    # What blew up is cut off.
    np.testing.assert_allclose(ax.get_ylim(), (0.0, 1.6 * 0.4), rtol=1e-7, atol=0)


def test_an_iteration_whose_frames_are_all_lost_has_levels_alone() -> None:
    nothing = DeviationDistribution(dict.fromkeys(LEVELS), (0.0, 1.0), (0,), 7)
    ax = campaign_plots.exploration([iteration(0, max_force_deviation_ev_per_angstrom=nothing)]).axes[1]
    assert len(ax.lines) == 0
    assert len(ax.patches) == 2


def test_errors_are_by_layer_and_for_all() -> None:
    later = errors(70.0, coating=100.0, electrolyte=40.0)
    figure = campaign_plots.learning([iteration(0), iteration(1, held_out=None), iteration(2, held_out=later)])
    ax = figure.axes[0]
    assert ax.get_ylabel() == "force RMSE, held-out labels (meV/Å)"
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["coating", "cathode", "electrolyte", "all"]
    np.testing.assert_array_equal(lines["all"].get_xdata(), [0, 2])
    np.testing.assert_array_equal(lines["all"].get_ydata(), [90.0, 70.0])
    np.testing.assert_array_equal(lines["coating"].get_ydata(), [120.0, 100.0])
    np.testing.assert_array_equal(lines["electrolyte"].get_ydata(), [np.nan, 40.0])
    # In the unit of the axis.
    np.testing.assert_allclose(ax.patches[0].get_data().values, [150.0] * 3, rtol=1e-7, atol=0)
    assert ax.get_ylim()[0] == 0.0


def test_without_held_out_labels_the_panel_says_so() -> None:
    ax = campaign_plots.learning([iteration(0, held_out=None)]).axes[0]
    assert [text.get_text() for text in ax.texts] == ["no label is held out"]
    assert not ax.lines


def test_labels_and_costs_add_up_over_iterations() -> None:
    figure = campaign_plots.learning(
        [iteration(0), iteration(1, labels_made=5, labels_failed=(), label_core_hours=0.5)]
    )
    labels, cost = figure.axes[1], figure.axes[2]
    assert (labels.get_ylabel(), cost.get_ylabel()) == ("labels so far", "cost so far (core hours)")
    np.testing.assert_array_equal(bars(labels), [[8, 13], [2, 2]])
    np.testing.assert_array_equal([bar.get_y() for bar in labels.containers[1]], [8, 13])
    np.testing.assert_allclose(cost.lines[0].get_ydata(), [1.5, 2.0], rtol=1e-7, atol=0)
    assert legend(labels) == ["labels", "failed labels", "cost"]


@pytest.mark.parametrize("n_iterations", [1, 8, 40])
def test_ticks_name_each_change_of_rung_and_are_not_crowded(n_iterations: int) -> None:
    rungs = [min(k // 3, 2) for k in range(n_iterations)]
    figure = campaign_plots.exploration([iteration(k, rung) for k, rung in enumerate(rungs)])
    for ax in figure.axes:
        texts = [tick.get_text() for tick in ax.get_xticklabels()]
        begins = [k for k in range(n_iterations) if k == 0 or rungs[k] != rungs[k - 1]]
        for k in begins:
            assert f"{k}\nrung {rungs[k] + 1}" in texts
        assert len(texts) <= 16 + len(begins)
        assert ax.get_xlim() == (-0.6, n_iterations - 0.4)


@pytest.mark.parametrize("draw", [campaign_plots.exploration, campaign_plots.learning])
def test_a_campaign_before_its_first_iteration_says_so(draw: Any) -> None:
    (ax,) = draw([]).axes
    assert [text.get_text() for text in ax.texts] == ["no iteration"]


def test_counts_are_left_out_of_crowded_and_of_thin_bars() -> None:
    assert not campaign_plots.exploration([iteration(k) for k in range(9)]).axes[0].texts
    few = campaign_plots.exploration([iteration(0, counts=(970, 28, 2))]).axes[0]
    assert [text.get_text() for text in few.texts] == ["970"]


@pytest.mark.parametrize("n_iterations", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("draw", [campaign_plots.exploration, campaign_plots.learning])
def test_all_words_stand_inside_of_the_figure(draw: Any, n_iterations: int) -> None:
    figure = draw([iteration(k, rung=k // 5) for k in range(n_iterations)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.bbox.size
    for ax in figure.axes:
        box = ax.get_tightbbox(canvas.get_renderer())
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > 0


def test_every_iteration_stands_over_its_number() -> None:
    many = [iteration(k) for k in range(3)]
    verdicts, deviations = campaign_plots.exploration(many).axes
    for container in verdicts.containers:
        np.testing.assert_allclose(
            [bar.get_x() + bar.get_width() / 2 for bar in container], [0, 1, 2], rtol=1e-7, atol=0
        )
    assert [line.get_xdata()[0] for line in deviations.lines] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    errors_of, labels, cost = campaign_plots.learning(many).axes
    np.testing.assert_array_equal(errors_of.lines[-1].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(cost.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(
        [bar.get_x() + bar.get_width() / 2 for bar in labels.containers[0]], [0, 1, 2], rtol=1e-7, atol=0
    )


def test_verdicts_levels_and_failures_have_their_colours() -> None:
    verdicts, deviations = campaign_plots.exploration([iteration(0)]).axes
    for container in verdicts.containers:
        assert container.patches[0].get_facecolor() == to_rgba(VERDICT_COLORS[container.get_label()])
    lower, upper = deviations.patches
    assert lower.get_edgecolor() == to_rgba(VERDICT_COLORS["accurate"])
    assert upper.get_edgecolor() == to_rgba(VERDICT_COLORS["failed"])
    layers, labels, _ = campaign_plots.learning([iteration(0)]).axes
    colors = [line.get_color() for line in layers.lines]
    assert len(set(colors)) == len(colors) == 3
    assert colors[-1] == "k"
    assert layers.patches[0].get_edgecolor() == to_rgba(VERDICT_COLORS["accurate"])
    assert labels.containers[1].patches[0].get_facecolor() == to_rgba(VERDICT_COLORS["failed"])


def test_a_quantile_that_is_no_number_leaves_the_others() -> None:
    quantiles = {"0.05": 0.1, "0.25": 0.2, "0.5": 0.3, "0.75": 0.4, "0.95": 0.5}
    lost = DeviationDistribution(dict.fromkeys(quantiles), (0.0, 1.0), (0,), 7)
    seen = DeviationDistribution(quantiles, (0.0, 1.0), (100,), 0)
    both = [iteration(k, max_force_deviation_ev_per_angstrom=one) for k, one in enumerate((lost, seen))]
    ax = campaign_plots.exploration(both).axes[1]
    assert [line.get_xdata()[0] for line in ax.lines] == [1, 1, 1]


def test_axes_of_errors_and_costs_begin_at_zero() -> None:
    errors_of, labels, cost = campaign_plots.learning([iteration(0), iteration(1)]).axes
    assert errors_of.get_ylim()[0] == labels.get_ylim()[0] == cost.get_ylim()[0] == 0.0
    assert cost.get_ylim()[1] >= 3.0
    assert cost.spines["right"].get_visible()
    assert not labels.spines["right"].get_visible()


@pytest.mark.parametrize("hours", [0.0, 1.5, 12345.6])
def test_the_right_label_of_a_first_iteration_stands_inside(hours: float) -> None:
    figure = campaign_plots.learning([iteration(0, label_core_hours=hours)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert figure.axes[2].get_tightbbox(canvas.get_renderer()).x1 < figure.bbox.width
