"""MD with the teacher itself: labelled frames that no rattling of a crystal gives, or paths of atoms to be analysed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixCom
from ase.md.bussi import Bussi
from ase.md.langevin import Langevin
from ase.optimize import FIRE
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from mlip_interfaces.errors import InputFileError, UnfinishedError
from mlip_interfaces.files import append_json_line, append_text, keep_lines, write_text
from mlip_interfaces.labels.codes.runner import CodeRunner, describe_os_error
from mlip_interfaces.labels.driver import make_record, read_structure, settings_file_of, write_record
from mlip_interfaces.labels.evaluation import Evaluation, LabelFailure
from mlip_interfaces.labels.process import TeacherProcess
from mlip_interfaces.labels.record import LabelRecord, checked_label
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teacher import open_teacher
from mlip_interfaces.records import Record, read_as
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3, EV_PER_ANGSTROM3_TO_BAR, FS_TO_PS

PLAN_FILE, RECORDS_FILE, CHECKPOINT_FILE, RESULT_FILE = (
    "teacher_md.json", "records.jsonl", "checkpoint.json", "teacher_md_result.json",
)  # fmt: skip
PATHS_FILE, TABLE_FILE = "traj.extxyz", "thermo.csv"
"""Where a run keeps its paths, and what it says of each frame: the columns of the tables of LAMMPS' runs."""
_TABLE_HEADER = "time_ps,temperature_kelvin,pressure_bar,density_g_per_cm3,potential_energy_ev,min_distance_angstrom"
_AGAIN = "delete the folder's checkpoint.json to have the run made again"
FRICTION_PER_FS = 0.02
RESCALING_FS = 100.0
"""Time in which the kinetic energy as a whole forgets its value; single atoms keep theirs, and diffuse as without it."""
RUNAWAY_FACTOR = 6.0
_NEAREST_ANGSTROM = 2.0
"""Where the shortest distance is looked for first."""


class TeacherMDPlan(BaseModel):
    """One run: an optional relaxation, then dynamics at one temperature.

    Labels are of Langevin dynamics, whose friction makes frames differ soon; `paths` are of atoms that no friction holds back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature_kelvin: float = Field(gt=0)
    steps: int = Field(ge=0)
    sample_every: int = Field(ge=1)
    timestep_fs: float = Field(gt=0)
    relax_steps: int = Field(ge=0)
    seed: int
    keeps: Literal["labels", "paths"] = "labels"


@dataclass(frozen=True, slots=True)
class RunEnd(Record):
    """How a run ended, in ``teacher_md_result.json``.

    Attributes
    ----------
    status : {"ok", "failed"}
        Whether it reached its end.
    reason : str or None
        Why it did not.
    """

    status: Literal["ok", "failed"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Vouched(Record):
    """What a checkpoint says of the records."""

    n_records: int


@dataclass(frozen=True, slots=True)
class _State(_Vouched):
    """A checkpoint: where the run goes on."""

    step: int
    positions_angstrom: tuple[tuple[float, float, float], ...]
    velocities: tuple[tuple[float, float, float], ...]
    random_state: Mapping[str, JsonValue]


class _TeacherCalculator(Calculator):  # type: ignore[misc]
    """The teacher, whatever it is, as an ASE calculator that remembers its last evaluation."""

    implemented_properties = ("energy", "forces")

    def __init__(self, teacher: TeacherProcess | CodeRunner, folder: Path) -> None:
        super().__init__()
        self.teacher = teacher
        self.folder = folder
        self.last: Evaluation | None = None

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.last = self.teacher.evaluate(self.atoms, self.folder)
        self.results = {"energy": self.last.energy_ev, "forces": self.last.forces_ev_per_angstrom}


def teacher_md(task: Path) -> None:
    """Run or continue the MD of a task; it ends with ``teacher_md_result.json`` whatever happens.

    Every sampled frame is appended to ``records.jsonl`` (or ``traj.extxyz`` and ``thermo.csv``, where the plan keeps paths) with the
    state to go on from in ``checkpoint.json``.

    Parameters
    ----------
    task : Path
        Folder with the plan and the settings.

    Raises
    ------
    InputFileError
        If the plan or the settings are missing.
    UnfinishedError
        If the folder cannot be written.
    """
    if (task / RESULT_FILE).is_file():
        return
    try:
        plan = TeacherMDPlan.model_validate_json((task / PLAN_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise InputFileError(f"{task / PLAN_FILE} cannot be used: {error}") from error
    settings = LabelSettings.read(settings_file_of(task.resolve()))
    result: dict[str, object] = {"status": "ok", "reason": None}
    with open_teacher(settings) as teacher:
        try:
            _simulate(task, plan, settings, teacher)
        except LabelFailure as failure:
            result = {"status": "failed", "reason": str(failure), "cause": failure.cause}
        except OSError as error:
            raise UnfinishedError(
                f"{task} cannot be written: {describe_os_error(error)}. Frames up to the last checkpoint are kept."
            ) from error
    write_record(task / RESULT_FILE, {**result, "n_frames": _n_kept(task)})


def read_records(task: Path) -> list[LabelRecord]:
    """Labelled frames of a run, as far as its checkpoint vouches for them.

    Parameters
    ----------
    task : Path
        Folder of the run.

    Returns
    -------
    list of LabelRecord
        In order of time.
    """
    n_records = _n_kept(task)
    if n_records == 0:
        return []
    file = task / RECORDS_FILE
    try:
        with file.open() as handle:
            lines = [json.loads(line) for _, line in zip(range(n_records), handle, strict=False)]
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(f"{file} cannot be read ({error}); {_AGAIN}.") from error
    return [checked_label(content, file) for content in lines]


def _n_kept(task: Path) -> int:
    """Frames that the checkpoint vouches for."""
    checkpoint = task / CHECKPOINT_FILE
    return read_as(_Vouched, checkpoint, if_damaged=_AGAIN).n_records if checkpoint.is_file() else 0


def _simulate(task: Path, plan: TeacherMDPlan, settings: LabelSettings, teacher: TeacherProcess | CodeRunner) -> None:
    rng = np.random.default_rng(plan.seed)
    atoms = read_structure(task)
    calculator = _TeacherCalculator(teacher, task)
    atoms.calc = calculator
    checkpoint = task / CHECKPOINT_FILE
    n_records = step = 0
    if checkpoint.is_file():
        state = read_as(_State, checkpoint, if_damaged=_AGAIN)
        n_records, step = state.n_records, state.step
        atoms.positions = np.array(state.positions_angstrom)
        atoms.set_velocities(np.array(state.velocities))
        rng.bit_generator.state = dict(state.random_state)
        _cut(task, plan, n_records, len(atoms))
    else:
        _cut(task, plan, 0, len(atoms))
        n_records = _relax(task, plan, settings, atoms, calculator)
        spread = np.sqrt(atoms.get_masses() * units.kB * plan.temperature_kelvin)
        atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * spread[:, None])
        _save(checkpoint, atoms, rng, n_records, step)
    dynamics = _dynamics(plan, atoms, rng)
    while step < plan.steps:
        n_steps = min(plan.sample_every, plan.steps - step)
        dynamics.run(n_steps)
        step += n_steps
        # The forces of the last step may be older than its positions.
        atoms.get_forces()
        assert calculator.last is not None
        if plan.keeps == "paths":
            _keep_path(task, atoms, calculator.last, step * plan.timestep_fs * FS_TO_PS)
        else:
            append_json_line(task / RECORDS_FILE, make_record(atoms, settings, calculator.last))
        n_records += 1
        _save(checkpoint, atoms, rng, n_records, step)
        kelvin = atoms.get_temperature()
        if kelvin > RUNAWAY_FACTOR * plan.temperature_kelvin:
            raise LabelFailure(f"the teacher's MD reached {kelvin:.0f} K for {plan.temperature_kelvin:g} K")


def _dynamics(plan: TeacherMDPlan, atoms: Atoms, rng: np.random.Generator) -> Langevin | Bussi:
    timestep = plan.timestep_fs * units.fs
    if plan.keeps == "paths":
        # Of a few atoms, the motion of their centre would be a share of the temperature, and of every path.
        atoms.set_constraint(FixCom())
        atoms.set_momenta(atoms.get_momenta())
        return Bussi(
            atoms, timestep, temperature_K=plan.temperature_kelvin, taut=RESCALING_FS * units.fs, rng=rng
        )  # fmt: skip
    friction = FRICTION_PER_FS / units.fs
    return Langevin(
        atoms, timestep, temperature_K=plan.temperature_kelvin, friction=friction, rng=rng, fixcm=False
    )  # fmt: skip


def _cut(task: Path, plan: TeacherMDPlan, n_records: int, n_atoms: int) -> None:
    """Leave of the frames those that the checkpoint vouches for."""
    if plan.keeps == "labels":
        keep_lines(task / RECORDS_FILE, n_records)
        return
    keep_lines(task / PATHS_FILE, n_records * (n_atoms + 2))
    if n_records:
        keep_lines(task / TABLE_FILE, n_records + 1)
    else:
        write_text(task / TABLE_FILE, _TABLE_HEADER + "\n")


def _keep_path(task: Path, atoms: Atoms, evaluation: Evaluation, time_ps: float) -> None:
    """Append a frame: positions, not folded back into the cell, and a line of the table."""
    cell = " ".join(f"{value:.8f}" for value in np.asarray(atoms.cell).ravel())
    lines = [f"{len(atoms)}", f'Lattice="{cell}" Properties=species:S:1:pos:R:3 time_ps={time_ps:.6f} pbc="T T T"']
    lines += [
        f"{symbol} {x:.5f} {y:.5f} {z:.5f}" for symbol, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)
    ]
    append_text(task / PATHS_FILE, "\n".join(lines) + "\n")
    volume = float(atoms.get_volume())
    pressure = (2.0 * atoms.get_kinetic_energy() + float(np.trace(evaluation.virial_ev))) / (3.0 * volume)
    values = (
        time_ps, atoms.get_temperature(), pressure * EV_PER_ANGSTROM3_TO_BAR,
        atoms.get_masses().sum() / volume * AMU_PER_ANGSTROM3_TO_G_PER_CM3, evaluation.energy_ev, _shortest(atoms),
    )  # fmt: skip
    append_text(task / TABLE_FILE, ",".join(f"{value:.8g}" for value in values) + "\n")


def _shortest(atoms: Atoms) -> float:
    """Distance of the two atoms that are nearest to each other, angstrom."""
    from ase.neighborlist import neighbor_list

    reach = _NEAREST_ANGSTROM
    while not (found := neighbor_list("d", atoms, reach)).size:
        reach *= 1.5
    return float(found.min())


def _relax(
    task: Path, plan: TeacherMDPlan, settings: LabelSettings, atoms: Atoms, calculator: _TeacherCalculator
) -> int:
    """A few relaxation steps; every `sample_every`-th structure is a label too."""
    if plan.relax_steps == 0:
        return 0
    n_records = 0
    optimiser = FIRE(atoms, logfile=None, maxstep=0.1)
    for number, _converged in enumerate(optimiser.irun(fmax=0.02, steps=plan.relax_steps)):
        if plan.keeps == "labels" and number % plan.sample_every == 0:
            assert calculator.last is not None
            append_json_line(task / RECORDS_FILE, make_record(atoms, settings, calculator.last))
            n_records += 1
    return n_records


def _save(checkpoint: Path, atoms: Atoms, rng: np.random.Generator, n_records: int, step: int) -> None:
    """State to go on from; it vouches for the records written so far."""
    write_record(
        checkpoint,
        {
            "n_records": n_records,
            "step": step,
            "positions_angstrom": atoms.positions.tolist(),
            "velocities": atoms.get_velocities().tolist(),
            "random_state": rng.bit_generator.state,
        },
    )
