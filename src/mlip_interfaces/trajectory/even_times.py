"""Times that a file keeps with few digits."""

from __future__ import annotations

from dataclasses import dataclass

FINE_ENOUGH = 2.5e-4
"""Rounding of a time relative to the time between frames, below which it does no harm."""


@dataclass(frozen=True, slots=True)
class EvenTimes:
    """Times that lie evenly and were rounded: single precision, at 20 ns, rounds to 0.002 ps, 2 % of 0.1 ps.

    Attributes
    ----------
    first_ps : float, ps
        Time of the first frame.
    spacing_ps : float, ps
        Time between frames; zero where stored times are fine enough as they are.
    rounding_ps : float, ps
        The largest error of a stored time.
    """

    first_ps: float
    spacing_ps: float
    rounding_ps: float


def even_times(first_ps: float, last_ps: float, n_frames: int, rounding_ps: float) -> EvenTimes:
    """Learn the time between frames from the first and the last one.

    Parameters
    ----------
    first_ps, last_ps : float, ps
        Times of the first and the last frame.
    n_frames : int
        How many there are, these two included.
    rounding_ps : float, ps
        The largest error of a time.

    Returns
    -------
    EvenTimes
        With the fewest digits that these times allow.

    Examples
    --------
    >>> even_times(20000.0, 20005.900390625, 60, 0.002).spacing_ps
    0.1
    """
    spacing = (last_ps - first_ps) / max(1, n_frames - 1)
    if n_frames < 3 or not rounding_ps > FINE_ENOUGH * spacing > 0.0:
        return EvenTimes(first_ps, 0.0, rounding_ps)
    rounded = (float(f"{spacing:.{n_digits}g}") for n_digits in range(1, 18))
    return EvenTimes(
        first_ps, next(value for value in rounded if abs(value - spacing) * (n_frames - 1) <= rounding_ps), rounding_ps
    )


def time_of_frame(times: EvenTimes, number: int, stored_ps: float) -> float:
    """Time of a frame.

    Parameters
    ----------
    times : EvenTimes
        Of the file.
    number : int
        Of the frame, from 0.
    stored_ps : float, ps
        As the file has it.

    Returns
    -------
    float, ps
        The evenly spaced time where the stored one is a rounding of it; the stored one elsewhere.

    Examples
    --------
    >>> round(time_of_frame(EvenTimes(20000.0, 0.1, 0.002), 3, 20000.30078125), 6)
    20000.3
    """
    even = times.first_ps + number * times.spacing_ps
    return even if times.spacing_ps and abs(even - stored_ps) <= 2.0 * times.rounding_ps else stored_ps
