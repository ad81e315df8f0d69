"""The safety gates on the final potential of a run folder: what is measured, by whom, and the verdict.

Folder ``validation/gates``: ``static`` with what Python measures, a folder for each gate that LAMMPS runs, with all that it
needs to run by hand. What is there is not measured again, as long as model, structures and settings are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mlip_interfaces.books.gates import (
    CURVES_FILE,
    GATES_FILE,
    GATES_FOLDER,
    GateFindings,
    GatesVerdict,
    MeasuredNumber,
)
from mlip_interfaces.books.run import (
    INDEX,
    BulkEntry,
    ModelEntry,
    StructureIndex,
    read_book,
    read_optional_book,
    write_book,
)
from mlip_interfaces.config import Study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import content_hash, file_hash, read_arrays, write_arrays
from mlip_interfaces.jobs import Batch, run_tasks, watching
from mlip_interfaces.pipeline.gate_tasks import STATIC, prepare_gates, tasks_of_gates
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.potentials.gates.contract import Floats, Host, MdPlan
from mlip_interfaces.potentials.gates.judging import findings, judge
from mlip_interfaces.potentials.gates.plan import (
    FINDINGS_FILE,
    HostEntry,
    StaticFindings,
)
from mlip_interfaces.potentials.gates.registry import BOUNDS_ALONE, GATES
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.shipped_files import lammps_deck
from mlip_interfaces.structures.crystals import bulk_cell, in_type_order

if TYPE_CHECKING:
    from ase import Atoms


def run_gates(context: RunContext, *, begun: float = 0.0) -> GatesVerdict:
    """Measure what has not been measured, judge it by the study's bounds, and write ``validation/gates.json``.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with its structures and a potential.
    begun : float, optional
        Share of the stage that is done before, for its progress.

    Returns
    -------
    GatesVerdict
        Without a result where the study asks for no gate.

    Raises
    ------
    InputFileError
        If there is no potential or no structure, or a file of the gates is damaged.
    UnfinishedError
        If a job failed; the same call continues.
    """
    settings, folder = context.study.gates, context.validation / GATES_FOLDER
    potential = potential_of(context)
    if not potential.is_file():
        raise InputFileError(f"{potential} is missing; train it first, or give one with `gates STUDY --model M`.")
    hosts = read_hosts(context)
    plan = md_plan(context.study, hosts)
    model_hash = file_hash(potential)
    measured_for = _hash(context.study, hosts, model_hash)
    found: list[GateFindings] = []
    if settings.run:
        prepare_gates(folder, potential, hosts, plan, measured_for)
        batch = gates_batch(context)

        def look() -> None:
            done = sum((folder / task.name / task.outputs[0]).is_file() for task in batch.tasks)
            context.progress(begun + (1 - begun) * done / len(batch.tasks), f"{done} of {len(batch.tasks)} gate runs")

        with watching(look, every_seconds=context.study.execution.poll_seconds):
            run_tasks(batch, context.study.execution)
        found = _collect(folder, plan, settings.run)
    results = judge(found, settings)
    tried = {symbol for host in hosts for symbol in host.symbols}
    verdict = GatesVerdict(
        passed=all(result.passed for result in results),
        model_sha256=model_hash,
        measured_for=measured_for,
        structures=tuple(host.name for host in hosts),
        not_tried=tuple(symbol for symbol in context.study.elements if symbol not in tried),
        results=results,
        settings=settings.model_dump(mode="json"),
    )
    context.validation.mkdir(parents=True, exist_ok=True)
    write_book(context.validation / GATES_FILE, verdict)
    return verdict


def current_verdict(context: RunContext) -> GatesVerdict | None:
    """The verdict on the potential that a run folder has, by the bounds of its study as it is now.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    GatesVerdict or None
        None where it has to be measured: it was not, or not this model, these structures or these settings.

    Raises
    ------
    InputFileError
        If a file of it is damaged.
    """
    before = read_optional_book(GatesVerdict, context.validation / GATES_FILE)
    potential = potential_of(context)
    if before is None or not potential.is_file():
        return None
    if before.measured_for != _hash(context.study, read_hosts(context), file_hash(potential)):
        return None
    results = judge(measured_before(before), context.study.gates)
    verdict = replace(
        before,
        passed=all(result.passed for result in results),
        results=results,
        settings=context.study.gates.model_dump(mode="json"),
    )
    write_book(context.validation / GATES_FILE, verdict)
    return verdict


def measured_before(verdict: GatesVerdict) -> list[GateFindings]:
    """The numbers behind a verdict.

    Parameters
    ----------
    verdict : GatesVerdict
        By whatever bounds.

    Returns
    -------
    list of GateFindings
        One for each gate, with structures to label of all that was measured.
    """
    return [
        GateFindings(
            result.gate,
            tuple(MeasuredNumber(one.what, one.quantity, one.value, one.note) for one in result.checks),
            result.wall_seconds,
            {one.what: one.repair for one in result.checks if one.repair},
        )
        for result in verdict.results
    ]


def read_hosts(context: RunContext) -> list[Host]:
    """The bulk cells, the study's other crystals, and of the interface models with the most elements the smallest.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with its structures.

    Returns
    -------
    list of Host
        Bulk cells of layers first, then `initial_data.crystals`, the interface last.

    Raises
    ------
    InputFileError
        If nothing has been built.
    """
    from ase.io import read

    index = read_book(StructureIndex, context.structures / INDEX)

    def rank(model: ModelEntry) -> tuple[int, int, str]:
        return (
            -len({pair for name in model.min_distances_angstrom for pair in name.split("-")}),
            model.n_atoms,
            model.name,
        )

    interface = min(index.interfaces, key=rank) if index.interfaces else None
    bulk = [entry for entry in index.models if isinstance(entry, BulkEntry)]
    if not (bulk or interface):
        raise InputFileError(f"{context.structures / INDEX} names no structure; run the stage 'build' first.")
    crystals = {
        name: in_type_order(bulk_cell(what), context.study.elements)
        for name, what in context.study.initial_data.origins.items()
        if isinstance(what, str)
    }
    return [
        *(_host(entry.name, "bulk", read(context.structures / entry.file)) for entry in bulk),
        *(_host(name, "bulk", atoms) for name, atoms in crystals.items()),
        *([_host(interface.name, "interface", read(context.structures / interface.file))] if interface else []),
    ]


def _host(name: str, role: Literal["bulk", "interface"], atoms: Atoms) -> Host:
    return Host(
        name,
        role,
        tuple(atoms.get_chemical_symbols()),
        np.asarray(atoms.positions, dtype=np.float64),
        np.asarray(atoms.cell.array, dtype=np.float64),
        np.asarray(atoms.arrays.get("layer_id", np.zeros(len(atoms))), dtype=np.int64),
    )


def md_plan(study: Study, hosts: Sequence[Host]) -> MdPlan:
    """What LAMMPS is asked for, from the study's protocols.

    Parameters
    ----------
    study : Study
        The study.
    hosts : sequence of Host
        Structures.

    Returns
    -------
    MdPlan
        With the hottest temperature and the shortest time step.
    """
    protocols = study.protocols.values()
    return MdPlan(
        settings=study.gates,
        elements=study.elements,
        hottest_kelvin=max(protocol.temperature_kelvin for protocol in protocols),
        shortest_timestep_fs=min(protocol.timestep_fs for protocol in protocols),
        n_frames=len(hosts),
    )


def gates_batch(context: RunContext) -> Batch:
    """What runs as jobs: one task for all that Python measures, and one for each gate of LAMMPS.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    Batch
        The longest first.
    """
    n_hosts = len(read_hosts(context)) if (context.structures / INDEX).is_file() else 1
    plan = replace(md_plan(context.study, []), n_frames=n_hosts)
    return tasks_of_gates(context.validation / GATES_FOLDER, potential_of(context), plan)


def _hash(study: Study, hosts: Sequence[Host], model_hash: str) -> str:
    """Of all that the numbers depend on; bounds that only judge them are left out."""
    settings = study.gates.model_dump(mode="json")
    measured = {key: value for key, value in settings.items() if key not in BOUNDS_ALONE and key != "if_failed"}
    plan = md_plan(study, hosts)
    decks = [lammps_deck(gate.lammps.deck).read_text() for gate in GATES.values() if gate.lammps is not None]
    structures = [HostEntry.of_host(host).to_json() for host in hosts]
    return content_hash(
        [measured, decks, plan.elements, plan.hottest_kelvin, plan.shortest_timestep_fs, structures, model_hash]
    )


def _collect(folder: Path, plan: MdPlan, run: Sequence[str]) -> list[GateFindings]:
    """What all gates found, in the order of the registry; the curves of all in one file."""
    static = {one.gate: one for one in read_book(StaticFindings, folder / STATIC / FINDINGS_FILE).gates}
    curves: dict[str, Floats] = read_arrays(folder / STATIC / CURVES_FILE)
    found = []
    for name, gate in GATES.items():
        if name not in run:
            continue
        if gate.lammps is None:
            one = static[name]
            repair = {what: f"{GATES_FOLDER}/{STATIC}/{file}" for what, file in one.repair.items()}
            found.append(GateFindings(one.gate, one.numbers, one.wall_seconds, repair))
            continue
        result = gate.lammps.read(folder, plan)
        curves |= {f"{name}/{key}": curve for key, curve in result.curves.items()}
        found.append(findings(gate, result))
    write_arrays(folder / CURVES_FILE, curves)
    return found
