"""Results of a pass over a trajectory as JSON, CSV and figures."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from mlip_interfaces import __version__
from mlip_interfaces.analysis.arrhenius import jump_statistics
from mlip_interfaces.analysis.barrier import MIN_COUNTS, barriers, potential_of_mean_force
from mlip_interfaces.analysis.chemistry import exchanges, origins
from mlip_interfaces.analysis.density_grid import write_density_cube
from mlip_interfaces.analysis.diffusion import Diffusivity
from mlip_interfaces.analysis.onsager import OnsagerWindow
from mlip_interfaces.analysis.rdf import first_peak
from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM
from mlip_interfaces.pipeline.region_files import region_content, region_definition, region_rows
from mlip_interfaces.pipeline.run_directory import write_json
from mlip_interfaces.pipeline.trajectory_analysis import AnalysisPlan, AnalysisResults
from mlip_interfaces.trajectory import TrajectoryReader

SITE_DISTANCE_ANGSTROM = 3.0
"""Between Li sites of most solid electrolytes, 2 to 4: only for the rule-of-thumb count of jumps."""

CHANGED = 3.0
"""First peaks of the two halves of a run that differ by so many errors: g(r) is not stationary."""


def provenance(reader: TrajectoryReader, plan: AnalysisPlan, results: AnalysisResults) -> dict[str, Any]:
    """What every result says of where it comes from."""
    return {
        "trajectory": str(reader.path),
        "n_frames": int(results.times_ps.size),
        "n_atoms": reader.n_atoms,
        "time_start_ps": float(results.times_ps[0]),
        "time_end_ps": float(results.times_ps[-1]),
        "unwrap": reader.unwrap,
        "drift": plan.drift,
        "notes": results.notes,
        "mlip_interfaces_version": __version__,
    }


def rdf_content(results: AnalysisResults, plan: AnalysisPlan, temperature_kelvin: float | None) -> dict[str, Any]:
    """Content of ``rdf.json``."""
    assert results.rdf is not None and plan.rdf is not None
    summary: dict[str, Any] = {}
    for rdf in results.rdf:
        peak = first_peak(rdf.r_angstrom, rdf.whole.g)
        entry: dict[str, Any] = {
            "first_peak_angstrom": peak[0] if peak else None,
            "first_peak_height": peak[1] if peak else None,
            "first_peak_height_error": _scatter(
                [found[1] for block in rdf.blocks if (found := first_peak(rdf.r_angstrom, block.g))]
            ),
            "coordination_to_first_minimum": _first_shell(rdf.r_angstrom, rdf.whole.g, rdf.whole.coordination),
            "blocks": [
                {
                    "time_start_ps": block.time_start_ps,
                    "time_end_ps": block.time_end_ps,
                    "first_peak_angstrom": found[0] if (found := first_peak(rdf.r_angstrom, block.g)) else None,
                    "first_peak_height": found[1] if found else None,
                    "first_peak_height_error": _error_at(rdf.r_angstrom, block.g_error, found),
                }
                for block in rdf.blocks
            ],
        }
        if temperature_kelvin is not None:
            barrier = barriers(rdf.r_angstrom, rdf.whole.g, rdf.whole.counts, temperature_kelvin, rdf.whole.g_error)
            entry["barrier"] = asdict(barrier) | {"stationary": _stationary(entry["blocks"])}
        summary[rdf.pair] = entry
    return {
        "pairs": summary,
        "temperature_kelvin": temperature_kelvin,
        "n_frames": int(results.times_ps.size),
        "absent": {name.removeprefix("rdf "): why for name, why in results.absent.items() if name.startswith("rdf ")},
        "settings": {
            "r_max_angstrom": results.r_max_angstrom,
            "bin_width_angstrom": plan.rdf.bin_width_angstrom,
            "blocks": plan.rdf.blocks,
            "barriers": "formation: kT ln(1 / g_min), zero of energy at g = 1; breaking: kT ln(g_peak / g_min); refused below "
            f"{MIN_COUNTS} counts",
        },
    }


def write_rdf(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``rdf.json``, ``rdf.csv`` (g) and ``rdf_potential.csv`` (coordination number, counts, -kT ln g)."""
    assert results.rdf is not None
    kelvin = content["temperature_kelvin"]
    rows, more = [], []
    for rdf in results.rdf:
        for number, block in enumerate(rdf.blocks):
            potential = (
                potential_of_mean_force(block.g, kelvin) if kelvin is not None else np.full(block.g.size, np.nan)
            )
            head = (rdf.pair, number, f"{block.time_start_ps:.6g}", f"{block.time_end_ps:.6g}")
            for i, r in enumerate(rdf.r_angstrom):
                rows.append((*head, f"{r:.5g}", f"{block.g[i]:.6g}", f"{block.g_error[i]:.4g}"))
                energy = "" if np.isnan(potential[i]) else f"{potential[i]:.5f}"
                more.append((*head, f"{r:.5g}", f"{block.coordination[i]:.6g}", int(block.counts[i]), energy))
    head_columns = ("pair", "block", "time_start_ps", "time_end_ps", "r_angstrom")
    write_csv(output / "rdf.csv", (*head_columns, "g", "g_error"), rows)
    write_csv(
        output / "rdf_potential.csv",
        (*head_columns, "coordination_number", "counts", "potential_of_mean_force_ev"),
        more,
    )
    write_json(output / "rdf.json", content)


def msd_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``msd.json``."""
    assert results.msd is not None and plan.msd is not None
    return {
        "species": {
            symbol: _msd_entry(result, plan.msd.layer) | _layer_entry(results, symbol)
            for symbol, result in results.msd.items()
        },
        "settings": {
            "layer": plan.msd.layer,
            "drift": plan.drift,
            "estimator": "generalised least squares over all time origins; atoms by the layer they started in",
        },
    }


def _msd_entry(result: Diffusivity, layer: str | None) -> dict[str, Any]:
    jumps, relative = jump_statistics(result.n_atoms, float(result.msd_angstrom2.max()), SITE_DISTANCE_ANGSTROM)
    return {
        "diffusivity_cm2_per_s": result.diffusivity_cm2_per_s,
        "diffusivity_error_cm2_per_s": result.diffusivity_error_cm2_per_s,
        "confidence_95_cm2_per_s": list(result.confidence_95_cm2_per_s),
        "by_direction_cm2_per_s": list(result.by_direction_cm2_per_s),
        "by_direction_error_cm2_per_s": _finite(result.by_direction_error_cm2_per_s),
        "errors_cm2_per_s": {
            "bootstrap_over_atoms": _number(result.error_bootstrap_cm2_per_s),
            "blocks_in_time": _number(result.error_blocks_cm2_per_s),
            "independent_walks": _number(result.error_walk_cm2_per_s),
        },
        "n_atoms": result.n_atoms,
        "n_independent": result.n_independent,
        "jumps": {
            "site_distance_angstrom": SITE_DISTANCE_ANGSTROM,
            "n_jumps": jumps,
            "relative_error_of_diffusivity": _number(relative),
        },
        "layer": layer,
        "fit_window_ps": list(result.fit_lags_ps),
        "quality_factor": result.quality_factor,
        "quality_by_first_lag_ps": [list(pair) for pair in result.quality_by_lag],
        "log_log_slope": result.log_log_slope,
        "msd_at_half_of_run_angstrom2": float(result.msd_angstrom2[-1]),
        "diffusive": result.diffusive,
    }


def _layer_entry(results: AnalysisResults, symbol: str) -> dict[str, Any]:
    """Diffusion in the plane of the layer by the atoms that stayed, and across it by how fast atoms leave."""
    found = results.layer_transport.get(symbol)
    if found is None:
        return {}
    inside, across = found.survivors, found.survival
    in_plane = None
    if inside is not None:
        in_plane = {
            "diffusivity_cm2_per_s": float(np.mean(inside.by_direction_cm2_per_s[:2])),
            "diffusivity_error_cm2_per_s": _number(float(np.hypot(*inside.by_direction_error_cm2_per_s[:2]) / 2.0)),
            "n_atoms": inside.n_atoms,
        }
    return {
        "in_plane_of_survivors": in_plane,
        "across_by_survival": None
        if across is None
        else {
            "diffusivity_cm2_per_s": across.diffusivity_cm2_per_s,
            "diffusivity_error_cm2_per_s": _number(across.diffusivity_error_cm2_per_s),
            "survival_at_end": _number(float(across.survival[-1])),
            "time_at_end_ps": float(across.lags_ps[-1]),
        },
    }


def van_hove_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``van-hove.json``."""
    assert results.van_hove is not None and plan.van_hove is not None
    return {
        "lags_ps": results.van_hove.lags_ps.tolist(),
        "non_gaussian": results.van_hove.non_gaussian.tolist(),
        "settings": asdict(plan.van_hove),
    }


def write_van_hove(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``van-hove.json`` and ``van-hove.csv``."""
    assert results.van_hove is not None
    found = results.van_hove
    rows = [
        (f"{lag:.6g}", f"{r:.5g}", f"{found.self_part[k, i]:.6g}", f"{found.distinct_part[k, i]:.6g}")
        for k, lag in enumerate(found.lags_ps)
        for i, r in enumerate(found.r_angstrom)
    ]
    write_csv(output / "van-hove.csv", ("lag_ps", "r_angstrom", "self_per_angstrom3", "distinct"), rows)
    write_json(output / "van-hove.json", content)


def residence_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``residence.json``."""
    assert results.residence is not None and plan.residence is not None
    found = results.residence
    return {
        "n_jumps": found.n_jumps,
        "residence_time_ps": _number(found.residence_time_ps),
        "residence_time_error_ps": _number(found.residence_time_error_ps),
        "residence_time_lower_bound_95_ps": found.lower_bound_ps,
        "jumps_by_atom": found.jumps_by_atom.tolist(),
        "settings": asdict(plan.residence),
    }


def write_residence(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``residence.json``."""
    write_json(output / "residence.json", content)


def density_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``density.json``."""
    assert results.density is not None and plan.density is not None
    grid = results.density
    voxel = abs(float(np.linalg.det(grid.cell))) / grid.density_per_angstrom3.size
    return {
        "file": "density.cube",
        "shape": list(grid.density_per_angstrom3.shape),
        "n_atoms": float(grid.density_per_angstrom3.sum() * voxel),
        "largest_per_angstrom3": float(grid.density_per_angstrom3.max()),
        "settings": asdict(plan.density),
    }


def write_density(results: AnalysisResults, content: dict[str, Any], output: Path, symbols: Any) -> None:
    """``density.json`` and ``density.cube`` with the atoms of the first frame."""
    assert results.density is not None and results.first_frame is not None
    atoms = Atoms(symbols, positions=results.first_frame, cell=results.density.cell, pbc=True)
    atoms.wrap()
    write_density_cube(results.density, atoms, output / "density.cube")
    write_json(output / "density.json", content)


def write_msd(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``msd.json`` and ``msd.csv``."""
    assert results.msd is not None
    rows = []
    for symbol, result in results.msd.items():
        layer = content["settings"]["layer"] or "all"
        for i, lag in enumerate(result.lags_ps):
            total, error = result.msd_angstrom2[i], result.msd_error_angstrom2[i]
            rows.append((symbol, layer, "xyz", f"{lag:.6g}", f"{total:.6g}", f"{error:.4g}"))
            for axis, value in zip("xyz", result.msd_by_direction_angstrom2[i], strict=True):
                rows.append((symbol, layer, axis, f"{lag:.6g}", f"{value:.6g}", ""))
    columns = ("species", "layer", "direction", "lag_ps", "msd_angstrom2", "msd_error_angstrom2")
    write_csv(output / "msd.csv", columns, rows)
    write_json(output / "msd.json", content)


def onsager_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``onsager.json``."""
    assert results.onsager is not None and plan.onsager is not None
    found = results.onsager
    whole = _window(found.whole)
    windows = [_window(window) for window in found.windows]
    content: dict[str, Any] = {}
    if found.region is not None:
        content = region_content(found.region, found.species)
        windows = [window | own for window, own in zip(windows, content.pop("windows"), strict=True)]
    return {
        "species": list(found.species),
        "charges": dict(zip(found.species, found.charges, strict=True)),
        "windows": windows,
        "whole": whole,
        "conductivity_s_per_cm": whole["conductivity_s_per_cm"],
        "conductivity_error_s_per_cm": whole["conductivity_error_s_per_cm"],
        "nernst_einstein_s_per_cm": whole["nernst_einstein_s_per_cm"],
        "haven_ratio": whole["haven_ratio"],
        "transference": dict(zip(found.species, whole["transference"], strict=True)),
        "fluxes": {
            "axis": "xyz"[plan.onsager.flux_axis] if found.region is None else "depth",
            "time_start_ps": found.fluxes.time_start_ps.tolist(),
            "time_end_ps": found.fluxes.time_end_ps.tolist(),
            "flux_per_angstrom2_ps": found.fluxes.flux_per_angstrom2_ps.tolist(),
            "error_per_angstrom2_ps": found.fluxes.error_per_angstrom2_ps.tolist(),
            "zero_within_2_sigma_since_ps": dict(zip(found.species, found.fluxes.zero_since_ps, strict=True)),
        },
        "settings": {
            "temperature_kelvin": plan.onsager.temperature_kelvin,
            "volume_angstrom3": found.volume_angstrom3,
            "layer": plan.onsager.layer,
            "region": region_definition(plan.onsager.region),
            "directions": plan.onsager.directions,
            "drift": plan.drift,
            "definition": "J_i = -sum_j L_ij grad mu_j; L_ij = d/dt <dR_i dR_j> / (2 d kT V); mean velocities taken out and "
            "reported as net flux",
        },
    } | content


def _window(window: OnsagerWindow) -> dict[str, Any]:
    return {name: _finite(value) for name, value in asdict(window).items()}


def write_onsager(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``onsager.json``, ``onsager.csv``, and of a region ``onsager_region.csv``: atoms inside and fluxes against time."""
    rows = []
    for window in content["windows"]:
        for i, first in enumerate(content["species"]):
            for j, second in enumerate(content["species"]):
                rows.append(
                    (
                        f"{window['time_start_ps']:.6g}", f"{window['time_end_ps']:.6g}", first, second,
                        f"{window['l_per_ev_angstrom_ps'][i][j]:.6g}", f"{window['l_error_per_ev_angstrom_ps'][i][j]:.4g}",
                    )
                )  # fmt: skip
    columns = ("time_start_ps", "time_end_ps", "first", "second", "l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps")
    write_csv(output / "onsager.csv", columns, rows)
    if "region" in content:
        write_csv(output / "onsager_region.csv", *region_rows(content))
    write_json(output / "onsager.json", content)


def tetrahedra_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``tetrahedra.json``."""
    assert results.tetrahedra is not None and plan.tetrahedra is not None
    found = results.tetrahedra
    return {
        "count_mean": found.count_mean,
        "count_error": found.count_error,
        "fraction_mean": found.count_mean / found.n_centers,
        "fraction_error": found.count_error / found.n_centers,
        "n_centers": found.n_centers,
        "sensitivity": {q: {"count_mean": count} for q, count in found.sensitivity.items()},
        "settings": asdict(plan.tetrahedra)
        | {
            "definition": "exactly four ligands within the cutoff and Errington-Debenedetti q >= q_min, on averaged positions"
        },
    }


def write_tetrahedra(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``tetrahedra.json``, ``tetrahedra.csv`` against time and ``tetrahedra_depth.csv`` against depth."""
    assert results.tetrahedra is not None
    found = results.tetrahedra
    rows = [
        (f"{time:.6g}", int(count), f"{count / found.n_centers:.6g}")
        for time, count in zip(found.times_ps, found.counts, strict=True)
    ]
    write_csv(output / "tetrahedra.csv", ("time_ps", "count", "fraction"), rows)
    depth = found.depth_fraction * float(np.linalg.norm(results.mean_cell[2]))
    write_csv(
        output / "tetrahedra_depth.csv",
        ("depth_angstrom", "count", "centers"),
        [
            (f"{z:.5g}", f"{count:.6g}", f"{centers:.6g}")
            for z, count, centers in zip(depth, found.depth_counts, found.depth_centers, strict=True)
        ],
    )
    write_json(output / "tetrahedra.json", content)


def chemistry_content(results: AnalysisResults, plan: AnalysisPlan, reader: TrajectoryReader) -> dict[str, Any]:
    """Content of ``chemistry.json``."""
    assert results.chemistry is not None and plan.chemistry is not None
    found = results.chemistry
    interval = float(results.times_ps[1] - results.times_ps[0]) if results.times_ps.size > 1 else 0.0
    total: Counter[str] = Counter()
    for frame in found.frames:
        total.update(frame.units)
    n_frames = len(found.frames)
    events = exchanges(found.histories["P-O"], found.histories["P-S"], found.window_frames)
    lifetimes = np.array(found.dimers.lifetimes, dtype=np.float64) * interval
    layers = reader.layers if reader.layers is not None else np.full(reader.n_atoms, "all")
    return {
        "p_s_units": {kind: total[kind] / n_frames for kind, _ in total.most_common()},
        "p_s_tetrahedra_mean": total["PS4"] / n_frames,
        "p_s_tetrahedra_initial": found.frames[0].units.get("PS4", 0),
        "n_phosphorus": int(np.count_nonzero(reader.symbols == "P")),
        "s2_dimers_mean": float(found.dimers.counts().mean()),
        "s2_dimers_formed": sum(frame > 0 for frame, _, _ in found.dimers.formed),
        "s2_lifetime_mean_ps": float(lifetimes.mean()) if lifetimes.size else None,
        "s2_lifetimes_ended": int(lifetimes.size),
        "polysulfides_mean": float(np.mean([frame.n_polysulfides for frame in found.frames])),
        "bonds": {bond: sum(frame.bonds[bond] for frame in found.frames) / n_frames for bond in BOND_CUTOFFS_ANGSTROM},
        "bonds_formed": {bond: sum(f > 0 for f, _, _ in history.formed) for bond, history in found.histories.items()},
        "bonds_broken": {bond: len(history.broken) for bond, history in found.histories.items()},
        "o_s_exchanges": len(events),
        "o_s_exchanges_by_origin": [
            {"oxygen_from": oxygen, "sulfur_from": sulfur, "count": count}
            for (oxygen, sulfur), count in origins(events, layers).most_common()
        ],
        "o_s_exchange_events": [
            {
                "time_ps": float(results.times_ps[event.frame]),
                "phosphorus_atom": event.phosphorus + 1,
                "oxygen_atom": event.oxygen + 1,
                "sulfur_atom": event.sulfur + 1,
            }
            for event in events
        ],
        "settings": {
            "bond_cutoffs_angstrom": BOND_CUTOFFS_ANGSTROM,
            "min_lifetime_ps": plan.chemistry.min_lifetime_ps,
            "exchange_window_ps": plan.chemistry.exchange_window_ps,
        },
    }


def write_chemistry(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``chemistry.json`` and ``chemistry.csv``."""
    assert results.chemistry is not None
    found = results.chemistry
    kinds = list(content["p_s_units"])
    bonds = list(BOND_CUTOFFS_ANGSTROM)
    dimers = found.dimers.counts()
    rows = [
        (
            f"{time:.6g}",
            *(frame.units.get(kind, 0) for kind in kinds),
            int(n_dimers),
            *(frame.bonds[bond] for bond in bonds),
        )
        for time, frame, n_dimers in zip(results.times_ps, found.frames, dimers, strict=True)
    ]
    write_csv(output / "chemistry.csv", ("time_ps", *kinds, "s2_dimers", *(f"bonds_{bond}" for bond in bonds)), rows)
    write_json(output / "chemistry.json", content)


def profile_content(results: AnalysisResults, plan: AnalysisPlan) -> dict[str, Any]:
    """Content of ``profile.json``."""
    assert results.profile is not None and plan.profile is not None
    found = results.profile
    return {
        "elements": list(found.elements),
        "interfaces": {
            layer: {edge.side: {k: v for k, v in asdict(edge).items() if k != "side"} for edge in edges}
            for layer, edges in found.interfaces.items()
        },
        "settings": asdict(plan.profile) | {"width": "10-90, from a tanh fit to the density of the layer's own atoms"},
    }


def write_profile(results: AnalysisResults, content: dict[str, Any], output: Path) -> None:
    """``profile.json`` and ``profile.csv``."""
    assert results.profile is not None
    found = results.profile
    rows = [
        (
            element,
            f"{depth:.5g}",
            *(f"{table[e, i]:.6g}" for table in (
                found.number_density_per_angstrom3, found.error_per_angstrom3,
                found.first_half_per_angstrom3, found.second_half_per_angstrom3,
            )),
            f"{found.mass_density_g_per_cm3[i]:.6g}",
        )
        for e, element in enumerate(found.elements)
        for i, depth in enumerate(found.depth_angstrom)
    ]  # fmt: skip
    columns = (
        "element", "depth_angstrom", "number_density_per_angstrom3", "error_per_angstrom3", "first_half_per_angstrom3",
        "second_half_per_angstrom3", "mass_density_all_g_per_cm3",
    )  # fmt: skip
    write_csv(output / "profile.csv", columns, rows)
    write_json(output / "profile.json", content)


def write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table at once or not at all."""
    temporary = file.with_name(f".{file.name}")
    with temporary.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)
    temporary.replace(file)


def _first_shell(r: Any, g: Any, coordination: Any) -> float | None:
    """Running coordination number at the first minimum behind the first peak, smoothed over five bins."""
    peak = first_peak(r, g)
    if peak is None:
        return None
    smooth = np.convolve(g, np.ones(5) / 5.0, mode="same")
    start = int(np.argmin(np.abs(r - peak[0])))
    falling = np.flatnonzero(smooth[start:] < 1.0)
    if falling.size == 0:
        return None
    below = start + int(falling[0])
    rising = np.flatnonzero(smooth[below:] > 1.0)
    stop = below + int(rising[0]) if rising.size else len(g)
    return float(coordination[below + int(np.argmin(smooth[below:stop]))]) if stop > below else None


def _scatter(values: Sequence[float]) -> float:
    """Standard error of a mean from the values of blocks; zero for a single one."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _error_at(r: Any, error: Any, peak: tuple[float, float] | None) -> float | None:
    return float(error[int(np.argmin(np.abs(r - peak[0])))]) if peak is not None else None


def _stationary(blocks: Sequence[dict[str, Any]]) -> bool | None:
    """Whether the first peak keeps its height from the first to the last block; None with a single block."""
    if len(blocks) < 2 or blocks[0]["first_peak_height"] is None or blocks[-1]["first_peak_height"] is None:
        return None
    error = math.hypot(blocks[0]["first_peak_height_error"], blocks[-1]["first_peak_height_error"])
    return bool(abs(blocks[0]["first_peak_height"] - blocks[-1]["first_peak_height"]) <= CHANGED * error)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _finite(value: Any) -> Any:
    """Plain lists and numbers for JSON, None for what is not a number."""
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return _number(value) if isinstance(value, float) else value
