"""``profile``: two slabs whose edges, densities and masses are known."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

LENGTHS = np.array([8.0, 10.0, 30.0])
SYMBOLS = ["Li"] * 200 + ["S"] * 100
LAYERS = ["lower"] * 200 + ["upper"] * 100


def slabs(n_frames: int = 24, axis: int = 2) -> mi.TrajectoryReader:
    """Li from 0 to 12 of 30 angstrom, S above, anew in each frame; along another axis on demand."""
    rng = np.random.default_rng(11)
    path = rng.random((n_frames, 300, 3)) * LENGTHS
    path[:, :200, 2] *= 12.0 / 30.0
    path[:, 200:, 2] = 12.0 + path[:, 200:, 2] * 18.0 / 30.0
    order = [2, 0, 1] if axis == 0 else [0, 1, 2]
    return trajectory(path[:, :, order], LENGTHS[order], SYMBOLS, layers=LAYERS)


@pytest.fixture(scope="module")
def result():
    return found(slabs(), mi.Profile(bin_width_angstrom=0.75))


def test_edges_of_the_slabs_are_where_they_were_put(result) -> None:
    edges = content(result)["interfaces"]
    for layer, sides in {"lower": (0.0, 12.0), "upper": (12.0, 0.0)}.items():
        for side, expected in zip(("lower", "upper"), sides, strict=True):
            away = (edges[layer][side]["position_angstrom"] - expected + 15.0) % 30.0 - 15.0
            assert abs(away) < 0.5
            # The steps are sharp: no wider than a slice or two.
            assert edges[layer][side]["width_10_90_angstrom"] < 1.6
            assert edges[layer][side]["position_error_angstrom"] > 0


def test_densities_are_those_of_the_slabs(result) -> None:
    table = [row for row in rows(result) if row["element"] == "Li"]
    depth, density = column(table, "depth_angstrom"), column(table, "number_density_per_angstrom3")
    inside = (depth > 1) & (depth < 11)
    np.testing.assert_allclose(density[inside].mean(), 200 / (80.0 * 12.0), rtol=0.02, atol=0)
    assert (density[(depth > 13) & (depth < 29)] == 0.0).all()
    np.testing.assert_allclose(density.sum() * 0.75 * 80.0, 200, rtol=1e-4, atol=0)
    # Counting: the scatter of a slice over frames.
    expected = np.sqrt(200 * 0.75 / 12.0 / 24) / (80.0 * 0.75)
    np.testing.assert_allclose(column(table, "error_per_angstrom3")[inside].mean(), expected, rtol=0.35, atol=0)


def test_halves_are_the_mean_and_masses_those_of_all_elements(result) -> None:
    table = rows(result)
    first, second, whole = (
        column(table, name)
        for name in ("first_half_per_angstrom3", "second_half_per_angstrom3", "number_density_per_angstrom3")
    )
    np.testing.assert_allclose((first + second) / 2, whole, rtol=1e-4, atol=1e-9)
    lithium = np.array([row["element"] == "Li" for row in table])
    mass = 6.94 * whole[lithium] + 32.06 * whole[~lithium]
    np.testing.assert_allclose(
        column(table, "mass_density_all_g_per_cm3")[lithium],
        mass * AMU_PER_ANGSTROM3_TO_G_PER_CM3,
        rtol=1e-3,
        atol=1e-6,
    )


def test_depth_is_along_the_axis_asked_for() -> None:
    along_a = found(slabs(axis=0), mi.Profile(axis="a", bin_width_angstrom=0.75))
    np.testing.assert_allclose(
        along_a.profile.number_density_per_angstrom3,
        found(slabs(), mi.Profile(bin_width_angstrom=0.75)).profile.number_density_per_angstrom3,
        rtol=1e-9,
        atol=0,
    )
    assert content(along_a)["settings"]["axis"] == 0
    # Across the slabs' normal there is no edge.
    flat = found(slabs(), mi.Profile(axis="b", bin_width_angstrom=1.0))
    assert all(edges == {} for edges in content(flat)["interfaces"].values())
    assert flat.lines() == ["densities of Li, S; no layer has an edge: they are mixed, or fill the cell"]


def test_without_layers_there_are_densities_and_no_edges() -> None:
    rng = np.random.default_rng(12)
    result = found(trajectory(rng.random((4, 20, 3)) * 6.0, 6.0, ["Li"] * 20), mi.Profile())
    entry = content(result)
    assert entry["interfaces"] == {}
    assert entry["elements"] == ["Li"]
    np.testing.assert_allclose(result.profile.number_density_per_angstrom3.mean(), 20 / 216, rtol=1e-9, atol=0)


def test_a_cell_that_breathes_takes_its_slices_with_it() -> None:
    lengths = np.array([10.0, 11.0, 9.0])
    cells = np.eye(3) * lengths[:, None, None]
    scaled = np.array([[0.1, 0.1, 0.05], [0.1, 0.1, 0.55]])
    result = found(trajectory(scaled * lengths[:, None, None], cells, ["Li", "S"]), mi.Profile(bin_width_angstrom=1.0))
    filled = np.argwhere(result.profile.number_density_per_angstrom3 > 0)
    assert filled.tolist() == [[0, 0], [1, 5]]
    np.testing.assert_allclose(
        result.profile.number_density_per_angstrom3[0, 0], (10 / lengths**3).mean(), rtol=1e-9, atol=0
    )


def test_lines_and_figure_show_edges(result) -> None:
    lines = result.lines()
    assert [line.split(" edge")[0] for line in lines] == [
        "lower, lower",
        "lower, upper",
        "upper, lower",
        "upper, upper",
    ]
    assert all("10-90 width" in line and "angstrom" in line for line in lines)
    (ax,) = result.plot().axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("depth (Å)", "number density (1/Å³)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Li", "S"]
    curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
    np.testing.assert_array_equal(curves[1].get_ydata(), result.profile.number_density_per_angstrom3[1])
    edges = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2]
    assert len(edges) == 4
    assert min(abs(edge - 12.0) for edge in edges) < 0.5


@pytest.mark.parametrize(
    "settings", [{"axis": "z"}, {"axis": 2}, {"bin_width_angstrom": 0}, {"bin_width_angstrom": np.inf}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        mi.Profile(**settings)
