"""All batteries of a dictionary: steps at both electrodes, pairs with low barriers, and how it compares with the published table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlip_interfaces.records import Record
from mlip_interfaces.screening.maps.potential_map import PotentialMap, potential_map
from mlip_interfaces.screening.solids.dictionary import Dictionary, PublishedStep

LOW_BARRIER_V = 0.45
"""Steps of all but overcharged states that are no larger than this make a pair a low-barrier one: with thresholds of 0.42 to 0.48 V
exactly the six pairs that the paper names."""
BARRIERLESS_V = 0.1
"""Smaller steps are called barrier-less (section 3.4 of the paper)."""
AGREES_WITHIN_V = 0.03
"""With the published table, which is printed to 0.01 V."""


@dataclass(frozen=True, slots=True)
class TableRow(Record):
    """A cathode and an electrolyte at a state of charge.

    Attributes
    ----------
    cathode, electrolyte, soc : str
        Names and state of charge.
    delta_phi_cathode_v, delta_phi_anode_v : float, V
        Equations 7 and 6.
    flags : tuple of str
        As of `potential_map.band_flags`, and ``barrier-less``, ``low-barrier-pair``, ``sign-change``, ``differs-from-published``, ``not-published``.
    published_v : float or None, V
        The cathode's step in the published table.
    """

    cathode: str
    electrolyte: str
    soc: str
    delta_phi_cathode_v: float
    delta_phi_anode_v: float
    flags: tuple[str, ...]
    published_v: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison(Record):
    """The table beside the published one.

    Attributes
    ----------
    n_published, n_within : int
        Rows of it, and those that agree.
    within_v : float, V
        What counts as agreement.
    differing, not_published, not_given : tuple of str
        Rows that differ; rows that are ours alone though cathode and electrolyte are in it; states that nothing is known of.
    """

    n_published: int
    n_within: int
    within_v: float
    differing: tuple[str, ...]
    not_published: tuple[str, ...]
    not_given: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairTable(Record):
    """All rows, and what follows from them.

    Attributes
    ----------
    rows : tuple of TableRow
        Cathode by cathode, electrolyte by electrolyte, by state of charge.
    low_barrier_pairs : tuple of str
        Cathode/electrolyte; no step of the discharged and charged states beyond `low_barrier_v`.
    low_barrier_v : float, V
        The threshold.
    sign_changes : tuple of str
        Pairs whose step is a barrier to discharge at one of these states and to charge at another.
    compared : Comparison
        With the published table.
    """

    rows: tuple[TableRow, ...]
    low_barrier_pairs: tuple[str, ...]
    low_barrier_v: float
    sign_changes: tuple[str, ...]
    compared: Comparison


def all_batteries(dictionary: Dictionary, anode: str) -> Iterator[PotentialMap]:
    """Every cathode at every state on every electrolyte.

    Parameters
    ----------
    dictionary : Dictionary
        Of materials.
    anode : str
        Name of the anode of all.

    Yields
    ------
    PotentialMap
        Cathode by cathode.
    """
    metal = dictionary.anode(anode)
    for cathode in dictionary.cathodes.values():
        for electrolyte in dictionary.electrolytes.values():
            for soc in cathode.states:
                yield potential_map(metal, [electrolyte], cathode, soc)


def pair_table(
    batteries: Sequence[PotentialMap],
    dictionary: Dictionary,
    published: Sequence[PublishedStep],
    low_barrier_v: float = LOW_BARRIER_V,
) -> PairTable:
    """The table of all batteries.

    Parameters
    ----------
    batteries : sequence of PotentialMap
        With one layer each.
    dictionary : Dictionary
        That they are made of.
    published : sequence of PublishedStep
        To compare with; rows of materials that the user has replaced are left out.
    low_barrier_v : float, optional, V
        Threshold of low-barrier pairs.

    Returns
    -------
    PairTable
        Nothing in it is mended: rows that differ from the published ones, and rows that are missing, are named.
    """
    printed = {
        (step.cathode, step.electrolyte, step.soc): step.delta_phi_cathode_v
        for step in published
        if not dictionary.own & {step.cathode, step.electrolyte}
    }
    pairs: dict[tuple[str, str], dict[str, float]] = {}
    for one in batteries:
        if one.soc != "+":
            pairs.setdefault(_pair(one), {})[one.soc] = one.delta_phi_cathode_v
    low = {pair for pair, steps in pairs.items() if all(abs(step) <= low_barrier_v for step in steps.values())}
    changing = {pair for pair, steps in pairs.items() if min(steps.values()) < 0.0 < max(steps.values())}
    in_table = {name for cathode, electrolyte, _ in printed for name in (cathode, electrolyte)}
    rows = []
    for one in batteries:
        pair, step = _pair(one), one.delta_phi_cathode_v
        value = printed.get((*pair, one.soc))
        flags = [
            *one.flags,
            *(["barrier-less"] if abs(step) < BARRIERLESS_V else []),
            *(["low-barrier-pair"] if pair in low else []),
            *(["sign-change"] if pair in changing else []),
            *(["differs-from-published"] if value is not None and abs(step - value) > AGREES_WITHIN_V else []),
            *(["not-published"] if value is None and set(pair) <= in_table else []),
        ]
        rows.append(TableRow(*pair, one.soc, round(step, 4), round(one.delta_phi_anode_v, 4), tuple(flags), value))
    compared = Comparison(
        n_published=len(printed),
        n_within=sum(row.published_v is not None and "differs-from-published" not in row.flags for row in rows),
        within_v=AGREES_WITHIN_V,
        differing=tuple(
            f"{_called(row)}: {row.delta_phi_cathode_v:+.2f} V here, {row.published_v:+.2f} V published"
            for row in rows
            if "differs-from-published" in row.flags
        ),
        not_published=tuple(
            f"{_called(row)}: {row.delta_phi_cathode_v:+.2f} V here" for row in rows if "not-published" in row.flags
        ),
        not_given=tuple(
            f"{cathode.name}/{electrolyte} at {soc}"
            for cathode in dictionary.cathodes.values()
            for soc in cathode.not_given
            for electrolyte in dictionary.electrolytes
        ),
    )
    names = {pair: "/".join(pair) for pair in pairs}
    return PairTable(
        tuple(rows),
        tuple(name for pair, name in names.items() if pair in low),
        low_barrier_v,
        tuple(name for pair, name in names.items() if pair in changing),
        compared,
    )


def csv_columns() -> list[str]:
    """Columns of the table as CSV.

    Returns
    -------
    list of str
        The keys of a row.
    """
    return [field.name for field in dataclasses.fields(TableRow)]


def _pair(battery: PotentialMap) -> tuple[str, str]:
    return battery.cathode, battery.layers[0].name


def _called(row: TableRow) -> str:
    return f"{row.cathode}/{row.electrolyte} at {row.soc if row.soc == '+' else f'{row.soc} %'}"
