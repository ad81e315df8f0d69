"""Stage ``scan`` on runs that were interrupted."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.config import load_study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md import CHECKPOINT
from mlip_interfaces.md.health import COLUMNS
from mlip_interfaces.pipeline.scan import (
    DONE,
    _md_loops,
    collect_scan,
    health_bounds,
    prepare_scan,
    read_scan_index,
    scan_progress,
    scan_runs,
)
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
def test_finished_run_of_another_protocol_is_not_taken_for_this_one(
    context: RunContext, change: dict[str, object]
) -> None:
    *others, first = scan_runs(context.study)
    directory = context.scan / first.name
    command = (directory / "command.sh").read_text()
    assert " -var cell coupled_xy " in command
    (directory / DONE).write_text("0\n")
    prepare_scan(context)
    study = context.study.model_dump()
    protocols = {name: section | change for name, section in study["protocols"].items()}
    other = context.study.model_validate(study | {"protocols": protocols})
    unfinished = context.scan / others[0].name
    (unfinished / CHECKPOINT).write_text("state\n")
    with pytest.raises(InputFileError, match=rf"{first.name} was run with another command .*Delete the folder"):
        prepare_scan(RunContext(other, context.root, context.progress))
    assert (directory / "command.sh").read_text() == command
    assert (unfinished / CHECKPOINT).is_file(), "nothing is touched"


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
    progress = {line.split()[0]: line.split()[1:] for line in scan_progress(context)}
    assert progress[first.name] == [str(protocol.n_steps - protocol.dump_every), "of", str(protocol.n_steps), "steps"]
    assert all(progress[run.name][0] == "0" for run in others)
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
    progress = {line.split()[0]: line.split()[1] for line in scan_progress(context)}
    assert progress[first.name] == "0"
    assert progress[others[0].name] == "finished"
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


def test_steps_that_a_kill_undid_are_not_timed() -> None:
    loop = "Loop time of {} on 1 procs for {} steps with 8 atoms\n\nPerformance: 1 ns/day\n"
    begun = "variable        first_step equal $(step)\nvariable        first_step equal {}\n"
    minimised = "Loop time of 50 on 1 procs for 9 steps with 8 atoms\n\n99.0% CPU use\n"
    log = begun.format(0) + minimised + loop.format(1.5, 100) + loop.format(2.5, 100) + loop.format(4.0, 100)
    assert _md_loops(log) == (8.0, 300)
    # Killed between the end of the third loop and its checkpoint.
    assert _md_loops(log + begun.format(200) + loop.format(3.0, 100)) == (7.0, 300)
