"""MD of bulk crystals at several temperatures, with LAMMPS or an ASE calculator, and the conductivities that come of it.

Folder: ``md/CRYSTAL-TK-sN-KEY`` holds a run, KEY a hash of all that moves its atoms; a changed request makes other runs and leaves
these, a longer one goes on with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import content_hash, whole_file, write_json, write_text
from mlip_interfaces.jobs import Batch, JobTask, run_tasks
from mlip_interfaces.labels.again import forget_configuration_failures
from mlip_interfaces.labels.driver import INPUT_FILE
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher import require_model
from mlip_interfaces.labels.teacher_md import (
    CHECKPOINT_FILE,
    PATHS_FILE,
    PLAN_FILE,
    RESULT_FILE,
    TABLE_FILE,
    RunEnd,
    TeacherMDPlan,
)
from mlip_interfaces.labels.teachers import check_ase_calculator, require_calculator
from mlip_interfaces.md import COMMAND, DATA, TRAJECTORY, MDProtocol
from mlip_interfaces.md.protocol import DECK
from mlip_interfaces.pipeline.bulk_md import bulk_potential, own_deck, put_together, verdict, write_bulk_run
from mlip_interfaces.pipeline.initial_data import MD_COMMAND
from mlip_interfaces.pipeline.md_runs import md_task
from mlip_interfaces.records import read_as
from mlip_interfaces.screening.relaxing.relaxation import start_hash
from mlip_interfaces.screening.transport.conductivity_file import Bulk, ConductivitySeries
from mlip_interfaces.screening.transport.conductivity_series import (
    CrystalConductivity,
    RunOnDisk,
    crystal_conductivity,
    own_runs,
)
from mlip_interfaces.structures.crystals import bulk_cell, in_type_order, load_crystal
from mlip_interfaces.structures.glass import QuenchPotential
from mlip_interfaces.units import FS_TO_PS

if TYPE_CHECKING:
    from ase import Atoms

MD, REQUEST = "md", "request.json"
_HASH_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class _Planned:
    """A run that is to be there."""

    name: str
    bulk: Bulk
    atoms: Atoms
    protocol: MDProtocol
    request: dict[str, object]


def measure_conductivities(asked: ConductivitySeries, file: Path, directory: Path) -> list[CrystalConductivity]:
    """Make the MD that is missing, and analyse all of it.

    Parameters
    ----------
    asked : ConductivitySeries
        Crystals, temperatures, times.
    file : Path
        Where relative names start.
    directory : Path
        Where to; what is finished there of the same request is kept.

    Returns
    -------
    list of CrystalConductivity
        In order of the file.

    Raises
    ------
    StructureError
        If a crystal cannot be had, or the potential does not know it.
    InputFileError
        If the calculator is none, or no run of a crystal is healthy.
    AnalysisError
        If a run cannot be analysed.
    UnfinishedError
        If a job failed; the same call continues.

    Examples
    --------
    >>> from mlip_interfaces.screening.transport.conductivity_file import load_conductivity_series
    >>> file = Path("conductivity.yaml")
    >>> found = measure_conductivities(load_conductivity_series(file), file, Path("out"))  # doctest: +SKIP
    >>> found[0].conductivity_at(300.0)  # doctest: +SKIP
    Estimate(value=..., error=..., low=..., high=...)
    """
    cells = {one.label: _cell(one, file.parent) for one in asked.crystals if one.crystal is not None}
    for name, atoms in cells.items():
        absent = [element for element in asked.species if element not in atoms.get_chemical_symbols()]
        if absent:
            raise InputFileError(
                f"{file}: {name} has no {', '.join(absent)}, which species names; name mobile ions that all crystals have."
            )
    made = _made(asked, file, cells, directory) if cells else {}
    found = []
    for bulk in asked.crystals:
        notes: list[str] = []
        runs = own_runs(bulk, file.parent)
        for run, reasons in made.get(bulk.label, []):
            if reasons:
                notes.append(f"{run.name} is left out: {'; '.join(reasons)}.")
            else:
                runs.append(run)
        if not runs:
            raise InputFileError(f"No run of {bulk.label} in {directory / MD} is healthy: {notes[0]}")
        found.append(crystal_conductivity(asked, bulk, runs, notes))
    return found


def _cell(bulk: Bulk, folder: Path) -> Atoms:
    assert bulk.crystal is not None
    material = str(folder / bulk.crystal) if (folder / bulk.crystal).is_file() else bulk.crystal
    if bulk.supercell is not None:
        atoms = load_crystal(material).repeat(bulk.supercell)
    else:
        atoms = bulk_cell(material, bulk.min_edge_angstrom)
    return in_type_order(atoms, tuple(dict.fromkeys(atoms.get_chemical_symbols())))


def _made(
    asked: ConductivitySeries, file: Path, cells: dict[str, Atoms], directory: Path
) -> dict[str, list[tuple[RunOnDisk, tuple[str, ...]]]]:
    """Runs of each crystal, and why one is not fit to be analysed."""
    if asked.potential is not None:
        return _made_by_lammps(asked, asked.potential, file, cells, directory / MD)
    return _made_by_calculator(asked, file, cells, directory / MD)


def _made_by_lammps(
    asked: ConductivitySeries, text: str, file: Path, cells: dict[str, Atoms], folder: Path
) -> dict[str, list[tuple[RunOnDisk, tuple[str, ...]]]]:
    word = str(file.parent / text) if (file.parent / text).is_file() else text
    potentials = {name: bulk_potential(word, name, atoms.symbols.formula.count()) for name, atoms in cells.items()}
    planned = [
        one
        for name, atoms in cells.items()
        for one in _planned(asked, name, atoms, {"potential": potentials[name].fingerprint()})
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / DECK, own_deck())
    for one in planned:
        _write_lammps_run(folder / one.name, potentials[one.bulk.label], one)
    tasks = tuple(
        md_task(one.name, folder / one.name, (folder / one.name / COMMAND).read_text(), staged=False) for one in planned
    )
    run_tasks(Batch(tasks, folder, "md", common_files=(DECK,)), asked.execution)
    made: dict[str, list[tuple[RunOnDisk, tuple[str, ...]]]] = {}
    for one in planned:
        run = folder / one.name
        reasons = put_together(run, one.protocol)
        made.setdefault(one.bulk.label, []).append((_on_disk(asked, one, run / TRAJECTORY, run / DATA), reasons))
    return made


def _planned(asked: ConductivitySeries, name: str, atoms: Atoms, made_of: dict[str, object]) -> list[_Planned]:
    bulk = next(one for one in asked.crystals if one.label == name)
    found = []
    for kelvin in asked.temperatures_kelvin:
        for seed in asked.seeds:
            protocol = MDProtocol(
                ensemble=asked.ensemble,
                cell="free",
                temperature_kelvin=kelvin,
                pressure_bar=(asked.pressure_bar,) * 3,
                time_ps=asked.length_ps,
                timestep_fs=asked.timestep_fs,
                dump_interval_ps=asked.dump_interval_ps,
                seed=seed,
            )
            request = _request(atoms, protocol, made_of)
            key = content_hash([request])[:_HASH_CHARACTERS]
            found.append(_Planned(f"{name}-{kelvin:g}K-s{seed}-{key}", bulk, atoms, protocol, request))
    return found


def _request(atoms: Atoms, protocol: MDProtocol, made_of: dict[str, object]) -> dict[str, object]:
    """All that moves atoms, however long."""
    return made_of | {
        "structure_sha256": start_hash(atoms, n_digits=8),
        "ensemble": protocol.ensemble,
        "temperature_kelvin": protocol.temperature_kelvin,
        "pressure_bar": protocol.pressure_bar[0] if protocol.ensemble == "npt" else None,
        "timestep_fs": protocol.timestep_fs,
        "dump_every": protocol.dump_every,
        "seed": protocol.seed,
    }


def _write_lammps_run(run: Path, potential: QuenchPotential, planned: _Planned) -> None:
    from ase.io import write

    run.mkdir(exist_ok=True)
    if not (run / DATA).is_file():
        with whole_file(run / DATA) as working:
            write(
                working,
                planned.atoms,
                format="lammps-data",
                atom_style=potential.atom_style,
                specorder=list(potential.elements),
                masses=True,
            )
    write_json(run / REQUEST, planned.request)
    write_bulk_run(run, potential, planned.protocol)


def _made_by_calculator(
    asked: ConductivitySeries, file: Path, cells: dict[str, Atoms], folder: Path
) -> dict[str, list[tuple[RunOnDisk, tuple[str, ...]]]]:
    elements = dict.fromkeys(symbol for atoms in cells.values() for symbol in atoms.get_chemical_symbols())
    settings = _settings(asked, file, list(elements))
    planned = [
        one
        for name, atoms in cells.items()
        for one in _planned(asked, name, atoms, {"calculator_hash": settings.physics_hash})
    ]
    for one in planned:
        _write_calculator_run(folder / one.name, settings, one)
    tasks = tuple(
        JobTask(
            one.name,
            MD_COMMAND,
            (RESULT_FILE,),
            inputs=(INPUT_FILE, PLAN_FILE, SETTINGS_FILE),
            extras=(PATHS_FILE, TABLE_FILE, CHECKPOINT_FILE),
        )
        for one in planned
    )
    forget_configuration_failures(folder)
    run_tasks(Batch(tasks, folder, "label"), asked.execution)
    made: dict[str, list[tuple[RunOnDisk, tuple[str, ...]]]] = {}
    for one in planned:
        run = folder / one.name
        end = read_as(RunEnd, run / RESULT_FILE)
        reasons = verdict(run / TABLE_FILE, one.protocol, len(one.atoms))
        if end.status != "ok":
            reasons = (end.reason or "it failed",)
        made.setdefault(one.bulk.label, []).append((_on_disk(asked, one, run / PATHS_FILE, None), reasons))
    return made


def _settings(asked: ConductivitySeries, file: Path, elements: Sequence[str]) -> LabelSettings:
    name = asked.calculator
    assert name is not None
    check_ase_calculator(
        name,
        f"{file}: calculator {name}",
        f"MD is made with ASE calculators, and {name} is a DFT code; give chgnet, tblite or package.module:callable.",
    )
    require_calculator(name)
    # Jobs start in folders of their own.
    parameters = {
        key: str((file.parent / value).resolve())
        if isinstance(value, str) and (file.parent / value).is_file()
        else value
        for key, value in asked.parameters.items()
    }
    settings = LabelSettings(calculator=name, parameters=parameters)
    if name == "deepmd" and "model" in parameters:
        require_model(settings, elements, f"{file}: calculator {name}")
    return settings


def _write_calculator_run(run: Path, settings: LabelSettings, planned: _Planned) -> None:
    from ase.io import write

    run.mkdir(parents=True, exist_ok=True)
    protocol = planned.protocol
    plan = TeacherMDPlan(
        temperature_kelvin=protocol.temperature_kelvin,
        steps=protocol.n_steps,
        sample_every=protocol.dump_every,
        timestep_fs=protocol.timestep_fs,
        relax_steps=0,
        seed=protocol.seed,
        keeps="paths",
    )
    if not (run / INPUT_FILE).is_file():
        with whole_file(run / INPUT_FILE) as working:
            write(working, planned.atoms, format="vasp", direct=True)
    write_json(run / REQUEST, planned.request)
    settings.write(run / SETTINGS_FILE)
    before = run / PLAN_FILE
    if before.is_file() and (run / RESULT_FILE).is_file():
        if TeacherMDPlan.model_validate_json(before.read_bytes()).steps >= plan.steps:
            return
        if read_as(RunEnd, run / RESULT_FILE).status == "ok":
            (run / RESULT_FILE).unlink()
    write_text(before, plan.model_dump_json())


def _on_disk(asked: ConductivitySeries, planned: _Planned, trajectory: Path, topology: Path | None) -> RunOnDisk:
    protocol = planned.protocol
    interval = None if topology is None else protocol.frame_interval_ps
    return RunOnDisk(
        planned.name,
        trajectory,
        topology,
        None,
        protocol.temperature_kelvin,
        interval,
        asked.left_out_ps,
        # It may be there from a longer request.
        protocol.n_steps * protocol.timestep_fs * FS_TO_PS + 0.5 * protocol.frame_interval_ps,
    )


def inputs_of(asked: ConductivitySeries, file: Path) -> list[Path]:
    """Files that a series names.

    Parameters
    ----------
    asked : ConductivitySeries
        Content of the file.
    file : Path
        The file itself.

    Returns
    -------
    list of Path
        Each once: the file, structures, the potential, own trajectories.
    """
    names: list[str | None] = [asked.potential]
    for bulk in asked.crystals:
        names.append(bulk.crystal)
        for run in bulk.runs:
            names += [run.file, run.topology, run.layers]
    paths = [file.parent / name for name in names if name is not None]
    return list(dict.fromkeys([file, *(path for path in paths if path.is_file())]))
