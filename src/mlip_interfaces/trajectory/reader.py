"""Trajectories, streamed in chunks or read whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from mlip_interfaces.choices import Scheme
from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.trajectory.borrowed_cell import with_cell
from mlip_interfaces.trajectory.formats import is_text_dump, read_frames
from mlip_interfaces.trajectory.formats.dcd import count_dcd_frames
from mlip_interfaces.trajectory.lammps_text import LammpsTextFrames
from mlip_interfaces.trajectory.memory import array_frames, ase_frame, universe_frames
from mlip_interfaces.trajectory.raw_frame import FrameShape, RawFrame
from mlip_interfaces.trajectory.topology import Topology, read_layers, read_topology, standard_masses
from mlip_interfaces.trajectory.unwrapping import Unwrapper

if TYPE_CHECKING:
    from ase import Atoms
    from MDAnalysis import Universe

CHUNK_ATOMS = 200_000
"""Atoms times frames held at once."""

Scalar = TypeVar("Scalar", bound=np.generic)

FARTHEST_ANGSTROM = 1.0e6
"""No atom gets there; beyond it, single precision knows a position to 0.06 angstrom at best."""

UNEVEN = 1.0e-3
"""Relative difference of the time between frames that is rounding."""

SEEN_ATOMS = 32
SEEN_FRAMES = 10_000
"""What is kept of frames to know them again: positions of so many atoms, of so many frames back."""

SAME_FRAME_ANGSTROM = 0.05
"""Root mean square distance of a frame that a restart wrote again; thermal motion alone is more than that."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A trajectory in memory.

    Attributes
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    masses_amu : (n_atoms,) float array, u
        Mass of each atom.
    layers : (n_atoms,) str array
        Name of the layer each atom started in; empty strings where there are no labels.
    positions : (n_frames, n_atoms, 3) float array, angstrom
        Where the atoms are, in any periodic image.
    paths : (n_frames, n_atoms, 3) float array, angstrom
        Unwrapped; see `Frames`.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    times_ps : (n_frames,) float array, ps
        Of the frames, ascending.
    """

    symbols: NDArray[np.str_]
    masses_amu: NDArray[np.float64]
    layers: NDArray[np.str_]
    positions: NDArray[np.float64]
    paths: NDArray[np.float64]
    cells: NDArray[np.float64]
    times_ps: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frames:
    """Consecutive frames.

    Attributes
    ----------
    positions : (n_frames, n_atoms, 3) float array, angstrom
        Where the atoms are, in any periodic image. Distances are those of these positions.
    paths : (n_frames, n_atoms, 3) float array, angstrom
        Unwrapped. Displacements are those of paths; in a cell that changes, a path is not a periodic image of the
        position, and distances between paths mean nothing.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    origins : (n_frames, 3) float array, angstrom
        Corner of each cell.
    times_ps : (n_frames,) float array, ps
        Of the frames, ascending.
    """

    positions: NDArray[np.float64]
    paths: NDArray[np.float64]
    cells: NDArray[np.float64]
    origins: NDArray[np.float64]
    times_ps: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrajectoryReader:
    """An opened trajectory; every call of `chunks` starts from its first frame.

    Attributes
    ----------
    name : str
        Of the file, or of what is in memory, for messages.
    path : Path or None
        The file; None where the frames come from memory.
    raw_frames : callable
        Gives all frames from the first one on, and adds to a list what was left out of the file and why.
    symbols : (n_atoms,) str array
        Element of each atom.
    masses_amu : (n_atoms,) float array, u
        Mass of each atom.
    layers : (n_atoms,) str array or None
        Name of the layer each atom started in; None where there are no labels.
    frame_interval_ps : float or None, ps
        Time between frames as given; None where the file has times.
    start_ps, stop_ps : float or None, ps
        Frames outside are left out; times count from the first frame of the file where it has none.
    unwrap : {'auto', 'tor', 'frac', 'image', 'none'}
        How paths are made continuous; see `mlip_interfaces.trajectory.unwrapping.Unwrapper`.
    inputs : tuple of Path
        Files that were read: the trajectory, its topology, its layers.
    notes : list of str
        What was left out of the file and why, in sentences; complete after a pass.
    """

    name: str
    path: Path | None
    raw_frames: Callable[[list[str]], Iterator[RawFrame]]
    symbols: NDArray[np.str_]
    masses_amu: NDArray[np.float64]
    layers: NDArray[np.str_] | None
    frame_interval_ps: float | None
    start_ps: float | None
    stop_ps: float | None
    unwrap: Scheme
    inputs: tuple[Path, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.symbols.size

    @property
    def origin(self) -> str:
        """The file with its path, or what the frames in memory are."""
        return self.name if self.path is None else str(self.path)

    def count_frames(self) -> int:
        """Whole frames that are there, whatever the time asked for; all are read unless it is a DCD file.

        Returns
        -------
        int
            One at least.

        Raises
        ------
        InputFileError
            If the file is damaged, where it is read.
        """
        if self.path is not None and self.path.suffix == ".dcd":
            return count_dcd_frames(self.path)
        return sum(1 for _ in self.raw_frames([]))

    def chunks(self, n_frames: int | None = None, *, unwrapped: bool = True) -> Iterator[Frames]:
        """Frames in chunks, so that memory does not grow with the length of the run.

        Parameters
        ----------
        n_frames : int, optional
            Largest number in a chunk; by default as many as make two hundred thousand positions.
        unwrapped : bool, optional
            Whether paths are made continuous; without it they are the positions, and frames may be as far apart in time as
            they like.

        Yields
        ------
        Frames
            In order of time; every call starts from the first frame.

        Raises
        ------
        InputFileError
            If a frame is damaged, not finite, without a cell, or differs in its atoms from the first; if times are uneven;
            if paths cannot be unwrapped.
        """
        self.notes.clear()
        unwrapper = Unwrapper(self.unwrap)
        kind: tuple[bool, bool] | None = None
        mixed = False
        frames = self._timed(self.raw_frames(self.notes))
        size = n_frames if n_frames is not None else max(2, CHUNK_ATOMS // self.n_atoms)
        while part := list(islice(frames, size)):
            raw = [frame for frame, _ in part]
            positions = np.array([frame.positions for frame in raw])
            cells = np.array([frame.cell for frame in raw])
            origins = np.array([frame.origin for frame in raw])
            times = np.array([time for _, time in part])
            if not unwrapped:
                yield Frames(positions, positions, cells, origins, times)
                continue
            kinds = [(frame.images is not None, bool(frame.unwrapped)) for frame in raw]
            kind = kinds[0] if kind is None else kind
            if not mixed and any(other != kind for other in kinds):
                mixed = True
                self.notes.append(
                    f"{self.name} has unwrapped positions or image flags in some frames only; they were not used, and paths "
                    "follow from the steps between frames."
                )
            stored = None
            if mixed:
                pass
            elif raw[0].images is not None:
                images = np.array([frame.images for frame in raw], dtype=np.float64)
                stored = positions + images @ cells
            elif raw[0].unwrapped:
                stored = positions
            paths = unwrapper.feed(positions, cells, origins=origins, stored=stored)
            yield Frames(positions, paths, cells, origins, times)

    def first_frame(self) -> Frames:
        """The first frame of the file, whatever the time asked for.

        Returns
        -------
        Frames
            It alone, its paths not unwrapped.

        Raises
        ------
        InputFileError
            If it is damaged, or there is none.
        """
        whole = replace(self, start_ps=None, stop_ps=None, notes=[])
        for frames in whole.chunks(1, unwrapped=False):
            return frames
        raise InputFileError(f"{self.origin} has no frame.")

    def read(self) -> Trajectory:
        """Read all frames into memory.

        Returns
        -------
        Trajectory
            With empty names of layers where there are no labels.

        Raises
        ------
        InputFileError
            As `chunks`, or if there is no frame in the time asked for.
        """
        parts = list(self.chunks())
        if not parts:
            raise InputFileError(f"{self.origin} has no frame between `start_ps` and `stop_ps`.")
        return Trajectory(
            symbols=self.symbols,
            masses_amu=self.masses_amu,
            layers=self.layers if self.layers is not None else np.full(self.n_atoms, ""),
            positions=np.concatenate([part.positions for part in parts]),
            paths=np.concatenate([part.paths for part in parts]),
            cells=np.concatenate([part.cells for part in parts]),
            times_ps=np.concatenate([part.times_ps for part in parts]),
        )

    def _timed(self, frames: Iterator[RawFrame]) -> Iterator[tuple[RawFrame, float]]:
        """Frames within the time asked for, checked, each with its time."""
        first_step: int | None = None
        last_step: int | None = None
        stride: int | None = None
        last_time = -np.inf
        spacing: float | None = None
        number = 0
        seen = _SeenFrames(self.origin)
        for place, frame in enumerate(frames):
            if last_step is not None and frame.step is not None and frame.step <= last_step:
                self._require_sound(frame, place)
                seen.require_same(frame, place)
                note = f"Frames that a restart of the MD wrote again in {self.name} were left out."
                if note not in self.notes:
                    self.notes.append(note)
                continue
            self._require_sound(frame, place)
            if self.frame_interval_ps is None:
                assert frame.time_ps is not None
                time = frame.time_ps
            elif frame.step is None or first_step is None:
                time = number * self.frame_interval_ps
            else:
                if stride is None:
                    stride = frame.step - first_step
                time = (frame.step - first_step) / stride * self.frame_interval_ps
            if number > 0:
                if spacing is None:
                    spacing = time - last_time
                    if spacing == 0.0:
                        raise InputFileError(
                            f"The first frames of {self.origin} have the same time, {time:g} ps, so it is none; give "
                            "`frame_interval_ps`."
                        )
                if spacing <= 0.0 or abs(time - last_time - spacing) > UNEVEN * spacing:
                    raise InputFileError(
                        f"The time between frames of {self.origin} is not constant: {spacing:g} ps at first, "
                        f"{time - last_time:g} ps before frame {place}. Cut the file there, or write it evenly."
                    )
            seen.add(frame)
            first_step = frame.step if first_step is None else first_step
            last_step, last_time = frame.step, time
            number += 1
            if self.stop_ps is not None and time > self.stop_ps + 1e-9:
                return
            if self.start_ps is None or time >= self.start_ps - 1e-9:
                yield frame, time

    def _require_sound(self, frame: RawFrame, number: int) -> None:
        if len(frame.positions) != self.n_atoms:
            raise InputFileError(
                f"Frame {number} of {self.origin} has {counted(len(frame.positions), 'atom')}, the first one {self.n_atoms}."
            )
        # Readers that know the elements once hand on the same array for every frame.
        if (
            frame.symbols is not None
            and frame.symbols is not self.symbols
            and not np.array_equal(frame.symbols, self.symbols)
        ):
            raise InputFileError(f"Frame {number} of {self.origin} has its atoms in another order than the first.")
        if not (frame.positions.min() > -FARTHEST_ANGSTROM and frame.positions.max() < FARTHEST_ANGSTROM):
            finite = np.isfinite(frame.positions).all()
            what = f"farther away than {FARTHEST_ANGSTROM:g} angstrom" if finite else "not finite numbers"
            raise InputFileError(
                f"{self.origin} holds positions that are {what} (frame {number}): the MD blew up. Analyse what came before with "
                "`stop_ps`, or copy the file anew if it is damaged."
            )
        if not np.isfinite(frame.cell).all() or abs(np.linalg.det(frame.cell)) < 1e-6:
            raise InputFileError(f"Frame {number} of {self.origin} has no cell; all analyses here are periodic.")
        if self.frame_interval_ps is None and frame.time_ps is None:
            raise InputFileError(f"Frame {number} of {self.origin} has no time; give `frame_interval_ps`.")


def open_trajectory(
    source: Path | str | Sequence[Atoms] | Universe,
    *,
    topology: Path | str | None = None,
    layers: Path | str | None = None,
    frame_interval_ps: float | None = None,
    start_ps: float | None = None,
    stop_ps: float | None = None,
    unwrap: Scheme = "auto",
) -> TrajectoryReader:
    """Open a trajectory for streaming.

    Parameters
    ----------
    source : path, sequence of ase.Atoms, or MDAnalysis.Universe
        A LAMMPS text dump, DCD, XTC, NetCDF, extended XYZ, XDATCAR or AMBER's mdcrd (see
        `mlip_interfaces.trajectory.formats`), or frames in memory.
    topology : path or None
        LAMMPS data file, or any structure file, in the atom order of the trajectory; gives elements, masses, and the cell
        of a trajectory that has none.
    layers : path or None
        ``layers.json`` with the element and the layer of each atom. A file without elements, and an mdcrd, which does not
        say how many atoms it has, need this or a topology.
    frame_interval_ps : float or None, ps
        Time between frames. Required unless the file has times of certain unit (XTC, NetCDF, ``time_ps`` in extended XYZ, a
        LAMMPS dump with ``dump_modify time yes units yes``).
    start_ps, stop_ps : float or None, ps
        Leave out frames before and after.
    unwrap : {"auto", "tor", "frac", "image", "none"}
        See `mlip_interfaces.trajectory.unwrapping.Unwrapper`.

    Returns
    -------
    TrajectoryReader
        Knows elements, masses and layers; reads frames when asked for.

    Raises
    ------
    InputFileError
        If a file is missing, damaged, or of an unknown format, has no frame, or elements or time are not known; if the
        numbers of atoms, or their elements, differ between files.

    Examples
    --------
    >>> open_trajectory("missing.dcd")
    Traceback (most recent call last):
    ...
    mlip_interfaces.errors.InputFileError: The trajectory missing.dcd does not exist.
    """
    content = None if layers is None else read_layers(Path(layers))
    elements = () if content is None else content.elements
    atoms = None if topology is None else read_topology(Path(topology), elements=elements)
    shape: FrameShape | None = None
    if topology is not None and atoms is not None:
        shape = FrameShape(Path(topology).name, atoms.symbols.size, atoms.cell)
    elif layers is not None and content is not None:
        shape = FrameShape(Path(layers).name, content.symbols.size, np.zeros((3, 3)))
    opened = _opened(source, shape)
    name, frame, ids = opened.name, opened.first, opened.ids
    symbols, labels = frame.symbols, frame.layers
    raw_frames, masses = opened.raw_frames, opened.masses_amu
    if layers is not None and content is not None:
        known_symbols, labels = _rows(content.symbols, ids), _rows(content.layers, ids)
        symbols = _agreed(name, frame, symbols, Path(layers), known_symbols)
    if topology is not None and atoms is not None:
        rows = _rows_by_id(name, ids, Path(topology), atoms)
        symbols = _agreed(name, frame, symbols, Path(topology), atoms.symbols[rows])
        masses = atoms.masses_amu[rows]
        if opened.types is not None and atoms.types is not None and ids is not None:
            _require_same_types(name, ids, opened.types, Path(topology), atoms.types[rows])
        if not frame.cell.any():
            raw_frames = with_cell(raw_frames, atoms.cell, Path(topology).name)
    if symbols is None:
        types = "" if opened.types is None else ", ".join(map(str, np.unique(opened.types)))
        seen = f" (its atoms have LAMMPS types {types})" if types else ""
        raise InputFileError(
            " ".join(
                (
                    f"{name} does not say which atom is which element{seen}; give `topology` (the LAMMPS data file) or "
                    "`layers`.",
                    *opened.notes,
                )
            )
        )
    unknown = sorted(set(symbols.tolist()) - (atomic_numbers.keys() - {"X"}))
    if unknown:
        raise InputFileError(f"{name} names {', '.join(unknown)}, which is not an element.")
    if opened.types is not None:
        other = topology if topology is not None else layers if layers is not None else opened.path
        _require_one_element_per_type(name, opened.types, symbols, elements, str(other))
    _require_time(name, frame, frame_interval_ps)
    return TrajectoryReader(
        name=name if opened.path is None else opened.path.name,
        path=opened.path,
        raw_frames=raw_frames,
        symbols=symbols,
        masses_amu=standard_masses(symbols) if masses is None else masses,
        layers=labels,
        frame_interval_ps=frame_interval_ps,
        start_ps=start_ps,
        stop_ps=stop_ps,
        unwrap=unwrap,
        inputs=tuple(Path(file) for file in (opened.path, topology, layers) if file is not None),
    )


def trajectory_of_arrays(
    positions: ArrayLike,
    cells: ArrayLike,
    symbols: Sequence[str],
    *,
    frame_interval_ps: float,
    layers: Sequence[str] | None = None,
    unwrap: Scheme = "auto",
) -> TrajectoryReader:
    """A trajectory of plain arrays.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) array, angstrom
        Wrapped or not.
    cells : (n_frames, 3, 3) or (3, 3) array, angstrom
        Rows are lattice vectors.
    symbols : sequence of str
        Element of each atom.
    frame_interval_ps : float, ps
        Time between frames.
    layers : sequence of str or None
        Layer of each atom.
    unwrap : {"auto", "tor", "frac", "image", "none"}
        See `mlip_interfaces.trajectory.unwrapping.Unwrapper`.

    Returns
    -------
    TrajectoryReader
        As `open_trajectory` gives.

    Raises
    ------
    InputFileError
        If shapes do not fit each other, there is no frame, or a symbol is no element.
    """
    frames = array_frames(positions, cells, symbols, layers)
    name = "arrays in memory"
    if not frames:
        raise InputFileError(f"{name} hold no frame.")
    unknown = sorted(set(symbols) - (atomic_numbers.keys() - {"X"}))
    if unknown:
        raise InputFileError(f"`symbols` names {', '.join(unknown)}, which is not an element.")
    _require_time(name, frames[0], frame_interval_ps)
    elements = np.array(symbols, dtype=str)
    return TrajectoryReader(
        name=name,
        path=None,
        raw_frames=lambda notes: iter(frames),
        symbols=elements,
        masses_amu=standard_masses(elements),
        layers=frames[0].layers,
        frame_interval_ps=frame_interval_ps,
        start_ps=None,
        stop_ps=None,
        unwrap=unwrap,
    )


def read_trajectory(file: Path, layers_file: Path, *, frame_interval_ps: float) -> Trajectory:
    """Read a trajectory of our own MD into memory, paths continuous.

    Parameters
    ----------
    file : Path
        In DCD format.
    layers_file : Path
        Element and layer of each atom, by atom id.
    frame_interval_ps : float, ps
        Time between frames.

    Returns
    -------
    Trajectory
        All its frames.

    Raises
    ------
    InputFileError
        As `open_trajectory`.
    """
    return open_trajectory(file, layers=layers_file, frame_interval_ps=frame_interval_ps).read()


def _require_time(name: str, frame: RawFrame, frame_interval_ps: float | None) -> None:
    if frame_interval_ps is None and frame.time_ps is None:
        raise InputFileError(f"{name} does not say how much time lies between frames; give `frame_interval_ps`.")
    if frame_interval_ps is not None and not (np.isfinite(frame_interval_ps) and frame_interval_ps > 0.0):
        raise InputFileError(f"`frame_interval_ps` must be positive, not {frame_interval_ps}.")


class _SeenFrames:
    """A few positions of the frames so far, by MD step, to tell a frame that was written again from one of another run."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._positions: dict[int, NDArray[np.float32]] = {}

    def add(self, frame: RawFrame) -> None:
        """Remember a frame; the oldest one is forgotten where there are too many."""
        if frame.step is None:
            return
        if len(self._positions) == SEEN_FRAMES:
            del self._positions[next(iter(self._positions))]
        self._positions[frame.step] = self._sample(frame.positions).astype(np.float32)

    def require_same(self, frame: RawFrame, place: int) -> None:
        """Refuse a frame whose step has gone by with other positions."""
        assert frame.step is not None
        before = self._positions.get(frame.step)
        if before is not None:
            away = (self._sample(frame.positions) - before) @ np.linalg.inv(frame.cell)
            away = (away - np.round(away)) @ frame.cell
            distance = float(np.sqrt((away**2).sum(axis=1).mean()))
            if distance <= SAME_FRAME_ANGSTROM:
                return
            what = f"the frame of that step before has other positions ({distance:.2g} angstrom away)"
        else:
            what = "no frame of that step stands before it"
        raise InputFileError(
            f"{self._origin}: the steps go back at frame {place} (step {frame.step}), and {what}: another run begins there "
            "(`reset_timestep`), or the MD went another way after a restart. Split the file before that frame, or remove what "
            "was written twice."
        )

    @staticmethod
    def _sample(positions: NDArray[np.float64]) -> NDArray[np.float64]:
        return positions[:: max(1, len(positions) // SEEN_ATOMS)][:SEEN_ATOMS]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A source of frames and its first one; ids, types and masses where the source has them."""

    name: str
    path: Path | None
    raw_frames: Callable[[list[str]], Iterator[RawFrame]]
    first: RawFrame
    ids: NDArray[np.int64] | None = None
    types: NDArray[np.int64] | None = None
    masses_amu: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()


def _opened(source: Path | str | Sequence[Atoms] | Universe, shape: FrameShape | None) -> _Opened:
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise InputFileError(f"The trajectory {path} does not exist.")
        if is_text_dump(path):
            return _opened_text_dump(path, named_elsewhere=shape is not None)
        frames = partial(read_frames, path, shape=shape)
        first = next(frames([]), None)
        if first is None:
            raise InputFileError(f"{path} holds no frame.")
        return _Opened(str(path), path, frames, first, first.ids, first.types)
    if isinstance(source, Sequence):
        name = f"{counted(len(source), 'structure')} in memory"
        if not source:
            raise InputFileError(f"{name} hold no frame.")
        return _Opened(name, None, lambda notes: (ase_frame(atoms, notes) for atoms in source), ase_frame(source[0]))
    name = "the MDAnalysis universe"
    frame = next(universe_frames(source), None)
    if frame is None:
        raise InputFileError(f"{name} holds no frame.")
    masses = np.asarray(getattr(source.atoms, "masses", np.zeros(1)), dtype=np.float64)
    known = masses if masses.size == len(frame.positions) and (masses > 0.0).all() else None
    return _Opened(name, None, lambda notes: universe_frames(source), frame, masses_amu=known)


def _opened_text_dump(path: Path, *, named_elsewhere: bool) -> _Opened:
    text = LammpsTextFrames(path, named_elsewhere=named_elsewhere)
    first = next(iter(text), None)
    if first is None:
        raise InputFileError(f"{path} holds no frame.")

    def raw_frames(notes: list[str]) -> Iterator[RawFrame]:
        frames = LammpsTextFrames(path, named_elsewhere=named_elsewhere)
        try:
            yield from frames
        finally:
            notes.extend(frames.notes)

    return _Opened(str(path), path, raw_frames, first, text.ids, text.types, notes=tuple(text.notes))


def _rows(values: NDArray[Scalar], ids: NDArray[np.int64] | None) -> NDArray[Scalar]:
    """Values by atom id (from 1) of the atoms in the file, which may be a group of them."""
    if ids is None or ids.size == values.size or ids[0] < 1 or ids[-1] > values.size:
        return values
    return values[ids - 1]


def _rows_by_id(name: str, ids: NDArray[np.int64] | None, other: Path, atoms: Topology) -> NDArray[np.int64]:
    """Rows of a topology that are the atoms in the file: by id where both have them."""
    if ids is None or atoms.ids is None:
        return _rows(np.arange(atoms.symbols.size), ids)
    rows = np.minimum(np.searchsorted(atoms.ids, ids), atoms.ids.size - 1)
    strange = ids[atoms.ids[rows] != ids]
    if strange.size:
        raise InputFileError(
            f"{name} has an atom of id {strange[0]}, {other} has none ({strange.size} such ids); they belong to different "
            "models."
        )
    return rows


def _require_same_types(
    name: str, ids: NDArray[np.int64], types: NDArray[np.int64], other: Path, known: NDArray[np.int64]
) -> None:
    if not np.array_equal(types, known):
        atom = int(np.argmax(types != known))
        raise InputFileError(
            f"The atom of id {ids[atom]} has LAMMPS type {types[atom]} in {name} and {known[atom]} in {other}; they belong to "
            f"different models, or atoms changed their types between the two ({int((types != known).sum())} such atoms)."
        )


def _require_one_element_per_type(
    name: str, types: NDArray[np.int64], symbols: NDArray[np.str_], elements: tuple[str, ...], other: str
) -> None:
    """Refuse elements that contradict the LAMMPS types of the atoms."""
    for number in np.unique(types).tolist():
        found = np.unique(symbols[types == number]).tolist()
        if len(found) > 1:
            raise InputFileError(
                f"Atoms of LAMMPS type {number} in {name} are {' and '.join(found)} by {other}; a type is one element: the file "
                "has its atoms in another order, or is of another model. Give the LAMMPS data file of the run as `topology`."
            )
        if elements and 1 <= number <= len(elements) and elements[number - 1] != found[0]:
            raise InputFileError(
                f"Atoms of LAMMPS type {number} in {name} are {found[0]} by {other}, and the type map says "
                f"{elements[number - 1]}; they belong to different models."
            )


def _agreed(
    name: str, frame: RawFrame, known: NDArray[np.str_] | None, other: Path, symbols: NDArray[np.str_]
) -> NDArray[np.str_]:
    """The elements of `other`, if they are those known so far."""
    if symbols.size != len(frame.positions):
        raise InputFileError(f"{name} has {counted(len(frame.positions), 'atom')}, {other} has {symbols.size}.")
    if known is not None and not np.array_equal(known, symbols):
        atom = int(np.argmax(known != symbols))
        raise InputFileError(
            f"{other} calls atom {atom + 1} of {name} {symbols[atom]}, another file calls it {known[atom]}; they belong to "
            "different models or orders of atoms."
        )
    return symbols
