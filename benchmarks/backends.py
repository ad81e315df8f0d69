"""Does the backend matter? Deep Potentials of TensorFlow and of PyTorch, trained alike, against the scatter between seeds.

``python benchmarks/backends.py runs/demo --work /tmp/backends --json backends.json``
    On the training labels of a finished run and by its `training` section: the same model, loss, learning rate, batch and
    steps (``--steps`` for fewer) from ``--seeds`` sets of first weights with each backend, one thread each, one after the
    other. What is there is not trained again, so that the same command with more seeds adds to it.

All models predict the held-out labels of the run. Of every two models the root mean square of the difference of their energies
(meV/atom) and forces (meV/angstrom): between seeds of one backend, and between backends. If nothing but chance tells the backends
apart, the two are alike: the ratio is compared with that of every other split of the models into two groups of this size, and the
share of splits whose ratio is at least as large is printed. With two seeds each there are three splits, so that this share is
a third at least; it decides something from four seeds each on (35 splits).

A table for repulsion at short distances (`training.short_range`) is left out: the backends take it with different models.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record
from run_trainings import COST, held_out_systems, timed_training, training_content

from mlip_interfaces.campaign.held_out import predict_systems
from mlip_interfaces.potentials import (
    BACKENDS,
    Backend,
    Predictions,
    label_errors,
    load_predictions,
    why_not_trained,
)

PACKAGES = ("deepmd-kit", "tensorflow", "tensorflow-cpu", "torch", "numpy")


def seeded_content(run: Path, seed: int, n_steps: int | None) -> dict[str, Any]:
    """The input of the run's final training, from first weights of this seed."""
    content = training_content(run, n_steps)
    content["training"]["seed"] = seed
    for part in ("descriptor", "fitting_net"):
        content["model"][part]["seed"] = seed
    return content


def train(backend: Backend, content: dict[str, Any], folder: Path) -> None:
    """Train and freeze, unless it is done."""
    if why := why_not_trained(content["model"], backend):
        raise SystemExit(f"The model of this run is not one for both backends: {why}.")
    timed_training(content, folder, backend.training_command("--skip-neighbor-stat", compress=False))


def answers(backend: Backend, folder: Path, systems: Sequence[Path]) -> list[Predictions]:
    """What a model says of the held-out labels; asked once."""
    output = folder / "predictions.npz"
    if output.is_file():
        return load_predictions(output)
    return predict_systems(folder / backend.potential, systems, output=output, log_file=folder / "predict.log")


def energies_and_forces(found: Sequence[Predictions]) -> tuple[np.ndarray, np.ndarray]:
    """Of all frames: energies per atom (meV), and all components of forces (meV/angstrom)."""
    energies = [1e3 * one.energy_model_ev / one.force_model_ev_per_angstrom.shape[1] for one in found]
    return np.concatenate(energies), 1e3 * np.concatenate([one.force_model_ev_per_angstrom.ravel() for one in found])


def pair_differences(answers_of_models: Sequence[np.ndarray]) -> np.ndarray:
    """Root mean square difference of every two models, (n, n)."""
    n = len(answers_of_models)
    table = np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        table[i, j] = table[j, i] = np.sqrt(np.mean((answers_of_models[i] - answers_of_models[j]) ** 2))
    return table


def within_and_between(table: np.ndarray, first: Sequence[int]) -> tuple[float, float]:
    """Root mean square over pairs inside the two groups, and over pairs across; `first` are the models of one group."""
    of_first = np.isin(np.arange(len(table)), first)
    pairs = np.triu_indices(len(table), 1)
    across = of_first[pairs[0]] != of_first[pairs[1]]
    squares = table[pairs] ** 2
    return float(np.sqrt(squares[~across].mean())), float(np.sqrt(squares[across].mean()))


def compared(table: np.ndarray, n_first: int) -> dict[str, Any]:
    """The first `n_first` models against the others, beside every other split of the models."""
    within, between = within_and_between(table, range(n_first))
    # Model 0 stays in the first group: of two groups of one size each split is met once.
    rest = itertools.combinations(range(1, len(table)), n_first - 1)
    ratios = [np.divide(*within_and_between(table, (0, *others))[::-1]) for others in rest]
    as_large = sum(ratio >= between / within * (1 - 1e-12) for ratio in ratios)
    return {
        "between_seeds": round(within, 3),
        "between_backends": round(between, 3),
        "ratio": round(between / within, 3),
        "splits": len(ratios),
        "share_of_splits_with_such_a_ratio": round(as_large / len(ratios), 3),
    }


def measure(run: Path, work: Path, seeds: Sequence[int], n_steps: int | None) -> dict[str, Any]:
    """Train and ask all models, and compare."""
    systems = held_out_systems(run)
    rows: list[dict[str, Any]] = []
    found: Mapping[str, list[np.ndarray]] = {"energies": [], "forces": []}
    for backend in BACKENDS.values():
        backend.require()
        for seed in seeds:
            folder = work / f"{backend.name}-{seed}"
            train(backend, seeded_content(run, seed, n_steps), folder)
            said = answers(backend, folder, systems)
            errors = label_errors(said)
            for name, values in zip(found, energies_and_forces(said), strict=True):
                found[name].append(values)
            rows.append(
                {
                    "backend": backend.name, "seed": seed, **json.loads((folder / COST).read_text()),
                    "energy_rmse_mev_per_atom": round(errors.energy_rmse_mev_per_atom, 2),
                    "force_rmse_mev_per_angstrom": round(errors.force_rmse_mev_per_angstrom, 1),
                }
            )  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    tables = {name: pair_differences(models) for name, models in found.items()}
    return {
        "models": rows,
        "held_out_frames": len(found["energies"][0]),
        "energy_difference_mev_per_atom": compared(tables["energies"], len(seeds)),
        "force_difference_mev_per_angstrom": compared(tables["forces"], len(seeds)),
        "energy_differences_of_models_mev_per_atom": tables["energies"].round(2).tolist(),
    }


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run folder, of a model that both backends train (se_e2_a)")
    parser.add_argument("--work", type=Path, required=True, help="keeps the trainings")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2], help="of the first weights, two at least")
    parser.add_argument("--steps", type=int, help="of each training (default: those of the run's final one)")
    parser.add_argument("--json", type=Path, help="where the numbers go")
    arguments = parser.parse_args()
    if len(set(arguments.seeds)) < 2:
        raise SystemExit("--seeds: the scatter between seeds needs two at least.")
    found = measure(arguments.run.resolve(), arguments.work.resolve(), arguments.seeds, arguments.steps)
    for what in ("energy_difference_mev_per_atom", "force_difference_mev_per_angstrom"):
        one = found[what]
        print(
            f"{what}: {one['between_seeds']} between seeds of one backend, {one['between_backends']} between backends, ratio "
            f"{one['ratio']}; {one['share_of_splits_with_such_a_ratio']:.0%} of {one['splits']} splits of the models have such a ratio or a larger one"
        )
    if arguments.json is not None:
        write_record(arguments.json, found, PACKAGES)


if __name__ == "__main__":
    main()
