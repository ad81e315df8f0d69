"""Partial radial distribution functions, coordination numbers, potentials of mean force and their barriers."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.reach import Reach
from mlip_interfaces.observables.request import DistanceByName, Names, Option, Request, TemperatureKelvin
from mlip_interfaces.observables.results import Headline, Result, Table, measured
from mlip_interfaces.settings import Count, Distance, Width
from mlip_interfaces.units import NM_TO_ANGSTROM

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlip_interfaces.analysis.barrier import Barrier
    from mlip_interfaces.analysis.rdf import PairCounter, PeakChange, RdfBlock
    from mlip_interfaces.analysis.rdf import Rdf as PairDistribution
    from mlip_interfaces.figures import Figure

RANGE_ANGSTROM = 8.0
"""How far g(r) goes where nothing else is asked for and the cell allows it."""

ELEMENTS = re.compile(r"([A-Z][a-z]?)-([A-Z][a-z]?)")

NORMALISATION = (
    "by the density of the second kind in the whole cell, as in the literature: with the same neighbours, another layer or a vacuum "
    "raises every peak and lowers the barrier to form by kT ln(V2 / V1); under `in_layer` by that in the layers in which both kinds "
    "started, or else in those of the second kind"
)
"""What the numbers without a layer are, and those with one."""

NO_LAYERS = "the atoms have no layers: normalised by the whole cell"


class Rdf(Request):
    """Partial g(r) in blocks of time, coordination numbers, -kT ln g(r)."""

    kind: ClassVar[str] = "rdf"
    summary: ClassVar[str] = "partial g(r) in blocks of time, coordination numbers, -kT ln g(r)"
    table_ends: ClassVar[tuple[str, ...]] = ("", "whole", "potential")

    pairs: Annotated[Names, Option("P-S,S-S")] = Field(
        description="Of elements, as in P-S; with layers: Li@coating-S@electrolyte."
    )
    r_max_angstrom: Annotated[Distance | None, Option("R")] = Field(
        None, description="Range; 8 when left out. Half of the smallest cell where that is less, with a note."
    )
    bin_width_angstrom: Annotated[Width, Option("W")] = Field(0.05, description="Of the histogram.")
    blocks: Annotated[Count, Option("N")] = Field(1, description="Blocks of time.")
    temperature_kelvin: Annotated[TemperatureKelvin, Option("T")] = Field(
        None,
        description="Of the run: gives -kT ln g(r) and barriers; a study takes that of the protocol.",
    )
    neighbor_cutoffs_angstrom: Annotated[DistanceByName, Option("Li-P=3.2")] = Field(
        {},
        description="Up to where neighbours are counted, by the elements of a pair, where it shall differ from the tables of "
        "`mlip_interfaces.chemistry.bonds`, or these know none; rounded to the end of a bin.",
    )

    @field_validator("neighbor_cutoffs_angstrom")
    @classmethod
    def _of_elements(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            match = ELEMENTS.fullmatch(name)
            if match is None:
                raise ValueError(f"'{name}' is no pair of elements; write P-S")
            if match[1] != match[2] and f"{match[2]}-{match[1]}" in value:
                raise ValueError(f"gives {name} twice")
        return value

    def neighbor_cutoff_angstrom(self, pair: str) -> float | None:
        """Up to where the neighbours of a pair are counted.

        Parameters
        ----------
        pair : str
            With or without layers.

        Returns
        -------
        float or None, angstrom
            As asked for, in either order of the elements; else as known; None where it is not.
        """
        from mlip_interfaces.analysis.pair_names import selectors
        from mlip_interfaces.chemistry import neighbor_cutoff

        (first, _), (second, _) = selectors(pair)
        own = self.neighbor_cutoffs_angstrom
        return own.get(f"{first}-{second}", own.get(f"{second}-{first}", neighbor_cutoff(first, second)))

    def observe(self, start: Start) -> Observer:
        """Count the pairs of every frame.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _RdfObserver(self, start)

    def check(self, elements: Collection[str], layers: Collection[str]) -> None:
        """Whether elements and layers of all pairs are there.

        Parameters
        ----------
        elements : collection of str
            Of the study.
        layers : collection of str
            Names of its layers.

        Raises
        ------
        ValueError
            If they are not.
        """
        from mlip_interfaces.analysis.pair_names import selectors

        for pair in self.pairs:
            try:
                sides = selectors(pair)
            except AnalysisError:
                sides = (("", None), ("", None))
            if any(element not in elements or (layer or next(iter(layers))) not in layers for element, layer in sides):
                raise ValueError(
                    f"pairs: '{pair}' must be two of the elements {', '.join(elements)}, as in P-S, each with a layer if you "
                    f"like ({', '.join(sorted(layers))}), as in Li@{min(layers)}-S"
                )

    def check_frames(self, n_frames: int, interval_ps: float) -> None:
        """Whether every block has a frame.

        Parameters
        ----------
        n_frames : int
            In the time that is analysed.
        interval_ps : float, ps
            Between them.

        Raises
        ------
        ValueError
            If one has none.
        """
        if self.blocks > n_frames:
            raise ValueError(
                f"blocks is {self.blocks} (ask for fewer, or lower dump_interval_ps), more than the {n_frames} frames"
            )


class _RdfObserver(Observer):
    scans = True

    def __init__(self, request: Rdf, start: Start) -> None:
        from mlip_interfaces.analysis.rdf import RdfAccumulator

        super().__init__()
        self._request, self._start = request, start
        self.reach = self._reach = Reach.within(
            start.half_known_angstrom,
            "g(r)",
            request.r_max_angstrom,
            at_most_angstrom=RANGE_ANGSTROM,
            step_angstrom=request.bin_width_angstrom,
        )
        pairs = tuple(pair for pair in request.pairs if self._countable(pair))
        self._counter = self._pair_counter(pairs) if pairs else None
        self._accumulator = RdfAccumulator(self._counter) if self._counter is not None else None
        self.scans = self._counter is not None

    def _countable(self, pair: str) -> bool:
        try:
            self._pair_counter((pair,))
        except AnalysisError as error:
            if self._start.strict:
                raise
            self.absent[pair] = str(error)
            return False
        return True

    def _pair_counter(self, pairs: tuple[str, ...]) -> PairCounter:
        from mlip_interfaces.analysis.rdf import PairCounter

        return PairCounter(
            pairs,
            self._start.trajectory.symbols,
            self._start.trajectory.layers,
            r_max_angstrom=self._reach.used_angstrom,
            bin_width_angstrom=self._request.bin_width_angstrom,
        )

    def scan(
        self, positions: NDArray[np.float64], cells: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pair counts, shape (n_frames, n_pairs, n_bins), and the volume of their layers, shape (n_frames, n_pairs)."""
        assert self._counter is not None
        return self._counter.count(positions, cells), self._counter.layer_volumes(positions, cells)

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Normalise each frame by its own volumes."""
        if self._accumulator is None:
            return
        times = batch.frames.times_ps.tolist()
        for counts, of_layers, volume, time in zip(*scanned, batch.volumes.tolist(), times, strict=True):
            self._accumulator.add(counts, volume, time, of_layers)

    def finish(self, record: Record) -> RdfResult | None:
        """g(r) of the whole run and of its blocks."""
        if self._accumulator is None:
            return None
        assert self._counter is not None
        found = self._accumulator.result(self._request.blocks)
        per_nm2 = self._counter.n_first / _area_nm2(record.cells)
        return RdfResult(
            self._request,
            self._reach,
            record.times_ps.size,
            {rdf.pair: rdf for rdf in found},
            dict(self.absent),
            {pair: float(n) for pair, n in zip(self._counter.pairs, per_nm2, strict=True) if _across(pair)},
        )


def _area_nm2(cells: NDArray[np.float64]) -> float:
    """Mean area of the interface, spanned by the first two vectors of the cell, nm^2."""
    areas = np.linalg.norm(np.cross(cells[:, 0], cells[:, 1]), axis=1)
    return float(areas.mean()) / NM_TO_ANGSTROM**2


def _across(pair: str) -> bool:
    """Whether the sides of a pair are named in two layers."""
    from mlip_interfaces.analysis.pair_names import selectors

    (_, first), (_, second) = selectors(pair)
    return first is not None and second is not None and first != second


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Neighbours within a fixed distance, which no normalisation enters.

    Attributes
    ----------
    within_angstrom : float, angstrom
        The end of a bin.
    number, error : float
        Of the second kind around one atom of the first, mean over the run, and its standard error from parts of it.
    """

    within_angstrom: float
    number: float
    error: float

    def __str__(self) -> str:
        return f"{measured(self.number, self.error)} neighbours within {self.within_angstrom:g} angstrom"


@dataclass(frozen=True, slots=True)
class Contacts:
    """Pairs of two layers within a fixed distance by the area of the interface, which the thickness of neither enters.

    Attributes
    ----------
    within_angstrom : float, angstrom
        The end of a bin.
    per_nm2, error_per_nm2 : float, nm^-2
        Pairs for each square nanometre of the cross-section of the cell, all contacts of the two layers together; mean over the run,
        and its standard error from parts of it.
    """

    within_angstrom: float
    per_nm2: float
    error_per_nm2: float


@dataclass(frozen=True, slots=True)
class PairSummary:
    """What is said of the g(r) of a pair in one normalisation.

    Attributes
    ----------
    first_peak_angstrom, first_peak_height : float or None, angstrom and 1
        Of the whole run; None where g does not rise above 1.
    first_peak_height_error : float
        Standard error of the height: from the blocks, or of a single one from its parts.
    coordination_to_first_minimum : float or None
        Neighbours up to the first minimum behind the peak.
    barrier : mlip_interfaces.analysis.barrier.Barrier or None
        Of the potential of mean force; None without a temperature.
    stationary : bool or None
        Whether the peak keeps its height from the first to the last block.
    """

    first_peak_angstrom: float | None
    first_peak_height: float | None
    first_peak_height_error: float
    coordination_to_first_minimum: float | None
    barrier: Barrier | None
    stationary: bool | None

    def __str__(self) -> str:
        if self.first_peak_height is None:
            return "no peak above 1"
        text = f"first peak {self.height} at {self.first_peak_angstrom:.2f} angstrom"
        if self.coordination_to_first_minimum is not None:
            text += f", {self.coordination_to_first_minimum:.2f} neighbours to the first minimum"
        barrier = self.barrier
        if barrier is None:
            return text
        if barrier.breaking_ev is None or barrier.error_ev is None:
            return f"{text}, no barrier: {barrier.note}"
        return f"{text}, barrier to break {measured(barrier.breaking_ev, barrier.error_ev)} eV ({barrier.note})"

    @property
    def height(self) -> str:
        """Height of the first peak, with its error."""
        return "" if self.first_peak_height is None else measured(self.first_peak_height, self.first_peak_height_error)

    def to_dict(self) -> dict[str, object]:
        """As result files have it; without a temperature, no barrier."""
        entry = asdict(self)
        barrier, stationary = entry.pop("barrier"), entry.pop("stationary")
        return entry if barrier is None else entry | {"barrier": barrier | {"stationary": stationary}}


@dataclass(frozen=True, slots=True)
class RdfResult(Result):
    """g(r) of each pair.

    Attributes
    ----------
    request : Rdf
        What was asked for.
    reach : Reach
        Range, which the smallest cell may have made shorter.
    n_frames : int
        Averaged.
    pairs : dict of str to mlip_interfaces.analysis.rdf.Rdf
        By pair.
    absent : dict of str to str
        Pair -> why it has no g(r).
    first_per_nm2 : dict of str to float, nm^-2
        Pair of two layers -> atoms of its first side by the area of the interface.
    """

    request: Rdf
    reach: Reach
    n_frames: int
    pairs: dict[str, PairDistribution]
    absent: dict[str, str]
    first_per_nm2: dict[str, float]

    @property
    def r_max_angstrom(self) -> float:
        """Range, angstrom."""
        return self.reach.used_angstrom

    def to_dict(self) -> dict[str, object]:
        """Content of ``rdf.json``."""
        from mlip_interfaces.analysis.barrier import MIN_COUNTS

        return {
            "pairs": {pair: self._entry(pair, rdf) for pair, rdf in self.pairs.items()},
            "temperature_kelvin": self.request.temperature_kelvin,
            "n_frames": self.n_frames,
            "absent": self.absent,
            "shortened": self.reach.shortened(),
            "settings": {
                "r_max_angstrom": self.r_max_angstrom,
                "bin_width_angstrom": self.request.bin_width_angstrom,
                "blocks": self.request.blocks,
                "normalised": NORMALISATION,
                "barriers": "formation: kT ln(1 / g_min), zero of energy at g = 1; breaking: kT ln(g_peak / g_min); refused "
                f"below {MIN_COUNTS} counts",
            },
        }

    def summary_of(self, pair: str, *, in_layer: bool = False) -> PairSummary:
        """What is said of a pair.

        Parameters
        ----------
        pair : str
            One of `pairs`.
        in_layer : bool, optional
            Whether g(r) is normalised by the density in the layers of the pair and not by that in the whole cell.

        Returns
        -------
        PairSummary
            Peak, shell and barrier, of the whole run.
        """
        from mlip_interfaces.analysis.barrier import barriers
        from mlip_interfaces.analysis.rdf import first_minimum, first_peak_change

        rdf = self.pairs[pair]
        r, whole, (of_run, error_of_run) = rdf.r_angstrom, rdf.whole, _g(rdf.whole, in_layer)
        of_blocks = [_g(block, in_layer) for block in rdf.blocks]
        heights = [height for curve in of_blocks if (height := _peak(r, *curve)[1]) is not None]
        place, height, error_of_whole = _peak(r, of_run, error_of_run)
        minimum, kelvin = first_minimum(r, of_run, whole.counts), self.request.temperature_kelvin
        g, error = (np.array(part) for part in zip(*of_blocks, strict=True))
        change = first_peak_change(r, g, error)
        barrier = None if kelvin is None else barriers(r, of_run, whole.counts, kelvin, error_of_run)
        if barrier is not None and barrier.breaking_ev is not None:
            barrier = replace(barrier, note=_apparent(change))
        return PairSummary(
            first_peak_angstrom=place,
            first_peak_height=height,
            first_peak_height_error=_error_of_mean(heights) if len(heights) > 1 else error_of_whole or 0.0,
            coordination_to_first_minimum=None if minimum is None else float(whole.coordination[minimum]),
            barrier=barrier,
            stationary=None if change is None else change.stationary,
        )

    def neighbors_of(self, pair: str, block: RdfBlock | None = None) -> Neighbors | None:
        """Neighbours within the cutoff of a pair.

        Parameters
        ----------
        pair : str
            One of `pairs`.
        block : RdfBlock, optional
            Of this block of time; of the whole run without.

        Returns
        -------
        Neighbors or None
            None where no cutoff is known, or it is not within the range.
        """
        cutoff, r = self.request.neighbor_cutoff_angstrom(pair), self.pairs[pair].r_angstrom
        # The first bin ends at twice the middle of it, and all are as wide.
        width = 2.0 * float(r[0])
        last = -1 if cutoff is None else round(cutoff / width) - 1
        if not 0 <= last < r.size:
            return None
        found = block or self.pairs[pair].whole
        return Neighbors(
            round((last + 1) * width, 9), float(found.coordination[last]), float(found.coordination_error[last])
        )

    def contacts_of(self, pair: str) -> Contacts | None:
        """Pairs of two layers by the area of the interface.

        Parameters
        ----------
        pair : str
            One of `pairs`.

        Returns
        -------
        Contacts or None
            None where its sides are not named in two layers, no cutoff is known, or it is not within the range.
        """
        neighbors, atoms = self.neighbors_of(pair), self.first_per_nm2.get(pair)
        if neighbors is None or atoms is None:
            return None
        return Contacts(neighbors.within_angstrom, atoms * neighbors.number, atoms * neighbors.error)

    def _entry(self, pair: str, rdf: PairDistribution) -> dict[str, object]:
        return self.summary_of(pair).to_dict() | {
            "neighbors": _plain(self.neighbors_of(pair)),
            "contacts": _plain(self.contacts_of(pair)),
            "in_layer": {
                "layers": list(rdf.layers),
                "volume_angstrom3": rdf.layer_volume_angstrom3,
                "note": None if rdf.layers else NO_LAYERS,
            }
            | self.summary_of(pair, in_layer=True).to_dict(),
            "blocks": [self._block_entry(pair, rdf.r_angstrom, block) for block in rdf.blocks],
        }

    def _block_entry(self, pair: str, r: NDArray[np.float64], block: RdfBlock) -> dict[str, object]:
        names = ("first_peak_angstrom", "first_peak_height", "first_peak_height_error")
        in_cell, in_layer = (dict(zip(names, _peak(r, *_g(block, layer)), strict=True)) for layer in (False, True))
        return (
            {"time_start_ps": block.time_start_ps, "time_end_ps": block.time_end_ps}
            | in_cell
            | {"in_layer": in_layer, "neighbors": _plain(self.neighbors_of(pair, block))}
        )

    def tables(self) -> dict[str, Table]:
        """g(r), and apart from it coordination number, counts and -kT ln g(r), of every block; all of these of the whole run."""
        rows, more = [], []
        for pair, rdf in self.pairs.items():
            for number, block in enumerate(rdf.blocks):
                head = (pair, number, f"{block.time_start_ps:.6g}", f"{block.time_end_ps:.6g}")
                curves, numbers = self._curves(block), self._numbers(block)
                for i, r in enumerate(rdf.r_angstrom):
                    rows.append((*head, f"{r:.5g}", *curves[i]))
                    more.append((*head, f"{r:.5g}", *numbers[i]))
        head_columns = ("pair", "block", "time_start_ps", "time_end_ps", "r_angstrom")
        curves_in, curves_of = ("g", "g_error"), ("g_in_layer", "g_in_layer_error")
        counted = ("coordination_number", "counts", "potential_of_mean_force_ev")
        more_counted = ("coordination_number_error", "potential_of_mean_force_in_layer_ev")
        return {
            "": Table((*head_columns, *curves_in, *curves_of), rows),
            "potential": Table((*head_columns, *counted, *more_counted), more),
            "whole": Table(("pair", "r_angstrom", *curves_in, *counted, *curves_of, *more_counted), self._whole_rows()),
        }

    def _whole_rows(self) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for pair, rdf in self.pairs.items():
            curves, numbers = self._curves(rdf.whole), self._numbers(rdf.whole)
            rows += [
                (pair, f"{r:.5g}", *curves[i][:2], *numbers[i][:3], *curves[i][2:], *numbers[i][3:])
                for i, r in enumerate(rdf.r_angstrom)
            ]
        return rows

    def _curves(self, block: RdfBlock) -> list[tuple[str, ...]]:
        """g(r) and its error of each bin, of the cell and of the layer."""
        columns = (block.g, block.g_error, block.g_in_layer, block.g_in_layer_error)
        return [
            (f"{g:.6g}", f"{e:.4g}", f"{own:.6g}", f"{own_e:.4g}") for g, e, own, own_e in zip(*columns, strict=True)
        ]

    def _numbers(self, block: RdfBlock) -> list[tuple[object, ...]]:
        """Coordination number, counts and -kT ln g(r) of each bin; the error of the first, and the last one of the layer."""
        from mlip_interfaces.analysis.barrier import potential_of_mean_force

        kelvin = self.request.temperature_kelvin
        in_cell, in_layer = (
            np.full(g.size, np.nan) if kelvin is None else potential_of_mean_force(g, kelvin)
            for g in (block.g, block.g_in_layer)
        )
        columns = (block.coordination, block.counts.tolist(), in_cell, block.coordination_error, in_layer)
        return [
            (f"{z:.6g}", count, _energy(v), f"{z_error:.4g}", _energy(own))
            for z, count, v, z_error, own in zip(*columns, strict=True)
        ]

    def headlines(self) -> list[Headline]:
        """Neighbours of each pair within a fixed distance, and contacts of two layers: heights of peaks change with the cell."""
        said = []
        for pair in self.pairs:
            own, contacts = self.neighbors_of(pair), self.contacts_of(pair)
            if own is not None:
                said.append(Headline(f"{pair} neighbours within {own.within_angstrom:g} Å", own.number, own.error))
            if contacts is not None:
                name = f"{pair} contacts within {contacts.within_angstrom:g} Å per nm²"
                said.append(Headline(name, contacts.per_nm2, contacts.error_per_nm2))
        return said

    def lines(self) -> list[str]:
        """Neighbours, first peak and barrier of each pair."""
        lines = [f"{pair}: {self._said_of(pair)}; {self.n_frames} frames" for pair in self.pairs]
        return [*lines, self.reach.note] if self.reach.note is not None else lines

    def _said_of(self, pair: str) -> str:
        neighbors, layers = self.neighbors_of(pair), self.pairs[pair].layers
        said, whole = [] if neighbors is None else [str(neighbors)], str(self.summary_of(pair))
        contacts = self.contacts_of(pair)
        if contacts is not None:
            said.append(
                f"{measured(contacts.per_nm2, contacts.error_per_nm2)} of these pairs per nm^2 of the interface"
            )
        if not layers:
            return "; ".join([*said, whole])
        own = self.summary_of(pair, in_layer=True)
        in_layer = f"first peak {own.height}" if own.height else "no peak above 1"
        return "; ".join(
            [*said, f"by the density in {' and '.join(layers)}: {in_layer}", f"by that in the whole cell: {whole}"]
        )

    def draw(self) -> Figure:
        """g(r) of each pair in its layer, the whole cell's dashed; with several blocks of time, a heat map of g over time below it."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        n_blocks, n_pairs = max(len(rdf.blocks) for rdf in self.pairs.values()), len(self.pairs)
        n_rows = 2 if n_blocks > 1 else 1
        called = "g(r) in layer" if any(rdf.layers for rdf in self.pairs.values()) else "g(r)"
        figure, axes = new_figure(n_rows, n_pairs, width=max(4.0, 2.7 * n_pairs), height=2.6 * n_rows, sharex="col")
        for column, (pair, rdf) in enumerate(self.pairs.items()):
            top, r = axes[0, column], rdf.r_angstrom
            shades = np.linspace(0.3, 1.0, len(rdf.blocks)) if len(rdf.blocks) > 1 else [1.0]
            for block, shade in zip(rdf.blocks, shades, strict=True):
                label = f"{block.time_start_ps:.3g}-{block.time_end_ps:.3g} ps"
                g, error = _g(block, in_layer=True)
                top.plot(r, g, color=PALETTE[0], alpha=shade, lw=1.2, label=label)
                top.fill_between(r, g - error, g + error, color=PALETTE[0], alpha=0.2 * shade, lw=0)
            if rdf.layers:
                top.plot(r, rdf.whole.g, color="#888888", ls="--", lw=0.8, label="by the whole cell")
            top.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
            top.set_title(pair, loc="left")
            if n_rows == 2:
                bottom = axes[1, column]
                width = r[1] - r[0] if len(r) > 1 else 1.0
                edges = np.append(r - width / 2, r[-1] + width / 2)
                times = [*(block.time_start_ps for block in rdf.blocks), rdf.blocks[-1].time_end_ps]
                g = np.array([block.g_in_layer for block in rdf.blocks])
                image = bottom.pcolormesh(edges, times, g, cmap="viridis", vmin=0.0, rasterized=True)
                figure.colorbar(image, ax=bottom, label=called)
            axes[-1, column].set_xlabel("r (Å)")
        axes[0, 0].set_ylabel(called)
        if n_rows == 2:
            axes[1, 0].set_ylabel("time (ps)")
            if n_blocks <= 6:
                axes[0, 0].legend(loc="upper right", handlelength=1.0)
        return figure


def _g(block: RdfBlock, in_layer: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """g(r) in one normalisation, and its error."""
    return (block.g_in_layer, block.g_in_layer_error) if in_layer else (block.g, block.g_error)


def _peak(
    r: NDArray[np.float64], g: NDArray[np.float64], g_error: NDArray[np.float64]
) -> tuple[float | None, float | None, float | None]:
    """Position of the first peak, its height and the standard error of that."""
    from mlip_interfaces.analysis.rdf import first_peak

    peak = first_peak(r, g)
    if peak is None:
        return None, None, None
    return *peak, float(g_error[int(np.argmin(np.abs(r - peak[0])))])


def _plain(found: Neighbors | Contacts | None) -> dict[str, float] | None:
    return None if found is None else asdict(found)


def _energy(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.5f}"


def _apparent(change: PeakChange | None) -> str:
    """Why a barrier of g(r) is no free energy of an equilibrium, by what the first peak did."""
    if change is None:
        return "apparent: a single block of time does not tell whether the run is in equilibrium"
    if change.stationary:
        return "apparent: the first peak keeps its height, but the run need not be in equilibrium"
    first, last = (measured(*pair) for pair in zip(change.heights, change.errors, strict=True))
    return f"apparent: the first peak goes from {first} to {last} in the run, which is not in equilibrium"


def _error_of_mean(values: list[float]) -> float:
    """Standard error of a mean from the values of blocks."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
