"""Potential of mean force and its two barriers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.rdf import first_minimum, first_peak
from mlip_interfaces.errors import counted
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

MIN_COUNTS = 10


@dataclass(frozen=True, slots=True)
class Barrier:
    """Barriers of the potential of mean force around the first minimum of g(r).

    Attributes
    ----------
    formation_ev : float or None, eV
        From outside to the top, kT ln(1 / g_min); None where refused.
    breaking_ev : float or None, eV
        From the contact well to the top, kT ln(g_peak / g_min); None where refused.
    error_ev : float or None, eV
        Standard error of both, from blocks of g(r) or from counting, whichever is larger.
    counts : int
        Pairs counted at the minimum (three bins).
    note : str
        Why a barrier is refused, or what it means.
    """

    formation_ev: float | None
    breaking_ev: float | None
    error_ev: float | None
    counts: int
    note: str


def potential_of_mean_force(g: NDArray[np.float64], temperature_kelvin: float) -> NDArray[np.float64]:
    """Potential of mean force V(r) = -kT ln g(r).

    Parameters
    ----------
    g : (n_bins,) float array
        Radial distribution function g(r).
    temperature_kelvin : float, K
        Of the run.

    Returns
    -------
    (n_bins,) float array, eV
        Zero where g is 1; not a number where g is zero.

    Notes
    -----
    Of a system in equilibrium; that of a reacting one is apparent.

    Examples
    --------
    >>> potential_of_mean_force(np.array([1.0, 0.0308]), 300.0).round(2).tolist()
    [-0.0, 0.09]
    """
    with np.errstate(divide="ignore"):
        values = -BOLTZMANN_EV_PER_K * temperature_kelvin * np.log(g)
    return np.where(g > 0, values, np.nan)


def barriers(
    r: NDArray[np.float64],
    g: NDArray[np.float64],
    counts: NDArray[np.int64],
    temperature_kelvin: float,
    g_error: NDArray[np.float64] | None = None,
) -> Barrier:
    """Both barriers at the first minimum behind the first peak.

    Parameters
    ----------
    r : (n_bins,) float array, angstrom
        Bin centres.
    g : (n_bins,) float array
        Radial distribution function g(r).
    counts : (n_bins,) int array
        Pairs counted in each bin.
    temperature_kelvin : float, K
        Of the run.
    g_error : (n_bins,) float array, optional
        Standard error of g(r) from blocks; without it, errors are those of counting alone.

    Returns
    -------
    Barrier
        Formation kT ln(1 / g_min) and breaking kT ln(g_peak / g_min), or why they are refused.

    Notes
    -----
    The minimum is that of `first_minimum`; g_min is the mean of three bins, and must be below half of the peak. The mean of -ln n of n counts is 1 / (2n) too large, which is taken off.
    A run that visits the minimum fewer than ten times says nothing about its height: refused. Barriers of a reacting
    system are apparent: its g(r) is not that of equilibrium.

    Examples
    --------
    >>> r = np.arange(10) + 0.5
    >>> g = np.array([0.0, 0.0, 1.0, 7.0, 1.0, 0.1, 0.1, 0.1, 1.5, 1.2])
    >>> found = barriers(r, g, np.round(1e6 * g).astype(int), 300.0)
    >>> round(found.formation_ev, 4), round(found.breaking_ev, 4), found.counts
    (0.0595, 0.0954, 300000)
    """
    peak = first_peak(r, g)
    if peak is None:
        return Barrier(None, None, None, 0, "no first peak above g = 1")
    lowest = first_minimum(r, g, counts)
    smooth = np.convolve(g, np.ones(3) / 3.0, mode="same")
    # Shallower than half of the peak, it bounds a shell of neighbours but is no barrier.
    if lowest is None or smooth[lowest] >= peak[1] / 2.0:
        return Barrier(None, None, None, 0, "no minimum behind the first peak")
    n_counts = int(counts[max(0, lowest - 1) : lowest + 2].sum())
    if n_counts < MIN_COUNTS:
        return Barrier(None, None, None, n_counts, f"only {counted(n_counts, 'pair')} at the minimum; ten are needed")
    thermal = BOLTZMANN_EV_PER_K * temperature_kelvin
    bias = 0.5 / n_counts
    relative = 1.0 / np.sqrt(n_counts)
    if g_error is not None:
        relative = max(relative, float(g_error[lowest] / smooth[lowest]) / np.sqrt(3.0))
    return Barrier(
        formation_ev=float(thermal * (-np.log(smooth[lowest]) - bias)),
        breaking_ev=float(thermal * (np.log(peak[1] / smooth[lowest]) - bias)),
        error_ev=float(thermal * relative),
        counts=n_counts,
        note="apparent: from the g(r) of this run, which need not be in equilibrium",
    )
