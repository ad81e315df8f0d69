"""What the page carries inside itself: figures with their curves, and structures to turn, as small as they can be."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from mlip_interfaces.figures.style import CURVES_SUFFIX, element_color
from mlip_interfaces.files import json_text
from mlip_interfaces.report.parts import AtomsView, Picture, Snapshot

RADIUS_SCALE = 0.55
"""Radius of a sphere by the covalent one: bonds stay visible."""

_STEPS = 65535
"""Steps of a coordinate within the extent of its snapshot: 0.001 angstrom of 65."""


def packed(content: str | bytes) -> str:
    """Text made short for the page, whose script unpacks it.

    Parameters
    ----------
    content : str or bytes
        Of any length.

    Returns
    -------
    str
        Deflated, as base64.

    Examples
    --------
    >>> len(packed("0123456789" * 1000)) < 100
    True
    """
    data = content.encode() if isinstance(content, str) else content
    return base64.b64encode(zlib.compress(data, 9)).decode()


def picture_of_files(folder: Path, name: str, caption: str, *, of_run: bool = False) -> Picture:
    """A figure of the page from its files.

    Parameters
    ----------
    folder : Path
        Where it was saved.
    name : str
        Of its files: a PNG, and as far as they are there an SVG and the curves.
    caption : str
        Below it.
    of_run : bool, optional
        Whether it shows one run alone.

    Returns
    -------
    Picture
        With a PNG of 256 colours, a third of the file's size.
    """
    data = "data:image/png;base64," + base64.b64encode(_few_colours(folder / f"{name}.png")).decode()
    svg, curves = folder / f"{name}.svg", folder / f"{name}{CURVES_SUFFIX}"
    return Picture(
        data, caption, name, of_run=of_run,
        svg=packed(svg.read_bytes()) if svg.is_file() else "",
        curves=packed(curves.read_bytes()) if curves.is_file() else "",
    )  # fmt: skip


def _few_colours(file: Path) -> bytes:
    """A PNG with 256 colours; as it is where it cannot be read: a damaged picture does not end a report."""
    from PIL import Image

    buffer = io.BytesIO()
    try:
        with Image.open(file) as image:
            few = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(buffer, "png", optimize=True)
    except OSError:
        return file.read_bytes()
    return buffer.getvalue()


def packed_views(views: Sequence[AtomsView]) -> str:
    """Structures of one section for the page's viewer.

    Parameters
    ----------
    views : sequence of AtomsView
        One at least.

    Returns
    -------
    str
        Packed JSON: elements with colour and radius (angstrom), layers, and of each structure the indices into them and the
        coordinates as 16-bit integers between the lowest and the highest one of each axis.
    """
    elements = sorted({symbol for view in views for symbol in view.symbols}, key=atomic_numbers.__getitem__)
    layers = list(dict.fromkeys(layer for view in views for layer in view.layers if layer))
    content = {
        "elements": [
            {
                "symbol": symbol,
                "color": element_color(symbol),
                "radius": round(RADIUS_SCALE * float(covalent_radii[atomic_numbers[symbol]]), 3),
            }
            for symbol in elements
        ],
        "layers": layers,
        "views": [
            {
                "title": view.title,
                "element": _bytes([elements.index(symbol) for symbol in view.symbols], "u1"),
                "layer": _bytes([layers.index(layer) if layer else 255 for layer in view.layers], "u1"),
                "snapshots": [_snapshot(snapshot) for snapshot in view.snapshots],
            }
            for view in views
        ],
    }
    return packed(json_text(content, indent=None))


def _snapshot(snapshot: Snapshot) -> dict[str, object]:
    low = snapshot.positions.min(axis=0)
    step = np.maximum(np.ptp(snapshot.positions, axis=0), 1e-6) / _STEPS
    return {
        "title": snapshot.title,
        "cell": [round(float(value), 4) for value in snapshot.cell.ravel()],
        "low": [round(float(value), 4) for value in low],
        "step": step.tolist(),
        "positions": _bytes(np.rint((snapshot.positions - low) / step), "<u2"),
    }


def _bytes(values: Sequence[int] | NDArray[np.float64], kind: str) -> str:
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode()
