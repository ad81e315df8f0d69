"""When a run leaves its model's domain."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.potentials import left_by_deviation, left_by_drift


@pytest.mark.parametrize(
    ("frames", "left"),
    [
        ("", None), ("x", None), (".", None), ("..........", None), ("xxx.......", None), (".........x", None),
        ("........xx", 8), ("xxxxxxxxxx", 0), ("..x...xxx.xxx", 6), ("xx.....xx", 7), (".x.x.x.x", None),
    ],
)  # fmt: skip
def test_a_run_leaves_where_frames_above_the_level_prevail_to_its_end(frames: str, left: int | None) -> None:
    deviations = np.array([0.5 if frame == "x" else 0.49 for frame in frames])
    assert left_by_deviation(deviations, 0.5) == left


def test_from_where_a_run_leaves_the_median_is_above_the_level_and_nowhere_else_more_frames_prevail() -> None:
    rng = np.random.default_rng(4)
    n_left = 0
    for _ in range(300):
        deviations = rng.exponential(rng.uniform(0.3, 1.2), rng.integers(2, 30))
        majorities = [int(np.sign(deviations[start:] - 0.5).sum()) for start in range(len(deviations))]
        left = left_by_deviation(deviations, 0.5)
        assert (left is None) == (max(majorities) < 2)
        if left is not None:
            n_left += 1
            assert np.median(deviations[left:]) > 0.5
            assert majorities[left] == max(majorities)
    assert 50 < n_left < 250


def test_what_is_no_number_is_above_every_level() -> None:
    assert left_by_deviation(np.array([0.1, 0.1, np.nan, np.nan, np.nan]), 50.0) == 2


@pytest.mark.parametrize(
    ("errors", "left"),
    [
        ([], None), ([500.0], None), ([500.0, 500.0, 519.9], None), ([-21.0, 57.0], 1), ([57.0, -21.0], 1),
        ([0.0, 20.0, -20.1, 90.0], 2),
    ],
)  # fmt: skip
def test_an_energy_error_may_be_large_but_not_change(errors: list[float], left: int | None) -> None:
    assert left_by_drift(errors, 20.0) == left
