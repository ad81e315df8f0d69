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
    formation_ev : from outside to the top, kT ln(1 / g_min), eV; None where refused.
    breaking_ev : from the contact well to the top, kT ln(g_peak / g_min), eV; None where refused.
    error_ev : standard error of both, from blocks of g(r) or from counting, whichever is larger.
    counts : pairs counted at the minimum (three bins).
    note : why a barrier is refused, or what it means.
    """

    formation_ev: float | None
    breaking_ev: float | None
    error_ev: float | None
    counts: int
    note: str


def potential_of_mean_force(g: NDArray[np.float64], temperature_kelvin: float) -> NDArray[np.float64]:
    """V(r) = -kT ln g(r), eV; not a number where g is zero.

    Examples
    --------
    >>> bool(abs(potential_of_mean_force(np.array([0.0308]), 300.0)[0] - 0.09) < 1e-3)
    True
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
    r, g, counts : bin centres (angstrom), g(r) and pairs counted per bin, shape (n_bins,).
    temperature_kelvin : of the run.
    g_error : standard error of g(r) from blocks, shape (n_bins,).

    Notes
    -----
    The mean of -ln n of n counts is 1 / (2n) too large, which is taken off.
    A run that visits the minimum fewer than ten times says nothing about its height: refused. Barriers of a reacting
    system are apparent: its g(r) is not that of equilibrium.
    """
    peak = first_peak(r, g)
    if peak is None:
        return Barrier(None, None, None, 0, "no first peak above g = 1")
    lowest = first_minimum(r, g)
    # Shallower than half of the peak, it bounds a shell of neighbours but is no barrier.
    if lowest is None or not (g[r > peak[0]] < min(1.0, peak[1] / 2.0)).any():
        return Barrier(None, None, None, 0, "no minimum behind the first peak")
    smooth = np.convolve(g, np.ones(3) / 3.0, mode="same")
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
