"""Stage ``campaign``: DP-GEN's active learning, one exploration step at a time.

DP-GEN does all the work and keeps its own books. Between its steps this controller reads them, decides what comes next
(`campaign.control.decide`), and writes that down before it is done: one more entry of ``model_devi_jobs`` in
``param.running.json``, and the reason in ``decisions.jsonl``. Every decision follows from what is on disk, so that a
campaign killed anywhere takes the same one again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from ase.io import read

from mlip_interfaces.books.campaign import SUMMARY, CampaignSummary, StepDecision, TrustDecision
from mlip_interfaces.books.run import INDEX, StructureIndex, read_book, write_book
from mlip_interfaces.campaign.control import Decision, Limits, decide, labels_left, trust_levels
from mlip_interfaces.campaign.dpgen_files import check_param, neighbors_kept, render_machine, render_param
from mlip_interfaces.campaign.folder import (
    MACHINE,
    PARAM,
    RUNG_KEY,
    RUNNING_PARAM,
    STEPS,
    CampaignPosition,
    Job,
    label_files,
    n_rungs,
    read_jobs,
    read_labels,
    read_ladder,
    read_param,
    read_position,
    record_decision,
    reopen_deleted_labels,
    repair_record,
)
from mlip_interfaces.campaign.held_out import committee_errors
from mlip_interfaces.campaign.history import finished_outcomes, keep_finished
from mlip_interfaces.campaign.launching import LauncherOptions, launcher_command
from mlip_interfaces.campaign.moved import settle
from mlip_interfaces.campaign.start_zero import require_energy_zero
from mlip_interfaces.campaign.summary import label_failures_sentence, summarize_campaign
from mlip_interfaces.campaign.trained_start import keep_start
from mlip_interfaces.config import Study
from mlip_interfaces.errors import InputFileError, ProgramError, UnfinishedError, counted
from mlip_interfaces.files import update_json, write_json
from mlip_interfaces.jobs import watching
from mlip_interfaces.labels.again import forget_configuration_failures
from mlip_interfaces.labels.dataset import read_dataset
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.pipeline.initial_data import initial_systems, write_label_settings
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.potentials import SHORT_RANGE_TABLE, write_zbl_table
from mlip_interfaces.programs import known_failure_in, run_program
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.folder import STUDY_FILE
from mlip_interfaces.units import EV_TO_MEV

_LAST_OF_TRAINING, _LAST_STEP = STEPS.index("post_train"), len(STEPS) - 1
_ALMOST_FULL_BYTES = 5_000_000


def init_campaign(context: RunContext) -> None:
    """Write ``param.json``, ``machine.json`` and the label settings; files that stand already are kept.

    They are the user's to edit: what is written once is never written over.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with structures and initial data.

    Raises
    ------
    StudyError
        If DP-GEN's strict schema refuses one of its files.
    InputFileError
        If the models have not been built, or training starts from a model with another energy zero.
    """
    study, directory = context.study, context.campaign
    directory.mkdir(parents=True, exist_ok=True)
    write_label_settings(study, directory / SETTINGS_FILE)
    counts = directory / "max_neighbors.json"
    if not counts.is_file():
        index, wanted = read_book(StructureIndex, context.structures / INDEX), StudyHashes(study).labelled
        found = neighbors_kept(
            study,
            [read(context.structures / model.file) for model in index.models if model.name in wanted],
            [
                atoms
                for name in initial_systems(context)
                for atoms in read_dataset(context.initial_data / "dataset" / name)
            ],
        )
        write_json(counts, list(found))
    if study.training.short_range is not None and not (directory / SHORT_RANGE_TABLE).is_file():
        write_zbl_table(directory / SHORT_RANGE_TABLE, study.elements)
    require_energy_zero(
        study, directory, [context.initial_data / "dataset" / name for name in initial_systems(context)]
    )
    keep_start(study, directory)
    if not (directory / PARAM).is_file():
        param = render_param(study, initial_systems=initial_systems(context), max_neighbors=read_as(list[int], counts))
        write_json(directory / PARAM, param)
    if not (directory / MACHINE).is_file():
        write_json(directory / MACHINE, render_machine(study))
    settle(directory)


def run_campaign(context: RunContext) -> str:
    """Explore, label and train until the campaign stops; continues where it was interrupted.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with structures and initial data.

    Returns
    -------
    str
        How many iterations and labels there were, and why it stopped.

    Raises
    ------
    UnfinishedError
        If too many labels failed, or DP-GEN or a program of its failed.
    """
    init_campaign(context)
    keep_finished(context)
    with watching(lambda: _look(context), every_seconds=context.study.execution.poll_seconds):
        while True:
            iteration = read_position(context.campaign).iteration
            if iteration >= len(read_jobs(context.campaign)):
                decision = next_decision(context)
                if decision.action == "stop":
                    _record(context, iteration, decision)
                    break
                _begin_iteration(context, iteration, decision)
            _run_iteration(context, iteration)
            keep_finished(context)
            write_book(context.campaign / SUMMARY, summarize_campaign(context))
    summary = summarize_campaign(context)
    write_book(context.campaign / SUMMARY, summary)
    labels = summary.labels
    return (
        f"{counted(len(summary.iterations), 'iteration')}, {counted(labels.made, 'label')}, {len(labels.failed)} failed; "
        f"{decision.reason}: {decision.sentence}"
    )


def next_decision(context: RunContext) -> Decision:
    """What comes after the finished iterations.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    Decision
        The same for the same files and limits.
    """
    return decide(
        finished_outcomes(context),
        n_rungs(context.campaign),
        limits_of(context.study),
        n_systems=len(context.study.explored),
    )


def limits_of(study: Study) -> Limits:
    """The study's limits.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    Limits
        For `control.decide`.
    """
    asked = study.exploration
    return Limits(
        climb=asked.climb,
        healthy_failed_fraction=asked.healthy_failed_fraction,
        converged_accurate_fraction=asked.converged_accurate_fraction,
        max_iterations=asked.max_iterations,
        max_repeats=asked.max_repeats,
        stall_iterations=asked.stall_iterations,
        max_labels=asked.max_labels,
        max_core_hours=asked.max_core_hours,
    )


def has_more_to_do(context: RunContext) -> bool:
    """Whether a finished campaign would go on under the study's limits as they are now.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    bool
        False for a campaign that was not prepared.
    """
    return (context.campaign / PARAM).is_file() and next_decision(context).action == "explore"


def _record(context: RunContext, iteration: int, decision: Decision) -> None:
    record_decision(
        context.campaign,
        StepDecision(iteration, decision.action, decision.rung, decision.reason, decision.sentence),
    )


def _begin_iteration(context: RunContext, iteration: int, decision: Decision) -> None:
    """Append the job of an iteration: the rung's entry of ``param.json``."""
    _record(context, iteration, decision)
    rung = read_ladder(context.campaign)[decision.rung]
    job = Job(iteration, rung | {"_idx": f"{iteration:03d}", RUNG_KEY: decision.rung})
    _write_running_param(context, [*read_jobs(context.campaign), job])


def _write_running_param(context: RunContext, jobs: Sequence[Job]) -> None:
    """``param.json`` as the user has it, with these jobs and the labels that the budget leaves."""
    exploration = context.study.exploration
    param = read_param(context.campaign) | {
        "model_devi_jobs": [job.content for job in jobs],
        "ratio_failed": context.study.labels.max_failed_fraction,
    }
    limits = limits_of(context.study)
    # Without a budget the history does not matter.
    left = None if limits.max_labels is None else labels_left(finished_outcomes(context, jobs), limits)
    if left is not None:
        param["fp_task_max"] = min(exploration.max_labels_per_model, left // len(context.study.explored))
    check_param(param)
    update_json(context.campaign / RUNNING_PARAM, param)


def _run_iteration(context: RunContext, iteration: int) -> None:
    """Train; measure the committee and set the trust levels; explore and label."""
    trained = CampaignPosition(iteration, _LAST_OF_TRAINING + 1)
    if read_position(context.campaign) < trained:
        _run_dpgen(context, iteration, _LAST_OF_TRAINING)
    if read_position(context.campaign) == trained:
        _set_trust_levels(context, iteration)
    else:
        # A limit of the study may have been raised.
        _write_running_param(context, read_jobs(context.campaign))
    _run_dpgen(context, iteration, _LAST_STEP)


def _set_trust_levels(context: RunContext, iteration: int) -> None:
    exploration = context.study.exploration
    errors = committee_errors(context, iteration)
    rmse = None if errors is None else errors.force_rmse_mev_per_angstrom / EV_TO_MEV
    param = read_param(context.campaign)
    levels = trust_levels(
        exploration.trust,
        param["model_devi_f_trust_lo"],
        param["model_devi_f_trust_hi"],
        force_rmse_ev_per_angstrom=rmse,
        rmse_factor=exploration.trust_rmse_factor,
        ratio=exploration.trust_ratio,
    )
    record_decision(
        context.campaign,
        TrustDecision(iteration, "trust", levels.low_ev_per_angstrom, levels.high_ev_per_angstrom, rmse, levels.note),
    )
    in_force = {
        "model_devi_f_trust_lo": levels.low_ev_per_angstrom,
        "model_devi_f_trust_hi": levels.high_ev_per_angstrom,
    }
    jobs = read_jobs(context.campaign)
    _write_running_param(
        context, [replace(job, content=job.content | in_force) if job.iteration == iteration else job for job in jobs]
    )


def _run_dpgen(context: RunContext, iteration: int, step: int) -> None:
    """DP-GEN until `step` of `iteration` is done."""
    study, campaign = context.study, context.campaign
    repair_record(campaign)
    # Labels that failed because a program or a disk did are made again, now that they may succeed.
    forget_configuration_failures(campaign / f"iter.{read_position(campaign).iteration:06d}" / "02.fp")
    reopen_deleted_labels(campaign)
    try:
        run_program(
            launcher_command(
                RUNNING_PARAM,
                MACHINE,
                LauncherOptions(
                    until_iteration=iteration,
                    until_step=step,
                    poll_seconds=study.execution.poll_seconds,
                    seed=study.seed,
                    selection=study.exploration.selection,
                ),
            ),
            directory=campaign,
            log_file=campaign / "dpgen.out",
            # DP-GEN iterates over sets of file names; a fixed order keeps the hash by which jobs are found.
            environment={"PYTHONHASHSEED": "0"},
        )
    except ProgramError as error:
        raise _explained(context, error) from error
    # DP-GEN's links are absolute.
    settle(campaign)


def _explained(context: RunContext, error: ProgramError) -> UnfinishedError:
    """DP-GEN's failure in the user's terms, where it is a known one."""
    campaign, study = context.campaign, context.study
    if shutil.disk_usage(campaign).free < _ALMOST_FULL_BYTES:
        return UnfinishedError(f"The disk that holds {campaign} is full. Make room; what is done is kept.")
    position = read_position(campaign)
    labels = read_labels(campaign, position.iteration)
    n_failed = sum(not label.good for label in labels)
    if position.name == "post_label" and n_failed > study.labels.max_failed_fraction * len(labels):
        return UnfinishedError(
            f"{n_failed} of {len(labels)} labels of iteration {position.iteration} failed, more than "
            f"labels.max_failed_fraction: {study.labels.max_failed_fraction:g} of {context.root / STUDY_FILE} allows "
            f"({label_failures_sentence(campaign, position.iteration)}). Cure the cause and delete their label.json, or raise the "
            "limit there to go on with the good ones."
        )
    for log in sorted((campaign / f"iter.{position.iteration:06d}").glob("0*/*/*.log")):
        is_done = any(log.parent.glob("*_task_tag_finished"))
        if not is_done and (cause := known_failure_in(log)):
            return UnfinishedError(f"{cause} That is what failed; its log: {log}. The same command goes on from there.")
    return error


def _look(context: RunContext) -> None:
    campaign = context.campaign
    position, jobs = read_position(campaign), read_jobs(campaign)
    if not jobs or position.iteration >= len(jobs):
        return
    rung, total = jobs[position.iteration].rung, n_rungs(campaign)
    context.progress(
        (rung + position.step / len(STEPS)) / total,
        f"iteration {position.iteration}, rung {rung + 1} of {total}: {position.name}, "
        f"{len(label_files(campaign, '*'))} labels made",
    )


def campaign_status(context: RunContext) -> CampaignSummary:
    """Where the campaign is and what it found, as numbers a script may read.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    CampaignSummary
        With its hints.

    Raises
    ------
    InputFileError
        If the campaign has not been prepared.
    """
    if not (context.campaign / PARAM).is_file():
        raise InputFileError(
            f"{context.root} has no campaign yet; start it with `mlip-interfaces campaign init` or `mlip-interfaces run`."
        )
    return summarize_campaign(context)
