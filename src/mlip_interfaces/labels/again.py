"""Labels that failed for the configuration (no program, no POTCAR, a full disk): forgotten, so that they are made again."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.labels.driver import OUTPUT_FILE, read_record
from mlip_interfaces.labels.teacher_md import RESULT_FILE


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
