"""The gates that need no MD, with a frozen Deep Potential, in a process of its own.

``python -m mlip_interfaces.potentials.gates.static MODEL`` in a folder with ``plan.json``: TensorFlow's start-up, threads and
messages stay out of the caller.
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlip_interfaces.books.gates import CURVES_FILE, GateFindings
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.files import write_arrays, write_json, write_text
from mlip_interfaces.potentials.gates.compiled import COMPILED, reference
from mlip_interfaces.potentials.gates.contract import Evaluate, Floats, Frame, Host
from mlip_interfaces.potentials.gates.judging import findings
from mlip_interfaces.potentials.gates.plan import (
    FINDINGS_FILE,
    PLAN_FILE,
    REPAIR_FOLDER,
    StaticFindings,
    StaticPlan,
)
from mlip_interfaces.potentials.gates.registry import GATES
from mlip_interfaces.records import read_as

_ATOMS_A_CALL = 8000


def deep_potential(model: Path) -> Evaluate:
    """A frozen Deep Potential as a function.

    Parameters
    ----------
    model : Path
        Frozen or compressed.

    Returns
    -------
    callable
        Energies and forces of structures; elements by name, whatever the order of the model's type map.
    """
    from deepmd.infer import DeepPot

    potential = DeepPot(str(model))
    types = {symbol: number for number, symbol in enumerate(potential.get_type_map())}

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        n_frames, n_atoms = positions.shape[:2]
        kinds = [types[symbol] for symbol in symbols]
        energies, forces = np.empty(n_frames), np.empty((n_frames, n_atoms, 3))
        size = max(1, _ATOMS_A_CALL // n_atoms)
        for start in range(0, n_frames, size):
            part = slice(start, start + size)
            found = potential.eval(
                positions[part].reshape(-1, 3 * n_atoms), np.ascontiguousarray(cells[part]).reshape(-1, 9), kinds
            )
            energies[part] = np.asarray(found[0], dtype=np.float64).reshape(-1)
            forces[part] = np.asarray(found[1], dtype=np.float64).reshape(-1, n_atoms, 3)
        return energies, forces

    return evaluate


def run_static_gates(evaluate: Evaluate, hosts: Sequence[Host], settings: Gates, folder: Path) -> StaticFindings:
    """Measure everything that needs no MD, and write it down.

    Parameters
    ----------
    evaluate : callable
        The potential.
    hosts : sequence of Host
        Structures to try it on.
    settings : Gates
        Of the study.
    folder : Path
        Gets ``findings.json``, the curves, the structures that would repair what fails by these bounds or others, and what LAMMPS is compared with.

    Returns
    -------
    StaticFindings
        As in the file.
    """
    found: list[GateFindings] = []
    curves: dict[str, Floats] = {}
    for name in (name for name, gate in GATES.items() if gate.measure is not None and name in settings.run):
        gate, began = GATES[name], time.monotonic()
        assert gate.measure is not None
        result = gate.measure(evaluate, hosts, settings)
        # Of what passes too: bounds that are edited later judge the same numbers.
        repair = _write_repair(folder, name, result.frames)
        curves |= {f"{name}/{key}": curve for key, curve in result.curves.items()}
        found.append(findings(gate, result, wall_seconds=time.monotonic() - began, repair=repair))
    if COMPILED.name in settings.run:
        write_arrays(folder / "compiled.npz", reference(evaluate, hosts))
    write_arrays(folder / CURVES_FILE, curves)
    content = StaticFindings(tuple(found))
    write_json(folder / FINDINGS_FILE, content.to_json())
    return content


def _write_repair(folder: Path, gate: str, frames: Mapping[str, Sequence[Frame]]) -> dict[str, str]:
    """Extended XYZ of the structures of each thing that was measured; names of the files, from the folder."""
    from ase import Atoms
    from ase.io import write

    files = {}
    for what, members in frames.items():
        buffer = io.StringIO()
        images = [
            Atoms(list(one.symbols), positions=one.positions, cell=one.cell, pbc=True, info={"shows": one.comment})
            for one in members
            if np.isfinite(one.positions).all()
        ]
        if not images:
            continue
        write(buffer, images, format="extxyz")
        (folder / REPAIR_FOLDER).mkdir(exist_ok=True)
        name = f"{gate}.{re.sub(r'[^A-Za-z0-9-]+', '-', what)}.xyz"
        write_text(folder / REPAIR_FOLDER / name, buffer.getvalue())
        files[what] = f"{REPAIR_FOLDER}/{name}"
    return files


def main(model: str) -> None:
    """Run the gates of ``plan.json`` in this folder.

    Parameters
    ----------
    model : str
        File of the frozen model.
    """
    folder = Path()
    plan = read_as(StaticPlan, folder / PLAN_FILE)
    settings = Gates.model_validate(dict(plan.settings))
    run_static_gates(deep_potential(Path(model)), [entry.host() for entry in plan.hosts], settings, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
