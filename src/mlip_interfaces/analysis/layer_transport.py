"""Diffusion of the atoms of a layer: in its plane from those that stay, across it from how fast atoms leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import cell_height
from mlip_interfaces.analysis.diffusion import Diffusivity, diffusivity
from mlip_interfaces.analysis.residence import SlabSurvival, slab_survival
from mlip_interfaces.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class LayerTransport:
    """Diffusion of the atoms of one species of a layer, in its plane and across it.

    Attributes
    ----------
    survivors : Diffusivity or None
        Of the atoms that stayed between the layer's first bounds all the time; None where they are fewer than two.
    survival : SlabSurvival or None
        Between these bounds; None where no atom is inside, or atoms leave too seldom or too fast for a diffusivity.
    """

    survivors: Diffusivity | None
    survival: SlabSurvival | None

    @property
    def in_plane_cm2_per_s(self) -> float | None:
        """Mean of the survivors' diffusivities along x and y, cm^2/s."""
        return None if self.survivors is None else float(np.mean(self.survivors.by_direction_cm2_per_s[:2]))

    @property
    def in_plane_error_cm2_per_s(self) -> float | None:
        """Standard error of the mean along x and y, cm^2/s; not a number where the two have none."""
        if self.survivors is None:
            return None
        return float(np.hypot(*self.survivors.by_direction_error_cm2_per_s[:2]) / 2.0)


def layer_transport(
    displacements: NDArray[np.floating],
    start_depths: NDArray[np.floating],
    span: tuple[float, float],
    cell: NDArray[np.float64],
    frame_interval_ps: float,
    *,
    max_lag_ps: float | None = None,
) -> LayerTransport:
    """Diffusivities of the atoms of a layer along it and across it.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0) of the layer's atoms of one species, unwrapped, drift removed.
    start_depths : (n_atoms,) float array, share of the cell
        Depths of these atoms in the first frame along the third cell vector, in any periodic image.
    span : tuple of float, share of the cell
        Lower bound and width of the layer in the first frame, as from `filled_span`.
    cell : (3, 3) float array, angstrom
        First cell; rows are lattice vectors, the first two in the xy plane.
    frame_interval_ps : float, ps
        Time between frames.
    max_lag_ps : float, ps, optional
        Longest time of the survival probability; half of the run if left out.

    Returns
    -------
    LayerTransport
        Either part is None where it cannot be had.

    Raises
    ------
    AnalysisError
        If two atoms or more stay and there are fewer than sixteen frames.

    Notes
    -----
    An MSD across a layer is no diffusivity of it: atoms leave. In the plane it is that of the atoms that never left;
    across, the decay of the survival probability gives it (see `slab_survival`), which takes atoms to be spread evenly
    over the layer at all times: where those that leave do not come back, it is too small. The bounds are those of the
    first frame and do not move with the layer.

    References
    ----------
    P. Liu, E. Harder, B. J. Berne, J. Phys. Chem. B 108, 6595 (2004).

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).normal(0.0, 0.1, (100, 50, 3)), axis=0)
    >>> cell = np.diag([10.0, 10.0, 40.0])
    >>> found = layer_transport(walk - walk[0], np.linspace(0.4, 0.6, 50), (0.25, 0.5), cell, 1.0)
    >>> found.survivors.n_atoms, found.survival
    (50, None)
    """
    low, width = span
    normal = np.linalg.inv(cell)[:, 2]
    height = float(cell_height(cell))
    start = ((np.asarray(start_depths, dtype=np.float64) - low) % 1.0) * height
    depth = start + np.asarray(displacements, dtype=np.float64) @ (normal * height)
    stayed = ((depth >= 0.0) & (depth <= width * height)).all(axis=0)
    survivors = diffusivity(displacements[:, stayed], frame_interval_ps) if np.count_nonzero(stayed) > 1 else None
    longest = 0.5 * frame_interval_ps * (len(depth) - 1) if max_lag_ps is None else max_lag_ps
    try:
        survival = slab_survival(depth, 0.0, width * height, frame_interval_ps, max_lag_ps=longest)
    except AnalysisError:
        survival = None
    return LayerTransport(survivors, survival)


def filled_span(depths: NDArray[np.floating]) -> tuple[float, float]:
    """Part of a periodic cell that depths fill: what the largest gap between them leaves.

    Parameters
    ----------
    depths : (n_atoms,) float array, share of the cell
        Of the atoms of a layer, at least one, in any periodic image.

    Returns
    -------
    tuple of float, share of the cell
        Depth of the first atom, 0 to 1, and distance from it to the last one, below 1. The span may reach through the
        boundary of the cell; its width is the layer's share of the cell.

    Examples
    --------
    >>> filled_span(np.array([0.125, 0.875, 0.0]))
    (0.875, 0.25)
    """
    ordered = np.sort(np.asarray(depths, dtype=np.float64) % 1.0)
    gaps = np.diff(np.append(ordered, ordered[0] + 1.0))
    last = int(np.argmax(gaps))
    return float(ordered[(last + 1) % ordered.size]), float(1.0 - gaps[last])
