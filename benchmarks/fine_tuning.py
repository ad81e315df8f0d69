"""Trainings of one curve of ``label_efficiency.py fine-tune``, in a process of its own: PyTorch starts once for all of them.

``python benchmarks/fine_tuning.py PLAN.json`` makes what is not there yet of the trainings that the plan lists, each in its folder with
``result.json`` at its end; ``dp --pt train input.json [--finetune FILE]`` by hand does the same.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def train(folder: Path, start: str | None) -> float:
    """Train in a folder that has its input; wall seconds."""
    from deepmd.pt.entrypoints.main import train as train_with_pytorch

    began = time.monotonic()
    home = Path.cwd()
    os.chdir(folder)
    try:
        train_with_pytorch(
            "input.json", init_model=None, restart=None, finetune=start, init_frz_model=None, model_branch="",
            skip_neighbor_stat=True,
        )  # fmt: skip
    finally:
        os.chdir(home)
    return time.monotonic() - began


def errors(checkpoint: Path, systems: list[str]) -> dict[str, float]:
    """Root mean square errors over all frames of some systems; that of the energy without its mean, which a shift would cure."""
    import dpdata
    from deepmd.infer import DeepPot

    potential = DeepPot(str(checkpoint))
    forces, energies = [], []
    for path in systems:
        data = dpdata.LabeledSystem(path, fmt="deepmd/npy", type_map=potential.get_type_map()).data
        n_frames, n_atoms = data["coords"].shape[:2]
        energy, force = potential.eval(
            data["coords"].reshape(n_frames, -1), data["cells"].reshape(n_frames, 9), data["atom_types"].tolist()
        )[:2]
        forces.append((np.asarray(force).reshape(-1) - data["forces"].reshape(-1)) ** 2)
        energies.append((np.asarray(energy).reshape(-1) - data["energies"].reshape(-1)) / n_atoms)
    return {
        "force_rmse_mev_per_angstrom": 1000 * float(np.sqrt(np.concatenate(forces).mean())),
        "energy_deviation_mev_per_atom": 1000 * float(np.std(np.concatenate(energies))),
    }


def run(plan: dict[str, Any]) -> None:
    """Make the trainings of a plan in their order."""
    for item in plan["trainings"]:
        folder = Path(item["folder"])
        result = folder / "result.json"
        if result.is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "input.json").write_text(json.dumps(item["input"], indent=1) + "\n")
        seconds = train(folder, item["start"])
        found = errors(folder / "model.ckpt.pt", plan["held_out"]) if item["measured"] else {}
        result.write_text(json.dumps({"wall_seconds": round(seconds, 1)} | found, indent=1) + "\n")


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text()))
