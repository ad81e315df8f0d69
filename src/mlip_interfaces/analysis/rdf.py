"""Partial radial distribution functions in time blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import grouped, shortest_height
from mlip_interfaces.analysis.pair_kernel import count_distances
from mlip_interfaces.analysis.pair_names import selectors
from mlip_interfaces.analysis.running_blocks import (
    Block,
    RunningBlocks,
    group_means,
    merged,
    regrouped,
    scatter_of_means,
)
from mlip_interfaces.analysis.slab import layer_volumes
from mlip_interfaces.errors import AnalysisError

BEYOND_CHANCE = 2.0
"""Standard errors of counting by which a run of bins must be past a threshold."""

CHANGED = 3.0
"""Standard errors by which first peaks of two blocks of time differ where g(r) is not stationary."""


@dataclass(frozen=True, slots=True)
class RdfBlock:
    """g(r) of one pair over one block of time.

    Attributes
    ----------
    time_start_ps, time_end_ps : float, ps
        Time of the first and last frame.
    g : (n_bins,) float array
        Mean of g(r) over the frames, normalised by the density of the second kind in the whole cell.
    g_error : (n_bins,) float array
        Standard error from sub-blocks; zeros where the block has a single frame.
    g_in_layer, g_in_layer_error : (n_bins,) float array
        The same, normalised by its density in the layers of the pair; of the whole cell where there are no layers.
    coordination, coordination_error : (n_bins,) float array
        Running coordination number at the outer edge of each bin: neighbours of the second kind around one atom of the
        first.
    counts : (n_bins,) int array
        Pairs counted in each bin over all frames, each pair once.
    n_frames : int
        Frames in the block.
    """

    time_start_ps: float
    time_end_ps: float
    g: NDArray[np.float64]
    g_error: NDArray[np.float64]
    g_in_layer: NDArray[np.float64]
    g_in_layer_error: NDArray[np.float64]
    coordination: NDArray[np.float64]
    coordination_error: NDArray[np.float64]
    counts: NDArray[np.int64]
    n_frames: int


@dataclass(frozen=True, slots=True)
class Rdf:
    """g(r) of one pair.

    Attributes
    ----------
    pair : str
        As in ``P-S``.
    r_angstrom : (n_bins,) float array, angstrom
        Bin centres.
    whole : RdfBlock
        The whole run as one block.
    blocks : tuple of RdfBlock
        In order of time.
    layers : tuple of str
        Those in which both kinds started, else those of the second kind; none without labels.
    layer_volume_angstrom3 : float, angstrom^3
        Of these layers, mean over the frames; of the cell without labels.
    """

    pair: str
    r_angstrom: NDArray[np.float64]
    whole: RdfBlock
    blocks: tuple[RdfBlock, ...]
    layers: tuple[str, ...]
    layer_volume_angstrom3: float


class PairCounter:
    """Counts pairs by distance in frames, many kinds of pairs in one search.

    Parameters
    ----------
    pairs : sequence of str
        As in ``P-S``, or ``Li@coating-S@electrolyte`` with layers.
    symbols : (n_atoms,) str array
        Element of each atom.
    layers : (n_atoms,) str array, optional
        Name of the layer each atom started in; needed by pairs that name layers.
    r_max_angstrom, bin_width_angstrom : float, angstrom
        Range and resolution; the range is rounded to whole bins.

    Raises
    ------
    AnalysisError
        If a pair cannot be read, or has no atoms.

    Examples
    --------
    >>> counter = PairCounter(["P-S"], np.array(["P", "S", "S"]), r_max_angstrom=3.0, bin_width_angstrom=1.0)
    >>> frame = np.array([[[0.0, 0.0, 0.0], [0.0, 2.1, 0.0], [9.5, 0.0, 0.0]]])
    >>> counter.count(frame, np.eye(3)[None] * 10.0).tolist()
    [[[1, 0, 1]]]
    """

    def __init__(
        self,
        pairs: Sequence[str],
        symbols: NDArray[np.str_],
        layers: NDArray[np.str_] | None = None,
        *,
        r_max_angstrom: float,
        bin_width_angstrom: float,
    ) -> None:
        self.pairs = tuple(pairs)
        n_bins = max(1, round(r_max_angstrom / bin_width_angstrom))
        self.edges = np.linspace(0.0, n_bins * bin_width_angstrom, n_bins + 1)
        sides = [selected_sides(pair, symbols, layers) for pair in pairs]
        first = np.array([side[0] for side in sides])
        second = np.array([side[1] for side in sides])
        self.n_first = first.sum(axis=1)
        self.n_ordered = _ordered_pairs(first, second)
        for pair, count in zip(pairs, self.n_ordered, strict=True):
            if count <= 0:
                raise AnalysisError(f"There is no {pair} pair in this trajectory: {_inventory(symbols, layers)}.")
        names, self._layer_numbers = _layer_numbers(layers, symbols.size)
        homes = [_home(*side, self._layer_numbers, names.size) for side in sides]
        self._homes = np.array([home for home, _ in homes])
        self.n_ordered_in_layer = np.array([count for _, count in homes])
        self.layers = tuple(tuple(names[home].tolist()) for home in self._homes)
        # Atoms that no selection tells apart are a class; each pair of classes has its own histogram.
        signatures, classes = _alike(np.concatenate([first, second]))
        in_first, in_second = signatures[: len(pairs)], signatures[len(pairs) :]
        wanted: list[tuple[int, int]] = []
        weights: list[NDArray[np.int64]] = []
        for c in range(signatures.shape[1]):
            for d in range(c, signatures.shape[1]):
                forth, back = in_first[:, c] & in_second[:, d], in_first[:, d] & in_second[:, c]
                if forth.any() or back.any():
                    wanted.append((c, d))
                    # An unordered pair stands for two ordered ones.
                    weights.append(forth.astype(np.int64) + back)
        self._weights = np.array(weights).T
        used = sorted({c for pair in wanted for c in pair})
        self._members, self._class_start = grouped([classes == c for c in used])
        self._channels = _channels(
            [(used.index(c), used.index(d)) for c, d in wanted], np.diff(self._class_start).tolist()
        )

    def count(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.int64]:
        """Count ordered pairs by their distance.

        Parameters
        ----------
        positions : (n_frames, n_atoms, 3) float array, angstrom
            Finite, in any periodic image.
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        (n_frames, n_pairs, n_bins) int array
            A pair of two atoms that are on both sides counts twice.
        """
        r_max, n_bins = float(self.edges[-1]), self.edges.size - 1
        histograms = np.zeros((len(positions), self._weights.shape[1], n_bins), dtype=np.int64)
        count_distances(
            np.ascontiguousarray(positions),
            cells,
            self._members,
            self._class_start,
            self._channels,
            r_max,
            n_bins,
            histograms,
        )
        return np.asarray(self._weights @ histograms)

    def layer_volumes(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
        """Volume of the layers by which each pair is normalised.

        Parameters
        ----------
        positions : (n_frames, n_atoms, 3) float array, angstrom
            Finite, in any periodic image.
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors, the third one across the layers.

        Returns
        -------
        (n_frames, n_pairs) float array, angstrom^3
            Of the cell where the atoms have no layers.
        """
        if self._homes.shape[1] == 0:
            return np.repeat(np.abs(np.linalg.det(cells))[:, None], len(self.pairs), axis=1)
        return np.asarray(layer_volumes(positions, cells, self._layer_numbers) @ self._homes.T)


def _ordered_pairs(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs of two different atoms, the first of one mask (..., n_atoms) and the second of another."""
    return np.asarray(first.sum(axis=-1) * second.sum(axis=-1) - (first & second).sum(axis=-1))


def _layer_numbers(layers: NDArray[np.str_] | None, n_atoms: int) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Names of layers, and the number of that of each atom; no names where no atom has a layer."""
    if layers is None or not (layers != "").any():
        return np.empty(0, dtype=str), np.zeros(n_atoms, dtype=np.int64)
    # Few names of many atoms: to sort them would take longer than to look for each.
    names, numbers = np.array(sorted(set(layers.tolist()))), np.zeros(n_atoms, dtype=np.int64)
    for number, name in enumerate(names):
        numbers[layers == name] = number
    return names, numbers


def _alike(rows: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Different columns of rows (n_rows, n_columns) in ascending order, as `np.unique` gives them, and which of them each is."""
    numbers = np.zeros(rows.shape[1], dtype=np.int64)
    for row in rows:
        doubled = 2 * numbers + row
        numbers = (np.cumsum(np.bincount(doubled) > 0) - 1)[doubled]
    places = np.zeros(int(numbers.max()) + 1, dtype=np.int64)
    places[numbers] = np.arange(numbers.size)
    return rows[:, places], numbers


def _home(
    first: NDArray[np.bool_], second: NDArray[np.bool_], layer_numbers: NDArray[np.int64], n_layers: int
) -> tuple[NDArray[np.bool_], int]:
    """Layers (n_layers,) in which both sides started, else those of the second one, and the ordered pairs that go with them."""
    of_first, of_second = (
        np.bincount(layer_numbers[side], minlength=n_layers)[:n_layers] > 0 for side in (first, second)
    )
    both = of_first & of_second
    if both.any():
        here = both[layer_numbers]
        count = int(_ordered_pairs(first & here, second & here))
        if count > 0:
            return both, count
    return of_second, int(_ordered_pairs(first, second))


def _channels(wanted: list[tuple[int, int]], sizes: list[int]) -> NDArray[np.int64]:
    """Histogram of the pairs of atoms of one class (row) that look for those of another (column), or -1.

    The class that is in most pairs, of these the largest, is looked for: it is piled up once for all that look for it.
    """
    channels = np.full((len(sizes), len(sizes)), -1, dtype=np.int64)
    left = list(wanted)
    while left:
        counts = Counter(c for pair in left for c in set(pair))
        target = max(counts, key=lambda c: (counts[c], sizes[c], -c))
        for c, d in [pair for pair in left if target in pair]:
            channels[d if c == target else c, target] = wanted.index((c, d))
            left.remove((c, d))
    return channels


class RdfAccumulator:
    """g(r) of many pairs, fed frame by frame.

    Parameters
    ----------
    counter : PairCounter
        Says which pairs, to which distance.

    Notes
    -----
    Per frame g(r) = V n(r) / (N_ab 4 pi r^2 dr) with n(r) the ordered pairs (a, b) in the exact volume of the shell and
    N_ab = N_a N_b less the atoms that are on both sides. Every frame is normalised by its own volume V. Memory does not
    grow with the number of frames.

    This V is that of the whole cell: with as many neighbours, a vacuum or another layer in the same cell makes g(r) higher. In the
    layer, V is the volume of the layers in which both kinds started and N_ab is of their atoms that did so; where they share
    none, V is that of the second kind's layers and N_ab of all atoms.

    Examples
    --------
    >>> counter = PairCounter(["Li-Li"], np.array(["Li"] * 400), r_max_angstrom=4.0, bin_width_angstrom=2.0)
    >>> gas, cell = RdfAccumulator(counter), np.eye(3) * 20.0
    >>> for time, frame in enumerate(np.random.default_rng(0).random((50, 400, 3)) * 20.0):
    ...     gas.add(counter.count(frame[None], cell[None])[0], 8000.0, float(time))
    >>> gas.result()[0].whole.g.round(1).tolist()
    [1.0, 1.0]
    """

    def __init__(self, counter: PairCounter) -> None:
        self._counter = counter
        self._shells = 4.0 / 3.0 * np.pi * np.diff(counter.edges**3)
        self._blocks = RunningBlocks()
        self._layer_volumes = np.zeros(len(counter.pairs))

    def add(
        self,
        counts: NDArray[np.int64],
        volume: float,
        time_ps: float,
        layer_volumes: NDArray[np.float64] | None = None,
    ) -> None:
        """Add a frame.

        Parameters
        ----------
        counts : (n_pairs, n_bins) int array
            Ordered pairs, as from `PairCounter.count`.
        volume : float, angstrom^3
            Of the cell.
        time_ps : float, ps
            Of the frame.
        layer_volumes : (n_pairs,) float array, angstrom^3, optional
            As from `PairCounter.layer_volumes`; that of the cell is taken for those of all layers without them.

        Raises
        ------
        ValueError
            If they are not there and the counter knows layers.
        """
        if layer_volumes is None:
            if any(self._counter.layers):
                raise ValueError("a counter that knows layers needs their volumes")
            layer_volumes = np.full(len(self._layer_volumes), volume)
        values = np.empty((3, *counts.shape))
        per_shell = counts / self._shells
        np.multiply(per_shell, (volume / self._counter.n_ordered)[:, None], out=values[0])
        np.multiply(per_shell, (layer_volumes / self._counter.n_ordered_in_layer)[:, None], out=values[1])
        values[2] = counts
        self._layer_volumes += layer_volumes
        self._blocks.add(values, time_ps)

    def result(self, n_blocks: int = 1) -> tuple[Rdf, ...]:
        """Give g(r) of every pair over the whole run and in blocks of time.

        Parameters
        ----------
        n_blocks : int, optional
            Number of equal blocks; fewer come back where there are fewer frames.

        Returns
        -------
        tuple of Rdf
            In the order of the counter's pairs.

        Raises
        ------
        AnalysisError
            If no frame was added.
        """
        everything = self._blocks.blocks
        if not everything:
            raise AnalysisError("There is no frame for g(r).")
        whole = self._summarise(everything)
        parts = [self._summarise(group) for group in regrouped(everything, n_blocks)]
        r = (self._counter.edges[1:] + self._counter.edges[:-1]) / 2.0
        volumes = (self._layer_volumes / whole[0].n_frames).tolist()
        return tuple(
            Rdf(pair, r, whole[i], tuple(part[i] for part in parts), self._counter.layers[i], volumes[i])
            for i, pair in enumerate(self._counter.pairs)
        )

    def _summarise(self, blocks: list[Block]) -> list[RdfBlock]:
        block, of_groups = merged(blocks), group_means(blocks)
        n_first, mean, counts = self._counter.n_first[:, None], block.mean, block.total[2].astype(np.int64)
        neighbours = counts.cumsum(axis=1) / (n_first * block.n_frames)
        # Up to the end of each bin, and not in it: their error is not the sum of those of the bins.
        of_groups[:, 2] = of_groups[:, 2].cumsum(axis=2) / n_first
        error = scatter_of_means(of_groups)
        summaries = []
        for i in range(len(self._counter.pairs)):
            a, b = selectors(self._counter.pairs[i])
            summaries.append(
                RdfBlock(
                    time_start_ps=block.time_start_ps,
                    time_end_ps=block.time_end_ps,
                    g=mean[0, i],
                    g_error=error[0, i],
                    g_in_layer=mean[1, i],
                    g_in_layer_error=error[1, i],
                    coordination=neighbours[i],
                    coordination_error=error[2, i],
                    counts=counts[i] // (2 if a == b else 1),
                    n_frames=block.n_frames,
                )
            )
        return summaries


def selected_sides(
    pair: str, symbols: NDArray[np.str_], layers: NDArray[np.str_] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Atoms on both sides of a pair.

    Parameters
    ----------
    pair : str
        As in ``P-S``, or ``Li@coating-S@electrolyte`` with layers.
    symbols : (n_atoms,) str array
        Element of each atom.
    layers : (n_atoms,) str array or None
        Name of the layer each atom started in.

    Returns
    -------
    first : (n_atoms,) bool array
        Atoms of the first side.
    second : (n_atoms,) bool array
        Atoms of the second side.

    Raises
    ------
    AnalysisError
        If a side has no atoms, or names a layer where there are no labels.

    Examples
    --------
    >>> [mask.tolist() for mask in selected_sides("P-S", np.array(["P", "S", "S"]), None)]
    [[True, False, False], [False, True, True]]
    """
    masks = []
    for element, layer in selectors(pair):
        mask = symbols == element
        if layer is not None:
            if layers is None:
                raise AnalysisError(f"'{pair}' names a layer, but the trajectory has no layer labels; give `layers`.")
            mask &= layers == layer
        if not mask.any():
            where = f" in the layer '{layer}'" if layer is not None else ""
            raise AnalysisError(f"There is no {element}{where} for the pair {pair}: {_inventory(symbols, layers)}.")
        masks.append(mask)
    return masks[0], masks[1]


def largest_r_max(cells: NDArray[np.float64]) -> float:
    """Half the shortest distance between opposite faces of the cells: g(r) beyond it sees images.

    Parameters
    ----------
    cells : (..., 3, 3) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    float, angstrom
        Largest range of g(r).

    Examples
    --------
    >>> largest_r_max(np.diag([4.0, 5.0, 6.0]))
    2.0
    """
    return shortest_height(cells) / 2.0


def first_peak(r: NDArray[np.float64], g: NDArray[np.float64]) -> tuple[float, float] | None:
    """First maximum of g(r) that rises above 1, smoothed over three bins.

    Parameters
    ----------
    r : (n_bins,) float array, angstrom
        Bin centres.
    g : (n_bins,) float array
        Radial distribution function g(r).

    Returns
    -------
    tuple of float, angstrom and 1, or None
        Position and height; None without one.

    Notes
    -----
    Weights of the smoothing are 1/4, 1/2 and 1/4. A shoulder of noise on the way up is not the peak: it is the highest
    maximum within 0.4 angstrom of the first.

    Examples
    --------
    >>> r = np.arange(8) + 0.5
    >>> first_peak(r, np.array([0.0, 0.0, 1.0, 4.0, 1.0, 0.5, 1.0, 1.0]))
    (3.5, 2.5)
    """
    smooth = _smoothed(g)
    above = np.flatnonzero((smooth[1:-1] > 1.0) & (smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])) + 1
    if above.size == 0:
        return None
    window = above[r[above] < r[above[0]] + 0.4]
    best = window[np.argmax(smooth[window])]
    return float(r[best]), float(smooth[best])


def first_minimum(
    r: NDArray[np.float64], g: NDArray[np.float64], counts: NDArray[np.int64] | None = None
) -> int | None:
    """Bin of the first minimum of g(r) behind its first peak, where the first shell of neighbours ends.

    Parameters
    ----------
    r : (n_bins,) float array, angstrom
        Bin centres.
    g : (n_bins,) float array
        Radial distribution function g(r).
    counts : (n_bins,) int array, optional
        Pairs counted in each bin. With them, bins that are low or high by chance neither begin nor end the valley.

    Returns
    -------
    int or None
        Index of the bin; None without a peak or where g does not fall below 1 behind it.

    Notes
    -----
    The valley begins where g behind the first peak falls below 1 and ends where g rises above 1 again. The minimum is the lowest mean of three bins between the two;
    where several are as low, the first. With `counts`, the valley begins and ends with the first run of bins whose pairs
    differ from those of the threshold by more than two standard errors of counting; where there is no such run, with the
    first bin, as without them.

    Examples
    --------
    >>> r = np.arange(10) + 0.5
    >>> g = np.array([0.0, 0.0, 1.0, 4.0, 1.0, 0.5, 0.1, 0.5, 1.5, 1.2])
    >>> first_minimum(r, g)
    6
    """
    peak = first_peak(r, g)
    if peak is None:
        return None
    behind = int(np.argmin(np.abs(r - peak[0]))) + 1
    pairs = ideal = None
    if counts is not None and counts.any():
        # Pairs that g = 1 would have in each bin.
        pairs, ideal = counts[behind:], (r**2 * (counts.sum() / (g @ r**2)))[behind:]
    start = _crossing(1.0 - g[behind:], pairs, ideal)
    if start is None:
        return None
    stop = _crossing(
        g[behind + start :] - 1.0, None if pairs is None else pairs[start:], None if ideal is None else ideal[start:]
    )
    smooth = np.convolve(g, np.ones(3) / 3.0, mode="same")[behind + start :]
    return behind + start + int(np.argmin(smooth[:stop]))


def _crossing(
    past: NDArray[np.float64], pairs: NDArray[np.int64] | None, expected: NDArray[np.float64] | None
) -> int | None:
    """First bin past a threshold (positive), with pairs counted and expected at it: of a run that is so by more than chance."""
    bins = np.flatnonzero(past > 0.0)
    if bins.size == 0:
        return None
    if pairs is not None and expected is not None:
        for run in np.split(bins, np.flatnonzero(np.diff(bins) > 1) + 1):
            counted, threshold = float(pairs[run].sum()), float(expected[run].sum())
            if abs(counted - threshold) > BEYOND_CHANCE * np.sqrt(max(counted, threshold)):
                return int(run[0])
    return int(bins[0])


@dataclass(frozen=True, slots=True)
class PeakChange:
    """Height of the first peak in the first and in the last block of time.

    Attributes
    ----------
    heights, errors : tuple of float
        In the first and the last block, and their standard errors.
    """

    heights: tuple[float, float]
    errors: tuple[float, float]

    @property
    def stationary(self) -> bool:
        """Whether the heights differ by at most three standard errors of their difference."""
        return bool(abs(self.heights[0] - self.heights[1]) <= CHANGED * np.hypot(*self.errors))


def first_peak_change(
    r: NDArray[np.float64], g: NDArray[np.float64], g_error: NDArray[np.float64]
) -> PeakChange | None:
    """Height of the first peak in the first and in the last block of time.

    Parameters
    ----------
    r : (n_bins,) float array, angstrom
        Bin centres.
    g, g_error : (n_blocks, n_bins) float array
        Radial distribution function of each block in order of time, and its standard error.

    Returns
    -------
    PeakChange or None
        None where there is a single block, no peak in both, or no error of either. A block without a peak has the height that it
        has at the peak of the other.

    Examples
    --------
    >>> r, g = np.arange(5) + 0.5, np.array([[0.0, 1.0, 4.0, 1.0, 0.5], [0.0, 1.0, 3.0, 1.0, 0.5]])
    >>> first_peak_change(r, g, np.full(g.shape, 0.1)).heights
    (2.5, 2.0)
    >>> [first_peak_change(r, g, np.full(g.shape, error)).stationary for error in (0.1, 0.2)]
    [False, True]
    """
    if len(g) < 2:
        return None
    peaks = [first_peak(r, g[0]), first_peak(r, g[-1])]
    there = [peak for peak in peaks if peak is not None]
    if not there:
        return None
    heights, errors = [], []
    for block, peak in zip((0, -1), peaks, strict=True):
        place = int(np.argmin(np.abs(r - (peak or there[0])[0])))
        heights.append(peak[1] if peak is not None else float(_smoothed(g[block])[place]))
        errors.append(float(g_error[block, place]))
    return PeakChange((heights[0], heights[1]), (errors[0], errors[1])) if any(errors) else None


def _smoothed(g: NDArray[np.float64]) -> NDArray[np.float64]:
    """g(r) over three bins, with the weights 1/4, 1/2 and 1/4."""
    return np.asarray(np.convolve(g, [0.25, 0.5, 0.25], mode="same"))


def _inventory(symbols: NDArray[np.str_], layers: NDArray[np.str_] | None) -> str:
    names, counts = np.unique(symbols, return_counts=True)
    text = "it has " + ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
    if layers is not None and (layers != "").any():
        text += f" in the layers {', '.join(dict.fromkeys(layers.tolist()))}"
    return text
