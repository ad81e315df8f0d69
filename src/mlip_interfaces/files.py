"""Files that appear whole or not at all, JSON that says what is wrong with it, and hashes: the one place that writes.

Everything is written under a hidden name beside its place and renamed when it is whole, so that a kill or a full disk leaves
the old file or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import math
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from mlip_interfaces.errors import InputFileError

_BLOCK_BYTES = 1 << 20
_TAIL_BYTES = 4096


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes the place of `path` when the body ends well, else it is removed.

    Parameters
    ----------
    path : Path
        The file to be.

    Yields
    ------
    working : Path
        The file to write, under a hidden name of this process.
    """
    working = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield working
        working.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            working.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(directory: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder beside `directory` to fill; it becomes `directory` when the body ends well.

    Parameters
    ----------
    directory : Path
        The folder to be.
    replace : bool
        Whether an older folder of this name goes away for it.

    Yields
    ------
    working : Path
        The folder to fill, under a hidden name. What a kill left there is removed at the next start.
    """
    working = directory.with_name(f".{directory.name}")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    yield working
    if replace:
        shutil.rmtree(directory, ignore_errors=True)
    working.rename(directory)


def write_text(path: Path, content: str) -> None:
    """Write text so that the file is either the old one or the whole new one.

    Parameters
    ----------
    path : Path
        The file.
    content : str
        All of it.
    """
    with whole_file(path) as working:
        working.write_text(content)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes so that the file is either the old one or the whole new one.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        All of it.
    """
    with whole_file(path) as working:
        working.write_bytes(content)


def json_text(content: Any, *, indent: int | None = 1) -> str:
    """JSON for a pipe, a page or a line of a log: a number that is not finite, for which JSON has no word, becomes null.

    Parameters
    ----------
    content : Any
        What JSON has words for, and numbers that are not finite.
    indent : int, optional
        Of each level; None for a single line.

    Returns
    -------
    str
        Without a newline at its end.

    Examples
    --------
    >>> json_text({"temperature_kelvin": float("nan"), "times_ps": (0.0, float("inf"))}, indent=None)
    '{"temperature_kelvin": null, "times_ps": [0.0, null]}'
    """
    try:
        return json.dumps(content, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, list | tuple) else content


def write_json(path: Path, content: Any, *, indent: int | None = 1, sort_keys: bool = False) -> None:
    """Write JSON so that the file is either the old one or the whole new one.

    Parameters
    ----------
    path : Path
        The file.
    content : Any
        What JSON has words for.
    indent : int, optional
        Of each level; None for a single line.
    sort_keys : bool, optional
        Whether keys come in alphabetical order.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has no word for it.
    """
    write_text(path, json.dumps(content, indent=indent, sort_keys=sort_keys, allow_nan=False) + "\n")


def update_json(path: Path, content: Any) -> None:
    """Write JSON unless the file says the same already.

    Parameters
    ----------
    path : Path
        The file.
    content : Any
        What JSON has words for.
    """
    if not path.is_file() or read_json(path) != content:
        write_json(path, content)


def write_json_lines(path: Path, entries: Iterable[Any]) -> None:
    """Write one line of JSON for each entry, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    entries : iterable of Any
        What JSON has words for.
    """
    write_text(path, "".join(json_text(entry, indent=None) + "\n" for entry in entries))


def append_json_line(path: Path, entry: Any) -> None:
    """Append a line of JSON; a kill may leave half of it, so whoever reads must know how many lines count.

    Parameters
    ----------
    path : Path
        Made where it is missing.
    entry : Any
        What JSON has words for.
    """
    append_text(path, json_text(entry, indent=None) + "\n")


def append_text(path: Path, text: str) -> None:
    """Append text; a kill may leave part of it, so whoever reads must know how many lines count.

    Parameters
    ----------
    path : Path
        Made where it is missing.
    text : str
        Whole lines.
    """
    with path.open("a") as handle:
        handle.write(text)


def relink(link: Path, source: Path) -> None:
    """Have a relative link lead to a file, so that a folder that holds both may be moved.

    Parameters
    ----------
    link : Path
        Made anew where it leads elsewhere, or is no link.
    source : Path
        Where it leads to; need not exist.
    """
    target = os.path.relpath(source, link.parent)
    if not link.is_symlink() or os.readlink(link) != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def keep_lines(path: Path, n_lines: int) -> None:
    """Cut a file that was appended to behind its first lines.

    Parameters
    ----------
    path : Path
        Made, empty, where it is missing.
    n_lines : int
        How many stay; fewer where there are fewer.
    """
    with path.open("a+b") as handle:
        handle.seek(0)
        n_bytes = sum(len(line) for line in islice(handle, n_lines))
        handle.truncate(n_bytes)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        The first line.
    rows : iterable of sequences
        One line each, as the `csv` module writes them: None leaves a place empty.
    """
    with whole_file(path) as working, working.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name as one compressed ``.npz``, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    arrays : mapping of str to array
        By name.
    """
    import numpy as np

    with whole_file(path) as working, working.open("wb") as handle:
        np.savez_compressed(handle, **arrays)


def read_json(
    path: Path,
    *,
    if_missing: str = "run the stage that writes it first",
    if_damaged: str = "delete it and run its stage again",
) -> Any:
    """Read JSON.

    Parameters
    ----------
    path : Path
        The file.
    if_missing, if_damaged : str
        What to do then, for the message.

    Raises
    ------
    InputFileError
        If the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputFileError(f"{path} is missing; {if_missing}.") from error
    except (ValueError, RecursionError) as error:
        # Also bytes that are no text, and brackets in brackets.
        raise InputFileError(f"{path} is not valid JSON ({error}); {if_damaged}.") from error


def read_arrays(
    path: Path,
    names: Sequence[str] | None = None,
    *,
    if_missing: str = "run the stage that writes it first",
    if_damaged: str = "delete it and run its stage again",
) -> dict[str, Any]:
    """Arrays of a ``.npz``.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str or None
        Which ones; all when left out.
    if_missing, if_damaged : str
        What to do then, for the message.

    Returns
    -------
    dict of str to array
        By name.

    Raises
    ------
    InputFileError
        If the file is missing or damaged, or lacks one of them.
    """
    import numpy as np

    try:
        with path.open("rb") as handle, np.load(handle) as archive:
            return {name: archive[name] for name in (archive.files if names is None else names)}
    except FileNotFoundError as error:
        raise InputFileError(f"{path} is missing; {if_missing}.") from error
    except (ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputFileError(f"{path} is damaged, or lacks an array ({error}); {if_damaged}.") from error


def read_optional_json(path: Path) -> Any | None:
    """Content of a JSON file, None if there is none.

    Parameters
    ----------
    path : Path
        Need not exist.

    Returns
    -------
    Any or None
        As `json` reads it.

    Raises
    ------
    InputFileError
        If it is damaged.
    """
    return read_json(path) if path.is_file() else None


def count_lines(path: Path) -> int:
    """Whole lines of a file, 0 if there is none; nothing is parsed, so that it may be asked while somebody writes.

    Parameters
    ----------
    path : Path
        Need not exist.

    Returns
    -------
    int
        A last line without its end does not count.
    """
    if not path.is_file():
        return 0
    n_lines = 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            n_lines += block.count(b"\n")
    return n_lines


def last_line(path: Path) -> str:
    """The last whole line of a file that may still be written; empty if there is none.

    Only the end of the file is read: lines longer than 4 kB are not found.

    Parameters
    ----------
    path : Path
        Need not exist.

    Returns
    -------
    str
        Without its end.
    """
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = handle.read().split(b"\n")[:-1]
    return lines[-1].decode(errors="replace") if lines else ""


def content_hash(content: Any) -> str:
    """SHA-256 of the canonical JSON of `content`.

    Parameters
    ----------
    content : Any
        What JSON has words for.

    Returns
    -------
    str
        64 hexadecimal digits, whatever the order of keys.
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, read block by block.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def known_hash(path: Path) -> str:
    """SHA-256 of a file that is asked for again and again: it is read anew when its time or its size is another.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    state = path.stat()
    return _known_hash(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _known_hash(path: Path, _changed: int, _size: int) -> str:
    return file_hash(path)
