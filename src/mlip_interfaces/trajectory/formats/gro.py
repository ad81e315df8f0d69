"""GROMACS ``.gro`` files of one frame or many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.formats.text_files import cut_note, open_text
from mlip_interfaces.trajectory.raw_frame import RawFrame
from mlip_interfaces.units import NM_TO_ANGSTROM

FIRST_COLUMN = 20
"""Where positions begin; names and numbers of residue and atom stand before."""

_TIME = re.compile(r"\bt=\s*([-+.\deE]+)")


def gro_cell(line: str) -> NDArray[np.float64]:
    """The cell that the last line of a frame holds.

    Parameters
    ----------
    line : str
        Three lengths, or those of a triclinic box and its six other components, nm.

    Returns
    -------
    (3, 3) float array, angstrom
        Rows are lattice vectors.

    Raises
    ------
    ValueError
        If it is no such line.

    Examples
    --------
    >>> gro_cell("1 2 3 0 0 0.5 0 0 0").tolist()
    [[10.0, 0.0, 0.0], [5.0, 20.0, 0.0], [0.0, 0.0, 30.0]]
    """
    box = np.array(line.split(), dtype=np.float64)
    cell = np.diag(box[:3])
    if box.size == 9:
        cell[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]] = box[3:]
    return cell * NM_TO_ANGSTROM


def gro_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of a ``.gro`` file.

    Parameters
    ----------
    path : Path
        As ``gmx trjconv`` writes it; times come from its titles where all have one.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file.

    Raises
    ------
    InputFileError
        If a frame is damaged.
    """
    number = 0
    with open_text(path) as handle:
        for title in handle:
            if not title.strip():
                continue
            try:
                n_atoms = int(next(handle, ""))
            except ValueError as error:
                raise InputFileError(f"Frame {number} of {path} has no number of atoms behind its title.") from error
            lines = list(islice(handle, n_atoms + 1))
            if len(lines) < n_atoms + 1 or not lines[-1].endswith("\n"):
                notes.append(cut_note(path))
                return
            # The number of decimals is free; the distance of the points is the width of a column.
            points = [place for place, letter in enumerate(lines[0]) if letter == "." and place >= FIRST_COLUMN]
            width = points[1] - points[0]
            columns = [slice(FIRST_COLUMN + axis * width, FIRST_COLUMN + (axis + 1) * width) for axis in range(3)]
            try:
                nm = np.array([[float(line[column]) for column in columns] for line in lines[:-1]])
                cell = gro_cell(lines[-1])
            except ValueError as error:
                raise InputFileError(f"Frame {number} of {path} is damaged: {error}.") from error
            time = _TIME.search(title)
            yield RawFrame(
                positions=nm * NM_TO_ANGSTROM,
                cell=cell,
                origin=np.zeros(3),
                time_ps=None if time is None else float(time[1]),
            )
            number += 1
