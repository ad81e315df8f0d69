"""Stage ``train``: the final Deep Potential on all training labels, frozen, compressed, and compared in LAMMPS and Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from mlip_interfaces.books.run import MODEL_FILE, FinalModel
from mlip_interfaces.campaign.dpgen_files import asked_model, backend_of_study, loss_prefactors, why_uncompressed
from mlip_interfaces.campaign.folder import count_frames
from mlip_interfaces.campaign.trained_start import read_start
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, last_line, whole_file, write_json
from mlip_interfaces.jobs import Batch, JobTask, run_tasks, watching
from mlip_interfaces.pipeline.agreement import require_agreement
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.potentials import (
    SHORT_RANGE_TABLE,
    is_single_precision,
    kind_of,
    training_input,
    write_zbl_table,
)
from mlip_interfaces.potentials.backend import CHECKPOINT, INPUT, from_checkpoint
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext


def training_systems(context: RunContext) -> list[Path]:
    """Data folders of the training set: initial data, then the labels of each iteration.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    list of Path
        Sorted within each part.
    """
    initial = sorted(path.parent for path in (context.initial_data / "dataset").rglob("type.raw"))
    labelled = sorted(path.parent for path in context.campaign.glob("iter.*/02.fp/data.*/**/type.raw"))
    return initial + labelled


def last_committee_member(context: RunContext) -> Path:
    """Folder of the first committee member of the last trained iteration.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    Path
        With its checkpoint.

    Raises
    ------
    InputFileError
        If the campaign has not trained a committee.
    """
    checkpoint = backend_of_study(context.study).checkpoint_file
    members = sorted(context.campaign.glob(f"iter.*/00.train/000/{checkpoint}"))
    if not members:
        raise InputFileError(f"{context.campaign} holds no trained committee; run the campaign first.")
    return members[-1].parent


def train_batch(context: RunContext, member: Path, systems: Sequence[Path]) -> Batch:
    """The final training as one task, from the checkpoint of a committee member.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    member : Path
        Folder of the committee member.
    systems : sequence of Path
        Data folders; they travel along where jobs do not run in place.

    Returns
    -------
    Batch
        Of one task.
    """
    directory = context.model / "training"
    backend = backend_of_study(context.study)
    start = from_checkpoint(os.path.relpath(member, directory))
    command = backend.training_command(start, compress=not why_uncompressed(context.study))
    outputs = (backend.potential, "lcurve.out")
    if not context.study.execution.staged:
        return Batch((JobTask(directory.name, command, outputs),), context.model, "train")
    # Carried elsewhere, the data and the checkpoint keep their places relative to the training.
    needed = [os.path.relpath(path, context.root) for path in (*systems, *sorted(member.glob(f"{CHECKPOINT}.*")))]
    name = os.path.relpath(directory, context.root)
    table = () if context.study.training.short_range is None else (SHORT_RANGE_TABLE,)
    return Batch(
        (JobTask(name, command, outputs, inputs=(INPUT, *table)),),
        context.root,
        "train",
        common_files=tuple(needed),
    )


def run_train(context: RunContext) -> str:
    """Train from the last committee member, freeze, and compress what can be, into ``model/model.pb`` or ``.pth``.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with a finished campaign.

    Returns
    -------
    str
        How many steps it took, and the size of the model.

    Raises
    ------
    InputFileError
        If the campaign has not trained a committee, or LAMMPS and Python do not have one potential in the model.
    UnfinishedError
        If the training failed; the same call continues.
    """
    study, training = context.study, context.study.training
    directory = context.model / "training"
    directory.mkdir(parents=True, exist_ok=True)
    systems = training_systems(context)
    backend, counts = backend_of_study(study), read_neighbors(context)
    model = asked_model(study, counts, seed=study.seed)
    content = training_input(
        model,
        study.elements,
        n_steps=training.steps_final,
        start_learning_rate=training.start_learning_rate,
        stop_learning_rate=training.stop_learning_rate,
        systems=[os.path.relpath(path, directory) for path in systems],
        batch_size=training.batch_size,
        seed=study.seed,
        loss=loss_prefactors(study),
    )
    if training.short_range is not None:
        write_zbl_table(directory / SHORT_RANGE_TABLE, study.elements)
    write_json(directory / INPUT, content)
    batch = train_batch(context, last_committee_member(context), systems)
    curve = directory / "lcurve.out"

    def look() -> None:
        step = _last_step(curve)
        context.progress(0.9 * step / training.steps_final, f"step {step} of {training.steps_final}")

    with watching(look, every_seconds=study.execution.poll_seconds):
        run_tasks(batch, study.execution)
    context.progress(0.95, "LAMMPS against Python")
    trained = directory / backend.potential
    agreement = require_agreement(context, trained, single_precision=is_single_precision(model))
    potential = potential_of(context)
    with whole_file(potential) as working:
        shutil.copyfile(trained, working)
    why = why_uncompressed(study)
    made = FinalModel(
        file=potential.name,
        sha256=file_hash(potential),
        size_bytes=potential.stat().st_size,
        steps=training.steps_final,
        n_frames=sum(count_frames(path) for path in systems),
        max_neighbors=() if training.model_file or training.start_from else training.max_neighbors or tuple(counts),
        backend=backend.name,
        kind=kind_of(model),
        not_compressed=why,
        agreement=agreement,
        started_from=str(read_start(context.campaign) or ""),
    )
    write_json(context.model / MODEL_FILE, made.to_json())
    size = f"{potential.stat().st_size / 1e6:.1f} MB"
    return f"{training.steps_final} steps, {size}{f', not compressed: {why}' if why else ''}"


def read_neighbors(context: RunContext) -> list[int]:
    """Neighbours that the campaign's models keep.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with a campaign.

    Returns
    -------
    list of int
        As `campaign.dpgen_files.neighbors_kept` gave them.
    """
    return read_as(list[int], context.campaign / "max_neighbors.json")


def _last_step(curve: Path) -> int:
    words = last_line(curve).split()
    return int(words[0]) if words and words[0].isdigit() else 0
