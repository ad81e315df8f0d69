r"""Fermi level from charged defects: formation energies, charge neutrality, concentrations against the voltage.

Signs: `lithium` is the number of Li atoms that a defect adds (an interstitial +1, a vacancy -1), `charge` what it has against the site's own.
The formation energy at lithium metal (:math:`\mu_\mathrm{Li} = 0`) with the Fermi level at the valence band edge is :math:`E_0`; elsewhere it is

.. math:: E_f = E_0 - n_\mathrm{Li}\,\mu_\mathrm{Li} + q E_F, \qquad \mu_\mathrm{Li} = -eV .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from mlip_interfaces.units import BOLTZMANN_EV_PER_K

FERMI_LEVEL_TOLERANCE_EV = 1e-10
_FIRST_REACH_EV = 1.0


@dataclass(frozen=True, slots=True)
class ChargedDefect:
    """One defect in one charge state.

    Attributes
    ----------
    name : str
        As in ``Li_i``.
    charge : int, e
        Against the perfect crystal.
    lithium : int
        Li atoms that it adds; negative where it takes some out.
    formation_energy_ev : float, eV
        At lithium metal, with the Fermi level at the valence band edge; of all other elements at the chemical potentials that apply.
    site_density_per_cm3 : float, 1/cm3
        Places where it can be.
    degeneracy : float
        Ways to be at one place.
    """

    name: str
    charge: int
    lithium: int
    formation_energy_ev: float
    site_density_per_cm3: float
    degeneracy: float = 1.0


@dataclass(frozen=True, slots=True)
class Bands:
    """Electrons and holes of a semiconductor that is not degenerate.

    Attributes
    ----------
    band_gap_ev : float, eV
        Between the edges.
    conduction_density_per_cm3, valence_density_per_cm3 : float, 1/cm3
        Effective densities of states of the two bands at the temperature.
    """

    band_gap_ev: float
    conduction_density_per_cm3: float
    valence_density_per_cm3: float


@dataclass(frozen=True, slots=True)
class DefectEquilibrium:
    """Neutral at each of several voltages.

    Attributes
    ----------
    voltage_v : (n,) float array, V
        Against lithium metal.
    fermi_level_ev : (n,) float array, eV
        Above the valence band edge.
    concentrations_per_cm3 : dict of str to (n,) float array, 1/cm3
        Of each defect by name, and of ``electrons`` and ``holes``.
    temperature_kelvin : float, K
        Of all.
    """

    voltage_v: NDArray[np.float64]
    fermi_level_ev: NDArray[np.float64]
    concentrations_per_cm3: dict[str, NDArray[np.float64]]
    temperature_kelvin: float

    def slopes(self) -> NDArray[np.float64]:
        """dE_F/dV at every voltage, eV/V.

        Returns
        -------
        (n,) float array
            -1 where Li interstitials balance Li vacancies, -1/2 where one of them balances something without lithium.
        """
        return np.gradient(self.fermi_level_ev, self.voltage_v)

    def notes(self, band_gap_ev: float) -> list[str]:
        """What is doubtful.

        Parameters
        ----------
        band_gap_ev : float, eV
            Of the material.

        Returns
        -------
        list of str
            A sentence where the Fermi level lies in a band; nothing otherwise.
        """
        outside = self.voltage_v[(self.fermi_level_ev < 0.0) | (self.fermi_level_ev > band_gap_ev)]
        if not outside.size:
            return []
        return [
            f"The Fermi level lies in a band at voltages from {outside.min():g} to {outside.max():g} V, where electrons and holes are no longer a "
            "dilute gas."
        ]


def formation_energy(defect: ChargedDefect, voltage_v: float, fermi_level_ev: float) -> float:
    """Formation energy of a defect at a voltage and a Fermi level.

    Parameters
    ----------
    defect : ChargedDefect
        One.
    voltage_v : float, V
        Against lithium metal.
    fermi_level_ev : float, eV
        Above the valence band edge.

    Returns
    -------
    float, eV
        Negative where the crystal makes it by itself.

    Examples
    --------
    An interstitial ion takes Li from the reservoir, which costs more at a higher voltage, and leaves its electron at the Fermi level:

    >>> formation_energy(ChargedDefect("Li_i", 1, 1, -2.0, 1e22), 3.0, 1.5)
    2.5
    """
    return defect.formation_energy_ev + defect.lithium * voltage_v + defect.charge * fermi_level_ev


def fermi_level(defects: Sequence[ChargedDefect], bands: Bands, voltage_v: float, temperature_kelvin: float) -> float:
    r"""The Fermi level at which all charges add up to nothing.

    Parameters
    ----------
    defects : sequence of ChargedDefect
        Of the crystal; none is needed.
    bands : Bands
        Its electrons and holes.
    voltage_v : float, V
        Against lithium metal.
    temperature_kelvin : float, K
        Of the equilibrium.

    Returns
    -------
    float, eV
        Above the valence band edge; it may lie in a band, where `Bands` no longer holds.

    Notes
    -----
    A defect occupies the share :math:`g e^{-E_f/kT} / (1 + g e^{-E_f/kT})` of its sites, so that no concentration exceeds them. The logarithm of
    positive over negative charge falls strictly with the Fermi level and is finite everywhere (holes and electrons are never
    zero in it), so that its one root is bracketed by going outwards and found by bisection and interpolation; charges themselves
    span 200 orders of magnitude.

    Examples
    --------
    Without defects and with equal bands it lies in the middle of the gap:

    >>> round(fermi_level([], Bands(4.0, 1e19, 1e19), 1.0, 300.0), 6)
    2.0
    """
    thermal_ev = BOLTZMANN_EV_PER_K * temperature_kelvin

    def imbalance(level_ev: float) -> float:
        logs = _log_concentrations(defects, bands, voltage_v, level_ev, thermal_ev)
        charges = [*(defect.charge for defect in defects), -1, 1]
        sides = [
            logsumexp(
                [log + np.log(abs(charge)) for log, charge in zip(logs, charges, strict=True) if charge * sign > 0]
            )
            for sign in (1, -1)
        ]
        return float(sides[0] - sides[1])

    low, high, reach = 0.0, bands.band_gap_ev, _FIRST_REACH_EV
    while imbalance(low) < 0.0:
        low, reach = low - reach, 2.0 * reach
    while imbalance(high) > 0.0:
        high, reach = high + reach, 2.0 * reach
    return float(brentq(imbalance, low, high, xtol=FERMI_LEVEL_TOLERANCE_EV))


def defect_equilibrium(
    defects: Sequence[ChargedDefect], bands: Bands, voltages_v: ArrayLike, temperature_kelvin: float
) -> DefectEquilibrium:
    """Fermi level and concentrations against the voltage.

    Parameters
    ----------
    defects : sequence of ChargedDefect
        With names of their own.
    bands : Bands
        Electrons and holes.
    voltages_v : (n,) array_like, V
        Against lithium metal.
    temperature_kelvin : float, K
        Of the equilibrium.

    Returns
    -------
    DefectEquilibrium
        At every voltage.
    """
    voltages: NDArray[np.float64] = np.atleast_1d(np.asarray(voltages_v, dtype=np.float64))
    thermal_ev = BOLTZMANN_EV_PER_K * temperature_kelvin
    levels = np.array([fermi_level(defects, bands, float(voltage), temperature_kelvin) for voltage in voltages])
    logs = np.array(
        [
            _log_concentrations(defects, bands, float(voltage), float(level), thermal_ev)
            for voltage, level in zip(voltages, levels, strict=True)
        ]
    )
    names = [*(defect.name for defect in defects), "electrons", "holes"]
    return DefectEquilibrium(voltages, levels, dict(zip(names, np.exp(logs).T, strict=True)), temperature_kelvin)


def _log_concentrations(
    defects: Sequence[ChargedDefect], bands: Bands, voltage_v: float, level_ev: float, thermal_ev: float
) -> list[float]:
    """Natural logarithms of concentrations in 1/cm3: the defects, electrons, holes."""
    logs = []
    for defect in defects:
        weight = np.log(defect.degeneracy) - formation_energy(defect, voltage_v, level_ev) / thermal_ev
        logs.append(float(np.log(defect.site_density_per_cm3) + weight - np.logaddexp(0.0, weight)))
    electrons = np.log(bands.conduction_density_per_cm3) - (bands.band_gap_ev - level_ev) / thermal_ev
    holes = np.log(bands.valence_density_per_cm3) - level_ev / thermal_ev
    return [*logs, float(electrons), float(holes)]
