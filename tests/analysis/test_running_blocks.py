"""Errors of a series from its parts, and of several runs."""

from __future__ import annotations

import numpy as np

from mlip_interfaces.analysis.running_blocks import RunningBlocks, error_of_mean, mean_of_runs, standard_error


def test_the_error_of_a_series_is_that_of_its_blocks() -> None:
    rng = np.random.default_rng(1)
    for n_frames in (1, 2, 7, 10, 43, 151):
        values, blocks = rng.normal(size=n_frames), RunningBlocks()
        for frame, value in enumerate(values):
            blocks.add(np.array([value]), float(frame))
        np.testing.assert_allclose(error_of_mean(values), standard_error(blocks.blocks)[0], rtol=1e-9, atol=1e-15)


def test_errors_of_runs_cover_the_truth_whether_runs_differ_or_only_fluctuate() -> None:
    rng = np.random.default_rng(2)
    for between, within in ((0.0, 1.0), (2.0, 0.5)):
        scores = []
        for _ in range(400):
            values = rng.normal(0.0, between, 4) + rng.normal(0.0, within, 4)
            mean, error = mean_of_runs(values.tolist(), [within] * 4)
            scores.append(mean / error)
        # Never far too small; the larger of two estimates is a little too large.
        assert 0.7 < np.std(scores) < 1.9


def test_one_run_keeps_its_own_error_and_runs_that_agree_by_chance_do_not_have_none() -> None:
    assert mean_of_runs([3.0], [0.2]) == (3.0, 0.2)
    np.testing.assert_allclose(mean_of_runs([1.0, 1.0], [0.3, 0.3]), [1.0, 0.3 / np.sqrt(2)], rtol=1e-12, atol=0)
    np.testing.assert_allclose(mean_of_runs([1.0, 3.0], [0.1, 0.1]), [2.0, 1.0], rtol=1e-12, atol=0)
