"""A campaign in numbers, from its files alone: while it runs, when it was killed, when it is done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlip_interfaces.config import Study
from mlip_interfaces.files import read_json
from mlip_interfaces.pipeline.campaign_control import FrameCounts, IterationOutcome
from mlip_interfaces.pipeline.campaign_files import (
    PARAM,
    RUNG_KEY,
    STEPS,
    Exploration,
    count_frames,
    read_decisions,
    read_explorations,
    read_jobs,
    read_labels,
    read_position,
    step_seconds,
    trust_levels_of,
)
from mlip_interfaces.pipeline.campaign_hints import hints
from mlip_interfaces.pipeline.context import RunContext
from mlip_interfaces.pipeline.held_out import read_committee_errors
from mlip_interfaces.units import EV_TO_MEV

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_BINS = 40
EXAMPLES = 3


def finished_outcomes(context: RunContext) -> list[IterationOutcome]:
    """What `decide` needs of every finished iteration."""
    campaign = context.campaign
    jobs = read_jobs(campaign)
    return [_outcome(context, iteration, jobs) for iteration in range(read_position(campaign).iteration)]


def _outcome(context: RunContext, iteration: int, jobs: Sequence[dict[str, Any]]) -> IterationOutcome:
    campaign, names = context.campaign, context.study.explored
    explorations = read_explorations(campaign, iteration)
    low, high = trust_levels_of(campaign, iteration)
    systems = {name: FrameCounts(0, 0, 0) for name in names}
    for run in explorations:
        systems[names[run.system]] += frame_counts(run, low, high, is_over=True)
    errors = read_committee_errors(campaign, iteration)
    labels = read_labels(campaign, iteration)
    return IterationOutcome(
        rung=jobs[iteration].get(RUNG_KEY, iteration),
        systems=systems,
        n_stopped_runs=sum(stopped_early(run) for run in explorations),
        force_rmse_ev_per_angstrom=None if errors is None else errors["force_rmse_mev_per_angstrom"] / EV_TO_MEV,
        n_labels=len(labels),
        label_core_hours=sum(label["core_hours"] for label in labels),
    )


def frame_counts(run: Exploration, low: float, high: float, *, is_over: bool) -> FrameCounts:
    """Frames by verdict; of a run that is over, the frames it never reached have failed."""
    grades = run.deviations.grade(low, high)
    n_accurate, n_candidate, n_failed = (int((grades == name).sum()) for name in ("accurate", "candidate", "failed"))
    return FrameCounts(n_accurate, n_candidate, n_failed + (run.n_missing if is_over else 0))


def stopped_early(run: Exploration) -> bool:
    """Whether a finished run blew up: it lacks frames, or has some whose deviation is no number."""
    return run.n_missing > 0 or run.n_not_finite > 0


def summarize_campaign(context: RunContext) -> dict[str, Any]:
    """Everything that ``campaign status`` and the report show; reads files, changes none."""
    campaign, study = context.campaign, context.study
    position = read_position(campaign)
    jobs = read_jobs(campaign)
    decisions = read_decisions(campaign)
    stopped = decisions[-1] if decisions and decisions[-1]["action"] == "stop" else None
    n_frames = n_initial = count_frames(context.initial_data / "dataset")
    iterations = []
    for iteration in range(min(len(jobs), position.iteration + 1)):
        entry = _iteration(context, iteration, jobs, n_frames)
        iterations.append(entry)
        n_frames += entry["labels_made"]
    overview = read_json(context.initial_data / "summary.json")
    failed = [label for entry in iterations for label in entry["labels_failed"]]
    core_hours = overview["core_seconds"] / 3600 + sum(entry["label_core_hours"] for entry in iterations)
    summary = {
        "iteration": max(0, len(iterations) - 1),
        "rung": iterations[-1]["rung"] if iterations else 0,
        "n_rungs": len(read_json(campaign / PARAM)["model_devi_jobs"]),
        "step": "finished" if stopped else position.name,
        "stop": stopped,
        "iterations": iterations,
        "decisions": decisions,
        "n_initial_frames": n_initial,
        "n_training_frames": n_frames,
        "labels": {
            "calculator": overview["calculator"],
            "kind": overview["kind"],
            "made": sum(entry["labels_made"] for entry in iterations) + overview["made"],
            "failed": overview["failed"] + failed,
            "failure_groups": failure_groups(overview["failed"] + failed),
            "core_seconds": round(3600 * core_hours, 1),
        },
    }
    summary["hints"] = hints(summary, study)
    return summary


def _iteration(context: RunContext, iteration: int, jobs: Sequence[dict[str, Any]], n_frames: int) -> dict[str, Any]:
    campaign, study = context.campaign, context.study
    position = read_position(campaign)
    is_explored = (position.iteration, position.step) > (iteration, STEPS.index("explore"))
    low, high = trust_levels_of(campaign, iteration)
    explorations = read_explorations(campaign, iteration)
    counts = [frame_counts(run, low, high, is_over=is_explored) for run in explorations]
    total = sum(counts, FrameCounts(0, 0, 0))
    labels = read_labels(campaign, iteration)
    trust = [d for d in read_decisions(campaign) if (d["iteration"], d["action"]) == (iteration, "trust")]
    return {
        "iteration": iteration,
        "rung": jobs[iteration].get(RUNG_KEY, iteration),
        "temperatures_kelvin": jobs[iteration]["temps"],
        "pressures_bar": jobs[iteration]["press"],
        "finished": iteration < position.iteration,
        "n_training_frames": n_frames,
        "trust_low_ev_per_angstrom": low,
        "trust_high_ev_per_angstrom": high,
        "trust_note": trust[-1]["sentence"] if trust else "",
        "systems": [_system(study, run, n) for run, n in zip(explorations, counts, strict=True)],
        "accurate": total.accurate,
        "candidate": total.candidate,
        "failed": total.failed,
        "stopped_runs": [_stopped(run) for run in explorations if is_explored and stopped_early(run)],
        "max_force_deviation_ev_per_angstrom": _distribution(explorations, 2 * high),
        "held_out": read_committee_errors(campaign, iteration),
        "labels_made": sum(label["status"] == "ok" for label in labels),
        "labels_failed": [
            {"task": label["task"], "reason": label["reason"]} for label in labels if label["status"] != "ok"
        ],
        "label_core_hours": round(sum(label["core_hours"] for label in labels), 6),
        "wall_seconds": step_seconds(campaign, iteration),
    }


def _system(study: Study, run: Exploration, counts: FrameCounts) -> dict[str, Any]:
    return {
        "name": study.explored[run.system],
        "temperature_kelvin": run.temperature_kelvin,
        "pressure_bar": run.pressure_bar,
        "accurate": counts.accurate,
        "candidate": counts.candidate,
        "failed": counts.failed,
    }


def _stopped(run: Exploration) -> dict[str, Any]:
    return {
        "task": run.task,
        "n_frames": int(run.deviations.steps.size),
        "n_asked": run.n_asked,
        "n_not_finite": run.n_not_finite,
        "error": run.error,
    }


def _distribution(explorations: Sequence[Exploration], top: float) -> dict[str, Any]:
    """Quantiles and histogram of the largest force deviation of a frame, eV/angstrom; the last bin holds all beyond it."""
    values = np.concatenate([run.deviations.max_force_ev_per_angstrom for run in explorations] or [np.empty(0)])
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(np.clip(finite, 0, top), bins=N_BINS, range=(0, top))
    quantiles = np.quantile(finite, QUANTILES).tolist() if finite.size else [None] * len(QUANTILES)
    return {
        "quantiles": {f"{q:g}": value for q, value in zip(QUANTILES, quantiles, strict=True)},
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "n_not_finite": int(values.size - finite.size),
    }


def failure_groups(failed: Iterable[dict[str, str]]) -> list[dict[str, Any]]:
    """Failures with the same reason but for its numbers, most frequent first, each with examples."""
    groups: dict[str, list[dict[str, str]]] = {}
    for failure in failed:
        groups.setdefault(re.sub(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", "#", failure["reason"]), []).append(failure)
    ordered = sorted(groups.values(), key=lambda group: (-len(group), group[0]["reason"]))
    return [
        {
            "reason": group[0]["reason"],
            "count": len(group),
            "examples": [failure["task"] for failure in group[:EXAMPLES]],
        }
        for group in ordered
    ]


def label_failures_sentence(campaign: Path, iteration: int) -> str:
    """Reasons of an iteration's failed labels, grouped, for an error message."""
    failed = [label for label in read_labels(campaign, iteration) if label["status"] != "ok"]
    return "; ".join(
        f"{group['count']} times: {group['reason']} ({', '.join(group['examples'])})"
        for group in failure_groups(failed)
    )
