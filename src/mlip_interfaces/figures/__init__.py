"""Results to matplotlib figures; the only room that imports matplotlib."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlip_interfaces.figures.style import save_figure

__all__ = ["Axes", "Figure", "save_figure"]
