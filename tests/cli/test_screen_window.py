"""The verb ``screen window``: JSON keys, files, sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mlip_interfaces.cli.main import main

TABLE = """formula,energy_ev_per_formula_unit
Li,0
P,0
S,0
Li3P7,-3.51
LiP,-1.0386
Li3P,-2.7786
Li2S,-4.30
Li3PS4,-8.65
P2S5,-3.44
Co,0
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "entries.csv"
    path.write_text(TABLE)
    return path


def test_window_has_its_keys_and_files(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = [
        "screen",
        "window",
        str(table),
        "--composition",
        "Li3PS4",
        "--uncertainty-ev-per-atom",
        "0.01",
        "--samples",
        "50",
    ]
    words += ["--against", "Li3P", "--json", "--out", str(out)]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lower_v"] == pytest.approx(1.71, rel=1e-6, abs=1e-12)
    assert found["upper_v"] == pytest.approx(2.31, rel=1e-6, abs=1e-12)
    assert [one["voltage_v"] for one in found["plateaus"]] == pytest.approx(
        [0.87, 0.94005, 1.17, 1.71, 2.31], rel=1e-6, abs=1e-12
    )
    assert all({"voltage_v", "reaction"} <= set(one) for one in found["plateaus"])
    assert found["errors"]["lower_interval_v"][0] < 1.71 < found["errors"]["lower_interval_v"][1]
    (kinks,) = found["mutual_reactions"].values()
    assert len(kinks) == 5
    assert all("->" in kink["reaction"] for kink in kinks)
    saved = json.loads((out / "window.json").read_text())
    assert saved["inputs_sha256"]
    assert saved["plateaus"] == found["plateaus"]
    names = {path.name for path in out.iterdir()}
    for stem in ("window", "uptake", "phases", "mutual_reactions"):
        assert {f"{stem}.png", f"{stem}.svg"} <= names
    with (out / "uptake.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [float(row["uptake_per_formula"]) for row in rows] == pytest.approx([8, 6, 38 / 7, 5, 0, -3], abs=1e-9)
    with (out / "decomposition.csv").open() as handle:
        assert float(next(csv.DictReader(handle))["decomposition_ev_per_atom"]) == pytest.approx(-1.41608, abs=1e-4)


def test_window_in_words(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "screen",
        "window",
        str(table),
        "--composition",
        "Li3PS4",
        "--against",
        "Li2S",
        "--at-v",
        "0",
        "--at-v",
        "2",
    ]
    assert main([*words, "--uncertainty-ev-per-atom", "0.01"]) == 0
    said = capsys.readouterr().out
    assert "Li3PS4: 1.710 V to 2.310 V against Li metal; 9 phases weighed." in said
    assert "With 95 %: lower end 1.6" in said
    assert "2.310 V  oxidation  Li3PS4 -> 1/2 P2S5 + 3/2 S + 3 Li" in said
    assert "Li3PS4 | Li2S, Li at 0 V" in said
    assert "Li3PS4 + 8 Li -> Li3P + 4 Li2S" in said
    assert main(["screen", "window", str(table), "--composition", "Li7P3S11"]) == 0
    assert "The entries have no Li7P3S11" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--composition Li3PS4 --at-v 1", "name it by --against"),
        ("--composition Li3PS4 --against Li6P2S8", "are one composition; name two"),
        ("--composition LiCoO2", "No entry has O"),
        ("--composition Li3PS4 --open Na", "No entry has Na"),
        ("--composition Li3PS4 --samples 1 --uncertainty-ev-per-atom 0.1", "--samples must be two or more"),
        ("--composition nothing", "'nothing' is neither a chemical formula"),
    ],
)
def test_wrong_words_are_sentences(words: str, sentence: str, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["screen", "window", str(table), *words.split(), "--json"]) == 2
    assert sentence in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["screen", "window", "none.json", "--composition", "Li2S", "--json"]) == 2
    assert "There is no file none.json" in capsys.readouterr().err
