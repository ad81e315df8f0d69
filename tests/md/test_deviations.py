"""The committee's deviation on the fly: of all pieces each step once, and no part of how atoms move."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_md import BOUNDS

from mlip_interfaces.md import DEVIATIONS, MDProtocol, Motion, copy_start, join_pieces, md_command
from mlip_interfaces.potentials import read_model_deviation

PROTOCOL = MDProtocol("npt", "free", 300.0, (1.0, 1.0, 1.0), 2.0, 2.0, 0.02, 1)
HEADER = "#" + "".join(
    f"{name:>19}" for name in ("step", "max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min", "avg")
)


def rows(first: int, last: int, value: float) -> str:
    """As LAMMPS writes them, each fifth step."""
    return "".join(f"{step:12}" + f"{value + step / 1e6:19.6e}" * 6 + "\n" for step in range(first, last + 1, 5))


def test_each_step_is_there_once_and_the_minimisation_is_not(tmp_path: Path) -> None:
    # Minimised for 20 steps; a checkpoint at 30, where the step is written twice; killed in the line of step 60, gone on with from 50.
    (tmp_path / DEVIATIONS).write_text(
        f"{HEADER}\n{rows(0, 20, 9.0)}{rows(0, 30, 1.0)}{rows(30, 55, 1.0)}          60       9.0"
    )
    # A piece of a process that was started from a checkpoint has no header.
    (tmp_path / "model_devi.50.out").write_text(rows(50, 100, 2.0))
    join_pieces(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [DEVIATIONS]
    found = read_model_deviation(tmp_path / DEVIATIONS)
    np.testing.assert_array_equal(found.steps, np.arange(0, 101, 5))
    wanted = np.where(found.steps < 50, 1.0, 2.0) + found.steps / 1e6
    np.testing.assert_allclose(found.max_force_ev_per_angstrom, wanted, rtol=1e-5, atol=0)
    before = (tmp_path / DEVIATIONS).read_text()
    assert before.splitlines()[0] == HEADER
    join_pieces(tmp_path)
    assert (tmp_path / DEVIATIONS).read_text() == before


def test_a_run_that_is_cut_keeps_what_belongs_to_its_frames(tmp_path: Path) -> None:
    source, target = tmp_path / "long", tmp_path / "short"
    for folder in (source, target):
        folder.mkdir()
    numbers = np.zeros(20, "<i4")
    numbers[[0, 2, 19]] = 11, 10, 24
    title = np.array([164, 2], "<i4").tobytes() + bytes(160) + np.array([164, 4, 1, 4], "<i4").tobytes()
    frame = b"".join(np.array([n], "<i4").tobytes() + bytes(n) + np.array([n], "<i4").tobytes() for n in (48, 4, 4, 4))
    head = np.array([84], "<i4").tobytes() + b"CORD" + numbers.tobytes() + np.array([84], "<i4").tobytes()
    (source / "traj.dcd").write_bytes(head + title + 11 * frame)
    (source / "thermo.csv").write_text("time_ps\n" + "".join(f"{i}\n" for i in range(11)))
    (source / DEVIATIONS).write_text(f"{HEADER}\n{rows(0, 100, 1.0)}")
    copy_start(source, target, 5)
    np.testing.assert_array_equal(read_model_deviation(target / DEVIATIONS).steps, np.arange(0, 41, 5))


def command(protocol: MDProtocol) -> str:
    return md_command(
        protocol,
        BOUNDS,
        deck="d.in",
        data="model.data",
        potential="m.pb",
        elements=["Li"],
        committee=["c/0.pb", "c/1.pb"],
    )


def test_what_is_asked_beside_the_model_moves_no_atom(tmp_path: Path) -> None:
    watched = replace(PROTOCOL, deviation_interval_ps=0.1, checkpoint_interval_ps=0.5)
    assert watched.deviation_every == 50
    # In whole frames, and at least one of them.
    assert watched.checkpoint_every == 250
    assert replace(PROTOCOL, checkpoint_interval_ps=0.001).checkpoint_every == PROTOCOL.dump_every == 10
    assert PROTOCOL.checkpoint_every == 10_000
    asked = command(watched)
    assert "-var deviation_every 50 -var committee 'c/0.pb c/1.pb'" in asked
    assert "deviation" not in command(PROTOCOL)
    assert Motion.of(asked).hash == Motion.of(command(PROTOCOL)).hash
    assert Motion.of(asked).hash != Motion.of(command(replace(watched, temperature_kelvin=301.0))).hash


@pytest.mark.parametrize("interval_ps", [0.0001, 0.1, 1.0])
def test_deviation_is_asked_for_at_least_each_step(interval_ps: float) -> None:
    assert replace(PROTOCOL, deviation_interval_ps=interval_ps).deviation_every == max(1, round(interval_ps / 0.002))
