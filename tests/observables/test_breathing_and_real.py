"""From the file to the number: a crystal that flows through a breathing cell, two slabs of unlike mobility, a real argyrodite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory

import mlip_interfaces as mi

ARGYRODITE = Path(__file__).parents[3] / "shared" / "data" / "argyrodite" / "Li6PS5Cl_0p_run1.XDATCAR.gz"
LENGTH = 12.0


@pytest.fixture(scope="module")
def breathing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crystal that flows through the boundaries of a cell that breathes by 5 %: its bonds keep their length in the cell."""
    rng = np.random.default_rng(5)
    frames = []
    lattice = np.array([(i, j, k) for i in range(4) for j in range(4) for k in range(4)]) / 4.0
    for t in range(120):
        length = LENGTH * (1.0 + 0.05 * np.sin(0.7 * t))
        scaled = (lattice + 0.03 * t * np.array([1.0, 0.6, -0.8]) + rng.normal(0, 0.002, lattice.shape)) % 1.0
        atoms = "".join(f"{i + 1} Li {x:.8f} {y:.8f} {z:.8f}\n" for i, (x, y, z) in enumerate(scaled * length))
        bounds = f"0 {length:.10f}\n" * 3
        frames.append(
            f"ITEM: TIMESTEP\n{t}\nITEM: NUMBER OF ATOMS\n64\nITEM: BOX BOUNDS pp pp pp\n{bounds}ITEM: ATOMS id element x y z\n"
            + atoms
        )
    file = tmp_path_factory.mktemp("npt") / "npt.dump"
    file.write_text("".join(frames))
    return file


def test_distances_in_a_breathing_cell_are_those_of_the_atoms_not_of_their_paths(breathing: Path) -> None:
    reader = mi.open_trajectory(breathing, frame_interval_ps=0.1, unwrap="tor")
    asked = [
        mi.Rdf(pairs="Li-Li", r_max_angstrom=5),
        mi.Tetrahedra(center="Li", ligand="Li", average_ps=0.1),
        mi.VanHove(species="Li", lags_ps="0.1", r_max_angstrom=5),
        mi.Density(species="Li", spacing_angstrom=3.0),
    ]
    results = mi.analyze(reader, asked)
    pair = content(results["rdf"])["pairs"]["Li-Li"]
    assert 2.7 < pair["first_peak_angstrom"] < 3.3
    assert pair["coordination_to_first_minimum"] == 6.0
    assert content(results["tetrahedra"])["count_mean"] == 0.0
    table = rows(results["van-hove"])
    assert column(table, "distinct")[column(table, "r_angstrom") < 1.5].max() == 0.0
    # The flow is the drift of all: taken out, each atom stays in the voxel of its site.
    np.testing.assert_allclose(content(results["density"])["n_atoms"], 64, rtol=1e-9, atol=0)


def test_atoms_that_stay_tell_the_diffusivity_of_their_slab() -> None:
    # 0.05 angstrom^2/ps in the lower half, 0.005 in the upper one. Atoms leave: by where they started, the slow half
    # looks half as fast again as it is.
    rng = np.random.default_rng(6)
    n_atoms, n_frames, length = 300, 400, 24.0
    path = np.empty((n_frames, n_atoms, 3))
    path[0] = rng.random((n_atoms, 3)) * length
    for t in range(1, n_frames):
        d = np.where(path[t - 1, :, 2] % length < length / 2, 0.05, 0.005)
        path[t] = path[t - 1] + rng.normal(size=(n_atoms, 3)) * np.sqrt(2 * d)[:, None]
    half = np.where(path[0, :, 2] < length / 2, "fast", "slow").tolist()
    reader = trajectory(path % length, length, ["Li"] * n_atoms, 1.0, layers=half)
    slow = content(found(reader, mi.Msd(species="Li", layer="slow")))["species"]["Li"]
    stayed = slow["in_plane_of_survivors"]
    assert abs(stayed["diffusivity_cm2_per_s"] - 0.005e-4) < 4 * stayed["diffusivity_error_cm2_per_s"]
    np.testing.assert_allclose(stayed["diffusivity_cm2_per_s"], 0.005e-4, rtol=0.06, atol=0)
    assert slow["diffusivity_cm2_per_s"] > 1.2 * stayed["diffusivity_cm2_per_s"]
    assert 0.002e-4 < slow["across_by_survival"]["diffusivity_cm2_per_s"] < 0.02e-4


@pytest.mark.skipif(not ARGYRODITE.is_file(), reason="no real trajectory beside the checkout")
def test_real_argyrodite_has_its_diffusivity_and_its_ps4() -> None:
    # 1.08(6)e-5 cm^2/s from lags of 2 to 7 ps in the frame of the anions.
    reader = mi.open_trajectory(ARGYRODITE, frame_interval_ps=0.1)
    asked = [mi.Msd(species="Li", first_lag_ps=1.7), mi.Chemistry(), mi.Rdf(pairs="P-S")]
    results = mi.analyze(reader, asked, drift="P,S,Cl")
    lithium = content(results["msd"])["species"]["Li"]
    error = lithium["errors_cm2_per_s"]["bootstrap_over_atoms"]
    assert abs(lithium["line_cm2_per_s"] - 1.08e-5) < 3 * np.hypot(error, 0.06e-5)
    assert error < 0.3e-5
    # Which is no diffusivity: that of the whole run of 70 ps, at lags of 10 to 30 ps, is 2.9e-6.
    low, high = lithium["confidence_95_cm2_per_s"]
    assert not lithium["diffusive"]
    assert low < 2.9e-6 < high < 1.5e-5
    assert content(results["chemistry"])["p_s_units"] == {"PS4": 32.0}
    shell = content(results["rdf"])["pairs"]["P-S"]
    assert shell["coordination_to_first_minimum"] == 4.0
    np.testing.assert_allclose(shell["first_peak_angstrom"], 2.05, rtol=0, atol=0.05)
