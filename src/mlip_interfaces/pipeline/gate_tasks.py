"""Folders in which gates are measured: ``static`` with what Python measures, and one for each gate that LAMMPS runs.

All that a task needs to run by hand is in its folder, or in the one above.
"""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ase import Atoms
from ase.io import write

from mlip_interfaces.books.gates import CURVES_FILE
from mlip_interfaces.files import relink, update_json, write_text
from mlip_interfaces.jobs import Batch, JobTask
from mlip_interfaces.md.ending import CAME_TO_ITS_END, DONE, FELL_APART, LOG, SAY_HOW_IT_ENDED
from mlip_interfaces.potentials.gates.compiled import COMPILED, frames
from mlip_interfaces.potentials.gates.contract import Frame, Host, LammpsGate, MdPlan
from mlip_interfaces.potentials.gates.plan import FINDINGS_FILE, PLAN_FILE, REPAIR_FOLDER, HostEntry, StaticPlan
from mlip_interfaces.potentials.gates.registry import GATES
from mlip_interfaces.shipped_files import lammps_deck

STATIC = "static"
_COMMAND, _ASKED = "command.sh", "asked.sha256"
# A model that makes atoms fly apart has been measured; a LAMMPS that was killed has not.
_LAMMPS_COMMAND = (
    f"rm -f {DONE}; sh {_COMMAND}; status=$?; if {{ [ $status -eq 0 ] && {CAME_TO_ITS_END}; }} || {FELL_APART}; "
    f"then echo $status > {DONE}; else {SAY_HOW_IT_ENDED}; exit 1; fi"
)


def tasks_of_gates(folder: Path, potential: Path, plan: MdPlan) -> Batch:
    """What runs as jobs: one task for all that Python measures, and one for each gate of LAMMPS.

    Parameters
    ----------
    folder : Path
        Holds the tasks' folders.
    potential : Path
        The frozen model; its name is that of a link in `folder`.
    plan : MdPlan
        Which gates, and of how many structures.

    Returns
    -------
    Batch
        The longest first.
    """
    command = f"python -m mlip_interfaces.potentials.gates.static ../{potential.name}"
    tasks = [
        JobTask(
            STATIC,
            command,
            (FINDINGS_FILE, CURVES_FILE),
            inputs=(PLAN_FILE,),
            extras=(REPAIR_FOLDER, "compiled.npz"),
        )
    ]
    decks = []
    for name, gate in _of_lammps(plan):
        is_compiled = name == COMPILED.name
        dumps = tuple(f"forces.{number + 1}.dump" for number in range(plan.n_frames)) if is_compiled else ()
        outputs = (DONE, *gate.outputs(plan))
        inputs = (_COMMAND, *_data_files(name, plan.n_frames))
        tasks.append(JobTask(name, _LAMMPS_COMMAND, outputs, inputs=inputs, extras=(LOG, *dumps)))
        decks.append(gate.deck)
    return Batch(tuple(tasks), folder, "md", common_files=(potential.name, *decks))


def prepare_gates(folder: Path, potential: Path, hosts: Sequence[Host], plan: MdPlan, measured_for: str) -> None:
    """Write what each task needs; a folder that was made for something else is emptied.

    Parameters
    ----------
    folder : Path
        Holds the tasks' folders.
    potential : Path
        The frozen model.
    hosts : sequence of Host
        Structures, an interface last.
    plan : MdPlan
        Which gates.
    measured_for : str
        Hash of all that the numbers depend on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    relink(folder / potential.name, potential)
    static = StaticPlan(plan.settings.model_dump(mode="json"), tuple(map(HostEntry.of_host, hosts)))
    files: dict[str, dict[str, str]] = {}
    for name, gate in _of_lammps(plan):
        shutil.copyfile(lammps_deck(gate.deck), folder / gate.deck)
        used = frames(hosts) if name == COMPILED.name else frames([hosts[-1]], shake=False)
        files[name] = {
            _COMMAND: f"#!/bin/sh\n{_lammps_command(gate, plan, potential.name)}\n",
            **{
                file: _data_text(frame, plan.elements)
                for file, frame in zip(_data_files(name, len(used)), used, strict=True)
            },
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


def measure_again(folder: Path) -> None:
    """Have what was measured in a folder forgotten when it is next prepared; until then it can be looked at.

    Parameters
    ----------
    folder : Path
        Holds the tasks' folders.
    """
    for mark in folder.glob(f"*/{_ASKED}"):
        mark.unlink()


def _of_lammps(plan: MdPlan) -> Iterator[tuple[str, LammpsGate]]:
    for name, gate in GATES.items():
        if gate.lammps is not None and name in plan.settings.run:
            yield name, gate.lammps


def _data_files(gate: str, n_frames: int) -> tuple[str, ...]:
    return tuple(f"frame.{number + 1}.data" for number in range(n_frames)) if gate == COMPILED.name else ("model.data",)


def _lammps_command(gate: LammpsGate, plan: MdPlan, potential: str) -> str:
    words = ["lmp", "-log", LOG, "-in", f"../{gate.deck}"]
    given = {"potential": f"../{potential}", "elements": " ".join(plan.elements), **gate.variables(plan)}
    for name, value in given.items():
        words += ["-var", name, value]
    return shlex.join(words)


def _data_text(frame: Frame, elements: Sequence[str]) -> str:
    """A structure as LAMMPS reads it; type i is the i-th of the elements."""
    buffer = io.StringIO()
    atoms = Atoms(list(frame.symbols), positions=frame.positions, cell=frame.cell, pbc=True)
    write(buffer, atoms, format="lammps-data", specorder=list(elements), masses=True, atom_style="atomic")
    return buffer.getvalue()
