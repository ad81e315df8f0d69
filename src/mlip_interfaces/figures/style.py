"""One look for all figures: sizes, colours that colour-blind readers tell apart, element and layer colours."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from ase.data import atomic_numbers
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mlip_interfaces.figures.curves import curves_of
from mlip_interfaces.files import whole_file, write_bytes, write_json

Arguments = ParamSpec("Arguments")

CURVES_SUFFIX = ".curves.json"
"""Of the file with the numbers of a figure's curves, beside its PNG."""

# Okabe and Ito's palette.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
ELEMENT_COLORS = {
    "Li": "#8E7CC3", "Co": "#1F4E9E", "O": "#D62728", "F": "#2CA02C", "P": "#E69F00", "S": "#F2D21B", "Cl": "#17BECF",
}  # fmt: skip
VERDICT_COLORS = {"accurate": "#009E73", "candidate": "#E69F00", "failed": "#D55E00"}

_SETTINGS: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "svg.hashsalt": "mlip-interfaces",
}


def look() -> AbstractContextManager[None]:
    """The look of this room, for the figures made in the body; the caller's matplotlib settings come back after it."""
    return mpl.rc_context(_SETTINGS)


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw with this room's look and leave the caller's matplotlib settings alone.

    Parameters
    ----------
    draw : callable
        Makes a figure.

    Returns
    -------
    callable
        With the same arguments.
    """

    @functools.wraps(draw)
    def drawn(*arguments: Arguments.args, **options: Arguments.kwargs) -> Figure:
        with look():
            return draw(*arguments, **options)

    return drawn


def new_figure(n_rows: int, n_columns: int, *, width: float = 9.0, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure and its axes (always a two-dimensional array), laid out without overlaps; sizes in inches.

    Parameters
    ----------
    n_rows : int
        Of panels.
    n_columns : int
        Of panels.
    width : float, inch, optional
        Of the figure.
    height : float, inch
        Of the figure.
    **options : Any
        Those of `Figure.subplots`.

    Returns
    -------
    tuple of (Figure, (n_rows, n_columns) object array)
        The figure and its axes.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, **options)


def element_color(symbol: str) -> str:
    """Colour of an element: ours, or the one of Jmol.

    Parameters
    ----------
    symbol : str
        Chemical symbol.

    Returns
    -------
    str
        As matplotlib takes it.
    """
    if symbol in ELEMENT_COLORS:
        return ELEMENT_COLORS[symbol]
    return str(to_hex(jmol_colors[atomic_numbers[symbol]]))


def thickness_color(index: int) -> str:
    """Colour of the index-th coating thickness, everywhere the same.

    Parameters
    ----------
    index : int
        From 0, in order of thickness.

    Returns
    -------
    str
        As matplotlib takes it.
    """
    return PALETTE[index % len(PALETTE)]


def legend_of_labels(axes: Axes, **options: Any) -> None:
    """A legend that has each label once: runs of one thickness share a line of it.

    Parameters
    ----------
    axes : Axes
        The panel.
    **options : Any
        Those of `Axes.legend`.
    """
    handles: dict[str, Any] = {}
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
        handles.setdefault(label, handle)
    axes.legend(handles.values(), handles.keys(), **options)


def note_empty(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty.

    Parameters
    ----------
    axes : Axes
        The panel.
    text : str
        The reason.
    """
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color="#666666", wrap=True)
    axes.set_xticks([])
    axes.set_yticks([])


def empty_figure(text: str) -> Figure:
    """A figure that says why there is nothing on it.

    Parameters
    ----------
    text : str
        The reason.

    Returns
    -------
    Figure
        With one panel.
    """
    figure, axes = new_figure(1, 1, width=4.0, height=2.0)
    note_empty(axes[0, 0], text)
    return figure


def save_figure(figure: Figure, directory: Path, name: str, *, dpi: int = 130) -> str:
    """Write PNG, SVG and the curves on it; returns the PNG as a data URI for a self-contained page.

    Parameters
    ----------
    figure : Figure
        To be saved.
    directory : Path
        Made where it is missing.
    name : str
        Without suffix.
    dpi : int, dots/inch, optional
        Of the PNG.

    Returns
    -------
    str
        The PNG.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_SETTINGS):
        with whole_file(directory / f"{name}.svg") as working:
            figure.savefig(working, format="svg", metadata={"Date": None})
        # Laid out once: the second time would take a third of all.
        engine = figure.get_layout_engine()
        figure.set_layout_engine("none")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi)
        figure.set_layout_engine(engine)
    write_bytes(directory / f"{name}.png", buffer.getvalue())
    curves = curves_of(figure)
    if curves is not None:
        write_json(directory / f"{name}{CURVES_SUFFIX}", curves.to_json(), indent=None)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
