"""Stage ``build``: every interface model of the study, and a bulk cell of every layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write
from numpy.typing import NDArray

from mlip_interfaces.books.run import (
    INDEX,
    BulkEntry,
    CrystalLayerEntry,
    GlassEntry,
    LayerEntry,
    ModelEntry,
    StrainEntry,
    StructureIndex,
    read_book,
    read_optional_book,
    write_book,
)
from mlip_interfaces.config import AmorphousLayer, CrystalLayer, LayerPlan, ModelPlan, Study
from mlip_interfaces.errors import OtherInputsError, StructureError, StudyError, counted
from mlip_interfaces.figures import plots
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import write_csv
from mlip_interfaces.pipeline.made_of import StudyHashes, bulk_glass, structures_there
from mlip_interfaces.run.aside import aside_of, bring_back, set_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.structures.assembly import Layer, stack, write_model
from mlip_interfaces.structures.crystals import bulk_cell, formula_counts, in_type_order, minimum_distances
from mlip_interfaces.structures.defects import apply_defects, delithiate, remove_atoms
from mlip_interfaces.structures.glass import amorphous, named_potential
from mlip_interfaces.structures.matching import MatchedStack, SlabRequest, match_slabs
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

SNAPSHOTS = "snapshots.xyz"

_MATCHED, _QUENCHED = 0.1, 0.8
"""How far the stage is when slabs are matched, and when the amorphous layers are made."""

QuenchKey = tuple[str, float, tuple[int, int]]
"""Name of an amorphous layer, its thickness and the repeat of the lateral cell."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What models are made of.

    Attributes
    ----------
    slabs : dict
        Matched crystals, by the thicknesses of all crystal layers and the lateral repeat.
    crystals : dict
        Slabs with what the study does to them, by model and layer.
    glasses : dict
        Amorphous layers, by name, thickness and lateral repeat.
    """

    slabs: dict[tuple[tuple[float, ...], tuple[int, int]], MatchedStack]
    crystals: dict[tuple[str, str], Atoms]
    glasses: dict[QuenchKey, amorphous.AmorphousLayer]


def run_build(context: RunContext) -> str:
    """Match the crystals, quench the coatings, stack and write every model and every bulk cell.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    str
        How many models there are, how large, and their strain.

    Raises
    ------
    StructureError
        If the crystals do not match, a layer cannot be made, or a small model is too large.
    ProgramError
        If LAMMPS fails.
    """
    made_of = StudyHashes(context.study).structures
    there = _kept(context, made_of)
    build_models(context, [model for model in context.study.interface.models if model.name not in there])
    entries = read_book(StructureIndex, context.structures / INDEX).interfaces
    sizes = ", ".join(str(entry.n_atoms) for entry in entries)
    return f"{counted(len(entries), 'model')} of {sizes} atoms, strain {100 * max(entry.strain for entry in entries):.2f} %"


def _kept(context: RunContext, made_of: Mapping[str, str]) -> set[str]:
    """Names of the structures that are there as they are asked for."""
    return {name for name, entry in structures_there(context).items() if entry.made_of == made_of.get(name, "-")}


def models_named(study: Study, names: Collection[str]) -> tuple[ModelPlan, ...]:
    """The models of these names.

    Parameters
    ----------
    study : Study
        The study.
    names : collection of str
        Of its models.

    Returns
    -------
    tuple of ModelPlan
        In the order of the names.

    Raises
    ------
    StudyError
        If a name is unknown.
    """
    known = {model.name: model for model in study.interface.models}
    for name in names:
        if name not in known:
            raise StudyError(f"--only: the study has no model '{name}'; its models are {', '.join(known)}.")
    return tuple(known[name] for name in names)


def build_models(context: RunContext, models: Sequence[ModelPlan]) -> list[ModelEntry]:
    """Build these models, and bulk cells that are not there; other structures of the folder stay.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    models : sequence of ModelPlan
        Which ones.

    Returns
    -------
    list of ModelEntry
        Of these models, as in ``index.json``.

    Raises
    ------
    StructureError, ProgramError
        As `run_build`.
    """
    study, directory = context.study, context.structures
    context.progress(0.0, "matching " + ", ".join(_material(layer) for layer in _crystals(study)))
    made_of = StudyHashes(study).structures
    there = _kept(context, made_of)
    bulk = [layer for layer in study.interface.layers if f"bulk-{layer.name}" not in there]
    # Of these the melt-quench alone is needed: the bulk cell of a glass.
    sources = [
        source
        for layer in bulk
        if isinstance(layer, AmorphousLayer) and (source := bulk_glass(study, layer)) is not None
    ]
    parts = _Parts({}, {}, {})
    for model in models:
        _match(study, model, parts)
        _make_crystals(study, model, parts)
        _refuse_large(study, model, parts)
    for model in sources:
        _match(study, model, parts)
    _quench_all(context, [*models, *sources], parts)
    entries = []
    for number, model in enumerate(models):
        context.progress(_QUENCHED + (1 - _QUENCHED) * number / len(models), f"model {model.name}")
        entries.append(_build_model(study, model, parts, directory))
    made: list[ModelEntry | BulkEntry] = [*entries, *_build_bulk(study, bulk, parts, directory)]
    made = [replace(entry, made_of=made_of[entry.name]) for entry in made]
    glasses = [_glass_entry(study, key, glass) for key, glass in parts.glasses.items()]
    before = read_optional_book(StructureIndex, directory / INDEX) or StructureIndex()
    index = _merged(before, StructureIndex(tuple(made), tuple(glasses)), study)
    write_book(directory / INDEX, index)
    _write_table(index.interfaces, directory / "models.csv")
    return entries


def _crystals(study: Study) -> tuple[CrystalLayer, ...]:
    return tuple(layer for layer in study.interface.layers if isinstance(layer, CrystalLayer))


def _material(layer: CrystalLayer | AmorphousLayer) -> str:
    """What a layer is made of: a name or formula, or the name of its file."""
    return Path(layer.material).name


def _slab_key(study: Study, model: ModelPlan) -> tuple[tuple[float, ...], tuple[int, int]]:
    """All crystals are matched together, also for a model that lacks one: every model has the same lateral cell."""
    planned = {plan.section.name: plan.thickness_angstrom for plan in model.layers}
    return tuple(planned.get(layer.name, layer.thickness_angstrom) for layer in _crystals(study)), model.lateral_repeat


def _match(study: Study, model: ModelPlan, parts: _Parts) -> None:
    key = _slab_key(study, model)
    if key not in parts.slabs:
        parts.slabs[key] = matched_slabs(study, model)


def matched_slabs(study: Study, model: ModelPlan) -> MatchedStack:
    """The crystals of a study on the lateral cell of a model.

    Parameters
    ----------
    study : Study
        The study.
    model : ModelPlan
        One of its models.

    Returns
    -------
    MatchedStack
        All crystals of the study, also those that the model lacks.

    Raises
    ------
    StructureError
        As `match_slabs`.
    """
    thicknesses, repeat = _slab_key(study, model)
    requests = [
        SlabRequest(
            layer.material,
            layer.miller,
            thickness,
            termination=layer.termination,
            symmetric=layer.symmetric,
            stoichiometric=layer.stoichiometric,
        )  # fmt: skip
        for layer, thickness in zip(_crystals(study), thicknesses, strict=True)
    ]
    return match_slabs(
        requests,
        max_area_angstrom2=study.interface.max_area_angstrom2,
        max_strain=study.interface.max_strain,
        strained=study.interface.strained,
        lateral_repeat=repeat,
        primitive=study.interface.primitive,
    )


def _make_crystals(study: Study, model: ModelPlan, parts: _Parts) -> None:
    """Everything of a model that is no glass: what cannot be made is told before the hours of a melt-quench."""
    matched = parts.slabs[_slab_key(study, model)]
    for plan in model.layers:
        if isinstance(plan.section, CrystalLayer):
            parts.crystals[model.name, plan.section.name] = _crystal(study, plan.section, plan, matched)


def _refuse_large(study: Study, model: ModelPlan, parts: _Parts) -> None:
    """Hold a model against its limit, before the hours of its melt-quench."""
    if model.max_atoms is None:
        return
    matched = parts.slabs[_slab_key(study, model)]
    n_atoms = 0
    for plan in model.layers:
        section = plan.section
        if isinstance(section, AmorphousLayer):
            n_atoms += sum(
                amorphous.atom_counts(
                    _lateral(matched),
                    thickness_angstrom=plan.thickness_angstrom,
                    density_g_per_cm3=section.density_g_per_cm3,
                    material=section.material,
                ).values()
            )
        else:
            n_atoms += len(parts.crystals[model.name, section.name])
    if n_atoms > model.max_atoms:
        raise StructureError(
            f"The small cell {model.name} has {n_atoms} atoms, more than interface.small.max_atoms "
            f"({model.max_atoms}): make its layers thinner (interface.small.thickness_angstrom) or raise the limit."
        )


def _lateral(matched: MatchedStack) -> NDArray[np.float64]:
    """Rows a and b of the lateral cell, shape (2, 2), angstrom."""
    return np.asarray(matched.slabs[0].cell)[:2, :2]


def _quench_all(context: RunContext, models: Sequence[ModelPlan], parts: _Parts) -> None:
    """Melt-quench every amorphous layer the models need, several at a time: each is one core's work."""
    wanted: dict[QuenchKey, tuple[AmorphousLayer, Any]] = {}
    for model in models:
        lateral = _lateral(parts.slabs[_slab_key(context.study, model)])
        for plan in model.layers:
            if isinstance(plan.section, AmorphousLayer):
                key = _glass_key(model, plan.section)
                wanted.setdefault(key, (plan.section, lateral))
    if not wanted:
        return

    def report(n_done: int) -> None:
        context.progress(
            _MATCHED + (_QUENCHED - _MATCHED) * n_done / len(wanted), f"melt-quench {n_done} of {len(wanted)}"
        )

    report(0)
    # The thickest takes longest: it goes first.
    keys = sorted(wanted, key=lambda key: -key[1] * key[2][0] * key[2][1])
    with ThreadPoolExecutor(context.study.execution.cores) as pool:
        quenches = {pool.submit(_quench, context, *wanted[key], key): key for key in keys}
        found = {}
        try:
            for quench in as_completed(quenches):
                found[quenches[quench]] = quench.result()
                report(len(found))
        except BaseException:
            # No layer is begun for a study that has to change.
            pool.shutdown(cancel_futures=True)
            raise
    parts.glasses.update((key, found[key]) for key in wanted)


def _quench(context: RunContext, section: AmorphousLayer, lateral: Any, key: QuenchKey) -> amorphous.AmorphousLayer:
    """A finished one of the same inputs, in its place or set aside, or a new one; one of other inputs is set aside."""
    place = context.structures / _glass_folder(key)
    for earlier in (None, *aside_of(context.root, place)):
        if earlier is not None:
            bring_back(context.root, earlier)
        try:
            return _quench_in(place, context.study, section, lateral, key)
        except OtherInputsError:
            set_aside(context.root, place, "")
    return _quench_in(place, context.study, section, lateral, key)


def _quench_in(
    place: Path, study: Study, section: AmorphousLayer, lateral: Any, key: QuenchKey
) -> amorphous.AmorphousLayer:
    return amorphous.melt_quench(
        lateral,
        material=section.material,
        potential=named_potential(section.potential, [symbol for symbol, _ in formula_counts(section.material)]),
        thickness_angstrom=key[1],
        density_g_per_cm3=section.density_g_per_cm3,
        schedule=amorphous.MeltQuench(**section.melt_quench.model_dump()),
        seed=study.seed + study.interface.layers.index(section),
        directory=place,
    )


def _glass_key(model: ModelPlan, layer: AmorphousLayer) -> QuenchKey:
    thickness = next(plan.thickness_angstrom for plan in model.layers if plan.section is layer)
    return layer.name, thickness, model.lateral_repeat


def _glass_folder(key: QuenchKey) -> str:
    name, thickness, repeat = key
    size = "" if repeat == (1, 1) else f"-{repeat[0]}x{repeat[1]}"
    return f"amorphous/{name}-{thickness:g}{size}"


def _build_model(study: Study, model: ModelPlan, parts: _Parts, directory: Path) -> ModelEntry:
    matched = parts.slabs[_slab_key(study, model)]
    layers = [_layer(model, plan, parts) for plan in model.layers]
    interface = study.interface
    atoms = stack(
        layers, relax=interface.relax_gaps, registry=interface.registry, vacuum_angstrom=interface.vacuum_angstrom
    )
    atoms = in_type_order(atoms, study.elements)
    write_model(atoms, directory / model.name, study.elements)
    view = plots.SideView.of_atoms(atoms, f"{model.name}: {len(atoms)} atoms")
    save_figure(plots.structures([view]), directory / model.name, "side_view")
    crystals = {plan.section.name for plan in model.layers if isinstance(plan.section, CrystalLayer)}
    strains = tuple(
        StrainEntry(layer.name, strain.max_strain, tuple(map(tuple, strain.tensor.tolist())), strain.angle_degrees)
        for layer, strain in zip(_crystals(study), matched.strains, strict=True)
        if layer.name in crystals
    )
    distances = minimum_distances(atoms, study.elements)
    return ModelEntry(
        name=model.name,
        role="interface",
        file=f"{model.name}/model.xyz",
        n_atoms=len(atoms),
        composition=atoms.get_chemical_formula(mode="hill"),
        density_g_per_cm3=_density(atoms),
        min_distance_angstrom=min(distances.values()),
        min_distances_angstrom=distances,
        small=model.small,
        coating_angstrom=model.coating_angstrom,
        variant=model.variant,
        area_angstrom2=matched.area_angstrom2,
        layers=tuple(
            _layer_entry(study, plan, layer, atoms, number, matched)
            for number, (plan, layer) in enumerate(zip(model.layers, layers, strict=True))
        ),
        strain=max(strain.max_strain for strain in strains),
        strains=strains,
    )


def _layer(model: ModelPlan, plan: LayerPlan, parts: _Parts) -> Layer:
    section = plan.section
    if isinstance(section, AmorphousLayer):
        glass = parts.glasses[_glass_key(model, section)]
        return Layer(section.name, glass.atoms.copy())
    return Layer(section.name, parts.crystals[model.name, section.name])


def _crystal(study: Study, section: CrystalLayer, plan: LayerPlan, matched: MatchedStack) -> Atoms:
    """The matched slab with what the study does to it: lithium taken out, defects, vacancies."""
    atoms = matched.slabs[_crystals(study).index(section)].copy()
    seed = study.seed + study.interface.layers.index(section)
    if section.lithium_content is not None:
        atoms = delithiate(
            atoms, section.lithium_content, host=section.lithium_host, arrangement=section.lithium_order, seed=seed
        ).atoms
    if section.defects is not None:
        atoms = apply_defects(atoms, section.defects.kinds, n=section.defects.n, seed=seed).atoms
    for element, share in plan.vacancies:
        atoms = remove_atoms(atoms, element, share, seed=seed)
    return atoms


def _build_bulk(
    study: Study, layers: Sequence[CrystalLayer | AmorphousLayer], parts: _Parts, directory: Path
) -> list[BulkEntry]:
    """Bulk cells of layers; of an amorphous one the quenched sample of `bulk_glass`."""
    entries = []
    for layer in layers:
        name = f"bulk-{layer.name}"
        if isinstance(layer, CrystalLayer):
            cell = bulk_cell(layer.material)
        else:
            source = bulk_glass(study, layer)
            if source is None:
                continue
            glass = parts.glasses[_glass_key(source, layer)]
            cell = glass.atoms.copy()
            (directory / name).mkdir(parents=True, exist_ok=True)
            # The first frame is the start of the melt; later ones are the melt, the quench and the glass.
            write(directory / name / SNAPSHOTS, [in_type_order(frame, study.elements) for frame in glass.snapshots[1:]])
        cell.arrays["layer"] = np.array([layer.name] * len(cell))
        cell.arrays["layer_id"] = np.zeros(len(cell), dtype=int)
        atoms = in_type_order(cell, study.elements)
        write_model(atoms, directory / name, study.elements)
        distances = minimum_distances(atoms, study.elements)
        entries.append(
            BulkEntry(
                name=name,
                role="bulk",
                file=f"{name}/model.xyz",
                n_atoms=len(atoms),
                composition=atoms.get_chemical_formula(mode="hill"),
                density_g_per_cm3=_density(atoms),
                min_distance_angstrom=min(distances.values()),
                min_distances_angstrom=distances,
            )
        )
    return entries


def _density(atoms: Atoms) -> float:
    """Mass over volume, g/cm3."""
    return float(atoms.get_masses().sum() / atoms.get_volume()) * AMU_PER_ANGSTROM3_TO_G_PER_CM3


def _layer_entry(
    study: Study, plan: LayerPlan, layer: Layer, model: Atoms, number: int, matched: MatchedStack
) -> LayerEntry:
    z = np.sort(model.positions[model.arrays["layer_id"] == number, 2])
    height = float(model.cell[2, 2])
    # Around the cell: the extent is what the widest gap leaves.
    gaps = np.diff(np.append(z, z[0] + height))
    entry = (
        layer.name,
        _material(plan.section),
        float(np.asarray(layer.atoms.cell)[2, 2]),
        plan.thickness_angstrom,
        height - float(gaps.max()),
        len(layer.atoms),
        str(layer.atoms.get_chemical_formula(mode="hill")),
    )
    if not isinstance(plan.section, CrystalLayer):
        return LayerEntry(*entry)
    ends = matched.terminations[_crystals(study).index(plan.section)]
    return CrystalLayerEntry(*entry, ends.name, ends.stoichiometric, ends.tasker, ends.dipole_e_per_angstrom)


def _glass_entry(study: Study, key: QuenchKey, glass: amorphous.AmorphousLayer) -> GlassEntry:
    section = next(layer for layer in study.interface.layers if layer.name == key[0])
    assert isinstance(section, AmorphousLayer)
    return GlassEntry(
        directory=_glass_folder(key),
        material=section.material,
        thickness_angstrom=key[1],
        density_g_per_cm3=glass.density_g_per_cm3,
        requested_density_g_per_cm3=section.density_g_per_cm3,
        coordination_mean=glass.coordination_mean,
        n_attempts=glass.n_attempts,
        quench_kelvin_per_ps=glass.quench_kelvin_per_ps,
        verdict=str(glass.order),
        order=asdict(glass.order),
    )


def _merged(old: StructureIndex, new: StructureIndex, study: Study) -> StructureIndex:
    """What the study has, in its order: just made, or there before."""
    entries = {entry.name: entry for entry in (*old.models, *new.models)}
    names = [
        *(model.name for model in study.interface.models),
        *(f"bulk-{layer.name}" for layer in study.interface.layers),
    ]
    glasses = {entry.directory: entry for entry in (*old.amorphous, *new.amorphous)}
    asked = dict.fromkeys(
        _glass_folder(_glass_key(model, plan.section))
        for model in study.interface.models
        for plan in model.layers
        if isinstance(plan.section, AmorphousLayer)
    )
    return StructureIndex(
        tuple(entries[name] for name in names if name in entries),
        tuple(glasses[folder] for folder in asked if folder in glasses),
    )


def _write_table(entries: Sequence[ModelEntry], file: Path) -> None:
    """``models.csv``: one line per model, for a spreadsheet."""
    columns = ("model", "n_atoms", "composition", "area_angstrom2", "layers_angstrom", "max_strain", "density_g_per_cm3",
               "shortest_contact", "min_distance_angstrom")  # fmt: skip
    rows = []
    for entry in entries:
        layers = "; ".join(f"{part.name} {part.thickness_angstrom:.2f}" for part in entry.layers)
        contact = min(entry.min_distances_angstrom.items(), key=lambda item: item[1])[0]
        rows.append(
            (entry.name, entry.n_atoms, entry.composition, f"{entry.area_angstrom2:.3f}", layers,
             f"{entry.strain:.5f}", f"{entry.density_g_per_cm3:.4f}", contact, entry.min_distance_angstrom)
        )  # fmt: skip
    write_csv(file, columns, rows)
