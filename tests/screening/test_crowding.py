"""Turning points of D(T, x): the published ones from a made table, an oracle for the shape, and how often chance makes one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.optimize import lsq_linear

from mlip_interfaces.cli.main import main
from mlip_interfaces.screening.transport.conductivity import Estimate, IonMotion, RunTransport, of_temperature
from mlip_interfaces.screening.transport.conductivity_file import ConductivitySeries
from mlip_interfaces.screening.transport.conductivity_series import (
    CrystalConductivity,
    conductivity_content,
    write_conductivities,
)
from mlip_interfaces.screening.transport.crowding import (
    DiffusivityTable,
    crowding_of,
    rises_somewhere,
    turning_place,
    unimodal_misfit,
)
from mlip_interfaces.screening.transport.crowding_table import load_diffusivities

KELVIN = (500.0, 575.0, 650.0, 750.0, 850.0)
COMPOSITIONS = (0.33, 0.44, 0.5, 0.55, 0.6, 0.66)
PUBLISHED = {0.60: 575.0, 0.55: 650.0, 0.50: 750.0}
"""Turning points of LixLa0.56TiO3: its x, and K."""


def diffusivity(x: float, kelvin: float) -> float:
    """Vacancies up to x = 0.44, interstitials beyond, which are crowded above a temperature that falls with x; cm^2/s."""
    free = abs(x - 0.44) + 1e-4
    if x < 0.45:
        return free * 1e-2 * np.exp(-0.3 / (8.617333262e-5 * kelvin))
    turn = float(np.interp(x, [0.50, 0.55, 0.60, 0.66], [750.0, 650.0, 575.0, 480.0]))
    flexible = free * 1e-2 * np.exp(-0.3 / (8.617333262e-5 * min(kelvin, turn)))
    return float(flexible * np.exp(-max(kelvin - turn, 0.0) / 150.0))


def table(error: float | None = None, seed: int = 0) -> DiffusivityTable:
    rows = np.array([(x, kelvin, diffusivity(x, kelvin)) for x in COMPOSITIONS for kelvin in KELVIN])
    if error is None:
        return DiffusivityTable(*rows.T, None)
    noise = np.random.default_rng(seed).normal(0.0, error, len(rows))
    return DiffusivityTable(rows[:, 0], rows[:, 1], rows[:, 2] * (1.0 + noise), error * rows[:, 2])


def write_table(file: Path, rows: DiffusivityTable) -> str:
    columns = ["composition", "temperature_kelvin", "diffusivity_cm2_per_s"]
    values = [rows.composition, rows.temperature_kelvin, rows.diffusivity_cm2_per_s]
    if rows.error_cm2_per_s is not None:
        columns.append("diffusivity_error_cm2_per_s")
        values.append(rows.error_cm2_per_s)
    with file.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(zip(*(part.tolist() for part in values), strict=True))
    return str(file)


@pytest.mark.parametrize("error", [None, 0.02])
def test_published_turning_points_come_out_of_both_directions(error: float | None) -> None:
    found = crowding_of(table(error))
    with_temperature = {
        one.composition: one.temperature_kelvin
        for one in found.turns
        if one.along == "temperature" and one.state == "turns"
    }
    assert with_temperature == PUBLISHED
    with_composition = {
        one.temperature_kelvin: one.composition
        for one in found.turns
        if one.along == "composition" and one.temperature_kelvin in PUBLISHED.values()
    }
    assert with_composition == {kelvin: x for x, kelvin in PUBLISHED.items()}
    assert found.boundary.tolist() == [[0.5, 750.0], [0.55, 650.0], [0.6, 575.0]]
    of = {(one.along, one.composition): one for one in found.turns}
    assert of["temperature", 0.66].state == "falls"
    assert of["temperature", 0.33].state == "rises"
    assert of["temperature", 0.55].interval == (575.0, 750.0)


def test_decreases_are_the_steps_with_a_negative_slope_and_no_others() -> None:
    found = {(one.composition, one.from_kelvin) for one in crowding_of(table()).decreases}
    turn = {0.5: 750.0, 0.55: 650.0, 0.6: 575.0, 0.66: 0.0}
    expected = {(x, kelvin) for x, at in turn.items() for kelvin in KELVIN[:-1] if kelvin >= at}
    assert found == expected
    by_hand = diffusivity(0.6, 650.0) - diffusivity(0.6, 575.0)
    noisy = table(0.02)
    step = next(one for one in crowding_of(noisy).decreases if (one.composition, one.from_kelvin) == (0.6, 575.0))
    np.testing.assert_allclose(step.change_cm2_per_s, by_hand, rtol=0.3, atol=0)
    assert step.sigmas is not None
    error = 0.02 * np.hypot(diffusivity(0.6, 650.0), diffusivity(0.6, 575.0))
    np.testing.assert_allclose(step.sigmas, -step.change_cm2_per_s / error, rtol=1e-9, atol=0)


def test_misfit_equals_that_of_bounded_least_squares() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        size = int(rng.integers(2, 8))
        values, weights, mode = rng.normal(0.0, 1.0, size), rng.uniform(0.3, 3.0, size), int(rng.integers(0, size))
        # The value at the mode, less what each step on the way takes away.
        design = np.zeros((size, size))
        design[:, 0] = 1.0
        for column, place in enumerate((place for place in range(size) if place != mode), start=1):
            rows = range(place + 1) if place < mode else range(place, size)
            design[list(rows), column] = -1.0
        root = np.sqrt(weights)
        low = np.r_[-np.inf, np.zeros(size - 1)]
        oracle = lsq_linear(design * root[:, None], values * root, (low, np.inf), tol=1e-14)
        np.testing.assert_allclose(unimodal_misfit(values, weights, mode), 2.0 * oracle.cost, rtol=1e-6, atol=1e-9)


def test_chance_seldom_makes_a_turning_point_and_its_interval_holds_the_true_one() -> None:
    rng = np.random.default_rng(11)
    flat = [turning_place(1.0 + rng.normal(0.0, 0.1, 8), np.full(8, 0.1))[3] for _ in range(300)]
    rising = [turning_place(np.arange(8) * 0.05 + rng.normal(0.0, 0.1, 8), np.full(8, 0.1))[3] for _ in range(300)]
    # At most 5 %, within three standard errors of the count.
    most = 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / 300)
    for states in (flat, rising):
        assert sum(state in ("turns", "falls") for state in states) / 300 < most
    true = np.array([1.0, 1.3, 1.6, 1.5, 1.2, 0.8])
    found = [turning_place(true + rng.normal(0.0, 0.08, 6), np.full(6, 0.08)) for _ in range(300)]
    inside = np.mean([first <= 2 <= last for _, first, last, _, _ in found])
    assert inside > 0.95 - 3.0 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean([state == "turns" for *_, state, _ in found]) > 0.95


def test_a_boundary_that_rises_is_told() -> None:
    assert rises_somewhere([(0.5, 600.0), (0.55, 650.0), (0.6, 575.0)])
    assert not rises_somewhere([(0.5, 750.0), (0.55, 650.0), (0.6, 650.0)])


def test_the_verb_writes_what_it_finds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = write_table(tmp_path / "d.csv", table(0.02))
    assert main(["screen", "crowding", file, "--out", str(tmp_path / "out"), "--json"]) == 0
    out, _ = capsys.readouterr()
    found = json.loads(out)
    assert [(one["composition"], one["temperature_kelvin"]) for one in found["boundary"]] == sorted(PUBLISHED.items())
    point = next(one for one in found["turning_points"] if (one["along"], one["composition"]) == ("temperature", 0.55))
    assert (point["state"], point["low_kelvin"], point["high_kelvin"]) == ("turns", 575.0, 750.0)
    assert point["p_value"] < 0.05
    assert "composition 0.55: D begins to fall with temperature at 650 K, between 575 K and 750 K" in found["summary"]
    saved = json.loads((tmp_path / "out" / "crowding.json").read_text())
    assert file in saved["inputs_sha256"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "crowding.csv", *(f"crowding.{suffix}" for suffix in ("json", "png", "svg", "curves.json")),
    }  # fmt: skip
    with (tmp_path / "out" / "crowding.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == len(found["turning_points"])


def test_yaml_says_the_same_and_without_errors_a_doubt(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = table()
    rows = [
        {"composition": float(x), "temperature_kelvin": float(kelvin), "diffusivity_cm2_per_s": float(d)}
        for x, kelvin, d in zip(made.composition, made.temperature_kelvin, made.diffusivity_cm2_per_s, strict=True)
    ]
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"rows": rows}))
    assert main(["screen", "crowding", str(tmp_path / "d.yaml"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert [(one["composition"], one["temperature_kelvin"]) for one in json.loads(out)["boundary"]] == sorted(
        PUBLISHED.items()
    )
    assert "any fall of D counts" in err


def conductivity_csv(folder: Path, run_at_least_ps: float) -> Path:
    """As `screen conductivity` writes it: D of one crystal rises, and its hottest run is not diffusive, with a low number."""
    diffusivities = {500.0: 1e-6, 600.0: 2e-6, 700.0: 4e-6, 800.0: 1e-6}
    temperatures = []
    for kelvin, d in diffusivities.items():
        estimate = Estimate(d, 0.05 * d, 0.9 * d, 1.1 * d)
        doubt = ((), np.nan) if kelvin < 800.0 else (("its MSD may still bend",), run_at_least_ps)
        run = RunTransport("run", kelvin, 1e3, {"Li": IonMotion(40, 1.0, estimate, *doubt)}, estimate)
        temperatures.append(of_temperature([run]))
    runs = [{"file": "run.xyz", "temperature_kelvin": kelvin} for kelvin in diffusivities]
    series = ConductivitySeries.model_validate({"crystals": [{"name": "half", "composition": 0.5, "runs": runs}]})
    found = CrystalConductivity(series.crystals[0], "Li", {"Li": (40, 1.0)}, tuple(temperatures), {}, None, 300.0, ())
    write_conductivities(series, [found], conductivity_content(series, [found]), folder, {})
    return folder / "conductivity.csv"


@pytest.mark.parametrize("run_at_least_ps", [500.0, np.nan])
def test_bounds_and_driven_motion_of_a_conductivity_series_are_no_values_of_d(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, run_at_least_ps: float
) -> None:
    file = conductivity_csv(tmp_path, run_at_least_ps)
    assert main(["screen", "crowding", str(file), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [(one["state"], one["n_rows"]) for one in found["turning_points"]] == [("rises", 3)]
    assert found["decreases"] == []
    assert found["left_out"] == [{"composition": 0.5, "temperature_kelvin": 800.0}]
    assert "1 row without a value of D" in err
    assert "0.5 at 800 K" in err
    # As a value, it would be a fall.
    file.write_text(file.read_text().replace("False", "True"))
    assert main(["screen", "crowding", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["state"], one["n_rows"]) for one in found["turning_points"]] == [("turns", 4)]
    assert found["left_out"] == []


def test_rows_of_yaml_may_be_bounds_too(tmp_path: Path) -> None:
    rows = [
        {"composition": 0.5, "temperature_kelvin": kelvin, "diffusivity_cm2_per_s": 1e-6, "diffusive": kelvin != 600.0}
        for kelvin in (500.0, 600.0, 700.0)
    ]
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"rows": rows}))
    read = load_diffusivities(tmp_path / "d.yaml")
    assert read.temperature_kelvin.tolist() == [500.0, 700.0]
    assert read.left_out == ((0.5, 600.0),)


HEAD = "composition,temperature_kelvin,diffusivity_cm2_per_s,diffusivity_error_cm2_per_s\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("d.csv", "composition,temperature_kelvin\n0.5,600\n", "the column diffusivity_cm2_per_s is missing"),
        (
            "d.csv",
            HEAD + "0.5,600,1e-6,1e-7\n0.5,600,2e-6,1e-7\n",
            "line 3 has the composition and temperature of line 2",
        ),
        ("d.csv", HEAD + "0.5,600,1e-6,\n0.5,700,2e-6,1e-7\n", "line 2 has no diffusivity_error_cm2_per_s"),
        ("d.csv", HEAD + "0.5,600,fast,1e-7\n", "line 2: diffusivity_cm2_per_s is 'fast'"),
        ("d.csv", HEAD + "0.5,-600,1e-6,1e-7\n", "line 2: temperature_kelvin is -600"),
        ("d.csv", HEAD + "0.5,600,1e-6,-1e-7\n", "line 2: diffusivity_error_cm2_per_s is -1e-07"),
        ("d.csv", HEAD, "has no row"),
        ("d.csv", HEAD.strip() + ",species\n0.5,600,1e-6,1e-7,Li\n0.5,600,1e-6,1e-7,F\n", "name one by --species"),
        ("d.csv", HEAD.strip() + ",diffusive\n0.5,600,1e-6,1e-7,perhaps\n", "line 2: diffusive is 'perhaps'"),
        ("d.csv", HEAD.strip() + ",diffusive\n0.5,600,1e-6,1e-7,False\n", "no row is diffusive"),
        ("d.txt", HEAD, "tables of '.txt' are not read"),
        ("d.yaml", "rows: [{composition: 0.5, temperature_kelvin: 600}]\n", "diffusivity_cm2_per_s"),
        ("d.yaml", "row: []\n", "Did you mean 'rows'"),
    ],
)
def test_what_is_wrong_in_a_table_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    assert main(["screen", "crowding", str(tmp_path / name), "--json"]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert name in err


def test_nothing_to_turn_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(HEAD + "0.5,600,1e-6,1e-7\n0.5,700,2e-6,1e-7\n")
    assert main(["screen", "crowding", str(tmp_path / "d.csv"), "--out", str(tmp_path / "out")]) == 0
    assert "nothing can turn" in capsys.readouterr().err
    assert main(["screen", "crowding", str(tmp_path / "none.csv"), "--json"]) == 2
    assert "There is no file" in capsys.readouterr().err
    assert main(["screen", "crowding", str(tmp_path / "d.csv"), "--species", "Li", "--json"]) == 2
    assert "no rows of Li" in capsys.readouterr().err
