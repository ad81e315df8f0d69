"""What a figure shows, as numbers: curves, points and bars of its panels, taken from matplotlib's own artists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator
from numpy.typing import ArrayLike, NDArray

from mlip_interfaces.records import Record

MAX_POINTS = 1500
"""Points of a curve; of a longer one every second, every third and so on is kept."""

PICTURE = "picture"
"""Label of a figure that is a picture, and not curves."""

Numbers = tuple[float | None, ...]
"""None where there is no number."""


@dataclass(frozen=True, slots=True)
class Curve(Record):
    """One curve of a panel.

    Attributes
    ----------
    label : str
        As in the legend; empty where it has none.
    kind : {"line", "points", "bars", "area", "level", "rule", "span"}
        What is drawn. A level is a horizontal line, a rule a vertical one; a span lies between two abscissas.
    color : str
        As ``#rrggbb``.
    opacity : float
        From 0 to 1.
    dashed, marked, hollow : bool
        Whether a line is dashed and has markers, and whether markers are white inside.
    x, y : tuple of float or None
        Abscissas and ordinates.
    low, high : tuple of float or None
        Ends of the error bars or of the band, or foot and top of bars; empty where there are none.
    width : float
        Of bars, in units of the abscissa; of a line, in points.
    every : int
        Of how many points one is kept.
    """

    label: str
    kind: str
    color: str
    opacity: float = 1.0
    dashed: bool = False
    marked: bool = False
    hollow: bool = False
    x: Numbers = ()
    y: Numbers = ()
    low: Numbers = ()
    high: Numbers = ()
    width: float = 1.4
    every: int = 1


@dataclass(frozen=True, slots=True)
class Panel(Record):
    """One panel.

    Attributes
    ----------
    title, x_label, y_label : str
        Its words, units included.
    x_log, y_log : bool
        Whether an axis is logarithmic.
    x_limits, y_limits : tuple of float
        Ends of the axes.
    x_ticks, y_ticks : tuple of tuple of (float, str)
        Place and name of ticks that were chosen; empty where they follow from the limits.
    notes : tuple of tuple of (float, float, str)
        Words beside points.
    curves : tuple of Curve
        In the order they are drawn.
    """

    title: str
    x_label: str
    y_label: str
    x_log: bool
    y_log: bool
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    notes: tuple[tuple[float, float, str], ...]
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class FigureCurves(Record):
    """All panels of a figure.

    Attributes
    ----------
    columns : int
        Panels in a row.
    legend : str
        Title of the legend; empty where it has none.
    whole : bool
        Whether the panels show all that the figure does: false where it has maps.
    panels : tuple of Panel
        Those with curves.
    """

    columns: int
    legend: str
    whole: bool
    panels: tuple[Panel, ...]


def curves_of(figure: Figure) -> FigureCurves | None:
    """Curves of a figure that has been drawn.

    Parameters
    ----------
    figure : Figure
        After its layout.

    Returns
    -------
    FigureCurves or None
        None where there is no curve, and of a figure that is labelled `PICTURE`.
    """
    if figure.get_label() == PICTURE:
        return None
    panels, whole, columns = [], True, 1
    legends = list(figure.legends)
    for ax in figure.axes:
        place = ax.get_subplotspec()
        if not ax.get_visible() or not ax.axison or place is None:
            continue
        if ax.get_label() == "<colorbar>" or ax.images or any(not _is_known(one) for one in ax.collections):
            whole = False
            continue
        columns = max(columns, place.get_gridspec().ncols)
        curves = tuple(_curves(ax))
        if any(curve.kind not in ("level", "rule", "span") for curve in curves):
            panels.append(_panel(ax, curves))
        elif ax.texts:
            whole = False
        legend = ax.get_legend()
        legends += [legend] if legend is not None else []
    titles = [_plain(legend.get_title().get_text()) for legend in legends]
    if not panels:
        return None
    return FigureCurves(columns, next(filter(None, titles), ""), whole, tuple(panels))


def _panel(ax: Axes, curves: tuple[Curve, ...]) -> Panel:
    titles = (ax.get_title(loc) for loc in ("left", "center", "right"))
    return Panel(
        title=_plain(next(filter(None, titles), "") or _title_of_column(ax)),
        x_label=_plain(ax.get_xlabel() or _shared_label(ax, "x")),
        y_label=_plain(ax.get_ylabel() or _shared_label(ax, "y")),
        x_log=ax.get_xscale() == "log",
        y_log=ax.get_yscale() == "log",
        x_limits=_pair(ax.get_xlim()),
        y_limits=_pair(ax.get_ylim()),
        x_ticks=_named_ticks(ax.xaxis),
        y_ticks=_named_ticks(ax.yaxis),
        notes=tuple(_notes(ax)),
        curves=curves,
    )


def _title_of_column(ax: Axes) -> str:
    """Title of the panel at the top of a column, which stands for all panels below it."""
    place, figure = ax.get_subplotspec(), ax.get_figure()
    if place is None or figure is None or place.rowspan.start == 0:
        return ""
    for other in figure.axes:
        there = other.get_subplotspec()
        if (
            there is not None
            and there.get_gridspec() is place.get_gridspec()
            and (there.rowspan.start, there.colspan.start) == (0, place.colspan.start)
        ):
            return next(filter(None, (other.get_title(loc) for loc in ("left", "center", "right"))), "")
    return ""


def _shared_label(ax: Axes, axis: str) -> str:
    """The label that stands once for a column (x) or a row (y) of panels; else the one of the panel whose axis is shared."""
    place, figure = ax.get_subplotspec(), ax.get_figure()
    if place is None or figure is None:
        return ""
    for other in figure.axes:
        there = other.get_subplotspec()
        if (
            there is None
            or there.get_gridspec() is not place.get_gridspec()
            or str(other.yaxis.get_label_position()) == "right"
        ):
            continue
        same = there.colspan.start == place.colspan.start if axis == "x" else there.rowspan.start == place.rowspan.start
        label = other.get_xlabel() if axis == "x" else other.get_ylabel()
        if same and label:
            return str(label)
    return ""


def _named_ticks(axis: Any) -> tuple[tuple[float, str], ...]:
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return ()
    names = [_plain(label.get_text()) for label in axis.get_ticklabels()]
    return tuple((_rounded(place), name) for place, name in zip(axis.get_ticklocs(), names, strict=True) if name)


def _notes(ax: Axes) -> Iterator[tuple[float, float, str]]:
    for text in ax.texts:
        if isinstance(text, Annotation):
            place = text.xy if text.xycoords == "data" else None
        else:
            place = text.get_position() if all(text.get_transform().contains_branch_seperately(ax.transData)) else None
        if place is not None:
            yield _rounded(place[0]), _rounded(place[1]), _plain(text.get_text())


def _is_known(artist: Any) -> bool:
    return isinstance(artist, PathCollection | LineCollection | FillBetweenPolyCollection)


def _curves(ax: Axes) -> Iterator[Curve]:
    """Curves of a panel: spans and areas first, bars, then lines and points."""
    with_errors = [one for one in ax.containers if isinstance(one, ErrorbarContainer)]
    bars = [one for one in ax.containers if isinstance(one, BarContainer)]
    parts = {id(part) for one in with_errors for group in one.lines if isinstance(group, tuple) for part in group}
    parts |= {id(one.lines[0]) for one in with_errors} | {id(patch) for one in bars for patch in one.patches}
    bands = {id(one): one for one in ax.collections if isinstance(one, FillBetweenPolyCollection)}
    lines = []
    for line in ax.lines:
        if id(line) in parts:
            continue
        curve = _line(ax, line, list(bands.values()))
        if curve is not None:
            lines.append(curve[0])
            bands.pop(id(curve[1]), None)
    for patch in ax.patches:
        if id(patch) not in parts and not isinstance(patch, StepPatch):
            yield from _span(ax, patch)
    for band in bands.values():
        yield from _areas(band)
    for one in bars:
        yield _bars(one)
    for collection in ax.collections:
        if isinstance(collection, PathCollection):
            yield from _points(collection)
        elif isinstance(collection, LineCollection) and id(collection) not in parts:
            yield from _segments(collection)
    for patch in ax.patches:
        if isinstance(patch, StepPatch):
            yield _steps(patch)
    yield from lines
    for container in with_errors:
        yield from _errorbars(container)


def _line(ax: Axes, line: Line2D, bands: Sequence[Any]) -> tuple[Curve, Any] | None:
    """A line, with the band around it where it has one."""
    in_x, in_y = line.get_transform().contains_branch_seperately(ax.transData)
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    look = _look(line)
    if not (in_x and in_y):
        kind, place = ("level", y) if in_y else ("rule", x)
        found = Curve(kind=kind, x=(_rounded(place[0]),), **look) if (in_x or in_y) and place.size else None
        return (found, None) if found else None
    if not np.isfinite(y).any():
        return None
    kind = "points" if line.get_linestyle() == "None" else "line"
    for band in bands:
        ends = _ends_of_band(band, x)
        if ends is not None:
            return _thinned(kind, x, y, *ends, **look), band
    return _thinned(kind, x, y, **look), None


def _look(line: Line2D) -> dict[str, Any]:
    marked = line.get_marker() not in (None, "None", "", " ")
    hollow = marked and to_hex(line.get_markerfacecolor()) == "#ffffff"
    return {
        "label": _label(line), "color": str(to_hex(line.get_markeredgecolor() if hollow else line.get_color())),
        "opacity": _opacity(line), "marked": marked, "dashed": line.get_linestyle() in ("--", ":", "-."), "hollow": hollow,
        "width": _rounded(float(line.get_linewidth())),
    }  # fmt: skip


def _ends_of_band(band: Any, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Lower and upper ends of a filled band over the same abscissas."""
    paths = band.get_paths()
    if len(paths) != 1 or len(paths[0].vertices) != 2 * x.size + 3:
        return None
    vertices = np.asarray(paths[0].vertices)
    one, other = vertices[1 : x.size + 1], vertices[x.size + 2 : 2 * x.size + 2][::-1]
    if not np.array_equal(one[:, 0], x):
        return None
    return np.minimum(one[:, 1], other[:, 1]), np.maximum(one[:, 1], other[:, 1])


def _areas(band: Any) -> Iterator[Curve]:
    """A band of its own: what it encloses, without its middle."""
    color = band.get_facecolor()[0]
    for path in band.get_paths():
        vertices = np.asarray(path.vertices)
        if np.ptp(vertices[:, 1]) > 0.0:
            x, y = _numbers(vertices[:, 0]), _numbers(vertices[:, 1])
            yield Curve(_label(band), "area", str(to_hex(color)), opacity=_rounded(color[3]), x=x, y=y)


def _span(ax: Axes, patch: Any) -> Iterator[Curve]:
    in_x, in_y = patch.get_data_transform().contains_branch_seperately(ax.transData)
    if in_x and not in_y:
        x = _numbers([patch.get_x(), patch.get_x() + patch.get_width()])
        yield Curve(_label(patch), "span", str(to_hex(patch.get_facecolor())), opacity=_opacity(patch), x=x)


def _bars(container: BarContainer) -> Curve:
    patches = container.patches
    foot = np.array([patch.get_y() for patch in patches])
    height = np.array([patch.get_height() for patch in patches])
    middle = [patch.get_x() + patch.get_width() / 2 for patch in patches]
    return Curve(
        label=_label(container),
        kind="bars",
        color=str(to_hex(patches[0].get_facecolor())) if patches else "#000000",
        x=_numbers(middle),
        y=_numbers(height),
        low=_numbers(foot),
        high=_numbers(foot + height),
        width=_rounded(patches[0].get_width()) if patches else 0.0,
    )


def _points(collection: PathCollection) -> Iterator[Curve]:
    places: NDArray[np.float64] = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan)
    if len(places):
        color: Any = collection.get_facecolor()
        first = color[0] if len(color) else np.asarray(collection.get_edgecolor())[0]
        look = {"label": _label(collection), "color": str(to_hex(first)), "opacity": _opacity(collection)}
        yield _thinned("points", places[:, 0], places[:, 1], marked=True, **look)


def _segments(collection: LineCollection) -> Iterator[Curve]:
    gap = np.full((1, 2), np.nan)
    parts = [part for segment in collection.get_segments() for part in (np.asarray(segment), gap)]
    if parts:
        x, y = np.concatenate(parts).T
        color = str(to_hex(np.asarray(collection.get_color())[0]))
        yield Curve(_label(collection), "line", color, opacity=_opacity(collection), x=_numbers(x), y=_numbers(y))


def _steps(patch: StepPatch) -> Curve:
    values, edges, _ = patch.get_data()
    x, y = np.repeat(np.asarray(edges, dtype=float), 2)[1:-1], np.repeat(np.asarray(values, dtype=float), 2)
    dashed = patch.get_linestyle() in ("--", ":", "dashed", "dotted")
    return Curve(_label(patch), "line", str(to_hex(patch.get_edgecolor())), dashed=dashed, x=_numbers(x), y=_numbers(y))


def _errorbars(container: ErrorbarContainer) -> Iterator[Curve]:
    parts: Any = container.lines
    line, _, bars = parts
    if line is None:
        return
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    ends: list[NDArray[np.float64]] = []
    if container.has_yerr and len(bars):
        segments = np.array([np.asarray(segment)[:, 1] for segment in bars[-1].get_segments()])
        if segments.shape == (x.size, 2):
            ends = [segments.min(axis=1), segments.max(axis=1)]
    kind = "points" if line.get_linestyle() == "None" else "line"
    yield _thinned(kind, x, y, *ends, **(_look(line) | {"label": _label(container)}))


def _thinned(kind: str, x: ArrayLike, y: ArrayLike, *ends: ArrayLike, **look: Any) -> Curve:
    every = -(-np.size(x) // MAX_POINTS)
    columns: list[Any] = [_numbers(np.asarray(values)[:: max(1, every)]) for values in (x, y, *ends)]
    names = ("x", "y", "low", "high")
    return Curve(kind=kind, every=max(1, every), **dict(zip(names, columns, strict=False)), **look)


def _numbers(values: ArrayLike) -> Numbers:
    return tuple(_rounded(value) if np.isfinite(value) else None for value in np.asarray(values, dtype=float).tolist())


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _pair(limits: Sequence[float]) -> tuple[float, float]:
    return _rounded(limits[0]), _rounded(limits[1])


def _opacity(artist: Any) -> float:
    alpha = artist.get_alpha()
    return 1.0 if alpha is None else _rounded(float(np.max(alpha)))


def _label(artist: Any) -> str:
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else _plain(label)


def _plain(text: str) -> str:
    """Text without the signs of formulas, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"[${}\\]", "", text)).strip()
