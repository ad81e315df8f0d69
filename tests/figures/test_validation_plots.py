"""Figures of a validation show the numbers they are given."""

from __future__ import annotations

import numpy as np

from mlip_interfaces.figures import validation_plots as plots


def titles(figure: plots.Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible() and ax.get_title(loc="left")]


def test_few_points_are_points_and_many_are_a_density_that_counts_all() -> None:
    rng = np.random.default_rng(1)
    energies, forces = rng.normal(size=20), rng.normal(size=3000)
    figure = plots.parity(energies, energies + 0.1, forces, forces, np.where(np.arange(3000) < 1000, "a", "b"))
    assert titles(figure) == ["energy", "force, all layers", "force, a", "force, b"]
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    np.testing.assert_allclose(panels[0].collections[0].get_offsets(), np.column_stack([energies, energies + 0.1]))
    counts = [int(ax.collections[0].get_array().sum()) for ax in panels[1:]]
    assert counts == [3000, 1000, 2000]
    for ax in panels:
        assert ax.get_xlim() == ax.get_ylim()
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), ax.lines[0].get_ydata())


def test_virials_have_a_panel_and_a_single_layer_has_none_of_its_own() -> None:
    values = np.arange(4.0)
    figure = plots.parity(values, values, values, values, np.full(4, "all"), virials=(values, values + 1))
    assert titles(figure) == ["energy", "force, all layers", "virial"]
    assert figure.axes[2].get_xlabel() == "label, virial component (eV/atom)"


def frames(name: str, labels: str) -> plots.FrameErrors:
    return plots.FrameErrors(name, labels, np.array([13.0, 14.0]), np.array([40.0, -20.0]), np.array([0.1, 0.3]), np.array([0.2, 0.9]))  # fmt: skip


def test_each_system_has_a_colour_and_each_set_a_marker() -> None:
    systems = [frames("x", "held_out"), frames("y", "held_out"), frames("z", "own_md")]
    ax = plots.signed_energy_errors(systems).axes[0]
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[13.0, 40.0], [14.0, -20.0]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x", "y", "z"]
    shapes = [points.get_paths()[0].vertices.shape for points in ax.collections]
    assert shapes[0] == shapes[1] != shapes[2]
    ax = plots.deviation_against_error(systems).axes[0]
    np.testing.assert_array_equal(ax.collections[2].get_offsets(), [[0.1, 0.2], [0.3, 0.9]])
    assert (ax.get_xlim()[0], ax.get_ylim()[0]) == (0.0, 0.0)


def test_reference_md_has_a_panel_per_pair_and_one_of_what_is_intact() -> None:
    r, g = np.linspace(0.05, 5.95, 60), np.ones(60)
    curves = {pair: plots.TwoCurves(g, 0.1 * g, 2 * g, 0.1 * g) for pair in ("P-S", "S-S")}
    figure = plots.against_reference_md(
        r, curves, called=("code", "the model"), time_ps=np.arange(3.0), intact=(np.full((2, 3), 4.0), np.full((2, 3), 3.0)), unit="PS4"
    )  # fmt: skip
    assert titles(figure) == ["P-S", "S-S", "intact PS4"]
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), 2 * g)
    assert [line.get_ydata()[0] for line in figure.axes[2].lines] == [4.0, 4.0, 3.0, 3.0]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["code", "the model"]
    bare = plots.against_reference_md(r, curves, called=("a", "b"), time_ps=np.arange(3.0), intact=None, unit="")
    assert titles(bare) == ["P-S", "S-S"]
