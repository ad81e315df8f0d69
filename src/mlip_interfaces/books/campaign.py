"""The books of a campaign: what was decided, what each iteration found, and the whole in numbers, as typed records.

Keys of the files are the names of the fields. What older versions did not write has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mlip_interfaces.books.run import ErrorTable, FailedLabel
from mlip_interfaces.records import Record

SUMMARY = "summary.json"
"""In the campaign's folder."""


@dataclass(frozen=True, slots=True)
class StepDecision(Record):
    """To explore, or to stop; in ``decisions.jsonl``.

    Attributes
    ----------
    iteration : int
        Before which it was decided.
    action : {"explore", "stop"}
        What comes next.
    rung : int
        Of the ladder, 0 first; of a stop, the last one explored.
    reason, sentence : str
        In a word, and with the numbers.
    """

    iteration: int
    action: Literal["explore", "stop"]
    rung: int
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class TrustDecision(Record):
    """Trust levels of an iteration; in ``decisions.jsonl``.

    Attributes
    ----------
    iteration : int
        In which they hold.
    action : "trust"
        Tells it from the other decisions.
    low_ev_per_angstrom, high_ev_per_angstrom : float, eV/angstrom
        Of the largest force deviation in a frame.
    force_rmse_ev_per_angstrom : float or None, eV/angstrom
        Of the committee on held-out labels.
    sentence : str
        Why they are not the study's; empty if they are.
    """

    iteration: int
    action: Literal["trust"]
    low_ev_per_angstrom: float
    high_ev_per_angstrom: float
    force_rmse_ev_per_angstrom: float | None
    sentence: str


Decided = Annotated[StepDecision | TrustDecision, Field(discriminator="action")]


def decision_from_json(content: object, file: Path) -> StepDecision | TrustDecision:
    """A line of ``decisions.jsonl``, of whichever kind it is.

    Parameters
    ----------
    content : object
        The line, as JSON has it.
    file : Path
        Where it stands, for the message.

    Returns
    -------
    StepDecision or TrustDecision
        The decision.

    Raises
    ------
    InputFileError
        If a key is missing or wrong.
    """
    is_trust = isinstance(content, Mapping) and content.get("action") == "trust"
    return (TrustDecision if is_trust else StepDecision).from_json(content, file)


@dataclass(frozen=True, slots=True)
class ConditionCounts(Record):
    """Frames of one exploration run by the committee's verdict.

    Attributes
    ----------
    name : str
        The interface model.
    temperature_kelvin : float, K
        Of the run.
    pressure_bar : float, bar
        Of the run.
    accurate, candidate, failed : int
        Frames below, between and above the trust levels.
    """

    name: str
    temperature_kelvin: float
    pressure_bar: float
    accurate: int
    candidate: int
    failed: int


@dataclass(frozen=True, slots=True)
class StoppedRun(Record):
    """An exploration run that blew up.

    Attributes
    ----------
    task : str
        Its folder, relative to the campaign's.
    n_frames, n_asked : int
        Frames it reached, and frames it should have.
    n_not_finite : int
        Frames whose deviation is no number.
    error : str
        What LAMMPS said, if anything.
    """

    task: str
    n_frames: int
    n_asked: int
    n_not_finite: int
    error: str


@dataclass(frozen=True, slots=True)
class DeviationDistribution(Record):
    """The largest force deviations of the frames of an iteration.

    Attributes
    ----------
    quantiles : mapping of str to float or None, eV/angstrom
        By level, as in ``0.5``; None without a frame.
    edges : tuple of float, eV/angstrom
        Of the histogram's bins.
    counts : tuple of int
        Frames in each bin; the last one holds all beyond it.
    n_not_finite : int
        Frames whose deviation is no number.
    """

    quantiles: Mapping[str, float | None]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    n_not_finite: int


@dataclass(frozen=True, slots=True)
class StepSeconds(Record):
    """Wall time of the three expensive steps of an iteration.

    Attributes
    ----------
    train, explore, label : float, s
        Zero where a step is not over.
    """

    train: float = 0.0
    explore: float = 0.0
    label: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationSummary(Record):
    """One iteration in numbers.

    Attributes
    ----------
    iteration, rung : int
        From 0.
    temperatures_kelvin : tuple of float, K
        Explored.
    pressures_bar : tuple of float, bar
        Explored.
    finished : bool
        Whether its labels are in the data.
    n_training_frames : int
        Frames that its committee was trained on.
    trust_low_ev_per_angstrom, trust_high_ev_per_angstrom : float, eV/angstrom
        Trust levels in force.
    trust_note : str
        Why they are not the study's.
    systems : tuple of ConditionCounts
        Frames of each run.
    accurate, candidate, failed : int
        Frames of all runs.
    stopped_runs : tuple of StoppedRun
        Explorations that ended early.
    max_force_deviation_ev_per_angstrom : DeviationDistribution
        Over all frames.
    held_out : ErrorTable or None
        Errors of the committee's first member.
    labels_made : int
        Good labels.
    labels_failed : tuple of FailedLabel
        The others.
    label_core_hours : float, h
        Cost of both.
    wall_seconds : StepSeconds
        Of the expensive steps.
    """

    iteration: int
    rung: int
    temperatures_kelvin: tuple[float, ...]
    pressures_bar: tuple[float, ...]
    finished: bool
    n_training_frames: int
    trust_low_ev_per_angstrom: float
    trust_high_ev_per_angstrom: float
    trust_note: str = ""
    systems: tuple[ConditionCounts, ...]
    accurate: int
    candidate: int
    failed: int
    stopped_runs: tuple[StoppedRun, ...]
    max_force_deviation_ev_per_angstrom: DeviationDistribution
    held_out: ErrorTable | None
    labels_made: int
    labels_failed: tuple[FailedLabel, ...]
    label_core_hours: float
    wall_seconds: StepSeconds = StepSeconds()


@dataclass(frozen=True, slots=True)
class FailureGroup(Record):
    """Failed labels with the same reason but for its numbers.

    Attributes
    ----------
    reason : str
        Of the first one.
    count : int
        How many.
    examples : tuple of str
        Folders of a few.
    """

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelsSummary(Record):
    """Labels of a campaign, the initial data included.

    Attributes
    ----------
    calculator, kind : str
        Who labelled; ``surrogate``, ``dft``, ``semiempirical`` or ``custom``.
    made : int
        Good labels.
    failed : tuple of FailedLabel
        The others.
    failure_groups : tuple of FailureGroup
        Why they failed, most frequent first.
    core_seconds : float, s
        Cost.
    """

    calculator: str
    kind: str
    made: int
    failed: tuple[FailedLabel, ...]
    failure_groups: tuple[FailureGroup, ...]
    core_seconds: float


@dataclass(frozen=True, slots=True)
class Hint(Record):
    """Something that goes wrong, and what to do.

    Attributes
    ----------
    iteration : int
        The last one.
    trigger, sentence : str
        In a few words, and with numbers and remedy.
    """

    iteration: int
    trigger: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSummary(Record):
    """``campaign/summary.json``, and what ``campaign status --json`` prints.

    Attributes
    ----------
    iteration, rung, n_rungs : int
        The last iteration begun and its rung, from 0; length of the ladder.
    step : str
        Of DP-GEN, that comes next or runs now; ``finished`` after a stop.
    stop : StepDecision or None
        Why it stopped.
    iterations : tuple of IterationSummary
        All that were begun.
    decisions : tuple of StepDecision and TrustDecision
        In order.
    n_initial_frames, n_training_frames : int
        Frames to start with, and now.
    labels : LabelsSummary
        Labels and their cost.
    hints : tuple of Hint
        What to do.
    """

    iteration: int
    rung: int
    n_rungs: int
    step: str
    stop: StepDecision | None
    iterations: tuple[IterationSummary, ...]
    decisions: tuple[Decided, ...]
    n_initial_frames: int
    n_training_frames: int
    labels: LabelsSummary
    hints: tuple[Hint, ...] = ()
