"""Space-charge layers: M. W. Swift, J. W. Swift, Y. Qi, Nat. Comput. Sci. 1, 212 (2021)."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import quad

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.screening.solids.solid_outputs import space_charge_content
from mlip_interfaces.screening.solids.space_charge import (
    SpaceChargeInputs,
    analytic_profile,
    numerical_profile,
    shown_length,
    solved_space_charge,
    space_charge_layer,
)

LLZO = SpaceChargeInputs(1.62164, 3.27455e22, 0.01439, 50.0, 300.0, 0.1)
LIF = SpaceChargeInputs(1.91606, 5.98412e22, 0.97335, 9.0, 300.0, 0.1)
"""Published inputs."""
PUBLISHED = {
    "LLZO": (LLZO, 1.477, 16.268, -5.3271, 52.632, 1.5682),
    "LiF": (LIF, 0.46354, 4.0817, -2.4425, 20.424, 1.0022),
}
"""Length, width (angstrom), charge (e/nm2), capacitance (uF/cm2), potential at the width (V): as the published code gives them
for these inputs, in the digits kept; the length of LiF follows from its formula."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_layers(name: str) -> None:
    inputs, length, width, charge, capacitance, potential = PUBLISHED[name]
    layer = space_charge_layer(inputs)
    found = (
        inputs.length_angstrom,
        layer.width_angstrom,
        layer.charge_e_per_nm2,
        layer.capacitance_uf_per_cm2,
        layer.potential_at_width_v,
    )
    np.testing.assert_allclose(found, (length, width, charge, capacitance, potential), rtol=4e-5, atol=0)


def test_published_b_of_llzo() -> None:
    assert math.exp(LLZO.log_b) == pytest.approx(0.17448, rel=1e-4, abs=0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_slope_is_the_first_integral_as_printed(name: str) -> None:
    """U with its two logarithms, which the code does not compute so."""
    inputs = PUBLISHED[name][0]
    f0, b = inputs.reduced_potential, math.exp(inputs.log_b)
    u = -math.log((math.exp(f0) + b) / (1 + b)) - math.log((math.exp(-f0) + b) / (1 + b))
    width = math.sqrt(-2.0 * u) * inputs.length_angstrom
    assert space_charge_layer(inputs).width_angstrom == pytest.approx(width, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    "inputs", [LLZO, LIF, dataclasses.replace(LLZO, interface_potential_v=-0.8, vacancy_fraction=0.5)]
)
def test_whole_equation_has_the_analytic_charge(inputs: SpaceChargeInputs) -> None:
    layer = space_charge_layer(inputs)
    numerical = numerical_profile(inputs, 2.0 * layer.width_angstrom)
    np.testing.assert_allclose(numerical.charge_e_per_nm2, layer.charge_e_per_nm2, rtol=1e-7, atol=0)


@pytest.mark.parametrize("inputs", [LLZO, LIF])
def test_whole_equation_follows_its_quadrature(inputs: SpaceChargeInputs) -> None:
    """x as the integral of df over the slope, with the printed U, at a few points of the profile."""
    layer = space_charge_layer(inputs)
    numerical = numerical_profile(inputs, 1.5 * layer.width_angstrom)
    f0, b = inputs.reduced_potential, math.exp(inputs.log_b)

    def inverse_slope(f: float) -> float:
        u = -math.log((math.exp(f) + b) / (1 + b)) - math.log((math.exp(-f) + b) / (1 + b))
        return 1.0 / math.sqrt(-2.0 * u)

    for point in (40, 100, 200):
        f = f0 - numerical.potential_v[point] / inputs.thermal_ev
        x = quad(inverse_slope, f, f0, limit=200)[0] * inputs.length_angstrom
        assert x == pytest.approx(numerical.x_angstrom[point], rel=2e-5, abs=0)


def test_parabola_and_tail_are_close_to_the_whole_equation() -> None:
    """Within 2.5 kT: they are where the layer is saturated, or dilute, and err between."""
    for inputs in (LLZO, LIF):
        numerical = numerical_profile(inputs, 2.0 * space_charge_layer(inputs).width_angstrom)
        difference = np.abs(analytic_profile(inputs, numerical.x_angstrom) - numerical.potential_v)
        assert difference.max() < 2.5 * inputs.thermal_ev
        assert difference[: len(difference) // 3].max() < 0.2 * inputs.thermal_ev


def test_the_electrode_is_at_zero_and_the_bulk_at_the_step() -> None:
    numerical = numerical_profile(LLZO, 3.0 * space_charge_layer(LLZO).width_angstrom)
    assert numerical.potential_v[0] == pytest.approx(0.0, abs=1e-9)
    assert numerical.potential_v[-1] == pytest.approx(LLZO.interface_potential_v, abs=1e-5)
    assert (np.diff(numerical.potential_v) > 0.0).all()


def test_the_other_sign_of_the_step_gives_the_other_sign_of_the_charge() -> None:
    """A bulk above the electrode has the positive charge in the electrolyte: Li ions went in, the electrode is negative."""
    other = space_charge_layer(dataclasses.replace(LLZO, interface_potential_v=-LLZO.interface_potential_v))
    layer = space_charge_layer(LLZO)
    assert layer.charge_e_per_nm2 < 0.0
    assert other.charge_e_per_nm2 == -layer.charge_e_per_nm2
    assert other.width_angstrom == layer.width_angstrom
    assert other.capacitance_uf_per_cm2 == layer.capacitance_uf_per_cm2
    assert other.potential_at_width_v == -layer.potential_at_width_v


def test_a_small_step_is_a_capacitor_of_one_debye_length() -> None:
    r"""Linear limit: C = epsilon / (length / decay), with :math:`\sigma = \varepsilon\phi_0\kappa`, in SI here."""
    inputs = dataclasses.replace(LLZO, interface_potential_v=1e-5)
    thickness_m = inputs.length_angstrom * 1e-10 / inputs.decay
    farad_per_m2 = inputs.relative_permittivity * 8.8541878188e-12 / thickness_m
    assert space_charge_layer(inputs).capacitance_uf_per_cm2 == pytest.approx(farad_per_m2 * 1e6 / 1e4, rel=1e-6, abs=0)


def test_a_dilute_layer_is_that_of_gouy_and_chapman() -> None:
    """tanh(f/4) = tanh(f_0/4) exp(-x/L), with the Debye length of both defects, each of N exp(-E_f/kT)."""
    inputs = SpaceChargeInputs(0.25, 3e22, 0.8, 20.0, 400.0, 0.3)
    assert not inputs.is_saturated
    numerical = numerical_profile(inputs, shown_length(inputs))
    density_per_m3 = 3e28 * math.exp(-0.8 / inputs.thermal_ev)
    charge_c = 1.602176634e-19
    debye_m = math.sqrt(20.0 * 8.8541878188e-12 * inputs.thermal_ev * charge_c / (2.0 * density_per_m3 * charge_c**2))
    f0 = inputs.reduced_potential
    f = 4.0 * np.arctanh(math.tanh(f0 / 4.0) * np.exp(-numerical.x_angstrom * 1e-10 / debye_m))
    np.testing.assert_allclose(numerical.potential_v, inputs.thermal_ev * (f0 - f), rtol=0, atol=2e-5)


def test_what_cannot_be_solved_is_said_beside_the_closed_form() -> None:
    """No layer of 10^23 angstrom; its charge is known."""
    inputs = SpaceChargeInputs(0.48, 3e21, 0.95, 10.0, 100.0, 0.001)
    with pytest.raises(AnalysisError, match="the numbers in closed form hold"):
        numerical_profile(inputs, shown_length(inputs))
    found = solved_space_charge(inputs)
    content = space_charge_content(found)
    assert (content["numerical"], found.profile, found.analytic_v) == (None, None, None)
    assert content["charge_e_per_nm2"] == space_charge_layer(inputs).charge_e_per_nm2
    assert [note.split(" ")[-1] for note in found.notes] == ["it.", "hold."]


@pytest.mark.parametrize("formation_energy", [-1.0, 0.0, 3.0, 20.0])
def test_no_input_overflows(formation_energy: float) -> None:
    inputs = dataclasses.replace(LLZO, formation_energy_ev=formation_energy, temperature_kelvin=300.0)
    x = np.linspace(0.0, 40.0, 9)
    assert np.isfinite(analytic_profile(inputs, x)).all()
    assert np.isfinite(
        [getattr(space_charge_layer(inputs), name) for name in ("width_angstrom", "charge_e_per_nm2")]
    ).all()
