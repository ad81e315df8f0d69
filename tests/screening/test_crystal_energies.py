"""Relaxed crystals: resumable, of one kind of settings, read back as a window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase.build import bulk

from mlip_interfaces.cli.main import main

WORDS = [
    "screen", "entries", "--elements", "Li,S", "--calculator", "ase.calculators.lj:LennardJones", "--parameters", "epsilon=0.4",
    "--parameters", "sigma=2.4", "--parameters", "rc=7.0", "--parameters", "smooth=true", "--fmax-ev-per-angstrom", "0.02",
]  # fmt: skip


def sulfur(folder: Path) -> list[str]:
    path = folder / "S.cif"
    bulk("S", "fcc", a=3.9).write(path)
    return ["--structure", str(path)]


def test_entries_are_relaxed_kept_and_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "entries.json"
    assert main([*WORDS, "--out", str(out)]) == 0
    assert "No crystal of S alone: a window needs one" in capsys.readouterr().out
    assert main(["screen", "window", str(out), "--composition", "Li2S", "--json"]) == 2
    assert "There is no entry of S alone" in capsys.readouterr().err
    assert main([*WORDS, *sulfur(tmp_path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.count("as it was") == 2
    assert "S                S" in said
    content = json.loads(out.read_text())
    assert content["settings"]["calculator"] == "ase.calculators.lj:LennardJones"
    assert content["settings"]["calculator_parameters"]["epsilon"] == 0.4
    assert content["missing"] == []
    assert content["mlip_interfaces_version"]
    by_name = {entry["entry_id"]: entry for entry in content["entries"]}
    assert set(by_name) == {"Li", "Li2S", "S"}
    assert all(entry["data"]["converged"] for entry in by_name.values())
    assert all(entry["data"]["largest_force_ev_per_angstrom"] < 0.02 for entry in by_name.values())
    # Close-packed Lennard-Jones atoms, with the two nearest images of bcc close to them.
    assert by_name["S"]["energy"] < by_name["Li"]["energy"] < -2.0
    assert main(["screen", "window", str(out), "--composition", "Li2S", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hull_distance_ev_per_atom"] > 0.0


def test_other_settings_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "entries.json"
    few = [word if word != "Li,S" else "Li" for word in WORDS]
    assert main([*few, "--out", str(out)]) == 0
    assert main([*few[:-1], "0.05", "--out", str(out)]) == 2
    assert "was made with fmax_ev_per_angstrom 0.02, not 0.05" in capsys.readouterr().err
    out.write_text("{}")
    assert main([*few, "--out", str(out)]) == 2
    assert "was not written by 'screen entries'" in capsys.readouterr().err


def test_an_unfinished_relaxation_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "entries.json"
    few = [word if word != "Li,S" else "Li" for word in WORDS]
    assert main([*few, "--max-steps", "1", "--out", str(out)]) == 0
    assert "Not relaxed to their end: Li" in capsys.readouterr().out
    assert json.loads(out.read_text())["entries"][0]["data"]["converged"] is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--elements Li,Xy --calculator chgnet", "'Xy' is no element"),
        ("--elements Ar --calculator ase.calculators.lj:LennardJones", "The library has no crystal of Ar alone"),
        ("--elements Li --calculator chgnot", "Did you mean 'chgnet'?"),
        ("--elements Li --calculator vasp", "structures are relaxed with ASE calculators"),
        ("--elements Li --calculator ase.calculators.lj:LennardJones --parameters sigma", "is not like key=value"),
        (
            "--elements Li --calculator ase.calculators.lj:LennardJones --structure S.cif",
            "which --elements does not name",
        ),
    ],
)
def test_wrong_words_are_sentences(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sulfur(tmp_path)
    assert main(["screen", "entries", *words.split(), "--out", "entries.json"]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "entries.json").exists()
