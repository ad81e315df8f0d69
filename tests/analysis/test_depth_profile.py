"""Depth profiles: counts, conservation, a known step, a layer across the boundary."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from mlip_interfaces.analysis.depth_profile import DepthProfileAccumulator, fit_interfaces


def test_density_integrates_to_the_number_of_atoms_in_a_breathing_cell() -> None:
    rng = np.random.default_rng(1)
    symbols = np.array(["Li"] * 30 + ["S"] * 20)
    accumulator = DepthProfileAccumulator(symbols, np.where(symbols == "Li", 6.94, 32.06), bin_width_angstrom=1.0)
    for t in range(40):
        cell = np.diag([10.0, 11.0, 20.0 + np.sin(t)])
        accumulator.add(rng.uniform(-1, 2, (50, 3)) @ cell, cell, float(t))
    found = accumulator.result()
    thickness = found.depth_angstrom[1] - found.depth_angstrom[0]
    # 1/V averages over the breathing, so a relative (1/20)^2 is left.
    np.testing.assert_allclose(
        found.number_density_per_angstrom3.sum(axis=1) * thickness * 110, [30, 20], rtol=5e-3, atol=0
    )
    total_mass = 30 * 6.94 + 20 * 32.06
    expected = total_mass / (110 * 20) * 1.66053907
    np.testing.assert_allclose(found.mass_density_g_per_cm3.mean(), expected, rtol=5e-3, atol=0)
    score = (found.number_density_per_angstrom3[0] - 30 / 2200) / found.error_per_angstrom3[0]
    assert np.abs(score).max() < 5


@pytest.mark.parametrize("centre", [15.0, 0.5, 28.0])
def test_edges_of_a_layer_come_out_wherever_the_cell_is_cut(centre: float) -> None:
    depth = (np.arange(300) + 0.5) * 0.1
    z = (depth - centre + 15.0) % 30.0 - 15.0
    density = 0.05 * (np.tanh((z + 5.0) / 0.8) - np.tanh((z - 5.0) / 1.6))
    lower, upper = fit_interfaces(depth, density, 30.0)
    np.testing.assert_allclose(
        [lower.position_angstrom, upper.position_angstrom], [(centre - 5) % 30, (centre + 5) % 30], atol=0.02, rtol=1e-7
    )
    np.testing.assert_allclose(
        [lower.width_10_90_angstrom, upper.width_10_90_angstrom], [2.197 * 0.8, 2.197 * 1.6], rtol=0.01, atol=0
    )


def test_width_is_that_between_ten_and_ninety_per_cent() -> None:
    depth = (np.arange(400) + 0.5) * 0.1
    density = 0.5 * (erf((depth - 10) / 1.5) - erf((depth - 30) / 1.5))
    lower, _ = fit_interfaces(depth, density, 40.0)
    below, above = (np.interp(share, density[:200], depth[:200]) for share in (0.1, 0.9))
    np.testing.assert_allclose(lower.width_10_90_angstrom, above - below, rtol=0.05, atol=0)


@pytest.mark.parametrize(("below", "above"), [(0.1, 0.4), (0.3, 0.3), (0.3, 0.0), (0.1, 0.0)])
def test_atoms_that_have_left_on_either_side_move_no_edge(below: float, above: float) -> None:
    depth = (np.arange(300) + 0.5) * 0.1
    z = depth - 15.0
    left, right = np.tanh((z + 5.0) / 0.8), np.tanh((z - 5.0) / 1.6)
    # Backgrounds meet far from the layer, across the boundary of the cell.
    density = 0.5 * (10 + below) - 0.5 * (below - 10) * left - 0.5 * (10 + above) + 0.5 * (above - 10) * right + above
    density[z < 0] = (0.5 * (below + 10) - 0.5 * (below - 10) * left)[z < 0]
    density[z >= 0] = (0.5 * (10 + above) - 0.5 * (10 - above) * right)[z >= 0]
    lower, upper = fit_interfaces(depth, density, 30.0)
    np.testing.assert_allclose([lower.position_angstrom, upper.position_angstrom], [10, 20], atol=0.02, rtol=1e-7)
    np.testing.assert_allclose(
        [lower.width_10_90_angstrom, upper.width_10_90_angstrom], [2.197 * 0.8, 2.197 * 1.6], rtol=0.02, atol=0
    )


def test_errors_of_an_edge_are_those_of_counting() -> None:
    rng = np.random.default_rng(3)
    depth = (np.arange(120) + 0.5) * 0.25
    truth = 20.0 * (np.tanh((depth - 10) / 1.0) - np.tanh((depth - 20) / 1.5)) + 0.5
    scores = []
    for _ in range(150):
        lower, _ = fit_interfaces(depth, rng.poisson(truth) / 1.0, 30.0, np.sqrt(truth))
        scores.append((lower.position_angstrom - 10.0) / lower.position_error_angstrom)
    assert 0.85 < np.std(scores) < 1.2
    assert abs(np.mean(scores)) < 4 / np.sqrt(150)


def test_a_layer_that_fills_the_cell_has_no_edges() -> None:
    assert fit_interfaces(np.arange(20) + 0.5, np.full(20, 0.1), 20.0) == ()
