"""How long ions stay: in their cages, and in a slab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError, counted
from mlip_interfaces.units import ANGSTROM2_PER_PS_TO_CM2_PER_S

N_GROUPS = 8
N_TERMS = 200
WALL_SHIFT = 0.5826
"""-zeta(1/2) / sqrt(2 pi): a wall that is looked at every dt acts as one farther out by so many sqrt(2 D dt)."""

LEAST_DEPARTURES, LEAST_SURVIVAL = 0.02, 0.3
"""Share of atoms that must leave within the longest time, and stay over one frame."""


@dataclass(frozen=True, slots=True)
class Residence:
    """Jumps of ions out of their cages.

    Attributes
    ----------
    n_jumps : int
        Jumps of all atoms over the run.
    residence_time_ps, residence_time_error_ps : float, ps
        Ion-time over jumps and its Poisson error; infinite without a jump.
    lower_bound_ps : float, ps
        Lower bound of the residence time at 95 %: ion-time over three, where there was no jump.
    jumps_by_atom : (n_atoms,) int array
        Jumps of each atom.
    """

    n_jumps: int
    residence_time_ps: float
    residence_time_error_ps: float
    lower_bound_ps: float
    jumps_by_atom: NDArray[np.int64]


def residence_times(
    displacements: NDArray[np.floating],
    frame_interval_ps: float,
    *,
    jump_distance_angstrom: float,
    smooth_frames: int = 1,
) -> Residence:
    """Count jumps: an ion has jumped when it is farther than a distance from where it last settled.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Unwrapped, drift removed.
    frame_interval_ps : float, ps
        Time between frames.
    jump_distance_angstrom : float, angstrom
        About two thirds of the distance between sites; more than ions rattle.
    smooth_frames : int, optional
        Positions are averaged over so many frames first, which turns a jump into several small steps: with a jump
        distance of half the way, jumps would be counted twice.

    Returns
    -------
    Residence
        Jumps, and the mean time between two of an ion.

    Raises
    ------
    AnalysisError
        If there are fewer frames than the average needs.

    Notes
    -----
    tau = (atoms x time) / jumps, with the error tau / sqrt(jumps) of jumps that come independently.

    Examples
    --------
    >>> hop = np.zeros((100, 2, 3))
    >>> hop[40:, 0, 0] = 3.0
    >>> found = residence_times(hop, 0.5, jump_distance_angstrom=2.0)
    >>> found.n_jumps, found.residence_time_ps, found.jumps_by_atom.tolist()
    (1, 99.0, [1, 0])
    """
    n_frames = len(displacements)
    if n_frames <= smooth_frames:
        raise AnalysisError(
            f"Residence times averaged over {counted(smooth_frames, 'frame')} need more than {n_frames}."
        )
    path = np.asarray(displacements, dtype=np.float64)
    if smooth_frames > 1:
        total = np.cumsum(np.concatenate([np.zeros_like(path[:1]), path]), axis=0)
        path = (total[smooth_frames:] - total[:-smooth_frames]) / smooth_frames
    jumps = _count_jumps(path, jump_distance_angstrom**2)
    ion_time = path.shape[1] * (len(path) - 1) * frame_interval_ps
    n_jumps = int(jumps.sum())
    time = ion_time / n_jumps if n_jumps else float("inf")
    error = time / np.sqrt(n_jumps) if n_jumps else float("inf")
    return Residence(n_jumps, time, float(error), ion_time / max(3.0, n_jumps + 1.96 * np.sqrt(n_jumps)), jumps)


@dataclass(frozen=True, slots=True)
class SlabSurvival:
    """Atoms that never left a slab, against time, and the diffusivity across it.

    Attributes
    ----------
    lags_ps : (n_lags,) float array, ps
        From zero, a frame apart.
    survival : (n_lags,) float array
        P(t) that an atom inside at t_0 was inside all the time until t_0 + t.
    diffusivity_cm2_per_s, diffusivity_error_cm2_per_s : float, cm^2/s
        Across the slab; the error from groups of atoms.
    n_atoms : int
        Atoms that were inside at any time.
    """

    lags_ps: NDArray[np.float64]
    survival: NDArray[np.float64]
    diffusivity_cm2_per_s: float
    diffusivity_error_cm2_per_s: float
    n_atoms: int


def slab_survival(
    depth: NDArray[np.floating], low: float, high: float, frame_interval_ps: float, *, max_lag_ps: float
) -> SlabSurvival:
    """Survival probability in a slab and the diffusivity across it.

    A plain MSD across an interface is not a diffusivity there: atoms leave. The decay of survival between absorbing walls is
    P(t) = sum over odd n of 8 / (pi n)^2 exp(-(n pi / W)^2 D t) for atoms spread evenly at the start. Atoms that leave and
    come back between two frames go unseen; walls farther out by 0.5826 sqrt(2 D dt) make up for that.

    Parameters
    ----------
    depth : (n_frames, n_atoms) float array, angstrom
        Unwrapped coordinate across the slab.
    low, high : float, angstrom
        Bounds of the slab.
    frame_interval_ps : float, ps
        Time between frames; steps must be short against the width.
    max_lag_ps : float, ps
        Longest time of P(t).

    Returns
    -------
    SlabSurvival
        P(t), and the D for which the formula fits it best.

    Raises
    ------
    AnalysisError
        If no atom is ever inside, or atoms leave too seldom or too fast for a diffusivity.

    Notes
    -----
    All frames are origins, so that atoms must be spread evenly over the slab at all times and not only at the start.

    References
    ----------
    P. Liu, E. Harder, B. J. Berne, J. Phys. Chem. B 108, 6595 (2004); M. Broadie, P. Glasserman, S. Kou, Math. Finance 7,
    325 (1997) for walls that are looked at now and then.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> path = rng.uniform(-20.0, 20.0, 300) + np.cumsum(rng.normal(0.0, 0.2, (1000, 300)), axis=0)
    >>> found = slab_survival(path, -5.0, 5.0, frame_interval_ps=0.04, max_lag_ps=20.0)
    >>> bool(abs(found.diffusivity_cm2_per_s - 0.5e-4) < 3.0 * found.diffusivity_error_cm2_per_s)
    True
    """
    inside = (np.asarray(depth) >= low) & (np.asarray(depth) <= high)
    if not inside.any():
        raise AnalysisError(f"No atom is between {low:g} and {high:g} angstrom.")
    from scipy.optimize import minimize_scalar

    n_lags = min(len(inside) - 1, max(2, round(max_lag_ps / frame_interval_ps)))
    stayed, started = _survivors(inside, n_lags)
    lags = np.arange(n_lags + 1, dtype=np.float64) * np.float64(frame_interval_ps)
    width = high - low
    total = started.sum(axis=0)
    survival = np.where(total > 0, stayed.sum(axis=0) / np.maximum(total, 1), np.nan)
    last = survival[np.isfinite(survival)][-1]
    if last > 1.0 - LEAST_DEPARTURES:
        raise AnalysisError(
            f"Only {100 * (1 - last):.1f} % of the atoms leave the slab within {lags[-1]:g} ps; its diffusivity across needs a "
            "longer run."
        )
    if survival[1] < LEAST_SURVIVAL:
        raise AnalysisError(f"Most atoms leave the slab within {frame_interval_ps:g} ps; write frames more often.")

    def fitted(rows: NDArray[np.int64]) -> float:
        left = stayed[rows].sum(axis=0)
        weight = started[rows].sum(axis=0)
        valid = (weight > 0) & (lags > 0)
        measured = left[valid] / weight[valid]

        def misfit(log_d: float) -> float:
            model = absorbing_slab_survival(lags[valid], float(np.exp(log_d)), width, frame_interval_ps)
            return float((weight[valid] * (measured - model) ** 2).sum())

        scale = width**2 / max(lags[-1], frame_interval_ps)
        return float(
            np.exp(minimize_scalar(misfit, bounds=(np.log(1e-6 * scale), np.log(100 * scale)), method="bounded").x)
        )

    members = np.flatnonzero(inside.any(axis=0))
    groups = [group for group in np.array_split(members, min(N_GROUPS, members.size)) if started[group].sum() > 0]
    values = [fitted(group) for group in groups]
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return SlabSurvival(
        lags_ps=lags,
        survival=survival,
        diffusivity_cm2_per_s=fitted(members) * ANGSTROM2_PER_PS_TO_CM2_PER_S,
        diffusivity_error_cm2_per_s=error * ANGSTROM2_PER_PS_TO_CM2_PER_S,
        n_atoms=int(members.size),
    )


def absorbing_slab_survival(
    time: NDArray[np.float64], diffusivity: float, width: float, frame_interval: float = 0.0
) -> NDArray[np.float64]:
    """P(t) between absorbing walls from an even start, looked at every frame interval; any consistent units.

    Parameters
    ----------
    time : (n_times,) float array
        Since the start.
    diffusivity : float
        Across the slab, D.
    width : float
        Between the walls, W.
    frame_interval : float, optional
        Between two looks; zero for all the time.

    Returns
    -------
    (n_times,) float array
        Share of the atoms that were inside at every look.

    Notes
    -----
    P(t) = sum over odd n of 8 / (pi n)^2 exp(-(n pi / W)^2 D t); with a frame interval dt, the walls are
    0.5826 sqrt(2 D dt) farther out than the slab is.

    References
    ----------
    M. Broadie, P. Glasserman, S. Kou, Math. Finance 7, 325 (1997).

    Examples
    --------
    >>> absorbing_slab_survival(np.array([0.0, 1e9]), 1.0, 1.0).round(3).tolist()
    [0.999, 0.0]
    """
    n = 2 * np.arange(N_TERMS) + 1
    sign = np.where(np.arange(N_TERMS) % 2 == 0, 1.0, -1.0)
    apart = width + 2.0 * WALL_SHIFT * np.sqrt(2.0 * diffusivity * frame_interval)
    share = 8.0 * apart / (np.pi**2 * n**2 * width) * sign * np.sin(n * np.pi * width / (2.0 * apart))
    decay = np.exp(-((n * np.pi / apart) ** 2) * diffusivity * np.asarray(time)[:, None])
    return np.asarray((share * decay).sum(axis=1))


@njit(cache=True, nogil=True)
def _count_jumps(path, distance2):  # type: ignore[no-untyped-def]
    jumps = np.zeros(path.shape[1], dtype=np.int64)
    for a in range(path.shape[1]):
        x, y, z = path[0, a, 0], path[0, a, 1], path[0, a, 2]
        for t in range(1, path.shape[0]):
            dx, dy, dz = path[t, a, 0] - x, path[t, a, 1] - y, path[t, a, 2] - z
            if dx * dx + dy * dy + dz * dz > distance2:
                jumps[a] += 1
                x, y, z = path[t, a, 0], path[t, a, 1], path[t, a, 2]
    return jumps


@njit(cache=True, nogil=True)
def _survivors(inside, n_lags):  # type: ignore[no-untyped-def]
    """Origins of each atom that stayed for each lag, and origins that could have, shape (n_atoms, n_lags + 1)."""
    n_frames, n_atoms = inside.shape
    stayed = np.zeros((n_atoms, n_lags + 1))
    started = np.zeros((n_atoms, n_lags + 1))
    for a in range(n_atoms):
        leaves = n_frames
        for t in range(n_frames - 1, -1, -1):
            if not inside[t, a]:
                leaves = t
                continue
            for lag in range(min(n_lags, n_frames - 1 - t) + 1):
                started[a, lag] += 1.0
                if t + lag < leaves:
                    stayed[a, lag] += 1.0
    return stayed, started
