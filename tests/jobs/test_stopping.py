"""What runs of a run folder is found by its script and its folder, told after Ctrl-C, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlip_interfaces.cli.main import main
from mlip_interfaces.files import write_json
from mlip_interfaces.jobs.stopping import ROOT_FILE, running_jobs, stop_jobs

BATCH = """
import sys
from pathlib import Path
from mlip_interfaces.cli import main, verbs
from mlip_interfaces.config import LocalExecution
from mlip_interfaces.jobs import Batch, JobTask, run_tasks
from mlip_interfaces.pipeline import flow

def run_study(study, root, **_):
    tasks = tuple(JobTask(name, "sleep 300 & echo $! > pid; wait", ("made",)) for name in ("a", "b"))
    run_tasks(Batch(tasks, root / "scan", "label"), LocalExecution(cores=2, poll_seconds=0.2))

flow.run_study = run_study
sys.exit(main.main(["run", "study.yaml", "--out", sys.argv[1]]))
"""


def run_folder(root: Path) -> Path:
    for task in ("a", "b"):
        (root / "scan" / task).mkdir(parents=True)
    (root / "study.yaml").write_text("name: x\n")
    return root


def is_alive(number: int) -> bool:
    try:
        return (Path("/proc") / str(number) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def started(root: Path) -> list[int]:
    """Numbers of the programs that the two tasks of a run folder run."""
    files = [root / "scan" / task / "pid" for task in ("a", "b")]
    deadline = time.monotonic() + 60
    while not all(file.is_file() and file.read_text().strip() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [int(file.read_text()) for file in files]


def begun(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BATCH, str(root)],
        cwd=root.parent,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What a shell runs in the background inherits a Ctrl-C that is ignored; a user's terminal gives one that is heeded.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two run folders, whose names begin alike, each with two jobs of two tasks that outlive the one who began them."""
    roots = (run_folder(tmp_path / "it's run [1]"), run_folder(tmp_path / "it's run [1] b"))
    yield roots
    for root in roots:
        stop_jobs(running_jobs(root).jobs)


def test_interrupted_it_says_what_goes_on_and_stop_ends_it_and_nothing_else(
    two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root, other = two
    process = begun(root)
    programs = started(root)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    others = begun(other)
    of_other = started(other)
    others.kill()
    others.communicate()
    assert process.returncode == 3
    jobs = running_jobs(root).jobs
    assert len(jobs) == 2
    assert "2 jobs of it still there" in said
    assert all(f"process {job.number} in " in said for job in jobs)
    assert f"""`mlip-interfaces stop '{str(root).replace("'", "'" + '"' + "'" + '"' + "'")}'` ends them""" in said
    assert all(map(is_alive, programs))
    assert main(["stop", str(root)]) == 0
    assert capsys.readouterr().out.count("ended process") == 2
    assert not any(map(is_alive, programs))
    assert running_jobs(root).jobs == ()
    assert main(["stop", str(root)]) == 0
    assert "Nothing runs" in capsys.readouterr().out
    assert all(map(is_alive, of_other))


def test_stop_of_a_folder_without_a_run_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", str(tmp_path)]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_a_process_that_only_works_in_the_folder_is_no_job(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        assert running_jobs(tmp_path).jobs == ()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins of squeue, which prints the file given, and of scancel, which notes what it was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("squeue", f"cat '{tmp_path}/queue'"), ("scancel", f"echo $* >> '{tmp_path}/cancelled'")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path / "queue"


def test_jobs_in_slurm_are_cancelled_by_their_folder(
    tmp_path: Path, queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, far = run_folder(tmp_path / "run"), tmp_path / "scratch" / "hash"
    write_json(root / "scan" / ROOT_FILE, {"context": "LocalContext", "below": str(far.parent), "folder": str(far)})
    script = f".{'0123456789' * 4}.sub"
    queue.write_text(
        f"\nCLUSTER: big\n7|{root}/scan|{root}/scan/{script}\n8|{far}|{script}\n9|{tmp_path}/run-2/scan|{script}\n10|{root}/scan|mine.sh\n"
    )
    assert main(["stop", str(root)]) == 0
    assert capsys.readouterr().out == f"ended Slurm job 7 in {root}/scan\nended Slurm job 8 in {far}\n"
    assert (tmp_path / "cancelled").read_text() == "-Q 7 8\n"


def test_what_cannot_be_asked_is_said(tmp_path: Path, queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file of the queue: squeue fails, which says nothing where the run uses none. Jobs of another machine are out of reach."""
    root = run_folder(tmp_path / "run")
    assert main(["stop", str(root)]) == 0
    assert "Slurm" not in capsys.readouterr().out
    (root / "study.yaml").write_text("execution: {kind: slurm}\n")
    write_json(root / "scan" / ROOT_FILE, {"context": "SSHContext", "below": "/far", "folder": "/far/hash"})
    assert main(["stop", str(root)]) == 3
    said = capsys.readouterr().out
    assert "Slurm's queue cannot be read" in said
    assert "in /far/hash; end them there with scancel" in said
