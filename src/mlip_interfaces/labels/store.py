"""All labels below some folders: read where they lie, each known by structure, settings and trajectory.

The files of the campaign are the store: nothing is copied, so nothing can part from its origin. A label is a
``label.json``, or a line of a teacher MD's ``records.jsonl`` that its checkpoint vouches for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from ase import Atoms
from ase.formula import Formula
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.driver import OUTPUT_FILE
from mlip_interfaces.labels.record import LabelRecord, core_seconds, read_label
from mlip_interfaces.labels.teacher_md import CHECKPOINT_FILE, RECORDS_FILE, RESULT_FILE, RunEnd, read_records
from mlip_interfaces.records import Record, read_as
from mlip_interfaces.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

ORIGINS_FILE, TRAJECTORIES_FILE = "origins.json", "trajectories.json"
"""Beside the tasks of the initial data: the structure, and the trajectory, that each task comes from."""

_LEFT_OUT = ("validation", "domain", "__pycache__")
"""Labels that measure, of the stage ``validate`` and of ``scan/domain``, never enter a data set."""


@dataclass(frozen=True, slots=True)
class _Systems(Record):
    """``param.json``, as far as it is read here."""

    sys_configs: tuple[tuple[str, ...], ...] = ()


class SettingsCount(TypedDict):
    """Labels of some settings."""

    calculator: str
    made: int


class SystemCount(TypedDict):
    """Labels of one structure."""

    made: int
    failed: int
    trajectories: int


class StoreSummary(TypedDict):
    """Counts and cost of a store: by the hash of settings, by structure, by reason of failure."""

    made: int
    failed: int
    duplicates: int
    core_hours: float
    settings: dict[str, SettingsCount]
    systems: dict[str, SystemCount]
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class StoredLabel:
    """One good label.

    Attributes
    ----------
    file : Path
        Where it lies; `line` counts from 0 in a ``records.jsonl`` and is None for a ``label.json``.
    system : str
        The structure it belongs to.
    trajectory : str
        The run or parent it comes from; labels of one trajectory are not independent.
    symbols : tuple of str
        Chemical symbol of each atom.
    positions_angstrom : (n_atoms, 3) float array, angstrom
        Of the atoms.
    forces_ev_per_angstrom : (n_atoms, 3) float array, eV/angstrom
        On the atoms.
    cell_angstrom : (3, 3) float array, angstrom
        Rows are lattice vectors.
    energy_ev : float, eV
        Total energy.
    virial_ev : (3, 3) float array, eV
        Minus volume times stress (tension positive).
    structure_hash, settings_hash : str
        Hashes of the structure, and of all that decides the numbers.
    calculator : str
        Code and version.
    core_seconds : float, s
        Wall time times cores.
    pseudopotentials : mapping of str to str
        SHA-256 of the file of each element, as far as the code records them.
    """

    file: Path
    line: int | None
    system: str
    trajectory: str
    symbols: tuple[str, ...]
    positions_angstrom: Floats
    cell_angstrom: Floats
    energy_ev: float
    forces_ev_per_angstrom: Floats
    virial_ev: Floats
    structure_hash: str
    settings_hash: str
    calculator: str
    core_seconds: float
    pseudopotentials: Mapping[str, str]

    @property
    def name(self) -> str:
        """File, and line if it has lines: unique."""
        return str(self.file) if self.line is None else f"{self.file}:{self.line + 1}"

    @property
    def atoms(self) -> Atoms:
        """The periodic structure."""
        return Atoms(self.symbols, positions=self.positions_angstrom, cell=self.cell_angstrom, pbc=True)


@dataclass(frozen=True, slots=True)
class FailedLabel:
    """One failed label.

    Attributes
    ----------
    file : Path
        Where it lies.
    system : str
        The structure it belongs to.
    reason : str
        Why it failed.
    core_seconds : float, s
        Wall time times cores.
    """

    file: Path
    system: str
    reason: str
    core_seconds: float


@dataclass(frozen=True, slots=True)
class LabelStore:
    """Labels of some folders.

    Attributes
    ----------
    labels : tuple of StoredLabel
        Good ones, each structure once for the same settings.
    failed : tuple of FailedLabel
        Failed ones.
    duplicates : tuple of tuple of StoredLabel
        The copy left out and the label kept of each pair.
    """

    labels: tuple[StoredLabel, ...]
    failed: tuple[FailedLabel, ...]
    duplicates: tuple[tuple[StoredLabel, StoredLabel], ...]

    @property
    def core_hours(self) -> float:
        """Cost of good labels, their copies and failed labels, core hours."""
        good = [*self.labels, *(copy for copy, _ in self.duplicates)]
        seconds = [label.core_seconds for label in good] + [label.core_seconds for label in self.failed]
        return sum(seconds) / SECONDS_PER_HOUR

    @property
    def elements(self) -> list[str]:
        """Elements that occur, in alphabetical order."""
        return sorted({symbol for label in self.labels for symbol in label.symbols})

    def with_settings(self, settings_hash: str) -> LabelStore:
        """Only the labels of these settings; failed ones stay.

        Parameters
        ----------
        settings_hash : str
            As the labels have it.

        Returns
        -------
        LabelStore
            Of one settings hash.

        Raises
        ------
        InputFileError
            If there are none.
        """
        labels = tuple(label for label in self.labels if label.settings_hash == settings_hash)
        if not labels:
            known = ", ".join(sorted({label.settings_hash for label in self.labels}))
            raise InputFileError(f"No label has the settings {settings_hash}; there are {known}.")
        return LabelStore(labels, self.failed, self.duplicates)

    def summary(self) -> StoreSummary:
        """Counts and cost as plain JSON types."""
        good = Counter(label.system for label in self.labels)
        failed = Counter(label.system for label in self.failed)
        trajectories = {system: {la.trajectory for la in self.labels if la.system == system} for system in good}
        return {
            "made": len(self.labels),
            "failed": len(self.failed),
            "duplicates": len(self.duplicates),
            "core_hours": round(self.core_hours, 4),
            "settings": {
                settings: {"calculator": calculator, "made": number}
                for (settings, calculator), number in sorted(
                    Counter((label.settings_hash, label.calculator) for label in self.labels).items()
                )
            },
            "systems": {
                system: {
                    "made": good[system],
                    "failed": failed[system],
                    "trajectories": len(trajectories.get(system, ())),
                }
                for system in sorted(good | failed)
            },
            "reasons": dict(Counter(label.reason for label in self.failed).most_common()),
        }


def collect_labels(directories: Sequence[Path]) -> LabelStore:
    """Read every label below some folders: run folders, campaigns, initial data or single iterations.

    Folders named ``validation``, hidden folders and DP-GEN's backups (``.bkNNN``) are passed over. Of labels with
    equal structure and settings the first in the order of paths is kept.

    Parameters
    ----------
    directories : sequence of Path
        Searched with all below them.

    Returns
    -------
    LabelStore
        Of all folders together.

    Raises
    ------
    InputFileError
        If a folder is missing, holds no label, or a label cannot be read.
    """
    good: dict[tuple[str, str], StoredLabel] = {}
    failed: dict[Path, FailedLabel] = {}
    names: set[str] = set()
    duplicates: list[tuple[StoredLabel, StoredLabel]] = []
    for directory in directories:
        if not directory.is_dir():
            raise InputFileError(f"{directory} is no folder; give a run folder, a campaign or initial data.")
        n_before = len(names) + len(failed)
        for label in _labels_below(directory.resolve()):
            if isinstance(label, FailedLabel):
                failed[label.file] = label
            elif label.name not in names:
                names.add(label.name)
                kept = good.setdefault((label.structure_hash, label.settings_hash), label)
                if kept is not label:
                    duplicates.append((label, kept))
        if len(names) + len(failed) == n_before and not names:
            raise InputFileError(f"There is no label ({OUTPUT_FILE} or {RECORDS_FILE}) below {directory}.")
    return LabelStore(tuple(good.values()), tuple(failed.values()), tuple(duplicates))


def _labels_below(root: Path) -> Iterator[StoredLabel | FailedLabel]:
    files = [path for name in (OUTPUT_FILE, RECORDS_FILE) for path in root.rglob(name)]
    for file in sorted(files):
        inside = file.relative_to(root).parts[:-1]
        if any(part in _LEFT_OUT or part.startswith(".") or ".bk" in part for part in inside):
            continue
        system, trajectory = _origin(file.parent)
        if file.name == OUTPUT_FILE:
            yield _label(file, None, read_label(file), system, trajectory)
            continue
        if (file.parent / CHECKPOINT_FILE).is_file():
            for line, record in enumerate(read_records(file.parent)):
                yield _label(file, line, record, system, trajectory)
        result = file.parent / RESULT_FILE
        if result.is_file() and (ended := read_as(RunEnd, result)).status != "ok":
            yield FailedLabel(result, system or file.parent.name, str(ended.reason), 0.0)


def _label(
    file: Path, line: int | None, record: LabelRecord, system: str | None, trajectory: str
) -> StoredLabel | FailedLabel:
    where = str(file) if line is None else f"line {line + 1} of {file}"
    try:
        seconds = core_seconds(record)
        name = system or Formula.from_list(record["symbols"]).format("metal")
        if record["status"] != "ok":
            return FailedLabel(file, name, str(record["reason"]), seconds)
        n_atoms = len(record["symbols"])
        return StoredLabel(
            file=file,
            line=line,
            system=name,
            trajectory=trajectory,
            symbols=tuple(record["symbols"]),
            positions_angstrom=_array(record["positions_angstrom"], n_atoms, 3),
            cell_angstrom=_array(record["cell_angstrom"], 3, 3),
            energy_ev=float(record["energy_ev"]),
            forces_ev_per_angstrom=_array(record["forces_ev_per_angstrom"], n_atoms, 3),
            virial_ev=_array(record["virial_ev"], 3, 3),
            structure_hash=str(record["structure_hash"]),
            settings_hash=record["settings_hash"],
            calculator=record["calculator"],
            core_seconds=seconds,
            pseudopotentials={el: used["sha256"] for el, used in record.get("pseudopotentials", {}).items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError(
            f"{where} is no label of `mlip-interfaces label` ({error!r}); delete the file to have it made again."
        ) from error


def _array(values: Any, *shape: int) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(shape)


def _origin(task: Path) -> tuple[str | None, str]:
    """System and trajectory of a task, from what lies beside it."""
    beside = task.parent
    if (beside / ORIGINS_FILE).is_file():
        system = read_as(dict[str, str], beside / ORIGINS_FILE).get(task.name)
        known = read_as(dict[str, str], beside / TRAJECTORIES_FILE) if (beside / TRAJECTORIES_FILE).is_file() else {}
        name = known.get(task.name) or (task.name if task.name.startswith("md.") else f"copies of {system}")
        return system, f"{beside}/{name}"
    if (task / RECORDS_FILE).is_file():
        return None, str(task)
    if beside.name == "02.fp":
        # DP-GEN links the exploration's job file into each labelling task.
        job = task / "job.json"
        number = task.name.split(".")[1]
        run = str(job.resolve().parent) if job.is_symlink() else f"{beside}/task.{number}"
        return _explored(beside.parents[1], int(number)), run
    return None, str(beside)


def _explored(campaign: Path, number: int) -> str | None:
    """Name of the model that DP-GEN explored as system `number`: the folder of its POSCAR."""
    param = campaign / "param.json"
    if not param.is_file():
        return None
    configurations = read_as(_Systems, param).sys_configs
    return Path(configurations[number][0]).parent.name or None if number < len(configurations) else None
