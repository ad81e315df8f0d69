"""Which pairs to simulate first: bounds that a reader may move, and an order that follows from them alone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.records import Record
from mlip_interfaces.screening.maps.pair_table import LOW_BARRIER_V

ORDER = (
    "First those that can be simulated with the crystals at hand; then those that pass more of the criteria in use; then those of which fewer criteria "
    "are unknown; then the smaller largest barrier; then fewer atoms. What is unknown neither passes nor fails."
)
"""The rule, as the outputs say it."""


@dataclass(frozen=True, slots=True)
class Criterion(Record):
    """A bound on one number of a pair.

    Attributes
    ----------
    name : str
        By which it is left out.
    key : str
        The number, with its unit, as in JSON and CSV.
    title : str
        For people.
    unit : str
        Of the bound.
    side : {"at most", "at least"}
        Which side of the bound passes; the bound itself does.
    bound : float
        In that unit.
    why : str
        What the number is, and where the bound comes from.
    """

    name: str
    key: str
    title: str
    unit: str
    side: Literal["at most", "at least"]
    bound: float
    why: str

    def passes(self, value: float | None) -> bool | None:
        """Whether a number is on the good side.

        Parameters
        ----------
        value : float or None
            In the unit of the bound.

        Returns
        -------
        bool or None
            None where the number is unknown.
        """
        if value is None:
            return None
        return value <= self.bound if self.side == "at most" else value >= self.bound


CRITERIA = (
    Criterion(
        "barrier", "largest_barrier_v", "intrinsic barrier", "V", "at most", LOW_BARRIER_V,
        "The largest step of the electrostatic potential at the electrode, discharged and charged (overcharged states do not count). The bound is "
        "that of the low-barrier pairs of the potential maps.",
    ),
    Criterion(
        "window", "beyond_window_v", "voltage beyond the window", "V", "at most", 0.0,
        "How far the voltage of the electrode lies outside the electrochemical window of what touches it. Beyond it, an interphase forms.",
    ),
    Criterion(
        "reaction", "reaction_energy_ev_per_atom", "reaction energy", "eV/atom", "at least", -0.1,
        "The lowest energy of the reactions of the two solids at any mixing ratio, closed or open to Li at the voltage of the electrode. The bound is "
        "a choice: several times the thermal energy of an atom.",
    ),
    Criterion(
        "strain", "max_strain", "strain", "", "at most", 0.03,
        "The largest strain of the crystal that is fitted to the other one. The bound is that of a study file.",
    ),
    Criterion(
        "size", "n_atoms", "atoms", "", "at most", 300.0,
        "Of the smallest model of the two slabs, which every label and every step of MD costs. 300 are a few seconds of a surrogate, and hours of DFT.",
    ),
    Criterion(
        "conductivity", "conductivity_ms_per_cm", "conductivity of the electrolyte", "mS/cm", "at least", 0.1,
        "Measured, at the temperature that stands beside it. A separator of 20 micrometres with 0.1 mS/cm has 20 ohm cm2.",
    ),
)  # fmt: skip
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a pair's numbers are worth under some criteria.

    Attributes
    ----------
    passed, failed, unknown : tuple of str
        Names of criteria.
    """

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    unknown: tuple[str, ...]


def criteria(bounds: Mapping[str, float] | None = None, left_out: Sequence[str] = ()) -> tuple[Criterion, ...]:
    """The criteria with some bounds moved, and some left out.

    Parameters
    ----------
    bounds : mapping of str to float, optional
        By the names of criteria.
    left_out : sequence of str, optional
        Names of those that do not count.

    Returns
    -------
    tuple of Criterion
        In their order.

    Raises
    ------
    InputFileError
        If a name is none, or nothing is left.

    Examples
    --------
    >>> [one.bound for one in criteria({"size": 200}, ["barrier", "window", "reaction", "conductivity"])]
    [0.03, 200]
    """
    known = [one.name for one in CRITERIA]
    for name in (*(bounds or {}), *left_out):
        if name not in known:
            raise InputFileError(f"There is no criterion '{name}'; there are {', '.join(known)}.")
    kept = tuple(
        dataclasses.replace(one, bound=(bounds or {}).get(one.name, one.bound))
        for one in CRITERIA
        if one.name not in left_out
    )
    if not kept:
        raise InputFileError("Every criterion is left out, so that nothing ranks the pairs; keep one.")
    return kept


def standing(values: Mapping[str, float | None], rules: Sequence[Criterion]) -> Standing:
    """Which criteria the numbers of a pair pass.

    Parameters
    ----------
    values : mapping of str to float or None
        By the keys of criteria.
    rules : sequence of Criterion
        In use.

    Returns
    -------
    Standing
        Of this pair.
    """
    verdicts = {one.name: one.passes(values[one.key]) for one in rules}
    return Standing(
        tuple(name for name, verdict in verdicts.items() if verdict is True),
        tuple(name for name, verdict in verdicts.items() if verdict is False),
        tuple(name for name, verdict in verdicts.items() if verdict is None),
    )


def place(found: Standing, values: Mapping[str, float | None], can_be_simulated: bool) -> tuple[float, ...]:
    """What pairs are sorted by; `ORDER` in numbers.

    Parameters
    ----------
    found : Standing
        Of the pair.
    values : mapping of str to float or None
        By the keys of criteria.
    can_be_simulated : bool
        Whether a study can be written.

    Returns
    -------
    tuple of float
        Lower comes first.
    """
    barrier, atoms = values["largest_barrier_v"], values["n_atoms"]
    return (
        0.0 if can_be_simulated else 1.0,
        -float(len(found.passed)),
        float(len(found.unknown)),
        math.inf if barrier is None else barrier,
        math.inf if atoms is None else atoms,
    )


def reasons(
    found: Standing, rules: Sequence[Criterion], values: Mapping[str, float | None] = MappingProxyType({})
) -> str:
    """Why a pair stands where it stands.

    Parameters
    ----------
    found : Standing
        Of the pair.
    rules : sequence of Criterion
        In use.
    values : mapping of str to float or None, optional
        By the keys of criteria; without them there are no numbers.

    Returns
    -------
    str
        Every criterion, passed ones first, as in ``passes strain (0.02), atoms (116); unknown: reaction energy``.
    """
    parts = []
    for verb, names in (("passes", found.passed), ("fails", found.failed), ("unknown", found.unknown)):
        said = [_said(one, values.get(one.key)) for one in rules if one.name in names]
        if said:
            parts.append(f"{verb} {', '.join(said)}" if verb != "unknown" else f"unknown: {', '.join(said)}")
    return "; ".join(parts)


def _said(criterion: Criterion, value: float | None) -> str:
    if value is None:
        return criterion.title
    return f"{criterion.title} ({' '.join(filter(None, (f'{value:.3g}', criterion.unit)))})"
