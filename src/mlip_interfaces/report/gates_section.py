"""Section on the safety gates: every bound beside the number that comes nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlip_interfaces.books.gates import (
    CURVES_FILE,
    GATES_FILE,
    GATES_FOLDER,
    GateCheck,
    GateResult,
    GatesVerdict,
)
from mlip_interfaces.books.run import INDEX, ScanIndex, read_optional_book
from mlip_interfaces.figures.gates_plots import GateCurves, gate_curves, grouped, pair_scans
from mlip_interfaces.files import read_arrays
from mlip_interfaces.report.parts import Bound, PageSection, Table
from mlip_interfaces.report.run_sections import MakePicture


def read_gates(run: Path) -> GatesVerdict | None:
    """The verdict of a run folder.

    Parameters
    ----------
    run : Path
        The run folder.

    Returns
    -------
    GatesVerdict or None
        None where no gate was run.

    Raises
    ------
    InputFileError
        If it is damaged.
    """
    return read_optional_book(GatesVerdict, run / "validation" / GATES_FILE)


def gates_section(run: Path, picture: MakePicture) -> PageSection:
    """What the gates measured, and what they say of the model.

    Parameters
    ----------
    run : Path
        The run folder.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where no gate was run.

    Raises
    ------
    InputFileError
        If a book is damaged.
    """
    section = PageSection("gates", "Is the model fit for production?")
    verdict = read_gates(run)
    if verdict is None or not verdict.results:
        section.absent = "The model was not put through the safety gates; `mlip-interfaces gates DIR` does it for a run that is there."
        return section
    section.paragraphs.append(f"Tried on {', '.join(verdict.structures)}, without any label: {_sentence(verdict)}.")
    if verdict.not_tried:
        section.paragraphs.append(
            f"No structure has {', '.join(verdict.not_tried)}: nothing is known of these elements."
        )
    curves_file = run / "validation" / GATES_FOLDER / CURVES_FILE
    if curves_file.is_file():
        curves = grouped(read_arrays(curves_file), ("pairs", "compression", "voids", "heating", "drift"))
        failed = {check.what for result in verdict.failed if result.gate == "pairs" for check in result.failed}
        if curves["pairs"]:
            caption = (
                "Energy of two atoms driven into each other inside a structure, from where they stand in it; dashed: pairs that "
                "fail."
            )
            section.figures.append(picture(pair_scans(curves["pairs"], failed), "gate-pairs", caption))
        others = GateCurves(curves["compression"], curves["voids"], curves["heating"], curves["drift"])
        if any((others.volume, others.gap, others.temperature, others.energy)):
            caption = (
                "Energy against volume of every structure; work to pull layers apart; temperature of the heated interface and its "
                "thermostat; total energy at constant energy."
            )
            section.figures.append(picture(gate_curves(others), "gates", caption))
    section.bounds += [_bound(result, members) for result in verdict.results for members in _by_quantity(result)]
    head = ["gate", "what it does", "verdict", "numbers", "failed", "seconds in Python"]
    section.tables.append(Table(head, [_row(result) for result in verdict.results], is_text=True))
    section.points += [
        f"{result.gate}: {_angstrom(check.sentence)}{f', {_angstrom(check.note)}' if check.note else ''}."
        for result in verdict.failed
        for check in result.failed[:_MOST_POINTS]
    ]
    for result in verdict.failed:
        if len(result.failed) > _MOST_POINTS:
            left = len(result.failed) - _MOST_POINTS
            section.points.append(f"{result.gate}: {left} more in validation/{GATES_FILE}.")
    repair = list(dict.fromkeys(check.repair for result in verdict.failed for check in result.failed if check.repair))
    if repair:
        section.points.append(
            f"Structures whose labels would repair the model, in validation/: {', '.join(repair[:_MOST_POINTS])}"
            f"{', ...' if len(repair) > _MOST_POINTS else ''}."
        )
    return section


def gates_warning(run: Path) -> list[str]:
    """What stands at the top of the page where a model does not pass.

    Parameters
    ----------
    run : Path
        The run folder.

    Returns
    -------
    list of str
        One sentence, or none.

    Raises
    ------
    InputFileError
        If a book is damaged.
    """
    verdict = read_gates(run)
    if verdict is None or verdict.passed:
        return []
    scanned = bool((read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex()).runs)
    names = ", ".join(f"'{result.gate}'" for result in verdict.failed)
    what = "safety gate" if len(verdict.failed) == 1 else "safety gates"
    all_the_same = "; the scan was run all the same" if scanned else ""
    return [f"The model fails the {what} {names}{all_the_same}: see below whether it is fit for production."]


_MOST_POINTS = 6


def _sentence(verdict: GatesVerdict) -> str:
    if verdict.passed:
        return verdict.sentence
    names = ", ".join(result.gate for result in verdict.failed)
    return f"{len(verdict.failed)} of {len(verdict.results)} safety gates failed ({names})"


def _by_quantity(result: GateResult) -> list[Sequence[GateCheck]]:
    """Checks of one gate, those of one quantity together."""
    keys = dict.fromkeys(check.quantity for check in result.checks)
    return [[check for check in result.checks if check.quantity == key] for key in keys]


def _bound(result: GateResult, checks: Sequence[GateCheck]) -> Bound:
    """The check that decides: of several the worst, and what has no number is the worst of all."""
    sign = 1.0 if checks[0].side == "at most" else -1.0
    worst = max(checks, key=lambda check: float("inf") if check.value is None else sign * check.value)
    return Bound(
        gate=result.gate,
        title=_angstrom(worst.title),
        what=worst.what,
        value=worst.value,
        unit=_angstrom(worst.unit),
        side=worst.side,
        bound=worst.bound,
        setting=f"gates.{worst.setting}",
    )


def _row(result: GateResult) -> list[str]:
    seconds = f"{result.wall_seconds:.0f}" if result.wall_seconds else ""
    verdict = "passed" if result.passed else "failed"
    return [result.gate, result.title, verdict, str(len(result.checks)), str(len(result.failed)), seconds]


def _angstrom(text: str) -> str:
    return text.replace("angstrom", "Å").replace("m^2", "m²")
