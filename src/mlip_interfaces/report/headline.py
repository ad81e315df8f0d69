"""The numbers a report stands on, and what they cannot support."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlip_interfaces.files import read_optional_json


def collect_results(run: Path) -> dict[str, Any]:
    """Headline numbers of a run folder: no times, no dates, so that two reports can be compared.

    Runs that are not healthy are named and kept out.
    """
    structures = read_optional_json(run / "structures" / "index.json") or {"models": []}
    campaign = read_optional_json(run / "campaign" / "summary.json")
    validation = read_optional_json(run / "validation" / "validation.json")
    scan = read_optional_json(run / "scan" / "index.json") or {"runs": []}
    analysis = read_optional_json(run / "analysis" / "index.json") or {"runs": []}
    results: dict[str, Any] = {
        "models": {m["name"]: m["n_atoms"] for m in structures["models"] if m["role"] == "interface"},
        "campaign": None,
        "validation": None,
        "md_ps": sum(r["time_ps"] for r in scan["runs"] if r["healthy"]),
        "unhealthy": {r["name"]: r["reasons"] for r in scan["runs"] if not r["healthy"]},
        "runs": {},
    }
    if campaign:
        results["campaign"] = {
            "iterations": [
                {key: entry[key] for key in ("accurate", "candidate", "failed", "labels_made", "n_training_frames")}
                for entry in campaign["iterations"]
            ],
            "labels_made": campaign["labels"]["made"],
            "labels_failed": campaign["labels"]["failed"],
        }
    if validation:
        results["validation"] = {
            key: validation[key]
            for key in ("n_frames", "energy_rmse_mev_per_atom", "force_rmse_mev_per_angstrom", "layers")
        }
    for entry in analysis["runs"]:
        if entry["healthy"]:
            folder = run / "analysis" / entry["directory"]
            results["runs"][entry["name"]] = _run_numbers(folder, entry)
    return results


def _run_numbers(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    numbers: dict[str, Any] = {"coating_angstrom": entry["coating_angstrom"], "condition": entry["condition"]}
    msd = read_optional_json(folder / "msd.json")
    if msd:
        numbers["diffusivity_cm2_per_s"] = {s: v["diffusivity_cm2_per_s"] for s, v in msd["species"].items()}
    tetrahedra = read_optional_json(folder / "tetrahedra.json")
    if tetrahedra:
        numbers["tetrahedra_count_mean"] = tetrahedra["count_mean"]
    chemistry = read_optional_json(folder / "chemistry.json")
    if chemistry:
        numbers["p_s_tetrahedra_mean"] = chemistry["p_s_tetrahedra_mean"]
        numbers["s2_dimers_mean"] = chemistry["s2_dimers_mean"]
    rdf = read_optional_json(folder / "rdf.json")
    if rdf:
        numbers["first_peaks"] = {p: v["first_peak_height"] for p, v in rdf["pairs"].items()}
    return numbers


def limitations(run: Path, results: dict[str, Any], teacher_kind: str) -> list[str]:
    """Sentences on what the numbers cannot support, each from the data of this run."""
    scan = read_optional_json(run / "scan" / "index.json") or {"runs": []}
    sentences = []
    if teacher_kind == "surrogate":
        sentences.append(
            "The labels come from a surrogate potential, not from DFT: the Deep Potential inherits its errors, and no "
            "energy here is a DFT energy."
        )
    elif teacher_kind != "dft":
        sentences.append("The labels are not DFT; the Deep Potential is as good as the calculator named above.")
    stop = (read_optional_json(run / "campaign" / "summary.json") or {}).get("stop")
    if stop and stop["reason"] != "converged":
        sentences.append(
            f"The active learning did not end because it had converged, but {stop['reason']}: there are structures in reach that "
            "the committee does not agree on."
        )
    lengths = [r["time_ps"] for r in scan["runs"]]
    if lengths:
        sentences.append(
            f"Each MD run has {max(lengths):.3g} ps. Interfaces react and Li diffuses over nanoseconds: what has not "
            "happened here may happen later, and what is seen is the first relaxation after joining two crystals."
        )
    seeds: dict[tuple[float, str], list[int]] = {}
    for entry in scan["runs"]:
        seeds.setdefault((entry["coating_angstrom"], entry["condition"]), []).append(entry["seed"])
    if seeds and min(len(found) for found in seeds.values()) < 3:
        sentences.append(
            "There are fewer than three seeds per thickness and protocol: a difference between thicknesses is not "
            "separated from the chance of one quenched coating and one set of velocities."
        )
    sizes = list(results["models"].values())
    if sizes and max(sizes) < 1000:
        sentences.append(
            f"The models have {min(sizes)} to {max(sizes)} atoms and lateral cells of a few lattice constants: both "
            "interfaces of the periodic stack feel each other, and an amorphous layer this small is one sample."
        )
    if results["validation"]:
        rmse = results["validation"]["force_rmse_mev_per_angstrom"]
        if rmse > 110:
            sentences.append(
                f"The force error on held-out labels is {rmse:.0f} meV/Å; a published production model of this "
                "interface reaches 110 meV/Å. Barriers and rates depend on it exponentially."
            )
    sentences += _transport_limits(run)
    if results["unhealthy"]:
        names = ", ".join(results["unhealthy"])
        sentences.append(f"These runs were not healthy and enter no average: {names}.")
    return sentences


def _transport_limits(run: Path) -> list[str]:
    analysis = read_optional_json(run / "analysis" / "index.json") or {"runs": []}
    caged, zero = [], []
    for entry in analysis["runs"]:
        msd = read_optional_json(run / "analysis" / entry["directory"] / "msd.json")
        for values in (msd or {"species": {}})["species"].values():
            if not values["diffusive"]:
                caged.append(entry["name"])
            low, high = values["confidence_95_cm2_per_s"]
            if low <= 0 <= high:
                zero.append(entry["name"])
    sentences = []
    if caged:
        sentences.append(
            f"The MSD stays below 4.5 Å² (less than a jump per atom) in {_listed(caged)}: the slope there is that of atoms "
            "settling in their cages, not a diffusivity."
        )
    if zero:
        sentences.append(f"The 95 % interval of D contains zero in {_listed(zero)}.")
    return sentences


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{len(names)} runs"
