"""Amorphous cells of compositions by melt-quench, MD of each at every temperature, and the file that `screen flux` takes.

Folder: ``cells/FORMULA-rN`` as `structures amorphous` makes them, ``md/FORMULA-rN-TK`` as LAMMPS runs them, ``flux.yaml``.
"""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_json, write_json, write_text
from mlip_interfaces.jobs import Batch, JobTask, run_tasks
from mlip_interfaces.md import COMMAND, DATA, TRAJECTORY, MDProtocol
from mlip_interfaces.md.protocol import DECK
from mlip_interfaces.pipeline.bulk_md import bulk_potential, own_deck, put_together, write_bulk_run
from mlip_interfaces.pipeline.md_runs import md_task
from mlip_interfaces.screening.same_request import read_kept, require_same
from mlip_interfaces.screening.solids.reading import sentences
from mlip_interfaces.screening.transport.cells_file import Cell, CellSeries
from mlip_interfaces.screening.transport.flux_file import FluxSeries
from mlip_interfaces.structures.crystals import formula_counts
from mlip_interfaces.structures.glass import QuenchPotential, default_density
from mlip_interfaces.structures.glass.potential import TOSI_FUMI

CELLS, MD, FLUX_FILE, INPUTS = "cells", "md", "flux.yaml", "inputs.json"
SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class CompositionRuns:
    """What was made.

    Attributes
    ----------
    cells, runs : tuple of Path
        Folders of the cells, and of the healthy MD runs.
    sick : dict of str to tuple of str
        Runs that are left out, and why.
    flux_file : Path
        For `screen flux`.
    """

    cells: tuple[Path, ...]
    runs: tuple[Path, ...]
    sick: dict[str, tuple[str, ...]]
    flux_file: Path


def make_compositions(asked: CellSeries, potential: str, directory: Path) -> CompositionRuns:
    """Make cells and MD of all compositions; what is finished is kept.

    Parameters
    ----------
    asked : CellSeries
        Compositions, temperatures, times.
    potential : str
        As `named_potential` takes it.
    directory : Path
        Where to.

    Returns
    -------
    CompositionRuns
        With the file for `screen flux`.

    Raises
    ------
    StructureError
        If the potential does not know a composition, or no density is known.
    InputFileError
        If what is to be copied to the file for `screen flux` cannot be, or no run is healthy.
    OtherInputsError
        If the folder was made with other inputs.
    UnfinishedError
        If a job failed; the same call continues.
    """
    potentials = {
        one.formula: bulk_potential(potential, one.formula, dict(formula_counts(one.formula)))
        for one in asked.compositions
    }
    densities = {one.formula: one.density_g_per_cm3 or default_density(one.formula) for one in asked.compositions}
    _content(
        asked, {(one.formula, kelvin): ["run"] for one in asked.compositions for kelvin in asked.temperatures_kelvin}
    )
    _refuse_other_inputs(asked, potentials, directory)
    word = potential if potential == TOSI_FUMI else str(Path(potential).resolve())
    cells = [(one, replica) for one in asked.compositions for replica in range(asked.replicas)]
    tasks = tuple(_cell_task(asked, one, replica, densities[one.formula], word) for one, replica in cells)
    for task in tasks:
        (directory / CELLS / task.name).mkdir(parents=True, exist_ok=True)
    run_tasks(Batch(tasks, directory / CELLS, "md"), asked.execution)
    names = _write_md(asked, potentials, directory)
    scripts = {name: (directory / MD / name / COMMAND).read_text() for name in names}
    md_tasks = tuple(md_task(name, directory / MD / name, scripts[name], staged=False) for name in names)
    run_tasks(Batch(md_tasks, directory / MD, "md", common_files=(DECK,)), asked.execution)
    sick = {
        name: reasons
        for name in names
        if (reasons := put_together(directory / MD / name, _protocol(asked, names[name][1], asked.seed)))
    }
    healthy: dict[tuple[str, float], list[str]] = {}
    for name, key in names.items():
        if name not in sick:
            healthy.setdefault(key, []).append(name)
    if not healthy:
        raise InputFileError(f"No run in {directory / MD} is healthy: {'; '.join(next(iter(sick.values())))}.")
    write_text(directory / FLUX_FILE, yaml.safe_dump(_content(asked, healthy), sort_keys=False))
    runs = tuple(directory / MD / name for name in names if name not in sick)
    return CompositionRuns(tuple(directory / CELLS / task.name for task in tasks), runs, sick, directory / FLUX_FILE)


def _refuse_other_inputs(asked: CellSeries, potentials: dict[str, QuenchPotential], directory: Path) -> None:
    """What a folder was made of; what is only copied, or says where jobs run, may change."""
    settings = asked.model_dump(
        mode="json", exclude={"execution": True, "flux": True, "compositions": {"__all__": {"flux"}}}
    )
    inputs = settings | {"potential_sha256": {name: one.fingerprint() for name, one in potentials.items()}}
    file = directory / INPUTS
    if file.is_file():
        require_same(directory, read_kept(file, "'screen compositions'"), inputs, results="cells and runs")
        return
    directory.mkdir(parents=True, exist_ok=True)
    write_json(file, inputs)


def _cell_name(cell: Cell, replica: int) -> str:
    return f"{re.sub(r'[().]', '_', cell.formula)}-r{replica + 1}"


def _cell_task(asked: CellSeries, cell: Cell, replica: int, density: float, potential: str) -> JobTask:
    options = {
        "area": f"{asked.edge_angstrom:g}x{asked.edge_angstrom:g}",
        "thickness-angstrom": asked.edge_angstrom,
        "density-g-cm3": density,
        "potential": potential,
        "seed": asked.seed + replica,
        "melt-kelvin": asked.melt_kelvin,
        "melt-ps": asked.melt_ps,
        "quench-kelvin-per-ps": asked.quench_kelvin_per_ps,
        "final-kelvin": asked.final_kelvin,
        "hold-ps": asked.hold_ps,
        "timestep-fs": asked.timestep_fs,
        "out": ".",
    }
    words = ["mlip-interfaces", "structures", "amorphous", cell.formula]
    for name, value in options.items():
        words += [f"--{name}", f"{value:.10g}" if isinstance(value, float) else str(value)]
    return JobTask(_cell_name(cell, replica), shlex.join(words), (SUMMARY,))


def _write_md(
    asked: CellSeries, potentials: dict[str, QuenchPotential], directory: Path
) -> dict[str, tuple[str, float]]:
    """Folders of the MD; composition and temperature of each by its name."""
    folder = directory / MD
    folder.mkdir(exist_ok=True)
    write_text(folder / DECK, own_deck())
    names = {}
    for cell in asked.compositions:
        potential = potentials[cell.formula]
        for replica in range(asked.replicas):
            made = directory / CELLS / _cell_name(cell, replica)
            attempt = read_json(made / SUMMARY)["n_attempts"] - 1
            for kelvin in asked.temperatures_kelvin:
                name = f"{_cell_name(cell, replica)}-{kelvin:g}K"
                names[name] = (cell.formula, kelvin)
                run = folder / name
                run.mkdir(exist_ok=True)
                shutil.copyfile(made / f"attempt-{attempt}" / "quenched.data", run / DATA)
                write_bulk_run(run, potential, _protocol(asked, kelvin, asked.seed + replica))
    return names


def _protocol(asked: CellSeries, kelvin: float, seed: int) -> MDProtocol:
    return MDProtocol(
        ensemble=asked.ensemble,
        cell="free",
        temperature_kelvin=kelvin,
        pressure_bar=(asked.pressure_bar,) * 3,
        time_ps=asked.time_ps,
        timestep_fs=asked.timestep_fs,
        dump_interval_ps=asked.dump_interval_ps,
        seed=seed,
    )


def _content(asked: CellSeries, runs: dict[tuple[str, float], list[str]]) -> dict[str, object]:
    """Of the file for `screen flux`; refused where that would refuse it."""
    from pydantic import ValidationError

    protocol = _protocol(asked, asked.temperatures_kelvin[0], asked.seed)
    own = {one.formula: one.flux for one in asked.compositions}
    compositions = [
        {
            "formula": formula,
            "temperature_kelvin": kelvin,
            "trajectories": [
                {"file": f"{MD}/{name}/{TRAJECTORY}", "topology": f"{MD}/{name}/{DATA}"} for name in names
            ],
            "frame_interval_ps": protocol.frame_interval_ps,
            "start_ps": asked.leave_out_ps,
        }
        | own[formula]
        for (formula, kelvin), names in runs.items()
    ]
    content = asked.flux | {"compositions": compositions}
    try:
        FluxSeries.model_validate(content)
    except ValidationError as error:
        raise InputFileError(f"flux: {sentences(error, FluxSeries)[0]}") from error
    return content
