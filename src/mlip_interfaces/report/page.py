"""The page: sections from what a run folder holds, one HTML file without anything from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mlip_interfaces.books.run import DATA_SUMMARY, INDEX, AnalysisIndex, InitialData, read_optional_book
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
from mlip_interfaces.report.campaign_section import campaign_section
from mlip_interfaces.report.domain_section import domain_section
from mlip_interfaces.report.gates_section import gates_section, gates_warning
from mlip_interfaces.report.headline import Headline, collect_results, limitations, spoken_range
from mlip_interfaces.report.left_out import NONE_STALE
from mlip_interfaces.report.model_section import model_section
from mlip_interfaces.report.parts import PageSection, Picture
from mlip_interfaces.report.recommendation_section import recommendation_sections
from mlip_interfaces.report.run_sections import md_section, provenance_section, structures_section
from mlip_interfaces.report.thickness_section import seeds_sections, thickness_sections
from mlip_interfaces.run.stages import given_model
from mlip_interfaces.version import __version__


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

    def picture(figure: Figure, name: str, caption: str) -> Picture:
        return Picture(save_figure(figure, report / "figures", name), caption)

    sections = [
        *recommendation_sections(run),
        structures_section(run, picture),
        campaign_section(run, picture),
        model_section(run, picture),
        gates_section(run, picture),
        md_section(run, picture, stale),
        domain_section(run, picture, stale),
        *thickness_sections(run, healthy, picture),
        *seeds_sections(run),
        rdf_section(run, healthy, picture),
        transport_section(run, healthy, picture),
        onsager_section(run, healthy),
        order_section(run, healthy, picture),
        other_section(run, healthy),
        PageSection("limits", "What these numbers cannot support", points=limitations(run, results, teacher_kind)),
        provenance_section(run, study_text),
    ]
    environment = Environment(
        loader=PackageLoader("mlip_interfaces.report", "."), autoescape=True, undefined=StrictUndefined
    )
    html = environment.get_template("template.html.j2").render(
        name=study_name,
        version=__version__,
        warnings=[
            *_label_warning(run, teacher_kind),
            *gates_warning(run),
            *_study_warning(changed_stages),
            *_left_out(results.left_out),
        ],
        summary=_summary(results),
        sections=sections,
    )
    page = report / "index.html"
    write_text(page, html)
    write_json(report / "results.json", results.to_json(), sort_keys=True)
    return page


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
        items.append({"value": f"{results.md_ps:.3g} ps", "label": "healthy MD analysed"})
    return items
