"""The page: sections from what a run folder holds, one HTML file without anything from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ase.io import read
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from mlip_interfaces.analysis.barrier import potential_of_mean_force
from mlip_interfaces.figures import plots
from mlip_interfaces.figures.analysis_plots import against_thickness
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import read_optional_json, write_json, write_text
from mlip_interfaces.report.campaign_section import campaign_section
from mlip_interfaces.report.files import read_result, read_table
from mlip_interfaces.report.headline import collect_results, limitations
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.version import __version__

STAGE_FOLDERS = ("structures", "initial_data", "campaign", "model", "validation", "scan", "analysis")


def write_report(run: Path, *, study_name: str, study_text: str, teacher_kind: str) -> Path:
    """Write ``report/index.html``, its figures as PNG and SVG, and ``report/results.json``.

    Parameters
    ----------
    run : the run folder; a stage that has not run leaves its section empty and saying so.
    study_name, study_text : of the study file.
    teacher_kind : ``surrogate``, ``dft``, ``semiempirical`` or ``custom``.

    Returns
    -------
    page : path of the HTML file.
    """
    report = run / "report"
    report.mkdir(parents=True, exist_ok=True)
    builder = _Builder(run, report / "figures")
    results = collect_results(run)
    sections = [
        builder.structures(),
        builder.campaign(),
        builder.model(),
        builder.health(),
        builder.distributions(),
        builder.transport(),
        builder.order(),
        PageSection("limits", "What these numbers cannot support", points=limitations(run, results, teacher_kind)),
        builder.provenance(study_text),
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
    write_json(report / "results.json", results, sort_keys=True)
    return page


def _label_warning(run: Path, kind: str) -> str:
    data = read_optional_json(run / "initial_data" / "summary.json")
    name = data["calculator"] if data else "the study's calculator"
    if kind == "surrogate":
        return f"All labels are by {name}, a surrogate potential: not DFT."
    if kind in ("semiempirical", "custom"):
        return f"All labels are by {name}: not DFT."
    return ""


def _summary(results: dict[str, Any]) -> list[dict[str, str]]:
    items = []
    if results["models"]:
        sizes = list(results["models"].values())
        items.append({"value": str(len(sizes)), "label": f"interface models, {min(sizes)} to {max(sizes)} atoms"})
    if results["campaign"]:
        failed = len(results["campaign"]["labels_failed"])
        items.append({"value": str(results["campaign"]["labels_made"]), "label": f"labels made, {failed} failed"})
    if results["validation"]:
        validation = results["validation"]
        energy, force = validation["energy_rmse_mev_per_atom"], validation["force_rmse_mev_per_angstrom"]
        items.append({"value": f"{energy:.1f} meV/atom", "label": "energy RMSE, held-out labels"})
        items.append({"value": f"{force:.0f} meV/Å", "label": "force RMSE, held-out labels"})
    if results["md_ps"]:
        items.append({"value": f"{results['md_ps']:.3g} ps", "label": "healthy MD analysed"})
    return items


class _Builder:
    """Sections of the page from the files of one run folder."""

    def __init__(self, run: Path, figures: Path) -> None:
        self._run = run
        self._figures = figures
        self._scan: list[dict[str, Any]] = (read_optional_json(run / "scan" / "index.json") or {"runs": []})["runs"]
        analysed = (read_optional_json(run / "analysis" / "index.json") or {"runs": []})["runs"]
        self._healthy: list[dict[str, Any]] = [entry for entry in analysed if entry["healthy"]]

    def _picture(self, figure: Figure, name: str, caption: str) -> Picture:
        return Picture(save_figure(figure, self._figures, name), caption)

    def _folder(self, entry: dict[str, Any]) -> Path:
        return self._run / "analysis" / str(entry["directory"])

    def structures(self) -> PageSection:
        section = PageSection("structures", "Structures")
        index = read_optional_json(self._run / "structures" / "index.json")
        if index is None:
            section.absent = "The models have not been built."
            return section
        models = [model for model in index["models"] if model["role"] == "interface"]
        for small, kind in ((False, "structures"), (True, "small-structures")):
            chosen = [model for model in models if model["small"] == small]
            if chosen:
                views = [
                    plots.SideView.of_atoms(
                        read(self._run / "structures" / m["file"]), f"{m['name']}: {m['n_atoms']} atoms"
                    )
                    for m in chosen
                ]
                caption = (
                    "The models"
                    + (" for DFT" if small else "")
                    + " as built, seen along y; bands show the layer each atom comes from."
                )
                section.figures.append(self._picture(plots.structures(views), kind, caption))
        head = [
            "model",
            "atoms",
            "area (Å²)",
            "layers: thickness made (asked), Å",
            "strain",
            "shortest contact (Å)",
            "g/cm³",
        ]
        rows = []
        for model in models:
            layers = ", ".join(
                f"{part['name']} {part['thickness_angstrom']:.1f} ({part['requested_thickness_angstrom']:g})"
                for part in model["layers"]
            )
            pair, distance = min(model["min_distances_angstrom"].items(), key=lambda item: item[1])
            rows.append(
                [
                    model["name"], str(model["n_atoms"]), f"{model['area_angstrom2']:.1f}", layers,
                    f"{100 * model['strain']:.2f} %", f"{pair} {distance:.2f}",
                    f"{model['density_g_per_cm3']:.2f}",
                ]
            )  # fmt: skip
        section.tables.append(Table(head, rows))
        for part in index["amorphous"]:
            section.paragraphs.append(
                f"Amorphous {part['material']}, {part['thickness_angstrom']:g} Å: {part['density_g_per_cm3']:.2f} g/cm³; "
                f"{part['verdict']}."
            )
        return section

    def campaign(self) -> PageSection:
        return campaign_section(self._run, self._picture)

    def model(self) -> PageSection:
        section = PageSection("model", "Deep Potential against held-out labels")
        validation = read_optional_json(self._run / "validation" / "validation.json")
        if validation is None:
            section.absent = "The final model has not been validated."
            return section
        training = validation["training"]
        section.paragraphs.append(
            f"Trained on {training['n_frames']} frames for {training['steps']} steps (from a committee member), frozen and "
            f"compressed; tested on {validation['n_frames']} frames that no training saw."
        )
        with np.load(self._run / "validation" / "parity.npz") as data:
            figure = plots.parity(
                data["energy_reference_ev_per_atom"], data["energy_model_ev_per_atom"], data["force_reference"],
                data["force_model"], data["force_layer"],
            )  # fmt: skip
        caption = f"Model against label for {validation['n_frames']} held-out frames; forces by layer of the atom."
        section.figures.append(self._picture(figure, "parity", caption))
        rows = [
            ["all", f"{validation['energy_rmse_mev_per_atom']:.1f}", f"{validation['force_rmse_mev_per_angstrom']:.0f}",
             f"{validation['n_frames']} frames"]
        ]  # fmt: skip
        rows += [
            [f"layer {name}", "", f"{part['force_rmse_mev_per_angstrom']:.0f}", f"{part['n_atoms']} atoms"]
            for name, part in validation["layers"].items()
        ]
        rows += [
            [name, f"{part['energy_rmse_mev_per_atom']:.1f}", f"{part['force_rmse_mev_per_angstrom']:.0f}",
             f"{part['n_frames']} frames"]
            for name, part in validation["systems"].items()
        ]  # fmt: skip
        section.tables.append(Table(["", "energy RMSE (meV/atom)", "force RMSE (meV/Å)", "over"], rows))
        return section

    def health(self) -> PageSection:
        section = PageSection("md", "Molecular dynamics")
        if not self._scan:
            section.absent = "The scan has not been run."
            return section
        traces = []
        for entry in self._scan:
            file = self._run / "scan" / entry["directory"] / entry["thermo_file"]
            if entry["n_frames"]:
                table = read_table(file)
                traces.append(
                    plots.ThermoTrace(
                        coating_angstrom=entry["coating_angstrom"],
                        condition=entry["condition"],
                        target_kelvin=entry["temperature_kelvin"],
                        healthy=entry["healthy"],
                        time_ps=table["time_ps"],
                        temperature_kelvin=table["temperature_kelvin"],
                        density_g_per_cm3=table["density_g_per_cm3"],
                    )
                )
        if traces:
            caption = "Temperature and density of every run; the grey line is the thermostat's target."
            section.figures.append(self._picture(plots.health(traces), "health", caption))
        head = ["run", "verdict", "atoms", "ps", "T mean (max), K", "density start, mean", "shortest (Å)", "steps/s"]
        rows = []
        for entry in self._scan:
            verdict = "healthy" if entry["healthy"] else "not healthy"
            if entry["n_frames"] == 0:
                rows.append([entry["name"], verdict, str(entry["n_atoms"]), "0", "", "", "", ""])
                continue
            speed = f"{entry['steps_per_second']:.1f}" if entry["steps_per_second"] else ""
            rows.append(
                [
                    entry["name"], verdict, str(entry["n_atoms"]), f"{entry['time_ps']:.3g}",
                    f"{entry['temperature_mean_kelvin']:.0f} ({entry['temperature_max_kelvin']:.0f})",
                    f"{entry['density_initial_g_per_cm3']:.2f}, {entry['density_mean_g_per_cm3']:.2f}",
                    f"{entry['min_distance_angstrom']:.2f}", speed,
                ]
            )  # fmt: skip
        section.tables.append(Table(head, rows))
        section.points += [
            f"{entry['name']} is not healthy and enters no average: {'; '.join(entry['reasons'])}."
            for entry in self._scan
            if not entry["healthy"]
        ]
        return section

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
            section.figures.append(self._picture(plots.rdf_over_time(curves), f"rdf-{condition}", caption))
            caption = "Potential of mean force over the whole run. Gaps: no pair was seen there."
            section.figures.append(
                self._picture(plots.mean_force(potentials, kelvin), f"mean-force-{condition}", caption)
            )
            caption = f"Height of the first peak against the thickness of the coating, {kelvin:g} K ({condition})."
            if peaks:
                section.figures.append(self._picture(against_thickness(peaks), f"peaks-{condition}", caption))
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
            section.figures.append(self._picture(plots.transport(curves, group), f"transport-{condition}", caption))
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
            section.figures.append(self._picture(figure, f"order-{condition}", caption))
        head = ["run", "regular tetrahedra", "for other q_min", "P units (mean number)", "S₂ dimers", "P-O, Co-S bonds"]
        section.tables.append(Table(head, rows))
        return section

    def provenance(self, study_text: str) -> PageSection:
        section = PageSection("provenance", "What was run", text=study_text, text_title="The study file")
        rows: list[list[str]] = []
        versions: dict[str, str] = {}
        for folder in STAGE_FOLDERS:
            manifest = read_optional_json(self._run / folder / "manifest.json")
            if manifest:
                versions |= manifest["versions"]
                rows.append(
                    [manifest["stage"], manifest["status"], f"{manifest['wall_seconds']:.0f}", str(manifest["n_starts"]),
                     manifest["finished"] or "", manifest["command"]]
                )  # fmt: skip
        section.tables.append(Table(["stage", "status", "wall time (s)", "starts", "finished", "command"], rows))
        section.tables.append(Table(["program", "version"], [[name, version] for name, version in versions.items()]))
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
