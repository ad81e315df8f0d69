"""Which candidates are labelled first: those that teach the committee most, where DP-GEN shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write

from mlip_interfaces.campaign.folder import Sampling, trust_levels_of
from mlip_interfaces.potentials import read_model_deviation
from mlip_interfaces.programs import run_program
from mlip_interfaces.records import read_as

Candidate = list[str | int]
"""DP-GEN's entry: the exploration task's folder, and the MD step."""

MAX_CANDIDATES = 400
"""More are thinned out evenly first: neighbours in time are alike."""

MAX_TRAINING_FRAMES = 150
"""Sample of the labelled frames that stands for all of them."""


def rank_candidates(
    campaign: Path,
    iteration: int,
    system: int,
    candidates: Sequence[Candidate],
    *,
    elements: Sequence[str],
    n_select: int,
    seed: int,
) -> list[Candidate]:
    """Candidates of one model, those to be labelled in front.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        The one that explored.
    system : int
        Index of the model.
    candidates : sequence of Candidate
        As DP-GEN chose them by the trust levels.
    elements : sequence of str
        The type map.
    n_select : int
        How many are labelled.
    seed : int
        Of the sample of environments that stands for all.

    Returns
    -------
    list of Candidate
        All of them, each once; the first `n_select` as `potentials.selection` picks them, then the others in their order, at
        the end those of runs that had fallen apart by then (`potentials.first_lost_frame`).
    """
    if len(candidates) <= n_select:
        return list(candidates)
    sound, lost = _sound_and_lost(campaign, iteration, candidates)
    if len(sound) <= n_select:
        return [*sound, *lost]
    considered = _evenly(len(sound), max(MAX_CANDIDATES, n_select))
    frames = _structures(campaign, [sound[index] for index in considered], elements)
    order = rank_by_committee(campaign, iteration, system, frames, n_select=n_select, seed=seed)
    chosen = [considered[number] for number in order]
    rest = sorted(set(range(len(sound))) - set(chosen))
    return [*(sound[index] for index in [*chosen, *rest]), *lost]


def rank_by_committee(
    campaign: Path, iteration: int, system: int, frames: Sequence[Atoms], *, n_select: int, seed: int
) -> list[int]:
    """Choose the frames to label, by the committee that explored them and what it was trained on.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    iteration : int
        The one that explored.
    system : int
        Index of the model, for the names of files.
    frames : sequence of ase.Atoms
        The candidates.
    n_select : int
        How many are labelled.
    seed : int
        Of the sample of environments that stands for all.

    Returns
    -------
    list of int
        Indices of `frames`, in the order they were picked.

    Raises
    ------
    ProgramError
        If the ranking, in a process of its own, fails.
    """
    folder = (campaign / f"iter.{iteration:06d}" / "02.fp").resolve()
    name = f"ranking.{system:03d}"
    candidates, training, order = (
        folder / f"{name}.{part}" for part in ("candidates.xyz", "training.xyz", "order.json")
    )
    write(candidates, list(frames), format="extxyz")
    write(training, _training_frames(campaign, iteration), format="extxyz")
    models = sorted(str(path.resolve()) for path in (folder.parent / "00.train").glob("graph.*"))
    run_program(
        ["python", "-m", "mlip_interfaces.potentials.rank", str(candidates), str(training), str(order), str(n_select),
         str(seed), *models],
        directory=folder,
        log_file=folder / f"{name}.log",
    )  # fmt: skip
    for file in (candidates, training):
        file.unlink()
    return read_as(list[int], order)


def _training_frames(campaign: Path, iteration: int) -> list[Atoms]:
    """An even sample of what the committee was trained on."""
    import dpdata

    systems = sorted(path.parent for path in (campaign / "../initial_data/dataset").glob("*/type.raw"))
    for earlier in range(iteration):
        systems += sorted(
            path.parent for path in (campaign / f"iter.{earlier:06d}" / "02.fp").glob("data.*/**/type.raw")
        )
    counts = [sum(len(np.load(file, mmap_mode="r")) for file in path.glob("set.*/energy.npy")) for path in systems]
    wanted = set(_evenly(sum(counts), MAX_TRAINING_FRAMES))
    frames: list[Atoms] = []
    first = 0
    for path, count in zip(systems, counts, strict=True):
        inside = [index - first for index in range(first, first + count) if index in wanted]
        if inside:
            loaded = dpdata.LabeledSystem(str(path), fmt="deepmd/npy").to_ase_structure()
            # Energies and forces are not needed, and labels of zero atoms of an element do no harm.
            frames += [
                Atoms(a.get_chemical_symbols(), positions=a.positions, cell=a.cell, pbc=True)
                for a in (loaded[i] for i in inside)
            ]
        first += count
    return frames


def _sound_and_lost(
    campaign: Path, iteration: int, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[Candidate]]:
    """Candidates from before their run fell apart, and those from after."""
    _, high = trust_levels_of(campaign, iteration)
    sound_steps: dict[str, set[int]] = {}
    for task in {str(candidate[0]) for candidate in candidates}:
        deviations = read_model_deviation(campaign / task / "model_devi.out")
        sound_steps[task] = set(deviations.steps[: deviations.n_before_loss(high)].tolist())
    sound: list[Candidate] = []
    lost: list[Candidate] = []
    for candidate in candidates:
        (sound if int(candidate[1]) in sound_steps[str(candidate[0])] else lost).append(candidate)
    return sound, lost


def _evenly(n: int, n_most: int) -> list[int]:
    return np.unique(np.linspace(0, n - 1, min(n, n_most)).round().astype(int)).tolist() if n else []


def _structures(campaign: Path, candidates: Sequence[Candidate], elements: Sequence[str]) -> list[Atoms]:
    found: dict[tuple[str, int], Atoms] = {}
    for task in dict.fromkeys(str(candidate[0]) for candidate in candidates):
        job = read_as(Sampling, campaign / task / ".." / "cur_job.json")
        images = read(campaign / task / "all.lammpstrj", index=":", format="lammps-dump-text", order=True)
        for number, image in enumerate(images):
            symbols = [elements[kind - 1] for kind in image.arrays["type"]]
            found[task, number * job.trj_freq] = Atoms(symbols, positions=image.positions, cell=image.cell, pbc=True)
    return [found[str(task), int(step)] for task, step, *_ in candidates]
