"""Structures of files that people bring: read as they are meant, or refused in a sentence."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from ase.geometry import cellpar_to_cell
from ase.io import write

from mlip_interfaces.errors import StructureError, StructureWarning
from mlip_interfaces.structures.crystals import crystal_elements, load_crystal, minimum_distances, write_crystal
from mlip_interfaces.structures.crystals.symmetry_of_cif import settings_of
from mlip_interfaces.structures.slabs import enumerate_slabs

SITES = "label type_symbol fract_x fract_y fract_z"
SPINEL = ["Li1 Li 0.125 0.125 0.125", "Mn1 Mn 0.5 0.5 0.5", "O1 O 0.2625 0.2625 0.2625"]
SALT = ["Na1 Na 0 0 0", "Cl1 Cl 0.5 0.5 0.5"]
FCC = "_symmetry_space_group_name_H-M 'F m -3 m'\n_symmetry_Int_Tables_number 225"


def cif(
    folder: Path,
    rows: list[str],
    *,
    cell: str = "5.64 5.64 5.64 90 90 90",
    symmetry: str = FCC,
    columns: str = SITES,
    block: str = "x",
    name: str = "a.cif",
) -> Path:
    keys = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [
        f"data_{block}",
        *(f"_cell_{key} {value}" for key, value in zip(keys, cell.split(), strict=True)),
        symmetry,
    ]
    lines += ["loop_", *(f"_atom_site_{word}" for word in columns.split()), *rows, ""]
    (folder / name).write_text("\n".join(lines))
    return folder / name


def counts(atoms: Atoms) -> dict[str, int]:
    return dict(atoms.symbols.formula.count())


@pytest.mark.parametrize(
    "symmetry",
    [
        "_symmetry_space_group_name_H-M 'F d -3 m :2'\n_symmetry_Int_Tables_number 227",
        "_symmetry_space_group_name_H-M 'F d -3 m Z'",
        "_space_group_name_H-M_alt 'F d -3 m (origin choice 2)'",
        "_space_group_name_Hall '-F 4vw 2vw 3'",
        "_space_group_name_H-M_alt 'F d 3 m'\n_symmetry_space_group_setting 2",
    ],
)
def test_spinel_of_the_second_origin_is_a_spinel(tmp_path: Path, symmetry: str) -> None:
    atoms = load_crystal(cif(tmp_path, SPINEL, cell="8.24 8.24 8.24 90 90 90", symmetry=symmetry))
    assert counts(atoms) == {"Li": 8, "Mn": 16, "O": 32}
    # Tetrahedron and octahedron of International Tables: (0.2625 - 1/8) sqrt(3) a, and 16d to 32e.
    found = minimum_distances(atoms, ["Li", "Mn", "O"])
    assert found["Li-O"] == pytest.approx(0.1375 * np.sqrt(3) * 8.24, abs=1e-3)
    assert found["Mn-O"] == pytest.approx(8.24 * np.hypot(0.2375, 0.0125 * np.sqrt(2)), abs=1e-3)


def test_other_origin_is_taken_with_a_note_where_the_file_says_none_and_the_first_is_impossible(tmp_path: Path) -> None:
    file = cif(tmp_path, SPINEL, cell="8.24 8.24 8.24 90 90 90", symmetry="_symmetry_Int_Tables_number 227")
    with pytest.warns(StructureWarning, match=r"Fd-3m:2 was taken, for Fd-3m:1"):
        assert counts(load_crystal(file)) == {"Li": 8, "Mn": 16, "O": 32}


def test_rhombohedral_and_hexagonal_axes_make_the_same_crystal(tmp_path: Path) -> None:
    rows = {"H": "Co1 Co 0 0 0|Li1 Li 0 0 0.5|O1 O 0 0 0.26", "R": "Co1 Co 0 0 0|Li1 Li .5 .5 .5|O1 O .26 .26 .26"}
    a, c = 2.8166, 14.052
    edge = np.sqrt(a**2 / 3 + c**2 / 9)
    angle = np.degrees(2 * np.arcsin(a / edge / 2))
    cells = {"H": f"{a} {a} {c} 90 90 120", "R": f"{edge} {edge} {edge} {angle} {angle} {angle}"}
    for axes, suffix in (("H", ":H"), ("R", ":R"), ("R", ""), ("H", " H")):
        symmetry = f"_symmetry_space_group_name_H-M 'R -3 m{suffix}'\n_symmetry_Int_Tables_number 166"
        atoms = load_crystal(cif(tmp_path, rows[axes].split("|"), cell=cells[axes], symmetry=symmetry))
        assert len(atoms) == (12 if axes == "H" else 4)
        assert atoms.get_volume() / len(atoms) == pytest.approx(a**2 * c * np.sqrt(3) / 2 / 12, rel=1e-6, abs=0)
        assert minimum_distances(atoms, ["Li", "Co", "O"])["Co-O"] == pytest.approx(
            np.hypot(a / np.sqrt(3), (1 / 3 - 0.26) * c), abs=1e-4
        )
    symmetry = "_symmetry_space_group_name_H-M 'R -3 m :R'"
    with pytest.raises(StructureError, match="a cell without that symmetry"):
        load_crystal(cif(tmp_path, rows["H"].split("|"), cell=cells["H"], symmetry=symmetry))


def test_every_setting_of_every_group_is_found_by_its_symbols() -> None:
    for hall_number in range(1, 531):
        kind = spglib.get_spacegroup_type(hall_number)
        expected = spglib.get_symmetry_from_database(hall_number)
        assert kind is not None
        assert expected is not None
        axis = {"b": (5, 6, 7, 90, 100, 90), "c": (5, 6, 7, 90, 90, 100), "a": (5, 6, 7, 100, 90, 90)}
        systems = [
            (2, (5, 6, 7, 80, 95, 100)), (15, axis.get(kind.choice.lstrip("-")[:1], ())), (74, (5, 6, 7, 90, 90, 90)),
            (142, (5, 5, 7, 90, 90, 90)), (194, (5, 5, 5, 70, 70, 70) if kind.choice == "R" else (5, 5, 7, 90, 90, 120)),
            (230, (5, 5, 5, 90, 90, 90)),
        ]  # fmt: skip
        cell = cellpar_to_cell(next(cell for last, cell in systems if kind.number <= last))
        full = kind.international_full.replace("_", "")
        for tags in (
            {"_space_group_name_hall": [kind.hall_symbol]},
            {"_space_group_name_h-m_alt": [f"{full}:{kind.choice}" if kind.choice else full]},
        ):
            setting = settings_of(tags, np.asarray(cell), "x")[0]
            found = {(tuple(np.rint(r).ravel()), tuple(np.round(t, 3) % 1)) for r, t in zip(*setting[1:3], strict=True)}
            both = zip(expected["rotations"], expected["translations"], strict=True)
            assert found == {(tuple(r.ravel()), tuple(np.round(t, 3) % 1)) for r, t in both}, kind


def test_nonstandard_axes_of_the_symbol_are_taken(tmp_path: Path) -> None:
    symmetry = "_symmetry_space_group_name_H-M 'P m n b'\n_symmetry_Int_Tables_number 62"
    atoms = load_crystal(
        cif(tmp_path, ["Li1 Li 0 0 0", "Fe1 Fe .25 .28 .97"], cell="6 10.3 4.7 90 90 90", symmetry=symmetry)
    )
    assert counts(atoms) == {"Li": 4, "Fe": 4}  # both sites are special, Fe on the mirror at x = 1/4
    symmetry = "_symmetry_space_group_name_H-M 'B m a b'"  # of 64, named B m e b since 1992
    atoms = load_crystal(cif(tmp_path, ["Cu1 Cu 0 0 0"], cell="3.6 3.5 5 90 90 90", symmetry=symmetry))
    assert len(atoms) == 4


def test_magnetic_operations_and_centrings_are_applied(tmp_path: Path) -> None:
    rows = ["Ni1 Ni 0 0 0", "O1 O 0.5 0.5 0.5"]
    magnetic = (
        "_space_group_magn.name_BNS 'x'\nloop_\n_space_group_symop_magn_{}.id\n_space_group_symop_magn_{}.xyz\n{}"
    )
    four = "1 x,y,z,+1\n2 x,y+1/2,z+1/2,-1\n3 x+1/2,y,z+1/2,-1\n4 x+1/2,y+1/2,z,+1"
    listed = magnetic.format("operation", "operation", four)
    centred = magnetic.format("operation", "operation", "1 x,y,z,+1\n2 -x,-y,-z,+1") + "\n" + (
        magnetic.format("centering", "centering", four).split("\n", 1)[1]
    )  # fmt: skip
    for symmetry in (listed, centred):
        atoms = load_crystal(cif(tmp_path, rows, cell="4.17 4.17 4.17 90 90 90", symmetry=symmetry, name="a.mcif"))
        assert counts(atoms) == {"Ni": 4, "O": 4}
        assert minimum_distances(atoms, ["Ni", "O"])["Ni-O"] == pytest.approx(2.085, rel=1e-6, abs=0)
    with pytest.raises(StructureError, match="lists none of its operations"):
        load_crystal(cif(tmp_path, rows, symmetry="_space_group_magn.name_BNS 'F_s d -3 m'"))


def test_unknown_symmetry_is_never_p1_without_a_word(tmp_path: Path) -> None:
    with pytest.warns(StructureWarning, match="says nothing of its symmetry"):
        load_crystal(cif(tmp_path, SALT, cell="3.5 3.5 3.5 90 90 90", symmetry=""))
    with pytest.raises(StructureError, match="'made by hand', which is none"):
        load_crystal(cif(tmp_path, SALT, symmetry="_symmetry_space_group_name_H-M 'made by hand'"))
    with pytest.raises(StructureError, match="the number 221, which is another"):
        load_crystal(cif(tmp_path, SALT, symmetry=FCC.replace("225", "221")))


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounded_thirds_are_thirds(tmp_path: Path, digits: int) -> None:
    rows = ["Li1 Li 0 0 0.5", f"Li2 Li {1 / 3:.{digits}f} {2 / 3:.{digits}f} 0", "N1 N 0 0 0"]
    file = cif(
        tmp_path, rows, cell="3.648 3.648 3.875 90 90 120", symmetry="_symmetry_space_group_name_H-M 'P 6/m m m'"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        atoms = load_crystal(file)
    # What moves by more than 0.0005 angstrom is said.
    assert any("few digits" in str(note.message) for note in caught) == (digits < 4)
    assert counts(atoms) == {"Li": 3, "N": 1}
    assert minimum_distances(atoms, ["Li", "N"])["Li-N"] == pytest.approx(3.875 / 2, abs=1e-4)
    thirds = 3 * atoms.get_scaled_positions()[1:3, 0]
    np.testing.assert_allclose(thirds, np.round(thirds), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("labels", "elements"),
    [
        (("NA1", "CL1"), ("Na", "Cl")), (("Na1", "Cl1"), ("Na", "Cl")), (("CO1", "O1"), ("Co", "O")),
        (("Li1", "OW1"), ("Li", "O")), (("LI", "F"), ("Li", "F")),
    ],
)  # fmt: skip
def test_labels_alone_give_their_elements(tmp_path: Path, labels: tuple[str, str], elements: tuple[str, str]) -> None:
    rows = [f"{labels[0]} 0 0 0", f"{labels[1]} .5 .5 .5"]
    file = cif(tmp_path, rows, columns="label fract_x fract_y fract_z")
    assert crystal_elements(str(file)) == elements


@pytest.mark.parametrize(
    ("symbol", "occupancy", "message"),
    [
        ("'0.5Na + 0.5K'", "1", "partly occupied"), ("Na0.8K0.2", "1", "partly occupied"), ("Na,K", "1", "partly occupied"),
        ("Na", "0.5", "partly occupied"), ("Na", "much", "no number"), ("Xx", "1", "is no element"), ("OH", "1", "is no element"),
    ],
)  # fmt: skip
def test_sites_that_are_not_one_atom_are_refused(tmp_path: Path, symbol: str, occupancy: str, message: str) -> None:
    rows = [f"M1 {symbol} {occupancy} 0 0 0", "Cl1 Cl 1 .5 .5 .5"]
    with pytest.raises(StructureError, match=message):
        load_crystal(cif(tmp_path, rows, columns="label type_symbol occupancy fract_x fract_y fract_z"))


def test_unknown_occupancy_is_one_and_charges_are_no_part_of_an_element(tmp_path: Path) -> None:
    rows = ["Na1 Na1+ ? 0 0 0", "Cl1 Cl- . 1/2 0.50(1) .5"]
    atoms = load_crystal(cif(tmp_path, rows, columns="label type_symbol occupancy fract_x fract_y fract_z"))
    assert counts(atoms) == {"Na": 4, "Cl": 4}


def test_formula_that_the_atoms_do_not_have_is_refused_or_noted(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"'Cl H4 N' .* make ClN"):
        load_crystal(
            cif(tmp_path, ["N1 N 0 0 0", "Cl1 Cl .5 .5 .5"], symmetry=f"{FCC}\n_chemical_formula_sum 'Cl H4 N'")
        )
    with pytest.warns(StructureWarning, match=r"'Na0.95 Cl'"):
        load_crystal(cif(tmp_path, SALT, symmetry=f"{FCC}\n_chemical_formula_sum 'Na0.95 Cl'"))
    with pytest.warns(StructureWarning, match="says 2.5 g/cm3, its atoms and cell make 2.164"):
        load_crystal(cif(tmp_path, SALT, symmetry=f"{FCC}\n_exptl_crystal_density_diffrn 2.5"))
    good = f"{FCC}\n_chemical_formula_sum 'Na Cl'\n_cell_formula_units_Z 4\n_exptl_crystal_density_diffrn 2.17(1)"
    assert len(load_crystal(cif(tmp_path, SALT, symmetry=good))) == 8


def test_two_crystals_in_a_file_are_named_and_an_empty_block_is_none(tmp_path: Path) -> None:
    first = cif(tmp_path, SALT, block="rock_salt").read_text()
    (tmp_path / "two.cif").write_text("data_global\n_publ_x 1\n" + first)
    assert len(load_crystal(tmp_path / "two.cif")) == 8
    (tmp_path / "two.cif").write_text(first + first.replace("rock_salt", "other"))
    with pytest.raises(StructureError, match="2 crystals .data_rock_salt, data_other."):
        load_crystal(tmp_path / "two.cif")


def test_atoms_on_each_other_are_refused_and_close_or_lonely_ones_noted(tmp_path: Path) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    on_top = salt.copy()
    on_top.positions[1] = on_top.positions[0] + [0.3, 0, 0]
    write(tmp_path / "POSCAR", on_top, format="vasp")
    for given in (on_top, tmp_path / "POSCAR"):
        with pytest.raises(StructureError, match=r"Na and Cl 0\.300 angstrom apart"):
            load_crystal(given)
    for scale, message in ((0.62, "closer than they come"), (3.0, "part of the cell is vacuum")):
        scaled = salt.copy()
        scaled.set_cell(salt.cell * scale, scale_atoms=True)
        with pytest.warns(StructureWarning, match=message):
            load_crystal(scaled)


def test_vasp_4_files_need_their_elements(tmp_path: Path) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    sorted_salt = salt[np.argsort(salt.numbers)]
    write(tmp_path / "POSCAR", sorted_salt, format="vasp")
    lines = (tmp_path / "POSCAR").read_text().splitlines()
    assert lines[5].split() == ["Na", "Cl"]
    del lines[5]
    for comment in ("POSCAR generated by cell class", "FINDSYM finds R3c", "In a box", "Na", "Na4 Cl3", "Xx Yy"):
        (tmp_path / "POSCAR").write_text("\n".join([comment, *lines[1:]]))
        with pytest.raises(StructureError, match="does not name its elements"):
            load_crystal(tmp_path / "POSCAR")
    for comment in ("Na Cl", "Na4 Cl4", "NaCl", "Na_pv Cl", "Na Cl ! salt"):
        (tmp_path / "POSCAR").write_text("\n".join([comment, *lines[1:]]))
        assert load_crystal(tmp_path / "POSCAR").get_chemical_symbols() == ["Na"] * 4 + ["Cl"] * 4


def test_data_files_of_lammps_are_structures(tmp_path: Path) -> None:
    crystal = load_crystal("LiF")
    write_crystal(crystal, tmp_path / "a.data", ("Li", "F"))
    assert minimum_distances(load_crystal(tmp_path / "a.data"), ["Li", "F"]) == pytest.approx(
        minimum_distances(crystal, ["Li", "F"]), abs=2e-4
    )
    text = (tmp_path / "a.data").read_text()
    (tmp_path / "data.b").write_text("\n".join(line.split("#")[0] for line in text.splitlines()))
    assert counts(load_crystal(tmp_path / "data.b")) == {"Li": 4, "F": 4}
    head, rows = text.split("Atoms # atomic")
    charged = [f"{w[0]} {w[1]} 1 {' '.join(w[2:])}" for w in map(str.split, rows.strip().splitlines())]
    (tmp_path / "c.data").write_text(f"{head}Atoms\n\n" + "\n".join(charged))
    with pytest.raises(StructureError, match="c.data: the atom style is not certain.* fit charge or molecular"):
        load_crystal(tmp_path / "c.data")
    (tmp_path / "c.data").write_text(f"{head}Atoms # charge\n\n" + "\n".join(charged))
    assert counts(load_crystal(tmp_path / "c.data")) == {"Li": 4, "F": 4}
    (tmp_path / "d.data").write_text(text.replace("18.9984", "1.5").replace("# F", ""))
    with pytest.raises(StructureError, match=r"d.data: no element has the mass 1\.503\d* of type 2"):
        load_crystal(tmp_path / "d.data")
    bohr = text.splitlines()
    bohr[0] = "LAMMPS data file, units=electron"
    (tmp_path / "e.data").write_text("\n".join(bohr))
    with pytest.warns(StructureWarning, match="closer than they come"):
        shrunk = load_crystal(tmp_path / "e.data")
    np.testing.assert_allclose(shrunk.cell.lengths(), 0.529177210544 * crystal.cell.lengths(), rtol=1e-6, atol=0)
    (tmp_path / "e.data").write_text("\n".join(["units = lj", *bohr[1:]]))
    with pytest.raises(StructureError, match=r"e.data is in reduced units \(lj\)"):
        load_crystal(tmp_path / "e.data")


def test_last_of_several_structures_and_open_boundaries_are_noted(tmp_path: Path) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    write(tmp_path / "two.xyz", [salt, salt], format="extxyz")
    with pytest.warns(StructureWarning, match="holds 2 structures; the last was taken"):
        load_crystal(tmp_path / "two.xyz")
    salt.pbc = (True, True, False)
    write(tmp_path / "open.xyz", salt, format="extxyz")
    with pytest.warns(StructureWarning, match="not periodic along c"):
        load_crystal(tmp_path / "open.xyz")
    (tmp_path / "odd.thing").write_text("hello\n")
    with pytest.raises(StructureError, match="of a format that is not known"):
        load_crystal(tmp_path / "odd.thing")


def test_plane_of_a_primitive_cell_is_named_in_the_conventional_one(tmp_path: Path) -> None:
    file = tmp_path / "LiF.vasp"
    write(file, bulk("LiF", "rocksalt", a=4.03), format="vasp")
    with pytest.warns(StructureWarning, match=r"primitive cell, whose plane \(1 0 0\) is .* ask for \(0 1 1\)"):
        polar = enumerate_slabs(str(file), (1, 0, 0), 10.0)
    assert polar[0].termination.tasker == 3
    with pytest.warns(StructureWarning, match=r"plane \(0 1 1\) is \(1 0 0\) of the conventional"):
        flat = enumerate_slabs(str(file), (0, 1, 1), 10.0)
    assert flat[0].termination.thickness_angstrom == pytest.approx(5 * 4.03 / 2, rel=1e-6, abs=0)
    assert flat[0].termination.tasker == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", StructureWarning)
        write(file, bulk("LiF", "rocksalt", a=4.03, cubic=True), format="vasp")
        assert enumerate_slabs(str(file), (1, 0, 0), 10.0)[0].termination.tasker == 1
