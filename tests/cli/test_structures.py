"""The structures verb: the library, a search, a glass, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase.io import read

from mlip_interfaces.cli.main import main


def test_a_glass_is_made_once_and_read_the_next_time(tmp_path: Path, capsys) -> None:
    words = [
        "structures",
        "amorphous",
        "LiF",
        "--area",
        "100",
        "--thickness-angstrom",
        "6",
        "--out",
        str(tmp_path / "a"),
    ]
    quick = ["--melt-ps", "0.3", "--quench-kelvin-per-ps", "9000", "--hold-ps", "0.1", "--seed", "3", "--json"]
    assert main([*words, *quick]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert abs(summary["density_g_per_cm3"] - 2.45) < 0.1
    assert summary["coordination_mean"] < 5.5
    assert summary["order"]["verdict"] in ("amorphous", "confined")
    assert str(summary["order"]["n_sublattice"]) in summary["composition"]
    for name in summary["files"]:
        assert (tmp_path / "a" / name).stat().st_size > 0
    model = read(tmp_path / "a" / "layer.xyz")
    assert len(model) == summary["n_atoms"]
    assert abs(model.get_volume() - 600.0) < 1e-6
    written = (tmp_path / "a" / "attempt-0" / "quenched.data").stat().st_mtime_ns
    assert main([*words, *quick]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert (tmp_path / "a" / "attempt-0" / "quenched.data").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["amorphous", "LiI", "--area", "100", "--thickness-angstrom", "6"], "knows Li, F, not I of LiI"),
        (["amorphous", "Li5Kr", "--area", "100", "--thickness-angstrom", "6"], "not Kr of Li5Kr"),
        (["amorphous", "LiFF2Q", "--area", "100", "--thickness-angstrom", "6"], "neither a chemical formula"),
        (["amorphous", "LiF", "--area", "100", "--thickness-angstrom", "6", "--potential", "no.pb"], "no potential"),
        (["amorphous", "LiF", "--area", "wide", "--thickness-angstrom", "6"], "not 'wide'"),
        (["amorphous", "LiF", "--area", "100", "--thickness-angstrom", "0.5"], "make it thicker"),
    ],
)
def test_impossible_glasses_are_refused(tmp_path: Path, capsys, words: list[str], sentence: str) -> None:
    assert main(["structures", *words, "--out", str(tmp_path / "x")]) == 2
    assert sentence in capsys.readouterr().err


def test_library_and_search_give_json(capsys) -> None:
    assert main(["structures", "list", "--json"]) == 0
    assert {"LiCoO2", "Li6PS5Cl", "Li7P3S11"} <= {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert (
        main(["structures", "match", "LiF", "Li2S", "--max-strain", "0.05", "--max-area-angstrom2", "200", "--json"])
        == 0
    )
    first = json.loads(capsys.readouterr().out)[0]
    assert {"substrate_miller", "film_miller", "area_angstrom2", "max_strain", "n_atoms_estimate"} <= set(first)
    assert first["max_strain"] <= 0.05
    assert main(["structures", "show", "Kryptonite"]) == 2
