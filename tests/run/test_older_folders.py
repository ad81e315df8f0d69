"""A run folder of version 0.1 (`folder_of_0_1`) is read by the verbs of today: the numbers of its books, and nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlip_interfaces.cli.main import main
from mlip_interfaces.config import load_study
from mlip_interfaces.md import STARTED
from mlip_interfaces.pipeline.older_folders import as_it_was_meant
from mlip_interfaces.run.manifests import SCHEMA_VERSION
from mlip_interfaces.run.stages import FOLDERS

FOLDER = Path(__file__).parent / "folder_of_0_1"
MODELS, PROTOCOLS = ("coating-06A", "coating-00A"), ("diffusion", "anneal", "still")
RUNS = [f"{model}/{protocol}/seed-1" for model in MODELS for protocol in PROTOCOLS]
HEALTHY = [run for run in RUNS if "anneal" not in run]
Verb = Callable[..., str]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy that may be written."""
    return shutil.copytree(FOLDER, tmp_path / "mini")


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str]) -> Verb:
    """Runs a verb that must end well, take no run for that of another study, and tell nobody to delete a folder."""

    def run(*words: object) -> str:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert code == 0, said.err
        for phrase in ("Delete", "delete /", "another command", "another study", "Traceback"):
            assert phrase not in said.out + said.err
        return said.out

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the lock, which says the number of its last holder."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".lock"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def changed(before: Mapping[str, bytes], folder: Path) -> set[str]:
    after = contents(folder)
    return {name for name in before | after if before.get(name) != after.get(name)}


def book(name: str, folder: Path = FOLDER) -> Any:
    return json.loads((folder / name).read_text())


def known_then(then: Any, now: Any) -> Any:
    """Of what a book says now, what one of then could say."""
    if isinstance(then, dict):
        return {key: known_then(then[key], now[key]) for key in then}
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [known_then(*pair) for pair in zip(then, now, strict=True)]
    return now


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_status_has_the_times_of_the_manifests(old: Path, verb: Verb) -> None:
    before = contents(old)
    stages = json.loads(verb("status", old, "--json"))["stages"]
    folders = ("structures", "initial_data", "campaign", "model", "validation", "scan", "analysis", "report")
    manifests = [book(f"{folder}/manifest.json") for folder in folders]
    assert [(stage["stage"], stage["status"], stage["wall_seconds"], stage["finished"]) for stage in stages] == [
        (manifest["stage"], "done", manifest["wall_seconds"], manifest["finished"]) for manifest in manifests
    ]
    assert verb("stop", old) == f"Nothing runs in {old}.\n"
    assert not changed(before, old)


def test_campaign_has_the_numbers_of_its_summary(old: Path, verb: Verb) -> None:
    before = contents(old)
    then, now = book("campaign/summary.json"), json.loads(verb("campaign", "status", old, "--json"))
    for summary in (then, now):
        # Taken from the times of files, which a checkout does not keep.
        del summary["iterations"][0]["wall_seconds"]
    assert known_then(then, now) == then
    assert then["labels"]["made"] == 19
    assert "19 labels" in verb("campaign", "status", old)
    assert not changed(before, old)


def test_validation_is_done_and_has_its_numbers(old: Path, verb: Verb) -> None:
    before, then = contents(old), book("validation/validation.json")
    assert f"force RMSE {then['force_rmse_mev_per_angstrom']:.0f} meV" in verb("validate", old)
    # What the stages were made of is written as it is now.
    books = {name for name in changed(before, old) if not name.endswith("/manifest.json")}
    assert books == {"structures/index.json", "validation/tasks/made_of.sha256"}


def test_labels_are_listed_and_exported(old: Path, verb: Verb, tmp_path: Path) -> None:
    before = contents(old)
    labels = [json.loads(file.read_text()) for file in FOLDER.rglob("label.json") if "validation" not in file.parts]
    labels += [
        json.loads(line) for line in (FOLDER / "initial_data/tasks/md.000/records.jsonl").read_text().splitlines()
    ]
    good = [label for label in labels if label["status"] == "ok"]
    found = json.loads(verb("labels", "list", old, "--json"))
    assert (found["made"], found["failed"]) == (len(good), len(labels) - len(good))
    verb("labels", "export", old, "--out", tmp_path / "export")
    energies = np.concatenate([np.load(file).ravel() for file in (tmp_path / "export").rglob("energy.npy")])
    np.testing.assert_allclose(np.sort(energies), np.sort([label["energy_ev"] for label in good]), rtol=1e-6, atol=0)
    type_map = {file.read_text() for file in (tmp_path / "export").rglob("type_map.raw")}
    assert type_map == {"Li\nF\nS\n"}
    assert not changed(before, old)


def test_runs_are_finished_and_judged_as_they_were(old: Path, verb: Verb) -> None:
    before = contents(old)
    told = [line.split()[:2] for line in verb("scan", "status", old).splitlines()[1 : len(RUNS) + 1]]
    assert told == [[run, "sick" if "anneal" in run else "finished"] for run in RUNS]
    assert not changed(before, old)
    assert "6 runs, 0.88 ps, not healthy: coating-06A/anneal/seed-1" in verb("scan", "collect", old)
    # Frames around a failure, which no older version kept.
    candidates = {f"scan/{run}/candidates.extxyz" for run in RUNS if "anneal" in run}
    assert changed(before, old) == {"scan/index.json"} | candidates
    then, now = book("scan/index.json"), book("scan/index.json", old)
    assert known_then(then, now) == then
    assert all(len(run["motion_sha256"]) == 64 for run in now["runs"])


def test_run_keeps_what_it_finds(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stages by the folder's own study, MD by its commands; what was made of a trajectory is made again, as it has no record."""
    before = contents(old)
    assert main(["run", str(old / "study.yaml"), "--out", str(old), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["artefacts"]
    actions = {stage: {artefact["action"] for artefact in plan if artefact["stage"] == stage} for stage in FOLDERS}
    # The fixture was relieved of the files of its bulk cells.
    assert actions.pop("build") == {"kept", "made"}
    assert {stage for stage, found in actions.items() if found == {"kept"}} == {
        "data",
        "campaign",
        "train",
        "validate",
        "scan",
    }
    assert not changed(before, old)


def test_every_analysis_finds_what_it_found(old: Path, verb: Verb, tmp_path: Path) -> None:
    before = contents(old)
    verb("analyze", "all", old, "--out", tmp_path / "analysis")
    assert not changed(before, old)
    now = {run["name"]: run for run in book("index.json", tmp_path / "analysis")["runs"]}
    for then in book("analysis/index.json")["runs"]:
        assert set(then["results"]) == set(now[then["name"]]["results"])
        assert (then["absent"].keys(), then["healthy"]) == (
            now[then["name"]]["absent"].keys(),
            now[then["name"]]["healthy"],
        )
    for run in HEALTHY:
        then, now = (headlines(folder / run) for folder in (FOLDER / "analysis", tmp_path / "analysis"))
        assert then.keys() == now.keys()
        for name, value in then.items():
            np.testing.assert_allclose(now[name], value, rtol=1e-5, atol=1e-12, err_msg=f"{run}: {name}")


def headlines(folder: Path) -> dict[str, Any]:
    """Numbers of all analyses of a run."""
    read = {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
    found = {f"g(r) of {pair}": values["first_peak_height"] for pair, values in read["rdf"]["pairs"].items()}
    found |= {
        f"D of {symbol}": values["diffusivity_cm2_per_s"]
        for symbol, values in read.get("msd", {"species": {}})["species"].items()
    }
    found |= {name: read["tetrahedra"][name] for name in ("count_mean", "count_error", "n_centers")}
    found |= {name: read["onsager"]["whole"][name] for name in ("l_per_ev_angstrom_ps", "conductivity_s_per_cm")}
    found |= {f"{name} of S": read["chemistry"][name] for name in ("s2_dimers_mean",)}
    for layer, edges in read["profile"]["interfaces"].items():
        found |= {f"{side} edge of {layer}": edge["position_angstrom"] for side, edge in edges.items()}
    return found


def test_report_has_the_numbers_that_it_had(old: Path, verb: Verb, tmp_path: Path) -> None:
    before, then = contents(old), book("report/results.json")
    verb("report", old, "--out", tmp_path / "report")
    assert not changed(before, old)
    now = book("results.json", tmp_path / "report")
    assert known_then(then, now) == then
    assert set(now["runs"]) == set(HEALTHY)
    assert now["left_out"] == {}
    page = (tmp_path / "report" / "index.html").read_text()
    assert "43.8 meV/atom" in page
    assert "is left out" not in page


def test_report_in_the_folder_goes_on_with_its_books_and_keeps_keys_of_a_newer_version(old: Path, verb: Verb) -> None:
    for file in [*old.glob("*/manifest.json"), *old.glob("*/index.json"), old / "campaign" / "summary.json"]:
        content = json.loads(file.read_text())
        for entry in [*content.get("runs", ()), *content.get("models", ()), content]:
            entry["moon"] = {"phase": "full"}
        file.write_text(json.dumps(content))
    before = contents(old)
    verb("status", old)
    verb("scan", "status", old)
    assert not changed(before, old)
    verb("report", old)
    written = {name for name in changed(before, old) if not name.startswith("report/figures/")}
    # The summary has the times of the copied files.
    books = {"report/manifest.json", "campaign/summary.json"}
    assert written == books | {"report/index.html", "report/results.json"}
    assert {name: book(name, old)["moon"] for name in books} == dict.fromkeys(books, {"phase": "full"})
    then, now = book("report/manifest.json"), book("report/manifest.json", old)
    assert (now["n_starts"], now["started"], now["schema_version"]) == (2, then["started"], SCHEMA_VERSION)
    assert known_then(book("report/results.json"), book("report/results.json", old)) == book("report/results.json")


def test_protocol_without_a_cell_is_that_of_its_runs(old: Path) -> None:
    study = load_study(old / "study.yaml")
    assert {protocol.cell for protocol in study.protocols.values()} == {"coupled_xy"}
    meant = as_it_was_meant(study, old)
    cells = {name: protocol.cell for name, protocol in meant.protocols.items()}
    assert cells == {"diffusion": "free", "anneal": "free", "still": "coupled_xy"}
    assert as_it_was_meant(meant, old) is meant
    assert as_it_was_meant(study, old / "nowhere") is study


def test_runs_made_otherwise_since_are_not_put_beside_older_ones(old: Path) -> None:
    study, run = load_study(old / "study.yaml"), old / "scan" / RUNS[0]
    script = (run / "command.sh").read_text()
    for cell, expected in (("free", "free"), ("coupled_xy", "coupled_xy")):
        (run / STARTED).write_text(script.replace("-var ensemble npt", f"-var ensemble npt -var cell {cell}"))
        assert as_it_was_meant(study, old).protocols["diffusion"].cell == expected


@pytest.mark.parametrize("cell", ["free", "coupled_xy"])
def test_cell_that_the_study_says_is_what_counts(old: Path, capsys: pytest.CaptureFixture[str], cell: str) -> None:
    edit(old / "study.yaml", "{temperature_kelvin: 50,", f"{{cell: {cell}, temperature_kelvin: 50,")
    assert main(["scan", "status", str(old)]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    others = {run for run, state in lines.items() if "another command" in state}
    assert others == ({run for run in RUNS if "diffusion" in run} if cell == "coupled_xy" else set())
