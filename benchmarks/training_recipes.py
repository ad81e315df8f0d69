"""Errors of the final model on held-out labels by how it is trained: loss prefactors, short-range table, scrambled frames, sizes.

``python benchmarks/training_recipes.py runs/demo --work /tmp/recipes --steps 2400``
    Every recipe from the same first weights, on the training labels of a finished run, one thread each, one after the other.

The held-out labels are those of the run: initial ones, and frames of the last exploration. A line for each recipe: seconds of CPU,
force RMSE, energy RMSE and the mean energy error of each system with its sign. What is there is not trained again. It ends with
``recipes.json`` in the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record

from mlip_interfaces.campaign.held_out import predict_systems
from mlip_interfaces.files import write_json
from mlip_interfaces.potentials import (
    SHORT_RANGE_TABLE,
    LossPrefactors,
    ShortRangeBlend,
    checkpoint_keys,
    label_errors,
    short_range_keys,
    write_zbl_table,
)

Content = dict[str, Any]
Change = Callable[[Content, Path], None]
ENERGY_LOSS = {"start_pref_e": 0.2, "limit_pref_e": 20.0, "limit_pref_f": 10.0, "limit_pref_v": 2.0}


BLEND = short_range_keys(ShortRangeBlend(SHORT_RANGE_TABLE, 0.8, 1.4))


def unchanged(content: Content, folder: Path) -> None:
    """The prefactors of DeePMD-kit's examples."""
    content["loss"] |= {"start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000.0, "limit_pref_f": 1.0}
    content["loss"] |= {"start_pref_v": 0.02, "limit_pref_v": 1.0}
    content["loss"].pop("relative_f", None)


def weighted(content: Content, folder: Path) -> None:
    """More of energy and virial at the end."""
    unchanged(content, folder)
    content["loss"] |= ENERGY_LOSS


def walled(content: Content, folder: Path) -> None:
    """Weighted; walls from the table, and no scrambled frames."""
    weighted(content, folder)
    write_zbl_table(folder / SHORT_RANGE_TABLE, content["model"]["type_map"])
    content["model"] |= BLEND
    data = content["training"]["training_data"]
    data["systems"] = [system for system in data["systems"] if Path(system).name != "scrambled"]


def _widen(content: Content) -> None:
    content["model"]["fitting_net"]["neuron"] = [120, 120, 120]


def _shorten(content: Content) -> None:
    descriptor = content["model"]["descriptor"]
    share = (5.0 / descriptor["rcut"]) ** 3
    descriptor["sel"] = [int(4 * np.ceil(count * share / 4)) for count in descriptor["sel"]]
    descriptor["rcut"] = 5.0


def wide(content: Content, folder: Path) -> None:
    """Walled, with a fitting network of 120 neurons in each layer."""
    walled(content, folder)
    _widen(content)


def near(content: Content, folder: Path) -> None:
    """Walled, with a cutoff of 5 angstrom."""
    walled(content, folder)
    _shorten(content)


def fast(content: Content, folder: Path) -> None:
    """Walled, with a learning rate of 0.005 at the start."""
    walled(content, folder)
    content["learning_rate"]["start_lr"] = 5e-3


def together(content: Content, folder: Path) -> None:
    """All of these, with the scrambled frames."""
    systems = content["training"]["training_data"]["systems"]
    fast(content, folder)
    _widen(content)
    _shorten(content)
    content["training"]["training_data"]["systems"] = systems


def shifted(content: Content, folder: Path) -> None:
    """Together, and large forces count less: errors relative to the force and 5 eV/angstrom."""
    together(content, folder)
    loss = content["loss"]
    counted = LossPrefactors(force=(loss["start_pref_f"], loss["limit_pref_f"]), force_shift_ev_per_angstrom=5.0)
    content["loss"] |= {
        "start_pref_f": counted.deepmd_force(counted.force[0]),
        "limit_pref_f": counted.deepmd_force(counted.force[1]),
        "relative_f": counted.force_shift_ev_per_angstrom,
    }


RECIPES: dict[str, Change] = {
    "unchanged": unchanged,
    "weighted": weighted,
    "walled": walled,
    "wide": wide,
    "near": near,
    "fast": fast,
    "together": together,
    "shifted": shifted,
}


def train(run: Path, folder: Path, change: Change, n_steps: int) -> None:
    """From random weights, in a folder of its own; ``seconds.json`` vouches for the model."""
    if (folder / "seconds.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    training = run / "model" / "training"
    content: Content = json.loads((training / "input.json").read_text())
    data = content["training"]["training_data"]
    data["systems"] = [str((training / system).resolve()) for system in data["systems"]]
    content["training"] |= {"numb_steps": n_steps, **checkpoint_keys(n_steps)}
    content["learning_rate"]["decay_steps"] = max(1, n_steps // 50)
    content["model"] = {key: value for key, value in content["model"].items() if key not in BLEND}
    change(content, folder)
    write_json(folder / "input.json", content)
    threads = ("OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS")
    environment = os.environ | dict.fromkeys(threads, "1")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "log").open("w") as log:
        for command in (["dp", "train", "input.json"], ["dp", "freeze", "-o", "frozen.pb"]):
            subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    write_json(folder / "seconds.json", {"cpu_seconds": round(spent, 1), "steps": n_steps})


def measure(run: Path, folder: Path) -> Content:
    """Errors of a trained model on the held-out labels of the run."""
    systems = [
        path.parent
        for part in ("initial_data/held_out", "validation/dataset")
        for path in sorted((run / part).glob("*/type.raw"))
    ]
    predictions = predict_systems(
        folder / "frozen.pb", systems, output=folder / "predictions.npz", log_file=folder / "predict.log"
    )
    errors = label_errors(predictions)
    offsets = {
        found.system: round(
            1e3
            * float(np.mean(found.energy_model_ev - found.energy_reference_ev))
            / found.force_model_ev_per_angstrom.shape[1],
            1,
        )
        for found in predictions
    }
    return {
        **json.loads((folder / "seconds.json").read_text()),
        "force_rmse_mev_per_angstrom": round(errors.force_rmse_mev_per_angstrom, 1),
        "energy_rmse_mev_per_atom": round(errors.energy_rmse_mev_per_atom, 2),
        "mean_energy_error_mev_per_atom": offsets,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run folder")
    parser.add_argument("--work", type=Path, required=True, help="keeps the trainings")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    arguments = parser.parse_args()
    rows = {}
    for name in arguments.recipes:
        folder = arguments.work / name
        train(arguments.run.resolve(), folder, RECIPES[name], arguments.steps)
        rows[name] = measure(arguments.run, folder)
        print(name, json.dumps(rows[name]), flush=True)
    write_record(arguments.work / "recipes.json", {"recipes": rows}, ("deepmd-kit", "tensorflow-cpu"))


if __name__ == "__main__":
    main()
