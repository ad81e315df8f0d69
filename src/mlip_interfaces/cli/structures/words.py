"""What the actions of ``structures`` share: the word for a crystal, a table."""

from __future__ import annotations

from collections.abc import Sequence

MATERIAL = "name of a library crystal, or a CIF, POSCAR or other structure file"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of text with aligned columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
