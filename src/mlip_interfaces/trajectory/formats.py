"""One adapter per trajectory format; each yields frames in file order."""

from __future__ import annotations

import gzip
import logging
import warnings
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.memory import ase_frame
from mlip_interfaces.trajectory.raw_frame import RawFrame

DAMAGED = (OSError, EOFError, ValueError, IndexError, KeyError, TypeError, zlib.error)
"""What parsers raise on files that are cut, compressed wrongly, or of another format."""

TEXT_DUMP_SUFFIXES = (".lammpstrj", ".dump", ".lammpsdump")

TIMED_BY_MDANALYSIS = (".nc", ".ncdf")
"""Formats whose time is in ps whoever wrote them."""

GROMACS = (".xtc", ".trr")
ANGSTROM_PER_NM = 10.0


def is_text_dump(path: Path) -> bool:
    """Tell whether a file is a LAMMPS text dump.

    Parameters
    ----------
    path : Path
        Need not exist.

    Returns
    -------
    bool
        By its name, or by its first bytes where the name says nothing.

    Examples
    --------
    >>> is_text_dump(Path("run.lammpstrj.gz")), is_text_dump(Path("missing.dcd"))
    (True, False)
    """
    plain = path.name.removesuffix(".gz")
    if plain.endswith(TEXT_DUMP_SUFFIXES):
        return True
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as handle:
            return handle.read(5) == b"ITEM:"
    except (OSError, EOFError, zlib.error):
        return False


def read_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of a file that is no LAMMPS text dump; its name tells the format.

    Parameters
    ----------
    path : Path
        ``*.dcd``; extended XYZ as ``*.xyz`` or ``*.extxyz``; a name with ``XDATCAR`` (the last two plain or ``.gz``);
        ``*.xtc`` and ``*.trr``; anything else is given to MDAnalysis (NetCDF, ...).
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If the file is of another format or damaged.
    """
    plain = path.name.removesuffix(".gz")
    if plain.endswith((".xyz", ".extxyz")):
        frames = extended_xyz_frames(path)
    elif "XDATCAR" in plain:
        frames = xdatcar_frames(path, notes)
    elif path.suffix in GROMACS:
        frames = gromacs_frames(path, notes)
    else:
        frames = mdanalysis_frames(path)
    try:
        yield from frames
    except DAMAGED as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(f"{path} is damaged or not of the format its name says: {error}") from error


def mdanalysis_frames(path: Path) -> Iterator[RawFrame]:
    """Frames of any format that MDAnalysis reads without a topology.

    Parameters
    ----------
    path : Path
        Its suffix tells the format.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If MDAnalysis does not know the format, or a frame has no cell.

    Notes
    -----
    The time in a DCD header has the unit of whoever wrote it and is not used.
    """
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
    from MDAnalysis.coordinates.core import get_reader_for
    from MDAnalysis.lib.formats.libdcd import DCDFile
    from MDAnalysis.lib.mdamath import triclinic_vectors

    # After the import, which turns on what the interpreter hides; for good, because frames are read in several threads.
    warnings.filterwarnings("ignore", module=r"MDAnalysis\.")

    try:
        reader_class = get_reader_for(str(path))
    except (ValueError, TypeError) as error:
        raise InputFileError(
            f"The format of {path} is not known: use a LAMMPS text dump (.lammpstrj, .dump), .dcd, .xtc, .nc, .xyz, "
            f".extxyz or XDATCAR ({error})"
        ) from error
    # Readers that fail to open a file fail again, noisily, when they are deleted; these probes do not.
    if path.suffix == ".dcd":
        with DCDFile(str(path)) as probe:
            if len(probe) == 0:
                return
    if path.suffix in (".nc", ".ncdf"):
        with path.open("rb") as handle:
            if not handle.read(4).startswith((b"CDF", b"\x89HDF")):
                raise ValueError("it is not NetCDF")
    with reader_class(str(path)) as reader:
        for frame in reader:
            if frame.dimensions is None or not frame.dimensions[:3].all():
                raise InputFileError(f"{path} has no cell.")
            timed = path.suffix in TIMED_BY_MDANALYSIS
            yield RawFrame(
                positions=frame.positions.astype(np.float64),
                cell=np.asarray(triclinic_vectors(frame.dimensions, dtype=np.float64)),
                origin=np.zeros(3),
                time_ps=float(frame.time) if timed else None,
            )


def gromacs_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of an XTC or TRR file, one after another.

    The readers of MDAnalysis leave an index and a lock beside the file, and fail or warn in a folder that is not theirs to
    write to; its parsers below them do not, and keep the cell as it is.

    Parameters
    ----------
    path : Path
        ``*.xtc`` or ``*.trr``.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file, in angstrom and ps.
    """
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

    number = 0
    with (XTCFile if path.suffix == ".xtc" else TRRFile)(str(path)) as file:
        try:
            for frame in file:
                if path.suffix == ".trr" and not frame.hasx:
                    continue
                if not frame.box.any():
                    raise InputFileError(f"{path} has no cell.")
                number += 1
                yield RawFrame(
                    positions=frame.x.astype(np.float64) * ANGSTROM_PER_NM,
                    cell=frame.box.astype(np.float64) * ANGSTROM_PER_NM,
                    origin=np.zeros(3),
                    time_ps=float(frame.time),
                )
        except OSError:
            known = file.offsets[: number + 1]
            size = float(known[-1]) / max(1, known.size - 1)
            if known.size < 2 or path.stat().st_size - number * size > 1.5 * size:
                raise
            notes.append(f"The last frame of {path.name} is cut short and was left out.")


def extended_xyz_frames(path: Path) -> Iterator[RawFrame]:
    """Frames of an extended XYZ file.

    Parameters
    ----------
    path : Path
        With per-atom ``layer`` and per-frame ``time_ps``, or without.

    Yields
    ------
    RawFrame
        In the order of the file.
    """
    from ase.io import iread

    for atoms in iread(path, index=":", format="extxyz"):
        yield ase_frame(atoms)


def xdatcar_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of a VASP 5 or 6 XDATCAR file.

    Parameters
    ----------
    path : Path
        Of constant or variable cell, plain or ``.gz``.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file.
    """
    with _open_text(path) as handle:
        cell, symbols = _xdatcar_header(next(handle, ""), handle)
        for line in handle:
            if not line.startswith("Direct"):
                # Variable cell: the header comes again before every frame.
                cell, symbols = _xdatcar_header(line, handle)
                continue
            rows = [row.split()[:3] for row in islice(handle, symbols.size)]
            if len(rows) < symbols.size or len(rows[-1]) < 3:
                notes.append(f"The last frame of {path.name} is cut short and was left out.")
                return
            yield RawFrame(np.array(rows, dtype=np.float64) @ cell, cell, np.zeros(3), symbols=symbols)


def _xdatcar_header(title: str, handle: TextIO) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    lines = [line.split() for line in islice(handle, 6)]
    if len(lines) < 6:
        raise ValueError(f"its header ends early (after '{title.strip()}')")
    scale = float(lines[0][0])
    cell = np.array(lines[1:4], dtype=np.float64)
    if scale < 0.0:
        # VASP: a negative scale is the volume.
        scale = float((-scale / abs(np.linalg.det(cell))) ** (1.0 / 3.0))
    return scale * cell, np.repeat(np.array(lines[4], dtype=str), np.array(lines[5], dtype=np.int64))


def _open_text(path: Path) -> TextIO:
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
