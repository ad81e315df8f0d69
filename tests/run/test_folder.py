"""Manifests and the lock of a run folder."""

from __future__ import annotations

import fcntl
import io
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import mlip_interfaces
from mlip_interfaces.errors import InputFileError, RunLockedError
from mlip_interfaces.run.display import Display
from mlip_interfaces.run.folder import LOCK_FILE, end_holder, is_held, locked, require_usable_path
from mlip_interfaces.run.manifests import SCHEMA_VERSION, read_manifest, recorded
from mlip_interfaces.run.versions import ENGINES, engine_versions

HOLD = "import sys, time; from pathlib import Path; from mlip_interfaces.run.folder import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def test_second_process_is_refused_and_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError, match=f"process {holder.pid}"), locked(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with locked(tmp_path):
        pass


def test_stage_that_fails_stays_running_and_adds_up_its_time(tmp_path: Path) -> None:
    def fail() -> None:
        with recorded(tmp_path, "build", "hash"):
            time.sleep(0.05)
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    first = read_manifest(tmp_path)
    assert first is not None
    assert (first.status, first.n_starts) == ("running", 1)
    with recorded(tmp_path, "build", "hash"):
        time.sleep(0.05)
    second = read_manifest(tmp_path)
    assert second is not None
    assert (second.status, second.n_starts) == ("done", 2)
    assert second.wall_seconds >= first.wall_seconds + 0.05
    assert second.versions["deepmd-kit"]


def test_folder_is_held_only_while_somebody_works_in_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_folder_that_cannot_be_written_can_be_asked(small_disk: Path) -> None:
    with locked(small_disk):
        pass
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert not is_held(small_disk)


def test_asking_harms_nobody_who_begins_meanwhile(tmp_path: Path) -> None:
    """The question takes no lock of its own that another question would see."""
    with locked(tmp_path):
        pass
    handle = (tmp_path / LOCK_FILE).open()
    with handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        assert not is_held(tmp_path)


def test_failure_comes_out_even_where_its_record_cannot_be_written(small_disk: Path) -> None:
    def fail() -> None:
        with recorded(small_disk, "build", "hash"):
            (small_disk / "ballast").write_bytes(b"0" * shutil.disk_usage(small_disk).free)
            raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        fail()
    manifest = read_manifest(small_disk)
    assert manifest is not None
    assert manifest.status == "running"


def test_manifest_of_an_older_version_is_read_and_every_key_of_a_newer_one_stays(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    with recorded(tmp_path, "build", "hash"):
        pass
    file = tmp_path / "manifest.json"
    content = json.loads(file.read_text())
    assert list(content) == ["stage", "status", "input_hash", "started", "finished", "wall_seconds", "command", "versions",
                             "n_starts", "schema_version", "keys"]  # fmt: skip
    assert content["schema_version"] == SCHEMA_VERSION
    for key in list(content)[3:]:
        file.write_text(json.dumps({name: value for name, value in content.items() if name != key}))
        older = read_manifest(tmp_path)
        assert older is not None
        assert (older.status, older.input_hash) == ("done", "hash")
    file.write_text(json.dumps(content | {"schema_version": SCHEMA_VERSION + 1, "moon": "full"}))
    with recorded(tmp_path, "build", "other"):
        pass
    again = json.loads(file.read_text())
    assert (again["moon"], again["input_hash"], again["n_starts"]) == ("full", "other", 2)


def test_manifest_that_cannot_be_understood_is_a_sentence_that_deletes_no_folder(tmp_path: Path) -> None:
    with recorded(tmp_path, "build", "hash"):
        pass
    file = tmp_path / "manifest.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in content.items() if name != "input_hash"}))
    with pytest.raises(
        InputFileError, match=rf"{file}: input_hash is missing; delete the file and run its stage again"
    ):
        read_manifest(tmp_path)
    file.write_text(json.dumps(content | {"status": "paused", "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(InputFileError, match=r"status is wrong.*another version of this package"):
        read_manifest(tmp_path)
    file.write_text("{")
    with pytest.raises(InputFileError, match="delete it and run its stage again, which goes on with what is there"):
        read_manifest(tmp_path)


def test_a_question_at_the_wrong_moment_refuses_nobody(tmp_path: Path) -> None:
    """Whoever asks holds the lock for a moment; a run that begins then waits for it."""
    with locked(tmp_path):
        pass
    handle = (tmp_path / LOCK_FILE).open()
    fcntl.flock(handle, fcntl.LOCK_SH)
    threading.Timer(0.15, handle.close).start()
    with locked(tmp_path):
        assert handle.closed


@pytest.mark.parametrize("character", ["\\", "|", "\n", "\x1b"])
def test_a_path_that_job_scripts_cannot_carry_is_refused_before_anything_is_made(
    tmp_path: Path, character: str
) -> None:
    root = tmp_path / f"a{character}b"
    with pytest.raises(InputFileError, match=r"has the character .* --out folder") as refused, locked(root):
        pass
    assert repr(character) in str(refused.value)
    assert not root.exists()


@pytest.mark.parametrize("character", ["[", "*", "?", "#"])
def test_a_path_that_is_a_pattern_is_refused_where_a_potential_is_made(tmp_path: Path, character: str) -> None:
    root = tmp_path / f"run{character}1]"
    with pytest.raises(InputFileError, match="take for a pattern") as refused:
        require_usable_path(root, makes_potential=True)
    assert repr(character) in str(refused.value)
    with locked(root):
        assert is_held(root)


def test_any_other_name_of_a_run_folder_is_taken(tmp_path: Path) -> None:
    require_usable_path(tmp_path / 'it\'s "é 界" {1} $x&;(<~', makes_potential=True)


def test_whoever_works_in_a_folder_can_be_ended(tmp_path: Path) -> None:
    assert end_holder(tmp_path) is None
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        assert end_holder(tmp_path) == holder.pid
        assert holder.wait(10) == -signal.SIGTERM
    assert end_holder(tmp_path) is None


def test_a_stranger_with_the_number_of_the_holder_is_not_ended(tmp_path: Path) -> None:
    """The holder is on another machine, where its number is another process."""
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        with locked(tmp_path):
            (tmp_path / LOCK_FILE).write_text(f"process {stranger.pid}")
            with pytest.raises(RunLockedError, match="another machine"):
                end_holder(tmp_path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_versions_are_those_of_what_is_installed() -> None:
    versions = engine_versions()
    assert versions["mlip-interfaces"] == mlip_interfaces.__version__
    assert versions["numpy"] == np.__version__
    assert set(versions) <= {"mlip-interfaces", "python", *ENGINES}


def test_display_writes_a_line_for_each_tenth_and_stage_where_nobody_watches() -> None:
    said = io.StringIO()
    with Display(("build", "scan"), Console(file=said, force_terminal=False, width=200)) as display:
        display.skip("build")
        display.begin("scan")
        for step in range(101):
            display.update("scan", step / 100, f"step {step}")
        display.end("scan", "all healthy")
    lines = [line.split(" s  ", 1)[1] for line in said.getvalue().splitlines()]
    assert lines[0] == "[1/2] build: finished before"
    assert lines[1] == "[2/2] scan: started"
    assert lines[-1] == "[2/2] scan: done, all healthy"
    assert len(lines) == 3 + 11
    assert lines[2:4] == ["    scan:   0 %  step 0", "    scan:  10 %  step 10"]
