"""Fluxes of species from transport coefficients and differences of chemical potential, with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.units import PER_ANGSTROM2_PS_TO_MMOL_PER_CM2_S

_NORMAL_95 = float(ndtri(0.975))
"""Half of a 95 % interval, in standard errors."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Transport coefficients of one run.

    Attributes
    ----------
    l_per_ev_angstrom_ps, l_error_per_ev_angstrom_ps : (n_species, n_species) float array, 1/(eV angstrom ps)
        L_ij and standard errors.
    l_confidence_95_per_ev_angstrom_ps : (2, n_species, n_species) float array, 1/(eV angstrom ps)
        Lower and upper ends of the 95 % intervals; of motion that may be undone, the end nearer to zero is nearer still.
    """

    l_per_ev_angstrom_ps: NDArray[np.float64]
    l_error_per_ev_angstrom_ps: NDArray[np.float64]
    l_confidence_95_per_ev_angstrom_ps: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drive:
    """What drives the fluxes.

    Attributes
    ----------
    delta_mu_ev, delta_mu_error_ev : (n_species,) float array, eV
        Chemical potential at the far end less that at the near one, and standard errors, which are independent.
    length_angstrom : float, angstrom
        From one end to the other.
    """

    delta_mu_ev: NDArray[np.float64]
    delta_mu_error_ev: NDArray[np.float64]
    length_angstrom: float


@dataclass(frozen=True, slots=True)
class Fluxes:
    """Fluxes of the species of one system, positive from the near end to the far one.

    Attributes
    ----------
    flux_mmol_per_cm2_s, error_mmol_per_cm2_s : (n_species,) float array, mmol/(cm^2 s)
        Mean over runs and its standard error.
    confidence_95_mmol_per_cm2_s : (2, n_species) float array, mmol/(cm^2 s)
        Lower and upper ends of the 95 % intervals.
    parts_mmol_per_cm2_s : (n_species, n_species) float array, mmol/(cm^2 s)
        Of the flux of each species (row), what the chemical potential of each (column) drives; rows sum to the fluxes.
    n_runs : int
        Runs behind the mean.
    """

    flux_mmol_per_cm2_s: NDArray[np.float64]
    error_mmol_per_cm2_s: NDArray[np.float64]
    confidence_95_mmol_per_cm2_s: NDArray[np.float64]
    parts_mmol_per_cm2_s: NDArray[np.float64]
    n_runs: int


def driven_fluxes(runs: Sequence[Coefficients], drive: Drive) -> Fluxes:
    """Fluxes J_i = -sum_j L_ij dmu_j / l of a system, over runs that differ by chance alone.

    Parameters
    ----------
    runs : sequence of Coefficients
        One at least, of the same species in the same order.
    drive : Drive
        Differences of chemical potential, and the length over which they fall.

    Returns
    -------
    Fluxes
        Whatever the sign of an L_ij, it stays.

    Notes
    -----
    The mean over runs and its error are those of `Replicas`; the error of one run is that of `flux_errors`, with the
    Student's quantile of its own L_ij. Where motion is not known to last, the interval reaches to the fluxes of what is.

    Examples
    --------
    >>> l_matrix, error = np.array([[0.05]]), np.array([[0.01]])
    >>> run = Coefficients(l_matrix, error, np.array([l_matrix - 2 * error, l_matrix + 2 * error]))
    >>> found = driven_fluxes([run], Drive(np.array([-0.4]), np.zeros(1), 1.0e7))
    >>> float(found.flux_mmol_per_cm2_s[0].round(6)), found.confidence_95_mmol_per_cm2_s.ravel().round(6).tolist()
    (0.033211, [0.019926, 0.046495])
    """
    gradient = drive.delta_mu_ev / drive.length_angstrom
    mean = np.mean([one.l_per_ev_angstrom_ps for one in runs], axis=0)
    # Of the differences, not of the runs: the same in all of them.
    shared = np.sqrt(mean**2 @ (drive.delta_mu_error_ev / drive.length_angstrom) ** 2)
    of_runs = [_of_species(runs, [1.0] * len(runs), gradient, species) for species in range(len(gradient))]
    lasting = [_lasting(one) for one in runs]
    of_lasting = [_of_species(runs, lasting, gradient, species) for species in range(len(gradient))]
    ends = [
        (
            min(_widened(one, shared[species])[0] for one in (own, kept)),
            max(_widened(one, shared[species])[1] for one in (own, kept)),
        )
        for species, (own, kept) in enumerate(zip(of_runs, of_lasting, strict=True))
    ]
    scale = PER_ANGSTROM2_PS_TO_MMOL_PER_CM2_S
    return Fluxes(
        flux_mmol_per_cm2_s=np.array([one[0] for one in of_runs]) * scale,
        error_mmol_per_cm2_s=np.hypot([one[1] for one in of_runs], shared) * scale,
        confidence_95_mmol_per_cm2_s=np.array(ends).T * scale,
        parts_mmol_per_cm2_s=-mean * gradient * scale,
        n_runs=len(runs),
    )


def _of_species(
    runs: Sequence[Coefficients], factors: Sequence[float | NDArray[np.float64]], gradient: NDArray[np.float64], i: int
) -> tuple[float, float, float]:
    """Mean flux of a species, its error and half of its interval, 1/(angstrom^2 ps)."""
    values, errors = [], []
    for run, factor in zip(runs, factors, strict=True):
        l_matrix = run.l_per_ev_angstrom_ps * factor
        values.append(float(-(l_matrix @ gradient)[i]))
        errors.append(float(flux_errors(l_matrix, run.l_error_per_ev_angstrom_ps * factor, gradient)[i]))
    together = Replicas(tuple(values), tuple(errors))
    if len(runs) == 1:
        return together.mean, together.error, _quantile(runs[0], gradient, i) * errors[0]
    low, high = together.interval()
    return together.mean, together.error, (high - low) / 2.0


def _widened(flux: tuple[float, float, float], shared: float) -> tuple[float, float]:
    mean, _, half = flux
    half = float(np.hypot(half, _NORMAL_95 * shared))
    return mean - half, mean + half


def _quantile(run: Coefficients, gradient: NDArray[np.float64], i: int) -> float:
    """Largest of those behind the intervals of the L_ij of a species that is driven: of the end that no undone motion moves."""
    l_row, error = run.l_per_ev_angstrom_ps[i], run.l_error_per_ev_angstrom_ps[i]
    low, high = run.l_confidence_95_per_ev_angstrom_ps[:, i]
    reach = np.where(l_row > 0.0, high - l_row, l_row - low)
    counted = (error > 0.0) & (gradient != 0.0)
    return float((reach[counted] / error[counted]).max()) if counted.any() else 0.0


def _lasting(run: Coefficients) -> NDArray[np.float64]:
    """Share of each L_ij that is known to last, from how far the intervals of the L_ii reach down."""
    diagonal = np.diag(run.l_per_ev_angstrom_ps)
    low, high = np.diagonal(run.l_confidence_95_per_ev_angstrom_ps, axis1=1, axis2=2)
    # An interval is as far to both sides, unless motion may be undone; one with zero in it says that much by itself.
    symmetric = 2.0 * diagonal - high
    known = (symmetric > 0.0) & (low < symmetric)
    share = np.sqrt(np.where(known, np.maximum(low, 0.0) / np.where(known, symmetric, 1.0), 1.0))
    return np.outer(share, share)


def flux_errors(
    l_matrix: NDArray[np.float64], l_error: NDArray[np.float64], gradient: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Standard errors of sum_j L_ij g_j of one run, with the covariance of its L_ij.

    Parameters
    ----------
    l_matrix, l_error : (n_species, n_species) float array, any unit
        L_ij and their standard errors.
    gradient : (n_species,) float array, any unit
        The factors g_j.

    Returns
    -------
    (n_species,) float array
        In the product of the units.

    Notes
    -----
    All L_ij come from the same displacements. Of correlated random walks, products of displacements have the covariance
    of Wishart's distribution, :math:`\mathrm{cov}(L_{ij}, L_{ik}) \propto L_{ii} L_{jk} + L_{ij} L_{ik}`: correlations
    between the L_ij are taken from there (from the nearest matrix without negative eigenvalues), sizes from their errors.

    References
    ----------
    J. Wishart, Biometrika 20A, 32 (1928), doi:10.2307/2331939.

    Examples
    --------
    Two species that move as one: what drives one forward and the other back moves neither, for certain.

    >>> flux_errors(np.ones((2, 2)), np.full((2, 2), 0.3), np.array([1.0, -1.0])).round(6).tolist()
    [0.0, 0.0]
    """
    values, vectors = np.linalg.eigh((l_matrix + l_matrix.T) / 2.0)
    proper = (vectors * np.maximum(values, 0.0)) @ vectors.T
    errors = np.empty(len(gradient))
    for i, row in enumerate(proper):
        covariance = row[i] * proper + np.outer(row, row)
        scale = np.sqrt(np.diag(covariance))
        moving = scale > 0.0
        correlation = np.eye(len(row))
        correlation[np.ix_(moving, moving)] = covariance[np.ix_(moving, moving)] / np.outer(
            scale[moving], scale[moving]
        )
        driven = l_error[i] * gradient
        errors[i] = np.sqrt(max(float(driven @ correlation @ driven), 0.0))
    return errors
