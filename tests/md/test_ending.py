"""A run is finished only where its own log says so, and one process at a time works on it; with the real LAMMPS."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_md import DECK_BOUNDS, PROTOCOL

from lammps_processes import real_lammps, wait_until
from mlip_interfaces.jobs.alone import LOCK, alone
from mlip_interfaces.md import (
    CHECKPOINT,
    OLDER_CHECKPOINT,
    MDProtocol,
    flaws_of_trajectory,
    join_pieces,
    md_command,
    time_reached_ps,
)
from mlip_interfaces.md.ending import DONE, LOG, is_over
from mlip_interfaces.md.pieces import _Dcd
from mlip_interfaces.pipeline.md_runs import COMMAND, RUN_COMMAND
from mlip_interfaces.programs import program_environment

Start = Callable[[Path], "subprocess.Popen[str]"]
CHECKPOINT_STEPS = 100
MOVE = 'mv md.restart.new md.restart"'


@pytest.fixture(scope="module")
def start(quick_lmp: dict[str, str]) -> Start:
    """Starts the command of a job in a folder."""

    def begin(folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", f"ulimit -c 0; {alone(RUN_COMMAND)}"], cwd=folder, env=quick_lmp, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return begin


@pytest.fixture(scope="module")
def make(argon: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Writes a run of argon with a checkpoint each 100 steps; a slow one rests after each."""
    template = tmp_path_factory.mktemp("argon") / "template"
    argon(template, PROTOCOL, DECK_BOUNDS)

    def write(folder: Path, protocol: MDProtocol = PROTOCOL, *, rest_seconds: float = 0.0, **bounds: float) -> None:
        shutil.copytree(template, folder)
        command = md_command(
            protocol,
            replace(DECK_BOUNDS, **bounds),
            deck="deck.in",
            data="model.data",
            potential="none",
            elements=["Ar"],
        )
        assert " checkpoint_every 10000 " in command
        command = command.replace(" checkpoint_every 10000 ", f" checkpoint_every {CHECKPOINT_STEPS} ")
        (folder / COMMAND).write_text(command + "\n")
        deck = (folder / "deck.in").read_text()
        assert MOVE in deck
        if rest_seconds:
            (folder / "deck.in").write_text(deck.replace(MOVE, f'{MOVE} "shell sleep {rest_seconds}"'))

    return write


def end(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and what it said, as the log of a task has it."""
    said, _ = run.communicate()
    return run.returncode, said


def rows(folder: Path) -> np.ndarray:
    return np.loadtxt(folder / "thermo.csv", delimiter=",", skiprows=1)


def flaws(folder: Path, protocol: MDProtocol = PROTOCOL) -> tuple[str, ...]:
    return flaws_of_trajectory(folder, protocol.dump_every, protocol.frame_interval_ps)


@pytest.fixture(scope="module")
def undisturbed(make: Callable[..., None], start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("md") / "undisturbed"
    make(folder)
    assert end(start(folder))[0] == 0
    assert (folder / DONE).read_text() == "0\n"
    assert not (folder / CHECKPOINT).exists()
    join_pieces(folder)
    return folder


def test_lammps_killed_three_ways_goes_on_and_ends_like_one_that_was_not(
    make: Callable[..., None], start: Start, undisturbed: Path, tmp_path: Path
) -> None:
    """The real process is killed, as the system does where memory ends; ``lmp`` around it ends with a status of its own."""
    folder = tmp_path / "run"
    make(folder, rest_seconds=0.3)
    deaths = ((signal.SIGKILL, 247, 0.3), (signal.SIGTERM, 241, 0.7), (signal.SIGSEGV, 245, 1.3))
    for number, status, target_ps in deaths:
        run = start(folder)
        wait_until(lambda target_ps=target_ps: time_reached_ps(folder) >= target_ps)
        (process,) = real_lammps(folder)
        os.kill(process, number)
        code, said = end(run)
        assert code == 1
        assert f"LAMMPS ended with status {status}, not at the end of its run. The end of {LOG}:" in said
        assert not (folder / DONE).exists()
        assert (folder / CHECKPOINT).is_file()
        # The child in which it rested holds the lock for a moment.
        wait_until(lambda: subprocess.run(["flock", "-n", LOCK, "true"], cwd=folder, check=False).returncode == 0)
    assert end(start(folder))[0] == 0
    assert (folder / DONE).read_text() == "0\n"
    assert not (folder / CHECKPOINT).exists()
    assert len(list(folder.glob("traj*.dcd"))) == 4
    join_pieces(folder)
    assert flaws(folder) == flaws(undisturbed) == ()
    once, again = rows(undisturbed), rows(folder)
    assert again.shape == once.shape == (101, 12)
    # Forces are summed in another order after a restart, and the difference grows.
    np.testing.assert_allclose(again[:45], once[:45], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(again[-1, 1], once[-1, 1], rtol=0.05, atol=0)


def test_full_disk_costs_nothing_once_there_is_room(
    make: Callable[..., None], start: Start, small_disk: Path, tmp_path: Path
) -> None:
    long = replace(PROTOCOL, time_ps=5.0)
    folder = small_disk / "run"
    make(folder, long)
    code, said = end(start(folder))
    assert code == 1
    assert "No space left on device" in said or "I/O error while writing restart" in said
    assert not is_over(folder)
    assert (folder / CHECKPOINT).is_file()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert end(start(folder))[0] == 0
    assert is_over(folder)
    assert list(folder.glob("traj.*.dcd")), "it went on, it did not begin again"
    join_pieces(folder)
    assert flaws(folder, long) == ()
    assert len(rows(folder)) == 251


def test_lammps_that_cannot_start_for_want_of_memory_is_no_finished_run(argon: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / COMMAND).write_text("ulimit -v 400000; lmp -in deck.in\n")
    (folder / CHECKPOINT).write_text("a state\n")
    run = subprocess.run(
        ["bash", "-c", f"( {RUN_COMMAND} )"], cwd=folder, env=program_environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "LAMMPS ended with status 1, not at the end of its run." in run.stderr
    assert (folder / CHECKPOINT).is_file()
    assert not is_over(folder)


def test_run_that_a_bound_halts_and_one_that_falls_apart_are_finished(
    make: Callable[..., None], start: Start, tmp_path: Path
) -> None:
    halted, fallen = tmp_path / "halted", tmp_path / "fallen"
    # The crystal at rest begins with twice the kinetic energy that it keeps.
    make(halted, max_temperature_ratio=0.95)
    make(fallen)
    deck = (fallen / "deck.in").read_text()
    (fallen / "deck.in").write_text(
        deck.replace("fix             hot", "displace_atoms all random 9 9 9 1\nfix             hot")
    )
    assert end(start(halted))[0] == end(start(fallen))[0] == 0
    assert "Fix halt condition for fix-id hot met" in (halted / LOG).read_text()
    assert (halted / DONE).read_text() == "0\n"
    assert (fallen / DONE).read_text() == "1\n"
    assert is_over(halted)
    assert is_over(fallen)
    assert rows(halted)[-1, 0] < PROTOCOL.time_ps
    assert flaws(halted) == ()


def test_second_process_in_a_folder_is_refused_and_touches_nothing(
    make: Callable[..., None], start: Start, undisturbed: Path, tmp_path: Path
) -> None:
    """Also where the first one's script was killed and LAMMPS lives on; what that one did is then taken as it is."""
    folder = tmp_path / "run"
    make(folder, rest_seconds=0.15)
    first = start(folder)
    wait_until(lambda: time_reached_ps(folder) >= 0.2)

    def refused() -> None:
        code, said = end(start(folder))
        assert code == 75
        assert f"Another process works in {folder}: process {first.pid} on {os.uname().nodename}, since " in said
        assert said.count("\n") == 1

    refused()
    (process,) = real_lammps(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and int(entry.name) != process:
                os.kill(int(entry.name), signal.SIGKILL)
    first.wait()
    refused()
    # Its standard error ends with LAMMPS.
    end(first)
    assert not (folder / DONE).exists()
    assert end(start(folder))[0] == 0
    join_pieces(folder)
    assert flaws(folder) == ()
    np.testing.assert_allclose(rows(folder)[:45], rows(undisturbed)[:45], rtol=1e-6, atol=1e-6)


def test_without_locks_a_command_runs_and_says_so(tmp_path: Path) -> None:
    programs, folder = tmp_path / "programs", tmp_path / "run"
    programs.mkdir()
    folder.mkdir()
    for name in ("cat", "date", "uname"):
        (programs / name).symlink_to(Path("/bin") / name)
    run = subprocess.run(
        ["/bin/sh", "-c", alone("echo ran; exit 7")], cwd=folder, env={"PATH": str(programs)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (7, "ran\n")
    assert f"This folder is not locked (no flock, or no locks on this file system): see that no other process works in {folder}." in run.stderr  # fmt: skip


@pytest.mark.parametrize(
    ("done", "log", "over"),
    [
        (None, "Total wall time: 0:00:01\n", False),
        ("", "Total wall time: 0:00:01\n", False),
        ("0\n", "", True),
        ("247\n", "   14800   31.79953\n", False),
        ("139\n", "   14800   31.79953\n", False),
        ("1\n", "ERROR on proc 0: Error writing dump trajectory: No space left on device (src/src/dump.cpp:543)\n", False),
        ("1\n", "ERROR: Lost atoms: original 108 current 107\nFor more information see\nLast input line: run 10\n", True),
        ("1\n", "ERROR on proc 1: Non-numeric positions - simulation unstable (src/domain.cpp:555)\n", True),
        ("1\n", "ERROR: Unknown pair style deepmd\n", False),
    ],
)  # fmt: skip
def test_status_that_is_left_counts_where_the_log_bears_it_out(
    tmp_path: Path, done: str | None, log: str, over: bool
) -> None:
    if done is not None:
        (tmp_path / DONE).write_text(done)
    (tmp_path / LOG).write_text("LAMMPS\n" + log)
    assert is_over(tmp_path) is over


def test_trajectory_that_two_wrote_or_that_lacks_frames_has_flaws(undisturbed: Path, tmp_path: Path) -> None:
    table, content = (undisturbed / "thermo.csv").read_text(), (undisturbed / "traj.dcd").read_bytes()
    layout = _Dcd.read(undisturbed / "traj.dcd")
    assert layout is not None
    size, begin = layout.frame_bytes, len(layout.header)
    start, end = begin + 40 * size, begin + 60 * size
    told = content[:8] + (100).to_bytes(4, "little") + content[12:]
    cases = {
        "100 whole frames and 0 bytes, its header tells 101, and thermo.csv asks for 101": content[:-size],
        f"100 whole frames and {size - 4} bytes": content[:-4],
        "its header tells 100": told,
        # Begun anew by a second process: its few frames, a hole, then those of the first.
        "20 frames of traj.dcd are damaged": content[:start] + bytes(end - start) + content[end:],
        "101 frames of traj.dcd are damaged": content[:begin] + content[begin + 4 :] + bytes(4),
        "begins at step 500": content[:12] + (500).to_bytes(4, "little") + content[16:],
        "missing or has no whole frame": b"",
    }
    for expected, changed in cases.items():
        (tmp_path / "thermo.csv").write_text(table)
        (tmp_path / "traj.dcd").write_bytes(changed)
        assert expected in "; ".join(flaws(tmp_path))
    lines = table.splitlines(keepends=True)
    (tmp_path / "traj.dcd").write_bytes(content)
    for changed in (lines[:30] + lines[31:], lines[:50] + lines[48:], lines[:50] + ["0.97,3\n"] + lines[51:]):
        (tmp_path / "thermo.csv").write_text("".join(changed))
        assert flaws(tmp_path) == ("thermo.csv has not one line each 0.02 ps up to 2 ps",)


def kill_after(start: Start, folder: Path, time_ps: float) -> None:
    """Begin, or go on, and kill LAMMPS when its table has come so far."""
    run = start(folder)
    wait_until(lambda: time_reached_ps(folder) >= time_ps)
    for process in real_lammps(folder):
        os.kill(process, signal.SIGKILL)
    end(run)
    wait_until(lambda: subprocess.run(["flock", "-n", LOCK, "true"], cwd=folder, check=False).returncode == 0)


@pytest.fixture(scope="module")
def killed(make: Callable[..., None], start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed after three checkpoints, at 0.2, 0.4 and 0.6 ps."""
    folder = tmp_path_factory.mktemp("md") / "killed"
    make(folder, rest_seconds=0.5)
    kill_after(start, folder, 0.6)
    deck = (folder / "deck.in").read_text()
    (folder / "deck.in").write_text(deck.replace(' "shell sleep 0.5"', ""))
    assert (folder / OLDER_CHECKPOINT).is_file()
    return folder


def _cut_checkpoint(folder: Path) -> None:
    content = (folder / CHECKPOINT).read_bytes()
    (folder / CHECKPOINT).unlink()
    (folder / CHECKPOINT).write_bytes(content[:-8])


def _empty_checkpoint(folder: Path) -> None:
    (folder / CHECKPOINT).unlink()
    (folder / CHECKPOINT).touch()


def _cut_table(folder: Path) -> None:
    lines = (folder / "thermo.csv").read_text().splitlines(keepends=True)
    (folder / "thermo.csv").write_text(
        "".join(line for line in lines if line[0] == "t" or float(line.split(",")[0]) < 0.5)
    )


def _blank_trajectory(folder: Path) -> None:
    """The length of a file is on the disk, what is in its end is not."""
    layout = _Dcd.read(folder / "traj.dcd")
    assert layout is not None
    content, whole = (folder / "traj.dcd").read_bytes(), len(layout.header) + 25 * layout.frame_bytes
    (folder / "traj.dcd").write_bytes(content[:whole] + bytes(len(content) - whole))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut_checkpoint, "WARNING: md.restart is cut off, and removed"),
        (_empty_checkpoint, "WARNING: md.restart is cut off, and removed"),
        (_cut_table, "WARNING: thermo.csv or traj.dcd ends before step "),
        (_blank_trajectory, "WARNING: thermo.csv or traj.dcd ends before step "),
    ],
)
def test_crash_costs_at_most_one_checkpoint_more(
    killed: Path, start: Start, undisturbed: Path, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    folder = shutil.copytree(killed, tmp_path / "run")
    damage(folder)
    code, words = end(start(folder))
    assert code == 0
    for text in (words, (folder / LOG).read_text()):
        assert sum(line.startswith(said) for line in text.splitlines()) == 1
    assert len(pieces := list(folder.glob("traj.*.dcd"))) == 1
    begun_at = int(pieces[0].name.split(".")[1])
    assert begun_at in (200, 300, 400), (
        "the checkpoint before the last, of a run that was killed at 600 or a little later"
    )
    assert not (folder / CHECKPOINT).exists()
    assert not (folder / OLDER_CHECKPOINT).exists()
    join_pieces(folder)
    assert flaws(folder) == ()
    np.testing.assert_allclose(rows(folder)[:45], rows(undisturbed)[:45], rtol=1e-6, atol=1e-6)


def test_pieces_after_an_older_checkpoint_go(killed: Path, start: Start, undisturbed: Path, tmp_path: Path) -> None:
    """They are of a motion that is calculated again."""
    folder = shutil.copytree(killed, tmp_path / "run")
    for name in ("traj.900.dcd", "thermo.900.csv"):
        (folder / name).write_text("of a checkpoint that was lost\n")
    assert end(start(folder))[0] == 0
    assert not (folder / "traj.900.dcd").exists()
    join_pieces(folder)
    assert flaws(folder) == ()
    np.testing.assert_allclose(rows(folder)[:45], rows(undisturbed)[:45], rtol=1e-6, atol=1e-6)


def test_run_without_a_checkpoint_that_serves_begins_anew_and_says_so(
    killed: Path, start: Start, undisturbed: Path, tmp_path: Path
) -> None:
    """One checkpoint, as older versions kept it; and one of a run that has been taken away."""
    folder = shutil.copytree(killed, tmp_path / "run")
    (folder / OLDER_CHECKPOINT).unlink()
    alone_is_enough = shutil.copytree(folder, tmp_path / "one")
    _cut_checkpoint(folder)
    for run, begins_anew in ((folder, True), (alone_is_enough, False)):
        code, words = end(start(run))
        assert code == 0
        assert ("WARNING: md.restart is cut off" in words) == begins_anew
        assert (list(run.glob("traj.*.dcd")) == []) == begins_anew
        join_pieces(run)
        assert flaws(run) == ()
        np.testing.assert_allclose(rows(run)[:45], rows(undisturbed)[:45], rtol=1e-6, atol=1e-6)
    other = shutil.copytree(killed, tmp_path / "other")
    (other / CHECKPOINT).unlink()
    assert end(start(other))[0] == 0
    assert list(other.glob("traj.*.dcd")) == []
