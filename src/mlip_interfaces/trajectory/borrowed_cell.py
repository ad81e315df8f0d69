"""The cell of a topology for trajectories that have none (XYZ files of CP2K)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.raw_frame import RawFrame


def with_cell(
    raw_frames: Callable[[list[str]], Iterator[RawFrame]], cell: NDArray[np.float64], topology: str
) -> Callable[[list[str]], Iterator[RawFrame]]:
    """Give frames without a cell that of a topology.

    Parameters
    ----------
    raw_frames : callable
        Gives all frames, and adds to a list what is to be known of them.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors; zero where the topology has none.
    topology : str
        Name of its file, for the sentence.

    Returns
    -------
    callable
        The same frames in this cell, and a sentence that says so; unchanged where the topology has no cell.
    """
    if not cell.any():
        return raw_frames

    def frames(notes: list[str]) -> Iterator[RawFrame]:
        notes.append(
            f"The trajectory has no cell: that of {topology} is taken for all frames, as in a run of constant volume."
        )
        for number, frame in enumerate(raw_frames(notes)):
            if frame.cell.any():
                raise InputFileError(f"Frame {number} has a cell, the first frame has none.")
            yield replace(frame, cell=cell)

    return frames
