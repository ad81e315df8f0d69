"""The committee's error on held-out labels, once after every training of a campaign."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mlip_interfaces.books.run import EnergyOffset, ErrorTable, LayerForceError, read_optional_book
from mlip_interfaces.campaign.dpgen_files import backend_of_study
from mlip_interfaces.campaign.folder import iteration_folder
from mlip_interfaces.files import write_json
from mlip_interfaces.potentials import (
    Predictions,
    element_force_rmse,
    label_errors,
    layer_force_rmse,
    load_predictions,
    signed_errors,
)
from mlip_interfaces.programs import run_program
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext

FOLDER = "held_out"
"""In the campaign's folder: one JSON file for each iteration."""


def held_out_systems(context: RunContext) -> list[Path]:
    """Data folders of the initial labels that no training sees.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    list of Path
        Empty if the study holds no labels out.
    """
    return sorted(path.parent for path in (context.initial_data / "held_out").glob("*/type.raw"))


def predict_systems(
    model: Path, systems: Sequence[Path], *, output: Path, log_file: Path, committee: Sequence[Path] = ()
) -> list[Predictions]:
    """Use a frozen model on labelled systems, in a process of its own.

    Parameters
    ----------
    model : Path
        Frozen Deep Potential.
    systems : sequence of Path
        Data folders.
    output : Path
        Keeps the numbers (``.npz``).
    log_file : Path
        Receives what the process says.
    committee : sequence of Path, optional
        Frozen models whose force deviation is measured too.

    Returns
    -------
    list of Predictions
        One for each system, by name.

    Raises
    ------
    ProgramError
        If the process fails.
    """
    run_program(
        ["python", "-m", "mlip_interfaces.potentials.predict", str(model.resolve()), str(output.resolve()),
         *(str(path.resolve()) for path in systems),
         *(["--committee", *(str(path.resolve()) for path in committee)] if committee else [])],
        directory=output.parent,
        log_file=log_file,
    )  # fmt: skip
    return load_predictions(output)


def error_table(predictions: Sequence[Predictions], systems: Sequence[Path]) -> ErrorTable:
    """Errors over all, and the force error of each layer.

    Parameters
    ----------
    predictions : sequence of Predictions
        Of all systems.
    systems : sequence of Path
        Their folders; ``layer.json`` in each names the layer of every atom.

    Returns
    -------
    ErrorTable
        With all layers that the systems name.
    """
    layers = {path.name: read_as(list[str], path / "layer.json") for path in systems}
    errors = label_errors(predictions)
    by_layer, by_element = layer_force_rmse(predictions, layers), element_force_rmse(predictions)
    return ErrorTable(
        **asdict(errors),
        layers={name: LayerForceError(*found) for name, found in by_layer.items()},
        elements={name: LayerForceError(*found) for name, found in by_element.items()},
        offset=energy_offset(predictions),
    )


def energy_offset(predictions: Sequence[Predictions]) -> EnergyOffset:
    """What the energy errors of systems have in common.

    Parameters
    ----------
    predictions : sequence of Predictions
        One at least.

    Returns
    -------
    EnergyOffset
        Over all their frames.
    """
    return EnergyOffset(**asdict(signed_errors(np.concatenate([p.energy_error_mev_per_atom for p in predictions]))))


def committee_errors(context: RunContext, iteration: int) -> ErrorTable | None:
    """Errors of the iteration's first committee member; measured once, then read.

    Parameters
    ----------
    context : RunContext
        The run.
    iteration : int
        Which one; its committee must be frozen.

    Returns
    -------
    ErrorTable or None
        None if the study holds no labels out.

    Raises
    ------
    ProgramError
        If the model cannot be used.
    """
    stored = read_committee_errors(context.campaign, iteration)
    if stored is not None:
        return stored
    systems = held_out_systems(context)
    if not systems:
        return None
    training = iteration_folder(context.campaign, iteration) / "00.train"
    errors = read_committee_errors(context.campaign, iteration - 1) if (training / "copied").is_file() else None
    if errors is None:
        folder = context.campaign / FOLDER
        folder.mkdir(exist_ok=True)
        output = folder / f".predictions.{os.getpid()}.npz"
        try:
            predictions = predict_systems(
                training / backend_of_study(context.study).member(0),
                systems,
                output=output,
                log_file=folder / "predict.log",
            )
        finally:
            output.unlink(missing_ok=True)
        errors = error_table(predictions, systems)
    write_json(errors_file(context.campaign, iteration), errors.to_json())
    return errors


def read_committee_errors(campaign: Path, iteration: int) -> ErrorTable | None:
    """Errors that `committee_errors` stored.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    ErrorTable or None
        None if it has not measured this iteration.

    Raises
    ------
    InputFileError
        If the file is damaged.
    """
    return read_optional_book(ErrorTable, errors_file(campaign, iteration))


def errors_file(campaign: Path, iteration: int) -> Path:
    """Where the committee's errors of an iteration stand.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    Path
        Whether it is there or not.
    """
    return campaign / FOLDER / f"iter.{iteration:06d}.json"
