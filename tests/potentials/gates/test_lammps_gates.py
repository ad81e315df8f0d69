"""The gates that LAMMPS runs: the real decks with another pair style, tables that end early, lines through noise."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from analytic import failed_names
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import write

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.files import write_arrays
from mlip_interfaces.potentials.gates import compiled, drift, heating
from mlip_interfaces.potentials.gates.contract import Found, Gate, Host, MdPlan
from mlip_interfaces.potentials.gates.drift import DRIFT, straight_line
from mlip_interfaces.potentials.gates.heating import HEATING
from mlip_interfaces.potentials.gates.tables import read_columns
from mlip_interfaces.shipped_files import lammps_deck

SETTINGS = Gates(heating_ps=0.4, drift_ps=0.4, drift_warm_up_ps=0.1, min_distance_angstrom=2.0)
PLAN = MdPlan(SETTINGS, ("Ar",), hottest_kelvin=40.0, shortest_timestep_fs=2.0, n_frames=1)
EPSILON, SIGMA, CUTOFF = 0.0104, 3.4, 6.0


def argon() -> Atoms:
    return bulk("Ar", "fcc", a=5.3, cubic=True).repeat(3)


def run(
    gate: Gate, folder: Path, environment: dict[str, str], *, epsilon: float = EPSILON, plan: MdPlan = PLAN
) -> Found:
    """The gate's own deck and command; argon under Lennard-Jones in place of a Deep Potential."""
    assert gate.lammps is not None
    task = folder / gate.name
    task.mkdir(parents=True)
    deck = lammps_deck(gate.lammps.deck).read_text()
    deck = deck.replace("pair_style      deepmd ${potential}", f"pair_style lj/cut {CUTOFF}\npair_modify shift yes")
    deck = deck.replace("pair_coeff      * * ${elements}", f"pair_coeff * * {epsilon} {SIGMA}")
    assert "deepmd ${" not in deck
    (task / "deck.in").write_text(deck)
    for name in ("model.data", "frame.1.data"):
        write(task / name, argon(), format="lammps-data", masses=True, atom_style="atomic")
    words = ["lmp", "-log", "log.lammps", "-in", "deck.in"]
    for name, value in gate.lammps.variables(plan).items():
        words += ["-var", name, value]
    subprocess.run(shlex.join(words), shell=True, cwd=task, env=environment, capture_output=True, check=False)
    return gate.lammps.read(folder, plan)


def value(found: Found, quantity: str) -> float:
    (number,) = [one.value for one in found.measurements if one.quantity == quantity]
    return number


def test_argon_that_is_heated_follows_the_thermostat(tmp_path: Path, quick_lmp: dict[str, str]) -> None:
    found = run(HEATING, tmp_path, quick_lmp)
    assert failed_names(HEATING, found, SETTINGS) == ()
    thermostat = found.curves["thermostat"]
    # To twice the hottest protocol; what is colder than where the ramp begins is not cooled.
    np.testing.assert_allclose(thermostat[1][[0, -1]], [80.0, 80.0], rtol=1e-9, atol=0)
    np.testing.assert_allclose(thermostat[0][-1], 0.4, rtol=1e-9, atol=0)
    assert 3.0 < value(found, heating.DISTANCE) < 4.0
    hotter = run(HEATING, tmp_path / "hotter", quick_lmp, plan=replace(PLAN, hottest_kelvin=100.0))
    np.testing.assert_allclose(hotter.curves["thermostat"][1][[0, -1]], [100.0, 200.0], rtol=1e-9, atol=0)


def test_atoms_that_fall_together_stop_the_heating_and_fail(tmp_path: Path, quick_lmp: dict[str, str]) -> None:
    """Lennard-Jones upside down: a pit without a floor."""
    found = run(HEATING, tmp_path, quick_lmp, epsilon=-EPSILON)
    assert failed_names(HEATING, found, SETTINGS) == ("heating",)
    assert found.measurements[0].note.startswith("ended at ")


def test_argon_keeps_its_energy(tmp_path: Path, quick_lmp: dict[str, str]) -> None:
    found = run(DRIFT, tmp_path, quick_lmp)
    assert failed_names(DRIFT, found, SETTINGS) == ()
    assert 0 < value(found, drift.EXCURSION) < 0.5
    table = read_columns(tmp_path / "drift" / "drift.csv")
    # The warm-up is apart, and the energy has all its digits.
    assert table["time_ps"][0] == 0.0
    assert len(np.unique(table["total_energy_ev_per_atom"])) > 15
    assert np.ptp(table["total_energy_ev_per_atom"]) < 1e-4


def test_atoms_that_fall_together_have_no_drift_and_fail(tmp_path: Path, quick_lmp: dict[str, str]) -> None:
    found = run(DRIFT, tmp_path, quick_lmp, epsilon=-EPSILON)
    assert np.isnan(value(found, drift.SLOPE))
    assert failed_names(DRIFT, found, SETTINGS) == ("drift",)


@pytest.mark.parametrize(("sigma", "passes"), [(SIGMA, True), (SIGMA + 0.05, False)])
def test_lammps_is_compared_with_python_force_by_force(
    tmp_path: Path, quick_lmp: dict[str, str], sigma: float, passes: bool
) -> None:
    """ASE's own Lennard-Jones stands for Python; another sigma is another potential."""
    atoms = argon()
    host = Host(
        "argon", "bulk", ("Ar",) * len(atoms), atoms.positions, atoms.cell.array, np.zeros(len(atoms), dtype=np.int64)
    )
    (frame,) = compiled.frames([host])

    def evaluate(symbols, positions, cells):
        copy = Atoms(symbols, positions=positions[0], cell=cells[0], pbc=True)
        copy.calc = LennardJones(sigma=sigma, epsilon=EPSILON, rc=CUTOFF, smooth=False)
        return np.array([copy.get_potential_energy()]), copy.get_forces()[None]

    (tmp_path / "static").mkdir()
    write_arrays(tmp_path / "static" / "compiled.npz", compiled.reference(evaluate, [host]))
    task = tmp_path / "compiled"
    deck = lammps_deck("gate_compiled.in").read_text()
    deck = deck.replace("pair_style      deepmd ${potential}", f"pair_style lj/cut {CUTOFF}\npair_modify shift yes")
    deck = deck.replace("pair_coeff      * * ${elements}", f"pair_coeff * * {EPSILON} {SIGMA}")
    task.mkdir()
    (task / "deck.in").write_text(deck)
    shaken = Atoms(frame.symbols, positions=frame.positions, cell=frame.cell, pbc=True)
    write(task / "frame.1.data", shaken, format="lammps-data", masses=True, atom_style="atomic")
    subprocess.run(
        ["lmp", "-log", "log.lammps", "-in", "deck.in", "-var", "frames", "1"],
        cwd=task, env=quick_lmp, capture_output=True, check=True,
    )  # fmt: skip
    found = compiled.read(tmp_path, PLAN)
    assert (failed_names(compiled.COMPILED, found, Gates()) == ()) is passes


def test_structures_for_lammps_are_the_same_turned() -> None:
    rng = np.random.default_rng(2)
    cell = rng.normal(0, 1, (3, 3)) + np.diag([6.0, 7.0, 8.0])
    positions = rng.random((5, 3)) @ cell
    host = Host("turned", "bulk", ("Li",) * 5, positions, cell, np.zeros(5, dtype=np.int64))
    (frame,) = compiled.frames([host], shake=False)
    np.testing.assert_allclose(np.triu(frame.cell, 1), 0.0, rtol=0, atol=1e-12)
    for a, b in ((positions, frame.positions), (cell, frame.cell)):
        np.testing.assert_allclose(a @ a.T, b @ b.T, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(frame.cell), np.linalg.det(cell), rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        (["0,100,99,-5,1.9", "1,200,210,-5,1.8", "2,300,310,-5,1.7"], ()),
        # It ended before its time, and no bound says why.
        (["0,100,99,-5,1.9", "1,200,210,-5,1.8"], ("heating",)),
        (["0,100,99,-5,1.9", "1,200,801,-5,1.8"], ("heating",)),
        (["0,100,99,-5,1.9", "1,200,210,-5,0.4"], ("heating",)),
        ([], ("heating",)),
    ],
)
def test_a_heating_that_ends_early_fails(tmp_path: Path, rows: list[str], failed: tuple[str, ...]) -> None:
    (tmp_path / "heating").mkdir()
    head = "time_ps,target_kelvin,temperature_kelvin,potential_energy_ev,min_distance_angstrom"
    (tmp_path / "heating" / "heating.csv").write_text("\n".join([head, *rows]) + "\n")
    plan = replace(PLAN, settings=Gates(heating_ps=2.0))
    found = heating.read(tmp_path, plan)
    assert failed_names(HEATING, found, plan.settings) == failed


def test_slope_is_per_nanosecond_and_per_atom(tmp_path: Path) -> None:
    """1e-5 eV per atom in a picosecond are 10 meV in a nanosecond."""
    (tmp_path / "drift").mkdir()
    times = np.linspace(0.0, 0.4, 201)
    rows = [f"{t:.6g},{-5.0 + 1e-5 * t:.12f},300,1.8" for t in times]
    head = "time_ps,total_energy_ev_per_atom,temperature_kelvin,min_distance_angstrom"
    (tmp_path / "drift" / "drift.csv").write_text("\n".join([head, *rows]) + "\n")
    found = drift.read(tmp_path, PLAN)
    np.testing.assert_allclose(value(found, drift.SLOPE), 10.0, rtol=1e-3, atol=0)
    assert failed_names(DRIFT, found, Gates(max_drift_mev_per_atom_ns=5.0)) == ("drift",)
    assert failed_names(DRIFT, found, Gates()) == ()


def test_error_of_a_slope_is_as_large_as_its_scatter_although_noise_is_correlated() -> None:
    """Noise of the kind that MD has, correlated over a tenth of a block: 95 of 100 slopes of nothing within two errors and a half."""
    rng = np.random.default_rng(5)
    times, inside = np.arange(200.0), []
    for _ in range(300):
        noise = np.empty(200)
        noise[0] = rng.normal()
        for k in range(1, 200):
            noise[k] = 0.7 * noise[k - 1] + rng.normal()
        line = straight_line(times, noise)
        inside.append(abs(line.slope) < 2.3 * line.slope_error)
    # t with eight degrees of freedom: 95 % within 2.31.
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300) + 0.03
