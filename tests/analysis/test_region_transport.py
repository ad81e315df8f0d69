"""Regions fixed in space: walkers whose truth is known, and a balance of atoms that is exact."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.onsager import OnsagerSettings, onsager_window
from mlip_interfaces.analysis.region_transport import RegionWindow, SlabFluxes, region_windows, slab_fluxes
from mlip_interfaces.analysis.slab import Slab
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM

KELVIN, LENGTH = 500.0, 40.0
VOLUME = LENGTH**3
THERMAL = BOLTZMANN_EV_PER_K * KELVIN
KINDS = ("Li", "S")


def settings(charges=(1.0, -2.0), **options) -> OnsagerSettings:
    return OnsagerSettings(1.0, 0.0, KELVIN, charges, **options)


def walkers(
    rng: np.random.Generator, n_frames: int, counts=(80, 60), own=(0.02, 0.01)
) -> tuple[np.ndarray, np.ndarray]:
    """Paths (n_frames, n_atoms, 3) of independent walkers that start anywhere, and their species."""
    species = np.repeat(np.arange(len(counts)), counts)
    steps = rng.normal(size=(n_frames, species.size, 3)) * np.sqrt(2 * np.array(own))[species][:, None]
    steps[0] = rng.random((species.size, 3)) * LENGTH
    return np.cumsum(steps, axis=0), species


def region(
    path: np.ndarray, species: np.ndarray, slab: Slab, n_windows: int = 1, **options
) -> tuple[object, tuple[RegionWindow, ...]]:
    names = KINDS[: species.max() + 1]
    depths = path[:, :, 2] / LENGTH % 1.0
    options.setdefault("charges", (1.0, -2.0)[: len(names)])
    return region_windows(
        path - path[0], depths, species, [slab] * n_windows, np.full(len(path), VOLUME), settings(**options), names
    )


def fluxes(path: np.ndarray, slab: Slab, n_windows: int = 1, species: np.ndarray | None = None) -> SlabFluxes:
    species = np.zeros(path.shape[1], dtype=np.int64) if species is None else species
    depths = (path[:, :, 2] / LENGTH % 1.0).astype(np.float32)
    areas, times = np.full(len(path), LENGTH**2), np.arange(len(path)) * 0.5
    return slab_fluxes(depths, species, [slab] * n_windows, areas, times, int(species.max()) + 1)


def test_independent_walkers_have_no_cross_term_and_the_conductivity_of_the_regions_own_density() -> None:
    path, species = walkers(np.random.default_rng(1), 4000, own=(0.004, 0.002))
    slab = Slab(0.8, 0.45)
    found, (window,) = region(path, species, slab, first_lag_ps=1.0)
    error = found.l_error_per_ev_angstrom_ps
    assert abs(found.l_per_ev_angstrom_ps[0, 1]) < 4 * error[0, 1]
    inside = slab.inside(path[0, :, 2] / LENGTH)
    numbers = np.bincount(species[inside])
    assert window.n_atoms.tolist() == numbers.tolist()
    own = numbers * np.array([0.004, 0.002]) / (THERMAL * 0.45 * VOLUME)
    assert (np.abs(np.diag(found.l_per_ev_angstrom_ps) - own) < 4 * np.diag(error)).all()
    np.testing.assert_allclose(found.l_self_per_ev_angstrom_ps, own, rtol=0.03, atol=0)
    nernst_einstein = (own * np.array([1.0, 4.0])).sum() * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM
    assert abs(found.conductivity_s_per_cm - nernst_einstein) < 4 * found.conductivity_error_s_per_cm
    assert found.conductivity_error_s_per_cm < 0.1 * nernst_einstein
    np.testing.assert_allclose(found.nernst_einstein_s_per_cm, nernst_einstein, rtol=0.03, atol=0)


def test_rigid_pairs_are_fully_correlated_in_their_region() -> None:
    path, _ = walkers(np.random.default_rng(2), 400, counts=(70,), own=(0.02,))
    both = np.concatenate([path, path + np.array([0.0, 1.0, 0.0])], axis=1)
    found, _ = region(both, np.repeat([0, 1], 70), Slab(0.1, 0.4), n_windows=2)
    np.testing.assert_allclose(found.correlation, 1.0, rtol=1e-9, atol=0)


def test_the_whole_cell_is_a_region_that_obeys_the_sum_rule() -> None:
    path, species = walkers(np.random.default_rng(3), 300)
    masses = np.array([6.94, 32.06])
    own = masses[species]
    moved = path - path[0]
    moved -= (moved * own[:, None]).sum(axis=1, keepdims=True) / own.sum()
    depths = path[:, :, 2] / LENGTH % 1.0
    found, (window,) = region_windows(moved, depths, species, [Slab(0.3, 1.0)], np.full(300, VOLUME), settings(), KINDS)
    l_matrix = found.l_per_ev_angstrom_ps
    np.testing.assert_allclose(masses @ l_matrix, 0.0, rtol=0, atol=1e-9 * np.abs(l_matrix).max() * 32)
    everyone = onsager_window(
        [moved[:, species == index] for index in (0, 1)], OnsagerSettings(1.0, VOLUME, KELVIN, (1.0, -2.0))
    )
    np.testing.assert_array_equal(l_matrix, everyone.l_per_ev_angstrom_ps)
    assert window.survivors.tolist() == [1.0, 1.0]
    assert window.n_atoms.tolist() == [80, 60]


def test_moving_atoms_and_slab_together_changes_nothing() -> None:
    path, species = walkers(np.random.default_rng(4), 240)
    # A power of two, so that depths keep their last bit.
    shift = np.array([17.0, -3.0, LENGTH * 0.75])
    still, before = region(path, species, Slab(0.5, 0.25), n_windows=3)
    moved, after = region(path + shift, species, Slab(0.25, 0.25), n_windows=3)
    np.testing.assert_allclose(moved.l_per_ev_angstrom_ps, still.l_per_ev_angstrom_ps, rtol=1e-9, atol=0)
    for one, other in zip(before, after, strict=True):
        assert one.n_atoms.tolist() == other.n_atoms.tolist()
        assert one.survivors.tolist() == other.survivors.tolist()
    first, second = fluxes(path, Slab(0.5, 0.25)), fluxes(path + shift, Slab(0.25, 0.25))
    np.testing.assert_array_equal(first.lower.passages, second.lower.passages)
    np.testing.assert_allclose(first.inside.passages, second.inside.passages, rtol=0, atol=1e-4)


def two_halves(rng: np.random.Generator, n_frames: int, n_atoms: int, across: float) -> np.ndarray:
    """Walkers with D = 0.02 in the lower half of the cell and 0.002 in the upper one; steps in z times `across`."""
    path = np.empty((n_frames, n_atoms, 3))
    path[0] = rng.random((n_atoms, 3)) * LENGTH
    for t in range(1, n_frames):
        d = np.where(path[t - 1, :, 2] % LENGTH < LENGTH / 2, 0.02, 0.002)
        path[t] = path[t - 1] + rng.normal(size=(n_atoms, 3)) * np.sqrt(2 * d)[:, None] * [1.0, 1.0, across]
    return path


def test_halves_of_different_diffusivity_are_told_apart() -> None:
    path = two_halves(np.random.default_rng(5), 2400, 400, across=0.1)
    species = np.zeros(400, dtype=np.int64)
    for slab, diffusivity in ((Slab(0.0, 0.5), 0.02), (Slab(0.5, 0.5), 0.002)):
        found, windows = region(path, species, slab, n_windows=40, first_lag_ps=1.0, directions="xy")
        expected = np.mean([window.n_atoms[0] for window in windows]) / (VOLUME / 2) * diffusivity / THERMAL
        assert min(window.survivors[0] for window in windows) > 0.98
        assert abs(found.l_per_ev_angstrom_ps[0, 0] - expected) < 4 * found.l_error_per_ev_angstrom_ps[0, 0]
        assert found.l_error_per_ev_angstrom_ps[0, 0] < 0.05 * expected
        np.testing.assert_allclose(found.l_self_per_ev_angstrom_ps[0], expected, rtol=0.05, atol=0)


def test_the_longer_the_window_the_more_of_the_other_half_is_in_the_number_and_survivors_say_so() -> None:
    path = two_halves(np.random.default_rng(5), 2400, 400, across=1.0)
    species = np.zeros(400, dtype=np.int64)
    ratios, left = [], []
    for n_windows in (1, 6, 40):
        values, share = [], []
        for slab in (Slab(0.0, 0.5), Slab(0.5, 0.5)):
            found, windows = region(path, species, slab, n_windows=n_windows, first_lag_ps=1.0)
            values.append(found.l_self_per_ev_angstrom_ps[0] / np.mean([window.n_atoms[0] for window in windows]))
            share.append(np.mean([window.survivors[0] for window in windows]))
        left.append(min(share))
        ratios.append(values[0] / values[1])
    # Ten with windows that nobody leaves.
    assert ratios[0] < 0.7 * ratios[1] < 0.7 * ratios[2]
    assert 7.5 < ratios[2] < 10.0
    assert left[0] < 0.5 < left[1] < left[2]
    assert 0.9 < left[2] < 1.0


def test_survivors_fall_with_the_window_as_diffusion_out_of_a_slab_says() -> None:
    path, species = walkers(np.random.default_rng(6), 400, counts=(4000,), own=(0.1,))
    _, (window,) = region(path, species, Slab(0.25, 0.25))
    # Chance to be in the slab again, from anywhere in it, on the line with its images.
    z = (np.arange(400) + 0.5) / 400 * 10.0
    spread = np.sqrt(2 * 0.1 * 399)
    expected = np.mean(
        [
            np.exp(-((z[:, None] - z[None] + image * LENGTH) ** 2) / (2 * spread**2)) / np.sqrt(2 * np.pi * spread**2)
            for image in range(-3, 4)
        ],
        axis=(1, 2),
    ).sum() * 10.0  # fmt: skip
    # A thousand atoms: 1.6 % of one.
    np.testing.assert_allclose(window.survivors[0], expected, rtol=0, atol=0.06)


def test_intervals_of_a_region_cover_the_truth_while_atoms_cross_its_border() -> None:
    rng = np.random.default_rng(7)
    inside, n_replicas, left = np.zeros((2, 2)), 200, []
    truth = np.array([0.02, 0.01])
    for _ in range(n_replicas):
        path, species = walkers(rng, 160, counts=(60, 40))
        found, windows = region(path, species, Slab(0.9, 0.5), n_windows=2, first_lag_ps=1.0)
        numbers = np.mean([window.n_atoms for window in windows], axis=0)
        expected = np.diag(numbers * truth) / (THERMAL * 0.5 * VOLUME)
        low, high = found.l_confidence_95_per_ev_angstrom_ps
        inside += (low <= expected) & (expected <= high)
        left.append(min(window.survivors.min() for window in windows))
    assert 0.85 < np.mean(left) < 0.99
    assert (inside >= 176).all()
    assert (inside <= 198).all()


def test_a_walk_of_one_direction_is_that_direction_of_all_three() -> None:
    path, species = walkers(np.random.default_rng(8), 300)
    path = path * np.array([1.0, 2.0, 0.5])
    everything, _ = region(path, species, Slab(0.0, 0.4), first_lag_ps=1.0)
    by_direction = everything.l_by_direction_per_ev_angstrom_ps
    assert by_direction.shape == (3, 2, 2)
    np.testing.assert_allclose(by_direction.mean(axis=0), everything.l_per_ev_angstrom_ps, rtol=1e-9, atol=0)
    np.testing.assert_allclose(by_direction[1, 0, 0] / by_direction[2, 0, 0], 16.0, rtol=0.6, atol=0)
    only, _ = region(path, species, Slab(0.0, 0.4), first_lag_ps=1.0, directions="y")
    own = np.diag(only.l_per_ev_angstrom_ps)
    # The weights of the lags are those of another path; the diagonal is known to a few per cent either way.
    np.testing.assert_allclose(np.diag(by_direction[1]), own, rtol=0.1, atol=0)
    error = np.diagonal(everything.l_error_by_direction_per_ev_angstrom_ps, axis1=1, axis2=2)
    assert (error / np.diagonal(by_direction, axis1=1, axis2=2) > 0.03).all()


def test_the_mean_over_windows_has_the_error_of_their_scatter() -> None:
    rng = np.random.default_rng(9)
    path, species = walkers(rng, 4000, own=(0.002, 0.001))
    found, windows = region(path, species, Slab(0.2, 0.6), n_windows=40, first_lag_ps=1.0)
    values = np.array([window.transport.l_per_ev_angstrom_ps for window in windows])
    np.testing.assert_allclose(found.l_per_ev_angstrom_ps, values.mean(axis=0), rtol=1e-12, atol=0)
    scatter = values.std(axis=0, ddof=1) / np.sqrt(40)
    # Forty windows: the scatter is known to eleven per cent.
    np.testing.assert_allclose(found.l_error_per_ev_angstrom_ps, scatter, rtol=0.4, atol=0)
    assert (found.time_start_ps, found.time_end_ps) == (0.0, 3999.0)


@pytest.mark.parametrize("n_windows", [1, 3])
def test_passages_add_up_to_the_change_of_number_exactly(n_windows: int) -> None:
    rng = np.random.default_rng(10)
    path, species = walkers(rng, 400, own=(0.5, 0.2))
    path[:, :, 2] += np.linspace(0.0, 3.3 * LENGTH, 400)[:, None]
    found = fluxes(path, Slab(0.7, 0.45), n_windows, species)
    net = found.lower.passages - found.upper.passages
    np.testing.assert_array_equal(found.n_end - found.n_start, net)
    np.testing.assert_array_equal(found.n_start[1:], found.n_end[:-1])
    depths = (path[:, :, 2] / LENGTH % 1.0).astype(np.float32)
    inside = Slab(0.7, 0.45).inside(depths)
    for index in (0, 1):
        change = int(inside[-1, species == index].sum()) - int(inside[0, species == index].sum())
        assert net[:, index].sum() == change
        duration = found.time_end_ps - found.time_start_ps
        balance = ((found.lower.flux_per_angstrom2_ps - found.upper.flux_per_angstrom2_ps)[:, index] * duration).sum()
        np.testing.assert_allclose(balance * LENGTH**2, change, rtol=0, atol=1e-9)


def test_passages_equal_following_every_atom_through_every_plane() -> None:
    path, _ = walkers(np.random.default_rng(11), 100, counts=(30,), own=(2.0,))
    slab = Slab(0.3, 0.25)
    found = fluxes(path, slab)
    z = path[:, :, 2]
    starts = (found.time_start_ps / 0.5).round().astype(int)
    ends = (found.time_end_ps / 0.5).round().astype(int)

    def through(plane: float, first: int, last: int) -> int:
        images = np.arange(-50, 51)[:, None] * LENGTH + plane
        return int(((z[last] > images).sum(axis=0) - (z[first] > images).sum(axis=0)).sum())

    for k, (first, last) in enumerate(zip(starts, ends, strict=True)):
        assert found.lower.passages[k, 0] == through(0.3 * LENGTH, first, last)
        assert found.upper.passages[k, 0] == through(0.55 * LENGTH, first, last)
        planes = (0.3 + 0.25 * (np.arange(2000) + 0.5) / 2000) * LENGTH
        mean = np.mean([through(plane, first, last) for plane in planes])
        np.testing.assert_allclose(found.inside.passages[k, 0], mean, rtol=0, atol=30 / 2000)


def test_a_flow_is_its_flux_through_every_plane_until_it_ends() -> None:
    rng = np.random.default_rng(12)
    path, _ = walkers(rng, 2000, counts=(4000,), own=(0.001,))
    path[:, :, 2] += np.cumsum(np.where(np.arange(2000) < 1000, 0.05, 0.0))[:, None]
    found = fluxes(path, Slab(0.6, 0.3))
    # 4000 atoms at 0.1 angstrom/ps: n v.
    expected = 4000 / VOLUME * 0.1
    for plane in (found.lower, found.upper, found.inside):
        np.testing.assert_allclose(plane.flux_per_angstrom2_ps[1:9, 0].mean(), expected, rtol=0.05, atol=0)
        since = plane.zero_since_ps[0]
        assert since is not None
        assert since >= 499.0
    assert fluxes(path[:1000], Slab(0.6, 0.3)).inside.zero_since_ps == (None,)


def test_walkers_at_rest_on_average_have_no_flux_within_two_errors() -> None:
    path, _ = walkers(np.random.default_rng(13), 8000, counts=(300,), own=(0.02,))
    found = fluxes(path, Slab(0.1, 0.3), n_windows=100)
    for plane in (found.lower, found.upper, found.inside):
        calm = np.abs(plane.flux_per_angstrom2_ps) <= 2 * plane.error_per_angstrom2_ps
        # 95 % of a hundred intervals and more, as the larger of two errors counts; five sigma below.
        assert calm.mean() > 0.85
    # The error is that of the scatter, to 7 % in a hundred intervals.
    scatter = found.inside.flux_per_angstrom2_ps.std()
    np.testing.assert_allclose(found.inside.error_per_angstrom2_ps.mean(), scatter, rtol=0.35, atol=0)


def test_a_lattice_plane_that_rattles_through_the_border_is_no_flux() -> None:
    rng = np.random.default_rng(14)
    path = np.zeros((4000, 50, 3))
    path[:, :, 2] = LENGTH / 4 + rng.normal(0, 0.1, (4000, 1)) + rng.normal(0, 0.01, (4000, 50))
    found = fluxes(path, Slab(0.25, 0.5))
    assert np.abs(found.lower.passages).max() > 20
    assert (np.abs(found.lower.flux_per_angstrom2_ps) < 2 * found.lower.error_per_angstrom2_ps).mean() > 0.9
    # Averaged over the slab, next to nothing: 0.1 of 20 angstrom.
    assert np.abs(found.inside.passages).max() < 1.0


def test_empty_regions_and_short_windows_are_refused() -> None:
    path, species = walkers(np.random.default_rng(15), 120)
    path[80:, species == 1, 2] = LENGTH * 0.9
    with pytest.raises(AnalysisError, match="holds no S at 80 ps, where window 3 of 3 starts"):
        region(path, species, Slab(0.0, 0.5), n_windows=3)
    with pytest.raises(AnalysisError, match="A window of 30 frames is too short"):
        region(path, species, Slab(0.0, 0.5), n_windows=4)
    for width in (0.0, 1.5, np.nan):
        with pytest.raises(AnalysisError, match="share of the cell"):
            Slab(0.0, width)
