"""Stage ``validate``: the final model against labels that no training saw, and its MD against MD with the labelling method."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write
from numpy.typing import NDArray

from mlip_interfaces.books.run import (
    FRAMES_ARRAYS,
    FRAMES_FILE,
    HELD_OUT,
    MODEL_FILE,
    OWN_MD,
    PARITY_FILE,
    REFERENCE_MD,
    VALIDATION_FILE,
    VIRIAL_ARRAYS,
    DeviationAgainstError,
    FailedLabel,
    FinalModel,
    LayersOfAtoms,
    OwnMDRun,
    ReferenceComparison,
    SystemErrors,
    TrainingCost,
    Validation,
    read_book,
)
from mlip_interfaces.campaign.dpgen_files import LABEL_INPUT, LABEL_OUTPUT
from mlip_interfaces.campaign.exploration_frames import exploration_frames, farthest_from_labels
from mlip_interfaces.campaign.folder import last_committee, last_explored
from mlip_interfaces.campaign.held_out import energy_offset, error_table, held_out_systems, predict_systems
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import whole_folder, write_arrays, write_json
from mlip_interfaces.jobs import run_tasks, watching
from mlip_interfaces.labels.again import forget_configuration_failures, reuse_labels
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.record import read_label
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.pipeline.gates import run_gates
from mlip_interfaces.pipeline.initial_data import earlier_tasks, label_batch, write_label_settings
from mlip_interfaces.pipeline.made_for import make_room_for, mark_made_of
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.own_md import label_own_md
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.pipeline.reference_md import compare_with_reference
from mlip_interfaces.potentials import Predictions, label_errors, rank_correlation
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.manifests import MANIFEST, Manifest

_LABELS_SHARE, _OWN_MD_SHARE, _REFERENCE_SHARE = 0.15, 0.2, 0.3
_ERRORS_SHARE = _LABELS_SHARE + _OWN_MD_SHARE + _REFERENCE_SHARE
"""Of the stage's progress; the rest is the gates."""


def run_validate(context: RunContext) -> str:
    """Measure errors on labels that no training saw, compare MD, then run the safety gates.

    Labels are those held out of the initial data, frames of the last exploration, snapshots of the final model's own MD, and
    frames of MD with the labelling method.

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
    failed, explored = _label_exploration_frames(context)
    own = label_own_md(context, begun=_LABELS_SHARE, share=_OWN_MD_SHARE)
    compared = compare_with_reference(context, begun=_LABELS_SHARE + _OWN_MD_SHARE, share=_REFERENCE_SHARE)
    sets = {
        HELD_OUT: [*held_out_systems(context), *explored],
        OWN_MD: list(own.systems),
        REFERENCE_MD: list(compared.systems),
    }
    if not sets[HELD_OUT]:
        raise InputFileError(
            "There is no held-out label to validate against; raise initial_data.held_out_fraction or "
            "validation.n_exploration_frames in the study."
        )
    systems = [path for paths in sets.values() for path in paths]
    context.progress(_ERRORS_SHARE, f"errors on {len(systems)} systems")
    predictions = predict_systems(
        potential_of(context),
        systems,
        output=context.validation / "predictions.npz",
        log_file=context.validation / "predict.log",
        committee=last_committee(context.campaign),
    )
    result = _validation(context, predictions, sets, (*failed, *own.failed), own.runs, compared.comparison)
    held_out = [prediction for prediction in predictions if result.systems[prediction.system].labels == HELD_OUT]
    layers = {path.name: read_as(list[str], path / "layer.json") for path in systems}
    _write_parity(context.validation / PARITY_FILE, held_out, layers)
    _write_frames(context.validation / FRAMES_FILE, predictions, result.systems)
    write_json(context.validation / VALIDATION_FILE, result.to_json())
    return (
        f"{result.n_frames} held-out frames: energy RMSE {result.energy_rmse_mev_per_atom:.1f} meV/atom, "
        f"force RMSE {result.force_rmse_mev_per_angstrom:.0f} meV/angstrom; {run_gates(context, begun=_ERRORS_SHARE).sentence}"
    )


def _validation(
    context: RunContext,
    predictions: Sequence[Predictions],
    sets: Mapping[str, Sequence[Path]],
    failed: Sequence[FailedLabel],
    own_md: Sequence[OwnMDRun],
    reference: ReferenceComparison | None,
) -> Validation:
    named = {prediction.system: prediction for prediction in predictions}
    tables = {name: error_table([named[path.name] for path in paths], paths) for name, paths in sets.items() if paths}
    model = read_book(FinalModel, context.model / MODEL_FILE)
    trained = read_book(Manifest, context.model / MANIFEST)
    held_out = tables[HELD_OUT]
    return Validation(
        **{name: getattr(held_out, name) for name in type(held_out).__dataclass_fields__},
        systems={path.name: _system_errors(named[path.name], name) for name, paths in sets.items() for path in paths},
        model=model,
        failed_labels=tuple(failed),
        training=TrainingCost(model.steps, trained.wall_seconds, model.n_frames),
        sets=tables,
        own_md=tuple(own_md),
        deviation=deviation_against_error(predictions, len(last_committee(context.campaign))),
        reference=reference,
    )


def _system_errors(prediction: Predictions, labels: str) -> SystemErrors:
    errors = label_errors([prediction])
    volume = prediction.volume_angstrom3
    return SystemErrors(
        energy_rmse_mev_per_atom=errors.energy_rmse_mev_per_atom,
        force_rmse_mev_per_angstrom=errors.force_rmse_mev_per_angstrom,
        n_frames=errors.n_frames,
        labels=labels,
        composition="" if prediction.symbols is None else Atoms(prediction.symbols.tolist()).get_chemical_formula(),
        volume_per_atom_angstrom3=None if volume is None else round(float(volume.mean()) / prediction.n_atoms, 6),
        virial_rmse_mev_per_atom=errors.virial_rmse_mev_per_atom,
        pressure_mean_error_gpa=errors.pressure_mean_error_gpa,
        offset=energy_offset([prediction]),
    )


def deviation_against_error(predictions: Sequence[Predictions], n_members: int) -> DeviationAgainstError | None:
    """Hold the committee's largest force deviation in each frame against the model's largest force error there.

    Parameters
    ----------
    predictions : sequence of Predictions
        Of all systems.
    n_members : int
        Networks of the committee.

    Returns
    -------
    DeviationAgainstError or None
        None where the committee was not asked, and where there are too few frames for a correlation.
    """
    asked = [p for p in predictions if p.deviation_ev_per_angstrom is not None]
    if not asked:
        return None
    deviations = np.concatenate([np.asarray(p.deviation_ev_per_angstrom) for p in asked])
    errors = np.concatenate([p.max_force_error_ev_per_angstrom for p in asked])
    found = rank_correlation(deviations, errors)
    if found is None:
        return None
    numbers = (found.value, found.low, found.high, float(np.nanmean(deviations)), float(np.nanmean(errors)))
    return DeviationAgainstError(n_members, found.n, *(round(number, 6) for number in numbers))


def _label_exploration_frames(context: RunContext) -> tuple[list[FailedLabel], list[Path]]:
    """Label frames of the last exploration that were not chosen for training; returns the failures and the data folders."""
    study, directory, dataset = context.study, context.validation / "tasks", context.validation / "dataset"
    wanted, made_of = study.validation.n_exploration_frames, StudyHashes(study).held_out(context.root)
    if make_room_for(context.root, directory, made_of):
        # It is written anew from the labels.
        shutil.rmtree(dataset, ignore_errors=True)
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
            mark_made_of(staging, made_of)
    # Settings that do not change the numbers (command, folders, limits) may have been edited since.
    write_label_settings(study, directory / SETTINGS_FILE)
    forget_configuration_failures(directory)
    names = sorted(path.name for path in directory.glob("task.*"))

    def look() -> None:
        done = len(list(directory.glob(f"task.*/{LABEL_OUTPUT}")))
        context.progress(_LABELS_SHARE * done / max(1, len(names)), f"{done} of {len(names)} held-out labels")

    if names:
        with watching(look, every_seconds=study.execution.poll_seconds):
            run_tasks(label_batch(study, names, directory), study.execution)
    records = {name: read_label(directory / name / LABEL_OUTPUT) for name in names}
    systems = []
    for number, model in enumerate(study.explored):
        good = [r for name, r in records.items() if name.startswith(f"task.{number:03d}") and r["status"] == "ok"]
        if good:
            layers = read_book(LayersOfAtoms, context.structures / model / "layers.json").layer
            systems.append(dataset / f"exploration-{model}")
            write_dataset(good, systems[-1], study.elements, layer=layers)
    return [FailedLabel(name, str(r["reason"])) for name, r in records.items() if r["status"] != "ok"], systems


def _write_parity(file: Path, predictions: Sequence[Predictions], layers: Mapping[str, Sequence[str]]) -> None:
    n_atoms = [p.n_atoms for p in predictions]
    arrays = {
        "energy_reference_ev_per_atom": [p.energy_reference_ev / n for p, n in zip(predictions, n_atoms, strict=True)],
        "energy_model_ev_per_atom": [p.energy_model_ev / n for p, n in zip(predictions, n_atoms, strict=True)],
        "force_reference": [p.force_reference_ev_per_angstrom.ravel() for p in predictions],
        "force_model": [p.force_model_ev_per_angstrom.ravel() for p in predictions],
        "force_layer": [
            np.tile(np.repeat(np.asarray(layers[p.system]), 3), len(p.energy_model_ev)) for p in predictions
        ],
    }
    virials = [
        [
            np.asarray(virial).ravel() / p.n_atoms
            for p in predictions
            for virial in [getattr(p, which)]
            if virial is not None
        ]
        for which in ("virial_reference_ev", "virial_model_ev")
    ]
    arrays |= {name: parts for name, parts in zip(VIRIAL_ARRAYS, virials, strict=True) if parts}
    write_arrays(file, {name: np.concatenate(parts) for name, parts in arrays.items()})


def _write_frames(file: Path, predictions: Sequence[Predictions], systems: Mapping[str, SystemErrors]) -> None:
    def known(values: NDArray[np.float64] | None, n: int) -> NDArray[np.float64]:
        return np.full(n, np.nan) if values is None else values

    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in FRAMES_ARRAYS}
    for p in predictions:
        n = len(p.energy_model_ev)
        volumes = None if p.volume_angstrom3 is None else p.volume_angstrom3 / p.n_atoms
        row = (
            np.full(n, p.system), np.full(n, systems[p.system].labels), p.energy_error_mev_per_atom, known(volumes, n),
            p.max_force_error_ev_per_angstrom, known(p.deviation_ev_per_angstrom, n),
        )  # fmt: skip
        for name, values in zip(FRAMES_ARRAYS, row, strict=True):
            columns[name].append(values)
    write_arrays(file, {name: np.concatenate(parts) for name, parts in columns.items()})
