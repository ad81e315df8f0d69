"""The processes of LAMMPS that a test started, and waiting for them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def real_lammps(folder: Path) -> list[int]:
    """Numbers of the processes of LAMMPS itself that run in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder.resolve() and (entry / "exe").readlink().name == "lmp":
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Until it is so; an assertion fails when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
