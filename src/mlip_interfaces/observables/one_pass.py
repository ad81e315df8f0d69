"""One pass over a trajectory that feeds every analysis asked for, and a second one for those that the smallest cell cuts short."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.provenance import Provenance
from mlip_interfaces.observables.request import Request
from mlip_interfaces.observables.results import Result, Results, read_only

if TYPE_CHECKING:
    from mlip_interfaces.trajectory import Frames, TrajectoryReader

Made = TypeVar("Made")
Scanned = dict[str, object]
"""What each observer found in the frames of a chunk, by name."""


def analyze(
    trajectory: TrajectoryReader,
    requests: Sequence[Request] | Mapping[str, Request],
    *,
    drift: str = "com",
    strict: bool = True,
    n_threads: int = 1,
    progress: Callable[[float], None] = lambda time_ps: None,
) -> Results:
    """Every analysis asked for, in one pass; those that look farther than a later cell allows, in a second one, and not so far.

    Parameters
    ----------
    trajectory : TrajectoryReader
        From `mlip_interfaces.open_trajectory`.
    requests : sequence of Request, or mapping of str to Request
        What to compute, with names of one's own; in a sequence a request is called by its kind, the second of a kind ``msd-2``.
    drift : str
        Frame of reference of all displacements: ``com``, ``none``, or names of elements or of one layer, whose centre of mass is
        at rest. In a file of mobile ions alone ``com`` is none, and displacements stay as they are; a note says so.
    strict : bool
        Whether an analysis that cannot be done (an absent element, say) is an error; else it is named in the results.
    n_threads : int
        For pair searches besides the one that reads; with one, all is done in turn. The results do not depend on it.
    progress : callable
        Called with the time reached, ps.

    Returns
    -------
    results : Results
        By name.

    Raises
    ------
    AnalysisError
        If an analysis cannot be done (where `strict`), the trajectory has a single frame or none in the time asked for, or
        two requests would write the same file.
    InputFileError
        If the file is damaged.
    """
    from mlip_interfaces.analysis.rdf import largest_r_max
    from mlip_interfaces.trajectory.selection import lacks_framework, reference_mask

    asked = requests if isinstance(requests, Mapping) else named(requests)
    check_names(asked)
    notes = []
    if drift == "com" and lacks_framework(trajectory):
        drift = "none"
        if any(request.uses_displacements for request in asked.values()):
            notes.append(_no_framework(trajectory))
    with ExitStack() as resources:
        start = Start(trajectory, reference_mask(trajectory, drift), strict, resources)
        first = _Pass(start, asked, notes)
        record = first.run(drift, n_threads, progress)
        passes = [first]
        if first.too_far:
            again = {name: asked[name] for name in first.too_far}
            passes.append(
                _Pass(replace(start, half_cell_angstrom=largest_r_max(record.cells), shared={}), again, notes)
            )
            passes[1].run(drift, n_threads, progress)
        found = {name: result for one in passes for name, result in one.found.items()}
        absent = {name: why for one in passes for name, why in one.absent.items()}
        return _results({name: found[name] for name in asked if name in found}, absent, notes, record)


def named(requests: Sequence[Request]) -> dict[str, Request]:
    """Requests by kind, the second of a kind as in ``msd-2``.

    Parameters
    ----------
    requests : sequence of Request
        In the order of their results.

    Returns
    -------
    requests : dict of str to Request
        Each under a name of its own.
    """
    found: dict[str, Request] = {}
    for request in requests:
        number = sum(other.kind == request.kind for other in found.values()) + 1
        found[request.kind if number == 1 else f"{request.kind}-{number}"] = request
    return found


def check_names(requests: Mapping[str, Request]) -> None:
    """Whether all results have files of their own.

    Parameters
    ----------
    requests : mapping of str to Request
        By the name of their files.

    Raises
    ------
    AnalysisError
        If the table of one is the table of another: ``rdf_whole.csv`` of a request ``rdf`` and of one called ``rdf_whole``.
    """
    owners: dict[str, str] = {}
    for name, request in requests.items():
        for end in request.table_ends:
            file = f"{name}_{end}.csv" if end else f"{name}.csv"
            if file in owners:
                raise AnalysisError(
                    f"The analyses '{owners[file]}' and '{name}' would both write {file}; give one of them another name."
                )
            owners[file] = name


def _no_framework(trajectory: TrajectoryReader) -> str:
    present = ", ".join(dict.fromkeys(trajectory.symbols.tolist()))
    return (
        f"{trajectory.name} has {present} alone, and no framework that they move in: their centre of mass moves with the "
        "current, and is no frame of reference. Displacements are those of the file, with whatever drift the run had; write "
        "all atoms to the file, or name elements at rest with `drift`."
    )


def _results(found: dict[str, Result], absent: dict[str, str], notes: list[str], record: Record) -> Results:
    """What all passes gave, with its origin."""
    reader = record.trajectory
    said = (*reader.notes, *notes)
    origin = Provenance(
        trajectory=reader.origin,
        inputs=reader.inputs,
        n_frames=record.times_ps.size,
        n_atoms=reader.n_atoms,
        time_start_ps=float(record.times_ps[0]),
        time_end_ps=float(record.times_ps[-1]),
        unwrap=reader.unwrap,
        drift=record.drift,
        notes=said,
    )
    return Results(found, absent, said, record.times_ps, record.mean_cell, origin)


class _Pass:
    """State of one pass: observers by name, what all of them share, and what they found."""

    def __init__(self, start: Start, requests: Mapping[str, Request], notes: list[str]) -> None:
        from mlip_interfaces.analysis.displacement_store import DisplacementStore

        self._start = start
        self._unwrapped = any(request.uses_displacements for request in requests.values())
        self.found: dict[str, Result] = {}
        self.absent: dict[str, str] = {}
        self.too_far: list[str] = []
        self._notes = notes
        self.observers: dict[str, Observer] = {}
        for name, request in requests.items():
            observer = self._tried(name, partial(request.observe, start))
            if observer is not None:
                self.observers[name] = observer
        moving = np.zeros(start.trajectory.n_atoms, dtype=bool)
        for observer in self.observers.values():
            if observer.moving is not None:
                moving |= observer.moving
        self._store = start.resources.enter_context(DisplacementStore(moving)) if moving.any() else None
        self._times: list[NDArray[np.float64]] = []
        self._cells: list[NDArray[np.float64]] = []
        self._volumes: list[NDArray[np.float64]] = []
        self._first: NDArray[np.float64] | None = None

    def run(self, drift: str, n_threads: int, progress: Callable[[float], None]) -> Record:
        """Feed all frames, and find."""
        for batch, scanned in _scanned(self, n_threads):
            self._feed(batch, scanned)
            progress(float(batch.frames.times_ps[-1]))
        return self._finish(drift)

    def batches(self) -> Iterator[Batch]:
        """Frames of the trajectory in chunks."""
        reader = self._start.trajectory
        for frames in reader.chunks(unwrapped=self._unwrapped):
            if self._first is None:
                self._first = frames.paths[0].copy()
            yield Batch(frames, self._first, reader.masses_amu, self._start.at_rest)

    def scanners(self) -> dict[str, Observer]:
        """Observers that look at single frames, by name."""
        return {name: observer for name, observer in self.observers.items() if observer.scans}

    def _feed(self, batch: Batch, scanned: Scanned) -> None:
        """Hand a batch to all observers."""
        self._times.append(batch.frames.times_ps)
        self._cells.append(batch.frames.cells)
        self._volumes.append(batch.volumes)
        if self._store is not None:
            self._store.add(batch.displacements)
        for name, observer in list(self.observers.items()):
            if observer.reach is not None and not observer.reach.fits(batch.frames.cells):
                self.too_far.append(name)
                del self.observers[name]
                continue
            self._tried(name, partial(observer.feed, batch, scanned.get(name)))
            if name in self.absent:
                del self.observers[name]

    def _finish(self, drift: str) -> Record:
        """Find, and say what is known of all frames."""
        reader = self._start.trajectory
        if self._first is None:
            raise AnalysisError(f"{reader.name} has no frame in the time asked for.")
        record = Record(
            reader,
            np.concatenate(self._times),
            np.concatenate(self._cells),
            np.concatenate(self._volumes),
            self._first,
            drift,
            self._store,
        )
        if self._start.strict:
            _ = record.interval_ps
        for name, observer in self.observers.items():
            result = self._tried(name, partial(observer.finish, record))
            self.absent |= {f"{name} {part}": why for part, why in observer.absent.items()}
            notes = observer.notes
            if observer.reach is not None and observer.reach.note is not None:
                notes = [*notes, observer.reach.note]
            self._notes += [note for note in notes if note not in self._notes]
            if result is not None:
                read_only(result)
                self.found[name] = result
        return record

    def _tried(self, name: str, work: Callable[[], Made]) -> Made | None:
        """The outcome; None where an analysis cannot be done and need not."""
        try:
            return work()
        except AnalysisError as error:
            if self._start.strict:
                raise
            self.absent[name] = str(error)
            return None


def _scanned(run: _Pass, n_threads: int) -> Iterator[tuple[Batch, Scanned]]:
    """Batches in order, each with what the scanners found; a few ahead are at work in other threads."""
    scanners = run.scanners()

    def scan(frames: Frames) -> Scanned:
        there = {name: observer for name, observer in scanners.items() if name in run.observers}
        return {name: observer.scan(frames.positions, frames.cells) for name, observer in there.items()}

    if n_threads <= 1 or not scanners:
        for batch in run.batches():
            yield batch, scan(batch.frames)
        return
    waiting: deque[tuple[Batch, Future[Scanned]]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        for batch in run.batches():
            waiting.append((batch, pool.submit(scan, batch.frames)))
            if len(waiting) > 2 * n_threads:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
