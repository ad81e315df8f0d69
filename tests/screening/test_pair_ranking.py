"""Ranking of pairs: an order that follows from stated criteria, numbers that are those of the kernels, gaps that are named."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.screening.maps.pair_table import all_batteries
from mlip_interfaces.screening.maps.potential_map import potential_map
from mlip_interfaces.screening.ranking.lattice_match import LEAST_WIDTH_ANGSTROM, Limits, best_match
from mlip_interfaces.screening.ranking.pair_ranking import Ranking, rank_materials
from mlip_interfaces.screening.ranking.priority import CRITERIA, criteria, place, standing
from mlip_interfaces.screening.solids.dictionary import load_dictionary
from mlip_interfaces.screening.solids.solids import LIBRARY_ROLES, default_names, solids
from mlip_interfaces.screening.transport.conductivities import load_conductivities
from mlip_interfaces.screening.windows.entries import load_entries
from mlip_interfaces.screening.windows.windows import mutual_reaction
from mlip_interfaces.shipped_files import shipped_materials
from mlip_interfaces.structures import SlabRequest, load_crystal, match_slabs, rank_matches
from mlip_interfaces.structures.crystals import LIBRARY

BARE = {"anode": [], "coating": []}
# Of Li-P-S as in the tests of windows (eV per formula unit); nothing of oxygen.
ENTRIES = """formula,energy_ev_per_formula_unit,uncertainty_ev_per_atom
Li,0,0.01
P,0,0.01
S,0,0.01
Li3P7,-3.51,0.01
LiP,-1.0386,0.01
Li3P,-2.7786,0.01
Li2S,-4.30,0.01
Li3PS4,-8.65,0.01
P2S5,-3.44,0.01
Co,0,0.01
"""


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    """Three electrolytes, one of them a crystal alone, and a cathode that the crystal library lacks."""
    names = {
        "cathode": ["LCO", "LNCO"],
        "anode": ["Li"],
        "electrolyte": ["LPS", "LLZO", "Li6PS5Cl"],
        "coating": ["LiF", "LPO"],
    }
    return rank_materials(names)


def numbers(rng: np.random.Generator) -> dict[str, float | None]:
    """Numbers of a made-up pair, one in four unknown, ties among them."""
    drawn = {
        "largest_barrier_v": rng.choice([0.1, 0.45, 0.9]), "beyond_window_v": rng.choice([0.0, 0.5]),
        "reaction_energy_ev_per_atom": rng.choice([-0.3, -0.1, 0.0]), "max_strain": rng.choice([0.01, 0.03, 0.04]),
        "n_atoms": rng.choice([80, 300, 420]), "conductivity_ms_per_cm": rng.choice([1e-6, 0.1, 5.0]),
    }  # fmt: skip
    return {key: None if rng.random() < 0.25 else float(value) for key, value in drawn.items()}


def comes_first(one: tuple[bool, dict[str, float | None]], other: tuple[bool, dict[str, float | None]]) -> bool | None:
    """The sentences of the rule one after the other; None for a tie. Bounds are written out."""
    bounds = {
        "largest_barrier_v": (-1, 0.45), "beyond_window_v": (-1, 0.0), "reaction_energy_ev_per_atom": (1, -0.1), "max_strain": (-1, 0.03),
        "n_atoms": (-1, 300), "conductivity_ms_per_cm": (1, 0.1),
    }  # fmt: skip
    if one[0] != other[0]:
        return one[0]
    counts = []
    for _, values in (one, other):
        known = {key: value for key, value in values.items() if value is not None}
        passed = sum(sign * known[key] >= sign * bound for key, (sign, bound) in bounds.items() if key in known)
        counts.append((passed, len(values) - len(known)))
    if counts[0][0] != counts[1][0]:
        return counts[0][0] > counts[1][0]
    if counts[0][1] != counts[1][1]:
        return counts[0][1] < counts[1][1]
    for key in ("largest_barrier_v", "n_atoms"):
        mine, its = (math.inf if values[key] is None else values[key] for _, values in (one, other))
        if mine != its:
            return bool(mine < its)
    return None


def test_the_order_is_what_the_rule_says() -> None:
    rng = np.random.default_rng(7)
    pairs = [(bool(rng.random() < 0.7), numbers(rng)) for _ in range(60)]
    seen = set()
    for one in pairs:
        for other in pairs:
            mine, its = (place(standing(values, CRITERIA), values, able) for able, values in (one, other))
            said = comes_first(one, other)
            seen.add(said)
            assert said == (None if mine == its else mine < its)
    assert seen == {True, False, None}


def test_a_bound_itself_passes_and_what_is_unknown_does_neither() -> None:
    values = {one.key: one.bound for one in CRITERIA}
    assert standing(values, CRITERIA).passed == tuple(one.name for one in CRITERIA)
    beyond = {one.key: one.bound + (1e-6 if one.side == "at most" else -1e-6) for one in CRITERIA}
    assert standing(beyond, CRITERIA).failed == tuple(one.name for one in CRITERIA)
    assert standing(dict.fromkeys(values), CRITERIA).unknown == tuple(one.name for one in CRITERIA)


def test_criteria_are_moved_and_left_out_by_name() -> None:
    kept = criteria({"strain": 0.01}, ["window", "reaction"])
    assert [one.name for one in kept] == ["barrier", "strain", "size", "conductivity"]
    assert next(one for one in kept if one.name == "strain").bound == 0.01
    with pytest.raises(InputFileError, match="no criterion 'wndow'; there are barrier, window"):
        criteria({}, ["wndow"])
    with pytest.raises(InputFileError, match="Every criterion is left out"):
        criteria({}, [one.name for one in CRITERIA])


def test_pairs_stand_in_the_order_of_the_rule_and_leaving_a_criterion_out_changes_it(ranking: Ranking) -> None:
    places = [place(standing(one.values, ranking.criteria), one.values, not one.cannot) for one in ranking.pairs]
    assert places == sorted(places)
    assert [one.rank for one in ranking.pairs] == list(range(1, len(ranking.pairs) + 1))
    names = {"cathode": ["LCO"], "electrolyte": ["LPS", "LLZO"], **BARE}
    both = [
        rank_materials(names, criteria=criteria({}, left_out)) for left_out in ([], ["size", "strain", "conductivity"])
    ]
    # LPS fits better and is narrower; the barrier of LLZO is the smaller one.
    assert [[one.name for one in found.pairs] for found in both] == [["LCO/LPS", "LCO/LLZO"], ["LCO/LLZO", "LCO/LPS"]]


def test_steps_are_those_of_the_potential_maps(ranking: Ranking) -> None:
    dictionary = load_dictionary()
    maps = {
        (one.cathode, one.layers[0].name, one.soc): one.delta_phi_cathode_v for one in all_batteries(dictionary, "Li")
    }
    found = {
        (*one.solids, step.soc): step.delta_phi_v
        for one in ranking.pairs
        if one.kind == "cathode"
        for step in one.steps
    }
    assert set(found) == {(c, e, soc) for c in ("LCO", "LNCO") for e in ("LPS", "LLZO") for soc in ("0", "100")}
    for key, step in found.items():
        assert step == pytest.approx(maps[key], rel=0, abs=5e-5)
    charged = next(step for step in ranking.pair("LCO/LPS").steps if step.soc == "100")
    assert (charged.delta_phi_v, charged.barrier_to) == (pytest.approx(-1.02, rel=0, abs=0.03), "charge")


def test_the_step_at_the_anode_is_that_of_every_battery(ranking: Ranking) -> None:
    (step,) = ranking.pair("LLZO/Li").steps
    # Section 3.2 of the paper: 1.62 V.
    assert step.delta_phi_v == pytest.approx(1.62, rel=0, abs=0.005)
    dictionary = load_dictionary()
    for one in all_batteries(dictionary, "Li"):
        if one.layers[0].name == "LLZO":
            assert one.delta_phi_anode_v == pytest.approx(step.delta_phi_v, rel=0, abs=5e-5)


def test_a_coated_cathode_has_the_larger_step_of_both_interfaces(ranking: Ranking) -> None:
    pair = next(one for one in ranking.pairs if one.name == "LCO/LPO/LPS")
    dictionary = load_dictionary()
    layers = [dictionary.electrolyte("LPS"), dictionary.electrolyte("LPO")]
    for step in pair.steps:
        battery = potential_map(dictionary.anode("Li"), layers, dictionary.cathode("LCO"), step.soc)
        assert abs(step.delta_phi_v) == pytest.approx(
            max(abs(one.delta_phi_v) for one in battery.steps[1:]), rel=0, abs=5e-5
        )
    assert pair.values["largest_barrier_v"] == max(abs(step.delta_phi_v) for step in pair.steps)


def test_overcharged_states_are_shown_and_do_not_count(tmp_path: Path) -> None:
    # Without a crystal, so that none is fitted.
    garnet = tmp_path / "garnet.yaml"
    text = (shipped_materials() / "LLZO.yaml").read_text()
    garnet.write_text(
        text.replace("name: LLZO", "name: garnet").replace("formula: Li7La3Zr2O12", "formula: Li5La3Ta2O12")
    )
    (pair,) = rank_materials({"cathode": ["LMO"], "electrolyte": ["garnet"], **BARE}, materials=[garnet]).pairs
    steps = {step.soc: abs(step.delta_phi_v) for step in pair.steps}
    assert steps["+"] > pair.values["largest_barrier_v"] == max(steps["0"], steps["100"])
    # The overcharged state has the lower voltage here; the charged one counts: 3.98 V against 2.91 V.
    assert pair.values["beyond_window_v"] == pytest.approx(1.07, rel=0, abs=1e-9)


def test_how_far_electrodes_are_beyond_windows(ranking: Ranking) -> None:
    beyond = {one.name: one.values["beyond_window_v"] for one in ranking.pairs}
    # Windows of the dictionary: LPS 1.74 to 2.32 V, LLZO 0 to 2.91 V, LPO 0.69 to 4.21 V; LCO charged 4.21 V.
    assert beyond["LCO/LPS"] == pytest.approx(1.89, rel=0, abs=1e-9)
    assert beyond["LPS/Li"] == pytest.approx(1.74, rel=0, abs=1e-9)
    assert beyond["LLZO/Li"] == 0.0
    assert beyond["LCO/LPO/LPS"] == 0.0
    assert beyond["LCO/Li6PS5Cl"] is None
    assert beyond["LCO/LiF/LPS"] is None


def test_a_coating_whose_window_begins_above_the_electrolytes_leaves_a_gap(tmp_path: Path) -> None:
    high = tmp_path / "high.yaml"
    high.write_text(
        "kind: electrolyte\nname: High\nformula: LiCl\nreduction_limit_v: 3.0\noxidation_limit_v: 4.5\nionisation_potential_ev: 8\n"
        "band_gap_ev: 8\nfermi_level: {voltage_v: [3.0, 4.5], above_vbm_ev: [3.0, 1.5]}\n"
    )
    names = {"cathode": ["LCO"], "anode": [], "electrolyte": ["LPS"], "coating": ["High"]}
    found = rank_materials(names, materials=[high])
    coated = next(one for one in found.pairs if one.kind == "coated")
    assert coated.values["beyond_window_v"] == pytest.approx(3.0 - 2.32, rel=0, abs=1e-9)


@pytest.fixture(scope="module")
def with_entries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ranking, Path]:
    table = tmp_path_factory.mktemp("entries") / "entries.csv"
    table.write_text(ENTRIES)
    names = {"cathode": ["LCO"], "anode": ["Li"], "electrolyte": ["LPS"], "coating": []}
    return rank_materials(names, entries=table), table


def test_windows_and_reactions_are_those_of_the_entries(with_entries: tuple[Ranking, Path]) -> None:
    found, table = with_entries
    pair = found.pair("LPS/Li")
    (window,) = pair.windows
    # As in the tests of windows, from the same energies.
    assert (window.lower_v, window.upper_v) == (
        pytest.approx(1.71, rel=0, abs=1e-6),
        pytest.approx(2.31, rel=0, abs=1e-6),
    )
    assert window.source == "entries"
    assert 0.005 < (window.lower_error_v or 0.0) < 0.2
    assert pair.values["beyond_window_v"] == window.lower_v
    kinks = mutual_reaction(load_entries(table).phases, "Li3PS4", "Li")
    assert pair.reaction is not None
    assert pair.reaction.energy_ev_per_atom == min(one.energy_ev_per_atom for one in kinks)
    # Li3PS4 + 8 Li -> Li3P + 4 Li2S: 4 x 4.30 + 2.7786 - 8.65 eV over 16 atoms.
    assert pair.reaction.energy_ev_per_atom == pytest.approx(-11.3286 / 16, rel=1e-9, abs=0)
    assert "Li2S" in pair.reaction.reaction
    assert "reaction" in pair.failed


def test_what_the_entries_lack_is_said_and_stays_unknown(with_entries: tuple[Ranking, Path]) -> None:
    found, _ = with_entries
    pair = found.pair("LCO/LPS")
    assert pair.reaction is None
    assert pair.values["reaction_energy_ev_per_atom"] is None
    assert any("No reaction of LiCoO2 with Li3PS4" in note and "No entry has O" in note for note in found.notes)


def test_reactions_of_a_cathode_are_looked_for_closed_and_at_its_voltage(tmp_path: Path) -> None:
    table = tmp_path / "entries.csv"
    table.write_text(
        ENTRIES + "O,0,0\nLiCoO2,-7.0,0\nCo3O4,-9.5,0\nLi3PO4,-21.5,0\nLi2O,-6.2,0\nCoO,-2.5,0\nCoS,-1.0,0\n"
    )
    (pair,) = rank_materials({"cathode": ["LCO"], "electrolyte": ["LPS"], **BARE}, entries=table).pairs
    phases = load_entries(table).phases
    lowest = {
        at: min(one.energy_ev_per_atom for one in mutual_reaction(phases, "LiCoO2", "Li3PS4", "Li", at))
        for at in (None, 4.21)
    }
    assert pair.reaction is not None
    assert pair.reaction.energy_ev_per_atom == min(value for value in lowest.values())
    assert lowest[4.21] < lowest[None]
    assert pair.reaction.condition == "Li at 4.21 V"


def test_conductivities_are_looked_up_by_name_and_formula(ranking: Ranking, tmp_path: Path) -> None:
    measured = {one.name: one.values["conductivity_ms_per_cm"] for one in ranking.pairs}
    assert measured["LCO/Li6PS5Cl"] == 1.3
    assert measured["LPS/Li"] == measured["LCO/LiF/LPS"] == 0.16
    assert "LiCl" not in load_conductivities()
    own = tmp_path / "own.csv"
    own.write_text("material,conductivity_ms_per_cm,temperature_kelvin,form,source\nLi3PS4,0.5,300,glass,own\n")
    assert load_conductivities(own)["Li3PS4"].conductivity_ms_per_cm == 0.5
    assert load_conductivities(own)["Li6PS5Cl"].conductivity_ms_per_cm == 1.3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Li3PS4,-1,300,glass,own", "line 2: conductivity_ms_per_cm is '-1'"),
        ("Li3PS4,1,warm,glass,own", "line 2: temperature_kelvin is 'warm'"),
        ("Li3PS4,1,300,glass,", "line 2: Li3PS4 has no source"),
        (",1,300,glass,own", "line 2 names no material"),
        ("Li3PS4,1,300,glass,own\n# again\nLi3PS4,1,300,glass,own", "line 4: Li3PS4 stands twice"),
    ],
)
def test_a_wrong_table_of_conductivities_is_a_sentence(row: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(f"material,conductivity_ms_per_cm,temperature_kelvin,form,source\n{row}\n")
    with pytest.raises(InputFileError, match=said):
        load_conductivities(file)
    file.write_text("formula,sigma\nLi3PS4,1\n")
    with pytest.raises(InputFileError, match="the first line must be material,"):
        load_conductivities(file)


def test_a_solid_without_a_crystal_is_named_and_cannot_be_simulated(ranking: Ranking) -> None:
    sentence = "LNCO (Li2NiCoO4) is in the dictionary and not in the crystal library"
    assert sum(note.startswith(sentence) for note in ranking.notes) == 1
    pairs = [one for one in ranking.pairs if "LNCO" in one.solids and "LPO" not in one.solids]
    assert pairs
    assert all(one.cannot.startswith(sentence) and one.match is None for one in pairs)
    assert next(one for one in pairs if one.name == "LNCO/LPS").steps
    with pytest.raises(InputFileError, match="No study of LNCO/LPS can be written"):
        ranking.pair("LNCO/LPS")


def test_a_pair_is_found_by_its_name_as_people_write_it(ranking: Ranking) -> None:
    assert ranking.pair("LCO | LPS").name == ranking.pair("LCO/LPS").name == "LCO/LPS"
    assert ranking.pair("first") == ranking.pairs[0]
    with pytest.raises(InputFileError, match="There is no pair 'LCO/LXS' among the"):
        ranking.pair("LCO/LXS")


def test_only_the_glass_that_is_shipped_coats(ranking: Ranking) -> None:
    assert ranking.pair("LCO/LiF/LPS").match == ranking.pair("LCO/LPS").match
    bare, coated = (ranking.pair(name).values["n_atoms"] for name in ("LCO/LPS", "LCO/LiF/LPS"))
    match = ranking.pair("LCO/LPS").match
    assert match is not None
    assert coated is not None
    assert bare is not None
    # 5 angstrom of LiF with 2.45 g/cm3: 6.02214e23 x 2.45 / 25.939 whole units per cm3.
    assert coated - bare == 2 * round(5.0 * match.area_angstrom2 * 0.056879)
    with pytest.raises(InputFileError, match="An amorphous layer of LPO needs a potential"):
        ranking.pair("LCO/LPO/LPS")


@pytest.mark.parametrize(
    ("lower", "upper", "thicknesses", "n_atoms"),
    [
        ("Li6PS5Cl", "Li", (8.0, 10.0), 116),
        # Here the smallest model is not the one with the smallest estimate from densities.
        ("LiCoO2", "Li7P3S11", (6.0, 8.0), 260),
        ("LiNiO2", "Li7La3Zr2O12", (6.0, 8.0), 324),
    ],
)
def test_the_match_is_the_best_of_all_that_fit(
    lower: str, upper: str, thicknesses: tuple[float, float], n_atoms: int
) -> None:
    found = best_match(lower, upper, thicknesses, Limits())
    tried = []
    for one in rank_matches(lower, upper, max_area_angstrom2=250.0, max_strain=0.04, primitive=True):
        requests = [
            SlabRequest(lower, one.substrate_miller, thicknesses[0], stoichiometric=True),
            SlabRequest(upper, one.film_miller, thicknesses[1], stoichiometric=True),
        ]
        try:
            stack = match_slabs(requests, max_area_angstrom2=250.0, max_strain=0.04, primitive=True)
        except StructureError:
            continue
        a, b = np.asarray(stack.slabs[0].cell)[:2, :2]
        area = abs(np.linalg.det([a, b]))
        repeat = [math.ceil(LEAST_WIDTH_ANGSTROM / (area / np.linalg.norm(side)) - 1e-9) for side in (b, a)]
        size = sum(map(len, stack.slabs)) * repeat[0] * repeat[1]
        is_polar = any(abs(end.dipole_e_per_angstrom) > 1e-3 for end in stack.terminations)
        strain = max(side.max_strain for side in stack.strains)
        tried.append((is_polar, size, one.substrate_miller, one.film_miller, strain))
    best = min(tried)
    assert (found.is_polar, found.n_atoms) == best[:2]
    assert found.n_atoms == n_atoms
    assert (*found.millers, found.max_strain) in [one[2:] for one in tried if one[:2] == best[:2]]
    assert found.n_atoms in (found.lateral_repeat[0] * found.lateral_repeat[1] * np.arange(1, 400)).tolist()
    for width, times in zip(found.widths_angstrom, found.lateral_repeat, strict=True):
        assert width * times >= LEAST_WIDTH_ANGSTROM - 1e-9


def test_a_coating_has_the_atoms_that_it_is_built_with() -> None:
    names = {"cathode": ["LNO"], "anode": [], "electrolyte": ["LPS"], "coating": ["LiF"]}
    found = {one.name: one.values["n_atoms"] for one in rank_materials(names).pairs}
    # 5 angstrom on a cell of 189 angstrom2 hold 53.6 units of LiF: 54 are built.
    assert found == {"LNO/LPS": 192, "LNO/LiF/LPS": 300}


def test_crystals_that_do_not_fit_say_why() -> None:
    with pytest.raises(StructureError, match="share a lateral cell of at most 30 angstrom"):
        best_match("LiCoO2", "Li6PS5Cl", (6.0, 8.0), Limits(30.0, 0.01))


def test_every_crystal_of_the_library_has_a_role_or_is_a_product() -> None:
    assert set(LIBRARY_ROLES) == set(LIBRARY)


def test_the_default_lists_are_the_dictionary_and_what_the_library_adds() -> None:
    dictionary = load_dictionary()
    assert default_names(dictionary, "cathode") == ("LCO", "LNO", "LNCO", "LMO", "LNMO")
    assert default_names(dictionary, "anode") == ("Li",)
    added = ("Li6PS5Cl", "Li7P3S11", "Li3OCl", "Li3OBr")
    assert default_names(dictionary, "electrolyte") == ("LiPON", "LPO", "LLZO", "LPS", *added)
    assert default_names(dictionary, "coating") == ("LiF", "LiCl", "LPO", "LiPON")
    found = solids(default_names(dictionary, "electrolyte"), "electrolyte", dictionary)
    assert [one.crystal for one in found[:4]] == ["Li2PO2N", "gamma-Li3PO4", "Li7La3Zr2O12", "beta-Li3PS4"]


def test_a_crystal_is_given_for_a_solid_of_the_dictionary(tmp_path: Path) -> None:
    dictionary = load_dictionary()
    (found,) = solids(["LPS"], "electrolyte", dictionary, {"LPS": "gamma-Li3PS4"})
    assert found.crystal == "gamma-Li3PS4"
    with pytest.raises(StructureError, match="the crystal is LiF, and LPS is Li3PS4"):
        solids(["LPS"], "electrolyte", dictionary, {"LPS": "LiF"})
    with pytest.raises(InputFileError, match="neither a crystal of the library nor a file"):
        solids(["LPS"], "electrolyte", dictionary, {"LPS": "nowhere.cif"})
    with pytest.raises(InputFileError, match="--crystal LLZO: no solid of the dictionary that is ranked"):
        rank_materials({"cathode": ["LCO"], "electrolyte": ["LPS"], **BARE}, crystals={"LLZO": "Li7La3Zr2O12"})
    file = tmp_path / "own glass.cif"
    load_crystal("Li3OCl").write(file)
    (own,) = solids([str(file)], "electrolyte", dictionary)
    assert (own.name, own.formula, own.levels) == ("own glass", "Li3ClO", None)
    with pytest.raises(InputFileError, match="There is no electrolyte 'LSP'"):
        solids(["LSP"], "electrolyte", dictionary)
    with pytest.raises(InputFileError, match="Two of the electrolytes are called LPS"):
        solids(["LPS", "LPS"], "electrolyte", dictionary)


def test_nothing_to_pair_is_a_sentence() -> None:
    with pytest.raises(InputFileError, match="There is no pair"):
        rank_materials({"cathode": [], "electrolyte": ["LPS"], **BARE})


def test_none_that_can_be_simulated_is_a_sentence() -> None:
    found = rank_materials({"cathode": ["LNCO"], "electrolyte": ["LPS"], **BARE})
    with pytest.raises(InputFileError, match="None of these pairs can be simulated"):
        found.pair("first")


def test_a_ranking_is_written_and_read_back(ranking: Ranking, tmp_path: Path) -> None:
    assert Ranking.from_json(ranking.to_json(), tmp_path / "ranking.json") == ranking
    assert dataclasses.replace(ranking, pairs=ranking.pairs[:1]).to_json()["pairs"] != ranking.to_json()["pairs"]
