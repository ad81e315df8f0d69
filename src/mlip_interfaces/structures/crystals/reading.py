"""One structure of any file, with what is doubtful about it."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.structures.crystals.cif import PartlyOccupiedError, is_cif, read_cif
from mlip_interfaces.structures.crystals.plausibility import check_plausible


def read_structure(path: Path) -> tuple[Atoms, tuple[str, ...]]:
    """The structure of a CIF, POSCAR, LAMMPS data file, or any file that ASE reads.

    Parameters
    ----------
    path : Path
        That exists.

    Returns
    -------
    atoms : ase.Atoms
        Symbols, positions and cell alone, periodic in all directions.
    notes : tuple of str
        What was assumed, left out or is doubtful, in sentences that begin with the file.

    Raises
    ------
    StructureError
        If the file cannot be read, does not say what its atoms are, or describes no possible crystal.
    """
    from mlip_interfaces.trajectory.lammps_data import is_lammps_data

    if is_cif(path):
        atoms, notes = read_cif(path)
    elif is_lammps_data(path):
        atoms, notes = _read_lammps_data(path), ()
    else:
        atoms, notes = _read_by_ase(path)
    bare = without_extras(atoms, str(path))
    return bare, tuple(f"{path}: {note}." for note in (*notes, *check_plausible(bare, str(path))))


def without_extras(atoms: Atoms, what: str) -> Atoms:
    """Symbols, positions and cell alone; periodic in all directions.

    Parameters
    ----------
    atoms : ase.Atoms
        With a cell.
    what : str
        File or object, for messages.

    Returns
    -------
    ase.Atoms
        A copy.

    Raises
    ------
    StructureError
        If the cell has less than three dimensions, or sites are partly occupied.
    """
    if atoms.cell.rank < 3:
        raise StructureError(f"{what} has no three-dimensional cell; give a periodic crystal.")
    occupancy = atoms.info.get("occupancy", {})
    partial = [site for site in occupancy.values() if len(site) > 1 or any(share < 0.999 for share in site.values())]
    if partial:
        sites = [" ".join(f"{element}{share:.3g}" for element, share in site.items()) for site in partial]
        raise PartlyOccupiedError(sites, {element for site in occupancy.values() for element in site})
    return Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)


def _read_by_ase(path: Path) -> tuple[Atoms, tuple[str, ...]]:
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        kind = filetype(str(path))
        elements = _elements_of_vasp_4(path) if kind == "vasp" else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            images = read(_with_elements(path, elements) if elements else path, index=":", format=kind)
    except UnknownFileTypeError as error:
        raise StructureError(
            f"{path} is of a format that is not known; give a CIF, a POSCAR, an extended XYZ or a LAMMPS data file."
        ) from error
    except StructureError:
        raise
    except Exception as error:  # noqa: BLE001 (ASE's readers raise anything at all)
        raise StructureError(f"{path} cannot be read as a structure ({type(error).__name__}: {error}).") from error
    if not images:
        raise StructureError(f"{path} has no structure in it.")
    atoms = images[-1]
    unknown = atoms.numbers.size and int((atoms.numbers == 0).sum())
    if unknown:
        raise StructureError(f"{path} has {unknown} atoms of no element (X); name their elements in the file.")
    notes = [f"it holds {len(images)} structures; the last was taken"] if len(images) > 1 else []
    if kind == "extxyz" and not atoms.pbc.all() and atoms.cell.rank == 3:
        open_axes = ", ".join(axis for axis, periodic in zip("abc", atoms.pbc, strict=True) if not periodic)
        notes.append(f"it says that it is not periodic along {open_axes}; it was taken as periodic")
    return atoms, tuple(notes)


def _with_elements(path: Path, elements: list[str]) -> io.StringIO:
    """A VASP 4 file as VASP 5 writes it."""
    lines = path.read_text(errors="replace").splitlines()
    return io.StringIO("\n".join([*lines[:5], " ".join(elements), *lines[5:], ""]))


def _elements_of_vasp_4(path: Path) -> list[str] | None:
    """Elements of a VASP 4 file, whose only place for them is the comment; None for VASP 5."""
    from ase.io import ParseError
    from ase.io.vasp import atomtypes_outpot

    with path.open(errors="replace") as file:
        lines = [file.readline() for _ in range(6)]
    counts = lines[5].partition("!")[0].split()
    if not counts or not all(word.isdigit() for word in counts):
        return None
    numbers = [int(word) for word in counts]
    elements = _elements_of_comment(lines[0], numbers)
    if elements is None:
        try:
            elements = list(atomtypes_outpot(str(path), len(numbers)))
        except ParseError:
            elements = []
    if not elements or not set(elements) <= atomic_numbers.keys():
        raise StructureError(
            f"{path} does not name its elements: line 6 holds the numbers of atoms, as VASP 4 wrote them, and the comment "
            f"'{lines[0].strip()}' is no list of {len(numbers)} elements. Add a line of elements above line 6."
        )
    return elements


def _elements_of_comment(comment: str, numbers: list[int]) -> list[str] | None:
    """Elements of a comment that is a list of them (``Na Cl``, ``Na4 Cl4``, ``Na_pv Cl``) or their formula (``NaCl``)."""
    words = re.split(r"[!#]", comment)[0].split()
    if len(words) == 1 and len(numbers) > 1:
        parts = re.findall(r"([A-Z][a-z]?)(\d*)", words[0])
        if "".join(element + count for element, count in parts) != words[0]:
            return None
        if (
            len(parts) != len(numbers)
            or len({n / int(count or 1) for n, (_, count) in zip(numbers, parts, strict=True)}) > 1
        ):
            return None
        return [element for element, _ in parts]
    if len(words) != len(numbers):
        return None
    matches = [re.fullmatch(r"([A-Z][a-z]?)(\d*)(?:_\w+)?(?:/\w+)?", word) for word in words]
    elements = []
    for match, number in zip(matches, numbers, strict=True):
        if match is None or match[1] not in atomic_numbers or (match[2] and int(match[2]) != number):
            return None
        elements.append(match[1])
    return elements


def _read_lammps_data(path: Path) -> Atoms:
    from mlip_interfaces.trajectory.lammps_data import read_lammps_data

    try:
        data = read_lammps_data(path)
    except InputFileError as error:
        raise StructureError(str(error)) from error
    if not np.isfinite(data.cell).all():
        raise StructureError(f"{path} is in reduced units (lj), which are no lengths; write it in units metal or real.")
    return Atoms(data.symbols.tolist(), positions=data.positions, cell=data.cell, pbc=True)
