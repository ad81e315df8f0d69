"""LAMMPS text dumps, plain or gzipped, frame by frame."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.trajectory.raw_frame import RawFrame
from mlip_interfaces.trajectory.text_kernel import (
    BAD_LINE,
    ID,
    IX,
    IY,
    IZ,
    NAME,
    SKIP,
    TRUNCATED,
    TYPE,
    X,
    Y,
    Z,
    hash_of_name,
    parse_atoms,
)
from mlip_interfaces.units import FS_TO_PS, LAMMPS_ANGSTROM, LAMMPS_PS

BUFFER_BYTES = 1 << 22
NEWLINE = 10

COORDINATES = {"xu": ("yu", "zu"), "x": ("y", "z"), "xsu": ("ysu", "zsu"), "xs": ("ys", "zs")}
"""Column triples, best first: unwrapped ones need no guess."""

ALL_COORDINATES = {name for x, rest in COORDINATES.items() for name in (x, *rest)}
NOT_NUMBERS = {"id", "type", "element", "typelabel", "ix", "iy", "iz"}
"""Columns whose last digit or letter is missed by nobody."""

NAMES = ("element", "typelabel", "type")
"""Columns that may name elements, best first; numbers of types are no names."""

DEFAULT_NAME = "C"
"""What LAMMPS writes as the element of every type unless it was told better."""

UNIT_PS = {**LAMMPS_PS, "femtosecond": FS_TO_PS, "picosecond": 1.0}
UNIT_ANGSTROM = {**LAMMPS_ANGSTROM, "femtosecond": 1.0, "picosecond": 1.0}
"""Styles of units, and names of a unit of time that some programs write in their place."""


@dataclass(frozen=True, slots=True)
class _Header:
    n_atoms: int
    step: int
    time_ps: float | None
    units: str | None
    angstrom: float
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

    def end_line(self) -> None:
        """Put a newline behind the last byte of the file."""
        if self.stop == self.bytes.size - 1:
            self.bytes = np.append(self.bytes, np.uint8(NEWLINE))
        self.stop += 1
        self.bytes[self.stop - 1 : self.stop + 1] = NEWLINE

    def close(self) -> None:
        self._handle.close()


def _integer(items: dict[str, list[str]], name: str) -> int:
    text = items[name][0].strip() if items[name] else ""
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"'{text}' under 'ITEM: {name}' is no integer") from error


class LammpsTextFrames:
    """Iterator over the frames of a LAMMPS text dump, atoms sorted by id.

    Any order of columns and of atoms, x, xs, xu or xsu with or without image flags, orthogonal, triclinic and general
    cells that change from frame to frame.

    Parameters
    ----------
    path : Path
        Plain, or gzipped where the name ends in ``.gz``.
    named_elsewhere : bool, optional
        Whether another file names the elements: then C for every atom, which LAMMPS writes by default, says nothing.

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
        go or change their element, a boundary is shrink-wrapped, or the units are not known.
    """

    def __init__(self, path: Path, *, named_elsewhere: bool = False) -> None:
        self._path = path
        self._named_elsewhere = named_elsewhere
        self.ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.types: NDArray[np.int64] | None = None
        self.notes: list[str] = []
        self._symbols: NDArray[np.str_] | None = None
        self._name_column: str | None = None
        self._kinds: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
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
        units: str | None = None
        seen = np.empty(0, dtype=np.uint8)
        while True:
            header = self._header(buffer, number, units)
            if header is None:
                return
            units = header.units
            if number == 0:
                self._require_columns(header.columns)
                if not self._first_frame(buffer, header):
                    raise InputFileError(
                        f"{self._path} ends within its first frame{self._unfinished(buffer)}; there is nothing to analyse."
                    )
                seen = np.empty(header.n_atoms, dtype=np.uint8)
            if columns is None or header.columns != names:
                names, columns = header.columns, self._columns(header.columns)
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
                    self._kinds,
                )
                if end != TRUNCATED:
                    break
                if not buffer.grow() and not self._finish(buffer, header):
                    self._note_truncation(number, buffer)
                    return
            if end <= BAD_LINE - header.n_atoms:
                line = BAD_LINE - header.n_atoms - end + 1
                raise InputFileError(
                    f"{self._path}, frame {number} (step {header.step}), line {line} of its atoms: this atom has another "
                    f"{self._name_column or 'type'} than in the first frame. The analyses need atoms that keep their "
                    "element: analyse the pieces between such exchanges (fix atom/swap, reactions) by themselves."
                )
            if end <= BAD_LINE:
                raise InputFileError(
                    f"{self._path}, frame {number} (step {header.step}), line {BAD_LINE - end + 1} of its atoms: not the "
                    f"columns '{' '.join(names)}', or an atom id that is new or comes twice."
                )
            buffer.start = end
            if columns.scaled:
                positions = positions @ header.cell + header.origin
            elif header.angstrom != 1.0:
                positions *= header.angstrom
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

    def _header(self, buffer: _Buffer, number: int, units: str | None) -> _Header | None:
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
                    self._note_truncation(number, buffer)
                return None
        end = head.index(b"\n", place) + 1
        try:
            return self._parse_header(head[:end].decode("ascii").splitlines(), end, number, units)
        except (UnicodeDecodeError, ValueError, KeyError, IndexError) as error:
            if isinstance(error, InputFileError):
                raise
            reason = f"'ITEM: {error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
            raise InputFileError(f"{self._path}: the header of frame {number} cannot be read: {reason}.") from error

    def _parse_header(self, lines: list[str], end: int, number: int, units: str | None) -> _Header:
        items: dict[str, list[str]] = {}
        current: list[str] | None = None
        for line in lines:
            if line.startswith("ITEM:"):
                name = line[5:].strip()
                if name in items:
                    raise InputFileError(
                        f"{self._path}: the header of frame {number} has 'ITEM: {name}' twice: a frame that was cut short "
                        "stands before it. Remove it."
                    )
                current = items[name] = []
            elif current is None and line.strip():
                raise InputFileError(
                    f"{self._path}: there is '{line.strip()[:40]}' where frame {number} should begin with 'ITEM:'; the "
                    "frame before has more lines than atoms, or the file is damaged."
                )
            elif current is not None and line.strip():
                current.append(line)
        bounds_name = next((name for name in items if name.startswith("BOX BOUNDS")), None)
        if bounds_name is None or len(items[bounds_name]) != 3:
            raise InputFileError(
                f"{self._path}: the header of frame {number} has no 'ITEM: BOX BOUNDS' with three lines; all analyses here "
                "are periodic and need the box of every frame."
            )
        # LAMMPS writes the units once, at the head of the file.
        units = items["UNITS"][0].strip() if "UNITS" in items else units
        if units is not None and units not in UNIT_ANGSTROM:
            raise InputFileError(
                f"{self._path}: its 'ITEM: UNITS' (frame {number}) is {units}, which has no length in angstrom; known are "
                f"{', '.join(LAMMPS_ANGSTROM)}. Convert the file."
            )
        angstrom = 1.0 if units is None else UNIT_ANGSTROM[units]
        cell, origin = self._cell(bounds_name.split()[2:], items[bounds_name])
        time_ps = None if units is None or "TIME" not in items else float(items["TIME"][0]) * UNIT_PS[units]
        atoms_name = next(name for name in items if name.startswith("ATOMS"))
        return _Header(
            n_atoms=_integer(items, "NUMBER OF ATOMS"),
            step=_integer(items, "TIMESTEP"),
            time_ps=time_ps,
            units=units,
            angstrom=angstrom,
            cell=cell * angstrom,
            origin=origin * angstrom,
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
        if table.ndim != 2 or table.shape[1] not in ((4,) if "abc" in words else (3,) if "xy" in words else (2, 3)):
            raise ValueError(f"its box has lines such as '{lines[0].strip()}' under 'BOX BOUNDS {' '.join(words)}'")
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

    def _require_columns(self, names: tuple[str, ...]) -> str:
        """Kind of the coordinates."""
        kind = next((x for x, rest in COORDINATES.items() if {x, *rest} <= set(names)), None)
        if kind is None or "id" not in names:
            raise InputFileError(
                f"{self._path} has the columns '{' '.join(names)}'; it needs id and one of x y z, xs ys zs, xu yu zu, "
                "xsu ysu zsu (dump ... custom ... id type element xu yu zu)."
            )
        return kind

    def _columns(self, names: tuple[str, ...]) -> _Columns:
        kind = self._require_columns(names)
        unwrapped = kind in ("xu", "xsu")
        has_images = not unwrapped and {"ix", "iy", "iz"} <= set(names)
        wanted = {"id": ID, **dict(zip((kind, *COORDINATES[kind]), (X, Y, Z), strict=True))}
        if has_images:
            wanted |= {"ix": IX, "iy": IY, "iz": IZ}
        if self._name_column is not None:
            wanted[self._name_column] = NAME
        elif self.types is not None:
            wanted["type"] = TYPE
        roles = [wanted.get(name, SKIP) for name in names]
        last = max(i for i, role in enumerate(roles) if role != SKIP)
        return _Columns(np.array(roles[: last + 1], dtype=np.int64), "s" in kind, unwrapped, has_images)

    def _first_frame(self, buffer: _Buffer, header: _Header) -> bool:
        """Learn ids, types and elements; False if the frame is not complete."""
        if header.n_atoms <= 0:
            raise InputFileError(f"{self._path} holds no atoms.")
        while True:
            text = buffer.bytes[buffer.start + header.end : buffer.stop].tobytes()
            if text.count(b"\n") >= header.n_atoms:
                break
            if not buffer.grow() and not self._finish(buffer, header):
                return False
        rows = [line.split() for line in text.split(b"\n", header.n_atoms)[: header.n_atoms]]
        try:
            ids = np.array([int(row[header.columns.index("id")]) for row in rows], dtype=np.int64)
            order = np.argsort(ids, kind="stable")
            self.ids = ids[order]
            labels: list[bytes] = []
            if "type" in header.columns:
                place = header.columns.index("type")
                labels = [row[place] for row in rows]
            if labels and all(label.isdigit() for label in labels):
                self.types = np.array(labels).astype(np.int64)[order]
                self._kinds = self.types.astype(np.uint64)
            for column in NAMES:
                if (
                    column in header.columns
                    and self._symbols is None
                    and not (column == "type" and self.types is not None)
                ):
                    place = header.columns.index(column)
                    self._learn_names(column, np.array([row[place].decode("ascii") for row in rows])[order])
        except (ValueError, IndexError) as error:
            raise InputFileError(
                f"{self._path}: the first frame does not hold the columns '{' '.join(header.columns)}': {error}"
            ) from error
        if (np.diff(self.ids) == 0).any() or self.ids[0] < 0:
            raise InputFileError(f"{self._path}: an atom id comes twice in the first frame, or is negative.")
        self._index_of_id = np.full(int(self.ids[-1]) + 1, -1, dtype=np.int64)
        self._index_of_id[self.ids] = np.arange(self.ids.size)
        return True

    def _learn_names(self, column: str, names: NDArray[np.str_]) -> None:
        """Take names for elements if they are; say so if they are not."""
        unique = np.unique(names).tolist()
        unknown = [name for name in unique if name not in atomic_numbers or name == "X"]
        several_types = self.types is not None and np.unique(self.types).size > 1
        if unknown:
            reason = f"names {', '.join(unknown[:5])}, which is not an element"
        elif unique == [DEFAULT_NAME] and (several_types or self._named_elsewhere):
            reason = f"is {DEFAULT_NAME} for every atom, as LAMMPS writes without `dump_modify element`"
        else:
            self._symbols, self._name_column = names, column
            hashes = [hash_of_name(name.encode("ascii")) for name in unique]
            self._kinds = np.array(hashes, dtype=np.uint64)[np.searchsorted(unique, names)]
            return
        self.notes.append(f"The column {column} of {self._path.name} {reason}; it was not used.")

    def _finish(self, buffer: _Buffer, header: _Header) -> bool:
        """End the last line of the file where only its newline is missing; False if it may be cut within a number.

        A coordinate is whole if it has as many decimals as those in the lines before; of velocities and the like nothing is
        needed.
        """
        if buffer.cut or buffer.stop == buffer.start or buffer.bytes[buffer.stop - 1] == NEWLINE:
            return False
        rows = buffer.bytes[buffer.start + header.end : buffer.stop].tobytes().split(b"\n")
        last = rows[-1].split()
        if len(rows) != header.n_atoms or len(last) != len(header.columns):
            return False
        name = header.columns[-1]
        if name in NOT_NUMBERS:
            return False
        if name in ALL_COORDINATES:
            decimals = [len(row.split()[-1].partition(b".")[2]) for row in rows[:-1] if row.split()]
            if len(last[-1].partition(b".")[2]) < max(decimals, default=0):
                return False
        buffer.end_line()
        return True

    def _unfinished(self, buffer: _Buffer) -> str:
        if buffer.stop > buffer.start and buffer.bytes[buffer.stop - 1] != NEWLINE:
            return ", in a line without an end that may be cut (if it is whole, add a newline)"
        return ""

    def _note_truncation(self, number: int, buffer: _Buffer) -> None:
        self.notes.append(
            f"The last frame (number {number}) of {self._path.name} is cut short{self._unfinished(buffer)} and was left out."
        )
