"""What a campaign's folder says: position, jobs, decisions, explorations and labels. Reads and writes files, decides nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from mlip_interfaces.books.campaign import StepDecision, TrustDecision, decision_from_json
from mlip_interfaces.campaign.dpgen_files import LABEL_OUTPUT, DpgenContent
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_json, write_json_lines, write_text
from mlip_interfaces.labels.record import LabelRecord, core_seconds, read_label
from mlip_interfaces.potentials.deviation import FrameDeviations
from mlip_interfaces.programs import log_tail
from mlip_interfaces.records import Record, checked, read_as

PARAM, RUNNING_PARAM, MACHINE = "param.json", "param.running.json", "machine.json"
DECISIONS = "decisions.jsonl"
RUNG_KEY = "_rung"
"""Rung of an appended job; DP-GEN ignores keys that begin with an underscore."""

STEPS = (
    "make_train",
    "train",
    "post_train",
    "make_explore",
    "explore",
    "post_explore",
    "make_label",
    "label",
    "post_label",
)


_MEND_PARAM = "mend it, or delete it and run the campaign again to have it written"


@dataclass(frozen=True, slots=True)
class _Rung(Record):
    """An entry of ``model_devi_jobs``, as far as it is read here."""

    temps: tuple[float, ...]
    press: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Jobs(Record):
    """``param.json`` and ``param.running.json``, as far as their jobs go."""

    model_devi_jobs: tuple[_Rung, ...]


@dataclass(frozen=True, slots=True)
class _Levels(Record):
    """``param.json``, as far as its trust levels go."""

    model_devi_f_trust_lo: float
    model_devi_f_trust_hi: float


@dataclass(frozen=True, slots=True)
class Sampling(Record):
    """``cur_job.json``, as far as it is read here.

    Attributes
    ----------
    nsteps, trj_freq : int
        Steps of a run, and between two of its frames.
    """

    trj_freq: Annotated[int, Field(ge=1)]
    nsteps: int = 0


@dataclass(frozen=True, slots=True)
class _Condition(Record):
    """``job.json``, as far as it is read here."""

    temps: float
    press: float


@dataclass(frozen=True, slots=True, order=True)
class CampaignPosition:
    """Where DP-GEN is.

    Attributes
    ----------
    iteration : int
        From 0.
    step : int
        Index into `STEPS` of the step that comes next, or runs now.
    """

    iteration: int
    step: int

    @property
    def name(self) -> str:
        """Name of the step."""
        return STEPS[self.step]


@dataclass(frozen=True, slots=True)
class Job:
    """One iteration of ``model_devi_jobs``: what DP-GEN explores.

    Attributes
    ----------
    iteration : int
        From 0.
    content : mapping
        DP-GEN's entry as it stands, keys of the user included.
    """

    iteration: int
    content: DpgenContent

    @property
    def rung(self) -> int:
        """Rung of the ladder; that of its number where a plain ``dpgen run`` made it."""
        return int(self.content.get(RUNG_KEY, self.iteration))

    @property
    def temperatures_kelvin(self) -> tuple[float, ...]:
        """Temperatures explored, K."""
        return tuple(self.content["temps"])

    @property
    def pressures_bar(self) -> tuple[float, ...]:
        """Pressures explored, bar."""
        return tuple(self.content["press"])


@dataclass(frozen=True, slots=True)
class Exploration:
    """One exploration run.

    Attributes
    ----------
    system : int
        Index of the model explored.
    task : str
        Folder, relative to the campaign's.
    temperature_kelvin : float, K
        Of the run.
    pressure_bar : float, bar
        Of the run.
    deviations : FrameDeviations
        Of the frames it reached.
    n_asked : int
        Frames it should have.
    error : str
        What LAMMPS said when it ended early, if anything.
    """

    system: int
    task: str
    temperature_kelvin: float
    pressure_bar: float
    deviations: FrameDeviations
    n_asked: int
    error: str

    @property
    def n_missing(self) -> int:
        """Frames the run never reached."""
        return max(0, self.n_asked - self.deviations.steps.size)

    @property
    def n_not_finite(self) -> int:
        """Frames whose deviation is no number."""
        return int((~np.isfinite(self.deviations.max_force_ev_per_angstrom)).sum())


@dataclass(frozen=True, slots=True)
class LabelOutcome:
    """One label of an iteration, without positions and forces.

    Attributes
    ----------
    task : str
        Folder, relative to the campaign's.
    good : bool
        Whether it was made.
    reason : str
        Why not; empty if it was.
    core_hours : float, h
        Cost.
    """

    task: str
    good: bool
    reason: str
    core_hours: float


def iteration_folder(campaign: Path, iteration: int) -> Path:
    """DP-GEN's folder of an iteration.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        From 0.

    Returns
    -------
    Path
        Whether it is there or not.
    """
    return campaign / f"iter.{iteration:06d}"


def read_position(campaign: Path) -> CampaignPosition:
    """Position from ``record.dpgen``.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    CampaignPosition
        The step after the last one that is recorded; the first one where there is no record.
    """
    complete = _complete_record(campaign / "record.dpgen")
    if not complete:
        return CampaignPosition(0, 0)
    iteration, step = (int(word) for word in complete[-1].split())
    return CampaignPosition(iteration + (step + 1) // len(STEPS), (step + 1) % len(STEPS))


def repair_record(campaign: Path) -> None:
    """Drop a last line of ``record.dpgen`` that was cut off (a full disk): DP-GEN cannot read it.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    """
    record = campaign / "record.dpgen"
    if record.is_file():
        whole = "".join(f"{line}\n" for line in _complete_record(record))
        if whole != record.read_text():
            write_text(record, whole)


def reopen_deleted_labels(campaign: Path) -> int:
    """Take the labelling step back if the user deleted a ``label.json`` of it, so that DP-GEN has it made again.

    Only before the labels have been collected; the finished ones are not made again.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    int
        Labels that will be made again.
    """
    position = read_position(campaign)
    folder = iteration_folder(campaign, position.iteration) / "02.fp"
    deleted = [task for task in sorted(folder.glob("task.*")) if not (task / LABEL_OUTPUT).is_file()]
    if position.name != "post_label" or not deleted:
        return 0
    # dpdispatcher's marks of what is finished, and its notes on the submission.
    marks = [mark for task in deleted for mark in task.glob("*_task_tag_finished")]
    marks += [*folder.glob("*_job_tag_finished"), *folder.glob("*_job_id")]
    marks += [file for file in folder.glob("*.json") if is_submission_note(file)]
    for mark in marks:
        mark.unlink()
    record = campaign / "record.dpgen"
    write_text(record, "".join(f"{line}\n" for line in _complete_record(record)[:-1]))
    return len(deleted)


def is_submission_note(file: Path) -> bool:
    """Whether a file is dpdispatcher's note on a submission, named by its hash.

    Parameters
    ----------
    file : Path
        The file; its name is looked at, not its content.

    Returns
    -------
    bool
        True if it is one.
    """
    return re.fullmatch(r"[0-9a-f]{40}\.json", file.name) is not None


def _complete_record(record: Path) -> list[str]:
    if not record.is_file():
        return []
    # What follows the last line end was cut off while being written.
    lines = record.read_text().split("\n")[:-1]
    return [line for line in lines if len(line.split()) == 2]


def read_param(campaign: Path) -> DpgenContent:
    """Content of ``param.json`` as the user has it.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    dict
        As DP-GEN's schema says.

    Raises
    ------
    InputFileError
        If the file is missing or damaged.
    """
    content: DpgenContent = read_json(campaign / PARAM, if_damaged=_MEND_PARAM)
    checked(_Levels, content, campaign / PARAM, if_damaged=_MEND_PARAM)
    return content


def read_ladder(campaign: Path) -> list[DpgenContent]:
    """The rungs of ``param.json`` as the user has them.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    list of dict
        ``model_devi_jobs``.

    Raises
    ------
    InputFileError
        If the file is missing or damaged.
    """
    content = read_param(campaign)
    checked(_Jobs, content, campaign / PARAM, if_damaged=_MEND_PARAM)
    return list(content["model_devi_jobs"])


def n_rungs(campaign: Path) -> int:
    """Length of the ladder, as ``param.json`` has it.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    int
        Jobs of the file.

    Raises
    ------
    InputFileError
        If the file is missing or damaged.
    """
    return len(read_ladder(campaign))


def read_jobs(campaign: Path) -> tuple[Job, ...]:
    """The jobs that ``campaign run`` has asked for, one per iteration.

    Iterations that a plain ``dpgen run`` began are taken from ``param.json``, where iteration and rung are the same.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    tuple of Job
        In the order of the iterations.

    Raises
    ------
    InputFileError
        If a file is damaged.
    """
    contents: list[DpgenContent] = []
    if (campaign / RUNNING_PARAM).is_file():
        running = read_json(campaign / RUNNING_PARAM)
        checked(_Jobs, running, campaign / RUNNING_PARAM)
        contents = list(running["model_devi_jobs"])
    if (campaign / PARAM).is_file():
        position = read_position(campaign)
        n_begun = position.iteration + (position.step > STEPS.index("make_explore"))
        ladder = read_ladder(campaign)
        for index in range(len(contents), min(n_begun, len(ladder))):
            contents.append(ladder[index] | {RUNG_KEY: index})
    return tuple(Job(iteration, content) for iteration, content in enumerate(contents))


def read_decisions(campaign: Path) -> tuple[StepDecision | TrustDecision, ...]:
    """All that was decided, in order.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    tuple of StepDecision or TrustDecision
        Empty if nothing was decided yet.

    Raises
    ------
    InputFileError
        If the file is damaged.
    """
    file = campaign / DECISIONS
    if not file.is_file():
        return ()
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
    except (ValueError, RecursionError) as error:
        raise InputFileError(
            f"{file} is damaged ({error}); delete it: the campaign goes on, only the reasons so far are lost."
        ) from error
    return tuple(decision_from_json(line, file) for line in lines)


def record_decision(campaign: Path, decision: StepDecision | TrustDecision) -> None:
    """Append a decision, unless it is the last one of its kind already.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    decision : StepDecision or TrustDecision
        What was decided.

    Raises
    ------
    InputFileError
        If the file of decisions is damaged.
    """
    decisions = read_decisions(campaign)
    same_kind = [d for d in decisions if (d.iteration, d.action) == (decision.iteration, decision.action)]
    if same_kind and same_kind[-1] == decision:
        return
    write_json_lines(campaign / DECISIONS, [entry.to_json() for entry in (*decisions, decision)])


def read_explorations(campaign: Path, iteration: int) -> list[Exploration]:
    """Exploration runs of an iteration as far as they are; none if they have not begun.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    list of Exploration
        In the order of their folders.

    Raises
    ------
    InputFileError
        If a job file of DP-GEN is damaged.
    """
    folder = iteration_folder(campaign, iteration) / "01.model_devi"
    if not (folder / "cur_job.json").is_file():
        return []
    job = read_as(Sampling, folder / "cur_job.json")
    n_asked = job.nsteps // job.trj_freq + 1
    runs = []
    for task in sorted(folder.glob("task.*")):
        if not (task / "job.json").is_file():
            continue
        condition = read_as(_Condition, task / "job.json")
        runs.append(
            Exploration(
                system=int(task.name.split(".")[1]),
                task=str(task.relative_to(campaign)),
                temperature_kelvin=condition.temps,
                pressure_bar=condition.press,
                deviations=deviations_so_far(task / "model_devi.out"),
                n_asked=n_asked,
                error=_lammps_error(task / "model_devi.log"),
            )
        )
    return runs


def trust_levels_of(campaign: Path, iteration: int) -> tuple[float, float]:
    """Trust levels in force in an iteration: its job's, else those of ``param.json``.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    (2,) tuple of float, eV/angstrom
        The lower and the upper level.

    Raises
    ------
    InputFileError
        If ``param.json`` is missing, or a file is damaged.
    """
    job: DpgenContent = {}
    current = iteration_folder(campaign, iteration) / "01.model_devi" / "cur_job.json"
    if current.is_file():
        job = read_as(dict[str, Any], current)
    param = read_param(campaign)
    low, high = (job.get(f"model_devi_f_trust_{side}") or param[f"model_devi_f_trust_{side}"] for side in ("lo", "hi"))
    return float(low), float(high)


def read_labels(campaign: Path, iteration: int) -> list[LabelOutcome]:
    """Labels of an iteration, good and failed.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    list of LabelOutcome
        In the order of their folders; a label that was cut off has failed.
    """
    outcomes = []
    for file in label_files(campaign, f"{iteration:06d}"):
        record = _label_record(file)
        outcomes.append(
            LabelOutcome(
                task=str(file.parent.relative_to(campaign)),
                good=record["status"] == "ok",
                reason=str(record.get("reason") or ""),
                core_hours=core_seconds(record) / 3600.0,
            )
        )
    return outcomes


def _label_record(file: Path) -> LabelRecord:
    """A label's record; one that was cut off, or is none, is a failed label, as for DP-GEN."""
    try:
        return read_label(file, numbers=False)
    except InputFileError:
        return {"status": "failed", "reason": f"{file.name} is damaged", "wall_seconds": 0.0}


def label_files(campaign: Path, iteration: str) -> list[Path]:
    """Every ``label.json`` of an iteration, good and failed.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : str
        Six digits, as in ``000001``; ``*`` for all.

    Returns
    -------
    list of Path
        Sorted.
    """
    return sorted(campaign.glob(f"iter.{iteration}/02.fp/task.*/{LABEL_OUTPUT}"))


def count_frames(dataset: Path) -> int:
    """Frames of a data set in ``deepmd/npy``.

    Parameters
    ----------
    dataset : Path
        Folder of systems, or one of them.

    Returns
    -------
    int
        Over all systems.
    """
    return sum(len(np.load(file, mmap_mode="r")) for file in dataset.glob("**/set.*/energy.npy"))


def step_seconds(campaign: Path, iteration: int) -> Mapping[str, float]:
    """Wall time of the three expensive steps, from the folders DP-GEN's jobs wrote.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        Which one.

    Returns
    -------
    mapping of str to float, s
        Of ``train``, ``explore`` and ``label``; 0 for a step that is not finished.
    """
    folder = iteration_folder(campaign, iteration)
    seconds = {}
    for name, part in (("train", "00.train"), ("explore", "01.model_devi"), ("label", "02.fp")):
        scripts = [path.stat().st_mtime for path in (folder / part).glob("*.sub")]
        finished = [path.stat().st_mtime for path in (folder / part).glob("*_job_tag_finished")]
        seconds[name] = max(0.0, round(max(finished) - min(scripts), 1)) if scripts and finished else 0.0
    return seconds


def last_explored(campaign: Path) -> int:
    """The last iteration whose candidates were chosen.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.

    Returns
    -------
    int
        From 0.

    Raises
    ------
    InputFileError
        If there is none.
    """
    position = read_position(campaign)
    iteration = position.iteration - (position.step <= STEPS.index("make_label"))
    if iteration < 0:
        raise InputFileError(f"{campaign} has not explored yet; run the campaign first.")
    return iteration


def last_committee(campaign: Path) -> tuple[Path, ...]:
    """Models of the last committee.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder, there or not.

    Returns
    -------
    tuple of Path
        Two or more frozen networks; none where there is no committee.
    """
    for folder in sorted(campaign.glob("iter.*/00.train"), reverse=True):
        models = tuple(sorted(path for path in folder.glob("graph.*") if path.is_file()))
        if len(models) > 1:
            return models
    return ()


def deviations_so_far(file: Path) -> FrameDeviations:
    """Deviations of a run that may still be writing, or was continued: whole lines, the last one of each step.

    Parameters
    ----------
    file : Path
        A ``model_devi.out``, there or not.

    Returns
    -------
    FrameDeviations
        Without a frame where there is no file.
    """
    rows: dict[int, float] = {}
    if file.is_file():
        for line in file.read_text().split("\n")[:-1]:
            words = line.split()
            if len(words) >= 7 and not line.startswith("#"):
                rows[int(float(words[0]))] = float(words[4])
    return FrameDeviations(np.array(list(rows), dtype=np.int64), np.array(list(rows.values()), dtype=np.float64))


def _lammps_error(log: Path) -> str:
    lines = [line for line in log_tail(log, 40).splitlines() if line.startswith("ERROR")] if log.is_file() else []
    return lines[0] if lines else ""
