"""``campaign status`` for people: a summary as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from mlip_interfaces.books.campaign import CampaignSummary, IterationSummary, LabelsSummary, StepDecision, TrustDecision

_RECENT_DECISIONS = 4


def status_lines(summary: CampaignSummary) -> list[str]:
    """Lines that say where a campaign is, what it found, what it cost and what to do next.

    Parameters
    ----------
    summary : CampaignSummary
        Of the campaign.

    Returns
    -------
    list of str
        For a terminal.
    """
    iterations = summary.iterations
    lines = [_headline(summary)]
    if iterations:
        lines += ["", *_iteration_table(iterations), "", *_last_iteration(iterations[-1])]
    lines += ["", *_labels(summary.labels)]
    if summary.decisions:
        lines += ["", "decisions:", *(f"  {_decision(entry)}" for entry in summary.decisions[-_RECENT_DECISIONS:])]
    if summary.hints:
        lines += ["", "what to do:", *(f"  {hint.trigger}: {hint.sentence}" for hint in summary.hints)]
    return lines


def _headline(summary: CampaignSummary) -> str:
    where = f"iteration {summary.iteration}, rung {summary.rung + 1} of {summary.n_rungs}"
    stop = summary.stop
    if stop:
        return f"finished after {where}; {stop.reason}: {stop.sentence}"
    return f"{where}, {summary.step}"


def _iteration_table(iterations: Sequence[IterationSummary]) -> list[str]:
    head = f"{'iteration':>9} {'rung':>4} {'accurate':>9} {'candidate':>9} {'failed':>9} {'trust eV/A':>13} {'RMSE meV/A':>10} {'labels':>7} {'failed':>6} {'core h':>8}"
    rows = []
    for entry in iterations:
        trust = f"{entry.trust_low_ev_per_angstrom:.3g}..{entry.trust_high_ev_per_angstrom:.3g}"
        rmse = f"{entry.held_out.force_rmse_mev_per_angstrom:.0f}" if entry.held_out else "-"
        rows.append(
            f"{entry.iteration:>9} {entry.rung + 1:>4} {entry.accurate:>9} {entry.candidate:>9} "
            f"{entry.failed:>9} {trust:>13} {rmse:>10} {entry.labels_made:>7} {len(entry.labels_failed):>6} "
            f"{entry.label_core_hours:>8.3g}"
        )
    return [head, *rows]


def _last_iteration(last: IterationSummary) -> list[str]:
    lines = [f"iteration {last.iteration} by condition (accurate / candidate / failed):"]
    lines += [
        f"  {part.name:16} {part.temperature_kelvin:7g} K {part.pressure_bar:8g} bar  "
        f"{part.accurate} / {part.candidate} / {part.failed}"
        for part in last.systems
    ]
    quantiles = last.max_force_deviation_ev_per_angstrom.quantiles
    shown = ", ".join(f"{float(level):.0%} {value:.3f}" for level, value in quantiles.items() if value is not None)
    if shown:
        lines.append(f"largest force deviation of a frame, eV/angstrom, quantiles: {shown}")
    if last.held_out:
        layers = ", ".join(
            f"{name} {part.force_rmse_mev_per_angstrom:.0f}" for name, part in last.held_out.layers.items()
        )
        lines.append(f"force RMSE on held-out labels, meV/angstrom: {layers}")
    return lines


def _labels(labels: LabelsSummary) -> list[str]:
    lines = [
        f"{labels.made} labels by {labels.calculator} (initial data included), {len(labels.failed)} failed, "
        f"{labels.core_seconds / 3600:.3g} core hours"
    ]
    lines += [
        f"  {group.count} failed: {group.reason} (as {', '.join(group.examples)})" for group in labels.failure_groups
    ]
    return lines


def _decision(entry: StepDecision | TrustDecision) -> str:
    if isinstance(entry, TrustDecision):
        what = f"trust levels {entry.low_ev_per_angstrom:.3g} and {entry.high_ev_per_angstrom:.3g} eV/angstrom"
    elif entry.action == "stop":
        what = f"stop, {entry.reason}"
    else:
        what = f"explore on rung {entry.rung + 1}, {entry.reason}"
    why = f": {entry.sentence}" if entry.sentence else ""
    return f"before iteration {entry.iteration}: {what}{why}"
