"""Which adapter reads which file."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.formats.dcd import dcd_frames
from mlip_interfaces.trajectory.formats.extended_xyz import ase_frames, extended_xyz_frames, is_extended_xyz
from mlip_interfaces.trajectory.formats.gro import gro_frames
from mlip_interfaces.trajectory.formats.gromacs import gromacs_frames
from mlip_interfaces.trajectory.formats.mdanalysis import mdanalysis_frames
from mlip_interfaces.trajectory.formats.mdcrd import is_mdcrd, mdcrd_frames
from mlip_interfaces.trajectory.formats.netcdf import netcdf_frames
from mlip_interfaces.trajectory.formats.xdatcar import xdatcar_frames
from mlip_interfaces.trajectory.raw_frame import FrameShape, RawFrame

DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    SyntaxError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""What parsers raise on files that are cut, compressed wrongly, or of another format."""

TEXT_DUMP_SUFFIXES = (".lammpstrj", ".dump", ".lammpsdump")


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


def read_frames(path: Path, notes: list[str], *, shape: FrameShape | None = None) -> Iterator[RawFrame]:
    """Frames of a file that is no LAMMPS text dump; its name tells the format.

    Parameters
    ----------
    path : Path
        ``*.dcd``; extended XYZ as ``*.xyz`` or ``*.extxyz``, or by its second line; a name with ``XDATCAR`` (the last two
        plain or ``.gz``); ``*.xtc`` and ``*.trr``; ``*.gro``; NetCDF as ``*.nc``, ``*.ncdf`` or ``*.netcdf``; ASE's
        ``*.traj``; ``vasprun*.xml``; AMBER's text as ``*.mdcrd``, ``*.crd``, ``*.crdbox``, ``*.trj`` or ``*.x`` (plain or
        ``.gz``); anything else is given to MDAnalysis.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out, or something else is to be known.
    shape : FrameShape or None, optional
        Number of atoms and cell of the topology; AMBER's text cannot be read without.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If the file is of another format or damaged.
    """
    try:
        yield from _frames(path, notes, shape)
    except DAMAGED as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(f"{path} is damaged or not of the format its name says: {error}") from error


def _frames(path: Path, notes: list[str], shape: FrameShape | None) -> Iterator[RawFrame]:
    plain = path.name.removesuffix(".gz")
    if plain.endswith((".xyz", ".extxyz")):
        return extended_xyz_frames(path, notes)
    if "XDATCAR" in plain:
        return xdatcar_frames(path, notes)
    match path.suffix:
        case ".dcd":
            return dcd_frames(path, notes)
        case ".xtc" | ".trr":
            return gromacs_frames(path, notes)
        case ".gro":
            return gro_frames(path, notes)
        case ".nc" | ".ncdf" | ".netcdf":
            return netcdf_frames(path, notes)
        case ".traj":
            return ase_frames(path, notes, "traj")
    if plain.startswith("vasprun") and plain.endswith(".xml"):
        return ase_frames(path, notes, "vasp-xml")
    if is_extended_xyz(path):
        return extended_xyz_frames(path, notes)
    if is_mdcrd(path):
        return mdcrd_frames(path, notes, shape)
    return mdanalysis_frames(path)
