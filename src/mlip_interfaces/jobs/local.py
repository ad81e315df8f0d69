"""dpdispatcher's sections for the local shell."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import JsonValue

from mlip_interfaces.jobs.gpus import GpuPlaces
from mlip_interfaces.programs import THREAD_ENVIRONMENT

Section = dict[str, JsonValue]
"""A section of dpdispatcher's input; its own schema says what is in it."""


def own_programs_first() -> str:
    """Shell line that puts the programs of the running environment first on PATH."""
    return f'export PATH="{Path(sys.executable).parent}:$PATH"'


def local_machine(local_root: str) -> Section:
    """Machine section for the local shell, tasks run in place.

    Parameters
    ----------
    local_root : str
        Folder that holds the tasks; DP-GEN wants ``./``.

    Returns
    -------
    Section
        As dpdispatcher reads it.
    """
    return {
        "batch_type": "Shell",
        "context_type": "LazyLocalContext",
        "local_root": local_root,
        "remote_root": local_root,
    }


def local_resources(group_size: int, places: GpuPlaces | None = None) -> Section:
    """Resources section: one core a job, one thread a program, this environment's programs first.

    Parameters
    ----------
    group_size : int
        Tasks of a job, one after another.
    places : GpuPlaces or None, optional
        GPUs that its tasks take turns on.

    Returns
    -------
    Section
        As dpdispatcher reads it.
    """
    return {
        "batch_type": "Shell",
        "number_node": 1,
        "cpu_per_node": 1,
        "gpu_per_node": 0,
        "queue_name": "",
        "group_size": group_size,
        "envs": {**THREAD_ENVIRONMENT, **(places.environment if places else {})},
        "prepend_script": [own_programs_first(), *(places.script(own_gpus=False) if places else ())],
    }
