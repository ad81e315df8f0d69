"""What the study found, at the top of the page: the numbers of each run that a reader asks for first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.headline import Headline
from mlip_interfaces.report.parts import PageSection, Table

MAX_ROWS = 24
"""Runs of the table; of more, the first of each group are left to the sections below."""

_MOVES = "Li"
"""Whose diffusivity comes first."""


def answer_section(results: Headline) -> PageSection:
    """Diffusivity, what is intact, and whether the model was at home, run by run.

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
    rows = [_cells(name, numbers, results) for name, numbers in ordered]
    head = list(dict.fromkeys(column for row in rows for column in row))
    shown = [[row.get(column, "") for column in head] for row in rows]
    section.tables.append(Table(head, shown[:MAX_ROWS]))
    section.points += _sentences(results, n_left=max(0, len(shown) - MAX_ROWS))
    return section


def _thickness(numbers: Mapping[str, Any]) -> float:
    return float(numbers.get("coating_angstrom") or 0.0)


def _cells(name: str, numbers: Mapping[str, Any], results: Headline) -> dict[str, str]:
    """Columns of a run, as far as it has them."""
    cells = {"run": name}
    named: Mapping[str, Mapping[str, Any]] = {key: value for key, value in numbers.items() if isinstance(value, dict)}
    for called, found in (("", numbers), *((f" ({key})", value) for key, value in named.items())):
        if found.get("diffusivity_cm2_per_s"):
            symbol = _MOVES if _MOVES in found["diffusivity_cm2_per_s"] else next(iter(found["diffusivity_cm2_per_s"]))
            cells[f"D of {symbol}{called} (cm²/s)"] = _diffusivity(found, symbol)
        if found.get("intact_fraction") is not None:
            error = found.get("intact_fraction_error")
            share = 100.0 * found["intact_fraction"]
            cells[f"intact polyanions{called} (%)"] = (
                f"{share:.1f}" if error is None else measured(share, 100.0 * error)
            )
        if found.get("s2_dimers_per_s"):
            cells[f"S₂ dimers per S{called}"] = measured(
                found["s2_dimers_per_s"]["mean"], found["s2_dimers_per_s"]["error"]
            )
    if results.domain:
        cells["in the model's domain"] = {"inside": "yes", "leaves": "leaves it"}.get(
            results.domain.get(name, ""), "not known"
        )
    return cells


def _diffusivity(found: Mapping[str, Any], symbol: str) -> str:
    """A diffusivity, or what it is below where the atoms are not diffusive yet."""
    below = found.get("diffusivity_below_cm2_per_s", {}).get(symbol)
    if below is not None:
        return f"below {below:.2g}"
    value = f"{found['diffusivity_cm2_per_s'][symbol]:.2g}"
    return f"{value} (not diffusive)" if symbol in found.get("not_diffusive_because", {}) else value


def _sentences(results: Headline, *, n_left: int) -> list[str]:
    n_runs = len(results.runs) + len(results.unhealthy) + len(results.left_out)
    are = "is" if len(results.runs) == 1 else "are"
    sentences = [f"{len(results.runs)} of {n_runs} runs {are} analysed; {results.md_ps:.3g} ps of healthy MD in all."]
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
            f"The table has the first {MAX_ROWS} runs; {n_left} more are in the sections below and in results.json."
        )
    return sentences
