"""The verb ``screen migration``: hops listed, JSON keys, files, figures, sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from ase import Atoms

from mlip_interfaces.cli.main import main


@pytest.fixture
def box(tmp_path: Path) -> Path:
    path = tmp_path / "box.cif"
    Atoms("Li", cell=(3.0, 3.2, 3.4), pbc=True).write(path)
    return path


def words(box: Path, out: Path, *more: str) -> list[str]:
    return [
        "screen", "migration", str(box), "--calculator", "landscape_teacher:egg_box", "--parameters", "heights=[0.2, 0.35, 0.5]",
        "--keep-cell", "--min-length-angstrom", "6", "--out", str(out), *more,
    ]  # fmt: skip


def test_hops_are_listed_without_a_calculator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["screen", "migration", "Li3P", "--list", "--max-distance-angstrom", "3"]) == 0
    said = capsys.readouterr().out
    assert "Li1-Li4                2.762 angstrom    12 in the cell\n" in said
    assert "Li3-Li5                2.794 angstrom     6 in the cell  own reverse\n" in said
    assert "All hops up to 2.794 angstrom percolate in 3 directions." in said
    assert main(["screen", "migration", "Li3P", "--list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["distinct_hops"]) == 5
    assert found["percolating_distance_angstrom"]["2"] == pytest.approx(2.7623, rel=1e-4, abs=0)
    assert [site["equivalent_to"] for site in found["sites"]] == ["Li1", "Li1", "Li3", "Li3", "Li3", "Li3"]


def test_barriers_have_their_keys_and_files(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(words(box, out, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [hop["forward_barrier_ev"] for hop in found["hops"]] == pytest.approx([0.2, 0.35, 0.5], rel=1e-4, abs=0)
    along_b = found["percolation"]["axes"]["b"]
    assert along_b["barrier_ev"] == pytest.approx(0.35, rel=1e-4, abs=0)
    assert along_b["limiting_hop"] == "Li1-Li1_0,1,0"
    assert along_b["path"] == [
        {"hop": "Li1-Li1_0,1,0", "from": "Li1", "to": "Li1", "cell": [0, 1, 0], "barrier_ev": along_b["barrier_ev"]}
    ]
    assert found["percolation"]["directions"]["2"]["limiting_hop"] == "Li1-Li1_0,1,0"
    assert found["supercell"] == {"repeats": [3, 3, 3], "n_atoms": 26}
    assert found["settings"]["calculator_parameters"] == {"heights": [0.2, 0.35, 0.5]}
    saved = json.loads((out / "migration.json").read_text())
    assert list(saved["inputs_sha256"]) == [str(box)]
    assert saved["hops"] == found["hops"]
    names = {path.name for path in out.iterdir()}
    assert {"profiles.png", "profiles.svg", "percolation.png", "percolation.svg", "hops", "request.json"} <= names
    with (out / "hops.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["state"] for row in rows] == ["converged"] * 3
    assert float(rows[2]["backward_barrier_ev"]) == pytest.approx(0.5, rel=1e-4, abs=0)
    with (out / "profiles.csv").open() as handle:
        tops = [float(row["energy_ev"]) for row in csv.DictReader(handle) if row["hop"] == "Li1-Li1_0,0,1"]
    assert max(tops) == pytest.approx(0.5, rel=1e-4, abs=0)


def test_in_words_and_again(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(words(box, out, "--hop", "Li1-Li1_0,0,1")) == 0
    said = capsys.readouterr()
    assert "Li1-Li1_0,0,1: 0.500 eV forward, 0.500 eV backward, +0.000 eV from end to end" in said.out
    assert "Percolation in 1 direction from 0.500 eV, limited by Li1-Li1_0,0,1." in said.out
    assert "The hops with a barrier do not percolate in 2 directions." in said.out
    assert "Along c from 0.500 eV: Li1 -> Li1." in said.out
    assert main(words(box, out, "--hop", "Li1-Li1_0,0,1", "--hop", "Li1-Li1_0,1,0")) == 0
    said = capsys.readouterr()
    assert said.out.count("As it was.") == 1
    assert "Percolation in 2 directions from 0.500 eV, limited by Li1-Li1_0,0,1." in said.out


def test_between_places_and_without_a_barrier(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(words(box, out, "--ion", "He", "--interstitial", "0.5,0.45,0.5:0.5,0.55,0.5", "--json")) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["mechanism"] == "interstitial"
    assert found["hops"][0]["state"] == "failed"
    assert found["percolation"]["directions"] == {"1": None, "2": None, "3": None}
    assert "1 hop without effect on percolation, since there is no barrier: i1-i2." in said.err
    assert (out / "percolation.png").is_file()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("--out out", "Give --calculator NAME and --out DIR, or --list"),
        ("--calculator chgnet", "Give --calculator NAME and --out DIR, or --list"),
        ("--calculator chgnot --out out", "Did you mean 'chgnet'?"),
        ("--calculator none.pb --out out", "--calculator none.pb: there is no such file; give chgnet,"),
        (
            "--calculator tosi-fumi --ion Na --interstitial 0,0,0.5:0,0.5,0.5 --out out",
            "--calculator tosi-fumi does not know Na: its elements are Li, F",
        ),
        ("--calculator cp2k --out out", "structures are relaxed with ASE calculators"),
        ("--ion Na --list", "The crystal has no Na, only Li"),
        ("--max-distance-angstrom 2 --list", "No two sites lie within 2 angstrom"),
        ("--hop Li1-Li2 --list", "there is no site Li2; the cell has Li1."),
        ("--hop Li1-Li1_1,0,0 --hop Li1-Li1_-1,0,0 --list", "is Li1-Li1_1,0,0 by symmetry; leave out one"),
        ("--interstitial 0,0:1,1 --list", "is not like 0.5,0.5,0.5:0.5,0.5,1.5"),
        ("--calculator landscape_teacher:egg_box --out out", "does not take these --parameters"),
        ("--calculator box.cif --out out", "does not say which element each atom type is"),
    ],
)
def test_wrong_words_are_sentences(
    more: str, sentence: str, box: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(box.parent)
    assert main(["screen", "migration", box.name, *more.split()]) == 2
    assert sentence in capsys.readouterr().err
    assert not (box.parent / "out").exists()
