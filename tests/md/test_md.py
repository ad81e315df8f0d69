"""The MD deck with the real LAMMPS, and the verdict on a run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.geometry import cell_to_cellpar

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md import HealthBounds, MDProtocol, judge_run, md_command
from mlip_interfaces.md.health import COLUMNS, COLUMNS_WITHOUT_CELL
from mlip_interfaces.programs import program_environment
from mlip_interfaces.trajectory import read_trajectory

BOUNDS = HealthBounds(2.0, 0.15, 0.2, 0.1, 1.1)
DECK_BOUNDS = replace(BOUNDS, lateral_change=0.5)
"""Argon under 1000 bar along z alone becomes another stacking, a fifth wider."""


def write_thermo(file: Path, names: tuple[str, ...] = COLUMNS, **changes: np.ndarray) -> Path:
    time = np.linspace(0, 10, 101)
    columns = {
        "time_ps": time,
        "temperature_kelvin": 300 + 10 * np.sin(time),
        "pressure_bar": np.zeros(101),
        "density_g_per_cm3": np.full(101, 2.5),
        "potential_energy_ev": np.full(101, -500.0),
        "min_distance_angstrom": np.full(101, 1.7),
        "a_angstrom": np.full(101, 11.0),
        "b_angstrom": np.full(101, 12.7),
        "c_angstrom": np.full(101, 60.0),
        "alpha_degrees": np.full(101, 90.0),
        "beta_degrees": np.full(101, 90.0),
        "gamma_degrees": np.full(101, 120.0),
    } | changes
    np.savetxt(
        file, np.column_stack([columns[name] for name in names]), delimiter=",", header=",".join(names), comments=""
    )
    return file


def judge(file: Path):
    return judge_run(file, target_kelvin=300, requested_ps=10, n_atoms=200, bounds=BOUNDS)


def test_quiet_run_is_healthy(tmp_path: Path) -> None:
    verdict = judge(write_thermo(tmp_path / "thermo.csv"))
    assert verdict.healthy
    np.testing.assert_allclose(verdict.density_mean_g_per_cm3, 2.5, rtol=1e-12, atol=0)
    np.testing.assert_allclose(verdict.edges_initial_angstrom, [11.0, 12.7, 60.0], rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("temperature_kelvin", np.linspace(300, 700, 101), "temperature reached 700 K"),
        ("temperature_kelvin", np.full(101, 400.0), "mean temperature of the second half is 400 K"),
        ("density_g_per_cm3", np.linspace(2.5, 1.8, 101), "density changed by 28 %"),
        (
            "b_angstrom",
            np.linspace(12.7, 10.4, 101),
            "the lateral edge b of the cell went from 12.70 to 10.40 angstrom, by 18.1 %, more than 10 %",
        ),
        (
            "b_angstrom",
            np.concatenate([np.linspace(12.7, 16.0, 50), np.linspace(16.0, 13.0, 51)]),
            "the lateral edge b of the cell went from 12.70 to 16.00 angstrom, by 26 %, more than 10 %",
        ),
        (
            "a_angstrom",
            np.linspace(11.0, 12.3, 101),
            "the lateral edge a of the cell went from 11.00 to 12.30 angstrom",
        ),
        ("min_distance_angstrom", np.linspace(1.7, 0.9, 101), "as close as 0.90 angstrom"),
        ("time_ps", np.linspace(0, 4, 101), "ended at 4 ps of 10 ps"),
        ("time_ps", np.linspace(0, 9.9875, 101), "ended at 9.9875 ps of 10 ps"),
        ("potential_energy_ev", np.where(np.arange(101) == 50, np.nan, -500.0), "not finite"),
    ],
)
def test_each_bound_is_named_when_left(tmp_path: Path, column: str, values: np.ndarray, reason: str) -> None:
    verdict = judge(write_thermo(tmp_path / "thermo.csv", **{column: values}))
    assert not verdict.healthy
    assert reason in " ".join(verdict.reasons)


def test_gaps_that_close_and_a_lattice_that_expands_are_healthy(tmp_path: Path) -> None:
    """The height follows the density, whose bound is its own; 3 % are more than a crystal expands up to 900 K."""
    changes = {"c_angstrom": np.linspace(60, 51, 101), "density_g_per_cm3": np.linspace(2.5, 2.5 * 60 / 51, 101)}
    lateral = {"a_angstrom": np.linspace(11.0, 1.03 * 11.0, 101), "b_angstrom": np.linspace(12.7, 0.97 * 12.7, 101)}
    verdict = judge(write_thermo(tmp_path / "thermo.csv", **changes, **lateral))
    assert verdict.healthy, verdict.reasons
    second_half = np.linspace(0, 1, 101)[50:].mean()
    expected = [11 * (1 + 0.03 * second_half), 12.7 * (1 - 0.03 * second_half), 60 - 9 * second_half]
    np.testing.assert_allclose(verdict.edges_mean_angstrom, expected, rtol=1e-12, atol=0)


def test_table_from_before_the_cell_was_in_it_is_judged_on_what_it_has(tmp_path: Path) -> None:
    old = judge(write_thermo(tmp_path / "old.csv", COLUMNS_WITHOUT_CELL))
    assert old.healthy
    assert old.edges_initial_angstrom is old.edges_mean_angstrom is None
    thinner = {"density_g_per_cm3": np.linspace(2.5, 1.8, 101)}
    assert judge(write_thermo(tmp_path / "thin.csv", COLUMNS_WITHOUT_CELL, **thinner)).reasons == (
        "the density changed by 28 %, more than 20 %",
    )


def test_table_of_other_columns_or_without_a_whole_line_is_refused(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("other", "half", "header", "empty")}
    write_thermo(files["other"], COLUMNS[:7])
    for name, text in (("half", ",".join(COLUMNS) + "\n0,30"), ("header", ",".join(COLUMNS) + "\n"), ("empty", "")):
        files[name].write_text(text)
    for file in files.values():
        with pytest.raises(InputFileError, match=rf"{file.name} is not a thermo\.csv"):
            judge(file)


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


PROTOCOL = MDProtocol("npt", "coupled_xy", 30.0, (1.0, 1.0, 1000.0), 2.0, 2.0, 0.02, 5)


def test_deck_writes_what_the_analysis_reads(argon: Callable, tmp_path: Path) -> None:
    run_deck(argon, tmp_path / "run", PROTOCOL, DECK_BOUNDS)
    verdict = judge_run(
        tmp_path / "run" / "thermo.csv", target_kelvin=30, requested_ps=2.0, n_atoms=108, bounds=DECK_BOUNDS
    )
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
    ("bounds", "along_y_bar", "word"),
    [
        (HealthBounds(0.5, 0.9, 0.9, 0.9, 0.1), 1.0, "temperature reached"),
        (HealthBounds(9.0, 0.9, 0.9, 0.9, 3.6), 1.0, "as close as"),
        (HealthBounds(9.0, 0.9, 1e-6, 0.9, 0.1), 1.0, "density changed"),
        (HealthBounds(9.0, 0.9, 0.9, 0.05, 0.1), 20000.0, "the lateral edge b of the cell went from 15.98 to"),
    ],
)
def test_deck_stops_a_run_that_leaves_its_bounds(
    argon: Callable, tmp_path: Path, bounds: HealthBounds, along_y_bar: float, word: str
) -> None:
    protocol = replace(PROTOCOL, cell="free", pressure_bar=(1.0, along_y_bar, 1000.0))
    run_deck(argon, tmp_path / "run", protocol, bounds)
    verdict = judge_run(tmp_path / "run" / "thermo.csv", target_kelvin=30, requested_ps=2.0, n_atoms=108, bounds=bounds)
    assert not verdict.healthy
    assert word in " ".join(verdict.reasons)
    assert verdict.time_ps < 1.0


def test_reaction_protocol_of_the_seed_is_in_the_command() -> None:
    protocol = MDProtocol("npt", "coupled_xy", 300.0, (1.0, 1.0, 1000.0), 2000.0, 1.0, 0.5, 1)
    command = md_command(protocol, BOUNDS, deck="d.in", data="m.data", potential="m.pb", elements=["Li", "Co"])
    assert command == (
        "lmp -log none -in d.in -var data m.data -var potential m.pb -var elements 'Li Co' -var ensemble npt "
        "-var cell coupled_xy -var temperature 300 -var px 1 -var py 1 -var pz 1000 -var steps 2000000 -var timestep 0.001 "
        "-var dump_every 500 -var checkpoint_every 10000 -var seed 1 -var max_temperature 600 -var density_change 0.2 "
        "-var lateral_change 0.1 -var min_distance 1.1"
    )


# How the cell may change: half a picosecond of close-packed argon, 4 x 4 atoms in each of six planes, in a tilted cell


WIDE = HealthBounds(9.0, 0.9, 0.9, 0.9, 0.1)
RUNS = {
    "coupled_xy": ("npt", (6000.0, 6000.0, 1.0), 120.0),
    "fixed_xy": ("npt", (1.0, 1.0, 6000.0), 60.0),
    "free": ("npt", (20000.0, 1.0, 1.0), 60.0),
    "nvt": ("nvt", (6000.0, 6000.0, 1.0), 60.0),
}
"""Ensemble, pressures and gamma of each."""


def write_argon(file: Path, gamma: float) -> None:
    spacing = 3.75
    a, b = spacing * np.array([1.0, 0.0, 0.0]), spacing * np.array([0.5, np.sqrt(0.75), 0.0])
    up = (a + b) / 3 + np.array([0.0, 0.0, spacing * np.sqrt(2 / 3)])
    places = [i * a + j * b + k * up for i in range(4) for j in range(4) for k in range(6)]
    atoms = "".join(f"{number} 1 {x:.9f} {y:.9f} {z:.9f}\n" for number, (x, y, z) in enumerate(places, 1))
    file.write_text(
        f"argon\n\n96 atoms\n1 atom types\n0 {4 * a[0]} xlo xhi\n0 {4 * b[1]} ylo yhi\n0 {6 * up[2]} zlo zhi\n"
        f"{4 * spacing * np.cos(np.radians(gamma))} 0 0 xy xz yz\n\nMasses\n\n1 39.95\n\nAtoms # atomic\n\n{atoms}"
    )


@pytest.fixture(scope="module")
def folders(argon: Callable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of each kind, in a folder with pieces of an earlier one."""
    root = tmp_path_factory.mktemp("cells")
    for name, (ensemble, pressure_bar, gamma) in RUNS.items():
        cell = "free" if ensemble == "nvt" else name
        command = argon(root / name, MDProtocol(ensemble, cell, 30.0, pressure_bar, 0.5, 2.0, 0.02, 5), WIDE)
        write_argon(root / name / "model.data", gamma)
        for piece in ("traj.100.dcd", "thermo.100.csv"):
            (root / name / piece).touch()
        subprocess.run(command, shell=True, cwd=root / name, env=program_environment(), capture_output=True, check=True)
    return {name: root / name for name in RUNS}


@pytest.fixture(scope="module")
def cells(folders: dict[str, Path]) -> dict[str, np.ndarray]:
    """Edges and angles of each run, by time; the first are those of the data file."""
    found = {
        name: np.loadtxt(folder / "thermo.csv", delimiter=",", skiprows=1)[:, 6:] for name, folder in folders.items()
    }
    for name, rows in found.items():
        start = [15.0, 15.0, 6 * 3.75 * np.sqrt(2 / 3), 90.0, 90.0, RUNS[name][2]]
        np.testing.assert_allclose(rows[0], start, rtol=1e-6, atol=0)
    return found


def test_coupled_edges_keep_their_ratio_while_the_cell_changes(cells: dict[str, np.ndarray]) -> None:
    found = cells["coupled_xy"]
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=1e-6, atol=0)
    change = found[-1, :3] / found[0, :3] - 1
    assert change[0] < -0.005, "6000 bar along a and b"
    assert change[2] > 0.005, "and nearly nothing along c"


def test_fixed_edges_stay_while_the_height_changes(cells: dict[str, np.ndarray]) -> None:
    found = cells["fixed_xy"]
    np.testing.assert_allclose(found[:, :2], 15.0, rtol=1e-9, atol=0)
    assert found[-1, 2] / found[0, 2] < 0.99


def test_free_edges_part(cells: dict[str, np.ndarray]) -> None:
    change = cells["free"][-1, :3] / cells["free"][0, :3] - 1
    assert change[0] < -0.1
    assert change[1] > 0.05


def test_without_a_barostat_nothing_changes(cells: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(cells["nvt"], cells["nvt"][[0]].repeat(26, axis=0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", RUNS)
def test_tilted_cell_keeps_its_angles(cells: dict[str, np.ndarray], name: str) -> None:
    """Also where a shrinks beside b so far that LAMMPS would take b - a for b."""
    angles = cells[name][:, 3:]
    np.testing.assert_allclose(angles, angles[[0]].repeat(len(angles), axis=0), rtol=1e-9, atol=0)
    if name == "free":
        assert (0.5 * cells[name][:, 1] / cells[name][:, 0]).max() > 0.6, "the tilt at which LAMMPS flips a cell"


def test_cell_of_the_table_is_that_of_the_trajectory(folders: dict[str, Path], cells: dict[str, np.ndarray]) -> None:
    layers = folders["coupled_xy"] / "layers.json"
    layers.write_text(json.dumps({"symbols": ["Ar"] * 96, "layer": ["a"] * 96}))
    trajectory = read_trajectory(layers.with_name("traj.dcd"), layers, frame_interval_ps=0.02)
    found = np.array([cell_to_cellpar(cell) for cell in trajectory.cells])
    np.testing.assert_allclose(found, cells["coupled_xy"], rtol=1e-5, atol=0)


def test_run_from_the_start_leaves_no_pieces_of_an_earlier_one(folders: dict[str, Path]) -> None:
    """They would be joined to it in place of its own frames."""
    for folder in folders.values():
        assert sorted(file.name for file in folder.glob("t*.*")) == ["thermo.csv", "traj.dcd"]


def test_deck_started_by_hand_knows_its_kinds_of_cell(argon: Callable, tmp_path: Path) -> None:
    command = argon(tmp_path / "run", PROTOCOL, WIDE).replace("cell coupled_xy", "cell coupled")
    log = subprocess.run(
        command,
        shell=True,
        cwd=tmp_path / "run",
        env=program_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert log.returncode != 0
    assert "cell is coupled; it must be coupled_xy, fixed_xy or free" in log.stdout
    assert not (tmp_path / "run" / "thermo.csv").exists()
