"""Formulas as MathML, written when the site is built, so that a page needs no script; lists of pages are no pages."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
DISPLAYED = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Lists of pages, which the menu is made of, are not searched."""
    if page.file.src_uri.endswith("SUMMARY.md"):
        page.meta["search"] = {"exclude": True}
    return markdown


def on_post_build(config: Any, **_: object) -> None:
    """Nor are they kept."""
    for file in Path(config["site_dir"]).rglob("SUMMARY.html"):
        file.unlink()


def on_page_content(content: str, **_: object) -> str:
    """Formulas in what Markdown made of a page."""
    content = INLINE.sub(lambda match: mathml(match[1], "inline"), content)
    return DISPLAYED.sub(lambda match: f'<div class="formula">{mathml(match[1], "block")}</div>', content)


def mathml(formula: str, display: str) -> str:
    """A formula in LaTeX as MathML.

    Raises
    ------
    ValueError
        If it has a command that the converter does not know.
    """
    found = convert(html.unescape(formula), display=display)
    if "\\" in found:
        raise ValueError(f"The formula {formula} has a command that latex2mathml does not know.")
    return str(found)
