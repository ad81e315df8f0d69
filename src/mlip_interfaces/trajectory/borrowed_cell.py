"""The cell of a topology for trajectories that have none (XYZ files of CP2K)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.raw_frame import RawFrame

_BOUNDS = re.compile(r"^\s*(\S+)\s+(\S+)\s+([xyz])lo\s+[xyz]hi", re.MULTILINE)
_TILTS = re.compile(r"^\s*(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz", re.MULTILINE)


def with_cell_of(
    raw_frames: Callable[[list[str]], Iterator[RawFrame]], topology: Path
) -> Callable[[list[str]], Iterator[RawFrame]]:
    """Give frames without a cell that of a topology.

    Parameters
    ----------
    raw_frames : callable
        Gives all frames, and adds to a list what is to be known of them.
    topology : Path
        LAMMPS data file, or any structure file that ASE reads.

    Returns
    -------
    callable
        The same frames in this cell, and a sentence that says so; unchanged where the topology has no cell.
    """
    cell = _cell_of(topology)
    if not cell.any():
        return raw_frames

    def frames(notes: list[str]) -> Iterator[RawFrame]:
        notes.append(
            f"The trajectory has no cell: that of {topology.name} is taken for all frames, as in a run of constant volume."
        )
        for number, frame in enumerate(raw_frames(notes)):
            if frame.cell.any():
                raise InputFileError(f"Frame {number} has a cell, the first frame has none.")
            yield replace(frame, cell=cell)

    return frames


def _cell_of(topology: Path) -> NDArray[np.float64]:
    if topology.suffix in (".data", ".lmp"):
        text = topology.read_text()
        bounds = [float(high) - float(low) for low, high, _ in _BOUNDS.findall(text)]
        if len(bounds) != 3:
            return np.zeros((3, 3))
        tilts = _TILTS.search(text)
        cell = np.diag(bounds)
        if tilts is not None:
            cell[1, 0], cell[2, 0], cell[2, 1] = (float(tilt) for tilt in tilts.groups())
        return cell
    from ase.io import read

    return np.array(read(topology).cell, dtype=np.float64)
