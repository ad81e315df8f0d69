"""Atoms sorted into columns of the cell, and piles of all that is near a column.

A search for pairs below a cutoff is fast where its innermost loop runs over many atoms side by side in memory. The cell is
cut into columns along its third vector, and columns into thin layers. For each column, the atoms of one class in all
columns within the cutoff, periodic images included, are piled up: copied side by side, sorted by layer. Whatever is near
an atom of the column is then one stretch of the pile, a few layers up and down.

Every pair of a class with itself is found once by an order that an atom and its images share: by layer, then by column,
then by place in the column. An atom that is above another in this order is behind it in the pile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

COLUMNS_PER_CUTOFF = 1.0
"""The finest columns; they are halved in number along both sides until each holds `COLUMN_ATOMS` on average."""

COLUMN_ATOMS = 24
LAYERS_PER_CUTOFF = 4
"""Finer layers save less of the distances than going through them costs, where a search is for bonds."""

MAX_COLUMNS = 128
MAX_LAYERS = 1024

SLACK = 1.0e-9
"""Relative excess of the cutoff, so that rounding loses no pair just below it."""


class Grid(NamedTuple):
    """Columns and layers of a cell.

    Attributes
    ----------
    cell : (3, 3) float array
        Rows are lattice vectors.
    n : (3,) int array
        Columns along the first two vectors and layers along the third.
    reach : (3,) float array
        Cutoff in units of columns and layers.
    near : (n_near, 2) int array
        Offsets of the columns within the cutoff of a column, in ascending order.
    """

    cell: np.ndarray
    n: np.ndarray
    reach: np.ndarray
    near: np.ndarray


class Columns(NamedTuple):
    """Atoms sorted by class and column.

    Attributes
    ----------
    x : (3, n_atoms) float array
        Wrapped into the cell.
    depth : (n_atoms,) float array
        Place along the third vector in units of layers.
    layer : (n_atoms,) int array
        Layer of each.
    atom : (n_atoms,) int array
        Index of each.
    start : (n_classes * n_columns + 1,) int array
        First atom of each column of each class, and the end.
    """

    x: np.ndarray
    depth: np.ndarray
    layer: np.ndarray
    atom: np.ndarray
    start: np.ndarray


class Pile(NamedTuple):
    """Atoms of one class near a column, sorted by layer.

    Attributes
    ----------
    x : (3, at least n_piled) float array
        Coordinates, of images too.
    source : (at least n_piled,) int array
        Place of each in `Columns`.
    first : int array
        First atom of each layer from `below` layers under the cell to as many above it, and the end.
    place : (n_atoms,) int array
        Place in the pile of each atom of the column itself, by its place in `Columns`.
    below : int
        Layers under the cell.
    """

    x: np.ndarray
    source: np.ndarray
    first: np.ndarray
    place: np.ndarray
    below: int


@njit(cache=True, nogil=True)
def make_grid(cell, cutoff, n_atoms):  # type: ignore[no-untyped-def]
    """Columns and layers for a cutoff and a number of atoms.

    Parameters
    ----------
    cell : (3, 3) float array
        Rows are lattice vectors.
    cutoff : float
        In the unit of the cell.
    n_atoms : int
        Number of atoms to be sorted; the fewer, the wider the columns.

    Returns
    -------
    Grid
        The columns and layers.
    """
    inverse = np.linalg.inv(cell)
    heights = np.empty(3)
    for k in range(3):
        heights[k] = 1.0 / np.sqrt(inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2)
    n = np.ones(3, dtype=np.int64)
    n[2] = max(1, min(MAX_LAYERS, int(heights[2] / cutoff * LAYERS_PER_CUTOFF)))
    fineness = COLUMNS_PER_CUTOFF
    while True:
        for k in range(2):
            n[k] = max(1, min(MAX_COLUMNS, int(heights[k] / cutoff * fineness)))
        if n[0] * n[1] == 1 or n_atoms >= COLUMN_ATOMS * n[0] * n[1]:
            break
        fineness *= 0.5
    width = heights / n
    reach = cutoff * (1.0 + SLACK) / width
    return Grid(cell, n, reach, _near_columns(cell, width, cutoff, reach))


@njit(cache=True, nogil=True)
def _near_columns(cell, width, cutoff, reach):  # type: ignore[no-untyped-def]
    """Offsets of columns that have a point within the cutoff of a column."""
    rectangular = True
    for i in range(3):
        for j in range(3):
            if i != j and abs(cell[i, j]) > 1e-12 * width[i]:
                rectangular = False
    far = (int(np.ceil(reach[0])), int(np.ceil(reach[1])))
    near = np.empty(((2 * far[0] + 1) * (2 * far[1] + 1), 2), dtype=np.int64)
    count = 0
    for u in range(-far[0], far[0] + 1):
        for v in range(-far[1], far[1] + 1):
            away = (max(0, abs(u) - 1) * width[0], max(0, abs(v) - 1) * width[1])
            if rectangular and np.hypot(away[0], away[1]) >= cutoff:
                continue
            near[count, 0], near[count, 1] = u, v
            count += 1
    return near[:count]


@njit(cache=True, nogil=True)
def sort_into_columns(positions, members, class_start, grid):  # type: ignore[no-untyped-def]
    """Wrap atoms into the cell and sort them by class and column.

    Parameters
    ----------
    positions : (n_all, 3) float array
        In any image.
    members : int array
        Atoms to sort, one class behind the other.
    class_start : (n_classes + 1,) int array
        First member of each class and the end.
    grid : Grid
        Columns and layers of the cell.

    Returns
    -------
    Columns
        The atoms in their columns.
    """
    n_members = members.shape[0]
    n0, n1, n2 = grid.n
    cell = grid.cell
    inverse = np.linalg.inv(cell)
    start = np.zeros((class_start.shape[0] - 1) * n0 * n1 + 1, dtype=np.int64)
    key = np.empty(n_members, dtype=np.int64)
    s = np.empty((3, n_members))
    for c in range(class_start.shape[0] - 1):
        for m in range(class_start[c], class_start[c + 1]):
            p = positions[members[m]]
            for k in range(3):
                f = p[0] * inverse[0, k] + p[1] * inverse[1, k] + p[2] * inverse[2, k]
                s[k, m] = f - np.floor(f)
            # A tiny negative number wraps to one.
            u, v = min(int(s[0, m] * n0), n0 - 1), min(int(s[1, m] * n1), n1 - 1)
            key[m] = (c * n0 + u) * n1 + v
            start[key[m] + 1] += 1
    for k in range(start.shape[0] - 1):
        start[k + 1] += start[k]
    fill = start[:-1].copy()
    x = np.empty((3, n_members))
    depth = np.empty(n_members)
    layer = np.empty(n_members, dtype=np.int64)
    atom = np.empty(n_members, dtype=np.int64)
    for m in range(n_members):
        i = fill[key[m]]
        fill[key[m]] += 1
        for k in range(3):
            x[k, i] = s[0, m] * cell[0, k] + s[1, m] * cell[1, k] + s[2, m] * cell[2, k]
        depth[i] = s[2, m] * n2
        layer[i] = min(int(depth[i]), n2 - 1)
        atom[i] = members[m]
    return Columns(x, depth, layer, atom, start)


@njit(cache=True, nogil=True)
def new_pile(grid, n_atoms):  # type: ignore[no-untyped-def]
    """Make an empty pile for a number of sorted atoms; it grows as it must.

    Parameters
    ----------
    grid : Grid
        Columns and layers of the cell.
    n_atoms : int
        Number of sorted atoms.

    Returns
    -------
    Pile
        With room for 256 atoms.
    """
    below = int(grid.reach[2]) + 1
    first = np.zeros(grid.n[2] + 2 * below + 1, dtype=np.int64)
    return Pile(np.empty((3, 256)), np.empty(256, dtype=np.int64), first, np.zeros(n_atoms, dtype=np.int64), below)


@njit(cache=True, nogil=True)
def surroundings(grid, u, v):  # type: ignore[no-untyped-def]
    """Columns near a column, and the shifts of their images.

    Parameters
    ----------
    grid : Grid
        Columns and layers of the cell.
    u, v : int
        Place of the column along the first two vectors.

    Returns
    -------
    number : (n_near,) int array
        Of each near column in the cell.
    shift : (n_near, 3) float array
        From the column in the cell to the image that is near.
    """
    n_near = grid.near.shape[0]
    number = np.empty(n_near, dtype=np.int64)
    shift = np.empty((n_near, 3))
    for q in range(n_near):
        s, t = u + grid.near[q, 0], v + grid.near[q, 1]
        image_u, image_v = s // grid.n[0], t // grid.n[1]
        number[q] = (s - image_u * grid.n[0]) * grid.n[1] + t - image_v * grid.n[1]
        for k in range(3):
            shift[q, k] = image_u * grid.cell[0, k] + image_v * grid.cell[1, k]
    return number, shift


@njit(cache=True, nogil=True)
def pile_up(pile, columns, grid, kind, number, shift):  # type: ignore[no-untyped-def]
    """Pile up the atoms of a class in the `surroundings` of a column.

    Parameters
    ----------
    pile : Pile
        Overwritten.
    columns : Columns
        All sorted atoms.
    grid : Grid
        Columns and layers of the cell.
    kind : int
        Number of the class.
    number, shift : (n_near,) int array, (n_near, 3) float array
        As from `surroundings`.

    Returns
    -------
    Pile
        The same arrays, or larger ones where they were too small.
    """
    n_columns, n_layers = grid.n[0] * grid.n[1], grid.n[2]
    below, first = pile.below, pile.first
    fill = np.zeros(n_layers, dtype=np.int64)
    for q in range(number.shape[0]):
        flat = kind * n_columns + number[q]
        for layer in columns.layer[columns.start[flat] : columns.start[flat + 1]]:
            fill[layer] += 1
    _start_layers(first, fill, below)
    x, source = pile.x, pile.source
    if first[-1] > source.shape[0]:
        x, source = np.empty((3, 2 * first[-1])), np.empty(2 * first[-1], dtype=np.int64)
    fill[:] = first[below : below + n_layers]
    x0, x1, x2 = x[0], x[1], x[2]
    for q in range(number.shape[0]):
        flat = kind * n_columns + number[q]
        s0, s1, s2 = shift[q]
        own = q == number.shape[0] // 2
        for m in range(columns.start[flat], columns.start[flat + 1]):
            layer = columns.layer[m]
            to = fill[layer]
            fill[layer] = to + 1
            x0[to] = columns.x[0, m] + s0
            x1[to] = columns.x[1, m] + s1
            x2[to] = columns.x[2, m] + s2
            source[to] = m
            if own:
                pile.place[m] = to
    _repeat_layers(x, source, first, below, n_layers, grid.cell[2])
    return Pile(x, source, first, pile.place, below)


@njit(cache=True, nogil=True)
def _start_layers(first, in_layer, below):  # type: ignore[no-untyped-def]
    """Running sum of the atoms in each layer and in its images under and above the cell."""
    n_layers = in_layer.shape[0]
    layer = (n_layers - below % n_layers) % n_layers
    for k in range(first.shape[0] - 1):
        first[k + 1] = first[k] + in_layer[layer]
        layer += 1
        if layer == n_layers:
            layer = 0


@njit(cache=True, nogil=True)
def _repeat_layers(x, source, first, below, n_layers, vector):  # type: ignore[no-untyped-def]
    """Copy the layers of the cell to their images under and above it."""
    n_piled = first.shape[0] - 1
    k = 0
    while k < n_piled:
        image = (k - below) // n_layers
        end = min(n_piled, below + (image + 1) * n_layers)
        if image != 0:
            origin = first[k - image * n_layers]
            count = first[end] - first[k]
            for d in range(3):
                there, here = x[d, first[k] : first[end]], x[d, origin : origin + count]
                for m in range(count):
                    there[m] = here[m] + image * vector[d]
            source[first[k] : first[end]] = source[origin : origin + count]
        k = end


@njit(cache=True, nogil=True)
def stretch_around(pile, depth, reach):  # type: ignore[no-untyped-def]
    """Part of a pile within the cutoff along the third vector.

    Parameters
    ----------
    pile : Pile
        Atoms sorted by layer.
    depth : float
        Place of an atom along the third vector in units of layers.
    reach : float
        Cutoff in units of layers.

    Returns
    -------
    first : int
        Place of the first atom in the pile.
    end : int
        Place behind the last one.
    """
    low = int(np.floor(depth - reach)) + pile.below
    high = int(np.floor(depth + reach)) + pile.below + 1
    return pile.first[max(0, low)], pile.first[min(pile.first.shape[0] - 1, high)]
