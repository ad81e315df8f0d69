"""Onsager transport coefficients from collective displacements, in time windows, with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.diffusion import BLOCKS_DISAGREE, first_walking_lag
from mlip_interfaces.analysis.lag_fit import LagWeights, candidate_strides, gls_weights, lags_of, walk_covariance
from mlip_interfaces.errors import AnalysisError, counted
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM

MIN_FRAMES = 40
LAG_ATOMS = 100
"""Atoms of each species whose diffusivity decides the first lag."""

N_BLOCKS = 6
DIRECTIONS = {"xyz": (0, 1, 2), "xy": (0, 1), "x": (0,), "y": (1,), "z": (2,)}

FORMAL_CHARGES: dict[str, float] = {
    "Li": 1, "Na": 1, "K": 1, "Mg": 2, "Al": 3, "Zr": 4, "La": 3, "Ta": 5, "Ti": 4, "Ge": 4, "Co": 3, "Ni": 3, "Mn": 4,
    "P": 5, "O": -2, "S": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1, "N": -3,
}  # fmt: skip
"""Oxidation states of the bulk solids; in a reacting system they change, so conductivities name the set they used."""


@dataclass(frozen=True, slots=True)
class OnsagerSettings:
    """Of a run.

    Attributes
    ----------
    frame_interval_ps : time between frames.
    volume_angstrom3 : mean volume of the cell, or of the region whose atoms are given.
    temperature_kelvin : of the run.
    charges : of each species, e.
    time_start_ps : of the first frame.
    directions : averaged, of `DIRECTIONS`.
    first_lag_ps : first lag of the fit; by default the one that the diffusivities of all species need.
    """

    frame_interval_ps: float
    volume_angstrom3: float
    temperature_kelvin: float
    charges: Sequence[float]
    time_start_ps: float = 0.0
    directions: str = "xyz"
    first_lag_ps: float | None = None


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
    l_by_direction_per_ev_angstrom_ps, l_error_by_direction_per_ev_angstrom_ps : L_ij of each direction that was averaged,
        d/dt <dX_i dX_j> / (2 kT V), and standard errors, shape (n_directions, n_species, n_species).
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
    l_by_direction_per_ev_angstrom_ps: NDArray[np.float64]
    l_error_by_direction_per_ev_angstrom_ps: NDArray[np.float64]
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


def window_bounds(n_frames: int, n_windows: int) -> list[int]:
    """First frame of each of equal windows, and the number of frames.

    Raises
    ------
    AnalysisError
        If a window has fewer than forty frames.
    """
    bounds: list[int] = np.linspace(0, n_frames, n_windows + 1).astype(int).tolist()
    shortest = min(stop - start for start, stop in zip(bounds[:-1], bounds[1:], strict=True))
    if shortest < MIN_FRAMES:
        raise AnalysisError(
            f"A window of {counted(shortest, 'frame')} is too short for transport coefficients; {MIN_FRAMES} are needed. Ask for fewer "
            "windows, or write frames more often."
        )
    return bounds


def common_walking_lag(displacements: Sequence[NDArray[np.floating]]) -> int:
    """The lag (frames) from which all species walk, from a sample of the atoms of each, shape (n_frames, n_i, 3)."""
    return max(_walking_lag(part[:, :: max(1, part.shape[1] // LAG_ATOMS)]) for part in displacements)


def _walking_lag(sample: NDArray[np.floating]) -> int:
    """Of one species; a steady flow, which is reported apart, does not count as a motion that is no walk."""
    moved = np.asarray(sample - sample[0], dtype=np.float64)
    lag = first_walking_lag(moved)
    if lag == 1 or moved.shape[1] < 2:
        return lag
    steady = np.linspace(0.0, 1.0, len(moved))[:, None, None] * moved[-1].mean(axis=0)
    return min(lag, first_walking_lag(moved - steady))


def fitting_lag(lag: int, n_frames: int) -> int:
    """A first lag, or what fits of it where it is too long for a window."""
    candidates = candidate_strides(n_frames)
    return lag if lag <= candidates[-1] else candidates[-1]


def onsager_window(displacements: Sequence[NDArray[np.floating]], settings: OnsagerSettings) -> OnsagerWindow:
    """Transport coefficients of a run as one window; see `onsager_windows`."""
    return onsager_windows(displacements, settings, n_windows=1)[0]


def onsager_windows(
    displacements: Sequence[NDArray[np.floating]], settings: OnsagerSettings, *, n_windows: int
) -> tuple[OnsagerWindow, tuple[OnsagerWindow, ...]]:
    """Transport coefficients of a whole run, and of equal windows of it.

    Parameters
    ----------
    displacements : of the atoms of each species, unwrapped, in the frame of reference wanted; shape (n_frames, n_i, 3)
        each, angstrom. The change of frame comes before: L_ij of one frame do not give those of another.
    settings : of the run.
    n_windows : the whole is the only one if it is one.

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
        If a window has fewer than forty frames or a species has no atom.
    """
    n_frames = len(displacements[0])
    bounds = window_bounds(n_frames, n_windows)
    if any(part.shape[1] == 0 for part in displacements):
        raise AnalysisError("A species has no atom.")
    axes = list(DIRECTIONS[settings.directions])
    interval = settings.frame_interval_ps
    if settings.first_lag_ps is None:
        stride = common_walking_lag(displacements)
    else:
        stride = max(1, round(settings.first_lag_ps / interval))
    lags = lags_of(stride, n_frames)
    lags = lags[lags < n_frames // 2]
    collective = np.stack([part.sum(axis=1, dtype=np.float64) for part in displacements], axis=1)
    squares = np.array([_step_squares(part, lags, np.array(axes)) for part in displacements])
    counts = np.array([part.shape[1] for part in displacements], dtype=np.float64)
    whole = _window(collective - collective[0], squares, counts, lags, settings, 0)
    if n_windows == 1:
        return whole, (whole,)
    windows = []
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        length = stop - start
        if stride <= candidate_strides(length)[-1]:
            own_lags = lags[: max(2, lags_of(stride, length).size)]
            own_lags = own_lags[own_lags < length // 2]
            part_squares = squares[:, : own_lags.size, start:stop]
        else:
            own_lags = lags_of(fitting_lag(stride, length), length)
            part_squares = np.array(
                [_step_squares(part[start:stop], own_lags, np.array(axes)) for part in displacements]
            )
        part = collective[start:stop] - collective[start]
        windows.append(_window(part, part_squares, counts, own_lags, settings, start))
    return whole, tuple(windows)


def _window(
    collective: NDArray[np.float64],
    squares: NDArray[np.float64],
    counts: NDArray[np.float64],
    lags: NDArray[np.int64],
    settings: OnsagerSettings,
    start: int,
) -> OnsagerWindow:
    """Coefficients from collective displacements (n_frames, n_species, 3) and sums of squared steps of single atoms
    (n_species, n_lags, n_frames, by first frame)."""
    n_frames = len(collective)
    from scipy.special import stdtrit

    axes = list(DIRECTIONS[settings.directions])
    interval, volume = settings.frame_interval_ps, settings.volume_angstrom3
    thermal = BOLTZMANN_EV_PER_K * settings.temperature_kelvin
    factor = 1.0 / (2.0 * thermal * volume * interval)

    products = _products(collective[:, :, axes], lags)
    weights = _common_weights(products, lags, n_frames)
    n_effective = n_frames / float(lags[-1])
    slopes, variance, freedom = _slopes(collective[:, :, axes], products, weights)
    l_matrix, l_error = slopes * factor, np.sqrt(variance) * factor
    by_direction = [(slopes, variance)]
    if len(axes) > 1:
        paths = [collective[:, :, [axis]] for axis in axes]
        by_direction = [_slopes(path, _products(path, lags), weights)[:2] for path in paths]
    reach = stdtrit(freedom, 0.975) * l_error

    l_self, l_self_error = (part * factor for part in _self_slopes(collective[:, :, axes], squares, counts, weights))
    z = np.asarray(settings.charges, dtype=np.float64)
    current_path = np.einsum("s,tsd->td", z, collective)[:, None, axes]
    current = _products(current_path, lags)
    sigma = float(weights.slope @ current[:, 0, 0])
    sigma_variance = _walk_variance(current, weights, n_frames) / len(axes)
    sigma_variance, _ = _with_blocks(current_path, weights, sigma_variance, np.full((1, 1), n_effective))
    to_conductivity = factor * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM
    conductivity, conductivity_error = sigma * to_conductivity, float(np.sqrt(sigma_variance[0, 0])) * to_conductivity
    nernst_einstein = float(z**2 @ l_self) * E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM
    haven_ratio, transference = haven_and_transference(l_matrix, z, nernst_einstein, (conductivity, conductivity_error))
    duration = (n_frames - 1) * interval
    diagonal = np.diag(l_matrix)
    rattling = np.maximum(np.diag(np.einsum("k,kij->ij", weights.intercept, products)), 0.0)
    time_start_ps = settings.time_start_ps + start * interval
    return OnsagerWindow(
        time_start_ps=time_start_ps,
        time_end_ps=time_start_ps + duration,
        l_per_ev_angstrom_ps=l_matrix,
        l_error_per_ev_angstrom_ps=l_error,
        l_confidence_95_per_ev_angstrom_ps=np.array([l_matrix - reach, l_matrix + reach]),
        l_self_per_ev_angstrom_ps=l_self,
        l_self_error_per_ev_angstrom_ps=l_self_error,
        l_distinct_per_ev_angstrom_ps=diagonal - l_self,
        l_by_direction_per_ev_angstrom_ps=np.array([slope * factor for slope, _ in by_direction]),
        l_error_by_direction_per_ev_angstrom_ps=np.array([np.sqrt(square) * factor for _, square in by_direction]),
        rattling_angstrom2=rattling,
        correlation=correlations(l_matrix),
        net_flux_per_angstrom2_ps=collective[-1] / (volume * duration),
        net_flux_error_per_angstrom2_ps=np.repeat(
            _flux_error(diagonal, rattling, duration, volume, thermal)[:, None], 3, axis=1
        ),
        conductivity_s_per_cm=conductivity,
        conductivity_error_s_per_cm=conductivity_error,
        nernst_einstein_s_per_cm=nernst_einstein,
        haven_ratio=haven_ratio,
        transference=transference,
        n_effective=n_effective,
        lags_ps=(float(lags[0]) * interval, float(lags[-1]) * interval),
    )


def correlations(l_matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """L_ij / sqrt(L_ii L_jj), shape (n_species, n_species); not a number where an L_ii is not positive."""
    diagonal = np.diag(l_matrix)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, np.nan))
    return np.asarray(l_matrix / np.outer(scale, scale))


def haven_and_transference(
    l_matrix: NDArray[np.float64],
    charges: NDArray[np.float64],
    nernst_einstein: float,
    conductivity: tuple[float, float],
) -> tuple[float, NDArray[np.float64]]:
    """Haven ratio and share of each species in the conductivity (value, error); not numbers within two errors of zero."""
    value, error = conductivity
    if not value > 2.0 * error:
        return float("nan"), np.full(charges.size, np.nan)
    return nernst_einstein / value, charges * (l_matrix @ charges) / (charges @ l_matrix @ charges)


def zero_since(
    flux: NDArray[np.float64], error: NDArray[np.float64], time_start_ps: NDArray[np.float64]
) -> tuple[float | None, ...]:
    """Since when each species' flux is within two standard errors of zero in every interval; None where the last is not.

    Parameters
    ----------
    flux, error : shape (n_intervals, n_species).
    time_start_ps : of each interval.

    Examples
    --------
    >>> zero_since(np.array([[9.0], [1.0], [-1.0]]), np.ones((3, 1)), np.array([0.0, 5.0, 10.0]))
    (5.0,)
    """
    since: list[float | None] = []
    for species in range(flux.shape[1]):
        moving = np.flatnonzero(np.abs(flux[:, species]) > 2.0 * error[:, species])
        first = int(moving[-1]) + 1 if moving.size else 0
        since.append(float(time_start_ps[first]) if first < len(flux) else None)
    return tuple(since)


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
    starts = times_ps[bounds[:-1]]
    return FluxHistory(starts, times_ps[bounds[1:]], flux, error, zero_since(flux, error, starts))


def _flux_error(
    l_diagonal: NDArray[np.float64], rattling: NDArray[np.float64], duration: float, volume: float, thermal: float
) -> NDArray[np.float64]:
    """Standard error of a flux over a time, per species."""
    spread = 2.0 * thermal * volume * np.maximum(l_diagonal, 0.0) * duration + rattling
    return np.asarray(np.sqrt(spread) / (volume * duration))


def _slopes(
    collective: NDArray[np.float64], products: NDArray[np.float64], weights: LagWeights
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Slopes of the products, their variances and degrees of freedom, shape (n_species, n_species) each."""
    n_frames, _, n_directions = collective.shape
    slopes = np.einsum("k,kij->ij", weights.slope, products)
    variance = _walk_variance(products, weights, n_frames) / n_directions
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.maximum(2.0 * slopes**2 / variance, n_directions * n_frames / float(weights.lags[-1]))
    variance, freedom = _with_blocks(collective, weights, variance, freedom)
    return slopes, variance, freedom


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
    from scipy.special import fdtrc

    bounds = np.linspace(0, len(collective), n_blocks + 1).astype(np.int64)
    slopes = np.array(
        [
            np.einsum("k,kij->ij", weights.slope, _products(collective[start:stop], weights.lags))
            for start, stop in zip(bounds[:-1], bounds[1:], strict=True)
        ]
    )
    scatter = slopes.var(axis=0, ddof=1) / n_blocks
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = fdtrc(n_blocks - 1, freedom, scatter / variance) < BLOCKS_DISAGREE
    return np.where(excess, scatter, variance), np.where(excess, n_blocks - 1.0, freedom)


def _self_slopes(
    collective: NDArray[np.float64], squares: NDArray[np.float64], counts: NDArray[np.float64], weights: LagWeights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope of sum_a <|dr_a|^2> per direction without the mean velocity, and its standard error from blocks in time."""
    n_frames, n_species, n_directions = collective.shape

    def slopes(start: int, stop: int) -> NDArray[np.float64]:
        # |dr - k v|^2 summed over atoms is sum |dr|^2 - 2 k v dR + N k^2 v^2, with N v = dR / dt of the whole piece.
        n_steps = stop - start - 1
        velocity = (collective[stop - 1] - collective[start]) / n_steps
        values = np.empty((weights.lags.size, n_species))
        for row, lag in enumerate(weights.lags.tolist()):
            mean = squares[:, row, start : stop - lag].mean(axis=1)
            moved = (collective[start + lag : stop] - collective[start : stop - lag]).mean(axis=0)
            values[row] = mean - 2 * lag * (velocity * moved).sum(axis=1) / counts
            values[row] += lag**2 * (velocity**2).sum(axis=1) / counts
        return np.asarray(weights.slope @ values / n_directions)

    n_blocks = min(N_BLOCKS, n_frames // (4 * int(weights.lags[-1])))
    if n_blocks < 3:
        return slopes(0, n_frames), np.full(n_species, np.nan)
    bounds = np.linspace(0, n_frames, n_blocks + 1).astype(int).tolist()
    pieces = np.array([slopes(start, stop) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)])
    return slopes(0, n_frames), pieces.std(axis=0, ddof=1) / np.sqrt(n_blocks)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _step_squares(displacements, lags, axes):  # type: ignore[no-untyped-def]
    """Sum over atoms of the squared step along the axes that starts at each frame, shape (n_lags, n_frames)."""
    n_frames, n_atoms, _ = displacements.shape
    squares = np.zeros((lags.shape[0], n_frames))
    for k in range(lags.shape[0]):
        lag = lags[k]
        for t in range(n_frames - lag):
            total = 0.0
            if axes.shape[0] == 3:
                for a in range(n_atoms):
                    x = np.float64(displacements[t + lag, a, 0]) - np.float64(displacements[t, a, 0])
                    y = np.float64(displacements[t + lag, a, 1]) - np.float64(displacements[t, a, 1])
                    z = np.float64(displacements[t + lag, a, 2]) - np.float64(displacements[t, a, 2])
                    total += x * x + y * y + z * z
            else:
                for a in range(n_atoms):
                    for d in axes:
                        step = np.float64(displacements[t + lag, a, d]) - np.float64(displacements[t, a, d])
                        total += step * step
            squares[k, t] = total
    return squares
