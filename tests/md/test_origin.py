"""What tells the runs of one command from those of another, across versions of the command."""

from __future__ import annotations

import pytest

from mlip_interfaces.md import HealthBounds, MDProtocol, cell_of, md_command, motion_hash, start_script, variables_of

# As version 0.1 wrote it (commit f724056).
OLD = (
    "#!/bin/sh\nlmp -log none -in ../../../interface_md.in -var data model.data -var potential ../../../model.pb -var elements 'Li F S' "
    "-var ensemble npt -var temperature 50 -var px 1 -var py 1 -var pz 1 -var steps 400 -var timestep 0.0005 -var dump_every 10 "
    "-var checkpoint_every 10000 -var seed 1 -var max_temperature 50000 -var density_change 0.9 -var min_distance 0.3\n"
)


def script(**changes: object) -> str:
    """Of the same run, as it is written now."""
    plain = {
        "ensemble": "npt", "cell": "free", "temperature_kelvin": 50.0, "pressure_bar": (1.0, 1.0, 1.0), "time_ps": 0.2,
        "timestep_fs": 0.5, "dump_interval_ps": 0.005, "seed": 1,
    }  # fmt: skip
    bounds = HealthBounds(
        max_temperature_ratio=1000,
        mean_temperature_tolerance=0.5,
        density_change=0.9,
        lateral_change=0.1,
        min_distance_angstrom=0.3,
    )
    where = {"deck": "../../../interface_md.in", "data": "model.data", "potential": "../../../model.pb"}
    return start_script(md_command(MDProtocol(**(plain | changes)), bounds, **where, elements=["Li", "F", "S"]))


def test_command_without_a_cell_is_that_of_free_edges() -> None:
    assert cell_of(OLD) == "free"
    assert "cell" not in variables_of(OLD)
    assert variables_of(OLD)["elements"] == "Li F S"
    assert motion_hash(OLD) == motion_hash(script())
    for cell in ("coupled_xy", "fixed_xy"):
        assert cell_of(script(cell=cell)) == cell
        assert motion_hash(OLD) != motion_hash(script(cell=cell))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"temperature_kelvin": 51.0},
        {"time_ps": 0.4},
        {"pressure_bar": (1.0, 1.0, 2.0)},
        {"ensemble": "nvt"},
    ],
)
def test_any_other_change_of_the_motion_tells_it(change: dict[str, object]) -> None:
    assert motion_hash(OLD) != motion_hash(script(**change))


def test_cell_counts_for_nothing_where_it_stays() -> None:
    old = OLD.replace("npt", "nvt")
    hashes = {motion_hash(script(ensemble="nvt", cell=cell)) for cell in ("free", "coupled_xy", "fixed_xy")}
    assert hashes == {motion_hash(old)}


def test_command_that_cannot_be_read_is_one_of_its_own() -> None:
    broken = OLD.replace("Li F S'", "Li F S")
    assert variables_of(broken) == {}
    assert motion_hash(broken) != motion_hash(OLD)
    assert motion_hash("") != motion_hash(OLD)
