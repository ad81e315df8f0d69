"""LAMMPS data files: ids, types, elements, masses, positions, cell."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.units import LAMMPS_ANGSTROM

STYLES = {
    "atomic": (1, 2, 5),
    "charge": (1, 3, 6),
    "molecular": (2, 3, 6),
    "full": (2, 4, 7),
    "bond": (2, 3, 6),
    "angle": (2, 3, 6),
    "amoeba": (2, 4, 7),
    "dielectric": (1, 3, None),
    "dipole": (1, 3, None),
    "dpd": (1, 3, None),
    "electron": (1, 5, None),
    "ellipsoid": (1, 4, None),
    "hybrid": (1, 2, None),
    "peri": (1, 4, None),
    "sphere": (1, 4, None),
    "spin": (1, 2, None),
}
"""Columns of type and x in the ``Atoms`` section, and number of columns without image flags, by LAMMPS atom style."""

GUESSED = ("atomic", "charge", "molecular", "full")
"""Styles that are told apart by their columns where the section does not name one."""

HEADING = re.compile(
    r"(Masses|Atoms|Velocities|Ellipsoids|Lines|Triangles|Bodies|Bonds|Angles|Dihedrals|Impropers|[A-Z]\w* Coeffs"
    r"|[A-Z]\w* Type Labels)\s*(?:#\s*(.*))?$"
)
COUNT = re.compile(r"\s*(\d+)\s+(atoms|atom types)\s*(?:#.*)?$")
BOX = re.compile(r"[xyz]lo [xyz]hi|[abc]vec|abc origin|xy xz yz")

MASS_TOLERANCE_AMU = 0.1
PLACEHOLDER_AMU = 1.0
HEAD_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class LammpsData:
    """Atoms of a data file, sorted by id.

    Attributes
    ----------
    ids, types : (n_atoms,) int array
        Ascending ids, and LAMMPS types from 1.
    symbols : (n_atoms,) str array
        Element of each atom.
    masses_amu : (n_atoms,) float array, u
        Mass of each atom; the standard ones where the file has none.
    positions : (n_atoms, 3) float array, angstrom
        As written, in any periodic image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    symbols: NDArray[np.str_]
    masses_amu: NDArray[np.float64]
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]


def is_lammps_data(file: Path) -> bool:
    """Tell whether a file is a LAMMPS data file.

    Parameters
    ----------
    file : Path
        Need not exist; plain, or gzipped where the name ends in ``.gz``.

    Returns
    -------
    bool
        By its name (``*.data``, ``*.lmp``), or by the counts and bounds in its head: ``data.NAME`` has no suffix that
        says so.

    Examples
    --------
    >>> is_lammps_data(Path("model.data")), is_lammps_data(Path("POSCAR"))
    (True, False)
    """
    if file.name.removesuffix(".gz").endswith((".data", ".lmp")):
        return True
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as handle:
            head = handle.read(HEAD_BYTES).decode("latin-1")
    except (OSError, EOFError, zlib.error):
        return False
    lines = head.splitlines()[1:]
    return any(COUNT.match(line) for line in lines) and any(BOX.search(line) for line in lines)


def read_lammps_data(file: Path, *, elements: Sequence[str] = ()) -> LammpsData:
    """Read the atoms of a LAMMPS data file.

    Parameters
    ----------
    file : Path
        With any atom style of three-dimensional points that it names behind ``Atoms``, or of one that its columns tell.
    elements : sequence of str, optional
        The type map. Without it the element of a type is in the comment of its mass, or its type label, or else the one
        with that mass.

    Returns
    -------
    LammpsData
        Sorted by id; ids may have gaps.

    Raises
    ------
    InputFileError
        If the file is missing or damaged, its atom style cannot be told, ids come twice, or the element of a type is unknown
        or contradicts its mass.
    """
    try:
        with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as handle:
            lines = handle.read().splitlines()
        header, sections, style = _split_sections(lines)
        counts = {match[2]: int(match[1]) for match in map(COUNT.match, header) if match}
        n_atoms, n_types = counts["atoms"], counts["atom types"]
        labels = {word: int(number) for number, word in _rows(sections.get("Atom Type Labels", []))}
        masses, names = _masses(sections.get("Masses", [])[:n_types], labels)
        rows = _rows(sections["Atoms"][:n_atoms])
        if len(rows) < n_atoms or n_atoms == 0:
            raise ValueError(f"it says {n_atoms} atoms and holds {len(rows)}")
        style = _checked_style(file, style, rows, n_types, labels)
        type_column, x_column, _ = STYLES[style]
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        types = np.array([_number(row[type_column], labels) for row in rows], dtype=np.int64)
        positions = np.array([row[x_column : x_column + 3] for row in rows], dtype=np.float64)
        cell = _cell(header)
    except (OSError, EOFError, KeyError, IndexError, ValueError, zlib.error) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(
            f"{file} cannot be read as a LAMMPS data file: {_in_words(error)}; it needs the sections Masses and Atoms, with the "
            "numbers of atoms and of atom types and the box before them."
        ) from error
    unit = re.search(r"units\s*=\s*(\w+)", lines[0]) if lines else None
    factor = LAMMPS_ANGSTROM.get(unit[1], np.nan) if unit else 1.0
    order = np.argsort(ids, kind="stable")
    ids, types = ids[order], types[order]
    if ids[0] < 1 or (np.diff(ids) == 0).any():
        raise InputFileError(f"{file}: atom ids come twice or are below 1, so frames cannot be matched to atoms.")
    if types.min() < 1 or types.max() > n_types:
        raise InputFileError(
            f"{file} has atom types {types.min()} to {types.max()}, and its head says {n_types} types."
        )
    names = {**{number: word for word, number in labels.items()}, **names}
    same = set(masses.values()) == {PLACEHOLDER_AMU}
    known = {
        number: _element(file, number, None if same else masses.get(number), names.get(number, ""), elements)
        for number in np.unique(types).tolist()
    }
    symbols = np.array([known[number] for number in types.tolist()])
    given = np.array([masses.get(number, np.nan) for number in types.tolist()])
    standard = atomic_masses[[atomic_numbers[symbol] for symbol in symbols.tolist()]]
    return LammpsData(
        ids, types, symbols, np.where(np.isnan(given), standard, given), factor * positions[order], factor * cell
    )


def _split_sections(lines: Sequence[str]) -> tuple[list[str], dict[str, list[str]], str]:
    """Lines of the header and of each section without blank ones, and the atom style as written."""
    header: list[str] = []
    sections: dict[str, list[str]] = {}
    current = header
    style = ""
    for line in lines[1:]:
        heading = HEADING.match(line.strip())
        if heading is not None:
            current = sections.setdefault(heading[1], [])
            if heading[1] == "Atoms":
                style = next(iter((heading[2] or "").split()), "")
        elif line.partition("#")[0].strip():
            current.append(line)
    return header, sections, style


def _rows(lines: Iterable[str]) -> list[list[str]]:
    return [line.partition("#")[0].split() for line in lines]


def _masses(lines: Sequence[str], labels: dict[str, int]) -> tuple[dict[int, float], dict[int, str]]:
    """Mass, and first word of its comment where there is one, by type."""
    masses, names = {}, {}
    for line in lines:
        values, _, comment = line.partition("#")
        word, mass = values.split()
        number = _number(word, labels)
        masses[number] = float(mass)
        if comment.strip():
            names[number] = comment.split()[0]
    return masses, names


def _number(word: str, labels: dict[str, int]) -> int:
    return labels[word] if word in labels else int(word)


def _checked_style(file: Path, style: str, rows: list[list[str]], n_types: int, labels: dict[str, int]) -> str:
    """The style the section names, if its columns fit; else the only one that they fit."""
    if style and style not in STYLES:
        raise InputFileError(
            f"{file} has the atom style {style} (behind Atoms), which is not one of {', '.join(STYLES)}."
        )
    fitting = [name for name in ([style] if style else GUESSED) if _fits(name, rows, n_types, labels)]
    type_column = STYLES["molecular"][0]
    if fitting == ["charge", "molecular"] and len({_number(row[type_column], labels) for row in rows}) == n_types:
        # Types would be the charges: positive integers all, and no cell is neutral with those.
        return "molecular"
    if len(fitting) == 1:
        return fitting[0]
    found = " or ".join(fitting) if fitting else "none of " + ", ".join([style] if style else GUESSED)
    raise InputFileError(
        f"{file}: the atom style is not certain: the {len(rows[0])} columns of its first atom ('{' '.join(rows[0])}') fit "
        f"{found}. Write the style of the run behind the heading, as in `Atoms # full`."
    )


def _fits(style: str, rows: list[list[str]], n_types: int, labels: dict[str, int]) -> bool:
    type_column, _, n_columns = STYLES[style]
    if n_columns is None:
        return True
    known = {*labels, *map(str, range(1, n_types + 1))}
    for row in rows:
        if len(row) not in (n_columns, n_columns + 3) or row[type_column] not in known:
            return False
        # Molecules and image flags are integers; charges and coordinates may look like them.
        integers = row[n_columns:] + ([row[1]] if type_column == 2 else [])
        if not all(re.fullmatch(r"[-+]?\d+", word) for word in integers):
            return False
    return True


def _cell(header: Sequence[str]) -> NDArray[np.float64]:
    """Lattice vectors of the box, orthogonal, triclinic or general."""
    values: dict[str, list[float]] = {}
    for line in header:
        match = BOX.search(line)
        if match is not None:
            values[match[0]] = [float(word) for word in line[: match.start()].split()]
    if "avec" in values:
        return np.array([values["avec"], values["bvec"], values["cvec"]])
    cell = np.diag([values[f"{axis}lo {axis}hi"][1] - values[f"{axis}lo {axis}hi"][0] for axis in "xyz"])
    cell[1, 0], cell[2, 0], cell[2, 1] = values.get("xy xz yz", [0.0, 0.0, 0.0])
    return cell


def _element(file: Path, number: int, mass: float | None, name: str, elements: Sequence[str]) -> str:
    """The element of a type by the type map, its name or its mass, which must not contradict each other."""
    nearest = None if mass is None else int(np.argmin(np.abs(atomic_masses[1:] - mass))) + 1
    if nearest is not None and mass is not None and abs(atomic_masses[nearest] - mass) > MASS_TOLERANCE_AMU:
        nearest = None
    if elements and number > len(elements):
        raise InputFileError(f"{file} has atom type {number}, but the type map has {len(elements)} elements.")
    symbol = elements[number - 1] if elements else name
    if symbol in atomic_numbers and symbol != "X":
        if nearest is not None and mass is not None and abs(atomic_masses[atomic_numbers[symbol]] - mass) > 0.5:
            raise InputFileError(
                f"{file}: type {number} is {symbol} by {'the type map' if elements else 'its name'} and "
                f"{chemical_symbols[nearest]} by its mass of {mass:g} u; they belong to different models."
            )
        return symbol
    if nearest is None:
        what = (
            f"type {number} has no mass of its own"
            if mass is None
            else f"no element has the mass {mass:g} of type {number}"
        )
        raise InputFileError(
            f"{file}: {what}, and its name is none either; write the element as a comment behind the mass, or give the type map "
            "in layers.json."
        )
    return str(chemical_symbols[nearest])


def _in_words(error: BaseException) -> str:
    return f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
