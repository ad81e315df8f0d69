"""Stage ``build``: interface models of every coating thickness, and a bulk cell of every layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write

from mlip_interfaces.config import AmorphousLayer, CrystalLayer, Study
from mlip_interfaces.pipeline.context import RunContext
from mlip_interfaces.pipeline.run_directory import write_json
from mlip_interfaces.structures import amorphous
from mlip_interfaces.structures.composition import remove_atoms
from mlip_interfaces.structures.crystals import bulk_cell
from mlip_interfaces.structures.matching import MatchedSlabs, match_slabs
from mlip_interfaces.structures.model_files import in_type_order, write_model
from mlip_interfaces.structures.stacking import Layer, stack
from mlip_interfaces.structures.variations import minimum_distances
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

SNAPSHOTS = "snapshots.xyz"


@dataclass(frozen=True, slots=True)
class _BuiltLayer:
    layer: Layer
    material: str
    requested_angstrom: float


def run_build(context: RunContext) -> str:
    """Match the crystals, quench the coatings, stack and write every model."""
    study = context.study
    lower, upper = study.interface.layers[0], study.interface.layers[-1]
    assert isinstance(lower, CrystalLayer)
    assert isinstance(upper, CrystalLayer)
    context.progress(0.0, f"matching {lower.material} and {upper.material}")
    slabs = match_slabs(
        lower.material, lower.miller, lower.thickness_angstrom,
        upper.material, upper.miller, upper.thickness_angstrom,
        max_area_angstrom2=study.interface.max_area_angstrom2, max_strain=study.interface.max_strain,
    )  # fmt: skip
    entries: list[dict[str, Any]] = []
    quenched: list[dict[str, Any]] = []
    bulk_amorphous: dict[str, Atoms] = {}
    for number, thickness in enumerate(study.thicknesses):
        name = study.model_name(thickness)
        context.progress((number + 0.1) / (len(study.thicknesses) + 1), f"model {name}")
        built = _layers(study, slabs, thickness, context.structures, quenched, bulk_amorphous)
        atoms = in_type_order(stack([part.layer for part in built]), study.elements)
        write_model(atoms, context.structures / name, study.elements)
        entries.append(
            _entry(study, name, "interface", atoms)
            | {
                "coating_angstrom": thickness,
                "area_angstrom2": slabs.area_angstrom2,
                "layers": [_layer_entry(part) for part in built],
                "strain": {
                    "substrate": lower.name,
                    "film": upper.name,
                    "max_strain": slabs.strain.max_strain,
                    "tensor": slabs.strain.tensor.tolist(),
                    "angle_degrees": slabs.strain.angle_degrees,
                },
            }
        )
    for layer in study.interface.layers:
        if isinstance(layer, CrystalLayer):
            cell = bulk_cell(layer.material)
        elif layer.name in bulk_amorphous:
            cell = bulk_amorphous[layer.name]
        else:
            continue
        cell.arrays["layer"] = np.array([layer.name] * len(cell))
        cell.arrays["layer_id"] = np.zeros(len(cell), dtype=int)
        atoms = in_type_order(cell, study.elements)
        write_model(atoms, context.structures / f"bulk-{layer.name}", study.elements)
        entries.append(_entry(study, f"bulk-{layer.name}", "bulk", atoms) | {"strain": None, "layers": []})
    write_json(context.structures / "index.json", {"models": entries, "amorphous": quenched})
    sizes = ", ".join(str(entry["n_atoms"]) for entry in entries if entry["role"] == "interface")
    return f"{len(study.thicknesses)} models of {sizes} atoms, strain {100 * slabs.strain.max_strain:.2f} %"


def _layers(
    study: Study,
    slabs: MatchedSlabs,
    thickness: float,
    directory: Path,
    quenched: list[dict[str, Any]],
    bulk_amorphous: dict[str, Atoms],
) -> list[_BuiltLayer]:
    built = []
    for number, section in enumerate(study.interface.layers):
        if isinstance(section, CrystalLayer):
            atoms = (slabs.substrate if number == 0 else slabs.film).copy()
            for vacancies in section.vacancies:
                atoms = remove_atoms(atoms, vacancies.element, vacancies.fraction, seed=study.seed + number)
            built.append(_BuiltLayer(Layer(section.name, atoms), section.material, section.thickness_angstrom))
            continue
        wanted = thickness if section is study.interface.scanned else section.thicknesses[0]
        if wanted == 0:
            continue
        layer = _quench(study, section, slabs, wanted, directory, number)
        built.append(_BuiltLayer(Layer(section.name, layer.atoms), section.material, wanted))
        if all(entry["directory"] != f"amorphous/{section.name}-{wanted:g}" for entry in quenched):
            quenched.append(
                {
                    "directory": f"amorphous/{section.name}-{wanted:g}",
                    "material": section.material,
                    "thickness_angstrom": wanted,
                    "density_g_per_cm3": layer.density_g_per_cm3,
                    "requested_density_g_per_cm3": section.density_g_per_cm3,
                    "coordination_mean": layer.coordination_mean,
                    "crystal_coordination": 6,
                    "n_attempts": layer.n_attempts,
                    "verdict": layer.order.verdict,
                    "order": asdict(layer.order),
                }
            )
        if section.name not in bulk_amorphous:
            bulk_amorphous[section.name] = layer.atoms.copy()
            folder = directory / f"bulk-{section.name}"
            folder.mkdir(parents=True, exist_ok=True)
            # The first frame is the start of the melt; later ones are the melt, the quench and the glass.
            write(folder / SNAPSHOTS, [in_type_order(frame, study.elements) for frame in layer.snapshots[1:]])
    return built


def _quench(
    study: Study, section: AmorphousLayer, slabs: MatchedSlabs, thickness: float, directory: Path, number: int
) -> amorphous.AmorphousLayer:
    return amorphous.melt_quench(
        np.asarray(slabs.substrate.cell)[:2, :2],
        thickness_angstrom=thickness,
        density_g_per_cm3=section.density_g_per_cm3,
        schedule=amorphous.MeltQuench(**section.melt_quench.model_dump()),
        seed=study.seed + number,
        directory=directory / "amorphous" / f"{section.name}-{thickness:g}",
    )


def _entry(study: Study, name: str, role: str, atoms: Atoms) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "file": f"{name}/model.xyz",
        "n_atoms": len(atoms),
        "composition": atoms.get_chemical_formula(mode="hill"),
        "density_g_per_cm3": float(atoms.get_masses().sum() / atoms.get_volume()) * AMU_PER_ANGSTROM3_TO_G_PER_CM3,
        "min_distance_angstrom": minimum_distances(atoms, study.elements),
    }


def _layer_entry(part: _BuiltLayer) -> dict[str, Any]:
    atoms = part.layer.atoms
    return {
        "name": part.layer.name,
        "material": part.material,
        "thickness_angstrom": float(np.asarray(atoms.cell)[2, 2]),
        "requested_thickness_angstrom": part.requested_angstrom,
        "n_atoms": len(atoms),
        "composition": atoms.get_chemical_formula(mode="hill"),
    }
