"""Labels that are made again, and labels that need not be: of the same structure with the same settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, write_json
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, read_record, read_structure, structure_hash
from mlip_interfaces.labels.evaluation import LabelFailure, judge_answer, judge_structure
from mlip_interfaces.labels.record import LabelRecord
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher_md import CHECKPOINT_FILE, PLAN_FILE, RECORDS_FILE, RESULT_FILE


def forget_configuration_failures(directory: Path) -> list[str]:
    """Delete the results of tasks in `directory` that failed for the configuration.

    Whatever failed on a structure stays failed. A task without its result runs again.

    Parameters
    ----------
    directory : Path
        Folder of the tasks.

    Returns
    -------
    list of str
        Names of the tasks, sorted.
    """
    forgotten = []
    for name in (OUTPUT_FILE, RESULT_FILE):
        for file in directory.glob(f"*/{name}"):
            if (read_record(file) or {}).get("cause") == "configuration":
                file.unlink()
                forgotten.append(file.parent.name)
    return sorted(forgotten)


def reuse_labels(tasks: Path, earlier: Iterable[Path]) -> int:
    """Give tasks the labels that the same structures have in other folders, by the same settings and within the limits of now.

    Parameters
    ----------
    tasks : Path
        Folder of tasks, with ``label_settings.json``; those that have no result get one where there is one.
    earlier : iterable of Path
        Folders of tasks, the ones to be preferred first.

    Returns
    -------
    int
        How many labels and teacher MD runs were found.
    """
    settings = LabelSettings.read(tasks / SETTINGS_FILE)
    labels: dict[str, LabelRecord] = {}
    runs: dict[tuple[str, str], Path] = {}
    for folder in earlier:
        for file in folder.glob(f"task.*/{OUTPUT_FILE}"):
            record = read_record(file)
            if record is not None and _is_usable(record, settings):
                labels.setdefault(str(record["structure_hash"]), record)
        if _same_physics(folder, settings):
            for plan in folder.glob(f"md.*/{PLAN_FILE}"):
                runs.setdefault(_of_run(plan.parent), plan.parent)
    n_found = 0
    for task in sorted(tasks.glob("task.*")) if labels else ():
        known = labels.get(structure_hash(read_structure(task)))
        if known is not None and not (task / OUTPUT_FILE).is_file() and _is_within(task, known, settings):
            write_json(task / OUTPUT_FILE, known, indent=None)
            n_found += 1
    for task in sorted(tasks.glob("md.*")) if runs else ():
        source = runs.get(_of_run(task))
        if source is not None:
            # The result last: it says that the others are whole.
            for name in (RECORDS_FILE, CHECKPOINT_FILE, RESULT_FILE):
                if (source / name).is_file():
                    shutil.copyfile(source / name, task / name)
            n_found += 1
    return n_found


def _is_usable(record: LabelRecord, settings: LabelSettings) -> bool:
    return record.get("status") == "ok" and record.get("settings_hash") == settings.physics_hash


def _is_within(task: Path, record: LabelRecord, settings: LabelSettings) -> bool:
    """Limits may have become stricter since."""
    forces, virial = np.array(record["forces_ev_per_angstrom"]), np.array(record["virial_ev"])
    try:
        judge_structure(read_structure(task), settings)
        judge_answer(record["energy_ev"], forces, virial, len(forces), settings)
    except LabelFailure:
        return False
    return True


def _same_physics(folder: Path, settings: LabelSettings) -> bool:
    """Whether teacher MD of a folder moved by the same settings; its records are judged by their limits, which count too."""
    try:
        return settings.same_labels(LabelSettings.read(folder / SETTINGS_FILE))
    except InputFileError:
        return False


def _of_run(task: Path) -> tuple[str, str]:
    return file_hash(task / INPUT_FILE), file_hash(task / PLAN_FILE)
