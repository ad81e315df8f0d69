"""AMBER's text trajectories: positions known to the test, number of atoms from elsewhere, and every way it may be wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory import open_trajectory

LENGTHS = np.array([11.0, 12.0, 13.0])
SHEARED = np.array([[11.0, 0.0, 0.0], [3.0, np.sqrt(135.0), 0.0], [-2.0, 1.0, np.sqrt(164.0)]])
"""Rows of the lengths 11, 12 and 13."""


def places(n_atoms: int, n_frames: int = 7) -> np.ndarray:
    """Short steps; unwrapped, so that numbers touch each other: -100.123-200.456."""
    rng = np.random.default_rng(n_atoms)
    start = np.array([-105.0, -207.0, 15.0]) + rng.random((n_atoms, 3)) * LENGTHS
    return start + np.cumsum(rng.normal(0, 0.05, (n_frames, n_atoms, 3)), axis=0)


def boxes(n_frames: int = 7) -> np.ndarray:
    return LENGTHS * (1 + 0.002 * np.arange(n_frames))[:, None]


def write_mdcrd(file: Path, positions: np.ndarray, box: np.ndarray | None = None) -> Path:
    """Fortran's 10F8.3; the numbers of a box on a line of their own."""
    lines = ["made here"]
    for number, frame in enumerate(positions):
        words = [f"{x:8.3f}" for x in frame.ravel()]
        lines += ["".join(words[start : start + 10]) for start in range(0, len(words), 10)]
        if box is not None:
            lines.append("".join(f"{x:8.3f}" for x in box[number]))
    text = ("\n".join(lines) + "\n").encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


def topology(folder: Path, n_atoms: int, cell: np.ndarray | None = LENGTHS, name: str = "model.xyz") -> Path:
    symbols = ["Li", "S"] * (n_atoms // 2) + ["P"] * (n_atoms % 2)
    file = folder / name
    atoms = Atoms(symbols, positions=np.zeros((n_atoms, 3)), cell=cell, pbc=cell is not None)
    write(file, atoms, format="extxyz")
    return file


def opened(file: Path, model: Path | None, **options: object):
    return open_trajectory(file, **{"topology": model, "frame_interval_ps": 0.5, "unwrap": "none", **options})


def refused(message: str):
    return pytest.raises(InputFileError, match=message)


# Lines that end full (10), after one number (7), as long as a box (11) and as lengths with angles (12); one short line (3).
# Six numbers behind the positions of two atoms are those of another frame.
@pytest.mark.parametrize(
    ("n_atoms", "n_box"), [(n, box) for n in (2, 3, 7, 10, 11, 12, 23) for box in (0, 3, 6) if (n, box) != (2, 6)]
)
@pytest.mark.parametrize("name", ["t.mdcrd", "t.crd", "t.trj", "t.x", "t.mdcrd.gz"])
def test_positions_and_cells_are_those_written(tmp_path: Path, n_atoms: int, n_box: int, name: str) -> None:
    box = {0: None, 3: boxes(), 6: np.hstack([boxes(), np.full((7, 3), 90.0)])}[n_box]
    file = write_mdcrd(tmp_path / name, places(n_atoms), box)
    reader = opened(file, topology(tmp_path, n_atoms))
    read = reader.read()
    np.testing.assert_allclose(read.positions, places(n_atoms), rtol=0, atol=0.00051)
    expected = np.repeat(LENGTHS[None], 7, axis=0) if box is None else np.round(boxes(), 3)
    np.testing.assert_allclose(read.cells, [np.diag(lengths) for lengths in expected], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(read.times_ps, 0.5 * np.arange(7), rtol=1e-12, atol=0)
    assert reader.notes[0].startswith(
        "The trajectory has no cell" if n_box == 0 else f"Positions in {name} are rounded to 0.001"
    )
    assert len(reader.notes) == (2 if n_box == 0 else 1)


def test_numbers_that_touch_each_other_are_told_apart(tmp_path: Path) -> None:
    file = write_mdcrd(tmp_path / "t.mdcrd", np.full((1, 4, 3), [-105.0, -207.123, 15.0]))
    assert "-105.000-207.123  15.000" in file.read_text()
    read = opened(file, topology(tmp_path, 4)).read()
    np.testing.assert_allclose(read.positions[0, 2], [-105.0, -207.123, 15.0], rtol=1e-12, atol=0)


def test_mdanalysis_reads_the_same(tmp_path: Path) -> None:
    import MDAnalysis

    file = write_mdcrd(tmp_path / "t.mdcrd", places(12), boxes())
    universe = MDAnalysis.Universe.empty(12, trajectory=True)
    universe.load_new(str(file))
    read = opened(file, topology(tmp_path, 12)).read()
    assert len(universe.trajectory) == len(read.positions)
    for number, frame in enumerate(universe.trajectory):
        np.testing.assert_allclose(read.positions[number], frame.positions, rtol=1e-6, atol=0)
        np.testing.assert_allclose(np.diag(read.cells[number]), frame.dimensions[:3], rtol=1e-6, atol=0)


def test_lengths_in_the_file_keep_the_directions_of_a_sheared_topology(tmp_path: Path) -> None:
    file = write_mdcrd(tmp_path / "t.mdcrd", places(5), boxes())
    reader = opened(file, topology(tmp_path, 5, SHEARED))
    expected = [SHEARED * np.round(lengths / LENGTHS, 9)[:, None] for lengths in boxes()]
    np.testing.assert_allclose(reader.read().cells, expected, rtol=0, atol=2e-3)
    assert reader.notes[1] == "t.mdcrd holds the lengths of its cell alone: the directions are those of model.xyz."
    # Angles in the file need none.
    file = write_mdcrd(tmp_path / "t.mdcrd", places(5), np.hstack([boxes(), np.full((7, 3), [90.0, 90.0, 120.0])]))
    cell = opened(file, topology(tmp_path, 5, SHEARED)).read().cells[0]
    np.testing.assert_allclose(cell, [[11, 0, 0], [-6, 12 * np.sqrt(0.75), 0], [0, 0, 13]], rtol=0, atol=1e-6)


def test_lengths_without_a_cell_elsewhere_are_of_an_orthogonal_one_and_said_so(tmp_path: Path) -> None:
    reader = opened(write_mdcrd(tmp_path / "t.mdcrd", places(5), boxes()), topology(tmp_path, 5, None))
    np.testing.assert_allclose(reader.read().cells[0], np.diag(LENGTHS), rtol=1e-12, atol=0)
    assert "model.xyz no cell: the cell is taken as orthogonal" in reader.notes[1]
    with refused("Frame 0 of .*t.mdcrd has no cell"):
        opened(write_mdcrd(tmp_path / "t.mdcrd", places(5)), topology(tmp_path, 5, None)).read()


def test_without_a_topology_or_a_time_the_option_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_mdcrd(tmp_path / "t.mdcrd", places(6), boxes())
    words = ["analyze", "rdf", str(file), "--pairs", "Li-S", "--out", str(tmp_path / "out")]
    assert main([*words, "--frame-interval-ps", "0.5"]) == 2
    assert "does not say how many atoms it has" in (error := capsys.readouterr().err)
    assert "give --topology" in error
    assert main([*words, "--topology", str(topology(tmp_path, 6))]) == 2
    assert "give --frame-interval-ps" in capsys.readouterr().err


@pytest.mark.parametrize("n_box", [0, 3])
@pytest.mark.parametrize(
    ("n_atoms", "wrong"), [(23, n) for n in (2, 10, 20, 21, 22, 24, 33, 40, 500)] + [(11, 10), (20, 19)]
)
def test_another_number_of_atoms_is_noticed(tmp_path: Path, n_atoms: int, wrong: int, n_box: int) -> None:
    file = write_mdcrd(tmp_path / "t.mdcrd", places(n_atoms), boxes() if n_box else None)
    with refused(rf"t.mdcrd .*the {wrong} atoms of model.xyz.*number of atoms"):
        opened(file, topology(tmp_path, wrong)).read()


def test_lines_that_are_always_full_have_to_divide(tmp_path: Path) -> None:
    # Seven frames of six lines; with thirty atoms nine lines are one.
    file = write_mdcrd(tmp_path / "t.mdcrd", places(20))
    with refused(
        "ends 6 lines into frame 4, 9 lines long with the 30 atoms of model.xyz: it is of another number of atoms"
    ):
        opened(file, topology(tmp_path, 30)).read()
    # A file that ends within a line was cut.
    file.write_bytes(file.read_bytes()[:-30])
    reader = opened(file, topology(tmp_path, 20))
    np.testing.assert_allclose(reader.read().positions, places(20)[:-1], rtol=0, atol=0.00051)
    assert reader.notes[-1] == "The last frame of t.mdcrd is cut short and was left out."


@pytest.mark.parametrize("n_lines", [1, 2, 3])
def test_a_last_frame_without_all_its_lines_is_left_out(tmp_path: Path, n_lines: int) -> None:
    # Eight atoms are three lines, the box one.
    file = write_mdcrd(tmp_path / "t.mdcrd", places(8), boxes())
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-n_lines]))
    reader = opened(file, topology(tmp_path, 8))
    assert len(reader.read().positions) == 6
    assert reader.notes[-1] == "The last frame of t.mdcrd is cut short and was left out."


def test_blank_lines_at_the_end_and_a_title_that_is_blank_do_no_harm(tmp_path: Path) -> None:
    file = write_mdcrd(tmp_path / "t.mdcrd", places(8), boxes())
    file.write_text(file.read_text().replace("made here", "") + "\n\n")
    reader = opened(file, topology(tmp_path, 8))
    assert len(reader.read().positions) == 7
    assert len(reader.notes) == 1


def test_damage_names_the_frame_and_the_line(tmp_path: Path) -> None:
    model = topology(tmp_path, 8)
    lines = write_mdcrd(tmp_path / "t.mdcrd", places(8), boxes()).read_text().splitlines()

    def changed(number: int, line: str) -> Path:
        (tmp_path / "t.mdcrd").write_text("\n".join([*lines[: number - 1], line, *lines[number:]]) + "\n")
        return tmp_path / "t.mdcrd"

    # A title of one line, frames of four.
    with refused(
        "Line 11 of .*t.mdcrd .frame 2. holds 9 numbers, where a frame with the 8 atoms of model.xyz holds 10"
    ):
        opened(changed(11, lines[10][:72]), model).read()
    with refused("Line 11 of .*t.mdcrd .frame 2. is not in columns of eight"):
        opened(changed(11, lines[10] + " 1.0"), model).read()
    with refused("Frame 2 of .*t.mdcrd holds stars .* farther away than 999 angstrom"):
        opened(changed(11, "********" + lines[10][8:]), model).read()
    with refused("Frame 2 of .*t.mdcrd is damaged or no AMBER mdcrd"):
        opened(changed(11, "  1.0 2 " + lines[10][8:]), model).read()
    with refused(r"Frame 2 of .*t.mdcrd has 11 -12 13 angstrom as lengths of its cell"):
        opened(changed(13, "  11.000 -12.000  13.000"), model).read()
    with refused(r"Frame 2 of .*t.mdcrd has 11 12 130 angstrom .* model.xyz, which has 11 12 13"):
        opened(changed(13, "  11.000  12.000 130.000"), model).read()


def test_other_files_of_the_same_names_are_known(tmp_path: Path) -> None:
    model = topology(tmp_path, 4)
    (tmp_path / "a.crd").write_text("restart\n    4  1.0\n" + "   1.0000000" * 6 + "\n" + "   1.0000000" * 6 + "\n")
    with refused("is an AMBER restart or coordinate file of one frame"):
        opened(tmp_path / "a.crd", model)
    rows = "".join(f"{i:5d}{i:5d} LI   LI  {i:10.5f}{1:10.5f}{2:10.5f} A    {i:<5d}{0:10.5f}\n" for i in range(1, 5))
    (tmp_path / "b.crd").write_text(f"* CHARMM\n*\n{4:5d}\n{rows}")
    np.testing.assert_allclose(
        opened(tmp_path / "b.crd", model).read().positions[0, :, 0], [1, 2, 3, 4], rtol=1e-6, atol=0
    )
    with refused("has one atom .model.xyz.*NetCDF"):
        opened(write_mdcrd(tmp_path / "c.mdcrd", places(1), boxes()), topology(tmp_path, 1))
