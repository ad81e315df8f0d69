"""One pass feeds all: each observer gets what it asks for, one that fails leaves the others alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from made_trajectories import trajectory, walk

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError, InputFileError
from mlip_interfaces.observables import named
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start, frames_in
from mlip_interfaces.observables.request import Request
from mlip_interfaces.observables.results import Result

SYMBOLS = ["Li"] * 6 + ["S"] * 4
LENGTH, N_FRAMES = 9.0, 30


def reader(**more: Any) -> mi.TrajectoryReader:
    return trajectory(walk(N_FRAMES, 10, LENGTH, 0.1, 3), LENGTH, SYMBOLS, **more)


class Spy(Request):
    """Keeps what an observer is told."""

    kind: ClassVar[str] = "spy"
    summary: ClassVar[str] = "keeps what an observer is told"
    uses_displacements: ClassVar[bool] = True

    fails: str = ""

    def observe(self, start: Start) -> Observer:
        if self.fails == "observe":
            raise AnalysisError("no spy here")
        return SpyObserver(self, start)


class SpyObserver(Observer):
    scans = True

    def __init__(self, request: Spy, start: Start) -> None:
        super().__init__()
        self.request, self.start = request, start
        self.moving = start.trajectory.symbols == "Li"
        self.batches: list[Batch] = []
        self.scanned: list[Any] = []

    def scan(self, positions: np.ndarray, cells: np.ndarray) -> Any:
        return positions[:, 0, 0].copy()

    def feed(self, batch: Batch, scanned: Any) -> None:
        self.batches.append(batch)
        self.scanned.append(scanned)
        if self.request.fails == "feed" and len(self.batches) == 2:
            raise AnalysisError("no more frames for this one")

    def finish(self, record: Record) -> Any:
        if self.request.fails == "finish":
            raise AnalysisError("too few")
        self.notes.append("seen")
        self.absent["part"] = "not wanted"
        return SpyResult(self.request, self, record) if self.request.fails != "nothing" else None


class SpyResult(Result):
    def __init__(self, request: Spy, observer: SpyObserver, record: Record) -> None:
        self.request, self.observer, self.record = request, observer, record

    def to_dict(self) -> dict[str, object]:
        return {}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven frames at a time."""
    monkeypatch.setattr("mlip_interfaces.trajectory.reader.CHUNK_ATOMS", 70)


def test_frames_come_once_in_order_with_what_was_scanned_of_them() -> None:
    for n_threads in (1, 3):
        result = mi.analyze(reader(), [Spy()], n_threads=n_threads)["spy"]
        observer = result.observer
        times = np.concatenate([batch.frames.times_ps for batch in observer.batches])
        np.testing.assert_allclose(times, 0.1 * np.arange(N_FRAMES), rtol=1e-7, atol=0)
        assert len(observer.batches) == 5
        for batch, scanned in zip(observer.batches, observer.scanned, strict=True):
            np.testing.assert_array_equal(scanned, batch.frames.positions[:, 0, 0])
            np.testing.assert_allclose(batch.volumes, LENGTH**3, rtol=1e-7, atol=0)


def test_displacements_begin_with_the_first_frame_and_have_no_drift() -> None:
    path = walk(N_FRAMES, 10, LENGTH, 0.1, 3)
    masses = reader().masses_amu
    moved = path - path[0]
    for drift, weights in (("none", None), ("com", masses), ("S", masses * (np.array(SYMBOLS) == "S"))):
        expected = moved if weights is None else moved - np.average(moved, axis=1, weights=weights)[:, None]
        result = mi.analyze(trajectory(path % LENGTH, LENGTH, SYMBOLS), [Spy()], drift=drift)["spy"]
        given = np.concatenate([batch.displacements for batch in result.observer.batches])
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-9)
        lithium = np.array(SYMBOLS) == "Li"
        np.testing.assert_allclose(result.record.displacements(lithium), expected[:, lithium], rtol=0, atol=1e-5)
        places = np.concatenate([batch.places for batch in result.observer.batches])
        away = places - (path[0] + expected)
        np.testing.assert_allclose(away - LENGTH * np.round(away / LENGTH), 0.0, atol=1e-9, rtol=1e-7)


def test_a_record_knows_times_cells_and_only_atoms_called_moving() -> None:
    record = mi.analyze(reader(), [Spy()], drift="none")["spy"].record
    np.testing.assert_allclose(record.mean_cell, np.eye(3) * LENGTH, rtol=1e-7, atol=0)
    np.testing.assert_allclose(record.interval_ps, 0.1, rtol=1e-7, atol=0)
    assert [record.frames_in(time) for time in (0.0, 0.04, 0.26, 1.0)] == [1, 1, 3, 10]
    with pytest.raises(ValueError, match="4 of 4 atoms were not kept"):
        record.displacements(np.array(SYMBOLS) == "S")
    assert frames_in(5.0, np.zeros(1)) == 1


@pytest.mark.parametrize("when", ["observe", "feed", "finish"])
def test_one_that_fails_is_an_error_or_absent_and_the_others_go_on(when: str) -> None:
    asked = {"broken": Spy(fails=when), "well": Spy(), "profile": mi.Profile()}
    why = {"observe": "no spy here", "feed": "no more frames", "finish": "too few"}[when]
    with pytest.raises(AnalysisError, match=why):
        mi.analyze(reader(), asked)
    results = mi.analyze(reader(), asked, strict=False)
    assert set(results) == {"well", "profile"}
    assert why in results.absent["broken"]
    assert len(results["well"].observer.batches) == 5
    assert results.absent["well part"] == "not wanted"


def test_one_that_finds_nothing_is_absent_with_its_parts() -> None:
    results = mi.analyze(reader(), {"a": Spy(fails="nothing"), "b": Spy()})
    assert set(results) == {"b"}
    assert set(results.absent) == {"a part", "b part"}
    # The same note twice is said once.
    assert results.notes.count("seen") == 1


def test_errors_of_the_file_are_never_swallowed() -> None:
    path = walk(N_FRAMES, 10, LENGTH, 0.1, 3)
    path[20, 3, 1] = np.nan
    with pytest.raises(InputFileError, match="not finite"):
        mi.analyze(trajectory(path, LENGTH, SYMBOLS), [Spy(), mi.Profile()], strict=False)


def test_progress_is_the_time_reached() -> None:
    times: list[float] = []
    mi.analyze(reader(), [mi.Profile()], progress=times.append)
    np.testing.assert_allclose(times, [0.6, 1.3, 2.0, 2.7, 2.9], rtol=1e-7, atol=0)


def test_requests_of_a_list_have_names_of_their_own() -> None:
    asked = [mi.Profile(), mi.Profile(axis="a"), mi.Chemistry(), mi.Profile(axis="b")]
    assert list(named(asked)) == ["profile", "profile-2", "chemistry", "profile-3"]
    assert named(asked)["profile-3"].axis == "b"


def test_a_time_window_is_that_of_the_frames(tmp_path: Path) -> None:
    frames = []
    for t, positions in enumerate(walk(N_FRAMES, 10, LENGTH, 0.1, 3)):
        atoms = Atoms(SYMBOLS, positions=positions, cell=[LENGTH] * 3, pbc=True)
        atoms.info["time_ps"] = 0.1 * t
        frames.append(atoms)
    write(tmp_path / "t.extxyz", frames, format="extxyz")
    opened = mi.open_trajectory(tmp_path / "t.extxyz", start_ps=0.95, stop_ps=2.05)
    results = mi.analyze(opened, [mi.Profile()])
    np.testing.assert_allclose(results.times_ps, 0.1 * np.arange(10, 21), rtol=1e-7, atol=0)
    with pytest.raises(AnalysisError, match="single frame"):
        mi.analyze(mi.open_trajectory(tmp_path / "t.extxyz", start_ps=0.95, stop_ps=1.05), [mi.Profile()])
    one = mi.analyze(mi.open_trajectory(tmp_path / "t.extxyz", stop_ps=0.05), {"p": mi.Profile(), "m": mi.Msd(species="Li")}, strict=False)  # fmt: skip
    assert set(one) == {"p"}
    assert "single frame" in one.absent["m"]


@pytest.mark.parametrize(
    ("drift", "sentence"), [("Co", "There is no Co"), ("coating", "There is no coating"), ("Li,Na", "There is no Na")]
)
def test_a_frame_of_reference_that_is_not_there_is_refused(drift: str, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        mi.analyze(reader(), [mi.Msd(species="Li")], drift=drift)


def test_a_layer_may_be_at_rest() -> None:
    layers = ["coating"] * 6 + ["cathode"] * 4
    results = mi.analyze(reader(layers=layers), [Spy()], drift="cathode")
    given = np.concatenate([batch.displacements for batch in results["spy"].observer.batches])
    # One element: its mean is its centre of mass.
    np.testing.assert_allclose(given[:, 6:].mean(axis=1), 0.0, atol=1e-9, rtol=1e-7)
    assert results.provenance.drift == "cathode"


def test_a_range_follows_the_first_cell_of_the_time_asked_for(tmp_path: Path) -> None:
    # The cell grows from 9 to 15 angstrom: half of it is 6 angstrom from the middle of the run on.
    frames = []
    for t, positions in enumerate(walk(N_FRAMES, 10, LENGTH, 0.1, 3)):
        length = LENGTH + 0.2 * t
        atoms = Atoms(SYMBOLS, positions=positions * length / LENGTH, cell=[length] * 3, pbc=True)
        atoms.info["time_ps"] = 0.1 * t
        frames.append(atoms)
    write(tmp_path / "t.extxyz", frames, format="extxyz")
    request = mi.Rdf(pairs="Li-S", r_max_angstrom=6.0)
    early = mi.analyze(mi.open_trajectory(tmp_path / "t.extxyz"), [request])
    np.testing.assert_allclose(early["rdf"].r_max_angstrom, 4.5, rtol=1e-12, atol=0)
    assert any("ends at 4.5 and not at 6 angstrom" in note for note in early.notes)
    late = mi.analyze(mi.open_trajectory(tmp_path / "t.extxyz", start_ps=1.55), [request])
    assert late["rdf"].r_max_angstrom == 6.0
    assert late["rdf"].n_frames == 14
    # Each frame is normalised by its own volume: g = V n / (N_ab shell).
    rdf = late["rdf"].pairs["Li-S"].whole
    volumes = np.array([frame.cell.volume for frame in frames[16:]])
    low, high = rdf.counts.sum() * volumes.min(), rdf.counts.sum() * volumes.max()
    shells = 4 / 3 * np.pi * np.diff((0.05 * np.arange(121)) ** 3)
    assert low <= (rdf.g * shells).sum() * 24 * 14 <= high
