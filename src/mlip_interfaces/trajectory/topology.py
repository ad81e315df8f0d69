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

TYPE_COLUMNS = {"atomic": 1, "charge": 1, "bond": 2, "angle": 2, "molecular": 2, "full": 2}
"""Column of the atom type in the ``Atoms`` section, by LAMMPS atom style."""

SECTIONS = ("Masses", "Atoms", "Velocities", "Bonds", "Angles", "Dihedrals", "Impropers", "Pair", "PairIJ", "Bond")

MASS_TOLERANCE_AMU = 0.1


@dataclass(frozen=True, slots=True)
class Topology:
    """Elements and masses by atom.

    Attributes
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    masses_amu : (n_atoms,) float array, u
        Mass of each atom.
    """

    symbols: NDArray[np.str_]
    masses_amu: NDArray[np.float64]


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
    except (OSError, KeyError, TypeError, ValueError) as error:
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
    """Elements and masses from a LAMMPS data file (``*.data``, ``*.lmp``) or any structure file that ASE reads.

    Parameters
    ----------
    file : Path
        Atoms of a data file are sorted by id, as `dump_modify sort id` does.
    elements : sequence of str, optional
        The type map of a data file. Without it the element of a type is in the comment of its mass, or else the one
        with that mass.

    Returns
    -------
    Topology
        In the order of the file.

    Raises
    ------
    InputFileError
        If the file is missing or damaged, its ids are not 1 to n_atoms, or the element of a type is unknown.
    """
    if not file.is_file():
        raise InputFileError(f"The topology {file} does not exist.")
    if file.suffix in (".data", ".lmp"):
        return _read_lammps_data(file, elements)
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError

    try:
        atoms = read(file)
    except (OSError, ValueError, KeyError, IndexError, UnknownFileTypeError) as error:
        raise InputFileError(f"{file} cannot be read as a structure: {error!r}") from error
    return Topology(np.array(atoms.get_chemical_symbols()), np.asarray(atoms.get_masses(), dtype=np.float64))


def _read_lammps_data(file: Path, elements: Sequence[str]) -> Topology:
    try:
        sections, style = _split_sections(file.read_text())
        column = TYPE_COLUMNS[style]
        masses, comments = {}, {}
        for line in sections["Masses"]:
            values, _, comment = line.partition("#")
            number, mass = values.split()
            masses[int(number)], comments[int(number)] = float(mass), comment.strip()
        table = np.array([line.partition("#")[0].split()[: column + 1] for line in sections["Atoms"]], dtype=np.int64)
        ids, types = table[:, 0], table[:, column]
        masses_amu = np.array([masses[int(number)] for number in types])
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise InputFileError(
            f"{file} cannot be read as a LAMMPS data file: {error!r}; it needs the sections Masses and Atoms, with one of "
            f"the atom styles {', '.join(TYPE_COLUMNS)}."
        ) from error
    if not np.array_equal(np.sort(ids), np.arange(1, ids.size + 1)):
        raise InputFileError(f"{file}: the atom ids are not 1 to {ids.size}, so frames cannot be matched to atoms.")
    known = {
        number: _element_of(file, number, masses[number], comments[number], elements) for number in np.unique(types)
    }
    order = np.argsort(ids)
    return Topology(np.array([known[number] for number in types[order]]), masses_amu[order])


def _split_sections(text: str) -> tuple[dict[str, list[str]], str]:
    """Lines of each section without blank ones, and the atom style (atomic where the file does not say)."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    style = "atomic"
    for line in text.splitlines()[1:]:
        words = line.split()
        if words and words[0] in SECTIONS:
            current = sections.setdefault(words[0], [])
            if words[0] == "Atoms" and "#" in line:
                style = line.partition("#")[2].strip()
        elif words:
            current.append(line)
    return sections, style


def _element_of(file: Path, number: int, mass: float, comment: str, elements: Sequence[str]) -> str:
    if elements:
        if number > len(elements):
            raise InputFileError(f"{file} has atom type {number}, but the type map has {len(elements)} elements.")
        return elements[number - 1]
    if comment in atomic_numbers:
        return comment
    nearest = int(np.argmin(np.abs(atomic_masses[1:] - mass))) + 1
    if abs(atomic_masses[nearest] - mass) > MASS_TOLERANCE_AMU:
        raise InputFileError(
            f"{file}: no element has the mass {mass} of type {number}; write it as a comment behind the mass, or give the "
            "type map in layers.json."
        )
    return str({value: key for key, value in atomic_numbers.items()}[nearest])
