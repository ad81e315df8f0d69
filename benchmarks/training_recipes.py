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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record
from run_trainings import COST, held_out_systems, timed_training, training_content

from mlip_interfaces.campaign.held_out import predict_systems
from mlip_interfaces.potentials import (
    SHORT_RANGE_TABLE,
    LossPrefactors,
    ShortRangeBlend,
    label_errors,
    short_range_keys,
    write_zbl_table,
)

Content = dict[str, Any]
Change = Callable[[Content, Path], None]
ENERGY_LOSS = {"start_pref_e": 0.2, "limit_pref_e": 20.0, "limit_pref_f": 10.0, "limit_pref_v": 2.0}


BLEND = short_range_keys(ShortRangeBlend(SHORT_RANGE_TABLE, 0.8, 1.4))


def unchanged(
    content: Content,
    folder: Path,
    *,
    cutoff_angstrom: float = 5.5,
    neurons: int = 64,
    start_rate: float = 2e-3,
) -> None:
    """The prefactors of DeePMD-kit's examples, and the sizes that the others are compared at, whatever the run has."""
    content["loss"] |= {"start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000.0, "limit_pref_f": 1.0}
    content["loss"] |= {"start_pref_v": 0.02, "limit_pref_v": 1.0}
    content["loss"].pop("relative_f", None)
    content["model"]["fitting_net"]["neuron"] = [neurons] * 3
    content["learning_rate"]["start_lr"] = start_rate
    descriptor = content["model"]["descriptor"]
    share = (cutoff_angstrom / descriptor["rcut"]) ** 3
    descriptor["sel"] = [int(4 * np.ceil(count * share / 4)) for count in descriptor["sel"]]
    descriptor["rcut"] = cutoff_angstrom


def weighted(content: Content, folder: Path, **sizes: Any) -> None:
    """More of energy and virial at the end."""
    unchanged(content, folder, **sizes)
    content["loss"] |= ENERGY_LOSS


def walled(content: Content, folder: Path, **sizes: Any) -> None:
    """Weighted; walls from the table, and no scrambled frames."""
    weighted(content, folder, **sizes)
    write_zbl_table(folder / SHORT_RANGE_TABLE, content["model"]["type_map"])
    content["model"] |= BLEND
    data = content["training"]["training_data"]
    data["systems"] = [system for system in data["systems"] if Path(system).name != "scrambled"]


def wide(content: Content, folder: Path) -> None:
    """Walled, with a fitting network of 120 neurons in each layer."""
    walled(content, folder, neurons=120)


def near(content: Content, folder: Path) -> None:
    """Walled, with a cutoff of 5 angstrom."""
    walled(content, folder, cutoff_angstrom=5.0)


def fast(content: Content, folder: Path) -> None:
    """Walled, with a learning rate of 0.005 at the start."""
    walled(content, folder, start_rate=5e-3)


def together(content: Content, folder: Path) -> None:
    """All of these, with the scrambled frames."""
    systems = content["training"]["training_data"]["systems"]
    walled(content, folder, neurons=120, cutoff_angstrom=5.0, start_rate=5e-3)
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
    """From random weights, in a folder of its own; `COST` vouches for the model."""
    content = training_content(run, n_steps)
    folder.mkdir(parents=True, exist_ok=True)
    change(content, folder)
    timed_training(content, folder, "dp train input.json && dp freeze -o frozen.pb")


def measure(run: Path, folder: Path) -> Content:
    """Errors of a trained model on the held-out labels of the run."""
    predictions = predict_systems(
        folder / "frozen.pb",
        held_out_systems(run),
        output=folder / "predictions.npz",
        log_file=folder / "predict.log",
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
        **json.loads((folder / COST).read_text()),
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
