"""A slab fixed in space, from files to the table: volume, survivors, fluxes that balance, and what makes no slab."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import mlip_interfaces as mi
from mlip_interfaces.analysis.displacement_store import DisplacementStore
from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import AnalysisError

SYMBOLS = ["Li"] * 40 + ["S"] * 30 + ["O"] * 30
LAYERS = ["cathode"] * 20 + ["electrolyte"] * 50 + ["cathode"] * 30
LENGTHS = np.array([10.0, 10.0, 20.0])


def motion(n_frames: int = 160) -> np.ndarray:
    """The cathode between 0 and 8 angstrom, the electrolyte above; slow walkers, and Li that flows upwards."""
    rng = np.random.default_rng(31)
    mine = np.array(LAYERS) == "cathode"
    start = rng.random((100, 3)) * [10.0, 10.0, 1.0]
    start[:, 2] = np.where(mine, start[:, 2] * 8.0, 8.0 + start[:, 2] * 12.0)
    steps = rng.normal(0, 0.06, (n_frames, 100, 3))
    steps[:, :40, 2] += 0.02
    return start + np.cumsum(steps, axis=0)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    frames = []
    bounds = "".join(f"0 {length}\n" for length in LENGTHS)
    for t, positions in enumerate(motion() % LENGTHS):
        rows = "".join(
            f"{i + 1} {symbol} {x:.6f} {y:.6f} {z:.6f}\n"
            for i, (symbol, (x, y, z)) in enumerate(zip(SYMBOLS, positions, strict=True))
        )
        frames.append(
            f"ITEM: TIMESTEP\n{t}\nITEM: NUMBER OF ATOMS\n100\nITEM: BOX BOUNDS pp pp pp\n{bounds}"
            f"ITEM: ATOMS id element x y z\n{rows}"
        )
    (tmp_path / "t.lammpstrj").write_text("".join(frames))
    (tmp_path / "layers.json").write_text(json.dumps({"symbols": SYMBOLS, "layer": LAYERS}))
    return [
        "analyze", "onsager", str(tmp_path / "t.lammpstrj"), "--layers", str(tmp_path / "layers.json"), "--drift", "none",
        "--frame-interval-ps", "0.5", "--temperature-kelvin", "500", "--species", "Li",
    ]  # fmt: skip


def result(capsys: pytest.CaptureFixture[str], words: list[str]) -> dict:
    assert main([*words, "--json"]) == 0
    content: dict = json.loads(capsys.readouterr().out)
    return content


def refusal(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    assert main([*words, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_a_region_has_its_volume_survivors_and_fluxes_that_balance(words: list[str], tmp_path: Path, capsys) -> None:
    found = result(capsys, [*words, "--region", "electrolyte", "--windows", "2", "--out", str(tmp_path / "out")])
    assert found["settings"]["region"]["layer"] == "electrolyte"
    path = motion()
    depth = path[:, :40, 2] % 20.0
    for number, window in enumerate(found["windows"]):
        slab = window["region"]
        np.testing.assert_allclose(slab["low_angstrom"], 8.0, rtol=0, atol=0.8)
        np.testing.assert_allclose(slab["thickness_angstrom"], 12.0, rtol=0, atol=1.2)
        np.testing.assert_allclose(slab["volume_angstrom3"], 100 * slab["thickness_angstrom"], rtol=1e-9, atol=0)
        low, high = slab["low_angstrom"], slab["low_angstrom"] + slab["thickness_angstrom"]
        inside = (depth - low) % 20.0 < high - low
        start, end = 80 * number, 80 * number + 79
        assert slab["n_atoms"]["Li"] == inside[start].sum()
        np.testing.assert_allclose(
            slab["survivors"]["Li"], (inside[start] & inside[end]).sum() / inside[start].sum(), rtol=1e-9, atol=0
        )
    region = found["region"]
    for k in range(len(region["time_start_ps"])):
        net = region["lower"]["passages"][k][0] - region["upper"]["passages"][k][0]
        assert net == region["n_end"][k][0] - region["n_start"][k][0]
    # Forty Li at 0.04 angstrom/ps in 2000 cubic angstrom.
    flux = np.array(found["fluxes"]["flux_per_angstrom2_ps"])[:, 0]
    np.testing.assert_allclose(flux.mean(), 40 / 2000 * 0.04, rtol=0.3, atol=0)
    with (tmp_path / "out" / "onsager_region.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 20
    assert float(rows[0]["lower_flux_per_angstrom2_ps"]) * 100 * 4.0 == float(rows[0]["lower_passages"])
    assert (tmp_path / "out" / "onsager.svg").is_file()


def test_the_whole_cell_as_a_region_has_the_coefficients_of_the_whole_cell(words: list[str], capsys) -> None:
    everywhere = result(capsys, words)
    region = result(capsys, [*words, "--region-fraction", "0,1"])
    np.testing.assert_allclose(
        region["whole"]["l_per_ev_angstrom_ps"], everywhere["whole"]["l_per_ev_angstrom_ps"], rtol=1e-9, atol=0
    )
    assert region["conductivity_s_per_cm"] == everywhere["conductivity_s_per_cm"]
    assert np.array(region["whole"]["l_by_direction_per_ev_angstrom_ps"]).shape == (3, 1, 1)
    assert "region" not in everywhere
    assert everywhere["fluxes"]["axis"] == "z"


def test_planes_by_fractions_angstrom_and_interface_are_the_same_slab(words: list[str], capsys) -> None:
    # The first frames show where the two layers meet, to half the distance of atoms.
    by_interface = result(capsys, [*words, "--region-angstrom=-3,5", "--interface", "cathode/electrolyte"])
    slab = by_interface["windows"][0]["region"]
    np.testing.assert_allclose([slab["low_angstrom"], slab["thickness_angstrom"]], [5.0, 8.0], rtol=0, atol=0.5)
    low = slab["low_angstrom"]
    by_corner = result(capsys, [*words, f"--region-angstrom={low},{low + 8}"])
    by_fraction = result(capsys, [*words, "--region-fraction", f"{low / 20},{low / 20 + 0.4}"])
    expected = by_interface["whole"]["l_per_ev_angstrom_ps"]
    assert by_corner["whole"]["l_per_ev_angstrom_ps"] == expected
    np.testing.assert_allclose(by_fraction["whole"]["l_per_ev_angstrom_ps"], expected, rtol=1e-9, atol=0)
    through = result(capsys, [*words, "--region-fraction", "0.9,0.1"])["windows"][0]["region"]
    np.testing.assert_allclose([through["low_angstrom"], through["thickness_angstrom"]], [18, 4], rtol=1e-9, atol=0)


def test_a_run_that_does_not_fit_in_memory_has_the_same_numbers(words: list[str], capsys, monkeypatch) -> None:
    in_memory = result(capsys, [*words, "--region", "electrolyte", "--windows", "2"])
    for module in ("analysis.displacement_store", "observables.region"):
        monkeypatch.setattr(
            f"mlip_interfaces.{module}.DisplacementStore", partial(DisplacementStore, memory_bytes=1000)
        )
    monkeypatch.setattr("mlip_interfaces.trajectory.reader.CHUNK_ATOMS", 700)
    on_disk = result(capsys, [*words, "--region", "electrolyte", "--windows", "2"])
    assert on_disk["windows"] == in_memory["windows"]
    assert on_disk["region"] == in_memory["region"]


def test_few_survivors_are_named(words: list[str], capsys) -> None:
    assert main([*words, "--region-fraction", "0.5,0.6", "--json"]) == 0
    assert "% of the Li found in the region at the start of a window are inside at its end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--region", "coating"], "no layer 'coating'"),
        (["--region-fraction", "0.2"], "not two numbers"),
        (["--region-fraction", "a,b"], "not a list of numbers"),
        (["--region-fraction", "0.2,1.2"], "from 0 to 1"),
        (["--region-fraction", "0.2,0.2"], "two different shares"),
        (["--region-angstrom", "5,3"], "the lower plane comes first"),
        (["--region-angstrom", "0,30"], "wider than the cell (20.00 angstrom)"),
        (["--region-angstrom", "0,3", "--interface", "cathode"], "not two layers such as"),
        (["--region-angstrom", "0,3", "--interface", "cathode/cathode"], "does not begin where"),
        (["--interface", "cathode/electrolyte"], "give both"),
        (["--region-fraction", "0,0.5", "--interface", "cathode/electrolyte"], "give both"),
        (["--region-fraction", "0,0.5", "--windows", "5"], "fewer windows"),
        (["--region-fraction", "0.5,0.6", "--species", "Li,Co"], "There is no Co"),
        (["--region-angstrom", "0,0.001", "--species", "O"], "The region holds no O at 0 ps"),
    ],
)
def test_regions_that_cannot_be_are_refused(words: list[str], capsys, options: list[str], sentence: str) -> None:
    assert sentence in refusal(capsys, [*words, *options])


def test_a_layer_and_a_region_exclude_each_other(words: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--layer", "cathode", "--region", "cathode", "--json"])
    assert ended.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


def reader(path: np.ndarray, layers: list[str] = LAYERS) -> mi.TrajectoryReader:
    return mi.trajectory_of_arrays(path, np.diag(LENGTHS), SYMBOLS, frame_interval_ps=0.5, layers=layers)


def asked(**region: object) -> mi.Onsager:
    return mi.Onsager(**({"species": "Li", "temperature_kelvin": 500.0} | region))


def test_a_layer_that_dissolves_ends_this_analysis_alone() -> None:
    path = motion()
    # Between the frames 40 and 80 the cathode's atoms go anywhere.
    away = np.random.default_rng(3).random(50) * 20.0
    path[:, np.array(LAYERS) == "cathode", 2] += np.clip((np.arange(160) - 40) / 40, 0.0, 1.0)[:, None] * away
    requests = {"region": asked(region="cathode", windows=2), "planes": asked(region_fraction=(0.0, 0.4), windows=2)}
    with pytest.raises(AnalysisError, match=r"layer 'cathode' has dissolved in frame 8\d.*`region_fraction`"):
        mi.analyze(reader(path), requests, drift="none")
    results = mi.analyze(reader(path), requests, drift="none", strict=False)
    assert set(results) == {"planes"}
    assert "has dissolved" in results.absent["region"]


def test_a_region_of_the_api_has_tables_lines_and_a_figure() -> None:
    result = mi.analyze(reader(motion()), [asked(species="Li,S", region="electrolyte", windows=2)], drift="none")[
        "onsager"
    ]
    table = result.tables()["region"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert {row["species"] for row in rows} == {"Li", "S"}
    inside = [row["n_start"] for row in rows if row["species"] == "Li"]
    assert inside == [int(n) for n in result.region.fluxes.n_start[:, 0]]
    # The flow is upwards: through both planes.
    flux = np.array([float(row["inside_flux_per_angstrom2_ps"]) for row in rows if row["species"] == "Li"])
    assert (flux > 0).all()
    figure = result.plot()
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert "atoms in the region" in labels
    assert "flux through its planes (1/(Å² ps))" in labels
    assert any(label.startswith("net flux along depth") for label in labels)
    panel = figure.axes[labels.index("atoms in the region")]
    np.testing.assert_array_equal(panel.lines[0].get_ydata()[:-1], result.region.fluxes.n_start[:, 0])
    np.testing.assert_allclose(
        result.volume_angstrom3, np.mean([w.volume_angstrom3 for w in result.region.windows]), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize(
    ("region", "definition"),
    [
        ({"region": "electrolyte"}, {"layer": "electrolyte"}),
        ({"region_fraction": (0.9, 0.2)}, {"fraction": [0.9, 0.2]}),
        ({"region_angstrom": (2, 9)}, {"angstrom": [2.0, 9.0], "from": "corner of the cell"}),
        ({"region_angstrom": (-3, 5), "interface": "cathode/electrolyte"}, {"angstrom": [-3.0, 5.0], "from": "cathode/electrolyte"}),
    ],
)  # fmt: skip
def test_results_say_which_slab_it_was(region: dict, definition: dict) -> None:
    result = mi.analyze(reader(motion()), [asked(**region)], drift="none")["onsager"]
    expected = {"along": "c", "tagged": "atoms inside at the start of each window"} | definition
    assert result.to_dict()["settings"]["region"] == expected
