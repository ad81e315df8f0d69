"""The stages of a run folder, and how far each is; reads manifests alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class StageStatus:
    """State of one stage of a run folder.

    Attributes
    ----------
    stage : str
        Its name.
    status : {"to do", "interrupted", "running", "done"}
        How far it is.
    wall_seconds : float, s
        Over all its starts.
    finished : str or None
        ISO time.
    """

    stage: str
    status: Literal["to do", "interrupted", "running", "done"]
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
    held = is_held(root)
    states = []
    for stage, folder in FOLDERS.items():
        manifest = read_manifest(root / folder)
        if manifest is None:
            states.append(StageStatus(stage, "to do", 0.0, None))
            continue
        open_status: Literal["running", "interrupted"] = "running" if held else "interrupted"
        status = "done" if manifest.status == "done" else open_status
        states.append(StageStatus(stage, status, manifest.wall_seconds, manifest.finished))
    return states
