"""What the page carries: structures at full precision, figures a third of their size, never more than the limit."""

from __future__ import annotations

import base64
import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from made_runs import made, scan_entry
from PIL import Image

from mlip_interfaces.books.recommendation import MeanOfRuns
from mlip_interfaces.books.run import MEANS_FILE, LayerEntry, ModelEntry
from mlip_interfaces.figures.style import new_figure, save_figure
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.report import page
from mlip_interfaces.report.answer_section import answer_section
from mlip_interfaces.report.atoms_views import BELOW_ANGSTROM, built_views, inside, run_views
from mlip_interfaces.report.headline import Headline
from mlip_interfaces.report.packing import packed, packed_views, picture_of_files
from mlip_interfaces.report.parts import AtomsView, PageSection, Picture, Snapshot
from mlip_interfaces.report.thickness_section import seeds_sections

RNG = np.random.default_rng(7)


def unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode()


def view(n_atoms: int = 40, title: str = "a") -> AtomsView:
    cell = np.diag([10.0, 12.0, 60.0])
    snapshots = tuple(Snapshot(when, RNG.random((n_atoms, 3)) @ cell, cell) for when in ("start", "end"))
    return AtomsView(title, ("S", "Li") * (n_atoms // 2), ("base",) * n_atoms, snapshots)


def test_structures_are_packed_to_a_thousandth_of_an_angstrom() -> None:
    one = view()
    content = json.loads(unpacked(packed_views([one])))
    assert [element["symbol"] for element in content["elements"]] == ["Li", "S"]
    (found,) = content["views"]
    assert [content["elements"][k]["symbol"] for k in base64.b64decode(found["element"])] == list(one.symbols)
    for read, snapshot in zip(found["snapshots"], one.snapshots, strict=True):
        steps = np.frombuffer(base64.b64decode(read["positions"]), dtype="<u2").reshape(-1, 3)
        np.testing.assert_allclose(read["low"] + steps * np.array(read["step"]), snapshot.positions, rtol=0, atol=1e-3)
        np.testing.assert_allclose(read["cell"], snapshot.cell.ravel(), rtol=0, atol=1e-4)


def test_ten_bytes_for_an_atom() -> None:
    big = view(4000)
    assert len(packed_views([big])) < 10 * 2 * 4000


def test_a_picture_has_the_pixels_of_its_file_in_fewer_bytes(tmp_path: Path) -> None:
    figure, axes = new_figure(1, 2, height=3.0)
    for ax in axes[0]:
        for k in range(6):
            ax.plot(np.linspace(0, 9, 200), np.sin(k + np.linspace(0, 9, 200)), label=f"curve {k}")
        ax.legend()
    save_figure(figure, tmp_path, "a")
    picture = picture_of_files(tmp_path, "a", "words")
    data = base64.b64decode(picture.data.partition(",")[2])
    (tmp_path / "few.png").write_bytes(data)
    with Image.open(tmp_path / "few.png") as few, Image.open(tmp_path / "a.png") as whole:
        difference = np.abs(np.asarray(few.convert("RGB")).astype(int) - np.asarray(whole.convert("RGB"))).max()
    # Of 255: the seams of lines that cross, which nobody sees.
    assert difference <= 40
    assert len(data) < 0.5 * (tmp_path / "a.png").stat().st_size
    assert unpacked(picture.svg) == (tmp_path / "a.svg").read_text()
    assert json.loads(unpacked(picture.curves))["panels"][1]["curves"][5]["label"] == "curve 5"
    (tmp_path / "a.svg").unlink()
    (tmp_path / "a.curves.json").unlink()
    assert picture_of_files(tmp_path, "a", "words") == replace(picture, svg="", curves="")


def noise(n_bytes: int) -> str:
    return packed(os.urandom(n_bytes))


def heavy(*, svg: int = 0, of_runs: int = 0, n_views: int = 0, curves: int = 0, png: int = 0) -> list[PageSection]:
    own = f"data:image/png;base64,{noise(png)}" if png else "data:,"
    figures = [Picture(own, "own", "own", svg=noise(svg) if svg else "", curves=noise(curves) if curves else "")]
    if of_runs:
        figures.append(Picture(f"data:image/png;base64,{noise(of_runs)}", "of a run", "run", of_run=True))
    built = replace(view(title="built"), snapshots=view().snapshots[:1])
    return [
        PageSection("answer", "Found", answer=True),
        PageSection("structures", "Structures", views=[built, *[view(4000, str(k)) for k in range(n_views)]]),
        PageSection("others", "Others", figures=figures),
    ]


@pytest.mark.parametrize(
    ("load", "without", "kept"),
    [
        ({}, "", 1),
        ({"svg": 7_000_000}, "the figures as SVG.", 1),
        ({"n_views": 150}, "the figures as SVG, and start and end of the runs to turn.", 1),
        ({"of_runs": 7_000_000}, "the figures of single runs, which are in the folder `analysis`.", 1),
        ({"curves": 7_000_000}, "structures to turn, numbers under the cursor and their tables, and", 0),
        (
            {"png": 7_000_000},
            "structures to turn and figures, which are in the folders `report/figures` and `analysis`.",
            0,
        ),
    ],
)
def test_a_page_is_never_larger_than_the_limit_and_says_what_it_lacks(
    load: dict[str, int], without: str, kept: int
) -> None:
    html = page._within_limit(heavy(**load), name="a", warnings=[], summary=[])
    assert len(html.encode()) <= page.LIMIT_BYTES == 8_000_000
    assert ("To stay small, this page is without" in html) == bool(without)
    assert without in html
    assert html.count('<div class="viewer"') == kept


def test_built_models_and_both_ends_of_a_run_are_shown_and_what_is_damaged_is_not(tmp_path: Path) -> None:
    import MDAnalysis

    atoms = Atoms("LiFPS", positions=[[1, 1, 1], [2, 2, 3], [3, 3, 6], [1, 3, 9]], cell=[5, 5, 12], pbc=True)
    atoms.arrays["layer"] = np.array(["base"] * 4)
    write(tmp_path / "m.extxyz", atoms)
    model = ModelEntry(
        name="m", role="interface", file="m.extxyz", n_atoms=4, composition="FLiPS", density_g_per_cm3=2.0,
        min_distance_angstrom=1.9, min_distances_angstrom={"Li-F": 1.9},
        coating_angstrom=None, area_angstrom2=25.0, layers=(LayerEntry("base", "LiF", 9.0, 9.0, 9.0, 4, "LiF"),), strain=0.0,
    )  # fmt: skip
    (built,) = built_views(tmp_path, [model])
    np.testing.assert_allclose(built.snapshots[0].positions, atoms.positions, rtol=0, atol=1e-6)
    assert built.layers == ("base",) * 4
    runs = [
        replace(scan_entry(name, coating=None), n_atoms=4, trajectory="t.dcd")
        for name in ("well", "cut", "gone", "stale")
    ]
    for run in runs[:2]:
        folder = made(tmp_path / run.directory)
        write_json(folder / "layers.json", {"symbols": list("SSSS"), "layer": ["base"] * 4})
        universe = MDAnalysis.Universe.empty(4, trajectory=True)
        with MDAnalysis.Writer(str(folder / "t.dcd"), n_atoms=4) as writer:
            for frame in range(3):
                universe.atoms.positions = atoms.positions + [frame, 0.0, 0.0]
                universe.dimensions = [5, 5, 12, 90, 90, 90]
                writer.write(universe.atoms)
    (tmp_path / "cut" / "t.dcd").write_bytes((tmp_path / "cut" / "t.dcd").read_bytes()[:90])
    (shown,) = run_views(tmp_path, runs, leave_out={"stale": "it is of another study"})
    assert shown.title == "well"
    assert [snapshot.title for snapshot in shown.snapshots] == ["start, 0 ps", "end, 2 ps"]
    moved = (atoms.positions + [2.0, 0.0, 0.0]) % [5, 5, 12]
    np.testing.assert_allclose(shown.snapshots[1].positions, moved, rtol=0, atol=1e-5)


def test_atoms_stand_inside_of_a_skew_cell_that_grew_about_its_middle() -> None:
    first = np.array([[5.0, 0, 0], [1.0, 6.0, 0], [0.5, 0.2, 12.0]])
    cell = 1.1 * first
    fractions = RNG.uniform(0.1, 0.9, (50, 3))
    corner = (first - cell).sum(axis=0) / 2
    images = RNG.integers(-3, 4, (50, 3)) @ cell
    np.testing.assert_allclose(
        inside(corner + fractions @ cell + images, cell, first), fractions @ cell, rtol=0, atol=1e-9
    )
    # What swings through the lower face stays there.
    low = inside(np.array([[2.0, 2.0, -0.9 * BELOW_ANGSTROM]]), np.eye(3) * 9, np.eye(3) * 9)
    np.testing.assert_allclose(low, [[2.0, 2.0, -0.9 * BELOW_ANGSTROM]], rtol=0, atol=1e-9)


def headline(**more: object) -> Headline:
    runs = {
        "b/hot": {"condition": "hot", "coating_angstrom": 5.0, "diffusivity_cm2_per_s": {"Li": 1e-5, "S": 1e-6},
                  "intact_fraction": 0.5, "intact_fraction_error": 0.1},
        "a/hot": {"condition": "hot", "coating_angstrom": 0.0, "diffusivity_cm2_per_s": {"Li": 2e-5},
                  "diffusivity_below_cm2_per_s": {"Li": 3e-5}, "not_diffusive_because": {"Li": ["it bends"]},
                  "outer": {"diffusivity_cm2_per_s": {"S": 4e-7}, "not_diffusive_because": {"S": ["it bends"]}}},
    }  # fmt: skip
    return Headline(
        models={}, campaign=None, validation=None, md_ps=4.0, unhealthy={"c/hot": ("hot",)}, runs=runs, **more
    )


def test_the_answer_has_each_run_from_thin_to_thick_and_bounds_are_bounds() -> None:
    section = answer_section(
        headline(domain={"a/hot": "leaves", "b/hot": "inside"}, gates={"pairs": True, "drift": True})
    )
    assert section.answer
    (table,) = section.tables
    rows = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    assert [row["run"] for row in rows] == ["a/hot", "b/hot"]
    assert [row["D of Li (cm²/s)"] for row in rows] == ["below 3e-05", "1e-05"]
    assert [row["D of S (outer) (cm²/s)"] for row in rows] == ["4e-07 (not diffusive)", ""]
    assert [row["intact polyanions (%)"] for row in rows] == ["", "50 ± 10"]
    assert [row["in the model's domain"] for row in rows] == ["leaves it", "yes"]
    assert section.points == [
        "2 of 3 runs are analysed; 4 ps of healthy MD in all.",
        "The model passes its 2 safety gates.",
        "1 of 2 leave the model's domain: what is seen from then on is extrapolation.",
    ]


def with_seeds(**of_second: object) -> Headline:
    """Two seeds of one model, with their means as the analysis stage writes them."""
    numbers = {
        "condition": "hot", "diffusivity_cm2_per_s": {"Li": 1e-5}, "diffusivity_95_cm2_per_s": {"Li": [5e-6, 2e-5]},
        "intact_fraction": 0.5,
    }  # fmt: skip
    means = {
        "D of Li (cm²/s)": MeanOfRuns(1.5e-5, 2e-6, 4e-6, 3e-5, 2),
        "intact share of P, Ge": MeanOfRuns(0.4, 0.02, 0.2, 0.6, 2),
    }
    return Headline(
        models={}, campaign=None, validation=None, md_ps=2000.0, unhealthy={}, means={"a/hot": means},
        runs={"a/hot/seed-1": numbers, "a/hot/seed-2": numbers | of_second},
    )  # fmt: skip


def rows_of(results: Headline) -> list[dict[str, str]]:
    section = answer_section(results)
    assert section.points[0] == "2 of 2 runs are analysed; 2 ns of healthy MD in all."
    (table,) = section.tables
    return [dict(zip(table.head, row, strict=True)) for row in table.rows]


def test_seeds_are_one_row_with_the_interval_of_their_mean() -> None:
    assert rows_of(with_seeds()) == [
        {
            "run": "a/hot, 2 seeds",
            "D of Li (cm²/s)": "1.5e-05 (95 %: 4e-06 to 3e-05)",
            "intact polyanions (%)": "40.0 ± 2.0",
        }
    ]


def test_a_seed_whose_diffusivity_is_a_bound_enters_no_mean(tmp_path: Path) -> None:
    bounded = {"not_diffusive_because": {"Li": ["it bends"]}, "diffusivity_below_cm2_per_s": {"Li": 4e-5}}
    rows = rows_of(with_seeds(**bounded))
    assert [row["D of Li (cm²/s)"] for row in rows] == ["1e-05 (95 %: 5e-06 to 2e-05)", "below 4e-05"]
    (tmp_path / "analysis").mkdir()
    columns = ("condition", "model", "quantity", "n_runs", "value", "error", "low_95", "high_95")
    numbers = (2, 1.5e-5, 2e-6, 4e-6, 3e-5)
    quantities = ("D of Li (cm²/s)", "D of S (cm²/s)")
    write_csv(
        tmp_path / "analysis" / MEANS_FILE, columns, [("hot", "a", quantity, *numbers) for quantity in quantities]
    )
    (section,) = seeds_sections(tmp_path, with_seeds(**bounded))
    (table,) = section.tables
    assert [row[4] for row in table.rows][0] == "below 4e-05 in 1 of 2 seeds"
    assert table.rows[0][5] == ""
    assert table.rows[1][4].startswith("1.50e-05")


def test_without_a_run_the_answer_says_so() -> None:
    none = Headline(models={}, campaign=None, validation=None, md_ps=0.0, unhealthy={}, runs={})
    assert answer_section(none).absent == "No healthy run has been analysed yet."
