"""``reactions``: planted events, their times and places, what the units become, and what cannot be done."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError

SYMBOLS = ["P", "S", "S", "S", "S", "P", "Li"]
N_FRAMES, INTERVAL, LENGTH = 100, 0.1, 20.0
LOSES, FLICKERS, JOINS, MEETS = 30, 50, 60, 80
"""Frames in which S leaves, another one only flickers, P meets P, and Li comes to it."""


def planted(seed: int = 1) -> np.ndarray:
    """PS4 that loses an S for good and meets a P; vibrations of 0.05 angstrom."""
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    still = np.zeros((7, 3)) + [10.0, 10.0, 15.0]
    still[1:5] += corners
    still[5], still[6] = [10.0, 10.0, 5.0], [3.0, 3.0, 5.0]
    path = np.repeat(still[None], N_FRAMES, axis=0)
    path[LOSES:, 1] = [16.0, 16.0, 16.0]
    path[FLICKERS, 2] = path[0, 0] + 3.2 * corners[1] / 2.05
    path[FLICKERS + 5 : FLICKERS + 12, 3] = path[0, 0] + 2.8 * corners[2] / 2.05
    path[JOINS:, 5] = path[0, 0] + [1.3, 1.3, 1.3]
    path[MEETS:, 6] = path[JOINS, 5] + [1.5, 1.5, 1.3]
    return path + np.random.default_rng(seed).normal(0.0, 0.03, path.shape)


@pytest.fixture(scope="module")
def result():
    return found(trajectory(planted(), LENGTH, SYMBOLS, INTERVAL), mi.Reactions(min_lifetime_ps=0.2))


def test_planted_events_are_found_once_at_their_time_and_place(result) -> None:
    table = rows(result, "events")
    seen = [(row["bond"], row["change"], row["first_atom"], row["second_atom"]) for row in table]
    assert seen == [("P-S", "broken", "1", "2"), ("P-P", "made", "1", "6"), ("Li-P", "made", "6", "7")]
    np.testing.assert_allclose(column(table, "time_ps"), np.array([LOSES, JOINS, MEETS]) * INTERVAL, rtol=1e-6, atol=0)
    np.testing.assert_allclose(column(table, "depth_angstrom"), [15.0, 15.0, 16.3], rtol=0.02, atol=0)


def test_rates_are_counts_over_time_with_exact_intervals(result) -> None:
    entry = content(result)["bonds"]["P-S"]
    assert (entry["at_start"], entry["at_end"], entry["made"], entry["broken"]) == (4, 3, 0, 1)
    run_ps = (N_FRAMES - 1) * INTERVAL
    np.testing.assert_allclose(entry["broken_per_ps"], 1 / run_ps, rtol=1e-9, atol=0)
    # Of one event: 0.0253 to 5.572; of none: 0 to 3.689.
    np.testing.assert_allclose(entry["broken_95_per_ps"], np.array([0.025318, 5.571643]) / run_ps, rtol=1e-4, atol=0)
    np.testing.assert_allclose(entry["made_95_per_ps"], [0.0, 3.688879 / run_ps], rtol=1e-4, atol=0)
    rates = [row for row in rows(result, "rates") if row["bond"] == "P-S" and row["change"] == "broken"]
    (window,) = [row for row in rates if row["count"] == "1"]
    # A window holds the changes between its first and its last frame.
    assert float(window["from_ps"]) < LOSES * INTERVAL <= float(window["to_ps"]) + 1e-9
    for end, name in (("rates", "count"), ("depth", "count")):
        assert column(rows(result, end), name).sum() == 3


def test_units_become_each_other_and_nothing_is_lost(result) -> None:
    entry = content(result)
    assert [(r["equation"], r["count"]) for r in entry["reactions"]] == [("PS4 -> PS3 + S", 1), ("P + PS3 -> P2S3", 1)]
    assert entry["balanced"] is True
    units = {name: (n["at_start"], n["at_end"], n["change_by_reactions"]) for name, n in entry["units"].items()}
    assert units == {"PS4": (1, 0, -1), "P": (1, 0, -1), "PS3": (0, 0, 0), "S": (0, 1, 1), "P2S3": (0, 1, 1)}
    table = rows(result)
    for number, expected in ((LOSES - 1, "PS4"), (LOSES, "PS3"), (FLICKERS, "PS3"), (JOINS, "P2S3")):
        assert table[number][expected] == "1"
    atoms = {(flow["source"], flow["target"]): flow["n_atoms"] for flow in entry["network"]}
    assert atoms["PS4", "PS3"] == {"P": 1, "S": 3}
    assert atoms["P", "P2S3"] == {"P": 1, "S": 0}
    graph = result.graph()
    assert graph.nodes["P2S3"] == {"at_start": 0, "at_end": 1}
    assert graph["PS4"]["S"] == {"n_atoms": 1, "n_P": 0, "n_S": 1}


def test_lives_are_censored_by_the_end_of_the_run(result) -> None:
    lives = content(result)["lifetimes"]
    assert (lives["P-S"]["start"]["n"], lives["P-S"]["start"]["n_ended"]) == (4, 1)
    watched = (LOSES + 3 * (N_FRAMES - 1)) * INTERVAL
    np.testing.assert_allclose(lives["P-S"]["start"]["mean_ps"], watched, rtol=1e-9, atol=0)
    assert lives["P-S"]["start"]["median_ps"] is None
    np.testing.assert_allclose(lives["PS3"]["made"]["median_ps"], (JOINS - LOSES) * INTERVAL, rtol=1e-9, atol=0)
    assert lives["P-P"]["made"]["mean_ps"] is None
    np.testing.assert_allclose(
        lives["P-P"]["made"]["mean_at_least_ps"], (N_FRAMES - 1 - JOINS) * INTERVAL / 3.688879, rtol=1e-5, atol=0
    )


def test_one_length_without_a_lifetime_counts_vibrations() -> None:
    """What two lengths and a lifetime are for: the flicker and the long vibration are events without them."""
    reader = trajectory(planted(), LENGTH, SYMBOLS, INTERVAL)
    loose = content(found(reader, mi.Reactions(hysteresis=1, min_lifetime_ps=0)))
    assert (loose["bonds"]["P-S"]["made"], loose["bonds"]["P-S"]["broken"]) == (2, 3)


def test_bonds_are_chosen_and_named_either_way() -> None:
    reader = trajectory(planted(), LENGTH, SYMBOLS, INTERVAL)
    entry = content(found(reader, mi.Reactions(bonds="S-P,P-Li", bond_cutoffs_angstrom="P-Li=2.0", unit_bonds="S-P")))
    assert list(entry["bonds"]) == ["P-S", "Li-P"]
    assert entry["bonds"]["Li-P"]["made"] == 0
    assert entry["settings"]["forms_below_angstrom"] == {"P-S": 2.6, "Li-P": 2.0}
    assert "P2S3" not in entry["units"]


def test_a_bond_or_an_element_that_is_not_known_is_named() -> None:
    reader = trajectory(planted(), LENGTH, SYMBOLS, INTERVAL)
    with pytest.raises(AnalysisError, match="The length of Li-S is not known; give it in `bond_cutoffs_angstrom`"):
        found(reader, mi.Reactions(bonds="Li-S"))
    metals = trajectory(planted(), LENGTH, ["Li", "F", "F", "F", "F", "Li", "Li"], INTERVAL)
    with pytest.raises(AnalysisError, match="No bond between F, Li is known; give lengths"):
        found(metals, mi.Reactions())
    ionic = content(found(metals, mi.Reactions(bond_cutoffs_angstrom="Li-F=2.4", hysteresis=1.3, min_lifetime_ps=0.2)))
    assert ionic["bonds"]["Li-F"]["broken"] == 1
    assert ionic["units"] == {}
    assert ionic["balanced"] is None
