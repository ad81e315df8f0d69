"""MD with the final model, of which snapshots are labelled afterwards: the error where the model itself goes.

Folder ``validation/own_md``: ``runs/STRUCTURE`` as LAMMPS runs them, ``tasks`` with the snapshots and their labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

from mlip_interfaces.books.run import FailedLabel, LayersOfAtoms, OwnMDRun, read_book
from mlip_interfaces.config import Study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import whole_folder, write_json
from mlip_interfaces.jobs import Batch, run_tasks, watching
from mlip_interfaces.labels.again import forget_configuration_failures, reuse_labels
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE
from mlip_interfaces.labels.record import read_label
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.md import (
    TABLE,
    TRAJECTORY,
    MDProtocol,
    join_pieces,
    judge_run,
    time_reached_ps,
)
from mlip_interfaces.md.ending import is_over
from mlip_interfaces.md.protocol import DECK
from mlip_interfaces.pipeline.initial_data import earlier_tasks, label_batch, write_label_settings
from mlip_interfaces.pipeline.made_for import make_room_for, mark_made_of
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.md_runs import (
    PIECES,
    health_bounds,
    md_script,
    md_task,
    prepare_md,
    unpack,
    write_md_run,
)
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.trajectory import open_trajectory
from mlip_interfaces.units import FS_TO_PS

FOLDER = "own_md"
_RUNS, _TASKS, _ORIGINS = "runs", "tasks", "origins.json"
_FRAMES = 50
"""Of a run, at least; and twice as many as snapshots."""


@dataclass(frozen=True, slots=True)
class OwnLabels:
    """What came of it.

    Attributes
    ----------
    runs : tuple of OwnMDRun
        One for each structure.
    failed : tuple of FailedLabel
        Labels that were not made.
    systems : tuple of Path
        Data folders of the good ones.
    """

    runs: tuple[OwnMDRun, ...] = ()
    failed: tuple[FailedLabel, ...] = ()
    systems: tuple[Path, ...] = ()


def own_structures(study: Study) -> tuple[str, ...]:
    """Structures of which the model's own MD is made.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    tuple of str
        None where no snapshot is asked for; no more than there are snapshots.
    """
    asked = study.validation.own_md
    names = asked.structures if asked.structures is not None else study.explored
    return tuple(names)[: asked.n_snapshots]


def own_protocol(study: Study) -> MDProtocol:
    """The MD of each structure.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    MDProtocol
        With frames enough to draw snapshots from.
    """
    asked = study.validation.own_md
    step_ps = asked.timestep_fs * FS_TO_PS
    n_frames = max(_FRAMES, 2 * asked.n_snapshots)
    return MDProtocol(
        ensemble="npt",
        cell="coupled_xy",
        temperature_kelvin=asked.temperature_kelvin,
        pressure_bar=(asked.pressure_bar,) * 3,
        time_ps=asked.time_ps,
        timestep_fs=asked.timestep_fs,
        dump_interval_ps=max(1, int(asked.time_ps / step_ps / n_frames + 1e-9)) * step_ps,
        seed=study.seed,
    )


def own_md_batch(context: RunContext) -> Batch:
    """The MD as tasks.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the structures and the model.

    Returns
    -------
    Batch
        A task for each structure.
    """
    runs, staged = context.validation / FOLDER / _RUNS, context.study.execution.staged
    tasks = tuple(
        md_task(name, runs / name, _script(context, name), staged=staged) for name in own_structures(context.study)
    )
    return Batch(tasks, runs, "md", common_files=(DECK, potential_of(context).name))


def label_own_md(context: RunContext, *, begun: float, share: float) -> OwnLabels:
    """Run the MD, draw snapshots, have them labelled; what is there is kept.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the structures and the model.
    begun, share : float
        Of the stage's progress: what is done before, and what this is of it.

    Returns
    -------
    OwnLabels
        Empty where the study asks for none.

    Raises
    ------
    UnfinishedError
        If a job failed; the same call continues.
    """
    study, folder = context.study, context.validation / FOLDER
    names = own_structures(study)
    if not names:
        return OwnLabels()
    made_of = StudyHashes(study).own_md(context.root)
    make_room_for(context.root, folder, made_of)
    _prepare(context)
    mark_made_of(folder, made_of)
    runs, protocol = folder / _RUNS, own_protocol(study)
    asked_ps = protocol.n_steps * protocol.timestep_fs * FS_TO_PS

    def look_at_md() -> None:
        done = sum(time_reached_ps(runs / name) for name in names) / asked_ps / len(names)
        context.progress(begun + share * 0.4 * done, f"{100 * done:.0f} % of the model's own MD")

    if not all(is_over(runs / name) for name in names):
        with watching(look_at_md, every_seconds=study.execution.poll_seconds):
            run_tasks(own_md_batch(context), study.execution)
    for name in names:
        unpack(runs / name / PIECES)
        join_pieces(runs / name)
    tasks = folder / _TASKS
    if not tasks.is_dir():
        _write_tasks(context, tasks, protocol)
    write_label_settings(study, tasks / SETTINGS_FILE)
    forget_configuration_failures(tasks)
    origins = read_as(dict[str, str], tasks / _ORIGINS)

    def look_at_labels() -> None:
        done = sum((tasks / name / OUTPUT_FILE).is_file() for name in origins)
        context.progress(
            begun + share * (0.4 + 0.6 * done / len(origins)), f"{done} of {len(origins)} labels of own MD"
        )

    if origins:
        with watching(look_at_labels, every_seconds=study.execution.poll_seconds):
            run_tasks(label_batch(study, list(origins), tasks), study.execution)
    return _collect(context, origins)


def _script(context: RunContext, structure: str) -> str:
    return md_script(context, structure, own_protocol(context.study), top="..")


def _prepare(context: RunContext) -> None:
    runs = context.validation / FOLDER / _RUNS
    prepare_md(context, runs)
    for name in own_structures(context.study):
        write_md_run(context, name, runs / name, _script(context, name))


def _write_tasks(context: RunContext, tasks: Path, protocol: MDProtocol) -> None:
    """Snapshots at random, the start left out; they appear whole or not at all."""
    study, names = context.study, own_structures(context.study)
    n_snapshots = study.validation.own_md.n_snapshots
    origins: dict[str, str] = {}
    with whole_folder(tasks) as staging:
        for number, name in enumerate(names):
            wanted = n_snapshots // len(names) + (number < n_snapshots % len(names))
            directory = context.validation / FOLDER / _RUNS / name
            for place, atoms in _snapshots(directory, protocol, wanted, (study.seed, number)).items():
                task = f"task.{number:03d}.{place:06d}"
                (staging / task).mkdir()
                write(staging / task / INPUT_FILE, atoms, format="vasp", direct=True)
                origins[task] = name
        write_label_settings(study, staging / SETTINGS_FILE)
        write_json(staging / _ORIGINS, origins)
        reuse_labels(staging, earlier_tasks(context))


def _snapshots(directory: Path, protocol: MDProtocol, n_wanted: int, seed: tuple[int, int]) -> dict[int, Atoms]:
    """By the number of the frame; fewer where a run fell apart early."""
    try:
        trajectory = open_trajectory(
            directory / TRAJECTORY, layers=directory / "layers.json", frame_interval_ps=protocol.frame_interval_ps
        )
        frames = [
            Atoms(trajectory.symbols.tolist(), positions=positions, cell=cell, pbc=True)
            for chunk in trajectory.chunks(unwrapped=False)
            for positions, cell in zip(chunk.positions, chunk.cells, strict=True)
        ]
    except InputFileError:
        return {}
    later = np.arange(1, len(frames))
    chosen = np.random.default_rng(seed).choice(later, min(n_wanted, later.size), replace=False)
    return {int(place): frames[place] for place in np.sort(chosen)}


def _collect(context: RunContext, origins: Mapping[str, str]) -> OwnLabels:
    study, folder = context.study, context.validation / FOLDER
    protocol, bounds = own_protocol(study), health_bounds(study)
    records = {task: read_label(folder / _TASKS / task / OUTPUT_FILE) for task in origins}
    runs, systems = [], []
    for name in own_structures(study):
        asked_ps = protocol.n_steps * protocol.timestep_fs * FS_TO_PS
        layer = read_book(LayersOfAtoms, context.structures / name / "layers.json").layer
        of_it = [records[task] for task, origin in origins.items() if origin == name]
        try:
            verdict = judge_run(
                folder / _RUNS / name / TABLE,
                target_kelvin=protocol.temperature_kelvin,
                requested_ps=asked_ps,
                n_atoms=len(layer),
                bounds=bounds,
            )
            runs.append(
                OwnMDRun(
                    name,
                    verdict.time_ps,
                    asked_ps,
                    len(of_it),
                    verdict.reasons,
                    verdict.density_initial_g_per_cm3,
                    verdict.density_mean_g_per_cm3,
                )
            )
        except InputFileError as error:
            # LAMMPS stopped before the first line of numbers.
            runs.append(OwnMDRun(name, 0.0, asked_ps, len(of_it), (f"nothing to judge: {error}",)))
        good = [record for record in of_it if record["status"] == "ok"]
        if good:
            systems.append(context.validation / "dataset" / f"own-{name}")
            write_dataset(good, systems[-1], study.elements, layer=layer)
    failed = [FailedLabel(task, str(r["reason"])) for task, r in records.items() if r["status"] != "ok"]
    return OwnLabels(tuple(runs), tuple(failed), tuple(systems))
