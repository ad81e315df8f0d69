"""Frames for validation keep away from those that were labelled, and from runs that fell apart."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from ase import Atoms
from imitated_dpgen import prepare, write_deviations

from mlip_interfaces.campaign.exploration_frames import ExplorationFrame, exploration_frames, farthest_from_labels
from mlip_interfaces.config import load_study


def frames_of(model: str, *distances: float) -> list[ExplorationFrame]:
    return [ExplorationFrame(model, Atoms(), distance) for distance in distances]


def test_models_take_turns_and_frames_far_from_labels_come_first() -> None:
    frames = frames_of("bare", 10, 50, math.inf, 20) + frames_of("coated", 30, 40)
    chosen = farthest_from_labels(frames, 5, seed=1)
    assert [(frame.model, frame.steps_from_label) for frame in chosen] == [
        ("bare", math.inf), ("coated", 40), ("bare", 50), ("coated", 30), ("bare", 20),
    ]  # fmt: skip


def test_there_are_never_more_frames_than_were_explored() -> None:
    assert len(farthest_from_labels(frames_of("bare", 1, 2), 5, seed=1)) == 2
    assert farthest_from_labels([], 5, seed=1) == []


def test_frames_equally_far_are_drawn_by_the_seed() -> None:
    frames = frames_of("bare", *[7.0] * 40)
    drawn = [[id(frame) for frame in farthest_from_labels(frames, 5, seed=seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_frames_end_where_their_run_fell_apart(tmp_path: Path, miniature: Path) -> None:
    """Sixteen frames a run, told apart by a coordinate; the second run is lost from its ninth frame, the third from its first."""
    context = prepare(tmp_path, load_study(miniature))
    (context.campaign / "param.json").write_text('{"model_devi_f_trust_lo": 0.1, "model_devi_f_trust_hi": 1.0}')
    folder = context.campaign / "iter.000000"
    deviations = [[0.05] * 16, [0.2] * 6 + [3.0, 0.5] + [4.0] * 6 + [0.6, 0.7], [9.0] * 14 + [0.3, 0.3]]
    for number, values in enumerate(deviations):
        task = folder / "01.model_devi" / f"task.000.{number:06d}"
        task.mkdir(parents=True)
        write_deviations(task / "model_devi.out", values, 10)
        (task / "all.lammpstrj").write_text(
            "".join(
                f"ITEM: TIMESTEP\n{10 * i}\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 90\n0 90\n0 90\n"
                f"ITEM: ATOMS id type x y z\n1 1 {i} {number} 0\n"
                for i in range(16)
            )
        )
    (folder / "02.fp" / "task.000.000000").mkdir(parents=True)
    first = (folder / "01.model_devi" / "task.000.000000").relative_to(context.campaign)
    (folder / "02.fp" / "candidate.shuffled.000.out").write_text(f"{first} 40\n{first} 90\n")
    found = exploration_frames(context, 0)
    places = np.array([frame.atoms.positions[0, :2] for frame in found]).round().astype(int).tolist()
    assert places == [[i, 0] for i in range(1, 16) if i != 4] + [[i, 1] for i in (1, 2, 3, 4, 5, 7)]
    assert [frame.steps_from_label for frame in found[:5]] == [30, 20, 10, 10, 20]
    assert found[-1].steps_from_label == math.inf
