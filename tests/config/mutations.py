"""Studies with one thing wrong, drawn at random: what an editor, a copy, a disk or a hurry does to a file."""

from __future__ import annotations

import copy
import datetime
import functools
import random
from collections.abc import Callable
from typing import Any

import yaml

NUMBERS = (1e30, -1e30, 1e-30, 0, -1, 10**25, float("inf"), float("nan"), 0.5, 100, 1e6, 2**31)
VALUES = (
    True, False, None, "text", "", [], {}, [1, [2]], {"a": 1}, datetime.date(2024, 1, 1), "x" * 300, "~nobody/a.cif", "a/b",
    "1:30", "Li", [True], "nan", "\x07", "\x00", "*", "a b", "é", "../..", 'a"b', ["x"] * 300, "None", "1_0", {1: 2}, {"": ""},
)  # fmt: skip
WORDS = (".nan", "-.inf", "1e999", "0x1F", "1:30", "yes", "9" * 5000, "!!python/name:os.system", "&a [*a]", "*none", "[" * 2000,
         "{a: {b: ", "|", "? [a]", "%", "@", "'", "- -", "\t")  # fmt: skip


def mutated(text: str, rng: random.Random) -> tuple[str, bytes]:
    """The name of what was done to a study, and the bytes of the file."""
    # Values are many; ways to damage a file are few.
    weights = [5 if name in ("absurd number", "wrong value") else 1 for name in CHANGES]
    (name,) = rng.choices(list(CHANGES), weights)
    content = CHANGES[name](text, rng)
    return name, content if isinstance(content, bytes) else content.encode("utf-8", errors="surrogatepass")


@functools.cache
def _tree(text: str) -> Any:
    return yaml.safe_load(text)


def _places(node: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of everything in a study."""
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in entries for found in ((*place, key), *_places(value, (*place, key)))]


def _at(node: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        node = node[part]
    return node


def _changed(text: str, rng: random.Random, change: Callable[[Any, Any], None], *, numbers: bool = False) -> str:
    """The study with a change of one of its parents at one of its keys."""
    tree = copy.deepcopy(_tree(text))
    places = _places(tree)
    if numbers:
        places = [place for place in places if isinstance(_at(tree, place), (int, float))]
    place = rng.choice(places)
    change(_at(tree, place[:-1]), place[-1])
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _put(value: Any) -> Callable[[Any, Any], None]:
    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return change


def _remove(parent: Any, key: Any) -> None:
    del parent[key]


def _rename(parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        parent[f"{key}x" if isinstance(key, str) else 1] = parent.pop(key)
    else:
        parent.append(parent[key])


def _line(text: str, rng: random.Random, change: Callable[[list[str], int], None]) -> str:
    lines = text.splitlines()
    change(lines, rng.randrange(len(lines)))
    return "\n".join(lines)


def _word(text: str, rng: random.Random) -> str:
    """A word of YAML that is no value, after a colon."""
    colons = [place for place, character in enumerate(text) if character == ":"]
    place = rng.choice(colons)
    return f"{text[: place + 1]} {rng.choice(WORDS)}\n{text[place + 1 :]}"


def _character(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return f"{text[:place]}{chr(rng.choice((0, 7, 34, 35, 39, 58, 91, 123, 233, 0x2028, 0xFEFF, 0x1F600)))}{text[place + 1 :]}"


def _damaged(text: str, rng: random.Random) -> bytes:
    content = bytearray(text.encode())
    for _ in range(rng.choice((1, 20))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def _laughs(text: str, rng: random.Random) -> str:
    n = rng.randrange(4, 12)
    rows = [f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 9)}]" for i in range(n)]
    return "\n".join([text, "l0: &l0 [a]", *rows])


CHANGES: dict[str, Callable[[str, random.Random], str | bytes]] = {
    "absurd number": lambda text, rng: _changed(text, rng, _put(rng.choice(NUMBERS)), numbers=True),
    "wrong value": lambda text, rng: _changed(text, rng, _put(rng.choice(VALUES))),
    "key left out": lambda text, rng: _changed(text, rng, _remove),
    "key renamed": lambda text, rng: _changed(text, rng, _rename),
    "line twice": lambda text, rng: _line(text, rng, lambda lines, i: lines.insert(i, lines[i])),
    "line left out": lambda text, rng: _line(text, rng, lambda lines, i: lines.__delitem__(i)),
    "line shifted": lambda text, rng: _line(text, rng, lambda lines, i: lines.__setitem__(i, f" {lines[i]}")),
    "word of YAML": _word,
    "character": _character,
    "cut off": lambda text, rng: text.encode()[: rng.randrange(len(text))],
    "damaged": _damaged,
    "other encoding": lambda text, rng: f"# é\n{text}".encode(rng.choice(("latin-1", "utf-16", "utf-32", "cp037", "utf-8-sig"))),
    "binary": lambda text, rng: rng.randbytes(rng.randrange(5000)),
    "deep": lambda text, rng: f"{text}\ndeep: {'[{a: ' * rng.choice((10, 60, 1500, 20_000))}",
    "large": lambda text, rng: text + f"# {'x' * 98}\n" * rng.choice((100, 9000, 100_000)),
    "many keys": lambda text, rng: text + "".join(f"\nkey{i}: [1, 2]" for i in range(rng.choice((100, 20_000)))),
    "billion laughs": _laughs,
}  # fmt: skip
