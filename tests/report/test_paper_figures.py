"""The figures of a paper: files, tables that hold what is drawn, captions, and frames in one cell."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from made_runs import RUNS, analyzed, entry, write_analysis
from matplotlib.figure import Figure
from matplotlib.text import Text

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.books.run import INDEX, AnalysisIndex, ScanEntry, ScanIndex
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.figures import paper
from mlip_interfaces.figures.plots import RdfCurves
from mlip_interfaces.figures.style import thickness_color
from mlip_interfaces.files import write_json
from mlip_interfaces.report.files import read_table
from mlip_interfaces.report.paper_figures import write_paper_figures

DRAWN = {"rdf": "rdf", "coating-li": "msd", "tetrahedra": "tetrahedra", "chemistry": "chemistry"}
HOT = tuple(replace(one, results=tuple(DRAWN), kinds=DRAWN) for one in RUNS[:3])


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    run = write_analysis(tmp_path_factory.mktemp("run"), HOT)
    directory = run / "figures"
    return directory, [saved.name for saved in write_paper_figures(run, directory)]


def test_every_figure_is_there_as_png_svg_and_csv_with_a_caption(figures: tuple[Path, list[str]]) -> None:
    directory, names = figures
    assert names == [
        "rdf-against-time-hot", "bonds-against-thickness-hot", "s-s-hot", "coating-li-hot", "tetrahedra-hot",
    ]  # fmt: skip
    for name in names:
        assert (directory / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (directory / f"{name}.svg").read_text()
        assert len(next(iter(read_table(directory / f"{name}.csv").values()))) > 1
    captions = (directory / "captions.md").read_text()
    assert [line[3:] for line in captions.splitlines() if line.startswith("## ")] == names
    assert "hot, 500 K, no vacancies, 1 to 2 seeds" in captions


def test_tables_have_means_over_seeds_with_intervals(figures: tuple[Path, list[str]]) -> None:
    table = read_table(figures[0] / "bonds-against-thickness-hot.csv")
    own = (table["quantity"] == "S-S neighbours within 2.5 Å") & (table["coating_angstrom"] == 0.0)
    found = [analyzed(seed)["rdf"].neighbors_of("S-S") for seed in (1, 2)]
    runs = Replicas(tuple(one.number for one in found), tuple(one.error for one in found))
    written = [float(table[key][own][0]) for key in ("n_runs", "value", "error", "low_95", "high_95")]
    np.testing.assert_allclose(written, [2, runs.mean, runs.error, *runs.interval()], rtol=1e-4, atol=1e-9)
    # S-S has its numbers in a second table, and no other quantity there.
    numbers = read_table(figures[0] / "s-s-hot-numbers.csv")
    assert set(numbers["quantity"]) == {"S-S neighbours within 2.5 Å", "S₂ dimers per S"}


def test_curves_are_means_over_seeds(figures: tuple[Path, list[str]]) -> None:
    table = read_table(figures[0] / "rdf-against-time-hot.csv")
    first = (table["pair"] == "P-S") & (table["coating"] == "0 Å") & (table["time_start_ps"] == 0.0)
    expected = np.mean([analyzed(seed)["rdf"].pairs["P-S"].blocks[0].g_in_layer for seed in (1, 2)], axis=0)
    np.testing.assert_allclose(table["g"][first], expected, rtol=1e-4, atol=1e-6)
    msd = read_table(figures[0] / "coating-li-hot.csv")
    bare = msd["coating_angstrom"] == 0.0
    both = [analyzed(seed)["coating-li"].species["Li"] for seed in (1, 2)]
    np.testing.assert_allclose(
        msd["msd_angstrom2"][bare], np.mean([one.msd_angstrom2 for one in both], axis=0), rtol=1e-4, atol=1e-9
    )
    mean = np.mean([one.diffusivity_cm2_per_s for one in both])
    np.testing.assert_allclose(msd["diffusivity_cm2_per_s"][bare][0], mean, rtol=1e-4, atol=0)


def test_captions_say_where_heights_of_g_are_no_measure_between_models(tmp_path: Path) -> None:
    run = write_analysis(tmp_path, HOT)
    for one in HOT:
        file = run / "analysis" / one.directory / "rdf.json"
        found = json.loads(file.read_text())
        # S is in the coating too: bare models have it in the electrolyte alone.
        found["pairs"]["S-S"]["in_layer"]["layers"] = ["electrolyte", *(["coating"] if one.coating_angstrom else [])]
        found["pairs"]["P-S"]["in_layer"]["layers"] = ["electrolyte"]
        write_json(file, found)
    write_paper_figures(run, tmp_path / "figures")
    caption = (tmp_path / "figures" / "captions.md").read_text()
    assert (
        "Normalised by the density of the partner in the layers of the pair. Of S-S these are other layers" in caption
    )
    assert "which no coating changes" not in caption
    assert "Of pairs of two layers" not in caption


def test_pairs_of_two_layers_are_drawn_by_the_area_of_their_interface(tmp_path: Path) -> None:
    run = write_analysis(tmp_path, HOT)
    pair, contacts = "Li@coating-S@electrolyte", {"within_angstrom": 3.0, "per_nm2": 11.0, "error_per_nm2": 0.5}
    folder = run / "analysis" / HOT[2].directory
    for end in ("", "_whole"):
        file = folder / f"rdf{end}.csv"
        file.write_text(file.read_text().replace("P-S,", f"{pair},"))
    content = json.loads((folder / "rdf.json").read_text())
    content["pairs"][pair] = content["pairs"].pop("P-S") | {"contacts": contacts}
    write_json(folder / "rdf.json", content)
    write_paper_figures(run, tmp_path / "figures")
    numbers = read_table(tmp_path / "figures" / "ions-of-the-coating-hot-numbers.csv")
    assert [name.replace("\n", " ") for name in numbers["quantity"]] == [
        "Li@coating-S@electrolyte contacts within 3 Å per nm²"
    ]
    assert float(numbers["value"][0]) == 11.0
    caption = (tmp_path / "figures" / "captions.md").read_text()
    assert "Pairs by the area are those of the contact alone." in caption
    assert "caught" not in caption
    assert "Of pairs of two layers, heights fall as the first layer becomes thicker" in caption


def test_an_uncoated_study_has_no_word_of_a_coating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_analysis(tmp_path, tuple(replace(one, coating_angstrom=None) for one in HOT[:2]))
    for one in HOT[:2]:
        file = run / "analysis" / one.directory / "rdf.json"
        found = json.loads(file.read_text())
        found["pairs"]["Li@anode-S@electrolyte"] = found["pairs"]["P-S"]
        write_json(file, found)
        whole = file.with_name("rdf_whole.csv")
        rows = [line.replace("P-S,", "Li@anode-S@electrolyte,") for line in whole.read_text().splitlines()]
        whole.write_text("\n".join([*rows, *whole.read_text().splitlines()[1:]]) + "\n")
    words: list[str] = []

    def keep(figure: Figure, directory: Path, name: str, **_: object) -> None:
        directory.mkdir(exist_ok=True)
        words.extend([name, *(text.get_text() for text in figure.findobj(Text))])

    monkeypatch.setattr("mlip_interfaces.report.paper_figures.save_figure", keep)
    names = [saved.name for saved in write_paper_figures(run, tmp_path / "figures")]
    assert {"bonds-hot", "pairs-of-layers-hot", "s-s-hot", "coating-li-hot", "tetrahedra-hot"} <= set(names)
    said = "\n".join([*words, (tmp_path / "figures" / "captions.md").read_text()])
    # The analysis itself is called so here, and its layer.
    said = said.replace("coating-li-hot", "").replace("of the coating with", "").replace("MSD of Li of the coating", "")
    assert re.findall(r"coating|thickness|^0 Å$|quenched", said, re.MULTILINE) == []
    table = read_table(tmp_path / "figures" / "rdf-against-time-hot.csv")
    assert set(table["model"]) == {"model"}


def test_models_with_vacancies_stand_beside_those_without(tmp_path: Path) -> None:
    only = {"results": ("rdf", "chemistry"), "kinds": {"rdf": "rdf", "chemistry": "chemistry"}}
    vacant = replace(entry("00Av/hot/seed-1", 0.0, seed=3), variant="vac10", condition="hot-vac10", **only)
    run = write_analysis(tmp_path, (replace(HOT[0], **only), vacant))
    names = [saved.name for saved in write_paper_figures(run, tmp_path / "figures")]
    assert {"rdf-against-time-hot", "rdf-against-time-hot-vac10", "bonds-against-thickness-hot"} <= set(names)
    table = read_table(tmp_path / "figures" / "bonds-against-thickness-hot.csv")
    assert set(table["models"]) == {"no vacancies", "vac10"}


def test_without_results_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="analyze all"):
        write_paper_figures(tmp_path, tmp_path / "figures")


def test_frames_of_start_and_end_have_the_first_layer_at_the_lower_end(tmp_path: Path) -> None:
    """The whole crystal drifts by half a cell, and its bottom layer is cut by the end of the cell: neither is seen."""
    symbols, layers = ["Co"] * 4 + ["F"] * 2 + ["S"] * 3, ["cathode"] * 4 + ["coating"] * 2 + ["electrolyte"] * 3
    z = np.array([19.5, 0.5, 1.5, 2.5, 6.0, 8.0, 11.0, 13.0, 15.0])
    positions = np.column_stack([np.linspace(0.5, 4.5, 9), np.full(9, 2.0), z])
    frames = [
        Atoms(symbols, positions=positions + [0.0, 0.0, shift], cell=[5.0, 5.0, 20.0], pbc=True)
        for shift in (0.0, 3.0, 6.0, 10.0)
    ]
    for frame in frames:
        frame.wrap()
    one = HOT[2]
    run = ScanEntry(
        name=one.name, model="05A", coating_angstrom=5.0, protocol="hot", ensemble="nvt", temperature_kelvin=500.0, pressure_bar=(),
        seed=1, directory=one.directory, trajectory="t.extxyz", topology="", layers="layers.json", thermo_file="", frame_interval_ps=0.1,
        n_atoms=9, healthy=True, reasons=(), time_ps=0.3, n_steps=3, n_frames=4,
    )  # fmt: skip
    directory = tmp_path / "scan" / run.directory
    directory.mkdir(parents=True)
    write(directory / "t.extxyz", frames, format="extxyz")
    (directory / "layers.json").write_text(json.dumps({"symbols": symbols, "layer": layers}))
    write_json(tmp_path / "scan" / INDEX, ScanIndex((run,)).to_json())
    (tmp_path / "analysis").mkdir()
    write_json(tmp_path / "analysis" / INDEX, AnalysisIndex((replace(one, results=(), kinds={}),)).to_json())
    (saved,) = write_paper_figures(tmp_path, tmp_path / "figures")
    table = read_table(tmp_path / "figures" / f"{saved.name}.csv")
    for time in (0.0, 0.3):
        found = table["z_angstrom"][table["time_ps"] == time]
        np.testing.assert_allclose(found, [0.0, 1.0, 2.0, 3.0, 6.5, 8.5, 11.5, 13.5, 15.5], rtol=0, atol=2e-4)


def test_a_thickness_has_its_colour_whatever_else_is_drawn() -> None:
    curve = (np.arange(3.0), np.arange(3.0))
    figure = paper.curves_and_numbers({"a": {10.0: curve}}, {}, axis_labels=("x", "y"), of_study=(0.0, 5.0, 10.0))
    assert figure.axes[0].lines[0].get_color() == thickness_color(2)


def test_blocks_of_time_are_lines_from_dark_to_light() -> None:
    data = RdfCurves(np.array([1.5, 2.5]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 2.0]]))
    figure = paper.rdf_against_time({"P-S": {"0 Å": data}, "Li@a-S@b": {"5 Å": data}}, "g(r)")
    first = figure.axes[0]
    early, late = (sum(line.get_color()[:3]) for line in first.lines[:2])
    assert early < late
    assert [ax.get_ylabel() for ax in figure.axes[:4:2]] == ["P-S", "Li@a\nS@b"]
    # A pair that a model does not have leaves its place empty.
    assert not figure.axes[1].axison
