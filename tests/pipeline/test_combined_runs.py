"""Seeds as one result: growth fitted to all of them, from their files, and what report and index make of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mlip_interfaces as mi
from mlip_interfaces.analysis.phase_history import InterphaseHistory
from mlip_interfaces.books.run import (
    INDEX,
    AnalysisEntry,
    AnalysisIndex,
    CombinedEntry,
    MadeAnalysis,
    ScanEntry,
    read_book,
    write_book,
)
from mlip_interfaces.config import load_study
from mlip_interfaces.observables.results import Result
from mlip_interfaces.pipeline.analysis_jobs import RunOutcome
from mlip_interfaces.pipeline.combined_runs import write_combined
from mlip_interfaces.report.headline import collect_results
from mlip_interfaces.report.interphase_section import interphase_answer, interphase_sections
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.shipped_files import study_file

TIMES = np.linspace(0.0, 1000.0, 60)
NAMES = tuple(f"interface/reaction/seed-{seed}" for seed in (1, 2, 3)) + ("interface/fast/seed-1",)
REQUEST = mi.Growth(n_bootstrap=40)
EXPONENTS = (0.42, 0.5, 0.58, 0.5)
"""Runs differ by more than their own scatter, as crystallisation makes them."""


def history(number: int) -> InterphaseHistory:
    noise = 0.1 * np.random.default_rng(number).normal(size=TIMES.size)
    thickness = 24.0 * (TIMES / TIMES[-1]) ** EXPONENTS[number] + noise
    return InterphaseHistory(
        TIMES,
        thickness,
        thickness + 2.0,
        2,
        ("Li", "Li7P3S11"),
        {"Li": 0.5 * thickness, "Li7P3S11": 0.25 * thickness},
        2,
        {"Li": ("Li",), "Li7P3S11": ("Li7P3S11",)},
    )


def scan_entry(name: str) -> ScanEntry:
    model, condition, seed = name.split("/")
    return ScanEntry(
        name=name, model=model, coating_angstrom=None, protocol=condition, condition=condition, ensemble="npt",
        temperature_kelvin=300.0, pressure_bar=(), seed=int(seed[-1]), directory=name, trajectory="traj.dcd", topology="",
        layers="layers.json", thermo_file="thermo.csv", frame_interval_ps=1.0, n_atoms=10, healthy=True, reasons=(), time_ps=1000.0,
        n_steps=10, n_frames=60,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time would go into them."""
    monkeypatch.setattr(Result, "plot", lambda self: None)


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """Four runs whose growth was analysed, of the study of lithium on Li7P3S11."""
    context = RunContext(load_study(study_file("li_li7p3s11.yaml")), tmp_path / "run")
    for number, name in enumerate(NAMES):
        found = REQUEST.fitted([history(number)])
        found.write(context.analysis / name, "growth", found.content("growth", {"trajectory": name}))
    return context


def combined(context: RunContext, names: tuple[str, ...] = NAMES) -> tuple[CombinedEntry, ...]:
    made = RunOutcome({"growth": MadeAnalysis(made_of="", asked="", kind="growth")})
    return write_combined(context, [scan_entry(name) for name in NAMES], dict.fromkeys(names, made))


def read(context: RunContext, name: str = "interface/reaction") -> dict[str, object]:
    return json.loads((context.analysis / name / "growth.json").read_text())


def test_seeds_of_a_model_in_a_condition_are_one_fit_with_the_scatter_between_them(context: RunContext) -> None:
    (entry,) = combined(context)
    assert (entry.name, entry.kind, entry.runs, entry.trouble) == ("interface/reaction", "growth", NAMES[:3], "")
    found = read(context)
    # The path of `analyze growth A B C`, of trajectories.
    expected = REQUEST.combined([REQUEST.fitted([history(number)]) for number in range(3)]).to_dict()
    for key in ("law", "exponent", "criteria", "thickness_angstrom", "thickness_at_end_95_angstrom"):
        assert json.loads(json.dumps(expected[key])) == found[key]
    np.testing.assert_allclose(found["exponent"], 0.5, rtol=0, atol=0.02)
    # Student's interval of three runs whose exponents are 0.08 apart.
    np.testing.assert_allclose(np.diff(found["exponent_95"]), 2 * 4.303 * 0.08 / 3**0.5, rtol=0.2, atol=0)
    last = [run["thickness_angstrom"][-1] for run in found["runs"]]
    low, high = found["thickness_at_end_95_angstrom"]
    np.testing.assert_allclose(
        [low, high], np.mean(last) + np.array([-1, 1]) * 4.303 * np.std(last, ddof=1) / 3**0.5, rtol=1e-3, atol=0
    )
    assert [run["law"] for run in found["runs"]] == [read(context, name)["law"] for name in NAMES[:3]]
    assert [one["run"] for one in found["provenance"]["runs"]] == list(NAMES[:3])
    assert (context.analysis / "interface/reaction/growth.csv").is_file()


def test_a_condition_with_one_analysed_seed_has_nothing_to_combine(context: RunContext) -> None:
    assert combined(context, NAMES[2:]) == ()
    assert not (context.analysis / "interface/reaction").joinpath("growth.json").exists()


def test_what_seeds_said_together_goes_when_they_say_nothing_together_any_more(context: RunContext) -> None:
    folder = context.analysis / "interface/reaction"
    kept = folder / "growth-2.json"
    for change in ("one seed", "other reactants"):
        combined(context)
        for file in ("growth.png", "growth.svg", "growth.curves.json", kept.name):
            (folder / file).write_text("{}")
        if change == "one seed":
            assert combined(context, NAMES[2:]) == ()
        else:
            file = context.analysis / NAMES[1] / "growth.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | {"reactants": ["Li", "glass"]}))
            assert combined(context)[0].trouble
        # Of another analysis, and of the runs themselves, nothing is touched.
        assert [entry for entry in folder.iterdir() if entry.is_file()] == [kept]
        assert all((context.analysis / name / "growth.json").is_file() for name in NAMES)


def test_runs_with_other_reactants_are_told_and_no_result(context: RunContext) -> None:
    file = context.analysis / NAMES[1] / "growth.json"
    content = json.loads(file.read_text()) | {"reactants": ["Li", "glass"]}
    file.write_text(json.dumps(content))
    (entry,) = combined(context)
    assert entry.trouble.startswith("The runs are not of one interface")
    assert AnalysisIndex((), (entry,)).combined_of(NAMES) == ()


def test_thickness_by_the_other_definition_is_combined_too(context: RunContext) -> None:
    request = mi.Growth(n_bootstrap=10, definition="10-90")
    contents = [request.fitted([history(number)]).to_dict() for number in range(2)]
    found = request.combined_of(contents)
    expected = np.mean([history(number).thickness_10_90_angstrom for number in range(2)], axis=0)
    np.testing.assert_allclose(found.thickness_angstrom, expected, rtol=1e-12, atol=0)


def test_report_and_results_have_the_seeds_as_one(context: RunContext) -> None:
    entries = [AnalysisEntry.of_run(scan_entry(name), kinds={"growth": "growth"}, absent={}) for name in NAMES]
    index = AnalysisIndex(tuple(entries), combined(context))
    write_book(context.analysis / INDEX, index)
    assert read_book(AnalysisIndex, context.analysis / INDEX) == index
    # Files of an older version say folder and condition of each, too.
    older = json.loads((context.analysis / INDEX).read_text())
    older["combined"][0] |= {"directory": "interface/reaction", "condition": "reaction"}
    assert AnalysisIndex.from_json(older, context.analysis / INDEX) == index
    (section,) = interphase_answer(context.root, entries, index.combined)
    found, fast = read(context), read(context, NAMES[3])
    thickness, law = section.points
    low, high = found["thickness_at_end_95_angstrom"]
    assert f"24 Å (95 %: {low:.2g} to {high:.2g}, 3 runs) at 1000 ps between Li and Li7P3S11; fast (300 K)" in thickness
    low, high = found["exponent_95"]
    assert f"reaction (300 K): {found['law']} with exponent 0.5 (95 %: {low:.2g} to {high:.2g}), 3 runs together" in law
    assert f"fast (300 K): {fast['law']} with exponent" in law
    for folder in ("interface/reaction", *NAMES):
        (context.analysis / folder / "growth.png").write_bytes(b"png")
    (products,) = interphase_sections(context.root, entries, index.combined)
    assert [row[0] for row in products.tables[0].rows] == [*NAMES, "interface/reaction: 3 runs together"]
    # The figure of three seeds, and that of the condition that has one.
    assert [picture.caption.split(".")[0] for picture in products.figures] == [
        "growth, interface/reaction", "growth, interface/fast/seed-1",
    ]  # fmt: skip
    numbers = collect_results(context.root)
    assert numbers.combined["interface/reaction"]["growth_exponent"] == found["exponent"]
    assert numbers.combined["interface/reaction"]["runs"] == list(NAMES[:3])
    assert numbers.runs[NAMES[3]]["growth_law"] == fast["law"]
    # A run that is left out takes the result that it is in with it.
    sick = replace(entries[0], healthy=False)
    write_book(context.analysis / INDEX, replace(index, runs=(sick, *entries[1:])))
    assert collect_results(context.root).combined == {}
