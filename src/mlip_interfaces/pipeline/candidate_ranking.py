"""Which candidates are labelled first: the most different ones, where DP-GEN shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from mlip_interfaces.labels.driver import read_structure
from mlip_interfaces.pipeline.campaign_files import label_files
from mlip_interfaces.pipeline.run_directory import read_json

Candidate = list[str | int]
"""DP-GEN's entry: the exploration task's folder, and the MD step."""

_CUTOFF_ANGSTROM = 5.0
_BINS = 10


def rank_candidates(
    campaign: Path, iteration: int, system: int, candidates: Sequence[Candidate], *, elements: Sequence[str], seed: int
) -> list[Candidate]:
    """Candidates of one model in the order in which they are worth a label.

    Parameters
    ----------
    campaign : DP-GEN's folder.
    iteration : the one that explored.
    system : index of the model.
    candidates : as DP-GEN chose them by the trust levels.
    elements : the type map.
    seed : of the first choice, where nothing has been labelled before.

    Returns
    -------
    ranked : all of them, each once; farthest-point order in a descriptor of the structure, far also from all that
        earlier iterations labelled of this model.
    """
    if len(candidates) < 2:
        return list(candidates)
    order = _farthest_first(
        _structures(campaign, candidates, elements), _labelled_before(campaign, iteration, system), seed
    )
    return [candidates[index] for index in order]


def _labelled_before(campaign: Path, iteration: int, system: int) -> list[Atoms]:
    """Structures of this model with a good label from earlier iterations."""
    return [
        read_structure(file.parent)
        for earlier in range(iteration)
        for file in label_files(campaign, f"{earlier:06d}")
        if int(file.parent.name.split(".")[1]) == system and read_json(file)["status"] == "ok"
    ]


def _structures(campaign: Path, candidates: Sequence[Candidate], elements: Sequence[str]) -> list[Atoms]:
    found: dict[tuple[str, int], Atoms] = {}
    for task in dict.fromkeys(str(candidate[0]) for candidate in candidates):
        job = read_json(campaign / task / ".." / "cur_job.json")
        images = read(campaign / task / "all.lammpstrj", index=":", format="lammps-dump-text", order=True)
        for number, image in enumerate(images):
            symbols = [elements[kind - 1] for kind in image.arrays["type"]]
            found[task, number * job["trj_freq"]] = Atoms(symbols, positions=image.positions, cell=image.cell, pbc=True)
    return [found[str(task), int(step)] for task, step, *_ in candidates]


def _features(atoms: Atoms) -> NDArray[np.float64]:
    """Histograms of distances around each element, smooth enough to tell structures of one composition apart."""
    first, second, distances = neighbor_list("ijd", atoms, _CUTOFF_ANGSTROM)
    numbers = atoms.numbers
    edges = np.linspace(0.0, _CUTOFF_ANGSTROM, _BINS + 1)
    parts = []
    for a in np.unique(numbers):
        for b in np.unique(numbers):
            chosen = distances[(numbers[first] == a) & (numbers[second] == b)]
            parts.append(np.histogram(chosen, bins=edges)[0] / (numbers == a).sum())
    return np.concatenate(parts)


def _farthest_first(candidates: Sequence[Atoms], known: Sequence[Atoms], seed: int) -> list[int]:
    """Each next candidate is the one farthest from all that are known or chosen."""
    features = np.array([_features(atoms) for atoms in candidates])
    if known:
        order = []
        already = np.array([_features(atoms) for atoms in known])
        nearest = np.linalg.norm(features[:, None] - already[None], axis=2).min(axis=1)
    else:
        order = [int(np.random.default_rng(seed).integers(len(features)))]
        nearest = np.linalg.norm(features - features[order[0]], axis=1)
    nearest[order] = -1.0
    while len(order) < len(features):
        chosen = int(nearest.argmax())
        order.append(chosen)
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen], axis=1))
        nearest[order] = -1.0
    return order
