"""LAMMPS text dumps, plain or gzipped, frame by frame."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.trajectory.raw_frame import RawFrame
from mlip_interfaces.trajectory.text_kernel import BAD_LINE, ID, IX, IY, IZ, SKIP, TRUNCATED, X, Y, Z, parse_atoms
from mlip_interfaces.units import FS_TO_PS

BUFFER_BYTES = 1 << 22
NEWLINE = 10

COORDINATES = {"xu": ("yu", "zu"), "x": ("y", "z"), "xsu": ("ysu", "zsu"), "xs": ("ys", "zs")}
"""Column triples, best first: unwrapped ones need no guess."""

TIME_UNIT_PS = {"metal": 1.0, "real": FS_TO_PS, "femtosecond": FS_TO_PS, "picosecond": 1.0}


@dataclass(frozen=True, slots=True)
class _Header:
    n_atoms: int
    step: int
    time_ps: float | None
    cell: NDArray[np.float64]
    origin: NDArray[np.float64]
    columns: tuple[str, ...]
    end: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the wanted numbers stand in a line."""

    roles: NDArray[np.int64]
    scaled: bool
    unwrapped: bool
    has_images: bool


class _Buffer:
    """The unread part of a file as one contiguous array, with a newline behind it."""

    def __init__(self, path: Path) -> None:
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115
        self._handle = cast(BinaryIO, opened)
        self.bytes = np.full(BUFFER_BYTES, NEWLINE, dtype=np.uint8)
        self.start = 0
        self.stop = 0
        self.cut = False

    def grow(self) -> bool:
        """Read more behind what is there; False at the end of the file."""
        kept = self.stop - self.start
        if self.start > 0:
            self.bytes[:kept] = self.bytes[self.start : self.stop].copy()
            self.start, self.stop = 0, kept
        if self.stop == self.bytes.size - 1:
            larger = np.full(2 * self.bytes.size, NEWLINE, dtype=np.uint8)
            larger[:kept] = self.bytes[:kept]
            self.bytes = larger
        free = self.bytes[self.stop : -1].data
        try:
            # `readinto1` hands over what a cut gzip stream still gave; `readinto` would lose it with the error.
            count = self._handle.readinto1(free)  # type: ignore[attr-defined]
        except EOFError:
            # A gzip stream that was cut: what came before is good.
            self.cut = True
            return False
        self.stop += count
        self.bytes[self.stop] = NEWLINE
        return bool(count)

    def head(self, size: int) -> bytes:
        """The next bytes, at most `size`."""
        return self.bytes[self.start : min(self.stop, self.start + size)].tobytes()

    def close(self) -> None:
        self._handle.close()


class LammpsTextFrames:
    """Iterator over the frames of a LAMMPS text dump, atoms sorted by id.

    Any order of columns and of atoms, x, xs, xu or xsu with or without image flags, orthogonal, triclinic and general
    cells that change from frame to frame.

    Parameters
    ----------
    path : Path
        Plain, or gzipped where the name ends in ``.gz``.

    Attributes
    ----------
    ids : (n_atoms,) int array
        Id of each atom, ascending; known after the first frame.
    types : (n_atoms,) int array or None
        LAMMPS type of each atom; None without such a column.
    notes : list of str
        What was left out and why, in sentences; complete when the iteration is.

    Raises
    ------
    InputFileError
        While iterating: if the file is not a LAMMPS text dump, a line does not hold what its header says, atoms come or
        go, or a boundary is shrink-wrapped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.types: NDArray[np.int64] | None = None
        self.notes: list[str] = []
        self._symbols: NDArray[np.str_] | None = None
        self._index_of_id: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def __iter__(self) -> Iterator[RawFrame]:
        buffer = _Buffer(self._path)
        try:
            yield from self._frames(buffer)
        except (OSError, zlib.error) as error:
            raise InputFileError(f"{self._path} cannot be read: {error}") from error
        finally:
            buffer.close()

    def _frames(self, buffer: _Buffer) -> Iterator[RawFrame]:
        number = 0
        columns: _Columns | None = None
        names: tuple[str, ...] = ()
        seen = np.empty(0, dtype=np.uint8)
        while True:
            header = self._header(buffer, number)
            if header is None:
                return
            if columns is None or header.columns != names:
                names, columns = header.columns, self._columns(header.columns)
            if number == 0:
                if not self._first_frame(buffer, header):
                    raise InputFileError(f"{self._path} ends within its first frame; there is nothing to analyse.")
                seen = np.empty(header.n_atoms, dtype=np.uint8)
            if header.n_atoms != self.ids.size:
                raise InputFileError(
                    f"Frame {number} of {self._path} has {counted(header.n_atoms, 'atom')}, the first one {self.ids.size}; a "
                    "trajectory needs the same atoms in every frame."
                )
            positions = np.empty((header.n_atoms, 3))
            images = np.empty((header.n_atoms if columns.has_images else 0, 3), dtype=np.int32)
            while True:
                end = parse_atoms(
                    buffer.bytes,
                    buffer.start + header.end,
                    buffer.stop,
                    columns.roles,
                    self._index_of_id,
                    positions,
                    images,
                    seen,
                )
                if end != TRUNCATED:
                    break
                if not buffer.grow():
                    self._note_truncation(number)
                    return
            if end <= BAD_LINE:
                raise InputFileError(
                    f"{self._path}, frame {number} (step {header.step}), line {BAD_LINE - end + 1} of its atoms: not the "
                    f"columns '{' '.join(names)}', or an atom id that is new or comes twice."
                )
            buffer.start = end
            if columns.scaled:
                positions = positions @ header.cell + header.origin
            yield RawFrame(
                positions=positions,
                cell=header.cell,
                origin=header.origin,
                images=images if columns.has_images else None,
                unwrapped=columns.unwrapped,
                symbols=self._symbols,
                time_ps=header.time_ps,
                step=header.step,
            )
            number += 1

    def _header(self, buffer: _Buffer, number: int) -> _Header | None:
        """Parse up to and including ``ITEM: ATOMS``; None at the end of the file."""
        while True:
            head = buffer.head(4096)
            place = head.find(b"ITEM: ATOMS")
            if place >= 0 and head.find(b"\n", place) >= 0:
                break
            if len(head) == 4096 or (head.strip() and not head.lstrip().startswith(b"ITEM:"[: len(head.lstrip())])):
                raise InputFileError(
                    f"{self._path} is not a LAMMPS text dump: there is no 'ITEM: ATOMS' where frame {number} should begin. "
                    "Binary dumps must be written as text (dump custom) or as DCD."
                )
            if not buffer.grow():
                if head.strip() or buffer.cut:
                    self._note_truncation(number)
                return None
        end = head.index(b"\n", place) + 1
        try:
            return self._parse_header(head[:end].decode("ascii").splitlines(), end)
        except (UnicodeDecodeError, ValueError, KeyError, IndexError) as error:
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(f"{self._path}: the header of frame {number} cannot be read: {error!r}") from error

    def _parse_header(self, lines: list[str], end: int) -> _Header:
        items: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith("ITEM:"):
                current = items.setdefault(line[5:].strip(), [])
            elif line.strip():
                current.append(line)
        bounds_name = next(name for name in items if name.startswith("BOX BOUNDS"))
        cell, origin = self._cell(bounds_name.split()[2:], items[bounds_name])
        time_ps = None
        if "TIME" in items and "UNITS" in items:
            unit = TIME_UNIT_PS.get(items["UNITS"][0].strip())
            time_ps = None if unit is None else float(items["TIME"][0]) * unit
        atoms_name = next(name for name in items if name.startswith("ATOMS"))
        return _Header(
            n_atoms=int(items["NUMBER OF ATOMS"][0]),
            step=int(items["TIMESTEP"][0]),
            time_ps=time_ps,
            cell=cell,
            origin=origin,
            columns=tuple(atoms_name.split()[1:]),
            end=end,
        )

    def _cell(self, words: list[str], lines: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        boundaries = [word for word in words if len(word) == 2 and set(word) <= set("pfsm")]
        if any(set(word) & set("sm") for word in boundaries):
            raise InputFileError(
                f"{self._path} has a shrink-wrapped boundary ({' '.join(boundaries)}); all analyses here are periodic: run "
                "with fixed or periodic boundaries."
            )
        if any("f" in word for word in boundaries):
            note = "A direction with a fixed boundary is taken as periodic: leave more vacuum than the largest distance analysed."
            if note not in self.notes:
                self.notes.append(note)
        table = np.array([line.split() for line in lines], dtype=np.float64)
        if "abc" in words:
            return np.ascontiguousarray(table[:, :3]), np.ascontiguousarray(table[:, 3])
        low, high = table[:, 0].copy(), table[:, 1].copy()
        if table.shape[1] == 2:
            return np.diag(high - low), low
        xy, xz, yz = table[:, 2]
        low[0] -= min(0.0, xy, xz, xy + xz)
        high[0] -= max(0.0, xy, xz, xy + xz)
        low[1] -= min(0.0, yz)
        high[1] -= max(0.0, yz)
        lengths = high - low
        return np.array([[lengths[0], 0.0, 0.0], [xy, lengths[1], 0.0], [xz, yz, lengths[2]]]), low

    def _columns(self, names: tuple[str, ...]) -> _Columns:
        kind = next((x for x, rest in COORDINATES.items() if {x, *rest} <= set(names)), None)
        if kind is None or "id" not in names:
            raise InputFileError(
                f"{self._path} has the columns '{' '.join(names)}'; it needs id and one of x y z, xs ys zs, xu yu zu, "
                "xsu ysu zsu (dump ... custom ... id type element xu yu zu)."
            )
        unwrapped = kind in ("xu", "xsu")
        has_images = not unwrapped and {"ix", "iy", "iz"} <= set(names)
        wanted = {"id": ID, **dict(zip((kind, *COORDINATES[kind]), (X, Y, Z), strict=True))}
        if has_images:
            wanted |= {"ix": IX, "iy": IY, "iz": IZ}
        roles = [wanted.get(name, SKIP) for name in names]
        last = max(i for i, role in enumerate(roles) if role != SKIP)
        return _Columns(np.array(roles[: last + 1], dtype=np.int64), "s" in kind, unwrapped, has_images)

    def _first_frame(self, buffer: _Buffer, header: _Header) -> bool:
        """Learn ids, types and elements; False if the frame is not complete."""
        while True:
            text = buffer.bytes[buffer.start + header.end : buffer.stop].tobytes()
            if text.count(b"\n") >= header.n_atoms:
                break
            if not buffer.grow():
                return False
        if header.n_atoms == 0:
            raise InputFileError(f"{self._path} holds no atoms.")
        rows = [line.split() for line in text.split(b"\n", header.n_atoms)[: header.n_atoms]]
        try:
            ids = np.array([int(row[header.columns.index("id")]) for row in rows], dtype=np.int64)
            order = np.argsort(ids, kind="stable")
            self.ids = ids[order]
            if "type" in header.columns:
                place = header.columns.index("type")
                self.types = np.array([int(row[place]) for row in rows], dtype=np.int64)[order]
            if "element" in header.columns:
                place = header.columns.index("element")
                self._symbols = np.array([row[place].decode("ascii") for row in rows])[order]
        except (ValueError, IndexError) as error:
            raise InputFileError(
                f"{self._path}: the first frame does not hold the columns '{' '.join(header.columns)}': {error}"
            ) from error
        if (np.diff(self.ids) == 0).any() or self.ids[0] < 0:
            raise InputFileError(f"{self._path}: an atom id comes twice in the first frame, or is negative.")
        self._index_of_id = np.full(int(self.ids[-1]) + 1, -1, dtype=np.int64)
        self._index_of_id[self.ids] = np.arange(self.ids.size)
        return True

    def _note_truncation(self, number: int) -> None:
        self.notes.append(f"The last frame (number {number}) of {self._path.name} is cut short and was left out.")
