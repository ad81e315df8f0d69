"""``label.json`` and the lines of ``records.jsonl``: one label with all that made it, good or failed with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypedDict, cast

from annotated_types import Len
from pydantic import JsonValue

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_json
from mlip_interfaces.records import Record, checked

IF_DAMAGED = "delete the file to have the label made again"

_Three = Annotated[tuple[float, ...], Len(3, 3)]
_Matrix = Annotated[tuple[_Three, ...], Len(3, 3)]


@dataclass(frozen=True, slots=True)
class _Told(Record):
    """What every record has."""

    status: Literal["ok", "failed"]
    wall_seconds: float
    cores: int = 1


@dataclass(frozen=True, slots=True)
class _Failed(Record):
    """What a failed label has."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class _Good(Record):
    """What a good label has."""

    symbols: tuple[str, ...]
    positions_angstrom: tuple[_Three, ...]
    cell_angstrom: _Matrix
    energy_ev: float
    forces_ev_per_angstrom: tuple[_Three, ...]
    virial_ev: _Matrix


class LabelRecord(TypedDict, total=False):
    """Plain JSON types, units in the keys; a failed label lacks the numbers, one of an older version some of the rest."""

    symbols: list[str]
    positions_angstrom: list[list[float]]
    cell_angstrom: list[list[float]]
    settings_hash: str
    structure_hash: str | None
    calculator: str
    kind: str
    hostname: str
    status: Literal["ok", "failed"]
    reason: str | None
    cause: str
    energy_ev: float
    forces_ev_per_angstrom: list[list[float]]
    virial_ev: list[list[float]]
    wall_seconds: float
    cores: int
    attempt: int
    safer_settings: Mapping[str, JsonValue]
    pseudopotentials: Mapping[str, Mapping[str, str]]


Numbers = Literal["positions_angstrom", "cell_angstrom", "energy_ev", "forces_ev_per_angstrom", "virial_ev"]
"""Keys of a good label that hold its numbers."""


def core_seconds(record: LabelRecord) -> float:
    """What a label cost, s; records of older versions ran on one core.

    Parameters
    ----------
    record : LabelRecord
        Of a good or a failed label.

    Returns
    -------
    float, s
        Wall time times cores.
    """
    return float(record["wall_seconds"]) * int(record.get("cores", 1))


def checked_label(content: object, file: Path, *, numbers: bool = True) -> LabelRecord:
    """The label that JSON holds.

    Parameters
    ----------
    content : object
        As JSON has it.
    file : Path
        Where it comes from, for the message.
    numbers : bool
        Whether the numbers of a good label are looked at, too.

    Returns
    -------
    LabelRecord
        With a status and a cost, and the numbers of every atom if it is good.

    Raises
    ------
    InputFileError
        If it is no label; the message names the file and the key.
    """
    told = checked(_Told, content, file, if_damaged=IF_DAMAGED)
    if told.status == "failed":
        checked(_Failed, content, file, if_damaged=IF_DAMAGED)
    elif numbers:
        good = checked(_Good, content, file, if_damaged=IF_DAMAGED)
        if not len(good.symbols) == len(good.positions_angstrom) == len(good.forces_ev_per_angstrom):
            raise InputFileError(
                f"{file} has {len(good.symbols)} symbols, {len(good.positions_angstrom)} positions and "
                f"{len(good.forces_ev_per_angstrom)} forces; {IF_DAMAGED}."
            )
    return cast("LabelRecord", content)


def read_label(file: Path, *, numbers: bool = True) -> LabelRecord:
    """The label of a file.

    Parameters
    ----------
    file : Path
        A ``label.json``.
    numbers : bool
        Whether the numbers of a good label are looked at, too.

    Returns
    -------
    LabelRecord
        As `checked_label` gives it.

    Raises
    ------
    InputFileError
        If the file is missing or damaged, or holds no label.
    """
    return checked_label(read_json(file, if_missing="label it first", if_damaged=IF_DAMAGED), file, numbers=numbers)
