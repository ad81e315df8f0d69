"""Stacking, vacancies, amorphous layers and the files of a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import dpdata
import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read
from ase.neighborlist import neighbor_list
from pymatgen.core import Structure

from mlip_interfaces.errors import StructureError
from mlip_interfaces.programs import run_program
from mlip_interfaces.shipped_files import lammps_deck
from mlip_interfaces.structures.amorphous import MeltQuench, melt_quench
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.matching import SlabRequest, match_slabs
from mlip_interfaces.structures.model_files import in_type_order, read_model, write_model
from mlip_interfaces.structures.stacking import Layer, contact_distance, stack
from mlip_interfaces.structures.variations import minimum_distances, perturb, remove_atoms, scrambled

ELEMENTS = ("Li", "Co", "O", "F", "P", "S", "Cl")


@dataclass(frozen=True)
class TwoSlabs:
    substrate: Atoms
    film: Atoms


@pytest.fixture(scope="module")
def seed_match() -> TwoSlabs:
    requests = [SlabRequest("LiCoO2", (1, 1, 0), 5.6), SlabRequest("Li6PS5Cl", (1, 1, 0), 7.0)]
    return TwoSlabs(*match_slabs(requests, max_area_angstrom2=150, max_strain=0.02).slabs)


def test_stack_keeps_contacts_between_layers_and_labels_every_atom(seed_match: TwoSlabs) -> None:
    atoms = stack([Layer("cathode", seed_match.substrate), Layer("electrolyte", seed_match.film)])
    symbols, layers = atoms.get_chemical_symbols(), atoms.arrays["layer"]
    first, second, distance = neighbor_list("ijd", atoms, 4.0)
    across = layers[first] != layers[second]
    allowed = [contact_distance(symbols[i], symbols[j]) for i, j in zip(first[across], second[across], strict=True)]
    assert (distance[across] >= np.array(allowed) - 1e-6).all()
    # The first contact is a contact: nothing floats.
    assert (distance[across] - np.array(allowed)).min() < 1e-6
    radii = covalent_radii[atoms.numbers]
    assert (distance >= 0.7 * (radii[first] + radii[second])).all()
    assert (layers == "cathode").sum() == 96
    assert (layers == "electrolyte").sum() == 52


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_vacancies_are_exactly_the_rounded_share(fraction: float) -> None:
    atoms = load_crystal("Li6PS5Cl")
    kept = remove_atoms(atoms, "Li", fraction, seed=1)
    assert kept.symbols.count("Li") == 24 - round(fraction * 24)
    assert len(atoms) - len(kept) == round(fraction * 24)
    assert remove_atoms(atoms, "Li", fraction, seed=1) == kept


def test_vacancy_share_that_rounds_to_none_is_refused() -> None:
    with pytest.raises(StructureError, match="rounds to none"):
        remove_atoms(load_crystal("Li6PS5Cl"), "P", 0.01, seed=1)


def test_perturbed_copies_are_strained_rattled_and_free_of_contacts() -> None:
    atoms = load_crystal("Li6PS5Cl")
    copies = perturb(atoms, 6, displacement_angstrom=0.1, cell_strain=0.03, seed=2)
    shifts = [copy.positions @ np.linalg.inv(copy.cell) @ np.asarray(atoms.cell) - atoms.positions for copy in copies]
    spread = np.std(shifts)
    np.testing.assert_allclose(spread, 0.1, rtol=0.05, atol=0)
    strains = [np.linalg.solve(np.asarray(atoms.cell), np.asarray(copy.cell)) - np.eye(3) for copy in copies]
    assert 0.005 < np.abs(strains).max() <= 0.03
    with pytest.raises(StructureError, match="lower displacement_angstrom"):
        perturb(atoms, 1, displacement_angstrom=1.5, cell_strain=0.0, seed=3)


def test_scrambled_structures_bring_every_pair_of_elements_close_but_not_too_close() -> None:
    copies = scrambled(
        ELEMENTS, 10, atoms_per_element=6, volume_per_atom_angstrom3=15, shortest_factor=(0.7, 0.8), seed=1
    )
    seen: dict[str, float] = {}
    for atoms, factor in zip(copies, np.linspace(0.7, 0.8, 10), strict=True):
        np.testing.assert_allclose(atoms.get_volume() / len(atoms), 15.0, rtol=1e-9, atol=0)
        radii = covalent_radii[atoms.numbers]
        first, second, distance = neighbor_list("ijd", atoms, 4.0)
        assert (distance >= factor * (radii[first] + radii[second]) - 1e-9).all()
        for pair, shortest in minimum_distances(atoms, ELEMENTS, 4.0).items():
            seen[pair] = min(shortest, seen.get(pair, np.inf))
    assert len(seen) == 28
    assert seen["Co-Cl"] < 2.2
    with pytest.raises(StructureError, match="do not fit"):
        scrambled(ELEMENTS, 1, atoms_per_element=6, volume_per_atom_angstrom3=4, shortest_factor=(1.0, 1.0), seed=1)


def test_model_files_agree_atom_by_atom(tmp_path: Path, seed_match: TwoSlabs) -> None:
    atoms = in_type_order(
        stack([Layer("cathode", seed_match.substrate), Layer("electrolyte", seed_match.film)]), ELEMENTS
    )
    write_model(atoms, tmp_path, ELEMENTS)
    symbols = atoms.get_chemical_symbols()
    labels = json.loads((tmp_path / "layers.json").read_text())
    assert labels["symbols"] == symbols
    assert labels["layer"] == atoms.arrays["layer"].tolist()
    assert read_model(tmp_path).arrays["layer"].tolist() == labels["layer"]
    data = read(tmp_path / "model.data", format="lammps-data", atom_style="atomic", sort_by_id=True)
    assert [ELEMENTS[kind - 1] for kind in data.arrays["type"]] == symbols
    np.testing.assert_allclose(data.positions, atoms.positions, rtol=0, atol=1e-6)
    structure = Structure.from_file(tmp_path / "POSCAR")
    assert [site.specie.symbol for site in structure] == symbols
    difference = structure.frac_coords - atoms.get_scaled_positions()
    np.testing.assert_allclose(difference - np.round(difference), 0.0, rtol=0, atol=1e-8)
    system = dpdata.System(str(tmp_path / "POSCAR"), fmt="vasp/poscar")
    assert [system.data["atom_names"][t] for t in system.data["atom_types"]] == symbols


def test_quenched_lif_is_amorphous_dense_and_reproducible(tmp_path: Path) -> None:
    schedule = MeltQuench(melt_kelvin=3000, melt_ps=1, quench_kelvin_per_ps=2000, hold_ps=0.5)
    options = {"thickness_angstrom": 9.0, "density_g_per_cm3": 2.45, "schedule": schedule}
    lateral = np.array([[9.0, 0.0], [2.0, 8.0]])
    first, second = (melt_quench(lateral, seed=4, directory=tmp_path / name, **options) for name in ("a", "b"))
    np.testing.assert_allclose(first.density_g_per_cm3, 2.45, rtol=0.03, atol=0)
    assert 3.0 < first.coordination_mean < 5.5
    assert len(first.snapshots) > 20
    np.testing.assert_array_equal(first.atoms.positions, second.atoms.positions)
    finished = (tmp_path / "a" / "attempt-0" / "quenched.data").stat().st_mtime_ns
    melt_quench(lateral, seed=4, directory=tmp_path / "a", **options)
    assert (tmp_path / "a" / "attempt-0" / "quenched.data").stat().st_mtime_ns == finished


def test_finished_quench_is_not_passed_off_as_another(tmp_path: Path) -> None:
    schedule = MeltQuench(melt_ps=0.2, quench_kelvin_per_ps=9000, hold_ps=0.1)

    def quench(density: float, seed: int) -> None:
        melt_quench(
            np.eye(2) * 8, thickness_angstrom=8, density_g_per_cm3=density, schedule=schedule, seed=seed,
            directory=tmp_path / "a",
        )  # fmt: skip

    quench(2.45, 1)
    quench(2.45, 1)
    with pytest.raises(StructureError, match=r"other inputs \(n_units\)"):
        quench(1.9, 1)
    with pytest.raises(StructureError, match=r"other inputs \(seed\)"):
        quench(2.45, 2)


def test_models_of_the_scan_have_their_atoms_and_contacts(tmp_path: Path, seed_match: TwoSlabs) -> None:
    schedule = MeltQuench(melt_ps=1, quench_kelvin_per_ps=4000, hold_ps=0.2)
    expected = {0: 148, 5: 226, 10: 304}
    for thickness, n_atoms in expected.items():
        layers = [Layer("cathode", seed_match.substrate)]
        if thickness:
            quenched = melt_quench(
                np.asarray(seed_match.substrate.cell)[:2, :2], thickness_angstrom=thickness, density_g_per_cm3=2.45,
                schedule=schedule, seed=21, directory=tmp_path / str(thickness),
            )  # fmt: skip
            np.testing.assert_allclose(quenched.density_g_per_cm3, 2.45, rtol=0.01, atol=0)
            layers.append(Layer("coating", quenched.atoms))
        for fraction, n_removed in ((0.0, 0), (0.1, 2), (0.5, 12)):
            film = remove_atoms(seed_match.film, "Li", fraction, seed=3) if fraction else seed_match.film
            atoms = stack([*layers, Layer("electrolyte", film)])
            assert len(atoms) == n_atoms - n_removed
            symbols, owner = np.array(atoms.get_chemical_symbols()), atoms.arrays["layer"]
            assert np.count_nonzero((symbols == "Li") & (owner == "electrolyte")) == 24 - n_removed
            assert np.count_nonzero((symbols == "Li") & (owner == "cathode")) == 24
            first, second, distance = neighbor_list("ijd", atoms, 4.0)
            across = owner[first] != owner[second]
            pairs = zip(symbols[first[across]], symbols[second[across]], strict=True)
            allowed = np.array([contact_distance(a, b) for a, b in pairs])
            assert (distance[across] >= allowed - 1e-6).all()


def test_layer_thinner_than_an_atom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="make it thicker"):
        melt_quench(
            np.eye(2) * 5, thickness_angstrom=0.5, density_g_per_cm3=2.45, schedule=MeltQuench(), seed=1,
            directory=tmp_path / "a",
        )  # fmt: skip


def test_potential_of_the_deck_gives_the_published_rock_salt(tmp_path: Path) -> None:
    words = ("pair_style", "pair_coeff", "kspace_style", "mass", "set ")
    potential = [line for line in lammps_deck("melt_quench.in").read_text().splitlines() if line.startswith(words)]
    (tmp_path / "in.lammps").write_text(
        "units metal\natom_style charge\nlattice custom 4.03 a1 1 0 0 a2 0 1 0 a3 0 0 1 "
        "basis 0 0 0 basis 0.5 0.5 0 basis 0.5 0 0.5 basis 0 0.5 0.5 "
        "basis 0.5 0.5 0.5 basis 0 0 0.5 basis 0 0.5 0 basis 0.5 0 0\n"
        "region box block 0 4 0 4 0 4\ncreate_box 2 box\n"
        "create_atoms 1 box basis 5 2 basis 6 2 basis 7 2 basis 8 2\n" + "\n".join(potential) + "\n"
        "fix relax all box/relax iso 0.0\nminimize 0 1e-6 500 5000\n"
        'print "RESULT $(lx/4) $(pe/256)"\n'
    )
    log = tmp_path / "lmp.out"
    run_program(["lmp", "-in", "in.lammps"], directory=tmp_path, log_file=log)
    lattice, energy = next(
        map(float, line.split()[1:]) for line in log.read_text().splitlines() if line.startswith("RESULT")
    )
    np.testing.assert_allclose(lattice, 4.011, rtol=0, atol=0.004)
    np.testing.assert_allclose(energy, -10.808, rtol=0, atol=0.004)
