"""The final training of a finished run, anew and otherwise: its input with paths that hold anywhere, and its cost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from pathlib import Path
from typing import Any

from mlip_interfaces.files import write_json
from mlip_interfaces.potentials import ShortRangeBlend, checkpoint_keys, short_range_keys
from mlip_interfaces.potentials.backend import INPUT

COST = "cost.json"
"""In the folder of a training, when it is over."""
_THREADS = ("OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS")
_SHORT_RANGE = short_range_keys(ShortRangeBlend("", 0.8, 1.4))
"""Keys of the model section that its table needs, which the run's folder has."""


def training_content(run: Path, n_steps: int | None) -> dict[str, Any]:
    """Input of the run's final training, of so many steps if given, without a table for short distances."""
    training = run / "model" / "training"
    content: dict[str, Any] = json.loads((training / INPUT).read_text())
    data = content["training"]["training_data"]
    data["systems"] = [str((training / system).resolve()) for system in data["systems"]]
    n_steps = n_steps or content["training"]["numb_steps"]
    content["training"] |= {"numb_steps": n_steps, **checkpoint_keys(n_steps)}
    content["learning_rate"]["decay_steps"] = max(1, n_steps // 50)
    content["model"] = {key: value for key, value in content["model"].items() if key not in _SHORT_RANGE}
    return content


def timed_training(content: dict[str, Any], folder: Path, command: str) -> None:
    """Train and freeze with one thread in a folder of its own; not anew where `COST` is there."""
    if (folder / COST).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / INPUT, content)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=os.environ | dict.fromkeys(_THREADS, "1"),
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{command}: exit status {done.returncode}; see {folder / 'log'}.")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cost = {"cpu_seconds": round(cpu_seconds, 1), "wall_seconds": round(time.monotonic() - began, 1)}
    write_json(folder / COST, cost | {"steps": content["training"]["numb_steps"]})


def held_out_systems(run: Path) -> list[Path]:
    """Systems of the run that no training saw."""
    parts = ("initial_data/held_out", "validation/dataset")
    return [file.parent for part in parts for file in sorted((run / part).glob("*/type.raw"))]
