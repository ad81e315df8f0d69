"""What a run would do, artefact by artefact: kept, extended, made; why, and at what cost. Files are only read."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlip_interfaces.books.run import (
    DATA_SUMMARY,
    INDEX,
    MODEL_FILE,
    RUN_INDEX,
    FinalModel,
    InitialData,
    ScanIndex,
    StructureIndex,
    read_optional_book,
)
from mlip_interfaces.campaign.dpgen_files import why_uncompressed
from mlip_interfaces.config import Study
from mlip_interfaces.config.study import ReferenceMD
from mlip_interfaces.errors import UserError, counted
from mlip_interfaces.pipeline.analyze import missing_analyses, study_requests
from mlip_interfaces.pipeline.made_for import is_made_of
from mlip_interfaces.pipeline.made_of import LIMITS, SECTIONS, StudyHashes
from mlip_interfaces.pipeline.orphans import Orphan, find_orphans
from mlip_interfaces.pipeline.own_md import FOLDER as OWN_MD_FOLDER
from mlip_interfaces.pipeline.own_md import own_structures
from mlip_interfaces.pipeline.reference_md import FOLDER as REFERENCE_FOLDER
from mlip_interfaces.pipeline.reference_md import LABELS as REFERENCE_LABELS
from mlip_interfaces.pipeline.reference_md import MODEL as REFERENCE_MODEL
from mlip_interfaces.pipeline.scan import ScanRun, scan_runs, source_of_run
from mlip_interfaces.pipeline.standing import campaign_goes_on, is_done, standing_hashes, standing_structures
from mlip_interfaces.pipeline.study_files import load_run_study
from mlip_interfaces.records import Record
from mlip_interfaces.run.aside import aside_of
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.manifests import read_manifest
from mlip_interfaces.run.stages import FOLDERS
from mlip_interfaces.units import FS_TO_PS

Action = Literal["kept", "brought back", "cut", "extended", "continued", "made", "orphaned"]
_NAMES_SHOWN, _CHANGES_SHOWN = 3, 3


@dataclass(frozen=True, slots=True)
class Artefact(Record):
    """One thing that a run folder holds or will hold.

    Attributes
    ----------
    stage : str
        That makes it.
    name : str
        A structure, an MD run, the results of a run, or what the stage makes in one piece.
    action : {'kept', 'brought back', 'cut', 'extended', 'continued', 'made', 'orphaned'}
        Kept as it is; moved back from where it was set aside; the start of a longer run; a finished run that goes on; an
        interrupted one that goes on; made; or of no use to the study, and left where it is.
    why : str
        As the end of a sentence; empty where nothing is to be said.
    work : str
        What is to be done, in its own unit.
    md_ps : float, ps
        MD to be run.
    seconds : float or None, s
        Estimate, from what the same work took in this folder; None where it did none yet.
    """

    stage: str
    name: str
    action: Action
    why: str = ""
    work: str = ""
    md_ps: float = 0.0
    seconds: float | None = None


def plan_run(study: Study, root: Path, names: Sequence[str]) -> tuple[Artefact, ...]:
    """What `run_study` would do.

    Parameters
    ----------
    study : Study
        With absolute paths.
    root : Path
        The run folder, there or not.
    names : sequence of str
        Stages, in order.

    Returns
    -------
    tuple of Artefact
        In the order of the stages; orphans last.

    Raises
    ------
    UserError
        If a book of the folder is damaged.
    """
    view = _View.of(study, root)
    found: list[Artefact] = []
    for name in (name for name in names if name in view.made_of):
        found += _PLANS[name](view, found)
    return (*found, *(_orphan(orphan) for orphan in view.orphans))


def say_plan(artefacts: Sequence[Artefact]) -> None:
    """Print a plan on standard error, what is alike in one line.

    Parameters
    ----------
    artefacts : sequence of Artefact
        Of `plan_run`.
    """
    print("\n".join(plan_lines(artefacts)), file=sys.stderr)


def plan_lines(artefacts: Sequence[Artefact], *, all_names: bool = False) -> list[str]:
    """A plan as text.

    Parameters
    ----------
    artefacts : sequence of Artefact
        Of `plan_run`.
    all_names : bool, optional
        Whether every artefact has a line of its own.

    Returns
    -------
    list of str
        A line for each artefact, or for those that are alike.
    """
    groups: dict[tuple[object, ...], list[Artefact]] = {}
    for number, artefact in enumerate(artefacts):
        alike = (artefact.stage, artefact.action, artefact.why, artefact.work)
        groups.setdefault((*alike, number) if all_names else alike, []).append(artefact)
    return [_line(group) for group in groups.values()]


def _line(group: Sequence[Artefact]) -> str:
    first = group[0]
    names = ", ".join(artefact.name for artefact in group[:_NAMES_SHOWN])
    more = f" and {len(group) - _NAMES_SHOWN} more" if len(group) > _NAMES_SHOWN else ""
    md_ps = sum(artefact.md_ps for artefact in group)
    known = [artefact.seconds for artefact in group if artefact.seconds is not None]
    cost = [first.work, f"{md_ps:g} ps of MD" if md_ps else "", f"about {_time(sum(known))}" if known else ""]
    said = "; ".join(filter(None, [first.why, *cost]))
    return f"{first.stage:9} {first.action:12} {names}{more}" + (f": {said}" if said else "")


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{max(1, round(seconds))} s"


@dataclass(frozen=True, slots=True)
class _View:
    """A study and a folder, as all parts of a plan look at them."""

    context: RunContext
    hashes: StudyHashes
    made_of: Mapping[str, str]
    standing: Mapping[str, str]
    changes: Sequence[tuple[str, str]]
    orphans: Sequence[Orphan]
    cost: _Costs

    @classmethod
    def of(cls, study: Study, root: Path) -> _View:
        context, hashes = RunContext(study, root), StudyHashes(study)
        return cls(
            context,
            hashes,
            hashes.stages(root),
            standing_hashes(root),
            _changes(root, study),
            find_orphans(context),
            _Costs.of(context),
        )

    def why(self, stage: str) -> str:
        """Which keys of the stage's sections changed."""
        own = [said for key, said in self.changes if _is_of(stage, key)]
        more = f" and {len(own) - _CHANGES_SHOWN} more" if len(own) > _CHANGES_SHOWN else ""
        return ", ".join(own[:_CHANGES_SHOWN]) + more

    def status(self, stage: str) -> str | None:
        manifest = read_manifest(self.context.root / FOLDERS[stage])
        return None if manifest is None else manifest.status


@dataclass(frozen=True, slots=True)
class _Costs:
    """What work took in this folder."""

    seconds_per_label: float | None = None
    atom_steps_per_second: float | None = None
    seconds_per_training_step: float | None = None
    wall_seconds: Mapping[str, float] = field(default_factory=dict)
    n_atoms: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, context: RunContext) -> _Costs:
        data = read_optional_book(InitialData, context.initial_data / DATA_SUMMARY)
        runs = (read_optional_book(ScanIndex, context.scan / INDEX) or ScanIndex()).runs
        speeds = [run.atom_steps_per_second for run in runs if run.atom_steps_per_second]
        structures = read_optional_book(StructureIndex, context.structures / INDEX) or StructureIndex()
        manifests = {name: read_manifest(context.root / folder) for name, folder in FOLDERS.items()}
        walls = {name: found.wall_seconds for name, found in manifests.items() if found and found.status == "done"}
        model = read_optional_book(FinalModel, context.model / MODEL_FILE)
        return cls(
            data.core_seconds / data.made if data and data.made else None,
            statistics.median(speeds) if speeds else None,
            walls["train"] / model.steps if model and "train" in walls else None,
            walls,
            {entry.name: entry.n_atoms for entry in structures.models},
        )


def _structures(view: _View, _: Sequence[Artefact]) -> Iterator[Artefact]:
    there = standing_structures(view.context)
    for name, made_of in view.hashes.structures.items():
        if there.get(name) == made_of:
            yield Artefact("build", name, "kept")
        else:
            yield Artefact("build", name, "made", (view.why("build") or "it changed") if name in there else "")


def _data(view: _View, _: Sequence[Artefact]) -> Iterator[Artefact]:
    study = view.context.study
    asked = study.initial_data
    n_packed = sum(packed.n for packed in asked.packed)
    besides = f", {counted(len(asked.crystals), 'more crystal')}" if asked.crystals else ""
    besides += f", {counted(n_packed, 'packed cell')}" if n_packed else ""
    work = f"perturbed structures{besides} and {counted(len(asked.teacher_md), 'teacher MD run')} by {study.labels.calculator}"
    if view.standing.get("data", view.made_of["data"]) != view.made_of["data"]:
        work += "; labels of the same structures are kept"
    yield _whole(view, "data", "initial data set", work, view.cost.wall_seconds.get("data"))


def _campaign(view: _View, before: Sequence[Artefact]) -> Iterator[Artefact]:
    study = view.context.study
    exploration = study.exploration
    n_rungs = len(exploration.iterations)
    n_most = n_rungs if exploration.climb == "always" else exploration.max_iterations
    n_labels = min(
        exploration.max_labels_per_model * len(study.explored) * n_most, exploration.max_labels or sys.maxsize
    )
    work = (
        f"a ladder of {counted(n_rungs, 'rung')}, at most {counted(n_most, 'iteration')} and {counted(n_labels, 'label')}, committee "
        f"of {study.training.committee_size}"
    )
    found = _whole(view, "campaign", "campaign", work, view.cost.wall_seconds.get("campaign"))
    if found.action == "kept" and campaign_goes_on(study, view.context.root):
        found = Artefact("campaign", "campaign", "continued", _limits(view.changes) or "its limits allow more", work)
    yield found


def _train(view: _View, before: Sequence[Artefact]) -> Iterator[Artefact]:
    n_steps = view.context.study.training.steps_final
    cost = view.cost.seconds_per_training_step
    why = why_uncompressed(view.context.study)
    work = f"{n_steps} steps, frozen{f' ({why})' if why else ' and compressed'}"
    seconds = None if cost is None else cost * n_steps
    found = _whole(view, "train", "final model", work, seconds)
    if found.action == "kept" and (cause := _not_kept(before, "data", "campaign")):
        found = Artefact("train", "final model", "made", cause, work, seconds=seconds)
    yield found


def _validate(view: _View, before: Sequence[Artefact]) -> Iterator[Artefact]:
    context, asked = view.context, view.context.study.validation
    n_labels = asked.n_exploration_frames
    cause = _not_kept(before, "data", "campaign", "train")
    same = view.standing.get("validate") == view.made_of["validate"]
    if same and view.status("validate") == "done" and not cause:
        yield Artefact("validate", "errors of the model", "kept")
        return
    new_labels = bool(_not_kept(before, "data", "campaign"))
    folder, hashes, each = context.validation, view.hashes, view.cost.seconds_per_label
    stay = not new_labels and is_made_of(folder / "tasks", hashes.held_out(context.root))
    work = "its labels stay" if stay else counted(n_labels, "label") + " of the last exploration"
    action: Action = "continued" if view.status("validate") == "running" and not cause else "made"
    why = (cause or view.why("validate")) if "validate" in view.standing else ""
    seconds = None if each is None or stay else each * n_labels
    yield Artefact("validate", "errors of the model", action, why, work, seconds=seconds)
    if names := own_structures(context.study):
        stay = not cause and is_made_of(folder / OWN_MD_FOLDER, hashes.own_md(context.root))
        yield _own_md(view, names, cause if "validate" in view.standing else "", stay=stay)
    if asked.reference_md is not None:
        yield _reference_md(view, asked.reference_md, cause, new_labels=new_labels)


def _own_md(view: _View, names: Sequence[str], cause: str, *, stay: bool) -> Artefact:
    what, asked, cost = "the model's own MD", view.context.study.validation.own_md, view.cost
    if stay:
        return Artefact("validate", what, "kept", work="what is not finished goes on")
    n_atoms = sum(cost.n_atoms.get(name, 0) for name in names)
    n_steps = asked.time_ps / (asked.timestep_fs * FS_TO_PS)
    seconds = (
        n_steps * n_atoms / cost.atom_steps_per_second + cost.seconds_per_label * asked.n_snapshots
        if cost.atom_steps_per_second and cost.seconds_per_label and n_atoms
        else None
    )
    work = f"{counted(asked.n_snapshots, 'label')} of snapshots"
    return Artefact("validate", what, "made", cause, work, md_ps=asked.time_ps * len(names), seconds=seconds)


def _reference_md(view: _View, asked: ReferenceMD, cause: str, *, new_labels: bool) -> Artefact:
    context, folder = view.context, view.context.validation / REFERENCE_FOLDER
    labelled = not new_labels and is_made_of(folder / REFERENCE_LABELS, view.hashes.reference_md)
    work, seconds = (
        f"{counted(len(asked.seeds), 'run')} of {asked.steps} steps by {context.study.labels.calculator}",
        None,
    )
    if labelled:
        if not cause and is_made_of(folder / REFERENCE_MODEL, view.hashes.model_md(context.root)):
            return Artefact("validate", "MD to compare with", "kept", work="what is not finished goes on")
        work = "MD by the model; the other stays"
    elif view.cost.seconds_per_label:
        seconds = view.cost.seconds_per_label * len(asked.seeds) * (asked.steps + asked.relax_steps)
    return Artefact("validate", "MD to compare with", "made", "", work, seconds=seconds)


def _scan(view: _View, before: Sequence[Artefact]) -> Iterator[Artefact]:
    potential = _not_kept(before, "data", "campaign", "train")
    anew = {artefact.name for artefact in before if artefact.stage == "build" and artefact.action != "kept"}
    for run in scan_runs(view.context.study):
        yield _md_run(view, run, "another interface model" if run.model.name in anew else potential)


def _md_run(view: _View, run: ScanRun, cause: str) -> Artefact:
    context, step_ps = view.context, run.protocol.timestep_fs * FS_TO_PS
    n_steps = run.protocol.n_steps
    action: Action = "made"
    directory = context.scan / run.name
    why = cause if directory.is_dir() and (directory / "command.sh").is_file() else ""
    if not cause:
        best = source_of_run(context, run)
        action, why = best.state.action, best.state.why
        if best.aside is not None and action == "kept":
            action = "brought back"
        n_steps = max(0, n_steps - best.state.n_steps) if action in ("extended", "continued") else n_steps
    if action in ("kept", "cut", "brought back"):
        return Artefact("scan", run.name, action, why)
    speed, n_atoms = view.cost.atom_steps_per_second, view.cost.n_atoms.get(run.model.name)
    seconds = n_steps * n_atoms / speed if speed and n_atoms else None
    return Artefact("scan", run.name, action, why, md_ps=round(n_steps * step_ps, 9), seconds=seconds)


def _analyses(view: _View, before: Sequence[Artefact]) -> Iterator[Artefact]:
    context = view.context
    moved = {artefact.name for artefact in before if artefact.stage == "scan" and artefact.action != "kept"}
    index = read_optional_book(ScanIndex, context.scan / INDEX) or ScanIndex()
    judged = view.standing.get("scan") == view.made_of.get("scan")
    sick = {entry.name for entry in index.runs if judged and not entry.healthy} - moved
    for run in scan_runs(context.study):
        if run.name in sick:
            yield Artefact("analyze", run.name, "kept", "the run is not healthy")
            continue
        kelvin = run.protocol.temperature_kelvin
        asked = tuple(study_requests(context.study, kelvin))
        made = asked if run.name in moved else missing_analyses(context, run.name, kelvin)
        if made:
            again = run.name in moved and (context.analysis / run.name / RUN_INDEX).is_file()
            why = "another trajectory" if again else ""
            yield Artefact("analyze", run.name, "made", why, f"one pass: {', '.join(made)}")
        else:
            yield Artefact("analyze", run.name, "kept")


def _report(view: _View, before: Sequence[Artefact]) -> Iterator[Artefact]:
    done = is_done(view.context, "report", view.made_of["report"], view.standing.get("report"))
    same = done and all(artefact.action == "kept" for artefact in before)
    yield Artefact("report", "index.html", "kept" if same else "made")


def _whole(view: _View, stage: str, name: str, work: str, seconds: float | None) -> Artefact:
    """A stage of one piece."""
    root, made_of = view.context.root, view.made_of[stage]
    status, standing = view.status(stage), view.standing.get(stage)
    if status is not None and standing == made_of:
        return Artefact(stage, name, "kept") if status == "done" else Artefact(stage, name, "continued", work=work)
    if aside_of(root, root / FOLDERS[stage], made_of):
        return Artefact(stage, name, "brought back", view.why(stage))
    why = "" if status is None else view.why(stage) or "what it stands on changed"
    hint = _explored_more(view) if stage == "data" and status is not None else ""
    return Artefact(stage, name, "made", "; ".join(filter(None, [why, hint])), work, seconds=seconds)


def _not_kept(before: Sequence[Artefact], *stages: str) -> str:
    """Which of the stages before is not as it was; a plan that does not look at them takes them as they are."""
    for artefact in before:
        if artefact.stage in stages and artefact.action != "kept":
            return f"the {artefact.name} {'goes on' if artefact.action == 'continued' else 'is another'}"
    return ""


def _explored_more(view: _View) -> str:
    """The cheap way, where a model of the scan is explored only since the study does not say which are."""
    study = view.context.study
    there = standing_structures(view.context)
    new = [name for name in study.explored if name not in there]
    if not new or study.exploration.thicknesses_angstrom is not None or study.interface.small is not None:
        return ""
    return (
        f"{', '.join(new)} is explored too, since exploration.thicknesses_angstrom is left out: list the thicknesses of before there "
        "to keep the potential"
    )


def _orphan(orphan: Orphan) -> Artefact:
    return Artefact(orphan.stage, orphan.path, "orphaned", orphan.why)


def _changes(root: Path, study: Study) -> list[tuple[str, str]]:
    """Keys that differ from the study that the folder keeps, and how."""
    try:
        before = load_run_study(root)
    except UserError:
        return []
    old, new = (dict(_flat(found.model_dump(mode="json"))) for found in (before, study))
    return [
        (key, f"{key} {_short(old.get(key, 'not there'))} -> {_short(new.get(key, 'not there'))}")
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]


def _flat(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from _flat(value, f"{key}.{name}" if key else name)
    elif isinstance(content, list) and any(isinstance(entry, dict) for entry in content):
        for number, value in enumerate(content):
            yield from _flat(value, f"{key}[{number}]")
    else:
        yield key, content


def _short(value: Any) -> str:
    text = Path(value).name if isinstance(value, str) and value.startswith("/") else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _is_of(stage: str, key: str) -> bool:
    section, _, name = key.partition(".")
    if name in LIMITS.get(section, ()):
        return False
    if section == "training":
        return (name == "steps_final") == (stage == "train") and stage in ("train", "campaign")
    return section.partition("[")[0] in SECTIONS[stage]


def _limits(changes: Sequence[tuple[str, str]]) -> str:
    found = [said for key, said in changes if key.partition(".")[2] in LIMITS.get(key.partition(".")[0], ())]
    return ", ".join(found)


_PLANS: Mapping[str, Callable[[_View, Sequence[Artefact]], Iterator[Artefact]]] = {
    "build": _structures,
    "data": _data,
    "campaign": _campaign,
    "train": _train,
    "validate": _validate,
    "scan": _scan,
    "analyze": _analyses,
    "report": _report,
}
