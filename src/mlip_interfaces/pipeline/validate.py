"""Stage ``validate``: the final model against labels that no training saw."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase.io import write

from mlip_interfaces.books.run import (
    MODEL_FILE,
    PARITY_FILE,
    VALIDATION_FILE,
    FailedLabel,
    FinalModel,
    LayersOfAtoms,
    SystemErrors,
    TrainingCost,
    Validation,
    read_book,
)
from mlip_interfaces.campaign.dpgen_files import LABEL_INPUT, LABEL_OUTPUT
from mlip_interfaces.campaign.exploration_frames import exploration_frames, farthest_from_labels
from mlip_interfaces.campaign.folder import last_explored
from mlip_interfaces.campaign.held_out import error_table, held_out_systems, predict_systems
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import whole_folder, write_arrays, write_json, write_text
from mlip_interfaces.jobs import run_tasks, watching
from mlip_interfaces.labels.again import forget_configuration_failures, reuse_labels
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.record import read_label
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.pipeline.gates import run_gates
from mlip_interfaces.pipeline.initial_data import earlier_tasks, label_batch, write_label_settings
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.potentials import Predictions, label_errors
from mlip_interfaces.records import read_as
from mlip_interfaces.run.aside import aside_of, bring_back, set_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.manifests import MANIFEST, Manifest

_ERRORS_SHARE = 0.4
"""Of the stage's progress; the rest is the gates."""
MADE_OF = "made_of.sha256"
"""In the folder of tasks: hash of what the frames depend on."""


def run_validate(context: RunContext) -> str:
    """Label frames of the last exploration, measure errors on them and on the held-out initial data, then run the safety gates.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with a final model.

    Returns
    -------
    str
        Number of frames, the errors, and which gates failed.

    Raises
    ------
    InputFileError
        If there is no held-out label at all.
    UnfinishedError
        If a labelling job failed, or the model cannot be used; the same call continues.
    """
    failed = _label_exploration_frames(context)
    systems = held_out_systems(context)
    systems += sorted(path.parent for path in (context.validation / "dataset").glob("*/type.raw"))
    if not systems:
        raise InputFileError(
            "There is no held-out label to validate against; raise initial_data.held_out_fraction or "
            "validation.n_exploration_frames in the study."
        )
    output = context.validation / "predictions.npz"
    context.progress(_ERRORS_SHARE, f"errors on {len(systems)} systems")
    predictions = predict_systems(
        context.model / "model.pb", systems, output=output, log_file=context.validation / "predict.log"
    )
    result = _validation(context, predictions, systems, failed)
    layers = {path.name: read_as(list[str], path / "layer.json") for path in systems}
    _write_parity(context.validation / PARITY_FILE, predictions, layers)
    write_json(context.validation / VALIDATION_FILE, result.to_json())
    return (
        f"{result.n_frames} held-out frames: energy RMSE {result.energy_rmse_mev_per_atom:.1f} meV/atom, "
        f"force RMSE {result.force_rmse_mev_per_angstrom:.0f} meV/angstrom; {run_gates(context, begun=_ERRORS_SHARE).sentence}"
    )


def _validation(
    context: RunContext, predictions: Sequence[Predictions], systems: Sequence[Path], failed: Sequence[FailedLabel]
) -> Validation:
    table = error_table(predictions, systems)
    model = read_book(FinalModel, context.model / MODEL_FILE)
    trained = read_book(Manifest, context.model / MANIFEST)
    by_system = {}
    for prediction in predictions:
        errors = label_errors([prediction])
        by_system[prediction.system] = SystemErrors(
            errors.energy_rmse_mev_per_atom, errors.force_rmse_mev_per_angstrom, errors.n_frames
        )
    return Validation(
        n_frames=table.n_frames,
        n_atoms=table.n_atoms,
        energy_rmse_mev_per_atom=table.energy_rmse_mev_per_atom,
        force_rmse_mev_per_angstrom=table.force_rmse_mev_per_angstrom,
        layers=table.layers,
        systems=by_system,
        model=model,
        failed_labels=tuple(failed),
        training=TrainingCost(model.steps, trained.wall_seconds, model.n_frames),
    )


def _label_exploration_frames(context: RunContext) -> list[FailedLabel]:
    """Label frames of the last exploration that were not chosen for training; returns the failures."""
    study, directory = context.study, context.validation / "tasks"
    wanted, made_of = study.validation.n_exploration_frames, StudyHashes(study).held_out(context.root)
    _make_room(context, directory, made_of)
    if not directory.is_dir():
        frames = exploration_frames(context, last_explored(context.campaign))
        chosen = farthest_from_labels(frames, wanted, seed=study.seed)
        with whole_folder(directory) as staging:
            for number, frame in enumerate(chosen):
                task = staging / f"task.{study.explored.index(frame.model):03d}.{number:06d}"
                task.mkdir()
                write(task / LABEL_INPUT, frame.atoms, format="vasp", direct=True)
            write_label_settings(study, staging / SETTINGS_FILE)
            reuse_labels(staging, earlier_tasks(context))
            write_text(staging / MADE_OF, f"{made_of}\n")
    # Settings that do not change the numbers (command, folders, limits) may have been edited since.
    write_label_settings(study, directory / SETTINGS_FILE)
    forget_configuration_failures(directory)
    names = sorted(path.name for path in directory.glob("task.*"))

    def look() -> None:
        done = len(list(directory.glob(f"task.*/{LABEL_OUTPUT}")))
        context.progress(_ERRORS_SHARE * done / max(1, len(names)), f"{done} of {len(names)} held-out labels")

    if names:
        with watching(look, every_seconds=study.execution.poll_seconds):
            run_tasks(label_batch(names, directory), study.execution)
    records = {name: read_label(directory / name / LABEL_OUTPUT) for name in names}
    for number, model in enumerate(study.explored):
        good = [r for name, r in records.items() if name.startswith(f"task.{number:03d}") and r["status"] == "ok"]
        if good:
            layers = read_book(LayersOfAtoms, context.structures / model / "layers.json").layer
            write_dataset(good, context.validation / "dataset" / f"exploration-{model}", study.elements, layer=layers)
    return [FailedLabel(name, str(r["reason"])) for name, r in records.items() if r["status"] != "ok"]


def _make_room(context: RunContext, directory: Path, made_of: str) -> None:
    """Frames of another campaign, or another number of them, are set aside with their labels; the same ones come back."""
    file = directory / MADE_OF
    there = file.read_text().strip() if file.is_file() else ""
    if directory.is_dir() and there != made_of:
        set_aside(context.root, directory, there)
        # It is written anew from the labels.
        shutil.rmtree(context.validation / "dataset", ignore_errors=True)
    for earlier in aside_of(context.root, directory, made_of)[:1] if not directory.is_dir() else ():
        bring_back(context.root, earlier)


def _write_parity(file: Path, predictions: Sequence[Predictions], layers: Mapping[str, Sequence[str]]) -> None:
    n_atoms = [p.force_reference_ev_per_angstrom.shape[1] for p in predictions]
    arrays = {
        "energy_reference_ev_per_atom": [p.energy_reference_ev / n for p, n in zip(predictions, n_atoms, strict=True)],
        "energy_model_ev_per_atom": [p.energy_model_ev / n for p, n in zip(predictions, n_atoms, strict=True)],
        "force_reference": [p.force_reference_ev_per_angstrom.ravel() for p in predictions],
        "force_model": [p.force_model_ev_per_angstrom.ravel() for p in predictions],
        "force_layer": [
            np.tile(np.repeat(np.asarray(layers[p.system]), 3), len(p.energy_model_ev)) for p in predictions
        ],
    }
    write_arrays(file, {name: np.concatenate(parts) for name, parts in arrays.items()})
