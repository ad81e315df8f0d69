"""Frames for validation keep away from those that were labelled."""

from __future__ import annotations

import math

from ase import Atoms

from mlip_interfaces.pipeline.exploration_frames import ExplorationFrame, farthest_from_labels


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
