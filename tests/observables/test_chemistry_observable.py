"""``chemistry``: PS4 and a chain of them, an exchange of sulfur for oxygen, a dimer that comes and goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.structures.crystals import load_crystal

CORNERS = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
LENGTH, INTERVAL, N_FRAMES = 24.0, 0.1, 60


def ps4(center: np.ndarray) -> np.ndarray:
    return np.vstack([center, center + 2.05 * CORNERS])


def made(events: bool = True) -> mi.TrajectoryReader:
    """PS4 at (6, 6, 6), which takes an O in frame 20 for the S it loses in frame 25; P2S7; two S that meet in frames 30 to 44."""
    single = ps4(np.array([6.0, 6.0, 6.0]))
    first = ps4(np.array([16.0, 16.0, 6.0]))
    # The second P shares the first corner of the first one.
    shared = first[1]
    second = np.vstack([shared + 2.05 * CORNERS[0]])
    around = second[0] + 2.05 * np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    loose = np.array([[6.0, 18.0, 18.0], [10.0, 18.0, 18.0]])
    oxygen = np.array([[6.0, 6.0, 12.0]])
    start = np.vstack([single, first, second, around, loose, oxygen])
    path = np.repeat(start[None], N_FRAMES, axis=0)
    if events:
        path[20:, 16] = single[0] - 1.5 * np.array([0.0, 0.0, 1.0])
        path[25:, 4] = single[0] + 5.0 * CORNERS[3]
        path[30:45, 15] = loose[0] + [2.1, 0.0, 0.0]
    return trajectory(path, LENGTH, SYMBOLS, INTERVAL, layers=LAYERS)


SYMBOLS = ["P", "S", "S", "S", "S"] * 2 + ["P"] + ["S"] * 3 + ["S"] * 2 + ["O"]
LAYERS = ["electrolyte"] * 16 + ["cathode"]


@pytest.fixture(scope="module")
def result():
    return found(made(), mi.Chemistry())


def test_units_are_counted_by_their_formula(result) -> None:
    assert result.frames[0].units == {"PS4": 1, "P2S7": 1}
    assert result.frames[22].units == {"PS4O": 1, "P2S7": 1}
    assert result.frames[40].units == {"PS3O": 1, "P2S7": 1}
    entry = content(result)
    assert entry["n_phosphorus"] == 3
    assert entry["p_s_tetrahedra_initial"] == 1
    np.testing.assert_allclose(entry["p_s_tetrahedra_mean"], 20 / N_FRAMES, rtol=1e-7, atol=0)
    np.testing.assert_allclose(sum(entry["p_s_units"].values()), 2.0, rtol=1e-7, atol=0)
    assert next(iter(entry["p_s_units"])) == "P2S7"


def test_an_exchange_has_its_time_atoms_and_origin(result) -> None:
    entry = content(result)
    assert entry["o_s_exchanges"] == 1
    assert entry["o_s_exchange_events"] == [{"time_ps": 2.5, "phosphorus_atom": 1, "oxygen_atom": 17, "sulfur_atom": 5}]
    assert entry["o_s_exchanges_by_origin"] == [{"oxygen_from": "cathode", "sulfur_from": "electrolyte", "count": 1}]
    assert entry["bonds_formed"]["P-O"] == 1
    assert entry["bonds_broken"]["P-S"] == 1


def test_changes_farther_apart_than_the_window_are_no_exchange() -> None:
    assert content(found(made(), mi.Chemistry(exchange_window_ps=0.4)))["o_s_exchanges"] == 0
    assert content(found(made(), mi.Chemistry(exchange_window_ps=0.5)))["o_s_exchanges"] == 1


def test_a_dimer_has_its_lifetime_and_a_collision_none(result) -> None:
    entry = content(result)
    assert (entry["s2_dimers_formed"], entry["s2_lifetimes_ended"]) == (1, 1)
    np.testing.assert_allclose(entry["s2_lifetime_mean_ps"], 1.5, rtol=0, atol=1e-9)
    np.testing.assert_allclose(entry["s2_dimers_mean"], 15 / N_FRAMES, rtol=1e-9, atol=0)
    # Bonds shorter than two picoseconds are collisions.
    long = content(found(made(), mi.Chemistry(min_lifetime_ps=2.0)))
    assert (long["s2_dimers_formed"], long["s2_lifetime_mean_ps"]) == (0, None)


def test_a_still_run_has_no_events() -> None:
    entry = content(found(made(events=False), mi.Chemistry()))
    assert entry["p_s_units"] == {"PS4": 1.0, "P2S7": 1.0}
    assert entry["o_s_exchanges"] == 0
    assert entry["o_s_exchange_events"] == []
    assert entry["bonds"]["P-S"] == 12.0
    assert set(entry["bonds_formed"].values()) == set(entry["bonds_broken"].values()) == {0}


def test_cutoffs_are_the_tables_but_for_those_given() -> None:
    request = mi.Chemistry(bond_cutoffs_angstrom={"P-S": 2.0})
    entry = content(found(made(events=False), request))
    assert entry["bonds"]["P-S"] == 0.0
    assert entry["settings"]["bond_cutoffs_angstrom"]["P-S"] == 2.0
    assert entry["settings"]["bond_cutoffs_angstrom"]["P-O"] == mi.Chemistry().cutoffs_angstrom()["P-O"]
    wide = content(found(made(events=False), mi.Chemistry(bond_cutoffs_angstrom="Li-O=2.5")))
    assert wide["bonds"]["Li-O"] == 0.0
    assert wide["bonds"]["P-S"] == 12.0


def test_a_bond_is_the_same_whichever_element_comes_first() -> None:
    turned = mi.Chemistry(bond_cutoffs_angstrom="S-P=2.0,S-Ti=2.7,S-Ge=2.6", reaction_bonds="O-P,Ti-S")
    # Ge-S has a length in crystals, and its name from there.
    assert turned.bond_cutoffs_angstrom == {"P-S": 2.0, "S-Ti": 2.7, "Ge-S": 2.6}
    assert turned.reaction_bonds == ("P-O", "S-Ti")
    assert content(found(made(events=False), turned))["bonds"]["P-S"] == 0.0


def test_table_has_a_row_for_every_frame(result) -> None:
    table = rows(result)
    assert list(table[0])[:1] == ["time_ps"]
    assert {"PS4", "P2S7", "PS3O", "s2_dimers", "bonds_P-O", "bonds_P-S", "bonds_Co-S"} <= set(table[0])
    np.testing.assert_array_equal(column(table, "PS4"), [1] * 20 + [0] * 40)
    np.testing.assert_array_equal(column(table, "bonds_P-O"), [0] * 20 + [1] * 40)
    np.testing.assert_array_equal(column(table, "s2_dimers")[[29, 30, 44, 45]], [0, 1, 1, 0])


def test_lines_and_figure_have_the_reaction_bonds_asked_for(result) -> None:
    assert any(line.startswith("P-O bonds: 0.667, 1 formed, 0 broken") for line in result.lines())
    assert result.lines()[-1] == "exchanges of sulfur for oxygen: 1"
    own = found(made(), mi.Chemistry(reaction_bonds="S-S"))
    assert [line.split(":")[0] for line in own.lines()] == [
        "units of P", "intact", "per atom", "S2 dimers", "S-S bonds", "exchanges of sulfur for oxygen",
    ]  # fmt: skip
    figure = result.plot()
    units, intact, dimers, bonds = figure.axes
    assert [ax.get_xlabel() for ax in (dimers, bonds)] == ["time (ps)"] * 2
    assert (units.get_ylabel(), dimers.get_ylabel(), bonds.get_ylabel()) == ("units of P", "S₂ dimers", "bonds")
    assert intact.get_ylabel() == "P with the neighbours\nof the first frame (%)"
    # There is no Co, and no bond of it is looked at.
    assert [line.get_label() for line in bonds.lines] == ["P-O", "P-P"]
    np.testing.assert_array_equal(bonds.lines[0].get_ydata(), [0] * 20 + [1] * 40)
    # The first of three P takes its oxygen in frame 20.
    np.testing.assert_allclose(intact.lines[0].get_ydata(), [100.0] * 20 + [200 / 3] * 40, rtol=1e-12, atol=0)
    assert [line.get_label() for line in own.plot().axes[3].lines] == ["S-S"]


def test_without_a_centre_of_polyanions_the_figure_says_so() -> None:
    result = found(trajectory(np.zeros((3, 2, 3)) + [[0, 0, 0], [3, 3, 3]], 10.0, ["Li", "F"]), mi.Chemistry())
    assert content(result)["n_phosphorus"] == 0
    assert content(result)["intact_fraction"] is None
    assert result.lines() == ["nothing to count in F, Li"]
    axes = result.plot().axes
    assert [text.get_text() for ax in axes for text in ax.texts] == [
        "no centre of a polyanion", "no centre of a polyanion", "no sulfur", "no elements for a bond of `reaction_bonds`",
    ]  # fmt: skip


def rattled(symbols: list[str], positions: np.ndarray, cell: np.ndarray) -> mi.TrajectoryReader:
    noise = np.random.default_rng(7).normal(0.0, 0.03, (20, len(symbols), 3))
    noise[0] = 0.0
    return trajectory(positions + noise, cell, symbols)


def test_every_unit_of_the_li7p3s11_crystal_is_intact_until_a_bond_breaks() -> None:
    atoms = load_crystal("Li7P3S11")
    symbols = atoms.get_chemical_symbols()
    reader = rattled(symbols, atoms.positions, atoms.cell.array)
    entry = content(found(reader, mi.Chemistry()))
    assert entry["p_s_units_initial"] == {"PS4": 2, "P2S7": 2}
    # Six P with four S each: two of PS4 and four of P2S7, of which PS4 alone are a third.
    assert (entry["n_centers"], entry["intact_fraction"], entry["intact_at_end_fraction"]) == (6, 1.0, 1.0)
    assert entry["settings"]["centers"] == ["P"]
    assert entry["settings"]["reaction_bonds"] == ["P-P"]
    lines = found(reader, mi.Chemistry()).lines()
    assert not any("O" in line.split(":")[0] for line in lines)
    # The bridge of one P2S7 goes away from both: two of six P have three S.
    pairs = find_pairs(atoms.positions, atoms.cell.array, 2.4)
    is_p, is_s = (np.array(symbols) == symbol for symbol in "PS")
    bonded = is_p[pairs.second] & is_s[pairs.first]
    bridge = int(np.argmax(np.bincount(pairs.first[bonded], minlength=len(symbols))))
    path = np.repeat(atoms.positions[None], 20, axis=0)
    lithium = symbols.index("Li")
    path[10:, bridge], path[10:, lithium] = atoms.positions[lithium], atoms.positions[bridge]
    broken = content(found(trajectory(path, atoms.cell.array, symbols), mi.Chemistry()))
    assert broken["p_s_units_initial"] == {"PS4": 2, "P2S7": 2}
    np.testing.assert_allclose(broken["intact_at_end_fraction"], 4 / 6, rtol=1e-12, atol=0)
    np.testing.assert_allclose(broken["intact_fraction"], 5 / 6, rtol=1e-12, atol=0)


def test_units_of_other_polyanions_are_found_without_being_asked_for() -> None:
    germanium = np.array([4.0, 4.0, 4.0]) + np.vstack([np.zeros(3), 2.2 * CORNERS])
    phosphorus = ps4(np.array([12.0, 12.0, 12.0]))
    result = found(
        trajectory(np.repeat(np.vstack([germanium, phosphorus])[None], 4, axis=0), 18.0, ["Ge", *"SSSS", "P", *"SSSS"]),
        mi.Chemistry(),
    )
    assert result.frames[0].units == {"PS4": 1, "GeS4": 1}
    assert (result.centers, result.n_centers) == (("P", "Ge"), 2)
    assert content(result)["settings"]["bond_cutoffs_angstrom"]["Ge-S"] == 2.5
    sulfate = np.array([4.0, 4.0, 4.0]) + np.vstack([np.zeros(3), 1.48 * CORNERS])
    reader = trajectory(np.repeat(sulfate[None], 4, axis=0), 18.0, ["S", *"OOOO"])
    assert found(reader, mi.Chemistry()).frames[0].units == {}
    assert found(reader, mi.Chemistry(centers="S", ligands="O")).frames[0].units == {"SO4": 1}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bond_cutoffs_angstrom": "PS=2.4"}, "'PS' is no bond; write P-S"),
        ({"bond_cutoffs_angstrom": "P-=2.4"}, "is no bond"),
        ({"bond_cutoffs_angstrom": {"P-S": -1.0}}, "0.01 to 1000 angstrom"),
        ({"bond_cutoffs_angstrom": {"S-P": 2.4, "P-S": 2.6}}, "gives P-S twice"),
        ({"bond_cutoffs_angstrom": {"P-S-S": 2.4}}, "is no bond"),
        ({"reaction_bonds": "P-O,P-O"}, "names P-O twice"),
        ({"reaction_bonds": "Ti-S"}, "names Ti-S, whose longest length is not known; give it in `bond_cutoffs_angstrom`"),
        ({"centers": "S"}, "names S, which is one of `centers` too"),
        ({"min_lifetime_ps": -1}, "0 to 1000000000 ps"),
        ({"exchange_window_ps": 0}, "1e-05 to 1000000000 ps"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        mi.Chemistry(**settings)


def test_numbers_per_atom_are_means_over_frames_with_the_errors_of_their_parts(result) -> None:
    entry = content(result)
    # One P-O bond from frame 20 on of 60, for three P; ten parts of six frames, of which one begins before it.
    parts = np.array([0, 0, 0, 4 / 6, 1, 1, 1, 1, 1, 1]) / 3
    found_ = entry["bonds_per_atom"]["P-O"]
    np.testing.assert_allclose(
        [found_["mean"], found_["error"]], [40 / 60 / 3, parts.std(ddof=1) / np.sqrt(10)], rtol=1e-9, atol=0
    )
    np.testing.assert_allclose(entry["p_s_tetrahedra_per_p"]["mean"], 20 / 60 / 3, rtol=1e-12, atol=0)
    # Of three P, one is no longer as in the first frame from frame 20 on.
    np.testing.assert_allclose(entry["intact_fraction_error"], parts.std(ddof=1) / np.sqrt(10), rtol=1e-9, atol=0)
    np.testing.assert_allclose(entry["s2_dimers_per_s"]["mean"], 15 / 60 / 13, rtol=1e-12, atol=0)
    assert set(entry["bonds_per_atom"]) == {"P-S", "P-O", "P-P", "S-S"}
    headlines = {headline.quantity: headline for headline in result.headlines()}
    assert list(headlines) == [
        "intact share of P", "PS4 per P", "P-S bonds per P", "P-O bonds per P", "P-P bonds per P", "S2 dimers per S",
    ]  # fmt: skip
    assert headlines["P-O bonds per P"].error == found_["error"]
    # 12 bonds, of which one is gone in the last 35 frames.
    np.testing.assert_allclose(headlines["P-S bonds per P"].value, (12 - 35 / 60) / 3, rtol=1e-12, atol=0)


def test_without_phosphorus_or_sulfur_there_are_no_numbers_per_atom_of_them() -> None:
    result = found(trajectory(np.zeros((3, 2, 3)) + [[0, 0, 0], [3, 3, 3]], 10.0, ["Li", "F"]), mi.Chemistry())
    entry = content(result)
    assert (entry["p_s_tetrahedra_per_p"], entry["s2_dimers_per_s"], entry["bonds_per_atom"]) == (None, None, {})
    assert result.headlines() == []


def coated(n_layers: int, start_ps: float | None = None) -> mi.TrajectoryReader:
    """Sixteen PS4, of which eight lose an S in frame 5, beside a coating of some layers of sixteen PO4."""
    square = np.array([[8.0 * i, 8.0 * j, 0.0] for i in range(4) for j in range(4)]) + 4.0
    broken = np.vstack([ps4(center) for center in square])
    intact = [center + 1.54 / 2.05 * (ps4(center) - center) for center in square]
    coating = [unit + [0.0, 0.0, 8.0 * (k + 1)] for k in range(n_layers) for unit in intact]
    path = np.repeat(np.vstack([broken, *coating])[None], 40, axis=0)
    path[5:, 1:40:5] += 2.0 * CORNERS[0]
    symbols = ["P", "S", "S", "S", "S"] * 16 + ["P", "O", "O", "O", "O"] * (16 * n_layers)
    layers = ["electrolyte"] * 80 + ["coating"] * (80 * n_layers)
    reader = trajectory(path, np.array([32.0, 32.0, 16.0 + 8.0 * n_layers]), symbols, 1.0, layers=layers)
    return replace(reader, start_ps=start_ps)


@pytest.mark.parametrize("where", [{"outside_layer": "coating"}, {"layer": "electrolyte"}])
@pytest.mark.parametrize("n_layers", [0, 1, 2, 4])
def test_what_the_electrolyte_loses_does_not_depend_on_the_units_of_the_coating(
    n_layers: int, where: dict[str, str]
) -> None:
    entry = content(found(coated(n_layers), mi.Chemistry(**where)))
    # 35 of 40 frames have eight of sixteen units broken, each with three of its four S.
    np.testing.assert_allclose(entry["intact_fraction"], 1.0 - 0.5 * 35 / 40, rtol=1e-12, atol=0)
    np.testing.assert_allclose(entry["p_s_tetrahedra_per_p"]["mean"], 1.0 - 0.5 * 35 / 40, rtol=1e-12, atol=0)
    np.testing.assert_allclose(entry["bonds_per_atom"]["P-S"]["mean"], 4.0 - 0.5 * 35 / 40, rtol=1e-12, atol=0)
    assert entry["bonds_per_atom_initial"]["P-S"] == 4.0
    assert entry["bonds_per_atom"].get("P-O", {"mean": 0.0})["mean"] == 0.0
    assert (entry["n_centers"], entry["n_phosphorus"]) == (16, 16)
    assert set(entry["p_s_units"]) == {"PS4", "PS3"}
    everywhere = content(found(coated(n_layers), mi.Chemistry()))
    np.testing.assert_allclose(1.0 - everywhere["intact_fraction"], 0.4375 / (1 + n_layers), rtol=1e-12, atol=0)
    if n_layers:
        own = content(found(coated(n_layers), mi.Chemistry(layer="coating")))
        assert (own["n_centers"], own["intact_fraction"], own["p_s_units"]) == (
            16 * n_layers, 1.0, {"PO4": 16.0 * n_layers},
        )  # fmt: skip


def test_bonds_between_atoms_of_one_element_count_where_either_started_there() -> None:
    path = np.repeat(np.array([[4.0, 4, 4], [6, 4, 4], [12, 4, 4], [14, 4, 4]])[None], 20, axis=0)
    layers = ["coating", "electrolyte", "coating", "coating"]
    reader = trajectory(path, 20.0, ["S"] * 4, 0.1, layers=layers)
    of = {
        where: content(found(reader, mi.Chemistry(**{where: "coating"})))["bonds"]["S-S"]
        for where in ("layer", "outside_layer")
    }
    assert of == {"layer": 2.0, "outside_layer": 1.0}


@pytest.mark.parametrize(
    ("settings", "layers", "sentence"),
    [
        ({"layer": "top"}, LAYERS, "There is no layer 'top'"),
        ({"outside_layer": "electrolyte"}, ["electrolyte"] * 17, "so that none is outside of it"),
        ({"outside_layer": "coating"}, None, "give `layers`"),
    ],
)
def test_layers_that_cannot_be_told_are_refused(settings: dict[str, str], layers: list[str], sentence: str) -> None:
    reader = trajectory(np.repeat(np.arange(51.0).reshape(1, 17, 3), 3, axis=0), LENGTH, SYMBOLS, layers=layers)
    with pytest.raises(AnalysisError, match=sentence):
        found(reader, mi.Chemistry(**settings))


def test_both_choices_of_layers_are_refused() -> None:
    with pytest.raises(ValidationError, match="leave out one of them"):
        mi.Chemistry(layer="a", outside_layer="b")


def test_what_was_lost_before_the_time_analysed_is_lost() -> None:
    whole, late = (found(coated(0, start), mi.Chemistry()) for start in (None, 20.0))
    np.testing.assert_allclose(whole.intact[20:], late.intact, rtol=0, atol=0)
    entry = content(late)
    assert (entry["intact_fraction"], entry["reference_time_ps"], late.times_ps[0]) == (0.5, 0.0, 20.0)
    assert (entry["p_s_tetrahedra_initial"], entry["bonds_per_atom_initial"]["P-S"]) == (16, 4.0)
    assert "have the neighbours of the first frame of the file (0 ps)" in late.lines()[1]
    assert "of the first frame, mean" in whole.lines()[1]
