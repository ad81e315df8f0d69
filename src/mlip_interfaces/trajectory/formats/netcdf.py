"""NetCDF files of LAMMPS and AMBER, classic (CDF-1, 2, 5) and HDF5."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.even_times import even_times, time_of_frame
from mlip_interfaces.trajectory.raw_frame import RawFrame
from mlip_interfaces.units import ANGSTROM_TO_BOHR, FS_TO_PS, NM_TO_ANGSTROM

BLOCK_ATOMS = 100_000
"""Atoms times frames read at once."""

TIME_UNITS_PS = {
    "picosecond": 1.0, "ps": 1.0, "femtosecond": FS_TO_PS, "fs": FS_TO_PS, "nanosecond": 1.0e3, "ns": 1.0e3,
    "microsecond": 1.0e6, "second": 1.0e12,
}  # fmt: skip

LENGTH_UNITS_ANGSTROM = {
    "angstrom": 1.0, "nanometer": NM_TO_ANGSTROM, "nm": NM_TO_ANGSTROM, "bohr": 1.0 / ANGSTROM_TO_BOHR,
    "micrometer": 1.0e4, "centimeter": 1.0e8, "meter": 1.0e10,
}  # fmt: skip

POSITIONS = ("unwrapped_coordinates", "coordinates", "scaled_coordinates")
"""Variables, best first: unwrapped ones need no guess."""

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Bytes of a value by the number of its type in a classic file."""

_ONE_AT_A_TIME = threading.Lock()
"""The library below is not made for threads."""


def netcdf_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of a NetCDF file in AMBER's convention.

    Parameters
    ----------
    path : Path
        As LAMMPS (``dump netcdf``), AMBER and cpptraj write it. Atoms are sorted by its variable ``id`` where it has one;
        units that are not given are those of the cell, or angstrom; times are used where it has them.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If it has no positions, a unit is not known, or atoms come, go or change their type.
    """
    import netCDF4

    with _ONE_AT_A_TIME:
        data = netCDF4.Dataset(str(path))
        data.set_auto_mask(False)
    try:
        yield from _frames(path, data, notes)
    finally:
        with _ONE_AT_A_TIME:
            data.close()


def _frames(path: Path, data: Any, notes: list[str]) -> Iterator[RawFrame]:
    name = next((name for name in POSITIONS if name in data.variables), None)
    if name is None:
        raise InputFileError(f"{path} holds no positions: it has no variable {' or '.join(POSITIONS)}.")
    n_frames, n_atoms, _ = data[name].shape
    n_whole = _n_whole(path, n_frames)
    if n_whole < n_frames:
        notes.append(f"{path.name} is cut short: of {n_frames} frames the first {n_whole} were read.")
    length = _length_angstrom(path, data, name)
    times = _times_ps(path, data, n_whole)
    first_ids: NDArray[np.int64] | None = None
    first_types: NDArray[np.int64] | None = None
    size = max(1, BLOCK_ATOMS // max(1, n_atoms))
    for start in range(0, n_whole, size):
        block = _block(data, name, slice(start, min(start + size, n_whole)))
        for row, positions in enumerate(block[name]):
            number = start + row
            positions = positions.astype(np.float64)
            cell, origin = _cell(block, row, length)
            positions = positions @ cell + origin if name == "scaled_coordinates" else positions * length
            images = np.stack([block[key][row] for key in ("ix", "iy", "iz")], axis=1) if "ix" in block else None
            ids = block["id"][row].astype(np.int64) if "id" in block else None
            types = block["type"][row].astype(np.int64) if "type" in block else None
            if ids is not None:
                order = np.argsort(ids, kind="stable")
                ids, positions = ids[order], positions[order]
                types = None if types is None else types[order]
                images = None if images is None else images[order]
                first_ids = ids if first_ids is None else first_ids
                if not np.array_equal(ids, first_ids):
                    raise InputFileError(f"Frame {number} of {path} has other atoms (by their `id`) than the first.")
            if types is not None:
                first_types = types if first_types is None else first_types
                if not np.array_equal(types, first_types):
                    atom = int(np.argmax(types != first_types))
                    raise InputFileError(
                        f"Frame {number} of {path} has atom {atom + 1} with type {types[atom]}, the first frame with type "
                        f"{first_types[atom]}: elements that change (atom/swap) are not followed. Analyse the parts between."
                    )
            yield RawFrame(
                positions=positions,
                cell=cell,
                origin=origin,
                images=images,
                unwrapped=True if name == "unwrapped_coordinates" else None,
                time_ps=None if times is None else times[number],
                ids=ids,
                types=types,
            )


def _block(data: Any, name: str, frames: slice) -> dict[str, NDArray[Any]]:
    """Values of some frames, by the name of their variable."""
    names = [name, "cell_lengths", "cell_angles", "cell_origin", "id", "type"]
    if name == "coordinates" and {"ix", "iy", "iz"} <= set(data.variables):
        names += ["ix", "iy", "iz"]
    with _ONE_AT_A_TIME:
        found = {key: data[key] for key in names if key in data.variables}
        n_frames = frames.stop - frames.start
        # What LAMMPS and AMBER write once holds for all frames.
        return {
            key: values[frames]
            if values.dimensions[0] == "frame"
            else np.broadcast_to(values[:], (n_frames, *values.shape))
            for key, values in found.items()
        }


def _cell(block: dict[str, NDArray[Any]], row: int, length: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from MDAnalysis.lib.mdamath import triclinic_vectors

    if "cell_lengths" not in block:
        return np.zeros((3, 3)), np.zeros(3)
    angles = block["cell_angles"][row] if "cell_angles" in block else np.full(3, 90.0)
    cell = triclinic_vectors([*(block["cell_lengths"][row] * length), *angles], dtype=np.float64)
    origin = block["cell_origin"][row].astype(np.float64) * length if "cell_origin" in block else np.zeros(3)
    return np.asarray(cell, dtype=np.float64), origin


def _length_angstrom(path: Path, data: Any, name: str) -> float:
    """Length of the unit; of positions without one it is that of the cell, as LAMMPS leaves it out."""
    for variable in (name, "cell_lengths", "cell_origin"):
        unit = str(getattr(data[variable], "units", "")).strip().lower() if variable in data.variables else ""
        if unit:
            if unit.removesuffix("s") not in LENGTH_UNITS_ANGSTROM:
                raise InputFileError(
                    f"{path} has its variable `{variable}` in '{unit}'; lengths are read in {', '.join(LENGTH_UNITS_ANGSTROM)}."
                )
            return LENGTH_UNITS_ANGSTROM[unit.removesuffix("s")]
    return 1.0


def _times_ps(path: Path, data: Any, n_frames: int) -> list[float] | None:
    """Times of the frames; None where there are none of certain unit."""
    if "time" not in data.variables or not n_frames:
        return None
    variable = data["time"]
    word = str(getattr(variable, "units", "")).strip().lower()
    unit = TIME_UNITS_PS.get(word, TIME_UNITS_PS.get(word.removesuffix("s")))
    if unit is None:
        return None
    with _ONE_AT_A_TIME:
        data.set_auto_scale(False)
        stored = variable[:n_frames]
        data.set_auto_scale(True)
    factor = float(getattr(variable, "scale_factor", 1.0)) * unit
    rounding = float(np.spacing(np.abs(stored).max())) * factor
    values = (stored.astype(np.float64) * factor).tolist()
    even = even_times(values[0], values[-1], n_frames, rounding)
    return [time_of_frame(even, number, value) for number, value in enumerate(values)]


def _n_whole(path: Path, n_frames: int) -> int:
    """Number of frames that the size of a classic file has room for; behind its end the library reads zeros."""
    with path.open("rb") as handle:
        magic = handle.read(4)
        if magic[:3] != b"CDF":
            return n_frames
        begin, size = _records(handle, magic[3])
    return min(n_frames, (path.stat().st_size - begin) // size) if size else n_frames


def _records(handle: BinaryIO, version: int) -> tuple[int, int]:
    """Where the frames of a classic file begin, and bytes of one, from its header."""
    count = ">q" if version == 5 else ">i"
    offset = ">i" if version == 1 else ">q"

    def number(kind: str) -> int:
        return int(struct.unpack(kind, handle.read(struct.calcsize(kind)))[0])

    def skip(n_bytes: int) -> None:
        handle.seek(-(-n_bytes // 4) * 4, 1)

    def skip_attributes() -> None:
        number(">i")
        for _ in range(number(count)):
            skip(number(count))
            kind = number(">i")
            skip(number(count) * _TYPE_BYTES[kind])

    number(count)
    number(">i")
    lengths = []
    for _ in range(number(count)):
        skip(number(count))
        lengths.append(number(count))
    skip_attributes()
    number(">i")
    begins, sizes = [], []
    for _ in range(number(count)):
        skip(number(count))
        dimensions = [number(count) for _ in range(number(count))]
        skip_attributes()
        kind = number(">i")
        number(count)
        begin = number(offset)
        if dimensions and lengths[dimensions[0]] == 0:
            begins.append(begin)
            sizes.append(_TYPE_BYTES[kind] * int(np.prod([lengths[place] for place in dimensions[1:]], dtype=np.int64)))
    if len(sizes) == 1:
        return begins[0], sizes[0]
    return min(begins, default=0), sum(-(-size // 4) * 4 for size in sizes)
