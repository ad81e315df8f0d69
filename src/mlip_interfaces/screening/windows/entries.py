"""Energies of phases from files: entries of pymatgen and the Materials Project, tables, labelled frames."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlip_interfaces.errors import InputFileError, StructureError, counted
from mlip_interfaces.files import read_json
from mlip_interfaces.screening.windows.compounds import Phase, lowest_phases, make_phase, phase_of
from mlip_interfaces.yaml_text import parse_yaml, read_text

_ENERGY_COLUMNS = ("energy_ev_per_atom", "energy_ev_per_formula_unit")
_UNCERTAINTY_COLUMN = "uncertainty_ev_per_atom"
_COLUMNS = ("formula", *_ENERGY_COLUMNS, _UNCERTAINTY_COLUMN, "name")
_KINDS = "JSON (.json), a table (.csv), YAML (.yaml, .yml) or extended XYZ (.xyz, .extxyz)"


@dataclass(frozen=True, slots=True)
class Entries:
    """What a file has.

    Attributes
    ----------
    path : Path
        The file.
    phases : tuple of Phase
        One for each composition, the lowest.
    notes : tuple of str
        Sentences on what was assumed, or is doubtful.
    """

    path: Path
    phases: tuple[Phase, ...]
    notes: tuple[str, ...]


def load_entries(path: Path) -> Entries:
    """Read a file of energies.

    Parameters
    ----------
    path : Path
        JSON with entries of pymatgen (a list, or anything with ``entries``), CSV or YAML with ``formula`` and ``energy_ev_per_atom`` or
        ``energy_ev_per_formula_unit``, or extended XYZ with energies.

    Returns
    -------
    Entries
        The lowest phase of each composition.

    Raises
    ------
    InputFileError
        If it cannot be read, has no entry, or an energy that is none.
    """
    if not path.is_file():
        raise InputFileError(f"There is no file {path}; give {_KINDS} with energies.")
    readers = {
        ".json": _of_json, ".csv": _of_csv, ".yaml": _of_yaml, ".yml": _of_yaml, ".xyz": _of_frames, ".extxyz": _of_frames,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputFileError(f"{path}: energies of '{path.suffix}' are not read; give {_KINDS}.")
    found: list[Phase] = []
    notes: list[str] = []
    for phase, note in reader(path):
        found.append(phase)
        if note is not None and note not in notes:
            notes.append(note)
    if not found:
        raise InputFileError(f"{path} has no entry; it needs a formula and an energy for each phase.")
    for phase in found:
        if not math.isfinite(phase.energy_ev_per_atom):
            raise InputFileError(f"{path}: {phase.name}: the energy of {phase.formula} is no finite number; mend it.")
        error = phase.uncertainty_ev_per_atom
        if error is not None and not 0.0 <= error < math.inf:
            raise InputFileError(
                f"{path}: {phase.name}: {_UNCERTAINTY_COLUMN} of {phase.formula} is {error:g}; it must be zero or more."
            )
    lowest = lowest_phases(found)
    if len(lowest) < len(found):
        dropped = counted(len(found) - len(lowest), "entry").replace("entrys", "entries")
        notes.append(f"{dropped} of compositions that have a lower one left out, of {len(found)} in {path}.")
    return Entries(path, lowest, tuple(notes))


def _of_json(path: Path) -> Iterator[tuple[Phase, str | None]]:
    kinds: set[str] = set()
    for place, entry in _entries_within(read_json(path), path, ""):
        phase = _of_entry(entry, f"entry {place}", path)
        parameters = entry.get("parameters")
        run = str(parameters.get("run_type") or "") if isinstance(parameters, Mapping) else ""
        kinds.add("R2SCAN" if "SCAN" in run.upper() else "GGA" if run else "")
        note = None
        if {"R2SCAN", "GGA"} <= kinds:
            note = f"{path} has entries of GGA and of R2SCAN; their energies compare only after the mixing scheme of the Materials Project."
        if (entry.get("data") or {}).get("converged") is False:
            yield phase, f"{phase.name} ({phase.formula}) was not relaxed to its end; its energy may be too high."
            continue
        yield phase, note


def _entries_within(content: Any, path: Path, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Entries of any nesting of lists and of mappings under ``entries``."""
    if isinstance(content, Mapping) and "energy" in content:
        yield place or "1", content
    elif isinstance(content, Mapping) and "entries" in content:
        yield from _entries_within(content["entries"], path, place)
    elif isinstance(content, Mapping) and content and all(isinstance(one, (Mapping, list)) for one in content.values()):
        for key, one in content.items():
            yield from _entries_within(one, path, str(key))
    elif isinstance(content, list):
        for number, one in enumerate(content, start=1):
            yield from _entries_within(one, path, f"{place}.{number}" if place else str(number))
    else:
        raise InputFileError(
            f"{path}: {place or 'the file'} is no entry of pymatgen; each needs 'composition' and 'energy', in a list or under 'entries'."
        )


def _of_entry(entry: Mapping[str, Any], place: str, path: Path) -> Phase:
    from pymatgen.entries.computed_entries import ComputedEntry

    composition = entry.get("composition")
    if composition is None and isinstance(entry.get("structure"), Mapping):
        composition = _composition_of_sites(entry["structure"])
    name = str(entry.get("entry_id") or entry.get("material_id") or place)
    try:
        made = ComputedEntry.from_dict(
            {
                "composition": composition,
                "energy": entry["energy"],
                "correction": entry.get("correction") or 0.0,
                "energy_adjustments": entry.get("energy_adjustments"),
                "entry_id": name,
            }
        )
        amounts = {element.symbol: float(number) for element, number in made.composition.items()}
        energy, n_atoms = float(made.energy), float(made.composition.num_atoms)
        uncertainty = (entry.get("data") or {}).get(_UNCERTAINTY_COLUMN)
        error = None if uncertainty is None else float(uncertainty)
    except (TypeError, ValueError, KeyError, AttributeError) as problem:
        raise InputFileError(
            f"{path}: {place} is no entry of pymatgen ({problem}); it needs 'composition' and 'energy'."
        ) from problem
    if n_atoms <= 0.0:
        raise InputFileError(f"{path}: {place} has an empty composition; name elements and numbers.")
    return phase_of(amounts, energy, False, n_atoms, error, name)


def _composition_of_sites(structure: Mapping[str, Any]) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for site in structure.get("sites", ()):
        for species in site.get("species", ()):
            symbol = str(species["element"])
            amounts[symbol] = amounts.get(symbol, 0.0) + float(species["occu"])
    return amounts


def _of_csv(path: Path) -> Iterator[tuple[Phase, str | None]]:
    reader = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff")), skipinitialspace=True)
    columns = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    _check_columns(columns, f"{path}: the first line", path)
    for row in reader:
        given = {key: value.strip() for key, value in row.items() if isinstance(value, str) and value.strip()}
        if given:
            yield _of_row(given, f"line {reader.line_num}", path), None


def _of_yaml(path: Path) -> Iterator[tuple[Phase, str | None]]:
    content = parse_yaml(read_text(path), path)
    rows = content.get("entries") if isinstance(content, Mapping) else content
    if not isinstance(rows, list):
        raise InputFileError(f"{path}: it needs a list of phases, or one under 'entries'.")
    for number, row in enumerate(rows, start=1):
        place = f"entry {number}"
        if not isinstance(row, Mapping):
            raise InputFileError(f"{path}: {place} is no mapping; give formula and {_ENERGY_COLUMNS[0]}.")
        _check_columns([str(key) for key in row], f"{path}: {place}", path)
        yield _of_row({str(key): value for key, value in row.items()}, place, path), None


def _check_columns(columns: Sequence[str], where: str, path: Path) -> None:
    if "formula" not in columns or sum(name in columns for name in _ENERGY_COLUMNS) != 1:
        raise InputFileError(
            f"{where} must have 'formula' and one of {' and '.join(_ENERGY_COLUMNS)} (which says the unit); it has {', '.join(columns) or 'nothing'}."
        )
    for name in columns:
        if name not in _COLUMNS:
            raise InputFileError(f"{where} has '{name}'; known are {', '.join(_COLUMNS)}.")


def _of_row(row: Mapping[str, Any], place: str, path: Path) -> Phase:
    column = next((name for name in _ENERGY_COLUMNS if name in row), None)
    if "formula" not in row or column is None:
        raise InputFileError(f"{path}: {place} lacks its formula or its energy.")
    error = row.get(_UNCERTAINTY_COLUMN)
    try:
        return make_phase(
            str(row["formula"]),
            float(row[column]),
            per_atom=column == _ENERGY_COLUMNS[0],
            uncertainty_ev_per_atom=None if error is None else float(error),
            name=str(row.get("name") or place),
        )
    except StructureError as problem:
        raise InputFileError(f"{path}: {place}: {problem}") from problem
    except (TypeError, ValueError) as problem:
        raise InputFileError(f"{path}: {place}: {problem}; energies are plain numbers in eV.") from problem


def _of_frames(path: Path) -> Iterator[tuple[Phase, str | None]]:
    from ase.io import iread
    from ase.io.extxyz import XYZError

    try:
        for number, atoms in enumerate(iread(path, format="extxyz"), start=1):
            symbols = atoms.get_chemical_symbols()
            amounts = {symbol: float(symbols.count(symbol)) for symbol in dict.fromkeys(symbols)}
            try:
                energy = float(atoms.get_potential_energy())
            except RuntimeError as problem:
                raise InputFileError(
                    f"{path}: frame {number} has no energy; write it as energy=... in its second line."
                ) from problem
            yield phase_of(amounts, energy, False, len(atoms), None, f"frame {number}"), None
    except InputFileError:
        raise
    except (XYZError, ValueError, KeyError, IndexError) as problem:
        raise InputFileError(f"{path}: it is no extended XYZ ({problem}).") from problem
