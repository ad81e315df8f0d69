"""Fluxes around each interface of a stack of layers: those of the whole cell cancel where the stack is periodic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.onsager import FluxHistory
from mlip_interfaces.analysis.region_transport import SlabFluxes, slab_fluxes
from mlip_interfaces.analysis.slab import Slab, interface_depth
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.region import DepthRecorder

REACH_ANGSTROM = 5.0
"""From an interface to either side, or half of a thinner layer."""


class InterfaceRecorder(DepthRecorder):
    """Keeps the depth of some atoms in every frame, and where the layers are at the start."""

    def fluxes(
        self,
        masks: Mapping[str, NDArray[np.bool_]],
        cells: NDArray[np.float64],
        times_ps: NDArray[np.float64],
    ) -> dict[str, FluxHistory]:
        """Flux of each species through the space around each interface.

        Parameters
        ----------
        masks : dict of str to (n_atoms,) bool array
            Atoms of each species.
        cells : (n_frames, 3, 3) float array, angstrom
            Of all frames.
        times_ps : (n_frames,) float array, ps
            Of all frames.

        Returns
        -------
        dict of str to FluxHistory
            By the names of the two layers, as in ``cathode/coating``, the lower one first: positive from it into the other one.

        Raises
        ------
        AnalysisError
            If a layer is not in one piece at the start.
        """
        depths, species = self.depths(), self.species(masks)
        areas = np.linalg.norm(np.cross(cells[:, 0], cells[:, 1]), axis=1)
        height = float(abs(np.linalg.det(cells[0])) / areas[0])
        spaces = {name: self.layer(name, 0) for name in self.layer_names}
        return {
            name: through(slab_fluxes(depths, species, [slab], areas, times_ps, len(masks)))
            for name, slab in _around_interfaces(spaces, height).items()
        }


def through(fluxes: SlabFluxes) -> FluxHistory:
    """Flux through a slab, the mean over its planes.

    Parameters
    ----------
    fluxes : SlabFluxes
        Of the slab.

    Returns
    -------
    FluxHistory
        Along the depth.
    """
    inside = fluxes.inside
    return FluxHistory(
        fluxes.time_start_ps,
        fluxes.time_end_ps,
        inside.flux_per_angstrom2_ps,
        inside.error_per_angstrom2_ps,
        inside.zero_since_ps,
    )


def stacked_layers(layers: NDArray[np.str_] | None) -> dict[str, NDArray[np.bool_]]:
    """Atoms of each layer of a stack; empty where there is no stack.

    Parameters
    ----------
    layers : (n_atoms,) str array or None
        Layer each atom started in; empty for none.

    Returns
    -------
    dict of str to (n_atoms,) bool array
        Of two layers at least.
    """
    if layers is None:
        return {}
    names = [name for name in dict.fromkeys(layers.tolist()) if name]
    return {name: layers == name for name in names} if len(names) > 1 else {}


def _around_interfaces(spaces: Mapping[str, Slab], height: float) -> dict[str, Slab]:
    """The slab around each plane where two layers meet; a vacuum is no layer."""
    ordered = sorted(spaces, key=lambda name: spaces[name].low)
    found = {}
    for lower, upper in zip(ordered, [*ordered[1:], ordered[0]], strict=True):
        try:
            middle = interface_depth(spaces[lower], spaces[upper], height, (lower, upper))
        except AnalysisError:
            continue
        thinner = min(spaces[lower].width, spaces[upper].width)
        half = min(REACH_ANGSTROM / height, thinner / 2.0)
        found[f"{lower}/{upper}"] = Slab((middle - half) % 1.0, 2.0 * half)
    return found
