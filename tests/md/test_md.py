"""The MD deck with the real LAMMPS, and the verdict on a run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md import HealthBounds, MDProtocol, judge_run, md_command
from mlip_interfaces.md.health import COLUMNS
from mlip_interfaces.programs import program_environment
from mlip_interfaces.trajectory import read_trajectory

BOUNDS = HealthBounds(2.0, 0.15, 0.2, 1.1)


def write_thermo(file: Path, **changes: np.ndarray) -> Path:
    time = np.linspace(0, 10, 101)
    columns = {
        "time_ps": time,
        "temperature_kelvin": 300 + 10 * np.sin(time),
        "pressure_bar": np.zeros(101),
        "density_g_per_cm3": np.full(101, 2.5),
        "potential_energy_ev": np.full(101, -500.0),
        "min_distance_angstrom": np.full(101, 1.7),
    } | changes
    np.savetxt(
        file, np.column_stack([columns[name] for name in COLUMNS]), delimiter=",", header=",".join(COLUMNS), comments=""
    )
    return file


def judge(file: Path):
    return judge_run(file, target_kelvin=300, requested_ps=10, n_atoms=200, bounds=BOUNDS)


def test_quiet_run_is_healthy(tmp_path: Path) -> None:
    verdict = judge(write_thermo(tmp_path / "thermo.csv"))
    assert verdict.healthy
    np.testing.assert_allclose(verdict.density_mean_g_per_cm3, 2.5, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("temperature_kelvin", np.linspace(300, 700, 101), "temperature reached 700 K"),
        ("temperature_kelvin", np.full(101, 400.0), "mean temperature of the second half is 400 K"),
        ("density_g_per_cm3", np.linspace(2.5, 1.8, 101), "density changed by 28 %"),
        ("min_distance_angstrom", np.linspace(1.7, 0.9, 101), "as close as 0.90 angstrom"),
        ("time_ps", np.linspace(0, 4, 101), "ended at 4 ps of 10 ps"),
        ("potential_energy_ev", np.where(np.arange(101) == 50, np.nan, -500.0), "not finite"),
    ],
)
def test_each_bound_is_named_when_left(tmp_path: Path, column: str, values: np.ndarray, reason: str) -> None:
    verdict = judge(write_thermo(tmp_path / "thermo.csv", **{column: values}))
    assert not verdict.healthy
    assert reason in " ".join(verdict.reasons)


def test_half_a_line_at_the_end_is_ignored(tmp_path: Path) -> None:
    file = write_thermo(tmp_path / "thermo.csv")
    with file.open("a") as handle:
        handle.write("10.1,30")
    assert judge(file).healthy


def test_absent_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be read"):
        judge(tmp_path / "absent.csv")


def run_deck(write_deck: Callable, folder: Path, protocol: MDProtocol, bounds: HealthBounds) -> str:
    """Run the deck on argon."""
    command = write_deck(folder, protocol, bounds)
    log = subprocess.run(
        command, shell=True, cwd=folder, env=program_environment(), capture_output=True, text=True, check=False
    )
    assert log.returncode == 0, log.stdout[-2000:]
    return log.stdout


PROTOCOL = MDProtocol("npt", 30.0, (1.0, 1.0, 1000.0), 2.0, 2.0, 0.02, 5)


def test_deck_writes_what_the_analysis_reads(argon: Callable, tmp_path: Path) -> None:
    run_deck(argon, tmp_path / "run", PROTOCOL, BOUNDS)
    verdict = judge_run(tmp_path / "run" / "thermo.csv", target_kelvin=30, requested_ps=2.0, n_atoms=108, bounds=BOUNDS)
    assert verdict.healthy, verdict.reasons
    (tmp_path / "layers.json").write_text(f'{{"symbols": {["Ar"] * 108}, "layer": {["a"] * 108}}}'.replace("'", '"'))
    trajectory = read_trajectory(tmp_path / "run" / "traj.dcd", tmp_path / "layers.json", frame_interval_ps=0.02)
    assert trajectory.positions.shape == (101, 108, 3)
    np.testing.assert_allclose(trajectory.times_ps[-1], 2.0, rtol=1e-12, atol=0)
    # The tilt of the cell survives the DCD, and its volume is that of the thermo table.
    assert abs(trajectory.cells[0, 1, 0]) > 1.0
    mass = 108 * 39.95 * 1.66053907
    density = mass / abs(np.linalg.det(trajectory.cells[-1]))
    np.testing.assert_allclose(
        density, np.loadtxt(tmp_path / "run" / "thermo.csv", delimiter=",", skiprows=1)[-1, 3], rtol=1e-4, atol=0
    )
    steps = np.diff(trajectory.positions, axis=0)
    assert np.abs(steps).max() < 1.0, "unwrapped: no atom jumps by a cell"


@pytest.mark.parametrize(
    ("bounds", "word"),
    [
        (HealthBounds(0.5, 0.9, 0.9, 0.1), "temperature reached"),
        (HealthBounds(9.0, 0.9, 0.9, 3.6), "as close as"),
        (HealthBounds(9.0, 0.9, 1e-6, 0.1), "density changed"),
    ],
)
def test_deck_stops_a_run_that_leaves_its_bounds(
    argon: Callable, tmp_path: Path, bounds: HealthBounds, word: str
) -> None:
    run_deck(argon, tmp_path / "run", PROTOCOL, bounds)
    verdict = judge_run(tmp_path / "run" / "thermo.csv", target_kelvin=30, requested_ps=2.0, n_atoms=108, bounds=bounds)
    assert not verdict.healthy
    assert word in " ".join(verdict.reasons)
    assert verdict.time_ps < 1.0


def test_reaction_protocol_of_the_seed_is_in_the_command() -> None:
    protocol = MDProtocol("npt", 300.0, (1.0, 1.0, 1000.0), 2000.0, 1.0, 0.5, 1)
    command = md_command(protocol, BOUNDS, deck="d.in", data="m.data", potential="m.pb", elements=["Li", "Co"])
    for part in ("-var px 1 ", "-var py 1 ", "-var pz 1000 ", "-var steps 2000000 ", "-var timestep 0.001 ", "'Li Co'"):
        assert part in command
