"""What a section of the page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure on the page.

    Attributes
    ----------
    data : str
        The PNG as a data URI.
    caption : str
        Below it, and for those who do not see it.
    """

    data: str
    caption: str


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
    text, text_title : str
        A longer text that unfolds, and what is clicked for it.
    """

    anchor: str
    title: str
    absent: str = ""
    paragraphs: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    text: str = ""
    text_title: str = ""
