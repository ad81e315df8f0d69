"""Which thickness of a coating to take, from its losses and its diffusivities; or what would decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from mlip_interfaces.analysis.replicas import Comparison, Replicas, compare, holm, replicas_needed, time_needed

Protection = Literal["reduced", "not reduced", "undecided", "no data"]
Transport = Literal["kept", "below", "reference", "undecided", "no data"]
Verdict = Literal["qualifies", "excluded", "undecided"]
Outcome = Literal["recommended", "none qualifies", "undecided"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a thickness must show.

    Attributes
    ----------
    level : float
        Largest chance of a wrong recommendation.
    smallest_reduction : float
        A reduction of the loss by less than this share of it is none.
    largest_drop : float
        The diffusivity must be shown to lie above one less this share of that of the thinnest coating.
    power : float
        Chance to decide with the run time, or the runs, that are asked for.
    """

    level: float = 0.05
    smallest_reduction: float = 0.2
    largest_drop: float = 0.5
    power: float = 0.8


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thickness.

    Attributes
    ----------
    thickness_angstrom : float, angstrom
        Of the coating.
    p_reduced, p_kept, p_below : float or None
        That chance alone gives as low a loss, as high a diffusivity against the largest drop, and as low a diffusivity
        against that of the thinnest coating (this one adjusted for the number of thicknesses); None without data.
    p_qualifies : float or None
        Of all that it must show, adjusted for the number of thicknesses.
    protection : {"reduced", "not reduced", "undecided", "no data"}
        Of the loss against that without coating.
    transport : {"kept", "below", "reference", "undecided", "no data"}
        Of the diffusivity against that of the thinnest coating.
    verdict : {"qualifies", "excluded", "undecided"}
        Of both.
    loss_times, transport_times : float or None
        How many times longer the runs must be to decide; infinite where no time does, None where it is decided or without data.
    loss_runs, transport_runs : int or None
        How many runs of each thickness would decide, as they are long.
    """

    thickness_angstrom: float
    p_reduced: float | None
    p_kept: float | None
    p_below: float | None
    p_qualifies: float | None
    protection: Protection
    transport: Transport
    verdict: Verdict
    loss_times: float | None = None
    transport_times: float | None = None
    loss_runs: int | None = None
    transport_runs: int | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer.

    Attributes
    ----------
    outcome : {"recommended", "none qualifies", "undecided"}
        In a word.
    thickness_angstrom : float or None, angstrom
        The thickest that qualifies.
    confidence : float or None
        One less its adjusted p-value.
    loss_reference_angstrom, transport_reference_angstrom : float or None, angstrom
        What losses and diffusivities are held against; None without data.
    candidates : tuple of Candidate
        From thin to thick.
    """

    outcome: Outcome
    thickness_angstrom: float | None
    confidence: float | None
    loss_reference_angstrom: float | None
    transport_reference_angstrom: float | None
    candidates: tuple[Candidate, ...]

    @property
    def undecided_beyond(self) -> tuple[Candidate, ...]:
        """Undecided thicknesses above the one recommended; all undecided ones where none is."""
        least = -1.0 if self.thickness_angstrom is None else self.thickness_angstrom
        return tuple(c for c in self.candidates if c.verdict == "undecided" and c.thickness_angstrom > least)


def recommend_thickness(
    loss: Mapping[float, Replicas],
    diffusivity: Mapping[float, Replicas],
    *,
    not_diffusive: Collection[float] = (),
    rule: Rule | None = None,
) -> Recommendation:
    """The thickest coating that is shown to reduce the loss and to keep the diffusivity.

    Parameters
    ----------
    loss : mapping of float to Replicas
        By thickness: what is lost of the electrolyte; the thinnest, best zero, is what others are held against.
    diffusivity : mapping of float to Replicas
        By thickness, of the coating's mobile ion; the thinnest above zero is what others are held against.
    not_diffusive : collection of float, optional
        Thicknesses whose runs are too short for a diffusivity: they are never said to keep it.
    rule : Rule, optional
        Level and margins.

    Returns
    -------
    Recommendation
        Of every thickness but the thinnest with a loss.

    Notes
    -----
    A thickness qualifies when its loss is significantly below that of the thinnest, when its D is not significantly below
    that of the thinnest coating, and when D is significantly above ``1 - largest_drop`` of that: a noisy D is never "not
    significantly below" for want of data. The tests of one thickness are joined by the largest p-value (an intersection of
    hypotheses needs no correction), those of several by Holm's method: the chance that what is recommended does not protect,
    or loses more than ``largest_drop`` of D, is at most `Rule.level`.

    References
    ----------
    R. L. Berger, Technometrics 24, 295 (1982), for the joined tests; S. Holm, Scand. J. Statist. 6, 65 (1979).

    Examples
    --------
    >>> loss = {0.0: Replicas((0.5,), (0.04,)), 5.0: Replicas((0.2,), (0.03,)), 10.0: Replicas((0.1,), (0.03,))}
    >>> found = recommend_thickness(loss, {5.0: Replicas((6.0,), (0.4,)), 10.0: Replicas((5.8,), (0.5,))})
    >>> found.outcome, found.thickness_angstrom
    ('recommended', 10.0)
    """
    rule = rule or Rule()
    loss_reference = min(loss, default=None)
    coated = sorted(thickness for thickness in {*loss, *diffusivity} if thickness > 0.0)
    transport_reference = min((t for t in diffusivity if t > 0.0), default=None)
    thicknesses = [thickness for thickness in coated if thickness != loss_reference]
    n_tests = max(1, len(thicknesses))
    reduced = {
        t: compare(loss[loss_reference], loss[t]) for t in thicknesses if loss_reference is not None and t in loss
    }
    kept, below = _of_transport(diffusivity, transport_reference, thicknesses, not_diffusive, rule)
    p_below = dict(zip(below, holm([found.p_value for found in below.values()]), strict=True))
    joined = [_joined(t, reduced, kept, transport_reference) for t in thicknesses]
    found = []
    for thickness, p_qualifies in zip(thicknesses, holm([1.0 if p is None else p for p in joined]), strict=True):
        protection, loss_times, loss_runs = _protection(loss, loss_reference, thickness, reduced, n_tests, rule)
        transport, transport_times, transport_runs = _transport(
            diffusivity, transport_reference, thickness, kept, below, p_below, n_tests, rule
        )
        qualifies = (
            p_qualifies <= rule.level and transport in ("kept", "reference", "undecided") and protection != "no data"
        )
        if qualifies:
            protection, transport = "reduced", "reference" if thickness == transport_reference else "kept"
            loss_times = transport_times = loss_runs = transport_runs = None
        excluded = protection == "not reduced" or transport == "below"
        found.append(
            Candidate(
                thickness_angstrom=thickness,
                p_reduced=reduced[thickness].p_value if thickness in reduced else None,
                p_kept=kept[thickness].p_value if thickness in kept else None,
                p_below=p_below.get(thickness),
                p_qualifies=p_qualifies if thickness in reduced else None,
                protection=protection,
                transport=transport,
                verdict="qualifies" if qualifies else "excluded" if excluded else "undecided",
                loss_times=None if excluded else loss_times,
                transport_times=None if excluded else transport_times,
                loss_runs=None if excluded else loss_runs,
                transport_runs=None if excluded else transport_runs,
            )
        )
    best = max((c for c in found if c.verdict == "qualifies"), key=lambda c: c.thickness_angstrom, default=None)
    undecided = any(c.verdict == "undecided" for c in found) or not found
    return Recommendation(
        outcome="recommended" if best is not None else "undecided" if undecided else "none qualifies",
        thickness_angstrom=None if best is None else best.thickness_angstrom,
        confidence=None if best is None or best.p_qualifies is None else 1.0 - best.p_qualifies,
        loss_reference_angstrom=loss_reference,
        transport_reference_angstrom=transport_reference,
        candidates=tuple(found),
    )


_Comparisons = dict[float, Comparison]


def _of_transport(
    diffusivity: Mapping[float, Replicas],
    reference: float | None,
    thicknesses: list[float],
    not_diffusive: Collection[float],
    rule: Rule,
) -> tuple[_Comparisons, _Comparisons]:
    """D above the largest drop, and D below that of the reference; the first only where both are diffusivities."""
    if reference is None:
        return {}, {}
    others = [t for t in thicknesses if t in diffusivity and t != reference]
    kept = {
        t: compare(diffusivity[t], diffusivity[reference], 1.0 - rule.largest_drop)
        for t in others
        if not {t, reference} & set(not_diffusive)
    }
    return kept, {t: compare(diffusivity[reference], diffusivity[t]) for t in others}


def _joined(thickness: float, reduced: _Comparisons, kept: _Comparisons, reference: float | None) -> float | None:
    """P-value of all that a thickness must show."""
    if thickness not in reduced:
        return None
    if thickness == reference:
        return reduced[thickness].p_value
    return max(reduced[thickness].p_value, kept[thickness].p_value) if thickness in kept else None


def _protection(
    loss: Mapping[float, Replicas],
    reference: float | None,
    thickness: float,
    reduced: _Comparisons,
    n_tests: int,
    rule: Rule,
) -> tuple[Protection, float | None, int | None]:
    """Whether the loss is reduced, and else how much longer runs, or how many of them, would tell."""
    if reference is None or thickness not in reduced:
        return "no data", None, None
    found, first = reduced[thickness], loss[reference]
    if found.p_value <= rule.level / n_tests:
        return "reduced", None, None
    if compare(loss[thickness], first, 1.0 - rule.smallest_reduction).p_value <= rule.level:
        return "not reduced", None, None
    effect, level = max(found.difference, rule.smallest_reduction * first.mean), rule.level / n_tests
    runs = (first.n_runs, loss[thickness].n_runs)
    return (
        "undecided",
        time_needed(found, effect, level, rule.power),
        replicas_needed(runs, found.error, effect, level, rule.power),
    )


def _transport(
    diffusivity: Mapping[float, Replicas],
    reference: float | None,
    thickness: float,
    kept: _Comparisons,
    below: _Comparisons,
    p_below: Mapping[float, float],
    n_tests: int,
    rule: Rule,
) -> tuple[Transport, float | None, int | None]:
    """Whether the diffusivity is kept, and else how much longer runs, or how many of them, would tell."""
    if reference is None or thickness not in diffusivity:
        return "no data", None, None
    if thickness == reference:
        return "reference", None, None
    if p_below[thickness] <= rule.level:
        return "below", None, None
    level, first = rule.level / n_tests, diffusivity[reference]
    if thickness not in kept:
        return "undecided", None, None
    if kept[thickness].p_value <= level:
        return "kept", None, None
    runs = (first.n_runs, diffusivity[thickness].n_runs)
    # Whichever of the two is nearer to be shown.
    found = max(kept[thickness], below[thickness], key=lambda one: one.difference)
    return (
        "undecided",
        time_needed(found, found.difference, level, rule.power),
        replicas_needed(runs, found.error, found.difference, level, rule.power),
    )
