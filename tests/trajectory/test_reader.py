"""Every format gives the same frames; every damaged or incomplete input is refused with a sentence."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from ase.io.vasp import read_vasp_xdatcar

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory import open_trajectory, read_trajectory

CELL = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-1.0, 1.5, 10.0]])
SYMBOLS = ["Li", "Li", "S", "P"]
ARGYRODITE = Path(__file__).parents[3] / "shared" / "data" / "argyrodite" / "Li6PS5Cl_0p_run1.XDATCAR.gz"


def paths_and_cells(n_frames: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Unwrapped paths that leave a triclinic cell that breathes."""
    rng = np.random.default_rng(3)
    steps = rng.normal(0, 0.2, (n_frames, 4, 3)) + [0.9, 0, -0.8]
    cells = np.array([CELL * (1 + 0.01 * np.sin(i)) for i in range(n_frames)])
    return np.array([1.0, 2.0, 3.0]) + np.cumsum(steps, axis=0), cells


def write_dcd(file: Path, positions: np.ndarray, cells: np.ndarray) -> None:
    """A DCD file by MDAnalysis."""
    import MDAnalysis
    from MDAnalysis.coordinates.DCD import DCDWriter
    from MDAnalysis.lib.mdamath import triclinic_box

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe.empty(positions.shape[1], trajectory=True)
        with DCDWriter(str(file), positions.shape[1], dt=1.0) as writer:
            for frame, cell in zip(positions, cells, strict=True):
                universe.atoms.positions = frame
                universe.trajectory.ts.dimensions = triclinic_box(*cell)
                writer.write(universe.atoms)


def write_layers(file: Path, symbols: list[str] = SYMBOLS) -> Path:
    content = {"elements": ["Li", "P", "S"], "symbols": symbols, "layer": ["coating"] * 2 + ["electrolyte"] * 2}
    file.write_text(json.dumps(content))
    return file


def write_frames(file: Path, positions: np.ndarray, cells: np.ndarray, *, wrap: bool = True) -> None:
    """Extended XYZ or XDATCAR by ASE, positions wrapped into the cell of their frame."""
    frames = [Atoms(SYMBOLS, positions=p, cell=c, pbc=True) for p, c in zip(positions, cells, strict=True)]
    for number, atoms in enumerate(frames):
        if wrap:
            atoms.wrap()
        if "timed" in file.name:
            atoms.info["time_ps"] = 0.25 * number
        if "labelled" in file.name:
            atoms.arrays["layer"] = np.array(["a", "a", "b", "b"])
    write(file, frames, format="vasp-xdatcar" if "XDATCAR" in file.name else "extxyz")


@pytest.fixture
def dcd(tmp_path: Path) -> Path:
    write_dcd(tmp_path / "traj.dcd", *paths_and_cells())
    write_layers(tmp_path / "layers.json")
    return tmp_path / "traj.dcd"


@pytest.mark.parametrize("chunk", [1, 5, 100])
def test_dcd_gives_back_paths_cells_and_times_in_any_chunks(dcd: Path, chunk: int) -> None:
    positions, cells = paths_and_cells()
    reader = open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=0.5, unwrap="none")
    parts = list(reader.chunks(chunk))
    assert max(len(part.positions) for part in parts) == min(chunk, 12)
    np.testing.assert_allclose(np.concatenate([part.positions for part in parts]), positions, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        np.concatenate([part.times_ps for part in parts]), np.arange(12) * 0.5, rtol=1e-12, atol=0
    )
    read = np.concatenate([part.cells for part in parts])
    # MDAnalysis turns the cell so that a lies along x: lengths and angles are what a DCD file keeps.
    np.testing.assert_allclose(read @ read.transpose(0, 2, 1), cells @ cells.transpose(0, 2, 1), rtol=1e-5, atol=1e-4)
    assert reader.symbols.tolist() == SYMBOLS
    assert reader.layers is not None
    assert reader.layers.tolist() == ["coating", "coating", "electrolyte", "electrolyte"]
    assert read[0].dtype == parts[0].positions.dtype == np.float64


def test_a_reader_starts_anew_with_every_pass(dcd: Path) -> None:
    reader = open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=0.5)
    first, second = reader.read(), reader.read()
    np.testing.assert_array_equal(first.positions, second.positions)


def test_whole_dcd_is_read_as_stored(dcd: Path) -> None:
    read = open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=0.5, unwrap="none").read()
    np.testing.assert_allclose(read.positions, paths_and_cells()[0], rtol=1e-6, atol=1e-6)
    assert len(read_trajectory(dcd, dcd.with_name("layers.json"), frame_interval_ps=0.5).positions) == 12


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz.gz", "a_XDATCAR", "a_XDATCAR.gz"])
def test_wrapped_formats_agree_with_each_other_and_the_paths(tmp_path: Path, name: str) -> None:
    positions, cells = paths_and_cells()
    cells = np.repeat(cells[:1], 12, axis=0)
    plain = tmp_path / name.removesuffix(".gz")
    write_frames(plain, positions, cells)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
    trajectory = open_trajectory(tmp_path / name, frame_interval_ps=0.5).read()
    moved = trajectory.paths - trajectory.paths[0]
    np.testing.assert_allclose(moved, positions - positions[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(trajectory.cells, cells, rtol=1e-6, atol=1e-6)
    assert trajectory.symbols.tolist() == SYMBOLS


def test_variable_cell_xdatcar_has_a_cell_per_frame(tmp_path: Path) -> None:
    lines = []
    for number, length in enumerate((10.0, 11.0, 12.0), start=1):
        lines += ["title", "1.0", f"{length} 0 0", f"0 {length} 0", f"0 0 {length}", "Li S", "1 1"]
        lines += [f"Direct configuration= {number}", "0.1 0.2 0.3", "0.6 0.5 0.4"]
    (tmp_path / "XDATCAR").write_text("\n".join(lines) + "\n")
    trajectory = open_trajectory(tmp_path / "XDATCAR", frame_interval_ps=1.0, unwrap="none").read()
    np.testing.assert_allclose(trajectory.cells[:, 0, 0], [10, 11, 12], rtol=1e-12, atol=0)
    np.testing.assert_allclose(trajectory.positions[:, 1, 0], [6, 6.6, 7.2], rtol=1e-12, atol=0)


def test_negative_scale_of_xdatcar_is_the_volume(tmp_path: Path) -> None:
    text = "t\n-27.0\n1 0 0\n0 1 0\n0 0 1\nLi\n1\nDirect configuration= 1\n0.5 0.5 0.5\n"
    (tmp_path / "XDATCAR").write_text(text)
    trajectory = open_trajectory(tmp_path / "XDATCAR", frame_interval_ps=1.0).read()
    np.testing.assert_allclose(trajectory.positions[0, 0], 1.5, rtol=1e-12, atol=0)


def test_unfinished_last_frame_of_xdatcar_is_left_out(tmp_path: Path) -> None:
    header = "t\n1.0\n9 0 0\n0 9 0\n0 0 9\nLi\n2\n"
    (tmp_path / "XDATCAR").write_text(
        header + "Direct configuration= 1\n0 0 0\n.5 .5 .5\nDirect configuration= 2\n0 0 0\n"
    )
    assert len(open_trajectory(tmp_path / "XDATCAR", frame_interval_ps=1.0).read().positions) == 1


def test_unfinished_last_frame_of_dcd_is_left_out(dcd: Path) -> None:
    dcd.write_bytes(dcd.read_bytes()[:-30])
    reader = open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=0.5)
    assert len(reader.read().positions) == 11


def test_frames_are_counted_whole_and_whatever_the_time_asked_for(dcd: Path, tmp_path: Path) -> None:
    layers = dcd.with_name("layers.json")
    write_frames(tmp_path / "twelve.extxyz", *paths_and_cells())
    for file in (dcd, tmp_path / "twelve.extxyz"):
        assert (
            open_trajectory(file, layers=layers, frame_interval_ps=0.5, start_ps=1.0, stop_ps=2.0).count_frames() == 12
        )
    content, frame = dcd.read_bytes(), 8 + 48 + 3 * (8 + 4 * len(SYMBOLS))
    for n_bytes, left in ((1, 11), (frame - 1, 11), (frame, 11), (frame + 1, 10), (6 * frame, 6)):
        dcd.write_bytes(content[:-n_bytes])
        assert open_trajectory(dcd, layers=layers, frame_interval_ps=0.5).count_frames() == left


def test_times_and_labels_of_extended_xyz_are_used(tmp_path: Path) -> None:
    write_frames(tmp_path / "timed_labelled.extxyz", *paths_and_cells())
    trajectory = open_trajectory(tmp_path / "timed_labelled.extxyz").read()
    np.testing.assert_allclose(trajectory.times_ps, np.arange(12) * 0.25, rtol=1e-12, atol=0)
    assert trajectory.layers.tolist() == ["a", "a", "b", "b"]


@pytest.mark.skipif(not ARGYRODITE.is_file(), reason="no real trajectory beside the checkout")
def test_real_xdatcar_agrees_with_ase() -> None:
    reader = open_trajectory(ARGYRODITE, frame_interval_ps=0.1, unwrap="none")
    trajectory = reader.read()
    assert trajectory.positions.shape == (140, 416, 3)
    with gzip.open(ARGYRODITE, "rt") as handle:
        reference = read_vasp_xdatcar(handle, index=slice(None))
    np.testing.assert_allclose(trajectory.positions[-1], reference[-1].positions, rtol=0, atol=1e-6)
    assert trajectory.symbols.tolist() == reference[0].get_chemical_symbols()


DATA = """(made by hand)

4 atoms
3 atom types

0 9 xlo xhi
0 9 ylo yhi
0 9 zlo zhi

Masses

1 6.94{li}
2 30.97{p}
3 32.06{s}

Atoms # {style}

3 {pad}3 {charge}1 1 1
1 {pad}1 {charge}2 2 2
4 {pad}2 {charge}3 3 3
2 {pad}1 {charge}4 4 4 0 0 0

Velocities

1 0 0 0
"""


@pytest.mark.parametrize("comments", [True, False])
@pytest.mark.parametrize(
    ("style", "pad", "charge"), [("atomic", "", ""), ("charge", "", "0.5 "), ("full", "1 ", "0.5 ")]
)
def test_data_file_tells_elements_in_the_order_of_ids(
    dcd: Path, style: str, pad: str, charge: str, comments: bool
) -> None:
    names = {"li": " # Li", "p": " # P", "s": " # S"} if comments else dict.fromkeys(("li", "p", "s"), "")
    data = dcd.with_name("model.data")
    data.write_text(DATA.format(style=style, pad=pad, charge=charge, **names))
    reader = open_trajectory(dcd, topology=data, frame_interval_ps=1.0)
    assert reader.symbols.tolist() == SYMBOLS
    assert reader.layers is None
    np.testing.assert_allclose(reader.masses_amu, [6.94, 6.94, 32.06, 30.97], rtol=1e-12, atol=0)
    # With labels too, the type map names the elements.
    both = open_trajectory(dcd, topology=data, layers=dcd.with_name("layers.json"), frame_interval_ps=1.0)
    assert both.symbols.tolist() == SYMBOLS


def test_data_file_written_by_ase_is_understood(dcd: Path) -> None:
    atoms = Atoms(SYMBOLS, positions=np.eye(4)[:, :3], cell=CELL, pbc=True)
    write(dcd.with_name("m.data"), atoms, format="lammps-data", specorder=["Li", "O", "P", "S"], masses=True)
    assert open_trajectory(dcd, topology=dcd.with_name("m.data"), frame_interval_ps=1.0).symbols.tolist() == SYMBOLS


def test_any_structure_file_is_a_topology(dcd: Path) -> None:
    write(dcd.with_name("m.xyz"), Atoms(SYMBOLS, positions=np.zeros((4, 3)), cell=CELL, pbc=True), format="extxyz")
    assert open_trajectory(dcd, topology=dcd.with_name("m.xyz"), frame_interval_ps=1.0).symbols.tolist() == SYMBOLS


def refused(message: str):
    return pytest.raises(InputFileError, match=message)


def test_dcd_without_topology_or_time_is_refused(dcd: Path) -> None:
    with refused("give `topology`"):
        open_trajectory(dcd, frame_interval_ps=1.0)
    with refused("give `frame_interval_ps`"):
        open_trajectory(dcd, layers=dcd.with_name("layers.json"))
    with refused("must be positive"):
        open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=0.0)


def test_wrong_topologies_are_refused(dcd: Path, tmp_path: Path) -> None:
    with refused("does not exist"):
        open_trajectory(dcd, topology=tmp_path / "no.data", frame_interval_ps=1.0)
    (tmp_path / "bad.data").write_text("nothing here\n")
    with refused("needs the sections"):
        open_trajectory(dcd, topology=tmp_path / "bad.data", frame_interval_ps=1.0)
    text = DATA.format(style="atomic", pad="", charge="", li="", p="", s="")
    (tmp_path / "ids.data").write_text(text.replace("\n4 2 3 3 3", "\n3 2 3 3 3"))
    with refused("ids come twice"):
        open_trajectory(dcd, topology=tmp_path / "ids.data", frame_interval_ps=1.0)
    (tmp_path / "mass.data").write_text(text.replace("30.97", "777"))
    with refused("no element has the mass 777"):
        open_trajectory(dcd, topology=tmp_path / "mass.data", frame_interval_ps=1.0)
    (tmp_path / "junk.xyz").write_bytes(bytes(range(256)))
    with refused("cannot be read as a structure"):
        open_trajectory(dcd, topology=tmp_path / "junk.xyz", frame_interval_ps=1.0)


def test_files_that_do_not_belong_together_are_refused(dcd: Path, tmp_path: Path) -> None:
    with refused("has 4 atoms, .* has 5"):
        (tmp_path / "five.json").write_text(json.dumps({"symbols": ["Li"] * 5, "layer": ["a"] * 5}))
        open_trajectory(dcd, layers=tmp_path / "five.json", frame_interval_ps=1.0)
    write_frames(tmp_path / "a.extxyz", *paths_and_cells())
    with refused("calls atom 1 .* S, another file calls it Li"):
        open_trajectory(
            tmp_path / "a.extxyz",
            layers=write_layers(tmp_path / "o.json", SYMBOLS[::-1][1:] + ["Li"]),
            frame_interval_ps=1,
        )


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"symbols": ["Li"]}', '{"symbols": ["Li"], "layer": []}', "{", '{"symbols": ["Xy"], "layer": ["a"]}'],
)
def test_damaged_layer_labels_are_refused(dcd: Path, content: str) -> None:
    dcd.with_name("layers.json").write_text(content)
    with refused("layers.json"):
        open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=1.0)


@pytest.mark.parametrize("name", ["t.dcd", "t.xyz", "t.xyz.gz", "XDATCAR", "XDATCAR.gz", "t.mdcrd", "t.crd"])
@pytest.mark.parametrize("content", [b"", b"words, words\n" * 40, bytes(range(256)) * 20])
def test_garbage_is_refused_in_every_format(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    write_layers(tmp_path / "layers.json")
    with refused(name.replace(".", r"\.")):
        open_trajectory(tmp_path / name, layers=tmp_path / "layers.json", frame_interval_ps=1.0).read()


def test_cut_compressed_file_is_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "XDATCAR", *paths_and_cells(60))
    (tmp_path / "XDATCAR.gz").write_bytes(gzip.compress((tmp_path / "XDATCAR").read_bytes())[:-40])
    with refused("damaged"):
        open_trajectory(tmp_path / "XDATCAR.gz", frame_interval_ps=1.0).read()


def test_dcd_of_no_frame_is_refused(dcd: Path) -> None:
    # A frame is the cell (6 doubles) and 3 x 4 floats, each record between two counts of 4 bytes.
    dcd.write_bytes(dcd.read_bytes()[: -12 * (48 + 8 + 3 * (16 + 8))])
    with refused("holds no frame"):
        open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=1.0)


def test_unknown_format_and_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "traj.nc").write_text("")
    with refused("not of the format its name says"):
        open_trajectory(tmp_path / "traj.nc", frame_interval_ps=1.0)
    (tmp_path / "traj.abc").write_text("")
    with refused("format of .*traj.abc is not known"):
        open_trajectory(tmp_path / "traj.abc", frame_interval_ps=1.0)
    with refused("does not exist"):
        open_trajectory(tmp_path / "traj.dcd")


def test_positions_that_are_not_numbers_name_their_frame(dcd: Path) -> None:
    positions, cells = paths_and_cells()
    positions[7, 2, 1] = np.nan
    write_dcd(dcd, positions, cells)
    with refused("frame 7"):
        open_trajectory(dcd, layers=dcd.with_name("layers.json"), frame_interval_ps=1.0).read()


def test_frames_of_different_atoms_are_refused(tmp_path: Path) -> None:
    frames = [Atoms(symbols, positions=np.eye(3), cell=CELL, pbc=True) for symbols in ("LiLiS", "LiSLi")]
    write(tmp_path / "a.xyz", frames, format="extxyz")
    with refused("another order"):
        open_trajectory(tmp_path / "a.xyz", frame_interval_ps=1.0).read()
    write(tmp_path / "b.xyz", [frames[0], frames[0][:2]], format="extxyz")
    with refused("has 2 atoms, the first one 3"):
        open_trajectory(tmp_path / "b.xyz", frame_interval_ps=1.0).read()


def test_frame_without_cell_or_time_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.xyz", Atoms("LiS", positions=np.eye(3)[:2]), format="extxyz")
    with refused("no cell"):
        open_trajectory(tmp_path / "a.xyz", frame_interval_ps=1.0).read()
    first, second = (Atoms("Li", positions=[[0, 0, 0]], cell=CELL, pbc=True) for _ in range(2))
    first.info["time_ps"] = 0.0
    write(tmp_path / "b.xyz", [first, second], format="extxyz")
    with refused("no time; give"):
        open_trajectory(tmp_path / "b.xyz").read()


def test_wrapped_dcd_is_unwrapped(dcd: Path) -> None:
    positions, cells = paths_and_cells()
    lengths = np.array([5.0, 6.0, 7.0])
    cells = np.repeat(np.diag(lengths)[None], 12, axis=0)
    write_dcd(dcd, positions % lengths, cells)
    options = {"layers": dcd.with_name("layers.json"), "frame_interval_ps": 1.0}
    for scheme in ("auto", "tor", "frac"):
        read = open_trajectory(dcd, unwrap=scheme, **options).read().paths
        np.testing.assert_allclose(read - read[0], positions - positions[0], rtol=0, atol=1e-5)
    stored = open_trajectory(dcd, unwrap="none", **options).read().paths
    np.testing.assert_allclose(stored, positions % lengths, rtol=0, atol=1e-5)
    with refused("no image flags"):
        open_trajectory(dcd, unwrap="image", **options).read()


def test_time_window_keeps_the_times_of_the_file(dcd: Path) -> None:
    options = {"layers": dcd.with_name("layers.json"), "frame_interval_ps": 0.5}
    part = open_trajectory(dcd, start_ps=1.5, stop_ps=3.0, **options).read()
    np.testing.assert_allclose(part.times_ps, [1.5, 2.0, 2.5, 3.0], rtol=1e-12, atol=0)
    with refused("no frame between"):
        open_trajectory(dcd, start_ps=100.0, **options).read()


@pytest.mark.parametrize(("name", "tolerance"), [("traj.xtc", 0.02), ("traj.nc", 1e-4), ("traj.trr", 1e-4)])
def test_formats_with_times_need_no_interval(tmp_path: Path, name: str, tolerance: float) -> None:
    import MDAnalysis
    from MDAnalysis.lib.mdamath import triclinic_box

    positions, _ = paths_and_cells()
    cells = np.repeat(np.diag([9.0, 8.0, 10.0])[None], 12, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe.empty(4, trajectory=True)
        with MDAnalysis.Writer(str(tmp_path / name), 4) as writer:
            for number, (frame, cell) in enumerate(zip(positions, cells, strict=True)):
                universe.atoms.positions = frame
                universe.trajectory.ts.dimensions = triclinic_box(*cell)
                universe.trajectory.ts.time = 0.25 * number
                writer.write(universe.atoms)
        write_layers(tmp_path / "layers.json")
        read = open_trajectory(tmp_path / name, layers=tmp_path / "layers.json").read()
    np.testing.assert_allclose(read.times_ps, 0.25 * np.arange(12), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(read.paths - read.paths[0], positions - positions[0], rtol=0, atol=tolerance)
    np.testing.assert_allclose(read.cells, cells, rtol=1e-4, atol=1e-4)


def write_gromacs(file: Path, positions: np.ndarray, cells: np.ndarray) -> None:
    """XTC or TRR by the parsers of MDAnalysis, in nm and ps."""
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

    with (XTCFile if file.suffix == ".xtc" else TRRFile)(str(file), "w") as handle:
        for number, (x, cell) in enumerate(zip(positions / 10.0, cells / 10.0, strict=True)):
            x, box, time = x.astype(np.float32), cell.astype(np.float32), 0.25 * number
            if file.suffix == ".xtc":
                handle.write(x, box, number, time)
            else:
                handle.write(x, None, None, box, number, time, 0.0, len(x))


def many(positions: np.ndarray) -> np.ndarray:
    """Twelve atoms: XTC compresses ten and more."""
    return np.concatenate([positions, positions + 0.7, positions + 1.9], axis=1)


@pytest.mark.parametrize(("name", "tolerance"), [("t.xtc", 0.01), ("t.trr", 1e-5)])
def test_a_folder_that_cannot_be_written_to_is_read_and_nothing_is_left_in_it(
    tmp_path: Path, name: str, tolerance: float
) -> None:
    positions, cells = paths_and_cells()
    folder = tmp_path / "archive"
    folder.mkdir()
    write_gromacs(folder / name, many(positions), cells)
    (tmp_path / "layers.json").write_text(
        json.dumps({"elements": ["Li", "P", "S"], "symbols": SYMBOLS * 3, "layer": ["all"] * 12})
    )
    before = (folder.stat().st_mtime_ns, sorted(folder.iterdir()))
    folder.chmod(0o555)
    try:
        read = open_trajectory(folder / name, layers=tmp_path / "layers.json", unwrap="none").read()
    finally:
        folder.chmod(0o755)
    # Whoever may write everywhere leaves no trace either: not even one that was deleted again.
    assert (folder.stat().st_mtime_ns, sorted(folder.iterdir())) == before
    np.testing.assert_allclose(read.positions, many(positions), rtol=0, atol=tolerance)
    np.testing.assert_allclose(read.cells, cells, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(read.times_ps, 0.25 * np.arange(12), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["t.xtc", "t.trr"])
def test_a_gromacs_file_cut_in_its_last_frame_keeps_the_others_and_one_damaged_within_is_refused(
    tmp_path: Path, name: str
) -> None:
    positions, cells = paths_and_cells()
    write_gromacs(tmp_path / name, many(positions), cells)
    (tmp_path / "layers.json").write_text(
        json.dumps({"elements": ["Li", "P", "S"], "symbols": SYMBOLS * 3, "layer": ["all"] * 12})
    )
    whole = (tmp_path / name).read_bytes()
    options = {"layers": tmp_path / "layers.json", "unwrap": "none"}
    (tmp_path / name).write_bytes(whole[:-9])
    reader = open_trajectory(tmp_path / name, **options)
    assert len(reader.read().positions) == 11
    assert reader.notes == [f"The last frame of {name} is cut short and was left out."]
    frame = len(whole) // 12
    (tmp_path / name).write_bytes(whole[: 5 * frame] + b"\xff" * frame + whole[6 * frame :])
    with refused("damaged"):
        open_trajectory(tmp_path / name, **options).read()
    (tmp_path / name).write_bytes(b"")
    with refused("damaged"):
        open_trajectory(tmp_path / name, **options)


def test_reading_in_threads_says_nothing_that_users_cannot_act_upon(dcd: Path) -> None:
    code = f"""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from mlip_interfaces.trajectory.formats import read_frames
generators = [read_frames(Path({str(dcd)!r}), []) for _ in range(4)]
with ThreadPoolExecutor(2) as pool:
    counts = set(pool.map(lambda frames: len(list(zip(frames, frames))), generators))
assert counts == {{6}}, counts
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
