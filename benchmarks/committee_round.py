"""One round of active learning, in a process of its own: train a committee, measure it, choose what to label next.

``python benchmarks/committee_round.py FOLDER`` reads ``FOLDER/plan.json`` and ``FOLDER/train.xyz`` and ends with
``FOLDER/round.json``; what is there already is not made again. TensorFlow starts once for all members; ``dp train``,
``dp freeze`` and ``python -m mlip_interfaces.potentials.rank`` by hand do the same.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.potentials import DescriptorSizes, first_lost_frame, training_input
from mlip_interfaces.potentials.features import Environments, committee_environments, scaled_features
from mlip_interfaces.potentials.selection import rank_environments

Chooser = Callable[[Environments, Environments, int, int], Sequence[int]]


def at_random(candidates: Environments, known: Environments, n_select: int, seed: int) -> Sequence[int]:
    """DP-GEN's way: shuffle the candidates and take the first."""
    return np.random.default_rng(seed).permutation(candidates.n_frames)[:n_select].tolist()


def by_coverage(candidates: Environments, known: Environments, n_select: int, seed: int) -> Sequence[int]:
    """This package's way."""
    return rank_environments(candidates, known, n_select, seed=seed).tolist()


def farthest(candidates: Environments, known: Environments, n_select: int, seed: int) -> Sequence[int]:
    """Farthest-point sampling on the mean descriptor of each element."""

    def means(part: Environments, features: np.ndarray) -> np.ndarray:
        kinds = np.unique(candidates.species)
        table = np.zeros((part.n_frames, len(kinds), features.shape[1]))
        counts = np.zeros((part.n_frames, len(kinds), 1))
        places = part.frame, np.searchsorted(kinds, part.species)
        np.add.at(table, places, features)
        np.add.at(counts, places, 1)
        return (table / np.maximum(counts, 1)).reshape(part.n_frames, -1)

    scaled = scaled_features([candidates, known])
    points, labelled = means(candidates, scaled[0]), means(known, scaled[1])
    distance = np.min([((points - row) ** 2).sum(axis=1) for row in labelled], axis=0)
    order: list[int] = []
    for _ in range(min(n_select, len(points))):
        order.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[order[-1]]) ** 2).sum(axis=1))
    return order


def most_uncertain(candidates: Environments, known: Environments, n_select: int, seed: int) -> Sequence[int]:
    """The largest committee deviations."""
    return np.argsort(-candidates.largest_deviation(), kind="stable")[:n_select].tolist()


def log_determinant(candidates: Environments, known: Environments, n_select: int, seed: int) -> Sequence[int]:
    """Greedy D-optimal design: the information matrix of a linear model on each element's environments."""
    blocks = []
    for part, features in zip((candidates, known), scaled_features([candidates, known]), strict=True):
        blocks.append(
            np.hstack([features / (features.std(axis=0) + 1e-9), np.ones((len(features), 1))]) if part else []
        )
    kinds = np.unique(candidates.species)
    information, grams = [], []
    for kind in kinds:
        rows = blocks[1][known.species == kind]
        information.append(rows.T @ rows + 1e-2 * max(1, len(rows)) * np.eye(rows.shape[1]))
        inside = [(candidates.species == kind) & (candidates.frame == number) for number in range(candidates.n_frames)]
        grams.append(np.array([blocks[0][mask].T @ blocks[0][mask] for mask in inside]))
    order: list[int] = []
    for _ in range(min(n_select, candidates.n_frames)):
        gains = np.zeros(candidates.n_frames)
        for matrix, gram in zip(information, grams, strict=True):
            gains += np.linalg.slogdet(np.eye(len(matrix)) + np.linalg.solve(matrix, gram))[1]
        gains[order] = -np.inf
        order.append(int(gains.argmax()))
        information = [matrix + gram[order[-1]] for matrix, gram in zip(information, grams, strict=True)]
    return order


CHOOSERS: dict[str, Chooser] = {
    "random": at_random,
    "coverage": by_coverage,
    "farthest": farthest,
    "uncertain": most_uncertain,
    "determinant": log_determinant,
}


def write_systems(frames: Sequence[Atoms], elements: Sequence[str], directory: Path) -> list[str]:
    """One ``deepmd/npy`` system for each sequence of elements; returns their names."""
    groups: dict[str, list[Atoms]] = {}
    for atoms in frames:
        groups.setdefault(str(atoms.symbols), []).append(atoms)
    for name, members in groups.items():
        labeled_system(
            members[0].get_chemical_symbols(),
            elements,
            cells_angstrom=np.array([atoms.cell.array for atoms in members]),
            positions_angstrom=np.array([atoms.positions for atoms in members]),
            energies_ev=np.array([atoms.get_potential_energy() for atoms in members]),
            forces_ev_per_angstrom=np.array([atoms.get_forces() for atoms in members]),
            virials_ev=np.array([-atoms.get_volume() * atoms.get_stress(voigt=False) for atoms in members]),
        ).to("deepmd/npy", str(directory / name), set_size=len(members))
    return list(groups)


def train_committee(folder: Path, plan: dict[str, Any], frames: Sequence[Atoms]) -> list[Path]:
    """Train and freeze every member that is not there yet; returns the frozen models."""
    models = [folder / f"member.{number}" / "model.pb" for number in range(len(plan["seeds"]))]
    if all(model.is_file() for model in models):
        return models
    systems = write_systems(frames, plan["elements"], folder / "data")
    from deepmd.tf.entrypoints.freeze import freeze
    from deepmd.tf.entrypoints.train import train
    from deepmd.tf.env import tf

    for model, seed, start in zip(models, plan["seeds"], plan["start_from"], strict=True):
        if model.is_file():
            continue
        model.parent.mkdir(exist_ok=True)
        content = training_input(
            DescriptorSizes(**plan["sizes"]),
            plan["elements"],
            n_steps=plan["steps"],
            start_learning_rate=plan["start_learning_rate"],
            stop_learning_rate=plan["stop_learning_rate"],
            systems=[f"../data/{system}" for system in systems],
            batch_size=1,
            seed=seed,
        )
        (model.parent / "input.json").write_text(json.dumps(content))
        with contextlib.chdir(model.parent):
            tf.reset_default_graph()
            train(
                INPUT="input.json", init_model=start, restart=None, output="out.json", init_frz_model=None,
                mpi_log="master", log_level=30, log_path=None, skip_neighbor_stat=True,
            )  # fmt: skip
            tf.reset_default_graph()
            freeze(checkpoint_folder=".", output="whole.pb")
            Path("whole.pb").rename("model.pb")
    return models


def held_out_rmse(models: Sequence[Path], frames: Sequence[Atoms]) -> dict[str, Any]:
    """Force RMSE of each member and of their mean, meV/angstrom, over all Cartesian components."""
    from deepmd.infer import DeepPot

    reference = np.concatenate([atoms.get_forces() for atoms in frames])
    predictions = []
    for model in models:
        potential = DeepPot(str(model))
        kinds = potential.get_type_map()
        predictions.append(
            np.concatenate(
                [
                    potential.eval(atoms.positions[None], atoms.cell.array[None], [kinds.index(s) for s in atoms.symbols])[1][0]
                    for atoms in frames
                ]
            )
        )  # fmt: skip
    errors = np.array(predictions) - reference
    return {
        "member_rmse_mev_per_angstrom": [float(np.sqrt((error**2).mean()) * 1000) for error in errors],
        "mean_rmse_mev_per_angstrom": float(np.sqrt((errors.mean(axis=0) ** 2).mean()) * 1000),
    }


def lost_frames(runs: np.ndarray, failed: np.ndarray) -> np.ndarray:
    """Which frames of a pool follow where their run fell apart; frames of a run in order of time."""
    lost = np.zeros(len(runs), dtype=bool)
    for run in np.unique(runs):
        members = np.flatnonzero(runs == run)
        lost[members[first_lost_frame(failed[members]) :]] = True
    return lost


def choose(models: Sequence[Path], plan: dict[str, Any], training: Sequence[Atoms]) -> dict[str, Any]:
    """Indices into the pool to label next, from the candidates between the trust levels."""
    pool = read(plan["pool"], index=":")
    seen = committee_environments(pool, models)
    largest = seen.largest_deviation()
    low, high = plan["trust_ev_per_angstrom"]
    taken = set(plan["taken"])
    candidates = [number for number in range(len(pool)) if low <= largest[number] < high and number not in taken]
    lost = lost_frames(np.array([atoms.info["run"] for atoms in pool]), ~(largest < high))
    # The package labels what follows where a run fell apart only when there is nothing else; DP-GEN makes no difference.
    last = [number for number in candidates if lost[number]] if plan["strategy"] == "coverage" else []
    first = [number for number in candidates if number not in last]
    renumber = np.full(len(pool), -1)
    renumber[first] = np.arange(len(first))
    inside = renumber[seen.frame] >= 0
    chosen = Environments(
        frame=renumber[seen.frame][inside],
        species=seen.species[inside],
        features=seen.features[inside],
        deviation_ev_per_angstrom=seen.deviation_ev_per_angstrom[inside],
        n_frames=len(first),
    )
    known = committee_environments(training, models, deviations=False)
    began = time.perf_counter()
    order = CHOOSERS[plan["strategy"]](chosen, known, plan["n_next"], plan["choice_seed"]) if first else []
    picked = [first[index] for index in order] + last
    return {
        "next": picked[: plan["n_next"]],
        "accurate": int((largest < low).sum()),
        "candidates": len(candidates),
        "failed": int((~(largest < high)).sum()),
        "lost": int(lost[candidates].sum()),
        "choice_seconds": round(time.perf_counter() - began, 2),
    }


def main(folder: Path) -> None:
    """Run what is missing of the round."""
    plan = json.loads((folder / "plan.json").read_text())
    training = read(folder / "train.xyz", index=":")
    models = train_committee(folder, plan, training)
    result = {"n_labels": len(training)} | held_out_rmse(models, read(plan["held_out"], index=":"))
    if plan["n_next"]:
        result |= choose(models, plan, training)
    working = folder / ".round.json"
    working.write_text(json.dumps(result, indent=1) + "\n")
    working.rename(folder / "round.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
