"""The page: sections from what a run folder holds, one HTML file without anything from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup, escape

from mlip_interfaces.books.run import DATA_SUMMARY, INDEX, AnalysisIndex, InitialData, read_optional_book
from mlip_interfaces.errors import counted
from mlip_interfaces.figures import Figure
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import write_json, write_text
from mlip_interfaces.report.analysis_sections import (
    onsager_section,
    order_section,
    other_section,
    rdf_section,
    transport_section,
)
from mlip_interfaces.report.answer_section import answer_section
from mlip_interfaces.report.campaign_section import campaign_section
from mlip_interfaces.report.domain_section import domain_section
from mlip_interfaces.report.gates_section import gates_section, gates_warning
from mlip_interfaces.report.headline import Headline, collect_results, limitations, spoken_range, spoken_time
from mlip_interfaces.report.interphase_section import interphase_answer, interphase_limits, interphase_sections
from mlip_interfaces.report.left_out import NONE_STALE
from mlip_interfaces.report.model_section import model_section
from mlip_interfaces.report.packing import packed_views, picture_of_files
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.report.recommendation_section import recommendation_sections
from mlip_interfaces.report.run_sections import md_section, provenance_section, structures_section
from mlip_interfaces.report.templates import environment
from mlip_interfaces.report.thickness_section import seeds_sections, thickness_sections
from mlip_interfaces.run.stages import given_model
from mlip_interfaces.version import __version__

LIMIT_BYTES = 8_000_000
"""Of the page, which is one file that can be sent by mail."""

SCRIPTS = ("page.js", "curves.js", "viewer.js")
"""Beside the template; they stand in the page."""


def write_report(
    run: Path,
    *,
    study_name: str,
    study_text: str,
    teacher_kind: str,
    stale: Mapping[str, str] = NONE_STALE,
    changed_stages: Sequence[str] = (),
    directory: Path | None = None,
) -> Path:
    """Write ``index.html``, its figures as PNG and SVG, and ``results.json``.

    Parameters
    ----------
    run : Path
        The run folder; a stage that has not run leaves its section empty and saying so.
    study_name, study_text : str
        Of the study file.
    teacher_kind : {"surrogate", "dft", "semiempirical", "custom"}
        Who labelled.
    stale : mapping of str to str, optional
        Runs of the scan whose trajectories are not of the study as it is now, and why; they are named and left out.
    changed_stages : sequence of str, optional
        Stages that were made for another study than this one.
    directory : Path or None
        Where to; ``report/`` in the run folder if None.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    InputFileError
        If a book or a result that an index names is missing or damaged.
    """
    report = directory or run / "report"
    report.mkdir(parents=True, exist_ok=True)
    results = collect_results(run, stale)
    analysed = read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()
    healthy = [entry for entry in analysed.runs if entry.healthy and entry.name not in results.left_out]
    combined = analysed.combined_of({entry.name for entry in healthy})

    def picture(figure: Figure, name: str, caption: str) -> Picture:
        save_figure(figure, report / "figures", name)
        return picture_of_files(report / "figures", name, caption)

    sections = [
        *recommendation_sections(run),
        *interphase_answer(run, healthy, combined),
        answer_section(results),
        structures_section(run, picture),
        campaign_section(run, picture),
        model_section(run, picture),
        gates_section(run, picture),
        md_section(run, picture, stale),
        domain_section(run, picture, stale),
        *thickness_sections(run, healthy, picture),
        *seeds_sections(run, results),
        *interphase_sections(run, healthy, combined),
        rdf_section(run, healthy, picture),
        transport_section(run, healthy, picture),
        onsager_section(run, healthy),
        order_section(run, healthy, picture),
        other_section(run, healthy),
        PageSection(
            "limits",
            "What these numbers cannot support",
            points=[*limitations(run, results, teacher_kind), *interphase_limits(run, healthy)],
        ),
        provenance_section(run, study_text),
    ]
    warnings = [
        *_label_warning(run, teacher_kind),
        *gates_warning(run),
        *_study_warning(changed_stages),
        *_preliminary(results),
        *_left_out(results.left_out),
    ]
    html = _within_limit(sections, name=study_name, warnings=warnings, summary=_summary(results))
    page = report / "index.html"
    write_text(page, html)
    write_json(report / "results.json", results.to_json(), sort_keys=True)
    return page


@dataclass(frozen=True, slots=True)
class _Economy:
    """What a page does without, for it to stay small: each step leaves out what those before it do, and more."""

    left_out: str
    svg: bool = True
    start_and_end: bool = True
    of_runs: bool = True
    views: bool = True
    curves: bool = True
    figures: bool = True


_ECONOMIES = (
    _Economy(""),
    _Economy("the figures as SVG", svg=False),
    _Economy("the figures as SVG, and start and end of the runs to turn", svg=False, start_and_end=False),
    _Economy(
        "the figures as SVG, start and end of the runs to turn, and the figures of single runs, which are in the folder `analysis`",
        svg=False, start_and_end=False, of_runs=False,
    ),
    _Economy(
        "the figures as SVG, structures to turn, and the figures of single runs, which are in the folder `analysis`",
        svg=False, start_and_end=False, of_runs=False, views=False,
    ),
    _Economy(
        "the figures as SVG, structures to turn, numbers under the cursor and their tables, and the figures of single runs, which are in the "
        "folder `analysis`",
        svg=False, start_and_end=False, of_runs=False, views=False, curves=False,
    ),
    _Economy(
        "structures to turn and figures, which are in the folders `report/figures` and `analysis`",
        svg=False, start_and_end=False, of_runs=False, views=False, curves=False, figures=False,
    ),
)  # fmt: skip


def _within_limit(sections: Sequence[PageSection], **content: object) -> str:
    """The page, with as much in it as `LIMIT_BYTES` allows; it says what it does without."""
    for economy in _ECONOMIES:
        note = f"To stay small, this page is without {economy.left_out}." if economy.left_out else ""
        html = _rendered([_reduced(section, economy) for section in sections], note=note, **content)
        if len(html.encode()) <= LIMIT_BYTES:
            break
    return html


def _reduced(section: PageSection, economy: _Economy) -> PageSection:
    shown = [
        replace(picture, svg=picture.svg if economy.svg else "", curves=picture.curves if economy.curves else "")
        for picture in section.figures
        if economy.figures and (economy.of_runs or not picture.of_run)
    ]
    views = [view for view in section.views if economy.views and (economy.start_and_end or len(view.snapshots) == 1)]
    return replace(
        section, figures=shown, views=views, tables=[_without_empty_columns(table) for table in section.tables]
    )


def _without_empty_columns(table: Table) -> Table:
    """A table without the columns in which no row has anything, as older results leave them."""
    kept = [k for k in range(len(table.head)) if not table.rows or any(row[k] for row in table.rows)]
    return replace(table, head=[table.head[k] for k in kept], rows=[[row[k] for k in kept] for row in table.rows])


def _rendered(sections: Sequence[PageSection], **content: object) -> str:
    templates = environment()
    templates.filters |= {"packed_views": packed_views, "breakable": _breakable}
    shipped = files("mlip_interfaces.report")
    return templates.get_template("template.html.j2").render(
        version=__version__,
        answers=[section for section in sections if section.answer],
        sections=[section for section in sections if not section.answer],
        style=Markup(shipped.joinpath("page.css").read_text(encoding="utf-8")),
        scripts=[Markup(shipped.joinpath(name).read_text(encoding="utf-8")) for name in SCRIPTS],
        **content,
    )


def _breakable(key: str) -> Markup:
    """A long key that may go on in the next line after an underscore or a dot."""
    return Markup(re.sub(r"([_.])", r"\1<wbr>", str(escape(key))))


def _label_warning(run: Path, kind: str) -> list[str]:
    if given_model(run):
        return []
    data = read_optional_book(InitialData, run / "initial_data" / DATA_SUMMARY)
    name = data.calculator if data else "the study's calculator"
    if kind == "surrogate":
        return [f"All labels are by {name}, a surrogate potential: not DFT."]
    if kind in ("semiempirical", "custom"):
        return [f"All labels are by {name}: not DFT."]
    return []


def _study_warning(changed_stages: Sequence[str]) -> list[str]:
    if not changed_stages:
        return []
    names = ", ".join(changed_stages)
    return [
        f"The study was edited since, or is read by another version: what these stages made is not what it asks for now: {names}."
    ]


def _preliminary(results: Headline) -> list[str]:
    missing = results.preliminary_without
    if not missing:
        return []
    n_runs = len(results.runs) + len(results.unhealthy) + len(results.left_out)
    return [f"Preliminary: {len(missing)} of {counted(n_runs, 'run')} missing, not at the end: {', '.join(missing)}."]


def _left_out(runs: Mapping[str, str]) -> list[str]:
    return [f"{name} is left out: {why.rstrip('.')}." for name, why in runs.items()]


def _summary(results: Headline) -> list[dict[str, str]]:
    items = []
    if results.models:
        sizes = list(results.models.values())
        models = "interface model" if len(sizes) == 1 else "interface models"
        items.append({"value": str(len(sizes)), "label": f"{models}, {spoken_range(sizes)} atoms"})
    if results.campaign:
        failed = len(results.campaign.labels_failed)
        items.append({"value": str(results.campaign.labels_made), "label": f"labels made, {failed} failed"})
    if results.validation:
        energy, force = results.validation.energy_rmse_mev_per_atom, results.validation.force_rmse_mev_per_angstrom
        items.append({"value": f"{energy:.1f} meV/atom", "label": "energy RMSE, held-out labels"})
        items.append({"value": f"{force:.0f} meV/Å", "label": "force RMSE, held-out labels"})
    if results.md_ps:
        items.append({"value": spoken_time(results.md_ps), "label": "healthy MD analysed"})
    return items
