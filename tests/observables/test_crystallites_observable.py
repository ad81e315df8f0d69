"""``crystallites``: planted grains of Li2S in a glass have their size, phase and orientation; a melt has none."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory
from planted_crystal import EDGE, crystals_in_glass, sphere
from scipy.spatial.transform import Rotation

import mlip_interfaces as mi
from mlip_interfaces.analysis.crystallites import bond_order, grains
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.structures import load_crystal
from planted_lattices import ELEMENTS, NEAREST, bicrystal

LENGTH, NOISE, INTERVAL = 34.0, 0.2, 0.25
TURNS = (Rotation.from_rotvec([0.2, -0.1, 0.4]).as_matrix(), Rotation.from_rotvec([-0.3, 0.5, 0.1]).as_matrix())


def shaken(positions: np.ndarray, n_frames: int, seed: int) -> np.ndarray:
    return positions + np.random.default_rng(seed).normal(0.0, NOISE, (n_frames, *positions.shape))


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_crystal_of_two_nanometres_has_its_size(seed: int) -> None:
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    positions, symbols = crystals_in_glass(LENGTH, [10.0], [[17.0] * 3], [turn], seed)
    planted = sphere(10.0, turn)[1].count("S")
    path = shaken(positions, 8, seed)
    entry = content(found(trajectory(path, LENGTH, symbols, INTERVAL), mi.Crystallites()))
    (grain,) = entry["grains"]
    np.testing.assert_allclose(grain["diameter_angstrom"], 20.0, rtol=0.15, atol=0)
    np.testing.assert_allclose(grain["n_anions"], planted, rtol=0.15, atol=0)
    assert (grain["phase"], grain["packing"], grain["anions"]) == ("Li2S", "fcc", {"S": grain["n_anions"]})
    # Li of the glass at its surface belong to their nearest S too.
    np.testing.assert_allclose(grain["n_atoms"], 3 * planted, rtol=0.2, atol=0)
    np.testing.assert_allclose(grain["spacing_angstrom"], EDGE / np.sqrt(2), rtol=0.02, atol=0)
    np.testing.assert_allclose(grain["depth_angstrom"], 17.0, rtol=0.05, atol=0)
    assert entry["history"]["n_grains"] == [1, 1]
    np.testing.assert_allclose(entry["history"]["times_ps"], [0.375, 1.375], rtol=1e-9, atol=0)


VOLUMES = {"Li2S": 46.7, "Li3P": 60.0}
"""Of a formula unit, cubic angstrom."""


@pytest.mark.parametrize("beside", ["vacuum", "metal"])
@pytest.mark.parametrize(("name", "packing"), [("Li2S", "fcc"), ("Li3P", "hcp")])
def test_a_crystal_in_lithium_metal_or_vacuum_keeps_the_anions_of_its_surface(
    name: str, packing: str, beside: str
) -> None:
    crystal = load_crystal(name).repeat((8, 8, 6))
    apart = crystal.positions - crystal.positions.mean(axis=0)
    inside = np.linalg.norm(apart, axis=1) < 11.0
    metal = load_crystal("Li").repeat((10, 10, 10))
    cell = metal.cell.array
    around = metal.positions[np.linalg.norm(metal.positions - cell.sum(axis=0) / 2, axis=1) > 12.2]
    still, symbols = (
        apart[inside] + cell.sum(axis=0) / 2,
        [crystal.get_chemical_symbols()[a] for a in np.flatnonzero(inside)],
    )
    if beside == "metal":
        still, symbols = np.concatenate([still, around]), symbols + ["Li"] * len(around)
    path = still + np.random.default_rng(1).normal(0.0, 0.1, (4, *still.shape))
    entry = content(found(trajectory(path, cell, symbols, INTERVAL), mi.Crystallites()))
    (grain,) = entry["grains"]
    planted = sum(symbol != "Li" for symbol in symbols)
    np.testing.assert_allclose(grain["n_anions"], planted, rtol=0.1, atol=0)
    volume = planted * VOLUMES[name]
    np.testing.assert_allclose(grain["diameter_angstrom"], np.cbrt(6.0 * volume / np.pi), rtol=0.15, atol=0)
    assert (grain["phase"], grain["packing"]) == (name, packing)


@pytest.mark.parametrize("seed", range(4))
def test_a_melt_gives_no_crystallites(seed: int) -> None:
    positions, symbols = crystals_in_glass(30.0, [], [], [], seed)
    result = found(trajectory(shaken(positions, 4, seed), 30.0, symbols, INTERVAL), mi.Crystallites(average_ps=0))
    entry = content(result)
    assert entry["grains"] == []
    assert entry["history"]["n_grains"] == [0] * 4
    assert entry["crystalline_fraction"] == 0.0
    assert entry["mean_diameter_angstrom"] is None
    assert result.lines()[0].startswith("no crystallite among ")


@pytest.fixture(scope="module")
def two():
    positions, symbols = crystals_in_glass(40.0, [10.0, 8.0], [[11.0] * 3, [29.0] * 3], TURNS, 7)
    return found(trajectory(shaken(positions, 9, 7), 40.0, symbols, INTERVAL), mi.Crystallites())


def test_two_grains_are_told_apart_by_size_place_and_orientation(two) -> None:
    entry = content(two)
    large, small = entry["grains"]
    np.testing.assert_allclose([large["diameter_angstrom"], small["diameter_angstrom"]], [20, 16], rtol=0.15, atol=0)
    np.testing.assert_allclose([large["depth_angstrom"], small["depth_angstrom"]], [11, 29], rtol=0.06, atol=0)
    (pair,) = entry["misorientations"]
    symmetry = Rotation.create_group("O")
    between = Rotation.from_matrix(TURNS[0].T @ TURNS[1])
    planted = np.degrees(min((symmetry * between).magnitude()))
    assert 20 < planted < 62.8
    assert abs(pair["angle_degrees"] - planted) < 2.0
    assert pair["n_contacts"] == 0
    for grain, turn in zip((large, small), TURNS, strict=True):
        off = symmetry * Rotation.from_matrix(np.array(grain["axes"]).T @ turn)
        assert np.degrees(min(off.magnitude())) < 2.0
        # The interface is normal to c: the third row of the rotation is c in the axes of the crystal.
        np.testing.assert_allclose(grain["normal"], np.sort(np.abs(turn[2])), rtol=0, atol=0.03)
        assert grain["c_axis_degrees"] is None
        assert 0.01 < grain["misfit"] < 0.1


@pytest.mark.parametrize("lattice", ["fcc", "hcp", "bcc"])
def test_two_crystals_that_touch_have_their_turns(lattice: str) -> None:
    turns = [Rotation.from_rotvec(vector).as_matrix() for vector in ([0.4, 0.2, -0.3], [-0.4, 0.1, 0.35])]
    length = 10.0 * NEAREST[lattice]
    still, half_of = bicrystal(lattice, turns, length)
    path = still + np.random.default_rng(5).normal(0.0, NOISE, (8, *still.shape))
    element = ELEMENTS[lattice]
    request = mi.Crystallites(anions=element, least_atoms=40)
    result = found(trajectory(path, length, [element] * len(still), INTERVAL), request)
    entry = content(result)
    assert [grain["packing"] for grain in entry["grains"]] == [lattice, lattice]
    symmetry = Rotation.create_group("D6" if lattice == "hcp" else "O")
    between = Rotation.from_matrix(turns[0].T @ turns[1])
    planted = np.degrees(min((one * between).magnitude() for one in symmetry))
    (pair,) = entry["misorientations"]
    assert (pair["first"], pair["second"]) == (1, 2)
    assert abs(pair["angle_degrees"] - planted) < 1.0
    assert pair["n_contacts"] > 50
    for grain in entry["grains"]:
        turn = turns[int(grain["depth_angstrom"] > length / 2)]
        normal = np.array(grain["normal"])
        if lattice == "hcp":
            tilt = np.degrees(np.arccos(abs(turn[2, 2])))
            assert abs(grain["c_axis_degrees"] - tilt) < 1.0
            np.testing.assert_allclose(normal[2], abs(turn[2, 2]), rtol=0, atol=0.02)
        else:
            assert grain["c_axis_degrees"] is None
            np.testing.assert_allclose(normal, np.sort(np.abs(turn[2])), rtol=0, atol=0.02)
    table = rows(result, "grains")
    np.testing.assert_allclose(
        [[float(row[f"normal_{k}"]) for k in (1, 2, 3)] for row in table],
        [grain["normal"] for grain in entry["grains"]], rtol=1e-4, atol=1e-6,
    )  # fmt: skip
    assert [row["nearest_axis"] for row in table] == [grain["nearest_axis"] for grain in entry["grains"]]
    (turned,) = rows(result, "misorientations")
    np.testing.assert_allclose(float(turned["angle_degrees"]), pair["angle_degrees"], rtol=1e-5, atol=0)
    np.testing.assert_allclose([float(turned[f"axis_{k}"]) for k in (1, 2, 3)], pair["axis"], rtol=1e-4, atol=1e-6)
    assert int(turned["n_contacts"]) == pair["n_contacts"]
    assert result.lines()[2].startswith("1 pair of crystallites touches")


def test_tables_say_the_same(two) -> None:
    entry, table = content(two), rows(two, "grains")
    np.testing.assert_allclose(
        column(table, "diameter_angstrom"), [g["diameter_angstrom"] for g in entry["grains"]], rtol=1e-5, atol=0
    )
    assert [row["phase"] for row in table] == ["Li2S", "Li2S"]
    of_time = rows(two)
    # Nine frames of a quarter of a picosecond are two windows of one and a frame that is left.
    np.testing.assert_allclose(column(of_time, "time_ps"), [0.375, 1.375], rtol=1e-9, atol=0)
    n_anions = sum(grain["n_anions"] for grain in entry["grains"])
    sulfur = round(entry["crystalline_fraction"] ** -1 * n_anions)
    np.testing.assert_allclose(sulfur, 4 / EDGE**3 * 40.0**3, rtol=0.01, atol=0)


def test_averaging_takes_the_noise_out_across_the_boundary() -> None:
    """A crystal that fills its cell, shaken hard, each atom now in one image and then in another."""
    cubes = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 1, 3)
    fcc = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    still = (cubes + fcc).reshape(-1, 3) * EDGE
    path = (still + np.random.default_rng(3).normal(0.0, 0.5, (64, len(still), 3))) % (4 * EDGE)
    symbols = ["S"] * 254 + ["Cl"] * 2
    averaged = content(found(trajectory(path, 4 * EDGE, symbols, INTERVAL), mi.Crystallites(average_ps=16)))
    (grain,) = averaged["grains"]
    assert grain["n_anions"] == 256
    assert grain["anions"] == {"S": 254, "Cl": 2}
    assert grain["q6"] > 0.56
    at_once = bond_order(path[0], np.eye(3) * 4 * EDGE, 6.5)
    assert np.mean(at_once.n_bonds) < 11.0
    seldom = mi.Crystallites(average_ps=0.25, every_ps=4.0)
    looks = content(found(trajectory(path, 4 * EDGE, symbols, INTERVAL), seldom))["history"]["times_ps"]
    np.testing.assert_allclose(looks, [0.0, 4.0, 8.0, 12.0], rtol=1e-9, atol=0)


def test_polyanions_are_not_of_the_sublattice() -> None:
    """P within its S is none of the anions, nor are these unless they are kept; P alone and S alone are."""
    path = np.zeros((4, 4, 3)) + np.array([[1.0, 1, 1], [3.0, 1, 1], [8.0, 8, 8], [12.0, 12, 12]])
    reader = trajectory(path, 16.0, ["P", "S", "P", "S"], INTERVAL)
    assert found(reader, mi.Crystallites()).looks[-1].n_anions == 2
    assert found(reader, mi.Crystallites(polyanions="kept")).looks[-1].n_anions == 3


def test_the_crystal_of_an_electrolyte_is_none_of_the_crystallites() -> None:
    """S of Li3PS4 have an hcp lattice."""
    crystal = load_crystal("beta-Li3PS4").repeat((2, 3, 3))
    path = crystal.positions + np.random.default_rng(3).normal(0.0, 0.05, (4, len(crystal), 3))
    reader = trajectory(path, crystal.cell.array, crystal.get_chemical_symbols(), INTERVAL)
    result = found(reader, mi.Crystallites())
    assert content(result)["grains"] == []
    assert result.lines()[0].startswith("every S/P is in a polyanion at the end")
    assert result.draw().axes
    (kept,) = content(found(reader, mi.Crystallites(polyanions="kept")))["grains"]
    assert (kept["phase"], kept["packing"]) == ("Li3PS4", "hcp")


@pytest.fixture(scope="module")
def grown():
    """Beside a crystal of LiF that was there before, one of Li2S appears in the second picosecond, of 8 and then of 10 angstrom."""
    cubes = (
        np.stack(np.meshgrid(*[np.arange(10), np.arange(10), np.arange(4)], indexing="ij"), axis=-1).reshape(-1, 3)
        * 2.02
    )
    symbols = ["Li" if place % 2 == 0 else "F" for place in np.round(cubes / 2.02).sum(axis=1)]
    turn = Rotation.from_rotvec([0.2, -0.1, 0.4]).as_matrix()
    inner, names = sphere(10.0, turn)
    ball = inner + [10.1, 10.1, 25.0]
    radius = np.linalg.norm(inner, axis=1)
    # What is no crystal yet waits in the vapour, far from each other.
    waits = np.stack(np.meshgrid(*[np.arange(4)] * 2, np.arange(40), indexing="ij"), axis=-1).reshape(-1, 3)[
        : len(ball)
    ]
    waits = waits * [5.05, 5.05, 5.0] + [0.0, 0.0, 45.0] + np.random.default_rng(2).random((len(ball), 3)) * 2.0
    frames = []
    for size in (0.0, 8.0, 10.0):
        still = np.concatenate([cubes, np.where((radius < size)[:, None], ball, waits)])
        frames += [still + np.random.default_rng(len(frames) + k).normal(0.0, 0.05, still.shape) for k in range(4)]
    cell = np.diag([20.2, 20.2, 260.0])
    return found(trajectory(np.array(frames), cell, symbols + names, INTERVAL), mi.Crystallites()), turn


def test_products_are_told_apart_from_what_was_there_at_the_start(grown) -> None:
    result, _ = grown
    entry = content(result)
    assert (entry["phases_at_start"], list(entry["history"]["by_phase"])) == (["LiF"], ["Li2S", "LiF"])
    product, before = entry["history"]["by_phase"].values()
    assert (product["n_grains"], before["n_grains"]) == ([0, 1, 1], [1, 1, 1])
    np.testing.assert_allclose(product["largest_diameter_angstrom"], [0.0, 16.0, 20.0], rtol=0.15, atol=0)
    np.testing.assert_allclose(
        np.add(product["crystalline_fraction"], before["crystalline_fraction"]),
        entry["history"]["crystalline_fraction"],
        rtol=1e-9,
        atol=0,
    )
    share, largest, from_start = result.headlines()
    assert share.quantity == "crystalline share of the anions (products)"
    np.testing.assert_allclose(share.value, np.mean(product["crystalline_fraction"]), rtol=1e-9, atol=0)
    np.testing.assert_allclose(largest.value, np.mean(product["largest_diameter_angstrom"]), rtol=1e-9, atol=0)
    np.testing.assert_allclose(from_start.value, np.mean(before["crystalline_fraction"]), rtol=1e-9, atol=0)
    assert result.lines()[-1] == "LiF: crystalline from the start"
    table = rows(result, "phases")
    np.testing.assert_allclose(
        [float(row["largest_diameter_angstrom"]) for row in table if row["phase"] == "Li2S"],
        product["largest_diameter_angstrom"],
        rtol=1e-5,
        atol=0,
    )


def test_every_grain_has_its_size_and_turn_at_every_look(grown) -> None:
    result, turn = grown
    table = [row for row in rows(result, "every_grain") if row["phase"] == "Li2S"]
    np.testing.assert_allclose(column(table, "time_ps"), [1.375, 2.375], rtol=1e-9, atol=0)
    np.testing.assert_allclose(column(table, "diameter_angstrom"), [16.0, 20.0], rtol=0.15, atol=0)
    np.testing.assert_allclose(column(table, "depth_angstrom"), 25.0, rtol=0, atol=0.5)
    # The normal of the interface in axes of the crystal, folded into the standard triangle.
    normal = np.sort(np.abs(turn.T @ [0.0, 0.0, 1.0]))
    for row in table:
        seen = np.array([float(row[f"normal_{k}"]) for k in (1, 2, 3)])
        assert np.degrees(np.arccos(min(1.0, float(seen @ normal)))) < 2.0


def test_elements_that_are_not_there_are_named() -> None:
    path = np.random.default_rng(1).random((4, 6, 3)) * 12.0
    metal = trajectory(path, 12.0, ["Li"] * 3 + ["Co"] * 3, INTERVAL)
    with pytest.raises(AnalysisError, match="There is no anion among Li, Co; name the elements"):
        found(metal, mi.Crystallites())
    with pytest.raises(AnalysisError, match="There is no S for the sublattice of anions; there are Li, Co"):
        found(metal, mi.Crystallites(anions="S"))
    assert grains(bond_order(path[0], np.eye(3) * 12.0, 3.0)) == []
