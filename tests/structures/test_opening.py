"""Glasses as layers: no polyanion is cut, whatever the boundary it crosses; layers of simple ions stay as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from ase.neighborlist import neighbor_list, primitive_neighbor_list
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.assembly import Layer, stack
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.glass import MeltQuench, QuenchPotential, amorphous, melt_quench
from mlip_interfaces.structures.glass.opening import opened_along_z
from mlip_interfaces.structures.slabs import cut_slab

CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


def tetrahedron(ligand: str, bond: float) -> Atoms:
    return Atoms(["P"] + [ligand] * 4, positions=np.vstack([np.zeros(3), bond * CORNERS]))


def dithiophosphate() -> Atoms:
    """P2S7: two PS4 that share a corner, the second one the first one's mirror image in it."""
    first = tetrahedron("S", 2.05).positions
    second = 2 * first[1] - first
    return Atoms(["P"] + ["S"] * 4 + ["P"] + ["S"] * 3, positions=np.vstack([first, second[[0, 2, 3, 4]]]))


GLASSES = {
    "Li3PO4": ((tetrahedron("O", 1.54),), 3, 2.1, "O", 10),
    "Li4P2S7": ((dithiophosphate(),), 4, 2.8, "S", 8),
    "Li7P3S11": ((tetrahedron("S", 2.05), dithiophosphate()), 7, 2.8, "S", 4),
}
"""Units, lithium, smallest distance between two units, ligand, formula units; an orthophosphate, a pyrothiophosphate, and
both."""


def made_glass(name: str, *, seed: int, n: int | None = None, edges: tuple[float, float, float] | None = None) -> Atoms:
    """Units turned and placed at random, atoms wrapped on all sides; in a sheared lateral cell unless edges are given."""
    rng = np.random.default_rng(seed)
    units, n_lithium, apart, _, usual = GLASSES[name]
    n = n or usual
    cell = np.diag(edges or ((11.0, 12.0, 13.0) if name == "Li3PO4" else (15.0, 16.0, 17.0)))
    cell[1, 0] = 0.0 if edges else 3.0
    inverse = np.linalg.inv(cell)
    glass = Atoms(cell=cell, pbc=True)
    for unit in [*(units * n), *[Atoms("Li")] * (n * n_lithium)]:
        nearest = 1.8 if len(unit) == 1 else apart
        for _ in range(20_000):
            turned = Rotation.random(rng=rng).apply(unit.positions) + rng.random(3) @ cell
            away = (turned[:, None] - glass.positions) @ inverse
            if np.linalg.norm((away - np.round(away)) @ cell, axis=2).min(initial=9.9) > nearest:
                break
        else:
            raise AssertionError("no room: take another seed")
        glass += Atoms(unit.get_chemical_symbols(), positions=turned)
    glass.wrap()
    return glass


def unit_formulas(atoms: Atoms, ligand: str, *, along_z: bool) -> list[str]:
    """Polyanions counted with a neighbour search of its own, periodic along z or open."""
    number = {"P": 15, "O": 8, "S": 16}[ligand]
    members = np.flatnonzero(np.isin(atoms.numbers, [15, number]))
    cutoff = {"O": 1.9, "S": 2.4}[ligand]
    part = atoms[members]
    first, second = primitive_neighbor_list("ij", (True, True, along_z), np.asarray(part.cell), part.positions, cutoff)
    bonded = part.numbers[first] != part.numbers[second]
    links = coo_array((np.ones(bonded.sum()), (first[bonded], second[bonded])), shape=(len(part), len(part)))
    n_units, label = connected_components(links, directed=False)
    return sorted(part[label == unit].get_chemical_formula() for unit in range(n_units))


@pytest.mark.parametrize("name", list(GLASSES))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_open_layer_has_the_units_of_the_periodic_glass(name: str, seed: int) -> None:
    glass, ligand = made_glass(name, seed=seed), GLASSES[name][3]
    whole = unit_formulas(glass, ligand, along_z=True)
    # Units cross all boundaries, or the test would prove nothing.
    assert len(unit_formulas(glass, ligand, along_z=False)) > len(whole)
    assert set(whole) <= {"O4P", "PS4", "P2S7"}
    layer = opened_along_z(glass)
    assert unit_formulas(layer, ligand, along_z=False) == whole
    # The same glass: cell, atoms and all distances, moved along z.
    assert layer.get_chemical_symbols() == glass.get_chemical_symbols()
    np.testing.assert_array_equal(layer.cell, glass.cell)
    np.testing.assert_array_equal(layer.positions[:, :2], glass.positions[:, :2])
    moved = (layer.positions[:, 2] - glass.positions[:, 2]) / glass.cell[2, 2]
    np.testing.assert_allclose(np.exp(2j * np.pi * moved), np.exp(2j * np.pi * moved[0]), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", list(GLASSES))
def test_the_opening_is_the_smoothest_of_all_heights(name: str) -> None:
    glass = made_glass(name, seed=4)
    height, units = glass.cell[2, 2], _heights_of_whole_units(glass)
    found = float(np.ptp(opened_along_z(glass).positions[:, 2]))
    extents = [_extent_of_whole_units(units, height, shift) for shift in np.arange(0.0, height, 0.02)]
    np.testing.assert_allclose(found, min(extents), rtol=0, atol=1e-6)
    # As thick as the cell, give or take the reach of a unit.
    assert abs(found - height) < 2.0


def _heights_of_whole_units(glass: Atoms) -> list[np.ndarray]:
    """Oracle: heights of the atoms of each unit, by a walk along its bonds."""
    first, second, vectors = neighbor_list("ijD", glass, {("P", "O"): 1.9, ("P", "S"): 2.4})
    z: dict[int, float] = {}
    units = []
    for start in range(len(glass)):
        if start in z:
            continue
        z[start] = glass.positions[start, 2]
        members = [start]
        for atom in members:
            for other, vector in zip(second[first == atom], vectors[first == atom], strict=True):
                if other not in z:
                    z[other] = z[atom] + vector[2]
                    members.append(other)
        units.append(np.array([z[atom] for atom in members]))
    return units


def _extent_of_whole_units(units: list[np.ndarray], height: float, shift: float) -> float:
    """Highest minus lowest atom where the glass is moved up and each unit keeps its mean height in the cell."""
    places = [unit + shift - np.floor((unit.mean() + shift) / height) * height for unit in units]
    return float(np.ptp(np.concatenate(places)))


def test_layers_of_simple_ions_are_untouched() -> None:
    rng = np.random.default_rng(6)
    glass = Atoms("Li20F20", scaled_positions=rng.random((40, 3)), cell=[8, 9, 10], pbc=True)
    before = glass.positions.copy()
    np.testing.assert_array_equal(opened_along_z(glass).positions, before)


def test_a_glass_has_its_units_in_a_model_with_and_without_vacuum() -> None:
    glass = made_glass("Li3PO4", seed=7, n=14, edges=(4 * 4.03, 3 * 4.03, 13.0))
    layer = opened_along_z(glass)
    slab = cut_slab("LiF", (1, 0, 0), 6.0)
    slab = slab.repeat((4, 3, 1))
    np.testing.assert_allclose(slab.cell.lengths()[:2], layer.cell.lengths()[:2], rtol=5e-3, atol=0)
    slab.set_cell(np.diag([*layer.cell.lengths()[:2], slab.cell[2, 2]]), scale_atoms=True)
    for vacuum in (0.0, 10.0):
        model = stack([Layer("base", slab), Layer("glass", layer)], vacuum_angstrom=vacuum)
        assert unit_formulas(model, "O", along_z=True).count("O4P") == 14
        assert len(unit_formulas(model, "O", along_z=True)) == 14
        part = model[model.arrays["layer"] == "glass"]
        assert part.get_chemical_formula() == glass.get_chemical_formula()


@pytest.mark.parametrize("axis", [0, 2])
def test_an_endless_chain_along_z_is_refused_and_one_in_the_plane_kept(axis: int) -> None:
    cell = np.array([9.0, 9.0, 9.0])
    cell[axis] = 6.0
    # P-S-P-S zigzag of period 6, each P with two more S: metathiophosphate PS3.
    chain = np.array([[0.0, 0.0, 0.0], [1.5, 1.4, 0.0], [3.0, 0.0, 0.0], [4.5, 1.4, 0.0]])
    sides = [[0.0, -1.2, s] for s in (1.6, -1.6)] + [[3.0, -1.2, s] for s in (1.6, -1.6)]
    places = np.roll(np.vstack([chain, sides]), axis, axis=1) + 0.3
    atoms = Atoms("PSPSS4", positions=places, cell=cell, pbc=True)
    atoms += Atoms("Li2", positions=[[4.5, 6.0, 4.5], [4.0, 5.5, 7.0]])
    atoms.wrap()
    if axis == 2:
        with pytest.raises(StructureError, match=r"polyanion of P2S6 that goes on for ever along z.*thicker"):
            opened_along_z(atoms)
    else:
        assert unit_formulas(opened_along_z(atoms), "S", along_z=False) == ["P2S6"]


# --- what callers get, LAMMPS replaced by a glass made here ---

SCHEDULE = MeltQuench(melt_ps=0.1, quench_kelvin_per_ps=27000, hold_ps=0.1)


@pytest.fixture
def quenched(monkeypatch: pytest.MonkeyPatch) -> Atoms:
    """Every run of LAMMPS ends in this glass of twelve Li3PO4."""
    glass = made_glass("Li3PO4", seed=8, n=12, edges=(12.0, 12.0, 14.0))
    glass = glass[
        np.argsort([["Li", "P", "O"].index(symbol) for symbol in glass.get_chemical_symbols()], kind="stable")
    ]

    def run(start: Atoms, potential: QuenchPotential, schedule: MeltQuench, inputs: dict, directory: Path) -> None:
        assert sorted(start.get_chemical_symbols()) == sorted(glass.get_chemical_symbols())
        directory.mkdir(parents=True)
        species = list(potential.elements)
        write(directory / "quenched.data", glass, format="lammps-data", atom_style="atomic", specorder=species)
        (directory / "inputs.json").write_text(json.dumps(inputs))
        (directory / "schedule.csv").write_text("t,T,e,h\n0,3000,-1,14\n1,300,-2,14\n")
        rows = [f"{i} {species.index(a.symbol) + 1} {a.x:.6f} {a.y:.6f} {a.z:.6f}" for i, a in enumerate(glass, 1)]
        head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(glass)}\nITEM: BOX BOUNDS pp pp pp\n0 12\n0 12\n0 14\n"
        (directory / "quench.lammpstrj").write_text(head + "ITEM: ATOMS id type x y z\n" + "\n".join(rows) + "\n")

    monkeypatch.setattr(amorphous, "_run", run)
    return glass


DENSITY_G_PER_CM3 = 12 * (3 * 6.94 + 30.974 + 4 * 15.999) * 1.66054 / (12.0 * 12.0 * 14.0)


def test_melt_quench_gives_whole_units_composition_density_and_thickness(quenched: Atoms, tmp_path: Path) -> None:
    potential = QuenchPotential.custom("walls", ["Li", "P", "O"], ["pair_style zbl 3.0 4.0", "pair_coeff * *"])
    layer = melt_quench(
        np.eye(2) * 12, thickness_angstrom=14, density_g_per_cm3=DENSITY_G_PER_CM3, material="Li3PO4", seed=1,
        potential=potential, schedule=SCHEDULE, directory=tmp_path, crystal=load_crystal("gamma-Li3PO4"),
    )  # fmt: skip
    assert len(unit_formulas(quenched, "O", along_z=False)) > 12
    assert unit_formulas(layer.atoms, "O", along_z=False) == ["O4P"] * 12
    assert layer.atoms.get_chemical_formula() == "Li36O48P12"
    np.testing.assert_allclose(np.asarray(layer.atoms.cell), np.diag([12.0, 12.0, 14.0]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(layer.density_g_per_cm3, DENSITY_G_PER_CM3, rtol=1e-3, atol=0)


def test_the_command_writes_layers_with_whole_units(quenched: Atoms, tmp_path: Path, capsys) -> None:
    (tmp_path / "walls.lammps").write_text("# elements: Li P O\npair_style zbl 3.0 4.0\npair_coeff * *\n")
    words = ["--area", "12x12", "--thickness-angstrom", "14", "--density-g-cm3", str(DENSITY_G_PER_CM3), "--json"]
    folder = tmp_path / "glass"
    run = ["structures", "amorphous", "Li3PO4", *words, "--potential", str(tmp_path / "walls.lammps")]
    assert main([*run, "--out", str(folder)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["n_atoms"], summary["thickness_angstrom"]) == (96, 14.0)
    for name, options in {"layer.xyz": {}, "POSCAR": {}, "layer.data": {"format": "lammps-data"}}.items():
        assert unit_formulas(read(folder / name, **options), "O", along_z=False) == ["O4P"] * 12
    assert len(quenched) == summary["n_atoms"]
