"""What the safety gates measured of a potential, and the verdict, as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from mlip_interfaces.records import Record

GATES_FILE = "gates.json"
"""In the folder of the validation."""
GATES_FOLDER = "gates"
"""Beside it: what the gates were measured with."""
CURVES_FILE = "curves.npz"
"""In that folder: the curves of the figures, ``GATE/NAME``, each of two rows."""


@dataclass(frozen=True, slots=True)
class MeasuredNumber(Record):
    """One measured number.

    Attributes
    ----------
    what : str
        Pair of elements, structure or run that it belongs to.
    quantity : str
        What was measured.
    value : float or None
        The number, in the quantity's unit; None where the potential gave none.
    note : str
        Where it was found.
    """

    what: str
    quantity: str
    value: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class GateFindings(Record):
    """What one gate measured.

    Attributes
    ----------
    gate : str
        Its name.
    numbers : tuple of MeasuredNumber
        All of them.
    wall_seconds : float, s
        Time it took; 0 where LAMMPS did the work.
    repair : mapping of str to str
        File with structures that would repair the potential once labelled, by the name of what was measured; beside the verdict.
    """

    gate: str
    numbers: tuple[MeasuredNumber, ...]
    wall_seconds: float = 0.0
    repair: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateCheck(Record):
    """A number and its bound.

    Attributes
    ----------
    what, quantity : str
        What it belongs to, and the name of what was measured.
    title, unit : str
        The same in words, and the unit of value and bound.
    value : float or None
        The number; None where the potential gave none, which never passes.
    side : {"at most", "at least"}
        Which side of the bound is good.
    bound : float
        From the study's section `gates`.
    setting : str
        Key of the bound there.
    passed : bool
        Whether the number is on that side.
    note : str
        Where it was found.
    repair : str
        File with structures that would repair the potential once labelled; empty where there are none.
    """

    what: str
    quantity: str
    title: str
    unit: str
    value: float | None
    side: Literal["at most", "at least"]
    bound: float
    setting: str
    passed: bool
    note: str = ""
    repair: str = ""

    @property
    def sentence(self) -> str:
        """As in ``Li-O: pull where ... is 3.1 eV/angstrom (at most 0.5)``."""
        value = "no number" if self.value is None else f"{self.value:.3g} {self.unit}".rstrip()
        return f"{self.what}: {self.title} is {value} ({self.side} {self.bound:g})"


@dataclass(frozen=True, slots=True)
class GateResult(Record):
    """The verdict of one gate.

    Attributes
    ----------
    gate, title : str
        Its name, and what it asks.
    passed : bool
        Whether all its checks did.
    checks : tuple of GateCheck
        Every number with its bound.
    wall_seconds : float, s
        Time it took; 0 where LAMMPS did the work.
    """

    gate: str
    title: str
    passed: bool
    checks: tuple[GateCheck, ...]
    wall_seconds: float = 0.0

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """Checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesVerdict(Record):
    """``validation/gates.json``.

    Attributes
    ----------
    passed : bool
        Whether every gate did.
    model_sha256 : str
        Hash of the model.
    measured_for : str
        Hash of model, structures and settings that the numbers depend on.
    structures : tuple of str
        What the model was tried on.
    not_tried : tuple of str
        Elements of the study that none of them has.
    results : tuple of GateResult
        One for each gate.
    settings : mapping
        The study's section `gates`, as it was.
    """

    passed: bool
    model_sha256: str
    measured_for: str
    structures: tuple[str, ...]
    not_tried: tuple[str, ...] = ()
    results: tuple[GateResult, ...]
    settings: Mapping[str, JsonValue]

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """Gates that did not pass."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def sentence(self) -> str:
        """Which gates failed and by what, in one line."""
        if not self.results:
            return "no gate was asked for"
        if self.passed:
            return f"all {len(self.results)} safety gates passed"
        parts = []
        for result in self.failed:
            first, *others = result.failed
            more = f" and {len(others)} more" if others else ""
            parts.append(f"'{result.gate}': {first.sentence}{more}")
        return f"{len(self.failed)} of {len(self.results)} safety gates failed: {'; '.join(parts)}"
