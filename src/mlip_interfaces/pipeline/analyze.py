"""Stage ``analyze``: every analysis of the study, one pass over each trajectory of the scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlip_interfaces.config import Study
from mlip_interfaces.figures import analysis_plots
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import write_json
from mlip_interfaces.pipeline import analysis_files as files
from mlip_interfaces.pipeline.scan import read_scan_index
from mlip_interfaces.pipeline.trajectory_analysis import (
    AnalysisPlan,
    AnalysisResults,
    ChemistryRequest,
    MsdRequest,
    OnsagerRequest,
    ProfileRequest,
    RdfRequest,
    TetrahedraRequest,
    analyze_trajectory,
)
from mlip_interfaces.run.books import INDEX, AnalysisEntry, AnalysisIndex
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.trajectory import TrajectoryReader, open_trajectory

INTERFACE_BONDS = ("P-O", "Co-S")
"""Bonds that only a reaction makes."""


ThicknessTable = dict[str, list[tuple[float, float, float]]]

WRITERS = {
    "rdf": files.write_rdf,
    "msd": files.write_msd,
    "onsager": files.write_onsager,
    "tetrahedra": files.write_tetrahedra,
    "chemistry": files.write_chemistry,
    "profile": files.write_profile,
    "van-hove": files.write_van_hove,
    "residence": files.write_residence,
}


def run_analyze(context: RunContext) -> str:
    """Analyse every healthy run; unhealthy ones are listed without results."""
    entries = []
    by_condition: dict[str, ThicknessTable] = {}
    runs = read_scan_index(context)
    for number, run in enumerate(runs):
        context.progress(number / len(runs), run.name)
        absent: dict[str, str] = {}
        contents: dict[str, dict[str, Any]] = {}
        if run.healthy:
            directory = context.scan / run.directory
            reader = open_trajectory(
                directory / run.trajectory,
                layers=directory / run.layers,
                frame_interval_ps=run.frame_interval_ps,
            )
            output = context.analysis / run.directory
            kelvin = run.temperature_kelvin
            plan = study_plan(context.study, kelvin)
            results = analyze_trajectory(reader, plan, strict=False, n_processes=context.study.execution.cores)
            absent = results.absent
            contents = write_results(reader, plan, results, output, kelvin)
            _collect(by_condition.setdefault(run.condition, {}), run.coating_angstrom or 0.0, contents)
        entries.append(AnalysisEntry.of_run(run, results=contents, absent=absent))
    _write_thickness(by_condition, context.analysis)
    write_json(context.analysis / INDEX, AnalysisIndex(tuple(entries)).to_json())
    n_analysed = sum(entry.healthy for entry in entries)
    return f"{n_analysed} of {len(entries)} runs analysed"


def _collect(table: ThicknessTable, coating: float, contents: dict[str, dict[str, Any]]) -> None:
    """What is drawn against thickness: heights of first peaks, diffusivities, share of regular tetrahedra."""
    for pair, found in contents.get("rdf", {"pairs": {}})["pairs"].items():
        if found["first_peak_height"] is not None:
            point = (coating, found["first_peak_height"], found["first_peak_height_error"])
            table.setdefault(f"first peak of g(r), {pair}", []).append(point)
    for symbol, found in contents.get("msd", {"species": {}})["species"].items():
        value, error = (found[f"diffusivity{part}_cm2_per_s"] for part in ("", "_error"))
        table.setdefault(f"D of {symbol} (cm²/s)", []).append((coating, value, error))
    if "tetrahedra" in contents:
        order = contents["tetrahedra"]
        table.setdefault("regular tetrahedra", []).append((coating, order["count_mean"], order["count_error"]))


def _write_thickness(by_condition: dict[str, ThicknessTable], output: Path) -> None:
    """``thickness.csv`` and a figure per condition."""
    rows = [
        (condition, quantity, *(f"{number:.6g}" for number in point))
        for condition, table in by_condition.items()
        for quantity, points in table.items()
        for point in sorted(points)
    ]
    files.write_csv(output / "thickness.csv", ("condition", "quantity", "coating_angstrom", "value", "error"), rows)
    for condition, table in by_condition.items():
        if table:
            save_figure(analysis_plots.against_thickness(table), output, f"thickness-{condition}")


def study_plan(study: Study, temperature_kelvin: float) -> AnalysisPlan:
    """What a study asks of each trajectory."""
    asked = study.analysis
    return AnalysisPlan(
        rdf=RdfRequest(
            pairs=asked.rdf.pairs,
            r_max_angstrom=asked.rdf.r_max_angstrom,
            bin_width_angstrom=asked.rdf.bin_width_angstrom,
            blocks=asked.rdf.blocks,
        ),
        msd=MsdRequest(species=asked.msd.species, layer=asked.msd.layer),
        onsager=None
        if asked.onsager is None
        else OnsagerRequest(
            species=asked.onsager.species,
            temperature_kelvin=temperature_kelvin,
            charges=asked.onsager.charges,
            windows=asked.onsager.windows,
        ),
        tetrahedra=TetrahedraRequest(**asked.tetrahedra.model_dump()),
        chemistry=ChemistryRequest(**asked.chemistry.model_dump()),
        profile=ProfileRequest(bin_width_angstrom=asked.profile.bin_width_angstrom),
        drift=asked.drift,
    )


def write_results(
    reader: TrajectoryReader,
    plan: AnalysisPlan,
    results: AnalysisResults,
    output: Path | None,
    temperature_kelvin: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Contents of the JSON files of everything a pass found; written with tables and figures where a folder is given.

    Parameters
    ----------
    reader, plan, results : the trajectory, what was asked, what was found.
    output : folder, made if it does not exist; None to write nothing.
    temperature_kelvin : of the run, for -kT ln g(r) and its barriers; none without it.

    Returns
    -------
    contents : analysis -> content of its JSON file.
    """
    origin = {"provenance": files.provenance(reader, plan, results)}
    contents: dict[str, dict[str, Any]] = {}
    if results.rdf is not None:
        contents["rdf"] = files.rdf_content(results, plan, temperature_kelvin) | origin
    if results.msd is not None:
        contents["msd"] = files.msd_content(results, plan) | origin
    if results.onsager is not None:
        contents["onsager"] = files.onsager_content(results, plan) | origin
    if results.tetrahedra is not None:
        contents["tetrahedra"] = files.tetrahedra_content(results, plan) | origin
    if results.chemistry is not None:
        contents["chemistry"] = files.chemistry_content(results, plan, reader) | origin
    if results.profile is not None:
        contents["profile"] = files.profile_content(results, plan) | origin
    if results.van_hove is not None:
        contents["van-hove"] = files.van_hove_content(results, plan) | origin
    if results.residence is not None:
        contents["residence"] = files.residence_content(results, plan) | origin
    if results.density is not None:
        contents["density"] = files.density_content(results, plan) | origin
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            if name == "density":
                files.write_density(results, content, output, reader.symbols)
            else:
                WRITERS[name](results, content, output)
        _draw(results, contents, output)
    return contents


def _draw(results: AnalysisResults, contents: dict[str, dict[str, Any]], output: Path) -> None:
    if results.rdf is not None:
        panels = {
            rdf.pair: analysis_plots.RdfPanel(
                rdf.r_angstrom,
                np.array([block.g for block in rdf.blocks]),
                np.array([block.g_error for block in rdf.blocks]),
                np.array([(block.time_start_ps, block.time_end_ps) for block in rdf.blocks]),
            )
            for rdf in results.rdf
        }
        save_figure(analysis_plots.rdf(panels), output, "rdf")
    if results.msd is not None:
        save_figure(
            analysis_plots.msd(
                {
                    symbol: analysis_plots.MsdPanel(
                        found.lags_ps,
                        found.msd_angstrom2,
                        found.msd_error_angstrom2,
                        found.msd_by_direction_angstrom2,
                        found.fit_lags_ps,
                        found.diffusivity_cm2_per_s,
                        found.confidence_95_cm2_per_s,
                        found.quality_by_lag,
                    )
                    for symbol, found in results.msd.items()
                }
            ),
            output,
            "msd",
        )
    if results.onsager is not None:
        save_figure(analysis_plots.onsager(contents["onsager"]), output, "onsager")
    if results.tetrahedra is not None:
        found = results.tetrahedra
        depth = found.depth_fraction * float(np.linalg.norm(results.mean_cell[2]))
        settings = contents["tetrahedra"]["settings"]
        name = f"{settings['center']}{settings['ligand']}₄"
        figure = analysis_plots.tetrahedra(
            found.times_ps, found.counts, depth, found.depth_counts, found.depth_centers, name
        )
        save_figure(figure, output, "tetrahedra")
    if results.chemistry is not None:
        _draw_chemistry(results, contents["chemistry"], output)
    if results.profile is not None:
        profile = results.profile
        densities = {
            element: (profile.number_density_per_angstrom3[i], profile.error_per_angstrom3[i])
            for i, element in enumerate(profile.elements)
        }
        edges = [edge.position_angstrom for layer in profile.interfaces.values() for edge in layer]
        save_figure(analysis_plots.profile(profile.depth_angstrom, densities, edges), output, "profile")
    if results.van_hove is not None:
        hove = results.van_hove
        figure = analysis_plots.van_hove(hove.r_angstrom, hove.lags_ps, hove.self_part, hove.distinct_part)
        save_figure(figure, output, "van-hove")
    if results.density is not None:
        grid = results.density
        figure = analysis_plots.density(
            grid.density_per_angstrom3, grid.cell, contents["density"]["settings"]["species"]
        )
        save_figure(figure, output, "density")


def _draw_chemistry(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    assert results.chemistry is not None
    frames = results.chemistry.frames
    kinds: Sequence[str] = list(content["p_s_units"])
    figure = analysis_plots.chemistry(
        results.times_ps,
        {kind: np.array([frame.units.get(kind, 0) for frame in frames]) for kind in kinds},
        results.chemistry.dimers.counts(),
        {bond: np.array([frame.bonds[bond] for frame in frames]) for bond in INTERFACE_BONDS},
    )
    save_figure(figure, output, "chemistry")
