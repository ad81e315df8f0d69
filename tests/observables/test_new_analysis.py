"""One file and one line of the registry make an analysis: verb, study, schema, files, figure, report and page."""

from __future__ import annotations

import csv
import io
import json
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.books.run import AnalysisEntry
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import load_study, study_schema
from mlip_interfaces.observables import ANALYSES, analyze
from mlip_interfaces.report.analysis_sections import other_section
from mlip_interfaces.trajectory import open_trajectory

sys.path.insert(0, str(Path(__file__).parent))
from cell_length import CellLength  # noqa: E402 (beside this file)

LENGTHS = 10.0 + 0.5 * np.sin(np.arange(20))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line."""
    monkeypatch.setitem(ANALYSES, CellLength.kind, CellLength)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    frames = [
        f"ITEM: TIMESTEP\n{t}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 8\n0 9\n0 {length:.6f}\n"
        "ITEM: ATOMS id element x y z\n1 Li 1 1 1\n2 F 3 3 3\n"
        for t, length in enumerate(LENGTHS)
    ]
    (tmp_path / "t.lammpstrj").write_text("".join(frames))
    return tmp_path / "t.lammpstrj"


def test_verb_json_table_and_figure(dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["analyze", "cell-length", str(dump), "--frame-interval-ps", "0.5"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose(found["length_mean_angstrom"], LENGTHS.mean(), rtol=1e-6, atol=0)
    assert found["settings"] == {"axis": "c"}
    assert main([*words, "--axis", "b", "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"cell-length.{suffix}" for suffix in ("json", "curves.json", "csv", "png", "svg")}
    with (tmp_path / "out" / "cell-length.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [float(row["length_angstrom"]) for row in rows] == [9.0] * 20
    assert float(rows[-1]["time_ps"]) == 9.5
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "cell-length", "--help"])
    assert ended.value.code == 0
    assert "--axis {a,b,c}" in capsys.readouterr().out


def test_study_and_schema(repository: Path, tmp_path: Path) -> None:
    text = (repository / "configs" / "demo.yaml").read_text()
    start = text.index("analysis:")
    stop = text.index("execution:")
    own = "analysis:\n  - {kind: cell-length, name: height}\n  - {kind: cell-length, axis: a}\n\n"
    (tmp_path / "study.yaml").write_text(text[:start] + own + text[stop:])
    requests = load_study(tmp_path / "study.yaml").analysis.requests
    assert requests == {"height": CellLength(axis="c"), "cell-length": CellLength(axis="a")}
    kinds = json.dumps(study_schema())
    assert '"const": "cell-length"' in kinds


def test_report_shows_its_figure(dump: Path, tmp_path: Path) -> None:
    results = analyze(open_trajectory(dump, frame_interval_ps=0.5), {"height": CellLength()})
    results.write(tmp_path / "analysis" / "run")
    entry = AnalysisEntry(
        name="run", directory="run", coating_angstrom=5.0, protocol="p", condition="p", temperature_kelvin=300.0, seed=1,
        healthy=True, results=tuple(results), kinds=results.kinds(),
    )  # fmt: skip
    (figure,) = other_section(tmp_path, [entry]).figures
    assert figure.data.startswith("data:image/png;base64,")
    error = LENGTHS.std(ddof=1) / np.sqrt(LENGTHS.size)
    assert f"length of c (Å): {LENGTHS.mean():.3f} ± {error:.3f}" in figure.caption


def test_page_of_the_documentation(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: dict[str, str] = {}

    class Page(io.StringIO):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def __exit__(self, *exception: object) -> None:
            pages[self.name] = self.getvalue()

    # What writes pages is only there while the site is built.
    writer = types.ModuleType("mkdocs_gen_files")
    writer.open = lambda name, mode: Page(name)
    writer.set_edit_path = lambda name, path: None
    monkeypatch.setitem(sys.modules, "mkdocs_gen_files", writer)
    runpy.run_path(str(repository / "docs" / "generate.py"))
    text = pages["reference/analyses/cell-length.md"]
    assert "mean length of a cell vector" in text
    assert "Which cell vector." in text
    assert "--axis {a,b,c}" in text
    assert "cell-length" in pages["reference/analyses/index.md"]
    assert {f"reference/analyses/{kind}.md" for kind in ANALYSES} <= set(pages)
