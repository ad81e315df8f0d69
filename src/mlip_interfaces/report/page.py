"""The page: sections from what a run folder holds, one HTML file without anything from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mlip_interfaces import __version__
from mlip_interfaces.analysis.barrier import potential_of_mean_force
from mlip_interfaces.figures import Figure, plots
from mlip_interfaces.figures.analysis_plots import against_thickness
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import read_optional_json, write_json, write_text
from mlip_interfaces.report.campaign_section import campaign_section
from mlip_interfaces.report.files import read_result, read_table
from mlip_interfaces.report.headline import Headline, collect_results, limitations
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.report.run_sections import md_section, model_section, provenance_section, structures_section
from mlip_interfaces.run.books import DATA_SUMMARY, InitialData, read_optional_book


def write_report(run: Path, *, study_name: str, study_text: str, teacher_kind: str) -> Path:
    """Write ``report/index.html``, its figures as PNG and SVG, and ``report/results.json``.

    Parameters
    ----------
    run : Path
        The run folder; a stage that has not run leaves its section empty and saying so.
    study_name, study_text : str
        Of the study file.
    teacher_kind : {"surrogate", "dft", "semiempirical", "custom"}
        Who labelled.

    Returns
    -------
    page : Path
        The HTML file.
    """
    report = run / "report"
    report.mkdir(parents=True, exist_ok=True)
    builder = _Builder(run, report / "figures")
    results = collect_results(run)
    sections = [
        structures_section(run, builder.picture),
        campaign_section(run, builder.picture),
        model_section(run, builder.picture),
        md_section(run, builder.picture),
        builder.distributions(),
        builder.transport(),
        builder.order(),
        PageSection("limits", "What these numbers cannot support", points=limitations(run, results, teacher_kind)),
        provenance_section(run, study_text),
    ]
    environment = Environment(
        loader=PackageLoader("mlip_interfaces.report", "."), autoescape=True, undefined=StrictUndefined
    )
    html = environment.get_template("template.html.j2").render(
        name=study_name,
        version=__version__,
        label_warning=_label_warning(run, teacher_kind),
        summary=_summary(results),
        sections=sections,
    )
    page = report / "index.html"
    write_text(page, html)
    write_json(report / "results.json", results.to_json(), sort_keys=True)
    return page


def _label_warning(run: Path, kind: str) -> str:
    data = read_optional_book(InitialData, run / "initial_data" / DATA_SUMMARY)
    name = data.calculator if data else "the study's calculator"
    if kind == "surrogate":
        return f"All labels are by {name}, a surrogate potential: not DFT."
    if kind in ("semiempirical", "custom"):
        return f"All labels are by {name}: not DFT."
    return ""


def _summary(results: Headline) -> list[dict[str, str]]:
    items = []
    if results.models:
        sizes = list(results.models.values())
        items.append({"value": str(len(sizes)), "label": f"interface models, {min(sizes)} to {max(sizes)} atoms"})
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


class _Builder:
    """Sections of the page from the files of one run folder."""

    def __init__(self, run: Path, figures: Path) -> None:
        self._run = run
        self._figures = figures
        analysed = (read_optional_json(run / "analysis" / "index.json") or {"runs": []})["runs"]
        self._healthy: list[dict[str, Any]] = [entry for entry in analysed if entry["healthy"]]

    def picture(self, figure: Figure, name: str, caption: str) -> Picture:
        return Picture(save_figure(figure, self._figures, name), caption)

    def _folder(self, entry: dict[str, Any]) -> Path:
        return self._run / "analysis" / str(entry["directory"])

    def distributions(self) -> PageSection:
        section = PageSection("rdf", "Bonds against time: g(r)")
        with_rdf = [entry for entry in self._healthy if "rdf" in entry["results"]]
        if not with_rdf:
            section.absent = "There is no healthy run to analyse."
            return section
        for condition in dict.fromkeys(entry["condition"] for entry in with_rdf):
            entries = [entry for entry in with_rdf if entry["condition"] == condition]
            kelvin = entries[0]["temperature_kelvin"]
            curves: dict[str, dict[float, plots.RdfCurves]] = {}
            potentials: dict[str, dict[float, tuple[Any, Any]]] = {}
            peaks: dict[str, list[tuple[float, float, float]]] = {}
            rows = []
            for entry in entries:
                # One seed is drawn per thickness; the table has all.
                table = read_table(self._folder(entry) / "rdf.csv")
                summary = read_result(self._folder(entry) / "rdf.json")
                for pair in dict.fromkeys(table["pair"].tolist()):
                    data = _rdf_curves({name: column[table["pair"] == pair] for name, column in table.items()})
                    curves.setdefault(pair, {}).setdefault(entry["coating_angstrom"], data)
                    mean = data.g.mean(axis=0)
                    potential = potential_of_mean_force(mean, kelvin)
                    potentials.setdefault(pair, {}).setdefault(entry["coating_angstrom"], (data.r, potential))
                    found = summary["pairs"][pair]
                    rows.append(_rdf_row(entry, pair, found))
                    if found["first_peak_height"] is not None:
                        error = found["first_peak_height_error"]
                        point = (entry["coating_angstrom"], found["first_peak_height"], error)
                        peaks.setdefault(pair, []).append(point)
            n_blocks = max(len(data.g) for by_coating in curves.values() for data in by_coating.values())
            caption = f"g(r) at {kelvin:g} K ({condition}) in {n_blocks} blocks of time, later blocks darker; one seed per thickness."
            section.figures.append(self.picture(plots.rdf_over_time(curves), f"rdf-{condition}", caption))
            caption = "Potential of mean force over the whole run. Gaps: no pair was seen there."
            section.figures.append(
                self.picture(plots.mean_force(potentials, kelvin), f"mean-force-{condition}", caption)
            )
            caption = f"Height of the first peak against the thickness of the coating, {kelvin:g} K ({condition})."
            if peaks:
                section.figures.append(self.picture(against_thickness(peaks), f"peaks-{condition}", caption))
            head = [
                "run",
                "pair",
                "first peak (Å)",
                "height",
                "to form (eV)",
                "to break (eV)",
                "error (eV)",
                "pairs at the minimum",
            ]
            section.tables.append(Table(head, rows))
        return section

    def transport(self) -> PageSection:
        section = PageSection("transport", "Diffusion")
        with_msd = [entry for entry in self._healthy if "msd" in entry["results"]]
        if not with_msd:
            section.absent = "No healthy run has the species whose diffusion the study asks for."
            return section
        rows = []
        for condition in dict.fromkeys(entry["condition"] for entry in with_msd):
            curves = []
            for entry in (entry for entry in with_msd if entry["condition"] == condition):
                result = read_result(self._folder(entry) / "msd.json")
                table = read_table(self._folder(entry) / "msd.csv")
                for species, values in result["species"].items():
                    mask = (table["species"] == species) & (table["direction"] == "xyz")
                    curves.append(
                        plots.MsdCurve(
                            entry["coating_angstrom"], table["lag_ps"][mask], table["msd_angstrom2"][mask],
                            table["msd_error_angstrom2"][mask], values["fit_window_ps"][0],
                            values["diffusivity_cm2_per_s"], tuple(values["confidence_95_cm2_per_s"]),
                        )
                    )  # fmt: skip
                    group = species if values["layer"] is None else f"{species} of the {values['layer']}"
                    low, high = values["confidence_95_cm2_per_s"]
                    rows.append(
                        [
                            entry["name"], group, f"{values['diffusivity_cm2_per_s']:.2e}", f"{low:.1e} to {high:.1e}",
                            f"{values['log_log_slope']:.2f}", f"{values['quality_factor']:.2g}", str(values["n_atoms"]), "yes" if values["diffusive"] else "no",
                        ]
                    )  # fmt: skip
            kelvin = next(entry["temperature_kelvin"] for entry in with_msd if entry["condition"] == condition)
            caption = (
                f"{group} at {kelvin:g} K ({condition}): MSD with standard errors (the fit begins at the dot), and D with "
                "95 % intervals. Quality: the probability that a random walk deviates as much from the fitted line; near zero, "
                "the run is too short for a diffusivity."
            )
            section.figures.append(self.picture(plots.transport(curves, group), f"transport-{condition}", caption))
        head = ["run", "group", "D (cm²/s)", "95 % interval", "log-log slope", "quality", "atoms", "diffusive"]
        section.tables.append(Table(head, rows))
        return section

    def order(self) -> PageSection:
        section = PageSection("order", "Tetrahedra, PS₄ units and S₂ dimers")
        if not self._healthy:
            section.absent = "There is no healthy run to analyse."
            return section
        rows = []
        for condition in dict.fromkeys(entry["condition"] for entry in self._healthy):
            tetrahedra, chemistry, center, ligand = [], [], "Li", "F"
            for entry in (entry for entry in self._healthy if entry["condition"] == condition):
                row = [entry["name"], "", "", "", "", ""]
                found = read_optional_json(self._folder(entry) / "tetrahedra.json")
                if found:
                    center, ligand = found["settings"]["center"], found["settings"]["ligand"]
                    tetrahedra.append(
                        (entry["coating_angstrom"], found["fraction_mean"], found["fraction_error"], found["n_centers"])
                    )
                    spread = ", ".join(f"{q}: {v['count_mean']:.1f}" for q, v in found["sensitivity"].items())
                    row[1:3] = [f"{found['count_mean']:.1f} ± {found['count_error']:.1f}", spread]
                result = read_optional_json(self._folder(entry) / "chemistry.json")
                if result:
                    table = read_table(self._folder(entry) / "chemistry.csv")
                    intact = table["PS4"] if "PS4" in table else np.zeros_like(table["time_ps"])
                    chemistry.append(
                        plots.ChemistryTrace(
                            entry["coating_angstrom"], table["time_ps"], intact / max(1, result["n_phosphorus"]),
                            table["s2_dimers"],
                        )
                    )  # fmt: skip
                    units = ", ".join(f"{kind} {mean:.2g}" for kind, mean in result["p_s_units"].items() if mean > 0.05)
                    row[3:] = [
                        units,
                        f"{result['s2_dimers_mean']:.2f}",
                        f"{result['bonds']['P-O']:.1f}, {result['bonds']['Co-S']:.1f}",
                    ]
                rows.append(row)
            kelvin = next(entry["temperature_kelvin"] for entry in self._healthy if entry["condition"] == condition)
            caption = (
                f"{condition}, {kelvin:g} K. Left: {center} with exactly four {ligand} in a regular tetrahedron, mean and "
                "standard error over the run. Middle and right: intact PS₄ units and S₂ dimers that last."
            )
            figure = plots.order_and_chemistry(tetrahedra, chemistry, center, ligand)
            section.figures.append(self.picture(figure, f"order-{condition}", caption))
        head = ["run", "regular tetrahedra", "for other q_min", "P units (mean number)", "S₂ dimers", "P-O, Co-S bonds"]
        section.tables.append(Table(head, rows))
        return section


def _rdf_curves(table: dict[str, Any]) -> plots.RdfCurves:
    blocks = np.unique(table["block"])
    first = table["block"] == blocks[0]
    rows = [table["block"] == block for block in blocks]
    return plots.RdfCurves(
        r=table["r_angstrom"][first],
        g=np.array([table["g"][row] for row in rows]),
        times=np.array([[table["time_start_ps"][row][0], table["time_end_ps"][row][0]] for row in rows]),
    )


def _rdf_row(entry: dict[str, Any], pair: str, found: dict[str, Any]) -> list[str]:
    barrier = found["barrier"]

    def text(value: float | None, digits: int = 2) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    refused = barrier["note"] if barrier["formation_ev"] is None else str(barrier["counts"])
    return [
        entry["name"], pair, text(found["first_peak_angstrom"]), text(found["first_peak_height"], 1),
        text(barrier["formation_ev"]), text(barrier["breaking_ev"]), text(barrier["error_ev"]), refused,
    ]  # fmt: skip
