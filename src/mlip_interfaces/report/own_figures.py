"""Which figures of single runs a page shows, and how they are grouped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlip_interfaces.books.run import AnalysisEntry, CombinedEntry
from mlip_interfaces.report.files import read_result
from mlip_interfaces.report.packing import picture_of_files
from mlip_interfaces.report.parts import Picture

Runs = Sequence[AnalysisEntry]
"""Healthy runs of the scan."""


def own_figure(run: Path, entry: AnalysisEntry | CombinedEntry, name: str, said: str = "") -> Picture | str:
    """The figure of one analysis of a run, or of several seeds together, with what it says, or with other words; these alone where there is no figure.

    Parameters
    ----------
    run : Path
        The run folder.
    entry : AnalysisEntry or CombinedEntry
        One of its runs, or several as one.
    name : str
        Of the analysis.
    said : str, optional
        Words instead of those of the result.

    Returns
    -------
    Picture or str
        With the caption, or the caption.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    folder = run / "analysis" / entry.directory
    said = said or "; ".join(read_result(folder / f"{name}.json").get("summary", []))
    caption = f"{name}, {entry.name}. {said}"
    if not (folder / f"{name}.png").is_file():
        return caption
    return picture_of_files(folder, name, caption, of_run=True)


def first_of_each(entries: Runs, name: str) -> list[AnalysisEntry]:
    """One run per condition and thickness that has an analysis.

    Parameters
    ----------
    entries : sequence of AnalysisEntry
        Healthy runs.
    name : str
        Of the analysis.

    Returns
    -------
    list of AnalysisEntry
        In their order.
    """
    chosen: dict[tuple[str, float | None], AnalysisEntry] = {}
    for entry in entries:
        if name in entry.results:
            chosen.setdefault((entry.condition, entry.coating_angstrom), entry)
    return list(chosen.values())


def by_condition(entries: Runs) -> Iterator[tuple[str, list[AnalysisEntry]]]:
    """Runs of each condition.

    Parameters
    ----------
    entries : sequence of AnalysisEntry
        Healthy runs.

    Yields
    ------
    tuple of (str, list of AnalysisEntry)
        Condition and its runs, in the order in which the conditions come.
    """
    for condition in dict.fromkeys(entry.condition for entry in entries):
        yield condition, [entry for entry in entries if entry.condition == condition]
