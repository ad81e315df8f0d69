"""Figures of screening show what they are given: levels, shading, equal slopes, the window."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from mlip_interfaces.figures.adhesion_plots import defect_ladder
from mlip_interfaces.figures.migration_plots import HopProfile, hop_profiles
from mlip_interfaces.figures.screening_plots import (
    LEVEL_COLORS,
    BandBar,
    DefectPanel,
    MapLayer,
    MapPanel,
    band_alignment,
    defects_against_voltage,
    potential_maps,
    space_charge_profile,
)

SHADE = "#d9d9d9"


def panel(start: float, end: float, voltage: float) -> MapPanel:
    x = np.linspace(start, end, 5)
    layer = MapLayer("S", -x, -x - 2.0, -x + 2.0, 1.0 + 0.5 * x)
    return MapPanel("Li | S | C\ncharged", "Li", "C", 0.0, -voltage, 1.8, (layer,), ("+1.25 V", "-0.10 V"))


def spans(ax) -> list[tuple[float, float]]:
    patches = [one for one in ax.patches if isinstance(one, Rectangle) and to_hex(one.get_facecolor()) == SHADE]
    return [(one.get_x(), one.get_x() + one.get_width()) for one in patches]


def test_map_is_as_wide_as_its_voltage_and_grey_outside_the_window() -> None:
    figure = potential_maps([[panel(0.5, 3.0, 4.0)]])
    (ax,) = figure.axes
    assert panel(0.5, 3.0, 4.0).width_v == pytest.approx(4.0, rel=1e-6, abs=1e-12)
    np.testing.assert_allclose(spans(ax), [(0.0, 0.5), (3.0, 4.0)])


def test_no_grey_where_the_window_reaches_the_electrodes() -> None:
    assert spans(potential_maps([[panel(0.0, 4.0, 4.0)]]).axes[0]) == []


def test_lines_have_the_colours_and_values_of_their_levels() -> None:
    ax = potential_maps([[panel(0.5, 3.0, 4.0)]]).axes[0]
    solid = {
        (line.get_color(), tuple(np.round(line.get_ydata(), 6)[[0, -1]]))
        for line in ax.lines
        if line.get_linestyle() == "-"
    }
    assert (LEVEL_COLORS["mu"], (-0.5, -3.0)) in solid
    assert (LEVEL_COLORS["vbm"], (-2.5, -5.0)) in solid
    assert (LEVEL_COLORS["cbm"], (1.5, -1.0)) in solid
    assert (LEVEL_COLORS["phi"], (1.25, 2.5)) in solid
    assert (LEVEL_COLORS["phi"], (0.0, 0.0)) in solid
    assert (LEVEL_COLORS["phi"], (1.8, 1.8)) in solid
    assert {text.get_text() for text in ax.texts} >= {"+1.25 V", "-0.10 V", "Li", "S", "C"}


def test_all_panels_have_the_same_scale_and_a_gap_stays_empty() -> None:
    figure = potential_maps([[panel(0.5, 3.0, 4.0), panel(0.0, 2.0, 3.0)], [panel(1.0, 2.0, 4.5), None]])
    shown = [ax for ax in figure.axes if ax.axison]
    assert len(shown) == 3
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in shown}) == 1


def test_bars_end_at_the_edges() -> None:
    bars = [
        BandBar("Li", "#222222", -2.9, -2.9),
        BandBar("S", "#7f7f7f", -5.0, -1.0),
        BandBar("C", "#c0272d", -5.5, None),
    ]
    ax = band_alignment(bars).axes[0]
    edges = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in ax.patches]
    tops = [top for _, top in edges]
    bottoms = [bottom for bottom, _ in edges]
    assert {-2.9, -5.0, -5.5} <= {round(top, 9) for top in tops}
    assert {-2.9, -1.0} <= {round(bottom, 9) for bottom in bottoms}
    assert len(edges) == 5


def test_defects_have_a_logarithmic_axis_and_the_fermi_level_its_own() -> None:
    voltage = np.linspace(0.0, 2.0, 9)
    concentrations = {"Li_i": 10.0 ** (15 - voltage), "electrons": np.full(9, 1e-30)}
    figure = defects_against_voltage(
        [
            DefectPanel("A", voltage, 3.0 - voltage, concentrations, (0.5, 1.5)),
            DefectPanel("B", voltage, 2.0 - voltage, {}, None),
        ]
    )
    first, second, levels = figure.axes
    assert first.get_yscale() == "log"
    np.testing.assert_allclose(levels.lines[0].get_ydata(), 3.0 - voltage)
    assert second.get_yscale() == "linear"
    # Far below one in a cubic centimetre nothing is drawn.
    assert np.isnan(first.lines[1].get_ydata()).all()
    assert [line.get_xdata()[0] for line in first.lines[2:]] == [0.5, 1.5]


def test_profile_shows_both_answers_where_the_layer_is_saturated() -> None:
    x = np.linspace(0.0, 10.0, 11)
    ax = space_charge_profile(x, np.tanh(x), 1.0, (np.tanh(x) + 0.01, 4.0)).axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.tanh(x))
    np.testing.assert_allclose(ax.lines[1].get_ydata(), np.tanh(x) + 0.01)
    assert ax.lines[2].get_xdata()[0] == 4.0
    assert len(space_charge_profile(x, np.tanh(x), 1.0, None).axes[0].lines) == 2


def test_names_of_hops_without_a_band_stay_inside_the_figure() -> None:
    path = np.linspace(0.0, 3.0, 5)
    profile = HopProfile("Li1-Li2", path, np.sin(path), path, np.sin(path), is_converged=True)
    missing = [f"Li{number}-Li{number + 10}_0,-1,1" for number in range(12)]
    figure = hop_profiles([profile], missing)
    figure.draw_without_rendering()
    (words,) = [text for text in figure.texts if "without a band" in text.get_text()]
    assert " ".join(words.get_text().split()).endswith(", ".join(missing))
    box = words.get_window_extent()
    assert box.x0 >= 0.0
    assert box.x1 <= figure.bbox.x1


def test_a_set_of_defects_has_one_line_in_the_legend() -> None:
    figure = defect_ladder([("pair", [(2.0, 1.0), (8.0, 1.5)]), ("single", [(None, 0.7), (None, 0.9)])])
    (ax,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["pair", "single"]
    assert [float(line.get_ydata()[0]) for line in ax.lines if line.get_linestyle() == "--"] == [0.7, 0.9]
    assert ax.get_xlabel() == "distance as placed (angstrom)"
    (alone,) = defect_ladder([("single", [(None, 0.7)])]).axes
    assert (alone.get_xlabel(), list(alone.get_xticks())) == ("", [])
