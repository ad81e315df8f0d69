"""XTC and TRR files of GROMACS."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.programs import program_output
from mlip_interfaces.trajectory.even_times import EvenTimes, even_times, time_of_frame
from mlip_interfaces.trajectory.formats import gromacs_child
from mlip_interfaces.trajectory.formats.text_files import cut_note
from mlip_interfaces.trajectory.raw_frame import RawFrame
from mlip_interfaces.units import NM_TO_ANGSTROM


def gromacs_frames(path: Path, notes: list[str]) -> Iterator[RawFrame]:
    """Frames of an XTC or TRR file, one after another, read by a process of their own.

    The readers of MDAnalysis leave an index and a lock beside the file, and fail or warn in a folder that is not theirs to
    write to; its parsers below them do not, and keep the cell as it is. These parsers die where a file is damaged.

    Parameters
    ----------
    path : Path
        ``*.xtc`` or ``*.trr``.
    notes : list of str
        Gets a sentence when an incomplete last frame is left out.

    Yields
    ------
    RawFrame
        In the order of the file, in angstrom and ps.

    Raises
    ------
    InputFileError
        If the file is damaged.
    """
    with program_output([sys.executable, "-P", gromacs_child.__file__, str(path)]) as (stream, wait):
        yield from _frames(path, stream, wait, notes)


def _frames(path: Path, stream: IO[bytes], wait: Callable[[], int], notes: list[str]) -> Iterator[RawFrame]:
    first_ps, n_read = 0.0, 0
    times: EvenTimes | None = None
    while True:
        content = _line(path, stream, n_read)
        if "last_ps" in content:
            rounding = float(np.spacing(np.float32(max(abs(first_ps), abs(content["last_ps"])))))
            times = even_times(first_ps, content["last_ps"], content["n_frames"], rounding)
            continue
        if "error" in content:
            if not content["error"]:
                # What was written outside a buffer may show at the end only.
                if wait() != 0:
                    raise _damage(path, n_read)
                return
            size = content["frame_bytes"]
            if n_read == 0 or not size or path.stat().st_size - content["read_bytes"] > 1.5 * size:
                raise _damage(path, n_read)
            notes.append(cut_note(path))
            return
        time = content["time_ps"]
        if content["number"] == 0:
            first_ps = time
        data = stream.read(12 * content["n_atoms"])
        if len(data) < 12 * content["n_atoms"]:
            raise _damage(path, n_read)
        n_read += 1
        yield RawFrame(
            positions=np.frombuffer(data, dtype="<f4").reshape(-1, 3).astype(np.float64) * NM_TO_ANGSTROM,
            cell=np.array(content["box"], dtype=np.float64) * NM_TO_ANGSTROM,
            origin=np.zeros(3),
            time_ps=time if times is None else time_of_frame(times, content["number"], time),
        )


def _line(path: Path, stream: IO[bytes], n_read: int) -> dict[str, Any]:
    try:
        return dict(json.loads(stream.readline()))
    except ValueError as error:
        raise _damage(path, n_read) from error


def _damage(path: Path, n_read: int) -> InputFileError:
    before = (
        f"frame {n_read} cannot be read. Copy it again, or cut it before this frame"
        if n_read
        else "it has no first frame"
    )
    return InputFileError(f"{path} is damaged or not of the format its name says: {before}.")
