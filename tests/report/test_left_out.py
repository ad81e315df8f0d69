"""Runs that were healthy and are not shown: of another study, of an earlier trajectory, or damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import DOMAIN, RUNS, SCAN, Pictures, write_analysis, write_stages

from mlip_interfaces.books.run import INDEX, ScanIndex
from mlip_interfaces.files import write_json
from mlip_interfaces.report.domain_section import domain_section
from mlip_interfaces.report.headline import collect_results, limitations
from mlip_interfaces.report.left_out import left_out_runs
from mlip_interfaces.report.page import write_report
from mlip_interfaces.report.run_sections import md_section

STALE, OLD, CUT, WELL = (run.name for run in RUNS)
NOW, BEFORE = "a" * 64, "b" * 64


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of four healthy runs one is whole and of the study."""
    changes = {OLD: {"motion_sha256": BEFORE}, CUT: {"trouble": "traj.dcd has 75 whole frames"}}
    write_analysis(tmp_path, tuple(replace(run, **{"motion_sha256": NOW} | changes.get(run.name, {})) for run in RUNS))
    write_stages(tmp_path)
    scan = ScanIndex(tuple(replace(entry, motion_sha256=NOW) for entry in SCAN))
    write_json(tmp_path / "scan" / INDEX, scan.to_json())
    return tmp_path


def test_each_run_that_is_left_out_says_why(run: Path) -> None:
    found = left_out_runs(run, {STALE: "it is of another study"})
    assert set(found) == {STALE, OLD, CUT}
    assert found[STALE] == "it is of another study"
    assert "of an earlier trajectory" in found[OLD]
    assert found[CUT] == "traj.dcd has 75 whole frames"


def test_indexes_of_older_versions_leave_nothing_out(tmp_path: Path) -> None:
    write_stages(write_analysis(tmp_path))
    assert left_out_runs(tmp_path) == {}


def test_no_number_of_a_run_that_is_left_out_is_shown(run: Path) -> None:
    stale = {STALE: "it is of another study"}
    page = write_report(run, study_name="x", study_text="", teacher_kind="dft", stale=stale, changed_stages=["scan"])
    text, results = page.read_text(), json.loads((run / "report" / "results.json").read_text())
    assert set(results["runs"]) == {WELL}
    assert set(results["left_out"]) == {STALE, OLD, CUT}
    assert results["md_ps"] == 2.0
    head = text.partition('id="structures"')[0]
    assert f"{STALE} is left out: it is of another study." in head
    assert f"{CUT} is left out: traj.dcd has 75 whole frames." in head
    assert "what these stages made is not what it asks for now: scan." in head
    said = limitations(run, collect_results(run, stale), "dft")
    assert f"These runs are left out, as is said at the top: {STALE}, {OLD}, {CUT}." in said
    assert not any(STALE in sentence for sentence in said if "left out" not in sentence)


def test_molecular_dynamics_and_domain_show_nothing_of_a_stale_run(run: Path) -> None:
    judged = DOMAIN.runs[0].name
    stale = {judged: "it is of another study"}
    pictures = Pictures()
    section = md_section(run, pictures, stale)
    (row,) = [row for row in section.tables[0].rows if row[0] == judged]
    assert row[1:] == ["of another study"] + [""] * 7
    assert f"{judged} is not shown: it is of another study." in section.points
    whole = md_section(run, Pictures())
    assert [row for row in whole.tables[0].rows if row[0] != judged] == [
        row for row in section.tables[0].rows if row[0] != judged
    ]
    names = {row[0] for row in domain_section(run, pictures, stale).tables[0].rows}
    assert names == {one.name for one in DOMAIN.runs} - {judged}
