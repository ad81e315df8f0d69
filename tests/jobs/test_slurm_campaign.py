"""A whole small campaign on a real Slurm: killed, its machine file edited, its jobs cancelled, and continued."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.campaign

EXECUTION = {
    "kind": "slurm",
    "poll_seconds": 0.5,
    "defaults": {"partition": "cpu", "group_size": 4, "environment": {"MINI_TEACHER_SECONDS": "0.7"}},
    "train": {"partition": "gpu", "gpus_per_node": 1, "group_size": 1},
}


@contextlib.contextmanager
def running(root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mlip_interfaces.cli.main", "run", str(root.with_suffix(".yaml")), "--out", str(root),
         "--until", "campaign"],
        text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=os.environ | {"MINI_TEACHER_LOG": f"{root}.evaluations"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def wait_for(process: subprocess.Popen[str], condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_killed_edited_and_cancelled_it_ends_with_every_label_made_once(
    slurm: Any, miniature: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    study = yaml.safe_load(miniature.read_text())
    # The smallest of the small: one interface without a melt, one label of each structure.
    study["interface"]["layers"][1]["thickness_angstrom"] = [0]
    study["initial_data"] |= {"n_melt_quench_snapshots": 0, "teacher_md": [], "scrambled": {"n": 0}}
    study["exploration"]["max_labels_per_model"] = 5
    study["analysis"]["msd"] = {"species": ["Li"]}
    root.with_suffix(".yaml").write_text(yaml.safe_dump(study | {"execution": EXECUTION}))
    campaign, training = root / "campaign", root / "campaign" / "iter.000000" / "00.train"

    # One member of the committee is trained (the only GPU serves one at a time), the other waits or has just begun.
    with running(root) as process:
        wait_for(process, lambda: list(training.glob("*/*_task_tag_finished")))
    trained = next(training.glob("*/*_task_tag_finished")).parent
    model = (trained / "frozen_model_compressed.pb").stat().st_mtime_ns

    # Another queue and another group size, in the machine file itself.
    machine = json.loads((campaign / "machine.json").read_text())
    machine["train"]["resources"] |= {"queue_name": "cpu", "gpu_per_node": 0, "group_size": 2}
    machine["fp"]["resources"]["group_size"] = 3
    (campaign / "machine.json").write_text(json.dumps(machine))

    # Every job of the labelling is cancelled once.
    labels = campaign / "iter.000000" / "02.fp"
    with running(root) as process:
        wait_for(process, lambda: list(labels.glob("task.*/label.json")))
        cancelled = [line.split()[0] for line in slurm.queue() if " R " in line]
        subprocess.run(["scancel", *cancelled], check=True)
        _, error = process.communicate()
        assert process.returncode == 0, error

    assert (trained / "frozen_model_compressed.pb").stat().st_mtime_ns == model
    assert len(list(training.glob("*/frozen_model_compressed.pb"))) == 2
    records = [json.loads(file.read_text()) for file in labels.glob("task.*/label.json")]
    assert len(records) == len(list(labels.glob("task.*"))) > 0
    assert {record["reason"] for record in records} <= {None, "ValueError: a bad day"}
    counted = Counter(Path(f"{root}.evaluations").read_text().splitlines())
    # One evaluation may be cut short by each cancelled job.
    assert sum(count - 1 for count in counted.values()) <= len(cancelled)
    assert slurm.queue() == []
