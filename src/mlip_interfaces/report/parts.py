"""What a section of the page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure on the page."""

    data: str
    caption: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table on the page; `is_text` sets its cells flush left."""

    head: list[str]
    rows: list[list[str]]
    caption: str = ""
    is_text: bool = False


@dataclass(slots=True)
class PageSection:
    """One section; `absent` says why it is empty."""

    anchor: str
    title: str
    absent: str = ""
    paragraphs: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    text: str = ""
    text_title: str = ""
