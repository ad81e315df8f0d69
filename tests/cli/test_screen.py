"""The verb ``screen``: JSON keys, files, and sentences where something is not there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from mlip_interfaces.cli.main import main

LLZO_FILE = {
    "interface_potential_v": 1.62164, "site_density_per_cm3": 3.27455e22, "formation_energy_ev": 0.01439, "relative_permittivity": 50,
    "temperature_kelvin": 300, "vacancy_fraction": 0.1,
}  # fmt: skip


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["screen", *words]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["screen", *words]) == 2
    return capsys.readouterr().err


def test_table_as_json_and_as_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answer(capsys, "table", "--json", "--out", str(tmp_path))
    rows = found["rows"]
    assert isinstance(rows, list)
    keys = ["cathode", "electrolyte", "soc", "delta_phi_cathode_v", "delta_phi_anode_v", "flags"]
    assert list(rows[0])[:6] == keys
    assert {row["soc"] for row in rows} == {"0", "100", "+"}
    assert len(rows) == 44
    with (tmp_path / "table.csv").open() as handle:
        table = list(csv.DictReader(handle))
    assert [float(line["delta_phi_cathode_v"]) for line in table] == [row["delta_phi_cathode_v"] for row in rows]
    assert json.loads((tmp_path / "table.json").read_text())["rows"] == rows
    assert main(["screen", "table"]) == 0
    words = capsys.readouterr().out
    assert "Published table: 42 of 43 rows within 0.03 V." in words
    assert "Differs: LMO/LLZO at +" in words
    assert "Not printed there: LNO/LPS at 100 %" in words
    assert "Missing: LNMO at +" in words


def test_a_potential_map_has_its_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [
        "potential-map",
        "--electrolyte",
        "LLZO",
        "--cathode",
        "LCO",
        "--soc",
        "0",
        "--json",
        "--out",
        str(tmp_path),
    ]
    (battery,) = answer(capsys, *words)["batteries"]  # type: ignore[misc]
    assert battery["delta_phi_cathode_v"] == pytest.approx(0.19, abs=0.03)
    assert battery["delta_phi_anode_v"] == pytest.approx(1.62, abs=0.005)
    assert [step["barrier_to"] for step in battery["steps"]] == ["discharge", "discharge"]
    assert abs(battery["closure_v"]) < 1e-12
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"Li_LLZO_LCO_0.{suffix}" for suffix in ("json", "csv", "png", "svg", "curves.json")}
    saved = json.loads((tmp_path / "Li_LLZO_LCO_0.json").read_text())
    assert saved["inputs_sha256"]
    with (tmp_path / "Li_LLZO_LCO_0.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    assert float(lines[0]["potential_v"]) == pytest.approx(1.62, rel=1e-6, abs=1e-12)
    assert float(lines[-1]["lithium_potential_ev"]) == pytest.approx(-2.91, rel=1e-6, abs=1e-12)


def test_a_stack_and_an_own_material(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    own = {
        "kind": "electrolyte", "name": "LiF", "formula": "LiF", "reduction_limit_v": 0.0, "oxidation_limit_v": 6.4,
        "ionisation_potential_ev": 11.0, "band_gap_ev": 13.0, "fermi_level": {"voltage_v": [0, 6], "above_vbm_ev": [10, 4]},
    }  # fmt: skip
    (tmp_path / "lif.yaml").write_text(yaml.safe_dump(own))
    (tmp_path / "stack.yaml").write_text(yaml.safe_dump({"layers": ["LPS", "LiF"], "cathode": "LCO", "soc": "100"}))
    files = ["--materials", str(tmp_path / "lif.yaml")]
    (battery,) = answer(capsys, "potential-map", "--stack", str(tmp_path / "stack.yaml"), *files, "--json")["batteries"]  # type: ignore[misc]
    assert battery["layers"] == ["LPS", "LiF"]
    assert "outside-window-at-cathode" not in battery["flags"]
    rows = answer(capsys, "table", *files, "--json")["rows"]
    assert isinstance(rows, list)
    assert len([row for row in rows if row["electrolyte"] == "LiF"]) == 11


@pytest.mark.parametrize("by", ["--material", "--file"])
def test_space_charge_has_the_published_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str) -> None:
    file = tmp_path / "llzo.yaml"
    file.write_text(yaml.safe_dump(LLZO_FILE))
    found = answer(
        capsys,
        "space-charge",
        by,
        "LLZO" if by == "--material" else str(file),
        "--json",
        "--out",
        str(tmp_path / "out"),
    )
    expected = {
        "width_angstrom": 16.268,
        "charge_e_per_nm2": -5.3271,
        "capacitance_uf_per_cm2": 52.632,
        "potential_at_width_v": 1.5682,
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4, abs=0)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".csv", ".png", ".svg"}


def test_defects_of_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    species = [
        {"name": "Li_i", "charge_e": 1, "lithium": 1, "formation_energy_ev": -2.4, "site_density_per_cm3": 1e22},
        {"name": "V_Li", "charge_e": -1, "lithium": -1, "formation_energy_ev": 3.6, "site_density_per_cm3": 1e22},
    ]
    content = {
        "kind": "electrolyte", "name": "S", "formula": "Li3PS4", "reduction_limit_v": 0.5, "oxidation_limit_v": 1.5,
        "ionisation_potential_ev": 5.6, "band_gap_ev": 5.0,
        "defects": {"temperature_kelvin": 300, "conduction_density_per_cm3": 1e20, "valence_density_per_cm3": 1e20, "species": species},
    }  # fmt: skip
    file = tmp_path / "material.yaml"
    file.write_text(yaml.safe_dump(content))
    words = ["defects", str(file), "--from-v", "0.5", "--to-v", "1.5", "--points", "5"]
    found = answer(capsys, *words, "--json", "--out", str(tmp_path / "out"))
    assert found["fermi_level_ev"] == pytest.approx([2.5, 2.25, 2.0, 1.75, 1.5], abs=1e-5)
    assert found["slope_ev_per_v"] == pytest.approx([-1.0] * 5, rel=1e-4, abs=0)
    with (tmp_path / "out" / "defects.csv").open() as handle:
        assert list(csv.DictReader(handle))[0].keys() >= {"voltage_v", "Li_i_per_cm3", "electrons_per_cm3"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("potential-map --all", "Give --out DIR for files, or --json"),
        ("potential-map --json", "Give --electrolyte, --cathode or --soc"),
        ("potential-map --all --soc 0 --json", "--all draws every battery; leave out --soc"),
        ("potential-map --electrolyte LATP --json", "There is no electrolyte 'LATP'; known are LiPON, LPO, LLZO, LPS"),
        ("potential-map --cathode LCO --soc + --json", "No battery is at --soc +; states of charge are 0, 100."),
        ("potential-map --cathode LNMO --soc + --json", "is named by its source without numbers"),
        ("potential-map --stack none.yaml --json", "There is no file none.yaml"),
        ("potential-map --anode Na --all --json", "There is no anode 'Na'; known are Li"),
        ("table --materials none.yaml", "There is no file none.yaml"),
        ("space-charge --material LPS --json", "has no space_charge; those that have are LLZO"),
        ("defects none.yaml --json", "There is no file none.yaml"),
    ],
)
def test_what_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str], words: str, sentence: str) -> None:
    error = refusal(capsys, *words.split())
    assert sentence in error
    assert "Traceback" not in error


def test_a_material_without_defects_is_a_sentence(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    assert "it has no defects" in refusal(
        capsys, "defects", str(repository / "configs" / "materials" / "LLZO.yaml"), "--json"
    )
