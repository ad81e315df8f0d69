"""Files as other programs write them, cut or damaged: read right, or refused with file, place and remedy."""

from __future__ import annotations

import gzip
import json
import struct
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory import Trajectory, open_trajectory
from mlip_interfaces.trajectory.formats.dcd import dcd_ends, dcd_frames

LENGTHS = np.array([6.0, 7.0, 8.0])
SYMBOLS = ["Li", "Li", "S", "P"]
N_FRAMES = 12


def fractions(n_frames: int = N_FRAMES, n_atoms: int = 4) -> np.ndarray:
    """Short steps, wrapped."""
    steps = np.random.default_rng(5).normal(0, 0.03, (n_frames, n_atoms, 3))
    return (0.4 + np.cumsum(steps, axis=0)) % 1.0


def refused(message: str):
    return pytest.raises(InputFileError, match=message)


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    return write_layers(tmp_path / "layers.json", SYMBOLS)


def write_layers(file: Path, symbols: list[str]) -> Path:
    content = {"elements": ["Li", "P", "S"], "symbols": symbols, "layer": ["a"] * len(symbols)}
    file.write_text(json.dumps(content))
    return file


HEADER = "run\n1.0\n6 0 0\n0 7 0\n0 0 8\nLi S P\n2 1 1\n"


def write_xdatcar(file: Path, header: str = HEADER, separator: str = "Direct configuration= {}") -> Path:
    text = header
    for number, frame in enumerate(fractions(), start=1):
        rows = [" ".join(f"{x:.8f}" for x in row) for row in frame]
        text += "\n".join([separator.format(number), *rows]) + "\n"
    file.write_text(text)
    return file


def read(file: Path, **options: object) -> Trajectory:
    return open_trajectory(file, **{"frame_interval_ps": 0.1, "unwrap": "none", **options}).read()


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        (HEADER, "Konfig= {}"),
        (HEADER, ""),
        (HEADER, " "),
        (HEADER.replace("1.0\n6 0", "2.0 1.0 0.5\n3 0").replace("0 0 8", "0 0 16"), "Direct configuration= {}"),
        (HEADER.replace("Li S P", "Li_sv/24021cd S/d368db6 P.h"), "Direct configuration= {}"),
    ],
)
def test_xdatcar_of_every_version_gives_the_same_frames(tmp_path: Path, header: str, separator: str) -> None:
    trajectory = read(write_xdatcar(tmp_path / "XDATCAR", header, separator))
    np.testing.assert_allclose(trajectory.positions, fractions() * LENGTHS, rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        trajectory.cells, np.broadcast_to(np.diag(LENGTHS), (N_FRAMES, 3, 3)), rtol=1e-12, atol=0
    )
    assert trajectory.symbols.tolist() == SYMBOLS


def test_numbers_of_xdatcar_without_a_space_between_them_are_told_apart(tmp_path: Path) -> None:
    lines = write_xdatcar(tmp_path / "XDATCAR").read_text().splitlines()
    lines[11] = "0.1234-0.5678 0.9"
    (tmp_path / "XDATCAR").write_text("\n".join(lines) + "\n")
    trajectory = read(tmp_path / "XDATCAR")
    np.testing.assert_allclose(trajectory.positions[0, 3], [0.1234 * 6, -0.5678 * 7, 0.9 * 8], rtol=1e-12, atol=0)
    assert len(trajectory.positions) == N_FRAMES


def test_a_short_line_within_xdatcar_names_its_frame(tmp_path: Path) -> None:
    lines = write_xdatcar(tmp_path / "XDATCAR").read_text().splitlines()
    lines[16] = "0.5 0.5"
    (tmp_path / "XDATCAR").write_text("\n".join(lines) + "\n")
    with refused("Frame 1 of .*XDATCAR does not hold three numbers for each of its 4 atoms"):
        read(tmp_path / "XDATCAR")


def test_xdatcar_without_elements_is_refused(tmp_path: Path) -> None:
    with refused("does not name its elements"):
        read(write_xdatcar(tmp_path / "XDATCAR", HEADER.replace("Li S P\n", "") + "\n"))


def write_extxyz(file: Path, pbc: object = True) -> Path:
    frames = [Atoms(SYMBOLS, scaled_positions=f, cell=LENGTHS, pbc=pbc) for f in fractions()]
    write(file, frames, format="extxyz")
    return file


def write_mdcrd(file: Path) -> Path:
    """As AMBER lays it out, with a line for the cell of each frame."""
    text = "made here\n"
    for frame in fractions() * LENGTHS:
        numbers = [f"{x:8.3f}" for x in frame.ravel()]
        text += f"{''.join(numbers[:10])}\n{''.join(numbers[10:])}\n{''.join(f'{x:8.3f}' for x in LENGTHS)}\n"
    file.write_text(text)
    return file


TEXT_WRITERS = {"XDATCAR": write_xdatcar, "t.extxyz": write_extxyz, "t.mdcrd": write_mdcrd}


@pytest.mark.parametrize("name", TEXT_WRITERS)
@pytest.mark.parametrize("n_bytes", [2, 5, 60])
def test_a_text_file_that_ends_within_its_last_frame_loses_this_one(
    tmp_path: Path, layers: Path, name: str, n_bytes: int
) -> None:
    file = TEXT_WRITERS[name](tmp_path / name)
    whole = read(file, layers=layers).positions
    # A number that lost a digit or more is a number too.
    file.write_bytes(file.read_bytes().rstrip()[: 1 - n_bytes])
    reader = open_trajectory(file, layers=layers, frame_interval_ps=0.1, unwrap="none")
    np.testing.assert_array_equal(reader.read().positions, whole[:-1])
    assert reader.notes[-1] == f"The last frame of {name} is cut short and was left out."
    assert len([note for note in reader.notes if "cut short" in note]) == 1


@pytest.mark.parametrize("name", TEXT_WRITERS)
def test_a_last_line_that_only_lacks_its_newline_is_read(tmp_path: Path, layers: Path, name: str) -> None:
    file = TEXT_WRITERS[name](tmp_path / name)
    file.write_bytes(file.read_bytes().rstrip())
    reader = open_trajectory(file, layers=layers, frame_interval_ps=0.1, unwrap="none")
    assert len(reader.read().positions) == N_FRAMES
    assert not any("cut short" in note for note in reader.notes)


def test_extended_xyz_that_ends_in_its_first_frame_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.extxyz").write_text("8")
    with refused("ends within its first frame, of 8 atoms"):
        read(tmp_path / "t.extxyz")


def test_extended_xyz_is_known_by_its_second_line(tmp_path: Path) -> None:
    write_extxyz(tmp_path / "t.extxyz").rename(tmp_path / "t.exyz")
    assert len(read(tmp_path / "t.exyz").positions) == N_FRAMES


def test_a_box_around_a_cluster_is_refused_and_a_slab_gets_a_note(tmp_path: Path) -> None:
    with refused(r"Frame 0 of .*t.extxyz has a cell and is not periodic"):
        read(write_extxyz(tmp_path / "t.extxyz", pbc=False))
    reader = open_trajectory(write_extxyz(tmp_path / "t.extxyz", pbc=[True, True, False]), frame_interval_ps=0.1)
    reader.read()
    assert [note for note in reader.notes if "not periodic" in note] == reader.notes != []
    # What is made in Python often leaves it unsaid.
    reader = open_trajectory([Atoms("Li", cell=LENGTHS)] * 2, frame_interval_ps=0.1)
    reader.read()
    assert "not periodic" in reader.notes[0]


def test_rows_of_extended_xyz_are_sorted_by_their_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frames = []
    for frame in fractions():
        atoms = Atoms(SYMBOLS, scaled_positions=frame, cell=LENGTHS, pbc=True)
        atoms.arrays["id"] = np.arange(1, 5)
        frames.append(atoms[rng.permutation(4)])
    write(tmp_path / "t.extxyz", frames, format="extxyz")
    trajectory = read(tmp_path / "t.extxyz")
    np.testing.assert_allclose(trajectory.positions, fractions() * LENGTHS, rtol=0, atol=1e-7)
    assert trajectory.symbols.tolist() == SYMBOLS


def test_trajectories_of_ase_are_read(tmp_path: Path) -> None:
    frames = [Atoms(SYMBOLS, scaled_positions=f, cell=LENGTHS, pbc=True) for f in fractions()]
    write(tmp_path / "md.traj", frames)
    np.testing.assert_allclose(read(tmp_path / "md.traj").positions, fractions() * LENGTHS, rtol=1e-12, atol=1e-12)


def test_a_trajectory_without_a_cell_takes_that_of_its_topology(tmp_path: Path) -> None:
    frames = [Atoms(SYMBOLS, positions=f * LENGTHS) for f in fractions()]
    write(tmp_path / "pos.xyz", frames, format="xyz")
    write(tmp_path / "POSCAR", Atoms(SYMBOLS, positions=np.eye(4)[:, :3], cell=LENGTHS, pbc=True), format="vasp")
    reader = open_trajectory(tmp_path / "pos.xyz", frame_interval_ps=0.1, topology=tmp_path / "POSCAR")
    trajectory = reader.read()
    np.testing.assert_allclose(trajectory.cells[3], np.diag(LENGTHS), rtol=1e-12, atol=0)
    assert "that of POSCAR is taken" in reader.notes[0]
    with refused("no cell"):
        read(tmp_path / "pos.xyz")


SHEARED = np.array([[6.0, 0, 0], [0.5, 7.0, 0], [-0.3, 0.2, 8.0]])


@pytest.mark.parametrize(
    ("name", "title", "scale", "box"),
    [
        ("model.data", "here", 1.0, "0 6 xlo xhi\n-1 6 ylo yhi\n0 8 zlo zhi\n0.5 -0.3 0.2 xy xz yz"),
        ("data.model", "here", 1.0, "0 6 xlo xhi\n-1 6 ylo yhi\n0 8 zlo zhi\n0.5 -0.3 0.2 xy xz yz"),
        ("model.data.gz", "here", 1.0, "6 0 0 avec\n0.5 7 0 bvec\n-0.3 0.2 8 cvec\n0 0 0 abc origin"),
        ("nano.data", "units = nano", 10.0, "0 .6 xlo xhi\n0 .7 ylo yhi\n0 .8 zlo zhi\n.05 -.03 .02 xy xz yz"),
        ("model.gro", "here", 10.0, "0.6 0.7 0.8 0 0 0.05 0 -0.03 0.02"),
    ],
)
def test_the_cell_of_a_topology_is_that_of_its_file(
    tmp_path: Path, name: str, title: str, scale: float, box: str
) -> None:
    write(tmp_path / "pos.xyz", [Atoms(SYMBOLS, positions=f @ SHEARED) for f in fractions()], format="xyz")
    elements = list(dict.fromkeys(SYMBOLS))
    masses = "".join(f"{i} 1.0 # {element}\n" for i, element in enumerate(elements, 1))
    rows = "".join(f"{i} {elements.index(s) + 1} 0 0 {i / scale}\n" for i, s in enumerate(SYMBOLS, 1))
    text = f"{title}\n\n4 atoms\n{len(elements)} atom types\n\n{box}\n\nMasses\n\n{masses}\nAtoms # atomic\n\n{rows}"
    if name.endswith(".gro"):
        lines = [
            f"{i:5d}{s.upper():<5}{s:>5}{i:5d}{0.0:8.3f}{0.0:8.3f}{0.1 * i:8.3f}\n" for i, s in enumerate(SYMBOLS, 1)
        ]
        text = f"{title}\n4\n{''.join(lines)}{box}\n"
    packed = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(packed)
    trajectory = read(tmp_path / "pos.xyz", topology=tmp_path / name)
    np.testing.assert_allclose(trajectory.cells[3], SHEARED, rtol=0, atol=1e-12)
    if name == "nano.data":
        (tmp_path / name).write_text(text.replace("nano", "lj", 1))
        with refused("no cell"):
            read(tmp_path / "pos.xyz", topology=tmp_path / name)


def write_dcd(file: Path, cell: list[float] | None = None, order: str = "<") -> Path:
    """A DCD file as LAMMPS lays it out; the cell as A, gamma, B, beta, alpha, C, by default with cosines."""
    numbers = [0] * 20
    numbers[10], numbers[19] = 1, 24

    def record(content: bytes) -> bytes:
        length = struct.pack(f"{order}i", len(content))
        return length + content + length

    data = record(b"CORD" + struct.pack(f"{order}20i", *numbers))
    data += record(struct.pack(f"{order}i", 1) + b"title".ljust(80)) + record(struct.pack(f"{order}i", 4))
    for frame in fractions() * LENGTHS:
        data += record(struct.pack(f"{order}6d", *(cell or [6.0, 0.0, 7.0, 0.0, 0.0, 8.0])))
        for axis in frame.T:
            data += record(axis.astype(f"{order}f4").tobytes())
    file.write_bytes(data)
    return file


FRAME_BYTES = 48 + 8 + 3 * (16 + 8)


@pytest.mark.parametrize("order", ["<", ">"])
def test_dcd_of_either_byte_order_is_read(tmp_path: Path, layers: Path, order: str) -> None:
    trajectory = read(write_dcd(tmp_path / "t.dcd", order=order), layers=layers)
    np.testing.assert_allclose(trajectory.positions, fractions() * LENGTHS, rtol=1e-6, atol=0)
    np.testing.assert_allclose(trajectory.cells[5], np.diag(LENGTHS), rtol=1e-12, atol=1e-12)


def test_a_symmetric_cell_of_charmm_stays_in_the_frame_of_its_atoms(tmp_path: Path, layers: Path) -> None:
    matrix = np.array([[6.0, -1.5, 0.3], [-1.5, 7.0, 0.2], [0.3, 0.2, 8.0]])
    stored = [matrix[0, 0], matrix[0, 1], matrix[1, 1], matrix[0, 2], matrix[1, 2], matrix[2, 2]]
    np.testing.assert_allclose(
        read(write_dcd(tmp_path / "t.dcd", stored), layers=layers).cells[0], matrix, rtol=1e-12, atol=0
    )


def test_a_damaged_frame_and_a_second_file_within_a_dcd_are_named(tmp_path: Path, layers: Path) -> None:
    file = write_dcd(tmp_path / "t.dcd")
    whole = file.read_bytes()
    start = len(whole) - (N_FRAMES - 5) * FRAME_BYTES
    file.write_bytes(whole[:start] + bytes(4) + whole[start + 4 :])
    with refused("Frame 5 of .*t.dcd is damaged.* 12 frames"):
        read(file, layers=layers)
    file.write_bytes(whole + whole)
    with refused("second DCD file begins in .*t.dcd before frame 12"):
        read(file, layers=layers)
    file.write_bytes(whole[:-30])
    reader = open_trajectory(file, layers=layers, frame_interval_ps=0.1)
    assert len(reader.read().positions) == 11
    assert reader.notes == ["The last frame of t.dcd is cut short and was left out."]


@pytest.mark.parametrize("value", [2.5e15, -1e37, np.nan, np.inf])
def test_an_absurd_position_names_its_frame(tmp_path: Path, layers: Path, value: float) -> None:
    file = write_dcd(tmp_path / "t.dcd")
    data = bytearray(file.read_bytes())
    place = len(data) - 3 * FRAME_BYTES + 60
    data[place : place + 4] = struct.pack("<f", value)
    file.write_bytes(data)
    with refused(r"(not finite numbers|farther away than 1e\+06 angstrom) \(frame 9\)"):
        read(file, layers=layers)


def write_netcdf(
    file: Path, *, rows: str = "sorted", data_format: str = "NETCDF3_64BIT_OFFSET", **units: object
) -> Path:
    """As LAMMPS lays it out: the cell before the positions, units and scale of time as asked for."""
    asked = {"time": "picosecond", "length": "angstrom", "step_ps": 0.001, "name": "coordinates", **units}
    rng = np.random.default_rng(2)
    with netCDF4.Dataset(str(file), "w", format=data_format) as data:
        for name, size in {"frame": None, "atom": 4, "spatial": 3, "cell_spatial": 3}.items():
            data.createDimension(name, size)
        if asked["time"]:
            time = data.createVariable("time", "f4", ("frame",))
            time.units, time.scale_factor = asked["time"], asked["step_ps"]
            time.set_auto_scale(False)
        lengths = data.createVariable("cell_lengths", "f8", ("frame", "cell_spatial"))
        angles = data.createVariable("cell_angles", "f8", ("frame", "cell_spatial"))
        if asked["length"]:
            lengths.units = asked["length"]
        variables = {name: data.createVariable(name, "i4", ("frame", "atom")) for name in ("id", "type")}
        where = data.createVariable(str(asked["name"]), "f4", ("frame", "atom", "spatial"))
        scale = {"bohr": 1.8897261246, "nanometer": 0.1}.get(str(asked["length"]), 1.0)
        for number, frame in enumerate(fractions()):
            order = np.arange(4) if rows == "sorted" else rng.permutation(4)
            if asked["time"]:
                time[number] = 100 * number + int(asked.get("first_step", 0))
            lengths[number], angles[number] = LENGTHS * scale, 90.0
            where[number] = (frame * LENGTHS * scale)[order]
            variables["id"][number] = order + 1
            types = np.array([1, 1, 3, 2]) if rows != "swapped" or number < 7 else np.array([3, 1, 1, 2])
            variables["type"][number] = types[order]
    return file


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data_format": "NETCDF3_CLASSIC"},
        {"data_format": "NETCDF3_64BIT_DATA"},
        {"data_format": "NETCDF4"},
        {"rows": "mixed"},
        {"time": "femtosecond", "step_ps": 1.0},
        {"length": "Angstrom"},
        {"length": ""},
        {"length": "bohr"},
        {"length": "nanometer"},
        {"first_step": 16_000_001},
    ],
)
def test_netcdf_in_any_layout_order_and_unit_gives_the_same_run(tmp_path: Path, layers: Path, options: dict) -> None:
    trajectory = read(write_netcdf(tmp_path / "t.nc", **options), layers=layers, frame_interval_ps=None)
    np.testing.assert_allclose(trajectory.positions, fractions() * LENGTHS, rtol=1e-6, atol=0)
    np.testing.assert_allclose(trajectory.cells[5], np.diag(LENGTHS), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.diff(trajectory.times_ps), 0.1, rtol=1e-6, atol=0)


def test_netcdf_without_time_or_of_another_unit_is_not_guessed(tmp_path: Path, layers: Path) -> None:
    for unit in ("", "fortnight"):
        with refused("give `frame_interval_ps`"):
            read(write_netcdf(tmp_path / "t.nc", time=unit), layers=layers, frame_interval_ps=None)
    with refused("`cell_lengths` in 'furlong'"):
        read(write_netcdf(tmp_path / "t.nc", length="furlong"), layers=layers)
    with refused("has no variable"):
        read(write_netcdf(tmp_path / "t.nc", name="velocities"), layers=layers)


def test_atoms_of_netcdf_that_change_their_type_are_refused(tmp_path: Path, layers: Path) -> None:
    with refused("Frame 7 of .*t.nc has atom 1 with type 3, the first frame with type 1"):
        read(write_netcdf(tmp_path / "t.nc", rows="swapped"), layers=layers)


@pytest.mark.parametrize("data_format", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_a_netcdf_file_that_ends_early_loses_what_is_not_whole(tmp_path: Path, layers: Path, data_format: str) -> None:
    file = write_netcdf(tmp_path / "t.nc", data_format=data_format)
    # The positions come last; behind the end of the file the library reads zeros.
    file.write_bytes(file.read_bytes()[:-9])
    reader = open_trajectory(file, layers=layers, unwrap="none")
    np.testing.assert_allclose(reader.read().positions, fractions()[:-1] * LENGTHS, rtol=1e-6, atol=0)
    assert reader.notes == ["t.nc is cut short: of 12 frames the first 11 were read."]


def write_xtc(file: Path, first_ps: float = 0.0, interval_ps: float = 0.1) -> Path:
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    with XTCFile(str(file), "w") as handle:
        for number, frame in enumerate(fractions(n_atoms=40)):
            box = np.diag(LENGTHS / 10).astype(np.float32)
            handle.write((frame * LENGTHS / 10).astype(np.float32), box, 0, first_ps + number * interval_ps)
    return file


def test_times_of_single_precision_late_in_a_run_are_even(tmp_path: Path) -> None:
    layers = write_layers(tmp_path / "layers.json", SYMBOLS * 10)
    file = write_xtc(tmp_path / "t.xtc", first_ps=20000.0)
    trajectory = read(file, layers=layers, frame_interval_ps=None)
    np.testing.assert_allclose(trajectory.times_ps, 20000.0 + 0.1 * np.arange(N_FRAMES), rtol=1e-12, atol=0)
    import MDAnalysis

    universe = MDAnalysis.Universe.empty(40, trajectory=True)
    universe.add_TopologyAttr("elements", SYMBOLS * 10)
    universe.load_new(str(file))
    np.testing.assert_allclose(open_trajectory(universe).read().times_ps, trajectory.times_ps, rtol=1e-12, atol=0)


def test_a_parser_that_dies_leaves_this_process_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = write_layers(tmp_path / "layers.json", SYMBOLS * 10)
    from mlip_interfaces.trajectory.formats import gromacs_child

    dying = tmp_path / "child.py"
    dying.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(gromacs_child, "__file__", str(dying))
    with refused("t.xtc is damaged"):
        read(write_xtc(tmp_path / "t.xtc"), layers=layers)


def test_positions_outside_the_limits_in_the_head_of_an_xtc_frame_are_damage(tmp_path: Path) -> None:
    layers = write_layers(tmp_path / "layers.json", SYMBOLS * 10)
    file = write_xtc(tmp_path / "t.xtc")
    data = bytearray(file.read_bytes())
    data[72:84] = struct.pack(">3i", 1, 1, 1)
    file.write_bytes(data)
    with refused("t.xtc is damaged"):
        read(file, layers=layers)


def test_all_frames_of_a_gro_file_are_read(tmp_path: Path, layers: Path) -> None:
    text = ""
    for number, frame in enumerate(fractions() * LENGTHS / 10):
        rows = [
            f"    1MOL{s:>7}{i:5d}" + "".join(f"{x:8.3f}" for x in r)
            for i, (s, r) in enumerate(zip(SYMBOLS, frame, strict=True))
        ]
        text += "\n".join([f"run t= {0.1 * number:.3f}", "    4", *rows, "  0.6  0.7  0.8  0 0 0.1 0 0 0.2"]) + "\n"
    (tmp_path / "t.gro").write_text(text)
    trajectory = read(tmp_path / "t.gro", layers=layers, frame_interval_ps=None)
    np.testing.assert_allclose(trajectory.positions, fractions() * LENGTHS, rtol=0, atol=0.0051)
    np.testing.assert_allclose(trajectory.times_ps, 0.1 * np.arange(N_FRAMES), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(trajectory.cells[0], [[6, 0, 0], [1, 7, 0], [0, 2, 8]], rtol=1e-12, atol=0)
    (tmp_path / "t.gro").write_text(text.replace("    4", "    x", 1))
    with refused("Frame 0 of .*t.gro has no number of atoms"):
        read(tmp_path / "t.gro", layers=layers)


@pytest.mark.parametrize(("suffix", "package"), [("gsd", "gsd"), ("tng", "pytng")])
def test_a_format_whose_package_is_missing_names_it(
    tmp_path: Path, suffix: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / f"t.{suffix}").write_bytes(b"x")
    with refused(f"needs the package {package}: install it"):
        read(tmp_path / f"t.{suffix}")


def test_an_unknown_format_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "t.abc").write_text("words")
    with pytest.raises(InputFileError) as caught:
        read(tmp_path / "t.abc")
    assert len(str(caught.value).splitlines()) == 1
    assert "MDAnalysis" not in str(caught.value)


def test_the_ends_of_a_dcd_are_its_first_and_its_last_whole_frame(tmp_path: Path) -> None:
    file = write_dcd(tmp_path / "t.dcd")
    frames = list(dcd_frames(file, []))
    for found, expected in zip(dcd_ends(file), (frames[0], frames[-1]), strict=True):
        np.testing.assert_array_equal(found.positions, expected.positions)
        np.testing.assert_array_equal(found.cell, expected.cell)
    assert (frames[0].positions != frames[-1].positions).any()
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    np.testing.assert_array_equal(dcd_ends(file)[1].positions, frames[-2].positions)
    file.write_bytes(content[: len(content) - len(frames) * FRAME_BYTES])
    with pytest.raises(InputFileError, match="has no whole frame"):
        dcd_ends(file)
