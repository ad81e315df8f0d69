"""What else MDAnalysis reads."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.raw_frame import RawFrame

OPTIONAL_PACKAGES = {".gsd": "gsd", ".tng": "pytng", ".h5md": "h5py"}
"""Packages without which readers of MDAnalysis do not open a file, by suffix."""


def mdanalysis_frames(path: Path) -> Iterator[RawFrame]:
    """Frames of any format that MDAnalysis reads without a topology.

    Parameters
    ----------
    path : Path
        Its suffix tells the format.

    Yields
    ------
    RawFrame
        In the order of the file. Times are not used: most readers of MDAnalysis count frames as picoseconds.

    Raises
    ------
    InputFileError
        If MDAnalysis does not know the format, or needs a package that is not installed.
    """
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
    from MDAnalysis.coordinates.core import get_reader_for
    from MDAnalysis.lib.mdamath import triclinic_vectors

    # After the import, which turns on what the interpreter hides; for good, because frames are read in several threads.
    warnings.filterwarnings("ignore", module=r"MDAnalysis\.")

    try:
        reader_class = get_reader_for(str(path))
    except (ValueError, TypeError) as error:
        raise InputFileError(
            f"The format of {path} is not known: use a LAMMPS text dump (.lammpstrj, .dump), .dcd, .xtc, .trr, .nc, "
            ".mdcrd, .xyz, .extxyz, .traj, .gro, vasprun.xml or XDATCAR."
        ) from error
    package = OPTIONAL_PACKAGES.get(path.suffix)
    if package is not None and find_spec(package) is None:
        raise InputFileError(
            f"Reading {path} needs the package {package}: install it with `pip install {package}`, or write the trajectory as "
            ".dcd, .xtc or extended XYZ."
        )
    # Readers that fail to open a file fail again, noisily, when they are deleted.
    quiet = type(reader_class.__name__, (reader_class,), {"__del__": _close_quietly})
    try:
        reader = quiet(str(path))
    except (RuntimeError, AttributeError, ImportError) as error:
        raise ValueError(str(error)) from error
    with reader:
        for frame in reader:
            has_cell = frame.dimensions is not None and frame.dimensions[:3].all()
            yield RawFrame(
                positions=frame.positions.astype(np.float64),
                cell=np.asarray(triclinic_vectors(frame.dimensions, dtype=np.float64))
                if has_cell
                else np.zeros((3, 3)),
                origin=np.zeros(3),
            )


def _close_quietly(reader: Any) -> None:
    with suppress(AttributeError):
        reader.close()
