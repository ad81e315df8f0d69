"""Onsager transport coefficients from collective displacements, in time windows, with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import t as student_t

from mlip_interfaces.analysis.diffusion import BLOCKS_DISAGREE, diffusivity, mean_msd
from mlip_interfaces.analysis.lag_fit import LagWeights, gls_weights, lags_of, walk_covariance
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM

MIN_FRAMES = 40
N_BLOCKS = 6
DIRECTIONS = {"xyz": (0, 1, 2), "xy": (0, 1), "x": (0,), "y": (1,), "z": (2,)}

FORMAL_CHARGES: dict[str, float] = {
    "Li": 1, "Na": 1, "K": 1, "Mg": 2, "Al": 3, "Zr": 4, "La": 3, "Ta": 5, "Ti": 4, "Ge": 4, "Co": 3, "Ni": 3, "Mn": 4,
    "P": 5, "O": -2, "S": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1, "N": -3,
}  # fmt: skip
"""Oxidation states of the bulk solids; in a reacting system they change, so conductivities name the set they used."""


@dataclass(frozen=True, slots=True)
class OnsagerWindow:
    """Transport coefficients of one window of time.

    Attributes
    ----------
    time_start_ps, time_end_ps : of the window.
    l_per_ev_angstrom_ps, l_error_per_ev_angstrom_ps : L_ij and standard errors, shape (n_species, n_species),
        1/(eV angstrom ps).
    l_confidence_95_per_ev_angstrom_ps : lower and upper ends, shape (2, n_species, n_species).
    l_self_per_ev_angstrom_ps : self part of each species, N_i D_i / (V kT), shape (n_species,).
    l_self_error_per_ev_angstrom_ps : standard error from blocks in time, shape (n_species,).
    l_distinct_per_ev_angstrom_ps : L_ii less the self part, shape (n_species,).
    rattling_angstrom2 : part of <dR_i^2> per direction that does not grow with the lag, shape (n_species,).
    correlation : L_ij / sqrt(L_ii L_jj), shape (n_species, n_species); not a number where an L_ii is not positive.
    net_flux_per_angstrom2_ps, net_flux_error_per_angstrom2_ps : N v / V along x, y and z, shape (n_species, 3).
    conductivity_s_per_cm, conductivity_error_s_per_cm : e^2 sum z_i z_j L_ij.
    nernst_einstein_s_per_cm : e^2 sum z_i^2 L_ii^self.
    haven_ratio : Nernst-Einstein over true conductivity; not a number where the latter is within two errors of zero.
    transference : share of each species in the conductivity, shape (n_species,); not a number likewise.
    n_effective : independent pieces, window over longest lag, per direction.
    lags_ps : first and last lag of the fit.
    """

    time_start_ps: float
    time_end_ps: float
    l_per_ev_angstrom_ps: NDArray[np.float64]
    l_error_per_ev_angstrom_ps: NDArray[np.float64]
    l_confidence_95_per_ev_angstrom_ps: NDArray[np.float64]
    l_self_per_ev_angstrom_ps: NDArray[np.float64]
    l_self_error_per_ev_angstrom_ps: NDArray[np.float64]
    l_distinct_per_ev_angstrom_ps: NDArray[np.float64]
    rattling_angstrom2: NDArray[np.float64]
    correlation: NDArray[np.float64]
    net_flux_per_angstrom2_ps: NDArray[np.float64]
    net_flux_error_per_angstrom2_ps: NDArray[np.float64]
    conductivity_s_per_cm: float
    conductivity_error_s_per_cm: float
    nernst_einstein_s_per_cm: float
    haven_ratio: float
    transference: NDArray[np.float64]
    n_effective: float
    lags_ps: tuple[float, float]


@dataclass(frozen=True, slots=True)
class FluxHistory:
    """Net flux of each species against time.

    Attributes
    ----------
    time_start_ps, time_end_ps : of each interval, shape (n_intervals,).
    flux_per_angstrom2_ps, error_per_angstrom2_ps : along one direction, shape (n_intervals, n_species).
    zero_since_ps : start of the time from which every interval is within two standard errors of zero, for each species;
        None where the last one is not.
    """

    time_start_ps: NDArray[np.float64]
    time_end_ps: NDArray[np.float64]
    flux_per_angstrom2_ps: NDArray[np.float64]
    error_per_angstrom2_ps: NDArray[np.float64]
    zero_since_ps: tuple[float | None, ...]


def collective_displacements(
    displacements: NDArray[np.floating], species_masks: Sequence[NDArray[np.bool_]]
) -> NDArray[np.float64]:
    """Sum over the atoms of each species of r(t) - r(0).

    Parameters
    ----------
    displacements : drift removed, shape (n_frames, n_atoms, 3), angstrom.
    species_masks : atoms of each species, shape (n_atoms,) each.

    Returns
    -------
    collective : shape (n_frames, n_species, 3), angstrom.
    """
    selection = np.array(species_masks, dtype=np.float64)
    return np.asarray(np.matmul(selection, np.asarray(displacements, dtype=np.float64)))


def onsager_window(
    displacements: Sequence[NDArray[np.floating]],
    *,
    frame_interval_ps: float,
    volume_angstrom3: float,
    temperature_kelvin: float,
    charges: Sequence[float],
    time_start_ps: float = 0.0,
    directions: str = "xyz",
    first_lag_ps: float | None = None,
) -> OnsagerWindow:
    """Transport coefficients of one window of time.

    Parameters
    ----------
    displacements : of the atoms of each species, unwrapped, in the frame of reference wanted; shape (n_frames, n_i, 3)
        each, angstrom. The change of frame comes before: L_ij of one frame do not give those of another.
    frame_interval_ps : time between frames.
    volume_angstrom3 : mean volume of the cell, or of the region whose atoms are given.
    temperature_kelvin : of the run.
    charges : of each species, e.
    time_start_ps : of the first frame.
    directions : averaged, of `DIRECTIONS`.
    first_lag_ps : first lag of the fit; by default the one that the diffusivities of all species need.

    Notes
    -----
    L_ij = lim d/dt <dR_i dR_j> / (2 d kT V) with R_i the sum over atoms of a species, J_i = -sum_j L_ij grad mu_j. The mean
    velocity of the window is taken out first and reported as a net flux: in a reacting interface both are there, and a
    drift would pass for an L_ii that grows with the lag. Taking it out costs a share lag / window of the correlation,
    which is put back. One set of lags and weights serves all pairs, so that in the frame of the centre of mass
    sum_i M_i L_ij = 0 holds exactly. Errors are those of correlated random walks with the L found (the covariance of all
    products is known), or the scatter of blocks where that is significantly larger. Nothing is forced to be positive.

    References
    ----------
    K. D. Fong et al., Macromolecules 53, 9503 (2020).

    Raises
    ------
    AnalysisError
        If there are fewer than forty frames or a species has no atom.
    """
    n_frames = len(displacements[0])
    if n_frames < MIN_FRAMES:
        raise AnalysisError(
            f"A window of {n_frames} frames is too short for transport coefficients; {MIN_FRAMES} are needed. Ask for fewer "
            "windows, or write frames more often."
        )
    if any(part.shape[1] == 0 for part in displacements):
        raise AnalysisError("A species has no atom in this window.")
    axes = list(DIRECTIONS[directions])
    collective = np.stack([np.asarray(part, dtype=np.float64).sum(axis=1) for part in displacements], axis=1)
    collective = collective - collective[0]
    if first_lag_ps is None:
        found = [diffusivity(part - part[0], frame_interval_ps) for part in displacements]
        first_lag_ps = max(result.fit_lags_ps[0] for result in found)
    lags = lags_of(max(1, round(first_lag_ps / frame_interval_ps)), n_frames)
    lags = lags[lags < n_frames // 2]
    thermal = BOLTZMANN_EV_PER_K * temperature_kelvin
    factor = 1.0 / (2.0 * thermal * volume_angstrom3 * frame_interval_ps)

    products = _products(collective[:, :, axes], lags)
    weights = _common_weights(products, lags, n_frames)
    slopes = np.einsum("k,kij->ij", weights.slope, products)
    variance = _walk_variance(products, weights, n_frames) / len(axes)
    n_effective = n_frames / float(lags[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.maximum(2.0 * slopes**2 / variance, len(axes) * n_effective)
    variance, freedom = _with_blocks(collective[:, :, axes], weights, variance, freedom)
    l_matrix, l_error = slopes * factor, np.sqrt(variance) * factor
    reach = student_t.ppf(0.975, freedom) * l_error

    own = np.array([_self_slopes(part, weights, axes) for part in displacements])
    l_self = own[:, 0] * factor
    z = np.asarray(charges, dtype=np.float64)
    current = _products(np.einsum("s,tsd->td", z, collective)[:, None, axes], lags)
    sigma = float(weights.slope @ current[:, 0, 0])
    sigma_variance = _walk_variance(current, weights, n_frames) / len(axes)
    sigma_variance, _ = _with_blocks(
        np.einsum("s,tsd->td", z, collective)[:, None, axes], weights, sigma_variance, np.full((1, 1), n_effective)
    )
    to_conductivity = factor * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM
    conductivity, conductivity_error = sigma * to_conductivity, float(np.sqrt(sigma_variance[0, 0])) * to_conductivity
    nernst_einstein = float(z**2 @ l_self) * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM
    conducts = conductivity > 2.0 * conductivity_error
    duration = (n_frames - 1) * frame_interval_ps
    diagonal = np.diag(l_matrix)
    rattling = np.maximum(np.diag(np.einsum("k,kij->ij", weights.intercept, products)), 0.0)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, np.nan))
    return OnsagerWindow(
        time_start_ps=time_start_ps,
        time_end_ps=time_start_ps + duration,
        l_per_ev_angstrom_ps=l_matrix,
        l_error_per_ev_angstrom_ps=l_error,
        l_confidence_95_per_ev_angstrom_ps=np.array([l_matrix - reach, l_matrix + reach]),
        l_self_per_ev_angstrom_ps=l_self,
        l_self_error_per_ev_angstrom_ps=own[:, 1] * factor,
        l_distinct_per_ev_angstrom_ps=diagonal - l_self,
        rattling_angstrom2=rattling,
        correlation=l_matrix / np.outer(scale, scale),
        net_flux_per_angstrom2_ps=collective[-1] / (volume_angstrom3 * duration),
        net_flux_error_per_angstrom2_ps=np.repeat(
            _flux_error(diagonal, rattling, duration, volume_angstrom3, thermal)[:, None], 3, axis=1
        ),
        conductivity_s_per_cm=conductivity,
        conductivity_error_s_per_cm=conductivity_error,
        nernst_einstein_s_per_cm=nernst_einstein,
        haven_ratio=nernst_einstein / conductivity if conducts else float("nan"),
        transference=z * (l_matrix @ z) / (z @ l_matrix @ z) if conducts else np.full(z.size, np.nan),
        n_effective=n_effective,
        lags_ps=(float(lags[0]) * frame_interval_ps, float(lags[-1]) * frame_interval_ps),
    )


def flux_history(
    collective: NDArray[np.float64],
    times_ps: NDArray[np.float64],
    l_diagonal: NDArray[np.float64],
    rattling_angstrom2: NDArray[np.float64],
    *,
    volume_angstrom3: float,
    temperature_kelvin: float,
    axis: int = 2,
    n_intervals: int = 20,
) -> FluxHistory:
    """Net flux J_i = dR_i / (V dt) in intervals of time, and since when it is zero.

    Parameters
    ----------
    collective : sums over atoms, shape (n_frames, n_species, 3), angstrom.
    times_ps : shape (n_frames,).
    l_diagonal, rattling_angstrom2 : L_ii, 1/(eV angstrom ps), and what of <dR_i^2> does not grow with time, shape
        (n_species,): a flux that is zero on average has the variance 2 kT L_ii / (V dt) + a_i / (V dt)^2.
    volume_angstrom3, temperature_kelvin : of the cell.
    axis : direction.
    n_intervals : at most; each has at least four frames.
    """
    n_intervals = max(1, min(n_intervals, len(times_ps) // 4))
    bounds = np.linspace(0, len(times_ps) - 1, n_intervals + 1).astype(np.int64)
    duration = np.diff(times_ps[bounds])
    flux = np.diff(collective[bounds, :, axis], axis=0) / (volume_angstrom3 * duration[:, None])
    thermal = BOLTZMANN_EV_PER_K * temperature_kelvin
    error = np.array(
        [_flux_error(l_diagonal, rattling_angstrom2, float(dt), volume_angstrom3, thermal) for dt in duration]
    )
    since: list[float | None] = []
    for species in range(flux.shape[1]):
        moving = np.flatnonzero(np.abs(flux[:, species]) > 2.0 * error[:, species])
        last = int(moving[-1]) + 1 if moving.size else 0
        since.append(float(times_ps[bounds[last]]) if last < n_intervals else None)
    return FluxHistory(times_ps[bounds[:-1]], times_ps[bounds[1:]], flux, error, tuple(since))


def _flux_error(
    l_diagonal: NDArray[np.float64], rattling: NDArray[np.float64], duration: float, volume: float, thermal: float
) -> NDArray[np.float64]:
    """Standard error of a flux over a time, per species."""
    spread = 2.0 * thermal * volume * np.maximum(l_diagonal, 0.0) * duration + rattling
    return np.asarray(np.sqrt(spread) / (volume * duration))


def _products(collective: NDArray[np.float64], lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """<dR_i dR_j> per direction at each lag without the mean velocity, shape (n_lags, n_species, n_species)."""
    n_steps = len(collective) - 1
    velocity = (collective[-1] - collective[0]) / n_steps
    n_directions = collective.shape[2]
    products = []
    for lag in lags.tolist():
        steps = collective[lag:] - collective[:-lag] - lag * velocity
        # The velocity comes from the same walk and takes lag / window of the correlation with it.
        share = 1.0 - lag / n_steps
        products.append(np.einsum("tid,tjd->ij", steps, steps) / (len(steps) * n_directions * share))
    return np.array(products)


def _common_weights(products: NDArray[np.float64], lags: NDArray[np.int64], n_frames: int) -> LagWeights:
    """Weights for the mean of all species, each in units of its own correlation."""
    own = np.diagonal(products, axis1=1, axis2=2)
    size = own.mean(axis=0)
    moving = size > 1.0e-12 * max(float(size.max()), 1e-300)
    return gls_weights(n_frames, lags, (own[:, moving] / size[moving]).mean(axis=1))


def _walk_variance(products: NDArray[np.float64], weights: LagWeights, n_frames: int) -> NDArray[np.float64]:
    """Variance of every slope in one direction if displacements are correlated random walks, (n_species, n_species)."""
    intercepts = np.einsum("k,kij->ij", weights.intercept, products)
    slopes = np.einsum("k,kij->ij", weights.slope, products)
    floor = 1.0e-4 * np.abs(np.diagonal(products[-1])) / float(weights.lags[-1])
    own = [(max(float(intercepts[i, i]), 0.0), max(float(slopes[i, i]), float(floor[i]))) for i in range(len(slopes))]
    variance: NDArray[np.float64] = np.zeros(slopes.shape)
    for i in range(len(slopes)):
        for j in range(i + 1):
            # A cross correlation cannot exceed what its two walks allow.
            cross = [
                float(np.clip(value, -np.sqrt(first * second), np.sqrt(first * second)))
                for value, first, second in zip((intercepts[i, j], slopes[i, j]), own[i], own[j], strict=True)
            ]
            covariance = walk_covariance(n_frames, weights.lags, own[i], own[j], (cross[0], cross[1]))
            variance[i, j] = variance[j, i] = float(weights.slope @ covariance @ weights.slope)
    return variance


def _with_blocks(
    collective: NDArray[np.float64],
    weights: LagWeights,
    variance: NDArray[np.float64],
    freedom: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance and degrees of freedom from blocks in time where these scatter significantly more than random walks."""
    n_blocks = min(N_BLOCKS, len(collective) // (4 * int(weights.lags[-1])))
    if n_blocks < 4:
        return variance, freedom
    bounds = np.linspace(0, len(collective), n_blocks + 1).astype(np.int64)
    slopes = np.array(
        [
            np.einsum("k,kij->ij", weights.slope, _products(collective[start:stop], weights.lags))
            for start, stop in zip(bounds[:-1], bounds[1:], strict=True)
        ]
    )
    scatter = slopes.var(axis=0, ddof=1) / n_blocks
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = f_distribution.sf(scatter / variance, n_blocks - 1, freedom) < BLOCKS_DISAGREE
    return np.where(excess, scatter, variance), np.where(excess, n_blocks - 1.0, freedom)


def _self_slopes(displacements: NDArray[np.floating], weights: LagWeights, axes: Sequence[int]) -> tuple[float, float]:
    """Slope of sum_a <|dr_a|^2> per direction and its standard error from blocks in time, the mean velocity taken out."""
    part = np.asarray(displacements, dtype=np.float64)
    n_atoms = part.shape[1]

    def slope(piece: NDArray[np.float64]) -> float:
        n_steps = len(piece) - 1
        velocity = (piece[-1] - piece[0]).mean(axis=0) / n_steps
        free = piece - piece[0] - np.arange(len(piece))[:, None, None] * velocity
        other = [axis for axis in range(3) if axis not in axes]
        free[:, :, other] = 0.0
        return float(weights.slope @ mean_msd(free)[weights.lags] * n_atoms / len(axes))

    n_blocks = min(N_BLOCKS, len(part) // (4 * int(weights.lags[-1])))
    if n_blocks < 3:
        return slope(part), float("nan")
    bounds = np.linspace(0, len(part), n_blocks + 1).astype(np.int64)
    pieces = [slope(part[start:stop]) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]
    return slope(part), float(np.std(pieces, ddof=1) / np.sqrt(n_blocks))
