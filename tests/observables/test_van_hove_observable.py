"""``van-hove``: atoms in flight, walkers, a lattice at rest."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory, walk
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError

SPEED, INTERVAL = 0.45, 0.5


def flight() -> mi.TrajectoryReader:
    """Half of the atoms along x, half against it."""
    path = np.repeat(walk(1, 12, 16.0, 0.0, 1), 40, axis=0)
    path[:, :, 0] += INTERVAL * np.arange(40)[:, None] * np.where(np.arange(12) % 2, SPEED, -SPEED)
    return trajectory(path, 16.0, ["Li"] * 12, INTERVAL)


def test_atoms_in_flight_are_all_at_one_distance() -> None:
    result = found(flight(), mi.VanHove(species="Li", lags_ps="1,5"), drift="com")
    functions = result.functions
    np.testing.assert_allclose(functions.lags_ps, [1.0, 5.0], rtol=1e-7, atol=0)
    r, width = functions.r_angstrom, functions.r_angstrom[1] - functions.r_angstrom[0]
    shells = 4 * np.pi * r**2 * width * (1 + width**2 / (12 * r**2))
    for row, lag in enumerate((1.0, 5.0)):
        filled = np.flatnonzero(functions.self_part[row])
        np.testing.assert_allclose(r[filled], [SPEED * lag], rtol=0, atol=width / 2)
        np.testing.assert_allclose((functions.self_part[row] * shells).sum(), 1.0, rtol=1e-6, atol=0)
    # <r^4> = <r^2>^2: 3/5 - 1.
    np.testing.assert_allclose(content(result)["non_gaussian"], [-0.4, -0.4], rtol=0, atol=1e-4)


def test_walkers_are_gaussian_and_spread_with_the_lag() -> None:
    path = walk(400, 40, 16.0, 0.2, 2)
    result = found(trajectory(path, 16.0, ["Li"] * 40, INTERVAL), mi.VanHove(species="Li", lags_ps=(0.5, 2.0)))
    assert np.abs(content(result)["non_gaussian"]).max() < 0.06
    r = result.functions.r_angstrom
    for row, n_steps in enumerate((1, 4)):
        weight = r**2 * result.functions.self_part[row]
        np.testing.assert_allclose((weight * r**2).sum() / weight.sum(), 3 * n_steps * 0.2**2, rtol=0.06, atol=0)
    distinct = result.functions.distinct_part[0][30:]
    assert abs(distinct.mean() - 1.0) < 0.05


def test_a_lattice_at_rest_has_its_g_of_r_for_a_distinct_part() -> None:
    lattice = 3.1 * np.array([(i, j, k) for i in range(4) for j in range(4) for k in range(4)], dtype=float)
    reader = trajectory(np.repeat(lattice[None], 6, axis=0), 12.4, ["Li"] * 64)
    result = found(reader, mi.VanHove(species="Li", lags_ps="0.2", r_max_angstrom=5.0, bin_width_angstrom=0.2))
    g = found(reader, mi.Rdf(pairs="Li-Li", r_max_angstrom=5.0, bin_width_angstrom=0.2)).pairs["Li-Li"].whole.g
    np.testing.assert_allclose(result.functions.distinct_part[0], g, rtol=1e-6, atol=1e-9)
    assert content(result)["non_gaussian"] == [0.0]


def test_lags_are_whole_frames_each_once() -> None:
    result = found(flight(), mi.VanHove(species="Li", lags_ps="1.1,0.9,2.0"), drift="com")
    assert content(result)["lags_ps"] == [1.0, 2.0]


def test_table_lines_and_figure() -> None:
    result = found(flight(), mi.VanHove(species="Li", lags_ps="1,2", r_max_angstrom=4.0, bin_width_angstrom=0.5))
    table = rows(result)
    assert list(table[0]) == ["lag_ps", "r_angstrom", "self_per_angstrom3", "distinct"]
    assert len(table) == 2 * 8
    np.testing.assert_allclose(column(table, "lag_ps"), [1.0] * 8 + [2.0] * 8, rtol=1e-7, atol=0)
    np.testing.assert_allclose(
        column(table, "self_per_angstrom3")[:8], result.functions.self_part[0], rtol=1e-4, atol=0
    )
    assert result.lines()[0].startswith("non-Gaussian parameter of Li at 1 ps: -0.4")
    left, right = result.plot().axes
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == ("r (Å)", "4πr² G$_s$ (1/Å)", "G$_d$ / ρ")
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["1 ps", "2 ps"]
    r = result.functions.r_angstrom
    np.testing.assert_allclose(
        left.lines[1].get_ydata(), 4 * np.pi * r**2 * result.functions.self_part[1], rtol=1e-7, atol=0
    )
    np.testing.assert_array_equal(right.lines[0].get_ydata(), result.functions.distinct_part[0])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lags_ps": "30"}, "lags shorter than the run"),
        ({"species": "S"}, "no S"),
    ],
)
def test_what_the_trajectory_cannot_give_is_refused(settings: dict, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        found(flight(), mi.VanHove(**({"species": "Li", "lags_ps": "1"} | settings)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lags_ps": ()}, "at least 1 item"),
        ({"lags_ps": "a,b"}, "'a,b' is not a list of numbers such as 500,600"),
        ({"lags_ps": "1", "bin_width_angstrom": 0}, "0.001 to 100 angstrom"),
        ({"lags_ps": (-1.0,)}, "0 to 1000000000 ps"),
        ({}, "lags_ps"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        mi.VanHove(**({"species": "Li"} | settings))


def test_a_range_beyond_half_of_the_smallest_cell_is_cut_with_a_note() -> None:
    lengths = np.linspace(16.0, 15.0, 40)
    path = np.repeat(walk(1, 12, 1.0, 0.0, 1), 40, axis=0) * lengths[:, None, None]
    reader = trajectory(path, lengths[:, None, None] * np.eye(3), ["Li"] * 12, INTERVAL)
    results = mi.analyze(reader, [mi.VanHove(species="Li", lags_ps="1", r_max_angstrom=7.8, bin_width_angstrom=0.5)])
    # It fits the first cell and not the last one, and no breathing is allowed here.
    result = results["van-hove"]
    np.testing.assert_allclose(content(result)["settings"]["r_max_angstrom"], 7.5, rtol=1e-12, atol=0)
    assert result.functions.r_angstrom.size == 15
    assert any("ends at 7.5 and not at 7.8 angstrom" in note for note in results.notes)
    assert result.lines()[-1] in results.notes
