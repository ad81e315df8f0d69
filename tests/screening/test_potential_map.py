"""Potential maps: the closed sum, the minimum-interface assumption, stacks, and what bands and windows say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.maps.potential_map import PotentialMap, borders, potential_map
from mlip_interfaces.screening.solids.dictionary import Dictionary, load_dictionary
from mlip_interfaces.screening.solids.levels import cathode_potential
from mlip_interfaces.screening.solids.materials import Anode, Cathode, CathodeState, Electrolyte, FermiLine


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return load_dictionary()


def battery(dictionary: Dictionary, layers: str, cathode: str, soc: str) -> PotentialMap:
    names = layers.split()
    return potential_map(
        dictionary.anode("Li"), [dictionary.electrolyte(name) for name in names], dictionary.cathode(cathode), soc
    )


def made_up(
    name: str, low: float, high: float, level: float, slope: float, ionisation: float = 5.0, gap: float = 5.0
) -> Electrolyte:
    line = FermiLine(voltage_v=(0.0, 5.0), above_vbm_ev=(level, level + 5.0 * slope))
    return Electrolyte(
        kind="electrolyte", name=name, formula=name, reduction_limit_v=low, oxidation_limit_v=high,
        ionisation_potential_ev=ionisation, band_gap_ev=gap, fermi_level=line,
    )  # fmt: skip


LITHIUM = Anode(kind="anode", name="Li", formula="Li", work_function_ev=2.9)


def made_up_cathode(voltage: float, ionisation: float = 5.5) -> Cathode:
    state = CathodeState(
        open_circuit_voltage_v=voltage, ionisation_potential_ev=ionisation, fermi_level_above_vbm_ev=0.1
    )
    return Cathode(kind="cathode", name="C", formula="C", states={"0": state})


windows = st.tuples(st.floats(0.0, 3.0), st.floats(0.2, 3.0)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(max_examples=40, deadline=None)
@given(st.lists(windows, min_size=1, max_size=4), st.floats(2.0, 5.0), st.floats(-1.0, 0.0))
def test_steps_and_layers_add_up_to_the_cathode_of_any_stack(
    limits: list[tuple[float, float]], voltage: float, slope: float
) -> None:
    """Closure, with the right side from the cathode alone."""
    layers = [made_up(f"L{number}", *pair, level=3.0 - 0.2 * number, slope=slope) for number, pair in enumerate(limits)]
    found = potential_map(LITHIUM, layers, made_up_cathode(voltage), "0")
    inside = sum(layer.potential_v[-1] - layer.potential_v[0] for layer in found.layers)
    total = inside + sum(step.delta_phi_v for step in found.steps)
    np.testing.assert_allclose(total, cathode_potential(voltage, 5.4, 2.9), rtol=0, atol=1e-12)
    assert abs(found.closure_v()) < 1e-12


@settings(max_examples=40, deadline=None)
@given(st.lists(windows, min_size=1, max_size=3), st.floats(2.0, 5.0))
def test_interfaces_get_no_more_than_the_windows_leave(limits: list[tuple[float, float]], voltage: float) -> None:
    """The sum of the jumps is the least of all choices on a grid of each window, and no layer leaves its window."""
    found = borders(limits, 0.0, voltage)
    for (start, end), (low, high) in zip(found, limits, strict=True):
        assert low <= start <= high
        assert low <= end <= high
    ends = [0.0, *(value for pair in found for value in pair), voltage]
    jumps = sum(abs(right - left) for left, right in zip(ends[::2], ends[1::2], strict=True))
    # Every window alone and in pairs decides: what one layer cannot give its neighbour is a jump between them.
    edges = [(0.0, 0.0), *limits, (voltage, voltage)]
    least = sum(max(0.0, a[0] - b[1], b[0] - a[1]) for a, b in itertools.pairwise(edges))
    assert jumps == pytest.approx(least, abs=1e-9)


def test_borders_spread_the_change_as_evenly_as_windows_allow() -> None:
    """Against all pairs of borders on a grid."""
    limits = [(0.0, 2.91), (1.74, 2.32), (0.69, 4.21)]
    found = borders(limits, 0.0, 4.7)
    grid = np.linspace(1.74, 2.32, 59)
    best = min(itertools.product(grid, grid), key=lambda c: c[0] ** 2 + (c[1] - c[0]) ** 2 + (4.21 - c[1]) ** 2)
    np.testing.assert_allclose([found[0][1], found[1][1]], best, atol=1e-9)
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]


def test_equations_6_and_7_by_hand() -> None:
    """One layer from 0.5 to 3 V with E_F = 3 - V/2, IP 5, psi 2.9, and a cathode of 4 V with W = 5.4."""
    found = potential_map(LITHIUM, [made_up("S", 0.5, 3.0, 3.0, -0.5)], made_up_cathode(4.0), "0")
    at_anode, at_cathode = (3.0 - 0.25) - 5.0 + 2.9 + 0.5, (3.0 - 1.5) - 5.0 + 2.9 + 3.0
    assert found.delta_phi_anode_v == pytest.approx(at_anode - 0.0, abs=1e-12)
    assert found.delta_phi_cathode_v == pytest.approx((4.0 - (5.4 - 2.9)) - at_cathode, abs=1e-12)
    assert [step.barrier_to for step in found.steps] == ["discharge", "charge"]
    assert found.open_circuit_voltage_v == 4.0


def test_a_cathode_below_the_window_leaves_no_change_to_the_layer() -> None:
    """Clamped to the reduction limit."""
    found = potential_map(LITHIUM, [made_up("S", 1.7, 2.3, 3.0, -0.5)], made_up_cathode(1.2), "0")
    assert np.ptp(found.layers[0].voltage_v) == 0.0
    assert found.layers[0].voltage_v[0] == 1.7


def test_the_work_function_of_the_anode_moves_no_step_of_the_potential_of_others() -> None:
    """Only the step at the anode has it: a metal of 1 eV more has 1 V more there."""
    other = LITHIUM.model_copy(update={"work_function_ev": 3.9})
    maps = [
        potential_map(one, [made_up("S", 0.5, 3.0, 3.0, -0.5)], made_up_cathode(4.0), "0") for one in (LITHIUM, other)
    ]
    assert maps[1].delta_phi_anode_v - maps[0].delta_phi_anode_v == pytest.approx(1.0, rel=1e-6, abs=1e-12)
    assert maps[1].delta_phi_cathode_v == pytest.approx(maps[0].delta_phi_cathode_v, rel=1e-6, abs=1e-12)


def test_an_anode_above_lithium_makes_a_smaller_battery() -> None:
    """An alloy at 0.6 V with the work function of lithium: its level is 0.6 eV down, and so is its reference of the potential."""
    alloy = Anode(kind="anode", name="LiIn", formula="LiIn", work_function_ev=2.9, voltage_v=0.6)
    layer = made_up("S", 0.0, 3.0, 3.0, -1.0)
    found = potential_map(alloy, [layer], made_up_cathode(4.0), "0")
    reference = potential_map(LITHIUM, [layer], made_up_cathode(4.0), "0")
    assert found.open_circuit_voltage_v == pytest.approx(3.4, rel=1e-6, abs=1e-12)
    assert found.layers[0].voltage_v[0] == 0.6
    assert found.delta_phi_anode_v == pytest.approx(reference.delta_phi_anode_v - 0.6, rel=1e-6, abs=1e-12)
    assert found.delta_phi_cathode_v == pytest.approx(reference.delta_phi_cathode_v, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("gap", "flag"), [(3.0, "reduced-by-anode"), (4.0, "dendrites"), (5.0, None)])
def test_bands_beside_the_anode(gap: float, flag: str | None) -> None:
    """VBM at -3.5 eV: conduction bands 0.5 eV below, 0.5 eV above and 1.5 eV above the Fermi level of lithium."""
    layer = made_up("S", 0.0, 3.0, 3.5, -1.0, gap=gap)
    flags = potential_map(LITHIUM, [layer], made_up_cathode(3.0), "0").flags
    assert [one for one in flags if one in ("reduced-by-anode", "dendrites")] == ([flag] if flag else [])


def test_bands_beside_the_cathode() -> None:
    """VBM at -3.5 eV is above the Fermi level of a cathode at 3.6 V, below that of one at 3.4 V."""
    layer = made_up("S", 0.0, 5.0, 3.5, -1.0)
    flags = [potential_map(LITHIUM, [layer], made_up_cathode(voltage), "0").flags for voltage in (3.6, 3.4)]
    assert [("oxidised-by-cathode" in one) for one in flags] == [True, False]


@pytest.mark.parametrize(
    ("electrolyte", "step", "above_lithium"),
    [("LiPON", 0.28, (2.9, 3.1)), ("LPO", 1.42, (1.5, 3.0)), ("LLZO", 1.62, (0.5, 1.0)), ("LPS", 1.67, (-2.5, 0.0))],
)
def test_anode_steps_and_bands_are_those_of_the_text(
    dictionary: Dictionary, electrolyte: str, step: float, above_lithium: tuple[float, float]
) -> None:
    """Section 3.2 of Swift et al.: steps at Li, and where the conduction bands lie against its Fermi level."""
    found = battery(dictionary, electrolyte, "LCO", "0")
    assert found.delta_phi_anode_v == pytest.approx(step, abs=0.005)
    assert above_lithium[0] <= found.layers[0].conduction_band_ev[0] <= above_lithium[1]
    assert found.steps[0].barrier_to == "discharge"
    assert ("reduced-by-anode" in found.flags) == (electrolyte == "LPS")
    assert ("dendrites" in found.flags) == (electrolyte == "LLZO")


def test_widths_of_the_shaded_regions_are_those_of_the_text(dictionary: Dictionary) -> None:
    """Section 3.3: LLZO is the most stable against Li, LPO against LCO, LPS has the narrowest window; section 3.4: charging widens LNMO's."""
    maps = {name: battery(dictionary, name, "LCO", "0") for name in dictionary.electrolytes}
    at_anode = {name: one.steps[0].voltage_to_v - one.steps[0].voltage_from_v for name, one in maps.items()}
    at_cathode = {name: one.steps[-1].voltage_to_v - one.steps[-1].voltage_from_v for name, one in maps.items()}
    assert min(at_anode, key=lambda name: at_anode[name]) == "LLZO"
    assert at_anode["LLZO"] == 0.0
    assert min(at_cathode, key=lambda name: at_cathode[name]) == "LPO"
    assert min(maps, key=lambda name: np.ptp(maps[name].layers[0].voltage_v)) == "LPS"
    grey = [battery(dictionary, "LLZO", "LNMO", soc).steps[-1] for soc in ("0", "100")]
    assert grey[1].voltage_to_v > grey[0].voltage_to_v


def test_flat_and_sloped_profiles_are_those_of_the_text(dictionary: Dictionary) -> None:
    """Section 3.3: flat in LLZO and in LPO below 3 V, rising in LiPON, LPS and in LPO above."""
    for name in ("LiPON", "LPS"):
        layer = battery(dictionary, name, "LCO", "0").layers[0]
        slopes = np.gradient(layer.potential_v, layer.voltage_v)
        assert (slopes > 0.4).all()
        assert (slopes < 0.55).all()
        assert (np.diff(layer.valence_band_ev) < 0.0).all()
    assert np.ptp(battery(dictionary, "LLZO", "LCO", "0").layers[0].potential_v) < 1e-9
    lpo = battery(dictionary, "LPO", "LCO", "100").layers[0]
    assert np.ptp(lpo.potential_v[lpo.voltage_v < 3.0]) < 1e-9
    np.testing.assert_allclose(np.gradient(lpo.potential_v, lpo.voltage_v)[-5:], 0.5, atol=1e-3)


def test_a_stack_has_a_step_at_each_border(dictionary: Dictionary) -> None:
    found = battery(dictionary, "LiPON LLZO LPO", "LNMO", "100")
    assert [step.between for step in found.steps] == [
        ("Li", "LiPON"),
        ("LiPON", "LLZO"),
        ("LLZO", "LPO"),
        ("LPO", "LNMO"),
    ]
    assert found.name == "Li | LiPON | LLZO | LPO | LNMO at 100 %"
    assert sum(step.voltage_to_v - step.voltage_from_v for step in found.steps[1:-1]) == pytest.approx(0.0, abs=1e-12)


def test_no_state_and_no_battery_are_sentences(dictionary: Dictionary) -> None:
    with pytest.raises(InputFileError, match=r"LCO has no state of charge '\+'; its file has 0, 100"):
        battery(dictionary, "LLZO", "LCO", "+")
    with pytest.raises(InputFileError, match="is not above the anode's"):
        potential_map(LITHIUM, [made_up("S", 0.0, 3.0, 3.0, 0.0)], made_up_cathode(-0.5), "0")
