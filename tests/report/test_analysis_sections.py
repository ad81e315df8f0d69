"""Sections on trajectories: several runs, thicknesses, conditions and seeds; several named analyses of a kind; older folders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_runs import KELVIN, RUNS, Pictures, analyzed, write_analysis

from mlip_interfaces.books.run import AnalysisEntry
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.figures.style import thickness_color
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.analysis_sections import order_section, other_section, rdf_section, transport_section
from mlip_interfaces.report.files import read_result, read_table
from mlip_interfaces.report.thickness_section import thickness_sections
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

SECTIONS = [rdf_section, transport_section, order_section]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_analysis(tmp_path_factory.mktemp("run"))


def curves(ax) -> list:
    return [line for line in ax.lines if len(np.atleast_1d(line.get_xdata())) > 2]


def test_every_named_g_of_r_has_its_figures_and_its_table(run: Path) -> None:
    pictures = Pictures()
    section = rdf_section(run, RUNS, pictures)
    assert not section.absent
    assert set(pictures.figures) == {
        f"{start}-{end}"
        for start in ("rdf-in-layer", "rdf", "mean-force")
        for end in ("hot", "cold", "far-hot", "far-cold")
    }
    own, far = section.tables
    assert (own.caption, far.caption) == ("", "far")
    assert [row[:2] for row in own.rows] == [[one.name, pair] for one in RUNS for pair in ("P-S", "S-S")]
    assert [row[1] for row in far.rows] == ["Li-F"] * 4
    assert pictures.captions["rdf-hot"].startswith("g(r) by the whole cell at 500 K (hot) in 3 blocks of time")
    assert "heights are not to be compared between thicknesses" in pictures.captions["rdf-hot"]
    # The cold runs are all of one thickness.
    assert "compared" not in pictures.captions["rdf-cold"]
    assert pictures.captions["rdf-in-layer-hot"].startswith("g(r) in the layer at 500 K (hot) in 3 blocks of time")
    assert pictures.captions["rdf-far-hot"].endswith("(far)")
    assert len(section.figures) == 12


def test_numbers_of_the_table_are_those_of_the_file(run: Path) -> None:
    row = rdf_section(run, RUNS, Pictures()).tables[0].rows[4]
    found = read_json(run / "analysis" / RUNS[2].directory / "rdf.json")["pairs"]["P-S"]
    in_layer, neighbors = found["in_layer"], found["neighbors"]
    assert row[2] == f"{measured(neighbors['number'], neighbors['error'])} within 2.5 Å"
    assert row[3] == f"{found['first_peak_angstrom']:.2f}"
    assert row[4:6] == [f"{in_layer['first_peak_height']:.1f}", f"{found['first_peak_height']:.1f}"]
    barriers = [
        in_layer["barrier"]["formation_ev"], found["barrier"]["formation_ev"], in_layer["barrier"]["breaking_ev"],
    ]  # fmt: skip
    assert row[6:9] == ["" if value is None else f"{value:.2f}" for value in barriers]


def test_mean_force_is_that_of_the_whole_run_and_not_of_the_mean_of_blocks(run: Path) -> None:
    pictures = Pictures()
    rdf_section(run, RUNS, pictures)
    first, second = curves(pictures.figures["mean-force-hot"].axes[0])
    for line, seed in ((first, 1), (second, 3)):
        rdf = analyzed(seed)["rdf"].pairs["P-S"]
        seen = rdf.whole.g > 0
        expected = -BOLTZMANN_EV_PER_K * KELVIN * np.log(rdf.whole.g_in_layer[seen])
        np.testing.assert_allclose(line.get_ydata()[seen], expected, rtol=0, atol=1e-5)
        assert len({block.n_frames for block in rdf.blocks}) > 1
        of_blocks = np.mean([block.g_in_layer for block in rdf.blocks], axis=0)[seen]
        assert np.abs(-BOLTZMANN_EV_PER_K * KELVIN * np.log(of_blocks) - expected).max() > 1e-4


def test_one_seed_is_drawn_per_thickness_by_the_layer_and_by_the_whole_cell(run: Path) -> None:
    pictures = Pictures()
    rdf_section(run, RUNS, pictures)
    block = analyzed(1)["rdf"].pairs["P-S"].blocks[0]
    for name, label, g in (
        ("rdf-hot", "g(r) by cell, P-S", block.g), ("rdf-in-layer-hot", "g(r) in layer, P-S", block.g_in_layer),
    ):  # fmt: skip
        panels = pictures.figures[name].axes
        assert [ax.get_title(loc="left") for ax in panels[:2]] == ["coating 0 Å", "coating 5 Å"]
        assert panels[0].get_ylabel() == label
        np.testing.assert_allclose(curves(panels[0])[0].get_ydata(), g, rtol=1e-4, atol=0)
    # All S started in one of two layers.
    assert block.g_in_layer.max() > 1.5 * block.g.max()


def test_a_thickness_keeps_its_colour_where_the_other_one_blew_up(run: Path) -> None:
    pictures = Pictures()
    for make in SECTIONS:
        # Of the thicknesses 0 and 5 angstrom, which the index has, the second alone is healthy.
        make(run, RUNS[2:3], pictures)
    for name, panel in (("rdf-hot", 0), ("mean-force-hot", 0), ("transport-hot", 0), ("order-hot", 1)):
        assert curves(pictures.figures[name].axes[panel])[0].get_color() == thickness_color(1), name


def test_a_run_without_a_coating_stands_at_zero(run: Path) -> None:
    pictures = Pictures()
    rdf_section(run, RUNS, pictures)
    assert pictures.figures["rdf-cold"].axes[0].get_title(loc="left") == "coating 0 Å"
    transport_section(run, RUNS, pictures)
    assert pictures.figures["transport-cold"].axes[1].containers[0].lines[0].get_xdata()[0] == 0.0


def test_transport_has_a_figure_per_group_and_a_row_per_diffusivity(run: Path) -> None:
    pictures = Pictures()
    section = transport_section(run, RUNS, pictures)
    assert set(pictures.figures) == {
        "transport-hot", "transport-hot-2", "transport-cold", "transport-cold-2", "transport-coating-li-hot",
        "transport-coating-li-cold",
    }  # fmt: skip
    (table,) = section.tables
    groups = [row[1] for row in table.rows]
    assert groups == ["Li", "S"] * 4 + ["Li of the coating"] * 4
    found = analyzed(2)["msd"].species["S"]
    row = table.rows[3]
    assert row[0] == "00A/hot/seed-2"
    assert not found.diffusive
    # These walkers get slower in the run; of the four of the coating too little is known for that, and they have a bound.
    assert row[2] == f"not diffusive; slope / 6 = {found.diffusivity_cm2_per_s:.2e}"
    bound = analyzed(1)["coating-li"].species["Li"]
    assert np.isfinite(bound.below_cm2_per_s)
    assert table.rows[8][2] == (
        f"below {bound.below_cm2_per_s:.1e}; not diffusive yet, run at least {bound.run_at_least_ps:.2g} ps"
    )
    assert row[6:] == ["9", f"no: {' and '.join(found.not_diffusive_because)}"]
    assert pictures.figures["transport-hot-2"].axes[0].get_ylabel() == "MSD of S (Å²)"
    assert len(pictures.figures["transport-hot"].axes[1].containers) == 3
    np.testing.assert_allclose(
        curves(pictures.figures["transport-hot"].axes[0])[2].get_ydata(), analyzed(3)["msd"].species["Li"].msd_angstrom2,
        rtol=1e-4, atol=1e-9,
    )  # fmt: skip


def test_every_named_analysis_of_tetrahedra_has_its_figure_and_rows(run: Path) -> None:
    pictures = Pictures()
    section = order_section(run, RUNS, pictures)
    assert set(pictures.figures) == {"order-hot", "order-hot-2", "order-cold", "order-cold-2"}
    assert [ax.get_ylabel() for ax in pictures.figures["order-hot"].axes][0] == "Li in regular LiF₄ (%)"
    assert [ax.get_ylabel() for ax in pictures.figures["order-hot-2"].axes][0] == "Li in regular LiS₄ (%)"
    rows = {row[0]: row for row in section.tables[0].rows}
    assert len(rows) == len(section.tables[0].rows) == 8
    for seed, one in ((1, RUNS[0]), (3, RUNS[2])):
        for name, key in (("tetrahedra", one.name), ("sulfides", f"{one.name} (sulfides)")):
            counts = analyzed(seed)[name].counts
            assert rows[key][1] == f"{counts.count_mean:.1f} ± {counts.count_error:.1f}"
    # Bonds stand beside the first analysis of tetrahedra alone.
    head = section.tables[0].head
    assert head[3:] == ["units (mean number)", "intact: mean, at the end", "S₂ dimers", "P-P bonds"]
    assert rows[RUNS[0].name][3]
    assert rows[RUNS[0].name][5]
    assert rows[f"{RUNS[0].name} (sulfides)"][3:] == [""] * 4
    assert pictures.captions["order-hot-2"].endswith("(sulfides)")


def test_bonds_alone_and_tetrahedra_alone_have_their_section(run: Path) -> None:
    for kept, first, absent in (
        ("chemistry", "units (mean number)", "regular tetrahedra"),
        ("tetrahedra", "regular tetrahedra", "S₂ dimers"),
    ):
        pictures = Pictures()
        entries = [replace(one, results=(kept,), kinds={kept: kept}) for one in RUNS[:1]]
        section = order_section(run, entries, pictures)
        assert set(pictures.figures) == {"order-hot"}
        assert section.tables[0].head[:2] == ["run", first]
        assert absent not in section.tables[0].head
        assert all(section.tables[0].rows[0])


def test_other_analyses_show_one_run_per_condition_and_thickness(run: Path) -> None:
    section = other_section(run, RUNS)
    # No figure was written: what is said of it stands in a list.
    assert [point.split(". ")[0] for point in section.points] == [
        "profile, 00A/hot/seed-1", "profile, 05A/hot/seed-1", "profile, bare/cold/seed-1",
    ]  # fmt: skip
    for line in analyzed(1)["profile"].lines():
        assert line in section.points[0]
    file = run / "analysis" / RUNS[0].directory / "profile.png"
    file.write_bytes(b"png")
    shown = other_section(run, RUNS)
    file.unlink()
    assert shown.figures[0].data == "data:image/png;base64,cG5n"
    assert len(shown.points) == 2


def test_absent_analyses_are_named_with_their_reason(run: Path) -> None:
    absent = replace(RUNS[0], absent={"rdf P-O": "There is no O.", "msd": "Too few frames."})
    section = other_section(run, [absent])
    assert section.points[-2:] == [
        "00A/hot/seed-1: no rdf P-O. There is no O.", "00A/hot/seed-1: no msd. Too few frames.",
    ]  # fmt: skip


def old(one: AnalysisEntry) -> AnalysisEntry:
    """As versions before named analyses wrote it."""
    content = AnalysisEntry.from_json(
        {name: value for name, value in one.to_json().items() if name not in ("kinds", "absent")}, Path("index.json")
    )
    return replace(content, results=("rdf", "msd", "tetrahedra", "chemistry", "profile"))


def test_folders_of_older_versions_are_read(tmp_path: Path) -> None:
    entries = (old(RUNS[0]), old(RUNS[2]))
    write_analysis(tmp_path, entries)
    for one in entries:
        (tmp_path / "analysis" / one.directory / "rdf_whole.csv").unlink()
        file = tmp_path / "analysis" / one.directory / "profile.json"
        write_json(file, {name: value for name, value in read_json(file).items() if name != "summary"})
        file = tmp_path / "analysis" / one.directory / "chemistry.json"
        new = (
            "n_centers", "intact_fraction", "intact_at_end_fraction", "p_s_units_initial", "intact_fraction_error",
            "p_s_tetrahedra_per_p", "bonds_per_atom", "s2_dimers_per_s",
        )  # fmt: skip
        content = {name: value for name, value in read_json(file).items() if name not in new}
        content["settings"] = {"bond_cutoffs_angstrom": {}}
        write_json(file, content)
        file = tmp_path / "analysis" / one.directory / "rdf.json"
        content = read_json(file)
        for found in content["pairs"].values():
            del found["neighbors"], found["in_layer"]
        write_json(file, content)
    pictures = Pictures()
    section = rdf_section(tmp_path, entries, pictures)
    assert set(pictures.figures) == {"rdf-hot"}
    assert pictures.figures["rdf-hot"].axes[0].get_ylabel() == "g(r) by cell, P-S"
    assert {row[2] for row in section.tables[0].rows} == {""}
    assert thickness_sections(tmp_path, entries, pictures) == []
    assert len(section.tables[0].rows) == 4
    for make in (transport_section, order_section):
        assert not make(tmp_path, entries, pictures).absent
    assert [point.split(". ")[1] for point in other_section(tmp_path, entries).points] == ["", ""]


def test_sections_without_runs_or_without_the_analysis_say_so(run: Path) -> None:
    profile_only = [replace(one, results=("profile",), kinds={"profile": "profile"}) for one in RUNS]
    for make, without_runs, not_asked in (
        (rdf_section, "There is no healthy run to analyse.", "No healthy run has a g(r)."),
        (transport_section, "No healthy run has the species", "No healthy run has the species"),
        (order_section, "There is no healthy run to analyse.", "No healthy run has tetrahedra or bonds."),
    ):
        for entries, sentence in (([], without_runs), (profile_only, not_asked)):
            pictures = Pictures()
            section = make(run, entries, pictures)
            assert section.absent.startswith(sentence)
            assert (pictures.figures, section.tables, section.figures) == ({}, [], [])
    own = [replace(one, results=("msd",), kinds={"msd": "msd"}) for one in RUNS]
    assert other_section(run, own).absent == other_section(run, []).absent == "There is none."


@pytest.mark.parametrize("make", SECTIONS)
def test_cells_are_words_and_numbers(run: Path, make) -> None:
    for table in make(run, RUNS, Pictures()).tables:
        for row in table.rows:
            assert len(row) == len(table.head)
            for cell in row:
                assert isinstance(cell, str)
                assert not {"nan", "none", "inf", "null"} & set(cell.lower().replace(",", " ").split())


def test_a_result_that_the_index_promises_is_missed(run: Path, tmp_path: Path) -> None:
    write_analysis(tmp_path, RUNS[:1])
    (tmp_path / "analysis" / RUNS[0].directory / "rdf.json").unlink()
    with pytest.raises(
        InputFileError, match=r"rdf\.json is missing although its index names it; run `analyze all` again"
    ):
        rdf_section(tmp_path, RUNS[:1], Pictures())


def test_tables_are_columns_of_numbers_or_words(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("pair,r_angstrom,g\nP-S,0.5,\nP-S,1.5,2e0\nS-S,2.5")
    table = read_table(file)
    assert table["pair"].tolist() == ["P-S", "P-S"]
    np.testing.assert_array_equal(table["r_angstrom"], [0.5, 1.5])
    np.testing.assert_array_equal(table["g"], [np.nan, 2.0])
    file.write_text("a,b\n")
    assert {name: values.size for name, values in read_table(file).items()} == {"a": 0, "b": 0}
    file.write_text("")
    with pytest.raises(InputFileError, match=r"t\.csv is empty"):
        read_table(file)
    with pytest.raises(InputFileError, match=r"none\.csv cannot be read"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "r.json").write_text(json.dumps({"a": 1}))
    assert read_result(tmp_path / "r.json") == {"a": 1}
