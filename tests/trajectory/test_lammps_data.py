"""Data files of LAMMPS: every style, names that do not say so, contradictions."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.lammps_data import is_lammps_data, read_lammps_data
from mlip_interfaces.trajectory.topology import read_topology

HEAD = """made here

3 atoms
2 atom types

0 4 xlo xhi
1 6 ylo yhi
-1 5 zlo zhi
0.5 -0.25 0.125 xy xz yz

"""
MASSES = "Masses\n\n1 15.9994\n2 1.008\n\n"
ROWS = {
    "atomic": ("3 2 1.5 1 2", "1 1 0 0.5 1", "2 2 1 1 1"),
    "charge": ("3 2 0.4 1.5 1 2", "1 1 -0.8 0 0.5 1", "2 2 0.4 1 1 1"),
    "molecular": ("3 1 2 1.5 1 2", "1 1 1 0 0.5 1", "2 1 2 1 1 1"),
    "full": ("3 1 2 0.4 1.5 1 2", "1 1 1 -0.8 0 0.5 1", "2 1 2 0.4 1 1 1"),
}


def data(style: str, *, hint: bool = False, images: str = "", masses: str = MASSES) -> str:
    rows = "".join(f"{row}{images}\n" for row in ROWS[style])
    return f"{HEAD}{masses}Atoms{' # ' + style if hint else ''}\n\n{rows}\nVelocities\n\n1 0 0 0\n2 0 0 0\n3 0 0 0\n"


@pytest.mark.parametrize("style", ROWS)
@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("images", ["", " 0 -1 0", " 1 0 0 # an atom"])
def test_columns_tell_the_style_that_the_heading_does_not(tmp_path: Path, style: str, hint: bool, images: str) -> None:
    (tmp_path / "data.water").write_text(data(style, hint=hint, images=images))
    read = read_lammps_data(tmp_path / "data.water")
    assert read.ids.tolist() == [1, 2, 3]
    assert read.types.tolist() == [1, 2, 2]
    assert read.symbols.tolist() == ["O", "H", "H"]
    np.testing.assert_allclose(read.masses_amu, [15.9994, 1.008, 1.008], rtol=1e-12, atol=0)
    np.testing.assert_allclose(read.positions, [[0, 0.5, 1], [1, 1, 1], [1.5, 1, 2]], rtol=1e-12, atol=0)
    np.testing.assert_allclose(read.cell, [[4, 0, 0], [0.5, 5, 0], [-0.25, 0.125, 6]], rtol=1e-12, atol=0)


def test_a_data_file_is_known_by_its_content(tmp_path: Path) -> None:
    for name in ("data.lps", "model", "restart.dat", "init.lammps"):
        (tmp_path / name).write_text(data("full"))
        assert is_lammps_data(tmp_path / name)
        assert read_topology(tmp_path / name).symbols.tolist() == ["O", "H", "H"]
    (tmp_path / "model.data.gz").write_bytes(gzip.compress(data("charge").encode()))
    assert read_topology(tmp_path / "model.data.gz").symbols.tolist() == ["O", "H", "H"]
    (tmp_path / "POSCAR").write_text("LiF\n1\n4 0 0\n0 4 0\n0 0 4\nLi\n1\nDirect\n0 0 0\n")
    assert not is_lammps_data(tmp_path / "POSCAR")


@pytest.mark.parametrize("masses", ["Masses\n\n1 15.9994\n2 1.008\n\n", "Masses\n\nO 15.9994\nH 1.008\n\n", ""])
def test_type_labels_are_types(tmp_path: Path, masses: str) -> None:
    rows = "Atoms # full\n\n2 1 H 0.4 1 1 1\n1 1 O -0.8 0 0.5 1\n3 1 H 0.4 1.5 1 2\n"
    (tmp_path / "a.data").write_text(f"{HEAD}Atom Type Labels\n\n1 O\n2 H\n\n{masses}{rows}")
    read = read_lammps_data(tmp_path / "a.data")
    assert read.symbols.tolist() == ["O", "H", "H"]
    assert read.types.tolist() == [1, 2, 2]
    np.testing.assert_allclose(read.masses_amu, [15.999, 1.008, 1.008], rtol=1e-3, atol=0)


def test_force_field_labels_leave_the_element_to_the_mass(tmp_path: Path) -> None:
    text = f"{HEAD}Atom Type Labels\n\n1 OW\n2 HW\n\n{MASSES}Atoms # atomic\n\n1 OW 0 0 0\n2 HW 1 0 0\n3 HW 0 1 0\n"
    (tmp_path / "a.data").write_text(text)
    assert read_lammps_data(tmp_path / "a.data").symbols.tolist() == ["O", "H", "H"]


def test_lengths_have_the_unit_that_the_title_names(tmp_path: Path) -> None:
    (tmp_path / "a.data").write_text(data("atomic").replace("made here", "LAMMPS data file, units = electron"))
    read = read_lammps_data(tmp_path / "a.data")
    np.testing.assert_allclose(read.positions[2], np.array([1.5, 1, 2]) * 0.529177210544, rtol=1e-9, atol=0)
    np.testing.assert_allclose(read.cell[0, 0], 4 * 0.529177210544, rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (data("full").replace("1.5", "one"), "cannot be read as a LAMMPS data file"),
        (data("full", hint=True).replace("# full", "# atomic"), "7 columns .* fit none of atomic"),
        (data("atomic", images=" 0.5 0.5 0.5"), "style is not certain: the 8 columns"),
        (data("molecular").replace("3 1 2 1.5", "3 2 1 1.5").replace("2 1 2 1", "2 2 1 1"), "fit charge or molecular"),
        (data("atomic", hint=True).replace("# atomic", "# sponge"), "atom style sponge"),
        (data("atomic").replace("3 2 1.5", "3 7 1.5"), "style is not certain"),
        (data("atomic").replace("3 atoms", "9 atoms"), "says 9 atoms and holds 3"),
        (data("atomic").replace("0 4 xlo xhi", ""), "'xlo xhi' is missing"),
        (data("atomic", masses=""), "type 1 has no mass"),
        (data("atomic").replace("1.008", "1.008 # Li"), "type 2 is Li by its name and H by its mass"),
        (data("atomic").replace("15.9994", "1.0").replace("1.008", "1.0"), "type 1 has no mass of its own"),
    ],
)
def test_what_is_not_certain_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.data").write_text(text)
    with pytest.raises(InputFileError, match=message):
        read_lammps_data(tmp_path / "a.data")


def test_a_heavy_hydrogen_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.data").write_text(data("full").replace("1.008", "3.024 # H"))
    assert read_lammps_data(tmp_path / "a.data").symbols.tolist() == ["O", "H", "H"]


def test_a_type_map_of_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.data").write_text(data("full"))
    assert read_lammps_data(tmp_path / "a.data", elements=["O", "H"]).symbols.tolist() == ["O", "H", "H"]
    with pytest.raises(InputFileError, match="type 1 is H by the type map and O by its mass"):
        read_lammps_data(tmp_path / "a.data", elements=["H", "O"])
