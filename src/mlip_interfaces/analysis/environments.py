"""Motion by surroundings: displacements, hops and stays of atoms by the environment that they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.dead_time import ResidenceTime, residence_of_states
from mlip_interfaces.analysis.diffusion import JUMP_ANGSTROM2, MIN_FRAMES, NO_LINE, independent_share
from mlip_interfaces.analysis.lag_fit import (
    FEWEST_LAGS,
    QUALITY_THRESHOLD,
    LagWeights,
    candidate_strides,
    gls_weights,
    lags_of,
    quality_factor,
    walk_covariance,
)
from mlip_interfaces.analysis.lifetimes import Survival, poisson_interval, survival
from mlip_interfaces.analysis.neighbors import pairs_in_no_order
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import ANGSTROM2_PER_PS_TO_CM2_PER_S

MOST_GROUPS = 512
"""Atoms are resampled in so many groups at most: enough for an error bar, and their sums fit into memory."""

MOST_COMPARED = 20_000
"""Atoms whose correlations are looked at."""

STAYS_BELOW_A_JUMP = f"its atoms move less than {JUMP_ANGSTROM2:g} angstrom^2, a jump's worth, before they leave"
LEAVES_AT_ONCE = f"its atoms leave within the {FEWEST_LAGS} shortest lags"
FEWEST_LEAST_STAYS, MOST_CORRECTED, MOST_ELSEWHERE = 4.0, 1.5, 0.2
"""Residence times below so many least stays, those that were longer by more than this before what is hidden was put back, and those of atoms that
are seen elsewhere for more than this share of the time are doubtful."""

TOO_FEW = "fewer than two atoms were in it"


@dataclass(frozen=True, slots=True)
class Environment:
    """Motion of atoms while they are in one environment.

    Attributes
    ----------
    n_atoms_mean : float
        In it, mean over frames.
    diffusivity_cm2_per_s, diffusivity_error_cm2_per_s : float, cm^2/s
        Rate of motion while in it, and its standard error; not numbers where fewer than two atoms were.
    confidence_95_cm2_per_s : tuple of float, cm^2/s
        95 % interval.
    uncorrected_cm2_per_s : float, cm^2/s
        Slope / 6 of the displacements that start in it, wherever they go then.
    fit_lags_ps : tuple of float, ps
        First and last lag of the fit.
    quality_factor : float
        Probability that a random walk deviates as much from the fitted line.
    doubts : tuple of str
        Why it is no diffusivity, or why it is not known; empty where it is one.
    lags_ps, msd_angstrom2, msd_error_angstrom2 : (n_lags,) float array, ps and angstrom^2
        Mean squared displacement from a start in it, and its standard error.
    residence : ResidenceTime or None
        How long atoms stay. None where no atom ever stayed as long as counts.
    residence_doubts : tuple of str
        Why that is not known; empty where it is.
    entered : Survival or None
        Of the settled stays that began in the run.
    n_hops : int
        Hops out of where an atom had settled, while in it.
    hops_per_ps : float, 1/ps
        Per atom in it.
    hops_95_per_ps : tuple of float, 1/ps
        95 % interval, of independent hops.
    """

    n_atoms_mean: float
    diffusivity_cm2_per_s: float
    diffusivity_error_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    uncorrected_cm2_per_s: float
    fit_lags_ps: tuple[float, float]
    quality_factor: float
    doubts: tuple[str, ...]
    lags_ps: NDArray[np.float64]
    msd_angstrom2: NDArray[np.float64]
    msd_error_angstrom2: NDArray[np.float64]
    residence: ResidenceTime | None
    residence_doubts: tuple[str, ...]
    entered: Survival | None
    n_hops: int
    hops_per_ps: float
    hops_95_per_ps: tuple[float, float]


def neighbor_numbers(
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    center_mask: NDArray[np.bool_],
    neighbor_masks: Sequence[NDArray[np.bool_]],
    cutoffs_angstrom: Sequence[float],
) -> NDArray[np.int64]:
    """Neighbours of each centre, by kind.

    Parameters
    ----------
    positions : (n_atoms, 3) float array, angstrom
        In any periodic image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    center_mask : (n_atoms,) bool array
        Atoms whose neighbours are counted.
    neighbor_masks : sequence of (n_atoms,) bool array
        Atoms of each kind of neighbour.
    cutoffs_angstrom : sequence of float, angstrom
        How far each kind is looked for.

    Returns
    -------
    (n_centers, n_kinds) int array
        Every periodic image counted.

    Examples
    --------
    >>> positions, lithium = np.array([[0.5, 0, 0], [9.5, 0, 0], [5.0, 0, 0]]), np.array([True, False, False])
    >>> neighbor_numbers(positions, np.eye(3) * 10.0, lithium, [~lithium], [2.0]).tolist()
    [[1]]
    """
    row = np.cumsum(center_mask) - 1
    numbers = np.empty((int(center_mask.sum()), len(neighbor_masks)), dtype=np.int64)
    for kind, (mask, cutoff) in enumerate(zip(neighbor_masks, cutoffs_angstrom, strict=True)):
        first, _, _ = pairs_in_no_order(positions, cell, cutoff, first_mask=center_mask, second_mask=mask)
        numbers[:, kind] = np.bincount(row[first], minlength=len(numbers))
    return numbers


def settled(labels: NDArray[np.int16], min_frames: int) -> NDArray[np.int16]:
    """Environments without flickers: a stay shorter than so many frames belongs to the one before.

    Parameters
    ----------
    labels : (n_frames, n_atoms) int array
        Environment of each atom in each frame.
    min_frames : int
        Of a stay. One at the start of the run that is shorter belongs to the first that is not.

    Returns
    -------
    (n_frames, n_atoms) int array
        The same with longer stays.

    Examples
    --------
    >>> settled(np.array([[1], [0], [0], [1], [0], [0], [2], [2]], dtype=np.int16), 2)[:, 0].tolist()
    [0, 0, 0, 0, 0, 0, 2, 2]
    """
    return np.asarray(_settled(np.ascontiguousarray(labels), min_frames))


def stays_of(labels: NDArray[np.int16]) -> NDArray[np.int64]:
    """Stays of all atoms in their environments.

    Parameters
    ----------
    labels : (n_frames, n_atoms) int array
        Environment of each atom in each frame.

    Returns
    -------
    (n_stays, 4) int array
        Environment, first frame, frame in which the atom is elsewhere or the last of the run, and whether it left.

    Examples
    --------
    >>> stays_of(np.array([[0], [0], [1]], dtype=np.int16)).tolist()
    [[0, 0, 2, 1], [1, 2, 2, 0]]
    """
    return np.asarray(_stays(labels))


def environments(
    displacements: NDArray[np.floating],
    labels: NDArray[np.int16],
    n_environments: int,
    frame_interval_ps: float,
    *,
    jump_distance_angstrom: float,
    min_stay_frames: int = 1,
) -> list[Environment]:
    """Motion of atoms by the environment that they are in.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0), unwrapped, drift removed.
    labels : (n_frames, n_atoms) int array
        Environment of each atom in each frame, from 0, with all flickers.
    n_environments : int
        Number of environments.
    frame_interval_ps : float, ps
        Time between frames.
    jump_distance_angstrom : float, angstrom
        Farther than this from where it last settled, an atom has hopped.
    min_stay_frames : int, optional
        A stay of fewer belongs to the one before, for motion and hops; residence times have what that hides put back.

    Returns
    -------
    list of Environment
        In order of their labels.

    Raises
    ------
    AnalysisError
        If there are fewer than sixteen frames.

    Notes
    -----
    M_e(k), the mean squared displacement at lag k from a start in e, grows by 6 D of every environment that atoms pass in the
    meantime: M_e(k) = a_e + 6 sum_f D_f T_ef(k), with T_ef(k) the mean time spent in f within lag k of a start in e, which is
    counted. The slopes of M_e and T_ef over lags (generalised least squares, at most as long as the residence time) give linear
    equations for all D_f. Errors are those of the ratio estimators over atoms, enlarged where atoms move together.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat((np.arange(80) < 40)[None], 400, axis=0).astype(np.int16)
    >>> walk = np.cumsum(rng.normal(0.0, np.where(labels, 1.0, 0.3)[..., None], (400, 80, 3)), axis=0)
    >>> slow, fast = environments(walk - walk[0], labels, 2, 1.0, jump_distance_angstrom=2.0)
    >>> round(fast.diffusivity_cm2_per_s / slow.diffusivity_cm2_per_s) in (10, 11, 12)
    True
    """
    n_frames, n_atoms = labels.shape
    if n_frames < MIN_FRAMES:
        raise AnalysisError(
            f"Diffusivities of environments need at least {MIN_FRAMES} frames, not {n_frames}. Write frames more often."
        )
    residences = residence_of_states(labels, n_environments, min_stay_frames, frame_interval_ps)
    seen, labels = labels, settled(labels, min_stay_frames)
    shortly_elsewhere = seen != labels
    stays = stays_of(labels)
    watched = np.bincount(stays[:, 0], weights=stays[:, 2] - stays[:, 1], minlength=n_environments)
    ended = np.bincount(stays[:, 0], weights=stays[:, 3] * (stays[:, 2] > stays[:, 1]), minlength=n_environments)
    # As long as labels stay, for the lags of the fit.
    residence = np.divide(watched, ended, out=np.where(watched > 0, np.inf, 0.0), where=ended > 0)
    fit = _ConditionalFit(displacements, labels, n_environments, residence)
    hops = _hops(displacements, labels, jump_distance_angstrom**2, n_environments)
    shares = np.array([np.count_nonzero(labels == e) for e in range(n_environments)]) / n_frames
    found = []
    for e, stay in enumerate(residences):
        time = fit.exposure(e) * frame_interval_ps
        low, high = poisson_interval(int(hops[e]))
        found.append(
            Environment(
                n_atoms_mean=float(shares[e]),
                **fit.of(e, frame_interval_ps),
                residence=stay,
                residence_doubts=_residence_doubts(
                    stay,
                    min_stay_frames * frame_interval_ps,
                    float(shortly_elsewhere[labels == e].mean() if shares[e] else 0.0),
                ),
                entered=_survival_of_entered(stays[stays[:, 0] == e], frame_interval_ps),
                n_hops=int(hops[e]),
                hops_per_ps=float(hops[e] / time) if time else float("nan"),
                hops_95_per_ps=(low / time, high / time) if time else (float("nan"), float("nan")),
            )
        )
    return found


class _Motion(TypedDict):
    """Part of `Environment` that the fit knows."""

    diffusivity_cm2_per_s: float
    diffusivity_error_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    uncorrected_cm2_per_s: float
    fit_lags_ps: tuple[float, float]
    quality_factor: float
    doubts: tuple[str, ...]
    lags_ps: NDArray[np.float64]
    msd_angstrom2: NDArray[np.float64]
    msd_error_angstrom2: NDArray[np.float64]


def _survival_of_entered(rows: NDArray[np.int64], interval_ps: float) -> Survival | None:
    """Of the stays that began in the run and were seen for a frame at least."""
    rows = rows[(rows[:, 2] > rows[:, 1]) & (rows[:, 1] > 0)]
    return survival((rows[:, 2] - rows[:, 1]) * np.float64(interval_ps), rows[:, 3] == 1) if len(rows) else None


def _residence_doubts(stay: ResidenceTime | None, least_ps: float, elsewhere: float) -> tuple[str, ...]:
    """Why a residence time is not known as well as its error says."""
    if stay is None or not stay.n_left:
        return ()
    if not np.isfinite(stay.mean_ps):
        return (f"stays are so short that a least stay of {least_ps:.3g} ps hides most of them: lower `min_stay_ps`",)
    if stay.mean_ps < FEWEST_LEAST_STAYS * least_ps:
        return (
            f"its residence time is below {FEWEST_LEAST_STAYS:g} times the least stay of {least_ps:.3g} ps, and may be much shorter: "
            "lower `min_stay_ps`, or write frames more often",
        )
    if elsewhere > MOST_ELSEWHERE:
        return (
            f"{100 * elsewhere:.2g} % of the time its atoms are seen elsewhere for less than {least_ps:.3g} ps: where these are no vibrations, its "
            "residence time is much shorter: lower `min_stay_ps`, or write frames more often",
        )
    if stay.settled_ps > MOST_CORRECTED * stay.mean_ps:
        return (
            f"departures for less than {least_ps:.3g} ps, which are not seen, make its residence time {stay.settled_ps / stay.mean_ps:.2g} "
            "times shorter, if switching has no memory: lower `min_stay_ps`",
        )
    return ()


class _ConditionalFit:
    """Sums over origins by environment and group of atoms, and the diffusivities that explain them."""

    def __init__(
        self, displacements: NDArray[np.floating], labels: NDArray[np.int16], n_environments: int, residence: NDArray[np.float64]
    ) -> None:  # fmt: skip
        n_frames, n_atoms = labels.shape
        self._n_frames, self._residence = n_frames, residence
        longest = max(FEWEST_LAGS, int(min(residence.max(), n_frames)))
        strides = [stride for stride in candidate_strides(n_frames) if stride == 1 or FEWEST_LAGS * stride <= longest]
        self.lags = np.unique(np.concatenate([self._lags(stride, longest) for stride in strides]))
        n_groups = min(n_atoms, MOST_GROUPS)
        group = np.arange(n_atoms) * n_groups // n_atoms
        # Squares, origins and times in each environment: (n_groups, n_environments, n_lags), the last by environment too.
        self._squares, self._origins, self._times = _conditional_sums(
            displacements, labels, self.lags, n_environments, group, n_groups
        )
        compared = displacements[:, :: -(-n_atoms // MOST_COMPARED)]
        share = independent_share(compared, 1)
        excess = (1.0 / share - 1.0) / max(compared.shape[1] - 1, 1)
        self._shared = 1.0 + (n_atoms - 1) * excess
        self._inflation = float(np.sqrt(self._shared / max(1.0 - excess, 0.05)))
        weight = self._origins[:, :, 0]
        total = weight.sum(axis=0)
        self._n_effective = np.divide(total**2, (weight**2).sum(axis=0), out=np.zeros_like(total), where=total > 0)
        self._known = (self._n_effective >= 1.5) & (self._origins.sum(axis=0)[:, :FEWEST_LAGS] > 0).all(axis=1)
        self._choose(strides)

    def _lags(self, stride: int, longest: float) -> NDArray[np.int64]:
        """Lags of a fit, those beyond the residence time left out, four at least."""
        lags = lags_of(stride, self._n_frames)
        return lags[: max(FEWEST_LAGS, int(np.count_nonzero(lags <= longest)))]

    def exposure(self, e: int) -> float:
        """Frames that all atoms together spent in an environment, the last of the run left out."""
        return float(self._origins[:, e, 0].sum())

    def _choose(self, strides: list[int]) -> None:
        """For each environment the first stride at which its displacements are those of a random walk, as far as its stays allow."""
        n = self._residence.size
        self._chosen = [self._lags(1, residence) for residence in self._residence]
        self._quality = np.zeros(n)
        still = self._known.copy()
        for stride in strides:
            tried = list(self._chosen)
            for e in np.flatnonzero(still):
                lags = self._lags(stride, self._residence[e])
                fits = lags[-1] <= max(self._residence[e], FEWEST_LAGS) and lags[-1] <= self.lags[-1]
                if stride > 1 and not (fits and self._has_all(int(e), lags)):
                    still[e] = False
                    continue
                tried[e] = lags
            if not still.any():
                break
            self._chosen = tried
            self._solve()
            for e in np.flatnonzero(still):
                self._quality[e] = self._quality_of(int(e))
                still[e] = self._quality[e] < QUALITY_THRESHOLD
        self._solve()

    def _has_all(self, e: int, lags: NDArray[np.int64]) -> bool:
        return bool((self._origins[:, e, np.searchsorted(self.lags, lags)].sum(axis=0) > 0).all())

    def _rows(self, e: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """At the lags of the fit: their places, M_e (n_lags,), T_ef (n_lags, n), and origins (n_lags,)."""
        at = np.searchsorted(self.lags, self._chosen[e])
        origins = self._origins[:, e, at].sum(axis=0)
        msd = self._squares[:, e, at].sum(axis=0) / origins
        times = self._times[:, e, at].sum(axis=0) / origins[:, None]
        return at, msd, times, origins

    def _solve(self) -> None:
        """D of all environments, in angstrom^2 per frame, and what each group of atoms does to them."""
        n, n_groups = self._residence.size, len(self._squares)
        mixing, slopes = np.eye(n), np.full(n, np.nan)
        push, stir = np.zeros((n_groups, n)), np.zeros((n_groups, n, n))
        self._weights: dict[int, LagWeights] = {}
        for e in np.flatnonzero(self._known).tolist():
            at, msd, times, origins = self._rows(e)
            weights = gls_weights(self._n_frames, self._chosen[e], msd / 3.0)
            self._weights[e] = weights
            own = self._origins[:, e, at]
            slopes[e] = weights.slope @ msd
            mixing[e] = weights.slope @ times
            push[:, e] = ((self._squares[:, e, at] - msd * own) / origins) @ weights.slope
            stir[:, e] = np.einsum(
                "gkf,k->gf", (self._times[:, e, at] - times * own[..., None]) / origins[:, None], weights.slope
            )
            # Of an environment that is not known, the motion is taken to be that of where the atom came from.
            for values in (mixing[e], *stir[:, e]):
                values[e] += values[~self._known].sum()
                values[~self._known] = 0.0
        self._uncorrected = slopes / 6.0
        known = np.flatnonzero(self._known)
        self._d, self._moves = np.full(n, np.nan), np.full((n_groups, n), np.nan)
        if known.size:
            inverse = np.linalg.inv(mixing[np.ix_(known, known)])
            self._d[known] = inverse @ slopes[known] / 6.0
            pushed = push[:, known] / 6.0 - stir[:, known][:, :, known] @ self._d[known]
            self._moves[:, known] = pushed @ inverse.T

    def _quality_of(self, e: int) -> float:
        """Probability that a walk deviates as much from the line, once the passage through other environments is taken off."""
        at, msd, times, origins = self._rows(e)
        d = np.where(self._known, self._d, self._d[e])
        lags = self._chosen[e].astype(np.float64)
        line = msd - 6.0 * times @ d + 6.0 * self._d[e] * lags
        own = self._origins[:, e, at]
        parts = self._squares[:, e, at] - 6.0 * self._times[:, e, at] @ d + 6.0 * self._d[e] * lags * own
        samples = line + len(parts) * (parts - line * own) / origins
        weights = self._weights[e]
        walk = max(float(weights.intercept @ line) / 3.0, 0.0), max(float(weights.slope @ line) / 3.0, 0.0)
        present = int(max(self._chosen[e][-1] + 2, round(float(origins[0]) / max(self._n_effective[e], 1.0))))
        covariance = 3.0 * walk_covariance(present, self._chosen[e], walk)
        share = min(1.0, 1.0 / self._shared)
        return quality_factor(samples[own.any(axis=1)], weights, covariance, share)

    def of(self, e: int, interval_ps: float) -> _Motion:
        """What `Environment` has of it."""
        from scipy.special import stdtrit

        factor = ANGSTROM2_PER_PS_TO_CM2_PER_S / interval_ps
        origins = self._origins[:, e].sum(axis=0)
        there = origins > 0
        msd = self._squares[:, e].sum(axis=0)[there] / origins[there]
        spread = (self._squares[:, e][:, there] - msd * self._origins[:, e][:, there]) / origins[there]
        value = float(self._d[e])
        n_groups = len(self._squares)
        scale = np.sqrt(n_groups / max(n_groups - 1, 1)) * self._inflation
        error = float(np.sqrt((self._moves[:, e] ** 2).sum()) * scale) if self._known[e] else float("nan")
        freedom = max(1.0, self._n_effective[e] / self._shared - 1.0)
        reach = float(stdtrit(freedom, 0.975)) * error
        doubts = []
        if not self._known[e]:
            doubts.append(TOO_FEW)
        else:
            if self._residence[e] < FEWEST_LAGS:
                doubts.append(LEAVES_AT_ONCE)
            if self._quality[e] < QUALITY_THRESHOLD:
                doubts.append(NO_LINE)
            if 6.0 * value * min(self._residence[e], self._n_frames / 2) < JUMP_ANGSTROM2:
                doubts.append(STAYS_BELOW_A_JUMP)
        lags = self._chosen[e] * interval_ps
        return {
            "diffusivity_cm2_per_s": value * factor,
            "diffusivity_error_cm2_per_s": error * factor,
            "confidence_95_cm2_per_s": ((value - reach) * factor, (value + reach) * factor),
            "uncorrected_cm2_per_s": float(self._uncorrected[e]) * factor,
            "fit_lags_ps": (float(lags[0]), float(lags[-1])),
            "quality_factor": float(self._quality[e]),
            "doubts": tuple(doubts),
            "lags_ps": self.lags[there] * np.float64(interval_ps),
            "msd_angstrom2": msd,
            "msd_error_angstrom2": np.sqrt((spread**2).sum(axis=0)) * scale,
        }


@njit(cache=True, nogil=True)
def _settled(labels, min_frames):  # type: ignore[no-untyped-def]
    n_frames, n_atoms = labels.shape
    result = labels.copy()
    for a in range(n_atoms):
        begin, before = 0, -1
        while begin < n_frames:
            end = begin + 1
            while end < n_frames and labels[end, a] == labels[begin, a]:
                end += 1
            if end - begin >= min_frames:
                if before < 0:
                    for t in range(begin):
                        result[t, a] = labels[begin, a]
                before = labels[begin, a]
            elif before >= 0:
                for t in range(begin, end):
                    result[t, a] = before
            begin = end
    return result


@njit(cache=True, nogil=True)
def _stays(labels):  # type: ignore[no-untyped-def]
    n_frames, n_atoms = labels.shape
    n_stays = n_atoms
    for t in range(1, n_frames):
        for a in range(n_atoms):
            n_stays += labels[t, a] != labels[t - 1, a]
    stays = np.empty((n_stays, 4), dtype=np.int64)
    row = 0
    for a in range(n_atoms):
        begin = 0
        for t in range(1, n_frames + 1):
            if t == n_frames or labels[t, a] != labels[begin, a]:
                stays[row, 0], stays[row, 1] = labels[begin, a], begin
                stays[row, 2], stays[row, 3] = min(t, n_frames - 1), t < n_frames
                row += 1
                begin = t
    return stays


@njit(cache=True, nogil=True)
def _hops(displacements, labels, distance2, n_environments):  # type: ignore[no-untyped-def]
    """Hops by the environment that the atom was in before: farther than a distance from where it last settled."""
    hops = np.zeros(n_environments, dtype=np.int64)
    n_frames, n_atoms = labels.shape
    settled_at = displacements[0].astype(np.float64)
    for t in range(1, n_frames):
        for a in range(n_atoms):
            apart2 = 0.0
            for d in range(3):
                apart2 += (displacements[t, a, d] - settled_at[a, d]) ** 2
            if apart2 > distance2:
                hops[labels[t - 1, a]] += 1
                for d in range(3):
                    settled_at[a, d] = displacements[t, a, d]
    return hops


@njit(cache=True, nogil=True)
def _conditional_sums(displacements, labels, lags, n_environments, group, n_groups):  # type: ignore[no-untyped-def]
    """Squared displacements, origins, and frames spent in each environment, summed by group, environment at the start, and lag.

    Between two frames an atom spends half of the time in the environment of either.
    """
    n_frames, n_atoms = labels.shape
    squares = np.zeros((n_groups, n_environments, lags.shape[0]))
    origins = np.zeros((n_groups, n_environments, lags.shape[0]))
    times = np.zeros((n_groups, n_environments, lags.shape[0], n_environments))
    spent = np.zeros((n_frames, n_environments))
    path = np.empty((n_frames, 3))
    own = np.empty(n_frames, dtype=np.int64)
    for a in range(n_atoms):
        g = group[a]
        for t in range(n_frames):
            own[t] = labels[t, a]
            for d in range(3):
                path[t, d] = displacements[t, a, d]
            if t > 0:
                for e in range(n_environments):
                    spent[t, e] = spent[t - 1, e]
                spent[t, own[t - 1]] += 0.5
                spent[t, own[t]] += 0.5
        for k in range(lags.shape[0]):
            lag = lags[k]
            for t in range(n_frames - lag):
                e = own[t]
                x, y, z = path[t + lag, 0] - path[t, 0], path[t + lag, 1] - path[t, 1], path[t + lag, 2] - path[t, 2]
                squares[g, e, k] += x * x + y * y + z * z
                origins[g, e, k] += 1.0
                for f in range(n_environments):
                    times[g, e, k, f] += spent[t + lag, f] - spent[t, f]
    return squares, origins, times
