"""A scan of which one run fails at every try: the others come to their end, and the stage says which failed and how to go on."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlip_interfaces.config import LocalExecution, load_study
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.jobs import local
from mlip_interfaces.pipeline.scan import read_scan_index, run_scan, scan_runs
from mlip_interfaces.pipeline.scan_status import scan_status
from mlip_interfaces.run.context import RunContext

TOY = Path(__file__).with_name("toy_lmp.py")


@pytest.fixture
def context(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunContext:
    """A scan of two seeds of one model, with an ``lmp`` that cannot do the second while a file says so."""
    (tmp_path / "programs").mkdir()
    program = tmp_path / "programs" / "lmp"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *"-var seed 2 "*) if [ -f {tmp_path}/no_memory ]; then echo "ERROR: Failed to allocate 9 bytes" '
        f'> log.lammps; exit 1; fi;; esac\nexec {sys.executable} -I -S {TOY} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(local, "own_programs_first", lambda: f'export PATH="{program.parent}:$PATH"')
    monkeypatch.setattr("mlip_interfaces.pipeline.domain.look_at_domain", lambda context, begun: "looked at")
    content = load_study(miniature).model_dump()
    name, protocol = next(iter(content["protocols"].items()))
    content["protocols"] = {name: protocol | {"seeds": (1, 2)}}
    study = load_study(miniature).model_validate(content)
    study = study.model_copy(update={"execution": LocalExecution(cores=1, poll_seconds=0.2)})
    context = RunContext(study, tmp_path / "run")
    for run in scan_runs(study):
        model = context.structures / run.model.name
        model.mkdir(parents=True, exist_ok=True)
        (model / "model.data").write_text("# a model\n\n8 atoms\n")
        (model / "layers.json").write_text(json.dumps({"symbols": ["Li"] * 8, "layer": ["base"] * 8}))
    context.model.mkdir()
    (context.model / "model.pb").write_text("a potential\n")
    return context


def test_others_end_and_are_judged_and_the_failed_one_goes_on_alone(context: RunContext, tmp_path: Path) -> None:
    (tmp_path / "no_memory").touch()
    runs = scan_runs(context.study)
    failing = [run.name for run in runs if run.protocol.seed == 2]
    with pytest.raises(UnfinishedError) as error:
        run_scan(context)
    said = str(error.value).splitlines()
    assert said[0].startswith(
        f"{len(failing)} of {len(runs)} MD runs did not come to their end; the others are done and judged"
    )
    total_ps = runs[0].protocol.n_steps * runs[0].protocol.timestep_fs / 1000
    assert said[1 : 1 + len(failing)] == [
        f"  {name}: 0 of {total_ps:g} ps, ERROR: Failed to allocate 9 bytes" for name in failing
    ]
    assert f"mlip-interfaces scan submit {context.root}" in said[1 + len(failing)]
    states = {run.name: run.state for run in scan_status(context).runs}
    assert {name for name, state in states.items() if state == "failed"} == set(failing)
    assert {state for name, state in states.items() if name not in failing} == {"finished"}
    judged = {entry.name: entry for entry in read_scan_index(context)}
    assert all(judged[name].time_ps == 0 for name in failing)
    assert all(
        entry.time_ps == pytest.approx(total_ps, rel=1e-6, abs=0)
        for name, entry in judged.items()
        if name not in failing
    )
    # Cured, it alone is run.
    (tmp_path / "no_memory").unlink()
    before = {
        run.name: (context.scan / run.name / "traj.dcd").stat().st_mtime_ns for run in runs if run.name not in failing
    }
    assert run_scan(replace(context)).endswith("looked at")
    assert {run.state for run in scan_status(context).runs} == {"finished"}
    assert before == {name: (context.scan / name / "traj.dcd").stat().st_mtime_ns for name in before}
