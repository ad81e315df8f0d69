"""Compiled parser of the atom lines of a LAMMPS text dump."""

from __future__ import annotations

import numpy as np
from numba import njit

SKIP, ID, X, Y, Z, IX, IY, IZ, TYPE, NAME = range(10)
"""Roles of a column."""

TRUNCATED = -1
"""Returned where the buffer ends before the frame does."""

BAD_LINE = -2
"""Returned minus the number of the line, where a line does not hold what the columns say; minus the number of atoms more
where its atom has another type or name than in the first frame."""

_POWERS = 10.0 ** np.arange(23)
_ONE = np.uint64(1)
_TEN = np.uint64(10)
_MOST_DIGITS = np.uint64(18)
_HASH_START = np.uint64(14695981039346656037)
_HASH_FACTOR = np.uint64(1099511628211)


def hash_of_name(name: bytes) -> int:
    """Number that `parse_atoms` compares in place of a name.

    Parameters
    ----------
    name : bytes
        Of an element or a type.

    Returns
    -------
    int
        64 bits (FNV-1a).

    Examples
    --------
    >>> hash_of_name(b"")
    14695981039346656037
    """
    value = int(_HASH_START)
    for byte in name:
        value = ((value ^ byte) * int(_HASH_FACTOR)) % (1 << 64)
    return value


@njit(cache=True, nogil=True)
def parse_atoms(buffer, start, stop, roles, index_of_id, positions, images, seen, kinds):  # type: ignore[no-untyped-def]
    """Parse one frame's atom lines, each atom into the row of its id.

    Parameters
    ----------
    buffer : (n_bytes,) uint8 array
        Holds the valid bytes and a newline behind them, at which every token ends.
    start, stop : int
        First byte of the first atom line, end of the valid bytes.
    roles : (n_columns,) int array
        Role of each column up to the last needed one.
    index_of_id : int array
        Row of an atom by its id, -1 where there is none.
    positions : (n_atoms, 3) float array
        Filled with the three coordinates as written.
    images : (n_atoms, 3) int array
        Filled where the columns have image flags.
    seen : (n_atoms,) uint8 array
        Working space.
    kinds : (n_atoms,) uint64 array
        Type of each atom, or the hash of its name, where the columns have the one or the other.

    Returns
    -------
    int
        Place of the byte behind the last line, or `TRUNCATED`, or `BAD_LINE` minus the line's number (from 0).
    """
    # Unsigned positions spare the check for negative indices.
    n_atoms = positions.shape[0]
    n_columns = roles.shape[0]
    has_images = images.shape[0] > 0
    seen[:] = 0
    end = np.uint64(stop)
    i = np.uint64(start)
    values = np.zeros(9)
    kind = np.uint64(0)
    has_kinds = False
    for column in range(n_columns):
        has_kinds = has_kinds or roles[column] >= 8
    for line in range(n_atoms):
        for column in range(n_columns):
            while buffer[i] == 32 or buffer[i] == 9:
                i += _ONE
            role = roles[column]
            if role == 0:
                if buffer[i] <= 32:
                    return TRUNCATED if i >= end else BAD_LINE - line
                while buffer[i] > 32:
                    i += _ONE
                continue
            if role == 9:
                if buffer[i] <= 32:
                    return TRUNCATED if i >= end else BAD_LINE - line
                kind = _HASH_START
                while buffer[i] > 32:
                    kind = (kind ^ np.uint64(buffer[i])) * _HASH_FACTOR
                    i += _ONE
                continue
            negative = buffer[i] == 45
            if negative or buffer[i] == 43:
                i += _ONE
            first = i
            mantissa = np.uint64(0)
            digit = buffer[i] ^ np.uint8(48)
            while digit < 10:
                mantissa = mantissa * _TEN + np.uint64(digit)
                i += _ONE
                digit = buffer[i] ^ np.uint8(48)
            n_digits = i - first
            exponent = np.int64(0)
            if buffer[i] == 46:
                i += _ONE
                point = i
                digit = buffer[i] ^ np.uint8(48)
                while digit < 10:
                    mantissa = mantissa * _TEN + np.uint64(digit)
                    i += _ONE
                    digit = buffer[i] ^ np.uint8(48)
                exponent = -np.int64(i - point)
                n_digits += i - point
            if n_digits > _MOST_DIGITS:
                mantissa, exponent = _long_number(buffer, first)
            if n_digits > 0 and (buffer[i] == 101 or buffer[i] == 69):
                i += _ONE
                down = buffer[i] == 45
                if down or buffer[i] == 43:
                    i += _ONE
                power = np.int64(0)
                while 48 <= buffer[i] <= 57:
                    if power < 10000:
                        power = power * np.int64(10) + np.int64(buffer[i]) - np.int64(48)
                    i += _ONE
                exponent += -power if down else power
            if i >= end:
                return TRUNCATED
            if n_digits == 0:
                # nan or inf, as LAMMPS writes them after a blow-up; anything else is not a number.
                letter = buffer[i] | 32
                if letter != 110 and letter != 105:
                    return BAD_LINE - line
                while buffer[i] > 32:
                    i += _ONE
                value = np.nan
            else:
                if buffer[i] > 32:
                    return BAD_LINE - line
                value = np.float64(mantissa)
                if exponent != 0:
                    if -22 <= exponent < 0:
                        # Both numbers are exact up to fifteen digits, so the quotient is rounded correctly.
                        value = value / _POWERS[-exponent]
                    elif 0 < exponent <= 22:
                        value = value * _POWERS[exponent]
                    else:
                        value = value * 10.0**exponent
                if negative:
                    value = -value
            if role == 8:
                kind = np.uint64(value)
            values[role] = value
        while buffer[i] != 10:
            i += _ONE
        if i >= end:
            return TRUNCATED
        i += _ONE
        number = np.int64(values[ID]) if values[ID] == values[ID] else -1
        if number < 0 or number >= index_of_id.shape[0]:
            return BAD_LINE - line
        row = index_of_id[number]
        if row < 0 or seen[row] == 1:
            return BAD_LINE - line
        seen[row] = 1
        if has_kinds and kind != kinds[row]:
            return BAD_LINE - n_atoms - line
        positions[row, 0] = values[X]
        positions[row, 1] = values[Y]
        positions[row, 2] = values[Z]
        if has_images:
            images[row, 0] = np.int32(values[IX])
            images[row, 1] = np.int32(values[IY])
            images[row, 2] = np.int32(values[IZ])
    return np.int64(i)


@njit(cache=True, nogil=True)
def _long_number(buffer, i):  # type: ignore[no-untyped-def]
    """The first eighteen significant digits of a number from its first digit, and the power of ten that is missing."""
    mantissa = np.uint64(0)
    exponent = 0
    n_digits = 0
    behind_point = False
    while 48 <= buffer[i] <= 57 or (buffer[i] == 46 and not behind_point):
        if buffer[i] == 46:
            behind_point = True
        elif n_digits < 18:
            mantissa = mantissa * _TEN + np.uint64(buffer[i] - np.uint8(48))
            if mantissa > 0:
                n_digits += 1
            if behind_point:
                exponent -= 1
        elif not behind_point:
            exponent += 1
        i += _ONE
    return mantissa, exponent
