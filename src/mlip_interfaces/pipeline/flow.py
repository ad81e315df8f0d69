"""The flow: stages in order, each skipped when finished, continued when interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.books.gates import GatesVerdict
from mlip_interfaces.books.run import INDEX
from mlip_interfaces.config import LocalExecution, Study, warned_alone
from mlip_interfaces.engines import ENGINES, require_packages
from mlip_interfaces.errors import InputFileError, StudyError
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.made_of import StudyHashes, mark_of_keys
from mlip_interfaces.pipeline.study_files import keep_files, load_run_study
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.folder import STUDY_FILE, locked, require_usable_path
from mlip_interfaces.run.manifests import read_manifest, recorded
from mlip_interfaces.run.stages import FOLDERS, POTENTIAL_STAGES, stages_of

if TYPE_CHECKING:
    from mlip_interfaces.report.paper_figures import Saved


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the flow.

    Attributes
    ----------
    name : str
        As given to ``--until``.
    run : callable
        Does the work on a `RunContext` and returns a note for the user; imports the engines when it is called.
    """

    name: str
    run: Callable[[RunContext], str]

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
    from mlip_interfaces.pipeline.scan import run_scan, runs_with_md
    from mlip_interfaces.pipeline.unfit_model import refuse_unfit_model

    if runs_with_md(context):
        # What is there is judged and read whatever the model is worth.
        refuse_unfit_model(context)
    return run_scan(context)


def _analyze(context: RunContext) -> str:
    from mlip_interfaces.pipeline.analyze import run_analyze

    return run_analyze(context)


def _report(context: RunContext) -> str:
    from mlip_interfaces.pipeline.make_report import run_report

    return run_report(context, _changed_stages(context))


STAGES = (
    Stage("build", _build),
    Stage("data", _data),
    Stage("campaign", _campaign),
    Stage("train", _train),
    Stage("validate", _validate),
    Stage("scan", _scan),
    Stage("analyze", _analyze),
    Stage("report", _report),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)
LABELLING_STAGES = ("data", "campaign", "validate")
ENGINE_STAGES = (*LABELLING_STAGES, "train", "scan")
"""Stages that need the packages of the extra."""


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
        If the study is wrong, the folder has no such stage, or another process holds it.
    UnfinishedError
        If an engine failed; the same call continues.
    """
    from mlip_interfaces.pipeline.plan import plan_run, say_plan
    from mlip_interfaces.pipeline.standing import adopt_older, campaign_goes_on, reopen_stage

    study = load_checked_study(study_file, root)
    names = stages_until(root, until)
    _require_means(study, root, names)
    with locked(root):
        adopt_older(root)
        say_plan(plan_run(study, root, names))
        if "campaign" in names and campaign_goes_on(study, root):
            reopen_stage(root, "campaign")
        keep_files(study_file, root)
        run_stages(load_run_study(root), root, names)


def stages_until(root: Path, until: str) -> tuple[str, ...]:
    """Stages of a folder up to one of them.

    Parameters
    ----------
    root : Path
        The run folder, there or not.
    until : str
        Name of the last stage.

    Returns
    -------
    tuple of str
        In order.

    Raises
    ------
    InputFileError
        If the folder has no such stage.
    """
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
    if set(names) & set(ENGINE_STAGES):
        _require_backend(study, root)
    if set(names) & set(LABELLING_STAGES):
        _require_teacher(study)


def _require_backend(study: Study, root: Path) -> None:
    """What trains and runs the potential; on a cluster the compute nodes may have what this machine lacks."""
    from mlip_interfaces.pipeline.potential_file import backend_of_folder

    if isinstance(study.execution, LocalExecution):
        backend_of_folder(study, root).require()


def _require_teacher(study: Study) -> None:
    """What labels must be there before anything is begun; on a cluster the compute nodes may have what this machine lacks."""
    from mlip_interfaces.labels.teacher import require_model, require_teacher
    from mlip_interfaces.pipeline.initial_data import label_settings

    if isinstance(study.execution, LocalExecution):
        require_teacher(label_settings(study), study.elements)
    elif study.labels.calculator == "deepmd":
        # DeePMD-kit is here in any case.
        require_model(label_settings(study), study.elements)


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
    from mlip_interfaces.pipeline.standing import is_done, make_room_for_stage, standing_hashes
    from mlip_interfaces.run.display import Display

    anew = False
    with Display(names) as display:
        for stage in (stage for stage in STAGES if stage.name in names):
            # What it stands on may have been made by the stages before.
            made_of = StudyHashes(study).stages(root)[stage.name]
            directory, context = root / stage.folder, RunContext(study, root)
            if is_done(context, stage.name, made_of, standing_hashes(root).get(stage.name)) and not (
                anew and stage.name == "report"
            ):
                display.skip(stage.name)
                continue
            display.begin(stage.name)
            make_room_for_stage(root, stage.name, made_of)

            def progress(fraction: float, note: str, name: str = stage.name) -> None:
                display.update(name, fraction, note)

            with recorded(directory, stage.name, made_of, mark_of_keys()):
                note = stage.run(replace(context, progress=progress))
            display.end(stage.name, note)
            anew = True


def _changed_stages(context: RunContext) -> list[str]:
    """Stages of a run folder that were made for another study, the report's own left out."""
    from mlip_interfaces.pipeline.standing import standing_hashes

    made_of, standing = StudyHashes(context.study).stages(context.root), standing_hashes(context.root)
    return [name for name in STAGE_NAMES[:-1] if name in made_of and standing.get(name, made_of[name]) != made_of[name]]


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
        If the folder holds no study, or a stage before is not finished; `analyze` is content with a scan of which some runs
        are: what it finds is preliminary, and the stage stays open.
    RunLockedError
        If another process works in the folder.
    UnfinishedError
        If an engine failed; the same call continues.
    """
    from mlip_interfaces.pipeline.plan import plan_run, say_plan
    from mlip_interfaces.pipeline.standing import adopt_older, campaign_goes_on, reopen_stage

    study = load_run_study(root)
    before = stages_until(root, name)[:-1]
    _require_means(study, root, (name,))
    with locked(root):
        adopt_older(root)
        if name == "campaign":
            _refuse_other_campaign(study, root)
            if campaign_goes_on(study, root):
                reopen_stage(root, "campaign")
        open_stage = _first_open(root, before)
        if (name, open_stage) == ("analyze", "scan") and (scan := root / FOLDERS["scan"]).is_dir():
            if (scan / INDEX).is_file():
                _analyze_what_is_there(study, root)
                return
            raise InputFileError(
                f"The scan of {root} is not finished, and has no {INDEX} of what is there. Run `mlip-interfaces scan submit {root}`, which "
                f"ends it, or `mlip-interfaces scan collect {root}` to analyse the runs that have come to their end."
            )
        if open_stage is not None:
            other = ", or `scan init` with a potential that you have" if open_stage in POTENTIAL_STAGES else ""
            raise InputFileError(
                f"The stage '{open_stage}' of {root} is not finished, and '{name}' needs it. "
                f"Run `mlip-interfaces run {root / STUDY_FILE} --out {root} --until {name}`{other}."
            )
        say_plan(plan_run(study, root, (name,)))
        run_stages(warned_alone(study) if despite_gates else study, root, (name,))


def _analyze_what_is_there(study: Study, root: Path) -> None:
    """Analyse what is collected of a scan that is not at its end; the stage stays open, and is made whole once the scan is."""
    from mlip_interfaces.pipeline.analyze import run_analyze
    from mlip_interfaces.pipeline.standing import reopen_stage
    from mlip_interfaces.run.display import Display

    reopen_stage(root, "analyze")
    context = RunContext(study, root)
    with Display(("analyze",)) as display:
        display.begin("analyze")
        note = run_analyze(replace(context, progress=lambda fraction, said: display.update("analyze", fraction, said)))
        display.end("analyze", note)


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
        with recorded(root / stage.folder, stage.name, StudyHashes(study).stages(root)[stage.name], mark_of_keys()):
            stage.run(RunContext(study, root))


def draw_paper_figures(root: Path, directory: Path) -> list[Saved]:
    """Write the figures of a paper on the scan of a run folder, which is only read.

    Parameters
    ----------
    root : Path
        The run folder.
    directory : Path
        Where the figures go.

    Returns
    -------
    list of Saved
        Each figure and its caption.

    Raises
    ------
    InputFileError
        If the folder holds no study or no results, or a file of the run is damaged.
    """
    from mlip_interfaces.books.run import INDEX, ScanIndex, read_optional_book
    from mlip_interfaces.pipeline.stale_runs import stale_runs
    from mlip_interfaces.report.paper_figures import write_paper_figures

    context = RunContext(load_run_study(root), root)
    scan = read_optional_book(ScanIndex, context.scan / INDEX) or ScanIndex()
    return write_paper_figures(root, directory, stale_runs(context, scan.runs))


def _refuse_other_campaign(study: Study, root: Path) -> None:
    """A campaign is the user's to steer by its own files: it is made anew by `run` alone."""
    from mlip_interfaces.pipeline.standing import standing_hashes

    manifest = read_manifest(root / FOLDERS["campaign"])
    if manifest and standing_hashes(root)["campaign"] != StudyHashes(study).campaign:
        raise StudyError(
            f"{root / STUDY_FILE} asks for another campaign than the one of {root}. Change it back, or run `mlip-interfaces run "
            f"{root / STUDY_FILE} --out {root}`, which sets the old one aside and makes the new one; with --dry-run it says what that "
            "costs."
        )


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
        If the study is wrong, or has no such model.
    RunLockedError
        If another process works in the folder.
    """
    from mlip_interfaces.pipeline.build import build_models, models_named
    from mlip_interfaces.pipeline.standing import adopt_older

    study = load_checked_study(study_file)
    models = models_named(study, names)
    with locked(root):
        adopt_older(root)
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
    from mlip_interfaces.pipeline.standing import is_done, standing_hashes

    context, made_of, standing = RunContext(study, root), StudyHashes(study).stages(root), standing_hashes(root)
    texts = []
    for stage in (stage for stage in STAGES if stage.name in names and stage.name in made_of):
        if not is_done(context, stage.name, made_of[stage.name], standing.get(stage.name)):
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
