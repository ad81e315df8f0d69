"""The flow: stages in order, each skipped when finished, continued when interrupted."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlip_interfaces.config import Study
from mlip_interfaces.errors import InputFileError, StudyError, UserError
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.context import RunContext
from mlip_interfaces.pipeline.display import Display
from mlip_interfaces.pipeline.initial_data import label_settings
from mlip_interfaces.pipeline.run_directory import (
    STUDY_FILE,
    content_hash,
    file_hash,
    locked,
    read_manifest,
    recorded,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the flow.

    Attributes
    ----------
    name : as given to ``--until``.
    folder : its folder in the run folder.
    entry : ``module:function`` in this room; called with the context, returns a note for the user.
    sections : keys of the study that it depends on, besides all that the stages before it depend on.
    """

    name: str
    folder: str
    entry: str
    sections: tuple[str, ...]

    @property
    def run(self) -> Callable[[RunContext], str]:
        """The function that does the work; imported only when needed."""
        module, function = self.entry.split(":")
        loaded: Callable[[RunContext], str] = getattr(
            importlib.import_module(f"mlip_interfaces.pipeline.{module}"), function
        )
        return loaded


STAGES = (
    Stage("build", "structures", "build:run_build", ("elements", "seed", "interface")),
    Stage("data", "initial_data", "initial_data:run_initial_data", ("labels", "initial_data")),
    Stage("campaign", "campaign", "campaign:run_campaign", ("exploration", "training")),
    Stage("train", "model", "train:run_train", ()),
    Stage("validate", "validation", "validate:run_validate", ("validation",)),
    Stage("scan", "scan", "scan:run_scan", ("protocols", "health")),
    Stage("analyze", "analysis", "analyze:run_analyze", ("analysis",)),
    Stage("report", "report", "make_report:run_report", ("name",)),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)
LABELLING_STAGES = ("data", "campaign", "validate")


@dataclass(frozen=True, slots=True)
class StageStatus:
    """State of one stage of a run folder."""

    stage: str
    status: Literal["to do", "interrupted", "running", "done"]
    wall_seconds: float
    finished: str | None


def run_study(study_file: Path, root: Path, *, until: str = STAGE_NAMES[-1]) -> None:
    """Run a study's stages up to `until`; finished ones are skipped.

    Raises
    ------
    UserError
        If the study is wrong, or differs from the one this folder was made with, or another process holds it.
    UnfinishedError
        If an engine failed; the same call continues.
    """
    study = load_checked_study(study_file)
    if until != STAGE_NAMES[0]:
        require_teacher(label_settings(study))
    text = study_file.read_text()
    _refuse_other_study(study, study_file, root)
    with locked(root):
        copy = root / STUDY_FILE
        if not copy.is_file() or copy.read_text() != text:
            copy.write_text(text)
        run_stages(study, root, STAGE_NAMES[: STAGE_NAMES.index(until) + 1])


def run_stages(study: Study, root: Path, names: tuple[str, ...]) -> None:
    """Run the named stages in a folder that the caller holds the lock of."""
    hashes = stage_hashes(study)
    with Display(names) as display:
        for stage in (stage for stage in STAGES if stage.name in names):
            directory = root / stage.folder
            manifest = read_manifest(directory)
            if manifest and manifest.status == "done":
                display.skip(stage.name)
                continue
            display.begin(stage.name)

            def progress(fraction: float, note: str, name: str = stage.name) -> None:
                display.update(name, fraction, note)

            with recorded(directory, stage.name, hashes[stage.name]):
                note = stage.run(RunContext(study, root, progress))
            display.end(stage.name, note)


def run_single_stage(root: Path, name: str) -> None:
    """Run one stage of an existing run folder; the stages before it must be done.

    Raises
    ------
    MissingProgramError
        If the stage labels and the teacher cannot run here.
    InputFileError
        If the folder holds no study, or a stage before is not finished.
    """
    study = load_run_study(root)
    if name in LABELLING_STAGES:
        require_teacher(label_settings(study))
    with locked(root):
        for stage in STAGES[: STAGE_NAMES.index(name)]:
            manifest = read_manifest(root / stage.folder)
            if manifest is None or manifest.status != "done":
                raise InputFileError(
                    f"The stage '{stage.name}' of {root} is not finished, and '{name}' needs it. "
                    f"Run `mlip-interfaces run {root / STUDY_FILE} --out {root} --until {name}`."
                )
        run_stages(study, root, (name,))


def load_run_study(root: Path) -> Study:
    """The study a run folder was made with.

    Raises
    ------
    InputFileError
        If there is none.
    """
    if not (root / STUDY_FILE).is_file():
        raise InputFileError(f"{root} is no run folder: it has no {STUDY_FILE}. Start one with `mlip-interfaces run`.")
    return load_checked_study(root / STUDY_FILE)


def stage_hashes(study: Study) -> dict[str, str]:
    """Hash of all that each stage depends on: its own sections of the study and the stages before it."""
    content: dict[str, Any] = study.model_dump(mode="json")
    if content["labels"]["dft"] is not None:
        # How a code is started here decides nothing: it may be put right without making everything anew.
        for key in ("command", "cores", "pseudopotential_dir"):
            del content["labels"]["dft"][key]
    upstream = ""
    hashes = {}
    for stage in STAGES:
        upstream = content_hash([upstream, {name: content[name] for name in stage.sections}])
        hashes[stage.name] = upstream
    return hashes


def run_status(root: Path) -> list[StageStatus]:
    """State of every stage of a run folder.

    Raises
    ------
    InputFileError
        If `root` is no run folder.
    """
    load_run_study(root)
    held = _is_held(root)
    states = []
    for stage in STAGES:
        manifest = read_manifest(root / stage.folder)
        if manifest is None:
            states.append(StageStatus(stage.name, "to do", 0.0, None))
        else:
            open_status: Literal["running", "interrupted"] = "running" if held else "interrupted"
            status = "done" if manifest.status == "done" else open_status
            states.append(StageStatus(stage.name, status, manifest.wall_seconds, manifest.finished))
    return states


def _is_held(root: Path) -> bool:
    try:
        with locked(root):
            return False
    except UserError:
        return True


def _refuse_other_study(study: Study, study_file: Path, root: Path) -> None:
    hashes = stage_hashes(study)
    for stage in STAGES:
        manifest = read_manifest(root / stage.folder)
        if manifest and manifest.input_hash != hashes[stage.name]:
            changed = ", ".join(stage.sections) or "an earlier section"
            raise StudyError(
                f"{study_file} asks for something else than {root} was made with, from the stage '{stage.name}' on "
                f"(sections: {changed}). Give another --out folder, or delete {root / stage.folder} and the folders of "
                "the stages after it to make them anew."
            )


def plan(study_file: Path, root: Path, *, until: str) -> list[str]:
    """What `run_study` would do, a line per stage; nothing is written."""
    study = load_checked_study(study_file)
    _refuse_other_study(study, study_file, root)
    exploration = study.exploration
    n_explorations = sum(len(s.temperatures_kelvin) * len(s.pressures_bar) for s in exploration.iterations)
    most_labels = exploration.max_labels_per_model * len(study.explored) * len(exploration.iterations)
    n_runs = len(study.thicknesses) * sum(len(p.seeds) for p in study.protocols.values())
    total_ps = len(study.thicknesses) * sum(len(p.seeds) * p.time_ps for p in study.protocols.values())
    details = {
        "build": f"{len(study.thicknesses)} interface models: {', '.join(map(study.model_name, study.thicknesses))}",
        "data": f"perturbed structures and {len(study.initial_data.teacher_md)} teacher MD runs with {study.labels.calculator}",
        "campaign": f"{len(exploration.iterations)} iterations, {n_explorations * len(study.explored)} exploration runs, "
        f"at most {most_labels} labels, committee of {study.training.committee_size}",
        "train": f"{study.training.steps_final} steps, frozen and compressed",
        "validate": f"errors on held-out labels and {study.validation.n_exploration_frames} new ones",
        "scan": f"{n_runs} MD runs, {total_ps:g} ps in all",
        "analyze": f"g(r) of {', '.join(study.analysis.rdf.pairs)}; MSD; tetrahedra; chemistry",
        "report": "one HTML page with its figures",
    }
    lines = []
    for stage in STAGES[: STAGE_NAMES.index(until) + 1]:
        manifest = read_manifest(root / stage.folder)
        state = "to do" if manifest is None else ("done" if manifest.status == "done" else "to continue")
        lines.append(f"{stage.name:9} {state:12} {root / stage.folder}: {details[stage.name]}")
    return lines


def initialise_campaign(study_file: Path, root: Path) -> None:
    """Build, label the initial data and write DP-GEN's files, so that ``dpgen run`` works in ``campaign/``.

    Raises
    ------
    UserError, UnfinishedError
        As `run_study`.
    """
    from mlip_interfaces.pipeline.campaign import init_campaign

    run_study(study_file, root, until="data")
    study = load_run_study(root)
    with locked(root):
        init_campaign(RunContext(study, root, lambda fraction, note: None))


def initialise_scan(study_file: Path, root: Path, model: Path) -> None:
    """Build the models and write every deck of the scan for a given potential.

    Raises
    ------
    InputFileError
        If there is no such model, or the folder has another one.
    """
    from mlip_interfaces.pipeline.scan import prepare_scan

    if not model.is_file():
        raise InputFileError(f"--model: there is no file {model}.")
    run_study(study_file, root, until="build")
    study = load_run_study(root)
    with locked(root):
        target = root / "model" / "model.pb"
        if target.is_file() and file_hash(target) != file_hash(model):
            raise InputFileError(f"{target} is another model than {model}; give another --out folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model, target)
        prepare_scan(RunContext(study, root, lambda fraction, note: None))


def submit_scan(root: Path) -> None:
    """Run or continue the scan of a folder that has its models and a potential.

    Raises
    ------
    InputFileError, UnfinishedError
        If something is missing, or LAMMPS could not be run.
    """
    study = load_run_study(root)
    with locked(root):
        run_stages(study, root, ("scan",))
