"""Run folders of older versions: what their studies leave out is what it was when their runs were made."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.config import Study
from mlip_interfaces.md import Motion, command_of, started_with
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.stages import FOLDERS


def as_it_was_meant(study: Study, root: Path) -> Study:
    """The study of a run folder, with `cell` as it was meant where a protocol leaves it out.

    Left out, `cell` is ``coupled_xy``; before there was such a key, each edge of the cell changed alone. A protocol whose runs
    were made like that, and not otherwise since, has ``free``, so that its runs are read and others of it are made alike.

    Parameters
    ----------
    study : Study
        As the folder has it.
    root : Path
        Its run folder, there or not.

    Returns
    -------
    Study
        Itself where nothing was meant otherwise.
    """
    free = {
        name: protocol.model_copy(update={"cell": "free"})
        for name, protocol in study.protocols.items()
        if protocol.ensemble == "npt" and "cell" not in protocol.model_fields_set and _edges_were_free(root, name)
    }
    return study.model_copy(update={"protocols": study.protocols | free}) if free else study


def _edges_were_free(root: Path, protocol: str) -> bool:
    """Whether scripts without `cell` made runs of a protocol, and none with another than what they mean."""
    here = list((root / FOLDERS["scan"]).glob(f"*/{protocol}/seed-*"))
    # Runs that made room for others of the same protocol still say what was meant.
    aside = [item.folder for item in all_aside(root) if item.place.split("/")[2:3] == [protocol]]
    scripts, before = ([script for folder in part if (script := started_with(folder))] for part in (here, aside))
    left_out = any(" -var cell " not in command_of(script) for script in (*scripts, *before))
    return left_out and all(Motion.of(script).variables.get("cell") == "free" for script in scripts)
