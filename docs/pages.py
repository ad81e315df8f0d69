"""Run the code of a page: blocks of bash and Python in order, in one folder; files that a block is titled after are written.

A block ```` ```text title="output" ```` is what the block before it must print; ``...`` stands for anything.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
KEEP_EXPORTS = "set -euo pipefail\nif [ -f {state} ]; then . {state}; fi\n{code}\nexport -p > {state}\n"


class PageError(Exception):
    """A block fails, or prints something else than the page says."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    language : str
        Behind the fence.
    title : str
        Name of the file to write, ``output``, or empty.
    code : str
        Content.
    line : int
        Where it begins in the page, from 1.
    """

    language: str
    title: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """Fenced blocks of a page in order."""
    return [
        Block(match[1], match[2] or "", match[3], text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def run_page(page: Path, folder: Path) -> None:
    """Run all blocks of a page.

    Parameters
    ----------
    page : path
        Markdown.
    folder : path
        Where it runs; what it makes stays there.

    Raises
    ------
    PageError
        With the line of the block.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for block in blocks(page.read_text()):
        where = f"{page.name}, line {block.line}"
        if block.title == "output":
            checker = doctest.OutputChecker()
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            if not checker.check_output(block.code, printed, flags):
                raise PageError(f"{where}: the page says\n{block.code}\nand it was\n{printed}")
        elif block.title:
            (folder / block.title).write_text(block.code)
        elif block.language == "bash":
            printed = run_bash(block, folder, where)
        elif block.language == "python":
            printed = run_python(block, folder, where, names)


def run_bash(block: Block, folder: Path, where: str) -> str:
    """Run a block in a shell that knows what earlier ones exported; what it printed."""
    script = KEEP_EXPORTS.format(state=folder / ".exports", code=block.code)
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PageError(f"{where}: exit status {done.returncode}\n{block.code}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def run_python(block: Block, folder: Path, where: str, names: dict[str, object]) -> str:
    """Run a block with the names of earlier ones; what it printed."""
    before = Path.cwd()
    output = io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(textwrap.dedent(block.code), where, "exec"), names)
    except Exception as error:
        raise PageError(f"{where}: {type(error).__name__}: {error}\n{block.code}") from error
    finally:
        os.chdir(before)
    return output.getvalue()
