"""Figures of the report: what stands on the axes, how many artists there are, and where they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mlip_interfaces.figures import plots
from mlip_interfaces.figures.glass import GlassPair, amorphous_layer
from mlip_interfaces.figures.style import PALETTE, element_color, thickness_color
from mlip_interfaces.figures.thickness import against_thickness

TIME = np.arange(5) * 0.5
TIME.flags.writeable = False
"""Results hand over arrays that cannot be written to."""


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def labels(ax: Axes) -> tuple[str, str]:
    return ax.get_xlabel(), ax.get_ylabel()


def curves(ax: Axes) -> list[Any]:
    """Lines of data, without those across the panel and single points."""
    return [line for line in ax.lines if len(np.atleast_1d(line.get_xdata())) > 2]


def numbers(line: Any) -> np.ndarray:
    return np.asarray(line.get_ydata(orig=False), dtype=float)


def view(title: str = "five", height: float = 20.0) -> plots.SideView:
    atoms = Atoms("LiLiFS", positions=[[1, 0, 1], [2, 0, 4], [3, 0, 3], [9, 0, 15]], cell=[8.0, 8.0, height], pbc=True)
    atoms.arrays["layer"] = np.array(["coating"] * 3 + ["electrolyte"])
    return plots.SideView.of_atoms(atoms, title)


def test_side_view_has_positions_along_x_and_z_and_lengths_of_the_cell() -> None:
    made = view()
    assert (made.width, made.height) == (8.0, 20.0)
    np.testing.assert_array_equal(made.x, [1, 2, 3, 9])
    np.testing.assert_array_equal(made.z, [1, 4, 3, 15])
    assert list(made.layers) == ["coating"] * 3 + ["electrolyte"]


def test_structures_show_every_atom_in_its_colour_and_a_band_per_layer() -> None:
    figure = plots.structures([view(), view("ten", 30.0)])
    top, bottom = figure.axes
    assert (top.get_title(loc="left"), bottom.get_title(loc="left")) == ("five", "ten")
    assert bottom.get_xlabel() == "z across the interface (Å)"
    assert top.get_ylabel() == "x (Å)"
    by_element = {points.get_label(): points for points in top.collections}
    assert set(by_element) == {"Li", "F", "S"}
    np.testing.assert_array_equal(by_element["Li"].get_offsets(), [[1, 1], [4, 2]])
    assert to_hex(by_element["Li"].get_facecolor()[0]) == element_color("Li").lower()
    bands = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in top.patches]
    np.testing.assert_allclose(bands, [(1, 4), (15, 15)], rtol=1e-7, atol=0)
    assert [text.get_text() for text in top.texts] == ["coating", "electrolyte"]
    # An atom outside of a skew cell is not cut off, and all views share the tallest.
    assert top.get_ylim()[1] >= 9.0
    assert top.get_xlim() == bottom.get_xlim() == (-0.5, 30.5)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Li", "F", "S"]


def test_more_layers_than_colours_are_drawn() -> None:
    n = len(PALETTE) + 2
    atoms = Atoms(f"Li{n}", positions=[[0, 0, z] for z in range(n)], cell=[5, 5, n], pbc=True)
    atoms.arrays["layer"] = np.array([f"layer{k}" for k in range(n)])
    assert len(plots.structures([plots.SideView.of_atoms(atoms, "many")]).axes[0].patches) == n


def trace(coating: float, condition: str = "warm", healthy: bool = True, kelvin: float = 500.0) -> plots.ThermoTrace:
    return plots.ThermoTrace(coating, condition, kelvin, healthy, TIME, kelvin + TIME + coating, 2.0 + 0.1 * TIME)


def test_health_has_a_column_per_condition_and_tells_unhealthy_runs() -> None:
    figure = plots.health([trace(5.0), trace(0.0, healthy=False), trace(0.0, "cold", kelvin=300.0)])
    warm, cold, density, _ = figure.axes
    assert (warm.get_title(loc="left"), cold.get_title(loc="left")) == ("warm, 500 K", "cold, 300 K")
    assert (warm.get_ylabel(), density.get_ylabel(), density.get_xlabel()) == (
        "temperature (K)",
        "density (g/cm³)",
        "time (ps)",
    )
    thin, thick = curves(warm)
    assert (thin.get_label(), thin.get_linestyle()) == ("0 Å (unhealthy)", "--")
    assert (thick.get_label(), thick.get_linestyle()) == ("5 Å", "-")
    np.testing.assert_allclose(numbers(thick), 505.0 + TIME, rtol=1e-7, atol=0)
    np.testing.assert_allclose(numbers(curves(density)[0]), 2.0 + 0.1 * TIME, rtol=1e-7, atol=0)
    # The thermostat's target.
    assert {line.get_ydata()[0] for line in cold.lines if line not in curves(cold)} == {300.0}


def test_cell_has_a_row_per_edge_a_column_per_condition_and_the_colours_of_health() -> None:
    edges = np.column_stack([11.0 + TIME, 12.0 - TIME, 30.0 - 2 * TIME])
    old, wide, cold = trace(0.0), replace(trace(5.0, healthy=False), edges_angstrom=edges), trace(5.0, "cold")
    figure = plots.cell_edges([old, wide, replace(cold, edges_angstrom=2 * edges)])
    axes = np.array(figure.axes).reshape(3, 2)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["a (Å)", "b (Å)", "c (Å)"]
    for row, edge in zip(axes, edges.T, strict=True):
        (line,) = curves(row[0])
        np.testing.assert_allclose(numbers(line), edge, rtol=1e-7, atol=0)
        np.testing.assert_allclose(numbers(curves(row[1])[0]), 2 * edge, rtol=1e-7, atol=0)
        assert (line.get_color(), line.get_linestyle()) == (thickness_color(1), "--")
    assert plots.cell_edges([old]).axes[0].texts[0].get_text() == "no run with its cell"


def test_seeds_of_a_thickness_share_a_line_of_the_legend() -> None:
    assert legend(plots.health([trace(0.0), trace(0.0), trace(5.0)]).axes[0]) == ["0 Å", "5 Å"]
    assert legend(plots.transport([msd(0.0), msd(0.0), msd(5.0)], "Li").axes[0]) == ["0 Å", "5 Å"]
    assert legend(plots.order_and_chemistry([], [bonds(0.0), bonds(0.0), bonds(5.0)], "Li", "F").axes[0]) == [
        "0 Å",
        "5 Å",
    ]


def test_a_thickness_has_one_colour_in_all_figures() -> None:
    health = curves(plots.health([trace(0.0), trace(5.0)]).axes[0])
    transport = curves(plots.transport([msd(0.0), msd(5.0)], "Li").axes[0])
    chemistry = curves(plots.order_and_chemistry([], [bonds(0.0), bonds(5.0)], "Li", "F").axes[0])
    potential = curves(plots.mean_force({"P-S": {0.0: (TIME, TIME), 5.0: (TIME, TIME)}}, 300.0).axes[0])
    for number, lines in enumerate(zip(health, transport, chemistry, potential, strict=True)):
        assert {line.get_color() for line in lines} == {thickness_color(number)}


def rdf(n_blocks: int) -> plots.RdfCurves:
    r = np.linspace(0.5, 4.5, 9)
    times = np.array([[k, k + 1.0] for k in range(n_blocks)])
    return plots.RdfCurves(r, np.arange(n_blocks)[:, None] + np.sin(r) ** 2, times)


def test_rdf_over_time_has_rows_of_pairs_columns_of_thicknesses_and_darker_later_blocks() -> None:
    figure = plots.rdf_over_time({"P-S": {0.0: rdf(2), 10.0: rdf(3)}, "S-S": {10.0: rdf(1)}})
    axes = np.array(figure.axes).reshape(2, 2)
    assert [ax.get_title(loc="left") for ax in axes[0]] == ["coating 0 Å", "coating 10 Å"]
    assert axes[0, 0].get_ylabel() == "g(r), P-S"
    assert axes[1, 1].get_xlabel() == "r (Å)"
    assert [len(curves(ax)) for ax in axes.ravel()] == [2, 3, 0, 1]
    np.testing.assert_allclose(numbers(curves(axes[0, 1])[2]), rdf(3).g[2], rtol=1e-7, atol=0)
    shades = [line.get_alpha() for line in curves(axes[0, 1])]
    assert shades == sorted(shades)
    assert len(set(shades)) == 3
    assert legend(axes[0, 0]) == ["0-1 ps", "1-2 ps"]
    assert [text.get_text() for text in axes[1, 0].texts] == ["no healthy run"]


def test_mean_force_is_drawn_as_it_is_given() -> None:
    r, potential = np.linspace(1.0, 4.0, 7), np.array([np.nan, 0.3, 0.0, -0.1, 0.1, 0.0, 0.0])
    figure = plots.mean_force(
        {"P-S": {5.0: (r, potential), 0.0: (r, 2 * potential)}, "S-S": {5.0: (r, potential)}}, 450.0
    )
    first, second = figure.axes
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("P-S, 450 K", "S-S, 450 K")
    assert labels(first) == ("r (Å)", "-kT ln g(r) (eV)")
    assert [line.get_label() for line in curves(first)] == ["0 Å", "5 Å"]
    np.testing.assert_array_equal(numbers(curves(first)[1]), potential)
    # A thickness has the colour that it has where both are there.
    assert curves(second)[0].get_color() == curves(first)[1].get_color()


def msd(coating: float, *, diffusive: bool = True) -> plots.MsdCurve:
    return plots.MsdCurve(coating, TIME, 3.0 * TIME, 0.1 * TIME, 1.0, 2e-5 + coating * 1e-6, (1e-5, 4e-5), diffusive)


def test_transport_has_curves_with_a_dot_and_diffusivities_with_intervals() -> None:
    figure = plots.transport([msd(5.0), msd(0.0)], "Li of the coating")
    left, right = figure.axes
    assert labels(left) == ("lag (ps)", "MSD of Li of the coating (Å²)")
    assert labels(right) == ("coating thickness (Å)", "D (10⁻⁵ cm²/s)")
    np.testing.assert_array_equal(numbers(curves(left)[0]), 3.0 * TIME)
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert [(float(dot.get_xdata()[0]), float(dot.get_ydata()[0])) for dot in dots] == [(1.0, 3.0), (1.0, 3.0)]
    points, caps, bars = right.containers[0]
    np.testing.assert_allclose(points.get_xydata(), [[5.0, 2.5]], rtol=1e-7, atol=0)
    np.testing.assert_allclose(bars[0].get_segments()[0][:, 1], [1.0, 4.0], rtol=1e-7, atol=0)
    assert len(caps) == 2


def bonds(coating: float) -> plots.ChemistryTrace:
    return plots.ChemistryTrace(coating, TIME, 1.0 - 0.1 * TIME, TIME.round())


def test_order_and_chemistry_are_shares_in_per_cent() -> None:
    figure = plots.order_and_chemistry(
        [(0.0, 0.25, 0.05, 8), (5.0, 0.5, 0.1, 16)], [bonds(5.0), bonds(0.0)], "Na", "Cl"
    )
    first, second, third = figure.axes
    assert labels(first) == ("coating thickness (Å)", "Na in regular NaCl₄ (%)")
    assert (second.get_ylabel(), third.get_ylabel(), third.get_xlabel()) == (
        "P with the neighbours\nof the first frame (%)",
        "S₂ dimers",
        "time (ps)",
    )
    np.testing.assert_allclose(
        [box.lines[0].get_xydata()[0] for box in first.containers], [[0, 25], [5, 50]], rtol=1e-7, atol=0
    )
    assert [text.get_text() for text in first.texts] == ["2.0 of 8", "8.0 of 16"]
    np.testing.assert_allclose(numbers(curves(second)[0]), 100 - 10 * TIME, rtol=1e-7, atol=0)
    np.testing.assert_array_equal(numbers(curves(third)[0]), TIME.round())
    assert legend(second) == ["0 Å", "5 Å"]


def named(seed: int) -> str:
    return f"interface/hot/seed-{seed}"


def test_runs_that_are_called_by_their_names_have_no_axis_and_no_title_of_thickness() -> None:
    first, second = (replace(msd(0.0), which=named(seed)) for seed in (1, 2))
    left, right = plots.transport([first, second], "Li").axes
    assert legend(left) == [named(1), named(2)]
    assert left.get_legend().get_title().get_text() == ""
    assert right.get_xlabel() == "run of interface/hot"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["seed-1", "seed-2"]
    assert [box.lines[0].get_xdata()[0] for box in right.containers] == [0.0, 1.0]
    health = plots.health(
        [replace(trace(0.0), which=named(1)), replace(trace(0.0, "cold"), which="interface/cold/seed-1")]
    )
    assert [legend(ax) for ax in health.axes[:2]] == [[named(1)], ["interface/cold/seed-1"]]
    panels = plots.order_and_chemistry(
        [(named(1), 0.25, 0.05, 8)],
        [replace(bonds(0.0), which=named(1), s2_dimers=None)],
        "Li",
        "S",
        polyanions="P, Ge",
    ).axes
    assert [ax.get_xlabel() for ax in panels] == ["run of interface/hot", "time (ps)"]
    assert panels[1].get_ylabel().startswith("P, Ge with the neighbours")


def test_groups_of_one_model_have_a_colour_each_and_are_all_in_the_title() -> None:
    curve = replace(msd(0.0), which=named(1))
    slow = replace(curve, msd_angstrom2=0.1 * TIME, diffusive=False)
    left, right = plots.transport_of_groups({"Li": [curve, curve], "P": [slow, slow], "S": [slow, slow]}).axes
    assert left.get_title(loc="left") == "MSD of Li, P and S"
    assert legend(left) == ["Li", "P", "S"]
    assert [line.get_color() for line in curves(left)] == [color for color in PALETTE[:3] for _ in range(2)]
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["Li", "P", "S"]
    places = [float(box.lines[0].get_xdata()[0]) for box in right.containers]
    np.testing.assert_allclose(places, [-0.075, 0.075, 0.925, 1.075, 1.925, 2.075], rtol=1e-9, atol=0)
    assert right.get_title(loc="left") == "hollow: not diffusive yet, a bound"


def test_g_of_r_of_one_run_has_a_panel_per_pair_and_few_blocks_in_its_legend() -> None:
    figure = plots.rdf_over_time({pair: {named(1): rdf(20)} for pair in ("P-S", "P-P", "Li-P", "Li-S")})
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == ["P-S", "P-P", "Li-P", "Li-S"]
    assert [len(curves(ax)) for ax in shown] == [20] * 4
    assert legend(shown[0]) == ["0-1 ps", "10-11 ps", "19-20 ps"]
    force = plots.mean_force({"P-S": {named(1): (TIME, TIME)}}, 500.0, changed=["P-S"])
    assert force.axes[0].get_title(loc="left") == "P-S, 500 K\nits peak changed"
    assert force.axes[0].get_legend() is None


def test_panels_without_anything_say_why() -> None:
    for figure, texts in (
        (plots.transport([], "Li"), ["no healthy run has Li"] * 2),
        (plots.transport_of_groups({}), ["no group of atoms"]),
        (plots.order_and_chemistry([], [], "Li", "F"), ["no healthy run has tetrahedra, polyanions or sulfur"]),
    ):
        assert [ax.texts[0].get_text() for ax in figure.axes] == texts
        assert all(ax.get_legend() is None for ax in figure.axes)


def test_against_thickness_has_a_panel_per_quantity_and_hides_the_others() -> None:
    points = {f"quantity {k}": [(5.0, k + 0.5, 0.1), (0.0, float(k), 0.2)] for k in range(5)}
    figure = against_thickness(points)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == list(points)
    assert len(figure.axes) == 8
    assert {ax.get_xlabel() for ax in shown} == {"coating (Å)"}
    line, _, bars = shown[3].containers[0]
    np.testing.assert_allclose(line.get_xydata(), [[0.0, 3.0], [5.0, 3.5]], rtol=1e-7, atol=0)
    np.testing.assert_allclose(bars[0].get_segments()[0][:, 1], [2.8, 3.2], rtol=1e-7, atol=0)


def test_seeds_of_a_thickness_are_small_beside_their_mean_and_a_panel_of_zeros_has_a_range() -> None:
    figure = against_thickness({"PS4": [(0.0, 1.0, 0.1), (10.0, 0.5, 0.2), (0.0, 2.0, 0.1)], "none": [(0.0, 0.0, 0.0)]})
    first, second = figure.axes
    np.testing.assert_array_equal(first.lines[0].get_xydata(), [[0.0, 1.0], [0.0, 2.0], [10.0, 0.5]])
    line, _, bars = first.containers[0]
    np.testing.assert_allclose(line.get_xydata(), [[0.0, 1.5], [10.0, 0.5]], rtol=1e-12, atol=0)
    ends = [segment[:, 1] for segment in bars[0].get_segments()]
    np.testing.assert_allclose(ends, [[1.0, 2.0], [0.3, 0.7]], rtol=1e-12, atol=0)
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["0", "10"]
    assert second.get_ylim() == (-0.05, 1.0)


def test_amorphous_layer_has_its_schedule_and_the_crystal_below_zero() -> None:
    r, g = np.linspace(0.5, 5.0, 10), np.linspace(0.0, 3.0, 10)
    pairs = {"Li-F": GlassPair(r, g, 10.0 * g), "F-F": GlassPair(r, g, None)}
    height = np.array([10.0, 10.0, 9.0, 8.0, 8.0])
    figure = amorphous_layer(TIME, 300.0 + TIME, height, pairs, title="a-LiF")
    schedule, first, second, right = figure.axes
    assert labels(schedule) == ("time (ps)", "temperature (K)")
    assert right.get_ylabel() == "height (Å)"
    np.testing.assert_array_equal(numbers(right.lines[0]), height)
    np.testing.assert_array_equal(numbers(schedule.lines[0]), 300.0 + TIME)
    assert (first.get_title(loc="left"), second.get_title(loc="left"), first.get_ylabel()) == ("Li-F", "F-F", "g(r)")
    assert legend(first) == ["layer", "crystal (scaled)"]
    # The crystal's needles are scaled to the height of the layer.
    below = np.vstack([path.vertices for path in first.collections[1].get_paths()])
    np.testing.assert_allclose(below[:, 1].min(), -3.0, rtol=1e-7, atol=0)
    assert len(second.collections) == 1
    assert figure.get_suptitle() == "a-LiF"
    still = amorphous_layer(TIME, TIME, np.full(5, 9.0), pairs, title="")
    assert len(still.axes) == 3


DRAWN = {
    "structures": lambda: plots.structures([view()]),
    "health": lambda: plots.health([trace(0.0)]),
    "rdf_over_time": lambda: plots.rdf_over_time({"P-S": {0.0: rdf(2)}}),
    "mean_force": lambda: plots.mean_force({"P-S": {0.0: (TIME, TIME)}}, 300.0),
    "transport": lambda: plots.transport([msd(0.0)], "Li"),
    "order_and_chemistry": lambda: plots.order_and_chemistry([(0.0, 0.2, 0.1, 5)], [bonds(0.0)], "Li", "F"),
    "against_thickness": lambda: against_thickness({"D": [(0.0, 1.0, 0.1)]}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_drawing_leaves_the_callers_settings_alone_and_has_its_own(name: str) -> None:
    with mpl.rc_context({"font.size": 23.0, "axes.spines.top": True, "legend.frameon": True}):
        before = dict(mpl.rcParams)
        figure: Figure = DRAWN[name]()
        assert dict(mpl.rcParams) == before
    assert all(not ax.spines["top"].get_visible() for ax in figure.axes if ax.get_visible())
    assert all(ax.xaxis.label.get_size() == 9.0 for ax in figure.axes)


CROWDED = DRAWN | {
    "structures": lambda: plots.structures([view(f"model {k}") for k in range(5)]),
    "health": lambda: plots.health([trace(float(c), name) for c in (0, 5, 10, 20) for name in ("warm", "cold, 10 % vacancies")]),
    "rdf_over_time": lambda: plots.rdf_over_time({p: {float(c): rdf(4) for c in (0, 5, 10, 20)} for p in ("P-S", "P-O", "Co-S")}),
    "mean_force": lambda: plots.mean_force({p: {float(c): (TIME, TIME) for c in (0, 5, 10, 20)} for p in ("P-S", "P-O", "Co-S")}, 300.0),
    "transport": lambda: plots.transport([msd(float(c)) for c in (0, 5, 10, 20)], "Li of the electrolyte"),
    "against_thickness": lambda: against_thickness({f"first peak of g(r), P-S {k}": [(0.0, 1.0, 0.1)] for k in range(9)}),
}  # fmt: skip
"""As many panels and curves as a study of four thicknesses has."""


@pytest.mark.parametrize("name", CROWDED)
def test_all_words_stand_inside_of_the_figure(name: str) -> None:
    figure = CROWDED[name]()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.bbox.size
    # Each panel with its labels, ticks, titles and legend; a tick beyond the limits of its axis is not drawn.
    for part in [ax for ax in figure.axes if ax.get_visible()] + figure.legends:
        box = part.get_tightbbox(canvas.get_renderer())
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -2, part


EMPTY = {
    "no model": lambda: plots.structures([]),
    "no run": lambda: plots.health([]),
    "no pair": lambda: plots.rdf_over_time({}),
    "no pair ": lambda: plots.mean_force({}, 300.0),
    "no number to compare": lambda: against_thickness({}),
}


@pytest.mark.parametrize("text", EMPTY)
def test_a_figure_of_nothing_says_so(text: str) -> None:
    (ax,) = EMPTY[text]().axes
    assert [words.get_text() for words in ax.texts] == [text.strip()]
    assert len(ax.get_xticks()) == 0


def test_a_pair_that_was_never_seen_has_a_gap_and_no_error() -> None:
    nothing = np.full(5, np.nan)
    figure = plots.mean_force({"Co-S": {0.0: (TIME, nothing)}, "P-S": {0.0: (TIME, TIME)}}, 300.0)
    FigureCanvasAgg(figure).draw()
    assert np.isnan(numbers(curves(figure.axes[0])[0])).all()
    assert legend(figure.axes[1]) == ["0 Å"]


def test_one_atom_has_a_curve_without_errors() -> None:
    single = plots.MsdCurve(0.0, TIME, TIME, np.full(5, np.nan), 99.0, 1e-5, (np.nan, np.nan), True)
    figure = plots.transport([single], "Li")
    FigureCanvasAgg(figure).draw()
    np.testing.assert_array_equal(numbers(curves(figure.axes[0])[0]), TIME)
    # A fit that begins beyond the curve has its dot at the end.
    assert float(figure.axes[0].lines[1].get_xdata()[0]) == TIME[-1]


def test_axes_of_counts_begin_at_zero_and_reach_one() -> None:
    flat = plots.ChemistryTrace(0.0, TIME, np.ones(5), np.zeros(5))
    first, second, third = plots.order_and_chemistry([(0.0, 0.0, 0.0, 9)], [flat], "Li", "F").axes
    assert first.get_ylim()[0] == 0.0
    assert first.get_ylim()[1] >= 1.0
    assert second.get_ylim() == (-3.0, 106.0)
    assert third.get_ylim() == (-0.05, 1.0)
    many = plots.ChemistryTrace(0.0, TIME, np.ones(5), 7.0 * TIME)
    assert plots.order_and_chemistry([], [many], "Li", "F").axes[1].get_ylim()[1] >= 14.0


def test_crowded_models_have_smaller_atoms() -> None:
    def size(n: int) -> float:
        atoms = Atoms(
            f"Li{n}", positions=np.random.default_rng(1).random((n, 3)) * [10, 10, 30], cell=[10, 10, 30], pbc=True
        )
        atoms.arrays["layer"] = np.array(["a"] * n)
        return float(plots.structures([plots.SideView.of_atoms(atoms, "")]).axes[0].collections[0].get_sizes()[0])

    assert size(20) == 34.0
    assert size(20) > size(200) > size(1000) == 6.0


def test_a_glass_without_pairs_has_its_schedule_alone() -> None:
    figure = amorphous_layer(TIME, 300.0 + TIME, np.full(5, 9.0), {}, title="a-LiF")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["schedule"]
    assert figure.axes[0].get_ylim()[0] == 0.0


def test_a_thickness_keeps_its_colour_where_another_is_missing() -> None:
    both = (0.0, 5.0)
    health = curves(plots.health([trace(0.0, healthy=False), trace(5.0)]).axes[0])[1]
    rest = [
        curves(plots.transport([msd(5.0)], "Li", of_study=both).axes[0])[0],
        curves(plots.order_and_chemistry([], [bonds(5.0)], "Li", "F", of_study=both).axes[0])[0],
        curves(plots.mean_force({"P-S": {5.0: (TIME, TIME)}}, 300.0, of_study=both).axes[0])[0],
        curves(plots.rdf_over_time({"P-S": {5.0: rdf(1)}}, of_study=both).axes[0])[0],
    ]
    assert {line.get_color() for line in [health, *rest]} == {thickness_color(1)}
    # A thickness without a run has a colour and no panel.
    assert len(plots.rdf_over_time({"P-S": {5.0: rdf(1)}}, of_study=both).axes) == 1


def test_a_slope_that_is_no_diffusivity_has_a_hollow_point_and_says_so() -> None:
    right = plots.transport([msd(0.0), msd(5.0, diffusive=False)], "Li").axes[1]
    first, second = (box.lines[0] for box in right.containers)
    assert first.get_markerfacecolor() == first.get_color() == thickness_color(0)
    assert (second.get_markerfacecolor(), second.get_color()) == ("white", thickness_color(1))
    assert right.get_title(loc="left") == "hollow: not diffusive yet, a bound"
    assert plots.transport([msd(0.0)], "Li").axes[1].get_title(loc="left") == ""


def edges(band: Any) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of a band at each place along x."""
    vertices = band.get_paths()[0].vertices
    places = np.unique(vertices[:, 0])
    return tuple(np.array([end(vertices[vertices[:, 0] == x, 1]) for x in places]) for end in (np.min, np.max))


def test_the_band_of_a_curve_is_one_standard_error_to_either_side() -> None:
    left = plots.transport([msd(0.0)], "Li").axes[0]
    low, high = edges(left.collections[0])
    np.testing.assert_allclose(low, 2.9 * TIME, rtol=1e-7, atol=0)
    np.testing.assert_allclose(high, 3.1 * TIME, rtol=1e-7, atol=0)
    assert to_hex(left.collections[0].get_facecolor()[0]) == thickness_color(0).lower()


def test_runs_of_a_condition_stand_in_its_own_column_whatever_their_order() -> None:
    runs = [trace(5.0, "cold", kelvin=300.0), trace(0.0), trace(5.0), trace(0.0, "cold", healthy=False, kelvin=300.0)]
    cold, warm, below_cold, below_warm = plots.health(runs).axes
    assert (cold.get_title(loc="left"), warm.get_title(loc="left")) == ("cold, 300 K", "warm, 500 K")
    for top, bottom, kelvin in ((cold, below_cold, 300.0), (warm, below_warm, 500.0)):
        assert [line.get_color() for line in curves(top)] == [thickness_color(0), thickness_color(1)]
        np.testing.assert_allclose(
            [numbers(line)[0] for line in curves(top)], [kelvin, kelvin + 5.0], rtol=1e-7, atol=0
        )
        assert len(curves(bottom)) == 2
        assert bottom.get_xlabel() == "time (ps)"
    # Density is dashed where temperature is.
    assert [line.get_linestyle() for line in curves(below_cold)] == ["--", "-"]
    assert legend(warm) == ["0 Å", "5 Å"]


def test_blocks_are_named_in_the_first_panel_that_has_some() -> None:
    figure = plots.rdf_over_time({"Co-S": {5.0: rdf(2)}, "P-S": {0.0: rdf(2), 5.0: rdf(2)}})
    empty, first, *_ = figure.axes
    assert [text.get_text() for text in empty.texts] == ["no healthy run"]
    assert legend(first) == ["0-1 ps", "1-2 ps"]
    assert [ax.get_legend() is not None for ax in figure.axes] == [False, True, False, False]
    # Random pairs are at one.
    assert [list(line.get_ydata()) for line in first.lines if line not in curves(first)] == [[1.0, 1.0]]
    # g(r) of a pair has one scale for all thicknesses.
    assert figure.axes[2].get_ylim() == figure.axes[3].get_ylim()


def test_a_layer_has_one_colour_in_all_views() -> None:
    upside_down = Atoms("LiS", positions=[[1, 0, 2], [2, 0, 12]], cell=[8.0, 8.0, 20.0], pbc=True)
    upside_down.arrays["layer"] = np.array(["electrolyte", "coating"])
    first, second = plots.structures([view(), plots.SideView.of_atoms(upside_down, "turned")]).axes
    colors = [
        {text.get_text(): to_hex(patch.get_facecolor()) for text, patch in zip(ax.texts, ax.patches, strict=True)}
        for ax in (first, second)
    ]
    assert colors[0] == colors[1] == {"coating": PALETTE[0].lower(), "electrolyte": PALETTE[1].lower()}
    # Names stand over the middle of their layer.
    assert [text.get_position()[0] for text in first.texts] == [2.5, 15.0]
    np.testing.assert_allclose([text.get_position()[0] for text in second.texts], [12.0, 2.0], rtol=1e-7, atol=0)


def test_a_crystal_that_never_meets_a_pair_does_not_divide_by_zero() -> None:
    r = np.linspace(0.5, 5.0, 10)
    figure = amorphous_layer(TIME, TIME, np.full(5, 9.0), {"Li-Li": GlassPair(r, r, 0.0 * r)}, title="")
    layer, crystal = figure.axes[1].collections
    np.testing.assert_allclose(edges(layer)[1], r, rtol=1e-7, atol=0)
    np.testing.assert_array_equal(edges(crystal)[0], 0.0)
    assert figure.axes[1].get_xlim() == (0.5, 5.0)
    np.testing.assert_array_equal(numbers(figure.axes[1].lines[0]), r)


def test_a_height_that_hardly_moves_has_no_axis_and_one_that_moves_has() -> None:
    def n_axes(swing: float) -> int:
        return len(amorphous_layer(TIME, TIME, 9.0 + swing * TIME, {}, title="").axes)

    assert (n_axes(1e-8), n_axes(1e-3)) == (1, 2)
