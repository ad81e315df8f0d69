"""The analyze verbs on files: keys that others read, refusals with exit code 2, the same answer in any format."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.cli.main import main

SYMBOLS = ["Li"] * 20 + ["F"] * 10 + ["S"] * 10
LAYERS = ["coating"] * 15 + ["electrolyte"] * 5 + ["coating"] * 10 + ["electrolyte"] * 10
LENGTH = 12.0


def motion(n_frames: int = 150) -> np.ndarray:
    rng = np.random.default_rng(21)
    start = rng.random((40, 3)) * LENGTH
    steps = rng.normal(0, 0.15, (n_frames, 40, 3))
    steps[:, 20:] *= 0.2
    return start + np.cumsum(steps, axis=0)


def write_dump(file: Path, path: np.ndarray) -> None:
    frames = []
    for t, positions in enumerate(path % LENGTH):
        rows = "".join(
            f"{i + 1} {symbol} {x:.8f} {y:.8f} {z:.8f}\n"
            for i, (symbol, (x, y, z)) in enumerate(zip(SYMBOLS, positions, strict=True))
        )
        bounds = f"0 {LENGTH}\n" * 3
        frames.append(
            f"ITEM: TIMESTEP\n{100 * t}\nITEM: NUMBER OF ATOMS\n40\nITEM: BOX BOUNDS pp pp pp\n{bounds}"
            f"ITEM: ATOMS id element x y z\n{rows}"
        )
    content = "".join(frames).encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    write_dump(tmp_path / "traj.lammpstrj", motion())
    (tmp_path / "layers.json").write_text(json.dumps({"symbols": SYMBOLS, "layer": LAYERS}))
    return tmp_path / "traj.lammpstrj"


def result(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict:
    assert main(["analyze", *map(str, words), "--json"]) == 0
    content: dict = json.loads(capsys.readouterr().out)
    return content


def refusal(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert main(["analyze", *map(str, words), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_rdf_table_has_the_columns_that_others_read(dump: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    words = [
        "rdf",
        dump,
        "--pairs",
        "Li-S,F-F",
        "--r-max-angstrom",
        "5",
        "--bin-width-angstrom",
        "0.5",
        "--blocks",
        "3",
    ]
    assert main(["analyze", *map(str, words), "--frame-interval-ps", "0.1", "--out", str(out)]) == 0
    with (out / "rdf.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    columns = ["pair", "block", "time_start_ps", "time_end_ps", "r_angstrom", "g", "g_error"]
    assert list(rows[0]) == [*columns, "g_in_layer", "g_in_layer_error"]
    assert len(rows) == 2 * 3 * 10
    assert {row["block"] for row in rows} == {"0", "1", "2"}
    np.testing.assert_allclose(
        [float(rows[0]["time_start_ps"]), float(rows[-1]["time_end_ps"])], [0, 14.9], rtol=1e-6, atol=0
    )
    late = [float(row["g"]) for row in rows if float(row["r_angstrom"]) > 2 and row["pair"] == "Li-S"]
    np.testing.assert_allclose(np.mean(late), 1.0, rtol=0, atol=0.1)
    assert {path.suffix for path in out.iterdir()} == {".json", ".csv", ".png", ".svg"}


def test_layers_restrict_either_side(dump: Path, tmp_path: Path, capsys) -> None:
    words = ["rdf", dump, "--layers", tmp_path / "layers.json", "--frame-interval-ps", "0.1", "--r-max-angstrom", "5"]
    both = result(capsys, *words, "--pairs", "Li@coating-S@electrolyte,Li-S")["pairs"]
    assert set(both) == {"Li@coating-S@electrolyte", "Li-S"}
    assert "no Co" in refusal(capsys, *words, "--pairs", "Co-S")
    assert "no S in the layer 'coating'" in refusal(capsys, *words, "--pairs", "Li-S@coating")


def test_msd_keys_and_the_known_diffusivity(dump: Path, tmp_path: Path, capsys) -> None:
    words = ["msd", dump, "--species", "Li,S", "--frame-interval-ps", "0.1", "--drift", "none"]
    found = result(capsys, *words)["species"]
    # Steps of 0.15 angstrom every 0.1 ps: 0.1125 angstrom^2/ps.
    low, high = found["Li"]["confidence_95_cm2_per_s"]
    assert low < 0.1125e-4 < high
    assert abs(found["Li"]["diffusivity_cm2_per_s"] - 0.1125e-4) < 4 * found["Li"]["diffusivity_error_cm2_per_s"]
    assert found["Li"]["jumps"]["n_jumps"] > 0
    ratio = found["S"]["diffusivity_cm2_per_s"] / found["Li"]["diffusivity_cm2_per_s"]
    np.testing.assert_allclose(ratio, 0.04, rtol=0.4, atol=0)
    layer = result(capsys, *words[:3], "Li", *words[4:], "--layer", "coating", "--layers", tmp_path / "layers.json")
    assert layer["species"]["Li"]["n_atoms"] == 15
    assert layer["species"]["Li"]["across_by_survival"]["diffusivity_cm2_per_s"] > 0


def test_onsager_keys_and_windows(dump: Path, capsys) -> None:
    words = ["onsager", dump, "--species", "Li,S,F", "--temperature-kelvin", "500", "--frame-interval-ps", "0.1"]
    found = result(capsys, *words, "--windows", "3", "--charges", "Li=1,S=-2")
    assert found["species"] == ["Li", "S", "F"]
    assert found["charges"] == {"Li": 1.0, "S": -2.0, "F": -1.0}
    assert len(found["windows"]) == 3
    for window in found["windows"]:
        assert np.array(window["l_per_ev_angstrom_ps"]).shape == (3, 3)
        assert (np.array(window["l_error_per_ev_angstrom_ps"]) > 0).all()
    assert "conductivity_s_per_cm" in found
    assert "haven_ratio" in found
    masses = np.array([6.94, 32.06, 18.998403163])
    whole = np.array(found["whole"]["l_per_ev_angstrom_ps"])
    np.testing.assert_allclose(masses @ whole, 0.0, rtol=0, atol=1e-3 * np.abs(whole).max() * 32)
    assert "is not like Li=1" in refusal(capsys, *words, "--charges", "Li:1")
    assert "not in --species" in refusal(capsys, *words, "--charges", "Co=3")


def test_tetrahedra_chemistry_profile_and_the_rest_give_json(dump: Path, tmp_path: Path, capsys) -> None:
    time = ["--frame-interval-ps", "0.1"]
    assert {"count_mean", "fraction_mean"} <= set(result(capsys, "tetrahedra", dump, *time))
    assert "no Na" in refusal(capsys, "tetrahedra", dump, *time, "--center", "Na")
    assert result(capsys, "chemistry", dump, *time)["n_phosphorus"] == 0
    profile = result(capsys, "profile", dump, *time, "--layers", tmp_path / "layers.json")
    assert profile["elements"] == ["F", "Li", "S"]
    hove = result(capsys, "van-hove", dump, *time, "--species", "Li", "--lags-ps", "0.1,1", "--r-max-angstrom", "5")
    assert hove["lags_ps"] == [0.1, 1.0]
    assert result(capsys, "residence", dump, *time, "--species", "Li", "--jump-distance-angstrom", "1")["n_jumps"] > 0
    density = result(
        capsys, "density", dump, *time, "--species", "Li", "--spacing-angstrom", "1", "--out", tmp_path / "d"
    )
    np.testing.assert_allclose(density["n_atoms"], 20, rtol=1e-9, atol=0)
    assert (tmp_path / "d" / "density.cube").is_file()


def test_arrhenius_from_files(dump: Path, tmp_path: Path, capsys) -> None:
    for kelvin, value in ((500, 1e-6), (600, 4e-6)):
        entry = {"diffusivity_cm2_per_s": value, "diffusivity_error_cm2_per_s": 1e-7}
        (tmp_path / f"{kelvin}.json").write_text(json.dumps({"species": {"Li": entry}}))
    files = [tmp_path / "500.json", tmp_path / "600.json"]
    found = result(capsys, "arrhenius", *files, "--temperatures-kelvin", "500,600", "--out", tmp_path / "a")
    expected = np.log(4.0) * 8.617333262e-5 / (1 / 500 - 1 / 600)
    np.testing.assert_allclose(found["activation_energy_ev"], expected, rtol=1e-6, atol=0)
    assert (tmp_path / "a" / "arrhenius.svg").is_file()
    # Like every result file it says what it was made of.
    origin = json.loads((tmp_path / "a" / "arrhenius.json").read_text())["provenance"]
    assert origin["inputs_sha256"] == {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert origin["request"]["at_kelvin"] == 300.0
    assert "no msd.json" in refusal(capsys, "arrhenius", dump, files[0], "--temperatures-kelvin", "500,600")
    assert "2 files, 1 temperature." in refusal(capsys, "arrhenius", *files, "--temperatures-kelvin", "500")


def test_two_processes_and_a_gzipped_file_give_the_same_numbers(
    dump: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("mlip_interfaces.trajectory.reader.CHUNK_ATOMS", 1600)
    words = ["--pairs", "Li-S,Li-Li", "--frame-interval-ps", "0.1", "--r-max-angstrom", "5", "--blocks", "2"]
    one = result(capsys, "rdf", dump, *words)
    write_dump(tmp_path / "again.dump.gz", motion())
    two = result(capsys, "rdf", tmp_path / "again.dump.gz", *words, "--processes", "2")
    assert one["pairs"] == two["pairs"]


def test_a_range_that_the_cell_forbids_is_shortened_and_said(dump: Path, capsys) -> None:
    words = [
        "analyze",
        "rdf",
        str(dump),
        "--pairs",
        "Li-S",
        "--frame-interval-ps",
        "0.1",
        "--r-max-angstrom",
        "7",
        "--json",
    ]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "mlip-interfaces: g(r) ends at 6 and not at 7 angstrom: half of the smallest cell (12.00" in captured.err
    found = json.loads(captured.out)
    assert found["shortened"]["used_angstrom"] == found["settings"]["r_max_angstrom"] == 6.0
    assert found["provenance"]["request"]["r_max_angstrom"] == 7.0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rdf", "T", "--pairs", "Li", "--frame-interval-ps", "0.1"], "is no pair"),
        (["rdf", "T", "--pairs", "Li-S"], "give --frame-interval-ps"),
        (["msd", "T", "--species", "Co", "--frame-interval-ps", "0.1"], "There is no Co"),
        (["msd", "T", "--species", "Li", "--layer", "x", "--frame-interval-ps", "0.1"], "give --layers"),
        (["msd", "T", "--species", "Li", "--frame-interval-ps", "0.1", "--drift", "Co"], "There is no Co"),
        (["msd", "T", "--species", "Li", "--frame-interval-ps", "0.1", "--stop-ps", "0"], "single frame"),
        (["msd", "T", "--species", "Li", "--frame-interval-ps", "0.1", "--stop-ps", "1"], "at least 16 frames"),
        (["msd", "T", "--species", "Li", "--frame-interval-ps", "0.1", "--start-ps", "99"], "no frame"),
        (["msd", "T", "--species", "Li", "--frame-interval-ps", "0.1", "--unwrap", "image"], "no image flags"),
        (["onsager", "T", "--species", "Li,S", "--temperature-kelvin", "500", "--frame-interval-ps", "0.1", "--windows", "9"],
         "fewer windows"),
        (["chemistry", "nowhere.dcd"], "does not exist"),
    ],
)  # fmt: skip
def test_bad_requests_end_in_a_sentence(dump: Path, capsys, words: list[str], sentence: str) -> None:
    assert sentence in refusal(capsys, *[str(dump) if word == "T" else word for word in words])


def test_a_binary_file_and_broken_numbers_are_named(dump: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "b.lammpstrj").write_bytes(bytes(range(256)) * 100)
    words = ["--species", "Li", "--frame-interval-ps", "0.1"]
    assert "not a LAMMPS text dump" in refusal(capsys, "msd", tmp_path / "b.lammpstrj", *words)
    path = motion(30)
    path[7, 3, 1] = np.nan
    write_dump(tmp_path / "n.lammpstrj", path)
    assert "not finite numbers (frame 7)" in refusal(capsys, "msd", tmp_path / "n.lammpstrj", *words)


def test_without_out_or_json_nothing_is_done(dump: Path, capsys) -> None:
    assert main(["analyze", "chemistry", str(dump), "--frame-interval-ps", "0.1"]) == 2
    assert "--out DIR" in capsys.readouterr().err
