"""Structures of the page that the reader may turn: models as built, and start and end of each run."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase.io import read
from numpy.typing import NDArray

from mlip_interfaces.books.run import ModelEntry, ScanEntry
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.report.parts import AtomsView, Snapshot
from mlip_interfaces.trajectory.formats.dcd import dcd_ends
from mlip_interfaces.trajectory.topology import read_layers

MAX_ATOMS = 50_000
"""Of a structure on the page; larger ones are left to other programs."""

BELOW_ANGSTROM = 1.0
"""An atom of the lowest layer that swings through the face of the cell is not shown on the other side of it."""

_ROUNDING = 1e-6


def built_views(folder: Path, models: Sequence[ModelEntry]) -> list[AtomsView]:
    """Models as built.

    Parameters
    ----------
    folder : Path
        Of the structures.
    models : sequence of ModelEntry
        Models of this folder.

    Returns
    -------
    list of AtomsView
        In the same order, without those of more than `MAX_ATOMS` atoms.
    """
    views = []
    for model in models:
        if model.n_atoms <= MAX_ATOMS:
            atoms = read(folder / model.file)
            cell = np.asarray(atoms.cell.array, dtype=np.float64)
            snapshot = Snapshot("as built", inside(atoms.positions, cell, cell), cell)
            layers = tuple(atoms.arrays["layer"].tolist())
            views.append(AtomsView(model.name, tuple(atoms.get_chemical_symbols()), layers, (snapshot,)))
    return views


def run_views(scan: Path, runs: Sequence[ScanEntry], *, leave_out: Mapping[str, str]) -> list[AtomsView]:
    """Start and end of each run.

    Parameters
    ----------
    scan : Path
        Folder of the scan.
    runs : sequence of ScanEntry
        Its runs.
    leave_out : mapping of str to str
        Runs that are not shown.

    Returns
    -------
    list of AtomsView
        Of the runs whose trajectories are there and whole at both ends, up to `MAX_ATOMS` atoms.
    """
    views = []
    for run in runs:
        folder = scan / run.directory
        file, labels_file = folder / run.trajectory, folder / run.layers
        known = run.n_frames and run.n_atoms <= MAX_ATOMS and run.name not in leave_out
        if not known or file.suffix != ".dcd" or not file.is_file() or not labels_file.is_file():
            continue
        try:
            first, last = dcd_ends(file)
        except (InputFileError, ValueError, struct.error):
            # The section of the runs says which trajectory is damaged; the page does without its pictures.
            continue
        labels = read_layers(labels_file)
        if labels.symbols.size != len(first.positions):
            continue
        snapshots = (
            Snapshot("start, 0 ps", inside(first.positions, first.cell, first.cell), first.cell),
            Snapshot(f"end, {run.time_ps:.4g} ps", inside(last.positions, last.cell, first.cell), last.cell),
        )
        health = "" if run.healthy else " (not healthy)"
        views.append(
            AtomsView(f"{run.name}{health}", tuple(labels.symbols.tolist()), tuple(labels.layers.tolist()), snapshots)
        )
    return views


def inside(
    positions: NDArray[np.float64], cell: NDArray[np.float64], first_cell: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Atoms in the cell of their own time, counted from its corner.

    Parameters
    ----------
    positions : (n_atoms, 3) float array, angstrom
        In any image.
    cell : (3, 3) float array, angstrom
        At that time.
    first_cell : (3, 3) float array, angstrom
        At the start: a barostat keeps the middle of the cell, so that its corner moves.

    Returns
    -------
    (n_atoms, 3) float array, angstrom
        Within the cell, or up to `BELOW_ANGSTROM` below the face that the stack begins with.

    Examples
    --------
    >>> inside(np.array([[-1.5, 0.0, 2.5]]), 6.0 * np.eye(3), 4.0 * np.eye(3)).round(3).tolist()
    [[5.5, 1.0, 3.5]]
    """
    corner = (first_cell - cell).sum(axis=0) / 2.0
    fractions = (positions - corner) @ np.linalg.inv(cell)
    below = np.array([_ROUNDING, _ROUNDING, BELOW_ANGSTROM / np.linalg.norm(cell[2])])
    wrapped: NDArray[np.float64] = (np.mod(fractions + below, 1.0) - below) @ cell
    return wrapped
