"""What our launcher changes in DP-GEN's steps: the order of candidates, and explorations that blow up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from lammps_processes import real_lammps, wait_until
from mlip_interfaces.campaign import candidate_ranking
from mlip_interfaces.campaign.dpgen_launcher import (
    _failed_where_not_finite,
    _keeping_compressed,
    _rank_instead_of_shuffling,
    forget_damaged_submissions,
)
from mlip_interfaces.campaign.folder import read_explorations
from mlip_interfaces.campaign.stopped_explorations import keep_whole_frames, surviving
from mlip_interfaces.jobs.alone import alone
from mlip_interfaces.potentials.selection import select_diverse

# DP-GEN leaves files open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

ELEMENTS = ("Li", "F")
CELL_ANGSTROM = 12.0
TRUST = {"model_devi_f_trust_lo": 0.1, "model_devi_f_trust_hi": 1.0}


def frame(step: int, distance_angstrom: float) -> str:
    """Two atoms in a cubic box."""
    box = f"0 {CELL_ANGSTROM} 0\n" * 3
    atoms = f"1 1 1.0 1.0 1.0\n2 2 {1.0 + distance_angstrom:.6f} 1.0 1.0\n"
    return (
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n{box}"
        f"ITEM: ATOMS id type x y z\n{atoms}"
    )


def deviations(values: list[float]) -> str:
    rows = "".join(f"{5 * i:12d} 0.1 0.0 0.1 {value:.6e} 0.0 0.1\n" for i, value in enumerate(values))
    return f"#       step         max_devi_v         min_devi_v\n{rows}"


def exploration(
    campaign: Path, distances: list[float], values: list[float], *, iteration: int = 0, number: int = 0
) -> Path:
    """One finished exploration run, as DP-GEN leaves it."""
    folder = campaign / f"iter.{iteration:06d}" / "01.model_devi"
    task = folder / f"task.000.{number:06d}"
    task.mkdir(parents=True)
    (folder / "cur_job.json").write_text(json.dumps({"nsteps": 5 * (len(distances) - 1), "trj_freq": 5}))
    (task / "job.json").write_text(json.dumps({"temps": 300, "press": 1}))
    (task / "all.lammpstrj").write_text("".join(frame(5 * i, d) for i, d in enumerate(distances)))
    (task / "model_devi.out").write_text(deviations(values))
    return task


@pytest.fixture
def dpgen_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """DP-GEN's module in an empty folder; what a test replaces in it is put back."""
    import dpgen.generator.run as module

    for name in ("random", "_select_by_model_devi_standard", "_read_model_devi_file"):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.chdir(tmp_path)
    return module


def chosen_steps(module, *, fp_task_max: int) -> list[int]:
    """DP-GEN's own choice of candidates between 0.1 and 1 eV/angstrom."""
    jdata = {
        "fp_task_max": fp_task_max, "model_devi_skip": 0, "type_map": list(ELEMENTS), "model_devi_merge_traj": True,
        "model_devi_jobs": [{"trj_freq": 5}], "detailed_report_make_fp": True,
    } | TRUST  # fmt: skip
    Path("param.json").write_text(json.dumps(TRUST))
    module._make_fp_vasp_configs(0, jdata)
    lines = Path("iter.000000/02.fp/candidate.shuffled.000.out").read_text().splitlines()
    return [int(line.split()[1]) for line in lines]


@pytest.fixture
def by_bond_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A committee that sees the bond length alone."""

    def rank(
        campaign: Path, iteration: int, system: int, frames: list[Atoms], *, n_select: int, seed: int
    ) -> list[int]:
        lengths = np.array([[atoms.get_distance(0, 1)] for atoms in frames])
        return select_diverse(lengths, n_select, seed=seed).tolist()

    monkeypatch.setattr(candidate_ranking, "rank_by_committee", rank)


@pytest.mark.usefixtures("by_bond_length")
def test_labelled_candidates_are_the_different_ones(dpgen_run, tmp_path: Path) -> None:
    """Twenty frames of each of four bond lengths: four labels go to four lengths, where chance would miss one."""
    rng = np.random.default_rng(3)
    lengths = np.repeat([1.75, 2.75, 3.75, 4.75], 20) + rng.normal(0, 0.01, 80)
    order = rng.permutation(80)
    exploration(tmp_path, lengths[order].tolist(), [0.5] * 80)
    _rank_instead_of_shuffling(ELEMENTS, 4, seed=1)
    ranked = chosen_steps(dpgen_run, fp_task_max=4)
    assert sorted(ranked) == [5 * i for i in range(80)]
    assert {round(lengths[order][step // 5] - 0.75) for step in ranked[:4]} == {1, 2, 3, 4}
    labelled = sorted(Path("iter.000000/02.fp").glob("task.000.*/POSCAR"))
    assert len(labelled) == 4
    assert chosen_steps(dpgen_run, fp_task_max=4) == ranked


@pytest.mark.usefixtures("by_bond_length")
@pytest.mark.parametrize(("n_labels", "n_lost_labelled"), [(4, 0), (25, 5)])
def test_candidates_from_where_a_run_fell_apart_come_last(
    dpgen_run, tmp_path: Path, n_labels: int, n_lost_labelled: int
) -> None:
    """Twenty sound candidates, some failed frames between them, then ten of a run that is lost, each unlike all others."""
    rng = np.random.default_rng(4)
    sound = rng.uniform(1.9, 2.1, 20).tolist()
    lost = np.linspace(3, 6, 10).tolist()
    lengths = [*sound[:10], 2.0, 2.0, *sound[10:], *[2.5] * 15, *lost]
    values = [0.5] * 10 + [3.0] * 2 + [0.5] * 10 + [4.0] * 15 + [0.6] * 10
    exploration(tmp_path, lengths, values)
    _rank_instead_of_shuffling(ELEMENTS, n_labels, seed=1)
    ranked = chosen_steps(dpgen_run, fp_task_max=n_labels)
    assert len(ranked) == 30
    assert sum(step >= 5 * 37 for step in ranked[:n_labels]) == n_lost_labelled


def test_without_the_ranking_dpgen_shuffles(dpgen_run, tmp_path: Path) -> None:
    exploration(tmp_path, [2.0] * 30, [0.5] * 30)
    dpgen_run.random.seed(1)
    assert chosen_steps(dpgen_run, fp_task_max=4) != chosen_steps(dpgen_run, fp_task_max=4)


def test_deviation_that_is_no_number_is_a_failed_frame(dpgen_run, tmp_path: Path) -> None:
    exploration(tmp_path, [2.0, 2.1, 2.2, 2.3], [0.05, 0.5, np.nan, np.inf])
    with pytest.raises(RuntimeError, match="does not belong to either"):
        chosen_steps(dpgen_run, fp_task_max=4)
    dpgen_run._read_model_devi_file = _failed_where_not_finite(dpgen_run._read_model_devi_file)
    assert chosen_steps(dpgen_run, fp_task_max=4) == [5]
    assert len(Path("iter.000000/02.fp/rest_failed.shuffled.000.out").read_text().splitlines()) == 2
    (run,) = read_explorations(tmp_path, 0)
    assert run.n_not_finite == 2


@pytest.mark.parametrize("compressed", [True, False])
def test_models_that_are_taken_over_stay_compressed(dpgen_run, tmp_path: Path, compressed: bool) -> None:
    for number in range(2):
        member = tmp_path / "iter.000000" / "00.train" / f"{number:03d}"
        member.mkdir(parents=True)
        (member / "frozen_model.pb").write_text(f"plain {number}")
        if compressed:
            (member / "frozen_model_compressed.pb").write_text(f"compressed {number}")
    _keeping_compressed(dpgen_run.copy_model)(2, 0, 1, ".pb")
    found = [(tmp_path / "iter.000001" / "00.train" / f"graph.{n:03d}.pb").read_text() for n in range(2)]
    assert found == [f"{'compressed' if compressed else 'plain'} {n}" for n in range(2)]


def test_run_cut_off_anywhere_keeps_its_whole_frames(tmp_path: Path) -> None:
    task = exploration(tmp_path, [2.0, 2.1, 2.2], [0.1, 0.2, 0.3])
    dump, rows = (task / "all.lammpstrj").read_text(), (task / "model_devi.out").read_text()
    frames = [frame(5 * i, d) for i, d in enumerate([2.0, 2.1, 2.2])]
    lines = rows.splitlines(keepends=True)
    for file, whole in (("all.lammpstrj", dump), ("model_devi.out", rows)):
        for length in range(len(whole)):
            (task / "all.lammpstrj").write_text(dump)
            (task / "model_devi.out").write_text(rows)
            (task / file).write_text(whole[:length])
            n = keep_whole_frames(task)
            expected = (
                sum(length >= sum(map(len, frames[: i + 1])) for i in range(3)) if file == "all.lammpstrj"
                else sum(length >= sum(map(len, lines[: i + 2])) for i in range(3))
            )  # fmt: skip
            assert n == expected
            assert (task / "all.lammpstrj").read_text() == "".join(frames[:n])
            kept = [line for line in (task / "model_devi.out").read_text().splitlines(keepends=True) if line[0] != "#"]
            assert kept == lines[1 : n + 1]


def test_whole_run_is_left_alone(tmp_path: Path) -> None:
    task = exploration(tmp_path, [2.0, 2.1, 2.2], [0.1, 0.2, 0.3])
    before = {file: file.stat().st_mtime_ns for file in task.iterdir()}
    assert keep_whole_frames(task) == 3
    assert before == {file: file.stat().st_mtime_ns for file in task.iterdir()}


WALL, LOST = (
    "Total wall time: 0:00:01",
    "ERROR: Lost atoms: original 9 current 8 (src/thermo.cpp:494)\nLast input line: run 10",
)
FULL = "ERROR on proc 0: Error writing dump dpgen_dump: No space left on device (src/dump.cpp:543)"
ONE_FRAME = "#  step\n0 0 0 0 0.1 0 0\n"


@pytest.mark.parametrize(
    ("status", "log", "rows", "counts"),
    [
        (0, WALL, ONE_FRAME, True),
        (0, "   100   300.2", ONE_FRAME, False),
        (1, LOST, ONE_FRAME, True),
        (1, LOST, "#  step\n", False),
        (1, LOST, "", False),
        (1, FULL, ONE_FRAME, False),
        *((status, "   100   300.2", ONE_FRAME, False) for status in (1, 137, 139, 143, 241, 245, 247)),
    ],
)
def test_exploration_counts_where_its_log_shows_the_end_or_lost_atoms_after_a_frame(
    tmp_path: Path, status: int, log: str, rows: str, counts: bool
) -> None:
    (tmp_path / "log.lammps").write_text(f"LAMMPS\n{log}\n")
    (tmp_path / "model_devi.out").write_text(rows)
    command = surviving(f"/bin/bash -c 'exit {status}'")
    run = subprocess.run(["bash", "-c", f"( {command} )"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is counts
    assert (f"LAMMPS ended with status {status}, not at the end of its run." in run.stderr) is not counts


def test_exploration_whose_lammps_is_killed_fails_and_repeated_is_whole(
    tmp_path: Path, quick_lmp: dict[str, str]
) -> None:
    """The real process, by SIGKILL, after frames that a run which blew up would keep."""
    (tmp_path / "input.lammps").write_text(
        "units lj\nlattice fcc 0.8\nregion box block 0 2 0 2 0 2\ncreate_box 1 box\ncreate_atoms 1 box\nmass 1 1\n"
        "pair_style lj/cut 1.6\npair_coeff 1 1 1 1\nvelocity all create 0.1 1\nfix move all nve\nvariable t equal step\n"
        'fix deviations all print 10 "$t 0 0 0 0.1 0 0" file model_devi.out screen no title "#  step"\n'
        'run 100 every 10 "shell sleep 0.1"\n'
    )
    command = ["bash", "-c", alone(surviving("{ lmp -i input.lammps; }"))]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=quick_lmp, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    rows = tmp_path / "model_devi.out"
    wait_until(lambda: rows.is_file() and len(rows.read_text().splitlines()) > 3)
    (process,) = real_lammps(tmp_path)
    os.kill(process, signal.SIGKILL)
    _, said = run.communicate()
    assert run.returncode == 1
    assert "LAMMPS ended with status 247, not at the end of its run." in said
    assert "\n100 " not in rows.read_text()
    subprocess.run(command, cwd=tmp_path, env=quick_lmp, check=True, capture_output=True)
    assert "\n100 " in rows.read_text()


def test_submission_notes_that_were_cut_off_are_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "iter.000000" / "02.fp"
    folder.mkdir(parents=True)
    whole, cut, other = folder / f"{'a' * 40}.json", folder / f"{'b' * 40}.json", folder / "mine.json"
    whole.write_text("{}")
    cut.write_text('{"work_base": "iter')
    other.write_text("{")
    forget_damaged_submissions(tmp_path)
    assert (whole.is_file(), cut.is_file(), other.is_file()) == (True, False, True)
