"""Which thickness of a coating to take, and by what, as a typed record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlip_interfaces.records import Record

RECOMMENDATION_FILE = "recommendation.json"
"""In the folder of the analysis."""

Protection = Literal["reference", "reduced", "not reduced", "undecided", "no data"]
Transport = Literal["reference", "kept", "below", "undecided", "no data", "no coating"]
ThicknessVerdict = Literal["reference", "qualifies", "excluded", "undecided"]
Outcome = Literal["recommended", "none qualifies", "undecided"]


def frozen_in(*, has_glass: bool, has_vacancies: bool) -> str | None:
    """What no number of seeds tells: each model has one glass and one arrangement of vacancies, and its seeds share them.

    Parameters
    ----------
    has_glass, has_vacancies : bool
        What the models have.

    Returns
    -------
    str or None
        A sentence; None where the models have neither.

    Examples
    --------
    >>> frozen_in(has_glass=True, has_vacancies=False)
    'All seeds of a model share one quenched glass and differ in velocities alone: what another glass would have given is in no interval.'
    """
    if not (has_glass or has_vacancies):
        return None
    parts = [("one quenched glass", "another glass")] if has_glass else []
    parts += [("one arrangement of vacancies", "another arrangement of vacancies")] if has_vacancies else []
    shared, other = " and ".join(part[0] for part in parts), ", or ".join(part[1] for part in parts)
    return f"All seeds of a model share {shared} and differ in velocities alone: what {other} would have given is in no interval."


@dataclass(frozen=True, slots=True)
class MeanOfRuns(Record):
    """A quantity of one thickness.

    Attributes
    ----------
    value, error : float, float or None
        Mean over the runs and its standard error; None where a run has none.
    low, high : float or None
        Interval of 95 %.
    n_runs : int
        How many runs; of one, the error is that from within it.
    """

    value: float
    error: float | None
    low: float | None
    high: float | None
    n_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThicknessRow(Record):
    """One thickness.

    Attributes
    ----------
    coating_angstrom : float, angstrom
        Thickness asked for.
    loss, diffusivity_cm2_per_s : MeanOfRuns or None
        What is compared; None without a healthy run that has it.
    p_reduced, p_kept, p_below, p_qualifies : float or None
        Of the tests: loss below that of the reference; D above the largest drop; D below that of the reference; all of it,
        the last two adjusted for the number of thicknesses.
    protection, transport, verdict : str
        What follows.
    diffusive : bool
        Whether D is one; else its interval ends at a bound.
    loss_run_ps, transport_run_ps : float or None, ps
        Run time of each run that would decide; None where nothing is to be decided, or no time would.
    loss_runs, transport_runs : int or None
        Runs of each thickness, as long as they are, that would decide.
    """

    coating_angstrom: float
    loss: MeanOfRuns | None
    diffusivity_cm2_per_s: MeanOfRuns | None
    p_reduced: float | None = None
    p_kept: float | None = None
    p_below: float | None = None
    p_qualifies: float | None = None
    protection: Protection
    transport: Transport
    verdict: ThicknessVerdict
    diffusive: bool = True
    loss_run_ps: float | None = None
    transport_run_ps: float | None = None
    loss_runs: int | None = None
    transport_runs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantAnswer(Record):
    """The answer for one kind of models: with all atoms, or with vacancies.

    Attributes
    ----------
    variant : str
        As in ``vac10``; empty for models without vacancies.
    outcome : {"recommended", "none qualifies", "undecided"}
        In a word.
    thickness_angstrom : float or None, angstrom
        What is recommended.
    confidence : float or None
        Chance that it is no wrong one, by the errors as they are.
    sentence : str
        The answer.
    decide : tuple of str
        What would decide where the data do not.
    caveats : tuple of str
        What the confidence does not know of.
    loss_of, transport_of : str
        What the two quantities are, and in which runs.
    rows : tuple of ThicknessRow
        From thin to thick.
    """

    variant: str
    outcome: Outcome
    thickness_angstrom: float | None
    confidence: float | None
    sentence: str
    decide: tuple[str, ...]
    caveats: tuple[str, ...]
    loss_of: str
    transport_of: str
    rows: tuple[ThicknessRow, ...]


@dataclass(frozen=True, slots=True)
class RecommendationBook(Record):
    """``analysis/recommendation.json``.

    Attributes
    ----------
    answers : tuple of VariantAnswer
        One for each variant of the models.
    rule : tuple of str
        The rule, in sentences.
    level, smallest_reduction_fraction, largest_drop_fraction, power : float
        Of the rule.
    """

    answers: tuple[VariantAnswer, ...]
    rule: tuple[str, ...]
    level: float
    smallest_reduction_fraction: float
    largest_drop_fraction: float
    power: float
