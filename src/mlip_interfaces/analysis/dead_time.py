"""Residence times of states whose short visits do not count: what a dead time hides is put back, for switching without memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.lifetimes import poisson_interval

MOST_STEPS, CONVERGED, STEP = 2000, 1e-10, 1e-4
"""Of the iteration for the rates, and the relative step of its derivatives."""


@dataclass(frozen=True, slots=True)
class ResidenceTime:
    """How long atoms stay in a state.

    Attributes
    ----------
    mean_ps, mean_error_ps : float, ps
        Of a stay, and its standard error; infinite where none was seen to leave, not a number where so many visits are shorter
        than the least that counts that no rate gives what was seen.
    mean_at_least_ps : float, ps
        Lower bound of it at 95 %.
    settled_ps : float, ps
        Time in it over departures, short visits to others counted as if they had not been: longer than the stay.
    n_stays, n_left : int
        Seen, and those of them that ended in the run.
    """

    mean_ps: float
    mean_error_ps: float
    mean_at_least_ps: float
    settled_ps: float
    n_stays: int
    n_left: int


def residence_of_states(
    labels: NDArray[np.int16], n_states: int, min_frames: int, frame_interval_ps: float
) -> list[ResidenceTime | None]:
    r"""Mean time that atoms stay in each state, where visits of fewer frames than so many are no departures.

    Parameters
    ----------
    labels : (n_frames, n_atoms) int array
        State of each atom in each frame, as seen.
    n_states : int
        Number of states.
    min_frames : int
        Of a visit that counts.
    frame_interval_ps : float, ps
        Time between frames.

    Returns
    -------
    list of ResidenceTime or None
        In order of their labels; None where no atom ever stayed so long.

    Notes
    -----
    Let an atom leave state e with probability :math:`u_e` per frame, for f with probability :math:`P_{ef}`. A visit to f is long with
    probability :math:`q_f = (1 - u_f)^{m - 1}`. Out of a long visit to e the next long one is to f with probability
    :math:`A = (1 - P D)^{-1} P Q`, with the diagonal matrices :math:`Q` of :math:`q_f` and :math:`D = 1 - Q`, and short visits take
    :math:`H = (1 - P D)^{-1} P \sigma` frames until then, with
    :math:`\sigma_f = \sum_{j<m} j u_f (1 - u_f)^{j-1}`. What is seen is the settled stay: it ends when a long visit to another state
    begins, and cannot in its first m - 1 frames. Its mean beyond these, and where it ends, are

    .. math::
       \theta_e = \frac{1 / u_e + H_e + (m - 1) A_{ee}}{1 - A_{ee}}, \qquad B_{ef} = \frac{A_{ef}}{1 - A_{ee}}

    which are solved for u and P. :math:`\theta_e` is frames in which a departure could have been seen, over departures; flickers that are
    no visits change neither. The generator is the logarithm of the matrix with :math:`1 - u_e` and :math:`u_e P_{ef}`, as visits
    between two frames are not seen either. The error is that of independent departures, carried through all of this.

    References
    ----------
    D. Colquhoun, F. J. Sigworth, in Single-Channel Recording (Plenum, 1983), ch. 11, for missed events of two states.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.cumsum(rng.random((4000, 50)) < 0.1, axis=0).astype(np.int16) % 2
    >>> first, second = residence_of_states(labels, 2, 5, 0.1)
    >>> bool(abs(first.mean_ps - 0.9) < 0.05), first.settled_ps > 1.3
    (True, True)
    """
    rows = np.asarray(_settled_stays(np.ascontiguousarray(labels), min_frames))
    stays = np.bincount(rows[:, 0], minlength=n_states)
    trials = np.bincount(rows[:, 0], weights=rows[:, 1], minlength=n_states)
    left = rows[:, 2] >= 0
    ends = np.zeros((n_states, n_states))
    np.add.at(ends, (rows[left, 0], rows[left, 2]), 1.0)
    n_left = ends.sum(axis=1)
    seen = np.divide(trials, n_left, out=np.full(n_states, np.inf), where=n_left > 0)
    where_to = np.divide(ends, n_left[:, None], out=np.zeros_like(ends), where=n_left[:, None] > 0)
    lives = _lives(seen, where_to, min_frames)
    variance = np.zeros(n_states)
    for e in np.flatnonzero(n_left).tolist():
        moved = seen.copy()
        moved[e] *= 1.0 + STEP
        with np.errstate(invalid="ignore"):
            variance += ((_lives(moved, where_to, min_frames) / lives - 1.0) / STEP) ** 2 / n_left[e]
    found: list[ResidenceTime | None] = []
    for e in range(n_states):
        if trials[e] == 0:
            found.append(None)
            continue
        least = trials[e] / poisson_interval(int(n_left[e]))[1]
        share = lives[e] / seen[e] if n_left[e] and np.isfinite(lives[e]) else 1.0
        mean, error = (lives[e], lives[e] * np.sqrt(variance[e])) if n_left[e] else (np.inf, np.inf)
        found.append(
            ResidenceTime(
                mean_ps=float(mean * frame_interval_ps),
                mean_error_ps=float(error * frame_interval_ps),
                mean_at_least_ps=float(least * share * frame_interval_ps),
                settled_ps=float(seen[e] * frame_interval_ps),
                n_stays=int(stays[e]),
                n_left=int(n_left[e]),
            )
        )
    return found


def _lives(seen: NDArray[np.float64], where_to: NDArray[np.float64], min_frames: int) -> NDArray[np.float64]:
    """Mean stay in each state, in frames, from settled stays; infinite where none ends, not a number where nothing gives these."""
    n, unknown = seen.size, np.full(seen.size, np.nan)
    leaves = np.isfinite(seen)
    u, p, identity = np.divide(1.0, seen, out=np.zeros(n), where=leaves), where_to.copy(), np.eye(n)
    for _ in range(MOST_STEPS):
        if (u >= 1.0).any():
            return unknown
        stayed = (1.0 - u) ** (min_frames - 1)
        short = np.divide(1.0 - stayed * (1.0 + (min_frames - 1) * u), u, out=np.zeros(n), where=u > 0)
        try:
            through = np.linalg.inv(identity - p * (1.0 - stayed))
        except np.linalg.LinAlgError:
            return unknown
        next_long, lost = through @ (p * stayed), through @ (p @ short)
        back = np.diag(next_long)
        life = (1.0 - back[leaves]) * seen[leaves] - lost[leaves] - (min_frames - 1) * back[leaves]
        new = u.copy()
        new[leaves] = 1.0 / np.maximum(life, 1.0)
        if (back[leaves] >= 1.0).any() or (next_long[where_to > 0] <= 0.0).any():
            return unknown
        ratio = np.divide(where_to * (1.0 - back[:, None]), next_long, out=np.zeros_like(p), where=where_to > 0)
        p = p * np.sqrt(ratio)
        p /= np.maximum(p.sum(axis=1, keepdims=True), 1e-300)
        change = np.abs(new - u).max(initial=0.0)
        u = 0.5 * (u + new)
        if change < CONVERGED:
            return _between_frames(u, p)
    return unknown


def _between_frames(u: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean stay in continuous time, in frames, of states that are seen once per frame."""
    from scipy.linalg import logm

    chain = np.diag(1.0 - u) + u[:, None] * p
    if (np.linalg.eigvals(chain).real <= 0.0).any():
        return np.full(u.size, np.nan)
    rates = -np.diag(logm(chain)).real
    return np.asarray(np.divide(1.0, rates, out=np.full(u.size, np.inf), where=(u > 0) & (rates > 0)))


@njit(cache=True, nogil=True)
def _settled_stays(labels, min_frames):  # type: ignore[no-untyped-def]
    """Settled stays: state, frames in which a departure could have been seen, and the next state or -1."""
    n_frames, n_atoms = labels.shape
    rows = np.empty((n_atoms * (n_frames // min_frames + 1), 3), dtype=np.int64)
    n = 0
    for a in range(n_atoms):
        begin, state, first = 0, -1, 0
        while begin < n_frames:
            end = begin + 1
            while end < n_frames and labels[end, a] == labels[begin, a]:
                end += 1
            if end - begin >= min_frames and labels[begin, a] != state:
                if state >= 0:
                    rows[n, 0], rows[n, 1], rows[n, 2] = state, begin - first - min_frames + 1, labels[begin, a]
                    n += 1
                state, first = labels[begin, a], begin
            begin = end
        # A visit that begins later than this is not long before the run ends.
        trials = n_frames - first - 2 * min_frames + 1
        if state >= 0 and trials > 0:
            rows[n, 0], rows[n, 1], rows[n, 2] = state, trials, -1
            n += 1
    return rows[:n]
