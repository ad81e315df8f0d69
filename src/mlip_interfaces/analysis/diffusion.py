"""Mean squared displacement and tracer diffusivity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.crossover import (
    RELAXED,
    LongRangeSlope,
    crossover_lags,
    long_range_slope,
)
from mlip_interfaces.analysis.lag_fit import (
    QUALITY_THRESHOLD,
    LagWeights,
    candidate_strides,
    gls_weights,
    lags_of,
    quality_factor,
    walk_covariance,
)
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import ANGSTROM2_PER_PS_TO_CM2_PER_S

MIN_FRAMES = 16
BLOCK_BYTES = 400_000
"""Coordinates worked on at a time: few enough to stay in a core's cache with their spectra."""

MAPPED_BLOCKS = 16
"""Size of the memory that is taken and given back before the blocks, in blocks."""

MIN_BLOCK_ATOMS = 4
"""So many in any case: neighbours in memory are read together."""

N_BLOCKS = 8
N_RESAMPLES = 1000
FEWEST_ATOMS = 8
"""Of which the scatter of a change of their slopes is known well enough."""

BLOCKS_DISAGREE = 0.01
"""Error probability at which the scatter of blocks in time is taken to be more than that of independent atoms."""

JUMP_ANGSTROM2 = 4.5
"""A jump's worth, below which an MSD may be rattling alone (He et al., npj Comput. Mater. 4, 18 (2018))."""

NO_LINE = "its MSD is not that of a random walk"
CHANGES = "its motion is not the same in both halves of the run"
MAY_BEND = "its MSD may still bend"
BELOW_A_JUMP = f"its MSD stays below {JUMP_ANGSTROM2:g} angstrom^2, a jump's worth"
LINE_LIKELIER = 0.5
"""From which on its slope is the estimate, with the interval of all that the data allow."""

DRIVEN_SLOPE = 1.1
"""Slope d ln MSD / d ln t beyond which a motion that is no walk is driven, not held back."""

LINE_PREFERRED = 0.8
"""Probability of a line, of `crossover`, from which on it alone is believed."""

AXES = "xyz"


@dataclass(frozen=True, slots=True)
class Diffusivity:
    """Tracer diffusivity of a group of atoms.

    Attributes
    ----------
    lags_ps : (n_lags,) float array, ps
        Up to half of the run.
    msd_angstrom2, msd_error_angstrom2 : (n_lags,) float array, angstrom^2
        Mean squared displacement and its standard error over atoms.
    msd_by_direction_angstrom2 : (n_lags, 3) float array, angstrom^2
        Along x, y and z.
    diffusivity_cm2_per_s, diffusivity_error_cm2_per_s : float, cm^2/s
        Long-range slope / 6 and its standard error.
    confidence_95_cm2_per_s : tuple of float, cm^2/s
        95 % interval; contains zero, or is negative, where the data say so. Where it is not diffusion yet, the upper end is
        what is known: a bound.
    by_direction_cm2_per_s, by_direction_error_cm2_per_s : tuple of three float, cm^2/s
        Slope / 2 along x, y and z.
    error_bootstrap_cm2_per_s, error_blocks_cm2_per_s, error_walk_cm2_per_s : float, cm^2/s
        Of the line: standard errors from resampled atoms, from blocks in time (not a number in a short run), and of
        independent random walks in theory; the headline is the first, or the second where that is significantly larger,
        where the line is believed.
    n_atoms : int
        Atoms averaged.
    n_independent : float
        Atoms that would average as well if they moved independently.
    fit_lags_ps : tuple of float, ps
        First and last lag of the fit.
    line_cm2_per_s : float, cm^2/s
        Slope / 6 of the line at these lags, whether it is believed or not.
    line_probability : float
        That the MSD is a line: that none of the motion will be undone.
    run_at_least_ps : float, ps
        Length of a run that would show the line; not a number where this one does, or where the MSD grows faster than that of
        a walk: such motion is driven, and its slope no bound of anything.
    quality_factor : float
        Probability that a random walk deviates as much from the fitted line.
    quality_by_lag : tuple of tuple of float
        First lag in ps and quality factor of each choice tried.
    log_log_slope : float
        Slope d ln MSD / d ln t at the lags of the fit: 1 for diffusion, below 1 for atoms in cages.
    not_diffusive_because : tuple of str
        `NO_LINE` where a random walk deviates less from the fitted line, `MAY_BEND` where a curve explains the MSD too,
        `BELOW_A_JUMP` where the MSD does not pass 4.5 angstrom^2 within half of the run, `CHANGES`
        where the slopes of both halves of the run differ; empty where it is diffusion.
    """

    lags_ps: NDArray[np.float64]
    msd_angstrom2: NDArray[np.float64]
    msd_error_angstrom2: NDArray[np.float64]
    msd_by_direction_angstrom2: NDArray[np.float64]
    diffusivity_cm2_per_s: float
    diffusivity_error_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    by_direction_cm2_per_s: tuple[float, float, float]
    by_direction_error_cm2_per_s: tuple[float, float, float]
    error_bootstrap_cm2_per_s: float
    error_blocks_cm2_per_s: float
    error_walk_cm2_per_s: float
    n_atoms: int
    n_independent: float
    fit_lags_ps: tuple[float, float]
    line_cm2_per_s: float
    line_probability: float
    run_at_least_ps: float
    quality_factor: float
    quality_by_lag: tuple[tuple[float, float], ...]
    log_log_slope: float
    not_diffusive_because: tuple[str, ...]

    @property
    def diffusive(self) -> bool:
        """Whether the MSD is a line, and passes 4.5 angstrom^2, a jump's worth, within half of the run."""
        return not self.not_diffusive_because

    @property
    def below_cm2_per_s(self) -> float:
        """Upper end of the 95 % interval where that is what is known, cm^2/s; not a number elsewhere."""
        return self.confidence_95_cm2_per_s[1] if np.isfinite(self.run_at_least_ps) else float("nan")


def mean_msd(displacements: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean squared displacement of a group of atoms over all time origins, by FFT in double precision.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0), unwrapped; small numbers, so that single precision keeps them.

    Returns
    -------
    (n_frames,) float array, angstrom^2
        Element k is lag k.

    Notes
    -----
    MSD(k) = <|r(t + k) - r(t)|^2> over atoms and all n_frames - k origins t. Power spectra are summed over atoms before
    the one transform back.

    References
    ----------
    V. Calandrini et al., Collection SFN 12, 201 (2011).

    Examples
    --------
    >>> straight = np.arange(4.0)[:, None, None] * np.array([1.0, 0, 0])
    >>> mean_msd(straight).round(9).tolist()
    [0.0, 1.0, 4.0, 9.0]
    """
    n_frames, n_atoms, _ = displacements.shape
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(2 * n_frames, real=True)
    power = np.zeros(size // 2 + 1)
    squares = np.zeros(n_frames)
    for rows in _row_blocks(displacements):
        spectrum = rfft(rows, n=size, axis=1)
        power += np.einsum("rk,rk->k", spectrum.real, spectrum.real)
        power += np.einsum("rk,rk->k", spectrum.imag, spectrum.imag)
        squares += np.einsum("rt,rt->t", rows, rows)
    return np.asarray(_from_correlation(irfft(power, n=size)[:n_frames], squares) / n_atoms)


def msd_by_atom(displacements: NDArray[np.floating], lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean squared displacement of each atom along each direction at chosen lags, over all time origins.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0), unwrapped.
    lags : (n_lags,) int array, frames
        Below the number of frames.

    Returns
    -------
    (n_lags, n_atoms, 3) float array, angstrom^2
        Its mean over atoms, summed over directions, is `mean_msd` at these lags.

    Examples
    --------
    >>> straight = np.arange(4.0)[:, None, None] * np.array([1.0, 0, 0])
    >>> msd_by_atom(straight, np.array([1, 3])).tolist()
    [[[1.0, 0.0, 0.0]], [[9.0, 0.0, 0.0]]]
    """
    n_atoms = displacements.shape[1]
    parts = [_squares_by_row(rows, lags) for rows in _row_blocks(displacements)]
    return np.concatenate(parts).reshape(n_atoms, 3, lags.size).transpose(2, 0, 1)


def diffusivity(
    displacements: NDArray[np.floating], frame_interval_ps: float, *, first_lag_ps: float | None = None, seed: int = 0
) -> Diffusivity:
    """Diffusivity D = d MSD / dt / 6 from the slope of the MSD.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0) of the group's atoms, unwrapped, drift removed.
    frame_interval_ps : float, ps
        Time between frames.
    first_lag_ps : float, ps, optional
        First lag of the fit, which goes on to eight times as much; chosen by the quality factor if left out.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    Diffusivity
        With its standard error, interval and the MSD.

    Raises
    ------
    AnalysisError
        If there are fewer than sixteen frames or no atom, or the run is too short for the first lag.

    Notes
    -----
    The line is fitted by generalised least squares at eight equidistant lags, which start where the quality factor says
    that the MSD has become that of a random walk: short lags have the least noise. The slope is linear in the data, so it
    is the mean of one slope per atom, and resampling atoms gives its standard error whatever the correlations in time.
    Atoms that move together are not independent: the error is enlarged by what `independent_share` measures. The scatter
    of blocks in time is used where it is significantly larger still. The interval is Student's.

    A line seen in a short run may be the beginning of a curve. `crossover.long_range_slope` weighs the line against motion
    that will be undone; unless the line is preferred to all of that, error and interval are those of its posterior,
    and the value its mean, or the line's where that is likelier.

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).normal(0.0, 1.0, (2000, 60, 3)), axis=0)
    >>> found = diffusivity(walk - walk[0], frame_interval_ps=1.0)
    >>> bool(abs(found.diffusivity_cm2_per_s - 0.5e-4) < 3.0 * found.diffusivity_error_cm2_per_s < 0.05e-4)
    True
    """
    n_frames, n_atoms = displacements.shape[:2]
    if n_frames < MIN_FRAMES:
        raise AnalysisError(
            f"A diffusivity needs at least {MIN_FRAMES} frames, not {n_frames}. Write frames more often."
        )
    if n_atoms < 1:
        raise AnalysisError("A diffusivity needs at least one atom.")
    strides = candidate_strides(n_frames)
    if first_lag_ps is not None:
        strides = [max(1, round(first_lag_ps / frame_interval_ps))]
        if lags_of(strides[0], n_frames)[-1] > 0.6 * n_frames:
            longest = candidate_strides(n_frames)[-1] * frame_interval_ps
            raise AnalysisError(
                f"The run is too short for a fit from {first_lag_ps:g} ps; the first lag can be {longest:.3g} ps at most."
            )
    curve_lags, bend_lags = _curve_lags(n_frames), crossover_lags(n_frames)
    needed = np.unique(np.concatenate([curve_lags, bend_lags, _lags_of_all(strides, n_frames)]))
    samples = msd_by_atom(displacements, needed)
    fit = _walking_fit(displacements, strides, needed, samples)
    line = _line_slope(displacements, fit, seed)
    curve, curve_error = _curve(samples[np.searchsorted(needed, curve_lags)])
    mean = fit.values.mean(axis=1).sum(axis=1)
    log_slope = float(np.polyfit(np.log(fit.lags), np.log(np.maximum(mean, 1e-12)), 1)[0])
    driven = False
    doubts, bend = _doubts(fit.tried[-1][1], float(curve.sum(axis=1).max())), None
    slope: _Slope = line
    bent = samples[np.searchsorted(needed, bend_lags)].sum(axis=2)
    if bent.any():
        bend = long_range_slope(
            bent,
            n_frames,
            first_lag=strides[0],
            independent_share=partial(independent_share, displacements),
            excess=line.excess,
        )
        if bend.line_probability < LINE_PREFERRED and NO_LINE not in doubts:
            doubts = (MAY_BEND, *doubts)
        if _changes(displacements, fit):
            doubts = (CHANGES, *doubts)
        driven = CHANGES in doubts or (NO_LINE in doubts and log_slope > DRIVEN_SLOPE)
        if doubts and not driven:
            slope = _bent_slope(line, bend, samples[np.searchsorted(needed, bend.lags)])
    factor = ANGSTROM2_PER_PS_TO_CM2_PER_S / 2.0 / frame_interval_ps
    by_direction, direction_error = slope.by_direction * factor, slope.direction_error * factor
    run_ps = n_frames * frame_interval_ps
    relaxed_ps = RELAXED * frame_interval_ps * (bend.relaxation_frames if bend else float(n_frames))
    return Diffusivity(
        lags_ps=np.asarray(curve_lags * frame_interval_ps, dtype=np.float64),
        msd_angstrom2=curve.sum(axis=1),
        msd_error_angstrom2=curve_error,
        msd_by_direction_angstrom2=curve,
        diffusivity_cm2_per_s=slope.value * factor,
        diffusivity_error_cm2_per_s=slope.error * factor,
        confidence_95_cm2_per_s=(slope.interval[0] * factor, slope.interval[1] * factor),
        by_direction_cm2_per_s=(float(by_direction[0]), float(by_direction[1]), float(by_direction[2])),
        by_direction_error_cm2_per_s=(
            float(direction_error[0]),
            float(direction_error[1]),
            float(direction_error[2]),
        ),
        error_bootstrap_cm2_per_s=line.bootstrap * factor,
        error_blocks_cm2_per_s=line.blocks * factor,
        error_walk_cm2_per_s=line.walk * factor,
        n_atoms=n_atoms,
        n_independent=n_atoms * fit.independent_share,
        fit_lags_ps=(float(fit.lags[0]) * frame_interval_ps, float(fit.lags[-1]) * frame_interval_ps),
        line_cm2_per_s=line.value * factor,
        line_probability=bend.line_probability if bend else float("nan"),
        run_at_least_ps=max(relaxed_ps, 2.0 * run_ps) if doubts and not driven else float("nan"),
        quality_factor=fit.tried[-1][1],
        quality_by_lag=tuple((stride * frame_interval_ps, quality) for stride, quality in fit.tried),
        log_log_slope=log_slope,
        not_diffusive_because=doubts,
    )


@dataclass(frozen=True, slots=True)
class _Slope:
    """Slope per direction and frame, its error and 95 % interval, and those of single directions."""

    value: float
    error: float
    interval: tuple[float, float]
    by_direction: NDArray[np.float64]
    direction_error: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _LineSlope(_Slope):
    """That of the line, with its error by each of three ways, and the excess of variance that blocks in time show."""

    bootstrap: float
    blocks: float
    walk: float
    excess: float


def _line_slope(displacements: NDArray[np.floating], fit: _WalkingFit, seed: int) -> _LineSlope:
    """Generalised least squares at the lags of the fit."""
    from scipy.special import fdtrc, stdtrit

    n_frames, n_atoms = displacements.shape[:2]
    weights, share = fit.weights, fit.independent_share
    per_atom = np.einsum("k,kad->ad", weights.slope, fit.values)
    by_direction = per_atom.mean(axis=0)
    value = float(by_direction.mean())
    bootstrap, direction_error = _resampled(per_atom, share, seed)
    theory = weights.slope @ walk_covariance(n_frames, fit.lags, fit.line) @ weights.slope
    walk = float(np.sqrt(theory / (3.0 * n_atoms * share)))
    slopes = _block_slopes(displacements, weights)
    blocks = float(slopes.std(ddof=1) / np.sqrt(slopes.size)) if slopes.size > 2 else float("nan")
    pieces = 3 * n_frames // int(fit.lags[-1])
    error, freedom = (bootstrap, n_atoms - 1) if n_atoms > 1 else (walk, pieces)
    freedom, excess = max(2, min(freedom, round(n_atoms * share * pieces))), 1.0
    if np.isfinite(blocks) and error > 0.0:
        ratio = (blocks / error) ** 2
        if fdtrc(slopes.size - 1, freedom, ratio) < BLOCKS_DISAGREE:
            error, freedom, excess = blocks, slopes.size - 1, ratio
    reach = float(stdtrit(freedom, 0.975)) * error
    return _LineSlope(
        value, error, (value - reach, value + reach), by_direction, direction_error, bootstrap, blocks, walk, excess
    )


def _resampled(per_atom: NDArray[np.float64], independent_share: float, seed: int) -> tuple[float, NDArray[np.float64]]:
    """Standard errors of the mean over atoms and directions, and of that over atoms; not numbers for one atom."""
    n_atoms = len(per_atom)
    if n_atoms < 2:
        return float("nan"), np.full(3, np.nan)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_atoms, np.full(n_atoms, 1.0 / n_atoms), size=N_RESAMPLES) / n_atoms
    # Atoms that share a part of their motion scatter less about their mean than the mean does.
    shared = 1.0 / independent_share
    inflation = np.sqrt(shared / max(1.0 - (shared - 1.0) / (n_atoms - 1), 0.05))
    both = draws @ np.column_stack([per_atom.mean(axis=1), per_atom])
    errors = both.std(axis=0, ddof=1) * inflation
    return float(errors[0]), errors[1:]


def _bent_slope(line: _LineSlope, bend: LongRangeSlope, samples: NDArray[np.float64]) -> _Slope:
    """That of the posterior, which is for three directions together; single ones share its relative error.

    The value is the line's where that is likelier than all else.
    """
    value, by_direction = bend.slope / 3.0, np.einsum("k,kad->d", bend.weights, samples) / samples.shape[1]
    if bend.line_probability > LINE_LIKELIER:
        value, by_direction = line.value, line.by_direction
    error = float(np.hypot(bend.error / 3.0, value - bend.slope / 3.0))
    # The same share of the error as in the line: one direction has less data than three.
    direction_error = error * line.direction_error / (line.bootstrap or 1.0)
    return _Slope(value, error, (bend.interval[0] / 3.0, bend.interval[1] / 3.0), by_direction, direction_error)


def _doubts(quality: float, largest_msd_angstrom2: float) -> tuple[str, ...]:
    """Why the slope of the line is no diffusivity; none where it is one."""
    no_line = () if quality >= QUALITY_THRESHOLD else (NO_LINE,)
    return no_line if largest_msd_angstrom2 > JUMP_ANGSTROM2 else (*no_line, BELOW_A_JUMP)


def _changes(displacements: NDArray[np.floating], fit: _WalkingFit) -> bool:
    """Whether atoms move faster or slower in the second half of the run than in the first, by the line and beyond chance."""
    from scipy.special import fdtrc

    half, n_atoms = len(displacements) // 2, displacements.shape[1]
    if n_atoms < FEWEST_ATOMS or half <= 2 * int(fit.lags[-1]):
        return False
    first, second = (
        np.einsum("k,kad->a", fit.weights.slope, msd_by_atom(part, fit.lags))
        for part in (displacements[:half], displacements[-half:])
    )
    spread = float((second - first).std(ddof=1))
    if spread == 0.0:
        return False
    n_independent = n_atoms * fit.independent_share
    ratio = n_independent * (float((second - first).mean()) / spread) ** 2
    return bool(fdtrc(1, max(n_independent - 1.0, 1.0), ratio) < BLOCKS_DISAGREE)


def first_walking_lag(displacements: NDArray[np.floating]) -> int:
    """First lag (frames) of the fit that `diffusivity` would make: from there on, atoms walk.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0), drift removed.

    Returns
    -------
    int, frames
        The shortest lag at which the MSD is that of a random walk, or the longest one tried.

    Examples
    --------
    >>> first_walking_lag(np.cumsum(np.random.default_rng(1).normal(0.0, 1.0, (1000, 40, 3)), axis=0))
    1
    """
    strides = candidate_strides(len(displacements))
    needed = _lags_of_all(strides, len(displacements))
    return int(_walking_fit(displacements, strides, needed, msd_by_atom(displacements, needed)).lags[0])


@dataclass(frozen=True, slots=True)
class _WalkingFit:
    """Lags chosen, MSD of each atom there (n_lags, n_atoms, 3), weights and line of the fit, choices tried."""

    lags: NDArray[np.int64]
    values: NDArray[np.float64]
    weights: LagWeights
    line: tuple[float, float]
    independent_share: float
    tried: list[tuple[int, float]]


def _lags_of_all(strides: list[int], n_frames: int) -> NDArray[np.int64]:
    """Lags of the fits of all strides, ascending."""
    return np.unique(np.concatenate([lags_of(stride, n_frames) for stride in strides]))


def _walking_fit(
    displacements: NDArray[np.floating], strides: list[int], needed: NDArray[np.int64], samples: NDArray[np.float64]
) -> _WalkingFit:
    """The first stride whose MSD is that of a random walk, the last one if none is; from samples at the lags needed."""
    n_frames = len(displacements)
    tried: list[tuple[int, float]] = []
    for stride in strides:
        lags = lags_of(stride, n_frames)
        values = samples[np.searchsorted(needed, lags)]
        weights = gls_weights(n_frames, lags, values.mean(axis=(1, 2)))
        line = _line(weights, values.mean(axis=(1, 2)))
        share = independent_share(displacements, stride)
        quality = quality_factor(values.sum(axis=2).T, weights, 3.0 * walk_covariance(n_frames, lags, line), share)
        tried.append((stride, quality))
        # One more after a first pass that followed failures: what is left of the cage there hides in the noise.
        passed = [quality >= QUALITY_THRESHOLD for _, quality in tried]
        if passed[-1] and (len(tried) == 1 or passed[-2]):
            break
    return _WalkingFit(lags, values, weights, line, share, tried)


def independent_share(displacements: NDArray[np.floating], lag: int) -> float:
    """Number of independent atoms over that of atoms, from the correlations of their steps.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0), drift removed.
    lag : int, frames
        Length of a step.

    Returns
    -------
    float
        1 where atoms move independently, down to 1 / n_atoms where they move as one.

    Notes
    -----
    The mean of x_a^2 over N Gaussian walks has the variance of N / (1 + (N - 1) <rho_ab^2>) independent ones. The squared
    correlations of n steps of independent atoms are 1/n on average, which is taken off.

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(2).normal(0.0, 1.0, (500, 1, 3)), axis=0)
    >>> round(independent_share(np.repeat(walk, 10, axis=1), 1), 3)
    0.1
    """
    n_frames, n_atoms, _ = displacements.shape
    if n_atoms < 2:
        return 1.0
    part = displacements[::lag]
    steps = np.subtract(part[1:], part[:-1], dtype=np.float64).transpose(0, 2, 1).reshape(-1, n_atoms)
    n_steps = len(steps)
    size = np.sqrt(np.einsum("sa,sa->a", steps, steps))
    if not size.all():
        steps, size = steps[:, size > 0.0], size[size > 0.0]
    steps /= size
    n_moving = size.size
    if n_moving < 2 or n_steps < 2:
        return 1.0
    # The sum of squares of a Gram matrix is that of the smaller of the two it comes in. Single precision changes the
    # mean square of correlations of 1/sqrt(n) each by some 1e-6 of itself.
    steps = steps.astype(np.float32)
    gram = steps @ steps.T if n_steps < n_moving else steps.T @ steps
    squares = (float(np.einsum("ij,ij->", gram, gram, dtype=np.float64)) - n_moving) / (n_moving * (n_moving - 1))
    excess = max(0.0, squares - 1.0 / n_steps)
    return float(1.0 / (1.0 + (n_moving - 1) * excess))


def _row_blocks(displacements: NDArray[np.floating]) -> Iterator[NDArray[np.float64]]:
    """Coordinates against time, shape (3 n_block, n_frames), a block of atoms at a time in double precision."""
    n_frames, n_atoms, _ = displacements.shape
    size = max(MIN_BLOCK_ATOMS, BLOCK_BYTES // (24 * n_frames))
    # Allocators such as glibc's keep freed blocks once a larger one was freed; else every block is mapped anew, page by page.
    np.empty(MAPPED_BLOCKS * size * 24 * n_frames, dtype=np.uint8)
    for start in range(0, n_atoms, size):
        part = np.asarray(displacements[:, start : start + size], dtype=np.float64)
        yield np.ascontiguousarray(part.reshape(n_frames, -1).T)


def _from_correlation(correlation: NDArray[np.float64], squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """MSD from the sums of r(t) r(t + k) and of r(t)^2, along the last axis."""
    n_frames = squares.shape[-1]
    total = np.concatenate([np.zeros((*squares.shape[:-1], 1)), np.cumsum(squares, axis=-1)], axis=-1)
    lags = np.arange(n_frames)
    # Sum of r(t)^2 + r(t + k)^2 over all origins t.
    ends = total[..., n_frames - lags] + total[..., n_frames, None] - total[..., lags]
    return np.asarray((ends - 2.0 * correlation) / (n_frames - lags))


def _line(weights: LagWeights, values: NDArray[np.float64]) -> tuple[float, float]:
    """(a, s) of the walk that gives the theoretical covariance, neither below zero."""
    return max(float(weights.intercept @ values), 0.0), max(float(weights.slope @ values), 0.0)


def _curve_lags(n_frames: int) -> NDArray[np.int64]:
    """Lags up to half of a run, the longer the sparser."""
    last = max(2, n_frames // 2)
    return np.unique(np.concatenate([[0], np.round(np.geomspace(1, last, min(last, 120)))]).astype(np.int64))


def _curve(by_atom: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean MSD by direction at each lag, and its standard error over atoms."""
    n_lags, n_atoms, _ = by_atom.shape
    error = by_atom.sum(axis=2).std(axis=1, ddof=1) / np.sqrt(n_atoms) if n_atoms > 1 else np.zeros(n_lags)
    return by_atom.mean(axis=1), error


def _block_slopes(displacements: NDArray[np.floating], weights: LagWeights) -> NDArray[np.float64]:
    """Slope of the mean MSD per direction and frame in blocks in time; as many as leave each four times the last lag."""
    n_frames = len(displacements)
    n_blocks = min(N_BLOCKS, n_frames // (4 * int(weights.lags[-1])))
    if n_blocks < 3:
        return np.empty(0)
    bounds = np.linspace(0, n_frames, n_blocks + 1).astype(np.int64)
    values = _lagged_squares(displacements, weights.lags, bounds) / (3.0 * displacements.shape[1])
    return np.asarray(values @ weights.slope)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _squares_by_row(rows, lags):  # type: ignore[no-untyped-def]
    """Mean squared difference at each lag along each row, shape (n_rows, n_lags); few lags are cheaper so than by FFT."""
    n_rows, n_frames = rows.shape
    squares = np.empty((n_rows, lags.shape[0]))
    for r in range(n_rows):
        for k in range(lags.shape[0]):
            before, after = rows[r, : n_frames - lags[k]], rows[r, lags[k] :]
            total = 0.0
            for t in range(before.shape[0]):
                step = after[t] - before[t]
                total += step * step
            squares[r, k] = total / before.shape[0]
    return squares


@njit(cache=True, nogil=True)
def _lagged_squares(displacements, lags, bounds):  # type: ignore[no-untyped-def]
    """Sum over atoms of the squared displacement at each lag, averaged over the origins in each block of frames."""
    n_blocks = bounds.shape[0] - 1
    values = np.zeros((n_blocks, lags.shape[0]))
    n_atoms = displacements.shape[1]
    for b in range(n_blocks):
        for k in range(lags.shape[0]):
            lag = lags[k]
            total = 0.0
            for t in range(bounds[b], bounds[b + 1] - lag):
                for a in range(n_atoms):
                    for d in range(3):
                        step = np.float64(displacements[t + lag, a, d]) - np.float64(displacements[t, a, d])
                        total += step * step
            values[b, k] = total / (bounds[b + 1] - bounds[b] - lag)
    return values
