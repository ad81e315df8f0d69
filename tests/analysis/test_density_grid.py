"""Density grids against counting voxel by voxel, and their files read back by ASE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io.cube import read_cube_data, write_cube

from mlip_interfaces.analysis.density_grid import DensityGrid, DensityGridAccumulator, cube_text
from mlip_interfaces.errors import AnalysisError

CELL = np.array([[6.0, 0, 0], [1, 5, 0], [0, 1, 7]])


def test_density_equals_counting_the_nearest_grid_point_in_a_triclinic_cell() -> None:
    rng = np.random.default_rng(1)
    frames = rng.uniform(-10, 20, (9, 5, 3))
    accumulator = DensityGridAccumulator(np.array([True, True, True, True, False]), spacing_angstrom=1.5)
    for frame in frames:
        accumulator.add(frame, CELL)
    density = accumulator.result().density_per_angstrom3
    expected = np.zeros(density.shape)
    for x, y, z in (frames[:, :4] @ np.linalg.inv(CELL)).reshape(-1, 3):
        i, j, k = (round(float(s) * n) % n for s, n in zip((x, y, z), density.shape, strict=True))
        expected[i, j, k] += density.size / (9 * np.linalg.det(CELL))
    np.testing.assert_allclose(density, expected, rtol=1e-12, atol=0)


def test_integral_is_the_number_of_atoms_in_a_breathing_cell() -> None:
    rng = np.random.default_rng(2)
    accumulator = DensityGridAccumulator(np.ones(7, dtype=bool), spacing_angstrom=0.5)
    for t in range(10):
        accumulator.add(rng.uniform(-5, 5, (7, 3)), CELL * (1 + 0.02 * np.sin(t)))
    grid = accumulator.result()
    volume = abs(np.linalg.det(grid.cell))
    np.testing.assert_allclose(grid.density_per_angstrom3.mean() * volume, 7.0, rtol=1e-12, atol=0)


def test_cube_file_has_lengths_in_bohr_and_comes_back_from_ase(tmp_path: Path) -> None:
    atoms = Atoms("LiS", positions=[[1, 2, 3], [4, 1, 2.0]], cell=CELL, pbc=True)
    accumulator = DensityGridAccumulator(np.array([True, False]), spacing_angstrom=0.5)
    accumulator.add(atoms.positions, CELL)
    grid = accumulator.result()
    file = tmp_path / "li.cube"
    file.write_text("".join(cube_text(grid, atoms.positions, atoms.numbers)))
    data, back = read_cube_data(str(file))
    # The file keeps six significant digits of the density and six decimals of lengths.
    np.testing.assert_allclose(data, grid.density_per_angstrom3, rtol=1e-5, atol=0)
    np.testing.assert_allclose(back.positions, atoms.positions, rtol=0, atol=2e-6)
    np.testing.assert_allclose(np.asarray(back.cell), CELL, rtol=0, atol=2e-5)
    assert back.symbols.get_chemical_formula() == "LiS"
    # 0.5 angstrom = 0.944863 bohr: the first voxel vector, after two comments and the origin.
    n, *voxel = file.read_text().splitlines()[3].split()
    assert n == "12"
    np.testing.assert_allclose([float(v) for v in voxel], [0.944863, 0, 0], rtol=0, atol=2e-6)


def test_cube_text_is_that_of_ase(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for shape in ((1, 1, 1), (3, 4, 5), (7, 1, 2)):
        atoms = Atoms("CoLiUH", positions=rng.uniform(-30, 30, (4, 3)), cell=CELL * 3, pbc=True)
        density = rng.exponential(size=shape) * 10.0 ** rng.integers(-12, 3, shape)
        with (tmp_path / "expected.cube").open("w") as handle:
            write_cube(handle, atoms, data=density, comment="number density, 1/angstrom^3")
        found = "".join(cube_text(DensityGrid(density, np.asarray(atoms.cell), 1), atoms.positions, atoms.numbers))
        assert found == (tmp_path / "expected.cube").read_text()


def test_an_atom_on_a_boundary_is_densest_where_it_is() -> None:
    accumulator = DensityGridAccumulator(np.array([True]), spacing_angstrom=1.0)
    accumulator.add(np.array([[9.8, 3.1, 4.9]]), np.eye(3) * 10.0)
    density = accumulator.result().density_per_angstrom3
    assert np.unravel_index(density.argmax(), density.shape) == (0, 3, 5)


def test_no_atom_is_refused() -> None:
    with pytest.raises(AnalysisError, match="no atom"):
        DensityGridAccumulator(np.zeros(4, dtype=bool))
