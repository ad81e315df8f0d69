"""Numbers as they are printed and written, read-only arrays, provenance by hash, and the same files twice."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from made_trajectories import walk

import mlip_interfaces as mi
from mlip_interfaces.observables.observer import Observer
from mlip_interfaces.observables.provenance import LIBRARIES
from mlip_interfaces.observables.request import Request
from mlip_interfaces.observables.results import Headline, Result, measured, number, plain, read_only
from mlip_interfaces.version import __version__

SYMBOLS = ["Li"] * 12 + ["S"] * 8
LAYERS = ["coating"] * 10 + ["cathode"] * 10


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.2534, 0.031, "1.253 ± 0.031"),
        (1.2534, 0.31, "1.25 ± 0.31"),
        (123.4, 12.0, "123 ± 12"),
        (99999.0, 200.0, "99999 ± 200"),
        (100000.0, 200.0, "1.0000e+05 ± 2.0e+02"),
        (-0.5, 0.04, "-0.500 ± 0.040"),
        (2.5e-6, 4e-7, "2.50e-06 ± 4.0e-07"),
        (1e-9, 1e-3, "0.0000 ± 0.0010"),
        (0.0, 0.1, "0.00 ± 0.10"),
        (0.0, 4e-7, "0.0e+00 ± 4.0e-07"),
        (3.0, 0.0, "3"),
        (3.14159, float("nan"), "3.142"),
        (float("nan"), 0.1, "nan"),
        (float("inf"), float("inf"), "inf"),
    ],
)
def test_a_value_is_printed_to_two_digits_of_its_error(value: float, error: float, text: str) -> None:
    assert measured(value, error) == text


def test_what_is_no_number_is_null_in_json() -> None:
    assert number(np.float64(1.5)) == 1.5
    assert [number(value) for value in (float("nan"), float("inf"), -float("inf"))] == [None, None, None]
    made = plain((np.array([[1.0, np.nan], [np.inf, 2.0]]), [1, "a", None, True], 0.5, np.int64(3), np.array([4])))
    assert made == [[[1.0, None], [None, 2.0]], [1, "a", None, True], 0.5, 3, [4]]
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@dataclass(frozen=True, slots=True)
class Inner:
    """A part with an array."""

    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Outer(Result):
    """A result with arrays wherever they may be."""

    direct: np.ndarray
    inner: Inner
    listed: tuple[Inner, ...]
    named: dict[str, list[np.ndarray]]

    def to_dict(self) -> dict[str, object]:
        return {"direct": self.direct.tolist()}

    def headlines(self) -> list[Headline]:
        return [Headline("length (Å)", 2.0, 0.1)]


def test_arrays_are_read_only_wherever_they_are() -> None:
    arrays = [np.zeros(2) for _ in range(4)]
    read_only(Outer(arrays[0], Inner(arrays[1]), (Inner(arrays[2]),), {"a": [arrays[3]]}))
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_a_result_without_tables_figure_or_lines_of_its_own() -> None:
    outer = Outer(np.zeros(1), Inner(np.zeros(1)), (), {})
    assert outer.tables() == {}
    assert outer.texts() == {}
    assert outer.plot() is None
    assert outer.lines() == ["length (Å): 2.00 ± 0.10"]


@pytest.mark.parametrize(("contract", "missing"), [(Request, "observe"), (Observer, "finish"), (Result, "to_dict")])
def test_an_analysis_that_lacks_a_part_is_refused_before_any_frame_is_read(contract: type, missing: str) -> None:
    half = type("Half", (contract,), {"__doc__": "Without the part that is asked for."})
    with pytest.raises(TypeError, match=missing):
        half()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    frames = []
    for t, positions in enumerate(walk(40, 20, 10.0, 0.15, 31)):
        atoms = Atoms(SYMBOLS, positions=positions, cell=[10.0] * 3, pbc=True)
        atoms.info["time_ps"] = 0.2 * t
        frames.append(atoms)
    write(folder / "t.extxyz", frames, format="extxyz")
    (folder / "layers.json").write_text(json.dumps({"symbols": SYMBOLS, "layer": LAYERS}))
    return folder


REQUESTS = {
    "bonds": mi.Rdf(pairs="Li-S", r_max_angstrom=4.5, bin_width_angstrom=0.5, blocks=2),
    "coating": mi.Msd(species="Li", layer="coating"),
    "grid": mi.Density(species="Li", spacing_angstrom=2.0),
    "bound": mi.Residence(species="S", jump_distance_angstrom=9.0),
}


def analyzed(files: Path) -> mi.Results:
    return mi.analyze(mi.open_trajectory(files / "t.extxyz", layers=files / "layers.json", start_ps=1.0), REQUESTS)


@pytest.fixture(scope="module")
def results(files: Path) -> mi.Results:
    return analyzed(files)


@pytest.fixture(scope="module")
def written(results: mi.Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "new" / "folder"
    contents = results.write(folder)
    assert contents["bonds"]["summary"] == results["bonds"].lines()
    assert contents["grid"]["file"] == "grid.cube"
    assert "file" not in contents["bonds"]
    return folder


def test_every_file_of_results_says_where_they_come_from(results: mi.Results, files: Path, written: Path) -> None:
    for name, request in REQUESTS.items():
        origin = json.loads((written / f"{name}.json").read_text())["provenance"]
        hashes = {
            str(file): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in (files / "t.extxyz", files / "layers.json")
        }
        assert origin["inputs_sha256"] == hashes
        assert origin["request"] == {"kind": request.kind} | json.loads(request.model_dump_json())
        assert origin["mlip_interfaces_version"] == __version__
        assert origin["versions"]["python"] == sys.version.split()[0]
        for library in LIBRARIES:
            assert origin["versions"][library] == importlib.metadata.version(library)
        assert origin["command"].split()[0] == Path(sys.argv[0]).name
        assert (origin["n_atoms"], origin["n_frames"]) == (20, 35)
        np.testing.assert_allclose([origin["time_start_ps"], origin["time_end_ps"]], [1.0, 7.8], rtol=1e-6, atol=0)
        assert (origin["drift"], origin["notes"]) == ("com", list(results.notes))


def test_a_changed_input_has_another_hash(files: Path, tmp_path: Path) -> None:
    copy = tmp_path / "t.extxyz"
    copy.write_bytes((files / "t.extxyz").read_bytes())
    reader = mi.open_trajectory(copy)
    results = mi.analyze(reader, [mi.Profile()])
    before = results.contents()["profile"]["provenance"]["inputs_sha256"][str(copy)]
    copy.write_text(copy.read_text().replace("Li ", "Na ", 1))
    assert results.contents()["profile"]["provenance"]["inputs_sha256"][str(copy)] != before


def test_results_in_memory_have_no_inputs() -> None:
    reader = mi.trajectory_of_arrays(walk(3, 20, 10.0, 0.1, 1), np.eye(3) * 10.0, SYMBOLS, frame_interval_ps=1.0)
    origin = mi.analyze(reader, [mi.Profile()]).contents()["profile"]["provenance"]
    assert origin["inputs_sha256"] == {}
    assert "memory" in origin["trajectory"]


def test_the_same_run_twice_is_the_same_to_the_last_byte(written: Path, files: Path, tmp_path: Path) -> None:
    analyzed(files).write(tmp_path)
    first = {path.name: path.read_bytes() for path in written.iterdir()}
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_files_are_named_by_the_request(written: Path) -> None:
    tables = {"bonds.csv", "bonds_potential.csv", "bonds_whole.csv", "coating.csv"}
    pictures = {f"{name}.{end}" for name in REQUESTS for end in ("json", "png", "svg")}
    # A map has no curves.
    curves = {f"{name}.curves.json" for name in REQUESTS if name != "grid"}
    assert {path.name for path in written.iterdir()} == tables | {"grid.cube"} | pictures | curves


def test_results_are_a_mapping_that_prints_itself(results: mi.Results) -> None:
    assert list(results) == list(REQUESTS)
    assert len(results) == 4
    assert results.kinds() == {"bonds": "rdf", "coating": "msd", "grid": "density", "bound": "residence"}
    with pytest.raises(KeyError):
        results["rdf"]
    text = str(results)
    assert text.startswith(f"{results.provenance.trajectory}: 35 frames of 20 atoms, 1 to 7.8 ps; paths unwrapped by ")
    for line in (line for result in results.values() for line in result.lines()):
        assert f"  {line}" in text
    absent = mi.analyze(
        mi.trajectory_of_arrays(walk(3, 20, 10.0, 0.1, 1), np.eye(3) * 10.0, SYMBOLS, frame_interval_ps=1.0),
        {"cobalt": mi.Density(species="Co")}, strict=False,
    )  # fmt: skip
    assert "cobalt: absent: There is no Co" in str(absent)
