"""Which candidates teach most: a batch whose uncertain atoms look like nothing that is labelled, or in the batch, yet.

Each candidate is a set of atomic environments, each with a weight, the force deviation of the committee there: the error
to be expected if the frame is not labelled. Labelling frames S lowers the error of environment i by the share
k(i, S) = max over labelled j of exp(-|x_i - x_j|^2 / (2 l^2)), for like elements. The batch maximises

    f(S) = sum_i w_i max(k(i, labelled), k(i, S)),

a facility-location function [1]_: frames picked one by one, each where f grows most, come within 1 - 1/e of the best
batch [2]_. Near copies of a picked frame gain nothing more, and lone outliers gain little, because few atoms look like them.

References
----------
.. [1] G. Cornuejols, M. L. Fisher and G. L. Nemhauser, Management Sci. 23, 789 (1977).
.. [2] G. L. Nemhauser, L. A. Wolsey and M. L. Fisher, Math. Program. 14, 265 (1978).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.potentials.features import Environments, committee_environments, scaled_features

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

LENGTH = 1.4
"""Distance over which one environment teaches another, in units of `scaled_features`: that of two atoms at random."""

_N_DEMAND = 1500
_BLOCK_ATOMS = 20_000


def greedy_coverage(similarity: Floats32, weights: Floats, n_select: int, covered: Floats32 | None = None) -> list[int]:
    """Columns that cover the weighted rows best, picked one by one.

    Parameters
    ----------
    similarity : (n_demand, n_candidates) float array
        Similarity of demand i (row) to candidate f (column), not negative.
    weights : (n_demand,) float array
        Weight of each row, not negative.
    n_select : int
        How many; all columns if there are fewer.
    covered : (n_demand,) float array, optional
        Similarity of each row to what is there already; zeros if left out.

    Returns
    -------
    list of int
        Columns as picked; of equal gains the first column, so columns without gain follow in their order.

    Examples
    --------
    >>> greedy_coverage(np.array([[1.0, 0.9, 0.0], [0.0, 0.0, 0.8]], dtype=np.float32), np.ones(2), 3)
    [0, 2, 1]
    """
    best = np.zeros(len(similarity), dtype=np.float32) if covered is None else covered.astype(np.float32)
    row_weights = weights.astype(np.float32)
    free = np.ones(similarity.shape[1], dtype=bool)
    # Gains only ever shrink: a bound from an earlier round saves looking at most columns again.
    bounds = row_weights @ np.maximum(similarity - best[:, None], 0)
    order: list[int] = []
    while len(order) < min(n_select, free.size):
        while True:
            top = int(np.where(free, bounds, -1).argmax())
            gain = float(row_weights @ np.maximum(similarity[:, top] - best, 0))
            bounds[top] = gain
            if gain >= np.where(free, bounds, -1).max():
                break
        order.append(top)
        free[top] = False
        best = np.maximum(best, similarity[:, top])
    return order


@dataclass(frozen=True, slots=True)
class _Demand:
    """Environments that want to be covered: a weighted sample of the candidates' own."""

    atoms: NDArray[np.int64]
    weights: Floats


def select_diverse(
    features: Floats,
    n_select: int,
    *,
    frame: NDArray[np.integer] | None = None,
    species: NDArray[np.integer] | None = None,
    weights: Floats | None = None,
    already: Floats | None = None,
    already_species: NDArray[np.integer] | None = None,
    length: float = 1.0,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Order in which candidates are worth a label; see the module's text.

    Parameters
    ----------
    features : (n_atoms, n_features) float array
        Descriptors of the candidates' atoms, scaled so that distances of 1 are typical of unlike surroundings (`scaled_features`).
    n_select : int
        How many candidates.
    frame : (n_atoms,) int array, optional
        Candidate of each atom, ascending from 0; one atom each if left out.
    species : (n_atoms,) int array, optional
        Element of each atom; all alike if left out.
    weights : (n_atoms,) float array, optional
        Weight of each atom, not negative, such as force deviations; ones if left out.
    already : (n_known, n_features) float array, optional
        Environments in the training data.
    already_species : (n_known,) int array, optional
        Their elements.
    length : float, optional
        Distance l over which one environment teaches another, in units of `features`.
    seed : int, optional
        Draws the sample of environments where there are over 1,500 of an element.

    Returns
    -------
    (min(n_select, n_candidates),) int array
        Candidates as picked.

    Raises
    ------
    ValueError
        If weights are negative or not finite.

    Examples
    --------
    Two clusters on a line, and one place that is known: one of each cluster first.

    >>> select_diverse(np.array([[0.0], [9.0], [9.1], [30.0]]), 2, already=np.array([[0.0]])).tolist()
    [1, 3]
    """
    n_atoms = len(features)
    frames = np.arange(n_atoms) if frame is None else np.asarray(frame)
    kinds = np.zeros(n_atoms, dtype=np.int64) if species is None else np.asarray(species)
    atom_weights = np.ones(n_atoms) if weights is None else np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(atom_weights).all() and (atom_weights >= 0).all()):
        raise ValueError("weights must be finite and not negative")
    known = np.empty((0, features.shape[1])) if already is None else already
    known_kinds = np.zeros(len(known), dtype=np.int64) if already_species is None else np.asarray(already_species)
    n_candidates = int(frames[-1]) + 1 if n_atoms else 0
    rows, row_weights, covered = [], [], []
    for kind in np.unique(kinds):
        chosen = np.flatnonzero(kinds == kind)
        demand = _sample(chosen, atom_weights[chosen], np.random.default_rng([seed, int(kind)]))
        wanted = features[demand.atoms]
        rows.append(_frame_similarity(wanted, features[chosen], frames[chosen], n_candidates, length))
        row_weights.append(demand.weights)
        same = known[known_kinds == kind]
        covered.append(_frame_similarity(wanted, same, np.zeros(len(same), dtype=np.int64), 1, length)[:, 0])
    if not rows:
        return np.empty(0, dtype=np.int64)
    order = greedy_coverage(np.concatenate(rows), np.concatenate(row_weights), n_select, np.concatenate(covered))
    return np.array(order, dtype=np.int64)


def rank_frames(
    frames: Sequence[Atoms],
    model_files: Sequence[Path],
    *,
    training_frames: Sequence[Atoms],
    n_select: int,
    seed: int,
) -> NDArray[np.int64]:
    """Order in which frames are worth a label, by the committee that explored them.

    Descriptors come from the first member, weights from the deviation of all; both from the models, in this process
    (TensorFlow starts here). Seconds of work for each ten thousand atoms of `frames`.

    Parameters
    ----------
    frames : sequence of Atoms
        Candidates, periodic structures of any composition.
    model_files : sequence of Path
        The frozen or compressed committee.
    training_frames : sequence of Atoms
        What is labelled already, or a sample of it.
    n_select : int
        How many.
    seed : int
        Draws the sample of environments that stands for all.

    Returns
    -------
    (min(n_select, n_frames),) int array
        Indices into `frames`, the most telling first.
    """
    candidates = committee_environments(frames, model_files)
    known = committee_environments(training_frames, model_files, deviations=False)
    return rank_environments(candidates, known, n_select, seed=seed)


def rank_environments(
    candidates: Environments, known: Environments, n_select: int, *, length: float = LENGTH, seed: int = 0
) -> NDArray[np.int64]:
    """As `rank_frames`, from environments made before.

    Parameters
    ----------
    candidates : Environments
        Atoms of the frames to be ranked.
    known : Environments
        Atoms of the training data.
    n_select : int
        How many.
    length : float, optional
        Distance over which one environment teaches another, in units of scaled features.
    seed : int, optional
        Draws the sample of environments that stands for all.

    Returns
    -------
    (min(n_select, n_frames),) int array
        Indices of frames, the most telling first.
    """
    if candidates.n_frames == 0:
        return np.empty(0, dtype=np.int64)
    features, known_features = scaled_features([candidates, known])
    return select_diverse(
        features,
        n_select,
        frame=candidates.frame,
        species=candidates.species,
        weights=candidates.deviation_ev_per_angstrom,
        already=known_features,
        already_species=known.species,
        length=length,
        seed=seed,
    )


def _sample(atoms: NDArray[np.int64], weights: Floats, rng: np.random.Generator) -> _Demand:
    """All atoms, or a systematic sample in proportion to the weights; the total weight is kept."""
    total = float(weights.sum())
    if len(atoms) <= _N_DEMAND or total == 0:
        return _Demand(atoms, weights)
    marks = (rng.random() + np.arange(_N_DEMAND)) * (total / _N_DEMAND)
    places = np.minimum(np.searchsorted(np.cumsum(weights), marks), len(atoms) - 1)
    return _Demand(atoms[places], np.full(_N_DEMAND, total / _N_DEMAND))


def _frame_similarity(
    demand: Floats, supply: Floats, frames: NDArray[np.integer], n_frames: int, length: float
) -> Floats32:
    """exp(-d^2 / (2 l^2)) to the nearest supply atom of each frame; zero where a frame has none."""
    rows = demand.astype(np.float32)
    squares = np.full((len(rows), n_frames), np.inf, dtype=np.float32)
    norms = (rows**2).sum(axis=1)[:, None]
    for part in _blocks(len(supply)):
        columns, numbers = supply[part].astype(np.float32), frames[part]
        distances = norms + (columns**2).sum(axis=1)[None] - 2 * rows @ columns.T
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        reached = numbers[starts]
        squares[:, reached] = np.minimum(squares[:, reached], np.minimum.reduceat(distances, starts, axis=1))
    result: Floats32 = np.exp(-np.maximum(squares, 0) / np.float32(2 * length**2))
    return result


def _blocks(n_atoms: int) -> Iterator[slice]:
    for start in range(0, n_atoms, _BLOCK_ATOMS):
        yield slice(start, start + _BLOCK_ATOMS)
