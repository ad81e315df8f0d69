"""Onsager transport coefficients from collective displacements, in time windows, with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.diffusion import BLOCKS_DISAGREE, first_walking_lag
from mlip_interfaces.analysis.lag_fit import LagWeights, candidate_strides, gls_weights, lags_of, walk_covariance
from mlip_interfaces.analysis.running_blocks import MIN_WINDOW_FRAMES
from mlip_interfaces.errors import AnalysisError, counted
from mlip_interfaces.units import BOLTZMANN_EV_PER_K, E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM

LAG_ATOMS = 100
"""Atoms of each species whose diffusivity decides the first lag."""

N_BLOCKS = 6
DIRECTIONS = {"xyz": (0, 1, 2), "xy": (0, 1), "x": (0,), "y": (1,), "z": (2,)}


@dataclass(frozen=True, slots=True)
class OnsagerSettings:
    """What transport coefficients need to know of a run.

    Attributes
    ----------
    frame_interval_ps : float, ps
        Time between frames.
    volume_angstrom3 : float, angstrom^3
        Mean volume of the cell, or of the region whose atoms are given.
    temperature_kelvin : float, K
        Of the run.
    charges : sequence of float, e
        Of one ion of each species.
    time_start_ps : float, ps
        Time of the first frame.
    directions : str
        Directions averaged, of `DIRECTIONS`.
    first_lag_ps : float or None, ps
        First lag of the fit; by default the one that the diffusivities of all species need.
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
    time_start_ps, time_end_ps : float, ps
        Of the window.
    l_per_ev_angstrom_ps, l_error_per_ev_angstrom_ps : (n_species, n_species) float array, 1/(eV angstrom ps)
        L_ij and standard errors.
    l_confidence_95_per_ev_angstrom_ps : (2, n_species, n_species) float array, 1/(eV angstrom ps)
        Lower and upper ends of the 95 % intervals of L_ij.
    l_self_per_ev_angstrom_ps : (n_species,) float array, 1/(eV angstrom ps)
        Self part of each species, N_i D_i / (V kT).
    l_self_error_per_ev_angstrom_ps : (n_species,) float array, 1/(eV angstrom ps)
        Standard error from blocks in time.
    l_distinct_per_ev_angstrom_ps : (n_species,) float array, 1/(eV angstrom ps)
        L_ii less the self part.
    l_by_direction_per_ev_angstrom_ps : (n_directions, n_species, n_species) float array, 1/(eV angstrom ps)
        L_ij of each direction that was averaged, d/dt <dX_i dX_j> / (2 kT V).
    l_error_by_direction_per_ev_angstrom_ps : (n_directions, n_species, n_species) float array, 1/(eV angstrom ps)
        Their standard errors.
    rattling_angstrom2 : (n_species,) float array, angstrom^2
        Part of <dR_i^2> per direction that does not grow with the lag.
    correlation : (n_species, n_species) float array
        L_ij / sqrt(L_ii L_jj); not a number where an L_ii is not positive.
    net_flux_per_angstrom2_ps, net_flux_error_per_angstrom2_ps : (n_species, 3) float array, 1/(angstrom^2 ps)
        N v / V along x, y and z.
    conductivity_s_per_cm, conductivity_error_s_per_cm : float, S/cm
        Conductivity e^2 sum z_i z_j L_ij and its standard error.
    nernst_einstein_s_per_cm : float, S/cm
        Conductivity of independent ions, e^2 sum z_i^2 L_ii^self.
    haven_ratio : float
        Nernst-Einstein over true conductivity; not a number where the latter is within two errors of zero.
    transference : (n_species,) float array
        Share of each species in the conductivity; not a number likewise.
    n_effective : float
        Independent pieces, window over longest lag, per direction.
    lags_ps : tuple of float, ps
        First and last lag of the fit.
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
    time_start_ps, time_end_ps : (n_intervals,) float array, ps
        Of each interval.
    flux_per_angstrom2_ps, error_per_angstrom2_ps : (n_intervals, n_species) float array, 1/(angstrom^2 ps)
        Along one direction.
    zero_since_ps : tuple of float or None, ps
        From when on every interval is within two standard errors of zero, for each species; None where the last one is
        not.
    """

    time_start_ps: NDArray[np.float64]
    time_end_ps: NDArray[np.float64]
    flux_per_angstrom2_ps: NDArray[np.float64]
    error_per_angstrom2_ps: NDArray[np.float64]
    zero_since_ps: tuple[float | None, ...]


def window_bounds(n_frames: int, n_windows: int) -> list[int]:
    """First frame of each of equal windows, and the number of frames.

    Parameters
    ----------
    n_frames : int
        Of the run.
    n_windows : int
        Number of windows.

    Returns
    -------
    list of int, frames
        One more than windows.

    Raises
    ------
    AnalysisError
        If a window has fewer than forty frames.

    Examples
    --------
    >>> window_bounds(1000, 3)
    [0, 333, 666, 1000]
    """
    bounds: list[int] = np.linspace(0, n_frames, n_windows + 1).astype(int).tolist()
    shortest = min(stop - start for start, stop in zip(bounds[:-1], bounds[1:], strict=True))
    if shortest < MIN_WINDOW_FRAMES:
        raise AnalysisError(
            f"A window of {counted(shortest, 'frame')} is too short for transport coefficients; {MIN_WINDOW_FRAMES} are needed. Ask for fewer "
            "windows, or write frames more often."
        )
    return bounds


def common_walking_lag(displacements: Sequence[NDArray[np.floating]]) -> int:
    """First lag from which the atoms of all species walk.

    Parameters
    ----------
    displacements : sequence of (n_frames, n_i, 3) float array, angstrom
        Of the atoms of each species, unwrapped, drift removed; a sample of them is looked at.

    Returns
    -------
    int, frames
        The longest of the species' lags (see `first_walking_lag`).
    """
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
    """Shorten a first lag that is too long for a window.

    Parameters
    ----------
    lag : int, frames
        As wanted.
    n_frames : int
        Of the window.

    Returns
    -------
    int, frames
        The lag, or the longest first lag that fits.

    Examples
    --------
    >>> fitting_lag(10, 400), fitting_lag(100, 400)
    (10, 40)
    """
    candidates = candidate_strides(n_frames)
    return lag if lag <= candidates[-1] else candidates[-1]


def onsager_window(displacements: Sequence[NDArray[np.floating]], settings: OnsagerSettings) -> OnsagerWindow:
    """Transport coefficients of a run as one window; see `onsager_windows`.

    Parameters
    ----------
    displacements : sequence of (n_frames, n_i, 3) float array, angstrom
        Of the atoms of each species, unwrapped, in the frame of reference wanted.
    settings : OnsagerSettings
        Of the run.

    Returns
    -------
    OnsagerWindow
        Of all frames.

    Raises
    ------
    AnalysisError
        If there are fewer than forty frames or a species has no atom.
    """
    return onsager_windows(displacements, settings, n_windows=1)[0]


def onsager_windows(
    displacements: Sequence[NDArray[np.floating]], settings: OnsagerSettings, *, n_windows: int
) -> tuple[OnsagerWindow, tuple[OnsagerWindow, ...]]:
    """Transport coefficients of a whole run, and of equal windows of it.

    Parameters
    ----------
    displacements : sequence of (n_frames, n_i, 3) float array, angstrom
        Of the atoms of each species, unwrapped, in the frame of reference wanted. The change of frame comes before: L_ij
        of one frame do not give those of another.
    settings : OnsagerSettings
        Of the run.
    n_windows : int
        Number of windows; the whole is the only one if it is one.

    Returns
    -------
    whole : OnsagerWindow
        Of all frames.
    windows : tuple of OnsagerWindow
        In order of time.

    Raises
    ------
    AnalysisError
        If a window has fewer than forty frames or a species has no atom.

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

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).normal(0.0, 1.0, (4000, 20, 3)), axis=0)
    >>> settings = OnsagerSettings(
    ...     frame_interval_ps=1.0, volume_angstrom3=1000.0, temperature_kelvin=300.0, charges=(1.0,)
    ... )
    >>> whole, _ = onsager_windows([walk - walk[0]], settings, n_windows=1)
    >>> expected = 20 * 0.5 / (1000.0 * BOLTZMANN_EV_PER_K * 300.0)
    >>> error = float(whole.l_error_per_ev_angstrom_ps[0, 0])
    >>> abs(float(whole.l_per_ev_angstrom_ps[0, 0]) - expected) < 3.0 * error < 0.6 * expected
    True
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
    """Coefficients of one window.

    Parameters
    ----------
    collective : (n_frames, n_species, 3) float array, angstrom
        Sums of displacements over the atoms of each species.
    squares : (n_species, n_lags, n_frames) float array, angstrom^2
        Sums of squared steps of single atoms, by the first frame of the step.
    counts : (n_species,) float array
        Atoms of each species.
    lags : (n_lags,) int array, frames
        Of the fit.
    settings : OnsagerSettings
        Of the run.
    start : int, frames
        First frame of the window.

    Returns
    -------
    OnsagerWindow
        The coefficients.
    """
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
    """Correlation of the motion of species, L_ij / sqrt(L_ii L_jj).

    Parameters
    ----------
    l_matrix : (n_species, n_species) float array, any unit
        Transport coefficients L_ij.

    Returns
    -------
    (n_species, n_species) float array
        Not a number where an L_ii is not positive.

    Examples
    --------
    >>> correlations(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    diagonal = np.diag(l_matrix)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, np.nan))
    return np.asarray(l_matrix / np.outer(scale, scale))


def haven_and_transference(
    l_matrix: NDArray[np.float64],
    charges: NDArray[np.float64],
    nernst_einstein: float,
    conductivity: tuple[float, float],
) -> tuple[float, NDArray[np.float64]]:
    """Haven ratio, and share of each species in the conductivity, z_i sum_j z_j L_ij / sum_ij z_i z_j L_ij.

    Parameters
    ----------
    l_matrix : (n_species, n_species) float array, any unit
        Transport coefficients L_ij.
    charges : (n_species,) float array, e
        Of one ion of each species.
    nernst_einstein : float
        Conductivity of independent ions, in the unit of the true one.
    conductivity : tuple of float
        True conductivity and its standard error.

    Returns
    -------
    haven_ratio : float
        Nernst-Einstein over true conductivity.
    transference : (n_species,) float array
        Sums to one. Both are not numbers where the conductivity is within two standard errors of zero.

    Examples
    --------
    >>> ratio, share = haven_and_transference(np.diag([3.0, 1.0]), np.array([1.0, -1.0]), 6.0, (4.0, 0.1))
    >>> ratio, share.tolist()
    (1.5, [0.75, 0.25])
    """
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
    flux, error : (n_intervals, n_species) float array, same unit
        Of each species in each interval, and its standard error.
    time_start_ps : (n_intervals,) float array, ps
        Start of each interval.

    Returns
    -------
    tuple of float or None, ps
        Start of the first of these intervals, for each species.

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
    collective : (n_frames, n_species, 3) float array, angstrom
        Sums R_i(t) - R_i(0) over the atoms of each species, unwrapped, drift removed.
    times_ps : (n_frames,) float array, ps
        Of the frames.
    l_diagonal : (n_species,) float array, 1/(eV angstrom ps)
        L_ii of each species.
    rattling_angstrom2 : (n_species,) float array, angstrom^2
        What of <dR_i^2> per direction does not grow with time, a_i.
    volume_angstrom3 : float, angstrom^3
        Of the cell.
    temperature_kelvin : float, K
        Of the run.
    axis : int, optional
        Direction, 0, 1 or 2.
    n_intervals : int, optional
        Largest number of intervals; each has at least four frames.

    Returns
    -------
    FluxHistory
        With the standard errors of fluxes that are zero on average.

    Notes
    -----
    A flux that is zero on average has the variance 2 kT L_ii / (V dt) + a_i / (V dt)^2.

    Examples
    --------
    >>> steady = np.zeros((41, 1, 3))
    >>> steady[:, 0, 2] = np.arange(41.0)
    >>> found = flux_history(
    ...     steady, np.arange(41.0), np.array([1.0]), np.zeros(1),
    ...     volume_angstrom3=100.0, temperature_kelvin=300.0, n_intervals=4,
    ... )
    >>> found.flux_per_angstrom2_ps[:, 0].tolist(), found.time_end_ps.tolist()
    ([0.01, 0.01, 0.01, 0.01], [10.0, 20.0, 30.0, 40.0])
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
    if not size.any():
        # Where nothing moves, any weights give zero: those of a walk.
        return gls_weights(n_frames, lags, lags.astype(np.float64))
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
