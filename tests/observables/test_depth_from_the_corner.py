"""Depths are from the corner of the cell and across its faces, wherever LAMMPS puts that corner and however the cell leans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_trajectories import column, content, found, rows
from planted_crystal import crystals_in_glass

import mlip_interfaces as mi


def dump(
    folder: Path, path: np.ndarray, cell: np.ndarray, symbols: list[str], corner: np.ndarray
) -> mi.TrajectoryReader:
    """A text dump whose cell begins at a corner; its first vector is along x, its second in the plane of x and y."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell
    low = np.minimum([0.0, 0.0], [min(xy, xz, xy + xz), yz])
    high = np.maximum([0.0, 0.0], [max(xy, xz, xy + xz), yz])
    box = [(low[0], lx + high[0], xy), (low[1], ly + high[1], xz), (0.0, lz, yz)]
    text = []
    for step, positions in enumerate(path):
        bounds = "".join(
            f"{a + at:.6f} {b + at:.6f} {tilt:.6f}\n" for (a, b, tilt), at in zip(box, corner, strict=True)
        )
        atoms = "".join(
            f"{i + 1} {symbol} {x:.5f} {y:.5f} {z:.5f}\n"
            for i, (symbol, (x, y, z)) in enumerate(zip(symbols, positions + corner, strict=True))
        )
        text.append(
            f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(symbols)}\nITEM: BOX BOUNDS xy xz yz pp pp pp\n{bounds}"
            f"ITEM: ATOMS id element x y z\n{atoms}"
        )
    file = folder / "a.lammpstrj"
    file.write_text("".join(text))
    return mi.open_trajectory(file, frame_interval_ps=0.25)


STRAIGHT = np.diag([20.0, 20.0, 20.0])
LEANING = np.array([[20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [15.0, 0.0, 20.0]])
CORNERS = [np.zeros(3), np.array([3.0, -4.0, -17.0])]


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("cell", [STRAIGHT, LEANING])
def test_a_bond_breaks_where_it_was(tmp_path: Path, cell: np.ndarray, corner: np.ndarray) -> None:
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    unit = np.vstack([np.zeros(3), corners]) + [10.0, 10.0, 15.0]
    path = np.repeat(unit[None], 40, axis=0)
    path[20:, 1] = [3.0, 3.0, 15.0]
    result = found(dump(tmp_path, path, cell, ["P", "S", "S", "S", "S"], corner), mi.Reactions())
    (event,) = rows(result, "events")
    np.testing.assert_allclose(float(event["depth_angstrom"]), 15.0, rtol=0, atol=1e-3)
    places = rows(result, "depth")
    there = [float(row["depth_angstrom"]) for row in places if row["count"] == "1"]
    np.testing.assert_allclose(there, 15.0, rtol=0, atol=10.0 / mi.Reactions().slices)


@pytest.mark.parametrize("corner", CORNERS)
def test_a_grain_lies_where_it_was_planted(tmp_path: Path, corner: np.ndarray) -> None:
    positions, symbols = crystals_in_glass(30.0, [9.0], [[15.0, 15.0, 8.0]], [np.eye(3)], 0)
    path = np.repeat((positions % 30.0)[None], 4, axis=0)
    entry = content(found(dump(tmp_path, path, np.eye(3) * 30.0, symbols, corner), mi.Crystallites()))
    np.testing.assert_allclose(entry["grains"][0]["depth_angstrom"], 8.0, rtol=0, atol=0.6)


def test_a_grain_in_a_leaning_cell_has_the_depth_of_its_planes(tmp_path: Path) -> None:
    edge, n = 5.7, 5
    cubes = np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(-1, 1, 3)
    fcc = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    layers = (cubes + fcc).reshape(-1, 3) * edge
    # A slab of crystal from 8.55 to 20.0 of 28.5 angstrom, in a cell that leans by four of its edges; the rest is vacuum.
    slab = layers[(layers[:, 2] > 8.0) & (layers[:, 2] < 20.5)]
    cell = np.array([[n * edge, 0, 0], [0, n * edge, 0], [(n - 1) * edge, 0, n * edge]])
    result = found(dump(tmp_path, slab[None].repeat(4, axis=0), cell, ["S"] * len(slab), CORNERS[1]), mi.Crystallites())
    (grain,) = content(result)["grains"]
    np.testing.assert_allclose(grain["depth_angstrom"], slab[:, 2].mean(), rtol=0, atol=0.3)


@pytest.mark.parametrize("corner", CORNERS)
def test_a_density_is_high_where_the_atoms_are(tmp_path: Path, corner: np.ndarray) -> None:
    path = np.random.default_rng(2).random((20, 60, 3)) * [20.0, 20.0, 4.0] + [0.0, 0.0, 13.0]
    table = rows(found(dump(tmp_path, path, LEANING, ["S"] * 60, corner), mi.Profile(bin_width_angstrom=1.0)))
    depth, density = column(table, "depth_angstrom"), column(table, "number_density_per_angstrom3")
    np.testing.assert_allclose((depth * density).sum() / density.sum(), 15.0, rtol=0, atol=0.1)


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("cell", [STRAIGHT, LEANING])
def test_a_tetrahedron_is_counted_where_it_is(tmp_path: Path, cell: np.ndarray, corner: np.ndarray) -> None:
    corners = 1.8 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    path = np.repeat((np.vstack([np.zeros(3), corners]) + [10.0, 10.0, 15.1])[None], 8, axis=0)
    table = rows(found(dump(tmp_path, path, cell, ["Li", "F", "F", "F", "F"], corner), mi.Tetrahedra()), "depth")
    (there,) = [float(row["depth_angstrom"]) for row in table if float(row["count"])]
    np.testing.assert_allclose(there, 15.1, rtol=0, atol=0.25)


@pytest.mark.parametrize("corner", CORNERS)
def test_a_region_begins_at_the_corner(tmp_path: Path, corner: np.ndarray) -> None:
    path = np.random.default_rng(3).normal(0.0, 0.05, (160, 60, 3)).cumsum(axis=0) + [10.0, 10.0, 0.0]
    path[:, :, 2] = path[:, :, 2] % 4.0 + 13.0
    symbols = ["Li"] * 40 + ["S"] * 20
    asked = mi.Onsager(temperature_kelvin=500.0, region_angstrom=(12.0, 18.0), species=("Li",))
    entry = content(found(dump(tmp_path, path, STRAIGHT, symbols, corner), asked))
    slab = entry["windows"][0]["region"]
    assert (slab["low_angstrom"], slab["n_atoms"]) == (12.0, {"Li": 40})
