"""A run of the scan that was stopped: its last good frame, and the frames around its end as candidates for labels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from ase.neighborlist import neighbor_list

from mlip_interfaces.books.run import CANDIDATES, LayersOfAtoms, SickRun, read_book
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_text
from mlip_interfaces.md import TABLE, TRAJECTORY, HealthBounds, MDProtocol, first_sick_line
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.md.health import read_thermo
from mlip_interfaces.trajectory import open_trajectory

FRAMES_BEFORE = (16, 8, 4, 2, 1, 0)
"""Frames before the last good one, and itself: the way into a failure is short, and what leads there is longer."""


def examine_sick_run(
    scan: Path, name: str, protocol: MDProtocol, bounds: HealthBounds, *, min_distance_angstrom: float
) -> SickRun | None:
    """Find where a run that is over went wrong, and keep the frames around it.

    Parameters
    ----------
    scan : Path
        Folder of the scan.
    name : str
        Of the run; it is over, and its pieces are joined.
    protocol : MDProtocol
        Its protocol.
    bounds : HealthBounds
        What is healthy.
    min_distance_angstrom : float, angstrom
        Frames with a shorter contact are of no use to whom labels.

    Returns
    -------
    SickRun or None
        None for a run that no bound halted and that did not fall apart.

    Raises
    ------
    InputFileError
        If the table cannot be read.
    """
    directory = scan / name
    times = read_thermo(directory / TABLE)["time_ps"]
    first = first_sick_line(directory / TABLE, target_kelvin=protocol.temperature_kelvin, bounds=bounds)
    if first is None and (directory / DONE).read_text().strip() == "0":
        return None
    # A run that fell apart between two lines has none that is wrong.
    last_good = (len(times) if first is None else first) - 1
    wanted = sorted({last_good - back for back in FRAMES_BEFORE if back <= last_good} | {last_good + 1})
    n_kept = _keep(directory, wanted, protocol, min_distance_angstrom)
    return SickRun(
        last_good_frame=last_good if last_good >= 0 else None,
        last_good_ps=float(times[last_good]) if last_good >= 0 else None,
        candidates=f"{name}/{CANDIDATES}" if n_kept else "",
        n_candidates=n_kept,
    )


def _keep(directory: Path, wanted: list[int], protocol: MDProtocol, min_distance_angstrom: float) -> int:
    """Write those frames that are there and can be labelled; returns how many."""
    layer = np.array(read_book(LayersOfAtoms, directory / "layers.json").layer)
    kept = []
    for number, atoms in _frames(directory, wanted, protocol.frame_interval_ps).items():
        if (neighbor_list("d", atoms, min_distance_angstrom) < min_distance_angstrom).any():
            continue
        atoms.wrap()
        atoms.arrays["layer"] = layer
        atoms.info |= {"frame": number, "time_ps": number * protocol.frame_interval_ps}
        kept.append(atoms)
    if kept:
        buffer = io.StringIO()
        write(buffer, kept, format="extxyz")
        write_text(directory / CANDIDATES, buffer.getvalue())
    else:
        (directory / CANDIDATES).unlink(missing_ok=True)
    return len(kept)


def _frames(directory: Path, wanted: list[int], interval_ps: float) -> dict[int, Atoms]:
    """Frames of a trajectory by their number, as far as it can be read."""
    found = {}
    try:
        trajectory = open_trajectory(
            directory / TRAJECTORY,
            layers=directory / "layers.json",
            frame_interval_ps=interval_ps,
            start_ps=(wanted[0] - 0.5) * interval_ps if wanted[0] > 0 else None,
            stop_ps=(wanted[-1] + 0.5) * interval_ps,
        )
        # One at a time: what comes before a frame that holds no numbers is of use.
        for chunk in trajectory.chunks(1, unwrapped=False):
            number = round(float(chunk.times_ps[0]) / interval_ps)
            if number in wanted:
                found[number] = Atoms(
                    trajectory.symbols.tolist(), positions=chunk.positions[0], cell=chunk.cells[0], pbc=True
                )
    except InputFileError:
        return found
    return found
