"""Files that are damaged, and paths that cannot be, end every verb with exit code 2 and a sentence that names them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_arrays, read_json
from mlip_interfaces.labels.record import read_label
from mlip_interfaces.records import read_as

DAMAGES = {
    "cut off": b'{"symbols": ["Li"',
    "binary": bytes(range(256)),
    "other form": b"[1, 2]",
    "no mapping": b"null",
    "deep": b"[" * 100_000,
    "empty": b"",
}


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert code == 2, said
    assert said.err.startswith("mlip-interfaces: ")
    assert "Traceback" not in said.err
    return said.err


@pytest.fixture
def run(miniature: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with nothing but its study."""
    monkeypatch.syspath_prepend(str(repository / "tests" / "teachers"))
    root = tmp_path / "run"
    root.mkdir()
    shutil.copyfile(miniature, root / "study.yaml")
    return root


def test_scan_that_was_never_prepared_is_not_collected(run: Path, capsys) -> None:
    said = refusal(capsys, "scan", "collect", run)
    assert "layers.json is missing" in said
    assert "`mlip-interfaces scan init`, or `run`, prepares the runs" in said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("scan/coating-06A/diffusion/seed-1/layers.json", ("scan", "collect")),
        ("scan/manifest.json", ("status",)),
        ("model/given.json", ("status",)),
        ("campaign/param.json", ("campaign", "status")),
        ("structures/manifest.json", ("report",)),
        ("inputs/index.json", ("scan", "status")),
        ("initial_data/tasks/origins.json", ("run-dry",)),
    ],
)
def test_damaged_book_is_named(run: Path, capsys, damage: str, file: str, words: tuple[str, ...]) -> None:
    path = run / file
    path.parent.mkdir(parents=True)
    path.write_bytes(DAMAGES[damage])
    given = ("run", run / "study.yaml", "--out", run, "--dry-run") if words == ("run-dry",) else (*words, run)
    assert str(path) in refusal(capsys, *given)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_label_is_named(tmp_path: Path, capsys, damage: str) -> None:
    (tmp_path / "task").mkdir()
    file = tmp_path / "task" / "label.json"
    file.write_bytes(DAMAGES[damage])
    assert str(file) in refusal(capsys, "labels", "list", tmp_path)
    with pytest.raises(InputFileError, match="delete the file to have the label made again"):
        read_label(file)


def test_label_whose_atoms_differ_in_number_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "label.json"
    three = [[0.0, 0.0, 0.0]] * 3
    label = {
        "status": "ok", "wall_seconds": 1, "symbols": ["Li"] * 3, "positions_angstrom": three, "cell_angstrom": three, "energy_ev": 1,
        "forces_ev_per_angstrom": three, "virial_ev": three, "calculator": "x",
    }  # fmt: skip
    file.write_text(json.dumps(label))
    assert read_label(file)["energy_ev"] == 1
    file.write_text(json.dumps(label | {"forces_ev_per_angstrom": three[:2]}))
    with pytest.raises(InputFileError, match="3 symbols, 3 positions and 2 forces"):
        read_label(file)
    file.write_text(json.dumps(label | {"status": "failed"}))
    with pytest.raises(InputFileError, match="reason is missing"):
        read_label(file)


def test_arrays_are_read_or_their_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    with pytest.raises(InputFileError, match="a.npz is missing; do it"):
        read_arrays(file, ("x",), if_missing="do it")
    np.savez(file, x=np.arange(3), y=np.ones(2))
    assert read_arrays(file, ("x",)).keys() == {"x"}
    np.testing.assert_array_equal(read_arrays(file)["y"], [1.0, 1.0])
    with pytest.raises(InputFileError, match="lacks an array"):
        read_arrays(file, ("z",))
    whole = file.read_bytes()
    for damaged in (whole[:100], b"", b"nonsense", whole[:-30]):
        file.write_bytes(damaged)
        with pytest.raises(InputFileError, match=r"a\.npz is damaged"):
            read_arrays(file, ("x",))


def test_json_of_another_form_is_named_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"x": ["a", 1]}')
    with pytest.raises(InputFileError, match=r"a\.json: x\.1 is wrong .*; mend it\."):
        read_as(dict[str, list[str]], file, if_damaged="mend it")
    file.write_text("[" * 100_000)
    with pytest.raises(InputFileError, match=r"a\.json is not valid JSON"):
        read_json(file)


LONG = "x" * 300


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_run_folder_that_cannot_be_is_refused(run: Path, tmp_path: Path, capsys, dry: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("x")
    for out in ("file", "file/run", "file/a/b"):
        said = refusal(capsys, "run", run / "study.yaml", "--out", tmp_path / out, *dry)
        assert f"{tmp_path / 'file'} is a file; give another folder" in said
    assert "has 300 characters, too many" in refusal(capsys, "run", run / "study.yaml", "--out", tmp_path / LONG, *dry)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("verb", [("status",), ("report",), ("config", "check"), ("scan", "collect")])
def test_name_too_long_for_a_folder_is_refused(tmp_path: Path, capsys, verb: tuple[str, ...]) -> None:
    assert "has 300 characters, too many for a file or a folder" in refusal(capsys, *verb, tmp_path / LONG)
