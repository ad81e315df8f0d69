"""A model on disk: extended XYZ, LAMMPS data, POSCAR and layer labels, all in the same atom order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from mlip_interfaces.files import write_json


def write_model(atoms: Atoms, directory: Path, elements: Sequence[str]) -> None:
    """Write ``model.xyz``, ``model.data``, ``POSCAR`` and ``layers.json``.

    Parameters
    ----------
    atoms : ase.Atoms
        In type order, with arrays ``layer`` and ``layer_id``.
    directory : Path
        Made if it does not exist.
    elements : sequence of str
        The type map; LAMMPS type i is the i-th of it.
    """
    from ase.io import write

    directory.mkdir(parents=True, exist_ok=True)
    write(directory / "model.xyz", atoms, format="extxyz", columns=["symbols", "positions", "layer", "layer_id"])
    write(
        directory / "model.data",
        atoms,
        format="lammps-data",
        specorder=list(elements),
        masses=True,
        atom_style="atomic",
    )
    bare = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
    write(directory / "POSCAR", bare, format="vasp", direct=True)
    labels = {
        "elements": list(elements),
        "symbols": atoms.get_chemical_symbols(),
        "layer": atoms.arrays["layer"].tolist(),
        "layer_id": atoms.arrays["layer_id"].tolist(),
    }
    write_json(directory / "layers.json", labels, indent=None)


def read_model(directory: Path) -> Atoms:
    """Read ``model.xyz`` back, labels included.

    Parameters
    ----------
    directory : Path
        Where `write_model` wrote.

    Returns
    -------
    ase.Atoms
        With the arrays ``layer`` and ``layer_id``.
    """
    from ase.io import read

    atoms: Atoms = read(directory / "model.xyz")
    return atoms
