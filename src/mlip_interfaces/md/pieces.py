"""Output of runs that were killed and went on from a checkpoint: the pieces put together.

The deck writes ``traj.dcd`` and ``thermo.csv`` when it starts, ``traj.S.dcd`` and ``thermo.S.csv`` when it goes on from the
checkpoint at step S. What an earlier piece has from step S on was calculated again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import last_line, whole_file, write_text
from mlip_interfaces.md.health import read_thermo

CHECKPOINT = "md.restart"
OLDER_CHECKPOINT = "md.restart.old"
"""The one before it, which the deck takes where the last is cut off or what goes before it is lost."""
END = "md.end"
"""Last checkpoint of a finished run, from which a longer one goes on."""
START = "start.in"
"""What the deck remembers of the start for whoever goes on from a checkpoint."""
TRAJECTORY, TABLE = "traj.dcd", "thermo.csv"
DEVIATIONS = "model_devi.out"
"""The committee's deviation on the fly, where the protocol asks for it."""
_TAIL_BYTES = 4096
# A DCD begins with a record of 84 bytes between two 4-byte lengths: four letters, then numbers of 4 bytes each.
_HEADER_BYTES = 84
_N_FRAMES, _LAST_STEP = 1, 4
_TOLD_AT, _FIRST_STEP_AT, _INTERVAL_AT = 8, 12, 16
_TITLE_AT = 4 + _HEADER_BYTES + 4
# The cell, six numbers of 8 bytes between two lengths; then three records of one number of 4 bytes for each atom.
_CELL_RECORD_BYTES = 8 + 6 * 8


def join_pieces(directory: Path) -> None:
    """Put the pieces of a finished run together, each time once; does nothing where all is in order.

    Frames and numbers are copied as they are. Killed in the middle, the same call ends with the same files.

    Parameters
    ----------
    directory : Path
        Folder of the run.

    Raises
    ------
    InputFileError
        If a piece ends before the next begins, as after a crash of the machine; all files are left as they are.
    """
    tables, trajectories = pieces_of(directory, TABLE), pieces_of(directory, TRAJECTORY)
    if len(trajectories) > 1:
        _join_trajectories(trajectories, directory / TRAJECTORY)
    if tables:
        _join_tables(tables, directory / TABLE)
    deviations = pieces_of(directory, DEVIATIONS)
    if deviations:
        _join_deviations(deviations, directory / DEVIATIONS)
    for file in {*tables, *trajectories, *deviations} - {directory / name for name in (TABLE, TRAJECTORY, DEVIATIONS)}:
        file.unlink()


def copy_start(source: Path, target: Path, n_frames: int) -> None:
    """Copy the first frames of a run, and the lines of its table that go with them, as they are.

    Parameters
    ----------
    source : Path
        Folder of the run, its pieces joined.
    target : Path
        Another folder.
    n_frames : int
        How many; the run has at least as many.

    Raises
    ------
    InputFileError
        If the run has fewer.
    """
    layout = _Dcd.read(source / TRAJECTORY) if (source / TRAJECTORY).is_file() else None
    lines = (source / TABLE).read_text().split("\n")[: n_frames + 1] if (source / TABLE).is_file() else []
    if layout is None or layout.n_frames < n_frames or len(lines) < n_frames + 1:
        raise InputFileError(
            f"{source} has not the {n_frames} frames that its table promises; {TRAJECTORY} was cut. Copy it again from where it is "
            "whole, or move the folder away to run it anew."
        )
    write_text(target / TABLE, "\n".join(lines) + "\n")
    with whole_file(target / TRAJECTORY) as working, working.open("wb") as file:
        last_step = layout.first_step + (n_frames - 1) * layout.interval
        layout.write_header(file, n_frames, last_step)
        layout.write_frames(file, n_frames)
    if (source / DEVIATIONS).is_file():
        rows = (source / DEVIATIONS).read_text().splitlines()
        kept = [row for row in rows if row.startswith("#") or int(row.split()[0]) <= last_step]
        write_text(target / DEVIATIONS, "\n".join(kept) + "\n")


def time_reached_ps(directory: Path) -> float:
    """Time of the last whole line of the table that is being written, ps; zero before there is one.

    Parameters
    ----------
    directory : Path
        Folder of the run.

    Returns
    -------
    float, ps
        As far as the table goes.
    """
    for file in reversed(pieces_of(directory, TABLE)):
        line = last_line(file)
        if re.match(r"[\d.]+(e-?\d+)?,", line):
            return float(line.split(",")[0])
    return 0.0


def flaws_of_trajectory(directory: Path, dump_every: int, frame_interval_ps: float) -> tuple[str, ...]:
    """Whether table and trajectory of a finished run have one line and one frame for each interval, and every frame is whole.

    Two processes that wrote to the same files, and a disk that was full for a while, leave others.

    Parameters
    ----------
    directory : Path
        Folder of the run, its pieces joined.
    dump_every : int
        Steps between two frames.
    frame_interval_ps : float, ps
        Time between two frames.

    Returns
    -------
    tuple of str
        One sentence for each flaw; none where all is in order.

    Raises
    ------
    InputFileError
        If the table has no line of numbers.
    """
    times = read_thermo(directory / TABLE)["time_ps"]
    n_wanted = round(times[-1] / frame_interval_ps) + 1
    flaws = []
    if (
        times.size != n_wanted
        or np.abs(times - frame_interval_ps * np.arange(n_wanted)).max() > 0.1 * frame_interval_ps
    ):
        flaws.append(f"{TABLE} has not one line each {frame_interval_ps:g} ps up to {times[-1]:g} ps")
    file = directory / TRAJECTORY
    layout = _Dcd.read(file) if file.is_file() else None
    if layout is None:
        return (*flaws, f"{TRAJECTORY} is missing or has no whole frame")
    if not layout.n_frames == layout.n_frames_told == n_wanted or layout.n_bytes_left:
        flaws.append(
            f"{TRAJECTORY} has {layout.n_frames} whole frames and {layout.n_bytes_left} bytes, its header tells "
            f"{layout.n_frames_told}, and {TABLE} asks for {n_wanted}"
        )
    if (layout.first_step, layout.interval) != (0, dump_every):
        flaws.append(
            f"{TRAJECTORY} begins at step {layout.first_step} and has a frame each {layout.interval} steps, not at 0 each {dump_every}"
        )
    if n_damaged := layout.n_damaged():
        flaws.append(f"{n_damaged} frames of {TRAJECTORY} are damaged")
    return tuple(flaws)


def pieces_of(directory: Path, name: str) -> list[Path]:
    """The file of that name, then its later pieces by their first step; only those that are there.

    Parameters
    ----------
    directory : Path
        Folder of the run, there or not.
    name : str
        As ``thermo.csv``.

    Returns
    -------
    list of Path
        Of as many starts as the run had.
    """
    stem, suffix = name.split(".")
    found = {0: directory / name} if (directory / name).is_file() else {}
    for file in directory.glob(f"{stem}.*.{suffix}"):
        if number := re.fullmatch(rf"{stem}\.(\d+)\.{suffix}", file.name):
            found[int(number[1])] = file
    return [file for _, file in sorted(found.items())]


def _join_tables(pieces: Sequence[Path], target: Path) -> None:
    header, n_lines = "", 0
    kept: list[str] = []
    for file in pieces:
        # A run killed while writing leaves half a line at the end.
        lines = file.read_text().split("\n")[:-1]
        n_lines += len(lines)
        header = header or (lines[0] if lines else "")
        for line in lines[1:]:
            # A line is written again where a run goes on after a checkpoint, in one process or in the next.
            while kept and _time(kept[-1]) >= _time(line):
                kept.pop()
            kept.append(line)
    intervals = np.diff([_time(line) for line in kept])
    if len(pieces) > 1 and intervals.size and intervals.max() > 1.5 * intervals.min():
        raise _gap(pieces, f"{_time(kept[int(intervals.argmax())]):g} ps")
    if kept and (len(pieces) > 1 or n_lines > len(kept) + 1):
        write_text(target, "\n".join([header, *kept]) + "\n")


def _join_deviations(pieces: Sequence[Path], target: Path) -> None:
    """Lines of all pieces, each step once: the last that was calculated; those of the minimisation, before the first step, go."""
    header, n_lines = "", 0
    kept: list[str] = []
    for file in pieces:
        lines = file.read_text().split("\n")[:-1]
        n_lines += len(lines)
        for line in lines:
            if not line.split()[:1] or not line.split()[0].isdigit():
                header = header or line
                continue
            while kept and _step(kept[-1]) >= _step(line):
                kept.pop()
            kept.append(line)
    # Turned on in mid-run, there is none of the start.
    if list(pieces) != [target] or n_lines > len(kept) + 1:
        write_text(target, "\n".join(filter(None, [header, *kept])) + "\n")


def _step(line: str) -> int:
    return int(line.split()[0])


def _gap(pieces: Sequence[Path], where: str) -> InputFileError:
    names = ", ".join(file.name for file in pieces)
    return InputFileError(
        f"{pieces[0].parent}: the pieces {names} leave a gap after {where}; the machine may have crashed before they were "
        "on its disk. Delete the run's folder and run the scan again."
    )


def _time(line: str) -> float:
    return float(line.split(",")[0])


@dataclass(frozen=True, slots=True)
class _Dcd:
    """Layout of a DCD file as LAMMPS writes it: a header, then frames of equal length."""

    file: Path
    header: bytes
    frame_bytes: int
    n_frames: int
    first_step: int
    interval: int
    n_frames_told: int
    n_bytes_left: int

    @classmethod
    def read(cls, file: Path) -> _Dcd | None:
        """Layout of a file with at least one whole frame, else None."""
        with file.open("rb") as handle:
            start = handle.read(_TAIL_BYTES)
        if len(start) < _TITLE_AT + 4:
            return None
        title_bytes = int(np.frombuffer(start, "<i4", 1, _TITLE_AT)[0])
        n_header = _TITLE_AT + 4 + title_bytes + 4 + 12
        if len(start) < n_header:
            return None
        n_atoms = int(np.frombuffer(start, "<i4", 1, n_header - 8)[0])
        frame_bytes = _CELL_RECORD_BYTES + 3 * (8 + 4 * n_atoms)
        n_frames, n_left = divmod(file.stat().st_size - n_header, frame_bytes)
        told, first, interval = (
            int(np.frombuffer(start, "<i4", 1, place)[0]) for place in (_TOLD_AT, _FIRST_STEP_AT, _INTERVAL_AT)
        )
        return cls(file, start[:n_header], frame_bytes, n_frames, first, interval, told, n_left) if n_frames else None

    def write_header(self, file: BinaryIO, n_frames: int, last_step: int) -> None:
        """The header, telling this many frames up to this step."""
        header = np.frombuffer(self.header, np.uint8).copy()
        numbers = header[4 : 4 + _HEADER_BYTES].view("<i4")
        numbers[_N_FRAMES], numbers[_LAST_STEP] = n_frames, last_step
        header.tofile(file)

    def write_frames(self, file: BinaryIO, n_frames: int) -> None:
        """Its first frames."""
        if n_frames:
            size = n_frames * self.frame_bytes
            np.memmap(self.file, np.uint8, "r", offset=len(self.header), shape=size).tofile(file)

    def n_damaged(self) -> int:
        """Frames without the lengths that stand around each of its records: a cell, then x, y and z of all atoms."""
        frames = np.memmap(self.file, np.uint8, "r", offset=len(self.header), shape=(self.n_frames, self.frame_bytes))
        axis_bytes = (self.frame_bytes - _CELL_RECORD_BYTES) // 3
        places = [0, _CELL_RECORD_BYTES - 4]
        lengths = [_CELL_RECORD_BYTES - 8] * 2
        for axis in range(3):
            start = _CELL_RECORD_BYTES + axis * axis_bytes
            places += [start, start + axis_bytes - 4]
            lengths += [axis_bytes - 8] * 2
        found = np.hstack([np.ascontiguousarray(frames[:, place : place + 4]).view("<i4") for place in places])
        return int((found != lengths).any(axis=1).sum())


def _join_trajectories(files: Sequence[Path], target: Path) -> None:
    """Frames of each piece before the first step of the next; the first piece's header with the new count."""
    pieces = [piece for piece in map(_Dcd.read, files) if piece is not None]
    if not pieces:
        return
    counts = []
    for number, piece in enumerate(pieces):
        wanted = piece.n_frames
        if number + 1 < len(pieces):
            wanted = (pieces[number + 1].first_step - piece.first_step) // piece.interval
        if wanted > piece.n_frames:
            raise _gap(files, f"step {piece.first_step + (piece.n_frames - 1) * piece.interval}")
        counts.append(wanted)
    last = pieces[-1]
    last_step = last.first_step + (last.n_frames - 1) * last.interval
    with whole_file(target) as working, working.open("wb") as joined:
        pieces[0].write_header(joined, sum(counts), last_step)
        for piece, n_frames in zip(pieces, counts, strict=True):
            piece.write_frames(joined, n_frames)
