"""The contract between one analysis and the pass over a trajectory: what is known when, and who is fed what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError

if TYPE_CHECKING:
    from mlip_interfaces.analysis.displacement_store import DisplacementStore
    from mlip_interfaces.observables.reach import Reach
    from mlip_interfaces.observables.results import Result
    from mlip_interfaces.trajectory import Frames, TrajectoryReader


@dataclass(frozen=True, slots=True)
class Start:
    """What is known before the first frame is taken.

    Attributes
    ----------
    trajectory : TrajectoryReader
        Its elements, masses, layers and name; of its frames an observer looks at the first at most.
    at_rest : (n_atoms,) bool array or None
        Atoms whose centre of mass is at rest; None where the drift stays in.
    strict : bool
        Whether what cannot be done is an error; else it is left out, and said.
    resources : ExitStack
        Closes files that an observer keeps open.
    half_cell_angstrom : float or None, angstrom
        Half of the smallest cell of all frames, once a pass has seen them.
    shared : dict
        What observers of one pass make once for all of them, by what it depends on.
    """

    trajectory: TrajectoryReader
    at_rest: NDArray[np.bool_] | None
    strict: bool
    resources: ExitStack
    half_cell_angstrom: float | None = None
    shared: dict[object, Any] = field(default_factory=dict, repr=False)

    @property
    def half_known_angstrom(self) -> float:
        """Half of the smallest cell that is known: of the first one before a pass has seen all, angstrom."""
        from mlip_interfaces.analysis.rdf import largest_r_max
        from mlip_interfaces.trajectory.selection import first_cell

        known = self.half_cell_angstrom
        return largest_r_max(first_cell(self.trajectory)[None]) if known is None else known


class Batch:
    """Consecutive frames, and what several observers derive from them, derived once.

    Parameters
    ----------
    frames : Frames
        As the reader gives them.
    first_paths : (n_atoms, 3) float array, angstrom
        Unwrapped positions in the first frame of the run.
    masses_amu : (n_atoms,) float array, u
        Of the atoms.
    at_rest : (n_atoms,) bool array or None
        Atoms whose centre of mass is at rest.
    """

    def __init__(
        self,
        frames: Frames,
        first_paths: NDArray[np.float64],
        masses_amu: NDArray[np.float64],
        at_rest: NDArray[np.bool_] | None,
    ) -> None:
        self.frames = frames
        self._first_paths, self._masses, self._at_rest = first_paths, masses_amu, at_rest

    @cached_property
    def volumes(self) -> NDArray[np.float64]:
        """Volume of each cell, shape (n_frames,), angstrom^3."""
        return np.asarray(np.abs(np.linalg.det(self.frames.cells)))

    @cached_property
    def _moved(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from mlip_interfaces.trajectory import center_of_mass_path

        moved = self.frames.paths - self._first_paths
        drift = np.zeros((len(moved), 3))
        if self._at_rest is not None:
            drift = center_of_mass_path(moved, self._masses, self._at_rest)
            moved -= drift[:, None]
        return moved, drift

    @property
    def displacements(self) -> NDArray[np.float64]:
        """r(t) - r(0) in the frame of reference asked for, shape (n_frames, n_atoms, 3), angstrom."""
        return self._moved[0]

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """Positions, in any image, with the drift taken out, shape (n_frames, n_atoms, 3), angstrom."""
        return self.frames.positions - self._moved[1][:, None]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known after the last frame.

    Attributes
    ----------
    trajectory : TrajectoryReader
        Its elements, masses, layers and name.
    times_ps : (n_frames,) float array, ps
        Of the frames in the time asked for.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    volumes_angstrom3 : (n_frames,) float array, angstrom^3
        Of the cells.
    first_positions : (n_atoms, 3) float array, angstrom
        Of the first frame; unwrapped where an analysis uses displacements.
    drift : str
        Frame of reference of displacements, as it was asked for.
    store : DisplacementStore or None
        Displacements of all atoms that an observer called moving.
    """

    trajectory: TrajectoryReader
    times_ps: NDArray[np.float64]
    cells: NDArray[np.float64]
    volumes_angstrom3: NDArray[np.float64]
    first_positions: NDArray[np.float64]
    drift: str
    store: DisplacementStore | None = field(repr=False)

    @property
    def mean_cell(self) -> NDArray[np.float64]:
        """Mean over frames, shape (3, 3), angstrom."""
        return np.asarray(self.cells.mean(axis=0))

    @property
    def interval_ps(self) -> float:
        """Time between frames, ps.

        Raises
        ------
        AnalysisError
            If there is a single frame.
        """
        if self.times_ps.size < 2:
            raise AnalysisError(
                f"{self.trajectory.name} has a single frame in the time asked for; displacements and errors need a trajectory."
            )
        return float(self.times_ps[-1] - self.times_ps[0]) / (self.times_ps.size - 1)

    def frames_in(self, time_ps: float) -> int:
        """Frames in a time, one at least.

        Parameters
        ----------
        time_ps : float, ps
            Rounded to the time between the first two frames.

        Returns
        -------
        n_frames : int
            One where there is a single frame.
        """
        return frames_in(time_ps, self.times_ps)

    def displacements(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Displacements of some of the atoms called moving.

        Parameters
        ----------
        mask : (n_atoms,) bool array
            Which atoms.

        Returns
        -------
        displacements : (n_frames, n_chosen, 3) float array, angstrom
            In the frame of reference asked for, from the first frame on.
        """
        if self.store is None:
            raise ValueError("no observer called an atom moving")
        return self.store.of(mask)


def frames_in(time_ps: float, times_ps: NDArray[np.float64]) -> int:
    """Frames in a time, by the time between the first two frames, one at least.

    Parameters
    ----------
    time_ps : float, ps
        How long.
    times_ps : (n_frames,) float array, ps
        Of frames.

    Returns
    -------
    n_frames : int
        One where there is a single frame.
    """
    return max(1, round(time_ps / float(times_ps[1] - times_ps[0]))) if times_ps.size > 1 else 1


class Observer(ABC):
    """What one request takes of a trajectory. A child overrides what it needs.

    Attributes
    ----------
    moving : (n_atoms,) bool array or None
        Atoms whose displacements the pass keeps for `finish`.
    scans : bool
        Whether `scan` does work, which then runs in threads.
    reach : Reach or None
        How far it looks, from `Start.half_known_angstrom`. Where a later cell is too small for it, the pass drops the observer and
        makes another one, which knows the smallest cell.
    notes : list of str
        What a reader of the result must know, in sentences.
    absent : dict of str to str
        Part of the request that was left out -> why.
    """

    scans: bool = False

    def __init__(self) -> None:
        self.moving: NDArray[np.bool_] | None = None
        self.reach: Reach | None = None
        self.notes: list[str] = []
        self.absent: dict[str, str] = {}

    def scan(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> Any:  # noqa: B027 (optional)
        """What depends on single frames alone; must not change the observer, since chunks are scanned side by side.

        Parameters
        ----------
        positions : (n_frames, n_atoms, 3) float array, angstrom
            In any periodic image.
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        scanned : object
            Handed to `feed` with the same frames.
        """

    def feed(self, batch: Batch, scanned: Any) -> None:  # noqa: B027 (optional)
        """Take frames, in order.

        Parameters
        ----------
        batch : Batch
            The frames.
        scanned : object
            What `scan` returned for them.
        """

    @abstractmethod
    def finish(self, record: Record) -> Result | None:
        """The result, once all frames were fed.

        Parameters
        ----------
        record : Record
            Times, cells and displacements of the run.

        Returns
        -------
        result : Result or None
            None where every part of the request is absent.

        Raises
        ------
        AnalysisError
            If there are too few frames, say.
        """
