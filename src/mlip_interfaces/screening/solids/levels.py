r"""Levels of a potential map: equations of M. W. Swift, Y. Qi, Phys. Rev. Lett. 122, 167701 (2019), on plain numbers.

Signs: a voltage V is against lithium metal, :math:`V = -\mu_\mathrm{Li}/e`. A Fermi level is above the valence band edge of its material; an
ionisation potential is positive, below the vacuum. Band edges are against the Fermi level of lithium metal. The electrostatic potential
is that of a positive charge and zero in lithium metal. One electron at 1 V has -1 eV.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = TypeVar("Numbers", float, NDArray[np.float64])


def lithium_potential(voltage_v: Numbers) -> Numbers:
    r"""Chemical potential of lithium at a voltage: :math:`\mu_\mathrm{Li} = -eV`.

    Parameters
    ----------
    voltage_v : float or float array, V
        Against lithium metal.

    Returns
    -------
    float or float array, eV
        Zero in lithium metal.

    Examples
    --------
    >>> lithium_potential(3.9)
    -3.9
    """
    return -voltage_v


def valence_band(voltage_v: Numbers, fermi_level_ev: Numbers) -> Numbers:
    r"""Equation 4, :math:`\mathrm{VBM} = \mu_\mathrm{Li} - E_F(\mu_\mathrm{Li})`.

    Parameters
    ----------
    voltage_v : float or float array, V
        Against lithium metal.
    fermi_level_ev : float or float array, eV
        Above the valence band edge, at that voltage.

    Returns
    -------
    float or float array, eV
        Valence band edge against the Fermi level of lithium metal.

    Examples
    --------
    >>> valence_band(1.0, 2.5)
    -3.5
    """
    return lithium_potential(voltage_v) - fermi_level_ev


def electrostatic_potential(
    voltage_v: Numbers, fermi_level_ev: Numbers, ionisation_potential_ev: float, anode_work_function_ev: float
) -> Numbers:
    r"""Equation 5, :math:`e\phi = E_F(\mu_\mathrm{Li}) - \mathrm{IP} + \psi^a - \mu_\mathrm{Li}`.

    The electrochemical potential of the lithium ion is the same everywhere in open-circuit equilibrium, and this makes it so.

    Parameters
    ----------
    voltage_v : float or float array, V
        Against lithium metal.
    fermi_level_ev : float or float array, eV
        Above the valence band edge, at that voltage.
    ionisation_potential_ev : float, eV
        From the valence band edge up to the vacuum.
    anode_work_function_ev : float, eV
        Of the metal whose potential is zero.

    Returns
    -------
    float or float array, V
        Potential of a positive charge.

    Examples
    --------
    Lithium metal itself, whose ionisation potential is its work function:

    >>> electrostatic_potential(0.0, 0.0, 2.9, 2.9)
    0.0
    """
    return fermi_level_ev - ionisation_potential_ev + anode_work_function_ev - lithium_potential(voltage_v)


def cathode_potential(open_circuit_voltage_v: float, work_function_ev: float, anode_work_function_ev: float) -> float:
    r"""Equation 5 for a cathode, :math:`\phi_c = \mathrm{OCV} - (W_c - \psi^a)/e`.

    Parameters
    ----------
    open_circuit_voltage_v : float, V
        Of the cathode against lithium metal.
    work_function_ev : float, eV
        From its Fermi level up to the vacuum: ionisation potential less the Fermi level above the valence band edge.
    anode_work_function_ev : float, eV
        Of the metal whose potential is zero.

    Returns
    -------
    float, V
        Potential of a positive charge.

    Examples
    --------
    >>> cathode_potential(4.0, 5.1, 2.9)
    1.8000000000000003
    """
    return open_circuit_voltage_v - (work_function_ev - anode_work_function_ev)


def average_voltage(
    lithiated_energy_ev: float,
    reference_energy_ev: float,
    lithium_energy_ev: float,
    lithium_content: float,
    reference_content: float,
) -> float:
    r"""Equation 3, open-circuit voltage of :math:`\mathrm{Li}_\beta X + (\alpha-\beta)\,\mathrm{Li} \to \mathrm{Li}_\alpha X`.

    Parameters
    ----------
    lithiated_energy_ev, reference_energy_ev : float, eV per formula unit of X
        Total energies with much and with little lithium.
    lithium_energy_ev : float, eV per atom
        Of lithium metal.
    lithium_content, reference_content : float
        Li per formula unit of X: alpha and beta.

    Returns
    -------
    float, V
        Positive where lithium goes in by itself.

    Raises
    ------
    ValueError
        If alpha is not larger than beta.

    Examples
    --------
    CoO2 + Li -> LiCoO2 that gains 4 eV:

    >>> average_voltage(-25.9, -20.0, -1.9, 1.0, 0.0)
    3.9999999999999987
    """
    if lithium_content <= reference_content:
        raise ValueError("The lithiated state must have more lithium than the reference.")
    change = lithium_content - reference_content
    return -(lithiated_energy_ev - reference_energy_ev - change * lithium_energy_ev) / change


def line_through(
    knots_v: NDArray[np.float64], levels_ev: NDArray[np.float64], voltage_v: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A Fermi level given at some voltages, straight between them and beyond.

    Parameters
    ----------
    knots_v : (n,) float array, V
        Rising; two at least.
    levels_ev : (n,) float array, eV
        At those voltages.
    voltage_v : float array, V
        Where it is wanted.

    Returns
    -------
    float array, eV
        Of the shape of `voltage_v`.

    Examples
    --------
    >>> line_through(np.array([0.0, 1.0]), np.array([3.0, 2.0]), np.array([0.5, 2.0])).tolist()
    [2.5, 1.0]
    """
    piece = np.clip(np.searchsorted(knots_v, voltage_v, side="right") - 1, 0, len(knots_v) - 2)
    slope = np.diff(levels_ev) / np.diff(knots_v)
    return levels_ev[piece] + slope[piece] * (voltage_v - knots_v[piece])
