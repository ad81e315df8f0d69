"""g(r): ideal gas, crystal, brute force, MDAnalysis; and its barriers."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from MDAnalysis.lib.distances import distance_array

from mlip_interfaces.analysis.barrier import barriers, potential_of_mean_force
from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.analysis.rdf import (
    PairCounter,
    RdfAccumulator,
    first_minimum,
    first_peak,
    first_peak_change,
    selectors,
)
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.units import BOLTZMANN_EV_PER_K


def accumulate(pairs, symbols, frames, cells, r_max=5.0, width=0.25, blocks=1, layers=None):
    pairs = [pairs] if isinstance(pairs, str) else pairs
    counter = PairCounter(pairs, symbols, layers, r_max_angstrom=r_max, bin_width_angstrom=width)
    accumulator = RdfAccumulator(counter)
    for time, (positions, cell) in enumerate(zip(frames, cells, strict=True)):
        counts, volumes = counter.count(positions[None], cell[None]), counter.layer_volumes(positions[None], cell[None])
        accumulator.add(counts[0], abs(np.linalg.det(cell)), float(time), volumes[0])
    found = accumulator.result(blocks)
    return found if len(found) > 1 else found[0]


def brute_force(positions, cell, first, second, edges):
    """Ordered pairs by distance, an explicit loop over images."""
    images = np.array([(i, j, k) for i in range(-8, 9) for j in range(-8, 9) for k in range(-8, 9)]) @ cell
    difference = positions[second][None, :, None] + images[None, None] - positions[first][:, None, None]
    distances = np.linalg.norm(difference, axis=-1)
    return np.histogram(distances[distances > 1e-9], bins=edges)[0]


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


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([6.13, 5.21, 7.07]),
        np.array([[6.13, 0, 0], [1.5, 5.21, 0], [0.5, 0.7, 7.07]]),
        np.array([[14.0, 0, 0], [-5.0, 13.0, 0], [4.0, 2.0, 15.0]]),
    ],
)
def test_counts_equal_a_brute_force_over_images(cell) -> None:
    rng = np.random.default_rng(2)
    symbols = np.array(["P"] * 5 + ["S"] * 17 + ["Li"] * 9)
    layers = np.array((["a"] * 4 + ["b"] * 3) * 5)[:31]
    # Far outside the cell: positions need no wrapping.
    positions = rng.uniform(-2, 3, (31, 3)) @ cell
    pairs = ["P-S", "S-S", "S-P", "Li@a-S@b", "Li-S", "S@a-S", "Li-Li"]
    found = accumulate(pairs, symbols, [positions], [cell], r_max=6.0, width=0.5, layers=layers)
    for rdf in found:
        (a, layer_a), (b, layer_b) = selectors(rdf.pair)
        first = np.flatnonzero((symbols == a) & ((layers == layer_a) if layer_a else True))
        second = np.flatnonzero((symbols == b) & ((layers == layer_b) if layer_b else True))
        ordered = brute_force(positions, cell, first, second, np.arange(0, 6.01, 0.5))
        expected = ordered // 2 if selectors(rdf.pair)[0] == selectors(rdf.pair)[1] else ordered
        np.testing.assert_array_equal(rdf.whole.counts, expected, err_msg=rdf.pair)
        np.testing.assert_allclose(rdf.whole.coordination[-1], ordered.sum() / first.size, rtol=1e-12, atol=0)


def test_g_is_the_same_from_both_sides_and_alone_or_in_company() -> None:
    rng = np.random.default_rng(8)
    symbols = np.array(["Li"] * 40 + ["S"] * 200 + ["P"] * 30)
    cell = np.diag([18.0, 19.0, 20.0])
    positions = rng.random((270, 3)) @ cell
    together = accumulate(
        ["Li-S", "S-Li", "Li-P", "S-S", "P-P", "P-S", "Li-Li"], symbols, [positions], [cell], r_max=8.0
    )
    np.testing.assert_allclose(together[0].whole.g, together[1].whole.g, rtol=1e-12, atol=0)
    for rdf in together:
        alone = accumulate(rdf.pair, symbols, [positions], [cell], r_max=8.0)
        np.testing.assert_array_equal(alone.whole.counts, rdf.whole.counts)


def test_g_agrees_with_mdanalysis() -> None:
    import MDAnalysis
    from MDAnalysis.analysis.rdf import InterRDF

    rng = np.random.default_rng(9)
    frames = rng.random((6, 120, 3)) * 21.0
    symbols = np.array(["Li"] * 70 + ["S"] * 50)
    universe = MDAnalysis.Universe.empty(120, trajectory=True)
    universe.load_new(frames.astype(np.float32), dimensions=np.array([21.0, 21, 21, 90, 90, 90]))
    reference = InterRDF(universe.atoms[:70], universe.atoms[70:], nbins=40, range=(0.0, 8.0)).run()
    rdf = accumulate("Li-S", symbols, frames, [np.eye(3) * 21.0] * 6, r_max=8.0, width=0.2)
    # Single precision there moves a pair or two across a bin's edge.
    np.testing.assert_allclose(rdf.whole.g, reference.results.rdf, rtol=0, atol=0.02)
    assert np.abs(rdf.whole.g - reference.results.rdf).mean() < 1e-3


def test_g_of_a_tilted_cell_agrees_with_freud() -> None:
    import freud

    rng = np.random.default_rng(12)
    cell = np.array([[19.0, 0, 0], [4.0, 18.0, 0], [-3.0, 2.0, 20.0]])
    frames = rng.random((5, 200, 3)) @ cell
    symbols = np.array(["Li"] * 120 + ["S"] * 80)
    box = freud.box.Box.from_matrix(cell.T)
    reference = freud.density.RDF(bins=32, r_max=8.0)
    for frame in frames:
        centred = box.wrap(frame)
        reference.compute((box, centred[120:]), query_points=centred[:120], reset=False)
    rdf = accumulate("Li-S", symbols, frames, [cell] * 5, r_max=8.0, width=0.25)
    # Single precision there moves a pair or two across a bin's edge.
    np.testing.assert_allclose(rdf.whole.g, reference.rdf, rtol=0, atol=0.03)
    assert np.abs(rdf.whole.g - reference.rdf).mean() < 2e-3


def test_a_changing_volume_does_not_bias_an_ideal_gas() -> None:
    # Volumes of 8,000 and 13,824 in turn: sharing one density gives 1.37 or 0.79.
    rng = np.random.default_rng(10)
    cells = [np.eye(3) * (20.0 if i % 2 else 24.0) for i in range(20)]
    frames = [rng.random((400, 3)) @ cell for cell in cells]
    rdf = accumulate("Li-Li", np.array(["Li"] * 400), frames, cells, r_max=9.0, width=1.0)
    sigma = 1.0 / np.sqrt(rdf.whole.counts[2:])
    assert (np.abs(rdf.whole.g[2:] - 1.0) < 4 * sigma).all()


@pytest.mark.parametrize(
    ("crystal", "pair", "shells"),
    [
        (bulk("LiF", "rocksalt", a=4.026, cubic=True), "Li-F", [(2.013, 6)]),
        (bulk("LiF", "rocksalt", a=4.026, cubic=True), "F-F", [(2.847, 12), (4.026, 6)]),
        (bulk("Cu", "fcc", a=3.6, cubic=True), "Cu-Cu", [(2.546, 12), (3.6, 6), (4.409, 24)]),
        (bulk("Li", "bcc", a=3.5, cubic=True), "Li-Li", [(3.031, 8), (3.5, 6), (4.950, 12)]),
        (load_crystal("Li2S"), "S-Li", [(2.475, 8)]),
        (load_crystal("Li2S"), "Li-S", [(2.475, 4)]),
    ],
)
def test_coordination_numbers_of_crystals(crystal, pair, shells) -> None:
    atoms = crystal.repeat(4)
    symbols = np.array(atoms.get_chemical_symbols())
    rdf = accumulate(pair, symbols, [atoms.positions], [np.asarray(atoms.cell)], r_max=5.2, width=0.01)
    total = 0
    for radius, count in shells:
        total += count
        np.testing.assert_allclose(rdf.whole.coordination[rdf.r_angstrom > radius + 0.05][0], total, rtol=1e-12, atol=0)


def test_errors_cover_the_mean_of_many_runs() -> None:
    rng = np.random.default_rng(11)
    symbols, cell = np.array(["Li"] * 20), np.eye(3) * 12.0
    scores = []
    for _ in range(60):
        rdf = accumulate("Li-Li", symbols, rng.random((100, 20, 3)) * 12.0, [cell] * 100, r_max=5.0, width=1.0)
        scores += ((rdf.whole.g - 1.0) / rdf.whole.g_error)[1:].tolist()
    # Ten groups: Student's t with nine degrees of freedom has a standard deviation of 1.13.
    assert 0.95 < np.std(scores) < 1.35


def test_memory_does_not_grow_with_the_run() -> None:
    counter = PairCounter(["Li-Li"], np.array(["Li"] * 5), r_max_angstrom=4.0, bin_width_angstrom=1.0)
    accumulator = RdfAccumulator(counter)
    for time in range(5000):
        accumulator.add(np.array([[time % 7, 0, 0, 2]]), 100.0, float(time))
    assert len(accumulator._blocks.blocks) <= 256
    parts = accumulator.result(4)[0].blocks
    assert sum(part.n_frames for part in parts) == 5000
    assert max(part.n_frames for part in parts) - min(part.n_frames for part in parts) <= 64


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


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("Li-F", "no F for the pair Li-F: it has 1 Li, 1 S"),
        ("Li-Li", "no Li-Li pair"),
        ("Li", "is no pair"),
        ("Li@x-S", "no Li in the layer 'x'"),
    ],
)
def test_absent_pairs_are_named(pair, message) -> None:
    symbols, layers = np.array(["Li", "S"]), np.array(["a", "b"])
    with pytest.raises(AnalysisError, match=message):
        PairCounter([pair], symbols, layers, r_max_angstrom=5, bin_width_angstrom=0.1)
    with pytest.raises(AnalysisError, match="give `layers`"):
        PairCounter(["Li@a-S"], symbols, r_max_angstrom=5, bin_width_angstrom=0.1)


def test_potential_of_mean_force_gives_the_published_barriers() -> None:
    # 0.09 eV and 0.25 eV at 300 K are g = 0.0308 and 6.31e-5.
    np.testing.assert_allclose(
        potential_of_mean_force(np.array([0.0308, 6.31e-5]), 300.0), [0.09, 0.25], rtol=2e-3, atol=0
    )
    assert np.isnan(potential_of_mean_force(np.array([0.0]), 300.0)[0])


def double_well():
    r = np.linspace(0.025, 6, 240)
    g = 8.0 * np.exp(-((r - 2.05) ** 2) / 0.01) + 1.5 * np.exp(-((r - 4.0) ** 2) / 0.3) + 0.05
    g[r < 1.7] = 0.0
    return r, g


def test_both_barrier_conventions() -> None:
    r, g = double_well()
    found = barriers(r, g, np.full(r.size, 10_000_000), 500.0)
    thermal = BOLTZMANN_EV_PER_K * 500.0
    window = (r > 2.3) & (r < 3.2)
    lowest = g[window].min()
    np.testing.assert_allclose(found.formation_ev, thermal * np.log(1 / lowest), rtol=0.02, atol=0)
    np.testing.assert_allclose(found.breaking_ev, thermal * np.log(first_peak(r, g)[1] / lowest), rtol=0.02, atol=0)


def expected_counts(r, g, per_bin_at_one):
    """Counts whose ideal gas has so many in the outermost bin."""
    return per_bin_at_one * (r / r[-1]) ** 2 * g


def test_first_minimum_is_where_the_shell_ends() -> None:
    r, g = double_well()
    smooth = np.convolve(g, np.ones(3) / 3, mode="same")
    window = (r > 2.3) & (r < 3.2)
    expected = int(np.flatnonzero(window)[np.argmin(smooth[window])])
    assert first_minimum(r, g) == expected
    assert first_minimum(r, g, expected_counts(r, g, 1e6).astype(int)) == expected
    # Where several are as low, the first.
    flat = np.where((r > 2.4) & (r < 3.0), 0.0, g)
    assert 2.4 < r[first_minimum(r, flat)] < 2.5


def test_first_minimum_of_a_soft_liquid_needs_only_fall_below_one_but_has_no_barrier() -> None:
    r = np.linspace(0.025, 8, 320)
    g = np.where(r < 2.5, 0.0, 1.0 + 0.4 * np.cos(2 * np.pi * (r - 3.0) / 3.0) * np.exp(-(r - 3.0) / 4.0))
    minimum = first_minimum(r, g)
    np.testing.assert_allclose(r[minimum], 4.5 - 0.06, rtol=0, atol=0.06)
    assert g[minimum] > 0.5 * first_peak(r, g)[1]
    assert barriers(r, g, np.round(1e4 * g * r**2).astype(np.int64), 300.0).note == "no minimum behind the first peak"


def test_first_minimum_is_none_without_a_peak_or_a_valley() -> None:
    r = np.linspace(0.025, 6, 240)
    assert first_minimum(r, np.full(r.size, 0.9)) is None
    assert first_minimum(r, np.where(r < 2.0, 0.0, 1.0 + np.exp(-((r - 2.5) ** 2)))) is None


def test_a_bin_that_is_high_or_low_by_chance_neither_ends_nor_begins_the_valley() -> None:
    r, g = double_well()
    ideal = 2.5 * (r / 2.0) ** 2
    counts = np.round(ideal * g).astype(int)
    for radius, value in ((2.3, 1.2), (2.1, 0.6)):
        spike = int(np.argmin(np.abs(r - radius)))
        spiked, pairs = g.copy(), counts.copy()
        spiked[spike], pairs[spike] = value, round(value * ideal[spike])
        assert first_minimum(r, spiked, pairs) == first_minimum(r, g)
    # Without counts, nothing says that the high one is chance.
    spiked = g.copy()
    spiked[int(np.argmin(np.abs(r - 2.3)))] = 1.2
    assert first_minimum(r, spiked) < first_minimum(r, g)


def test_first_minimum_of_few_frames_is_that_of_many() -> None:
    r, g = double_well()
    expected, missed = expected_counts(r, g, 100.0), 0
    for seed in range(200):
        counts = np.random.default_rng(seed).poisson(expected)
        sampled = np.where(expected > 0, counts * g / np.maximum(expected, 1e-300), 0.0)
        missed += not 2.25 < r[first_minimum(r, sampled, counts)] < 3.3
    assert missed <= 2


def test_first_peak_is_stationary_within_three_errors() -> None:
    r, g = double_well()
    blocks = np.array([g, 0.5 * g, 1.1 * g])
    height = first_peak(r, g)[1]
    # The difference of 0.1 g has an error of sqrt(2) e.
    for sigmas, expected in ((2.9, True), (3.1, False)):
        error = np.full(blocks.shape, 0.1 * height / sigmas / np.sqrt(2.0))
        change = first_peak_change(r, blocks, error)
        assert change.stationary is expected
        np.testing.assert_allclose(change.heights, (height, 1.1 * height), rtol=1e-12, atol=0)
    assert first_peak_change(r, blocks[:1], np.ones((1, r.size))) is None
    assert first_peak_change(r, np.zeros((2, r.size)), np.ones((2, r.size))) is None
    # Without any error nothing can be told.
    assert first_peak_change(r, blocks, np.zeros(blocks.shape)) is None


def test_a_bond_that_vanishes_or_appears_is_a_change_of_its_peak() -> None:
    r, g = double_well()
    height = first_peak(r, g)[1]
    error = np.full((2, r.size), 0.1 * height)
    for blocks, heights in (([g, 0.0 * g], (height, 0.0)), ([0.0 * g, g], (0.0, height))):
        change = first_peak_change(r, np.array(blocks), error)
        assert not change.stationary
        np.testing.assert_allclose(change.heights, heights, rtol=1e-12, atol=0)


def test_barrier_is_refused_below_ten_counts() -> None:
    r, g = double_well()
    found = barriers(r, g, np.full(r.size, 3), 500.0)
    assert found.formation_ev is None
    assert "only 9 pairs" in found.note
    one = np.zeros(r.size, dtype=int)
    one[int(np.argmin(np.where((r > 2.3) & (r < 3.2), g, np.inf)))] = 1
    assert "only 1 pair at the minimum" in barriers(r, g, one, 500.0).note


def test_barrier_error_is_that_of_counting() -> None:
    r, g = double_well()
    found = barriers(r, g, np.full(r.size, 30), 500.0)
    thermal = BOLTZMANN_EV_PER_K * 500.0
    np.testing.assert_allclose(found.error_ev, thermal / np.sqrt(90), rtol=1e-9, atol=0)
    many = barriers(r, g, np.full(r.size, 10_000_000), 500.0)
    # The mean of -ln n is 1/(2n) too large.
    np.testing.assert_allclose(many.formation_ev - found.formation_ev, thermal / 180, rtol=1e-3, atol=0)
