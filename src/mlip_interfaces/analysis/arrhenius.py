"""Activation energies, extrapolated diffusivities and Nernst-Einstein conductivities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, CM2_PER_S_TO_ANGSTROM2_PER_PS, E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM


@dataclass(frozen=True, slots=True)
class ArrheniusFit:
    """D(T) = D_0 exp(-E_a / kT).

    Attributes
    ----------
    activation_energy_ev, activation_energy_error_ev : float, eV
        E_a and its standard error.
    prefactor_cm2_per_s : float, cm^2/s
        D_0.
    covariance : (2, 2) float array
        Of (log10 D_0, slope in 1000 K).
    """

    activation_energy_ev: float
    activation_energy_error_ev: float
    prefactor_cm2_per_s: float
    covariance: NDArray[np.float64]

    def diffusivity(self, temperature_kelvin: float) -> tuple[float, float, float]:
        """D at a temperature, and the ends of its interval of one standard error.

        Parameters
        ----------
        temperature_kelvin : float, K
            Need not be between those of the fit.

        Returns
        -------
        tuple of float, cm^2/s
            Value, lower end and upper end; the interval is even in log D.
        """
        x = np.array([1.0, 1000.0 / temperature_kelvin])
        slope = -self.activation_energy_ev / (BOLTZMANN_EV_PER_K * 1000.0 * np.log(10.0))
        value = np.log10(self.prefactor_cm2_per_s) + slope * x[1]
        error = float(np.sqrt(x @ self.covariance @ x))
        return float(10.0**value), float(10.0 ** (value - error)), float(10.0 ** (value + error))


def arrhenius_fit(
    temperatures_kelvin: Sequence[float],
    diffusivities_cm2_per_s: Sequence[float],
    errors_cm2_per_s: Sequence[float],
) -> ArrheniusFit:
    """Weighted least squares of log10 D against 1000 / T, with weights from the errors of D.

    Parameters
    ----------
    temperatures_kelvin, diffusivities_cm2_per_s, errors_cm2_per_s : sequence of float, K and cm^2/s
        Temperature, diffusivity and its standard error of each run.

    Returns
    -------
    ArrheniusFit
        Of log10 D = log10 D_0 - E_a / (kT ln 10).

    Raises
    ------
    AnalysisError
        If there are fewer than two temperatures, or a diffusivity or an error is not positive.

    Notes
    -----
    The errors are taken as they are; they are not rescaled by the scatter about the line.

    References
    ----------
    X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018).

    Examples
    --------
    >>> fit = arrhenius_fit([500.0, 1000.0], [1e-6, 1e-5], [1e-7, 1e-6])
    >>> round(fit.activation_energy_ev, 4)
    0.1984
    """
    kelvin, values, errors = (
        np.asarray(part, dtype=np.float64) for part in (temperatures_kelvin, diffusivities_cm2_per_s, errors_cm2_per_s)
    )
    if not (np.isfinite(kelvin) & (kelvin > 0.0)).all():
        raise AnalysisError("Temperatures must be positive numbers, in K.")
    if np.unique(kelvin).size < 2:
        raise AnalysisError("An activation energy needs diffusivities at two temperatures or more.")
    if (values <= 0.0).any() or (errors <= 0.0).any() or not np.isfinite([values, errors]).all():
        worst = kelvin[(values <= 0.0) | (errors <= 0.0) | ~np.isfinite(values + errors)][0]
        raise AnalysisError(
            f"The diffusivity at {worst:g} K, or its error, is not positive; leave that temperature out or run it longer."
        )
    design = np.stack([np.ones(kelvin.size), 1000.0 / kelvin], axis=1)
    weights = (np.log10(np.e) * errors / values) ** -2
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    intercept, slope = covariance @ (design.T @ (weights * np.log10(values)))
    to_energy = BOLTZMANN_EV_PER_K * 1000.0 * np.log(10.0)
    return ArrheniusFit(
        activation_energy_ev=float(-slope * to_energy),
        activation_energy_error_ev=float(np.sqrt(covariance[1, 1]) * to_energy),
        prefactor_cm2_per_s=float(10.0**intercept),
        covariance=covariance,
    )


def nernst_einstein_s_per_cm(
    diffusivity_cm2_per_s: float,
    temperature_kelvin: float,
    *,
    n_ions: int,
    volume_angstrom3: float,
    charge: float,
) -> float:
    """Conductivity of independent ions, sigma = n z^2 e^2 D / (V kT).

    Parameters
    ----------
    diffusivity_cm2_per_s : float, cm^2/s
        Tracer diffusivity of the ions.
    temperature_kelvin : float, K
        Of the run.
    n_ions : int
        Ions in the volume.
    volume_angstrom3 : float, angstrom^3
        That the ions are in.
    charge : float, e
        Of one ion.

    Returns
    -------
    float, S/cm
        That of the ions if none of them knew of the others.

    Notes
    -----
    Correlations between ions are left out: the Haven ratio is one.

    References
    ----------
    X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018).

    Examples
    --------
    >>> round(nernst_einstein_s_per_cm(6.80754e-9, 300.0, n_ions=56, volume_angstrom3=12.98**3, charge=1.0) * 1000, 4)
    1.0804
    """
    thermal = BOLTZMANN_EV_PER_K * temperature_kelvin
    density = n_ions / volume_angstrom3
    mobility = density * charge**2 * diffusivity_cm2_per_s * CM2_PER_S_TO_ANGSTROM2_PER_PS / thermal
    return float(mobility * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM)


def jump_statistics(n_ions: int, msd_angstrom2: float, site_distance_angstrom: float) -> tuple[float, float]:
    """Effective number of jumps N max(MSD) / a^2 and the relative error of D it leads to, 3.43 / sqrt(n) + 0.04.

    Parameters
    ----------
    n_ions : int
        Ions averaged, N.
    msd_angstrom2 : float, angstrom^2
        Largest total MSD of the fit.
    site_distance_angstrom : float, angstrom
        Length of a jump between neighbouring sites, a.

    Returns
    -------
    jumps : float
        Number of jumps, n.
    relative_error : float
        Standard error of D over D; infinite without a jump.

    Notes
    -----
    A rule of thumb from AIMD runs of solid electrolytes; it knows nothing of the run at hand but its jumps.

    References
    ----------
    X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018).

    Examples
    --------
    >>> jumps, error = jump_statistics(56, 90.0, 3.0)
    >>> jumps, round(error, 3)
    (560.0, 0.185)
    """
    jumps = n_ions * msd_angstrom2 / site_distance_angstrom**2
    return float(jumps), float(3.43 / np.sqrt(jumps) + 0.04) if jumps > 0 else float("inf")
