"""Slabs in a pass over a trajectory, fixed in space or looked for at the start of each window.

What is kept of each frame, and the analysis at the end of the pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import cell_height
from mlip_interfaces.analysis.displacement_store import DisplacementStore
from mlip_interfaces.analysis.onsager import OnsagerSettings, OnsagerWindow, window_bounds
from mlip_interfaces.analysis.region_transport import PlaneFlux, RegionWindow, SlabFluxes, region_windows, slab_fluxes
from mlip_interfaces.analysis.slab import DepthTracker, Slab, interface_depth, layer_slab, mean_slab
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.results import Table
from mlip_interfaces.trajectory import Frames

if TYPE_CHECKING:
    from mlip_interfaces.analysis.phase_history import PhaseRecorder

EDGE_FRAMES = 10
"""At the start of a window, over which the space of a layer is averaged."""

FEW_SURVIVORS = 0.8
"""Share of tagged atoms still inside at the end below which a note says so: where ions are ten times as fast outside as
inside, a tenth of them outside double the coefficient."""


@dataclass(frozen=True, slots=True)
class Region:
    """A slab along the third cell vector, fixed in space or looked for at the start of each window; one of the first four is given.

    Attributes
    ----------
    layer : str or None
        The space that this layer takes at the start of each window.
    fraction : tuple of float or None, share of the cell
        Lower and upper plane; a lower one above the upper one reaches through the boundary.
    angstrom : tuple of float or None, angstrom
        Lower and upper plane at the start of the run, from the cell's corner or from an interface.
    phases : tuple of str or None
        The space that these phases take at the start of each window.
    interface : tuple of str or None
        Names of the two layers that meet there, the lower one first.

    Raises
    ------
    AnalysisError
        If none or several are given, or planes make no slab.
    """

    layer: str | None = None
    fraction: tuple[float, float] | None = None
    angstrom: tuple[float, float] | None = None
    phases: tuple[str, ...] | None = None
    interface: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.interface is not None and self.angstrom is None:
            raise AnalysisError("`interface` says from where `region_angstrom` is measured; give both")
        if [self.layer, self.fraction, self.angstrom, self.phases].count(None) != 3:
            raise AnalysisError(
                "a region is the space of a layer or of phases, shares of the cell, or angstrom: give one of them"
            )
        if self.fraction is not None and (
            not all(0.0 <= plane <= 1.0 for plane in self.fraction) or self.fraction[0] == self.fraction[1]
        ):
            raise AnalysisError(
                f"`region_fraction` {self.fraction[0]:g},{self.fraction[1]:g}: two different shares of the cell, from 0 to 1"
            )
        if self.angstrom is not None and not self.angstrom[0] < self.angstrom[1]:
            raise AnalysisError(
                f"`region_angstrom` {self.angstrom[0]:g},{self.angstrom[1]:g}: the lower plane comes first"
            )

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers by which the region is found."""
        return (self.layer,) if self.layer is not None else self.interface or ()

    def definition(self) -> dict[str, object]:
        """What was asked for, as result files have it."""
        asked: dict[str, object] = {"along": "c", "tagged": "atoms inside at the start of each window"}
        if self.layer is not None:
            return asked | {"layer": self.layer}
        if self.fraction is not None:
            return asked | {"fraction": list(self.fraction)}
        if self.phases is not None:
            return asked | {"phases": list(self.phases)}
        assert self.angstrom is not None
        origin = "/".join(self.interface) if self.interface is not None else "corner of the cell"
        return asked | {"angstrom": list(self.angstrom), "from": origin}


@dataclass(frozen=True, slots=True)
class RegionResult:
    """Windows and fluxes of a region.

    Attributes
    ----------
    mean : OnsagerWindow
        Coefficients, mean over the windows.
    windows : tuple of RegionWindow
        In order of time.
    fluxes : SlabFluxes
        Through its planes.
    heights_angstrom : (n_windows,) float array, angstrom
        Of the cell, mean over each window.
    notes : tuple of str
        Of what is doubtful.
    """

    mean: OnsagerWindow
    windows: tuple[RegionWindow, ...]
    fluxes: SlabFluxes
    heights_angstrom: NDArray[np.float64]
    notes: tuple[str, ...]

    def of_windows(self, species: Sequence[str]) -> list[dict[str, object]]:
        """What a region adds to each window in ``onsager.json``.

        Parameters
        ----------
        species : sequence of str
            In the order of the coefficients.

        Returns
        -------
        list of dict
            Where the slab is, its atoms and survivors.
        """
        return [
            {
                "region": {
                    "low_fraction": window.slab.low,
                    "width_fraction": window.slab.width,
                    "low_angstrom": window.slab.low * height,
                    "thickness_angstrom": window.slab.width * height,
                    "volume_angstrom3": window.volume_angstrom3,
                    "n_atoms": dict(zip(species, window.n_atoms.tolist(), strict=True)),
                    "survivors": dict(zip(species, window.survivors.tolist(), strict=True)),
                }
            }
            for window, height in zip(self.windows, self.heights_angstrom.tolist(), strict=True)
        ]

    def of_planes(self, species: Sequence[str]) -> dict[str, object]:
        """Atoms inside and fluxes against time, in ``onsager.json``.

        Parameters
        ----------
        species : sequence of str
            In the order of the coefficients.

        Returns
        -------
        dict
            By plane.
        """
        fluxes = self.fluxes
        return {
            "time_start_ps": fluxes.time_start_ps.tolist(),
            "time_end_ps": fluxes.time_end_ps.tolist(),
            "n_start": fluxes.n_start.tolist(),
            "n_end": fluxes.n_end.tolist(),
        } | {
            name: {
                "passages": plane.passages.tolist(),
                "flux_per_angstrom2_ps": plane.flux_per_angstrom2_ps.tolist(),
                "error_per_angstrom2_ps": plane.error_per_angstrom2_ps.tolist(),
                "zero_within_2_sigma_since_ps": dict(zip(species, plane.zero_since_ps, strict=True)),
            }
            for name, plane in self._planes().items()
        }

    def table(self, species: Sequence[str]) -> Table:
        """Atoms inside and fluxes against time, ``onsager_region.csv``.

        Parameters
        ----------
        species : sequence of str
            In the order of the coefficients.

        Returns
        -------
        Table
            A row for each interval of time and species.
        """
        fluxes, planes = self.fluxes, self._planes()
        rows = []
        for k, (start, stop) in enumerate(zip(fluxes.time_start_ps, fluxes.time_end_ps, strict=True)):
            for i, name in enumerate(species):
                row: list[object] = [f"{start:.6g}", f"{stop:.6g}", name, fluxes.n_start[k, i], fluxes.n_end[k, i]]
                for plane in planes.values():
                    row.append(f"{plane.passages[k, i]:.6g}")
                    row.append(f"{plane.flux_per_angstrom2_ps[k, i]:.6g}")
                    row.append(f"{plane.error_per_angstrom2_ps[k, i]:.4g}")
                rows.append(row)
        columns = ["time_start_ps", "time_end_ps", "species", "n_start", "n_end"]
        for plane_name in planes:
            columns += [
                f"{plane_name}_{what}" for what in ("passages", "flux_per_angstrom2_ps", "error_per_angstrom2_ps")
            ]
        return Table(columns, rows)

    def _planes(self) -> dict[str, PlaneFlux]:
        """Through the two planes, and the mean over all between them."""
        return {"lower": self.fluxes.lower, "upper": self.fluxes.upper, "inside": self.fluxes.inside}


class DepthRecorder:
    """Keeps the depth of some atoms in every frame, and the space of some layers.

    Parameters
    ----------
    layer_masks : dict of str to (n_atoms,) bool array
        Atoms of each layer.
    kept : (n_atoms,) bool array
        Atoms whose depth is kept.
    tracker : DepthTracker
        Of depths.
    resources : ExitStack
        Closes the file that depths may need.
    first_only : bool, optional
        Whether the layers are looked at in the first frames alone.
    """

    def __init__(
        self,
        layer_masks: Mapping[str, NDArray[np.bool_]],
        kept: NDArray[np.bool_],
        tracker: DepthTracker,
        resources: ExitStack,
        *,
        first_only: bool = False,
    ) -> None:
        self._layer_masks, self.tracker, self._first_only = layer_masks, tracker, first_only
        self._store = resources.enter_context(DisplacementStore(kept, n_components=1))
        self._spaces: dict[str, list[Slab | None]] = {name: [] for name in layer_masks}

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Layers whose space is kept."""
        return tuple(self._layer_masks)

    def add(self, frames: Frames) -> None:
        """Add a chunk of frames.

        Parameters
        ----------
        frames : Frames
            In order.
        """
        depths = self.tracker.feed(frames.positions, frames.cells, frames.origins)
        self._store.add(depths[:, :, None])
        heights = cell_height(frames.cells)
        for name, spaces in self._spaces.items():
            left = max(0, EDGE_FRAMES - len(spaces)) if self._first_only else len(depths)
            for frame, height in zip(depths[:left], heights[:left].tolist(), strict=True):
                spaces.append(layer_slab(frame, self._layer_masks[name], height))

    def depths(self) -> NDArray[np.floating]:
        """Of the atoms kept, shape (n_frames, n_kept), shares of the cell."""
        return self._store.array()[:, :, 0]

    def species(self, masks: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.int64]:
        """Index of the species of each atom kept, -1 for none.

        Parameters
        ----------
        masks : dict of str to (n_atoms,) bool array
            Atoms of each species.

        Returns
        -------
        (n_kept,) int array
            In the order of the masks.
        """
        species = np.full(self._store.array().shape[1], -1, dtype=np.int64)
        for index, mask in enumerate(masks.values()):
            species[self._store.rows(mask)] = index
        return species

    def layer(self, name: str, start: int) -> Slab:
        """The space of a layer, mean over some frames.

        Parameters
        ----------
        name : str
            Of the layer.
        start : int
            The first of these frames.

        Returns
        -------
        Slab
            In shares of the cell.

        Raises
        ------
        AnalysisError
            If it has dissolved in one of them.
        """
        spaces = self._spaces[name][start : start + EDGE_FRAMES]
        found = [space for space in spaces if space is not None]
        if len(found) < len(spaces):
            raise AnalysisError(
                f"The layer '{name}' has dissolved in frame {start + spaces.index(None)}: less than half of its atoms are "
                "where they outnumber the others. Give the region as `region_fraction` or `region_angstrom`, or end before "
                "with `stop_ps`."
            )
        return mean_slab(found)


class RegionRecorder(DepthRecorder):
    """Keeps the depth of some atoms in every frame, for one slab.

    Parameters
    ----------
    region : Region
        Which slab.
    layer_masks : dict of str to (n_atoms,) bool array
        Atoms of each of `Region.layers`.
    kept : (n_atoms,) bool array
        Atoms whose depth is kept.
    tracker : DepthTracker
        Of depths.
    resources : ExitStack
        Closes the file that depths may need.
    phases : PhaseRecorder or None
        Names atoms, for a region of phases.
    """

    def __init__(
        self,
        region: Region,
        layer_masks: Mapping[str, NDArray[np.bool_]],
        kept: NDArray[np.bool_],
        tracker: DepthTracker,
        resources: ExitStack,
        phases: PhaseRecorder | None = None,
    ) -> None:
        super().__init__(layer_masks, kept, tracker, resources)
        self._region, self._phases = region, phases

    def add(self, frames: Frames) -> None:
        """Add a chunk of frames.

        Parameters
        ----------
        frames : Frames
            In order.
        """
        super().add(frames)
        if self._phases is not None:
            self._phases.add(frames.positions, frames.cells, frames.origins, frames.times_ps)

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
        displacements : (n_frames, n_kept, 3) float array, angstrom
            Of the atoms kept.
        masks : dict of str to (n_atoms,) bool array
            Atoms of each species.
        cells : (n_frames, 3, 3) float array, angstrom
            Of all frames.
        times_ps : (n_frames,) float array, ps
            Of all frames.
        settings : OnsagerSettings
            Of the run.
        n_windows : int
            Of equal length.

        Returns
        -------
        result : RegionResult
            Of all windows.

        Raises
        ------
        AnalysisError
            If a layer dissolves, phases are not there, or planes lie farther apart than the cell is high.
        """
        depths, species = self.depths(), self.species(masks)
        volumes = np.abs(np.linalg.det(cells))
        areas = np.linalg.norm(np.cross(cells[:, 0], cells[:, 1]), axis=1)
        heights = volumes / areas
        bounds = window_bounds(len(depths), n_windows)
        notes: tuple[str, ...] = ()
        if self._phases is None:
            slabs = self._slabs(bounds[:-1], float(heights[0]))
        else:
            slabs = self._of_phases(self._phases, bounds[:-1], times_ps)
            # Of what has yet to form there are no windows.
            first = bounds[n_windows - len(slabs)]
            if first > 0:
                notes = (self._begins_late(float(times_ps[first]), n_windows - len(slabs), n_windows),)
                depths, displacements, volumes, areas = (
                    depths[first:],
                    displacements[first:],
                    volumes[first:],
                    areas[first:],
                )
                heights, times_ps = heights[first:], times_ps[first:]
                settings = replace(settings, time_start_ps=float(times_ps[0]))
                bounds = window_bounds(len(depths), len(slabs))
        mean, windows = region_windows(displacements, depths, species, slabs, volumes, settings, tuple(masks))
        fluxes = slab_fluxes(depths, species, slabs, areas, times_ps, len(masks))
        of_windows = np.array([heights[a:b].mean() for a, b in zip(bounds[:-1], bounds[1:], strict=True)])
        return RegionResult(mean, windows, fluxes, of_windows, (*notes, *_notes(windows, tuple(masks))))

    def _slabs(self, starts: Sequence[int], height: float) -> list[Slab]:
        """The region in each window; the height is that of the first cell."""
        region = self._region
        if region.layer is not None:
            return [self.layer(region.layer, start) for start in starts]
        if region.fraction is not None:
            low, high = region.fraction
            return [Slab(low, high - low if high > low else high - low + 1.0)] * len(starts)
        assert region.angstrom is not None
        low, high = region.angstrom
        if high - low > height:
            raise AnalysisError(f"`region_angstrom` {low:g},{high:g} is wider than the cell ({height:.2f} angstrom).")
        zero = 0.0
        if region.interface is not None:
            lower, upper = (self.layer(name, 0) for name in region.interface)
            zero = interface_depth(lower, upper, height, region.interface)
        return [Slab((zero + low / height) % 1.0, (high - low) / height)] * len(starts)

    def _of_phases(self, recorder: PhaseRecorder, starts: Sequence[int], times_ps: NDArray[np.float64]) -> list[Slab]:
        """The space of the phases by the map nearest to the start of each window, from the first window that has one on.

        The thickest one there is first, and the one nearest to that of the window before from then on.
        """
        from mlip_interfaces.analysis.phase_region import phase_slab

        recorder.finish()
        wanted, shifts = self._region.phases or (), self.tracker.shifts()
        map_times = np.array([one.time_ps for one in recorder.maps])
        slabs: list[Slab] = []
        for number, start in enumerate(starts, start=1):
            one = recorder.maps[int(np.abs(map_times - times_ps[start]).argmin())]
            shift = float(shifts[int(np.abs(times_ps - one.time_ps).argmin())])
            before = Slab((slabs[-1].low - shift) % 1.0, slabs[-1].width) if slabs else None
            found = phase_slab(one.slices, recorder.names, wanted, one.height_angstrom, before)
            if found is None and not slabs and number < len(starts):
                continue
            if found is None:
                there = dict(zip(recorder.names, one.slices.sum(axis=0).tolist(), strict=True))
                listed = ", ".join(f"{name} ({n})" for name, n in there.items() if n)
                raise AnalysisError(
                    f"No layer is of {' or '.join(wanted)} at {times_ps[start]:g} ps, where window {number} of {len(starts)} starts: its atoms "
                    f"are in {listed}. Name another phase, or begin or end where the layer is there with `start_ps` and `stop_ps`."
                )
            slabs.append(Slab((found.low + shift) % 1.0, found.width))
        return slabs

    def _begins_late(self, time_ps: float, n_without: int, n_windows: int) -> str:
        return (
            f"No layer is of {' or '.join(self._region.phases or ())} before {time_ps:g} ps: {n_without} of {n_windows} windows are left out, "
            "and coefficients and fluxes are of the time since."
        )


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
