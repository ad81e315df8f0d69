"""The trajectories that our own MD writes: DCD with unwrapped positions, and ``layers.json`` beside it."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A trajectory in memory.

    Attributes
    ----------
    symbols : element of each atom, shape (n_atoms,).
    layers : name of the layer each atom started in, shape (n_atoms,).
    positions : unwrapped, shape (n_frames, n_atoms, 3), angstrom.
    cells : rows are lattice vectors, shape (n_frames, 3, 3), angstrom.
    times_ps : shape (n_frames,), ps.
    """

    symbols: NDArray[np.str_]
    layers: NDArray[np.str_]
    positions: NDArray[np.float64]
    cells: NDArray[np.float64]
    times_ps: NDArray[np.float64]


def read_trajectory(file: Path, layers_file: Path, *, frame_interval_ps: float) -> Trajectory:
    """Read a DCD file written by LAMMPS with ``dump_modify unwrap yes sort id``.

    Parameters
    ----------
    file : the trajectory.
    layers_file : element and layer of each atom, by atom id.
    frame_interval_ps : time between frames; the time in a DCD header depends on the writer and is not used.

    Raises
    ------
    InputFileError
        If a file is missing or damaged, the numbers of atoms differ, or positions are not finite.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
        from MDAnalysis.coordinates.DCD import DCDReader
        from MDAnalysis.lib.mdamath import triclinic_vectors

        try:
            labels = json.loads(layers_file.read_text())
            symbols, layers = np.array(labels["symbols"]), np.array(labels["layer"])
        except (OSError, KeyError, json.JSONDecodeError) as error:
            raise InputFileError(f"{layers_file} is not a layers.json as `build` writes it: {error!r}") from error
        try:
            reader = DCDReader(str(file))
        except (OSError, ValueError) as error:
            raise InputFileError(f"{file} cannot be read as a DCD trajectory: {error}") from error
        with reader:
            if reader.n_atoms != symbols.size:
                raise InputFileError(f"{file} has {reader.n_atoms} atoms, {layers_file} has {symbols.size}.")
            positions, cells = [], []
            for frame in reader:
                positions.append(frame.positions.astype(np.float64))
                cells.append(triclinic_vectors(frame.dimensions).astype(np.float64))
    if not positions:
        raise InputFileError(f"{file} holds no frame.")
    stacked = np.array(positions)
    if not np.isfinite(stacked).all():
        raise InputFileError(f"{file} holds positions that are not finite numbers: the MD blew up.")
    times = np.arange(len(stacked), dtype=np.float64) * frame_interval_ps
    return Trajectory(symbols, layers, stacked, np.array(cells), times)
