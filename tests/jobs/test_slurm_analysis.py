"""Stage ``analyze`` on a real Slurm: a task for each trajectory; damaged runs and killed jobs are named, and the others are there."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.books.run import INDEX, AnalysisIndex, ScanEntry, ScanIndex, read_book
from mlip_interfaces.config import load_study
from mlip_interfaces.files import write_json
from mlip_interfaces.pipeline.analysis_jobs import LOG
from mlip_interfaces.pipeline.analyze import run_analyze
from mlip_interfaces.run.context import RunContext

SYMBOLS, N_FRAMES = ["Li"] * 8 + ["F"] * 8, 20
SOUND, CUT, KILLED = "coating-00A/p/seed-1", "coating-06A/p/seed-1", "coating-06A/p/seed-2"
KEYS = {
    "analysis": {"requests": {"rdf": {"kind": "rdf", "pairs": ["Li-F"], "blocks": 2, "r_max_angstrom": 3.0}}},
}


def write_run(directory: Path, n_frames: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    path = np.cumsum(rng.normal(0.0, 0.1, (n_frames, len(SYMBOLS), 3)), axis=0) + rng.random((len(SYMBOLS), 3)) * 10.0
    write(directory / "t.extxyz", [Atoms(SYMBOLS, positions=x, cell=[10.0] * 3, pbc=True) for x in path])
    (directory / "layers.json").write_text(json.dumps({"symbols": SYMBOLS, "layer": ["coating"] * len(SYMBOLS)}))


def entry(name: str) -> ScanEntry:
    return ScanEntry(
        name=name, model=name.split("/")[0], coating_angstrom=5.0, protocol="p", condition="p", ensemble="nvt",
        temperature_kelvin=300.0, pressure_bar=(), seed=1, directory=name, trajectory="t.extxyz", topology="", layers="layers.json",
        thermo_file="", frame_interval_ps=0.1, n_atoms=len(SYMBOLS), healthy=True, reasons=(), time_ps=2.0, n_steps=20,
        n_frames=N_FRAMES,
    )  # fmt: skip


@pytest.mark.parametrize("place", ["lazy-local", "local", "ssh"])
def test_each_trajectory_is_a_task_and_what_fails_leaves_the_others_to_their_end(
    slurm: Any, tmp_path: Path, miniature: Path, place: str, request: pytest.FixtureRequest
) -> None:
    # A node that kills the analysis of one run, as for its memory.
    program = tmp_path / "node" / "mlip-interfaces"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncase $PWD in */{KILLED}) kill -9 $$;; esac\n"
        f"exec {sys.executable} -c 'from mlip_interfaces.cli.main import main; raise SystemExit(main())' \"$@\"\n"
    )
    program.chmod(0o755)
    execution: dict[str, Any] = {
        "kind": "slurm", "poll_seconds": 0.3, "retries": 1, "context": place,
        "defaults": {"partition": "gpu", "gpus_per_node": 1, "setup": [f"export PATH={program.parent}:$PATH PYTHONPATH={os.environ['PYTHONPATH']}"]},
        "analyze": {"partition": "cpu"},
    }  # fmt: skip
    if place == "ssh":
        execution["remote_profile"] = request.getfixturevalue("ssh_profile")
    if place != "lazy-local":
        execution["remote_root"] = str(tmp_path / "scratch")
        (tmp_path / "scratch").mkdir()
    study = load_study(miniature)
    context = RunContext(study.model_validate(study.model_dump() | KEYS | {"execution": execution}), tmp_path / "run")
    for name in (SOUND, CUT, KILLED):
        write_run(context.scan / name, N_FRAMES - 5 * (name == CUT))
    write_json(context.scan / INDEX, ScanIndex(tuple(map(entry, (CUT, KILLED, SOUND)))).to_json())

    said = run_analyze(context)
    assert said.startswith("1 of 3 runs analysed; not analysed: ")
    found = {run.name: run for run in read_book(AnalysisIndex, context.analysis / INDEX).runs}
    assert found[SOUND].results == ("rdf",)
    assert "has 15 whole frames, and the scan's index says 20: it was cut" in found[CUT].trouble
    assert "Ended unfinished 2 times without coming further, cancelled or failed: job" in found[KILLED].trouble
    assert ("Killed" if place == "lazy-local" else "its log is where the job ran") in found[KILLED].trouble
    # In this process it is the same.
    here = replace(context, results=tmp_path / "here")
    here.analysis.mkdir()
    run_analyze(here)
    contents = [json.loads((one.analysis / SOUND / "rdf.json").read_text()) for one in (context, here)]
    assert contents[0]["pairs"] == contents[1]["pairs"]
    assert (context.analysis / SOUND / "rdf.png").is_file()

    # Mended, the others get a job, and what is there is not looked at again.
    write_run(context.scan / CUT, N_FRAMES)
    program.write_text(program.read_text().replace(KILLED, "nobody"))
    log = context.analysis / SOUND / LOG
    before = log.stat().st_mtime_ns
    assert run_analyze(context) == "3 of 3 runs analysed"
    assert log.stat().st_mtime_ns == before
    # Twice does nothing.
    jobs = (context.analysis / "dpdispatcher.log").stat().st_mtime_ns
    assert run_analyze(context) == "3 of 3 runs analysed"
    assert (context.analysis / "dpdispatcher.log").stat().st_mtime_ns == jobs
