"""Partial radial distribution functions, coordination numbers, potentials of mean force and their barriers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.reach import Reach
from mlip_interfaces.observables.request import Names, Option, Request, TemperatureKelvin
from mlip_interfaces.observables.results import Headline, Result, Table, measured
from mlip_interfaces.settings import Count, Distance, Width

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlip_interfaces.analysis.barrier import Barrier
    from mlip_interfaces.analysis.rdf import PairCounter, PeakChange, RdfBlock
    from mlip_interfaces.analysis.rdf import Rdf as PairDistribution
    from mlip_interfaces.figures import Figure

RANGE_ANGSTROM = 8.0
"""How far g(r) goes where nothing else is asked for and the cell allows it."""


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
        from mlip_interfaces.analysis.rdf import selectors

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

    def check_frames(self, n_frames: int) -> None:
        """Whether every block has a frame.

        Parameters
        ----------
        n_frames : int
            In the time that is analysed.

        Raises
        ------
        ValueError
            If one has none.
        """
        if self.blocks > n_frames:
            raise ValueError(f"blocks is {self.blocks}, more than the {n_frames} frames")


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

    def scan(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.int64]:
        """Pair counts, shape (n_frames, n_pairs, n_bins)."""
        assert self._counter is not None
        return self._counter.count(positions, cells)

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Normalise each frame by its own volume."""
        if self._accumulator is None:
            return
        times = batch.frames.times_ps.tolist()
        for counts, volume, time in zip(scanned, batch.volumes.tolist(), times, strict=True):
            self._accumulator.add(counts, volume, time)

    def finish(self, record: Record) -> RdfResult | None:
        """g(r) of the whole run and of its blocks."""
        if self._accumulator is None:
            return None
        found = self._accumulator.result(self._request.blocks)
        return RdfResult(
            self._request, self._reach, record.times_ps.size, {rdf.pair: rdf for rdf in found}, dict(self.absent)
        )


@dataclass(frozen=True, slots=True)
class PairSummary:
    """What is said of the g(r) of a pair.

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
        text = f"first peak {measured(self.first_peak_height, self.first_peak_height_error)} at "
        text += f"{self.first_peak_angstrom:.2f} angstrom"
        if self.coordination_to_first_minimum is not None:
            text += f", {self.coordination_to_first_minimum:.2f} neighbours to the first minimum"
        barrier = self.barrier
        if barrier is None:
            return text
        if barrier.breaking_ev is None or barrier.error_ev is None:
            return f"{text}, no barrier: {barrier.note}"
        return f"{text}, barrier to break {measured(barrier.breaking_ev, barrier.error_ev)} eV ({barrier.note})"


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
    """

    request: Rdf
    reach: Reach
    n_frames: int
    pairs: dict[str, PairDistribution]
    absent: dict[str, str]

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
                "barriers": "formation: kT ln(1 / g_min), zero of energy at g = 1; breaking: kT ln(g_peak / g_min); refused "
                f"below {MIN_COUNTS} counts",
            },
        }

    def summary_of(self, pair: str) -> PairSummary:
        """What is said of a pair.

        Parameters
        ----------
        pair : str
            One of `pairs`.

        Returns
        -------
        PairSummary
            Peak, shell and barrier, of the whole run.
        """
        from mlip_interfaces.analysis.barrier import barriers
        from mlip_interfaces.analysis.rdf import first_minimum, first_peak_change

        rdf = self.pairs[pair]
        r, whole = rdf.r_angstrom, rdf.whole
        heights = [height for block in rdf.blocks if (height := _peak(r, block)[1]) is not None]
        place, height, error_of_whole = _peak(r, whole)
        minimum, kelvin = first_minimum(r, whole.g, whole.counts), self.request.temperature_kelvin
        g, error = (np.array([getattr(block, name) for block in rdf.blocks]) for name in ("g", "g_error"))
        change = first_peak_change(r, g, error)
        barrier = None if kelvin is None else barriers(r, whole.g, whole.counts, kelvin, whole.g_error)
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

    def _entry(self, pair: str, rdf: PairDistribution) -> dict[str, object]:
        summary = self.summary_of(pair)
        entry = asdict(summary)
        barrier, stationary = entry.pop("barrier"), entry.pop("stationary")
        entry["blocks"] = [
            {"time_start_ps": block.time_start_ps, "time_end_ps": block.time_end_ps}
            | dict(zip(("first_peak_angstrom", "first_peak_height", "first_peak_height_error"), peak, strict=True))
            for block in rdf.blocks
            for peak in [_peak(rdf.r_angstrom, block)]
        ]
        return entry if barrier is None else entry | {"barrier": barrier | {"stationary": stationary}}

    def tables(self) -> dict[str, Table]:
        """g(r), and apart from it coordination number, counts and -kT ln g(r), of every block; all of these of the whole run."""
        from mlip_interfaces.analysis.barrier import potential_of_mean_force

        kelvin = self.request.temperature_kelvin
        rows, more = [], []
        for pair, rdf in self.pairs.items():
            for number, block in enumerate(rdf.blocks):
                energies = np.full(block.g.size, np.nan) if kelvin is None else potential_of_mean_force(block.g, kelvin)
                head = (pair, number, f"{block.time_start_ps:.6g}", f"{block.time_end_ps:.6g}")
                for i, r in enumerate(rdf.r_angstrom):
                    rows.append((*head, f"{r:.5g}", f"{block.g[i]:.6g}", f"{block.g_error[i]:.4g}"))
                    energy = "" if np.isnan(energies[i]) else f"{energies[i]:.5f}"
                    more.append((*head, f"{r:.5g}", f"{block.coordination[i]:.6g}", int(block.counts[i]), energy))
        head_columns = ("pair", "block", "time_start_ps", "time_end_ps", "r_angstrom")
        of_run = ("pair", "r_angstrom", "g", "g_error", "coordination_number", "counts", "potential_of_mean_force_ev")
        return {
            "": Table((*head_columns, "g", "g_error"), rows),
            "potential": Table((*head_columns, "coordination_number", "counts", "potential_of_mean_force_ev"), more),
            "whole": Table(of_run, self._whole_rows()),
        }

    def _whole_rows(self) -> list[tuple[object, ...]]:
        from mlip_interfaces.analysis.barrier import potential_of_mean_force

        kelvin = self.request.temperature_kelvin
        rows: list[tuple[object, ...]] = []
        for pair, rdf in self.pairs.items():
            whole = rdf.whole
            energies = np.full(whole.g.size, np.nan) if kelvin is None else potential_of_mean_force(whole.g, kelvin)
            for i, r in enumerate(rdf.r_angstrom):
                energy = "" if np.isnan(energies[i]) else f"{energies[i]:.5f}"
                numbers = (f"{whole.g[i]:.6g}", f"{whole.g_error[i]:.4g}", f"{whole.coordination[i]:.6g}")
                rows.append((pair, f"{r:.5g}", *numbers, int(whole.counts[i]), energy))
        return rows

    def headlines(self) -> list[Headline]:
        """Height of each first peak."""
        found = [(pair, self.summary_of(pair)) for pair in self.pairs]
        return [
            Headline(f"first peak of g(r), {pair}", summary.first_peak_height, summary.first_peak_height_error)
            for pair, summary in found
            if summary.first_peak_height is not None
        ]

    def lines(self) -> list[str]:
        """First peak, coordination number and barrier of each pair."""
        lines = [f"{pair}: {self.summary_of(pair)}; {self.n_frames} frames" for pair in self.pairs]
        return [*lines, self.reach.note] if self.reach.note is not None else lines

    def draw(self) -> Figure:
        """g(r) of each pair; with several blocks of time, a heat map of g over time below it."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        n_blocks, n_pairs = max(len(rdf.blocks) for rdf in self.pairs.values()), len(self.pairs)
        n_rows = 2 if n_blocks > 1 else 1
        figure, axes = new_figure(n_rows, n_pairs, width=max(4.0, 2.7 * n_pairs), height=2.6 * n_rows, sharex="col")
        for column, (pair, rdf) in enumerate(self.pairs.items()):
            top, r = axes[0, column], rdf.r_angstrom
            shades = np.linspace(0.3, 1.0, len(rdf.blocks)) if len(rdf.blocks) > 1 else [1.0]
            for block, shade in zip(rdf.blocks, shades, strict=True):
                label = f"{block.time_start_ps:.3g}-{block.time_end_ps:.3g} ps"
                top.plot(r, block.g, color=PALETTE[0], alpha=shade, lw=1.2, label=label)
                low, high = block.g - block.g_error, block.g + block.g_error
                top.fill_between(r, low, high, color=PALETTE[0], alpha=0.2 * shade, lw=0)
            top.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
            top.set_title(pair, loc="left")
            if n_rows == 2:
                bottom = axes[1, column]
                width = r[1] - r[0] if len(r) > 1 else 1.0
                edges = np.append(r - width / 2, r[-1] + width / 2)
                times = [*(block.time_start_ps for block in rdf.blocks), rdf.blocks[-1].time_end_ps]
                g = np.array([block.g for block in rdf.blocks])
                image = bottom.pcolormesh(edges, times, g, cmap="viridis", vmin=0.0, rasterized=True)
                figure.colorbar(image, ax=bottom, label="g(r)")
            axes[-1, column].set_xlabel("r (Å)")
        axes[0, 0].set_ylabel("g(r)")
        if n_rows == 2:
            axes[1, 0].set_ylabel("time (ps)")
            if n_blocks <= 6:
                axes[0, 0].legend(loc="upper right", handlelength=1.0)
        return figure


def _peak(r: NDArray[np.float64], block: RdfBlock) -> tuple[float | None, float | None, float | None]:
    """Position of the first peak, its height and the standard error of that."""
    from mlip_interfaces.analysis.rdf import first_peak

    peak = first_peak(r, block.g)
    if peak is None:
        return None, None, None
    return *peak, float(block.g_error[int(np.argmin(np.abs(r - peak[0])))])


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
