"""The flow: stages in order, each skipped when finished, continued when interrupted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlip_interfaces.books.gates import GatesVerdict
from mlip_interfaces.books.run import INDEX, AnalysisIndex, GivenModel, read_optional_book
from mlip_interfaces.config import LocalExecution, Study, load_study, warned_alone
from mlip_interfaces.engines import ENGINES, require_packages
from mlip_interfaces.errors import InputFileError, StudyError, counted
from mlip_interfaces.files import content_hash
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.study_files import file_hashes, keep_files, located, put
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.folder import STUDY_FILE, locked, require_usable_path
from mlip_interfaces.run.manifests import read_manifest, recorded, write_manifest
from mlip_interfaces.run.stages import FOLDERS, POTENTIAL_STAGES, given_model, require_run_folder, stages_of


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the flow.

    Attributes
    ----------
    name : str
        As given to ``--until``.
    run : callable
        Does the work on a `RunContext` and returns a note for the user; imports the engines when it is called.
    sections : tuple of str
        Keys of the study that it depends on, besides all that the stages before it depend on.
    """

    name: str
    run: Callable[[RunContext], str]
    sections: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Its folder in the run folder."""
        return FOLDERS[self.name]


def _build(context: RunContext) -> str:
    from mlip_interfaces.pipeline.build import run_build

    return run_build(context)


def _data(context: RunContext) -> str:
    from mlip_interfaces.pipeline.initial_data import run_initial_data

    return run_initial_data(context)


def _campaign(context: RunContext) -> str:
    from mlip_interfaces.pipeline.campaign import run_campaign

    return run_campaign(context)


def _train(context: RunContext) -> str:
    from mlip_interfaces.pipeline.train import run_train

    return run_train(context)


def _validate(context: RunContext) -> str:
    from mlip_interfaces.pipeline.validate import run_validate

    return run_validate(context)


def _scan(context: RunContext) -> str:
    from mlip_interfaces.pipeline.scan import run_scan
    from mlip_interfaces.pipeline.unfit_model import refuse_unfit_model

    refuse_unfit_model(context)
    return run_scan(context)


def _analyze(context: RunContext) -> str:
    from mlip_interfaces.pipeline.analyze import run_analyze

    return run_analyze(context)


def _report(context: RunContext) -> str:
    from mlip_interfaces.pipeline.make_report import run_report

    return run_report(context, _changed_stages(context))


STAGES = (
    Stage("build", _build, ("elements", "seed", "interface")),
    Stage("data", _data, ("labels", "initial_data")),
    Stage("campaign", _campaign, ("exploration", "training")),
    Stage("train", _train, ()),
    Stage("validate", _validate, ("validation",)),
    Stage("scan", _scan, ("protocols", "health")),
    Stage("analyze", _analyze, ("analysis",)),
    Stage("report", _report, ("name",)),
)
"""The sections `domain` and `gates` are in none: a look at runs, or at a potential, changes none of them. `look_again` and `pass_gates`
make it anew."""
STAGE_NAMES = tuple(stage.name for stage in STAGES)
PIECEWISE_STAGES = ("scan", "analyze", "report")
"""Stages whose pieces know what made them: started again, they keep what is the same and make or refuse the rest."""
LABELLING_STAGES = ("data", "campaign", "validate")
ENGINE_STAGES = (*LABELLING_STAGES, "train", "scan")
"""Stages that need the packages of the extra."""

LIMITS = {
    "labels": {"max_failed_fraction"},
    "exploration": {
        "healthy_failed_fraction",
        "converged_accurate_fraction",
        "max_iterations",
        "max_repeats",
        "stall_iterations",
        "max_labels",
        "max_core_hours",
    },
}
"""Keys that say how long to go on, not what is done: they may be changed in the middle of a run."""


def run_study(study_file: Path, root: Path, *, until: str = STAGE_NAMES[-1]) -> None:
    """Run a study's stages up to `until`; finished ones are skipped.

    Parameters
    ----------
    study_file : Path
        The study file.
    root : Path
        The run folder; made where it is missing.
    until : str, optional
        Name of the last stage to run.

    Raises
    ------
    UserError
        If the study is wrong, or differs from the one this folder was made with, or the folder has no such stage, or another
        process holds it.
    UnfinishedError
        If an engine failed; the same call continues.
    """
    study = load_checked_study(study_file)
    names = _names_until(root, until)
    _require_means(study, root, names)
    _refuse_other_study(study, study_file, root)
    with locked(root):
        keep_files(study_file, root)
        run_stages(load_run_study(root), root, names)


def _names_until(root: Path, until: str) -> tuple[str, ...]:
    """Stages of a folder up to one of them; refused where it has no such stage."""
    names = stages_of(root)
    if until not in names:
        raise InputFileError(
            f"{root} has no stage '{until}', since its potential was given; its stages are {', '.join(names)}. Give another "
            "--out folder to make a potential."
        )
    return names[: names.index(until) + 1]


def _require_means(study: Study, root: Path, names: Sequence[str]) -> None:
    """What these stages need to run here is looked for before anything is begun."""
    require_usable_path(root, makes_potential=bool(set(names) & set(POTENTIAL_STAGES)))
    if set(names) & set(ENGINE_STAGES):
        require_packages(*ENGINES)
    if set(names) & set(LABELLING_STAGES):
        _require_teacher(study)


def _require_teacher(study: Study) -> None:
    """What labels must be there before anything is begun; on a cluster the compute nodes may have what this machine lacks."""
    from mlip_interfaces.labels.teacher import require_teacher
    from mlip_interfaces.pipeline.initial_data import label_settings

    if isinstance(study.execution, LocalExecution):
        require_teacher(label_settings(study))


def run_stages(study: Study, root: Path, names: tuple[str, ...]) -> None:
    """Run the named stages in a folder that the caller holds the lock of.

    Parameters
    ----------
    study : Study
        The study of the folder.
    root : Path
        The run folder.
    names : tuple of str
        Stages; they run in the order of the flow, and those that are done are skipped, unless the study was edited, files were
        damaged, or an earlier stage has run: of these the pieces that are in order stay.

    Raises
    ------
    UserError, UnfinishedError
        As the stages raise them; the same call continues.
    """
    from mlip_interfaces.run.display import Display

    hashes, anew = stage_hashes(study, given_model(root)), False
    with Display(names) as display:
        for stage in (stage for stage in STAGES if stage.name in names):
            directory = root / stage.folder
            piecewise = stage.name in PIECEWISE_STAGES
            if _is_done(stage, root, hashes) and not (piecewise and anew):
                display.skip(stage.name)
                continue
            display.begin(stage.name)

            def progress(fraction: float, note: str, name: str = stage.name) -> None:
                display.update(name, fraction, note)

            with recorded(directory, stage.name, hashes[stage.name]):
                note = stage.run(RunContext(study, root, progress))
            display.end(stage.name, note)
            anew = anew or piecewise


def _is_done(stage: Stage, root: Path, hashes: Mapping[str, str]) -> bool:
    """Whether nothing is left to do; what is made in pieces has more to do for another study, or for a damaged trajectory."""
    manifest = read_manifest(root / stage.folder)
    if manifest is None or manifest.status != "done":
        return False
    if stage.name not in PIECEWISE_STAGES:
        return True
    if manifest.input_hash != hashes[stage.name]:
        return False
    analysed = read_optional_book(AnalysisIndex, root / stage.folder / INDEX) if stage.name == "analyze" else None
    return analysed is None or not any(run.trouble for run in analysed.runs)


def _changed_stages(context: RunContext) -> list[str]:
    """Stages of a run folder that were made for another study, the report's own left out."""
    hashes = stage_hashes(context.study, given_model(context.root))
    made = {stage.name: read_manifest(context.root / stage.folder) for stage in STAGES[:-1] if stage.name in hashes}
    return [name for name, manifest in made.items() if manifest and manifest.input_hash != hashes[name]]


def run_single_stage(root: Path, name: str, *, despite_gates: bool = False) -> None:
    """Run one stage of an existing run folder; the stages before it must be done.

    Parameters
    ----------
    root : Path
        The run folder.
    name : str
        Name of the stage.
    despite_gates : bool
        Whether a scan starts with a model that fails a safety gate.

    Raises
    ------
    MissingProgramError
        If the stage labels and the teacher cannot run here, or an engine is not installed.
    InputFileError
        If the folder holds no study, or a stage before is not finished.
    RunLockedError
        If another process works in the folder.
    UnfinishedError
        If an engine failed; the same call continues.
    """
    study = load_run_study(root)
    before = _names_until(root, name)[:-1]
    _require_means(study, root, (name,))
    with locked(root):
        if name == "campaign":
            _reopen_campaign(study, root)
        open_stage = _first_open(root, before)
        if open_stage is not None:
            other = ", or `scan init` with a potential that you have" if open_stage in POTENTIAL_STAGES else ""
            raise InputFileError(
                f"The stage '{open_stage}' of {root} is not finished, and '{name}' needs it. "
                f"Run `mlip-interfaces run {root / STUDY_FILE} --out {root} --until {name}`{other}."
            )
        run_stages(warned_alone(study) if despite_gates else study, root, (name,))


def _first_open(root: Path, names: Sequence[str]) -> str | None:
    """The first of these stages that is not done."""
    for name in names:
        manifest = read_manifest(root / FOLDERS[name])
        if manifest is None or manifest.status != "done":
            return name
    return None


def analyze_elsewhere(root: Path, directory: Path) -> None:
    """Analyse the scan of a run folder into another folder; the run folder is only read, also by several at a time.

    Parameters
    ----------
    root : Path
        The run folder.
    directory : Path
        Where to; made where it is missing.

    Raises
    ------
    InputFileError
        If the folder holds no study, the scan has not been collected, or a trajectory is damaged.
    """
    from mlip_interfaces.pipeline.analyze import run_analyze

    study = load_run_study(root)
    directory.mkdir(parents=True, exist_ok=True)
    run_analyze(RunContext(study, root, results=directory))


def report_run(root: Path, directory: Path | None = None) -> None:
    """Write the report of whatever a run folder holds; the stage is done if all stages before it are.

    Parameters
    ----------
    root : Path
        The run folder.
    directory : Path or None
        Another folder for the report, made where it is missing; the run folder is then only read, and no stage is done.

    Raises
    ------
    InputFileError
        If the folder holds no study, or a file of the run is damaged.
    RunLockedError
        If another process works in the folder.
    """
    study, stage = load_run_study(root), STAGES[-1]
    if directory is not None:
        stage.run(RunContext(study, root, results=directory))
        return
    with locked(root):
        if _first_open(root, stages_of(root)[:-1]) is not None:
            stage.run(RunContext(study, root))
            return
        with recorded(root / stage.folder, stage.name, stage_hashes(study, given_model(root))[stage.name]):
            stage.run(RunContext(study, root))


def _reopen_campaign(study: Study, root: Path) -> None:
    """Let a finished campaign go on if the study's limits have been raised since."""
    from mlip_interfaces.pipeline.campaign import has_more_to_do

    stage = STAGES[STAGE_NAMES.index("campaign")]
    manifest = read_manifest(root / stage.folder)
    if manifest is None or manifest.status != "done":
        return
    if not has_more_to_do(RunContext(study, root)):
        return
    after = [later.folder for later in STAGES[STAGES.index(stage) + 1 :] if read_manifest(root / later.folder)]
    if after:
        raise InputFileError(
            f"With these limits the campaign of {root} would go on, but later stages stand on it as it is. Delete their "
            f"folders first ({', '.join(after)}), or keep the campaign as it is."
        )
    write_manifest(root / stage.folder, replace(manifest, status="running", finished=None))


def load_run_study(root: Path) -> Study:
    """The study a run folder was made with.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    Study
        With the files that the folder keeps; what they hold was checked when the run began.

    Raises
    ------
    InputFileError
        If there is none.
    StudyError
        If it is wrong, or a file is missing.
    """
    require_run_folder(root)
    file = root / STUDY_FILE
    return located(load_study(file), file)


def stage_hashes(study: Study, given: GivenModel | None = None) -> dict[str, str]:
    """Hash of all that each stage depends on: its own sections of the study and the stages before it.

    Parameters
    ----------
    study : Study
        The study, with absolute paths: what its files hold counts, not where they lie.
    given : GivenModel or None
        The potential of a folder that makes none: the scan depends on it, and on no section about its making.

    Returns
    -------
    dict of str to str
        SHA-256 by name of the stage; without the stages that make a potential where one was given.
    """
    content = study.model_dump(mode="json")
    for place, digest in file_hashes(study).items():
        put(content, place, {"sha256": digest})
    for section, names in LIMITS.items():
        content[section] = {name: value for name, value in content[section].items() if name not in names}
    if content["labels"]["dft"] is not None:
        # How a code is started here decides nothing: it may be put right without making everything anew.
        for key in ("command", "cores", "pseudopotential_dir"):
            del content["labels"]["dft"][key]
    upstream = ""
    hashes = {}
    for stage in STAGES:
        if given is not None and stage.name in POTENTIAL_STAGES:
            continue
        sections = {name: content[name] for name in stage.sections}
        if given is not None and stage.name == "scan":
            sections["potential"] = given.sha256
        upstream = content_hash([upstream, sections])
        hashes[stage.name] = upstream
    return hashes


def _refuse_other_study(study: Study, study_file: Path, root: Path) -> None:
    hashes = stage_hashes(study, given_model(root))
    # Analyses and the report are made anew where they have to be.
    for stage in (stage for stage in STAGES[:-2] if stage.name in hashes):
        manifest = read_manifest(root / stage.folder)
        if manifest and manifest.input_hash != hashes[stage.name]:
            changed = ", ".join(stage.sections) or "an earlier section"
            raise StudyError(
                f"{study_file} asks for something else than {root} was made with, from the stage '{stage.name}' on "
                f"(sections: {changed}, and the files they name). Give another --out folder, or delete {root / stage.folder} "
                "and the folders of the stages after it to make them anew."
            )


def plan(study_file: Path, root: Path, *, until: str) -> list[str]:
    """What `run_study` would do, a line per stage; nothing is written.

    Parameters
    ----------
    study_file : Path
        The study file.
    root : Path
        The run folder, there or not.
    until : str
        Name of the last stage.

    Returns
    -------
    list of str
        State of each stage, its folder, and what it comes to.

    Raises
    ------
    StudyError
        If the study is wrong, or differs from the one this folder was made with.
    """
    study = load_checked_study(study_file)
    _refuse_other_study(study, study_file, root)
    exploration = study.exploration
    n_rungs = len(exploration.iterations)
    n_most = n_rungs if exploration.climb == "always" else exploration.max_iterations
    most_labels = min(
        exploration.max_labels_per_model * len(study.explored) * n_most, exploration.max_labels or sys.maxsize
    )
    models = study.interface.models
    n_runs = len(study.scan_models) * sum(len(p.seeds) for p in study.protocols.values())
    total_ps = len(study.scan_models) * sum(len(p.seeds) * p.time_ps for p in study.protocols.values())
    details = {
        "build": f"{counted(len(models), 'interface model')}: {', '.join(model.name for model in models)}",
        "data": f"perturbed structures and {counted(len(study.initial_data.teacher_md), 'teacher MD run')} with "
        f"{study.labels.calculator}",
        "campaign": f"a ladder of {counted(n_rungs, 'rung')}, at most {counted(n_most, 'iteration')} and "
        f"{counted(most_labels, 'label')}, committee of {study.training.committee_size}",
        "train": f"{study.training.steps_final} steps, frozen and compressed",
        "validate": f"errors on held-out labels and {study.validation.n_exploration_frames} new ones, and "
        f"{counted(len(study.gates.run), 'safety gate')}",
        "scan": f"{counted(n_runs, 'MD run')}, {total_ps:g} ps in all; whether they stay in the model's domain",
        "analyze": f"one pass over each trajectory: {', '.join(study.analysis.requests)}",
        "report": "one HTML page with its figures",
    }
    lines = []
    names, hashes = _names_until(root, until), stage_hashes(study, given_model(root))
    for stage in (stage for stage in STAGES if stage.name in names):
        manifest = read_manifest(root / stage.folder)
        state = "to do" if manifest is None else ("done" if _is_done(stage, root, hashes) else "to continue")
        lines.append(f"{stage.name:9} {state:12} {root / stage.folder}: {details[stage.name]}")
    return lines


def build_some(study_file: Path, root: Path, names: Sequence[str]) -> None:
    """Build the named models and the bulk cells; the stage stays open until the whole of it has run.

    Parameters
    ----------
    study_file : Path
        The study file.
    root : Path
        The run folder; made where it is missing.
    names : sequence of str
        Of the models.

    Raises
    ------
    StudyError
        If the study is wrong, has no such model, or differs from the one this folder was made with.
    RunLockedError
        If another process works in the folder.
    """
    from mlip_interfaces.pipeline.build import build_models, models_named

    study = load_checked_study(study_file)
    models = models_named(study, names)
    _refuse_other_study(study, study_file, root)
    with locked(root):
        keep_files(study_file, root)
        build_models(RunContext(load_run_study(root), root), models)


def planned_scripts(study: Study, root: Path, names: tuple[str, ...]) -> list[str]:
    """The batch scripts that the named stages would submit, as text; nothing is submitted or written.

    A stage that is done has none.

    Parameters
    ----------
    study : Study
        The study.
    root : Path
        The run folder, there or not.
    names : tuple of str
        Names of the stages.

    Returns
    -------
    list of str
        One text for each batch of jobs.
    """
    from mlip_interfaces.pipeline.dry_run import stage_scripts

    context, hashes = RunContext(study, root), stage_hashes(study, given_model(root))
    texts = []
    for stage in (stage for stage in STAGES if stage.name in names and stage.name in hashes):
        if not _is_done(stage, root, hashes):
            texts += [str(scripts) for scripts in stage_scripts(context, stage.name)]
    return texts


def initialise_campaign(study_file: Path, root: Path) -> None:
    """Build, label the initial data and write DP-GEN's files, so that ``dpgen run`` works in ``campaign/``.

    Parameters
    ----------
    study_file : Path
        The study file.
    root : Path
        The run folder; made where it is missing.

    Raises
    ------
    UserError, UnfinishedError
        As `run_study`.
    """
    from mlip_interfaces.pipeline.campaign import init_campaign

    run_study(study_file, root, until="data")
    study = load_run_study(root)
    with locked(root):
        init_campaign(RunContext(study, root))


def initialise_scan(study_file: Path, root: Path, model: Path) -> None:
    """Build the models and write every deck of the scan for a given potential.

    Parameters
    ----------
    study_file : Path
        The study file.
    root : Path
        The run folder; made where it is missing. It then has the stages build, scan, analyze and report alone.
    model : Path
        The frozen potential; it is copied into the folder.

    Raises
    ------
    InputFileError
        If there is no such model, it lacks an element of the study, or the folder has another one.
    UserError, UnfinishedError
        As `run_study`.
    """
    from mlip_interfaces.pipeline.given_potential import examine_potential, keep_potential, refuse_other_potential
    from mlip_interfaces.pipeline.scan import prepare_scan

    given = examine_potential(model, load_checked_study(study_file).elements)
    refuse_other_potential(root, given)
    run_study(study_file, root, until="build")
    study = load_run_study(root)
    with locked(root):
        context = RunContext(study, root)
        keep_potential(context, model, given)
        prepare_scan(context)


def pass_gates(root: Path) -> GatesVerdict:
    """Put the potential of a run folder through the safety gates, by the study as it is now; what is measured is not measured again.

    Parameters
    ----------
    root : Path
        The run folder, with its structures and a potential.

    Returns
    -------
    GatesVerdict
        As in ``validation/gates.json``.

    Raises
    ------
    InputFileError
        If the folder holds no study, no structure or no potential.
    MissingProgramError
        If an engine is not installed.
    RunLockedError
        If another process works in the folder.
    UnfinishedError
        If an engine failed; the same call continues.
    """
    from mlip_interfaces.pipeline.gates import run_gates

    study = load_run_study(root)
    require_packages(*ENGINES)
    with locked(root):
        return run_gates(RunContext(study, root))


def look_again(root: Path) -> str:
    """Look anew whether the runs of a collected scan stayed in the model's domain, by the study as it is now.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    str
        Who leaves the domain, in a line.

    Raises
    ------
    InputFileError
        If the folder holds no study, or its scan has not been collected.
    MissingProgramError
        If an engine is not installed.
    RunLockedError
        If another process works in the folder.
    """
    from mlip_interfaces.pipeline.domain import look_at_domain
    from mlip_interfaces.pipeline.scan import read_scan_index
    from mlip_interfaces.pipeline.stale_runs import stale_runs

    study = load_run_study(root)
    require_packages(*ENGINES)
    with locked(root):
        context = RunContext(study, root)
        return look_at_domain(context, stale=stale_runs(context, read_scan_index(context)))
