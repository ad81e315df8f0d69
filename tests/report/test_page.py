"""The report page: absent stages, unhealthy runs, hostile names, the same numbers twice."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.config import load_study
from mlip_interfaces.observables import analyze
from mlip_interfaces.pipeline.analyze import study_requests
from mlip_interfaces.report.page import write_report
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.trajectory import open_trajectory

SICK, WELL = "coating-00A/diffusion/seed-1", "coating-05A/diffusion/seed-1"


def scan_entry(name: str, coating: float, healthy: bool) -> dict:
    return {
        "name": name, "directory": name, "model": name.split("/")[0], "coating_angstrom": coating, "variant": "",
        "protocol": "diffusion", "condition": "diffusion", "temperature_kelvin": 500.0, "ensemble": "nvt", "pressure_bar": [],
        "trajectory": "traj.dcd", "topology": "model.data", "layers": "layers.json", "frame_interval_ps": 0.1, "n_steps": 2000,
        "seed": 1, "healthy": healthy, "reasons": [] if healthy else ["the temperature reached 9000 K"], "n_frames": 21,
        "n_atoms": 52, "thermo_file": "thermo.csv", "time_ps": 2.0, "temperature_mean_kelvin": 510.0,
        "temperature_max_kelvin": 560.0, "density_initial_g_per_cm3": 2.4, "density_mean_g_per_cm3": 2.3,
        "min_distance_angstrom": 1.6, "steps_per_second": 30.0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A run folder with a healthy and an unhealthy run."""
    tmp_path = tmp_path_factory.mktemp("run")
    study = load_study(repository / "configs" / "demo.yaml")
    for name in (SICK, WELL):
        folder = tmp_path / "scan" / name
        folder.mkdir(parents=True)
        with (folder / "thermo.csv").open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(
                [
                    "time_ps",
                    "temperature_kelvin",
                    "pressure_bar",
                    "density_g_per_cm3",
                    "potential_energy_ev",
                    "min_distance_angstrom",
                ]
            )
            writer.writerows([[0.1 * i, 500 + i, 0, 2.4, -100, 1.6] for i in range(21)])
    atoms = load_crystal("Li6PS5Cl")
    rng = np.random.default_rng(1)
    frames = []
    for number in range(21):
        frame = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
        frame.positions += rng.normal(0, 0.05, (52, 3))
        frame.arrays["layer"] = np.where(frame.symbols == "Li", "coating", "electrolyte")
        frame.info["time_ps"] = 0.1 * number
        frames.append(frame)
    write(tmp_path / "traj.extxyz", frames, format="extxyz")
    reader = open_trajectory(tmp_path / "traj.extxyz")
    results = analyze(reader, study_requests(study, 500.0), strict=False)
    results.write(tmp_path / "analysis" / WELL)
    absent = results.absent
    assert any("half of the smallest cell" in note for note in results.notes)
    assert "rdf P-O" in absent
    assert "tetrahedra" in absent
    (tmp_path / "scan" / "index.json").write_text(
        json.dumps({"runs": [scan_entry(SICK, 0.0, False), scan_entry(WELL, 5.0, True)]})
    )
    entries = [
        {"name": n, "directory": n, "coating_angstrom": c, "variant": "", "protocol": "diffusion", "condition": "diffusion", "temperature_kelvin": 500.0, "seed": 1,
         "healthy": h, "results": ["rdf", "msd", "chemistry"] if h else []}
        for n, c, h in ((SICK, 0.0, False), (WELL, 5.0, True))
    ]  # fmt: skip
    (tmp_path / "analysis" / "index.json").write_text(json.dumps({"runs": entries}))
    return tmp_path


def page(run: Path, name: str = "demo", kind: str = "surrogate") -> str:
    return write_report(run, study_name=name, study_text="name: demo\n", teacher_kind=kind).read_text()


def test_folder_without_any_stage_gives_a_page_that_says_so(tmp_path: Path) -> None:
    text = page(tmp_path)
    for sentence in ("models have not been built", "campaign has not been finished", "scan has not been run"):
        assert sentence in text


def test_unhealthy_run_is_named_and_enters_no_average(run: Path) -> None:
    text = page(run)
    assert f"{SICK} is not healthy and enters no average: the temperature reached 9000 K." in text
    found = json.loads((run / "report" / "results.json").read_text())
    assert set(found["runs"]) == {WELL}
    assert set(found["unhealthy"]) == {SICK}
    assert found["md_ps"] == 2.0


def test_analysis_of_a_rattled_crystal_is_in_the_numbers(run: Path) -> None:
    page(run)
    found = json.loads((run / "report" / "results.json").read_text())["runs"][WELL]
    assert found["p_s_tetrahedra_mean"] == 4.0
    assert found["s2_dimers_mean"] == 0.0
    msd = json.loads((run / "analysis" / WELL / "msd.json").read_text())["species"]["Li"]
    low, high = msd["confidence_95_cm2_per_s"]
    assert low < 0 < high
    assert not msd["diffusive"]


def test_names_are_escaped_and_nothing_comes_from_outside(run: Path) -> None:
    text = page(run, name="<script>alert(1)</script>")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in text
    assert 'src="http' not in text
    assert set(re.findall(r'href="(.)', text)) == {"#"}


def test_labels_that_are_not_dft_are_called_so(run: Path) -> None:
    assert "a surrogate potential: not DFT" in page(run, kind="surrogate")
    assert "not DFT" in page(run, kind="custom")
    assert "not DFT" not in page(run, kind="dft")


def test_report_twice_is_the_same_report(run: Path) -> None:
    first = page(run)
    numbers = (run / "report" / "results.json").read_text()
    assert page(run) == first
    assert (run / "report" / "results.json").read_text() == numbers
