"""AMBER's text trajectories (mdcrd): positions alone, ten to a line, in columns of eight with three decimals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.trajectory.formats.text_files import cut_note, open_text
from mlip_interfaces.trajectory.raw_frame import FrameShape, RawFrame

SUFFIXES = (".mdcrd", ".crdbox", ".crd", ".trj", ".x")

WIDTH, POINT, PER_LINE = 8, 4, 10
"""Fortran's 10F8.3: columns of a number, the place of its point, numbers on a line."""

BOX_SIZES = (3, 6)
"""Numbers behind the positions: lengths of the cell, or lengths and angles."""

MAX_RATIO = 1.5
"""Lengths of a cell that differ more than this from those of the topology are no box but positions."""

_HEAD_OF_RESTART = re.compile(r"\s*\d+(\s+[-+.\dEe]+)*\s*")


def is_mdcrd(path: Path) -> bool:
    """Tell whether the name of a file is that of an AMBER text trajectory.

    Parameters
    ----------
    path : Path
        A ``.crd`` file that begins with a star is CHARMM's, and none.

    Returns
    -------
    bool
        By the name, plain or with ``.gz``.
    """
    plain = path.name.removesuffix(".gz").lower()
    if not plain.endswith(SUFFIXES):
        return False
    if not plain.endswith(".crd"):
        return True
    with open_text(path) as handle:
        return handle.read(1) != "*"


def mdcrd_frames(path: Path, notes: list[str], shape: FrameShape | None) -> Iterator[RawFrame]:
    """Frames of an AMBER text trajectory, which does not say how many atoms it has.

    Parameters
    ----------
    path : Path
        A title, then for each frame the lines of its positions, and in most files one of its cell's lengths. Plain or
        ``.gz``.
    notes : list of str
        Gets a sentence on rounding, one on the angles of the cell where they are not in the file, and one when an incomplete
        last frame is left out.
    shape : FrameShape or None
        Number of atoms and cell of the topology.

    Yields
    ------
    RawFrame
        In the order of the file, without times. Where the file has lengths alone, the cell has the directions of the
        topology's, or is orthogonal; without a box it is zero.

    Raises
    ------
    InputFileError
        If the number of atoms is not known or does not fit the lines, or a frame is damaged.
    """
    if shape is None:
        raise InputFileError(
            f"{path} does not say how many atoms it has, as no AMBER mdcrd does: give `topology`, a structure file of the same "
            "atoms in the same order."
        )
    if shape.n_atoms == 1:
        raise InputFileError(
            f"{path} has one atom ({shape.name}), and a line of its position and one of the cell look alike: write the "
            "trajectory as NetCDF."
        )
    notes.append(f"Positions in {path.name} are rounded to 0.001 angstrom, as those of every AMBER mdcrd.")
    sizes = [PER_LINE] * (3 * shape.n_atoms // PER_LINE)
    if 3 * shape.n_atoms % PER_LINE:
        sizes.append(3 * shape.n_atoms % PER_LINE)
    with open_text(path) as handle:
        next(handle, "")
        start, behind = list(islice(handle, len(sizes))), list(islice(handle, 1))
        n_box = _n_numbers(behind[0]) if behind else 0
        has_box = n_box in BOX_SIZES and n_box != sizes[0]
        if has_box:
            sizes.append(n_box)
            notes.extend(_notes_on_angles(path, n_box, shape))
        # A line that is never full, or a box, stands where the number of atoms says; without either any number would do.
        certain = sizes[-1] != PER_LINE
        rest = chain(start, behind, handle)
        number = 0
        while "".join(lines := list(islice(rest, len(sizes)))).strip():
            faults = [
                place for place, (line, size) in enumerate(zip(lines, sizes, strict=False)) if _n_numbers(line) != size
            ]
            if len(lines) < len(sizes) or faults:
                within_line = not lines[-1].endswith("\n")
                if [place for place in faults if place < len(lines) - 1 or not within_line]:
                    raise _misfit(path, number, faults[0], lines, sizes, shape)
                if number == 0 or not (certain or within_line):
                    raise InputFileError(
                        f"{path} ends {counted(len(lines), 'line')} into frame {number}, {counted(len(sizes), 'line')} long with "
                        f"the {counted(shape.n_atoms, 'atom')} of {shape.name}: it is of another number of atoms, or cut; then "
                        "remove what is left of that frame."
                    )
                notes.append(cut_note(path))
                return
            values = _values(path, number, lines)
            yield RawFrame(
                positions=values[: 3 * shape.n_atoms].reshape(-1, 3),
                cell=_cell(path, number, values[3 * shape.n_atoms :], shape) if has_box else np.zeros((3, 3)),
                origin=np.zeros(3),
            )
            number += 1


def _n_numbers(line: str) -> int:
    """Numbers on a line; -1 if it does not end at the end of a column."""
    width = len(line.rstrip())
    return -1 if width % WIDTH else width // WIDTH


def _misfit(
    path: Path, number: int, place: int, lines: list[str], sizes: list[int], shape: FrameShape
) -> InputFileError:
    if number == 0 and _HEAD_OF_RESTART.fullmatch(lines[0].rstrip()) and "." not in lines[0].split()[0]:
        return InputFileError(
            f"{path} is an AMBER restart or coordinate file of one frame (its second line is a number of atoms); give the "
            "trajectory, mdcrd or NetCDF."
        )
    line_number = 2 + number * len(sizes) + place
    found = _n_numbers(lines[place])
    what = "is not in columns of eight" if found < 0 else f"holds {counted(found, 'number')}"
    return InputFileError(
        f"Line {line_number} of {path} (frame {number}) {what}, where a frame with the {counted(shape.n_atoms, 'atom')} of "
        f"{shape.name} holds {sizes[place]}: the trajectory is of another number of atoms, or damaged there."
    )


def _values(path: Path, number: int, lines: list[str]) -> NDArray[np.float64]:
    """Numbers by their columns: they may touch each other."""
    text = "".join(line.rstrip() for line in lines).encode("ascii", "replace")
    if b"*" in text:
        raise InputFileError(
            f"Frame {number} of {path} holds stars for numbers that do not fit eight columns: an atom is farther away than 999 "
            "angstrom. Write the trajectory with positions in the cell, or as NetCDF."
        )
    points = np.frombuffer(text, dtype=np.uint8)[POINT::WIDTH]
    try:
        if (points != ord(".")).any():
            raise ValueError
        return np.frombuffer(text, dtype=f"S{WIDTH}").astype(np.float64)
    except ValueError:
        raise InputFileError(
            f"Frame {number} of {path} is damaged or no AMBER mdcrd: not all of it is numbers of eight columns with three "
            "decimals."
        ) from None


def _cell(path: Path, number: int, box: NDArray[np.float64], shape: FrameShape) -> NDArray[np.float64]:
    from MDAnalysis.lib.mdamath import triclinic_vectors

    lengths, known = box[:3], np.linalg.norm(shape.cell, axis=1)
    if not lengths.any():
        return np.zeros((3, 3))
    ratios = lengths / known if known.all() else np.ones(3)
    if lengths.min() <= 0.0 or ratios.min() < 1.0 / MAX_RATIO or ratios.max() > MAX_RATIO:
        listed = " ".join(f"{length:g}" for length in lengths)
        known_text = f", which has {' '.join(f'{length:g}' for length in known)}" if known.all() else ""
        raise InputFileError(
            f"Frame {number} of {path} has {listed} angstrom as lengths of its cell with the {counted(shape.n_atoms, 'atom')} of "
            f"{shape.name}{known_text}: the two are of different models, or the number of atoms is another."
        )
    if box.size == max(BOX_SIZES):
        return np.asarray(triclinic_vectors(box, dtype=np.float64), dtype=np.float64)
    return ratios[:, None] * shape.cell if known.all() else np.diag(lengths)


def _notes_on_angles(path: Path, n_box: int, shape: FrameShape) -> Iterator[str]:
    if n_box == max(BOX_SIZES):
        return
    metric = shape.cell @ shape.cell.T
    if not shape.cell.any():
        yield f"{path.name} holds the lengths of its cell alone and {shape.name} no cell: the cell is taken as orthogonal."
    elif np.abs(metric - np.diag(np.diag(metric))).max() > 1e-6 * metric.max():
        yield f"{path.name} holds the lengths of its cell alone: the directions are those of {shape.name}."
