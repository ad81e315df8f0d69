"""Sections of the page on what was computed from trajectories."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex, read_optional_book
from mlip_interfaces.figures import plots
from mlip_interfaces.figures.runs import Which
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.files import read_result, read_table
from mlip_interfaces.report.headline import not_diffusive_because
from mlip_interfaces.report.interphase_section import OF_INTERPHASES
from mlip_interfaces.report.own_figures import Runs, by_condition, first_of_each, own_figure
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.report.run_names import names_in_figures
from mlip_interfaces.report.run_sections import MakePicture

OWN_SECTION = ("rdf", "msd", "onsager", "tetrahedra", "chemistry", *OF_INTERPHASES)
"""Kinds that have a section of their own; of the others the figures of each run are shown."""

OLD_REACTION_BONDS = ("P-O", "Co-S")
"""Of results that do not name theirs."""


ORDER_COLUMNS = (
    "run", "regular tetrahedra", "for other q_min", "units (mean number)", "intact: mean, at the end", "S₂ dimers",
)  # fmt: skip
"""Of the table on local order, as far as a run has them; bonds of reactions follow."""

NO_RUN = "There is no healthy run to analyse."

WHOLE_CELL = (
    "g(r) and its barriers by the whole cell are those of the literature. They are no measure of chemistry: with the same neighbours around "
    "every atom, a larger cell raises each peak, and lowers the barrier to form by kT ln(V₂/V₁). In the layer, g(r) is "
    "normalised by the density in the layers in which both kinds started, or else in those of the second kind; it does not "
    "know how thick the others are."
)

NO_BARRIER = {"formation_ev": None, "breaking_ev": None, "error_ev": None, "note": "no temperature was given"}
"""Of a g(r) without a temperature."""


def _folder(run: Path, entry: AnalysisEntry) -> Path:
    return run / "analysis" / entry.directory


def _in_figures(run: Path) -> dict[str, Which]:
    """What each run of the study is called in figures."""
    index = read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()
    return names_in_figures(index.runs)


def _said_of_reach(entry: AnalysisEntry, name: str, found: dict[str, Any]) -> list[str]:
    """That an analysis looked less far than was asked for, which its summary says last."""
    return [f"{entry.name}, {name}: {found['summary'][-1]}"] if found.get("shortened") else []


def _because(entries: Runs, kind: str) -> str:
    """Why an analysis is absent, in the words of the first run that says so."""
    for entry in entries:
        for name, why in entry.absent.items():
            if name.split(" ")[0] == kind:
                return f" {why}"
    return ""


def _names(entries: Runs, kind: str) -> list[str]:
    """Names of all analyses of a kind, in order."""
    return list(dict.fromkeys(name for entry in entries for name in entry.of_kind(kind)))


def _called(name: str, kind: str) -> str:
    """What is said of an analysis that has a name of its own."""
    return "" if name == kind else f" ({name})"


def rdf_section(run: Path, entries: Runs, picture: MakePicture) -> PageSection:
    """g(r) in blocks of time, by the layer and by the whole cell, and potentials of mean force.

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
        section.absent = f"No healthy run has a g(r).{_because(entries, 'rdf')}" if entries else NO_RUN
    for name in names:
        rows: list[list[str]] = []
        for condition, own in by_condition([entry for entry in entries if name in entry.results]):
            rows += _rdf_figures(section, run, own, name, condition, picture)
        head = [
            "run", "pair", "neighbours", "first peak (Å)", "height in layer", "height by whole cell",
            "apparent barrier to form, in layer (eV)", "by whole cell (eV)", "apparent barrier to break (eV)", "error (eV)",
            "pairs at the minimum",
        ]  # fmt: skip
        section.tables.append(Table(head, rows, caption="" if name == "rdf" else name))
    if names:
        section.paragraphs.append(
            "Barriers and potentials of mean force are apparent: they are read off the g(r) of a run that need not be in "
            "equilibrium. Where a bond is made or broken in the run, they are no free energies."
        )
        section.paragraphs.append(WHOLE_CELL)
    return section


def _rdf_figures(
    section: PageSection, run: Path, entries: Runs, name: str, condition: str, picture: MakePicture
) -> list[list[str]]:
    """Figures of one condition; one seed is drawn per thickness, and the rows of the table have all."""
    kelvin, called = entries[0].temperature_kelvin, _called(name, "rdf")
    end = condition if name == "rdf" else f"{name}-{condition}"
    curves: dict[str, dict[Which, plots.RdfCurves]] = {}
    in_layers: dict[str, dict[Which, plots.RdfCurves]] = {}
    potentials: dict[str, dict[Which, tuple[Any, Any]]] = {}
    all_in_layer = True
    rows, changed, in_figures = [], [], _in_figures(run)
    drawn = _drawn(entries, in_figures)
    for entry in entries:
        folder, which = _folder(run, entry), in_figures[entry.name]
        table, whole, content = (
            read_table(folder / f"{name}.csv"),
            _whole(folder, name),
            read_result(folder / f"{name}.json"),
        )
        section.points += _said_of_reach(entry, name, content)
        for pair, found in content["pairs"].items():
            if entry in drawn:
                mine = {column: values[table["pair"] == pair] for column, values in table.items()}
                curves.setdefault(pair, {})[which] = _rdf_curves(mine, "g")
                layered = bool(found.get("in_layer", {}).get("layers"))
                all_in_layer &= layered
                if layered:
                    in_layers.setdefault(pair, {})[which] = _rdf_curves(mine, "g_in_layer")
                if whole is not None:
                    own = whole["pair"] == pair
                    column = "potential_of_mean_force_in_layer_ev" if layered else "potential_of_mean_force_ev"
                    potentials.setdefault(pair, {})[which] = (whole["r_angstrom"][own], whole[column][own])
            rows.append(_rdf_row(entry, pair, found))
            # The height in the layer: that by the whole cell changes where the cell does.
            barrier = _shown(found).get("barrier")
            if barrier is not None and barrier.get("stationary") is False:
                if entry in drawn:
                    changed.append(pair)
                if barrier["formation_ev"] is not None:
                    section.points.append(f"{entry.name}, {pair}: {barrier['note']}.")
    n_blocks = max(len(data.g) for by_run in curves.values() for data in by_run.values())
    blocks = "one block of time" if n_blocks == 1 else f"{n_blocks} blocks of time, later blocks darker"
    one = f"the run is {drawn[0].name}" if isinstance(in_figures[drawn[0].name], str) else "one seed per thickness"
    if in_layers:
        caption = f"g(r) in the layer at {kelvin:g} K ({condition}) in {blocks}; {one}."
        figure = plots.rdf_over_time(in_layers, of_study=in_figures.values(), quantity="g(r) in layer")
        section.figures.append(picture(figure, f"rdf-in-layer-{end}", caption + called))
    caption = f"g(r) by the whole cell at {kelvin:g} K ({condition}) in {blocks}; {one}."
    if len(drawn) > 1:
        caption += " For comparison with the literature: heights are not to be compared between thicknesses."
    figure = plots.rdf_over_time(curves, of_study=in_figures.values(), quantity="g(r) by cell")
    section.figures.append(picture(figure, f"rdf-{end}", caption + called))
    if potentials:
        by = "in the layer" if all_in_layer else "by the whole cell"
        caption = f"Apparent potential of mean force {by} over the whole run; {one}. Gaps: no pair was seen there."
        if changed:
            caption += (
                f" No free energy of {', '.join(dict.fromkeys(changed))}, whose first peak changed during the run."
            )
        quantity = f"-kT ln g(r) {'in layer' if all_in_layer else 'by cell'}"
        figure = plots.mean_force(potentials, kelvin, of_study=in_figures.values(), changed=changed, quantity=quantity)
        section.figures.append(picture(figure, f"mean-force-{end}", caption + called))
    return rows


def _drawn(entries: Runs, in_figures: dict[str, Which]) -> list[AnalysisEntry]:
    """One run per thickness; of runs that are called by their names, the first one."""
    if isinstance(in_figures[entries[0].name], str):
        return [entries[0]]
    chosen: dict[Which, AnalysisEntry] = {}
    for entry in entries:
        chosen.setdefault(in_figures[entry.name], entry)
    return list(chosen.values())


def _whole(folder: Path, name: str) -> dict[str, NDArray[Any]] | None:
    """g(r) of the whole run; None in folders of versions that did not write it."""
    file = folder / f"{name}_whole.csv"
    return read_table(file) if file.is_file() else None


def _rdf_curves(table: dict[str, Any], column: str) -> plots.RdfCurves:
    blocks = np.unique(table["block"])
    first = table["block"] == blocks[0]
    rows = [table["block"] == block for block in blocks]
    return plots.RdfCurves(
        r=table["r_angstrom"][first],
        g=np.array([table[column][row] for row in rows]),
        times=np.array([[table["time_start_ps"][row][0], table["time_end_ps"][row][0]] for row in rows]),
    )


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    """Peak and barrier in the layer; by the whole cell where there is no layer, and in older results."""
    in_layer: dict[str, Any] = found.get("in_layer", {})
    return in_layer if in_layer.get("layers") else found


def _rdf_row(entry: AnalysisEntry, pair: str, found: dict[str, Any]) -> list[str]:
    barrier = found.get("barrier", NO_BARRIER)

    def text(value: float | None, digits: int = 2) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    neighbors, in_layer = found.get("neighbors"), found.get("in_layer", {})
    counted = ""
    if neighbors is not None:
        counted = f"{measured(neighbors['number'], neighbors['error'])} within {neighbors['within_angstrom']:g} Å"
    height = form = None
    whole_cell, barrier = barrier, _shown(found).get("barrier", NO_BARRIER)
    if in_layer.get("layers"):
        height, form = in_layer["first_peak_height"], barrier["formation_ev"]
    refused = barrier["note"] if barrier["formation_ev"] is None else str(barrier["counts"])
    return [
        entry.name, pair, counted, text(found["first_peak_angstrom"]), text(height, 1), text(found["first_peak_height"], 1),
        text(form), text(whole_cell["formation_ev"]), text(barrier["breaking_ev"]), text(barrier["error_ev"]), refused,
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
        section.absent = f"No healthy run has the species whose diffusion the study asks for.{_because(entries, 'msd')}"
        return section
    rows: list[list[str]] = []
    for name in names:
        for condition, own in by_condition([entry for entry in entries if name in entry.results]):
            rows += _msd_figures(section, run, own, name, condition, picture)
    head = ["run", "group", "D (cm²/s)", "95 % interval", "log-log slope", "quality", "atoms", "diffusive"]
    section.tables.append(Table(head, rows))
    return section


def _diffusivity_cell(values: dict[str, Any]) -> str:
    value = f"{values['diffusivity_cm2_per_s']:.2e}"
    if values["diffusive"]:
        return value
    below = values.get("below_cm2_per_s")
    if below is None:
        return f"not diffusive; slope / 6 = {value}"
    return f"below {below:.1e}; not diffusive yet, run at least {values['run_at_least_ps']:.2g} ps"


def _msd_figures(
    section: PageSection, run: Path, entries: Runs, name: str, condition: str, picture: MakePicture
) -> list[list[str]]:
    """A figure of each group of atoms, or of all groups of one model, and the rows of the table."""
    kelvin, rows, in_figures = entries[0].temperature_kelvin, [], _in_figures(run)
    curves: dict[str, list[plots.MsdCurve]] = {}
    for entry in entries:
        table = read_table(_folder(run, entry) / f"{name}.csv")
        for species, values in read_result(_folder(run, entry) / f"{name}.json")["species"].items():
            mask = (table["species"] == species) & (table["direction"] == "xyz")
            group = species if values["layer"] is None else f"{species} of the {values['layer']}"
            low, high = values["confidence_95_cm2_per_s"]
            curves.setdefault(group, []).append(
                plots.MsdCurve(
                    in_figures[entry.name],
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
    explained = (
        "MSD with standard errors (the fit begins at the dot), and D with 95 % intervals, hollow where the atoms are not "
        "diffusive yet: the upper end is a bound there (but where motion changes during the run, or is driven), and the circle an estimate of "
        "what will be left when jumps back are over. "
        "Quality: the probability that a random walk deviates as much from the fitted line; near zero, the run is too short for a "
        "diffusivity."
    )
    if all(isinstance(in_figures[entry.name], str) for entry in entries):
        runs = entries[0].name if len(entries) == 1 else f"{len(entries)} runs, a line each"
        caption = f"{', '.join(curves)} at {kelvin:g} K ({condition}; {runs}): {explained}"
        end = condition if name == "msd" else f"{name}-{condition}"
        section.figures.append(picture(plots.transport_of_groups(curves), f"transport-{end}", caption))
        return rows
    for number, (group, drawn) in enumerate(curves.items()):
        caption = f"{group} at {kelvin:g} K ({condition}): {explained}"
        own = [condition] if number == 0 else [condition, str(number + 1)]
        end = "-".join(own if name == "msd" else [name, *own])
        figure = plots.transport(drawn, group, of_study=in_figures.values())
        section.figures.append(picture(figure, f"transport-{end}", caption))
    return rows


def onsager_section(run: Path, entries: Runs) -> PageSection:
    """Transport coefficients L_ij, conductivities and fluxes.

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
    section = PageSection("onsager", "Transport coefficients and fluxes")
    names = _names(entries, "onsager")
    if not names:
        section.absent = f"No healthy run has transport coefficients.{_because(entries, 'onsager')}"
        return section
    totals, coefficients, fluxes = [], [], []
    undone: list[str] = []
    for name in names:
        for entry in (entry for entry in entries if name in entry.results):
            found = read_result(_folder(run, entry) / f"{name}.json")
            called = f"{entry.name}{_called(name, 'onsager')}"
            haven = found["haven_ratio"]
            totals.append(
                [
                    called, measured(found["conductivity_s_per_cm"], found["conductivity_error_s_per_cm"]),
                    f"{found['nernst_einstein_s_per_cm']:.3g}", "not known" if haven is None else f"{haven:.3g}",
                    f"{found['whole']['n_effective']:.0f}",
                ]
            )  # fmt: skip
            coefficients += _coefficient_rows(called, found)
            late = found.get("not_diffusive_because")
            if late:
                needed = found["run_at_least_ps"]
                longer = f", run at least {needed:.2g} ps" if needed else ", whose motion changes during the run"
                undone.append(f"{', '.join(late)} in {called}{longer}")
            fluxes += _flux_rows(called, found)
        for entry in first_of_each(entries, name):
            shown = own_figure(
                run, entry, name, "L of the run with 95 % intervals, correlations, L in windows, net fluxes."
            )
            section.figures += [shown] if isinstance(shown, Picture) else []
    head = ["run", "conductivity (S/cm)", "Nernst-Einstein (S/cm)", "Haven ratio", "independent pieces"]
    section.tables.append(Table(head, totals))
    section.tables.append(Table(["run", "pair", "L (1/(eV Å ps))", "95 % interval", "correlation"], coefficients))
    head = ["run", "where", "species", "net flux, last interval (1/(Å² ps))", "zero within 2 σ"]
    section.tables.append(Table(head, fluxes))
    section.paragraphs.append(
        "Conductivities are those of ions with the charges that the study gives, or formal ones, at all times: where a reaction "
        "changes charges, they are not those of its products."
    )
    if undone:
        section.paragraphs.append(
            "Jumps may still be undone where ions are not diffusive yet, and the intervals of L reach down to what is known to last; "
            f"the conductivity is of the run as it is. Not yet those of a material: {'; '.join(undone)}."
        )
    if any("/" in row[1] for row in fluxes):
        section.paragraphs.append(
            "Fluxes around an interface are those within 5 Å of it, or half of a thinner layer, positive from the layer named "
            "first into the other one. "
            "Those of the whole cell cancel where the stack is periodic: ions that leave a layer through both of its faces go "
            "both ways."
        )
    return section


def _coefficient_rows(called: str, found: dict[str, Any]) -> list[list[str]]:
    whole, species = found["whole"], found["species"]
    rows = []
    for i, first in enumerate(species):
        for j in range(i, len(species)):
            value = measured(whole["l_per_ev_angstrom_ps"][i][j], whole["l_error_per_ev_angstrom_ps"][i][j])
            correlation = whole["correlation"][i][j]
            low, high = (end[i][j] for end in whole["l_confidence_95_per_ev_angstrom_ps"])
            rows.append(
                [
                    called,
                    f"{first}-{species[j]}",
                    value,
                    f"{low:.3g} to {high:.3g}",
                    "" if correlation is None else f"{correlation:.2f}",
                ]
            )
    return rows


def _flux_rows(called: str, found: dict[str, Any]) -> list[list[str]]:
    axis = found["fluxes"]["axis"]
    where = {"the region, along its depth" if axis == "depth" else f"the whole cell, along {axis}": found["fluxes"]}
    rows = []
    for place, fluxes in (where | found.get("interfaces", {})).items():
        for number, name in enumerate(found["species"]):
            since = fluxes["zero_within_2_sigma_since_ps"][name]
            last = (fluxes["flux_per_angstrom2_ps"][-1][number], fluxes["error_per_angstrom2_ps"][-1][number])
            said = "not at the end" if since is None else f"since {since:g} ps"
            rows.append([called, place, name, measured(*last), said])
    return rows


def order_section(run: Path, entries: Runs, picture: MakePicture) -> PageSection:
    """Regular tetrahedra, units of polyanions, S2 dimers and bonds of reactions.

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
    section = PageSection("order", "Tetrahedra, polyanions and bonds")
    if not entries:
        section.absent = NO_RUN
        return section
    names = list(zip_longest(_names(entries, "tetrahedra"), _names(entries, "chemistry"), fillvalue=""))
    if not names:
        because = "".join(_because(entries, kind) for kind in ("tetrahedra", "chemistry"))
        section.absent = f"No healthy run has tetrahedra or bonds.{because}"
        return section
    rows: list[dict[str, str]] = []
    for condition, own in by_condition(entries):
        for number, (tetrahedra, chemistry) in enumerate(names):
            name = f"order-{condition}" + (f"-{number + 1}" if number else "")
            rows += _order_figure(section, run, own, (tetrahedra, chemistry), name, picture)
    there = dict.fromkeys(column for row in rows for column in row)
    head = [column for column in ORDER_COLUMNS if column in there]
    head += [column for column in there if column not in ORDER_COLUMNS]
    section.tables.append(Table(head, [[row.get(column, "") for column in head] for row in rows]))
    for kind in ("tetrahedra", "chemistry"):
        for name in _names(entries, kind):
            shown = [own_figure(run, entry, name) for entry in first_of_each(entries, name)]
            section.figures += [one for one in shown if isinstance(one, Picture)]
    return section


def _order_figure(
    section: PageSection, run: Path, entries: Runs, names: tuple[str, str], file: str, picture: MakePicture
) -> list[dict[str, str]]:
    """The figure of one analysis of tetrahedra and one of bonds, or of either, and their rows of the table."""
    tetrahedra: list[tuple[Which, float, float, int]] = []
    chemistry: list[plots.ChemistryTrace] = []
    center, ligand, polyanions, rows, in_figures = "Li", "F", "P", [], _in_figures(run)
    called = "".join(_called(name, kind) for name, kind in zip(names, ("tetrahedra", "chemistry"), strict=True) if name)
    for entry in entries:
        row = {"run": f"{entry.name}{called}"}
        if names[0] in entry.results:
            found = read_result(_folder(run, entry) / f"{names[0]}.json")
            section.points += _said_of_reach(entry, names[0], found)
            center, ligand = found["settings"]["center"], found["settings"]["ligand"]
            point = (found["fraction_mean"], found["fraction_error"], found["n_centers"])
            tetrahedra.append((in_figures[entry.name], *point))
            row["regular tetrahedra"] = f"{found['count_mean']:.1f} ± {found['count_error']:.1f}"
            row["for other q_min"] = ", ".join(f"{q}: {v['count_mean']:.1f}" for q, v in found["sensitivity"].items())
        if names[1] in entry.results:
            folder = _folder(run, entry)
            found, table = read_result(folder / f"{names[1]}.json"), read_table(folder / f"{names[1]}.csv")
            polyanions = ", ".join(found["settings"].get("centers", ["P"]))
            chemistry.append(_chemistry_trace(found, table, in_figures[entry.name]))
            row |= _chemistry_cells(found)
        if len(row) > 1:
            rows.append(row)
    figure = plots.order_and_chemistry(
        tetrahedra, chemistry, center, ligand, polyanions=polyanions, of_study=in_figures.values()
    )
    parts = []
    if tetrahedra:
        parts.append(
            f"{center} with exactly four {ligand} in a regular tetrahedron, mean and standard error over the run"
        )
    if any(trace.intact_fraction is not None for trace in chemistry):
        parts.append(f"{polyanions} with as many neighbours of each element as in the first frame")
    if any(trace.s2_dimers is not None for trace in chemistry):
        parts.append("S₂ dimers that last")
    if parts:
        caption = f"{entries[0].condition}, {entries[0].temperature_kelvin:g} K. From the left: {'; '.join(parts)}."
        section.figures.append(picture(figure, file, caption + called))
    return rows


def _chemistry_trace(found: dict[str, Any], table: dict[str, NDArray[Any]], which: Which) -> plots.ChemistryTrace:
    """What is drawn of a run's chemistry; older results do not say what is intact."""
    n_centers = found.get("n_centers", 0)
    return plots.ChemistryTrace(
        which,
        table["time_ps"],
        table["intact"] / n_centers if n_centers else None,
        table["s2_dimers"] if "S" in found["settings"].get("elements", ["S"]) else None,
    )


def _chemistry_cells(found: dict[str, Any]) -> dict[str, str]:
    """What the table has of a run's chemistry, as far as its elements are there."""
    settings, cells = found["settings"], {}
    units = ", ".join(f"{kind} {mean:.2g}" for kind, mean in found["p_s_units"].items() if mean > 0.05)
    if units:
        cells["units (mean number)"] = units
    if found.get("n_centers"):
        mean, end = found["intact_fraction"], found["intact_at_end_fraction"]
        cells["intact: mean, at the end"] = f"{100 * mean:.1f} %, {100 * end:.1f} % of {found['n_centers']}"
    if "S" in settings.get("elements", ["S"]):
        cells["S₂ dimers"] = f"{found['s2_dimers_mean']:.2f}"
    for bond in settings.get("reaction_bonds", OLD_REACTION_BONDS):
        cells[f"{bond} bonds"] = f"{found['bonds'][bond]:.1f}"
    return cells


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
    for entry in entries:
        for name in entry.results:
            if entry.kinds.get(name, name) in OWN_SECTION or entry not in first_of_each(entries, name):
                continue
            shown = own_figure(run, entry, name)
            if isinstance(shown, Picture):
                section.figures.append(shown)
            else:
                section.points.append(shown)
        section.points += [f"{entry.name}: no {name}. {why}" for name, why in entry.absent.items()]
    if not section.figures and not section.points:
        section.absent = "There is none."
    return section
