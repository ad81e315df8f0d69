"""One pass over a trajectory that feeds every analysis asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.chemistry import BondFinder, BondHistory, FrameChemistry
from mlip_interfaces.analysis.density_grid import DensityGrid, DensityGridAccumulator
from mlip_interfaces.analysis.depth_profile import DepthProfile, DepthProfileAccumulator
from mlip_interfaces.analysis.diffusion import Diffusivity, diffusivity
from mlip_interfaces.analysis.displacement_store import DisplacementStore
from mlip_interfaces.analysis.onsager import (
    FluxHistory,
    OnsagerSettings,
    OnsagerWindow,
    flux_history,
    onsager_windows,
)
from mlip_interfaces.analysis.rdf import PairCounter, Rdf, RdfAccumulator, largest_r_max
from mlip_interfaces.analysis.residence import Residence, SlabSurvival, residence_times, slab_survival
from mlip_interfaces.analysis.slab import DepthTracker
from mlip_interfaces.analysis.tetrahedra import Tetrahedra, TetrahedraAccumulator
from mlip_interfaces.analysis.van_hove import VanHove, van_hove
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.pipeline.region_analysis import RegionRecorder, RegionRequest, RegionResult
from mlip_interfaces.trajectory import Frames, TrajectoryReader, center_of_mass_path

BREATHING = 1.02
"""A cell that fluctuates may dip below twice the range of g(r) by this factor."""

DEFAULT_R_MAX_ANGSTROM = 8.0

Result = TypeVar("Result")
Scan = tuple[NDArray[np.int64] | None, list[FrameChemistry]]


@dataclass(frozen=True, slots=True)
class RdfRequest:
    """Which g(r); `r_max_angstrom` None is eight angstrom, or half of a smaller cell."""

    pairs: tuple[str, ...]
    r_max_angstrom: float | None = None
    bin_width_angstrom: float = 0.05
    blocks: int = 1


@dataclass(frozen=True, slots=True)
class MsdRequest:
    """Diffusivities of elements, of one layer (where its atoms started) or of all."""

    species: tuple[str, ...]
    layer: str | None = None
    first_lag_ps: float | None = None


@dataclass(frozen=True, slots=True)
class OnsagerRequest:
    """Transport coefficients between elements, in windows of time, of one layer's atoms, of a region, or of all."""

    species: tuple[str, ...]
    temperature_kelvin: float
    charges: tuple[float, ...]
    windows: int = 1
    layer: str | None = None
    directions: str = "xyz"
    flux_axis: int = 2
    region: RegionRequest | None = None


@dataclass(frozen=True, slots=True)
class TetrahedraRequest:
    """Regular tetrahedra of ligands around centres."""

    center: str = "Li"
    ligand: str = "F"
    cutoff_angstrom: float = 2.6
    q_min: float = 0.85
    average_ps: float = 1.0


@dataclass(frozen=True, slots=True)
class ChemistryRequest:
    """Bonds; those that last less than `min_lifetime_ps` are collisions."""

    min_lifetime_ps: float = 0.1
    exchange_window_ps: float = 1.0


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """Depth profiles along a cell vector (0, 1 or 2)."""

    axis: int = 2
    bin_width_angstrom: float = 0.5


@dataclass(frozen=True, slots=True)
class VanHoveRequest:
    """Van Hove functions of one element at chosen lags."""

    species: str
    lags_ps: tuple[float, ...]
    r_max_angstrom: float = 6.0
    bin_width_angstrom: float = 0.1


@dataclass(frozen=True, slots=True)
class ResidenceRequest:
    """Residence times of one element, of one layer or of all."""

    species: str
    jump_distance_angstrom: float
    smooth_ps: float = 0.0
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class DensityRequest:
    """Probability density of one element on a grid."""

    species: str
    spacing_angstrom: float = 0.25


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """What one pass computes.

    Attributes
    ----------
    drift : frame of reference of all displacements: ``com``, ``none``, or names of elements or of one layer, whose centre
        of mass is at rest.
    """

    rdf: RdfRequest | None = None
    msd: MsdRequest | None = None
    onsager: OnsagerRequest | None = None
    tetrahedra: TetrahedraRequest | None = None
    chemistry: ChemistryRequest | None = None
    profile: ProfileRequest | None = None
    van_hove: VanHoveRequest | None = None
    residence: ResidenceRequest | None = None
    density: DensityRequest | None = None
    drift: str = "com"


@dataclass(frozen=True, slots=True)
class LayerTransport:
    """Diffusion of the atoms of a layer, in its plane and across it.

    Attributes
    ----------
    survivors : of the atoms that stayed between the layer's first bounds all the time; None where they are too few.
    survival : in the slab between these bounds; None where no atom is inside.
    """

    survivors: Diffusivity | None
    survival: SlabSurvival | None


@dataclass(slots=True)
class OnsagerResult:
    """Transport coefficients of the whole run and of its windows, and fluxes; of a region, the whole is the mean of windows
    and fluxes are those through it."""

    species: tuple[str, ...]
    charges: tuple[float, ...]
    volume_angstrom3: float
    whole: OnsagerWindow
    windows: tuple[OnsagerWindow, ...]
    fluxes: FluxHistory
    region: RegionResult | None = None


@dataclass(slots=True)
class ChemistryResult:
    """Bond chemistry against time.

    Attributes
    ----------
    frames : units, bond counts and polysulfides of each frame.
    histories : bond -> its formations and breakings.
    dimers : the same of S2.
    window_frames : within which a bond made and one broken are an exchange.
    """

    frames: list[FrameSummary]
    histories: dict[str, BondHistory]
    dimers: BondHistory
    window_frames: int


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """Numbers of one frame."""

    units: dict[str, int]
    bonds: dict[str, int]
    n_polysulfides: int


@dataclass(slots=True)
class AnalysisResults:
    """What a pass found; None where it was not asked for or `absent` says why.

    Attributes
    ----------
    absent : analysis -> why there is no result.
    notes : about the file and the settings, in sentences.
    """

    times_ps: NDArray[np.float64]
    mean_cell: NDArray[np.float64]
    mean_volume_angstrom3: float
    rdf: tuple[Rdf, ...] | None = None
    r_max_angstrom: float | None = None
    msd: dict[str, Diffusivity] | None = None
    layer_transport: dict[str, LayerTransport] = field(default_factory=dict)
    onsager: OnsagerResult | None = None
    tetrahedra: Tetrahedra | None = None
    chemistry: ChemistryResult | None = None
    profile: DepthProfile | None = None
    van_hove: VanHove | None = None
    residence: Residence | None = None
    density: DensityGrid | None = None
    first_frame: NDArray[np.float64] | None = None
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FrameScanner:
    """The part of the work that looks at one frame at a time; runs in threads, as its kernels hold no lock."""

    counter: PairCounter | None
    finder: BondFinder | None

    def scan(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> Scan:
        """Pair counts (n_frames, n_pairs, n_bins) and bonds of frames."""
        counts = None if self.counter is None else self.counter.count(positions, cells)
        finder = self.finder
        found = [] if finder is None else [finder.find(*frame) for frame in zip(positions, cells, strict=True)]
        return counts, found


def analyze_trajectory(
    reader: TrajectoryReader,
    plan: AnalysisPlan,
    *,
    strict: bool = True,
    n_processes: int = 1,
    progress: Callable[[float], None] = lambda time_ps: None,
) -> AnalysisResults:
    """Run all analyses of a plan in one pass.

    Parameters
    ----------
    reader : the trajectory.
    plan : what to compute.
    strict : whether an analysis that cannot be done (an absent element, say) is an error; else it is named in the results.
    n_processes : threads for pair counts and bonds besides the one that reads, dealt to them in chunks; with one, all is
        done in turn. The results do not depend on it.
    progress : called with the time reached, ps.

    Raises
    ------
    AnalysisError
        If an analysis cannot be done (where `strict`), or the trajectory has a single frame or none in the time asked for.
    InputFileError
        If the file is damaged.
    """
    with ExitStack() as resources:
        run = _Pass(reader, plan, strict)
        scanner = run.prepare(resources)
        for frames, (counts, chemistry) in _scanned(reader, scanner, n_processes):
            run.add(frames, counts, chemistry)
            progress(float(frames.times_ps[-1]))
        return run.finish()


def _scanned(reader: TrajectoryReader, scanner: FrameScanner, n_threads: int) -> Iterator[tuple[Frames, Scan]]:
    """Chunks in order, each with what the scanner found; a few ahead are at work in other threads."""
    if n_threads <= 1 or (scanner.counter is None and scanner.finder is None):
        for frames in reader.chunks():
            yield frames, scanner.scan(frames.positions, frames.cells)
        return
    waiting: deque[tuple[Frames, Future[Scan]]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        for frames in reader.chunks():
            waiting.append((frames, pool.submit(scanner.scan, frames.positions, frames.cells)))
            if len(waiting) > 2 * n_threads:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


class _Pass:
    """State of one pass."""

    def __init__(self, reader: TrajectoryReader, plan: AnalysisPlan, strict: bool) -> None:
        self._reader, self._plan, self._strict = reader, plan, strict
        self._absent: dict[str, str] = {}
        self._notes: list[str] = []
        self._times: list[NDArray[np.float64]] = []
        self._cells: list[NDArray[np.float64]] = []
        self._volumes: list[float] = []
        self._first: NDArray[np.float64] | None = None
        self._rdf: RdfAccumulator | None = None
        self._r_max: float | None = None
        self._tetrahedra: TetrahedraAccumulator | None = None
        self._profile: DepthProfileAccumulator | None = None
        self._store: DisplacementStore | None = None
        self._places: DisplacementStore | None = None
        self._region: RegionRecorder | None = None
        self._density: DensityGridAccumulator | None = None
        self._chemistry: list[FrameSummary] = []
        self._histories: dict[str, BondHistory] = {}
        self._dimers: BondHistory | None = None
        self._reference = _reference_mask(reader, plan.drift)

    def prepare(self, resources: ExitStack) -> FrameScanner:
        """Check the requests against the atoms, and set up what consumes frames."""
        reader, plan = self._reader, self._plan
        counter = self._prepare_rdf() if plan.rdf is not None else None
        finder = None
        if plan.chemistry is not None:
            finder = BondFinder(reader.symbols)
        if plan.tetrahedra is not None:
            self._tetrahedra = self._try("tetrahedra", partial(self._prepare_tetrahedra, plan.tetrahedra))
        if plan.profile is not None:
            profile = plan.profile
            self._profile = DepthProfileAccumulator(
                reader.symbols,
                reader.masses_amu,
                reader.layers,
                axis=profile.axis,
                bin_width_angstrom=profile.bin_width_angstrom,
            )
        if plan.density is not None:
            self._density = DensityGridAccumulator(
                _element_mask(reader, plan.density.species), spacing_angstrom=plan.density.spacing_angstrom
            )
        kept = np.zeros(reader.n_atoms, dtype=bool)
        if plan.van_hove is not None:
            kept |= _element_mask(reader, plan.van_hove.species)
            self._places = resources.enter_context(DisplacementStore(_element_mask(reader, plan.van_hove.species)))
        if plan.residence is not None:
            kept |= species_masks(reader, (plan.residence.species,), plan.residence.layer)[plan.residence.species]
        for name, moving in (("msd", plan.msd), ("onsager", plan.onsager)):
            if moving is not None:
                masks = self._try(name, partial(species_masks, reader, moving.species, moving.layer))
                for mask in (masks or {}).values():
                    kept |= mask
        region = plan.onsager.region if plan.onsager is not None and "onsager" not in self._absent else None
        if region is not None:
            layers = self._try("onsager", lambda: {name: layer_mask(reader, name) for name in region.layers})
            if layers is not None:
                tracker = DepthTracker(reader.masses_amu, self._reference)
                self._region = RegionRecorder(region, layers, kept, tracker, resources)
        self._store = resources.enter_context(DisplacementStore(kept)) if kept.any() else None
        return FrameScanner(counter, finder)

    def add(self, frames: Frames, counts: NDArray[np.int64] | None, chemistry: list[FrameChemistry]) -> None:
        """Consume a chunk."""
        volumes = np.abs(np.linalg.det(frames.cells))
        self._times.append(frames.times_ps)
        self._cells.append(frames.cells)
        self._volumes.extend(volumes.tolist())
        if self._rdf is not None and counts is not None:
            assert self._r_max is not None
            half = largest_r_max(frames.cells)
            if self._r_max > BREATHING * half:
                raise AnalysisError(
                    f"The cell shrinks to {2 * half:.2f} angstrom across; g(r) to {self._r_max:g} angstrom would see images. "
                    f"Give --r-max-angstrom {np.floor(10 * half) / 10:g} or less."
                )
            for count, volume, time in zip(counts, volumes.tolist(), frames.times_ps.tolist(), strict=True):
                self._rdf.add(count, volume, time)
        for frame in chemistry:
            self._add_chemistry(frame)
        if self._profile is not None:
            for positions, cell, time in zip(frames.positions, frames.cells, frames.times_ps.tolist(), strict=True):
                self._profile.add(positions, cell, time)
        if self._tetrahedra is not None:
            for positions, cell, time in zip(frames.positions, frames.cells, frames.times_ps.tolist(), strict=True):
                self._tetrahedra.add(positions, cell, time)
        if self._region is not None:
            self._region.add(frames)
        if self._store is not None or self._density is not None:
            moved, drift = self._displacements(frames)
            if self._store is not None:
                self._store.add(moved)
            places = frames.positions - drift[:, None]
            if self._places is not None:
                self._places.add(_wrapped(places, frames.cells))
            if self._density is not None:
                for place, cell in zip(places, frames.cells, strict=True):
                    self._density.add(place, cell)

    def finish(self) -> AnalysisResults:
        """What the pass found."""
        if not self._times:
            raise AnalysisError(f"{self._reader.path} has no frame in the time asked for.")
        times = np.concatenate(self._times)
        cells = np.concatenate(self._cells)
        if self._strict:
            self._interval(times)
        results = AnalysisResults(
            times_ps=times,
            mean_cell=cells.mean(axis=0),
            mean_volume_angstrom3=float(np.mean(self._volumes)),
            absent=self._absent,
            notes=[*self._reader.notes, *self._notes],
        )
        plan = self._plan
        if self._rdf is not None and plan.rdf is not None:
            results.rdf = self._rdf.result(plan.rdf.blocks)
            results.r_max_angstrom = self._r_max
        if self._tetrahedra is not None:
            results.tetrahedra = self._tetrahedra.result()
        if self._profile is not None:
            results.profile = self._profile.result()
        if plan.chemistry is not None and self._dimers is not None:
            self._set_chemistry(results, plan.chemistry)
        if plan.msd is not None and "msd" not in self._absent:
            results.msd = self._try("msd", lambda: self._msd(times))
            if results.msd is not None and plan.msd.layer is not None:
                results.layer_transport = {species: self._layer_transport(species, results) for species in results.msd}
        if plan.onsager is not None and "onsager" not in self._absent:
            results.onsager = self._try("onsager", lambda: self._onsager(results))
        if plan.van_hove is not None:
            results.van_hove = self._van_hove(plan.van_hove, cells, self._interval(times))
        if plan.residence is not None and self._store is not None:
            request = plan.residence
            mask = species_masks(self._reader, (request.species,), request.layer)[request.species]
            interval = self._interval(times)
            results.residence = residence_times(
                self._store.of(mask),
                interval,
                jump_distance_angstrom=request.jump_distance_angstrom,
                smooth_frames=max(1, round(request.smooth_ps / interval)),
            )
        if self._density is not None:
            results.density = self._density.result()
            results.first_frame = self._first
        return results

    def _try(self, name: str, work: Callable[[], Result]) -> Result | None:
        try:
            return work()
        except AnalysisError as error:
            if self._strict:
                raise
            self._absent[name] = str(error)
            return None

    def _prepare_tetrahedra(self, request: TetrahedraRequest) -> TetrahedraAccumulator:
        half = largest_r_max(first_cell(self._reader)[None])
        if request.cutoff_angstrom > half:
            raise AnalysisError(
                f"--cutoff-angstrom {request.cutoff_angstrom:g} is beyond half the cell ({half:.2f} angstrom), where a ligand "
                "and its image are both near."
            )
        return TetrahedraAccumulator(
            _element_mask(self._reader, request.center),
            _element_mask(self._reader, request.ligand),
            cutoff_angstrom=request.cutoff_angstrom,
            q_min=request.q_min,
            average_ps=request.average_ps,
        )

    def _prepare_rdf(self) -> PairCounter | None:
        request, reader = self._plan.rdf, self._reader
        assert request is not None
        half = largest_r_max(first_cell(reader)[None])
        r_max = request.r_max_angstrom
        if r_max is None:
            r_max = min(
                DEFAULT_R_MAX_ANGSTROM, np.floor(half / request.bin_width_angstrom) * request.bin_width_angstrom
            )
        if r_max > half and self._strict:
            raise AnalysisError(
                f"--r-max-angstrom {r_max:g} is beyond half the cell ({half:.2f} angstrom), where g(r) sees images; give "
                f"{np.floor(10 * half) / 10:g} or less."
            )
        if r_max > half:
            asked, r_max = r_max, float(np.floor(half / request.bin_width_angstrom) * request.bin_width_angstrom)
            self._notes.append(f"g(r) ends at {r_max:g} and not at {asked:g} angstrom: half of the cell.")
        self._r_max = r_max
        pairs = []
        for pair in request.pairs:
            if self._try(f"rdf {pair}", partial(self._counter, (pair,), r_max)) is not None:
                pairs.append(pair)
        if not pairs:
            return None
        counter = self._counter(tuple(pairs), r_max)
        self._rdf = RdfAccumulator(counter)
        return counter

    def _counter(self, pairs: tuple[str, ...], r_max: float) -> PairCounter:
        assert self._plan.rdf is not None
        return PairCounter(
            pairs,
            self._reader.symbols,
            self._reader.layers,
            r_max_angstrom=r_max,
            bin_width_angstrom=self._plan.rdf.bin_width_angstrom,
        )

    def _displacements(self, frames: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """r(t) - r(0) in the frame of reference asked for, and the drift taken out, shape (n_frames, 3)."""
        if self._first is None:
            self._first = frames.paths[0].copy()
        moved = frames.paths - self._first
        drift = np.zeros((len(moved), 3))
        if self._reference is not None:
            drift = center_of_mass_path(moved, self._reader.masses_amu, self._reference)
            moved -= drift[:, None]
        return moved, drift

    def _add_chemistry(self, frame: FrameChemistry) -> None:
        request = self._plan.chemistry
        assert request is not None
        if self._dimers is None:
            min_frames = self._frames_in(request.min_lifetime_ps)
            self._dimers = BondHistory(self._reader.n_atoms, min_frames)
            self._histories = {bond: BondHistory(self._reader.n_atoms, min_frames) for bond in frame.bonds}
        self._dimers.add(frame.dimers)
        for bond, history in self._histories.items():
            history.add(frame.bonds[bond])
        self._chemistry.append(
            FrameSummary(
                dict(frame.units), {bond: len(pairs) for bond, pairs in frame.bonds.items()}, frame.n_polysulfides
            )
        )

    def _frames_in(self, time_ps: float) -> int:
        times = np.concatenate(self._times)
        return max(1, round(time_ps / float(times[1] - times[0]))) if times.size > 1 else 1

    def _interval(self, times: NDArray[np.float64]) -> float:
        if times.size < 2:
            raise AnalysisError(
                f"{self._reader.path} has a single frame in the time asked for; displacements and errors need a trajectory."
            )
        return float(times[-1] - times[0]) / (times.size - 1)

    def _set_chemistry(self, results: AnalysisResults, request: ChemistryRequest) -> None:
        assert self._dimers is not None
        results.chemistry = ChemistryResult(
            self._chemistry,
            self._histories,
            self._dimers,
            self._frames_in(request.exchange_window_ps),
        )

    def _msd(self, times: NDArray[np.float64]) -> dict[str, Diffusivity]:
        request = self._plan.msd
        assert request is not None and self._store is not None
        interval = self._interval(times)
        return {
            species: diffusivity(self._store.of(mask), interval, first_lag_ps=request.first_lag_ps)
            for species, mask in species_masks(self._reader, request.species, request.layer).items()
        }

    def _layer_transport(self, species: str, results: AnalysisResults) -> LayerTransport:
        """In the plane from atoms that stay in the layer, across it from how fast atoms leave."""
        request = self._plan.msd
        assert request is not None and request.layer is not None
        assert self._store is not None and self._first is not None
        layer = layer_mask(self._reader, request.layer)
        mask = layer & (self._reader.symbols == species)
        cell = self._cells[0][0]
        normal = np.linalg.inv(cell)[:, 2]
        height = float(1.0 / np.linalg.norm(normal))
        low, width = _filled_span(self._first[layer] @ normal % 1.0)
        start = ((self._first[mask] @ normal - low) % 1.0) * height
        moved = self._store.of(mask)
        depth = start + np.asarray(moved, dtype=np.float64) @ (normal * height)
        inside = ((depth >= 0.0) & (depth <= width * height)).all(axis=0)
        interval = self._interval(results.times_ps)
        survivors = diffusivity(moved[:, inside], interval) if np.count_nonzero(inside) > 1 else None
        try:
            longest = 0.5 * float(results.times_ps[-1] - results.times_ps[0])
            survival = slab_survival(depth, 0.0, width * height, interval, max_lag_ps=longest)
        except AnalysisError:
            survival = None
        return LayerTransport(survivors, survival)

    def _van_hove(self, request: VanHoveRequest, cells: NDArray[np.float64], interval: float) -> VanHove:
        assert self._store is not None and self._places is not None
        mask = _element_mask(self._reader, request.species)
        lags = np.unique(np.round(np.array(request.lags_ps) / interval).astype(np.int64))
        return van_hove(
            self._store.of(mask),
            self._places.array(),
            cells,
            lags,
            frame_interval_ps=interval,
            r_max_angstrom=request.r_max_angstrom,
            bin_width_angstrom=request.bin_width_angstrom,
        )

    def _onsager(self, results: AnalysisResults) -> OnsagerResult:
        request = self._plan.onsager
        assert request is not None and self._store is not None
        interval = self._interval(results.times_ps)
        masks = species_masks(self._reader, request.species, request.layer)
        if self._region is not None:
            return self._regional_onsager(self._region, masks, results, interval)
        moved = [self._store.of(mask) for mask in masks.values()]
        volume = results.mean_volume_angstrom3
        if request.layer is not None:
            share = layer_share(self._reader, request.layer)
            volume *= share
            results.notes.append(
                f"Volume of the layer '{request.layer}': {share:.3f} of the cell, by its depth at the start."
            )
        whole, windows = onsager_windows(
            moved,
            OnsagerSettings(
                frame_interval_ps=interval,
                volume_angstrom3=volume,
                temperature_kelvin=request.temperature_kelvin,
                charges=request.charges,
                time_start_ps=float(results.times_ps[0]),
                directions=request.directions,
            ),
            n_windows=request.windows,
        )
        collective = np.stack([part.sum(axis=1, dtype=np.float64) for part in moved], axis=1)
        fluxes = flux_history(
            collective,
            results.times_ps,
            np.diag(whole.l_per_ev_angstrom_ps),
            whole.rattling_angstrom2,
            volume_angstrom3=volume,
            temperature_kelvin=request.temperature_kelvin,
            axis=request.flux_axis,
        )
        return OnsagerResult(tuple(masks), request.charges, volume, whole, windows, fluxes)

    def _regional_onsager(
        self,
        region: RegionRecorder,
        masks: dict[str, NDArray[np.bool_]],
        results: AnalysisResults,
        interval: float,
    ) -> OnsagerResult:
        request = self._plan.onsager
        assert request is not None and self._store is not None
        settings = OnsagerSettings(
            frame_interval_ps=interval,
            volume_angstrom3=results.mean_volume_angstrom3,
            temperature_kelvin=request.temperature_kelvin,
            charges=request.charges,
            time_start_ps=float(results.times_ps[0]),
            directions=request.directions,
        )
        cells = np.concatenate(self._cells)
        found = region.analyze(self._store.array(), masks, cells, results.times_ps, settings, request.windows)
        results.notes.extend(found.notes)
        through = found.fluxes.inside
        return OnsagerResult(
            tuple(masks),
            request.charges,
            float(np.mean([window.volume_angstrom3 for window in found.windows])),
            found.mean,
            tuple(window.transport for window in found.windows),
            FluxHistory(
                found.fluxes.time_start_ps,
                found.fluxes.time_end_ps,
                through.flux_per_angstrom2_ps,
                through.error_per_angstrom2_ps,
                through.zero_since_ps,
            ),
            found,
        )


def first_cell(reader: TrajectoryReader) -> NDArray[np.float64]:
    """Cell of the first frame in the time asked for.

    Raises
    ------
    AnalysisError
        If there is no such frame.
    """
    for frames in reader.chunks(1):
        return np.asarray(frames.cells[0])
    raise AnalysisError(f"{reader.path} has no frame in the time asked for.")


def species_masks(reader: TrajectoryReader, species: Sequence[str], layer: str | None) -> dict[str, NDArray[np.bool_]]:
    """Atoms of each element, in one layer or everywhere.

    Raises
    ------
    AnalysisError
        If an element is absent, or the layer is, or there are no labels.
    """
    inside = np.ones(reader.n_atoms, dtype=bool) if layer is None else layer_mask(reader, layer)
    masks = {}
    for element in species:
        mask = (reader.symbols == element) & inside
        if not mask.any():
            where = f" in the layer '{layer}'" if layer is not None else ""
            present = ", ".join(dict.fromkeys(reader.symbols[inside].tolist()))
            raise AnalysisError(f"There is no {element}{where} in {reader.path.name}; there are {present}.")
        masks[element] = mask
    return masks


def layer_mask(reader: TrajectoryReader, layer: str) -> NDArray[np.bool_]:
    """Atoms that started in a layer.

    Raises
    ------
    AnalysisError
        If there are no labels, or no such layer.
    """
    if reader.layers is None:
        raise AnalysisError(f"{reader.path.name} has no layer labels; give --layers (layers.json).")
    mask = reader.layers == layer
    if not mask.any():
        known = ", ".join(dict.fromkeys(reader.layers.tolist()))
        raise AnalysisError(f"There is no layer '{layer}' in {reader.path.name}; its layers are {known}.")
    return np.asarray(mask)


def layer_share(reader: TrajectoryReader, layer: str) -> float:
    """Share of the cell's depth that the atoms of a layer fill at the start: one less the largest gap between them."""
    for frames in reader.chunks(1):
        depth = (frames.positions[0] @ np.linalg.inv(frames.cells[0]))[layer_mask(reader, layer), 2] % 1.0
        return _filled_span(depth)[1]
    raise AnalysisError(f"{reader.path} has no frame in the time asked for.")


def _wrapped(positions: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Small numbers, which single precision keeps."""
    scaled = positions @ np.linalg.inv(cells)
    return np.asarray((scaled - np.floor(scaled)) @ cells)


def _filled_span(depth: NDArray[np.float64]) -> tuple[float, float]:
    """Start and length of the part of a periodic cell that depths (0 to 1) fill: what the largest gap leaves."""
    ordered = np.sort(depth)
    gaps = np.diff(np.append(ordered, ordered[0] + 1.0))
    last = int(np.argmax(gaps))
    return float(ordered[(last + 1) % ordered.size]), float(1.0 - gaps[last])


def _element_mask(reader: TrajectoryReader, element: str) -> NDArray[np.bool_]:
    return species_masks(reader, (element,), None)[element]


def _reference_mask(reader: TrajectoryReader, drift: str) -> NDArray[np.bool_] | None:
    """Atoms whose centre of mass is at rest; None to leave the drift in.

    Raises
    ------
    AnalysisError
        If the name is neither ``com``, ``none``, a layer, nor elements that are there.
    """
    if drift == "none":
        return None
    if drift == "com":
        return np.ones(reader.n_atoms, dtype=bool)
    if reader.layers is not None and drift in reader.layers:
        return layer_mask(reader, drift)
    elements = [part.strip() for part in drift.split(",")]
    masks = species_masks(reader, elements, None)
    return np.asarray(np.any(list(masks.values()), axis=0))
