"""Errors of a series from its parts."""

from __future__ import annotations

import numpy as np

from mlip_interfaces.analysis.running_blocks import RunningBlocks, error_of_mean, standard_error


def test_the_error_of_a_series_is_that_of_its_blocks() -> None:
    rng = np.random.default_rng(1)
    for n_frames in (1, 2, 7, 10, 43, 151):
        values, blocks = rng.normal(size=n_frames), RunningBlocks()
        for frame, value in enumerate(values):
            blocks.add(np.array([value]), float(frame))
        np.testing.assert_allclose(error_of_mean(values), standard_error(blocks.blocks)[0], rtol=1e-9, atol=1e-15)
