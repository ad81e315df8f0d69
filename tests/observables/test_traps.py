"""Traps of trajectory analysis, from the file to the result: wrapped centres of mass, far origins, boxes that breathe."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlip_interfaces.analysis.diffusion import mean_msd
from mlip_interfaces.analysis.onsager import OnsagerSettings, onsager_window
from mlip_interfaces.observables import Msd, Onsager, Results, analyze
from mlip_interfaces.trajectory import open_trajectory, remove_drift

SYMBOLS = np.array(["Li"] * 30 + ["S"] * 20)
MASSES = np.where(SYMBOLS == "Li", 6.94, 32.06)
LENGTH = 9.0


def walkers(n_frames: int = 400) -> np.ndarray:
    rng = np.random.default_rng(51)
    steps = rng.normal(0, 0.3, (n_frames, 50, 3))
    steps[0] = rng.random((50, 3)) * LENGTH
    return np.cumsum(steps, axis=0)


def write_dump(file: Path, positions: np.ndarray, bounds: np.ndarray) -> Path:
    """Positions as they are; lower and upper bound of the cubic cell in each frame, shape (n_frames, 2)."""
    frames = []
    for t, (frame, (low, high)) in enumerate(zip(positions, bounds, strict=True)):
        rows = "".join(
            f"{i + 1} {symbol} {x:.9f} {y:.9f} {z:.9f}\n"
            for i, (symbol, (x, y, z)) in enumerate(zip(SYMBOLS, frame, strict=True))
        )
        cell = f"{low:.9f} {high:.9f}\n" * 3
        frames.append(
            f"ITEM: TIMESTEP\n{t}\nITEM: NUMBER OF ATOMS\n50\nITEM: BOX BOUNDS pp pp pp\n{cell}"
            f"ITEM: ATOMS id element x y z\n{rows}"
        )
    file.write_text("".join(frames))
    return file


def analyzed(file: Path, drift: str = "com", unwrap="auto") -> Results:
    requests = [Msd(species=("Li",)), Onsager(species=("Li", "S"), temperature_kelvin=500.0)]
    return analyze(open_trajectory(file, frame_interval_ps=1.0, unwrap=unwrap), requests, drift=drift)


def collective(moved: np.ndarray) -> np.ndarray:
    """L_ij of unwrapped displacements."""
    settings = OnsagerSettings(1.0, LENGTH**3, 500.0, (1.0, -2.0))
    return onsager_window([moved[:, :30], moved[:, 30:]], settings).l_per_ev_angstrom_ps


def test_atoms_that_cross_boundaries_do_not_move_the_centre_of_mass(tmp_path: Path) -> None:
    path = walkers()
    bounds = np.repeat([[0.0, LENGTH]], len(path), axis=0)
    found = analyzed(write_dump(tmp_path / "t.lammpstrj", path % LENGTH, bounds))["onsager"]
    expected = collective(remove_drift(path, MASSES))
    np.testing.assert_allclose(found.whole.l_per_ev_angstrom_ps, expected, rtol=1e-4, atol=1e-4 * expected.max())
    # The centre of mass of wrapped positions jumps by m L / M with every crossing, and takes all atoms with it.
    centre = ((path % LENGTH) * MASSES[:, None]).sum(axis=1) / MASSES.sum()
    wrong = collective(path - path[0] - (centre - centre[0])[:, None])
    assert wrong[1, 1] > 10 * expected[1, 1]


def test_atoms_far_from_the_origin_keep_their_msd_though_it_is_stored_in_single_precision(tmp_path: Path) -> None:
    # Steps of 0.003 angstrom a thousand angstrom away, where single precision knows 6e-5.
    path = walkers()
    path = path[0] + (path - path[0]) * 0.01
    bounds = np.repeat([[1000.0, 1000.0 + LENGTH]], len(path), axis=0)
    near = np.repeat([[0.0, LENGTH]], len(path), axis=0)
    far = analyzed(write_dump(tmp_path / "far.lammpstrj", 1000.0 + path % LENGTH, bounds))
    close = analyzed(write_dump(tmp_path / "near.lammpstrj", path % LENGTH, near))
    exact = mean_msd(remove_drift(path, MASSES)[:, :30])
    lags = far["msd"].species["Li"].lags_ps.round().astype(int)
    np.testing.assert_allclose(far["msd"].species["Li"].msd_angstrom2[1:], exact[lags][1:], rtol=1e-4, atol=0)
    np.testing.assert_allclose(close["msd"].species["Li"].msd_angstrom2[1:], exact[lags][1:], rtol=1e-4, atol=0)
    expected = collective(remove_drift(path, MASSES))
    np.testing.assert_allclose(
        far["onsager"].whole.l_per_ev_angstrom_ps, expected, rtol=1e-3, atol=1e-3 * expected.max()
    )


def test_a_box_that_breathes_about_its_centre_displaces_nobody(tmp_path: Path) -> None:
    # Atoms at rest between -4 and 4; the corner of the box moves by 0.3 angstrom with the barostat.
    rng = np.random.default_rng(52)
    positions = np.repeat(rng.uniform(-4.0, 4.0, (1, 50, 3)), 120, axis=0)
    half = 4.5 + 0.3 * np.sin(0.9 * np.arange(120))
    file = write_dump(tmp_path / "npt.lammpstrj", positions, np.stack([-half, half], axis=1))
    found = analyzed(file, drift="none", unwrap="tor")
    assert found["msd"].species["Li"].msd_angstrom2.max() < 1e-12
    assert np.abs(found["onsager"].whole.net_flux_per_angstrom2_ps).max() < 1e-9
    assert np.abs(found["onsager"].whole.l_per_ev_angstrom_ps).max() < 1e-9
