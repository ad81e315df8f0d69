"""Stage ``scan``: every model with every protocol and seed, as LAMMPS runs with a health verdict each."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlip_interfaces.books.run import (
    CANDIDATES,
    INDEX,
    DeviationOnTheFly,
    LayersOfAtoms,
    ScanEntry,
    ScanIndex,
    SickRun,
    read_book,
    write_book,
)
from mlip_interfaces.campaign.dpgen_files import backend_of_study
from mlip_interfaces.config import ModelPlan, Study
from mlip_interfaces.errors import InputFileError, UnfinishedError, counted
from mlip_interfaces.files import relink
from mlip_interfaces.jobs import Batch, run_tasks, watching
from mlip_interfaces.md import (
    CHECKPOINT,
    DATA,
    DEVIATIONS,
    OLDER_CHECKPOINT,
    TABLE,
    TRAJECTORY,
    MDProtocol,
    Motion,
    RunVerdict,
    differences,
    flaws_of_trajectory,
    join_pieces,
    judge_run,
    started_with,
    time_reached_ps,
)
from mlip_interfaces.md.ending import HOW_IT_ENDED, LOG, is_over
from mlip_interfaces.md.protocol import DECK
from mlip_interfaces.pipeline.making_room import BestSource, best_source, make_room
from mlip_interfaces.pipeline.md_runs import (
    PIECES,
    health_bounds,
    md_script,
    md_task,
    prepare_md,
    unpack,
    write_md_run,
)
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.programs import log_tail
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import FS_TO_PS

TASK_LOG = "task.log"
COMMITTEE = "committee"
_BEGIN_OR_LOOP = (
    r"^variable\s+first_step equal (?P<first_step>\d+)$|"
    r"^Loop time of (?P<seconds>\S+) on .* for (?P<steps>\d+) steps .*\n\nPerformance:"
)
_TURNS = 3
_MD_SHARE = 0.9
"""Of the stage's progress; the rest is the look at the runs."""


@dataclass(frozen=True, slots=True)
class ScanRun:
    """One run of the scan.

    Attributes
    ----------
    name : str
        Also its folder.
    model : ModelPlan
        The interface model.
    protocol_name : str
        Key of the protocol in the study.
    protocol : MDProtocol
        With the seed of the run.
    """

    name: str
    model: ModelPlan
    protocol_name: str
    protocol: MDProtocol

    @property
    def condition(self) -> str:
        """Protocol, with the variant where vacancies are scanned: runs that differ in thickness and seed alone share it."""
        return "-".join(filter(None, (self.protocol_name, self.model.variant)))


def scan_runs(study: Study) -> tuple[ScanRun, ...]:
    """All runs that the study asks for, longest (thickest) first so that cores end together.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    tuple of ScanRun
        One for each model, protocol and seed.
    """
    runs = []
    for model in sorted(study.scan_models, key=lambda model: -(model.coating_angstrom or 0.0)):
        for name, section in study.protocols.items():
            for seed in section.seeds:
                protocol = MDProtocol(
                    ensemble=section.ensemble,
                    cell=section.cell,
                    temperature_kelvin=section.temperature_kelvin,
                    pressure_bar=section.pressures,
                    time_ps=section.time_ps,
                    timestep_fs=section.timestep_fs,
                    dump_interval_ps=section.dump_interval_ps,
                    seed=seed,
                    checkpoint_interval_ps=section.checkpoint_interval_ps,
                    deviation_interval_ps=section.committee_deviation_interval_ps,
                )
                runs.append(ScanRun(f"{model.name}/{name}/seed-{seed}", model, name, protocol))
    return tuple(runs)


def scan_batch(context: RunContext, runs: Collection[ScanRun]) -> Batch:
    """Runs as tasks, longest first.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    runs : collection of ScanRun
        Which ones.

    Returns
    -------
    Batch
        A task for each.
    """
    staged = context.study.execution.staged
    tasks = tuple(md_task(run.name, context.scan / run.name, run_script(context, run), staged=staged) for run in runs)
    shared = (DECK, potential_of(context).name, *_committee_files(context.study))
    return Batch(tasks, context.scan, "md", jobs_per_core=3, common_files=shared)


def prepare_scan(context: RunContext) -> None:
    """Write one folder per run with everything ``lmp`` needs; what is there of other conditions is set aside.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the models and a potential.

    Raises
    ------
    InputFileError
        If the potential is missing, a model has not been built, or a trajectory that is to be cut is damaged.
    """
    study = context.study
    potential = potential_of(context)
    if not potential.is_file():
        raise InputFileError(f"{potential} is missing; train it first, or give one with `scan init --model`.")
    for model in study.scan_models:
        if not (context.structures / model.name / DATA).is_file():
            raise InputFileError(
                f"The model {model.name} is not in {context.structures}; build it with `mlip-interfaces build STUDY --out "
                f"{context.root}`, or with `scan init`."
            )
    prepare_md(context, context.scan)
    _link_committee(context)
    for run in scan_runs(study):
        directory, script = context.scan / run.name, run_script(context, run)
        make_room(context.root, directory, script, run.protocol, health_bounds(study))
        write_md_run(context, run.model.name, directory, script)


def _committee_files(study: Study) -> tuple[str, ...]:
    """Models that LAMMPS compares on the fly, from the scan's folder, under DP-GEN's names; none where no protocol asks for it."""
    asked = any(protocol.committee_deviation_interval_ps for protocol in study.protocols.values())
    n_models = study.training.committee_size if asked else 0
    return tuple(f"{COMMITTEE}/{backend_of_study(study).member(number)}" for number in range(n_models))


def _link_committee(context: RunContext) -> None:
    """The last committee where runs find it, if they ask for it."""
    if not (wanted := _committee_files(context.study)):
        return
    from mlip_interfaces.pipeline.committee import trusted_committee

    committee = trusted_committee(context)
    if len(committee.models) != len(wanted):
        why = committee.missing or f"the last committee has {len(committee.models)} models, not {len(wanted)}"
        raise InputFileError(
            f"A protocol asks for committee_deviation_interval_ps, but {why}. Leave the key out, or run the campaign in {context.root}."
        )
    (context.scan / COMMITTEE).mkdir(exist_ok=True)
    for file, model in zip(wanted, committee.models, strict=True):
        relink(context.scan / file, model)


def run_script(context: RunContext, run: ScanRun) -> str:
    """The script that starts a run as the study asks for it.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the models and a potential.
    run : ScanRun
        One of its runs.

    Returns
    -------
    str
        Content of its ``command.sh``.
    """
    committee = [f"../../../{file}" for file in _committee_files(context.study)]
    return md_script(context, run.model.name, run.protocol, top="../../..", committee=committee)


def source_of_run(context: RunContext, run: ScanRun) -> BestSource:
    """Where the work on a run begins; files are only read.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    run : ScanRun
        One of its runs.

    Returns
    -------
    BestSource
        What costs least.
    """
    return best_source(
        context.root, context.scan / run.name, run_script(context, run), run.protocol, health_bounds(context.study)
    )


def runs_with_md(context: RunContext) -> tuple[ScanRun, ...]:
    """Runs that have MD before them: all but those that are there, in their place, cut from a longer one, or set aside.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    tuple of ScanRun
        In the order of the scan.
    """
    return tuple(
        run for run in scan_runs(context.study) if source_of_run(context, run).state.action not in ("kept", "cut")
    )


def other_command(directory: Path, script: str) -> str:
    """Why the files of a run are not those of the script.

    Parameters
    ----------
    directory : Path
        Folder of the run, there or not.
    script : str
        That the study asks for.

    Returns
    -------
    str
        A sentence; empty where they are, or where there are none.
    """
    found = ", ".join(differences(directory, script))
    return (
        found
        and f"its files were made with another command than the study asks for now ({found}); change the study back, or run "
        "`scan submit`, which sets them aside"
    )


def run_scan(context: RunContext) -> str:
    """Prepare, run and collect the scan, and look whether it stayed in the model's domain; finished runs are not repeated.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the models and a potential.

    Returns
    -------
    str
        How many runs there are, how long, how healthy, and which leave the model's domain.

    Raises
    ------
    InputFileError
        As `prepare_scan`.
    UnfinishedError
        If a run failed at every try; all others have come to their end and are judged, and the same call continues.
    """
    # Libraries that a look at a folder needs not.
    from mlip_interfaces.pipeline.domain import look_at_domain

    runs = scan_runs(context.study)
    n_steps_total = sum(run.protocol.n_steps for run in runs)

    def look() -> None:
        done = sum(_steps_done(context, run) for run in runs)
        finished = sum(is_over(context.scan / run.name) for run in runs)
        context.progress(
            _MD_SHARE * done / n_steps_total, f"{finished} of {len(runs)} MD runs, {done} of {n_steps_total} steps"
        )

    failure: UnfinishedError | None = None
    # A run that a job of an earlier start brings to the end of an earlier study is extended by a second turn.
    for _ in range(_TURNS):
        prepare_scan(context)
        unfinished = [run for run in runs if not is_over(context.scan / run.name)]
        if not unfinished:
            break
        batch = scan_batch(context, unfinished)
        try:
            with watching(look, every_seconds=context.study.execution.poll_seconds):
                run_tasks(batch, context.study.execution, despite_failures=True)
        except UnfinishedError as error:
            failure = error
        for task in batch.tasks:
            unpack(context.scan / task.name / PIECES)
        if failure is not None:
            break
    collected = collect_scan(context)
    if failure is not None:
        raise UnfinishedError(_what_failed(context, runs, collected, failure)) from failure
    return f"{collected}; {look_at_domain(context, begun=_MD_SHARE)}"


def _what_failed(context: RunContext, runs: Collection[ScanRun], collected: str, failure: UnfinishedError) -> str:
    """Which runs did not come to their end, how far they are, and how to go on."""
    failed = [run for run in runs if not is_over(context.scan / run.name)]
    lines = [
        f"  {run.name}: {time_reached_ps(context.scan / run.name):g} of {run.protocol.n_steps * run.protocol.timestep_fs * FS_TO_PS:g} ps, "
        f"{last_words(context.scan / run.name) or 'no log'}"
        for run in failed
    ]
    return "\n".join(
        [
            f"{len(failed)} of {counted(len(runs), 'MD run')} did not come to their end; the others are done and judged ({collected}):",
            *lines,
            f"Cure the cause and run `mlip-interfaces scan submit {context.root}` again: it goes on from the last checkpoints.",
            str(failure),
        ]
    )


def last_words(directory: Path, *, failures_alone: bool = False) -> str:
    """What a run that did not come to its end said last: LAMMPS' error, else how it ended, else the last line of a log.

    Parameters
    ----------
    directory : Path
        Folder of the run.
    failures_alone : bool, optional
        Whether a last line that tells of no failure counts for nothing.

    Returns
    -------
    str
        One line; empty where there is no log.
    """
    logs = [log_tail(directory / name, 20) for name in (LOG, TASK_LOG) if (directory / name).is_file()]
    lines = [line.strip() for log in logs for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    endings = [line for line in lines if line.startswith(HOW_IT_ENDED)]
    said = errors or endings or ([] if failures_alone else lines)
    return said[-1] if said else ""


def collect_scan(context: RunContext) -> str:
    """Put interrupted runs together, judge every run and write ``index.json``; files of another command are not looked at.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the scan prepared.

    Returns
    -------
    str
        How many runs there are, how long, and how healthy.

    Raises
    ------
    InputFileError
        If a run has not been prepared.
    """
    entries = tuple(_entry(context, run) for run in scan_runs(context.study))
    write_book(context.scan / INDEX, ScanIndex(entries))
    unhealthy = [entry.name for entry in entries if not entry.healthy]
    candidates = [entry.sick.candidates for entry in entries if entry.sick is not None and entry.sick.candidates]
    simulated = sum(entry.time_ps for entry in entries)
    verdict = "all healthy" if not unhealthy else f"not healthy: {', '.join(unhealthy)}"
    kept = f"; frames around a failure to label: {', '.join(candidates)}" if candidates else ""
    return f"{len(entries)} runs, {simulated:.6g} ps, {verdict}{kept}"


def _entry(context: RunContext, run: ScanRun) -> ScanEntry:
    directory = context.scan / run.name
    protocol = run.protocol
    prepare = "`mlip-interfaces scan init`, or `run`, prepares the runs"
    n_atoms = len(read_as(LayersOfAtoms, directory / "layers.json", if_missing=prepare).symbols)
    verdict: RunVerdict | None = None
    sick: SickRun | None = None
    try:
        if why := other_command(directory, run_script(context, run)):
            raise InputFileError(why)
        if over := is_over(directory):
            unpack(directory / PIECES)
            join_pieces(directory)
            for name in (CHECKPOINT, OLDER_CHECKPOINT):
                (directory / name).unlink(missing_ok=True)
        verdict = judge_run(
            directory / TABLE,
            target_kelvin=protocol.temperature_kelvin,
            requested_ps=protocol.n_steps * protocol.timestep_fs * FS_TO_PS,
            n_atoms=n_atoms,
            bounds=health_bounds(context.study),
        )
        flaws = flaws_of_trajectory(directory, protocol.dump_every, protocol.frame_interval_ps) if over else ()
        reasons = (*verdict.reasons, *flaws)
        if over:
            sick = _sick(context, run, verdict)
    except InputFileError as error:
        # LAMMPS stopped before the first line of numbers, pieces are missing, or it is not this run that they are of.
        reasons = (f"nothing to judge: {error}",)
    log = (directory / LOG).read_text(errors="replace") if (directory / LOG).is_file() else ""
    wall_seconds, n_timed = _md_loops(log) if verdict else (0.0, 0)
    speed = n_timed / wall_seconds if wall_seconds else None
    n_steps = round(verdict.time_ps / (protocol.timestep_fs * FS_TO_PS)) if verdict else 0
    return ScanEntry(
        name=run.name,
        model=run.model.name,
        coating_angstrom=run.model.coating_angstrom,
        variant=run.model.variant,
        protocol=run.protocol_name,
        condition=run.condition,
        ensemble=protocol.ensemble,
        temperature_kelvin=protocol.temperature_kelvin,
        pressure_bar=tuple(protocol.pressure_bar),
        seed=protocol.seed,
        directory=run.name,
        trajectory=TRAJECTORY,
        topology=DATA,
        layers="layers.json",
        thermo_file=TABLE,
        frame_interval_ps=protocol.frame_interval_ps,
        n_atoms=n_atoms,
        healthy=not reasons,
        reasons=reasons,
        time_ps=verdict.time_ps if verdict else 0.0,
        n_steps=n_steps,
        n_frames=n_steps // protocol.dump_every + 1 if verdict else 0,
        motion_sha256=Motion.of(started_with(directory) or "").hash if verdict else "",
        wall_seconds=wall_seconds or None,
        steps_per_second=speed,
        atom_steps_per_second=speed * n_atoms if speed else None,
        temperature_mean_kelvin=verdict.temperature_mean_kelvin if verdict else None,
        temperature_max_kelvin=verdict.temperature_max_kelvin if verdict else None,
        density_initial_g_per_cm3=verdict.density_initial_g_per_cm3 if verdict else None,
        density_mean_g_per_cm3=verdict.density_mean_g_per_cm3 if verdict else None,
        min_distance_angstrom=verdict.min_distance_angstrom if verdict else None,
        edges_initial_angstrom=verdict.edges_initial_angstrom if verdict else None,
        edges_mean_angstrom=verdict.edges_mean_angstrom if verdict else None,
        sick=sick,
        deviation=_deviation(context, run) if verdict else None,
        finished=is_over(directory),
    )


def _deviation(context: RunContext, run: ScanRun) -> DeviationOnTheFly | None:
    """Of the committee along a run; None where there is no whole table of it."""
    file, protocol = context.scan / run.name / DEVIATIONS, run.protocol
    if not file.is_file() or not protocol.deviation_every:
        return None
    from mlip_interfaces.pipeline.committee import trusted_committee
    from mlip_interfaces.potentials import read_model_deviation

    try:
        found = read_model_deviation(file)
    except InputFileError:
        return None
    values, high = found.max_force_ev_per_angstrom, trusted_committee(context).high
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    step_ps = protocol.timestep_fs * FS_TO_PS
    return DeviationOnTheFly(
        n_frames=len(values),
        interval_ps=protocol.deviation_every * step_ps,
        first_ps=float(found.steps[0]) * step_ps,
        mean_ev_per_angstrom=float(finite.mean()),
        largest_ev_per_angstrom=float(finite.max()),
        high_ev_per_angstrom=high,
        share_above=float((~(values < high)).mean()) if high is not None else None,
    )


def _sick(context: RunContext, run: ScanRun, verdict: RunVerdict) -> SickRun | None:
    """Where a finished run went wrong, if it did; candidates of an earlier verdict do not stay."""
    if not verdict.healthy:
        from mlip_interfaces.pipeline.sick_runs import examine_sick_run

        shortest = context.study.labels.min_distance_angstrom
        found = examine_sick_run(
            context.scan, run.name, run.protocol, health_bounds(context.study), min_distance_angstrom=shortest
        )
        if found is not None:
            return found
    (context.scan / run.name / CANDIDATES).unlink(missing_ok=True)
    return None


def _md_loops(log: str) -> tuple[float, int]:
    """Wall time (s) and steps of all MD in a LAMMPS log; what a kill undid is in neither."""
    loops: list[tuple[float, int]] = []
    for found in re.finditer(_BEGIN_OR_LOOP, log, flags=re.MULTILINE):
        if found["first_step"] is None:
            loops.append((float(found["seconds"]), int(found["steps"])))
        while found["first_step"] and sum(steps for _, steps in loops) > int(found["first_step"]):
            # Killed between the end of this loop and its checkpoint.
            loops.pop()
    return sum(seconds for seconds, _ in loops), sum(steps for _, steps in loops)


def _steps_done(context: RunContext, run: ScanRun) -> int:
    directory, protocol = context.scan / run.name, run.protocol
    if other_command(directory, run_script(context, run)):
        return 0
    return round(time_reached_ps(directory) / (protocol.timestep_fs * FS_TO_PS))


def read_scan_index(context: RunContext) -> tuple[ScanEntry, ...]:
    """Entries of ``scan/index.json``.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    tuple of ScanEntry
        As `collect_scan` wrote them.

    Raises
    ------
    InputFileError
        If the scan has not been collected, or the file is damaged.
    """
    return read_book(ScanIndex, context.scan / INDEX).runs
