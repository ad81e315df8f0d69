"""Pairs of atoms driven into each other: good potentials pass, holes are found where they were put, and the host is not mistaken for one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from analytic import HOSTS, SETTINGS, Floats, failures, interface, measured, pair_potential, repulsion, with_gaussian

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.potentials.gates.contract import Host
from mlip_interfaces.potentials.gates.geometry import all_pairs, minimum_images
from mlip_interfaces.potentials.gates.pairs import (
    FALL,
    HOLE,
    PAIRS,
    PULL,
    WALL,
    judge_wall,
    measure,
    place_pairs,
    too_close_angstrom,
)

ALL = {"Li-Li", "Li-F", "Li-Cl", "F-F", "F-Cl", "Cl-Cl"}
R = np.linspace(0.8, 4.0, 65)


def wall_of(energy: Callable[[Floats], Floats], *, start: float = 3.0, too_close: float = 1.8, wall: float = 5.0):
    """Of a curve, its force by differences."""
    step = 1e-5
    pull = (energy(R + step) - energy(R - step)) / (2 * step)
    values = energy(R) - energy(np.array([start]))
    return judge_wall(R, values, pull, start=start, too_close=too_close, wall=wall)


def test_every_pair_of_a_good_potential_passes() -> None:
    assert failures(PAIRS, pair_potential()) == ()
    found = measure(pair_potential(), HOSTS, SETTINGS)
    assert set(measured(found, HOLE)) == ALL
    assert set(found.curves) == set(found.frames) == ALL


def test_a_curve_is_the_pair_alone_plus_what_the_host_adds() -> None:
    """In a host of two atoms the scan is the formula itself."""
    cell = np.eye(3) * 8.0
    host = Host("two", "interface", ("F", "F"), np.array([[0.0, 0, 0], [3.0, 0, 0]]), cell, np.zeros(2, dtype=np.int64))
    found = measure(pair_potential(), [host], Gates(pair_relax_steps=0))
    distances, energies = found.curves["F-F"]
    inside = distances < 2.9
    expected = repulsion(distances)[0] - repulsion(np.array([3.0]))[0]
    np.testing.assert_allclose(energies[inside], expected[inside], rtol=1e-9, atol=0)
    assert measured(found, WALL)["F-F"] == pytest.approx(expected[0], rel=1e-9, abs=0)


@pytest.mark.parametrize("pair", [("Li", "Li"), ("F", "Cl"), ("Cl", "Cl")])
def test_a_hole_is_found_at_its_pair_and_no_other(pair: tuple[str, str]) -> None:
    place = 0.85 * too_close_angstrom(*pair)
    depth = 12.0 + float(repulsion(np.array([place]))[0][0])
    holed = pair_potential({frozenset(pair): with_gaussian(repulsion, depth, place, 0.1)})
    assert failures(PAIRS, holed) == ("-".join(pair),)
    found = measure(holed, HOSTS, SETTINGS)
    assert measured(found, HOLE)["-".join(pair)] > 1.0
    assert measured(found, PULL)["-".join(pair)] > 1.0


def test_a_fall_where_a_bond_could_be_is_allowed_only_as_far_as_a_bond_could_go() -> None:
    """At 1.9 angstrom two F are not too close: what other atoms let through is measured."""
    key = frozenset(("F",))
    shallow = pair_potential({key: with_gaussian(repulsion, 1.0, 1.9, 0.15)})
    deep = pair_potential({key: with_gaussian(repulsion, 8.0, 1.9, 0.15)})
    assert failures(PAIRS, shallow) == ()
    assert failures(PAIRS, deep) == ("F-F",)
    found = measure(deep, HOSTS, SETTINGS)
    assert measured(found, FALL)["F-F"] > 1.0
    assert measured(found, HOLE)["F-F"] == 0.0


def test_structures_that_would_repair_a_hole_lead_into_it() -> None:
    holed = pair_potential({frozenset(("Li",)): with_gaussian(repulsion, 25.0, 1.2, 0.15)})
    host = interface()
    frames = measure(holed, [host], SETTINGS).frames["Li-Li"]
    places = place_pairs(host)[0]
    assert (places.first, places.second) == ("Li", "Li")
    distances = [
        np.linalg.norm(minimum_images((f.positions[places.moved] - f.positions[places.fixed])[None], f.cell))
        for f in frames
    ]
    assert distances[0] == pytest.approx(0.8 * 0.7 * 2.56, rel=1e-9, abs=0)
    assert np.all(np.diff(distances) > 0)
    assert distances[-1] > 2.5
    assert all(frame.symbols == host.symbols for frame in frames)


def test_a_potential_without_a_number_passes_nothing() -> None:
    def nothing(symbols, positions, cells):
        return np.full(len(positions), np.nan), np.full(positions.shape, np.nan)

    assert set(failures(PAIRS, nothing)) == ALL


def test_each_pair_stands_beside_an_atom_on_a_site_of_its_kind() -> None:
    host = interface()
    places = {(place.first, place.second): place for place in place_pairs(host)}
    assert list(places) == all_pairs(host.symbols)
    for (first, second), place in places.items():
        assert host.symbols[place.fixed] == first
        assert host.symbols[place.moved] == second
        positions = host.positions.copy()
        positions[[place.moved, place.site]] = positions[[place.site, place.moved]]
        vector = minimum_images((positions[place.moved] - positions[place.fixed])[None], host.cell)
        expected = 2.0 if (first == "Li") != (second == "Li") else np.sqrt(8.0)
        np.testing.assert_allclose(np.linalg.norm(vector), expected, rtol=1e-9, atol=0)


def test_wall_of_a_monotonous_curve_has_no_hole() -> None:
    found = wall_of(lambda r: 4.0 * np.exp(-(r - 1.8) / 0.5))
    assert (found.hole_ev, found.fall_ev, found.pull_ev_per_angstrom) == (0.0, 0.0, 0.0)
    np.testing.assert_allclose(found.wall_ev, 4.0 * (np.exp(2.0) - np.exp(-2.4)), rtol=1e-9, atol=0)


def test_a_fall_from_below_the_wall_is_measured_in_full_and_one_from_above_it_down_to_the_wall() -> None:
    def step(height: float) -> Callable[[Floats], Floats]:
        """Rises to a height at 1.3 angstrom and falls back to 1 eV at 0.8."""
        return lambda r: np.where(r > 1.3, height * np.exp(-(r - 1.3) / 0.2), 1.0 + (height - 1.0) * (r - 0.8) / 0.5)

    low, high = wall_of(step(3.0)), wall_of(step(30.0))
    np.testing.assert_allclose(low.hole_ev, 2.0, rtol=1e-2, atol=0)
    # An atom in there has 1 eV: to it the wall is 5 eV high, however high it is for others.
    np.testing.assert_allclose(high.hole_ev, 4.0, rtol=1e-2, atol=0)
    assert (low.hole_at_angstrom, high.hole_at_angstrom) == pytest.approx((0.8, 0.8), rel=1e-6, abs=0)


def test_what_two_atoms_do_farther_apart_than_they_stand_is_not_judged() -> None:
    found = wall_of(lambda r: 9.0 * np.exp(-(r - 1.8) / 0.3) + 30.0 * np.sin(8 * r) * (r > 3.0))
    assert (found.hole_ev, found.fall_ev) == (0.0, 0.0)


def test_a_pair_that_stands_too_close_has_no_wall() -> None:
    assert np.isnan(wall_of(lambda r: 1.0 / r, start=1.5).hole_ev)


def test_bounds_of_the_study_decide() -> None:
    cell = np.eye(3) * 8.0
    host = Host("two", "interface", ("F", "F"), np.array([[0.0, 0, 0], [3.0, 0, 0]]), cell, np.zeros(2, dtype=np.int64))
    weak = pair_potential({frozenset(("F",)): lambda r: (0.1 * np.exp(-r), -0.1 * np.exp(-r))})
    assert failures(PAIRS, weak, [host]) == ("F-F",)
    assert failures(PAIRS, weak, [host], SETTINGS.model_copy(update={"min_pair_wall_ev": 1e-3})) == ()
