"""What the study found, at the top of the page: the numbers of each run that a reader asks for first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.headline import Headline, seeds_of, spoken_time, without_diffusivity
from mlip_interfaces.report.parts import PageSection, Table

MAX_ROWS = 24
"""Rows of the table; of more, the first of each group are left to the sections below."""

_MOVES = "Li"
"""Whose diffusivity comes first."""

_INTACT = "intact share"
_OF_CENTERS = re.compile(rf"{_INTACT} of [^(]*[^( ]")
"""Centres of the units differ between studies."""


def answer_section(results: Headline) -> PageSection:
    """Diffusivity, what is intact, and whether the model was at home; seeds as one where their mean is known, else run by run.

    Parameters
    ----------
    results : Headline
        Content of ``results.json``.

    Returns
    -------
    PageSection
        For the top of the page; saying so where nothing has been analysed.
    """
    section = PageSection("found", "What was found", answer=True)
    if not results.runs:
        section.absent = "No healthy run has been analysed yet."
        return section
    conditions = list(dict.fromkeys(numbers.get("condition") for numbers in results.runs.values()))
    ordered = sorted(
        results.runs.items(), key=lambda run: (conditions.index(run[1].get("condition")), _thickness(run[1]))
    )
    of_seeds: dict[str, list[str]] = {}
    for name, numbers in ordered:
        of_seeds.setdefault(seeds_of(name, numbers), []).append(name)
    rows = []
    for key, names in of_seeds.items():
        together = _cells_together(key, names, results) if len(names) > 1 else None
        rows += [_cells(name, results.runs[name], results) for name in names] if together is None else [together]
    head = list(dict.fromkeys(column for row in rows for column in row))
    shown = [[row.get(column, "") for column in head] for row in rows]
    section.tables.append(Table(head, shown[:MAX_ROWS]))
    section.points += _sentences(results, n_left=max(0, len(shown) - MAX_ROWS))
    return section


def _thickness(numbers: Mapping[str, Any]) -> float:
    return float(numbers.get("coating_angstrom") or 0.0)


def _cells(name: str, numbers: Mapping[str, Any], results: Headline) -> dict[str, str]:
    """Columns of a run, as far as it has them."""
    cells = {"run": name} | {one.column: one.said for one in _columns(numbers)}
    if results.domain:
        cells["in the model's domain"] = {"inside": "yes", "leaves": "leaves it"}.get(
            results.domain.get(name, ""), "not known"
        )
    return cells


def _cells_together(key: str, names: Sequence[str], results: Headline) -> dict[str, str] | None:
    """Columns of several seeds by their means; None where one of them lacks a number that another has, or a diffusivity."""
    means = results.means.get(key, {})
    cells = {"run": f"{key}, {len(names)} seeds"}
    for column, quantity, factor in dict.fromkeys(one[:3] for name in names for one in _columns(results.runs[name])):
        mean = next((found for name, found in means.items() if _OF_CENTERS.sub(_INTACT, name) == quantity), None)
        if mean is None or mean.n_runs != len(names) or without_diffusivity(results, key, quantity):
            return None
        low, high = mean.low, mean.high
        if quantity.startswith("D of "):
            cells[column] = _with_interval(mean.value, None if low is None or high is None else (low, high))
        else:
            cells[column] = measured(factor * mean.value, factor * (mean.error or 0.0))
    if results.domain:
        verdicts = {results.domain.get(name, "") for name in names}
        left = sum(results.domain.get(name) == "leaves" for name in names)
        cells["in the model's domain"] = (
            f"{left} of {len(names)} leave it" if left else "yes" if verdicts == {"inside"} else "not known"
        )
    return cells


class _Column(NamedTuple):
    """Of a run: its title, what it is called among the means of seeds, what these are multiplied with, and what it says of the run."""

    column: str
    quantity: str
    factor: float
    said: str


def _columns(numbers: Mapping[str, Any]) -> Iterator[_Column]:
    """Columns of a run, as far as it has them."""
    named = ((f" ({key})", value) for key, value in numbers.items() if isinstance(value, dict))
    for called, own in (("", numbers), *named):
        species = own.get("diffusivity_cm2_per_s")
        if species:
            symbol = _MOVES if _MOVES in species else next(iter(species))
            column, quantity = f"D of {symbol}{called} (cm²/s)", f"D of {symbol} (cm²/s){called}"
            yield _Column(column, quantity, 1.0, _diffusivity(own, symbol))
        share, error = own.get("intact_fraction"), own.get("intact_fraction_error")
        if share is not None:
            said = f"{100.0 * share:.1f}" if error is None else measured(100.0 * share, 100.0 * error)
            yield _Column(f"intact polyanions{called} (%)", f"{_INTACT}{called}", 100.0, said)
        dimers = own.get("s2_dimers_per_s")
        if dimers:
            said = measured(dimers["mean"], dimers["error"])
            yield _Column(f"S₂ dimers per S{called}", f"S2 dimers per S{called}", 1.0, said)


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    if interval is None:
        return f"{value:.2g}"
    return f"{value:.2g} (95 %: {interval[0]:.2g} to {interval[1]:.2g})"


def _diffusivity(found: Mapping[str, Any], symbol: str) -> str:
    """A diffusivity, or what it is below where the atoms are not diffusive yet."""
    below = found.get("diffusivity_below_cm2_per_s", {}).get(symbol)
    if below is not None:
        return f"below {below:.2g}"
    value = found["diffusivity_cm2_per_s"][symbol]
    if symbol in found.get("not_diffusive_because", {}):
        return f"{value:.2g} (not diffusive)"
    return _with_interval(value, found.get("diffusivity_95_cm2_per_s", {}).get(symbol))


def _sentences(results: Headline, *, n_left: int) -> list[str]:
    n_runs = len(results.runs) + len(results.unhealthy) + len(results.left_out)
    are = "is" if len(results.runs) == 1 else "are"
    sentences = [
        f"{len(results.runs)} of {n_runs} runs {are} analysed; {spoken_time(results.md_ps)} of healthy MD in all."
    ]
    if results.gates and all(results.gates.values()):
        sentences.append(f"The model passes its {len(results.gates)} safety gates.")
    judged = [name for name in results.runs if results.domain.get(name) in ("inside", "leaves")]
    leaving = [name for name in judged if results.domain[name] == "leaves"]
    if leaving:
        which = (
            "All of them leave" if len(leaving) == len(results.runs) > 1 else f"{len(leaving)} of {len(judged)} leave"
        )
        sentences.append(f"{which} the model's domain: what is seen from then on is extrapolation.")
    if n_left:
        sentences.append(
            f"The table has the first {MAX_ROWS} rows; {n_left} more are in the sections below and in results.json."
        )
    return sentences
