"""What a stage would submit: the batch scripts of its jobs, made by DP-GEN and dpdispatcher themselves."""

from __future__ import annotations

import contextlib
import copy
import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlip_interfaces.books.gates import GATES_FILE
from mlip_interfaces.campaign.dpgen_files import DpgenContent, render_machine, render_param, uncounted_neighbors
from mlip_interfaces.campaign.folder import read_position
from mlip_interfaces.config import LocalExecution, Study
from mlip_interfaces.files import write_text
from mlip_interfaces.jobs import Batch, BatchScripts, preview_batch, preview_submission
from mlip_interfaces.pipeline.agreement import agreement_batch
from mlip_interfaces.pipeline.analysis_jobs import analysis_batch
from mlip_interfaces.pipeline.domain import planned_looks
from mlip_interfaces.pipeline.gates import gates_batch
from mlip_interfaces.pipeline.initial_data import label_batch, teacher_md_batch
from mlip_interfaces.pipeline.own_md import FOLDER as OWN_MD_FOLDER
from mlip_interfaces.pipeline.own_md import own_md_batch, own_structures
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.pipeline.reference_md import LABELS as REFERENCE_LABELS
from mlip_interfaces.pipeline.reference_md import MODEL as REFERENCE_MODEL
from mlip_interfaces.pipeline.reference_md import reference_batches
from mlip_interfaces.pipeline.scan import runs_with_md, scan_batch, scan_runs
from mlip_interfaces.pipeline.train import train_batch, training_systems
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext

TITLES = {"00.train": "committee", "01.model_devi": "exploration", "02.fp": "labels of candidates"}


def stage_scripts(context: RunContext, stage: str) -> list[BatchScripts]:
    """Scripts of a stage's jobs; nothing is submitted or written.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    stage : str
        Name of the stage.

    Returns
    -------
    list of BatchScripts
        Empty for a stage that submits none.
    """
    return _PREVIEWS[stage](context) if stage in _PREVIEWS else []


def campaign_scripts(context: RunContext) -> list[BatchScripts]:
    """Scripts of the three steps of the iteration that is next: DP-GEN's own code makes the commands.

    It runs in a folder of its own with tasks of the right names; they are the real ones where the step is prepared,
    and as many as can be otherwise. ``machine.json`` is the campaign's own where there is one, edited or not.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    list of BatchScripts
        In the order of the steps.
    """
    study, iteration = context.study, read_position(context.campaign).iteration
    machine = _without_connection(_machine(context))
    # The data decide which files travel, not what is run.
    param = render_param(study, initial_systems=(), max_neighbors=uncounted_neighbors(study))
    jobs = param["model_devi_jobs"]
    # DP-GEN wants an entry for the iteration; which rung it is does not change the scripts.
    param["model_devi_jobs"] = [*jobs, *[jobs[-1]] * (iteration + 1 - len(jobs))]
    campaign = context.campaign.resolve()
    name = f"iter.{iteration:06d}"
    scripts: list[BatchScripts] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        from dpgen.generator import run as dpgen_run
        from dpgen.generator.arginfo import run_jdata_arginfo
        from dpgen.remote.decide_machine import convert_mdata
        from dpgen.util import normalize

        for part, tasks in _task_names(study, iteration).items():
            real = sorted(path.name for path in (campaign / name / part).glob("task.*"))
            for task in real or tasks:
                (Path(name) / part / task).mkdir(parents=True)
        write_text(Path(name) / "01.model_devi" / "cur_job.json", "{}")
        make = dpgen_run.make_submission
        dpgen_run.make_submission = lambda *arguments, **options: _Recorder(
            make(*arguments, **options), options["work_path"], campaign, scripts
        )
        try:
            jdata, mdata = normalize(run_jdata_arginfo(), param), convert_mdata(machine)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # DP-GEN leaves a file open
                for run in (dpgen_run.run_train, dpgen_run.run_model_devi, dpgen_run.run_fp):
                    run(iteration, jdata, mdata)
        finally:
            dpgen_run.make_submission = make
    return scripts


class _Recorder:
    """Stands for a submission of DP-GEN: asked to run, it keeps the scripts instead."""

    def __init__(self, submission: Any, work_path: str, campaign: Path, scripts: list[BatchScripts]) -> None:
        # Made in a temporary folder; its jobs belong into the campaign's.
        root = str(campaign)
        machine = submission.machine
        if type(machine.context).__name__ == "LazyLocalContext":
            machine.context.temp_remote_root = root
        machine.context.temp_local_root = machine.context.init_local_root = root
        self._submission, self._scripts = submission, scripts
        self._title = f"{TITLES[Path(work_path).name]} ({work_path})"

    def run_submission(self, **_: Any) -> None:
        self._scripts.append(preview_submission(self._submission, self._title))


def _machine(context: RunContext) -> DpgenContent:
    file = context.campaign / "machine.json"
    if file.is_file():
        return read_as(dict[str, Any], file, if_damaged="mend it, or delete it to have it written again")
    return render_machine(context.study)


def _without_connection(machine: DpgenContent) -> DpgenContent:
    """The same with files copied on this machine: the scripts are alike, and nobody is called."""
    copied = copy.deepcopy(machine)
    for step in ("train", "model_devi", "fp"):
        section = copied[step]["machine"]
        if section["context_type"].lower().startswith("ssh"):
            section["context_type"] = "LocalContext"
            section.pop("remote_profile", None)
    return copied


def _task_names(study: Study, iteration: int) -> dict[str, list[str]]:
    """The tasks DP-GEN will make, where it has not yet; as many labels as the study allows."""
    steps, n_systems = study.exploration.iterations, len(study.explored)
    step = steps[min(iteration, len(steps) - 1)]
    n_runs = len(step.temperatures_kelvin) * len(step.pressures_bar)
    n_labels = study.exploration.max_labels_per_model
    return {
        "00.train": [f"{number:03d}" for number in range(study.training.committee_size)],
        "01.model_devi": [f"task.{system:03d}.{run:06d}" for system in range(n_systems) for run in range(n_runs)],
        "02.fp": [f"task.{system:03d}.{label:06d}" for system in range(n_systems) for label in range(n_labels)],
    }


def _data_scripts(context: RunContext) -> list[BatchScripts]:
    directory = context.initial_data / "tasks"
    origins = directory / "origins.json"
    plan = context.study.initial_data
    names = (
        list(read_as(dict[str, str], origins))
        if origins.is_file()
        # Before the build their number is not known; one stands for all.
        else [f"md.{number:03d}" for number in range(len(plan.teacher_md))] + ["task.000.000000"]
    )
    runs, labels = ([name for name in names if name.startswith(start)] for start in ("md.", "task."))
    scripts = [_preview(context, teacher_md_batch(context.study, runs, directory), "teacher MD")] if runs else []
    return [*scripts, _preview(context, label_batch(context.study, labels, directory), "initial labels")]


def _train_scripts(context: RunContext) -> list[BatchScripts]:
    last = len(context.study.exploration.iterations) - 1
    member = context.campaign / f"iter.{last:06d}" / "00.train" / "000"
    return [
        _preview(context, train_batch(context, member, training_systems(context)), "final model"),
        _preview(context, agreement_batch(context, potential_of(context)), "LAMMPS against Python"),
    ]


def _validate_scripts(context: RunContext) -> list[BatchScripts]:
    study, directory = context.study, context.validation / "tasks"
    n_frames = study.validation.n_exploration_frames
    names = sorted(path.name for path in directory.glob("task.*")) or [
        f"task.000.{number:06d}" for number in range(n_frames)
    ]
    labels = [_preview(context, label_batch(context.study, names, directory), "held-out labels")] if names else []
    if own := own_structures(study):
        labels.append(_preview(context, own_md_batch(context), "the model's own MD"))
        n_snapshots = study.validation.own_md.n_snapshots
        tasks = [f"task.{number % len(own):03d}.{number:06d}" for number in range(n_snapshots)]
        batch = label_batch(context.study, tasks, context.validation / OWN_MD_FOLDER / "tasks")
        labels.append(_preview(context, batch, "labels of the model's own MD"))
    titles = {REFERENCE_LABELS: "MD with the labelling method", REFERENCE_MODEL: "the same MD with the model"}
    labels += [_preview(context, batch, titles[which]) for which, batch in reference_batches(context).items()]
    return labels + _gates_scripts(context)


def _gates_scripts(context: RunContext) -> list[BatchScripts]:
    return [_preview(context, gates_batch(context), "safety gates")] if context.study.gates.run else []


def _scan_scripts(context: RunContext) -> list[BatchScripts]:
    runs = runs_with_md(context)
    scripts = [_preview(context, scan_batch(context, runs), "MD of the scan")] if runs else []
    if potential_of(context).is_file() and not context.campaign.is_dir():
        # A potential from elsewhere: no committee judges its runs, and nothing before the scan put it through the gates.
        measured = (context.validation / GATES_FILE).is_file()
        return scripts if measured else _gates_scripts(context) + scripts
    looks = planned_looks(context, {run.name: run.model.name for run in scan_runs(context.study)})
    return scripts + [_preview(context, batch, title) for title, batch in looks.items()]


def _analyze_scripts(context: RunContext) -> list[BatchScripts]:
    if isinstance(context.study.execution, LocalExecution):
        return []
    # The mark of a task is that of files that may not be there yet.
    names = {run.name: "0" * 16 for run in scan_runs(context.study)}
    return [_preview(context, analysis_batch(context, names), "analysis")]


def _preview(context: RunContext, batch: Batch, title: str) -> BatchScripts:
    return preview_batch(batch, context.study.execution, title)


_PREVIEWS: dict[str, Callable[[RunContext], list[BatchScripts]]] = {
    "data": _data_scripts,
    "campaign": campaign_scripts,
    "train": _train_scripts,
    "validate": _validate_scripts,
    "scan": _scan_scripts,
    "analyze": _analyze_scripts,
}
