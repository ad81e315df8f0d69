"""Section on the safety gates: the number that decides beside each bound, what fails by name, a warning at the top."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from made_runs import Pictures, made, write_stages

from mlip_interfaces.books.gates import (
    CURVES_FILE,
    GATES_FILE,
    GATES_FOLDER,
    GateFindings,
    GatesVerdict,
    MeasuredNumber,
)
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.figures.gates_plots import GateCurves, gate_curves, pair_scans
from mlip_interfaces.files import write_arrays, write_json
from mlip_interfaces.potentials.gates.judging import judge
from mlip_interfaces.report.gates_section import gates_section, gates_warning
from mlip_interfaces.report.headline import collect_results, limitations
from mlip_interfaces.report.page import write_report

NUMBERS = (
    GateFindings(
        "pairs",
        (
            MeasuredNumber("Li-O", "pair_wall_ev", 8.25, "in interface"),
            MeasuredNumber("O-O", "pair_wall_ev", 0.5, "in interface"),
            MeasuredNumber("Li-O", "pair_pull_ev_per_angstrom", 0.0),
        ),
        wall_seconds=12.3,
        repair={"O-O": "gates/static/repair/pairs.O-O.xyz"},
    ),
    GateFindings("drift", (MeasuredNumber("drift", "drift_mev_per_atom_ns", None, "ended at 0.1 of 2 ps"),)),
)
R = np.linspace(0.8, 4.0, 20)


def verdict(*found: GateFindings, settings: Gates | None = None) -> GatesVerdict:
    settings = settings or Gates()
    results = judge(found, settings)
    return GatesVerdict(
        passed=all(result.passed for result in results), model_sha256="0" * 64, measured_for="1" * 64,
        structures=("bulk-base", "interface"), not_tried=("Cl",), results=results, settings=settings.model_dump(mode="json"),
    )  # fmt: skip


def keep(run: Path, one: GatesVerdict) -> Path:
    write_json(made(run / "validation") / GATES_FILE, one.to_json())
    curves = {"pairs/Li-O": np.array([R, 3 / R]), "pairs/O-O": np.array([R, 0.1 / R])}
    write_arrays(made(run / "validation" / GATES_FOLDER) / CURVES_FILE, curves)
    return run


def test_a_model_that_nobody_tried_says_so_and_how_to(tmp_path: Path) -> None:
    section = gates_section(tmp_path, Pictures())
    assert "`mlip-interfaces gates DIR`" in section.absent
    assert gates_warning(tmp_path) == []
    assert gates_section(keep(tmp_path, verdict()), Pictures()).absent


def test_the_worst_number_of_each_quantity_stands_beside_its_bound(tmp_path: Path) -> None:
    pictures = Pictures()
    section = gates_section(keep(tmp_path, verdict(*NUMBERS)), pictures)
    assert [(row.gate, row.what, row.value, row.side, row.bound, row.passed) for row in section.bounds] == [
        ("pairs", "O-O", 0.5, "at least", 2.0, False),
        ("pairs", "Li-O", 0.0, "at most", 0.5, True),
        ("drift", "drift", None, "at most", 100.0, False),
    ]
    assert section.bounds[0].setting == "gates.min_pair_wall_ev"
    assert section.bounds[1].unit == "eV/Å"
    assert [row[0:1] + row[2:] for row in section.tables[0].rows] == [
        ["pairs", "failed", "3", "1", "12"],
        ["drift", "failed", "1", "1", ""],
    ]
    assert section.points == [
        "pairs: O-O: height of the wall is 0.5 eV (at least 2), in interface.",
        "drift: drift: slope of the energy beyond twice its error is no number (at most 100), ended at 0.1 of 2 ps.",
        "Structures whose labels would repair the model, in validation/: gates/static/repair/pairs.O-O.xyz.",
    ]
    assert "No structure has Cl" in section.paragraphs[1]
    assert list(pictures.figures) == ["gate-pairs"]


def test_a_model_that_fails_is_said_at_the_top_and_at_the_end(tmp_path: Path) -> None:
    run = keep(write_stages(tmp_path), verdict(*NUMBERS))
    assert gates_warning(run) == [
        "The model fails the safety gates 'pairs', 'drift'; the scan was run all the same: see below whether it is fit for "
        "production."
    ]
    results = collect_results(run)
    assert results.gates == {"pairs": False, "drift": False}
    assert any("fails safety gates (pairs, drift)" in line for line in limitations(run, results, "dft"))
    good = keep(run, verdict(*NUMBERS[:1], settings=Gates(min_pair_wall_ev=0.5)))
    assert gates_warning(good) == []
    assert not any("gate" in line for line in limitations(good, collect_results(good), "dft"))


def test_bounds_can_be_moved_on_the_page(tmp_path: Path) -> None:
    run = keep(write_stages(tmp_path), verdict(*NUMBERS))
    text = write_report(run, study_name="gates", study_text="", teacher_kind="dft").read_text()
    rows = re.findall(
        r'<tr data-value="(.*?)" data-side="(.*?)">.*?<input type="number" step="any" value="(.*?)"', text
    )
    assert rows == [("0.5", "at least", "2"), ("0.0", "at most", "0.5"), ("", "at most", "100")]
    assert text.startswith("<!doctype html>")
    assert ".bounds input" in text.partition("<script>")[2]
    assert " src=" not in text.partition("<script>")[2]


def test_pairs_that_fail_are_dashed_and_every_element_has_a_panel() -> None:
    curves = {"Li-O": np.array([R, 3 / R]), "O-O": np.array([R, 0.1 / R])}
    figure = pair_scans(curves, {"O-O"})
    panels = {ax.get_title(loc="left"): ax for ax in figure.axes if ax.get_title(loc="left")}
    assert set(panels) == {"Li", "O"}
    assert [line.get_linestyle() for line in panels["O"].lines[:2]] == ["-", "--"]
    assert [line.get_linestyle() for line in panels["Li"].lines[:1]] == ["-"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Li", "O"]
    assert len(pair_scans({}, ()).axes) == 1


@pytest.mark.parametrize("name", ["volume", "gap", "temperature", "energy"])
def test_gates_that_did_not_run_leave_an_empty_panel(name: str) -> None:
    curves: dict[str, dict[str, np.ndarray]] = {key: {} for key in ("volume", "gap", "temperature", "energy")}
    curves[name] = {"one": np.array([R, R])}
    figure = gate_curves(GateCurves(**curves))
    assert [len(ax.lines) for ax in figure.axes].count(1) == 1
    assert sum("not run" in text.get_text() for ax in figure.axes for text in ax.texts) == 3
