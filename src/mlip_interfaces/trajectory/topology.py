"""Which atom is what: elements and masses from LAMMPS data files, layers from ``layers.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.formats.gro import gro_cell
from mlip_interfaces.trajectory.lammps_data import is_lammps_data, read_lammps_data

UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, RuntimeError, ImportError,
    StopIteration,
)  # fmt: skip
"""What ASE's readers raise on files that are damaged or of another format."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Elements and masses by atom, and the cell they stand in.

    Attributes
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    masses_amu : (n_atoms,) float array, u
        Mass of each atom.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors; zero where the file has none, or none in a unit of length.
    ids, types : (n_atoms,) int array or None
        Ids, ascending, and LAMMPS types; None where the format has none.
    """

    symbols: NDArray[np.str_]
    masses_amu: NDArray[np.float64]
    cell: NDArray[np.float64]
    ids: NDArray[np.int64] | None = None
    types: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class LayerLabels:
    """Content of ``layers.json``.

    Attributes
    ----------
    elements : tuple of str
        The type map (LAMMPS type i is the i-th); empty where the file has none.
    symbols : (n_atoms,) str array
        Element of each atom.
    layers : (n_atoms,) str array
        Name of the layer each atom started in.
    """

    elements: tuple[str, ...]
    symbols: NDArray[np.str_]
    layers: NDArray[np.str_]


def standard_masses(symbols: NDArray[np.str_]) -> NDArray[np.float64]:
    """Standard atomic masses.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.

    Returns
    -------
    (n_atoms,) float array, u
        Mass of each atom.

    Examples
    --------
    >>> standard_masses(np.array(["Li", "S"])).tolist()
    [6.94, 32.06]
    """
    unique, inverse = np.unique(symbols, return_inverse=True)
    return np.asarray(atomic_masses[[atomic_numbers[symbol] for symbol in unique]][inverse], dtype=np.float64)


def read_layers(file: Path) -> LayerLabels:
    """Read ``layers.json`` as `build` writes it.

    Parameters
    ----------
    file : Path
        Written by `build`, or by hand.

    Returns
    -------
    LayerLabels
        By atom id.

    Raises
    ------
    InputFileError
        If it is missing, is not such a file, or names something that is not an element.
    """
    try:
        content = json.loads(file.read_text())
        symbols, layers = np.array(content["symbols"], dtype=str), np.array(content["layer"], dtype=str)
        elements = tuple(str(element) for element in content.get("elements", ()))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputFileError(f"{file} is not a layers.json as `build` writes it: {error!r}") from error
    if symbols.ndim != 1 or symbols.shape != layers.shape:
        raise InputFileError(
            f"{file} has {symbols.size} symbols and {layers.size} layers; it needs one of each per atom."
        )
    unknown = sorted({*symbols.tolist(), *elements} - atomic_numbers.keys())
    if unknown:
        raise InputFileError(f"{file} names {', '.join(unknown)}, which is not an element.")
    return LayerLabels(elements, symbols, layers)


def read_topology(file: Path, *, elements: Sequence[str] = ()) -> Topology:
    """Elements and masses from a LAMMPS data file or any structure file that ASE reads.

    Parameters
    ----------
    file : Path
        A data file is known by its content, whatever its name; its atoms are sorted by id, as `dump_modify sort id` does.
    elements : sequence of str, optional
        The type map of a data file; see `mlip_interfaces.trajectory.lammps_data.read_lammps_data`.

    Returns
    -------
    Topology
        In the order of the file, or of ids.

    Raises
    ------
    InputFileError
        If the file is missing or damaged, holds no atoms, or the element of a type is unknown.
    """
    if not file.is_file():
        raise InputFileError(f"The topology {file} does not exist.")
    if is_lammps_data(file):
        data = read_lammps_data(file, elements=elements)
        cell = data.cell if np.isfinite(data.cell).all() else np.zeros((3, 3))
        return Topology(data.symbols, data.masses_amu, cell, data.ids, data.types)
    if file.suffix == ".gro":
        return _read_gro(file)
    if "POSCAR" in file.name or "CONTCAR" in file.name or file.suffix in (".vasp", ".poscar"):
        _require_named_elements(file)
    from ase.io import ParseError, read
    from ase.io.formats import UnknownFileTypeError

    try:
        atoms = read(file)
    except (*UNREADABLE, ParseError, UnknownFileTypeError) as error:
        reason = {
            StopIteration: "it holds no structure",
            UnknownFileTypeError: "its format is not known (a LAMMPS data file has its counts and bounds in its head)",
        }.get(type(error), repr(error))
        raise InputFileError(f"{file} cannot be read as a structure: {reason}.") from error
    if isinstance(atoms, list) or len(atoms) == 0:
        raise InputFileError(f"{file} cannot be read as a structure: it holds no atoms.")
    return Topology(
        np.array(atoms.get_chemical_symbols()),
        np.asarray(atoms.get_masses(), dtype=np.float64),
        np.array(atoms.cell, dtype=np.float64),
    )


def _read_gro(file: Path) -> Topology:
    """Elements of a GROMACS file, which has names of atoms in their place: LI in a residue LI is lithium."""
    try:
        lines = file.read_text().splitlines()
        rows = lines[2 : 2 + int(lines[1])]
    except (OSError, ValueError, IndexError) as error:
        raise InputFileError(f"{file} cannot be read as a .gro file: {error}.") from error
    if not rows or len(lines) < 3 + len(rows) or len(rows) < int(lines[1]):
        raise InputFileError(f"{file} cannot be read as a .gro file: it ends early.")
    try:
        cell = gro_cell(lines[2 + len(rows)])
    except ValueError as error:
        raise InputFileError(f"{file} cannot be read as a .gro file: behind its atoms is no box ({error}).") from error
    known: dict[tuple[str, str], str] = {}
    for row in rows:
        names = (row[5:10].strip(), row[10:15].strip())
        if names not in known:
            known[names] = _element_of_name(file, *names)
    symbols = np.array([known[row[5:10].strip(), row[10:15].strip()] for row in rows])
    return Topology(symbols, standard_masses(symbols), cell)


def _element_of_name(file: Path, residue: str, name: str) -> str:
    letters = name.rstrip("+-").strip("0123456789").split("_")[0]
    if letters in atomic_numbers and letters != "X":
        return letters
    two, one = letters[:2].capitalize(), letters[:1].upper()
    candidates = [symbol for symbol in (two, one) if symbol in atomic_numbers and symbol != "X"]
    if len(candidates) == 1:
        return candidates[0]
    if residue.rstrip("+-").strip("0123456789").upper() == letters.upper() and two in candidates:
        return two
    raise InputFileError(
        f"{file}: the atom name {name} of residue {residue} may be {' or '.join(candidates) or 'no element'}; give the elements "
        "in layers.json, or a structure file with elements."
    )


def _require_named_elements(file: Path) -> None:
    """Refuse a VASP 4 file whose comment is not the list of its elements: readers make elements of its letters."""
    try:
        lines = [line.split() for line in file.read_text().splitlines()[:6]]
    except (OSError, ValueError) as error:
        raise InputFileError(f"{file} cannot be read as a structure: {error}.") from error
    if len(lines) < 6 or not lines[5] or not all(word.isdigit() for word in lines[5]):
        return
    if len(lines[0]) != len(lines[5]) or not set(lines[0]) <= atomic_numbers.keys() - {"X"}:
        raise InputFileError(
            f"{file} names no elements: line 6 holds the numbers of atoms, as VASP 4 wrote them, and the comment "
            f"'{' '.join(lines[0])}' is not {len(lines[5])} elements. Write the elements in a line before line 6."
        )
