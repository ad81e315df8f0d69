"""DCD files of LAMMPS, CHARMM, NAMD and others."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.trajectory.formats.text_files import cut_note
from mlip_interfaces.trajectory.raw_frame import RawFrame

CELL_WORDS = 12
HEADER_BYTES = 84
N_FIXED, HAS_CELL, HAS_FOURTH, VERSION = 8, 10, 11, 19
"""Places of these integers in the header."""


@dataclass(frozen=True, slots=True)
class _Header:
    order: str
    n_atoms: int
    has_cell: bool
    end: int

    @property
    def frame_words(self) -> int:
        """Length of a frame in words of 4 bytes."""
        return (CELL_WORDS + 2 if self.has_cell else 0) + 3 * (self.n_atoms + 2)


def dcd_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of a DCD file, the lengths of all records checked.

    Parameters
    ----------
    path : Path
        Of either byte order, with a cell per frame.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If it has no cell, a frame before the last one is damaged, or a second file begins there.

    Notes
    -----
    The time in a DCD header has the unit of whoever wrote it and is not used. The parser of MDAnalysis ends without a word
    at a record of the wrong length, and turns a cell that CHARMM wrote as a symmetric matrix against its atoms.
    """
    yield from _frames(path, notes, None)


def dcd_ends(path: Path) -> tuple[RawFrame, RawFrame]:
    """The first and the last whole frame of a DCD file; what lies between them is not read.

    Parameters
    ----------
    path : Path
        As of `dcd_frames`.

    Returns
    -------
    tuple of (RawFrame, RawFrame)
        The same one twice where there is one only.

    Raises
    ------
    InputFileError
        If one of them is damaged or has no cell, or if there is none.
    """
    last = count_dcd_frames(path) - 1
    if last < 0:
        raise InputFileError(f"{path} has no whole frame.")
    first, end = _frames(path, [], (0, last))
    return first, end


def _frames(path: Path, notes: list[str], numbers: Sequence[int] | None) -> Iterator[RawFrame]:
    """Frames of these numbers; all of them if None."""
    header = _read_header(path)
    n_atoms = header.n_atoms
    # In words of 4 bytes: every record stands between two words with its length.
    n_cell = CELL_WORDS + 2 if header.has_cell else 0
    n_words = header.frame_words
    starts = np.array([n_cell + axis * (n_atoms + 2) for axis in range(3)])
    places = np.concatenate([[0, n_cell - 1] if n_cell else [], starts, starts + n_atoms + 1]).astype(np.int64)
    lengths = np.array([4 * CELL_WORDS] * (2 if n_cell else 0) + [4 * n_atoms] * 6)
    n_frames, rest = divmod(path.stat().st_size - header.end, 4 * n_words)
    if n_frames:
        words = np.memmap(path, dtype=f"{header.order}i4", mode="r", offset=header.end, shape=(n_frames, n_words))
        for number in range(n_frames) if numbers is None else numbers:
            row = np.array(words[number])
            if not np.array_equal(row[places], lengths):
                raise _damage(path, header.end + 4 * n_words * number, number, n_frames)
            axes = row[n_cell:].view(f"{header.order}f4").reshape(3, n_atoms + 2)[:, 1:-1]
            cell = np.zeros((3, 3))
            if n_cell:
                cell = _cell(path, row[1 : CELL_WORDS + 1].view(f"{header.order}f8").astype(np.float64), number)
            yield RawFrame(np.ascontiguousarray(axes.T, dtype=np.float64), cell, np.zeros(3))
    if rest:
        start = header.end + 4 * n_words * n_frames
        if _is_header(path, start):
            raise _damage(path, start, n_frames, n_frames)
        notes.append(cut_note(path))


def count_dcd_frames(path: Path) -> int:
    """Whole frames of a DCD file by its size; none of them is read.

    Parameters
    ----------
    path : Path
        With a sound header.

    Returns
    -------
    int
        Without what was cut off in the middle.
    """
    header = _read_header(path)
    return (path.stat().st_size - header.end) // (4 * header.frame_words)


def _read_header(path: Path) -> _Header:
    with path.open("rb") as handle:
        start = handle.read(4)
        order = "<" if start == struct.pack("<i", HEADER_BYTES) else ">"
        if start != struct.pack(f"{order}i", HEADER_BYTES) or handle.read(4) != b"CORD":
            raise ValueError("it does not begin as a DCD file with records of 4 bytes does")
        numbers = struct.unpack(f"{order}20i", handle.read(80))
        handle.read(4)
        for _ in range(2):
            # The title, then the number of atoms.
            (length,) = struct.unpack(f"{order}i", handle.read(4))
            content = handle.read(length)
            if struct.unpack(f"{order}i", handle.read(4)) != (length,):
                raise ValueError("a record of its header has the wrong length")
        (n_atoms,) = struct.unpack(f"{order}i", content)
        end = handle.tell()
    if n_atoms < 1:
        raise ValueError(f"its header says that it has {n_atoms} atoms")
    if numbers[N_FIXED] or (numbers[VERSION] and numbers[HAS_FOURTH]):
        raise InputFileError(
            f"{path} holds fixed atoms once only, or a fourth dimension: convert it to a plain DCD or XTC file."
        )
    return _Header(order, n_atoms, bool(numbers[VERSION] and numbers[HAS_CELL]), end)


def _cell(path: Path, stored: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Rows are lattice vectors; the file has A, gamma, B, beta, alpha, C, or a symmetric matrix."""
    from MDAnalysis.lib.mdamath import triclinic_vectors

    lengths, angles = stored[[0, 2, 5]], stored[[4, 3, 1]]
    if not np.isfinite(stored).all() or (lengths <= 0.0).any():
        raise InputFileError(f"Frame {number} of {path} has no cell.")
    if not angles.any() or (angles == 90.0).all():
        return np.diag(lengths)
    if (np.abs(angles) <= 1.0).all():
        angles = np.degrees(np.arccos(angles))
    elif (angles < 0.0).any() or (angles > 180.0).any() or not triclinic_vectors([*lengths, *angles]).any():
        return stored[[[0, 1, 3], [1, 2, 4], [3, 4, 5]]]
    return np.asarray(triclinic_vectors([*lengths, *angles], dtype=np.float64), dtype=np.float64)


def _is_header(path: Path, start: int) -> bool:
    with path.open("rb") as handle:
        handle.seek(start)
        return handle.read(8)[4:] == b"CORD"


def _damage(path: Path, start: int, number: int, n_frames: int) -> InputFileError:
    if _is_header(path, start):
        return InputFileError(
            f"A second DCD file begins in {path} before frame {number}: two files were joined byte by byte. Analyse them apart."
        )
    return InputFileError(
        f"Frame {number} of {path} is damaged: a record has a length that does not fit its atoms. By its size the file has "
        f"{counted(n_frames, 'frame')}. Copy it again, or cut it before this frame."
    )
