"""Sections on the stages before the analysis: structures, MD, and what was run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import read
from numpy.typing import NDArray

from mlip_interfaces.books.run import (
    INDEX,
    ModelEntry,
    ScanEntry,
    ScanIndex,
    StructureIndex,
    read_optional_book,
)
from mlip_interfaces.figures import Figure, plots
from mlip_interfaces.report.atoms_views import built_views, run_views
from mlip_interfaces.report.files import read_table
from mlip_interfaces.report.left_out import NONE_STALE
from mlip_interfaces.report.parts import PageSection, Picture, Table
from mlip_interfaces.report.run_names import names_in_figures
from mlip_interfaces.run.manifests import read_manifest
from mlip_interfaces.run.stages import FOLDERS

MakePicture = Callable[[Figure, str, str], Picture]
"""Called with the figure, its name and its caption."""


def structures_section(run: Path, picture: MakePicture) -> PageSection:
    """The models as built.

    Parameters
    ----------
    run : Path
        The run folder.
    picture : callable
        Saves a figure.

    Returns
    -------
    PageSection
        Saying so where nothing has been built.

    Raises
    ------
    InputFileError
        If the index is damaged.
    """
    section = PageSection("structures", "Structures")
    index = read_optional_book(StructureIndex, run / "structures" / INDEX)
    if index is None:
        section.absent = "The models have not been built."
        return section
    section.views = built_views(run / "structures", [model for model in index.interfaces if not model.small])
    for small, name in ((False, "structures"), (True, "small-structures")):
        chosen = [model for model in index.interfaces if model.small == small]
        if chosen:
            views = [
                plots.SideView.of_atoms(read(run / "structures" / model.file), f"{model.name}: {model.n_atoms} atoms")
                for model in chosen
            ]
            kind = " for DFT" if small else ""
            caption = f"The models{kind} as built, seen along y; bands show the layer each atom comes from."
            section.figures.append(picture(plots.structures(views), name, caption))
    head = [
        "model",
        "atoms",
        "area (Å²)",
        "layers: thickness made (asked), Å",
        "strain",
        "shortest contact (Å)",
        "g/cm³",
    ]
    section.tables.append(Table(head, [_model_row(model) for model in index.interfaces]))
    section.paragraphs += [
        f"Amorphous {glass.material}, {glass.thickness_angstrom:g} Å: {glass.density_g_per_cm3:.2f} g/cm³; {glass.verdict}."
        for glass in index.amorphous
    ]
    return section


def _model_row(model: ModelEntry) -> list[str]:
    layers = ", ".join(
        f"{part.name} {part.thickness_angstrom:.1f} ({part.requested_thickness_angstrom:g})" for part in model.layers
    )
    pair, distance = min(model.min_distances_angstrom.items(), key=lambda item: item[1])
    return [
        model.name, str(model.n_atoms), f"{model.area_angstrom2:.1f}", layers, f"{100 * model.strain:.2f} %",
        f"{pair} {distance:.2f}", f"{model.density_g_per_cm3:.2f}",
    ]  # fmt: skip


def md_section(run: Path, picture: MakePicture, stale: Mapping[str, str] = NONE_STALE) -> PageSection:
    """The runs of the scan and their verdicts.

    Parameters
    ----------
    run : Path
        The run folder.
    picture : callable
        Saves a figure.
    stale : mapping of str to str, optional
        Runs whose trajectories are not of the study as it is now, and why; nothing of them is shown.

    Returns
    -------
    PageSection
        Saying so where nothing has been run.

    Raises
    ------
    InputFileError
        If the index is damaged, or a table that it names cannot be opened.
    """
    section = PageSection("md", "Molecular dynamics")
    entries = (read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex()).runs
    if not entries:
        section.absent = "The scan has not been run."
        return section
    section.views = run_views(run / "scan", entries, leave_out=stale)
    traces, called = [], names_in_figures(entries)
    for entry in entries:
        if entry.n_frames and entry.name not in stale:
            table = read_table(run / "scan" / entry.directory / entry.thermo_file)
            traces.append(
                plots.ThermoTrace(
                    which=called[entry.name],
                    condition=entry.condition,
                    target_kelvin=entry.temperature_kelvin,
                    healthy=entry.healthy,
                    time_ps=table["time_ps"],
                    temperature_kelvin=table["temperature_kelvin"],
                    density_g_per_cm3=table["density_g_per_cm3"],
                    edges_angstrom=_edges(table),
                )
            )
    if traces:
        caption = "Temperature and density of every run; the grey line is the thermostat's target."
        section.figures.append(picture(plots.health(traces), "health", caption))
    if any(trace.edges_angstrom is not None for trace in traces):
        caption = "Edges of the cell of every run: a and b along the interface, c through the stack."
        section.figures.append(picture(plots.cell_edges(traces), "cell", caption))
    head = [
        "run", "verdict", "atoms", "ps", "T mean (max), K", "density start, mean", "a, b, c start (mean), Å", "shortest (Å)",
        "steps/s",
    ]  # fmt: skip
    section.tables.append(Table(head, [_run_row(entry, stale) for entry in entries]))
    section.points += [
        f"{entry.name} is not healthy and enters no average: {'; '.join(entry.reasons)}{_sick(entry)}."
        for entry in entries
        if not entry.healthy and entry.name not in stale
    ]
    section.points += [
        f"{entry.name}: {str(entry.deviation).replace('eV/angstrom', 'eV/Å')}."
        for entry in entries
        if entry.deviation is not None and entry.name not in stale
    ]
    section.points += [f"{entry.name} is not shown: {stale[entry.name]}." for entry in entries if entry.name in stale]
    return section


def _sick(entry: ScanEntry) -> str:
    return f"; {entry.sick}" if entry.sick is not None else ""


def _edges(table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
    """Edges of the cell, which tables of older runs lack."""
    names = ("a_angstrom", "b_angstrom", "c_angstrom")
    return np.column_stack([table[name] for name in names]) if names[0] in table else None


def _run_row(entry: ScanEntry, stale: Mapping[str, str]) -> list[str]:
    if entry.name in stale:
        return [entry.name, "of another study", "", "", "", "", "", "", ""]
    verdict = "healthy" if entry.healthy else "not healthy"
    if entry.n_frames == 0:
        return [entry.name, verdict, str(entry.n_atoms), "0", "", "", "", "", ""]
    speed = f"{entry.steps_per_second:.1f}" if entry.steps_per_second else ""
    return [
        entry.name, verdict, str(entry.n_atoms), f"{entry.time_ps:.6g}",
        f"{entry.temperature_mean_kelvin:.0f} ({entry.temperature_max_kelvin:.0f})",
        f"{entry.density_initial_g_per_cm3:.2f}, {entry.density_mean_g_per_cm3:.2f}", _edges_start_and_mean(entry),
        f"{entry.min_distance_angstrom:.2f}", speed,
    ]  # fmt: skip


def _edges_start_and_mean(entry: ScanEntry) -> str:
    start, mean = entry.edges_initial_angstrom, entry.edges_mean_angstrom
    if start is None or mean is None:
        return ""
    return ", ".join(f"{first:.2f} ({later:.2f})" for first, later in zip(start, mean, strict=True))


def provenance_section(run: Path, study_text: str) -> PageSection:
    """Stages with their cost, versions of the engines, and the study.

    Parameters
    ----------
    run : Path
        The run folder.
    study_text : str
        Of the study file.

    Returns
    -------
    PageSection
        Of all stages that were started but the report's own.

    Raises
    ------
    InputFileError
        If a manifest is damaged.
    """
    section = PageSection("provenance", "What was run", text=study_text, text_title="The study file")
    rows: list[list[str]] = []
    versions: dict[str, str] = {}
    for folder in list(FOLDERS.values())[:-1]:
        manifest = read_manifest(run / folder)
        if manifest:
            versions |= manifest.versions
            rows.append(
                [manifest.stage, manifest.status, f"{manifest.wall_seconds:.0f}", str(manifest.n_starts),
                 manifest.finished or "", manifest.command]
            )  # fmt: skip
    section.tables.append(Table(["stage", "status", "wall time (s)", "starts", "finished", "command"], rows))
    section.tables.append(Table(["program", "version"], [[name, version] for name, version in versions.items()]))
    return section
