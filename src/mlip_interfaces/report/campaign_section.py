"""The section on active learning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlip_interfaces.books.campaign import (
    SUMMARY,
    CampaignSummary,
    IterationSummary,
    LabelsSummary,
    StepDecision,
    TrustDecision,
)
from mlip_interfaces.books.run import read_optional_book
from mlip_interfaces.figures import campaign_plots
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.report.run_sections import MakePicture
from mlip_interfaces.run.stages import given_model


def campaign_section(run: Path, picture: MakePicture) -> PageSection:
    """The campaign over its iterations, from ``summary.json``, which stands after the first one.

    Parameters
    ----------
    run : Path
        The run folder.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where there is no campaign.

    Raises
    ------
    InputFileError
        If the summary is damaged.
    """
    section = PageSection("campaign", "Active learning")
    summary = read_optional_book(CampaignSummary, run / "campaign" / SUMMARY)
    if summary is None:
        section.absent = (
            "The potential was given, so that there is no campaign."
            if given_model(run)
            else "The campaign has not been finished."
        )
        return section
    section.paragraphs += _paragraphs(summary)
    section.points += [f"{hint.trigger.capitalize()}: {hint.sentence}" for hint in summary.hints]
    iterations = summary.iterations
    if iterations:
        section.figures += _figures(iterations, picture)
        section.tables.append(_iteration_table(iterations))
        section.tables.append(_condition_table(iterations[-1]))
    section.tables.append(_decision_table(summary.decisions))
    section.tables += _failure_tables(summary.labels)
    section.tables = [table for table in section.tables if table.rows]
    return section


def _paragraphs(summary: CampaignSummary) -> list[str]:
    labels = summary.labels
    paragraphs = [
        f"{labels.made} labels by {labels.calculator} ({labels.kind}): {summary.n_initial_frames} frames to "
        f"start with, {summary.n_training_frames} at the end; {labels.core_seconds / 3600:.2f} core hours of the "
        "teacher."
    ]
    stop = summary.stop
    if stop:
        paragraphs.append(f"The campaign ended after {stop.iteration} iterations, {stop.reason}: {stop.sentence}")
    else:
        paragraphs.append(f"The campaign is not over: iteration {summary.iteration}, {summary.step}.")
    return paragraphs


def _figures(iterations: Sequence[IterationSummary], picture: MakePicture) -> list[Picture]:
    return [
        picture(
            campaign_plots.exploration(iterations),
            "campaign",
            "Left: explored frames by verdict of the committee. Right: the largest force deviation in a frame, from the 5th "
            "to the 95th percentile (thick: 25th to 75th, dot: median), with the trust levels in force; what lies far beyond them is cut off.",
        ),
        picture(
            campaign_plots.learning(iterations),
            "campaign-learning",
            "Left: force error of the committee's first member on labels that no training sees, by layer of the atom. Right: "
            "labels of the campaign and what they cost.",
        ),
    ]


def _iteration_table(iterations: Sequence[IterationSummary]) -> Table:
    head = ["iteration", "rung", "training frames", "accurate", "candidate", "failed", "trust levels (eV/Å)", "force RMSE (meV/Å)",
            "labels (failed)", "train (s)", "explore (s)", "label (s)"]  # fmt: skip
    rows = [
        [
            str(entry.iteration), str(entry.rung + 1), str(entry.n_training_frames), str(entry.accurate),
            str(entry.candidate), str(entry.failed),
            f"{entry.trust_low_ev_per_angstrom:.3g} to {entry.trust_high_ev_per_angstrom:.3g}",
            f"{entry.held_out.force_rmse_mev_per_angstrom:.0f}" if entry.held_out else "",
            f"{entry.labels_made} ({len(entry.labels_failed)})",
            f"{entry.wall_seconds.train:.0f}", f"{entry.wall_seconds.explore:.0f}", f"{entry.wall_seconds.label:.0f}",
        ]
        for entry in iterations
    ]  # fmt: skip
    return Table(head, rows)


def _condition_table(last: IterationSummary) -> Table:
    rows = [
        [part.name, f"{part.temperature_kelvin:g}", f"{part.pressure_bar:g}",
         str(part.accurate), str(part.candidate), str(part.failed)]
        for part in last.systems
    ]  # fmt: skip
    head = ["model", "T (K)", "p (bar)", "accurate", "candidate", "failed"]
    return Table(head, rows, f"Iteration {last.iteration}, the last one, by condition.")


def _decision_table(decisions: Sequence[StepDecision | TrustDecision]) -> Table:
    rows = []
    for decision in decisions:
        if isinstance(decision, TrustDecision):
            low, high = decision.low_ev_per_angstrom, decision.high_ev_per_angstrom
            what, why = f"trust levels {low:.3g} and {high:.3g} eV/Å", decision.sentence or "as the study has them"
        elif decision.action == "stop":
            what, why = f"stop: {decision.reason}", decision.sentence
        else:
            what, why = f"explore on rung {decision.rung + 1} ({decision.reason})", decision.sentence
        rows.append([str(decision.iteration), what, why])
    return Table(["before iteration", "decision", "why"], rows, "What was decided, and why.", is_text=True)


def _failure_tables(labels: LabelsSummary) -> list[Table]:
    groups = [[group.reason, str(group.count), ", ".join(group.examples)] for group in labels.failure_groups]
    rows = [[failed.task, failed.reason] for failed in labels.failed]
    return [
        Table(
            ["reason", "labels", "for example"], groups, "Why labels failed; they are not in the data.", is_text=True
        ),
        Table(["task", "reason"], rows, "Every failed label.", is_text=True),
    ]
