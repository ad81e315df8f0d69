"""``label.json`` and the lines of ``records.jsonl``: one label with all that made it, good or failed with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from pydantic import JsonValue


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
