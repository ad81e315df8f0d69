"""``onsager``: species that move together, apart and not at all, a steady flow, and settings that make no sense."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

LENGTH, INTERVAL, STEP, KELVIN, N_FRAMES = 10.0, 0.5, 0.15, 500.0, 1200
SYMBOLS = ["Li"] * 6 + ["S"] * 3
KT_V = BOLTZMANN_EV_PER_K * KELVIN * LENGTH**3


def asked(**settings: object) -> mi.Onsager:
    return mi.Onsager(**({"species": "Li,S", "temperature_kelvin": KELVIN} | settings))


def made(steps: np.ndarray) -> mi.TrajectoryReader:
    start = np.random.default_rng(1).random((1, steps.shape[1], 3)) * LENGTH
    return trajectory(start + np.cumsum(steps, axis=0), LENGTH, SYMBOLS, INTERVAL)


@pytest.fixture(scope="module")
def together():
    """All atoms make the same steps."""
    steps = np.random.default_rng(2).normal(0, STEP, (N_FRAMES, 1, 3)).repeat(9, axis=1)
    return found(made(steps), asked(windows=3))


@pytest.fixture(scope="module")
def apart():
    """Every atom walks alone."""
    return found(made(np.random.default_rng(3).normal(0, STEP, (N_FRAMES, 9, 3))), asked())


def test_species_that_move_together_have_the_full_cross_coefficient(together) -> None:
    # <dR_i dR_j> = N_i N_j step^2 per frame and direction.
    expected = np.outer([6, 3], [6, 3]) * STEP**2 / (2 * INTERVAL * KT_V)
    whole = together.whole
    assert (np.abs(whole.l_per_ev_angstrom_ps - expected) < 4 * whole.l_error_per_ev_angstrom_ps).all()
    assert (whole.l_error_per_ev_angstrom_ps < 0.35 * expected).all()
    np.testing.assert_allclose(whole.correlation, 1.0, rtol=0, atol=1e-4)
    # Of an atom alone: a sixth of its share.
    np.testing.assert_allclose(
        whole.l_self_per_ev_angstrom_ps, np.diag(whole.l_per_ev_angstrom_ps) / [6, 3], rtol=0.01, atol=0
    )


def test_species_that_move_apart_have_none(apart) -> None:
    whole = apart.whole
    own = np.array([6, 3]) * STEP**2 / (2 * INTERVAL * KT_V)
    error = whole.l_error_per_ev_angstrom_ps
    assert (np.abs(np.diag(whole.l_per_ev_angstrom_ps) - own) < 4 * np.diag(error)).all()
    assert abs(whole.l_per_ev_angstrom_ps[0, 1]) < 4 * error[0, 1]
    np.testing.assert_allclose(whole.l_self_per_ev_angstrom_ps, own, rtol=0.1, atol=0)


def test_conductivity_is_the_sum_over_charges_in_siemens_per_centimetre(apart) -> None:
    charges, whole = np.array([1.0, -2.0]), apart.whole
    # e^2/(eV angstrom ps) = 1.602e-19 C/V / (1e-10 m 1e-12 s) = 16.02 S/cm.
    expected = 16.02176634 * charges @ whole.l_per_ev_angstrom_ps @ charges
    np.testing.assert_allclose(whole.conductivity_s_per_cm, expected, rtol=1e-6, atol=0)
    nernst = 16.02176634 * charges**2 @ whole.l_self_per_ev_angstrom_ps
    np.testing.assert_allclose(whole.nernst_einstein_s_per_cm, nernst, rtol=1e-6, atol=0)
    entry = content(apart)
    np.testing.assert_allclose(entry["haven_ratio"], nernst / expected, rtol=1e-6, atol=0)
    np.testing.assert_allclose(sum(entry["transference"].values()), 1.0, rtol=1e-6, atol=0)


def test_double_the_temperature_is_half_the_coefficient_and_charges_are_those_given() -> None:
    reader = made(np.random.default_rng(3).normal(0, STEP, (200, 9, 3)))
    first = found(reader, asked())
    second = found(reader, asked(temperature_kelvin=2 * KELVIN, charges="S=0"))
    np.testing.assert_allclose(
        second.whole.l_per_ev_angstrom_ps, first.whole.l_per_ev_angstrom_ps / 2, rtol=1e-9, atol=0
    )
    np.testing.assert_allclose(
        second.whole.conductivity_s_per_cm, 16.02176634 * second.whole.l_per_ev_angstrom_ps[0, 0], rtol=1e-6, atol=0
    )
    assert content(second)["charges"] == {"Li": 1.0, "S": 0.0}


def test_one_direction_is_that_direction() -> None:
    steps = np.random.default_rng(5).normal(0, STEP, (400, 9, 3))
    steps[:, :, 2] = 0.0
    reader = made(steps)
    z = found(reader, asked(directions="z")).whole
    assert (z.l_per_ev_angstrom_ps == 0.0).all()
    xy, xyz = found(reader, asked(directions="xy")).whole, found(reader, asked()).whole
    assert xy.l_by_direction_per_ev_angstrom_ps.shape == (2, 2, 2)
    np.testing.assert_allclose(
        xy.l_by_direction_per_ev_angstrom_ps.mean(axis=0), xy.l_per_ev_angstrom_ps, rtol=1e-6, atol=1e-12
    )
    assert 0.5 < xyz.l_per_ev_angstrom_ps[0, 0] / xy.l_per_ev_angstrom_ps[0, 0] < 0.8


def test_atoms_at_rest_have_coefficients_of_zero_and_no_haven_ratio() -> None:
    result = found(made(np.zeros((60, 9, 3))), asked())
    assert (result.whole.l_per_ev_angstrom_ps == 0.0).all()
    entry = content(result)
    assert entry["conductivity_s_per_cm"] == 0.0
    assert entry["haven_ratio"] is None
    assert "Haven ratio: not known" in result.lines()[1]
    assert len(result.plot().axes) == 5


def test_a_steady_flow_is_a_flux_and_no_coefficient() -> None:
    steps = np.random.default_rng(6).normal(0, 0.02, (400, 9, 3))
    steps[:, :6, 1] += 0.1
    result = found(made(steps), asked(flux_axis="y"))
    # Six Li at 0.2 angstrom/ps in 1000 cubic angstrom.
    flux = result.fluxes.flux_per_angstrom2_ps
    np.testing.assert_allclose(flux[:, 0], 6 * 0.2 / 1000, rtol=0.1, atol=0)
    assert np.abs(flux[:, 1]).max() < 0.05 * flux[:, 0].max()
    entry = content(result)
    assert entry["fluxes"]["axis"] == "y"
    assert entry["fluxes"]["zero_within_2_sigma_since_ps"]["Li"] is None
    still = found(made(steps), asked(flux_axis="x"))
    assert np.abs(still.fluxes.flux_per_angstrom2_ps).max() < 0.1 * flux[:, 0].max()
    # The flow is taken out: what is left is the walk.
    expected = 6 * 0.02**2 / (2 * INTERVAL * KT_V)
    assert abs(result.whole.l_per_ev_angstrom_ps[0, 0] - expected) < 5 * result.whole.l_error_per_ev_angstrom_ps[0, 0]


def test_windows_are_equal_and_cover_the_run(together) -> None:
    starts = [window.time_start_ps for window in together.windows]
    np.testing.assert_allclose(starts, [0.0, 200.0, 400.0], rtol=1e-7, atol=0)
    np.testing.assert_allclose(
        [window.time_end_ps for window in together.windows], [199.5, 399.5, 599.5], rtol=1e-7, atol=0
    )
    table = rows(together)
    assert len(table) == 3 * 2 * 2
    assert list(table[0]) == [
        "time_start_ps", "time_end_ps", "first", "second", "l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps",
    ]  # fmt: skip
    expected = [window.l_per_ev_angstrom_ps[0, 1] for window in together.windows]
    cross = [row for row in table if (row["first"], row["second"]) == ("Li", "S")]
    np.testing.assert_allclose(column(cross, "l_per_ev_angstrom_ps"), expected, rtol=1e-4, atol=0)


def test_json_has_what_others_read(together) -> None:
    entry = content(together)
    assert {
        "species",
        "charges",
        "windows",
        "whole",
        "conductivity_s_per_cm",
        "haven_ratio",
        "fluxes",
        "settings",
    } <= set(entry)
    assert entry["species"] == ["Li", "S"]
    assert entry["settings"]["volume_angstrom3"] == pytest.approx(1000.0, rel=1e-6, abs=0)
    assert entry["settings"]["region"] is None
    assert np.array(entry["whole"]["l_confidence_95_per_ev_angstrom_ps"]).shape == (2, 2, 2)
    assert len(entry["windows"]) == 3


def test_lines_name_charges_and_every_coefficient(together) -> None:
    lines = together.lines()
    assert "(charges Li +1, S -2)" in lines[0]
    assert "independent pieces" in lines[0]
    coefficients = [line for line in lines if line.startswith("L ")]
    assert [line.split(":")[0] for line in coefficients] == ["L Li-Li", "L Li-S", "L S-S"]
    low, high = together.whole.l_confidence_95_per_ev_angstrom_ps[:, 0, 1]
    assert coefficients[1].endswith(f"95 % {low:.3g} to {high:.3g}")


def test_jumps_that_may_be_undone_take_the_interval_of_l_down_to_what_lasts() -> None:
    rng = np.random.default_rng(8)
    kept = np.exp(-1 / 400)
    tethered = np.empty((N_FRAMES, 9, 3))
    tethered[0] = rng.normal(0.0, 2.0, (9, 3))
    for t in range(1, N_FRAMES):
        tethered[t] = kept * tethered[t - 1] + np.sqrt(1 - kept**2) * rng.normal(0.0, 2.0, (9, 3))
    # The S walk away; the Li are on springs that pull back within a third of the run.
    tethered[:, 6:] = np.cumsum(rng.normal(0.0, STEP, (N_FRAMES, 3, 3)), axis=0)
    held = found(trajectory(tethered + 20.0, 60.0, SYMBOLS, INTERVAL), asked())
    entry = content(held)
    assert list(entry["not_diffusive_because"]) == ["Li"]
    assert entry["run_at_least_ps"] >= 2 * N_FRAMES * INTERVAL
    low, high = held.whole.l_confidence_95_per_ev_angstrom_ps
    value = held.whole.l_per_ev_angstrom_ps
    # Some of it may last, as far as the run can tell; least of all that the line shows.
    assert 0.0 <= low[0, 0] < 0.2 * value[0, 0] < value[0, 0] < high[0, 0]
    assert 0.2 * value[1, 1] < low[1, 1] < value[1, 1] < high[1, 1]
    assert any(line.startswith("Li is not diffusive yet (") and "run at least" in line for line in held.lines())
    drawn = held.plot().axes[0].containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(
        [ends[:, 1] for ends in drawn], [[low[p], high[p]] for p in ((0, 0), (0, 1), (1, 1))], rtol=1e-9, atol=0
    )


def test_figure_has_coefficients_correlations_windows_and_fluxes(together) -> None:
    figure = together.plot()
    whole, correlations, windows, fluxes = figure.axes[:4]
    assert [tick.get_text() for tick in whole.get_xticklabels()] == ["Li-Li", "Li-S", "S-S"]
    np.testing.assert_allclose(
        np.asarray(whole.containers[0].lines[0].get_ydata(), dtype=float),
        together.whole.l_per_ev_angstrom_ps[[0, 0, 1], [0, 1, 1]],
        rtol=1e-7,
        atol=0,
    )
    assert [text.get_text() for text in correlations.texts] == ["1.00"] * 4
    assert (windows.get_xlabel(), len(windows.containers)) == ("time (ps)", 3)
    np.testing.assert_allclose(
        windows.containers[0].lines[0].get_xdata(orig=False), [99.75, 299.75, 499.75], rtol=1e-7, atol=0
    )
    assert fluxes.get_ylabel().startswith("net flux along z (1/(Å² ps))")
    assert [text.get_text() for text in fluxes.get_legend().get_texts()] == ["Li", "S"]


def test_atoms_of_a_layer_have_the_volume_of_the_layer() -> None:
    start = np.array(
        [[1.0, 1.0, z] for z in np.linspace(0.25, 4.75, 10)] + [[5.0, 5.0, z] for z in np.linspace(5.25, 9.75, 10)]
    )
    steps = np.random.default_rng(8).normal(0, 0.02, (80, 20, 3))
    steps[0] = 0.0
    layers = ["lower"] * 10 + ["upper"] * 10
    reader = trajectory(start + np.cumsum(steps, axis=0), LENGTH, ["Li"] * 20, INTERVAL, layers=layers)
    results = mi.analyze(reader, [asked(species="Li", layer="upper")], drift="none")
    np.testing.assert_allclose(results["onsager"].volume_angstrom3, 500.0, rtol=0.1, atol=0)
    share = results["onsager"].volume_angstrom3 / 1000.0
    assert f"Volume of the layer 'upper': {share:.3f} of the cell, by its depth at the start." in results.notes
    assert content(results["onsager"])["settings"]["layer"] == "upper"


def test_a_run_that_is_too_short_or_has_no_temperature_is_refused() -> None:
    short = made(np.random.default_rng(9).normal(0, STEP, (60, 9, 3)))
    with pytest.raises(AnalysisError, match="A window of 30 frames is too short"):
        found(short, asked(windows=2))
    with pytest.raises(AnalysisError, match="give `temperature_kelvin`"):
        found(short, mi.Onsager(species="Li"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"charges": [1.0]}, "must have one number for each of species"),
        ({"charges": {"Co": 3}}, "names Co, which is not in `species` Li,S"),
        ({"species": "Li,Xe"}, "has none for Xe, and there is no formal one; give Xe="),
        ({"charges": "Li"}, "'Li' is not like Li=1"),
        ({"charges": "Li=inf"}, "'Li=inf' is not like Li=1"),
        ({"layer": "a", "region": "b"}, "exclude each other"),
        ({"region": "a", "region_fraction": (0.1, 0.2)}, "give one of them"),
        ({"interface": "a/b"}, "give both"),
        ({"region_angstrom": (0, 3), "interface": "a"}, "not two layers such as cathode/coating"),
        ({"region_angstrom": (3, 3)}, "the lower plane comes first"),
        ({"region_fraction": (-0.1, 0.5)}, "from 0 to 1"),
        ({"region_fraction": "0.1"}, "is not two numbers such as 0.2,0.4"),
        ({"directions": "yz"}, "'xyz', 'xy', 'x', 'y' or 'z'"),
        ({"flux_axis": "w"}, "'x', 'y' or 'z'"),
        ({"windows": 0}, "greater than or equal to 1"),
        ({"temperature_kelvin": 0}, "1 to 20000 K"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings: dict, sentence: str) -> None:
    with pytest.raises((ValidationError, AnalysisError), match=sentence):
        asked(**settings)


def test_charges_by_list_by_name_and_of_tables() -> None:
    assert asked(charges=[0.9, -1.8]).charges == {"Li": 0.9, "S": -1.8}
    assert asked(charges="S=-1.5").charges == {"Li": 1.0, "S": -1.5}
    assert asked(species="Ti,Li", charges={"Ti": 3.5}).charges == {"Ti": 3.5, "Li": 1.0}
    assert asked().charges == {"Li": 1.0, "S": -2.0}


def test_layers_of_a_region_are_checked_against_a_study() -> None:
    asked(region="coating").check(["Li", "S"], ["coating", "cathode"])
    for request, sentence in (
        (asked(region="coatin"), "region names 'coatin', but the layers are cathode, coating"),
        (asked(region_angstrom=(0, 1), interface="cathode/anode"), "region names 'anode'"),
        (asked(layer="x"), "layer is 'x'"),
        (asked(species="Li,Co", charges={"Co": 3}), "species: 'Co' is not in elements"),
    ):
        with pytest.raises(ValueError, match=sentence):
            request.check(["Li", "S"], ["coating", "cathode"])


def stack(gap: float = 0.0) -> mi.TrajectoryReader:
    """Li of two anode faces flows into the electrolyte through both, at 0.02 angstrom/ps; a vacuum above the anode, if asked for."""
    rng = np.random.default_rng(12)
    height = 40.0 + gap
    start = rng.random((300, 3)) * [10.0, 10.0, 40.0]
    layers = np.where(start[:, 2] < 20.0, "electrolyte", "anode")
    near = np.select([np.abs(start[:, 2] - 20.0) < 5.0, np.minimum(start[:, 2], 40.0 - start[:, 2]) < 5.0], [-1.0, 1.0])
    path = start + rng.normal(0.0, 0.05, (120, 300, 3))
    path[:, :200, 2] += 0.02 * INTERVAL * np.arange(120)[:, None] * near[:200]
    symbols = ["Li"] * 200 + ["S"] * 100
    return trajectory(path, np.array([10.0, 10.0, height]), symbols, INTERVAL, layers=layers.tolist())


def test_fluxes_that_cancel_over_a_periodic_stack_are_seen_around_each_interface() -> None:
    result = found(stack(), asked())
    assert set(result.interfaces) == {"electrolyte/anode", "anode/electrolyte"}
    up, down = result.interfaces["anode/electrolyte"], result.interfaces["electrolyte/anode"]
    mean = {name: float(flux.flux_per_angstrom2_ps[:, 0].mean()) for name, flux in result.interfaces.items()}
    # 200 Li in 4000 cubic angstrom, at 0.02 angstrom/ps; their number is known to a sixth.
    np.testing.assert_allclose(mean["anode/electrolyte"], 200 / 4000 * 0.02, rtol=0.4, atol=0)
    np.testing.assert_allclose(mean["electrolyte/anode"], -200 / 4000 * 0.02, rtol=0.4, atol=0)
    whole = float(result.fluxes.flux_per_angstrom2_ps[:, 0].mean())
    assert abs(whole) < 0.15 * mean["anode/electrolyte"]
    assert up.zero_since_ps[0] is down.zero_since_ps[0] is None
    assert up.zero_since_ps[1] is not None
    entry = content(result)["interfaces"]["anode/electrolyte"]
    assert entry["axis"] == "depth"
    assert entry["zero_within_2_sigma_since_ps"]["Li"] is None
    assert "flux around anode/electrolyte: Li is not zero at the end; S is zero within 2 sigma since" in "\n".join(
        result.lines()
    )
    titles = [ax.get_title(loc="left") for ax in result.plot().axes]
    assert {"through the whole cell", "around anode/electrolyte", "around electrolyte/anode"} <= set(titles)


def test_a_vacuum_is_no_interface_and_a_region_has_its_own_fluxes() -> None:
    assert set(found(stack(gap=12.0), asked()).interfaces) == {"electrolyte/anode"}
    assert found(stack(), asked(region="anode")).interfaces == {}
    assert found(stack(), asked(layer="anode", species="Li")).interfaces == {}
