"""XDATCAR files of VASP 5 and 6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.formats.text_files import cut_note, is_whole, open_text
from mlip_interfaces.trajectory.raw_frame import RawFrame

SEPARATORS = ("Direct", "Konfig")
"""How the line before the positions begins; VASP 5.2 and older leave it blank."""

_JOINED = re.compile(r"(?<=[0-9.])-")
"""A minus sign right behind a number: Fortran leaves no space where the number fills its field."""


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

    Raises
    ------
    InputFileError
        If a frame before the last one does not hold its positions, or the header names no elements.
    """
    with open_text(path) as handle:
        cell, symbols = _header(path, next(handle, ""), handle)
        number = 0
        for line in handle:
            if line.strip() and not line.lstrip().startswith(SEPARATORS):
                # Variable cell: the header comes again before every frame.
                cell, symbols = _header(path, line, handle)
                continue
            lines = list(islice(handle, symbols.size))
            if not line.strip():
                while lines and not lines[0].strip():
                    # More than one blank line between frames, or at the end of the file.
                    lines = lines[1:] + list(islice(handle, 1))
                if not lines:
                    return
                if lines[0].lstrip().startswith(SEPARATORS):
                    lines = lines[1:] + list(islice(handle, 1))
            fractions = _fractions(lines, symbols.size)
            if fractions is None:
                if next(handle, None) is not None:
                    raise InputFileError(
                        f"Frame {number} of {path} does not hold three numbers for each of its {symbols.size} atoms: "
                        "repair it, or cut the file before it."
                    )
                notes.append(cut_note(path))
                return
            yield RawFrame(fractions @ cell, cell, np.zeros(3), symbols=symbols)
            number += 1


def _fractions(lines: list[str], n_atoms: int) -> NDArray[np.float64] | None:
    """Fractional positions; None if these are not those of all atoms."""
    if len(lines) < n_atoms or not is_whole(lines[-1], lines[:-1]):
        return None
    rows = [line.split()[:3] for line in lines]
    try:
        return np.array(rows, dtype=np.float64).reshape(n_atoms, 3)
    except ValueError:
        rows = [_JOINED.sub(" -", line).split()[:3] for line in lines]
    try:
        return np.array(rows, dtype=np.float64).reshape(n_atoms, 3)
    except ValueError:
        return None


def _header(path: Path, title: str, handle: TextIO) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    lines = [line.split() for line in islice(handle, 6)]
    if len(lines) < 6:
        raise ValueError(f"its header ends early (after '{title.strip()}')")
    scales = np.array(lines[0][:3], dtype=np.float64)
    cell = np.array([row[:3] for row in lines[1:4]], dtype=np.float64)
    if scales.size == 3:
        # VASP: one factor for each Cartesian component.
        cell = cell * scales
    elif scales[0] < 0.0:
        # VASP: a negative scale is the volume.
        cell = cell * (-scales[0] / abs(np.linalg.det(cell))) ** (1.0 / 3.0)
    else:
        cell = cell * scales[0]
    if lines[4] and lines[4][0].isdigit():
        raise InputFileError(
            f"{path} does not name its elements (VASP 4): write a line with them before the line of their numbers."
        )
    # Names of POTCAR files, and since VASP 6.4.2 their hashes: Li_sv/24021cd.
    symbols = [re.split(r"[_/.]", name)[0] for name in lines[4]]
    return cell, np.repeat(np.array(symbols, dtype=str), np.array(lines[5], dtype=np.int64))
