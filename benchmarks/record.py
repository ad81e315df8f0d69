"""What every benchmark writes beside its numbers: on which machine, with which versions, and when."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlip_interfaces.files import write_json
from mlip_interfaces.version import __version__


def write_record(file: Path, content: dict[str, Any], packages: Iterable[str]) -> None:
    """Write the content as JSON, after machine, versions and date."""
    write_json(file, {"date": date(), "machine": machine(), "versions": versions(packages)} | content)


def date() -> str:
    """Now, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, and how busy the machine is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": cores,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(terse=True),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of this package, of Python and of those distributions that are installed."""
    found = {"mlip-interfaces": __version__, "python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _field(file: str, name: str) -> str:
    """Value of the first line ``name : value`` of a file, empty where there is none."""
    with contextlib.suppress(OSError):
        for line in Path(file).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""
