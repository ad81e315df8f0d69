"""Frames of the scan that are looked at: which ones, and their structures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from mlip_interfaces.books.run import ScanEntry
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory import open_trajectory


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Frames of one run.

    Attributes
    ----------
    structures : dict of int to ase.Atoms
        By the number of the frame.
    judged, labelled : tuple of int
        Numbers of those for the committee, and of those to be labelled, in order of time.
    trouble : str
        Why there is none; empty where there is.
    """

    structures: dict[int, Atoms]
    judged: tuple[int, ...]
    labelled: tuple[int, ...]
    trouble: str = ""


def read_frames(scan: Path, run: ScanEntry, *, n_judged: int, n_labelled: int) -> LookedAt:
    """Read the frames of a run that are looked at, evenly over its time, from the first to the last.

    Parameters
    ----------
    scan : Path
        Folder of the scan.
    run : ScanEntry
        The run, healthy or not.
    n_judged, n_labelled : int
        How many for the committee, and how many to be labelled; all there are where these are fewer.

    Returns
    -------
    LookedAt
        Without a frame, and saying why, where the trajectory is missing or damaged.
    """
    judged, labelled = _spread(run.n_frames, n_judged), _spread(run.n_frames, n_labelled)
    wanted = {*judged, *labelled}
    if not run.n_frames:
        return LookedAt({}, (), (), "the run has no frame")
    if not wanted:
        return LookedAt({}, (), ())
    directory = scan / run.directory
    structures: dict[int, Atoms] = {}
    number, last = -1, None
    try:
        trajectory = open_trajectory(
            directory / run.trajectory, layers=directory / run.layers, frame_interval_ps=run.frame_interval_ps
        )
        for chunk in trajectory.chunks(unwrapped=False):
            for positions, cell in zip(chunk.positions, chunk.cells, strict=True):
                number, last = number + 1, (positions, cell)
                if number in wanted:
                    structures[number] = Atoms(trajectory.symbols.tolist(), positions=positions, cell=cell, pbc=True)
    except InputFileError as error:
        return LookedAt({}, (), (), str(error))
    if last is not None and max(wanted) > number:
        # A run that was cut short may have fewer frames than lines of numbers.
        structures[number] = Atoms(trajectory.symbols.tolist(), positions=last[0], cell=last[1], pbc=True)
    return LookedAt(structures, _at_most(judged, number), _at_most(labelled, number))


def _spread(n: int, n_wanted: int) -> list[int]:
    """Numbers from 0 to n - 1, evenly, both ends among them; a single one is the last."""
    if n == 0 or n_wanted == 0:
        return []
    if n_wanted == 1:
        return [n - 1]
    numbers: list[int] = np.unique(np.linspace(0, n - 1, min(n, n_wanted)).round().astype(int)).tolist()
    return numbers


def _at_most(numbers: list[int], last: int) -> tuple[int, ...]:
    return tuple(sorted({min(number, last) for number in numbers}))
