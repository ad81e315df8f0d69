"""Text files, plain or gzipped, and whether their last line is whole."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO


def open_text(path: Path) -> TextIO:
    """Open a text file for reading.

    Parameters
    ----------
    path : Path
        Plain, or compressed as ``*.gz``.

    Returns
    -------
    TextIO
        To be closed by whoever asked for it.
    """
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def is_whole(line: str, others: Sequence[str]) -> bool:
    r"""Tell whether the last line of a table is whole, or the file ends within it.

    Parameters
    ----------
    line : str
        The last line, with its newline where it has one.
    others : sequence of str
        Lines of the same table.

    Returns
    -------
    bool
        True for a line with a newline; without one, if there are as many columns as in the others and its last word has
        as many decimals as the longest of theirs, or is one of theirs. A cut number is a number too.

    Examples
    --------
    >>> is_whole("0.1 0.25", ["0.3 0.75"]), is_whole("0.1 0.2", ["0.3 0.75"]), is_whole("0.1 0.2\n", ["0.3 0.75"])
    (True, False, True)
    """
    if line.endswith("\n"):
        return True
    words, tables = line.split(), [other.split() for other in others]
    if not words or any(len(table) > len(words) for table in tables):
        return False
    last = [table[-1] for table in tables if table]
    if "." not in words[-1]:
        return words[-1] in last
    return _n_decimals(words[-1]) >= max(map(_n_decimals, last), default=0)


def _n_decimals(word: str) -> int:
    return len(word.partition(".")[2])


def cut_note(path: Path) -> str:
    """The sentence on an incomplete last frame.

    Parameters
    ----------
    path : Path
        The trajectory.

    Returns
    -------
    str
        For its notes.
    """
    return f"The last frame of {path.name} is cut short and was left out."
