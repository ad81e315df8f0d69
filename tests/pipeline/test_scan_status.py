"""``scan status``: the state, pace and health of each run, from the ends of its files."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_scan import context, dcd, half_run, table  # noqa: F401 (a fixture)

from mlip_interfaces.books.run import CANDIDATES, INDEX
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import SlurmExecution
from mlip_interfaces.md import COMMAND, STARTED
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.pipeline.scan import collect_scan, prepare_scan, read_scan_index, scan_runs
from mlip_interfaces.pipeline.scan_status import RunStatus, scan_status, status_lines
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.folder import STUDY_FILE, locked


def only(context: RunContext) -> RunStatus:  # noqa: F811
    return scan_status(context).runs[0]


def test_a_run_in_which_a_process_works_has_a_pace_and_a_time_left(context: RunContext) -> None:  # noqa: F811
    directory = half_run(context)
    assert only(context).state == "stopped"
    began = (directory / STARTED).stat().st_mtime
    os.utime(directory / "thermo.csv", (began + 50, began + 50))
    with (directory / "task.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = only(context)
        (line,) = [line for line in status_lines(scan_status(context)) if line.startswith(f"{found.name} ")]
        whole = scan_status(context)
        # LAMMPS' own word is better than a mean since the start.
        (directory / "log.lammps").write_text(
            "Performance: 9.9 ns/day, 1 hours/ns\n" + "Performance: 0.002 ns/day, 1\n" + "100 300 1 2 3\n" * 1000
        )
        told = only(context)
    assert found.state == "running"
    assert found.time_ns == pytest.approx(found.asked_ns / 2, rel=1e-6, abs=0)
    assert found.ns_per_day == pytest.approx(found.time_ns / 50 * 86400, rel=1e-3, abs=0)
    assert found.seconds_left == pytest.approx(50, rel=1e-3, abs=0)
    assert found.healthy is None
    assert found.density_change == 0
    assert line.split()[1] == "running"
    assert f"{found.seconds_left:.0f} s" in line
    assert whole.states == {"running": 1, "waiting": len(whole.runs) - 1}
    assert whole.ns_per_day == found.ns_per_day
    assert told.ns_per_day == 0.002
    assert told.seconds_left == pytest.approx(found.time_ns / 0.002 * 86400, rel=1e-6, abs=0)


def test_where_no_lock_can_tell_a_table_that_was_just_written_runs(context: RunContext) -> None:  # noqa: F811
    directory = half_run(context)
    far = replace(context, study=context.study.model_copy(update={"execution": SlurmExecution(kind="slurm")}))
    assert only(far).state == "running"
    old = time.time() - 3600
    os.utime(directory / "thermo.csv", (old, old))
    assert only(far).state == "stopped"


def test_a_slow_run_is_given_three_of_its_own_intervals(context: RunContext) -> None:  # noqa: F811
    """At this pace a line of the table takes 200 s."""
    directory = half_run(context)
    far = replace(context, study=context.study.model_copy(update={"execution": SlurmExecution(kind="slurm")}))
    interval_ps = scan_runs(context.study)[0].protocol.frame_interval_ps
    (directory / "log.lammps").write_text(f"Performance: {interval_ps / 1000 * 86400 / 200} ns/day, 1 hours/ns\n")
    for seconds, state in ((500, "running"), (700, "stopped")):
        then = time.time() - seconds
        os.utime(directory / "thermo.csv", (then, then))
        assert only(far).state == state


def test_a_run_that_ended_badly_has_failed_and_says_its_last_words(context: RunContext) -> None:  # noqa: F811
    directory = half_run(context)
    (directory / "task.log").write_text(
        "LAMMPS ended with status 247, not at the end of its run. The end of log.lammps:\n 100 300\n"
    )
    found = only(context)
    assert found.state == "failed"
    assert found.reasons == ("LAMMPS ended with status 247, not at the end of its run. The end of log.lammps:",)
    (directory / "log.lammps").write_text("ERROR: Cannot open file model.data\n")
    assert only(context).reasons == ("ERROR: Cannot open file model.data",)


def test_a_finished_run_is_as_healthy_as_the_index_says_and_a_halted_one_is_sick(context: RunContext) -> None:  # noqa: F811
    directory = half_run(context)
    protocol = scan_runs(context.study)[0].protocol
    n_frames = protocol.n_steps // protocol.dump_every + 1
    rows = table(0, n_frames - 1, protocol.frame_interval_ps, protocol.temperature_kelvin)
    (directory / "thermo.csv").write_text(rows)
    (directory / "traj.dcd").write_bytes(dcd(n_frames, protocol.dump_every, 8))
    (directory / DONE).write_text("0\n")
    assert (only(context).state, only(context).healthy) == ("finished", None)
    collect_scan(context)
    assert (only(context).state, only(context).healthy) == ("finished", True)
    lines = rows.splitlines()[:9]
    lines[-1] = lines[-1].replace(",1.9,", ",0.05,")
    (directory / "thermo.csv").write_text("\n".join(lines) + "\n")
    found = only(context)
    assert (found.state, found.healthy, found.last_good_frame) == ("sick", False, 6)
    assert found.last_good_ps == pytest.approx(6 * protocol.frame_interval_ps, rel=1e-6, abs=0)
    assert "scan collect" in found.reasons[0]
    # All atoms of these frames lie on each other.
    collect_scan(context)
    entry = read_scan_index(context)[0]
    assert entry.sick is not None
    assert (entry.sick.last_good_frame, entry.sick.candidates) == (6, "")
    assert not (directory / CANDIDATES).exists()
    found = only(context)
    assert "two atoms came as close as 0.05 angstrom" in found.reasons
    assert f"last good frame 6, at {found.last_good_ps:g} ps: two atoms" in "\n".join(
        status_lines(scan_status(context))
    )


def test_a_table_that_is_no_table_does_not_hide_the_other_runs(context: RunContext) -> None:  # noqa: F811
    directory = half_run(context)
    (directory / DONE).write_text("0\n")
    (directory / "thermo.csv").write_text("rubbish\nmore,rubbish\n")
    found = scan_status(context)
    assert found.runs[0].state == "sick"
    assert [run.state for run in found.runs[1:]] == ["waiting"] * (len(found.runs) - 1)


def test_a_hundred_runs_are_looked_at_in_under_two_seconds(context: RunContext) -> None:  # noqa: F811
    """The potential is read once, and of files of megabytes the ends."""
    content = context.study.model_dump()
    (context.model / "model.pb").write_bytes(bytes(50_000_000))
    first = next(iter(content["protocols"].values()))
    n_models = len(context.study.scan_models)
    content["protocols"] = {"many": first | {"seeds": tuple(range(1, 100 // n_models + 2))}}
    many = replace(context, study=context.study.model_validate(content))
    runs = scan_runs(many.study)
    assert len(runs) >= 100
    prepare_scan(many)
    rows, log = table(0, 10_000, 0.00001, 50.0), "100 300.0 1.0 2.0 -3.0\n" * 40_000
    for run in runs:
        directory = many.scan / run.name
        (directory / STARTED).write_text((directory / COMMAND).read_text())
        (directory / "log.lammps").write_text(log)
        (directory / "thermo.csv").write_text(rows)
    began = time.process_time()
    assert scan_status(many).states == {"stopped": len(runs)}
    assert time.process_time() - began < 2


def test_json_is_the_same_and_loads(context: RunContext, miniature: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    half_run(context)
    (context.root / "study.yaml").write_text(miniature.read_text())
    assert main(["scan", "status", str(context.root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in told["runs"]] == [run.name for run in scan_runs(context.study)]
    assert set(told) == {"runs", "states", "time_ns", "asked_ns", "ns_per_day", "elsewhere"}
    assert told["runs"][0]["state"] == "stopped"
    assert sum(told["states"].values()) == len(told["runs"])
    assert main(["scan", "status", str(context.root)]) == 0
    assert "stopped" in capsys.readouterr().out


def test_json_of_a_run_with_numbers_that_are_none_is_json(
    context: RunContext,  # noqa: F811
    miniature: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table_file = half_run(context) / "thermo.csv"
    *lines, last = table_file.read_text().splitlines()
    time_ps, _, *others = last.split(",")
    table_file.write_text("\n".join([*lines, ",".join([time_ps, "nan", *others])]) + "\n")
    shutil.copyfile(miniature, context.root / STUDY_FILE)

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert main(["scan", "status", str(context.root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert told["runs"][0]["temperature_kelvin"] is None


def test_collecting_is_refused_where_another_works(
    context: RunContext,  # noqa: F811
    miniature: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copyfile(miniature, context.root / STUDY_FILE)
    with locked(context.root):
        code = main(["scan", "collect", str(context.root)])
    assert code != 0
    assert "is working in" in capsys.readouterr().err
    assert not (context.scan / INDEX).exists()
