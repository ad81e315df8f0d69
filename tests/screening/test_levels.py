"""Equations 1 to 5 of Swift et al., and one test for each convention of sign."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.screening.defects.charged_defects import ChargedDefect, formation_energy
from mlip_interfaces.screening.maps.potential_map import barrier_to
from mlip_interfaces.screening.solids.levels import (
    average_voltage,
    cathode_potential,
    electrostatic_potential,
    line_through,
    lithium_potential,
    valence_band,
)

WORK_FUNCTION_EV = 2.9


def test_lithium_potential_falls_as_the_voltage_rises() -> None:
    assert lithium_potential(4.2) == -4.2


def test_electrons_at_a_high_voltage_lie_deep() -> None:
    """eV of electrons, V of positive charges: a band edge falls by 1 eV for 1 V, at the same Fermi level in the gap."""
    assert valence_band(3.0, 1.0) - valence_band(2.0, 1.0) == -1.0
    assert valence_band(2.0, 1.0) == -3.0


def test_lithium_metal_has_the_potential_zero() -> None:
    assert electrostatic_potential(0.0, 0.0, WORK_FUNCTION_EV, WORK_FUNCTION_EV) == 0.0


def test_potential_of_a_positive_charge_is_minus_band_edge_less_ionisation_potential() -> None:
    """Equation 5 by equation 4: e phi = -VBM - IP + psi, so that a lower band edge is a higher potential."""
    voltage, level, ionisation = 1.7, 2.6, 5.6
    potential = electrostatic_potential(voltage, level, ionisation, WORK_FUNCTION_EV)
    np.testing.assert_allclose(
        potential, -valence_band(voltage, level) - ionisation + WORK_FUNCTION_EV, rtol=1e-12, atol=0
    )


def test_electrochemical_potential_of_the_ion_is_the_same_everywhere() -> None:
    """Equation 5 as printed: mu_Li - (E_F - IP + psi - e phi) = 0."""
    voltage = np.linspace(0.0, 3.0, 7)
    level = 3.4 - 0.5 * voltage
    potential = electrostatic_potential(voltage, level, 4.7, WORK_FUNCTION_EV)
    ion = lithium_potential(voltage) - (level - 4.7 + WORK_FUNCTION_EV - potential)
    np.testing.assert_allclose(ion, 0.0, atol=1e-12)


@pytest.mark.parametrize(("slope", "rise"), [(-1.0, 0.0), (-0.5, 0.5)])
def test_slope_of_the_fermi_level_makes_the_potential_flat_or_rise_by_half(slope: float, rise: float) -> None:
    """Section 3.3: with -1 band edges and potential stay, with -1/2 the potential rises and the band edge falls by half."""
    voltage = np.array([1.0, 2.0])
    level = 3.0 + slope * voltage
    np.testing.assert_allclose(np.diff(electrostatic_potential(voltage, level, 5.0, 2.9)), rise, atol=1e-12)
    np.testing.assert_allclose(np.diff(valence_band(voltage, level)), -rise, atol=1e-12)


def test_cathode_potential_is_that_of_its_fermi_level() -> None:
    """The form for cathodes is equation 5 with W = IP - E_F."""
    voltage, level, ionisation = 4.0, 0.3, 5.4
    np.testing.assert_allclose(
        cathode_potential(voltage, ionisation - level, WORK_FUNCTION_EV),
        electrostatic_potential(voltage, level, ionisation, WORK_FUNCTION_EV),
        rtol=1e-12, atol=0,
    )  # fmt: skip


def test_a_rise_of_the_potential_hinders_discharge() -> None:
    """Li ions go to the cathode on discharge (section 3.2)."""
    assert (barrier_to(0.61), barrier_to(-0.35), barrier_to(0.0)) == ("discharge", "charge", "none")


def test_average_voltage_is_the_energy_gained_per_lithium() -> None:
    """Half a lithium that goes in with 2 eV is 4 V; lithium in lithium has none."""
    assert average_voltage(-12.95, -10.0, -1.9, 1.0, 0.5) == pytest.approx(4.0, rel=1e-12, abs=0)
    assert average_voltage(-1.9, 0.0, -1.9, 1.0, 0.0) == 0.0
    with pytest.raises(ValueError, match="more lithium"):
        average_voltage(-10.0, -10.0, -1.9, 0.5, 0.5)


def test_formation_energies_go_with_charge_and_lithium() -> None:
    """An ion that comes in costs 1 eV more per V, and 1 eV more per eV of the Fermi level; a vacancy the opposite; a hole-like defect no voltage."""
    interstitial, vacancy = ChargedDefect("Li_i", 1, 1, 0.5, 1e22), ChargedDefect("V_Li", -1, -1, 3.0, 1e22)
    antisite = ChargedDefect("N_O", -1, 0, 1.0, 1e22)
    at = (2.0, 1.5)
    assert [formation_energy(one, *at) for one in (interstitial, vacancy, antisite)] == [4.0, -0.5, -0.5]


def test_a_line_goes_on_straight_beyond_its_ends() -> None:
    line = line_through(np.array([1.0, 2.0, 4.0]), np.array([3.0, 2.0, 1.0]), np.array([0.0, 1.5, 3.0, 6.0]))
    np.testing.assert_allclose(line, [4.0, 2.5, 1.5, 0.0], rtol=1e-12)
