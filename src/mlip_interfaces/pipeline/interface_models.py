"""Interface models of a run folder with the crystals of their layers, for energetics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from mlip_interfaces.books.run import INDEX, StructureIndex, read_book
from mlip_interfaces.config import CrystalLayer
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.pipeline.build import matched_slabs, models_named
from mlip_interfaces.pipeline.study_files import load_run_study
from mlip_interfaces.screening.adhesion.interface_cells import LayerBulk
from mlip_interfaces.structures.assembly import read_model
from mlip_interfaces.structures.matching import oriented_bulk


@dataclass(frozen=True, slots=True)
class RunModels:
    """Models of a run folder.

    Attributes
    ----------
    models : dict of str to ase.Atoms
        By name.
    bulks : dict of str to dict of str to LayerBulk
        Of each model, the crystals of its layers by name; amorphous layers have none.
    files : tuple of Path
        Of the models.
    """

    models: dict[str, Atoms]
    bulks: dict[str, dict[str, LayerBulk]]
    files: tuple[Path, ...]


def models_of_run(root: Path, only: Sequence[str] = ()) -> RunModels:
    """Read interface models, and orient and strain the crystals of their layers as they were matched.

    Parameters
    ----------
    root : Path
        The run folder.
    only : sequence of str
        Names of models; all that are built when left out.

    Returns
    -------
    RunModels
        In the order of the study.

    Raises
    ------
    InputFileError
        If the folder has no such model.
    StudyError, StructureError
        As `load_run_study` and `match_slabs`.
    """
    study = load_run_study(root)
    directory = root / "structures"
    if not (directory / INDEX).is_file():
        raise InputFileError(f"{root} has no models yet; make them: mlip-interfaces build STUDY --out {root}.")
    built = [entry.name for entry in read_book(StructureIndex, directory / INDEX).interfaces]
    plans = models_named(study, only or built)
    missing = [plan.name for plan in plans if plan.name not in built]
    if missing:
        raise InputFileError(f"{directory} has no model {missing[0]} yet; it has {', '.join(built)}.")
    models, bulks, files = {}, {}, []
    sections = [layer for layer in study.interface.layers if isinstance(layer, CrystalLayer)]
    primitive = study.interface.primitive or len(sections) == 1
    for plan in plans:
        matched = matched_slabs(study, plan)
        models[plan.name] = read_model(directory / plan.name)
        files.append(directory / plan.name / "model.xyz")
        bulks[plan.name] = {
            section.name: LayerBulk(
                oriented_bulk(section.material, section.miller, lattice, turned=turned, primitive=primitive),
                oriented_bulk(section.material, section.miller, primitive=primitive),
                strain.max_strain,
            )
            for section, lattice, turned, strain in zip(
                sections, matched.lattices, matched.turned, matched.strains, strict=True
            )
        }
    return RunModels(models, bulks, tuple(files))
