"""Partial radial distribution functions in time blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import Pairs
from mlip_interfaces.errors import AnalysisError

SUB_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class RdfBlock:
    """g(r) of one pair over one block of time.

    Attributes
    ----------
    time_start_ps, time_end_ps : of the block.
    g : shape (n_bins,).
    g_error : standard error from five sub-blocks, shape (n_bins,); zeros where the block has a single frame.
    counts : pairs counted in each bin over all frames, each pair once, shape (n_bins,).
    n_frames : frames in the block.
    """

    time_start_ps: float
    time_end_ps: float
    g: NDArray[np.float64]
    g_error: NDArray[np.float64]
    counts: NDArray[np.int64]
    n_frames: int


@dataclass(frozen=True, slots=True)
class Rdf:
    """g(r) of one pair.

    Attributes
    ----------
    pair : as in ``P-S``.
    r_angstrom : bin centres, shape (n_bins,).
    whole : over the whole run.
    blocks : in blocks of time.
    """

    pair: str
    r_angstrom: NDArray[np.float64]
    whole: RdfBlock
    blocks: tuple[RdfBlock, ...]


class RdfAccumulator:
    """g(r) of one pair of elements, fed frame by frame.

    Parameters
    ----------
    pair : as in ``P-S``.
    symbols : element of each atom, shape (n_atoms,).
    r_max_angstrom, bin_width_angstrom : range and resolution.

    Notes
    -----
    Per frame g(r) = V n(r) / (N_a N_b 4 pi r^2 dr) with n(r) the pairs (a, b) counted in the exact volume of the
    shell; for a = b, N_a (N_a - 1) replaces N_a N_b. Every frame is normalised by its own volume V.

    Raises
    ------
    AnalysisError
        If there are no such atoms.
    """

    def __init__(
        self, pair: str, symbols: NDArray[np.str_], *, r_max_angstrom: float, bin_width_angstrom: float
    ) -> None:
        a, b = pair.split("-")
        self.pair = pair
        self._masks = (symbols == a, symbols == b)
        n_a, n_b = (int(mask.sum()) for mask in self._masks)
        self._n_pairs = n_a * (n_b - 1 if a == b else n_b)
        if self._n_pairs <= 0:
            raise AnalysisError(f"There is no {pair} pair in this trajectory: it has {n_a} {a} and {n_b} {b} atoms.")
        self._like = a == b
        n_bins = round(r_max_angstrom / bin_width_angstrom)
        self._edges = np.linspace(0.0, n_bins * bin_width_angstrom, n_bins + 1)
        self._shells = 4.0 / 3.0 * np.pi * np.diff(self._edges**3)
        self._counts: list[NDArray[np.int64]] = []
        self._volumes: list[float] = []

    def add(self, pairs: Pairs, volume: float) -> None:
        """Add a frame: its neighbour pairs and volume (angstrom^3)."""
        selected = pairs.within(self._edges[-1], *self._masks)
        self._counts.append(np.histogram(selected.distances, bins=self._edges)[0])
        self._volumes.append(volume)

    def result(self, times_ps: NDArray[np.float64], n_blocks: int) -> Rdf:
        """g(r) over the whole run and in `n_blocks` equal blocks of frames."""
        n_frames = len(self._counts)
        counts = np.array(self._counts)
        per_frame = counts * np.array(self._volumes)[:, None] / (self._n_pairs * self._shells)
        bounds = np.linspace(0, n_frames, min(n_blocks, n_frames) + 1).astype(int)
        spans = list(zip(bounds[:-1], bounds[1:], strict=True))
        return Rdf(
            pair=self.pair,
            r_angstrom=(self._edges[1:] + self._edges[:-1]) / 2.0,
            whole=self._block(per_frame, counts, times_ps, 0, n_frames),
            blocks=tuple(self._block(per_frame, counts, times_ps, start, stop) for start, stop in spans),
        )

    def _block(
        self,
        per_frame: NDArray[np.float64],
        counts: NDArray[np.int64],
        times_ps: NDArray[np.float64],
        start: int,
        stop: int,
    ) -> RdfBlock:
        g = per_frame[start:stop]
        parts = [part.mean(axis=0) for part in np.array_split(g, min(SUB_BLOCKS, len(g)))]
        error = np.std(parts, axis=0, ddof=1) / np.sqrt(len(parts)) if len(parts) > 1 else np.zeros(g.shape[1])
        total = counts[start:stop].sum(axis=0)
        return RdfBlock(
            time_start_ps=float(times_ps[start]),
            time_end_ps=float(times_ps[stop - 1]),
            g=g.mean(axis=0),
            g_error=error,
            counts=total // 2 if self._like else total,
            n_frames=stop - start,
        )


def first_peak(r: NDArray[np.float64], g: NDArray[np.float64]) -> tuple[float, float] | None:
    """Position and height of the first maximum that rises above 1, smoothed over three bins; None without one."""
    smooth = np.convolve(g, [0.25, 0.5, 0.25], mode="same")
    above = np.flatnonzero((smooth[1:-1] > 1.0) & (smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])) + 1
    if above.size == 0:
        return None
    # A shoulder of noise on the way up is not the peak: take the highest within 0.4 angstrom.
    window = above[r[above] < r[above[0]] + 0.4]
    best = window[np.argmax(smooth[window])]
    return float(r[best]), float(smooth[best])
