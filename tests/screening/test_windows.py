"""Electrochemical windows: cases by hand, published plateaus, linear programs and pymatgen as other ways to the same numbers."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition, Element

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.windows.compounds import Phase, make_phase
from mlip_interfaces.screening.windows.windows import (
    electrochemical_window,
    mutual_reaction,
    potential_range,
    window_errors,
)

LI_P_S = {
    "Li": 0.0, "P": 0.0, "S": 0.0, "Li3P7": -3.51, "LiP": -1.0386, "Li3P": -2.7786, "Li2S": -4.30, "Li3PS4": -8.65, "P2S5": -3.44,
}  # fmt: skip
"""eV per formula unit: energies that give the plateaus of Li3PS4 in Y. Zhu, X. He, Y. Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015)."""
SYNTHETIC = {"Li": -1.9, "P": -5.4, "S": -4.1, "Co": -7.0, "O": -4.9}
FORMATION = {"Li2S": -1.4, "Li3P": -0.9, "P2S5": -0.3, "Li3PS4": -0.95, "Co3O4": -1.3}
"""eV/atom: the made-up set of the package interface_stability (group of Y. Mo, MIT licence); hull at Li3PS4 without it -0.91875 eV/atom."""


def phases_of(energies: dict[str, float]) -> list[Phase]:
    return [make_phase(formula, energy, per_atom=False) for formula, energy in energies.items()]


def synthetic() -> list[Phase]:
    found = [make_phase(symbol, energy, per_atom=True) for symbol, energy in SYNTHETIC.items()]
    for formula, energy in FORMATION.items():
        amounts = Composition(formula).fractional_composition
        mixed = sum(SYNTHETIC[element.symbol] * share for element, share in amounts.items())
        found.append(make_phase(formula, energy + mixed, per_atom=True))
    return found


def random_system(elements: tuple[str, ...], n_phases: int, seed: int) -> list[Phase]:
    random = np.random.default_rng(seed)
    found = [make_phase(symbol, float(random.uniform(-8, -1)), per_atom=True) for symbol in elements]
    reference = {one.formula: one.energy_ev_per_atom for one in found}
    while len(found) < n_phases:
        chosen = random.choice(elements, size=int(random.integers(2, min(4, len(elements)) + 1)), replace=False)
        amounts = {str(symbol): int(random.integers(1, 9)) for symbol in chosen}
        total = sum(amounts.values())
        mean = sum(reference[symbol] * number for symbol, number in amounts.items()) / total
        formula = "".join(f"{symbol}{number}" for symbol, number in amounts.items())
        found.append(make_phase(formula, mean - float(random.uniform(0.0, 1.5)), per_atom=True))
    return found


def test_published_plateaus_of_li3ps4() -> None:
    """Y. Zhu, X. He, Y. Mo (2015): 0.87, 0.94, 1.17, 1.71 and 2.31 V."""
    window = electrochemical_window(phases_of(LI_P_S), "Li3PS4")
    assert (window.lower_v, window.upper_v) == pytest.approx((1.71, 2.31), abs=1e-9)
    np.testing.assert_allclose([one.voltage_v for one in window.plateaus], [0.87, 0.94005, 1.17, 1.71, 2.31], rtol=1e-6)
    assert [one.reaction for one in window.plateaus] == [
        "Li3PS4 + 8 Li -> 4 Li2S + Li3P",
        "Li3PS4 + 6 Li -> 4 Li2S + LiP",
        "Li3PS4 + 38/7 Li -> 4 Li2S + 1/7 Li3P7",
        "Li3PS4 + 5 Li -> 4 Li2S + P",
        "Li3PS4 -> 1/2 P2S5 + 3/2 S + 3 Li",
    ]
    assert [one.kind for one in window.plateaus] == ["reduction"] * 4 + ["oxidation"]
    assert window.hull_distance_ev_per_atom == 0.0
    assert [one.products for one in window.stages if one.from_v < 2.0 < (one.to_v or 9.0)] == [(("Li3PS4", 1.0),)]


def test_uptake_of_the_stages_is_counted_by_hand() -> None:
    window = electrochemical_window(phases_of(LI_P_S), "Li3PS4")
    uptakes = [one.uptake_per_formula for one in window.stages]
    np.testing.assert_allclose(uptakes, [8.0, 6.0, 3 / 7 + 5.0, 5.0, 0.0, -3.0], rtol=1e-9, atol=1e-9)
    ends = [(one.from_v, one.to_v) for one in window.stages]
    assert ends[0][0] == 0.0
    assert ends[-1][1] is None
    assert all(earlier[1] == later[0] for earlier, later in zip(ends, ends[1:], strict=False))


def test_binary_by_hand() -> None:
    """2 Li + S -> Li2S gives -4.3 eV for two ions: 2.15 V; with LiS at -3 eV the last Li leaves Li2S at 1.3 V, and LiS at 3 V."""
    phases = phases_of({"Li": 0.0, "S": 0.0, "Li2S": -4.3})
    window = electrochemical_window(phases, "Li2S")
    assert (window.lower_v, window.upper_v) == pytest.approx((0.0, 2.15), rel=1e-6, abs=1e-12)
    window = electrochemical_window([*phases, make_phase("LiS", -3.0, per_atom=False)], "LiS")
    assert (window.lower_v, window.upper_v) == pytest.approx((1.3, 3.0), rel=1e-6, abs=1e-12)
    assert [one.reaction for one in window.plateaus] == ["LiS + Li -> Li2S", "LiS -> S + Li"]


def test_voltages_are_against_the_metal_and_chemical_potentials_absolute() -> None:
    shifts = {"Li": -1.9, "P": -5.4, "S": -4.1}
    moved = [
        dataclasses.replace(
            one,
            energy_ev_per_atom=one.energy_ev_per_atom + sum(shifts[symbol] * number for symbol, number in one.amounts) / one.n_atoms,
        )
        for one in phases_of(LI_P_S)
    ]  # fmt: skip
    window = electrochemical_window(moved, "Li3PS4")
    assert (window.lower_v, window.upper_v) == pytest.approx((1.71, 2.31), abs=1e-9)
    assert window.chemical_potential_ev(0.0) == pytest.approx(-1.9, rel=1e-6, abs=1e-12)
    assert window.chemical_potential_ev(1.71) == pytest.approx(-3.61, rel=1e-6, abs=1e-12)


def test_two_charges_halve_the_voltage() -> None:
    window = electrochemical_window(phases_of({"Mg": 0.0, "S": 0.0, "MgS": -3.6}), "MgS", "Mg")
    assert window.upper_v == pytest.approx(1.8, rel=1e-6, abs=1e-12)


def test_lithium_free_composition_has_no_upper_end() -> None:
    window = electrochemical_window(phases_of(LI_P_S), "P2S5")
    assert window.upper_v is None
    assert window.lower_v > 0.0
    assert all(one.kind == "reduction" for one in window.plateaus)


def test_decomposition_energy_is_that_of_the_reaction() -> None:
    window = electrochemical_window(phases_of(LI_P_S), "Li3PS4")
    at_metal, inside, above = window.decomposition_ev_per_atom([0.0, 2.0, 3.31])
    assert at_metal == pytest.approx((4 * -4.30 - 2.7786 + 8.65) / 8, rel=1e-6, abs=1e-12)
    assert inside == 0.0
    assert above == pytest.approx(-3.0 / 8, rel=1e-6, abs=1e-12)


def test_metastable_composition_has_a_distance_and_never_a_negative_window() -> None:
    phases = [*phases_of(LI_P_S), make_phase("Li7P3S11", -21.0, per_atom=False)]
    window = electrochemical_window(phases, "Li7P3S11")
    hull = (7 * -8.65 - 3.44) / 3
    assert window.hull_distance_ev_per_atom == pytest.approx((-21.0 - hull) / 21, rel=1e-6, abs=1e-12)
    assert window.upper_v is not None
    assert 0.0 < window.lower_v < window.upper_v
    assert "metastable, 0.0157 eV/atom above the hull (7/3 Li3PS4 + 1/3 P2S5 is lower)" in window.notes[0]
    assert window.decomposition_ev_per_atom(2.2)[0] == pytest.approx(-(-21.0 - hull) / 21, rel=1e-6, abs=1e-12)


def test_composition_without_an_entry_says_so() -> None:
    window = electrochemical_window(phases_of(LI_P_S), "Li7P3S11")
    assert window.hull_distance_ev_per_atom is None
    assert window.notes[0].startswith("The entries have no Li7P3S11")


def test_composition_inside_a_triangle_has_no_width() -> None:
    window = electrochemical_window(phases_of(LI_P_S), "Li4PS4")
    assert window.upper_v == pytest.approx(window.lower_v, rel=1e-6, abs=1e-12)
    assert window.upper_v is not None
    assert window.upper_v >= window.lower_v
    assert "no width" in window.notes[-1]


def test_synthetic_set_of_another_package() -> None:
    phases = synthetic()
    without = [one for one in phases if one.formula != "Li3PS4"]
    products = electrochemical_window(without, "Li3PS4").products
    energy = {one.formula: one.energy_ev_per_atom * one.n_atoms for one in phases}
    elements = (3 * -1.9 - 5.4 + 4 * -4.1) / 8
    assert sum(energy[name] * units for name, units in products) / 8 - elements == pytest.approx(-0.91875, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_windows_of_random_systems_agree_with_two_other_ways(seed: int) -> None:
    """Linear programs, and the element profile of pymatgen with absolute energies; no window is negative."""
    elements = ("Li", "O", "P", "S")
    phases = random_system(elements, 25, seed)
    entries = [PDEntry(Composition(dict(one.amounts)), one.energy_ev_per_atom * one.n_atoms) for one in phases]
    diagram = PhaseDiagram(entries)
    counts = [[dict(one.amounts).get(symbol, 0.0) for symbol in elements] for one in phases]
    energies = [one.energy_ev_per_atom * one.n_atoms for one in phases]
    metal = phases[0].energy_ev_per_atom
    for phase in [one for one in phases if one.elements > {"Li"}][:6]:
        window = electrochemical_window(phases, phase.formula)
        target = [dict(phase.amounts).get(symbol, 0.0) for symbol in elements]
        low, high, hull = potential_range(counts, [energies], target, 0)
        assert window.lower_v == pytest.approx(metal - high[0], abs=1e-5)
        assert window.upper_v == pytest.approx(metal - low[0], abs=1e-5)
        assert window.upper_v is not None
        assert window.upper_v >= window.lower_v >= 0.0
        above = phase.energy_ev_per_atom - hull[0] / phase.n_atoms
        assert window.hull_distance_ev_per_atom == pytest.approx(max(above, 0.0), abs=2e-6)
        profile = diagram.get_element_profile(Element("Li"), Composition(dict(phase.amounts)))
        theirs = {round(metal - step["chempot"], 5) for step in profile}
        ours = {round(one.from_v, 5) for one in window.stages}
        assert {one for one in ours if all(abs(one - other) > 2e-5 for other in theirs)} <= {round(window.lower_v, 5)}
        assert all(min(abs(one - other) for other in ours) < 2e-5 for one in theirs)


@pytest.mark.parametrize("voltage", [None, 0.4, 2.0])
def test_mutual_reactions_lie_on_the_hull_of_linear_programs(voltage: float | None) -> None:
    """Each kink's energy from the dual program of the mixture; open lithium is a free source at its chemical potential."""
    elements = ("Li", "O", "P", "S")
    phases = random_system(elements, 25, 3)
    first, second = [one for one in phases if "Li" in one.elements and len(one.elements) > 1][:2]
    counts = np.array([[dict(one.amounts).get(symbol, 0.0) for symbol in elements] for one in phases])
    energies = np.array([one.energy_ev_per_atom * one.n_atoms for one in phases])
    own, other = (
        np.array([dict(one.amounts).get(symbol, 0.0) for symbol in elements]) / one.n_atoms for one in (first, second)
    )

    def hull(amounts: np.ndarray) -> float:
        if voltage is None:
            return float(potential_range(counts, [energies], amounts, 0)[2][0])
        mu = phases[0].energy_ev_per_atom - voltage
        keep = counts[:, 1:].sum(axis=1) > 0
        open_energies = energies - mu * counts[:, 0]
        return float(potential_range(counts[keep, 1:], [open_energies[keep]], amounts[1:], 0)[2][0])

    def grand(amounts: np.ndarray) -> float:
        energy = float(potential_range(counts, [energies], amounts, 0)[2][0])
        return energy if voltage is None else energy - (phases[0].energy_ev_per_atom - voltage) * amounts[0]

    kinks = mutual_reaction(phases, first.formula, second.formula, "Li", voltage)
    assert [kinks[0].fraction, kinks[-1].fraction] == pytest.approx([0.0, 1.0], rel=1e-6, abs=1e-12)
    for kink in kinks:
        mixture = kink.fraction * own + (1.0 - kink.fraction) * other
        reaction = hull(mixture) - kink.fraction * grand(own) - (1.0 - kink.fraction) * grand(other)
        atoms = mixture.sum() if voltage is None else mixture[1:].sum()
        assert kink.energy_ev_per_atom == pytest.approx(reaction / atoms, abs=1e-6)
        assert "->" in kink.reaction


def test_error_of_a_binary_is_the_propagated_one() -> None:
    """V = (2 E(Li) + E(S) - E(Li2S))/2 for energies per formula unit."""
    phases = phases_of({"Li": 0.0, "S": 0.0, "Li2S": -4.3})
    errors = window_errors(phases, "Li2S", uncertainty_ev_per_atom=0.02, n_samples=4000, seed=1)
    sigma = 0.5 * 0.02 * np.sqrt(2.0**2 + 1.0 + 3.0**2)
    assert errors.upper_error_v == pytest.approx(sigma, rel=5.0 / np.sqrt(2 * 4000), abs=0)
    assert errors.upper_interval_v is not None
    half = 0.5 * (errors.upper_interval_v[1] - errors.upper_interval_v[0])
    assert half == pytest.approx(1.96 * sigma, rel=0.08, abs=0)
    assert errors.lower_interval_v == (0.0, 0.0)


def test_intervals_cover_the_true_window() -> None:
    """Of 120 sets of energies that are wrong by the stated error, 95 % of the intervals hold the true ends (bound: 3.5 sigma)."""
    true = phases_of(LI_P_S)
    random = np.random.default_rng(7)
    held = np.zeros(2)
    n_trials, error = 120, 0.008
    for trial in range(n_trials):
        given = [
            dataclasses.replace(
                one, energy_ev_per_atom=one.energy_ev_per_atom + error * float(random.standard_normal())
            )
            for one in true
        ]
        found = window_errors(given, "Li3PS4", uncertainty_ev_per_atom=error, n_samples=120, seed=trial)
        assert found.upper_interval_v is not None
        for end, (interval, value) in enumerate([(found.lower_interval_v, 1.71), (found.upper_interval_v, 2.31)]):
            held[end] += interval[0] <= value <= interval[1]
    bound = 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / n_trials)
    assert (held / n_trials >= bound).all(), held / n_trials


def test_own_uncertainty_of_a_phase_comes_before_the_common_one() -> None:
    phases = [dataclasses.replace(one, uncertainty_ev_per_atom=0.0) for one in phases_of(LI_P_S)]
    errors = window_errors(phases, "Li3PS4", uncertainty_ev_per_atom=0.1, n_samples=20)
    assert errors.lower_interval_v == pytest.approx((1.71, 1.71), abs=1e-5)
    assert errors.stable_fraction == 1.0


@pytest.mark.parametrize(
    ("left_out", "composition", "open_element", "sentence"),
    [
        ("Li", "Li3PS4", "Li", "There is no entry of Li alone; add the energy of the element: the voltage has no zero without it."),
        ("S", "Li3PS4", "Li", "There is no entry of S alone"),
        ("", "LiCoO2", "Li", "No entry has Co; add entries of its compounds"),
        ("", "Li", "Li", "Li has nothing but Li, the open element"),
        ("", "Li3PS4", "P", "'P' cannot be the open element"),
        ("", "Xx2", "Li", "'Xx2' is neither a chemical formula"),
    ],
)  # fmt: skip
def test_what_is_missing_is_a_sentence(left_out: str, composition: str, open_element: str, sentence: str) -> None:
    phases = phases_of({name: energy for name, energy in LI_P_S.items() if name != left_out})
    with pytest.raises(InputFileError) as caught:
        electrochemical_window(phases, composition, open_element)
    assert sentence in str(caught.value)


def test_impossible_energies_are_refused_by_name() -> None:
    phases = [*phases_of(LI_P_S), make_phase("Li4P2S6", -25.0 * 12, per_atom=False, name="mp-1")]
    with pytest.raises(InputFileError, match=r"mp-1: Li2PS3 has the formation energy -25.0 eV/atom"):
        electrochemical_window(phases, "Li3PS4")


def test_stable_entries_of_the_open_element_alone_do_no_harm() -> None:
    phases = [*phases_of(LI_P_S), make_phase("Li2", 0.3, per_atom=True)]
    assert electrochemical_window(phases, "Li3PS4").lower_v == pytest.approx(1.71, rel=1e-6, abs=1e-12)
    assert mutual_reaction(phases, "Li3PS4", "Li", "Li")[0].fraction == 0.0
    with pytest.raises(InputFileError, match="Li is the open element itself"):
        mutual_reaction(phases, "Li3PS4", "Li", "Li", 0.0)


def test_a_hundred_entries_take_seconds() -> None:
    phases = random_system(("Li", "Co", "O", "P", "S"), 100, 0)
    target = next(one for one in phases if len(one.elements) == 4 and "Li" in one.elements)
    start = time.process_time()
    electrochemical_window(phases, target.formula)
    window_errors(phases, target.formula, uncertainty_ev_per_atom=0.02, n_samples=200)
    assert time.process_time() - start < 20.0
