"""Tables of D against temperature and composition: files, JSON, CSV and the figure of what they say of crowding."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.observables.results import number
from mlip_interfaces.screening.solids.reading import read_section
from mlip_interfaces.screening.transport.crowding import Crowding, DiffusivityTable, Turn, rises_somewhere
from mlip_interfaces.settings import Kelvin, Section
from mlip_interfaces.yaml_text import read_text

if TYPE_CHECKING:
    from mlip_interfaces.figures.crowding_plots import TurnPoint

DEFINITION = (
    "crowded where dD/dT < 0; a turning point is the last row before D falls, along the temperature of one composition or along the composition at one temperature; "
    "falls are told from chance by the largest drop in standard errors (p < 0.05, Bonferroni)"
)
_NEEDED = ("composition", "temperature_kelvin", "diffusivity_cm2_per_s")
_ERROR, _SPECIES, _DIFFUSIVE = "diffusivity_error_cm2_per_s", "species", "diffusive"
_FLAGS = {"true": True, "false": False}
_LEAST_IN_A_SERIES = 3

Diffusivity = Annotated[float, Field(ge=-1.0, le=1.0)]
"""cm2/s: a gas has less than 1; one that fluctuates about zero may be negative."""


class DiffusivityRow(Section):
    """D at one composition and temperature."""

    composition: float = Field(description="A number that orders compositions: x of LixLa0.56TiO3.")
    temperature_kelvin: Kelvin = Field(description="K.")
    diffusivity_cm2_per_s: Diffusivity = Field(description="D, cm2/s.")
    diffusivity_error_cm2_per_s: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        None, description="Its standard error, cm2/s; of all rows or of none."
    )
    diffusive: bool = Field(True, description="Where it is false, D is a bound at best, and the row is left out.")


class DiffusivityRows(Section):
    """D against temperature and composition, for `screen crowding`."""

    rows: tuple[DiffusivityRow, ...] = Field(
        min_length=_LEAST_IN_A_SERIES, max_length=100_000, description="In any order."
    )


def load_diffusivities(file: Path, species: str | None = None) -> DiffusivityTable:
    """Read a table.

    Parameters
    ----------
    file : Path
        CSV with the columns ``composition``, ``temperature_kelvin``, ``diffusivity_cm2_per_s`` and, if known,
        ``diffusivity_error_cm2_per_s`` and ``diffusive``, such as ``conductivity.csv`` of `screen conductivity`; other columns are left out. Or
        YAML with ``rows`` of the same keys.
    species : str or None, optional
        Element, where the CSV has the column ``species`` with more than one.

    Returns
    -------
    DiffusivityTable
        Each composition and temperature once; rows that are not diffusive are left out.

    Raises
    ------
    InputFileError
        If it is missing or wrong, or no row is diffusive; the message names line or row, and key.
    """
    if not file.is_file():
        raise InputFileError(f"There is no file {file}; give a table of diffusivities (.csv, .yaml).")
    if file.suffix.lower() == ".csv":
        rows = list(_csv_rows(file, species))
    elif file.suffix.lower() in (".yaml", ".yml"):
        read = read_section(DiffusivityRows, file, "a table of diffusivities", "rows")
        rows = [
            _Row(
                f"rows.{place}", one.composition, one.temperature_kelvin, one.diffusivity_cm2_per_s, one.diffusivity_error_cm2_per_s,
                one.diffusive,
            )
            for place, one in enumerate(read.rows)
        ]  # fmt: skip
    else:
        raise InputFileError(f"{file}: tables of '{file.suffix}' are not read; give CSV (.csv) or YAML (.yaml).")
    return _table(file, rows)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line or row, and where it stands."""

    place: str
    composition: float
    kelvin: float
    value: float
    error: float | None
    is_diffusive: bool


def _table(file: Path, rows: Sequence[_Row]) -> DiffusivityTable:
    if not rows:
        raise InputFileError(f"{file} has no row; give {', '.join(_NEEDED)}.")
    seen: dict[tuple[float, float], str] = {}
    for one in rows:
        key = one.composition, one.kelvin
        if key in seen:
            raise InputFileError(
                f"{file}: {one.place} has the composition and temperature of {seen[key]} ({one.composition:g}, {one.kelvin:g} K); give their mean, once."
            )
        seen[key] = one.place
    known = [one for one in rows if one.is_diffusive]
    if not known:
        raise InputFileError(f"{file}: no row is {_DIFFUSIVE}, so that there is no value of D in it; run longer.")
    without = [one.place for one in known if one.error is None]
    if without and len(without) < len(known):
        raise InputFileError(
            f"{file}: {without[0]} has no {_ERROR}, and others have one; give it in all rows, or in none."
        )
    composition, kelvin, values = (
        np.array([getattr(one, name) for one in known], dtype=np.float64) for name in ("composition", "kelvin", "value")
    )
    errors = None if without else np.array([one.error for one in known], dtype=np.float64)
    left_out = tuple(sorted((one.composition, one.kelvin) for one in rows if not one.is_diffusive))
    return DiffusivityTable(composition, kelvin, values, errors, left_out)


def _csv_rows(file: Path, species: str | None) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(read_text(file, of="a table of diffusivities")))
    columns = reader.fieldnames or []
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise InputFileError(f"{file}: the column {missing[0]} is missing; a table needs {', '.join(_NEEDED)}.")
    lines = list(reader)
    elements = list(dict.fromkeys(line[_SPECIES] for line in lines)) if _SPECIES in columns else []
    if species is None and len(elements) > 1:
        raise InputFileError(f"{file} has rows of {', '.join(elements)}; name one by --species.")
    if species is not None and species not in elements:
        raise InputFileError(
            f"{file} has no rows of {species}, but of {', '.join(elements) or 'no species'}; correct --species."
        )
    for number_of, line in enumerate(lines, start=2):
        if species is not None and line[_SPECIES] != species:
            continue
        place = f"line {number_of}"
        composition, kelvin = (_number(file, place, name, line[name]) for name in _NEEDED[:2])
        if kelvin <= 0.0:
            raise InputFileError(f"{file}: {place}: temperature_kelvin is {kelvin:g}; it must be positive, in K.")
        if not _flag(file, place, line.get(_DIFFUSIVE)):
            # Neither its number nor its error is one of D.
            yield _Row(place, composition, kelvin, math.nan, None, is_diffusive=False)
            continue
        value, error = _number(file, place, _NEEDED[2], line[_NEEDED[2]]), line.get(_ERROR)
        found = _number(file, place, _ERROR, error) if error else None
        if found is not None and found <= 0.0:
            raise InputFileError(
                f"{file}: {place}: {_ERROR} is {found:g}; it must be positive, or left out of all rows."
            )
        yield _Row(place, composition, kelvin, value, found, is_diffusive=True)


def _flag(file: Path, place: str, text: str | None) -> bool:
    """Whether a line is diffusive; one of a table without that column is."""
    if text is None:
        return True
    if text.strip().lower() not in _FLAGS:
        raise InputFileError(f"{file}: {place}: {_DIFFUSIVE} is '{text}'; give True or False, or leave out the column.")
    return _FLAGS[text.strip().lower()]


def _number(file: Path, place: str, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputFileError(f"{file}: {place}: {name} is '{text or ''}'; give a finite number.")
    return value


def crowding_content(table: DiffusivityTable, found: Crowding) -> dict[str, Any]:
    """Content of ``crowding.json``, less its provenance.

    Parameters
    ----------
    table : DiffusivityTable
        What was read.
    found : Crowding
        What it says.

    Returns
    -------
    dict
        With units in the keys.
    """
    notes = _doubts(table, found)
    return {
        "turning_points": [_turn_json(one) for one in found.turns],
        "boundary": [
            {"composition": composition, "temperature_kelvin": kelvin}
            for composition, kelvin in found.boundary.tolist()
        ],
        "decreases": [
            {
                "composition": one.composition,
                "from_kelvin": one.from_kelvin,
                "to_kelvin": one.to_kelvin,
                "change_cm2_per_s": one.change_cm2_per_s,
                "sigmas": None if one.sigmas is None else number(one.sigmas),
            }
            for one in found.decreases
        ],
        "n_rows": len(table.composition),
        "left_out": [
            {"composition": composition, "temperature_kelvin": kelvin} for composition, kelvin in table.left_out
        ],
        "has_errors": table.error_cm2_per_s is not None,
        "summary": [_words(one) for one in found.turns],
        "notes": notes,
        "settings": {"definition": DEFINITION},
    }


def _turn_json(one: Turn) -> dict[str, object]:
    unit = "_kelvin" if one.along == "temperature" else ""
    low, high = one.interval
    return {
        "along": one.along,
        "composition": one.composition,
        "temperature_kelvin": one.temperature_kelvin,
        "state": one.state,
        f"low{unit}": low,
        f"high{unit}": high,
        "p_value": None if one.p_value is None else number(one.p_value),
        "n_rows": one.n_rows,
    }


def _words(one: Turn) -> str:
    if one.along == "temperature":
        start, at, unit = f"composition {one.composition:g}", one.temperature_kelvin, " K"
        what = "with temperature"
    else:
        start, at, unit = f"{one.temperature_kelvin:g} K", one.composition, ""
        what = "with composition"
    low, high = one.interval
    between = (
        f"{'the start' if low is None else f'{low:g}{unit}'} and {'the end' if high is None else f'{high:g}{unit}'}"
    )
    match one.state:
        case "turns":
            return f"{start}: D begins to fall {what} at {at:g}{unit}, between {between}"
        case "falls":
            return f"{start}: D falls {what} from the start; it turns at {at:g}{unit} or before"
        case "possible":
            return f"{start}: D may begin to fall {what} at {at:g}{unit}, between {between}, but chance explains as much (p = {one.p_value:.2g})"
        case "rises":
            return f"{start}: D rises {what} to the end, {at:g}{unit}"


def _doubts(table: DiffusivityTable, found: Crowding) -> list[str]:
    said = []
    if table.left_out:
        places = ", ".join(f"{composition:g} at {kelvin:g} K" for composition, kelvin in table.left_out)
        said.append(
            f"{counted(len(table.left_out), 'row')} without a value of D, whose runs are not diffusive (a bound at best), left out: {places}. Longer runs would tell."
        )
    if table.error_cm2_per_s is None:
        said.append(
            f"No {_ERROR} is given: any fall of D counts, however small, and turning points have no interval but their neighbours."
        )
    if not found.turns:
        said.append(
            f"No composition has {_LEAST_IN_A_SERIES} temperatures, and no temperature {_LEAST_IN_A_SERIES} compositions: nothing can turn."
        )
    elif not len(found.boundary):
        said.append("Nothing turns: there is no boundary in this table.")
    if rises_somewhere(found.boundary):
        said.append(
            "The boundary rises somewhere: ions that are more should be crowded at lower temperatures; errors of D, or another mechanism, may be behind it."
        )
    for along in ("temperature", "composition"):
        few = [one for one in found.turns if one.along == along and one.n_rows == _LEAST_IN_A_SERIES]
        if few:
            said.append(
                f"{len(few)} series along the {along} {'has' if len(few) == 1 else 'have'} three rows alone: a turning point there is one row."
            )
    return said


def write_crowding(
    table: DiffusivityTable,
    found: Crowding,
    content: Mapping[str, object],
    directory: Path,
    provenance: Mapping[str, object],
) -> None:
    """``crowding.json``, ``crowding.csv`` and the figure.

    Parameters
    ----------
    table : DiffusivityTable
        What was read.
    found : Crowding
        What it says.
    content : mapping of str to object
        As `crowding_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    from mlip_interfaces.figures.crowding_plots import crowding_map
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "crowding.json", dict(content) | dict(provenance))
    columns = ["along", "composition", "temperature_kelvin", "state", "low", "high", "p_value", "n_rows"]
    write_csv(
        directory / "crowding.csv",
        columns,
        (
            [
                one.along, one.composition, one.temperature_kelvin, one.state,
                *one.interval, "" if one.p_value is None else f"{one.p_value:.3g}", one.n_rows,
            ]
            for one in found.turns
        ),
    )  # fmt: skip
    figure = crowding_map(
        table.composition,
        table.temperature_kelvin,
        table.diffusivity_cm2_per_s,
        table.error_cm2_per_s,
        _shown(found),
        found.boundary,
    )
    save_figure(figure, directory, "crowding")


def _shown(found: Crowding) -> list[TurnPoint]:
    from mlip_interfaces.figures.crowding_plots import TurnPoint

    return [
        TurnPoint(
            one.along == "temperature", one.composition, one.temperature_kelvin, one.state == "turns", one.interval
        )
        for one in found.turns
        if one.state in ("turns", "possible")
    ]
