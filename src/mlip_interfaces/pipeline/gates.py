"""The safety gates on the final potential of a run folder: what is measured, by whom, and the verdict.

Folder ``validation/gates``: ``static`` with what Python measures, a folder for each gate that LAMMPS runs, with all that it
needs to run by hand. What is there is not measured again, as long as model, structures and settings are the same.
"""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

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
from mlip_interfaces.files import content_hash, file_hash, read_arrays, update_json, write_arrays, write_text
from mlip_interfaces.jobs import Batch, JobTask, run_tasks, watching
from mlip_interfaces.md.ending import CAME_TO_ITS_END, DONE, FELL_APART, LOG, SAY_HOW_IT_ENDED
from mlip_interfaces.potentials.gates.compiled import frames
from mlip_interfaces.potentials.gates.contract import Floats, Frame, Gate, Host, MdPlan
from mlip_interfaces.potentials.gates.judging import findings, judge
from mlip_interfaces.potentials.gates.plan import (
    FINDINGS_FILE,
    PLAN_FILE,
    REPAIR_FOLDER,
    HostEntry,
    StaticFindings,
    StaticPlan,
)
from mlip_interfaces.potentials.gates.registry import BOUNDS_ALONE, GATES
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.shipped_files import lammps_deck

POTENTIAL = "model.pb"
STATIC = "static"
_COMMAND, _ASKED = "command.sh", "asked.sha256"
_STATIC_COMMAND = f"python -m mlip_interfaces.potentials.gates.static ../{POTENTIAL}"
# A model that makes atoms fly apart has been measured; a LAMMPS that was killed has not.
_LAMMPS_COMMAND = (
    f"rm -f {DONE}; sh {_COMMAND}; status=$?; if {{ [ $status -eq 0 ] && {CAME_TO_ITS_END}; }} || {FELL_APART}; "
    f"then echo $status > {DONE}; else {SAY_HOW_IT_ENDED}; exit 1; fi"
)


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
    potential = context.model / POTENTIAL
    if not potential.is_file():
        raise InputFileError(f"{potential} is missing; train it first, or give one with `gates STUDY --model M`.")
    hosts = read_hosts(context)
    plan = md_plan(context.study, hosts)
    model_hash = file_hash(potential)
    measured_for = _hash(context.study, hosts, model_hash)
    found: list[GateFindings] = []
    if settings.run:
        _prepare(context, hosts, plan, measured_for)
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
    if before is None or not (context.model / POTENTIAL).is_file():
        return None
    if before.measured_for != _hash(context.study, read_hosts(context), file_hash(context.model / POTENTIAL)):
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
        One for each gate; structures to label are those of what failed then.
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
    """The bulk cells, and of the interface models with the most elements the smallest.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with its structures.

    Returns
    -------
    list of Host
        Bulk cells first.

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
    hosts = []
    bulk = [entry for entry in index.models if isinstance(entry, BulkEntry)]
    for entry in (*bulk, *([interface] if interface else [])):
        atoms = read(context.structures / entry.file)
        layers = atoms.arrays.get("layer_id", np.zeros(len(atoms)))
        hosts.append(
            Host(
                entry.name,
                "bulk" if isinstance(entry, BulkEntry) else "interface",
                tuple(atoms.get_chemical_symbols()),
                np.asarray(atoms.positions, dtype=np.float64),
                np.asarray(atoms.cell.array, dtype=np.float64),
                np.asarray(layers, dtype=np.int64),
            )
        )
    if not hosts:
        raise InputFileError(f"{context.structures / INDEX} names no structure; run the stage 'build' first.")
    return hosts


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
    run = context.study.gates.run
    tasks = [
        JobTask(
            STATIC,
            _STATIC_COMMAND,
            (FINDINGS_FILE, CURVES_FILE),
            inputs=(PLAN_FILE,),
            extras=(REPAIR_FOLDER, "compiled.npz"),
        )
    ]
    n_hosts = len(read_hosts(context)) if (context.structures / INDEX).is_file() else 1
    for name, gate in GATES.items():
        if gate.lammps is None or name not in run:
            continue
        outputs = gate.lammps.outputs(md_plan(context.study, []))
        dumps = tuple(f"forces.{number + 1}.dump" for number in range(n_hosts)) if name == "compiled" else ()
        data = tuple(f"frame.{number + 1}.data" for number in range(n_hosts)) if name == "compiled" else ("model.data",)
        tasks.append(JobTask(name, _LAMMPS_COMMAND, (DONE, *outputs), inputs=(_COMMAND, *data), extras=(LOG, *dumps)))
    decks = tuple(gate.lammps.deck for name, gate in GATES.items() if gate.lammps is not None and name in run)
    return Batch(tuple(tasks), context.validation / GATES_FOLDER, "md", common_files=(POTENTIAL, *decks))


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


def _prepare(context: RunContext, hosts: Sequence[Host], plan: MdPlan, measured_for: str) -> None:
    """Write what each task needs; a folder that was made for something else is emptied."""
    folder = context.validation / GATES_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / POTENTIAL).is_symlink():
        (folder / POTENTIAL).symlink_to(Path("..") / ".." / context.model.name / POTENTIAL)
    static = StaticPlan(context.study.gates.model_dump(mode="json"), tuple(map(HostEntry.of_host, hosts)))
    files: dict[str, dict[str, str]] = {}
    interface = hosts[-1]
    for name, gate in GATES.items():
        if gate.lammps is None or name not in context.study.gates.run:
            continue
        shutil.copyfile(lammps_deck(gate.lammps.deck), folder / gate.lammps.deck)
        used = frames(hosts) if name == "compiled" else frames([interface], shake=False)
        names = [f"frame.{number + 1}.data" for number in range(len(used))] if name == "compiled" else ["model.data"]
        files[name] = {
            _COMMAND: f"#!/bin/sh\n{_lammps_command(gate, plan)}\n",
            **{file: _data_text(frame, plan.elements) for file, frame in zip(names, used, strict=True)},
        }
    for task in (folder / name for name in (STATIC, *files)):
        if not (task / _ASKED).is_file() or (task / _ASKED).read_text().strip() != measured_for:
            shutil.rmtree(task, ignore_errors=True)
            task.mkdir()
            if task.name == STATIC:
                update_json(task / PLAN_FILE, static.to_json())
            for file, text in files.get(task.name, {}).items():
                write_text(task / file, text)
            write_text(task / _ASKED, f"{measured_for}\n")


def _lammps_command(gate: Gate, plan: MdPlan) -> str:
    assert gate.lammps is not None
    words = ["lmp", "-log", LOG, "-in", f"../{gate.lammps.deck}"]
    given = {"potential": f"../{POTENTIAL}", "elements": " ".join(plan.elements), **gate.lammps.variables(plan)}
    for name, value in given.items():
        words += ["-var", name, value]
    return shlex.join(words)


def _data_text(frame: Frame, elements: Sequence[str]) -> str:
    """A structure as LAMMPS reads it; type i is the i-th of the elements."""
    buffer = io.StringIO()
    atoms = Atoms(list(frame.symbols), positions=frame.positions, cell=frame.cell, pbc=True)
    write(buffer, atoms, format="lammps-data", specorder=list(elements), masses=True, atom_style="atomic")
    return buffer.getvalue()


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
