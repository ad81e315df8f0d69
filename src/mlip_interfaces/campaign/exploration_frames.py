"""Frames of DP-GEN's exploration that were not sent to be labelled."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ase import Atoms
from ase.io import read

from mlip_interfaces.campaign.folder import iteration_folder, trust_levels_of
from mlip_interfaces.potentials import read_model_deviation
from mlip_interfaces.run.context import RunContext


@dataclass(frozen=True, slots=True)
class ExplorationFrame:
    """One frame.

    Attributes
    ----------
    model : str
        The interface model explored.
    atoms : ase.Atoms
        The structure, in the model's atom order.
    steps_from_label : float
        MD steps to the nearest frame of the same run that was sent to be labelled; infinite if none was.
    """

    model: str
    atoms: Atoms
    steps_from_label: float


def exploration_frames(context: RunContext, iteration: int) -> list[ExplorationFrame]:
    """Frames below the upper trust level that DP-GEN did not choose for labelling.

    Start frames are left out, and what follows where a run fell apart (`potentials.first_lost_frame`).

    Parameters
    ----------
    context : RunContext
        The run.
    iteration : int
        Which exploration.

    Returns
    -------
    list of ExplorationFrame
        By model, run and time.
    """
    study = context.study
    folder = iteration_folder(context.campaign, iteration)
    _, trust_high = trust_levels_of(context.campaign, iteration)
    chosen: dict[str, list[int]] = defaultdict(list)
    for number in range(len(study.explored)):
        n_labelled = len(list((folder / "02.fp").glob(f"task.{number:03d}.*")))
        for line in _lines(folder / "02.fp" / f"candidate.shuffled.{number:03d}.out")[:n_labelled]:
            run, step = line.split()
            chosen[run].append(int(step))
    frames = []
    for number, model in enumerate(study.explored):
        for task in sorted((folder / "01.model_devi").glob(f"task.{number:03d}.*")):
            deviations = read_model_deviation(task / "model_devi.out")
            labelled = chosen[str(task.relative_to(context.campaign))]
            n_sound = deviations.n_before_loss(trust_high)
            images = read(task / "all.lammpstrj", index=f":{n_sound}", format="lammps-dump-text", order=True)
            for step, deviation, image in zip(
                deviations.steps, deviations.max_force_ev_per_angstrom, images, strict=False
            ):
                if step == 0 or step in labelled or not deviation < trust_high:
                    continue
                symbols = [study.elements[kind - 1] for kind in image.arrays["type"]]
                atoms = Atoms(symbols, positions=image.positions, cell=image.cell, pbc=True)
                distance = min((abs(int(step) - other) for other in labelled), default=math.inf)
                frames.append(ExplorationFrame(model, atoms, float(distance)))
    return frames


def farthest_from_labels(frames: Sequence[ExplorationFrame], n_frames: int, *, seed: int) -> list[ExplorationFrame]:
    """Frames of every model in turn, those first that are farthest in time from what was labelled.

    Neighbours in time are near copies: an error on a neighbour of a training frame flatters.

    Parameters
    ----------
    frames : sequence of ExplorationFrame
        Of all models.
    n_frames : int
        How many at most.
    seed : int
        Of the order of frames that are equally far.

    Returns
    -------
    list of ExplorationFrame
        Fewer than asked for where there are no more.
    """
    by_model: dict[str, list[ExplorationFrame]] = defaultdict(list)
    for frame in random.Random(seed).sample(frames, len(frames)):
        by_model[frame.model].append(frame)
    queues = [sorted(by_model[model], key=lambda frame: -frame.steps_from_label) for model in sorted(by_model)]
    turns = zip_longest(*queues)
    return [frame for turn in turns for frame in turn if frame is not None][:n_frames]


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.is_file() else []
