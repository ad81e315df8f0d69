"""Short MD with the teacher itself: labelled frames that no rattling of a crystal gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.langevin import Langevin
from ase.optimize import FIRE
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from mlip_interfaces.errors import InputFileError, UnfinishedError
from mlip_interfaces.files import append_json_line, write_text
from mlip_interfaces.labels.codes.runner import CodeRunner, describe_os_error
from mlip_interfaces.labels.driver import make_record, read_structure, settings_file_of, write_record
from mlip_interfaces.labels.evaluation import Evaluation, LabelFailure
from mlip_interfaces.labels.process import TeacherProcess
from mlip_interfaces.labels.record import LabelRecord, checked_label
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teacher import open_teacher
from mlip_interfaces.records import Record, read_as

PLAN_FILE, RECORDS_FILE, CHECKPOINT_FILE, RESULT_FILE = (
    "teacher_md.json", "records.jsonl", "checkpoint.json", "teacher_md_result.json",
)  # fmt: skip
_AGAIN = "delete the folder's checkpoint.json to have the run made again"
FRICTION_PER_FS = 0.02
RUNAWAY_FACTOR = 6.0


class TeacherMDPlan(BaseModel):
    """One short run: an optional relaxation, then Langevin dynamics at one temperature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature_kelvin: float = Field(gt=0)
    steps: int = Field(ge=0)
    sample_every: int = Field(ge=1)
    timestep_fs: float = Field(gt=0)
    relax_steps: int = Field(ge=0)
    seed: int


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
    """Run or continue the short MD of a task; it ends with ``teacher_md_result.json`` whatever happens.

    Every sampled frame is appended to ``records.jsonl`` with the state to go on from in ``checkpoint.json``.

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
    write_record(task / RESULT_FILE, {**result, "n_frames": len(read_records(task))})


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
    checkpoint = task / CHECKPOINT_FILE
    if not checkpoint.is_file():
        return []
    n_records = read_as(_Vouched, checkpoint, if_damaged=_AGAIN).n_records
    file = task / RECORDS_FILE
    try:
        with file.open() as handle:
            lines = [json.loads(line) for _, line in zip(range(n_records), handle, strict=False)]
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(f"{file} cannot be read ({error}); {_AGAIN}.") from error
    return [checked_label(content, file) for content in lines]


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
        lines = (task / RECORDS_FILE).read_text().splitlines()[:n_records]
        write_text(task / RECORDS_FILE, "".join(f"{line}\n" for line in lines))
    else:
        write_text(task / RECORDS_FILE, "")
        n_records = _relax(task, plan, settings, atoms, calculator)
        spread = np.sqrt(atoms.get_masses() * units.kB * plan.temperature_kelvin)
        atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * spread[:, None])
        _save(checkpoint, atoms, rng, n_records, step)
    dynamics = Langevin(
        atoms,
        plan.timestep_fs * units.fs,
        temperature_K=plan.temperature_kelvin,
        friction=FRICTION_PER_FS / units.fs,
        rng=rng,
        fixcm=False,
    )
    while step < plan.steps:
        n_steps = min(plan.sample_every, plan.steps - step)
        dynamics.run(n_steps)
        step += n_steps
        # The forces of the last step may be older than its positions.
        atoms.get_forces()
        assert calculator.last is not None
        append_json_line(task / RECORDS_FILE, make_record(atoms, settings, calculator.last))
        n_records += 1
        _save(checkpoint, atoms, rng, n_records, step)
        kelvin = atoms.get_temperature()
        if kelvin > RUNAWAY_FACTOR * plan.temperature_kelvin:
            raise LabelFailure(f"the teacher's MD reached {kelvin:.0f} K for {plan.temperature_kelvin:g} K")


def _relax(
    task: Path, plan: TeacherMDPlan, settings: LabelSettings, atoms: Atoms, calculator: _TeacherCalculator
) -> int:
    """A few relaxation steps; every `sample_every`-th structure is a label too."""
    if plan.relax_steps == 0:
        return 0
    n_records = 0
    optimiser = FIRE(atoms, logfile=None, maxstep=0.1)
    for number, _converged in enumerate(optimiser.irun(fmax=0.02, steps=plan.relax_steps)):
        if number % plan.sample_every == 0:
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
