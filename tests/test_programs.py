"""External programs: their end, their limit and their answers, in one way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlip_interfaces.errors import MissingProgramError, ProgramError
from mlip_interfaces.programs import THREAD_ENVIRONMENT, ask_program, log_tail, run_program, run_to_status

SH = "/bin/sh"


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(file: Path) -> str:
    deadline = time.monotonic() + 20
    while not (file.is_file() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return file.read_text().strip()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"exit status 3 in .*The end of .*log:\nlast words"):
        run_program(["sh", "-c", "echo last words; exit 3"], directory=tmp_path, log_file=tmp_path / "log")


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        # A hole of 200 GB, which nobody could read.
        file.seek(200 * 2**30)
        file.write(b"\nlast but one\nlast\n")
    assert log_tail(log, 2) == "last but one\nlast"


def test_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingProgramError, match="'no-such-program' is neither in"):
        run_program(["no-such-program"], directory=tmp_path, log_file=tmp_path / "log")


def test_program_gets_its_folder_one_thread_and_what_is_added(tmp_path: Path) -> None:
    run = run_program(
        ["sh", "-c", "pwd; echo $OMP_NUM_THREADS $MINE; cat"],
        directory=tmp_path,
        log_file=tmp_path / "log",
        environment={"MINE": "yes"},
    )
    # Nothing stands on its input: `cat` ends at once.
    assert run.log_file.read_text().split() == [str(tmp_path), THREAD_ENVIRONMENT["OMP_NUM_THREADS"], "yes"]
    assert run.wall_seconds < 10


def test_single_precision_on_a_gpu_is_not_that_of_tf32(tmp_path: Path) -> None:
    """The bit of the environment that NVIDIA's libraries read; TensorFlow has no other by which dp and lmp could be told."""
    run = run_program(["sh", "-c", "echo $NVIDIA_TF32_OVERRIDE"], directory=tmp_path, log_file=tmp_path / "log")
    assert run.log_file.read_text() == "0\n"


def test_both_streams_are_in_the_log_in_their_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_to_status([SH, "-c", "echo a; echo b >&2; echo c; exit 7"], directory=tmp_path, log_file=log) == 7
    assert log.read_text() == "a\nb\nc\n"


def test_signal_that_ended_it_is_a_negative_status(tmp_path: Path) -> None:
    status = run_to_status([SH, "-c", "kill -9 $$"], directory=tmp_path, log_file=tmp_path / "log")
    assert status == -signal.SIGKILL


def test_at_the_limit_all_that_it_started_ends(tmp_path: Path) -> None:
    child = tmp_path / "child"
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"more than 0\.5 s"):
        run_to_status(
            [SH, "-c", f"sleep 60 & echo $! > {child}; sleep 60"],
            directory=tmp_path,
            log_file=tmp_path / "log",
            limit_seconds=0.5,
        )
    assert time.monotonic() - began < 20
    assert gone(int(wait_for(child)))


def test_with_a_limit_nothing_is_left_behind_at_its_own_end(tmp_path: Path) -> None:
    child = tmp_path / "child"
    status = run_to_status(
        [SH, "-c", f"sleep 60 & echo $! > {child}"], directory=tmp_path, log_file=tmp_path / "log", limit_seconds=30
    )
    assert status == 0
    assert gone(int(wait_for(child)))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's doing")
def test_program_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from mlip_interfaces.programs import run_program; "
        f"run_program(['sh', '-c', 'echo $$ > {tmp_path / 'pid'}; exec sleep 60'], directory=Path({str(tmp_path)!r}), "
        f"log_file=Path({str(tmp_path / 'log')!r}))"
    )
    caller = subprocess.Popen([sys.executable, "-c", code])
    pid = int(wait_for(tmp_path / "pid"))
    assert alive(pid)
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    assert gone(pid)


def test_answer_has_its_two_streams_apart() -> None:
    answer = ask_program([SH, "-c", "echo 1.2.3; echo warning >&2"])
    assert (answer.status, answer.output, answer.errors) == (0, "1.2.3", "warning")


def test_program_that_cannot_answer_is_no_error() -> None:
    missing = ask_program(["/no/such/program"])
    assert missing.status != 0
    assert "No such file" in missing.errors
    slow = ask_program([SH, "-c", "sleep 60"], limit_seconds=0.2)
    assert slow.status != 0
    assert slow.errors == "no answer within 0.2 s"
