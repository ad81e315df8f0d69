"""Results to matplotlib figures; the only room that imports matplotlib."""

from matplotlib.figure import Figure

from mlip_interfaces.figures.style import save_figure

__all__ = ["Figure", "save_figure"]
