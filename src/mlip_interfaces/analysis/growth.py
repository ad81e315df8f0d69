"""Law by which an interphase grows: fits of several laws, their choice by an information criterion, intervals by block bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.errors import AnalysisError

LAWS = ("none", "linear", "parabolic", "power", "logarithmic", "two-stage", "arrest", "shrinks")
"""In the order in which the simpler one is preferred."""

STRONG = 6.0
"""Difference of the criterion that is strong evidence against the law with the larger one; within, the simplest law counts."""

FEWEST_TIMES = 8
"""For a choice among laws with up to four parameters."""

EXPONENTS = np.arange(0.04, 2.51, 0.02)
LATE_EXPONENTS = np.arange(0.04, 2.53, 0.04)
LOG_STARTS = np.arange(-8.0, 1.6, 0.5)
"""Powers of ten of how long before the first map a growth began, in units of the run."""

LATE_STEPS = 25

EARLIER = 3.0
"""Difference of m ln S from which on a growth began before the first map, and not with an offset."""

ARREST_EXPONENTS = np.arange(0.1, 1.76, 0.05)
BREAKS = np.arange(0.04, 0.965, 0.02)
"""Shares of the run at which a change point is looked for; the place between two of them comes from a parabola."""

LEAST_OFFSET = -0.05
"""Of the largest thickness: a law that begins with a thickness below is none."""

CHANGING = ("two-stage", "arrest")
"""Laws with a change point."""

SMOOTH_DEGREE = 8
"""Of the polynomial that a law is held against."""

MISFIT_CHANCE = 1e-3
"""Less than this is no chance: how often noise alone would put the law so far off a smooth curve."""

MISFIT = 0.03
"""Root mean square between the law and a smooth curve, in units of the range of the thickness, that is worth a doubt."""

BLOCK = 2.0
"""Length of the blocks, in units of how many points count as one."""

LONGEST_BLOCK = 0.2
"""Of the run."""


@dataclass(frozen=True, slots=True)
class LawFit:
    """Fit of one law to one series.

    Attributes
    ----------
    law : str
        Its name.
    parameters : dict of str to float
        By name, with units: ``offset_angstrom``, ``exponent``, ``change_ps`` ...
    n_parameters : int
        That were fitted.
    residual : float, angstrom^2
        Sum of squares.
    bic, aicc : float
        Information criteria with the number of independent points.
    """

    law: str
    parameters: dict[str, float]
    n_parameters: int
    residual: float
    bic: float
    aicc: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of one or several runs.

    Attributes
    ----------
    law : str
        One of `LAWS`: by the criterion, summed over the runs.
    laws : tuple of str
        That of each run alone.
    fits : tuple of dict of str to LawFit
        All laws, by run.
    exponent : float
        n of d = d0 + k t^n or d = k (t + t0)^n, mean over the runs; up to the change point where the growth is arrested; not-a-number without growth.
    exponent_95 : tuple of float
        Its interval.
    change_ps : float, ps
        When the growth is arrested, or slows down in two stages: mean over the runs in which it does; not-a-number where there is none.
    change_95_ps : tuple of float
        Its interval.
    changes_ps : tuple of float, ps
        That of each run; not-a-number for a run that does not change before its end.
    misfits_angstrom : tuple of float, angstrom
        Root mean square between the law and a smooth curve through each run, where it is more than chance and 3 % of the range of the
        thickness; else zero.
    n_independent : tuple of float
        Independent points of each run, by the correlation of its residuals.
    fitted_angstrom : tuple of (n_times,) float array, angstrom
        The law at the times of each run.
    """

    law: str
    laws: tuple[str, ...]
    fits: tuple[dict[str, LawFit], ...]
    exponent: float
    exponent_95: tuple[float, float]
    change_ps: float
    change_95_ps: tuple[float, float]
    changes_ps: tuple[float, ...]
    misfits_angstrom: tuple[float, ...]
    n_independent: tuple[float, ...]
    fitted_angstrom: tuple[NDArray[np.float64], ...]


def fit_growth(
    times_ps: Sequence[NDArray[np.float64]],
    thickness_angstrom: Sequence[NDArray[np.float64]],
    *,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> Growth:
    r"""Choose the law of growth of runs that differ by chance alone, and fit it.

    Parameters
    ----------
    times_ps : sequence of (n_times,) float array, ps
        Of each run, ascending.
    thickness_angstrom : sequence of (n_times,) float array, angstrom
        At these times.
    n_bootstrap : int, optional
        Resampled series behind each error.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    Growth
        Law, exponent, change point and their intervals.

    Raises
    ------
    AnalysisError
        If a run has fewer than eight times, or a thickness that is not finite.

    Notes
    -----
    Laws, t from the first time: none, :math:`d = d_0`; shrinks, :math:`d_0 - k t`; linear, :math:`d_0 + k t`; parabolic, :math:`(d_0^2 + 2 k t)^{1/2}`;
    power, :math:`d_0 + k t^n`; logarithmic, :math:`d_0 + k \ln(1 + t / \tau)`; two-stage, linear in
    :math:`\sqrt t` with a smaller slope after a change point; arrest, a power law up to a change point and constant after it.
    All with and without :math:`d_0` but the logarithmic law and the two stages. Each is linear but for one or two parameters,
    which are looked for on a grid and refined.

    The criterion is :math:`\mathrm{BIC} = m \ln(S / N) + p \ln m`, with the sum of squares S of N points and p parameters (one for
    the variance). Points close in time are not independent: :math:`m = N / (1 + 2 \sum_k \rho_k)`, from the residuals of the law with
    the smallest S. Laws within 6 of the best are as good; the simplest counts. AICc is given beside it.

    The exponent is that of a power law with one more parameter, for where and when the growth began is not known: of :math:`d_0 + k t^n` with
    :math:`d_0 \ge 0`, or of :math:`k (t + t_0)^n` with :math:`t_0 \ge 0`, whichever is closer; of the latter for the parabolic law, of the former for the
    linear one. Where both are as likely, half of what they differ by is in the error. Up to the change point where growth is arrested.

    A change point is that of the runs that have one by themselves: of runs that are not arrested before their end there is none, and no
    mean over them. Where a polynomial of degree 8 is closer by more than chance (F-test of independent points, 0.001) and 3 % of the range, the
    law is a misfit.

    Errors are the root mean square of what fits to resampled series are off, the offset
    bounded as well: circular blocks of the residuals, twice as long as these are correlated, on the fitted curve. Intervals
    are Student's. Of several runs the mean counts, with the scatter between them
    (`mlip_interfaces.analysis.replicas.Replicas`).

    References
    ----------
    G. Schwarz, Ann. Stat. 6, 461 (1978); R. E. Kass, A. E. Raftery, J. Am. Stat. Assoc. 90, 773 (1995), for differences; H. R.
    Kuensch, Ann. Stat. 17, 1217 (1989), for blocks.

    Examples
    --------
    >>> time = np.linspace(0.0, 100.0, 101)
    >>> noise = 0.02 * np.random.default_rng(0).normal(size=101)
    >>> found = fit_growth([time], [2.0 * time**0.5 + noise], n_bootstrap=50)
    >>> found.law, round(found.exponent, 2)
    ('parabolic', 0.5)
    """
    for times, values in zip(times_ps, thickness_angstrom, strict=True):
        if times.size < FEWEST_TIMES:
            raise AnalysisError(
                f"A law of growth needs {FEWEST_TIMES} times or more, and there are {times.size}: take a longer run, frames closer in time, or a shorter `every_ps` or `average_ps`."
            )
        if not np.isfinite(values).all():
            raise AnalysisError("The thickness is not a number at some times; a law of growth needs one at each.")
    runs = [_Run(times, values) for times, values in zip(times_ps, thickness_angstrom, strict=True)]
    alone = tuple(_chosen({name: run.fits[name].bic for name in LAWS}, run) for run in runs)
    together = {name: sum(run.fits[name].bic for run in runs) for name in LAWS}
    law = _chosen(together, runs[0])
    changes = [_changes(law, own, run) for own, run in zip(alone, runs, strict=True)]
    change_law, steady = "arrest", law
    if law in CHANGING:
        without = {name: value for name, value in together.items() if name not in CHANGING}
        change_law, steady = law, _chosen(without, runs[0])
    # Where no run by itself says that it changes, none does.
    law = law if any(changes) else steady
    of_runs = [change_law if changed else steady for changed in changes]
    rng = np.random.default_rng(seed)
    found = [run.estimate(own, n_bootstrap, rng) for own, run in zip(of_runs, runs, strict=True)]
    freedoms = [run.freedom(own) for own, run in zip(of_runs, runs, strict=True)]
    exponent, exponent_95 = _combined(
        [(one.exponent, one.exponent_error, freedom) for one, freedom in zip(found, freedoms, strict=True)]
    )
    change, change_95 = _combined(
        [(one.change, one.change_error, freedom) for one, freedom in zip(found, freedoms, strict=True)]
    )
    if np.isfinite(change):
        # A change point lies within the runs.
        start, end = min(float(times[0]) for times in times_ps), max(float(times[-1]) for times in times_ps)
        change_95 = max(start, change_95[0]), min(end, change_95[1])
    return Growth(
        law, alone, tuple(run.fits for run in runs), exponent, exponent_95, change, change_95, tuple(one.change for one in found),
        tuple(run.misfit(own) for own, run in zip(of_runs, runs, strict=True)), tuple(run.n_independent for run in runs),
        tuple(run.fitted(own) for own, run in zip(of_runs, runs, strict=True)),
    )  # fmt: skip


def running_exponent(
    times_ps: NDArray[np.float64], thickness_angstrom: NDArray[np.float64], n_windows: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope d ln(thickness) / d ln(time) in windows of equal length in ln(time).

    Parameters
    ----------
    times_ps : (n_times,) float array, ps
        From the start of the growth.
    thickness_angstrom : (n_times,) float array, angstrom
        At these times.
    n_windows : int, optional
        At most.

    Returns
    -------
    times_ps : (n_slopes,) float array, ps
        Middles of the windows with three points or more.
    exponent : (n_slopes,) float array
        In each.

    Examples
    --------
    >>> time = np.geomspace(1.0, 100.0, 60)
    >>> running_exponent(time, 3.0 * time**0.5)[1].round(6).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    there = (times_ps > 0.0) & (thickness_angstrom > 0.0)
    log_time, log_thickness = np.log(times_ps[there]), np.log(thickness_angstrom[there])
    if log_time.size < 3:
        return np.empty(0), np.empty(0)
    edges = np.linspace(log_time[0], log_time[-1], n_windows + 1)
    window = np.clip(np.searchsorted(edges, log_time, side="right") - 1, 0, n_windows - 1)
    middles, slopes = [], []
    for k in range(n_windows):
        x, y = log_time[window == k], log_thickness[window == k]
        if x.size >= 3:
            middles.append(float(np.exp(x.mean())))
            slopes.append(float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()))
    return np.array(middles), np.array(slopes)


def _chosen(criterion: dict[str, float], run: _Run) -> str:
    """The simplest of the laws that no other one beats by strong evidence; the better of those with as many parameters."""
    least = min(criterion.values())
    good = [name for name, value in criterion.items() if value <= least + STRONG]
    return min(good, key=lambda name: (run.fits[name].n_parameters, criterion[name]))


def _changes(law: str, alone: str, run: _Run) -> bool:
    """Whether a run has the change point of the law of all runs, or is arrested by itself."""
    wanted = law if law in CHANGING else "arrest"
    if alone == wanted:
        return True
    return law in CHANGING and run.fits[wanted].bic <= min(fit.bic for fit in run.fits.values())


def _combined(found: Sequence[tuple[float, float, float]]) -> tuple[float, tuple[float, float]]:
    """Mean of runs and its interval: Student's with the freedom of the run where there is one."""
    from scipy.special import stdtrit

    there = [entry for entry in found if np.isfinite(entry[0])]
    if not there:
        return float("nan"), (float("nan"), float("nan"))
    if len(there) > 1:
        runs = Replicas(tuple(entry[0] for entry in there), tuple(entry[1] for entry in there))
        return runs.mean, runs.interval(0.95)
    value, error, freedom = there[0]
    half = float(stdtrit(max(1.0, freedom), 0.975)) * error
    return value, (value - half, value + half)


@dataclass(frozen=True, slots=True)
class _Family:
    """Curves of one law: functions of a share of the run and of what they are not linear in, one column for each amplitude."""

    law: str
    has_offset: bool
    grid: tuple[NDArray[np.float64], ...]
    column: Callable[..., NDArray[np.float64]]

    @property
    def n_parameters(self) -> int:
        """Fitted numbers, the variance among them."""
        return len(self.grid) + self.has_offset + (0 if self.law == "none" else 2 if self.law == "two-stage" else 1) + 1

    def columns(self, x: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One for each amplitude, the offset first, shape (n_times, n_columns)."""
        constant = [np.ones((x.size, 1))] if self.has_offset else []
        return np.concatenate([*constant, self.column(x, *values).reshape(x.size, -1)], axis=1)


def _two_stages(x: NDArray[np.float64], change: float) -> NDArray[np.float64]:
    root = np.sqrt(x)
    return np.stack([np.minimum(root, change**0.5), np.maximum(0.0, root - change**0.5)], axis=1)


_START = np.concatenate([[0.0], np.geomspace(1e-5, 30.0, 160)])
_TAU = np.geomspace(1e-4, 10.0, 120)

_FAMILIES = (
    _Family("none", True, (), lambda x: np.empty((x.size, 0))),
    _Family("linear", True, (), lambda x: x),
    _Family("linear", False, (), lambda x: x),
    _Family("parabolic", False, (_START,), lambda x, start: np.sqrt(x + start)),
    _Family("parabolic", False, (), lambda x: np.sqrt(x)),
    _Family("power", False, (EXPONENTS,), lambda x, n: x**n),
    _Family("power", True, (EXPONENTS,), lambda x, n: x**n),
    _Family("logarithmic", True, (_TAU,), lambda x, tau: np.log1p(x / tau)),
    _Family("late power", False, (LATE_EXPONENTS, LOG_STARTS), lambda x, n, start: (x + 10.0**start) ** n),
    _Family("two-stage", True, (BREAKS,), _two_stages),
    _Family("shrinks", True, (), lambda x: x),
    _Family("arrest", False, (ARREST_EXPONENTS, BREAKS), lambda x, n, change: np.minimum(x, change) ** n),
    _Family("arrest", True, (ARREST_EXPONENTS, BREAKS), lambda x, n, change: np.minimum(x, change) ** n),
)


class _Grid:
    """Orthonormal bases of all families at the times of a run."""

    def __init__(self, x: NDArray[np.float64]) -> None:
        self._x = x
        self.bases: list[NDArray[np.float64]] = []
        self.triangles: list[NDArray[np.float64]] = []
        for family in _FAMILIES:
            points = (
                np.stack([axis.ravel() for axis in np.meshgrid(*family.grid, indexing="ij")], axis=1)
                if family.grid
                else np.empty((1, 0))
            )
            columns = np.stack([family.columns(x, point) for point in points])
            bases, triangles = np.linalg.qr(columns)
            # One row for each point and column, so that one product projects all series.
            self.bases.append(np.ascontiguousarray(bases.transpose(0, 2, 1)))
            self.triangles.append(triangles)

    def search(
        self, k: int, series: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Values of the grid that fit each column of the series best, shape (n_values, n_series); first amplitude and sum of squares there."""
        family, bases = _FAMILIES[k], self.bases[k]
        n_points, n_columns, n_times = bases.shape
        projected = (bases.reshape(-1, n_times) @ series).reshape(n_points, n_columns, -1)
        residual = np.maximum((series**2).sum(axis=0) - (projected**2).sum(axis=1), 0.0)
        best = residual.argmin(axis=0)
        left = residual[best, np.arange(best.size)]
        amplitudes = np.linalg.solve(self.triangles[k][best], projected[best, :, np.arange(best.size)][:, :, None])
        first = amplitudes[:, 0, 0]
        if not family.grid:
            return np.empty((0, series.shape[1])), first, left
        if len(family.grid) == 1:
            return _vertex(residual, best, family.grid[0])[None], first, left
        if family.law == "late power":
            places = np.unravel_index(best, [axis.size for axis in family.grid])
            guess = [axis[place] for axis, place in zip(family.grid, places, strict=True)]
            found, left = _late_power(self._x, series, np.stack([first, *guess]))
            return found[1:], found[0], left
        table = residual.reshape(*(axis.size for axis in family.grid), -1)
        return _vertex_of_two(table, np.unravel_index(best, table.shape[:-1]), family.grid), first, left


def _vertex(table: NDArray[np.float64], best: NDArray[np.intp], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the parabola through the best point of each series and its two neighbours is least."""
    series = np.arange(table.shape[-1])
    middle = np.clip(best, 1, grid.size - 2)
    inside = middle == best
    left, bottom, right = (table[middle + step, series] for step in (-1, 0, 1))
    x0, x1, x2 = grid[middle - 1], grid[middle], grid[middle + 1]
    # Newton's divided differences, for grids whose steps are not equal.
    slope = (bottom - left) / (x1 - x0)
    bend = ((right - bottom) / (x2 - x1) - slope) / (x2 - x0)
    vertex = 0.5 * (x0 + x1) - slope / (2.0 * np.where(bend > 0.0, bend, np.inf))
    return np.where(inside & (bend > 0.0), np.clip(vertex, x0, x2), grid[best])


def _vertex_of_two(
    table: NDArray[np.float64], best: Sequence[NDArray[np.intp]], grids: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Where the paraboloid through the best point of each series and its eight neighbours is least, on two grids of equal steps."""
    series = np.arange(table.shape[-1])
    i, j = (np.clip(place, 1, grid.size - 2) for place, grid in zip(best, grids, strict=True))
    at = {(a, b): table[i + a, j + b, series] for a in (-1, 0, 1) for b in (-1, 0, 1)}
    slopes = np.stack([at[1, 0] - at[-1, 0], at[0, 1] - at[0, -1]]) / 2.0
    along, across = (at[1, 0] + at[-1, 0] - 2.0 * at[0, 0], at[0, 1] + at[0, -1] - 2.0 * at[0, 0])
    both = (at[1, 1] + at[-1, -1] - at[1, -1] - at[-1, 1]) / 4.0
    determinant = along * across - both**2
    bowl = (along > 0.0) & (determinant > 0.0)
    steps = np.stack([both * slopes[1] - across * slopes[0], both * slopes[0] - along * slopes[1]])
    steps = np.clip(steps / np.where(bowl, determinant, np.inf), -1.0, 1.0)
    middle = np.stack([grid[place] for grid, place in zip(grids, (i, j), strict=True)])
    edge = np.stack([grid[place] for grid, place in zip(grids, best, strict=True)])
    inside = (i == best[0]) & (j == best[1])
    return np.where(inside & bowl, middle + steps * np.array([[grid[1] - grid[0]] for grid in grids]), edge)


def _late_power(
    x: NDArray[np.float64], series: NDArray[np.float64], guess: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares of a (x + 10^b)^n to each column of the series, by Levenberg and Marquardt from a guess of (a, n, b), and their sums.

    Exponent and start lie in a long and narrow valley, which no paraboloid on a grid follows.
    """
    values = guess.copy()
    damping = np.full(series.shape[1], 1e-3)
    curve, slopes = _late_curve(x, values)
    rest = series - curve
    left = (rest**2).sum(axis=0)
    low = np.array([[-np.inf], [LATE_EXPONENTS[0]], [LOG_STARTS[0]]])
    high = np.array([[np.inf], [LATE_EXPONENTS[-1]], [LOG_STARTS[-1]]])
    for _ in range(LATE_STEPS):
        normal = np.einsum("ptk,qtk->kpq", slopes, slopes)
        diagonal = np.einsum("kpp->kp", normal)
        normal = (
            normal + np.eye(3) * (damping[:, None] * diagonal + 1e-12 * diagonal.max(axis=1, keepdims=True))[:, None, :]
        )
        step = np.linalg.solve(normal, np.einsum("ptk,tk->kp", slopes, rest)[:, :, None])[:, :, 0].T
        tried = np.clip(values + np.clip(step, [[-np.inf], [-0.3], [-1.0]], [[np.inf], [0.3], [1.0]]), low, high)
        tried_curve, tried_slopes = _late_curve(x, tried)
        tried_left = ((series - tried_curve) ** 2).sum(axis=0)
        better = tried_left < left
        values = np.where(better, tried, values)
        slopes = np.where(better, tried_slopes, slopes)
        rest, left = np.where(better, series - tried_curve, rest), np.where(better, tried_left, left)
        damping = np.clip(np.where(better, damping / 5.0, damping * 4.0), 1e-9, 1e6)
    return values, left


def _late_curve(x: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Curves a (x + 10^b)^n, shape (n_times, n_series), and their derivatives by (a, n, b), shape (3, n_times, n_series)."""
    amplitude, exponent, start = values[:, None, :]
    since = x[:, None] + 10.0**start
    shape = since**exponent
    curve = amplitude * shape
    by_start = exponent * curve / since * 10.0**start * np.log(10.0)
    return curve, np.stack([shape, curve * np.log(since), by_start])


@lru_cache(maxsize=4)
def _grid_of(x: bytes) -> _Grid:
    return _Grid(np.frombuffer(x))


@dataclass(frozen=True, slots=True)
class _Found:
    """Best curve of one family: what it is not linear in, amplitudes, the curve, and whether it can be a growth."""

    values: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    curve: NDArray[np.float64]
    residual: float
    sensible: bool


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Exponent and change point of one run, with standard errors; not-a-number for what the law has not."""

    exponent: float
    exponent_error: float
    change: float
    change_error: float


class _Run:
    """One series, and the fits of all laws to it."""

    def __init__(self, times_ps: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        self._first, self._length = float(times_ps[0]), float(times_ps[-1] - times_ps[0])
        self._y = np.asarray(values, dtype=np.float64)
        x = np.ascontiguousarray((times_ps - times_ps[0]) / self._length)
        self._x, self._grid = x, _grid_of(x.tobytes())
        scale = max(float(np.abs(self._y).max()), 1e-12)
        self._found = [self._best(k, x, scale) for k in range(len(_FAMILIES))]
        of_laws = (found for family, found in zip(_FAMILIES, self._found, strict=True) if family.law in LAWS)
        closest = min((found for found in of_laws if found.sensible), key=lambda found: found.residual)
        self.n_independent = self._y.size / _correlation(self._y - closest.curve)
        self._of_law: dict[str, int] = {}
        self.fits: dict[str, LawFit] = {}
        # What rounding leaves of an exact law is no evidence for another one.
        floor = 1e-14 * self._y.size * scale**2
        for k, (family, found) in enumerate(zip(_FAMILIES, self._found, strict=True)):
            if family.law not in LAWS:
                continue
            bic, aicc = _criteria(max(found.residual, floor), self._y.size, self.n_independent, family.n_parameters)
            if not found.sensible:
                bic = aicc = float("inf")
            if family.law not in self.fits or bic < self.fits[family.law].bic:
                parameters = _in_units(family, found, self._first, self._length)
                self.fits[family.law] = LawFit(family.law, parameters, family.n_parameters, found.residual, bic, aicc)
                self._of_law[family.law] = k

    def freedom(self, law: str) -> float:
        """Independent points that the fit leaves, one at least."""
        return max(1.0, self.n_independent - self.fits[law].n_parameters + 1)

    def fitted(self, law: str) -> NDArray[np.float64]:
        """The law at the times of the run."""
        return self._found[self._of_law[law]].curve

    def misfit(self, law: str) -> float:
        """Root mean square between the law and a smooth curve where chance does not explain it and it is large enough, angstrom; else zero."""
        from scipy.special import fdtrc

        found = self._found[self._of_law[law]]
        n_times, n_smooth = self._y.size, min(SMOOTH_DEGREE, self._y.size // 3) + 1
        smooth = np.polynomial.Legendre.fit(self._x, self._y, n_smooth - 1)(self._x)
        rest = self._y - smooth
        squares, n_law = float((rest**2).sum()), self.fits[law].n_parameters - 1
        n_independent = n_times / _correlation(rest)
        freedom, more = n_independent - n_smooth, n_smooth - n_law
        gain = found.residual - squares
        apart = float(np.sqrt(((smooth - found.curve) ** 2).mean()))
        if freedom < 1.0 or more < 1 or gain <= 0.0 or apart < MISFIT * float(np.ptp(smooth)):
            return 0.0
        ratio = gain / more / max(squares / freedom * n_times / n_independent, 1e-300)
        return apart if fdtrc(more, freedom, ratio) < MISFIT_CHANCE else 0.0

    def estimate(self, law: str, n_bootstrap: int, rng: np.random.Generator) -> _Estimate:
        """Exponent and change point, with errors by circular blocks of the residuals."""
        nothing = float("nan")
        if law in ("none", "shrinks"):
            return _Estimate(nothing, nothing, nothing, nothing)
        (exponent, exponent_error), *changes = self._estimated(_KINDS_OF_EXPONENT.get(law, _POWERS), n_bootstrap, rng)
        if law == "two-stage":
            changes = self._estimated(_kinds(law), n_bootstrap, rng)
        if not changes:
            return _Estimate(exponent, exponent_error, nothing, nothing)
        ((change, change_error),) = changes
        return _Estimate(exponent, exponent_error, self._first + self._length * change, self._length * change_error)

    def _estimated(self, kinds: Sequence[int], n_bootstrap: int, rng: np.random.Generator) -> list[tuple[float, float]]:
        """What is not linear, with errors: how far off fits are to the best curve with resampled blocks of its residuals."""
        own, which = self._best_of(kinds, self._y[:, None])
        k = kinds[int(which[0])]
        again, _ = self._best_of(kinds, self._found[k].curve[:, None] + self._resampled(k, n_bootstrap, rng))
        errors = np.sqrt(((again - own) ** 2).mean(axis=1))
        return list(zip(own[:, 0].tolist(), errors.tolist(), strict=True))

    def _best_of(
        self, kinds: Sequence[int], series: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """What the best of some families is not linear in, for each column of the series, and which that is; no offset is negative."""
        values, squares = [], []
        # Beside an offset, an earlier start needs evidence.
        doubt = np.exp(EARLIER / self.n_independent) if any(_FAMILIES[k].has_offset for k in kinds) else 1.0
        for k in kinds:
            found, first, left = self._grid.search(k, series)
            is_late, has_offset = _FAMILIES[k].law == "late power", _FAMILIES[k].has_offset
            # When a growth began that began before the first map is no result.
            values.append(found[:1] if is_late else found)
            squares.append(np.where((first >= 0.0) | (not has_offset), left * (doubt if is_late else 1.0), np.inf))
        which = np.argmin(squares, axis=0)
        return np.stack(values)[which, :, np.arange(which.size)].T, which

    def _best(self, k: int, x: NDArray[np.float64], scale: float) -> _Found:
        family = _FAMILIES[k]
        values = self._grid.search(k, self._y[:, None])[0][:, 0]
        columns = family.columns(x, values)
        amplitudes = np.asarray(np.linalg.lstsq(columns, self._y, rcond=None)[0], dtype=np.float64)
        curve = columns @ amplitudes
        return _Found(
            values, amplitudes, curve, float(((self._y - curve) ** 2).sum()), _grows(family, amplitudes, scale)
        )

    def _resampled(self, k: int, n_bootstrap: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Circular blocks of what a family leaves, shape (n_times, n_bootstrap)."""
        found, n_times = self._found[k], self._y.size
        rest = self._y - found.curve
        # A flexible curve follows slow noise, so that what it leaves looks less correlated than it was.
        n_fitted = _FAMILIES[k].n_parameters - 1
        together = _correlation(rest) * n_times / max(n_times - n_fitted * _correlation(rest), 0.3 * n_times)
        freedom = max(1.0, n_times / together - n_fitted)
        rest = (rest - rest.mean()) * np.sqrt(1.0 + n_fitted / freedom)
        longest = max(1, int(LONGEST_BLOCK * n_times))
        block = int(np.clip(np.ceil(BLOCK * together), 1, longest))
        starts = rng.integers(0, n_times, (-(-n_times // block), n_bootstrap))
        places = (starts[:, None, :] + np.arange(block)[None, :, None]).reshape(-1, n_bootstrap)[:n_times] % n_times
        return np.asarray(rest[places])


def _kinds(*laws: str) -> list[int]:
    """Numbers of the families of some laws."""
    return [k for k, family in enumerate(_FAMILIES) if family.law in laws]


_POWERS = _kinds("power", "late power")
_KINDS_OF_EXPONENT = {
    # What began before the first map has a square that is linear in time; what has an offset beside it has not.
    "parabolic": [k for k in _POWERS if not _FAMILIES[k].has_offset],
    "linear": _kinds("power"),
    "arrest": _kinds("arrest"),
}
"""Families that the exponent of a law is looked for in; all powers for laws that are not here."""


def _grows(family: _Family, amplitudes: NDArray[np.float64], scale: float) -> bool:
    """Whether a curve begins with no negative thickness and grows, or shrinks if it is to, and the slower stage comes second."""
    if family.law == "none":
        return True
    rates = amplitudes[1:] if family.has_offset else amplitudes
    if family.has_offset and family.law != "shrinks" and amplitudes[0] < LEAST_OFFSET * scale:
        return False
    if family.law == "two-stage":
        return bool(rates[0] > rates[1] >= 0.0)
    return bool(rates[0] < 0.0 if family.law == "shrinks" else rates[0] > 0.0)


def _in_units(family: _Family, found: _Found, first_ps: float, length_ps: float) -> dict[str, float]:
    """Parameters of a law by name."""
    amplitudes, values = found.amplitudes.tolist(), found.values.tolist()
    offset = amplitudes.pop(0) if family.has_offset else 0.0
    if family.law == "none":
        return {"thickness_angstrom": offset}
    if family.law in ("linear", "shrinks"):
        return {"offset_angstrom": offset, "rate_angstrom_per_ps": amplitudes[0] / length_ps}
    if family.law == "parabolic":
        return {
            "offset_angstrom": amplitudes[0] * values[0] ** 0.5 if values else 0.0,
            "rate_angstrom2_per_ps": amplitudes[0] ** 2 / (2.0 * length_ps),
        }
    if family.law == "logarithmic":
        return {"offset_angstrom": offset, "rate_angstrom": amplitudes[0], "tau_ps": values[0] * length_ps}
    if family.law == "two-stage":
        first, second = (rate / length_ps**0.5 for rate in amplitudes)
        return {
            "offset_angstrom": offset,
            "first_rate_angstrom_per_root_ps": first,
            "second_rate_angstrom_per_root_ps": second,
            "change_ps": first_ps + values[0] * length_ps,
        }
    power = {"offset_angstrom": offset, "rate": amplitudes[0] / length_ps ** values[0], "exponent": values[0]}
    return power if family.law == "power" else power | {"change_ps": first_ps + values[1] * length_ps}


def _criteria(residual: float, n_times: int, n_independent: float, n_parameters: int) -> tuple[float, float]:
    """BIC and AICc of independent points."""
    fit = n_independent * float(np.log(residual / n_times))
    left = n_independent - n_parameters - 1
    correction = 2.0 * n_parameters * (n_parameters + 1) / left if left > 0 else float("inf")
    return fit + n_parameters * float(np.log(n_independent)), fit + 2.0 * n_parameters + correction


def _correlation(rest: NDArray[np.float64]) -> float:
    """Number of points that count as one: 1 + 2 sum rho_k up to the first pair of neighbours with a sum that is not positive."""
    n_times = rest.size
    rest = rest - rest.mean()
    variance = float((rest**2).sum())
    if variance <= 0.0:
        return 1.0
    transform = np.fft.rfft(rest, 2 * n_times)
    rho = np.fft.irfft(np.abs(transform) ** 2)[:n_times] / variance
    pairs = rho[: n_times - n_times % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0.0)
    stop = int(negative[0]) if negative.size else len(pairs)
    return float(np.clip(2.0 * pairs[:stop].sum() - 1.0, 1.0, n_times / 2.0))
