"""Where diffusion begins to slow down with temperature or with the number of ions: turning points of tables of D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import ndtr

Along = Literal["temperature", "composition"]
State = Literal["turns", "falls", "possible", "rises"]

LEVEL = 0.05
"""Probability below which a rise or a fall is taken to be more than chance."""

_DELTA_CHI2_95 = 3.84
_ANOTHER_BEND = 6.0
"""Of chi-squared, that a series must gain to begin with a fall."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DiffusivityTable:
    """D at compositions and temperatures.

    Attributes
    ----------
    composition : (n,) float array
        A number that orders them, such as x of LixLa0.56TiO3.
    temperature_kelvin : (n,) float array, K
        Of each row.
    diffusivity_cm2_per_s : (n,) float array, cm^2/s
        Of each row.
    error_cm2_per_s : (n,) float array or None, cm^2/s
        Standard errors, positive; None where they are not known.
    left_out : tuple of (float, float)
        Compositions and temperatures (K) at which D is no value: its runs are not diffusive.
    """

    composition: Floats
    temperature_kelvin: Floats
    diffusivity_cm2_per_s: Floats
    error_cm2_per_s: Floats | None
    left_out: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """Where D of one series begins to fall.

    Attributes
    ----------
    along : {'temperature', 'composition'}
        What the series goes along; the other is the same in all of it.
    composition, temperature_kelvin : float
        Of the last row before the fall.
    state : {'turns', 'falls', 'possible', 'rises'}
        It rises and then falls; it falls from the start, so that the point is there or before; it may turn there by chance; it rises to
        the end.
    interval : tuple of float or None
        Ends between which the point lies, along the series: the rows before and after it, and with errors of D those of all rows that
        are as good at 95 %. None where it may lie beyond the first or last row.
    p_value : float or None
        How often chance alone gives such a fall; None without errors.
    n_rows : int
        Of the series.
    """

    along: Along
    composition: float
    temperature_kelvin: float
    state: State
    interval: tuple[float | None, float | None]
    p_value: float | None
    n_rows: int


@dataclass(frozen=True, slots=True)
class Decrease:
    """A step to a higher temperature at which D falls, dD/dT < 0.

    Attributes
    ----------
    composition : float
        Of both rows.
    from_kelvin, to_kelvin : float, K
        Neighbouring temperatures.
    change_cm2_per_s : float, cm^2/s
        Of D, negative.
    sigmas : float or None
        Its size in standard errors; None without errors.
    """

    composition: float
    from_kelvin: float
    to_kelvin: float
    change_cm2_per_s: float
    sigmas: float | None


@dataclass(frozen=True, slots=True)
class Crowding:
    """What a table says of flexible and crowded ions.

    Attributes
    ----------
    turns : tuple of Turn
        Of every series of three rows or more.
    decreases : tuple of Decrease
        All steps with dD/dT < 0.
    boundary : (n, 2) float array
        Composition and temperature (K) of the points that turn with temperature, by composition (of those that turn with composition,
        where fewer than two do): below it ions are flexible, above crowded.
    """

    turns: tuple[Turn, ...]
    decreases: tuple[Decrease, ...]
    boundary: Floats


def unimodal_misfit(values: Floats, weights: Floats, mode: int) -> float:
    """Least sum of weighted squares of a sequence that rises to a place and falls after it.

    Parameters
    ----------
    values, weights : (n,) float array
        Data, and one over the squared errors.
    mode : int
        Place of the largest value.

    Returns
    -------
    float
        Zero where the data are such a sequence.

    Notes
    -----
    Both sides are made monotonous by themselves; then blocks that stand higher than the mode are pooled with it, the highest first.

    References
    ----------
    R. E. Barlow et al., Statistical Inference under Order Restrictions (Wiley, 1972).

    Examples
    --------
    >>> one = np.ones(4)
    >>> unimodal_misfit(np.array([1.0, 3.0, 2.0, 0.0]), one, 1), unimodal_misfit(np.array([1.0, 3.0, 2.0, 0.0]), one, 2)
    (0.0, 0.5)
    """
    left = _blocks(values[:mode], weights[:mode])
    right = _blocks(values[mode + 1 :][::-1], weights[mode + 1 :][::-1])
    total, weight, size = values[mode] * weights[mode], weights[mode], 1
    pooled = [(values[mode], weights[mode])]
    while (sides := [side for side in (left, right) if side]) and max(side[-1][0] for side in sides) > total / weight:
        mean, own, members = max(sides, key=lambda side: side[-1][0]).pop()
        total, weight, size = total + mean * own, weight + own, size + len(members)
        pooled += members
    rest = [(value, own, mean) for side in (left, right) for mean, _, members in side for value, own in members]
    misfit = sum(own * (value - mean) ** 2 for value, own, mean in rest)
    return float(misfit + sum(own * (value - total / weight) ** 2 for value, own in pooled))


def _blocks(values: Floats, weights: Floats) -> list[tuple[float, float, list[tuple[float, float]]]]:
    """Blocks of the rising fit: mean, weight and members."""
    if not values.size:
        return []
    found = isotonic_regression(values, weights=weights)
    pairs = list(zip(values.tolist(), weights.tolist(), strict=True))
    return [
        (float(found.x[start]), float(weights[start:stop].sum()), pairs[start:stop])
        for start, stop in zip(found.blocks[:-1], found.blocks[1:], strict=True)
    ]


def turning_place(values: Floats, errors: Floats | None) -> tuple[int, int, int, State, float | None]:
    """Where a sequence begins to fall.

    Parameters
    ----------
    values : (n,) float array
        Three or more, in order.
    errors : (n,) float array or None
        Standard errors, positive.

    Returns
    -------
    place, first, last : int
        The most likely place of the largest value, and the first and last one within 95 %.
    state : {'turns', 'falls', 'possible', 'rises'}
        As of `Turn`.
    p_value : float or None
        Of the fall.

    Notes
    -----
    The place is that of the unimodal sequence with the least chi-squared; those within 3.84 of it are as good. A fall is the largest
    difference between an earlier and a later value in standard errors, and its p-value that of a normal one times the number of pairs
    (Bonferroni), which is an upper bound. Without errors any fall counts.

    Examples
    --------
    >>> turning_place(np.array([1.0, 2.0, 3.0, 2.5]), None)[:4]
    (2, 2, 2, 'turns')
    >>> turning_place(np.array([1.0, 2.0, 3.0, 2.9]), np.full(4, 0.2))[:4]
    (2, 2, 3, 'possible')
    """
    n_values = len(values)
    weights = np.ones(n_values) if errors is None else errors**-2.0
    misfits = np.array([unimodal_misfit(values, weights, place) for place in range(n_values)])
    # Of equal values the last one is where it has not yet fallen.
    best = n_values - 1 - int(np.argmin(misfits[::-1]))
    if errors is None:
        if best == n_values - 1:
            return best, best, best, "rises", None
        return best, best, best, "falls" if best == 0 else "turns", None
    good = np.flatnonzero(misfits <= misfits[best] + _DELTA_CHI2_95)
    p_fall, p_rise = _p_of_drop(values, errors), _p_of_drop(values[::-1], errors[::-1])
    if p_fall >= LEVEL:
        state: State = "rises" if best == n_values - 1 else "possible"
    else:
        state = "falls" if best == 0 or p_rise >= LEVEL else "turns"
    return best, int(good[0]), int(good[-1]), state, p_fall


def _p_of_drop(values: Floats, errors: Floats) -> float:
    first, second = np.triu_indices(len(values), 1)
    sigmas = (values[first] - values[second]) / np.hypot(errors[first], errors[second])
    return float(min(1.0, len(first) * ndtr(-sigmas.max())))


def _after_the_depletion(values: Floats, errors: Floats | None) -> int:
    """Where a series along the composition begins to rise: before it, ions of the other kind become fewer."""
    weights = np.ones(len(values)) if errors is None else errors**-2.0

    def misfit(start: int) -> float:
        before = isotonic_regression(values[: start + 1], weights=weights[: start + 1], increasing=False).x
        falling = float((weights[: start + 1] * (values[: start + 1] - before) ** 2).sum())
        rest, own = values[start:], weights[start:]
        return falling + min(unimodal_misfit(rest, own, mode) for mode in range(len(rest)))

    misfits = np.array([misfit(start) for start in range(len(values) - 2)])
    gain = _ANOTHER_BEND if errors is not None else 1e-9 * float((values**2).sum())
    return int(misfits.argmin()) if misfits[0] - misfits.min() > gain else 0


def crowding_of(table: DiffusivityTable) -> Crowding:
    """Turning points of every series of a table, and the boundary they draw.

    Parameters
    ----------
    table : DiffusivityTable
        Each composition and temperature once.

    Returns
    -------
    Crowding
        Series along the temperature for each composition, and along the composition for each temperature.

    Notes
    -----
    Along the composition, a first fall (vacancies that become fewer, down to where there is no free defect) is left out.

    References
    ----------
    Li ions in the space-charge layer of LixLa0.56TiO3 become crowded at x = 0.60, 0.55 and 0.50 at 575, 650 and 750 K.

    Examples
    --------
    >>> kelvin = np.array([500.0, 600.0, 700.0])
    >>> found = crowding_of(DiffusivityTable(np.full(3, 0.6), kelvin, np.array([1e-6, 3e-6, 2e-6]), None))
    >>> [(one.composition, one.temperature_kelvin, one.state, one.interval) for one in found.turns]
    [(0.6, 600.0, 'turns', (500.0, 700.0))]
    >>> [(one.from_kelvin, one.to_kelvin) for one in found.decreases]
    [(600.0, 700.0)]
    """
    turns: list[Turn] = []
    decreases: list[Decrease] = []
    for composition in np.unique(table.composition):
        rows = _rows(table.composition == composition, table.temperature_kelvin)
        decreases += _decreases(table, rows, float(composition))
        turns += _turn(table, rows, "temperature")
    for kelvin in np.unique(table.temperature_kelvin):
        rows = _rows(table.temperature_kelvin == kelvin, table.composition)
        turns += _turn(table, rows, "composition")
    return Crowding(tuple(turns), tuple(decreases), _boundary(turns))


def _boundary(turns: Sequence[Turn]) -> Floats:
    """Of series along the temperature, which show crowding itself; of the others where these give no two points."""
    of: dict[Along, list[tuple[float, float]]] = {"temperature": [], "composition": []}
    for one in turns:
        if one.state == "turns":
            of[one.along].append((one.composition, one.temperature_kelvin))
    points = of["temperature"] if len(of["temperature"]) > 1 else max(of.values(), key=len)
    return np.array(sorted(points), dtype=np.float64).reshape(-1, 2)


def _rows(mask: NDArray[np.bool_], order: Floats) -> NDArray[np.int64]:
    places = np.flatnonzero(mask)
    return places[np.argsort(order[places])]


def _turn(table: DiffusivityTable, rows: NDArray[np.int64], along: Along) -> list[Turn]:
    errors = None if table.error_cm2_per_s is None else table.error_cm2_per_s[rows]
    if len(rows) > 3 and along == "composition":
        start = _after_the_depletion(table.diffusivity_cm2_per_s[rows], errors)
        rows, errors = rows[start:], None if errors is None else errors[start:]
    if len(rows) < 3:
        return []
    place, first, last, state, p_value = turning_place(table.diffusivity_cm2_per_s[rows], errors)
    axis = (table.temperature_kelvin if along == "temperature" else table.composition)[rows]
    ends = (
        float(axis[first - 1]) if first > 0 else None,
        float(axis[last + 1]) if last + 1 < len(axis) else None,
    )
    at = rows[place]
    return [
        Turn(along, float(table.composition[at]), float(table.temperature_kelvin[at]), state, ends, p_value, len(rows))
    ]


def _decreases(table: DiffusivityTable, rows: NDArray[np.int64], composition: float) -> list[Decrease]:
    found = []
    for before, after in zip(rows[:-1], rows[1:], strict=True):
        change = float(table.diffusivity_cm2_per_s[after] - table.diffusivity_cm2_per_s[before])
        if change >= 0.0:
            continue
        errors = table.error_cm2_per_s
        sigmas = None if errors is None else float(-change / np.hypot(errors[before], errors[after]))
        kelvin = table.temperature_kelvin
        found.append(Decrease(composition, float(kelvin[before]), float(kelvin[after]), change, sigmas))
    return found


def rises_somewhere(boundary: Sequence[Sequence[float]] | Floats) -> bool:
    """Whether a boundary rises anywhere: more ions should be crowded at lower temperatures.

    Parameters
    ----------
    boundary : (n, 2) float array
        Composition and temperature, by composition.

    Returns
    -------
    bool
        True where a point with more ions turns at a higher temperature.

    Examples
    --------
    >>> rises_somewhere([(0.5, 750.0), (0.55, 650.0)]), rises_somewhere([(0.5, 650.0), (0.55, 750.0)])
    (False, True)
    """
    points = np.asarray(boundary, dtype=np.float64).reshape(-1, 2)
    return any(
        later[0] > earlier[0] and later[1] > earlier[1]
        for number, earlier in enumerate(points)
        for later in points[number + 1 :]
    )
