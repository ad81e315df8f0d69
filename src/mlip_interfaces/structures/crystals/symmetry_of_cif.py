"""The symmetry operations of a CIF: those that it lists, or those of the setting that its Hall or Hermann-Mauguin symbol names."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError

_OPERATION_KEYS = (
    "_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop_magn_operation_xyz",
)  # fmt: skip
_CENTRING_KEY = "_space_group_symop_magn_centering_xyz"
_HALL_KEYS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NAME_KEYS = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full")
_NUMBER_KEYS = ("_space_group_it_number", "_symmetry_int_tables_number")
_CHOICE_KEYS = ("_space_group_it_coordinate_system_code", "_symmetry_space_group_setting")
_UNKNOWN = ("", "?", ".")
_LETTERS_OF_CHOICES = {"s": "1", "z": "2", "h": "h", "r": "r"}
_METRIC_TOLERANCE = 0.02


class Setting(NamedTuple):
    """One setting of a space group, or the operations as a file lists them.

    Attributes
    ----------
    name : str
        Symbol with the choice of origin or axes; empty for listed operations.
    rotations : (n_operations, 3, 3) float array
        Of fractional coordinates.
    translations : (n_operations, 3) float array
        In units of the cell.
    is_origin_choice : bool
        Whether the group has two origins and this is one of them.
    """

    name: str
    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]
    is_origin_choice: bool = False


class _Entry(NamedTuple):
    hall_number: int
    number: int
    hall: str
    choice: str
    symbol: str
    exact: frozenset[str]
    loose: frozenset[str]


def settings_of(tags: Mapping[str, list[str]], cell: NDArray[np.float64], where: str) -> tuple[Setting, ...]:
    """Every setting that the tags of a CIF allow and that its cell has the symmetry of, the most usual first.

    Parameters
    ----------
    tags : mapping of str to list of str
        Lower-case names of tags, dots as underscores, with their values.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    where : str
        File and block, for messages.

    Returns
    -------
    tuple of Setting
        At least one; empty only if the file says nothing of its symmetry.

    Raises
    ------
    StructureError
        If its symbol is unknown, contradicts its number or its cell, or only a magnetic symbol is there.
    """
    listed = [text for key in _OPERATION_KEYS for text in tags.get(key, []) if text not in _UNKNOWN]
    if listed:
        operations = _parsed(listed, where)
        if centrings := [text for text in tags.get(_CENTRING_KEY, []) if text not in _UNKNOWN]:
            operations = _products(_parsed(centrings, where), operations)
        setting = Setting("", *operations)
        if not _fits(setting, cell):
            raise StructureError(
                f"{where} lists symmetry operations that its cell does not have; correct the cell or the operations."
            )
        return (setting,)
    halls, name, number = (_first(tags, keys) for keys in (_HALL_KEYS, _NAME_KEYS, _NUMBER_KEYS))
    if not (halls or name or number):
        if any(key.startswith("_space_group_magn") for key in tags):
            raise StructureError(
                f"{where} names a magnetic space group and lists none of its operations; add them "
                "(_space_group_symop_magn_operation.xyz), or save the file with all atoms and x,y,z alone."
            )
        return ()
    entries = _entries_of(halls, name, number, _first(tags, _CHOICE_KEYS), where)
    settings = tuple(_setting(entry) for entry in entries)
    fitting = tuple(setting for setting in settings if _fits(setting, cell))
    if not fitting:
        raise StructureError(
            f"{where} has the space group {name or halls or number}, and a cell without that symmetry; correct one of the two."
        )
    return fitting


def _first(tags: Mapping[str, list[str]], keys: tuple[str, ...]) -> str:
    return next((tags[key][0].strip() for key in keys if tags.get(key) and tags[key][0].strip() not in _UNKNOWN), "")


def _entries_of(hall: str, name: str, number: str, choice: str, where: str) -> list[_Entry]:
    table = _table()
    if hall:
        found = [entry for entry in table if entry.hall == _hall_words(hall)]
        if found:
            return found
    wanted = None
    if number:
        if not re.fullmatch(r"\d+", number) or not 1 <= int(number) <= 230:
            raise StructureError(f"{where} has the space-group number {number}; give one from 1 to 230.")
        wanted = int(number)
    symbol, suffix = _split_choice(name)
    found = _named(table, symbol)
    if not found and symbol and symbol[-1] in _LETTERS_OF_CHOICES:
        found, suffix = _named(table, symbol[:-1]), suffix or _LETTERS_OF_CHOICES[symbol[-1]]
    if found and wanted is not None:
        if not any(entry.number == wanted for entry in found):
            raise StructureError(
                f"{where} names the space group {name} and the number {wanted}, which is another; correct one of the two."
            )
        found = [entry for entry in found if entry.number == wanted]
    if not found:
        if wanted is None:
            raise StructureError(
                f"{where} names the space group '{name or hall}', which is none, and lists no symmetry operations; add the "
                "operations (_space_group_symop_operation_xyz) or the number of the group."
            )
        found = [entry for entry in table if entry.number == wanted]
    suffix = suffix or choice.lower()
    if suffix and found[0].choice in ("H", "R"):
        suffix = {"1": "h", "2": "r"}.get(suffix, suffix)
    return [entry for entry in found if suffix and entry.choice.lower().startswith(suffix)] or found


def _named(table: tuple[_Entry, ...], symbol: str) -> list[_Entry]:
    if not symbol:
        return []
    exact = [entry for entry in table if symbol in entry.exact]
    # Where the short symbol means another axis as well, the cell may have that one.
    loose = [entry for entry in table if symbol in entry.loose and entry not in exact]
    # Cmca and Aba2 are the names before 1992 of Cmce and Aea2.
    return exact + loose or [
        entry for entry in table if any(re.fullmatch(known.replace("e", "[abc]"), symbol) for known in entry.exact)
    ]


def _split_choice(name: str) -> tuple[str, str]:
    """Symbol without blanks and in lower case, and what follows it: ``:2``, `` Z``, ``(origin choice 2)``."""
    text = name.lower().replace("_", "")
    if match := re.search(r"[(\s]*origin\D*([12])\)?\s*$", text):
        return _squeezed(text[: match.start()]), match[1]
    text, _, suffix = text.partition(":")
    if match := re.search(r"\s([szhr])\s*$", text):
        text, suffix = text[: match.start()], suffix or match[1]
    suffix = suffix.strip()
    return _squeezed(re.sub(r"\(.*?\)", "", text)), _LETTERS_OF_CHOICES.get(suffix, suffix)


@functools.cache
def _table() -> tuple[_Entry, ...]:
    import spglib

    entries = []
    for hall_number in range(1, 531):
        kind = spglib.get_spacegroup_type(hall_number)
        assert kind is not None
        full = kind.international_full.replace("_", "")
        others = [text.replace("_", "") for text in kind.international.split("=")]
        exact = {full, *others[1:]}
        if 3 <= kind.number <= 15:
            exact.add(" ".join(word for word in full.split() if word != "1"))
        else:
            exact |= {kind.international_short.replace("_", ""), *others}
        if kind.number >= 195:
            exact |= {text.replace("-3", "3") for text in exact}
        squeezed = frozenset(_squeezed(text) for text in exact)
        loose = frozenset(_squeezed(text) for text in (kind.international_short.replace("_", ""), *others))
        entries.append(
            _Entry(
                hall_number,
                kind.number,
                _hall_words(kind.hall_symbol),
                kind.choice,
                kind.international_short,
                squeezed,
                loose,
            )
        )
    return tuple(entries)


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace("_", "").lower()


def _hall_words(text: str) -> str:
    # P 3 2 is another group than P 32. Some files write = for the two strokes that a quoted text cannot hold.
    return " ".join(text.replace("_", " ").replace("=", '"').split()).lower()


def _setting(entry: _Entry) -> Setting:
    import spglib

    operations = spglib.get_symmetry_from_database(entry.hall_number)
    assert operations is not None
    rotations = np.asarray(operations["rotations"], dtype=np.float64)
    name = f"{entry.symbol.replace('_', '')}:{entry.choice}" if entry.choice else entry.symbol.replace("_", "")
    return Setting(name, rotations, np.asarray(operations["translations"]), entry.choice[:1] in ("1", "2"))


def _parsed(texts: list[str], where: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from ase.spacegroup.spacegroup import parse_sitesym

    # A magnetic operation says at its end whether it turns the time: x,y,z,-1.
    plain = [",".join("".join(text.split()).split(",")[:3]) for text in texts]
    try:
        rotations, translations = parse_sitesym(plain)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise StructureError(f"{where} has a symmetry operation that cannot be read: {error}.") from error
    bad = [text for text, rotation in zip(texts, rotations, strict=True) if abs(round(np.linalg.det(rotation))) != 1]
    if bad:
        raise StructureError(
            f"{where} has '{bad[0]}' among its symmetry operations, which is none; write it as x,y+1/2,-z."
        )
    return np.asarray(rotations, dtype=np.float64), np.asarray(translations, dtype=np.float64)


def _products(
    outer: tuple[NDArray[np.float64], NDArray[np.float64]], inner: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rotations = np.einsum("aij,bjk->abik", outer[0], inner[0])
    translations = np.einsum("aij,bj->abi", outer[0], inner[1]) + outer[1][:, None]
    return rotations.reshape(-1, 3, 3), translations.reshape(-1, 3)


def _fits(setting: Setting, cell: NDArray[np.float64]) -> bool:
    """Whether every rotation keeps the lengths and angles of the cell."""
    metric = cell @ cell.T
    lengths = np.sqrt(np.diag(metric))
    turned = np.einsum("oji,jk,okl->oil", setting.rotations, metric, setting.rotations)
    return bool((np.abs(turned - metric) / np.outer(lengths, lengths)).max() < _METRIC_TOLERANCE)
