"""A campaign in numbers, from its files alone: while it runs, when it was killed, when it is done."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mlip_interfaces.books.campaign import (
    CampaignSummary,
    FailureGroup,
    IterationSummary,
    LabelsSummary,
    StepDecision,
    TrustDecision,
)
from mlip_interfaces.books.run import DATA_SUMMARY, FailedLabel, InitialData, read_book
from mlip_interfaces.campaign.folder import (
    Job,
    count_frames,
    n_rungs,
    read_decisions,
    read_jobs,
    read_labels,
    read_position,
)
from mlip_interfaces.campaign.hints import hints
from mlip_interfaces.campaign.history import Measured, measured_iterations
from mlip_interfaces.run.context import RunContext

EXAMPLES = 3


def summarize_campaign(context: RunContext) -> CampaignSummary:
    """Everything that ``campaign status`` and the report show; reads files, changes none.

    Parameters
    ----------
    context : RunContext
        The run; its campaign has been prepared.

    Returns
    -------
    CampaignSummary
        With its hints.

    Raises
    ------
    InputFileError
        If a file is missing or damaged.
    """
    campaign = context.campaign
    position = read_position(campaign)
    jobs = read_jobs(campaign)
    decisions = read_decisions(campaign)
    notes = {d.iteration: d.sentence for d in decisions if isinstance(d, TrustDecision)}
    last = decisions[-1] if decisions else None
    stopped = last if isinstance(last, StepDecision) and last.action == "stop" else None
    overview = read_book(InitialData, context.initial_data / DATA_SUMMARY)
    n_initial = count_frames(context.initial_data / "dataset")
    history = measured_iterations(context, min(len(jobs), position.iteration + 1))
    iterations: list[IterationSummary] = []
    n_frames = n_initial
    for job, measured in zip(jobs, history, strict=False):
        is_finished = job.iteration < position.iteration
        iterations.append(_iteration(job, measured, notes.get(job.iteration, ""), n_frames, finished=is_finished))
        n_frames += measured.labels_made
    failed = (*overview.failed, *(label for entry in iterations for label in entry.labels_failed))
    core_hours = overview.core_seconds / 3600 + sum(entry.label_core_hours for entry in iterations)
    summary = CampaignSummary(
        iteration=max(0, len(iterations) - 1),
        rung=iterations[-1].rung if iterations else 0,
        n_rungs=n_rungs(campaign),
        step="finished" if stopped else position.name,
        stop=stopped,
        iterations=tuple(iterations),
        decisions=decisions,
        n_initial_frames=n_initial,
        n_training_frames=n_frames,
        labels=LabelsSummary(
            calculator=overview.calculator,
            kind=overview.kind,
            made=sum(entry.labels_made for entry in iterations) + overview.made,
            failed=failed,
            failure_groups=failure_groups(failed),
            core_seconds=round(3600 * core_hours, 1),
        ),
    )
    return replace(summary, hints=hints(summary, context.study))


def _iteration(job: Job, measured: Measured, trust_note: str, n_frames: int, *, finished: bool) -> IterationSummary:
    total = measured.frames
    return IterationSummary(
        iteration=job.iteration,
        rung=job.rung,
        temperatures_kelvin=job.temperatures_kelvin,
        pressures_bar=job.pressures_bar,
        finished=finished,
        n_training_frames=n_frames,
        trust_low_ev_per_angstrom=measured.trust_low_ev_per_angstrom,
        trust_high_ev_per_angstrom=measured.trust_high_ev_per_angstrom,
        trust_note=trust_note,
        systems=measured.systems,
        accurate=total.accurate,
        candidate=total.candidate,
        failed=total.failed,
        stopped_runs=measured.stopped_runs,
        max_force_deviation_ev_per_angstrom=measured.deviations,
        held_out=measured.held_out,
        labels_made=measured.labels_made,
        labels_failed=measured.labels_failed,
        label_core_hours=round(measured.label_core_hours, 6),
        wall_seconds=measured.wall_seconds,
    )


def failure_groups(failed: Iterable[FailedLabel]) -> tuple[FailureGroup, ...]:
    """Failures with the same reason but for its numbers, most frequent first, each with examples.

    Parameters
    ----------
    failed : iterable of FailedLabel
        The failures.

    Returns
    -------
    tuple of FailureGroup
        Empty where nothing failed.
    """
    groups: dict[str, list[FailedLabel]] = {}
    for failure in failed:
        groups.setdefault(re.sub(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", "#", failure.reason), []).append(failure)
    ordered = sorted(groups.values(), key=lambda group: (-len(group), group[0].reason))
    return tuple(
        FailureGroup(group[0].reason, len(group), tuple(failure.task for failure in group[:EXAMPLES]))
        for group in ordered
    )


def label_failures_sentence(campaign: Path, iteration: int) -> str:
    """Reasons of an iteration's failed labels, grouped, for an error message.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    str
        Empty where nothing failed.
    """
    failed = [FailedLabel(label.task, label.reason) for label in read_labels(campaign, iteration) if not label.good]
    return "; ".join(
        f"{group.count} times: {group.reason} ({', '.join(group.examples)})" for group in failure_groups(failed)
    )
