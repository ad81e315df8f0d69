"""From measured numbers to a verdict, by the bounds of a study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mlip_interfaces.books.gates import GateCheck, GateFindings, GateResult, MeasuredNumber
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import Found, Gate
from mlip_interfaces.potentials.gates.registry import GATES, QUANTITIES


def findings(
    gate: Gate, found: Found, *, wall_seconds: float = 0.0, repair: Mapping[str, str] | None = None
) -> GateFindings:
    """What a gate found, as it stands in files.

    Parameters
    ----------
    gate : Gate
        The gate.
    found : Found
        What it found.
    wall_seconds : float, s
        Time it took.
    repair : mapping of str to str or None
        Files of structures, by what was measured.

    Returns
    -------
    GateFindings
        Numbers that are none are None.
    """
    numbers = tuple(
        MeasuredNumber(one.what, one.quantity, one.value if math.isfinite(one.value) else None, one.note)
        for one in found.measurements
    )
    return GateFindings(gate.name, numbers, round(wall_seconds, 2), repair or {})


def judge(found: Sequence[GateFindings], settings: Gates) -> tuple[GateResult, ...]:
    """Compare every number with its bound.

    Parameters
    ----------
    found : sequence of GateFindings
        Of all gates.
    settings : Gates
        Of the study, with the bounds.

    Returns
    -------
    tuple of GateResult
        In the same order.
    """
    results = []
    for one in found:
        checks = tuple(check(number, settings, one.repair.get(number.what, "")) for number in one.numbers)
        gate = next(gate for name, gate in GATES.items() if name == one.gate)
        results.append(
            GateResult(one.gate, gate.title, all(entry.passed for entry in checks), checks, one.wall_seconds)
        )
    return tuple(results)


def check(number: MeasuredNumber, settings: Gates, repair: str = "") -> GateCheck:
    """Compare a number with its bound.

    Parameters
    ----------
    number : MeasuredNumber
        As measured.
    settings : Gates
        Of the study, with the bounds.
    repair : str
        File of structures that would repair it; kept where it passes, for other bounds.

    Returns
    -------
    GateCheck
        Passed where the number is on the good side of the bound, or on it.
    """
    quantity = QUANTITIES[number.quantity]
    bound = float(getattr(settings, quantity.setting))
    value = number.value
    passed = value is not None and (value <= bound if quantity.side == "at most" else value >= bound)
    return GateCheck(
        what=number.what,
        quantity=number.quantity,
        title=quantity.title,
        unit=quantity.unit,
        value=value,
        side=quantity.side,
        bound=bound,
        setting=quantity.setting,
        passed=passed,
        note=number.note,
        repair=repair,
    )
