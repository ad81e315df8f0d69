"""Frames that are in memory: arrays, ASE structures, an MDAnalysis universe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.trajectory.even_times import EvenTimes, even_times, time_of_frame
from mlip_interfaces.trajectory.raw_frame import RawFrame

if TYPE_CHECKING:
    from ase import Atoms

TIMED_FORMATS = ("XTC", "TRR", "NCDF")
"""Readers of MDAnalysis whose time is in the file; the others count frames as picoseconds."""

FIXED_NOTE = (
    "A direction that is not periodic is taken as periodic: leave more vacuum than the largest distance analysed."
)


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


def ase_frame(atoms: Atoms, notes: list[str] | None = None, *, name: str | None = None) -> RawFrame:
    """A frame of an ASE structure, with its ``layer`` and ``id`` arrays and ``time_ps`` where it has them.

    Parameters
    ----------
    atoms : ase.Atoms
        With a cell; without one it is left zero.
    notes : list of str or None
        Gets a sentence when a direction is not periodic.
    name : str or None
        Frame and file, for messages; None for a structure in memory, whose periodicity is often left unsaid.

    Returns
    -------
    RawFrame
        The same; sorted by ``id`` where each atom has one of its own.

    Raises
    ------
    InputFileError
        If it has a cell, is of a file, and is periodic in no direction.
    """
    layers, time = atoms.arrays.get("layer"), atoms.info.get("time_ps")
    if atoms.cell.any() and not atoms.pbc.all():
        if name is not None and not atoms.pbc.any():
            raise InputFileError(
                f"{name} has a cell and is not periodic (pbc F F F); all analyses here are periodic. Set pbc to T T T if it is."
            )
        if notes is not None and FIXED_NOTE not in notes:
            notes.append(FIXED_NOTE)
    ids = atoms.arrays.get("id")
    order = np.arange(len(atoms))
    if ids is not None and np.issubdtype(ids.dtype, np.integer) and np.unique(ids).size == ids.shape[0] == ids.size:
        order, ids = np.argsort(ids), np.sort(ids).astype(np.int64)
    else:
        ids = None
    return RawFrame(
        positions=np.array(atoms.positions, dtype=np.float64)[order],
        cell=np.array(atoms.cell, dtype=np.float64),
        origin=np.zeros(3),
        symbols=np.array(atoms.get_chemical_symbols())[order],
        layers=None if layers is None else np.array(layers, dtype=str)[order],
        time_ps=None if time is None else float(time),
        ids=ids,
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
    if timed and universe.trajectory.format == "NCDF":
        timed = "time" in universe.trajectory.trjfile.variables
    times = EvenTimes(0.0, 0.0, 0.0)
    if timed and len(universe.trajectory) > 1:
        first, last = float(universe.trajectory[0].time), float(universe.trajectory[-1].time)
        rounding = float(np.spacing(np.float32(max(abs(first), abs(last)))))
        times = even_times(first, last, len(universe.trajectory), rounding)
    for frame in universe.trajectory:
        if frame.dimensions is None or not frame.dimensions[:3].all():
            raise InputFileError(f"Frame {frame.frame} of the universe has no cell; all analyses here are periodic.")
        yield RawFrame(
            positions=frame.positions.astype(np.float64),
            cell=np.asarray(triclinic_vectors(frame.dimensions, dtype=np.float64)),
            origin=np.zeros(3),
            symbols=symbols,
            time_ps=time_of_frame(times, int(frame.frame), float(frame.time)) if timed else None,
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
