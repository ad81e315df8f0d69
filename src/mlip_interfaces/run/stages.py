"""The stages of a run folder, and how far each is; reads manifests and the record of a given potential."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlip_interfaces.books.run import GIVEN_MODEL, GivenModel, read_optional_book
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.run.folder import STUDY_FILE, is_held
from mlip_interfaces.run.manifests import read_manifest

FOLDERS = {
    "build": "structures",
    "data": "initial_data",
    "campaign": "campaign",
    "train": "model",
    "validate": "validation",
    "scan": "scan",
    "analyze": "analysis",
    "report": "report",
}
"""Stages in order, and the folder of each."""

POTENTIAL_STAGES = ("data", "campaign", "train", "validate")
"""Stages that make the Deep Potential; a folder whose potential was given has none of them."""


@dataclass(frozen=True, slots=True)
class StageStatus:
    """State of one stage of a run folder.

    Attributes
    ----------
    stage : str
        Its name.
    status : {"to do", "interrupted", "running", "done", "not needed"}
        How far it is; what makes a potential is not needed where one was given.
    wall_seconds : float, s
        Over all its starts.
    finished : str or None
        ISO time.
    """

    stage: str
    status: Literal["to do", "interrupted", "running", "done", "not needed"]
    wall_seconds: float
    finished: str | None


def require_run_folder(root: Path) -> None:
    """Refuse a folder that is no run folder.

    Parameters
    ----------
    root : Path
        The folder.

    Raises
    ------
    InputFileError
        If it holds no study.
    """
    if not (root / STUDY_FILE).is_file():
        raise InputFileError(f"{root} is no run folder: it has no {STUDY_FILE}. Start one with `mlip-interfaces run`.")


def given_model(root: Path) -> GivenModel | None:
    """The potential that a run folder was given.

    Parameters
    ----------
    root : Path
        The run folder, there or not.

    Returns
    -------
    GivenModel or None
        None where the run makes its own.

    Raises
    ------
    InputFileError
        If its record is damaged.
    """
    return read_optional_book(GivenModel, root / FOLDERS["train"] / GIVEN_MODEL)


def stages_of(root: Path) -> tuple[str, ...]:
    """The stages that a run folder goes through.

    Parameters
    ----------
    root : Path
        The run folder, there or not.

    Returns
    -------
    tuple of str
        In order; without those that make a potential where one was given.

    Raises
    ------
    InputFileError
        If the record of a given potential is damaged.
    """
    given = given_model(root)
    return tuple(stage for stage in FOLDERS if given is None or stage not in POTENTIAL_STAGES)


def run_status(root: Path) -> list[StageStatus]:
    """State of every stage of a run folder.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    list of StageStatus
        In order.

    Raises
    ------
    InputFileError
        If `root` is no run folder, or a manifest is damaged.
    """
    require_run_folder(root)
    held, needed = is_held(root), stages_of(root)
    states = []
    for stage, folder in FOLDERS.items():
        if stage not in needed:
            states.append(StageStatus(stage, "not needed", 0.0, None))
            continue
        manifest = read_manifest(root / folder)
        if manifest is None:
            states.append(StageStatus(stage, "to do", 0.0, None))
            continue
        open_status: Literal["running", "interrupted"] = "running" if held else "interrupted"
        status = "done" if manifest.status == "done" else open_status
        states.append(StageStatus(stage, status, manifest.wall_seconds, manifest.finished))
    return states
