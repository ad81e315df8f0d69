"""A run that a bound of the deck halts, with the real LAMMPS: its last good frame, and the frames around it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from mlip_interfaces.books.run import CANDIDATES
from mlip_interfaces.md import TABLE, HealthBounds, MDProtocol
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.md.health import read_thermo
from mlip_interfaces.pipeline.sick_runs import examine_sick_run
from mlip_interfaces.trajectory import open_trajectory

PROTOCOL = MDProtocol("nvt", "free", 200.0, (1.0, 1.0, 1.0), 2.0, 2.0, 0.02, 3)
"""Argon on its lattice, whose atoms come closer than there as soon as they move."""
LOOSE = HealthBounds(100.0, 0.9, 0.9, 0.9, 0.3)


@pytest.fixture(scope="module")
def halted(argon: Callable[..., str], quick_lmp: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of one run whose shortest distance left its bound, and ``a/hot/seed-1`` in it."""
    scan = tmp_path_factory.mktemp("scan")
    directory = scan / "a" / "hot" / "seed-1"
    command = argon(directory, PROTOCOL, replace(LOOSE, min_distance_angstrom=3.1))
    subprocess.run(command, shell=True, cwd=directory, env=quick_lmp, check=True, capture_output=True)
    (directory / DONE).write_text("0\n")
    n_atoms = int((directory / "model.data").read_text().split(" atoms")[0].split()[-1])
    (directory / "layers.json").write_text(json.dumps({"symbols": ["Ar"] * n_atoms, "layer": ["gas"] * n_atoms}))
    return scan


def shortest(positions: np.ndarray, cell: np.ndarray) -> float:
    """By brute force over images."""
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T @ cell
    apart = positions[:, None, None] - positions[None, :, None] + images
    lengths = np.linalg.norm(apart, axis=-1)
    return float(lengths[lengths > 1e-9].min())


def test_last_good_frame_is_the_one_before_the_bound_and_frames_around_it_are_kept(
    halted: Path, tmp_path: Path
) -> None:
    scan = tmp_path / "scan"
    shutil.copytree(halted, scan)
    directory = scan / "a" / "hot" / "seed-1"
    bounds = replace(LOOSE, min_distance_angstrom=3.1)
    found = examine_sick_run(scan, "a/hot/seed-1", PROTOCOL, bounds, min_distance_angstrom=0.7)
    table = read_thermo(directory / TABLE)
    n_frames = len(table["time_ps"])
    assert 3 < n_frames < 101, "the bound was to halt it on its way"
    assert found is not None
    assert found.last_good_frame == n_frames - 2
    assert found.last_good_ps == pytest.approx(0.02 * (n_frames - 2), rel=1e-6, abs=0)
    assert found.candidates == f"a/hot/seed-1/{CANDIDATES}"
    assert str(found).startswith(f"its last good frame is number {n_frames - 2}, at ")
    kept = read(scan / found.candidates, index=":")
    assert found.n_candidates == len(kept) >= 3
    wanted = {n_frames - 1} | {n_frames - 2 - back for back in (0, 1, 2, 4, 8, 16) if back <= n_frames - 2}
    assert {atoms.info["frame"] for atoms in kept} == wanted
    # Positions, cell and atoms are those of the trajectory, and the last of them alone is beyond the bound.
    frames = open_trajectory(directory / "traj.dcd", layers=directory / "layers.json", frame_interval_ps=0.02).read()
    for atoms in kept:
        number = atoms.info["frame"]
        np.testing.assert_allclose(atoms.cell.array, frames.cells[number], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(
            np.linalg.norm(atoms.get_all_distances(mic=True)[0]),
            np.linalg.norm(frames_distances(frames.paths[number], frames.cells[number])),
            rtol=1e-5,
        )
        assert (shortest(atoms.positions, atoms.cell.array) < 3.1) == (number == n_frames - 1)
        assert set(atoms.arrays["layer"]) == {"gas"}
    # A frame that nobody labels is not kept.
    again = examine_sick_run(scan, "a/hot/seed-1", PROTOCOL, bounds, min_distance_angstrom=3.1)
    assert again is not None
    assert again.n_candidates == found.n_candidates - 1
    none = examine_sick_run(scan, "a/hot/seed-1", PROTOCOL, bounds, min_distance_angstrom=9.0)
    assert none is not None
    assert (none.candidates, none.n_candidates) == ("", 0)
    assert not (directory / CANDIDATES).exists()


def frames_distances(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Of all atoms from the first, by the nearest image."""
    images = np.array(np.meshgrid(*[[-2, -1, 0, 1, 2]] * 3)).reshape(3, -1).T @ cell
    return np.linalg.norm((positions - positions[0])[:, None] + images, axis=-1).min(axis=1)


def test_a_run_within_its_bounds_is_not_sick_and_one_that_fell_apart_is(halted: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    shutil.copytree(halted, scan)
    name = "a/hot/seed-1"
    assert examine_sick_run(scan, name, PROTOCOL, LOOSE, min_distance_angstrom=0.7) is None
    # As LAMMPS leaves it where atoms are lost: no line is wrong, the last is the last good one.
    (scan / name / DONE).write_text("1\n")
    found = examine_sick_run(scan, name, PROTOCOL, LOOSE, min_distance_angstrom=0.7)
    assert found is not None
    assert found.last_good_frame == len(read_thermo(scan / name / TABLE)["time_ps"]) - 1
    # A trajectory whose next frame is cut gives those before.
    assert found.n_candidates >= 3


def test_a_run_that_was_wrong_from_the_start_has_no_good_frame(halted: Path) -> None:
    bounds = replace(LOOSE, min_distance_angstrom=9.0)
    found = examine_sick_run(halted, "a/hot/seed-1", PROTOCOL, bounds, min_distance_angstrom=0.7)
    assert found is not None
    assert found.last_good_frame is None
    assert found.last_good_ps is None
    assert str(found) == "no frame of it is good"
