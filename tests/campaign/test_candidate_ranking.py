"""Which candidates are labelled first: those that the committee picks, of runs that are still whole; the others in their order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dpdata
import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from imitated_dpgen import write_deviations

from mlip_interfaces.campaign import candidate_ranking
from mlip_interfaces.campaign.candidate_ranking import Candidate, rank_by_committee, rank_candidates

ELEMENTS = ("Li", "F")
TASKS = ("iter.000001/01.model_devi/task.000.000000", "iter.000001/01.model_devi/task.000.000001")
LOST = [5.0] * 12
"""Deviations of a run that fell apart; two of its frames come back between the levels."""


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Two runs of twelve frames, every fifth step: an Li whose x is the frame, an F whose x is the run."""
    folder = tmp_path / "campaign"
    for number, (task, deviations) in enumerate(
        zip(TASKS, ([0.2] * 12, [0.2] * 4 + LOST[:6] + [0.3] * 2), strict=True)
    ):
        (folder / task).mkdir(parents=True)
        write_deviations(folder / task / "model_devi.out", deviations, 5)
        (folder / task / "all.lammpstrj").write_text(
            "".join(
                f"ITEM: TIMESTEP\n{5 * k}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 20\n0 20\n0 20\n"
                f"ITEM: ATOMS id type x y z\n2 2 {number} 3 3\n1 1 {k} 0 0\n"
                for k in range(12)
            )
        )
    (folder / TASKS[0] / ".." / "cur_job.json").write_text('{"trj_freq": 5}')
    (folder / "param.json").write_text('{"model_devi_f_trust_lo": 0.1, "model_devi_f_trust_hi": 1.0}')
    return folder


def candidates(*places: tuple[int, int]) -> list[Candidate]:
    """Of run and frame."""
    return [[TASKS[run], 5 * frame] for run, frame in places]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a committee that always picks the last frames, the very last first, was shown."""
    shown: list[Any] = []

    def rank(
        campaign: Path, iteration: int, system: int, frames: list[Atoms], *, n_select: int, seed: int
    ) -> list[int]:
        shown.append((iteration, system, n_select, seed, frames))
        return list(range(len(frames)))[::-1][:n_select]

    monkeypatch.setattr(candidate_ranking, "rank_by_committee", rank)
    return shown


def ranked(campaign: Path, asked: list[Candidate], n_select: int) -> list[Candidate]:
    return rank_candidates(campaign, 1, 0, asked, elements=ELEMENTS, n_select=n_select, seed=7)


def test_as_many_as_are_labelled_need_no_ranking(tmp_path: Path, seen: list[Any]) -> None:
    asked = candidates((0, 4), (1, 2), (0, 1))
    # Nothing is read: there is no folder.
    assert ranked(tmp_path / "nothing", asked, 3) == asked
    assert seen == []


def test_picks_stand_in_front_in_their_order_and_the_others_follow_in_theirs(campaign: Path, seen: list[Any]) -> None:
    asked = candidates((0, 4), (1, 2), (0, 1), (1, 3), (0, 7))
    assert ranked(campaign, asked, 2) == [asked[4], asked[3], asked[0], asked[1], asked[2]]
    ((iteration, system, n_select, seed, frames),) = seen
    assert (iteration, system, n_select, seed) == (1, 0, 2, 7)
    # Each candidate's own frame, atoms in the order of their ids, elements by the type map.
    assert [(atoms.positions[0, 0], atoms.positions[1, 0]) for atoms in frames] == [
        (4, 0),
        (2, 1),
        (1, 0),
        (3, 1),
        (7, 0),
    ]
    assert {str(atoms.symbols) for atoms in frames} == {"LiF"}
    assert all(atoms.pbc.all() and atoms.cell.lengths().tolist() == [20.0] * 3 for atoms in frames)


def test_frames_of_a_run_that_fell_apart_are_never_shown_and_come_last(campaign: Path, seen: list[Any]) -> None:
    asked = candidates((1, 10), (0, 3), (1, 1), (1, 11), (0, 8))
    assert ranked(campaign, asked, 2) == [asked[4], asked[2], asked[1], asked[0], asked[3]]
    assert len(seen[0][-1]) == 3
    # Where the whole ones are too few, lost ones fill up, and there is nothing to choose.
    assert ranked(campaign, asked, 4) == [asked[1], asked[2], asked[4], asked[0], asked[3]]
    assert len(seen) == 1


def test_many_candidates_are_thinned_evenly_first(
    campaign: Path, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate_ranking, "MAX_CANDIDATES", 4)
    asked = candidates(*((0, frame) for frame in range(10)))
    found = ranked(campaign, asked, 2)
    assert [atoms.positions[0, 0] for atoms in seen[0][-1]] == [0, 3, 6, 9]
    assert found[:2] == [asked[9], asked[6]]
    assert sorted(found) == sorted(asked)
    # Never fewer than are labelled.
    ranked(campaign, asked, 6)
    assert len(seen[1][-1]) == 6


def labelled(folder: Path, first: int, n_frames: int) -> None:
    """Frames of one Li at x = first, first + 1, ..."""
    positions = np.zeros((n_frames, 1, 3))
    positions[:, 0, 0] = first + np.arange(n_frames)
    data = {
        "atom_names": ["Li"], "atom_numbs": [1], "atom_types": np.zeros(1, dtype=int), "orig": np.zeros(3), "coords": positions,
        "cells": np.tile(900.0 * np.eye(3), (n_frames, 1, 1)), "energies": np.zeros(n_frames), "forces": np.zeros((n_frames, 1, 3)),
    }  # fmt: skip
    dpdata.LabeledSystem(data=data).to_deepmd_npy(folder)


def test_the_committee_ranks_against_what_it_was_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Initial data and labels of earlier iterations, evenly; none of this one's, which the committee has not seen."""
    campaign = tmp_path / "campaign"
    labelled(tmp_path / "initial_data" / "dataset" / "bulk", 0, 6)
    labelled(campaign / "iter.000000" / "02.fp" / "data.000", 100, 5)
    labelled(campaign / "iter.000001" / "02.fp" / "data.000", 200, 5)
    for name in ("graph.001.pb", "graph.000.pb", "input.json"):
        (campaign / "iter.000001" / "00.train").mkdir(parents=True, exist_ok=True)
        (campaign / "iter.000001" / "00.train" / name).touch()
    calls = []

    def run_program(command: list[str], *, directory: Path, log_file: Path) -> None:
        calls.append(command)
        assert [atoms.positions[0, 0] for atoms in read(command[4], ":")] == [0, 2, 5, 102, 104]
        assert len(read(command[3], ":")) == 3
        Path(command[5]).write_text(json.dumps([2, 0]))

    monkeypatch.setattr(candidate_ranking, "run_program", run_program)
    monkeypatch.setattr(candidate_ranking, "MAX_TRAINING_FRAMES", 5)
    frames = [Atoms("Li", positions=[[k, 0, 0]], cell=[9.0] * 3, pbc=True) for k in range(3)]
    assert rank_by_committee(campaign, 1, 4, frames, n_select=2, seed=7) == [2, 0]
    (command,) = calls
    assert command[6:8] == ["2", "7"]
    assert [Path(model).name for model in command[8:]] == ["graph.000.pb", "graph.001.pb"]
    # The frames are not kept, the order is.
    assert [file.name for file in (campaign / "iter.000001" / "02.fp").glob("ranking.*")] == ["ranking.004.order.json"]
