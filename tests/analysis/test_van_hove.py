"""Van Hove functions against sums over all pairs and images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import maxwell

from mlip_interfaces.analysis.rdf import PairCounter, RdfAccumulator
from mlip_interfaces.analysis.van_hove import van_hove
from mlip_interfaces.errors import AnalysisError

N_ATOMS, N_FRAMES, LAGS = 20, 12, np.array([0, 3])


def breathing_triclinic() -> tuple[np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(0)
    cell = np.array([[9.0, 0, 0], [4.0, 8, 0], [-3.0, 2, 10]])
    cells = np.array([cell * (1 + 0.02 * np.sin(t)) for t in range(N_FRAMES)])
    path = rng.random((N_ATOMS, 3)) @ cell + np.cumsum(rng.normal(0, 0.4, (N_FRAMES, N_ATOMS, 3)), axis=0)
    heights = 1 / np.linalg.norm(np.linalg.inv(cells), axis=1)
    return path, cells, 0.499 * float(heights.min())


def test_distinct_part_equals_the_sum_over_all_pairs_and_images_in_a_breathing_triclinic_cell() -> None:
    path, cells, r_max = breathing_triclinic()
    found = van_hove(path - path[0], path, cells, LAGS, frame_interval_ps=1.0, r_max_angstrom=r_max)
    n_bins = found.r_angstrom.size
    shells = 4 / 3 * np.pi * np.diff(np.linspace(0, r_max, n_bins + 1) ** 3)
    images = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    for row, lag in enumerate(LAGS):
        expected = np.zeros(n_bins)
        for t, i, j in itertools.product(range(N_FRAMES - lag), range(N_ATOMS), range(N_ATOMS)):
            r = np.linalg.norm(path[t + lag, j] - path[t, i] + images @ cells[t + lag], axis=1).min()
            if i != j and r < r_max:
                expected[int(r / r_max * n_bins)] += np.linalg.det(cells[t + lag])
        expected /= N_ATOMS * (N_ATOMS - 1) * shells * (N_FRAMES - lag)
        np.testing.assert_allclose(found.distinct_part[row], expected, rtol=1e-9, atol=1e-9)


def test_self_part_integrates_to_one_and_alpha2_is_that_of_all_origins() -> None:
    path, cells, r_max = breathing_triclinic()
    found = van_hove(path - path[0], path, cells, LAGS[1:], frame_interval_ps=1.0, r_max_angstrom=r_max)
    edges = np.linspace(0, r_max, found.r_angstrom.size + 1)
    r = np.linalg.norm(path[3:] - path[:-3], axis=2)
    assert r.max() < r_max
    np.testing.assert_allclose((found.self_part[0] * 4 / 3 * np.pi * np.diff(edges**3)).sum(), 1.0, rtol=1e-12, atol=0)
    alpha2 = 3 * (r**4).mean() / (5 * (r**2).mean() ** 2) - 1
    np.testing.assert_allclose(found.non_gaussian, [alpha2], rtol=1e-9, atol=0)


def test_two_kinds_of_movers_are_not_gaussian() -> None:
    # A share p of walkers among atoms at rest: <r^4> = p 15 s^4, <r^2> = p 3 s^2, alpha_2 = 1 / p - 1.
    rng = np.random.default_rng(1)
    steps = rng.normal(0, 0.1, (400, 1000, 3))
    steps[:, 250:] = 0.0
    path = 20 + np.cumsum(steps, axis=0)
    cells = np.repeat(np.eye(3)[None] * 40.0, 400, axis=0)
    found = van_hove(path - path[0], path, cells, np.array([1]), frame_interval_ps=1.0, r_max_angstrom=1.0)
    # Fifty thousand steps: <r^4> is known to 0.6 %.
    np.testing.assert_allclose(found.non_gaussian, [3.0], rtol=0, atol=0.1)


def test_self_part_of_a_walk_is_a_gaussian() -> None:
    rng = np.random.default_rng(1)
    path = 10 + np.cumsum(rng.normal(0, 0.3, (300, 400, 3)), axis=0)
    cells = np.repeat(np.eye(3)[None] * 40.0, 300, axis=0)
    found = van_hove(
        path - path[0], path, cells, np.array([1, 8]), frame_interval_ps=0.5, r_max_angstrom=6.0, bin_width_angstrom=0.2
    )
    for row, lag in enumerate((1, 8)):
        expected = np.diff(maxwell.cdf(np.arange(31) * 0.2, scale=0.3 * np.sqrt(lag)))
        shell = 4.0 / 3.0 * np.pi * np.diff((np.arange(31) * 0.2) ** 3)
        # Shares of atoms per bin: four sigma of eighty thousand correlated samples.
        np.testing.assert_allclose(found.self_part[row] * shell, expected, rtol=0, atol=0.006)
    np.testing.assert_allclose(found.non_gaussian, 0.0, rtol=0, atol=0.05)
    np.testing.assert_allclose(found.lags_ps, [0.5, 4.0], rtol=1e-12, atol=0)


def test_distinct_part_starts_as_g_and_ends_at_one() -> None:
    rng = np.random.default_rng(2)
    cell = np.array([[14.0, 0, 0], [3.0, 13.0, 0], [-2.0, 1.0, 15.0]])
    lattice = np.array([(i, j, k) for i in range(5) for j in range(5) for k in range(5)]) / 5.0 @ cell
    steps = rng.normal(0, 0.25, (400, 125, 3))
    path = lattice + np.cumsum(steps, axis=0)
    cells = np.repeat(cell[None], 400, axis=0)
    found = van_hove(
        path - path[0],
        path,
        cells,
        np.array([0, 350]),
        frame_interval_ps=1.0,
        r_max_angstrom=6.0,
        bin_width_angstrom=0.5,
    )
    counter = PairCounter(["Li-Li"], np.array(["Li"] * 125), r_max_angstrom=6.0, bin_width_angstrom=0.5)
    g = RdfAccumulator(counter)
    for t in np.unique(np.linspace(0, 399, 200).astype(int)):
        g.add(counter.count(path[t][None], cell[None])[0], abs(np.linalg.det(cell)), float(t))
    np.testing.assert_allclose(found.distinct_part[0], g.result()[0].whole.g, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.distinct_part[1][4:], 1.0, rtol=0, atol=0.1)
    with pytest.raises(AnalysisError, match="beyond half the cell"):
        van_hove(path - path[0], path, cells, np.array([1]), frame_interval_ps=1.0, r_max_angstrom=9.0)
