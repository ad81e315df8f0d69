"""The text of a file as values: YAML 1.2's core schema, each key once, in bounded time.

PyYAML reads the schema of YAML 1.1, where ``No`` and ``Y`` are truth values, ``1:30`` is 90, ``1e3`` is a text, and the last of
two equal keys wins. So its parser gives the events, and what they mean is decided here. Nothing is recursive, and what aliases
stand for is counted, so that neither depth nor repetition can hang or end the program.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mlip_interfaces.errors import InputFileError, UserError

MOST_BYTES = 1_000_000
"""Of a file: a hundred times the longest study of those shipped."""

MOST_DEPTH = 50
"""Of sections in each other; the schema of a study has six, the parameters of a teacher may have some more."""

MOST_VALUES = 100_000
"""Of a whole file, where an alias counts as all that it stands for."""

_MOST_DIGITS = 100
"""Of a whole number; Python itself refuses to read much longer ones."""

_MOST_SHOWN = 60
"""Characters of a name in a message."""

# The faster parser comes with every wheel of PyYAML; the other one gives the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = ("", "~", "null", "Null", "NULL")
_TRUTH = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_STRING_TAGS = (None, "!", "tag:yaml.org,2002:str")


def read_text(path: Path, *, of: str = "such a file", refused: type[UserError] = InputFileError) -> str:
    """The text of a file in YAML.

    Parameters
    ----------
    path : Path
        The file.
    of : str, optional
        What it describes, in messages.
    refused : type, optional
        The error that is raised.

    Returns
    -------
    str
        Without a byte order mark.

    Raises
    ------
    UserError
        Of the type `refused`, if the file is too large, or no UTF-8.
    """
    if path.stat().st_size > MOST_BYTES:
        raise refused(
            f"{path} has {path.stat().st_size} bytes, more than the {MOST_BYTES} that {of} may have; give the right file."
        )
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise refused(
            f"{path} is no text in UTF-8 (byte 0x{content[error.start]:02x} in line {line}); save it as UTF-8."
        ) from error


def parse_yaml(text: str, path: Path, *, of: str = "such a file", refused: type[UserError] = InputFileError) -> Any:
    """The value that a text in YAML stands for.

    Parameters
    ----------
    text : str
        One document.
    path : Path
        Of the file, for messages.
    of : str, optional
        What it describes, in messages.
    refused : type, optional
        The error that is raised.

    Returns
    -------
    object
        Dictionaries, lists, texts, numbers, truth values and None; parts that aliases repeat are the same objects.

    Raises
    ------
    UserError
        Of the type `refused`, if the text is no YAML, has a key twice in one mapping, a number that is not finite, a tag, or is too large or deep; the
        message names the line.

    Examples
    --------
    >>> parse_yaml("{elements: [Y, No], steps: 1e3, time: 1:30}", Path("x.yaml"))
    {'elements': ['Y', 'No'], 'steps': 1000.0, 'time': '1:30'}
    """
    composer = _Composer(path, of, refused)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise refused(f"{path} is not valid YAML: {where}{error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        # Characters that no YAML may have.
        reason = getattr(error, "reason", "it cannot be read")
        raise refused(f"{path} is not valid YAML: {reason}; is it a text file?") from error
    return composer.value


class _Merge:
    """The key ``<<``, whose mappings give what their own does not."""


@dataclass(slots=True)
class _Open:
    """A list or a mapping that is not yet complete.

    Attributes
    ----------
    content : list or dict
        What it has so far.
    anchor : str or None
        Its name for aliases.
    size : int
        Values in it, itself included.
    key : tuple of object, or None
        The key whose value comes next, alone in a tuple.
    lines : dict
        Line of each key.
    merged : list of dict
        What ``<<`` brings.
    """

    content: list[Any] | dict[Any, Any]
    anchor: str | None
    size: int = 1
    key: tuple[Any] | None = None
    lines: dict[Any, int] = field(default_factory=dict)
    merged: list[dict[Any, Any]] = field(default_factory=list)


class _Composer:
    """Makes values of events."""

    def __init__(self, path: Path, of: str, refused: type[UserError]) -> None:
        self.value: Any = None
        self._path, self._of, self._refused = path, of, refused
        self._open: list[_Open] = []
        self._named: dict[str, tuple[Any, int]] = {}
        self._n_documents = 0

    def take(self, event: yaml.Event) -> None:
        """The next event of the parser."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent():
                self._n_documents += 1
                if self._n_documents > 1:
                    self._refuse(line, f"a second document begins ('---'); {self._of} is one")
            case yaml.ScalarEvent():
                value = self._scalar(event, line)
                self._name(event.anchor, value, 1)
                self._put(value, 1, line, is_merge=event.implicit[0] and event.value == "<<")
            case yaml.AliasEvent():
                if event.anchor not in self._named:
                    self._refuse(line, f"there is no complete part '{_short(event.anchor)}' that it could repeat")
                value, size = self._named[event.anchor]
                self._put(value, size, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if not event.implicit:
                    self._refuse(line, f"the tag {_short(event.tag)} means nothing in {self._of}; leave it out")
                if len(self._open) == MOST_DEPTH:
                    self._refuse(
                        line, f"more than {MOST_DEPTH} lists and mappings stand in each other; {self._of} has few"
                    )
                content: list[Any] | dict[Any, Any] = [] if isinstance(event, yaml.SequenceStartEvent) else {}
                self._open.append(_Open(content, event.anchor))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                value = done.content
                if isinstance(value, dict) and done.merged:
                    value = {key: entry for part in reversed(done.merged) for key, entry in part.items()} | value
                self._name(done.anchor, value, done.size)
                self._put(value, done.size, line)

    def _name(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._named[anchor] = value, size

    def _put(self, value: Any, size: int, line: int, *, is_merge: bool = False) -> None:
        """A complete value into whatever is open."""
        if not self._open:
            self.value = value
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > MOST_VALUES:
            self._refuse(line, f"with all that aliases (*) stand for there are more than {MOST_VALUES} values")
        if isinstance(parent.content, list):
            parent.content.append(value)
        elif parent.key is None:
            self._begin_entry(parent, _Merge if is_merge else value, line)
        else:
            (key,), parent.key = parent.key, None
            if key is _Merge:
                parts = value if isinstance(value, list) else [value]
                if not all(isinstance(part, dict) for part in parts):
                    self._refuse(line, "'<<' takes in mappings (*name), and this is none")
                parent.merged += parts
            else:
                parent.content[key] = value

    def _begin_entry(self, parent: _Open, key: Any, line: int) -> None:
        if isinstance(key, (list, dict)):
            self._refuse(line, "a list or a mapping cannot be a key")
        if key in parent.lines:
            name = "<<" if key is _Merge else _short(key)
            self._refuse(line, f"the key '{name}' stands in line {parent.lines[key]} already; keep one of the two")
        parent.lines[key] = line
        parent.key = (key,)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Any:
        text: str = event.value
        if _NO_TEXT.search(text):
            self._refuse(line, "a text has a control character; take it out")
        if event.implicit[0]:
            return self._plain(text, line)
        if event.tag not in _STRING_TAGS:
            self._refuse(line, f"the tag {_short(event.tag)} means nothing in {self._of}; leave it out")
        return text

    def _plain(self, text: str, line: int) -> Any:
        """What an unquoted word is in the core schema."""
        if text in _NULL:
            return None
        if text in _TRUTH:
            return _TRUTH[text]
        if _WHOLE.fullmatch(text) or _BASED.fullmatch(text):
            if len(text) > _MOST_DIGITS:
                self._refuse(line, f"a number has {len(text)} digits; give fewer, or put it in quotes if it is a name")
            return int(text) if _WHOLE.fullmatch(text) else int(text, base=0)
        if _NOT_FINITE.fullmatch(text) or (_REAL.fullmatch(text) and not math.isfinite(float(text))):
            self._refuse(line, f"{_short(text)} is not a finite number; give one")
        return float(text) if _REAL.fullmatch(text) else text

    def _refuse(self, line: int, what: str) -> NoReturn:
        raise self._refused(f"{self._path}: line {line}: {what}.")


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
