"""What a campaign does next: pure functions on the numbers of its iterations.

Nothing here reads a file, so that the same history always gives the same decision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlip_interfaces.errors import counted

StopReason = Literal["converged", "ladder used up", "stalled", "over budget", "not healthy", "not converged"]

_MIN_GAIN_IN_SHARE = 0.005
_MIN_GAIN_IN_RMSE = 0.01


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Explored frames by the committee's verdict.

    Attributes
    ----------
    accurate, candidate, failed : int
        Below, between and above the trust levels; a frame that a run never reached, and one whose deviation is no number,
        has failed.
    """

    accurate: int
    candidate: int
    failed: int

    @property
    def total(self) -> int:
        """All frames."""
        return self.accurate + self.candidate + self.failed

    def __add__(self, other: FrameCounts) -> FrameCounts:
        return FrameCounts(self.accurate + other.accurate, self.candidate + other.candidate, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class IterationOutcome:
    """One finished iteration.

    Attributes
    ----------
    rung : int
        Of the ladder, 0 first.
    systems : mapping of str to FrameCounts
        Frames of each explored model.
    n_stopped_runs : int
        Explorations that ended early.
    force_rmse_ev_per_angstrom : float or None, eV/angstrom
        Of the committee that explored, on held-out labels; None if there are none.
    n_labels : int
        Made and failed.
    label_core_hours : float, h
        Their cost.
    """

    rung: int
    systems: Mapping[str, FrameCounts]
    n_stopped_runs: int
    force_rmse_ev_per_angstrom: float | None
    n_labels: int
    label_core_hours: float

    @property
    def frames(self) -> FrameCounts:
        """Frames of all models together."""
        return sum(self.systems.values(), FrameCounts(0, 0, 0))

    @property
    def failed_share(self) -> float:
        """Share of failed frames; 1 if there is no frame."""
        return self.frames.failed / self.frames.total if self.frames.total else 1.0

    @property
    def least_accurate(self) -> tuple[str, float]:
        """The model with the smallest share of accurate frames, and that share."""
        shares = {
            name: counts.accurate / counts.total if counts.total else 0.0 for name, counts in self.systems.items()
        }
        return min(shares.items(), key=lambda item: item[1])


@dataclass(frozen=True, slots=True)
class Limits:
    """When to climb and when to stop, as the study's ``exploration`` says.

    Attributes
    ----------
    climb : {"when_healthy", "always"}
        Repeat a rung until it is healthy, or take every rung once.
    healthy_failed_fraction : float
        A rung is healthy when a smaller share of its frames failed and no run stopped early.
    converged_accurate_fraction : float
        Share of accurate frames of every model with which the last rung has converged.
    max_iterations : int
        Iterations in all.
    max_repeats : int
        Iterations in a row on one rung.
    stall_iterations : int
        Iterations on one rung that may bring nothing.
    max_labels : int or None
        Labels of the campaign, failed ones included; None for no limit.
    max_core_hours : float or None, h
        Cost of these labels; None for no limit.
    """

    climb: Literal["when_healthy", "always"]
    healthy_failed_fraction: float
    converged_accurate_fraction: float
    max_iterations: int
    max_repeats: int
    stall_iterations: int
    max_labels: int | None = None
    max_core_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes next.

    Attributes
    ----------
    action : {"explore", "stop"}
        Explore on `rung`, or end.
    rung : int
        To explore on; of a stop, the last one explored.
    reason : str
        A stop's reason, or why this rung: ``first``, ``climb`` or ``repeat``.
    sentence : str
        The reason with its numbers, for people.
    """

    action: Literal["explore", "stop"]
    rung: int
    reason: str
    sentence: str


def is_healthy(outcome: IterationOutcome, limits: Limits) -> bool:
    """Whether the rung above may be entered: few failed frames and no run that ended early.

    Parameters
    ----------
    outcome : IterationOutcome
        The rung as explored.
    limits : Limits
        How many frames may fail.

    Returns
    -------
    bool
        True if so.
    """
    return outcome.n_stopped_runs == 0 and outcome.failed_share < limits.healthy_failed_fraction


def decide(history: Sequence[IterationOutcome], n_rungs: int, limits: Limits, *, n_systems: int) -> Decision:
    """The next step of a campaign.

    Parameters
    ----------
    history : sequence of IterationOutcome
        The finished iterations, in order.
    n_rungs : int
        Length of the ladder.
    limits : Limits
        When to climb and to stop.
    n_systems : int
        Explored models; an iteration may need a label for each.

    Returns
    -------
    decision : Decision
        The same for the same arguments, always.

    Examples
    --------
    >>> limits = Limits("when_healthy", 0.1, 0.99, 40, 8, 3)
    >>> good = IterationOutcome(0, {"a": FrameCounts(90, 8, 2)}, 0, 0.1, 8, 1.0)
    >>> decide([good], 2, limits, n_systems=1).reason
    'climb'
    """
    if not history:
        return Decision("explore", 0, "first", "The first rung.")
    last = history[-1]
    if _is_converged(history, n_rungs, limits):
        name, share = last.least_accurate
        return _stop(
            last,
            "converged",
            f"In two iterations of the last rung at least {_percent(limits.converged_accurate_fraction)} of the frames of "
            f"every model were accurate (now {_percent(share)} or more; least for {name}).",
        )
    if limits.climb == "always":
        used_up = last.rung + 1 >= n_rungs
        if used_up:
            return _stop(
                last,
                "ladder used up",
                f"The ladder of {counted(n_rungs, 'rung')} was explored once, as the study asks.",
            )
        over = _over_budget(history, limits, n_systems)
        return over or Decision("explore", last.rung + 1, "climb", "The next rung, as the study asks (climb: always).")
    return (
        _over_budget(history, limits, n_systems)
        or _stalled(history, limits)
        or _climb_or_repeat(history, n_rungs, limits)
    )


def labels_left(history: Sequence[IterationOutcome], limits: Limits) -> int | None:
    """Labels that may still be made.

    Parameters
    ----------
    history : sequence of IterationOutcome
        The finished iterations.
    limits : Limits
        With the limit for the campaign.

    Returns
    -------
    int or None
        None without a limit.
    """
    if limits.max_labels is None:
        return None
    return max(0, limits.max_labels - sum(outcome.n_labels for outcome in history))


def _is_converged(history: Sequence[IterationOutcome], n_rungs: int, limits: Limits) -> bool:
    last_two = history[-2:]
    return len(last_two) == 2 and all(
        outcome.rung == n_rungs - 1
        and outcome.n_stopped_runs == 0
        and outcome.least_accurate[1] >= limits.converged_accurate_fraction
        for outcome in last_two
    )


def _over_budget(history: Sequence[IterationOutcome], limits: Limits, n_systems: int) -> Decision | None:
    last = history[-1]
    if len(history) >= limits.max_iterations:
        return _stop(
            last,
            "over budget",
            f"{counted(len(history), 'iteration')} made (exploration.max_iterations: {limits.max_iterations}).",
        )
    left = labels_left(history, limits)
    if left is not None and left < n_systems:
        return _stop(
            last,
            "over budget",
            f"{counted(left, 'label')} left of {limits.max_labels} (exploration.max_labels), fewer than one for each of "
            f"{counted(n_systems, 'model')}.",
        )
    spent = sum(outcome.label_core_hours for outcome in history)
    if limits.max_core_hours is not None and spent >= limits.max_core_hours:
        return _stop(
            last,
            "over budget",
            f"The labels cost {spent:.1f} core hours (exploration.max_core_hours: {limits.max_core_hours:g}).",
        )
    return None


def _on_this_rung(history: Sequence[IterationOutcome]) -> list[IterationOutcome]:
    """The iterations at the end of the history that share the last one's rung."""
    trailing: list[IterationOutcome] = []
    for outcome in reversed(history):
        if outcome.rung != history[-1].rung:
            break
        trailing.insert(0, outcome)
    return trailing


def _stalled(history: Sequence[IterationOutcome], limits: Limits) -> Decision | None:
    trailing = _on_this_rung(history)
    n = limits.stall_iterations
    if len(trailing) <= n:
        return None
    before, recent = trailing[:-n], trailing[-n:]
    share = [max(o.frames.accurate / max(1, o.frames.total) for o in part) for part in (before, recent)]
    rmse = [
        min((o.force_rmse_ev_per_angstrom for o in part if o.force_rmse_ev_per_angstrom is not None), default=None)
        for part in (before, recent)
    ]
    better_rmse = rmse[0] is not None and rmse[1] is not None and rmse[1] < rmse[0] * (1 - _MIN_GAIN_IN_RMSE)
    if share[1] > share[0] + _MIN_GAIN_IN_SHARE or better_rmse:
        return None
    errors = (
        "" if rmse[1] is None else f", nor the force RMSE on held-out labels (best {1000 * rmse[1]:.0f} meV/angstrom)"
    )
    return _stop(
        trailing[-1],
        "stalled",
        f"In the last {n} iterations on rung {trailing[-1].rung + 1} the share of accurate frames did not grow (best "
        f"{_percent(share[1])}){errors}.",
    )


def _climb_or_repeat(history: Sequence[IterationOutcome], n_rungs: int, limits: Limits) -> Decision:
    last = history[-1]
    healthy = is_healthy(last, limits)
    if healthy and last.rung + 1 < n_rungs:
        return Decision(
            "explore",
            last.rung + 1,
            "climb",
            f"Rung {last.rung + 1} is healthy: {_percent(last.failed_share)} of its frames failed and no run stopped early.",
        )
    n_made = len(_on_this_rung(history))
    if healthy:
        name, share = last.least_accurate
        wanted = limits.converged_accurate_fraction
        state = f"{_percent(share)} of the frames of {name} are accurate, " + (
            f"of {_percent(wanted)} wanted" if share < wanted else "and a second iteration like that is wanted"
        )
    else:
        stopped = f" and runs stopped early: {last.n_stopped_runs}" if last.n_stopped_runs else ""
        state = (
            f"rung {last.rung + 1} is not healthy: {_percent(last.failed_share)} of its frames failed "
            f"(limit {_percent(limits.healthy_failed_fraction)}){stopped}"
        )
    if n_made >= limits.max_repeats:
        return _stop(
            last,
            "not converged" if healthy else "not healthy",
            f"After {n_made} iterations on it (exploration.max_repeats) {state}.",
        )
    return Decision("explore", last.rung, "repeat", f"{state[0].upper()}{state[1:]}.")


def _stop(last: IterationOutcome, reason: StopReason, sentence: str) -> Decision:
    return Decision("stop", last.rung, reason, sentence)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@dataclass(frozen=True, slots=True)
class TrustLevels:
    """Trust levels of one iteration.

    Attributes
    ----------
    low_ev_per_angstrom, high_ev_per_angstrom : float, eV/angstrom
        Of the force deviation.
    note : str
        Why they are not the study's, empty if they are.
    """

    low_ev_per_angstrom: float
    high_ev_per_angstrom: float
    note: str = field(default="")


def trust_levels(
    mode: Literal["fixed", "adaptive"],
    low_ev_per_angstrom: float,
    high_ev_per_angstrom: float,
    *,
    force_rmse_ev_per_angstrom: float | None,
    rmse_factor: float,
    ratio: float,
) -> TrustLevels:
    """Trust levels in force, never below the committee's own force error.

    Parameters
    ----------
    mode : {"fixed", "adaptive"}
        The study's levels, or levels that follow the force error.
    low_ev_per_angstrom, high_ev_per_angstrom : float, eV/angstrom
        The study's; `low` is the floor of adaptive levels.
    force_rmse_ev_per_angstrom : float or None, eV/angstrom
        Of the committee on held-out labels, None if there are none.
    rmse_factor : float
        Adaptive lower level over that error.
    ratio : float
        Adaptive upper level over the lower one; also as near as a raised lower level comes to a fixed upper one.

    Returns
    -------
    levels : TrustLevels
        Rounded up to 0.1 meV/angstrom.

    Notes
    -----
    Deviations below the force error say nothing, so a fixed lower level is raised to that error. The window between the levels
    holds the candidates: one that closes while the lower level approaches the upper one would leave nothing to label, just
    where the committee has most to learn. So the upper level is raised, too, where it would come closer to the lower one
    than `ratio`, or than it is in the study if that is less. Both levels are continuous in the error.

    Examples
    --------
    >>> trust_levels("adaptive", 0.12, 0.3, force_rmse_ev_per_angstrom=0.085, rmse_factor=2, ratio=3)
    TrustLevels(low_ev_per_angstrom=0.17, high_ev_per_angstrom=0.51, note='2 times the force RMSE of 85 meV/angstrom')
    """
    rmse = force_rmse_ev_per_angstrom
    low, high, note = low_ev_per_angstrom, high_ev_per_angstrom, ""
    if rmse is None:
        note = "there are no held-out labels to measure the force error on"
    elif mode == "adaptive" and rmse_factor * rmse > low:
        low = rmse_factor * rmse
        note = f"{rmse_factor:g} times the force RMSE of {1000 * rmse:.0f} meV/angstrom"
    elif mode == "adaptive":
        note = f"the study's floor; the force RMSE is {1000 * rmse:.0f} meV/angstrom"
    elif rmse > low:
        note = f"raised from {low:g} to the force RMSE on held-out labels"
        nearest = min(ratio, high / low) * _rounded_up(rmse)
        if nearest > high:
            note += f", and the upper level from {high:g} with it"
        low, high = _rounded_up(rmse), max(high, nearest)
    if mode == "adaptive":
        high = ratio * low
    return TrustLevels(_rounded_up(low), _rounded_up(high), note)


def _rounded_up(level: float) -> float:
    """Up to the next 0.1 meV/angstrom: a level rounded down would be below the error it stands for."""
    return round(math.ceil(level * 1e4 - 1e-6) / 1e4, 4)
