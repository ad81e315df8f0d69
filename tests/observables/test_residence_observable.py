"""``residence``: ions that hop at a known rate, that rattle, and that never move."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import content, found, trajectory
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError

RATE, INTERVAL, SITES = 0.02, 0.25, 3.0
SYMBOLS = ["Li"] * 20 + ["S"] * 4


def hops() -> np.ndarray:
    """Sites of each Li in each frame, as shape (n_frames, 20): one further along x with a probability of 2 % a frame."""
    jumped = np.random.default_rng(21).random((500, 20)) < RATE
    jumped[0] = False
    return np.cumsum(jumped, axis=0)


def hoppers(rattle: float = 0.1) -> mi.TrajectoryReader:
    path = np.random.default_rng(22).random((1, 24, 3)) * 15.0 + np.zeros((500, 1, 1))
    path[:, :20, 0] += SITES * hops()
    path += np.random.default_rng(23).normal(0, rattle, path.shape)
    layers = ["left"] * 10 + ["right"] * 14
    return trajectory(path, 15.0, SYMBOLS, INTERVAL, layers=layers)


@pytest.fixture(scope="module")
def result():
    return found(hoppers(), mi.Residence(species="Li", jump_distance_angstrom=2.0))


def test_every_jump_is_counted_once_for_its_atom(result) -> None:
    entry = content(result)
    np.testing.assert_array_equal(entry["jumps_by_atom"], hops()[-1])
    assert entry["n_jumps"] == hops()[-1].sum()


def test_residence_time_is_that_of_the_rate(result) -> None:
    entry = content(result)
    expected = INTERVAL / RATE
    assert abs(entry["residence_time_ps"] - expected) < 4 * entry["residence_time_error_ps"]
    np.testing.assert_allclose(
        entry["residence_time_error_ps"], entry["residence_time_ps"] / np.sqrt(entry["n_jumps"]), rtol=1e-9, atol=0
    )
    np.testing.assert_allclose(entry["residence_time_ps"], 20 * 499 * INTERVAL / entry["n_jumps"], rtol=1e-9, atol=0)


def slow_count(path: np.ndarray, distance: float) -> list[int]:
    """Jumps of each atom: farther than the distance from where it last settled."""
    counts = []
    for positions in np.moveaxis(path, 1, 0):
        settled, jumps = positions[0], 0
        for place in positions[1:]:
            if np.linalg.norm(place - settled) > distance:
                settled, jumps = place, jumps + 1
        counts.append(jumps)
    return counts


def test_rattling_is_averaged_before_jumps_are_counted() -> None:
    reader = hoppers(rattle=0.7)
    path = reader.read().paths[:, :20]
    raw = content(found(reader, mi.Residence(species="Li", jump_distance_angstrom=2.0)))
    smooth = content(found(reader, mi.Residence(species="Li", jump_distance_angstrom=2.0, smooth_ps=1.0)))
    averaged = np.mean([path[k : len(path) - 3 + k] for k in range(4)], axis=0)
    assert raw["jumps_by_atom"] == slow_count(path, 2.0)
    assert smooth["jumps_by_atom"] == slow_count(averaged, 2.0)
    assert raw["n_jumps"] > 4 * smooth["n_jumps"]


def test_atoms_of_a_layer_alone() -> None:
    left = content(found(hoppers(), mi.Residence(species="Li", jump_distance_angstrom=2.0, layer="left")))
    np.testing.assert_array_equal(left["jumps_by_atom"], hops()[-1, :10])
    with pytest.raises(AnalysisError, match="no S in the layer 'left'"):
        found(hoppers(), mi.Residence(species="S", jump_distance_angstrom=2.0, layer="left"))


def test_without_a_jump_there_is_a_lower_bound() -> None:
    result = found(hoppers(), mi.Residence(species="S", jump_distance_angstrom=2.0))
    entry = content(result)
    assert entry["residence_time_ps"] is None
    assert entry["residence_time_error_ps"] is None
    # Three expected jumps are missed with a probability of 5 %.
    np.testing.assert_allclose(entry["residence_time_lower_bound_95_ps"], 4 * 499 * INTERVAL / 3.0, rtol=1e-9, atol=0)
    assert result.lines() == ["S: no jump; residence time above 166 ps (95 %)"]
    assert result.plot().axes[0].get_title(loc="left") == result.lines()[0]


def test_line_and_figure_tell_jumps(result) -> None:
    (line,) = result.lines()
    assert line.startswith("Li: residence time ")
    assert line.endswith(f"{hops()[-1].sum()} jumps of 20 atoms")
    (ax,) = result.plot().axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("jumps of an atom in the run", "Li atoms")
    heights = [bar.get_height() for bar in ax.containers[0]]
    np.testing.assert_array_equal(heights, np.bincount(hops()[-1]))


def test_an_average_longer_than_the_run_and_settings_without_sense_are_refused() -> None:
    with pytest.raises(AnalysisError, match="averaged over 800 frames need more than 500"):
        found(hoppers(), mi.Residence(species="Li", jump_distance_angstrom=2.0, smooth_ps=200.0))
    for settings in ({}, {"jump_distance_angstrom": 0}, {"jump_distance_angstrom": 2, "smooth_ps": -1}):
        with pytest.raises(ValidationError, match="jump_distance_angstrom|smooth_ps"):
            mi.Residence(species="Li", **settings)
    with pytest.raises(ValueError, match="species: 'Na' is not in elements"):
        mi.Residence(species="Na", jump_distance_angstrom=2).check(["Li"], ["a"])
