"""Distinct hops of crystals, against known neighbour shells and a slow search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.screening.migration.hops import (
    distinct_hops,
    edges_within,
    interstitial_sites,
    named_hop,
    reverse,
    sites_of,
)
from mlip_interfaces.structures.crystals import load_crystal


@pytest.mark.parametrize(
    ("crystal", "ion", "reach", "shells"),
    [
        # Neighbours of a site times sites of the cell, halved: the coordination numbers are textbook.
        (bulk("Cu", "fcc", a=4.0), "Cu", 4.01, [(4.0 / np.sqrt(2), 6), (4.0, 3)]),
        (bulk("Cu", "fcc", a=4.0, cubic=True), "Cu", 4.01, [(4.0 / np.sqrt(2), 24), (4.0, 12)]),
        (bulk("Li", "bcc", a=3.5), "Li", 3.51, [(3.5 * np.sqrt(0.75), 4), (3.5, 3)]),
        (load_crystal("Li2S"), "Li", 4.0, [(5.7158 / 2, 24)]),
        (load_crystal("LiCoO2"), "Li", 4.0, [(2.8156, 9)]),
        # Across the shared face of each layer of tetrahedra, octahedral to tetrahedral, and so on.
        (load_crystal("Li3P"), "Li", 3.0, [(2.485, 2), (2.762, 12), (2.794, 6)]),
    ],
)
def test_hops_are_the_neighbour_shells(crystal: Atoms, ion: str, reach: float, shells: list[tuple[float, int]]) -> None:
    hops = distinct_hops(sites_of(crystal, ion), reach)
    assert [len(hop.edges) for hop in hops] == [number for _, number in shells]
    np.testing.assert_allclose([hop.distance_angstrom for hop in hops], [d for d, _ in shells], rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", ["Li3P", "gamma-Li3PO4", "Li6PS5Cl"])
def test_every_edge_belongs_to_one_hop_and_lengths_are_kept(name: str) -> None:
    sites = sites_of(load_crystal(name), "Li")
    hops = distinct_hops(sites, 4.0)
    all_edges = [edge for hop in hops for edge in hop.edges]
    both = [*all_edges, *map(reverse, all_edges)]
    assert len(both) == len(set(both))
    assert set(both) == set(edges_within(sites, 4.0))
    for hop in hops:
        lengths = [np.linalg.norm(sites.vector(edge)) for edge in hop.edges]
        np.testing.assert_allclose(lengths, hop.distance_angstrom, rtol=2e-3, atol=0)


def test_a_supercell_and_another_origin_have_the_same_hops() -> None:
    crystal = load_crystal("Li3P")
    moved = crystal.repeat((2, 2, 1))
    moved.positions += (0.7, -0.3, 1.1)
    one, other = (distinct_hops(sites_of(atoms, "Li"), 4.0) for atoms in (crystal, moved))
    assert [4 * len(hop.edges) for hop in one] == [len(hop.edges) for hop in other]
    np.testing.assert_allclose(
        [hop.distance_angstrom for hop in one], [hop.distance_angstrom for hop in other], rtol=1e-9, atol=0
    )


def test_hops_of_different_surroundings_are_distinct_at_one_distance() -> None:
    # In antiperovskite a hop along the edge passes between two O, or between four Cl.
    hops = distinct_hops(sites_of(load_crystal("Li3OCl"), "Li"), 4.0)
    assert [(round(hop.distance_angstrom, 2), len(hop.edges)) for hop in hops] == [(2.76, 12), (3.91, 6), (3.91, 3)]


def test_ends_that_differ_are_known() -> None:
    by_ends = {
        hop.name: (hop.joins_equals, hop.has_mirror) for hop in distinct_hops(sites_of(load_crystal("Li3P"), "Li"), 3.0)
    }
    assert by_ends == {"Li3-Li6": (True, True), "Li1-Li4": (False, False), "Li3-Li5": (True, True)}


def test_a_name_means_the_nearest_one_or_that_of_a_cell() -> None:
    sites = sites_of(load_crystal("Li3P"), "Li")
    for first, second in itertools.product(range(6), repeat=2):
        if first == second:
            continue
        hop = named_hop(sites, f"Li{first + 1}-Li{second + 1}")
        shifts = itertools.product(range(-3, 4), repeat=3)
        least = min(np.linalg.norm(sites.vector((first, second, shift))) for shift in shifts)
        assert hop.distance_angstrom == pytest.approx(least, rel=1e-9, abs=0)
        assert named_hop(sites, hop.name) == hop
    assert named_hop(sites, "Li1-Li1_0,0,-1").distance_angstrom == pytest.approx(7.594, rel=1e-6, abs=0)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Li1", "is not like Li1-Li2"),
        ("Li1-Li7", "there is no site Li7; the cell has Li1, Li2"),
        ("Li1-Li1_0,0,0", "ends where it begins"),
    ],
)
def test_a_wrong_name_is_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(InputFileError, match=sentence):
        named_hop(sites_of(load_crystal("Li3P"), "Li"), name)


def test_what_is_not_there_is_a_sentence() -> None:
    with pytest.raises(StructureError, match="has no Na, only Li, F"):
        sites_of(load_crystal("LiF"), "Na")
    with pytest.raises(StructureError, match="No two sites lie within 1 angstrom"):
        distinct_hops(sites_of(load_crystal("LiF"), "Li"), 1.0)


def test_places_between_atoms_bring_their_equivalents() -> None:
    # The eight cube centres of rock salt's conventional cell, each with six neighbours half a cell away.
    sites = interstitial_sites(load_crystal("LiF"), "Li", [(0.25, 0.25, 0.25), (0.75, 0.25, 0.25)])
    assert len(sites.labels) == 8
    hop = named_hop(sites, "i1-i2")
    assert hop.distance_angstrom == pytest.approx(4.0263 / 2, rel=1e-9, abs=0)
    assert len(hop.edges) == 8 * 6 / 2
