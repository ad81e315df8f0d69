"""Overlap of curves: known cases, and its error against repeats."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.overlap import block_means, curve_overlap, overlap_of_blocks


def test_the_same_curve_overlaps_wholly_and_curves_apart_not_at_all() -> None:
    curve = np.array([0.0, 0.3, 2.5, 1.0])
    assert curve_overlap(curve, curve) == 1.0
    assert curve_overlap(np.array([1.0, 2.0, 0.0, 0.0]), np.array([0.0, 0.0, 3.0, 1.0])) == 0.0


@pytest.mark.parametrize("factor", [0.5, 0.25])
def test_a_curve_and_a_part_of_it_overlap_by_that_part(factor: float) -> None:
    curve = np.array([0.0, 0.3, 2.5, 1.0])
    np.testing.assert_allclose(curve_overlap(curve, factor * curve), factor, rtol=1e-12, atol=0)
    np.testing.assert_allclose(curve_overlap(factor * curve, curve), factor, rtol=1e-12, atol=0)


def test_two_gaussians_overlap_as_their_integrals_say() -> None:
    from math import erf, sqrt

    x = np.linspace(-12, 12, 24001)
    first, second = (np.exp(-((x - shift) ** 2) / 2) for shift in (0.0, 1.5))
    common = 1 - erf(0.75 / sqrt(2))
    np.testing.assert_allclose(curve_overlap(first, second), common / (2 - common), rtol=1e-6, atol=0)


def test_nothing_in_both_is_no_overlap_at_all() -> None:
    assert np.isnan(curve_overlap(np.zeros(3), np.zeros(3)))


def test_the_error_is_the_scatter_of_repeats() -> None:
    rng = np.random.default_rng(3)
    shape = np.array([0.2, 1.0, 3.0, 1.5, 1.0])

    def blocks(scale: float) -> np.ndarray:
        return scale * shape * (1 + 0.1 * rng.standard_normal((8, 1)))

    found = [overlap_of_blocks(blocks(1.0), blocks(1.4)) for _ in range(400)]
    values = np.array([one.value for one in found])
    np.testing.assert_allclose(values.mean(), 1 / 1.4, rtol=0.01, atol=0)
    np.testing.assert_allclose(np.mean([one.error for one in found]), values.std(), rtol=0.15, atol=0)
    assert 0.9 < np.mean([one.of_itself for one in found]) < 1.0


def test_a_single_block_has_no_error() -> None:
    found = overlap_of_blocks(np.ones((1, 4)), np.full((1, 4), 2.0))
    assert (found.value, found.error) == (0.5, 0.0)
    assert np.isnan(found.of_itself)


def test_blocks_are_means_in_order_of_time() -> None:
    np.testing.assert_array_equal(block_means(np.arange(7.0), 3), [0.5, 2.5, 4.5])
    np.testing.assert_array_equal(block_means(np.arange(2.0), 5), [0.0, 1.0])
