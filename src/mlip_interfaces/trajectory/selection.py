"""Which atoms of a trajectory: elements, layers, the frame of reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.chemistry.charges import ANION_CHARGES, CATION_CHARGES, CENTER_CHARGES
from mlip_interfaces.errors import AnalysisError

if TYPE_CHECKING:
    from mlip_interfaces.trajectory.reader import TrajectoryReader


def first_cell(trajectory: TrajectoryReader) -> NDArray[np.float64]:
    """Cell of the first frame in the time asked for.

    Parameters
    ----------
    trajectory : TrajectoryReader
        Read up to that frame.

    Returns
    -------
    (3, 3) float array, angstrom
        Rows are lattice vectors.

    Raises
    ------
    AnalysisError
        If there is no such frame.
    """
    for frames in trajectory.chunks(1, unwrapped=False):
        return np.asarray(frames.cells[0])
    raise AnalysisError(f"{trajectory.name} has no frame in the time asked for.")


def layer_mask(trajectory: TrajectoryReader, layer: str) -> NDArray[np.bool_]:
    """Atoms that started in a layer.

    Parameters
    ----------
    trajectory : TrajectoryReader
        With labels of layers.
    layer : str
        Name of the layer.

    Returns
    -------
    (n_atoms,) bool array
        True for its atoms.

    Raises
    ------
    AnalysisError
        If there are no labels, or no such layer.
    """
    if trajectory.layers is None:
        raise AnalysisError(f"{trajectory.name} has no layer labels; give `layers` (layers.json).")
    mask = trajectory.layers == layer
    if not mask.any():
        known = ", ".join(dict.fromkeys(trajectory.layers.tolist()))
        raise AnalysisError(f"There is no layer '{layer}' in {trajectory.name}; its layers are {known}.")
    return np.asarray(mask)


def species_masks(
    trajectory: TrajectoryReader, species: Sequence[str], layer: str | None = None
) -> dict[str, NDArray[np.bool_]]:
    """Atoms of each element, in one layer or everywhere.

    Parameters
    ----------
    trajectory : TrajectoryReader
        Its elements and layers.
    species : sequence of str
        Elements.
    layer : str or None
        Name of the layer the atoms started in; None for all.

    Returns
    -------
    dict of str to (n_atoms,) bool array
        By element.

    Raises
    ------
    AnalysisError
        If an element is absent, or the layer is, or there are no labels.
    """
    inside = np.ones(trajectory.n_atoms, dtype=bool) if layer is None else layer_mask(trajectory, layer)
    masks = {}
    for element in species:
        mask = (trajectory.symbols == element) & inside
        if not mask.any():
            where = f" in the layer '{layer}'" if layer is not None else ""
            present = ", ".join(dict.fromkeys(trajectory.symbols[inside].tolist()))
            raise AnalysisError(f"There is no {element}{where} in {trajectory.name}; there are {present}.")
        masks[element] = mask
    return masks


def element_mask(trajectory: TrajectoryReader, element: str) -> NDArray[np.bool_]:
    """Atoms of one element.

    Parameters
    ----------
    trajectory : TrajectoryReader
        Its elements.
    element : str
        Chemical symbol.

    Returns
    -------
    (n_atoms,) bool array
        True for its atoms.

    Raises
    ------
    AnalysisError
        If it is absent.
    """
    return species_masks(trajectory, (element,))[element]


def lacks_framework(trajectory: TrajectoryReader) -> bool:
    """Whether the file has nothing that its ions could move in: one element, or mobile ions of one sign.

    Parameters
    ----------
    trajectory : TrajectoryReader
        Its elements.

    Returns
    -------
    bool
        True for a dump of the mobile ions alone; the centre of mass of its atoms is then no frame of reference.

    Notes
    -----
    Mobile are cations of charge two at most, and anions that are no centre of a polyanion.
    """
    elements = set(trajectory.symbols.tolist())
    cations = {symbol for symbol, charge in CATION_CHARGES.items() if charge <= 2.0}
    return len(elements) == 1 or elements <= cations or elements <= ANION_CHARGES.keys() - CENTER_CHARGES.keys()


def reference_mask(trajectory: TrajectoryReader, drift: str) -> NDArray[np.bool_] | None:
    """Atoms whose centre of mass is at rest.

    Parameters
    ----------
    trajectory : TrajectoryReader
        Its elements and layers.
    drift : str
        ``com`` (all atoms), ``none``, the name of a layer, or elements as in ``Co,O``.

    Returns
    -------
    (n_atoms,) bool array or None
        None to leave the drift in.

    Raises
    ------
    AnalysisError
        If the name is none of these, or its atoms are absent.
    """
    if drift == "none":
        return None
    if drift == "com":
        return np.ones(trajectory.n_atoms, dtype=bool)
    if trajectory.layers is not None and drift in trajectory.layers:
        return layer_mask(trajectory, drift)
    elements = [part.strip() for part in drift.split(",")]
    return np.asarray(np.any(list(species_masks(trajectory, elements).values()), axis=0))
