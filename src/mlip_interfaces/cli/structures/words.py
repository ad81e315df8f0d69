"""What the actions of ``structures`` share: the word for a crystal, a table."""

from __future__ import annotations

from collections.abc import Sequence

MATERIAL = "name of a library crystal, or a CIF, POSCAR or other structure file"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of text with aligned columns.

    Parameters
    ----------
    head : sequence of str
        Titles of the columns.
    rows : sequence of sequence of str
        Cells of each row, one for each title.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
