"""Stage ``campaign``: DP-GEN's active learning, from files that ``dpgen run`` accepts as they stand."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import read

from mlip_interfaces.jobs import watching
from mlip_interfaces.labels.driver import core_seconds
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.pipeline.context import RunContext
from mlip_interfaces.pipeline.dpgen_files import LABEL_OUTPUT, render_machine, render_param
from mlip_interfaces.pipeline.initial_data import initial_systems, write_label_settings
from mlip_interfaces.pipeline.run_directory import read_json, write_json
from mlip_interfaces.potentials import max_neighbors, read_model_deviation
from mlip_interfaces.programs import run_program

LAUNCHER = "mlip_interfaces.pipeline.dpgen_launcher"
STEPS = (
    "make_train",
    "train",
    "post_train",
    "make_explore",
    "explore",
    "post_explore",
    "make_label",
    "label",
    "post_label",
)


def init_campaign(context: RunContext) -> None:
    """Write ``param.json``, ``machine.json`` and the label settings; files that stand already are kept.

    They are the user's to edit: what is written once is never written over.
    """
    study, directory = context.study, context.campaign
    directory.mkdir(parents=True, exist_ok=True)
    write_label_settings(study, directory / SETTINGS_FILE)
    counts = directory / "max_neighbors.json"
    if not counts.is_file():
        index = read_json(context.structures / "index.json")
        structures = [read(context.structures / model["file"]) for model in index["models"]]
        write_json(counts, list(max_neighbors(structures, study.elements, study.training.cutoff_angstrom)))
    if not (directory / "param.json").is_file():
        param = render_param(study, initial_systems=initial_systems(context), max_neighbors=read_json(counts))
        write_json(directory / "param.json", param)
    if not (directory / "machine.json").is_file():
        machine = render_machine(study, label_settings_file=str((directory / SETTINGS_FILE).resolve()))
        write_json(directory / "machine.json", machine)


def run_campaign(context: RunContext) -> str:
    """Run DP-GEN to its last iteration and summarise it; continues where it was interrupted."""
    init_campaign(context)
    study = context.study
    n_iterations = len(study.exploration.iterations)

    def look() -> None:
        position = read_position(context.campaign)
        done = position.iteration * len(STEPS) + position.step
        context.progress(
            done / (n_iterations * len(STEPS)),
            f"iteration {position.iteration + 1} of {n_iterations}: {STEPS[position.step]}, "
            f"{count_labels(context.campaign)} labels made",
        )

    if read_position(context.campaign).iteration < n_iterations:
        with watching(look):
            run_program(
                [
                    "python", "-m", LAUNCHER, "param.json", "machine.json",
                    str(study.execution.poll_seconds), str(study.seed),
                ],
                directory=context.campaign,
                log_file=context.campaign / "dpgen.out",
                # DP-GEN iterates over sets of file names; a fixed order keeps the hash by which jobs are found.
                environment={"PYTHONHASHSEED": "0"},
            )  # fmt: skip
    summary = summarize_campaign(context)
    write_json(context.campaign / "summary.json", summary)
    made, failed = summary["labels"]["made"], len(summary["labels"]["failed"])
    return f"{n_iterations} iterations, {made} labels, {failed} failed"


@dataclass(frozen=True, slots=True)
class CampaignPosition:
    """Where DP-GEN is: the step (index into `STEPS`) that comes next, or runs now."""

    iteration: int
    step: int


def read_position(directory: Path) -> CampaignPosition:
    """Position from ``record.dpgen``."""
    record = directory / "record.dpgen"
    lines = record.read_text().split("\n") if record.is_file() else []
    complete = [line.split() for line in lines if len(line.split()) == 2]
    if not complete:
        return CampaignPosition(0, 0)
    iteration, step = (int(word) for word in complete[-1])
    return CampaignPosition(iteration + (step + 1) // len(STEPS), (step + 1) % len(STEPS))


def count_labels(directory: Path) -> int:
    """Label files that exist in all iterations, good and failed."""
    return len(_label_files(directory, "*"))


def _label_files(directory: Path, iteration: str) -> list[Path]:
    return sorted(directory.glob(f"iter.{iteration}/02.fp/task.*/{LABEL_OUTPUT}"))


def summarize_campaign(context: RunContext) -> dict[str, Any]:
    """Counts, deviations, labels, failures and cost of every iteration."""
    study = context.study
    iterations = []
    n_frames = initial = _count_frames(context.initial_data / "dataset")
    failed_all, seconds_all, made_all = [], 0.0, 0
    for index, step in enumerate(study.exploration.iterations):
        folder = context.campaign / f"iter.{index:06d}"
        deviations = []
        systems = []
        totals: Counter[str] = Counter()
        ladder = [(t, p) for t in step.temperatures_kelvin for p in step.pressures_bar]
        for number, name in enumerate(study.explored):
            for task, (kelvin, bar) in enumerate(ladder):
                file = folder / "01.model_devi" / f"task.{number:03d}.{task:06d}" / "model_devi.out"
                frames = read_model_deviation(file)
                grades = Counter(
                    frames.grade(
                        study.exploration.force_trust_low_ev_per_angstrom,
                        study.exploration.force_trust_high_ev_per_angstrom,
                    ).tolist()
                )
                # DP-GEN stops a run at the first blow-up; frames it never reached count as failed.
                missing = step.steps // step.sample_every + 1 - frames.steps.size
                counts = {
                    "accurate": grades["accurate"],
                    "candidate": grades["candidate"],
                    "failed": grades["failed"] + missing,
                }
                totals.update(counts)
                systems.append({"name": name, "temperature_kelvin": kelvin, "pressure_bar": bar, **counts})
                deviations.append(frames.max_force_ev_per_angstrom)
        values = np.concatenate(deviations)
        finite = values[np.isfinite(values)]
        top = 2 * study.exploration.force_trust_high_ev_per_angstrom
        counts_, edges = np.histogram(np.clip(finite, 0, top), bins=40, range=(0, top))
        labels = [
            read_json(path) | {"path": str(path.parent.relative_to(context.campaign))}
            for path in _label_files(context.campaign, f"{index:06d}")
        ]
        failed = [{"task": record["path"], "reason": record["reason"]} for record in labels if record["status"] != "ok"]
        made = len(labels) - len(failed)
        seconds_all += sum(map(core_seconds, labels))
        iterations.append(
            {
                "iteration": index,
                "n_training_frames": n_frames,
                "systems": systems,
                "accurate": totals["accurate"],
                "candidate": totals["candidate"],
                "failed": totals["failed"],
                "max_force_deviation_ev_per_angstrom": {"edges": edges.tolist(), "counts": counts_.tolist()},
                "labels_made": made,
                "labels_failed": failed,
                "wall_seconds": _step_seconds(context.campaign, index),
            }
        )
        n_frames += made
        made_all += made
        failed_all += failed
    overview = read_json(context.initial_data / "summary.json")
    return {
        "iterations": iterations,
        "trust_low_ev_per_angstrom": study.exploration.force_trust_low_ev_per_angstrom,
        "trust_high_ev_per_angstrom": study.exploration.force_trust_high_ev_per_angstrom,
        "n_initial_frames": initial,
        "n_training_frames": n_frames,
        "labels": {
            "calculator": overview["calculator"],
            "kind": overview["kind"],
            "made": made_all + overview["made"],
            "failed": overview["failed"] + failed_all,
            "core_seconds": round(seconds_all + overview["core_seconds"], 1),
        },
    }


def _count_frames(dataset: Path) -> int:
    return sum(len(np.load(file, mmap_mode="r")) for file in dataset.glob("**/set.*/energy.npy"))


def _step_seconds(directory: Path, iteration: int) -> dict[str, float]:
    """Wall time of the three expensive steps, from the folders DP-GEN's jobs wrote, s."""
    folder = directory / f"iter.{iteration:06d}"
    seconds = {}
    for name, part in (("train", "00.train"), ("explore", "01.model_devi"), ("label", "02.fp")):
        scripts = [path.stat().st_mtime for path in (folder / part).glob("*.sub")]
        finished = [path.stat().st_mtime for path in (folder / part).glob("*_job_tag_finished")]
        seconds[name] = round(max(finished) - min(scripts), 1) if scripts and finished else 0.0
    return seconds


def campaign_status(context: RunContext) -> dict[str, Any]:
    """Where the campaign is, as numbers a script may read."""
    position = read_position(context.campaign)
    n_iterations = len(context.study.exploration.iterations)
    finished = position.iteration >= n_iterations
    return {
        "iteration": min(position.iteration, n_iterations - 1),
        "n_iterations": n_iterations,
        "step": "finished" if finished else STEPS[position.step],
        "labels": count_labels(context.campaign),
        "labels_failed": [
            {"task": os.path.relpath(path.parent, context.campaign), "reason": record["reason"]}
            for path in _label_files(context.campaign, "*")
            if (record := json.loads(path.read_text()))["status"] != "ok"
        ],
    }
