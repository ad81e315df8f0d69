"""What tells the runs of one command from those of another, across versions of the command."""

from __future__ import annotations

import pytest

from mlip_interfaces.md import HealthBounds, MDProtocol, Motion, md_command, start_script

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
    return start_script(md_command(MDProtocol(**(plain | changes)), bounds, **where, elements=["Li", "F", "S"]), {})


def test_command_without_a_cell_is_that_of_free_edges() -> None:
    assert Motion.of(OLD).variables["cell"] == "free"
    assert Motion.of(OLD).variables["elements"] == "Li F S"
    assert Motion.of(OLD).steps == 400
    assert Motion.of(OLD).hash == Motion.of(script()).hash
    for cell in ("coupled_xy", "fixed_xy"):
        assert Motion.of(OLD).differs_from(Motion.of(script(cell=cell))) == (f"cell free for {cell}",)
        assert Motion.of(OLD).hash != Motion.of(script(cell=cell)).hash


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"temperature_kelvin": 51.0},
        {"pressure_bar": (1.0, 1.0, 2.0)},
        {"ensemble": "nvt"},
    ],
)
def test_any_other_change_of_the_motion_tells_it(change: dict[str, object]) -> None:
    assert Motion.of(OLD).hash != Motion.of(script(**change)).hash


def test_length_and_bounds_are_no_other_motion() -> None:
    longer = script(time_ps=0.4)
    assert Motion.of(OLD).hash == Motion.of(longer).hash
    assert Motion.of(longer).steps == 800
    assert Motion.of(OLD).differs_from(Motion.of(OLD.replace("min_distance 0.3", "min_distance 2"))) == ()


def test_other_inputs_are_another_motion_and_what_an_older_version_did_not_say_is_not() -> None:
    one, other = (start_script("lmp -in deck.in", {"potential": digit * 64}) for digit in "01")
    assert Motion.of(one).differs_from(Motion.of(other)) == ("another potential",)
    assert Motion.of(one).hash != Motion.of(other).hash
    assert Motion.of(one).differs_from(Motion.of("lmp -in deck.in")) == ()


def test_cell_counts_for_nothing_where_it_stays() -> None:
    old = OLD.replace("npt", "nvt")
    hashes = {Motion.of(script(ensemble="nvt", cell=cell)).hash for cell in ("free", "coupled_xy", "fixed_xy")}
    assert hashes == {Motion.of(old).hash}


def test_command_that_cannot_be_read_is_one_of_its_own() -> None:
    broken = OLD.replace("Li F S'", "Li F S")
    assert Motion.of(broken).variables == {}
    assert Motion.of(broken).hash != Motion.of(OLD).hash
    assert Motion.of("").hash != Motion.of(OLD).hash
