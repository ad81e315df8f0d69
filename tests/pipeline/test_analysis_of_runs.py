"""Stage ``analyze`` on damaged and foreign files, after an interruption, and for an edited study: made-up trajectories."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

import mlip_interfaces as mi
from mlip_interfaces.books.run import (
    INDEX,
    RUN_INDEX,
    AnalysisEntry,
    AnalysisIndex,
    ScanEntry,
    ScanIndex,
    read_book,
    write_book,
)
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, write_json
from mlip_interfaces.md import Motion
from mlip_interfaces.observables import Results, one_pass
from mlip_interfaces.observables.results import Result
from mlip_interfaces.pipeline import run_analysis
from mlip_interfaces.pipeline.analyze import run_analyze
from mlip_interfaces.pipeline.flow import report_run, run_single_stage
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.plan import plan_run
from mlip_interfaces.pipeline.scan import read_scan_index, run_script, scan_runs
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.folder import STUDY_FILE
from mlip_interfaces.run.manifests import read_manifest, recorded, write_manifest
from mlip_interfaces.run.stages import FOLDERS

SYMBOLS = ["Li"] * 8 + ["F"] * 8
N_FRAMES, INTERVAL_PS, LENGTH = 151, 0.1, 10.0
FIRST, SECOND = "coating-06A/diffusion/seed-1", "coating-00A/diffusion/seed-1"
REQUESTS = {
    "rdf": {"kind": "rdf", "pairs": ["Li-F"], "blocks": 2, "r_max_angstrom": 3.0},
    "li": {"kind": "msd", "species": ["Li"]},
}


def with_analysis(study: Study, **changes: Any) -> Study:
    content = study.model_dump()
    content["protocols"]["diffusion"] |= {"time_ps": 15.0, "dump_interval_ps": INTERVAL_PS}
    return study.model_validate(content | {"analysis": {"requests": REQUESTS} | changes})


def write_run(directory: Path, seed: int, lengths: NDArray[np.float64] | None = None) -> None:
    """A random walk of Li beside F at rest, with its labels; `lengths` of the cell, angstrom."""
    import MDAnalysis
    from MDAnalysis.coordinates.DCD import DCDWriter

    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.15, (N_FRAMES, len(SYMBOLS), 3))
    steps[1:, 8:] = 0.0
    steps[0] = rng.random((len(SYMBOLS), 3)) * LENGTH
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe.empty(len(SYMBOLS), trajectory=True)
        with DCDWriter(str(directory / "traj.dcd"), len(SYMBOLS), dt=1.0) as writer:
            edges = np.full(N_FRAMES, LENGTH) if lengths is None else lengths
            for positions, edge in zip(np.cumsum(steps, axis=0), edges, strict=True):
                universe.atoms.positions = positions * edge / LENGTH
                universe.trajectory.ts.dimensions = [edge] * 3 + [90] * 3
                writer.write(universe.atoms)
    labels = {"symbols": SYMBOLS, "layer": ["coating"] * 8 + ["base"] * 8}
    (directory / "layers.json").write_text(json.dumps(labels))
    table = "".join(f"{k * INTERVAL_PS:g},500,2.0\n" for k in range(N_FRAMES))
    (directory / "thermo.csv").write_text(f"time_ps,temperature_kelvin,density_g_per_cm3\n{table}")


def scan_entry(name: str) -> ScanEntry:
    return ScanEntry(
        name=name, model=name.split("/")[0], coating_angstrom=5.0, protocol="p", condition="p", ensemble="nvt",
        temperature_kelvin=50.0, pressure_bar=(), seed=1, directory=name, trajectory="traj.dcd", topology="", layers="layers.json",
        thermo_file="thermo.csv", temperature_mean_kelvin=500.0, temperature_max_kelvin=550.0, density_initial_g_per_cm3=2.0,
        density_mean_g_per_cm3=2.0, min_distance_angstrom=1.5, frame_interval_ps=INTERVAL_PS, n_atoms=len(SYMBOLS), healthy=True, reasons=(), time_ps=15.0, n_steps=1500,
        n_frames=N_FRAMES,
    )  # fmt: skip


@pytest.fixture
def context(miniature: Path, tmp_path: Path) -> RunContext:
    """A collected scan of two healthy runs."""
    context = RunContext(with_analysis(load_study(miniature)), tmp_path / "run")
    for seed, name in enumerate((FIRST, SECOND)):
        write_run(context.scan / name, seed)
    made = {run.name: Motion.of(run_script(context, run)).hash for run in scan_runs(context.study)}
    runs = tuple(replace(scan_entry(name), motion_sha256=made[name]) for name in (FIRST, SECOND))
    write_json(context.scan / INDEX, ScanIndex(runs).to_json())
    return context


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time would go into them, and nothing here is about them."""
    monkeypatch.setattr(Result, "plot", lambda self: None)


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What is really analysed: the run's folder and the names of the requests, one entry per pass."""
    passes: list[tuple[str, ...]] = []

    def counted(trajectory: Any, requests: Mapping[str, Any], **keys: Any) -> Results:
        passes.append((trajectory.path.parent.parent.parent.name, *requests))
        return mi.analyze(trajectory, requests, **keys)

    monkeypatch.setattr(run_analysis, "analyze", counted)
    return passes


def entries(context: RunContext) -> dict[str, AnalysisEntry]:
    return {entry.name: entry for entry in read_book(AnalysisIndex, context.analysis / INDEX).runs}


def diffusivity(context: RunContext, name: str) -> float:
    content = json.loads((context.analysis / name / "li.json").read_text())
    return float(content["species"]["Li"]["diffusivity_cm2_per_s"])


def expected_diffusivity(directory: Path) -> float:
    """By the kernel's own door, of the whole file."""
    reader = mi.open_trajectory(directory / "traj.dcd", layers=directory / "layers.json", frame_interval_ps=INTERVAL_PS)
    return float(mi.analyze(reader, [mi.Msd(species="Li")])["msd"].species["Li"].diffusivity_cm2_per_s)


def cut(file: Path) -> None:
    """75 of its 151 frames, and a part of the next."""
    content = file.read_bytes()
    frame = 8 + 48 + 3 * (8 + 4 * len(SYMBOLS))
    file.write_bytes(content[: len(content) - 76 * frame + 30])


def doubled(file: Path) -> None:
    frame = 8 + 48 + 3 * (8 + 4 * len(SYMBOLS))
    content = file.read_bytes()
    file.write_bytes(content + content[-frame:])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (cut, f"scan/{FIRST}/traj.dcd has 75 whole frames, and the scan's index says 151: it was cut"),
        (doubled, "has 152 whole frames, and the scan's index says 151: it is not of this run alone"),
        (lambda file: file.write_bytes(b"no trajectory"), "traj.dcd is damaged"),
        (lambda file: file.unlink(), "traj.dcd does not exist"),
        (lambda file: file.with_name("layers.json").write_text("{"), "layers.json"),
    ],
    ids=["cut", "longer", "garbage", "missing", "labels"],
)
def test_damaged_run_is_named_and_the_others_are_analysed(
    context: RunContext, damage: Callable[[Path], object], why: str
) -> None:
    damage(context.scan / FIRST / "traj.dcd")
    said = run_analyze(context)
    assert said.startswith("1 of 2 runs analysed; not analysed: ")
    assert why in said
    assert str(context.root) not in said
    found = entries(context)
    assert (found[FIRST].healthy, found[FIRST].analysed, found[FIRST].results) == (True, False, ())
    assert why in found[FIRST].trouble
    assert not (context.analysis / FIRST).exists()
    assert (found[SECOND].results, found[SECOND].trouble) == (("rdf", "li"), "")
    np.testing.assert_allclose(
        diffusivity(context, SECOND), expected_diffusivity(context.scan / SECOND), rtol=1e-12, atol=0
    )
    with (context.analysis / "headlines.csv").open(newline="") as handle:
        assert {row["run"] for row in csv.DictReader(handle)} == {SECOND}


def test_run_that_ended_early_is_named_and_enters_no_average(context: RunContext) -> None:
    # With 75 frames in the file and in the index alike: nothing but the verdict tells it from a whole one.
    cut(context.scan / FIRST / "traj.dcd")
    index = read_book(ScanIndex, context.scan / INDEX)
    early = replace(
        index.runs[0], coating_angstrom=0.0, healthy=False, reasons=("it ended at 7.4 ps of 15 ps",), n_frames=75
    )
    write_json(context.scan / INDEX, ScanIndex((early, *index.runs[1:])).to_json())
    said = run_analyze(context)
    assert said == f"1 of 2 runs analysed; not healthy, and in no average: {FIRST}: it ended at 7.4 ps of 15 ps"
    assert (entries(context)[FIRST].analysed, entries(context)[FIRST].results) == (False, ())
    assert not (context.analysis / FIRST).exists()
    for name in ("headlines.csv", "thickness.csv", "thickness_means.csv"):
        with (context.analysis / name).open(newline="") as handle:
            rows = list(csv.DictReader(handle))
        assert rows
        assert {row.get("run", SECOND) for row in rows} == {SECOND}
        assert {row.get("coating_angstrom", "5") for row in rows} == {"5"}


def test_cell_that_shrinks_below_twice_the_range_shortens_that_result_and_ends_nothing(context: RunContext) -> None:
    write_run(context.scan / FIRST, 0, lengths=np.linspace(0.6 * LENGTH, 0.5 * LENGTH, N_FRAMES))
    requests = REQUESTS | {"near": REQUESTS["rdf"] | {"r_max_angstrom": 2.0}}
    other = replace(context, study=with_analysis(context.study, requests=requests))
    assert run_analyze(other) == "2 of 2 runs analysed"
    found = {
        (run, name): json.loads((context.analysis / run / f"{name}.json").read_text())
        for run in (FIRST, SECOND)
        for name in ("rdf", "near")
    }
    np.testing.assert_allclose(found[FIRST, "rdf"]["shortened"]["used_angstrom"], 2.5, rtol=1e-6, atol=0)
    assert "g(r) ends at 2.5 and not at 3 angstrom" in " ".join(found[FIRST, "rdf"]["provenance"]["notes"])
    assert [found[key]["shortened"] for key in ((FIRST, "near"), (SECOND, "rdf"), (SECOND, "near"))] == [None] * 3
    assert entries(context)[FIRST].results == ("rdf", "li", "near")


def test_trajectory_that_is_whole_again_is_analysed(context: RunContext, analysed: list[tuple[str, ...]]) -> None:
    file = context.scan / FIRST / "traj.dcd"
    whole = file.read_bytes()
    cut(file)
    run_analyze(context)
    file.write_bytes(whole)
    assert run_analyze(context) == "2 of 2 runs analysed"
    assert analysed == [("coating-00A", "rdf", "li"), ("coating-06A", "rdf", "li")]
    np.testing.assert_allclose(
        diffusivity(context, FIRST), expected_diffusivity(context.scan / FIRST), rtol=1e-12, atol=0
    )


def test_scan_without_a_single_sound_run_is_refused(context: RunContext) -> None:
    for name in (FIRST, SECOND):
        cut(context.scan / name / "traj.dcd")
    with pytest.raises(InputFileError, match=r"No run of .* could be analysed\. .*75 whole frames"):
        run_analyze(context)


def test_interrupted_analysis_goes_on_with_the_runs_that_are_missing(
    context: RunContext, analysed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = replace(context, root=tmp_path / "whole")
    shutil.copytree(context.root, whole.root)
    run_analyze(whole)
    analysed.clear()
    with monkeypatch.context() as during:
        write = Results.write

        def killed(self: Results, folder: Path) -> Any:
            if "coating-00A" in str(folder):
                self["rdf"].write(folder, "rdf", self.contents()["rdf"])
                raise KeyboardInterrupt
            return write(self, folder)

        during.setattr(Results, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            run_analyze(context)
    assert run_analyze(context) == "2 of 2 runs analysed"
    assert analysed == [("coating-06A", "rdf", "li"), ("coating-00A", "rdf", "li"), ("coating-00A", "rdf", "li")]
    assert entries(context) == entries(whole)
    tables = [(one.analysis / "headlines.csv").read_text() for one in (context, whole)]
    assert tables[0] == tables[1]
    assert tables[0].count("D of Li") == 2
    # Twice does nothing.
    analysed.clear()
    run_analyze(context)
    assert analysed == []
    assert (context.analysis / "headlines.csv").read_text() == tables[0]


def test_edited_section_makes_what_changed_and_keeps_the_rest(
    context: RunContext, analysed: list[tuple[str, ...]]
) -> None:
    run_analyze(context)
    before = {name: (context.analysis / FIRST / name).stat().st_mtime_ns for name in ("rdf.json", "li.json")}
    analysed.clear()
    edited = REQUESTS | {"rdf": REQUESTS["rdf"] | {"blocks": 3}, "fluoride": {"kind": "msd", "species": ["F"]}}
    other = replace(context, study=with_analysis(context.study, requests=edited))
    run_analyze(other)
    assert analysed == [("coating-06A", "rdf", "fluoride"), ("coating-00A", "rdf", "fluoride")]
    assert (context.analysis / FIRST / "li.json").stat().st_mtime_ns == before["li.json"]
    assert (context.analysis / FIRST / "rdf.json").stat().st_mtime_ns > before["rdf.json"]
    assert entries(context)[FIRST].results == ("rdf", "li", "fluoride")
    content = json.loads((context.analysis / FIRST / "rdf.json").read_text())
    assert content["provenance"]["request"]["blocks"] == 3
    # Frames left out are the business of all of them.
    analysed.clear()
    run_analyze(replace(context, study=with_analysis(context.study, start_ps=1.0)))
    assert analysed == [("coating-06A", "rdf", "li"), ("coating-00A", "rdf", "li")]


def test_results_half_written_for_another_study_are_not_taken_for_its_own(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_analyze(context)
    right = diffusivity(context, FIRST)
    other = replace(context, study=with_analysis(context.study, stop_ps=5.0))
    with monkeypatch.context() as during:
        write = Results.write

        def killed(self: Results, folder: Path) -> Any:
            write(self, folder)
            raise KeyboardInterrupt

        during.setattr(Results, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            run_analyze(other)
    assert diffusivity(context, FIRST) != pytest.approx(right, rel=1e-3, abs=0)
    run_analyze(context)
    np.testing.assert_allclose(diffusivity(context, FIRST), right, rtol=1e-12, atol=0)


def test_results_of_another_trajectory_are_not_taken_for_its_own(
    context: RunContext, analysed: list[tuple[str, ...]]
) -> None:
    run_analyze(context)
    analysed.clear()
    # The same size, and the same time of its last change.
    mine, others = (context.scan / name / "traj.dcd" for name in (FIRST, SECOND))
    shutil.copy2(others, mine)
    run_analyze(context)
    assert analysed == [("coating-06A", "rdf", "li")]
    np.testing.assert_allclose(diffusivity(context, FIRST), diffusivity(context, SECOND), rtol=1e-12, atol=0)
    write_run(context.scan / FIRST, seed=0)
    analysed.clear()
    shutil.copytree(context.analysis / SECOND, context.analysis / FIRST, dirs_exist_ok=True)
    run_analyze(context)
    assert analysed == [("coating-06A", "rdf", "li")]
    np.testing.assert_allclose(
        diffusivity(context, FIRST), expected_diffusivity(context.scan / FIRST), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("lost", [RUN_INDEX, "li.json"])
def test_lost_or_damaged_records_are_made_again(
    context: RunContext, analysed: list[tuple[str, ...]], lost: str
) -> None:
    run_analyze(context)
    analysed.clear()
    if lost == RUN_INDEX:
        (context.analysis / FIRST / lost).write_text("{")
    else:
        (context.analysis / FIRST / lost).unlink()
    run_analyze(context)
    assert analysed == [("coating-06A", "rdf", "li") if lost == RUN_INDEX else ("coating-06A", "li")]
    assert (context.analysis / FIRST / "li.json").is_file()


def test_run_of_another_protocol_is_not_analysed(context: RunContext, analysed: list[tuple[str, ...]]) -> None:
    run_analyze(context)
    analysed.clear()
    content = context.study.model_dump()
    content["protocols"]["diffusion"]["dump_interval_ps"] = INTERVAL_PS / 2
    other = replace(context, study=context.study.model_validate(content))
    with pytest.raises(InputFileError, match="made with another command than the study asks for now"):
        run_analyze(other)
    assert analysed == []
    assert [entry.results for entry in entries(context).values()] == [(), ()]
    # The study is changed back: nothing is lost.
    assert run_analyze(context) == "2 of 2 runs analysed"
    assert analysed == []


@pytest.fixture
def root(context: RunContext) -> Path:
    """The run folder with its study, all stages up to the scan done."""
    write_study(context.root, context.study)
    hashes = StudyHashes(load_study(context.root / STUDY_FILE)).stages(context.root)
    for name in ("build", "data", "campaign", "train", "validate", "scan"):
        with recorded(context.root / FOLDERS[name], name, hashes[name]):
            pass
    return context.root


def write_study(root: Path, study: Study) -> None:
    (root / STUDY_FILE).write_text(yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False))


def test_finished_analysis_is_taken_up_for_an_edited_study_and_for_a_repaired_file_alone(
    root: Path, context: RunContext, analysed: list[tuple[str, ...]]
) -> None:
    file = context.scan / FIRST / "traj.dcd"
    whole = file.read_bytes()
    cut(file)
    run_single_stage(root, "analyze")
    file.write_bytes(whole)
    run_single_stage(root, "analyze")
    assert analysed == [("coating-00A", "rdf", "li"), ("coating-06A", "rdf", "li")]
    analysed.clear()
    run_single_stage(root, "analyze")
    assert analysed == []
    edited = with_analysis(context.study, requests=REQUESTS | {"rdf": REQUESTS["rdf"] | {"blocks": 3}})
    write_study(root, edited)
    run_single_stage(root, "analyze")
    assert analysed == [("coating-06A", "rdf"), ("coating-00A", "rdf")]
    manifest = read_manifest(context.analysis)
    assert manifest is not None
    assert (manifest.status, manifest.input_hash) == ("done", StudyHashes(edited).stages(root)["analyze"])


def test_a_file_of_rules_that_says_something_else_makes_the_results_by_it_anew(
    root: Path, context: RunContext, analysed: list[tuple[str, ...]], tmp_path: Path
) -> None:
    rules = tmp_path / "mine.yaml"
    rules.write_text("reactants: [Li]\n")
    request = {"kind": "crystallites", "anions": ["F"], "rules": str(rules)}
    write_study(root, with_analysis(context.study, requests=REQUESTS | {"grains": request}))
    run_single_stage(root, "analyze")
    before = StudyHashes(load_study(root / STUDY_FILE)).stages(root)
    analysed.clear()
    run_single_stage(root, "analyze")
    assert analysed == []
    rules.write_text("reactants: [LiF]\n")
    after = StudyHashes(load_study(root / STUDY_FILE)).stages(root)
    assert {stage for stage in after if after[stage] != before[stage]} == {"analyze", "report"}
    run_single_stage(root, "analyze")
    assert analysed == [("coating-06A", "grains"), ("coating-00A", "grains")]
    assert json.loads((context.analysis / FIRST / "grains.json").read_text())["settings"]["rules_sha256"] == file_hash(
        rules
    )


def killed_driver(root: Path, *, at_write: int = 0, at_chunk: int = 0) -> bool:
    """The stage in a process of its own that is killed before a file gets its name, or in mid-pass; whether it was."""
    child = os.fork()
    if child == 0:
        seen = Counter[str]()

        def deadly(what: Callable[..., Any], name: str, number: int) -> Callable[..., Any]:
            def called(*arguments: Any, **keys: Any) -> Any:
                seen[name] += 1
                if seen[name] == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return what(*arguments, **keys)

            return called

        Path.replace = deadly(Path.replace, "write", at_write)  # type: ignore[method-assign]
        one_pass._Pass._feed = deadly(one_pass._Pass._feed, "chunk", at_chunk)  # type: ignore[method-assign]
        try:
            run_single_stage(root, "analyze")
        finally:
            # Of pytest, nothing is to end here.
            os._exit(0 if seen["write"] else 1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_driver_killed_at_any_moment_continues_to_the_same_numbers(
    root: Path, context: RunContext, tmp_path: Path, analysed: list[tuple[str, ...]]
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(root, whole)
    run_single_stage(whole, "analyze")
    assert killed_driver(root, at_chunk=1)
    assert killed_driver(root, at_chunk=2)
    n_kills = 0
    # At its first file, at the second of what is then left, and so on.
    while killed_driver(root, at_write=n_kills + 1):
        n_kills += 1
    assert n_kills >= 8

    def results(folder: Path) -> dict[str, Any]:
        files = [
            file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith((".", "manifest"))
        ]
        return {str(file.relative_to(folder)): without_provenance(file) for file in files}

    found = results(root / "analysis")
    assert found == results(whole / "analysis")
    assert f"{FIRST}/li.json" in found
    analysed.clear()
    run_single_stage(root, "analyze")
    assert analysed == []


def without_provenance(file: Path) -> Any:
    if file.suffix != ".json":
        return file.read_bytes()
    content = json.loads(file.read_text())
    # When and by which command it was made, and where its files lay.
    content.pop("provenance", None)
    return content


def test_plan_makes_the_analyses_that_changed_and_the_runs_that_are_others(root: Path, context: RunContext) -> None:
    run_single_stage(root, "analyze")

    def planned(study: Study) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for artefact in plan_run(study, root, ("analyze",)):
            found.setdefault(artefact.action, []).append((artefact.name, artefact.work))
        return {action: sorted(artefacts) for action, artefacts in found.items()}

    assert planned(context.study) == {"kept": sorted([(FIRST, ""), (SECOND, "")])}
    edited = with_analysis(context.study, requests=REQUESTS | {"rdf": REQUESTS["rdf"] | {"blocks": 3}})
    assert planned(edited) == {"made": sorted([(FIRST, "one pass: rdf"), (SECOND, "one pass: rdf")])}
    assert planned(with_analysis(context.study, drift="none")) == {
        "made": sorted([(FIRST, "one pass: rdf, li"), (SECOND, "one pass: rdf, li")])
    }
    # An analysis that is asked for no more is orphaned, and kept when it is asked for again.
    fewer = with_analysis(context.study, requests={"li": REQUESTS["li"]})
    assert "rdf" in {
        artefact.name.rpartition("/")[2][:3]
        for artefact in plan_run(fewer, root, ("analyze",))
        if artefact.action == "orphaned"
    }
    write_study(root, fewer)
    run_single_stage(root, "analyze")
    assert planned(context.study) == {"kept": sorted([(FIRST, ""), (SECOND, "")])}


def test_report_of_an_edited_study_says_what_is_not_of_it_and_shows_none_of_its_runs(
    root: Path, context: RunContext
) -> None:
    run_single_stage(root, "analyze")

    def page() -> tuple[str, dict[str, Any]]:
        report_run(root)
        return (context.report / "index.html").read_text(), json.loads((context.report / "results.json").read_text())

    text, found = page()
    assert "is not what it asks for now" not in text
    assert set(found["runs"]) == {FIRST, SECOND}
    content = context.study.model_dump()
    content["protocols"]["diffusion"]["dump_interval_ps"] = INTERVAL_PS / 2
    write_study(root, context.study.model_validate(content))
    text, found = page()
    assert "what these stages made is not what it asks for now: scan, analyze." in text
    for name in (FIRST, SECOND):
        assert f"{name} is left out: it was made with another command than the study asks for now" in text
    assert (found["runs"], found["md_ps"], set(found["left_out"])) == ({}, 0, {FIRST, SECOND})


def test_one_failed_run_of_a_scan_leaves_the_others_to_a_preliminary_analysis(
    root: Path, context: RunContext, analysed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    scan = read_manifest(context.scan)
    assert scan is not None
    write_manifest(context.scan, replace(scan, status="running", finished=None))
    whole = ScanIndex(read_scan_index(context))
    failed, *others = whole.runs
    broken = replace(failed, healthy=False, reasons=("it ended at 1 ps of 4 ps",), finished=False)
    write_book(context.scan / INDEX, ScanIndex((broken, *others)))
    run_single_stage(root, "analyze")
    assert f"preliminary, 1 run missing: {failed.name}; 1 of 2 runs analysed" in "".join(capsys.readouterr())
    assert {name for name, entry in entries(context).items() if entry.results} == {run.name for run in others}
    assert read_manifest(context.analysis) is None, "the stage stays open"
    report_run(root)
    results = json.loads((root / "report" / "results.json").read_text())
    assert results["preliminary_without"] == [failed.name]
    assert list(results["runs"]) == [run.name for run in others]
    page = (root / "report" / "index.html").read_text()
    assert f"Preliminary: 1 of 2 runs missing, not at the end: {failed.name}." in page
    # Once the scan has come to its end, the same command makes the whole.
    write_book(context.scan / INDEX, whole)
    write_manifest(context.scan, scan)
    run_single_stage(root, "analyze")
    manifest = read_manifest(context.analysis)
    assert manifest is not None
    assert manifest.status == "done"
    assert all(entry.results for entry in entries(context).values())
    report_run(root)
    assert json.loads((root / "report" / "results.json").read_text())["preliminary_without"] == []
    assert "Preliminary" not in (root / "report" / "index.html").read_text()
    # A scan of which nothing is collected says what collects it.
    write_manifest(context.scan, replace(scan, status="running", finished=None))
    (context.scan / INDEX).unlink()
    with pytest.raises(InputFileError, match="mlip-interfaces scan collect"):
        run_single_stage(root, "analyze")
