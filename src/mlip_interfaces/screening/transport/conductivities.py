"""Measured ionic conductivities from a table: what is not in it stays unknown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.records import Record
from mlip_interfaces.shipped_files import shipped_materials
from mlip_interfaces.yaml_text import read_text

SHIPPED_TABLE = "measured_conductivities.csv"
"""Beside the shipped materials."""
_NUMBERS = ("conductivity_ms_per_cm", "temperature_kelvin")
_COLUMNS = ("material", *_NUMBERS, "form", "source")


@dataclass(frozen=True, slots=True)
class Conductivity(Record):
    """A measured value.

    Attributes
    ----------
    conductivity_ms_per_cm : float, mS/cm
        Ionic.
    temperature_kelvin : float, K
        At which it was measured.
    form : str
        What was measured: crystal, ceramic, film.
    source : str
        Where it comes from.
    """

    conductivity_ms_per_cm: float
    temperature_kelvin: float
    form: str
    source: str


def load_conductivities(path: Path | None = None) -> dict[str, Conductivity]:
    """The shipped values, and the user's own in their place.

    Parameters
    ----------
    path : Path or None, optional
        CSV with ``material`` (a name or a formula), ``conductivity_ms_per_cm``, ``temperature_kelvin``, ``form`` and ``source``; lines that
        begin with # are comments.

    Returns
    -------
    dict of str to Conductivity
        By material, as the tables call it.

    Raises
    ------
    InputFileError
        If the file is missing, lacks a column, or has a value that is none.
    """
    shipped = _read(shipped_materials() / SHIPPED_TABLE)
    return shipped | _read(path) if path is not None else shipped


def _read(path: Path) -> dict[str, Conductivity]:
    if not path.is_file():
        raise InputFileError(f"There is no file {path}; give a CSV with {', '.join(_COLUMNS)}.")
    lines = read_text(path, of="a table of conductivities").removeprefix("\ufeff").splitlines()
    content = [(number, line) for number, line in enumerate(lines, start=1) if line.strip() and line.lstrip()[0] != "#"]
    reader = csv.DictReader(io.StringIO("\n".join(line for _, line in content)), skipinitialspace=True)
    if tuple(name.strip() for name in reader.fieldnames or ()) != _COLUMNS:
        raise InputFileError(f"{path}: the first line must be {','.join(_COLUMNS)}.")
    found: dict[str, Conductivity] = {}
    for row in reader:
        where = f"{path}: line {content[min(reader.line_num, len(content)) - 1][0]}"
        name = (row["material"] or "").strip()
        if not name:
            raise InputFileError(f"{where} names no material; give a name or a formula.")
        if name in found:
            raise InputFileError(f"{where}: {name} stands twice; keep one value.")
        value, temperature = (_positive(row, key, where) for key in _NUMBERS)
        source = (row["source"] or "").strip()
        if not source:
            raise InputFileError(f"{where}: {name} has no source; say where the value comes from.")
        found[name] = Conductivity(value, temperature, (row["form"] or "").strip(), source)
    return found


def _positive(row: Mapping[str, str | None], key: str, where: str) -> float:
    try:
        value = float(row[key] or "")
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise InputFileError(f"{where}: {key} is '{row[key] or ''}'; it must be a number above zero.")
    return value
