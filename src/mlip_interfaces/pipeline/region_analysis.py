"""Regions of a cell in a pass over a trajectory: what is kept of each frame, and the analysis at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.displacement_store import DisplacementStore
from mlip_interfaces.analysis.onsager import OnsagerSettings, OnsagerWindow, window_bounds
from mlip_interfaces.analysis.region_transport import RegionWindow, SlabFluxes, region_windows, slab_fluxes
from mlip_interfaces.analysis.slab import DepthTracker, Slab, interface_depth, layer_slab, mean_slab
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.trajectory import Frames

EDGE_FRAMES = 10
"""At the start of a window, over which the space of a layer is averaged."""

FEW_SURVIVORS = 0.8
"""Share of tagged atoms still inside at the end below which a note says so: where ions are ten times as fast outside as
inside, a tenth of them outside double the coefficient."""


@dataclass(frozen=True, slots=True)
class RegionRequest:
    """A slab fixed in space along the third cell vector; one of the first three is given.

    Attributes
    ----------
    layer : the space that this layer takes at the start of each window.
    fraction : lower and upper plane as shares of the cell; a lower one above the upper one reaches through the boundary.
    angstrom : lower and upper plane at the start of the run, from the cell's corner or from an interface.
    interface : names of the two layers that meet there, the lower one first.
    """

    layer: str | None = None
    fraction: tuple[float, float] | None = None
    angstrom: tuple[float, float] | None = None
    interface: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if [self.layer, self.fraction, self.angstrom].count(None) != 2:
            raise AnalysisError("A region is a layer's space, shares of the cell, or angstrom: give one of them.")
        if self.interface is not None and self.angstrom is None:
            raise AnalysisError("--interface says from where --region-angstrom is measured; give both.")
        if self.fraction is not None and (
            not all(0.0 <= plane <= 1.0 for plane in self.fraction) or self.fraction[0] == self.fraction[1]
        ):
            raise AnalysisError(
                f"--region-fraction {self.fraction[0]:g},{self.fraction[1]:g}: two different shares of the cell, from 0 to 1."
            )
        if self.angstrom is not None and not self.angstrom[0] < self.angstrom[1]:
            raise AnalysisError(
                f"--region-angstrom {self.angstrom[0]:g},{self.angstrom[1]:g}: the lower plane comes first."
            )

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers by which the region is found."""
        return (self.layer,) if self.layer is not None else self.interface or ()


@dataclass(frozen=True, slots=True)
class RegionResult:
    """Windows and fluxes of a region.

    Attributes
    ----------
    mean : coefficients, mean over the windows.
    windows : in order of time.
    fluxes : through its planes.
    heights_angstrom : of the cell, mean over each window, shape (n_windows,).
    notes : of what is doubtful.
    """

    mean: OnsagerWindow
    windows: tuple[RegionWindow, ...]
    fluxes: SlabFluxes
    heights_angstrom: NDArray[np.float64]
    notes: tuple[str, ...]


class RegionRecorder:
    """Keeps the depth of some atoms in every frame.

    Parameters
    ----------
    request : the region.
    layer_masks : atoms of each of `RegionRequest.layers`, shape (n_atoms,).
    kept : atoms whose depth is kept, shape (n_atoms,).
    tracker : of depths.
    resources : closes the file that depths may need.
    """

    def __init__(
        self,
        request: RegionRequest,
        layer_masks: Mapping[str, NDArray[np.bool_]],
        kept: NDArray[np.bool_],
        tracker: DepthTracker,
        resources: ExitStack,
    ) -> None:
        self._request, self._layer_masks, self._tracker = request, layer_masks, tracker
        self._store = resources.enter_context(DisplacementStore(kept, n_components=1))
        self._spaces: dict[str, list[Slab | None]] = {name: [] for name in layer_masks}

    def add(self, frames: Frames) -> None:
        """Add a chunk of frames."""
        depths = self._tracker.feed(frames.positions, frames.cells, frames.origins)
        self._store.add(depths[:, :, None])
        for name, spaces in self._spaces.items():
            heights = 1.0 / np.linalg.norm(np.linalg.inv(frames.cells)[:, :, 2], axis=1)
            for frame, height in zip(depths, heights.tolist(), strict=True):
                spaces.append(layer_slab(frame, self._layer_masks[name], height))

    def analyze(
        self,
        displacements: NDArray[np.floating],
        masks: Mapping[str, NDArray[np.bool_]],
        cells: NDArray[np.float64],
        times_ps: NDArray[np.float64],
        settings: OnsagerSettings,
        n_windows: int,
    ) -> RegionResult:
        """Coefficients in windows and fluxes.

        Parameters
        ----------
        displacements : of the atoms kept, shape (n_frames, n_kept, 3), angstrom.
        masks : atoms of each species, shape (n_atoms,).
        cells, times_ps : of all frames.
        settings : of the run.
        n_windows : of equal length.
        """
        depths = self._store.array()[:, :, 0]
        species = np.full(depths.shape[1], -1, dtype=np.int64)
        for index, mask in enumerate(masks.values()):
            species[self._store.rows(mask)] = index
        volumes = np.abs(np.linalg.det(cells))
        areas = np.linalg.norm(np.cross(cells[:, 0], cells[:, 1]), axis=1)
        heights = volumes / areas
        bounds = window_bounds(len(depths), n_windows)
        slabs = self._slabs(bounds[:-1], float(heights[0]))
        mean, windows = region_windows(displacements, depths, species, slabs, volumes, settings, tuple(masks))
        fluxes = slab_fluxes(depths, species, slabs, areas, times_ps, len(masks))
        of_windows = np.array([heights[a:b].mean() for a, b in zip(bounds[:-1], bounds[1:], strict=True)])
        return RegionResult(mean, windows, fluxes, of_windows, _notes(windows, tuple(masks)))

    def _slabs(self, starts: Sequence[int], height: float) -> list[Slab]:
        """The region in each window; the height is that of the first cell."""
        request = self._request
        if request.layer is not None:
            return [self._layer(request.layer, start) for start in starts]
        if request.fraction is not None:
            low, high = request.fraction
            return [Slab(low, high - low if high > low else high - low + 1.0)] * len(starts)
        assert request.angstrom is not None
        low, high = request.angstrom
        if high - low > height:
            raise AnalysisError(f"--region-angstrom {low:g},{high:g} is wider than the cell ({height:.2f} angstrom).")
        zero = 0.0
        if request.interface is not None:
            lower, upper = (self._layer(name, 0) for name in request.interface)
            zero = interface_depth(lower, upper, height, request.interface)
        return [Slab((zero + low / height) % 1.0, (high - low) / height)] * len(starts)

    def _layer(self, name: str, start: int) -> Slab:
        spaces = self._spaces[name][start : start + EDGE_FRAMES]
        found = [space for space in spaces if space is not None]
        if len(found) < len(spaces):
            raise AnalysisError(
                f"The layer '{name}' has dissolved in frame {start + spaces.index(None)}: less than half of its atoms are "
                "where they outnumber the others. Give the region as --region-fraction or --region-angstrom, or end before "
                "with --stop-ps."
            )
        return mean_slab(found)


def _notes(windows: Sequence[RegionWindow], names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each species that leaves the region within a window."""
    notes = []
    for index, name in enumerate(names):
        least = min(float(window.survivors[index]) for window in windows)
        if least < FEW_SURVIVORS:
            notes.append(
                f"Only {100 * least:.0f} % of the {name} found in the region at the start of a window are inside at its end: "
                "its coefficients are those of what lies around the region, too. Ask for more windows, or, if they rattle about a "
                "plane, put it between those of the crystal."
            )
    return tuple(notes)
