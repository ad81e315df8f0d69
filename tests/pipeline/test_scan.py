"""Stage ``scan`` on runs that were interrupted."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.config import load_study
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.md import CHECKPOINT, COMMAND, STARTED, Motion
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.md.health import COLUMNS
from mlip_interfaces.pipeline.md_runs import health_bounds
from mlip_interfaces.pipeline.scan import _md_loops, collect_scan, prepare_scan, read_scan_index, scan_runs
from mlip_interfaces.pipeline.scan_status import RunStatus, scan_status
from mlip_interfaces.pipeline.stale_runs import stale_runs
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import FS_TO_PS


@pytest.fixture
def context(miniature: Path, tmp_path: Path) -> RunContext:
    """A run folder that is ready for the scan, with files that say nothing."""
    study = load_study(miniature)
    context = RunContext(study, tmp_path, lambda fraction, note: None)
    for run in scan_runs(study):
        model = context.structures / run.model.name
        model.mkdir(parents=True, exist_ok=True)
        (model / "model.data").write_text("atoms\n")
        (model / "layers.json").write_text(json.dumps({"symbols": ["Li"] * 8, "layer": ["base"] * 8}))
    context.model.mkdir()
    (context.model / "model.pb").write_text("a potential\n")
    prepare_scan(context)
    return context


def table(first: int, last: int, interval_ps: float, kelvin: float) -> str:
    rows = (f"{i * interval_ps:g},{kelvin},0,2.5,-30,1.9,8,9,20,90,90,60" for i in range(first, last + 1))
    return ",".join(COLUMNS) + "\n" + "".join(f"{row}\n" for row in rows)


def dcd(n_frames: int, interval_steps: int, n_atoms: int) -> bytes:
    """A trajectory of zeros, as LAMMPS lays it out."""
    numbers = np.zeros(20, "<i4")
    numbers[[0, 2, 19]] = n_frames, interval_steps, 24
    title = np.array([164, 2], "<i4").tobytes() + bytes(160) + np.array([164, 4, n_atoms, 4], "<i4").tobytes()
    head = np.array([84], "<i4").tobytes() + b"CORD" + numbers.tobytes() + np.array([84], "<i4").tobytes() + title
    records = [struct.pack(f"<i{size}xi", size, size) for size in (48, *[4 * n_atoms] * 3)]
    return head + n_frames * b"".join(records)


def statuses(context: RunContext) -> dict[str, RunStatus]:
    return {run.name: run for run in scan_status(context).runs}


def test_checkpoint_stays_until_the_protocol_is_another(context: RunContext) -> None:
    first, *_ = scan_runs(context.study)
    checkpoint = context.scan / first.name / CHECKPOINT
    checkpoint.write_text("state\n")
    prepare_scan(context)
    assert checkpoint.is_file()
    protocols = context.study.model_dump()["protocols"]
    hotter = context.study.model_validate(
        context.study.model_dump()
        | {"protocols": {name: section | {"temperature_kelvin": 999} for name, section in protocols.items()}}
    )
    prepare_scan(RunContext(hotter, context.root, context.progress))
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    "change", [{"cell": "free"}, {"temperature_kelvin": 999.0}], ids=lambda change: next(iter(change))
)
def test_finished_run_of_another_protocol_is_set_aside_and_comes_back(
    context: RunContext, change: dict[str, object]
) -> None:
    directory = half_run(context)
    protocol = scan_runs(context.study)[0].protocol
    (directory / "thermo.csv").write_text(
        table(0, protocol.n_steps // protocol.dump_every, protocol.frame_interval_ps, protocol.temperature_kelvin)
    )
    (directory / DONE).write_text("0\n")
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    assert b" -var cell coupled_xy " in before[COMMAND]
    other = edited(context, **change)
    prepare_scan(other)
    assert sorted(path.name for path in directory.iterdir()) == [COMMAND, "layers.json", "model.data"]
    (item,) = all_aside(context.root)
    assert (item.place, item.made_of) == (
        directory.relative_to(context.root).as_posix(), Motion.of(before[COMMAND].decode()).hash,
    )  # fmt: skip
    assert {file.name: file.read_bytes() for file in item.folder.iterdir()} == before
    # The new one has begun when the study is changed back: each is kept for its own.
    (directory / "thermo.csv").write_text("time_ps\n")
    (directory / STARTED).write_text((directory / COMMAND).read_text())
    prepare_scan(context)
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == before
    (item,) = all_aside(context.root)
    assert item.made_of == Motion.of((item.folder / COMMAND).read_text()).hash
    prepare_scan(other)
    assert (directory / "thermo.csv").read_text() == "time_ps\n"


def test_run_in_which_somebody_works_does_not_make_room(context: RunContext) -> None:
    directory = half_run(context)
    with (directory / "task.lock").open("w") as lock:
        lock.write("process 1 on node")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(
            UnfinishedError, match=r"another temperature|temperature .* but process 1 on node works in it"
        ):
            prepare_scan(edited(context, temperature_kelvin=999.0))
        # What only goes on does.
        prepare_scan(context)
    assert (directory / CHECKPOINT).is_file()
    prepare_scan(edited(context, temperature_kelvin=999.0))
    assert not (directory / CHECKPOINT).is_file()


def test_bounds_of_health_are_those_of_the_study(context: RunContext) -> None:
    study = context.study.model_dump()
    for number, name in enumerate(study["health"]):
        value = 1.1 + number if name == "max_temperature_ratio" else 0.11 + 0.1 * number
        study["health"][name] = value
    bounds = asdict(health_bounds(context.study.model_validate(study)))
    assert bounds == study["health"]


def test_pieces_are_joined_once_a_run_is_over_and_shown_before(context: RunContext) -> None:
    first, *others = scan_runs(context.study)
    protocol = first.protocol
    directory = context.scan / first.name
    n_frames = protocol.n_steps // protocol.dump_every
    half = n_frames // 2
    assert half >= 2
    interval, kelvin = protocol.frame_interval_ps, protocol.temperature_kelvin
    (directory / "thermo.csv").write_text(table(0, half, interval, kelvin))
    (directory / f"thermo.{(half - 1) * protocol.dump_every}.csv").write_text(
        table(half - 1, n_frames - 1, interval, kelvin)
    )
    progress = statuses(context)
    done_ps = (protocol.n_steps - protocol.dump_every) * protocol.timestep_fs * FS_TO_PS
    assert progress[first.name].time_ns == pytest.approx(done_ps / 1000, rel=1e-6, abs=0)
    assert progress[first.name].asked_ns == pytest.approx(protocol.time_ps / 1000, rel=1e-9, abs=0)
    assert progress[first.name].state == "stopped"
    assert all((progress[run.name].time_ns, progress[run.name].state) == (0.0, "waiting") for run in others)
    collect_scan(context)
    assert len(list(directory.glob("thermo.*.csv"))) == 1, "it may still be running"
    with next(directory.glob("thermo.*.csv")).open("a") as file:
        file.write(table(n_frames, n_frames, interval, kelvin).splitlines()[1] + "\n")
    (directory / DONE).write_text("0\n")
    (directory / "traj.dcd").write_bytes(dcd(n_frames + 1, protocol.dump_every, 8))
    collect_scan(context)
    assert not list(directory.glob("thermo.*.csv"))
    assert len((directory / "thermo.csv").read_text().splitlines()) == n_frames + 2
    entry = next(entry for entry in read_scan_index(context) if entry.name == first.name)
    assert entry.healthy, entry.reasons
    assert entry.n_frames == n_frames + 1
    assert entry.edges_initial_angstrom == entry.edges_mean_angstrom == (8, 9, 20)
    assert entry.time_ps == pytest.approx(protocol.n_steps * protocol.timestep_fs * FS_TO_PS, rel=1e-6, abs=0)
    (directory / "traj.dcd").write_bytes(dcd(n_frames, protocol.dump_every, 8))
    assert "not healthy" in collect_scan(context)
    entry = next(entry for entry in read_scan_index(context) if entry.name == first.name)
    assert not entry.healthy
    (reason,) = entry.reasons
    assert f"traj.dcd has {n_frames} whole frames and 0 bytes, its header tells {n_frames}" in reason
    assert f"thermo.csv asks for {n_frames + 1}" in reason


@pytest.mark.parametrize(("status", "log"), [("", ""), ("247\n", "  100  300.2\n"), ("1\n", "ERROR: No space left\n")])
def test_run_that_was_taken_for_a_finished_one_is_run_again(context: RunContext, status: str, log: str) -> None:
    """As a full disk leaves it, or an earlier version that took a killed LAMMPS for one that gave up."""
    first, *others = scan_runs(context.study)
    directory = context.scan / first.name
    (directory / DONE).write_text(status)
    (directory / "log.lammps").write_text(log)
    (directory / CHECKPOINT).write_text("state\n")
    fallen = context.scan / others[0].name
    (fallen / DONE).write_text("1\n")
    (fallen / "log.lammps").write_text("ERROR: Lost atoms: original 8 current 7\n")
    progress = statuses(context)
    assert progress[first.name].state == ("failed" if "ERROR" in log else "waiting")
    assert progress[others[0].name].state == "sick"
    prepare_scan(context)
    assert not (directory / DONE).exists()
    assert (directory / CHECKPOINT).is_file()
    assert (fallen / DONE).is_file()


def test_run_whose_pieces_do_not_meet_is_unhealthy_and_keeps_them(context: RunContext) -> None:
    first, *_ = scan_runs(context.study)
    protocol = first.protocol
    directory = context.scan / first.name
    interval, kelvin = protocol.frame_interval_ps, protocol.temperature_kelvin
    (directory / "thermo.csv").write_text(table(0, 3, interval, kelvin))
    later = directory / f"thermo.{10 * protocol.dump_every}.csv"
    later.write_text(table(10, protocol.n_steps // protocol.dump_every, interval, kelvin))
    (directory / DONE).write_text("0\n")
    assert "not healthy" in collect_scan(context)
    entry = next(entry for entry in read_scan_index(context) if entry.name == first.name)
    assert not entry.healthy
    assert "leave a gap" in entry.reasons[0]
    assert later.is_file()


def edited(context: RunContext, **changes: object) -> RunContext:
    """The same folder, and a study whose protocols are others."""
    study = context.study.model_dump()
    protocols = {name: section | changes for name, section in study["protocols"].items()}
    return replace(context, study=context.study.model_validate(study | {"protocols": protocols}))


def half_run(context: RunContext) -> Path:
    """The first run, killed after half of its frames; started as ``sh command.sh`` does."""
    first, *_ = scan_runs(context.study)
    directory, protocol = context.scan / first.name, first.protocol
    (directory / STARTED).write_text((directory / COMMAND).read_text())
    half = protocol.n_steps // protocol.dump_every // 2
    (directory / "thermo.csv").write_text(table(0, half, protocol.frame_interval_ps, protocol.temperature_kelvin))
    (directory / "traj.dcd").write_text("frames\n")
    (directory / "start.in").write_text("variable start_density equal 2.5\n")
    (directory / CHECKPOINT).write_text("state\n")
    return directory


HALVED = {"dump_interval_ps": 0.0025}


@pytest.mark.parametrize("older", [False, True], ids=["of this version", "without a copy of its script"])
def test_unfinished_run_of_another_protocol_is_neither_counted_nor_judged_nor_joined(
    context: RunContext, older: bool
) -> None:
    directory = half_run(context)
    if older:
        (directory / STARTED).unlink()
        command = (directory / COMMAND).read_text().splitlines()[-1]
        (directory / COMMAND).write_text(f"#!/bin/sh\n{command}\n")
    later = directory / "thermo.60.csv"
    later.write_text((directory / "thermo.csv").read_text())
    before = (directory / "thermo.csv").read_text()
    other = edited(context, **HALVED)
    first, *_ = scan_runs(other.study)
    progress = statuses(other)[first.name]
    assert progress.state == "of another study"
    assert progress.reasons[0].startswith(
        "begun: its files were made with another command than the study asks for now (dump"
    )
    assert f"not healthy: {first.name}" in collect_scan(other)
    entry = next(entry for entry in read_scan_index(other) if entry.name == first.name)
    assert (entry.n_frames, entry.time_ps, entry.motion_sha256) == (0, 0.0, "")
    assert "made with another command than the study asks for now (dump_every 5 for 10)" in entry.reasons[0]
    assert later.is_file()
    assert (directory / "thermo.csv").read_text() == before
    prepare_scan(other)
    progress = statuses(other)[first.name]
    assert (progress.state, progress.time_ns) == ("waiting", 0.0)
    (item,) = all_aside(context.root)
    assert (item.folder / later.name).is_file()


def test_finished_run_of_another_protocol_is_not_joined_judged_or_called_finished(context: RunContext) -> None:
    directory = half_run(context)
    (directory / DONE).write_text("0\n")
    later = directory / "thermo.60.csv"
    later.write_text((directory / "thermo.csv").read_text())
    other = edited(context, **HALVED)
    collect_scan(other)
    assert later.is_file()
    found = scan_status(other).runs[0]
    assert found.state == "of another study"
    assert found.reasons[0].startswith("finished: its files were made with another command")


def test_bounds_of_health_are_judged_anew_and_do_not_make_another_run(context: RunContext) -> None:
    directory = half_run(context)
    first, *_ = scan_runs(context.study)
    protocol = first.protocol
    (directory / "thermo.csv").write_text(
        table(0, protocol.n_steps // protocol.dump_every, protocol.frame_interval_ps, protocol.temperature_kelvin)
    )
    (directory / "traj.dcd").write_bytes(dcd(protocol.n_steps // protocol.dump_every + 1, protocol.dump_every, 8))
    (directory / DONE).write_text("0\n")
    collect_scan(context)
    assert read_scan_index(context)[0].healthy
    study = context.study.model_dump()
    stricter = study | {"health": study["health"] | {"min_distance_angstrom": 2.0}}
    other = replace(context, study=context.study.model_validate(stricter))
    assert stale_runs(other, read_scan_index(other)) == {}
    collect_scan(other)
    # Of the table.
    assert read_scan_index(other)[0].reasons == ("two atoms came as close as 1.90 angstrom",)


def test_index_of_another_study_or_of_other_files_is_found_out(context: RunContext) -> None:
    directory = half_run(context)
    collect_scan(context)
    runs = read_scan_index(context)
    name = runs[0].name
    assert runs[0].motion_sha256
    assert stale_runs(context, runs) == {}
    halved = edited(context, **HALVED)
    assert set(stale_runs(halved, runs)) == {name}
    assert "another command than the study asks for now" in stale_runs(halved, runs)[name]
    # Of an older version, which did not write what made a run: its folder says it.
    older = tuple(replace(run, motion_sha256="") for run in runs)
    assert set(stale_runs(halved, older)) == {name}
    assert stale_runs(context, older) == {}
    assert "no such run any more" in stale_runs(edited(context, seeds=(7,)), runs)[name]
    prepare_scan(halved)
    assert "another command" in stale_runs(halved, runs)[name]
    (directory / STARTED).write_text((directory / COMMAND).read_text())
    (directory / "thermo.csv").write_text("time_ps\n")
    assert "begun anew" in stale_runs(halved, runs)[name]
    assert "another command" in stale_runs(context, runs)[name]


def test_script_removes_what_another_command_left_and_keeps_what_is_its_own(
    context: RunContext, tmp_path: Path
) -> None:
    directory = half_run(context)
    (tmp_path / "bin").mkdir()
    lmp = tmp_path / "bin" / "lmp"
    lmp.write_text("#!/bin/sh\nls > found\nexit 3\n")
    lmp.chmod(0o755)

    def start() -> set[str]:
        """What LAMMPS finds when it starts."""
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        run = subprocess.run(["sh", COMMAND], cwd=directory, env=os.environ | {"PATH": path}, check=False)
        assert run.returncode == 3
        assert (directory / STARTED).read_text() == (directory / COMMAND).read_text()
        return set((directory / "found").read_text().split())

    data = {"thermo.csv", "traj.dcd", CHECKPOINT}
    prepare_scan(context)
    assert data <= start()
    # Edited by hand: nobody set aside what another command made.
    (directory / COMMAND).write_text((directory / COMMAND).read_text().replace("temperature 50", "temperature 51"))
    (directory / CHECKPOINT).write_text("state\n")
    (directory / "traj.60.dcd").write_text("frames\n")
    assert not {*data, "traj.60.dcd"} & start()
    assert {"model.data", "layers.json", COMMAND} <= start()


def test_run_of_an_older_version_goes_on_from_its_checkpoint(context: RunContext) -> None:
    directory = half_run(context)
    now = (directory / COMMAND).read_text()
    (directory / STARTED).unlink()
    (directory / COMMAND).write_text(f"#!/bin/sh\n{now.splitlines()[-1]}\n")
    prepare_scan(context)
    assert (directory / CHECKPOINT).is_file()
    assert (directory / COMMAND).read_text() == (directory / STARTED).read_text() == now


def test_steps_that_a_kill_undid_are_not_timed() -> None:
    loop = "Loop time of {} on 1 procs for {} steps with 8 atoms\n\nPerformance: 1 ns/day\n"
    begun = "variable        first_step equal $(step)\nvariable        first_step equal {}\n"
    minimised = "Loop time of 50 on 1 procs for 9 steps with 8 atoms\n\n99.0% CPU use\n"
    log = begun.format(0) + minimised + loop.format(1.5, 100) + loop.format(2.5, 100) + loop.format(4.0, 100)
    assert _md_loops(log) == (8.0, 300)
    # Killed between the end of the third loop and its checkpoint.
    assert _md_loops(log + begun.format(200) + loop.format(3.0, 100)) == (7.0, 300)
