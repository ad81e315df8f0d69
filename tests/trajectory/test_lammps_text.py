"""The text reader: any columns, any order, any cell; the same frames as an oracle of a few slow lines."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory import open_trajectory
from mlip_interfaces.trajectory.lammps_text import LammpsTextFrames

SYMBOLS = np.array(["Li", "S", "Li", "P", "S"])
ORIGIN = np.array([-3.0, 2.0, 1.0])
CELL = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-1.0, 1.5, 10.0]])
UNWRAPPED = {"xu": ("xu", "yu", "zu"), "xsu": ("xsu", "ysu", "zsu")}
WRAPPED = {"x": ("x", "y", "z"), "xs": ("xs", "ys", "zs")}


def paths(n_frames: int = 7) -> np.ndarray:
    rng = np.random.default_rng(11)
    return ORIGIN + 4.0 + np.cumsum(rng.normal(0, 0.3, (n_frames, 5, 3)) + [1.0, 0.0, -0.9], axis=0)


def bounds(cell: np.ndarray, style: str) -> str:
    low, high = ORIGIN, ORIGIN + np.diag(cell)
    if style == "orthogonal":
        return "ITEM: BOX BOUNDS pp pp pp\n" + "".join(f"{a:.16e} {b:.16e}\n" for a, b in zip(low, high, strict=True))
    if style == "general":
        rows = "".join(f"{' '.join(f'{v:.16e}' for v in row)} {o:.16e}\n" for row, o in zip(cell, ORIGIN, strict=True))
        return "ITEM: BOX BOUNDS abc origin pp pp pp\n" + rows
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    low = low + [min(0, xy, xz, xy + xz), min(0, yz), 0]
    high = high + [max(0, xy, xz, xy + xz), max(0, yz), 0]
    tilts = zip(low, high, (xy, xz, yz), strict=True)
    return "ITEM: BOX BOUNDS xy xz yz pp pp pp\n" + "".join(f"{a:.16e} {b:.16e} {c:.16e}\n" for a, b, c in tilts)


def write_dump(
    file: Path,
    path: np.ndarray,
    cells: np.ndarray,
    columns: Sequence[str],
    *,
    style: str = "triclinic",
    shuffle: bool = True,
    head: str = "",
) -> None:
    """A dump by Python's own formatting, atoms in another order in every frame."""
    rng = np.random.default_rng(2)
    text = []
    for t, (positions, cell) in enumerate(zip(path, cells, strict=True)):
        scaled = (positions - ORIGIN) @ np.linalg.inv(cell)
        images = np.floor(scaled)
        wrapped = (scaled - images) @ cell + ORIGIN
        values = {"id": np.arange(1, 6), "element": SYMBOLS, "type": [1, 3, 1, 2, 3], "q": np.full(5, -0.25)}
        tables = {"xu": positions, "xsu": scaled, "x": wrapped, "xs": scaled - images, "ix": images.astype(int)}
        for kind, names in {**UNWRAPPED, **WRAPPED, "ix": ("ix", "iy", "iz")}.items():
            values |= {name: tables[kind][:, k] for k, name in enumerate(names)}
        order = rng.permutation(5) if shuffle else np.arange(5)
        rows = "".join(" ".join(_written(values[name][i]) for name in columns) + "\n" for i in order)
        text.append(
            f"{head.format(time=t * 0.5)}ITEM: TIMESTEP\n{1000 + 50 * t}\nITEM: NUMBER OF ATOMS\n5\n{bounds(cell, style)}"
            f"ITEM: ATOMS {' '.join(columns)}\n{rows}"
        )
    content = "".join(text).encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


def _written(value: object) -> str:
    return f"{value:.16e}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("name", ["a.lammpstrj", "a.dump.gz", "no_suffix"])
@pytest.mark.parametrize(
    "columns",
    [
        ["id", "type", "element", "x", "y", "z"],
        ["element", "zs", "ys", "q", "xs", "id"],
        ["xu", "element", "yu", "id", "zu", "q"],
        ["id", "element", "xsu", "ysu", "zsu"],
        ["iz", "iy", "ix", "z", "y", "x", "element", "id"],
        ["id", "element", "xs", "ys", "zs", "ix", "iy", "iz", "q"],
    ],
)
@pytest.mark.parametrize("style", ["orthogonal", "triclinic", "general"])
def test_every_set_of_columns_gives_the_same_paths(tmp_path: Path, name: str, columns: list[str], style: str) -> None:
    cell = np.diag(np.diag(CELL)) if style == "orthogonal" else CELL
    cells = np.repeat(cell[None], 7, axis=0)
    write_dump(tmp_path / name, paths(), cells, columns, style=style)
    read = open_trajectory(tmp_path / name, frame_interval_ps=0.5).read()
    assert read.symbols.tolist() == SYMBOLS.tolist()
    np.testing.assert_allclose(read.paths - read.paths[0], paths() - paths()[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(read.cells, cells, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(read.times_ps, 0.5 * np.arange(7), rtol=1e-12, atol=0)


def test_scaled_coordinates_with_image_flags_are_where_they_are_in_space(tmp_path: Path) -> None:
    # xs = 0.3 and iz = 1 in a cell of 10: 13, not 103.
    text = (
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
        "ITEM: ATOMS id element xs ys zs ix iy iz\n1 Li 0.3 0.3 0.3 0 0 1\n"
    )
    (tmp_path / "a.dump").write_text(text)
    read = open_trajectory(tmp_path / "a.dump", frame_interval_ps=1.0, unwrap="image").read()
    np.testing.assert_allclose(read.paths[0, 0], [3.0, 3.0, 13.0], rtol=1e-15, atol=0)


def test_image_flags_in_a_tilted_cell_add_lattice_vectors(tmp_path: Path) -> None:
    columns = ["id", "element", "x", "y", "z", "ix", "iy", "iz"]
    write_dump(tmp_path / "a.dump", paths(), np.repeat(CELL[None], 7, axis=0), columns)
    read = open_trajectory(tmp_path / "a.dump", frame_interval_ps=1.0, unwrap="image").read()
    np.testing.assert_allclose(read.paths, paths(), rtol=0, atol=1e-12)


def test_a_changing_cell_is_read_frame_by_frame(tmp_path: Path) -> None:
    cells = CELL * (1 + 0.02 * np.sin(np.arange(7.0)))[:, None, None]
    write_dump(tmp_path / "a.dump", paths(), cells, ["id", "element", "xs", "ys", "zs"])
    frames = list(LammpsTextFrames(tmp_path / "a.dump"))
    for frame, cell, positions in zip(frames, cells, paths(), strict=True):
        np.testing.assert_allclose(frame.cell, cell, rtol=1e-14, atol=1e-14)
        away = (frame.positions - positions) @ np.linalg.inv(cell)
        np.testing.assert_allclose(away, np.round(away), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "text",
    ["1", "-0.5", "+2.25", "1e-3", "-1.25E+02", "123456789.123456789", "0.1234567890123456", "1.", ".5", "6.02e23"],
)
def test_numbers_are_rounded_as_python_rounds_them(tmp_path: Path, text: str) -> None:
    dump = (
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
        f"ITEM: ATOMS id element x y z\n1 Li {text} \t{text}  {text}\r\n"
    )
    (tmp_path / "a.dump").write_text(dump)
    frame = next(iter(LammpsTextFrames(tmp_path / "a.dump")))
    np.testing.assert_allclose(frame.positions[0], float(text), rtol=3e-16, atol=0)


def test_time_is_that_of_the_file_where_its_unit_is_known(tmp_path: Path) -> None:
    cells = np.repeat(CELL[None], 7, axis=0)
    for unit, factor in (("metal", 1.0), ("real", 1e-3)):
        write_dump(
            tmp_path / "a.dump", paths(), cells, ["id", "element", "xu", "yu", "zu"],
            head=f"ITEM: UNITS\n{unit}\nITEM: TIME\n{{time}}\n",
        )  # fmt: skip
        times = open_trajectory(tmp_path / "a.dump").read().times_ps
        np.testing.assert_allclose(times, 0.5 * factor * np.arange(7), rtol=1e-12, atol=0)
    write_dump(tmp_path / "b.dump", paths(), cells, ["id", "element", "xu", "yu", "zu"])
    with pytest.raises(InputFileError, match="give `frame_interval_ps`"):
        open_trajectory(tmp_path / "b.dump")


@pytest.mark.parametrize("name", ["a.dump", "a.dump.gz"])
@pytest.mark.parametrize("kept", [0.999, 0.95, 0.90])
def test_a_last_frame_that_is_cut_short_is_left_out_and_reported(tmp_path: Path, name: str, kept: float) -> None:
    columns = ["id", "element", "xu", "yu", "zu"]
    write_dump(tmp_path / name, paths(), np.repeat(CELL[None], 7, axis=0), columns)
    content = (tmp_path / name).read_bytes()
    if name.endswith(".gz"):
        plain = gzip.decompress(content)
        content = gzip.compress(plain[: int(kept * len(plain))])
    else:
        content = content[: int(kept * len(content))]
    (tmp_path / name).write_bytes(content)
    reader = open_trajectory(tmp_path / name, frame_interval_ps=1.0)
    np.testing.assert_allclose(reader.read().positions, paths()[:6], rtol=0, atol=1e-12)
    assert any("cut short" in note for note in reader.notes)


def test_a_gzip_stream_that_was_killed_keeps_its_whole_frames(tmp_path: Path) -> None:
    path = ORIGIN + 4.0 + np.cumsum(np.random.default_rng(4).normal(0, 0.2, (400, 5, 3)), axis=0)
    write_dump(
        tmp_path / "a.dump.gz", path, np.repeat(CELL[None], len(path), axis=0), ["id", "element", "xu", "yu", "zu"]
    )
    (tmp_path / "a.dump.gz").write_bytes((tmp_path / "a.dump.gz").read_bytes()[:-500])
    reader = open_trajectory(tmp_path / "a.dump.gz", frame_interval_ps=1.0)
    read = reader.read().positions
    assert 0.5 * len(path) < len(read) < len(path)
    np.testing.assert_allclose(read, path[: len(read)], rtol=0, atol=1e-12)
    assert any("cut short" in note for note in reader.notes)


def test_frames_that_a_restart_wrote_again_count_once(tmp_path: Path) -> None:
    cells = np.repeat(CELL[None], 7, axis=0)
    write_dump(tmp_path / "a.dump", paths(), cells, ["id", "element", "xu", "yu", "zu"])
    whole = (tmp_path / "a.dump").read_text()
    frames = ["ITEM: TIMESTEP" + part for part in whole.split("ITEM: TIMESTEP")[1:]]
    (tmp_path / "b.dump").write_text("".join(frames[:4] + frames[2:]))
    reader = open_trajectory(tmp_path / "b.dump", frame_interval_ps=0.5)
    read = reader.read()
    np.testing.assert_allclose(read.positions, paths(), rtol=0, atol=1e-12)
    assert any("restart" in note for note in reader.notes)
    (tmp_path / "c.dump").write_text("".join(frames[:4] + frames[5:]))
    with pytest.raises(InputFileError, match="not constant"):
        open_trajectory(tmp_path / "c.dump", frame_interval_ps=0.5).read()


def test_a_group_of_atoms_takes_its_labels_by_id(tmp_path: Path) -> None:
    text = (
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
        "ITEM: ATOMS id type x y z\n4 2 1 1 1\n2 1 2 2 2\n"
    )
    (tmp_path / "a.dump").write_text(text)
    (tmp_path / "layers.json").write_text('{"symbols": ["Li", "S", "Li", "P"], "layer": ["a", "b", "c", "d"]}')
    reader = open_trajectory(tmp_path / "a.dump", layers=tmp_path / "layers.json", frame_interval_ps=1.0)
    assert reader.symbols.tolist() == ["S", "P"]
    assert reader.layers is not None
    assert reader.layers.tolist() == ["b", "d"]
    np.testing.assert_allclose(reader.read().positions[0], [[2, 2, 2], [1, 1, 1]], rtol=0, atol=0)


def dump(frames: Sequence[str], columns: str = "id type x y z", head: str = "") -> str:
    """A dump of a cube of 10, one string of atom lines per frame."""
    return head + "".join(
        f"ITEM: TIMESTEP\n{100 * t}\nITEM: NUMBER OF ATOMS\n{rows.count(chr(10))}\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
        f"ITEM: ATOMS {columns}\n{rows}"
        for t, rows in enumerate(frames)
    )


@pytest.mark.parametrize(
    ("units", "angstrom", "ps"),
    [("electron", 0.529177210544, 1e-3), ("nano", 10.0, 1e3), ("micro", 1e4, 1e6), ("real", 1.0, 1e-3)],
)
@pytest.mark.parametrize("columns", ["id element xu yu zu", "id element xs ys zs"])
def test_units_stand_once_and_hold_for_lengths_and_times(
    tmp_path: Path, units: str, angstrom: float, ps: float, columns: str
) -> None:
    scale = 10.0 if "xs" in columns else 1.0
    rows = [f"1 Li {0.5 / scale} {0.25 / scale} {t / scale}\n" for t in (1.0, 2.0, 3.0)]
    text = dump(rows, columns)
    for t in range(3):
        text = text.replace(f"ITEM: TIMESTEP\n{100 * t}\n", f"ITEM: TIME\n{0.1 * t}\nITEM: TIMESTEP\n{100 * t}\n")
    (tmp_path / "a.dump").write_text(f"ITEM: UNITS\n{units}\n{text}")
    read = open_trajectory(tmp_path / "a.dump").read()
    np.testing.assert_allclose(read.positions[1, 0], np.array([0.5, 0.25, 2.0]) * angstrom, rtol=1e-9, atol=0)
    np.testing.assert_allclose(read.cells[2], 10.0 * angstrom * np.eye(3), rtol=1e-9, atol=0)
    np.testing.assert_allclose(read.times_ps, 0.1 * ps * np.arange(3), rtol=1e-9, atol=0)


def test_reduced_units_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text("ITEM: UNITS\nlj\n" + dump(["1 1 1 1 1\n"]))
    with pytest.raises(InputFileError, match="is lj, which has no length"):
        open_trajectory(tmp_path / "a.dump", frame_interval_ps=1.0)


@pytest.mark.parametrize("order", [("xu", "x"), ("x", "xu"), ("image", "x"), ("x", "image")])
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_columns_that_change_midway_leave_the_paths_alone(tmp_path: Path, order: tuple[str, str], chunk: int) -> None:
    kinds = {"xu": UNWRAPPED["xu"], "x": WRAPPED["x"], "image": ("x", "y", "z", "ix", "iy", "iz")}
    pieces = []
    for kind in order:
        write_dump(tmp_path / kind, paths(8), np.repeat(CELL[None], 8, axis=0), ["id", "element", *kinds[kind]])
        pieces.append(["ITEM: TIMESTEP" + part for part in (tmp_path / kind).read_text().split("ITEM: TIMESTEP")[1:]])
    (tmp_path / "a.dump").write_text("".join(pieces[0][:4] + pieces[1][4:]))
    reader = open_trajectory(tmp_path / "a.dump", frame_interval_ps=1.0)
    read = np.concatenate([frames.paths for frames in reader.chunks(chunk)])
    np.testing.assert_allclose(read - read[0], paths(8) - paths(8)[0], rtol=0, atol=1e-12)
    assert any("in some frames only" in note for note in reader.notes)


@pytest.mark.parametrize(
    ("columns", "first", "second"),
    [
        ("id type element x y z", "1 1 Li 1 1 1\n2 2 S 2 2 2\n", "1 2 S 1 1 1\n2 1 Li 2 2 2\n"),
        ("id x y z element", "1 1 1 1 Li\n2 2 2 2 S\n", "1 1 1 1 Li\n2 2 2 2 Cl\n"),
        ("id type x y z", "1 1 1 1 1\n2 2 2 2 2\n", "1 1 1 1 1\n2 1 2 2 2\n"),
        ("id x y z type", "1 1 1 1 1\n2 2 2 2 2\n", "2 2 2 2 1\n1 1 1 1 2\n"),
        ("id type x y z", "1 Li 1 1 1\n2 S 2 2 2\n", "1 S 1 1 1\n2 Li 2 2 2\n"),
        ("id x y z typelabel", "1 1 1 1 Li\n2 2 2 2 S\n", "1 1 1 1 S\n2 2 2 2 Li\n"),
    ],
)
def test_atoms_that_change_their_element_are_refused(tmp_path: Path, columns: str, first: str, second: str) -> None:
    (tmp_path / "layers.json").write_text('{"symbols": ["Li", "S"], "layer": ["a", "b"]}')
    for name, frames in (("a.dump", [first, first]), ("b.dump", [first, second])):
        (tmp_path / name).write_text(dump(frames, columns))
    layers = tmp_path / "layers.json"
    assert open_trajectory(tmp_path / "a.dump", layers=layers, frame_interval_ps=1.0).read().positions.shape == (
        2,
        2,
        3,
    )
    with pytest.raises(InputFileError, match=r"frame 1 \(step 100\), line . of its atoms: this atom has another"):
        open_trajectory(tmp_path / "b.dump", layers=layers, frame_interval_ps=1.0).read()


def test_a_second_run_in_the_same_file_is_no_restart(tmp_path: Path) -> None:
    columns = ["id", "element", "xu", "yu", "zu"]
    cells = np.repeat(CELL[None], 7, axis=0)
    write_dump(tmp_path / "a.dump", paths(), cells, columns)
    write_dump(tmp_path / "b.dump", paths() + np.random.default_rng(1).normal(0, 0.2, paths().shape), cells, columns)
    first, second = (tmp_path / "a.dump").read_text(), (tmp_path / "b.dump").read_text()
    (tmp_path / "c.dump").write_text(first + second)
    with pytest.raises(InputFileError, match=r"go back at frame 7 \(step 1000\), .*Split the file"):
        open_trajectory(tmp_path / "c.dump", frame_interval_ps=0.5).read()
    # A restart that ends where the first run did, but on another way.
    frames = ["ITEM: TIMESTEP" + part for text in (first, second) for part in text.split("ITEM: TIMESTEP")[1:]]
    (tmp_path / "d.dump").write_text("".join(frames[:5] + frames[3:4] + frames[7 + 4 :]))
    with pytest.raises(InputFileError, match="go back at frame 6"):
        open_trajectory(tmp_path / "d.dump", frame_interval_ps=0.5).read()
    (tmp_path / "e.dump").write_text("".join(frames[:5]).replace("STEP\n1200", "STEP\n1075"))
    with pytest.raises(InputFileError, match="no frame of that step"):
        open_trajectory(tmp_path / "e.dump", frame_interval_ps=0.5).read()


def test_types_are_matched_with_the_topology_by_id(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(dump(["7 2 1 1 1\n2 1 2 2 2\n9 1 3 3 3\n"]))
    data = (
        "ids with gaps\n\n4 atoms\n2 atom types\n0 10 xlo xhi\n0 10 ylo yhi\n0 10 zlo zhi\n\nMasses\n\n1 6.94\n2 32.06\n\n"
        "Atoms # atomic\n\n9 1 0 0 0\n2 1 0 0 0\n4 2 0 0 0\n7 2 0 0 0\n"
    )
    (tmp_path / "data.model").write_text(data)
    reader = open_trajectory(tmp_path / "a.dump", topology=tmp_path / "data.model", frame_interval_ps=1.0)
    assert reader.symbols.tolist() == ["Li", "S", "Li"]
    np.testing.assert_allclose(reader.masses_amu, [6.94, 32.06, 6.94], rtol=1e-12, atol=0)
    for old, new, message in (
        ("7 2 0", "7 1 0", "id 7 has LAMMPS type 2 in .* and 1 in"),
        ("7 2 0", "8 2 0", "has an atom of id 7, .* has none"),
    ):
        (tmp_path / "other.data").write_text(data.replace(old, new))
        with pytest.raises(InputFileError, match=message):
            open_trajectory(tmp_path / "a.dump", topology=tmp_path / "other.data", frame_interval_ps=1.0)


def test_one_type_is_one_element(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(dump(["1 2 1 1 1\n2 1 2 2 2\n3 1 3 3 3\n"]))
    layers = tmp_path / "layers.json"
    layers.write_text('{"symbols": ["Li", "Li", "S"], "layer": ["a", "a", "b"]}')
    with pytest.raises(InputFileError, match="type 1 in .* are Li and S by .*a type is one element"):
        open_trajectory(tmp_path / "a.dump", layers=layers, frame_interval_ps=1.0)
    layers.write_text('{"elements": ["Li", "S"], "symbols": ["Li", "S", "S"], "layer": ["a", "a", "b"]}')
    with pytest.raises(InputFileError, match="are S by .*the type map says Li"):
        open_trajectory(tmp_path / "a.dump", layers=layers, frame_interval_ps=1.0)


@pytest.mark.parametrize(("one", "two"), [("C", "C"), ("c_3", "OW"), ("LI", "CL")])
def test_an_element_column_that_names_no_elements_gives_way(tmp_path: Path, one: str, two: str) -> None:
    (tmp_path / "a.dump").write_text(dump([f"1 1 {one} 1 1 1\n2 2 {two} 2 2 2\n"] * 2, "id type element x y z"))
    (tmp_path / "layers.json").write_text('{"symbols": ["Li", "S"], "layer": ["a", "b"]}')
    reader = open_trajectory(tmp_path / "a.dump", layers=tmp_path / "layers.json", frame_interval_ps=1.0)
    assert reader.read().symbols.tolist() == ["Li", "S"]
    assert any("column element" in note for note in reader.notes)
    with pytest.raises(InputFileError, match="types 1, 2.*give `topology`.*column element"):
        open_trajectory(tmp_path / "a.dump", frame_interval_ps=1.0)


@pytest.mark.parametrize(
    ("columns", "last", "n_frames"),
    [
        ("id element x y z", "2 S 2.000 2.000 2.125", 3),
        ("id element x y z", "2 S 2.000 2.000 2.12", 2),
        ("id element x y z", "2 S 2.000 2.000", 2),
        ("id x y z element", "2 2.000 2.000 2.125 S", 2),
        ("id element x y z vx", "2 S 2.000 2.000 2.125 1", 3),
    ],
)
@pytest.mark.parametrize("buffer_bytes", [None, 1])
def test_a_last_line_without_newline_counts_if_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str, last: str, n_frames: int, buffer_bytes: int | None
) -> None:
    values = {"id": "1", "element": "Li", "x": "1.000", "y": "1.000", "z": "1.125", "vx": "1"}
    rows = " ".join(values[name] for name in columns.split()) + "\n"
    whole = " ".join({**values, "id": "2", "element": "S"}[name] for name in columns.split()) + "\n"
    text = dump([rows + whole, rows + whole, rows + last + "\n"], columns).removesuffix("\n")
    if buffer_bytes is not None:
        monkeypatch.setattr("mlip_interfaces.trajectory.lammps_text.BUFFER_BYTES", len(text) + buffer_bytes)
    (tmp_path / "a.dump").write_text(text)
    reader = open_trajectory(tmp_path / "a.dump", frame_interval_ps=1.0)
    read = reader.read()
    assert len(read.positions) == n_frames
    np.testing.assert_allclose(
        read.positions[:, :, 2], [[1.125, 1.125]] * 2 + [[1.125, 2.125]] * (n_frames - 2), rtol=1e-7, atol=0
    )
    assert any("add a newline" in note for note in reader.notes) == (n_frames == 2)


HEAD = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
GOOD = HEAD + "ITEM: ATOMS id element x y z\n1 Li 1 1 1\n2 S 2 2 2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\x00\x01\x02binary" * 1000, "not a LAMMPS text dump"),
        (HEAD + "ITEM: ATOMS element x y z\nLi 1 1 1\nS 2 2 2\n", "needs id and one of"),
        (HEAD + "ITEM: ATOMS id element vx vy vz\n1 Li 1 1 1\n2 S 2 2 2\n", "needs id and one of"),
        (HEAD + "ITEM: ATOMS id type x y z\n1 1 1 1 1\n2 2 2 2 2\n", "LAMMPS types 1, 2"),
        (
            GOOD + GOOD.replace("ATOMS\n2", "ATOMS\n1").replace("2 S 2 2 2\n", "").replace("STEP\n0", "STEP\n1"),
            "has 1 atom, the first one 2",
        ),
        (GOOD + GOOD.replace("2 S 2", "3 S 2").replace("STEP\n0", "STEP\n1"), "line 2 .*id that is new"),
        (GOOD + GOOD.replace("2 S 2 2 2", "2 S 2 two 2").replace("STEP\n0", "STEP\n1"), "line 2"),
        (GOOD + GOOD.replace("2 S 2 2 2", "2 S 2 nan 2").replace("STEP\n0", "STEP\n1"), "not finite"),
        (GOOD.replace("pp pp pp", "pp pp ss"), "shrink-wrapped"),
        (GOOD.replace("2 S", "1 S"), "comes twice"),
        (GOOD.replace("Li", "Xx"), "not an element"),
        (GOOD[:-10], "ends within its first frame"),
        ("", "holds no frame"),
        (GOOD.replace("BOX BOUNDS", "BOX"), "has no 'ITEM: BOX BOUNDS'"),
        (GOOD + "3 Li 1 1 1\n" + GOOD.replace("STEP\n0", "STEP\n1"), "frame 1 should begin"),
        (GOOD + "ITEM: TIMESTEP\n0\n" + GOOD, "'ITEM: TIMESTEP' twice"),
        (GOOD.replace("ATOMS\n2", "ATOMS\n-2"), "holds no atoms"),
        (GOOD.replace("ATOMS\n2", "ATOMS\ntwo"), "'two' under 'ITEM: NUMBER OF ATOMS' is no integer"),
        (GOOD.replace("ITEM: TIMESTEP\n0\n", ""), "'ITEM: TIMESTEP' is missing"),
        (GOOD.replace("BOUNDS pp", "BOUNDS xy xz yz pp"), "lines such as '0 10'"),
    ],
)
def test_bad_dumps_end_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.lammpstrj").write_text(text)
    with pytest.raises(InputFileError, match=message):
        open_trajectory(tmp_path / "a.lammpstrj", frame_interval_ps=1.0).read()


def test_frames_longer_than_the_buffer_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlip_interfaces.trajectory.lammps_text.BUFFER_BYTES", 64)
    cells = np.repeat(CELL[None], 7, axis=0)
    write_dump(tmp_path / "a.dump", paths(), cells, ["id", "element", "xu", "yu", "zu"])
    frames = list(LammpsTextFrames(tmp_path / "a.dump"))
    np.testing.assert_allclose([frame.positions for frame in frames], paths(), rtol=0, atol=1e-12)
