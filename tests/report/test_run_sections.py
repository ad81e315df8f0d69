"""Sections on structures, the campaign, the model, MD and provenance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_runs import SCAN, SICK, Pictures, campaign, made, scan_entry, write_stages

from mlip_interfaces.books.campaign import SUMMARY
from mlip_interfaces.books.run import INDEX, ScanIndex
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.report.campaign_section import campaign_section
from mlip_interfaces.report.model_section import model_section
from mlip_interfaces.report.run_sections import md_section, provenance_section, structures_section

EDGES = "11.00 (11.30), 12.00 (12.00), 30.00 (27.00)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stages(tmp_path_factory.mktemp("run"))


def test_stages_that_have_not_run_say_so(tmp_path: Path) -> None:
    pictures = Pictures()
    for make, sentence in (
        (structures_section, "The models have not been built."),
        (campaign_section, "The campaign has not been finished."),
        (model_section, "The final model has not been validated."),
        (md_section, "The scan has not been run."),
    ):
        section = make(tmp_path, pictures)
        assert section.absent == sentence
        assert not section.tables
    assert not pictures.figures
    assert provenance_section(tmp_path, "name: a\n").tables[0].rows == []


def test_structures_have_a_row_and_a_view_each_and_small_cells_a_figure_of_their_own(run: Path) -> None:
    pictures = Pictures()
    section = structures_section(run, pictures)
    assert set(pictures.figures) == {"structures", "small-structures"}
    assert "for DFT" in pictures.captions["small-structures"]
    (ax,) = pictures.figures["structures"].axes
    assert ax.get_title(loc="left") == "05A: 4 atoms"
    assert [row[0] for row in section.tables[0].rows] == ["05A", "small"]
    assert section.tables[0].rows[0] == [
        "05A", "4", "25.0", "coating 5.1 (5), electrolyte 8.0 (8)", "1.23 %", "Li-F 1.91", "2.35",
    ]  # fmt: skip
    assert section.paragraphs == ["Amorphous LiF, 5 Å: 2.31 g/cm³; amorphous: no peak of the crystal is left."]


def test_model_has_errors_of_all_of_layers_and_of_systems(run: Path) -> None:
    pictures = Pictures()
    section = model_section(run, pictures)
    assert "Trained on 60 frames for 400 steps" in section.paragraphs[0]
    assert "tested on 7 frames" in section.paragraphs[0]
    assert section.tables[0].rows == [
        ["held-out labels", "3.2", "123", "", "", "7 frames"],
        ["– layer coating", "", "150", "", "", "40 forces on atoms"],
        ["– layer electrolyte", "", "90", "", "", "60 forces on atoms"],
    ]
    # A book of an older version knows no offset, no virial and no other MD.
    assert section.tables[1].rows == [["05A-md", "", "", "", "2.5", "", "110", "", "", "7 frames"]]
    assert section.points == []
    assert set(pictures.figures) == {"parity"}
    energies = pictures.figures["parity"].axes[0]
    np.testing.assert_allclose(energies.collections[0].get_offsets(), [[-4.0, -4.01], [-3.9, -3.9]], rtol=1e-7, atol=0)
    assert [ax.get_title(loc="left") for ax in pictures.figures["parity"].axes if ax.get_visible()][1:] == [
        "force, all layers", "force, coating", "force, electrolyte",
    ]  # fmt: skip


def test_runs_have_their_verdict_and_reasons(run: Path) -> None:
    pictures = Pictures()
    section = md_section(run, pictures)
    rows = {row[0]: row[1:] for row in section.tables[0].rows}
    assert set(rows) == {one.name for one in SCAN}
    assert rows[SCAN[0].name] == ["healthy", "32", "2", "510 (561)", "2.40, 2.31", EDGES, "1.62", "30.0"]
    # One that never wrote a frame has nothing to judge.
    assert rows["05A/hot/seed-3"] == ["not healthy", "32", "0", "", "", "", "", ""]
    assert [point.split(" is ")[0] for point in section.points] == [SICK.name, "05A/hot/seed-3"]
    assert section.points[0].endswith("enters no average: the temperature reached 9000 K.")
    hot, cold = pictures.figures["health"].axes[:2]
    assert (hot.get_title(loc="left"), cold.get_title(loc="left")) == ("hot, 500 K", "cold, 500 K")
    # Two seeds without a coating and two runs with one, of which the second blew up.
    lines = [line for line in hot.lines if len(line.get_xdata()) == 5]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "-", "--"]
    np.testing.assert_allclose(lines[0].get_ydata(), 500.0 + np.arange(5), rtol=1e-7, atol=0)
    a, _, b, _, c, _ = pictures.figures["cell"].axes
    for axes, edge in ((a, 11 + 0.1 * np.arange(5)), (b, np.full(5, 12.0)), (c, 30.0 - np.arange(5))):
        np.testing.assert_allclose(axes.lines[0].get_ydata(), edge, rtol=1e-7, atol=0)


def test_runs_from_before_the_cell_was_in_the_table_are_shown_without_it(tmp_path: Path) -> None:
    entry = replace(scan_entry("a"), edges_initial_angstrom=None, edges_mean_angstrom=None)
    folder = made(tmp_path / "scan" / "a")
    write_csv(
        folder / entry.thermo_file, ("time_ps", "temperature_kelvin", "density_g_per_cm3"), [(0, 500, 2), (1, 501, 2)]
    )
    write_json(tmp_path / "scan" / INDEX, ScanIndex((entry,)).to_json())
    pictures = Pictures()
    section = md_section(tmp_path, pictures)
    assert set(pictures.figures) == {"health"}
    assert section.tables[0].rows[0][6] == ""


def test_a_scan_without_a_single_frame_has_a_table_and_no_figure(tmp_path: Path) -> None:
    entry = replace(scan_entry("a", healthy=False), n_frames=0, time_ps=0.0)
    write_json(made(tmp_path / "scan") / INDEX, ScanIndex((entry,)).to_json())
    pictures = Pictures()
    section = md_section(tmp_path, pictures)
    assert not pictures.figures
    assert len(section.tables[0].rows) == 1


def test_campaign_has_its_iterations_decisions_and_failed_labels(run: Path) -> None:
    pictures = Pictures()
    section = campaign_section(run, pictures)
    assert set(pictures.figures) == {"campaign", "campaign-learning"}
    iterations, conditions, decisions, groups, failed = section.tables
    assert iterations.rows[0] == [
        "0", "1", "50", "60", "30", "10", "0.15 to 0.3", "90", "8 (1)", "10", "20", "30",
    ]  # fmt: skip
    assert iterations.rows[1][7] == ""
    assert conditions.rows == [["05A", "300", "1", "60", "30", "10"]]
    assert conditions.caption.startswith("Iteration 1, the last one")
    assert [row[1] for row in decisions.rows] == [
        "trust levels 0.15 and 0.3 eV/Å", "explore on rung 1 (begin)", "trust levels 0.2 and 0.4 eV/Å", "stop: budget",
    ]  # fmt: skip
    assert decisions.rows[0][2] == "as the study has them"
    assert decisions.rows[2][2] == "the error is nearer"
    assert groups.rows == [["SCF did not converge", "1", "task.1"]]
    assert failed.rows == [["task.1", "SCF did not converge in 60 steps"]]
    assert section.points == ["Labels fail: Look at task.1."]
    assert (
        "36 labels by surrogate-x (surrogate): 20 frames to start with, 44 at the end; 2.00 core hours"
        in section.paragraphs[0]
    )
    assert section.paragraphs[1] == "The campaign ended after 2 iterations, budget: two iterations were asked for"


def test_a_campaign_that_goes_on_says_where_it_is(tmp_path: Path) -> None:
    write_json(made(tmp_path / "campaign") / SUMMARY, campaign("").to_json())
    section = campaign_section(tmp_path, Pictures())
    assert section.paragraphs[1] == "The campaign is not over: iteration 1, label."


def test_a_campaign_before_its_first_iteration_has_no_figure(tmp_path: Path) -> None:
    summary = campaign("")
    bare = replace(
        summary, iterations=(), hints=(), labels=replace(summary.labels, failed=(), failure_groups=()), decisions=()
    )
    write_json(made(tmp_path / "campaign") / SUMMARY, bare.to_json())
    pictures = Pictures()
    section = campaign_section(tmp_path, pictures)
    assert not pictures.figures
    assert section.tables == []


def test_provenance_has_stages_in_order_versions_and_the_study(run: Path) -> None:
    section = provenance_section(run, "name: a\n")
    stages, versions = section.tables
    assert [row[:4] for row in stages.rows] == [["structures", "done", "12", "2"], ["scan", "done", "3600", "2"]]
    assert versions.rows == [["lammps", "2 Aug 2023"]]
    assert section.text == "name: a\n"


def test_a_damaged_book_is_named(tmp_path: Path) -> None:
    (made(tmp_path / "scan") / INDEX).write_text('{"runs": [{"name": "a"}]}')
    with pytest.raises(InputFileError, match=r"scan/index\.json: runs\.0\.\w+ is missing"):
        md_section(tmp_path, Pictures())
