r"""Space-charge layer at an electrode: M. W. Swift, J. W. Swift, Y. Qi, Nat. Comput. Sci. 1, 212 (2021).

The electrode is at x = 0 and has the potential 0, the bulk of the electrolyte has :math:`\phi_0`. With
:math:`f = e(\phi_0 - \phi)/k_BT` and lengths in units of :math:`\lambda`,

.. math:: f'' = \frac{1}{B e^{-f} + 1} - \frac{1}{B e^{f} + 1}, \qquad B = \alpha e^{E_f/k_BT},
   \qquad \lambda = \sqrt{\frac{\varepsilon_r \varepsilon_0 k_BT}{\alpha N e^2}} .
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_bvp
from scipy.special import expit

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import (
    BOLTZMANN_EV_PER_K,
    COULOMB_EV_ANGSTROM,
    E_PER_ANGSTROM2_TO_E_PER_NM2,
    E_PER_NM2_V_TO_UF_PER_CM2,
    PER_CM3_TO_PER_ANGSTROM3,
)

_TOLERANCE = 1e-8
_FIRST_NODES = 400
_MOST_NODES = 20_000
_NEAREST = 1e-7


@dataclass(frozen=True, slots=True)
class SpaceChargeInputs:
    """What the layer follows from.

    Attributes
    ----------
    interface_potential_v : float, V
        Potential of the bulk of the electrolyte against the electrode; not zero.
    site_density_per_cm3 : float, 1/cm3
        Lithium sites.
    formation_energy_ev : float, eV
        Of the lithium defects where the crystal is neutral.
    relative_permittivity : float
        Of the electrolyte.
    temperature_kelvin : float, K
        Of the equilibrium.
    vacancy_fraction : float
        alpha, the largest share of sites that can be vacated or filled.
    """

    interface_potential_v: float
    site_density_per_cm3: float
    formation_energy_ev: float
    relative_permittivity: float
    temperature_kelvin: float
    vacancy_fraction: float

    @property
    def thermal_ev(self) -> float:
        """kT, eV."""
        return BOLTZMANN_EV_PER_K * self.temperature_kelvin

    @property
    def reduced_potential(self) -> float:
        """f at the electrode, without unit."""
        return self.interface_potential_v / self.thermal_ev

    @property
    def log_b(self) -> float:
        """Natural logarithm of B."""
        return math.log(self.vacancy_fraction) + self.formation_energy_ev / self.thermal_ev

    @property
    def length_angstrom(self) -> float:
        """Screening length lambda of a saturated layer, angstrom."""
        density = self.vacancy_fraction * self.site_density_per_cm3 * PER_CM3_TO_PER_ANGSTROM3
        return math.sqrt(self.relative_permittivity * self.thermal_ev / (4.0 * math.pi * COULOMB_EV_ANGSTROM * density))

    @property
    def is_saturated(self) -> bool:
        """Whether there is a region at the electrode where all sites are emptied, or filled."""
        return abs(self.reduced_potential) > self.log_b

    @property
    def decay(self) -> float:
        """Rate at which the last of f dies out, in units of 1/lambda."""
        return math.sqrt(2.0) * math.exp(0.5 * self.log_b - float(np.logaddexp(0.0, self.log_b)))


@dataclass(frozen=True, slots=True)
class SpaceChargeLayer:
    """The analytic answer.

    Attributes
    ----------
    width_angstrom : float, angstrom
        Of the layer in which all sites are vacated, or filled: where its parabola is level.
    charge_e_per_nm2 : float, e/nm2
        On the electrode; the electrolyte has as much of the other sign.
    capacitance_uf_per_cm2 : float, uF/cm2
        Charge over potential.
    potential_at_width_v : float, V
        Of the parabola at that width, against the electrode.
    """

    width_angstrom: float
    charge_e_per_nm2: float
    capacitance_uf_per_cm2: float
    potential_at_width_v: float


def space_charge_layer(inputs: SpaceChargeInputs) -> SpaceChargeLayer:
    r"""Width, charge and capacitance of the layer.

    Parameters
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.

    Returns
    -------
    SpaceChargeLayer
        Of this interface; a potential of zero has no layer and is refused before.

    Notes
    -----
    The slope at the electrode is exact, the first integral of the equation: :math:`f'(0) = -\sqrt{-2U}` with
    :math:`U = -\ln\frac{e^{f_0}+B}{1+B} - \ln\frac{e^{-f_0}+B}{1+B}`. Near it :math:`f'' = 1`, a parabola, which is level at :math:`x_1 = -f'(0)\lambda`.

    Examples
    --------
    Li | Li7La3Zr2O12 with the published inputs:

    >>> layer = space_charge_layer(SpaceChargeInputs(1.62164, 3.27455e22, 0.01439, 50.0, 300.0, 0.1))
    >>> round(layer.width_angstrom, 2), round(layer.charge_e_per_nm2, 3)
    (16.27, -5.327)
    """
    f0, slope = inputs.reduced_potential, _slope_at_electrode(inputs)
    charge = slope * _charge_per_slope(inputs)
    return SpaceChargeLayer(
        width_angstrom=abs(slope) * inputs.length_angstrom,
        charge_e_per_nm2=charge,
        capacitance_uf_per_cm2=abs(charge / inputs.interface_potential_v) * E_PER_NM2_V_TO_UF_PER_CM2,
        potential_at_width_v=inputs.thermal_ev * math.copysign(0.5 * slope**2, f0),
    )


def analytic_profile(inputs: SpaceChargeInputs, x_angstrom: ArrayLike) -> NDArray[np.float64]:
    r"""Potential of the two published pieces: the parabola up to the width, the dilute tail behind it.

    Parameters
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.
    x_angstrom : (n,) array_like, angstrom
        From the electrode.

    Returns
    -------
    (n,) float array, V
        Against the electrode.

    Notes
    -----
    The tail is :math:`f = 4\,\mathrm{artanh}\,e^{-\sqrt{2/B}(\xi - c)}` with :math:`c = \xi_1 - \sqrt 2`, the answer for few defects (:math:`B \gg 1`), where it
    meets the parabola; else there is a step of some kT at the width, and `numerical_profile` is the answer.
    """
    sign = math.copysign(1.0, inputs.reduced_potential)
    f0, width = abs(inputs.reduced_potential), abs(_slope_at_electrode(inputs))
    xi = np.asarray(x_angstrom, dtype=np.float64) / inputs.length_angstrom
    rate = math.sqrt(2.0) * math.exp(-0.5 * inputs.log_b)
    behind = rate * (np.maximum(xi, width) - width + math.sqrt(2.0))
    # 4 artanh(exp(-y)), which has its digits where y is small, too.
    f = np.where(xi < width, f0 - width * xi + 0.5 * xi**2, -2.0 * np.log(np.tanh(0.5 * behind)))
    return np.asarray(sign * inputs.thermal_ev * (f0 - f))


@dataclass(frozen=True, slots=True)
class NumericalProfile:
    """Solution of the whole equation.

    Attributes
    ----------
    x_angstrom : (n,) float array, angstrom
        From the electrode.
    potential_v : (n,) float array, V
        Against the electrode.
    charge_e_per_nm2 : float, e/nm2
        On the electrode.
    """

    x_angstrom: NDArray[np.float64]
    potential_v: NDArray[np.float64]
    charge_e_per_nm2: float


def numerical_profile(inputs: SpaceChargeInputs, length_angstrom: float, n_points: int = 301) -> NumericalProfile:
    """Solve the equation by collocation.

    Parameters
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.
    length_angstrom : float, angstrom
        From the electrode to the last point; what lies behind it is an electrolyte without end.
    n_points : int, optional
        Of the profile, evenly spaced.

    Returns
    -------
    NumericalProfile
        Of this interface.

    Raises
    ------
    AnalysisError
        If no solution is found, as for a length of very many widths.
    """
    sign, f0 = math.copysign(1.0, inputs.reduced_potential), abs(inputs.reduced_potential)
    # Lengths of the order of one: a saturated layer has lambda, a dilute one the length over which it dies out.
    unit = 1.0 if inputs.is_saturated else 1.0 / inputs.decay
    reach = length_angstrom / (inputs.length_angstrom * unit)

    def equation(_: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.vstack([state[1], unit**2 * (expit(state[0] - inputs.log_b) - expit(-state[0] - inputs.log_b))])

    def ends(near: NDArray[np.float64], far: NDArray[np.float64]) -> NDArray[np.float64]:
        last = float(far[0])
        return np.array([near[0] - f0, far[1] + unit * math.copysign(_slope(abs(last), inputs.log_b), last)])

    places, guess = _first_guess(inputs, reach)
    slopes = np.gradient(guess, places)
    solution = solve_bvp(equation, ends, places, np.vstack([guess, slopes]), tol=_TOLERANCE, max_nodes=_MOST_NODES)
    if not solution.success:
        raise AnalysisError(
            f"The equation of the space-charge layer was not solved over {length_angstrom:g} angstrom ({solution.message}); "
            "the numbers in closed form hold without it."
        )
    points = np.linspace(0.0, reach, n_points)
    return NumericalProfile(
        x_angstrom=points * unit * inputs.length_angstrom,
        potential_v=sign * inputs.thermal_ev * (f0 - solution.sol(points)[0]),
        charge_e_per_nm2=sign * float(solution.sol(0.0)[1]) / unit * _charge_per_slope(inputs),
    )


def shown_length(inputs: SpaceChargeInputs) -> float:
    """How far from the electrode a profile is worth showing.

    Parameters
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.

    Returns
    -------
    float, angstrom
        Two widths of a saturated layer, six lengths of decay of another.
    """
    if inputs.is_saturated:
        return 2.0 * abs(_slope_at_electrode(inputs)) * inputs.length_angstrom
    return 6.0 * inputs.length_angstrom / inputs.decay


@dataclass(frozen=True, slots=True)
class SolvedSpaceCharge:
    """A space-charge layer and its profile.

    Attributes
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.
    layer : SpaceChargeLayer
        The analytic numbers.
    profile : NumericalProfile or None
        The solution of the whole equation; None where there is none.
    analytic_v : (n,) float array, V, or None
        The published pieces at the places of the profile; None without one, and where the layer is saturated nowhere.
    notes : tuple of str
        Why there is no profile, and doubts.
    """

    inputs: SpaceChargeInputs
    layer: SpaceChargeLayer
    profile: NumericalProfile | None
    analytic_v: NDArray[np.float64] | None
    notes: tuple[str, ...]


def solved_space_charge(inputs: SpaceChargeInputs) -> SolvedSpaceCharge:
    """A space-charge layer by the published pieces and by the whole equation.

    Parameters
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.

    Returns
    -------
    SolvedSpaceCharge
        With notes.
    """
    notes = []
    profile, analytic_v = None, None
    try:
        profile = numerical_profile(inputs, shown_length(inputs))
    except AnalysisError as error:
        notes.append(str(error))
    if profile is not None and inputs.is_saturated:
        analytic_v = analytic_profile(inputs, profile.x_angstrom)
    if not inputs.is_saturated:
        notes.append(
            "The layer is saturated nowhere: its width and the potential there mean nothing, charge and capacitance hold."
        )
    return SolvedSpaceCharge(inputs, space_charge_layer(inputs), profile, analytic_v, tuple(notes))


def _first_guess(inputs: SpaceChargeInputs, reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places and f of the parabola with what is left of it, or of the dilute layer (Gouy and Chapman)."""
    f0, width = abs(inputs.reduced_potential), abs(_slope_at_electrode(inputs))
    places = np.linspace(0.0, reach, _FIRST_NODES)
    if inputs.is_saturated:
        left = max(f0 - 0.5 * width**2, 0.0) * np.exp(-inputs.decay * np.maximum(places - width, 0.0))
        return places, np.where(places < width, f0 - width * places + 0.5 * places**2, left)
    # As many places where f falls by the same amount, which is steep at the electrode.
    start = 2.0 * math.atanh(math.exp(-0.5 * f0))
    steep = 2.0 * np.arctanh(np.exp(-0.5 * np.linspace(f0, 0.02 * f0, _FIRST_NODES))) - start
    places = np.unique(np.concatenate([places, steep[(steep > 0.0) & (steep < reach)]]))
    # Of places that are nearly the same, one.
    places = places[np.concatenate([[True], np.diff(places) > _NEAREST * reach])]
    return places, -2.0 * np.log(np.tanh(0.5 * (places + start)))


def _slope_at_electrode(inputs: SpaceChargeInputs) -> float:
    f0 = inputs.reduced_potential
    return -math.copysign(_slope(abs(f0), inputs.log_b), f0)


def _slope(f: float, log_b: float) -> float:
    """Square root of -2U: the logarithms of the note are that of 1 + 4B sinh(f/2)^2 / (1+B)^2, which loses no digit."""
    if f == 0.0:
        return 0.0
    log_term = log_b - 2.0 * float(np.logaddexp(0.0, log_b)) + f + 2.0 * math.log(-math.expm1(-f))
    return math.sqrt(2.0 * float(np.logaddexp(0.0, log_term)))


def _charge_per_slope(inputs: SpaceChargeInputs) -> float:
    """Charge on the electrode for a slope of one, e/nm2."""
    density = inputs.vacancy_fraction * inputs.site_density_per_cm3 * PER_CM3_TO_PER_ANGSTROM3
    return density * inputs.length_angstrom * E_PER_ANGSTROM2_TO_E_PER_NM2
