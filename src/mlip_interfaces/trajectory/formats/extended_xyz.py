"""Extended XYZ, frame by frame, and what else ASE reads: its own ``.traj`` and ``vasprun.xml``."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.trajectory.formats.text_files import cut_note, is_whole, open_text
from mlip_interfaces.trajectory.memory import ase_frame
from mlip_interfaces.trajectory.raw_frame import RawFrame


def is_extended_xyz(path: Path) -> bool:
    """Tell whether a file is extended XYZ, whatever its name.

    Parameters
    ----------
    path : Path
        Plain, or compressed as ``*.gz``.

    Returns
    -------
    bool
        By its second line.
    """
    try:
        with open_text(path) as handle:
            first, second = handle.readline(64), handle.readline(4096)
    except (OSError, EOFError, UnicodeDecodeError):
        return False
    return first.strip().isdigit() and ("Properties=" in second or "Lattice=" in second)


def extended_xyz_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of an extended XYZ file.

    Parameters
    ----------
    path : Path
        With per-atom ``layer`` and ``id`` and per-frame ``time_ps``, or without.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out, or a direction is not periodic.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If a frame does not begin with a number of atoms, or is not periodic.
    """
    from ase.io.extxyz import read_xyz

    for number, text in enumerate(_frame_texts(path, notes)):
        yield ase_frame(next(read_xyz(StringIO(text), 0)), notes, name=f"Frame {number} of {path}")


def _frame_texts(path: Path, notes: list[str]) -> Iterator[str]:
    number = 0
    with open_text(path) as handle:
        line = next(handle, "")
        while line:
            if not line.strip():
                line = next(handle, "")
                continue
            try:
                n_atoms = int(line)
            except ValueError as error:
                raise InputFileError(
                    f"Frame {number} of {path} does not begin with its number of atoms, but with '{line.strip()[:40]}'."
                ) from error
            lines = [line, *islice(handle, n_atoms + 1)]
            if len(lines) < n_atoms + 2 or not is_whole(lines[-1], lines[2:-1]):
                if number == 0:
                    raise InputFileError(
                        f"{path} ends within its first frame, of {counted(n_atoms, 'atom')}; there is nothing to analyse."
                    )
                notes.append(cut_note(path))
                return
            line = next(handle, "")
            while line.lstrip().startswith("VEC"):
                lines.append(line)
                line = next(handle, "")
            yield "".join(lines)
            number += 1


def ase_frames(path: Path, notes: list[str], file_format: str) -> Iterator[RawFrame]:
    """Frames of a file that ASE reads.

    Parameters
    ----------
    path : Path
        A trajectory.
    notes : list of str
        Gets a sentence when a direction is not periodic.
    file_format : str
        ASE's name of the format.

    Yields
    ------
    RawFrame
        In the order of the file.
    """
    from ase.io import iread

    for number, atoms in enumerate(iread(path, index=":", format=file_format)):
        yield ase_frame(atoms, notes, name=f"Frame {number} of {path}")
