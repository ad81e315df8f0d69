"""Stage ``analyze``: every analysis of the study, one pass over each trajectory of the scan."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from mlip_interfaces.analysis.barrier import barriers, potential_of_mean_force
from mlip_interfaces.analysis.chemistry import BOND_CUTOFFS_ANGSTROM, FrameChemistry, frame_chemistry, lasting_dimers
from mlip_interfaces.analysis.diffusion import Diffusivity, diffusivity
from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.analysis.rdf import Rdf, RdfAccumulator, first_peak
from mlip_interfaces.analysis.tetrahedra import regular_tetrahedra
from mlip_interfaces.config import Study
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.pipeline.context import RunContext
from mlip_interfaces.pipeline.run_directory import write_json
from mlip_interfaces.pipeline.scan import read_scan_index
from mlip_interfaces.trajectory import Trajectory, read_trajectory, remove_drift

DIMER_LIFETIME_PS = 0.1
"""S2 contacts that last less are collisions."""


def run_analyze(context: RunContext) -> str:
    """Analyse every healthy run; unhealthy ones are listed without results."""
    entries = []
    runs = read_scan_index(context)
    for number, run in enumerate(runs):
        context.progress(number / len(runs), run["name"])
        entry = {
            key: run[key]
            for key in ("name", "directory", "coating_angstrom", "protocol", "temperature_kelvin", "seed", "healthy")
        } | {"results": [], "absent": {}}
        if run["healthy"]:
            directory = context.scan / run["directory"]
            trajectory = read_trajectory(
                directory / run["trajectory"], directory / run["layers"], frame_interval_ps=run["frame_interval_ps"]
            )
            output = context.analysis / run["directory"]
            output.mkdir(parents=True, exist_ok=True)
            entry["absent"] = analyze_run(trajectory, context.study, run["temperature_kelvin"], output)
            entry["results"] = [
                name for name in ("rdf", "msd", "tetrahedra", "chemistry") if (output / f"{name}.json").is_file()
            ]
        entries.append(entry)
    write_json(context.analysis / "index.json", {"runs": entries})
    n_analysed = sum(entry["healthy"] for entry in entries)
    return f"{n_analysed} of {len(entries)} runs analysed"


def analyze_run(trajectory: Trajectory, study: Study, temperature_kelvin: float, output: Path) -> dict[str, str]:
    """Analyse one trajectory and write its results.

    Returns
    -------
    absent : analysis -> why there is no result (no coating in a bare interface, say).
    """
    absent: dict[str, str] = {}
    symbols, times = trajectory.symbols, trajectory.times_ps
    section = study.analysis.rdf
    accumulators = []
    for pair in section.pairs:
        try:
            accumulators.append(
                RdfAccumulator(
                    pair, symbols, r_max_angstrom=section.r_max_angstrom, bin_width_angstrom=section.bin_width_angstrom
                )
            )
        except AnalysisError as error:
            absent[f"rdf {pair}"] = str(error)
    cutoff = max(section.r_max_angstrom, *BOND_CUTOFFS_ANGSTROM.values())
    chemistry = []
    for positions, cell in zip(trajectory.positions, trajectory.cells, strict=True):
        # One neighbour search per frame feeds everything that looks at distances.
        pairs = find_pairs(positions, cell, cutoff)
        volume = abs(float(np.linalg.det(cell)))
        for accumulator in accumulators:
            accumulator.add(pairs, volume)
        chemistry.append(frame_chemistry(symbols, pairs))
    rdfs = [accumulator.result(times, section.blocks) for accumulator in accumulators]
    _write_rdf(rdfs, temperature_kelvin, study, output, len(times))
    _write_chemistry(chemistry, symbols, times, output)
    for name, write in (("msd", _write_msd), ("tetrahedra", _write_tetrahedra)):
        try:
            write(trajectory, study, output)
        except AnalysisError as error:
            absent[name] = str(error)
    return absent


def _write_rdf(rdfs: Sequence[Rdf], kelvin: float, study: Study, output: Path, n_frames: int) -> None:
    rows = []
    summary: dict[str, Any] = {}
    for rdf in rdfs:
        for number, block in enumerate(rdf.blocks):
            potential = potential_of_mean_force(block.g, kelvin)
            for i, r in enumerate(rdf.r_angstrom):
                energy = "" if np.isnan(potential[i]) else f"{potential[i]:.5f}"
                head = (rdf.pair, number, f"{block.time_start_ps:.6g}", f"{block.time_end_ps:.6g}", f"{r:.5g}")
                rows.append((*head, f"{block.g[i]:.6g}", f"{block.g_error[i]:.4g}", energy, int(block.counts[i])))
        peak = first_peak(rdf.r_angstrom, rdf.whole.g)
        summary[rdf.pair] = {
            "first_peak_angstrom": peak[0] if peak else None,
            "first_peak_height": peak[1] if peak else None,
            "barrier": asdict(barriers(rdf.r_angstrom, rdf.whole.g, rdf.whole.counts, kelvin)),
            "blocks": [
                {
                    "time_start_ps": block.time_start_ps,
                    "time_end_ps": block.time_end_ps,
                    "first_peak_angstrom": found[0] if (found := first_peak(rdf.r_angstrom, block.g)) else None,
                    "first_peak_height": found[1] if found else None,
                }
                for block in rdf.blocks
            ],
        }
    columns = ("pair", "block", "time_start_ps", "time_end_ps", "r_angstrom", "g", "g_error")
    _write_csv(output / "rdf.csv", (*columns, "potential_of_mean_force_ev", "counts"), rows)
    settings = study.analysis.rdf.model_dump(mode="json")
    write_json(
        output / "rdf.json",
        {"pairs": summary, "temperature_kelvin": kelvin, "n_frames": n_frames, "settings": settings},
    )


def _write_msd(trajectory: Trajectory, study: Study, output: Path) -> None:
    section = study.analysis.msd
    masses = atomic_masses[[atomic_numbers[symbol] for symbol in trajectory.symbols]]
    displacements = remove_drift(trajectory.positions, masses)
    interval = float(trajectory.times_ps[1] - trajectory.times_ps[0]) if trajectory.times_ps.size > 1 else 0.0
    results: dict[str, Diffusivity] = {}
    for symbol in section.species:
        mask = trajectory.symbols == symbol
        if section.layer is not None:
            mask &= trajectory.layers == section.layer
        if not mask.any():
            where = f" in the layer '{section.layer}'" if section.layer else ""
            raise AnalysisError(f"There is no {symbol}{where} in this run.")
        results[symbol] = diffusivity(displacements[:, mask], interval)
    rows = [
        (symbol, section.layer or "all", "xyz", f"{lag:.6g}", f"{msd:.6g}", f"{error:.4g}")
        for symbol, result in results.items()
        for lag, msd, error in zip(result.lags_ps, result.msd_angstrom2, result.msd_error_angstrom2, strict=True)
    ]
    columns = ("species", "layer", "direction", "lag_ps", "msd_angstrom2", "msd_error_angstrom2")
    _write_csv(output / "msd.csv", columns, rows)
    write_json(
        output / "msd.json",
        {
            "species": {
                symbol: {
                    "diffusivity_cm2_per_s": result.diffusivity_cm2_per_s,
                    "diffusivity_error_cm2_per_s": result.diffusivity_error_cm2_per_s,
                    "confidence_95_cm2_per_s": list(result.confidence_95_cm2_per_s),
                    "n_atoms": result.n_atoms,
                    "layer": section.layer,
                    "fit_window_ps": list(result.fit_window_ps),
                    "log_log_slope": result.log_log_slope,
                    "msd_at_end_of_fit_angstrom2": float(result.msd_angstrom2[-1]),
                    "diffusive": result.diffusive,
                }
                for symbol, result in results.items()
            },
            "settings": {"frame": "centre of mass of all atoms", "unwrapping": "image flags of the MD, per frame"},
        },
    )


def _write_tetrahedra(trajectory: Trajectory, study: Study, output: Path) -> None:
    section = study.analysis.tetrahedra
    result = regular_tetrahedra(
        trajectory.positions,
        trajectory.cells,
        trajectory.times_ps,
        trajectory.symbols == section.center,
        trajectory.symbols == section.ligand,
        cutoff_angstrom=section.cutoff_angstrom,
        q_min=section.q_min,
        average_ps=section.average_ps,
    )
    rows = [
        (f"{time:.6g}", int(count), f"{count / result.n_centers:.6g}")
        for time, count in zip(result.times_ps, result.counts, strict=True)
    ]
    _write_csv(output / "tetrahedra.csv", ("time_ps", "count", "fraction"), rows)
    write_json(
        output / "tetrahedra.json",
        {
            "count_mean": result.count_mean,
            "count_error": result.count_error,
            "fraction_mean": result.count_mean / result.n_centers,
            "fraction_error": result.count_error / result.n_centers,
            "n_centers": result.n_centers,
            "sensitivity": {q: {"count_mean": count} for q, count in result.sensitivity.items()},
            "settings": section.model_dump(mode="json"),
        },
    )


def _write_chemistry(frames: Sequence[FrameChemistry], symbols: Any, times: Any, output: Path) -> None:
    interval = float(times[1] - times[0]) if len(times) > 1 else DIMER_LIFETIME_PS
    dimers = lasting_dimers([frame.dimers for frame in frames], max(1, round(DIMER_LIFETIME_PS / interval)))
    total: Counter[str] = Counter()
    for frame in frames:
        total.update(frame.units)
    kinds = [kind for kind, _ in total.most_common()]
    bonds = list(BOND_CUTOFFS_ANGSTROM)
    rows = [
        (
            f"{time:.6g}",
            *(frame.units[kind] for kind in kinds),
            int(n_dimers),
            *(frame.bonds[bond] for bond in bonds),
        )
        for time, frame, n_dimers in zip(times, frames, dimers, strict=True)
    ]
    _write_csv(output / "chemistry.csv", ("time_ps", *kinds, "s2_dimers", *(f"bonds_{bond}" for bond in bonds)), rows)
    write_json(
        output / "chemistry.json",
        {
            "p_s_units": {kind: total[kind] / len(frames) for kind in kinds},
            "p_s_tetrahedra_mean": total["PS4"] / len(frames),
            "p_s_tetrahedra_initial": frames[0].units["PS4"],
            "n_phosphorus": int(np.count_nonzero(symbols == "P")),
            "s2_dimers_mean": float(dimers.mean()),
            "bonds": {bond: sum(frame.bonds[bond] for frame in frames) / len(frames) for bond in bonds},
            "settings": {"bond_cutoffs_angstrom": BOND_CUTOFFS_ANGSTROM, "dimer_lifetime_ps": DIMER_LIFETIME_PS},
        },
    )


def _write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    temporary = file.with_name(f".{file.name}")
    with temporary.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)
    temporary.replace(file)
