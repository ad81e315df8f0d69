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
