"""Whether the runs of the scan stayed in the model's domain: the committee judges frames of them, labels are compared.

Folder ``scan/domain``: ``committee/RUN`` with the frames and DeePMD-kit's ``model_devi.out``, ``tasks`` with the labels,
``dataset`` with the good ones. What is there is not made again, as long as the frames are the same.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from ase import Atoms
from ase.io import write

from mlip_interfaces.books.domain import DOMAIN_FILE, CommitteeFrame, DomainIndex, RunDomain, SpotLabel
from mlip_interfaces.books.run import INDEX, FailedLabel, LayersOfAtoms, ScanEntry, ScanIndex, read_book
from mlip_interfaces.campaign.dpgen_files import backend_of_study
from mlip_interfaces.campaign.held_out import predict_systems
from mlip_interfaces.config import LocalExecution, Study
from mlip_interfaces.errors import UnfinishedError, UserError
from mlip_interfaces.files import content_hash, file_hash, relink, whole_folder, write_json, write_text
from mlip_interfaces.jobs import Batch, JobTask, run_tasks, watching
from mlip_interfaces.labels.again import forget_configuration_failures
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, read_record, structure_hash
from mlip_interfaces.labels.record import LabelRecord
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.pipeline.committee import Committee, trusted_committee
from mlip_interfaces.pipeline.domain_frames import LookedAt, read_frames
from mlip_interfaces.pipeline.initial_data import label_batch, label_settings, write_label_settings
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.potentials import left_by_deviation, left_by_drift, read_model_deviation
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import EV_TO_MEV

FOLDER = "domain"
DEVIATIONS = "model_devi.out"
_SYSTEM, _FRAMES_HASH = "system", "frames.sha256"


def look_at_domain(context: RunContext, *, begun: float = 0.0, stale: Mapping[str, str] = MappingProxyType({})) -> str:
    """Judge frames of every run by the committee, label a few, and write ``scan/domain.json``.

    Nothing that goes wrong here ends the stage: the record says what was not looked at, and why.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the scan collected.
    begun : float, optional
        Share of the stage that is done before, for its progress.
    stale : mapping of str to str, optional
        Runs that are not looked at, since their files are not of the study, and why.

    Returns
    -------
    str
        Who leaves the domain, in a line.

    Raises
    ------
    InputFileError
        If the scan has not been collected, or a file of it is damaged.
    """
    study = context.study
    runs = read_book(ScanIndex, context.scan / INDEX).runs
    committee = trusted_committee(context)
    trained_here = len(committee.models) > 0
    no_labels = {run.name: _why_not_asked(study, run.model, trained_here=trained_here) for run in runs}
    if not all(no_labels.values()):
        no_teacher = _why_no_teacher(study)
        no_labels = {name: why or no_teacher for name, why in no_labels.items()}
    n_judged = study.domain.frames_per_run if committee.models else 0
    frames = {
        run.name: LookedAt({}, (), (), stale[run.name])
        if run.name in stale
        else read_frames(
            context.scan, run, n_judged=n_judged, n_labelled=0 if no_labels[run.name] else spot_labels_per_run(study)
        )
        for run in runs
    }
    no_table = _judge_by_committee(context, committee, frames, begun)
    records, failed = _label(context, frames, begun)
    spots, no_comparison = _compare(context, runs, records)
    found = []
    for run in runs:
        looked = frames[run.name]
        judged = _deviations(context, run, looked)
        labelled = spots.get(run.name, ())
        found.append(
            judge(
                RunDomain(
                    name=run.name,
                    verdict="not looked at",
                    committee=judged,
                    spot_labels=labelled,
                    failed_labels=failed.get(run.name, ()),
                    no_committee="" if judged else committee.missing or looked.trouble or no_table,
                    no_labels="" if labelled else no_labels[run.name] or looked.trouble or no_comparison,
                ),
                committee.high,
                study.domain.max_energy_drift_mev_per_atom,
            )
        )
    index = DomainIndex(
        committee=tuple(os.path.relpath(model, context.root) for model in committee.models),
        trust_low_ev_per_angstrom=committee.low,
        trust_high_ev_per_angstrom=committee.high,
        max_energy_drift_mev_per_atom=study.domain.max_energy_drift_mev_per_atom,
        runs=tuple(found),
    )
    write_json(context.scan / DOMAIN_FILE, index.to_json())
    return index.sentence


def judge(run: RunDomain, high: float | None, max_drift_mev_per_atom: float) -> RunDomain:
    """The verdict on a run by what was found of it.

    Parameters
    ----------
    run : RunDomain
        With its frames and labels.
    high : float or None, eV/angstrom
        Upper trust level; None without a committee.
    max_drift_mev_per_atom : float, meV/atom
        Largest change of the energy error.

    Returns
    -------
    RunDomain
        With verdict, time and reasons; not looked at where there is neither a committee nor a second label.
    """
    left: list[float] = []
    reasons = []
    deviations = np.array([frame.max_force_deviation_ev_per_angstrom for frame in run.committee], dtype=np.float64)
    if high is not None and (place := left_by_deviation(deviations, high)) is not None:
        left.append(run.committee[place].time_ps)
        n_above = int((~(deviations[place:] < high)).sum())
        reasons.append(
            f"from {left[-1]:.6g} ps on, {n_above} of {len(deviations) - place} frames deviate by more than the upper trust "
            f"level of {high:.3g} eV/angstrom"
        )
    errors = [label.energy_error_mev_per_atom for label in run.spot_labels]
    if (place := left_by_drift(errors, max_drift_mev_per_atom)) is not None:
        left.append(run.spot_labels[place].time_ps)
        reasons.append(
            f"at {left[-1]:.6g} ps, E(model) - E(label) is {errors[place]:.1f} meV/atom; at {run.spot_labels[0].time_ps:.6g} ps "
            f"it was {errors[0]:.1f}, and it may change by {max_drift_mev_per_atom:g}"
        )
    if left:
        return replace(run, verdict="leaves", left_at_ps=min(left), reasons=tuple(reasons))
    known = len(run.committee) > 0 or len(errors) > 1
    return replace(run, verdict="inside" if known else "not looked at")


def spot_labels_per_run(study: Study) -> int:
    """Labels of each run that is labelled at all.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    int
        Two where the study says nothing.
    """
    asked = study.domain.spot_labels_per_run
    return 2 if asked is None else asked


def committee_batch(names: Sequence[str], models: Sequence[str], directory: Path) -> Batch:
    """The committee on frames of runs, a task for each run.

    Parameters
    ----------
    names : sequence of str
        Names of the runs.
    models : sequence of str
        Files of the committee in `directory`.
    directory : Path
        Where the runs' folders lie.

    Returns
    -------
    Batch
        Each task leaves DP-GEN's table of deviations.
    """
    tasks = []
    for name in names:
        up = "../" * len(Path(name).parts)
        command = (
            f"dp model-devi -m {' '.join(f'{up}{model}' for model in models)} -s {_SYSTEM} -o {DEVIATIONS}.new "
            f"&& mv {DEVIATIONS}.new {DEVIATIONS}"
        )
        tasks.append(JobTask(name, command, (DEVIATIONS,), inputs=(_SYSTEM,)))
    return Batch(tuple(tasks), directory, "explore", common_files=tuple(models))


def planned_looks(context: RunContext, models: Mapping[str, str]) -> dict[str, Batch]:
    """What a look at the runs of a scan will submit, where a campaign trains the model; frames have placeholders.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    models : mapping of str to str
        Name of the interface model of each run.

    Returns
    -------
    dict of str to Batch
        By what is run; empty where the study asks for nothing.
    """
    study, directory = context.study, context.scan / FOLDER
    batches = {}
    if study.domain.frames_per_run:
        committee = [backend_of_study(study).member(number) for number in range(study.training.committee_size)]
        batches["committee on frames of the scan"] = committee_batch(list(models), committee, directory / "committee")
    labelled = [name for name, model in models.items() if not _why_not_asked(study, model, trained_here=True)]
    names = [_task_name(name, frame) for name in labelled for frame in range(spot_labels_per_run(study))]
    if names:
        batches["spot labels of the scan"] = label_batch(study, names, directory / "tasks")
    return batches


def _why_not_asked(study: Study, model: str, *, trained_here: bool) -> str:
    """Why the study does not ask for labels of runs of an interface model; empty if it does."""
    asked = study.domain.spot_labels_per_run
    if asked == 0:
        return "domain.spot_labels_per_run is 0"
    if asked is None and not trained_here:
        return (
            "the model was not trained here, so the study's labels need not be those of its training; "
            "domain.spot_labels_per_run asks for them all the same"
        )
    if asked is None and model not in {plan.name for plan in study.interface.label_models}:
        return f"{model} is larger than what is labelled; domain.spot_labels_per_run asks for labels all the same"
    return ""


def _why_no_teacher(study: Study) -> str:
    """Why nothing can be labelled here; the nodes of a cluster may have what this machine lacks."""
    if isinstance(study.execution, LocalExecution):
        try:
            require_teacher(label_settings(study), study.elements)
        except UserError as error:
            return str(error)
    return ""


def _judge_by_committee(context: RunContext, committee: Committee, frames: Mapping[str, LookedAt], begun: float) -> str:
    """Have the tables of deviations made; why some are missing."""
    names = [name for name, looked in frames.items() if looked.judged]
    if not names:
        return "" if not committee.models else "domain.frames_per_run is 0"
    directory = context.scan / FOLDER / "committee"
    directory.mkdir(parents=True, exist_ok=True)
    for model in committee.models:
        # Jobs that do not run in place take it along.
        relink(directory / model.name, model)
    hashes = [file_hash(model) for model in committee.models]
    for name in names:
        looked = frames[name]
        atoms = [looked.structures[number] for number in looked.judged]
        key = content_hash([hashes, [[number, structure_hash(looked.structures[number])] for number in looked.judged]])
        task = directory / name
        if not (task / _FRAMES_HASH).is_file() or (task / _FRAMES_HASH).read_text().strip() != key:
            (task / DEVIATIONS).unlink(missing_ok=True)
            task.mkdir(parents=True, exist_ok=True)
            _write_system(atoms, task / _SYSTEM, context.study.elements)
            write_text(task / _FRAMES_HASH, f"{key}\n")

    def look() -> None:
        done = sum((directory / name / DEVIATIONS).is_file() for name in names)
        context.progress(begun + (1 - begun) * 0.5 * done / len(names), f"{done} of {len(names)} runs judged")

    batch = committee_batch(names, [model.name for model in committee.models], directory)
    return _attempt(context, batch, look)


def _attempt(context: RunContext, batch: Batch, look: Callable[[], None]) -> str:
    """Run the tasks; returns what went wrong, since a look at a scan must not undo it."""
    try:
        with watching(look, every_seconds=context.study.execution.poll_seconds):
            run_tasks(batch, context.study.execution)
    except UnfinishedError as error:
        # What follows is the end of a log.
        return f"its job did not finish: {str(error).splitlines()[0]}"
    return ""


def _write_system(frames: Sequence[Atoms], directory: Path, elements: Sequence[str]) -> None:
    """Frames of the same atoms as a ``deepmd/npy`` system without labels."""
    import dpdata

    symbols = frames[0].get_chemical_symbols()
    system = dpdata.System(
        data={
            "atom_names": list(elements),
            "atom_numbs": [symbols.count(symbol) for symbol in elements],
            "atom_types": np.array([elements.index(symbol) for symbol in symbols]),
            "orig": np.zeros(3),
            "cells": np.array([atoms.cell.array for atoms in frames]),
            "coords": np.array([atoms.positions for atoms in frames]),
        }
    )
    with whole_folder(directory, replace=True) as working:
        system.to("deepmd/npy", str(working), set_size=len(frames), prec=np.float64)


def _deviations(context: RunContext, run: ScanEntry, looked: LookedAt) -> tuple[CommitteeFrame, ...]:
    file = context.scan / FOLDER / "committee" / run.name / DEVIATIONS
    if not looked.judged or not file.is_file():
        return ()
    values = read_model_deviation(file).max_force_ev_per_angstrom
    return tuple(
        CommitteeFrame(number * run.frame_interval_ps, float(value) if math.isfinite(value) else None)
        for number, value in zip(looked.judged, values, strict=True)
    )


def _label(
    context: RunContext, frames: Mapping[str, LookedAt], begun: float
) -> tuple[dict[str, dict[int, LabelRecord]], dict[str, tuple[FailedLabel, ...]]]:
    """Good labels by run and frame, and the failed ones by run."""
    study, directory = context.study, context.scan / FOLDER / "tasks"
    tasks = {
        _task_name(name, number): (name, number, looked.structures[number])
        for name, looked in frames.items()
        for number in looked.labelled
    }
    if not tasks:
        return {}, {}
    for task, (_, _, atoms) in tasks.items():
        _write_task(directory / task, atoms)
    write_label_settings(study, directory / SETTINGS_FILE)
    forget_configuration_failures(directory)

    def look() -> None:
        done = sum((directory / task / OUTPUT_FILE).is_file() for task in tasks)
        context.progress(begun + (1 - begun) * (0.5 + 0.4 * done / len(tasks)), f"{done} of {len(tasks)} spot labels")

    trouble = _attempt(context, label_batch(study, list(tasks), directory), look)
    good: dict[str, dict[int, LabelRecord]] = {}
    failed: dict[str, tuple[FailedLabel, ...]] = {}
    for task, (name, number, _) in tasks.items():
        record = read_record(directory / task / OUTPUT_FILE)
        if record is not None and record["status"] == "ok":
            good.setdefault(name, {})[number] = record
        else:
            reason = str(record["reason"]) if record is not None else trouble
            failed[name] = (*failed.get(name, ()), FailedLabel(task, reason))
    return good, failed


def _task_name(run: str, frame: int) -> str:
    return f"task.{run.replace('/', '.')}.{frame:06d}"


def _write_task(folder: Path, atoms: Atoms) -> None:
    """The structure of a task; a label of another structure is forgotten."""
    buffer = io.StringIO()
    write(buffer, atoms, format="vasp", direct=True)
    file = folder / INPUT_FILE
    if not file.is_file() or file.read_text() != buffer.getvalue():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OUTPUT_FILE).unlink(missing_ok=True)
        write_text(file, buffer.getvalue())


def _compare(
    context: RunContext,
    runs: Sequence[ScanEntry],
    records: Mapping[str, Mapping[int, LabelRecord]],
) -> tuple[dict[str, tuple[SpotLabel, ...]], str]:
    """Errors of the final model on the good labels of each run; why there are none."""
    directory = context.scan / FOLDER
    systems = {}
    for run in runs:
        good = records.get(run.name)
        if good:
            systems[run.name] = directory / "dataset" / run.name.replace("/", ".")
            layer = read_book(LayersOfAtoms, context.scan / run.directory / run.layers).layer
            write_dataset(list(good.values()), systems[run.name], context.study.elements, layer=layer)
    if not systems:
        return {}, ""
    try:
        predictions = predict_systems(
            potential_of(context),
            list(systems.values()),
            output=directory / "predictions.npz",
            log_file=directory / "predict.log",
        )
    except UnfinishedError as error:
        return {}, f"the model cannot be used: {error}"
    by_system = {prediction.system: prediction for prediction in predictions}
    spots = {}
    for run in runs:
        if run.name not in systems:
            continue
        found = by_system[systems[run.name].name]
        energy = (found.energy_model_ev - found.energy_reference_ev) / run.n_atoms * EV_TO_MEV
        force = found.force_model_ev_per_angstrom - found.force_reference_ev_per_angstrom
        rmse = np.sqrt((force**2).mean(axis=(1, 2))) * EV_TO_MEV
        spots[run.name] = tuple(
            SpotLabel(number * run.frame_interval_ps, round(float(e), 6), round(float(f), 6))
            for number, e, f in zip(records[run.name], energy, rmse, strict=True)
        )
    return spots, ""
