"""MD with the labelling method and with the model, of the same structure by the same program, and what they have in common.

Folder ``validation/reference_md``: ``labels`` with the one, ``model`` with the other, a task for each seed. Velocities, random
forces of the thermostat, time step and length are the same; only who gives the forces differs. The frames of the first are
labels, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from numpy.typing import NDArray

from mlip_interfaces.analysis.chemistry import BondFinder, intact_centers
from mlip_interfaces.analysis.overlap import block_means, overlap_of_blocks
from mlip_interfaces.analysis.pair_names import PAIR
from mlip_interfaces.analysis.rdf import PairCounter, largest_r_max
from mlip_interfaces.analysis.running_blocks import error_of_mean
from mlip_interfaces.books.run import (
    REFERENCE_FILE,
    LayersOfAtoms,
    PairOverlap,
    ReferenceComparison,
    TwoMeans,
    read_book,
)
from mlip_interfaces.config import Study
from mlip_interfaces.config.study import ReferenceMD
from mlip_interfaces.files import count_lines, relink, whole_folder, write_arrays, write_text
from mlip_interfaces.jobs import Batch, run_tasks, watching
from mlip_interfaces.labels.again import forget_configuration_failures, reuse_labels
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE
from mlip_interfaces.labels.record import LabelRecord
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher_md import (
    PLAN_FILE,
    RECORDS_FILE,
    RESULT_FILE,
    RunEnd,
    TeacherMDPlan,
    read_records,
)
from mlip_interfaces.labels.teachers import teacher_version
from mlip_interfaces.observables import Chemistry, Rdf
from mlip_interfaces.pipeline.initial_data import earlier_tasks, teacher_md_batch, write_label_settings
from mlip_interfaces.pipeline.made_for import make_room_for, mark_made_of
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.structures.assembly import read_model
from mlip_interfaces.units import FS_TO_PS

FOLDER = "reference_md"
LABELS, MODEL = "labels", "model"
_CALCULATOR = "deepmd.calculator:DP"
_R_MAX_ANGSTROM, _BIN_ANGSTROM, _BLOCKS = 6.0, 0.1, 5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it.

    Attributes
    ----------
    comparison : ReferenceComparison or None
        None where the study asks for none.
    systems : tuple of Path
        Data folder of the labelled frames.
    """

    comparison: ReferenceComparison | None = None
    systems: tuple[Path, ...] = ()


def reference_structure(study: Study) -> str:
    """The structure that moves.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    str
        Its name; that of the first explored model where the study names none.
    """
    asked = study.validation.reference_md
    return (asked.structure if asked is not None else None) or study.explored[0]


def reference_batches(context: RunContext) -> dict[str, Batch]:
    """Both kinds of MD as tasks.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    dict of str to Batch
        Under `LABELS` and `MODEL`, a task for each seed; empty where the study asks for none.
    """
    asked = context.study.validation.reference_md
    if asked is None:
        return {}
    names = [f"md.{number:03d}" for number in range(len(asked.seeds))]
    folder = context.validation / FOLDER
    of_model = teacher_md_batch(context.study, names, folder / MODEL)
    return {
        LABELS: teacher_md_batch(context.study, names, folder / LABELS),
        MODEL: replace(of_model, step="md", common_files=(SETTINGS_FILE, potential_of(context).name)),
    }


def compare_with_reference(context: RunContext, *, begun: float, share: float) -> Compared:
    """Run both kinds of MD and compare them; what is there is kept.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the structures and the model.
    begun, share : float
        Of the stage's progress: what is done before, and what this is of it.

    Returns
    -------
    Compared
        Empty where the study asks for none.

    Raises
    ------
    UnfinishedError
        If a job failed; the same call continues.
    """
    study, asked = context.study, context.study.validation.reference_md
    if asked is None:
        return Compared()
    hashes, folder = StudyHashes(study), context.validation / FOLDER
    made_of = {LABELS: hashes.reference_md, MODEL: hashes.model_md(context.root)}
    batches = reference_batches(context)
    n_frames = len(asked.seeds) * asked.n_samples
    for part, (which, batch) in enumerate(batches.items()):
        make_room_for(context.root, batch.directory, made_of[which])
        _prepare(context, batch, asked, made_of[which])
        if which == LABELS:
            write_label_settings(study, batch.directory / SETTINGS_FILE)
        else:
            _model_settings(context).write(batch.directory / SETTINGS_FILE)
        forget_configuration_failures(batch.directory)

        def look(part: int = part, which: str = which, batch: Batch = batch) -> None:
            done = sum(count_lines(batch.directory / task.name / RECORDS_FILE) for task in batch.tasks)
            share_done = min(1.0, done / n_frames)
            who = study.labels.calculator if which == LABELS else "the model"
            context.progress(begun + share * (part + share_done) / 2, f"{done} of {n_frames} frames of MD with {who}")

        with watching(look, every_seconds=study.execution.poll_seconds):
            run_tasks(batch, study.execution)
    records = {
        which: [_of_md(read_records(folder / which / task.name), asked) for task in batch.tasks]
        for which, batch in batches.items()
    }
    trouble = tuple(
        f"{task.name} with {'the model' if which == MODEL else study.labels.calculator}: {end.reason}"
        for which, batch in batches.items()
        for task in batch.tasks
        if (end := read_as(RunEnd, folder / which / task.name / RESULT_FILE)).status != "ok"
    )
    name = reference_structure(study)
    systems = []
    labelled = [record for run in records[LABELS] for record in run]
    if labelled:
        systems.append(context.validation / "dataset" / f"reference-{name}")
        layer = read_book(LayersOfAtoms, context.structures / name / "layers.json").layer
        write_dataset(labelled, systems[0], study.elements, layer=layer)
    return Compared(_compare(context, asked, records, trouble), tuple(systems))


def _prepare(context: RunContext, batch: Batch, asked: ReferenceMD, made_of: str) -> None:
    study = context.study
    if not batch.directory.is_dir():
        with whole_folder(batch.directory) as staging:
            for task, seed in zip(batch.tasks, asked.seeds, strict=True):
                (staging / task.name).mkdir()
                atoms = read_model(context.structures / reference_structure(study))
                bare = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
                write(staging / task.name / INPUT_FILE, bare, format="vasp", direct=True)
                plan = TeacherMDPlan(
                    temperature_kelvin=asked.temperature_kelvin,
                    steps=asked.steps,
                    sample_every=asked.sample_every,
                    timestep_fs=asked.timestep_fs,
                    relax_steps=asked.relax_steps,
                    seed=seed,
                )
                write_text(staging / task.name / PLAN_FILE, plan.model_dump_json())
            potential = potential_of(context)
            if potential.name in batch.common_files:
                # Jobs that do not run in place take it along.
                relink(staging / potential.name, potential)
            else:
                write_label_settings(study, staging / SETTINGS_FILE)
                reuse_labels(staging, earlier_tasks(context))
            mark_made_of(staging, made_of)


def _model_settings(context: RunContext) -> LabelSettings:
    """The model as one who gives forces, with the limits of a label."""
    labels = context.study.labels
    return LabelSettings(
        calculator=_CALCULATOR,
        parameters={"model": f"../{potential_of(context).name}"},
        timeout_seconds=labels.timeout_seconds,
        max_force_ev_per_angstrom=labels.max_force_ev_per_angstrom,
        min_distance_angstrom=labels.min_distance_angstrom,
    )


def _of_md(records: Sequence[LabelRecord], asked: ReferenceMD) -> list[LabelRecord]:
    """Frames of the MD that are compared: not those of the relaxation, nor those before `discard_ps`."""
    return list(records[max(0, len(records) - asked.n_samples) :][asked.n_discarded :])


def _compare(
    context: RunContext, asked: ReferenceMD, records: dict[str, list[list[LabelRecord]]], trouble: tuple[str, ...]
) -> ReferenceComparison:
    study, name = context.study, reference_structure(context.study)
    start = read_model(context.structures / name)
    cell = np.asarray(start.cell.array, dtype=np.float64)
    request = next((one for one in study.analysis.requests.values() if isinstance(one, Rdf)), None)
    r_max = min((request.r_max_angstrom if request else None) or _R_MAX_ANGSTROM, largest_r_max(cell))
    n_frames = min(len(run) for runs in records.values() for run in runs)
    interval_ps = asked.sample_every * asked.timestep_fs * FS_TO_PS
    comparison = ReferenceComparison(
        structure=name,
        calculator=teacher_version(study.labels.calculator, study.labels.parameters),
        temperature_kelvin=asked.temperature_kelvin,
        n_runs=len(asked.seeds),
        n_frames=n_frames * len(asked.seeds),
        time_ps=n_frames * interval_ps,
        r_max_angstrom=r_max,
        trouble=trouble,
    )
    if trouble:
        return comparison
    # The runs one after the other; blocks of time do not reach from one into the next.
    paths = {
        which: np.array([[r["positions_angstrom"] for r in run[:n_frames]] for run in runs])
        for which, runs in records.items()
    }
    symbols = np.array(start.get_chemical_symbols())
    pairs = compared_pairs(study, symbols)
    curves: dict[str, Floats] = {"r_angstrom": np.empty(0)}
    overlaps: dict[str, PairOverlap] = {}
    if pairs:
        counter = PairCounter(pairs, symbols, r_max_angstrom=r_max, bin_width_angstrom=_BIN_ANGSTROM)
        curves["r_angstrom"] = np.asarray((counter.edges[1:] + counter.edges[:-1]) / 2, dtype=np.float64)
        blocks = {
            which: np.concatenate([_g_blocks(counter, run, cell) for run in runs]) for which, runs in paths.items()
        }
        for i, pair in enumerate(pairs):
            found = overlap_of_blocks(blocks[LABELS][:, i], blocks[MODEL][:, i])
            if np.isfinite(found.value):
                of_itself = round(found.of_itself, 6) if np.isfinite(found.of_itself) else None
                overlaps[pair] = PairOverlap(round(found.value, 6), round(found.error, 6), of_itself)
            curves |= {f"{pair}/{which}": values[:, i].mean(axis=0) for which, values in blocks.items()}
            curves |= {
                f"{pair}/{which}/error": np.array([error_of_mean(column, len(values)) for column in values[:, i].T])
                for which, values in blocks.items()
            }
    chemistry = _chemistry(study, start, paths)
    curves |= {f"intact/{which}": counts for which, counts in chemistry.intact.items()}
    curves["time_ps"] = np.asarray((np.arange(n_frames) + asked.n_discarded + 1) * interval_ps, dtype=np.float64)
    write_arrays(context.validation / REFERENCE_FILE, curves)
    return replace(
        comparison,
        overlaps=overlaps,
        unit=chemistry.unit,
        n_units=chemistry.n_units,
        intact=_two_means(chemistry.intact) if chemistry.n_units else None,
        bonds={bond: _two_means(counts) for bond, counts in chemistry.bonds.items()},
    )


def compared_pairs(study: Study, symbols: NDArray[np.str_]) -> list[str]:
    """Pairs whose g(r) is compared.

    Parameters
    ----------
    study : Study
        The study.
    symbols : (n_atoms,) str array
        Elements of the structure.

    Returns
    -------
    list of str
        Those of its g(r) that name no layer, then bonds of units; all there are where that gives none.
    """
    counts = Counter(symbols.tolist())
    chemistry = _chemistry_request(study)
    asked = [pair for one in study.analysis.requests.values() if isinstance(one, Rdf) for pair in one.pairs or ()]
    centers = chemistry.centers_among(counts)
    asked += [f"{center}-{ligand}" for center in centers for ligand in chemistry.ligands]
    asked += [f"{ligand}-{ligand}" for ligand in chemistry.ligands if centers]
    everything = [f"{a}-{b}" for a, b in combinations_with_replacement(sorted(counts), 2)]

    def there(pair: str) -> bool:
        found = PAIR.fullmatch(pair)
        if found is None or found[2] or found[4]:
            return False
        a, b = found[1], found[3]
        return counts[a] > 0 and counts[b] > (a == b)

    return [pair for pair in dict.fromkeys(asked) if there(pair)] or [pair for pair in everything if there(pair)]


def _g_blocks(counter: PairCounter, positions: Floats, cell: Floats) -> Floats:
    """g(r) of each pair in blocks of time of one run, (n_blocks, n_pairs, n_bins)."""
    shells = 4.0 / 3.0 * np.pi * np.diff(counter.edges**3)
    counts = counter.count(positions, np.repeat(cell[None], len(positions), axis=0))
    volume = float(np.abs(np.linalg.det(cell)))
    return block_means(counts * volume / (counter.n_ordered[:, None] * shells), _BLOCKS)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Per frame, (n_runs, n_frames), by `LABELS` and `MODEL`."""

    unit: str
    n_units: int
    intact: dict[str, Floats]
    bonds: dict[str, dict[str, Floats]]


def _chemistry_request(study: Study) -> Chemistry:
    return next((one for one in study.analysis.requests.values() if isinstance(one, Chemistry)), None) or Chemistry()


def _chemistry(study: Study, start: Atoms, paths: dict[str, Floats]) -> _Counts:
    """What is intact of the units of the start, and the bonds of each kind that is there at all."""
    request, symbols = _chemistry_request(study), np.array(start.get_chemical_symbols())
    elements = set(symbols.tolist())
    finder = BondFinder(
        symbols,
        request.cutoffs_angstrom(elements),
        centers=request.centers_among(elements),
        ligands=request.ligands,
    )
    cell = np.asarray(start.cell.array, dtype=np.float64)
    at_start = finder.find(np.asarray(start.positions, dtype=np.float64), cell)
    found = {which: [[finder.find(frame, cell) for frame in run] for run in runs] for which, runs in paths.items()}
    bonds = {
        bond: {
            which: np.array([[len(frame.bonds[bond]) for frame in run] for run in runs], dtype=np.float64)
            for which, runs in found.items()
        }
        for bond in at_start.bonds
    }
    return _Counts(
        unit=at_start.units.most_common(1)[0][0] if at_start.units else "",
        n_units=int(np.count_nonzero(at_start.shells.any(axis=1))),
        intact={
            which: np.array(
                [[intact_centers(at_start.shells, frame.shells) for frame in run] for run in runs], dtype=np.float64
            )
            for which, runs in found.items()
        },
        bonds={bond: counts for bond, counts in bonds.items() if any(values.any() for values in counts.values())},
    )


def _two_means(counts: dict[str, Floats]) -> TwoMeans:
    numbers = [
        number for which in (LABELS, MODEL) for number in (counts[which].mean(), error_of_mean(counts[which].ravel()))
    ]
    return TwoMeans(*(round(float(number), 6) for number in numbers))
