"""Slabs fixed in space: depth of atoms in a frame of reference, and the space that layers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import cell_height, depth_shares
from mlip_interfaces.errors import AnalysisError

REACH_ANGSTROM = 2.0
"""Farthest that a layer reaches beyond its last atoms, as into a vacuum; to the atoms of the next layer it is half-way."""

DISSOLVED = 0.5
"""Least share of a layer's atoms in the space where they outnumber the others."""

SPARSE = 0.1
"""An atom that has less than this share of what atoms on average have within their reach along the depth is vapour."""

SLICE_ANGSTROM, ATOMS_PER_SLICE = 0.1, 8
"""Of the slices into which a cell is cut to find which atoms are one behind the other: no wider, and no more atoms on average."""

WIDEST_GAP_ANGSTROM = 6.0
"""Between the spaces of two layers that touch."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Part of a periodic cell between two planes; it breathes with the cell.

    Attributes
    ----------
    low : float, share of the cell
        Depth of the lower plane.
    width : float, share of the cell
        Above 0, at most 1; a slab may reach through the boundary of the cell.

    Examples
    --------
    >>> Slab(0.9, 0.2).inside(np.array([0.95, 0.05, 0.1, 0.5])).tolist()
    [True, True, False, False]
    """

    low: float
    width: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and 0.0 < self.width <= 1.0):
            raise AnalysisError(
                f"A slab from {self.low:g} and {self.width:g} wide is none: its width is a share of the cell above 0 and at "
                "most 1."
            )

    def inside(self, depth: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Tell which depths are in the slab.

        Parameters
        ----------
        depth : float array, shares of the cell
            Of any shape, in any periodic image.

        Returns
        -------
        bool array
            Of the same shape.
        """
        # As in the count of passages: the number of lower planes below, less that of upper planes.
        above_low = np.asarray(depth, dtype=np.float64) - self.low
        return np.asarray(np.floor(above_low) - np.floor(above_low - self.width) == 1.0)


class DepthTracker:
    """Depth of all atoms along a cell vector in the frame of reference of some of them, fed chunk by chunk.

    Everything is in shares of the cell, so that neither a cell that breathes nor a corner that moves with it shifts a slab
    against the atoms.

    Parameters
    ----------
    masses_amu : (n_atoms,) float array, u
        Mass of each atom.
    reference_mask : (n_atoms,) bool array, optional
        Atoms whose centre of mass is at rest; None to leave the drift in.
    axis : int, optional
        Cell vector, 0, 1 or 2.

    Examples
    --------
    >>> tracker = DepthTracker(np.ones(2), np.array([True, False]))
    >>> frames = np.array([[[0.0, 0.0, 1.0], [0.0, 0.0, 5.0]], [[0.0, 0.0, 2.0], [0.0, 0.0, 6.5]]])
    >>> tracker.feed(frames, np.eye(3)[None].repeat(2, axis=0) * 10.0, np.zeros((2, 3))).round(9).tolist()
    [[0.1, 0.5], [0.1, 0.55]]
    """

    def __init__(
        self, masses_amu: NDArray[np.float64], reference_mask: NDArray[np.bool_] | None = None, *, axis: int = 2
    ) -> None:
        self._reference = np.flatnonzero(reference_mask) if reference_mask is not None else np.empty(0, dtype=np.int64)
        self._weights = masses_amu[self._reference] / max(float(masses_amu[self._reference].sum()), 1e-300)
        self._axis = axis
        self._before: NDArray[np.float64] | None = None
        self._drift = 0.0
        self._shifts: list[NDArray[np.float64]] = []

    def feed(
        self, positions: NDArray[np.float64], cells: NDArray[np.float64], origins: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Depths of the next frames.

        Parameters
        ----------
        positions : (n_frames, n_atoms, 3) float array, angstrom
            In any periodic image.
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors.
        origins : (n_frames, 3) float array, angstrom
            Corner of each cell.

        Returns
        -------
        (n_frames, n_atoms) float array, shares of the cell
            From 0 to 1; in the first frame from the corner of its cell.
        """
        depths = depth_shares(positions, cells, origins, axis=self._axis)
        shifts = np.zeros(len(depths))
        if self._reference.size:
            own = depths[:, self._reference]
            steps = np.diff(np.concatenate([own[:1] if self._before is None else self._before, own]), axis=0)
            drift = self._drift + np.cumsum((steps - np.round(steps)) @ self._weights)
            self._before, self._drift = own[-1:].copy(), float(drift[-1])
            depths -= drift[:, None]
            shifts -= drift
        self._shifts.append(shifts)
        return np.asarray(depths - np.floor(depths))

    def shifts(self) -> NDArray[np.float64]:
        """What depths are more than those from the corner of their own cell, shape (n_frames,), shares of the cell."""
        return np.concatenate(self._shifts)


def layer_slab(depths: NDArray[np.floating], layer_mask: NDArray[np.bool_], height_angstrom: float) -> Slab | None:
    """The space that a layer takes in a frame: where its atoms outnumber the others most.

    Parameters
    ----------
    depths : (n_atoms,) float array, shares of the cell
        Of all atoms.
    layer_mask : (n_atoms,) bool array
        Atoms that started in the layer.
    height_angstrom : float, angstrom
        Of the cell.

    Returns
    -------
    Slab or None
        Between the two planes for which (atoms of the layer) - (other atoms) is largest. Sharp layers share the cell
        without gaps; where two have mixed, the plane is where they are equally dense, and atoms that have gone farther
        move no plane. None where less than half of the layer's atoms are in it: the layer has dissolved.

    Examples
    --------
    >>> layer_slab(np.array([0.125, 0.25, 0.375, 0.75]), np.array([False, True, True, False]), 10.0)
    Slab(low=0.1875, width=0.375)
    """
    if layer_mask.all():
        return Slab(0.0, 1.0)
    places = np.asarray(depths, dtype=np.float64) % 1.0
    order = np.argsort(places, kind="stable")
    own, n_atoms = layer_mask[order], places.size
    excess = np.concatenate([[0], np.cumsum(np.where(own, 1, -1))])
    # The best run of atoms within the cell, and the one through its boundary: all but the worst run within.
    gain, loss = excess - np.minimum.accumulate(excess), excess - np.maximum.accumulate(excess)
    stop, worst_stop = int(gain.argmax()), int(loss.argmin())
    start, worst_start = int(excess[: stop + 1].argmin()), int(excess[: worst_stop + 1].argmax())
    if excess[-1] - loss[worst_stop] > gain[stop]:
        start, stop = worst_stop, worst_start + n_atoms
    chosen = np.arange(start, stop) % n_atoms
    if np.count_nonzero(own[chosen]) < DISSOLVED * np.count_nonzero(own):
        return None
    first, last = (float(places[order[chosen[end]]]) for end in (0, -1))
    before, after = (float(places[order[end % n_atoms]]) for end in (start - 1, stop))
    reach = REACH_ANGSTROM / height_angstrom
    below, above = min((first - before) % 1.0 / 2.0, reach), min((after - last) % 1.0 / 2.0, reach)
    return Slab((first - below) % 1.0, min(1.0, (last - first) % 1.0 + below + above))


def layer_volumes(
    positions: NDArray[np.float64],
    cells: NDArray[np.float64],
    layer_numbers: NDArray[np.int64],
    *,
    axis: int = 2,
) -> NDArray[np.float64]:
    """Volume of the atoms of each layer in every frame, wherever they are; vacuum belongs to none.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) float array, angstrom
        In any periodic image.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    layer_numbers : (n_atoms,) int array
        Of the layer that each atom started in, from 0.
    axis : int, optional
        Cell vector across the layers, 0, 1 or 2.

    Returns
    -------
    (n_frames, n_layers) float array, angstrom^3
        They add up to the cell where no gap is wider than twice the reach.

    Notes
    -----
    Along the depth every atom has the space half-way to the atoms before and behind it, and at most `REACH_ANGSTROM` to either
    side; a layer has the spaces of its atoms. Sharp layers end where those of `layer_slab` do. Where two have mixed, each has
    a part by the number of its atoms, and an atom that has gone into another layer takes with it the space of one atom. One that
    is alone in a vacuum (`SPARSE`) has none, and bounds none.

    Examples
    --------
    >>> stack = np.array([[[0.0, 0.0, z] for z in (0.5, 1.5, 2.5, 3.5)]])
    >>> cell = np.diag([2.0, 2.0, 20.0])[None]
    >>> layer_volumes(stack, cell, np.array([0, 0, 1, 1])).round(9).tolist()
    [[14.0, 14.0]]
    """
    along = np.linalg.inv(cells)[:, :, axis]
    heights = cell_height(cells, axis=axis)
    thicknesses = np.zeros((len(cells), int(layer_numbers.max()) + 1))
    _deal_depth(np.ascontiguousarray(positions), along, heights, layer_numbers, thicknesses)
    return np.asarray(thicknesses * (np.abs(np.linalg.det(cells)) / heights)[:, None])


@njit(cache=True, nogil=True)
def _deal_depth(positions, along, heights, layers, thicknesses):  # type: ignore[no-untyped-def]
    """Deal the height of every cell to the layers of its atoms."""
    n_atoms = layers.shape[0]
    depths, slices = np.empty(n_atoms), np.empty(n_atoms, dtype=np.int32)
    for t in range(positions.shape[0]):
        height, thickness = heights[t], thicknesses[t]
        # Slices so thin that few atoms have to be put in order, and only where a layer ends.
        n_slices = max(int(height / SLICE_ANGSTROM), n_atoms // ATOMS_PER_SLICE) + 1
        _find_depths(positions[t], along[t], n_slices, depths, slices)
        number, least, most = np.zeros(n_slices, np.int64), np.full(n_slices, n_atoms), np.full(n_slices, -1)
        for i in range(n_atoms):
            k = np.uint32(slices[i])
            number[k] += 1
            least[k], most[k] = min(least[k], layers[i]), max(most[k], layers[i])
        _drop_vapour(number, max(1, int(REACH_ANGSTROM / height * n_slices)))
        ends = _ends_of_layers(number, least, most, int(REACH_ANGSTROM / height * n_slices))
        order = _in_order(depths, slices, ends)
        if order.shape[0] == 0:
            thickness[most[np.argmax(number)]] += height
            continue
        last = order[-1]
        for place, atom in enumerate(order):
            gap = (depths[atom] - depths[last] + (1.0 if place == 0 else 0.0)) * height
            if (slices[atom] - slices[last]) % n_slices > 1 and _is_filled(number, slices[last], slices[atom]):
                thickness[layers[atom]] += gap
            else:
                space = min(gap / 2.0, REACH_ANGSTROM)
                thickness[layers[last]] += space
                thickness[layers[atom]] += space
            last = atom


@njit(cache=True, nogil=True)
def _ends_of_layers(number, least, most, reach):  # type: ignore[no-untyped-def]
    """Slices with atoms of several layers, and those on both sides of a boundary or of a gap in which a layer may end."""
    n = number.shape[0]
    ends = np.zeros(n, dtype=np.int64)
    there = np.flatnonzero(number)
    before = there[-1]
    for k in there:
        of_one = least[before] == most[before] and most[before] == least[k] and least[k] == most[k]
        if not of_one or (k - before) % n > reach or there.shape[0] == 1:
            ends[before] = ends[k] = 1
        before = k
    return ends


@njit(cache=True, nogil=True)
def _is_filled(number, lower, upper):  # type: ignore[no-untyped-def]
    """Whether there are atoms in the slices between two."""
    n = number.shape[0]
    k = (lower + 1) % n
    while k != upper:
        if number[k] > 0:
            return True
        k = (k + 1) % n
    return False


@njit(cache=True, nogil=True)
def _find_depths(positions, along, n_slices, depths, slices):  # type: ignore[no-untyped-def]
    """Depth of each atom as a share of the cell, and its slice."""
    a0, a1, a2 = along[0], along[1], along[2]
    last = np.int32(n_slices - 1)
    for i in range(depths.shape[0]):
        depth = positions[i, 0] * a0 + positions[i, 1] * a1 + positions[i, 2] * a2
        depth -= np.floor(depth)
        depths[i] = depth
        slices[i] = min(np.int32(depth * n_slices), last)


@njit(cache=True, nogil=True)
def _in_order(depths, slices, chosen):  # type: ignore[no-untyped-def]
    """Atoms of some slices in the order of their depths."""
    atoms = np.empty(depths.shape[0], dtype=np.int64)
    n = 0
    for i in range(depths.shape[0]):
        # No branch depends on the slice.
        atoms[n] = i
        n += chosen[np.uint32(slices[i])]
    atoms = atoms[:n]
    return atoms[np.argsort(depths[atoms])]


@njit(cache=True, nogil=True)
def _drop_vapour(number, reach):  # type: ignore[no-untyped-def]
    """Empty the slices around which there is next to nothing."""
    n = number.shape[0]
    reach = min(reach, (n - 1) // 2)
    within = np.empty(n, dtype=np.int64)
    inside = number[: reach + 1].sum() + number[n - reach :].sum()
    for k in range(n):
        within[k] = inside
        leaving, coming = k - reach, k + reach + 1
        inside += number[coming if coming < n else coming - n] - number[leaving if leaving >= 0 else leaving + n]
    least = SPARSE * (number * within).sum() / number.sum()
    for k in range(n):
        if within[k] < least:
            number[k] = 0


def mean_slab(slabs: Sequence[Slab]) -> Slab:
    """Mean of slabs that differ little.

    Parameters
    ----------
    slabs : sequence of Slab
        Their planes may be on either side of the cell's boundary.

    Returns
    -------
    Slab
        With the mean of the lower planes and the mean width.

    Examples
    --------
    >>> mean_slab([Slab(0.75, 0.5), Slab(0.0, 0.25)])
    Slab(low=0.875, width=0.375)
    """
    lows = np.array([slab.low for slab in slabs])
    low = float(lows[0] + ((lows - lows[0] + 0.5) % 1.0 - 0.5).mean())
    return Slab(low % 1.0, float(np.mean([slab.width for slab in slabs])))


def interface_depth(lower: Slab, upper: Slab, height_angstrom: float, names: tuple[str, str]) -> float:
    """Depth of the interface between two layers, the middle between their edges, as a share of the cell.

    Parameters
    ----------
    lower, upper : Slab
        The layers; along the depth, the first ends where the second begins.
    height_angstrom : float, angstrom
        Of the cell.
    names : tuple of str
        Names of the two, for the error.

    Returns
    -------
    float, share of the cell
        From 0 to 1.

    Raises
    ------
    AnalysisError
        If the second layer does not begin where the first ends.

    Examples
    --------
    >>> interface_depth(Slab(0.0, 0.5), Slab(0.625, 0.25), 10.0, ("electrode", "electrolyte"))
    0.5625
    """
    gap = (upper.low - lower.low - lower.width + 0.5) % 1.0 - 0.5
    if abs(gap) * height_angstrom > WIDEST_GAP_ANGSTROM:
        raise AnalysisError(
            f"'{names[1]}' does not begin where '{names[0]}' ends ({gap * height_angstrom:.1f} angstrom above it); name two "
            "layers that touch, the lower one first."
        )
    return (lower.low + lower.width + gap / 2.0) % 1.0
