"""Run as a program: frames of an XTC or TRR file to standard output.

The C code behind these formats writes outside its buffers where a file is damaged, which ends the process. This process is
another one than the user's.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

UNCOMPRESSED = 9
"""XTC keeps so few atoms as they are."""

ROUNDING = 1e-5


def main(path: str, out: BinaryIO) -> None:
    """Write what there is in the file, then each frame: a line of JSON, and its positions.

    Parameters
    ----------
    path : str
        ``*.xtc`` or ``*.trr``.
    out : binary file
        Gets it all.
    """
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

    number = 0
    with (XTCFile if path.endswith(".xtc") else TRRFile)(path) as file:
        try:
            for frame in file:
                if number == 1:
                    _tell(out, **_last_frame(file))
                    file.seek(1)
                    frame = file.read()
                number += 1
                if path.endswith(".trr") and not frame.hasx:
                    continue
                positions = np.ascontiguousarray(frame.x, dtype="<f4")
                if path.endswith(".xtc") and not _is_within(
                    positions, *_limits_nm(path, int(file.offsets[number - 1]))
                ):
                    _tell(out, error="positions outside the limits of their frame", frame_bytes=0.0, read_bytes=0)
                    return
                _tell(out, number=number - 1, time_ps=float(frame.time), n_atoms=len(positions), box=frame.box.tolist())
                out.write(positions.tobytes())
        except OSError as error:
            known = file.offsets[: number + 1]
            size = float(known[-1]) / max(1, known.size - 1)
            _tell(out, error=str(error), frame_bytes=size if known.size > 1 else 0.0, read_bytes=number * size)
            return
    _tell(out, error="")


def _limits_nm(path: str, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest position as the head of a compressed frame has them, with the rounding of single precision."""
    with open(path, "rb") as handle:
        handle.seek(start)
        head = handle.read(84)
    n_atoms = struct.unpack(">i", head[4:8])[0]
    if n_atoms <= UNCOMPRESSED:
        return np.full(3, -np.inf), np.full(3, np.inf)
    precision = struct.unpack(">f", head[56:60])[0]
    lowest, highest = np.array(struct.unpack(">6i", head[60:84])).reshape(2, 3) / precision
    return lowest - ROUNDING * np.abs(lowest) - ROUNDING, highest + ROUNDING * np.abs(highest) + ROUNDING


def _is_within(positions: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> bool:
    """Tell whether positions lie between limits."""
    return bool((positions.min(axis=0) >= lowest).all() and (positions.max(axis=0) <= highest).all())


def _last_frame(file: Any) -> dict[str, float]:
    """Number of frames, and the time of the last one that is whole."""
    for n_frames in (len(file), len(file) - 1):
        try:
            file.seek(n_frames - 1)
            return {"n_frames": n_frames, "last_ps": float(file.read().time)}
        except OSError:
            continue
    return {"n_frames": 0, "last_ps": 0.0}


def _tell(out: BinaryIO, **content: object) -> None:
    """Write a line of JSON."""
    out.write(json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout.buffer)
