"""``tetrahedra``: LiF4 made by hand, distorted and short of a corner, still and shaken."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory

import mlip_interfaces as mi
from mlip_interfaces.analysis.tetrahedra import tetrahedral_order
from mlip_interfaces.errors import AnalysisError

CORNERS = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
PLACES = np.array([[3.0, 3.0, 4.0], [9.0, 3.0, 4.0], [3.0, 9.0, 4.0], [9.0, 9.0, 16.0]])
LENGTHS = np.array([12.0, 12.0, 20.0])
SYMBOLS = (["Li"] + ["F"] * 4) * 4


def cluster(center: np.ndarray, corners: np.ndarray = CORNERS) -> np.ndarray:
    return np.vstack([center, center + corners])


def four_clusters() -> np.ndarray:
    """A regular tetrahedron at the first and the last place, a flat one at the second, one of three corners at the third."""
    flat = CORNERS * [1.0, 1.0, 0.1]
    three = np.vstack([CORNERS[:3], [4.0, 0.0, 0.0]])
    return np.vstack([cluster(PLACES[0]), cluster(PLACES[1], flat), cluster(PLACES[2], three), cluster(PLACES[3])])


def still(n_frames: int = 12) -> mi.TrajectoryReader:
    return trajectory(np.repeat(four_clusters()[None], n_frames, axis=0), LENGTHS, SYMBOLS)


def test_regular_ones_are_counted_and_no_others() -> None:
    result = found(still(), mi.Tetrahedra(average_ps=0.3))
    entry = content(result)
    assert (entry["count_mean"], entry["count_error"], entry["n_centers"]) == (2.0, 0.0, 4)
    assert (entry["fraction_mean"], entry["fraction_error"]) == (0.5, 0.0)
    # The flat one counts where the threshold lies below its order.
    q = float(tetrahedral_order((CORNERS * [1.0, 1.0, 0.1])[None])[0])
    assert content(found(still(), mi.Tetrahedra(q_min=q - 0.01)))["count_mean"] == 3.0
    assert content(found(still(), mi.Tetrahedra(q_min=min(1.0, q + 0.01))))["count_mean"] == 2.0


def test_sensitivity_has_the_threshold_asked_for_and_falls() -> None:
    entry = content(found(still(), mi.Tetrahedra(q_min=0.3)))["sensitivity"]
    assert "0.30" in entry
    counts = [entry[q]["count_mean"] for q in sorted(entry)]
    assert counts == sorted(counts, reverse=True)
    assert len(counts) > 2


def test_shaking_is_averaged_out_before_it_is_counted() -> None:
    shaken = np.repeat(four_clusters()[None], 20, axis=0)
    # Corners go back and forth by 0.8 angstrom: never regular, but on average.
    shaken[::2, 1:5, 0] += 0.8
    shaken[1::2, 1:5, 0] -= 0.8
    reader = trajectory(shaken, LENGTHS, SYMBOLS)
    at_once = found(reader, mi.Tetrahedra(average_ps=0.0))
    averaged = found(reader, mi.Tetrahedra(average_ps=0.4))
    assert at_once.counts.times_ps.size == 20
    assert content(at_once)["count_mean"] == 1.0
    assert averaged.counts.times_ps.size == 5
    assert content(averaged)["count_mean"] == 2.0


def test_a_tetrahedron_that_breaks_is_seen_in_time() -> None:
    path = np.repeat(four_clusters()[None], 20, axis=0)
    path[10:, 1] += [2.5, 0.0, 0.0]
    result = found(trajectory(path, LENGTHS, SYMBOLS), mi.Tetrahedra(average_ps=0.1))
    table = rows(result)
    np.testing.assert_array_equal(column(table, "count"), [2] * 10 + [1] * 10)
    np.testing.assert_array_equal(column(table, "fraction"), [0.5] * 10 + [0.25] * 10)
    np.testing.assert_allclose(column(table, "time_ps"), 0.1 * np.arange(20), atol=1e-6, rtol=1e-7)
    entry = content(result)
    assert entry["count_mean"] == 1.5
    assert entry["count_error"] > 0
    np.testing.assert_allclose(entry["fraction_error"], entry["count_error"] / 4, rtol=1e-12, atol=0)
    (line,) = result.lines()
    assert line.startswith("regular LiF4: 1.50 ± ")
    assert line.endswith("of 4 Li, 20 windows")


def test_depth_is_along_c() -> None:
    result = found(still(), mi.Tetrahedra())
    depth = rows(result, "depth")
    z, counts, centers = (column(depth, name) for name in ("depth_angstrom", "count", "centers"))
    slice_height = z[1] - z[0]
    np.testing.assert_allclose(z.size * slice_height, 20.0, rtol=1e-4, atol=0)
    assert centers.sum() == 4.0
    assert counts.sum() == 2.0
    for height, (here, all_here) in {4.0: (1.0, 3.0), 16.0: (1.0, 1.0)}.items():
        near = np.abs(z - height) <= slice_height
        assert (counts[near].sum(), centers[near].sum()) == (here, all_here)


def test_figure_shows_time_and_depth() -> None:
    figure = found(still(), mi.Tetrahedra(average_ps=0.3)).plot()
    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel()) == ("time (ps)", "depth along the normal (Å)")
    assert left.get_ylabel() == "regular LiF₄ tetrahedra"
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [2, 2, 2, 2])
    assert left.get_ylim()[0] == 0.0
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["all centres", "in regular tetrahedra"]
    assert sum(bar.get_height() for bar in right.containers[1]) == 2.0


def test_elements_and_range_are_those_of_the_trajectory() -> None:
    for settings, sentence in (
        ({"center": "Na"}, "no Na"),
        ({"ligand": "O"}, "no O"),
    ):
        with pytest.raises(AnalysisError, match=sentence):
            found(still(), mi.Tetrahedra(**settings))
    results = mi.analyze(still(), {"nal": mi.Tetrahedra(center="Na"), "lif": mi.Tetrahedra()}, strict=False)
    assert set(results) == {"lif"}
    assert results.absent["nal"].startswith("There is no Na")


def test_settings_in_json_are_those_asked_for() -> None:
    result = found(still(), mi.Tetrahedra(cutoff_angstrom=2.0, q_min=0.9, average_ps=0.5))
    settings = content(result)["settings"]
    assert {key: settings[key] for key in ("center", "ligand", "cutoff_angstrom", "q_min", "average_ps")} == {
        "center": "Li", "ligand": "F", "cutoff_angstrom": 2.0, "q_min": 0.9, "average_ps": 0.5,
    }  # fmt: skip
    assert [headline[:2] for headline in result.headlines()] == [("regular tetrahedra", 2.0)]


def test_a_shell_beyond_half_of_the_smallest_cell_is_cut_with_a_note() -> None:
    results = mi.analyze(still(), [mi.Tetrahedra(cutoff_angstrom=7.0)])
    entry = content(results["tetrahedra"])
    assert entry["shortened"] == {"asked_angstrom": 7.0, "used_angstrom": 6.0, "half_cell_angstrom": 6.0}
    assert entry["settings"]["cutoff_angstrom"] == 6.0
    (note,) = results.notes
    assert note.startswith("The shell of tetrahedra ends at 6 and not at 7 angstrom")
    assert results["tetrahedra"].lines()[-1] == note


def test_depth_is_along_the_normal_of_the_interface_in_a_tilted_cell_too() -> None:
    # The third vector leans by 60 degrees: it is twice as long as the cell is high.
    cell = np.array([[12.0, 0.0, 0.0], [0.0, 12.0, 0.0], [20.0 * np.sqrt(3.0), 0.0, 20.0]])
    reader = trajectory(np.repeat(four_clusters()[None], 12, axis=0), cell, SYMBOLS)
    tilted, upright = found(reader, mi.Tetrahedra()), found(still(), mi.Tetrahedra())
    np.testing.assert_allclose(tilted.height_angstrom, 20.0, rtol=1e-12, atol=0)
    np.testing.assert_allclose(tilted.depth_angstrom, upright.depth_angstrom, rtol=1e-12, atol=0)
    np.testing.assert_allclose(tilted.counts.depth_counts, upright.counts.depth_counts, rtol=1e-12, atol=0)
