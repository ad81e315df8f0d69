"""One crystal as a CIF, POSCAR, extended XYZ or LAMMPS data file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from mlip_interfaces.errors import StructureError


def in_type_order(atoms: Atoms, elements: Sequence[str]) -> Atoms:
    """The same atoms grouped by element in type-map order, otherwise in their order.

    POSCAR and DP-GEN group atoms by element; in this order an atom has the same number in every file.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    elements : sequence of str
        The type map; every element of the structure is in it.

    Returns
    -------
    ase.Atoms
        Sorted; per-atom arrays go with their atoms.
    """
    order = {symbol: i for i, symbol in enumerate(elements)}
    sorted_atoms: Atoms = atoms[np.argsort([order[s] for s in atoms.get_chemical_symbols()], kind="stable")]
    return sorted_atoms


def write_crystal(atoms: Atoms, path: Path, elements: Sequence[str]) -> None:
    """Write a crystal, grouped by element, in the format that the file's name asks for.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    path : Path
        ``*.cif``, ``*.vasp`` or ``POSCAR*``, ``*.xyz`` (extended XYZ), ``*.data`` (LAMMPS, atom_style atomic).
    elements : sequence of str
        Order of the elements; LAMMPS type i is the i-th of it.

    Raises
    ------
    StructureError
        If the name asks for none of these.
    """
    from ase.io import write

    grouped = in_type_order(atoms, elements)
    kind = "vasp" if path.name.startswith("POSCAR") else path.suffix.removeprefix(".").lower()
    if kind not in {"cif", "vasp", "xyz", "data"}:
        raise StructureError(
            f"The name {path.name} asks for no known format; end it in .cif, .vasp, .xyz or .data, or call it POSCAR."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "cif":
        # ASE's writer rounds fractional coordinates to 1e-5, 1e-4 angstrom in a large cell.
        from pymatgen.io.ase import AseAtomsAdaptor
        from pymatgen.io.cif import CifWriter

        CifWriter(AseAtomsAdaptor.get_structure(grouped), significant_figures=10).write_file(path)
    elif kind == "vasp":
        write(path, grouped, format="vasp", direct=True)
    elif kind == "xyz":
        write(path, grouped, format="extxyz")
    else:
        write(path, grouped, format="lammps-data", specorder=list(elements), masses=True, atom_style="atomic")
