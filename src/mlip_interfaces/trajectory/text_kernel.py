"""Compiled parser of the atom lines of a LAMMPS text dump."""

from __future__ import annotations

import numpy as np
from numba import njit

SKIP, ID, X, Y, Z, IX, IY, IZ = range(8)
"""Roles of a column."""

TRUNCATED = -1
"""Returned where the buffer ends before the frame does."""

BAD_LINE = -2
"""Returned minus the number of the line, where a line does not hold what the columns say."""

_POWERS = 10.0 ** np.arange(23)


@njit(cache=True, nogil=True)
def parse_atoms(buffer, start, stop, roles, index_of_id, positions, images, seen):  # type: ignore[no-untyped-def]
    """Parse one frame's atom lines, each atom into the row of its id.

    Parameters
    ----------
    buffer : uint8, shape (n_bytes,).
    start, stop : first byte of the first atom line, end of the valid bytes.
    roles : int64, role of each column up to the last needed one.
    index_of_id : int64, row of an atom by its id, -1 where there is none.
    positions : float64, shape (n_atoms, 3), filled with the three coordinates as written.
    images : int32, shape (n_atoms, 3), filled where the columns have image flags.
    seen : uint8, shape (n_atoms,), working space.

    Returns
    -------
    position : of the byte behind the last line, or `TRUNCATED`, or `BAD_LINE` minus the line's number (from 0).
    """
    n_atoms = positions.shape[0]
    n_columns = roles.shape[0]
    seen[:] = 0
    i = start
    values = np.zeros(8)
    for line in range(n_atoms):
        for column in range(n_columns):
            while i < stop and (buffer[i] == 32 or buffer[i] == 9):
                i += 1
            if i >= stop:
                return TRUNCATED
            role = roles[column]
            if role == 0:
                if buffer[i] == 10 or buffer[i] == 13:
                    return BAD_LINE - line
                while i < stop and buffer[i] > 32:
                    i += 1
                continue
            negative = False
            if buffer[i] == 45 or buffer[i] == 43:
                negative = buffer[i] == 45
                i += 1
            first = i
            mantissa = np.uint64(0)
            exponent = 0
            n_digits = 0
            while i < stop:
                digit = buffer[i] - 48
                if digit > 9 or digit < 0:
                    break
                if n_digits < 18:
                    mantissa = mantissa * np.uint64(10) + np.uint64(digit)
                    if mantissa > 0:
                        n_digits += 1
                else:
                    exponent += 1
                i += 1
            any_digit = i > first
            if i < stop and buffer[i] == 46:
                i += 1
                while i < stop:
                    digit = buffer[i] - 48
                    if digit > 9 or digit < 0:
                        break
                    any_digit = True
                    if n_digits < 18:
                        mantissa = mantissa * np.uint64(10) + np.uint64(digit)
                        if mantissa > 0:
                            n_digits += 1
                        exponent -= 1
                    i += 1
            if any_digit and i < stop and (buffer[i] == 101 or buffer[i] == 69):
                i += 1
                down = False
                if i < stop and (buffer[i] == 45 or buffer[i] == 43):
                    down = buffer[i] == 45
                    i += 1
                power = 0
                while i < stop and 48 <= buffer[i] <= 57:
                    if power < 10000:
                        power = power * 10 + buffer[i] - 48
                    i += 1
                exponent += -power if down else power
            if i >= stop:
                return TRUNCATED
            if not any_digit:
                # nan or inf, as LAMMPS writes them after a blow-up; anything else is not a number.
                letter = buffer[i] | 32
                if letter != 110 and letter != 105:
                    return BAD_LINE - line
                while i < stop and buffer[i] > 32:
                    i += 1
                value = np.nan
            else:
                if buffer[i] > 32:
                    return BAD_LINE - line
                value = float(mantissa)
                if -22 <= exponent < 0:
                    # Both numbers are exact up to fifteen digits, so the quotient is rounded correctly.
                    value = value / _POWERS[-exponent]
                elif 0 < exponent <= 22:
                    value = value * _POWERS[exponent]
                elif exponent != 0:
                    value = value * 10.0**exponent
                if negative:
                    value = -value
            values[role] = value
        while i < stop and buffer[i] != 10:
            i += 1
        if i >= stop:
            return TRUNCATED
        i += 1
        number = int(values[ID]) if values[ID] == values[ID] else -1
        if number < 0 or number >= index_of_id.shape[0]:
            return BAD_LINE - line
        row = index_of_id[number]
        if row < 0 or seen[row] == 1:
            return BAD_LINE - line
        seen[row] = 1
        positions[row, 0] = values[X]
        positions[row, 1] = values[Y]
        positions[row, 2] = values[Z]
        if images.shape[0] > 0:
            images[row, 0] = int(values[IX])
            images[row, 1] = int(values[IY])
            images[row, 2] = int(values[IZ])
    return i
