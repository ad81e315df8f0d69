"""The figure of common cells: strain against area, sizes by atoms, labels that do not cover each other."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mlip_interfaces.figures.structure_plots import matches

AREA = np.array([20.0, 40.0, 40.5, 80.0])
STRAIN = np.array([0.05, 0.02, 0.0201, 0.001])
ATOMS = np.array([50, 120, 130, 400])
NAMES = ["(100)|(001)", "(110)|(001)", "(110)|(100)", "(111)|(012)"]


def figure():
    return matches(AREA, STRAIN, ATOMS, NAMES, substrate="LiCoO2", film="LiF")


def test_points_are_area_and_strain_in_per_cent() -> None:
    (ax,) = figure().axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("area of the common lateral cell (Å²)", "largest strain (%)")
    assert ax.get_title(loc="left") == "LiCoO2 | LiF"
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), np.column_stack([AREA, 100 * STRAIN]), rtol=1e-7, atol=0
    )
    sizes = ax.collections[0].get_sizes()
    np.testing.assert_allclose((sizes - 15.0) / (sizes[-1] - 15.0), ATOMS / 400, rtol=1e-12, atol=0)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["50 atoms", "125 atoms", "400 atoms"]


def test_every_point_has_its_label_beside_it() -> None:
    (ax,) = figure().axes
    assert [(text.get_text(), tuple(text.xy)) for text in ax.texts] == [
        (name, (area, 100 * strain)) for name, area, strain in zip(NAMES, AREA, STRAIN, strict=True)
    ]


def test_labels_of_close_points_do_not_cover_each_other() -> None:
    made = figure()
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in made.axes[0].texts]
    for first, second in itertools.combinations(boxes, 2):
        assert not first.shrunk(0.95, 0.8).overlaps(second.shrunk(0.95, 0.8))


def test_one_match_is_enough() -> None:
    (ax,) = matches(AREA[:1], STRAIN[:1], ATOMS[:1], NAMES[:1], substrate="A", film="B").axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["50 atoms"]
    assert len(ax.texts) == 1


def test_crystals_without_a_common_cell_are_named() -> None:
    nothing = np.array([])
    (ax,) = matches(nothing, nothing, nothing, [], substrate="LiCoO2", film="Ag").axes
    assert [text.get_text() for text in ax.texts] == ["LiCoO2 and Ag have no common cell"]


def test_strain_begins_at_zero_where_a_match_is_near_it() -> None:
    assert figure().axes[0].get_ylim()[0] <= 0.0
    (ax,) = matches(AREA, 0.04 + STRAIN, ATOMS, NAMES, substrate="A", film="B").axes
    assert ax.get_ylim()[0] > 0.0


def test_labels_at_the_right_edge_stay_inside() -> None:
    names = [f"({k}{k}{k})|({k}{k}{k}), a long name" for k in range(4)]
    made = matches(AREA, STRAIN, ATOMS, names, substrate="A", film="B")
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    for text in made.axes[0].texts:
        assert text.get_window_extent(canvas.get_renderer()).x1 < made.bbox.width
