"""Run folders of older versions: what their studies leave out is what it was when their runs were made."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.config import Study
from mlip_interfaces.md import cell_of, started_with, variables_of


def as_it_was_meant(study: Study, scan: Path) -> Study:
    """The study of a run folder, with `cell` as it was meant where a protocol leaves it out.

    Left out, `cell` is ``coupled_xy``; before there was such a key, each edge of the cell changed alone. A protocol whose runs
    were made like that, and not otherwise since, has ``free``, so that its runs are read and others of it are made alike.

    Parameters
    ----------
    study : Study
        As the folder has it.
    scan : Path
        Its folder of runs, there or not.

    Returns
    -------
    Study
        Itself where nothing was meant otherwise.
    """
    free = {
        name: protocol.model_copy(update={"cell": "free"})
        for name, protocol in study.protocols.items()
        if protocol.ensemble == "npt" and "cell" not in protocol.model_fields_set and _edges_were_free(scan, name)
    }
    return study.model_copy(update={"protocols": study.protocols | free}) if free else study


def _edges_were_free(scan: Path, protocol: str) -> bool:
    """Whether scripts without `cell` made runs of a protocol, and none with another than what they mean."""
    found = (started_with(directory) for directory in scan.glob(f"*/{protocol}/seed-*"))
    scripts = [script for script in found if script]
    return any("cell" not in variables_of(script) for script in scripts) and {*map(cell_of, scripts)} == {"free"}
