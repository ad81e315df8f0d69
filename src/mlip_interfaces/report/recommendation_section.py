"""Section of the page that answers: which thickness to take, by which rule, and how sure that is."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.books.recommendation import (
    RECOMMENDATION_FILE,
    MeanOfRuns,
    RecommendationBook,
    ThicknessRow,
    VariantAnswer,
)
from mlip_interfaces.books.run import read_optional_book
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.parts import PageSection, Table


def recommendation_sections(run: Path) -> list[PageSection]:
    """The answer, the rule, and a row for each thickness.

    Parameters
    ----------
    run : Path
        The run folder.

    Returns
    -------
    list of PageSection
        One; none where the study scans no thickness, or nothing was analysed yet.

    Raises
    ------
    InputFileError
        If the file of the recommendation is damaged.
    """
    book = read_optional_book(RecommendationBook, run / "analysis" / RECOMMENDATION_FILE)
    if book is None:
        return []
    section = PageSection("answer", "The answer", answer=True)
    for answer in book.answers:
        called = f"With {answer.variant}: " if answer.variant else ""
        section.paragraphs.append(f"{called}{answer.sentence}")
        section.points += [f"{called}{said}" for said in (*answer.decide, *answer.caveats)]
        section.tables.append(_table(answer))
    section.text_title, section.text = "The rule", "\n".join(book.rule)
    return [section]


def _table(answer: VariantAnswer) -> Table:
    head = [
        "coating (Å)", answer.loss_of, "95 %", "p: reduced", f"{answer.transport_of} (cm²/s)", "95 %", "p: kept", "p: below",
        "p: qualifies", "verdict",
    ]  # fmt: skip
    caption = "Two tests against the thinnest; small p convinces."
    if answer.variant:
        caption = f"{answer.variant}. {caption}"
    return Table(head, [_cells(row) for row in answer.rows], caption=caption)


def _cells(row: ThicknessRow) -> list[str]:
    return [
        f"{row.coating_angstrom:g}",
        *_mean(row.loss),
        _p(row.p_reduced),
        *(_mean(row.diffusivity_cm2_per_s) if row.diffusive else _bound(row.diffusivity_cm2_per_s)),
        _p(row.p_kept),
        _p(row.p_below),
        _p(row.p_qualifies),
        _verdict(row),
    ]


def mean_and_interval(found: MeanOfRuns) -> list[str]:
    """Two cells of a table.

    Parameters
    ----------
    found : MeanOfRuns
        Of one run or more.

    Returns
    -------
    list of str
        The mean with its standard error, and the interval, as far as there are any.
    """
    if found.error is None or found.low is None or found.high is None:
        return [f"{found.value:.3g}", ""]
    return [measured(found.value, found.error), f"{found.low:.2g} to {found.high:.2g}"]


def _mean(found: MeanOfRuns | None) -> list[str]:
    if found is None:
        return ["", ""]
    mean, interval = mean_and_interval(found)
    return [f"{mean} ({found.n_runs} runs)" if found.n_runs > 1 else mean, interval]


def _bound(found: MeanOfRuns | None) -> list[str]:
    """Two cells of what is no diffusivity yet."""
    if found is None:
        return ["", ""]
    return [f"{found.value:.2g}" if found.high is None else f"below {found.high:.2g}", "not diffusive yet"]


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _verdict(row: ThicknessRow) -> str:
    if row.verdict == "reference":
        return "what losses are held against"
    parts = [f"loss {row.protection}", f"D {'is the reference' if row.transport == 'reference' else row.transport}"]
    return f"{row.verdict}: {', '.join(parts)}"
