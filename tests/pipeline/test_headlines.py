"""Tables of headline numbers: of every run, and against thickness where a study scans some."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.books.run import INDEX, ScanEntry, ScanIndex
from mlip_interfaces.config import load_study
from mlip_interfaces.files import write_json
from mlip_interfaces.observables.results import measured
from mlip_interfaces.pipeline.analyze import run_analyze
from mlip_interfaces.report.headline import collect_results
from mlip_interfaces.report.thickness_section import seeds_sections
from mlip_interfaces.run.context import RunContext

SYMBOLS = ["Li"] * 8 + ["P"] * 4 + ["S"] * 12


def entry(name: str, coating: float | None) -> ScanEntry:
    return ScanEntry(
        name=name, model=name.split("/")[0], coating_angstrom=coating, protocol="p", condition="p", ensemble="nvt",
        temperature_kelvin=500.0, pressure_bar=(), seed=1, directory=name, trajectory="t.extxyz", topology="", layers="layers.json",
        thermo_file="", frame_interval_ps=0.1, n_atoms=len(SYMBOLS), healthy=True, reasons=(), time_ps=2.0, n_steps=20, n_frames=20,
    )  # fmt: skip


def analysed(folder: Path, repository: Path, coatings: dict[str, float | None]) -> dict[str, list[dict[str, str]]]:
    """Tables of a scan of small random walks."""
    runs = tuple(entry(name, coating) for name, coating in coatings.items())
    for seed, run in enumerate(runs):
        directory = folder / "scan" / run.directory
        directory.mkdir(parents=True)
        rng = np.random.default_rng(seed)
        path = np.cumsum(rng.normal(0.0, 0.1, (20, len(SYMBOLS), 3)), axis=0) + rng.random((len(SYMBOLS), 3)) * 10.0
        frames = [Atoms(SYMBOLS, positions=positions, cell=[10.0] * 3, pbc=True) for positions in path]
        write(directory / "t.extxyz", frames, format="extxyz")
        labels = {"symbols": SYMBOLS, "layer": ["electrolyte"] * len(SYMBOLS)}
        (directory / "layers.json").write_text(json.dumps(labels))
    write_json(folder / "scan" / INDEX, ScanIndex(runs).to_json())
    context = RunContext(load_study(repository / "configs" / "demo.yaml"), folder, lambda fraction, note: None)
    assert run_analyze(context) == f"{len(runs)} of {len(runs)} runs analysed"
    tables = {}
    for file in sorted((folder / "analysis").glob("*.csv")):
        with file.open(newline="") as handle:
            tables[file.name] = list(csv.DictReader(handle))
    return tables


@pytest.mark.parametrize(
    "coatings", [{"interface/p/seed-1": None, "interface/p/seed-2": None}, {"a/p/seed-1": 5.0, "a/p/seed-2": 5.0}]
)
def test_without_several_thicknesses_nothing_is_drawn_against_them(
    coatings: dict[str, float | None], tmp_path: Path, repository: Path
) -> None:
    tables = analysed(tmp_path, repository, coatings)
    assert set(tables) == {"headlines.csv", "means.csv"}
    assert not list((tmp_path / "analysis").glob("thickness*"))
    assert {row["run"] for row in tables["headlines.csv"]} == set(coatings)
    name = next(iter(coatings))
    near = json.loads((tmp_path / "analysis" / name / "rdf.json").read_text())["pairs"]["S-S"]["neighbors"]
    (row,) = [
        row for row in tables["headlines.csv"] if (row["run"], row["quantity"]) == (name, "S-S neighbours within 2.5 Å")
    ]
    assert (row["value"], row["error"]) == (f"{near['number']:.6g}", f"{near['error']:.6g}")
    # The height of a peak changes with the cell: it is no number to compare runs by.
    assert not [row for row in tables["headlines.csv"] if "peak" in row["quantity"]]


def test_thicknesses_have_a_table_and_a_figure(tmp_path: Path, repository: Path) -> None:
    tables = analysed(tmp_path, repository, {"00/p/seed-1": 0.0, "05/p/seed-1": 5.0})
    assert set(tables) == {"headlines.csv", "thickness.csv", "thickness_means.csv"}
    assert (tmp_path / "analysis" / "thickness-p.png").is_file()
    assert {float(row["coating_angstrom"]) for row in tables["thickness.csv"]} == {0.0, 5.0}
    assert len(tables["thickness.csv"]) == len(tables["headlines.csv"])


def test_seeds_of_a_thickness_have_a_mean(tmp_path: Path, repository: Path) -> None:
    coatings = {"00/p/seed-1": 0.0, "00/p/seed-2": 0.0, "05/p/seed-1": 5.0}
    tables = analysed(tmp_path, repository, coatings)
    key = "P-S neighbours within 2.6 Å"
    runs = [row for row in tables["thickness.csv"] if row["quantity"] == key]
    means = [row for row in tables["thickness_means.csv"] if row["quantity"] == key]
    assert [(float(row["coating_angstrom"]), row["n_runs"]) for row in means] == [(0.0, "2"), (5.0, "1")]
    first, second = (float(row["value"]) for row in runs[:2])
    np.testing.assert_allclose(float(means[0]["value"]), (first + second) / 2, rtol=1e-5, atol=0)
    own = np.hypot(*(float(row["error"]) for row in runs[:2])) / 2
    np.testing.assert_allclose(float(means[0]["error"]), max(own, abs(first - second) / 2), rtol=1e-4, atol=0)
    assert (means[1]["value"], means[1]["error"]) == (runs[2]["value"], runs[2]["error"])
    # Student's interval of two runs is 12.7 standard errors of their scatter wide on each side.
    low, high = float(means[0]["low_95"]), float(means[0]["high_95"])
    assert high - low >= 2 * 12.7 * abs(first - second) / 2 * 0.999
    (of_model,) = [row for row in tables["means.csv"] if row["quantity"] == key]
    assert (of_model["model"], of_model["n_runs"], of_model["value"]) == ("00", "2", means[0]["value"])
    found = collect_results(tmp_path).means["00/p"][key]
    assert (found.n_runs, found.value, found.low) == (2, float(means[0]["value"]), float(means[0]["low_95"]))
    (section,) = seeds_sections(tmp_path, collect_results(tmp_path))
    (said,) = [row for row in section.tables[0].rows if row[2] == key]
    assert said[:2] == ["p", "00"]
    assert said[3:] == ["2", measured(found.value, found.error), f"{found.low:.2g} to {found.high:.2g}"]
