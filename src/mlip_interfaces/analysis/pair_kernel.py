"""Compiled search for pairs of atoms within a cutoff, every periodic image counted.

Atoms are sorted into columns of cells so that the atoms along a column lie side by side in memory; a search then runs over
a few long stretches instead of many short ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

COLUMNS_PER_CUTOFF = 2
LAYERS_PER_CUTOFF = 4
MAX_CELLS = 64


@njit(cache=True, nogil=True)
def grid_shape(inverse, cutoff):  # type: ignore[no-untyped-def]
    """Number of cells along each lattice vector, and heights of the cell (angstrom)."""
    n = np.empty(3, dtype=np.int64)
    heights = np.empty(3)
    for k in range(3):
        heights[k] = 1.0 / np.sqrt(inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2)
        per_cutoff = LAYERS_PER_CUTOFF if k == 2 else COLUMNS_PER_CUTOFF
        n[k] = max(1, min(MAX_CELLS, int(heights[k] / cutoff * per_cutoff)))
    return n, heights


@njit(cache=True, nogil=True)
def is_orthogonal(cell):  # type: ignore[no-untyped-def]
    """Whether lattice vectors lie along x, y and z."""
    for i in range(3):
        for j in range(3):
            if i != j and abs(cell[i, j]) > 1e-12:
                return False
    return True


@njit(cache=True, nogil=True)
def sort_into_cells(positions, members, cell, inverse, n):  # type: ignore[no-untyped-def]
    """Wrap atoms into the cell and sort them by grid cell.

    Returns
    -------
    x : wrapped positions in sorted order, shape (3, n_members).
    scaled : in units of grid cells, shape (3, n_members).
    atom : index of each atom, shape (n_members,).
    start : first sorted atom of each grid cell and the end, shape (n_cells + 1,).
    """
    n_members = members.shape[0]
    place = np.empty(n_members, dtype=np.int64)
    s = np.empty((n_members, 3))
    start = np.zeros(n[0] * n[1] * n[2] + 1, dtype=np.int64)
    for m in range(n_members):
        p = positions[members[m]]
        flat = 0
        for k in range(3):
            f = p[0] * inverse[0, k] + p[1] * inverse[1, k] + p[2] * inverse[2, k]
            f -= np.floor(f)
            g = f * n[k]
            c = int(g)
            if c >= n[k]:
                # A tiny negative number wraps to one.
                c = n[k] - 1
            s[m, k] = g
            flat = flat * n[k] + c
        place[m] = flat
        start[flat + 1] += 1
    for c in range(start.shape[0] - 1):
        start[c + 1] += start[c]
    fill = start[:-1].copy()
    x = np.empty((3, n_members))
    scaled = np.empty((3, n_members))
    atom = np.empty(n_members, dtype=np.int64)
    for m in range(n_members):
        k = fill[place[m]]
        fill[place[m]] += 1
        atom[k] = members[m]
        for d in range(3):
            scaled[d, k] = s[m, d]
            x[d, k] = s[m, 0] / n[0] * cell[0, d] + s[m, 1] / n[1] * cell[1, d] + s[m, 2] / n[2] * cell[2, d]
    return x, scaled, atom, start


@njit(cache=True, nogil=True)
def stretches(s0, s1, s2, n, heights, orthogonal, cutoff, lo, hi, shift_of):  # type: ignore[no-untyped-def]
    """Ranges of grid cells that can hold neighbours of an atom at (s0, s1, s2), in units of grid cells.

    Fills first (lo) and last (hi) flat grid cell and the lattice shift of each range; returns their number.
    """
    w0, w1, w2 = heights[0] / n[0], heights[1] / n[1], heights[2] / n[2]
    reach0 = cutoff / w0
    count = 0
    cutoff2 = cutoff * cutoff
    for c0 in range(int(np.floor(s0 - reach0)), int(np.floor(s0 + reach0)) + 1):
        away0 = max(0.0, c0 - s0, s0 - c0 - 1.0) * w0
        rest = cutoff2 - away0 * away0 if orthogonal else cutoff2
        if rest <= 0.0:
            continue
        reach1 = np.sqrt(rest) / w1
        image0 = c0 // n[0]
        for c1 in range(int(np.floor(s1 - reach1)), int(np.floor(s1 + reach1)) + 1):
            away1 = max(0.0, c1 - s1, s1 - c1 - 1.0) * w1
            left = rest - away1 * away1 if orthogonal else cutoff2
            if left <= 0.0:
                continue
            reach2 = np.sqrt(left) / w2
            image1 = c1 // n[1]
            column = ((c0 - image0 * n[0]) * n[1] + c1 - image1 * n[1]) * n[2]
            z = int(np.floor(s2 - reach2))
            top = int(np.floor(s2 + reach2))
            while z <= top:
                image2 = z // n[2]
                last = min(top, image2 * n[2] + n[2] - 1)
                if count < lo.shape[0]:
                    lo[count] = column + z - image2 * n[2]
                    hi[count] = column + last - image2 * n[2]
                    shift_of[count, 0] = image0
                    shift_of[count, 1] = image1
                    shift_of[count, 2] = image2
                count += 1
                z = last + 1
    return count


@njit(cache=True, nogil=True)
def max_stretches(n, heights, cutoff):  # type: ignore[no-untyped-def]
    """Upper bound of the number of ranges of `stretches`."""
    bound = 1
    for k in range(2):
        bound *= int(2.0 * cutoff / (heights[k] / n[k])) + 3
    return bound * (int(2.0 * cutoff / heights[2]) + 3)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def count_distances(positions, cell, members_a, members_b, like, classes, channels, r_max, n_bins, counts):  # type: ignore[no-untyped-def]
    """Add one frame's pairs to histograms of their distances.

    Parameters
    ----------
    positions : float64, shape (n_atoms, 3).
    cell : float64, shape (3, 3).
    members_a, members_b : int64, atoms on either side.
    like : whether both sides are the same list; each pair is then counted once, else once per (a, b).
    classes : int64, class of each atom, shape (n_atoms,).
    channels : int64, histogram of a pair of classes or -1, shape (n_classes, n_classes).
    r_max, n_bins : of the histograms.
    counts : int64, shape (n_channels, n_bins), added to.
    """
    inverse = np.linalg.inv(cell)
    n, heights = grid_shape(inverse, r_max)
    xa, sa, atom_a, start_a = sort_into_cells(positions, members_a, cell, inverse, n)
    if like:
        xb, atom_b, start_b = xa, atom_a, start_a
    else:
        xb, _, atom_b, start_b = sort_into_cells(positions, members_b, cell, inverse, n)
    orthogonal = is_orthogonal(cell)
    class_b = np.empty(atom_b.shape[0], dtype=np.int64)
    for j in range(atom_b.shape[0]):
        class_b[j] = classes[atom_b[j]]
    bound = max_stretches(n, heights, r_max)
    lo = np.empty(bound, dtype=np.int64)
    hi = np.empty(bound, dtype=np.int64)
    shift_of = np.empty((bound, 3), dtype=np.int64)
    r = np.empty(max(1, atom_b.shape[0]))
    scale = n_bins / r_max
    bx, by, bz = xb[0], xb[1], xb[2]
    for i in range(atom_a.shape[0]):
        row = channels[classes[atom_a[i]]]
        found = stretches(sa[0, i], sa[1, i], sa[2, i], n, heights, orthogonal, r_max, lo, hi, shift_of)
        for t in range(found):
            first = start_b[lo[t]]
            end = start_b[hi[t] + 1]
            if like and first <= i:
                first = i + 1
            if first >= end:
                continue
            u, v, w = shift_of[t, 0], shift_of[t, 1], shift_of[t, 2]
            x0 = xa[0, i] - (u * cell[0, 0] + v * cell[1, 0] + w * cell[2, 0])
            y0 = xa[1, i] - (u * cell[0, 1] + v * cell[1, 1] + w * cell[2, 1])
            z0 = xa[2, i] - (u * cell[0, 2] + v * cell[1, 2] + w * cell[2, 2])
            for j in range(first, end):
                dx = bx[j] - x0
                dy = by[j] - y0
                dz = bz[j] - z0
                r[j - first] = np.sqrt(dx * dx + dy * dy + dz * dz) * scale
            for j in range(end - first):
                if r[j] < n_bins:
                    channel = row[class_b[first + j]]
                    if channel >= 0:
                        counts[channel, int(r[j])] += 1
    if like:
        _count_self_images(cell, heights, atom_a, classes, channels, r_max, n_bins, counts)


@njit(cache=True, nogil=True)
def _count_self_images(cell, heights, atoms, classes, channels, r_max, n_bins, counts):  # type: ignore[no-untyped-def]
    """Pairs of an atom with its own images, where the cell is smaller than the cutoff; each pair of opposite ones once."""
    top = np.empty(3, dtype=np.int64)
    for k in range(3):
        top[k] = int(r_max / heights[k])
    if top[0] + top[1] + top[2] == 0:
        return
    for u in range(-top[0], top[0] + 1):
        for v in range(-top[1], top[1] + 1):
            for w in range(-top[2], top[2] + 1):
                if not (u > 0 or (u == 0 and (v > 0 or (v == 0 and w > 0)))):
                    continue
                d2 = 0.0
                for k in range(3):
                    d = u * cell[0, k] + v * cell[1, k] + w * cell[2, k]
                    d2 += d * d
                position = np.sqrt(d2) * n_bins / r_max
                if position < n_bins:
                    for i in range(atoms.shape[0]):
                        c = classes[atoms[i]]
                        if channels[c, c] >= 0:
                            counts[channels[c, c], int(position)] += 1


@njit(cache=True, nogil=True)
def collect_pairs(positions, cell, members_a, members_b, cutoff):  # type: ignore[no-untyped-def]
    """All pairs (a, b) below the cutoff, an atom and itself excepted unless in another image.

    Returns
    -------
    first, second : int64, shape (n_pairs,).
    vectors : from first to second, shape (n_pairs, 3).
    """
    inverse = np.linalg.inv(cell)
    n, heights = grid_shape(inverse, cutoff)
    xa, sa, atom_a, _ = sort_into_cells(positions, members_a, cell, inverse, n)
    xb, _, atom_b, start_b = sort_into_cells(positions, members_b, cell, inverse, n)
    orthogonal = is_orthogonal(cell)
    bound = max_stretches(n, heights, cutoff)
    lo = np.empty(bound, dtype=np.int64)
    hi = np.empty(bound, dtype=np.int64)
    shift_of = np.empty((bound, 3), dtype=np.int64)
    size = 8 * max(8, atom_a.shape[0])
    first = np.empty(size, dtype=np.int64)
    second = np.empty(size, dtype=np.int64)
    vectors = np.empty((size, 3))
    n_pairs = 0
    cutoff2 = cutoff * cutoff
    for i in range(atom_a.shape[0]):
        found = stretches(sa[0, i], sa[1, i], sa[2, i], n, heights, orthogonal, cutoff, lo, hi, shift_of)
        for t in range(found):
            u, v, w = shift_of[t, 0], shift_of[t, 1], shift_of[t, 2]
            x0 = xa[0, i] - (u * cell[0, 0] + v * cell[1, 0] + w * cell[2, 0])
            y0 = xa[1, i] - (u * cell[0, 1] + v * cell[1, 1] + w * cell[2, 1])
            z0 = xa[2, i] - (u * cell[0, 2] + v * cell[1, 2] + w * cell[2, 2])
            for j in range(start_b[lo[t]], start_b[hi[t] + 1]):
                dx = xb[0, j] - x0
                dy = xb[1, j] - y0
                dz = xb[2, j] - z0
                if dx * dx + dy * dy + dz * dz >= cutoff2:
                    continue
                if atom_a[i] == atom_b[j] and u == 0 and v == 0 and w == 0:
                    continue
                if n_pairs == size:
                    size *= 2
                    more_first = np.empty(size, dtype=np.int64)
                    more_second = np.empty(size, dtype=np.int64)
                    more_vectors = np.empty((size, 3))
                    more_first[:n_pairs] = first[:n_pairs]
                    more_second[:n_pairs] = second[:n_pairs]
                    more_vectors[:n_pairs] = vectors[:n_pairs]
                    first, second, vectors = more_first, more_second, more_vectors
                first[n_pairs] = atom_a[i]
                second[n_pairs] = atom_b[j]
                vectors[n_pairs, 0] = dx
                vectors[n_pairs, 1] = dy
                vectors[n_pairs, 2] = dz
                n_pairs += 1
    return first[:n_pairs].copy(), second[:n_pairs].copy(), vectors[:n_pairs].copy()
