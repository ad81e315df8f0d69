"""The verb ``screen rank``: JSON keys, files, a study that checks, sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from markupsafe import escape

from mlip_interfaces.cli.main import main

FEW = [
    "screen",
    "rank",
    "--cathode",
    "LCO",
    "--cathode",
    "LNCO",
    "--electrolyte",
    "LPS",
    "--anode",
    "Li",
    "--no-coatings",
]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*FEW, *words]) == 2
    return capsys.readouterr().err


def test_a_ranking_has_its_files_and_the_study_of_the_chosen_pair(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*FEW, "--study", "LCO/LPS", "--study", "first", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("First those that can be simulated")
    assert "LNCO (Li2NiCoO4) is in the dictionary and not in the crystal library" in said
    files = {path.name for path in tmp_path.iterdir()}
    first = json.loads((tmp_path / "ranking.json").read_text())["pairs"][0]["name"].replace("/", "_")
    assert files == {"index.html", "ranking.json", "ranking.csv", "LCO_LPS.yaml", f"{first}.yaml"}
    assert main(["config", "check", str(tmp_path / "LCO_LPS.yaml")]) == 0
    command = json.loads((tmp_path / "ranking.json").read_text())["command"]
    assert str(escape(command)) in (tmp_path / "index.html").read_text()


def test_json_and_csv_say_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*FEW, "--json", "--out", str(tmp_path), "--bound", "strain=0.01", "--leave-out", "size"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["order", "criteria", "pairs", "notes"]
    assert [one["name"] for one in found["criteria"]] == ["barrier", "window", "reaction", "strain", "conductivity"]
    assert next(one["bound"] for one in found["criteria"] if one["name"] == "strain") == 0.01
    saved = json.loads((tmp_path / "ranking.json").read_text())
    assert saved["pairs"] == found["pairs"]
    assert any(name.endswith("measured_conductivities.csv") for name in saved["inputs_sha256"])
    with (tmp_path / "ranking.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["name"] for row in rows] == [one["name"] for one in found["pairs"]]
    for row, one in zip(rows, found["pairs"], strict=True):
        assert row["can_be_simulated"] == str(not one["cannot"])
        for key, value in one["values"].items():
            assert row[key] == ("" if value is None else str(value))
        steps = {step["soc"]: step["delta_phi_v"] for step in one["steps"]}
        if one["kind"] == "cathode":
            assert {soc: float(row[f"delta_phi_v_at_{soc}"]) for soc in ("0", "100")} == steps
        else:
            assert float(row["delta_phi_v_at_0"]) == float(row["delta_phi_v_at_100"]) == steps[""]


def test_mistakes_are_sentences(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert "Give --out DIR for files, or --json" in refusal(capsys)
    assert "--study writes a file; give --out DIR" in refusal(capsys, "--study", "first", "--json")
    assert "leave out --coating, or --no-coatings" in refusal(capsys, "--coating", "LiF", *out)
    assert "no criterion 'strian'" in refusal(capsys, "--bound", "strian=1", *out)
    assert "--bound strain is not like NAME=VALUE" in refusal(capsys, "--bound", "strain", *out)
    assert "--bound strain=wide: it must be a number" in refusal(capsys, "--bound", "strain=wide", *out)
    assert "There is no file" in refusal(capsys, "--entries", "nowhere.csv", *out)
    assert "No study of LNCO/LPS can be written" in refusal(capsys, "--study", "LNCO/LPS", *out)
    assert "--calculator chgent: " in refusal(capsys, "--study", "LCO/LPS", "--calculator", "chgent", *out)
    assert "--calculator vasp: a demo is labelled by" in refusal(
        capsys, "--study", "LCO/LPS", "--calculator", "vasp", *out
    )
    assert not (tmp_path / "out").exists()
