"""Manifests and the lock of a run folder."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlip_interfaces.errors import RunLockedError
from mlip_interfaces.run.folder import locked
from mlip_interfaces.run.manifests import read_manifest, recorded

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
