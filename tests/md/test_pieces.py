"""MD that is killed goes on from its checkpoint, and its pieces become one run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_md import DECK_BOUNDS, PROTOCOL, run_deck

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md import CHECKPOINT, MDProtocol, join_pieces, judge_run, time_reached_ps
from mlip_interfaces.md.pieces import _Dcd
from mlip_interfaces.pipeline.md_runs import DONE, PACK_COMMAND, PIECES, unpack
from mlip_interfaces.pipeline.scan import _md_loops
from mlip_interfaces.programs import program_environment
from mlip_interfaces.trajectory import read_trajectory

HEADER = "time_ps,temperature_kelvin,pressure_bar,density_g_per_cm3,potential_energy_ev,min_distance_angstrom"
MASS_PER_CELL = 108 * 39.95 * 1.66053907


def table(times: list[float], mark: int) -> str:
    return HEADER + "\n" + "".join(f"{t:g},{mark},0,0,0,0\n" for t in times)


def times_and_marks(file: Path) -> list[tuple[float, int]]:
    lines = file.read_text().splitlines()
    assert lines[0] == HEADER
    return [(float(line.split(",")[0]), int(line.split(",")[1])) for line in lines[1:]]


def test_later_piece_replaces_what_was_calculated_again(tmp_path: Path) -> None:
    (tmp_path / "thermo.csv").write_text(table([0, 1, 2, 2, 3, 4], 0) + "5,0,0,")
    (tmp_path / "thermo.300.csv").write_text(table([3, 4, 5, 5, 6, 7], 1))
    (tmp_path / "thermo.1000.csv").write_text(table([6, 7, 8], 2))
    assert time_reached_ps(tmp_path) == 8
    join_pieces(tmp_path)
    assert times_and_marks(tmp_path / "thermo.csv") == [
        (0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 2),
    ]  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["thermo.csv"]


def test_piece_that_wrote_nothing_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "thermo.csv").write_text(table([0, 1, 2], 0))
    (tmp_path / "thermo.100.csv").write_text(HEADER + "\n")
    (tmp_path / "thermo.200.csv").write_text("")
    (tmp_path / "traj.200.dcd").write_bytes(b"")
    assert time_reached_ps(tmp_path) == 2
    join_pieces(tmp_path)
    assert times_and_marks(tmp_path / "thermo.csv") == [(0, 0), (1, 0), (2, 0)]


def test_folder_without_a_run_is_left_alone(tmp_path: Path) -> None:
    assert time_reached_ps(tmp_path) == 0
    join_pieces(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def whole(argon: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 2 ps that nobody disturbed: 101 frames."""
    folder = tmp_path_factory.mktemp("md") / "whole"
    run_deck(argon, folder, PROTOCOL, DECK_BOUNDS)
    return folder


def dcd_piece(whole: bytes, dcd: _Dcd, first: int, n_frames: int, half: bytes) -> bytes:
    """Frames of a whole DCD as a file of their own, and half a frame."""
    head = np.frombuffer(dcd.header, np.uint8).copy()
    head[4:88].view("<i4")[[1, 2]] = n_frames, dcd.first_step + first * dcd.interval
    start = len(dcd.header) + first * dcd.frame_bytes
    return head.tobytes() + whole[start : start + n_frames * dcd.frame_bytes] + half


@pytest.mark.parametrize("seed", range(5))
def test_trajectory_cut_anywhere_is_whole_again(tmp_path: Path, whole: Path, seed: int) -> None:
    """Pieces that overlap, frames of the earlier ones spoilt where they were calculated again; killed while joining."""
    rng = np.random.default_rng(seed)
    content = (whole / "traj.dcd").read_bytes()
    dcd = _Dcd.read(whole / "traj.dcd")
    assert dcd is not None
    assert dcd.n_frames == 101
    starts = [0, *np.sort(rng.choice(np.arange(1, 101), 3, replace=False)).tolist()]
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        next_start = 101 if last else starts[number + 1]
        end = 101 if last else int(rng.integers(next_start, 102))
        spoilt = bytearray(content)
        again = len(dcd.header) + next_start * dcd.frame_bytes
        spoilt[again:] = bytes(len(content) - again)
        half = b"" if last else bytes(int(rng.integers(dcd.frame_bytes)))
        name = f"traj.{start * dcd.interval}.dcd" if start else "traj.dcd"
        (tmp_path / name).write_bytes(dcd_piece(bytes(spoilt), dcd, start, end - start, half))
    (tmp_path / "thermo.csv").write_text(table([0], 0))
    copies = tmp_path / "copies"
    shutil.copytree(tmp_path, copies)
    join_pieces(tmp_path)
    assert (tmp_path / "traj.dcd").read_bytes() == content
    assert sorted(file.name for file in tmp_path.glob("*.*")) == ["thermo.csv", "traj.dcd"]
    # Killed after the joined file was there and before the pieces were gone.
    shutil.copy(tmp_path / "traj.dcd", copies)
    join_pieces(copies)
    assert (copies / "traj.dcd").read_bytes() == content


def test_pieces_that_do_not_meet_are_refused_and_kept(tmp_path: Path, whole: Path) -> None:
    content = (whole / "traj.dcd").read_bytes()
    dcd = _Dcd.read(whole / "traj.dcd")
    assert dcd is not None
    (tmp_path / "traj.dcd").write_bytes(dcd_piece(content, dcd, 0, 40, b"half"))
    (tmp_path / "traj.500.dcd").write_bytes(dcd_piece(content, dcd, 50, 51, b""))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(InputFileError, match="leave a gap after step 390"):
        join_pieces(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    (tmp_path / "traj.500.dcd").unlink()
    (tmp_path / "thermo.csv").write_text(table([0, 1, 2], 0))
    (tmp_path / "thermo.500.csv").write_text(table([5, 6], 1))
    with pytest.raises(InputFileError, match=r"thermo\.csv, thermo\.500\.csv leave a gap after 2 ps"):
        join_pieces(tmp_path)
    assert (tmp_path / "thermo.500.csv").is_file()


LONG = MDProtocol("npt", "coupled_xy", 30.0, (1.0, 1.0, 1000.0), 60.0, 2.0, 0.2, 5)


def test_killed_run_goes_on_from_its_checkpoint(
    argon: Callable, tmp_path: Path, whole: Path, quick_lmp: dict[str, str]
) -> None:
    """SIGKILL three times; every frame and line is there once, and both belong to the same piece."""
    folder = tmp_path / "run"
    command = argon(folder, LONG, DECK_BOUNDS).replace("checkpoint_every 10000", "checkpoint_every 2000")
    assert "checkpoint_every 2000" in command

    def start() -> subprocess.Popen[bytes]:
        # As a job is killed: with all its processes.
        return subprocess.Popen(
            command, shell=True, cwd=folder, env=quick_lmp, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    for target_ps in (9.0, 21.0, 40.0):
        process = start()
        while time_reached_ps(folder) < target_ps:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert (folder / CHECKPOINT).is_file()
    assert start().wait() == 0
    n_pieces = len(list(folder.glob("traj*.dcd")))
    assert n_pieces == 4
    join_pieces(folder)
    assert len(list(folder.glob("traj*.dcd"))) == len(list(folder.glob("thermo*.csv"))) == 1
    rows = np.loadtxt(folder / "thermo.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows[:, 0], 0.2 * np.arange(301), rtol=1e-9, atol=1e-9)
    (folder / "layers.json").write_text(f'{{"symbols": {["Ar"] * 108}, "layer": {["a"] * 108}}}'.replace("'", '"'))
    trajectory = read_trajectory(folder / "traj.dcd", folder / "layers.json", frame_interval_ps=0.2)
    assert trajectory.positions.shape == (301, 108, 3)
    density = MASS_PER_CELL / np.abs(np.linalg.det(trajectory.cells))
    np.testing.assert_allclose(density, rows[:, 3], rtol=1e-4, atol=0)
    # The cell itself changes by 3 angstrom between two of the first frames.
    jumps = np.abs(np.diff(trajectory.positions, axis=0)).max(axis=(1, 2))
    assert jumps.max() < 3.0, "no atom jumps by a cell"
    assert jumps[10:].max() < 1.5
    verdict = judge_run(folder / "thermo.csv", target_kelvin=30, requested_ps=60.0, n_atoms=108, bounds=DECK_BOUNDS)
    assert verdict.healthy, verdict.reasons
    # Under unequal pressures, over three checkpoints and three kills: a and b are coupled, and the pressure is the one asked for.
    ratio = rows[:, 6] / rows[:, 7]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6, atol=0)
    blocks = rows[51:, 2].reshape(10, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(blocks.size)
    assert error < 20, "a stress on the cell of the start would be 218 bar"
    assert abs(blocks.mean() - (1 + 1 + 1000) / 3) < 4 * error
    # The start is repeated to the digit.
    once = np.loadtxt(whole / "thermo.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows[:11], once[::10], rtol=1e-9, atol=1e-9)
    seconds, n_steps = _md_loops((folder / "log.lammps").read_text())
    assert seconds > 0
    assert n_steps == LONG.n_steps, "chunks that reached their checkpoint, each once"


def test_what_follows_a_checkpoint_is_what_would_have_followed(argon: Callable, tmp_path: Path, whole: Path) -> None:
    """The thermostat and barostat, the reference of the density guard and the image of every atom are in the checkpoint."""
    folder = tmp_path / "run"
    command = argon(folder, PROTOCOL, DECK_BOUNDS)
    # The first half, as if killed right after its checkpoint.
    for half in (command.replace("steps 1000", "steps 500"), command):
        subprocess.run(half, shell=True, cwd=folder, env=program_environment(), capture_output=True, check=True)
    before = np.loadtxt(whole / "thermo.csv", delimiter=",", skiprows=1)
    after = np.loadtxt(folder / "thermo.500.csv", delimiter=",", skiprows=1)
    assert len(after) == 51
    # Forces are summed in another order after a restart, and the difference grows.
    np.testing.assert_allclose(after[:25], before[50:75], rtol=1e-6, atol=1e-6)
    frames = [_Dcd.read(folder / name) for name in ("traj.dcd", "traj.500.dcd")]
    assert [(piece.first_step, piece.n_frames) for piece in frames if piece] == [(0, 51), (500, 51)]


def test_pieces_of_a_remote_run_travel_as_one_file(tmp_path: Path) -> None:
    (tmp_path / "command.sh").write_text(
        f"for n in traj.dcd thermo.csv traj.100.dcd thermo.100.csv {CHECKPOINT}; do echo $n > $n; done\n"
        "echo 'Total wall time: 0:00:01' > log.lammps\n"
    )
    subprocess.run(["bash", "-c", f"( {PACK_COMMAND} )"], cwd=tmp_path, check=True)
    assert (tmp_path / DONE).read_text() == "0\n"
    assert not (tmp_path / CHECKPOINT).exists()
    with tarfile.open(tmp_path / PIECES) as archive:
        assert sorted(archive.getnames()) == ["thermo.100.csv", "traj.100.dcd"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / PIECES, elsewhere)
    unpack(elsewhere / PIECES)
    assert sorted(file.name for file in elsewhere.iterdir()) == ["thermo.100.csv", "traj.100.dcd"]


def test_remote_run_in_one_piece_packs_nothing(tmp_path: Path) -> None:
    (tmp_path / "command.sh").write_text("touch traj.dcd thermo.csv; echo 'Total wall time: 0:00:01' > log.lammps\n")
    subprocess.run(["bash", "-c", f"( {PACK_COMMAND} )"], cwd=tmp_path, check=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "command.sh", "log.lammps", DONE, "thermo.csv", "traj.dcd",
    ]  # fmt: skip
