"""Frames of DP-GEN's exploration that were not sent to be labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ase import Atoms
from ase.io import read

from mlip_interfaces.pipeline.campaign_files import iteration_folder, trust_levels_of
from mlip_interfaces.pipeline.context import RunContext
from mlip_interfaces.potentials import read_model_deviation


@dataclass(frozen=True, slots=True)
class ExplorationFrame:
    """One frame.

    Attributes
    ----------
    model : the interface model explored.
    atoms : the structure, in the model's atom order.
    deviation_ev_per_angstrom : the committee's largest force deviation, eV/angstrom.
    """

    model: str
    atoms: Atoms
    deviation_ev_per_angstrom: float


def exploration_frames(context: RunContext, iteration: int) -> list[ExplorationFrame]:
    """Frames below the upper trust level that DP-GEN did not choose for labelling; start frames are left out.

    Parameters
    ----------
    context : the run.
    iteration : which exploration.
    """
    study = context.study
    folder = iteration_folder(context.campaign, iteration)
    _, trust_high = trust_levels_of(context.campaign, iteration)
    chosen = {
        tuple(line.split())
        for number in range(len(study.explored))
        for line in _lines(folder / "02.fp" / f"candidate.shuffled.{number:03d}.out")[
            : len(list((folder / "02.fp").glob(f"task.{number:03d}.*")))
        ]
    }
    frames = []
    for number, model in enumerate(study.explored):
        for task in sorted((folder / "01.model_devi").glob(f"task.{number:03d}.*")):
            deviations = read_model_deviation(task / "model_devi.out")
            images = read(task / "all.lammpstrj", index=":", format="lammps-dump-text", order=True)
            for step, deviation, image in zip(
                deviations.steps, deviations.max_force_ev_per_angstrom, images, strict=False
            ):
                name = str(task.relative_to(context.campaign))
                if step == 0 or (name, str(step)) in chosen or not deviation < trust_high:
                    continue
                symbols = [study.elements[kind - 1] for kind in image.arrays["type"]]
                atoms = Atoms(symbols, positions=image.positions, cell=image.cell, pbc=True)
                frames.append(ExplorationFrame(model, atoms, float(deviation)))
    return frames


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.is_file() else []
