"""What the files of a run are worth to an edited study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlip_interfaces.md import (
    CHECKPOINT,
    DATA,
    END,
    START,
    STARTED,
    HealthBounds,
    MDProtocol,
    RunState,
    md_command,
    start_script,
    state_of_run,
)
from mlip_interfaces.md.health import COLUMNS

BOUNDS = HealthBounds(2.0, 0.5, 0.25, 0.1, 1.1)
PROTOCOL = MDProtocol("npt", "coupled_xy", 300.0, (1.0, 1.0, 1.0), 2.0, 1.0, 0.1, 1)


def script(protocol: MDProtocol = PROTOCOL, bounds: HealthBounds = BOUNDS) -> str:
    return start_script(
        md_command(protocol, bounds, deck="deck.in", data=DATA, potential="model.pb", elements=["Li"]), {}
    )


def run_of(folder: Path, n_rows: int, *, done: str = "", log: str = "", last_density: float = 2.5) -> Path:
    """Files of a run that has this many lines, with the state to go on from."""
    densities = [2.5] * (n_rows - 1) + [last_density]
    rows = [f"{0.1 * i:g},300,0,{density},-30,1.9,8,9,20,90,90,60" for i, density in enumerate(densities)]
    (folder / "thermo.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    (folder / STARTED).write_text(script())
    (folder / START).write_text("variable start_density equal 2.5\n")
    if done:
        (folder / "md.done").write_text(f"{done}\n")
    (folder / "log.lammps").write_text(log)
    (folder / (END if done else CHECKPOINT)).write_text("state\n")
    return folder


def state(folder: Path, protocol: MDProtocol = PROTOCOL, bounds: HealthBounds = BOUNDS) -> RunState:
    return state_of_run(folder, script(protocol, bounds), protocol, bounds)


def test_finished_run_is_kept_extended_or_cut_by_its_length_alone(tmp_path: Path) -> None:
    run = run_of(tmp_path, 21, done="0")
    assert state(run) == RunState("kept", n_steps=2000)
    assert state(run, replace(PROTOCOL, time_ps=3.0)) == RunState("extended", "from 2 ps", 2000)
    assert state(run, replace(PROTOCOL, time_ps=1.0)) == RunState("cut", "2 ps are there", 2000)
    hot = state(run, replace(PROTOCOL, temperature_kelvin=400.0, time_ps=3.0))
    assert hot == RunState("made", "temperature 400 for 300", taken=True)


def test_run_that_a_bound_ended_goes_on_only_where_the_new_bounds_hold_all_of_it(tmp_path: Path) -> None:
    run = run_of(tmp_path, 11, done="0", last_density=3.25)
    ended = RunState("kept", "a bound of `health` ended it", 1000)
    assert state(run) == ended
    assert state(run, replace(PROTOCOL, time_ps=3.0)) == ended
    assert state(run, bounds=replace(BOUNDS, density_change=0.29)) == ended
    assert state(run, bounds=replace(BOUNDS, density_change=0.31)) == RunState("extended", "from 1 ps", 1000)


def test_atoms_that_flew_apart_do_not_go_on(tmp_path: Path) -> None:
    run = run_of(tmp_path, 11, done="1", log="ERROR: Lost atoms: original 8 current 7\n")
    assert state(run, replace(PROTOCOL, time_ps=3.0)) == RunState("kept", "its atoms flew apart", 1000)


def test_interrupted_run_goes_on_whatever_its_new_length(tmp_path: Path) -> None:
    run = run_of(tmp_path, 11)
    assert state(run, replace(PROTOCOL, time_ps=3.0)) == RunState("continued", "from 1 ps", 1000)
    assert state(run, replace(PROTOCOL, time_ps=0.8)).action == "cut"


@pytest.mark.parametrize("done", ["", "0"])
def test_state_of_a_version_that_left_no_start_is_not_gone_on_from(tmp_path: Path, done: str) -> None:
    run = run_of(tmp_path, 21 if done else 11, done=done)
    (run / START).unlink()
    found = state(run, replace(PROTOCOL, time_ps=3.0))
    assert (found.action, found.taken) == ("made", True)
