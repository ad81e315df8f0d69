"""Slabs: terminations counted by hand, polarity, whole polyanions, thickness, stoichiometry, no mirrored crystal."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from ase.neighborlist import neighbor_list
from ase.spacegroup import crystal
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.io.ase import AseAtomsAdaptor

from mlip_interfaces.chemistry import POLYANION_BONDS_ANGSTROM
from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import LIBRARY, load_crystal
from mlip_interfaces.structures.crystals.polyanions import formal_charges
from mlip_interfaces.structures.slabs import Slab, choose_slab, cut_slab, enumerate_slabs, with_vacuum
from mlip_interfaces.structures.slabs.planes import plane_stack, primitive_cell

QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LOW_PLANES = [plane for plane in itertools.product((0, 1, -1), repeat=3) if plane > (0, 0, 0)]
CHARGES = {"Li": 1, "Co": 3, "P": 5, "O": -2, "S": -2, "F": -1, "Cl": -1}


def _names(material: str, miller: tuple[int, int, int], **flags: bool) -> set[str]:
    return {slab.termination.name for slab in enumerate_slabs(material, miller, 15.0, **flags)}


def _bonds(atoms: Atoms) -> int:
    """Bonds inside polyanions; across the boundaries where the cell is periodic."""
    present = set(atoms.get_chemical_symbols())
    cutoffs = {pair: length for pair, length in POLYANION_BONDS_ANGSTROM.items() if set(pair) <= present}
    return len(neighbor_list("i", atoms, cutoffs)) if cutoffs else 0


def _isolated(slab: Atoms) -> Atoms:
    copy = slab.copy()
    copy.pbc = (True, True, False)
    return copy


# By hand. Rock salt: (100) and (110) planes hold both ions; (111) planes alternate. LiCoO2 (003): Li, O, Co, O. Planes (100)
# of the antiperovskite: LiCl and OLi2. bcc: one kind of plane.
@pytest.mark.parametrize(
    ("material", "miller", "stoichiometric", "symmetric"),
    [
        ("LiF", (1, 0, 0), {"LiF | LiF"}, {"LiF | LiF"}),
        ("LiF", (1, 1, 0), {"LiF | LiF"}, {"LiF | LiF"}),
        ("LiF", (1, 1, 1), {"Li | F", "F | Li"}, {"Li | Li", "F | F"}),
        (
            "LiCoO2", (0, 0, 3), {"Co-O | Li", "Li | Co-O", "Li-O | Co", "Co | Li-O"},
            {"Li | Li", "Co | Co", "Li-O | Li-O", "Co-O | Co-O"},
        ),
        ("LiCoO2", (1, 1, 0), {"LiCoO2 | LiCoO2"}, {"LiCoO2 | LiCoO2"}),
        ("LiCoO2", (1, 0, 4), {"LiCoO2 | LiCoO2"}, {"LiCoO2 | LiCoO2"}),
        ("Li3OCl", (1, 0, 0), {"LiCl | Li2O", "Li2O | LiCl"}, {"LiCl | LiCl", "Li2O | Li2O"}),
        ("Li", (1, 0, 0), {"Li | Li"}, {"Li | Li"}),
        ("CoS2", (1, 0, 0), {"CoS2 | CoS2"}, {"CoS2 | CoS2"}),
    ],
)  # fmt: skip
def test_terminations_are_those_counted_by_hand(
    material: str, miller: tuple[int, int, int], stoichiometric: set[str], symmetric: set[str]
) -> None:
    assert _names(material, miller, stoichiometric=True) == stoichiometric
    assert _names(material, miller, symmetric=True) == symmetric
    assert _names(material, miller) == stoichiometric | symmetric


@pytest.mark.parametrize(
    ("material", "miller", "tasker"),
    [
        ("LiF", (1, 0, 0), {1}), ("LiF", (1, 1, 0), {1}), ("LiF", (1, 1, 1), {3}), ("LiCoO2", (0, 0, 3), {3}),
        ("LiCoO2", (1, 0, 4), {1}), ("Li", (1, 1, 1), {1}),
        # Antifluorite: Tasker's own example of class 2, with Li2S left whole; other cuts are class 3.
        ("Li2S", (1, 1, 1), {2, 3}), ("Li2S", (1, 0, 0), {3}),
    ],
)  # fmt: skip
def test_polarity_is_the_textbook_one(material: str, miller: tuple[int, int, int], tasker: set[int]) -> None:
    slabs = enumerate_slabs(material, miller, 12.0)
    assert {slab.termination.tasker for slab in slabs} == tasker
    assert slabs[0].termination.tasker == min(tasker)
    for slab in slabs:
        if slab.termination.tasker < 3 or slab.termination.symmetric:
            assert abs(slab.termination.dipole_e_per_angstrom) < 1e-9
        else:
            assert abs(slab.termination.dipole_e_per_angstrom) > 0.1


@pytest.mark.parametrize("n_layers", [1, 4, 9])
def test_dipole_of_polar_rock_salt_is_analytic(n_layers: int) -> None:
    a = 4.0263
    # Sheets of +1 and -1 e, sqrt(3) a^2 / 4 per ion, half the spacing a / sqrt(3) apart.
    expected = n_layers * (a / np.sqrt(3) / 2) / (np.sqrt(3) / 4 * a**2)
    slab = choose_slab("LiF", (1, 1, 1), n_layers * a / np.sqrt(3), termination="Li | F")
    np.testing.assert_allclose(slab.termination.dipole_e_per_angstrom, expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize(
    ("material", "miller"),
    [("LiCoO2", (0, 0, 1)), ("Li6PS5Cl", (1, 1, 1)), ("Li7P3S11", (0, 0, 1)), ("gamma-Li3PO4", (1, 0, 0))],
)
def test_dipole_is_the_sum_over_the_atoms(material: str, miller: tuple[int, int, int]) -> None:
    for slab in enumerate_slabs(material, miller, 9.0, stoichiometric=True):
        charges = [CHARGES[symbol] for symbol in slab.atoms.get_chemical_symbols()]
        moment = float(np.dot(charges, slab.atoms.positions[:, 2]))
        area = slab.atoms.get_volume() / slab.atoms.cell[2, 2]
        np.testing.assert_allclose(slab.termination.dipole_e_per_angstrom, moment / area, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("material", "n_bonds"),
    [
        ("Li7P3S11", 12), ("Li6PS5Cl", 4), ("beta-Li3PS4", 4), ("gamma-Li3PS4", 4), ("gamma-Li3PO4", 4), ("beta-Li3PO4", 4),
    ],
)  # fmt: skip
def test_every_low_plane_can_be_cut_around_the_polyanions(material: str, n_bonds: int) -> None:
    units = {"Li7P3S11": 3, "Li6PS5Cl": 1}.get(material, 1)
    for miller in LOW_PLANES:
        slabs = enumerate_slabs(material, miller, 8.0, stoichiometric=True)
        slab = slabs[0].atoms
        n_formula = slab.symbols.count("P") // units
        # Each bond is counted from both ends.
        assert _bonds(_isolated(slab)) == 2 * n_bonds * n_formula, (material, miller)
        assert slab.symbols.formula.reduce()[0] == load_crystal(material).symbols.formula.reduce()[0]


@pytest.mark.parametrize("miller", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1), (1, -1, 0)])
def test_li7p3s11_has_slabs_without_dipole_on_every_low_plane(miller: tuple[int, int, int]) -> None:
    first = enumerate_slabs("Li7P3S11", miller, 15.0)[0].termination
    assert first.stoichiometric
    assert first.tasker == 2
    assert abs(first.dipole_e_per_angstrom) < 1e-9


@QUICK
@given(
    material=st.sampled_from(sorted(set(LIBRARY) - {"Li7La3Zr2O12"})),
    miller=st.tuples(*[st.integers(-2, 2)] * 3).filter(any),
    thickness=st.floats(2.0, 30.0),
    primitive=st.booleans(),
)
def test_any_slab_is_a_piece_of_its_crystal(
    material: str, miller: tuple[int, int, int], thickness: float, primitive: bool
) -> None:
    crystal_atoms = load_crystal(material)
    try:
        slabs = enumerate_slabs(material, miller, thickness, primitive=primitive)
    except StructureError as error:
        assume("endless polyanion" not in str(error))
        raise
    spacing = plane_stack(crystal_atoms, miller).spacing_angstrom
    names = [slab.termination.name for slab in slabs]
    assert len(set(names)) == len(names)
    distances = neighbor_list("d", crystal_atoms, 3.6)
    charge = dict(zip(crystal_atoms.get_chemical_symbols(), formal_charges(crystal_atoms), strict=True))
    # A few of them: the first, the last and one between.
    for slab in {names.index(s.termination.name): s for s in (slabs[0], slabs[len(slabs) // 2], slabs[-1])}.values():
        atoms, end = slab.atoms, slab.termination
        assert end.n_atoms == len(atoms)
        assert atoms.get_chemical_formula() == Atoms(end.composition).get_chemical_formula()
        same = atoms.symbols.formula.reduce()[0] == crystal_atoms.symbols.formula.reduce()[0]
        assert same == end.stoichiometric
        np.testing.assert_allclose(atoms.cell[2], [0, 0, end.thickness_angstrom], rtol=0, atol=1e-8)
        assert np.linalg.det(atoms.cell) > 0
        # As near to the request as whole spacings allow, and not below one family's thinnest.
        assert abs(end.thickness_angstrom - thickness) <= spacing / 2 + 1e-6 or end.thickness_angstrom <= spacing + 1e-6
        isolated = _isolated(atoms)
        found = neighbor_list("d", isolated, 3.6)
        if len(found):
            gaps = np.abs(found[:, None] - np.unique(distances.round(6))[None, :]).min(axis=1)
            assert gaps.max() < 1e-4
        if len(set(charge.values())) == len(charge):
            np.testing.assert_allclose(
                end.charge_e, sum(charge[s] for s in atoms.get_chemical_symbols()), rtol=0, atol=1e-4
            )
        if end.stoichiometric:
            bulk_bonds = _bonds(crystal_atoms) / len(crystal_atoms)
            assert _bonds(isolated) == round(bulk_bonds * len(atoms))


def test_slab_has_the_surroundings_of_the_crystal_inside() -> None:
    for material, miller in (("Li7P3S11", (1, 0, -1)), ("Li6PS5Cl", (2, 1, 1)), ("LiCoO2", (1, 0, 4))):
        crystal_atoms = load_crystal(material)
        expected = np.bincount(neighbor_list("i", crystal_atoms, 4.0))
        slab = _isolated(cut_slab(material, miller, 28.0))
        counts = np.bincount(neighbor_list("i", slab, 4.0), minlength=len(slab))
        depth = slab.positions[:, 2]
        inside = (depth > 8.5) & (depth < depth.max() - 8.5)
        assert inside.sum() > 10
        for symbol in set(slab.get_chemical_symbols()):
            here = counts[inside & (slab.symbols == symbol)]
            assert set(here) <= set(expected[crystal_atoms.symbols == symbol])


# Al with three different neighbours at right angles: the sign of their triple product is the hand of the crystal.
HANDED = Atoms(
    "AlFClBr", positions=[[1, 1, 1], [2.7, 1, 1], [1, 3.0, 1], [1, 1, 3.2]],
    cell=[[6.1, 0.0, 0.0], [0.4, 7.0, 0.0], [-0.3, 0.9, 8.2]], pbc=True,
)  # fmt: skip


def handedness(atoms: Atoms) -> set[int]:
    """Signs found at every Al that kept its three neighbours."""
    first, second, vectors = neighbor_list("ijD", atoms, 2.4)
    signs = set()
    for center in np.flatnonzero(atoms.symbols == "Al"):
        mine = {atoms.symbols[j]: v for i, j, v in zip(first, second, vectors, strict=True) if i == center}
        if len(mine) == 3:
            signs.add(int(np.sign(np.linalg.det([mine["F"], mine["Cl"], mine["Br"]]))))
    return signs


@pytest.mark.filterwarnings("ignore::mlip_interfaces.errors.StructureWarning")  # of a molecule in a wide box
@QUICK
@given(miller=st.tuples(*[st.integers(-3, 3)] * 3).filter(any))
def test_no_slab_is_mirrored(miller: tuple[int, int, int], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("handed") / "handed.xyz"
    write(file, HANDED)
    assert handedness(HANDED) == {1}
    assert handedness(_isolated(cut_slab(str(file), miller, 30.0))) == {1}


@pytest.mark.filterwarnings("ignore::mlip_interfaces.errors.StructureWarning")
def test_left_handed_cells_are_cut_without_mirroring(tmp_path: Path) -> None:
    write(tmp_path / "left.xyz", Atoms(HANDED, cell=np.asarray(HANDED.cell)[[1, 0, 2]]))
    for miller in ((1, 0, 0), (0, 1, 2), (-1, 1, 0)):
        assert handedness(_isolated(cut_slab(str(tmp_path / "left.xyz"), miller, 20.0))) == {1}


@pytest.mark.parametrize(
    ("material", "miller"), [("LiCoO2", (0, 0, 1)), ("Li2S", (1, 1, 1)), ("Li6PS5Cl", (1, 1, 0)), ("LiF", (1, 1, 1))]
)
def test_terminations_are_distinct_up_to_turning_over(material: str, miller: tuple[int, int, int]) -> None:
    slabs = enumerate_slabs(material, miller, 8.0, primitive=True)
    structures = [AseAtomsAdaptor.get_structure(with_vacuum(slab.atoms, 10.0)) for slab in slabs]
    groups = StructureMatcher(primitive_cell=False, scale=False, ltol=1e-3, stol=0.01).group_structures(structures)
    unordered = {frozenset(slab.termination.name.split(" | ")) for slab in slabs}
    assert len(groups) == len(unordered)


def test_both_aluminium_terminations_of_corundum_are_found(tmp_path: Path) -> None:
    corundum = crystal(
        ["Al", "O"],
        [(0, 0, 0.35217), (0.30625, 0, 0.25)],
        spacegroup=167,
        cellpar=[4.7589, 4.7589, 12.991, 90, 90, 120],
    )
    write(tmp_path / "corundum.cif", corundum)
    slabs = enumerate_slabs(str(tmp_path / "corundum.cif"), (0, 0, 1), 13.0, stoichiometric=True)
    assert {slab.termination.name for slab in slabs} == {"O-Al | O-Al", "Al-Al | O", "O | Al-Al"}
    # The surface of one aluminium layer is the stable one, without a dipole.
    assert slabs[0].termination.name == "O-Al | O-Al"
    assert slabs[0].termination.tasker == 2


def test_both_surfaces_of_silicon_111_are_found_the_shuffle_cut_first(tmp_path: Path) -> None:
    write(tmp_path / "Si.cif", bulk("Si", cubic=True))
    slabs = enumerate_slabs(str(tmp_path / "Si.cif"), (1, 1, 1), 12.0, stoichiometric=True)
    cuts = [slab for slab in slabs if len(set(slab.termination.name.split(" | "))) == 1]
    assert len(cuts) == 2
    broken = []
    for slab in cuts:
        neighbors = np.bincount(neighbor_list("i", _isolated(slab.atoms), 2.5), minlength=len(slab.atoms))
        surface = slab.atoms.positions[:, 2] > slab.atoms.positions[:, 2].max() - 0.1
        broken.append(set((4 - neighbors[surface]).tolist()))
    assert broken == [{1}, {3}]


def test_both_surfaces_of_a_layered_alloy_are_found(tmp_path: Path) -> None:
    alloy = Atoms(
        "FeCuPt2", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]], cell=[3.8, 3.8, 3.6]
    )
    alloy.pbc = True
    write(tmp_path / "alloy.cif", alloy)
    slabs = enumerate_slabs(str(tmp_path / "alloy.cif"), (1, 0, 0), 15.0)
    assert {slab.termination.name.split(" | ")[0] for slab in slabs} == {"FePt", "CuPt"}
    assert {slab.termination.tasker for slab in slabs} == {1}


def _thickness(slab: Slab) -> float:
    return slab.termination.thickness_angstrom


@pytest.mark.parametrize("material", ["LiF", "Li2S", "LiCoO2", "Li3OCl"])
@pytest.mark.parametrize("request_angstrom", [4.0, 11.0, 25.0])
def test_thickness_is_the_nearest_number_of_repeat_units(material: str, request_angstrom: float) -> None:
    unit, n_atoms = _thickness(choose_slab(material, (1, 0, 0), 0.1)), len(cut_slab(material, (1, 0, 0), 0.1))
    slab = choose_slab(material, (1, 0, 0), request_angstrom)
    n_units = round(_thickness(slab) / unit)
    np.testing.assert_allclose(_thickness(slab), n_units * unit, rtol=1e-9, atol=0)
    assert len(slab.atoms) == n_units * n_atoms
    assert abs(_thickness(slab) - request_angstrom) <= unit / 2 + 1e-6 or n_units == 1


def test_order_and_names_do_not_depend_on_the_thickness() -> None:
    for material, miller in (("Li7P3S11", (1, 0, 0)), ("Li6PS5Cl", (1, 0, 0)), ("LiCoO2", (0, 0, 1))):
        lists = [[s.termination.name for s in enumerate_slabs(material, miller, t)] for t in (6.0, 11.0, 23.0)]
        assert lists[0] == lists[1] == lists[2]


def test_symmetric_slab_has_the_same_plane_on_both_sides() -> None:
    slab = choose_slab("LiCoO2", (0, 0, 3), 20.0, termination="Co-O", symmetric=True)
    depth, symbols = slab.atoms.positions[:, 2], np.array(slab.atoms.get_chemical_symbols())
    order = np.argsort(depth)
    assert slab.termination.name == "Co-O | Co-O"
    assert symbols[order].tolist() == symbols[order][::-1].tolist()
    np.testing.assert_allclose(np.diff(depth[order]), np.diff(depth[order])[::-1], rtol=0, atol=1e-6)


def test_vacuum_lies_between_the_outermost_atoms_and_their_images() -> None:
    slab = cut_slab("LiCoO2", (1, 0, 4), 12.0)
    isolated = with_vacuum(slab, 15.0)
    extent = np.ptp(slab.positions[:, 2])
    np.testing.assert_allclose(isolated.cell[2, 2], extent + 15.0, rtol=1e-12, atol=0)
    np.testing.assert_allclose(isolated.positions[:, 2].min(), 7.5, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.asarray(isolated.cell)[:2], np.asarray(slab.cell)[:2], rtol=0, atol=0)
    with pytest.raises(StructureError, match="zero or more"):
        with_vacuum(slab, -1.0)


@pytest.mark.parametrize("material", ["LiF", "Li", "LiCoO2", "LiMn2O4", "Li7P3S11", "CoS2"])
def test_primitive_cell_is_the_same_crystal(material: str) -> None:
    atoms = load_crystal(material)
    small, miller = primitive_cell(atoms, (1, 1, 0))
    centrings = {"LiF": 4, "Li": 2, "LiCoO2": 3, "LiMn2O4": 4}.get(material, 1)
    assert len(small) * centrings == len(atoms)
    np.testing.assert_allclose(small.get_volume() * centrings, atoms.get_volume(), rtol=1e-9, atol=0)
    matcher = StructureMatcher(scale=False, ltol=1e-4, stol=1e-3)
    assert matcher.fit(AseAtomsAdaptor.get_structure(small), AseAtomsAdaptor.get_structure(atoms))
    normals = [np.array(m) @ np.linalg.inv(a.cell).T for m, a in ((miller, small), ((1, 1, 0), atoms))]
    cosine = normals[0] @ normals[1] / np.prod(np.linalg.norm(normals, axis=1))
    np.testing.assert_allclose(cosine, 1.0, rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("material", "expected"),
    [
        ("LiCoO2", {"Li": 1, "Co": 3, "O": -2}), ("LiNi0.5Mn1.5O4", {"Li": 1, "Ni": 2, "Mn": 4, "O": -2}),
        ("LiMn2O4", {"Li": 1, "Mn": 3.5, "O": -2}), ("Li7P3S11", {"Li": 1, "P": 5, "S": -2}),
        ("Li2PO2N", {"Li": 1, "P": 5, "O": -2, "N": -3}), ("Li3P", {"Li": 1, "P": -3}), ("LiP", {"Li": 1, "P": -1}),
        ("CoS2", {"Co": 2, "S": -1}), ("Co9S8", {"Co": 16 / 9, "S": -2}), ("Li", {"Li": 0}),
        ("Li7La3Zr2O12", {"Li": 1, "La": 3, "Zr": 4, "O": -2}),
    ],
)  # fmt: skip
def test_formal_charges_are_the_chemists(material: str, expected: dict[str, float]) -> None:
    atoms = load_crystal(material)
    charges = formal_charges(atoms)
    for symbol, charge in expected.items():
        np.testing.assert_allclose(charges[atoms.symbols == symbol], charge, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: enumerate_slabs("LiF", (0, 0, 0), 10.0), r"\(0 0 0\) is not a plane"),
        (lambda: enumerate_slabs("LiF", (1, 0), 10.0), "give three indices"),
        (lambda: enumerate_slabs("LiF", (1, 0, 0), -1.0), "positive thickness"),
        (lambda: enumerate_slabs("LiF", (1, 0, 0), float("nan")), "positive thickness"),
        (
            lambda: cut_slab("LiF", (1, 1, 1), 10.0, symmetric=True, stoichiometric=True),
            r"stoichiometric: F \| Li, Li \| F",
        ),
        (lambda: cut_slab("LiCoO2", (0, 0, 3), 10.0, termination="Co-P | Li"), r"Did you mean 'Co-O \| Li'"),
        (lambda: cut_slab("LiCoO2", (1, 1, 0), 10.0, termination=7), r"no termination 7; there are 0 LiCoO2 \| LiCoO2"),
        (lambda: cut_slab("LiP", (0, 1, 0), 10.0), r"endless polyanion.*\(0 0 1\), \(1 0 0\)"),
        (lambda: enumerate_slabs("LiF", (1, 0, 0), 10.0, charges={"Li": 2}), "do not balance"),
        (lambda: cut_slab("LiF", (97, 89, 83), 10.0), "choose lower indices"),
    ],
)
def test_impossible_slabs_get_a_sentence(call, sentence: str) -> None:
    with pytest.raises(StructureError, match=sentence):
        call()


def _lithium_titanate() -> Atoms:
    """Spinel LiTi2O4, a = 8.405 angstrom: Ti is 3.5+ by neutrality, where the usual charge is 4+."""
    places = [(0.125, 0.125, 0.125), (0.5, 0.5, 0.5), (0.2625, 0.2625, 0.2625)]
    made = crystal(["Li", "Ti", "O"], places, spacegroup=227, setting=2, cellpar=[8.405] * 3 + [90] * 3)
    return Atoms(made.get_chemical_symbols(), scaled_positions=made.get_scaled_positions(), cell=made.cell, pbc=True)


@pytest.mark.parametrize("given", [{"Ti": 3.5}, {"Li": 1.25, "Ti": 3.375}, {"O": -2.25}])
def test_given_charge_may_be_a_fraction(given: dict[str, float]) -> None:
    atoms = _lithium_titanate()
    charges = formal_charges(atoms, given)
    expected = {"Li": 1.0, "Ti": 4.0, "O": -2.0} | given
    np.testing.assert_allclose(charges, [expected[symbol] for symbol in atoms.symbols], rtol=1e-12, atol=0)
    np.testing.assert_allclose(charges.sum(), 0.0, rtol=0, atol=1e-9)


def test_slabs_with_a_mean_charge_are_neutral_and_have_its_dipole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "LiTi2O4.vasp"
    write(file, _lithium_titanate(), format="vasp", direct=True, sort=True)
    words = ["structures", "slabs", str(file), "--miller", "0", "0", "1", "--thickness-angstrom", "8", "--json"]
    assert main([*words, "--charge", "Ti=3.5"]) == 0
    rows = json.loads(capsys.readouterr().out)
    charge = {"Li": 1.0, "Ti": 3.5, "O": -2.0}
    slabs = enumerate_slabs(str(file), (0, 0, 1), 8.0, charges={"Ti": 3.5})
    assert [row["name"] for row in rows] == [slab.termination.name for slab in slabs]
    assert any(row["stoichiometric"] for row in rows)
    for row, slab in zip(rows, slabs, strict=True):
        own = np.array([charge[symbol] for symbol in slab.atoms.symbols])
        np.testing.assert_allclose(row["charge_e"], own.sum(), rtol=0, atol=1e-6)
        if row["stoichiometric"]:
            area = float(np.linalg.det(np.asarray(slab.atoms.cell)[:2, :2]))
            moment = own @ slab.atoms.positions[:, 2] / area
            np.testing.assert_allclose(row["dipole_e_per_angstrom"], moment, rtol=1e-5, atol=1e-6)
    assert main(words) == 2
    message = capsys.readouterr().err
    assert "do not balance" in message
    assert "Ti +4" in message
    for word in ("Ti=nan", "Ti=inf", "Ti=3,5", "Q=1"):
        assert main([*words, "--charge", word]) == 2
        assert "--charge Co=3" in capsys.readouterr().err


def test_slabs_verb_lists_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["structures", "slabs", "LiCoO2", "--miller", "0", "0", "3", "--thickness-angstrom", "12"]
    assert main([*words, "--json", "--stoichiometric"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["tasker"] for row in rows] == [3] * 4
    assert main([*words, "--out", str(tmp_path / "s"), "--vacuum-angstrom", "15", "--symmetric"]) == 0
    shown = capsys.readouterr().out
    assert "Co-O | Co-O" in shown
    lines = (tmp_path / "s" / "slabs.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("number,name,composition,n_atoms,thickness_angstrom")
    for number, row in enumerate(line.split(",") for line in lines[1:]):
        for ending in ("xyz", "vasp"):
            atoms = read(tmp_path / "s" / f"slab-{number}.{ending}")
            assert len(atoms) == int(row[3])
            np.testing.assert_allclose(atoms.cell[2, 2] - np.ptp(atoms.positions[:, 2]), 15.0, rtol=0, atol=1e-6)
    assert main(["structures", "slabs", "LiF", "--miller", "1", "0", "0", "--charge", "Li"]) == 2
    assert "--charge Co=3" in capsys.readouterr().err
