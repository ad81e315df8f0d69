"""Stage ``data``: perturbed structures, melt-quench snapshots and short teacher MD, labelled; some runs are held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms
from ase.io import read, write

from mlip_interfaces.books.run import (
    DATA_SUMMARY,
    INDEX,
    FailedLabel,
    InitialData,
    LayersOfAtoms,
    StructureIndex,
    read_book,
)
from mlip_interfaces.campaign.dpgen_files import LABEL_COMMAND
from mlip_interfaces.config import Study
from mlip_interfaces.config.dft import resolved
from mlip_interfaces.config.study import Perturbation
from mlip_interfaces.errors import UnfinishedError, counted
from mlip_interfaces.files import count_lines, whole_folder, write_json, write_text
from mlip_interfaces.jobs import Batch, JobTask, run_tasks, watching
from mlip_interfaces.labels.again import forget_configuration_failures, reuse_labels
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE
from mlip_interfaces.labels.record import LabelRecord, core_seconds, read_label
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings, travelling_files
from mlip_interfaces.labels.splitting import Trajectory, hold_out
from mlip_interfaces.labels.store import ORIGINS_FILE, TRAJECTORIES_FILE
from mlip_interfaces.labels.teacher_md import (
    CHECKPOINT_FILE,
    PLAN_FILE,
    RECORDS_FILE,
    RESULT_FILE,
    RunEnd,
    TeacherMDPlan,
    read_records,
)
from mlip_interfaces.labels.teachers import teacher_kind, teacher_version
from mlip_interfaces.pipeline.build import SNAPSHOTS
from mlip_interfaces.pipeline.given_structures import read_given_structures
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.records import read_as
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.stages import FOLDERS
from mlip_interfaces.structures.assembly import (
    clean_set,
    packed_cells,
    perturb,
    read_model,
    scrambled,
    shift_layers,
    vacancy_samples,
)
from mlip_interfaces.structures.crystals import bulk_cell, in_type_order

SCRAMBLED = "scrambled"
"""Origin, and layer, of structures with all elements at random places."""

MD_COMMAND = f"test -s {RESULT_FILE} || mlip-interfaces teacher-md ."


def label_settings(study: Study) -> LabelSettings:
    """The study's label settings, every element spelled out.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    LabelSettings
        As each labelling task gets them.
    """
    labels = study.labels
    dft = resolved(labels.dft, labels.calculator, study.elements) if labels.dft is not None else None
    return LabelSettings(**labels.model_dump(exclude={"max_failed_fraction", "dft"}), dft=dft)


VACANCIES = "vacancies"
"""Kind of copies that lack a few atoms."""

LAYERS_FILE = "layers_of_vacancies.json"
"""Layer of each atom where it is not that of the model: of copies that lack atoms, of structures from files, and of what is none of the models."""


def write_label_settings(study: Study, file: Path) -> None:
    """Write the study's label settings where tasks find them; the teacher's files lie beside them where jobs do not run in place.

    Parameters
    ----------
    study : Study
        The study.
    file : Path
        Where to.
    """
    label_settings(study).write(file, with_files=study.execution.staged)


def run_initial_data(context: RunContext) -> str:
    """Make all tasks, label them, split and write the data set.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the models.

    Returns
    -------
    str
        How many labels were made, held out, and failed.

    Raises
    ------
    UnfinishedError
        If a job failed, or more labels failed than the study allows; the message lists the reasons.
    """
    directory = context.initial_data / "tasks"
    if not directory.is_dir():
        _write_tasks(context, directory)
    # Settings that do not change the numbers (command, folders, limits) may have been edited since.
    write_label_settings(context.study, directory / SETTINGS_FILE)
    forget_configuration_failures(directory)
    names = read_as(dict[str, str], directory / ORIGINS_FILE)
    # MD runs differ in length by far: more of them than cores run at once. Labels share one pool anyway.
    batches = (
        teacher_md_batch(context.study, [name for name in names if name.startswith("md.")], directory),
        label_batch(context.study, [name for name in names if name.startswith("task.")], directory),
    )
    tasks = [task for batch in batches for task in batch.tasks]

    def look() -> None:
        done = sum((directory / task.name / task.outputs[0]).is_file() for task in tasks)
        n_frames = sum(
            count_lines(directory / task.name / RECORDS_FILE) for task in tasks if task.name.startswith("md.")
        )
        context.progress(done / len(tasks), f"{done} of {len(tasks)} tasks, {n_frames} teacher MD frames")

    with watching(look, every_seconds=context.study.execution.poll_seconds):
        for batch in batches:
            if batch.tasks:
                run_tasks(batch, context.study.execution)
    summary = _write_datasets(context, directory, names)
    write_json(context.initial_data / DATA_SUMMARY, summary.to_json())
    n_failed = len(summary.failed)
    if n_failed > context.study.labels.max_failed_fraction * (summary.made + n_failed):
        reasons = "; ".join(f"{failed.task}: {failed.reason}" for failed in summary.failed[:5])
        raise UnfinishedError(
            f"{n_failed} of {summary.made + n_failed} initial labels failed ({reasons}). Cure the cause and run "
            "again: what a missing program, a full disk or the like spoilt is made again; of other failures delete "
            f"{OUTPUT_FILE} (or {RESULT_FILE}) in {directory} first. Or raise labels.max_failed_fraction."
        )
    return f"{counted(summary.made, 'label')}, {summary.n_held_out} of them held out, {n_failed} failed"


def label_batch(study: Study, names: Sequence[str], directory: Path) -> Batch:
    """Labelling tasks of a folder.

    Parameters
    ----------
    study : Study
        The study.
    names : sequence of str
        Folders of the tasks.
    directory : Path
        Where these lie, with the label settings.

    Returns
    -------
    Batch
        A task for each name.
    """
    tasks = tuple(JobTask(name, LABEL_COMMAND, (OUTPUT_FILE,), inputs=(INPUT_FILE,)) for name in names)
    return Batch(tasks, directory, "label", common_files=_shared_files(study))


def teacher_md_batch(study: Study, names: Sequence[str], directory: Path) -> Batch:
    """Teacher MD tasks of a folder.

    Parameters
    ----------
    study : Study
        The study.
    names : sequence of str
        Folders of the tasks.
    directory : Path
        Where these lie, with the label settings.

    Returns
    -------
    Batch
        A task for each name.
    """
    tasks = tuple(
        JobTask(
            name, MD_COMMAND, (RESULT_FILE,), inputs=(INPUT_FILE, PLAN_FILE), extras=(RECORDS_FILE, CHECKPOINT_FILE)
        )
        for name in names
    )
    return Batch(tasks, directory, "label", jobs_per_core=2, common_files=_shared_files(study))


def _shared_files(study: Study) -> tuple[str, ...]:
    """What every labelling task takes along."""
    return (SETTINGS_FILE, *travelling_files(study.labels.parameters).values())


def initial_systems(context: RunContext) -> list[str]:
    """Names of the training systems of the initial data.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    list of str
        Sorted.
    """
    return sorted(path.parent.name for path in (context.initial_data / "dataset").glob("*/type.raw"))


def _write_tasks(context: RunContext, directory: Path) -> None:
    """One folder per structure; two files say which model and which run each comes from. Appears whole or not at all."""
    with whole_folder(directory) as staging:
        _fill_tasks(context, staging)


def _fill_tasks(context: RunContext, staging: Path) -> None:
    study, plan = context.study, context.study.initial_data
    origins: dict[str, str] = {}
    trajectories: dict[str, str] = {}
    structures: list[tuple[str, str, Atoms]] = []
    index = read_book(StructureIndex, context.structures / INDEX)
    labelled = StudyHashes(study).labelled
    # Numbered among themselves: a model of the scan alone changes no seed.
    for number, model in enumerate(model for model in index.models if model.name in labelled):
        name, bulk = model.name, model.role == "bulk"
        if not bulk and name not in study.explored:
            continue
        # Copies are drawn apart: each may be held out by itself.
        copies = _variations(plan.perturbation, read_model(context.structures / name), study.seed + number, bulk=bulk)
        for kind, made in copies.items():
            for i, copy in enumerate(made):
                # Other atoms, another system.
                origin = f"{name}-vacancies-{i}" if kind == VACANCIES else name
                structures.append((origin, f"{name} {kind} {i}", copy))
        snapshots = context.structures / name / SNAPSHOTS
        if plan.n_melt_quench_snapshots and snapshots.is_file():
            frames = read(snapshots, index=":")
            stride = max(1, len(frames) // plan.n_melt_quench_snapshots)
            snapshots_kept = frames[::stride][: plan.n_melt_quench_snapshots]
            structures += [(name, f"{name} melt-quench", frame) for frame in snapshots_kept]
    others = _others(study)
    # Each is a trajectory of its own, so that the error on each product is measured on some that were held out.
    structures += [(name, f"{name} {i}", copy) for name, copies in others.items() for i, copy in enumerate(copies[1:])]
    clean = clean_set([atoms for _, _, atoms in structures])
    structures = [structures[i] for i in clean.indices]
    write_json(staging / "dropped.json", clean.counts)
    lacking = {origin: atoms.arrays["layer"].tolist() for origin, _, atoms in structures if f"-{VACANCIES}-" in origin}
    given = read_given_structures(study)
    named = {system.origin: list(system.layer) for system in given}
    named |= {name: [name] * len(copies[0]) for name, copies in others.items()}
    write_json(staging / LAYERS_FILE, lacking | named)
    # A file is one trajectory: its structures are near copies of each other, and there to be trained on.
    structures += [(system.origin, system.origin, atoms) for system in given for atoms in system.structures]
    structures += [
        (SCRAMBLED, SCRAMBLED, atoms)
        for atoms in scrambled(
            study.elements,
            plan.scrambled.n,
            atoms_per_element=plan.scrambled.atoms_per_element,
            volume_per_atom_angstrom3=plan.scrambled.volume_per_atom_angstrom3,
            shortest_factor=plan.scrambled.shortest_factor,
            seed=study.seed,
        )
    ]
    for number, md in enumerate(plan.teacher_md):
        task = _md_task(number)
        (staging / task).mkdir()
        start = others[md.structure][0] if md.structure in others else read_model(context.structures / md.structure)
        _write_structure(staging / task, start)
        plan_fields = md.model_dump(exclude={"structure", "held_out"})
        write_text(staging / task / PLAN_FILE, TeacherMDPlan(**plan_fields, seed=study.seed + number).model_dump_json())
        origins[task], trajectories[task] = md.structure, task
    for number, (name, trajectory, atoms) in enumerate(structures):
        task = f"task.000.{number:06d}"
        (staging / task).mkdir()
        _write_structure(staging / task, atoms)
        origins[task], trajectories[task] = name, trajectory
    write_label_settings(study, staging / SETTINGS_FILE)
    write_json(staging / ORIGINS_FILE, origins)
    write_json(staging / TRAJECTORIES_FILE, trajectories)
    reuse_labels(staging, earlier_tasks(context))


def _others(study: Study) -> dict[str, list[Atoms]]:
    """Crystals and packed cells that are none of the models: of each where a teacher MD starts, then the structures to label."""
    plan = study.initial_data
    found: dict[str, list[Atoms]] = {}
    for number, (name, what) in enumerate(plan.origins.items()):
        if isinstance(what, str):
            crystal = in_type_order(bulk_cell(what), study.elements)
            found[name] = [crystal, *_perturbed(plan.perturbation, crystal, study.seed + number, bulk=True)]
            continue
        counts = {element: what.counts[element] for element in study.elements if element in what.counts}
        cells = packed_cells(
            counts, max(1, what.n), volume_per_atom_angstrom3=what.volume_per_atom_angstrom3, seed=study.seed + number
        )
        found[name] = [cells[0], *cells[: what.n]]
    return found


def earlier_tasks(context: RunContext) -> list[Path]:
    """Folders of labelling tasks of this run, those of now and those set aside: a label is good wherever it was made.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    list of Path
        Of the initial data, the campaign, the validation and the look at the scan.
    """
    places = {name: FOLDERS[name] for name in ("data", "campaign", "validate", "scan")}
    here = [context.root / place for place in places.values()]
    # The latest was set aside last.
    aside = [item.folder for item in reversed(all_aside(context.root)) if item.place.split("/")[0] in places.values()]
    found = []
    for folder in (*here, *aside):
        places_of_tasks = (".", "tasks", "domain/tasks", "own_md/tasks", "reference_md/labels")
        found += [tasks for place in places_of_tasks if (tasks := folder / place).is_dir()]
        found += sorted(folder.glob("iter.*/02.fp"))
    return found


def _md_task(number: int) -> str:
    return f"md.{number:03d}"


def _perturbed(plan: Perturbation, atoms: Atoms, seed: int, *, bulk: bool) -> list[Atoms]:
    return perturb(
        atoms,
        plan.n_per_bulk if bulk else plan.n_per_interface,
        displacement_angstrom=plan.displacement_angstrom,
        cell_strain=plan.cell_strain,
        seed=seed,
    )


def _variations(plan: Perturbation, atoms: Atoms, seed: int, *, bulk: bool) -> dict[str, list[Atoms]]:
    """Copies of one structure, by what was done to them."""
    made = {"perturbed": _perturbed(plan, atoms, seed, bulk=bulk)}
    if plan.n_shifted_per_interface and not bulk:
        made["shifted"] = shift_layers(
            atoms,
            plan.n_shifted_per_interface,
            lateral_angstrom=plan.shift_lateral_angstrom,
            vertical_angstrom=plan.shift_vertical_angstrom,
            seed=seed,
        )
    if plan.n_with_vacancies and plan.vacancy_element in atoms.get_chemical_symbols():
        made[VACANCIES] = vacancy_samples(
            atoms, plan.n_with_vacancies, element=plan.vacancy_element, n_removed=plan.n_vacancies, seed=seed
        )
    return made


def _layer_names(context: RunContext, origin: str, n_atoms: int) -> list[str]:
    if origin == SCRAMBLED:
        return [SCRAMBLED] * n_atoms
    names = read_as(dict[str, list[str]], context.initial_data / "tasks" / LAYERS_FILE).get(origin)
    return names or list(read_book(LayersOfAtoms, context.structures / origin / "layers.json").layer)


def _write_structure(folder: Path, atoms: Atoms) -> None:
    bare = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
    write(folder / INPUT_FILE, bare, format="vasp", direct=True)


def _write_datasets(context: RunContext, directory: Path, origins: dict[str, str]) -> InitialData:
    """Split by trajectory and write: a teacher MD is held out whole or not at all, a copy drawn by itself on its own."""
    study = context.study
    names = read_as(dict[str, str], directory / TRAJECTORIES_FILE)
    failed: list[FailedLabel] = []
    seconds = 0.0
    runs: dict[tuple[str, str], list[LabelRecord]] = defaultdict(list)
    for task, origin in origins.items():
        if task.startswith("md."):
            records = read_records(directory / task)
            ended = read_as(RunEnd, directory / task / RESULT_FILE)
            if ended.status != "ok":
                failed.append(FailedLabel(task, str(ended.reason)))
            runs[origin, task] += records
            seconds += sum(map(core_seconds, records))
            continue
        record = read_label(directory / task / OUTPUT_FILE)
        seconds += core_seconds(record)
        if record["status"] == "ok":
            runs[origin, names[task]].append(record)
        else:
            failed.append(FailedLabel(task, str(record["reason"])))
    # Scrambled structures are one trajectory, so never held out: an error on them says nothing about the interface.
    away = hold_out(
        [
            Trajectory(name, origin, len(records), frozenset(_layer_names(context, origin, len(records[0]["symbols"]))))
            for (origin, name), records in runs.items()
            if records
        ],
        study.initial_data.held_out_fraction,
        seed=study.seed,
        first=[_md_task(number) for number, md in enumerate(study.initial_data.teacher_md) if md.held_out],
    )
    training: dict[str, list[LabelRecord]] = defaultdict(list)
    held_out: dict[str, list[LabelRecord]] = defaultdict(list)
    for (origin, name), records in runs.items():
        (held_out if name in away else training)[origin] += records
    for folder, sets in (("dataset", training), ("held_out", held_out)):
        for origin, records in sets.items():
            if records:
                layer = _layer_names(context, origin, len(records[0]["symbols"]))
                name = origin if folder == "dataset" else f"initial-{origin}"
                write_dataset(records, context.initial_data / folder / name, study.elements, layer=layer)
    n_training, n_held_out = (sum(map(len, sets.values())) for sets in (training, held_out))
    good = [record for sets in (training, held_out) for records in sets.values() for record in records]
    return InitialData(
        calculator=", ".join(sorted({record.get("calculator", "unknown") for record in good}))
        or teacher_version(study.labels.calculator, study.labels.parameters),
        kind=teacher_kind(study.labels.calculator),
        made=n_training + n_held_out,
        n_training=n_training,
        n_held_out=n_held_out,
        held_out_trajectories=tuple(sorted(away)),
        failed=tuple(failed),
        core_seconds=round(seconds, 1),
    )
