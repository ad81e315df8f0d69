"""Compiled search for pairs of atoms within a cutoff, every periodic image counted; see `columns` for how."""

from __future__ import annotations

import numpy as np
from numba import njit

from mlip_interfaces.analysis.columns import (
    make_grid,
    new_pile,
    pile_up,
    sort_into_columns,
    stretch_around,
    surroundings,
)

SINGLE_EPSILON = 2.0**-23

VECTORS = 16
"""Distances that the compiled loop takes at a time; it may run past the end, as what is left over would be slow."""


@njit(cache=True, nogil=True)
def count_distances(frames, cells, members, class_start, channels, r_max, n_bins, counts):  # type: ignore[no-untyped-def]
    """Add the pairs of frames to histograms of their distances.

    Parameters
    ----------
    frames : (n_frames, n_atoms, 3) float array
        Positions in any image.
    cells : (n_frames, 3, 3) float array
        Rows are lattice vectors.
    members : int array
        Atoms that take part, one class behind the other.
    class_start : (n_classes + 1,) int array
        First member of each class and the end.
    channels : (n_classes, n_classes) int array
        Histogram of the pairs of an atom of the first class with all of the second, or -1. Where both are the same
        class, each pair is counted once.
    r_max : float
        End of the histograms, in the unit of the cells.
    n_bins : int
        Number of their bins.
    counts : (n_frames, n_channels, n_bins) int array
        Added to.

    Examples
    --------
    >>> counts = np.zeros((1, 1, 3), dtype=np.int64)
    >>> frame, cell = np.array([[[0.0, 0.0, 0.0], [2.5, 0.0, 0.0]]]), np.eye(3)[None] * 10.0
    >>> members, channels = np.arange(2), np.zeros((1, 1), dtype=np.int64)
    >>> count_distances(frame, cell, members, np.array([0, 2]), channels, 3.0, 3, counts)
    >>> counts.tolist()
    [[[0, 0, 1]]]
    """
    for t in range(frames.shape[0]):
        _count_frame(frames[t], cells[t], members, class_start, channels, r_max, n_bins, counts[t])


@njit(cache=True, nogil=True)
def _count_frame(positions, cell, members, class_start, channels, r_max, n_bins, counts):  # type: ignore[no-untyped-def]
    # Lengths are in units of bins from here on, so that a distance cut to an integer is its bin.
    unit = r_max / n_bins
    grid = make_grid(cell / unit, float(n_bins), members.shape[0])
    columns = sort_into_columns(positions / unit, members, class_start, grid)
    pile = new_pile(grid, members.shape[0])
    extent = _extent(grid)
    # What rounding to single precision can do to a distance within the histogram.
    doubt = SINGLE_EPSILON * (np.sqrt((extent**2).sum()) + 2.0 * n_bins)
    # The pile holds atoms beyond the cutoff too: histograms that reach as far need no check.
    histograms = np.zeros((counts.shape[0], int(2.0 * np.sqrt((extent**2).sum())) + 2), dtype=np.int64)
    single, bins = np.empty((3, 0), dtype=np.float32), np.empty(0, dtype=np.int32)
    n_classes, n_columns = channels.shape[0], grid.n[0] * grid.n[1]
    for column in range(n_columns):
        number, shift = surroundings(grid, column // grid.n[1], column % grid.n[1])
        center = _center(grid, column // grid.n[1], column % grid.n[1])
        for kind in range(n_classes):
            if not _is_wanted(channels[:, kind], columns.start, column, n_columns):
                continue
            pile = pile_up(pile, columns, grid, kind, number, shift)
            if pile.source.shape[0] > bins.shape[0]:
                single = np.zeros((3, pile.source.shape[0] + VECTORS), dtype=np.float32)
                bins = np.zeros(single.shape[1], dtype=np.int32)
            _round_to_single(pile.x, pile.first[-1], center, single)
            for other in range(n_classes):
                if channels[other, kind] < 0:
                    continue
                histogram = histograms[channels[other, kind]]
                for i in range(
                    columns.start[other * n_columns + column], columns.start[other * n_columns + column + 1]
                ):
                    first, end = stretch_around(pile, columns.depth[i], grid.reach[2])
                    if other == kind:
                        first = pile.place[i] + 1
                    p0, p1, p2 = columns.x[0, i], columns.x[1, i], columns.x[2, i]
                    if _bins_single(single, first, end, p0 - center[0], p1 - center[1], p2 - center[2], doubt, bins):
                        _bins_double(pile.x, first, end, p0, p1, p2, bins)
                    for k in bins[: end - first]:
                        histogram[np.uint32(k)] += 1
    counts += histograms[:, :n_bins]


@njit(cache=True, nogil=True)
def _is_wanted(channels, start, column, n_columns):  # type: ignore[no-untyped-def]
    """Whether a column has atoms of a class that look for partners in the pile."""
    for other in range(channels.shape[0]):
        flat = other * n_columns + column
        if channels[other] >= 0 and start[flat] < start[flat + 1]:
            return True
    return False


@njit(cache=True, nogil=True)
def _center(grid, u, v):  # type: ignore[no-untyped-def]
    """Centre of a column."""
    return (u + 0.5) / grid.n[0] * grid.cell[0] + (v + 0.5) / grid.n[1] * grid.cell[1] + 0.5 * grid.cell[2]


@njit(cache=True, nogil=True)
def _extent(grid):  # type: ignore[no-untyped-def]
    """Largest coordinates in a pile, from the centre of its column, shape (3,)."""
    u, v = np.abs(grid.near[:, 0]).max(), np.abs(grid.near[:, 1]).max()
    shares = np.array([(u + 0.5) / grid.n[0], (v + 0.5) / grid.n[1], 0.5 + (int(grid.reach[2]) + 1) / grid.n[2]])
    return (np.abs(grid.cell) * shares.reshape(3, 1)).sum(axis=0)


@njit(cache=True, nogil=True)
def _round_to_single(x, n, center, single):  # type: ignore[no-untyped-def]
    """Coordinates from a centre in single precision."""
    for d in range(3):
        there, here, origin = single[d][:n], x[d][:n], center[d]
        for j in range(n):
            there[j] = np.float32(here[j] - origin)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _bins_single(x, first, end, p0, p1, p2, doubt, bins):  # type: ignore[no-untyped-def]
    """Bins of the distances of points first to end from a point; whether one is too close to an edge to be sure of.

    Single precision holds twice as many numbers in a vector register, and has a much faster square root.
    """
    n = (end - first + VECTORS - 1) // VECTORS * VECTORS
    x0, x1, x2, bins = x[0][first : first + n], x[1][first : first + n], x[2][first : first + n], bins[:n]
    o0, o1, o2 = np.float32(p0), np.float32(p1), np.float32(p2)
    # All in single precision: a counter of another width would halve the vectors.
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    sure = np.float32(0.5 - doubt)
    n_doubtful = zero
    for j in range(n):
        d0, d1, d2 = x0[j] - o0, x1[j] - o1, x2[j] - o2
        r = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
        k = np.int32(r)
        bins[j] = k
        n_doubtful += one if abs(r - np.float32(k) - half) > sure else zero
    return n_doubtful > zero


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _bins_double(x, first, end, p0, p1, p2, bins):  # type: ignore[no-untyped-def]
    """As `_bins_single`, in double precision."""
    x0, x1, x2, bins = x[0][first:end], x[1][first:end], x[2][first:end], bins[: end - first]
    for j in range(end - first):
        d0, d1, d2 = x0[j] - p0, x1[j] - p1, x2[j] - p2
        bins[j] = np.int32(np.sqrt(d0 * d0 + d1 * d1 + d2 * d2))


@njit(cache=True, nogil=True)
def collect_pairs(positions, cell, members, class_start, cutoffs):  # type: ignore[no-untyped-def]
    """All pairs of one frame below the cutoffs of their classes.

    Parameters
    ----------
    positions : (n_atoms, 3) float array
        In any image.
    cell : (3, 3) float array
        Rows are lattice vectors.
    members : int array
        Atoms that take part, one class behind the other.
    class_start : (n_classes + 1,) int array
        First member of each class and the end.
    cutoffs : (n_classes, n_classes) float array
        Of the pairs of an atom of the first class with all of the second, or zero for none. Where both are the same
        class, each pair comes once, an atom and its own image included.

    Returns
    -------
    first, second : (n_pairs,) int array
        Atom indices.
    vectors : (n_pairs, 3) float array
        From first to second.
    """
    longest = cutoffs.max()
    grid = make_grid(cell, longest, members.shape[0])
    columns = sort_into_columns(positions, members, class_start, grid)
    pile = new_pile(grid, members.shape[0])
    n_classes, n_columns = cutoffs.shape[0], grid.n[0] * grid.n[1]
    size = members.shape[0] + 64
    pairs, vectors = np.empty((2, size), dtype=np.int64), np.empty((3, size))
    near = np.empty(0, dtype=np.int64)
    wanted = np.where(cutoffs > 0.0, 0, -1)
    n_pairs = 0
    for column in range(n_columns):
        number, shift = surroundings(grid, column // grid.n[1], column % grid.n[1])
        for kind in range(n_classes):
            if not _is_wanted(wanted[:, kind], columns.start, column, n_columns):
                continue
            pile = pile_up(pile, columns, grid, kind, number, shift)
            if pile.source.shape[0] > near.shape[0]:
                near = np.empty(pile.source.shape[0], dtype=np.int64)
            for other in range(n_classes):
                if wanted[other, kind] < 0:
                    continue
                reach = grid.reach[2] * cutoffs[other, kind] / longest
                for i in range(
                    columns.start[other * n_columns + column], columns.start[other * n_columns + column + 1]
                ):
                    first, end = stretch_around(pile, columns.depth[i], reach)
                    if other == kind:
                        first = pile.place[i] + 1
                    p0, p1, p2 = columns.x[0, i], columns.x[1, i], columns.x[2, i]
                    n_near = _select_near(pile.x, first, end, p0, p1, p2, cutoffs[other, kind] ** 2, near)
                    if n_pairs + n_near > pairs.shape[1]:
                        pairs, vectors = _longer(pairs, n_near), _longer(vectors, n_near)
                    for j in near[:n_near]:
                        pairs[0, n_pairs], pairs[1, n_pairs] = columns.atom[i], columns.atom[pile.source[j]]
                        vectors[0, n_pairs] = pile.x[0, j] - p0
                        vectors[1, n_pairs] = pile.x[1, j] - p1
                        vectors[2, n_pairs] = pile.x[2, j] - p2
                        n_pairs += 1
    return pairs[0, :n_pairs].copy(), pairs[1, :n_pairs].copy(), vectors[:, :n_pairs].T.copy()


@njit(cache=True, nogil=True)
def _select_near(x, first, end, p0, p1, p2, cutoff2, near):  # type: ignore[no-untyped-def]
    """Which of the points first to end are near a point; their number. No branch depends on a distance."""
    x0, x1, x2 = x[0][first:end], x[1][first:end], x[2][first:end]
    n_near = 0
    for j in range(end - first):
        d0, d1, d2 = x0[j] - p0, x1[j] - p1, x2[j] - p2
        near[n_near] = first + j
        n_near += d0 * d0 + d1 * d1 + d2 * d2 < cutoff2
    return n_near


@njit(cache=True, nogil=True)
def _longer(rows, n_more):  # type: ignore[no-untyped-def]
    """Rows twice as long, or by n_more where that is more."""
    longer = np.empty((rows.shape[0], rows.shape[1] + max(n_more, rows.shape[1])), dtype=rows.dtype)
    longer[:, : rows.shape[1]] = rows
    return longer
