"""A run folder whose campaign costs nothing: DP-GEN's nine steps imitated by writing the files they leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlip_interfaces.campaign.folder import RUNNING_PARAM, STEPS, read_position
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.pipeline import campaign
from mlip_interfaces.run.context import RunContext

LABEL = {"status": "ok", "reason": None, "wall_seconds": 36.0}
Deviate = Callable[[int, dict, int], list[float]]
"""Iteration, job and system to the deviations of all frames of each run."""


def study_with(miniature: Path, **exploration: object) -> Study:
    """The miniature study with other exploration settings."""
    study = load_study(miniature)
    fields = study.exploration.model_dump() | {"climb": "when_healthy"} | exploration
    return study.model_validate(study.model_dump() | {"exploration": fields})


def prepare(root: Path, study: Study) -> RunContext:
    """A run folder with its initial data, nothing explored yet."""
    data = root / "initial_data" / "dataset" / "bulk-base"
    (data / "set.000").mkdir(parents=True)
    (data / "type.raw").write_text("0\n")
    np.save(data / "set.000" / "energy.npy", np.zeros(7))
    overview = {"calculator": "mini", "kind": "custom", "made": 7, "failed": [], "core_seconds": 0.0}
    (root / "initial_data" / "summary.json").write_text(json.dumps(overview))
    (root / "campaign").mkdir()
    (root / "campaign" / "max_neighbors.json").write_text("[10, 10, 10]")
    return RunContext(study, root, lambda fraction, note: None)


def dpgen(deviate: Deviate, *, label: Callable[[str], dict] = lambda task: LABEL, rmse: float = 20.0) -> Callable:
    """Something to put in the place of the controller's call of DP-GEN.

    `rmse` (meV/angstrom) is that of the first committee; each training takes a tenth off.
    """

    def run(context: RunContext, iteration: int, step: int) -> None:
        position = read_position(context.campaign)
        while (position.iteration, position.step) <= (iteration, step):
            folder = context.campaign / f"iter.{position.iteration:06d}"
            _work(context, folder, position.iteration, position.step)
            with (context.campaign / "record.dpgen").open("a") as record:
                record.write(f"{position.iteration} {position.step}\n")
            position = read_position(context.campaign)

    def _work(context: RunContext, folder: Path, iteration: int, step: int) -> None:
        param = json.loads((context.campaign / RUNNING_PARAM).read_text())
        job = param["model_devi_jobs"][iteration]
        if STEPS[step] == "train":
            held_out = context.campaign / "held_out"
            held_out.mkdir(exist_ok=True)
            found = {
                "force_rmse_mev_per_angstrom": rmse * 0.9**iteration,
                "n_frames": 3,
                "energy_rmse_mev_per_atom": 1.0,
            }
            found["layers"] = {"base": {"force_rmse_mev_per_angstrom": rmse * 0.9**iteration, "n_atoms": 8}}
            (held_out / f"iter.{iteration:06d}.json").write_text(json.dumps(found))
        if STEPS[step] == "make_explore":
            explorations = folder / "01.model_devi"
            explorations.mkdir(parents=True, exist_ok=True)
            (explorations / "cur_job.json").write_text(json.dumps(job))
        if STEPS[step] == "explore":
            for system in job["sys_idx"]:
                for number, (kelvin, bar) in enumerate((t, p) for t in job["temps"] for p in job["press"]):
                    task = folder / "01.model_devi" / f"task.{system:03d}.{number:06d}"
                    task.mkdir(exist_ok=True)
                    (task / "job.json").write_text(json.dumps({"temps": kelvin, "press": bar}))
                    write_deviations(task / "model_devi.out", deviate(iteration, job, system), job["trj_freq"])
        if STEPS[step] == "make_label":
            low, high = job["model_devi_f_trust_lo"], job["model_devi_f_trust_hi"]
            for system in job["sys_idx"]:
                values = deviate(iteration, job, system) * len(job["temps"]) * len(job["press"])
                n_candidates = sum(low <= value < high for value in values)
                for number in range(min(n_candidates, param["fp_task_max"])):
                    (folder / "02.fp" / f"task.{system:03d}.{number:06d}").mkdir(parents=True, exist_ok=True)
        if STEPS[step] == "label":
            for task in folder.glob("02.fp/task.*"):
                if not (task / "label.json").is_file():
                    (task / ".label").write_text(json.dumps(label(f"{folder.name}/{task.name}")))
                    (task / ".label").rename(task / "label.json")

    return run


def write_deviations(file: Path, values: list[float], sample_every: int) -> None:
    """``model_devi.out`` with these largest force deviations."""
    rows = "".join(f"{i * sample_every} 0 0 0 {value} 0 0\n" for i, value in enumerate(values))
    file.write_text("#  step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f\n" + rows)


def run(context: RunContext, imitation: Callable, monkeypatch) -> dict:
    """Run the controller on an imitated DP-GEN; its summary."""
    monkeypatch.setattr(campaign, "_run_dpgen", imitation)
    campaign.run_campaign(context)
    return json.loads((context.campaign / "summary.json").read_text())
