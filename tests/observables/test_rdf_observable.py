"""``rdf``: a lattice whose g(r) is known, a brute-force count, and the whole run against its blocks."""

from __future__ import annotations

import re

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory, walk

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

LATTICE = 3.0 * np.array([(i, j, k) for i in range(4) for j in range(4) for k in range(4)], dtype=float)
LAYERS = ["a"] * 15 + ["b"] * 25


def crystal(n_frames: int = 3) -> mi.TrajectoryReader:
    return trajectory(np.repeat(LATTICE[None], n_frames, axis=0), 12.0, ["Li"] * 64)


def stretched() -> tuple[mi.TrajectoryReader, np.ndarray]:
    """Ten frames of one Li-S pair, whose distance grows by a bin in each of the last frames."""
    distances = np.array([2.05] * 4 + [2.15] * 3 + [2.25] * 3)
    path = np.zeros((10, 2, 3))
    path[:, 1, 0] = distances
    return trajectory(path, 10.0, ["Li", "S"]), distances


def test_g_of_a_lattice_is_that_of_its_shells() -> None:
    result = found(crystal(), mi.Rdf(pairs="Li-Li", r_max_angstrom=5.2, bin_width_angstrom=0.4))
    whole, edges = result.pairs["Li-Li"].whole, 0.4 * np.arange(14)
    expected = np.zeros(13)
    for distance, neighbours in ((3.0, 6), (3.0 * np.sqrt(2), 12), (3.0 * np.sqrt(3), 8)):
        place = int(distance / 0.4)
        if place < 13:
            shell = 4 / 3 * np.pi * (edges[place + 1] ** 3 - edges[place] ** 3)
            expected[place] = neighbours * 12.0**3 / (63 * shell)
    np.testing.assert_allclose(whole.g, expected, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(whole.coordination[[6, 7, 10, 12]], [0, 6, 18, 26])
    entry = content(result)["pairs"]["Li-Li"]
    np.testing.assert_allclose(entry["first_peak_angstrom"], 3.0, rtol=1e-12, atol=0)
    assert entry["coordination_to_first_minimum"] == 6.0


def test_pairs_of_layers_are_those_of_a_slow_count() -> None:
    path = walk(4, 40, 11.0, 0.3, 1)
    symbols = ["Li"] * 20 + ["S"] * 20
    pairs = ("Li-S", "Li@a-S@b", "Li-Li", "S@b-Li@b")
    result = found(trajectory(path, 11.0, symbols, layers=LAYERS), mi.Rdf(pairs=pairs, r_max_angstrom=5.0))
    vectors = path[:, :, None] - path[:, None]
    distances = np.linalg.norm(vectors - 11.0 * np.round(vectors / 11.0), axis=-1)
    element, layer = np.array(symbols), np.array(LAYERS)
    sides = {
        "Li-S": (element == "Li", element == "S"),
        "Li@a-S@b": ((element == "Li") & (layer == "a"), (element == "S") & (layer == "b")),
        "Li-Li": (element == "Li", element == "Li"),
        "S@b-Li@b": ((element == "S") & (layer == "b"), (element == "Li") & (layer == "b")),
    }
    for pair, (first, second) in sides.items():
        chosen = distances[:, first][:, :, second]
        expected = np.histogram(chosen[chosen > 0], bins=0.05 * np.arange(101))[0] // (2 if pair == "Li-Li" else 1)
        np.testing.assert_array_equal(result.pairs[pair].whole.counts, expected)


def test_the_whole_run_is_weighted_by_frames_where_blocks_are_not_equally_long() -> None:
    reader, _ = stretched()
    request = mi.Rdf(pairs="Li-S", r_max_angstrom=4.0, bin_width_angstrom=0.1, blocks=3, temperature_kelvin=400.0)
    result = found(reader, request)
    rdf = result.pairs["Li-S"]
    n_frames = np.array([block.n_frames for block in rdf.blocks])
    assert n_frames.sum() == 10
    assert len(set(n_frames.tolist())) > 1
    g = np.array([block.g for block in rdf.blocks])
    np.testing.assert_allclose(rdf.whole.g, n_frames @ g / 10, rtol=1e-12, atol=0)
    assert np.abs(g.mean(axis=0) - rdf.whole.g).max() > 0.02 * rdf.whole.g.max()
    whole = rows(result, "whole")
    potential, height = column(whole, "potential_of_mean_force_ev"), rdf.whole.g
    seen = height > 0
    np.testing.assert_allclose(potential[seen], -BOLTZMANN_EV_PER_K * 400.0 * np.log(height[seen]), rtol=0, atol=1e-5)
    assert np.isnan(potential[~seen]).all()
    assert column(whole, "counts").sum() == 10
    np.testing.assert_allclose(column(whole, "coordination_number")[-1], 1.0, rtol=1e-6, atol=0)


def test_barriers_are_those_of_the_whole_run_and_need_a_temperature() -> None:
    rng = np.random.default_rng(2)
    path = np.repeat(LATTICE[None], 40, axis=0) + rng.normal(0, 0.25, (40, 64, 3))
    reader = trajectory(path, 12.0, ["Li"] * 64)
    cold = content(found(reader, mi.Rdf(pairs="Li-Li", r_max_angstrom=5.5, bin_width_angstrom=0.1)))["pairs"]["Li-Li"]
    assert "barrier" not in cold
    result = found(reader, mi.Rdf(pairs="Li-Li", r_max_angstrom=5.5, bin_width_angstrom=0.1, temperature_kelvin=500.0))
    entry, g = content(result)["pairs"]["Li-Li"], result.pairs["Li-Li"].whole.g
    between = g[30:43]
    expected = BOLTZMANN_EV_PER_K * 500.0 * np.log(g.max() / between.min())
    np.testing.assert_allclose(entry["barrier"]["breaking_ev"], expected, rtol=0.15, atol=0)
    assert entry["barrier"]["stationary"] is None
    hot = result.request.model_copy(update={"temperature_kelvin": 1000.0})
    twice = content(found(reader, hot))["pairs"]["Li-Li"]["barrier"]
    np.testing.assert_allclose(twice["breaking_ev"], 2 * entry["barrier"]["breaking_ev"], rtol=1e-9, atol=0)


def test_json_has_what_the_report_and_the_documentation_read() -> None:
    reader, _ = stretched()
    found_ = content(found(reader, mi.Rdf(pairs="Li-S", r_max_angstrom=4.0, blocks=2, temperature_kelvin=300.0)))
    assert set(found_) == {"pairs", "temperature_kelvin", "n_frames", "absent", "shortened", "settings"}
    assert (found_["n_frames"], found_["temperature_kelvin"], found_["absent"]) == (10, 300.0, {})
    entry = found_["pairs"]["Li-S"]
    assert {"first_peak_angstrom", "first_peak_height", "first_peak_height_error", "blocks", "barrier"} <= set(entry)
    assert {"formation_ev", "breaking_ev", "error_ev", "counts", "note", "stationary"} <= set(entry["barrier"])
    starts = [block["time_start_ps"] for block in entry["blocks"]]
    assert len(starts) == 2
    assert starts[0] == 0.0
    assert entry["blocks"][0]["time_end_ps"] < starts[1]
    assert found_["settings"]["bin_width_angstrom"] == 0.05


def test_tables_have_a_row_for_every_pair_block_and_bin() -> None:
    reader, _ = stretched()
    result = found(reader, mi.Rdf(pairs="Li-S,S-Li", r_max_angstrom=4.0, bin_width_angstrom=0.5, blocks=2))
    assert set(result.tables()) == {"", "potential", "whole"}
    assert [len(rows(result, end)) for end in ("", "potential", "whole")] == [2 * 2 * 8, 2 * 2 * 8, 2 * 8]
    assert {row["potential_of_mean_force_ev"] for row in rows(result, "whole")} == {""}
    np.testing.assert_allclose(column(rows(result), "r_angstrom")[:3], [0.25, 0.75, 1.25], rtol=1e-7, atol=0)


def test_range_is_eight_or_half_of_a_smaller_cell() -> None:
    assert found(trajectory(walk(2, 10, 20.0, 0.1, 3), 20.0, ["Li"] * 10), mi.Rdf(pairs="Li-Li")).r_max_angstrom == 8.0
    small = found(crystal(), mi.Rdf(pairs="Li-Li", bin_width_angstrom=0.35))
    np.testing.assert_allclose(small.r_max_angstrom, 0.35 * 17, rtol=1e-7, atol=0)


def test_a_range_beyond_half_the_cell_is_cut_and_said_in_notes_json_and_lines() -> None:
    for strict in (True, False):
        results = mi.analyze(crystal(), [mi.Rdf(pairs="Li-Li", r_max_angstrom=7.0)], strict=strict)
        assert results["rdf"].r_max_angstrom == 6.0
        (note,) = results.notes
        assert note.startswith(
            "g(r) ends at 6 and not at 7 angstrom: half of the smallest cell (12.00 angstrom across)"
        )
        entry = content(results["rdf"])
        assert entry["shortened"] == {"asked_angstrom": 7.0, "used_angstrom": 6.0, "half_cell_angstrom": 6.0}
        assert entry["settings"]["r_max_angstrom"] == 6.0
        assert results["rdf"].lines()[-1] == note
    as_asked = mi.analyze(crystal(), [mi.Rdf(pairs="Li-Li", r_max_angstrom=6.0)])
    assert content(as_asked["rdf"])["shortened"] is None
    assert as_asked.notes == ()


def test_a_cell_without_room_for_a_bin_has_no_g_of_r() -> None:
    with pytest.raises(AnalysisError, match=re.escape("12.00 angstrom across, and g(r) has no room in half of it")):
        found(crystal(), mi.Rdf(pairs="Li-Li", r_max_angstrom=8.0, bin_width_angstrom=6.5))


def breathing(shrink: float) -> mi.TrajectoryReader:
    lengths = np.linspace(12.0, 12.0 * shrink, 8)
    cells = lengths[:, None, None] * np.eye(3)
    return trajectory(LATTICE / 12.0 * lengths[:, None, None], cells, ["Li"] * 64)


def test_a_cell_that_shrinks_below_twice_the_range_shortens_this_analysis_alone() -> None:
    asked = {"far": mi.Rdf(pairs="Li-Li", r_max_angstrom=6.0), "near": mi.Rdf(pairs="Li-Li", r_max_angstrom=4.0)}
    for strict in (True, False):
        results = mi.analyze(breathing(0.9), asked | {"profile": mi.Profile()}, strict=strict, n_threads=2)
        assert list(results) == ["far", "near", "profile"]
        assert not results.absent
        far, near = results["far"], results["near"]
        np.testing.assert_allclose([far.r_max_angstrom, near.r_max_angstrom], [5.4, 4.0], rtol=1e-12, atol=0)
        assert (far.n_frames, near.n_frames) == (8, 8)
        # Nothing but the end of the range is another one.
        n = near.pairs["Li-Li"].r_angstrom.size
        np.testing.assert_array_equal(far.pairs["Li-Li"].whole.counts[:n], near.pairs["Li-Li"].whole.counts)
        np.testing.assert_allclose(far.pairs["Li-Li"].whole.g[:n], near.pairs["Li-Li"].whole.g, rtol=1e-12, atol=0)
        assert results.notes == (far.lines()[-1],)
        assert content(far)["shortened"]["asked_angstrom"] == 6.0
        np.testing.assert_allclose(content(far)["shortened"]["half_cell_angstrom"], 5.4, rtol=1e-12, atol=0)
        assert content(near)["shortened"] is None
    # A barostat's breath of one per cent is no reason.
    breath = mi.analyze(breathing(0.99), asked)
    assert (breath["far"].r_max_angstrom, breath.notes) == (6.0, ())


def test_pairs_that_are_not_there_are_named_and_the_others_kept() -> None:
    reader, _ = stretched()
    request = mi.Rdf(pairs="Li-S,Co-S,S-S", r_max_angstrom=4.0)
    results = mi.analyze(reader, {"bonds": request}, strict=False)
    assert set(results["bonds"].pairs) == {"Li-S"}
    assert set(results.absent) == {"bonds Co-S", "bonds S-S"}
    assert "it has 1 Li, 1 S" in results.absent["bonds Co-S"]
    assert set(content(results["bonds"])["absent"]) == {"Co-S", "S-S"}
    gone = mi.analyze(reader, [mi.Rdf(pairs="Co-S")], strict=False)
    assert not gone
    assert "rdf Co-S" in gone.absent


def test_lines_tell_peak_neighbours_and_barrier() -> None:
    result = found(crystal(), mi.Rdf(pairs="Li-Li", r_max_angstrom=5.2, bin_width_angstrom=0.4, temperature_kelvin=300))
    (line,) = result.lines()
    assert "at 3.00 angstrom" in line
    assert "6.00 neighbours to the first minimum" in line
    assert line.endswith("3 frames")
    none = found(trajectory(np.zeros((2, 2, 3)), 10.0, ["Li", "S"]), mi.Rdf(pairs="Li-S", r_max_angstrom=0.5))
    assert none.lines() == ["Li-S: no peak above 1; 2 frames"]
    # No distance is known up to which Li has Li around it.
    assert none.headlines() == result.headlines() == []


def test_figure_has_a_curve_for_each_block_and_a_map_over_time() -> None:
    reader, _ = stretched()
    one = found(reader, mi.Rdf(pairs="Li-S", r_max_angstrom=4.0)).plot()
    assert len(one.axes) == 1
    result = found(reader, mi.Rdf(pairs="Li-S,S-Li", r_max_angstrom=4.0, bin_width_angstrom=0.1, blocks=2))
    figure = result.plot()
    top, bottom = figure.axes[0], figure.axes[2]
    assert (top.get_title(loc="left"), top.get_ylabel(), bottom.get_ylabel()) == ("Li-S", "g(r)", "time (ps)")
    curves = [line for line in top.lines if len(line.get_xdata()) == 40]
    assert len(curves) == 2
    np.testing.assert_array_equal(curves[1].get_ydata(), result.pairs["Li-S"].blocks[1].g)
    assert [text.get_text() for text in top.get_legend().get_texts()] == ["0-0.4 ps", "0.5-0.9 ps"]
    np.testing.assert_array_equal(bottom.collections[0].get_array()[0], result.pairs["Li-S"].blocks[0].g)


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [("P-S", None), ("P@top-S", None), ("P-Co", "must be two of the elements P, S"), ("P@top-S@side", "each with a layer")],
)  # fmt: skip
def test_pairs_are_checked_against_a_study(pairs: str, sentence: str | None) -> None:
    request = mi.Rdf(pairs=pairs)
    if sentence is None:
        request.check(["P", "S"], ["top"])
    else:
        with pytest.raises(ValueError, match=sentence):
            request.check(["P", "S"], ["top"])
    with pytest.raises(ValueError, match="'nonsense' must be two of the elements"):
        mi.Rdf(pairs="nonsense").check(["P", "S"], ["top"])


def test_height_of_the_first_peak_has_an_error_with_a_single_block_too() -> None:
    rng = np.random.default_rng(9)
    reader = trajectory(LATTICE + rng.normal(0.0, 0.15, (40, 64, 3)), 12.0, ["Li"] * 64)
    whole = found(reader, mi.Rdf(pairs="Li-Li", r_max_angstrom=5.2)).summary_of("Li-Li")
    parts = found(reader, mi.Rdf(pairs="Li-Li", r_max_angstrom=5.2, blocks=8)).summary_of("Li-Li")
    # Two estimates of one error, each from few blocks; the height is smoothed, its error that of the middle bin.
    assert 0.5 < whole.first_peak_height_error / parts.first_peak_height_error < 5.0


def test_a_barrier_is_called_apparent_with_its_reason_wherever_it_is_said() -> None:
    rng = np.random.default_rng(4)
    path = np.repeat(LATTICE[None], 60, axis=0) + rng.normal(0, 0.25, (60, 64, 3))
    asked = {"pairs": "Li-Li", "r_max_angstrom": 5.5, "bin_width_angstrom": 0.1, "temperature_kelvin": 500.0}
    # In the second half atoms rattle less: the peak grows.
    cooled = path.copy()
    cooled[30:] = LATTICE + 0.6 * (cooled[30:] - LATTICE)
    reasons = (
        (path, 1, "apparent: a single block of time does not tell whether the run is in equilibrium"),
        (path, 3, "apparent: the first peak keeps its height, but the run need not be in equilibrium"),
        (cooled, 3, "apparent: the first peak goes from"),
    )
    for positions, blocks, reason in reasons:
        result = found(trajectory(positions, 12.0, ["Li"] * 64), mi.Rdf(**asked, blocks=blocks))
        barrier = content(result)["pairs"]["Li-Li"]["barrier"]
        assert barrier["breaking_ev"] > 0
        assert barrier["note"].startswith(reason)
        assert f"eV ({reason}" in result.lines()[0]
