"""The other gates without MD: seeded faults are caught, good potentials pass, numbers are those of a formula."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from analytic import (
    HOSTS,
    SETTINGS,
    Floats,
    attraction,
    bulk,
    failed_names,
    failures,
    interface,
    measured,
    pair_potential,
    repulsion,
    taken_for,
    with_gaussian,
)
from ase import Atoms
from ase.calculators.morse import MorsePotential
from ase.io import read
from ase.optimize import BFGS

from mlip_interfaces.books.gates import CURVES_FILE, GateFindings, MeasuredNumber
from mlip_interfaces.choices import GateName
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.files import read_arrays
from mlip_interfaces.potentials.gates.compression import (
    FALL,
    PRESSURE,
    VOLUME_ERROR,
    measure,
    read_volume_curve,
)
from mlip_interfaces.potentials.gates.contract import Evaluate, Host
from mlip_interfaces.potentials.gates.extensivity import ENERGY, EXTENSIVITY, FORCE
from mlip_interfaces.potentials.gates.geometry import contact_share
from mlip_interfaces.potentials.gates.judging import check, judge
from mlip_interfaces.potentials.gates.rattled import COLLAPSE, CONTACT, RATTLED
from mlip_interfaces.potentials.gates.registry import (
    BOUNDS_ALONE,
    GATES,
    QUANTITIES,
    SHAPE_THE_MEASUREMENT,
)
from mlip_interfaces.potentials.gates.relaxing import relax
from mlip_interfaces.potentials.gates.species import EXCHANGE, SPECIES
from mlip_interfaces.potentials.gates.static import run_static_gates
from mlip_interfaces.potentials.gates.voids import SEPARATION, VOID, VOIDS, pulled_apart, without_formula_unit

STATIC = [gate for gate in GATES.values() if gate.measure is not None]


@pytest.mark.parametrize("gate", STATIC, ids=lambda gate: gate.name)
@pytest.mark.parametrize("softness", [0.35, 0.4, 0.45])
def test_good_potentials_raise_no_alarm(gate, softness: float) -> None:
    """Three of them: walls between like ions that are soft or hard."""

    def like(r: Floats) -> tuple[Floats, Floats]:
        energy = 0.1 * np.exp(-(r - 2.83) / softness)
        return energy, -energy / softness

    pairs = [("Li",), ("F",), ("Cl",), ("F", "Cl")]
    assert failures(gate, pair_potential({frozenset(pair): like for pair in pairs})) == ()


FAULTS: dict[str, tuple[Evaluate, dict[str, str]]] = {
    "a pair hole": (
        pair_potential({frozenset(("Li",)): with_gaussian(repulsion, 25.0, 1.2, 0.15)}),
        {"pairs": "Li-Li"},
    ),
    "a wrong type map": (
        taken_for({"Li": "F", "F": "Li"}, pair_potential()),
        {"compression": "bulk-Cl", "species": "Li-Cl in bulk-Cl", "voids": "bulk-Cl"},
    ),
    "a broken compression": (
        pair_potential({frozenset(("Li", "F")): with_gaussian(attraction, 2.0, 1.7, 0.08)}),
        {"compression": "bulk-F", "rattled": "bulk-F"},
    ),
    "ions of one sign that attract": (
        pair_potential({frozenset(("F",)): with_gaussian(repulsion, 9.0, 1.9, 0.2)}),
        {"pairs": "F-F", "rattled": "bulk-F"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_seeded_faults_are_caught(name: str) -> None:
    evaluate, expected = FAULTS[name]
    for gate, what in expected.items():
        assert what in failures(GATES[gate], evaluate), gate  # type: ignore[index]


# Compression


def test_the_lowest_volume_is_that_of_the_formula() -> None:
    """Energy of an ideal gas of springs: a parabola of the edge, lowest at 1.02 of it."""

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        edges = np.cbrt(np.linalg.det(cells)) / 8.0
        return 500.0 * (edges - 1.02) ** 2, np.zeros(positions.shape)

    host = bulk()
    found = measure(evaluate, [host], Gates())
    np.testing.assert_allclose(measured(found, VOLUME_ERROR)["bulk-F"], 1.02**3 - 1, rtol=0.02, atol=0)
    # Work over volume, in bar: 1 eV/angstrom^3 is 160.2 GPa.
    pressure = 500.0 * (0.75 ** (1 / 3) - 1.02) ** 2 / ((1.02**3 - 0.75) * 8.0**3) * 1.602177e6
    np.testing.assert_allclose(measured(found, PRESSURE)["bulk-F"], pressure, rtol=0.03, atol=0)
    assert measured(found, FALL)["bulk-F"] == 0.0


def test_a_fall_behind_a_barrier_is_measured_from_its_top() -> None:
    ratios = np.linspace(0.7, 1.1, 41)
    curve = np.where(ratios > 0.85, (ratios - 1.0) ** 2, 0.0225 - 0.5 * (0.85 - ratios) ** 2)
    found = read_volume_curve(ratios, curve)
    np.testing.assert_allclose(found.fall_ev, 0.5 * 0.15**2, rtol=0.05, atol=0)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_a_curve_without_a_minimum_has_no_lowest_volume(slope: float) -> None:
    assert np.isnan(read_volume_curve(np.linspace(0.8, 1.2, 9), slope * np.arange(9.0)).lowest_ratio)


# Rattled starts


def test_a_collapse_into_close_contacts_is_measured_in_both_ways() -> None:
    def falls(r: Floats) -> tuple[Floats, Floats]:
        """Attractive down to half an angstrom."""
        return -30.0 * np.exp(-r), 30.0 * np.exp(-r)

    gluey = pair_potential({frozenset(("Li", "F")): falls, frozenset(("Li",)): falls, frozenset(("F",)): falls})
    found = RATTLED.measure(gluey, [bulk()], SETTINGS)  # type: ignore[misc]
    assert measured(found, CONTACT)["bulk-F"] < 0.5
    assert measured(found, COLLAPSE)["bulk-F"] > 0.2
    assert failed_names(RATTLED, found, SETTINGS) == ("bulk-F",)
    assert len(found.frames["bulk-F"]) == SETTINGS.n_rattled


def test_contacts_are_shares_of_covalent_radii() -> None:
    """Brute force over all images."""
    rng = np.random.default_rng(1)
    symbols, cell = ["Li", "F", "Cl", "Li"], np.diag([5.0, 6.0, 7.0])
    positions = rng.random((4, 3)) * 6
    radii = {"Li": 1.28, "F": 0.57, "Cl": 1.02}
    images = [
        np.array([i, j, k]) @ cell for i in (-2, -1, 0, 1, 2) for j in (-2, -1, 0, 1, 2) for k in (-2, -1, 0, 1, 2)
    ]
    shares = [
        np.linalg.norm(positions[b] + image - positions[a]) / (radii[symbols[a]] + radii[symbols[b]])
        for a in range(4)
        for b in range(4)
        for image in images
        if a != b or image.any()
    ]
    np.testing.assert_allclose(contact_share(symbols, positions, cell), min(shares), rtol=1e-9, atol=0)


def test_relaxation_ends_where_that_of_an_independent_package_does() -> None:
    """Clusters of argon-like atoms under Morse; ASE relaxes them by BFGS."""
    rng = np.random.default_rng(3)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) + 5.0
    starts = corners + rng.normal(0, 0.08, (3, 4, 3))

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        energies, forces = [], []
        for places, cell in zip(positions, cells, strict=True):
            atoms = Atoms(
                symbols, positions=places, cell=cell, pbc=True, calculator=MorsePotential(rcut1=3.0, rcut2=4.0)
            )
            energies.append(atoms.get_potential_energy())
            forces.append(atoms.get_forces())
        return np.array(energies), np.array(forces)

    cells = np.tile(np.eye(3) * 12.0, (3, 1, 1))
    found = relax(evaluate, ["Ar"] * 4, starts, cells, n_steps=300, force_ev_per_angstrom=1e-4)
    for start, energy in zip(starts, found.energies, strict=True):
        atoms = Atoms("Ar4", positions=start, cell=cells[0], pbc=True, calculator=MorsePotential(rcut1=3.0, rcut2=4.0))
        BFGS(atoms, logfile=None).run(fmax=1e-5)
        np.testing.assert_allclose(energy, atoms.get_potential_energy(), rtol=1e-6, atol=0)
    assert np.abs(found.forces).max() < 1e-4


def test_a_frame_without_a_number_stops_and_its_neighbours_go_on() -> None:
    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        energies = (positions**2).sum(axis=(1, 2))
        return np.where(cells[:, 0, 0] > 10, np.nan, energies), -2.0 * positions

    cells = np.array([np.eye(3) * 9.0, np.eye(3) * 11.0])
    found = relax(evaluate, ["Li"], np.ones((2, 1, 3)), cells, n_steps=200, force_ev_per_angstrom=1e-3)
    assert np.abs(found.positions[0]).max() < 1e-3
    np.testing.assert_array_equal(found.positions[1], np.ones((1, 3)))


# Voids


def test_work_of_separation_is_the_energy_of_all_pairs_across_the_gap() -> None:
    host = interface()
    found = VOIDS.measure(pair_potential(), [host], SETTINGS.model_copy(update={"rattled_relax_steps": 1}))  # type: ignore[misc]
    across = 0.0
    for i in np.flatnonzero(host.layer_id == 0):
        for j in np.flatnonzero(host.layer_id == 1):
            vector = host.positions[j] - host.positions[i]
            # Layers of one cell each: those above, not those below through the periodic edge.
            vector[:2] -= 8.0 * np.round(vector[:2] / 8.0)
            r = np.linalg.norm(vector)
            if r < 3.6:
                pair = attraction if (host.symbols[i] == "Li") != (host.symbols[j] == "Li") else repulsion
                x = np.clip((r - 3.0) / 0.6, 0, 1)
                across += float(pair(np.array([r]))[0][0]) * (1 - 3 * x**2 + 2 * x**3)
    expected = -across / 64.0 * 16.02176634
    assert expected > 1.0
    np.testing.assert_allclose(measured(found, SEPARATION)["interface, above layer 1"], expected, rtol=1e-6, atol=0)
    assert failed_names(VOIDS, found, SETTINGS) == ()


def test_layers_that_repel_are_said_to_fall_apart() -> None:
    def pushes(r: Floats) -> tuple[Floats, Floats]:
        return 2.0 * np.exp(-r), -2.0 * np.exp(-r)

    apart = pair_potential(
        {frozenset(("Li", "Cl")): pushes, frozenset(("F", "Cl")): pushes, frozenset(("Li",)): pushes}
    )
    assert "interface, above layer 1" in failures(VOIDS, apart, [interface()])


def test_a_gap_moves_what_is_above_it_along_the_normal() -> None:
    host = interface()
    slanted = Host(host.name, host.role, host.symbols, host.positions, host.cell.copy(), host.layer_id)
    slanted.cell[2, 0] = 2.0
    moved, cells = pulled_apart(slanted, slanted.positions, 0, np.array([0.0, 3.0]))
    np.testing.assert_array_equal(moved[0], host.positions)
    np.testing.assert_allclose(
        moved[1] - moved[0], np.where(host.layer_id > 0, 3.0, 0.0)[:, None] * [0, 0, 1], atol=1e-12
    )
    np.testing.assert_allclose(cells[1] - cells[0], [[0, 0, 0], [0, 0, 0], [0, 0, 3.0]], atol=1e-12)


def test_a_void_costs_what_its_atoms_were_bound_by() -> None:
    """A sum over pairs: the energy of taking two atoms out is that of their bonds less their share of the crystal."""
    host = bulk()
    evaluate = pair_potential()
    whole = float(evaluate(host.symbols, host.positions[None], host.cell[None])[0][0])
    # An ion and its neighbour: both lose all their bonds, the one between them once.
    bond = float(attraction(np.array([2.0]))[0][0])
    expected = -2 * (2 * whole / 64) + bond + 2 * whole / 64
    found = VOIDS.measure(evaluate, [host], SETTINGS)  # type: ignore[misc]
    np.testing.assert_allclose(measured(found, VOID)["bulk-F"], expected, rtol=1e-9, atol=0)


def test_a_formula_unit_is_taken_out_around_its_center() -> None:
    host = bulk()
    stays = without_formula_unit(host, 5)
    assert not stays[5]
    gone = np.flatnonzero(~stays)
    assert sorted(host.symbols[i] for i in gone) == ["F", "Li"]
    assert np.linalg.norm(host.positions[gone[0]] - host.positions[gone[1]]) == pytest.approx(2.0, rel=1e-9, abs=0)


# Species, extensivity


def test_an_exchange_of_places_is_one_of_names() -> None:
    host, evaluate = bulk(), pair_potential()
    found = SPECIES.measure(evaluate, [host], SETTINGS)  # type: ignore[misc]
    names = list(host.symbols)
    near = int(np.linalg.norm(host.positions[32:] - host.positions[0], axis=1).argmin()) + 32
    names[0], names[near] = names[near], names[0]
    energies = [
        float(evaluate(symbols, host.positions[None], host.cell[None])[0][0]) for symbols in (names, host.symbols)
    ]
    np.testing.assert_allclose(
        measured(found, EXCHANGE)["Li-F in bulk-F"], energies[0] - energies[1], rtol=1e-9, atol=0
    )


def test_an_energy_that_is_not_extensive_is_caught() -> None:
    good = pair_potential()

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        energies, forces = good(symbols, positions, cells)
        return energies + 1e-5 * len(symbols) ** 2, forces

    found = EXTENSIVITY.measure(evaluate, [bulk()], SETTINGS)  # type: ignore[misc]
    # 64 atoms of 1e-5 eV times (256 / 4 - 64 / 1) ...: 4^2 / 4 - 1 = 3 times 64^2 over 64 atoms.
    np.testing.assert_allclose(measured(found, ENERGY)["bulk-F"], 1000 * 3 * 64 * 1e-5, rtol=1e-6, atol=0)
    assert failures(EXTENSIVITY, evaluate, [bulk()]) == ("bulk-F",)


def test_an_atom_that_is_felt_from_afar_is_caught() -> None:
    good = pair_potential()

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        energies, forces = good(symbols, positions, cells)
        return energies, forces * (1 + 1e-2 * (len(symbols) % 2))

    found = EXTENSIVITY.measure(evaluate, [bulk()], SETTINGS)  # type: ignore[misc]
    assert measured(found, FORCE)["bulk-F"] < 1e-6
    assert measured(found, FORCE)["bulk-F, with an atom far away"] > 2.0


# Books and bounds


def test_every_gate_of_the_study_is_there_and_every_bound_belongs_to_a_number() -> None:
    assert tuple(GATES) == GateName.__args__  # type: ignore[attr-defined]
    assert Gates().run == tuple(GATES)
    assert [gate.name for gate in GATES.values()] == list(GATES)
    assert all((gate.measure is None) != (gate.lammps is None) for gate in GATES.values())
    fields = set(Gates.model_fields)
    assert {quantity.setting for quantity in QUANTITIES.values()} <= fields
    # What is called a bound is one.
    bounds = {name for name in fields if name.startswith(("max_", "min_"))}
    assert bounds == BOUNDS_ALONE | SHAPE_THE_MEASUREMENT


@pytest.mark.parametrize(("value", "passed"), [(0.1, True), (0.1000001, False), (None, False), (-3.0, True)])
def test_a_number_passes_up_to_its_bound_and_none_never(value: float | None, passed: bool) -> None:
    found = check(MeasuredNumber("Li-O", "pair_hole_ev", value), Gates())
    assert found.passed == passed
    assert found.bound == 0.1
    (result,) = judge([GateFindings("pairs", (MeasuredNumber("Li-O", "pair_hole_ev", value),))], Gates())
    assert result.passed == passed


def test_a_failed_check_says_value_bound_and_unit() -> None:
    found = check(MeasuredNumber("Li-O", "pair_wall_ev", 0.25), Gates(), "repair.xyz")
    assert found.sentence == "Li-O: height of the wall is 0.25 eV (at least 2)"
    assert found.repair == "repair.xyz"
    # Edited bounds may fail what passed: its structures are known then.
    number = MeasuredNumber("Li-O", "pair_hole_ev", 0.05)
    passed = check(number, Gates(), "repair.xyz")
    assert passed.passed
    stricter = check(number, Gates(**{passed.setting: 0.01}), passed.repair)
    assert (stricter.passed, stricter.repair) == (False, "repair.xyz")


def test_what_fails_comes_with_structures_to_label(tmp_path: Path) -> None:
    evaluate, _ = FAULTS["a pair hole"]
    found = run_static_gates(evaluate, HOSTS, SETTINGS.model_copy(update={"run": ("pairs", "species")}), tmp_path)
    pairs, species = found.gates
    # Those of what passes too, for other bounds.
    assert pairs.repair == {
        pair: f"repair/pairs.{pair}.xyz" for pair in ("Li-Li", "Li-F", "Li-Cl", "F-F", "F-Cl", "Cl-Cl")
    }
    assert all((tmp_path / file).is_file() for one in (pairs, species) for file in one.repair.values())
    images = read(tmp_path / "repair" / "pairs.Li-Li.xyz", index=":")
    assert len(images) == 8
    assert all(image.pbc.all() for image in images)
    assert images[0].info["shows"].startswith("Li-Li at 1.434 angstrom in interface")
    between_lithium = images[0][[symbol == "Li" for symbol in images[0].symbols]].get_all_distances(mic=True)
    assert np.abs(between_lithium - 1.434).min() < 1e-3
    assert set(read_arrays(tmp_path / CURVES_FILE)) == {
        f"pairs/{name}" for name in ("Li-Li", "Li-F", "Li-Cl", "F-F", "F-Cl", "Cl-Cl")
    }
    assert len(json.loads((tmp_path / "findings.json").read_text())["gates"]) == 2
