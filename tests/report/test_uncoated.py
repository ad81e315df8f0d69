"""The report of a study of two crystal layers, Li | Li7P3S11: one model, no coating, no oxygen, no cobalt."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_runs import Pictures, made, scan_entry
from matplotlib.text import Text

import mlip_interfaces as mi
from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex, ScanIndex
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.report.analysis_sections import onsager_section, order_section, rdf_section, transport_section
from mlip_interfaces.report.page import write_report
from mlip_interfaces.report.run_sections import md_section
from mlip_interfaces.structures.crystals import load_crystal

KELVIN, INTERVAL, N_FRAMES = 500.0, 0.5, 120
NAMES = ("interface/hot/seed-1", "interface/hot/seed-2")
REQUESTS: dict[str, mi.Request] = {
    "rdf": mi.Rdf(pairs="P-S,S-S,P-O", r_max_angstrom=8.0, bin_width_angstrom=0.1, blocks=3, temperature_kelvin=KELVIN),
    "msd": mi.Msd(species="Li,P,S"),
    "onsager": mi.Onsager(species="Li,S", temperature_kelvin=KELVIN),
    "tetrahedra": mi.Tetrahedra(ligand="S", cutoff_angstrom=3.0, q_min=0.5),
    "fluorides": mi.Tetrahedra(),
    "chemistry": mi.Chemistry(),
    "profile": mi.Profile(),
}


def results(seed: int) -> mi.Results:
    """A crystal below a lattice of Li; the second half of its P-S bonds break, and the cell shrinks by a tenth."""
    crystal = load_crystal("Li7P3S11").repeat((2, 1, 1))
    rng = np.random.default_rng(seed)
    scaled = crystal.get_scaled_positions() * [1.0, 1.0, 0.6]
    above = np.stack(np.meshgrid(np.arange(4) / 4, np.arange(5) / 5, [0.7, 0.9], indexing="ij"), -1).reshape(-1, 3)
    symbols = [*crystal.get_chemical_symbols(), *["Li"] * len(above)]
    layers = ["electrolyte"] * len(scaled) + ["anode"] * len(above)
    cells = crystal.cell.array * [[1.0], [1.0], [1 / 0.6]] * np.linspace(1.0, 0.9, N_FRAMES)[:, None, None]
    walk = np.cumsum(rng.normal(0.0, 0.05, (N_FRAMES, len(symbols), 3)), axis=0) * (np.array(symbols) == "Li")[:, None]
    shaken = rng.normal(0.0, 0.03, walk.shape)
    shaken[0] = 0.0
    late = np.where(np.arange(N_FRAMES) < N_FRAMES // 2, 0.0, 0.8)[:, None, None]
    path = np.vstack([scaled, above]) @ cells + walk + shaken
    path += late * rng.normal(0.0, 1.0, (1, len(symbols), 3)) * (np.array(symbols) == "S")[:, None]
    reader = mi.trajectory_of_arrays(path, cells, symbols, frame_interval_ps=INTERVAL, layers=layers)
    return mi.analyze(reader, REQUESTS, strict=False)


def write_without_figures(folder: Path, found: mi.Results) -> None:
    for name, content in found.contents().items():
        write_json(made(folder) / f"{name}.json", content)
        for end, table in found[name].tables().items():
            write_csv(folder / (f"{name}_{end}.csv" if end else f"{name}.csv"), *table)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    scan, analysed = [], []
    for seed, name in enumerate(NAMES, start=1):
        entry = replace(scan_entry(name, coating=None, seed=seed), model="interface", protocol="hot")
        found = results(seed)
        if seed == 1:
            found.write(run / "analysis" / name)
        else:
            write_without_figures(run / "analysis" / name, found)
        scan.append(entry)
        analysed.append(AnalysisEntry.of_run(entry, kinds=found.kinds(), absent=found.absent))
        thermo = [(0.5 * k, KELVIN + k, 1.9) for k in range(5)]
        columns = ("time_ps", "temperature_kelvin", "density_g_per_cm3")
        write_csv(made(run / "scan" / name) / entry.thermo_file, columns, thermo)
    write_json(run / "scan" / INDEX, ScanIndex(tuple(scan)).to_json())
    write_json(run / "analysis" / INDEX, AnalysisIndex(tuple(analysed)).to_json())
    return run


@pytest.fixture(scope="module")
def entries(run: Path) -> tuple[AnalysisEntry, ...]:
    return AnalysisIndex.from_json(json.loads((run / "analysis" / INDEX).read_text()), run).runs


FOREIGN = re.compile(r"coating|thickness|quenched|amorphous|P-O bond|Co-S|exchange|PS₄", re.IGNORECASE)
"""Words of the study with a coating between an oxide and a thiophosphate."""


def test_no_sentence_speaks_of_what_the_study_has_not(run: Path) -> None:
    text = write_report(run, study_name="li_li7p3s11", study_text="name: x\n", teacher_kind="dft").read_text()
    text = re.sub(r"data:image/png;base64,[^\"]*", "", text)
    assert FOREIGN.findall(text) == []
    assert "fewer than three seeds per model and protocol" in text
    for name in NAMES:
        assert f"{name}: no rdf P-O. There is no O" in text
        assert f"{name}: no fluorides. There is no F" in text


def test_no_figure_speaks_of_what_the_study_has_not(run: Path, entries: tuple[AnalysisEntry, ...]) -> None:
    pictures = Pictures()
    for make in (rdf_section, transport_section, order_section):
        make(run, entries, pictures)
    md_section(run, pictures)
    assert set(pictures.figures) == {
        "rdf-in-layer-hot",
        "rdf-hot",
        "mean-force-hot",
        "transport-hot",
        "order-hot",
        "health",
    }
    for name, figure in pictures.figures.items():
        words = [text.get_text() for text in figure.findobj(Text)]
        assert not FOREIGN.findall("\n".join([*words, pictures.captions[name]])), name
    assert pictures.figures["transport-hot"].axes[0].get_title(loc="left") == "MSD of Li, P and S"
    assert pictures.captions["rdf-hot"].endswith(f"the run is {NAMES[0]}.")


def test_intact_polyanions_begin_at_all_and_the_table_has_the_columns_of_the_study(
    run: Path, entries: tuple[AnalysisEntry, ...]
) -> None:
    pictures = Pictures()
    section = order_section(run, entries, pictures)
    head = [
        "run",
        "regular tetrahedra",
        "for other q_min",
        "units (mean number)",
        "intact: mean, at the end",
        "S₂ dimers",
        "P-P bonds",
    ]
    assert section.tables[0].head == head
    intact = pictures.figures["order-hot"].axes[1].lines[0].get_ydata()
    # PS4 and P2S7 alike: every P has its four S in the first frame.
    assert intact[0] == 100.0
    assert intact[-1] < 60.0
    # The figures of the analyses themselves: tetrahedra and bonds, against time and depth, of one run.
    assert [picture.caption.split(".")[0] for picture in section.figures[1:]] == [
        f"tetrahedra, {NAMES[0]}", f"chemistry, {NAMES[0]}",
    ]  # fmt: skip


def test_a_changed_peak_and_a_shortened_range_are_said(run: Path, entries: tuple[AnalysisEntry, ...]) -> None:
    pictures = Pictures()
    section = rdf_section(run, entries, pictures)
    assert "apparent" in section.paragraphs[0]
    assert "apparent barrier to break (eV)" in section.tables[0].head
    assert any(point.startswith(f"{NAMES[0]}, rdf: g(r) ends at ") for point in section.points)
    assert re.search(
        r"seed-1, [PS]-S: apparent: the first peak goes from [0-9.]+ ± [0-9.]+ to ", "\n".join(section.points)
    )
    assert pictures.captions["mean-force-hot"].startswith("Apparent potential of mean force")
    assert "whose first peak changed during the run" in pictures.captions["mean-force-hot"]


def test_transport_coefficients_and_fluxes_of_every_run_are_shown(
    run: Path, entries: tuple[AnalysisEntry, ...]
) -> None:
    section = onsager_section(run, entries)
    totals, coefficients, fluxes = section.tables
    assert [row[0] for row in totals.rows] == list(NAMES)
    assert [row[1] for row in coefficients.rows] == ["Li-Li", "Li-S", "S-S"] * 2
    places = list(dict.fromkeys(row[1] for row in fluxes.rows))
    assert places[0] == "the whole cell, along z"
    assert set(places[1:]) == {"electrolyte/anode", "anode/electrolyte"}
    found = json.loads((run / "analysis" / NAMES[0] / "onsager.json").read_text())
    since = found["interfaces"]["electrolyte/anode"]["zero_within_2_sigma_since_ps"]["Li"]
    (row,) = [row for row in fluxes.rows if row[:3] == [NAMES[0], "electrolyte/anode", "Li"]]
    assert row[4] == ("not at the end" if since is None else f"since {since:g} ps")
    assert len(section.figures) == 1
    none = onsager_section(run, [replace(entries[0], results=(), kinds={}, absent={"onsager": "Too few frames."})])
    assert none.absent == "No healthy run has transport coefficients. Too few frames."
