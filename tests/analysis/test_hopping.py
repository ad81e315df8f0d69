"""Arrhenius fits, van Hove functions, residence times and densities against what is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io.cube import read_cube_data
from scipy.stats import maxwell

from mlip_interfaces.analysis.arrhenius import arrhenius_fit, jump_statistics, nernst_einstein_s_per_cm
from mlip_interfaces.analysis.density_grid import DensityGridAccumulator, write_density_cube
from mlip_interfaces.analysis.rdf import PairCounter, RdfAccumulator
from mlip_interfaces.analysis.residence import absorbing_slab_survival, residence_times, slab_survival
from mlip_interfaces.analysis.van_hove import van_hove
from mlip_interfaces.errors import AnalysisError

KELVIN = [600, 650, 700, 720, 800, 900, 1050, 1200, 1500]
D = np.array([1.24, 1.56, 2.13, 1.85, 3.51, 4.85, 8.24, 13.8, 18.3]) * 1e-6
ERROR = np.array([0.34, 0.405, 0.557, 0.387, 0.70, 0.699, 1.34, 1.49, 2.58]) * 1e-6


def test_published_arrhenius_fit_of_llzo_comes_out() -> None:
    # He et al. (2018), with their k = 8.617e-5 eV/K.
    fit = arrhenius_fit(KELVIN, D, ERROR)
    np.testing.assert_allclose(fit.activation_energy_ev, 0.258128283, rtol=1e-4, atol=0)
    np.testing.assert_allclose(fit.activation_energy_error_ev, 0.016832020, rtol=1e-4, atol=0)
    value, low, high = fit.diffusivity(300.0)
    np.testing.assert_allclose(value, 6.80754e-9, rtol=1e-4, atol=0)
    sigma = 1000 * nernst_einstein_s_per_cm(value, 300.0, n_ions=56, volume_angstrom3=12.98**3)
    np.testing.assert_allclose(sigma, 1.0803651, rtol=3e-4, atol=0)
    # The interval at 300 K against refits of data scattered by their errors.
    rng = np.random.default_rng(1)
    exact = np.array([fit.diffusivity(t)[0] for t in KELVIN])
    refits = [
        np.log10(
            arrhenius_fit(KELVIN, exact * np.exp(rng.normal(0, ERROR / D)), exact * ERROR / D).diffusivity(300.0)[0]
        )
        for _ in range(400)
    ]
    np.testing.assert_allclose(np.log10(high / low) / 2, np.std(refits), rtol=0.15, atol=0)


def test_exact_rates_give_their_barrier_and_bad_input_is_refused() -> None:
    kelvin = np.array([400.0, 600.0, 900.0])
    values = 1e-3 * np.exp(-0.3 / (8.617333262e-5 * kelvin))
    fit = arrhenius_fit(kelvin, values, 0.1 * values)
    np.testing.assert_allclose([fit.activation_energy_ev, fit.prefactor_cm2_per_s], [0.3, 1e-3], rtol=1e-7, atol=0)
    with pytest.raises(AnalysisError, match="two temperatures"):
        arrhenius_fit([500.0], [1e-6], [1e-7])
    with pytest.raises(AnalysisError, match="at 600 K"):
        arrhenius_fit(kelvin, values * [1, -1, 1], values)


def test_jump_statistics_follow_the_published_formula() -> None:
    jumps, error = jump_statistics(56, 90.0, 3.0)
    np.testing.assert_allclose([jumps, error], [560.0, 3.43 / np.sqrt(560) + 0.04], rtol=1e-12, atol=0)


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


def test_lattice_hopping_has_its_residence_time() -> None:
    rng = np.random.default_rng(3)
    hop = rng.random((2000, 50)) < 0.02
    direction = np.eye(3)[rng.integers(0, 3, (2000, 50))] * rng.choice([-1, 1], (2000, 50, 1))
    path = np.cumsum(hop[..., None] * direction * 3.0, axis=0) + rng.normal(0, 0.2, (2000, 50, 3))
    found = residence_times(path, 0.5, jump_distance_angstrom=2.0, smooth_frames=1)
    # A hop in a frame with probability 0.02: 0.5 ps / 0.02.
    assert abs(found.residence_time_ps - 25.0) < 4 * found.residence_time_error_ps
    assert found.residence_time_error_ps < 1.0
    still = residence_times(rng.normal(0, 0.1, (500, 10, 3)), 1.0, jump_distance_angstrom=2.0, smooth_frames=5)
    assert still.n_jumps == 0
    assert still.residence_time_ps == np.inf
    np.testing.assert_allclose(still.lower_bound_ps, 10 * 495 / 3, rtol=1e-12, atol=0)


def test_survival_between_absorbing_walls_gives_the_diffusivity_back() -> None:
    np.testing.assert_allclose(absorbing_slab_survival(np.array([10.0]), 0.1, 10.0)[0], 8 / np.pi**2 * sum(
        np.exp(-(n * np.pi / 10) ** 2) / n**2 for n in (1, 3, 5, 7)), rtol=1e-3)  # fmt: skip
    rng = np.random.default_rng(4)
    dt, d = 0.02, 0.5
    path = rng.uniform(-20, 20, 600) + np.cumsum(rng.normal(0, np.sqrt(2 * d * dt), (2000, 600)), axis=0)
    found = slab_survival(path, -5.0, 5.0, dt, max_lag_ps=20.0)
    assert abs(found.diffusivity_cm2_per_s * 1e4 - d) < 4 * found.diffusivity_error_cm2_per_s * 1e4
    assert found.diffusivity_error_cm2_per_s * 1e4 < 0.15 * d
    assert found.survival[0] == 1.0
    assert (np.diff(found.survival) <= 1e-12).all()
    with pytest.raises(AnalysisError, match="No atom is between"):
        slab_survival(path, 1000.0, 1001.0, dt, max_lag_ps=1.0)
    with pytest.raises(AnalysisError, match="longer run"):
        slab_survival(np.zeros((50, 5)), -5.0, 5.0, dt, max_lag_ps=1.0)
    with pytest.raises(AnalysisError, match="more often"):
        slab_survival(rng.uniform(-50, 50, (200, 80)), -5.0, 5.0, dt, max_lag_ps=1.0)


@pytest.mark.parametrize("dt", [0.05, 0.2])
def test_rarely_written_frames_do_not_slow_atoms_down(dt: float) -> None:
    # Crossings between frames go unseen: without the shifted walls 0.89 and 0.81 of the truth.
    rng = np.random.default_rng(7)
    ratios = []
    for _ in range(6):
        path = rng.uniform(-20, 20, 600) + np.cumsum(rng.normal(0, np.sqrt(dt), (int(40 / dt), 600)), axis=0)
        ratios.append(slab_survival(path, -5.0, 5.0, dt, max_lag_ps=20.0).diffusivity_cm2_per_s * 1e4 / 0.5)
    assert abs(np.mean(ratios) - 1.0) < 4 * np.std(ratios, ddof=1) / np.sqrt(6)
    assert abs(np.mean(ratios) - 1.0) < 0.1


def test_density_integrates_to_the_atoms_and_survives_its_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    atoms = Atoms("Li2S2", positions=rng.random((4, 3)) * 5, cell=[[6, 0, 0], [1, 5, 0], [0, 1, 7]], pbc=True)
    accumulator = DensityGridAccumulator(np.array([True, True, False, False]), spacing_angstrom=0.5)
    for _ in range(20):
        accumulator.add(atoms.positions + rng.normal(0, 0.5, (4, 3)), np.asarray(atoms.cell))
    grid = accumulator.result()
    voxel = atoms.get_volume() / grid.density_per_angstrom3.size
    np.testing.assert_allclose(grid.density_per_angstrom3.sum() * voxel, 2.0, rtol=1e-12, atol=0)
    write_density_cube(grid, atoms, tmp_path / "li.cube")
    data, back = read_cube_data(str(tmp_path / "li.cube"))
    np.testing.assert_allclose(data, grid.density_per_angstrom3, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(back.positions, atoms.positions, rtol=0, atol=1e-4)
    with pytest.raises(AnalysisError, match="no atom"):
        DensityGridAccumulator(np.zeros(4, dtype=bool))


def test_an_atom_is_densest_where_it_is() -> None:
    accumulator = DensityGridAccumulator(np.array([True]), spacing_angstrom=1.0)
    accumulator.add(np.array([[9.8, 3.1, 4.9]]), np.eye(3) * 10.0)
    density = accumulator.result().density_per_angstrom3
    assert np.unravel_index(density.argmax(), density.shape) == (0, 3, 5)
