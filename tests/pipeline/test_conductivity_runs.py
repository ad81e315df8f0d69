"""``screen conductivity``: own trajectories, MD with LAMMPS and with a calculator, what is kept, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write

from mlip_interfaces.analysis.arrhenius import nernst_einstein_s_per_cm
from mlip_interfaces.cli.main import main
from mlip_interfaces.trajectory import open_trajectory
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

EDGE, N_IONS, ENERGY_EV = 14.0, 20, 0.3
LIF: dict[str, Any] = {
    "crystals": [{"crystal": "LiF", "supercell": [1, 1, 1]}],
    "species": ["Li", "F"],
    "temperatures_kelvin": [3000],
    "seeds": [1],
    "time_ps": 0.5,
    "leave_out_ps": 0.05,
    "dump_interval_ps": 0.01,
    "execution": {"kind": "local", "cores": 2, "poll_seconds": 0.2},
}


def save(folder: Path, content: dict[str, Any]) -> str:
    file = folder / "series.yaml"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, Any], str]:
    assert main(["screen", "conductivity", *words, "--json"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


def true_diffusivity(kelvin: float) -> float:
    """Of the walks, cm^2/s."""
    return 2e-3 * float(np.exp(-ENERGY_EV / (BOLTZMANN_EV_PER_K * kelvin)))


def true_conductivity(kelvin: float) -> float:
    """Of independent walkers, mS/cm."""
    return 1000.0 * nernst_einstein_s_per_cm(
        true_diffusivity(kelvin), kelvin, n_ions=N_IONS, volume_angstrom3=EDGE**3, charge=1.0
    )


def walk(file: Path, kelvin: float, seed: int, n_frames: int = 250) -> None:
    rng = np.random.default_rng(seed)
    step = np.sqrt(2.0 * true_diffusivity(kelvin) * 1e4)
    paths = EDGE / 2 + np.cumsum(rng.normal(0.0, step, (n_frames, N_IONS, 3)), axis=0)
    places = rng.uniform(0.0, EDGE, (30, 3))
    frames = []
    for number, path in enumerate(paths):
        positions = np.vstack([path, places + rng.normal(0.0, 0.05, places.shape)])
        atoms = Atoms(["Li"] * N_IONS + ["Cl"] * 30, positions=positions, cell=[EDGE] * 3, pbc=True)
        atoms.info["time_ps"] = float(number)
        frames.append(atoms)
    write(file, frames, format="extxyz")


def test_walks_give_their_energy_conductivity_and_a_bound(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    runs = []
    for kelvin in (600, 800, 1000):
        for seed in (1, 2, 3):
            walk(tmp_path / f"{kelvin}-{seed}.extxyz", kelvin, kelvin + seed)
            runs.append({"file": f"{kelvin}-{seed}.extxyz", "temperature_kelvin": kelvin})
    walk(tmp_path / "350.extxyz", 350, 9, n_frames=120)
    runs.append({"file": "350.extxyz", "temperature_kelvin": 350})
    content = {"crystals": [{"name": "toy", "composition": 0.5, "runs": runs}]}
    found, err = answer(capsys, save(tmp_path, content), "--out", str(tmp_path / "out"))
    (toy,) = found["crystals"]
    assert toy["ions"] == {"Li": {"n_ions": N_IONS, "charge_e": 1.0}}
    for one in toy["temperatures"][1:]:
        kelvin = one["temperature_kelvin"]
        assert one["n_runs"] == 3
        d = one["diffusivities"]["Li"]
        deviation = abs(d["diffusivity_cm2_per_s"] - true_diffusivity(kelvin))
        assert deviation < 3.5 * d["diffusivity_error_cm2_per_s"] < 0.3 * true_diffusivity(kelvin)
        np.testing.assert_allclose(one["nernst_einstein_ms_per_cm"], true_conductivity(kelvin), rtol=0.06, atol=0)
        assert (
            abs(one["conductivity_ms_per_cm"] - true_conductivity(kelvin)) < 3.5 * one["conductivity_error_ms_per_cm"]
        )
        assert abs(one["haven_ratio"] - 1.0) < 3.5 * one["haven_ratio_error"]
    # The shortest run at the lowest temperature is a bound, and no point of the line.
    assert not toy["temperatures"][0]["diffusive"]
    assert toy["temperatures"][0]["haven_ratio"] is None
    line = toy["arrhenius"]["Li"]
    assert line["temperatures_kelvin"] == [600.0, 800.0, 1000.0]
    assert abs(line["activation_energy_ev"] - ENERGY_EV) < 3.5 * line["activation_energy_error_ev"] < 0.05
    for key in ("nernst_einstein_at", "conductivity_at"):
        low, high = toy[f"{key}_confidence_95_ms_per_cm"]
        sigma = np.log(high / low) / (2 * 1.96)
        assert abs(np.log(toy[f"{key}_ms_per_cm"] / true_conductivity(300.0))) < 3.5 * sigma < 1.0
    assert "toy at 350 K: 1 of 1 run not diffusive" in err
    assert "extrapolated from 600 K" in err
    saved = json.loads((tmp_path / "out" / "conductivity.json").read_text())
    assert str(tmp_path / "600-1.extxyz") in saved["inputs_sha256"]
    with (tmp_path / "out" / "conductivity.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [float(row["temperature_kelvin"]) for row in rows] == [350.0, 600.0, 800.0, 1000.0]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"conductivity.{suffix}" for suffix in ("json", "csv", "png", "svg", "curves.json")
    }
    # The table is what `screen crowding` takes.
    assert main(["screen", "crowding", str(tmp_path / "out" / "conductivity.csv"), "--json"]) == 0
    (turn,) = json.loads(capsys.readouterr().out)["turning_points"]
    assert (turn["composition"], turn["state"]) == (0.5, "rises")


def test_a_calculator_moves_atoms_and_what_is_finished_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    content = LIF | {"calculator": "mini_teacher:lennard_jones", "timestep_fs": 2.0}
    found, err = answer(capsys, save(tmp_path, content), "--out", str(out))
    (one,) = found["crystals"][0]["temperatures"]
    assert one["temperature_kelvin"] == 3000.0
    assert set(one["diffusivities"]) == {"Li", "F"}
    np.testing.assert_allclose(one["volume_angstrom3"], 4.0263**3, rtol=1e-4, atol=0)
    assert one["diffusivities"]["Li"]["diffusivity_confidence_95_cm2_per_s"][1] > 0.0
    assert "its cell is 4.0 angstrom wide" in err
    (run,) = (path for path in (out / "md").iterdir() if path.is_dir())
    assert (run / "traj.extxyz").read_text().count("Lattice=") == 50
    # A longer run begins as the shorter one, which is still there for a shorter request; another seed is one more run.
    short = (run / "traj.extxyz").read_text()
    found, _ = answer(capsys, save(tmp_path, content | {"time_ps": 0.6, "seeds": [1, 2]}), "--out", str(out))
    assert found["crystals"][0]["temperatures"][0]["n_runs"] == 2
    assert len([path for path in (out / "md").iterdir() if path.is_dir()]) == 2
    longer = (run / "traj.extxyz").read_text()
    assert longer.startswith(short)
    assert longer.count("Lattice=") == 60
    before = (run / "traj.extxyz").stat().st_mtime_ns
    found, _ = answer(capsys, save(tmp_path, content), "--out", str(out))
    assert found["crystals"][0]["temperatures"][0] == one
    assert (run / "traj.extxyz").stat().st_mtime_ns == before


@pytest.mark.campaign
def test_lammps_melts_and_other_temperatures_keep_the_runs_there_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    content = LIF | {"potential": "tosi-fumi", "temperatures_kelvin": [3500], "time_ps": 1.5, "leave_out_ps": 0.3}
    content["crystals"] = [{"crystal": "LiF", "supercell": [2, 2, 2]}]
    found, _ = answer(capsys, save(tmp_path, content), "--out", str(out))
    (one,) = found["crystals"][0]["temperatures"]
    # A simple salt melt: some siemens per centimetre to some tens, and 1e-5 to 1e-3 cm2/s.
    assert 1e-5 < one["diffusivities"]["Li"]["diffusivity_cm2_per_s"] < 1e-3
    assert 3e3 < one["nernst_einstein_ms_per_cm"] < 1e5
    assert one["conductivity_confidence_95_ms_per_cm"][1] > 3e3
    (run,) = (path for path in (out / "md").iterdir() if path.is_dir())
    before = (run / "traj.dcd").stat().st_mtime_ns
    found, _ = answer(capsys, save(tmp_path, content | {"temperatures_kelvin": [3500, 4000]}), "--out", str(out))
    assert len(found["crystals"][0]["temperatures"]) == 2
    assert (run / "traj.dcd").stat().st_mtime_ns == before
    first = open_trajectory(run / "traj.dcd", topology=run / "model.data", frame_interval_ps=0.01)
    start = np.concatenate([chunk.positions for chunk in first.chunks(unwrapped=False)])
    answer(capsys, save(tmp_path, content | {"time_ps": 2.0}), "--out", str(out))
    second = open_trajectory(run / "traj.dcd", topology=run / "model.data", frame_interval_ps=0.01)
    longer = np.concatenate([chunk.positions for chunk in second.chunks(unwrapped=False)])
    assert len(start) == 151
    assert len(longer) == 201
    np.testing.assert_array_equal(longer[:151], start)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "give potential (MD with LAMMPS) or calculator (MD with ASE), one of the two"),
        ({"potential": "tosi-fumi", "calculator": "chgnet"}, "one of the two"),
        ({"potential": "tosi-fumi", "time_ps": None}, "MD needs time_ps"),
        ({"potential": "tosi-fumi", "leave_out_ps": 0.2}, "30 frames are left"),
        ({"potential": "tosi-fumi", "crystals": ["LiF", "LiF"]}, "two crystals are called LiF"),
        ({"potential": "tosi-fumi", "crystals": ["Li2S"]}, "Li2S has no F"),
        ({"potential": "tosi-fumi", "crystals": ["Li2S"], "species": ["Li"]}, "knows Li, F, not S of Li2S"),
        ({"potential": "tosi-fumi", "crystals": ["LiFe"]}, "neither a crystal of the library nor a file"),
        ({"potential": "none.pb"}, "There is no potential 'none.pb'"),
        ({"potential": "tosi-fumi", "charges": {"S": -2}}, "charges has S, which is not in species"),
        ({"potential": "tosi-fumi", "charges": {"Li": 0}}, "an ion has one"),
        ({"potential": "tosi-fumi", "species": ["Li", "Xe"]}, "no formal charge of Xe"),
        ({"potential": "tosi-fumi", "temperature_kelvin": [300]}, "Did you mean 'temperatures_kelvin'"),
        ({"calculator": "chgnett"}, "Did you mean 'chgnet'"),
        ({"calculator": "vasp"}, "vasp is a DFT code"),
        ({"calculator": "chgnet", "ensemble": "npt"}, "npt is for a potential of LAMMPS"),
        ({"potential": "tosi-fumi", "parameters": {"a": 1}}, "parameters are those of a calculator"),
        ({"crystals": [{"name": "a"}]}, "give crystal, whose MD is made, or runs"),
        ({"crystals": [{"name": "a", "runs": [{"file": "no.dcd", "temperature_kelvin": 300}]}]}, "no.dcd"),
    ],
)
def test_what_cannot_be_is_a_sentence_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    out = tmp_path / "out"
    content = {key: value for key, value in (LIF | changes).items() if value is not None}
    assert main(["screen", "conductivity", save(tmp_path, content), "--out", str(out)]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
