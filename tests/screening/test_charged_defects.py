"""Fermi level from charged defects against closed forms, a scan of the whole gap, and what may go wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlip_interfaces.screening.defects.charged_defects import (
    Bands,
    ChargedDefect,
    defect_equilibrium,
    fermi_level,
    formation_energy,
)
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

T = 300.0
KT = BOLTZMANN_EV_PER_K * T
BANDS = Bands(6.0, 1e20, 2e20)
VOLTAGES = np.linspace(1.0, 2.2, 25)
INTERSTITIAL = ChargedDefect("Li_i", 1, 1, -2.6, 1e22)
VACANCY = ChargedDefect("V_Li", -1, -1, 4.6, 1e22)


def charge_per_cm3(defects: list[ChargedDefect], bands: Bands, voltage: float, level: float) -> float:
    """All charges, term by term."""
    total = bands.valence_density_per_cm3 * np.exp(-level / KT) - bands.conduction_density_per_cm3 * np.exp(
        (level - bands.band_gap_ev) / KT
    )
    for one in defects:
        cost = np.exp(formation_energy(one, voltage, level) / KT) / one.degeneracy
        total += one.charge * one.site_density_per_cm3 / (1.0 + cost)
    return float(total)


def test_interstitials_and_vacancies_give_a_slope_of_minus_one() -> None:
    """E_F = mu_Li + (B - A)/2, exactly."""
    found = defect_equilibrium([INTERSTITIAL, VACANCY], BANDS, VOLTAGES, T)
    np.testing.assert_allclose(found.fermi_level_ev, 3.6 - VOLTAGES, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.slopes(), -1.0, rtol=1e-6)
    concentration = 1e22 * np.exp(-1.0 / KT)
    np.testing.assert_allclose(found.concentrations_per_cm3["Li_i"], concentration, rtol=1e-5)
    np.testing.assert_allclose(found.concentrations_per_cm3["V_Li"], concentration, rtol=1e-5)


def test_interstitials_and_electrons_give_a_slope_of_minus_one_half() -> None:
    """E_F = (E_g - A + mu_Li + kT ln(N/N_c))/2, exactly while the sites are far from full."""
    donor = ChargedDefect("Li_i", 1, 1, -2.9, 1e22)
    bands = Bands(2.7, 1e20, 1e20)
    found = defect_equilibrium([donor], bands, VOLTAGES, T)
    expected = 0.5 * (2.7 + 2.9 - VOLTAGES + KT * np.log(1e22 / 1e20))
    np.testing.assert_allclose(found.fermi_level_ev, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.slopes(), -0.5, rtol=1e-4)
    np.testing.assert_allclose(
        found.concentrations_per_cm3["electrons"], found.concentrations_per_cm3["Li_i"], rtol=1e-6
    )


def test_vacancies_and_holes_take_over_at_a_high_voltage() -> None:
    """As in Li3PO4 (section 3.3 of the paper): -1 at low voltages, -1/2 where holes balance vacancies."""
    found = defect_equilibrium([INTERSTITIAL, VACANCY], Bands(6.0, 1e20, 1e20), np.linspace(1.0, 4.0, 61), T)
    np.testing.assert_allclose(found.slopes()[:20], -1.0, rtol=1e-3)
    np.testing.assert_allclose(found.slopes()[-10:], -0.5, rtol=1e-3)
    last = {name: values[-1] for name, values in found.concentrations_per_cm3.items()}
    assert last["holes"] == pytest.approx(last["V_Li"], rel=1e-4, abs=0)
    assert last["Li_i"] < 1e-3 * last["V_Li"]


def test_defects_without_lithium_alone_do_not_see_the_voltage() -> None:
    pair = [ChargedDefect("N_O", -1, 0, 3.0, 1e22), ChargedDefect("O_N", 1, 0, -1.0, 1e22)]
    np.testing.assert_allclose(defect_equilibrium(pair, BANDS, VOLTAGES, T).fermi_level_ev, 2.0, atol=1e-6)


def test_without_defects_the_level_is_that_of_the_intrinsic_semiconductor() -> None:
    expected = 0.5 * (BANDS.band_gap_ev + KT * np.log(2.0))
    assert fermi_level([], BANDS, 1.0, T) == pytest.approx(expected, abs=1e-8)


energies = st.floats(-4.0, 6.0)
random_defects = st.lists(
    st.builds(
        ChargedDefect,
        name=st.just("d"),
        charge=st.integers(-3, 3),
        lithium=st.integers(-2, 2),
        formation_energy_ev=energies,
        site_density_per_cm3=st.sampled_from([1e18, 1e22]),
        degeneracy=st.sampled_from([1.0, 4.0]),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(defects=random_defects, voltage=st.floats(-1.0, 5.0), gap=st.floats(0.0, 9.0))
def test_charge_changes_its_sign_at_the_level_and_nowhere_else(
    defects: list[ChargedDefect], voltage: float, gap: float
) -> None:
    """Scanned from far below to far above, with charges added term by term."""
    bands = Bands(gap, 1e19, 3e19)
    level = fermi_level(defects, bands, voltage, T)
    steps = np.linspace(0.001, 5.0, 25)
    # Filled sites of both charges cancel but for their rounding, and what is left of the bands may be less than that.
    rounding = 1e-14 * sum(abs(one.charge) * one.site_density_per_cm3 for one in defects)
    with np.errstate(over="ignore"):
        assert all(charge_per_cm3(defects, bands, voltage, level - step) >= -rounding for step in steps)
        assert all(charge_per_cm3(defects, bands, voltage, level + step) <= rounding for step in steps)
        assert (
            charge_per_cm3(defects, bands, voltage, level - 5.0)
            > 0.0
            > charge_per_cm3(defects, bands, voltage, level + 5.0)
        )


@pytest.mark.parametrize("temperature", [1.0, 20_000.0])
@pytest.mark.parametrize("energy", [-50.0, 50.0])
def test_extreme_inputs_have_a_level_and_no_more_defects_than_sites(temperature: float, energy: float) -> None:
    donor = ChargedDefect("Li_i", 1, 1, energy, 1e22)
    found = defect_equilibrium([donor, VACANCY], BANDS, [-3.0, 10.0], temperature)
    assert np.isfinite(found.fermi_level_ev).all()
    assert max(
        values.max() for name, values in found.concentrations_per_cm3.items() if name[:2] in ("Li", "V_")
    ) <= 1e22 * (1 + 1e-9)


def test_a_level_in_a_band_is_said() -> None:
    found = defect_equilibrium([ChargedDefect("Li_i", 1, 1, -30.0, 1e22)], BANDS, [1.0], T)
    assert found.fermi_level_ev[0] > BANDS.band_gap_ev
    assert "no longer a dilute gas" in found.notes(BANDS.band_gap_ev)[0]
    assert defect_equilibrium([], BANDS, [1.0], T).notes(BANDS.band_gap_ev) == []
