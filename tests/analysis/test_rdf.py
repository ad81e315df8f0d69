"""g(r): ideal gas, crystal, brute force, MDAnalysis; and its barriers."""

from __future__ import annotations

import numpy as np
import pytest
from MDAnalysis.lib.distances import distance_array

from mlip_interfaces.analysis.barrier import barriers, potential_of_mean_force
from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.analysis.rdf import RdfAccumulator, first_peak
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K


def accumulate(pair, symbols, frames, cells, r_max=5.0, width=0.25, blocks=1):
    accumulator = RdfAccumulator(pair, symbols, r_max_angstrom=r_max, bin_width_angstrom=width)
    for positions, cell in zip(frames, cells, strict=True):
        accumulator.add(find_pairs(positions, cell, r_max), abs(np.linalg.det(cell)))
    return accumulator.result(np.arange(len(frames), dtype=float), blocks)


def test_ideal_gas_is_one_in_a_small_tilted_breathing_cell() -> None:
    rng = np.random.default_rng(1)
    symbols = np.array(["Li"] * 60 + ["S"] * 40)
    cells = [np.array([[7.0, 0, 0], [2.0, 6.5, 0], [1.0, -1.0, 8.0]]) * scale for scale in np.linspace(0.9, 1.2, 40)]
    frames = [rng.random((100, 3)) @ cell for cell in cells]
    for pair in ("Li-S", "Li-Li"):
        rdf = accumulate(pair, symbols, frames, cells)
        expected_counts = rdf.whole.counts[4:]
        sigma = 1.0 / np.sqrt(expected_counts)
        # Counting statistics; four sigma over 16 bins.
        assert (np.abs(rdf.whole.g[4:] - 1.0) < 4.0 * sigma + 1e-3).all()


def test_counts_equal_a_brute_force_over_images() -> None:
    rng = np.random.default_rng(2)
    symbols = np.array(["P"] * 5 + ["S"] * 7)
    cell = np.array([[6.0, 0, 0], [1.5, 5.0, 0], [0.5, 0.7, 7.0]])
    positions = rng.random((12, 3)) @ cell
    rdf = accumulate("P-S", symbols, [positions], [cell], r_max=6.0, width=0.5)
    images = np.array([(i, j, k) for i in range(-3, 4) for j in range(-3, 4) for k in range(-3, 4)]) @ cell
    difference = positions[None, 5:, None] + images[None, None] - positions[:5, None, None]
    counts, _ = np.histogram(np.linalg.norm(difference, axis=-1), bins=np.arange(0, 6.01, 0.5))
    np.testing.assert_array_equal(rdf.whole.counts, counts)


def test_distances_agree_with_mdanalysis() -> None:
    rng = np.random.default_rng(3)
    cell = np.diag([14.0, 15.0, 16.0])
    positions = rng.random((50, 3)) @ cell
    pairs = find_pairs(positions, cell, 6.0)
    reference = distance_array(positions, positions, box=[14, 15, 16, 90, 90, 90])
    expected = np.sort(reference[(reference < 6.0) & ~np.eye(50, dtype=bool)])
    np.testing.assert_allclose(np.sort(pairs.distances), expected, rtol=1e-5, atol=0)


def test_blocks_cover_all_frames_and_differ_when_the_structure_does() -> None:
    rng = np.random.default_rng(4)
    cell = np.diag([10.0] * 3)
    symbols = np.array(["Li"] * 30)
    frames = [rng.random((30, 3)) * 10 for _ in range(8)]
    rdf = accumulate("Li-Li", symbols, frames, [cell] * 8, blocks=4)
    assert [block.n_frames for block in rdf.blocks] == [2, 2, 2, 2]
    np.testing.assert_array_equal(sum(block.counts for block in rdf.blocks), rdf.whole.counts)


def test_absent_element_is_named() -> None:
    with pytest.raises(AnalysisError, match="no Li-F pair"):
        RdfAccumulator("Li-F", np.array(["Li", "S"]), r_max_angstrom=5, bin_width_angstrom=0.1)


def test_potential_of_mean_force_gives_the_published_barriers() -> None:
    # 0.09 eV and 0.25 eV at 300 K are g = 0.0308 and 6.31e-5.
    np.testing.assert_allclose(potential_of_mean_force(np.array([0.0308, 6.31e-5]), 300.0), [0.09, 0.25], rtol=2e-3)
    assert np.isnan(potential_of_mean_force(np.array([0.0]), 300.0)[0])


def double_well():
    r = np.linspace(0.025, 6, 240)
    g = 8.0 * np.exp(-((r - 2.05) ** 2) / 0.01) + 1.5 * np.exp(-((r - 4.0) ** 2) / 0.3) + 0.05
    g[r < 1.7] = 0.0
    return r, g


def test_both_barrier_conventions() -> None:
    r, g = double_well()
    found = barriers(r, g, np.full(r.size, 100), 500.0)
    thermal = BOLTZMANN_EV_PER_K * 500.0
    window = (r > 2.3) & (r < 3.2)
    lowest = g[window].min()
    np.testing.assert_allclose(found.formation_ev, thermal * np.log(1 / lowest), rtol=0.02, atol=0)
    np.testing.assert_allclose(found.breaking_ev, thermal * np.log(first_peak(r, g)[1] / lowest), rtol=0.02, atol=0)


def test_barrier_is_refused_below_ten_counts() -> None:
    r, g = double_well()
    found = barriers(r, g, np.full(r.size, 3), 500.0)
    assert found.formation_ev is None
    assert "only 9 pairs" in found.note
