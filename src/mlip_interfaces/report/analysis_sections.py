"""Sections of the page on what was computed from trajectories."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex, read_optional_book
from mlip_interfaces.figures import plots
from mlip_interfaces.figures.thickness import against_thickness
from mlip_interfaces.report.files import read_result, read_table
from mlip_interfaces.report.headline import not_diffusive_because
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.report.run_sections import MakePicture

Runs = Sequence[AnalysisEntry]
"""Healthy runs of the scan."""

OWN_SECTION = ("rdf", "msd", "tetrahedra", "chemistry")
"""Kinds that are compared between runs; of the others the figures of each run are shown."""


def _folder(run: Path, entry: AnalysisEntry) -> Path:
    return run / "analysis" / entry.directory


def _thicknesses(run: Path) -> set[float]:
    """Of all runs, those that are not healthy too: a thickness has the same colour in all figures of the page."""
    index = read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()
    return {entry.coating_angstrom or 0.0 for entry in index.runs}


def _by_condition(entries: Runs) -> Iterator[tuple[str, list[AnalysisEntry]]]:
    for condition in dict.fromkeys(entry.condition for entry in entries):
        yield condition, [entry for entry in entries if entry.condition == condition]


def _names(entries: Runs, kind: str) -> list[str]:
    """Names of all analyses of a kind, in order."""
    return list(dict.fromkeys(name for entry in entries for name in entry.of_kind(kind)))


def _called(name: str, kind: str) -> str:
    """What is said of an analysis that has a name of its own."""
    return "" if name == kind else f" ({name})"


def rdf_section(run: Path, entries: Runs, picture: MakePicture) -> PageSection:
    """g(r) in blocks of time, potentials of mean force, first peaks against thickness.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where there is nothing to show.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    section = PageSection("rdf", "Bonds against time: g(r)")
    names = _names(entries, "rdf")
    if not names:
        section.absent = "No healthy run has a g(r)." if entries else "There is no healthy run to analyse."
    for name in names:
        rows: list[list[str]] = []
        for condition, own in _by_condition([entry for entry in entries if name in entry.results]):
            rows += _rdf_figures(section, run, own, name, condition, picture)
        head = [
            "run", "pair", "first peak (Å)", "height", "to form (eV)", "to break (eV)", "error (eV)", "pairs at the minimum",
        ]  # fmt: skip
        section.tables.append(Table(head, rows, caption="" if name == "rdf" else name))
    return section


def _rdf_figures(
    section: PageSection, run: Path, entries: Runs, name: str, condition: str, picture: MakePicture
) -> list[list[str]]:
    """Figures of one condition; one seed is drawn per thickness, and the rows of the table have all."""
    kelvin, called = entries[0].temperature_kelvin, _called(name, "rdf")
    end = condition if name == "rdf" else f"{name}-{condition}"
    curves: dict[str, dict[float, plots.RdfCurves]] = {}
    potentials: dict[str, dict[float, tuple[Any, Any]]] = {}
    peaks: dict[str, list[tuple[float, float, float]]] = {}
    rows = []
    for entry in entries:
        folder, coating = _folder(run, entry), entry.coating_angstrom or 0.0
        table, whole = read_table(folder / f"{name}.csv"), _whole(folder, name)
        for pair, found in read_result(folder / f"{name}.json")["pairs"].items():
            data = _rdf_curves({column: values[table["pair"] == pair] for column, values in table.items()})
            curves.setdefault(pair, {}).setdefault(coating, data)
            if whole is not None:
                mine = whole["pair"] == pair
                potential = (whole["r_angstrom"][mine], whole["potential_of_mean_force_ev"][mine])
                potentials.setdefault(pair, {}).setdefault(coating, potential)
            rows.append(_rdf_row(entry, pair, found))
            if found["first_peak_height"] is not None:
                point = (coating, found["first_peak_height"], found["first_peak_height_error"])
                peaks.setdefault(pair, []).append(point)
    n_blocks = max(len(data.g) for by_coating in curves.values() for data in by_coating.values())
    caption = (
        f"g(r) at {kelvin:g} K ({condition}) in {n_blocks} blocks of time, later blocks darker; one seed per thickness."
    )
    section.figures.append(
        picture(plots.rdf_over_time(curves, thicknesses=_thicknesses(run)), f"rdf-{end}", caption + called)
    )
    if potentials:
        caption = "Potential of mean force over the whole run. Gaps: no pair was seen there."
        section.figures.append(
            picture(
                plots.mean_force(potentials, kelvin, thicknesses=_thicknesses(run)),
                f"mean-force-{end}",
                caption + called,
            )
        )
    if peaks:
        caption = f"Height of the first peak against the thickness of the coating, {kelvin:g} K ({condition})."
        section.figures.append(picture(against_thickness(peaks), f"peaks-{end}", caption + called))
    return rows


def _whole(folder: Path, name: str) -> dict[str, NDArray[Any]] | None:
    """g(r) of the whole run; None in folders of versions that did not write it."""
    file = folder / f"{name}_whole.csv"
    return read_table(file) if file.is_file() else None


def _rdf_curves(table: dict[str, Any]) -> plots.RdfCurves:
    blocks = np.unique(table["block"])
    first = table["block"] == blocks[0]
    rows = [table["block"] == block for block in blocks]
    return plots.RdfCurves(
        r=table["r_angstrom"][first],
        g=np.array([table["g"][row] for row in rows]),
        times=np.array([[table["time_start_ps"][row][0], table["time_end_ps"][row][0]] for row in rows]),
    )


def _rdf_row(entry: AnalysisEntry, pair: str, found: dict[str, Any]) -> list[str]:
    barrier = found["barrier"]

    def text(value: float | None, digits: int = 2) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    refused = barrier["note"] if barrier["formation_ev"] is None else str(barrier["counts"])
    return [
        entry.name, pair, text(found["first_peak_angstrom"]), text(found["first_peak_height"], 1),
        text(barrier["formation_ev"]), text(barrier["breaking_ev"]), text(barrier["error_ev"]), refused,
    ]  # fmt: skip


def transport_section(run: Path, entries: Runs, picture: MakePicture) -> PageSection:
    """MSD and diffusivities.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where there is nothing to show.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    section = PageSection("transport", "Diffusion")
    names = _names(entries, "msd")
    if not names:
        section.absent = "No healthy run has the species whose diffusion the study asks for."
        return section
    rows: list[list[str]] = []
    for name in names:
        for condition, own in _by_condition([entry for entry in entries if name in entry.results]):
            rows += _msd_figures(section, run, own, name, condition, picture)
    head = ["run", "group", "D (cm²/s)", "95 % interval", "log-log slope", "quality", "atoms", "diffusive"]
    section.tables.append(Table(head, rows))
    return section


def _diffusivity_cell(values: dict[str, Any]) -> str:
    value = f"{values['diffusivity_cm2_per_s']:.2e}"
    return value if values["diffusive"] else f"not diffusive yet; slope / 6 = {value}"


def _msd_figures(
    section: PageSection, run: Path, entries: Runs, name: str, condition: str, picture: MakePicture
) -> list[list[str]]:
    """A figure of each group of atoms, and the rows of the table."""
    kelvin, rows = entries[0].temperature_kelvin, []
    curves: dict[str, list[plots.MsdCurve]] = {}
    for entry in entries:
        table = read_table(_folder(run, entry) / f"{name}.csv")
        for species, values in read_result(_folder(run, entry) / f"{name}.json")["species"].items():
            mask = (table["species"] == species) & (table["direction"] == "xyz")
            group = species if values["layer"] is None else f"{species} of the {values['layer']}"
            low, high = values["confidence_95_cm2_per_s"]
            curves.setdefault(group, []).append(
                plots.MsdCurve(
                    entry.coating_angstrom or 0.0,
                    table["lag_ps"][mask],
                    table["msd_angstrom2"][mask],
                    table["msd_error_angstrom2"][mask],
                    values["fit_window_ps"][0],
                    values["diffusivity_cm2_per_s"],
                    (low, high),
                    values["diffusive"],
                )
            )
            rows.append(
                [
                    entry.name, group, _diffusivity_cell(values), f"{low:.1e} to {high:.1e}",
                    f"{values['log_log_slope']:.2f}", f"{values['quality_factor']:.2g}", str(values["n_atoms"]),
                    "yes" if values["diffusive"] else f"no: {' and '.join(not_diffusive_because(values))}",
                ]
            )  # fmt: skip
    for number, (group, drawn) in enumerate(curves.items()):
        caption = (
            f"{group} at {kelvin:g} K ({condition}): MSD with standard errors (the fit begins at the dot), and D with 95 % "
            "intervals, hollow where the atoms are not diffusive yet. Quality: the probability that a random walk deviates as "
            "much from the fitted line; near zero, the run is too short for a diffusivity."
        )
        own = [condition] if number == 0 else [condition, str(number + 1)]
        end = "-".join(own if name == "msd" else [name, *own])
        section.figures.append(
            picture(plots.transport(drawn, group, thicknesses=_thicknesses(run)), f"transport-{end}", caption)
        )
    return rows


def order_section(run: Path, entries: Runs, picture: MakePicture) -> PageSection:
    """Regular tetrahedra, phosphorus units and S2 dimers.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where there is nothing to show.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    section = PageSection("order", "Tetrahedra, PS₄ units and S₂ dimers")
    if not entries:
        section.absent = "There is no healthy run to analyse."
        return section
    names = list(zip_longest(_names(entries, "tetrahedra"), _names(entries, "chemistry"), fillvalue=""))
    if not names:
        section.absent = "No healthy run has tetrahedra or bonds."
        return section
    rows: list[list[str]] = []
    for condition, own in _by_condition(entries):
        for number, (tetrahedra, chemistry) in enumerate(names):
            name = f"order-{condition}" + (f"-{number + 1}" if number else "")
            rows += _order_figure(section, run, own, (tetrahedra, chemistry), name, picture)
    head = ["run", "regular tetrahedra", "for other q_min", "P units (mean number)", "S₂ dimers", "P-O, Co-S bonds"]
    section.tables.append(Table(head, rows))
    return section


def _order_figure(
    section: PageSection, run: Path, entries: Runs, names: tuple[str, str], file: str, picture: MakePicture
) -> list[list[str]]:
    """The figure of one analysis of tetrahedra and one of bonds, or of either, and their rows of the table."""
    tetrahedra: list[tuple[float, float, float, int]] = []
    chemistry: list[plots.ChemistryTrace] = []
    center, ligand, rows = "Li", "F", []
    called = "".join(_called(name, kind) for name, kind in zip(names, ("tetrahedra", "chemistry"), strict=True) if name)
    for entry in entries:
        row = [f"{entry.name}{called}", "", "", "", "", ""]
        if names[0] in entry.results:
            found = read_result(_folder(run, entry) / f"{names[0]}.json")
            center, ligand = found["settings"]["center"], found["settings"]["ligand"]
            point = (found["fraction_mean"], found["fraction_error"], found["n_centers"])
            tetrahedra.append((entry.coating_angstrom or 0.0, *point))
            spread = ", ".join(f"{q}: {v['count_mean']:.1f}" for q, v in found["sensitivity"].items())
            row[1:3] = [f"{found['count_mean']:.1f} ± {found['count_error']:.1f}", spread]
        if names[1] in entry.results:
            trace, row[3:] = _chemistry(_folder(run, entry), entry, names[1])
            chemistry.append(trace)
        rows.append(row)
    caption = (
        f"{entries[0].condition}, {entries[0].temperature_kelvin:g} K. Left: {center} with exactly four {ligand} in a regular "
        "tetrahedron, mean and standard error over the run. Middle and right: intact PS₄ units and S₂ dimers that last."
    )
    figure = plots.order_and_chemistry(tetrahedra, chemistry, center, ligand, thicknesses=_thicknesses(run))
    section.figures.append(picture(figure, file, caption + called))
    return rows


def _chemistry(folder: Path, entry: AnalysisEntry, name: str) -> tuple[plots.ChemistryTrace, list[str]]:
    """What is drawn of a run's chemistry, and its cells of the table."""
    found, table = read_result(folder / f"{name}.json"), read_table(folder / f"{name}.csv")
    intact = table["PS4"] if "PS4" in table else np.zeros_like(table["time_ps"])
    trace = plots.ChemistryTrace(
        entry.coating_angstrom or 0.0, table["time_ps"], intact / max(1, found["n_phosphorus"]), table["s2_dimers"]
    )
    units = ", ".join(f"{kind} {mean:.2g}" for kind, mean in found["p_s_units"].items() if mean > 0.05)
    bonds = f"{found['bonds']['P-O']:.1f}, {found['bonds']['Co-S']:.1f}"
    return trace, [units, f"{found['s2_dimers_mean']:.2f}", bonds]


def other_section(run: Path, entries: Runs) -> PageSection:
    """Figures and headlines of every other analysis, of one run per condition and thickness, and what is absent.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.

    Returns
    -------
    PageSection
        Saying so where there is nothing to show.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    section = PageSection("analyses", "Other analyses")
    shown: set[tuple[str, float | None, str]] = set()
    for entry in entries:
        for name in entry.results:
            place = (entry.condition, entry.coating_angstrom, name)
            if entry.kinds.get(name, name) in OWN_SECTION or place in shown:
                continue
            shown.add(place)
            folder = _folder(run, entry)
            said = read_result(folder / f"{name}.json").get("summary", [])
            caption = f"{name}, {entry.name}. {'; '.join(said)}"
            file = folder / f"{name}.png"
            if file.is_file():
                data = base64.b64encode(file.read_bytes()).decode()
                section.figures.append(Picture(f"data:image/png;base64,{data}", caption))
            else:
                section.points.append(caption)
        section.points += [f"{entry.name}: no {name}. {why}" for name, why in entry.absent.items()]
    if not section.figures and not section.points:
        section.absent = "There is none."
    return section
