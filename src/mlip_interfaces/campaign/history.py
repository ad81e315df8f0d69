"""What each iteration found, read from its files once: a finished iteration is measured and its numbers kept.

The numbers of an iteration come from every ``model_devi.out`` and every ``label.json`` of it. They no longer change once it
is finished, so the controller keeps them in ``history/iter.NNNNNN.json``, with a key made of the names, sizes and times of
all the files they were made of. Whoever reads a campaign takes them from there while the key fits, and measures again
where it does not (a label was deleted, the folder was copied without its times).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlip_interfaces.books.campaign import ConditionCounts, DeviationDistribution, StepSeconds, StoppedRun
from mlip_interfaces.books.run import ErrorTable, FailedLabel, read_optional_book
from mlip_interfaces.campaign.control import FrameCounts, IterationOutcome
from mlip_interfaces.campaign.dpgen_files import LABEL_OUTPUT
from mlip_interfaces.campaign.folder import (
    PARAM,
    STEPS,
    Exploration,
    Job,
    iteration_folder,
    read_explorations,
    read_jobs,
    read_labels,
    read_position,
    step_seconds,
    trust_levels_of,
)
from mlip_interfaces.campaign.held_out import errors_file, read_committee_errors
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import content_hash, read_json, write_json
from mlip_interfaces.records import Record
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import EV_TO_MEV

FOLDER = "history"
"""In the campaign's folder."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_BINS = 40
_SOURCES = (
    "01.model_devi/cur_job.json",
    "01.model_devi/task.*/job.json",
    "01.model_devi/task.*/model_devi.out",
    "01.model_devi/task.*/model_devi.log",
    f"02.fp/task.*/{LABEL_OUTPUT}",
    "0?.*/*.sub",
    "0?.*/*_job_tag_finished",
)


@dataclass(frozen=True, slots=True)
class Measured(Record):
    """What the files of one iteration say.

    Attributes
    ----------
    trust_low_ev_per_angstrom, trust_high_ev_per_angstrom : float, eV/angstrom
        Trust levels in force.
    systems : tuple of ConditionCounts
        Frames of each run; of a run that is over, those it never reached have failed.
    stopped_runs : tuple of StoppedRun
        Explorations that ended early.
    deviations : DeviationDistribution
        Over all frames.
    held_out : ErrorTable or None
        Errors of the committee on held-out labels.
    labels_made : int
        Good labels.
    labels_failed : tuple of FailedLabel
        The others.
    label_core_hours : float, h
        Cost of both.
    wall_seconds : StepSeconds
        Of the expensive steps.
    """

    trust_low_ev_per_angstrom: float
    trust_high_ev_per_angstrom: float
    systems: tuple[ConditionCounts, ...]
    stopped_runs: tuple[StoppedRun, ...]
    deviations: DeviationDistribution
    held_out: ErrorTable | None
    labels_made: int
    labels_failed: tuple[FailedLabel, ...]
    label_core_hours: float
    wall_seconds: StepSeconds

    @property
    def frames(self) -> FrameCounts:
        """Frames of all runs together."""
        return sum((FrameCounts(s.accurate, s.candidate, s.failed) for s in self.systems), FrameCounts(0, 0, 0))

    def outcome(self, rung: int, models: Iterable[str]) -> IterationOutcome:
        """What `control.decide` needs of the iteration.

        Parameters
        ----------
        rung : int
            Of the ladder, 0 first.
        models : iterable of str
            All models explored; one without a frame counts as such.

        Returns
        -------
        IterationOutcome
            With the frames of each model.
        """
        systems = {name: FrameCounts(0, 0, 0) for name in models}
        for run in self.systems:
            systems[run.name] += FrameCounts(run.accurate, run.candidate, run.failed)
        return IterationOutcome(
            rung=rung,
            systems=systems,
            n_stopped_runs=len(self.stopped_runs),
            force_rmse_ev_per_angstrom=None
            if self.held_out is None
            else self.held_out.force_rmse_mev_per_angstrom / EV_TO_MEV,
            n_labels=self.labels_made + len(self.labels_failed),
            label_core_hours=self.label_core_hours,
        )


@dataclass(frozen=True, slots=True)
class Kept(Record):
    """``history/iter.NNNNNN.json``.

    Attributes
    ----------
    key : str
        Hash of names, sizes and times of the files that `measured` was made of.
    measured : Measured
        The iteration.
    """

    key: str
    measured: Measured


def measured_iterations(context: RunContext, n_iterations: int) -> tuple[Measured, ...]:
    """The first iterations of a campaign in numbers; reads files, changes none.

    Parameters
    ----------
    context : RunContext
        The run.
    n_iterations : int
        How many; the last one may be in work.

    Returns
    -------
    tuple of Measured
        In order.
    """
    position = read_position(context.campaign)
    found = []
    for iteration in range(n_iterations):
        kept = _kept(context, iteration) if iteration < position.iteration else None
        is_explored = (position.iteration, position.step) > (iteration, STEPS.index("explore"))
        found.append(kept or measure(context, iteration, is_explored=is_explored))
    return tuple(found)


def keep_finished(context: RunContext) -> None:
    """Measure every finished iteration that has not been kept, or whose files are others since.

    Parameters
    ----------
    context : RunContext
        The run.
    """
    for iteration in range(read_position(context.campaign).iteration):
        if _kept(context, iteration) is None:
            measured = measure(context, iteration, is_explored=True)
            file = _file(context.campaign, iteration)
            file.parent.mkdir(exist_ok=True)
            write_json(file, Kept(_key(context, iteration), measured).to_json())


def finished_outcomes(context: RunContext, jobs: Sequence[Job] | None = None) -> list[IterationOutcome]:
    """What `control.decide` needs of every finished iteration.

    Parameters
    ----------
    context : RunContext
        The run.
    jobs : sequence of Job
        Of the campaign, where they were read already.

    Returns
    -------
    list of IterationOutcome
        In order.
    """
    jobs = read_jobs(context.campaign) if jobs is None else jobs
    history = measured_iterations(context, read_position(context.campaign).iteration)
    return [measured.outcome(job.rung, context.study.explored) for job, measured in zip(jobs, history, strict=False)]


def measure(context: RunContext, iteration: int, *, is_explored: bool) -> Measured:
    """Numbers of one iteration from its files.

    Parameters
    ----------
    context : RunContext
        The run.
    iteration : int
        Which one.
    is_explored : bool
        Whether its explorations are over: frames they have not reached by then have failed.

    Returns
    -------
    Measured
        Of the files as they are now.
    """
    campaign, study = context.campaign, context.study
    explorations = read_explorations(campaign, iteration)
    low, high = trust_levels_of(campaign, iteration)
    labels = read_labels(campaign, iteration)
    systems = []
    for run in explorations:
        counts = frame_counts(run, low, high, is_over=is_explored)
        systems.append(
            ConditionCounts(
                study.explored[run.system], run.temperature_kelvin, run.pressure_bar, counts.accurate, counts.candidate,
                counts.failed,
            )
        )  # fmt: skip
    return Measured(
        trust_low_ev_per_angstrom=low,
        trust_high_ev_per_angstrom=high,
        systems=tuple(systems),
        stopped_runs=tuple(_stopped(run) for run in explorations if is_explored and stopped_early(run)),
        deviations=_distribution(explorations, 2 * high),
        held_out=read_committee_errors(campaign, iteration),
        labels_made=sum(label.good for label in labels),
        labels_failed=tuple(FailedLabel(label.task, label.reason) for label in labels if not label.good),
        label_core_hours=sum(label.core_hours for label in labels),
        wall_seconds=_wall_seconds(campaign, iteration),
    )


def _wall_seconds(campaign: Path, iteration: int) -> StepSeconds:
    """By the times of files; where a copy has lost these, as the iteration was kept before."""
    now = step_seconds(campaign, iteration)
    try:
        before = read_optional_book(Kept, _file(campaign, iteration))
    except InputFileError:
        before = None
    known = before.measured.wall_seconds if before is not None else StepSeconds()
    return StepSeconds(
        train=max(now["train"], known.train),
        explore=max(now["explore"], known.explore),
        label=max(now["label"], known.label),
    )


def frame_counts(run: Exploration, low: float, high: float, *, is_over: bool) -> FrameCounts:
    """Frames by verdict; of a run that is over, the frames it never reached have failed.

    Parameters
    ----------
    run : Exploration
        The run.
    low, high : float, eV/angstrom
        Trust levels.
    is_over : bool
        Whether it has ended.

    Returns
    -------
    FrameCounts
        Of its frames.
    """
    grades = run.deviations.grade(low, high)
    n_accurate, n_candidate, n_failed = (int((grades == name).sum()) for name in ("accurate", "candidate", "failed"))
    return FrameCounts(n_accurate, n_candidate, n_failed + (run.n_missing if is_over else 0))


def stopped_early(run: Exploration) -> bool:
    """Whether a finished run blew up: it lacks frames, or has some whose deviation is no number.

    Parameters
    ----------
    run : Exploration
        The run; it is over.

    Returns
    -------
    bool
        True if it did.
    """
    return run.n_missing > 0 or run.n_not_finite > 0


def _stopped(run: Exploration) -> StoppedRun:
    return StoppedRun(run.task, int(run.deviations.steps.size), run.n_asked, run.n_not_finite, run.error)


def _distribution(explorations: Sequence[Exploration], top: float) -> DeviationDistribution:
    """Quantiles and histogram of the largest force deviation of a frame, eV/angstrom; the last bin holds all beyond it."""
    values = np.concatenate([run.deviations.max_force_ev_per_angstrom for run in explorations] or [np.empty(0)])
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(np.clip(finite, 0, top), bins=N_BINS, range=(0, top))
    quantiles = np.quantile(finite, QUANTILES).tolist() if finite.size else [None] * len(QUANTILES)
    return DeviationDistribution(
        quantiles={f"{q:g}": value for q, value in zip(QUANTILES, quantiles, strict=True)},
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        n_not_finite=int(values.size - finite.size),
    )


def _kept(context: RunContext, iteration: int) -> Measured | None:
    """The kept numbers, None where there are none, or of other files."""
    file = _file(context.campaign, iteration)
    if not file.is_file():
        return None
    try:
        kept = Kept.from_json(read_json(file), file)
    except InputFileError:
        # Of another version, or damaged: all of it can be measured again.
        return None
    return kept.measured if kept.key == _key(context, iteration) else None


def _key(context: RunContext, iteration: int) -> str:
    campaign = context.campaign
    folder = iteration_folder(campaign, iteration)
    files = [path for pattern in _SOURCES for path in sorted(folder.glob(pattern))]
    files += [path for path in (errors_file(campaign, iteration), campaign / PARAM) if path.is_file()]
    stats = [(str(path.relative_to(campaign)), path.stat()) for path in files]
    # Frames are counted by the names of the models.
    names = list(context.study.explored)
    return content_hash([names, [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]])


def _file(campaign: Path, iteration: int) -> Path:
    return campaign / FOLDER / f"iter.{iteration:06d}.json"
