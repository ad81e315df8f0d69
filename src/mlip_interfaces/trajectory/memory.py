"""Frames that are in memory: arrays, ASE structures, an MDAnalysis universe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.raw_frame import RawFrame

if TYPE_CHECKING:
    from ase import Atoms

TIMED_FORMATS = ("XTC", "TRR", "NCDF")
"""Readers of MDAnalysis whose time is in the file; the others count frames as picoseconds."""


def array_frames(
    positions: ArrayLike, cells: ArrayLike, symbols: Sequence[str], layers: Sequence[str] | None = None
) -> list[RawFrame]:
    """Frames of plain arrays.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) array, angstrom
        Wrapped or not.
    cells : (n_frames, 3, 3) or (3, 3) array, angstrom
        Rows are lattice vectors.
    symbols : sequence of str
        Element of each atom.
    layers : sequence of str or None
        Layer of each atom.

    Returns
    -------
    list of RawFrame
        In the same order.

    Raises
    ------
    InputFileError
        If shapes do not fit each other.
    """
    where = np.asarray(positions, dtype=np.float64)
    elements = np.array(symbols, dtype=str)
    labels = None if layers is None else np.array(layers, dtype=str)
    if where.ndim != 3 or where.shape[2] != 3:
        raise InputFileError(f"`positions` has the shape {where.shape}; it must be (n_frames, n_atoms, 3).")
    boxes = np.asarray(cells, dtype=np.float64)
    if boxes.shape == (3, 3):
        boxes = np.broadcast_to(boxes, (len(where), 3, 3))
    if boxes.shape != (len(where), 3, 3):
        raise InputFileError(f"`cells` has the shape {boxes.shape}; it must be (3, 3) or ({len(where)}, 3, 3).")
    for name, values in (("symbols", elements), ("layers", labels)):
        if values is not None and values.shape != where.shape[1:2]:
            raise InputFileError(f"`{name}` has the shape {values.shape}; it must be ({where.shape[1]},).")
    return [
        RawFrame(frame, cell, np.zeros(3), symbols=elements, layers=labels)
        for frame, cell in zip(where, boxes, strict=True)
    ]


def ase_frame(atoms: Atoms) -> RawFrame:
    """A frame of an ASE structure, with its ``layer`` array and ``time_ps`` where it has them.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic in three directions.

    Returns
    -------
    RawFrame
        The same.
    """
    layers, time = atoms.arrays.get("layer"), atoms.info.get("time_ps")
    return RawFrame(
        positions=np.array(atoms.positions, dtype=np.float64),
        cell=np.array(atoms.cell, dtype=np.float64),
        origin=np.zeros(3),
        symbols=np.array(atoms.get_chemical_symbols()),
        layers=None if layers is None else np.array(layers, dtype=str),
        time_ps=None if time is None else float(time),
    )


def universe_frames(universe: Any) -> Iterator[RawFrame]:
    """Frames of an MDAnalysis universe, all its atoms.

    Parameters
    ----------
    universe : MDAnalysis.Universe
        With cells; its elements are used where it has them.

    Yields
    ------
    RawFrame
        In order. The universe is left at its first frame.

    Raises
    ------
    InputFileError
        If a frame has no cell.
    """
    from MDAnalysis.lib.mdamath import triclinic_vectors

    symbols = universe_symbols(universe)
    timed = getattr(universe.trajectory, "format", "") in TIMED_FORMATS
    for frame in universe.trajectory:
        if frame.dimensions is None or not frame.dimensions[:3].all():
            raise InputFileError(f"Frame {frame.frame} of the universe has no cell; all analyses here are periodic.")
        yield RawFrame(
            positions=frame.positions.astype(np.float64),
            cell=np.asarray(triclinic_vectors(frame.dimensions, dtype=np.float64)),
            origin=np.zeros(3),
            symbols=symbols,
            time_ps=float(frame.time) if timed else None,
        )


def universe_symbols(universe: Any) -> NDArray[np.str_] | None:
    """Elements of an MDAnalysis universe.

    Parameters
    ----------
    universe : MDAnalysis.Universe
        With or without elements.

    Returns
    -------
    (n_atoms,) str array or None
        None where it has none.
    """
    if not hasattr(universe.atoms, "elements"):
        return None
    symbols = np.array(universe.atoms.elements, dtype=str)
    return symbols if (symbols != "").all() else None
