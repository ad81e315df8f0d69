"""Gate ``compiled``: energy and forces of LAMMPS' pair style against those of the Python interface.

Production runs in LAMMPS, errors are measured in Python: the two must be one potential, with elements mapped alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_arrays
from mlip_interfaces.potentials.gates.contract import (
    Evaluate,
    Found,
    Frame,
    Gate,
    Host,
    LammpsGate,
    MdPlan,
    Measurement,
    Quantity,
)
from mlip_interfaces.potentials.gates.extensivity import shaken
from mlip_interfaces.potentials.gates.tables import read_columns
from mlip_interfaces.units import EV_TO_MEV

ENERGY, FORCE = "compiled_mev_per_atom", "compiled_mev_per_angstrom"
_NAME, _DECK = "compiled", "gate_compiled.in"
_REFERENCE = "static/compiled.npz"


def frames(hosts: Sequence[Host], *, shake: bool = True) -> list[Frame]:
    """Structures with their cells turned so that LAMMPS can read them.

    Parameters
    ----------
    hosts : sequence of Host
        Bulk cells and interfaces.
    shake : bool
        Whether the atoms are a little off their places.

    Returns
    -------
    list of Frame
        One for each.
    """
    from ase.cell import Cell

    found = []
    for host in hosts:
        cell, turn = Cell(host.cell).standard_form()
        positions = shaken(host) if shake else host.positions
        found.append(Frame(host.symbols, positions @ turn.T, np.asarray(cell), host.name))
    return found


def reference(evaluate: Evaluate, hosts: Sequence[Host]) -> dict[str, np.ndarray]:
    """What the Python interface says of these structures.

    Parameters
    ----------
    evaluate : callable
        The potential.
    hosts : sequence of Host
        Bulk cells and interfaces.

    Returns
    -------
    dict of str to array
        ``NAME/energy_ev`` and ``NAME/force_ev_per_angstrom`` of each.
    """
    arrays: dict[str, np.ndarray] = {}
    for frame in frames(hosts):
        energies, forces = evaluate(frame.symbols, frame.positions[None], frame.cell[None])
        arrays[f"{frame.comment}/energy_ev"] = np.asarray(energies)
        arrays[f"{frame.comment}/force_ev_per_angstrom"] = np.asarray(forces)[0]
    return arrays


def read(folder: Path, plan: MdPlan) -> Found:
    """Compare what LAMMPS wrote with what Python wrote.

    Parameters
    ----------
    folder : Path
        Of the gates.
    plan : MdPlan
        What was asked for.

    Returns
    -------
    Found
        Two numbers for each structure; not-a-number where LAMMPS has none.
    """
    expected = read_arrays(folder / _REFERENCE)
    names = list(dict.fromkeys(key.rpartition("/")[0] for key in expected))
    energies = read_columns(folder / _NAME / "energies.csv")["energy_ev"]
    measurements = []
    for number, name in enumerate(names):
        force = expected[f"{name}/force_ev_per_angstrom"]
        energy = energies[number] if number < len(energies) else np.nan
        found = _forces(folder / _NAME / f"forces.{number + 1}.dump", len(force))
        difference = abs(float(energy) - float(expected[f"{name}/energy_ev"][0])) / len(force)
        measurements += [
            Measurement(name, ENERGY, difference * EV_TO_MEV),
            Measurement(name, FORCE, float(np.abs(found - force).max()) * EV_TO_MEV),
        ]
    return Found(tuple(measurements))


def variables(plan: MdPlan) -> dict[str, str]:
    """Variables of the deck.

    Parameters
    ----------
    plan : MdPlan
        What is asked for.

    Returns
    -------
    dict of str to str
        By name.
    """
    return {"frames": str(plan.n_frames)}


def _forces(file: Path, n_atoms: int) -> np.ndarray:
    """Columns fx, fy, fz of a dump with one frame; not-a-number where it is missing."""
    if not file.is_file():
        return np.full((n_atoms, 3), np.nan)
    try:
        table = np.loadtxt(file, skiprows=9, ndmin=2)
    except ValueError as error:
        raise InputFileError(f"{file} cannot be read as LAMMPS's dump: {error}") from error
    return table[:, 1:4] if table.shape == (n_atoms, 4) else np.full((n_atoms, 3), np.nan)


COMPILED = Gate(
    _NAME,
    "LAMMPS against Python",
    (
        Quantity(ENERGY, "difference of the energy", "meV/atom", "at most", "max_compiled_mev_per_atom"),
        Quantity(FORCE, "difference of a force", "meV/angstrom", "at most", "max_compiled_mev_per_angstrom"),
    ),
    lammps=LammpsGate(_DECK, variables, lambda _plan: ("energies.csv",), read),
)
