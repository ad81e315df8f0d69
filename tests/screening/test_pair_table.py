"""The dictionary against Table 1 of M. W. Swift, H. Jagad, J. Park, Y. Qie, Y. Wu, Y. Qi, "Predicting low-impedance interfaces for
solid-state batteries", as printed (`configs/materials/swift2021_table_1.csv`)."""

from __future__ import annotations

import pytest

from mlip_interfaces.screening.maps.pair_table import PairTable, all_batteries, pair_table
from mlip_interfaces.screening.solids.dictionary import SHIPPED, Dictionary, load_dictionary, published_steps
from mlip_interfaces.screening.solids.materials import Cathode, Electrolyte
from mlip_interfaces.shipped_files import shipped_materials

OUTLIER = ("LMO", "LLZO", "+")


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return load_dictionary()


@pytest.fixture(scope="module")
def table(dictionary: Dictionary) -> PairTable:
    return pair_table(list(all_batteries(dictionary, "Li")), dictionary, published_steps())


@pytest.fixture(scope="module")
def steps(table: PairTable) -> dict[tuple[str, str, str], float]:
    return {(row.cathode, row.electrolyte, row.soc): row.delta_phi_cathode_v for row in table.rows}


PRINTED = published_steps()


def test_the_printed_table_is_all_there() -> None:
    """43 rows, a few of them as printed."""
    assert len(PRINTED) == len({(one.cathode, one.electrolyte, one.soc) for one in PRINTED}) == 43
    values = {(one.cathode, one.electrolyte, one.soc): one.delta_phi_cathode_v for one in PRINTED}
    assert values["LCO", "LiPON", "0"] == 0.61
    assert values["LNO", "LLZO", "100"] == 0.41
    assert values["LMO", "LPS", "+"] == -2.03
    assert values[OUTLIER] == -2.62


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: f"{row.cathode}-{row.electrolyte}-{row.soc}")
def test_every_row_but_one_is_reproduced(row, steps: dict[tuple[str, str, str], float]) -> None:
    key = (row.cathode, row.electrolyte, row.soc)
    agrees = abs(steps[key] - row.delta_phi_cathode_v) <= 0.03
    assert agrees == (key != OUTLIER)


def test_what_differs_and_what_is_missing_is_named(table: PairTable) -> None:
    compared = table.compared
    assert (compared.n_published, compared.n_within) == (43, 42)
    assert compared.differing == ("LMO/LLZO at +: -1.74 V here, -2.62 V published",)
    assert compared.not_published == ("LNO/LPS at 100 %: +0.11 V here",)
    assert compared.not_given == tuple(f"LNMO/{name} at +" for name in ("LiPON", "LPO", "LLZO", "LPS"))
    assert len(table.rows) + len(compared.not_given) == 48
    outlier = next(row for row in table.rows if (row.cathode, row.electrolyte, row.soc) == OUTLIER)
    assert "differs-from-published" in outlier.flags
    assert outlier.published_v == -2.62
    assert outlier.delta_phi_cathode_v == pytest.approx(-1.74, abs=0.005)


@pytest.mark.parametrize("threshold", [0.43, 0.45, 0.48])
def test_low_barrier_pairs_are_those_of_the_text(dictionary: Dictionary, threshold: float) -> None:
    """Section 3.4 names six."""
    found = pair_table(list(all_batteries(dictionary, "Li")), dictionary, (), threshold).low_barrier_pairs
    assert set(found) == {"LNO/LPO", "LNO/LLZO", "LNO/LPS", "LNCO/LPO", "LNCO/LPS", "LNMO/LLZO"}


def test_sign_changes_are_those_of_the_text(table: PairTable, steps: dict[tuple[str, str, str], float]) -> None:
    """Section 3.4: LCO with LiPON, LPO and LLZO changes; LNCO/LLZO is positive at both, LMO/LLZO negative at both."""
    assert {"LCO/LiPON", "LCO/LPO", "LCO/LLZO"} <= set(table.sign_changes)
    assert not {"LNCO/LLZO", "LMO/LLZO"} & set(table.sign_changes)
    assert min(steps["LNCO", "LLZO", soc] for soc in ("0", "100")) > 0.0
    assert max(steps["LMO", "LLZO", soc] for soc in ("0", "100")) < 0.0
    assert max(steps["LMO", "LPS", soc] for soc in ("0", "100", "+")) < -0.9


def test_barrierless_pairs_hold_those_of_the_text(table: PairTable) -> None:
    """Section 3.4, where it says a state: below 0.1 V."""
    found = {(row.cathode, row.electrolyte, row.soc) for row in table.rows if "barrier-less" in row.flags}
    assert {
        ("LCO", "LPS", "0"),
        ("LNO", "LLZO", "0"),
        ("LNMO", "LiPON", "0"),
        ("LNCO", "LPO", "100"),
        ("LNCO", "LPS", "100"),
    } <= found


def test_a_replaced_material_is_not_compared(dictionary: Dictionary) -> None:
    replaced = Dictionary(
        dictionary.anodes, dictionary.electrolytes, dictionary.cathodes, frozenset({"LMO"}), dictionary.files
    )
    compared = pair_table(list(all_batteries(replaced, "Li")), replaced, published_steps()).compared
    assert (compared.n_published, compared.n_within, compared.differing) == (31, 31, ())


def test_every_shipped_number_has_its_source(dictionary: Dictionary) -> None:
    assert {path.stem for path in shipped_materials().glob("*.yaml")} == set(SHIPPED)
    for electrolyte in dictionary.electrolytes.values():
        assert isinstance(electrolyte, Electrolyte)
        assert "reconstructed" in electrolyte.basis
        given = {"reduction_limit_v", "oxidation_limit_v", "ionisation_potential_ev", "band_gap_ev", "fermi_level"}
        assert set(electrolyte.sources) == given
    for cathode in dictionary.cathodes.values():
        assert isinstance(cathode, Cathode)
        assert "reconstructed" in cathode.basis
        for state in cathode.states.values():
            assert set(state.sources) == {"open_circuit_voltage_v", "ionisation_potential_ev"}
    assert set(dictionary.anode("Li").sources) == {"work_function_ev", "voltage_v"}
    layer = dictionary.electrolyte("LLZO").space_charge
    assert layer is not None
    assert "published inputs" in layer.sources["all"]


def test_fermi_levels_lie_in_the_gaps(dictionary: Dictionary) -> None:
    for one in dictionary.electrolytes.values():
        assert one.fermi_level is not None
        assert min(one.fermi_level.above_vbm_ev) > 0.0
        assert max(one.fermi_level.above_vbm_ev) < one.band_gap_ev
        assert one.band_gap_ev > 2.0
