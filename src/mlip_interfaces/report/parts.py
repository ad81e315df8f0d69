"""What a section of the page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure on the page.

    Attributes
    ----------
    data : str
        The PNG as a data URI.
    caption : str
        Below it, and for those who do not see it.
    name : str
        Of its files, without suffix.
    svg, curves : str
        The SVG and the JSON of its curves, packed; empty where there is none.
    of_run : bool
        Whether it shows one run and is a file beside that run's results, so that the page can do without it.
    """

    data: str
    caption: str
    name: str = ""
    svg: str = ""
    curves: str = ""
    of_run: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Positions of the atoms at one time.

    Attributes
    ----------
    title : str
        When that is.
    positions : (n_atoms, 3) float array, angstrom
        Inside of the cell, whose corner is the origin.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    """

    title: str
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AtomsView:
    """Atoms that the reader may turn.

    Attributes
    ----------
    title : str
        What they are.
    symbols, layers : tuple of str
        Element and layer of each atom.
    snapshots : tuple of Snapshot
        Shown beside each other.
    """

    title: str
    symbols: tuple[str, ...]
    layers: tuple[str, ...]
    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table on the page.

    Attributes
    ----------
    head : list of str
        Titles of the columns.
    rows : list of list of str
        Cells of each row.
    caption : str
        Above it; none when empty.
    is_text : bool
        Whether its cells are set flush left.
    """

    head: list[str]
    rows: list[list[str]]
    caption: str = ""
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """A number and its bound, which the reader may move: the page says what would pass then.

    Attributes
    ----------
    gate, title, what : str
        Who measured it, its name, and what it belongs to.
    value : float or None
        The number; None where there is none, which never passes.
    unit : str
        Of value and bound.
    side : {"at most", "at least"}
        Which side of the bound is good.
    bound : float
        As in the study.
    setting : str
        Key of the bound in the study.
    """

    gate: str
    title: str
    what: str
    value: float | None
    unit: str
    side: str
    bound: float
    setting: str

    @property
    def passed(self) -> bool:
        """Whether the number is on the good side of the bound, or on it."""
        if self.value is None:
            return False
        return self.value <= self.bound if self.side == "at most" else self.value >= self.bound


@dataclass(slots=True)
class PageSection:
    """One section of the page; what is empty is not shown.

    Attributes
    ----------
    anchor, title : str
        Its name in links, and its heading.
    absent : str
        Why there is nothing to show.
    paragraphs, points : list of str
        Text, and a list below it.
    figures : list of Picture
        After the text.
    tables : list of Table
        After the figures.
    bounds : list of Bound
        A table of numbers whose bounds can be moved on the page, before the other tables.
    views : list of AtomsView
        Structures to turn, before the figures.
    text, text_title : str
        A longer text that unfolds, and what is clicked for it.
    answer : bool
        Whether it stands at the top, in the box with what the study found.
    """

    anchor: str
    title: str
    absent: str = ""
    paragraphs: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    views: list[AtomsView] = field(default_factory=list)
    text: str = ""
    text_title: str = ""
    answer: bool = False
