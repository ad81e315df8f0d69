"""One look, colours that are told apart, files that are the same twice."""

from __future__ import annotations

import base64
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from ase.data.colors import jmol_colors
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from mlip_interfaces.figures.style import (
    ELEMENT_COLORS,
    PALETTE,
    VERDICT_COLORS,
    element_color,
    legend_of_labels,
    look,
    new_figure,
    note_empty,
    save_figure,
    styled,
    thickness_color,
)


def drawn(n_points: int = 5) -> mpl.figure.Figure:
    figure, axes = new_figure(1, 1, width=4.0, height=3.0)
    axes[0, 0].plot(np.arange(n_points), np.arange(n_points) ** 2, label="square")
    axes[0, 0].set_title("$4\\pi r^2$")
    return figure


def test_a_figure_is_written_whole_as_png_and_svg(tmp_path: Path) -> None:
    data = save_figure(drawn(), tmp_path / "new" / "folder", "curve")
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir()} == {"curve.png", "curve.svg", "curve.curves.json"}
    kind, _, encoded = data.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(encoded) == (folder / "curve.png").read_bytes()
    with Image.open(folder / "curve.png") as image:
        assert image.size == (520, 390)
    root = ElementTree.parse(folder / "curve.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not list(root.iter("{http://purl.org/dc/elements/1.1/}date"))


def test_the_same_figure_twice_is_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_figure(drawn(), tmp_path / name, "curve")
    for suffix in ("png", "svg"):
        first, second = ((tmp_path / name / f"curve.{suffix}").read_bytes() for name in ("one", "two"))
        assert first == second
    save_figure(drawn(6), tmp_path / "two", "curve")
    assert (tmp_path / "one" / "curve.svg").read_bytes() != (tmp_path / "two" / "curve.svg").read_bytes()


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(tmp_path: Path) -> None:
    save_figure(drawn(), tmp_path, "curve")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = drawn()
    broken.axes[0].set_title("$\\nosuchcommand$")
    with pytest.raises(ValueError, match="nosuchcommand"):
        save_figure(broken, tmp_path, "curve")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_look_holds_in_its_body_alone() -> None:
    before = dict(mpl.rcParams)
    with look():
        assert mpl.rcParams["axes.spines.top"] is False
        assert mpl.rcParams["font.size"] == 9
    assert dict(mpl.rcParams) == before

    @styled
    def broken() -> mpl.figure.Figure:
        """Fails while it draws."""
        assert mpl.rcParams["font.size"] == 9
        raise ValueError("nothing to draw")

    with pytest.raises(ValueError, match="nothing to draw"):
        broken()
    assert dict(mpl.rcParams) == before
    assert broken.__doc__ == "Fails while it draws."


def test_axes_are_always_a_table() -> None:
    for shape in ((1, 1), (1, 3), (3, 1), (2, 2)):
        figure, axes = new_figure(*shape, height=2.0)
        assert axes.shape == shape
        assert tuple(figure.get_size_inches()) == (9.0, 2.0)
        assert figure.get_layout_engine() is not None


def test_elements_have_our_colours_or_those_of_jmol() -> None:
    assert element_color("Li") == ELEMENT_COLORS["Li"]
    assert element_color("Zr") == to_hex(jmol_colors[40])
    assert len({color.lower() for color in ELEMENT_COLORS.values()}) == len(ELEMENT_COLORS)
    with pytest.raises(KeyError):
        element_color("Qq")


def test_thicknesses_go_round_the_palette() -> None:
    assert [thickness_color(k) for k in range(len(PALETTE))] == list(PALETTE)
    assert thickness_color(len(PALETTE)) == PALETTE[0]


def test_colours_are_told_apart_in_grey_or_hue() -> None:
    for colors in (PALETTE, tuple(VERDICT_COLORS.values())):
        values = np.array([to_rgb(color) for color in colors])
        distances = np.linalg.norm(values[:, None] - values[None], axis=2)[np.triu_indices(len(values), k=1)]
        assert distances.min() > 0.25


def test_an_empty_panel_says_why_and_has_no_ticks() -> None:
    _, axes = new_figure(1, 1, height=2.0)
    note_empty(axes[0, 0], "no label is held out")
    assert [text.get_text() for text in axes[0, 0].texts] == ["no label is held out"]
    assert len(axes[0, 0].get_xticks()) == len(axes[0, 0].get_yticks()) == 0


def test_a_legend_has_each_label_once_with_its_first_line() -> None:
    _, axes = new_figure(1, 1, height=2.0)
    for color, label in (("red", "a"), ("blue", "b"), ("green", "a")):
        axes[0, 0].plot([0, 1], [0, 1], color=color, label=label)
    legend_of_labels(axes[0, 0], title="runs")
    legend = axes[0, 0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    assert [line.get_color() for line in legend.get_lines()] == ["red", "blue"]
    assert legend.get_title().get_text() == "runs"
