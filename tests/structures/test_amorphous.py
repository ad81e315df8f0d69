"""Amorphous layers: what order is, packing, potentials, and real melt-quenches in LAMMPS."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import sph_harm_y

from mlip_interfaces.chemistry import anion_symbols, compound_charges, ion_contact
from mlip_interfaces.chemistry.contacts import PACKING_SHARES
from mlip_interfaces.errors import StructureError
from mlip_interfaces.programs import run_program
from mlip_interfaces.structures.crystals import formula_counts, load_crystal
from mlip_interfaces.structures.glass import (
    MeltQuench,
    QuenchPotential,
    amorphous,
    default_density,
    melt_quench,
    named_potential,
)
from mlip_interfaces.structures.glass.order import (
    bond_coherence,
    coordination_numbers,
    measure_order,
    partial_g,
    structure_factor,
)
from mlip_interfaces.structures.glass.packing import packed, starting_positions

QUICK = MeltQuench(melt_ps=0.3, quench_kelvin_per_ps=13500, hold_ps=0.1)
TINY = MeltQuench(melt_ps=0.05, quench_kelvin_per_ps=30000, hold_ps=0.02)

# M. P. Tosi, F. G. Fumi, J. Phys. Chem. Solids 25, 45 (1964), in eV and angstrom.
LICL = QuenchPotential.custom(
    "Tosi-Fumi LiCl",
    ["Li", "Cl"],
    [
        "pair_style born/coul/long 8.0",
        "pair_coeff 1 1 0.421926 0.342 1.632 0.045563 -0.018725",
        "pair_coeff 1 2 0.290074 0.342 2.401 1.248 -1.498",
        "pair_coeff 2 2 0.158222 0.342 3.170 69.28 -139.2",
        "kspace_style pppm 1e-4",
    ],
    charges={"Li": 1, "Cl": -1},
)
# Rigid ions with walls alone: enough for a melt of another composition.
LI2S_FILE = """# elements: Li S
set type 1 charge 1.0
set type 2 charge -2.0
pair_style born/coul/long 8.0
pair_coeff 1 1 0.3 0.30 1.7 0 0
pair_coeff 1 2 0.3 0.30 2.6 0 0   # Li-S
pair_coeff 2 2 0.3 0.30 3.6 0 0
kspace_style pppm 1e-4
"""


def _supercell(name: str, length: float = 9.0) -> Atoms:
    cell = load_crystal(name)
    return cell.repeat([max(1, round(length / edge)) for edge in cell.cell.lengths()])


# --- order ---


@pytest.mark.parametrize(
    "name", ["LiF", "LiCl", "Li2S", "LiCoO2", "Li3OCl", "Li", "gamma-Li3PO4", "Li6PS5Cl", "Li7P3S11"]
)
@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.2])
def test_crystals_are_crystalline_also_with_thermal_noise(name: str, sigma: float) -> None:
    crystal = load_crystal(name)
    # The peaks of crystals of many atoms per cell rise above the noise from about sixty anions on.
    atoms = _supercell(name, 18.0 if name in ("Li6PS5Cl", "Li7P3S11") else 13.0)
    atoms.positions += np.random.default_rng(3).normal(0, sigma, atoms.positions.shape)
    assert measure_order(atoms, crystal).verdict == "crystalline"


@pytest.mark.parametrize("material", ["LiF", "LiCl", "Li2S", "Li3PO4", "Li6PS5Cl", "Li7P3S11", "Li"])
def test_random_packings_are_amorphous(material: str) -> None:
    height = 10.0
    units = dict(formula_counts(material))
    unit = Atoms([symbol for symbol, number in units.items() for _ in range(number)])
    n_units = round(default_density(material) / 1.66054 * 9.8 * 14.1 * height / unit.get_masses().sum())
    atoms = packed(np.diag([9.8, 14.1, height]), {k: v * n_units for k, v in units.items()}, seed=5)
    order = measure_order(atoms, load_crystal(material))
    assert order.verdict == "amorphous"
    assert order.ordered_share < 0.25
    assert order.peak < order.peak_threshold


def test_share_of_a_planted_crystal_is_found() -> None:
    rock_salt = bulk("LiF", "rocksalt", a=4.03, cubic=True).repeat((3, 3, 6))
    height = rock_salt.cell[2, 2]
    for share in (1 / 3, 2 / 3):
        part = rock_salt[rock_salt.positions[:, 2] < share * height - 0.1]
        glass_height = (1 - share) * height
        n = (len(rock_salt) - len(part)) // 2
        glass = packed(np.diag([12.09, 12.09, glass_height]), {"Li": n, "F": n}, seed=2)
        glass.positions[:, 2] += share * height
        both = part + glass
        both.set_cell(rock_salt.cell)
        found = measure_order(both, load_crystal("LiF"))
        # Two interfaces: the atoms of up to three planes of twelve have neighbours on both sides.
        np.testing.assert_allclose(found.ordered_share, share, rtol=0, atol=0.25)
        assert (found.verdict == "crystalline") == (share > 0.5)


def test_thin_layers_of_other_coordination_are_called_confined_and_thin_rock_salt_is_not() -> None:
    crystal = load_crystal("LiF")
    tetrahedral = bulk("LiF", "zincblende", a=4.4, cubic=True).repeat((3, 3, 1))
    confined = measure_order(tetrahedral, crystal)
    assert confined.verdict == "confined"
    assert "ordered by confinement" in str(confined)
    assert confined.coordination == {"Li": 4.0}
    assert confined.crystal_coordination == {"Li": 6.0}
    assert (
        measure_order(bulk("LiF", "rocksalt", a=4.03, cubic=True).repeat((3, 3, 1)), crystal).verdict == "crystalline"
    )
    # The same tetrahedral lattice, thick, is a crystal.
    assert measure_order(bulk("LiF", "zincblende", a=4.4, cubic=True).repeat(3), crystal).verdict == "crystalline"


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(["LiF", "Li2S", "gamma-Li3PO4"]))
def test_order_does_not_depend_on_origin_and_sequence_of_atoms(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    atoms = _supercell(name)
    atoms.positions += rng.normal(0, 0.3, atoms.positions.shape)
    moved = atoms[rng.permutation(len(atoms))]
    moved.positions += rng.uniform(-20, 20, 3)
    first, second = (measure_order(a, load_crystal(name)) for a in (atoms, moved))
    np.testing.assert_allclose(second.peak, first.peak, rtol=1e-9, atol=0)
    np.testing.assert_allclose(second.coherence_mean, first.coherence_mean, rtol=1e-9, atol=1e-12)
    assert first.verdict == second.verdict
    assert first.coordination == second.coordination


def test_structure_factor_is_the_direct_sum_and_one_over_n_without_order() -> None:
    rng = np.random.default_rng(1)
    cell = np.array([[11.0, 0, 0], [2.0, 9.0, 0], [0, 0, 12.0]])
    shares = []
    for _ in range(20):
        atoms = Atoms(["F"] * 60, scaled_positions=rng.random((60, 3)), cell=cell, pbc=True)
        share, indices = structure_factor(atoms)
        shares.append(share.mean())
        k = 2 * np.pi * indices[7] @ np.linalg.inv(cell).T
        direct = abs(sum(np.exp(1j * (k @ r)) for r in atoms.positions)) ** 2 / 60**2
        np.testing.assert_allclose(share[7], direct, rtol=1e-9, atol=0)
        # One of k and -k, and all up to 9 n^(1/3): half a sphere of them.
        pairs = {tuple(row) for row in indices.tolist()}
        assert not any(tuple(-np.array(row)) in pairs for row in pairs)
        assert (
            np.linalg.norm(indices @ (2 * np.pi * np.linalg.inv(cell).T), axis=1) <= 9 * (60 / 1188) ** (1 / 3)
        ).all()
    np.testing.assert_allclose(len(share), 60 * 9**3 / (12 * np.pi**2), rtol=0.1, atol=0)
    # Mean of 20 x 360 exponentially distributed values of mean 1/60.
    np.testing.assert_allclose(np.mean(shares), 1 / 60, rtol=4 / np.sqrt(20 * len(share)), atol=0)


def test_bond_coherence_is_the_product_of_steinhardt_vectors() -> None:
    rng = np.random.default_rng(2)
    atoms = bulk("Cu", cubic=True).repeat(3)
    np.testing.assert_allclose(bond_coherence(atoms), 1.0, rtol=1e-12, atol=0)
    atoms.positions += rng.normal(0, 0.3, atoms.positions.shape)
    first, second, vector, distance = neighbor_list("ijDd", atoms, 7.0)
    q6, nearest = [], []
    for index in range(len(atoms)):
        mine = np.flatnonzero(first == index)
        mine = mine[np.argsort(distance[mine])][:12]
        x, y, z = (vector[mine] / distance[mine][:, None]).T
        q6.append([sph_harm_y(6, m, np.arccos(z), np.arctan2(y, x)).mean() for m in range(-6, 7)])
        nearest.append(second[mine])
    vectors = np.array(q6)
    unit = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    expected = [[(unit[i] @ unit[j].conj()).real for j in row] for i, row in enumerate(nearest)]
    np.testing.assert_allclose(bond_coherence(atoms), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LiF", {"Li": 6.0}),
        ("Li2S", {"Li": 4.0}),
        ("Li3OCl", {"Li": 2.0}),
        ("Li6PS5Cl", {"P": 4.0}),
        ("LiCoO2", {"Co": 6.0}),
    ],
)
def test_coordination_of_crystals(name: str, expected: dict[str, float]) -> None:
    found = coordination_numbers(load_crystal(name), load_crystal(name))
    assert {symbol: found[symbol] for symbol in expected} == expected


def test_g_of_r_counts_neighbours_and_is_one_without_order() -> None:
    crystal = load_crystal("LiF").repeat(2)
    r, g = partial_g(crystal, "Li", "F", r_max_angstrom=3.0)
    density = crystal.symbols.count("F") / crystal.get_volume()
    np.testing.assert_allclose((g * density * 4 * np.pi * r**2 * 0.05).sum(), 6.0, rtol=2e-3, atol=0)
    gas = Atoms(["F"] * 1500, positions=np.random.default_rng(4).uniform(0, 25, (1500, 3)), cell=[25.0] * 3, pbc=True)
    r, g = partial_g(gas, "F", "F", r_max_angstrom=8.0)
    far = r > 5.0
    pairs = 1500 * 1499 / 2 / 25**3 * 4 / 3 * np.pi * (8**3 - 5**3)
    np.testing.assert_allclose(np.average(g[far], weights=r[far] ** 2), 1.0, rtol=4 / np.sqrt(pairs), atol=0)


# --- ions and packing ---


def test_formulas_and_charges() -> None:
    assert formula_counts("LiNi0.5Mn1.5O4") == (("Li", 2), ("Ni", 1), ("Mn", 3), ("O", 8))
    assert formula_counts("Li3PS4") == formula_counts("gamma-Li3PS4")
    assert compound_charges(["Li"] * 6 + ["P"] + ["S"] * 5 + ["Cl"]) == {"Li": 1.0, "P": 5.0, "S": -2.0, "Cl": -1.0}
    assert anion_symbols(load_crystal("Li6PS5Cl").get_chemical_symbols()) == {"S", "Cl"}
    for wrong in ("Lx2", "", "42"):
        with pytest.raises(StructureError, match="neither a chemical formula"):
            formula_counts(wrong)


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_units=st.integers(3, 5),
    shear=st.floats(0, 0.3),
    material=st.sampled_from(["Li3PO4", "Li2S", "Li6PS5Cl", "LiCoO2"]),
)
def test_packings_have_their_atoms_and_no_short_contact(seed: int, n_units: int, shear: float, material: str) -> None:
    counts = {symbol: n_units * number for symbol, number in formula_counts(material)}
    volume = 1.1 * load_crystal(material).get_volume() / len(load_crystal(material)) * sum(counts.values())
    edge = volume ** (1 / 3)
    cell = edge * np.array([[1.0, 0, 0], [shear, 1.0, 0], [0, 0, 1.0]])
    atoms = packed(cell, counts, seed=seed)
    assert {symbol: atoms.symbols.count(symbol) for symbol in counts} == counts
    charges = compound_charges(atoms.get_chemical_symbols())
    first, second, distance = neighbor_list("ijd", atoms, 4.0)
    share = [
        length / ion_contact(atoms.symbols[i], atoms.symbols[j], charges)
        for i, j, length in zip(first, second, distance, strict=True)
    ]
    assert min(share) >= min(PACKING_SHARES) - 1e-9
    np.testing.assert_array_equal(packed(cell, counts, seed=seed).positions, atoms.positions)
    assert not np.array_equal(packed(cell, counts, seed=seed + 1).positions, atoms.positions)


def test_packing_beyond_space_is_refused() -> None:
    with pytest.raises(StructureError, match="lower the density"):
        packed(np.eye(3) * 2.7, {"Li": 3, "P": 1, "O": 4}, seed=1)


def test_two_elements_in_equal_numbers_start_on_a_grid_of_alternating_signs() -> None:
    atoms = starting_positions(np.diag([9.0, 8.0]), 9.0, {"Li": 30, "F": 30}, seed=1)
    first, second, distance = neighbor_list("ijd", atoms, 2.5)
    numbers = atoms.numbers
    assert distance[numbers[first] == numbers[second]].size == 0
    assert distance.min() > 1.5


# --- potentials ---


def test_shipped_potential_gives_the_published_rock_salt(tmp_path: Path) -> None:
    (tmp_path / "in.lammps").write_text(
        "units metal\natom_style charge\nlattice custom 4.03 a1 1 0 0 a2 0 1 0 a3 0 0 1 "
        "basis 0 0 0 basis 0.5 0.5 0 basis 0.5 0 0.5 basis 0 0.5 0.5 "
        "basis 0.5 0.5 0.5 basis 0 0 0.5 basis 0 0.5 0 basis 0.5 0 0\n"
        "region box block 0 4 0 4 0 4\ncreate_box 2 box\n"
        "create_atoms 1 box basis 5 2 basis 6 2 basis 7 2 basis 8 2\n"
        + QuenchPotential.tosi_fumi().with_masses()
        + "fix relax all box/relax iso 0.0\nminimize 0 1e-6 500 5000\n"
        'print "RESULT $(lx/4) $(pe/256)"\n'
    )
    log = tmp_path / "lmp.out"
    run_program(["lmp", "-in", "in.lammps"], directory=tmp_path, log_file=log)
    lattice, energy = next(
        map(float, line.split()[1:]) for line in log.read_text().splitlines() if line.startswith("RESULT")
    )
    np.testing.assert_allclose(lattice, 4.011, rtol=0, atol=0.004)
    np.testing.assert_allclose(energy, -10.808, rtol=0, atol=0.004)


def test_deep_potential_names_its_elements_and_is_known_by_its_content(tmp_path: Path) -> None:
    model = tmp_path / "model.pb"
    model.write_bytes(b"one")
    potential = named_potential(str(model), ["Li", "P", "O"])
    assert potential.lines == (f"pair_style deepmd {model}", "pair_coeff * * Li P O")
    assert potential.atom_style == "atomic"
    masses = [float(line.split()[2]) for line in potential.with_masses().splitlines() if line.startswith("mass")]
    np.testing.assert_allclose(masses, [6.94, 30.973762, 15.999], rtol=1e-6, atol=0)
    (tmp_path / "moved").mkdir()
    moved = tmp_path / "moved" / "model.pb"
    moved.write_bytes(b"one")
    assert named_potential(str(moved), ["Li", "P", "O"]).fingerprint() == potential.fingerprint()
    moved.write_bytes(b"two")
    assert named_potential(str(moved), ["Li", "P", "O"]).fingerprint() != potential.fingerprint()


def test_files_that_the_lines_name_are_found_beside_them(tmp_path: Path) -> None:
    (tmp_path / "li.eam.alloy").write_text("table")
    (tmp_path / "li.lammps").write_text("# elements: Li\npair_style eam/alloy\npair_coeff * * li.eam.alloy Li  # one\n")
    potential = QuenchPotential.from_file(tmp_path / "li.lammps")
    assert potential.lines[1] == f"pair_coeff * * {tmp_path / 'li.eam.alloy'} Li"
    assert potential.files == (tmp_path / "li.eam.alloy",)
    assert potential.charges == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pair_style zbl 3 4\n", "add a comment such as"),
        ("# elements: Li S\nset type 1 charge 1\npair_style zbl 3 4\n", "must set a charge for each"),
        ("# elements: Li S\nkspace_style pppm 1e-4\n", "no pair_style line"),
        ("# elements: Li S\npair_style zbl 3 4\nrun 100\n", "has the line 'run 100'"),
    ],
)
def test_potential_files_that_cannot_be_used_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "a.lammps").write_text(text)
    with pytest.raises(StructureError, match=sentence):
        QuenchPotential.from_file(tmp_path / "a.lammps")


def test_potentials_refuse_compounds_they_do_not_know(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="not P, O of Li3PO4"):
        QuenchPotential.tosi_fumi().refuse_compound("Li3PO4", {"Li": 3, "P": 1, "O": 4})
    with pytest.raises(StructureError, match=r"carries \+1 elementary charges"):
        LICL.refuse_compound("Li2Cl", {"Li": 2, "Cl": 1})
    with pytest.raises(StructureError, match="There is no potential"):
        named_potential(str(tmp_path / "none.pb"), ["Li"])
    with pytest.raises(StructureError, match="no charge to S"):
        QuenchPotential.custom("x", ["Li", "S"], ["pair_style zbl 3 4"], charges={"Li": 1})
    with pytest.raises(StructureError, match="library has no crystal of Li5Kr"):
        default_density("Li5Kr")


# --- melt-quench ---


def test_quenched_lif_is_amorphous_dense_and_reproducible(tmp_path: Path) -> None:
    lateral = np.array([[9.0, 0.0], [2.0, 9.0]])

    def quench(name: str, seed: int) -> amorphous.AmorphousLayer:
        return melt_quench(
            lateral,
            thickness_angstrom=9.0,
            density_g_per_cm3=2.45,
            schedule=QUICK,
            seed=seed,
            directory=tmp_path / name,
        )

    first, second, third = quench("a", 4), quench("b", 4), quench("c", 5)
    np.testing.assert_allclose(first.density_g_per_cm3, 2.45, rtol=0.015, atol=0)
    assert first.order.verdict == "amorphous"
    assert 3.0 < first.coordination_mean < 5.5
    assert len(first.snapshots) > 20
    np.testing.assert_array_equal(first.atoms.positions, second.atoms.positions)
    assert not np.array_equal(first.atoms.positions, third.atoms.positions)
    # The thermostat follows so fast a schedule late (relaxation time 0.1 ps).
    trace = first.trace
    np.testing.assert_allclose(trace.time_ps[-1], 0.6, rtol=0.02, atol=0)
    np.testing.assert_allclose(trace.temperature_kelvin[0], 3000, rtol=1e-6, atol=0)
    assert trace.temperature_kelvin[-10:].mean() < 1500
    np.testing.assert_allclose(trace.height_angstrom, 9.0, rtol=1e-9, atol=0)
    finished = (tmp_path / "a" / f"attempt-{first.n_attempts - 1}" / "quenched.data").stat().st_mtime_ns
    quench("a", 4)
    assert (tmp_path / "a" / f"attempt-{first.n_attempts - 1}" / "quenched.data").stat().st_mtime_ns == finished
    with pytest.raises(StructureError, match=r"other inputs \(seed\)"):
        quench("a", 6)


def test_height_follows_the_pressure_with_the_lateral_cell_fixed(tmp_path: Path) -> None:
    schedule = replace(QUICK, melt_kelvin=1500, quench_kelvin_per_ps=6000, relax_ps=0.4, timestep_fs=2)
    made = [
        melt_quench(
            np.diag([9.0, 10.0]), thickness_angstrom=10.0, density_g_per_cm3=1.93, material="LiCl", potential=LICL,
            schedule=replace(schedule, pressure_bar=bar), seed=2, directory=tmp_path / f"{bar:g}",
        )
        for bar in (1.0, 60000.0)
    ]  # fmt: skip
    for layer in made:
        cell = np.asarray(layer.atoms.cell)
        np.testing.assert_allclose(cell[:2, :2], np.diag([9.0, 10.0]), rtol=1e-9, atol=1e-12)
        height = layer.trace.height_angstrom
        assert (height[:20] == 10.0).all()
        moving = layer.trace.time_ps > layer.trace.time_ps[-1] - 0.2
        np.testing.assert_allclose(cell[2, 2], height[moving].mean(), rtol=0.005, atol=0)
        mass = layer.atoms.get_masses().sum()
        np.testing.assert_allclose(layer.density_g_per_cm3, 1.66054 * mass / np.linalg.det(cell), rtol=1e-4, atol=0)
        assert layer.requested_density_g_per_cm3 == 1.93
    # 6 GPa on a solid of bulk modulus near 30 GPa.
    assert made[1].density_g_per_cm3 > 1.05 * made[0].density_g_per_cm3


def test_any_compound_melts_under_lines_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Sixteen sulfur ions order under their periodic images; that is not what is tested.
    true_measure = amorphous.measure_order
    monkeypatch.setattr(amorphous, "measure_order", lambda *given: replace(true_measure(*given), verdict="amorphous"))
    (tmp_path / "li2s.lammps").write_text(LI2S_FILE)
    layer = melt_quench(
        np.diag([9.0, 10.0]), thickness_angstrom=9.0, density_g_per_cm3=1.5, material="Li2S", seed=3,
        potential=named_potential(str(tmp_path / "li2s.lammps"), ["Li", "S"]), schedule=replace(QUICK, timestep_fs=2), directory=tmp_path / "run",
    )  # fmt: skip
    assert layer.atoms.get_chemical_formula() == "Li32S16"
    assert 2.5 < layer.order.coordination["Li"] < 5.5
    inputs = json.loads((tmp_path / "run" / "attempt-0" / "inputs.json").read_text())
    assert inputs["atoms"] == {"Li": 32, "S": 16}
    assert inputs["potential"]["name"] == "li2s.lammps"


def test_finished_quench_is_not_passed_off_as_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So short a melt keeps some order of its start; that is not what is tested.
    true_measure = amorphous.measure_order
    monkeypatch.setattr(amorphous, "measure_order", lambda *given: replace(true_measure(*given), verdict="amorphous"))

    def quench(density: float, potential: QuenchPotential) -> None:
        melt_quench(
            np.eye(2) * 8, thickness_angstrom=8, density_g_per_cm3=density, schedule=TINY, seed=1, potential=potential,
            directory=tmp_path / "a",
        )  # fmt: skip

    quench(2.45, QuenchPotential.tosi_fumi())
    with pytest.raises(StructureError, match=r"other inputs \(atoms\)"):
        quench(1.9, QuenchPotential.tosi_fumi())
    other = QuenchPotential.tosi_fumi()
    with pytest.raises(StructureError, match=r"other inputs \(potential\)"):
        quench(2.45, replace(other, lines=(*other.lines, "pair_modify shift yes")))


def test_crystallised_layers_are_made_again_from_another_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true_measure, seen = amorphous.measure_order, []

    def measure(atoms: Atoms, crystal: Atoms | None) -> object:
        seen.append(atoms)
        return replace(true_measure(atoms, crystal), verdict="crystalline" if len(seen) % 7 != 2 else "amorphous")

    monkeypatch.setattr(amorphous, "measure_order", measure)
    options = {"thickness_angstrom": 8, "density_g_per_cm3": 2.45, "schedule": TINY, "seed": 1}
    layer = melt_quench(np.eye(2) * 8, directory=tmp_path / "a", **options)
    assert (layer.n_attempts, layer.quench_kelvin_per_ps) == (2, TINY.quench_kelvin_per_ps)
    assert not np.array_equal(seen[0].positions, seen[1].positions)
    fastest = 8 * TINY.quench_kelvin_per_ps
    with pytest.raises(StructureError, match=f"crystallised in 5 attempts, the last at {fastest:g} K/ps"):
        melt_quench(np.eye(2) * 8, directory=tmp_path / "a", **options)
    rates = [
        json.loads((tmp_path / "a" / f"attempt-{number}" / "inputs.json").read_text())["schedule"][
            "quench_kelvin_per_ps"
        ]
        for number in range(5)
    ]
    np.testing.assert_allclose(np.array(rates) / TINY.quench_kelvin_per_ps, [1, 1, 2, 4, 8], rtol=1e-12, atol=0)


def test_layer_thinner_than_an_atom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="make it thicker"):
        melt_quench(
            np.eye(2) * 5, thickness_angstrom=0.5, density_g_per_cm3=2.45, schedule=MeltQuench(), seed=1,
            directory=tmp_path / "a",
        )  # fmt: skip


def test_melts_that_blow_up_and_lines_that_lammps_refuses_end_in_a_sentence(tmp_path: Path) -> None:
    options = {"thickness_angstrom": 8, "density_g_per_cm3": 2.45, "seed": 1}
    with pytest.raises(StructureError, match="blew up under tosi-fumi"):
        melt_quench(
            np.eye(2) * 8, schedule=replace(TINY, timestep_fs=20, melt_ps=2), directory=tmp_path / "a", **options
        )
    wrong = QuenchPotential.custom("mine", ["Li", "F"], ["pair_style zbl 3.0 4.0", "pair_coeff 1 1 3"])
    with pytest.raises(StructureError, match=r"does not accept the line 'pair_coeff 1 1 3' of the potential mine: "):
        melt_quench(np.eye(2) * 8, schedule=TINY, potential=wrong, directory=tmp_path / "b", **options)
    attracted = QuenchPotential.custom(
        "no walls", ["Li", "F"], ["pair_style coul/cut 4.0", "pair_coeff * *"], charges={"Li": 1, "F": -1}
    )
    with pytest.raises(StructureError, match="blew up|no wall between"):
        melt_quench(np.eye(2) * 8, schedule=TINY, potential=attracted, directory=tmp_path / "c", **options)


def test_hot_ions_do_not_fall_into_each_other(tmp_path: Path) -> None:
    """Without a core the dispersion of Tosi and Fumi wins at 0.8 angstrom, behind a barrier of 2 eV."""
    distances = np.arange(1.4, 0.55, -0.1)
    for types in ("1 2", "2 2", "1 1"):
        first, second = types.split()
        (tmp_path / "in.lammps").write_text(
            "units metal\natom_style charge\nregion box block 0 40 0 40 0 40\ncreate_box 2 box\n"
            f"create_atoms {first} single 10 10 10\ncreate_atoms {second} single 12 10 10\n"
            + QuenchPotential.tosi_fumi().with_masses()
            + "".join(f'set atom 2 x {10 + r}\nrun 0 post no\nprint "RESULT $(pe)"\n' for r in distances)
        )
        run_program(["lmp", "-in", "in.lammps"], directory=tmp_path, log_file=tmp_path / "lmp.out")
        lines = (tmp_path / "lmp.out").read_text().splitlines()
        energies = np.array([float(line.split()[1]) for line in lines if line.startswith("RESULT")])
        assert energies.size == distances.size
        # Forty times the thermal energy of a melt at 3000 K.
        assert energies.max() - energies[0] > 40 * 0.2585
