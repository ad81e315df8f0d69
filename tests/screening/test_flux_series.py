"""The verb ``screen flux``: sources of L_ij and of chemical potentials, files, sentences."""

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

from mlip_interfaces.cli.main import main
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, PER_ANGSTROM2_PS_TO_MMOL_PER_CM2_S

KELVIN = 900.0
EDGE = 20.0


def walk(file: Path, symbols: list[str], sizes: dict[str, float], seed: int, n_frames: int = 400) -> None:
    """A random walk of every atom, a frame every picosecond."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 1.0, (n_frames, len(symbols), 3)) * np.array([sizes[name] for name in symbols])[:, None]
    paths = 10.0 + np.cumsum(steps, axis=0)
    frames = []
    for number, positions in enumerate(paths):
        atoms = Atoms(symbols, positions=positions, cell=[EDGE] * 3, pbc=True)
        atoms.info["time_ps"] = float(number)
        frames.append(atoms)
    write(file, frames, format="extxyz")


def save(folder: Path, content: dict[str, Any]) -> str:
    file = folder / "series.yaml"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["screen", "flux", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, content: dict[str, Any]) -> str:
    assert main(["screen", "flux", save(folder, content), "--json"]) == 2
    return capsys.readouterr().err


def given(formula: str = "Li2S", **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "formula": formula, "temperature_kelvin": KELVIN, "species": ["Li", "S"],
        "l_per_ev_angstrom_ps": [[0.08, -0.01], [-0.01, 0.002]], "l_error_per_ev_angstrom_ps": [[0.01, 0.004], [0.004, 0.0005]],
    }  # fmt: skip
    return known | changes


def series(*compositions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    known = {
        "length_angstrom": 1.0e7,
        "chemical_potentials": {"Li": -0.5, "S": 0.25},
        "compositions": list(compositions),
    }
    return known | changes


def flux_of(found: dict[str, Any], species: str, number: int = 0) -> dict[str, Any]:
    one: dict[str, Any] = found["compositions"][number]["fluxes"][species]
    return one


def test_given_coefficients(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answer(capsys, save(tmp_path, series(given())))
    lithium, sulfur = flux_of(found, "Li"), flux_of(found, "S")
    per_mmol = PER_ANGSTROM2_PS_TO_MMOL_PER_CM2_S / 1.0e7
    np.testing.assert_allclose(lithium["flux_mmol_per_cm2_s"], (0.08 * 0.5 + 0.01 * 0.25) * per_mmol, rtol=1e-12)
    np.testing.assert_allclose(sulfur["flux_mmol_per_cm2_s"], -(0.01 * 0.5 + 0.002 * 0.25) * per_mmol, rtol=1e-12)
    np.testing.assert_allclose(sulfur["driven_by_mmol_per_cm2_s"]["Li"], -0.005 * per_mmol, rtol=1e-12)
    assert not lithium["zero_within_95"]


def test_trajectories_give_what_the_analysis_gives(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    symbols = ["Li"] * 16 + ["S"] * 8
    for seed in (1, 2):
        walk(tmp_path / f"{seed}.extxyz", symbols, {"Li": 1.0, "S": 0.1}, seed)
    runs = {"formula": "Li2S", "temperature_kelvin": KELVIN, "trajectories": ["1.extxyz", "2.extxyz"]}
    content = series(runs, drift="none")
    found = answer(capsys, save(tmp_path, content), "--out", str(tmp_path / "out"))
    expected = 16 * 0.5 / (EDGE**3 * BOLTZMANN_EV_PER_K * KELVIN) * 0.5 / 1.0e7 * PER_ANGSTROM2_PS_TO_MMOL_PER_CM2_S
    lithium = flux_of(found, "Li")
    assert abs(lithium["flux_mmol_per_cm2_s"] - expected) < 3.0 * lithium["error_mmol_per_cm2_s"] < expected
    assert found["compositions"][0]["n_runs"] == 2
    for seed in (1, 2):
        words = [
            "analyze",
            "onsager",
            str(tmp_path / f"{seed}.extxyz"),
            "--species",
            "Li,S",
            "--temperature-kelvin",
            "900",
        ]
        assert main([*words, "--drift", "none", "--out", str(tmp_path / f"{seed}")]) == 0
    capsys.readouterr()
    again = {"formula": "Li2S", "temperature_kelvin": KELVIN, "onsager": ["1/onsager.json", "2/onsager.json"]}
    second = answer(capsys, save(tmp_path, series(again)))
    for name in ("Li", "S"):
        for key in ("flux_mmol_per_cm2_s", "error_mmol_per_cm2_s", "confidence_95_mmol_per_cm2_s"):
            np.testing.assert_allclose(flux_of(second, name)[key], flux_of(found, name)[key], rtol=1e-9, atol=0)
    onsager = json.loads((tmp_path / "2" / "onsager.json").read_text())
    onsager["whole"]["l_error_per_ev_angstrom_ps"][0][1] = None
    (tmp_path / "2" / "onsager.json").write_text(json.dumps(onsager))
    assert "an L_ij of Li, S, or its error, is no number" in refusal(capsys, tmp_path, series(again))
    with (tmp_path / "out" / "flux.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["species"] for row in rows] == ["Li", "S"]
    np.testing.assert_allclose(float(rows[0]["flux_mmol_per_cm2_s"]), lithium["flux_mmol_per_cm2_s"], rtol=1e-5)
    np.testing.assert_allclose(float(rows[0]["fraction_Li"]), 2.0 / 3.0, rtol=1e-5)
    saved = json.loads((tmp_path / "out" / "flux.json").read_text())
    assert str(tmp_path / "1.extxyz") in saved["inputs_sha256"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"flux.{suffix}" for suffix in ("json", "csv", "png", "svg", "curves.json")
    }


def test_motion_that_may_be_undone_says_so_and_widens_the_interval(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    symbols = ["Li"] * 16 + ["S"] * 8
    rng = np.random.default_rng(4)
    frames = []
    # Lithium wanders slowly about its place and never leaves it.
    path = np.zeros((16, 3))
    for number in range(120):
        path = 0.97 * path + rng.normal(0.0, 0.3, (16, 3))
        positions = np.vstack([5.0 + path, np.full((8, 3), 1.0) + rng.normal(0.0, 0.05, (8, 3))])
        frames.append(Atoms(symbols, positions=positions, cell=[EDGE] * 3, pbc=True, info={"time_ps": float(number)}))
    write(tmp_path / "1.extxyz", frames, format="extxyz")
    runs = {"formula": "Li2S", "temperature_kelvin": KELVIN, "trajectories": ["1.extxyz"]}
    assert main(["screen", "flux", save(tmp_path, series(runs, drift="none")), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "Li2S at 900 K: Li is not diffusive" in err
    lithium = flux_of(json.loads(out), "Li")
    assert lithium["confidence_95_mmol_per_cm2_s"][0] < 0.3 * lithium["flux_mmol_per_cm2_s"]


def test_a_species_that_a_composition_lacks_is_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    poor = given("P4S9", species=["P", "S"])
    found = answer(
        capsys, save(tmp_path, series(given(), poor, chemical_potentials={"Li": -0.5, "S": 0.2, "P": 0.1}, axis="S")),
        "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert [one["species"] for one in found["compositions"]] == [["Li", "S"], ["P", "S"]]


def test_chemical_potentials_of_electrodes_of_phases_and_of_ends(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    steps = {"Li": {"from_material": "Li", "to_material": "LCO", "to_soc": "0"}, "S": {"from_ev": -4.5, "to_ev": -4.2}}
    found = answer(capsys, save(tmp_path, series(given(chemical_potentials=steps))))["compositions"][0]
    assert main(["screen", "potential-map", "--electrolyte", "LLZO", "--cathode", "LCO", "--soc", "0", "--json"]) == 0
    voltage = json.loads(capsys.readouterr().out)["batteries"][0]["open_circuit_voltage_v"]
    np.testing.assert_allclose(found["delta_mu_ev"]["Li"], -voltage, rtol=1e-12)
    np.testing.assert_allclose(found["delta_mu_ev"]["S"], 0.3, rtol=1e-12)
    # Li | Li2S to Li2S | S: lithium falls by half of the formation energy, sulfur rises by all of it.
    energies = {"Li": -1.9, "S": -4.1, "Li2S": 2 * -1.9 - 4.1 - 4.2}
    between = given(from_phases=["Li", "Li2S"], to_phases=["Li2S", "S"])
    content = {"length_angstrom": 1.0, "phase_energies_ev": energies, "compositions": [between]}
    found = answer(capsys, save(tmp_path, content))["compositions"][0]
    np.testing.assert_allclose(found["delta_mu_ev"]["Li"], -2.1, rtol=1e-12)
    np.testing.assert_allclose(found["delta_mu_ev"]["S"], 4.2, rtol=1e-12)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (series(given(), length_angstrom=None), "Li2S has no length_angstrom"),
        (series(given(), chemical_potentials={"Li": -0.5}), "no chemical potential of S"),
        (series(given(), axis="Cl"), "no composition has Cl"),
        (series(given(), given()), "stands twice"),
        (series(given(l_per_ev_angstrom_ps=[[1.0, 0.1], [0.2, 1.0]])), "symmetric"),
        (series(given(l_per_ev_angstrom_ps=[[1.0]])), "a row and a column for each of species (Li, S)"),
        (series(given(species=["Li", "P"])), "species names P"),
        (series(given(trajectories=["a.dcd"])), "give one of trajectories, onsager, l_per_ev_angstrom_ps"),
        (series(given(chemical_potentials={"S": {"from_material": "Li", "to_material": "LCO"}})), "of Li alone"),
        (series(given(chemical_potentials={"Li": {"from_ev": 1.0}})), "whole"),
        (series(given(from_phases=["Li"], to_phases=["S"])), "phase_energies_ev has no Li"),
        (
            series(given(from_phases=["Li2S"], to_phases=["Li2S"]), phase_energies_ev={"Li2S": -12.0}),
            "as many phases as elements",
        ),
        (
            series(given("Xx2S", species=["S"], l_per_ev_angstrom_ps=[[1.0]], l_error_per_ev_angstrom_ps=[[0.1]])),
            "is no formula",
        ),
        (series(given(lengths_angstrom=3)), "Did you mean 'length_angstrom'"),
    ],
)
def test_what_is_missing_or_impossible_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: dict[str, Any], words: str
) -> None:
    assert words in refusal(capsys, tmp_path, content)


def test_trajectories_that_cannot_serve_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    symbols = ["Li"] * 16 + ["S"] * 8
    walk(tmp_path / "one.extxyz", symbols, {"Li": 1.0, "S": 0.1}, 1, n_frames=1)
    runs = {"formula": "Li2S", "temperature_kelvin": KELVIN, "trajectories": ["one.extxyz"]}
    words = refusal(capsys, tmp_path, series(runs))
    assert "Li2S at 900 K" in words
    assert "one.extxyz" in words
    assert "frame" in words
    walk(tmp_path / "two.extxyz", symbols, {"Li": 1.0, "S": 0.1}, 1, n_frames=50)
    words = refusal(
        capsys,
        tmp_path,
        series(runs | {"formula": "Li3P", "trajectories": ["two.extxyz"]}, chemical_potentials={"Li": 1, "P": 1}),
    )
    assert "two.extxyz has 66.7 % Li, but Li3P 75 %" in words
    assert "none.extxyz" in refusal(capsys, tmp_path, series(runs | {"trajectories": ["none.extxyz"]}))
