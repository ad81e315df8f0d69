"""A ranking of pairs as JSON and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.ranking.pair_ranking import RankedPair, Ranking
from mlip_interfaces.screening.solids.materials import in_order
from mlip_interfaces.structures.matching import plane_label

_COLUMNS = ("rank", "name", "kind", "can_be_simulated")
_MORE = (
    "window_of", "window_lower_v", "window_upper_v", "window_source", "reaction_condition", "reaction", "planes", "area_angstrom2", "is_polar",
    "conductivity_form", "conductivity_source", "passed", "failed", "unknown", "why", "cannot",
)  # fmt: skip


def states(pairs: Sequence[RankedPair]) -> tuple[str, ...]:
    """States of charge at which steps are known.

    Parameters
    ----------
    pairs : sequence of RankedPair
        Any.

    Returns
    -------
    tuple of str
        In their order.
    """
    return tuple(sorted({step.soc for one in pairs for step in one.steps if step.soc}, key=in_order))


def step_at(pair: RankedPair, soc: str) -> float | None:
    """The step of a pair in a state of charge.

    Parameters
    ----------
    pair : RankedPair
        Any; the step at an anode is the same in every state.
    soc : str
        As in a material file.

    Returns
    -------
    float or None, V
        None where it is unknown.
    """
    return next((step.delta_phi_v for step in pair.steps if step.soc in ("", soc)), None)


def write_ranking(ranking: Ranking, directory: Path, provenance: Mapping[str, object]) -> None:
    """``ranking.json`` and ``ranking.csv``.

    Parameters
    ----------
    ranking : Ranking
        All pairs.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "ranking.json", ranking.to_json() | dict(provenance))
    socs = states(ranking.pairs)
    keys = list(ranking.pairs[0].values)
    columns = [*_COLUMNS, *(f"delta_phi_v_at_{'plus' if soc == '+' else soc}" for soc in socs), *keys, *_MORE]
    write_csv(directory / "ranking.csv", columns, (_row(one, socs, keys) for one in ranking.pairs))


def _row(pair: RankedPair, socs: Sequence[str], keys: Sequence[str]) -> list[object]:
    touching = pair.windows[0] if pair.windows else None
    match, reaction, measured = pair.match, pair.reaction, pair.conductivity
    return [
        pair.rank, pair.name, pair.kind, not pair.cannot,
        *(step_at(pair, soc) for soc in socs),
        *(pair.values[key] for key in keys),
        *(("", "", "", "") if touching is None else (touching.solid, touching.lower_v, touching.upper_v, touching.source)),
        *(("", "") if reaction is None else (f"{reaction.between}, {reaction.condition}", reaction.reaction)),
        *(("", "", "") if match is None else (planes(pair), match.area_angstrom2, match.is_polar)),
        *(("", "") if measured is None else (measured.form, measured.source)),
        " ".join(pair.passed), " ".join(pair.failed), " ".join(pair.unknown), pair.why, pair.cannot,
    ]  # fmt: skip


def planes(pair: RankedPair) -> str:
    """The planes that meet.

    Parameters
    ----------
    pair : RankedPair
        Any.

    Returns
    -------
    str
        As in ``(1 1 0) | (1 0 1)``; empty without a match.
    """
    if pair.match is None:
        return ""
    return " | ".join(map(plane_label, pair.match.millers))
