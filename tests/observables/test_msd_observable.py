"""``msd``: walkers of known diffusivity, a flight, atoms at rest, a layer whose atoms stay."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory, walk

import mlip_interfaces as mi
from mlip_interfaces.analysis.diffusion import BELOW_A_JUMP, NO_LINE
from mlip_interfaces.errors import AnalysisError

SYMBOLS = ["Li"] * 30 + ["S"] * 10
STEP, INTERVAL = 0.2, 0.5
DIFFUSIVITY = STEP**2 / (2 * INTERVAL) * 1e-4
"""Of the Li; the S are half as far in each step."""


def path() -> np.ndarray:
    made = walk(300, 40, 12.0, STEP, 7)
    made[:, 30:] = made[0, 30:] + (made[:, 30:] - made[0, 30:]) / 2
    return made


@pytest.fixture(scope="module")
def result() -> mi.Result:
    return found(trajectory(path(), 12.0, SYMBOLS, INTERVAL), mi.Msd(species="Li,S"))


def test_walkers_have_their_diffusivity_within_its_error(result) -> None:
    for symbol, share in (("Li", 1.0), ("S", 0.25)):
        one = result.species[symbol]
        assert abs(one.diffusivity_cm2_per_s - share * DIFFUSIVITY) < 4 * one.diffusivity_error_cm2_per_s
        assert one.diffusivity_error_cm2_per_s < 0.3 * share * DIFFUSIVITY
        low, high = one.confidence_95_cm2_per_s
        assert low < share * DIFFUSIVITY < high
        np.testing.assert_allclose(np.mean(one.by_direction_cm2_per_s), one.diffusivity_cm2_per_s, rtol=1e-9, atol=0)


def test_msd_is_that_of_a_slow_mean_over_origins(result) -> None:
    table = [row for row in rows(result) if row["species"] == "Li"]
    moved = path()[:, :30]
    for row in (table[8], table[9], table[11]):
        lag = round(float(row["lag_ps"]) / INTERVAL)
        squares = ((moved[lag:] - moved[: len(moved) - lag]) ** 2).mean(axis=(0, 1))
        expected = squares.sum() if row["direction"] == "xyz" else squares["xyz".index(row["direction"])]
        np.testing.assert_allclose(float(row["msd_angstrom2"]), expected, rtol=1e-4, atol=0)


def test_json_has_what_others_read_and_nothing_that_is_not_a_number(result) -> None:
    entry = content(result)["species"]["Li"]
    assert {
        "diffusivity_cm2_per_s", "diffusivity_error_cm2_per_s", "confidence_95_cm2_per_s", "fit_window_ps", "quality_factor",
        "log_log_slope", "n_atoms", "diffusive", "not_diffusive_because", "layer", "jumps", "errors_cm2_per_s", "by_direction_cm2_per_s",
    } <= set(entry)  # fmt: skip
    assert entry["n_atoms"] == 30
    assert entry["diffusive"] is True
    assert entry["not_diffusive_because"] == []
    assert result.lines()[0].startswith("D of Li: ")
    assert "diffusive" not in result.lines()[0]
    assert result.plot().axes[0].get_title(loc="left").startswith("Li: D = ")
    assert entry["layer"] is None
    np.testing.assert_allclose(entry["log_log_slope"], 1.0, atol=0.2, rtol=1e-7)
    assert content(result)["settings"]["drift"] == "none"
    # Of a line the interval is even; the S stay within a jump's worth, and what is known is a bound.
    low, high = entry["confidence_95_cm2_per_s"]
    np.testing.assert_allclose((low + high) / 2, entry["diffusivity_cm2_per_s"], rtol=1e-9, atol=0)
    assert entry["below_cm2_per_s"] is None
    slow = content(result)["species"]["S"]
    assert slow["below_cm2_per_s"] == slow["confidence_95_cm2_per_s"][1]


def test_jumps_are_counted_by_the_distance_of_sites(result) -> None:
    three = content(result)["species"]
    reader = trajectory(path(), 12.0, SYMBOLS, INTERVAL)
    six = content(found(reader, mi.Msd(species="Li,S", site_distance_angstrom="Li=6")))["species"]
    np.testing.assert_allclose(six["Li"]["jumps"]["n_jumps"], three["Li"]["jumps"]["n_jumps"] / 4, rtol=0.01, atol=0)
    assert six["Li"]["jumps"]["site_distance_angstrom"] == 6.0
    assert six["S"]["jumps"] == three["S"]["jumps"]
    largest = result.species["Li"].msd_angstrom2.max()
    np.testing.assert_allclose(three["Li"]["jumps"]["n_jumps"], 30 * largest / 9.0, rtol=0.02, atol=0)


def test_a_flight_is_quadratic_and_no_diffusivity() -> None:
    velocity = np.where(np.arange(20) % 2, 0.3, -0.3)
    flight = np.zeros((100, 20, 3))
    flight[:, :, 0] = np.arange(100)[:, None] * velocity
    result = found(trajectory(flight, 30.0, ["Li"] * 20, 1.0), mi.Msd(species="Li"), drift="com")
    one = result.species["Li"]
    np.testing.assert_allclose(one.msd_angstrom2, (0.3 * one.lags_ps) ** 2, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(one.log_log_slope, 2.0, atol=1e-3, rtol=1e-7)
    assert not one.diffusive
    assert one.not_diffusive_because == (NO_LINE,)
    assert content(result)["species"]["Li"]["not_diffusive_because"] == [NO_LINE]
    assert result.lines()[0].startswith(f"D of Li: not diffusive ({NO_LINE}); slope / 6 is ")
    # What is driven has no bound, and no length of a run that would help.
    assert content(result)["species"]["Li"]["below_cm2_per_s"] is None
    assert content(result)["species"]["Li"]["run_at_least_ps"] is None
    assert result.plot().axes[0].get_title(loc="left").startswith("Li: not diffusive\nslope / 6 = ")


def test_jumps_that_will_be_undone_are_a_bound_in_json_words_and_figure() -> None:
    rng = np.random.default_rng(5)
    tethered = np.empty((200, 30, 3))
    tethered[0] = rng.normal(0.0, 1.5, (30, 3))
    for t in range(1, 200):
        # Remembers 80 frames of half a picosecond.
        tethered[t] = np.exp(-1 / 80) * tethered[t - 1] + np.sqrt(1 - np.exp(-2 / 80)) * rng.normal(0.0, 1.5, (30, 3))
    result = found(trajectory(tethered + 6.0, 30.0, ["Li"] * 30, 0.5), mi.Msd(species="Li"))
    entry = content(result)["species"]["Li"]
    low, high = entry["confidence_95_cm2_per_s"]
    assert low == 0.0
    assert entry["below_cm2_per_s"] == high
    assert entry["diffusive"] is False
    assert entry["line_probability"] < 0.8
    assert 200.0 <= entry["run_at_least_ps"] <= 1000.0
    words = result.lines()[0]
    assert words.startswith(f"D of Li: below {high:.2g} cm^2/s (95 %), not diffusive yet (")
    assert f"run at least {entry['run_at_least_ps']:.2g} ps; estimate " in words
    assert (
        result.plot()
        .axes[0]
        .get_title(loc="left")
        .startswith(f"Li: D < {high:.1e} cm²/s\nnot diffusive yet, run at least ")
    )


@pytest.mark.parametrize("n_atoms", [1, 20])
def test_atoms_at_rest_have_no_diffusivity_and_a_figure(n_atoms: int) -> None:
    rest = np.repeat(walk(1, n_atoms, 10.0, 0.0, 1), 60, axis=0)
    result = found(trajectory(rest, 10.0, ["Li"] * n_atoms), mi.Msd(species="Li"))
    entry = content(result)["species"]["Li"]
    assert entry["diffusivity_cm2_per_s"] == 0.0
    assert entry["diffusive"] is False
    assert entry["not_diffusive_because"] == [BELOW_A_JUMP]
    assert result.lines()[0].startswith(
        f"D of Li: below 0 cm^2/s (95 %), not diffusive yet ({BELOW_A_JUMP}), run at least "
    )
    assert len(result.plot().axes) == 2


def test_a_drift_is_taken_out_by_what_is_at_rest() -> None:
    moving = path() + np.arange(300)[:, None, None] * np.array([0.1, 0.0, 0.0])
    reader = trajectory(moving, 12.0, SYMBOLS, INTERVAL)
    kept = found(reader, mi.Msd(species="Li")).species["Li"]
    for drift in ("com", "S"):
        gone = found(reader, mi.Msd(species="Li"), drift=drift)
        assert gone.species["Li"].msd_angstrom2[-1] < 0.2 * kept.msd_angstrom2[-1]
        assert content(gone)["settings"]["drift"] == drift
    at_rest = found(reader, mi.Msd(species="S"), drift="S").species["S"]
    assert at_rest.msd_angstrom2[-1] < found(reader, mi.Msd(species="S")).species["S"].msd_angstrom2[-1]


def test_atoms_of_a_layer_and_those_that_stayed() -> None:
    rng = np.random.default_rng(4)
    # The layer between 0 and 12 of 24 angstrom; steps of 0.15 angstrom everywhere.
    made = np.cumsum(rng.normal(0, 0.15, (300, 120, 3)), axis=0) + rng.random((120, 3)) * [10.0, 10.0, 24.0]
    layers = np.where(made[0, :, 2] % 24.0 < 12.0, "lower", "upper").tolist()
    reader = trajectory(made, np.array([10.0, 10.0, 24.0]), ["Li"] * 120, layers=layers)
    result = found(reader, mi.Msd(species="Li", layer="lower"))
    entry = content(result)["species"]["Li"]
    expected = 0.15**2 / 0.2 * 1e-4
    assert entry["n_atoms"] == layers.count("lower")
    assert entry["layer"] == "lower"
    stayed = entry["in_plane_of_survivors"]
    assert stayed["n_atoms"] < entry["n_atoms"]
    assert abs(stayed["diffusivity_cm2_per_s"] - expected) < 4 * stayed["diffusivity_error_cm2_per_s"]
    across = entry["across_by_survival"]
    np.testing.assert_allclose(across["diffusivity_cm2_per_s"], expected, rtol=0.5, atol=0)
    assert {row["layer"] for row in rows(result)} == {"lower"}
    for layer in ("nowhere", "upper"):
        request = mi.Msd(species="Li,S", layer=layer)
        with pytest.raises(AnalysisError, match="no layer 'nowhere'|no S in the layer 'upper'"):
            found(reader, request)


def test_first_lag_of_the_fit_is_the_one_asked_for() -> None:
    reader = trajectory(path(), 12.0, SYMBOLS, INTERVAL)
    asked = found(reader, mi.Msd(species="Li", first_lag_ps=3.0)).species["Li"]
    np.testing.assert_allclose(asked.fit_lags_ps[0], 3.0, rtol=1e-7, atol=0)
    assert abs(asked.diffusivity_cm2_per_s - DIFFUSIVITY) < 4 * asked.diffusivity_error_cm2_per_s
    with pytest.raises(AnalysisError, match="too short for a fit from 100 ps"):
        found(reader, mi.Msd(species="Li", first_lag_ps=100.0))


def test_table_has_three_directions_that_add_up(result) -> None:
    table = [row for row in rows(result) if row["species"] == "S"]
    msd = {
        axis: column([row for row in table if row["direction"] == axis], "msd_angstrom2") for axis in ("xyz", *"xyz")
    }
    np.testing.assert_allclose(msd["xyz"], msd["x"] + msd["y"] + msd["z"], rtol=1e-4, atol=1e-9)
    errors = {row["msd_error_angstrom2"] for row in table if row["direction"] != "xyz"}
    assert errors == {""}


def test_lines_headlines_and_figure(result) -> None:
    lines = result.lines()
    assert [line.split(":")[0] for line in lines] == ["D of Li", "D of S"]
    assert "30 atoms" in lines[0]
    assert [headline.quantity for headline in result.headlines()] == ["D of Li (cm²/s)", "D of S (cm²/s)"]
    assert result.headlines()[0].value == result.species["Li"].diffusivity_cm2_per_s
    figure = result.plot()
    assert [ax.get_xlabel() for ax in figure.axes] == ["lag (ps)"] * 4
    assert figure.axes[0].get_ylabel().startswith("MSD (Å²)")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), result.species["Li"].msd_angstrom2)
    # Three directions of each element, in logarithms.
    assert [len(ax.lines) for ax in figure.axes[2:]] == [3, 3]
    assert figure.axes[2].get_xscale() == "log"
