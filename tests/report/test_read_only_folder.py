"""A run folder that is only read: every status writes nothing at all, report and analysis go elsewhere or say how."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from made_runs import SCAN, write_stages

from mlip_interfaces.books.run import INDEX, ScanEntry, ScanIndex, read_book
from mlip_interfaces.campaign.dpgen_files import render_param
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import load_study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_json
from mlip_interfaces.run.stages import FOLDERS, StageStatus


def tree(root: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of everything; a folder's time tells of files that came and went."""
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in (root, *root.rglob("*"))}


@pytest.fixture
def run(miniature: Path, tmp_path: Path) -> Path:
    """All books of a finished run, with a study and a campaign's file."""
    root = write_stages(tmp_path / "run")
    shutil.copy(miniature, root / "study.yaml")
    param = render_param(load_study(miniature), initial_systems=["bulk"], max_neighbors=[8, 8, 8])
    write_json(root / "campaign" / "param.json", param)
    return root


@pytest.mark.parametrize(
    "words",
    [["status"], ["status", "--json"], ["campaign", "status"], ["campaign", "status", "--json"], ["scan", "status"]],
)
def test_status_writes_nothing(run: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    before = tree(run)
    verbs = [word for word in words if word != "--json"]
    assert main([*verbs, str(run), *(["--json"] if "--json" in words else [])]) == 0
    assert tree(run) == before


def test_every_field_of_the_status_is_documented(
    run: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", str(run), "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert [stage["stage"] for stage in stages] == list(FOLDERS)
    names = {field.name for field in fields(StageStatus)}
    assert all(set(stage) == names for stage in stages)
    page = (repository / "docs" / "reference" / "run-folder.md").read_text()
    section = page.partition("## What `status --json` says")[2].partition("\n## ")[0]
    assert {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")} == names


def test_a_report_elsewhere_leaves_the_run_folder_as_it_is(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, out = tree(run), tmp_path / "out"
    assert main(["report", str(run), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    assert (out / "results.json").is_file()
    assert tree(run) == before


def test_on_a_read_only_disk_status_works_and_the_rest_names_out(
    small_disk: Path, miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(miniature, small_disk / "study.yaml")
    (small_disk / "scan").mkdir()
    write_json(small_disk / "scan" / INDEX, ScanIndex().to_json())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert main(["status", str(small_disk)]) == 0
    for words in (["report"], ["analyze", "all"]):
        assert main([*words, str(small_disk)]) == 3
        said = capsys.readouterr().err
        assert "cannot be written" in said
        assert "give another --out folder" in said
        assert main([*words, str(small_disk), "--out", str(tmp_path / words[0])]) == 0
    assert (tmp_path / "report" / "index.html").is_file()
    assert (tmp_path / "analyze" / INDEX).is_file()


def test_an_index_of_an_older_version_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    entry = SCAN[0].to_json()
    file = tmp_path / INDEX
    with_default = {
        field.name
        for field in fields(ScanEntry)
        if field.default is not MISSING or field.default_factory is not MISSING
    }
    assert {"variant", "wall_seconds", "edges_mean_angstrom"} <= with_default
    for key in entry:
        content = {name: value for name, value in entry.items() if name != key}
        write_json(file, {"runs": [content | {"of_a_newer_version": 1}]})
        if key in with_default:
            (found,) = read_book(ScanIndex, file).runs
            assert found.n_atoms == SCAN[0].n_atoms
        else:
            with pytest.raises(InputFileError, match=rf"{file}: runs\.0\.{key} is missing; delete the file and run"):
                read_book(ScanIndex, file)
